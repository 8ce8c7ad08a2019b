//! Streams, types, runs, credit and what became of messages.

use actorbridge::proto::v1::{Frame, Kind, Limits, Outcome, StreamOpen, StreamState};
use actorbridge::proto::{Item, Run, writer};
use bytes::Bytes;

use super::{Scene, ask, bound, define, item, open, run, tell};
use crate::text::quote;

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![
        ("link-send", send()),
        ("link-receive", receive()),
        ("link-credit", credit()),
        ("link-states", states()),
    ]
}

fn send() -> Scene {
    let mut s = Scene::new("What is sent: streams and types are defined once, and items of a flow become runs.");
    s.dialer("A tell, and a second of the same type.", Limits::default());
    s.event("open stream=7 source=\"ab:///a\" target=\"ab:///b\" reply_to=\"ab://a/a\" first_seq=1 binding=4 after=3");
    let body = quote(&tell("hi"));
    s.event(format!("send flow=1 kind=1 type=\"test.Tell\" body={body}"));
    s.event(format!(
        "send flow=1 kind=1 type=\"test.Tell\" version=2 min_reader=2 deadline=1500 body={body}"
    ));
    s.event("poll now=1010");
    s.event("poll now=1010");
    s.event(format!("send flow=1 kind=1 type=\"test.Tell\" body={body}"));
    s.event("poll now=1011");

    s.note("A deadline that has passed travels with 1 ms; without one, 0; a far one is cut to 32 bits.");
    for deadline in ["1", "0", "9999999999999", "2011"] {
        s.event(format!(
            "send flow=1 kind=1 type=\"test.Tell\" deadline={deadline} body={body}"
        ));
    }
    s.event("poll now=2000");

    s.note("A head field must not overtake an item that was sent before it: the packet ends there.");
    s.event("open stream=8 source=\"ab:///a\" target=\"ab:///c\" first_seq=41");
    s.event(format!("send flow=2 kind=1 type=\"test.Tell\" body={body}"));
    s.event(format!("send flow=1 kind=1 type=\"test.Tell\" body={body}"));
    s.event(format!("send flow=2 kind=1 type=\"test.Tell\" hops=2 body={body}"));
    s.event(format!(
        "send flow=2 kind=2 type=\"test.Ask\" body={}",
        quote(&ask(5 << 20, "?"))
    ));
    for _ in 0..3 {
        s.event("poll now=2000");
    }

    s.note("Outside any stream: an answer, and a complete envelope. They need no credit.");
    s.event(format!(
        "send_off_stream kind=3 type=\"test.Reply\" body={}",
        quote(&ask(9 << 20, "!"))
    ));
    let what = writer::what(Kind::Reply, "test.Reply", 1, 1);
    let whole = writer::join(
        &writer::who("ab:///a", "ab:///b", "").bytes,
        &what.bytes,
        &ask(10 << 20, "!"),
    );
    s.event(format!("send_off_stream body={}", quote(&whole)));
    s.note("One that came here and goes on, with the time left, and one that has gone in circles.");
    s.event(format!("forward deadline=2500 hops=3 body={}", quote(&whole)));
    s.event(format!("forward deadline=1 hops=9 body={}", quote(&whole)));
    s.note("Two that follow an actor to one of its stays share a run; one that follows it to another begins one.");
    for epoch in [7, 7, 9] {
        s.event(format!("forward hops=1 epoch={epoch} body={}", quote(&whole)));
    }
    s.event("fail correlation=11534336 code=CODE_HANDLER_ERROR effect=EFFECT_MAYBE detail=\"no\"");
    s.event("poll now=2000");
    s.event("poll now=2000");

    s.note("What is not bound cannot be sent on.");
    s.event(format!("send flow=3 kind=1 type=\"test.Tell\" body={body}"));
    s.event(format!("send flow=0 kind=1 type=\"test.Tell\" body={body}"));
    s.event("stream_of flow=2");
    s.event("stream_of flow=3");
    s.event("open stream=9 source=\"ab:///a\" target=\"ab:///b\" first_seq=0");
    s.event("open stream=9 source=\"ab:///a\" target=\"ab:///b\" first_seq=4611686018427387905");
    s.event("open stream=9 source=\"ab:///a\" target=\"ab:///\\{62*4096}\" first_seq=1");
    s
}

fn timed(type_id: u32, ttl_ms: u32, body: &str) -> Item {
    Item {
        type_id,
        ttl_ms,
        body: tell(body),
    }
}

fn receive() -> Scene {
    let mut s = Scene::new("What is received: bindings, types, and runs in each form of type and ttl.");
    s.acceptor("A stream is bound, and its types are defined.", "");
    s.frame(bound(1), vec![]);
    s.note("One type and one ttl for all, one each, and none.");
    s.runs(vec![run(1, 1, vec![timed(1, 0, "a"), timed(1, 0, "b")])]);
    s.runs(vec![run(1, 3, vec![timed(1, 50, "c"), timed(1, 50, "d")])]);
    s.runs(vec![run(
        1,
        5,
        vec![timed(1, 50, "e"), timed(1, 0, "f"), timed(1, 4_294_967_295, "g")],
    )]);
    let whole = writer::join(&[], &writer::what(Kind::Event, "test.Event", 1, 1).bytes, &tell("h"));
    s.runs(vec![run(
        1,
        8,
        vec![item(0, whole), item(2, ask(3 << 20, "i")), item(1, Bytes::new())],
    )]);
    s.note("An attempt that is not the first, and hops.");
    s.runs(vec![Run {
        attempt: 2,
        hops: 8,
        queued: 4,
        ..run(1, 11, vec![timed(1, 0, "j")])
    }]);
    s.note("Seqs that have come before are dropped; gaps are allowed.");
    s.runs(vec![
        run(1, 10, vec![timed(1, 0, "old"), timed(1, 0, "old"), timed(1, 0, "k")]),
        run(1, 15, vec![timed(1, 0, "l")]),
    ]);
    s.note("Outside any stream: a reply, and two complete asks, which follow an actor to a stay.");
    let what = writer::what(Kind::Ask, "test.Ask", 1, 1).bytes;
    let whole = writer::join(&writer::who("", "ab:///b", "ab://a/").bytes, &what, &ask(4 << 20, "m"));
    s.frame(
        Frame {
            r#type: vec![define(3, Kind::Reply, "test.Reply")],
            ..Default::default()
        },
        vec![
            run(0, 0, vec![item(3, ask(6 << 20, "n"))]),
            run(0, 5, vec![item(0, whole.clone()), item(0, whole)]),
        ],
    );
    s.note("A stream that goes on from another binding begins where that ended.");
    s.frame(
        Frame {
            open: vec![StreamOpen {
                binding: 5,
                after: 4,
                ..open(9, 1_000_000)
            }],
            ..Default::default()
        },
        vec![run(9, 1_000_000, vec![timed(1, 0, "o")])],
    );
    s.note("Fields of a later version are ignored, in the frame and in its parts.");
    s.number += 1;
    // number, field 32 = "x", and a Ping whose token is followed by field 99.
    let frame = [
        0x18,
        s.number as u8,
        0x82,
        0x02,
        0x01,
        b'x',
        0x5a,
        5,
        8,
        7,
        0x98,
        0x06,
        1,
    ];
    s.bytes(&frame);
    s.event("poll now=1001");
    s
}

fn credit() -> Scene {
    let mut s = Scene::new("Credit: sixteen messages at first, then what the receiver says.");
    let limits = Limits {
        initial_credit: 2,
        ..Limits::default()
    };
    s.dialer("A peer that gives new streams two messages.", limits);
    s.event("open stream=7 source=\"ab:///a\" target=\"ab:///b\" first_seq=11");
    let send = format!("send flow=1 kind=1 type=\"test.Tell\" body={}", quote(&tell("hi")));
    for _ in 0..3 {
        s.event(&send);
    }
    s.event("poll now=1000");
    let state = |processed, received, credit| Frame {
        state: vec![StreamState {
            flow: 1,
            processed,
            received,
            credit,
            ..Default::default()
        }],
        ..Default::default()
    };
    s.note("A state that gives no more, one that does, and an older one that comes late.");
    s.frame(state(11, 12, 12), vec![]);
    s.frame(state(11, 12, 13), vec![]);
    s.frame(state(0, 0, 3), vec![]);
    s.event(&send);
    s.event(&send);
    s.event("poll now=1000");
    s.note("Credit without end is worth 2^20 beyond what is processed.");
    s.frame(state(13, 13, u64::MAX), vec![]);
    s.event(&send);
    s.note("Messages that were refused come back by number.");
    s.event("poll now=1000");
    let refused = |seq, code, effect, detail: &str| Outcome {
        seq,
        code,
        effect,
        detail: detail.into(),
        local_attempts: 0,
    };
    s.frame(
        Frame {
            state: vec![StreamState {
                flow: 1,
                processed: 14,
                received: 14,
                credit: 14,
                outcomes: vec![refused(14, 6, 1, "the mailbox is full"), refused(12, 999, 0, "")],
                ..Default::default()
            }],
            ..Default::default()
        },
        vec![],
    );
    s
}

fn states() -> Scene {
    let mut s =
        Scene::new("States: absolute, coalesced until the writer is ready, told in the order in which they arose.");
    s.acceptor("Two streams.", "");
    s.frame(
        Frame {
            open: vec![open(1, 1), open(2, 1)],
            r#type: vec![define(1, Kind::Tell, "test.Tell")],
            ..Default::default()
        },
        vec![
            run(1, 1, vec![item(1, tell("a")), item(1, tell("b"))]),
            run(2, 1, vec![item(1, tell("c"))]),
        ],
    );
    s.event("state flow=2 processed=0 credit=20");
    s.event("state flow=1 processed=1 credit=30");
    s.event("state flow=1 processed=2 credit=32");
    s.note("An older one changes nothing.");
    s.event("state flow=1 processed=1 credit=31");
    s.event("poll now=1000");
    s.event("poll now=1000");
    s.note("One that may wait leaves with the next packet, whatever that is for, or when it is pressed.");
    s.event("state flow=1 processed=2 credit=33 may_wait=1");
    s.event("poll now=1000");
    s.event("state flow=2 processed=0 credit=21");
    s.event("poll now=1000");
    s.event("press_states");
    s.event("poll now=1000");
    s.event("state flow=1 processed=2 credit=34 may_wait=1");
    s.event("press_states");
    s.event("poll now=1000");
    s.note("Outcomes wait with the state of their stream.");
    s.event("outcome flow=2 seq=1 code=CODE_EXPIRED effect=EFFECT_NONE detail=\"too late\"");
    s.event("outcome flow=1 seq=2 code=CODE_PANICKED effect=EFFECT_MAYBE detail=\"\\{78*2000}\"");
    s.event("state flow=2 processed=1 credit=20");
    s.event("poll now=1000");
    s.note("64 of them go in one state; more follow in the next packets, and the streams take turns.");
    for seq in 1..=130 {
        s.event(format!("outcome flow=1 seq={seq} code=CODE_STOPPED effect=EFFECT_NONE"));
    }
    s.event("state flow=2 processed=1 credit=21");
    for _ in 0..4 {
        s.event("poll now=1000");
    }
    s.note("Of a flow that is not bound nothing is told.");
    s.event("state flow=3 processed=1 credit=20");
    s.event("outcome flow=3 seq=1 code=CODE_STOPPED effect=EFFECT_NONE");
    s.event("reset flow=3 code=CODE_STOPPED");
    s.event("poll now=1000");
    s
}
