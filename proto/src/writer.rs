//! Writing the three parts of an envelope.

use bytes::Bytes;

use crate::trace::Trace;
use crate::v1::{Compression, ContentType, Kind};
use crate::view::{Presence, What, Who};
use crate::wire::{put_bytes, put_length, put_uint, varint_len};

/// Writes a who prefix. Empty strings are left out. One above
/// [`MAX_WHO_BYTES`](crate::view::MAX_WHO_BYTES) is refused when its stream is opened.
pub fn who(source: &str, target: &str, reply_to: &str) -> Who {
    who_of_tenant(source, target, reply_to, "")
}

/// [`who`] of a sender that works for a tenant.
pub fn who_of_tenant(source: &str, target: &str, reply_to: &str, tenant: &str) -> Who {
    let mut out = Vec::with_capacity(source.len() + target.len() + reply_to.len() + tenant.len() + 12);
    let mut present = 0;
    for (number, value) in [(4, source), (5, target), (10, reply_to), (19, tenant)] {
        if !value.is_empty() {
            present |= 1 << number;
            put_bytes(&mut out, number, value.as_bytes());
        }
    }
    Who {
        source: source.to_owned(),
        target: target.to_owned(),
        reply_to: reply_to.to_owned(),
        tenant: tenant.to_owned(),
        present,
        bytes: out.into(),
    }
}

/// Writes a what prefix for a protobuf payload. Versions of 1 are left out.
pub fn what(kind: Kind, type_name: &str, version: u32, min_reader: u32) -> What {
    what_of(kind as u32, type_name, version, min_reader, ContentType::Protobuf)
}

/// Writes a what prefix. Versions of 1 are left out.
pub fn what_of(kind: u32, type_name: &str, version: u32, min_reader: u32, content: ContentType) -> What {
    let (version, min_reader) = (version.max(1), min_reader.max(1));
    let mut out = Vec::with_capacity(type_name.len() + 16);
    let mut present = 0;
    put_present(&mut out, &mut present, 1, kind);
    if !type_name.is_empty() {
        present |= 1 << 6;
        put_bytes(&mut out, 6, type_name.as_bytes());
    }
    put_present(&mut out, &mut present, 7, if version > 1 { version } else { 0 });
    put_present(&mut out, &mut present, 8, if min_reader > 1 { min_reader } else { 0 });
    put_present(&mut out, &mut present, 9, content as u32);
    What {
        kind,
        type_name: type_name.to_owned(),
        version,
        min_reader,
        content_type: content as u32,
        compression: 0,
        present,
        bytes: out.into(),
    }
}

/// The same with a payload that is compressed.
pub fn compressed_what(what: &What, by: Compression) -> What {
    let mut out = what.bytes.to_vec();
    let mut present = what.present;
    put_present(&mut out, &mut present, 14, by as u32);
    What {
        compression: by as u32,
        present,
        bytes: out.into(),
        ..what.clone()
    }
}

fn put_present(out: &mut Vec<u8>, present: &mut Presence, number: u32, value: u32) {
    if value != 0 {
        *present |= 1 << number;
        put_uint(out, number, u64::from(value));
    }
}

/// What a body may hold beside its payload.
#[derive(Debug, Clone, Copy, Default)]
pub struct BodyFields<'a> {
    /// Slot | generation << 20; 0 = none.
    pub correlation: u64,
    /// Actors that wait in this chain of asks.
    pub ask_path: &'a [u64],
    /// An encoded `Failure`.
    pub failure: &'a [u8],
    /// The trace that it belongs to.
    pub trace: Option<&'a Trace>,
}

/// Writes a body: the fields in number order, the payload last (left out when empty).
pub fn body(fields: BodyFields<'_>, payload: &[u8]) -> Bytes {
    body_with(fields, payload.len(), |out| out.extend_from_slice(payload))
}

/// Writes a body with a message as its payload, which is encoded in its place.
pub fn body_of(fields: BodyFields<'_>, message: &impl prost::Message) -> Bytes {
    let write = |out: &mut Vec<u8>| message.encode(out).expect("a vector has room");
    body_with(fields, message.encoded_len(), write)
}

/// Where the payload begins in such a body, if it holds nothing else.
pub fn plain_from(fields: BodyFields<'_>, payload_len: usize) -> Option<u8> {
    let others =
        fields.correlation != 0 || !fields.failure.is_empty() || !fields.ask_path.is_empty() || fields.trace.is_some();
    (!others).then_some(payload_head(payload_len) as u8)
}

/// How many bytes of a body come right before a payload, and belong to it.
pub fn payload_head(payload_len: usize) -> usize {
    match payload_len {
        0 => 0,
        len => 1 + varint_len(len as u64),
    }
}

/// Writes a body with a compressed payload: `head` is all of the other one but its payload, which has `raw_size` bytes.
pub fn compressed_body(head: &[u8], raw_size: usize, compressed: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(head.len() + compressed.len() + 16);
    out.extend_from_slice(head);
    put_uint(&mut out, 16, raw_size as u64);
    put_bytes(&mut out, 2, compressed);
    out.into()
}

/// Appends what [`body`] writes.
pub fn append_body(out: &mut Vec<u8>, fields: BodyFields<'_>, payload: &[u8]) {
    append_with(out, fields, payload.len(), |out| out.extend_from_slice(payload));
}

fn body_with(fields: BodyFields<'_>, payload_len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let field = |key: usize, len: usize| match len {
        0 => 0,
        len => key + varint_len(len as u64) + len,
    };
    let correlation = match fields.correlation {
        0 => 0,
        correlation => 1 + varint_len(correlation),
    };
    let trace = fields.trace.map_or(0, Trace::encoded_len);
    let others = trace + field(2, fields.failure.len()) + field(2, 8 * fields.ask_path.len());
    // To the byte: a vector with room to spare costs a second allocation when it becomes `Bytes`.
    let mut out = Vec::with_capacity(correlation + others + field(1, payload_len));
    append_with(&mut out, fields, payload_len, write);
    out.into()
}

fn append_with(out: &mut Vec<u8>, fields: BodyFields<'_>, payload_len: usize, write: impl FnOnce(&mut Vec<u8>)) {
    put_uint(out, 3, fields.correlation);
    if let Some(trace) = fields.trace {
        trace.put(out);
    }
    if !fields.failure.is_empty() {
        put_bytes(out, 21, fields.failure);
    }
    if !fields.ask_path.is_empty() {
        let packed: Vec<u8> = fields.ask_path.iter().flat_map(|h| h.to_le_bytes()).collect();
        put_bytes(out, 25, &packed);
    }
    if payload_len > 0 {
        put_length(out, 2, payload_len);
        write(out);
    }
}

/// The complete envelope.
pub fn join(who: &[u8], what: &[u8], body: &[u8]) -> Bytes {
    [who, what, body].concat().into()
}
