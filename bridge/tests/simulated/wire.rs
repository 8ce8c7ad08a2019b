//! What lies between the nodes.

use std::collections::{BTreeMap, VecDeque};

use actorbridge::machine::Millis;
use actorbridge::machine::link::{Action, Config, Link, PROTOCOL, Phase, Role};
use actorbridge_proto::packet::MAX_FRAME_BYTES;
use actorbridge_proto::{Packet, v1};
use bytes::Bytes;

use crate::world::{PING, World};

/// How frames travel between any two nodes.
#[derive(Default)]
pub(crate) struct Wire {
    /// Chances in a thousand, for each frame but the first of each side: a link whose handshake is lost is a silent one.
    pub(crate) drop: u64,
    pub(crate) drop_acks: u64,
    pub(crate) repeat: u64,
    pub(crate) swap: u64,
    /// Each frame takes latency and up to jitter.
    pub(crate) latency: Millis,
    pub(crate) jitter: Millis,
    /// How many bytes leave in a millisecond, slice by slice; 0 = at once. A frame has come with its last byte.
    pub(crate) rate: u64,
}

/// How many bytes lie between two nodes before a writer has to wait.
const SEND_BUFFER: usize = 100_000;

/// One direction of a connection.
#[derive(Default)]
pub(crate) struct Pipe {
    /// When each frame comes; none is the end of the connection.
    frames: VecDeque<(Millis, Option<Bytes>)>,
    /// When the last frame has left, and when it comes.
    free_at: Millis,
    last: Millis,
    /// How many have left.
    count: u64,
}

impl Pipe {
    /// What left later does not come earlier.
    fn push(&mut self, at: Millis, frame: Option<Bytes>) {
        self.last = self.last.max(at);
        self.frames.push_back((self.last, frame));
    }

    fn bytes(&self) -> usize {
        self.frames.iter().filter_map(|(_, f)| f.as_ref()).map(Bytes::len).sum()
    }
}

/// A connection: two link machines, and the frames between them. The sender's end is 0, the receiver's 1.
pub(crate) struct Conn {
    pub(crate) sender: usize,
    pub(crate) ends: [Link; 2],
    /// To each end.
    pipes: [Pipe; 2],
    read: [u64; 2],
    /// This end is over, and does nothing any more.
    pub(crate) closed: [bool; 2],
    /// At the receiver, by flow: the streams' numbers.
    pub(crate) flows: BTreeMap<u32, u64>,
}

impl World {
    pub(crate) fn dial(&mut self, s: usize) {
        self.seen.links += 1;
        let sender = &mut self.senders[s];
        sender.epoch += 1;
        let config = |role, node: &str, incarnation, link_epoch| Config {
            role,
            node: node.into(),
            incarnation,
            link_epoch,
            protocol: PROTOCOL,
            capabilities: vec![v1::Capability::Fragments as u32],
            required: Vec::new(),
            limits: v1::Limits {
                ping_ms: PING as u32,
                inline_bytes: self.inline,
                assembly_bytes: 200_000,
                ..Default::default()
            },
            software: String::new(),
            types: Vec::new(),
        };
        let dialer = config(Role::Dialer, &sender.name, sender.incarnation, sender.epoch);
        let acceptor = config(Role::Acceptor, "receiver", self.receiver.incarnation, 1);
        sender.conn = self.conns.len();
        sender.conns.push(self.conns.len());
        self.conns.push(Conn {
            sender: s,
            ends: [Link::new(dialer, self.now), Link::new(acceptor, self.now)],
            pipes: Default::default(),
            read: [0; 2],
            closed: [false; 2],
            flows: BTreeMap::new(),
        });
    }

    /// Puts what an end has to say on its way, as far as the wire takes it.
    pub(crate) fn poll(&mut self, c: usize, end: usize) {
        let pipe = &self.conns[c].pipes[1 - end];
        if self.conns[c].closed[end] || pipe.free_at > self.now || pipe.bytes() > SEND_BUFFER {
            return;
        }
        let mut actions = Vec::new();
        let packet = self.conns[c].ends[end].poll(self.now, &mut actions);
        self.act(c, end, actions);
        if let Some(packet) = packet {
            self.travel(c, end, &packet);
        }
    }

    fn travel(&mut self, c: usize, from: usize, packet: &Packet) {
        let (wire, random) = (&self.wire, &mut self.random);
        let (frame, is_ack) = (packet.to_bytes(), from == 1 && !packet.head.state.is_empty());
        let pipe = &mut self.conns[c].pipes[1 - from];
        let is_first = pipe.count == 0;
        pipe.count += 1;
        if let Some(millis) = (frame.len() as u64).checked_div(wire.rate) {
            pipe.free_at = self.now + millis;
        }
        let at = pipe.free_at.max(self.now) + wire.latency + random.below(wire.jitter + 1);
        if is_first {
            return pipe.push(at, Some(frame));
        }
        if random.permille(wire.drop) || is_ack && random.permille(wire.drop_acks) {
            return;
        }
        pipe.push(at, Some(frame.clone()));
        if random.permille(wire.repeat) {
            pipe.push(at, Some(frame));
        }
        let n = pipe.frames.len();
        if n > 1 && random.permille(wire.swap) {
            let earlier = pipe.frames[n - 2].1.take();
            pipe.frames[n - 2].1 = std::mem::replace(&mut pipe.frames[n - 1].1, earlier);
        }
    }

    /// Brings an end the next frame, if it has come.
    pub(crate) fn carry(&mut self, c: usize, end: usize) {
        let (now, conn) = (self.now, &mut self.conns[c]);
        let has_come = conn.pipes[end].frames.front().is_some_and(|(at, _)| *at <= now);
        if conn.closed[end] || !has_come || self.senders[conn.sender].blocked[end] > now {
            return;
        }
        let mut actions = Vec::new();
        let Some((_, Some(frame))) = conn.pipes[end].frames.pop_front() else {
            conn.ends[end].lost("the connection ended", &mut actions);
            return self.act(c, end, actions);
        };
        let mut packet = match Packet::read(&frame, MAX_FRAME_BYTES) {
            Ok(packet) => packet,
            Err(refusal) => return self.fail(format!("a frame does not parse: {refusal}")),
        };
        conn.read[end] += 1;
        if self.mutant.trusting {
            packet.head.number = conn.read[end];
        }
        if end == 1 && packet.head.hello.is_some() && !self.admits(c) {
            return;
        }
        self.conns[c].ends[end].receive(packet, &mut actions);
        self.act(c, end, actions);
        self.grant();
    }

    /// Does what a machine says.
    pub(crate) fn act(&mut self, c: usize, end: usize, actions: Vec<Action>) {
        for action in actions {
            if let Action::Down { .. } = &action {
                self.seen.lost += 1;
                let reason = self.conns[c].ends[end].refused_for();
                self.seen.silent += u64::from(reason == Some(v1::RefusalReason::Silent));
            }
            match end {
                0 => self.sender_acts(c, action),
                _ => self.receiver_acts(c, action),
            }
        }
    }

    /// An end that is down has its last word, and the connection ends behind it.
    pub(crate) fn hang_up(&mut self, c: usize) {
        for end in 0..2 {
            if !self.conns[c].closed[end] && self.conns[c].ends[end].phase() == Phase::Down {
                self.conns[c].pipes[1 - end].free_at = 0;
                self.poll(c, end);
                self.close(c, end, false);
            }
        }
    }

    /// An end is over. Silently: the other end does not hear of it.
    pub(crate) fn close(&mut self, c: usize, end: usize, silently: bool) {
        let (now, conn) = (self.now, &mut self.conns[c]);
        if std::mem::replace(&mut conn.closed[end], true) {
            return;
        }
        conn.pipes[end] = Pipe::default();
        if !silently {
            conn.pipes[1 - end].push(now, None);
        }
        if conn.closed[1 - end] {
            self.senders[conn.sender].conns.retain(|other| *other != c);
        }
    }

    /// The connection is reset, and what was on its way is lost.
    pub(crate) fn cut(&mut self, c: usize) {
        let (now, conn) = (self.now, &mut self.conns[c]);
        for end in 0..2 {
            if !conn.closed[end] {
                conn.pipes[end] = Pipe {
                    count: 1,
                    ..Pipe::default()
                };
                conn.pipes[end].push(now, None);
            }
        }
    }
}
