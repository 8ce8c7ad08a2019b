//! What a frame lay on the way is charged to the deadlines of its messages.

use crate::common;

use actorbridge::Options;
use actorbridge::proto::v1::{self, Code, Effect, Kind};
use actorbridge::proto::writer::{self, BodyFields};
use actorbridge::proto::{EnvelopeView, Item, Run};
use common::raw::Raw;
use common::test::GetCount;
use common::{SECOND, listening, worker};
use prost::Message as _;

const MINUTES: u32 = 60_000;

/// An ask in a frame that was built then, by the peer's clock: the kind of its answer, and the failure if it is one.
async fn asked(raw: &mut Raw, sent_ms: u32, seq: u64, ttl_ms: u32) -> (u32, Option<v1::Failure>) {
    let what = writer::what(Kind::Ask, "actorbridge.test.v1.GetCount", 1, 1);
    let fields = BodyFields {
        correlation: seq,
        ..Default::default()
    };
    let body = writer::join(&[], &what.bytes, &writer::body(fields, &GetCount {}.encode_to_vec()));
    let item = Item {
        type_id: 0,
        ttl_ms,
        body,
    };
    let run = Run {
        flow: 1,
        first_seq: seq,
        items: vec![item],
        ..Run::default()
    };
    let head = v1::Frame {
        sent_ms,
        ..Default::default()
    };
    raw.frame(head, vec![run]).await;
    let answer = raw.answer().await;
    let view = EnvelopeView::read(&answer).expect("an envelope");
    assert_eq!(view.correlation, seq);
    let failure = (view.kind == Kind::Failure as u32).then(|| v1::Failure::decode(view.failure).expect("a failure"));
    (view.kind, failure)
}

#[tokio::test]
async fn the_time_that_a_frame_lay_on_the_way_is_charged_to_deadlines() {
    let node = listening("tcp://127.0.0.1:0").await;
    node.spawn("worker", worker, Options::default()).expect("spawned");
    let mut raw = Raw::link(&node.listening()[0]).await;
    raw.open(1, "ab:///worker").await;
    let reply = (Kind::Reply as u32, None);
    assert_eq!(asked(&mut raw, 90 * MINUTES, 1, 30 * MINUTES).await, reply);
    // It was built ten minutes before the first one, and comes now.
    let (_, failure) = asked(&mut raw, 80 * MINUTES, 2, 5 * MINUTES).await;
    let failure = failure.expect("its time was over on the way");
    assert_eq!((failure.code(), failure.effect()), (Code::Expired, Effect::None));
    assert_eq!(asked(&mut raw, 80 * MINUTES, 3, 30 * MINUTES).await, reply);
    node.shutdown(SECOND).await.expect("everything ends");
}
