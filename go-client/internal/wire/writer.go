package wire

import (
	"encoding/binary"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// NewWho writes a who prefix. Empty strings are left out. One above MaxWhoBytes is refused when its stream is opened.
func NewWho(source, target, replyTo string) *Who { return NewWhoOfTenant(source, target, replyTo, "") }

// NewWhoOfTenant is NewWho of a sender that works for a tenant.
func NewWhoOfTenant(source, target, replyTo, tenant string) *Who {
	who := &Who{Source: source, Target: target, ReplyTo: replyTo, Tenant: tenant}
	out := make([]byte, 0, len(source)+len(target)+len(replyTo)+len(tenant)+12)
	out = who.put(out, 4, source)
	out = who.put(out, 5, target)
	out = who.put(out, 10, replyTo)
	who.Bytes = who.put(out, 19, tenant)
	return who
}

func (w *Who) put(out []byte, number uint32, value string) []byte {
	if value == "" {
		return out
	}
	w.Present |= 1 << number
	return appendBytes(out, number, value)
}

// NewWhat writes a what prefix. Versions of 1 and defaults are left out.
func NewWhat(kind pb.Kind, typeName string, version, minReader uint32, content pb.ContentType) *What {
	what := &What{
		Kind: uint32(kind), TypeName: typeName, Version: max(version, 1), MinReader: max(minReader, 1),
		ContentType: uint32(content),
	}
	out := make([]byte, 0, len(typeName)+16)
	out = what.put(out, 1, what.Kind)
	if typeName != "" {
		what.Present |= 1 << 6
		out = appendBytes(out, 6, typeName)
	}
	if what.Version > 1 {
		out = what.put(out, 7, what.Version)
	}
	if what.MinReader > 1 {
		out = what.put(out, 8, what.MinReader)
	}
	what.Bytes = what.put(out, 9, what.ContentType)
	return what
}

func (w *What) put(out []byte, number, value uint32) []byte {
	if value == 0 {
		return out
	}
	w.Present |= 1 << number
	return appendUint(out, number, uint64(value))
}

// CompressedBy is the same with a payload that is compressed.
func (w *What) CompressedBy(c pb.Compression) *What {
	what := *w
	what.Compression = uint32(c)
	what.Bytes = what.put(append([]byte(nil), w.Bytes...), 14, what.Compression)
	return &what
}

// PlainPayload is the payload of a body that has nothing else. False: it may have more, or be nothing that can be read.
func PlainPayload(body []byte) (payload []byte, ok bool) {
	if len(body) < 2 || body[0] != 2<<3|byte(bytesType) {
		return nil, false
	}
	size, n := binary.Uvarint(body[1:])
	if n <= 0 || size != uint64(len(body)-1-n) {
		return nil, false
	}
	return body[1+n : len(body) : len(body)], true
}

// BodyFields is what a body may hold beside its payload.
type BodyFields struct {
	// Correlation is slot | generation << 20; 0 = none.
	Correlation uint64
	// AskPath is the actors that wait in this chain of asks.
	AskPath []uint64
	// Failure is an encoded Failure.
	Failure []byte
	// Trace is the trace that it belongs to; nil = none.
	Trace *Trace
}

// AppendBody appends a body: the fields in number order, the payload last (left out when empty).
func AppendBody(out []byte, f BodyFields, payload []byte) []byte {
	out = appendUint(out, 3, f.Correlation)
	if f.Trace != nil {
		out = f.Trace.append(out)
	}
	if len(f.Failure) > 0 {
		out = appendBytes(out, 21, f.Failure)
	}
	if len(f.AskPath) > 0 {
		out = binary.AppendUvarint(out, 25<<3|uint64(bytesType))
		out = binary.AppendUvarint(out, uint64(8*len(f.AskPath)))
		for _, hash := range f.AskPath {
			out = binary.LittleEndian.AppendUint64(out, hash)
		}
	}
	if len(payload) > 0 {
		out = appendBytes(out, 2, payload)
	}
	return out
}

// ReplyPayload is the payload of a body that has this correlation before it, and nothing else. False: as with PlainPayload.
func ReplyPayload(body []byte, correlation uint64) (payload []byte, ok bool) {
	if len(body) == 0 || body[0] != 3<<3 {
		return nil, false
	}
	number, n := binary.Uvarint(body[1:])
	if n <= 0 || number != correlation {
		return nil, false
	}
	return PlainPayload(body[1+n:])
}

// AppendCompressed appends what a body ends with whose payload, of rawSize bytes, is compressed.
func AppendCompressed(out []byte, rawSize int, payload []byte) []byte {
	return appendBytes(appendUint(out, 16, uint64(rawSize)), 2, payload)
}

// Join is the complete envelope, newly allocated.
func Join(who, what, body []byte) []byte {
	out := make([]byte, 0, len(who)+len(what)+len(body))
	return append(append(append(out, who...), what...), body...)
}

// IsPlain says whether a body holds nothing but a payload of so many bytes, written by AppendBody.
func IsPlain(body []byte, payload int) bool {
	if payload == 0 {
		return len(body) == 0
	}
	return len(body) == 1+varintLen(uint64(payload))+payload && body[0] == 2<<3|2
}

// AppendPayloadHead appends what comes before a payload of so many bytes.
func AppendPayloadHead(body []byte, size int) []byte {
	return binary.AppendUvarint(append(body, 2<<3|2), uint64(size))
}
