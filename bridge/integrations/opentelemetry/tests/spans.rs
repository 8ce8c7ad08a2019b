//! The spans of two nodes are one trace, with parents as the messages went.

use actorbridge::{Actor, Cx, Fault, Message, Node, Options, Ref};
use actorbridge_opentelemetry::{Spans, tracing_opentelemetry};
use actorbridge_test::{builder, end, joined};
use opentelemetry::trace::{SpanKind, Status, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::instrument::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;

const WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

struct Answers;

impl Actor for Answers {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        cx.reply(&())
    }
}

/// Asks another one in a span of its own, and then fails.
struct Asks(Ref);

impl Actor for Asks {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        let asked = cx.ask::<(), _>(&self.0, &(), WITHIN);
        asked.instrument(tracing::info_span!("looks it up")).await?;
        Err(Fault::app("SOLD_OUT").message("a secret"))
    }
}

fn named<'a>(spans: &'a [SpanData], name: &str, kind: SpanKind) -> Vec<&'a SpanData> {
    spans.iter().filter(|s| s.name == name && s.span_kind == kind).collect()
}

fn attribute(span: &SpanData, key: &str) -> String {
    let found = span.attributes.iter().find(|a| a.key.as_str() == key);
    found.map(|a| a.value.to_string()).unwrap_or_default()
}

fn child_of(parent: &SpanData, spans: &[&SpanData]) -> SpanData {
    let found = spans.iter().find(|s| s.parent_span_id == parent.span_context.span_id());
    (*found.expect("it has a child")).clone()
}

async fn ask_through(a: &Node, b: &Node) {
    let answers = b.spawn("answers", || Answers, Options::default()).expect("free");
    let asks = a
        .spawn("asks", move || Asks(answers.clone()), Options::default())
        .expect("free");
    let asked = b.ask::<(), _>(&asks, &(), WITHIN);
    asked
        .instrument(tracing::info_span!("order"))
        .await
        .expect_err("sold out");
    b.ask::<(), _>(&asks, &(), WITHIN).await.expect_err("sold out"); // in no trace
}

#[tokio::test]
async fn an_ask_and_its_handler_are_spans_with_their_parents_on_other_nodes_and_codes_of_what_failed() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _set = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

    let (a, b) = joined(builder("a").propagator(Spans), builder("b").propagator(Spans)).await;
    ask_through(&a, &b).await;
    end([a, b]).await;

    let all = exporter.get_finished_spans().expect("kept");
    let empty = "google.protobuf.Empty";
    let of_asks = |span: &&SpanData| attribute(span, "actorbridge.actor") == "ab:///asks";
    assert_eq!(
        all.iter().filter(of_asks).count(),
        2,
        "the ask that is in no trace has no spans"
    );
    let order = named(&all, "order", SpanKind::Internal)[0];
    let in_trace = |span: &&SpanData| span.span_context.trace_id() == order.span_context.trace_id();
    let spans: Vec<_> = all.iter().filter(in_trace).cloned().collect();
    let (asks, handlers) = (
        named(&spans, empty, SpanKind::Client),
        named(&spans, empty, SpanKind::Server),
    );
    assert_eq!((asks.len(), handlers.len(), spans.len()), (2, 2, 6));
    let first = child_of(order, &asks);
    let handled = child_of(&first, &handlers);
    let own = named(&spans, "looks it up", SpanKind::Internal)[0];
    assert_eq!(
        own.parent_span_id,
        handled.span_context.span_id(),
        "the handler's own span"
    );
    let second = child_of(own, &asks);
    let answered = child_of(&second, &handlers);
    for span in [&first, &handled] {
        assert!(matches!(span.status, Status::Error { .. }), "{:?}", span.status);
        assert_eq!(attribute(span, "error.type"), "HANDLER_ERROR");
        assert!(!format!("{span:?}").contains("secret"), "{span:?}");
    }
    let of = |key| attribute(&answered, key);
    assert_eq!(of("actorbridge.node"), "b");
    assert_eq!(of("actorbridge.actor"), "ab:///answers");
    assert_eq!(of("actorbridge.sender"), "ab:///asks");
}
