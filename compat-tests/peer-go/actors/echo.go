package actors

import (
	"bytes"
	"cmp"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// echo answers an EchoRequest with the same fields. It knows only version 1 of TooNew.
func echo(_ ab.Context, m *ab.Message) error {
	if m.Type() == string(oldTooNew.FullName()) {
		old := dynamicpb.NewMessage(oldTooNew)
		if err := m.Decode(old); err != nil {
			return err
		}
		text := old.Get(oldTooNew.Fields().ByName("text")).String()
		return m.Reply(&testpb.EchoReply{Text: text, Language: "go"})
	}
	var request testpb.EchoRequest
	if err := m.Decode(&request); err != nil {
		return err
	}
	return m.Reply(&testpb.EchoReply{Text: request.Text, Data: request.Data, Language: "go"})
}

// oldTooNew is TooNew as a program of long ago knows it: without its versions.
var oldTooNew = func() protoreflect.MessageDescriptor {
	file := protodesc.ToFileDescriptorProto((&testpb.TooNew{}).ProtoReflect().Descriptor().ParentFile())
	for _, message := range file.MessageType {
		if message.GetName() == "TooNew" {
			message.Options = nil
		}
	}
	old, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		panic(err)
	}
	return old.Messages().ByName("TooNew")
}()

// silent handles asks and never answers them.
func silent(_ ab.Context, m *ab.Message) error { return m.Decode(&testpb.EchoRequest{}) }

// Raw is the type of raw messages in cases.
var Raw = ab.NewRawType("actorbridge.test.v1.Raw")

// rawEcho answers a raw ask with its bytes; one without bytes with those that it was told last.
type rawEcho struct{ told []byte }

// Receive implements ab.Receiver.
func (r *rawEcho) Receive(_ ab.Context, m *ab.Message) error {
	payload, err := m.Raw(Raw)
	switch {
	case err != nil:
		return err
	case !m.IsAsk():
		r.told = bytes.Clone(payload)
		return nil
	case len(payload) == 0:
		payload = r.told
	}
	return m.ReplyRaw(Raw, payload)
}

// mirror answers an ask with the payload that it was told last, as it came, or else with the ask's own.
type mirror struct{ told *testpb.EchoReply }

// Receive implements ab.Receiver.
func (r *mirror) Receive(_ ab.Context, m *ab.Message) error {
	came := &testpb.EchoReply{Text: m.Type(), Data: bytes.Clone(m.Payload()), Language: "go"}
	if !m.IsAsk() {
		r.told = came
		return nil
	}
	return m.Reply(cmp.Or(r.told, came))
}
