package actorbridge

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

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
	traced      bool
	older       []outgoing // the same message as older versions write it, from the newest to the oldest
	missing     error      // why there are not more of them
	// smaller is the same with a compressed payload, if there is one. It must not point at itself: each ask would be allocated.
	smaller          *outgoing
	compressionTried bool
}

// newOutgoing encodes a message as protobuf. It fails with INVALID_ARGUMENT for one that does not encode.
func newOutgoing(kind pb.Kind, message proto.Message, fields wire.BodyFields) (outgoing, error) {
	return newOutgoingIn(Protobuf, kind, message, fields)
}

// newOutgoingIn is newOutgoing in any codec.
func newOutgoingIn(codec Codec, kind pb.Kind, message proto.Message, fields wire.BodyFields) (outgoing, error) {
	if message == nil {
		return outgoing{}, newError(CodeInvalidArgument, "", "the message is nil")
	}
	info := infoOf(message)
	out, err := info.encode(codec, kind, message, fields)
	if err == nil && len(info.older) > 0 {
		info.encodeOlder(&out, codec, kind, message, fields)
	}
	return out, err
}

// encode encodes a message as one of this version.
func (t *typeInfo) encode(
	codec Codec, kind pb.Kind, message proto.Message, fields wire.BodyFields,
) (outgoing, error) {
	if codec != Protobuf {
		return t.encodeIn(codec, kind, message, fields)
	}
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
			e := newError(CodeInvalidArgument, t.name, "the message does not encode, or is changed meanwhile")
			e.cause = err
			return outgoing{}, e
		}
	}
	return outgoing{
		what: t.what(kind, codec), body: body, payload: body[start:], correlation: fields.Correlation,
		asks: uint32(len(fields.AskPath)), traced: fields.Trace != nil,
	}, nil
}

// encodeIn is encode where the size shows only when it is written.
func (t *typeInfo) encodeIn(
	codec Codec, kind pb.Kind, message proto.Message, fields wire.BodyFields,
) (outgoing, error) {
	payload, err := codec.Marshal(message)
	if err != nil {
		return outgoing{}, err
	}
	body := wire.AppendBody(make([]byte, 0, len(payload)+40+8*len(fields.AskPath)), fields, payload)
	return outgoing{
		what: t.what(kind, codec), body: body, payload: body[len(body)-len(payload):], correlation: fields.Correlation,
		asks: uint32(len(fields.AskPath)), traced: fields.Trace != nil,
	}, nil
}

// notice is a message of this library's own.
func notice(kind pb.Kind, message proto.Message) *outgoing {
	out, err := newOutgoing(kind, message, wire.BodyFields{})
	if err != nil {
		panic("actorbridge: a message of its own does not encode: " + err.Error())
	}
	return &out
}

// failureOut is a KIND_FAILURE.
func failureOut(correlation uint64, f *failure, trace *Trace) *outgoing {
	encoded, payload := f.encode()
	name := ""
	if len(payload) > 0 {
		name = "actorbridge.v1.UserError"
	}
	body := wire.AppendBody(nil, wire.BodyFields{Correlation: correlation, Failure: encoded, Trace: trace}, payload)
	return &outgoing{
		what: wire.NewWhat(pb.Kind_KIND_FAILURE, name, 1, 1, 0), body: body, payload: body[len(body)-len(payload):],
		correlation: correlation, traced: trace != nil,
	}
}

// isPlain says whether the body holds nothing but the payload.
func (out *outgoing) isPlain() bool {
	return out.correlation == 0 && out.asks == 0 && len(out.older) == 0 && wire.IsPlain(out.body, len(out.payload))
}

// tooLarge is why it can never be sent; empty if it can.
func (out *outgoing) tooLarge() string {
	if size := len(out.what.Bytes) + len(out.body); size > maxMessage {
		return fmt.Sprintf("a message of %d bytes; one has at most 16 MiB, and 64 KiB beside its payload", size)
	}
	return ""
}

// message is what an actor of this node gets.
func (out *outgoing) message(node *Node, who *wire.Who) *Message {
	return newMessage(head{
		node: node, who: who, what: out.what, body: out.body, correlation: out.correlation,
		asks: out.asks, deadline: out.deadline, hops: out.hops, traced: out.traced,
	}, out.payload)
}

// typeInfo is what a node has to know of a message type, made once.
type typeInfo struct {
	descriptor         protoreflect.MessageDescriptor // nil of an older version
	name               string
	version, minReader uint32
	whats                              // in protobuf
	coded              [2]whats        // in JSON, in MessagePack
	up                 map[uint32]cast // by the version that it begins with
	older              []*older        // versions that it can be written as, from the newest to the oldest
}

// whats are what messages of a type begin with in one codec.
type whats struct{ tell, ask, reply *wire.What }

// older is an older version of a type, and how the next newer one becomes it.
type older struct {
	typeInfo
	cast cast
}

// maxTypes bounds the types that are remembered: a program that makes descriptors as it runs must not fill the memory.
const maxTypes = 4096

var types = struct {
	sync.RWMutex
	known map[protoreflect.MessageDescriptor]*typeInfo
	// last is the one that was looked for last.
	last atomic.Pointer[typeInfo]
}{known: make(map[protoreflect.MessageDescriptor]*typeInfo)}

func infoOf(message proto.Message) *typeInfo {
	descriptor := message.ProtoReflect().Descriptor()
	if last := types.last.Load(); last != nil && last.descriptor == descriptor { // as often
		return last
	}
	types.RLock()
	info := types.known[descriptor]
	types.RUnlock()
	if info != nil {
		types.last.Store(info)
		return info
	}
	options := optionsOf(descriptor)
	known := newTypeInfo(string(descriptor.FullName()), max(options.GetVersion(), 1), max(options.GetMinReader(), 1))
	known.descriptor = descriptor
	info = &known
	if casts := castsOf(descriptor); casts != nil {
		info.up = casts.up
		if info.minReader > 1 { // else every reader reads it
			for _, d := range casts.down {
				info.older = append(info.older, &older{newTypeInfo(info.name, d.to, d.minReader), d.cast})
			}
		}
	}
	types.Lock()
	defer types.Unlock()
	if len(types.known) >= maxTypes {
		clear(types.known)
	}
	types.known[descriptor] = info
	return info
}

func newTypeInfo(name string, version, minReader uint32) typeInfo {
	t := typeInfo{name: name, version: version, minReader: minReader}
	in := func(codec Codec) whats {
		return whats{t.make(pb.Kind_KIND_TELL, codec), t.make(pb.Kind_KIND_ASK, codec), t.make(pb.Kind_KIND_REPLY, codec)}
	}
	t.whats, t.coded = in(Protobuf), [...]whats{in(JSON), in(MessagePack)}
	return t
}

// optionsOf is what a type says of its version; nil if it says nothing.
func optionsOf(descriptor protoreflect.MessageDescriptor) *pb.MessageOptions {
	options, _ := proto.GetExtension(descriptor.Options(), pb.E_Message).(*pb.MessageOptions)
	return options
}

func versionOf(descriptor protoreflect.MessageDescriptor) uint32 {
	return max(optionsOf(descriptor).GetVersion(), 1)
}

func (t *typeInfo) what(kind pb.Kind, codec Codec) *wire.What {
	of := &t.whats
	if codec != Protobuf {
		of = &t.coded[codec-JSON]
	}
	switch kind {
	case pb.Kind_KIND_TELL:
		return of.tell
	case pb.Kind_KIND_ASK:
		return of.ask
	case pb.Kind_KIND_REPLY:
		return of.reply
	}
	return t.make(kind, codec)
}

func (t *typeInfo) make(kind pb.Kind, codec Codec) *wire.What {
	return wire.NewWhat(kind, t.name, t.version, t.minReader, pb.ContentType(codec))
}
