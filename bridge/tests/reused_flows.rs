//! A sender gives a flow's number to another stream as soon as the old one is closed. What the old one sent may still be held then, and
//! nothing that becomes of it may be said of the new one.

use std::sync::{Arc, Mutex};

use crate::common;

use actorbridge::proto::v1::{self, Code, Kind, StreamOpen};
use actorbridge::proto::writer::{self, BodyFields};
use actorbridge::{Actor, Cx, Fault, Message, Node, Options};
use bytes::Bytes;
use common::raw::Raw;
use common::test::Add;
use common::{SECOND, eventually, listening, worker};
use prost::Message as _;
use tokio::sync::Semaphore;

/// Handles nothing until it is let go, notes what came, and fails numbers from `fails_from` on.
#[derive(Clone)]
struct Slow {
    gate: Arc<Semaphore>,
    came: Arc<Mutex<Vec<u64>>>,
    fails_from: u64,
}

impl Actor for Slow {
    async fn receive(&mut self, _cx: &Cx, message: &Message) -> Result<(), Fault> {
        let _open = self.gate.acquire().await;
        let n = message.decode::<Add>()?.n;
        self.came.lock().expect("no panic").push(n);
        match n >= self.fails_from {
            true => Err(Fault::app("WRONG").message("it fails what it was told")),
            false => Ok(()),
        }
    }
}

/// A node with such an actor, and a peer that has told it ten numbers on flow 2 and opened that anew, to `target`.
async fn standstill(fails_from: u64, target: &str) -> (Node, Slow, Raw) {
    let slow = Slow {
        gate: Arc::new(Semaphore::new(0)),
        came: Arc::default(),
        fails_from,
    };
    let node = listening("tcp://127.0.0.1:0").await;
    let make = slow.clone();
    node.spawn("slow", move || make.clone(), Options::default())
        .expect("spawned");
    node.spawn("worker", worker, Options::default()).expect("spawned");
    let mut raw = Raw::link(&node.listening()[0]).await;
    raw.open(2, "ab:///slow").await;
    raw.run(2, 1, 0, &(1..=10).map(add).collect::<Vec<_>>()).await;
    let close = StreamOpen {
        flow: 2,
        close: true,
        first_seq: 11,
        ..Default::default()
    };
    opens(&mut raw, close).await;
    raw.until("the end of the binding", |p| {
        p.head
            .reset
            .iter()
            .find(|r| r.flow == 2 && r.code == Code::Ok as i32)
            .map(drop)
    })
    .await;
    let open = StreamOpen {
        flow: 2,
        stream: 99,
        epoch: 1,
        mode: v1::Mode::Flow as i32,
        prefix: writer::who("", target, "ab://raw/system").bytes,
        first_seq: 1,
        ..Default::default()
    };
    opens(&mut raw, open).await;
    (node, slow, raw)
}

async fn opens(raw: &mut Raw, open: StreamOpen) {
    let head = v1::Frame {
        open: vec![open],
        ..Default::default()
    };
    raw.head(head).await;
}

fn add(n: u64) -> Bytes {
    let what = writer::what(Kind::Tell, "actorbridge.test.v1.Add", 1, 1);
    let body = writer::body(BodyFields::default(), &Add { by: 1, n }.encode_to_vec());
    writer::join(&[], &what.bytes, &body)
}

#[tokio::test]
async fn what_becomes_of_messages_is_not_said_of_the_next_stream_with_the_flows_number() {
    let (node, slow, mut raw) = standstill(5, "ab:///worker").await;
    raw.run(2, 1, 0, &[add(1)]).await;
    slow.gate.add_permits(100);
    eventually("all that was told", || slow.came.lock().expect("no panic").len() == 10).await;
    let ping = v1::Ping {
        token: 9,
        ..Default::default()
    };
    raw.head(v1::Frame {
        ping: Some(ping),
        ..Default::default()
    })
    .await;
    raw.until("the pong", |p| {
        for state in p.head.state.iter().filter(|s| s.flow == 2) {
            let good = state.outcomes.is_empty() && state.processed <= 1;
            assert!(good, "of a stream that has sent one message it says {state:?}");
        }
        p.head.pong
    })
    .await;
    node.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn an_actor_that_holds_what_two_streams_of_one_flows_number_sent_handles_all() {
    let (node, slow, mut raw) = standstill(u64::MAX, "ab:///slow").await;
    raw.run(2, 1, 0, &(11..=15).map(add).collect::<Vec<_>>()).await;
    slow.gate.add_permits(100);
    raw.until("what is processed of the second stream", |p| {
        let state = p.head.state.iter().rfind(|s| s.flow == 2)?;
        assert!(state.processed <= 5, "of 5 messages it says {state:?}");
        (state.processed == 5).then_some(())
    })
    .await;
    assert_eq!(*slow.came.lock().expect("no panic"), (1..=15).collect::<Vec<_>>());
    node.shutdown(SECOND).await.expect("everything ends");
}
