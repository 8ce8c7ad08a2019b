//! One move between two nodes over a link that may break and a home that may not answer: the actor never runs at both ends,
//! and once everything works again it runs at one.

use std::collections::VecDeque;

use actorbridge::machine::mover::{Action, Destination, Source, Subject};
use actorbridge_proto::Refusal;
use actorbridge_proto::v1::{self, Code, r#move::Step};
use bytes::Bytes;

use super::input::Input;

const STATE: &[u8] = b"the state of an actor, in a few chunks";

struct Test {
    source: Source,
    destination: Option<Destination>,
    to_destination: VecDeque<v1::Move>,
    to_source: VecDeque<v1::Move>,
    linked: bool,
    /// The owner cell.
    owner: (&'static str, u64),
    home_answers: bool,
    runs_at_source: bool,
    runs_at_destination: bool,
    left: bool,
    loads: bool,
    now: u64,
}

fn subject() -> Subject {
    Subject {
        actor: "ab:///a".into(),
        epoch: 2,
        source: "source".into(),
        destination: "destination".into(),
    }
}

/// Plays the bytes as what happens meanwhile.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut test = Test {
        source: Source::new(subject(), 2_000, 0),
        destination: None,
        to_destination: VecDeque::new(),
        to_source: VecDeque::new(),
        linked: true,
        owner: ("source", 1),
        home_answers: true,
        runs_at_source: false,
        runs_at_destination: false,
        left: false,
        loads: true,
        now: 0,
    };
    while !input.is_empty() {
        test.step(&mut input);
        test.check();
    }
    test.home_answers = true;
    for _ in 0..100 {
        while test.arrive() {}
        test.tick(5_000);
        test.check();
    }
    assert!(
        test.runs_at_source || test.runs_at_destination,
        "the actor runs nowhere"
    );
}

impl Test {
    fn check(&self) {
        assert!(
            !(self.runs_at_source && self.runs_at_destination),
            "the actor runs at both ends"
        );
        assert!(!(self.runs_at_source && self.left), "it left, and runs");
        if self.runs_at_destination {
            assert_eq!(self.owner.0, "destination", "it runs where the owner cell does not say");
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(12) {
            0 => self.cut(),
            1..=5 => drop(self.arrive()),
            6 => self.tick([1, 500, 2_000, 10_000][usize::from(input.below(4))]),
            7 => self.link_down(),
            8 => self.home_answers = input.below(2) == 0,
            9 => self.loads = input.below(2) == 0,
            10 => {
                let why = Refusal {
                    code: Code::Stopped,
                    detail: "the node stops".into(),
                };
                self.at_source(|source, out| source.refuse(why, out));
            }
            // A step of another move, or one that a destination makes up. A source that lies loses its own actor only.
            _ => {
                let step = v1::Move {
                    actor: "ab:///a".into(),
                    epoch: input.number(),
                    step: Some(match input.below(3) {
                        0 => Step::Chunk(v1::Chunk {
                            offset: input.number(),
                            data: Bytes::copy_from_slice(input.bytes(20)),
                        }),
                        1 => Step::Ready(v1::Ready {
                            sha256: Bytes::copy_from_slice(input.bytes(32)),
                        }),
                        _ => Step::Aborted(v1::Aborted::default()),
                    }),
                };
                match input.below(2) {
                    0 => self.to_source.push_back(step),
                    _ if step.epoch == 2 => {}
                    _ => self.to_destination.push_back(step),
                }
            }
        }
    }

    fn cut(&mut self) {
        let offer = v1::Offer {
            r#type: "x.State".into(),
            codec: "protobuf".into(),
            total: STATE.len() as u64,
            sha256: vec![7; 32].into(),
            ..Default::default()
        };
        let now = self.now;
        self.at_source(|source, out| source.cut(offer, &Bytes::from_static(STATE), 16, now, out));
    }

    /// The oldest step on its way arrives.
    fn arrive(&mut self) -> bool {
        let now = self.now;
        if let Some(step) = self.to_destination.pop_front() {
            if let Some(Step::Offer(offer)) = &step.step {
                self.destination = Destination::new(subject(), offer, now).ok();
            } else {
                self.at_destination(&mut |destination, out| destination.receive(&step, now, out));
            }
            return true;
        }
        let Some(step) = self.to_source.pop_front() else {
            return false;
        };
        self.at_source(|source, out| source.receive(&step, out));
        true
    }

    fn tick(&mut self, ms: u64) {
        self.now += ms;
        let now = self.now;
        self.at_source(|source, out| source.tick(now, out));
        self.at_destination(&mut |destination, out| destination.tick(now, out));
    }

    /// What is on its way is lost, and nothing follows.
    fn link_down(&mut self) {
        if !std::mem::take(&mut self.linked) {
            return;
        }
        self.to_destination.clear();
        self.to_source.clear();
        let now = self.now;
        self.at_source(|source, out| source.link_down("the cable is out", out));
        self.at_destination(&mut |destination, out| destination.link_down(now, out));
    }

    fn at_source(&mut self, event: impl FnOnce(&mut Source, &mut Vec<Action>)) {
        let mut actions = Vec::new();
        event(&mut self.source, &mut actions);
        for action in actions {
            match action {
                Action::Send(step) => self.to_destination.extend(self.linked.then_some(step)),
                Action::Swap => self.swap(),
                Action::Stay { .. } => self.runs_at_source = true,
                Action::Raise => {
                    if self.home_answers && self.owner == ("source", 1) {
                        self.owner = ("source", 3);
                    }
                }
                Action::Leave { .. } => self.left = true,
                other => panic!("a source says {other:?}"),
            }
        }
    }

    fn swap(&mut self) {
        if !self.home_answers {
            let now = self.now;
            return self.source.unanswered(now);
        }
        if self.owner == ("source", 1) {
            self.owner = ("destination", 2);
        }
        let (owner, epoch) = self.owner;
        self.at_source(|source, out| source.swapped(owner, epoch, out));
    }

    fn at_destination(&mut self, event: &mut dyn FnMut(&mut Destination, &mut Vec<Action>)) {
        let Some(destination) = &mut self.destination else {
            return;
        };
        let mut actions = Vec::new();
        event(destination, &mut actions);
        for action in actions {
            match action {
                Action::Send(step) => self.to_source.extend(self.linked.then_some(step)),
                Action::Load(bytes) => {
                    let refusal = Refusal {
                        code: Code::Undecodable,
                        detail: "it does not load".into(),
                    };
                    let loaded = (self.loads && bytes == STATE).then_some(()).ok_or(refusal);
                    self.at_destination(&mut |destination, out| destination.loaded(loaded.clone(), out));
                }
                Action::Activate => self.runs_at_destination = true,
                Action::Drop(_) => {}
                Action::Poll => {
                    if self.home_answers {
                        let (owner, epoch) = self.owner;
                        self.at_destination(&mut |destination, out| destination.polled(owner, epoch, out));
                    }
                }
                other => panic!("a destination says {other:?}"),
            }
        }
    }
}
