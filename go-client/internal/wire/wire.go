// Package wire reads and writes envelopes and packets without decoding payloads.
//
//   - envelope.go: reads an envelope, or its three parts; writer.go writes them.
//   - packet.go: a Frame as doors carry it.
//   - wire.go: protobuf's wire format underneath.
//
// It answers every input as proto/src does in Rust; the golden bytes of compat-tests hold both to that.
package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// Refusal says why bytes were refused: a code from the error table and a sentence.
type Refusal struct {
	// Code is what the sender is told.
	Code pb.Code
	// Detail is what is wrong, where, and what to do.
	Detail string
}

func (r *Refusal) Error() string { return r.Code.String() + ": " + r.Detail }

func undecodable(format string, args ...any) *Refusal {
	return &Refusal{pb.Code_CODE_UNDECODABLE, fmt.Sprintf(format, args...)}
}

// wireType is how a field's value is encoded.
type wireType uint8

const (
	varintType  wireType = 0
	fixed64Type wireType = 1
	bytesType   wireType = 2
	fixed32Type wireType = 5
)

// field is one field of an encoded message, borrowed from the bytes that were read.
type field struct {
	number uint32
	typ    wireType
	// num holds a varint, fixed64 or fixed32.
	num uint64
	// bytes holds a length-delimited value.
	bytes []byte
	// start and end are the field's place from its tag on, in bytes from the beginning.
	start, end int
}

// fields walks the fields of an encoded message in order.
type fields struct {
	all []byte
	at  int
}

// next reads the next field into f. It is false at the end, and refuses the first byte that is not protobuf.
func (r *fields) next(f *field) (bool, *Refusal) {
	if r.at == len(r.all) {
		return false, nil
	}
	f.start = r.at
	tag, err := r.varint()
	if err != nil {
		return false, err
	}
	if number := tag >> 3; number == 0 || number >= 1<<29 {
		return false, undecodable("byte %d: %d is not a field number", f.start, number)
	}
	f.number, f.typ = uint32(tag>>3), wireType(tag&7)
	switch f.typ {
	case varintType:
		f.num, err = r.varint()
	case fixed64Type:
		var b []byte
		if b, err = r.take(8); err == nil {
			f.num = binary.LittleEndian.Uint64(b)
		}
	case bytesType:
		err = r.delimited(f)
	case fixed32Type:
		var b []byte
		if b, err = r.take(4); err == nil {
			f.num = uint64(binary.LittleEndian.Uint32(b))
		}
	default:
		err = undecodable("field %d at byte %d has wire type %d", f.number, f.start, f.typ)
	}
	f.end = r.at
	return err == nil, err
}

func (r *fields) delimited(f *field) *Refusal {
	n, err := r.varint()
	if err != nil {
		return err
	}
	if left := len(r.all) - r.at; n > uint64(left) {
		return undecodable("field %d at byte %d says %d bytes, and %d are left", f.number, f.start, n, left)
	}
	f.bytes, err = r.take(int(n))
	return err
}

func (r *fields) take(n int) ([]byte, *Refusal) {
	if n > len(r.all)-r.at {
		return nil, undecodable("the bytes end inside a field at byte %d", r.at)
	}
	b := r.all[r.at : r.at+n : r.at+n]
	r.at += n
	return b, nil
}

func (r *fields) varint() (uint64, *Refusal) {
	v, n := binary.Uvarint(r.all[r.at:])
	if n <= 0 {
		return 0, undecodable("the varint at byte %d does not end", r.at)
	}
	r.at += n
	return v, nil
}

// appendUint appends field number as a varint, unless it is zero.
func appendUint(out []byte, number uint32, v uint64) []byte {
	if v == 0 {
		return out
	}
	return binary.AppendUvarint(binary.AppendUvarint(out, uint64(number)<<3), v)
}

// appendBytes appends field number with these bytes, also when they are empty.
func appendBytes[T string | []byte](out []byte, number uint32, b T) []byte {
	out = binary.AppendUvarint(out, uint64(number)<<3|uint64(bytesType))
	return append(binary.AppendUvarint(out, uint64(len(b))), b...)
}

// varintLen says how many bytes a varint takes.
func varintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }
