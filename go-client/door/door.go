// Package door is the contract between a node and the ways to make a link.
//
// A door moves packets between two link machines and knows nothing of actors, credit or delivery. So every door gives
// the same promises, and a new one is a few calls.
package door

import (
	"context"

	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A Door makes links to one other node.
type Door interface {
	// Dial makes a link. It blocks until the transport is there, or ctx is done; the nodes' handshake comes after it. Its error need
	// not name the door, which the node's does. A [SetupError]: this door can make none.
	Dial(ctx context.Context) (Link, error)
	// String is the door's address, for logs and errors.
	String() string
}

// A Link carries packets, in order, both ways, until one side closes it.
type Link interface {
	// Send hands over one packet. It blocks while the transport is busy. When it has returned, nothing of the packet is looked at any
	// more: what its messages were in is used again.
	// One goroutine sends.
	Send(*wire.Packet) error
	// Recv waits for the next packet. Its items stay valid. After an error the link is over. A *wire.Refusal means that
	// the peer sent a frame that does not parse. One goroutine receives.
	Recv() (*wire.Packet, error)
	// Close ends the link and unblocks Send and Recv; of a link that came by an [Acceptor], Send at the latest when Accept has returned.
	// Packets that were sent before may still arrive.
	Close() error
}

// An Asker is a Link that can have an ask handled at once, on the asking goroutine, beside its packets.
type Asker interface {
	Link
	// Ask hands over an ask of a flow that the peer knows, and of a type that it was told, with the milliseconds that are left; all
	// packets that were sent before have been acted on. It is not taken if the flow's number stands for another stream by now. It blocks as long as the handler runs. An envelope is the answer; it lies in
	// room, which is the caller's. Without one, taken says whether the ask is handled and its answer comes by Recv; else it was not
	// taken, and is to be sent in a packet. Any goroutine may call it. It keeps nothing.
	Ask(flow uint32, stream uint64, typeID, ttlMs uint32, body, room []byte) (envelope []byte, taken bool)
	// Cancel tells the handler of an ask that is within Ask, or was taken by it, that its asker waits no longer. It does nothing if there
	// is no such ask, or it is over. Any goroutine may call it.
	Cancel(flow uint32, correlation uint64)
}

// An Acceptor takes links that other nodes dialled; *actorbridge.Node is one.
type Acceptor interface {
	// Accept runs the link until it ends.
	Accept(Link) error
}
