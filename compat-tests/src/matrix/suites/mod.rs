//! What a cell of each suite does: the writer writes once, then each reader reads, and what it says is judged.
//!
//! - [`envelope`], [`message`]: encoded and decoded. [`corpus`]: the committed bytes of compat-tests/golden.
//! - [`kinds`]: every kind of field in each codec. [`forms`]: what else is read of a codec, and what is refused.
//! - [`golden`]: the committed bytes of each writer. [`snapshot`]: written, damaged, restored.
//! - [`call`]: messages by a node's remote door.

pub(super) mod forms;
pub(super) mod golden;
pub(super) mod kinds;

mod call;
mod corpus;
mod envelope;
mod message;
mod snapshot;

use compat_matrix_rust::peerpb::Seen;
use compat_matrix_rust::peerpb::answer::Result as Said;

use super::axes::Cell;
use super::peers::{Schema, brief};
use super::run::Context;
use super::schemas::ENVELOPE;
use super::shown::Shown;

/// What the writer of a case has written, and what readers have to see in it.
#[derive(Debug, Default)]
pub(super) struct Written {
    bytes: Vec<u8>,
    meant: Shown,
    /// Of an envelope: its message, and the fields of that.
    message: Vec<u8>,
    message_meant: Shown,
}

pub(super) fn write(context: &Context, cell: &Cell) -> Result<Written, String> {
    match cell.suite.as_str() {
        "envelope" => envelope::write(context, cell),
        "message" => message::write(context, cell),
        "kinds" => kinds::write(context, cell),
        "corpus" | "limits" => corpus::write(context, cell),
        "golden" => golden::write(context, cell),
        "snapshot" => snapshot::write(context, cell),
        "call" | "forms" => Ok(Written::default()),
        other => Err(format!("no suite is named {other}")),
    }
}

pub(super) fn read(context: &Context, cell: &Cell, written: &Written) -> Result<(), String> {
    match cell.suite.as_str() {
        "message" => message::read(context, cell, written),
        "kinds" => kinds::read(context, cell, written),
        "forms" => forms::read(context, cell),
        "corpus" | "limits" => corpus::read(context, cell, written),
        "snapshot" => snapshot::read(context, cell, written),
        "golden" => golden::read(context, cell, written),
        "call" => call::read(context, cell),
        _ => envelope::read(context, cell, written),
    }
}

/// The versions of the schema at writer and reader.
fn versions(cell: &Cell) -> (Schema, Schema) {
    match cell.value("version") {
        "v1-v1" => (Schema::V1, Schema::V1),
        "v1-v2" => (Schema::V1, Schema::V2),
        "v2-v1" => (Schema::V2, Schema::V1),
        _ => (Schema::V2, Schema::V2),
    }
}

/// The content type of the cell's message, as in an envelope. Raw bytes have no message.
fn content_type(cell: &Cell) -> u32 {
    match cell.value("content") {
        "json" => 1,
        "msgpack" => 2,
        _ => 0,
    }
}

fn size(cell: &Cell) -> Result<usize, String> {
    let size = cell.value("size");
    size.parse().map_err(|e| format!("the size {size:?}: {e}"))
}

/// What a reader has seen, or a sentence.
fn seen(said: Said, reader: &str) -> Result<Seen, String> {
    match said {
        Said::Seen(seen) => Ok(seen),
        Said::Refused(code) => Err(format!("{reader} refused it with {code}")),
        said => Err(format!("{reader} should have read it, and {}", brief(&said))),
    }
}

/// Is what a reader passes on the same message, unknown fields included?
fn same(
    context: &Context,
    content_type: u32,
    schema: Schema,
    name: &str,
    came: &[u8],
    passed_on: &[u8],
) -> Result<(), String> {
    if came == passed_on {
        return Ok(());
    }
    let before = context.schemas.show_in(content_type, schema, name, came)?;
    let after = context.schemas.show_in(content_type, schema, name, passed_on);
    let what = if name == ENVELOPE {
        "the envelope"
    } else {
        "the message"
    };
    before.check(&after?, &format!("what is passed on of {what}"))
}
