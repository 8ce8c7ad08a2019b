//! The payloads of compat-tests/golden/codecs, which the Go node is held to as well.

use actorbridge::Codec;
use actorbridge::proto::v1::Code;
use compat_peer::ops::from_hex;
use compat_peer::testpb::{Kinds, OlderKinds};
use prost::Message as _;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Equal {
    name: String,
    json: String,
    msgpack: String,
    protobuf: String,
}

#[derive(Deserialize)]
struct Case {
    codec: String,
    name: String,
    #[serde(default)]
    payload: String,
    #[serde(default)]
    hex: String,
    #[serde(default)]
    parts: Vec<(String, usize)>,
    means: Option<String>,
}

impl Case {
    fn codec(&self) -> Codec {
        match self.codec.as_str() {
            "json" => Codec::Json,
            _ => Codec::MessagePack,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let parts = self.parts.iter().map(|(text, times)| text.repeat(*times));
        let text = self.payload.clone() + &parts.collect::<String>();
        match self.codec() {
            _ if !self.hex.is_empty() => hex(&self.hex),
            Codec::Json => text.into_bytes(),
            _ => hex(&text),
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    from_hex(text).expect("hex")
}

fn cases<T: for<'a> Deserialize<'a>>(file: &str) -> Vec<T> {
    let path = format!("{}/../golden/codecs/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("it is there");
    let cases: Vec<T> = serde_json::from_str(&text).expect("cases");
    assert!(!cases.is_empty());
    cases
}

/// JSON's values, apart from how they are written.
fn values(text: &[u8]) -> Value {
    fn floats(value: Value) -> Value {
        match value {
            Value::Number(n) => n.as_f64().expect("a number").into(),
            Value::Array(values) => values.into_iter().map(floats).collect(),
            Value::Object(object) => object.into_iter().map(|(name, value)| (name, floats(value))).collect(),
            other => other,
        }
    }
    floats(serde_json::from_slice(text).expect("JSON"))
}

#[test]
fn a_message_is_the_same_in_every_codec() {
    for case in cases::<Equal>("equal.json") {
        let from = [
            (Codec::Json, case.json.clone().into_bytes()),
            (Codec::MessagePack, hex(&case.msgpack)),
            (Codec::Protobuf, hex(&case.protobuf)),
        ];
        for (codec, payload) in from {
            let what = format!("{}, from {codec}", case.name);
            let message: Kinds = codec.decode(payload.clone()).expect(&what);
            let packed = Codec::MessagePack.encode(&message).expect(&what);
            assert_eq!(packed, hex(&case.msgpack), "{what}");
            let text = Codec::Json.encode(&message).expect(&what);
            assert_eq!(values(&text), values(case.json.as_bytes()), "{what}");
            let converted = codec.convert::<Kinds>(&payload, Codec::MessagePack).expect(&what);
            assert_eq!(converted, packed, "{what}");
        }
    }
}

#[test]
fn what_is_accepted_beside_the_canonical_form() {
    for case in cases::<Case>("accepted.json") {
        let what = format!("{} {}", case.codec, case.name);
        let got: Kinds = case.codec().decode(case.bytes()).expect(&what);
        if let Some(means) = case.means {
            let want: Kinds = Codec::Json.decode(means.into_bytes()).expect(&what);
            assert_eq!(got, want, "{what}");
        }
    }
}

#[test]
fn what_is_refused() {
    for case in cases::<Case>("refused.json") {
        let what = format!("{} {}", case.codec, case.name);
        let fault = case.codec().decode::<Kinds>(case.bytes()).expect_err(&what);
        assert_eq!(fault.code(), Code::Undecodable, "{what}: {fault}");
        assert!(fault.to_string().len() < 1000, "{what}: {fault:.1000}");
    }
}

#[test]
fn fields_that_are_not_known_are_kept_by_message_pack() {
    let mut whole = Kinds {
        a_double: 1.0,
        an_int32: 7,
        a_sint32: -5,
        a_string: "x".into(),
        nested: Some(Box::new(Kinds {
            an_int32: 8,
            ..Default::default()
        })),
        ints: vec![1, 2],
        far: "y".into(),
        ..Default::default()
    };
    whole.by_name.insert("a".into(), 1);
    let packed = Codec::MessagePack.encode(&whole).expect("it has an encoding");
    let older: OlderKinds = Codec::MessagePack.decode(packed.clone()).expect("it is read");
    assert_eq!((older.an_int32, older.a_string.as_str()), (7, "x"));
    // As who knows only a part of it hands it on: by MessagePack itself, and by way of protobuf.
    let encoded = Codec::MessagePack
        .convert::<OlderKinds>(&packed, Codec::Protobuf)
        .expect("it is read");
    for (codec, payload) in [(Codec::MessagePack, &packed), (Codec::Protobuf, &encoded)] {
        let again = codec
            .convert::<OlderKinds>(payload, Codec::MessagePack)
            .expect("it is read");
        assert_eq!(again, packed, "by way of {codec}");
    }
    // As protobuf had it.
    let encoded = whole.encode_to_vec();
    let packed = Codec::Protobuf
        .convert::<OlderKinds>(&encoded, Codec::MessagePack)
        .expect("it is read");
    let got: Kinds = Codec::MessagePack.decode(packed).expect("it is read");
    assert_eq!(got, whole);
}

#[test]
fn a_message_that_has_no_encoding() {
    let deeper = |inner| Kinds {
        nested: Some(Box::new(inner)),
        ..Default::default()
    };
    let deep = (0..99).fold(Kinds::default(), |inner, _| deeper(inner));
    for codec in [Codec::Json, Codec::MessagePack] {
        codec.encode(&deep).expect("100 levels");
        let fault = codec.encode(&deeper(deep.clone())).expect_err("101 levels");
        assert_eq!(fault.code(), Code::InvalidArgument, "{codec}: {fault}");
    }
}

#[test]
fn a_time_that_json_has_no_text_for_is_not_written() {
    let at = |seconds, nanos| Kinds {
        at: Some(prost_types::Timestamp { seconds, nanos }),
        ..Default::default()
    };
    let lasts = |seconds, nanos| Kinds {
        lasts: Some(prost_types::Duration { seconds, nanos }),
        ..Default::default()
    };
    let (first, last) = (-62_135_596_800, 253_402_300_799);
    for time in [
        at(first, 0),
        at(last, 999_999_999),
        lasts(-1, -999_999_999),
        lasts(315_576_000_000, 0),
    ] {
        let text = Codec::Json.encode(&time).expect("a time");
        assert_eq!(Codec::Json.decode::<Kinds>(text).expect("it is read"), time);
    }
    for time in [
        at(1, -1),
        at(1, 1_000_000_000),
        at(first - 1, 0),
        at(last + 1, 0),
        lasts(1, -1),
        lasts(-1, 1),
        lasts(0, 1_000_000_000),
        lasts(315_576_000_001, 0),
        lasts(i64::MIN, 0),
        lasts(0, i32::MIN),
    ] {
        let fault = Codec::Json.encode(&time).expect_err("no time");
        assert_eq!(fault.code(), Code::InvalidArgument, "{time:?}: {fault}");
        let packed = Codec::MessagePack.encode(&time).expect("it has no text");
        assert_eq!(Codec::MessagePack.decode::<Kinds>(packed).expect("it is read"), time);
    }
}
