//! Order across a move: a stream whose earlier messages are still on their way by an old owner waits for them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::{Code, Cursor, Effect, Mode};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Cell, CellState, Forwarder};
use crate::logs::{About, Level};
use crate::machine::pool::{INITIAL_CREDIT, StreamKey};
use crate::message::Message;
use crate::node::Inner;

/// How long a stream waits for what an old owner forwards.
pub(crate) const GAP: Duration = Duration::from_secs(5);
/// How long it is remembered that a stream has been drained, or has gone on: longer than anybody forwards or waits.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Most streams of which that is remembered.
const MAX_REMEMBERED: usize = 16_384;

/// A stream that a peer bound.
pub(crate) struct Binding {
    pub(crate) key: StreamKey,
    pub(crate) stream: u64,
    pub(crate) first_seq: u64,
    /// How many times the stream has been bound.
    pub(crate) number: u32,
    /// The earlier binding of which something may still come by an old owner, or 0.
    pub(crate) after: u32,
    /// Source and reply address.
    pub(crate) sender: (String, String),
}

/// What a local sender waits for: its stream is drained up to its last binding.
pub(crate) enum Gap {
    Closed,
    Waits,
    Gone,
}

pub(super) struct Hold {
    stream: u64,
    number: u32,
    after: u32,
    first_seq: u64,
    sender: (String, String),
    messages: Vec<Message>,
    /// The last seq that was refused meanwhile.
    refused: u64,
    /// It has been closed meanwhile, and whether its link was lost.
    pub(super) closed: Option<Closed>,
}

/// How a binding ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Its sender ended it.
    BySender,
    /// Its link was lost.
    Lost,
}

/// What is remembered of streams that an old owner has reset.
pub(super) struct Past {
    /// Up to which of its bindings.
    drained: BTreeMap<u64, (u32, Instant)>,
    /// Senders whose streams went on without what was forwarded.
    gone_on: BTreeMap<(String, String), Instant>,
}

impl Past {
    pub(super) const fn new() -> Self {
        Self {
            drained: BTreeMap::new(),
            gone_on: BTreeMap::new(),
        }
    }

    fn forget_old(&mut self) {
        if self.drained.len() + self.gone_on.len() >= MAX_REMEMBERED {
            self.drained.retain(|_, (_, at)| at.elapsed() < REMEMBERED);
            self.gone_on.retain(|_, at| at.elapsed() < REMEMBERED);
        }
    }

    pub(super) fn drain(&mut self, stream: u64, binding: u32) {
        self.forget_old();
        if let Some(entry) = self.drained.get_mut(&stream) {
            *entry = (entry.0.max(binding), Instant::now());
        } else if self.drained.len() < MAX_REMEMBERED {
            self.drained.insert(stream, (binding, Instant::now()));
        }
    }

    fn go_on(&mut self, sender: (String, String)) {
        self.forget_old();
        if self.gone_on.len() < MAX_REMEMBERED {
            self.gone_on.insert(sender, Instant::now());
        }
    }

    /// The stream goes on here: what else will be said of it is of later bindings.
    pub(super) fn bind(&mut self, stream: u64) {
        self.drained.remove(&stream);
    }

    fn is_drained(&self, stream: u64, after: u32) -> bool {
        self.drained.get(&stream).map_or(0, |(binding, _)| *binding) >= after
    }

    pub(super) fn cursors(&self) -> Vec<Cursor> {
        let recent = self.drained.iter().filter(|(_, (_, at))| at.elapsed() < REMEMBERED);
        let cursor = |(stream, (binding, _)): (&u64, &(u32, Instant))| Cursor {
            stream: *stream,
            binding: *binding,
            mode: Mode::Flow as i32,
            ..Default::default()
        };
        let mut cursors: Vec<_> = recent.map(cursor).collect();
        cursors.sort_by_key(|c| c.stream);
        cursors
    }

    /// What was drained since then.
    pub(super) fn since(&self, then: Instant) -> impl Iterator<Item = (u64, u32)> + '_ {
        let drained = self.drained.iter().filter(move |(_, (_, at))| *at >= then);
        drained.map(|(stream, (binding, _))| (*stream, *binding))
    }

    pub(super) fn of(cursors: &[Cursor]) -> Self {
        let mut past = Self::new();
        cursors.iter().for_each(|c| past.drain(c.stream, c.binding));
        past
    }
}

impl CellState {
    /// Does it hold messages of any stream?
    pub(crate) fn holds_any(&self) -> bool {
        !self.extra().holds.is_empty()
    }

    pub(super) fn hold_of(&mut self, key: StreamKey) -> Option<&mut Hold> {
        self.extra.as_mut()?.holds.get_mut(&key)
    }

    /// Keeps a message of a stream that is held, within the initial credit, which the link has checked. All streams of the actor
    /// together have as many as its pool ever takes of what comes so.
    #[allow(clippy::result_large_err)] // The message comes back to be refused, once and at once.
    pub(super) fn keep(&mut self, key: StreamKey, seq: u64, message: Message) -> Result<(), (Code, Message)> {
        let most = self.pool.most();
        let extra = self.extra_mut();
        match extra.holds.get_mut(&key) {
            Some(hold) if extra.kept < most => {
                extra.kept += 1;
                hold.messages.push(message);
                Ok(())
            }
            _ => {
                self.refused(key, seq);
                Err((Code::MailboxFull, message))
            }
        }
    }

    /// A seq of a stream came and was refused before it could arrive: its credit is used up.
    pub(crate) fn refused(&mut self, key: StreamKey, seq: u64) {
        match self.hold_of(key) {
            Some(hold) => hold.refused = hold.refused.max(seq),
            None => self.pool.refused(key, seq),
        }
    }

    /// A stream goes on here.
    pub(super) fn bind(&mut self, stream: u64) {
        self.extra.iter_mut().for_each(|extra| extra.holds_past.bind(stream));
    }

    pub(super) fn must_hold(&self, binding: &Binding) -> bool {
        // Nobody forwards to an actor that has not moved.
        (self.arrived || self.moved().is_some()) && !self.extra().holds_past.is_drained(binding.stream, binding.after)
    }

    pub(super) fn is_past(&self, message: &Message) -> bool {
        let sender = (message.who.source.clone(), message.who.reply_to.clone());
        self.extra().holds_past.gone_on.contains_key(&sender)
    }
}

impl Cell {
    pub(super) fn hold(self: &Arc<Self>, node: &Arc<Inner>, state: &mut CellState, binding: Binding) {
        let (key, stream) = (binding.key, binding.stream);
        let hold = Hold {
            stream,
            number: binding.number,
            after: binding.after,
            first_seq: binding.first_seq,
            sender: binding.sender,
            messages: Vec::new(),
            refused: 0,
            closed: None,
        };
        let extra = state.extra_mut();
        extra.holds.insert(key, hold);
        extra.held.entry(stream).or_default().push(key);
        let (cell, node2) = (self.clone(), node.clone());
        node.after(GAP, async move { cell.go_on(&node2, key, stream) });
    }

    /// An old owner has forwarded all that came by the bindings of a stream up to this one. Returns where the actor is, if it
    /// has left; while it is about to, `leave` says it there.
    pub(crate) fn drained(self: &Arc<Self>, node: &Arc<Inner>, stream: u64, binding: u32) -> Option<Arc<Forwarder>> {
        let mut state = self.lock();
        let moved = state.moved().cloned();
        state.extra_mut().holds_past.drain(stream, binding);
        let refused = self.unhold_drained(node, &mut state, stream);
        self.after_unhold(node, state, refused);
        moved
    }

    /// Lets the bindings of a stream go on, in order, that need not wait any longer.
    fn unhold_drained(self: &Arc<Self>, node: &Arc<Inner>, state: &mut CellState, stream: u64) -> Vec<(Code, Message)> {
        let mut refused = Vec::new();
        loop {
            let extra = state.extra();
            let keys = extra.held.get(&stream).map_or(&[][..], Vec::as_slice);
            let holds = keys.iter().filter_map(|key| Some((*key, extra.holds.get(key)?)));
            let free = holds.filter(|(_, hold)| extra.holds_past.is_drained(stream, hold.after));
            let Some((key, _)) = free.min_by_key(|(_, hold)| hold.number) else {
                return refused;
            };
            refused.extend(self.unhold(node, state, key));
        }
    }

    /// Nothing came for too long: the stream goes on, and what comes late is not handled.
    fn go_on(self: &Arc<Self>, node: &Arc<Inner>, key: StreamKey, stream: u64) {
        let mut state = self.lock();
        let Some(hold) = state.extra().holds.get(&key).filter(|h| h.stream == stream) else {
            return;
        };
        let sender = hold.sender.clone();
        self.say_gone_on(node, &mut state, sender);
        let mut refused = self.unhold(node, &mut state, key);
        refused.extend(self.unhold_drained(node, &mut state, stream));
        self.after_unhold(node, state, refused);
    }

    fn say_gone_on(&self, node: &Inner, state: &mut CellState, sender: (String, String)) {
        let source = if sender.0.is_empty() { &sender.1 } else { &sender.0 };
        let text = format!("what {source} sent to it before it moved did not come in {GAP:?}; it goes on without it");
        node.log(Level::Warn, About::actor(self.address.as_str()), text);
        state.extra_mut().holds_past.go_on(sender);
    }

    /// Lets a held stream go on; what finds no room comes back.
    fn unhold(self: &Arc<Self>, node: &Arc<Inner>, state: &mut CellState, key: StreamKey) -> Vec<(Code, Message)> {
        let mut refused = Vec::new();
        let extra = state.extra_mut();
        let Some(hold) = extra.holds.remove(&key) else {
            return refused;
        };
        extra.kept -= hold.messages.len() as u64;
        if let Entry::Occupied(mut keys) = extra.held.entry(hold.stream) {
            keys.get_mut().retain(|other| *other != key);
            if keys.get().is_empty() {
                keys.remove();
            }
        }
        if let Some(forwarder) = state.moved().cloned() {
            for message in hold.messages {
                if let Err(code) = node.forward_to(&forwarder, self.path(), &message) {
                    refused.push((code, message));
                }
            }
            if hold.closed.is_some() {
                state.extra_mut().holds_past.drain(hold.stream, hold.number);
                node.send_drained(&forwarder, self.address.as_str(), hold.stream, hold.number);
            }
        } else {
            state.pool.open(key, hold.first_seq, INITIAL_CREDIT);
            for message in hold.messages {
                refused.extend(self.accept(node, state, message).err());
            }
            state.pool.refused(key, hold.refused);
            match hold.closed {
                None => state.bind(hold.stream),
                Some(closed) => {
                    state.pool.close(key);
                    if closed == Closed::Lost {
                        state.extra_mut().holds_past.drain(hold.stream, hold.number);
                    }
                }
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
        let waiters = state.take_waiters();
        drop(state);
        node.grant(grants);
        waiters.iter().for_each(|w| w.notify_waiters());
        for (code, message) in refused {
            node.refuse(&message, code, Effect::None, "");
        }
    }

    /// May a sender of this node go on, of whose stream the bindings up to `after` may be late since then? If not, `who` rings
    /// in time.
    pub(crate) fn gap(
        self: &Arc<Self>,
        node: &Arc<Inner>,
        (stream, after): (u64, u32),
        since: Instant,
        sender: (&str, &str),
        who: &Arc<Notify>,
    ) -> Gap {
        let mut state = self.lock();
        if state.moved().is_some() {
            return Gap::Gone;
        }
        if !state.arrived || state.extra().holds_past.is_drained(stream, after) {
            state.bind(stream);
            return Gap::Closed;
        }
        let left = GAP.saturating_sub(since.elapsed());
        if left.is_zero() {
            let sender = (sender.0.to_owned(), sender.1.to_owned());
            self.say_gone_on(node, &mut state, sender);
            return Gap::Closed;
        }
        state.wait(who);
        drop(state);
        let who = who.clone();
        node.after(left, async move { who.notify_waiters() });
        Gap::Waits
    }
}
