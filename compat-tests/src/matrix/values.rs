//! What is written in the matrix: `matrix/values.yaml`.

use std::collections::BTreeMap;
use std::path::Path;

use compat_matrix_rust::peerpb::Field;
use compat_matrix_rust::peerpb::field::Value;
use compat_peer::ops::from_hex;
use prost_reflect::MessageDescriptor;
use serde::Deserialize;
use serde_json::Value as Json;

use super::schemas::is_bytes;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// Fields of an envelope, by kind.
    pub kinds: BTreeMap<String, serde_json::Map<String, Json>>,
    /// Fields that a later minor version adds, encoded in hex.
    pub later: Later,
    /// Fields of a message, by type and set.
    pub messages: BTreeMap<String, BTreeMap<String, serde_json::Map<String, Json>>>,
    /// Steps of a behaviour case, by kind; `{size}` is the size as a number, `{codec}` the codec.
    pub traffic: BTreeMap<String, Json>,
    /// The same for raw messages.
    pub raw_traffic: BTreeMap<String, Json>,
    /// The same between nodes that compress; `{fields}` are those of an EchoRequest, `{compressed}` what they came compressed by.
    pub compressed_traffic: BTreeMap<String, Json>,
    /// The same for raw messages.
    pub compressed_raw_traffic: BTreeMap<String, Json>,
}

/// Fields of a later minor version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Later {
    /// Of an envelope.
    pub envelope: String,
    /// Of a message.
    pub message: String,
}

/// Reads the file.
///
/// # Errors
/// A sentence that names it.
pub fn load(root: &Path) -> Result<Values, String> {
    super::load(&root.join("compat-tests/matrix/values.yaml"))
}

/// So many bytes of text, with all letters in it.
pub fn fill(size: usize) -> String {
    (0..size)
        .map(|i| char::from(b'a' + ((i + i / 26) % 26) as u8))
        .collect()
}

/// A value of a case file with what stands for its placeholders, which are whole texts.
pub fn placed(value: &Json, places: &BTreeMap<&str, Json>) -> Json {
    match value {
        Json::String(text) => places.get(text.as_str()).unwrap_or(value).clone(),
        Json::Array(items) => items.iter().map(|v| placed(v, places)).collect(),
        Json::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), placed(v, places))).collect(),
        other => other.clone(),
    }
}

/// So many bytes that no compression makes fewer, in the base64 of protobuf's JSON: `size` is a multiple of 3.
pub fn random(size: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        // xorshift64: the same bytes in each run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(DIGITS[(state >> 58) as usize])
    };
    (0..size / 3 * 4).map(|_| next()).collect()
}

/// So many bytes, with all values in them.
pub fn raw(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i + i / 251) as u8).collect()
}

/// The fields of a message, as its schema types them. Those that the schema does not have are left out.
///
/// # Errors
/// A sentence that names the field: the file has no such value for it.
pub fn fields(
    of: &MessageDescriptor,
    values: &serde_json::Map<String, Json>,
    size: usize,
) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    for (name, value) in values {
        let Some(bytes) = type_of(of, name) else { continue };
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            fields.push(Field {
                name: name.clone(),
                value: Some(typed(value, bytes, size).map_err(|e| format!("{}.{name}: {e}", of.name()))?),
            });
        }
    }
    Ok(fields)
}

/// Does the field have bytes? `None`: there is no such field.
fn type_of(of: &MessageDescriptor, path: &str) -> Option<bool> {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = of.get_field_by_name(head)?;
    match field.kind().as_message() {
        _ if field.is_map() => Some(true),
        Some(message) if !rest.is_empty() => type_of(message, rest),
        _ => Some(is_bytes(&field)),
    }
}

fn typed(value: &Json, bytes: bool, size: usize) -> Result<Value, String> {
    match value {
        Json::String(text) if text == "fill" => Ok(Value::Text(fill(size))),
        Json::String(hex) if bytes => Ok(Value::Data(from_hex(hex)?.into())),
        Json::String(text) => Ok(Value::Text(text.clone())),
        Json::Number(n) => n
            .as_u64()
            .or_else(|| n.as_i64().map(|n| n as u64))
            .map(Value::Number)
            .ok_or_else(|| format!("{n} is no integer")),
        other => Err(format!("{other} is no value of a field")),
    }
}
