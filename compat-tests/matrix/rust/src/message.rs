//! Messages of package versions.v1 in both versions, encoded and decoded by prost.

use versions_rust::{v1, v2};

use crate::Schema;
use crate::fields::{Part, message};
use crate::peerpb::answer::Result as Said;
use crate::peerpb::{Field, Seen};

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
pub fn write(schema: Schema, name: &str, fields: &[Field]) -> Result<Vec<u8>, String> {
    macro_rules! encode {
        ($message:ty) => {
            Ok(prost::Message::encode_to_vec(&made::<$message>(fields)?))
        };
    }
    with_type!(schema, name, encode)
}

/// Decodes the message of this short name. prost drops fields that it does not know, so nothing is passed on: a Rust node
/// passes on the bytes that came.
pub fn read(schema: Schema, name: &str, bytes: &[u8]) -> Said {
    macro_rules! decode {
        ($message:ty) => {
            Ok(<$message as prost::Message>::decode(bytes).map(|m| {
                let mut fields = Vec::new();
                m.show("", &mut fields);
                fields
            }))
        };
    }
    match with_type!(schema, name, decode) {
        Ok(Ok(fields)) => Said::Seen(Seen {
            fields,
            passed_on: None,
        }),
        Ok(Err(_)) => Said::Refused("UNDECODABLE".into()),
        Err(problem) => Said::Unable(problem),
    }
}
