//! Go: types by the module's own protoc-gen-go, and the typed actors beside them.

use std::path::{Path, PathBuf};
use std::process::Command;

use prost::Message as _;
use prost_reflect::FileDescriptor;
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};

use crate::config::{Config, Go};
use crate::model;
use crate::output::Output;
use crate::problem::{Problem, Problems};
use crate::schema::Schema;
use crate::{run, wire};

mod actor;
mod imports;
mod names;
mod reference;
mod text;

pub(crate) use actor::write;
pub(crate) use names::{GoPackage, file_name};

/// The Go module that output goes to.
struct Module {
    /// Its folder, as the configuration's paths reach it.
    folder: PathBuf,
    /// Its import path.
    path: String,
    /// The import path of the output folder.
    out: String,
}

/// The files for Go.
pub(crate) fn render(schema: &Schema, config: &Config, go: &Go) -> Result<Vec<Output>, Problems> {
    let module = Module::find(&config.root, &go.out)?;
    let mut problems = Problems::default();
    for file in schema.targets() {
        problems.0.extend(module.check(schema, &file).err());
    }
    problems.none()?;
    let mut outputs = types(schema, config, &module)?;
    for file in schema.targets() {
        let actors = model::actors(schema, &file)?;
        if actors.is_empty() {
            continue;
        }
        let package = GoPackage::of(&file).expect("checked above");
        let inside = package
            .path
            .strip_prefix(&module.path)
            .expect("checked above")
            .trim_start_matches('/');
        let folder = module.folder.join(inside).join(package.actors());
        outputs.push(Output::new(
            folder.join(file_name(file.name())),
            write(schema, &file, &package, &actors),
        ));
    }
    Ok(outputs)
}

impl Module {
    /// The module of the nearest go.mod above the output folder.
    fn find(root: &Path, out: &Path) -> Result<Self, Problem> {
        for folder in out.ancestors().chain(outwards(root).iter().map(PathBuf::as_path)) {
            let Ok(text) = std::fs::read_to_string(root.join(folder).join("go.mod")) else {
                continue;
            };
            let said = text.lines().find_map(|l| l.trim().strip_prefix("module "));
            let path = said.map(|l| l.split("//").next().unwrap_or(l).trim().trim_matches('"').to_owned());
            let Some(path) = path else {
                let what = format!("{} names no module", root.join(folder).join("go.mod").display());
                return Err(Problem::new(what, "its first line is `module example.com/yours`"));
            };
            let below = match out.strip_prefix(folder) {
                Ok(below) => below.to_path_buf(),
                Err(_) => inside_of(root, folder).join(out),
            };
            let parts = std::iter::once(path.clone()).chain(below.iter().map(|p| p.to_string_lossy().into_owned()));
            let out = parts.filter(|part| part != ".").collect::<Vec<_>>().join("/");
            return Ok(Self {
                folder: folder.to_owned(),
                path,
                out,
            });
        }
        let what = format!("there is no go.mod in {} or above it", root.join(out).display());
        Err(Problem::new(
            what,
            "run `go mod init example.com/yours` where your Go module starts",
        ))
    }

    /// Is the file's Go package in the output folder?
    fn check(&self, schema: &Schema, file: &FileDescriptor) -> Result<(), Problem> {
        let out = &self.out;
        let folder = file.package_name().replace('.', "/");
        let name = file.package_name().rsplit('.').take(2).collect::<Vec<_>>();
        let name: String = name.into_iter().rev().collect();
        let line = format!("option go_package = \"{out}/{folder};{name}\";");
        let Some(package) = GoPackage::of(file) else {
            let place = schema.place(file, &[2]);
            return Err(Problem::at(
                place,
                format!("{} has no go_package", file.name()),
                format!("add `{line}`"),
            ));
        };
        let below = package.path.strip_prefix(out.as_str());
        if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Ok(());
        }
        let what = format!("go_package {} is not below [go] out, which is {out}", package.path);
        let place = schema.place(file, &[8, 11]);
        Err(Problem::at(place, what, format!("write `{line}`, or change [go] out")))
    }
}

/// The folders above the root, as paths from it.
fn outwards(root: &Path) -> Vec<PathBuf> {
    let depth = root.canonicalize().map_or(0, |r| r.components().count());
    (1..depth)
        .map(|n| PathBuf::from("../".repeat(n).trim_end_matches('/')))
        .collect()
}

/// The way down from a folder above the root to the root.
fn inside_of(root: &Path, above: &Path) -> PathBuf {
    let root = root.canonicalize().unwrap_or_default();
    let parts: Vec<_> = root.components().collect();
    parts[parts.len().saturating_sub(above.components().count())..]
        .iter()
        .collect()
}

/// The message types.
fn types(schema: &Schema, config: &Config, module: &Module) -> Result<Vec<Output>, Problems> {
    // protoc-gen-go needs the raw options, which prost-types drops: re-encode nothing, splice the raw set.
    let head = CodeGeneratorRequest {
        file_to_generate: schema.files.clone(),
        parameter: Some(format!("module={}", module.path)),
        ..Default::default()
    };
    let mut request = head.encode_to_vec();
    for file in wire::fields(&schema.encoded, 1)? {
        wire::write_field(&mut request, 15, file);
    }
    let mut tool = Command::new("go");
    tool.args(["tool", "protoc-gen-go"])
        .current_dir(config.root.join(&module.folder));
    let mend = "run `go get -tool google.golang.org/protobuf/cmd/protoc-gen-go` in your Go module";
    let response = run::pipe(&mut tool, &request, mend)?;
    let response = CodeGeneratorResponse::decode(response.as_slice())
        .map_err(|e| Problem::new(format!("protoc-gen-go's answer does not decode: {e}"), ""))?;
    if let Some(error) = response.error {
        return Err(Problem::new(format!("protoc-gen-go: {error}"), "").into());
    }
    let files = response.file.into_iter();
    Ok(files
        .map(|file| Output::new(module.folder.join(file.name()), file.content()))
        .collect())
}
