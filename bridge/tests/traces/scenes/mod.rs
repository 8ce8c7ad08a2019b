//! What Rust records: events that show each thing a machine promises.

mod bad;
mod bounds;
mod ends;
mod fair;
mod fragments;
mod handshake;
mod moves;
mod relayed;
mod small;
mod streams;

use actorbridge::proto::v1::{self, Kind};
use actorbridge::proto::{Item, Packet, Run, writer};
use bytes::Bytes;

use crate::player::Player;
use crate::text::quote;

/// Every trace that Rust records, by name.
pub(crate) fn all() -> Vec<(&'static str, Player)> {
    [
        handshake::all(),
        streams::all(),
        bad::all(),
        ends::all(),
        fair::all(),
        fragments::all(),
        bounds::all(),
        small::all(),
        moves::all(),
        relayed::all(),
    ]
    .into_iter()
    .flatten()
    .map(|(name, scene)| (name, scene.player))
    .collect()
}

/// A trace while it is made.
struct Scene {
    player: Player,
    /// The number of the last frame that the machine was given.
    number: u64,
}

impl Scene {
    /// `about` says in a sentence what the trace shows.
    fn new(about: &str) -> Self {
        let mut scene = Self {
            player: Player::new(),
            number: 0,
        };
        scene.player.line(&format!("# {about}"));
        scene
            .player
            .line("# Recorded by Rust (`make traces`); both languages answer it alike. Do not edit.");
        scene
    }

    /// Begins a part of the trace.
    fn part(&mut self, title: &str) {
        self.number = 0;
        self.player.line("");
        self.player.line(&format!("# {title}"));
    }

    fn note(&mut self, text: &str) {
        self.player.line(&format!("# {text}"));
    }

    fn event(&mut self, event: impl AsRef<str>) {
        self.player.line(&format!("> {}", event.as_ref()));
    }

    /// Gives the machine a frame as it is.
    fn bytes(&mut self, frame: &[u8]) {
        self.event(format!("receive {}", quote(frame)));
    }

    /// Gives the machine its next frame.
    fn frame(&mut self, head: v1::Frame, runs: Vec<Run>) {
        self.number += 1;
        let head = v1::Frame {
            number: self.number,
            ..head
        };
        self.bytes(&Packet { head, runs }.to_bytes());
    }

    fn runs(&mut self, runs: Vec<Run>) {
        self.frame(v1::Frame::default(), runs);
    }

    /// A link that is up: `b`, which `a` has dialled, with these words of its own.
    fn acceptor(&mut self, title: &str, more: &str) {
        self.part(title);
        self.event(format!("link role=acceptor node=\"b\" incarnation=2 now=1000{more}"));
        self.frame(hello(|_| ()), vec![]);
        self.event("poll now=1000");
    }

    /// A link that is up: `a`, which has dialled `b`, which has these limits.
    fn dialer(&mut self, title: &str, limits: v1::Limits) {
        self.part(title);
        self.event("link role=dialer node=\"a\" incarnation=1 now=1000");
        self.event("poll now=1000");
        self.frame(welcome(|w| w.limits = Some(limits)), vec![]);
    }
}

/// What `a` says first.
fn hello(change: impl Fn(&mut v1::Hello)) -> v1::Frame {
    let mut hello = v1::Hello {
        min_protocol: 1,
        max_protocol: 1,
        node: "a".into(),
        incarnation: 1,
        link_epoch: 1,
        lanes: 1,
        limits: Some(v1::Limits::default()),
        ..Default::default()
    };
    change(&mut hello);
    v1::Frame {
        hello: Some(hello),
        ..Default::default()
    }
}

/// What `b` answers.
fn welcome(change: impl Fn(&mut v1::Welcome)) -> v1::Frame {
    let mut welcome = v1::Welcome {
        protocol: 1,
        node: "b".into(),
        incarnation: 2,
        limits: Some(v1::Limits::default()),
        ..Default::default()
    };
    change(&mut welcome);
    v1::Frame {
        welcome: Some(welcome),
        ..Default::default()
    }
}

fn open(flow: u32, first_seq: u64) -> v1::StreamOpen {
    v1::StreamOpen {
        flow,
        stream: 700 + u64::from(flow),
        epoch: 1,
        mode: v1::Mode::Flow as i32,
        prefix: writer::who("ab:///a", "ab:///b", "ab://a/a").bytes,
        first_seq,
        ..Default::default()
    }
}

fn close(flow: u32, first_seq: u64) -> v1::StreamOpen {
    v1::StreamOpen {
        flow,
        stream: 700 + u64::from(flow),
        mode: v1::Mode::Flow as i32,
        first_seq,
        close: true,
        ..Default::default()
    }
}

fn define(id: u32, kind: Kind, name: &str) -> v1::TypeDef {
    v1::TypeDef {
        id,
        prefix: writer::what(kind, name, 1, 1).bytes,
    }
}

/// A frame that binds flow 1 and defines type 1, a tell, and type 2, an ask.
fn bound(first_seq: u64) -> v1::Frame {
    v1::Frame {
        open: vec![open(1, first_seq)],
        r#type: vec![define(1, Kind::Tell, "test.Tell"), define(2, Kind::Ask, "test.Ask")],
        ..Default::default()
    }
}

fn run(flow: u32, first_seq: u64, items: Vec<Item>) -> Run {
    Run {
        flow,
        first_seq,
        items,
        ..Default::default()
    }
}

fn item(type_id: u32, body: Bytes) -> Item {
    Item {
        type_id,
        ttl_ms: 0,
        body,
    }
}

/// The body of a tell.
fn tell(payload: &str) -> Bytes {
    writer::body(writer::BodyFields::default(), payload.as_bytes())
}

/// The body of an ask.
fn ask(correlation: u64, payload: &str) -> Bytes {
    let fields = writer::BodyFields {
        correlation,
        ..Default::default()
    };
    writer::body(fields, payload.as_bytes())
}
