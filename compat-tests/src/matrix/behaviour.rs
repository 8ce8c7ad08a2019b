//! Cells that are cases of two nodes: `runner` runs them, as `compat` does without the matrix. The suite `behaviour` has the
//! cases of `cases/behaviour.yaml`, the suite `traffic` those that `matrix/values.yaml` has steps for.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::Outcome;
use super::axes::Cell;
use super::expand::is_of;
use super::run::Folders;
use super::values;
use crate::cases::{self, Case, Later, Only};
use crate::runner::compression::LEAST;
use crate::runner::pair::Pair;
use crate::runner::{self, Programs, known};
use crate::schema::Schema;

/// Runs the cells with programs of `make compat-peers`; the outcomes are in their order.
///
/// # Errors
/// A sentence: nothing could be run.
pub(super) fn run(folders: &Folders, programs: &Programs, cells: Vec<Cell>) -> Result<Vec<Outcome>, String> {
    if cells.is_empty() {
        return Ok(Vec::new());
    }
    let root = &folders.root;
    let mut cases = cases::load(&root.join("compat-tests/cases/behaviour.yaml"))?;
    cases.retain(|case| cells.iter().any(|cell| case_of(cell) == case.name));
    let values = values::load(root)?;
    for cell in cells.iter().filter(|cell| cell.suite == "traffic") {
        let name = case_of(cell);
        if !cases.iter().any(|case| case.name == name) {
            cases.push(traffic(&values, cell, name)?);
        }
    }
    let mut pairs = Pair::of_traffic();
    pairs.retain(|pair| cells.iter().any(|cell| is_of(cell, *pair)));
    let schema = Schema::load(root)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let mut came = runtime.block_on(runner::run(programs, &schema, &cases, &pairs))?;
    let listed = known::load(&root.join("compat-tests/cases/known-failures.yaml"))?;
    known::apply(&listed, &mut came);
    Ok(cells.into_iter().map(|cell| outcome(cell, &came)).collect())
}

/// The name of a cell's case.
fn case_of(cell: &Cell) -> String {
    match cell.suite.as_str() {
        "traffic" => cell.to_string(),
        _ => cell.value("case").to_owned(),
    }
}

fn traffic(values: &values::Values, cell: &Cell, name: String) -> Result<Case, String> {
    let (kind, content) = (cell.value("kind"), cell.value("content"));
    let steps = match (content, cell.value("compression")) {
        ("raw", "none") => &values.raw_traffic,
        ("raw", _) => &values.compressed_raw_traffic,
        (_, "none") => &values.traffic,
        _ => &values.compressed_traffic,
    };
    let steps = steps.get(kind).ok_or(format!("no steps for {kind}"))?.clone();
    let size: usize = cell.value("size").parse().map_err(|e| format!("a size: {e}"))?;
    let (kind, content) = (kind.to_owned(), content.to_owned());
    let (random, compressed) = (
        cell.value("fill") == "random",
        compressed(cell, size).map(str::to_owned),
    );
    let make = move || {
        let fill = values::fill(size);
        let fields = match random {
            true => json!({ "data": values::random(size) }),
            false => json!({ "text": fill }),
        };
        let places = BTreeMap::from([
            ("fill", json!(fill)),
            ("{size}", json!(size)),
            ("{codec}", json!(content)),
            ("{fields}", fields),
            ("{compressed}", json!(compressed)),
        ]);
        serde_json::from_value(values::placed(&steps, &places)).map_err(|e| format!("the steps of {kind}: {e}"))
    };
    Ok(Case {
        name,
        only: Only {
            doors: vec![cell.value("door").to_owned()],
            here: vec![cell.writer.clone()],
            there: vec![cell.reader.clone()],
            compression: vec![cell.value("compression").to_owned()],
        },
        fresh: false,
        steps: Vec::new(),
        later: Some(Later(Arc::new(make))),
    })
}

/// What its payload must come compressed by: over the native door, and where it would not become smaller, by nothing.
fn compressed(cell: &Cell, size: usize) -> Option<&str> {
    let is_plain = size < LEAST || cell.value("fill") == "random" || cell.value("door") == "native";
    Some(cell.value("compression")).filter(|by| *by != "none" && !is_plain)
}

fn outcome(cell: Cell, came: &[runner::Outcome]) -> Outcome {
    let name = case_of(&cell);
    let Some(outcome) = came.iter().find(|o| o.case == name && is_of(&cell, o.pair)) else {
        return Outcome {
            cell,
            failure: Some("no such case was run over this pair".into()),
            known: None,
            ms: 0,
        };
    };
    Outcome {
        cell,
        failure: outcome.failure.clone(),
        known: outcome.known.clone(),
        ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
    }
}
