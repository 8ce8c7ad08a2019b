//! How payloads are encoded: protobuf, JSON and MessagePack, as docs/CODECS.md says.
//!
//! What is not protobuf goes by way of it: a message's descriptor, which generated code brings along, says what its fields are.
//! A program that only uses protobuf never looks at one.
//!
//! - `schema`: the descriptors of message types. `json` and `msgpack`: the codecs.

use std::fmt;
use std::str::FromStr;

use actorbridge_proto::v1::{Code, ContentType};
use bytes::Bytes;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use crate::error::Fault;
use crate::message::Payload;

mod json;
mod msgpack;
mod schema;

/// How deep objects, arrays and maps may lie in each other, the outermost counted.
const MAX_DEPTH: usize = 100;

fn too_deep() -> String {
    format!("it nests deeper than {MAX_DEPTH}")
}

/// How the payload of a message is encoded. Each actor reads all of them, and a reply comes in the codec of its ask.
///
/// What is sent is protobuf, unless [`Builder::codec`](crate::Builder::codec) or [`Address::using`](crate::Address::using) says
/// something else. What actors do not send themselves is always protobuf: failures, timers, states, and the messages of this
/// library. docs/CODECS.md has what each of them keeps and refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Codec {
    /// The smallest and the fastest one, by far.
    #[default]
    Protobuf,
    /// Protobuf's canonical JSON. It has no place for fields that its writer or reader does not know: they are left out.
    Json,
    /// A map with the numbers of the fields for each message.
    MessagePack,
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protobuf => "protobuf",
            Self::Json => "JSON",
            Self::MessagePack => "MessagePack",
        })
    }
}

/// As a program's options name it: protobuf, json or messagepack.
impl FromStr for Codec {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "protobuf" => Ok(Self::Protobuf),
            "json" => Ok(Self::Json),
            "messagepack" => Ok(Self::MessagePack),
            _ => Err(format!("no codec is called {name}: protobuf, json, messagepack")),
        }
    }
}

impl Codec {
    /// `None`: raw, or one of a later version.
    pub(crate) fn of(content_type: u32) -> Option<Self> {
        match ContentType::try_from(content_type as i32).ok()? {
            ContentType::Protobuf => Some(Self::Protobuf),
            ContentType::Json => Some(Self::Json),
            ContentType::Msgpack => Some(Self::MessagePack),
            ContentType::Raw => None,
        }
    }

    pub(crate) fn content_type(self) -> ContentType {
        match self {
            Self::Protobuf => ContentType::Protobuf,
            Self::Json => ContentType::Json,
            Self::MessagePack => ContentType::Msgpack,
        }
    }

    /// Encodes a message, for gateways and tests: what is sent, a node encodes.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a message that has no such encoding: more than 100 levels, in JSON also a time out of its range or an
    /// `Any` of a type that its package does not import; and for one without descriptors, whose code `actorbridge gen` did not
    /// make.
    pub fn encode<T: Payload>(self, message: &T) -> Result<Vec<u8>, Fault> {
        self.write(message)
            .map_err(|why| Fault::new(Code::InvalidArgument, self.no_encoding::<T>(&why)))
    }

    /// Reads what [`Codec::encode`] wrote, here or in another language. Versions it does not look at: [`Message::decode`] does.
    ///
    /// [`Message::decode`]: crate::Message::decode
    ///
    /// # Errors
    /// UNDECODABLE; UNSUPPORTED_CODEC for a message without descriptors.
    pub fn decode<T: Payload>(self, payload: impl Into<Bytes>) -> Result<T, Fault> {
        let payload = payload.into();
        let undecodable = |from: &str, why: String| {
            let name = T::full_name();
            Fault::new(Code::Undecodable, format!("{name} does not decode{from}: {why}"))
        };
        if self == Self::Protobuf {
            return T::decode(payload).map_err(|e| undecodable("", e.to_string()));
        }
        let of = schema::of::<T>().ok_or_else(|| Fault::new(Code::UnsupportedCodec, no_descriptors::<T>()))?;
        let read = self.read(&payload, &of).and_then(|dynamic| transcoded(&dynamic));
        read.map_err(|why| undecodable(&format!(" from {self}"), why))
    }

    /// Encodes a payload of `T` anew in another codec. Unlike a `T`, what goes from or to MessagePack or protobuf keeps the
    /// fields that it does not know.
    ///
    /// # Errors
    /// As [`Codec::decode`] and [`Codec::encode`].
    pub fn convert<T: Payload>(self, payload: &[u8], to: Self) -> Result<Vec<u8>, Fault> {
        let of = schema::of::<T>().ok_or_else(|| Fault::new(Code::UnsupportedCodec, no_descriptors::<T>()))?;
        let dynamic = self.read(payload, &of).map_err(|why| {
            let name = T::full_name();
            Fault::new(Code::Undecodable, format!("{name} does not decode from {self}: {why}"))
        })?;
        let invalid = |why: String| Fault::new(Code::InvalidArgument, to.no_encoding::<T>(&why));
        to.write_dynamic(&dynamic).map_err(invalid)
    }

    pub(crate) fn no_encoding<T: Payload>(self, why: &str) -> String {
        format!("{} has no encoding as {self}: {why}", T::full_name())
    }

    /// As `encode`; the error is only the reason.
    pub(crate) fn write<T: Payload>(self, message: &T) -> Result<Vec<u8>, String> {
        let encoded = message.encode_to_vec();
        if self == Self::Protobuf {
            return Ok(encoded);
        }
        let of = schema::of::<T>().ok_or_else(no_descriptors::<T>)?;
        let dynamic = DynamicMessage::decode(of, encoded.as_slice()).map_err(|e| e.to_string())?;
        self.write_dynamic(&dynamic)
    }

    fn write_dynamic(self, message: &DynamicMessage) -> Result<Vec<u8>, String> {
        match self {
            Self::Protobuf => Ok(prost::Message::encode_to_vec(message)),
            Self::Json => json::write(message),
            Self::MessagePack => msgpack::write(message),
        }
    }

    fn read(self, payload: &[u8], of: &MessageDescriptor) -> Result<DynamicMessage, String> {
        match self {
            Self::Protobuf => DynamicMessage::decode(of.clone(), payload).map_err(|e| e.to_string()),
            Self::Json => json::read(payload, of),
            Self::MessagePack => msgpack::read(payload, of),
        }
    }
}

fn transcoded<T: Payload>(dynamic: &DynamicMessage) -> Result<T, String> {
    let encoded: Bytes = prost::Message::encode_to_vec(dynamic).into();
    T::decode(encoded).map_err(|e| e.to_string())
}

fn no_descriptors<T: Payload>() -> String {
    let name = T::full_name();
    format!("this program has no descriptors of {name}; make its code with `actorbridge gen` of this version")
}
