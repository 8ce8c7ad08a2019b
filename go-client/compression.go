package actorbridge

import (
	"cmp"
	"fmt"
	"strings"
	"sync/atomic"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A Compression is an algorithm that payloads are compressed by. [WithCompression] says which one a node writes; it reads those
// whose package the program imports, such as go-client/compress/zstd.
type Compression uint8

const (
	// Zstd is frames of RFC 8878.
	Zstd = Compression(pb.Compression_COMPRESSION_ZSTD)
	// LZ4 is LZ4 blocks, without a frame. It is the fastest one.
	LZ4 = Compression(pb.Compression_COMPRESSION_LZ4)
)

var compressionNames = [...]string{Zstd: "zstd", LZ4: "LZ4"}

// String is its name.
func (c Compression) String() string {
	if c.isKnown() {
		return compressionNames[c]
	}
	return fmt.Sprintf("compression %d", uint8(c))
}

func (c Compression) isKnown() bool { return c == Zstd || c == LZ4 }

func (c Compression) capability() uint32 {
	if c == Zstd {
		return uint32(pb.Capability_CAPABILITY_ZSTD_PAYLOADS)
	}
	return uint32(pb.Capability_CAPABILITY_LZ4_PAYLOADS)
}

// A Compressor does the work of a [Compression]. Several goroutines call it at once.
type Compressor interface {
	// Compress returns a new slice.
	Compress(payload []byte) ([]byte, error)
	// Decompress returns a new slice. It must not take more memory than a few times size, whatever it is given, nor return more.
	Decompress(compressed []byte, size int) ([]byte, error)
}

var compressors [len(compressionNames)]atomic.Pointer[Compressor]

// RegisterCompressor says how a compression is done, for the whole process. The packages below go-client/compress call it when they are
// imported. It panics for a compression that there is not.
func RegisterCompressor(c Compression, by Compressor) {
	if !c.isKnown() {
		panic(fmt.Sprintf("actorbridge: RegisterCompressor: there is no %v", c))
	}
	compressors[c].Store(&by)
}

// WithCompression compresses the payloads of least bytes and more that leave this node by a link, except to a peer that does not read
// it, over the native door, and where a payload would not become smaller. Without it none is compressed. About 1,024 is a good least
// size. Start fails with INVALID_ARGUMENT where the program does not import the package of the compression. See docs/COMPRESSION.md.
func WithCompression(c Compression, least int) Option {
	return func(o *startOptions) { o.compression, o.least = c, least }
}

// checkCompression fails for what cannot be written.
func checkCompression(node string, c Compression) error {
	switch {
	case c == 0:
		return nil
	case !c.isKnown():
		return newError(CodeInvalidArgument, node, fmt.Sprintf("WithCompression: there is no %v", c))
	case compressors[c].Load() == nil:
		return newError(CodeInvalidArgument, node, "WithCompression: this program "+advice(c))
	}
	return nil
}

func advice(c Compression) string {
	return fmt.Sprintf("is built without %v: import github.com/actorbridge/actorbridge/go-client/compress/%s", c, strings.ToLower(c.String()))
}

// readableCompressions is what this program says that it reads, when a link is made.
func readableCompressions() (capabilities []uint32) {
	for _, c := range []Compression{Zstd, LZ4} {
		if compressors[c].Load() != nil {
			capabilities = append(capabilities, c.capability())
		}
	}
	return capabilities
}

// compressFor: the link is up, and this is what both sides can do. The caller holds the lock.
func (l *linkEnd) compressFor() {
	if c := l.node.compression; c != 0 && l.lane == nil && l.canNow(c.capability()) {
		l.compression = c
	}
}

// compressed is the message to send instead of out: with a payload that is smaller, if there is one. What came from another sender stays
// as it is. It takes its time: not under the lock of the link.
func (l *linkEnd) compressed(out *outgoing) *outgoing {
	// One that is too large is refused, however small it would become.
	isTooLarge := len(out.body) > maxPayload
	if l.node.compression == 0 || len(out.payload) < max(l.node.least, 1) || isTooLarge || out.hops > 0 || out.what.Kind == uint32(pb.Kind_KIND_FAILURE) {
		return out
	}
	l.mu.Lock()
	c := l.compression
	l.mu.Unlock()
	if c == 0 {
		return out
	}
	if !out.compressionTried {
		out.compressionTried, out.smaller = true, out.compress(c)
	}
	return cmp.Or(out.smaller, out)
}

// compress is nil if that would not make it smaller, or another reader than Decode looks at it.
func (out *outgoing) compress(c Compression) *outgoing {
	var e wire.Envelope
	refusal := e.ReadBody(out.body, 0)
	// Its payload is written last.
	start := len(out.body) - len(out.payload)
	head := start - len(wire.AppendPayloadHead(nil, len(out.payload)))
	known := e.Compression != 0 || e.RawSize != 0 || out.what.Compression != 0
	if refusal != nil || known || head < 0 || &out.body[start] != &out.payload[0] {
		return nil
	}
	payload, err := (*compressors[c].Load()).Compress(out.payload)
	if err != nil || len(payload) >= len(out.payload) {
		return nil
	}
	body := wire.AppendCompressed(out.body[:head:head], len(out.payload), payload)
	smaller := *out
	smaller.what, smaller.body, smaller.payload = out.what.CompressedBy(pb.Compression(c)), body, body[len(body)-len(payload):]
	return &smaller
}

// PlainPayload is [Message.Payload] without compression: as its sender encoded it, whether it came compressed or not. It must not be
// changed. It fails, for one that came compressed, with UNSUPPORTED_CODEC, UNDECODABLE or TOO_LARGE.
func (m *Message) PlainPayload() ([]byte, error) {
	payload, unreadable := m.plainPayload()
	if unreadable != nil {
		return nil, unreadable
	}
	return payload, nil
}

func (m *Message) plainPayload() ([]byte, *Error) {
	if m.what.Compression == 0 {
		return m.payload, nil
	}
	refuse := func(code Code, detail string) ([]byte, *Error) {
		e := newError(code, m.who.Target, detail)
		e.refusal = true
		return nil, e
	}
	c := Compression(min(m.what.Compression, 255))
	if !c.isKnown() {
		return refuse(CodeUnsupportedCodec, fmt.Sprintf("its payload is compressed by algorithm %d, which is not known here", m.what.Compression))
	}
	by := compressors[c].Load()
	if by == nil {
		return refuse(CodeUnsupportedCodec, fmt.Sprintf("its payload is compressed by %v; this program %s", c, advice(c)))
	}
	var e wire.Envelope
	if refusal := e.ReadBody(m.body, 0); refusal != nil {
		return refuse(Code(refusal.Code), refusal.Detail)
	}
	undecodable := func(why string) ([]byte, *Error) {
		return refuse(CodeUndecodable, fmt.Sprintf("its payload of %d bytes does not decompress by %v: %s", e.RawSize, c, why))
	}
	switch {
	case e.RawSize > maxPayload:
		return refuse(CodeTooLarge, fmt.Sprintf("its payload has %d bytes once it is decompressed; at most %d", e.RawSize, maxPayload))
	case e.RawSize == 0:
		return undecodable("raw_size must say how long it is")
	}
	payload, err := (*by).Decompress(m.payload, int(e.RawSize))
	switch {
	case err != nil:
		return undecodable(err.Error())
	case uint64(len(payload)) != e.RawSize:
		return undecodable(fmt.Sprintf("it has %d", len(payload)))
	}
	return payload, nil
}
