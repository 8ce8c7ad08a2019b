"""Snapshots as docs/SNAPSHOT.md describes their bytes."""

import hashlib
import struct

from actorbridge.compat.v1 import peer_pb2
from google.protobuf.message import DecodeError

import fields
from actorbridge.v1 import frame_pb2, options_pb2, system_pb2

MAGIC = b"\x89ABSNP\r\n"
FORMAT = 1
CHUNK = 65_536
MAX_HEADER = 65_536
MAX_BYTES = 64 << 20
PREFIX = struct.Struct("<8sIIII")


class Refused(Exception):
    """A snapshot that was refused with a code."""


def _crc_table() -> list:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """Castagnoli, byte by byte: snapshots of the matrix are small."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _chunked(stored: bytes) -> bytes:
    chunks = [stored[at : at + CHUNK] for at in range(0, len(stored), CHUNK)]
    return b"".join(chunk + struct.pack("<I", crc32c(chunk)) for chunk in chunks)


def _version(descriptor) -> int:
    return descriptor.GetOptions().Extensions[options_pb2.message].version or 1


def write(order, write_message) -> bytes:
    state = write_message(order)
    capsule = frame_pb2.Capsule(actor_epoch=1).SerializeToString(deterministic=True)
    stored = capsule + state
    header = system_pb2.SnapshotHeader(
        actor=f"ab:///{order.path}",
        epoch=1,
        type=f"versions.v1.{order.type}",
        version=version_of(order.type),
        codec="protobuf",
        capsule_size=len(capsule),
        state_size=len(state),
        sha256=hashlib.sha256(stored).digest(),
    ).SerializeToString(deterministic=True)
    head = struct.pack("<8sIII", MAGIC, FORMAT, FORMAT, len(header))
    return head + struct.pack("<I", crc32c(head + header)) + header + _chunked(stored)


def version_of(name: str) -> int:
    from versions.v1 import desk_pb2

    return _version(desk_pb2.DESCRIPTOR.message_types_by_name[name])


def _check(holds: bool, code: str = "UNDECODABLE") -> None:
    if not holds:
        raise Refused(code)


def _header(data: bytes):
    _check(len(data) >= PREFIX.size)
    magic, version, least_reader, length, crc = PREFIX.unpack_from(data)
    _check(magic == MAGIC)
    _check(least_reader <= FORMAT and version >= 1, "UNSUPPORTED_VERSION")
    _check(length <= MAX_HEADER, "TOO_LARGE")
    head = data[PREFIX.size : PREFIX.size + length]
    _check(len(head) == length and crc32c(data[: PREFIX.size - 4] + head) == crc)
    try:
        return system_pb2.SnapshotHeader.FromString(head), PREFIX.size + length
    except DecodeError:
        raise Refused("UNDECODABLE") from None


def _stored(data: bytes, size: int) -> bytes:
    _check(len(data) == size + 4 * -(-size // CHUNK))
    stored = b""
    for at in range(0, len(data), CHUNK + 4):
        piece = data[at : at + CHUNK + 4]
        _check(struct.unpack("<I", piece[-4:])[0] == crc32c(piece[:-4]))
        stored += piece[:-4]
    return stored


def read(order, message_of) -> peer_pb2.Seen:
    header, begin = _header(order.snapshot)
    _check(header.codec == "protobuf" and header.compression == 0, "UNSUPPORTED_CODEC")
    size = header.capsule_size + header.state_size
    _check(size <= MAX_BYTES, "TOO_LARGE")
    stored = _stored(order.snapshot[begin:], size)
    _check(hashlib.sha256(stored).digest() == header.sha256)
    try:
        frame_pb2.Capsule.FromString(stored[: header.capsule_size])
        name = header.type.removeprefix("versions.v1.")
        _check(header.version <= version_of(name), "UNSUPPORTED_VERSION")
        state = message_of(name)
        state.ParseFromString(stored[header.capsule_size :])
    except DecodeError:
        raise Refused("UNDECODABLE") from None
    seen = peer_pb2.Seen()
    for name in ("actor", "type"):
        seen.fields.add(name=name, text=getattr(header, name))
    for name in ("epoch", "seq", "version"):
        seen.fields.add(name=name, number=getattr(header, name))
    seen.fields.extend(fields.show(state, "state."))
    return seen
