//! The cells: the axes of `matrix/axes.yaml`, multiplied, without those that a rule leaves out.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_yaml_ng::{Mapping, Value};

use super::expand;
use super::peers::Peer;

/// One cell: a case of a suite, who writes and who reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The suite's name.
    pub suite: String,
    /// Each axis and its value, in the order of the file.
    pub case: Vec<(String, String)>,
    /// Who writes; empty where nobody does.
    pub writer: String,
    /// Who reads.
    pub reader: String,
}

impl Cell {
    /// The value of an axis; empty if the suite has no such axis.
    pub fn value(&self, axis: &str) -> &str {
        match axis {
            "writer" => &self.writer,
            "reader" => &self.reader,
            _ => self.case.iter().find(|(a, _)| a == axis).map_or("", |(_, v)| v),
        }
    }

    /// The values of all axes but writer and reader.
    pub fn case_name(&self) -> String {
        let values: Vec<&str> = self.case.iter().map(|(_, v)| v.as_str()).collect();
        values.join(" ")
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (suite, case) = (&self.suite, self.case_name());
        match self.writer.as_str() {
            "" => write!(f, "{suite}: {case}: {}", self.reader),
            writer => write!(f, "{suite}: {case}: {writer} -> {}", self.reader),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    axes: Mapping,
    #[serde(default)]
    skip: Vec<Rule>,
    #[serde(default)]
    smoke: Vec<Where>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(rename = "where")]
    holds: Where,
    why: String,
}

/// Axis → the values for which it holds.
type Where = BTreeMap<String, OneOrMore>;

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    More(Vec<Value>),
    One(Value),
}

impl OneOrMore {
    fn texts(&self) -> Vec<String> {
        match self {
            Self::More(values) => values.iter().map(text).collect(),
            Self::One(value) => vec![text(value)],
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_yaml_ng::to_string(other)
            .unwrap_or_default()
            .trim_end()
            .to_owned(),
    }
}

/// What to run of the matrix.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Only the smoke slice.
    pub smoke: bool,
    /// Only cells whose name contains this text.
    pub filter: String,
}

/// All cells that are chosen, in the order of the file.
///
/// # Errors
/// A sentence that names the file, and the line or the rule.
pub fn cells(root: &Path, peers: &[Peer], choice: &Choice) -> Result<Vec<Cell>, String> {
    let path = root.join("compat-tests/matrix/axes.yaml");
    let file: Mapping = super::load(&path)?;
    let mut cells = Vec::new();
    for (name, suite) in file {
        let name = text(&name);
        let say = |problem: String| format!("{}: {name}: {problem}", path.display());
        let suite: Suite = serde_yaml_ng::from_value(suite).map_err(|e| say(e.to_string()))?;
        check(&suite).map_err(say)?;
        let mut all = product(&name, &suite, peers);
        all = expand::expand(root, &name, all)?;
        all.retain(|c| !suite.skip.iter().any(|rule| holds(&rule.holds, c)));
        let is_smoke = |c: &Cell| suite.smoke.is_empty() || suite.smoke.iter().any(|slice| holds(slice, c));
        all.retain(|c| !choice.smoke || is_smoke(c));
        all.retain(|c| c.to_string().contains(&choice.filter));
        cells.extend(all);
    }
    Ok(cells)
}

/// Axes that no suite lists; the last four are of those whose cells are named elsewhere.
const NOT_LISTED: [&str; 6] = ["writer", "reader", "file", "case", "size", "content"];

fn check(suite: &Suite) -> Result<(), String> {
    let mut axes: Vec<String> = suite.axes.keys().map(text).collect();
    axes.extend(NOT_LISTED.map(str::to_owned));
    let rules = suite.skip.iter().map(|r| (&r.holds, r.why.as_str()));
    for (holds, why) in rules.chain(suite.smoke.iter().map(|slice| (slice, "smoke"))) {
        if let Some(axis) = holds.keys().find(|a| !axes.contains(a)) {
            return Err(format!("the rule {why:?} names the axis {axis}, which there is not"));
        }
    }
    Ok(())
}

fn holds(rule: &Where, cell: &Cell) -> bool {
    rule.iter()
        .all(|(axis, values)| values.texts().iter().any(|v| v == cell.value(axis)))
}

fn product(name: &str, suite: &Suite, peers: &[Peer]) -> Vec<Cell> {
    let mut cases: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (axis, values) in &suite.axes {
        let values = values.as_sequence().cloned().unwrap_or_default();
        cases = cases
            .iter()
            .flat_map(|case| {
                values.iter().map(|value| {
                    let mut case = case.clone();
                    case.push((text(axis), text(value)));
                    case
                })
            })
            .collect();
    }
    let doing = |what: &str| -> Vec<String> {
        let does = peers.iter().filter(|p| p.does.iter().any(|s| s == what));
        does.map(|p| p.name.clone()).collect()
    };
    let (writers, readers) = match name {
        "corpus" | "limits" | "forms" => (vec![String::new()], doing(name)),
        "call" => (doing(name), doing("serve")),
        // Whoever reads envelopes reads the committed ones too.
        "golden" => (doing(name), doing("envelope")),
        _ => (doing(name), doing(name)),
    };
    let mut cells = Vec::new();
    for case in cases {
        for writer in &writers {
            for reader in &readers {
                cells.push(Cell {
                    suite: name.to_owned(),
                    case: case.clone(),
                    writer: writer.clone(),
                    reader: reader.clone(),
                });
            }
        }
    }
    cells
}
