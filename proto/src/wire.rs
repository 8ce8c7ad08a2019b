//! Protobuf's wire format, as far as reading without decoding needs it.

use crate::v1::Code;

/// Why bytes were refused: a code from the error table and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code that the sender is told.
    pub code: Code,
    /// What is wrong, where, and what to do.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    pub(crate) fn undecodable(detail: impl Into<String>) -> Self {
        Self::new(Code::Undecodable, detail)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str_name(), self.detail)
    }
}

impl std::error::Error for Refusal {}

/// The value of one field, borrowed from the bytes that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// Walks the fields of an encoded message in order.
pub struct Fields<'a> {
    all: &'a [u8],
    at: usize,
}

/// One field of an encoded message.
pub struct Field<'a> {
    /// The field's number.
    pub number: u32,
    /// Its value.
    pub value: Value<'a>,
    /// Where the field's tag starts, in bytes from the beginning.
    pub start: usize,
    /// Where the field ends.
    pub end: usize,
}

/// The highest number of a field.
const MAX_NUMBER: u64 = (1 << 29) - 1;

pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const BYTES: u8 = 2;
pub(crate) const FIXED32: u8 = 5;

/// A [`Field`] before its value has a type: one of the two has it, by the wire type.
#[derive(Default)]
pub(crate) struct Raw<'a> {
    pub(crate) number: u32,
    pub(crate) wire: u8,
    pub(crate) number_value: u64,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Starts at the first field of `message`.
    pub fn new(message: &'a [u8]) -> Self {
        Self { all: message, at: 0 }
    }

    /// The next field, `None` at the end, or a refusal at the first byte that is not protobuf.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, Refusal> {
        let (mut raw, start) = (Raw::default(), self.at);
        if !self.next_raw(&mut raw)? {
            return Ok(None);
        }
        let value = match raw.wire {
            VARINT => Value::Varint(raw.number_value),
            FIXED64 => Value::Fixed64(raw.number_value),
            BYTES => Value::Bytes(raw.bytes),
            _ => Value::Fixed32(raw.number_value as u32),
        };
        Ok(Some(Field {
            number: raw.number,
            value,
            start,
            end: self.at,
        }))
    }

    /// As [`Fields::next_field`], false at the end. What it fills stays in registers; a value of many types in a result does not.
    #[inline]
    pub(crate) fn next_raw(&mut self, raw: &mut Raw<'a>) -> Result<bool, Refusal> {
        if self.at == self.all.len() {
            return Ok(false);
        }
        let start = self.at;
        let tag = self.varint()?;
        // 0 becomes the greatest, so that one comparison finds both ends.
        if (tag >> 3).wrapping_sub(1) >= MAX_NUMBER {
            return Err(not_a_number(start, tag));
        }
        (raw.number, raw.wire) = ((tag >> 3) as u32, (tag & 7) as u8);
        match raw.wire {
            VARINT => raw.number_value = self.varint()?,
            FIXED64 => raw.number_value = u64::from_le_bytes(self.take(8)?.try_into().expect("8 bytes")),
            BYTES => {
                let len = self.varint()?;
                match self.all[self.at..].get(..usize::try_from(len).unwrap_or(usize::MAX)) {
                    Some(bytes) => raw.bytes = bytes,
                    None => return Err(too_long(raw.number, start, len, self.all.len() - self.at)),
                }
                self.at += raw.bytes.len();
            }
            FIXED32 => raw.number_value = u32::from_le_bytes(self.take(4)?.try_into().expect("4 bytes")).into(),
            _ => return Err(no_wire_type(start, tag)),
        }
        Ok(true)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let end = self.at + len;
        let Some(bytes) = self.all.get(self.at..end) else {
            return Err(torn(self.at));
        };
        self.at = end;
        Ok(bytes)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Refusal> {
        // Tags of the first 15 fields and most lengths have one byte.
        match self.all.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Refusal> {
        let mut value = 0_u64;
        for (i, byte) in self.all[self.at..].iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                if i == 9 && *byte > 1 {
                    break;
                }
                self.at += i + 1;
                return Ok(value);
            }
        }
        Err(endless(self.at))
    }
}

// Out of the way of what is read well.

#[cold]
fn not_a_number(start: usize, tag: u64) -> Refusal {
    Refusal::undecodable(format!("byte {start}: {} is not a field number", tag >> 3))
}

#[cold]
fn no_wire_type(start: usize, tag: u64) -> Refusal {
    Refusal::undecodable(format!("field {} at byte {start} has wire type {}", tag >> 3, tag & 7))
}

#[cold]
fn too_long(number: u32, start: usize, len: u64, left: usize) -> Refusal {
    Refusal::undecodable(format!(
        "field {number} at byte {start} says {len} bytes, and {left} are left"
    ))
}

#[cold]
fn torn(at: usize) -> Refusal {
    Refusal::undecodable(format!("the bytes end inside a field at byte {at}"))
}

#[cold]
fn endless(at: usize) -> Refusal {
    Refusal::undecodable(format!("the varint at byte {at} does not end"))
}

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends field `number` as a varint, unless it is zero.
#[inline]
pub fn put_uint(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(number) << 3);
        put_varint(out, value);
    }
}

/// Appends field `number` with these bytes, also when they are empty.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_length(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

/// Writes what a bytes field begins with; so many bytes follow.
pub fn put_length(out: &mut Vec<u8>, number: u32, len: usize) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, len as u64);
}

/// How many bytes a varint takes.
#[inline]
pub fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}
