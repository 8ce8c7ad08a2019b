//! An actor made from a snapshot: for a move, or to be spawned again.

use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::Code;
use actorbridge_proto::{Refusal, What, Who};
use bytes::Bytes;
use tokio::time::Instant;

use super::{refusal, refusal_of};
use crate::actor::{Factory, Options};
use crate::address::Address;
use crate::cell::{Cell, Loaded, TimerEntry};
use crate::message::Message;
use crate::node::Inner;
use crate::panics::{Panic, catching_now};
use crate::snapshot::Snapshot;

/// An actor that is loaded and does not run.
pub(crate) struct Prepared {
    pub(crate) cell: Arc<Cell>,
    timers: Vec<(String, TimerEntry)>,
}

/// How an actor is made from a snapshot.
pub(crate) struct As {
    pub(crate) epoch: u64,
    pub(crate) home: String,
    pub(crate) came_by_move: bool,
}

fn message(envelope: &Bytes) -> Result<Message, Refusal> {
    Message::read(Arc::<Who>::default(), Arc::<What>::default(), envelope.clone())
}

impl Inner {
    /// Makes the actor and restores its state, and runs nothing.
    pub(crate) fn prepare(&self, snapshot: Snapshot, factory: Factory, how: &As) -> Result<Prepared, Refusal> {
        let address: Address = snapshot.actor.parse().map_err(|e| refusal_of(&e))?;
        factory.protocol().check(address.as_str()).map_err(|e| refusal_of(&e))?;
        let capsule = snapshot.capsule;
        let now = self.now();
        let mut held = Vec::with_capacity(capsule.held.len());
        for (i, envelope) in capsule.held.iter().enumerate() {
            let mut message = message(envelope)?;
            let ttl = capsule.held_ttl_ms.get(i).copied().unwrap_or(0);
            message.deadline = (ttl > 0).then(|| now + u64::from(ttl));
            held.push(message);
        }
        let mut timers = Vec::with_capacity(capsule.timers.len());
        for timer in &capsule.timers {
            let message = message(&timer.payload)?;
            // One that is due: an actor that is moved on as soon as it comes would be gone each time before it rings.
            if timer.remaining_ms == 0 {
                held.push(message);
                continue;
            }
            let at = Instant::now() + Duration::from_millis(u64::from(timer.remaining_ms));
            timers.push((timer.name.clone(), TimerEntry::new(at, message)));
        }
        let made = catching_now(|| {
            let mut actor = factory.make();
            actor.restore(&snapshot.state).map(|()| actor)
        });
        let failed = |panic: Panic| {
            refusal(
                Code::Panicked,
                format!("the actor panicked while it was restored: {}", panic.text),
            )
        };
        let actor = made.map_err(failed)?;
        let actor = actor.map_err(|fault| refusal(fault.code, format!("its restore failed: {}", fault.text())))?;
        let or = |value: u32, default: u32| if value == 0 { default } else { value };
        let default = Options::default();
        let options = Options {
            mailbox: or(capsule.mailbox, default.mailbox),
            max_restarts: or(capsule.max_restarts, default.max_restarts),
            window: match capsule.restart_window_ms {
                0 => default.window,
                ms => Duration::from_millis(u64::from(ms)),
            },
        };
        let cell = Cell::new(address, factory, options, None, how.epoch);
        let cell = Arc::new(cell);
        if how.home != self.name {
            cell.set_home(how.home.clone());
        }
        cell.unpack(self, Loaded { actor, held }, &capsule, how.came_by_move);
        Ok(Prepared { cell, timers })
    }

    /// Runs a prepared actor, whose cell is in the table by now.
    pub(crate) fn run(self: &Arc<Self>, prepared: Prepared) {
        prepared.cell.start(self, prepared.timers);
    }
}
