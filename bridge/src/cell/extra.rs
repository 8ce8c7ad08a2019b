//! What few actors have at a time: it is made when it is first needed, since there may be many actors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actorbridge_proto::v1::Code;
use tokio::sync::Notify;

use super::{Cell, CellState, Forwarder, Hold, Request, TimerEntry, holds};
use crate::machine::pool::StreamKey;
use crate::machine::supervisor::Supervisor;

pub(crate) struct Extra {
    /// Messages that are in the capsule of a move. What is behind them came while the actor was frozen.
    pub(super) cut: Option<(usize, tokio::time::Instant)>,
    /// The actor has left for another node.
    pub(super) moved: Option<Arc<Forwarder>>,
    /// Since its first panic.
    pub(super) supervisor: Option<Supervisor>,
    pub(crate) children: Vec<Arc<Cell>>,
    pub(crate) watchers: BTreeSet<String>,
    /// Who waits for room.
    pub(super) waiters: Vec<Arc<Notify>>,
    /// Rings when a message comes, if the activation waits for its outbox.
    pub(super) mail: Option<Arc<Notify>>,
    /// Rings when no activation runs any more, if somebody waits for that.
    pub(super) idle: Option<Arc<Notify>>,
    /// Requests that are not answered yet, by the node that keeps their slot and their number there.
    pub(crate) requests: BTreeMap<(String, u64), Request>,
    pub(crate) timers: BTreeMap<String, TimerEntry>,
    /// Streams whose earlier messages are still on their way by an old owner.
    pub(super) holds: BTreeMap<StreamKey, Hold>,
    /// The same by their streams, in the order in which they were bound.
    pub(super) held: BTreeMap<u64, Vec<StreamKey>>,
    /// Messages of all of them.
    pub(super) kept: u64,
    pub(super) holds_past: holds::Past,
    pub(super) end: (Code, String),
}

impl Extra {
    const fn new() -> Self {
        Self {
            cut: None,
            moved: None,
            supervisor: None,
            children: Vec::new(),
            watchers: BTreeSet::new(),
            waiters: Vec::new(),
            mail: None,
            idle: None,
            requests: BTreeMap::new(),
            timers: BTreeMap::new(),
            holds: BTreeMap::new(),
            held: BTreeMap::new(),
            kept: 0,
            holds_past: holds::Past::new(),
            end: (Code::Stopped, String::new()),
        }
    }
}

/// Of an actor that has nothing of it.
static NONE: Extra = Extra::new();

impl CellState {
    pub(crate) fn extra(&self) -> &Extra {
        self.extra.as_deref().unwrap_or(&NONE)
    }

    /// To put something in.
    pub(crate) fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_with(|| Box::new(Extra::new()))
    }

    /// Where the actor is, if it has left for another node.
    pub(super) fn moved(&self) -> Option<&Arc<Forwarder>> {
        self.extra().moved.as_ref()
    }

    /// Restarts of late.
    pub(super) fn restarts(&self) -> u32 {
        self.extra().supervisor.as_ref().map_or(0, Supervisor::restarts)
    }

    pub(super) fn end_timers(&mut self) {
        let timers = self.extra.as_mut().map(|extra| std::mem::take(&mut extra.timers));
        timers
            .unwrap_or_default()
            .values()
            .for_each(|timer| timer.stop.cancel());
    }

    /// Who waits for room, to be told that there may be some.
    pub(super) fn take_waiters(&mut self) -> Vec<Arc<Notify>> {
        let extra = self.extra.as_mut();
        extra
            .map(|extra| std::mem::take(&mut extra.waiters))
            .unwrap_or_default()
    }
}
