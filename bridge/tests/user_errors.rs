//! A handler's own error crosses a link with its code, its message and its typed details.

use crate::common;

use actorbridge::proto::v1::{Code, Effect};
use actorbridge::{Actor, Cx, Error, Fault, Message, Node, Options, Ref};
use actorbridge_test::end;
use common::test::{Add, Count, EchoRequest, FailNow};
use common::{LONG, pair};

/// Fails as it is made to.
struct Fails(fn() -> Fault);

impl Actor for Fails {
    async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
        Err((self.0)())
    }
}

/// The error that an asker at another node gets, and what that asker's own asker gets if it passes it on.
async fn met(fault: fn() -> Fault) -> Error {
    let (a, b) = pair().await;
    b.spawn("fails", move || Fails(fault), Options::default())
        .expect("spawned");
    let error = ask(&a, "ab:///fails").await;
    let told = [a.dead_letters(), b.dead_letters()].concat();
    assert!(told.is_empty(), "an error that its asker gets is an answer: {told:?}");
    a.spawn("between", || Asks, Options::default()).expect("spawned");
    let passed_on = ask(&b, "ab:///between").await;
    assert_eq!(
        passed_on.user(),
        error.user(),
        "it is the same for who asks by way of another actor"
    );
    end([a, b]).await;
    error
}

async fn ask(node: &Node, address: &str) -> Error {
    let to: Ref = address.parse().expect("an address");
    let asked = node.ask::<(), _>(&to, &EchoRequest::default(), LONG).await;
    asked.expect_err("its handler fails")
}

struct Asks;

impl Actor for Asks {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        let to = "ab:///fails".parse()?;
        cx.ask::<(), _>(&to, &EchoRequest::default(), LONG).await?;
        Ok(())
    }
}

fn count(total: i64) -> Count {
    Count {
        total,
        ..Default::default()
    }
}

#[tokio::test]
async fn code_message_and_details_come_back_by_their_types() {
    let error = met(|| {
        let fail = FailNow {
            code: "inner".into(),
            ..Default::default()
        };
        let own = Fault::app("UNKNOWN_SKU").message("nobody sells it");
        own.detail(&count(7)).detail(&fail).detail(&count(8))
    })
    .await;
    assert_eq!((error.code(), error.effect()), (Code::HandlerError, Effect::Maybe));
    let own = error.user().expect("the handler's own");
    assert_eq!((own.code(), own.message()), ("UNKNOWN_SKU", "nobody sells it"));
    assert_eq!(own.detail(), Some(count(7)), "the first of its type");
    assert_eq!(own.detail::<FailNow>().map(|f| f.code), Some("inner".into()));
    assert_eq!(own.detail::<Add>(), None);
    assert_eq!(own.details().len(), 3);
    assert!(error.to_string().contains("UNKNOWN_SKU: nobody sells it"), "{error}");
}

#[tokio::test]
async fn details_beyond_48_kib_are_left_out_and_counted() {
    let error = met(|| {
        let big = EchoRequest {
            data: vec![7; 20 << 10].into(),
            ..Default::default()
        };
        let own = Fault::app("BIG").message("x".repeat(5 << 10));
        own.detail(&big)
            .detail(&count(1))
            .detail(&big)
            .detail(&big)
            .detail(&count(2))
    })
    .await;
    let own = error.user().expect("the handler's own");
    assert_eq!(own.details().len(), 3);
    let says = "x … (2 details were left out: at most 48 KiB of them travel)";
    assert!(own.message().ends_with(says), "{} bytes", own.message().len());
}

#[tokio::test]
async fn a_detail_that_is_empty_is_there() {
    let error = met(|| Fault::app("EMPTY").detail(&Count::default())).await;
    let own = error.user().expect("the handler's own");
    assert_eq!(own.detail(), Some(Count::default()));
}

/// Answers with more than a message holds.
struct Big;

impl Actor for Big {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        let data = vec![0; 17 << 20].into();
        cx.reply(&EchoRequest {
            data,
            ..Default::default()
        })
    }
}

#[tokio::test]
async fn a_reply_that_cannot_travel_is_told_to_its_asker_as_done() {
    let (a, b) = pair().await;
    b.spawn("big", || Big, Options::default()).expect("spawned");
    let error = ask(&a, "ab:///big").await;
    assert_eq!(
        (error.code(), error.effect()),
        (Code::TooLarge, Effect::Done),
        "{error}"
    );
    assert!(error.detail().contains("a message of 17825"), "{error}");
    end([a, b]).await;
}
