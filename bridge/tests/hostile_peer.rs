//! What a peer that keeps no rule can make one link machine hold or do. Each bound costs that peer its link at most.

use actorbridge::machine::link::{
    ANSWER_OVERHEAD, Action, BindingNumber, Config, Link, MAX_BEGUN, MAX_CONTROLS, MAX_LARGE_ANSWERS,
    MAX_QUEUED_ANSWERS, MAX_QUEUED_BYTES, PROTOCOL, Phase, Role, Send,
};
use actorbridge::proto::v1::{self, Code, Kind};
use actorbridge::proto::{Item, Packet, Run, writer};
use bytes::Bytes;

const FLOW: i32 = v1::Mode::Flow as i32;

/// An acceptor whose link is up, and the peer that talks to it by hand.
pub(crate) struct Peer {
    pub(crate) link: Link,
    number: u64,
}

impl Peer {
    pub(crate) fn new() -> Self {
        Self::with_limits(v1::Limits::default())
    }

    fn with_limits(limits: v1::Limits) -> Self {
        let mut peer = Self::stranger(Role::Acceptor);
        let actions = peer.greets(hello("peer", limits));
        assert!(matches!(actions[..], [Action::Up { .. }]), "{actions:?}");
        peer
    }

    /// Of a machine whose handshake has not begun. It puts messages together.
    fn stranger(role: Role) -> Self {
        let config = Config {
            role,
            node: "here".into(),
            incarnation: 1,
            link_epoch: 1,
            protocol: PROTOCOL,
            capabilities: vec![v1::Capability::Fragments as u32],
            required: Vec::new(),
            limits: v1::Limits::default(),
            software: String::new(),
            types: Vec::new(),
        };
        Self {
            link: Link::new(config, 0),
            number: 0,
        }
    }

    fn greets(&mut self, hello: v1::Hello) -> Vec<Action> {
        self.says(v1::Frame {
            hello: Some(hello),
            ..Default::default()
        })
    }

    fn says(&mut self, head: v1::Frame) -> Vec<Action> {
        self.sends(head, Vec::new())
    }

    fn sends(&mut self, mut head: v1::Frame, runs: Vec<Run>) -> Vec<Action> {
        self.number += 1;
        head.number = self.number;
        let mut actions = Vec::new();
        // Through its bytes, as a door would bring it.
        let frame = Packet { head, runs }.to_bytes();
        match Packet::read(&frame, frame.len()) {
            Ok(packet) => self.link.receive(packet, &mut actions),
            Err(refusal) => self.link.bad_frame(&refusal.to_string(), &mut actions),
        }
        actions
    }

    fn open(&mut self, flow: u32) -> Vec<Action> {
        self.says(v1::Frame {
            open: vec![open(flow)],
            ..Default::default()
        })
    }

    /// The detail of the end of the link.
    #[track_caller]
    fn ended(&self, actions: &[Action]) -> String {
        assert_eq!(self.link.phase(), Phase::Down, "the link goes on after {actions:?}");
        match actions.last() {
            Some(Action::Down { detail, .. }) => detail.clone(),
            other => panic!("not the end: {other:?}"),
        }
    }
}

fn hello(node: &str, limits: v1::Limits) -> v1::Hello {
    v1::Hello {
        min_protocol: 1,
        max_protocol: 1,
        node: node.into(),
        incarnation: 2,
        capabilities: vec![v1::Capability::Fragments as u32],
        limits: Some(limits),
        ..Default::default()
    }
}

fn open(flow: u32) -> v1::StreamOpen {
    v1::StreamOpen {
        flow,
        stream: u64::from(flow),
        mode: FLOW,
        prefix: writer::who("", "ab:///x", "ab://peer/system").bytes,
        first_seq: 1,
        ..Default::default()
    }
}

fn close(flow: u32, next: u64) -> v1::StreamOpen {
    v1::StreamOpen {
        flow,
        first_seq: next,
        mode: FLOW,
        close: true,
        ..Default::default()
    }
}

fn tell(flow: u32, seq: u64) -> Run {
    let what = writer::what(Kind::Tell, "x.Y", 1, 1);
    let item = Item {
        body: what.bytes,
        ..Default::default()
    };
    Run {
        flow,
        first_seq: seq,
        items: vec![item],
        ..Default::default()
    }
}

#[test]
fn a_frame_of_skips_cannot_make_more_actions_than_a_frame_has_bytes() {
    let mut peer = Peer::new();
    peer.open(1);
    let skip = v1::Skip {
        flow: 1,
        first: 1,
        count: 1024,
        reason: 17,
    };
    let actions = peer.says(v1::Frame {
        skip: vec![skip; 20_000],
        ..Default::default()
    });
    assert!(actions.len() < 10, "{} actions", actions.len());
    assert!(peer.ended(&actions).contains("Skips"));
}

#[test]
fn a_cancel_of_each_message_of_a_packet_is_still_taken() {
    let mut peer = Peer::new();
    peer.open(1);
    let skip = |first| v1::Skip {
        flow: 1,
        first,
        count: 1,
        reason: 17,
    };
    let actions = peer.says(v1::Frame {
        skip: (1..=4_096).map(skip).collect(),
        ..Default::default()
    });
    assert_eq!((actions.len(), peer.link.phase()), (4_096, Phase::Up));
}

#[test]
fn a_peer_that_binds_and_closes_and_never_reads_loses_its_link() {
    let mut peer = Peer::new();
    let mut last = Vec::new();
    for _ in 0..MAX_CONTROLS {
        let both: Vec<_> = (0..500).flat_map(|_| [open(1), close(1, 1)]).collect();
        last = peer.says(v1::Frame {
            open: both,
            ..Default::default()
        });
        if peer.link.phase() == Phase::Down {
            break;
        }
    }
    assert!(peer.ended(&last).contains("does not read"));
}

#[test]
fn a_peer_that_binds_and_closes_and_reads_may_go_on_for_ever() {
    let mut peer = Peer::new();
    for _ in 0..2 * MAX_CONTROLS / 1_000 {
        let both: Vec<_> = (0..500).flat_map(|_| [open(1), close(1, 1)]).collect();
        peer.says(v1::Frame {
            open: both,
            ..Default::default()
        });
        while peer.link.poll(0, &mut Vec::new()).is_some() {}
    }
    assert_eq!(peer.link.phase(), Phase::Up);
}

#[test]
fn a_peer_whose_messages_are_all_refused_and_that_never_reads_loses_its_link() {
    let mut peer = Peer::new();
    peer.open(1);
    let mut last = Vec::new();
    for _ in 0..100 {
        // Beyond the credit: each is refused, and its seq is not used up.
        last = peer.sends(v1::Frame::default(), vec![tell(1, 1_000); 1_000]);
        if peer.link.phase() == Phase::Down {
            break;
        }
    }
    assert!(peer.ended(&last).contains("does not read"));
}

#[test]
fn credit_without_end_does_not_make_the_queue_endless() {
    for body in [Bytes::new(), Bytes::from_static(&[0x12, 1, 7])] {
        let mut peer = Peer::with_limits(v1::Limits {
            initial_credit: u32::MAX,
            ..Default::default()
        });
        let flow = peer
            .link
            .open(1, &writer::who("", "ab:///y", "").bytes, 1, BindingNumber::FIRST)
            .expect("bound");
        let state = v1::StreamState {
            flow,
            credit: u64::MAX,
            ..Default::default()
        };
        peer.says(v1::Frame {
            state: vec![state],
            ..Default::default()
        });
        let what = writer::what(Kind::Tell, "x.Y", 1, 1);
        let queued = (0..=MAX_QUEUED_BYTES)
            .take_while(|_| matches!(peer.link.send(flow, &what, None, 0, &body), Send::Queued(_)))
            .count();
        assert!(queued < 10_000, "{queued} messages wait for the writer");
        assert_eq!(peer.link.send(flow, &what, None, 0, &body), Send::NoRoom);
        while peer.link.poll(0, &mut Vec::new()).is_some() {}
        assert!(matches!(peer.link.send(flow, &what, None, 0, &body), Send::Queued(_)));
    }
}

#[test]
fn a_node_name_without_end_is_refused_by_its_size() {
    let mut peer = Peer::stranger(Role::Dialer);
    let welcome = v1::Welcome {
        protocol: 1,
        node: "n".repeat(100_000),
        ..Default::default()
    };
    let actions = peer.says(v1::Frame {
        welcome: Some(welcome),
        ..Default::default()
    });
    let said = peer.ended(&actions);
    assert!(said.contains("100000 bytes") && said.len() < 200, "{said}");
}

#[test]
fn a_node_name_without_end_is_refused_by_its_size_whatever_else_is_wrong() {
    let mut peer = Peer::stranger(Role::Acceptor);
    let actions = peer.greets(v1::Hello {
        min_protocol: 7,
        max_protocol: 7,
        ..hello(&"n".repeat(100_000), v1::Limits::default())
    });
    let said = peer.ended(&actions);
    assert!(said.contains("100000 bytes") && said.len() < 200, "{said}");
}

/// The limits of a peer that would have nearly all in parts.
fn little_inline(inline_bytes: u32) -> v1::Limits {
    v1::Limits {
        inline_bytes,
        ..Default::default()
    }
}

#[test]
fn a_peer_that_would_have_all_in_parts_is_not_linked() {
    let mut peer = Peer::stranger(Role::Acceptor);
    let actions = peer.greets(hello("peer", little_inline(1_023)));
    let said = peer.ended(&actions);
    assert!(
        said.contains("inline_bytes is 1023; it must be 1024 at least"),
        "{said}"
    );
    Peer::with_limits(little_inline(1_024));
}

/// An event of an ask, with so many bytes.
fn event(correlation: u64, size: usize) -> Bytes {
    let fields = writer::BodyFields {
        correlation,
        ..Default::default()
    };
    writer::body(fields, &vec![0; size])
}

#[test]
fn small_answers_that_nobody_reads_count_more_than_their_bytes() {
    let what = writer::what(Kind::Event, "x.Y", 1, 1);
    let of_many = (1..).map(|correlation| event(correlation, 1_024));
    let of_one = std::iter::once(event(1, 2_000)).chain(std::iter::repeat_with(|| event(1, 10)));
    let ways: [Box<dyn Iterator<Item = Bytes>>; 2] = [Box::new(of_many), Box::new(of_one)];
    for way in ways {
        let mut peer = Peer::with_limits(little_inline(1_024));
        let most = MAX_LARGE_ANSWERS / ANSWER_OVERHEAD;
        let queued = (0..=most)
            .zip(way)
            .take_while(|(_, body)| matches!(peer.link.send_off_stream(&what, body), Send::Queued(_)))
            .count();
        assert!(queued as u64 <= most, "{queued} answers wait");
    }
}

#[test]
fn answers_that_come_in_part_and_never_end_cost_the_link() {
    let mut peer = Peer::new();
    for seq in 1..=MAX_BEGUN as u64 + 1 {
        let part = v1::Fragment {
            seq,
            total: 2,
            data: Bytes::from_static(&[1]),
            ..Default::default()
        };
        assert_eq!(peer.link.phase(), Phase::Up, "after {seq}");
        let actions = peer.says(v1::Frame {
            fragment: vec![part],
            ..Default::default()
        });
        if seq > MAX_BEGUN as u64 {
            assert!(peer.ended(&actions).contains("4096 answers are begun, and one more"));
        }
    }
}

#[test]
fn parts_of_what_is_for_another_node_are_refused_and_take_no_memory_from_others() {
    let mut peer = Peer::new();
    let begins = |flow| v1::Fragment {
        flow,
        seq: 1,
        total: 16 << 20,
        data: Bytes::from_static(&[1]),
        ..Default::default()
    };
    for flow in 1..=5 {
        let open = v1::StreamOpen {
            destination: "there".into(),
            ..open(flow)
        };
        let actions = peer.says(v1::Frame {
            open: vec![open],
            fragment: vec![begins(flow)],
            ..Default::default()
        });
        let [Action::Opened { .. }, Action::BadItem { refusal, .. }] = &actions[..] else {
            panic!("{actions:?}");
        };
        assert_eq!(refusal.code, Code::TooLarge, "{refusal}");
    }
    peer.open(6);
    let actions = peer.says(v1::Frame {
        fragment: vec![begins(6)],
        ..Default::default()
    });
    assert_eq!((actions, peer.link.phase()), (vec![], Phase::Up));
}

#[test]
fn no_more_answers_are_begun_than_the_peer_takes() {
    let mut peer = Peer::with_limits(v1::Limits {
        assembly_bytes: 1 << 40,
        ..little_inline(1_024)
    });
    let what = writer::what(Kind::Reply, "x.Y", 1, 1);
    let answers = MAX_BEGUN as u64 + 100;
    for correlation in 1..=answers {
        // Its first part is not its last: a quarter of a packet.
        let sent = peer.link.send_off_stream(&what, &event(correlation, 20 << 10));
        assert_eq!(sent, Send::Queued(0));
    }
    let (mut begun, mut ended, mut most) = (0, 0, 0);
    while let Some(packet) = peer.link.poll(0, &mut Vec::new()) {
        for part in &packet.head.fragment {
            begun += u64::from(part.offset == 0);
            ended += u64::from(part.offset + part.data.len() as u64 == part.total);
        }
        most = most.max(begun - ended);
    }
    assert_eq!((ended, most), (answers, MAX_BEGUN as u64));
}

#[test]
fn what_a_peer_says_of_the_end_is_kept_short() {
    let mut peer = Peer::new();
    let goodbye = v1::Goodbye {
        detail: "x".repeat(200_000),
        ..Default::default()
    };
    let actions = peer.says(v1::Frame {
        goodbye: Some(goodbye),
        ..Default::default()
    });
    assert!(peer.ended(&actions).len() < 1_200);
}

#[test]
fn a_refusal_with_a_long_detail_is_kept_short() {
    let mut peer = Peer::new();
    let flow = peer
        .link
        .open(1, &writer::who("", "ab:///y", "").bytes, 1, BindingNumber::FIRST)
        .expect("bound");
    let what = writer::what(Kind::Tell, "x.Y", 1, 1);
    assert_eq!(peer.link.send(flow, &what, None, 0, &Bytes::new()), Send::Queued(1));
    let outcome = v1::Outcome {
        seq: 1,
        code: Code::MailboxFull as i32,
        detail: "x".repeat(200_000),
        ..Default::default()
    };
    let state = v1::StreamState {
        flow,
        outcomes: vec![outcome],
        ..Default::default()
    };
    let actions = peer.says(v1::Frame {
        state: vec![state],
        ..Default::default()
    });
    let [Action::Refused { outcome, .. }] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert!(outcome.detail.len() <= 1_024);
}

fn whats(n: u32) -> impl Iterator<Item = actorbridge::proto::What> {
    (0..n).map(|i| writer::what(Kind::Tell, &format!("x.Y{i}"), 1, 1))
}

#[test]
fn a_type_that_the_peer_would_refuse_with_the_link_is_refused_before_it_leaves() {
    let mut peer = Peer::new();
    let flow = peer
        .link
        .open(1, &writer::who("", "ab:///y", "").bytes, 1, BindingNumber::FIRST)
        .expect("bound");
    let what = writer::what(Kind::Tell, &"x".repeat(5_000), 1, 1);
    for sent in [
        peer.link.send(flow, &what, None, 0, &Bytes::new()),
        peer.link.send_off_stream(&what, &Bytes::new()),
    ] {
        assert!(
            matches!(&sent, Send::Refused(r) if r.code == Code::TooLarge),
            "{sent:?}"
        );
    }
}

#[test]
fn no_packet_is_over_the_least_frame_that_a_peer_may_ask_for() {
    let most = 144 << 10;
    let mut peer = Peer::with_limits(v1::Limits {
        max_frame_bytes: most,
        ..Default::default()
    });
    let detail = "x".repeat(1_024);
    for flow in 1..=3 {
        peer.open(flow);
        for seq in 1..=500 {
            let outcome = v1::Outcome {
                seq,
                code: Code::HandlerError as i32,
                effect: 2,
                detail: detail.clone(),
                local_attempts: u32::MAX,
            };
            peer.link.outcome(flow, outcome);
        }
    }
    let flow = peer
        .link
        .open(1, &writer::who("", "ab:///y", "").bytes, 1, BindingNumber::FIRST)
        .expect("bound");
    for what in whats(10) {
        let body = Bytes::from(vec![0; 60_000]);
        peer.link.send(flow, &what, None, 0, &body);
    }
    peer.says(v1::Frame {
        open: vec![close(1, 1)],
        ..Default::default()
    });
    let mut frames = 0;
    loop {
        // The last one holds a Goodbye beside all that still waits.
        if frames == 5 {
            peer.link.bad_frame(&detail, &mut Vec::new());
        }
        let Some(packet) = peer.link.poll(0, &mut Vec::new()) else {
            break;
        };
        let size = packet.to_bytes().len();
        assert!(size <= most as usize, "a frame of {size} bytes");
        frames += 1;
    }
    assert_eq!(frames, 6);
}

#[test]
fn a_large_message_is_not_held_back_by_states_without_end() {
    let mut peer = Peer::new();
    peer.open(1);
    let who = writer::who("", "ab:///y", "").bytes;
    let flow = peer.link.open(1, &who, 1, BindingNumber::FIRST).expect("bound");
    let what = writer::what(Kind::Tell, "x.Y", 1, 1);
    let body = Bytes::from(vec![0x12; (64 << 10) - who.len() - what.bytes.len()]);
    assert_eq!(peer.link.send(flow, &what, None, 0, &body), Send::Queued(1));
    let left = (1..100).any(|credit| {
        peer.link.state(1, 0, credit, false);
        let packet = peer.link.poll(0, &mut Vec::new()).expect("a state at least");
        !packet.runs.is_empty()
    });
    assert!(left, "a hundred packets without it");
}

#[test]
fn a_peer_that_sends_and_answers_no_ping_loses_its_link() {
    let mut peer = Peer::new();
    let mut actions = Vec::new();
    for second in 1..=120 {
        peer.says(v1::Frame::default()); // any frame, so that it is not silent
        peer.link.tick(second * 1_000, &mut actions);
        while peer.link.poll(second * 1_000, &mut Vec::new()).is_some() {}
    }
    assert!(peer.ended(&actions).contains("does not read"));
    assert_eq!(peer.link.refused_for(), Some(v1::RefusalReason::NeverReads));
}

#[test]
fn a_peer_that_answers_pings_may_go_on_for_ever() {
    let mut peer = Peer::new();
    let mut actions = Vec::new();
    for second in 1..=300 {
        peer.link.tick(second * 1_000, &mut actions);
        while let Some(packet) = peer.link.poll(second * 1_000, &mut actions) {
            if let Some(v1::Ping { token, .. }) = packet.head.ping {
                let pong = Some(v1::Pong { token, delay_ms: 0 });
                peer.says(v1::Frame {
                    pong,
                    ..Default::default()
                });
            }
        }
    }
    assert_eq!((peer.link.phase(), &actions[..]), (Phase::Up, &[][..]));
}

#[test]
fn an_asker_whose_answer_finds_no_room_is_told_and_one_that_never_reads_loses_its_link() {
    let mut peer = Peer::new();
    let reply = writer::what(Kind::Reply, "test.Reply", 1, 1);
    let answer = Bytes::from(vec![0; 32_000]);
    let body = writer::body(writer::BodyFields::default(), &answer);
    let mut queued = 0;
    while matches!(peer.link.send_off_stream(&reply, &body), Send::Queued(_)) {
        queued += body.len();
        assert!(queued <= MAX_QUEUED_ANSWERS, "answers without end wait");
    }
    let mut told = 0;
    while matches!(
        peer.link.fail(7, Code::MailboxFull, v1::Effect::Done, "no room"),
        Send::Queued(_)
    ) {
        told += 1;
        assert!(told < 100_000, "failures without end wait");
    }
    assert!(told > 1_000, "only {told} askers are told");
    let actions = peer.says(v1::Frame::default());
    assert!(peer.ended(&actions).contains("does not read"));
}
