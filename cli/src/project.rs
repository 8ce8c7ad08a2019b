//! Where the parts of a user's project are, by its actorbridge.toml.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The project's folders, each joined with the project's own.
pub(crate) struct Project {
    /// The Rust crate with the actors.
    pub(crate) rust_crate: PathBuf,
    /// The Go package that `actorbridge build` makes.
    pub(crate) go_package: PathBuf,
}

/// What actorbridge.toml says of them; its other parts are the generator's.
#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    rust: Rust,
    #[serde(default)]
    build: Package,
}

#[derive(Deserialize, Default)]
struct Rust {
    #[serde(rename = "crate")]
    folder: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
struct Package {
    go_package: Option<PathBuf>,
}

impl Project {
    /// Reads `folder/actorbridge.toml`.
    pub(crate) fn load(folder: &Path) -> Result<Self, String> {
        let path = folder.join("actorbridge.toml");
        let text = fs::read_to_string(&path).map_err(|e| {
            format!(
                "{}: {e}; `actorbridge new` makes a project that has one",
                path.display()
            )
        })?;
        let file: File = toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self {
            rust_crate: folder.join(file.rust.folder.unwrap_or_else(|| "rust".into())),
            go_package: folder.join(file.build.go_package.unwrap_or_else(|| "rustcore".into())),
        })
    }
}
