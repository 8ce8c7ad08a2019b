//! A stream that is bound anew, and what an old owner of its actor still has of it.

use crate::common;

use std::sync::atomic::Ordering;

use actorbridge::proto::v1::{self, Code, Kind, StreamOpen, r#move::Step};
use actorbridge::proto::writer::{self, BodyFields};
use actorbridge::proto::{Item, Packet, Run};
use actorbridge::{Node, Options, Ref};
use bytes::Bytes;
use common::journal::Witness;
use common::raw::Raw;
use common::test::{Add, Count, GetCount, Hold};
use common::{LONG, SECOND, eventually};
use prost::Message as _;

const WORKER: &str = "ab:///order/1";

/// A node that an actor has left and come back to: what follows it may come late.
async fn home(witness: &Witness, options: Options) -> (Node, Ref) {
    let builder = witness.builder("b").listen("tcp://127.0.0.1:0");
    let start = tokio::task::spawn_blocking(move || builder.start());
    let home = start.await.expect("no panic").expect("it listens");
    let away = witness.node("away");
    away.join(&home).await.expect("they are linked");
    let actor = home.spawn("order/1", witness.journals("b"), options).expect("spawned");
    home.move_to(&actor, "away", LONG).await.expect("it goes");
    away.move_to(&actor, "b", LONG).await.expect("it comes back");
    (home, actor)
}

async fn opens(raw: &mut Raw, number: u32, after: u32, first_seq: u64) {
    let open = vec![opening(1, (number, after), first_seq)];
    raw.head(v1::Frame {
        open,
        ..Default::default()
    })
    .await;
}

/// Each flow has a stream of its own.
fn opening(flow: u32, (number, after): (u32, u32), first_seq: u64) -> StreamOpen {
    StreamOpen {
        flow,
        stream: stream_on(flow),
        epoch: 1,
        mode: v1::Mode::Flow as i32,
        prefix: who().bytes,
        first_seq,
        binding: number,
        after,
        ..Default::default()
    }
}

fn stream_on(flow: u32) -> u64 {
    76 + u64::from(flow)
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
    drained_on(raw, 1, binding).await;
}

async fn drained_on(raw: &mut Raw, flow: u32, binding: u32) {
    let step = v1::Move {
        actor: WORKER.into(),
        epoch: 3,
        step: Some(Step::Drained(v1::Drained {
            stream: stream_on(flow),
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
    let (home, actor) = home(&witness, Options::default()).await;
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

/// Flows of sixteen messages each. Twice a mailbox of one and 4,096 are kept: those of all but the last, and two of that.
const LAST: u32 = 257;

fn one() -> Options {
    Options {
        mailbox: 1,
        ..Options::default()
    }
}

/// Binds so many streams that have to wait, and sends what their initial credit lets them.
async fn fill(raw: &mut Raw) {
    raw.grant(1 << 20).await;
    let item = |n| Item {
        body: add(n),
        ..Item::default()
    };
    let flows: Vec<_> = (1..=LAST).collect();
    for flows in flows.chunks(64) {
        let run = |flow: &u32| Run {
            flow: *flow,
            first_seq: 1,
            items: (1..=16).map(item).collect(),
            ..Run::default()
        };
        let head = v1::Frame {
            open: flows.iter().map(|flow| opening(*flow, (2, 1), 1)).collect(),
            ..Default::default()
        };
        raw.frame(head, flows.iter().map(run).collect()).await;
    }
}

#[tokio::test]
async fn streams_that_wait_keep_no_more_in_all_than_a_mailbox_ever_takes() {
    let witness = Witness::default();
    let (home, actor) = home(&witness, one()).await;
    let handled = async || -> Count { home.ask(&actor, &GetCount {}, LONG).await.expect("an answer") };
    let mut raw = Raw::link(&home.listening()[0]).await;
    fill(&mut raw).await;
    let mut refused = Vec::new();
    let all_refused = |packet: &Packet| {
        for state in &packet.head.state {
            refused.extend(state.outcomes.iter().map(|o| (state.flow, o.seq, o.code)));
        }
        (refused.len() >= 14).then_some(())
    };
    raw.until("the refusals", all_refused).await;
    settled(&mut raw).await;
    let beyond = (3..=16).map(|seq| (LAST, seq, Code::MailboxFull as i32));
    assert_eq!(refused, beyond.collect::<Vec<_>>());
    assert_eq!(handled().await.handled, 0, "they wait for what comes late");

    for flow in 1..=LAST {
        drained_on(&mut raw, flow, 1).await;
    }
    let goes_on = |state: &v1::StreamState| state.flow == LAST && state.processed == 16 && state.credit > 16;
    raw.until("more credit", |p| p.head.state.iter().any(goes_on).then_some(()))
        .await;
    assert_eq!(handled().await.handled, 4_098);
    raw.run(LAST, 17, 0, &[add(17)]).await;
    settled(&mut raw).await;
    assert_eq!((handled().await.handled, witness.last(1)), (4_099, 17));
    home.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn what_has_waited_of_streams_that_ended_meanwhile_is_no_more_than_a_mailbox_ever_takes() {
    let witness = Witness::default();
    let (home, actor) = home(&witness, one()).await;
    home.tell(&actor, &Hold::default()).await.expect("told");
    eventually("that it is busy", || witness.holds.load(Ordering::SeqCst)).await;
    let mut raw = Raw::link(&home.listening()[0]).await;
    fill(&mut raw).await;
    for flow in 1..=LAST {
        let close = StreamOpen {
            first_seq: 17,
            close: true,
            ..opening(flow, (2, 1), 1)
        };
        raw.head(v1::Frame {
            open: vec![close],
            ..Default::default()
        })
        .await;
        drained_on(&mut raw, flow, 1).await;
    }
    settled(&mut raw).await;
    // What it handles now has its place too: one is beyond for that.
    let letters = home.dead_letters();
    assert!(letters.iter().all(|d| d.code == Code::MailboxFull), "{letters:?}");
    assert_eq!(letters.len(), 14 + 1);
    witness.gate.add_permits(1);
    let count: Count = home.ask(&actor, &GetCount {}, LONG).await.expect("an answer");
    assert_eq!(count.handled, 4_097);
    home.shutdown(SECOND).await.expect("everything ends");
}
