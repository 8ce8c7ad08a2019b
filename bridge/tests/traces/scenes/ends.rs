//! How bindings and links end, and what passes through a link besides messages.

use actorbridge::proto::v1::{
    self, Chunk, Code, Drained, Frame, Goodbye, GoodbyeCode, Kind, Limits, Move, Moved, Offer, Outcome, Ping, Pong,
    Skip, StreamReset, StreamState, r#move::Step,
};
use prost::Message;

use super::{Scene, bound, close, define, item, open, run, tell};
use crate::text::quote;

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![
        ("link-close", closes()),
        ("link-reset", resets()),
        ("link-cancel", cancels()),
        ("link-moves", moves()),
        ("link-ping", pings()),
        ("link-down", downs()),
        ("link-drain", drains()),
        ("link-again", again()),
    ]
}

fn open_two(s: &mut Scene) {
    s.event("open stream=7 source=\"ab:///a\" target=\"ab:///b\" first_seq=1");
    s.event("open stream=8 source=\"ab:///a\" target=\"ab:///c\" first_seq=100");
}

fn send(s: &mut Scene, flow: u32, count: usize) {
    for _ in 0..count {
        s.event(format!(
            "send flow={flow} kind=1 type=\"test.Tell\" body={}",
            quote(&tell("hi"))
        ));
    }
}

fn reset(flow: u32, code: i32) -> StreamReset {
    StreamReset {
        flow,
        code,
        moved: None,
    }
}

fn state(flow: u32, processed: u64, received: u64) -> StreamState {
    StreamState {
        flow,
        processed,
        received,
        ..Default::default()
    }
}

fn closes() -> Scene {
    let mut s = Scene::new("The end of a binding: its number is free once the receiver has confirmed the close.");
    s.dialer("The sender closes.", Limits::default());
    open_two(&mut s);
    send(&mut s, 1, 2);
    s.event("close flow=1");
    s.event("close flow=1");
    send(&mut s, 1, 1);
    s.event("poll now=1000");
    s.event("poll now=1000");
    s.note("Its number is taken until the confirmation comes, with the last state and outcomes before it.");
    s.event("open stream=9 source=\"ab:///a\" target=\"ab:///d\" first_seq=1");
    let outcome = Outcome {
        seq: 2,
        code: Code::MailboxFull as i32,
        effect: 1,
        ..Default::default()
    };
    s.frame(
        Frame {
            state: vec![
                state(1, 0, 2),
                StreamState {
                    outcomes: vec![outcome],
                    ..state(1, 0, 0)
                },
            ],
            reset: vec![reset(1, 0)],
            ..Default::default()
        },
        vec![],
    );
    s.event("open stream=10 source=\"ab:///a\" target=\"ab:///e\" first_seq=1");
    s.note("A second confirmation ends the new binding, as a reset would.");
    s.frame(
        Frame {
            reset: vec![reset(1, 0), reset(77, 0)],
            ..Default::default()
        },
        vec![],
    );
    s.event("poll now=1000");

    s.acceptor(
        "The receiver tells what it owes, confirms, and takes the number again.",
        "",
    );
    s.frame(bound(1), vec![run(1, 1, vec![item(1, tell("a")), item(9, tell("b"))])]);
    s.event("state flow=1 processed=1 credit=40");
    for seq in 3..=70 {
        s.event(format!("outcome flow=1 seq={seq} code=CODE_STOPPED effect=EFFECT_NONE"));
    }
    s.frame(
        Frame {
            open: vec![close(1, 5)],
            ..Default::default()
        },
        vec![],
    );
    s.event("state flow=1 processed=4 credit=50");
    s.event("outcome flow=1 seq=2 code=CODE_STOPPED effect=EFFECT_NONE");
    s.event("poll now=1000");
    s.event("poll now=1000");
    s.frame(
        Frame {
            open: vec![open(1, 1)],
            ..Default::default()
        },
        vec![],
    );
    s.event("state flow=1 processed=0 credit=20");
    s.event("poll now=1000");
    s
}

fn resets() -> Scene {
    let mut s = Scene::new("A receiver ends a binding: its sender closes it, and binds the stream again elsewhere.");
    s.dialer("The sender is told where the actor went.", Limits::default());
    open_two(&mut s);
    send(&mut s, 1, 2);
    s.event("poll now=1000");
    let moved = Moved {
        owner: "c".into(),
        actor_epoch: 5,
        dial: vec!["tcp://c:1".into()],
    };
    s.frame(
        Frame {
            reset: vec![
                StreamReset {
                    moved: Some(moved),
                    ..reset(1, Code::Moved as i32)
                },
                reset(2, Code::Stopped as i32),
            ],
            ..Default::default()
        },
        vec![],
    );
    s.note("Closed: nothing more can be sent, and a second reset changes nothing.");
    send(&mut s, 1, 1);
    s.frame(
        Frame {
            reset: vec![reset(1, Code::Moved as i32)],
            ..Default::default()
        },
        vec![],
    );
    s.event("poll now=1000");
    s.note("A code of a later version is a reset too.");
    s.event("open stream=9 source=\"ab:///a\" target=\"ab:///d\" first_seq=1");
    s.frame(
        Frame {
            reset: vec![reset(3, 999), reset(3, 999)],
            ..Default::default()
        },
        vec![],
    );
    s.frame(
        Frame {
            reset: vec![reset(3, 0)],
            ..Default::default()
        },
        vec![],
    );
    s.event("open stream=10 source=\"ab:///a\" target=\"ab:///e\" first_seq=1");
    s.event("poll now=1000");

    s.acceptor("The receiver resets; late messages are delivered until the close.", "");
    s.frame(bound(1), vec![]);
    s.event("reset flow=1 code=CODE_MOVED owner=\"c\" actor_epoch=5");
    s.event("poll now=1000");
    s.runs(vec![run(1, 1, vec![item(1, tell("late"))])]);
    s.frame(
        Frame {
            open: vec![close(1, 2)],
            ..Default::default()
        },
        vec![],
    );
    s.event("reset flow=1 code=CODE_STOPPED");
    s.event("poll now=1000");
    s
}

fn cancels() -> Scene {
    let mut s = Scene::new("An asker that has stopped waiting.");
    s.dialer("It withdraws what may still wait at the receiver.", Limits::default());
    open_two(&mut s);
    send(&mut s, 1, 3);
    s.event("poll now=1000");
    s.frame(
        Frame {
            state: vec![state(1, 1, 2)],
            ..Default::default()
        },
        vec![],
    );
    for seq in 1..=4 {
        s.event(format!("cancel flow=1 seq={seq}"));
    }
    s.event("cancel flow=9 seq=1");
    s.event("poll now=1000");

    s.acceptor("The receiver hears of each seq.", "");
    s.frame(bound(1), vec![run(1, 1, vec![item(1, tell("a"))])]);
    let skip = |flow, first, count| Skip {
        flow,
        first,
        count,
        reason: Code::Cancelled as i32,
    };
    s.frame(
        Frame {
            skip: vec![skip(1, 1, 2), skip(4, 9, 1), skip(1, u64::MAX, 9), skip(1, 1, 0)],
            ..Default::default()
        },
        vec![],
    );
    s
}

fn steps() -> Vec<Step> {
    vec![
        Step::Offer(Offer {
            r#type: "test.Counter".into(),
            state_version: 2,
            codec: "proto".into(),
            total: 40,
            sha256: vec![7; 32].into(),
            meta: Some(Box::new(v1::Capsule {
                watchers: vec!["ab:///w".into()],
                actor_epoch: 3,
                ..Default::default()
            })),
        }),
        Step::Chunk(Chunk {
            offset: 0,
            data: vec![9; 40].into(),
        }),
        Step::Ready(v1::Ready {
            sha256: vec![7; 32].into(),
        }),
        Step::Committed(v1::Committed { epoch: 4 }),
        Step::Aborted(v1::Aborted {
            code: Code::Unavailable as i32,
            detail: "no".into(),
        }),
        Step::Drained(Drained { stream: 7, binding: 12 }),
    ]
}

fn moves() -> Scene {
    let mut s = Scene::new("The steps of a move pass through a link in their order.");
    s.dialer(
        "By Committed an actor runs at the peer: it leaves behind what was sent before, and nothing later before it.",
        Limits::default(),
    );
    open_two(&mut s);
    send(&mut s, 1, 1);
    let step = |step: Step| Move {
        actor: "ab:///b".into(),
        epoch: 4,
        step: Some(step),
    };
    for each in steps() {
        s.event(format!("move {}", quote(&step(each).encode_to_vec())));
        send(&mut s, 2, 1);
    }
    for _ in 0..3 {
        s.event("poll now=1000");
    }
    s.note("A step that fits in no frame of the peer.");
    let large = |size| {
        let data = vec![0; size].into();
        quote(&step(Step::Chunk(Chunk { offset: 0, data })).encode_to_vec())
    };
    s.event(format!("move {}", large((256 << 10) - 1024)));
    s.event(format!("move {}", large((256 << 10) - 1100)));
    s.event("poll now=1000");
    s.note("They are handed over as they come.");
    s.frame(
        Frame {
            r#move: steps().into_iter().map(step).collect(),
            ..Default::default()
        },
        vec![],
    );
    s
}

fn pings() -> Scene {
    let mut s = Scene::new("A silent link is dead after three pings; any frame is a sign of life.");
    s.acceptor(
        "An answer to each ping, and pings while the peer is silent.",
        " ping_ms=100",
    );
    s.frame(
        Frame {
            ping: Some(Ping {
                token: 77,
                mem_permille: 5,
            }),
            ..Default::default()
        },
        vec![],
    );
    s.event("poll now=1001");
    for now in [1050, 1100, 1150, 1200] {
        s.event(format!("tick now={now}"));
    }
    s.event("poll now=1200");
    s.frame(
        Frame {
            pong: Some(Pong {
                token: 1200,
                delay_ms: 0,
            }),
            ..Default::default()
        },
        vec![],
    );
    for now in [1300, 1400, 1500, 1600, 1700] {
        s.event(format!("tick now={now}"));
        s.event(format!("poll now={now}"));
    }

    s.part("A peer that never says Hello.");
    s.event("link role=acceptor node=\"b\" now=0");
    for now in [5_000, 10_000, 15_000, 20_000] {
        s.event(format!("tick now={now}"));
        s.event(format!("poll now={now}"));
    }
    s
}

fn again() -> Scene {
    let mut s = Scene::new("A link that is dialled again takes the place of the one before.");
    s.part("The dialer counts its dials.");
    s.event("link role=dialer node=\"a\" incarnation=1 link_epoch=7 now=1000");
    s.event("poll now=1000");

    s.acceptor(
        "Is the older one still alive? A ping at once, and only its own answer says so.",
        "",
    );
    s.event("has_answered since=0");
    s.event("probe now=1001");
    s.event("poll now=1001");
    for pong in [None, Some(1000), Some(1001)] {
        let pong = pong.map(|token| Pong { token, delay_ms: 0 });
        s.frame(
            Frame {
                pong,
                ..Default::default()
            },
            vec![],
        );
        s.event("has_answered since=1001");
    }

    s.note("Its place is taken: both sides are told, and what still comes by it does not count.");
    s.event("supersede");
    s.event("poll now=1002");
    s.frame(bound(1), vec![run(1, 1, vec![item(1, tell("a"))])]);
    s.event("supersede");
    s.event("probe now=1003");
    s.event("poll now=1003");
    s.part("So may that of one that has not said Hello.");
    s.event("link role=acceptor node=\"b\" now=0");
    s.event("probe now=1");
    s.event("poll now=1");
    s.event("supersede");
    s.event("poll now=2");
    s
}

fn downs() -> Scene {
    let mut s = Scene::new("A link that is over: what certainly never arrived, and what nobody can know.");
    let mut end = |title: &str, last_frames: &str, by: &dyn Fn(&mut Scene)| {
        s.dialer(title, Limits::default());
        open_two(&mut s);
        send(&mut s, 1, 2);
        s.event("poll now=1000");
        send(&mut s, 2, 1);
        send(&mut s, 1, 1);
        s.event("poll now=1000");
        send(&mut s, 1, 1);
        s.note("Messages 1 to 2 went in frame 2, 3 and the other stream's in frame 3, and 4 waits.");
        s.frame(
            Frame {
                state: vec![state(1, 0, 1)],
                ..Default::default()
            },
            vec![],
        );
        by(&mut s);
        s.event("poll now=1000");
        for (flow, seq) in [(1, 1), (1, 2), (1, 3), (1, 4), (2, 100), (3, 1)] {
            s.event(format!("never_left flow={flow} seq={seq}{last_frames}"));
        }
        s.event("unknown");
        send(&mut s, 1, 1);
        s.event("open stream=9 source=\"ab:///a\" target=\"ab:///d\" first_seq=1");
        s.event("move \"\"");
    };
    end("The transport is lost.", "", &|s| s.event("lost \"the socket broke\""));
    let goodbye = |code: GoodbyeCode, detail: &str| Frame {
        goodbye: Some(Goodbye {
            code: code as i32,
            detail: detail.into(),
            last_frame: 2,
            reconnect_after_ms: 0,
        }),
        ..Default::default()
    };
    end(
        "The peer says goodbye, and that it has acted on frame 2.",
        " last_frame=2",
        &|s| {
            s.frame(goodbye(GoodbyeCode::GoodbyeNormal, "the node is shutting down"), vec![]);
        },
    );
    end("The peer sends what does not parse.", "", &|s| {
        s.event("bad_frame \"the frame's tail is missing\"")
    });

    s.dialer(
        "What was handled did arrive, though its frame is forgotten.",
        Limits::default(),
    );
    open_two(&mut s);
    for _ in 0..2 {
        send(&mut s, 1, 1);
        s.event("poll now=1000");
    }
    s.frame(
        Frame {
            state: vec![state(1, 1, 1)],
            ..Default::default()
        },
        vec![],
    );
    s.frame(goodbye(GoodbyeCode::GoodbyeNormal, "the node is shutting down"), vec![]);
    for seq in [1, 2] {
        s.event(format!("never_left flow=1 seq={seq} last_frame=2"));
    }

    for code in [
        GoodbyeCode::GoodbyeProtocol,
        GoodbyeCode::GoodbyeVersion,
        GoodbyeCode::GoodbyeCapability,
        GoodbyeCode::GoodbyeForbidden,
    ] {
        s.dialer(&format!("Goodbye {}.", code as i32), Limits::default());
        s.frame(goodbye(code, "no"), vec![]);
        s.event("lost \"again\"");
    }
    s.acceptor("Words behind a Goodbye in its frame are not acted on.", "");
    let frame = goodbye(GoodbyeCode::GoodbyeNormal, &"x".repeat(2_000));
    s.frame(
        Frame {
            open: vec![open(1, 1)],
            r#type: vec![define(1, Kind::Tell, "t")],
            ..frame
        },
        vec![run(1, 1, vec![item(1, tell("a"))])],
    );
    s
}

fn drains() -> Scene {
    let mut s = Scene::new("A graceful end: what is queued leaves, nothing new is taken, then Goodbye.");
    s.dialer("With messages in the queue.", Limits::default());
    open_two(&mut s);
    send(&mut s, 1, 1);
    s.event("close flow=2");
    s.event("drain");
    send(&mut s, 1, 1);
    s.event("open stream=9 source=\"ab:///a\" target=\"ab:///d\" first_seq=1");
    s.event("fail correlation=1048577 code=CODE_STOPPED effect=EFFECT_NONE");
    s.event("move \"\"");
    for _ in 0..4 {
        s.event("poll now=1000");
    }
    s.acceptor("What comes meanwhile is still received.", "");
    s.frame(bound(1), vec![]);
    s.event("state flow=1 processed=0 credit=9");
    s.event("drain");
    s.runs(vec![run(1, 1, vec![item(1, tell("a"))])]);
    s.event("poll now=1000");
    s.runs(vec![run(1, 2, vec![item(1, tell("b"))])]);
    s.event("poll now=1000");

    s.part("Before the handshake.");
    s.event("link role=dialer node=\"a\" now=0");
    s.event("drain");
    s.event("poll now=0");
    s.event("poll now=0");
    s
}
