//! Streams that a node passes on between two of its links, and those that end behind such a node.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use actorbridge_proto::v1::{self, Code, Effect, RefusalReason};
use actorbridge_proto::{Packed, Refusal, Run, What, Who, writer};
use bytes::Bytes;

use super::LinkEnd;
use super::inbound::{Host, Inbound};
use crate::address::Address;
use crate::asks::{self, Place};
use crate::cell::{Binding, Closed};
use crate::machine::Millis;
use crate::machine::link::{BindingNumber, Link, MAX_HOPS, Phase, Relayed, Send};
use crate::message::{Message, Outgoing, Permit};
use crate::node::{Inner, Target, lock};
use crate::outlet::Outlet;
use crate::rings::DeadLetter;

/// Most messages of one stream that wait at a relay: enough for some packets of 64 KiB.
const WINDOW: u64 = 512;
/// Most streams that are remembered as lost behind a relay.
const MAX_STRAYS: usize = 4_096;

/// A stream between two links of this node.
pub(crate) struct Relay {
    from: Weak<LinkEnd>,
    from_flow: u32,
    to: Weak<LinkEnd>,
    flow: u32,
    /// The credit that its sender was told of last, and what its receiver has.
    told: AtomicU64,
    received: AtomicU64,
    /// Its sender has closed it. This and the next one are written under the lock of that link.
    closed: AtomicBool,
    /// Its receiver has said all, or the link to it is over. When both are so, the number of the sender's flow may be another stream's.
    heard_out: AtomicBool,
}

/// One item on its way through.
pub(super) struct Passing {
    pub(super) seq: u64,
    pub(super) what: Arc<What>,
    pub(super) deadline: Option<Millis>,
    pub(super) hops: u32,
    pub(super) body: Bytes,
}

/// Who may go on since a link has taken or learned something.
#[derive(Default)]
pub(super) struct Ready {
    pub(super) outlets: Vec<Arc<Outlet>>,
    pub(super) relays: Vec<Arc<Relay>>,
}

impl Ready {
    /// Tells them. Not under a lock of the link.
    pub(super) fn tell(&self, link: &LinkEnd) {
        self.outlets.iter().for_each(|o| o.owner.notify_waiters());
        self.relays.iter().for_each(|relay| relay.pass_state(link));
    }
}

impl Relay {
    /// Tells the sender what the receiver says, and gives it credit for what has room here. `to`: the link to the receiver.
    fn pass_state(&self, to: &LinkEnd) {
        let Some(mut progress) = lock(&to.state).machine.progress(self.flow) else {
            return;
        };
        let here = progress.left + WINDOW;
        let told = self.told.load(Ordering::Relaxed);
        let is_news = self.received.fetch_max(progress.received, Ordering::Relaxed) < progress.received;
        // Each packet makes room: to tell of a quarter of a window is enough.
        let enough = progress.credit.min(told + WINDOW / 4).max(told + 1);
        progress.credit = progress.credit.min(here);
        if is_news || progress.credit >= enough {
            self.told.fetch_max(progress.credit, Ordering::Relaxed);
            self.at_sender(|machine| machine.relay_state(self.from_flow, progress));
        }
    }

    /// The receiver refused one of the messages.
    pub(super) fn refused(&self, outcome: v1::Outcome) {
        self.at_sender(|machine| machine.outcome(self.from_flow, outcome));
    }

    /// The binding is ended behind this node.
    pub(super) fn reset(&self, code: Code, moved: Option<v1::Moved>) {
        // OK says that a close is confirmed, and that the receiver has not said.
        let code = if code == Code::Ok { Code::Unavailable } else { code };
        self.at_sender(|machine| machine.reset(self.from_flow, code, moved));
    }

    /// The sender has stopped waiting for an answer.
    pub(super) fn cancel(&self, stream: u64, seq: u64) {
        if let Some(to) = self.to.upgrade() {
            to.cancel(self.flow, stream, seq);
        }
    }

    fn at_sender(&self, tell: impl FnOnce(&mut Link)) {
        let Some(link) = self.from.upgrade() else { return };
        {
            let mut state = lock(&link.state);
            if self.is_over() || state.machine.phase() == Phase::Down {
                return;
            }
            tell(&mut state.machine);
        }
        link.ring();
    }

    fn is_over(&self) -> bool {
        self.closed.load(Ordering::Relaxed) && self.heard_out.load(Ordering::Relaxed)
    }

    /// The sender has ended it, or its link is over. It is told so when the receiver knows: until then that may refuse messages.
    fn end(&self) {
        self.half_over(&self.closed);
        if let Some(to) = self.to.upgrade() {
            to.close_flow(self.flow);
        }
    }

    /// The receiver has confirmed the end.
    fn confirmed(&self) {
        self.half_over(&self.heard_out);
    }

    /// The link to the receiver is over: nobody knows what became of what was on its way.
    pub(super) fn lost(&self) {
        self.reset(Code::OutcomeUnknown, None);
        self.half_over(&self.heard_out);
    }

    /// One side says nothing more.
    fn half_over(&self, side: &AtomicBool) {
        self.at_sender(|machine| {
            side.store(true, Ordering::Relaxed);
            if self.is_over() {
                machine.confirm_close(self.from_flow);
            }
        });
    }
}

impl LinkEnd {
    /// Does the peer know streams that are passed on?
    pub(crate) fn can_relay(&self) -> bool {
        lock(&self.state).capabilities.contains(&(v1::Capability::Relay as u32))
    }

    pub(super) fn relay_of(&self, flow: u32) -> Option<Arc<Relay>> {
        lock(&self.state).relays.get(&flow).cloned()
    }

    /// Why the peer may not send this stream; `None` = it may.
    pub(super) fn forbids_stream(&self, node: &Inner, who: &Who, relayed: &Relayed) -> Option<(RefusalReason, String)> {
        let peer = self.peer().unwrap_or_default();
        let origin = match relayed.origin.as_str() {
            "" => &peer,
            origin => origin,
        };
        let why = if relayed.origin.is_empty() {
            let own = self.forbids(who);
            if own.is_some() || !relayed.is_for_another(&node.name) {
                return own;
            }
            None
        } else {
            (!node.relays.accepted.contains(&peer)).then(|| {
                format!(
                    "node {peer} passes on what node {origin} sends, and node {} does not accept it as a relay; let it, if it is to \
                     be trusted",
                    node.name
                )
            })
        };
        let source = &who.source;
        let of = source.parse::<Address>().ok();
        let forged = || of.as_ref().and_then(Address::node).is_some_and(|of| of != origin);
        let why = why
            .or_else(|| forged().then(|| format!("node {origin} may not send as {source}, which is of another node")));
        why.map(|why| (RefusalReason::ForgedSource, why))
    }

    /// Why a message may not be of a sender that its stream does not say; `None` = it may.
    pub(super) fn forbids_message(&self, who: &Who, stream: Option<&Inbound>) -> Option<(RefusalReason, String)> {
        let Some(stream) = stream.filter(|stream| stream.relayed) else {
            return self.forbids(who);
        };
        let same = stream.who.source == who.source && stream.who.tenant == who.tenant;
        let why = "source and tenant of what is passed on are those of its stream";
        (!same).then(|| (RefusalReason::ForgedSource, why.into()))
    }

    /// Finds the way of a stream that is for another node.
    pub(super) fn host_beyond(&self, node: &Arc<Inner>, binding: &Binding, who: &Who, relayed: Relayed) -> Host {
        let opened = self.way_beyond(node, &relayed).and_then(|to| {
            let from = node.link(self.id).map(|link| Arc::downgrade(&link)).unwrap_or_default();
            let origin = match relayed.origin.is_empty() {
                true => self.peer().unwrap_or_default(),
                false => relayed.origin,
            };
            let (destination, hops) = (relayed.destination, relayed.hops + 1);
            let relayed = Relayed {
                destination,
                origin,
                hops,
            };
            to.open_relay((from, Arc::downgrade(&to)), binding, who, relayed)
        });
        match opened {
            Ok(relay) => Host::Relay(relay),
            Err(Refusal { code, detail }) => {
                self.reset(binding.key, code, None);
                Host::None(code, detail)
            }
        }
    }

    fn way_beyond(&self, node: &Arc<Inner>, relayed: &Relayed) -> Result<Arc<LinkEnd>, Refusal> {
        let Relayed { destination, hops, .. } = relayed;
        let refuse = |code, detail: String| Err(Refusal { code, detail });
        if !node.relays.allowed {
            let detail = format!(
                "node {} relays nothing to node {destination}; allow it there",
                node.name
            );
            return refuse(Code::Forbidden, detail);
        }
        if *hops >= MAX_HOPS {
            let detail = format!("passed on {hops} times: a routing loop; check the routes to node {destination}");
            return refuse(Code::NoSuchActor, detail);
        }
        match node.way_to(destination) {
            Some(Target::Link(link) | Target::Beyond(link, _)) if link.can_relay() => Ok(link),
            Some(_) => {
                let detail = format!("node {destination} accepts no relay; name node {} there", node.name);
                refuse(Code::Forbidden, detail)
            }
            None => {
                let why = node
                    .why_no_relay(destination)
                    .or_else(|| node.why_away(Some(destination)));
                let why = why.unwrap_or_else(|| format!("no link to node {destination} is up"));
                refuse(Code::Unavailable, format!("at the relay, node {}: {why}", node.name))
            }
        }
    }

    /// Binds a stream of another node to a flow of this link.
    fn open_relay(
        &self,
        (from, to): (Weak<LinkEnd>, Weak<LinkEnd>),
        binding: &Binding,
        who: &Who,
        relayed: Relayed,
    ) -> Result<Arc<Relay>, Refusal> {
        let mut state = lock(&self.state);
        let number = BindingNumber {
            number: binding.number,
            after: binding.after,
        };
        let (stream, first_seq) = (binding.stream, binding.first_seq);
        let flow = state
            .machine
            .open_relayed(stream, &who.bytes, first_seq, number, relayed)?;
        if let Some(lane) = &state.lane {
            lane.forget_granted(flow);
        }
        let relay = Arc::new(Relay {
            from,
            from_flow: binding.key.flow,
            to,
            flow,
            told: AtomicU64::new(first_seq - 1),
            received: AtomicU64::new(first_seq - 1),
            closed: AtomicBool::new(false),
            heard_out: AtomicBool::new(false),
        });
        state.relays.insert(flow, relay.clone());
        drop(state);
        self.ring();
        Ok(relay)
    }

    /// Passes on an item that came by this link.
    pub(super) fn relay(&self, node: &Arc<Inner>, stream: &Inbound, relay: &Relay, item: Passing) {
        let Some(to) = relay.to.upgrade() else { return };
        let (sent, rests) = {
            let mut state = lock(&to.state);
            let rests = !state.machine.has_output();
            let Passing { what, body, .. } = &item;
            let sent = state
                .machine
                .relay(relay.flow, item.seq, what, item.deadline, item.hops + 1, body);
            (sent, rests)
        };
        match sent {
            // Who has something to say already has been woken.
            Send::Queued(_) if rests => to.ring(),
            // Its link is over: its sender is told by a reset that the way is lost.
            Send::Refused(refusal) if refusal.code != Code::Unavailable => {
                self.not_relayed(node, stream, relay.from_flow, item, &refusal);
            }
            _ => {}
        }
    }

    /// Passes on messages that came packed by this link, in one piece; `false` = nothing has happened, and they are to go one by one.
    pub(super) fn relay_run(&self, node: &Arc<Inner>, stream: &Inbound, relay: &Relay, run: &Run) -> bool {
        // A deadline is counted down for each, and a tap shows each.
        let usual = |packed: &&Packed| packed.ttl_ms == 0 && !self.taps.any();
        let (Some(packed), Some(to)) = (run.packed.as_deref().filter(usual), relay.to.upgrade()) else {
            return false;
        };
        let (what, bodies) = (self.what(packed.type_id), packed.bodies());
        if !lock(&self.state).machine.accept_relayed(run, packed, bodies.1) {
            return false;
        }
        let (sent, rests) = {
            let mut state = lock(&to.state);
            let rests = !state.machine.has_output();
            let sent = state.machine.relay_run(relay.flow, run, &what, packed, bodies);
            (sent, rests)
        };
        match sent {
            true if rests => to.ring(),
            true => {}
            // Some of them are refused, and each is told why.
            false => packed.items().into_iter().zip(run.first_seq..).for_each(|(item, seq)| {
                let passing = Passing {
                    seq,
                    what: what.clone(),
                    deadline: None,
                    hops: run.hops,
                    body: item.body,
                };
                self.relay(node, stream, relay, passing);
            }),
        }
        true
    }

    fn not_relayed(&self, node: &Arc<Inner>, stream: &Inbound, flow: u32, item: Passing, refusal: &Refusal) {
        let Passing {
            seq, what, body, hops, ..
        } = item;
        match Message::read(stream.who.clone(), what, body) {
            Ok(mut message) => {
                (message.permit, message.hops) = (Permit::Stream { key: stream.key, seq }, hops);
                node.refuse(&message, refusal.code, Effect::None, &refusal.detail);
            }
            Err(_) => self.refuse_unread(flow, seq, refusal.code, &refusal.detail),
        }
    }

    /// Refuses a message of a stream that a relay has passed on, and that is not bound. Its asker is told by that relay, also where
    /// that may not speak for others, and so is no way to them.
    pub(super) fn refuse_back(&self, node: &Arc<Inner>, message: &Message, code: Code, detail: &str) {
        node.dead_letter(message, code, Effect::None, detail);
        let failure = message
            .is_ask()
            .then(|| asks::failure_with(message.correlation, code, Effect::None, detail));
        if let Some(failure) = failure.flatten() {
            self.answer_beyond(
                &message.who.reply_to,
                &Outgoing::encoded(failure.what.clone(), failure.body()),
            );
        }
        node.outcome(message, code, Effect::None, detail);
    }

    /// Refuses a message that is no envelope, as far as it was looked into.
    pub(super) fn refuse_unread(&self, flow: u32, seq: u64, code: Code, detail: &str) {
        let outcome = v1::Outcome {
            seq,
            code: code as i32,
            effect: Effect::None as i32,
            detail: detail.to_owned(),
            local_attempts: 0,
        };
        lock(&self.state).machine.outcome(flow, outcome);
        self.ring();
    }

    /// The peer sends nothing more on a flow, or its link is over.
    pub(super) fn ended(&self, node: &Arc<Inner>, flow: u32, ended: Inbound, how: Closed) {
        match ended.host {
            Host::Cell(cell) => cell.close_stream(node, ended.key, (ended.stream, ended.binding), how),
            Host::Relay(relay) => relay.end(),
            // It may have been for another node, and there was no way.
            Host::None(..) => lock(&self.state).machine.confirm_close(flow),
        }
    }

    /// The receiver of a stream that is passed on has confirmed its end, and its number is free.
    pub(super) fn confirmed(&self, flow: u32) {
        if let Some(relay) = self.relay_of(flow) {
            relay.confirmed();
        }
        let mut state = lock(&self.state);
        state.relays.remove(&flow);
        state.machine.free_flow(flow);
    }

    /// The peer, a relay, has lost the way to where one of our streams ends: nobody can say what became of what it had.
    pub(super) fn way_lost(&self, node: &Arc<Inner>, flow: u32, stream: u64, (first, last): (u64, u64)) {
        {
            let mut state = lock(&self.state);
            if state.strays.len() >= MAX_STRAYS {
                state.strays.clear();
            }
            state.strays.insert(stream, last);
        }
        let why = self.why_stray();
        if first <= last {
            node.dead().push(DeadLetter {
                target: self.target_of(flow),
                code: Code::OutcomeUnknown,
                effect: Effect::Maybe,
                detail: format!("stream {stream:016x}, seq {first} to {last}: {why}"),
                envelope: Bytes::new(),
            });
        }
        let is_lost = |at: Place| at.link == self.id && at.flow == flow && at.stream == stream;
        let asks = lock(&node.asks).end_where(|waiter| waiter.placed.is_some_and(is_lost));
        for (correlation, waiter) in asks {
            node.fail_waiter(correlation, waiter, Code::OutcomeUnknown, &why);
        }
    }

    /// Was this message sent on a stream before its way was lost?
    pub(crate) fn is_stray(&self, stream: u64, seq: u64) -> bool {
        lock(&self.state).strays.get(&stream).is_some_and(|last| seq <= *last)
    }

    pub(crate) fn why_stray(&self) -> String {
        format!(
            "the relay, node {}, has lost its link on the way",
            self.peer().unwrap_or_default()
        )
    }

    /// Sends an answer to an asker behind the peer, by its name; `false` = it hears nothing.
    pub(crate) fn answer_beyond(&self, reply_to: &str, out: &Outgoing) -> bool {
        let who = writer::who("", reply_to, "").bytes;
        let named = |body: &[u8]| Bytes::from([&who[..], body].concat());
        let mut state = lock(&self.state);
        let mut sent = state.machine.send_off_stream(&out.what, &named(&out.body));
        if let Send::Refused(refusal) = &sent
            && let Some(failure) = asks::failure_with(out.correlation(), refusal.code, Effect::Done, &refusal.detail)
        {
            sent = state.machine.send_off_stream(&failure.what, &named(&failure.body()));
        }
        drop(state);
        self.ring();
        matches!(sent, Send::Queued(_))
    }
}
