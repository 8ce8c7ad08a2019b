//! What is read besides what is written, and what is refused: golden/codecs/accepted.json and refused.json.

use std::path::Path;

use compat_matrix_rust::peerpb::Convert;
use compat_matrix_rust::peerpb::answer::Result as Said;
use compat_matrix_rust::peerpb::order::Order;
use compat_peer::ops::from_hex;
use serde::Deserialize;

use super::content_type;
use crate::matrix::axes::Cell;
use crate::matrix::peers::{Schema, brief};
use crate::matrix::run::Context;

/// A payload of one of the files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::matrix) struct Case {
    /// `json` or `msgpack`.
    pub(in crate::matrix) codec: String,
    /// What it has.
    pub(in crate::matrix) name: String,
    /// Text, or hex of MessagePack.
    #[serde(default)]
    payload: String,
    /// Texts, and how often each is there, instead.
    #[serde(default)]
    parts: Vec<(String, usize)>,
    /// Hex of JSON that is no UTF-8, instead.
    #[serde(default)]
    hex: String,
    /// The JSON of what it means. Default: not said.
    #[serde(default)]
    means: String,
}

impl Case {
    fn bytes(&self) -> Result<Vec<u8>, String> {
        let text: String = self.parts.iter().map(|(text, times)| text.repeat(*times)).collect();
        let text = self.payload.clone() + &text;
        match (self.hex.is_empty(), self.codec.as_str()) {
            (false, _) => from_hex(&self.hex),
            (true, "msgpack") => from_hex(&text),
            (true, _) => Ok(text.into_bytes()),
        }
    }
}

/// Reads the file of this answer, `accepted` or `refused`.
///
/// # Errors
/// A sentence that names it.
pub(in crate::matrix) fn load(root: &Path, answer: &str) -> Result<Vec<Case>, String> {
    let path = root.join(format!("compat-tests/golden/codecs/{answer}.json"));
    let say = |problem: String| format!("{}: {problem}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|e| say(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| say(e.to_string()))
}

pub(super) fn read(context: &Context, cell: &Cell) -> Result<(), String> {
    let (answer, name, reader) = (cell.value("answer"), cell.value("case"), &cell.reader);
    let cases = load(&context.root, answer)?;
    let is_meant = |case: &&Case| case.name == name && case.codec == cell.value("content");
    let case = cases.iter().find(is_meant).ok_or("no such case")?;
    let decoded = |from: u32, message: Vec<u8>| {
        let (message, to) = (message.into(), 0);
        let order = Order::Convert(Convert { message, from, to });
        context.peers.order(reader, Schema::V1, order)
    };
    match (answer, decoded(content_type(cell), case.bytes()?)?) {
        ("refused", Said::Refused(code)) if code == "UNDECODABLE" => Ok(()),
        ("accepted", Said::Written(_)) if case.means.is_empty() => Ok(()),
        ("accepted", Said::Written(came)) => match decoded(1, case.means.clone().into_bytes())? {
            Said::Written(meant) if meant == came => Ok(()),
            _ => Err(format!("{reader} reads something else in it than {}", case.means)),
        },
        (_, said) => Err(format!("{reader} should have {answer} it, and {}", brief(&said))),
    }
}
