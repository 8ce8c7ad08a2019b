//! Who leaves first: streams take turns, and what keeps its place all the same.

use actorbridge::proto::v1::{Capability, Chunk, Committed, Drained, Limits, Move, r#move::Step};
use prost::Message;

use super::{Scene, welcome};
use crate::text::quote;

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![
        ("link-fair", streams()),
        ("link-fair-moves", moves()),
        ("link-packed", packed()),
    ]
}

impl Scene {
    /// A dialer whose peer puts messages together, with streams to as many actors.
    fn dialer_of(&mut self, title: &str, streams: u64) {
        let fragments = Capability::Fragments as u32;
        self.part(title);
        self.event(format!(
            "link role=dialer node=\"a\" incarnation=1 capabilities={fragments} now=1000"
        ));
        self.event("poll now=1000");
        self.frame(
            welcome(|w| {
                w.limits = Some(Limits::default());
                w.capabilities = vec![fragments];
            }),
            vec![],
        );
        for stream in 1..=streams {
            self.open(stream);
        }
        self.event("poll now=1000");
    }

    fn open(&mut self, stream: u64) {
        self.event(format!(
            "open stream={stream} source=\"ab:///a\" target=\"ab:///{stream}\" first_seq=1"
        ));
    }

    fn sends(&mut self, flow: u32, count: usize, size: usize) {
        for _ in 0..count {
            self.event(format!(
                "send flow={flow} kind=1 type=\"t\" body=\"\\x12{}\\{{78*{size}}}\"",
                length(size)
            ));
        }
    }

    fn sends_all(&mut self, flow: u32, sizes: &str) {
        self.event(format!("send_all flow={flow} kind=1 type=\"t\" sizes=\"{sizes}\""));
    }

    fn polls_now(&mut self, times: usize) {
        for _ in 0..times {
            self.event("poll now=1000");
        }
    }

    fn step(&mut self, step: Step) {
        let step = Move {
            actor: "ab:///x".into(),
            epoch: 4,
            step: Some(step),
        };
        self.event(format!("move {}", quote(&step.encode_to_vec())));
    }
}

/// A length as protobuf writes it, quoted.
fn length(size: usize) -> String {
    let mut bytes = Vec::new();
    prost::encode_length_delimiter(size, &mut bytes).expect("a Vec has room");
    quote(&bytes).trim_matches('"').to_owned()
}

fn streams() -> Scene {
    let mut s = Scene::new("Streams take turns, 16 KiB each: none waits for all that a busy neighbour has queued.");
    s.dialer_of(
        "However much waits, a small message and an answer leave in the next packet.",
        2,
    );
    s.sends(1, 14, 20_000);
    s.note("Its neighbour has room all the same, for as much as it leaves.");
    s.sends(2, 2, 10);
    s.sends(2, 1, 40_000);
    s.sends(2, 1, 20_000);
    s.event("fail correlation=1048577 code=CODE_STOPPED effect=EFFECT_NONE");
    s.polls_now(2);
    s.sends(2, 1, 10);
    s.polls_now(5);

    s.dialer_of("What neighbours add to a full queue is bounded too.", 3);
    s.sends(1, 5, 60_000);
    s.sends(2, 1, 60_000);
    s.sends(3, 1, 60_000);

    s.dialer_of("Three share the link, whatever the size of their messages.", 3);
    s.sends(1, 4, 40_000);
    s.sends(2, 16, 6_000);
    s.sends(3, 16, 1_000);
    s.polls_now(6);

    s.dialer_of(
        "A cancel and a close leave behind their own stream's messages, and wait for no other's.",
        3,
    );
    s.sends(1, 3, 30_000);
    s.sends(2, 1, 10);
    s.event("cancel flow=2 seq=1");
    s.event("close flow=2");
    s.event("close flow=3");
    s.polls_now(4);

    s.dialer_of(
        "A message in parts that waits is given up, and its stream's cancels and the rest stay.",
        2,
    );
    s.sends(1, 2, 10);
    s.sends(1, 1, 100_000);
    s.event("cancel flow=1 seq=1");
    s.event("cancel flow=1 seq=3");
    s.sends(1, 1, 10);
    s.polls_now(3);
    s
}

/// What leaves of payloads that are queued together is what leaves of them one by one.
fn packed() -> Scene {
    let mut s = Scene::new(
        "Payloads that are sent together are written as one piece, and leave as if they were sent one by one.",
    );
    s.dialer_of("In one run, with what is sent soon after, whatever their sizes.", 2);
    s.sends_all(1, "3 0 300 5");
    s.sends_all(1, "20 5");
    s.event("send_all flow=1 kind=1 type=\"another\" sizes=\"7 7 7 7\"");
    s.sends(1, 1, 9);
    s.sends_all(1, "1 1");
    s.polls_now(2);

    s.dialer_of(
        "As many as there is credit for, and none of a size that leaves in parts.",
        1,
    );
    s.sends_all(1, "4 4 70000 4");
    s.sends_all(1, &"1 ".repeat(20));
    s.sends_all(1, "1");
    s.polls_now(2);

    s.dialer_of("Streams take turns with parts of them.", 2);
    s.sends_all(1, "6000 6000 6000 6000 6000 6000 6000");
    s.sends_all(2, "3000 3000 3000 3000 3000 3000 3000 3000 3000");
    s.sends_all(1, "5 5");
    s.sends_all(2, "30000 30000");
    s.polls_now(4);

    s.dialer_of(
        "As many as there is room for; a cancel and a close leave behind them.",
        2,
    );
    s.sends_all(1, "60000 60000 60000 60000 60000 60000");
    s.sends_all(2, "10 10 10 10");
    s.event("cancel flow=2 seq=2");
    s.event("close flow=2");
    s.sends_all(2, "10");
    s.polls_now(7);

    s.dialer_of("None overtakes its type, or an actor that moves.", 1);
    s.sends_all(1, "10 10 10 10");
    s.step(Step::Committed(Committed { epoch: 4 }));
    s.sends_all(1, "10 10 10 10");
    s.polls_now(3);
    s
}

fn moves() -> Scene {
    let mut s = Scene::new("The mail of an actor that moves keeps its place, though streams take turns.");
    s.dialer_of("Its state takes turns with messages.", 1);
    s.sends(1, 4, 20_000);
    for offset in [0, 48 << 10] {
        let data = vec![0; 48 << 10].into();
        s.step(Step::Chunk(Chunk { offset, data }));
    }
    s.event("fail correlation=1048577 code=CODE_STOPPED effect=EFFECT_NONE");
    s.polls_now(6);

    s.dialer_of(
        "Who says that it lives at the peer now says so behind all that was sent before.",
        2,
    );
    s.sends(1, 4, 30_000);
    s.step(Step::Committed(Committed { epoch: 4 }));
    s.note("What is sent later stays behind it.");
    s.sends(2, 1, 10);
    s.open(3);
    s.sends(3, 1, 10);
    s.event("close flow=1");
    s.polls_now(6);

    s.dialer_of(
        "What is passed on leaves before a binding, a step or a reset that was queued later.",
        1,
    );
    s.sends(1, 3, 20_000);
    s.step(Step::Committed(Committed { epoch: 4 }));
    s.event("forward kind=1 type=\"t\" hops=1 body=\"\\{61*40000}\"");
    s.event("forward kind=1 type=\"t\" hops=1 body=\"\\{61*40000}\"");
    s.step(Step::Drained(Drained { stream: 7, binding: 1 }));
    s.open(2);
    s.sends(2, 1, 10);
    s.note("A message of an older stream does not wait for what is passed on, but for the binding before it.");
    s.sends(1, 2, 10);
    s.polls_now(6);

    s.dialer_of("What is passed on in parts takes turns with streams.", 2);
    s.event("forward kind=1 type=\"t\" hops=1 body=\"\\{61*90000}\"");
    s.event("forward kind=1 type=\"t\" hops=1 body=\"\"");
    s.sends(1, 4, 20_000);
    s.open(3);
    s.polls_now(6);
    s
}
