package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// The windows of the remote door, so that they are no difference.
const (
	streamWindow     = 4 << 20
	connectionWindow = 8 << 20
)

// rawBytes is a codec whose messages are the bytes they are.
type rawBytes struct{}

func (rawBytes) Name() string { return "proto" }

func (rawBytes) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawBytes) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// bareGRPC is gRPC by hand: a stream of frames with 64 messages each, or with one, and calls.
func bareGRPC(address string) ([]meter.Case, error) {
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawBytes{})))
	if err != nil {
		return nil, err
	}
	call := func(ctx context.Context, n int, times *meter.Times) error {
		message, answer := make([]byte, 64), []byte(nil)
		for range n {
			start := time.Now()
			if err := conn.Invoke(ctx, "/bench.Bare/Echo", message, &answer); err != nil {
				return err
			}
			if times != nil {
				times.Add(time.Since(start))
			}
		}
		return nil
	}
	stream := func(size, batch int) func(context.Context, int) error {
		return func(ctx context.Context, n int) error { return streamFrames(ctx, conn, n, size, batch) }
	}
	took := new(meter.Times)
	return []meter.Case{
		{Name: "bare_stream_64", Run: stream(64, batch)},
		{Name: "bare_stream_64_single", Run: stream(64, 1)},
		{Name: "bare_stream_1024", Run: stream(1024, batch)},
		{Name: "bare_unary", Run: func(ctx context.Context, n int) error { return call(ctx, n, took) }, Times: took},
		{Name: "bare_unary_c64", Run: func(ctx context.Context, n int) error {
			return meter.AtOnce(64, n, func(n int) error { return call(ctx, n, nil) })
		}},
	}, nil
}

func streamFrames(ctx context.Context, conn *grpc.ClientConn, n, size, batch int) error {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, "/bench.Bare/Count")
	if err != nil {
		return err
	}
	message := make([]byte, size)
	for left := n; left > 0; left -= batch {
		// gRPC keeps the bytes until they have left.
		frame := make([]byte, 0, batch*(size+4))
		for range min(left, batch) {
			frame = appendMessage(frame, message)
		}
		if err := stream.SendMsg(frame); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	var answer []byte
	if err := stream.RecvMsg(&answer); err != nil {
		return err
	}
	return checkTally(answer, n)
}

// appendMessage writes a message behind its length.
func appendMessage(to, message []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(to, uint32(len(message))), message...)
}

// checkTally reads what the server has counted.
func checkTally(answer []byte, n int) error {
	if len(answer) < 8 {
		return fmt.Errorf("an answer of %d bytes came", len(answer))
	}
	if came := binary.LittleEndian.Uint64(answer); came != uint64(n) {
		return fmt.Errorf("%d came of %d", came, n)
	}
	return nil
}
