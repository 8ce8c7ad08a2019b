//! The committed bytes of compat-tests/golden: read alike, or refused with the code that their index says.

use compat_matrix_rust::peerpb::answer::Result as Said;
use compat_matrix_rust::peerpb::order::Order;
use compat_matrix_rust::peerpb::{ReadEnvelope, ReadSnapshot};

use super::{Written, same, seen};
use crate::matrix::axes::Cell;
use crate::matrix::peers::{Schema, brief};
use crate::matrix::run::Context;
use crate::matrix::schemas::ENVELOPE;
use crate::matrix::shown::Shown;

pub(super) fn write(context: &Context, cell: &Cell) -> Result<Written, String> {
    let file = path(context, cell).join(cell.value("file"));
    let bytes = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let meant = match cell.value("folder") {
        "envelopes" => context.schemas.show(Schema::V1, ENVELOPE, &bytes)?.known(),
        _ => Shown::default(),
    };
    Ok(Written {
        bytes,
        meant,
        ..Written::default()
    })
}

fn path(context: &Context, cell: &Cell) -> std::path::PathBuf {
    context.root.join("compat-tests/golden").join(cell.value("folder"))
}

pub(super) fn read(context: &Context, cell: &Cell, written: &Written) -> Result<(), String> {
    let reader = &cell.reader;
    let snapshots = cell.value("folder") == "snapshots";
    let bytes = written.bytes.clone().into();
    let order = match snapshots {
        true => Order::ReadSnapshot(ReadSnapshot {
            path: "keeper/1".into(),
            snapshot: bytes,
        }),
        false => Order::ReadEnvelope(ReadEnvelope { envelope: bytes }),
    };
    let said = context.peers.order(reader, Schema::V1, order)?;
    match (refused(context, cell)?, said) {
        (Some(code), Said::Refused(said)) if said == code => Ok(()),
        (Some(code), said) => Err(format!(
            "{reader} should have refused it with {code}, and {}",
            brief(&said)
        )),
        (None, said) => {
            let seen = seen(said, reader)?;
            written
                .meant
                .check(&Shown::of(&seen.fields), &format!("{reader} read"))?;
            let passed_on = seen.passed_on.as_deref().unwrap_or(&written.bytes);
            same(context, 0, Schema::V1, ENVELOPE, &written.bytes, passed_on)
        }
    }
}

/// The code with which the index says that this file is refused.
fn refused(context: &Context, cell: &Cell) -> Result<Option<String>, String> {
    let path = path(context, cell).join("index.txt");
    let index = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let name = cell.value("file").split('.').next().unwrap_or_default();
    let entry = index
        .split("\n\n")
        .find(|entry| entry.trim_start().split([':', '\n']).next() == Some(name))
        .ok_or_else(|| format!("{} has no {name}", path.display()))?;
    Ok(entry
        .lines()
        .find_map(|line| line.strip_prefix("refused CODE_"))
        .map(|rest| rest.split([' ', ':']).next().unwrap_or_default().to_owned()))
}
