//! A peer that keeps no rule against one link machine: whatever comes, nothing panics, nothing is delivered twice or beyond
//! its credit, what leaves is a frame that the peer takes, and after the end there is nothing.

use std::collections::BTreeMap;

use actorbridge::machine::link::{Action, BindingNumber, Config, Delivery, Link, PROTOCOL, Phase, Role, Send};
use actorbridge_proto::v1::{self, Code, Effect, Kind};
use actorbridge_proto::{Item, Packet, Run, What, Who, writer};
use bytes::Bytes;

use super::input::Input;

/// Actions that one frame may cause beside one for each of its bytes: the Skips' bound.
const MORE_ACTIONS: usize = 5_000;

struct Seen {
    last_seq: u64,
    credit: u64,
}

struct Test {
    link: Link,
    number: u64,
    now: u64,
    flows: BTreeMap<u32, Seen>,
    up: bool,
    over: bool,
}

/// Plays the bytes as what a peer sends, mixed with what the node does.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let role = [Role::Dialer, Role::Acceptor][usize::from(input.below(2))];
    let config = Config {
        role,
        node: "here".into(),
        incarnation: 1,
        link_epoch: 1,
        protocol: PROTOCOL,
        capabilities: vec![3, 4],
        required: Vec::new(),
        limits: own_limits(&mut input),
        software: String::new(),
        types: Vec::new(),
    };
    let mut test = Test {
        link: Link::new(config, 0),
        number: 0,
        now: 0,
        flows: BTreeMap::new(),
        up: false,
        over: false,
    };
    // Most inputs begin as a peer does, so that they get further.
    if input.below(8) > 0 {
        let mut head = v1::Frame::default();
        match role {
            Role::Dialer => head.welcome = Some(welcome(&mut input)),
            Role::Acceptor => head.hello = Some(hello(&mut input)),
        }
        test.receive(head, Vec::new());
    }
    while !input.is_empty() {
        test.step(&mut input);
    }
    test.link.lost("the input is over", &mut Vec::new());
    assert_eq!(test.link.phase(), Phase::Down);
}

impl Test {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0 => self.raw(input),
            1..=4 => {
                let head = head(input);
                let runs = (0..input.below(3)).map(|_| run_of(input)).collect();
                self.receive(head, runs);
            }
            5..=8 => {
                let runs = (0..=input.below(3)).map(|_| run_of(input)).collect();
                self.receive(v1::Frame::default(), runs);
            }
            9 => self.poll(),
            10 => {
                self.now += input.number().min(20_000);
                self.act(|link, now, out| link.tick(now, out), 0);
            }
            11 => {
                let (flow, credit) = (input.small(), input.number());
                self.link.state(flow, input.number(), credit, input.below(2) == 0);
                if let Some(seen) = self.flows.get_mut(&flow) {
                    seen.credit = seen.credit.max(credit);
                }
            }
            12 => {
                let who = writer::who("", "ab:///x", "");
                let opened = self
                    .link
                    .open(input.number(), &who.bytes, input.number(), BindingNumber::FIRST);
                assert!(opened.is_err() || self.up && !self.over);
            }
            13 => {
                let body = match input.below(8) {
                    0 => Bytes::from(vec![7; 70_000]),
                    _ => Bytes::copy_from_slice(input.bytes(40)),
                };
                let flow = input.small();
                let sent = self.link.send(flow, &what(input), Some(input.number()), 0, &body);
                assert!(!matches!(sent, Send::Queued(_)) || self.up && !self.over);
                self.link.cancel(flow, input.number(), &mut Vec::new());
            }
            14 => {
                let outcome = v1::Outcome {
                    seq: input.number(),
                    code: Code::HandlerError as i32,
                    ..Default::default()
                };
                self.link.outcome(input.small(), outcome);
                self.link.reset(input.small(), Code::Stopped, None);
                self.link.close(input.small());
            }
            _ => {
                let _ = self.link.fail(input.number(), Code::Expired, Effect::None, "late");
                if input.below(20) == 0 {
                    self.link.drain();
                }
            }
        }
        let _ = (
            self.link.unknown(),
            self.link
                .never_left(input.small(), input.number(), Some(input.number())),
        );
    }

    /// The input's own bytes as a frame; its number is mended three times in four.
    fn raw(&mut self, input: &mut Input<'_>) {
        let mend = input.below(4) > 0;
        let frame = Bytes::copy_from_slice(input.bytes(255));
        match Packet::read(&frame, self.link.limits().max_frame_bytes as usize) {
            Ok(packet) if mend => self.receive(packet.head, packet.runs),
            Ok(packet) => self.act(|link, _, out| link.receive(packet, out), frame.len()),
            Err(refusal) => self.act(|link, _, out| link.bad_frame(&refusal.to_string(), out), 0),
        }
    }

    /// Through its bytes, as a door would bring it.
    fn receive(&mut self, mut head: v1::Frame, runs: Vec<Run>) {
        self.number += 1;
        head.number = self.number;
        let frame = Packet { head, runs }.to_bytes();
        let packet = Packet::read(&frame, usize::MAX).expect("written here");
        self.act(|link, _, out| link.receive(packet, out), frame.len());
    }

    fn act(&mut self, event: impl FnOnce(&mut Link, u64, &mut Vec<Action>), size: usize) {
        let mut actions = Vec::new();
        event(&mut self.link, self.now, &mut actions);
        assert!(
            actions.len() <= size + MORE_ACTIONS,
            "{} actions of {size} bytes",
            actions.len()
        );
        for action in actions {
            self.check(action);
        }
    }

    fn check(&mut self, action: Action) {
        assert!(!self.over, "after the end: {action:?}");
        match action {
            Action::Up { peer, .. } => {
                assert!(!self.up && !peer.is_empty() && peer != "here");
                self.up = true;
            }
            Action::Opened {
                flow, first_seq, who, ..
            } => {
                assert!(!who.target.is_empty() && first_seq > 0);
                let last_seq = first_seq - 1;
                let seen = Seen {
                    last_seq,
                    credit: last_seq + 16,
                };
                assert!(self.flows.insert(flow, seen).is_none(), "flow {flow} was open");
            }
            Action::Closed { flow, last_seq, .. } => {
                let seen = self.flows.remove(&flow).expect("it was open");
                assert!(last_seq >= seen.last_seq);
            }
            Action::Deliver(delivery) => self.delivered(&delivery),
            Action::BadItem { refusal, .. } => assert!(!refusal.detail.is_empty()),
            Action::Down { detail, .. } => {
                assert!(!detail.is_empty() && detail.len() < 4_096, "{} bytes", detail.len());
                assert_eq!(self.link.phase(), Phase::Down);
                self.over = true;
            }
            Action::Refused { outcome, .. } => assert!(outcome.detail.len() <= 1_024),
            _ => {}
        }
    }

    fn delivered(&mut self, delivery: &Delivery) {
        assert!(self.up && Kind::try_from(delivery.kind as i32).is_ok_and(|k| k != Kind::Unspecified));
        if delivery.flow == 0 {
            return; // its number is the epoch of an actor's stay, which the peer says as it likes
        }
        let seen = self.flows.get_mut(&delivery.flow).expect("an open flow");
        assert!(
            delivery.seq > seen.last_seq,
            "seq {} after {}",
            delivery.seq,
            seen.last_seq
        );
        assert!(
            delivery.seq <= seen.credit,
            "seq {} with credit {}",
            delivery.seq,
            seen.credit
        );
        seen.last_seq = delivery.seq;
    }

    fn poll(&mut self) {
        let mut actions = Vec::new();
        let limit = self.link.peer_limits().max_frame_bytes as usize;
        if let Some(packet) = self.link.poll(self.now, &mut actions) {
            let bytes = packet.to_bytes();
            assert!(bytes.len() <= limit, "a frame of {} bytes, over {limit}", bytes.len());
            assert_eq!(Packet::read(&bytes, limit).expect("our own frame"), packet);
        }
        actions.into_iter().for_each(|action| self.check(action));
    }
}

/// The usual ones, or so little that large messages fit into the input.
fn own_limits(input: &mut Input<'_>) -> v1::Limits {
    match input.below(2) {
        0 => v1::Limits::default(),
        _ => v1::Limits {
            inline_bytes: 40,
            max_message_bytes: 200,
            assembly_bytes: 400,
            ..Default::default()
        },
    }
}

/// Often what follows a part that came before.
fn fragment(input: &mut Input<'_>) -> v1::Fragment {
    let data = match input.below(3) {
        0 => writer::body(writer::BodyFields::default(), input.bytes(60)),
        _ => Bytes::copy_from_slice(input.bytes(60)),
    };
    let (total, offset) = match input.below(4) {
        0 => (input.number(), input.number()),
        1 => (data.len() as u64, 0),
        2 => (120, 0),
        _ => (120, 120 - data.len().min(120) as u64),
    };
    v1::Fragment {
        flow: u32::from(input.below(4)),
        seq: u64::from(input.below(16)),
        offset,
        total,
        data,
        r#type: u32::from(input.below(3)),
        hops: u32::from(input.below(10)),
        ..Default::default()
    }
}

fn limits(input: &mut Input<'_>) -> Option<v1::Limits> {
    (input.below(4) == 0).then(|| v1::Limits {
        max_frame_bytes: [0, 16 << 10, 144 << 10, 4 << 20, u32::MAX][usize::from(input.below(5))],
        inline_bytes: input.small(),
        max_message_bytes: input.number(),
        max_flows: input.small(),
        initial_credit: input.small(),
        assembly_bytes: input.number(),
        ping_ms: input.small(),
    })
}

fn hello(input: &mut Input<'_>) -> v1::Hello {
    v1::Hello {
        min_protocol: input.below(3).into(),
        max_protocol: input.below(3).into(),
        node: "peer".into(),
        capabilities: vec![u32::from(input.below(2)) + 3, 4],
        required: (0..input.below(2)).map(|_| input.small()).collect(),
        limits: limits(input),
        ..Default::default()
    }
}

fn welcome(input: &mut Input<'_>) -> v1::Welcome {
    v1::Welcome {
        protocol: input.below(3).into(),
        node: "peer".into(),
        capabilities: vec![u32::from(input.below(2)) + 3, 4],
        limits: limits(input),
        ..Default::default()
    }
}

fn what(input: &mut Input<'_>) -> What {
    let kind = if input.below(8) == 0 {
        input.small()
    } else {
        input.below(6).into()
    };
    let name = ["", "x.Y", "x.Z"][usize::from(input.below(3))];
    writer::what_of(kind, name, input.small(), 1, v1::ContentType::Protobuf)
}

fn who(input: &mut Input<'_>) -> Who {
    let addresses = ["", "ab:///a", "ab:///b", "ab://peer/system", "nonsense"];
    let mut one = || addresses[usize::from(input.below(5))];
    writer::who(one(), one(), one())
}

fn head(input: &mut Input<'_>) -> v1::Frame {
    let mut head = v1::Frame::default();
    for _ in 0..=input.below(4) {
        match input.below(14) {
            12 | 13 => head.fragment.push(fragment(input)),
            0..=2 => head.open.push(open(input)),
            3 => head.r#type.push(v1::TypeDef {
                id: input.small(),
                prefix: if input.below(4) == 0 {
                    Bytes::copy_from_slice(input.bytes(30))
                } else {
                    what(input).bytes
                },
            }),
            4 => head.state.push(v1::StreamState {
                flow: input.small(),
                processed: input.number(),
                received: input.number(),
                credit: input.number(),
                outcomes: (0..input.below(3))
                    .map(|_| v1::Outcome {
                        seq: input.number(),
                        code: input.small() as i32,
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            }),
            5 => head.skip.push(v1::Skip {
                flow: input.small(),
                first: input.number(),
                count: input.small(),
                reason: 17,
            }),
            6 => head.reset.push(v1::StreamReset {
                flow: input.small(),
                code: input.small() as i32,
                moved: None,
            }),
            7 => head.r#move.push(v1::Move {
                actor: "ab:///a".into(),
                epoch: input.number(),
                step: None,
            }),
            8 => {
                head.ping = Some(v1::Ping {
                    token: input.number(),
                    mem_permille: 0,
                })
            }
            9 => {
                head.pong = Some(v1::Pong {
                    token: input.number(),
                    delay_ms: 0,
                })
            }
            10 if input.below(8) == 0 => {
                head.goodbye = Some(v1::Goodbye {
                    last_frame: input.number(),
                    ..Default::default()
                })
            }
            11 if input.below(8) == 0 => head.hello = Some(hello(input)),
            _ => {}
        }
    }
    head
}

fn open(input: &mut Input<'_>) -> v1::StreamOpen {
    let prefix = if input.below(8) == 0 {
        Bytes::copy_from_slice(input.bytes(30))
    } else {
        who(input).bytes
    };
    v1::StreamOpen {
        flow: input.small(),
        stream: input.number(),
        mode: if input.below(16) == 0 { input.small() as i32 } else { 2 },
        prefix,
        first_seq: input.number(),
        close: input.below(3) == 0,
        ..Default::default()
    }
}

fn run_of(input: &mut Input<'_>) -> Run {
    let item = |input: &mut Input<'_>| {
        let mut body = if input.below(3) > 0 {
            what(input).bytes.to_vec()
        } else {
            Vec::new()
        };
        body.extend_from_slice(input.bytes(20));
        Item {
            type_id: input.below(5).into(),
            ttl_ms: input.small(),
            body: body.into(),
        }
    };
    Run {
        flow: input.small(),
        first_seq: input.number(),
        attempt: input.small(),
        hops: input.below(12).into(),
        queued: 0,
        packed: None,
        items: (0..input.below(5)).map(|_| item(input)).collect(),
    }
}
