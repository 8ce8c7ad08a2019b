package codec

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	// recordsExtension is the extension of MessagePack that holds a field as protobuf writes it: its writer did not know it.
	recordsExtension int8 = 80
	// pairsField holds, among protobuf's unknown fields, those that came by MessagePack, each as the pair that it was: how
	// protobuf would write it is not known. No schema can have this number.
	pairsField protowire.Number = 19_999
)

// pairRecord is a pair, key and value, as an unknown field of a protobuf message.
func pairRecord(pair []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, pairsField, protowire.BytesType), pair)
}

// appendUnknown adds the unknown fields of a message that lies in depth containers.
func appendUnknown(entries []entry, unknown []byte, depth int) []entry {
	if len(unknown) == 0 {
		return entries
	}
	records := make(map[protowire.Number][]byte)
	var order []protowire.Number
	var pairs []entry
	for len(unknown) > 0 {
		number, _, n := protowire.ConsumeField(unknown)
		if n < 0 {
			break // it was not read by protobuf
		}
		record := unknown[:n]
		unknown = unknown[n:]
		if pair, ok := pairOf(record, number, depth); ok {
			pairs = append(pairs, pair)
			continue
		}
		if records[number] == nil {
			order = append(order, number)
		}
		records[number] = append(records[number], record...)
	}
	for _, number := range order {
		entries = append(entries, entry{number: number, ready: appendExtension(nil, recordsExtension, records[number])})
	}
	return append(entries, pairs...)
}

// pairOf is a field that came by MessagePack.
func pairOf(record []byte, number protowire.Number, depth int) (entry, bool) {
	_, wireType, n := protowire.ConsumeTag(record)
	if number != pairsField || wireType != protowire.BytesType {
		return entry{}, false
	}
	pair, _ := protowire.ConsumeBytes(record[n:])
	r := reader{pair}
	key, err := r.key()
	if err != nil {
		return entry{}, false
	}
	value, err := r.skip(depth + 1)
	if err != nil || r.end() != nil {
		return entry{}, false
	}
	return entry{number: key, ready: value}, true
}

// key takes the number of a field.
func (r *reader) key() (protowire.Number, error) {
	t, err := r.next()
	switch {
	case err != nil:
		return 0, err
	case t.kind != isInt:
		return 0, fmt.Errorf("a key is %v, and not the number of a field", t.kind)
	case t.negative || t.bits < 1 || t.bits > uint64(protowire.MaxValidNumber):
		return 0, t.outOfRange("the numbers of fields, from 1 to 2^29 - 1")
	}
	return protowire.Number(t.bits), nil
}

// mergeRecords reads a field as protobuf wrote it.
func mergeRecords(m protoreflect.Message, number protowire.Number, records []byte) error {
	for rest := records; len(rest) > 0; {
		other, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return errors.New("an extension of protobuf's records is damaged")
		}
		if other != number {
			return fmt.Errorf("the records of field %d have a field %d", number, other)
		}
		rest = rest[n:]
	}
	options := proto.UnmarshalOptions{Merge: true, AllowPartial: true, RecursionLimit: MaxDepth}
	return options.Unmarshal(records, m.Interface())
}
