package codec

import (
	"encoding/binary"
	"math"
)

func appendUint(b []byte, n uint64) []byte {
	switch {
	case n < 0x80:
		return append(b, byte(n))
	case n <= math.MaxUint8:
		return append(b, 0xcc, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), n)
}

func appendInt(b []byte, n int64) []byte {
	switch {
	case n >= 0:
		return appendUint(b, uint64(n))
	case n >= -32:
		return append(b, byte(n))
	case n >= math.MinInt8:
		return append(b, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(n))
}

func appendFloat32(b []byte, v float32) []byte {
	bits := math.Float32bits(v)
	if v != v {
		bits = 0x7fc00000 // one NaN for all languages
	}
	return binary.BigEndian.AppendUint32(append(b, 0xca), bits)
}

func appendFloat64(b []byte, v float64) []byte {
	bits := math.Float64bits(v)
	if v != v {
		bits = 0x7ff8000000000000
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcb), bits)
}

// lengths are the heads of a kind of value: the shortest one with the most that it can say, then those before a length of
// 8, 16 and 32 bits. 0 = there is none.
type lengths struct {
	short, most byte
	long        [3]byte
}

var (
	textHeads  = lengths{0xa0, 31, [3]byte{0xd9, 0xda, 0xdb}}
	dataHeads  = lengths{0, 0, [3]byte{0xc4, 0xc5, 0xc6}}
	arrayHeads = lengths{0x90, 15, [3]byte{0, 0xdc, 0xdd}}
	mapHeads   = lengths{0x80, 15, [3]byte{0, 0xde, 0xdf}}
)

func (l lengths) append(b []byte, n int) []byte {
	switch {
	case l.short != 0 && n <= int(l.most):
		return append(b, l.short|byte(n))
	case l.long[0] != 0 && n <= math.MaxUint8:
		return append(b, l.long[0], byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, l.long[1]), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, l.long[2]), uint32(n))
}

// appendExtension writes the shortest form.
func appendExtension(b []byte, which int8, data []byte) []byte {
	switch n := len(data); n {
	case 1, 2, 4, 8, 16:
		b = append(b, map[int]byte{1: 0xd4, 2: 0xd5, 4: 0xd6, 8: 0xd7, 16: 0xd8}[n])
	default:
		b = lengths{long: [3]byte{0xc7, 0xc8, 0xc9}}.append(b, n)
	}
	return append(append(b, byte(which)), data...)
}
