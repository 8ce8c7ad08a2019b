"""Calls: one message through a node's remote door, by grpcio, as proto/actorbridge/v1/frame.proto describes a link."""

import itertools
import os
import queue
import random
import time

import grpc
import lz4.block
import zstandard
from actorbridge.compat.v1 import peer_pb2

from actorbridge.v1 import envelope_pb2, errors_pb2, frame_pb2

LINK = "/actorbridge.v1.Bridge/Link"
# A node's name is one process's, and its incarnation that process's start: another one of the name would be refused.
NODE = f"python-client-{os.getpid()}"
INCARNATION = random.getrandbits(64)
# A link supersedes the one before it, which the node may not have seen the end of.
LINK_EPOCHS = itertools.count(1)
FLOW = 1
TYPE = 1
CORRELATION = 1 << 20
SECONDS = 10
CAPABILITIES = {
    envelope_pb2.COMPRESSION_NONE: [],
    envelope_pb2.COMPRESSION_ZSTD: [frame_pb2.CAPABILITY_ZSTD_PAYLOADS],
    envelope_pb2.COMPRESSION_LZ4: [frame_pb2.CAPABILITY_LZ4_PAYLOADS],
}


class Refused(Exception):
    """A message that was refused with a code."""


class Link:
    """One link: frames that are sent come from a queue, as gRPC wants them."""

    def __init__(self, address: str):
        self.outgoing = queue.SimpleQueue()
        self.number = 0
        self.types = {}
        self.started = time.monotonic()
        self.channel = grpc.insecure_channel(address.removeprefix("tcp://"))
        method = self.channel.stream_stream(
            LINK,
            request_serializer=frame_pb2.Frame.SerializeToString,
            response_deserializer=frame_pb2.Frame.FromString,
        )
        self.incoming = method(iter(self.outgoing.get, None), timeout=SECONDS)

    def send(self, frame: frame_pb2.Frame) -> None:
        self.number += 1
        frame.number = self.number
        frame.sent_ms = int((time.monotonic() - self.started) * 1000)
        self.outgoing.put(frame)

    def receive(self) -> frame_pb2.Frame:
        frame = next(self.incoming)
        if frame.HasField("goodbye"):
            raise ConnectionError(f"the node said goodbye: {frame.goodbye.detail}")
        if frame.HasField("ping"):
            self.send(frame_pb2.Frame(pong=frame_pb2.Pong(token=frame.ping.token)))
        self.types.update((known.id, known.prefix) for known in frame.type)
        return frame

    def envelopes(self, frame):
        """The whole envelopes in a frame: what a type says of them comes once, with its number."""
        for run in frame.run:
            for place, item in enumerate(run.envelope):
                types = list(run.type) or [0]
                prefix = self.types.get(types[place if len(types) > 1 else 0], b"")
                yield envelope_pb2.Envelope.FromString(prefix + item)

    def close(self) -> None:
        self.send(frame_pb2.Frame(goodbye=frame_pb2.Goodbye()))
        self.outgoing.put(None)
        self.channel.close()


def call(order) -> peer_pb2.Seen:
    link = Link(order.address)
    try:
        hello = frame_pb2.Hello(
            min_protocol=1,
            max_protocol=1,
            node=NODE,
            incarnation=INCARNATION,
            link_epoch=next(LINK_EPOCHS),
            lanes=1,
            capabilities=CAPABILITIES[order.compression],
        )
        link.send(frame_pb2.Frame(hello=hello))
        while not link.receive().HasField("welcome"):
            pass
        link.send(_message(order))
        while True:
            seen = _answer(order, link, link.receive())
            if seen is not None:
                return seen
    finally:
        link.close()


def _message(order) -> frame_pb2.Frame:
    """All of it in one frame: the initial credit is usable in the frame that opens a stream."""
    frame = frame_pb2.Frame()
    who = envelope_pb2.Envelope(target=order.target, reply_to=f"ab://{NODE}/caller")
    frame.open.add(
        flow=FLOW,
        stream=random.getrandbits(64),
        mode=frame_pb2.MODE_FLOW,
        prefix=who.SerializeToString(),
        first_seq=1,
        binding=1,
    )
    what = envelope_pb2.Envelope(
        kind=order.kind,
        type=order.type,
        type_version=order.type_version,
        min_reader_version=order.min_reader_version,
        content_type=order.content_type,
        compression=order.compression,
    )
    frame.type.add(id=TYPE, prefix=what.SerializeToString())
    item = envelope_pb2.Envelope(payload=order.payload)
    if order.compression:
        item.payload, item.raw_size = _compressed(order.compression, order.payload), len(order.payload)
    if order.kind == envelope_pb2.KIND_ASK:
        item.correlation = CORRELATION
    frame.run.add(
        flow=FLOW, first_seq=1, ttl_ms=[SECONDS * 1000], type=[TYPE], envelope=[item.SerializeToString() + order.extra]
    )
    return frame


def _compressed(by: int, payload: bytes) -> bytes:
    if by == envelope_pb2.COMPRESSION_ZSTD:
        return zstandard.ZstdCompressor().compress(payload)
    return lz4.block.compress(payload, store_size=False)


def _decompressed(envelope) -> bytes:
    match envelope.compression:
        case envelope_pb2.COMPRESSION_NONE:
            return envelope.payload
        case envelope_pb2.COMPRESSION_ZSTD:
            payload = zstandard.ZstdDecompressor().decompress(envelope.payload, max_output_size=envelope.raw_size)
        case envelope_pb2.COMPRESSION_LZ4:
            payload = lz4.block.decompress(envelope.payload, uncompressed_size=envelope.raw_size)
    if len(payload) != envelope.raw_size:
        raise ValueError(f"a payload of {len(payload)} bytes, not of {envelope.raw_size} as its envelope says")
    return payload


def _code(code: int) -> str:
    return errors_pb2.Code.Name(code).removeprefix("CODE_")


def _answer(order, link, frame) -> peer_pb2.Seen | None:
    for reset in frame.reset:
        raise Refused(_code(reset.code))
    for envelope in link.envelopes(frame):
        if envelope.correlation == CORRELATION:
            return _reply(envelope)
    for state in frame.state:
        for outcome in state.outcomes:
            raise Refused(_code(outcome.code))
        if order.kind == envelope_pb2.KIND_TELL and state.processed >= 1:
            return peer_pb2.Seen()
    return None


def _reply(envelope) -> peer_pb2.Seen:
    if envelope.kind == envelope_pb2.KIND_FAILURE:
        raise Refused(_code(envelope.failure.code))
    seen = peer_pb2.Seen()
    seen.fields.add(name="type", text=envelope.type)
    seen.fields.add(name="content_type", number=envelope.content_type)
    if envelope.compression:
        seen.fields.add(name="compression", number=envelope.compression)
    seen.fields.add(name="payload", data=_decompressed(envelope))
    return seen
