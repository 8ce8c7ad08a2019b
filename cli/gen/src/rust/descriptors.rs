//! The descriptors of a package, for the codecs that need them: small, with nothing in them but fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use prost::Message as _;
use prost_reflect::{DescriptorPool, EnumDescriptor, FileDescriptor, Kind, MessageDescriptor};
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

use crate::schema::Schema;

/// Bytes in a line of the generated text.
const LINE: usize = 32;

/// The constant that a package's messages refer to.
pub(super) fn constant(schema: &Schema, package: &str) -> String {
    let mut text = format!(
        "\n/// What the messages of {package} refer to, as a `google.protobuf.FileDescriptorSet`, for codecs other than protobuf.\n\
         const FILE_DESCRIPTOR_SET: &[u8] = b\"\\\n"
    );
    for line in set(schema, package).chunks(LINE) {
        text += "    ";
        for (i, byte) in line.iter().enumerate() {
            match byte {
                // A blank at the start of a line would be passed over.
                b' ' if i == 0 => text += "\\x20",
                b'"' | b'\\' => write!(text, "\\{}", char::from(*byte)).expect("writing to a string"),
                b' '..=b'~' => text.push(char::from(*byte)),
                _ => write!(text, "\\x{byte:02x}").expect("writing to a string"),
            }
        }
        text += "\\\n";
    }
    text + "\";\n\n"
}

/// The package's files, and those whose messages and enums they refer to.
fn set(schema: &Schema, package: &str) -> Vec<u8> {
    let mut needs = BTreeMap::new();
    let mut open: Vec<FileDescriptor> = schema.targets().filter(|f| f.package_name() == package).collect();
    while let Some(file) = open.pop() {
        needs.entry(file.name().to_owned()).or_insert_with(|| {
            let refers_to = refers_to(&schema.messages(&file), file.name());
            open.extend(refers_to.iter().filter_map(|other| schema.pool.get_file_by_name(other)));
            refers_to
        });
    }
    let mut set = FileDescriptorSet::default();
    let mut done = BTreeSet::new();
    for name in needs.keys() {
        add(&schema.pool, &needs, name, &mut done, &mut set);
    }
    set.encode_to_vec()
}

/// The other files that fields of these messages have their types from.
fn refers_to(messages: &[MessageDescriptor], from: &str) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let map_entries = messages
        .iter()
        .flat_map(|m| m.child_messages())
        .filter(|m| m.is_map_entry());
    for field in messages
        .iter()
        .cloned()
        .chain(map_entries)
        .flat_map(|m| m.fields().collect::<Vec<_>>())
    {
        let file = match field.kind() {
            Kind::Message(of) => MessageDescriptor::parent_file(&of),
            Kind::Enum(of) => EnumDescriptor::parent_file(&of),
            _ => continue,
        };
        if file.name() != from {
            files.insert(file.name().to_owned());
        }
    }
    files
}

/// Adds a file behind those that it needs.
fn add(
    pool: &DescriptorPool,
    needs: &BTreeMap<String, BTreeSet<String>>,
    name: &str,
    done: &mut BTreeSet<String>,
    set: &mut FileDescriptorSet,
) {
    let Some(file) = pool.get_file_by_name(name).filter(|_| done.insert(name.to_owned())) else {
        return;
    };
    for other in &needs[name] {
        add(pool, needs, other, done, set);
    }
    let mut small = FileDescriptorProto {
        dependency: needs[name].iter().cloned().collect(),
        public_dependency: Vec::new(),
        weak_dependency: Vec::new(),
        service: Vec::new(),
        extension: Vec::new(),
        options: None,
        source_code_info: None,
        ..file.file_descriptor_proto().clone()
    };
    small.message_type.iter_mut().for_each(strip);
    set.file.push(small);
}

/// Takes out what says nothing of how a message is encoded.
fn strip(message: &mut DescriptorProto) {
    message.extension.clear();
    message.reserved_name.clear();
    message.reserved_range.clear();
    message
        .extension_range
        .iter_mut()
        .for_each(|range| range.options = None);
    message.nested_type.iter_mut().for_each(strip);
}
