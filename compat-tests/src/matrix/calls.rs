//! What clients do at the remote door of a node: `matrix/calls.yaml`, and the nodes that they call.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::runner::compression::compressing;
use compat_peer::ops::{Algorithm, Answer, Compressing, Operation, Order, Relays};
use serde::Deserialize;
use serde_json::Value;

/// A case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence.
    pub name: String,
    /// The kind of the test actor that is spawned first.
    pub spawn: Option<String>,
    /// Bytes of text where a message says `fill`; it runs once for each.
    #[serde(default)]
    pub sizes: Vec<usize>,
    /// It runs in each of these too.
    #[serde(default)]
    pub codecs: Vec<String>,
    /// It runs with each of these instead.
    #[serde(default)]
    pub compression: Vec<Algorithm>,
    /// In order.
    pub steps: Vec<Step>,
}

/// One message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// No answer is expected but that it was handled.
    pub tell: Option<Value>,
    /// A reply is expected.
    pub ask: Option<Value>,
    /// Instead of tell's or ask's.
    pub kind: Option<u32>,
    /// An address; default: the actor that was spawned.
    pub to: Option<String>,
    /// As in an envelope.
    pub version: u32,
    /// As in an envelope.
    pub min_reader: u32,
    /// As in an envelope.
    pub content_type: u32,
    /// Addresses of actors that wait for the answer.
    pub waits: Vec<String>,
    /// More fields of the envelope, encoded, in hex.
    pub extra: String,
    /// What must come.
    pub expect: Option<Value>,
}

/// Reads the cases.
///
/// # Errors
/// A sentence that names the file, and the case or the line.
pub fn load(root: &Path) -> Result<Vec<Case>, String> {
    let path = root.join("compat-tests/matrix/calls.yaml");
    let cases: Vec<Case> = super::load(&path)?;
    for case in &cases {
        if case.steps.iter().any(|s| s.tell.is_some() == s.ask.is_some()) {
            let name = &case.name;
            return Err(format!("{}: {name:?}: a step has either tell or ask", path.display()));
        }
    }
    Ok(cases)
}

/// The nodes that are called, one for each language and what it compresses by, started when the first call needs it.
#[derive(Debug, Default)]
pub struct Nodes {
    programs: BTreeMap<String, PathBuf>,
    running: Mutex<BTreeMap<(String, Option<Algorithm>), Node>>,
}

#[derive(Debug)]
struct Node {
    address: String,
    child: Child,
    /// Closed at the end, which ends the program.
    _stdin: ChildStdin,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Nodes {
    /// Nodes of these programs, by language.
    pub fn new(programs: BTreeMap<String, PathBuf>) -> Self {
        Self {
            programs,
            running: Mutex::default(),
        }
    }

    /// The name of a language's node.
    pub fn name(language: &str) -> String {
        format!("there-{language}")
    }

    /// Where the node of this language listens that compresses by this.
    ///
    /// # Errors
    /// A sentence: it does not start.
    pub fn address(&self, language: &str, by: Option<Algorithm>) -> Result<String, String> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let which = (language.to_owned(), by);
        if let Some(node) = running.get(&which) {
            return Ok(node.address.clone());
        }
        let program = self
            .programs
            .get(language)
            .ok_or_else(|| format!("{language} hosts no nodes"))?;
        let node = start(program, &Self::name(language), by.map(compressing))
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let address = node.address.clone();
        running.insert(which, node);
        Ok(address)
    }
}

fn start(program: &Path, name: &str, compression: Option<Compressing>) -> Result<Node, String> {
    let say = |e: std::io::Error| format!("it does not start: {e}; `make compat-peers` builds it");
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(say)?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let stdout = child.stdout.take().expect("stdout is piped");
    let order = Order {
        id: 1,
        node: name.to_owned(),
        operation: Operation::Start {
            listen: "tcp://127.0.0.1:0".into(),
            native: false,
            compression,
            certificates: String::new(),
            relays: Relays::default(),
        },
    };
    let order = serde_json::to_string(&order).map_err(|e| e.to_string())?;
    writeln!(stdin, "{order}").map_err(|e| e.to_string())?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
    let answer: Answer = serde_json::from_str(&line).map_err(|e| format!("what it says is no answer: {e}"))?;
    match answer.fault {
        Some(fault) => Err(format!("its node does not start: {}", fault.detail)),
        None => Ok(Node {
            address: answer.address,
            child,
            _stdin: stdin,
        }),
    }
}
