//! What is printed: a table of cases and pairs, then each failure in full.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Outcome;

/// The table, the failures, and the closing line `N passed, M failed`.
pub fn render(outcomes: &[Outcome], order: &[String]) -> String {
    let mut columns: Vec<String> = Vec::new();
    let mut cells: BTreeMap<(&str, String), &Outcome> = BTreeMap::new();
    for outcome in outcomes {
        let column = outcome.pair.to_string();
        if !columns.contains(&column) {
            columns.push(column.clone());
        }
        cells.insert((&outcome.case, column), outcome);
    }
    columns.sort_by_key(|c| {
        (
            ["memory", "native", "tcp", "unix"]
                .iter()
                .position(|d| c.starts_with(d)),
            c.clone(),
        )
    });
    let mut out = String::new();
    for (i, column) in columns.iter().enumerate() {
        let _ = writeln!(out, "{}{column}", "  |".repeat(i) + "  ");
    }
    for name in order {
        if !columns.iter().any(|c| cells.contains_key(&(name.as_str(), c.clone()))) {
            continue;
        }
        for column in &columns {
            let mark = match cells.get(&(name.as_str(), column.clone())) {
                None => "  ·",
                Some(outcome) if outcome.failure.is_none() => "  +",
                Some(outcome) if outcome.known.is_some() => "  k",
                Some(_) => "  X",
            };
            out.push_str(mark);
        }
        let _ = writeln!(out, "  {name}");
    }
    let (known, failed): (Vec<&Outcome>, Vec<&Outcome>) = outcomes
        .iter()
        .filter(|o| o.failure.is_some())
        .partition(|o| o.known.is_some());
    for (what, outcomes) in [("known ", &known), ("FAILED", &failed)] {
        for outcome in outcomes {
            let why = outcome.known.as_ref().or(outcome.failure.as_ref());
            let why = why.map_or("", String::as_str);
            let _ = write!(out, "\n{what} {} {}\n       {why}", outcome.pair, outcome.case);
        }
    }
    let passed = outcomes.len() - known.len() - failed.len();
    if !known.is_empty() {
        let _ = write!(out, "\n\n{} known failures (cases/known-failures.yaml)", known.len());
    }
    let _ = write!(out, "\n\n{passed} passed, {} failed", failed.len());
    out
}

/// The same for programs: a list of `{case, pair, passed, failure, ms}`.
pub fn json(outcomes: &[Outcome]) -> Value {
    let row = |o: &Outcome| {
        json!({
            "case": o.case,
            "pair": o.pair.to_string(),
            "passed": o.failure.is_none(),
            "failure": o.failure,
            "known": o.known,
            "ms": o.took.as_millis() as u64,
        })
    };
    Value::Array(outcomes.iter().map(row).collect())
}
