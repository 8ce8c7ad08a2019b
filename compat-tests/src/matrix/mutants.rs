//! Planned mistakes: each peer makes each of them, and the matrix must see it.

use super::axes::{self, Cell, Choice};
use super::peers::Peer;
use super::{Context, Folders, Outcome, behaviour};
use crate::runner::Programs;

/// What a peer can be told to do wrong (the environment variable `COMPAT_MUTANT`; matrix/README.md), and the suite and the content of
/// the cells that have to see it. JSON has no unknown fields, and integers of 64 bits are text there.
const MISTAKES: [(&str, &str, &str); 8] = [
    ("wrong-tag", "envelope", ""),
    ("drop-unknown", "envelope", ""),
    ("int-as-string", "envelope", ""),
    ("wrong-tag", "message", "json"),
    ("wrong-tag", "message", "msgpack"),
    ("int-as-string", "message", "msgpack"),
    ("drop-unknown", "message", "msgpack"),
    ("plain", "traffic", "protobuf"),
];

/// A peer that made a mistake, and the first cell that saw it.
#[derive(Debug)]
pub struct Mutant {
    /// The peer.
    pub peer: String,
    /// The mistake.
    pub mistake: &'static str,
    /// In messages of this content only; empty = in any.
    pub content: &'static str,
    /// The cell, and what it says; `None`: nobody saw it.
    pub seen: Option<Outcome>,
}

/// Has each peer make each mistake, beside one other peer, which makes none.
///
/// # Errors
/// A sentence: nothing could be run.
pub fn run(folders: &Folders, peers: &[Peer], workers: usize) -> Result<Vec<Mutant>, String> {
    let mut mutants = Vec::new();
    for (number, peer) in peers.iter().enumerate() {
        // The first is beside the second, every other one beside the first.
        let partner = peers.get(usize::from(number == 0)).unwrap_or(peer);
        let does = |suite: &str| peer.does.iter().any(|s| s == suite);
        for (mistake, suite, content) in MISTAKES.into_iter().filter(|(_, suite, _)| does(suite)) {
            let mut wrong = peer.clone();
            wrong.env.insert("COMPAT_MUTANT".into(), mistake.into());
            let pair = [wrong, partner.clone()];
            let mut cells = axes::cells(
                &folders.root,
                &pair,
                &Choice {
                    smoke: true,
                    ..Choice::default()
                },
            )?;
            cells.retain(|c: &Cell| {
                let of_peer = c.writer == peer.name || c.reader == peer.name;
                c.suite == suite && of_peer && (content.is_empty() || c.value("content") == content)
            });
            let outcomes = match suite {
                "traffic" => behaviour::run(folders, &mistaken(folders, peer, mistake), cells)?,
                _ => super::run(&Context::load(folders, &pair)?, cells, workers),
            };
            mutants.push(Mutant {
                peer: peer.name.clone(),
                mistake,
                content,
                seen: outcomes.into_iter().find(Outcome::is_bad),
            });
        }
    }
    Ok(mutants)
}

/// The programs with nodes, of which this peer's makes the mistake.
fn mistaken(folders: &Folders, peer: &Peer, mistake: &str) -> Programs {
    let place = folders.peers.display().to_string();
    let program = peer
        .nodes
        .as_ref()
        .map(|program| program.replace("{peers}", &place).into());
    Programs {
        mistaken: program.map(|program| (program, mistake.to_owned())),
        ..Programs::of(&folders.peers)
    }
}
