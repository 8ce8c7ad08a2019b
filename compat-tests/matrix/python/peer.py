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
from google.protobuf.json_format import ParseError  # noqa: E402
from google.protobuf.message import DecodeError, Message  # noqa: E402

import call  # noqa: E402
import fields  # noqa: E402
import payloads  # noqa: E402
import snapshot  # noqa: E402
from actorbridge.v1 import envelope_pb2  # noqa: E402
from actorbridge.test.v1 import codecs_pb2  # noqa: E402
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


def seen(message: Message, data: bytes, content_type: int = payloads.PROTOBUF) -> peer_pb2.Seen:
    try:
        rest = payloads.decode(message, data, content_type)
    except (DecodeError, ParseError, ValueError, TypeError) as error:
        raise Refused("UNDECODABLE") from error
    shown = peer_pb2.Seen(fields=fields.show(message))
    if MUTANT == "drop-unknown":
        message.DiscardUnknownFields()
        rest = None
    shown.passed_on = payloads.encode(message, content_type, rest)
    return shown


def spoiled(data: bytes, order_fields=(), content_type: int = payloads.PROTOBUF) -> bytes:
    """Makes the mistake that the environment asks for: the runner must see it.

    The first field of a message is the first byte in protobuf, {"NAME in JSON, and behind the map's head in MessagePack.
    """
    at, step = ((0, 8), (2, 1), (1, 1))[content_type]
    if MUTANT == "wrong-tag" and len(data) > at:
        data = data[:at] + bytes([data[at] + step]) + data[at + 1 :]
    if MUTANT == "int-as-string" and content_type == payloads.MSGPACK and len(data) > 2 and data[2] < 10:
        data = data[:2] + b"\xa1" + str(data[2]).encode() + data[3:]
    correlation = [f.number for f in order_fields if f.name == "correlation"]
    if MUTANT == "int-as-string" and correlation:
        text = str(correlation[0]).encode()
        data += bytes([3 << 3 | 2, len(text)]) + text
    return data


def write_envelope(order) -> bytes:
    envelope = envelope_pb2.Envelope()
    for field in order.fields:
        fields.put(envelope, field)
    return spoiled(payloads.encode(envelope, payloads.PROTOBUF) + order.later, order.fields)


def write_message(order, content_type: int = payloads.PROTOBUF) -> bytes:
    message = message_of(order.type)
    for field in order.fields:
        fields.put(message, field)
    return spoiled(payloads.encode(message, content_type), content_type=content_type)


def convert(order) -> bytes:
    message = codecs_pb2.Kinds()
    try:
        payloads.decode(message, order.message, getattr(order, "from"))
    except (DecodeError, ParseError, ValueError, TypeError) as error:
        raise Refused("UNDECODABLE") from error
    return payloads.encode(message, order.to)


def carry_out(order) -> peer_pb2.Answer:
    answer = peer_pb2.Answer(id=order.id)
    which = order.WhichOneof("order")
    try:
        if which == "write_message":
            answer.written = write_message(order.write_message, order.write_message.content_type)
        elif which == "read_message":
            read = order.read_message
            answer.seen.CopyFrom(seen(message_of(read.type), read.message, read.content_type))
        elif which == "write_envelope":
            answer.written = write_envelope(order.write_envelope)
        elif which == "read_envelope":
            answer.seen.CopyFrom(seen(envelope_pb2.Envelope(), order.read_envelope.envelope))
        elif which == "write_snapshot":
            answer.written = snapshot.write(order.write_snapshot, write_message)
        elif which == "read_snapshot":
            answer.seen.CopyFrom(snapshot.read(order.read_snapshot, message_of))
        elif which == "convert":
            answer.written = convert(order.convert)
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
