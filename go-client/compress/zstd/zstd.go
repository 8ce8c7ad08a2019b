// Package zstd compresses and decompresses payloads by zstd: a program that imports it reads such messages, and may write them by
// actorbridge.WithCompression(actorbridge.Zstd, 1024).
package zstd

import (
	"sync"

	"github.com/klauspost/compress/zstd"

	ab "github.com/actorbridge/actorbridge/go-client"
)

const (
	// maxWindow bounds what a frame may ask of its reader: nodes take no larger payloads.
	maxWindow = 16 << 20
	// window is what this side asks for, and what an encoder keeps.
	window = 1 << 20
)

func init() { ab.RegisterCompressor(ab.Zstd, compressor{}) }

type compressor struct{}

// Made when they are needed: who only imports the package pays nothing.
var (
	encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	})
	decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow),
			zstd.WithDecoderConcurrency(0), zstd.IgnoreChecksum(true))
	})
)

func (compressor) Compress(payload []byte) ([]byte, error) {
	e, err := encoder()
	if err != nil {
		return nil, err
	}
	return e.EncodeAll(payload, make([]byte, 0, len(payload)/2)), nil
}

func (compressor) Decompress(compressed []byte, size int) ([]byte, error) {
	d, err := decoder()
	if err != nil {
		return nil, err
	}
	return d.DecodeAll(compressed, make([]byte, 0, size))
}
