//! The little of protobuf's wire format that keeps what prost's own types drop: raw options.

use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

use crate::problem::Problem;

/// The length-delimited fields of a number, as they are.
pub(crate) fn fields(mut message: &[u8], number: u32) -> Result<Vec<&[u8]>, Problem> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let broken = |e: prost::DecodeError| Problem::new(format!("not protobuf: {e}"), "");
        let (tag, kind) = decode_key(&mut message).map_err(broken)?;
        let length = match kind {
            WireType::LengthDelimited => usize::try_from(decode_varint(&mut message).map_err(broken)?).ok(),
            WireType::Varint => decode_varint(&mut message).map(|_| Some(0)).map_err(broken)?,
            WireType::SixtyFourBit => Some(8),
            WireType::ThirtyTwoBit => Some(4),
            WireType::StartGroup | WireType::EndGroup => None,
        };
        let Some((field, rest)) = length.and_then(|length| message.split_at_checked(length)) else {
            return Err(Problem::new(format!("not protobuf: field {tag} is torn"), ""));
        };
        if tag == number && kind == WireType::LengthDelimited {
            found.push(field);
        }
        message = rest;
    }
    Ok(found)
}

/// Writes one length-delimited field.
pub(crate) fn write_field(into: &mut Vec<u8>, number: u32, field: &[u8]) {
    encode_key(number, WireType::LengthDelimited, into);
    encode_varint(field.len() as u64, into);
    into.extend_from_slice(field);
}
