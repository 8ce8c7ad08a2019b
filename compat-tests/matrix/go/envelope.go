package main

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/go-client/compat/peerpb"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// parts is what the fields of an order say, by the part of an envelope that they belong to.
type parts struct {
	kind                    pb.Kind
	typeName                string
	version, minReader      uint32
	content                 pb.ContentType
	source, target, replyTo string
	body                    wire.BodyFields
	payload                 []byte
	// rare are the fields that the node does not write itself.
	rare pb.Envelope
}

// writeEnvelope writes it as the node does: who, what, body. What the node does not write itself lies between them.
func writeEnvelope(order *peerpb.WriteEnvelope) ([]byte, error) {
	var p parts
	for _, f := range order.Fields {
		var err error
		switch v := f.Value.(type) {
		case *peerpb.Field_Number:
			err = p.number(f.Name, v.Number)
		case *peerpb.Field_Text:
			err = p.text(f.Name, v.Text)
		case *peerpb.Field_Data:
			err = p.data(f.Name, v.Data)
		}
		if err != nil {
			return nil, err
		}
	}
	rare, err := proto.MarshalOptions{Deterministic: true}.Marshal(&p.rare)
	if err != nil {
		return nil, err
	}
	who := wire.NewWho(p.source, p.target, p.replyTo)
	what := wire.NewWhat(p.kind, p.typeName, p.version, p.minReader, p.content)
	between := slices.Concat(what.Bytes, rare, order.Later)
	return wire.Join(who.Bytes, between, wire.AppendBody(nil, p.body, p.payload)), nil
}

func (p *parts) number(name string, n uint64) error {
	switch name {
	case "kind":
		p.kind = pb.Kind(n)
	case "type_version":
		p.version = uint32(n)
	case "min_reader_version":
		p.minReader = uint32(n)
	case "content_type":
		p.content = pb.ContentType(n)
	case "correlation":
		p.body.Correlation = n
	case "ask_path":
		p.body.AskPath = append(p.body.AskPath, n)
	case "compression":
		p.rare.Compression = pb.Compression(n)
	case "raw_size":
		p.rare.RawSize = n
	case "expected_version":
		p.rare.ExpectedVersion = &n
	case "payload_crc32c":
		p.rare.PayloadCrc32C = uint32(n)
	case "created_unix_ms":
		p.rare.CreatedUnixMs = n
	default:
		return fmt.Errorf("Envelope.%s takes no number", name)
	}
	return nil
}

func (p *parts) text(name, s string) error {
	to, ok := map[string]*string{
		"source": &p.source, "target": &p.target, "reply_to": &p.replyTo, "type": &p.typeName,
		"tenant": &p.rare.Tenant, "tracestate": &p.rare.Tracestate,
	}[name]
	if !ok {
		return fmt.Errorf("Envelope.%s takes no text", name)
	}
	*to = s
	return nil
}

func (p *parts) data(name string, b []byte) error {
	if key, ok := strings.CutPrefix(name, "attributes."); ok {
		if p.rare.Attributes == nil {
			p.rare.Attributes = make(map[string][]byte)
		}
		p.rare.Attributes[key] = b
		return nil
	}
	to, ok := map[string]*[]byte{
		"payload": &p.payload, "failure": &p.body.Failure, "trace": &p.rare.Trace, "id": &p.rare.Id,
		"dedup_key": &p.rare.DedupKey, "causation_id": &p.rare.CausationId,
	}[name]
	if !ok {
		return fmt.Errorf("Envelope.%s takes no bytes", name)
	}
	*to = b
	return nil
}

// readEnvelope reads it, and passes it on as the node does: in a packet.
func readEnvelope(envelope []byte, m mutant) (*peerpb.Seen, error) {
	e, refused := wire.ReadEnvelope(envelope)
	if refused != nil {
		return nil, refusal(strings.TrimPrefix(refused.Code.String(), "CODE_"))
	}
	seen := &peerpb.Seen{Fields: shown(&e, envelope)}
	if m == dropUnknown {
		known := new(pb.Envelope)
		if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(envelope, known); err != nil {
			return nil, err
		}
		var err error
		seen.PassedOn, err = proto.Marshal(known)
		return seen, err
	}
	packet := wire.Packet{Runs: []wire.Run{{Items: []wire.Item{{Body: envelope}}}}}
	frame := packet.Append(nil)
	if len(frame) > wire.MaxFrameBytes {
		return seen, nil // no frame holds it, so no node passes it on whole
	}
	came, err := wire.ReadPacket(frame, wire.MaxFrameBytes)
	if err != nil {
		return nil, err
	}
	seen.PassedOn = came.Runs[0].Items[0].Body
	return seen, nil
}

func shown(e *wire.Envelope, envelope []byte) (fields []*peerpb.Field) {
	for _, f := range []struct {
		name string
		n    uint64
	}{
		{"kind", uint64(e.Kind)}, {"correlation", e.Correlation}, {"type_version", uint64(e.TypeVersion)},
		{"min_reader_version", uint64(e.MinReaderVersion)}, {"content_type", uint64(e.ContentType)},
		{"compression", uint64(e.Compression)}, {"raw_size", e.RawSize}, {"payload_crc32c", uint64(e.PayloadCRC32C)},
		{"created_unix_ms", e.CreatedUnixMS},
	} {
		if f.n != 0 {
			fields = append(fields, number(f.name, f.n))
		}
	}
	if e.Present.Has(17) {
		fields = append(fields, number("expected_version", e.ExpectedVersion))
	}
	for _, f := range []struct {
		name   string
		b      []byte
		isText bool
	}{
		{"source", e.Source, true}, {"target", e.Target, true}, {"type", e.TypeName, true}, {"reply_to", e.ReplyTo, true},
		{"tenant", e.Tenant, true}, {"tracestate", e.Tracestate, true}, {"payload", e.Payload, false},
		{"trace", e.Trace, false}, {"id", e.ID, false}, {"dedup_key", e.DedupKey, false},
		{"causation_id", e.CausationID, false}, {"failure", e.RawFailure, false},
	} {
		switch {
		case len(f.b) == 0:
		case f.isText:
			fields = append(fields, text(f.name, string(f.b)))
		default:
			fields = append(fields, data(f.name, f.b))
		}
	}
	for _, hash := range wire.AppendAskPath(nil, envelope) {
		fields = append(fields, number("ask_path", hash))
	}
	return append(fields, attributes(envelope)...)
}

// attributes are counted by the node's reader, and left in the bytes.
func attributes(envelope []byte) (fields []*peerpb.Field) {
	for len(envelope) > 0 {
		field, typ, n := protowire.ConsumeTag(envelope)
		if n < 0 {
			return fields
		}
		size := protowire.ConsumeFieldValue(field, typ, envelope[n:])
		if size < 0 {
			return fields
		}
		if field == 24 && typ == protowire.BytesType {
			entry, _ := protowire.ConsumeBytes(envelope[n:])
			key, value := entryOf(entry)
			fields = append(fields, data("attributes."+key, value))
		}
		envelope = envelope[n+size:]
	}
	return fields
}

func entryOf(entry []byte) (key string, value []byte) {
	for len(entry) > 0 {
		field, typ, n := protowire.ConsumeTag(entry)
		if n < 0 || typ != protowire.BytesType {
			return key, value
		}
		part, size := protowire.ConsumeBytes(entry[n:])
		if size < 0 {
			return key, value
		}
		if field == 1 {
			key = string(part)
		} else {
			value = part
		}
		entry = entry[n+size:]
	}
	return key, value
}
