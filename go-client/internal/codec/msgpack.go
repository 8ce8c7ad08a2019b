package codec

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// MarshalMessagePack writes a message as a map with the numbers of its fields as keys.
func MarshalMessagePack(message proto.Message) ([]byte, error) {
	if err := proto.CheckInitialized(message); err != nil {
		return nil, err
	}
	return appendMessage(make([]byte, 0, proto.Size(message)+16), message.ProtoReflect(), 0)
}

// entry is a field on its way out: a value by its descriptor, or a value that is written already.
type entry struct {
	number protoreflect.FieldNumber
	field  protoreflect.FieldDescriptor
	value  protoreflect.Value
	ready  []byte
}

// appendMessage writes a message that lies in depth containers.
func appendMessage(b []byte, m protoreflect.Message, depth int) ([]byte, error) {
	if depth >= MaxDepth {
		return nil, errDepth
	}
	var room [16]entry
	entries := room[:0]
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		entries = append(entries, entry{number: field.Number(), field: field, value: value})
		return true
	})
	entries = appendUnknown(entries, m.GetUnknown(), depth)
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.number, b.number) })
	// What the program knows of a field counts, and then what came first.
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.number == b.number })
	b = mapHeads.append(b, len(entries))
	for _, e := range entries {
		b = appendUint(b, uint64(e.number))
		if e.field == nil {
			b = append(b, e.ready...)
			continue
		}
		var err error
		if b, err = appendField(b, e.field, e.value, depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendField(b []byte, field protoreflect.FieldDescriptor, value protoreflect.Value, depth int) ([]byte, error) {
	switch {
	case field.IsList():
		return appendList(b, field, value.List(), depth)
	case field.IsMap():
		return appendMap(b, field, value.Map(), depth)
	}
	return appendValue(b, field, value, depth)
}

func appendList(b []byte, field protoreflect.FieldDescriptor, list protoreflect.List, depth int) ([]byte, error) {
	if depth >= MaxDepth {
		return nil, errDepth
	}
	b = arrayHeads.append(b, list.Len())
	var err error
	for i := 0; i < list.Len() && err == nil; i++ {
		b, err = appendValue(b, field, list.Get(i), depth+1)
	}
	return b, err
}

func appendMap(b []byte, field protoreflect.FieldDescriptor, values protoreflect.Map, depth int) ([]byte, error) {
	if depth >= MaxDepth {
		return nil, errDepth
	}
	keys := make([]protoreflect.MapKey, 0, values.Len())
	values.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, key)
		return true
	})
	slices.SortFunc(keys, compareKeys)
	b = mapHeads.append(b, len(keys))
	var err error
	for _, key := range keys {
		if b, err = appendValue(b, field.MapKey(), key.Value(), depth+1); err != nil {
			return nil, err
		}
		if b, err = appendValue(b, field.MapValue(), values.Get(key), depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// compareKeys orders the keys of one map: by number, by the bytes of text, false before true.
func compareKeys(a, b protoreflect.MapKey) int {
	switch x := a.Interface().(type) {
	case bool:
		if y := b.Bool(); x != y {
			return map[bool]int{false: -1, true: 1}[x]
		}
		return 0
	case string:
		return cmp.Compare(x, b.String())
	case int32, int64:
		return cmp.Compare(a.Int(), b.Int())
	}
	return cmp.Compare(a.Uint(), b.Uint())
}

// appendValue writes one value of a field, which lies in depth containers.
func appendValue(b []byte, field protoreflect.FieldDescriptor, value protoreflect.Value, depth int) ([]byte, error) {
	switch field.Kind() {
	case protoreflect.BoolKind:
		if value.Bool() {
			return append(b, 0xc3), nil
		}
		return append(b, 0xc2), nil
	case protoreflect.EnumKind:
		return appendInt(b, int64(value.Enum())), nil
	case protoreflect.FloatKind:
		return appendFloat32(b, float32(value.Float())), nil
	case protoreflect.DoubleKind:
		return appendFloat64(b, value.Float()), nil
	case protoreflect.StringKind:
		text := value.String()
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("%s is not UTF-8", field.FullName())
		}
		return append(textHeads.append(b, len(text)), text...), nil
	case protoreflect.BytesKind:
		data := value.Bytes()
		if uint64(len(data)) > math.MaxUint32 {
			return nil, fmt.Errorf("%s is over 4 GiB", field.FullName())
		}
		return append(dataHeads.append(b, len(data)), data...), nil
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return appendMessage(b, value.Message(), depth)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return appendUint(b, value.Uint()), nil
	}
	return appendInt(b, value.Int()), nil
}
