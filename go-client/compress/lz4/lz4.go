// Package lz4 compresses and decompresses payloads by LZ4: a program that imports it reads such messages, and may write them by
// actorbridge.WithCompression(actorbridge.LZ4, 1024).
package lz4

import (
	"errors"
	"sync"

	"github.com/pierrec/lz4/v4"

	ab "github.com/actorbridge/actorbridge/go-client"
)

// most is how many bytes one of a block may stand for.
const most = 255

func init() { ab.RegisterCompressor(ab.LZ4, compressor{}) }

type compressor struct{}

// work is tables of 64 KiB.
var work = sync.Pool{New: func() any { return new(lz4.Compressor) }}

func (compressor) Compress(payload []byte) ([]byte, error) {
	c := work.Get().(*lz4.Compressor)
	defer work.Put(c)
	compressed := make([]byte, lz4.CompressBlockBound(len(payload)))
	n, err := c.CompressBlock(payload, compressed)
	if n == 0 && err == nil {
		err = errors.New("it does not become smaller")
	}
	return compressed[:n], err
}

func (compressor) Decompress(compressed []byte, size int) ([]byte, error) {
	if size > most*len(compressed) {
		return nil, errors.New("no block of this length holds so much")
	}
	payload := make([]byte, size)
	n, err := lz4.UncompressBlock(compressed, payload)
	if err != nil {
		return nil, err
	}
	return payload[:n], nil
}
