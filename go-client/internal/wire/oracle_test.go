package wire

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// differs says where an envelope that was read from all is not what protobuf-go reads; "" = nowhere.
func differs(e *Envelope, oracle *pb.Envelope, all []byte) string {
	type pair struct {
		name      string
		got, want any
	}
	numbers := []pair{
		{"kind", e.Kind, uint32(oracle.Kind)}, {"correlation", e.Correlation, oracle.Correlation},
		{"type_version", e.TypeVersion, oracle.TypeVersion},
		{"min_reader_version", e.MinReaderVersion, oracle.MinReaderVersion},
		{"content_type", e.ContentType, uint32(oracle.ContentType)},
		{"compression", e.Compression, uint32(oracle.Compression)}, {"raw_size", e.RawSize, oracle.RawSize},
		{"expected_version", e.ExpectedVersion, oracle.GetExpectedVersion()},
		{"expected_version's presence", e.Present.Has(17), oracle.ExpectedVersion != nil},
		{"payload_crc32c", e.PayloadCRC32C, oracle.PayloadCrc32C},
		{"created_unix_ms", e.CreatedUnixMS, oracle.CreatedUnixMs},
		{"ask_path_len", int(e.AskPathLen), len(oracle.AskPath)},
		{"failure's presence", e.Present.Has(21), oracle.Failure != nil},
		// A map's later entry wins; the reader counts what came.
		{"attributes", int(e.Attributes) >= len(oracle.Attributes), true},
	}
	for _, p := range numbers {
		if p.got != p.want {
			return fmt.Sprintf("%s is %v, protobuf-go reads %v", p.name, p.got, p.want)
		}
	}
	blobs := []struct {
		name      string
		got, want []byte
	}{
		{"payload", e.Payload, oracle.Payload}, {"source", e.Source, []byte(oracle.Source)},
		{"target", e.Target, []byte(oracle.Target)}, {"type", e.TypeName, []byte(oracle.Type)},
		{"reply_to", e.ReplyTo, []byte(oracle.ReplyTo)}, {"trace", e.Trace, oracle.Trace}, {"id", e.ID, oracle.Id},
		{"dedup_key", e.DedupKey, oracle.DedupKey}, {"causation_id", e.CausationID, oracle.CausationId},
		{"tenant", e.Tenant, []byte(oracle.Tenant)}, {"tracestate", e.Tracestate, []byte(oracle.Tracestate)},
	}
	for _, b := range blobs {
		if !bytes.Equal(b.got, b.want) {
			return fmt.Sprintf("%s is %q, protobuf-go reads %q", b.name, b.got, b.want)
		}
	}
	if path := AppendAskPath(nil, all); !slices.Equal(path, oracle.AskPath) {
		return fmt.Sprintf("ask_path is %v, protobuf-go reads %v", path, oracle.AskPath)
	}
	if oracle.Failure == nil {
		return ""
	}
	if failure, refusal := e.Failure(); refusal != nil || !proto.Equal(failure, oracle.Failure) {
		return fmt.Sprintf("failure is %v (%v), protobuf-go reads %v", failure, refusal, oracle.Failure)
	}
	return ""
}

// againstOracle reads bytes of any kind, and fails where the reader and protobuf-go disagree.
func againstOracle(t *testing.T, data []byte) {
	e, refusal := ReadEnvelope(data)
	var body Envelope
	if again := body.ReadBody(data, 0); (again == nil) != (refusal == nil) {
		t.Fatalf("ReadEnvelope: %v, ReadBody: %v", refusal, again)
	}
	if refusal != nil {
		return
	}
	var oracle pb.Envelope
	if err := proto.Unmarshal(data, &oracle); err == nil {
		if where := differs(&e, &oracle, data); where != "" {
			t.Fatalf("%s\n%x", where, data)
		}
		return
	}
	// The reader looks into neither a failure nor an attribute; everything else it has read.
	var others []byte
	for _, f := range fieldsOf(t, data) {
		if f.number != 21 && f.number != 24 {
			others = append(others, f.bytes...)
		}
	}
	if err := proto.Unmarshal(others, &oracle); err != nil {
		t.Fatalf("read %+v, and protobuf-go says %v", e, err)
	}
}

// packetOf is a frame as a packet; nil = a list fits none of the ways in which it may be given.
func packetOf(frame *pb.Frame) *Packet {
	p := &Packet{Head: proto.Clone(frame).(*pb.Frame)}
	p.Head.Run = nil
	at := func(list []uint32, i int) uint32 {
		if len(list) < 2 {
			i = 0
		}
		if len(list) == 0 {
			return 0
		}
		return list[i]
	}
	for _, r := range frame.Run {
		n := len(r.Envelope)
		if len(r.TtlMs) > 1 && len(r.TtlMs) != n || len(r.Type) > 1 && len(r.Type) != n {
			return nil
		}
		run := Run{Flow: r.Flow, FirstSeq: r.FirstSeq, Attempt: r.Attempt, Hops: r.Hops, Queued: r.Queued}
		for i, body := range r.Envelope {
			run.Items = append(run.Items, Item{TypeID: at(r.Type, i), TTLMs: at(r.TtlMs, i), Body: body})
		}
		p.Runs = append(p.Runs, run)
	}
	return p
}

func samePacket(a, b *Packet) bool {
	return a != nil && b != nil && proto.Equal(a.Head, b.Head) && slices.EqualFunc(a.Runs, b.Runs, func(a, b Run) bool {
		items := slices.EqualFunc(a.All(), b.All(), func(a, b Item) bool {
			return a.TypeID == b.TypeID && a.TTLMs == b.TTLMs && bytes.Equal(a.Body, b.Body)
		})
		return items && a.Flow == b.Flow && a.FirstSeq == b.FirstSeq && a.Attempt == b.Attempt && a.Hops == b.Hops &&
			a.Queued == b.Queued
	})
}

// frameAgainstOracle does the same with a frame.
func frameAgainstOracle(t *testing.T, data []byte) {
	p, refusal := ReadPacket(data, MaxFrameBytes)
	if refusal != nil {
		return
	}
	var oracle pb.Frame
	if err := proto.Unmarshal(data, &oracle); err != nil {
		t.Fatalf("read %v, and protobuf-go says %v", p, err)
	}
	oracle.ProtoReflect().SetUnknown(nil)
	if want := packetOf(&oracle); !samePacket(p, want) {
		t.Fatalf("read %+v, protobuf-go reads %+v", p, want)
	}
	once := p.Append(nil)
	again, refusal := ReadPacket(once, 2*MaxFrameBytes)
	if refusal != nil {
		t.Fatalf("our own frame is refused: %v", refusal)
	}
	if !samePacket(p, again) {
		t.Fatal("a frame changes when it is written and read")
	}
}

// FuzzEnvelope: no bytes make the reader panic, and what it reads is what protobuf-go reads.
func FuzzEnvelope(f *testing.F) {
	for _, folder := range []string{"envelopes", "bad-envelopes"} {
		for _, c := range loadGolden(f, folder) {
			f.Add(bytes.Join(c.parts, nil))
		}
	}
	f.Fuzz(againstOracle)
}

// FuzzEnvelopeInParts: an envelope in three parts is the envelope that they make together, or is refused alike.
func FuzzEnvelopeInParts(f *testing.F) {
	for _, folder := range []string{"envelopes", "bad-envelopes"} {
		for _, c := range loadGolden(f, folder) {
			all := bytes.Join(c.parts, nil)
			f.Add(all, uint16(len(c.parts[0])), uint16(len(all)))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, first, second uint16) {
		i := min(int(first), len(data))
		j := i + min(int(second), len(data)-i)
		whole, wholeRefusal := ReadEnvelope(data)
		parts, partsRefusal := ReadEnvelope(data[:i], data[i:j], data[j:])
		// A cut inside a field may make other fields of it: only what both read must be the same.
		if wholeRefusal == nil && partsRefusal == nil && len(fieldsOf(t, data)) ==
			len(fieldsOf(t, data[:i]))+len(fieldsOf(t, data[i:j]))+len(fieldsOf(t, data[j:])) {
			if whole.Present != parts.Present || !bytes.Equal(whole.Payload, parts.Payload) || whole.Kind != parts.Kind {
				t.Fatalf("whole %+v, in parts %+v", whole, parts)
			}
		}
	})
}

// FuzzPacket: no bytes make the reader panic, and what it reads is what protobuf-go reads, and survives writing.
func FuzzPacket(f *testing.F) {
	for _, folder := range []string{"frames", "bad-frames"} {
		for _, c := range loadGolden(f, folder) {
			f.Add(c.parts[0])
		}
	}
	f.Fuzz(frameAgainstOracle)
}
