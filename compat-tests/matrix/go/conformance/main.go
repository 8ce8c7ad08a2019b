// Command conformance is a program that protobuf's conformance suite tests: each message goes through the codecs of the Go node,
// and, if it is protobuf, under the eyes of its envelope reader. The suite's orders come on stdin, its answers go to stdout; at the
// end, stderr has what the reader did. compat-tests/conformance/README.md says how it is run.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	// An Any in JSON is of a type that is linked in.
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	requestName  = "conformance.ConformanceRequest"
	responseName = "conformance.ConformanceResponse"
	testedName   = "protobuf_test_messages.proto3.TestAllTypesProto3"
)

// A suite has the types of the suite's conversation and of its messages, which no Go code was generated for.
type suite struct {
	request, response, tested protoreflect.MessageDescriptor
	seen                      seen
	byMessagePack             bool
}

func main() {
	descriptors := flag.String("descriptors", "", "the `file` with the suite's FileDescriptorSet")
	way := flag.String("way", "typed", "typed: a message is decoded and encoded; msgpack: by way of MessagePack")
	flag.Parse()
	s, err := load(*descriptors)
	if err == nil {
		s.byMessagePack = *way == "msgpack"
		err = s.answerAll(bufio.NewReader(os.Stdin), os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, &s.seen)
}

func load(path string) (*suite, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, file := range set.File {
		if _, err := protoregistry.GlobalFiles.FindFileByPath(file.GetName()); err == nil {
			continue // protobuf's own, which is linked in
		}
		known, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if err := protoregistry.GlobalFiles.RegisterFile(known); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	s := &suite{seen: seen{stricter: map[string]int{}}}
	for name, into := range map[protoreflect.FullName]*protoreflect.MessageDescriptor{
		requestName: &s.request, responseName: &s.response, testedName: &s.tested,
	} {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, name, err)
		}
		*into = found.(protoreflect.MessageDescriptor)
	}
	return s, protoregistry.GlobalTypes.RegisterMessage(dynamicpb.NewMessageType(s.tested))
}

// answerAll answers orders, each behind its length (4 bytes, the least significant first), until there are no more.
func (s *suite) answerAll(in io.Reader, out io.Writer) error {
	for {
		var length [4]byte
		if _, err := io.ReadFull(in, length[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		order := make([]byte, binary.LittleEndian.Uint32(length[:]))
		if _, err := io.ReadFull(in, order); err != nil {
			return err
		}
		request := dynamicpb.NewMessage(s.request)
		if err := proto.Unmarshal(order, request); err != nil {
			return err
		}
		answer, err := proto.Marshal(s.answer(request))
		if err != nil {
			return err
		}
		if _, err := out.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(answer))), answer...)); err != nil {
			return err
		}
	}
}
