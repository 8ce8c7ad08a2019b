//! Asks that are answered by events: between actors of one node, over links, and for clients that are no nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actorbridge::proto::v1::{Code, Envelope, Kind, Raw};
use actorbridge::{Actor, Cx, Fault, Message, Node, Ref, Subscription};
use common::test::{Add, Count, EchoReply, EchoRequest, GetCount, Hold};
use common::{LONG, SECOND, eventually, pair, worker};
use http::uri::PathAndQuery;
use prost::{Message as _, Name};
use tonic::transport::Endpoint;

use crate::common;

/// What the actors of a test have done.
#[derive(Default)]
struct Seen {
    sent: AtomicU64,
    cancelled: AtomicU64,
}

/// Sends as many events as a message says, and replies with their number. For a Hold it goes on in a task until its asker has gone.
struct Ticker(Arc<Seen>);

impl Actor for Ticker {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let seen = self.0.clone();
        if message.is::<Add>() {
            let many = message.decode::<Add>()?.n;
            for n in 1..=many {
                cx.emit(&Add { n, by: 0 }).await.inspect_err(|fault| {
                    assert_eq!(fault.code(), Code::Cancelled);
                    seen.cancelled.fetch_add(1, Ordering::SeqCst);
                })?;
                seen.sent.fetch_add(1, Ordering::SeqCst);
            }
            let handled = many;
            return cx.reply(&Count {
                handled,
                ..Default::default()
            });
        }
        let responder = cx.take_responder()?;
        if message.is::<GetCount>() {
            return responder.emit(&Add::default()).await; // and lets go of it
        }
        tokio::spawn(async move {
            let _ = responder.emit(&Add::default()).await;
            responder.cancelled().await;
            seen.cancelled.fetch_add(1, Ordering::SeqCst);
        });
        Ok(())
    }
}

/// A node with a ticker at `b`, and its asker; the same node, or two with a link.
async fn nodes(two: bool) -> (Node, Node, Ref, Arc<Seen>) {
    let (a, b) = pair().await;
    let seen = Arc::new(Seen::default());
    let ticking = seen.clone();
    let at = b
        .spawn("ticker", move || Ticker(ticking.clone()), Default::default())
        .expect("spawned");
    let asker = if two { a.clone() } else { b.clone() };
    let to = if two {
        "ab:///ticker".parse().expect("an address")
    } else {
        at
    };
    b.spawn("echo", worker, Default::default()).expect("spawned");
    // The asker's node keeps the other one alive.
    (asker, if two { b } else { a }, to, seen)
}

async fn end(nodes: [Node; 2]) {
    for node in nodes {
        node.shutdown(SECOND).await.expect("everything ends");
    }
}

async fn numbers(subscription: &mut Subscription, many: u64) -> Vec<u64> {
    let mut all = Vec::new();
    for _ in 0..many {
        let event = subscription.next().await.expect("goes on").expect("an event");
        assert_eq!(event.kind(), Some(Kind::Event));
        all.push(event.decode::<Add>().expect("an Add").n);
    }
    all
}

#[tokio::test]
async fn events_come_in_order_and_then_the_reply() {
    for two in [false, true] {
        let (a, b, to, _) = nodes(two).await;
        let mut events = a.subscribe(&to, &Add { n: 200, by: 0 }, LONG).await.expect("asked");
        assert_eq!(numbers(&mut events, 200).await, (1..=200).collect::<Vec<_>>());
        assert!(events.reply().is_none(), "before the end");
        assert!(events.next().await.expect("it ends well").is_none());
        let reply: Count = events.reply().expect("a reply").decode().expect("a Count");
        assert_eq!(reply.handled, 200);
        assert!(events.next().await.expect("and stays so").is_none());
        drop(events);
        assert_eq!(a.status(&Default::default()).asks_waiting, 0);
        end([a, b]).await;
    }
}

#[tokio::test]
async fn an_actor_waits_while_its_asker_takes_nothing() {
    for two in [false, true] {
        let (a, b, to, seen) = nodes(two).await;
        let mut events = a.subscribe(&to, &Add { n: 100, by: 0 }, LONG).await.expect("asked");
        for taken in [0, 16, 48] {
            let sent = || seen.sent.load(Ordering::SeqCst);
            eventually("as many as there is room for", || sent() == taken + 32).await;
            let echo = "ab:///echo".parse().expect("an address");
            for _ in 0..10 {
                let _: EchoReply = a.ask(&echo, &EchoRequest::default(), LONG).await.expect("answered");
            }
            assert_eq!(sent(), taken + 32, "and not one more");
            numbers(&mut events, if taken == 48 { 52 } else { taken + 16 }).await;
        }
        assert!(events.next().await.expect("it ends well").is_none());
        end([a, b]).await;
    }
}

#[tokio::test]
async fn an_actor_is_told_that_its_asker_has_gone() {
    for two in [false, true] {
        let (a, b, to, seen) = nodes(two).await;
        let mut events = a
            .subscribe(&to, &Add { n: 1_000, by: 0 }, Duration::MAX)
            .await
            .expect("asked");
        numbers(&mut events, 1).await;
        drop(events);
        eventually("the handler's end", || seen.cancelled.load(Ordering::SeqCst) == 1).await;
        let mut events = a.subscribe(&to, &Hold::default(), LONG).await.expect("asked");
        events.next().await.expect("goes on").expect("an event");
        drop(events);
        eventually("the task's end", || seen.cancelled.load(Ordering::SeqCst) == 2).await;
        end([a, b]).await;
    }
}

#[tokio::test]
async fn who_only_asks_has_the_reply_alone() {
    for two in [false, true] {
        let (a, b, to, _) = nodes(two).await;
        let reply: Count = a.ask(&to, &Add { n: 100, by: 0 }, LONG).await.expect("answered");
        assert_eq!(reply.handled, 100);
        end([a, b]).await;
    }
}

#[tokio::test]
async fn an_actor_that_lets_go_of_its_asker_ends_the_events() {
    for two in [false, true] {
        let (a, b, to, _) = nodes(two).await;
        let mut events = a.subscribe(&to, &GetCount {}, Duration::MAX).await.expect("asked");
        events.next().await.expect("goes on").expect("an event");
        let error = events.next().await.expect_err("no reply");
        assert_eq!(error.code(), Code::OutcomeUnknown);
        assert!(error.detail().contains("let go"), "{error}");
        end([a, b]).await;
    }
}

#[tokio::test]
async fn a_lost_link_ends_the_events_at_both_ends() {
    let (a, b, to, seen) = nodes(true).await;
    let mut events = a.subscribe(&to, &Hold::default(), Duration::MAX).await.expect("asked");
    events.next().await.expect("goes on").expect("an event");
    a.disconnect("b");
    assert_eq!(events.next().await.expect_err("no more").code(), Code::OutcomeUnknown);
    eventually("the actor to know", || seen.cancelled.load(Ordering::SeqCst) == 1).await;
    end([a, b]).await;
}

#[tokio::test]
async fn events_end_with_their_time_and_where_nobody_is_there_is_none() {
    let (a, b, to, seen) = nodes(true).await;
    let mut events = a
        .subscribe(&to, &Hold::default(), Duration::from_millis(50))
        .await
        .expect("asked");
    events.next().await.expect("goes on").expect("an event");
    assert_eq!(
        events.next().await.expect_err("it is over").code(),
        Code::OutcomeUnknown
    );
    drop(events);
    eventually("the actor to know", || seen.cancelled.load(Ordering::SeqCst) == 1).await;
    let nobody = "ab:///nobody".parse().expect("an address");
    let refused = a
        .subscribe(&nobody, &Hold::default(), LONG)
        .await
        .err()
        .expect("nobody there");
    assert_eq!(refused.code(), Code::NoSuchActor);
    end([a, b]).await;
}

/// A ticker on a node that listens, and a call of a client.
async fn call(many: u64) -> (Node, Arc<Seen>, Result<tonic::Streaming<Raw>, tonic::Status>) {
    let b = common::listening("tcp://127.0.0.1:0").await;
    let seen = Arc::new(Seen::default());
    let ticking = seen.clone();
    b.spawn("ticker", move || Ticker(ticking.clone()), Default::default())
        .expect("spawned");
    let uri = b.listening()[0].replace("tcp", "http");
    let channel = Endpoint::from_shared(uri)
        .expect("a URI")
        .connect()
        .await
        .expect("it listens");
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.expect("connected");
    let envelope = Envelope {
        kind: Kind::Ask as i32,
        target: "ab:///ticker".into(),
        r#type: Add::full_name(),
        payload: Add { n: many, by: 0 }.encode_to_vec().into(),
        ..Default::default()
    };
    let raw = Raw {
        envelope: envelope.encode_to_vec().into(),
        ttl_ms: 0,
    };
    let path = PathAndQuery::from_static("/actorbridge.v1.Bridge/Subscribe");
    let codec = tonic_prost::ProstCodec::<Raw, Raw>::default();
    let answer = grpc.server_streaming(tonic::Request::new(raw), path, codec).await;
    (b, seen, answer.map(tonic::Response::into_inner))
}

#[tokio::test]
async fn a_client_that_is_no_node_subscribes_by_one_call() {
    let (node, _, called) = call(100).await;
    let mut events = called.expect("taken");
    for n in 1..=101 {
        let raw = events.message().await.expect("goes on").expect("an envelope");
        let envelope = Envelope::decode(&raw.envelope[..]).expect("an envelope");
        if n == 101 {
            let reply = Count::decode(&envelope.payload[..]).expect("a Count");
            assert_eq!((envelope.kind(), reply.handled), (Kind::Reply, 100));
        } else {
            let event = Add::decode(&envelope.payload[..]).expect("an Add");
            assert_eq!(
                (envelope.kind(), envelope.r#type, event.n),
                (Kind::Event, Add::full_name(), n)
            );
        }
    }
    assert!(events.message().await.expect("it ends well").is_none());
    drop(events);
    node.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn a_client_that_ends_its_call_ends_the_events() {
    let (node, seen, called) = call(u64::MAX).await;
    let mut events = called.expect("taken");
    events.message().await.expect("goes on").expect("an envelope");
    drop(events);
    eventually("the handler's end", || seen.cancelled.load(Ordering::SeqCst) == 1).await;
    assert_eq!(node.status(&Default::default()).asks_waiting, 0);
    node.shutdown(SECOND).await.expect("everything ends");
}
