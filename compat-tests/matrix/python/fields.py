"""Values of fields, apart from any encoding, to and from the fields of any message."""

from actorbridge.compat.v1 import peer_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

UNSIGNED = {
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_FIXED32,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_ENUM,
}
# Fields that are bytes to the matrix, though the schema has a message.
OPAQUE = {"actorbridge.v1.Envelope.failure"}


def _value(descriptor: FieldDescriptor, field):
    value = getattr(field, field.WhichOneof("value"))
    # A negative number is its two's complement in 64 bits.
    if isinstance(value, int) and descriptor.type not in UNSIGNED and value >= 1 << 63:
        value -= 1 << 64
    return value


def put(message: Message, field, path: str | None = None) -> None:
    """Sets a field, or the one at a path such as quote.sku."""
    head, _, rest = (path or field.name).partition(".")
    descriptor = message.DESCRIPTOR.fields_by_name[head]
    if descriptor.full_name in OPAQUE:
        getattr(message, head).MergeFromString(field.data)
        getattr(message, head).SetInParent()
    elif descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry:
        getattr(message, head)[rest] = field.data
    elif descriptor.message_type is not None:
        put(getattr(message, head), field, rest)
    elif descriptor.is_repeated:
        getattr(message, head).append(_value(descriptor, field))
    else:
        setattr(message, head, _value(descriptor, field))


def _field(name: str, value) -> peer_pb2.Field:
    if isinstance(value, str):
        return peer_pb2.Field(name=name, text=value)
    if isinstance(value, bytes):
        return peer_pb2.Field(name=name, data=value)
    return peer_pb2.Field(name=name, number=int(value) & (1 << 64) - 1)


def show(message: Message, prefix: str = "") -> list:
    """All fields that are not their default."""
    shown = []
    for descriptor, value in message.ListFields():
        name = prefix + descriptor.name
        if descriptor.full_name in OPAQUE:
            shown.append(_field(name, value.SerializeToString(deterministic=True)))
        elif descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry:
            shown.extend(_field(f"{name}.{key}", value[key]) for key in sorted(value))
        elif descriptor.message_type is not None:
            shown.extend(show(value, name + "."))
        elif descriptor.is_repeated:
            shown.extend(_field(name, each) for each in value)
        else:
            shown.append(_field(name, value))
    return shown
