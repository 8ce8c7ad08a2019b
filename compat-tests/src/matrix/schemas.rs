//! Both versions of the schema, by which the runner reads bytes itself: a third opinion beside writer and reader.

use std::path::Path;

use bytes::Bytes;
use compat_matrix_rust::peerpb::field::Value;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    Value as Reflected,
};

use super::packed;
use super::peers::Schema;
use super::shown::Shown;

/// An envelope's full name.
pub const ENVELOPE: &str = "actorbridge.v1.Envelope";
/// Bytes to the matrix, though the schema has a message.
const FAILURE: &str = "actorbridge.v1.Envelope.failure";

/// The descriptors of both versions.
#[derive(Debug)]
pub struct Schemas {
    v1: DescriptorPool,
    v2: DescriptorPool,
}

impl Schemas {
    /// Compiles the schema files of the repository at `root`.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn load(root: &Path) -> Result<Self, String> {
        let compile = |schema: Schema| -> Result<DescriptorPool, String> {
            let own = root.join("compat-tests/versions").join(schema.name()).join("proto");
            let mut compiler = protox::Compiler::new([own, root.join("proto")]).map_err(|e| e.to_string())?;
            compiler.include_imports(true);
            for file in ["versions/v1/desk.proto", "actorbridge/v1/envelope.proto"] {
                compiler.open_file(file).map_err(|e| format!("{e:?}"))?;
            }
            Ok(compiler.descriptor_pool())
        };
        Ok(Self {
            v1: compile(Schema::V1)?,
            v2: compile(Schema::V2)?,
        })
    }

    /// The message of this full name.
    ///
    /// # Errors
    /// A sentence: there is none.
    pub fn message(&self, schema: Schema, name: &str) -> Result<MessageDescriptor, String> {
        let pool = match schema {
            Schema::V1 => &self.v1,
            Schema::V2 => &self.v2,
        };
        pool.get_message_by_name(name)
            .ok_or_else(|| format!("the schema has no message {name}"))
    }

    /// The version and the least reader that the schema declares for a message of versions.v1.
    pub fn declared(&self, schema: Schema, name: &str) -> (u64, u64) {
        let pool = match schema {
            Schema::V1 => &self.v1,
            Schema::V2 => &self.v2,
        };
        let Some((message, option)) = pool
            .get_message_by_name(name)
            .zip(pool.get_extension_by_name("actorbridge.v1.message"))
        else {
            return (1, 1);
        };
        let options = message.options();
        let options = options.get_extension(&option);
        let number = |field| {
            let value = options.as_message().and_then(|m| m.get_field_by_name(field)?.as_u32());
            u64::from(value.unwrap_or(0).max(1))
        };
        (number("version"), number("min_reader"))
    }

    /// The fields of a message in protobuf, unknown ones as `?NUMBER`.
    ///
    /// # Errors
    /// A sentence: the bytes do not decode.
    pub fn show(&self, schema: Schema, name: &str, bytes: &[u8]) -> Result<Shown, String> {
        self.show_in(0, schema, name, bytes)
    }

    /// The same of a content type as in an envelope; in JSON, without unknown ones.
    ///
    /// # Errors
    /// As `show`.
    pub fn show_in(&self, content_type: u32, schema: Schema, name: &str, bytes: &[u8]) -> Result<Shown, String> {
        let of = self.message(schema, name)?;
        let mut shown = Shown::default();
        let wrong = |e: &dyn std::fmt::Display| format!("{name} does not decode: {e}");
        let message = match content_type {
            0 => DynamicMessage::decode(of, Bytes::copy_from_slice(bytes)).map_err(|e| wrong(&e))?,
            1 => {
                let mut json = serde_json::Deserializer::from_slice(bytes);
                let options = DeserializeOptions::new().deny_unknown_fields(false);
                DynamicMessage::deserialize_with_options(of, &mut json, &options).map_err(|e| wrong(&e))?
            }
            _ => return packed::show(&of, bytes, shown).map_err(|e| wrong(&e)),
        };
        show(&message, "", &mut shown);
        Ok(shown)
    }
}

/// Is the field a list of bytes, text or numbers, and which?
pub fn is_bytes(field: &FieldDescriptor) -> bool {
    field.full_name() == FAILURE || matches!(field.kind(), Kind::Bytes)
}

fn show(message: &DynamicMessage, prefix: &str, shown: &mut Shown) {
    for (field, value) in message.fields() {
        let name = format!("{prefix}{}", field.name());
        match value {
            Reflected::List(values) => values.iter().for_each(|v| show_value(&field, &name, v, shown)),
            Reflected::Map(entries) => {
                for (key, value) in entries {
                    if let MapKey::String(key) = key {
                        show_value(&field, &format!("{name}.{key}"), value, shown);
                    }
                }
            }
            value => show_value(&field, &name, value, shown),
        }
    }
    for field in message.unknown_fields() {
        let mut bytes = Vec::new();
        field.encode(&mut bytes);
        shown.add(&format!("{prefix}?{}", field.number()), Value::Data(bytes.into()));
    }
}

fn show_value(field: &FieldDescriptor, name: &str, value: &Reflected, shown: &mut Shown) {
    // A negative number is its two's complement in 64 bits.
    let value = match value {
        Reflected::Message(m) if field.full_name() == FAILURE => Value::Data(prost::Message::encode_to_vec(m).into()),
        Reflected::Message(m) => return show(m, &format!("{name}."), shown),
        Reflected::Bool(b) => Value::Number(u64::from(*b)),
        Reflected::I32(n) | Reflected::EnumNumber(n) => Value::Number(i64::from(*n) as u64),
        Reflected::I64(n) => Value::Number(*n as u64),
        Reflected::U32(n) => Value::Number(u64::from(*n)),
        Reflected::U64(n) => Value::Number(*n),
        Reflected::String(text) => Value::Text(text.clone()),
        Reflected::Bytes(bytes) => Value::Data(bytes.clone()),
        // No message of the matrix has any.
        Reflected::F32(_) | Reflected::F64(_) | Reflected::List(_) | Reflected::Map(_) => return,
    };
    shown.add(name, value);
}
