//! Rust types by prost, and the version constants of each message.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use prost_build::Module;
use prost_reflect::{DescriptorPool, MessageDescriptor, Value};
use prost_types::FileDescriptorSet;

use crate::decode;
use crate::output::Output;
use crate::target::Target;

/// The Rust types of `target`: one file for each package.
pub(crate) fn render(target: &Target, encoded: &[u8]) -> Result<Vec<Output>, String> {
    let mut set: FileDescriptorSet = decode(encoded)?;
    set.file.retain(|f| target.files.contains(&f.name()));
    let packages: BTreeMap<Module, String> = set
        .file
        .iter()
        .map(|f| (Module::from_protobuf_package_name(f.package()), f.package().to_owned()))
        .collect();
    let mut config = prost_build::Config::new();
    config.bytes(["."]).enable_type_names();
    // Unboxed, it would make every Move, and so every action of a link, several times as large.
    config.boxed(".actorbridge.v1.Offer.meta");
    for (proto, rust) in target.extern_paths {
        config.extern_path(*proto, *rust);
    }
    let requests = set
        .file
        .into_iter()
        .map(|f| (Module::from_protobuf_package_name(f.package()), f))
        .collect();
    let mut outputs = Vec::new();
    for (module, mut text) in config.generate(requests).map_err(|e| e.to_string())? {
        let package = packages
            .get(&module)
            .ok_or("prost made a package that was not asked for")?;
        append_versions(&mut text, package, target, encoded)?;
        outputs.push(Output::new(Path::new(target.rust).join(format!("{package}.rs")), text));
    }
    Ok(outputs)
}

/// Adds `impl Versioned` for each message: prost itself drops custom options, the pool keeps them.
fn append_versions(text: &mut String, package: &str, target: &Target, encoded: &[u8]) -> Result<(), String> {
    let pool = DescriptorPool::decode(encoded).map_err(|e| e.to_string())?;
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
    Ok(())
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
