//! What the schema says now, in the words of the lock file.

use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor};

use super::{Field, Version};
use crate::schema::Schema;

/// The revision of a message that the schema has.
pub(super) fn version(schema: &Schema, message: &MessageDescriptor) -> Version {
    let (number, min_reader) = schema.versions(message);
    let fields = message.fields().map(|f| (f.number(), field(&f))).collect();
    Version::new(message.full_name(), number, min_reader, fields)
}

fn field(field: &FieldDescriptor) -> Field {
    Field {
        name: field.name().to_owned(),
        kind: kind(field),
    }
}

fn kind(field: &FieldDescriptor) -> String {
    if field.is_map() {
        let entry = field.kind();
        let entry = entry.as_message().expect("a map's entries are messages");
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        return format!("map<{}, {}>", of_type(&key), of_type(&value));
    }
    let name = of_type(field);
    let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
    match (field.cardinality(), oneof) {
        (Cardinality::Repeated, _) => format!("repeated {name}"),
        (Cardinality::Required, _) => format!("required {name}"),
        (Cardinality::Optional, Some(oneof)) => format!("{name} in oneof {}", oneof.name()),
        // A message is always there or not; of other types, `optional` makes the difference.
        (Cardinality::Optional, None) if field.supports_presence() && field.kind().as_message().is_none() => {
            format!("optional {name}")
        }
        (Cardinality::Optional, None) => name,
    }
}

fn of_type(field: &FieldDescriptor) -> String {
    let scalar = match field.kind() {
        Kind::Message(message) => return message.full_name().to_owned(),
        Kind::Enum(of) => return of.full_name().to_owned(),
        Kind::Double => "double",
        Kind::Float => "float",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Uint32 => "uint32",
        Kind::Uint64 => "uint64",
        Kind::Sint32 => "sint32",
        Kind::Sint64 => "sint64",
        Kind::Fixed32 => "fixed32",
        Kind::Fixed64 => "fixed64",
        Kind::Sfixed32 => "sfixed32",
        Kind::Sfixed64 => "sfixed64",
        Kind::Bool => "bool",
        Kind::String => "string",
        Kind::Bytes => "bytes",
    };
    scalar.to_owned()
}
