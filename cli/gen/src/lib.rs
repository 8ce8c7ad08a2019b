//! Writes typed actors, in Go and Rust, from `.proto` files: what `actorbridge gen` runs.
//!
//! A service with `option (actorbridge.v1.actor)` is an actor protocol. For Rust, [`Config::generate`] makes the messages,
//! a trait for the actor and a typed reference; for Go, the same in the packages of its module. docs/OPTIONS.md has the
//! options, docs/VERSIONS.md the rules that the lock file watches.
//!
//! A build script may call it instead of keeping generated Rust in the repository; docs/OPTIONS.md has the whole of it:
//!
//! ```no_run
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     println!("cargo::rerun-if-changed=proto");
//!     let out = std::env::var("OUT_DIR")?;
//!     let config = actorbridge_gen::Config::new(".").include("proto").rust(out);
//!     config.generate()?.write()?;
//!     Ok(())
//! }
//! ```
//!
//! Read in this order: [`Config`], `schema`, the compiled files; `model`, the actors in them; `rust` and `go`, what is
//! written; `lock`, what may change.

mod config;
mod go;
mod lock;
mod model;
mod output;
pub mod plugin;
mod problem;
mod run;
mod rust;
mod schema;
mod wire;

use std::path::{Path, PathBuf};

pub use config::{Config, Go, Rust};
pub use output::Output;
pub use problem::{Place, Problem, Problems};
pub use run::{install, not_started, pipe};

use schema::Schema;

/// Everything that a configuration makes, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// The files, the lock file among them.
    pub outputs: Vec<Output>,
    /// The encoded FileDescriptorSet that they are made from: with imports, comments and every option.
    pub descriptors: Vec<u8>,
}

impl Config {
    /// Makes every file, and writes none.
    ///
    /// # Errors
    /// Everything that is wrong with the schema, each with its place, and each rule of the lock file that it breaks.
    pub fn generate(&self) -> Result<Generated, Problems> {
        let schema = Schema::compile(self)?;
        check(&schema)?;
        let mut outputs = Vec::new();
        if let Some(path) = &self.lock {
            outputs.push(lock::render(&schema, self, path)?);
        }
        if let Some(rust) = &self.rust {
            outputs.extend(rust::render(&schema, rust)?);
        }
        if let Some(go) = &self.go {
            outputs.extend(go::render(&schema, self, go)?);
        }
        Ok(Generated {
            root: self.root.clone(),
            outputs,
            descriptors: schema.encoded,
        })
    }
}

impl Generated {
    /// Writes what differs from what is there.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self) -> Result<(), Problems> {
        self.outputs.iter().try_for_each(|output| output.write(&self.root))
    }

    /// The files that are missing or differ.
    pub fn stale(&self) -> impl Iterator<Item = &Path> {
        self.outputs
            .iter()
            .filter(|output| output.is_stale(&self.root))
            .map(|output| output.path.as_path())
    }
}

/// What must hold whatever is written.
fn check(schema: &Schema) -> Result<(), Problems> {
    let mut problems = model::check_names(schema);
    for file in schema.targets() {
        if file.package_name().is_empty() {
            let what = format!("{} has no package", file.name());
            let mend = "add one with a version, such as `package shop.v1;`";
            problems.0.push(Problem::at(schema.place(&file, &[]), what, mend));
        }
        problems.0.extend(model::check_messages(schema, &file).0);
        if let Err(found) = model::actors(schema, &file) {
            problems.0.extend(found.0);
        }
    }
    problems.none()
}
