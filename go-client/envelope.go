package actorbridge

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// maxCall is the most bytes of an envelope that comes by a call: gRPC takes 4 MiB with what is around it.
const maxCall = 4<<20 - 64<<10

// lastOwnField is the last field of an envelope, by number, that a node writes itself when it asks for a client: kind, payload,
// correlation, source, target, type with its versions, content type, reply_to.
const lastOwnField = 10

// AskEnvelope implements [door.Answerer]: it asks for a client that is no node, and no actor.
func (n *Node) AskEnvelope(ctx context.Context, envelope []byte) (reply []byte, refused *door.AskError) {
	to, encode, err := n.clientAsk(envelope)
	if err != nil {
		return nil, clientError(err)
	}
	how := asking{within: longest, encode: encode}
	if _, ok := ctx.Deadline(); !ok {
		how.within = defaultTimeout
	}
	answer, err := n.ask(ctx, n.outside, to, nil, how)
	if err != nil {
		return nil, clientError(err)
	}
	return answer.envelope(), nil
}

// SubscribeEnvelope implements [door.Answerer].
func (n *Node) SubscribeEnvelope(ctx context.Context, envelope []byte, send func(envelope []byte) error) *door.AskError {
	to, encode, err := n.clientAsk(envelope)
	if err != nil {
		return clientError(err)
	}
	s, err := n.subscribe(ctx, n.outside, to, longest, encode)
	if err != nil {
		return clientError(err)
	}
	for event, err := range s.All() {
		if err != nil {
			return clientError(err)
		}
		if send(event.envelope()) != nil {
			return nil // the client waits no longer
		}
	}
	if reply := s.Reply(); reply != nil {
		_ = send(reply.envelope())
	}
	return nil
}

// clientError is why a client that is no node has no reply.
func clientError(err error) *door.AskError {
	e, ok := err.(*Error)
	if !ok {
		e = newError(CodeUnavailable, "an envelope", err.Error())
	}
	f := e.failure()
	return &door.AskError{
		Failure: &pb.Failure{Code: pb.Code(f.code), Effect: pb.Effect(f.effect), Detail: valid(f.detail), ReaderVersion: f.reader},
		GRPC:    f.code.GRPC(), Text: e.Error(),
	}
}

// clientAsk reads what a client that is no node asks: of whom, and how the ask is encoded.
func (n *Node) clientAsk(envelope []byte) (Ref, func(wire.BodyFields) (outgoing, error), error) {
	type encoding = func(wire.BodyFields) (outgoing, error)
	refuse := func(code Code, detail string) (Ref, encoding, error) {
		return Ref{}, nil, newError(code, "an envelope", detail)
	}
	if len(envelope) > maxCall {
		return refuse(CodeTooLarge, fmt.Sprintf("it has %d bytes; at most %d: a larger one goes by the link of a node", len(envelope), maxCall))
	}
	e, refusal := wire.ReadEnvelope(envelope)
	switch {
	case refusal != nil:
		return Ref{}, nil, refusedError("an envelope", refusal)
	case e.Kind != uint32(pb.Kind_KIND_ASK):
		return refuse(CodeUnsupportedKind, "only a KIND_ASK is taken from a client that is no node")
	case len(e.Source)+len(e.ReplyTo)+len(e.Tenant) > 0 || e.Correlation != 0:
		return refuse(CodeInvalidArgument, "a client that is no node has no source, reply_to, tenant and correlation: leave them out")
	case e.Compression != 0:
		return refuse(CodeUnsupportedCodec, "it is compressed")
	}
	to, err := n.Ref(string(e.Target))
	if err != nil {
		return Ref{}, nil, err
	}
	rest := otherFields(envelope)
	what := wire.NewWhat(pb.Kind_KIND_ASK, string(e.TypeName), max(e.TypeVersion, 1), max(e.MinReaderVersion, 1), pb.ContentType(e.ContentType))
	return to, func(fields wire.BodyFields) (outgoing, error) {
		body := append(wire.AppendBody(nil, wire.BodyFields{Correlation: fields.Correlation}, nil), rest...)
		body = append(body, wire.AppendBody(nil, wire.BodyFields{}, e.Payload)...)
		return outgoing{
			what: what, body: body, payload: body[len(body)-len(e.Payload):], correlation: fields.Correlation, asks: e.AskPathLen,
			traced: len(e.Trace) > 0,
		}, nil
	}, nil
}

// otherFields are the fields of an envelope that nobody rewrites: also those that this build does not know.
func otherFields(envelope []byte) (rest []byte) {
	for left := envelope; len(left) > 0; {
		number, _, size := protowire.ConsumeField(left)
		if size < 0 {
			return rest // it has been read before: it cannot fail here
		}
		if number > lastOwnField {
			rest = append(rest, left[:size]...)
		}
		left = left[size:]
	}
	return rest
}

// Closing is closed when the node begins to shut down.
func (n *Node) Closing() <-chan struct{} { return n.closing }
