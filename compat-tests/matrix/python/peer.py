"""The Python peer of the compat matrix: grpcio and protobuf on the public schema, no code of actorbridge.

So it is an independent oracle for the bytes. compat-tests/matrix/README.md describes the conversation. The folder of the
generated modules, one for each version of versions.v1, is the environment's COMPAT_PYTHON_GENERATED.
"""

import os
import struct
import sys

SCHEMA = sys.argv[1]
sys.path.insert(0, os.path.join(os.environ["COMPAT_PYTHON_GENERATED"], SCHEMA))

from actorbridge.compat.v1 import peer_pb2  # noqa: E402
from google.protobuf.message import DecodeError, Message  # noqa: E402

import call  # noqa: E402
import fields  # noqa: E402
import snapshot  # noqa: E402
from actorbridge.v1 import envelope_pb2  # noqa: E402
from versions.v1 import desk_pb2  # noqa: E402

MUTANT = os.environ.get("COMPAT_MUTANT", "")


class Refused(Exception):
    """Bytes that were refused with a code."""


def read_exactly(stream, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        sys.exit(0)
    return data


def message_of(name: str) -> Message:
    if not hasattr(desk_pb2, name):
        raise ValueError(f"the schema has no message {name}")
    return getattr(desk_pb2, name)()


def decoded(message: Message, data: bytes) -> Message:
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise Refused("UNDECODABLE") from error
    return message


def encoded(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


def seen(message: Message) -> peer_pb2.Seen:
    shown = peer_pb2.Seen(fields=fields.show(message))
    if MUTANT == "drop-unknown":
        message.DiscardUnknownFields()
    shown.passed_on = encoded(message)
    return shown


def spoiled(data: bytes, order_fields=()) -> bytes:
    """Makes the mistake that the environment asks for: the runner must see it."""
    if MUTANT == "wrong-tag" and data:
        data = bytes([data[0] + 8]) + data[1:]
    correlation = [f.number for f in order_fields if f.name == "correlation"]
    if MUTANT == "int-as-string" and correlation:
        text = str(correlation[0]).encode()
        data += bytes([3 << 3 | 2, len(text)]) + text
    return data


def write_envelope(order) -> bytes:
    envelope = envelope_pb2.Envelope()
    for field in order.fields:
        fields.put(envelope, field)
    return spoiled(encoded(envelope) + order.later, order.fields)


def write_message(order) -> bytes:
    message = message_of(order.type)
    for field in order.fields:
        fields.put(message, field)
    return spoiled(encoded(message))


def carry_out(order) -> peer_pb2.Answer:
    answer = peer_pb2.Answer(id=order.id)
    which = order.WhichOneof("order")
    try:
        if which == "write_message":
            answer.written = write_message(order.write_message)
        elif which == "read_message":
            message = decoded(message_of(order.read_message.type), order.read_message.message)
            answer.seen.CopyFrom(seen(message))
        elif which == "write_envelope":
            answer.written = write_envelope(order.write_envelope)
        elif which == "read_envelope":
            envelope = decoded(envelope_pb2.Envelope(), order.read_envelope.envelope)
            answer.seen.CopyFrom(seen(envelope))
        elif which == "write_snapshot":
            answer.written = snapshot.write(order.write_snapshot, write_message)
        elif which == "read_snapshot":
            answer.seen.CopyFrom(snapshot.read(order.read_snapshot, message_of))
        elif which == "call":
            answer.seen.CopyFrom(call.call(order.call))
        else:
            answer.unable = f"this peer does not know the order {which}"
    except (Refused, snapshot.Refused, call.Refused) as refused:
        answer.refused = str(refused)
    except Exception as error:  # whatever it is, the runner says it of this cell
        answer.unable = f"{type(error).__name__}: {error}"
    return answer


def main() -> None:
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while True:
        (length,) = struct.unpack(">I", read_exactly(stdin, 4))
        order = peer_pb2.Order.FromString(read_exactly(stdin, length))
        answer = carry_out(order).SerializeToString()
        stdout.write(struct.pack(">I", len(answer)) + answer)
        stdout.flush()


if __name__ == "__main__":
    main()
