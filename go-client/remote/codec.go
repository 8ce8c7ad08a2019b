package remote

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec of that name
	"google.golang.org/grpc/mem"

	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// rawCodec hands frames to gRPC as the bytes they are, and takes them so. The messages of other methods are protobuf.
type rawCodec struct{}

var protobuf = encoding.GetCodecV2("proto")

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	packet, ok := v.(*wire.Packet)
	if !ok {
		return protobuf.Marshal(v)
	}
	memory := frames.Get(packet.MaxSize())
	*memory = packet.Append(*memory)
	return mem.BufferSlice{mem.NewBuffer(memory, &frames)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*incoming)
	if !ok {
		return protobuf.Unmarshal(data, v)
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
