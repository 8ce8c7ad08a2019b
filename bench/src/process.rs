//! A program that measures: it gets a line of JSON for each measurement, and answers with one.

use std::error::Error;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Order<'a> {
    case: &'a str,
    n: u64,
}

/// What one measurement took.
#[derive(Deserialize)]
pub(crate) struct Measured {
    pub(crate) n: u64,
    pub(crate) ns: f64,
    pub(crate) cpu_ns: f64,
    /// Of the process at the other end, where there is one.
    pub(crate) peer_cpu_ns: f64,
    /// Heap allocations, and their bytes; NaN where the language does not count them.
    #[serde(default = "not_counted")]
    pub(crate) allocs: f64,
    #[serde(default = "not_counted")]
    pub(crate) alloc_bytes: f64,
    pub(crate) bytes: f64,
    /// Of how long each took, at the parts [`crate::rounds::QUANTILES`], in ns; empty where that was not measured.
    #[serde(default)]
    pub(crate) quantiles: Vec<f64>,
    #[serde(default)]
    error: String,
}

fn not_counted() -> f64 {
    f64::NAN
}

/// A running program. It ends when this is dropped.
pub(crate) struct Program {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) fn start(path: &Path, arguments: &[&OsStr]) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| {
                format!(
                    "{}: {e}; this command's --help says which make target builds it",
                    path.display()
                )
            })?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take());
        let answers = BufReader::new(answers.ok_or("the program has no output")?);
        Ok(Self { child, orders, answers })
    }

    /// Has `n` messages of a case sent.
    pub(crate) fn measure(&mut self, case: &str, n: u64) -> Result<Measured, Box<dyn Error>> {
        let orders = self.orders.as_mut().ok_or("the program has ended")?;
        serde_json::to_writer(&mut *orders, &Order { case, n })?;
        writeln!(orders)?;
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(format!("the program ended while it measured {case}; what it said is above").into());
        }
        let measured: Measured = serde_json::from_str(&line)?;
        if !measured.error.is_empty() {
            return Err(format!("{case}: {}", measured.error).into());
        }
        Ok(measured)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}
