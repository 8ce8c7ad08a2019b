//! The compiled schema: descriptors with every option, where things stand in their files, and what is written above them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, DynamicMessage, ExtensionDescriptor, FileDescriptor, MessageDescriptor, Value};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};

use crate::config::Config;
use crate::problem::{Place, Problem, Problems};

mod refused;

/// The schema files that are in the program, so that a user's `import "actorbridge/v1/options.proto"` always finds them.
const OWN: &[(&str, &str)] = &[
    (
        "actorbridge/v1/envelope.proto",
        include_str!("../../../proto/actorbridge/v1/envelope.proto"),
    ),
    (
        "actorbridge/v1/errors.proto",
        include_str!("../../../proto/actorbridge/v1/errors.proto"),
    ),
    (
        "actorbridge/v1/frame.proto",
        include_str!("../../../proto/actorbridge/v1/frame.proto"),
    ),
    (
        "actorbridge/v1/options.proto",
        include_str!("../../../proto/actorbridge/v1/options.proto"),
    ),
    (
        "actorbridge/v1/system.proto",
        include_str!("../../../proto/actorbridge/v1/system.proto"),
    ),
];

struct Own;

impl FileResolver for Own {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match OWN.iter().find(|(own, _)| *own == name) {
            Some((_, source)) => File::from_source(name, source),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// Files, compiled with what they import.
pub(crate) struct Schema {
    /// Their descriptors. Unlike prost's own types, they keep custom options.
    pub(crate) pool: DescriptorPool,
    /// The descriptor set with imports and comments, options and all.
    pub(crate) encoded: Vec<u8>,
    /// The files that output is for, by the names that an import would give them.
    pub(crate) files: Vec<String>,
    /// Where a file is, for people. A file that is not here is shown by its name.
    shown: BTreeMap<String, String>,
}

impl Schema {
    /// Compiles what a configuration names.
    pub(crate) fn compile(config: &Config) -> Result<Self, Problems> {
        let includes: Vec<PathBuf> = config.includes.iter().map(|i| config.root.join(i)).collect();
        let files = if config.files.is_empty() {
            find(includes.first().map_or(Path::new("."), PathBuf::as_path))?
        } else {
            config.files.clone()
        };
        let shown = |name: &str| {
            let path = includes.iter().map(|i| i.join(name)).find(|p| p.is_file())?;
            Some(path.display().to_string().trim_start_matches("./").to_owned())
        };
        let mut resolver = ChainFileResolver::new();
        includes
            .iter()
            .for_each(|i| resolver.add(IncludeFileResolver::new(i.clone())));
        resolver.add(Own);
        resolver.add(GoogleFileResolver::new());
        let mut compiler = protox::Compiler::with_file_resolver(resolver);
        compiler.include_imports(true).include_source_info(true);
        let mut problems = Problems::default();
        for file in &files {
            if let Err(error) = compiler.open_file(file) {
                problems
                    .0
                    .push(refused::of_protox(&error, file, &compiler.descriptor_pool(), &shown));
            }
        }
        problems.none()?;
        let schema = Self::decode(compiler.encode_file_descriptor_set(), files)?;
        let names = schema.pool.files().map(|f| f.name().to_owned());
        let shown = names.filter_map(|name| Some((name.clone(), shown(&name)?))).collect();
        Ok(Self { shown, ..schema })
    }

    /// A schema that another compiler made: an encoded FileDescriptorSet.
    pub(crate) fn decode(encoded: Vec<u8>, files: Vec<String>) -> Result<Self, Problems> {
        let pool = DescriptorPool::decode(encoded.as_slice())
            .map_err(|e| Problem::new(format!("the descriptor set does not decode: {e}"), ""))?;
        Ok(Self {
            pool,
            encoded,
            files,
            shown: BTreeMap::new(),
        })
    }

    /// The files that output is for, in their order.
    pub(crate) fn targets(&self) -> impl Iterator<Item = FileDescriptor> {
        self.files.iter().filter_map(|name| self.pool.get_file_by_name(name))
    }

    /// Where an element of a file stands, by its descriptor path. Elements without a place are shown at the file's start.
    pub(crate) fn place(&self, file: &FileDescriptor, path: &[i32]) -> Place {
        let info = file.file_descriptor_proto().source_code_info.as_ref();
        let location = info.and_then(|info| info.location.iter().find(|l| l.path == path));
        let number = |i: usize| location.and_then(|l| u32::try_from(*l.span.get(i)?).ok()).unwrap_or(0) + 1;
        Place {
            file: self
                .shown
                .get(file.name())
                .map_or(file.name(), String::as_str)
                .to_owned(),
            line: number(0),
            column: number(1),
        }
    }

    /// The lines of the comment above an element, without its marks and one leading space.
    pub(crate) fn comment(&self, file: &FileDescriptor, path: &[i32]) -> Vec<String> {
        let info = file.file_descriptor_proto().source_code_info.as_ref();
        let location = info.and_then(|info| info.location.iter().find(|l| l.path == path));
        let text = location.map_or("", |l| l.leading_comments()).trim_end();
        text.lines()
            .map(|l| l.strip_prefix(' ').unwrap_or(l).trim_end().to_owned())
            .collect()
    }

    /// One of our options of an element: its message, if the element has it.
    pub(crate) fn option(&self, options: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
        let extension: ExtensionDescriptor = self.pool.get_extension_by_name(name)?;
        if !options.has_extension(&extension) {
            return None;
        }
        match options.get_extension(&extension).into_owned() {
            Value::Message(message) => Some(message),
            _ => None,
        }
    }

    /// The revision of a message and the least one that a reader of it must know.
    pub(crate) fn versions(&self, message: &MessageDescriptor) -> (u32, u32) {
        match self.option(&message.options(), "actorbridge.v1.message") {
            Some(option) => (number(&option, "version").max(1), number(&option, "min_reader").max(1)),
            None => (1, 1),
        }
    }

    /// The messages of a file, nested ones behind the one that holds them.
    pub(crate) fn messages(&self, file: &FileDescriptor) -> Vec<MessageDescriptor> {
        let mut found = Vec::new();
        file.messages().for_each(|m| collect(m, &mut found));
        found
    }
}

/// A number of an option; 0 where it says nothing.
pub(crate) fn number(option: &DynamicMessage, field: &str) -> u32 {
    option.get_field_by_name(field).and_then(|v| v.as_u32()).unwrap_or(0)
}

fn collect(message: MessageDescriptor, into: &mut Vec<MessageDescriptor>) {
    if !message.is_map_entry() {
        into.push(message.clone());
        message.child_messages().for_each(|m| collect(m, into));
    }
}

/// Every .proto file below a folder, by the name that an import would give it.
fn find(folder: &Path) -> Result<Vec<String>, Problems> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        let say = |e: std::io::Error| {
            let what = format!("{}: {e}", current.display());
            Problem::new(what, "[proto] include names the folders of the .proto files")
        };
        for entry in fs::read_dir(&current).map_err(say)? {
            let path = entry.map_err(say)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "proto") {
                let name = path.strip_prefix(folder).expect("it was found below the folder");
                found.push(name.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    if found.is_empty() {
        let what = format!("{} has no .proto files", folder.display());
        return Err(Problem::new(what, "write one, or name its folder in [proto] include").into());
    }
    Ok(found)
}
