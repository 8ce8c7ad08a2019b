//! The columns of the table: a door, the language of the driver's node and that of the node at the other end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::compression::Compression;
use super::network::Network;
use super::peer::Peer;
use super::{Programs, certificates};
use crate::cases::{Fault, Only, Side};
use compat_peer::ops::{Answer, Door, Operation, Relays};

/// How the two nodes are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// In memory, one process.
    Memory,
    /// The C ABI, one process.
    Native,
    /// gRPC over TCP, two processes.
    Tcp,
    /// gRPC over TCP with TLS, two processes.
    Tls,
    /// gRPC over a Unix socket, two processes.
    Unix,
    /// A Rust node that the Go node has started: nobody else gives it orders, so only what is asked by message runs here.
    Sidecar,
}

/// A language that has a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Go.
    Go,
    /// Go, in a program without cgo.
    GoNoCgo,
    /// Rust.
    Rust,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The door.
    pub joint: Joint,
    /// The driver's node.
    pub here: Language,
    /// The other node.
    pub there: Language,
    /// What both compress by.
    pub compression: Compression,
}

impl Joint {
    /// Its name in case files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Native => "native",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Unix => "unix",
            Self::Sidecar => "sidecar",
        }
    }
}

impl Language {
    /// Its name in case files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::GoNoCgo => "go-nocgo",
            Self::Rust => "rust",
        }
    }
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}-{}", self.joint.name(), self.here.name(), self.there.name())?;
        match self.compression.name() {
            "" => Ok(()),
            name => write!(f, ":{name}"),
        }
    }
}

impl Pair {
    /// Every column: in memory and native as far as they exist, all four over TCP and Unix sockets, and each language as client and
    /// as server of the other with TLS.
    pub fn all() -> Vec<Self> {
        use Language::{Go, Rust};
        let mut all = vec![
            pair(Joint::Memory, Go, Go),
            pair(Joint::Memory, Rust, Rust),
            pair(Joint::Native, Go, Rust),
            pair(Joint::Native, Rust, Go),
        ];
        all.extend([pair(Joint::Tls, Go, Rust), pair(Joint::Tls, Rust, Go)]);
        for joint in [Joint::Tcp, Joint::Unix] {
            all.extend([(Go, Go), (Go, Rust), (Rust, Go), (Rust, Rust)].map(|(here, there)| pair(joint, here, there)));
        }
        all
    }

    /// Those of [`Pair::all`]; the sidecar, over which only the cases run that name it; those with a program without cgo; and all of
    /// them as often as there is to choose what is compressed.
    pub fn of_traffic() -> Vec<Self> {
        use Language::{Go, GoNoCgo, Rust};
        let mut all = Self::all();
        all.push(pair(Joint::Sidecar, Go, Rust));
        for joint in [Joint::Tcp, Joint::Unix] {
            all.push(pair(joint, GoNoCgo, GoNoCgo));
            for other in [Go, Rust] {
                all.extend([pair(joint, GoNoCgo, other), pair(joint, other, GoNoCgo)]);
            }
        }
        let chosen = |pair| Compression::CHOSEN.map(|compression| Self { compression, ..pair });
        let chosen: Vec<Self> = all.iter().copied().flat_map(chosen).collect();
        all.extend(chosen);
        all
    }

    /// Does a case with these bounds run over this pair?
    pub fn is_meant(&self, only: &Only) -> bool {
        let allows = |list: &[String], name: &str| list.is_empty() || list.iter().any(|l| l == name);
        let door = match self.joint {
            Joint::Sidecar => only.doors.iter().any(|d| d == self.joint.name()),
            _ => allows(&only.doors, self.joint.name()),
        };
        let here_and_there = allows(&only.here, self.here.name()) && allows(&only.there, self.there.name());
        door && here_and_there && allows(&only.compression, self.compression.name())
    }

    fn one_process(&self) -> bool {
        matches!(self.joint, Joint::Memory | Joint::Native | Joint::Sidecar)
    }

    fn program<'a>(&self, programs: &'a Programs, language: Language) -> &'a PathBuf {
        match (self.joint, language) {
            (Joint::Native, _) => &programs.native,
            (_, Language::Go) => &programs.go,
            (_, Language::GoNoCgo) => &programs.go_nocgo,
            (_, Language::Rust) => &programs.rust,
        }
    }
}

fn pair(joint: Joint, here: Language, there: Language) -> Pair {
    Pair {
        joint,
        here,
        there,
        compression: Compression::Own,
    }
}

/// Two linked nodes.
#[derive(Debug)]
pub(super) struct Nodes {
    here: Node,
    there: Node,
    /// Who links with whom, and how.
    link: (Side, Door, String),
    /// What is between them, in cases about that.
    network: Option<Network>,
    /// The folder of the Unix socket or the certificates, removed at the end.
    _folder: Option<Folder>,
}

/// A node, the program that it runs in, and how both are started.
#[derive(Debug)]
struct Node {
    peer: Mutex<Arc<Peer>>,
    name: String,
    program: PathBuf,
    mistake: String,
    start: Operation,
}

#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

static FOLDERS: AtomicU64 = AtomicU64::new(0);

impl Folder {
    fn new() -> Result<Self, String> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ab-compat-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self(path))
    }
}

impl Nodes {
    /// Starts the programs and the two nodes, and links here to there, by a network that can be hurt if that is asked for.
    pub(super) async fn start(programs: &Programs, pair: Pair, id: &str, proxied: bool) -> Result<Self, String> {
        let folder = match pair.joint {
            Joint::Unix | Joint::Tls => Some(Folder::new()?),
            _ => None,
        };
        // Whoever starts a sidecar has the only peer.
        let first = match pair.joint {
            Joint::Sidecar => pair.here,
            _ => pair.there,
        };
        let programs_of = |language| pair.program(programs, language).clone();
        let start = |program: &PathBuf| Peer::start(program, &programs.mistake(program)).map(Arc::new);
        let there_peer = start(&programs_of(first))?;
        let here_peer = match pair.one_process() {
            true => there_peer.clone(),
            false => start(&programs_of(pair.here))?,
        };
        let (here, there) = (
            format!("here-{}-{id}", pair.here.name()),
            format!("there-{}-{id}", pair.there.name()),
        );
        let mut certificates = String::new();
        let listen = match (&folder, pair.joint) {
            (Some(folder), Joint::Tls) => {
                certificates::write(&folder.0, &[&here, &there])?;
                certificates = folder.0.display().to_string();
                "grpcs://127.0.0.1:0".into()
            }
            (Some(folder), _) => format!("unix://{}/s", folder.0.display()),
            (None, Joint::Tcp) => "tcp://127.0.0.1:0".into(),
            _ => String::new(),
        };
        let node = |peer, name, language, program, listen| Node {
            peer: Mutex::new(peer),
            name,
            mistake: programs.mistake(&programs_of(program)),
            program: programs_of(program),
            start: Operation::Start {
                listen,
                certificates: certificates.clone(),
                native: pair.joint == Joint::Native && language == Language::Rust,
                compression: pair.compression.of(language),
                relays: Relays::default(),
            },
        };
        let mut nodes = Self {
            here: node(here_peer, here, pair.here, pair.here, String::new()),
            there: node(there_peer, there, pair.there, first, listen),
            link: (Side::Here, Door::Remote, String::new()),
            network: None,
            _folder: folder,
        };
        let mut bound = match pair.joint {
            Joint::Sidecar => Answer::default(),
            _ => nodes.must(Side::There, nodes.there.start.clone()).await?,
        };
        nodes.must(Side::Here, nodes.here.start.clone()).await?;
        if proxied {
            let network = Network::before(&bound.address).await?;
            bound.address.clone_from(&network.address);
            nodes.network = Some(network);
        }
        // A native link is always opened by the Go node.
        let there = nodes.there.name.clone();
        nodes.link = match (pair.joint, pair.here) {
            (Joint::Memory, _) => (Side::Here, Door::Memory, there),
            (Joint::Native, Language::Go | Language::GoNoCgo) => (Side::Here, Door::Native, there),
            (Joint::Native, Language::Rust) => (Side::There, Door::Native, nodes.here.name.clone()),
            (Joint::Tcp | Joint::Tls | Joint::Unix, _) => (Side::Here, Door::Remote, bound.address),
            (Joint::Sidecar, _) => {
                let program = std::path::absolute(&programs.rust).map_err(|e| e.to_string())?;
                (Side::Here, Door::Sidecar, format!("{there} {}", program.display()))
            }
        };
        nodes.link().await?;
        Ok(nodes)
    }

    /// Links the two nodes.
    pub(super) async fn link(&self) -> Result<(), String> {
        let (side, door, to) = self.link.clone();
        self.must(side, Operation::Link { door, to }).await.map(drop)
    }

    async fn must(&self, side: Side, operation: Operation) -> Result<Answer, String> {
        let what = format!("{operation:?} at {}", self.node(side));
        let limit = std::time::Duration::from_secs(10);
        let answer = tokio::time::timeout(limit, self.order(side, self.next_id(side), operation)).await;
        let answer = answer.map_err(|_| format!("{what}: no answer within 10 s"))??;
        match &answer.fault {
            Some(fault) => Err(format!("{what}: {}: {}", fault.code, fault.detail)),
            None => Ok(answer),
        }
    }

    /// Ends the program of a node at once, and starts it again.
    pub(super) async fn restart(&self, side: Side) -> Result<(), String> {
        self.kill(side)?;
        let node = self.of(side);
        *node.peer.lock().expect("not poisoned") = Arc::new(Peer::start(&node.program, &node.mistake)?);
        let bound = self.must(side, node.start.clone()).await?;
        match side {
            Side::Here => self.link().await,
            Side::There => {
                self.network.iter().for_each(|network| network.leads_to(&bound.address));
                Ok(())
            }
        }
    }

    /// Hurts the connections between the nodes.
    pub(super) fn hurt(&self, fault: Fault) -> Result<(), String> {
        let network = self.network.as_ref().ok_or("the case says nothing of a network")?;
        network.hurt(fault);
        Ok(())
    }

    fn of(&self, side: Side) -> &Node {
        match side {
            Side::Here => &self.here,
            Side::There => &self.there,
        }
    }

    fn peer(&self, side: Side) -> Arc<Peer> {
        self.of(side).peer.lock().expect("not poisoned").clone()
    }

    /// The node's name.
    pub(super) fn node(&self, side: Side) -> &str {
        &self.of(side).name
    }

    pub(super) fn next_id(&self, side: Side) -> u64 {
        self.peer(side).next_id()
    }

    pub(super) async fn order(&self, side: Side, id: u64, operation: Operation) -> Result<Answer, String> {
        self.peer(side).order(id, &self.of(side).name, operation).await
    }

    pub(super) fn kill(&self, side: Side) -> Result<(), String> {
        self.peer(side).kill()
    }
}
