package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// The inputs of the suite are of other messages, and of none. Read as an envelope, each is bytes that may or may not be one: what
// the reader accepts, protobuf-go has to accept too, and see the same in it.
type seen struct {
	read     int            // as protobuf-go reads them
	refused  int            // by protobuf-go too
	stricter map[string]int // refused though protobuf-go reads them, by reason
}

// lookAt looks at one input. It fails if the reader accepts what protobuf-go refuses, or sees something else in it.
func (s *seen) lookAt(input []byte) error {
	e, refusal := wire.ReadEnvelope(input)
	var oracle pb.Envelope
	err := proto.Unmarshal(input, &oracle)
	switch {
	case refusal != nil && err != nil:
		s.refused++
	case refusal != nil:
		s.stricter[refusal.Detail]++
	case err == nil:
		s.read++
		if field := differs(&e, &oracle); field != "" {
			return fmt.Errorf("the envelope reader sees another %s", field)
		}
	case e.Present.Has(21) || e.Attributes > 0: // it leaves a failure and attributes to who wants them
		s.read++
	default:
		return fmt.Errorf("the envelope reader reads what protobuf-go refuses: %w", err)
	}
	return nil
}

// differs is the first field that is not the same.
func differs(e *wire.Envelope, oracle *pb.Envelope) string {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"kind", e.Kind == uint32(oracle.Kind)},
		{"payload", bytes.Equal(e.Payload, oracle.Payload)},
		{"correlation", e.Correlation == oracle.Correlation},
		{"source", string(e.Source) == oracle.Source},
		{"target", string(e.Target) == oracle.Target},
		{"type", string(e.TypeName) == oracle.Type},
		{"type_version", e.TypeVersion == oracle.TypeVersion},
		{"min_reader_version", e.MinReaderVersion == oracle.MinReaderVersion},
		{"content_type", e.ContentType == uint32(oracle.ContentType)},
		{"reply_to", string(e.ReplyTo) == oracle.ReplyTo},
		{"trace", bytes.Equal(e.Trace, oracle.Trace)},
		{"id", bytes.Equal(e.ID, oracle.Id)},
		{"dedup_key", bytes.Equal(e.DedupKey, oracle.DedupKey)},
		{"compression", e.Compression == uint32(oracle.Compression)},
		{"raw_size", e.RawSize == oracle.RawSize},
		{"expected_version", e.ExpectedVersion == oracle.GetExpectedVersion()},
		{"causation_id", bytes.Equal(e.CausationID, oracle.CausationId)},
		{"tenant", string(e.Tenant) == oracle.Tenant},
		{"tracestate", string(e.Tracestate) == oracle.Tracestate},
		{"payload_crc32c", e.PayloadCRC32C == oracle.PayloadCrc32C},
		{"created_unix_ms", e.CreatedUnixMS == oracle.CreatedUnixMs},
		{"ask_path", int(e.AskPathLen) == len(oracle.AskPath)},
	} {
		if !f.same {
			return f.name
		}
	}
	return ""
}

// String implements fmt.Stringer.
func (s *seen) String() string {
	stricter, lines := 0, strings.Builder{}
	for _, reason := range slices.Sorted(maps.Keys(s.stricter)) {
		stricter += s.stricter[reason]
		fmt.Fprintf(&lines, "\n  %d %s", s.stricter[reason], reason)
	}
	return fmt.Sprintf("the envelope reader and %d inputs: %d read as protobuf-go reads them, %d refused by both, %d by the reader alone%s",
		s.read+s.refused+stricter, s.read, s.refused, stricter, &lines)
}
