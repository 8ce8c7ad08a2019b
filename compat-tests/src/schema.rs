//! Messages by their JSON form: cases are data, so their messages have no type at compile time.

use std::path::Path;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use compat_peer::ops::{Encoded, from_hex, to_hex};

/// The project's schema and the test messages.
#[derive(Debug, Clone)]
pub struct Schema(DescriptorPool);

impl Schema {
    /// Compiles the schema files of the repository at `root`.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn load(root: &Path) -> Result<Self, String> {
        let includes = [root.join("compat-tests/proto"), root.join("proto")];
        let mut compiler = protox::Compiler::new(includes).map_err(|e| e.to_string())?;
        compiler.include_imports(true);
        let files = [
            "actorbridge/test/v1/test.proto",
            "actorbridge/v1/system.proto",
            "actorbridge/v1/frame.proto",
        ];
        for file in files.iter().chain(&["actorbridge/v1/envelope.proto"]) {
            compiler.open_file(file).map_err(|e| format!("{e:?}"))?;
        }
        Ok(Self(compiler.descriptor_pool()))
    }

    /// A message by its short name: of the test messages, else of the project's schema.
    fn find(&self, name: &str) -> Result<MessageDescriptor, String> {
        ["actorbridge.test.v1.", "actorbridge.v1.", ""]
            .iter()
            .find_map(|package| self.0.get_message_by_name(&format!("{package}{name}")))
            .ok_or_else(|| format!("no message is named {name}"))
    }

    /// Encodes `{Name: {field: value}}`. Beside its fields, a message may have `_append`, hex that follows its bytes, and
    /// `_pad`, the number of bytes of an unknown field 99 that follows.
    ///
    /// # Errors
    /// A sentence that names the message.
    pub fn encode(&self, message: &Value) -> Result<Encoded, String> {
        let Some((name, fields)) = message
            .as_object()
            .filter(|o| o.len() == 1)
            .and_then(|o| o.iter().next())
        else {
            return Err(format!(
                "a message is written {{Name: {{field: value}}}}, not {message}"
            ));
        };
        let descriptor = self.find(name)?;
        let mut fields = fields.as_object().cloned().unwrap_or_default();
        let appended = match fields.remove("_append") {
            Some(Value::String(hex)) => from_hex(&hex)?,
            _ => Vec::new(),
        };
        let padding = match fields.remove("_pad").and_then(|n| n.as_u64()) {
            Some(n) => pad(n),
            None => Vec::new(),
        };
        let type_name = descriptor.full_name().to_owned();
        let message =
            DynamicMessage::deserialize(descriptor, Value::Object(fields)).map_err(|e| format!("{name}: {e}"))?;
        let bytes = [message.encode_to_vec(), appended, padding].concat();
        Ok(Encoded {
            type_name,
            payload: to_hex(&bytes),
        })
    }

    /// The fields of a message, zeros included.
    ///
    /// # Errors
    /// A sentence that names the type.
    pub fn decode(&self, message: &Encoded) -> Result<Value, String> {
        let descriptor = self.find(&message.type_name)?;
        let bytes = from_hex(&message.payload)?;
        self.decode_bytes(descriptor, &bytes)
    }

    /// The fields of a message of this short name.
    ///
    /// # Errors
    /// A sentence that names the type.
    pub fn decode_as(&self, name: &str, bytes: &[u8]) -> Result<Value, String> {
        self.decode_bytes(self.find(name)?, bytes)
    }

    fn decode_bytes(&self, descriptor: MessageDescriptor, bytes: &[u8]) -> Result<Value, String> {
        let name = descriptor.full_name().to_owned();
        let message = DynamicMessage::decode(descriptor, bytes).map_err(|e| format!("{name}: {e}"))?;
        let options = SerializeOptions::new()
            .stringify_64_bit_integers(false)
            .skip_default_fields(false)
            .use_proto_field_name(true);
        message
            .serialize_with_options(serde_json::value::Serializer, &options)
            .map_err(|e| format!("{name}: {e}"))
    }
}

/// Field 99, which no test message has, with `n` bytes.
fn pad(n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(99, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(n, &mut bytes);
    bytes.resize(bytes.len() + usize::try_from(n).unwrap_or(usize::MAX), 7);
    bytes
}
