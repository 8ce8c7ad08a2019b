//! Where spans go: to the receiver that `OTEL_EXPORTER_OTLP_ENDPOINT` names, over gRPC. Nothing in it is about actors but the last
//! line of `start`.

use std::sync::OnceLock;

use actorbridge_opentelemetry::{Spans, tracing_opentelemetry};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The exporter, and the runtime that its connection lives on, as long as the process.
static STARTED: OnceLock<(SdkTracerProvider, Runtime)> = OnceLock::new();

/// Sets up `tracing` for the process, once.
pub(crate) fn start() -> Spans {
    STARTED.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a thread can be had");
        let entered = runtime.enter();
        let exporter = SpanExporter::builder()
            .with_tonic()
            .build()
            .expect("the endpoint is a URL");
        drop(entered);
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder().with_service_name("trace-rust").build())
            .with_batch_exporter(exporter)
            .build();
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("trace-rust"));
        // Without a filter, each HTTP/2 frame is a span too: also those that carry the spans away.
        tracing_subscriber::registry()
            .with(spans.with_filter(LevelFilter::INFO))
            .init();
        (provider, runtime)
    });
    Spans
}

/// Waits until what was recorded has been sent.
pub(crate) async fn flush() {
    let flush = || STARTED.get().map(|(provider, _)| provider.force_flush());
    // It blocks, and an error is the exporter's to log.
    let _ = tokio::task::spawn_blocking(flush).await;
}
