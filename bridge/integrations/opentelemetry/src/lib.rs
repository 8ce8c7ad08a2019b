//! Traces of a Rust node for OpenTelemetry: the spans of `tracing` and the traces that messages carry become one.
//!
//! The program sets up `tracing` with the layer of `tracing-opentelemetry`, and an exporter, as it would without actors. This
//! crate gives it the one piece that is missing, [`Spans`]:
//!
//! ```
//! use actorbridge_opentelemetry::tracing_opentelemetry;
//! use opentelemetry::trace::TracerProvider as _;
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use tracing_subscriber::Layer as _;
//! use tracing_subscriber::filter::LevelFilter;
//! use tracing_subscriber::layer::SubscriberExt as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = SdkTracerProvider::builder().build(); // .with_batch_exporter(…)
//! let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
//! let layer = layer.with_filter(LevelFilter::INFO); // below it, each HTTP/2 frame is a span too
//! tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
//! let node = actorbridge::Node::builder("shop").propagator(actorbridge_opentelemetry::Spans).start()?;
//! # drop(node);
//! # Ok(())
//! # }
//! ```

pub use tracing_opentelemetry;

use actorbridge::{Propagator, Trace};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Joins the spans that `tracing-opentelemetry` exports with the traces that messages carry.
///
/// A span that the subscriber does not take, as a level filter may have it, is in no trace: what is sent in it goes on with the
/// trace of the message that is being handled.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spans;

impl Propagator for Spans {
    fn trace_of(&self, span: &Span) -> Option<Trace> {
        let context = span.context();
        let span = context.span();
        let at = span.span_context();
        at.is_valid().then(|| Trace {
            trace_id: at.trace_id().to_bytes(),
            span_id: at.span_id().to_bytes(),
            flags: at.trace_flags().to_u8(),
            state: at.trace_state().header(),
        })
    }

    fn continue_from(&self, span: &Span, parent: &Trace) {
        let parent = SpanContext::new(
            TraceId::from_bytes(parent.trace_id),
            SpanId::from_bytes(parent.span_id),
            TraceFlags::new(parent.flags),
            true,
            // One that is not valid is left out: the trace counts more.
            parent.state.parse::<TraceState>().unwrap_or_default(),
        );
        // It fails only for a span that nobody takes, or that has begun: that one is a span without this parent.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}
