//! Reading an envelope, or `who ++ what ++ body`, without decoding or allocating.

use bytes::Bytes;

use crate::v1::{self, Code};
use crate::wire::{BYTES, FIXED32, FIXED64, Field, Fields, Raw, Refusal, VARINT, Value};

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
    pub source: Text<'a>,
    /// The receiver's address.
    pub target: Text<'a>,
    /// Full name of the payload's message.
    pub type_name: Text<'a>,
    /// As on the wire: 0 means 1.
    pub type_version: u32,
    /// As on the wire: 0 means 1.
    pub min_reader_version: u32,
    /// `ContentType` as a number.
    pub content_type: u32,
    /// Where a reply goes.
    pub reply_to: Text<'a>,
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
    pub tenant: Text<'a>,
    /// W3C tracestate.
    pub tracestate: Text<'a>,
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
    #[inline]
    pub fn read(envelope: &'a [u8]) -> Result<Self, Refusal> {
        Self::read_body(envelope, 0)
    }

    /// Reads an envelope that is in several parts, which must have no singular field in common.
    ///
    /// # Errors
    /// As [`EnvelopeView::read`].
    #[inline]
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
        let (mut fields, mut field) = (Fields::new(part), Raw::default());
        while fields.next_raw(&mut field)? {
            if field.number < 32 {
                let bit = 1 << field.number;
                if self.present & bit & !REPEATED != 0 {
                    return Err(set_twice(&field));
                }
                self.present |= bit;
                self.set(&field, attribute_bytes)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn set(&mut self, field: &Raw<'a>, attribute_bytes: &mut usize) -> Result<(), Refusal> {
        let (v, bytes) = (field.number_value, field.bytes);
        match (field.number, field.wire) {
            (2, BYTES) => self.payload = bytes,
            (3, VARINT) => self.correlation = v,
            (1, VARINT) => self.kind = v as u32,
            (4, BYTES) => self.source = Text::of(field)?,
            (5, BYTES) => self.target = Text::of(field)?,
            (6, BYTES) => self.type_name = Text::of(field)?,
            (7, VARINT) => self.type_version = v as u32,
            (8, VARINT) => self.min_reader_version = v as u32,
            (9, VARINT) => self.content_type = v as u32,
            (10, BYTES) => self.reply_to = Text::of(field)?,
            (11, BYTES) => self.trace = bytes,
            (12, BYTES) => self.id = bytes,
            (13, BYTES) => self.dedup_key = limited(bytes, MAX_DEDUP_KEY, field)?,
            (14, VARINT) => self.compression = v as u32,
            (16, VARINT) => self.raw_size = v,
            (17, VARINT) => self.expected_version = Some(v),
            (18, BYTES) => self.causation_id = bytes,
            (19, BYTES) => self.tenant = Text::of(field)?,
            (20, BYTES) => self.tracestate = Text::of(field)?,
            (21, BYTES) => self.failure = bytes,
            (22, FIXED32) => self.payload_crc32c = v as u32,
            (23, FIXED64) => self.created_unix_ms = v,
            (24, BYTES) => {
                self.attributes += 1;
                *attribute_bytes += bytes.len();
                if self.attributes > MAX_ATTRIBUTES.0 || *attribute_bytes > MAX_ATTRIBUTES.1 {
                    return Err(too_large(field, "32 entries and 4 KiB"));
                }
            }
            (25, FIXED64) => self.add_ask_path(1, field)?,
            (25, BYTES) if bytes.len() % 8 == 0 => self.add_ask_path(bytes.len() / 8, field)?,
            (1..=14 | 16..=25, _) => return Err(wrong_wire_type(field)),
            _ => {} // 15, 26-31: a later version's; kept with the bytes
        }
        Ok(())
    }

    fn add_ask_path(&mut self, n: usize, field: &Raw<'_>) -> Result<(), Refusal> {
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

/// A text field: bytes that are known to be UTF-8.
///
/// Most are ASCII, which is seen faster than a `str` is made; a reader of messages looks at few of them, so the `str` is made where
/// one is looked at.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    #[inline]
    fn of(field: &Raw<'a>) -> Result<Self, Refusal> {
        match field.bytes.is_ascii() || std::str::from_utf8(field.bytes).is_ok() {
            true => Ok(Self(field.bytes)),
            false => Err(not_utf8(field.number)),
        }
    }

    /// The text.
    pub fn as_str(self) -> &'a str {
        std::str::from_utf8(self.0).unwrap_or_default()
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cold]
fn not_utf8(number: u32) -> Refusal {
    Refusal::undecodable(format!("Envelope.{} is not UTF-8", name(number)))
}

#[cold]
fn wrong_wire_type(field: &Raw<'_>) -> Refusal {
    Refusal::undecodable(format!("Envelope.{} has the wrong wire type", name(field.number)))
}

#[cold]
fn set_twice(field: &Raw<'_>) -> Refusal {
    Refusal::new(
        Code::BadOverride,
        format!(
            "Envelope.{} is set twice; set it once, in the stream, the type or the item",
            name(field.number)
        ),
    )
}

fn limited<'a>(bytes: &'a [u8], limit: usize, field: &Raw<'_>) -> Result<&'a [u8], Refusal> {
    if bytes.len() > limit {
        Err(too_large(field, &format!("{limit} bytes")))
    } else {
        Ok(bytes)
    }
}

#[cold]
fn too_large(field: &Raw<'_>, limit: &str) -> Refusal {
    Refusal::new(
        Code::TooLarge,
        format!("Envelope.{} is over its limit of {limit}", name(field.number)),
    )
}

fn name(number: u32) -> &'static str {
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
    NAMES.get(number as usize).copied().unwrap_or("(unknown field)")
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
    /// For whom the sender works; empty = for nobody in particular.
    pub tenant: String,
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
            source: view.source.as_str().to_owned(),
            target: view.target.as_str().to_owned(),
            reply_to: view.reply_to.as_str().to_owned(),
            tenant: view.tenant.as_str().to_owned(),
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
            type_name: view.type_name.as_str().to_owned(),
            version: view.type_version.max(1),
            min_reader: view.min_reader_version.max(1),
            content_type: view.content_type,
            compression: view.compression,
            present: view.present,
            bytes,
        }
    }
}
