//! Order across a move: a stream whose earlier messages are still on their way by an old owner waits for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::{Code, Cursor, Effect, Mode};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Cell, CellState, Forwarder};
use crate::machine::pool::{INITIAL_CREDIT, StreamKey};
use crate::message::Message;
use crate::node::Inner;
use crate::rings::Level;

/// How long a stream waits for what an old owner forwards.
pub(crate) const GAP: Duration = Duration::from_secs(5);
/// How long it is remembered that a stream has been drained, or has gone on: longer than anybody forwards or waits.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Most streams of which that is remembered.
const MAX_REMEMBERED: usize = 16_384;

/// The target epoch that a sender says whose last binding was lost: it does not know where its messages are. No actor that has
/// moved has it.
pub(crate) const SOME_EPOCH: u64 = 1;
/// All of a stream that will ever come by an owner: its link was lost.
pub(crate) const ALL: u64 = u64::MAX;

/// A stream that a peer bound.
pub(crate) struct Binding {
    pub(crate) key: StreamKey,
    pub(crate) stream: u64,
    pub(crate) first_seq: u64,
    /// Not 0: an earlier binding was reset with MOVED, or lost.
    pub(crate) target_epoch: u64,
    /// Source and reply address.
    pub(crate) sender: (String, String),
}

/// What a local sender waits for: its stream is drained up to a seq.
pub(crate) enum Gap {
    Closed,
    Waits,
    Gone,
}

pub(super) struct Hold {
    stream: u64,
    upto: u64,
    sender: (String, String),
    pub(super) messages: Vec<Message>,
    /// It has been closed meanwhile, and after which seq.
    pub(super) closed: Option<u64>,
}

/// What is remembered of streams that an old owner has reset.
#[derive(Default)]
pub(super) struct Past {
    drained: HashMap<u64, (u64, Instant)>,
    /// Senders whose streams went on without what was forwarded, and which streams these are.
    gone_on: HashMap<(String, String), (u64, Instant)>,
}

impl Past {
    fn forget_old(&mut self) {
        if self.drained.len() + self.gone_on.len() >= MAX_REMEMBERED {
            self.drained.retain(|_, (_, at)| at.elapsed() < REMEMBERED);
            self.gone_on.retain(|_, (_, at)| at.elapsed() < REMEMBERED);
        }
    }

    pub(super) fn drain(&mut self, stream: u64, upto: u64) {
        self.forget_old();
        if let Some(entry) = self.drained.get_mut(&stream) {
            *entry = (entry.0.max(upto), Instant::now());
        } else if self.drained.len() < MAX_REMEMBERED {
            self.drained.insert(stream, (upto, Instant::now()));
        }
    }

    fn go_on(&mut self, sender: (String, String), stream: u64) {
        self.forget_old();
        if self.gone_on.len() < MAX_REMEMBERED {
            self.gone_on.insert(sender, (stream, Instant::now()));
        }
    }

    /// The stream is bound here: what is said of it from now on is of this binding.
    pub(super) fn bind(&mut self, stream: u64) {
        self.drained.remove(&stream);
    }

    /// Has the stream gone on here? Then what an old owner says of it is over.
    fn is_bound(&self, stream: u64) -> bool {
        self.gone_on.values().any(|(other, _)| *other == stream)
    }

    fn is_drained(&self, stream: u64, upto: u64) -> bool {
        self.drained.get(&stream).is_some_and(|(drained, _)| *drained >= upto)
    }

    pub(super) fn cursors(&self) -> Vec<Cursor> {
        // A lost stream may be bound again before the actor leaves: of that, only what is true then is told.
        let recent = |(upto, at): &(u64, Instant)| *upto != ALL && at.elapsed() < REMEMBERED;
        let recent = self.drained.iter().filter(|(_, entry)| recent(entry));
        let cursor = |(stream, (upto, _)): (&u64, &(u64, Instant))| Cursor {
            stream: *stream,
            processed: *upto,
            mode: Mode::Flow as i32,
            ..Default::default()
        };
        let mut cursors: Vec<_> = recent.map(cursor).collect();
        cursors.sort_by_key(|c| c.stream);
        cursors
    }

    /// What was drained since then, and which streams were lost.
    pub(super) fn since(&self, then: Instant) -> impl Iterator<Item = (u64, u64)> + '_ {
        let news = move |(upto, at): &(u64, Instant)| *at >= then || *upto == ALL && at.elapsed() < REMEMBERED;
        let drained = self.drained.iter().filter(move |(_, entry)| news(entry));
        drained.map(|(stream, (upto, _))| (*stream, *upto))
    }

    pub(super) fn of(cursors: &[Cursor]) -> Self {
        let mut past = Self::default();
        cursors.iter().for_each(|c| past.drain(c.stream, c.processed));
        past
    }
}

impl CellState {
    pub(super) fn must_hold(&self, binding: &Binding) -> bool {
        let upto = binding.first_seq.saturating_sub(1);
        // Nobody forwards to an actor that has not moved.
        let may_be_late = binding.target_epoch > SOME_EPOCH || binding.target_epoch == SOME_EPOCH && self.arrived;
        may_be_late && upto > 0 && !self.holds_past.is_drained(binding.stream, upto)
    }

    pub(super) fn is_past(&self, message: &Message) -> bool {
        let sender = (message.who.source.clone(), message.who.reply_to.clone());
        self.holds_past.gone_on.contains_key(&sender)
    }
}

impl Cell {
    pub(super) fn hold(self: &Arc<Self>, node: &Arc<Inner>, state: &mut CellState, binding: Binding) {
        let (key, stream) = (binding.key, binding.stream);
        let hold = Hold {
            stream,
            upto: binding.first_seq - 1,
            sender: binding.sender,
            messages: Vec::new(),
            closed: None,
        };
        state.holds.insert(key, hold);
        let (cell, node2) = (self.clone(), node.clone());
        node.after(GAP, async move { cell.go_on(&node2, key, stream) });
    }

    /// An old owner has forwarded all of a stream up to this seq. Returns where the actor is, if it has left; while it is
    /// about to, `leave` says it there.
    pub(crate) fn drained(self: &Arc<Self>, node: &Arc<Inner>, stream: u64, upto: u64) -> Option<Arc<Forwarder>> {
        let mut state = self.lock();
        let moved = state.moved.clone();
        if upto != ALL || !state.holds_past.is_bound(stream) {
            state.holds_past.drain(stream, upto);
        }
        let keys: Vec<_> = state
            .holds
            .iter()
            .filter(|(_, h)| h.stream == stream && h.upto <= upto)
            .map(|(key, _)| *key)
            .collect();
        let refused = keys
            .into_iter()
            .flat_map(|key| self.unhold(node, &mut state, key))
            .collect();
        self.after_unhold(node, state, refused);
        moved
    }

    /// Nothing came for too long: the stream goes on, and what comes late is not handled.
    fn go_on(self: &Arc<Self>, node: &Arc<Inner>, key: StreamKey, stream: u64) {
        let mut state = self.lock();
        let Some(hold) = state.holds.get(&key).filter(|h| h.stream == stream) else {
            return;
        };
        let sender = hold.sender.clone();
        self.say_gone_on(node, &mut state, sender, stream);
        let refused = self.unhold(node, &mut state, key);
        self.after_unhold(node, state, refused);
    }

    fn say_gone_on(&self, node: &Inner, state: &mut CellState, sender: (String, String), stream: u64) {
        let source = if sender.0.is_empty() { &sender.1 } else { &sender.0 };
        let text = format!("what {source} sent to it before it moved did not come in {GAP:?}; it goes on without it");
        node.log(Level::Warn, &self.path, text);
        state.holds_past.go_on(sender, stream);
    }

    /// Lets a held stream go on; what finds no room comes back.
    fn unhold(self: &Arc<Self>, node: &Arc<Inner>, state: &mut CellState, key: StreamKey) -> Vec<(Code, Message)> {
        let mut refused = Vec::new();
        let Some(hold) = state.holds.remove(&key) else {
            return refused;
        };
        if let Some(forwarder) = state.moved.clone() {
            for message in hold.messages {
                if let Err(code) = node.forward_to(&forwarder, &self.path, &message) {
                    refused.push((code, message));
                }
            }
            if let Some(last_seq) = hold.closed {
                node.send_drained(&forwarder, self.address.as_str(), hold.stream, last_seq);
            }
        } else if let Some(last_seq) = hold.closed {
            hold.messages.into_iter().for_each(|m| state.push_forced(m));
            if last_seq == ALL {
                state.holds_past.drain(hold.stream, ALL);
            }
            self.schedule(node, state);
        } else {
            state.holds_past.bind(hold.stream);
            state.pool.open(key, hold.upto + 1, INITIAL_CREDIT);
            for message in hold.messages {
                refused.extend(self.accept(node, state, message).err());
            }
        }
        refused
    }

    fn after_unhold(
        &self,
        node: &Arc<Inner>,
        mut state: std::sync::MutexGuard<'_, CellState>,
        refused: Vec<(Code, Message)>,
    ) {
        let grants = state.pool.grants(true);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        node.grant(grants);
        waiters.iter().for_each(|w| w.notify_waiters());
        for (code, message) in refused {
            node.refuse(&message, code, Effect::None, "");
        }
    }

    /// May a sender of this node go on, whose stream was reset at `since` after `upto`? If not, `who` rings in time.
    pub(crate) fn gap(
        self: &Arc<Self>,
        node: &Arc<Inner>,
        (stream, upto): (u64, u64),
        since: Instant,
        sender: (&str, &str),
        who: &Arc<Notify>,
    ) -> Gap {
        let mut state = self.lock();
        if state.moved.is_some() {
            return Gap::Gone;
        }
        if !state.arrived || state.holds_past.is_drained(stream, upto) {
            state.holds_past.bind(stream);
            return Gap::Closed;
        }
        let left = GAP.saturating_sub(since.elapsed());
        if left.is_zero() {
            let sender = (sender.0.to_owned(), sender.1.to_owned());
            self.say_gone_on(node, &mut state, sender, stream);
            return Gap::Closed;
        }
        state.wait(who);
        drop(state);
        let who = who.clone();
        node.after(left, async move { who.notify_waiters() });
        Gap::Waits
    }
}
