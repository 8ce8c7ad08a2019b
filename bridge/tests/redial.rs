//! Links that are lost and made again, and which of two links of one node counts.

use crate::common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actorbridge::door::LinkEnd;
use actorbridge::proto::Packet;
use actorbridge::proto::v1::{Code, Effect, Frame, Hello, Pong, Welcome};
use actorbridge::remote::Identity;
use actorbridge::{LinkState, Node, Ref};
use common::certs::Folder;
use common::raw::Raw;
use common::test::{Add, Count, GetCount};
use common::{LONG, SECOND, eventually, listening, node, worker};

async fn count(node: &Node, to: &str) -> Result<u64, actorbridge::Error> {
    let to: Ref = to.parse().expect("valid");
    let count: Count = node.ask(&to, &GetCount {}, LONG).await?;
    Ok(count.handled)
}

#[tokio::test]
async fn a_lost_link_is_shown_and_made_again_until_the_user_ends_it() {
    let (a, b) = (node("a"), listening("tcp://127.0.0.1:0").await);
    let address = b.listening()[0].clone();
    let alone = a.tasks();
    a.dial(&address).await.expect("linked");
    let link = a.links()[0].clone();
    assert_eq!((&*link.peer, &link.address, link.state), ("b", &address, LinkState::Up));
    assert_eq!((b.links()[0].peer.as_str(), b.links()[0].address.as_str()), ("a", ""));
    b.shutdown(SECOND).await.expect("everything ends");
    eventually("attempts that fail", || a.links()[0].attempts >= 2).await;
    let link = a.links()[0].clone();
    assert_eq!((link.state, link.redials), (LinkState::Redialling, 0));
    assert!(!link.reason.is_empty(), "{link:?}");
    for to in ["ab://b/counter", "ab:///counter"] {
        let error = count(&a, to).await.expect_err("nobody is there");
        assert_eq!((error.code(), error.effect()), (Code::Unavailable, Effect::None));
        assert!(error.to_string().contains("is being made again"), "{error}");
    }
    let again = listening(&address).await;
    again.spawn("counter", worker, Default::default()).expect("spawned");
    eventually("the new link", || a.links()[0].state == LinkState::Up).await;
    let link = a.links()[0].clone();
    assert_eq!((link.redials, link.attempts, &*link.reason), (1, 0, ""));
    for to in ["ab://b/counter", "ab:///counter"] {
        assert_eq!(count(&a, to).await.expect("it is there again"), 0);
    }
    a.disconnect("b");
    assert_eq!(a.links(), []);
    eventually("the end of the link", || again.peers().is_empty()).await;
    eventually("the end of its tasks", || a.tasks() == alone).await;
    again.shutdown(SECOND).await.expect("everything ends");
    a.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn a_node_that_shuts_down_says_how_long_to_stay_away() {
    let (a, b) = (node("a"), listening("tcp://127.0.0.1:0").await);
    let address = b.listening()[0].clone();
    a.dial(&address).await.expect("linked");
    b.set_reconnect_after(Duration::from_millis(20));
    b.shutdown(SECOND).await.expect("everything ends");
    let b = listening(&address).await;
    eventually("the new link", || a.links()[0].state == LinkState::Up).await;
    b.set_reconnect_after(Duration::from_secs(3_600));
    b.shutdown(SECOND).await.expect("everything ends");
    eventually("the end of the link", || a.links()[0].state == LinkState::Redialling).await;
    assert!(
        a.links()[0].reason.ends_with("it is dialled again after 300 s"),
        "{:?}",
        a.links()
    );
    let b = listening(&address).await;
    a.dial(&address).await.expect("who dials by hand does not wait");
    assert_eq!((a.links()[0].state, a.links()[0].attempts), (LinkState::Up, 0));
    b.shutdown(SECOND).await.expect("everything ends");
    a.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn a_link_that_is_dialled_again_can_be_ended_and_a_link_for_once_stays_lost() {
    let (a, b) = (node("a"), listening("tcp://127.0.0.1:0").await);
    let address = b.listening()[0].clone();
    let alone = a.tasks();
    a.dial(&address).await.expect("linked");
    b.shutdown(SECOND).await.expect("everything ends");
    eventually("an attempt that fails", || {
        a.links().iter().any(|l| l.state == LinkState::Redialling)
    })
    .await;
    a.disconnect("b");
    eventually("the end of its tasks", || a.tasks() == alone).await;
    assert_eq!(a.links(), []);
    let again = listening(&address).await;
    a.dial_once(&address).await.expect("linked");
    assert_eq!((&*a.links()[0].peer, &*a.links()[0].address), ("b", ""));
    again.shutdown(SECOND).await.expect("everything ends");
    eventually("the end of the link", || a.links().is_empty()).await;
    assert_eq!(a.tasks(), alone);
    let error = count(&a, "ab://b/counter").await.expect_err("nobody is there");
    assert!(error.to_string().contains("no link to node b is up"), "{error}");
    a.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn a_second_dial_takes_the_place_of_the_first_for_good() {
    let (a, b) = (node("a"), listening("tcp://127.0.0.1:0").await);
    let address = b.listening()[0].clone();
    let to = b.spawn("counter", worker, Default::default()).expect("spawned");
    a.dial(&address).await.expect("linked");
    let one = a.tasks();
    for n in 1..=10 {
        a.tell(&to, &Add { by: 1, n }).await.expect("credit comes in time");
        a.dial(&address).await.expect("linked");
    }
    eventually("one link", || a.peers() == ["b"] && b.peers() == ["a"]).await;
    eventually("the end of the others", || a.tasks() == one).await;
    assert_eq!((a.links().len(), a.links()[0].redials), (1, 0));
    assert!(count(&a, "ab:///counter").await.is_ok());
    a.shutdown(SECOND).await.expect("everything ends");
    b.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn of_dials_at_once_each_gets_the_link_that_stands() {
    let (a, b) = (node("a"), listening("tcp://127.0.0.1:0").await);
    let address = b.listening()[0].clone();
    for _ in 0..20 {
        let (first, second, third) = tokio::join!(a.dial(&address), a.dial(&address), a.dial_once(&address));
        for peer in [first, second, third] {
            assert_eq!(peer.expect("linked"), "b");
        }
    }
    a.dial(&address).await.expect("linked");
    assert!(
        count(&a, "ab://b/nobody")
            .await
            .is_err_and(|e| e.code() == Code::NoSuchActor)
    );
    let nobody = listener_that_is_gone();
    let error = a.dial(&nobody).await.expect_err("nobody is there").to_string();
    assert_eq!(error.matches("refused").count(), 1, "the cause is said once: {error}");
    actorbridge_test::end([a, b]).await;
}

/// An address where nobody listens any more.
fn listener_that_is_gone() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    format!("tcp://{}", listener.local_addr().expect("bound"))
}

/// Says Hello at the accepting end of a link.
fn greet(end: &Arc<LinkEnd>, incarnation: u64, link_epoch: u64) {
    let hello = Hello {
        node: "a".into(),
        incarnation,
        link_epoch,
        ..common::raw::hello(1, 1)
    };
    let head = Frame {
        number: 1,
        hello: Some(hello),
        ..Default::default()
    };
    end.receive_frame(Packet { head, runs: vec![] }.to_bytes());
}

/// Answers the Hello at the dialling end of a link.
fn welcome(end: &Arc<LinkEnd>) {
    let welcome = Welcome {
        protocol: 1,
        node: "b".into(),
        incarnation: 7,
        ..Default::default()
    };
    let head = Frame {
        number: 1,
        welcome: Some(welcome),
        ..Default::default()
    };
    end.receive_frame(Packet { head, runs: vec![] }.to_bytes());
}

#[tokio::test]
async fn of_two_dials_whose_answers_cross_the_second_counts() {
    let a = node("a");
    let ends = [a.dialler(), a.dialler()];
    welcome(&ends[1]);
    welcome(&ends[0]);
    assert!(!ends[1].is_down(), "{:?}", ends[1].fate());
    let why = ends[0].fate().expect("it comes too late");
    assert!(why.contains("a newer link of the same node is in its place"), "{why}");
    assert_eq!(a.peers(), ["b"]);
    ends.iter().for_each(|end| end.lost("the end of the test"));
    a.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn a_node_has_one_link_of_a_peer_its_newest() {
    let b = node("b");
    let ends = [b.accept(), b.accept(), b.accept(), b.accept()];
    greet(&ends[0], 7, 5);
    assert!(ends[0].peer().is_some());
    greet(&ends[1], 7, 4);
    let why = ends[1].fate().expect("it comes too late");
    assert!(why.contains("has dialled again since"), "{why}");
    ends[2].identify(Identity {
        nodes: vec!["c".into()],
        ..Identity::default()
    });
    greet(&ends[2], 7, 6);
    assert!(
        ends[2].is_down() && !ends[0].is_down(),
        "another's link cannot be ended"
    );
    greet(&ends[3], 7, 6);
    let why = ends[0].fate().expect("its place is taken");
    assert!(why.contains("a newer link of the same node"), "{why}");
    assert_eq!(b.peers(), ["a"]);
    let goodbye = std::iter::from_fn(|| ends[0].take_packet()).find_map(|p| p.head.goodbye);
    assert_eq!(goodbye.expect("the peer is told").last_frame, 1);
    b.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test(start_paused = true)]
async fn another_process_of_a_linked_name_must_wait_for_a_sign_of_life() {
    let b = node("b");
    let ends = [b.accept(), b.accept(), b.accept()];
    greet(&ends[0], 7, 1);
    while ends[0].take_packet().is_some() {}
    greet(&ends[1], 8, 1);
    eventually("the question", || ends[0].has_packet()).await;
    let ping = ends[0].take_packet().and_then(|p| p.head.ping).expect("a ping");
    let head = Frame {
        number: 2,
        pong: Some(Pong {
            token: ping.token,
            delay_ms: 0,
        }),
        ..Default::default()
    };
    ends[0].receive_frame(Packet { head, runs: vec![] }.to_bytes());
    eventually("the refusal", || ends[1].is_down()).await;
    assert!(!ends[0].is_down(), "the first is alive");
    tokio::time::advance(SECOND).await;
    greet(&ends[2], 9, 1);
    eventually("the question", || ends[0].has_packet()).await;
    // What was under way when the first died is no sign of life: frames, and the answer to an earlier ping.
    for (number, token) in [(3, None), (4, Some(ping.token))] {
        let head = Frame {
            number,
            pong: token.map(|token| Pong { token, delay_ms: 0 }),
            ..Default::default()
        };
        ends[0].receive_frame(Packet { head, runs: vec![] }.to_bytes());
    }
    eventually("the end of the first, which is silent", || ends[0].is_down()).await;
    eventually("the new one", || ends[2].peer().is_some()).await;
    assert_eq!(b.peers(), ["a"]);
    b.shutdown(SECOND).await.expect("everything ends");
}

/// A door that cannot wait brings them all.
#[tokio::test]
async fn hellos_behind_one_that_waits_for_another_links_sign_of_life_cost_their_link() {
    let b = node("b");
    let ends = [b.accept(), b.accept()];
    greet(&ends[0], 7, 1);
    greet(&ends[1], 8, 1);
    let tasks = b.tasks();
    (0..100).for_each(|_| greet(&ends[1], 8, 1));
    assert_eq!(b.tasks(), tasks, "each is held by a task");
    let why = ends[1].fate().expect("it is over");
    assert!(why.contains("a second Hello came on the same link"), "{why}");
    assert_eq!(b.peers(), ["a"]);
    b.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn what_comes_behind_a_hello_waits_with_it_for_another_links_sign_of_life() {
    let b = listening("tcp://127.0.0.1:0").await;
    b.spawn("counter", worker, Default::default()).expect("spawned");
    let mut first = Raw::link(&b.listening()[0]).await;
    let mut second = Raw::call(&b.listening()[0]).await;
    let hello = Hello {
        incarnation: 8,
        ..common::raw::hello(1, 1)
    };
    second
        .head(Frame {
            hello: Some(hello),
            ..Default::default()
        })
        .await;
    second.open(1, "ab:///counter").await;
    second.run(1, 1, 0, &[Default::default()]).await;
    first.until("the question", |p| p.head.ping).await;
    drop(first);
    assert_eq!(
        second.outcome(1).await.seq,
        1,
        "it has come, and is nothing that an actor reads"
    );
    drop(second);
    b.shutdown(SECOND).await.expect("everything ends");
}

/// A node that listens at a socket.
async fn at_socket(name: &str, socket: &Path) -> Node {
    let builder = actorbridge_test::builder(name).listen(&format!("unix://{}", socket.display()));
    let started = tokio::task::spawn_blocking(|| builder.start()).await;
    started.expect("no panic").expect("it listens")
}

/// As behind a load balancer.
#[tokio::test]
async fn a_link_that_comes_back_to_another_node_is_that_nodes_and_takes_the_place_of_its_other() {
    let folder = Folder::new();
    let [door, of_b, of_c] = ["door", "b", "c"].map(|name| folder.path(name));
    let (a, b, c) = (node("a"), at_socket("b", &of_b).await, at_socket("c", &of_c).await);
    std::os::unix::fs::symlink(&of_b, &door).expect("made");
    let address = format!("unix://{}", door.display());
    let alone = a.tasks();
    assert_eq!(a.dial(&address).await.expect("linked"), "b");
    let one = a.tasks();
    a.dial(&format!("unix://{}", of_c.display())).await.expect("linked");
    std::fs::remove_file(&door).expect("it is there");
    std::os::unix::fs::symlink(&of_c, &door).expect("made");
    b.shutdown(SECOND).await.expect("everything ends");
    let is_one_to_c = |a: &Node, redials| match &a.links()[..] {
        [link] => (&*link.peer, &link.address, link.state, link.redials) == ("c", &address, LinkState::Up, redials),
        _ => false,
    };
    eventually("one link", || is_one_to_c(&a, 1)).await;
    eventually("the end of the other", || a.tasks() == one && a.peers() == ["c"]).await;
    a.disconnect("b");
    c.shutdown(SECOND).await.expect("everything ends");
    let c = at_socket("c", &of_c).await;
    eventually("the link again", || is_one_to_c(&a, 2)).await;
    a.disconnect("c");
    assert_eq!(a.links(), []);
    eventually("the end of its tasks", || a.tasks() == alone).await;
    actorbridge_test::end([a, c]).await;
}

#[tokio::test]
async fn an_answer_to_an_ask_of_a_node_that_is_gone_reaches_no_ask_of_its_successor() {
    let b = node("b");
    let mut holder = actorbridge_test::Probe::at(&b, "holder");
    let to = holder.address().clone();
    let asking = |a: &Node| {
        let (a, to) = (a.clone(), to.clone());
        tokio::spawn(async move { a.ask::<Count, _>(&to, &GetCount {}, LONG).await })
    };
    let first = node("a");
    first.join(&b).await.expect("linked");
    let (asked_first, successor) = (asking(&first), node("a"));
    let (_, late) = holder.expect_ask::<GetCount>().await;
    first.shutdown(SECOND).await.expect("everything ends");
    asked_first.await.expect("no panic").expect_err("its node is gone");
    successor.join(&b).await.expect("linked");
    let asked = asking(&successor);
    let (_, in_time) = holder.expect_ask::<GetCount>().await;
    for (responder, handled) in [(late, 1), (in_time, 2)] {
        let answer = Count {
            handled,
            ..Default::default()
        };
        responder.reply(&answer).expect("it leaves");
    }
    let answer = asked.await.expect("no panic").expect("answered");
    assert_eq!(answer.handled, 2, "the late answer came to another ask");
    actorbridge_test::end([successor, b]).await;
}
