package remote

import (
	"fmt"

	"google.golang.org/grpc/mem"

	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// rawCodec hands frames to gRPC as the bytes they are, and takes them so.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	frame, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("remote: a frame is []byte, not %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(frame)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*incoming)
	if !ok {
		return fmt.Errorf("remote: a frame is read into *incoming, not %T", v)
	}
	if in.refusal = wire.FrameTooLarge(data.Len(), in.limit); in.refusal == nil {
		// gRPC takes its buffers back when this returns; the items of a packet stay.
		in.bytes = data.Materialize()
	}
	return nil
}

// incoming is a frame that has come. One over its link's limit is refused by its length, and is not copied.
//
// gRPC has a limit of its own, but ends the stream by it, which leaves no room for a Goodbye. So that is set to what no
// peer may send, and gRPC never holds more than that of a frame.
type incoming struct {
	limit   int
	bytes   []byte
	refusal *wire.Refusal
}

func (in *incoming) packet() (*wire.Packet, error) {
	if in.refusal != nil {
		return nil, in.refusal
	}
	return wire.ReadPacket(in.bytes, in.limit)
}
