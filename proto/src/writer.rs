//! Writing the three parts of an envelope.

use bytes::Bytes;

use crate::v1::{ContentType, Kind};
use crate::view::{What, Who};
use crate::wire::{put_bytes, put_uint};

/// Writes a who prefix. Empty strings are left out.
pub fn who(source: &str, target: &str, reply_to: &str) -> Who {
    let mut out = Vec::with_capacity(source.len() + target.len() + reply_to.len() + 9);
    for (number, value) in [(4, source), (5, target), (10, reply_to)] {
        if !value.is_empty() {
            put_bytes(&mut out, number, value.as_bytes());
        }
    }
    Who::parse(out.into()).unwrap_or_default()
}

/// Writes a what prefix for a protobuf payload. Versions of 1 are left out.
pub fn what(kind: Kind, type_name: &str, version: u32, min_reader: u32) -> What {
    what_of(kind as u32, type_name, version, min_reader, ContentType::Protobuf)
}

/// Writes a what prefix. Versions of 1 are left out.
pub fn what_of(kind: u32, type_name: &str, version: u32, min_reader: u32, content: ContentType) -> What {
    let mut out = Vec::with_capacity(type_name.len() + 10);
    put_uint(&mut out, 1, u64::from(kind));
    if !type_name.is_empty() {
        put_bytes(&mut out, 6, type_name.as_bytes());
    }
    put_uint(&mut out, 7, if version > 1 { u64::from(version) } else { 0 });
    put_uint(&mut out, 8, if min_reader > 1 { u64::from(min_reader) } else { 0 });
    put_uint(&mut out, 9, content as u64);
    What::parse(out.into()).unwrap_or_default()
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
}

/// Writes a body: the fields in number order, the payload last (left out when empty).
pub fn body(fields: BodyFields<'_>, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + fields.failure.len() + 8 * fields.ask_path.len() + 24);
    put_uint(&mut out, 3, fields.correlation);
    if !fields.failure.is_empty() {
        put_bytes(&mut out, 21, fields.failure);
    }
    if !fields.ask_path.is_empty() {
        let packed: Vec<u8> = fields.ask_path.iter().flat_map(|h| h.to_le_bytes()).collect();
        put_bytes(&mut out, 25, &packed);
    }
    if !payload.is_empty() {
        put_bytes(&mut out, 2, payload);
    }
    out.into()
}

/// The complete envelope.
pub fn join(who: &[u8], what: &[u8], body: &[u8]) -> Bytes {
    [who, what, body].concat().into()
}
