//! Reading an envelope, or `who ++ what ++ body`, without decoding or allocating.

use bytes::Bytes;

use crate::v1::{self, Code};
use crate::wire::{Field, Fields, Refusal, Value};

/// Most bytes of a who prefix.
pub const MAX_WHO_BYTES: usize = 4 << 10;
/// Most actors in a chain of asks.
pub const MAX_ASK_PATH: u32 = 16;
/// Most attributes of a message, and most bytes of them all.
pub const MAX_ATTRIBUTES: (u32, usize) = (32, 4 << 10);
/// Most bytes of a dedup key.
pub const MAX_DEDUP_KEY: usize = 64;

/// Which envelope fields are present, a bit a field number. Fields above 31 are not in it.
pub type Presence = u32;

const REPEATED: Presence = 1 << 24 | 1 << 25;

/// The payload of a body that has nothing else. `None`: it may have more, or be nothing that can be read.
pub fn plain_payload(body: &[u8]) -> Option<&[u8]> {
    match Fields::new(body).next_field() {
        Ok(Some(Field {
            number: 2,
            value: Value::Bytes(payload),
            end,
            ..
        })) if end == body.len() => Some(payload),
        _ => None,
    }
}

/// The fields of an envelope, borrowed from its bytes.
///
/// Kinds and content types stay numbers, so that what this reader does not know is still there.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EnvelopeView<'a> {
    /// See [`Presence`].
    pub present: Presence,
    /// `Kind` as a number; 0 if absent.
    pub kind: u32,
    /// The encoded message.
    pub payload: &'a [u8],
    /// Slot | generation << 20; 0 = none.
    pub correlation: u64,
    /// The sender's address.
    pub source: &'a str,
    /// The receiver's address.
    pub target: &'a str,
    /// Full name of the payload's message.
    pub type_name: &'a str,
    /// As on the wire: 0 means 1.
    pub type_version: u32,
    /// As on the wire: 0 means 1.
    pub min_reader_version: u32,
    /// `ContentType` as a number.
    pub content_type: u32,
    /// Where a reply goes.
    pub reply_to: &'a str,
    /// W3C trace context, 25 bytes, or empty.
    pub trace: &'a [u8],
    /// 16 bytes, or empty.
    pub id: &'a [u8],
    /// At most 64 bytes.
    pub dedup_key: &'a [u8],
    /// `Compression` as a number.
    pub compression: u32,
    /// Bytes of the payload once inflated.
    pub raw_size: u64,
    /// Handle only if the state has this version.
    pub expected_version: Option<u64>,
    /// The id of the message that caused this one.
    pub causation_id: &'a [u8],
    /// The tenant.
    pub tenant: &'a str,
    /// W3C tracestate.
    pub tracestate: &'a str,
    /// An encoded `Failure`; see [`EnvelopeView::failure`].
    pub failure: &'a [u8],
    /// Checksum of the payload as carried.
    pub payload_crc32c: u32,
    /// For people.
    pub created_unix_ms: u64,
    /// Entries of `attributes`.
    pub attributes: u32,
    /// Entries of `ask_path`.
    pub ask_path_len: u32,
}

impl<'a> EnvelopeView<'a> {
    /// Reads a complete envelope.
    ///
    /// # Errors
    /// UNDECODABLE, BAD_OVERRIDE (a singular field twice) or TOO_LARGE (a limit of the schema).
    pub fn read(envelope: &'a [u8]) -> Result<Self, Refusal> {
        Self::read_parts(&[envelope])
    }

    /// Reads an envelope that is in several parts, which must have no singular field in common.
    ///
    /// # Errors
    /// As [`EnvelopeView::read`].
    pub fn read_parts(parts: &[&'a [u8]]) -> Result<Self, Refusal> {
        let mut view = Self::default();
        let mut attribute_bytes = 0;
        for part in parts {
            view.add(part, &mut attribute_bytes)?;
        }
        Ok(view)
    }

    /// Reads the body of a message whose who and what have these fields.
    ///
    /// This is the per-message work on a link: one pass over the body, nothing else.
    ///
    /// # Errors
    /// As [`EnvelopeView::read`].
    #[inline]
    pub fn read_body(body: &'a [u8], prefixes: Presence) -> Result<Self, Refusal> {
        let mut view = Self {
            present: prefixes & !REPEATED,
            ..Self::default()
        };
        view.add(body, &mut 0)?;
        Ok(view)
    }

    #[inline]
    fn add(&mut self, part: &'a [u8], attribute_bytes: &mut usize) -> Result<(), Refusal> {
        let mut fields = Fields::new(part);
        while let Some(field) = fields.next_field()? {
            if field.number < 32 {
                let bit = 1 << field.number;
                if self.present & bit & !REPEATED != 0 {
                    return Err(Refusal::new(
                        Code::BadOverride,
                        format!(
                            "Envelope.{} is set twice; set it once, in the stream, the type or the item",
                            name(&field)
                        ),
                    ));
                }
                self.present |= bit;
                self.set(&field, attribute_bytes)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn set(&mut self, field: &Field<'a>, attribute_bytes: &mut usize) -> Result<(), Refusal> {
        match (field.number, field.value) {
            (2, Value::Bytes(v)) => self.payload = v,
            (3, Value::Varint(v)) => self.correlation = v,
            (1, Value::Varint(v)) => self.kind = v as u32,
            (4, Value::Bytes(v)) => self.source = text(v, field)?,
            (5, Value::Bytes(v)) => self.target = text(v, field)?,
            (6, Value::Bytes(v)) => self.type_name = text(v, field)?,
            (7, Value::Varint(v)) => self.type_version = v as u32,
            (8, Value::Varint(v)) => self.min_reader_version = v as u32,
            (9, Value::Varint(v)) => self.content_type = v as u32,
            (10, Value::Bytes(v)) => self.reply_to = text(v, field)?,
            (11, Value::Bytes(v)) => self.trace = v,
            (12, Value::Bytes(v)) => self.id = v,
            (13, Value::Bytes(v)) => self.dedup_key = limited(v, MAX_DEDUP_KEY, field)?,
            (14, Value::Varint(v)) => self.compression = v as u32,
            (16, Value::Varint(v)) => self.raw_size = v,
            (17, Value::Varint(v)) => self.expected_version = Some(v),
            (18, Value::Bytes(v)) => self.causation_id = v,
            (19, Value::Bytes(v)) => self.tenant = text(v, field)?,
            (20, Value::Bytes(v)) => self.tracestate = text(v, field)?,
            (21, Value::Bytes(v)) => self.failure = v,
            (22, Value::Fixed32(v)) => self.payload_crc32c = v,
            (23, Value::Fixed64(v)) => self.created_unix_ms = v,
            (24, Value::Bytes(v)) => {
                self.attributes += 1;
                *attribute_bytes += v.len();
                if self.attributes > MAX_ATTRIBUTES.0 || *attribute_bytes > MAX_ATTRIBUTES.1 {
                    return Err(too_large(field, "32 entries and 4 KiB"));
                }
            }
            (25, Value::Fixed64(_)) => self.add_ask_path(1, field)?,
            (25, Value::Bytes(v)) if v.len() % 8 == 0 => self.add_ask_path(v.len() / 8, field)?,
            (1..=14 | 16..=25, _) => {
                return Err(Refusal::undecodable(format!(
                    "Envelope.{} has the wrong wire type",
                    name(field)
                )));
            }
            _ => {} // 15, 26-31: a later version's; kept with the bytes
        }
        Ok(())
    }

    fn add_ask_path(&mut self, n: usize, field: &Field<'_>) -> Result<(), Refusal> {
        self.ask_path_len = self.ask_path_len.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        if self.ask_path_len > MAX_ASK_PATH {
            return Err(too_large(field, "16 actors"));
        }
        Ok(())
    }

    /// The failure of a `KIND_FAILURE`.
    ///
    /// # Errors
    /// UNDECODABLE.
    pub fn failure(&self) -> Result<v1::Failure, Refusal> {
        prost::Message::decode(self.failure)
            .map_err(|e| Refusal::undecodable(format!("Envelope.failure does not decode: {e}")))
    }
}

/// The hashes of `ask_path` in an encoded body that was read before.
pub fn ask_path(body: &[u8]) -> Vec<u64> {
    let mut hashes = Vec::new();
    let mut fields = Fields::new(body);
    while let Ok(Some(field)) = fields.next_field() {
        match (field.number, field.value) {
            (25, Value::Fixed64(v)) => hashes.push(v),
            (25, Value::Bytes(v)) => {
                hashes.extend(
                    v.chunks_exact(8)
                        .map(|c| u64::from_le_bytes(c.try_into().expect("8 bytes"))),
                );
            }
            _ => {}
        }
    }
    hashes
}

fn text<'a>(bytes: &'a [u8], field: &Field<'_>) -> Result<&'a str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| Refusal::undecodable(format!("Envelope.{} is not UTF-8", name(field))))
}

fn limited<'a>(bytes: &'a [u8], limit: usize, field: &Field<'_>) -> Result<&'a [u8], Refusal> {
    if bytes.len() > limit {
        Err(too_large(field, &format!("{limit} bytes")))
    } else {
        Ok(bytes)
    }
}

fn too_large(field: &Field<'_>, limit: &str) -> Refusal {
    Refusal::new(
        Code::TooLarge,
        format!("Envelope.{} is over its limit of {limit}", name(field)),
    )
}

fn name(field: &Field<'_>) -> &'static str {
    const NAMES: [&str; 26] = [
        "?",
        "kind",
        "payload",
        "correlation",
        "source",
        "target",
        "type",
        "type_version",
        "min_reader_version",
        "content_type",
        "reply_to",
        "trace",
        "id",
        "dedup_key",
        "compression",
        "field 15",
        "raw_size",
        "expected_version",
        "causation_id",
        "tenant",
        "tracestate",
        "failure",
        "payload_crc32c",
        "created_unix_ms",
        "attributes",
        "ask_path",
    ];
    NAMES.get(field.number as usize).copied().unwrap_or("(unknown field)")
}

/// Who sends to whom: a `StreamOpen.prefix`, read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// The sender's address; empty = not an actor.
    pub source: String,
    /// The receiver's address.
    pub target: String,
    /// Where replies go.
    pub reply_to: String,
    /// The prefix's fields.
    pub present: Presence,
    /// The prefix.
    pub bytes: Bytes,
}

impl Who {
    /// Reads a prefix.
    ///
    /// # Errors
    /// As [`EnvelopeView::read`]; TOO_LARGE above 4 KiB.
    pub fn parse(bytes: Bytes) -> Result<Self, Refusal> {
        if bytes.len() > MAX_WHO_BYTES {
            return Err(Refusal::new(
                Code::TooLarge,
                "a stream's prefix is over its limit of 4 KiB",
            ));
        }
        let view = EnvelopeView::read(&bytes)?;
        Ok(Self {
            source: view.source.to_owned(),
            target: view.target.to_owned(),
            reply_to: view.reply_to.to_owned(),
            present: view.present,
            bytes: bytes.clone(),
        })
    }
}

/// What a message is: a `TypeDef.prefix`, read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct What {
    /// `Kind` as a number.
    pub kind: u32,
    /// Full name of the message.
    pub type_name: String,
    /// At least 1.
    pub version: u32,
    /// At least 1.
    pub min_reader: u32,
    /// `ContentType` as a number.
    pub content_type: u32,
    /// `Compression` as a number.
    pub compression: u32,
    /// The prefix's fields.
    pub present: Presence,
    /// The prefix.
    pub bytes: Bytes,
}

impl What {
    /// Reads a prefix.
    ///
    /// # Errors
    /// As [`EnvelopeView::read`]; TOO_LARGE above 4 KiB.
    pub fn parse(bytes: Bytes) -> Result<Self, Refusal> {
        if bytes.len() > MAX_WHO_BYTES {
            return Err(Refusal::new(
                Code::TooLarge,
                "a type's prefix is over its limit of 4 KiB",
            ));
        }
        let view = EnvelopeView::read(&bytes)?;
        Ok(Self::of_view(&view, bytes.clone()))
    }

    /// The `what` fields of a view, with the prefix that holds them.
    pub fn of_view(view: &EnvelopeView<'_>, bytes: Bytes) -> Self {
        Self {
            kind: view.kind,
            type_name: view.type_name.to_owned(),
            version: view.type_version.max(1),
            min_reader: view.min_reader_version.max(1),
            content_type: view.content_type,
            compression: view.compression,
            present: view.present,
            bytes,
        }
    }
}
