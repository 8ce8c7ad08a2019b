//! A stream that is bound anew, and what an old owner of its actor still has of it.

use crate::common;

use actorbridge::proto::v1::{self, Kind, StreamOpen, r#move::Step};
use actorbridge::proto::writer::{self, BodyFields};
use actorbridge::{Node, Options, Ref};
use bytes::Bytes;
use common::journal::Witness;
use common::raw::Raw;
use common::test::{Add, Count, GetCount};
use common::{LONG, SECOND, eventually};
use prost::Message as _;

const STREAM: u64 = 77;
const WORKER: &str = "ab:///order/1";

/// A node that an actor has left and come back to: what follows it may come late.
async fn home(witness: &Witness) -> (Node, Ref) {
    let builder = witness.builder("b").listen("tcp://127.0.0.1:0");
    let start = tokio::task::spawn_blocking(move || builder.start());
    let home = start.await.expect("no panic").expect("it listens");
    let away = witness.node("away");
    away.join(&home).await.expect("they are linked");
    let actor = home
        .spawn("order/1", witness.journals("b"), Options::default())
        .expect("spawned");
    home.move_to(&actor, "away", LONG).await.expect("it goes");
    away.move_to(&actor, "b", LONG).await.expect("it comes back");
    (home, actor)
}

async fn opens(raw: &mut Raw, number: u32, after: u32, first_seq: u64) {
    let open = StreamOpen {
        flow: 1,
        stream: STREAM,
        epoch: 1,
        mode: v1::Mode::Flow as i32,
        prefix: who().bytes,
        first_seq,
        binding: number,
        after,
        ..Default::default()
    };
    raw.head(v1::Frame {
        open: vec![open],
        ..Default::default()
    })
    .await;
}

fn who() -> actorbridge::proto::Who {
    writer::who("ab:///sender", WORKER, "ab://raw/sender")
}

/// A whole tell that counts to `n`.
fn add(n: u64) -> Bytes {
    let what = writer::what(Kind::Tell, "actorbridge.test.v1.Add", 1, 1);
    let body = writer::body(BodyFields::default(), &Add { by: 1, n }.encode_to_vec());
    writer::join(&[], &what.bytes, &body)
}

async fn drained(raw: &mut Raw, binding: u32) {
    let step = v1::Move {
        actor: WORKER.into(),
        epoch: 3,
        step: Some(Step::Drained(v1::Drained {
            stream: STREAM,
            binding,
        })),
    };
    raw.head(v1::Frame {
        r#move: vec![step],
        ..Default::default()
    })
    .await;
}

/// All that was sent before has been acted on.
async fn settled(raw: &mut Raw) {
    let ping = v1::Ping {
        token: 9,
        ..Default::default()
    };
    raw.head(v1::Frame {
        ping: Some(ping),
        ..Default::default()
    })
    .await;
    raw.until("the pong", |p| p.head.pong).await;
}

#[tokio::test]
async fn a_stream_waits_for_what_its_last_binding_sent_and_a_loss_of_an_earlier_one_says_nothing_of_that() {
    let witness = Witness::default();
    let (home, actor) = home(&witness).await;
    let handled = async || -> Count { home.ask(&actor, &GetCount {}, LONG).await.expect("an answer") };
    let address = home.listening()[0].clone();
    let mut first = Raw::link(&address).await;
    opens(&mut first, 1, 0, 1).await;
    first.run(1, 1, 0, &[add(1)]).await;
    settled(&mut first).await;
    drop(first); // this binding is lost
    eventually("the end of the link", || !home.peers().contains(&"raw".to_owned())).await;

    // The second binding, with message 2, is at an old owner.
    let mut second = Raw::link(&address).await;
    opens(&mut second, 3, 2, 3).await;
    second.run(1, 3, 0, &[add(3)]).await;
    drained(&mut second, 1).await;
    settled(&mut second).await;
    assert_eq!(handled().await.handled, 1, "the third message has overtaken the second");
    let late = writer::join(&who().bytes, &[], &add(2)); // as an old owner forwards it
    second.run(0, 0, 0, &[late]).await;
    drained(&mut second, 2).await;
    settled(&mut second).await;
    assert_eq!((handled().await.handled, witness.last(1)), (3, 3));
    home.shutdown(SECOND).await.expect("everything ends");
}
