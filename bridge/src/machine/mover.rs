//! One move of one actor, as its source and its destination see it.
//!
//! The source freezes the actor, offers it, and swaps the owner once the destination is ready. The destination loads it,
//! runs nothing, and activates it once it is committed. What makes this safe: only the source swaps, only while the actor is
//! frozen, and it waits for the answer however long that takes; and the destination activates only when the source says
//! Committed, or when the owner cell at home names it at the offered epoch.
//!
//! | source | event | actions → next |
//! |---|---|---|
//! | Freezing | `cut` | `Send` Offer and Chunks → Sending |
//! | Freezing | `refuse`, `link_down`, the freeze time is over | `Stay` → Over |
//! | Sending | Ready with the offered sha256 | `Swap` → Swapping |
//! | Sending | Ready with another, `refuse` | `Send` Aborted, `Stay`, `Raise` → Over |
//! | Sending | Aborted | `Stay` → Over |
//! | Sending | `link_down`, 10 s of silence (`Send` Aborted first) | `Stay`, `Raise` → Over |
//! | Swapping | `swapped`: the destination, at the offered epoch | `Send` Committed, `Leave` → Over |
//! | Swapping | `swapped`: this node, at whatever epoch | `Send` Aborted, `Stay` with that epoch → Over |
//! | Swapping | `swapped`: another node, or a higher epoch | `Send` Aborted, `Leave` for the owner → Over |
//! | Swapping | `unanswered`, then 500 ms | `Swap` → Swapping |
//! | Swapping | `link_down`, `refuse`, steps of the peer | none: the answer decides |
//!
//! | destination | event | actions → next |
//! |---|---|---|
//! | Collecting | Chunk at the right offset | → Collecting; the last one: `Load` → Loading |
//! | Collecting | Chunk at another, 10 s of silence | `Send` Aborted, `Drop` → Over |
//! | Loading | `loaded` | `Send` Ready → Prepared |
//! | Loading | `loaded` with an error | `Send` Aborted, `Drop` → Over |
//! | Collecting, Loading | `link_down` | `Drop` → Over |
//! | Prepared | Committed, or `polled`: this node at the offered epoch | `Activate` → Over |
//! | Prepared | `link_down`, and each 500 ms after it | `Poll` → Prepared |
//! | Prepared | `polled`: a higher epoch, or another node at the offered one | `Drop` → Over |
//! | all | Aborted | `Drop` → Over |
//!
//! Every other event in a state does nothing.

use actorbridge_proto::Refusal;
use actorbridge_proto::v1::{self, Code, r#move::Step};
use bytes::Bytes;

use super::Millis;

mod destination;

pub use destination::Destination;

/// Most bytes of a snapshot in one Chunk; less if the peer's frames are smaller.
pub const CHUNK_BYTES: usize = 48 << 10;
/// Most bytes of a snapshot that moves.
pub const MAX_TRANSFER: u64 = 64 << 20;
/// Most actors that may be on their way to one node.
pub const MAX_ARRIVING: usize = 64;
/// Most bytes of the actors that may be on their way to one node.
pub const MAX_ARRIVING_BYTES: u64 = 256 << 20;
/// How long a side waits for the other's next step, before the swap.
pub const SILENCE: Millis = 10_000;
/// The time between two tries to reach the actor's home.
pub const RETRY: Millis = 500;

/// What the shell has to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send this step to the peer.
    Send(v1::Move),
    /// Source: compare-and-swap at home, from (source, epoch − 1) to (destination, epoch); answer `swapped` or `unanswered`.
    Swap,
    /// Source: the actor goes on here; the move failed, and why.
    Stay {
        /// The epoch that the owner cell showed, if it was asked.
        epoch: Option<u64>,
        /// Why.
        refusal: Refusal,
    },
    /// Source, after `Stay`: compare-and-swap at home to (source, epoch + 1), if home answers at once. A destination that
    /// may be prepared and hears nothing sees by it that the offer is void.
    Raise,
    /// Source: the actor is at `owner` from now on; forward to it what comes late.
    Leave {
        /// The new owner.
        owner: String,
        /// Its epoch.
        epoch: u64,
    },
    /// Destination: read the snapshot, make the actor, restore its state, run nothing; answer `loaded`.
    Load(Bytes),
    /// Destination: the actor lives here from now on.
    Activate,
    /// Destination: forget what was loaded; why.
    Drop(String),
    /// Destination: ask the actor's home who owns it; answer `polled`, or nothing if it cannot be reached.
    Poll,
}

/// Which move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Logical address of the actor.
    pub actor: String,
    /// The epoch on offer: the source's + 1.
    pub epoch: u64,
    /// Node name.
    pub source: String,
    /// Node name.
    pub destination: String,
}

impl Subject {
    fn step(&self, step: Step) -> Action {
        Action::Send(v1::Move {
            actor: self.actor.clone(),
            epoch: self.epoch,
            step: Some(step),
        })
    }

    fn aborted(&self, refusal: &Refusal) -> Action {
        let (code, detail) = (refusal.code as i32, refusal.detail.clone());
        self.step(Step::Aborted(v1::Aborted { code, detail }))
    }

    fn is_of(&self, step: &v1::Move) -> bool {
        step.actor == self.actor && step.epoch == self.epoch
    }
}

fn refusal(code: Code, detail: impl Into<String>) -> Refusal {
    let detail = detail.into();
    Refusal { code, detail }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Leaving {
    Freezing { until: Millis },
    Sending { sha256: Bytes, until: Millis },
    Swapping { retry: Option<Millis> },
    Over,
}

/// The side that the actor leaves.
#[derive(Debug)]
pub struct Source {
    subject: Subject,
    state: Leaving,
    freeze_ms: Millis,
}

impl Source {
    /// A move whose actor has just been frozen; its running handler may take `freeze_ms` to end.
    pub fn new(subject: Subject, freeze_ms: Millis, now: Millis) -> Self {
        let until = now + freeze_ms;
        let state = Leaving::Freezing { until };
        Self {
            subject,
            state,
            freeze_ms,
        }
    }

    /// Which move it is.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Does only the owner cell's answer end the move now?
    pub fn is_swapping(&self) -> bool {
        matches!(self.state, Leaving::Swapping { .. })
    }

    /// No handler runs, and this is the actor: `offer` announces `snapshot`, which is sent `chunk` bytes at a time.
    pub fn cut(&mut self, offer: v1::Offer, snapshot: &Bytes, chunk: usize, now: Millis, out: &mut Vec<Action>) {
        if !matches!(self.state, Leaving::Freezing { .. }) {
            return;
        }
        if snapshot.len() as u64 > MAX_TRANSFER {
            let detail = format!("the actor and what it holds are {} bytes, over 64 MiB", snapshot.len());
            return self.stay(None, refusal(Code::TooLarge, detail), out);
        }
        let until = now + SILENCE;
        let sha256 = offer.sha256.clone();
        self.state = Leaving::Sending { sha256, until };
        out.push(self.subject.step(Step::Offer(offer)));
        let chunk = chunk.clamp(1, CHUNK_BYTES);
        for offset in (0..snapshot.len()).step_by(chunk) {
            let data = snapshot.slice(offset..snapshot.len().min(offset + chunk));
            let offset = offset as u64;
            out.push(self.subject.step(Step::Chunk(v1::Chunk { offset, data })));
        }
    }

    /// Something at this side forbids the move.
    pub fn refuse(&mut self, why: Refusal, out: &mut Vec<Action>) {
        match self.state {
            Leaving::Freezing { .. } => self.stay(None, why, out),
            Leaving::Sending { .. } => {
                out.push(self.subject.aborted(&why));
                self.stay(None, why, out);
                // The Aborted may be lost with the link.
                out.push(Action::Raise);
            }
            Leaving::Swapping { .. } | Leaving::Over => {}
        }
    }

    /// A step of the destination came.
    pub fn receive(&mut self, step: &v1::Move, out: &mut Vec<Action>) {
        let Leaving::Sending { sha256, .. } = &self.state else {
            return;
        };
        if !self.subject.is_of(step) {
            return;
        }
        match &step.step {
            Some(Step::Ready(ready)) if ready.sha256 == *sha256 => {
                self.state = Leaving::Swapping { retry: None };
                out.push(Action::Swap);
            }
            Some(Step::Ready(_)) => {
                let detail = format!(
                    "node {} loaded something else than was offered",
                    self.subject.destination
                );
                self.refuse(refusal(Code::Undecodable, detail), out);
            }
            Some(Step::Aborted(aborted)) => {
                let detail = format!("node {} refused it: {}", self.subject.destination, aborted.detail);
                self.stay(None, refusal(Code::from_wire(aborted.code), detail), out);
            }
            _ => {}
        }
    }

    /// The owner cell names this owner now.
    pub fn swapped(&mut self, owner: &str, epoch: u64, out: &mut Vec<Action>) {
        if !self.is_swapping() {
            return;
        }
        let Subject {
            source, destination, ..
        } = &self.subject;
        if owner == source {
            let detail = format!("the owner cell shows epoch {epoch} of this node; try again");
            let why = refusal(Code::Fenced, detail);
            out.push(self.subject.aborted(&why));
            return self.stay(Some(epoch), why, out);
        }
        out.push(if owner == destination && epoch == self.subject.epoch {
            self.subject.step(Step::Committed(v1::Committed { epoch }))
        } else {
            let detail = format!("node {owner} owns it at epoch {epoch}");
            self.subject.aborted(&refusal(Code::Fenced, detail))
        });
        let owner = owner.to_owned();
        out.push(Action::Leave { owner, epoch });
        self.state = Leaving::Over;
    }

    /// The actor's home could not be reached, or did not answer.
    pub fn unanswered(&mut self, now: Millis) {
        if let Leaving::Swapping { retry } = &mut self.state {
            *retry = Some(now + RETRY);
        }
    }

    /// The link to the destination is over.
    pub fn link_down(&mut self, detail: &str, out: &mut Vec<Action>) {
        if matches!(self.state, Leaving::Freezing { .. } | Leaving::Sending { .. }) {
            let offered = matches!(self.state, Leaving::Sending { .. });
            let step = if offered {
                "while the actor was offered to it"
            } else {
                "before the actor was offered"
            };
            let detail = format!(
                "the link to node {} was lost {step}: {detail}",
                self.subject.destination
            );
            self.stay(None, refusal(Code::Unavailable, detail), out);
            out.extend(offered.then_some(Action::Raise));
        }
    }

    /// Time passes.
    pub fn tick(&mut self, now: Millis, out: &mut Vec<Action>) {
        match &mut self.state {
            Leaving::Freezing { until } if now >= *until => {
                let detail = format!("its handler did not end in {} ms", self.freeze_ms);
                self.stay(None, refusal(Code::HandlerTimeout, detail), out);
            }
            Leaving::Sending { until, .. } if now >= *until => {
                let detail = format!("node {} was not ready in 10 s", self.subject.destination);
                self.refuse(refusal(Code::Unavailable, detail), out);
            }
            Leaving::Swapping { retry } if retry.is_some_and(|at| now >= at) => {
                *retry = None;
                out.push(Action::Swap);
            }
            _ => {}
        }
    }

    fn stay(&mut self, epoch: Option<u64>, refusal: Refusal, out: &mut Vec<Action>) {
        self.state = Leaving::Over;
        out.push(Action::Stay { epoch, refusal });
    }
}

#[cfg(test)]
mod tests;
