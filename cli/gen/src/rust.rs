//! Rust: types by prost, the versions of each message, and the actors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use prost::Message as _;
use prost_build::Module;
use prost_reflect::MessageDescriptor;
use prost_types::FileDescriptorSet;

use crate::config::Rust;
use crate::model;
use crate::output::Output;
use crate::problem::{Problem, Problems};
use crate::schema::Schema;

mod actor;
mod descriptors;
mod names;
mod reference;
mod text;

use names::Names;

/// The runtime that is the schema's own crate: it has no modules of ours around its types.
const INSIDE: &str = "crate";

/// The files for Rust: one for each package, and their modules.
pub(crate) fn render(schema: &Schema, rust: &Rust) -> Result<Vec<Output>, Problems> {
    let mut outputs = Vec::new();
    let types = types(schema, rust)?;
    if rust.runtime != INSIDE {
        let packages: BTreeSet<&str> = types.keys().map(String::as_str).collect();
        outputs.push(Output::new(rust.out.join("mod.rs"), modules(&packages)));
    }
    for (package, types) in types {
        let names = Names::new(schema, rust, &package);
        let mut text = descriptors::constant(schema, &package);
        let mut problems = Problems::default();
        for file in schema.targets().filter(|f| f.package_name() == package) {
            for message in schema.messages(&file) {
                versions(&mut text, schema, &names, &message);
            }
            for actor in model::actors(schema, &file)? {
                if let Err(taken) = names.check(&actor) {
                    let service = file
                        .services()
                        .find(|s| s.name() == actor.name)
                        .expect("it was read from here");
                    let what = format!(
                        "the actor {} and {taken} would both be {}",
                        actor.full_name,
                        taken.name()
                    );
                    let mend = "rename one of them: generated Rust declares both in one module";
                    problems
                        .0
                        .push(Problem::at(schema.place(&file, service.path()), what, mend));
                }
                actor::write(&mut text, schema, &names, &actor);
            }
        }
        problems.none()?;
        let (mark, types) = types.split_at(types.find('\n').map_or(0, |end| end + 1));
        let text = [mark, &names.imports(), types, &text].concat();
        outputs.push(Output::new(rust.out.join(format!("{package}.rs")), text));
    }
    Ok(outputs)
}

/// Each package with prost's types.
fn types(schema: &Schema, rust: &Rust) -> Result<BTreeMap<String, String>, Problems> {
    let mut set = FileDescriptorSet::decode(schema.encoded.as_slice())
        .map_err(|e| Problem::new(format!("the descriptor set does not decode: {e}"), ""))?;
    set.file.retain(|f| schema.files.iter().any(|name| name == f.name()));
    let module = |f: &prost_types::FileDescriptorProto| Module::from_protobuf_package_name(f.package());
    let packages: BTreeMap<Module, String> = set.file.iter().map(|f| (module(f), f.package().to_owned())).collect();
    let mut config = prost_build::Config::new();
    config.bytes(["."]).enable_type_names();
    rust.boxed.iter().for_each(|field| {
        config.boxed(field);
    });
    if rust.runtime != INSIDE {
        config.extern_path(".actorbridge.v1", format!("{}::proto::v1", rust.runtime));
    }
    for (proto, path) in &rust.external {
        config.extern_path(proto, path);
    }
    let requests = set.file.into_iter().map(|f| (module(&f), f)).collect();
    let made = config
        .generate(requests)
        .map_err(|e| Problem::new(format!("prost: {e}"), ""))?;
    Ok(made
        .into_iter()
        .map(|(module, text)| (packages[&module].clone(), text))
        .collect())
}

/// `impl Versioned`: prost itself drops custom options.
fn versions(text: &mut String, schema: &Schema, names: &Names<'_>, message: &MessageDescriptor) {
    let (version, min_reader) = schema.versions(message);
    let (runtime, name) = (names.runtime(), names.message(message));
    writeln!(
        text,
        "impl {runtime}::Versioned for {name} {{\n    const VERSION: u32 = {version};\n    const MIN_READER: u32 = {min_reader};\n    \
         const FILE_DESCRIPTOR_SET: &'static [u8] = FILE_DESCRIPTOR_SET;\n}}"
    )
    .expect("writing to a string");
}

/// `mod.rs`: each package in the module that prost's relative paths expect.
fn modules(packages: &BTreeSet<&str>) -> String {
    let mut text = String::from("// Made by `actorbridge gen`. Do not edit.\n");
    let mut open: Vec<String> = Vec::new();
    for package in packages {
        let path: Vec<String> = package.split('.').map(names::snake).collect();
        let common = open.iter().zip(&path).take_while(|(a, b)| a == b).count();
        close(&mut text, &mut open, common);
        for part in &path[common..] {
            let indent = "    ".repeat(open.len());
            if open.is_empty() {
                text += "#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, rustdoc::all)]\n";
            }
            text += &format!("{indent}pub mod {part} {{\n");
            open.push(part.clone());
        }
        text += &format!("{}include!(\"{package}.rs\");\n", "    ".repeat(open.len()));
    }
    close(&mut text, &mut open, 0);
    text
}

fn close(text: &mut String, open: &mut Vec<String>, depth: usize) {
    while open.len() > depth {
        open.pop();
        *text += &format!("{}}}\n", "    ".repeat(open.len()));
    }
}
