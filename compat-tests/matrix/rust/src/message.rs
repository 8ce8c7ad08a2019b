//! Messages of package versions.v1 in both versions, encoded and decoded by prost and the node's codecs.

use actorbridge::Codec;
use compat_peer::testpb::Kinds;
use versions_rust::{v1, v2};

use crate::fields::{Part, message};
use crate::peerpb::answer::Result as Said;
use crate::peerpb::{Convert, Field, ReadMessage, Seen, WriteMessage};
use crate::{Mutant, Schema};

message!(v1::pb::Quote: sku);
message!(v1::pb::Strict: amount);
message!(v1::pb::Adapted: name);
message!(v1::pb::Forwarded: target text);
message!(v1::pb::Seen: version text payload);
message!(v2::pb::Quote: sku currency);
message!(v2::pb::Strict: amount unit);
message!(v2::pb::Adapted: name title);
message!(v2::pb::Forwarded: target text numbers quote);
message!(v2::pb::Seen: version text payload);

/// Calls a macro with the type of this name and version.
macro_rules! with_type {
    ($schema:expr, $name:expr, $then:ident) => {
        match ($schema, $name) {
            ($crate::Schema::V1, "Quote") => $then!(versions_rust::v1::pb::Quote),
            ($crate::Schema::V1, "Strict") => $then!(versions_rust::v1::pb::Strict),
            ($crate::Schema::V1, "Adapted") => $then!(versions_rust::v1::pb::Adapted),
            ($crate::Schema::V1, "Forwarded") => $then!(versions_rust::v1::pb::Forwarded),
            ($crate::Schema::V1, "Seen") => $then!(versions_rust::v1::pb::Seen),
            ($crate::Schema::V2, "Quote") => $then!(versions_rust::v2::pb::Quote),
            ($crate::Schema::V2, "Strict") => $then!(versions_rust::v2::pb::Strict),
            ($crate::Schema::V2, "Adapted") => $then!(versions_rust::v2::pb::Adapted),
            ($crate::Schema::V2, "Forwarded") => $then!(versions_rust::v2::pb::Forwarded),
            ($crate::Schema::V2, "Seen") => $then!(versions_rust::v2::pb::Seen),
            _ => Err(format!("the schema has no message {}", $name)),
        }
    };
}
pub(crate) use with_type;

/// A message with these fields.
pub(crate) fn made<T: Part + Default>(fields: &[Field]) -> Result<T, String> {
    let mut made = T::default();
    for field in fields {
        let value = field.value.as_ref().ok_or("a field without a value")?;
        made.put(&field.name, value)?;
    }
    Ok(made)
}

/// Encodes the message of this short name.
///
/// # Errors
/// A sentence: the schema has no such message, or field.
pub fn write(schema: Schema, order: &WriteMessage) -> Result<Vec<u8>, String> {
    let codec = codec(order.content_type)?;
    macro_rules! encode {
        ($message:ty) => {
            codec
                .encode(&made::<$message>(&order.fields)?)
                .map_err(|fault| fault.to_string())
        };
    }
    with_type!(schema, &*order.r#type, encode)
}

fn codec(content_type: u32) -> Result<Codec, String> {
    let codecs = [Codec::Protobuf, Codec::Json, Codec::MessagePack];
    codecs
        .get(content_type as usize)
        .copied()
        .ok_or_else(|| format!("there is no codec for content type {content_type}"))
}

/// Decodes a `Kinds` from one codec, and encodes it in another, as an actor does that handles it and sends it on.
pub fn convert(order: &Convert) -> Said {
    let (from, to) = match (codec(order.from), codec(order.to)) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(problem), _) | (_, Err(problem)) => return Said::Unable(problem),
    };
    match from
        .decode::<Kinds>(order.message.clone())
        .map(|kinds| to.encode(&kinds))
    {
        Ok(Ok(bytes)) => Said::Written(bytes.into()),
        Ok(Err(fault)) => Said::Unable(fault.to_string()),
        Err(_) => Said::Refused("UNDECODABLE".into()),
    }
}

/// Decodes a message. prost drops fields that it does not know, so it is not what is passed on: a Rust node hands on the bytes
/// that came, or converts them.
pub fn read(schema: Schema, order: &ReadMessage, mutant: Option<Mutant>) -> Said {
    let codec = match codec(order.content_type) {
        Ok(codec) => codec,
        Err(problem) => return Said::Unable(problem),
    };
    macro_rules! decode {
        ($message:ty) => {
            Ok(codec.decode::<$message>(order.message.clone()).and_then(|m| {
                let mut fields = Vec::new();
                m.show("", &mut fields);
                let passed_on = match (codec, mutant) {
                    (Codec::MessagePack, Some(Mutant::DropUnknown)) => Some(codec.encode(&m)?.into()),
                    (Codec::MessagePack, _) => Some(codec.convert::<$message>(&order.message, codec)?.into()),
                    _ => None,
                };
                Ok(Seen { fields, passed_on })
            }))
        };
    }
    match with_type!(schema, &*order.r#type, decode) {
        Ok(Ok(seen)) => Said::Seen(seen),
        Ok(Err(_)) => Said::Refused("UNDECODABLE".into()),
        Err(problem) => Said::Unable(problem),
    }
}
