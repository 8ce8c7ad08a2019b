//! Two nodes, joined by each door that Rust nodes have between them.

use crate::common;

use std::path::Path;
use std::sync::atomic::Ordering;

use actorbridge::proto::v1::{Code, Effect, FindReply, FindRequest, ListReply, ListRequest, SpawnReply, SpawnRequest};
use actorbridge::{Node, Options, Ref};
use actorbridge_test::end;
use common::certs::Folder;
use common::journal::Witness;
use common::raw::Raw;
use common::test::{Add, Count, EchoReply, EchoRequest, GetCount, Hold, PanicNow};
use common::{LONG, SECOND, digest, eventually, listening, node, pair, worker};
use tokio::net::{UnixSocket, UnixStream};

async fn behaves(a: Node, b: Node) {
    let to = b
        .spawn(
            "counter",
            worker,
            Options {
                mailbox: 32,
                ..Options::default()
            },
        )
        .expect("spawned");
    let logical: Ref = "ab:///counter".parse().expect("valid");
    assert_eq!(to, logical);
    for n in 1..=2000 {
        a.tell(&logical, &Add { by: 1, n }).await.expect("credit comes in time");
    }
    let count: Count = a.ask(&logical, &GetCount {}, LONG).await.expect("answered");
    assert_eq!((count.handled, count.digest), (2000, digest(2000)));
    let panicked = a
        .ask::<EchoReply, _>(&logical, &PanicNow { text: "boom".into() }, LONG)
        .await;
    let error = panicked.expect_err("it panics");
    assert_eq!((error.code(), error.effect()), (Code::Panicked, Effect::Maybe));
    let text = EchoRequest {
        text: "hi".into(),
        ..Default::default()
    };
    let pinned: Ref = "ab://b/counter".parse().expect("valid");
    let echo: EchoReply = a.ask(&pinned, &text, LONG).await.expect("alive");
    assert_eq!(echo.text, "hi");
    let nobody: Ref = "ab:///nobody".parse().expect("valid");
    assert_eq!(
        a.tell(&nobody, &text).await.expect_err("nobody").code(),
        Code::NoSuchActor
    );
    let system: Ref = "ab://b/system".parse().expect("valid");
    let spawn = SpawnRequest {
        path: "order/42".into(),
        ..Default::default()
    };
    let spawned: SpawnReply = a.ask(&system, &spawn, LONG).await.expect("spawned");
    assert_eq!(spawned.actor, "ab:///order/42");
    assert_eq!(
        a.ask::<SpawnReply, _>(&system, &spawn, LONG)
            .await
            .expect_err("twice")
            .code(),
        Code::AlreadyExists
    );
    let list: ListReply = a.ask(&system, &ListRequest::default(), LONG).await.expect("listed");
    assert_eq!(
        list.actors.iter().map(|a| a.path.as_str()).collect::<Vec<_>>(),
        ["counter", "order/42"]
    );
    let found: FindReply = a
        .ask(&system, &FindRequest { path: "counter".into() }, LONG)
        .await
        .expect("found");
    assert_eq!(found.owner, "b");
    let watched = tokio::spawn({
        let (a, to) = (a.clone(), logical.clone());
        async move { a.watch(&to).await }
    });
    eventually("the watch", || a.actors() == 0 && !b.peers().is_empty()).await;
    let held = tokio::spawn({
        let (a, to) = (a.clone(), logical.clone());
        async move { a.ask::<EchoReply, _>(&to, &Hold::default(), LONG).await }
    });
    let order: Ref = "ab:///order/42".parse().expect("valid");
    let _: EchoReply = a
        .ask(&order, &text, LONG)
        .await
        .expect("a slow actor stalls no neighbour");
    b.shutdown(SECOND / 10).await.expect("everything ends");
    let error = held.await.expect("no panic");
    assert!(error.is_err(), "the held ask is answered: {error:?}");
    let end = watched.await.expect("no panic").expect("told");
    assert!([Code::Stopped, Code::Unavailable].contains(&end.code()), "{end:?}");
    eventually("the end of the link", || a.peers().is_empty()).await;
    assert!(a.ask::<Count, _>(&logical, &GetCount {}, SECOND).await.is_err());
    a.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn nodes_behave_alike_over_the_in_memory_door() {
    let (a, b) = pair().await;
    behaves(a, b).await;
}

#[tokio::test]
async fn nodes_behave_alike_over_tcp() {
    let (a, b) = (node("a"), listening("tcp://127.0.0.1:0").await);
    assert_eq!(a.dial(&b.listening()[0]).await.expect("linked"), "b");
    behaves(a, b).await;
}

#[tokio::test]
async fn nodes_behave_alike_over_a_unix_socket() {
    let socket = std::env::temp_dir().join(format!("ab-links-{}.sock", std::process::id()));
    let address = format!("unix://{}", socket.display());
    let (a, b) = (node("a"), listening(&address).await);
    assert_eq!(a.dial(&address).await.expect("linked"), "b");
    behaves(a, b).await;
    assert!(!socket.exists(), "the socket's file is removed");
}

/// Why a node cannot listen at a path.
async fn refuses_to_listen(path: &Path) -> String {
    let builder = Node::builder("late").runtime(tokio::runtime::Handle::current());
    let builder = builder.listen(&format!("unix://{}", path.display()));
    let started = tokio::task::spawn_blocking(|| builder.start()).await.expect("no panic");
    started.err().expect("something is in the way").to_string()
}

#[tokio::test]
async fn what_is_no_socket_is_not_removed() {
    let folder = Folder::new();
    let (file, link) = (folder.path("file"), folder.path("link"));
    std::fs::write(&file, "dear to somebody").expect("written");
    std::os::unix::fs::symlink(&file, &link).expect("made");
    for path in [&file, &link] {
        let error = refuses_to_listen(path).await;
        assert!(error.contains("what is there is no socket: move it away"), "{error}");
        assert_eq!(std::fs::read(path).expect("it is there"), b"dear to somebody");
    }
    assert!(link.is_symlink());
}

#[tokio::test]
async fn a_socket_whose_listener_is_there_is_not_removed_and_one_without_any_is_replaced() {
    let folder = Folder::new();
    let path = folder.path("b.sock");
    let socket = UnixSocket::new_stream().expect("made");
    socket.bind(&path).expect("bound");
    let listener = socket.listen(1).expect("it listens");
    let error = refuses_to_listen(&path).await;
    assert!(error.contains("somebody listens there: end that first"), "{error}");
    let mut waiting = Vec::new();
    // Until as many wait as may.
    while let Ok(connected) = UnixStream::connect(&path).await {
        waiting.push(connected);
    }
    let error = refuses_to_listen(&path).await;
    assert!(
        error.contains("whether somebody listens there cannot be told"),
        "{error}"
    );
    assert!(path.exists(), "it is there");
    drop(listener);
    let b = listening(&format!("unix://{}", path.display())).await;
    b.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn a_node_that_shuts_down_slowly_leaves_the_socket_of_its_successor_alone() {
    let (folder, witness) = (Folder::new(), Witness::default());
    let path = folder.path("b.sock");
    let address = format!("unix://{}", path.display());
    let (a, b) = (node("a"), listening(&address).await);
    a.dial_once(&address).await.expect("linked");
    let slow = b.spawn("slow", witness.journals("b"), Options::default());
    b.tell(&slow.expect("spawned"), &Hold::default()).await.expect("told");
    eventually("the handler", || witness.holds.load(Ordering::SeqCst)).await;
    let ending = tokio::spawn(async move { b.shutdown(LONG).await });
    let is_heard = || std::os::unix::net::UnixStream::connect(&path).is_ok();
    eventually("the end of listening", || !is_heard()).await;
    let successor = listening(&address).await;
    witness.gate.add_permits(1);
    ending.await.expect("no panic").expect("everything ends");
    eventually("the end of the link", || a.peers().is_empty()).await;
    assert_eq!(a.dial(&address).await.expect("the successor listens"), "b");
    end([a, successor]).await;
    assert!(!path.exists(), "the socket's file is removed");
}

#[tokio::test]
async fn two_nodes_of_one_name_are_refused_with_advice() {
    let (a, b) = (node("same"), node("same"));
    let error = a.join(&b).await.expect_err("refused");
    assert!(error.to_string().contains("give each its own name"), "{error}");
    a.shutdown(SECOND).await.expect("everything ends");
    b.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_has_the_welcome_is_known_by_name() {
    let there = listening("tcp://127.0.0.1:0").await;
    for _ in 0..100 {
        let raw = Raw::link(&there.listening()[0]).await;
        assert_eq!(there.peers(), ["raw"]);
        drop(raw);
        eventually("the end of the link", || there.peers().is_empty()).await;
    }
    there.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn an_address_that_is_none_is_an_invalid_argument_that_names_it_once() {
    let a = node("a");
    for address in [
        "http://127.0.0.1:1",
        "tcp://127.0.0.1:port",
        "tcp://10.0.0.1:1",
        "unix://here",
    ] {
        let error = a.dial(address).await.expect_err("no address");
        let named = error.to_string().matches(address).count();
        assert_eq!((error.code(), named), (Code::InvalidArgument, 1), "{error}");
    }
    let error = a.dial("tcp://127.0.0.1:1").await.expect_err("nobody listens there");
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    a.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn what_is_sent_to_a_spawned_actor_comes_to_it_also_if_another_node_had_the_path_before() {
    let (a, b) = pair().await;
    let there = b.spawn("counter", worker, Options::default()).expect("spawned");
    a.tell(&there, &Add { by: 1, n: 1 }).await.expect("sent");
    let here = a
        .spawn("counter", worker, Options::default())
        .expect("spawned here too");
    a.tell(&here, &Add { by: 5, n: 1 }).await.expect("sent");
    let count: Count = a.ask(&here, &GetCount {}, LONG).await.expect("answered");
    assert_eq!(count.total, 5);
    let count: Count = b.ask(&there, &GetCount {}, LONG).await.expect("answered");
    assert_eq!(count.total, 1);
    let (lines, _) = a.logs(100);
    let warned = |line: &actorbridge::LogLine| line.message.contains("node b was known to host");
    assert!(lines.iter().any(warned), "{lines:?}");
    a.shutdown(SECOND).await.expect("everything ends");
    b.shutdown(SECOND).await.expect("everything ends");
}

/// 0.0.0.0 is every address of the machine.
#[tokio::test]
async fn tcp_without_tls_beyond_loopback_needs_the_option_which_the_refusal_names() {
    let everywhere = |builder: actorbridge::Builder| {
        let builder = builder.runtime(tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(|| builder.listen("tcp://0.0.0.0:0").start())
    };
    let refused = everywhere(Node::builder("b")).await.expect("no panic");
    let why = refused.err().expect("it is refused").to_string();
    assert!(why.contains("set plain_tcp_beyond_loopback"), "{why}");
    let open = everywhere(Node::builder("b").plain_tcp_beyond_loopback()).await;
    let b = open.expect("no panic").expect("it listens");
    let address = &b.listening()[0];
    let a = node("a");
    let error = a.dial(address).await.expect_err("it is refused");
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    assert!(error.to_string().contains("set plain_tcp_beyond_loopback"), "{error}");
    let builder = Node::builder("c").runtime(tokio::runtime::Handle::current());
    let c = builder.plain_tcp_beyond_loopback().start().expect("it starts");
    assert_eq!(c.dial(address).await.expect("linked"), "b");
    actorbridge_test::end([a, c, b]).await;
}
