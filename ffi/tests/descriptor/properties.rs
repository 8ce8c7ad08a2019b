//! Whatever an envelope is, a descriptor and its ext are the same: as it is received and sent again, whole, and taken apart.

use actorbridge_proto::v1::Envelope;
use actorbridge_proto::{Item, Packet, Run};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

use crate::descriptor;
use crate::generate::{Encoded, envelope, fields_of, unknown_fields};
use crate::types::{AB_DESC_HOPS, AB_DESC_WHOLE, AB_KIND_HEAD, Desc};
use crate::whole::{put, taken};

/// An envelope, most often of a kind that a descriptor has room for.
fn of_a_kind() -> impl Strategy<Value = Envelope> {
    let kind = prop_oneof![3 => 0..=0x1_0000, 1 => any::<i32>()];
    (envelope(), kind).prop_map(|(envelope, kind)| Envelope { kind, ..envelope })
}

/// The fields of an envelope and some that nobody knows, as writers write them: kind and correlation first, the payload last.
fn fields() -> impl Strategy<Value = Vec<Encoded>> {
    (of_a_kind(), unknown_fields()).prop_map(|(envelope, unknown)| {
        let mut fields = [fields_of(&envelope.encode_to_vec()), unknown].concat();
        fields.sort_by_key(|(number, _)| match number {
            1 => 0,
            3 => 1,
            2 => u32::MAX,
            other => *other,
        });
        fields
    })
}

fn bytes_of(fields: Vec<Encoded>) -> Vec<u8> {
    fields.into_iter().flat_map(|(_, bytes)| bytes).collect()
}

/// An encoded envelope, its fields in any order.
fn encoded() -> impl Strategy<Value = Vec<u8>> {
    fields().prop_shuffle().prop_map(bytes_of)
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let item = (any::<u32>(), any::<u32>(), encoded()).prop_map(|(type_id, ttl_ms, body)| Item {
        type_id,
        ttl_ms,
        body: body.into(),
    });
    let head = (1..=u32::MAX, 1..1_u64 << 62, any::<u32>(), 0..=u32::from(AB_DESC_HOPS));
    let run = (head, vec(item, 1..4)).prop_map(|((flow, first_seq, attempt, hops), items)| Run {
        flow,
        first_seq,
        attempt,
        hops,
        items,
        ..Run::default()
    });
    vec(run, 0..3)
}

/// What is in a descriptor beside its ext is what prost reads of the envelope.
fn says_what_it_is(desc: &Desc, arena: &[u8], oracle: &Envelope) -> Result<(), TestCaseError> {
    let kind = u16::try_from(oracle.kind).unwrap_or(0);
    prop_assert_eq!(desc.kind, if kind == AB_KIND_HEAD { 0 } else { kind });
    prop_assert_eq!(desc.correlation, oracle.correlation);
    prop_assert_eq!(&arena[desc.off as usize..][..desc.len as usize], &oracle.payload[..]);
    Ok(())
}

proptest! {
    #[test]
    fn what_is_received_and_sent_again_is_the_same_messages(runs in runs()) {
        let packet = Packet { runs, ..Packet::default() };
        let (descs, arena) = put(&packet);
        let bodies = packet.runs.iter().flat_map(|run| &run.items).map(|item| &item.body);
        for (desc, body) in descs[1..].iter().zip(bodies) {
            prop_assert_eq!(desc.flags & AB_DESC_WHOLE, AB_DESC_WHOLE);
            says_what_it_is(desc, &arena, &Envelope::decode(&body[..]).expect("prost wrote its fields"))?;
        }
        let again = taken(&descs[1..], &arena);
        let messages = |runs: &[Run]| -> Vec<_> {
            let of = |run: &Run| {
                let (flow, attempt, hops) = (run.flow, run.attempt, run.hops);
                let items = run.items.iter().enumerate();
                items.map(|(i, item)| (flow, run.seq(i), attempt, hops, item.clone())).collect::<Vec<_>>()
            };
            runs.iter().flat_map(of).collect()
        };
        prop_assert_eq!(messages(&again), messages(&packet.runs));
    }

    #[test]
    fn an_envelope_that_was_taken_apart_comes_back_byte_for_byte_wherever_its_parts_lie(
        written in fields().prop_map(bytes_of),
        shuffled in encoded(),
        before in 0_usize..9,
    ) {
        for (envelope, in_order) in [(written, true), (shuffled, false)] {
            let (mut desc, parts) = descriptor::split(&envelope).expect("within the limits");
            let oracle = Envelope::decode(&envelope[..]).expect("prost wrote its fields");
            says_what_it_is(&desc, &parts, &oracle)?;
            let fits = (0..i32::from(AB_KIND_HEAD)).contains(&oracle.kind);
            prop_assert!(!in_order || fits == (desc.flags & AB_DESC_WHOLE == 0), "what can be divided is");
            (desc.off, desc.ext_off) = (desc.off + before as u32, desc.ext_off + before as u32);
            let arena = Bytes::from([&vec![0xff; before][..], &parts].concat());
            let again = desc.body(&arena).expect("offsets that are in the arena");
            prop_assert_eq!(&again, &envelope);
            prop_assert_eq!(desc.body_of(&arena).expect("as above"), envelope);
        }
    }

    #[test]
    fn the_fields_of_a_descriptor_beside_an_ext_are_the_envelopes_of_who_reads_them(envelope in of_a_kind()) {
        let bytes = envelope.encode_to_vec();
        // What C writes: kind, correlation and payload in the descriptor, the rest in ext.
        let mut rest = fields_of(&bytes);
        rest.retain(|(number, _)| !matches!(number, 1..=3));
        let ext: Vec<u8> = rest.into_iter().flat_map(|(_, bytes)| bytes).collect();
        let kind = u16::try_from(envelope.kind).unwrap_or(7);
        let desc = Desc {
            kind,
            correlation: envelope.correlation,
            off: ext.len() as u32,
            len: envelope.payload.len() as u32,
            ext_len: ext.len() as u32,
            ..Desc::default()
        };
        let arena = Bytes::from([&ext[..], &envelope.payload].concat());
        let body = desc.body(&arena).expect("offsets that are in the arena");
        let read = Envelope::decode(body).expect("written here");
        prop_assert_eq!(read, Envelope { kind: i32::from(kind), ..envelope });
    }
}
