//! The node with the actor. All streams have their room from one pool.

use std::collections::{BTreeMap, VecDeque};

use actorbridge::machine::Millis;
use actorbridge::machine::link::{Action, Delivery, Phase};
use actorbridge::machine::pool::{Arrival, INITIAL_CREDIT, Pool, StreamKey};
use actorbridge_proto::v1::{self, Code, ContentType, Effect, Kind};
use actorbridge_proto::{EnvelopeView, Refusal, What, writer};

use crate::sender::{Fate, Odd, number_in};
use crate::world::World;

/// What waits at the actor.
struct Mail {
    conn: usize,
    key: StreamKey,
    seq: u64,
    number: usize,
    /// As far as the receiver knows.
    deadline: Option<Millis>,
}

pub(crate) struct Receiver {
    pub(crate) incarnation: u64,
    pub(crate) capacity: u32,
    pub(crate) pool: Pool,
    mailbox: VecDeque<Mail>,
    /// How many bindings there were.
    pub(crate) opened: u64,
    pub(crate) stands_until: Millis,
    /// By stream: the last seq that the actor was given.
    heard: BTreeMap<u64, u64>,
}

impl Receiver {
    pub(crate) fn new(incarnation: u64, capacity: u32) -> Self {
        Self {
            incarnation,
            capacity,
            pool: Pool::new(capacity),
            mailbox: VecDeque::new(),
            opened: 0,
            stands_until: 0,
            heard: BTreeMap::new(),
        }
    }

    /// How many messages wait at the actor.
    pub(crate) fn waiting(&self) -> usize {
        self.mailbox.len()
    }
}

fn key(c: usize, flow: u32) -> StreamKey {
    StreamKey {
        link: c as u64 + 1,
        flow,
        opened: 0,
    }
}

impl World {
    /// The process dies, and another begins at its address. Silently: its connections do not end.
    pub(crate) fn restart_receiver(&mut self, silently: bool) {
        for held in &self.receiver.mailbox {
            self.messages[held.number].died = true;
        }
        let heard = std::mem::take(&mut self.receiver.heard); // for who judges
        self.receiver = Receiver::new(self.random.next(), self.receiver.capacity);
        self.receiver.heard = heard;
        for c in self.receivers_conns() {
            self.close(c, 1, silently);
        }
        self.seen.restarts += 1;
    }

    /// Those of which the receiver's end is not over.
    fn receivers_conns(&self) -> Vec<usize> {
        let mut conns = self.open_conns();
        conns.retain(|c| !self.conns[*c].closed[1]);
        conns
    }

    /// A link of a later dial takes the place of those before it, and one of an earlier dial is refused.
    pub(crate) fn admits(&mut self, c: usize) -> bool {
        for other in self.receivers_conns() {
            let is_of_the_same = self.conns[other].sender == self.conns[c].sender;
            if other == c || !is_of_the_same || self.conns[other].ends[1].phase() != Phase::Up {
                continue;
            }
            let mut actions = Vec::new();
            if other > c {
                self.conns[c].ends[1].refuse("it has dialled again since", &mut actions);
                self.act(c, 1, actions);
                return false;
            }
            self.seen.superseded += 1;
            self.conns[other].ends[1].supersede(&mut actions);
            self.act(other, 1, actions);
        }
        true
    }

    /// Does what the receiver's end of a link says.
    pub(crate) fn receiver_acts(&mut self, c: usize, action: Action) {
        match action {
            Action::Opened {
                flow,
                stream,
                first_seq,
                ..
            } => {
                self.receiver.opened += 1;
                self.conns[c].flows.insert(flow, stream);
                self.receiver.pool.open(key(c, flow), first_seq, INITIAL_CREDIT);
            }
            Action::Deliver(delivery) => self.deliver(c, &delivery),
            Action::BadItem { flow, seq, refusal, .. } => self.bad_item(c, flow, seq, &refusal),
            Action::Down { .. } => {
                let flows = self.conns[c].flows.keys();
                flows.for_each(|flow| self.receiver.pool.close(key(c, *flow)));
            }
            _ => {}
        }
    }

    /// The machine has refused an item. Of honest senders it may refuse what it cannot know, and what they withdraw.
    fn bad_item(&mut self, c: usize, flow: u32, seq: u64, refusal: &Refusal) {
        let number = self.sent_at(c, flow, seq);
        let message = number.map(|n| &mut self.messages[n]);
        let withdrawn = refusal.code == Code::Cancelled && message.as_ref().is_none_or(|m| m.fate != Fate::Sent);
        let unknown = refusal.code == Code::UnsupportedKind && message.as_ref().is_some_and(|m| m.odd == Odd::Kind);
        if let Some(message) = message {
            message.letter = true;
        }
        if !withdrawn && !unknown {
            self.fail(format!("seq {seq} of flow {flow} is refused: {refusal}"));
        }
        self.seen.refused += 1;
        self.receiver.pool.refused(key(c, flow), seq);
    }

    fn deliver(&mut self, c: usize, delivery: &Delivery) {
        let (flow, seq) = (delivery.flow, delivery.seq);
        let view = EnvelopeView::read_body(&delivery.body, 0);
        let Some(number) = view.ok().and_then(|view| number_in(view.payload)) else {
            return self.fail(format!("seq {seq} of flow {flow} cannot be read"));
        };
        let message = &self.messages[number];
        let stream = message.stream;
        if self.conns[c].flows.get(&flow) != Some(&stream) || message.seq != seq || message.conn != c {
            return self.fail(format!("message {number} came as seq {seq} of another stream"));
        }
        let heard = self.receiver.heard.insert(stream, seq).unwrap_or(0);
        if seq <= heard {
            self.fail(format!("seq {seq} of stream {stream:x} came after {heard}"));
        }
        let what = self.conns[c].ends[1].what(delivery.type_id);
        if let Some(code) = what.and_then(unreadable) {
            self.receiver.pool.refused(key(c, flow), seq);
            return self.refuse(c, number, code);
        }
        match self.receiver.pool.arrive(key(c, flow), seq) {
            Arrival::Full => self.refuse(c, number, Code::MailboxFull),
            Arrival::Unknown => self.fail(format!("message {number} came on a flow that the pool does not know")),
            Arrival::Accepted => self.receiver.mailbox.push_back(Mail {
                conn: c,
                key: key(c, flow),
                seq,
                number,
                deadline: (delivery.ttl_ms > 0).then_some(self.now + u64::from(delivery.ttl_ms)),
            }),
        }
    }

    /// Puts a message into the dead letters, and says so.
    fn refuse(&mut self, c: usize, number: usize, code: Code) {
        let message = &mut self.messages[number];
        message.letter = true;
        self.seen.refused += 1;
        if self.conns[c].closed[1] {
            return;
        }
        let outcome = v1::Outcome {
            seq: message.seq,
            code: code as i32,
            effect: Effect::None as i32,
            ..Default::default()
        };
        let link = &mut self.conns[c].ends[1];
        link.outcome(message.flow, outcome);
        if message.is_ask {
            link.fail(message.correlation, code, Effect::None, "it is refused");
        }
    }

    /// Handles the oldest message that waits, unless its time is over.
    pub(crate) fn handle(&mut self) {
        if self.now < self.receiver.stands_until {
            return;
        }
        let Some(next) = self.receiver.mailbox.pop_front() else {
            return;
        };
        self.receiver.pool.release(next.key, next.seq);
        if next.deadline.is_some_and(|deadline| self.now >= deadline) {
            let early = self.messages[next.number]
                .deadline
                .map_or(0, |d| d.saturating_sub(self.now));
            if early > 0 {
                let number = next.number;
                self.fail(format!(
                    "message {number} is refused as too late {early} ms before its time is over"
                ));
            }
            self.refuse(next.conn, next.number, Code::Expired);
        } else {
            self.seen.handled += 1;
            self.handled(next.number);
            if self.messages[next.number].is_ask {
                self.reply(next.number);
            }
        }
        self.grant();
    }

    /// Answers an ask by the link that there is to its sender.
    fn reply(&mut self, number: usize) {
        let mut payload = (number as u64).to_le_bytes().to_vec();
        if self.random.one_in(12) {
            payload.resize(8 + self.random.below(60_000) as usize, 0);
        }
        let message = &self.messages[number];
        let fields = writer::BodyFields {
            correlation: message.correlation,
            ..Default::default()
        };
        let body = writer::body(fields, &payload);
        let sender = message.sender;
        for c in self.receivers_conns() {
            let conn = &mut self.conns[c];
            if conn.sender == sender && conn.ends[1].phase() == Phase::Up {
                conn.ends[1].send_off_stream(&writer::what(Kind::Reply, "lossy.v1.Reply", 1, 1), &body);
            }
        }
    }

    /// Tells the senders how much more they may send.
    pub(crate) fn grant(&mut self) {
        for grant in self.receiver.pool.grants(self.receiver.mailbox.is_empty()) {
            let StreamKey { link: conn, flow, .. } = grant.key;
            let conn = &mut self.conns[conn as usize - 1];
            if !conn.closed[1] {
                conn.ends[1].state(flow, grant.processed, grant.credit, grant.may_wait);
            }
        }
    }

    /// What could wait is told.
    pub(crate) fn press(&mut self) {
        for c in self.receivers_conns() {
            self.conns[c].ends[1].press_states();
        }
    }
}

/// Why a message of this type cannot be read here.
fn unreadable(what: &What) -> Option<Code> {
    if what.content_type != ContentType::Protobuf as u32 {
        Some(Code::UnsupportedCodec)
    } else if what.min_reader > 1 {
        Some(Code::UnsupportedVersion)
    } else {
        None
    }
}
