//! The cells of compat-tests/versions: its program runs all of them, and prints a line for each.

use std::process::Command;

use super::Outcome;
use super::axes::Cell;
use super::run::Folders;

/// Runs the program, and finds the cells in what it prints.
///
/// # Errors
/// A sentence: it does not start.
pub(super) fn run(folders: &Folders, cells: Vec<Cell>) -> Result<Vec<Outcome>, String> {
    if cells.is_empty() {
        return Ok(Vec::new());
    }
    let programs = folders.out.join("versions");
    let program = programs.join("versions");
    let sockets = std::env::temp_dir().join(format!("ab-matrix-{}", std::process::id()));
    std::fs::create_dir_all(&sockets).map_err(|e| format!("{}: {e}", sockets.display()))?;
    let done = Command::new(&program)
        .arg("--programs")
        .arg(&programs)
        .arg("--expected")
        .arg(folders.root.join("compat-tests/versions/expected.txt"))
        .arg("--sockets")
        .arg(&sockets)
        .output();
    let _ = std::fs::remove_dir_all(&sockets);
    let done = done.map_err(|e| {
        let program = program.display();
        format!("{program} does not start: {e}; `make matrix-peers` builds it")
    })?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let why = String::from_utf8_lossy(&done.stderr).into_owned();
    Ok(cells.into_iter().map(|cell| outcome(cell, &said, &why)).collect())
}

/// A line such as `ok     tcp    json     go1 -> rust2`; behind one that failed are what was expected and what was said.
fn outcome(cell: Cell, said: &str, why: &str) -> Outcome {
    let (writer, reader) = cell.value("version").split_once('-').unwrap_or_default();
    let side = |language: &str, version: &str| format!("{language}{}", version.trim_start_matches('v'));
    let meant = [
        cell.value("door").to_owned(),
        cell.value("content").to_owned(),
        side(&cell.writer, writer),
        "->".into(),
        side(&cell.reader, reader),
    ];
    let mut lines = said.lines();
    let found = lines.find(|line| line.split_whitespace().skip(1).eq(meant.iter().map(String::as_str)));
    let failure = match found {
        Some(line) if line.starts_with("ok ") => None,
        Some(_) => {
            let rest: Vec<&str> = lines.take_while(|line| line.starts_with("  ")).collect();
            Some(rest.join("\n"))
        }
        None => Some(format!("it was not run: {}", why.trim())),
    };
    Outcome {
        cell,
        failure,
        known: None,
        ms: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(version: &str) -> Cell {
        Cell {
            suite: "versions".into(),
            case: [("door", "tcp"), ("content", "json"), ("version", version)]
                .map(|(axis, value)| (axis.to_owned(), value.to_owned()))
                .into(),
            writer: "go".into(),
            reader: "rust".into(),
        }
    }

    #[test]
    fn a_cell_is_found_by_its_line_and_fails_with_what_follows_it() {
        let said = "ok     tcp    json go1 -> rust1\nFAILED tcp    json go1 -> rust2\n  expected:\n    a\nok     tcp    json rust1 -> go2\n";
        assert_eq!(outcome(cell("v1-v1"), said, "").failure, None);
        assert_eq!(
            outcome(cell("v1-v2"), said, "").failure.as_deref(),
            Some("  expected:\n    a")
        );
        let missing = outcome(cell("v2-v1"), said, "no such program\n").failure;
        assert_eq!(missing.as_deref(), Some("it was not run: no such program"));
    }
}
