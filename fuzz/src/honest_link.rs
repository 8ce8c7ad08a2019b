//! Two link machines that talk to each other: whatever their nodes do, neither breaks the protocol, each message that was
//! queued comes out once and in order, and a graceful end loses nothing.

use std::collections::{BTreeMap, VecDeque};

use actorbridge::machine::link::{Action, BindingNumber, Config, Link, PROTOCOL, Phase, Role, Send};
use actorbridge_proto::v1::{self, Code, Kind};
use actorbridge_proto::{Packet, writer};
use bytes::Bytes;

use super::input::Input;

struct Side {
    link: Link,
    /// Flows that this side has opened, with the messages that are to come out at the other, in order.
    sent: BTreeMap<u32, VecDeque<u64>>,
    /// Flows that the peer has opened: what came last, and the credit that was told.
    inbound: BTreeMap<u32, (u64, u64)>,
    /// The last seq of each flow that an outcome was told of: of each message one is told, at most.
    told: BTreeMap<u32, u64>,
    /// What is on its way to the peer.
    wire: VecDeque<Bytes>,
    streams: u64,
    answers: u64,
    answered: u64,
    draining: bool,
}

impl Side {
    fn new(role: Role, name: &str, limits: v1::Limits) -> Self {
        let config = Config {
            role,
            node: name.into(),
            incarnation: 1,
            link_epoch: 1,
            protocol: PROTOCOL,
            capabilities: vec![v1::Capability::Fragments as u32],
            required: Vec::new(),
            limits,
            software: String::new(),
            types: Vec::new(),
        };
        Self {
            link: Link::new(config, 0),
            sent: BTreeMap::new(),
            inbound: BTreeMap::new(),
            told: BTreeMap::new(),
            wire: VecDeque::new(),
            streams: 0,
            answers: 0,
            answered: 0,
            draining: false,
        }
    }

    fn poll(&mut self) -> bool {
        let mut actions = Vec::new();
        let packet = self.link.poll(0, &mut actions);
        for action in actions {
            match action {
                Action::Room | Action::Credit { .. } => {}
                Action::Down { .. } => assert!(self.draining, "only a drain ends in a poll"),
                other => panic!("a poll says {other:?}"),
            }
        }
        self.wire.extend(packet.as_ref().map(Packet::to_bytes));
        packet.is_some()
    }
}

/// Plays the bytes as what the two nodes do.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let small = |input: &mut Input<'_>| v1::Limits {
        max_flows: u32::from(input.below(4)),
        initial_credit: u32::from(input.below(4)),
        inline_bytes: [0, 1_024][usize::from(input.below(2))],
        assembly_bytes: [0, 150_000][usize::from(input.below(2))],
        ..Default::default()
    };
    let mut sides = [
        Side::new(Role::Dialer, "a", small(&mut input)),
        Side::new(Role::Acceptor, "b", small(&mut input)),
    ];
    // The handshake.
    for from in [0, 1] {
        sides[from].poll();
        carry(&mut sides, from);
    }
    assert!(sides.iter().all(|s| s.link.phase() == Phase::Up));
    while !input.is_empty() {
        let i = usize::from(input.below(2));
        step(&mut sides, i, &mut input);
    }
    settle(&mut sides);
    for (i, j) in [(0, 1), (1, 0)] {
        if !sides.iter().any(|s| s.draining) {
            assert!(
                sides[i].sent.values().all(VecDeque::is_empty),
                "lost on the way: {:?}",
                sides[i].sent
            );
            assert_eq!(sides[i].answers, sides[j].answered);
        }
    }
}

/// Everything that is queued arrives.
fn settle(sides: &mut [Side; 2]) {
    let mut more = true;
    while more {
        more = false;
        for from in [0, 1] {
            more |= sides[from].poll();
            while !sides[from].wire.is_empty() {
                more = true;
                carry(sides, from);
            }
        }
    }
}

fn step(sides: &mut [Side; 2], i: usize, input: &mut Input<'_>) {
    let side = &mut sides[i];
    let flow = u32::from(input.below(5));
    match input.below(16) {
        0 | 1 => {
            let who = writer::who("ab:///s", "ab:///t", "");
            side.streams += 1;
            let first = 1 + u64::from(input.below(3));
            if let Ok(flow) = side.link.open(side.streams, &who.bytes, first, BindingNumber::FIRST) {
                assert!(
                    side.sent
                        .insert(flow, VecDeque::new())
                        .is_none_or(|left| left.is_empty())
                );
            }
        }
        2..=5 => {
            let kind = [Kind::Tell, Kind::Event][usize::from(input.below(2))];
            let what = writer::what(kind, ["x.Y", "x.Z"][usize::from(input.below(2))], 1, 1);
            let size = match input.below(16) {
                0 => 60_000,
                1 => 100_000,
                _ => usize::from(input.byte()),
            };
            let body = writer::body(writer::BodyFields::default(), &vec![7; size]);
            if let Send::Queued(seq) = side.link.send(flow, &what, None, 0, &body) {
                side.sent.get_mut(&flow).expect("open").push_back(seq);
            }
        }
        6 | 7 => {
            if side.poll() && input.below(2) == 0 {
                carry(sides, i);
            }
        }
        8 | 9 => carry(sides, i),
        10 => {
            if let Some((last, credit)) = side.inbound.get_mut(&flow) {
                *credit += u64::from(input.below(8));
                side.link.state(
                    flow,
                    last.saturating_sub(u64::from(input.below(3))),
                    *credit,
                    input.below(2) == 0,
                );
            }
        }
        11 => {
            let told = side.told.get(&flow).copied();
            if let Some((last, _)) = side
                .inbound
                .get(&flow)
                .filter(|(last, _)| told.is_some_and(|t| *last > t))
            {
                side.told.insert(flow, *last);
                let outcome = v1::Outcome {
                    seq: *last,
                    code: Code::HandlerError as i32,
                    detail: "x".repeat(usize::from(input.byte()) * 5),
                    ..Default::default()
                };
                side.link.outcome(flow, outcome);
            }
        }
        12 => side
            .link
            .reset(flow, [Code::Stopped, Code::Moved][usize::from(input.below(2))], None),
        13 => side.link.close(flow),
        14 => {
            side.link.cancel(flow, input.number(), &mut Vec::new());
            let _ = side.link.send_move(v1::Move {
                actor: "ab:///t".into(),
                epoch: 2,
                step: None,
            });
        }
        _ => {
            let failed = side
                .link
                .fail(input.number().max(1), Code::Expired, v1::Effect::None, "late");
            side.answers += u64::from(matches!(failed, Send::Queued(_)));
            if input.below(32) == 0 {
                side.link.drain();
                side.draining = true;
            }
        }
    }
}

/// Brings the next frame of side `from` to the other.
fn carry(sides: &mut [Side; 2], from: usize) {
    let Some(frame) = sides[from].wire.pop_front() else {
        return;
    };
    let [a, b] = sides;
    let (sender, receiver) = if from == 0 { (a, b) } else { (b, a) };
    let limit = receiver.link.limits().max_frame_bytes as usize;
    let packet = Packet::read(&frame, limit).expect("an honest frame");
    let mut actions = Vec::new();
    receiver.link.receive(packet, &mut actions);
    for action in actions {
        match action {
            Action::Opened { flow, first_seq, .. } => {
                let credit = first_seq - 1 + u64::from(receiver.link.limits().initial_credit);
                receiver.inbound.insert(flow, (first_seq - 1, credit));
                receiver.told.insert(flow, first_seq - 1);
            }
            Action::Deliver(delivery) if delivery.flow == 0 => receiver.answered += 1,
            Action::Deliver(delivery) => {
                let next = sender.sent.get_mut(&delivery.flow).and_then(VecDeque::pop_front);
                assert_eq!(next, Some(delivery.seq), "flow {}", delivery.flow);
                receiver.inbound.get_mut(&delivery.flow).expect("open").0 = delivery.seq;
            }
            Action::Closed { flow, .. } => drop(receiver.inbound.remove(&flow)),
            // Its sender has given it up: what was sent before it has come.
            Action::BadItem { flow, seq, refusal, .. } if refusal.code == Code::Cancelled => {
                let next = sender.sent.get_mut(&flow).and_then(VecDeque::pop_front);
                assert_eq!(next, Some(seq), "flow {flow}");
                receiver.inbound.get_mut(&flow).expect("open").0 = seq;
                // The link tells that itself.
                receiver.told.insert(flow, seq);
            }
            Action::BadItem { refusal, .. } => panic!("an honest item is refused: {refusal}"),
            Action::Down { status, detail, .. } => {
                assert_eq!(status, v1::Status::LinkDown, "{detail}");
                assert!(sender.draining, "{detail}");
            }
            _ => {}
        }
    }
}
