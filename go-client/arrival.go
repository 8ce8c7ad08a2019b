package actorbridge

import (
	"maps"
	"slices"
	"time"

	"github.com/actorbridge/actorbridge/go-client/internal/machine"
)

const (
	// drainTime is how long the late messages of a stream that was bound anew are waited for.
	drainTime = 5 * time.Second
	// drainedTime is how long a Drained is kept whose stream has not been bound yet.
	drainedTime = time.Minute
	// maxDrained is the most of those.
	maxDrained = 4096
)

// arrival is what an actor that has moved here remembers of the streams that follow it. The cell's lock guards it.
type arrival struct {
	// holds are streams whose late messages may still come by the old owner.
	holds map[machine.StreamKey]*hold
	// bound are the same by their streams, in the order in which they were bound.
	bound map[uint64][]*hold
	// kept are the messages of all of them.
	kept uint64
	// local are the same of senders of this node: they wait, and nothing is queued.
	local map[uint64]*hold
	// drained says of streams up to which of their bindings the old owner has forwarded all.
	drained map[uint64]drained
	// late are senders whose late messages came too late: none of them is handled any more.
	late map[string]struct{}
}

// opening is a stream that a peer binds.
type opening struct {
	stream, firstSeq uint64
	binding          machine.Binding
	// sender tells senders apart.
	sender string
}

// hold is a stream that waits until the messages of earlier bindings have come by the old owner.
type hold struct {
	opening
	key machine.StreamKey
	// queue came meanwhile, and refused is the last seq that was refused.
	queue   []*Message
	refused uint64
	closed  bool
	lost    bool // closed, and not by its sender
	passed  bool // it ended because the stream may go on, and not because the actor has gone
	// after runs when the hold is over: the local sender's bell.
	after func()
	stop  func() bool
}

func (h *hold) is(other *hold) bool { return h == other }

type drained struct {
	binding uint32
	until   time.Time
}

// hold holds a stream if it has to be. The caller holds the lock.
func (c *cell) hold(key machine.StreamKey, o *opening) bool {
	if !c.mayBeLate(o) {
		return false
	}
	h := &hold{opening: *o, key: key}
	a := &c.own().arrival
	if a.holds == nil {
		a.holds, a.bound = make(map[machine.StreamKey]*hold), make(map[uint64][]*hold)
	}
	a.holds[key] = h
	a.bound[h.stream] = append(a.bound[h.stream], h)
	h.stop = time.AfterFunc(drainTime, func() { c.holdExpired(h) }).Stop
	return true
}

// holdLocal is what a sender of this node has to wait for, or nil; room rings when it is over.
func (c *cell) holdLocal(o *opening, room *bell) *hold {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mayBeLate(o) {
		return nil
	}
	h := &hold{opening: *o, after: room.ring}
	a := &c.own().arrival
	if a.local == nil {
		a.local = make(map[uint64]*hold)
	}
	a.local[o.stream] = h
	h.stop = time.AfterFunc(drainTime, func() { c.holdExpired(h) }).Stop
	return h
}

// holdState says whether a sender of this node still has to wait, and if not, whether all that was late has come.
func (c *cell) holdState(h *hold) (waits, passed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seldom().arrival.local[h.stream] == h, h.passed
}

// mayBeLate says whether something from before the opening may still come. The caller holds the lock.
func (c *cell) mayBeLate(o *opening) bool {
	if c.epoch == 1 && c.moved == nil { // nobody forwards to an actor that has not moved
		return false
	}
	drained := c.seldom().arrival.drained
	if o.binding.After > drained[o.stream].binding {
		return true
	}
	delete(drained, o.stream) // what else will be said of it is of later bindings
	return false
}

// keep keeps a message of a stream that is held, within the initial credit, which the link has checked. All streams of the actor
// together have as many as its pool ever takes of what comes so. The caller holds the lock.
func (c *cell) keep(h *hold, m *Message) Code {
	a := &c.own().arrival
	if a.kept >= c.pool.Most() {
		h.refused = max(h.refused, m.seq)
		return CodeMailboxFull
	}
	a.kept++
	h.queue = append(h.queue, m)
	return CodeOK
}

// holdsAny says whether a stream waits here for late messages.
func (c *cell) holdsAny() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seldom().arrival.holds) > 0
}

// drainedUpto: all that came by the bindings of a stream up to this one has been forwarded to this stay. If the actor has gone, the
// next one is told.
func (c *cell) drainedUpto(stream uint64, binding uint32) {
	c.mu.Lock()
	if c.moved != nil {
		c.node.sendDrained(c.moved, stream, binding)
	}
	h := c.holdOf(stream)
	if h != nil && h.binding.After <= binding {
		delete(c.seldom().arrival.late, h.sender)
		c.endHold(h)
		return
	}
	c.noteDrained(stream, binding)
	c.mu.Unlock()
}

// holdOf is the first binding of a stream that is held, or nil. The caller holds the lock.
func (c *cell) holdOf(stream uint64) *hold {
	a := c.seldom().arrival
	found := a.local[stream]
	for _, h := range a.bound[stream] {
		if found == nil || h.binding.Number < found.binding.Number {
			found = h
		}
	}
	return found
}

// noteDrained keeps what is said of a stream. The caller holds the lock.
func (c *cell) noteDrained(stream uint64, binding uint32) {
	now := time.Now()
	a := &c.own().arrival
	if a.drained == nil {
		a.drained = make(map[uint64]drained)
	}
	if len(a.drained) >= maxDrained {
		maps.DeleteFunc(a.drained, func(_ uint64, d drained) bool { return now.After(d.until) })
	}
	if len(a.drained) < maxDrained {
		a.drained[stream] = drained{max(binding, a.drained[stream].binding), now.Add(drainedTime)}
	}
}

// holdExpired: what was late is lost; the stream goes on without it.
func (c *cell) holdExpired(h *hold) {
	c.mu.Lock()
	a := &c.own().arrival
	if a.holds[h.key] != h && a.local[h.stream] != h {
		c.mu.Unlock()
		return
	}
	if a.late == nil {
		a.late = make(map[string]struct{})
	}
	if len(a.late) < maxDrained {
		a.late[h.sender] = struct{}{}
	}
	c.node.log.Warn("late messages of a stream did not come in time", "actor", c.ref.text, "sender", h.sender)
	c.endHold(h)
}

// endHold lets a stream go on: its messages are taken, or forwarded if the actor has gone. The caller holds the lock, which
// is released.
func (c *cell) endHold(h *hold) {
	h.stop()
	h.passed = true
	a := c.seldom().arrival
	if a.local[h.stream] == h {
		delete(a.local, h.stream)
	} else {
		delete(a.holds, h.key)
		if a.bound[h.stream] = slices.DeleteFunc(a.bound[h.stream], h.is); len(a.bound[h.stream]) == 0 {
			delete(a.bound, h.stream)
		}
	}
	c.own().arrival.kept -= uint64(len(h.queue))
	moved := c.moved
	refused := make(map[*Message]Code)
	var grants []machine.Grant
	if moved == nil && h.key.Link != 0 {
		c.pool.Open(h.key, h.firstSeq, machine.InitialCredit)
		for _, m := range h.queue {
			if code := c.arrive(m); code != CodeOK {
				refused[m] = code
			}
		}
		c.pool.Refused(h.key, h.refused)
		if h.closed {
			c.pool.Close(h.key)
		}
		grants = c.pool.Grants(c.mailbox.isEmpty(), nil)
	}
	if moved != nil { // in order: nothing of this stream may overtake it
		for _, m := range h.queue {
			c.node.passOn(moved, m)
		}
	}
	isDrained := h.closed && (h.lost || moved != nil)
	after := h.after
	c.mu.Unlock()
	c.node.grant(grants)
	for m, code := range refused {
		if code == CodeDeadlock {
			c.release(m.permit())
		}
		c.node.refuse(m, code, EffectNone, "")
	}
	if after != nil {
		after()
	}
	c.idle.ring()
	if isDrained {
		c.drainedUpto(h.stream, h.binding.Number)
	}
}

// codeLate is of a message whose stream has gone on without it. It never leaves this node.
const codeLate = Code(1 << 31)

// offerForwarded offers a message that the old owner has passed on.
func (c *cell) offerForwarded(m *Message) Code {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, late := c.seldom().arrival.late[senderOf(m.who)]
	switch {
	case c.moved != nil:
		return CodeMoved
	case c.phase != phaseRunning:
		return CodeStopped
	case late:
		return codeLate
	case c.epoch == 1: // it has not moved: nobody forwards to it
		return CodeUnsupportedKind
	case m.waitsFor(c):
		return CodeDeadlock
	case !c.pool.TakeForwarded():
		return CodeMailboxFull
	}
	m.takeLocal()
	c.mailbox.push(m)
	c.schedule()
	return CodeOK
}
