package actorbridge

import (
	"context"

	"google.golang.org/protobuf/proto"
)

// A Spawner is where an actor can be spawned: a [Node], or the [Context] of an actor that becomes its parent.
type Spawner interface {
	// Spawn makes an actor at path by its factory, as [Node.Spawn] and [Context] say.
	Spawn(path string, make func() Receiver, options ...SpawnOption) (Ref, error)
}

var (
	_ Spawner = (*Node)(nil)
	_ Spawner = Context(nil)
)

// An Unwrapper is a [Receiver] around another value, such as the one that `actorbridge gen` puts around an actor. What it
// does not implement of [Starter], [Stopper] and [Snapshotter] is looked for in the value that it gives, and so on inwards.
type Unwrapper interface {
	// Unwrap gives the value inside. It only gives it: it may be called at any time.
	Unwrap() any
}

// maxUnwraps is how deep an optional interface is looked for: a value that gives itself must not be searched for ever.
const maxUnwraps = 8

// hookOf finds an optional interface of an actor, the outermost one.
func hookOf[T any](actor any) (hook T, ok bool) {
	for range maxUnwraps {
		if hook, ok = actor.(T); ok {
			return hook, true
		}
		around, isAround := actor.(Unwrapper)
		if !isAround {
			break
		}
		actor = around.Unwrap()
	}
	return hook, false
}

// Tell sends a message without an answer. In an actor, ctx is its [Context] or derived from it, and it is that
// [Context.Tell]; otherwise to is a Ref of a node, and it is that node's [Node.Tell].
func Tell(ctx context.Context, to Ref, message proto.Message) error {
	node, err := to.nodeFor(ctx)
	if err != nil {
		return err
	}
	return node.Tell(ctx, to, message)
}

// nodeFor is the node that sends to r: of the actor whose context it is, else the Ref's own.
func (r Ref) nodeFor(ctx context.Context) (*Node, error) {
	if t := turnOf(ctx); t != nil {
		return t.cell.node, nil
	}
	if r.node == nil {
		return nil, newError(CodeInvalidArgument, r.text,
			"this Ref belongs to no node: take it from Node.Ref, or send with an actor's context")
	}
	return r.node, nil
}

// Answer ends the handling of m with what a typed handler returned: with err as it is, else with the reply, which a tell
// has nobody for. Neither of them is HANDLER_ERROR.
func Answer(m *Message, reply proto.Message, err error) error {
	switch {
	case err != nil:
		return err
	case !m.IsAsk():
		return nil
	case reply == nil || !reply.ProtoReflect().IsValid():
		return neitherOf(m)
	}
	return m.Reply(reply)
}

// NoReliableDelivery is why an actor at path cannot be spawned whose protocol, a service's full name, has a message with
// delivery: AT_LEAST_ONCE. To promise it and not to keep it would be worse.
func NoReliableDelivery(protocol, path string) error {
	return newError(CodeUnavailable, path, protocol+" declares delivery AT_LEAST_ONCE, and this version of actorbridge "+
		"delivers at most once; remove the option from its methods")
}
