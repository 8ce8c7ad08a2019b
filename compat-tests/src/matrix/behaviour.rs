//! The behaviour cases as cells of the matrix: run by `runner`, as `compat` runs them without the matrix.

use super::Outcome;
use super::axes::Cell;
use super::expand::is_of;
use super::run::Folders;
use crate::runner::pair::Pair;
use crate::runner::{self, Programs, known};
use crate::{cases, schema::Schema};

/// Runs the cells of the suite `behaviour`; the outcomes are in the order of the cells.
///
/// # Errors
/// A sentence: nothing could be run.
pub(super) fn run(folders: &Folders, cells: Vec<Cell>) -> Result<Vec<Outcome>, String> {
    if cells.is_empty() {
        return Ok(Vec::new());
    }
    let root = &folders.root;
    let mut cases = cases::load(&root.join("compat-tests/cases/behaviour.yaml"))?;
    cases.retain(|case| cells.iter().any(|cell| cell.value("case") == case.name));
    let mut pairs = Pair::all();
    pairs.retain(|pair| cells.iter().any(|cell| is_of(cell, *pair)));
    let schema = Schema::load(root)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let programs = Programs::of(&folders.peers);
    let mut came = runtime.block_on(runner::run(&programs, &schema, &cases, &pairs))?;
    let listed = known::load(&root.join("compat-tests/cases/known-failures.yaml"))?;
    known::apply(&listed, &mut came);
    let outcome = |cell: Cell| {
        let case = cell.value("case");
        let of_cell = came.iter().find(|o| o.case == case && is_of(&cell, o.pair));
        let ms = of_cell.map_or(0, |o| u64::try_from(o.took.as_millis()).unwrap_or(u64::MAX));
        let failure = match of_cell {
            Some(outcome) => outcome.failure.clone(),
            None => Some("the runner of the behaviour cases has left it out".into()),
        };
        let known = of_cell.and_then(|o| o.known.clone());
        Outcome {
            cell,
            failure,
            known,
            ms,
        }
    };
    Ok(cells.into_iter().map(outcome).collect())
}
