//! Each message of golden/codecs/equal.json, by one peer from protobuf into a codec, by another one back.

use std::path::Path;

use compat_matrix_rust::peerpb::Convert;
use compat_matrix_rust::peerpb::answer::Result as Said;
use compat_matrix_rust::peerpb::order::Order;
use compat_peer::ops::from_hex;
use serde::Deserialize;
use serde_json::Value;

use super::{Written, content_type};
use crate::matrix::axes::Cell;
use crate::matrix::peers::{Schema, brief};
use crate::matrix::run::Context;

/// A message of the file, which has it in JSON and MessagePack too.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::matrix) struct Case {
    /// What it has.
    pub(in crate::matrix) name: String,
    /// In hex.
    protobuf: String,
}

/// Reads the file.
///
/// # Errors
/// A sentence that names it.
pub(in crate::matrix) fn load(root: &Path) -> Result<Vec<Case>, String> {
    crate::matrix::load(&root.join("compat-tests/golden/codecs/equal.json"))
}

fn message(context: &Context, cell: &Cell) -> Result<Vec<u8>, String> {
    let cases = load(&context.root)?;
    let case = cases.iter().find(|case| case.name == cell.value("case"));
    from_hex(&case.ok_or("no such case")?.protobuf)
}

pub(super) fn write(context: &Context, cell: &Cell) -> Result<Written, String> {
    let order = Convert {
        message: message(context, cell)?.into(),
        from: 0,
        to: content_type(cell),
    };
    let bytes = context.peers.write(&cell.writer, Schema::V1, Order::Convert(order))?;
    Ok(Written {
        bytes,
        ..Written::default()
    })
}

pub(super) fn read(context: &Context, cell: &Cell, written: &Written) -> Result<(), String> {
    let order = Convert {
        message: written.bytes.clone().into(),
        from: content_type(cell),
        to: 0,
    };
    let shown = String::from_utf8_lossy(&written.bytes);
    let came = match context.peers.order(&cell.reader, Schema::V1, Order::Convert(order))? {
        Said::Written(bytes) => bytes,
        said => {
            return Err(format!(
                "{} should have read {shown:.200}, and {}",
                cell.reader,
                brief(&said)
            ));
        }
    };
    let fields = |bytes: &[u8]| context.messages.decode_as("Kinds", bytes);
    let (meant, came) = (fields(&message(context, cell)?)?, fields(&came)?);
    match differs(&meant, &came) {
        None => Ok(()),
        Some(field) => Err(format!(
            "{} read {field} {} from {shown:.200}, not {}",
            cell.reader, came[field], meant[field]
        )),
    }
}

/// The first field that one of two messages has otherwise.
fn differs<'a>(meant: &'a Value, came: &'a Value) -> Option<&'a String> {
    let names = [meant, came].into_iter().filter_map(Value::as_object);
    let mut names = names.flat_map(|fields| fields.keys());
    names.find(|name| meant.get(name) != came.get(name))
}
