//! Streams that a third node passes on, at their ends.

use actorbridge::proto::Run;
use actorbridge::proto::v1::{Code, Frame, Limits, StreamReset, StreamState};

use super::{Scene, ask, bound, item};
use crate::text::quote;

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![("link-relayed", relayed())]
}

fn relayed() -> Scene {
    let mut s = Scene::new("Streams between two nodes that have no link: a third one passes them on.");
    let limits = Limits {
        inline_bytes: 1_024,
        ..Default::default()
    };
    s.dialer("They leave for a node behind the peer, and nothing large does.", limits);
    s.event("open stream=7 source=\"ab:///a\" target=\"ab:///d\" reply_to=\"ab://a/a\" first_seq=1 binding=1 destination=\"d\"");
    for length in [3, 2, 1_200] {
        let body = quote(&super::tell(&"x".repeat(length)));
        s.event(format!("send flow=1 kind=1 type=\"test.Tell\" body={body}"));
    }
    s.event("poll now=1000");
    s.note("The relay loses the way: what the receiver does not have, nobody knows of.");
    let state = StreamState {
        flow: 1,
        processed: 1,
        received: 1,
        ..Default::default()
    };
    let reset = StreamReset {
        flow: 1,
        code: Code::OutcomeUnknown as i32,
        moved: None,
    };
    s.frame(
        Frame {
            state: vec![state],
            reset: vec![reset],
            ..Default::default()
        },
        vec![],
    );
    s.event("unknown");
    s.event("poll now=1000");

    s.dialer("A relay loses the way of a stream that is closed already.", limits);
    s.event("open stream=7 source=\"ab:///a\" target=\"ab:///d\" reply_to=\"ab://a/a\" first_seq=1 binding=1 destination=\"d\"");
    s.event(format!(
        "send flow=1 kind=1 type=\"test.Tell\" body={}",
        quote(&super::tell("x"))
    ));
    s.event("close flow=1");
    s.event("poll now=1000");
    for code in [Code::NoSuchActor, Code::OutcomeUnknown, Code::Ok] {
        let reset = StreamReset {
            flow: 1,
            code: code as i32,
            moved: None,
        };
        s.frame(
            Frame {
                reset: vec![reset],
                ..Default::default()
            },
            vec![],
        );
    }

    s.acceptor(
        "They come from a node behind the peer. Nobody answers an asker there by a number alone.",
        "",
    );
    let mut head = bound(1);
    head.open[0].destination = "b".into();
    head.open[0].origin = "z".into();
    head.open[0].hops = 1;
    let good = Run {
        hops: 1,
        ..super::run(1, 1, vec![item(2, ask(5, "a"))])
    };
    let circling = Run {
        hops: 9,
        ..super::run(1, 2, vec![item(2, ask(6, "b")), item(1, super::tell("c"))])
    };
    s.frame(head, vec![good, circling]);
    s.event("poll now=1000");
    let mut open = super::open(3, 1);
    open.destination = "d".repeat(256);
    s.frame(
        Frame {
            open: vec![open],
            ..Default::default()
        },
        vec![],
    );
    s
}
