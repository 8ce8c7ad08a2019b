package remote

import (
	"bytes"
	"testing"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// packet has so many messages of so many bytes.
func packet(messages, size int) *wire.Packet {
	run := wire.Run{Flow: 1, FirstSeq: 1 << 40}
	for i := range messages {
		run.Items = append(run.Items, wire.Item{TypeID: uint32(i), TTLMs: uint32(i), Body: bytes.Repeat([]byte{byte(i)}, size)})
	}
	return &wire.Packet{Head: &pb.Frame{Number: 7}, Runs: []wire.Run{run}}
}

func TestAFrameIsThePacketsBytesWhateverItsSize(t *testing.T) {
	for _, p := range []*wire.Packet{packet(0, 0), packet(1, 1), packet(64, 64), packet(900, 64), packet(3, 60_000), packet(70_000, 0)} {
		want := p.Append(nil)
		if p.MaxSize() < len(want) {
			t.Errorf("a frame of %d bytes was foreseen to have %d", len(want), p.MaxSize())
		}
		for range 2 { // also in memory that is used again
			data, err := rawCodec{}.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			if got := data.Materialize(); !bytes.Equal(got, want) {
				t.Errorf("a frame of %d bytes came out as other %d", len(want), len(got))
			}
			data.Free()
		}
	}
}

func TestFramesUseTheirMemoryAgain(t *testing.T) {
	p := packet(60, 1_000)
	perFrame := testing.AllocsPerRun(200, func() {
		data, err := rawCodec{}.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		data.Free()
	})
	// The slice of buffers, and now and then memory that the garbage collector has taken from the pool.
	if perFrame > 3 {
		t.Errorf("%v allocations a frame", perFrame)
	}
}
