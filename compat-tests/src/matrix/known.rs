//! Cells that are known to fail: they do not fail a run, but one that passes does, so that the list never lies.

use std::path::Path;

use serde::Deserialize;

use super::Outcome;

/// An entry of the list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Cells whose name contains this text.
    pub cell: String,
    /// What is missing.
    pub reason: String,
}

/// Reads the list.
///
/// # Errors
/// A sentence that names the file.
pub fn load(root: &Path) -> Result<Vec<Known>, String> {
    super::load(&root.join("compat-tests/matrix/known-failing.yaml"))
}

/// Marks the outcomes that the list names; one that passed fails.
pub fn apply(known: &[Known], outcomes: &mut [Outcome]) {
    for outcome in outcomes {
        let name = outcome.cell.to_string();
        let Some(known) = known.iter().find(|k| name.contains(&k.cell)) else {
            continue;
        };
        match outcome.failure {
            Some(_) => outcome.known = Some(known.reason.clone()),
            None => outcome.failure = Some("it passed: take it out of matrix/known-failing.yaml".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::axes::Cell;

    fn outcome(reader: &str, failure: Option<&str>) -> Outcome {
        let cell = Cell {
            suite: "envelope".into(),
            case: vec![("kind".into(), "ask".into())],
            writer: "go".into(),
            reader: reader.into(),
        };
        Outcome {
            cell,
            failure: failure.map(str::to_owned),
            known: None,
            ms: 0,
        }
    }

    #[test]
    fn a_known_failure_is_not_bad_and_an_unexpected_pass_is() {
        let known = [Known {
            cell: "ask: go -> c".into(),
            reason: "C has no ask".into(),
        }];
        let mut outcomes = [
            outcome("c", Some("wrong")),
            outcome("c", None),
            outcome("rust", Some("wrong")),
        ];
        apply(&known, &mut outcomes);
        assert_eq!(outcomes.each_ref().map(Outcome::is_bad), [false, true, true]);
    }
}
