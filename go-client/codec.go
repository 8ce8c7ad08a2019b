package actorbridge

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/codec"
)

// A Codec is how the payload of a message is encoded. Each actor reads all of them, and a reply comes in the codec of its
// ask. What is sent is protobuf, unless [WithCodec] or [Ref.Using] says something else. docs/CODECS.md has what each of
// them keeps and refuses. What actors do not send themselves is always protobuf: failures, timers, states, and the messages
// of this library.
type Codec uint8

const (
	// Protobuf is the smallest and the fastest one, by far.
	Protobuf = Codec(pb.ContentType_CONTENT_TYPE_PROTOBUF)
	// JSON is protobuf's canonical JSON. It has no place for fields that its writer or reader does not know: they are left
	// out.
	JSON = Codec(pb.ContentType_CONTENT_TYPE_JSON)
	// MessagePack has a map with the numbers of the fields for each message. Fields that a reader does not know are kept.
	MessagePack = Codec(pb.ContentType_CONTENT_TYPE_MSGPACK)
)

var codecNames = [...]string{"protobuf", "JSON", "MessagePack"}

// String is its name.
func (c Codec) String() string {
	if c.isKnown() {
		return codecNames[c]
	}
	return fmt.Sprintf("content type %d", uint8(c))
}

func (c Codec) isKnown() bool { return c <= MessagePack }

// Marshal encodes a message, for gateways and tests: what is sent, a node encodes. It fails with INVALID_ARGUMENT for a
// message that has no such encoding: text that is not UTF-8, more than 100 levels, in JSON also a time out of its range or
// an Any of a type that this program does not have.
func (c Codec) Marshal(message proto.Message) ([]byte, error) {
	if message == nil {
		return nil, newError(CodeInvalidArgument, "", "the message is nil")
	}
	var payload []byte
	var err error
	switch c {
	case Protobuf:
		payload, err = proto.Marshal(message)
	case JSON:
		payload, err = codec.MarshalJSON(message)
	case MessagePack:
		payload, err = codec.MarshalMessagePack(message)
	default:
		err = errors.New("there is no such codec")
	}
	if err != nil {
		name := string(message.ProtoReflect().Descriptor().FullName())
		e := newError(CodeInvalidArgument, name, fmt.Sprintf("the message has no encoding as %v: %v", c, err))
		e.cause = err
		return nil, e
	}
	return payload, nil
}

// Unmarshal reads what Marshal wrote, here or in another language; what message held before is gone. It fails with
// UNDECODABLE, and with UNSUPPORTED_CODEC for a codec that there is not. Versions it does not look at: [Message.Decode]
// does.
func (c Codec) Unmarshal(payload []byte, message proto.Message) error {
	name := string(message.ProtoReflect().Descriptor().FullName())
	if !c.isKnown() {
		detail := fmt.Sprintf("it came as %v; protobuf, JSON and MessagePack are read here", c)
		return newError(CodeUnsupportedCodec, name, detail)
	}
	if err := c.unmarshal(payload, message); err != nil {
		return newError(CodeUndecodable, name, undecodable(name, c, err))
	}
	return nil
}

func (c Codec) unmarshal(payload []byte, message proto.Message) error {
	switch c {
	case JSON:
		return codec.UnmarshalJSON(payload, message)
	case MessagePack:
		return codec.UnmarshalMessagePack(payload, message)
	}
	return proto.Unmarshal(payload, message)
}

func undecodable(name string, c Codec, why error) string {
	if c == Protobuf {
		return fmt.Sprintf("%s does not decode: %v", name, why)
	}
	return fmt.Sprintf("%s does not decode from %v: %v", name, c, why)
}

// WithCodec sets what this node's actors and outside code send in, unless a [Ref] says something else.
func WithCodec(c Codec) Option {
	return func(o *startOptions) { o.codec = c }
}

// Using is the same actor, to which messages go in a codec of their own. It is not equal to r.
func (r Ref) Using(c Codec) Ref {
	r.codec = 1 + c
	return r
}

// codecOf is what messages to an actor are encoded in.
func (n *Node) codecOf(to Ref) Codec {
	if to.codec > 0 {
		return to.codec - 1
	}
	return n.codec
}

// codec is what the message came in, and its answer goes out in. Of what came raw, or in a later codec: protobuf.
func (m *Message) codec() Codec {
	if m.what.ContentType <= uint32(MessagePack) {
		return Codec(m.what.ContentType)
	}
	return Protobuf
}
