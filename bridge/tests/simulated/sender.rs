//! The nodes that send.

use std::collections::BTreeSet;

use actorbridge::machine::Millis;
use actorbridge::machine::ask::Asks;
use actorbridge::machine::link::{Action, BindingNumber, Delivery, Send};
use actorbridge_proto::v1::{ContentType, Kind};
use actorbridge_proto::{EnvelopeView, What, writer};

use crate::world::World;

/// What a sender knows of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Sent,
    /// An ask.
    Replied,
    /// Certainly not handled: the receiver says so, or it never left.
    Refused,
    /// Nobody knows.
    Unknown,
    /// An ask whose time is over.
    Expired,
    /// Its sender's process is no more: there is nobody to be told.
    Gone,
}

/// What of a message the receiver does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    Nothing,
    Kind,
    Codec,
    Version,
}

pub(crate) struct Message {
    pub(crate) sender: usize,
    pub(crate) stream: u64,
    pub(crate) is_ask: bool,
    pub(crate) odd: Odd,
    pub(crate) deadline: Option<Millis>,
    pub(crate) correlation: u64,
    /// Where it was sent last.
    pub(crate) conn: usize,
    pub(crate) flow: u32,
    pub(crate) seq: u64,
    pub(crate) fate: Fate,
    /// How often.
    pub(crate) handled: u32,
    /// The receiver has it in its dead letters.
    pub(crate) letter: bool,
    /// It was held by a process that is no more.
    pub(crate) died: bool,
}

/// A stream to the actor.
pub(crate) struct Stream {
    pub(crate) id: u64,
    next: u64,
    flow: u32,
    binding: u32,
}

pub(crate) struct Sender {
    pub(crate) name: String,
    pub(crate) incarnation: u64,
    pub(crate) epoch: u64,
    pub(crate) streams: Vec<Stream>,
    /// The numbers of messages.
    pub(crate) asks: Asks<usize>,
    /// The newest, and those of which an end is not over.
    pub(crate) conn: usize,
    pub(crate) conns: Vec<usize>,
    redial_at: Millis,
    /// What is on its way to each end comes no earlier.
    pub(crate) blocked: [Millis; 2],
    /// What an eager sender sends once more.
    again: Vec<usize>,
}

impl World {
    pub(crate) fn add_sender(&mut self) {
        self.senders.push(Sender {
            name: format!("sender{}", self.senders.len()),
            incarnation: 0,
            epoch: 0,
            streams: Vec::new(),
            asks: Asks::default(),
            conn: 0,
            conns: Vec::new(),
            redial_at: 0,
            blocked: [0; 2],
            again: Vec::new(),
        });
        self.begin(self.senders.len() - 1);
    }

    /// The start of a process.
    fn begin(&mut self, s: usize) {
        let incarnation = self.random.next();
        let sender = &mut self.senders[s];
        (sender.incarnation, sender.epoch) = (incarnation, 0);
        sender.asks = Asks::new(incarnation);
        sender.again.clear();
        let stream = |id| Stream {
            id,
            next: 1,
            flow: 0,
            binding: 0,
        };
        sender.streams = (0..3).map(|_| stream(self.random.next())).collect();
        self.dial(s);
    }

    /// The process dies, and another begins under its name. Silently: its connections do not end.
    pub(crate) fn restart_sender(&mut self, s: usize, silently: bool) {
        let sent = self
            .messages
            .iter_mut()
            .filter(|m| m.sender == s && m.fate == Fate::Sent);
        sent.for_each(|m| m.fate = Fate::Gone);
        for c in self.senders[s].conns.clone() {
            self.close(c, 0, silently);
        }
        self.seen.restarts += 1;
        self.begin(s);
    }

    pub(crate) fn redial(&mut self, s: usize) {
        let sender = &self.senders[s];
        if self.conns[sender.conn].closed[0] && self.now >= sender.redial_at {
            self.dial(s);
        }
    }

    /// Sends a message, if that can be.
    pub(crate) fn send(&mut self, s: usize) -> bool {
        let (stream, mut is_ask) = (self.random.below(3) as usize, self.random.one_in(3));
        let mut odd = Odd::Nothing;
        if self.random.permille(self.traffic.odd) {
            odd = [Odd::Kind, Odd::Codec, Odd::Version][self.random.below(3) as usize];
            is_ask &= odd != Odd::Kind;
        }
        let mut deadline = is_ask.then_some(self.now + 10_000);
        if self.random.permille(self.traffic.hasty) {
            deadline = Some(self.now + 1 + self.random.below(self.traffic.within));
        }
        self.send_new(s, stream, is_ask, odd, deadline).is_some()
    }

    /// Sends a message for the first time: its number.
    pub(crate) fn send_new(
        &mut self,
        s: usize,
        stream: usize,
        is_ask: bool,
        odd: Odd,
        deadline: Option<Millis>,
    ) -> Option<usize> {
        if !self.is_up(s) {
            return None;
        }
        let (number, sender) = (self.messages.len(), &mut self.senders[s]);
        let correlation = match deadline.filter(|_| is_ask) {
            Some(deadline) => sender.asks.begin(deadline, number).expect("few asks wait"),
            None => 0,
        };
        self.messages.push(Message {
            sender: s,
            stream: sender.streams[stream].id,
            is_ask,
            odd,
            deadline,
            correlation,
            conn: sender.conn,
            flow: 0,
            seq: 0,
            fate: Fate::Sent,
            handled: 0,
            letter: false,
            died: false,
        });
        if self.transmit(number) {
            return Some(number);
        }
        self.messages.pop();
        self.senders[s].asks.end(correlation);
        None
    }

    fn transmit(&mut self, number: usize) -> bool {
        let message = &self.messages[number];
        let sender = &mut self.senders[message.sender];
        let Some(stream) = sender.streams.iter_mut().find(|s| s.id == message.stream) else {
            return false;
        };
        let mut payload = (number as u64).to_le_bytes().to_vec();
        if self.traffic.heavy || self.random.one_in(8) {
            payload.resize(8 + self.random.below(u64::from(self.inline) - 100) as usize, 0);
        } else if self.random.one_in(16) {
            payload.resize(8 + self.random.below(60_000) as usize, 0); // in parts
        }
        let (what, link) = (what_of(message), &mut self.conns[sender.conn].ends[0]);
        let mut sent = Send::NoCredit;
        if !message.is_ask
            && message.deadline.is_none()
            && self.random.one_in(2)
            && let (1, last) = link.send_all(stream.flow, &what, &[&payload])
        {
            sent = Send::Queued(last);
        }
        if !matches!(sent, Send::Queued(_)) {
            let fields = writer::BodyFields {
                correlation: message.correlation,
                ..Default::default()
            };
            sent = link.send(stream.flow, &what, message.deadline, 0, &writer::body(fields, &payload));
        }
        match sent {
            Send::Queued(seq) => {
                stream.next = seq + 1;
                let (flow, conn) = (stream.flow, sender.conn);
                let message = &mut self.messages[number];
                (message.flow, message.seq, message.conn) = (flow, seq, conn);
                return true;
            }
            Send::NoCredit => self.seen.no_credit += 1,
            Send::NoRoom => self.seen.no_room += 1,
            Send::Refused(why) => self.fail(format!("message {number} is refused by a link that is up: {why}")),
        }
        false
    }

    /// Gives up the newest ask: nobody cares what becomes of it, but no other may be hurt.
    pub(crate) fn cancel(&mut self, s: usize) {
        let conn = self.senders[s].conn;
        let newest = |m: &Message| m.conn == conn && m.is_ask && m.fate == Fate::Sent;
        if let Some(number) = self.messages.iter().rposition(newest) {
            self.senders[s].asks.end(self.messages[number].correlation);
            self.give_up(number, Fate::Unknown);
        }
    }

    fn give_up(&mut self, number: usize, fate: Fate) {
        let message = &mut self.messages[number];
        message.fate = fate;
        let (s, c, flow, seq) = (message.sender, message.conn, message.flow, message.seq);
        if c == self.senders[s].conn && self.is_up(s) {
            let mut actions = Vec::new();
            self.conns[c].ends[0].cancel(flow, seq, &mut actions);
            self.act(c, 0, actions);
        }
    }

    /// Ends the asks whose time is over.
    pub(crate) fn expire(&mut self, s: usize) {
        for (_, number) in self.senders[s].asks.expire(self.now) {
            self.seen.expired += 1;
            self.give_up(number, Fate::Expired);
        }
    }

    /// Does what the sender's end of a link says.
    pub(crate) fn sender_acts(&mut self, c: usize, action: Action) {
        match action {
            Action::Up { .. } => self.bind(c),
            Action::Deliver(delivery) => self.answered(self.conns[c].sender, &delivery),
            Action::Refused { flow, outcome } => self.refused(c, flow, outcome.seq),
            Action::BadItem { refusal, .. } => self.fail(format!("an answer is refused: {refusal}")),
            Action::Down { last_frame, .. } => {
                let away = self.random.below(200);
                self.senders[self.conns[c].sender].redial_at = self.now + away;
                self.ended(c, last_frame);
            }
            _ => {}
        }
    }

    /// The link is up, and each stream goes on where it was, unless the link is to end at once.
    fn bind(&mut self, c: usize) {
        let s = self.conns[c].sender;
        if !self.conns[c].ends[0].is_up() {
            return;
        }
        for at in 0..self.senders[s].streams.len() {
            let stream = &mut self.senders[s].streams[at];
            stream.binding += 1;
            let who = writer::who("ab:///a", &format!("ab:///{}", stream.id), "ab://sender/a");
            let binding = BindingNumber {
                number: stream.binding,
                after: 0,
            };
            match self.conns[c].ends[0].open(stream.id, &who.bytes, stream.next, binding) {
                Ok(flow) => stream.flow = flow,
                Err(why) => self.fail(format!("a stream is not opened: {why}")),
            }
        }
        for number in std::mem::take(&mut self.senders[s].again) {
            self.transmit(number);
        }
    }

    /// Settles an ask. One that was settled before keeps its outcome: its slot is gone.
    fn answered(&mut self, s: usize, delivery: &Delivery) {
        let payload = match EnvelopeView::read_body(&delivery.body, 0) {
            Ok(view) => view.payload,
            Err(why) => return self.fail(format!("an answer cannot be read: {why}")),
        };
        let Some(number) = self.senders[s].asks.end(delivery.correlation) else {
            self.seen.late += 1;
            return;
        };
        if delivery.kind == Kind::Failure as u32 {
            self.messages[number].fate = Fate::Refused;
            return;
        }
        let of = number_in(payload);
        if of != Some(number) {
            self.fail(format!("the answer to message {of:?} came for message {number}"));
        }
        let handled = self.messages[number].handled;
        if handled != 1 {
            self.fail(format!(
                "message {number} was handled {handled} times when its reply came"
            ));
        }
        self.messages[number].fate = Fate::Replied;
    }

    /// The receiver says of a message that it was not handled.
    fn refused(&mut self, c: usize, flow: u32, seq: u64) {
        let Some(number) = self.sent_at(c, flow, seq) else {
            return self.fail(format!("seq {seq} of flow {flow} is refused, and was not sent"));
        };
        let message = &mut self.messages[number];
        if message.fate == Fate::Sent {
            message.fate = Fate::Refused;
            self.senders[message.sender].asks.end(message.correlation);
        }
    }

    /// The message with this seq.
    pub(crate) fn sent_at(&self, c: usize, flow: u32, seq: u64) -> Option<usize> {
        let is_it = |m: &Message| m.conn == c && m.flow == flow && m.seq == seq;
        self.messages.iter().rposition(is_it)
    }

    /// The sender's end of the link is over, and it says what became of the messages that it sent by it.
    fn ended(&mut self, c: usize, last_frame: Option<u64>) {
        let ranges = self.conns[c].ends[0].unknown();
        let unknown: BTreeSet<(u64, u64)> = ranges
            .into_iter()
            .flat_map(|(stream, first, last)| (first..=last).map(move |seq| (stream, seq)))
            .collect();
        for number in 0..self.messages.len() {
            let message = &mut self.messages[number];
            let is_unknown = unknown.contains(&(message.stream, message.seq));
            if message.conn != c || message.fate != Fate::Sent {
                continue;
            }
            let sender = &mut self.senders[message.sender];
            if message.is_ask {
                sender.asks.end(message.correlation);
                let never_left = self.conns[c].ends[0].never_left(message.flow, message.seq, last_frame);
                let certain = never_left || self.mutant.certain;
                message.fate = if certain { Fate::Refused } else { Fate::Unknown };
                if certain && message.handled > 0 {
                    self.fail(format!(
                        "message {number} was handled, and its sender is told that it was not"
                    ));
                }
            } else if is_unknown && self.mutant.eager {
                sender.again.push(number);
            } else if is_unknown && !self.mutant.silent {
                message.fate = Fate::Unknown;
            }
        }
    }
}

/// The number of the message that a payload is of.
pub(crate) fn number_in(payload: &[u8]) -> Option<usize> {
    let (number, _) = payload.split_first_chunk()?;
    Some(u64::from_le_bytes(*number) as usize)
}

fn what_of(message: &Message) -> What {
    let kind = if message.is_ask { Kind::Ask } else { Kind::Tell } as u32;
    let mut what = writer::what_of(kind, "lossy.v1.Message", 1, 1, ContentType::Protobuf);
    match message.odd {
        Odd::Nothing => {}
        Odd::Kind => what = writer::what_of(200, "lossy.v1.Message", 1, 1, ContentType::Protobuf),
        Odd::Codec => what = writer::what_of(kind, "lossy.v1.Message", 1, 1, ContentType::Raw),
        Odd::Version => what = writer::what_of(kind, "lossy.v1.Message", 9, 9, ContentType::Protobuf),
    }
    what
}
