package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

const (
	// MaxWhoBytes is the most bytes of a who prefix.
	MaxWhoBytes = 4 << 10
	// MaxAskPath is the most actors in a chain of asks.
	MaxAskPath = 16
	// MaxAttributes is the most attributes of a message.
	MaxAttributes = 32
	// MaxAttributeBytes is the most bytes of all attributes of a message.
	MaxAttributeBytes = 4 << 10
	// MaxDedupKey is the most bytes of a dedup key.
	MaxDedupKey = 64
)

// Presence says which envelope fields are present, a bit a field number. Fields above 31 are not in it.
type Presence uint32

// Has says whether field number is present.
func (p Presence) Has(number uint32) bool { return number < 32 && p&(1<<number) != 0 }

const repeated Presence = 1<<24 | 1<<25

// Envelope is the fields of an envelope, borrowed from its bytes: valid as long as those are, and never written to.
//
// Kinds and content types stay numbers, so that what this reader does not know is still there. Source, Target,
// TypeName, ReplyTo, Tenant and Tracestate are valid UTF-8.
type Envelope struct {
	// Present says which fields were in the bytes.
	Present Presence
	// Kind is a pb.Kind as a number; 0 if absent.
	Kind uint32
	// ContentType is a pb.ContentType as a number.
	ContentType uint32
	// Compression is a pb.Compression as a number.
	Compression uint32
	// TypeVersion is as on the wire: 0 means 1.
	TypeVersion uint32
	// MinReaderVersion is as on the wire: 0 means 1.
	MinReaderVersion uint32
	// Correlation is slot | generation << 20; 0 = none.
	Correlation uint64
	// RawSize is the payload's bytes once inflated.
	RawSize uint64
	// ExpectedVersion counts only if Present has field 17: handle only if the state has this version.
	ExpectedVersion uint64
	// CreatedUnixMS is for people.
	CreatedUnixMS uint64
	// PayloadCRC32C is over the payload as carried.
	PayloadCRC32C uint32
	// Attributes counts the entries of attributes.
	Attributes uint32
	// AskPathLen counts the entries of ask_path; AppendAskPath reads them.
	AskPathLen uint32
	// Payload is the encoded message.
	Payload []byte
	// Source is the sender's address.
	Source []byte
	// Target is the receiver's address.
	Target []byte
	// TypeName is the full name of the payload's message.
	TypeName []byte
	// ReplyTo is where a reply goes.
	ReplyTo []byte
	// Trace is a W3C trace context, 25 bytes, or empty.
	Trace []byte
	// ID is 16 bytes, or empty.
	ID []byte
	// DedupKey is at most 64 bytes.
	DedupKey []byte
	// CausationID is the id of the message that caused this one.
	CausationID []byte
	// Tenant is trusted only from a prefix.
	Tenant []byte
	// Tracestate is W3C tracestate.
	Tracestate []byte
	// RawFailure is an encoded Failure; see Failure.
	RawFailure []byte

	attributeBytes int
}

// ReadEnvelope reads a complete envelope, or one in several parts, which must have no singular field in common.
// It refuses with UNDECODABLE, BAD_OVERRIDE (a singular field twice) or TOO_LARGE (a limit of the schema).
func ReadEnvelope(parts ...[]byte) (Envelope, *Refusal) {
	var e Envelope
	for _, part := range parts {
		if err := e.add(part); err != nil {
			return Envelope{}, err
		}
	}
	return e, nil
}

// ReadBody reads into e the body of a message whose who and what have the fields of prefixes.
//
// This is the per-message work on a link: one pass over the body, no allocation. It refuses as ReadEnvelope does.
func (e *Envelope) ReadBody(body []byte, prefixes Presence) *Refusal {
	*e = Envelope{Present: prefixes &^ repeated}
	return e.add(body)
}

func (e *Envelope) add(part []byte) *Refusal {
	r := fields{all: part}
	var f field
	for {
		more, err := r.next(&f)
		if !more {
			return err
		}
		if f.number >= 32 {
			continue
		}
		bit := Presence(1) << f.number
		if e.Present&bit&^repeated != 0 {
			return &Refusal{pb.Code_CODE_BAD_OVERRIDE, fmt.Sprintf(
				"Envelope.%s is set twice; set it once, in the stream, the type or the item", fieldName(f.number))}
		}
		e.Present |= bit
		if err := e.set(&f); err != nil {
			return err
		}
	}
}

func (e *Envelope) set(f *field) *Refusal {
	want, known := fieldTypes[f.number], fieldTypes[f.number] != anyType
	if known && f.typ != want && (f.number != 25 || f.typ != fixed64Type) {
		return undecodable("Envelope.%s has the wrong wire type", fieldName(f.number))
	}
	switch f.number {
	case 1:
		e.Kind = uint32(f.num)
	case 2:
		e.Payload = f.bytes
	case 3:
		e.Correlation = f.num
	case 7:
		e.TypeVersion = uint32(f.num)
	case 8:
		e.MinReaderVersion = uint32(f.num)
	case 9:
		e.ContentType = uint32(f.num)
	case 11:
		e.Trace = f.bytes
	case 12:
		e.ID = f.bytes
	case 13:
		e.DedupKey = f.bytes
		if len(f.bytes) > MaxDedupKey {
			return tooLarge(f, "64 bytes")
		}
	case 14:
		e.Compression = uint32(f.num)
	case 16:
		e.RawSize = f.num
	case 17:
		e.ExpectedVersion = f.num
	case 18:
		e.CausationID = f.bytes
	case 21:
		e.RawFailure = f.bytes
	case 22:
		e.PayloadCRC32C = uint32(f.num)
	case 23:
		e.CreatedUnixMS = f.num
	case 24:
		return e.addAttribute(f)
	case 25:
		return e.addAskPath(f)
	default:
		return e.setText(f)
	}
	return nil
}

func (e *Envelope) setText(f *field) *Refusal {
	var to *[]byte
	switch f.number {
	case 4:
		to = &e.Source
	case 5:
		to = &e.Target
	case 6:
		to = &e.TypeName
	case 10:
		to = &e.ReplyTo
	case 19:
		to = &e.Tenant
	case 20:
		to = &e.Tracestate
	default:
		return nil // 15, 26-31: a later version's; kept with the bytes
	}
	if !utf8.Valid(f.bytes) {
		return undecodable("Envelope.%s is not UTF-8", fieldName(f.number))
	}
	*to = f.bytes
	return nil
}

func (e *Envelope) addAttribute(f *field) *Refusal {
	e.Attributes++
	e.attributeBytes += len(f.bytes)
	if e.Attributes > MaxAttributes || e.attributeBytes > MaxAttributeBytes {
		return tooLarge(f, "32 entries and 4 KiB")
	}
	return nil
}

func (e *Envelope) addAskPath(f *field) *Refusal {
	n := 1
	if f.typ == bytesType {
		if len(f.bytes)%8 != 0 {
			return undecodable("Envelope.%s has the wrong wire type", fieldName(f.number))
		}
		n = len(f.bytes) / 8
	}
	if int(e.AskPathLen)+n > MaxAskPath {
		return tooLarge(f, "16 actors")
	}
	e.AskPathLen += uint32(n)
	return nil
}

// Failure decodes the failure of a KIND_FAILURE; it refuses with UNDECODABLE.
func (e *Envelope) Failure() (*pb.Failure, *Refusal) {
	failure := new(pb.Failure)
	if err := proto.Unmarshal(e.RawFailure, failure); err != nil {
		return nil, undecodable("Envelope.failure does not decode: %v", err)
	}
	return failure, nil
}

// AppendAskPath appends the hashes of ask_path in an encoded body that was read before.
func AppendAskPath(to []uint64, body []byte) []uint64 {
	r := fields{all: body}
	var f field
	for {
		if more, _ := r.next(&f); !more {
			return to
		}
		switch {
		case f.number != 25:
		case f.typ == fixed64Type:
			to = append(to, f.num)
		case f.typ == bytesType:
			for at := 0; at+8 <= len(f.bytes); at += 8 {
				to = append(to, binary.LittleEndian.Uint64(f.bytes[at:]))
			}
		}
	}
}

func tooLarge(f *field, limit string) *Refusal {
	return &Refusal{pb.Code_CODE_TOO_LARGE, fmt.Sprintf("Envelope.%s is over its limit of %s", fieldName(f.number), limit)}
}

// anyType marks the numbers that have no field yet.
const anyType wireType = 0xff

// fieldTypes are the wire types of the envelope's fields; ask_path may also be unpacked.
var fieldTypes = [32]wireType{
	anyType, varintType, bytesType, varintType, bytesType, bytesType, bytesType, varintType, // 0-7
	varintType, varintType, bytesType, bytesType, bytesType, bytesType, varintType, anyType, // 8-15
	varintType, varintType, bytesType, bytesType, bytesType, bytesType, fixed32Type, fixed64Type, // 16-23
	bytesType, bytesType, anyType, anyType, anyType, anyType, anyType, anyType, // 24-31
}

var fieldNames = [26]string{
	"?", "kind", "payload", "correlation", "source", "target", "type", "type_version", "min_reader_version",
	"content_type", "reply_to", "trace", "id", "dedup_key", "compression", "field 15", "raw_size", "expected_version",
	"causation_id", "tenant", "tracestate", "failure", "payload_crc32c", "created_unix_ms", "attributes", "ask_path",
}

func fieldName(number uint32) string {
	if int(number) < len(fieldNames) {
		return fieldNames[number]
	}
	return "(unknown field)"
}
