//! The suites of others in compat-tests/golden/codecs/outside, which the Go node is held to as well.

use std::collections::BTreeMap;

use actorbridge::Codec;
use actorbridge::proto::v1::Code;
use compat_peer::ops::from_hex;
use compat_peer::testpb::{Kinds, OlderKinds};
use serde::Deserialize;

/// The cases of JSONTestSuite on which readers may differ, and that are read here; Go's test has the same list.
const READS_IMPLEMENTATION_DEFINED: [&str; 5] = [
    "i_number_double_huge_neg_exp",
    "i_number_real_underflow",
    "i_number_too_big_neg_int",
    "i_number_too_big_pos_int",
    "i_number_very_big_negative_int",
];

#[derive(Deserialize)]
struct Text {
    name: String,
    input: String,
}

/// A value, and each form of it.
#[derive(Deserialize)]
struct Packed {
    bool: Option<bool>,
    string: Option<String>,
    number: Option<f64>,
    bignum: Option<String>,
    msgpack: Vec<String>,
}

fn suite<T: for<'a> Deserialize<'a>>(file: &str) -> T {
    let path = format!("{}/../golden/codecs/outside/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("it is there");
    serde_json::from_str(&text).expect("cases")
}

#[test]
fn json_test_suite() {
    let cases: Vec<Text> = suite("json-test-suite.json");
    for Text { name, input } in &cases {
        let read = Codec::Json.decode::<Kinds>(format!("{{\"value\":{input}}}").into_bytes());
        let twice = name.starts_with("y_object_duplicated_key");
        let must = name.starts_with("y_") && !twice || READS_IMPLEMENTATION_DEFINED.contains(&name.as_str());
        assert_eq!(read.is_ok(), must, "{name}: {input:.100?} is {read:?}");
        assert!(
            read.map_or_else(|fault| fault.code() == Code::Undecodable, |_| true),
            "{name}"
        );
    }
    assert!(cases.len() > 250);
}

/// The message with the field that has this value, and the field's number.
fn meant(value: &Packed) -> Option<(u8, Kinds)> {
    let mut kinds = Kinds::default();
    let number = if let Some(v) = value.bool {
        kinds.a_bool = v;
        13
    } else if let Some(v) = &value.string {
        kinds.a_string.clone_from(v);
        14
    } else if let Some(v) = value.number {
        kinds.a_double = v;
        1
    } else {
        return None;
    };
    Some((number, kinds))
}

#[test]
fn msgpack_test_suite() {
    let groups: BTreeMap<String, Vec<Packed>> = suite("msgpack-test-suite.json");
    let mut forms = 0;
    for (group, value) in groups.iter().flat_map(|(g, values)| values.iter().map(move |v| (g, v))) {
        for form in &value.msgpack {
            forms += 1;
            let packed = from_hex(&form.replace('-', "")).expect("hex");
            let unknown = [&[0x81, 100], &packed[..]].concat();
            let again = Codec::MessagePack.convert::<OlderKinds>(&unknown, Codec::MessagePack);
            assert_eq!(again.expect("read"), unknown, "{group}: {form}");
            let Some((number, kinds)) = meant(value) else { continue };
            // A big integer that is no float is refused for one.
            if value.bignum.is_some() && packed[0] >= 0xcc {
                continue;
            }
            let field = [&[0x81, number], &packed[..]].concat();
            let got: Kinds = Codec::MessagePack.decode(field).expect("read");
            assert_eq!(got, kinds, "{group}: {form}");
        }
    }
    assert!(forms > 100);
}
