package actorbridge

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Encode encodes a message as a tell, as a send does.
func Encode(message proto.Message) error {
	_, err := newOutgoing(pb.Kind_KIND_TELL, message, wire.BodyFields{})
	return err
}

// Arrived is a tell as its actor gets it, and the context of its handler.
func Arrived(node *Node, message proto.Message) (Context, *Message) {
	out, err := newOutgoing(pb.Kind_KIND_TELL, message, wire.BodyFields{})
	if err != nil {
		panic(err)
	}
	m := out.message(node, noWho)
	m.turn.message = m
	return &m.turn, m
}
