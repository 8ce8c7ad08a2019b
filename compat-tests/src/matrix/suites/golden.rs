//! The committed bytes of each writer: every reader reads them, and the writer still writes them.

use std::path::PathBuf;

use super::{Written, envelope};
use crate::matrix::axes::Cell;
use crate::matrix::run::Context;
use crate::matrix::schemas::ENVELOPE;

fn path(context: &Context, cell: &Cell) -> PathBuf {
    // Both programs of Go are the same source.
    let writer = match cell.writer.as_str() {
        "go-nocgo" => "go",
        writer => writer,
    };
    let name = cell.case_name().replace(' ', "-");
    context
        .root
        .join("compat-tests/matrix/golden")
        .join(writer)
        .join(format!("{name}.bin"))
}

pub(super) fn write(context: &Context, cell: &Cell) -> Result<Written, String> {
    envelope::write(context, cell)
}

pub(super) fn read(context: &Context, cell: &Cell, written: &Written) -> Result<(), String> {
    let path = path(context, cell);
    let golden = std::fs::read(&path).map_err(|e| format!("{}: {e}; `compat golden` writes it", path.display()))?;
    let (schema, _) = super::versions(cell);
    if cell.reader == cell.writer && golden != written.bytes {
        let was = context.schemas.show(schema, ENVELOPE, &golden)?;
        was.check(
            &context.schemas.show(schema, ENVELOPE, &written.bytes)?,
            "what is written now",
        )?;
        return Err(format!(
            "{} writes the same fields in other bytes than {}; `compat golden` takes them over",
            cell.writer,
            path.display()
        ));
    }
    let golden = Written {
        bytes: golden,
        meant: written.meant.clone(),
        message: written.message.clone(),
        message_meant: written.message_meant.clone(),
    };
    envelope::read(context, cell, &golden)
}

/// Writes the golden bytes of all writers anew, and says how many files there are.
///
/// # Errors
/// A sentence that names the cell, or the file.
pub fn write_all(context: &Context, cells: &[Cell]) -> Result<usize, String> {
    let own = cells.iter().filter(|c| c.suite == "golden" && c.writer == c.reader);
    let mut files = 0;
    for cell in own.filter(|c| c.writer != "go-nocgo") {
        let written = envelope::write(context, cell).map_err(|e| format!("{cell}: {e}"))?;
        let path = path(context, cell);
        let say = |e: std::io::Error| format!("{}: {e}", path.display());
        std::fs::create_dir_all(path.parent().expect("a folder")).map_err(say)?;
        std::fs::write(&path, &written.bytes).map_err(say)?;
        files += 1;
    }
    Ok(files)
}
