package actorbridge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

const (
	// maxOutbox is the most messages that an actor may have staged.
	maxOutbox = 1024
	// Staged messages, and bytes, after which they leave before the batch ends: when the handler that runs has returned.
	flushMessages = 64
	flushBytes    = 16 << 10
	// How long staged messages wait for room before they become dead letters; the shorter time is for an actor that ends.
	parkTime     = 30 * time.Second
	lastParkTime = time.Second
)

// outbox is what an actor's handlers have sent, and what has not left yet.
type outbox struct {
	flushing sync.Mutex // held while messages are sent, so that they keep their order

	// some: something is staged.
	some atomic.Bool

	mu     sync.Mutex
	staged []staged
	bytes  int
}

type staged struct {
	to  Ref
	out *outgoing
}

// stage adds a message. It fails with MAILBOX_FULL, and with INVALID_ARGUMENT for a Ref that is none.
func (c *cell) stage(to Ref, out *outgoing) error {
	if err := to.check(); err != nil {
		return err
	}
	if c.outbox() == nil {
		c.staging.CompareAndSwap(nil, new(outbox))
	}
	o := c.outbox()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.staged) >= maxOutbox {
		return newError(CodeMailboxFull, to.text, "this actor's outbox is full")
	}
	o.staged = append(o.staged, staged{to, out})
	o.bytes += len(out.body)
	o.some.Store(true)
	return nil
}

// outbox is what it has staged; nil where it never did.
func (c *cell) outbox() *outbox { return c.staging.Load() }

// isSome says whether something is staged.
func (o *outbox) isSome() bool { return o != nil && o.some.Load() }

func (o *outbox) size() (messages, bytes int) {
	if o == nil {
		return 0, 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.staged), o.bytes
}

// isFull says whether what is staged should leave.
func (o *outbox) isFull() bool {
	if !o.isSome() {
		return false
	}
	messages, bytes := o.size()
	return messages >= flushMessages || bytes >= flushBytes
}

func (o *outbox) take() []staged {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.staged
	o.staged, o.bytes = nil, 0
	o.some.Store(false)
	return all
}

// giveBack puts what found no room in front of what was staged meanwhile.
func (o *outbox) giveBack(rest []staged) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.staged = append(rest, o.staged...)
	o.some.Store(len(o.staged) > 0)
	o.bytes = 0
	for _, s := range o.staged {
		o.bytes += len(s.out.body)
	}
}

// flushMode is how long a flush waits.
type flushMode int

const (
	// flushBatch: until all has left, or there is something else to do.
	flushBatch flushMode = iota
	// flushAll: until all has left: what follows must not overtake it.
	flushAll
	// flushLast: the actor ends; wait a second, whatever happens.
	flushLast
	// flushFrozen: until all has left, or the freeze is over.
	flushFrozen
)

// flushModeOf is how an activation that has nothing to handle flushes.
func (c *cell) flushModeOf(halted bool) flushMode {
	switch {
	case !halted:
		return flushBatch
	case c.isRunning():
		return flushFrozen
	default:
		return flushLast
	}
}

// flushOwn is flush in the context of the actor's handlers.
func (c *cell) flushOwn(mode flushMode) {
	if c.outbox().isSome() {
		c.flush(c.ctx(), mode)
	}
}

// flush sends what is staged, in order for each target. What finds no room in 30 s (1 s for flushLast) becomes a dead
// letter.
func (c *cell) flush(ctx context.Context, mode flushMode) {
	o := c.outbox()
	if n, _ := o.size(); n == 0 {
		return
	}
	o.flushing.Lock()
	defer o.flushing.Unlock()
	if c.pass(ctx) {
		return
	}
	limit := parkTime
	if mode == flushLast {
		limit = lastParkTime
	}
	from := c.sender()
	park := time.NewTimer(limit)
	defer park.Stop()
	for {
		room := from.room.wait()
		if c.pass(ctx) {
			return
		}
		var wake, done, thawed <-chan struct{}
		if n, _ := o.size(); mode == flushBatch && n < maxOutbox {
			wake = c.wakes()
		}
		if mode == flushFrozen {
			if thawed = c.thawed.wait(); !c.isFrozen() {
				return
			}
		}
		if mode != flushLast {
			done = ctx.Done()
		}
		select {
		case <-room:
		case <-wake:
			return
		case <-thawed:
			return
		case <-done:
			return
		case <-park.C:
			for _, s := range o.take() {
				f := failed(CodeMailboxFull, "no room in time")
				c.node.deadOutgoing(from, s.to, s.out, &f)
			}
			return
		}
	}
}

// pass tries each staged message once; true = all have left.
func (c *cell) pass(ctx context.Context) bool {
	var rest []staged
	from := c.sender()
	blocked := make(map[string]bool)
	for _, s := range c.outbox().take() {
		if blocked[s.to.text] {
			rest = append(rest, s)
			continue
		}
		placed, done, err := c.node.tryPlace(ctx, from, s.to, s.out, true)
		switch {
		case err != nil:
			f := refusalOf(err)
			c.node.deadOutgoing(from, s.to, s.out, &f)
		case done:
			c.node.notePlaced(s.out, placed)
		default:
			blocked[s.to.text] = true
			rest = append(rest, s)
		}
	}
	if len(rest) > 0 {
		c.outbox().giveBack(rest)
	}
	n, _ := c.outbox().size()
	return n == 0
}

// deadOutgoing is the end of a message that never left.
func (n *Node) deadOutgoing(from *sender, to Ref, out *outgoing, f *failure) {
	n.deadLetter(out.message(n, from.who(to)), f.code, f.code.Effect(), f.detail)
	if out.what.Kind == uint32(pb.Kind_KIND_ASK) {
		n.answerFailure(from.replyTo, out.correlation, f, nil)
	}
}

// refusalOf is why a message could not be placed, or not be read.
func refusalOf(err error) failure {
	var e *Error
	if errors.As(err, &e) {
		return failure{code: e.Code, effect: e.Code.Effect(), detail: e.Detail, reader: e.ReaderVersion}
	}
	return failed(codeOf(err), detailOf(err))
}
