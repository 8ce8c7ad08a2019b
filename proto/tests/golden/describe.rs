//! What a reader sees in golden bytes, as the lines of an index that a person can read and Go writes alike.

use std::fmt::Write as _;

use actorbridge_proto::writer::{self, BodyFields};
use actorbridge_proto::{EnvelopeView, Packet, Refusal, view, wire};
use bytes::Bytes;

use crate::envelopes::Case;

/// The block of one envelope.
pub(crate) fn envelope(case: &Case) -> String {
    let parts: Vec<&[u8]> = case.parts.iter().map(Vec::as_slice).collect();
    let mut out = title(case);
    match EnvelopeView::read_parts(&parts) {
        Ok(view) => fields(&mut out, &view, &parts.concat()),
        Err(refusal) => refused(&mut out, &refusal),
    }
    out
}

/// The block of one frame.
pub(crate) fn frame(case: &Case) -> String {
    let bytes = Bytes::from(case.parts[0].clone());
    let mut out = title(case);
    match Packet::read(&bytes, usize::MAX) {
        Ok(packet) => packet_fields(&mut out, &packet, &bytes),
        Err(refusal) => refused(&mut out, &refusal),
    }
    out
}

fn title(case: &Case) -> String {
    let lengths: Vec<String> = case.parts.iter().map(|p| p.len().to_string()).collect();
    let (name, about, lengths) = (case.name, case.about, lengths.join(" "));
    format!(
        "{name}: {about}\nparts {lengths}\nbytes fnv1a={:016x}\n",
        fnv1a(&case.parts.concat())
    )
}

/// So that a change of any byte changes the index, also where no field shows it.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The fields that a reader does not look into, as their bytes.
fn raw(out: &mut String, all: &[u8], name: impl Fn(u32) -> Option<String>) {
    let mut fields = wire::Fields::new(all);
    while let Ok(Some(field)) = fields.next_field() {
        if let Some(name) = name(field.number) {
            writeln!(out, "{name} {}", hex(&all[field.start..field.end])).expect("a String has room");
        }
    }
}

/// How the lines of two blocks differ: what a person is told of a stale golden file.
pub(crate) fn difference(written: &str, stored: &str) -> String {
    let only = |a: &str, b: &str, mark: &str| -> Vec<String> {
        let others: Vec<&str> = b.lines().collect();
        a.lines()
            .filter(|line| !others.contains(line))
            .map(|line| format!("{mark} {line}"))
            .collect()
    };
    let name = written.lines().next().unwrap_or_default();
    let lines = [
        only(stored, written, "the file says  "),
        only(written, stored, "the schema says"),
    ]
    .concat();
    format!("{name}\n{}", lines.join("\n"))
}

fn refused(out: &mut String, refusal: &Refusal) {
    writeln!(out, "refused {refusal}").expect("a String has room");
}

fn text(value: &str) -> String {
    if value.len() > 64 {
        hex(value.as_bytes())
    } else {
        value.to_owned()
    }
}

fn hex(value: &[u8]) -> String {
    let shown: String = value.iter().take(40).map(|b| format!("{b:02x}")).collect();
    let more = if value.len() > 40 {
        format!("… fnv1a={:016x}", fnv1a(value))
    } else {
        String::new()
    };
    format!("{} bytes {shown}{more}", value.len())
}

fn fields(out: &mut String, view: &EnvelopeView<'_>, all: &[u8]) {
    let path: Vec<String> = view::ask_path(all).iter().map(u64::to_string).collect();
    let lines = [
        (1, "kind", view.kind.to_string()),
        (2, "payload", hex(view.payload)),
        (3, "correlation", view.correlation.to_string()),
        (4, "source", text(&view.source)),
        (5, "target", text(&view.target)),
        (6, "type", text(&view.type_name)),
        (7, "type_version", view.type_version.to_string()),
        (8, "min_reader_version", view.min_reader_version.to_string()),
        (9, "content_type", view.content_type.to_string()),
        (10, "reply_to", text(&view.reply_to)),
        (11, "trace", hex(view.trace)),
        (12, "id", hex(view.id)),
        (13, "dedup_key", hex(view.dedup_key)),
        (14, "compression", view.compression.to_string()),
        (16, "raw_size", view.raw_size.to_string()),
        (
            17,
            "expected_version",
            view.expected_version.unwrap_or_default().to_string(),
        ),
        (18, "causation_id", hex(view.causation_id)),
        (19, "tenant", text(&view.tenant)),
        (20, "tracestate", text(&view.tracestate)),
        (21, "failure", hex(view.failure)),
        (22, "payload_crc32c", view.payload_crc32c.to_string()),
        (23, "created_unix_ms", view.created_unix_ms.to_string()),
        (25, "ask_path", format!("{}: {}", view.ask_path_len, path.join(" "))),
    ];
    for (_, name, value) in lines.iter().filter(|(n, ..)| view.present & 1 << n != 0) {
        writeln!(out, "{name} {value}").expect("a String has room");
    }
    raw(out, all, |number| match number {
        24 => Some("attributes".into()),
        15 | 26.. => Some(format!("field {number}")),
        _ => None,
    });
    let again = rewritten(view, &view::ask_path(all));
    writeln!(out, "rewritten {}", if again == all { "same" } else { "differs" }).expect("a String has room");
}

/// What this project's writers make of the fields they know.
fn rewritten(view: &EnvelopeView<'_>, ask_path: &[u64]) -> Vec<u8> {
    let mut what = Vec::new();
    wire::put_uint(&mut what, 1, u64::from(view.kind));
    if !view.type_name.is_empty() {
        wire::put_bytes(&mut what, 6, view.type_name.as_bytes());
    }
    wire::put_uint(&mut what, 7, u64::from(view.type_version));
    wire::put_uint(&mut what, 8, u64::from(view.min_reader_version));
    wire::put_uint(&mut what, 9, u64::from(view.content_type));
    let who = writer::who(&view.source, &view.target, &view.reply_to);
    let fields = BodyFields {
        correlation: view.correlation,
        ask_path,
        failure: view.failure,
        trace: None,
    };
    writer::join(&who.bytes, &what, &writer::body(fields, view.payload)).to_vec()
}

fn packet_fields(out: &mut String, packet: &Packet, bytes: &[u8]) {
    let head = &packet.head;
    let mut line = |name: &str, value: String| writeln!(out, "{name} {value}").expect("a String has room");
    line("number", head.number.to_string());
    line("sent_ms", head.sent_ms.to_string());
    line(
        "hello",
        head.hello
            .as_ref()
            .map_or_else(|| "-".into(), |h| format!("{} {}", h.node, h.incarnation)),
    );
    line("welcome", head.welcome.as_ref().map_or("-", |w| &w.node).to_owned());
    line("open", head.open.len().to_string());
    line("state", head.state.len().to_string());
    line("goodbye", head.goodbye.as_ref().map_or("-", |g| &g.detail).to_owned());
    raw(out, bytes, |number| (number != 15).then(|| format!("field {number}")));
    let mut line = |name: &str, value: String| writeln!(out, "{name} {value}").expect("a String has room");
    for run in &packet.runs {
        line(
            "run",
            format!(
                "flow={} first_seq={} attempt={} hops={} queued={}",
                run.flow, run.first_seq, run.attempt, run.hops, run.queued
            ),
        );
        for item in run.all().iter() {
            line(
                "item",
                format!("type={} ttl_ms={} {}", item.type_id, item.ttl_ms, hex(&item.body)),
            );
        }
    }
    let again = packet.to_bytes();
    line("rewritten", if *again == *bytes { "same".into() } else { hex(&again) });
}
