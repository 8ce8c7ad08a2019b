//! The envelope view against prost: what it reads is what prost reads, and how the bytes are cut changes nothing.

use actorbridge_proto::v1::Envelope;
use actorbridge_proto::wire::Fields;
use actorbridge_proto::{EnvelopeView, view};
use prost::Message as _;

/// Reads the bytes whole, and in three parts.
pub fn run(data: &[u8]) {
    let (cuts, data) = data.split_at(data.len().min(2));
    if let Ok(view) = EnvelopeView::read(data) {
        against_prost(&view, data);
        in_parts(&view, data, cuts);
    }
    // What is read of damaged bytes, for the answer to their asker, must not panic either.
    let _ = view::ask_path(data);
}

fn against_prost(view: &EnvelopeView<'_>, data: &[u8]) {
    let Ok(oracle) = Envelope::decode(data) else {
        // The view looks into neither a failure nor an attribute; everything else it has read.
        let mut others = Vec::new();
        for_each_field(data, |number, bytes| {
            if number != 21 && number != 24 {
                others.extend_from_slice(bytes);
            }
        });
        Envelope::decode(&others[..]).expect("the view has read it");
        return;
    };
    assert_eq!(view.kind, oracle.kind as u32);
    assert_eq!(view.payload, oracle.payload);
    assert_eq!(view.correlation, oracle.correlation);
    assert_eq!((&*view.source, &*view.target), (&*oracle.source, &*oracle.target));
    assert_eq!(
        (&*view.type_name, &*view.reply_to),
        (&*oracle.r#type, &*oracle.reply_to)
    );
    assert_eq!(
        (&*view.tenant, &*view.tracestate),
        (&*oracle.tenant, &*oracle.tracestate)
    );
    assert_eq!(view.type_version, oracle.type_version);
    assert_eq!(view.min_reader_version, oracle.min_reader_version);
    assert_eq!(view.content_type, oracle.content_type as u32);
    assert_eq!(view.compression, oracle.compression as u32);
    assert_eq!((view.trace, view.id), (&oracle.trace[..], &oracle.id[..]));
    assert_eq!(
        (view.dedup_key, view.causation_id),
        (&oracle.dedup_key[..], &oracle.causation_id[..])
    );
    assert_eq!(
        (view.raw_size, view.expected_version),
        (oracle.raw_size, oracle.expected_version)
    );
    assert_eq!(
        (view.payload_crc32c, view.created_unix_ms),
        (oracle.payload_crc32c, oracle.created_unix_ms)
    );
    assert_eq!(view::ask_path(data), oracle.ask_path);
    if let Some(failure) = oracle.failure {
        assert_eq!(view.failure().expect("prost has decoded it"), failure);
    }
}

fn in_parts(whole: &EnvelopeView<'_>, data: &[u8], cuts: &[u8]) {
    let mut starts = vec![0];
    for_each_field(data, |_, bytes| starts.push(starts[starts.len() - 1] + bytes.len()));
    let at = |cut: usize| starts[usize::from(cuts.get(cut).copied().unwrap_or(0)) % starts.len()];
    let (first, second) = (at(0).min(at(1)), at(0).max(at(1)));
    let parts = [&data[..first], &data[first..second], &data[second..]];
    assert_eq!(&EnvelopeView::read_parts(&parts).expect("the whole was read"), whole);
    let [Ok(who), Ok(what)] = [parts[0], parts[1]].map(EnvelopeView::read) else {
        panic!("a part of what was read is refused");
    };
    let body = EnvelopeView::read_body(parts[2], who.present | what.present).expect("the whole was read");
    assert_eq!(body.present | who.present | what.present, whole.present);
}

fn for_each_field(data: &[u8], mut each: impl FnMut(u32, &[u8])) {
    let mut fields = Fields::new(data);
    while let Some(field) = fields.next_field().expect("read before") {
        each(field.number, &data[field.start..field.end]);
    }
}
