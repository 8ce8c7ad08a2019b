package actorbridge

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// maxTimers is the most timers of one actor.
const maxTimers = 1024

// A Context is what an actor knows and can do. Only nodes make one.
//
// In a handler it is a context.Context that ends when the asker has stopped waiting, with the message's deadline, when
// the grace time of the actor's stop is over, or when the handler returns. In a loop it ends with that grace time alone;
// [Message.Context] is the one of a message. A context derived from it still sends as the actor.
type Context interface {
	context.Context
	// Self is this actor's address.
	Self() Ref
	// Sender is who sent the message that is being handled; the zero Ref = outside code.
	Sender() Ref
	// Node is the node that the actor lives on at present.
	Node() *Node
	// Logger is the node's, with the actor's address.
	Logger() *slog.Logger
	// Tell sends a message. In a handler it stages it and never waits: the message leaves when the batch of messages that
	// the actor was given ends, or between two of them once 64 messages or 16 KiB are staged, or before an ask or another
	// wait of this package. So a handler that waits for something else holds back what it has told. MAILBOX_FULL says that
	// the outbox of 1,024 messages is full, and nothing was staged. In a loop it is [Node.Tell].
	Tell(to Ref, message proto.Message) error
	// Request asks without waiting: the answer comes as a message of KIND_REPLY or KIND_FAILURE with this note. It fails as
	// Tell does. Requests move with the actor.
	Request(to Ref, message proto.Message, within time.Duration, note []byte) error
	// Spawn makes a child: name below this actor's path. It stops before this actor does.
	Spawn(name string, make func() Receiver, options ...SpawnOption) (Ref, error)
	// Watch has a message of KIND_TERMINATED sent to this actor when the other has stopped, or its link is lost.
	Watch(other Ref) error
	// Timer sends this actor a message after delay. A timer of the same id is replaced. Timers move with the actor. It fails
	// with MAILBOX_FULL when there are 1,024.
	Timer(id string, delay time.Duration, message proto.Message) error
	// CancelTimer ends a timer.
	CancelTimer(id string)

	sealed()
}

// turn is a Context: the handling of one message, a hook, or a whole loop. Most handlers never wait for its end, so the
// real context behind it is made when somebody asks for it.
type turn struct {
	cell    *cell
	message *Message // nil in a hook or a loop

	// inner is nil until then.
	inner atomic.Pointer[inner]
	state atomic.Uint32
}

// inner is the real context behind a turn.
type inner struct {
	context.Context
	cancel context.CancelFunc
}

// The bits of a turn's state.
const (
	turnEnded uint32 = 1 << iota // the asker has stopped waiting
	turnOver                     // the handler has returned
)

// turnKey finds the turn below a derived context.
type turnKey struct{}

func turnOf(ctx context.Context) *turn {
	t, _ := ctx.Value(turnKey{}).(*turn)
	return t
}

func (t *turn) sealed() {}

// Deadline implements context.Context.
func (t *turn) Deadline() (time.Time, bool) {
	if t.message == nil || t.message.deadline == 0 {
		return time.Time{}, false
	}
	return t.cell.node.timeOf(t.message.deadline), true
}

// Done implements context.Context.
func (t *turn) Done() <-chan struct{} { return t.real().Done() }

// Err implements context.Context.
func (t *turn) Err() error { return t.real().Err() }

// Value implements context.Context.
func (t *turn) Value(key any) any {
	if _, ok := key.(turnKey); ok {
		return t
	}
	return t.real().Value(key)
}

func (t *turn) real() context.Context {
	if made := t.inner.Load(); made != nil {
		return made
	}
	return t.realOf(t.cell.ctx())
}

// realOf makes the real context below base, unless there is one.
func (t *turn) realOf(base context.Context) context.Context {
	made := new(inner)
	if deadline, ok := t.Deadline(); ok {
		made.Context, made.cancel = context.WithDeadline(base, deadline)
	} else {
		made.Context, made.cancel = context.WithCancel(base)
	}
	if !t.inner.CompareAndSwap(nil, made) {
		made.cancel() // another goroutine was faster
		return t.inner.Load()
	}
	if t.state.Load() != 0 {
		made.cancel()
	}
	return made
}

// end: the asker has stopped waiting.
func (t *turn) end() {
	t.set(turnEnded)
}

// finish: the handler has returned.
func (t *turn) finish() {
	t.set(turnOver)
}

// set: who makes the real context afterwards sees the state, and whoever has made it before is seen here.
func (t *turn) set(bit uint32) {
	t.state.Or(bit)
	if made := t.inner.Load(); made != nil {
		made.cancel()
	}
}

// stages says whether a tell by this turn is staged. The error: the handler has returned.
func (t *turn) stages() (bool, error) {
	if t.state.Load()&turnOver != 0 {
		return false, newError(CodeInvalidArgument, t.cell.ref.text,
			"the handler that this context belongs to has returned; use the node's own calls with another context")
	}
	return t.cell.factory.loop == nil, nil
}

// flushBefore sends what was staged, before a wait.
func (t *turn) flushBefore(ctx context.Context) {
	if staged, err := t.stages(); staged && err == nil {
		t.cell.flush(ctx, flushAll)
	}
}

// askPath is the chain of asks that an ask by this turn continues.
func (t *turn) askPath() []uint64 {
	m := t.message
	if t.cell.factory.loop != nil {
		t.cell.mu.Lock()
		m = t.cell.running
		t.cell.mu.Unlock()
	}
	return append(m.askPath(), hashOfPath(t.cell.path))
}

// Self implements Context.
func (t *turn) Self() Ref { return t.cell.ref }

// Sender implements Context.
func (t *turn) Sender() Ref {
	if t.message == nil {
		return Ref{}
	}
	return t.message.Sender()
}

// Node implements Context.
func (t *turn) Node() *Node { return t.cell.node }

// Logger implements Context.
func (t *turn) Logger() *slog.Logger { return t.cell.node.log.With("actor", t.cell.ref.text) }

// Tell implements Context.
func (t *turn) Tell(to Ref, message proto.Message) error {
	return t.cell.node.Tell(t, to, message)
}

// Request implements Context.
func (t *turn) Request(to Ref, message proto.Message, within time.Duration, note []byte) error {
	staged, err := t.stages()
	if err != nil {
		return err
	}
	c, node := t.cell, t.cell.node
	now := node.now()
	deadline := now + millis(min(within, longest))
	correlation, err := node.beginAsk(now, deadline, &waiter{actor: c.path}, to)
	if err != nil {
		return err
	}
	fields := wire.BodyFields{Correlation: correlation, Trace: node.traceOf(t)}
	out, err := newOutgoingIn(node.codecOf(to), pb.Kind_KIND_ASK, message, fields)
	if err == nil {
		out.deadline = deadline
		key := requestKey{node.name, correlation}
		c.mu.Lock()
		c.noteRequest(key, &request{note: note, deadline: node.timeOf(deadline)})
		c.mu.Unlock()
		if staged {
			err = c.stage(to, &out)
		} else {
			var placed placed
			placed, err = node.place(t, c.sender(), to, &out)
			node.notePlaced(&out, placed)
		}
	}
	if err != nil {
		node.endAsk(correlation)
		node.countAsk(err)
		c.takeRequest(requestKey{node.name, correlation})
	}
	return err
}

// Spawn implements Context.
func (t *turn) Spawn(name string, make func() Receiver, options ...SpawnOption) (Ref, error) {
	child, err := t.cell.node.spawnCell(t.cell.path+"/"+name, factory{handler: make}, spawnOptionsOf(options), t.cell)
	if err != nil {
		return Ref{}, err
	}
	return child.ref, nil
}

// Watch implements Context.
func (t *turn) Watch(other Ref) error {
	t.flushBefore(t)
	watcher, err := pinnedRef(t.cell.node.name, t.cell.path)
	if err != nil {
		return err
	}
	return t.cell.node.watch(t, other, watcher, false)
}

// Timer implements Context.
func (t *turn) Timer(id string, delay time.Duration, message proto.Message) error {
	out, err := newOutgoing(pb.Kind_KIND_TELL, message, wire.BodyFields{})
	if err != nil {
		return err
	}
	c := t.cell
	if !c.startTimer(id, time.Now().Add(min(delay, longest)), c.selfMessage(&out)) {
		return newError(CodeMailboxFull, c.ref.text, "an actor has at most 1,024 timers")
	}
	return nil
}

// CancelTimer implements Context.
func (t *turn) CancelTimer(id string) { t.cell.stopTimer(id) }

func millis(d time.Duration) uint64 { return uint64(max(d, 0) / time.Millisecond) }
