//! Moves of actors: the shell around [`crate::machine::mover`].
//!
//! `leaving` is the source's side, `arriving` the destination's, `home` the owner cells of actors that were first spawned
//! here, `forward` what an old owner still does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use actorbridge_proto::Refusal;
use actorbridge_proto::v1::{self, Code, r#move::Step};
use tokio::sync::{Notify, mpsc};

use crate::address::Address;
use crate::cell::Cell;
use crate::door::LinkEnd;
use crate::error::Error;
use crate::node::{Inner, lock};

mod arriving;
mod forward;
mod home;
mod leaving;
mod load;

pub(crate) use leaving::PASSED_ON;
pub(crate) use load::As;

/// The moves of a node.
#[derive(Default)]
pub(crate) struct Moves {
    tables: Mutex<Tables>,
    /// Held while something follows an actor to its new owner, and from Committed until what came behind the cut has followed:
    /// what an earlier stay forwards must not slip between. Taken last, behind the locks of cells.
    order: Mutex<()>,
    /// Held while the side of a destination acts.
    turn: Mutex<()>,
    /// Rings when an actor that was on its way to here is not any more.
    arrivals: Notify,
}

#[derive(Default)]
struct Tables {
    /// By path: where the steps go that the destination sends.
    leaving: HashMap<String, mpsc::Sender<v1::Move>>,
    arriving: HashMap<String, arriving::Arriving>,
    /// Owner and epoch of actors that were first spawned here and have moved.
    owners: HashMap<String, (String, u64)>,
    /// Stays of actors that have left, oldest first; they forward.
    left: HashMap<String, Vec<Stay>>,
}

/// The time that an actor was here, until it left.
struct Stay {
    /// The actor's, when it left.
    epoch: u64,
    /// Where it went.
    next: home::Owner,
    cell: Arc<Cell>,
}

fn refusal(code: Code, detail: impl Into<String>) -> Refusal {
    let detail = detail.into();
    Refusal { code, detail }
}

/// A call's error as one side of a move tells it to the other.
fn refusal_of(error: &Error) -> Refusal {
    refusal(error.code(), format!("{}: {}", error.target(), error.detail()))
}

impl Inner {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        lock(&self.moves.tables)
    }

    /// A step of a move came over a link.
    pub(crate) fn moves_step(self: &Arc<Self>, link: &LinkEnd, step: v1::Move) {
        let Ok(actor) = step.actor.parse::<Address>() else {
            return;
        };
        let path = actor.path();
        match &step.step {
            None => {}
            Some(Step::Drained(drained)) => self.on_drained(path, step.epoch, drained.stream, drained.binding),
            Some(Step::Offer(offer)) => self.on_offer(link, path, &step, offer),
            Some(Step::Ready(_) | Step::Aborted(_)) if self.tables().leaving.contains_key(path) => {
                // An honest destination answers once or twice; more than the channel holds is dropped.
                if let Some(steps) = self.tables().leaving.get(path) {
                    let _ = steps.try_send(step);
                }
            }
            Some(_) => self.on_arriving_step(link, path, &step),
        }
    }
}
