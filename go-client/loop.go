package actorbridge

import (
	"context"
	"iter"
)

// An Inbox is a loop actor's mailbox. One goroutine at a time uses it.
type Inbox struct {
	cell *cell
	last *Message // its permit is not given back yet
	// end ends the span of last; nil = it has none.
	end func(error)
}

// All gives the messages one by one, until the actor is stopped. A message counts as handled when the next one is taken,
// or the loop returns: until then it has its place in the mailbox, and an ask that has no answer by then is answered with
// HANDLER_ERROR. Take its [Message.Responder] to answer later.
func (in *Inbox) All() iter.Seq[*Message] {
	return func(yield func(*Message) bool) {
		for {
			m, err := in.Next(context.Background())
			if err != nil || !yield(m) {
				return
			}
		}
	}
}

// Next waits for the next message. It fails with ctx, and with STOPPED when the actor is stopped.
func (in *Inbox) Next(ctx context.Context) (*Message, error) {
	c := in.cell
	for {
		next, halted := c.next(in.finish())
		m := next.message
		switch {
		case halted:
			return nil, newError(CodeStopped, c.ref.text, "")
		case m != nil:
			in.last = m
			if !c.expire(m) {
				if m.traced {
					in.end = c.handleSpan(m)
				}
				return m, nil
			}
			continue
		}
		select {
		case <-c.wakes():
		case <-c.ctx().Done():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// finish concludes the last message, and gives its permit.
func (in *Inbox) finish() (done permits) {
	m := in.last
	if m == nil {
		return done
	}
	in.last = nil
	in.endSpan(nil)
	m.turn.finish()
	if r := m.takeDuty(); r != nil {
		r.Fail(handlerSilent(m))
	}
	return permits{m.permit(), 1}
}

func (in *Inbox) endSpan(err error) {
	if in.end != nil {
		in.end(err)
		in.end = nil
	}
}

// runLoop is the goroutine of a loop actor. It ends when the loop returns.
func (c *cell) runLoop() {
	in := &Inbox{cell: c}
	life := &turn{cell: c}
	returned := false
	defer func() {
		if returned {
			return
		}
		reason, stack := errGoexit.Error(), stackNow()
		if value := recover(); value != nil {
			reason = panicText(value)
		}
		life.finish()
		c.loopPanicked(in, reason, stack)
	}()
	err := c.factory.loop(life, in)
	returned = true
	life.finish()
	if done := in.finish(); done.count > 0 {
		c.releaseAll(done, 0)
	}
	code, detail := CodeStopped, ""
	if err != nil && c.isRunning() {
		code, detail = CodeHandlerError, err.Error()
		c.node.log.Error("a loop ended with an error", "actor", c.ref.text, "err", err)
	}
	c.rest(nil)
	if c.beginStop(code, detail) {
		c.node.tasks.run(func() { c.node.endCell(context.Background(), c, defaultGrace) })
	}
}

// loopPanicked: the loop is run anew, or the actor stops.
func (c *cell) loopPanicked(in *Inbox, reason, stack string) {
	messageType := ""
	in.endSpan(errPanicked)
	if m := in.last; m != nil {
		messageType = m.Type()
		f := failed(CodePanicked, reason)
		c.failMessage(m, &f)
		if done := in.finish(); done.count > 0 {
			c.releaseAll(done, 0)
		}
	}
	c.node.letGo(c)
	c.supervise(reason, stack, messageType)
	c.mu.Lock()
	c.active = false
	restart := c.phase == phaseRunning
	if restart {
		c.active = true
		c.activate()
	}
	c.mu.Unlock()
	if !restart {
		c.idle.ring()
	}
}
