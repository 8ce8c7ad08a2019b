package actorbridge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
)

const (
	// batch is the messages after which what a handler staged leaves, at the latest.
	batch = 64
	// maxStack is the most bytes of a panic's stack.
	maxStack = 8 << 10
)

// errGoexit is why a handler did not return: it called runtime.Goexit, as testing's FailNow does.
var errGoexit = errors.New("runtime.Goexit was called")

// activation handles what is in a cell's mailbox, then ends.
type activation struct {
	cell    *cell
	actor   Receiver // nil = it has to be made
	done    permits  // of what was handled, not given back yet
	handled int
	runFunc func() // a.run, made once: each such value takes memory
}

// activate starts the goroutine that runs the actor. The caller holds the cell's lock.
func (c *cell) activate() {
	if c.factory.loop != nil {
		c.node.tasks.run(func() { c.runLoop() })
		return
	}
	a := activations.Get().(*activation)
	a.cell, a.actor = c, c.actor
	c.actor = nil
	a.begin()
}

// activations are those that have ended: one that begins for each few messages takes no memory of its own.
var activations = sync.Pool{New: func() any { return new(activation) }}

// begin runs it in a goroutine.
func (a *activation) begin() {
	a.cell.node.tasks.begin()
	if a.runFunc == nil {
		a.runFunc = a.run
	}
	go a.runFunc()
}

func (a *activation) run() {
	tasks, ended := &a.cell.node.tasks, false
	defer func() {
		if !ended { // runtime.Goexit took this goroutine; the actor goes on in another
			a.begin()
		}
		tasks.done()
	}()
	a.loop()
	ended = true
	*a = activation{runFunc: a.runFunc}
	activations.Put(a)
}

func (a *activation) loop() {
	c := a.cell
	for {
		if a.actor == nil && (!c.isRunning() || !a.start()) {
			c.flushOwn(flushLast)
			if a.done.count > 0 {
				c.releaseAll(a.done, 0)
			}
			c.rest(nil)
			return
		}
		next, halted := c.next(a.done)
		a.done = permits{}
		if next.message != nil || next.run != nil {
			c.lingers.came()
			if m := next.message; m != nil {
				a.done = permits{m.permit(), 1}
				a.handle(m)
				a.handled++
			} else {
				a.handleRun(next.run)
			}
			if a.handled >= batch || c.outbox().isFull() {
				a.handled = 0
				c.flushOwn(flushBatch)
			}
			continue
		}
		if !halted && !c.outbox().isSome() && c.lingers.more() {
			runtime.Gosched()
			continue
		}
		c.flushOwn(c.flushModeOf(halted))
		if n, _ := c.outbox().size(); n > 0 && c.isRunning() {
			continue
		}
		if c.rest(a.actor) {
			return
		}
	}
}

const (
	// lingerTurns is how often an activation that has nothing to do lets others run and looks again before it ends: to begin a new one
	// wakes a thread.
	lingerTurns = 16
	// lingerPause is how many activations do not linger after it was in vain.
	lingerPause = 16
)

// lingers says whether an activation lingers: as long as it pays. Only the activation uses it.
type lingers struct {
	turns, pause int32
}

// came: there was something to do.
func (l *lingers) came() { l.turns = 0 }

// more says whether to look again; if not, the activation ends.
func (l *lingers) more() bool {
	switch {
	case l.pause > 0 && l.turns == 0:
		l.pause--
		return false
	case l.turns < lingerTurns:
		l.turns++
		return true
	}
	l.turns, l.pause = 0, lingerPause
	return false
}

// start makes the actor and runs its start hook; false = it could not be started, and stops.
func (a *activation) start() bool {
	c := a.cell
	for {
		hook := &turn{cell: c}
		actor := c.takePrepared()
		err := a.guard("", func() error {
			defer hook.finish()
			if actor == nil {
				actor = c.factory.handler()
			}
			if starter, ok := hookOf[Starter](actor); ok {
				return starter.PostStart(hook)
			}
			return nil
		})
		if err == nil {
			a.actor = actor
			return true
		}
		if !errors.Is(err, errPanicked) {
			c.supervise("its start failed: "+err.Error(), "", "")
		}
		if !c.isRunning() {
			return false
		}
	}
}

// takePrepared is the actor that came with its state, once.
func (c *cell) takePrepared() Receiver {
	c.mu.Lock()
	defer c.mu.Unlock()
	actor := c.prepared
	c.prepared = nil
	return actor
}

// errPanicked stands for a panic that the supervisor was told of already.
var errPanicked = errors.New("the handler panicked")

// guard runs a handler or hook. A panic or Goexit in it is told to the supervisor, also when the goroutine is lost.
func (a *activation) guard(messageType string, run func() error, onPanic ...func(reason string)) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		err = errPanicked
		a.lost(messageType, recover(), onPanic...)
	}()
	err = run()
	returned = true
	return err
}

// lost: the actor is lost to a panic with this value, or to a Goexit. It is called by the deferred function that has recovered it.
func (a *activation) lost(messageType string, value any, tellAll ...func(reason string)) {
	reason, stack := errGoexit.Error(), stackNow()
	if value != nil {
		reason = panicText(value)
	}
	a.actor = nil
	for _, tell := range tellAll {
		tell(reason)
	}
	a.cell.node.letGo(a.cell)
	a.cell.supervise(reason, stack, messageType)
}

// stackNow is where a panic was, for a deferred function that recovers it.
func stackNow() string {
	stack := debug.Stack()
	return string(stack[:min(len(stack), maxStack)])
}

func panicText(value any) string {
	defer func() { _ = recover() }() // a value's own Error or String may panic
	if text := fmt.Sprint(value); text != "" {
		return text
	}
	return "a panic without text"
}

// handle handles one message. Afterwards a.actor is nil if the actor was lost to a panic.
func (a *activation) handle(m *Message) {
	c := a.cell
	if c.expire(m) {
		return
	}
	defer m.turn.finish()
	err := a.guard(m.Type(), func() error {
		if m.traced {
			return a.receiveTraced(m)
		}
		return a.actor.Receive(&m.turn, m)
	}, func(reason string) {
		f := failed(CodePanicked, reason)
		c.failMessage(m, &f)
	})
	if !errors.Is(err, errPanicked) {
		c.conclude(m, err)
	}
}

// handleRun handles the messages of a run, until something else is to be looked at. Afterwards a.actor is nil if the actor was lost
// to a panic.
func (a *activation) handleRun(r *mailRun) {
	c := a.cell
	share := min(max(int(c.options.mailbox)/16, 1), batch)
	a.done = permits{first: r.first()}
	for {
		a.handleSome(r, r.messages(share))
		if a.actor == nil || c.attention.Load() || a.handled >= batch || c.outbox().isFull() || r.isEmpty() {
			break
		}
		c.releaseAll(a.done, a.done.count)
		a.done = permits{first: r.first()}
	}
	c.putBack(r)
}

// handleSome handles messages that r begins with: not all of them if the actor was lost, or something else is to be looked at. Those
// that were handled are taken off r.
func (a *activation) handleSome(r *mailRun, messages []Message) {
	c := a.cell
	n, returned := 0, false
	handled := func() {
		r.drop(n)
		a.handled += n
		a.done.count += uint64(n)
	}
	defer func() {
		if returned {
			return
		}
		value := recover()
		m := &messages[n]
		n++
		handled()
		if value == nil { // runtime.Goexit takes this goroutine: nobody else puts it back
			c.putBack(r)
		}
		a.lost(m.Type(), value, func(reason string) {
			f := failed(CodePanicked, reason)
			c.failMessage(m, &f)
			m.turn.finish()
		})
	}()
	for ; n < len(messages) && !(n > 0 && (c.attention.Load() || c.outbox().isFull())); n++ {
		m := &messages[n]
		m.turn.cell, m.turn.message = c, m
		if m.deadline != 0 && c.expire(m) {
			continue
		}
		if err := a.actor.Receive(&m.turn, m); err != nil {
			c.conclude(m, err)
		}
		m.turn.finish()
	}
	returned = true
	handled()
}

// expire refuses a message whose deadline passed in the mailbox.
func (c *cell) expire(m *Message) bool {
	if m.deadline == 0 || m.deadline > c.node.now() {
		return false
	}
	m.owed.Store(false)
	c.node.refuse(m, CodeExpired, EffectNone, "its deadline passed in the mailbox")
	return true
}

// conclude is what follows a handler that returned.
func (c *cell) conclude(m *Message, err error) {
	if err != nil {
		f := failureOf(err)
		c.failMessage(m, &f)
		return
	}
	if r := m.takeDuty(); r != nil {
		r.Fail(handlerSilent(m))
	}
}

func handlerSilent(m *Message) error { return noReply(m, "returned without a reply; call m.Reply") }

// neitherOf is of a typed handler, which returns the reply.
func neitherOf(m *Message) error { return noReply(m, "returned neither a reply nor an error") }

func noReply(m *Message, what string) error {
	e := newError(CodeHandlerError, m.who.Target, "the handler of "+m.Type()+" "+what)
	e.refusal = true
	return e
}

// failMessage tells whom it concerns that a message was not handled well, the dead letters first. A handler's own error that
// its asker gets is an answer, and concerns nobody else.
func (c *cell) failMessage(m *Message, f *failure) {
	answers := m.owed.CompareAndSwap(true, false)
	concernsOthers := !answers || f.code != CodeHandlerError
	if concernsOthers {
		c.node.deadLetter(m, f.code, f.effect, f.text())
	}
	if answers {
		c.node.answerFailure(m.who.ReplyTo, m.correlation, f, m.answerTrace())
	}
	if concernsOthers {
		c.node.outcome(m, f.code, f.effect, f.text())
	}
}

// supervise tells the parent and the log of a panic, and decides: the actor is made anew, or stops.
func (c *cell) supervise(reason, stack, messageType string) {
	c.mu.Lock()
	own := c.own()
	if own.restarts == nil {
		own.restarts = machine.OneForOne(c.options.strategy.restarts, machine.Millis(c.options.strategy.windowMs))
	}
	directive := own.restarts.Panicked(c.node.now())
	restarts := own.restarts.Restarts()
	c.mu.Unlock()
	if c.parent != nil {
		c.node.notify(c.parent.ref, notice(pb.Kind_KIND_ACTOR_PANIC, &pb.ActorPanic{
			Actor: c.ref.text, Reason: valid(reason), Stack: valid(stack), Language: "go",
			MessageType: messageType, Restarts: restarts,
		}))
	}
	next := "it is made anew"
	if directive == machine.Stop {
		next = "it stops: too many restarts"
	}
	about := []any{"actor", c.ref.text, "reason", reason, "message", messageType}
	if stack != "" {
		about = append(about, "stack", stack)
	}
	c.node.log.Error("an actor panicked; "+next, about...)
	why := fmt.Sprintf("it stopped after %d panics in %gs: %s", restarts+1, float64(c.options.strategy.windowMs)/1000, reason)
	if directive == machine.Stop && c.beginStop(CodePanicked, why) {
		c.node.tasks.run(func() { c.node.endCell(context.Background(), c, defaultGrace) })
	}
}
