//! Writing messages.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, MapKey, Value};

use super::token::{put_array, put_data, put_float32, put_float64, put_int, put_map, put_text, put_uint};
use super::unknown;
use crate::codec::{MAX_DEPTH, too_deep};

pub(in crate::codec) fn write(message: &DynamicMessage) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    put_message(&mut out, message, 0)?;
    Ok(out)
}

/// Fails for a container that lies in too many.
fn check(depth: usize) -> Result<(), String> {
    (depth < MAX_DEPTH).then_some(()).ok_or_else(too_deep)
}

/// Writes a message that lies in `depth` containers: its fields in the order of their numbers.
fn put_message(out: &mut Vec<u8>, message: &DynamicMessage, depth: usize) -> Result<(), String> {
    check(depth)?;
    let mut unknown = unknown::written(message, depth);
    let known: Vec<_> = message.fields().map(|(field, value)| (field.number(), value)).collect();
    // What the program knows of a field counts.
    for (number, _) in &known {
        unknown.remove(number);
    }
    put_map(out, known.len() + unknown.len());
    let mut unknown = unknown.into_iter().peekable();
    for (number, value) in known {
        while let Some((number, value)) = unknown.next_if(|(other, _)| *other < number) {
            put_uint(out, number.into());
            out.extend(value);
        }
        put_uint(out, number.into());
        put_value(out, value, depth + 1)?;
    }
    for (number, value) in unknown {
        put_uint(out, number.into());
        out.extend(value);
    }
    Ok(())
}

fn put_value(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), String> {
    match value {
        Value::Bool(v) => out.push(if *v { 0xc3 } else { 0xc2 }),
        Value::I32(v) | Value::EnumNumber(v) => put_int(out, i64::from(*v)),
        Value::I64(v) => put_int(out, *v),
        Value::U32(v) => put_uint(out, u64::from(*v)),
        Value::U64(v) => put_uint(out, *v),
        Value::F32(v) => put_float32(out, *v),
        Value::F64(v) => put_float64(out, *v),
        Value::String(v) => put_text(out, v),
        Value::Bytes(v) => put_data(out, v),
        Value::Message(v) => put_message(out, v, depth)?,
        Value::List(values) => {
            check(depth)?;
            put_array(out, values.len());
            for value in values {
                put_value(out, value, depth + 1)?;
            }
        }
        Value::Map(values) => put_pairs(out, values, depth)?,
    }
    Ok(())
}

/// Writes the pairs in the order of their keys: by number, by the bytes of text, false before true.
fn put_pairs(out: &mut Vec<u8>, values: &HashMap<MapKey, Value>, depth: usize) -> Result<(), String> {
    check(depth)?;
    let mut pairs: Vec<_> = values.iter().collect();
    pairs.sort_by_key(|(key, _)| *key);
    put_map(out, pairs.len());
    for (key, value) in pairs {
        match key {
            MapKey::Bool(v) => out.push(if *v { 0xc3 } else { 0xc2 }),
            MapKey::I32(v) => put_int(out, i64::from(*v)),
            MapKey::I64(v) => put_int(out, *v),
            MapKey::U32(v) => put_uint(out, u64::from(*v)),
            MapKey::U64(v) => put_uint(out, *v),
            MapKey::String(v) => put_text(out, v),
        }
        put_value(out, value, depth + 1)?;
    }
    Ok(())
}
