//! What is wrong with an item costs that item; what is wrong with a frame costs the link.

use actorbridge::proto::v1::{Code, Fragment, Frame, Kind, Outcome, Ping, Skip, StreamOpen, StreamState, TypeDef};
use actorbridge::proto::{Run, writer};
use bytes::Bytes;

use super::{Scene, ask, bound, close, define, item, open, run, tell};

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![("link-bad-items", items()), ("link-bad-frames", frames())]
}

fn items() -> Scene {
    let mut s = Scene::new("Bad items: each is refused, its sender is told, and the next one is delivered.");
    s.acceptor("Their stream and types, and what each answers.", " inline_bytes=64");
    s.frame(bound(1), vec![]);
    let set_kind = writer::join(&[], &writer::what(Kind::Tell, "", 1, 1).bytes, &tell("a"));
    let mut seq = 0;
    let mut bad = |title: &str, run: &dyn Fn(u64) -> Run| {
        seq += 1;
        s.note(title);
        s.runs(vec![run(seq)]);
        s.event("poll now=1000");
    };
    bad("No kind at all.", &|n| run(1, n, vec![item(0, tell("a"))]));
    bad("A kind of a later version.", &|n| {
        run(1, n, vec![item(0, Bytes::from_static(&[8, 0xd0, 0x0f, 0x12, 1, b'a']))])
    });
    bad("The item sets the type's kind again.", &|n| {
        run(1, n, vec![item(1, set_kind.clone())])
    });
    bad("The item sets the stream's target again.", &|n| {
        run(1, n, vec![item(1, writer::who("", "ab:///forged", "").bytes)])
    });
    bad("It does not decode.", &|n| {
        run(1, n, vec![item(1, Bytes::from_static(&[0x12, 5, b'a']))])
    });
    bad("It is over the limit of 64 bytes, with its prefixes.", &|n| {
        run(1, n, vec![item(1, tell(&"x".repeat(30)))])
    });
    bad("Its type was never defined.", &|n| run(1, n, vec![item(3, tell("a"))]));
    bad("It was forwarded nine times.", &|n| Run {
        hops: 9,
        ..run(1, n, vec![item(1, tell("a"))])
    });
    bad("An ask without a correlation.", &|n| {
        run(1, n, vec![item(2, tell("a"))])
    });
    bad("An ask is answered too.", &|n| {
        run(1, n, vec![item(2, ask(7 << 20, &"x".repeat(64)))])
    });
    bad("Also one that breaks off behind its correlation.", &|n| {
        run(
            1,
            n,
            vec![item(2, Bytes::from([&ask(8 << 20, "")[..], &[0x12, 9]].concat()))],
        )
    });
    bad("A good one between bad ones.", &|n| {
        run(
            1,
            n,
            vec![item(1, tell("good")), item(9, tell("a")), item(1, tell("good"))],
        )
    });
    s.note("Beyond the credit of sixteen: refused, and its seq may come again once there is credit.");
    s.runs(vec![run(1, 16, vec![item(1, tell("a")), item(1, tell("b"))])]);
    s.event("state flow=1 processed=16 credit=20");
    s.event("poll now=1000");
    s.runs(vec![run(1, 17, vec![item(1, tell("b"))])]);
    s.note("Outside any stream an item is refused without an outcome, and an ask with a failure.");
    s.runs(vec![run(
        0,
        0,
        vec![
            item(1, Bytes::from_static(b"\xff")),
            item(2, ask(9 << 20, &"x".repeat(64))),
        ],
    )]);
    s.event("poll now=1000");

    s.acceptor("A type that sets what the stream has set.", "");
    let type_with_source = TypeDef {
        id: 1,
        prefix: [
            &writer::what(Kind::Tell, "test.Tell", 1, 1).bytes[..],
            &writer::who("ab:///x", "", "").bytes[..],
        ]
        .concat()
        .into(),
    };
    s.frame(
        Frame {
            open: vec![open(1, 1)],
            r#type: vec![type_with_source],
            ..Default::default()
        },
        vec![run(1, 1, vec![item(1, tell("a"))])],
    );
    s.event("poll now=1000");
    s
}

fn frames() -> Scene {
    let mut s = Scene::new("Bad frames: each ends its link with a Goodbye that says why.");
    let mut end = |title: &str, frame: Frame, runs: Vec<Run>| {
        s.acceptor(title, "");
        s.frame(bound(5), vec![]);
        s.frame(frame, runs);
        s.event("poll now=1000");
        s.note("Over: nothing more is read or said.");
        s.runs(vec![]);
        s.event("poll now=1000");
    };
    let opens = |open: StreamOpen| Frame {
        open: vec![open],
        ..Default::default()
    };
    end(
        "A run of a flow that is not bound.",
        Frame::default(),
        vec![run(2, 1, vec![item(1, tell("a"))])],
    );
    end(
        "A run that begins at seq 0.",
        Frame::default(),
        vec![run(1, 0, vec![item(1, tell("a"))])],
    );
    end(
        "A run behind the last seq.",
        Frame::default(),
        vec![run(1, (1 << 62) + 1, vec![item(1, tell("a"))])],
    );
    end("A flow is bound twice.", opens(open(1, 1)), vec![]);
    end("Flow 0 is bound.", opens(open(0, 1)), vec![]);
    end("A flow above the limit.", opens(open(65_537, 1)), vec![]);
    end("A stream that begins at 0.", opens(open(2, 0)), vec![]);
    end(
        "A stream in a mode that is not spoken yet.",
        opens(StreamOpen { mode: 0, ..open(2, 1) }),
        vec![],
    );
    let prefix = |prefix: Bytes| StreamOpen { prefix, ..open(2, 1) };
    end(
        "A stream to nobody.",
        opens(prefix(writer::who("ab:///a", "", "").bytes)),
        vec![],
    );
    end(
        "A prefix that does not decode.",
        opens(prefix(Bytes::from_static(&[0xff]))),
        vec![],
    );
    end(
        "A prefix above 4 KiB.",
        opens(prefix(Bytes::from(vec![0; 4097]))),
        vec![],
    );
    end("A flow is closed that is not bound.", opens(close(2, 1)), vec![]);
    end(
        "A flow is closed before what has come on it.",
        opens(close(1, 4)),
        vec![],
    );
    let defines = |definition: TypeDef| Frame {
        r#type: vec![definition],
        ..Default::default()
    };
    end("A type out of order.", defines(define(4, Kind::Tell, "t")), vec![]);
    let override_kind = TypeDef {
        id: 3,
        prefix: Bytes::from_static(&[8, 1, 8, 2]),
    };
    end("A type that sets its kind twice.", defines(override_kind), vec![]);
    let states = |state: StreamState| Frame {
        state: vec![state],
        ..Default::default()
    };
    end(
        "A state of a flow that was never opened.",
        states(StreamState {
            flow: 1,
            ..Default::default()
        }),
        vec![],
    );
    let skips = |first, count| Frame {
        skip: vec![
            Skip {
                flow: 1,
                first,
                count: 4_000,
                reason: 17,
            },
            Skip {
                flow: 1,
                first,
                count,
                reason: 17,
            },
        ],
        ..Default::default()
    };
    end("Skips of more seqs than one frame may withdraw.", skips(1, 97), vec![]);
    let fragment = Frame {
        fragment: vec![Fragment::default()],
        ..Default::default()
    };
    end("A Fragment.", fragment, vec![]);

    s.dialer(
        "A state of seqs that were never sent.",
        actorbridge::proto::v1::Limits::default(),
    );
    s.event("open stream=7 source=\"ab:///a\" target=\"ab:///b\" first_seq=5");
    let outcome = Outcome {
        seq: 5,
        code: Code::Stopped as i32,
        ..Default::default()
    };
    s.frame(
        states(StreamState {
            flow: 1,
            outcomes: vec![outcome.clone()],
            ..Default::default()
        }),
        vec![],
    );
    s.event("poll now=1000");

    s.dialer(
        "More outcomes than messages were sent, if of none that was not.",
        actorbridge::proto::v1::Limits::default(),
    );
    s.event("open stream=7 source=\"ab:///a\" target=\"ab:///b\" first_seq=5");
    s.event("send flow=1 kind=1 type=\"test.Tell\" body=\"\"");
    s.event("send flow=1 kind=1 type=\"test.Tell\" body=\"\"");
    s.event("poll now=1000");
    for outcomes in [vec![outcome.clone()], vec![outcome.clone(), Outcome::default()]] {
        s.frame(
            states(StreamState {
                flow: 1,
                outcomes,
                ..Default::default()
            }),
            vec![],
        );
    }
    s.event("poll now=1000");

    let mut read = |title: &str, frame: &[u8]| {
        s.acceptor(title, " max_frame_bytes=147456");
        s.bytes(frame);
        s.event("poll now=1000");
    };
    read("A frame number that is not the next.", &[0x18, 3]);
    read("A frame without a number.", &[0x5a, 2, 8, 1]);
    read("Field 17, which this version does not know.", &[0x18, 2, 0x8a, 0x01, 0]);
    read(
        "A checksum that was not negotiated.",
        &[0x18, 2, 0x85, 0x01, 0, 0, 0, 0],
    );
    read("A number of the wrong type.", &[0x1a, 1, 2]);
    read("It ends inside a field.", &[0x18, 2, 0x5a, 4, 8]);
    read(
        "Two ttls for three messages.",
        &[0x18, 2, 0x7a, 12, 0x2a, 2, 1, 2, 0x7a, 0, 0x7a, 0, 0x7a, 0, 0x38, 1],
    );
    read("Larger than the frames that were agreed on.", &vec![0; 147_457]);

    s.acceptor("A bad field behind good ones: what came before it was acted on.", "");
    let frame = Frame {
        open: vec![open(1, 1), open(1, 1)],
        ping: Some(Ping {
            token: 1,
            mem_permille: 0,
        }),
        ..Default::default()
    };
    s.frame(frame, vec![run(1, 1, vec![item(0, tell("a"))])]);
    s.event("poll now=1000");
    s
}
