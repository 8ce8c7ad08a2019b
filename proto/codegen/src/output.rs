//! Generated files in memory, so that `--check` and writing see the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

/// One generated file.
pub(crate) struct Output {
    /// Where it goes, relative to the repository's root.
    pub(crate) path: PathBuf,
    /// Its whole content.
    pub(crate) content: Vec<u8>,
}

impl Output {
    /// A file of text or bytes.
    pub(crate) fn new(path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            content: content.into(),
        }
    }

    /// Whether the file below `root` is missing or differs.
    pub(crate) fn is_stale(&self, root: &Path) -> bool {
        fs::read(root.join(&self.path)).ok().as_deref() != Some(&self.content)
    }

    /// Writes the file below `root`; an equal file is left alone, so that builds don't see it as new.
    pub(crate) fn write(&self, root: &Path) -> Result<(), String> {
        if !self.is_stale(root) {
            return Ok(());
        }
        let path = root.join(&self.path);
        let say = |e: std::io::Error| format!("{}: {e}", path.display());
        fs::create_dir_all(path.parent().expect("a file has a folder")).map_err(say)?;
        fs::write(&path, &self.content).map_err(say)
    }
}
