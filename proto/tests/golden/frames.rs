//! The golden frames.

use actorbridge_proto::{Item, Packet, Run, v1};
use prost::Message as _;

use crate::envelopes::{Case, bytes, int};

fn case(name: &'static str, about: &'static str, frame: Vec<u8>) -> Case {
    Case {
        name,
        about,
        parts: vec![frame],
    }
}

fn head(name: &'static str, about: &'static str, frame: v1::Frame) -> Case {
    case(name, about, frame.encode_to_vec())
}

fn run(name: &'static str, about: &'static str, items: &[(u32, u32, &'static [u8])]) -> Case {
    let items = items
        .iter()
        .map(|&(type_id, ttl_ms, body)| Item {
            type_id,
            ttl_ms,
            body: body.into(),
        })
        .collect();
    let run = Run {
        flow: 3,
        first_seq: 70,
        attempt: 1,
        hops: 2,
        queued: 5,
        items,
        packed: None,
    };
    let head = v1::Frame {
        number: 9,
        sent_ms: 1234,
        ..Default::default()
    };
    case(name, about, Packet { head, runs: vec![run] }.to_bytes().to_vec())
}

/// Frames that are read.
pub(crate) fn good() -> Vec<Case> {
    [heads(), runs()].into_iter().flatten().collect()
}

fn heads() -> Vec<Case> {
    let hello = v1::Hello {
        min_protocol: 1,
        max_protocol: 1,
        node: "shop-go".into(),
        incarnation: u64::MAX,
        capabilities: vec![4, 99],
        limits: Some(v1::Limits {
            max_frame_bytes: 1 << 18,
            ..Default::default()
        }),
        ..Default::default()
    };
    let welcome = v1::Welcome {
        protocol: 1,
        node: "shop-rust".into(),
        ..Default::default()
    };
    let open = v1::StreamOpen {
        flow: 1,
        stream: 7,
        mode: 2,
        prefix: b"\x2a\x01x".to_vec().into(),
        ..Default::default()
    };
    let state = v1::StreamState {
        flow: 1,
        processed: 4,
        received: 6,
        credit: 32,
        ..Default::default()
    };
    let goodbye = v1::Goodbye {
        code: 1,
        detail: "torn".into(),
        last_frame: 3,
        ..Default::default()
    };
    let empty = v1::Frame::default;
    vec![
        case("empty", "no bytes are a frame without fields", vec![]),
        head(
            "hello",
            "the dialer's first words",
            v1::Frame {
                hello: Some(hello),
                ..empty()
            },
        ),
        head(
            "welcome",
            "the answer",
            v1::Frame {
                welcome: Some(welcome),
                ..empty()
            },
        ),
        head(
            "open",
            "binds a stream",
            v1::Frame {
                number: 1,
                open: vec![open],
                ..empty()
            },
        ),
        head(
            "state",
            "credit",
            v1::Frame {
                number: u64::MAX,
                state: vec![state],
                ..empty()
            },
        ),
        head(
            "ping",
            "alive?",
            v1::Frame {
                ping: Some(v1::Ping {
                    token: 1,
                    mem_permille: 1000,
                }),
                ..empty()
            },
        ),
        head(
            "pong",
            "alive",
            v1::Frame {
                pong: Some(v1::Pong { token: 1, delay_ms: 2 }),
                ..empty()
            },
        ),
        head(
            "goodbye",
            "last words",
            v1::Frame {
                goodbye: Some(goodbye),
                ..empty()
            },
        ),
        head(
            "sent_ms",
            "32 bits",
            v1::Frame {
                sent_ms: u32::MAX,
                ..empty()
            },
        ),
        case(
            "later_field",
            "32 and above are ignored",
            [int(3, 1), int(32, 7)].concat(),
        ),
    ]
}

fn runs() -> Vec<Case> {
    vec![
        run("run_plain", "no lists", &[(0, 0, b"a"), (0, 0, b"")]),
        run(
            "run_same",
            "lists of one value for all",
            &[(2, 500, b"a"), (2, 500, b"b"), (2, 500, b"c")],
        ),
        run(
            "run_each",
            "lists of one value each",
            &[(1, 0, b"a"), (2, 70_000, b"b")],
        ),
        run(
            "run_mixed",
            "one type, three deadlines",
            &[(4096, 1, b"a"), (4096, 2, b"b"), (4096, 3, b"c")],
        ),
        run("run_without_items", "nothing in it", &[]),
        case(
            "run_unpacked",
            "lists as old writers write them",
            bytes(15, [int(5, 1), int(5, 2), bytes(15, "a"), bytes(15, "b")].concat()),
        ),
        case(
            "run_items_first",
            "lists after the items",
            bytes(15, [bytes(15, "a"), int(7, 3)].concat()),
        ),
        case(
            "run_later_field",
            "9 to 14 and above 15 are ignored",
            bytes(15, [int(9, 3), bytes(16, "z"), bytes(15, "a")].concat()),
        ),
        case(
            "two_runs",
            "of two flows, one off-stream",
            [
                bytes(15, bytes(15, "a")),
                bytes(15, [int(1, 8), bytes(15, "b")].concat()),
            ]
            .concat(),
        ),
        case(
            "run_before_head",
            "any order of fields",
            [bytes(15, bytes(15, "a")), int(3, 1)].concat(),
        ),
    ]
}

/// Frames that are refused.
pub(crate) fn bad() -> Vec<Case> {
    vec![
        case("torn", "the bytes end inside a run", vec![0x7a, 9, 1]),
        case("reserved_field", "17 to 31", int(17, 1)),
        case(
            "crc_not_negotiated",
            "nobody asked for it",
            vec![0x85, 0x01, 1, 2, 3, 4],
        ),
        case("run_as_int", "a wrong wire type", int(15, 1)),
        case("number_as_bytes", "a wrong wire type in the head", bytes(3, "x")),
        case("flow_over_32_bits", "a number out of range", bytes(15, int(1, 1 << 32))),
        case("flow_as_bytes", "a wrong wire type in a run", bytes(15, bytes(1, "x"))),
        case(
            "list_too_long",
            "three deadlines for two items",
            bytes(15, [bytes(5, [1, 2, 3]), bytes(15, "a"), bytes(15, "b")].concat()),
        ),
        case(
            "list_torn",
            "a list that ends inside a varint",
            bytes(15, [bytes(7, [0x80]), bytes(15, "a")].concat()),
        ),
        case("too_many_entries", "65,537 empty runs", bytes(15, "").repeat(65_537)),
        case(
            "too_many_items",
            "65,537 empty messages",
            bytes(15, bytes(15, "").repeat(65_537)),
        ),
    ]
}
