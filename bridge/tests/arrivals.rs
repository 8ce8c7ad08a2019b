//! Moves that a node does not take, and why.

use crate::common;

use actorbridge::Options;
use actorbridge::proto::v1::{self, Code, r#move::Step};
use common::raw::{Raw, hello};
use common::test::{Count, GetCount};
use common::{LONG, SECOND, listening, worker};

async fn step(raw: &mut Raw, path: &str, step: Step) {
    let step = v1::Move {
        actor: format!("ab:///{path}"),
        epoch: 2,
        step: Some(step),
    };
    raw.head(v1::Frame {
        r#move: vec![step],
        ..Default::default()
    })
    .await;
}

/// Offers an actor of so many bytes.
async fn offer(raw: &mut Raw, path: &str, total: u64) {
    let offer = v1::Offer {
        r#type: "actorbridge.test.v1.Count".into(),
        state_version: 1,
        codec: "protobuf".into(),
        total,
        sha256: vec![0; 32].into(),
        meta: None,
    };
    step(raw, path, Step::Offer(offer)).await;
}

/// The next offer that the node does not take, and why.
async fn aborted(raw: &mut Raw) -> (String, Code, String) {
    raw.until("the refusal of an offer", |packet| {
        packet.head.r#move.iter().find_map(|step| match &step.step {
            Some(Step::Aborted(why)) => Some((step.actor.clone(), why.code(), why.detail.clone())),
            _ => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_node_takes_64_actors_or_256_mib_of_them_at_once_and_the_next_once_one_is_over() {
    for (most, total) in [(64, 100), (4, 64 << 20)] {
        let there = listening("tcp://127.0.0.1:0").await;
        let mut raw = Raw::link(&there.listening()[0]).await;
        for i in 0..most {
            offer(&mut raw, &format!("order/{i}"), total).await;
        }
        offer(&mut raw, "order/0", total).await; // anew: it takes the place of the first
        offer(&mut raw, "order/over", 100).await;
        let (actor, code, detail) = aborted(&mut raw).await;
        assert_eq!(
            (actor.as_str(), code),
            ("ab:///order/over", Code::MailboxFull),
            "{detail}"
        );
        assert!(detail.contains("try again"), "{detail}");
        step(&mut raw, "order/1", Step::Aborted(v1::Aborted::default())).await;
        offer(&mut raw, "order/next", 100).await;
        offer(&mut raw, "nobody", 100).await;
        let (actor, code, detail) = aborted(&mut raw).await;
        assert_eq!((actor.as_str(), code), ("ab:///nobody", Code::NoSuchActor), "{detail}");
        there.shutdown(SECOND).await.expect("everything ends");
    }
}

#[tokio::test]
async fn an_actor_that_one_node_offers_is_not_taken_from_another() {
    let there = listening("tcp://127.0.0.1:0").await;
    let mut first = Raw::link(&there.listening()[0]).await;
    offer(&mut first, "order/1", 100).await;
    offer(&mut first, "nobody", 100).await;
    aborted(&mut first).await; // so the one before has been taken
    let mut second = Raw::call(&there.listening()[0]).await;
    let hello = v1::Hello {
        node: "another".into(),
        ..hello(1, 1)
    };
    second
        .head(v1::Frame {
            hello: Some(hello),
            ..Default::default()
        })
        .await;
    offer(&mut second, "order/1", 100).await;
    let (actor, code, detail) = aborted(&mut second).await;
    assert_eq!((actor.as_str(), code), ("ab:///order/1", Code::Fenced), "{detail}");
    there.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn a_move_to_a_node_that_takes_no_moves_says_that_it_is_to_be_upgraded() {
    let there = listening("tcp://127.0.0.1:0").await;
    let worker = there.spawn("worker", worker, Options::default()).expect("spawned");
    let _raw = Raw::link(&there.listening()[0]).await; // without capabilities
    let refused = there.move_to(&worker, "raw", SECOND).await.expect_err("it is refused");
    assert_eq!(refused.code(), Code::UnsupportedKind, "{refused}");
    assert!(refused.to_string().contains("upgrade"), "{refused}");
    let count: Count = there.ask(&worker, &GetCount {}, LONG).await.expect("it goes on");
    assert_eq!(count.handled, 0);
    there.shutdown(SECOND).await.expect("everything ends");
}
