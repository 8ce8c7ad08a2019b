package codec

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// UnmarshalMessagePack reads a message. Fields that it does not know stay in it as unknown ones, which MarshalMessagePack
// writes again.
func UnmarshalMessagePack(payload []byte, message proto.Message) error {
	proto.Reset(message)
	r := reader{payload}
	if err := r.message(message.ProtoReflect(), 0); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	return proto.CheckInitialized(message)
}

// numbers are the keys of a map that were there. They nearly always come in order: then nothing has to be looked for.
type numbers struct {
	last  protowire.Number
	all   []protowire.Number
	found map[protowire.Number]bool
}

// add fails for a key that was there.
func (s *numbers) add(number protowire.Number) error {
	if number > s.last && s.found == nil {
		s.last = number
		s.all = append(s.all, number)
		return nil
	}
	if s.found == nil {
		s.found = make(map[protowire.Number]bool, 2*len(s.all))
		for _, n := range s.all {
			s.found[n] = true
		}
	}
	if s.found[number] {
		return fmt.Errorf("the key %d is there twice", number)
	}
	s.found[number] = true
	return nil
}

// message reads a message that lies in depth containers.
func (r *reader) message(m protoreflect.Message, depth int) error {
	head, err := r.next()
	switch {
	case err != nil:
		return err
	case head.kind != isMap:
		return fmt.Errorf("%v stands where the map of a %s belongs", head.kind, m.Descriptor().FullName())
	case depth >= MaxDepth:
		return errDepth
	}
	var room [16]protowire.Number
	seen := numbers{all: room[:0]}
	for range head.count {
		from := r.rest
		number, err := r.key()
		if err != nil {
			return err
		}
		if err = seen.add(number); err != nil {
			return err
		}
		field := fieldOf(m.Descriptor(), number)
		if field == nil {
			err = r.unknown(m, number, from, depth+1)
		} else {
			err = r.field(m, field, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fieldOf is a field or an extension that this program knows, or nil.
func fieldOf(of protoreflect.MessageDescriptor, number protowire.Number) protoreflect.FieldDescriptor {
	if field := of.Fields().ByNumber(number); field != nil {
		return field
	}
	if of.ExtensionRanges().Has(number) {
		if known, err := protoregistry.GlobalTypes.FindExtensionByNumber(of.FullName(), number); err == nil {
			return known.TypeDescriptor()
		}
	}
	return nil
}

// unknown keeps a field whose pair begins with from.
func (r *reader) unknown(m protoreflect.Message, number protowire.Number, from []byte, depth int) error {
	value := *r
	if _, err := r.skip(depth); err != nil {
		return err
	}
	if t, err := value.next(); err == nil && t.kind == isExtension && t.ext == recordsExtension {
		return mergeRecords(m, number, t.bytes)
	}
	pair := from[:len(from)-len(r.rest)]
	m.SetUnknown(append(m.GetUnknown(), pairRecord(pair)...))
	return nil
}

// field reads the value of a field. A nil is as if the field were not there.
func (r *reader) field(m protoreflect.Message, field protoreflect.FieldDescriptor, depth int) error {
	value := *r
	t, err := value.next()
	if err != nil {
		return err
	}
	if t.kind == isNil {
		*r = value
		return nil
	}
	if of := field.ContainingOneof(); of != nil && m.WhichOneof(of) != nil {
		return fmt.Errorf("%s is set twice, here and by %s", of.Name(), m.WhichOneof(of).Name())
	}
	switch {
	case t.kind == isExtension && t.ext == recordsExtension:
		*r = value
		return mergeRecords(m, field.Number(), t.bytes)
	case field.IsList():
		return r.list(field, m.Mutable(field).List(), depth)
	case field.IsMap():
		return r.mapField(field, m.Mutable(field).Map(), depth)
	}
	read, err := r.value(field, m.NewField(field), depth)
	if err == nil {
		m.Set(field, read)
	}
	return err
}

// container takes the head of the array or the map of a field, which lies in depth containers.
func (r *reader) container(field protoreflect.FieldDescriptor, of kind, depth int) (int, error) {
	head, err := r.next()
	switch {
	case err != nil:
		return 0, err
	case head.kind != of:
		return 0, named(field, head.must(of))
	case depth >= MaxDepth:
		return 0, errDepth
	}
	return head.count, nil
}

func (r *reader) list(field protoreflect.FieldDescriptor, into protoreflect.List, depth int) error {
	count, err := r.container(field, isArray, depth)
	for range count {
		var value protoreflect.Value
		if field.Message() != nil {
			value = into.NewElement()
		}
		if value, err = r.value(field, value, depth+1); err != nil {
			return err
		}
		into.Append(value)
	}
	return err
}

func (r *reader) mapField(field protoreflect.FieldDescriptor, into protoreflect.Map, depth int) error {
	count, err := r.container(field, isMap, depth)
	for range count {
		key, err := r.value(field.MapKey(), protoreflect.Value{}, depth+1)
		if err != nil {
			return err
		}
		if into.Has(key.MapKey()) {
			return named(field, fmt.Errorf("the key %.100v is there twice", key.Interface()))
		}
		var value protoreflect.Value
		if field.MapValue().Message() != nil {
			value = into.NewValue()
		}
		if value, err = r.value(field.MapValue(), value, depth+1); err != nil {
			return err
		}
		into.Set(key.MapKey(), value)
	}
	return err
}

// value reads one value of a field, which lies in depth containers; a message into the one that is given.
func (r *reader) value(field protoreflect.FieldDescriptor, into protoreflect.Value, depth int) (protoreflect.Value, error) {
	if field.Message() != nil {
		return into, r.message(into.Message(), depth)
	}
	t, err := r.next()
	if err != nil {
		return into, err
	}
	value, err := t.scalar(field.Kind())
	return value, named(field, err)
}

// named is an error of a field's value.
func named(field protoreflect.FieldDescriptor, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field.FullName(), err)
}

func (t token) scalar(of protoreflect.Kind) (value protoreflect.Value, err error) {
	switch of {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(t.bits == 1), t.must(isBool)
	case protoreflect.StringKind:
		if err = t.must(isText); err == nil && !utf8.Valid(t.bytes) {
			err = errors.New("a string is not UTF-8")
		}
		return protoreflect.ValueOfString(string(t.bytes)), err
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(append([]byte{}, t.bytes...)), t.must(isData)
	case protoreflect.FloatKind:
		number, err := t.float32()
		return protoreflect.ValueOfFloat32(number), err
	case protoreflect.DoubleKind:
		number, err := t.float()
		return protoreflect.ValueOfFloat64(number), err
	case protoreflect.EnumKind:
		number, err := t.signed(32)
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(number)), err
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		number, err := t.unsigned(32)
		return protoreflect.ValueOfUint32(uint32(number)), err
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		number, err := t.unsigned(64)
		return protoreflect.ValueOfUint64(number), err
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		number, err := t.signed(32)
		return protoreflect.ValueOfInt32(int32(number)), err
	}
	number, err := t.signed(64)
	return protoreflect.ValueOfInt64(number), err
}

func (t token) must(be kind) error {
	if t.kind != be {
		return fmt.Errorf("%v stands where %v belongs", t.kind, be)
	}
	return nil
}
