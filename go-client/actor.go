package actorbridge

import (
	"context"
	"math"
	"time"

	"google.golang.org/protobuf/proto"
)

// A Receiver is an actor: private state and a handler. It gets one message at a time, never two at once, and needs no
// locks. Its optional interfaces are [Starter], [Stopper] and [Snapshotter], its own or those of a value that it is around
// (see [Unwrapper]).
//
// Between two messages it has no goroutine. While handlers run there is one for each, so a handler may block; what bounds
// them is the number of actors.
type Receiver interface {
	// Receive handles one message. An ask is answered with [Message.Reply]; an error answers it with a failure.
	Receive(ctx Context, m *Message) error
}

// A ReceiverFunc is an actor without hooks.
type ReceiverFunc func(ctx Context, m *Message) error

// Receive calls f.
func (f ReceiverFunc) Receive(ctx Context, m *Message) error { return f(ctx, m) }

// A Starter is told when it starts.
type Starter interface {
	// PostStart runs before the first message, and after each restart. An error counts as a panic.
	PostStart(ctx Context) error
}

// A Stopper is told when it stops.
type Stopper interface {
	// PostStop runs after the last message. ctx ends with the grace time of the stop. It is not run on an actor that a panic
	// ended: its state cannot be trusted.
	PostStop(ctx context.Context) error
}

// A Snapshotter has a state that another node, also one in another language, can load.
type Snapshotter interface {
	// Snapshot gives the state to keep or to move. It runs between two messages.
	Snapshot(ctx context.Context) (proto.Message, error)
	// Restore takes over a state, before PostStart.
	Restore(ctx context.Context, state proto.Message) error
}

// A Strategy says what happens after a panic.
type Strategy struct {
	restarts uint32
	windowMs uint32
}

// OneForOne makes the actor that panicked anew, at most restarts times within window; one more panic stops it. Its mailbox
// and address survive, other actors are not touched. The default is OneForOne(3, time.Minute).
func OneForOne(restarts int, window time.Duration) Strategy {
	return Strategy{uint32(min(max(restarts, 0), math.MaxInt32)), uint32(min(millis(window), math.MaxUint32))}
}

// A SpawnOption changes how an actor is spawned.
type SpawnOption func(*spawnOptions)

type spawnOptions struct {
	mailbox  uint32
	strategy Strategy
}

// Mailbox bounds the messages that an actor holds, the one being handled included. The default is 1,024.
func Mailbox(messages int) SpawnOption {
	return func(o *spawnOptions) { o.mailbox = uint32(min(max(messages, 1), 1<<24)) }
}

// Supervise sets what happens after a panic.
func Supervise(s Strategy) SpawnOption {
	return func(o *spawnOptions) { o.strategy = s }
}

func spawnOptionsOf(options []SpawnOption) spawnOptions {
	o := spawnOptions{mailbox: 1024, strategy: OneForOne(3, time.Minute)}
	for _, set := range options {
		set(&o)
	}
	return o
}

// factory makes an actor: a handler, again after each panic, or a loop.
type factory struct {
	handler func() Receiver
	loop    func(ctx Context, in *Inbox) error
}
