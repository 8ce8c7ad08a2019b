//! Makes the generated sources that are committed: Rust and Go types without protoc, the error tables, and the descriptor
//! set that the breaking check compares with. `make generate` runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use actorbridge_gen::{Config, Output};
use clap::{Parser, Subcommand};
use prost::Message;
use prost_types::FileDescriptorSet;

mod breaking;
mod errors;
mod header;
#[cfg(test)]
mod memory;
mod schema;

/// The last accepted schema, relative to the repository's root.
const ACCEPTED: &str = "proto/descriptor.binpb";

/// Generates what is committed, and watches the schema for breaking changes.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write every generated file. Refused when the schema breaks with the last accepted one.
    Generate {
        /// Write nothing; fail and name the files that differ from what would be written.
        #[arg(long)]
        check: bool,
        /// Accept a breaking change: only before anything that speaks the old schema was released.
        #[arg(long, conflicts_with = "check")]
        accept_breaking: bool,
    },
    /// Compare the schema with the last accepted descriptor set; fail and name each break.
    CheckBreaking {
        /// Another descriptor set to compare with.
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let done = match Cli::parse().command {
        Task::Generate { check: true, .. } => check(&root),
        Task::Generate { accept_breaking, .. } => generate(&root, accept_breaking),
        Task::CheckBreaking { against } => check_breaking(&root, &against.unwrap_or_else(|| root.join(ACCEPTED))),
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("actorbridge-codegen: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn generate(root: &Path, accept_breaking: bool) -> Result<String, String> {
    let accepted = root.join(ACCEPTED);
    if accepted.exists() && !accept_breaking {
        check_breaking(root, &accepted)?;
    }
    let outputs = render(root)?;
    for output in &outputs {
        output.write(root).map_err(|e| e.to_string())?;
    }
    Ok(format!("{} generated files are up to date", outputs.len()))
}

fn check(root: &Path) -> Result<String, String> {
    let outputs = render(root)?;
    let stale: Vec<String> = outputs
        .iter()
        .filter(|output| output.is_stale(root))
        .map(|output| format!("\n  {}", output.path.display()))
        .collect();
    if stale.is_empty() {
        return Ok(format!("{} generated files are up to date", outputs.len()));
    }
    Err(format!("stale, run `make generate` and commit:{}", stale.concat()))
}

fn check_breaking(root: &Path, against: &Path) -> Result<String, String> {
    let bytes = fs::read(against).map_err(|e| format!("{}: {e}", against.display()))?;
    let old: FileDescriptorSet = decode(&bytes)?;
    let new: FileDescriptorSet = decode(&schema::accepted(root)?)?;
    let breaks = breaking::compare(&old, &new);
    if breaks.is_empty() {
        return Ok("the schema breaks nothing that was accepted".into());
    }
    Err(format!(
        "the schema breaks with the last accepted one (add instead of changing; or, if nothing that speaks it was \
         released, `make generate ACCEPT_BREAKING=1`):\n  {}",
        breaks.join("\n  ")
    ))
}

/// Everything that is generated, in memory.
fn render(root: &Path) -> Result<Vec<Output>, String> {
    let mut outputs = vec![
        Output::new(ACCEPTED, schema::accepted(root)?),
        Output::new("proto/src/generated/descriptors.binpb", schema::complete(root)?),
    ];
    let own = schema::own(root).generate().map_err(|e| e.to_string())?;
    let errors = errors::render(&own.descriptors)?;
    let status = errors.iter().find(|o| o.path == Path::new(header::STATUS));
    let status = status.ok_or("no table of statuses is made")?;
    outputs.extend(header::render(root, &status.content)?);
    outputs.extend(errors);
    outputs.extend(own.outputs);
    for folder in schema::FOLDERS {
        let config = Config::read(root.join(folder).join("actorbridge.toml")).map_err(|e| e.to_string())?;
        let made = config.generate().map_err(|e| e.to_string())?.outputs;
        outputs.extend(
            made.into_iter()
                .map(|o| Output::new(Path::new(folder).join(o.path), o.content)),
        );
    }
    Ok(outputs)
}

/// Decodes any protobuf message with a readable error.
pub(crate) fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, String> {
    M::decode(bytes).map_err(|e| format!("{} does not decode: {e}", std::any::type_name::<M>()))
}
