//! Other programs.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::problem::Problem;

/// Runs a command with `input` on its standard input and returns its standard output.
///
/// # Errors
/// It does not start, or fails; `mend` says what to do then.
pub fn pipe(command: &mut Command, input: &[u8], mend: &str) -> Result<Vec<u8>, Problem> {
    let name = std::iter::once(command.get_program()).chain(command.get_args());
    let name = name.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let fail = |what: String| Problem::new(what, mend);
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|e| fail(format!("`{name}` does not start: {e}")))?;
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
