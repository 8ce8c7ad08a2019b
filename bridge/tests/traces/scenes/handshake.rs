//! Hello and Welcome, and why there is no link.

use actorbridge::machine::link::MAX_READS;
use actorbridge::proto::v1::{Frame, Goodbye, GoodbyeCode, Limits, Reads};

use super::{Scene, hello, welcome};

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![
        ("link-handshake", agrees()),
        ("link-no-handshake", disagrees()),
        ("link-types", types()),
    ]
}

fn reads(name: &str, max_version: u32, min_reader: u32) -> Reads {
    Reads {
        r#type: name.into(),
        max_version,
        min_reader,
    }
}

fn types() -> Scene {
    let mut s = Scene::new("What each side reads: `name:max_version:min_reader` of each message type.");
    s.part("The dialer says it in its Hello, and learns it from the Welcome.");
    s.event("link role=dialer node=\"a\" incarnation=1 types=\"shop.v1.Add:2:1,shop.v1.Added:3:2\" now=0");
    s.event("poll now=0");
    s.frame(
        welcome(|w| w.types = vec![reads("shop.v1.Add", 1, 1), reads("shop.v1.Quote", 7, 7)]),
        vec![],
    );

    s.part("The acceptor learns it from the Hello, and says it in its Welcome.");
    s.event("link role=acceptor node=\"b\" incarnation=2 types=\"shop.v1.Add:1:1\" now=0");
    s.frame(
        hello(|h| h.types = vec![reads("shop.v1.Add", 2, 1), reads("", 0, 0)]),
        vec![],
    );
    s.event("poll now=0");

    let long = "types=\"\\{61*65503}:1:1,b:1:1,\\{62*100}:1:1\" now=0";
    s.part("What would make the Hello longer than 64 KiB is not told, nor what is behind it: here the first takes all but one byte.");
    s.event(format!("link role=dialer node=\"a\" incarnation=1 {long}"));
    s.event("poll now=0");

    let many = || vec![reads("", 0, 0); MAX_READS + 1];
    s.part("Nobody reads so many types: a Hello.");
    s.event("link role=acceptor node=\"b\" incarnation=2 now=0");
    s.frame(hello(|h| h.types = many()), vec![]);
    s.event("poll now=0");
    s.part("The same: a Welcome.");
    s.event("link role=dialer node=\"a\" incarnation=1 now=0");
    s.event("poll now=0");
    s.frame(welcome(|w| w.types = many()), vec![]);
    s
}

fn agrees() -> Scene {
    let mut s = Scene::new("A handshake: both sides learn the other's name, incarnation, limits and capabilities.");
    s.part("The dialer speaks first. Nothing is bound or sent before the Welcome.");
    s.event(
        "link role=dialer node=\"a\" incarnation=1 max_protocol=3 capabilities=4,2 required=4 max_frame_bytes=262144 \
         ping_ms=1000 software=\"trace/1\" now=1000",
    );
    s.event("open stream=7 source=\"ab:///x\" target=\"ab:///y\" first_seq=1");
    s.event("send_off_stream kind=3 type=\"test.Reply\" body=\"\"");
    s.event("poll now=1003");
    s.event("poll now=1004");
    s.frame(
        welcome(|w| {
            w.protocol = 2;
            w.capabilities = vec![2, 3, 4];
        }),
        vec![],
    );
    s.event("poll now=1005");

    s.part("The acceptor waits for it, and answers the highest version and the capabilities in common.");
    s.event(
        "link role=acceptor node=\"b\" incarnation=18446744073709551615 max_protocol=2 capabilities=1,4 \
         software=\"trace/2\" inline_bytes=1024 now=5",
    );
    s.event("poll now=5");
    s.frame(
        hello(|h| {
            h.max_protocol = 3;
            h.capabilities = vec![4, 99];
            h.required = vec![4];
        }),
        vec![],
    );
    s.event("poll now=4");

    let limits = Limits {
        max_frame_bytes: 1 << 20,
        inline_bytes: 1 << 20,
        ..Limits::default()
    };
    s.dialer(
        "An envelope goes whole up to 64 KiB, however much the peer would take so.",
        limits,
    );
    s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*65531}\"");
    s.event("send_off_stream kind=3 type=\"t\" body=\"\\{61*65532}\"");
    s
}

fn disagrees() -> Scene {
    let mut s = Scene::new("Handshakes that end: both sides are told why.");
    let acceptor = "link role=acceptor node=\"b\" incarnation=2 now=0";
    let dialer = "link role=dialer node=\"a\" incarnation=1 now=0";
    let mut accept = |title: &str, more: &str, frame: Frame| {
        s.part(title);
        s.event(format!("{acceptor}{more}"));
        s.frame(frame, vec![]);
        s.event("poll now=0");
        s.event("poll now=0");
        s.event("tick now=100000");
    };
    accept(
        "No version in common: the peer is too new.",
        "",
        hello(|h| (h.min_protocol, h.max_protocol) = (2, 3)),
    );
    accept("The peer is too old.", " min_protocol=2 max_protocol=3", hello(|_| ()));
    accept(
        "The peer requires what is not here.",
        " capabilities=1",
        hello(|h| h.required = vec![1, 4, 77]),
    );
    accept(
        "It requires what has no name yet.",
        "",
        hello(|h| h.required = vec![77]),
    );
    accept(
        "The peer lacks what is required here.",
        " required=6",
        hello(|h| h.capabilities = vec![1]),
    );
    accept("Two nodes of the same name.", "", hello(|h| h.node = "b".into()));
    accept("A node without a name.", "", hello(|h| h.node = String::new()));
    accept("A name that is too long.", "", hello(|h| h.node = "n".repeat(256)));
    accept(
        "The same, of a peer that is too new.",
        "",
        hello(|h| {
            (h.min_protocol, h.max_protocol) = (2, 3);
            h.node = "n".repeat(256);
        }),
    );
    let frames = |bytes| {
        hello(|h| {
            h.limits = Some(Limits {
                max_frame_bytes: bytes,
                ..Default::default()
            });
        })
    };
    accept("Frames that could hold no envelope.", "", frames((144 << 10) - 1));
    accept("Frames that nobody could hold.", "", frames((4 << 20) + 1));
    let inline = hello(|h| {
        h.limits = Some(Limits {
            inline_bytes: 1_023,
            ..Default::default()
        });
    });
    accept("A peer that would have nearly all in parts.", "", inline);
    accept("Data before any handshake.", "", Frame::default());
    accept("A Welcome to the side that was dialled.", "", welcome(|_| ()));
    let goodbye = Goodbye {
        code: GoodbyeCode::GoodbyeForbidden as i32,
        detail: "not you".into(),
        ..Default::default()
    };
    accept(
        "A Goodbye first.",
        "",
        Frame {
            goodbye: Some(goodbye),
            ..Default::default()
        },
    );

    let mut dial = |title: &str, more: &str, frame: Frame| {
        s.part(title);
        s.event(format!("{dialer}{more}"));
        s.event("poll now=0");
        s.frame(frame, vec![]);
        s.event("poll now=0");
    };
    dial("A Hello to the side that dialled.", "", hello(|_| ()));
    dial(
        "A Welcome of a protocol that was not offered.",
        " max_protocol=2",
        welcome(|w| w.protocol = 9),
    );
    dial("A Welcome without what is required.", " required=4", welcome(|_| ()));
    dial(
        "A Welcome of this node's own name.",
        "",
        welcome(|w| w.node = "a".into()),
    );
    let tiny = Limits {
        max_frame_bytes: 100,
        ..Default::default()
    };
    dial(
        "A Welcome with impossible limits.",
        "",
        welcome(|w| w.limits = Some(tiny)),
    );

    s.acceptor("A second Hello on a link that is up.", "");
    s.frame(hello(|_| ()), vec![]);
    s.event("poll now=1000");
    s
}
