package driver

import (
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
)

// raw is a message of the named type that encodes to exactly these bytes, also if they do not decode: they are all
// unknown fields of it.
func raw(message ops.Encoded) (proto.Message, error) {
	bytes, err := hex.DecodeString(message.Payload)
	if err != nil {
		return nil, fmt.Errorf("a payload is no hex: %w", err)
	}
	known, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(message.Type))
	if err != nil {
		return nil, fmt.Errorf("this peer does not know %s", message.Type)
	}
	m := known.New()
	m.SetUnknown(bytes)
	return m.Interface(), nil
}
