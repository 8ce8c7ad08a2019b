//! What the properties are tested with: fields as bytes, envelopes made of them, frames. ffi/tests/descriptor uses it too.

use std::collections::HashMap;

use actorbridge_proto::v1;
use actorbridge_proto::wire::{put_bytes, put_varint};
use bytes::Bytes;
use proptest::collection::{hash_map, vec};
use proptest::option;
use proptest::prelude::*;

/// The highest field number that protobuf has.
pub(crate) const HIGHEST: u32 = (1 << 29) - 1;

/// One encoded field and its number.
pub(crate) type Encoded = (u32, Vec<u8>);

pub(crate) fn some_bytes(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
}

fn text() -> impl Strategy<Value = String> {
    // Short, and of every width that UTF-8 has.
    vec(prop_oneof![any::<char>(), proptest::char::range('a', 'z')], 0..12).prop_map(|c| c.into_iter().collect())
}

/// Numbers at the edges of their varints as often as anywhere.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0_u32..64).prop_map(|bits| 1 << bits),
        (1_u32..=64).prop_map(|bits| u64::MAX >> (64 - bits)),
    ]
}

fn small() -> impl Strategy<Value = u32> {
    number().prop_map(|n| n as u32)
}

fn failure() -> impl Strategy<Value = v1::Failure> {
    (any::<i32>(), any::<i32>(), text(), small()).prop_map(|(code, effect, detail, retry_after_ms)| v1::Failure {
        code,
        effect,
        detail,
        retry_after_ms,
        reader_version: 0,
    })
}

/// An envelope within the schema's limits, any field present or not.
pub(crate) fn envelope() -> impl Strategy<Value = v1::Envelope> {
    let numbers = (
        any::<i32>(),
        number(),
        small(),
        small(),
        any::<i32>(),
        any::<i32>(),
        number(),
    );
    let texts = (text(), text(), text(), text(), text(), text());
    let blobs = (
        some_bytes(200),
        some_bytes(25),
        some_bytes(16),
        some_bytes(64),
        some_bytes(16),
    );
    let attributes = hash_map(text(), some_bytes(20), 0..8);
    let rest = (
        option::of(number()),
        option::of(failure()),
        any::<u32>(),
        number(),
        attributes,
        vec(any::<u64>(), 0..=16),
    );
    (numbers, texts, blobs, rest).prop_map(|(numbers, texts, blobs, rest)| v1::Envelope {
        kind: numbers.0,
        correlation: numbers.1,
        type_version: numbers.2,
        min_reader_version: numbers.3,
        content_type: numbers.4,
        compression: numbers.5,
        raw_size: numbers.6,
        source: texts.0,
        target: texts.1,
        r#type: texts.2,
        reply_to: texts.3,
        tenant: texts.4,
        tracestate: texts.5,
        payload: blobs.0,
        trace: blobs.1,
        id: blobs.2,
        dedup_key: blobs.3,
        causation_id: blobs.4,
        expected_version: rest.0,
        failure: rest.1,
        payload_crc32c: rest.2,
        created_unix_ms: rest.3,
        attributes: rest.4.into_iter().collect::<HashMap<_, _>>(),
        ask_path: rest.5,
    })
}

/// Fields that this version does not know.
pub(crate) fn unknown_fields() -> impl Strategy<Value = Vec<Encoded>> {
    let number = prop_oneof![Just(15), 26_u32..32, 32_u32..2_000, Just(HIGHEST)];
    vec((number, 0_u8..4, number_and_bytes()), 0..5).prop_map(|fields| {
        let mut fields: Vec<Encoded> = fields
            .into_iter()
            .map(|(number, wire, (value, bytes))| (number, field(number, [0, 1, 2, 5][wire as usize], value, &bytes)))
            .collect();
        // One of each: below 32 a second one would be an override.
        fields.sort_by_key(|f| f.0);
        fields.dedup_by_key(|f| f.0);
        fields
    })
}

pub(crate) fn number_and_bytes() -> impl Strategy<Value = (u64, Bytes)> {
    (number(), some_bytes(20))
}

/// A field of any wire type that has an end.
pub(crate) fn field(number: u32, wire: u32, value: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if wire == 2 {
        put_bytes(&mut out, number, bytes);
        return out;
    }
    put_varint(&mut out, u64::from(number) << 3 | u64::from(wire));
    match wire {
        0 => put_varint(&mut out, value),
        1 => out.extend(value.to_le_bytes()),
        _ => out.extend((value as u32).to_le_bytes()),
    }
    out
}

/// The fields of an encoded message, each with its bytes.
pub(crate) fn fields_of(message: &[u8]) -> Vec<Encoded> {
    let mut fields = actorbridge_proto::wire::Fields::new(message);
    let mut all = Vec::new();
    while let Some(field) = fields.next_field().expect("prost wrote it") {
        all.push((field.number, message[field.start..field.end].to_vec()));
    }
    all
}

/// A frame as prost sees it, its runs included.
pub(crate) fn frame() -> impl Strategy<Value = v1::Frame> {
    let open = (small(), number(), some_bytes(40), number(), any::<bool>()).prop_map(
        |(flow, stream, prefix, first_seq, close)| v1::StreamOpen {
            flow,
            stream,
            prefix,
            first_seq,
            close,
            mode: 2,
            ..Default::default()
        },
    );
    let state =
        (small(), number(), number(), number()).prop_map(|(flow, processed, received, credit)| v1::StreamState {
            flow,
            processed,
            received,
            credit,
            ..Default::default()
        });
    let definition = (small(), some_bytes(40)).prop_map(|(id, prefix)| v1::TypeDef { id, prefix });
    let goodbye = (any::<i32>(), text(), number()).prop_map(|(code, detail, last_frame)| v1::Goodbye {
        code,
        detail,
        last_frame,
        ..Default::default()
    });
    let skip = (small(), number()).prop_map(|(flow, first)| v1::Skip {
        flow,
        first,
        count: 1,
        reason: 17,
    });
    let hello = (text(), number()).prop_map(|(node, incarnation)| v1::Hello {
        node,
        incarnation,
        capabilities: vec![4, 99],
        ..Default::default()
    });
    let lists = (
        vec(open, 0..3),
        vec(definition, 0..3),
        vec(state, 0..3),
        vec(skip, 0..3),
        vec(run(), 0..4),
    );
    (number(), small(), option::of(hello), option::of(goodbye), lists).prop_map(
        |(number, sent_ms, hello, goodbye, lists)| {
            let (open, r#type, state, skip, run) = lists;
            v1::Frame {
                number,
                sent_ms,
                hello,
                goodbye,
                open,
                r#type,
                state,
                skip,
                run,
                ..Default::default()
            }
        },
    )
}

fn run() -> impl Strategy<Value = v1::Run> {
    let per_item = |n: usize| prop_oneof![Just(0), Just(1), Just(n)].prop_flat_map(|n| vec(small(), n));
    // Many have nothing but a payload, as most tells.
    let plain = some_bytes(30).prop_map(|payload| field(2, 2, 0, &payload).into());
    let bodies = prop_oneof![vec(some_bytes(30), 0..6), vec(plain, 3..9)];
    let items = bodies.prop_flat_map(move |items| {
        let n = items.len();
        (Just(items), per_item(n), per_item(n))
    });
    (small(), number(), small(), small(), small(), items).prop_map(|(flow, first_seq, attempt, queued, hops, items)| {
        let (envelope, ttl_ms, r#type) = items;
        v1::Run {
            flow,
            first_seq,
            resolved: 0,
            attempt,
            ttl_ms,
            queued,
            r#type,
            hops,
            envelope,
        }
    })
}

/// A message's bytes with a few of them changed, taken out or put in.
pub(crate) fn damaged<M: prost::Message>(messages: impl Strategy<Value = M>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0_u8..3);
    (messages, vec(change, 0..6)).prop_map(|(message, changes)| {
        let mut bytes = message.encode_to_vec();
        for (at, value, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = value,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, value),
            }
        }
        bytes
    })
}
