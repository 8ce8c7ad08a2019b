package codec

import (
	"errors"
	"fmt"
	"math"
)

// kind is what a value of MessagePack is.
type kind uint8

const (
	isNil kind = iota
	isBool
	isInt
	isFloat32
	isFloat64
	isText
	isData
	isArray
	isMap
	isExtension
)

var kindNames = [...]string{
	"nil", "a bool", "an integer", "a float 32", "a float 64", "a string", "binary", "an array", "a map", "an extension",
}

func (k kind) String() string { return kindNames[k] }

// token is a value, or the head of an array or a map.
type token struct {
	kind     kind
	negative bool   // of an integer
	bits     uint64 // of a number; a negative integer in two's complement
	count    int    // values of an array, pairs of a map
	bytes    []byte // of a string, binary or an extension; they are the reader's
	ext      int8
}

// reader takes values from the front of what is left. Before it makes anything by a length that it reads, it looks whether
// so much is left.
type reader struct {
	rest []byte
}

func (r *reader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.rest)) {
		return nil, errShort
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken, nil
}

// number takes an unsigned number of so many bytes.
func (r *reader) number(bytes int) (uint64, error) {
	b, err := r.take(uint64(bytes))
	if err != nil {
		return 0, err
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n, nil
}

// next takes a value; of an array or a map only the head.
func (r *reader) next() (token, error) {
	head, err := r.number(1)
	if err != nil {
		return token{}, err
	}
	switch c := byte(head); {
	case c < 0x80:
		return token{kind: isInt, bits: head}, nil
	case c < 0x90:
		return r.counted(isMap, head&0x0f)
	case c < 0xa0:
		return r.counted(isArray, head&0x0f)
	case c < 0xc0:
		return r.data(isText, head&0x1f)
	case c >= 0xe0:
		return token{kind: isInt, negative: true, bits: uint64(int64(int8(c)))}, nil
	default:
		return r.long(c)
	}
}

// long takes what stands behind the heads 0xc0 to 0xdf.
func (r *reader) long(head byte) (token, error) {
	switch head {
	case 0xc0:
		return token{kind: isNil}, nil
	case 0xc2, 0xc3:
		return token{kind: isBool, bits: uint64(head & 1)}, nil
	case 0xc4, 0xc5, 0xc6:
		return r.sized(isData, 1<<(head-0xc4))
	case 0xc7, 0xc8, 0xc9:
		return r.sized(isExtension, 1<<(head-0xc7))
	case 0xca:
		return r.plain(isFloat32, 4)
	case 0xcb:
		return r.plain(isFloat64, 8)
	case 0xcc, 0xcd, 0xce, 0xcf:
		return r.plain(isInt, 1<<(head-0xcc))
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return r.signed(1 << (head - 0xd0))
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return r.extension(1 << (head - 0xd4))
	case 0xd9, 0xda, 0xdb:
		return r.sized(isText, 1<<(head-0xd9))
	case 0xdc, 0xdd:
		return r.sized(isArray, 2<<(head-0xdc))
	case 0xde, 0xdf:
		return r.sized(isMap, 2<<(head-0xde))
	}
	return token{}, fmt.Errorf("a value begins with 0x%02x, which MessagePack does not use", head)
}

func (r *reader) plain(k kind, bytes int) (token, error) {
	bits, err := r.number(bytes)
	return token{kind: k, bits: bits}, err
}

func (r *reader) signed(bytes int) (token, error) {
	bits, err := r.number(bytes)
	unused := 64 - 8*bytes
	value := int64(bits<<unused) >> unused
	return token{kind: isInt, negative: value < 0, bits: uint64(value)}, err
}

// sized takes a value whose length is a number of so many bytes.
func (r *reader) sized(k kind, bytes int) (token, error) {
	n, err := r.number(bytes)
	switch {
	case err != nil:
		return token{}, err
	case k == isArray || k == isMap:
		return r.counted(k, n)
	case k == isExtension:
		return r.extension(n)
	}
	return r.data(k, n)
}

func (r *reader) data(k kind, n uint64) (token, error) {
	b, err := r.take(n)
	return token{kind: k, bytes: b}, err
}

func (r *reader) extension(n uint64) (token, error) {
	which, err := r.number(1)
	if err != nil {
		return token{}, err
	}
	b, err := r.take(n)
	return token{kind: isExtension, ext: int8(which), bytes: b}, err
}

func (r *reader) counted(k kind, n uint64) (token, error) {
	least := n // bytes that its values take
	if k == isMap {
		least *= 2
	}
	if least > uint64(len(r.rest)) {
		return token{}, errShort
	}
	return token{kind: k, count: int(n)}, nil
}

// skip takes a whole value, which lies in depth containers, and gives its bytes.
func (r *reader) skip(depth int) ([]byte, error) {
	from := r.rest
	t, err := r.next()
	if err != nil {
		return nil, err
	}
	values := 0
	switch t.kind {
	case isArray:
		values = t.count
	case isMap:
		values = 2 * t.count
	default:
		return from[:len(from)-len(r.rest)], nil
	}
	if depth >= MaxDepth {
		return nil, errDepth
	}
	for range values {
		if _, err = r.skip(depth + 1); err != nil {
			return nil, err
		}
	}
	return from[:len(from)-len(r.rest)], nil
}

func (r *reader) end() error {
	if len(r.rest) > 0 {
		return fmt.Errorf("%d bytes follow its end", len(r.rest))
	}
	return nil
}

func (t token) signed(bits int) (int64, error) {
	value := int64(t.bits)
	switch {
	case t.kind != isInt:
		return 0, fmt.Errorf("%v stands where an integer belongs", t.kind)
	case !t.negative && t.bits > math.MaxInt64, value<<(64-bits)>>(64-bits) != value:
		return 0, t.outOfRange(fmt.Sprintf("%d bits with a sign", bits))
	}
	return value, nil
}

func (t token) unsigned(bits int) (uint64, error) {
	switch {
	case t.kind != isInt:
		return 0, fmt.Errorf("%v stands where an integer belongs", t.kind)
	case t.negative, t.bits<<(64-bits)>>(64-bits) != t.bits:
		return 0, t.outOfRange(fmt.Sprintf("%d bits without a sign", bits))
	}
	return t.bits, nil
}

func (t token) outOfRange(of string) error {
	if t.negative {
		return fmt.Errorf("%d does not fit into %s", int64(t.bits), of)
	}
	return fmt.Errorf("%d does not fit into %s", t.bits, of)
}

// float is a number of 64 bits: of a float as it is, of an integer if it is the same number.
func (t token) float() (float64, error) {
	switch t.kind {
	case isFloat32:
		return float64(math.Float32frombits(uint32(t.bits))), nil
	case isFloat64:
		return math.Float64frombits(t.bits), nil
	case isInt:
		// Up to 2^53 each integer has a float of its own.
		value := int64(t.bits)
		if !t.negative && t.bits > 1<<53 || t.negative && value < -1<<53 {
			return 0, t.outOfRange("a float without loss")
		}
		return float64(value), nil
	}
	return 0, fmt.Errorf("%v stands where a number belongs", t.kind)
}

// float32 is the nearest number of 32 bits. One that is too large is an error, and so is an integer that would be another
// one.
func (t token) float32() (float32, error) {
	wide, err := t.float()
	if err != nil {
		return 0, err
	}
	narrow := float32(wide)
	switch {
	case math.IsInf(float64(narrow), 0) && !math.IsInf(wide, 0):
		return 0, errors.New("a number is too large for a float 32")
	case t.kind == isInt && float64(narrow) != wide:
		return 0, t.outOfRange("a float 32 without loss")
	}
	return narrow, nil
}
