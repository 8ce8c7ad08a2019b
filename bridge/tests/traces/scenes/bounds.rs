//! What is bounded, and how the other side is told.

use actorbridge::proto::v1::{Frame, Kind, Limits};

use super::{Scene, define, item, open, run, tell};
use crate::text::quote;

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![
        ("link-bounds", bounds()),
        ("link-packets", packets()),
        ("link-states-and-messages", states_and_messages()),
    ]
}

fn send(s: &mut Scene, flow: u32, size: usize) {
    let body = quote(&tell(&"x".repeat(size)));
    s.event(format!("send flow={flow} kind=1 type=\"t\" body={body}"));
}

fn bounds() -> Scene {
    let mut s = Scene::new("Bounds: bytes that wait for the writer, messages, flows.");
    s.dialer(
        "256 KiB of items may wait; there is room again at half of it.",
        Limits::default(),
    );
    s.event("open stream=7 source=\"ab:///a\" target=\"ab:///b\" first_seq=1");
    for _ in 0..5 {
        send(&mut s, 1, 60_000);
    }
    s.note("Answers go all the same.");
    s.event("fail correlation=1048577 code=CODE_STOPPED effect=EFFECT_NONE detail=\"gone\"");
    for _ in 0..6 {
        s.event("poll now=1000");
    }
    send(&mut s, 1, 60_000);
    s.note("A message over the limit can never be sent.");
    send(&mut s, 1, 65_536);
    s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*65531}\"");
    s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*65532}\"");

    s.dialer("16 MiB of answers may wait.", Limits::default());
    for _ in 0..258 {
        s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*65000}\"");
    }
    s.event("poll now=1000");
    s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*65000}\"");

    let limits = Limits {
        max_flows: 2,
        ..Limits::default()
    };
    s.dialer("A peer that allows two flows.", limits);
    for stream in 7..10 {
        s.event(format!(
            "open stream={stream} source=\"ab:///a\" target=\"ab:///b\" first_seq=1"
        ));
    }

    s.acceptor("Two flows are allowed here.", " max_flows=2 initial_credit=1");
    s.frame(
        Frame {
            open: vec![open(1, 1), open(2, 1)],
            r#type: vec![define(1, Kind::Tell, "test.Tell")],
            ..Default::default()
        },
        vec![run(1, 1, vec![item(1, tell("a")), item(1, tell("b"))])],
    );
    s.frame(
        Frame {
            open: vec![open(3, 1)],
            ..Default::default()
        },
        vec![],
    );
    s.event("poll now=1000");
    s
}

fn packets() -> Scene {
    let mut s = Scene::new("Packets: at most 64 KiB but for one large thing; runs of one flow grow together.");
    s.dialer("Three flows in turns: one run each.", Limits::default());
    for stream in 7..10 {
        s.event(format!(
            "open stream={stream} source=\"ab:///a\" target=\"ab:///b\" first_seq=1"
        ));
    }
    for _ in 0..3 {
        for flow in 1..=3 {
            send(&mut s, flow, 3);
        }
    }
    s.event("poll now=1000");
    s.note("A forwarded message begins a run of its own, and the next one another.");
    send(&mut s, 1, 1);
    s.event("send flow=1 kind=1 type=\"t\" hops=1 body=\"\"");
    send(&mut s, 1, 1);
    s.event("poll now=1000");
    s.note("Answers share a run, whatever is between them.");
    for correlation in 1..=2 {
        s.event(format!(
            "fail correlation={correlation} code=CODE_STOPPED effect=EFFECT_NONE"
        ));
        send(&mut s, 2, 1);
    }
    s.event("poll now=1000");
    s.event("poll now=1000");
    s.note("What does not fit goes into the next packet; what never fits, alone.");
    for size in [30_000, 30_000, 10_000, 65_000, 1] {
        send(&mut s, 3, size);
    }
    for _ in 0..4 {
        s.event("poll now=1000");
    }

    s.dialer(
        "Only the last eight runs are looked at: a flow may have two.",
        Limits::default(),
    );
    for stream in 1..=9 {
        s.event(format!(
            "open stream={stream} source=\"ab:///a\" target=\"ab:///b\" first_seq=1"
        ));
    }
    for flow in (1..=9).chain([1, 9]) {
        send(&mut s, flow, 1);
    }
    s.event("poll now=1000");
    s
}

/// A large message is not held back by states without end.
fn states_and_messages() -> Scene {
    let mut s = Scene::new("A large message goes in the next packet, however many states wait.");
    s.acceptor("Many outcomes with long details, and a message of nearly 64 KiB.", "");
    s.frame(
        Frame {
            open: vec![open(1, 1)],
            ..Default::default()
        },
        vec![],
    );
    s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*65500}\"");
    for seq in 1..=130 {
        s.event(format!(
            "outcome flow=1 seq={seq} code=CODE_STOPPED effect=EFFECT_NONE detail=\"\\{{78*1000}}\""
        ));
    }
    for _ in 0..6 {
        s.event("poll now=1000");
    }
    s
}
