package actorbridge

import (
	"context"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	phaseRunning  = pb.Phase_PHASE_RUNNING
	phaseStopping = pb.Phase_PHASE_STOPPING
	phaseStopped  = pb.Phase_PHASE_STOPPED
	phaseDone     = pb.Phase_PHASE_DONE

	// defaultGrace is how long a handler may take to end before its context does.
	defaultGrace = 5 * time.Second
	// maxWatchers is the most actors that may watch one actor.
	maxWatchers = 65_536
	// watchTime is how long another node may take to confirm a watch.
	watchTime = 5 * time.Second
	// stoppedBefore is why a message that an actor held is refused when it stops.
	stoppedBefore = "it stopped before it came to this message"
	// maxFallen is the most actors of which a node remembers that they panicked too often.
	maxFallen = 1024
)

func (n *Node) spawnCell(path string, f factory, options spawnOptions, parent *cell) (*cell, error) {
	ref, err := logicalRef(path)
	if err != nil {
		return nil, err
	}
	c := newCell(n, ref, f, options, parent, 1)
	if c.prepared, err = n.makeFirst(ref, f); err != nil {
		return nil, err
	}
	if err := n.addCell(c); err != nil {
		return nil, err
	}
	n.takeBack(c)
	n.begin(c)
	return c, nil
}

// makeFirst makes an actor that is to be spawned. It fails where the factory makes none: it would not with the next message
// either. A panic is left for the activation, which makes it again.
func (n *Node) makeFirst(ref Ref, f factory) (actor Receiver, err error) {
	if f.handler == nil && f.loop == nil {
		return nil, newError(CodeInvalidArgument, ref.text, "the factory is nil; give a function that makes the actor")
	}
	if f.handler == nil || n.cell(ref.Path()) != nil {
		return nil, nil
	}
	defer func() {
		if recover() != nil {
			actor, err = nil, nil
		}
	}()
	if actor = f.handler(); isNobody(actor) {
		return nil, newError(CodeInvalidArgument, ref.text, "the factory returned nil; let it return a new actor each time")
	}
	return actor, nil
}

// isNobody says whether there is no actor, also inside of what is around one.
func isNobody(actor any) bool {
	around, ok := actor.(Unwrapper)
	return actor == nil || ok && around.Unwrap() == nil
}

// takeBack has what is sent here to the path of a spawned actor come to it, also if an actor elsewhere got it before.
func (n *Node) takeBack(c *cell) {
	owner := n.knownOwner(c.path)
	if owner == "" || owner == n.name {
		return
	}
	n.log.Warn("an actor is spawned at a path that another node was known to host; what is sent from here comes to the new one",
		"actor", c.ref.text, "other", owner)
	n.forget(c.path)
	n.outside.unroute(c.ref)
	for _, other := range n.allCells() {
		if sends := other.sends.Load(); sends != nil {
			sends.unroute(c.ref)
		}
	}
}

// begin lets an actor that was added run.
func (n *Node) begin(c *cell) {
	n.forget(c.path)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.schedule()
}

// addCell puts a cell into the node's table, and among its parent's children.
func (n *Node) addCell(c *cell) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.closing:
		return n.stopped(c.ref.text)
	default:
	}
	if n.cells[c.path] != nil {
		return newError(CodeAlreadyExists, c.ref.text, "")
	}
	if o, ok := n.owned[c.path]; ok {
		if n.linkTo(o.owner) != nil {
			return newError(CodeAlreadyExists, c.ref.text, "it lives at node "+o.owner)
		}
		// Its node is gone, and the actor with it: the next owner is a new epoch.
		c.epoch = o.epoch + 1
		n.owned[c.path] = owned{n.name, c.epoch}
	}
	if p := c.parent; p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.phase != phaseRunning {
			return newError(CodeStopped, p.ref.text, "it takes no more children")
		}
		own := p.own()
		own.children = append(own.children, c)
	}
	n.cells[c.path] = c
	delete(n.fallen, c.path)
	return nil
}

// stopped is why a node that has begun to shut down does nothing for a target.
func (n *Node) stopped(target string) error {
	e := newError(CodeStopped, target, "node "+n.name+" is shutting down")
	select {
	case <-n.ended:
		e.Detail = "node " + n.name + " has been shut down"
	default:
	}
	e.says = StatusNodeStopped
	return e
}

func (n *Node) isClosing() bool {
	select {
	case <-n.closing:
		return true
	default:
		return false
	}
}

// gone is why nobody here has an address: nobody knows it, or the actor has panicked too often.
func (n *Node) gone(to Ref) *Error {
	n.mu.RLock()
	why, fell := n.fallen[to.Path()]
	n.mu.RUnlock()
	if fell {
		return newError(CodeStopped, to.text, why)
	}
	return newError(CodeNoSuchActor, to.text, "")
}

// factoryFor is what an incoming spawn or move of path makes.
func (n *Node) factoryFor(path string) *registered {
	for i := range n.factories {
		if r := &n.factories[i]; r.matches(path) {
			return r
		}
	}
	return nil
}

// beginStop turns a running cell to Stopping; false if it was already.
func (c *cell) beginStop(code Code, detail string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != phaseRunning {
		return false
	}
	c.phase = phaseStopping
	c.attention.Store(true)
	c.endCode = code
	if detail != "" {
		c.own().endDetail = detail
	}
	c.rouse() // a loop waits for messages
	return true
}

// stopCell stops a cell and its children, and waits until it is Done; false = its handler did not end in twice the grace
// time, or ctx ended.
func (n *Node) stopCell(ctx context.Context, c *cell, grace time.Duration) bool {
	limited, cancel := context.WithTimeout(ctx, 2*grace)
	defer cancel()
	n.refuseMove(c)
	if c.enter(limited) {
		defer c.leaveExclusive()
		if c.forwarderNow() == nil && c.beginStop(CodeStopped, "") {
			return n.endCell(ctx, c, grace)
		}
	}
	select {
	case <-c.done.wait():
		return true
	case <-limited.Done():
		return false
	}
}

// refuseMove gives up a move of an actor that is to stop, unless the owner is being swapped.
func (n *Node) refuseMove(c *cell) {
	n.movesMu.Lock()
	v := n.leaving[c.path]
	n.movesMu.Unlock()
	if v != nil && v.cell == c {
		v.refuse(CodeStopped, "it is being stopped")
	}
}

// endCell is the rest of a stop, once the cell is Stopping. When ctx ends, the grace time is over.
func (n *Node) endCell(ctx context.Context, c *cell, grace time.Duration) bool {
	c.mu.Lock()
	mail := c.mailbox.all()
	children := c.seldom().children
	if children != nil {
		c.own().children = nil
	}
	c.mu.Unlock()
	for _, m := range mail {
		n.refuse(m, CodeStopped, EffectNone, stoppedBefore)
		c.release(m.permit())
	}
	for _, child := range children {
		n.stopCell(ctx, child, grace)
	}
	over := context.AfterFunc(ctx, c.cancel)
	defer over()
	ended := c.waitIdle(grace)
	if !ended {
		c.cancel()
		ended = c.waitIdle(grace)
	}
	if !ended {
		n.log.Error("a handler ignores its cancelled context and does not end; nothing in this process can end it",
			"actor", c.ref.text)
	} else if actor, ok := hookOf[Stopper](c.takeActor()); ok {
		ended = n.runStopHook(c, actor, grace)
	}
	n.bury(c)
	return ended
}

// runStopHook runs PostStop in a goroutine of its own, which a Goexit may take.
func (n *Node) runStopHook(c *cell, actor Stopper, grace time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	ended := make(chan error, 1)
	n.tasks.run(func() {
		err := errGoexit
		defer func() {
			if value := recover(); value != nil {
				n.log.Error("a stop hook panicked", "actor", c.ref.text, "reason", panicText(value), "stack", stackNow())
				err = nil
			}
			ended <- err
		}()
		err = actor.PostStop(ctx)
	})
	select {
	case err := <-ended:
		if err != nil {
			n.log.Error("a stop hook failed", "actor", c.ref.text, "err", err)
		}
		return true
	case <-time.After(2 * grace):
		n.log.Error("a stop hook does not end", "actor", c.ref.text)
		return false
	}
}

// bury takes what is left of a stopped cell out of the node.
func (n *Node) bury(c *cell) {
	c.mu.Lock()
	c.phase = phaseStopped
	c.stopClocks()
	waiters, mail, watchers := c.takeWaiters(), c.mailbox.all(), c.seldom().watchers
	if watchers != nil {
		c.own().watchers = nil
	}
	code, detail := c.endCode, c.seldom().endDetail
	streams := c.pool.Streams()
	c.phase = phaseDone
	c.mu.Unlock()
	for _, m := range mail {
		n.refuse(m, CodeStopped, EffectNone, "")
	}
	n.letGo(c)
	n.disown(c)
	n.mu.Lock()
	if n.cells[c.path] == c {
		delete(n.cells, c.path)
		if code == CodePanicked {
			if len(n.fallen) >= maxFallen {
				clear(n.fallen)
			}
			n.fallen[c.path] = detail
		}
	}
	n.mu.Unlock()
	// Their senders resolve the address again: another actor may have it by then.
	for _, s := range streams {
		if link := n.link(s.Key.Link); link != nil {
			link.reset(s.Key, CodeStopped)
		}
	}
	if c.parent != nil {
		c.parent.disown(c)
	}
	for watcher := range watchers {
		if ref, err := ParseRef(watcher); err == nil {
			n.notify(ref, terminated(c.ref.text, code, detail))
		}
	}
	c.forgetSent()
	c.cancel()
	c.done.open()
	ringAll(waiters)
}

func (c *cell) disown(child *cell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	children := c.seldom().children
	for i, other := range children {
		if other == child {
			c.own().children = append(children[:i:i], children[i+1:]...)
			return
		}
	}
}

func terminated(actor string, code Code, detail string) *outgoing {
	return notice(pb.Kind_KIND_TERMINATED, &pb.Terminated{Actor: actor, Code: pb.Code(code), Detail: valid(detail)})
}

// watch has watcher told when other has stopped or its link is lost.
func (n *Node) watch(ctx context.Context, other, watcher Ref, unwatch bool) error {
	host, err := n.resolve(ctx, other, true)
	for err == nil && host.cell != nil {
		thawed, refused := host.cell.watch(other, watcher, unwatch)
		if thawed == nil {
			return refused
		}
		select { // it is moving, or just between two messages
		case <-thawed:
		case <-ctx.Done():
			return gaveUp(other, ctx.Err(), "it is moving")
		case <-n.closing:
			return n.stopped(other.text)
		}
		host, err = n.resolve(ctx, other, true)
	}
	if err != nil {
		return err
	}
	if host.beyond != "" {
		return newError(CodeUnavailable, other.text, "an actor is not watched through a relay; link the two nodes")
	}
	system, err := pinnedRef(host.link.peerName(), systemPath)
	if err != nil {
		return err
	}
	request := &pb.WatchRequest{Path: other.Path(), Watcher: watcher.text, Unwatch: unwatch}
	if _, err := n.ask(ctx, n.itself, system, request, asking{within: watchTime}); err != nil {
		return err
	}
	return host.link.noteWatch(other, watcher, unwatch)
}

// watch notes a watcher. A channel says when to try again: the actor is frozen, or has just left.
func (c *cell) watch(other, watcher Ref, unwatch bool) (<-chan struct{}, error) {
	thawed := c.thawed.wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.moved != nil:
		return c.done.wait(), nil
	case c.frozen:
		return thawed, nil
	case unwatch:
		delete(c.seldom().watchers, watcher.text)
	case c.phase == phaseDone:
		c.node.tasks.run(func() { c.node.notify(watcher, terminated(other.text, CodeStopped, "it had stopped before")) })
	default:
		own := c.own()
		if own.watchers == nil {
			own.watchers = make(map[string]struct{})
		}
		if _, again := own.watchers[watcher.text]; !again && len(own.watchers) >= maxWatchers {
			return nil, newError(CodeMailboxFull, other.text, "65,536 actors watch it already")
		}
		own.watchers[watcher.text] = struct{}{}
	}
	return nil, nil
}

// startTimer sends m to the actor at a time; false = it has too many timers.
func (c *cell) startTimer(id string, at time.Time, m *Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	timers := c.seldom().timers
	old := timers[id]
	if old == nil && len(timers) >= maxTimers {
		return false
	}
	if old != nil {
		old.stop()
	}
	c.setTimer(id, at, m)
	return true
}

// setTimer sets a timer. The caller holds the lock.
func (c *cell) setTimer(id string, at time.Time, m *Message) {
	own := c.own()
	if own.timers == nil {
		own.timers = make(map[string]*timer)
	}
	entry := &timer{at: at, message: m}
	own.timers[id] = entry
	c.armTimer(id, entry)
}

// armTimer has a timer ring when it is due. The caller holds the lock.
func (c *cell) armTimer(id string, entry *timer) {
	entry.stop = time.AfterFunc(time.Until(entry.at), func() { c.timerRang(id, entry) }).Stop
}

func (c *cell) timerRang(id string, entry *timer) {
	c.mu.Lock()
	timers := c.seldom().timers
	mine := timers[id] == entry && !c.frozen // a frozen actor's timers ring when it is thawed
	if mine {
		delete(timers, id)
	}
	c.mu.Unlock()
	if mine {
		c.offerForced(entry.message)
	}
}

func (c *cell) stopTimer(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	timers := c.seldom().timers
	if entry := timers[id]; entry != nil {
		entry.stop()
		delete(timers, id)
	}
}

// selfMessage is a message that an actor sends itself.
func (c *cell) selfMessage(out *outgoing) *Message {
	return out.message(c.node, wire.NewWho(c.ref.text, c.ref.text, ""))
}
