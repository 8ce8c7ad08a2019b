//! Rust types by prost, and the version constants of each message.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use prost_reflect::{DescriptorPool, MessageDescriptor, Value};
use prost_types::FileDescriptorSet;

use crate::{Target, decode};

/// Writes the Rust types of `target` to its folder.
pub fn write(root: &Path, target: &Target, encoded: &[u8]) -> Result<(), String> {
    let out = root.join(target.rust);
    fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    let mut set: FileDescriptorSet = decode(encoded)?;
    set.file.retain(|f| target.files.contains(&f.name()));
    let packages: Vec<String> = set.file.iter().map(|f| f.package().to_owned()).collect();
    let mut config = prost_build::Config::new();
    config.out_dir(&out).bytes(["."]).enable_type_names();
    for (proto, rust) in target.extern_paths {
        config.extern_path(*proto, *rust);
    }
    config.compile_fds(set).map_err(|e| e.to_string())?;
    for package in packages {
        append_versions(&out.join(format!("{package}.rs")), &package, target, encoded)?;
    }
    Ok(())
}

/// Adds `impl Versioned` for each message: prost itself drops custom options, the pool keeps them.
fn append_versions(file: &Path, package: &str, target: &Target, encoded: &[u8]) -> Result<(), String> {
    let pool = DescriptorPool::decode(encoded).map_err(|e| e.to_string())?;
    let mut text = fs::read_to_string(file).map_err(|e| e.to_string())?;
    if text.contains("impl ::actorbridge_proto::Versioned") || text.contains("impl crate::Versioned") {
        return Ok(());
    }
    let krate = if target.extern_paths.is_empty() {
        "crate"
    } else {
        "::actorbridge_proto"
    };
    for message in pool.all_messages() {
        let in_target = target.files.contains(&message.parent_file().name());
        if !in_target || message.package_name() != package || message.parent_message().is_some() {
            continue;
        }
        let (version, min_reader) = versions(&pool, &message);
        let name = message.name();
        writeln!(
            text,
            "impl {krate}::Versioned for {name} {{\n    const VERSION: u32 = {version};\n    const MIN_READER: u32 = {min_reader};\n}}"
        )
        .expect("writing to a string");
    }
    fs::write(file, text).map_err(|e| e.to_string())
}

fn versions(pool: &DescriptorPool, message: &MessageDescriptor) -> (u32, u32) {
    let Some(extension) = pool.get_extension_by_name("actorbridge.v1.message") else {
        return (1, 1);
    };
    let options = message.options();
    let value = options.get_extension(&extension);
    let Value::Message(inner) = value.as_ref() else {
        return (1, 1);
    };
    let read = |name: &str| {
        inner
            .get_field_by_name(name)
            .and_then(|v| v.as_u32())
            .unwrap_or(0)
            .max(1)
    };
    (read("version"), read("min_reader"))
}
