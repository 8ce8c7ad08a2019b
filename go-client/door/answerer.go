package door

import (
	"context"

	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// An Answerer is an [Acceptor] that also takes asks, of clients that are no nodes; *actorbridge.Node is one.
type Answerer interface {
	// AskEnvelope asks with a complete envelope of kind ASK, and returns the complete envelope of the reply. ctx has the deadline.
	AskEnvelope(ctx context.Context, envelope []byte) (reply []byte, refused *AskError)
	// SubscribeEnvelope asks for events: send is called with the complete envelope of each, then of the reply. It returns when that has
	// been sent, when there is none, when send fails, or ctx ends.
	SubscribeEnvelope(ctx context.Context, envelope []byte, send func(envelope []byte) error) *AskError
	// Closing is closed when no more asks are taken.
	Closing() <-chan struct{}
}

// An AskError is why there is no reply.
type AskError struct {
	Failure *actorbridgev1.Failure
	// GRPC is a google.rpc.Code, as docs/ERRORS.md has it for the failure's code.
	GRPC uint32
	// Text says what happened, to what, and what to do.
	Text string
}
