package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/compat/peerpb"
)

// newMessage is an empty message of this short name.
func newMessage(name string) (proto.Message, error) {
	descriptor := schema.Messages().ByName(protoreflect.Name(name))
	if descriptor == nil {
		return nil, fmt.Errorf("the schema has no message %s", name)
	}
	known, err := protoregistry.GlobalTypes.FindMessageByName(descriptor.FullName())
	if err != nil {
		return nil, err
	}
	return known.New().Interface(), nil
}

func made(name string, fields []*peerpb.Field) (proto.Message, error) {
	message, err := newMessage(name)
	if err != nil {
		return nil, err
	}
	for _, field := range fields {
		if err := put(message.ProtoReflect(), field.Name, field); err != nil {
			return nil, err
		}
	}
	return message, nil
}

func writeMessage(order *peerpb.WriteMessage) ([]byte, error) {
	message, err := made(order.Type, order.Fields)
	if err != nil {
		return nil, err
	}
	return encode(ab.Codec(order.ContentType), message)
}

func encode(codec ab.Codec, message proto.Message) ([]byte, error) {
	if codec == ab.Protobuf {
		return proto.MarshalOptions{Deterministic: true}.Marshal(message)
	}
	return codec.Marshal(message)
}

func readMessage(order *peerpb.ReadMessage, m mutant) (*peerpb.Seen, error) {
	message, err := newMessage(order.Type)
	if err != nil {
		return nil, err
	}
	codec := ab.Codec(order.ContentType)
	if err := codec.Unmarshal(order.Message, message); err != nil {
		return nil, refusal("UNDECODABLE")
	}
	if m == dropUnknown {
		message.ProtoReflect().SetUnknown(nil)
	}
	passedOn, err := encode(codec, message)
	return &peerpb.Seen{Fields: show(nil, message.ProtoReflect(), ""), PassedOn: passedOn}, err
}

// convert decodes a Kinds from one codec, and encodes it in another.
func convert(order *peerpb.Convert) ([]byte, error) {
	var kinds testpb.Kinds
	if err := ab.Codec(order.From).Unmarshal(order.Message, &kinds); err != nil {
		return nil, refusal("UNDECODABLE")
	}
	return encode(ab.Codec(order.To), &kinds)
}

// put sets a field, or the one at a path such as quote.sku.
func put(m protoreflect.Message, path string, field *peerpb.Field) error {
	head, rest, _ := strings.Cut(path, ".")
	f := m.Descriptor().Fields().ByName(protoreflect.Name(head))
	if f == nil {
		return fmt.Errorf("this schema has no field %s", field.Name)
	}
	if f.Kind() == protoreflect.MessageKind {
		return put(m.Mutable(f).Message(), rest, field)
	}
	value, err := valueOf(f, field)
	switch {
	case err != nil:
		return err
	case f.IsList():
		m.Mutable(f).List().Append(value)
	default:
		m.Set(f, value)
	}
	return nil
}

func valueOf(f protoreflect.FieldDescriptor, field *peerpb.Field) (value protoreflect.Value, err error) {
	switch f.Kind() {
	case protoreflect.StringKind:
		value = protoreflect.ValueOfString(field.GetText())
	case protoreflect.BytesKind:
		value = protoreflect.ValueOfBytes(field.GetData())
	case protoreflect.Uint32Kind:
		value = protoreflect.ValueOfUint32(uint32(field.GetNumber()))
	case protoreflect.Int64Kind:
		value = protoreflect.ValueOfInt64(int64(field.GetNumber()))
	case protoreflect.Sint32Kind:
		value = protoreflect.ValueOfInt32(int32(field.GetNumber()))
	default:
		err = fmt.Errorf("no field of the schema was a %s", f.Kind())
	}
	return value, err
}

// show appends all fields that are not their default.
func show(to []*peerpb.Field, m protoreflect.Message, prefix string) []*peerpb.Field {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		name, value := prefix+string(f.Name()), m.Get(f)
		switch {
		case !m.Has(f):
		case f.IsList():
			for j := range value.List().Len() {
				to = append(to, fieldOf(name, value.List().Get(j)))
			}
		case f.Kind() == protoreflect.MessageKind:
			to = show(to, value.Message(), name+".")
		default:
			to = append(to, fieldOf(name, value))
		}
	}
	return to
}

func fieldOf(name string, value protoreflect.Value) *peerpb.Field {
	switch v := value.Interface().(type) {
	case string:
		return text(name, v)
	case []byte:
		return data(name, v)
	case uint32:
		return number(name, uint64(v))
	case int32:
		return number(name, uint64(int64(v))) // a negative one is its two's complement in 64 bits
	default:
		return number(name, uint64(value.Int()))
	}
}

func number(name string, n uint64) *peerpb.Field {
	return &peerpb.Field{Name: name, Value: &peerpb.Field_Number{Number: n}}
}

func text(name, s string) *peerpb.Field {
	return &peerpb.Field{Name: name, Value: &peerpb.Field_Text{Text: s}}
}

func data(name string, b []byte) *peerpb.Field {
	return &peerpb.Field{Name: name, Value: &peerpb.Field_Data{Data: b}}
}
