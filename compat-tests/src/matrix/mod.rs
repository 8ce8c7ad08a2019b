//! The compat matrix: what each peer writes, each peer reads.
//!
//! - [`axes`]: the cells, from `matrix/axes.yaml`; `expand`: those that files and cases name.
//! - [`values`]: what is written in them. [`schemas`]: both versions of the schema, by which the runner itself reads bytes.
//!   [`shown`]: the fields of a message, and how two differ.
//! - [`peers`]: the programs of `matrix/peers.yaml`, and the conversation with them.
//! - [`calls`]: what clients do at a node's remote door, and the nodes.
//! - `suites`: what a cell of each suite does. [`run`](run()): all of them, in parallel. `behaviour`, `versions`: cells that
//!   other programs of compat-tests run.
//! - [`known`]: cells that are known to fail. [`mutants`]: planned mistakes.
//! - [`report`]: table, JSON, JUnit and HTML. [`cli`]: the commands.

pub mod axes;
pub mod calls;
pub mod cli;
pub mod known;
pub mod mutants;
mod packed;
pub mod peers;
pub mod report;
pub mod schemas;
pub mod shown;
pub mod values;

mod behaviour;
mod expand;
mod run;
mod suites;
mod versions;

pub use run::{Context, Folders, run};
pub use suites::golden::write_all as write_golden;

use axes::Cell;

/// What became of one cell.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The cell.
    pub cell: Cell,
    /// Why it failed; `None` = it passed.
    pub failure: Option<String>,
    /// Why the failure is known.
    pub known: Option<String>,
    /// How long it took.
    pub ms: u64,
}

impl Outcome {
    /// It failed, and nobody knew that it would.
    pub fn is_bad(&self) -> bool {
        self.failure.is_some() && self.known.is_none()
    }
}

/// Reads a YAML file of the matrix.
///
/// # Errors
/// A sentence that names the file, and the line.
fn load<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> Result<T, String> {
    let say = |problem: String| format!("{}: {problem}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| say(e.to_string()))?;
    serde_yaml_ng::from_str(&text).map_err(|e| say(e.to_string()))
}
