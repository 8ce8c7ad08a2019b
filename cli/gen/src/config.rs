//! What to read and where to write: `actorbridge.toml`, or a build script's calls.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::problem::{Place, Problem, Problems};

/// What [`Config::generate`] reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder that every other path is relative to.
    pub root: PathBuf,
    /// Where imports are looked for. `actorbridge/v1/*.proto` and `google/protobuf/*.proto` need not be there.
    pub includes: Vec<PathBuf>,
    /// The files, by the names that an import would give them; empty = all below the first include folder.
    pub files: Vec<String>,
    /// Rust output, if wanted.
    pub rust: Option<Rust>,
    /// Go output, if wanted.
    pub go: Option<Go>,
    /// The lock file; `None` = changes are not watched.
    pub lock: Option<PathBuf>,
    /// What `actorbridge build` makes of the project.
    pub build: Build,
    /// Message types whose latest version was not released: their entry in the lock file is written anew.
    pub amend: Vec<String>,
}

/// Rust output: one file for each package, and `mod.rs` with their modules.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rust {
    /// The folder.
    pub out: PathBuf,
    /// The path of the crate `actorbridge` in the generated code.
    #[serde(default = "runtime")]
    pub runtime: String,
    /// Packages or messages whose types are in another crate: `.money.v1` to `::money::v1`.
    #[serde(default)]
    pub external: BTreeMap<String, String>,
    /// Fields that are to be boxed, so that what holds them stays small: `.shop.v1.Cart.history`.
    #[serde(default)]
    pub boxed: Vec<String>,
}

/// Go output, in a Go module: the types by its `go tool protoc-gen-go`, and the typed actors beside them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Go {
    /// The folder. Its import path begins the `go_package` of each file.
    pub out: PathBuf,
}

/// The user's Rust actors as a Go package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Build {
    /// The folder of the crate with the actors.
    #[serde(rename = "crate")]
    pub rust_crate: PathBuf,
    /// The folder of the Go package.
    pub go_package: PathBuf,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            rust_crate: "rust".into(),
            go_package: "rustcore".into(),
        }
    }
}

/// `actorbridge.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    lock: Option<PathBuf>,
    proto: Proto,
    rust: Option<Rust>,
    go: Option<Go>,
    #[serde(default)]
    build: Build,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proto {
    include: Vec<PathBuf>,
    #[serde(default)]
    files: Vec<String>,
}

fn runtime() -> String {
    "::actorbridge".into()
}

impl Config {
    /// Nothing yet, in a folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let here = root.as_os_str().is_empty();
        Self {
            root: if here { ".".into() } else { root },
            includes: Vec::new(),
            files: Vec::new(),
            rust: None,
            go: None,
            lock: None,
            build: Build::default(),
            amend: Vec::new(),
        }
    }

    /// Reads `actorbridge.toml`. Its paths are relative to its folder.
    ///
    /// # Errors
    /// The file is not there, or says something that is not understood.
    pub fn read(file: impl AsRef<Path>) -> Result<Self, Problems> {
        let file = file.as_ref();
        let text = fs::read_to_string(file).map_err(|e| {
            let mend = "run `actorbridge gen` in the folder of actorbridge.toml, or say where it is with --config";
            Problem::new(format!("{}: {e}", file.display()), mend)
        })?;
        let written: Written = toml::from_str(&text).map_err(|e| of_toml(file, &text, &e))?;
        if written.proto.include.is_empty() {
            let mend = "name the folder of your .proto files, such as include = [\"proto\"]";
            return Err(Problem::new(format!("{}: [proto] include is empty", file.display()), mend).into());
        }
        let config = Self::new(file.parent().unwrap_or(Path::new("")));
        Ok(Self {
            includes: written.proto.include,
            files: written.proto.files,
            rust: written.rust,
            go: written.go,
            build: written.build,
            lock: Some(written.lock.unwrap_or_else(|| "actorbridge.lock".into())),
            ..config
        })
    }

    /// Adds a folder in which imports are looked for. The files of the first one are generated.
    #[must_use]
    pub fn include(mut self, folder: impl Into<PathBuf>) -> Self {
        self.includes.push(folder.into());
        self
    }

    /// Writes Rust into a folder.
    #[must_use]
    pub fn rust(mut self, out: impl Into<PathBuf>) -> Self {
        self.rust = Some(Rust {
            out: out.into(),
            runtime: runtime(),
            external: BTreeMap::new(),
            boxed: Vec::new(),
        });
        self
    }

    /// Writes Go into a folder of a Go module.
    #[must_use]
    pub fn go(mut self, out: impl Into<PathBuf>) -> Self {
        self.go = Some(Go { out: out.into() });
        self
    }

    /// Watches changes with a lock file.
    #[must_use]
    pub fn lock(mut self, file: impl Into<PathBuf>) -> Self {
        self.lock = Some(file.into());
        self
    }

    /// Writes the latest version of a message type anew in the lock file: it was not released.
    #[must_use]
    pub fn amend(mut self, message: impl Into<String>) -> Self {
        self.amend.push(message.into());
        self
    }
}

fn of_toml(file: &Path, text: &str, error: &toml::de::Error) -> Problem {
    let (line, column) = line_and_column(text, error.span().unwrap_or(Range { start: 0, end: 0 }).start);
    let place = Place {
        file: file.display().to_string(),
        line,
        column,
    };
    Problem::at(
        place,
        error.message().replace('\n', ", "),
        "docs/OPTIONS.md has every entry of actorbridge.toml",
    )
}

fn line_and_column(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}
