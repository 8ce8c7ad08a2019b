//! How messages come into a mailbox: from actors here, over streams, forwarded by an old owner, or by force.

use std::sync::Arc;

use actorbridge_proto::v1::{Code, Effect, Kind, Moved, Phase};
use tokio::sync::Notify;

use super::{AskId, Binding, Cell, CellState, Closed, Offer, Running};
use crate::actor::DynActor;
use crate::machine::pool::{Arrival, INITIAL_CREDIT, StreamKey};
use crate::message::{Message, Permit};
use crate::node::Inner;
use crate::run::Run;

/// What became of a stream that a peer bound.
pub(crate) enum Opened {
    Bound,
    /// What comes on it is forwarded; the sender should bind it there.
    Moved(Moved),
    Stopped,
}

impl Cell {
    /// A message of this node, with the sender's notify for when there is no room.
    pub(crate) fn offer_local(self: &Arc<Self>, node: &Arc<Inner>, message: Message, who: &Arc<Notify>) -> Offer {
        let deadlock = self.is_deadlock(&message);
        let mut state = self.lock();
        if state.moved().is_some() {
            return Offer::Gone;
        }
        if state.phase != Phase::Running {
            return Offer::Stopped;
        }
        if deadlock {
            drop(state);
            node.refuse(&message, Code::Deadlock, Effect::None, "");
            return Offer::Taken;
        }
        if !state.pool.take_local() {
            state.wait(who);
            return Offer::Wait;
        }
        state.mailbox.push(message);
        self.schedule(node, &mut state);
        Offer::Taken
    }

    /// A message that must not be refused for want of room: an answer, a timer, a notice.
    pub(crate) fn offer_forced(self: &Arc<Self>, node: &Arc<Inner>, message: Message) -> Offer {
        let mut state = self.lock();
        if let Some(forwarder) = state.moved().cloned() {
            drop(state);
            node.pass_on(&forwarder, self.path(), message);
            return Offer::Taken;
        }
        if state.phase != Phase::Running {
            return Offer::Stopped;
        }
        state.push_forced(message);
        self.schedule(node, &mut state);
        Offer::Taken
    }

    /// The answer to a request of this actor, whose slot is at `slot_node`.
    pub(crate) fn offer_answer(self: &Arc<Self>, node: &Arc<Inner>, slot_node: &str, mut message: Message) {
        let mut state = self.lock();
        if let Some(forwarder) = state.moved().cloned() {
            drop(state);
            return node.pass_on(&forwarder, self.path(), message);
        }
        let Some(request) = state
            .extra_mut()
            .requests
            .remove(&(slot_node.to_owned(), message.correlation))
        else {
            drop(state);
            return node.late_reply();
        };
        message.context = request.context;
        if state.phase == Phase::Running {
            state.push_forced(message);
            self.schedule(node, &mut state);
        }
    }

    /// A message that an old owner of this actor has forwarded.
    pub(crate) fn offer_forwarded(self: &Arc<Self>, node: &Arc<Inner>, message: Message) {
        if let Some(Kind::Reply | Kind::Failure | Kind::Event) = message.kind() {
            let slot_node = message.slot_node(&node.name);
            return self.offer_answer(node, &slot_node, message);
        }
        let deadlock = self.is_deadlock(&message);
        let mut state = self.lock();
        if let Some(forwarder) = state.moved().cloned() {
            drop(state);
            return node.pass_on(&forwarder, self.path(), message);
        }
        let (code, detail) = if !state.arrived {
            (Code::UnsupportedKind, "only answers may come outside a stream")
        } else if state.phase != Phase::Running {
            (Code::Stopped, "")
        } else if deadlock {
            (Code::Deadlock, "")
        } else if state.is_past(&message) {
            (Code::Moved, "it came by its old owner after its stream had gone on")
        } else if !state.pool.take_forwarded() {
            (Code::MailboxFull, "too much is forwarded to it")
        } else {
            state.push_local(message);
            return self.schedule(node, &mut state);
        };
        drop(state);
        node.refuse(&message, code, Effect::None, detail);
    }

    /// A message of an incoming stream.
    #[allow(clippy::result_large_err)] // The message comes back to be refused, once and at once.
    pub(crate) fn offer_stream(self: &Arc<Self>, node: &Arc<Inner>, message: Message) -> Result<(), (Code, Message)> {
        let Permit::Stream { key, seq } = message.permit else {
            return Err((Code::InvalidArgument, message));
        };
        let mut state = self.lock();
        if state.hold_of(key).is_some() {
            return state.keep(key, seq, message);
        }
        if let Some(forwarder) = state.moved().cloned() {
            drop(state);
            node.pass_on(&forwarder, self.path(), message);
            return Ok(());
        }
        self.accept(node, &mut state, message)
    }

    /// Tells of an incoming stream. What cannot be taken comes back, each with the reason.
    pub(crate) fn offer_run(self: &Arc<Self>, node: &Arc<Inner>, run: Box<Run>) -> Vec<(Code, Message)> {
        let mut state = self.lock();
        let special = state.frozen || state.moved().is_some() || state.phase != Phase::Running || state.holds_any();
        if !special {
            let (key, first_seq, n) = (run.key(), run.next_seq(), run.len() as u64);
            if state.pool.arrive_run(key, first_seq, n) == Arrival::Accepted {
                state.mailbox.push_run(run);
                self.schedule(node, &mut state);
                return Vec::new();
            }
        }
        drop(state);
        run.filter_map(|message| self.offer_stream(node, message).err())
            .collect()
    }

    /// Messages of one incoming stream. What cannot be taken comes back, each with the reason.
    pub(crate) fn offer_all(self: &Arc<Self>, node: &Arc<Inner>, messages: Vec<Message>) -> Vec<(Code, Message)> {
        let mut state = self.lock();
        if state.moved().is_some() || state.holds_any() {
            drop(state);
            let offers = messages.into_iter();
            return offers.filter_map(|m| self.offer_stream(node, m).err()).collect();
        }
        let offers = messages.into_iter();
        offers.filter_map(|m| self.accept(node, &mut state, m).err()).collect()
    }

    /// Takes a message of a bound stream into the mailbox.
    #[allow(clippy::result_large_err)] // As above.
    pub(super) fn accept(
        self: &Arc<Self>,
        node: &Arc<Inner>,
        state: &mut CellState,
        message: Message,
    ) -> Result<(), (Code, Message)> {
        let Permit::Stream { key, seq } = message.permit else {
            return Err((Code::InvalidArgument, message));
        };
        if state.phase != Phase::Running {
            return Err((Code::Stopped, message));
        }
        if self.is_deadlock(&message) {
            state.pool.refused(key, seq);
            return Err((Code::Deadlock, message));
        }
        match state.pool.arrive(key, seq) {
            Arrival::Accepted => {
                if message.is_large() {
                    state.pool.await_processed(key, seq);
                }
                state.mailbox.push(message);
                self.schedule(node, state);
                Ok(())
            }
            Arrival::Full => Err((Code::MailboxFull, message)),
            Arrival::Unknown => Err((Code::Stopped, message)),
        }
    }

    /// A peer bound a stream.
    pub(crate) fn open_stream(self: &Arc<Self>, node: &Arc<Inner>, binding: Binding) -> Opened {
        let mut state = self.lock();
        if state.phase != Phase::Running && state.moved().is_none() {
            return Opened::Stopped;
        }
        let (key, stream, first_seq) = (binding.key, binding.stream, binding.first_seq);
        let held = state.must_hold(&binding);
        if held {
            self.hold(node, &mut state, binding);
        }
        if let Some(forwarder) = state.moved() {
            return Opened::Moved(forwarder.moved());
        }
        if !held {
            state.bind(stream);
            state.pool.open(key, first_seq, INITIAL_CREDIT);
            let grants = state.pool.grants(true);
            drop(state);
            node.grant(grants);
        }
        Opened::Bound
    }

    /// A binding of a stream ended. What was promised to it is there for others.
    pub(crate) fn close_stream(
        self: &Arc<Self>,
        node: &Arc<Inner>,
        key: StreamKey,
        (stream, binding): (u64, u32),
        closed: Closed,
    ) {
        let mut state = self.lock();
        if let Some(hold) = state.hold_of(key) {
            hold.closed = Some(closed);
            return;
        }
        if state.moved().is_some() || closed == Closed::Lost {
            // Wherever its sender binds it next: nothing is late but what is held here, and goes where the actor goes.
            state.pool.close(key);
            drop(state);
            return node.drained_at(self, stream, binding);
        }
        state.pool.close(key);
        let drained = state.mailbox.is_empty();
        let grants = state.pool.grants(drained);
        let waiters = state.take_waiters();
        drop(state);
        node.grant(grants);
        waiters.iter().for_each(|w| w.notify_waiters());
    }

    /// An asker has stopped waiting. Held: it is taken out and given back. Running: its token trips.
    pub(crate) fn cancel_ask(&self, ask: &AskId) -> Option<Message> {
        let mut state = self.lock();
        if let Some(running) = &mut state.running
            && running.ask.is(ask)
        {
            let token = running.token.get_or_insert_default().clone();
            drop(state);
            token.cancel();
            return None;
        }
        // What is in the capsule of a move may be handled elsewhere: nobody can say that it was not.
        let cut = state.extra().cut.map_or(0, |(cut, _)| cut);
        state.mailbox.take(cut, |message| AskId::of(message).is(ask))
    }

    /// Takes an ask that its asker's thread is to handle at once: then the caller has to run the actor, and ends as an activation
    /// does. `None`: the actor is not idle, or the ask is none for that.
    pub(crate) fn offer_inline(&self, key: StreamKey, message: &Message) -> Option<Box<dyn DynActor>> {
        let declared = self.factory.protocol().inline.contains(&message.type_name());
        if !declared || !message.is_ask() || self.is_deadlock(message) {
            return None;
        }
        let mut state = self.lock();
        let idle = !state.active && state.mailbox.is_empty() && state.begun && state.actor.is_some();
        let here = state.phase == Phase::Running && !state.frozen && state.moved().is_none();
        if !idle || !here || state.extra().holds.contains_key(&key) || !state.pool.take_local() {
            return None;
        }
        state.active = true;
        state.running = Some(Running {
            ask: AskId::Beside {
                key,
                correlation: message.correlation,
            },
            token: None,
        });
        state.actor.take()
    }

    fn is_deadlock(&self, message: &Message) -> bool {
        message.asks > 0 && message.is_ask() && message.ask_path().contains(&self.hash())
    }
}

impl CellState {
    pub(super) fn push_forced(&mut self, message: Message) {
        self.pool.force_local();
        self.push_local(message);
    }

    /// Puts a message into the mailbox whose permit the pool has given as to a local one.
    fn push_local(&mut self, mut message: Message) {
        message.permit = Permit::Local;
        self.mailbox.push(message);
    }

    /// Rings `who` when there may be room, or the actor has moved.
    pub(super) fn wait(&mut self, who: &Arc<Notify>) {
        let waiters = &mut self.extra_mut().waiters;
        if !waiters.iter().any(|w| Arc::ptr_eq(w, who)) {
            waiters.push(who.clone());
        }
    }
}
