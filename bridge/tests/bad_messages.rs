//! Messages that cannot be handled, over real sockets: each is answered with a code and an effect, and costs itself only.
//! The link that it came on goes on.

use crate::common;

use actorbridge::proto::v1::{Code, Effect, Failure, Kind, RefusalReason};
use actorbridge::proto::wire::{put_bytes, put_uint};
use actorbridge::proto::writer::{self, BodyFields};
use actorbridge::proto::{EnvelopeView, What};
use actorbridge::{Actor, Cx, DeadLetter, Fault, Message, Node, Options};
use bytes::Bytes;
use common::raw::Raw;
use common::test::{EchoReply, EchoRequest, Hold};
use common::{SECOND, eventually, listening, refusals, worker};
use prost::{Message as _, Name as _};

const FLOW: u32 = 1;

/// A node with one actor, and a link to it with a stream to the actor.
struct Scene {
    there: Node,
    raw: Raw,
    /// The seq of the next message.
    seq: u64,
}

impl Scene {
    async fn new(options: Options) -> Self {
        let there = listening("tcp://127.0.0.1:0").await;
        there.spawn("worker", worker, options).expect("spawned");
        let mut raw = Raw::link(&there.listening()[0]).await;
        raw.open(FLOW, "ab:///worker").await;
        Self { there, raw, seq: 1 }
    }

    async fn sends(&mut self, body: Bytes) {
        self.raw.run(FLOW, self.seq, 0, &[body]).await;
        self.seq += 1;
    }

    /// The answer to an ask that failed.
    async fn failure(&mut self, correlation: u64) -> Failure {
        let answer = self.raw.answer().await;
        let view = EnvelopeView::read(&answer).expect("a good envelope");
        assert_eq!((view.kind, view.correlation), (Kind::Failure as u32, correlation));
        view.failure().expect("it decodes")
    }

    async fn dead_letter(&self, code: Code) -> DeadLetter {
        let of_code = || self.there.dead_letters().into_iter().find(|l| l.code == code);
        eventually("the dead letter", || of_code().is_some()).await;
        of_code().expect("it is there")
    }

    /// The link and the actor still work.
    async fn goes_on(mut self) {
        self.sends(echo(99, b"\x0a\x05still")).await;
        let answer = self.raw.answer().await;
        let view = EnvelopeView::read(&answer).expect("a good envelope");
        assert_eq!((view.kind, view.correlation), (Kind::Reply as u32, 99));
        assert_eq!(EchoReply::decode(view.payload).expect("it decodes").text, "still");
        assert_eq!(self.there.peers(), ["raw"]);
        drop(self.raw);
        self.there.shutdown(SECOND).await.expect("everything ends");
    }
}

fn complete(what: &What, correlation: u64, payload: &[u8]) -> Bytes {
    let fields = BodyFields {
        correlation,
        ..BodyFields::default()
    };
    writer::join(&[], &what.bytes, &writer::body(fields, payload))
}

fn echo(correlation: u64, payload: &[u8]) -> Bytes {
    complete(
        &writer::what(Kind::Ask, &EchoRequest::full_name(), 1, 1),
        correlation,
        payload,
    )
}

fn with(body: &Bytes, more: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = body.to_vec();
    more(&mut out);
    out.into()
}

/// A refused ask is answered, is a dead letter with its bytes, and its stream is told.
async fn is_refused(body: Bytes, code: Code, says: &str) {
    let mut scene = Scene::new(Options::default()).await;
    scene.sends(body.clone()).await;
    let failure = scene.failure(7).await;
    assert_eq!((failure.code(), failure.effect()), (code, Effect::None), "{failure:?}");
    assert!(failure.detail.contains(says), "{failure:?}");
    let letter = scene.dead_letter(code).await;
    assert_eq!((&*letter.target, letter.effect), ("ab:///worker", Effect::None));
    assert!(letter.envelope.ends_with(&body), "the bytes are kept");
    scene.goes_on().await;
}

#[tokio::test]
async fn an_item_that_overrides_its_streams_prefix_is_bad_override() {
    let forged = with(&echo(7, b""), |out| put_bytes(out, 5, b"ab:///somebody/else"));
    is_refused(forged, Code::BadOverride, "Envelope.target is set twice").await;
}

#[tokio::test]
async fn an_override_with_a_zero_is_refused_too() {
    let forged = with(&echo(7, b""), |out| put_bytes(out, 5, b""));
    is_refused(forged, Code::BadOverride, "Envelope.target is set twice").await;
}

#[tokio::test]
async fn an_item_that_is_no_envelope_is_undecodable() {
    let torn = with(&echo(7, b""), |out| out.extend([0x12, 50, 1]));
    is_refused(torn, Code::Undecodable, "says 50 bytes").await;
    let wrong = with(&echo(7, b""), |out| put_uint(out, 11, 1));
    is_refused(wrong, Code::Undecodable, "Envelope.trace has the wrong wire type").await;
}

#[tokio::test]
async fn a_payload_that_does_not_decode_is_undecodable() {
    let mut scene = Scene::new(Options::default()).await;
    scene.sends(echo(7, b"\x0a\x7fshort")).await;
    let failure = scene.failure(7).await;
    assert_eq!((failure.code(), failure.effect()), (Code::Undecodable, Effect::None));
    assert!(failure.detail.contains("EchoRequest does not decode"), "{failure:?}");
    scene.dead_letter(Code::Undecodable).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_payload_for_a_newer_reader_is_refused_before_it_is_touched() {
    let what = writer::what(Kind::Ask, &EchoRequest::full_name(), 9, 9);
    let mut scene = Scene::new(Options::default()).await;
    scene.sends(complete(&what, 7, b"\xff\xff")).await;
    let failure = scene.failure(7).await;
    assert_eq!(
        (failure.code(), failure.effect()),
        (Code::UnsupportedVersion, Effect::None)
    );
    assert!(failure.detail.contains("version 9"), "{failure:?}");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_kind_of_a_later_version_is_unsupported_and_an_absent_one_undecodable() {
    let mut scene = Scene::new(Options::default()).await;
    for (kind, code) in [(999, Code::UnsupportedKind), (0, Code::Undecodable)] {
        let what = writer::what_of(kind, "x.Y", 1, 1, Default::default());
        let seq = scene.seq;
        scene.sends(complete(&what, 0, b"x")).await;
        let outcome = scene.raw.outcome(FLOW).await;
        assert_eq!(
            (outcome.seq, outcome.code(), outcome.effect()),
            (seq, code, Effect::None)
        );
        assert!(outcome.detail.contains("kind"), "{outcome:?}");
        let letter = scene.dead_letter(code).await;
        assert_eq!(letter.target, "ab:///worker");
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_message_beyond_the_credit_is_refused_and_its_number_is_not_used_up() {
    let mut scene = Scene::new(Options {
        mailbox: 4,
        ..Options::default()
    })
    .await;
    scene.raw.run(FLOW, 5_000, 0, &[echo(7, b"")]).await;
    let failure = scene.failure(7).await;
    assert_eq!((failure.code(), failure.effect()), (Code::MailboxFull, Effect::None));
    assert!(failure.detail.contains("beyond its credit"), "{failure:?}");
    assert_eq!(refusals(&scene.there, RefusalReason::CreditViolation), 1);
    let (lines, _) = scene.there.logs(usize::MAX);
    let accused: Vec<_> = lines.iter().filter(|l| l.code == "CREDIT_VIOLATION").collect();
    assert!(
        matches!(accused[..], [line] if line.link > 0 && !line.peer.is_empty()),
        "{lines:?}"
    );
    scene.dead_letter(Code::MailboxFull).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn what_a_full_mailbox_cannot_hold_is_refused_one_by_one() {
    let mut scene = Scene::new(Options {
        mailbox: 2,
        ..Options::default()
    })
    .await;
    let hold = writer::what(Kind::Tell, &Hold::full_name(), 1, 1);
    // Within the credit that streams begin with, and more than 2·2 + 4,096.
    let bodies = vec![complete(&hold, 0, b""); 16];
    for flow in 2..=258 {
        scene.raw.open(flow, "ab:///worker").await;
        scene.raw.run(flow, 1, 0, &bodies).await;
    }
    let outcome = scene.raw.outcome(258).await;
    assert_eq!(
        (outcome.seq, outcome.code(), outcome.effect()),
        (5, Code::MailboxFull, Effect::None)
    );
    let full = || scene.there.dead_letter_counts().get("CODE_MAILBOX_FULL").copied();
    eventually("twelve dead letters", || full() == Some(12)).await;
    assert_eq!(scene.there.peers(), ["raw"]);
    drop(scene.raw);
    scene.there.shutdown(SECOND / 10).await.expect("everything ends");
}

#[tokio::test]
async fn an_actor_that_nobody_knows_is_refused_and_its_stream_is_ended() {
    let mut scene = Scene::new(Options::default()).await;
    scene.raw.open(2, "ab:///nobody").await;
    scene.raw.run(2, 1, 0, &[echo(7, b"")]).await;
    let failure = scene.failure(7).await;
    assert_eq!((failure.code(), failure.effect()), (Code::NoSuchActor, Effect::None));
    assert_eq!(scene.dead_letter(Code::NoSuchActor).await.target, "ab:///nobody");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_stream_to_nobody_is_reset_with_the_reason() {
    let mut scene = Scene::new(Options::default()).await;
    scene.raw.open(2, "ab:///nobody").await;
    let code = scene
        .raw
        .until("a reset", |p| {
            p.head.reset.iter().find(|r| r.flow == 2).map(|r| r.code())
        })
        .await;
    assert_eq!(code, Code::NoSuchActor);
    scene.goes_on().await;
}

#[tokio::test]
async fn an_ask_whose_time_is_over_is_expired_and_never_handled() {
    let mut scene = Scene::new(Options::default()).await;
    let hold = writer::what(Kind::Ask, &Hold::full_name(), 1, 1);
    scene.raw.run(FLOW, 1, 0, &[complete(&hold, 6, b"")]).await;
    scene.raw.run(FLOW, 2, 1, &[echo(7, b"")]).await;
    scene.seq = 3;
    tokio::time::sleep(SECOND / 50).await;
    // The handler that holds the actor ends when its asker says that it has stopped waiting.
    let skip = actorbridge::proto::v1::Skip {
        flow: FLOW,
        first: 1,
        count: 1,
        reason: Code::Cancelled as i32,
    };
    scene
        .raw
        .head(actorbridge::proto::v1::Frame {
            skip: vec![skip],
            ..Default::default()
        })
        .await;
    scene.raw.answer().await;
    let failure = scene.failure(7).await;
    assert_eq!((failure.code(), failure.effect()), (Code::Expired, Effect::None));
    scene.dead_letter(Code::Expired).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn an_ask_outside_a_stream_is_answered_and_not_handled() {
    let mut scene = Scene::new(Options::default()).await;
    let body = with(&echo(7, b""), |out| {
        put_bytes(out, 5, b"ab:///worker");
        put_bytes(out, 10, b"ab://raw/system");
    });
    scene.raw.run(0, 0, 0, &[body]).await;
    let failure = scene.failure(7).await;
    assert_eq!(
        (failure.code(), failure.effect()),
        (Code::UnsupportedKind, Effect::None)
    );
    scene.goes_on().await;
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_is_counted_and_does_nothing() {
    let mut scene = Scene::new(Options::default()).await;
    let reply = writer::what(Kind::Reply, "x.Y", 1, 1);
    scene.raw.run(0, 0, 0, &[complete(&reply, 0xdead_beef, b"x")]).await;
    let late = || scene.there.dead_letter_counts().get("LATE_REPLY").copied();
    eventually("it is counted", || late() == Some(1)).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_message_over_64_kib_is_too_large() {
    let mut scene = Scene::new(Options::default()).await;
    scene.sends(echo(7, &vec![0; 64 << 10])).await;
    let failure = scene.failure(7).await;
    assert_eq!((failure.code(), failure.effect()), (Code::TooLarge, Effect::None));
    assert!(failure.detail.contains("limit of 65536"), "{failure:?}");
    scene.goes_on().await;
}

/// Answers with more than a peer without fragments takes.
struct Wordy;

impl Actor for Wordy {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        let data = vec![0; 100_000].into();
        cx.reply(&EchoReply {
            data,
            ..Default::default()
        })
    }
}

#[tokio::test]
async fn an_asker_that_cannot_take_its_answer_hears_that_and_that_its_ask_was_handled() {
    let mut scene = Scene::new(Options::default()).await;
    scene
        .there
        .spawn("wordy", || Wordy, Options::default())
        .expect("spawned");
    scene.raw.open(2, "ab:///wordy").await;
    scene.raw.run(2, 1, 0, &[echo(7, b"")]).await;
    let failure = scene.failure(7).await;
    assert_eq!((failure.code(), failure.effect()), (Code::TooLarge, Effect::Done));
    scene.goes_on().await;
}

#[tokio::test]
async fn room_that_was_promised_to_a_peer_is_there_for_others_when_its_link_ends() {
    let mut scene = Scene::new(Options {
        mailbox: 2,
        ..Options::default()
    })
    .await;
    let bodies: Vec<Bytes> = (1..=16).map(|n| echo(n, b"")).collect();
    scene.raw.run(FLOW, 1, 0, &bodies).await;
    // The credit that streams begin with is used up: what comes now is one of the mailbox's two places.
    let credit = |p: &actorbridge::proto::Packet| p.head.state.iter().map(|s| s.credit).max().filter(|c| *c == 17);
    scene.raw.until("more credit", credit).await;
    let to = "ab:///worker".parse().expect("valid");
    scene.there.try_tell(&to, Hold::default()).expect("there is a place");
    let request = EchoRequest::default();
    let full = || matches!(scene.there.try_tell(&to, request.clone()), Err((e, _)) if e.code() == Code::MailboxFull);
    assert!(full(), "the other place is promised to the peer");
    let waits = tokio::spawn({
        let (there, to, request) = (scene.there.clone(), to.clone(), request.clone());
        async move { there.tell(&to, &request).await }
    });
    drop(scene.raw);
    let told = tokio::time::timeout(common::LONG, waits)
        .await
        .expect("it does not wait for ever");
    told.expect("no panic").expect("told");
    scene.there.shutdown(SECOND / 10).await.expect("everything ends");
}
