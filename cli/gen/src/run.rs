//! Other programs.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use crate::problem::Problem;

/// What to do where a program of Rust or Go is missing; `None` for another program.
pub fn install(program: &str) -> Option<&'static str> {
    match program {
        "cargo" | "rustc" => Some("install Rust from https://rustup.rs"),
        "go" => Some("install Go 1.26 or newer from https://go.dev/dl"),
        _ => None,
    }
}

/// Why a command does not start: where its program is missing and [`install`] knows it, that says what to do, else `mend`.
pub fn not_started(command: &Command, error: &io::Error, mend: &str) -> Problem {
    let program = command.get_program().to_string_lossy();
    match install(&program) {
        Some(mend) if error.kind() == io::ErrorKind::NotFound => Problem::new(format!("{program} is missing"), mend),
        _ => Problem::new(format!("`{}` does not start: {error}", shown(command)), mend),
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a command with `input` on its standard input and returns its standard output.
///
/// # Errors
/// It does not start, or fails; `mend` says what to do then.
pub fn pipe(command: &mut Command, input: &[u8], mend: &str) -> Result<Vec<u8>, Problem> {
    let name = shown(command);
    let fail = |what: String| Problem::new(what, mend);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| not_started(command, &e, mend))?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().map_err(|e| fail(format!("`{name}`: {e}")))?;
    let written = writer.join().expect("the writer does not panic");
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(fail(format!("`{name}` failed: {}", said.trim())));
    }
    written.map_err(|e| fail(format!("`{name}` did not read its input: {e}")))?;
    Ok(output.stdout)
}
