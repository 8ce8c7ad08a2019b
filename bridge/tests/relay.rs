//! Three nodes: `a` and `b` have no link, and `r` relays between them.

use crate::common;

use std::sync::Arc;
use std::time::Duration;

use actorbridge::door::LinkEnd;
use actorbridge::proto::v1::{self, Capability, Code, Effect, Kind, ListReply, ListRequest};
use actorbridge::proto::{EnvelopeView, Item, Packet, Run, writer};
use actorbridge::{Builder, Error, Node, Options, Ref};
use actorbridge_test::{builder, end, start};
use bytes::Bytes;
use common::raw::Raw;
use common::test::{Add, Count, EchoReply, EchoRequest, GetCount, Hold, PanicNow};
use common::{LONG, digest, eventually, worker};
use prost::Name;
use tokio::sync::{Notify, watch};

/// Nodes that listen and dial block until their sockets are there.
pub(crate) async fn started(builder: Builder) -> Node {
    tokio::task::spawn_blocking(|| start(builder)).await.expect("no panic")
}

pub(crate) fn relay() -> Builder {
    builder("r").listen("tcp://127.0.0.1:0").allow_relay()
}

/// `a`, `r` and `b`, linked in a row over TCP.
pub(crate) async fn row() -> (Node, Node, Node) {
    let r = started(relay()).await;
    let (a, b) = (
        start(builder("a").route("b", "r")),
        start(builder("b").accept_relay("r")),
    );
    a.dial(&r.listening()[0]).await.expect("linked");
    b.dial(&r.listening()[0]).await.expect("linked");
    (a, r, b)
}

pub(crate) fn address(text: &str) -> Ref {
    text.parse().expect("valid")
}

fn echo(text: &str) -> EchoRequest {
    EchoRequest {
        text: text.into(),
        ..Default::default()
    }
}

pub(crate) fn small() -> Options {
    Options {
        mailbox: 32,
        ..Options::default()
    }
}

async fn fails(node: &Node, to: &str) -> Error {
    let asked = node.ask::<EchoReply, _>(&address(to), &echo("hi"), LONG).await;
    asked.expect_err("it does not get there")
}

#[tokio::test]
async fn actors_behind_a_relay_are_found_told_and_asked_as_others_are() {
    let (a, r, b) = row().await;
    b.spawn("counter", worker, small()).expect("spawned");
    let logical = address("ab:///counter");
    for n in 1..=2000 {
        a.tell(&logical, &Add { by: 1, n }).await.expect("credit comes in time");
    }
    let count: Count = a.ask(&logical, &GetCount {}, LONG).await.expect("answered");
    assert_eq!((count.handled, count.digest), (2000, digest(2000)));
    let reply: EchoReply = a
        .ask(&address("ab://b/counter"), &echo("hi"), LONG)
        .await
        .expect("answered");
    assert_eq!(reply.text, "hi");
    let panic = PanicNow { text: "boom".into() };
    let error = a
        .ask::<EchoReply, _>(&logical, &panic, LONG)
        .await
        .expect_err("it panics");
    assert_eq!((error.code(), error.effect()), (Code::Panicked, Effect::Maybe));
    let error = fails(&a, "ab://b/nobody").await;
    assert_eq!((error.code(), error.effect()), (Code::NoSuchActor, Effect::None));
    a.tell(&address("ab://b/nobody"), &echo("hi")).await.expect("it leaves");
    let told = |n: &Node| n.dead_letters().iter().filter(|d| d.target == "ab://b/nobody").count();
    eventually("dead letters at both ends", || (told(&a), told(&b)) == (2, 2)).await;
    // Where `ab:///counter` is, the relay was asked itself.
    let at_relay = r.dead_letters();
    let own = at_relay.iter().all(|d| d.target == "ab://r/system");
    assert!(own, "it is nothing to the relay: {at_relay:?}");
    end([a, r, b]).await;
}

/// An ask that keeps its actor busy until it is given up.
fn hold(node: &Node, to: &'static str) -> tokio::task::JoinHandle<Result<EchoReply, Error>> {
    let node = node.clone();
    tokio::spawn(async move { node.ask(&address(to), &Hold::default(), LONG).await })
}

/// Waits until an actor of a node handles something.
async fn busy(node: &Node) {
    let until = tokio::time::Instant::now() + LONG;
    loop {
        let list: ListReply = node
            .ask(&address("ab://b/system"), &ListRequest::default(), LONG)
            .await
            .expect("listed");
        if list.actors.iter().any(|actor| actor.depth > 0) {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "no actor is busy: {list:?}");
    }
}

/// Tells numbers until no more are taken for a while; how many were.
async fn flood(node: &Node, to: &Ref) -> u64 {
    let (mut told, mut full) = (0, 0);
    while full < 500 {
        match node.try_tell(to, Add { by: 1, n: told + 1 }) {
            Ok(()) => (told, full) = (told + 1, 0),
            Err((error, _)) => {
                assert_eq!(error.code(), Code::MailboxFull, "{error}");
                full += 1;
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
    }
    told
}

#[tokio::test]
async fn an_actor_that_stands_still_stops_its_senders_behind_the_relay_which_holds_nothing() {
    let (a, r, b) = row().await;
    let to = b.spawn("counter", worker, small()).expect("spawned");
    let _: Count = a.ask(&to, &GetCount {}, LONG).await.expect("answered");
    let held = hold(&a, "ab:///counter");
    busy(&b).await;
    let told = flood(&a, &to).await;
    assert!((16..=64).contains(&told), "{told} messages were taken");
    assert_eq!(waits(&r), 0);
    // Who gives up an ask behind a relay is heard too.
    held.abort();
    let count: Count = a.ask(&to, &GetCount {}, LONG).await.expect("answered");
    assert_eq!((count.handled, count.digest), (told, digest(told)));
    end([a, r, b]).await;
}

#[tokio::test]
async fn a_relay_that_loses_its_link_says_what_nobody_knows_and_leads_on_when_it_is_back() {
    let (a, r, b) = row().await;
    let to = b.spawn("counter", worker, small()).expect("spawned");
    let held = hold(&a, "ab:///counter");
    busy(&b).await;
    a.tell(&to, &Add { by: 1, n: 1 }).await.expect("sent");
    b.disconnect("r");
    let error = held.await.expect("no panic").expect_err("its way is lost");
    assert_eq!(
        (error.code(), error.effect()),
        (Code::OutcomeUnknown, Effect::Maybe),
        "{error}"
    );
    assert!(error.detail().contains("the relay, node r,"), "{error}");
    let lost = |d: &actorbridge::DeadLetter| d.code == Code::OutcomeUnknown && d.target == "ab:///counter";
    eventually("what is known of the tell", || a.dead_letters().iter().any(lost)).await;
    let error = fails(&a, "ab://b/counter").await;
    assert_eq!(
        (error.code(), error.effect()),
        (Code::Unavailable, Effect::None),
        "{error}"
    );
    assert!(error.detail().contains("no link to node b is up"), "{error}");
    b.dial(&r.listening()[0]).await.expect("linked");
    // The same stream, bound again: the first ask was of it.
    b.stop(&to, Duration::ZERO).await.expect("stopped");
    b.spawn("counter", worker, small()).expect("spawned anew");
    for to in ["ab:///counter", "ab://b/counter"] {
        let count: Count = a.ask(&address(to), &GetCount {}, LONG).await.expect("answered");
        assert_eq!(count.handled, 0, "nothing is sent twice");
    }
    end([a, r, b]).await;
}

#[tokio::test]
async fn nothing_is_relayed_that_the_three_nodes_have_not_allowed() {
    let r = started(builder("r").listen("tcp://127.0.0.1:0")).await;
    let a = start(builder("a").route("b", "r"));
    let b = start(builder("b").accept_relay("r"));
    a.dial(&r.listening()[0]).await.expect("linked");
    let error = fails(&a, "ab://b/counter").await;
    assert_eq!(
        (error.code(), error.effect()),
        (Code::Unavailable, Effect::None),
        "{error}"
    );
    assert!(
        error.detail().contains("node r, the way to node b, relays nothing"),
        "{error}"
    );
    // One that knows relays, and allows nothing.
    let s = started(builder("s").listen("tcp://127.0.0.1:0").route("z", "y")).await;
    let c = start(builder("c").route("b", "s"));
    c.dial(&s.listening()[0]).await.expect("linked");
    b.dial(&s.listening()[0]).await.expect("linked");
    let error = fails(&c, "ab://b/counter").await;
    assert_eq!(
        (error.code(), error.effect()),
        (Code::Forbidden, Effect::None),
        "{error}"
    );
    assert!(error.detail().contains("node s relays nothing to node b"), "{error}");
    // A receiver that accepts another relay.
    let q = started(builder("q").listen("tcp://127.0.0.1:0").allow_relay()).await;
    let d = start(builder("d").route("b", "q"));
    d.dial(&q.listening()[0]).await.expect("linked");
    b.dial(&q.listening()[0]).await.expect("linked");
    let error = fails(&d, "ab://b/counter").await;
    assert_eq!(
        (error.code(), error.effect()),
        (Code::Forbidden, Effect::None),
        "{error}"
    );
    assert!(error.detail().contains("does not accept it as a relay"), "{error}");
    end([a, b, c, d, q, r, s]).await;
}

#[tokio::test]
async fn relays_lead_on_in_a_row_and_end_a_loop() {
    let hub = |name: &str| builder(name).listen("tcp://127.0.0.1:0").allow_relay();
    let r = started(hub("r").accept_relay("t").route("b", "s").route("lost", "s")).await;
    let s = started(hub("s").accept_relay("r").route("a", "r").route("lost", "t")).await;
    let t = started(hub("t").accept_relay("s").route("lost", "r")).await;
    let a = start(builder("a").route("b", "r").route("lost", "r"));
    let b = start(builder("b").accept_relay("s"));
    a.dial(&r.listening()[0]).await.expect("linked");
    b.dial(&s.listening()[0]).await.expect("linked");
    r.dial(&s.listening()[0]).await.expect("linked");
    s.dial(&t.listening()[0]).await.expect("linked");
    t.dial(&r.listening()[0]).await.expect("linked");
    b.spawn("counter", worker, small()).expect("spawned");
    let reply: EchoReply = a
        .ask(&address("ab://b/counter"), &echo("hi"), LONG)
        .await
        .expect("answered");
    assert_eq!(reply.text, "hi");
    let error = fails(&a, "ab://lost/counter").await;
    assert_eq!(
        (error.code(), error.effect()),
        (Code::NoSuchActor, Effect::None),
        "{error}"
    );
    assert!(error.detail().contains("a routing loop"), "{error}");
    let flows = |n: &Node| {
        n.status(&Default::default())
            .links
            .iter()
            .map(|l| l.streams_in)
            .sum::<u32>()
    };
    eventually("the end of its streams", || flows(&t) == 0).await;
    end([a, r, s, t, b]).await;
}

#[tokio::test]
async fn a_large_message_is_refused_before_it_leaves_and_a_large_answer_comes_whole() {
    let (a, r, b) = row().await;
    let to = b.spawn("counter", worker, small()).expect("spawned");
    let big = EchoRequest {
        data: vec![7; 70_000].into(),
        ..Default::default()
    };
    let error = a
        .ask::<EchoReply, _>(&to, &big, LONG)
        .await
        .expect_err("it is too large");
    assert_eq!(
        (error.code(), error.effect()),
        (Code::TooLarge, Effect::None),
        "{error}"
    );
    assert!(error.detail().contains("through a relay"), "{error}");
    let near = EchoRequest {
        data: vec![7; 64_000].into(),
        text: "x".repeat(1_000),
    };
    let reply: EchoReply = a.ask(&to, &near, LONG).await.expect("answered");
    assert_eq!(reply.data, near.data);
    end([a, r, b]).await;
}

#[tokio::test]
async fn a_message_that_comes_to_a_relay_in_parts_is_refused_and_those_behind_it_go_on() {
    let (a, r, b) = row().await;
    b.spawn("counter", worker, small()).expect("spawned");
    let mut raw = Raw::link_with(&r.listening()[0], &[Capability::Relay, Capability::Fragments]).await;
    open(&mut raw, 1, "", "").await;
    let what = writer::what(Kind::Ask, &EchoRequest::full_name(), 1, 1);
    let ask = |correlation| {
        let fields = writer::BodyFields {
            correlation,
            ..Default::default()
        };
        writer::join(&[], &what.bytes, &writer::body(fields, &[]))
    };
    let whole = ask(1);
    let parts = [0..5, 5..whole.len()].map(|part| v1::Fragment {
        flow: 1,
        seq: 1,
        offset: part.start as u64,
        total: whole.len() as u64,
        data: whole.slice(part),
        ..Default::default()
    });
    raw.head(v1::Frame {
        fragment: parts.into(),
        ..Default::default()
    })
    .await;
    let outcome = raw.outcome(1).await;
    assert_eq!(
        (outcome.seq, outcome.code, outcome.effect),
        (1, Code::TooLarge as i32, Effect::None as i32)
    );
    assert!(
        outcome.detail.contains("came in parts; through a relay it goes whole"),
        "{outcome:?}"
    );
    eventually("the dead letter", || dead(&r, "ab://b/counter", Code::TooLarge)).await;
    raw.run(1, 2, 0, &[ask(2)]).await;
    let answer = raw.answer().await;
    let answer = EnvelopeView::read(&answer).expect("an envelope");
    assert_eq!((answer.kind, answer.correlation), (Kind::Reply as u32, 2));
    drop(raw);
    end([a, r, b]).await;
}

/// Binds a stream of a peer that writes frames itself, to an actor of another node.
async fn open(raw: &mut Raw, flow: u32, source: &str, origin: &str) {
    let open = v1::StreamOpen {
        flow,
        stream: u64::from(flow),
        epoch: 1,
        mode: v1::Mode::Flow as i32,
        prefix: writer::who(source, "ab://b/counter", "ab://raw/system").bytes,
        first_seq: 1,
        destination: "b".into(),
        origin: origin.into(),
        ..Default::default()
    };
    let open = vec![open];
    raw.head(v1::Frame {
        open,
        ..Default::default()
    })
    .await;
}

#[tokio::test]
async fn a_forged_source_is_refused_at_the_relay_and_what_is_no_envelope_by_its_receiver() {
    let (a, r, b) = row().await;
    b.spawn("counter", worker, small()).expect("spawned");
    let mut raw = Raw::link_with(&r.listening()[0], &[Capability::Relay]).await;
    let no_envelope = || Item {
        type_id: 0,
        ttl_ms: 0,
        body: Bytes::from_static(&[0x12, 9, 1]),
    };
    for (flow, source, origin) in [(1, "ab://a/porter", ""), (2, "", "a"), (3, "ab:///porter", "")] {
        open(&mut raw, flow, source, origin).await;
        let items = vec![no_envelope()];
        let run = Run {
            flow,
            first_seq: 1,
            items,
            ..Run::default()
        };
        raw.frame(v1::Frame::default(), vec![run]).await;
        let outcome = raw.outcome(flow).await;
        let expected = match flow {
            3 => (Code::Undecodable as i32, "field 2"),
            2 => (Code::Forbidden as i32, "does not accept it as a relay"),
            _ => (Code::Forbidden as i32, "which is of another node"),
        };
        assert_eq!(outcome.code, expected.0, "{outcome:?}");
        assert!(outcome.detail.contains(expected.1), "{outcome:?}");
    }
    drop(raw);
    end([a, r, b]).await;
}

/// A node `a` that has told an actor of a peer behind `r` something, and has heard from it that the stream is ended, and the flow.
async fn ended_behind_a_relay() -> (Node, Node, Raw, u32) {
    let r = started(relay()).await;
    let a = start(builder("a").route("raw", "r"));
    a.dial(&r.listening()[0]).await.expect("linked");
    let mut raw = Raw::link_with(&r.listening()[0], &[Capability::Relay]).await;
    a.tell(&address("ab://raw/nobody"), &echo("hi"))
        .await
        .expect("it leaves");
    let came = |p: &Packet| p.runs.iter().map(|run| run.flow).find(|flow| *flow != 0);
    let flow = raw.until("the message", came).await;
    let reset = vec![reset(flow, Code::NoSuchActor)];
    raw.head(v1::Frame {
        reset,
        ..Default::default()
    })
    .await;
    let closed = |p: &Packet| p.head.open.iter().any(|o| o.close && o.flow == flow).then_some(());
    raw.until("the end of the stream", closed).await;
    (a, r, raw, flow)
}

fn reset(flow: u32, code: Code) -> v1::StreamReset {
    v1::StreamReset {
        flow,
        code: code as i32,
        moved: None,
    }
}

fn dead(node: &Node, target: &str, code: Code) -> bool {
    let letters = node.dead_letters();
    letters.iter().any(|d| d.target == target && d.code == code)
}

#[tokio::test]
async fn what_is_refused_behind_a_relay_is_told_also_when_the_end_of_its_stream_was_heard_before() {
    let (a, r, mut raw, flow) = ended_behind_a_relay().await;
    let outcome = v1::Outcome {
        seq: 1,
        code: Code::NoSuchActor as i32,
        effect: Effect::None as i32,
        ..Default::default()
    };
    let state = v1::StreamState {
        flow,
        received: 1,
        outcomes: vec![outcome],
        ..Default::default()
    };
    raw.head(v1::Frame {
        state: vec![state],
        reset: vec![reset(flow, Code::Ok)],
        ..Default::default()
    })
    .await;
    let told = || dead(&a, "ab://raw/nobody", Code::NoSuchActor);
    eventually("the dead letter at the sender", told).await;
    let at_relay = r.dead_letters();
    assert!(at_relay.is_empty(), "it is nothing to the relay: {at_relay:?}");
    drop(raw);
    end([a, r]).await;
}

#[tokio::test]
async fn what_a_relay_loses_is_told_also_when_the_end_of_its_stream_was_heard_before() {
    let (a, r, raw, _) = ended_behind_a_relay().await;
    drop(raw);
    let told = || dead(&a, "ab://raw/nobody", Code::OutcomeUnknown);
    eventually("the dead letter at the sender", told).await;
    let at_relay = r.dead_letters();
    assert!(at_relay.is_empty(), "it is nothing to the relay: {at_relay:?}");
    end([a, r]).await;
}

#[tokio::test]
async fn the_end_of_a_stream_is_confirmed_by_a_relay_when_its_receiver_has_said_all() {
    let r = started(relay()).await;
    let b = start(builder("b").accept_relay("r"));
    b.dial(&r.listening()[0]).await.expect("linked");
    let mut raw = Raw::link_with(&r.listening()[0], &[Capability::Relay]).await;
    let what = writer::what(Kind::Tell, "test.Add", 1, 1).bytes;
    // The number of the flow is free after each end.
    for _ in 0..3 {
        open(&mut raw, 1, "", "").await;
        raw.run(1, 1, 0, std::slice::from_ref(&what)).await;
        let close = v1::StreamOpen {
            flow: 1,
            stream: 1,
            mode: v1::Mode::Flow as i32,
            first_seq: 2,
            close: true,
            ..Default::default()
        };
        raw.head(v1::Frame {
            open: vec![close],
            ..Default::default()
        })
        .await;
        let mut refused = Vec::new();
        let confirmed = |p: &Packet| {
            refused.extend(p.head.state.iter().flat_map(|s| &s.outcomes).map(|o| (o.seq, o.code)));
            p.head.reset.contains(&reset(1, Code::Ok)).then_some(())
        };
        raw.until("the end", confirmed).await;
        assert_eq!(refused, [(1, Code::NoSuchActor as i32)]);
    }
    drop(raw);
    end([b, r]).await;
}

/// Carries what one end of a link has to say, while the gate is open.
async fn carry(from: Arc<LinkEnd>, to: Arc<LinkEnd>, mut open: watch::Receiver<bool>) {
    let bell = Arc::new(Notify::new());
    let ring = bell.clone();
    from.set_wake(Box::new(move || ring.notify_one()));
    loop {
        let _ = open.wait_for(|open| *open).await;
        match from.take_frame() {
            Some(frame) => to.receive_frame(frame),
            None if from.is_down() || to.is_down() => return to.lost("the peer closed the link"),
            None => bell.notified().await,
        }
        tokio::task::yield_now().await;
    }
}

/// A gate of the way from `r` to `b`, which carries nothing while it is shut.
pub(crate) struct Gate {
    open: watch::Sender<bool>,
    carriers: [tokio::task::JoinHandle<()>; 2],
}

impl Gate {
    pub(crate) fn open(&self, open: bool) {
        self.open.send(open).expect("it is looked at");
    }
}

impl Drop for Gate {
    /// A link whose node is gone says nothing more.
    fn drop(&mut self) {
        self.carriers.iter().for_each(|carrier| carrier.abort());
    }
}

/// `a`, `r` and `b`, linked in a row in memory.
pub(crate) async fn gated_row() -> (Node, Node, Node, Gate) {
    let r = start(builder("r").allow_relay());
    let (a, b) = (
        start(builder("a").route("b", "r")),
        start(builder("b").accept_relay("r")),
    );
    a.join(&r).await.expect("linked");
    let (near, far) = (r.dialler(), b.accept());
    let (open, gate) = watch::channel(true);
    let there = tokio::spawn(carry(near.clone(), far.clone(), gate));
    let back = tokio::spawn(carry(far, near, watch::channel(true).1));
    eventually("the link", || r.peers().contains(&"b".to_owned())).await;
    let carriers = [there, back];
    (a, r, b, Gate { open, carriers })
}

/// Bytes of messages that wait at a node for the writers of its links.
pub(crate) fn waits(node: &Node) -> u64 {
    let status = node.status(&Default::default());
    status.links.iter().map(|link| link.queued_bytes).sum()
}

#[tokio::test]
async fn a_link_that_carries_nothing_stops_the_senders_behind_the_relay() {
    let (a, r, b, gate) = gated_row().await;
    let to = b
        .spawn(
            "counter",
            worker,
            Options {
                mailbox: 4_096,
                ..Options::default()
            },
        )
        .expect("spawned");
    let _: Count = a.ask(&to, &GetCount {}, LONG).await.expect("answered");
    gate.open(false);
    let told = flood(&a, &to).await;
    assert!(
        (450..=650).contains(&told),
        "{told} messages were taken, and the relay keeps 512 of a stream"
    );
    gate.open(true);
    let count: Count = a.ask(&to, &GetCount {}, LONG).await.expect("answered");
    assert_eq!((count.handled, count.digest), (told, digest(told)));
    end([a, r, b]).await;
}
