//! Envelopes, with the reader and the writer of the Rust node.

use actorbridge_proto::v1::{self, ContentType};
use actorbridge_proto::wire::{Fields, Value as Wire};
use actorbridge_proto::{EnvelopeView, Item, Packet, Run, view, writer};
use bytes::Bytes;
use prost::Message as _;

use crate::fields::{data, number, text};
use crate::mutant::Mutant;
use crate::peerpb::answer::Result as Said;
use crate::peerpb::field::Value;
use crate::peerpb::{Field, Seen, WriteEnvelope};

/// What the fields of an order say, by the part of an envelope that they belong to.
#[derive(Default)]
struct Parts {
    kind: u32,
    type_name: String,
    version: u32,
    min_reader: u32,
    content: u32,
    source: String,
    target: String,
    reply_to: String,
    correlation: u64,
    ask_path: Vec<u64>,
    failure: Bytes,
    payload: Bytes,
    /// Fields that the node does not write itself.
    rare: v1::Envelope,
}

impl Parts {
    fn number(&mut self, name: &str, n: u64) -> Result<(), String> {
        match name {
            "kind" => self.kind = n as u32,
            "type_version" => self.version = n as u32,
            "min_reader_version" => self.min_reader = n as u32,
            "content_type" => self.content = n as u32,
            "correlation" => self.correlation = n,
            "ask_path" => self.ask_path.push(n),
            "compression" => self.rare.compression = n as i32,
            "raw_size" => self.rare.raw_size = n,
            "expected_version" => self.rare.expected_version = Some(n),
            "payload_crc32c" => self.rare.payload_crc32c = n as u32,
            "created_unix_ms" => self.rare.created_unix_ms = n,
            _ => return Err(format!("Envelope.{name} takes no number")),
        }
        Ok(())
    }

    fn text(&mut self, name: &str, text: &str) -> Result<(), String> {
        let field = match name {
            "source" => &mut self.source,
            "target" => &mut self.target,
            "reply_to" => &mut self.reply_to,
            "type" => &mut self.type_name,
            "tenant" => &mut self.rare.tenant,
            "tracestate" => &mut self.rare.tracestate,
            _ => return Err(format!("Envelope.{name} takes no text")),
        };
        text.clone_into(field);
        Ok(())
    }

    fn data(&mut self, name: &str, bytes: &Bytes) -> Result<(), String> {
        if let Some(key) = name.strip_prefix("attributes.") {
            self.rare.attributes.insert(key.to_owned(), bytes.clone());
            return Ok(());
        }
        match name {
            "payload" => self.payload = bytes.clone(),
            "failure" => self.failure = bytes.clone(),
            "trace" => self.rare.trace = bytes.clone(),
            "id" => self.rare.id = bytes.clone(),
            "dedup_key" => self.rare.dedup_key = bytes.clone(),
            "causation_id" => self.rare.causation_id = bytes.clone(),
            _ => return Err(format!("Envelope.{name} takes no bytes")),
        }
        Ok(())
    }
}

/// Writes an envelope as the node does: who, what, body. What the node does not write itself lies between them.
///
/// # Errors
/// A sentence: the schema has no such field.
pub fn write(order: &WriteEnvelope) -> Result<Vec<u8>, String> {
    let mut parts = Parts::default();
    for field in &order.fields {
        match field.value.as_ref().ok_or("a field without a value")? {
            Value::Number(n) => parts.number(&field.name, *n)?,
            Value::Text(text) => parts.text(&field.name, text)?,
            Value::Data(bytes) => parts.data(&field.name, bytes)?,
        }
    }
    let content = ContentType::try_from(parts.content as i32).map_err(|e| e.to_string())?;
    let who = writer::who(&parts.source, &parts.target, &parts.reply_to);
    let what = writer::what_of(parts.kind, &parts.type_name, parts.version, parts.min_reader, content);
    let body = writer::body(
        writer::BodyFields {
            correlation: parts.correlation,
            ask_path: &parts.ask_path,
            failure: &parts.failure,
            trace: None,
        },
        &parts.payload,
    );
    let rare = parts.rare.encode_to_vec();
    Ok([&who.bytes[..], &what.bytes, &rare, &order.later, &body].concat())
}

/// Reads an envelope, and passes it on as the node does: in a packet.
pub fn read(envelope: &[u8], mutant: Option<Mutant>) -> Said {
    match EnvelopeView::read(envelope) {
        Ok(view) => Said::Seen(Seen {
            fields: shown(&view, envelope),
            passed_on: passed_on(envelope, mutant),
        }),
        Err(refusal) => Said::Refused(refusal.code.as_str_name().trim_start_matches("CODE_").to_owned()),
    }
}

fn passed_on(envelope: &[u8], mutant: Option<Mutant>) -> Option<Bytes> {
    if mutant == Some(Mutant::DropUnknown) {
        let known = v1::Envelope::decode(envelope).ok()?;
        return Some(known.encode_to_vec().into());
    }
    let item = Item {
        body: Bytes::copy_from_slice(envelope),
        ..Item::default()
    };
    let packet = Packet {
        runs: vec![Run {
            items: vec![item],
            ..Run::default()
        }],
        ..Packet::default()
    };
    let came = Packet::read(&packet.to_bytes(), usize::MAX).ok()?;
    Some(came.runs.first()?.all().first()?.body.clone())
}

fn shown(view: &EnvelopeView<'_>, envelope: &[u8]) -> Vec<Field> {
    let mut out = Vec::new();
    for (name, value) in [
        ("kind", u64::from(view.kind)),
        ("correlation", view.correlation),
        ("type_version", view.type_version.into()),
        ("min_reader_version", view.min_reader_version.into()),
        ("content_type", view.content_type.into()),
        ("compression", view.compression.into()),
        ("raw_size", view.raw_size),
        ("payload_crc32c", view.payload_crc32c.into()),
        ("created_unix_ms", view.created_unix_ms),
    ] {
        if value != 0 {
            out.push(number(name, value));
        }
    }
    out.extend(view.expected_version.map(|n| number("expected_version", n)));
    for (name, value) in [
        ("source", &*view.source),
        ("target", &*view.target),
        ("type", &*view.type_name),
        ("reply_to", &*view.reply_to),
        ("tenant", &*view.tenant),
        ("tracestate", &*view.tracestate),
    ] {
        if !value.is_empty() {
            out.push(text(name, value));
        }
    }
    for (name, value) in [
        ("payload", view.payload),
        ("trace", view.trace),
        ("id", view.id),
        ("dedup_key", view.dedup_key),
        ("causation_id", view.causation_id),
        ("failure", view.failure),
    ] {
        if !value.is_empty() {
            out.push(data(name, value));
        }
    }
    out.extend(view::ask_path(envelope).into_iter().map(|h| number("ask_path", h)));
    out.extend(attributes(envelope));
    out
}

/// The view counts attributes and leaves them in the bytes.
fn attributes(envelope: &[u8]) -> Vec<Field> {
    let mut found = Vec::new();
    let mut fields = Fields::new(envelope);
    while let Ok(Some(field)) = fields.next_field() {
        if let (24, Wire::Bytes(entry)) = (field.number, field.value) {
            let (mut key, mut value) = ("", &[][..]);
            let mut entry = Fields::new(entry);
            while let Ok(Some(part)) = entry.next_field() {
                match (part.number, part.value) {
                    (1, Wire::Bytes(k)) => key = std::str::from_utf8(k).unwrap_or_default(),
                    (2, Wire::Bytes(v)) => value = v,
                    _ => {}
                }
            }
            found.push(data(&format!("attributes.{key}"), value));
        }
    }
    found
}
