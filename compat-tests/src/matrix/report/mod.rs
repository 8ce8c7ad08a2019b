//! What is said of a run: a table, and files for programs and people.

mod files;
mod html;
mod table;

pub use files::{json, junit};
pub use html::html;
pub use table::table;

use super::Outcome;
use super::peers::Peer;

/// The counts of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cells that passed.
    pub passed: usize,
    /// Cells that failed, and nobody knew that they would.
    pub failed: usize,
    /// Cells that failed as known.
    pub known_failing: usize,
    /// Cells of peers that were left out by `--without`.
    pub skipped: usize,
}

impl Summary {
    /// The counts of these outcomes.
    pub fn of(outcomes: &[Outcome], skipped: usize) -> Self {
        let failed = outcomes.iter().filter(|o| o.is_bad()).count();
        let known_failing = outcomes.iter().filter(|o| o.known.is_some()).count();
        Self {
            passed: outcomes.len() - failed - known_failing,
            failed,
            known_failing,
            skipped,
        }
    }
}

/// A run, as the reports need it.
#[derive(Debug)]
pub struct Run<'a> {
    /// All cells that ran.
    pub outcomes: &'a [Outcome],
    /// Their counts.
    pub summary: Summary,
    /// Who took part.
    pub peers: &'a [Peer],
}

impl Run<'_> {
    fn suites(&self) -> Vec<&str> {
        let mut suites: Vec<&str> = Vec::new();
        for outcome in self.outcomes {
            if suites.last() != Some(&outcome.cell.suite.as_str()) {
                suites.push(&outcome.cell.suite);
            }
        }
        suites
    }

    fn of_suite(&self, suite: &str) -> Vec<&Outcome> {
        self.outcomes.iter().filter(|o| o.cell.suite == suite).collect()
    }
}

/// The names in these outcomes, each once, in the order in which they first come.
fn each<'a>(outcomes: &[&'a Outcome], name: impl Fn(&'a Outcome) -> String) -> Vec<String> {
    let mut names = Vec::new();
    for outcome in outcomes {
        let name = name(outcome);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
