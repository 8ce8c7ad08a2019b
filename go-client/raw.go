package actorbridge

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A RawType is a message type whose payload is bytes that nobody encodes or decodes on the way: for gateways, for data that has
// a format of its own, and where every nanosecond counts. It has a name and no versions. Both sides make it with the same name; in
// Rust it is actorbridge::RawType.
type RawType struct {
	name             string
	tell, ask, reply *wire.What
}

// NewRawType makes a type, once for each name: such as "ticks.v1.Tick". An actor that knows other types of that name refuses it.
func NewRawType(name string) *RawType {
	of := func(kind pb.Kind) *wire.What { return wire.NewWhat(kind, name, 1, 1, pb.ContentType_CONTENT_TYPE_RAW) }
	return &RawType{name, of(pb.Kind_KIND_TELL), of(pb.Kind_KIND_ASK), of(pb.Kind_KIND_REPLY)}
}

// Name is its name.
func (t *RawType) Name() string { return t.name }

// outgoing is a message of this type; it copies the payload.
func (t *RawType) outgoing(what *wire.What, payload []byte, fields wire.BodyFields) outgoing {
	return t.outgoingIn(make([]byte, 0, len(payload)+40+8*len(fields.AskPath)), what, payload, fields)
}

// outgoingIn is outgoing in memory that is given, if it has room.
func (t *RawType) outgoingIn(memory []byte, what *wire.What, payload []byte, fields wire.BodyFields) outgoing {
	body := wire.AppendBody(memory[:0], fields, payload)
	return outgoing{
		what: what, body: body, payload: body[len(body)-len(payload):], correlation: fields.Correlation,
		asks: uint32(len(fields.AskPath)), traced: fields.Trace != nil,
	}
}

// TellRaw is [Node.Tell] for a raw message. The payload is the caller's again when it returns.
func (n *Node) TellRaw(ctx context.Context, to Ref, t *RawType, payload []byte) error {
	if o := n.rawOutlet(ctx, to); o != nil && o.sendOneRaw(t.tell, payload) {
		return nil
	}
	out := t.outgoing(t.tell, payload, wire.BodyFields{Trace: n.traceOf(ctx)})
	return n.tellOut(ctx, to, &out)
}

// TellRawAll is TellRaw for several messages, which share what a message costs beside its bytes. It says how many were sent, in
// order: all, or as many as went before the error.
func (n *Node) TellRawAll(ctx context.Context, to Ref, t *RawType, payloads [][]byte) (sent int, err error) {
	for sent < len(payloads) {
		if o := n.rawOutlet(ctx, to); o != nil {
			sent += o.sendRaw(t.tell, payloads[sent:])
		}
		if sent == len(payloads) {
			break
		}
		if err = n.TellRaw(ctx, to, t, payloads[sent]); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}

// rawOutlet is where payloads may go without an encoded message in between; nil: the way is not known, or they go another.
func (n *Node) rawOutlet(ctx context.Context, to Ref) *outlet {
	if ctx != context.Background() && (turnOf(ctx) != nil || n.spanOf(ctx) != nil) {
		return nil // in a handler they are staged, and in a trace there is more than a payload
	}
	return n.outside.known(to)
}

// tellNow sends a message that is encoded into memory that is used again. False: the usual way says more.
func (n *Node) tellNow(ctx context.Context, to Ref, message proto.Message) bool {
	o := n.outside.known(to)
	if o == nil || message == nil || turnOf(ctx) != nil || n.spanOf(ctx) != nil || !o.isShared() || n.codecOf(to) != Protobuf {
		return false
	}
	info := infoOf(message)
	if info.minReader > 1 { // the peer may read an older version only
		return false
	}
	memory := scratches.Get().(*scratch)
	defer scratches.Put(memory)
	payload, err := proto.MarshalOptions{}.MarshalAppend(memory.body[:0], message)
	if err != nil {
		return false
	}
	memory.body = payload[:0]
	return len(payload) > 0 && o.sendOneRaw(info.tell, payload)
}

// AskRaw is [Node.Ask] for a raw message whose reply is raw too. The reply is the caller's.
func (n *Node) AskRaw(ctx context.Context, to Ref, t *RawType, payload []byte, options ...AskOption) ([]byte, error) {
	return n.askRaw(ctx, to, t, payload, options, asking{})
}

// AskRawInline is AskRaw for a type that the actor's protocol declares inline; see [AskInline].
func (n *Node) AskRawInline(ctx context.Context, to Ref, t *RawType, payload []byte, options ...AskOption) ([]byte, error) {
	if n.isQuick(ctx, options) {
		if reply, done, err := n.askRawNow(ctx, to, t, payload); done {
			return reply, err
		}
	}
	return n.askRaw(ctx, to, t, payload, options, asking{inline: true, wants: t.reply})
}

func (n *Node) askRaw(
	ctx context.Context, to Ref, t *RawType, payload []byte, options []AskOption, how asking,
) ([]byte, error) {
	how.raw, how.payload, how.name = t, payload, t.name
	reply, err := n.askWith(ctx, to, nil, options, how)
	if err != nil {
		return nil, err
	}
	payload, err = t.read(to, reply)
	reply.reuse()
	return payload, err
}

// read is the payload of a reply.
func (t *RawType) read(to Ref, reply *Message) ([]byte, error) {
	if reply.what.ContentType != uint32(pb.ContentType_CONTENT_TYPE_RAW) {
		return nil, answerError(to, reply.Unsupported())
	}
	payload, unreadable := reply.plainPayload()
	if unreadable != nil {
		return nil, answerError(to, unreadable)
	}
	return payload, nil
}

// Raw is the payload of a raw message of this type, as its sender gave it, also where it came compressed. It must not be changed. It
// fails with UNSUPPORTED_TYPE or UNSUPPORTED_CODEC, of one that came compressed also with UNDECODABLE or TOO_LARGE; a handler returns
// that error, and the asker is told.
func (m *Message) Raw(t *RawType) ([]byte, error) {
	if m.what.TypeName != t.name {
		return nil, m.Unsupported()
	}
	if m.what.ContentType != uint32(pb.ContentType_CONTENT_TYPE_RAW) {
		e := newError(CodeUnsupportedCodec, m.who.Target, fmt.Sprintf("%s is read raw here, and came encoded", t.name))
		e.refusal = true
		return nil, e
	}
	return m.PlainPayload()
}

// ReplyRaw is [Message.Reply] with a raw message. The payload is copied.
func (m *Message) ReplyRaw(t *RawType, payload []byte) error {
	r, err := m.Responder()
	if err != nil {
		return err
	}
	out := t.outgoing(t.reply, payload, wire.BodyFields{Correlation: r.correlation, Trace: r.trace})
	if err = r.reply(&out); err != nil {
		m.owed.Store(true)
	}
	return err
}
