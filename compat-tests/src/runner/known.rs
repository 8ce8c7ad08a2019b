//! Failures that are known: they do not fail a run, but one that passes unexpectedly does, so that the list never lies.

use std::path::Path;

use serde::Deserialize;

use super::Outcome;

/// A case that fails over some pairs, and why.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The case's name.
    pub case: String,
    /// Where: pairs whose name contains this text.
    pub pair: String,
    /// What is missing.
    pub reason: String,
}

/// Reads the list.
///
/// # Errors
/// A sentence that names the file.
pub fn load(path: &Path) -> Result<Vec<Known>, String> {
    let say = |problem: String| format!("{}: {problem}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| say(e.to_string()))?;
    serde_yaml_ng::from_str(&text).map_err(|e| say(e.to_string()))
}

/// Marks the outcomes that the list names; one that passed fails.
pub fn apply(known: &[Known], outcomes: &mut [Outcome]) {
    for outcome in outcomes {
        let pair = outcome.pair.to_string();
        let meant = |k: &&Known| k.case == outcome.case && pair.contains(&k.pair);
        let Some(known) = known.iter().find(meant) else {
            continue;
        };
        if outcome.failure.is_some() {
            outcome.known = Some(known.reason.clone());
        } else {
            outcome.failure = Some("it passed: take it out of cases/known-failures.yaml".into());
        }
    }
}
