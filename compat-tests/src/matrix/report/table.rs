//! For the terminal: a table of writers and readers for each suite, then what failed.

use std::fmt::Write as _;

use super::{Run, each};
use crate::matrix::Outcome;

/// Failures that are printed in full; the files have all.
const MAX_FAILURES: usize = 40;

/// The tables, the failures, and the closing line `N passed, M failed`.
pub fn table(run: &Run<'_>) -> String {
    let mut out = String::new();
    for suite in run.suites() {
        suite_table(&mut out, suite, &run.of_suite(suite));
    }
    for outcome in run.outcomes.iter().filter(|o| o.known.is_some()) {
        let reason = outcome.known.as_deref().unwrap_or_default();
        let _ = writeln!(out, "known  {}\n       {reason}", outcome.cell);
    }
    let failed: Vec<&Outcome> = run.outcomes.iter().filter(|o| o.is_bad()).collect();
    for outcome in failed.iter().take(MAX_FAILURES) {
        let failure = outcome.failure.as_deref().unwrap_or_default();
        let _ = writeln!(out, "FAILED {}\n       {failure}", outcome.cell);
    }
    if failed.len() > MAX_FAILURES {
        let _ = writeln!(out, "and {} more; --json FILE has all", failed.len() - MAX_FAILURES);
    }
    let summary = run.summary;
    let names: Vec<&str> = run.peers.iter().map(|p| p.name.as_str()).collect();
    let _ = writeln!(
        out,
        "{} cells, {} known to fail, {} skipped; peers: {}",
        run.outcomes.len(),
        summary.known_failing,
        summary.skipped,
        names.join(", ")
    );
    let _ = write!(out, "{} passed, {} failed", summary.passed, summary.failed);
    out
}

/// A row for each writer, a column for each reader: how many cells passed, and of how many.
fn suite_table(out: &mut String, suite: &str, outcomes: &[&Outcome]) {
    let readers = each(outcomes, |o| o.cell.reader.clone());
    let writers = each(outcomes, |o| o.cell.writer.clone());
    let _ = write!(out, "{suite:<22}");
    for reader in &readers {
        let _ = write!(out, "{reader:>12}");
    }
    out.push('\n');
    for writer in &writers {
        let of = if writer.is_empty() { "(committed bytes)" } else { writer };
        let _ = write!(out, "  {of:<20}");
        for reader in &readers {
            let cells = outcomes
                .iter()
                .filter(|o| &o.cell.writer == writer && &o.cell.reader == reader);
            let (total, bad) = cells.fold((0, 0), |(n, bad), o| (n + 1, bad + usize::from(o.failure.is_some())));
            let text = match (total, bad) {
                (0, _) => "·".to_owned(),
                (_, 0) => total.to_string(),
                _ => format!("{}/{total} X", total - bad),
            };
            let _ = write!(out, "{text:>12}");
        }
        out.push('\n');
    }
    out.push('\n');
}
