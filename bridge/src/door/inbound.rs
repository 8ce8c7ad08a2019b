//! What comes over a link: streams are joined with actors, messages put into mailboxes, ends told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actorbridge_proto::v1::{self, Code, Effect, Failure, Kind, RefusalReason};
use actorbridge_proto::{Refusal, What, Who};
use bytes::Bytes;

use super::inline::Asked;
use super::relay::{Passing, Relay};
use super::{LaneRun, LinkEnd, State};
use crate::address::Address;
use crate::cell::{AskId, Binding, Cell, Closed, Opened};
use crate::logs::{About, Level};
use crate::machine::link::{Action, BindingNumber, Delivery, Relayed};
use crate::machine::pool::StreamKey;
use crate::message::{Message, Permit};
use crate::node::{Inner, lock};
use crate::rings::DeadLetter;
use crate::run::{Payloads, Run};

pub(super) enum Host {
    Cell(Arc<Cell>),
    /// An actor of another node, by way of this one.
    Relay(Arc<Relay>),
    /// Nobody: why each message is refused.
    None(Code, String),
}

pub(super) struct Inbound {
    pub(super) key: StreamKey,
    pub(super) stream: u64,
    /// How many times the stream has been bound.
    pub(super) binding: u32,
    pub(super) who: Arc<Who>,
    pub(super) host: Host,
    /// A relay has passed it on.
    pub(super) relayed: bool,
    /// What its last inline ask left for the next one.
    pub(super) asked: Asked,
}

impl LinkEnd {
    pub(super) fn act(&self, node: &Arc<Inner>, inbound: &mut HashMap<u32, Inbound>, action: Action) {
        match action {
            Action::Up { peer, incarnation, .. } => {
                node.link_up(&peer, incarnation, self.role, self.kept.as_ref());
                node.log(Level::Info, self.about(&peer), "the link is up".into());
                self.settled.cancel();
            }
            Action::Opened {
                flow,
                stream,
                opened,
                first_seq,
                binding: BindingNumber { number, after },
                who,
                relayed,
            } => {
                let link = self.id;
                let binding = Binding {
                    key: StreamKey { link, flow, opened },
                    stream,
                    first_seq,
                    number,
                    after,
                    sender: (who.source.clone(), who.reply_to.clone()),
                };
                inbound.insert(flow, self.opened(node, binding, who, relayed));
            }
            Action::Deliver(delivery) => self.deliver(node, inbound, delivery),
            Action::Closed { flow, .. } => {
                if let Some(closed) = inbound.remove(&flow) {
                    // Behind a relay the sender may be gone, and binds the stream anew by another way.
                    let how = match closed.relayed {
                        true => Closed::Lost,
                        false => Closed::BySender,
                    };
                    self.ended(node, flow, closed, how);
                }
            }
            Action::Skipped { flow, seq } => self.skipped(node, inbound, flow, seq),
            Action::Credit { flow } => {
                let ready = Self::may_send(&mut lock(&self.state), &[Action::Credit { flow }]);
                ready.tell(self);
            }
            Action::Progress { flow } => {
                let ready = Self::may_send(&mut lock(&self.state), &[Action::Progress { flow }]);
                ready.tell(self);
            }
            Action::Confirmed { flow } => self.confirmed(flow),
            Action::Refused { flow, outcome } => match self.relay_of(flow) {
                Some(relay) => relay.refused(outcome),
                None => self.refused(node, flow, outcome),
            },
            Action::WayLost {
                flow,
                stream,
                first,
                last_seq,
            } => self.way_lost(node, flow, stream, (first, last_seq)),
            Action::Rebind { flow, code, moved, .. } => match self.relay_of(flow) {
                Some(relay) => relay.reset(code, moved),
                None => self.rebind(node, flow, code, moved.as_ref()),
            },
            Action::BadItem {
                flow,
                seq,
                refusal,
                body,
                asked,
            } => {
                if let Some(stream) = inbound.get(&flow).filter(|_| asked != 0) {
                    let failure = Failure {
                        code: refusal.code as i32,
                        effect: Effect::None as i32,
                        detail: refusal.detail.clone(),
                        ..Default::default()
                    };
                    node.answer_failure(&stream.who.reply_to, asked, &failure, &[], None);
                }
                self.bad_item(node, inbound, (flow, seq), refusal, body);
            }
            Action::Moved(step) => node.moves_step(self, step),
            Action::Room => {
                let ready = Self::may_send(&mut lock(&self.state), &[Action::Room]);
                ready.tell(self);
            }
            Action::Down {
                status,
                detail,
                last_frame,
            } => self.on_down(node, inbound, status, &detail, last_frame),
        }
    }

    /// The peer bound a stream.
    fn opened(&self, node: &Arc<Inner>, binding: Binding, who: Who, relayed: Relayed) -> Inbound {
        let (key, stream, number) = (binding.key, binding.stream, binding.number);
        let is_relayed = !relayed.origin.is_empty();
        let forbidden = self.forbids_stream(node, &who, &relayed);
        if is_relayed && forbidden.is_none() {
            node.relays.heard(&relayed.origin, &self.peer().unwrap_or_default());
        }
        let host = match forbidden {
            None if relayed.is_for_another(&node.name) => self.host_beyond(node, &binding, &who, relayed),
            None => self.host(node, &who.target, binding),
            Some((reason, why)) => {
                self.reset(binding.key, Code::Forbidden, None);
                node.counters.refused(reason);
                self.accuse(node, reason, &why);
                Host::None(Code::Forbidden, why)
            }
        };
        Inbound {
            key,
            stream,
            binding: number,
            who: Arc::new(who),
            host,
            relayed: is_relayed,
            asked: Asked::Never,
        }
    }

    /// Says what the peer does that it may not, once a link for each reason: counters and dead letters have the rest.
    fn accuse(&self, node: &Inner, reason: RefusalReason, why: &str) {
        let bit = 1 << reason as u32;
        if self.accused.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            let (peer, code) = (self.peer().unwrap_or_default(), reason.as_str_name());
            let code = code.trim_start_matches("REFUSAL_REASON_");
            node.log(
                Level::Warn,
                About {
                    code,
                    ..self.about(&peer)
                },
                why.to_owned(),
            );
        }
    }

    /// Why it ended: for what the peer was refused, or its status.
    pub(crate) fn end_code(&self) -> &'static str {
        match lock(&self.state).machine.refused_for() {
            Some(reason) => reason.as_str_name().trim_start_matches("REFUSAL_REASON_"),
            None => {
                let status = self.fate_status().unwrap_or_default();
                status.as_str_name().trim_start_matches("STATUS_")
            }
        }
    }

    /// What a line about this link is about.
    fn about<'a>(&self, peer: &'a str) -> About<'a> {
        About {
            peer,
            link: self.id,
            ..About::default()
        }
    }

    /// The binding of one of our streams is ended.
    fn rebind(&self, node: &Arc<Inner>, flow: u32, code: Code, moved: Option<&v1::Moved>) {
        let outlet = {
            let mut state = lock(&self.state);
            state.stalled.remove(&flow);
            Self::feed(&mut state, flow);
            let outlet = state.outlets.remove(&flow).and_then(|o| o.upgrade());
            if let Some(outlet) = &outlet {
                state.last_targets.insert(flow, outlet.target.clone());
            }
            outlet
        };
        if let Some(outlet) = outlet {
            if code == Code::Forbidden {
                let of = sender(&outlet.who);
                self.accuse(
                    node,
                    RefusalReason::RefusedByPeer,
                    &format!("it refuses messages of {of}: this node's certificate does not allow them, or no relay may pass them on"),
                );
            }
            outlet.unbind(node, self.id, flow, moved);
        }
        lock(&self.state).resets.remove(&flow);
    }

    /// Whom the messages of an outgoing flow are for, also behind the reset of its stream; empty = nobody knows any more.
    pub(super) fn target_of(&self, flow: u32) -> String {
        let target = self.outlet(flow).map(|outlet| outlet.target.clone());
        let target = target.or_else(|| lock(&self.state).last_targets.get(&flow).cloned());
        target.map(|target| target.as_str().to_owned()).unwrap_or_default()
    }

    /// The receiver refused one of our messages.
    fn refused(&self, node: &Inner, flow: u32, outcome: v1::Outcome) {
        node.dead().push(DeadLetter {
            target: self.target_of(flow),
            code: Code::from_wire(outcome.code),
            effect: outcome.effect(),
            detail: format!("seq {}: {}", outcome.seq, outcome.detail),
            envelope: Bytes::new(),
        });
    }

    /// An item was refused here, and the peer has been answered.
    fn bad_item(
        &self,
        node: &Inner,
        inbound: &HashMap<u32, Inbound>,
        (flow, seq): (u32, u64),
        refusal: Refusal,
        body: Bytes,
    ) {
        if refusal.code == Code::MailboxFull {
            node.counters.refused(RefusalReason::CreditViolation);
            let why = "the peer sends more than the credit that it has; what is beyond it is refused";
            self.accuse(node, RefusalReason::CreditViolation, why);
        }
        let stream = inbound.get(&flow);
        if let Some(Inbound {
            key,
            host: Host::Cell(cell),
            ..
        }) = stream
        {
            cell.lock().refused(*key, seq);
        }
        node.dead().push(DeadLetter {
            target: stream.map(|s| s.who.target.clone()).unwrap_or_default(),
            code: refusal.code,
            effect: Effect::None,
            detail: refusal.detail,
            envelope: body,
        });
    }

    /// Who gets the messages of a stream that the peer bound.
    fn host(&self, node: &Arc<Inner>, target: &str, binding: Binding) -> Host {
        let key = binding.key;
        let target = target.parse::<Address>().ok();
        let target = target.filter(|a| a.node().is_none_or(|n| n == node.name));
        // A pinned address does not follow an actor that has left.
        let cell = target.as_ref().and_then(|a| {
            let left = || node.left(a.path()).filter(|_| a.node().is_none());
            node.cell(a.path()).or_else(left)
        });
        let Some(cell) = cell else {
            let gone = target.map(|a| node.gone(&a));
            let (code, detail) = gone.map_or((Code::NoSuchActor, String::new()), |why| {
                (why.code(), why.detail().to_owned())
            });
            self.reset(key, code, None);
            return Host::None(code, detail);
        };
        match cell.open_stream(node, binding) {
            Opened::Bound => Host::Cell(cell),
            Opened::Moved(moved) => {
                self.reset(key, Code::Moved, Some(moved));
                Host::Cell(cell)
            }
            Opened::Stopped => {
                self.reset(key, Code::Stopped, None);
                Host::None(Code::Stopped, String::new())
            }
        }
    }

    fn deliver(&self, node: &Arc<Inner>, inbound: &HashMap<u32, Inbound>, delivery: Delivery) {
        let Delivery {
            flow,
            seq,
            type_id,
            ttl_ms,
            hops,
            body,
            ..
        } = delivery;
        let what = self.what(type_id);
        let deadline = node.deadline_in(ttl_ms);
        let stream = inbound.get(&flow);
        if let Some(stream) = stream
            && let Host::Relay(relay) = &stream.host
        {
            return self.relay(
                node,
                stream,
                relay,
                Passing {
                    seq,
                    what,
                    deadline,
                    hops,
                    body,
                },
            );
        }
        if stream.is_none() && flow != 0 {
            return;
        }
        let who = stream.map(|s| s.who.clone()).unwrap_or_default();
        // The machine has read it before, unless it was for another node.
        let Ok(mut message) = Message::read(who.clone(), what, body) else {
            if let Some(Host::None(code, why)) = stream.map(|s| &s.host) {
                self.refuse_unread(flow, seq, *code, why);
            }
            return;
        };
        message.hops = hops;
        message.deadline = deadline;
        if let Some(stream) = stream {
            message.permit = Permit::Stream { key: stream.key, seq };
        }
        // Where its stream says nothing of the source or tenant, or there is none, a message may name its own.
        if !Arc::ptr_eq(&message.who, &who)
            && let Some((reason, why)) = self.forbids_message(&message.who, stream)
        {
            if let Some(Inbound {
                key,
                host: Host::Cell(cell),
                ..
            }) = stream
            {
                cell.lock().refused(*key, seq);
            }
            node.counters.refused(reason);
            self.accuse(node, reason, &why);
            return node.refuse(&message, Code::Forbidden, Effect::None, &why);
        }
        let Some(stream) = stream else {
            return match message.kind() {
                Some(Kind::Event) => node.event_came(self.id, message),
                _ => node.off_stream(message, seq),
            };
        };
        match &stream.host {
            Host::Cell(cell) => {
                if let Err((code, message)) = cell.offer_stream(node, message) {
                    node.refuse(&message, code, Effect::None, "");
                }
            }
            Host::Relay(_) => {} // above
            Host::None(code, detail) if stream.relayed => self.refuse_back(node, &message, *code, detail),
            Host::None(code, detail) => node.refuse(&message, *code, Effect::None, detail),
        }
    }

    /// Tells of a run that the machine has taken. They are taken out of it.
    pub(super) fn deliver_run(&self, node: &Arc<Inner>, stream: &Inbound, run: &mut LaneRun) {
        let deadline = node.deadline_in(run.ttl_ms);
        let payloads = Payloads::take(run);
        let run = Box::new(Run::new(
            (stream.who.clone(), self.what(run.type_id)),
            (stream.key, run.first_seq),
            (deadline, run.hops),
            (std::mem::take(&mut run.block), payloads),
        ));
        match &stream.host {
            Host::Cell(cell) => refuse_all(node, cell.offer_run(node, run)),
            Host::Relay(_) => {} // the machine takes none of it together
            Host::None(code, detail) => {
                run.for_each(|message| node.refuse(&message, *code, Effect::None, detail));
            }
        }
    }

    /// Other messages that came together, and that the machine has taken.
    pub(super) fn deliver_items(&self, node: &Arc<Inner>, stream: &Inbound, messages: Vec<Message>) {
        match &stream.host {
            Host::Cell(cell) => refuse_all(node, cell.offer_all(node, messages)),
            Host::Relay(_) => {} // the machine takes none of it together
            Host::None(code, detail) => {
                messages
                    .iter()
                    .for_each(|message| node.refuse(message, *code, Effect::None, detail));
            }
        }
    }

    pub(super) fn what(&self, type_id: u32) -> Arc<What> {
        Self::what_in(&mut lock(&self.state), type_id)
    }

    pub(super) fn what_in(state: &mut State, type_id: u32) -> Arc<What> {
        if let Some(what) = state.types.get(&type_id) {
            return what.clone();
        }
        let Some(what) = state.machine.what(type_id).cloned().map(Arc::new) else {
            return Arc::default(); // none, or one that may still be told
        };
        state.types.insert(type_id, what.clone());
        what
    }

    fn skipped(&self, node: &Arc<Inner>, inbound: &HashMap<u32, Inbound>, flow: u32, seq: u64) {
        if let Some(Inbound {
            host: Host::Relay(relay),
            stream,
            ..
        }) = inbound.get(&flow)
        {
            return relay.cancel(*stream, seq);
        }
        if let Some(Inbound {
            key,
            host: Host::Cell(cell),
            ..
        }) = inbound.get(&flow)
        {
            let permit = Permit::Stream { key: *key, seq };
            if let Some(message) = cell.cancel_ask(&AskId::Permit(permit)) {
                node.outcome(&message, Code::Cancelled, Effect::None, "");
                cell.release(node, permit);
            }
        }
    }

    pub(super) fn on_down(
        &self,
        node: &Arc<Inner>,
        inbound: &mut HashMap<u32, Inbound>,
        status: v1::Status,
        detail: &str,
        last_frame: Option<u64>,
    ) {
        *lock(&self.fate) = Some((status, detail.to_owned()));
        let (unknown, outlets, relays) = {
            let mut state = lock(&self.state);
            self.last_credit(&mut state);
            state
                .machine
                .refused_for()
                .inspect(|reason| node.counters.refused(*reason));
            let relays = std::mem::take(&mut state.relays);
            (state.machine.unknown(), std::mem::take(&mut state.outlets), relays)
        };
        relays.values().for_each(|relay| relay.lost());
        let mut asked = Vec::new();
        for (flow, lost) in inbound.drain() {
            if let (Asked::Now, Host::Cell(cell)) = (&lost.asked, &lost.host) {
                asked.push((lost.key, cell.clone()));
            }
            self.ended(node, flow, lost, Closed::Lost);
        }
        let outlets: Vec<_> = outlets
            .into_iter()
            .filter_map(|(f, o)| Some((f, o.upgrade()?)))
            .collect();
        for (stream, first, last) in unknown {
            let of = outlets.iter().find(|(_, o)| o.stream == stream);
            let target = of.map(|(_, o)| o.target.as_str().to_owned()).unwrap_or_default();
            let detail = format!("stream {stream:016x}, seq {first} to {last}: {detail}");
            let (code, effect) = (Code::OutcomeUnknown, Effect::Maybe);
            node.dead().push(DeadLetter {
                target,
                code,
                effect,
                detail,
                envelope: Bytes::new(),
            });
        }
        if let Some(kept) = &self.kept {
            node.link_lost(kept, detail, self.stay_away());
        }
        node.link_down(self, last_frame, detail);
        // After `over` is set: an inline ask that has not begun yet looks at that.
        for (key, cell) in asked {
            cell.cancel_ask(&AskId::Beside { key, correlation: 0 });
        }
        outlets
            .iter()
            .for_each(|(flow, o)| o.unbind(node, self.id, *flow, None));
        self.settled.cancel();
        self.down.cancel();
    }
}

/// Who sends, in words.
fn sender(who: &Who) -> String {
    let source = match who.source.as_str() {
        "" => "outside code",
        source => source,
    };
    match who.tenant.as_str() {
        "" => source.to_owned(),
        tenant => format!("{source} for the tenant {tenant}"),
    }
}

fn refuse_all(node: &Arc<Inner>, refused: Vec<(Code, Message)>) {
    for (code, message) in refused {
        node.refuse(&message, code, Effect::None, "");
    }
}
