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
                Some(_) => "  X",
            };
            out.push_str(mark);
        }
        let _ = writeln!(out, "  {name}");
    }
    let failed: Vec<&Outcome> = outcomes.iter().filter(|o| o.failure.is_some()).collect();
    if !failed.is_empty() {
        out.push('\n');
    }
    for outcome in &failed {
        let _ = writeln!(
            out,
            "FAILED {} {}\n       {}",
            outcome.pair,
            outcome.case,
            outcome.failure.as_deref().unwrap_or("")
        );
    }
    let _ = write!(
        out,
        "\n{} passed, {} failed",
        outcomes.len() - failed.len(),
        failed.len()
    );
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
            "ms": o.took.as_millis() as u64,
        })
    };
    Value::Array(outcomes.iter().map(row).collect())
}
