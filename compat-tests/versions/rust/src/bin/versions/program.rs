//! The programs with the other nodes: those that listen, and those that link with one and say what both writers said.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// What a program may take. None needs a second.
const TIME: Duration = Duration::from_secs(30);

/// A node that listens. It ends with this value.
pub(crate) struct Listener {
    pub(crate) address: String,
    _process: Child,
}

/// Starts a program that listens at `at`, and waits until it does.
pub(crate) async fn listen(program: &Path, node: &str, at: &str) -> Result<Listener, String> {
    let name = program.display();
    let mut process = Command::new(program)
        .args(["--node", node, "--listen", at, "--until-stdin-closes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("{name} does not start: {e}"))?;
    let stdout = process.stdout.take().expect("stdout is piped");
    let mut lines = BufReader::new(stdout).lines();
    let first = timeout(TIME, lines.next_line())
        .await
        .map_err(|_| format!("{name} does not listen at {at} within {TIME:?}"))?;
    let address = first
        .ok()
        .flatten()
        .and_then(|l| Some(l.strip_prefix("listening ")?.to_owned()));
    Ok(Listener {
        address: address.ok_or_else(|| format!("{name} does not say where it listens"))?,
        _process: process,
    })
}

/// What the writer here said of the reader there, and the other way round.
pub(crate) struct Said {
    pub(crate) out: Vec<String>,
    pub(crate) back: Vec<String>,
}

/// Runs a program that links with `native` or an address, and whose writers write in the codec.
pub(crate) async fn link(program: &Path, node: &str, with: &str, codec: u32) -> Result<Said, String> {
    let name = program.display();
    let output = Command::new(program)
        .args(["--node", node, "--link", with, "--codec", &codec.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = timeout(TIME, output)
        .await
        .map_err(|_| format!("{name} --link {with} does not end within {TIME:?}"))?
        .map_err(|e| format!("{name} does not start: {e}"))?;
    if !output.status.success() {
        return Err(format!("{name} --link {with} failed: {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let of = |prefix: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
        lines.map(str::to_owned).collect()
    };
    Ok(Said {
        out: of("out: "),
        back: of("back: "),
    })
}
