//! Generated files in memory, so that a check and writing see the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::problem::{Problem, Problems};

/// One generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where it goes, relative to the root.
    pub path: PathBuf,
    /// Its whole content.
    pub content: Vec<u8>,
}

impl Output {
    /// A file of text or bytes.
    pub fn new(path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            content: content.into(),
        }
    }

    /// Whether the file below `root` is missing or differs.
    pub fn is_stale(&self, root: &Path) -> bool {
        fs::read(root.join(&self.path)).ok().as_deref() != Some(&self.content)
    }

    /// Writes the file below `root`; an equal file is left alone, so that builds don't see it as new.
    ///
    /// # Errors
    /// The file or its folder cannot be written.
    pub fn write(&self, root: &Path) -> Result<(), Problems> {
        if !self.is_stale(root) {
            return Ok(());
        }
        let path = root.join(&self.path);
        let say = |e: std::io::Error| Problem::new(format!("{}: {e}", path.display()), "");
        fs::create_dir_all(path.parent().expect("a file has a folder")).map_err(say)?;
        fs::write(&path, &self.content).map_err(say)?;
        Ok(())
    }
}
