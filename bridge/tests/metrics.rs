//! What a node says of itself, as a status and as metrics.

use actorbridge::metrics::FAMILIES;
use actorbridge::prometheus::{self, Options};
use actorbridge::proto::v1::{Code, NodeStatus, StatusRequest, Traffic};
use actorbridge::{Node, Options as Spawn, Ref};
use common::test::{Add, EchoReply, EchoRequest, FailNow, Hold};
use common::{LONG, SECOND, eventually, listening, node, worker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common;

fn local(port: u16) -> Options {
    Options {
        address: format!("127.0.0.1:{port}"),
        beyond_loopback: false,
    }
}

/// What an HTTP client gets.
async fn get(at: std::net::SocketAddr, path: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(at).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("text");
    answer
}

fn status(node: &Node) -> NodeStatus {
    node.status(&StatusRequest::default())
}

fn with(node: &Node, peer: &str) -> Traffic {
    let all = status(node).traffic.into_iter();
    all.into_iter().find(|t| t.peer == peer).expect("the peer is known")
}

async fn linked() -> (Node, Node, Ref) {
    let (a, b) = (node("a"), listening("tcp://127.0.0.1:0").await);
    let echo = b.spawn("echo", worker, Spawn::default()).expect("spawned");
    a.dial(&b.listening()[0]).await.expect("linked");
    (a, b, echo)
}

#[tokio::test]
async fn a_scrape_has_every_metric_and_the_memory_of_the_process() {
    let (a, b, echo) = linked().await;
    let at = prometheus::listen(&b, &local(0)).await.expect("it listens");
    let _: EchoReply = a.ask(&echo, &EchoRequest::default(), LONG).await.expect("answered");
    let text = get(at, "/metrics").await;
    assert!(text.contains("content-type: text/plain; version=0.0.4"), "{text}");
    for family in FAMILIES {
        assert!(text.contains(&format!("# TYPE {} ", family.name)), "{}", family.name);
    }
    for says in [
        "actorbridge_mailbox_messages{system=\"b\",actor=\"echo\",dispatcher=\"pool\"} 0",
        "actorbridge_links{system=\"b\"} 1",
        "actorbridge_refusals_total{system=\"b\",reason=\"unknown_ca\"} 0",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.contains(says), "{says} is not in {text}");
    }
    assert!(get(at, "/").await.starts_with("HTTP/1.1 404"));
    b.shutdown(SECOND).await.expect("everything ends");
    assert!(tokio::net::TcpStream::connect(at).await.is_err(), "it listens no more");
}

#[tokio::test]
async fn the_heap_is_what_the_program_says_of_it() {
    let builder = Node::builder("a").heap_bytes(|| 77);
    let started = tokio::task::spawn_blocking(|| builder.start()).await;
    let node = started.expect("no panic").expect("it starts");
    let at = prometheus::listen(&node, &local(0)).await.expect("it listens");
    let text = get(at, "/metrics").await;
    assert!(text.contains("actorbridge_rust_heap_bytes{system=\"a\"} 77"), "{text}");
    node.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn metrics_are_for_this_machine_unless_told_otherwise() {
    let node = node("a");
    let at = |address: &str, beyond_loopback| Options {
        address: address.into(),
        beyond_loopback,
    };
    let error = prometheus::listen(&node, &at("0.0.0.0:0", false))
        .await
        .expect_err("no");
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    assert!(error.to_string().contains("no metrics are to be had there"), "{error}");
    prometheus::listen(&node, &at("0.0.0.0:0", true)).await.expect("told");
    let first = prometheus::listen(&node, &local(0)).await.expect("told");
    let error = prometheus::listen(&node, &local(first.port()))
        .await
        .expect_err("taken");
    assert_eq!(error.code(), Code::Unavailable, "{error}");
}

#[tokio::test]
async fn both_ends_of_a_link_count_the_same_frames_and_bytes() {
    let (a, b, echo) = linked().await;
    let _: EchoReply = a.ask(&echo, &EchoRequest::default(), LONG).await.expect("answered");
    eventually("what has left has come", || {
        let (to, from) = (with(&a, "b"), with(&b, "a"));
        to.frames_sent > 0
            && (to.frames_sent, to.bytes_sent) == (from.frames_received, from.bytes_received)
            && from.frames_sent > 0
            && from.bytes_sent > from.frames_sent
    })
    .await;
    a.disconnect("b");
    eventually("the end of the link", || a.peers().is_empty() && b.peers().is_empty()).await;
    a.dial(&b.listening()[0]).await.expect("linked again");
    assert_eq!((with(&a, "b").reconnects, with(&b, "a").reconnects), (1, 1));
    assert!(with(&a, "b").bytes_sent > 0, "a link's end is no end of its counters");
}

#[tokio::test]
async fn asks_are_counted_by_how_they_ended_and_told_while_they_wait() {
    let (a, _b, echo) = linked().await;
    let counted = |code: Code| {
        let asks = status(&a).asks;
        asks.iter().find(|c| c.code() == code).map_or(0, |c| c.count)
    };
    let before = counted(Code::Ok);
    let _: EchoReply = a.ask(&echo, &EchoRequest::default(), LONG).await.expect("answered");
    assert!(counted(Code::Ok) > before);
    a.ask::<EchoReply, _>(&echo, &FailNow::default(), LONG)
        .await
        .expect_err("it fails");
    assert_eq!(counted(Code::HandlerError), 1);
    let waiting = tokio::spawn({
        let (a, echo) = (a.clone(), echo.clone());
        async move { a.ask::<EchoReply, _>(&echo, &Hold::default(), LONG).await }
    });
    eventually("the ask is told", || {
        let now = status(&a);
        let told = now.oldest_asks.first();
        now.asks_waiting == 1 && told.is_some_and(|ask| ask.target == echo.as_str() && ask.peer == "b")
    })
    .await;
    waiting.abort();
    eventually("the ask is over", || counted(Code::Cancelled) == 1).await;
    assert_eq!(status(&a).asks_waiting, 0);
}

#[tokio::test]
async fn a_sender_without_credit_is_counted_once_and_its_mailbox_is_the_fullest() {
    let (a, b, echo) = linked().await;
    let small = Spawn {
        mailbox: 4,
        ..Spawn::default()
    };
    let slow = b.spawn("slow", worker, small).expect("spawned");
    a.tell(&slow, &Hold::default()).await.expect("sent");
    while a.try_tell(&slow, Add::default()).is_ok() {
        tokio::task::yield_now().await;
    }
    a.try_tell(&slow, Add::default()).expect_err("still none");
    assert_eq!(with(&a, "b").credit_stalls, 1, "twice without credit is one stall");
    assert_eq!(status(&a).links[0].stalled, 1);
    let there: NodeStatus = a
        .ask(
            &"ab://b/system".parse().expect("an address"),
            &StatusRequest::default(),
            LONG,
        )
        .await
        .expect("/system answers");
    let fullest: Vec<_> = there.fullest.iter().map(|actor| actor.path.as_str()).collect();
    assert_eq!((fullest, there.actors), (vec!["slow", echo.path()], 2));
    let one = StatusRequest {
        most_actors: 1,
        prefix: "e".into(),
    };
    let only = b.status(&one);
    assert_eq!((only.fullest.len(), only.others_depth), (1, 0));
    let rest = b.status(&StatusRequest {
        most_actors: 1,
        ..Default::default()
    });
    assert_eq!((rest.fullest[0].path.as_str(), rest.others_depth), ("slow", 0));
}
