//! Messages by their JSON form: cases are data, so their messages have no type at compile time. The module `packed`: in MessagePack.

use std::path::Path;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

mod packed;

use compat_peer::ops::{Content, Encoded, from_hex, to_hex};

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
            "actorbridge/test/v1/codecs.proto",
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
        let (descriptor, bytes) = self.protobuf(message)?;
        Ok(Encoded {
            type_name: descriptor.full_name().to_owned(),
            payload: to_hex(&bytes),
            codec: Content::Protobuf,
        })
    }

    /// The same in a codec: the full name, and the bytes.
    ///
    /// # Errors
    /// As [`Schema::encode`].
    pub fn encode_in(&self, codec: Content, message: &Value) -> Result<(String, Vec<u8>), String> {
        let (of, bytes) = self.protobuf(message)?;
        let name = of.full_name().to_owned();
        let message = DynamicMessage::decode(of, &*bytes);
        let encoded = match (codec, message) {
            (Content::Json, Ok(message)) => serde_json::to_vec(&message).map_err(|e| e.to_string())?,
            (Content::Msgpack, Ok(message)) => packed::write(&message)?,
            _ => bytes,
        };
        Ok((name, encoded))
    }

    fn protobuf(&self, message: &Value) -> Result<(MessageDescriptor, Vec<u8>), String> {
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
        let message = DynamicMessage::deserialize(descriptor.clone(), Value::Object(fields))
            .map_err(|e| format!("{name}: {e}"))?;
        Ok((descriptor, [message.encode_to_vec(), appended, padding].concat()))
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

    /// The fields of a message of this name in a codec, zeros included.
    ///
    /// # Errors
    /// A sentence: the bytes are not of this codec.
    pub fn decode_in(&self, codec: Content, name: &str, bytes: &[u8]) -> Result<Value, String> {
        let of = self.find(name)?;
        let wrong = |e: &dyn std::fmt::Display| format!("{name} does not decode as {codec:?}: {e}");
        match codec {
            Content::Json => {
                let mut json = serde_json::Deserializer::from_slice(bytes);
                let message = DynamicMessage::deserialize(of.clone(), &mut json).map_err(|e| wrong(&e))?;
                self.decode_bytes(of, &message.encode_to_vec())
            }
            Content::Msgpack => {
                let message = packed::read(&of, bytes).map_err(|e| wrong(&e))?;
                self.decode_bytes(of, &message.encode_to_vec())
            }
            _ => self.decode_bytes(of, bytes),
        }
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
