package wire

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// rounds is how many inputs each property is tried with.
const rounds = 2_000

// encoded is one field of a message with its bytes.
type encoded struct {
	number uint32
	bytes  []byte
}

func fieldsOf(t testing.TB, message []byte) []encoded {
	t.Helper()
	var all []encoded
	r := fields{all: message}
	var f field
	for {
		more, refusal := r.next(&f)
		if refusal != nil {
			t.Fatal(refusal)
		}
		if !more {
			return all
		}
		all = append(all, encoded{f.number, message[f.start:f.end]})
	}
}

// property runs a property with inputs that the seed, which a failure names, brings again.
func property(t *testing.T, holds func(t *testing.T, r *rand.Rand)) {
	t.Helper()
	for seed := range uint64(rounds) {
		holds(t, rand.New(rand.NewPCG(seed, 1)))
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func someBytes(r *rand.Rand, most int) []byte {
	b := make([]byte, r.IntN(most+1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func someText(r *rand.Rand) string {
	var out strings.Builder
	for range r.IntN(12) {
		out.WriteRune([]rune{'a', 'z', '/', 'é', '語', '😀', 0}[r.IntN(7)])
	}
	return out.String()
}

// someNumber is at the edges of varints as often as anywhere.
func someNumber(r *rand.Rand) uint64 {
	switch r.IntN(4) {
	case 0:
		return 0
	case 1:
		return 1 << r.IntN(64)
	case 2:
		return math.MaxUint64 >> r.IntN(64)
	}
	return r.Uint64()
}

func someEnvelope(r *rand.Rand) *pb.Envelope {
	n := func() uint64 { return someNumber(r) }
	e := &pb.Envelope{
		Kind: pb.Kind(n()), Payload: someBytes(r, 200), Correlation: n(), Source: someText(r), Target: someText(r),
		Type: someText(r), TypeVersion: uint32(n()), MinReaderVersion: uint32(n()), ContentType: pb.ContentType(n()),
		ReplyTo: someText(r), Trace: someBytes(r, 25), Id: someBytes(r, 16), DedupKey: someBytes(r, MaxDedupKey),
		Compression: pb.Compression(n()), RawSize: n(), CausationId: someBytes(r, 16), Tenant: someText(r),
		Tracestate: someText(r), PayloadCrc32C: uint32(n()), CreatedUnixMs: n(),
	}
	if r.IntN(2) == 0 {
		e.ExpectedVersion = proto.Uint64(n())
	}
	if r.IntN(2) == 0 {
		e.Failure = &pb.Failure{Code: pb.Code(n()), Effect: pb.Effect(n()), Detail: someText(r)}
	}
	for range r.IntN(4) {
		if e.Attributes == nil {
			e.Attributes = map[string][]byte{}
		}
		e.Attributes[someText(r)] = someBytes(r, 20)
	}
	for range r.IntN(MaxAskPath + 1) {
		e.AskPath = append(e.AskPath, n())
	}
	return e
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encodeField(number uint32, typ wireType, v uint64, b []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(number)<<3|uint64(typ))
	switch typ {
	case varintType:
		return binary.AppendUvarint(out, v)
	case fixed64Type:
		return binary.LittleEndian.AppendUint64(out, v)
	case fixed32Type:
		return binary.LittleEndian.AppendUint32(out, uint32(v))
	}
	return append(binary.AppendUvarint(out, uint64(len(b))), b...)
}

var wireTypes = []wireType{varintType, fixed64Type, bytesType, fixed32Type}

// someParts is an envelope, with fields that nobody knows, spread over three parts in any order, without field `but`.
func someParts(t *testing.T, r *rand.Rand, but uint32) [][]byte {
	t.Helper()
	all := fieldsOf(t, encode(t, someEnvelope(r)))
	for _, number := range []uint32{15, 26, 31, 32, 999, 1<<29 - 1} {
		if r.IntN(3) == 0 {
			all = append(all, encoded{number, encodeField(number, wireTypes[r.IntN(4)], someNumber(r), someBytes(r, 9))})
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	parts := make([][]byte, 3)
	for _, f := range all {
		if i := r.IntN(3); f.number != but {
			parts[i] = append(parts[i], f.bytes...)
		}
	}
	return parts
}

func TestAnEnvelopeInThreePartsIsReadAsProtobufGoReadsTheWhole(t *testing.T) {
	property(t, func(t *testing.T, r *rand.Rand) {
		parts := someParts(t, r, 0)
		all := bytes.Join(parts, nil)
		var oracle pb.Envelope
		if err := proto.Unmarshal(all, &oracle); err != nil {
			t.Fatal(err)
		}
		e, refusal := ReadEnvelope(parts...)
		if refusal != nil {
			t.Fatal(refusal)
		}
		if where := differs(&e, &oracle, all); where != "" {
			t.Error(where)
		}
		if got := Join(parts[0], parts[1], parts[2]); !bytes.Equal(got, all) {
			t.Error("joining changes bytes")
		}
	})
}

func TestABodyIsReadWithWhatItsPrefixesHold(t *testing.T) {
	property(t, func(t *testing.T, r *rand.Rand) {
		parts := someParts(t, r, 0)
		who, refusal := ParseWho(parts[0])
		what, refusal2 := ParseWhat(parts[1])
		whole, refusal3 := ReadEnvelope(parts...)
		var body Envelope
		refusal4 := body.ReadBody(parts[2], who.Present|what.Present)
		if refusal != nil || refusal2 != nil || refusal3 != nil || refusal4 != nil {
			t.Fatal(refusal, refusal2, refusal3, refusal4)
		}
		// ask_path and attributes may go on in the body: they are no override.
		if body.Present|(who.Present|what.Present)&repeated != whole.Present {
			t.Errorf("present %b, the whole has %b", body.Present, whole.Present)
		}
	})
}

func TestASingularFieldInTwoPlacesIsAnOverrideZerosIncluded(t *testing.T) {
	property(t, func(t *testing.T, r *rand.Rand) {
		number := uint32(1 + r.IntN(29))
		if number >= 24 {
			number += 2
		}
		typ := fieldTypes[number]
		if typ == anyType {
			typ = bytesType
		}
		zero := encodeField(number, typ, 0, nil)
		parts := someParts(t, r, number)
		for _, i := range []int{r.IntN(3), r.IntN(3)} {
			parts[i] = append(parts[i], zero...)
		}
		if _, refusal := ReadEnvelope(parts...); refusal == nil || refusal.Code != pb.Code_CODE_BAD_OVERRIDE {
			t.Errorf("field %d twice: %v", number, refusal)
		}
	})
}

func TestAKnownFieldOfAWrongWireTypeIsUndecodable(t *testing.T) {
	property(t, func(t *testing.T, r *rand.Rand) {
		number, typ := uint32(1+r.IntN(25)), wireTypes[r.IntN(4)]
		want := fieldTypes[number]
		if want == anyType || want == typ || number == 25 && typ == fixed64Type {
			return
		}
		parts := someParts(t, r, number)
		i := r.IntN(3)
		parts[i] = append(parts[i], encodeField(number, typ, someNumber(r), someBytes(r, 9))...)
		if _, refusal := ReadEnvelope(parts...); refusal == nil || refusal.Code != pb.Code_CODE_UNDECODABLE {
			t.Errorf("field %d with wire type %d: %v", number, typ, refusal)
		}
	})
}

func damage(r *rand.Rand, b []byte) []byte {
	for range r.IntN(6) {
		if len(b) == 0 {
			return b
		}
		switch at := r.IntN(len(b)); r.IntN(3) {
		case 0:
			b[at] = byte(r.Uint32())
		case 1:
			b = append(b[:at:at], b[at+1:]...)
		case 2:
			b = append(b[:at:at], append([]byte{byte(r.Uint32())}, b[at:]...)...)
		}
	}
	return b[:r.IntN(len(b)+1)]
}

func TestDamagedBytesAreRefusedOrReadAsProtobufGoReadsThem(t *testing.T) {
	property(t, func(t *testing.T, r *rand.Rand) {
		againstOracle(t, damage(r, encode(t, someEnvelope(r))))
		frameAgainstOracle(t, damage(r, encode(t, someFrame(r))))
	})
}

func TestWhatTheWritersWriteIsWhatProtobufGoReads(t *testing.T) {
	property(t, func(t *testing.T, r *rand.Rand) {
		want := &pb.Envelope{
			Kind: pb.Kind(r.Int32()), Payload: someBytes(r, 50), Correlation: someNumber(r), Source: someText(r),
			Target: someText(r), Type: someText(r), TypeVersion: r.Uint32(), MinReaderVersion: r.Uint32(),
			ContentType: pb.ContentType(r.IntN(4)), ReplyTo: someText(r), Failure: &pb.Failure{Detail: someText(r)},
		}
		for range r.IntN(MaxAskPath + 1) {
			want.AskPath = append(want.AskPath, r.Uint64())
		}
		who := NewWho(want.Source, want.Target, want.ReplyTo)
		what := NewWhat(want.Kind, want.Type, want.TypeVersion, want.MinReaderVersion, want.ContentType)
		failure := encode(t, want.Failure)
		if len(failure) == 0 {
			want.Failure = nil
		}
		body := AppendBody(nil, BodyFields{Correlation: want.Correlation, AskPath: want.AskPath, Failure: failure}, want.Payload)
		var got pb.Envelope
		if err := proto.Unmarshal(Join(who.Bytes, what.Bytes, body), &got); err != nil || !proto.Equal(&got, want) {
			t.Errorf("wrote %v, protobuf-go reads %v (%v)", want, &got, err)
		}
		parsedWho, _ := ParseWho(who.Bytes)
		parsedWhat, _ := ParseWhat(what.Bytes)
		if parsedWho == nil || parsedWhat == nil || parsedWho.Present != who.Present || parsedWhat.Present != what.Present {
			t.Errorf("%+v comes back as %+v, %+v as %+v", who, parsedWho, what, parsedWhat)
		}
	})
}

func someFrame(r *rand.Rand) *pb.Frame {
	n := func() uint64 { return someNumber(r) }
	f := &pb.Frame{Number: n(), SentMs: uint32(n())}
	if r.IntN(3) == 0 {
		f.Hello = &pb.Hello{Node: someText(r), Incarnation: n(), Capabilities: []uint32{4, 99}}
		f.Goodbye = &pb.Goodbye{Code: pb.GoodbyeCode(n()), Detail: someText(r), LastFrame: n()}
	}
	for range r.IntN(3) {
		f.Open = append(f.Open, &pb.StreamOpen{Flow: uint32(n()), Stream: n(), Prefix: someBytes(r, 40), FirstSeq: n()})
		f.Type = append(f.Type, &pb.TypeDef{Id: uint32(n()), Prefix: someBytes(r, 40)})
		f.State = append(f.State, &pb.StreamState{Flow: uint32(n()), Processed: n(), Credit: n()})
		f.Skip = append(f.Skip, &pb.Skip{Flow: uint32(n()), First: n(), Count: 1})
	}
	for range r.IntN(4) {
		run := &pb.Run{Flow: uint32(n()), FirstSeq: n(), Attempt: uint32(n()), Queued: uint32(n()), Hops: uint32(n())}
		items := r.IntN(6)
		for range items {
			run.Envelope = append(run.Envelope, someBytes(r, 30))
		}
		for _, list := range []*[]uint32{&run.TtlMs, &run.Type} {
			for range []int{0, 1, items}[r.IntN(3)] {
				*list = append(*list, uint32(n()))
			}
		}
		f.Run = append(f.Run, run)
	}
	return f
}

func TestAPacketIsReadAndWrittenAsProtobufGoReadsIt(t *testing.T) {
	property(t, func(t *testing.T, r *rand.Rand) {
		frame := someFrame(r)
		p, refusal := ReadPacket(encode(t, frame), MaxFrameBytes)
		if refusal != nil || !samePacket(p, packetOf(frame)) {
			t.Fatalf("read %+v (%v), protobuf-go reads %v", p, refusal, frame)
		}
		frameAgainstOracle(t, p.Append(nil))
	})
}

func TestAFrameCannotMakeItsReaderAllocateManyTimesItsSize(t *testing.T) {
	most := MaxFrameItems
	hostile := map[string][]byte{
		"a length beyond the frame":  {15<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"a list beyond the frame":    {15<<3 | 2, 7, 5<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"empty items":                encodeField(15, bytesType, 0, bytes.Repeat([]byte{15<<3 | 2, 0}, most)),
		"empty runs":                 bytes.Repeat([]byte{15<<3 | 2, 0}, most),
		"empty states":               bytes.Repeat([]byte{7<<3 | 2, 0}, most),
		"deadlines without messages": encodeField(15, bytesType, 0, encodeField(5, bytesType, 0, make([]byte, most))),
		"more items than there may":  encodeField(15, bytesType, 0, bytes.Repeat([]byte{15<<3 | 2, 0}, 3*most)),
		"a frame over the limit":     make([]byte, MaxFrameBytes+1),
	}
	for name, frame := range hostile {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ReadPacket(frame, MaxFrameBytes)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 256*uint64(len(frame))+64<<10 {
			t.Errorf("%s: reading %d bytes allocated %d", name, len(frame), took)
		}
	}
}
