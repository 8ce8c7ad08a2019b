//! A look at what goes by links: it is bounded, and ends when nobody looks any more.

use std::time::Duration;

use actorbridge::proto::v1::{Code, TapReply, TapRequest, Tapped};
use actorbridge::{Node, RawType, Ref, Subscription};
use common::test::{EchoReply, EchoRequest};
use common::{LONG, pair, worker};

use crate::common;

static TICK: RawType = RawType::new("ticks.v1.Tick");

async fn tap(node: &Node, request: &TapRequest) -> Result<Subscription, actorbridge::Error> {
    let system: Ref = "ab:///system".parse().expect("an address");
    let mut tap = node.subscribe(&system, request, Duration::MAX).await?;
    let begun = next(&mut tap).await?.expect("an event");
    assert!(begun.envelopes.is_empty());
    Ok(tap)
}

async fn next(tap: &mut Subscription) -> Result<Option<Tapped>, actorbridge::Error> {
    let event = tap.next().await?;
    Ok(event.map(|event| event.decode().expect("it is a Tapped")))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_costs_a_bounded_number_of_envelopes() {
    let (a, b) = pair().await;
    b.spawn("worker", worker, Default::default()).expect("spawned");
    let to: Ref = "ab:///worker".parse().expect("an address");
    let request = TapRequest {
        r#type: "ticks.".into(),
        ..Default::default()
    };
    let mut tap = tap(&a, &request).await.expect("it begins");
    let payloads = vec![&b"tick"[..]; 50_000];
    a.tell_raw_all(&to, &TICK, &payloads).await.expect("told");
    let (mut shown, mut missed) = (0, 0);
    while shown + missed < 50_000 {
        let tapped = next(&mut tap).await.expect("it goes on").expect("an event");
        assert!(tapped.envelopes.len() <= 512);
        shown += tapped.envelopes.len() as u64;
        missed = tapped.missed;
    }
    assert_eq!(shown + missed, 50_000);
    assert!(missed > 0, "all were shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_ends_after_as_many_as_were_asked_for() {
    let (a, b) = pair().await;
    b.spawn("worker", worker, Default::default()).expect("spawned");
    let to: Ref = "ab:///worker".parse().expect("an address");
    let request = TapRequest {
        actor: "worker".into(),
        most: 3,
        ..Default::default()
    };
    let mut tap = tap(&b, &request).await.expect("it begins");
    for _ in 0..2 {
        let _: EchoReply = a.ask(&to, &EchoRequest::default(), LONG).await.expect("it replies");
    }
    let mut types = Vec::new();
    while let Some(tapped) = next(&mut tap).await.expect("it goes on") {
        types.extend(tapped.envelopes.into_iter().map(|envelope| envelope.r#type));
    }
    let test = |name: &str| format!("actorbridge.test.v1.{name}");
    assert_eq!(types, [test("EchoRequest"), test("EchoReply"), test("EchoRequest")]);
    let reply: TapReply = tap.reply().expect("a reply").decode().expect("a TapReply");
    assert_eq!((reply.shown, reply.missed), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ninth_tap_is_refused_until_another_one_ends() {
    let (a, _b) = pair().await;
    let mut taps = Vec::new();
    for _ in 0..8 {
        taps.push(tap(&a, &TapRequest::default()).await.expect("it begins"));
    }
    let refused = tap(&a, &TapRequest::default()).await.err().expect("it is refused");
    assert_eq!(refused.code(), Code::MailboxFull);
    taps.pop();
    let again = || async { tap(&a, &TapRequest::default()).await.is_ok() };
    let until = tokio::time::Instant::now() + LONG;
    while !again().await {
        assert!(tokio::time::Instant::now() < until, "there is no room");
    }
}
