//! Reading messages.

use std::collections::{HashMap, HashSet};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use super::token::{Reader, Token};
use super::unknown::{self, RECORDS};
use crate::codec::{MAX_DEPTH, too_deep};

pub(in crate::codec) fn read(payload: &[u8], of: &MessageDescriptor) -> Result<DynamicMessage, String> {
    let mut reader = Reader::new(payload);
    let message = message(&mut reader, of, 0)?;
    reader.end()?;
    Ok(message)
}

/// Reads a message that lies in `depth` containers.
fn message(reader: &mut Reader<'_>, of: &MessageDescriptor, depth: usize) -> Result<DynamicMessage, String> {
    let count = match reader.next()? {
        Token::Map(_) if depth >= MAX_DEPTH => return Err(too_deep()),
        Token::Map(count) => count,
        other => return Err(other.instead_of(&format!("the map of a {}", of.full_name()))),
    };
    let mut message = DynamicMessage::new(of.clone());
    // Keys nearly always come in order: then nothing has to be looked for.
    let (mut last, mut seen) = (0, HashSet::new());
    let mut in_order = Vec::new();
    for _ in 0..count {
        let from = *reader;
        let number = unknown::key(reader)?;
        if number > last && seen.is_empty() {
            last = number;
            in_order.push(number);
        } else {
            seen.extend(in_order.drain(..));
            if !seen.insert(number) {
                return Err(format!("the key {number} is there twice"));
            }
        }
        match of.get_field(number) {
            Some(field) => field_into(reader, &mut message, &field, depth + 1)?,
            None => keep(reader, from, &mut message, number, depth + 1)?,
        }
    }
    Ok(message)
}

/// Keeps a field that is not known, whose pair begins at `from`.
fn keep(
    reader: &mut Reader<'_>,
    from: Reader<'_>,
    message: &mut DynamicMessage,
    number: u32,
    depth: usize,
) -> Result<(), String> {
    let mut value = *reader;
    reader.skip(depth)?;
    match value.next()? {
        Token::Extension(RECORDS, records) => unknown::merge_records(message, number, records),
        _ => unknown::keep_pair(message, from.taken(reader)),
    }
}

/// Reads the value of a field. A nil is as if the field were not there.
fn field_into(
    reader: &mut Reader<'_>,
    message: &mut DynamicMessage,
    field: &FieldDescriptor,
    depth: usize,
) -> Result<(), String> {
    let mut after = *reader;
    let token = after.next()?;
    if token == Token::Nil {
        *reader = after;
        return Ok(());
    }
    if let Some(oneof) = field.containing_oneof()
        && let Some(other) = oneof.fields().find(|other| message.has_field(other))
    {
        return Err(format!("{} is set twice, here and by {}", oneof.name(), other.name()));
    }
    if let Token::Extension(RECORDS, records) = token {
        *reader = after;
        return unknown::merge_records(message, field.number(), records);
    }
    let value = if field.is_list() {
        list(reader, field, depth)?
    } else if field.is_map() {
        pairs(reader, field, depth)?
    } else {
        value(reader, field, depth)?
    };
    message.set_field(field, value);
    Ok(())
}

fn list(reader: &mut Reader<'_>, field: &FieldDescriptor, depth: usize) -> Result<Value, String> {
    let count = match reader.next()? {
        Token::Array(_) if depth >= MAX_DEPTH => return Err(too_deep()),
        Token::Array(count) => count,
        other => return Err(named(field, &other.instead_of("an array"))),
    };
    let mut values = Vec::new();
    for _ in 0..count {
        values.push(value(reader, field, depth + 1)?);
    }
    Ok(Value::List(values))
}

fn pairs(reader: &mut Reader<'_>, field: &FieldDescriptor, depth: usize) -> Result<Value, String> {
    let count = match reader.next()? {
        Token::Map(_) if depth >= MAX_DEPTH => return Err(too_deep()),
        Token::Map(count) => count,
        other => return Err(named(field, &other.instead_of("a map"))),
    };
    let entry = field.kind();
    let entry = entry.as_message().ok_or("it is no map")?;
    let (keys, of) = (entry.map_entry_key_field(), entry.map_entry_value_field());
    let mut pairs = HashMap::new();
    for _ in 0..count {
        let key = value(reader, &keys, depth + 1)?.into_map_key();
        let key: MapKey = key.ok_or("it is no key of a map")?;
        if pairs.contains_key(&key) {
            return Err(named(field, &format!("the key {key:.100?} is there twice")));
        }
        pairs.insert(key, value(reader, &of, depth + 1)?);
    }
    Ok(Value::Map(pairs))
}

/// Reads one value of a field, which lies in `depth` containers.
fn value(reader: &mut Reader<'_>, field: &FieldDescriptor, depth: usize) -> Result<Value, String> {
    let kind = field.kind();
    if let Kind::Message(of) = &kind {
        return message(reader, of, depth).map(Value::Message);
    }
    scalar(reader.next()?, &kind).map_err(|why| named(field, &why))
}

/// The error of a field's value.
fn named(field: &FieldDescriptor, why: &str) -> String {
    format!("{}: {why}", field.full_name())
}

fn scalar(token: Token<'_>, of: &Kind) -> Result<Value, String> {
    Ok(match (of, token) {
        (Kind::Bool, Token::Bool(v)) => Value::Bool(v),
        (Kind::Bool, other) => return Err(other.instead_of("a bool")),
        (Kind::String, Token::Text(v)) => match std::str::from_utf8(v) {
            Ok(text) => Value::String(text.to_owned()),
            Err(_) => return Err("a string is not UTF-8".into()),
        },
        (Kind::String, other) => return Err(other.instead_of("a string")),
        (Kind::Bytes, Token::Data(v)) => Value::Bytes(v.to_vec().into()),
        (Kind::Bytes, other) => return Err(other.instead_of("binary")),
        (Kind::Float, token) => Value::F32(token.float32()?),
        (Kind::Double, token) => Value::F64(token.float()?),
        (Kind::Enum(_), token) => Value::EnumNumber(token.int()?),
        (Kind::Int32 | Kind::Sint32 | Kind::Sfixed32, token) => Value::I32(token.int()?),
        (Kind::Uint32 | Kind::Fixed32, token) => Value::U32(token.int()?),
        (Kind::Uint64 | Kind::Fixed64, token) => Value::U64(token.int()?),
        (Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Message(_), token) => Value::I64(token.int()?),
    })
}
