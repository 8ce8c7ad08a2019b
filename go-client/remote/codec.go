package remote

import (
	"fmt"

	"google.golang.org/grpc/mem"
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
	frame, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("remote: a frame is read into *[]byte, not %T", v)
	}
	// gRPC takes its buffers back when this returns; the items of a packet stay.
	*frame = data.Materialize()
	return nil
}
