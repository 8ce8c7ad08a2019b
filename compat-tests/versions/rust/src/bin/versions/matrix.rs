//! The cells: who writes to whom by which door.

use std::path::Path;
use std::time::Duration;

use actorbridge::{Module, Node};
use versions_rust::{v1, v2};

use super::expected::Expected;
use super::program::{self, Said};

const VERSIONS: [u32; 2] = [1, 2];

/// Codecs, by content type.
const CODECS: [&str; 3] = ["protobuf", "json", "msgpack"];

/// A node's language and the version of its messages.
#[derive(Clone, Copy)]
struct Side {
    language: &'static str,
    version: u32,
}

impl Side {
    fn name(self) -> String {
        format!("{}{}", self.language, self.version)
    }

    /// The name of its node if it is the one that listens: two nodes of a link must have different names.
    fn there(self) -> String {
        format!("{}-there", self.name())
    }

    /// A program of it, and whatever else is in there.
    fn program(self) -> String {
        match self.language {
            "go" => format!("versions-go{}-rust1", self.version),
            _ => format!("versions-rust{}", self.version),
        }
    }
}

fn sides(language: &'static str) -> [Side; 2] {
    VERSIONS.map(|version| Side { language, version })
}

/// What cells share: how two nodes are joined, and what messages are written in.
#[derive(Clone, Copy)]
struct Way {
    door: &'static str,
    codec: u32,
}

impl Way {
    fn by(door: &'static str) -> impl Iterator<Item = Self> {
        (0..).zip(CODECS).map(move |(codec, _)| Self { door, codec })
    }
}

/// What was run, and how it went.
pub(crate) struct Matrix {
    expected: Expected,
    passed: usize,
    failed: usize,
}

impl Matrix {
    pub(crate) fn new(expected: Expected) -> Self {
        let (passed, failed) = (0, 0);
        Self {
            expected,
            passed,
            failed,
        }
    }

    /// Runs all cells, one after the other.
    ///
    /// # Errors
    /// A program or a node could not do its part.
    pub(crate) async fn run(&mut self, programs: &Path, sockets: &Path) -> Result<(), String> {
        self.memory().await?;
        self.native(programs).await?;
        for door in ["tcp", "unix"] {
            for there in sides("rust").into_iter().chain(sides("go")) {
                let at = match door {
                    "tcp" => "tcp://127.0.0.1:0".to_owned(),
                    _ => format!("unix://{}/{}", sockets.display(), there.name()),
                };
                let listener = program::listen(&programs.join(there.program()), &there.there(), &at).await?;
                for way in Way::by(door) {
                    for here in sides("go") {
                        let program = programs.join(here.program());
                        let said = program::link(&program, &here.name(), &listener.address, way.codec).await?;
                        self.both(way, here, there, &there.there(), &said);
                    }
                    if there.language == "rust" {
                        self.rust_to_rust(way, there, &listener.address).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn memory(&mut self) -> Result<(), String> {
        for (here, there) in pairs(sides("rust"), sides("rust")) {
            let (near, far) = (start(here, &here.name())?, start(there, &there.there())?);
            near.join(&far).await.map_err(|e| e.to_string())?;
            for way in Way::by("memory") {
                let lines = run_writer(&near, &there.there(), way.codec).await?;
                self.cell(way, here, there, &there.there(), &lines);
            }
            stop(&near).await?;
            stop(&far).await?;
        }
        Ok(())
    }

    async fn native(&mut self, programs: &Path) -> Result<(), String> {
        for (here, there) in pairs(sides("go"), sides("rust")) {
            let program = programs.join(format!("versions-{}-{}", here.name(), there.name()));
            for way in Way::by("native") {
                let said = program::link(&program, &here.name(), "native", way.codec).await?;
                self.both(way, here, there, &there.name(), &said);
            }
        }
        Ok(())
    }

    async fn rust_to_rust(&mut self, way: Way, there: Side, address: &str) -> Result<(), String> {
        for here in sides("rust") {
            let near = start(here, &here.name())?;
            let far = near.dial(address).await.map_err(|e| e.to_string())?;
            let lines = run_writer(&near, &far, way.codec).await?;
            self.cell(way, here, there, &far, &lines);
            stop(&near).await?;
        }
        Ok(())
    }

    /// Two nodes of one language also meet the other way round: that is another cell.
    fn both(&mut self, way: Way, here: Side, there: Side, node: &str, said: &Said) {
        self.cell(way, here, there, node, &said.out);
        if here.language != there.language {
            self.cell(way, there, here, &here.name(), &said.back);
        }
    }

    fn cell(&mut self, way: Way, writer: Side, reader: Side, node: &str, said: &[String]) {
        let expected = self.expected.lines(writer.version, reader.version, node);
        let passed = !expected.is_empty() && expected == said;
        let (mark, count) = match passed {
            true => ("ok    ", &mut self.passed),
            false => ("FAILED", &mut self.failed),
        };
        *count += 1;
        let (door, codec) = (way.door, CODECS[way.codec as usize]);
        println!("{mark} {door:6} {codec:8} {} -> {}", writer.name(), reader.name());
        if !passed {
            println!("  expected:\n    {}", expected.join("\n    "));
            println!("  said:\n    {}", said.join("\n    "));
        }
    }

    /// Prints the count; returns how many cells failed.
    pub(crate) fn report(&self) -> usize {
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed
    }
}

fn pairs(these: [Side; 2], those: [Side; 2]) -> impl Iterator<Item = (Side, Side)> {
    these.into_iter().flat_map(move |one| those.map(|other| (one, other)))
}

/// A Rust node of this program.
fn start(side: Side, name: &str) -> Result<Node, String> {
    let module: Module = match side.version {
        1 => v1::module(),
        _ => v2::module(),
    };
    Node::builder(name).module(module).start().map_err(|e| e.to_string())
}

async fn run_writer(node: &Node, reader: &str, codec: u32) -> Result<Vec<String>, String> {
    let writer = v1::pb::WriterRef::at("ab:///writer").map_err(|e| e.to_string())?;
    let reader = reader.to_owned();
    let reply = writer.run(node, &v1::pb::RunRequest { reader, codec }).await;
    reply.map(|r| r.lines).map_err(|e| e.to_string())
}

async fn stop(node: &Node) -> Result<(), String> {
    node.shutdown(Duration::from_secs(5)).await.map_err(|e| e.to_string())
}
