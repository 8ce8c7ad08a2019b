package actorbridge_test

import (
	"bytes"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// FuzzCodecs: what is read is the same when it has been written and read again.
func FuzzCodecs(f *testing.F) {
	for _, c := range codecCases(f, "equal.json") {
		f.Add(byte(ab.JSON), []byte(c.JSON))
		f.Add(byte(ab.MessagePack), unhex(f, c.MsgPack))
		f.Add(byte(ab.Protobuf), unhex(f, c.Protobuf))
	}
	for _, file := range []string{"accepted.json", "refused.json"} {
		for _, c := range codecCases(f, file) {
			f.Add(byte(c.codec()), c.bytes(f))
		}
	}
	f.Fuzz(func(t *testing.T, which byte, payload []byte) {
		message := new(testpb.Kinds)
		if ab.Codec(which%3).Unmarshal(payload, message) != nil {
			return
		}
		// A message that nests as deep as it may in one codec may nest deeper in another.
		packed, err := ab.MessagePack.Marshal(message)
		if err != nil {
			return
		}
		for _, by := range codecs {
			way, err := by.Marshal(message)
			if err != nil {
				continue // JSON has no form for some times and lists
			}
			back := new(testpb.Kinds)
			if err = by.Unmarshal(way, back); err != nil {
				t.Fatalf("%v does not read %x, which it wrote: %v", by, way, err)
			}
			again, err := ab.MessagePack.Marshal(back)
			if err != nil || by != ab.JSON && !bytes.Equal(again, packed) {
				t.Fatalf("by way of %v, %x is %x, %v", by, packed, again, err)
			}
		}
	})
}
