//! The typed Go actors as a plugin of protoc and buf: `protoc-gen-actorbridge-go`.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_reflect::FileDescriptor;
use prost_types::compiler::code_generator_response::{Feature, File};
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};

use crate::go::{self, GoPackage};
use crate::problem::{Problem, Problems};
use crate::schema::Schema;
use crate::{model, wire};

/// What `--actorbridge-go_opt` says, in the words of protoc-gen-go.
#[derive(Default)]
struct Parameters {
    /// Stripped from the front of output paths.
    module: String,
    /// Output goes where the .proto file is.
    source_relative: bool,
    /// `Mshop/v1/shop.proto=example.com/shop/v1;shopv1`
    packages: BTreeMap<String, String>,
}

/// Answers an encoded CodeGeneratorRequest with an encoded CodeGeneratorResponse, which holds what is wrong, too.
pub fn answer(request: &[u8]) -> Vec<u8> {
    let mut response = CodeGeneratorResponse {
        supported_features: Some(Feature::Proto3Optional as u64),
        ..Default::default()
    };
    match files(request) {
        Ok(files) => response.file = files,
        Err(problems) => response.error = Some(problems.to_string()),
    }
    response.encode_to_vec()
}

fn files(request: &[u8]) -> Result<Vec<File>, Problems> {
    let head = CodeGeneratorRequest::decode(request).map_err(|e| {
        Problem::new(
            format!("the CodeGeneratorRequest does not decode: {e}"),
            "protoc and buf send it on standard input",
        )
    })?;
    let parameters = Parameters::read(head.parameter())?;
    // The raw files: prost's own types drop the options that this is about.
    let mut set = Vec::new();
    for file in wire::fields(request, 15)? {
        wire::write_field(&mut set, 1, file);
    }
    let schema = Schema::decode(set, head.file_to_generate)?;
    let mut files = Vec::new();
    for file in schema.targets() {
        model::check_messages(&schema, &file).none()?;
        let actors = model::actors(&schema, &file)?;
        if actors.is_empty() {
            continue;
        }
        let package = parameters.package(&schema, &file)?;
        files.push(File {
            name: Some(parameters.path(&file, &package)?),
            content: Some(go::write(&schema, &file, &package, &actors)),
            ..Default::default()
        });
    }
    Ok(files)
}

impl Parameters {
    fn read(text: &str) -> Result<Self, Problem> {
        let mut parameters = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            match part.split_once('=').unwrap_or((part, "")) {
                ("module", module) => parameters.module = module.trim_end_matches('/').to_owned(),
                ("paths", "source_relative") => parameters.source_relative = true,
                ("paths", "import") => parameters.source_relative = false,
                (file, package) if file.starts_with('M') => {
                    parameters.packages.insert(file[1..].to_owned(), package.to_owned());
                }
                _ => {
                    let mend = "it takes module=PATH, paths=source_relative, paths=import and Mfile.proto=PACKAGE";
                    return Err(Problem::new(format!("the parameter `{part}` is not known"), mend));
                }
            }
        }
        if parameters.source_relative && !parameters.module.is_empty() {
            return Err(Problem::new(
                "module= and paths=source_relative exclude each other",
                "take one of them out",
            ));
        }
        Ok(parameters)
    }

    fn package(&self, schema: &Schema, file: &FileDescriptor) -> Result<GoPackage, Problem> {
        let said = self.packages.get(file.name()).and_then(|said| GoPackage::parse(said));
        said.or_else(|| GoPackage::of(file)).ok_or_else(|| {
            let what = format!("{} has no go_package", file.name());
            let mend = "add `option go_package = \"example.com/yours/v1;yoursv1\";`";
            Problem::at(schema.place(file, &[2]), what, mend)
        })
    }

    fn path(&self, file: &FileDescriptor, package: &GoPackage) -> Result<String, Problem> {
        let folder = if self.source_relative {
            file.name().rsplit_once('/').map_or("", |(folder, _)| folder)
        } else if let Some(inside) = package
            .path
            .strip_prefix(self.module.as_str())
            .filter(|i| self.module.is_empty() || i.is_empty() || i.starts_with('/'))
        {
            inside.trim_start_matches('/')
        } else {
            let what = format!(
                "go_package {} of {} is not in the module {}",
                package.path,
                file.name(),
                self.module
            );
            return Err(Problem::new(what, "correct go_package, or module="));
        };
        let gap = if folder.is_empty() { "" } else { "/" };
        Ok(format!(
            "{folder}{gap}{}/{}",
            package.actors(),
            go::file_name(file.name())
        ))
    }
}
