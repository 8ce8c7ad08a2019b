package main

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	ab "github.com/actorbridge/actorbridge/go-client"
)

// The wire formats of a request that there are codecs for.
var formats = map[protoreflect.EnumNumber]ab.Codec{1: ab.Protobuf, 2: ab.JSON}

// answer is the response to a request.
func (s *suite) answer(request *dynamicpb.Message) proto.Message {
	field := func(name protoreflect.Name) protoreflect.Value {
		return request.Get(s.request.Fields().ByName(name))
	}
	payload := request.WhichOneof(s.request.Oneofs().ByName("payload"))
	switch name := field("message_type").String(); {
	case name == "conformance.FailureSet":
		return s.say("protobuf_payload", protoreflect.ValueOfBytes(nil))
	case payload.Name() == "protobuf_payload":
		if err := s.seen.lookAt(request.Get(payload).Bytes()); err != nil {
			return s.text("runtime_error", err.Error())
		}
		fallthrough
	default:
		if name != testedName {
			return s.text("skipped", "messages of actors are proto3")
		}
	}
	to, known := formats[field("requested_output_format").Enum()]
	if !known {
		return s.text("skipped", "there is no such codec")
	}
	switch payload.Name() {
	case "protobuf_payload":
		return s.carry(ab.Protobuf, request.Get(payload).Bytes(), to)
	case "json_payload":
		return s.carry(ab.JSON, []byte(request.Get(payload).String()), to)
	}
	return s.text("skipped", "there is no such codec")
}

// carry is what becomes of a message: it is decoded, and encoded again.
func (s *suite) carry(from ab.Codec, payload []byte, to ab.Codec) proto.Message {
	message := dynamicpb.NewMessage(s.tested)
	if err := from.Unmarshal(payload, message); err != nil {
		return s.text("parse_error", err.Error())
	}
	if s.byMessagePack {
		packed, err := ab.MessagePack.Marshal(message)
		if err != nil {
			return s.text("serialize_error", err.Error())
		}
		message = dynamicpb.NewMessage(s.tested)
		if err := ab.MessagePack.Unmarshal(packed, message); err != nil {
			return s.text("runtime_error", err.Error())
		}
	}
	encoded, err := to.Marshal(message)
	if err == nil && to == ab.Protobuf {
		// A message without generated code has its fields in any order, and the suite compares some bytes.
		encoded, err = proto.MarshalOptions{Deterministic: true}.Marshal(message)
	}
	switch {
	case err != nil:
		return s.text("serialize_error", err.Error())
	case to == ab.JSON:
		return s.text("json_payload", string(encoded))
	}
	return s.say("protobuf_payload", protoreflect.ValueOfBytes(encoded))
}

func (s *suite) text(field protoreflect.Name, text string) proto.Message {
	return s.say(field, protoreflect.ValueOfString(text))
}

func (s *suite) say(field protoreflect.Name, value protoreflect.Value) proto.Message {
	response := dynamicpb.NewMessage(s.response)
	response.Set(s.response.Fields().ByName(field), value)
	return response
}
