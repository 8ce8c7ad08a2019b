//! Peers that keep no rule, by real connections: each costs itself, the log says so, and the link of an innocent goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actorbridge::proto::v1::{self, Kind, RefusalReason};
use actorbridge::proto::{Packet, writer};
use actorbridge::{Actor, Builder, Cx, Fault, Level, LogLine, Message, Node, Options, TlsFiles};
use bytes::Bytes;
use common::certs::{Ca, Folder, params};
use common::raw::{Raw, hello, socket};
use common::test::{EchoReply, EchoRequest};
use common::{LONG, eventually, node, refusals, worker};
use prost::{Message as _, Name as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common;

const SOON: Duration = Duration::from_millis(200);

/// A node named `b` that listens, with an innocent peer named `a`.
struct Scene {
    innocent: Node,
    there: Node,
}

impl Scene {
    async fn new(with: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = Node::builder("b").runtime(tokio::runtime::Handle::current());
        let builder = with(builder.factory("order/*", worker).listen("tcp://127.0.0.1:0"));
        let started = tokio::task::spawn_blocking(|| builder.start()).await;
        let there = started.expect("no panic").expect("it starts");
        there.spawn("echo", worker, Options::default()).expect("spawned");
        let innocent = node("a");
        innocent.dial(&there.listening()[0]).await.expect("linked");
        Self { innocent, there }
    }

    fn address(&self) -> String {
        self.there.listening()[0].clone()
    }

    /// The log of `b` says this, it is counted as the `n`th refusal of its kind, and the innocent link works.
    async fn says(&self, what: &str, (reason, n): (RefusalReason, u64)) {
        let mut all = Vec::new();
        eventually(&format!("a warning with \"{what}\""), || {
            let lines = self.there.logs(usize::MAX).0.into_iter();
            all.extend(lines.filter(|l| l.level == Level::Warn));
            all.iter().any(|line: &LogLine| line.message.contains(what))
        })
        .await;
        assert_eq!(refusals(&self.there, reason), n, "{reason:?}");
        let code = reason.as_str_name().trim_start_matches("REFUSAL_REASON_");
        assert!(all.iter().any(|line| line.code == code), "{code} is not in {all:?}");
        let echo = "ab:///echo".parse().expect("an address");
        let asked = self.innocent.ask(&echo, &EchoRequest::default(), LONG).await;
        let _: EchoReply = asked.expect("the innocent is unhurt");
    }

    /// Waits until one more connection is taken.
    async fn has_a_place(&self) {
        let late = node("late");
        let mut linked = false;
        let until = tokio::time::Instant::now() + LONG;
        while !linked && tokio::time::Instant::now() < until {
            linked = late.dial(&self.address()).await.is_ok();
        }
        assert!(linked, "there is room again");
    }
}

/// Waits until the node closes the connection, whatever it sends before.
async fn closed(mut socket: TcpStream) {
    let all = async { while !matches!(socket.read(&mut [0; 1024]).await, Ok(0) | Err(_)) {} };
    tokio::time::timeout(LONG, all).await.expect("it is closed");
}

#[tokio::test]
async fn a_connection_that_becomes_no_link_is_closed_in_time() {
    let scene = Scene::new(|builder| builder.set_up_time(SOON)).await;
    let says = "it carried no link for 0.2 s";
    closed(socket(&scene.address()).await).await;
    scene.says(says, (RefusalReason::SlowHandshake, 1)).await;
    let mut slow = socket(&scene.address()).await;
    slow.write_all(b"PRI * HTTP/2.0\r\n").await.expect("written");
    closed(slow).await;
    scene.says(says, (RefusalReason::SlowHandshake, 2)).await;
    Raw::call(&scene.address()).await.ended().await;
    scene.says(says, (RefusalReason::SlowHandshake, 3)).await;
    let mut half = Raw::call(&scene.address()).await;
    half.data(&[0, 0, 0, 0, 200, 10]).await;
    half.ended().await;
    scene.says(says, (RefusalReason::SlowHandshake, 4)).await;
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_come_is_not_waited_for() {
    let (ca, folder) = (Ca::new("one"), Folder::new());
    folder.trust(&[&ca]);
    ca.give(&folder, "b", &params(&["ab://b"]));
    let files: TlsFiles = folder.files("b");
    let scene = Scene::new(|builder| builder.set_up_time(SOON).tls(files).listen("grpcs://127.0.0.1:0")).await;
    let listening = scene.there.listening();
    let secure = listening.iter().find(|at| at.starts_with("grpcs")).expect("it listens");
    let mut silent = socket(&secure.replace("grpcs", "tcp")).await;
    silent.write_all(&[22, 3, 1, 2, 0, 1]).await.expect("written");
    closed(silent).await;
    scene
        .says("no TLS handshake came within 0.2 s", (RefusalReason::SlowHandshake, 1))
        .await;
}

#[tokio::test]
async fn a_connection_that_ends_early_is_told() {
    let scene = Scene::new(|builder| builder).await;
    drop(socket(&scene.address()).await);
    scene
        .says("it ended before it carried a link", (RefusalReason::NoLink, 1))
        .await;
    let mut garbage = socket(&scene.address()).await;
    garbage.write_all(&[0xfe; 4096]).await.expect("written");
    closed(garbage).await;
    scene
        .says("it ended before it carried a link", (RefusalReason::NoLink, 2))
        .await;
}

/// How many connections and links a node has refused, for whatever reason.
fn all_refusals(node: &Node) -> u64 {
    node.status(&Default::default()).refusals.iter().map(|r| r.count).sum()
}

/// What is wrong with it is told by its link, and not once more by its connection, whether the peer stays or goes.
#[tokio::test]
async fn a_handshake_that_is_refused_counts_once() {
    let named = |node: &str, protocol| v1::Hello {
        node: node.into(),
        ..hello(protocol, protocol)
    };
    let frame = |hello: Option<v1::Hello>, number| v1::Frame {
        number,
        hello,
        ..Default::default()
    };
    let bytes = |head| Packet { head, runs: vec![] }.to_bytes();
    for (first, reason) in [
        (bytes(frame(Some(named("a", 1)), 1)), RefusalReason::DuplicateName),
        (bytes(frame(Some(named("raw", 7)), 1)), RefusalReason::Incompatible),
        (bytes(frame(Some(named("raw", 1)), 9)), RefusalReason::BadFrame),
        (bytes(frame(None, 1)), RefusalReason::BadFrame),
        (Bytes::from_static(&[0xff; 8]), RefusalReason::BadFrame),
        (vec![0; 5 << 20].into(), RefusalReason::OversizedFrame),
    ] {
        for stays in [true, false] {
            let scene = Scene::new(|builder| builder.set_up_time(SOON).max_connections(2)).await;
            let mut raw = Raw::call(&scene.address()).await;
            raw.message(&first).await;
            eventually("the refusal", || refusals(&scene.there, reason) == 1).await;
            match stays {
                true => raw.closed().await,
                false => drop(raw),
            }
            scene.has_a_place().await;
            let beside = refusals(&scene.there, RefusalReason::TooManyConnections);
            assert_eq!(all_refusals(&scene.there) - beside, 1, "{reason:?}, stays: {stays}");
            let lines = scene.there.logs(usize::MAX).0;
            let of_connection = |line: &&LogLine| {
                line.message.contains("it carried no link") || line.message.contains("it ended before")
            };
            assert!(!lines.iter().any(|line| of_connection(&line)), "{lines:?}");
        }
    }
}

#[tokio::test]
async fn connections_beyond_the_bound_are_closed_at_once_and_a_place_is_free_again() {
    let scene = Scene::new(|builder| builder.max_connections(4)).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw::call(&scene.address()).await;
        raw.settled().await;
        silent.push(raw);
    }
    closed(socket(&scene.address()).await).await;
    scene
        .says(
            "there are 4 connections already",
            (RefusalReason::TooManyConnections, 1),
        )
        .await;
    drop(silent);
    scene.has_a_place().await;
}

/// The end of such a link cannot be told to its peer, which says nothing more: its connection must not stay.
#[tokio::test]
async fn a_link_whose_peer_stopped_reading_gives_its_connection_up() {
    let scene = Scene::new(|builder| builder.set_up_time(SOON).max_connections(3)).await;
    let mut first = Raw::link(&scene.address()).await;
    first.open(1, "ab:///echo").await;
    // Their answers are more than HTTP/2's initial window, and it lets no more in.
    let text = EchoRequest {
        text: "x".repeat(10_000),
        ..Default::default()
    };
    let what = writer::what(Kind::Ask, &EchoRequest::full_name(), 1, 1);
    let ask = |correlation| {
        let fields = writer::BodyFields {
            correlation,
            ..Default::default()
        };
        Bytes::from([&what.bytes[..], &writer::body(fields, &text.encode_to_vec())[..]].concat())
    };
    first.run(1, 1, 0, &(1..=16).map(ask).collect::<Vec<_>>()).await;
    eventually("a full window", || {
        let traffic = scene.there.status(&Default::default()).traffic;
        traffic.iter().any(|to| to.peer == "raw" && to.bytes_sent > 64_000)
    })
    .await;
    // It dials again: its first link ends.
    let mut second = Raw::call(&scene.address()).await;
    second
        .head(v1::Frame {
            hello: Some(v1::Hello {
                link_epoch: 1,
                ..hello(1, 1)
            }),
            ..Default::default()
        })
        .await;
    assert!(second.next().await.is_some_and(|said| said.head.welcome.is_some()));
    scene.has_a_place().await;
}

#[tokio::test]
async fn a_flood_of_streams_costs_its_link() {
    let scene = Scene::new(|builder| builder).await;
    let mut raw = Raw::link(&scene.address()).await;
    for first in (1..=66_000_u32).step_by(1_000) {
        let open = |flow| v1::StreamOpen {
            flow,
            stream: u64::from(flow),
            mode: v1::Mode::Flow as i32,
            prefix: writer::who("", "ab:///nobody", "ab://raw/system").bytes,
            first_seq: 1,
            ..Default::default()
        };
        raw.head(v1::Frame {
            open: (first..first + 1_000).map(open).collect(),
            ..Default::default()
        })
        .await;
    }
    scene
        .says(
            "flow 65537 is open already, or over the limit",
            (RefusalReason::BadFrame, 1),
        )
        .await;
    assert_eq!(scene.there.peers(), ["a"]);
}

#[tokio::test]
async fn a_call_with_headers_over_16_kib_is_refused_and_the_link_of_its_connection_stays() {
    let scene = Scene::new(|builder| builder).await;
    let mut raw = Raw::link(&scene.address()).await;
    assert!(raw.call_with_headers(3, 15_500).await, "they are within the limit");
    assert!(!raw.call_with_headers(5, 18_200).await, "they are over the limit");
    raw.open(1, "ab:///echo").await;
    raw.run(1, 1, 0, &[Bytes::new()]).await;
    assert_eq!(raw.outcome(1).await.seq, 1, "the link works");
}

const FLOODING: &str = "more than 200 of its calls were reset within a second";

#[tokio::test]
async fn calls_that_are_opened_and_reset_at_once_cost_their_connection() {
    for method in ["Link", "Ask", "Subscribe", "NoSuchMethod"] {
        let scene = Scene::new(|builder| builder).await;
        let raw = Raw::link(&scene.address()).await;
        assert!(raw.flood(method, None).await, "{method}");
        scene.says(FLOODING, (RefusalReason::TooManyResets, 1)).await;
        eventually("the end of its link", || scene.there.peers() == ["a"]).await;
    }
}

#[tokio::test]
async fn a_flood_of_asks_of_a_client_that_never_reads_costs_its_connection_and_few_run() {
    let scene = Scene::new(|builder| builder).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let large = Large(ran.clone());
    let spawned = scene.there.spawn("large", move || large.clone(), Options::default());
    spawned.expect("spawned");
    let fields = writer::BodyFields::default();
    let what = writer::what(Kind::Ask, &EchoRequest::full_name(), 1, 1);
    let who = writer::who("", "ab:///large", "");
    let envelope = [&who.bytes[..], &what.bytes[..], &writer::body(fields, &[])[..]].concat();
    let message = v1::Raw {
        envelope: envelope.into(),
        ttl_ms: 0,
    };
    let raw = Raw::link(&scene.address()).await;
    assert!(raw.flood("Ask", Some(&message.encode_to_vec())).await);
    scene.says(FLOODING, (RefusalReason::TooManyResets, 1)).await;
    let ran = ran.load(Ordering::Relaxed);
    assert!(
        (1..=16).contains(&ran),
        "{ran} asks have run for one who reads no answer"
    );
}

/// Answers each ask with a mebibyte, and counts them.
#[derive(Clone)]
struct Large(Arc<AtomicUsize>);

impl Actor for Large {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        self.0.fetch_add(1, Ordering::Relaxed);
        cx.reply(&EchoReply {
            data: vec![0; 1 << 20].into(),
            ..Default::default()
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_after_the_handshake_loses_its_link_and_hears_why() {
    let scene = Scene::new(|builder| builder).await;
    let mut silent = Raw::link(&scene.address()).await;
    let says = "the peer answered no ping three times in a row";
    eventually("the end of its link", || scene.there.peers() == ["a"]).await;
    scene.says(says, (RefusalReason::Silent, 1)).await;
    assert_eq!(silent.goodbye().await.detail, says);
}

#[tokio::test]
async fn a_peer_of_another_version_is_refused_and_hears_why() {
    let scene = Scene::new(|builder| builder).await;
    let mut future = Raw::call(&scene.address()).await;
    future
        .head(v1::Frame {
            hello: Some(hello(7, 9)),
            ..Default::default()
        })
        .await;
    let says = "no protocol version in common: raw speaks 7 to 9, b speaks 1 to 1";
    let goodbye = future.goodbye().await;
    assert_eq!(
        (goodbye.code(), &*goodbye.detail),
        (v1::GoodbyeCode::GoodbyeVersion, says)
    );
    scene.says(says, (RefusalReason::Incompatible, 1)).await;
}

#[tokio::test]
async fn a_server_that_answers_with_headers_over_16_kib_is_not_linked() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = format!("tcp://{}", listener.local_addr().expect("bound"));
    let dialler = node("a");
    let reset = tokio::select! {
        reset = Raw::answer_with_headers(&listener, 18_200) => reset,
        () = async { while dialler.dial(&address).await.is_ok() {} ; std::future::pending().await } => false,
    };
    assert!(reset, "the dialler takes such headers");
}

#[tokio::test]
async fn a_peer_that_never_reads_loses_its_link() {
    let scene = Scene::new(|builder| builder).await;
    let mut raw = Raw::link(&scene.address()).await;
    raw.open(1, "ab:///echo").await;
    // Each of them is refused, and the refusals wait for a reader.
    let bad = vec![Bytes::new(); 4_000];
    let mut seq = 1;
    while scene.there.peers().len() > 1 && seq < 4_000_000 {
        raw.run(1, seq, 0, &bad).await;
        seq += 4_000;
    }
    scene
        .says(
            "refusals wait; the peer sends and does not read",
            (RefusalReason::NeverReads, 1),
        )
        .await;
    assert_eq!(scene.there.peers(), ["a"]);
}

#[tokio::test]
async fn a_second_node_of_a_linked_name_is_refused_and_the_first_stays() {
    let scene = Scene::new(|builder| builder).await;
    let says = "node a is linked with b already, and this is another of that name; give each its own name";
    let error = node("a").dial(&scene.address()).await.expect_err("there is one");
    assert!(error.to_string().contains(says), "{error}");
    scene.says(says, (RefusalReason::DuplicateName, 1)).await;
    let mut raw = Raw::call(&scene.address()).await;
    raw.head(v1::Frame {
        hello: Some(v1::Hello {
            node: "a".into(),
            ..hello(1, 1)
        }),
        ..Default::default()
    })
    .await;
    assert!(raw.goodbye().await.detail.contains(says));
    assert_eq!(refusals(&scene.there, RefusalReason::DuplicateName), 2);
    // Who dials two nodes of one name keeps the first, too.
    let (twin, dialler) = (common::listening("tcp://127.0.0.1:0").await, node("c"));
    dialler.dial(&scene.address()).await.expect("linked");
    let error = dialler.dial(&twin.listening()[0]).await.expect_err("there is one");
    assert!(error.to_string().contains("node b is linked with c already"), "{error}");
    assert_eq!(dialler.peers(), ["b"]);
    assert_eq!(refusals(&dialler, RefusalReason::DuplicateName), 1);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_says_nothing_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = format!("tcp://{}", silent.local_addr().expect("bound"));
    let builder = Node::builder("a").runtime(tokio::runtime::Handle::current());
    let dialler = builder.start().expect("it starts");
    let error = dialler.dial(&address).await.expect_err("nobody answers");
    assert!(error.to_string().contains("no answer came within 10 s"), "{error}");
}
