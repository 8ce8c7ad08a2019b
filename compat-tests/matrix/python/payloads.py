"""Messages as protobuf, JSON and MessagePack, by docs/CODECS.md and stock libraries."""

import msgpack
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

PROTOBUF, JSON, MSGPACK = range(3)


class Packed(dict):
    """What a map of MessagePack holds, before it is known which of its fields the schema has."""


def encode(message: Message, content_type: int, rest: Packed | None = None) -> bytes:
    """Encodes a message; `rest` is what it came as in MessagePack, whose unknown fields are written again."""
    if content_type == JSON:
        return json_format.MessageToJson(message, indent=None, ensure_ascii=False).encode()
    if content_type == MSGPACK:
        return msgpack.packb(_map(message, rest or Packed()), use_bin_type=True)
    return message.SerializeToString(deterministic=True)


def decode(message: Message, data: bytes, content_type: int) -> Packed | None:
    """Decodes into a message. It fails with ValueError, or with json_format's or protobuf's own error."""
    if content_type == JSON:
        json_format.Parse(data.decode(), message, ignore_unknown_fields=True)
        return None
    if content_type == MSGPACK:
        came = msgpack.unpackb(data, strict_map_key=False, object_pairs_hook=_once)
        _fill(message, came)
        return came
    message.ParseFromString(data)
    return None


def _once(pairs) -> Packed:
    packed = Packed(pairs)
    if len(packed) != len(pairs):
        raise ValueError("a key is there twice")
    return packed


def _map(message: Message, rest: Packed) -> dict:
    fields = {n: v for n, v in rest.items() if n not in message.DESCRIPTOR.fields_by_number}
    for descriptor, value in message.ListFields():
        inner = rest.get(descriptor.number)
        if descriptor.is_repeated:
            value = [_value(descriptor, each, None) for each in value]
        else:
            value = _value(descriptor, value, inner)
        fields[descriptor.number] = value
    return dict(sorted(fields.items()))


def _value(descriptor: FieldDescriptor, value, rest):
    return value if descriptor.message_type is None else _map(value, rest or Packed())


def _fill(message: Message, came) -> None:
    if not isinstance(came, Packed):
        raise ValueError(f"{came!r} is no map")
    for number, value in came.items():
        descriptor = message.DESCRIPTOR.fields_by_number.get(number)
        if descriptor is None or value is None:
            continue
        if descriptor.is_repeated:
            getattr(message, descriptor.name).extend(_checked(descriptor, each) for each in value)
        elif descriptor.message_type is not None:
            inner = getattr(message, descriptor.name)
            inner.SetInParent()
            _fill(inner, value)
        else:
            setattr(message, descriptor.name, _checked(descriptor, value))


def _checked(descriptor: FieldDescriptor, value):
    """protobuf takes text for bytes and a bool for a number."""
    wanted = {FieldDescriptor.CPPTYPE_STRING: str}.get(descriptor.cpp_type, int)
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        wanted = bytes
    if type(value) is not wanted:
        raise ValueError(f"{value!r} is no {wanted.__name__}")
    return value
