//! Fields that this program does not know: those that came as protobuf, and those that came as MessagePack.

use std::collections::BTreeMap;

use actorbridge_proto::wire::put_bytes;
use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::DynamicMessage;

use super::token::{Reader, put_extension};

/// The extension of MessagePack that holds a field as protobuf writes it: its writer did not know it.
pub(super) const RECORDS: i8 = 80;
/// Among protobuf's unknown fields, this holds those that came by MessagePack, each as the pair that it was: how protobuf would
/// write it is not known. No schema can have this number.
const PAIRS: u32 = 19_999;
/// The largest number of a field.
const MAX_NUMBER: i128 = (1 << 29) - 1;

/// Takes the number of a field.
pub(super) fn key(reader: &mut Reader<'_>) -> Result<u32, String> {
    match reader.next()? {
        super::token::Token::Int(n @ 1..=MAX_NUMBER) => Ok(n as u32),
        super::token::Token::Int(n) => Err(format!("{n} is no number of a field: they are from 1 to 2^29 - 1")),
        other => Err(format!("a key is {}, and not the number of a field", other.name())),
    }
}

/// The unknown fields of a message that lies in `depth` containers: numbers with their values, written.
pub(super) fn written(message: &DynamicMessage, depth: usize) -> BTreeMap<u32, Vec<u8>> {
    let (mut records, mut pairs) = (BTreeMap::<u32, Vec<u8>>::new(), BTreeMap::new());
    for field in message.unknown_fields() {
        let mut record = Vec::with_capacity(field.encoded_len());
        field.encode(&mut record);
        match pair_of(&record, depth) {
            Some((number, value)) => {
                pairs.entry(number).or_insert(value);
            }
            None => records.entry(field.number()).or_default().extend(record),
        }
    }
    for (number, records) in records {
        let mut value = Vec::new();
        put_extension(&mut value, RECORDS, &records);
        pairs.insert(number, value);
    }
    pairs
}

/// A field that came by MessagePack.
fn pair_of(record: &[u8], depth: usize) -> Option<(u32, Vec<u8>)> {
    let mut rest = record;
    if decode_key(&mut rest).ok()? != (PAIRS, WireType::LengthDelimited) {
        return None;
    }
    decode_varint(&mut rest).ok()?;
    let mut reader = Reader::new(rest);
    let number = key(&mut reader).ok()?;
    let value = reader.skip(depth + 1).ok()?;
    reader.end().ok()?;
    Some((number, value.to_vec()))
}

/// Keeps a field that came by MessagePack.
pub(super) fn keep_pair(into: &mut DynamicMessage, pair: &[u8]) -> Result<(), String> {
    let mut record = Vec::with_capacity(pair.len() + 8);
    put_bytes(&mut record, PAIRS, pair);
    into.merge(record.as_slice()).map_err(|e| e.to_string())
}

/// Reads a field as protobuf wrote it.
pub(super) fn merge_records(into: &mut DynamicMessage, number: u32, records: &[u8]) -> Result<(), String> {
    let damaged = |_| "an extension of protobuf's records is damaged".to_owned();
    let mut rest = records;
    while !rest.is_empty() {
        let (other, wire_type) = decode_key(&mut rest).map_err(damaged)?;
        skip_field(wire_type, other, &mut rest, DecodeContext::default()).map_err(damaged)?;
        if other != number {
            return Err(format!("the records of field {number} have a field {other}"));
        }
    }
    into.merge(records).map_err(|e| e.to_string())
}
