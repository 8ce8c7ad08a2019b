package actorbridge

import (
	"encoding/binary"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// outgoing is a message on its way out, before it has a sender and a target.
type outgoing struct {
	what        *wire.What
	body        []byte
	payload     []byte // a part of body
	correlation uint64
	asks        uint32
	deadline    uint64
	hops        uint32
}

// newOutgoing encodes a message. It fails with INVALID_ARGUMENT for one that does not encode.
func newOutgoing(kind pb.Kind, message proto.Message, fields wire.BodyFields) (*outgoing, error) {
	if message == nil {
		return nil, newError(CodeInvalidArgument, "", "the message is nil")
	}
	info := infoOf(message)
	size := proto.Size(message)
	body := make([]byte, 0, size+40+len(fields.Failure)+8*len(fields.AskPath))
	body = wire.AppendBody(body, fields, nil)
	start := len(body)
	if size > 0 {
		body = binary.AppendUvarint(body, 2<<3|2)
		body = binary.AppendUvarint(body, uint64(size))
		start = len(body)
		var err error
		body, err = (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend(body, message)
		if err != nil || len(body) != start+size {
			e := newError(CodeInvalidArgument, info.name, "the message does not encode, or is changed meanwhile")
			e.cause = err
			return nil, e
		}
	}
	return &outgoing{
		what: info.what(kind), body: body, payload: body[start:], correlation: fields.Correlation,
		asks: uint32(len(fields.AskPath)),
	}, nil
}

// notice is a message of this library's own.
func notice(kind pb.Kind, message proto.Message) *outgoing {
	out, err := newOutgoing(kind, message, wire.BodyFields{})
	if err != nil {
		panic("actorbridge: a message of its own does not encode: " + err.Error())
	}
	return out
}

// failureOut is a KIND_FAILURE.
func failureOut(correlation uint64, f *failure) *outgoing {
	encoded, payload := f.encode()
	name := ""
	if len(payload) > 0 {
		name = "actorbridge.v1.UserError"
	}
	body := wire.AppendBody(nil, wire.BodyFields{Correlation: correlation, Failure: encoded}, payload)
	return &outgoing{
		what: wire.NewWhat(pb.Kind_KIND_FAILURE, name, 1, 1, 0), body: body, payload: body[len(body)-len(payload):],
		correlation: correlation,
	}
}

// message is what an actor of this node gets.
func (out *outgoing) message(node *Node, who *wire.Who) *Message {
	return &Message{
		node: node, who: who, what: out.what, body: out.body, payload: out.payload, correlation: out.correlation,
		asks: out.asks, deadline: out.deadline, hops: out.hops,
	}
}

// typeInfo is what a node has to know of a message type, made once.
type typeInfo struct {
	name               string
	version, minReader uint32
	tell, ask, reply   *wire.What
}

// maxTypes bounds the types that are remembered: a program that makes descriptors as it runs must not fill the memory.
const maxTypes = 4096

var types = struct {
	sync.RWMutex
	known map[protoreflect.MessageDescriptor]*typeInfo
}{known: make(map[protoreflect.MessageDescriptor]*typeInfo)}

func infoOf(message proto.Message) *typeInfo {
	descriptor := message.ProtoReflect().Descriptor()
	types.RLock()
	info := types.known[descriptor]
	types.RUnlock()
	if info != nil {
		return info
	}
	info = &typeInfo{name: string(descriptor.FullName()), version: 1, minReader: 1}
	if options, ok := proto.GetExtension(descriptor.Options(), pb.E_Message).(*pb.MessageOptions); ok && options != nil {
		info.version, info.minReader = max(options.Version, 1), max(options.MinReader, 1)
	}
	info.tell, info.ask, info.reply = info.make(pb.Kind_KIND_TELL), info.make(pb.Kind_KIND_ASK), info.make(pb.Kind_KIND_REPLY)
	types.Lock()
	defer types.Unlock()
	if len(types.known) >= maxTypes {
		clear(types.known)
	}
	types.known[descriptor] = info
	return info
}

func (t *typeInfo) what(kind pb.Kind) *wire.What {
	switch kind {
	case pb.Kind_KIND_TELL:
		return t.tell
	case pb.Kind_KIND_ASK:
		return t.ask
	case pb.Kind_KIND_REPLY:
		return t.reply
	}
	return t.make(kind)
}

func (t *typeInfo) make(kind pb.Kind) *wire.What {
	return wire.NewWhat(kind, t.name, t.version, t.minReader, pb.ContentType_CONTENT_TYPE_PROTOBUF)
}
