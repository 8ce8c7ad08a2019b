package actorbridge

import (
	"context"
	"sync"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// defaultFreeze is how long a running handler may take to end before its actor moves.
const defaultFreeze = 2 * time.Second

// noDestination is said in Rust alike.
const noDestination = "the move does not say to which node; name it"

// A MoveOption says how an actor moves.
type MoveOption func(*moveOptions)

type moveOptions struct {
	to     string
	freeze time.Duration
}

// To is the name of the node that the actor moves to. Every move has one.
func To(node string) MoveOption { return func(o *moveOptions) { o.to = node } }

// Freeze is how long the running handler may take to end, and what it sent to leave; 2 s unless it is given.
func Freeze(within time.Duration) MoveOption { return func(o *moveOptions) { o.freeze = within } }

// MoveReport is what a move was.
type MoveReport struct {
	// From and To are node names.
	From, To string
	// Epoch is the actor's since then.
	Epoch uint64
	// Stashed counts the messages that travelled with it.
	Stashed int
	// StateBytes is the bytes of the actor's encoded state, without what it held.
	StateBytes int
	// Paused is the time from the freeze to the commit.
	Paused time.Duration
}

// Move moves an actor, wherever it is, to a linked node, with its state, what it holds, its timers, pending requests and
// watchers. It returns when the move has been committed or has failed; the error says at which step, and the actor goes on
// where it was: with UNSUPPORTED_VERSION if its state is newer than that node reads, and no [Downcast] makes it older. If ctx
// ends before the owner is swapped, the move is given up; after that it is OUTCOME_UNKNOWN.
func (n *Node) Move(ctx context.Context, actor Ref, options ...MoveOption) (MoveReport, error) {
	o := moveOptions{freeze: defaultFreeze}
	for _, set := range options {
		set(&o)
	}
	host, err := n.resolve(ctx, actor, true)
	if err != nil {
		return MoveReport{}, err
	}
	if host.cell != nil {
		return n.moveFrom(ctx, host.cell, o)
	}
	if host.beyond != "" {
		return MoveReport{}, newError(CodeUnavailable, actor.text, "an actor is not moved through a relay; ask its node for the move")
	}
	system, err := pinnedRef(host.link.peerName(), systemPath)
	if err != nil {
		return MoveReport{}, err
	}
	reply, err := Ask[*pb.MoveToReply](ctx, system.of(n), &pb.MoveToRequest{
		Path: actor.Path(), Destination: o.to, FreezeMs: uint32(millis(o.freeze)),
	}, Timeout(o.freeze+moveTime))
	if err != nil {
		return MoveReport{}, err
	}
	return MoveReport{
		From: reply.From, To: reply.To, Epoch: reply.Epoch, Stashed: int(reply.Stashed), StateBytes: int(reply.StateBytes),
		Paused: time.Duration(reply.PausedUs) * time.Microsecond,
	}, nil
}

// moveTime is what a move may take beside the freeze, as seen from a node that asked for it.
const moveTime = 30 * time.Second

// leaving is a move whose source this node is. Its lock is taken before that of cells.
type leaving struct {
	node    *Node
	cell    *cell
	link    *linkEnd
	home    string
	started time.Time
	over    chan error // has one error, or nil

	mu     sync.Mutex
	source *machine.MoveSource
	report MoveReport
	// committed waits until leave says it.
	committed *pb.Move
}

// moveFrom moves an actor of this node.
func (n *Node) moveFrom(ctx context.Context, c *cell, o moveOptions) (MoveReport, error) {
	link := n.linkTo(o.to)
	switch {
	case o.to == "":
		return MoveReport{}, newError(CodeInvalidArgument, c.ref.text, noDestination)
	case isReserved(c.path):
		return MoveReport{}, newError(CodeForbidden, c.path, "paths below /system stay with their node")
	case c.parent != nil:
		return MoveReport{}, newError(CodeInvalidArgument, c.ref.text, "it is a child of another actor, and children do not move yet")
	case o.to == n.name:
		return MoveReport{}, newError(CodeInvalidArgument, c.ref.text, "it is at node "+o.to+" already")
	case link == nil:
		return MoveReport{}, newError(CodeUnavailable, c.ref.text, "no link to node "+o.to+" is up")
	case !link.can(pb.Capability_CAPABILITY_MOVE):
		return MoveReport{}, newError(CodeUnsupportedKind, c.ref.text, "node "+o.to+" takes no moves; upgrade it")
	case !c.enter(ctx):
		return MoveReport{}, gaveUp(c.ref, ctx.Err(), "another move, snapshot or stop of it is under way")
	}
	if err := c.freeze(); err != nil {
		c.leaveExclusive()
		return MoveReport{}, err
	}
	v := &leaving{
		node: n, cell: c, link: link, home: c.home(), started: time.Now(), over: make(chan error, 1),
		report: MoveReport{From: n.name, To: o.to, Epoch: c.epochNow() + 1},
	}
	v.source = machine.NewMoveSource(machine.MoveSubject{
		Actor: c.ref.text, Epoch: v.report.Epoch, Source: n.name, Destination: o.to,
	}, millis(o.freeze), n.now())
	n.movesMu.Lock()
	n.leaving[c.path] = v
	n.movesMu.Unlock()
	if _, isDown := link.end(); isDown { // it went down before it could tell this move
		v.linkDown("it was lost before")
	}
	n.tasks.run(func() { v.cutWhenQuiet(o.freeze) })
	return v.await(ctx)
}

// await waits for the end of the move.
func (v *leaving) await(ctx context.Context) (MoveReport, error) {
	select {
	case err := <-v.over:
		return v.report, err
	case <-ctx.Done():
		v.refuse(CodeCancelled, "the move was given up: "+ctx.Err().Error())
	}
	v.mu.Lock()
	swapping := v.source.IsSwapping()
	v.mu.Unlock()
	if swapping {
		e := newError(CodeOutcomeUnknown, v.cell.ref.text, "its home has not answered yet who owns it; it stays frozen until then")
		e.cause = ctx.Err()
		return MoveReport{}, e
	}
	return v.report, <-v.over
}

// cutWhenQuiet offers the actor once no handler runs.
func (v *leaving) cutWhenQuiet(freeze time.Duration) {
	c := v.cell
	ctx, cancel := context.WithTimeout(context.Background(), freeze)
	defer cancel()
	if !c.waitFor(freeze, c.isQuiet) {
		v.tick()
		return
	}
	snapshot, err := c.take(ctx, v.link)
	if err != nil {
		v.refuse(codeOf(err), textOf(err))
		return
	}
	data, info := snapshot.Bytes()
	v.event(func(s *machine.MoveSource, out []machine.MoveAction) []machine.MoveAction {
		if s.IsOver() { // it has been given up, and its report is read
			return out
		}
		v.report.Stashed, v.report.StateBytes = len(snapshot.capsule.Held), len(snapshot.State)
		offer := &pb.Offer{
			Type: info.Type, StateVersion: info.Version, Codec: snapshotCodec, Total: uint64(len(data)), Sha256: info.SHA256,
		}
		return s.Cut(offer, data, v.link.chunkBytes(), v.node.now(), out)
	})
}

// event tells the machine of something, and does what it answers.
func (v *leaving) event(tell func(s *machine.MoveSource, out []machine.MoveAction) []machine.MoveAction) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, a := range tell(v.source, nil) {
		v.act(&a)
	}
}

func (v *leaving) refuse(code Code, detail string) {
	v.event(func(s *machine.MoveSource, out []machine.MoveAction) []machine.MoveAction {
		return s.Refuse(&wire.Refusal{Code: pb.Code(code), Detail: detail}, out)
	})
}

func (v *leaving) linkDown(why string) {
	v.event(func(s *machine.MoveSource, out []machine.MoveAction) []machine.MoveAction {
		return s.LinkDown(why, out)
	})
}

func (v *leaving) tick() {
	v.event(func(s *machine.MoveSource, out []machine.MoveAction) []machine.MoveAction {
		return s.Tick(v.node.now(), out)
	})
}

func (v *leaving) act(a *machine.MoveAction) {
	n := v.node
	switch a.Kind {
	case machine.MoveSend:
		if a.Step.GetCommitted() != nil {
			v.committed = a.Step // said by leave, so that nothing comes between it and what follows the actor
			return
		}
		v.link.sendMove(a.Step)
	case machine.MoveSwap:
		n.tasks.run(v.swap)
	case machine.MoveStay:
		if a.EpochKnown {
			v.cell.setEpoch(a.Epoch)
		}
		v.end(newError(Code(a.Refusal.Code), v.cell.ref.text, a.Refusal.Detail))
	case machine.MoveRaise:
		n.tasks.run(v.raise)
	case machine.MoveLeave:
		v.report.Paused = time.Since(v.started)
		n.leave(v.cell, v.link, &forwarder{
			path: v.cell.path, owner: a.Owner, epoch: a.Epoch, since: time.Now(), committed: v.committed,
		})
		var err error
		if a.Owner != v.report.To || a.Epoch != v.report.Epoch {
			err = newError(CodeFenced, v.cell.ref.text, "node "+a.Owner+" owns it")
		}
		v.end(err)
	}
}

// end is the end of the move. Without error the actor has left.
func (v *leaving) end(err error) {
	n := v.node
	n.movesMu.Lock()
	delete(n.leaving, v.cell.path)
	n.movesMu.Unlock()
	if v.cell.forwarderNow() == nil {
		v.cell.thaw()
	}
	v.cell.leaveExclusive()
	if err != nil {
		n.log.Warn("a move failed", "actor", v.cell.ref.text, "to", v.report.To, "err", err)
	} else {
		n.log.Info("an actor has moved", "actor", v.cell.ref.text, "to", v.report.To, "epoch", v.report.Epoch)
	}
	v.over <- err
}

// swap compares and swaps the owner, and tells the machine what home says.
func (v *leaving) swap() {
	subject := v.source.Subject()
	mine, theirs := owned{subject.Source, subject.Epoch - 1}, owned{subject.Destination, subject.Epoch}
	now, err := v.node.swapAtHome(context.Background(), v.home, v.cell.path, mine, theirs)
	v.event(func(s *machine.MoveSource, out []machine.MoveAction) []machine.MoveAction {
		if codeOf(err) == CodeNoSuchActor { // then nobody else can own it by home's word
			return s.Swapped(mine.owner, mine.epoch, out)
		}
		if err != nil {
			v.node.log.Warn("an actor's home does not answer; it stays frozen", "actor", v.cell.ref.text, "home", v.home, "err", err)
			s.Unanswered(v.node.now())
			return out
		}
		return s.Swapped(now.owner, now.epoch, out)
	})
}

// raise makes an offer void that a destination may still have.
func (v *leaving) raise() {
	subject := v.source.Subject()
	mine, above := owned{subject.Source, subject.Epoch - 1}, owned{subject.Source, subject.Epoch + 1}
	now, err := v.node.swapAtHome(context.Background(), v.home, v.cell.path, mine, above)
	if err == nil && now == above {
		v.cell.setEpoch(above.epoch)
	}
}

func (c *cell) setEpoch(epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch = epoch
}

// leave turns an actor into a forwarder. Its owner is told so, by link if that is up, and what is forwarded comes behind that
// at once.
func (n *Node) leave(c *cell, link *linkEnd, f *forwarder) {
	n.mu.Lock()
	c.mu.Lock()
	f.left.Store(int64(c.pool.Most()))
	c.moved = f
	delete(n.cells, c.path)
	n.forwards[c.path] = c
	delete(n.owners, c.path)
	if n.stays < maxDeparted {
		n.departed[c.path] = append(n.departed[c.path], c)
		n.stays++
	}
	n.mu.Unlock()
	mail := c.mailbox.all()
	behind := mail[min(c.seldom().cut, len(mail)):]
	n.following.Lock()
	link = n.linkBehind(f, link)
	for _, m := range behind {
		m.ownHead().who = c.whoOf(m)
		n.passOnInOrder(f, m)
	}
	for stream, d := range c.seldom().arrival.drained { // those that came after the cut; twice does no harm
		n.drainedInOrder(f, stream, d.binding)
	}
	n.following.Unlock()
	streams, waiters, watchers, actor := c.pool.Streams(), c.takeWaiters(), c.seldom().watchers, c.actor
	for key := range c.seldom().arrival.holds {
		streams = append(streams, machine.StreamAt{Key: key})
	}
	held := c.seldom().arrival.local
	c.stopClocks()
	c.own().watchers, c.actor = nil, nil
	c.phase = phaseDone
	c.mu.Unlock()
	for _, s := range streams {
		if link := n.link(s.Key.Link); link != nil {
			link.resetMoved(s.Key, f.moved())
		}
	}
	for watcher := range watchers {
		if ref, err := ParseRef(watcher); err == nil && ref.Host() == n.name && link != nil {
			_ = link.noteWatch(c.ref, ref, false) // the new owner has it too; a lost link is told here
		}
	}
	ringAll(waiters)
	c.thawed.ring()
	for _, h := range held {
		h.after()
	}
	n.tasks.run(func() {
		n.letGo(c)
		if stopper, ok := actor.(Stopper); ok {
			n.runStopHook(c, stopper, defaultGrace)
		}
		c.cancel()
		c.forgetSent()
		c.done.open()
	})
}
