//! Messages that leave and come in parts.

use actorbridge::proto::v1::{Capability, Fragment, Frame, Kind, Limits, Skip, StreamState};
use actorbridge::proto::writer;

use super::{Scene, ask, bound, close, define, hello, item, open, run, tell, welcome};
use crate::text::quote;

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![
        ("link-fragments-leave", leave()),
        ("link-fragments-windows", windows()),
        ("link-fragments-come", come()),
        ("link-fragments-bad", bad()),
    ]
}

const FRAGMENTS: u32 = Capability::Fragments as u32;

impl Scene {
    /// A dialer whose peer puts messages together, with two streams.
    fn large_dialer(&mut self, title: &str, limits: Limits) {
        self.part(title);
        self.event(format!(
            "link role=dialer node=\"a\" incarnation=1 capabilities={FRAGMENTS} now=1000"
        ));
        self.event("poll now=1000");
        let both = |w: &mut actorbridge::proto::v1::Welcome| {
            w.limits = Some(limits);
            w.capabilities = vec![FRAGMENTS];
        };
        self.frame(welcome(both), vec![]);
        for stream in 7..9 {
            self.event(format!(
                "open stream={stream} source=\"ab:///a\" target=\"ab:///b\" first_seq=1"
            ));
        }
        self.event("poll now=1000");
    }

    /// An acceptor that puts messages together, with a stream that is bound.
    fn large_acceptor(&mut self, title: &str, more: &str) {
        self.part(title);
        self.event(format!(
            "link role=acceptor node=\"b\" incarnation=2 capabilities={FRAGMENTS} now=1000{more}"
        ));
        self.frame(hello(|h| h.capabilities = vec![FRAGMENTS]), vec![]);
        self.event("poll now=1000");
        self.frame(bound(1), vec![]);
    }

    fn parts(&mut self, fragment: Vec<Fragment>) {
        self.frame(
            Frame {
                fragment,
                ..Default::default()
            },
            vec![],
        );
    }

    fn send(&mut self, flow: u32, size: usize) {
        let body = quote(&tell(&"x".repeat(size)));
        self.event(format!("send flow={flow} kind=1 type=\"t\" deadline=9000 body={body}"));
    }

    fn polls(&mut self, times: u64) {
        for i in 0..times {
            self.event(format!("poll now={}", 1_000 + i));
        }
    }

    fn processed(&mut self, flow: u32, processed: u64) {
        let state = StreamState {
            flow,
            processed,
            received: processed,
            ..Default::default()
        };
        self.frame(
            Frame {
                state: vec![state],
                ..Default::default()
            },
            vec![],
        );
    }
}

/// Bytes from `start` to `end` of a message on a flow.
fn part(flow: u32, seq: u64, whole: &[u8], start: usize, end: usize) -> Fragment {
    Fragment {
        flow,
        seq,
        offset: start as u64,
        total: whole.len() as u64,
        data: whole[start..end].to_vec().into(),
        ttl_ms: 500,
        r#type: 1,
        ..Default::default()
    }
}

fn leave() -> Scene {
    let mut s = Scene::new("A message over inline_bytes leaves in parts; others of its flow wait, other flows go on.");
    s.large_dialer("One, behind one of its flow and before one.", Limits::default());
    s.send(1, 10);
    s.send(1, 150_000);
    s.send(1, 10);
    s.event("send flow=2 kind=1 type=\"t\" body=\"\"");
    s.polls(2);
    s.note("What a link that is lost now says of them: the first may have come, the second certainly not, nor the one on flow 2.");
    for (flow, seq) in [(1, 1), (1, 2), (2, 1)] {
        s.event(format!("never_left flow={flow} seq={seq} last_frame=2"));
    }
    s.send(2, 10);
    s.polls(3);
    s.send(1, 10);
    s.polls(2);
    s.event("never_left flow=1 seq=2");
    s.event("unknown");

    let much = Limits {
        max_frame_bytes: 1 << 20,
        inline_bytes: 1 << 20,
        ..Limits::default()
    };
    s.large_dialer(
        "One goes in parts also to a peer that would take it whole: what waits for the writer has less room.",
        much,
    );
    s.send(1, 300_000);
    s.polls(6);

    s.large_dialer(
        "Two take turns; however much else there is, they have a part of each packet.",
        Limits::default(),
    );
    s.send(1, 70_000);
    s.send(2, 100_000);
    s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*40000}\"");
    s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*40000}\"");
    s.polls(6);

    s.large_dialer(
        "Large answers are overtaken by small ones; what is passed on is not.",
        Limits::default(),
    );
    s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*90000}\"");
    s.event("fail correlation=1048577 code=CODE_STOPPED effect=EFFECT_NONE");
    s.event("forward kind=1 type=\"t\" hops=1 epoch=4 deadline=9000 body=\"\\{62*90000}\"");
    s.event("forward kind=1 type=\"t\" hops=1 body=\"\"");
    s.send(2, 10);
    s.polls(6);

    s.large_dialer(
        "What follows a large answer of the same ask leaves behind it, and of another ask before it.",
        Limits::default(),
    );
    let answer = |correlation: u64, size: usize| quote(&ask(correlation, &"z".repeat(size)));
    for (correlation, size) in [
        (1_048_577, 90_000),
        (1_048_577, 10),
        (1_048_578, 10),
        (1_048_577, 70_000),
        (1_048_577, 5),
    ] {
        let body = answer(correlation, size);
        s.event(format!("send_off_stream kind=5 type=\"t\" body={body}"));
    }
    s.polls(6);

    s.large_dialer(
        "A binding is closed when all has left; the end of the link waits too.",
        Limits::default(),
    );
    s.send(1, 100_000);
    s.event("poll now=1000");
    s.event("close flow=1");
    s.event("drain");
    s.polls(4);

    s.large_dialer(
        "An ask that is cancelled leaves no more: before its first part, and after it.",
        Limits::default(),
    );
    let body = quote(&ask(1_048_577, &"x".repeat(100_000)));
    for seq in 1..=2 {
        s.event(format!("send flow=1 kind=2 type=\"t\" body={body}"));
        if seq == 2 {
            s.event("poll now=1000");
        }
        s.event(format!("cancel flow=1 seq={seq}"));
        s.send(1, 10);
        s.polls(2);
    }
    s.event(format!("send flow=1 kind=2 type=\"t\" body={body}"));
    s.event("close flow=1");
    s.event("cancel flow=1 seq=5");
    s.polls(2);

    s.large_dialer(
        "A peer that says it has processed what has not left, and an asker that gives it up.",
        Limits::default(),
    );
    s.event(format!("send flow=1 kind=2 type=\"t\" body={body}"));
    s.event("poll now=1000");
    s.processed(1, 1);
    s.event("cancel flow=1 seq=1");
    s.send(1, 10);
    s.polls(2);

    s.dialer("A peer that puts nothing together.", Limits::default());
    s.event("open stream=7 source=\"ab:///a\" target=\"ab:///b\" first_seq=1");
    s.send(1, 65_536);
    s
}

fn windows() -> Scene {
    let mut s = Scene::new("How much of large messages the peer may have that it has not processed.");
    let limits = Limits {
        assembly_bytes: 3_200_000,
        ..Limits::default()
    };
    s.large_dialer(
        "A flow has one sixteenth of assembly_bytes, here 200,000, or one message.",
        limits,
    );
    s.send(1, 90_000);
    s.polls(2);
    s.send(1, 90_000);
    s.polls(2);
    s.send(1, 90_000);
    s.note("A small one may go.");
    s.send(1, 10);
    s.send(1, 90_000);
    s.polls(2);
    s.processed(1, 1);
    s.send(1, 90_000);
    s.polls(3);
    s.processed(1, 4);
    s.send(1, 300_000);
    s.polls(6);
    s.send(1, 70_000);
    s.processed(1, 5);
    s.send(1, 70_000);

    let limits = Limits {
        assembly_bytes: 250_000,
        ..Limits::default()
    };
    s.large_dialer("All flows together have assembly_bytes.", limits);
    s.send(1, 150_000);
    s.send(2, 150_000);
    s.note("One that could never come is refused.");
    s.send(2, 250_001);
    s.polls(4);
    s.send(2, 150_000);
    s.processed(1, 1);
    s.send(2, 150_000);
    s.polls(4);

    s.large_dialer("Answers that have begun have as much again.", limits);
    for byte in 61..=63 {
        s.event(format!(
            "send_off_stream kind=3 type=\"t\" body=\"\\{{{byte}*150000}}\""
        ));
    }
    s.polls(9);

    s.large_dialer("256 MiB of answers may wait.", Limits::default());
    for _ in 0..17 {
        s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*16000000}\"");
    }
    s
}

fn come() -> Scene {
    let mut s = Scene::new("Messages that come in parts.");
    let whole = tell(&"y".repeat(70_000));
    s.large_acceptor(
        "One in two parts, with others of its flow; the time left is the last part's.",
        "",
    );
    s.frame(Frame::default(), vec![run(1, 1, vec![item(1, tell("a"))])]);
    s.parts(vec![part(1, 2, &whole, 0, 40_000)]);
    let mut last = part(1, 2, &whole, 40_000, whole.len());
    last.ttl_ms = 400;
    last.attempt = 1;
    last.hops = 2;
    s.parts(vec![last]);
    s.note("It came twice.");
    s.parts(vec![
        part(1, 2, &whole, 0, 40_000),
        part(1, 2, &whole, 40_000, whole.len()),
    ]);
    s.frame(Frame::default(), vec![run(1, 3, vec![item(1, tell("b"))])]);
    s.event("state flow=1 processed=3 credit=20");
    s.event("poll now=1000");

    s.large_acceptor("A part that is missing costs its message; so does a later message.", "");
    s.parts(vec![part(1, 1, &whole, 0, 10_000), part(1, 1, &whole, 20_000, 30_000)]);
    s.parts(vec![part(1, 1, &whole, 30_000, whole.len())]);
    s.parts(vec![part(1, 2, &whole, 0, 10_000)]);
    s.frame(Frame::default(), vec![run(1, 3, vec![item(1, tell("c"))])]);
    s.parts(vec![part(1, 2, &whole, 10_000, whole.len())]);
    s.parts(vec![part(1, 4, &whole, 0, 10_000), part(1, 5, &whole, 0, whole.len())]);

    s.large_acceptor("Answers, two at a time, and what was passed on.", "");
    let answer = [
        &writer::what(Kind::Reply, "t", 1, 1).bytes[..],
        &ask(1_048_577, &"z".repeat(100)),
    ]
    .concat();
    let mut parts: Vec<_> = [(1, 0, 50), (2, 0, 60), (1, 50, answer.len()), (2, 60, answer.len())]
        .map(|(number, start, end)| part(0, number, &answer, start, end))
        .into();
    for part in &mut parts {
        (part.r#type, part.actor_epoch) = (0, 4 * (part.seq - 1)); // the second follows an actor
    }
    s.parts(parts);

    s.large_acceptor(
        "The peer withdraws one: half of it came, nothing of it came, all of it came.",
        "",
    );
    s.parts(vec![part(1, 1, &whole, 0, 10_000)]);
    for first in [1, 2, 2] {
        let skip = Skip {
            flow: 1,
            first,
            count: 1,
            reason: 17,
        };
        s.frame(
            Frame {
                skip: vec![skip],
                ..Default::default()
            },
            vec![],
        );
    }
    s.event("poll now=1000");

    s.large_acceptor("A binding is closed in the middle.", "");
    s.parts(vec![part(1, 1, &whole, 0, 10_000)]);
    s.frame(
        Frame {
            open: vec![close(1, 2)],
            ..Default::default()
        },
        vec![],
    );
    s.event("poll now=1000");
    s
}

fn bad() -> Scene {
    let mut s = Scene::new("Parts that are refused, and those that cost the link.");
    let whole = tell(&"y".repeat(70_000));
    s.large_acceptor(
        "Over the limit, beyond the credit, and more than there is memory for.",
        " max_message_bytes=100000 assembly_bytes=200000 initial_credit=4",
    );
    let mut large = part(1, 1, &whole, 0, 1_000);
    large.total = 165_600;
    s.parts(vec![large.clone()]);
    large.offset = 1_000;
    s.parts(vec![large]);
    s.parts(vec![part(1, 2, &whole, 0, whole.len())]);
    s.parts(vec![part(1, 3, &whole, 0, whole.len())]);
    s.parts(vec![part(1, 4, &whole, 0, whole.len())]);
    s.event("state flow=1 processed=2 credit=8");
    s.parts(vec![part(1, 5, &whole, 0, whole.len())]);
    s.parts(vec![part(1, 9, &whole, 0, whole.len())]);
    s.event("poll now=1000");

    s.large_acceptor("The whole is no envelope: the parts were good.", "");
    s.parts(vec![part(1, 1, &[0x12; 70_000], 0, 70_000)]);
    s.parts(vec![Fragment {
        r#type: 9,
        ..part(1, 2, &whole, 0, whole.len())
    }]);
    s.parts(vec![Fragment {
        hops: 9,
        ..part(1, 3, &whole, 0, whole.len())
    }]);

    let end = |s: &mut Scene, title: &str, fragment: Fragment| {
        s.large_acceptor(title, " assembly_bytes=200000");
        s.parts(vec![fragment]);
    };
    end(&mut s, "An empty part.", part(1, 1, &whole, 5, 5));
    let beyond = Fragment {
        offset: u64::MAX,
        ..part(1, 1, &whole, 0, 5)
    };
    end(&mut s, "A part beyond the end.", beyond);
    end(&mut s, "A flow that is not open.", part(2, 1, &whole, 0, 5));
    end(&mut s, "A seq of 0.", part(1, 0, &whole, 0, 5));
    let over = Fragment {
        total: 200_001,
        ..part(0, 1, &whole, 0, 5)
    };
    end(&mut s, "An answer over the limit.", over);
    s.large_acceptor("More answers than there is memory for.", " assembly_bytes=100000");
    s.parts(vec![part(0, 1, &whole, 0, 5), part(0, 2, &whole, 0, 5)]);
    s.acceptor("Parts that were not negotiated.", "");
    s.frame(
        Frame {
            open: vec![open(1, 1)],
            r#type: vec![define(1, Kind::Tell, "t")],
            fragment: vec![part(1, 1, &whole, 0, 5)],
            ..Default::default()
        },
        vec![],
    );
    s
}
