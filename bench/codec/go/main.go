// Command benchcodec is what the suite `codec` measures in Go. The program `bench` drives it.
//
// A case is CODEC/MESSAGE/WHAT, such as json/flight/decode; the codec array is MessagePack of plain structs (array.go).
// envelope/encode and envelope/protobuf_go_encode are the envelope of this library beside what protobuf-go makes of its schema.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/benchcodec/codecpb"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: bench-codec-go FLIGHTS.csv.gz")
	}
	flights, err := readFlights(os.Args[1])
	if err != nil {
		return err
	}
	cases, err := all(flights)
	if err != nil {
		return err
	}
	return meter.Serve(context.Background(), os.Stdin, os.Stdout, 0, cases)
}

const (
	batch    = 100
	snapshot = 1 << 20
	// payload is that of an envelope of 1 KB.
	payload = 900

	source      = "ab:///orders/eu/4711"
	target      = "ab:///pricing/eu"
	typeName    = "shop.v1.QuoteRequest"
	replyTo     = "ab://shop-go/orders/eu/4711"
	correlation = 17<<20 | 3
)

// counted is a case that is done so often as it says, and adds up the bytes that were worked on.
func counted(name string, once func() (int, error)) meter.Case {
	var total int64
	return meter.Case{Name: name, Bytes: func() int64 { return total }, Run: func(_ context.Context, n int) error {
		for range n {
			size, err := once()
			if err != nil {
				return err
			}
			total += int64(size)
		}
		return nil
	}}
}

func all(flights []*codecpb.Flight) ([]meter.Case, error) {
	rows := flights[:0:0]
	for size := 0; len(rows) < len(flights); {
		if size += proto.Size(flights[len(rows)]) + 2; size > snapshot {
			break
		}
		rows = append(rows, flights[len(rows)])
	}
	messages := []struct {
		name    string
		message proto.Message
	}{
		{"kilobyte", &codecpb.Kilobyte{
			Kind: uint32(pb.Kind_KIND_ASK), Payload: bytes.Repeat([]byte{7}, payload), Correlation: correlation, Source: source,
			Target: target, TypeName: typeName, Version: 2, ReplyTo: replyTo,
		}},
		{"flight", flights[0]},
		{"batch", &codecpb.Flights{Flights: flights[:batch]}},
		{"snapshot", &codecpb.Flights{Flights: rows}},
		// What the suite `door` sends beside the first flight.
		{"1k", &codecpb.Flights{Flights: slices.Repeat(flights[:1], 12)}},
		{"16k", &codecpb.Flights{Flights: slices.Repeat(flights[:1], 184)}},
	}
	cases := envelope()
	for _, m := range messages {
		for name, codec := range map[string]ab.Codec{"protobuf": ab.Protobuf, "json": ab.JSON, "msgpack": ab.MessagePack} {
			more, err := casesOf(name+"/"+m.name, codec, m.message)
			if err != nil {
				return nil, err
			}
			cases = append(cases, more...)
		}
		more, err := arrayCases(m.name, m.message)
		if err != nil {
			return nil, err
		}
		cases = append(cases, more...)
	}
	return cases, nil
}

func casesOf(name string, codec ab.Codec, message proto.Message) ([]meter.Case, error) {
	encoded, err := codec.Marshal(message)
	if err != nil {
		return nil, err
	}
	zipped, err := zipped(encoded)
	if err != nil {
		return nil, err
	}
	empty := message.ProtoReflect().Type()
	return []meter.Case{
		counted(name+"/gzip", func() (int, error) { return zipped, nil }),
		counted(name+"/encode", func() (int, error) {
			out, err := codec.Marshal(message)
			return len(out), err
		}),
		counted(name+"/decode", func() (int, error) {
			return len(encoded), codec.Unmarshal(encoded, empty.New().Interface())
		}),
	}, nil
}

// zipped is how many bytes they have after gzip.
func zipped(data []byte) (int, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write(data); err != nil {
		return 0, err
	}
	err := zip.Close()
	return out.Len(), err
}

// envelope is the envelope of 1 KB: as this library writes it, and as protobuf-go does, each into memory that is used again.
func envelope() []meter.Case {
	who := wire.NewWho(source, target, replyTo)
	what := wire.NewWhat(pb.Kind_KIND_ASK, typeName, 2, 1, pb.ContentType_CONTENT_TYPE_PROTOBUF)
	data := bytes.Repeat([]byte{7}, payload)
	whole := &pb.Envelope{}
	var out, other []byte
	encode := func() (int, error) {
		out = append(append(out[:0], who.Bytes...), what.Bytes...)
		out = wire.AppendBody(out, wire.BodyFields{Correlation: correlation}, data)
		return len(out), nil
	}
	if size, _ := encode(); proto.Unmarshal(out[:size], whole) != nil {
		panic("an envelope of ours does not decode")
	}
	return []meter.Case{
		counted("envelope/encode", encode),
		counted("envelope/protobuf_go_encode", func() (size int, err error) {
			other, err = proto.MarshalOptions{}.MarshalAppend(other[:0], whole)
			return len(other), err
		}),
	}
}
