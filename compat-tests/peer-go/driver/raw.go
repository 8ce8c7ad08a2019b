package driver

import (
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	ab "github.com/actorbridge/actorbridge/go-client"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
)

// raw is a message of the named type that encodes to exactly these bytes, also if they do not decode: they are all
// unknown fields of it. What is sent in another codec than protobuf is decoded.
func raw(message ops.Encoded) (proto.Message, error) {
	bytes, err := payload(message)
	if err != nil {
		return nil, err
	}
	known, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(message.Type))
	if err != nil {
		return nil, fmt.Errorf("this peer does not know %s", message.Type)
	}
	m := known.New()
	if message.Codec != "" {
		return m.Interface(), proto.Unmarshal(bytes, m.Interface())
	}
	m.SetUnknown(bytes)
	return m.Interface(), nil
}

func payload(message ops.Encoded) ([]byte, error) {
	bytes, err := hex.DecodeString(message.Payload)
	if err != nil {
		return nil, fmt.Errorf("a payload is no hex: %w", err)
	}
	return bytes, nil
}

// isRaw: its bytes are sent as they are, in no codec.
func isRaw(message ops.Encoded) bool { return message.Codec == "raw" }

// in is the actor in the codec of a message.
func in(to ab.Ref, message ops.Encoded) (ab.Ref, ab.Codec) {
	switch message.Codec {
	case "json":
		return to.Using(ab.JSON), ab.JSON
	case "msgpack":
		return to.Using(ab.MessagePack), ab.MessagePack
	}
	return to, ab.Protobuf
}

// encoded is a reply as the runner gets it, in protobuf. It has to have come in the codec of its ask.
func encoded(reply *ab.Message, codec ab.Codec) (*ops.Encoded, error) {
	bytes, err := reply.PlainPayload()
	if err != nil {
		return nil, err
	}
	if codec != ab.Protobuf {
		known, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(reply.Type()))
		if err != nil {
			return nil, err
		}
		m := known.New().Interface()
		if err := codec.Unmarshal(bytes, m); err != nil {
			return nil, err
		}
		if bytes, err = proto.Marshal(m); err != nil {
			return nil, err
		}
	}
	return &ops.Encoded{Type: reply.Type(), Payload: hex.EncodeToString(bytes)}, nil
}
