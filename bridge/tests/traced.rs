//! The trace that a message belongs to goes on with what its handler sends.

use crate::common;

use actorbridge::{Actor, Cx, Fault, Message, Node, Options, Propagator, RawType, Ref, Trace};
use actorbridge_test::{end, joined, start};
use bytes::Bytes;
use common::LONG;
use common::test::{EchoReply, EchoRequest};
use tokio::sync::mpsc;
use tracing::Span;

static TICK: RawType = RawType::new("ticks.v1.Tick");

/// As if all of the program were in one span.
struct Always(Trace);

impl Propagator for Always {
    fn trace_of(&self, _: &Span) -> Option<Trace> {
        Some(self.0.clone())
    }

    fn continue_from(&self, _: &Span, _: &Trace) {}
}

fn a_trace(state: &str) -> Trace {
    let (trace_id, span_id, state) = ([7; 16], [9; 8], state.to_owned());
    Trace {
        trace_id,
        span_id,
        flags: 1,
        state,
    }
}

/// Tells the test of which trace each message is, and answers asks.
struct Last(mpsc::UnboundedSender<(String, Option<Trace>)>);

impl Actor for Last {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let _ = self.0.send((message.type_name().to_owned(), message.trace()));
        if message.is_ask() {
            cx.reply(&EchoReply::default())?;
        }
        Ok(())
    }
}

/// Sends in every way that a handler has, and then answers.
struct Middle(Ref);

impl Actor for Middle {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.context().is_empty() {
            cx.tell(&self.0, &EchoRequest::default())?;
            cx.tell_raw(&self.0, &TICK, b"x")?;
            cx.ask::<EchoReply, _>(&self.0, &EchoRequest::default(), LONG).await?;
            cx.request(&self.0, &EchoRequest::default(), LONG, Bytes::from_static(b"note"))?;
        } else {
            cx.tell(&self.0, &EchoReply::default())?;
        }
        if message.is_ask() {
            cx.reply(&EchoReply::default())?;
        }
        Ok(())
    }
}

fn spawn_both(middle: &Node, last: &Node) -> (Ref, mpsc::UnboundedReceiver<(String, Option<Trace>)>) {
    let (seen, came) = mpsc::unbounded_channel();
    let make = move || Last(seen.clone());
    let last = last.spawn("last", make, Options::default()).expect("free");
    let middle = middle
        .spawn("middle", move || Middle(last.clone()), Options::default())
        .expect("free");
    (middle, came)
}

#[tokio::test]
async fn what_a_handler_sends_is_of_the_trace_of_its_message_also_where_nobody_makes_spans() {
    let sent = a_trace("shop=1");
    let traced = actorbridge_test::builder("a").propagator(Always(sent.clone()));
    let (a, b) = joined(traced, actorbridge_test::builder("b")).await;
    let (middle, mut came) = spawn_both(&b, &b);
    a.ask::<EchoReply, _>(&middle, &EchoRequest::default(), LONG)
        .await
        .expect("answered");
    let mut types = Vec::new();
    for _ in 0..5 {
        let (name, trace) = came.recv().await.expect("sent");
        assert_eq!(trace, Some(sent.clone()), "{name}");
        types.push(name);
    }
    types.sort();
    let request = "actorbridge.test.v1.EchoRequest";
    let expected = [
        "actorbridge.test.v1.EchoReply",
        request,
        request,
        request,
        "ticks.v1.Tick",
    ];
    assert_eq!(
        types, expected,
        "a tell, a raw one, an ask, a request and what followed its answer"
    );
    end([a, b]).await;
}

#[tokio::test]
async fn what_outside_code_sends_is_of_the_trace_that_it_is_in_or_of_none() {
    let sent = a_trace("");
    let traced = start(actorbridge_test::builder("a").propagator(Always(sent.clone())));
    let plain = actorbridge_test::node("b");
    for (node, expected) in [(&traced, Some(sent)), (&plain, None)] {
        let (_, mut came) = spawn_both(node, node);
        let last: Ref = "ab:///last".parse().expect("an address");
        node.tell(&last, &EchoRequest::default()).await.expect("sent");
        node.try_tell(&last, EchoRequest::default()).expect("sent");
        node.tell_raw(&last, &TICK, b"x").await.expect("sent");
        node.tell_raw_all(&last, &TICK, &[b"x", b"y"]).await.expect("sent");
        node.ask::<EchoReply, _>(&last, &EchoRequest::default(), LONG)
            .await
            .expect("answered");
        for _ in 0..6 {
            assert_eq!(came.recv().await.expect("sent").1, expected);
        }
    }
    end([traced, plain]).await;
}
