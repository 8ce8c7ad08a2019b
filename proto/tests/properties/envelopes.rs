//! The envelope view and writer.

use actorbridge_proto::trace::{MAX_TRACESTATE, Trace};
use actorbridge_proto::v1::{Code, ContentType, Envelope, Kind};
use actorbridge_proto::writer::{self, BodyFields};
use actorbridge_proto::{EnvelopeView, Refusal, What, Who, view};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

use crate::generate::{Encoded, damaged, envelope, field, fields_of, number_and_bytes, some_bytes, unknown_fields};

/// Every field of the view against the oracle's; `all` is what both were read from.
fn assert_same(view: &EnvelopeView<'_>, oracle: &Envelope, all: &[u8]) -> Result<(), TestCaseError> {
    prop_assert_eq!(view.kind, oracle.kind as u32);
    prop_assert_eq!(view.payload, &oracle.payload[..]);
    prop_assert_eq!(view.correlation, oracle.correlation);
    prop_assert_eq!(
        (&*view.source, &*view.target, &*view.type_name),
        (&*oracle.source, &*oracle.target, &*oracle.r#type)
    );
    prop_assert_eq!(
        (&*view.reply_to, &*view.tenant, &*view.tracestate),
        (&*oracle.reply_to, &*oracle.tenant, &*oracle.tracestate)
    );
    prop_assert_eq!(
        (view.type_version, view.min_reader_version),
        (oracle.type_version, oracle.min_reader_version)
    );
    prop_assert_eq!(
        (view.content_type, view.compression),
        (oracle.content_type as u32, oracle.compression as u32)
    );
    prop_assert_eq!((view.trace, view.id), (&oracle.trace[..], &oracle.id[..]));
    prop_assert_eq!(
        (view.dedup_key, view.causation_id),
        (&oracle.dedup_key[..], &oracle.causation_id[..])
    );
    prop_assert_eq!(
        (view.raw_size, view.expected_version),
        (oracle.raw_size, oracle.expected_version)
    );
    prop_assert_eq!(view.payload_crc32c, oracle.payload_crc32c);
    prop_assert_eq!(view.created_unix_ms, oracle.created_unix_ms);
    prop_assert_eq!(view.ask_path_len as usize, oracle.ask_path.len());
    prop_assert_eq!(view::ask_path(all), &oracle.ask_path[..]);
    // A map's later entry wins; the view counts what came.
    prop_assert!(view.attributes as usize >= oracle.attributes.len());
    if let Some(failure) = &oracle.failure {
        prop_assert_eq!(&view.failure().expect("the oracle decoded it"), failure);
    }
    prop_assert_eq!(view.present & 1 << 21 != 0, oracle.failure.is_some());
    Ok(())
}

/// Three parts: each field goes to one of them, in a shuffled order.
fn in_three_parts() -> impl Strategy<Value = [Vec<Encoded>; 3]> {
    (envelope(), unknown_fields())
        .prop_map(|(envelope, unknown)| [fields_of(&envelope.encode_to_vec()), unknown].concat())
        .prop_shuffle()
        .prop_flat_map(|fields| {
            let n = fields.len();
            (Just(fields), vec(0_usize..3, n))
        })
        .prop_map(|(fields, places)| {
            let mut parts = [const { Vec::new() }; 3];
            fields
                .into_iter()
                .zip(places)
                .for_each(|(f, place)| parts[place].push(f));
            parts
        })
}

fn bytes_of(part: &[Encoded]) -> Vec<u8> {
    part.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
}

fn read(parts: &[Vec<u8>; 3]) -> Result<EnvelopeView<'_>, Refusal> {
    EnvelopeView::read_parts(&parts.each_ref().map(Vec::as_slice))
}

/// A field of the schema and a wire type that it does not have.
fn wrong_wire_type() -> impl Strategy<Value = (u32, u32)> {
    let right = |number| match number {
        1 | 3 | 7 | 8 | 9 | 14 | 16 | 17 => [0].as_slice(),
        22 => &[5],
        23 => &[1],
        25 => &[1, 2],
        _ => &[2],
    };
    let all = (1..=25)
        .filter(|n| *n != 15)
        .flat_map(|n| [0, 1, 2, 5].map(|wire| (n, wire)));
    proptest::sample::select(all.filter(|(n, wire)| !right(*n).contains(wire)).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn an_envelope_is_read_as_prost_reads_it(envelope in envelope()) {
        let all = envelope.encode_to_vec();
        assert_same(&EnvelopeView::read(&all).expect("within the limits"), &envelope, &all)?;
    }

    #[test]
    fn an_envelope_in_three_parts_is_the_same_envelope(parts in in_three_parts()) {
        let parts = parts.each_ref().map(|part| bytes_of(part));
        let all = parts.concat();
        let whole = EnvelopeView::read(&all).expect("disjoint");
        prop_assert_eq!(&read(&parts).expect("disjoint"), &whole);
        assert_same(&whole, &Envelope::decode(&all[..]).expect("prost wrote its fields"), &all)?;
    }

    #[test]
    fn a_body_is_read_with_what_its_prefixes_hold_as_the_whole_would_be(parts in in_three_parts()) {
        let [who, what, body] = parts.each_ref().map(|part| bytes_of(part));
        let who = Who::parse(who.into()).expect("disjoint");
        let what = What::parse(what.into()).expect("disjoint");
        let alone = EnvelopeView::read_body(&body, who.present | what.present).expect("disjoint");
        let all = writer::join(&who.bytes, &what.bytes, &body);
        let whole = EnvelopeView::read(&all).expect("disjoint");
        // ask_path and attributes may go on in the body: they are no override.
        let repeated = 1 << 24 | 1 << 25;
        prop_assert_eq!(alone.present | (who.present | what.present) & repeated, whole.present);
        let of_body = EnvelopeView::read(&body).expect("disjoint");
        prop_assert_eq!(alone.payload, of_body.payload);
        prop_assert_eq!(alone.correlation, of_body.correlation);
    }

    #[test]
    fn a_singular_field_in_two_places_is_an_override_zeros_included(
        parts in in_three_parts(),
        wire_and_number in proptest::sample::select((1_u32..=23).chain(26..32).collect::<Vec<_>>()),
        places in (0_usize..3, 0_usize..3),
    ) {
        let number = wire_and_number;
        let wire = match number {
            1 | 3 | 7 | 8 | 9 | 14 | 16 | 17 => 0,
            22 => 5,
            23 => 1,
            _ => 2,
        };
        let zero = field(number, wire, 0, &[]);
        let mut parts = parts.map(|mut part| {
            part.retain(|(n, _)| *n != number);
            bytes_of(&part)
        });
        parts[places.0].extend(&zero);
        prop_assert!(read(&parts).is_ok(), "once is well");
        parts[places.1].extend(&zero);
        let refusal = read(&parts).expect_err("twice");
        prop_assert_eq!(refusal.code, Code::BadOverride);
        prop_assert!(refusal.detail.contains("set it once"), "{}", refusal.detail);
    }

    #[test]
    fn a_known_field_of_a_wrong_wire_type_is_undecodable(
        parts in in_three_parts(),
        (number, wire) in wrong_wire_type(),
        (value, bytes) in number_and_bytes(),
        place in 0_usize..3,
    ) {
        let mut parts = parts.map(|mut part| {
            part.retain(|(n, _)| *n != number);
            bytes_of(&part)
        });
        parts[place].extend(field(number, wire, value, &bytes));
        prop_assert_eq!(read(&parts).expect_err("a wrong wire type").code, Code::Undecodable);
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_as_prost_reads_them(bytes in damaged(envelope())) {
        let Ok(view) = EnvelopeView::read(&bytes) else { return Ok(()) };
        match Envelope::decode(&bytes[..]) {
            Ok(oracle) => assert_same(&view, &oracle, &bytes)?,
            // The view looks into neither a failure nor an attribute; everything else it has read.
            Err(_) => {
                let mut others = fields_of(&bytes);
                others.retain(|(number, _)| *number != 21 && *number != 24);
                let others = bytes_of(&others);
                let oracle = Envelope::decode(&others[..]).expect("only a failure or an attribute is damaged");
                prop_assert_eq!(view.payload, &oracle.payload[..]);
            }
        }
    }

    #[test]
    fn torn_bytes_never_panic_and_a_cut_between_fields_is_an_envelope(envelope in envelope(), cut in any::<prop::sample::Index>()) {
        let all = envelope.encode_to_vec();
        let torn = &all[..cut.index(all.len() + 1)];
        match (EnvelopeView::read(torn), Envelope::decode(torn)) {
            (Ok(view), Ok(oracle)) => assert_same(&view, &oracle, torn)?,
            (Err(refusal), Err(_)) => prop_assert_eq!(refusal.code, Code::Undecodable),
            (view, oracle) => prop_assert!(false, "{view:?}, and prost: {oracle:?}"),
        }
    }

    #[test]
    fn what_the_writers_write_is_what_prost_reads(
        who in ("[a-z:/]{0,20}", "[a-zé:/]{0,20}", "[a-z:/]{0,20}"),
        what in (any::<u32>(), "[a-z.]{0,20}", any::<u32>(), any::<u32>(), any::<bool>()),
        body in (any::<u64>(), vec(any::<u64>(), 0..=16), some_bytes(30), some_bytes(100)),
        trace in option::of((1..u128::MAX, 1..u64::MAX, any::<u8>(), "[a-z=,]{0,600}")),
    ) {
        let trace = trace.map(|(trace, span, flags, state)| Trace {
            trace_id: trace.to_be_bytes(),
            span_id: span.to_be_bytes(),
            flags,
            state,
        });
        let content = if what.4 { ContentType::Json } else { ContentType::Protobuf };
        let (w, t) = (writer::who(&who.0, &who.1, &who.2), writer::what_of(what.0, &what.1, what.2, what.3, content));
        let fields = BodyFields { correlation: body.0, ask_path: &body.1, failure: &body.2, trace: trace.as_ref() };
        let b = writer::body(fields, &body.3);
        prop_assert_eq!(&Who::parse(w.bytes.clone()).expect("written here"), &w);
        prop_assert_eq!(&What::parse(t.bytes.clone()).expect("written here"), &t);
        let all = writer::join(&w.bytes, &t.bytes, &b);
        let view = EnvelopeView::read(&all).expect("written here");
        prop_assert_eq!(view.failure, &body.2[..]);
        let sent = trace.map(|t| if t.state.len() > MAX_TRACESTATE { Trace { state: String::new(), ..t } } else { t });
        prop_assert_eq!(Trace::of(&view), sent);
        let mut without_failure = fields_of(&all);
        without_failure.retain(|(number, _)| *number != 21);
        let oracle = Envelope::decode(&bytes_of(&without_failure)[..]).expect("written here");
        prop_assert_eq!((&oracle.source, &oracle.target, &oracle.reply_to), (&who.0, &who.1, &who.2));
        prop_assert_eq!((oracle.kind as u32, &oracle.r#type, oracle.content_type), (what.0, &what.1, content as i32));
        prop_assert_eq!((oracle.type_version.max(1), oracle.min_reader_version.max(1)), (what.2.max(1), what.3.max(1)));
        prop_assert_eq!((oracle.correlation, &oracle.ask_path, &oracle.payload), (body.0, &body.1, &body.3));
    }
}

#[test]
fn each_limit_is_held_at_its_edge() {
    let attributes = |n: usize| field(24, 2, 0, &[0x0a, 1, b'k']).repeat(n);
    let path = |n: usize| field(25, 2, 0, &vec![7; 8 * n]);
    let good = [
        field(13, 2, 0, &[1; view::MAX_DEDUP_KEY]),
        attributes(32),
        field(24, 2, 0, &[0; 4 << 10]),
        path(16),
        [path(15), field(25, 1, 1, &[])].concat(),
    ];
    let bad = [
        field(13, 2, 0, &[1; view::MAX_DEDUP_KEY + 1]),
        attributes(33),
        field(24, 2, 0, &[0; (4 << 10) + 1]),
        path(17),
        path(1 << 20),
        [path(16), field(25, 1, 1, &[])].concat(),
    ];
    for bytes in &good {
        EnvelopeView::read(bytes).expect("at the limit");
    }
    for bytes in &bad {
        assert_eq!(EnvelopeView::read(bytes).expect_err("over it").code, Code::TooLarge);
    }
    let who = |n: usize| Bytes::from(field(5, 2, 0, &vec![b'a'; n]));
    Who::parse(who(view::MAX_WHO_BYTES - 3)).expect("at the limit");
    assert_eq!(
        Who::parse(who(view::MAX_WHO_BYTES - 2)).expect_err("over it").code,
        Code::TooLarge
    );
    assert_eq!(
        What::parse(who(view::MAX_WHO_BYTES - 2)).expect_err("over it").code,
        Code::TooLarge
    );
}

#[test]
fn a_kind_of_a_later_version_stays_a_number() {
    for kind in [6, 999, 1_000, u32::MAX] {
        let what = writer::what_of(kind, "x.Y", 1, 1, ContentType::Protobuf);
        let read = What::parse(what.bytes.clone()).expect("read");
        assert_eq!((read.kind, Kind::try_from(kind as i32).is_err()), (kind, true));
    }
}

/// The view looks at text that stands together at once, and not farther than 256 bytes.
#[test]
fn texts_are_read_wherever_they_stand_and_refused_where_they_are_not_utf8() {
    let payload = [&[0xff_u8; 300][..], b""];
    for (payload, long) in payload
        .into_iter()
        .flat_map(|p| (0..300).map(move |n| (p, "é".repeat(n))))
    {
        let parts = [
            Envelope {
                source: long.clone(),
                target: "ab:///ü".into(),
                ..Envelope::default()
            },
            Envelope {
                payload: Bytes::copy_from_slice(payload),
                ..Envelope::default()
            },
            Envelope {
                tenant: "straße".into(),
                tracestate: long.clone(),
                ..Envelope::default()
            },
        ];
        let bytes = parts.map(|part| part.encode_to_vec()).concat();
        let view = EnvelopeView::read(&bytes).expect("all of it is UTF-8");
        assert_eq!((&*view.source, &*view.target), (&*long, "ab:///ü"));
        assert_eq!(
            (&*view.tenant, &*view.tracestate, view.payload),
            ("straße", &*long, payload)
        );
        // Half a character: in the text that comes last, where a look from the first one has ended or not.
        let mut torn = bytes;
        if !long.is_empty() {
            let last = torn.len() - 1;
            torn[last] = b'.';
            let refusal = EnvelopeView::read(&torn).expect_err("a text ends inside a character");
            assert_eq!(
                refusal.to_string(),
                "CODE_UNDECODABLE: Envelope.tracestate is not UTF-8"
            );
        }
    }
}
