//! Reading messages.

use std::collections::{HashMap, HashSet};

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::Value as Loose;

use super::scalar::{finite, map_key, scalar};
use super::text::Json;

pub(in crate::codec) fn read(payload: &[u8], of: &MessageDescriptor) -> Result<DynamicMessage, String> {
    message(&Json::parse(payload)?, of)
}

fn message(json: &Json, of: &MessageDescriptor) -> Result<DynamicMessage, String> {
    match of.full_name() {
        "google.protobuf.Any" => any(json, of),
        // Their JSON has a form of its own.
        "google.protobuf.Timestamp"
        | "google.protobuf.Duration"
        | "google.protobuf.FieldMask"
        | "google.protobuf.Struct"
        | "google.protobuf.ListValue"
        | "google.protobuf.Value" => {
            DynamicMessage::deserialize(of.clone(), loose(json)?).map_err(|e| format!("{}: {e}", of.name()))
        }
        "google.protobuf.DoubleValue"
        | "google.protobuf.FloatValue"
        | "google.protobuf.Int64Value"
        | "google.protobuf.UInt64Value"
        | "google.protobuf.Int32Value"
        | "google.protobuf.UInt32Value"
        | "google.protobuf.BoolValue"
        | "google.protobuf.StringValue"
        | "google.protobuf.BytesValue" => {
            let mut wrapper = DynamicMessage::new(of.clone());
            let field = of.get_field(1).ok_or("a wrapper without a value")?;
            if let Some(value) = scalar(json, &field.kind())? {
                wrapper.set_field(&field, value);
            }
            Ok(wrapper)
        }
        _ => plain(json, of, ""),
    }
}

/// A message whose JSON is an object of its fields; a key of the name `beside` is not one of them.
fn plain(json: &Json, of: &MessageDescriptor, beside: &str) -> Result<DynamicMessage, String> {
    let Json::Object(pairs) = json else {
        return Err(json.instead_of(&format!("the object of a {}", of.full_name())));
    };
    let mut message = DynamicMessage::new(of.clone());
    let (mut seen, mut oneofs) = (HashSet::new(), HashSet::new());
    for (name, json) in pairs {
        let field = of.get_field_by_json_name(name).or_else(|| of.get_field_by_name(name));
        let Some(field) = field.filter(|_| name != beside) else {
            continue;
        };
        if !seen.insert(field.number()) {
            return Err(named(&field, "it is there twice"));
        }
        if matches!(json, Json::Null) && !takes_null(&field.kind()) {
            continue;
        }
        if let Some(oneof) = field.containing_oneof()
            && !oneofs.insert(oneof.full_name().to_owned())
        {
            return Err(named(&field, &format!("{} is set twice", oneof.name())));
        }
        if let Some(value) = field_value(json, &field)? {
            message.set_field(&field, value);
        }
    }
    Ok(message)
}

/// Is null a value, and not the absence of one?
fn takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(of) => of.full_name() == "google.protobuf.Value",
        Kind::Enum(of) => of.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}

fn field_value(json: &Json, field: &FieldDescriptor) -> Result<Option<Value>, String> {
    match json {
        Json::Array(values) if field.is_list() => {
            let values = values.iter().filter_map(|json| value(json, field).transpose());
            Ok(Some(Value::List(values.collect::<Result<_, _>>()?)))
        }
        Json::Object(pairs) if field.is_map() => map(pairs, &field.kind()).map(Some),
        other if field.is_list() => Err(named(field, &other.instead_of("an array"))),
        other if field.is_map() => Err(named(field, &other.instead_of("an object"))),
        other => value(other, field),
    }
}

fn map(pairs: &[(String, Json)], entry: &Kind) -> Result<Value, String> {
    let entry = entry.as_message().ok_or("it is no map")?;
    let (keys, of) = (entry.map_entry_key_field(), entry.map_entry_value_field());
    let mut read = HashMap::new();
    for (name, json) in pairs {
        let key = map_key(name, &keys.kind()).map_err(|why| named(&keys, &why))?;
        if read.contains_key(&key) {
            return Err(named(&keys, &format!("the key {name:.100?} is there twice")));
        }
        if let Some(value) = value(json, &of)? {
            read.insert(key, value);
        }
    }
    Ok(Value::Map(read))
}

fn value(json: &Json, field: &FieldDescriptor) -> Result<Option<Value>, String> {
    match field.kind() {
        Kind::Message(of) => message(json, &of).map(|m| Some(Value::Message(m))),
        kind => scalar(json, &kind).map_err(|why| named(field, &why)),
    }
}

/// The error of a field's value.
fn named(field: &FieldDescriptor, why: &str) -> String {
    format!("{}: {why}", field.full_name())
}

/// What holds a message of a type that it names: the message's object with `@type` in it, or, of a type whose JSON has a form of
/// its own, that as `value`. Without a type it is empty.
fn any(json: &Json, of: &MessageDescriptor) -> Result<DynamicMessage, String> {
    let Json::Object(pairs) = json else {
        return Err(json.instead_of("the object of an Any"));
    };
    let mut any = DynamicMessage::new(of.clone());
    let mut types = pairs.iter().filter(|(name, _)| name == "@type");
    let url = match (types.next(), types.next()) {
        (Some((_, Json::Text(url))), None) if !url.is_empty() => url,
        (None, _) => return Ok(any),
        (_, Some(_)) => return Err("@type is there twice".into()),
        _ => return Err("the @type of an Any is no text, or empty".into()),
    };
    let name = url.rsplit('/').next().unwrap_or_default();
    let inner = of.parent_pool().get_message_by_name(name);
    let inner = inner.ok_or_else(|| format!("the type of an Any, {url}, is not known here"))?;
    let read = match has_own_form(&inner) {
        true => {
            let mut values = pairs.iter().filter(|(name, _)| name == "value");
            match (values.next(), values.next()) {
                (Some((_, json)), None) => message(json, &inner)?,
                (None, _) if name == "google.protobuf.Empty" => DynamicMessage::new(inner),
                _ => return Err(format!("an Any of {name} has one value")),
            }
        }
        false => plain(json, &inner, "@type")?,
    };
    any.set_field_by_number(1, Value::String(url.clone()));
    any.set_field_by_number(2, Value::Bytes(read.encode_to_vec().into()));
    Ok(any)
}

fn has_own_form(of: &MessageDescriptor) -> bool {
    of.package_name() == "google.protobuf"
        && matches!(
            of.name(),
            "Any"
                | "Timestamp"
                | "Duration"
                | "FieldMask"
                | "Struct"
                | "ListValue"
                | "Value"
                | "DoubleValue"
                | "FloatValue"
                | "Int64Value"
                | "UInt64Value"
                | "Int32Value"
                | "UInt32Value"
                | "BoolValue"
                | "StringValue"
                | "BytesValue"
                | "Empty"
        )
}

/// The same as serde_json has it: numbers are floats.
fn loose(json: &Json) -> Result<Loose, String> {
    Ok(match json {
        Json::Null => Loose::Null,
        Json::Bool(v) => Loose::Bool(*v),
        Json::Number(text) => finite(text)?.into(),
        Json::Text(v) => Loose::String(v.clone()),
        Json::Array(values) => Loose::Array(values.iter().map(loose).collect::<Result<_, _>>()?),
        Json::Object(pairs) => {
            let mut object = serde_json::Map::new();
            for (name, json) in pairs {
                if object.insert(name.clone(), loose(json)?).is_some() {
                    return Err(format!("the key {name:.100?} is there twice"));
                }
            }
            Loose::Object(object)
        }
    })
}
