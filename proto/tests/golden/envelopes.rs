//! The golden envelopes: each is its parts (one, or who, what and body), and why it is there.

use actorbridge_proto::v1::{Code, ContentType, Effect, Failure, Kind};
use actorbridge_proto::wire::{put_bytes, put_varint};
use actorbridge_proto::writer::{self, BodyFields};
use prost::Message as _;

/// One golden input.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) parts: Vec<Vec<u8>>,
}

fn case(name: &'static str, about: &'static str, parts: &[Vec<u8>]) -> Case {
    Case {
        name,
        about,
        parts: parts.to_vec(),
    }
}

fn one(name: &'static str, about: &'static str, fields: &[Vec<u8>]) -> Case {
    case(name, about, &[fields.concat()])
}

/// A varint field, zero included.
pub(crate) fn int(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, u64::from(number) << 3);
    put_varint(&mut out, value);
    out
}

/// A length-delimited field.
pub(crate) fn bytes(number: u32, value: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, number, value.as_ref());
    out
}

fn fixed64(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, u64::from(number) << 3 | 1);
    out.extend(value.to_le_bytes());
    out
}

fn fixed32(number: u32, value: u32) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, u64::from(number) << 3 | 5);
    out.extend(value.to_le_bytes());
    out
}

fn who() -> Vec<u8> {
    writer::who("ab:///cart/42", "ab:///pricer/eu", "ab://shop-go/cart/42")
        .bytes
        .to_vec()
}

fn what(kind: Kind) -> Vec<u8> {
    writer::what(kind, "shop.v1.QuoteRequest", 2, 1).bytes.to_vec()
}

fn body(correlation: u64, ask_path: &[u64], failure: &[u8], payload: &[u8]) -> Vec<u8> {
    writer::body(
        BodyFields {
            correlation,
            ask_path,
            failure,
            trace: None,
        },
        payload,
    )
    .to_vec()
}

fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
    bytes(24, [bytes(1, key), bytes(2, value)].concat())
}

/// Envelopes that are read.
pub(crate) fn good() -> Vec<Case> {
    [written(), numbers(), texts(), later()].into_iter().flatten().collect()
}

/// What this project's writers make.
fn written() -> Vec<Case> {
    let failure = Failure {
        code: Code::MailboxFull as i32,
        effect: Effect::None as i32,
        detail: "ab:///pricer/eu: the mailbox is full; wait".into(),
        retry_after_ms: 50,
        reader_version: 0,
    };
    let path: Vec<u64> = (1..=16).collect();
    let json = writer::what_of(Kind::Event as u32, "shop.v1.Sold", 1, 1, ContentType::Json)
        .bytes
        .to_vec();
    vec![
        case(
            "tell",
            "a tell in three parts",
            &[who(), what(Kind::Tell), body(0, &[], &[], b"\x0a\x02A1")],
        ),
        case(
            "tell_empty_payload",
            "an empty body",
            &[who(), what(Kind::Tell), vec![]],
        ),
        case(
            "ask",
            "an ask with a correlation",
            &[who(), what(Kind::Ask), body(7 << 20 | 3, &[], &[], b"x")],
        ),
        case(
            "ask_in_a_chain",
            "an ask_path of one",
            &[who(), what(Kind::Ask), body(1, &[0xfeed_beef], &[], b"x")],
        ),
        case(
            "ask_path_longest",
            "an ask_path of 16",
            &[who(), what(Kind::Ask), body(1, &path, &[], b"x")],
        ),
        case(
            "reply",
            "off-stream: no who",
            &[vec![], what(Kind::Reply), body(u64::MAX, &[], &[], b"ok")],
        ),
        case(
            "failure",
            "a failure has no type",
            &[
                vec![],
                writer::what(Kind::Failure, "", 1, 1).bytes.to_vec(),
                body(9, &[], &failure.encode_to_vec(), &[]),
            ],
        ),
        case("event_json", "JSON", &[who(), json, body(0, &[], &[], b"{}")]),
        case(
            "min_reader",
            "versions at their edge",
            &[
                vec![],
                writer::what(Kind::Tell, "t", u32::MAX, u32::MAX).bytes.to_vec(),
                vec![],
            ],
        ),
        case(
            "largest",
            "a payload of 64,000 bytes",
            &[who(), what(Kind::Tell), body(0, &[], &[], &[0xab; 64_000])],
        ),
        case(
            "utf8_addresses",
            "addresses beyond ASCII",
            &[
                writer::who("ab:///größe", "ab:///注文/42", "").bytes.to_vec(),
                what(Kind::Tell),
                vec![],
            ],
        ),
        case(
            "longest_who",
            "a target that fills the 4 KiB of a prefix",
            &[
                writer::who("", &"a".repeat(4093), "").bytes.to_vec(),
                what(Kind::Tell),
                vec![],
            ],
        ),
        one("nothing", "no bytes are an envelope without fields", &[]),
    ]
}

/// Numbers at their edges.
fn numbers() -> Vec<Case> {
    vec![
        one("kind_unspecified", "an explicit zero is present", &[int(1, 0)]),
        one("kind_terminated", "the highest kind of today", &[int(1, 99)]),
        one("kind_unknown", "a later kind stays a number", &[int(1, 4242)]),
        one("kind_largest", "32 bits of kind", &[int(1, u64::from(u32::MAX))]),
        one(
            "kind_64_bits",
            "what is above 32 bits is cut off, as protobuf does",
            &[int(1, 1 << 32 | 2)],
        ),
        one("kind_negative", "a negative enum is ten bytes", &[int(1, u64::MAX)]),
        one(
            "kind_over_long",
            "a varint with needless bytes",
            &[vec![0x08, 0x81, 0x80, 0x00]],
        ),
        one(
            "tag_over_long",
            "a tag with needless bytes",
            &[vec![0x88, 0x80, 0x00, 0x01]],
        ),
        one(
            "length_over_long",
            "a length with needless bytes",
            &[vec![0x12, 0x82, 0x00, 1, 2]],
        ),
        one("correlation_zero", "explicit", &[int(3, 0)]),
        one("correlation_largest", "64 bits", &[int(3, u64::MAX)]),
        one("type_version_zero", "explicit; 0 means 1", &[int(7, 0), int(8, 0)]),
        one("content_type_raw", "bytes", &[int(9, 3), bytes(2, [0, 255])]),
        one("content_type_unknown", "a later one stays a number", &[int(9, 77)]),
        one(
            "compressed",
            "zstd with its raw_size",
            &[int(14, 1), int(16, 1 << 33), bytes(2, [0x28])],
        ),
        one("compression_unknown", "a later one stays a number", &[int(14, 300)]),
        one("expected_version_zero", "optional: zero is not absent", &[int(17, 0)]),
        one("expected_version_largest", "64 bits", &[int(17, u64::MAX)]),
        one(
            "payload_crc32c",
            "fixed32 at its edge",
            &[fixed32(22, u32::MAX), bytes(2, b"x")],
        ),
        one("payload_crc32c_zero", "explicit", &[fixed32(22, 0)]),
        one("created_unix_ms", "fixed64 at its edge", &[fixed64(23, u64::MAX)]),
    ]
}

/// Strings, bytes and lists at their edges.
fn texts() -> Vec<Case> {
    let most: Vec<Vec<u8>> = (0..32).map(|i| attribute(&format!("k{i:02}"), &[i; 8])).collect();
    vec![
        one(
            "empty_strings",
            "explicit and empty",
            &[bytes(4, ""), bytes(5, ""), bytes(6, ""), bytes(10, "")],
        ),
        one("payload_empty", "explicit and empty", &[bytes(2, "")]),
        one("trace", "25 bytes", &[bytes(11, [7; 25]), bytes(20, "vendor=1")]),
        one(
            "id",
            "a UUIDv7 and its cause",
            &[bytes(12, [1; 16]), bytes(18, [2; 16])],
        ),
        one("dedup_key_longest", "64 bytes", &[bytes(13, [9; 64])]),
        one("tenant", "in a prefix", &[bytes(19, "acme")]),
        one("failure_empty", "explicit and empty", &[int(1, 4), bytes(21, "")]),
        one("attribute", "one entry", &[attribute("region", b"eu")]),
        one(
            "attribute_twice",
            "a map may repeat",
            &[attribute("region", b"eu"), attribute("region", b"us")],
        ),
        one("attribute_empty", "an entry without key and value", &[bytes(24, "")]),
        one("attributes_most", "32 entries", &most),
        one(
            "attributes_largest",
            "4 KiB in one entry",
            &[attribute("k", &[0; 4090])],
        ),
        one(
            "ask_path_unpacked",
            "one by one, as old writers do",
            &[fixed64(25, 1), fixed64(25, 2)],
        ),
        one(
            "ask_path_mixed",
            "packed and not",
            &[bytes(25, 1_u64.to_le_bytes()), fixed64(25, 2)],
        ),
        one("ask_path_empty", "packed and empty", &[bytes(25, "")]),
    ]
}

/// What a later version may write.
fn later() -> Vec<Case> {
    vec![
        one(
            "unknown_far",
            "numbers above 31 may repeat",
            &[int(1, 1), int(999, 5), int(999, 6), bytes(2, b"x")],
        ),
        one(
            "unknown_near",
            "a reserved number",
            &[int(1, 1), bytes(26, b"later"), bytes(2, b"x")],
        ),
        one("unknown_fifteen", "the last one-byte tag", &[int(15, 1)]),
        one("unknown_highest", "the highest field number", &[int((1 << 29) - 1, 1)]),
        one(
            "payload_first",
            "any order of fields",
            &[bytes(2, b"x"), int(3, 4), int(1, 1)],
        ),
        case(
            "repeated_across_parts",
            "lists may be split",
            &[fixed64(25, 1), vec![], fixed64(25, 2)],
        ),
        case(
            "two_parts",
            "a tenant in who, nothing in what",
            &[bytes(19, "acme"), vec![], bytes(2, b"x")],
        ),
    ]
}

/// Envelopes that are refused.
pub(crate) fn bad() -> Vec<Case> {
    let many: Vec<Vec<u8>> = (0..33).map(|_| attribute("k", b"")).collect();
    vec![
        case(
            "override_target",
            "forging who",
            &[who(), what(Kind::Tell), bytes(5, "ab:///other")],
        ),
        case(
            "override_zero",
            "an explicit zero overrides too",
            &[who(), what(Kind::Tell), int(1, 0)],
        ),
        case("override_in_what", "who and what meet", &[who(), bytes(4, ""), vec![]]),
        case(
            "override_tenant",
            "forging a tenant",
            &[bytes(19, "acme"), vec![], bytes(19, "other")],
        ),
        one("twice", "a singular field twice in one part", &[int(3, 1), int(3, 2)]),
        one(
            "failure_twice",
            "sub-messages are not split",
            &[bytes(21, ""), bytes(21, "")],
        ),
        one("torn_tag", "the bytes end in a tag", &[vec![0x80]]),
        one("torn_varint", "the bytes end in a varint", &[vec![0x08, 0x80]]),
        one("torn_bytes", "the length leaves the bytes", &[vec![0x12, 5, 1]]),
        one("torn_fixed32", "three bytes of four", &[vec![0xb5, 0x01, 1, 2, 3]]),
        one(
            "torn_fixed64",
            "seven bytes of eight",
            &[vec![0xb9, 0x01, 1, 2, 3, 4, 5, 6, 7]],
        ),
        one(
            "huge_length",
            "a length near 2^64",
            &[[vec![0x12], vec![0xff; 9], vec![1]].concat()],
        ),
        one(
            "varint_eleven",
            "a varint of eleven bytes",
            &[[vec![0x08], vec![0x80; 10], vec![1]].concat()],
        ),
        one(
            "varint_overflow",
            "a varint over 64 bits",
            &[[vec![0x08], vec![0xff; 9], vec![2]].concat()],
        ),
        one("field_zero", "not a field number", &[vec![0x00, 0x01]]),
        one("group", "groups are not read", &[vec![0x0b, 0x0c]]),
        one("wire_type_six", "no such wire type", &[vec![0x0e]]),
        one("kind_as_bytes", "a wrong wire type", &[bytes(1, "x")]),
        one("payload_as_int", "a wrong wire type", &[int(2, 1)]),
        one("crc_as_fixed64", "a wrong wire type", &[fixed64(22, 1)]),
        one("source_not_utf8", "bytes that are no text", &[bytes(4, [0xff])]),
        one(
            "type_surrogate",
            "a UTF-16 surrogate is no UTF-8",
            &[bytes(6, [0xed, 0xa0, 0x80])],
        ),
        one("ask_path_torn", "packed, not a multiple of eight", &[bytes(25, [0; 9])]),
        one("ask_path_too_long", "17 actors", &[bytes(25, [0; 8 * 17])]),
        one("dedup_key_too_long", "65 bytes", &[bytes(13, [0; 65])]),
        one("attributes_too_many", "33 entries", &many),
        one("attributes_too_large", "over 4 KiB", &[attribute("k", &[0; 4096])]),
    ]
}
