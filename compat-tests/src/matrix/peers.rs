//! The peers of `matrix/peers.yaml`: their programs, and the conversation with them (`matrix/README.md`).

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use compat_matrix_rust::frames;
use compat_matrix_rust::peerpb::answer::Result as Said;
use compat_matrix_rust::peerpb::{Answer, Order, order};
use prost::Message as _;
use serde::Deserialize;

/// No order may take longer.
const ORDER_LIMIT: Duration = Duration::from_secs(30);
/// A program that has ended is started again so many times, so that one crash costs one cell.
const MAX_STARTS: u32 = 5;

/// A peer, as the file describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its name in cells and tables.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// More environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The suites that it takes part in.
    pub does: Vec<String>,
    /// The program that hosts its nodes.
    pub nodes: Option<String>,
}

/// Reads the list.
///
/// # Errors
/// A sentence that names the file.
pub fn load(root: &Path) -> Result<Vec<Peer>, String> {
    super::load(&root.join("compat-tests/matrix/peers.yaml"))
}

/// A peer that someone brings: `PROGRAM v1` and `PROGRAM v2`. It has written no golden bytes yet.
pub fn brought(program: &str) -> Peer {
    let name = Path::new(program).file_name().unwrap_or_default();
    Peer {
        name: name.to_string_lossy().into_owned(),
        command: vec![program.to_owned(), "{schema}".into()],
        env: BTreeMap::new(),
        does: ["envelope", "message", "corpus", "snapshot"].map(str::to_owned).into(),
        nodes: None,
    }
}

/// A version of the schema versions.v1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Schema {
    /// compat-tests/versions/v1
    V1,
    /// compat-tests/versions/v2
    V2,
}

impl Schema {
    /// `v1` or `v2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// The programs, started when the first order comes. One order at a time for each.
#[derive(Debug)]
pub struct Peers(BTreeMap<(String, Schema), Mutex<Program>>);

#[derive(Debug)]
struct Program {
    peer: Peer,
    folders: [(&'static str, String); 3],
    running: Option<Running>,
    starts: u32,
}

#[derive(Debug)]
struct Running {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<Answer>,
    next: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peers {
    /// The programs of these peers; `out` is the folder of what was built.
    pub fn new(peers: &[Peer], root: &Path, out: &Path) -> Self {
        let mut programs = BTreeMap::new();
        for peer in peers {
            for schema in [Schema::V1, Schema::V2] {
                let show = |path: &Path| path.display().to_string();
                let program = Program {
                    peer: peer.clone(),
                    folders: [
                        ("{root}", show(root)),
                        ("{out}", show(out)),
                        ("{schema}", schema.name().into()),
                    ],
                    running: None,
                    starts: 0,
                };
                programs.insert((peer.name.clone(), schema), Mutex::new(program));
            }
        }
        Self(programs)
    }

    /// Does this peer take part in the suite?
    pub fn does(&self, peer: &str, suite: &str) -> bool {
        let program = self.0.get(&(peer.to_owned(), Schema::V1));
        program.is_some_and(|p| lock(p).peer.does.iter().any(|s| s == suite))
    }

    /// Has a peer carry an order out.
    ///
    /// # Errors
    /// A sentence: it does not start, has ended, does not answer, or cannot.
    pub fn order(&self, peer: &str, schema: Schema, order: order::Order) -> Result<Said, String> {
        let program = self
            .0
            .get(&(peer.to_owned(), schema))
            .ok_or_else(|| format!("no peer is named {peer}"))?;
        let said = lock(program).order(order);
        match said.map_err(|problem| format!("{peer} with {}: {problem}", schema.name()))? {
            Said::Unable(why) => Err(format!("{peer} with {} cannot do it: {why}", schema.name())),
            said => Ok(said),
        }
    }

    /// Has a peer write.
    ///
    /// # Errors
    /// As [`Peers::order`].
    pub fn write(&self, peer: &str, schema: Schema, order: order::Order) -> Result<Vec<u8>, String> {
        match self.order(peer, schema, order)? {
            Said::Written(bytes) => Ok(bytes.into()),
            said => Err(format!("{peer} should have written bytes, and {}", brief(&said))),
        }
    }
}

/// What a peer did, as the end of a sentence.
pub(super) fn brief(said: &Said) -> String {
    match said {
        Said::Written(bytes) => format!("wrote {} bytes", bytes.len()),
        Said::Refused(code) => format!("refused with {code}"),
        Said::Unable(why) => format!("cannot: {why}"),
        Said::Seen(seen) if seen.fields.is_empty() => "accepted it, without any field".into(),
        Said::Seen(seen) => {
            let mut names: Vec<&str> = seen.fields.iter().map(|f| f.name.as_str()).collect();
            names.dedup();
            format!("accepted it, with {}", names.join(", "))
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Program {
    fn order(&mut self, order: order::Order) -> Result<Said, String> {
        if self.running.is_none() {
            self.running = Some(self.start()?);
        }
        let running = self.running.as_mut().expect("started above");
        let said = running.order(order);
        if said.is_err() {
            self.running = None;
        }
        said
    }

    fn filled(&self, text: &str) -> String {
        self.folders
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    fn start(&mut self) -> Result<Running, String> {
        if self.starts == MAX_STARTS {
            return Err(format!("it has ended {MAX_STARTS} times and is not started again"));
        }
        self.starts += 1;
        let mut words = self.peer.command.iter().map(|w| self.filled(w));
        let program = PathBuf::from(words.next().ok_or("it has no command")?);
        let mut child = Command::new(&program)
            .args(words)
            .envs(self.peer.env.iter().map(|(k, v)| (k, self.filled(v))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| {
                format!(
                    "{} does not start: {e}; `make matrix-peers` builds it",
                    program.display()
                )
            })?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (tell, answers) = sync_channel(1);
        std::thread::spawn(move || {
            while let Ok(Some(frame)) = frames::read(&mut stdout) {
                let Ok(answer) = Answer::decode(&*frame) else { return };
                if tell.send(answer).is_err() {
                    return;
                }
            }
        });
        Ok(Running {
            child,
            stdin,
            answers,
            next: 1,
        })
    }
}

impl Running {
    fn order(&mut self, order: order::Order) -> Result<Said, String> {
        let id = self.next;
        self.next += 1;
        let order = Order { id, order: Some(order) }.encode_to_vec();
        frames::write(&mut self.stdin, &order).map_err(|e| format!("it takes no orders: {e}"))?;
        let answer = self.answers.recv_timeout(ORDER_LIMIT).map_err(|e| match e {
            RecvTimeoutError::Timeout => format!("it did not answer within {} s", ORDER_LIMIT.as_secs()),
            RecvTimeoutError::Disconnected => "it ended, or wrote what is no answer".to_owned(),
        })?;
        if answer.id != id {
            return Err(format!("it answered order {} instead of {id}", answer.id));
        }
        answer.result.ok_or_else(|| "its answer says nothing".to_owned())
    }
}
