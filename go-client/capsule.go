package actorbridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// answerPatience is how much longer than its deadline an actor that moved waits for the answer to a request: the node that
// made the request says how it ended.
const answerPatience = time.Second

// freeze stops the starting of handlers. It fails for an actor that cannot be frozen, and says why. The caller has the
// cell's exclusive token, and thaws it again or has it leave.
func (c *cell) freeze() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.factory.loop != nil:
		return newError(CodeInvalidArgument, c.ref.text, "it has no snapshot: a loop's state is in its goroutine")
	case c.moved != nil:
		return newError(CodeNoSuchActor, c.ref.text, "it lives at node "+c.moved.owner+" now")
	case c.phase != phaseRunning:
		return newError(CodeStopped, c.ref.text, "")
	}
	c.frozen = true
	c.attention.Store(true)
	c.pool.SetFrozen(true)
	for _, t := range c.seldom().timers {
		t.stop()
	}
	return nil
}

// thaw has handlers start again. What was due meanwhile is due now.
func (c *cell) thaw() {
	c.mu.Lock()
	c.frozen, c.own().cut = false, 0
	c.pool.SetFrozen(false)
	for id, t := range c.seldom().timers {
		c.armTimer(id, t)
	}
	grants := c.pool.Grants(c.mailbox.isEmpty(), nil)
	waiters := c.takeWaiters()
	if !c.mailbox.isEmpty() {
		c.schedule()
	}
	c.mu.Unlock()
	c.thawed.ring()
	c.node.grant(grants)
	ringAll(waiters)
}

func (c *cell) isFrozen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frozen
}

// enter takes the token of what only one may do with an actor at a time; false = ctx ended, or the actor.
func (c *cell) enter(ctx context.Context) bool {
	c.mu.Lock()
	own := c.own()
	if own.exclusive == nil {
		own.exclusive = make(chan struct{}, 1)
	}
	exclusive := own.exclusive
	c.mu.Unlock()
	select {
	case exclusive <- struct{}{}:
		return true
	case <-ctx.Done():
	case <-c.done.wait():
	}
	return false
}

func (c *cell) leaveExclusive() {
	c.mu.Lock()
	exclusive := c.seldom().exclusive
	c.mu.Unlock()
	<-exclusive
}

// isQuiet says whether no handler of an actor runs. The caller holds the lock.
func (c *cell) isQuiet() bool { return !c.active }

// take makes a snapshot of a frozen actor at rest. That of a move, by a link, has all that the actor holds, and its state as
// the peer reads it; a file's, without link, has not what the one that goes on will handle itself.
func (c *cell) take(ctx context.Context, to *linkEnd) (*Snapshot, error) {
	c.mu.Lock()
	if c.phase != phaseRunning || c.actor == nil {
		c.mu.Unlock()
		return nil, newError(CodeStopped, c.ref.text, "")
	}
	actor, children := c.actor, len(c.seldom().children)
	c.active, c.actor = true, nil
	c.mu.Unlock()
	defer c.giveActorBack(actor)
	source, ok := hookOf[Snapshotter](actor)
	switch {
	case to != nil && children > 0:
		return nil, newError(CodeInvalidArgument, c.ref.text, fmt.Sprintf("it has %d children, which cannot move with it", children))
	case !ok:
		return nil, newError(CodeInvalidArgument, c.ref.text, "it has no snapshot: it is no ab.Snapshotter")
	}
	var state proto.Message
	err := isolated(c.node, func() (err error) {
		state, err = source.Snapshot(ctx)
		return err
	})
	if err == nil && state == nil {
		err = errors.New("it is nil")
	}
	if err != nil {
		return nil, c.snapshotFailed(err)
	}
	s := &Snapshot{Actor: c.ref.text, Type: infoOf(state).name}
	if state, s.Version, err = c.stateFor(to, state); err != nil {
		return nil, err
	}
	if s.State, err = (proto.MarshalOptions{Deterministic: true}).Marshal(state); err != nil {
		return nil, c.snapshotFailed(err)
	}
	c.pack(s, to != nil)
	return s, nil
}

func (c *cell) snapshotFailed(why error) error {
	e := newError(CodeInvalidArgument, c.ref.text, "its snapshot failed")
	e.cause = why
	return e
}

// giveActorBack ends the use of an actor between two messages.
func (c *cell) giveActorBack(actor Receiver) {
	c.mu.Lock()
	c.actor, c.active = actor, false
	if !c.mailbox.isEmpty() {
		c.schedule()
	}
	c.mu.Unlock()
	c.idle.ring()
}

// isolated runs a user's hook in a goroutine of its own, which a panic or a Goexit may take.
func isolated(n *Node, hook func() error) error {
	ended := make(chan error, 1)
	n.tasks.run(func() {
		err := errGoexit
		defer func() {
			if value := recover(); value != nil {
				err = errors.New("it panicked: " + panicText(value))
			}
			ended <- err
		}()
		err = hook()
	})
	return <-ended
}

// pack fills a snapshot with all that is not the actor's own state.
func (c *cell) pack(s *Snapshot, move bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Epoch, s.Seq = c.epoch, c.handled
	capsule := &pb.Capsule{
		Version: c.handled, ActorEpoch: c.epoch, Mailbox: c.options.mailbox,
		MaxRestarts: c.options.strategy.restarts, RestartWindowMs: c.options.strategy.windowMs,
	}
	s.capsule = capsule
	rare := c.seldom()
	for _, id := range slices.Sorted(maps.Keys(rare.timers)) {
		t := rare.timers[id]
		capsule.Timers = append(capsule.Timers, &pb.Timer{
			Name: valid(id), RemainingMs: uint32(millis(time.Until(t.at))), Payload: t.message.envelope(),
		})
	}
	for key, r := range rare.requests {
		capsule.Asks = append(capsule.Asks, &pb.PendingAsk{
			Correlation: key.correlation, TtlMs: uint32(millis(time.Until(r.deadline))), Context: r.note, Node: key.node,
		})
	}
	if move {
		c.packMail(capsule)
	}
	slices.SortFunc(capsule.Asks, func(a, b *pb.PendingAsk) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Correlation, b.Correlation))
	})
}

// packMail adds what only a move takes along. The caller holds the lock.
func (c *cell) packMail(capsule *pb.Capsule) {
	capsule.Home = c.home()
	capsule.Watchers = slices.Sorted(maps.Keys(c.seldom().watchers))
	now := time.Now()
	drained := c.seldom().arrival.drained
	for _, stream := range slices.Sorted(maps.Keys(drained)) {
		if d := drained[stream]; now.Before(d.until) {
			capsule.Inputs = append(capsule.Inputs, &pb.Cursor{Stream: stream, Mode: pb.Mode_MODE_FLOW, Binding: d.binding})
		}
	}
	held := c.mailbox.singles()
	c.own().cut = len(held)
	for _, m := range held {
		ttl := uint32(0)
		if m.deadline > 0 {
			ttl = uint32(max(m.deadline-min(m.deadline, c.node.now()), 1))
		}
		capsule.Held = append(capsule.Held, wire.Join(c.whoOf(m).Bytes, m.what.Bytes, m.item()))
		capsule.HeldTtlMs = append(capsule.HeldTtlMs, ttl)
		if m.slot != "" { // an answer: its note goes with it as that of a request which is answered already
			capsule.Asks = append(capsule.Asks, &pb.PendingAsk{
				Correlation: m.correlation, TtlMs: uint32(answerPatience / time.Millisecond), Context: m.note, Node: m.slot,
			})
		}
	}
}

// whoOf is who a message is from and for, when it travels outside its stream. An answer's target says whose slot it had.
func (c *cell) whoOf(m *Message) *wire.Who {
	if m.slot != "" && m.who.Target == "" {
		return wire.NewWho("", "ab://"+m.slot+"/"+c.path, "")
	}
	return m.who
}

// asSpawned sets what the capsule says of how the actor was spawned.
func (o *spawnOptions) asSpawned(mailbox, restarts, windowMs uint32) {
	if mailbox > 0 {
		Mailbox(int(mailbox))(o)
	}
	if restarts > 0 {
		o.strategy.restarts = restarts
	}
	if windowMs > 0 {
		o.strategy.windowMs = windowMs
	}
}

// unpack makes an actor of a snapshot, by a factory; nothing of it runs. It fails as the actor's Restore does.
func (n *Node) unpack(
	ctx context.Context, s *Snapshot, r *registered, epoch uint64, more ...SpawnOption,
) (*cell, error) {
	ref, err := ParseRef(s.Actor)
	if err != nil {
		return nil, err
	}
	actor, err := n.restore(ctx, s, r)
	if err != nil {
		return nil, err
	}
	options := spawnOptionsOf(r.options)
	options.asSpawned(s.capsule.Mailbox, s.capsule.MaxRestarts, s.capsule.RestartWindowMs)
	for _, set := range more {
		set(&options)
	}
	c := newCell(n, ref, factory{handler: r.make}, options, nil, epoch)
	c.prepared, c.handled = actor, s.Seq
	c.setHome(s.capsule.Home)
	return c, nil
}

// restore makes an actor and gives it its state.
func (n *Node) restore(ctx context.Context, s *Snapshot, r *registered) (Receiver, error) {
	known, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(s.Type))
	if err != nil {
		return nil, newError(CodeUnsupportedType, s.Actor, "this program has no state type "+s.Type)
	}
	state := known.New().Interface()
	info := infoOf(state)
	if s.Version > info.version {
		e := newError(CodeUnsupportedVersion, s.Actor, fmt.Sprintf(
			"the state is version %d of %s; %d is read here", s.Version, s.Type, info.version))
		e.ReaderVersion = info.version
		return nil, e
	}
	if err := proto.Unmarshal(s.State, state); err != nil {
		return nil, newError(CodeUndecodable, s.Actor, "the state does not decode: "+err.Error())
	}
	if err := info.upcast(state, max(s.Version, 1)); err != nil {
		return nil, newError(CodeUndecodable, s.Actor, "the state: "+err.Error())
	}
	var actor Receiver
	err = isolated(n, func() error {
		actor = r.make()
		target, ok := hookOf[Snapshotter](actor)
		if !ok {
			return newError(CodeUnsupportedType, s.Actor, "the actor that is made here is no ab.Snapshotter: it cannot take a state")
		}
		return target.Restore(ctx, state)
	})
	return actor, err
}

// unpackMail gives a cell that runs nothing yet what it held. The messages that do not decode are dead letters.
func (c *cell) unpackMail(capsule *pb.Capsule, patience time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.own()
	own.watchers = make(map[string]struct{}, len(capsule.Watchers))
	for _, watcher := range capsule.Watchers {
		own.watchers[watcher] = struct{}{}
	}
	for _, cursor := range capsule.Inputs[:min(len(capsule.Inputs), maxDrained)] {
		c.noteDrained(cursor.Stream, cursor.Binding)
	}
	for _, ask := range capsule.Asks {
		within := time.Duration(ask.TtlMs) * time.Millisecond
		c.adoptRequest(requestKey{cmp.Or(ask.Node, c.node.name), ask.Correlation}, ask.Context, within, patience)
	}
	for i, envelope := range capsule.Held {
		m := c.readHeld(envelope)
		if m == nil {
			continue
		}
		if i < len(capsule.HeldTtlMs) && capsule.HeldTtlMs[i] > 0 {
			m.deadline = c.node.now() + uint64(capsule.HeldTtlMs[i])
		}
		c.pool.ForceLocal()
		c.mailbox.push(m)
	}
	for _, t := range capsule.Timers[:min(len(capsule.Timers), maxTimers)] {
		m := c.readHeld(t.Payload)
		switch {
		case m == nil:
		case t.RemainingMs == 0: // it is due: an actor that is moved on as soon as it comes would be gone each time before it rings
			c.pool.ForceLocal()
			c.mailbox.push(m)
		default:
			c.setTimer(t.Name, time.Now().Add(time.Duration(t.RemainingMs)*time.Millisecond), m)
		}
	}
}

// readHeld reads a complete envelope of a capsule. The caller holds the lock.
func (c *cell) readHeld(envelope []byte) *Message {
	m, refusal := readMessage(c.node, noWho, &wire.What{}, envelope)
	if refusal != nil {
		c.node.dead.push(DeadLetter{
			Target: c.ref.text, Code: Code(refusal.Code), Effect: EffectNone, Detail: refusal.Detail, Envelope: envelope,
		})
		return nil
	}
	if kind := m.Kind(); kind == pb.Kind_KIND_REPLY || kind == pb.Kind_KIND_FAILURE {
		if target, err := ParseRef(m.who.Target); err == nil {
			m.slot = target.Host()
			m.note, _ = c.endRequest(requestKey{m.slot, m.correlation})
		}
	}
	return m
}

// Snapshot takes a snapshot of an actor of this node between two messages, and waits for that; the actor goes on. It fails
// with NO_SUCH_ACTOR; with INVALID_ARGUMENT for an actor that is no [Snapshotter], or whose Snapshot fails; with
// HANDLER_TIMEOUT if its handler does not end before ctx.
func (n *Node) Snapshot(ctx context.Context, actor Ref) (*Snapshot, error) {
	if err := actor.check(); err != nil {
		return nil, err
	}
	c := n.hosted(actor)
	if c == nil || isReserved(c.path) {
		return nil, newError(CodeNoSuchActor, actor.text, "it is not at node "+n.name)
	}
	if !c.enter(ctx) {
		return nil, gaveUp(actor, ctx.Err(), "a move, snapshot or stop of it is under way")
	}
	defer c.leaveExclusive()
	if err := c.freeze(); err != nil {
		return nil, err
	}
	defer c.thaw()
	limit := longest
	if end, ok := ctx.Deadline(); ok {
		limit = time.Until(end)
	}
	if !c.waitFor(limit, func() bool { return !c.active }) {
		return nil, newError(CodeHandlerTimeout, actor.text, "its handler did not end in time")
	}
	return c.take(ctx, nil)
}

// Restore spawns an actor from a snapshot, by the factory that is registered for its path. This node is its home then. It
// fails as Spawn does, with NO_SUCH_ACTOR where no factory matches, and with what the actor's own Restore says.
func (n *Node) Restore(ctx context.Context, s *Snapshot, options ...SpawnOption) (Ref, error) {
	ref, err := ParseRef(s.Actor)
	if err != nil {
		return Ref{}, err
	}
	r := n.factoryFor(ref.Path())
	if r == nil || isReserved(ref.Path()) {
		return Ref{}, newError(CodeNoSuchActor, s.Actor, "no factory matches "+ref.Path())
	}
	c, err := n.unpack(ctx, s, r, 1, options...)
	if err != nil {
		return Ref{}, err
	}
	c.setHome(n.name)
	c.unpackMail(&pb.Capsule{Timers: s.capsule.Timers, Asks: s.capsule.Asks}, 0)
	if err := n.addCell(c); err != nil {
		c.discard()
		return Ref{}, err
	}
	n.begin(c)
	return c.ref, nil
}

// discard ends what runs by itself of a cell that is not used any more.
func (c *cell) discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = phaseDone
	c.stopClocks()
}

// stopClocks ends timers and the waiting for answers. The caller holds the lock.
func (c *cell) stopClocks() {
	own := c.own()
	for _, t := range own.timers {
		t.stop()
	}
	for _, r := range own.requests {
		if r.stop != nil {
			r.stop()
		}
	}
	for _, h := range own.arrival.local {
		h.stop()
	}
	own.timers, own.requests, own.arrival.local = nil, nil, nil
}
