//! The cells of a node by their paths. A cell's address has its path, so the table needs no copy of it.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Cell;

struct ByPath(Arc<Cell>);

impl Borrow<str> for ByPath {
    fn borrow(&self) -> &str {
        self.0.path()
    }
}

impl PartialEq for ByPath {
    fn eq(&self, other: &Self) -> bool {
        self.0.path() == other.0.path()
    }
}

impl Eq for ByPath {}

impl Hash for ByPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.path().hash(state);
    }
}

/// At most one cell for each path.
#[derive(Default)]
pub(crate) struct Cells(HashSet<ByPath>);

impl Cells {
    pub(crate) fn get(&self, path: &str) -> Option<&Arc<Cell>> {
        self.0.get(path).map(|cell| &cell.0)
    }

    /// In the place of the one that is at its path.
    pub(crate) fn insert(&mut self, cell: Arc<Cell>) {
        self.0.replace(ByPath(cell));
    }

    pub(crate) fn remove(&mut self, path: &str) {
        self.0.remove(path);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Cell>> {
        self.0.iter().map(|cell| &cell.0)
    }
}
