//! Traces: what is sent while a message is handled belongs to the trace of that message.
//!
//! A node continues traces and never begins one: what is sent outside of a trace has none, and costs nothing. Without a
//! [`Propagator`] a handler's sends go on with the trace of its message as it came; with one, each handler and each ask of a
//! trace is a span of `tracing`.

use std::future::Future;

use actorbridge_proto::Trace;
use actorbridge_proto::v1::Code;
use actorbridge_proto::writer::BodyFields;
use tracing::field::Empty;
use tracing::instrument::Instrument;
use tracing::{Span, info_span};

use crate::address::Address;
use crate::cell::Cell;
use crate::error::{Error, Fault};
use crate::message::Message;
use crate::node::Inner;

/// Joins spans of `tracing` with the traces that messages carry. The crate `actorbridge-opentelemetry` has one.
///
/// Its functions are called on the path of messages: they must not block.
pub trait Propagator: Send + Sync + 'static {
    /// The trace that a span is in, with the span itself as the parent of what comes next; `None` = it is in none.
    fn trace_of(&self, span: &Span) -> Option<Trace>;

    /// Makes a span that has not been entered yet a child of a span elsewhere.
    fn continue_from(&self, span: &Span, parent: &Trace);
}

/// What an ask continues.
#[derive(Clone, Copy, Default)]
pub(crate) struct Chain<'a> {
    /// The actors that wait for it.
    pub(crate) path: &'a [u64],
    pub(crate) trace: Option<&'a Trace>,
}

impl<'a> Chain<'a> {
    /// Of outside code, which no actor waits for.
    pub(crate) fn of(trace: Option<&'a Trace>) -> Self {
        Self { path: &[], trace }
    }
}

/// What the body of a tell has beside its payload.
pub(crate) fn in_trace(trace: Option<&Trace>) -> BodyFields<'_> {
    BodyFields {
        trace,
        ..BodyFields::default()
    }
}

/// The span of an ask, and what its message carries.
pub(crate) struct AskSpan {
    pub(crate) trace: Option<Trace>,
    span: Span,
}

impl AskSpan {
    /// Waits for the answer in the span.
    pub(crate) async fn around<T>(&self, ask: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let answer = ask.instrument(self.span.clone()).await;
        if let Err(error) = &answer {
            record(&self.span, error.code());
        }
        answer
    }
}

impl Inner {
    /// The trace that is sent with what is sent now, by the handler of this message or by outside code.
    pub(crate) fn trace_now(&self, handling: Option<&Message>) -> Option<Trace> {
        let propagator = self.propagator.as_deref();
        let current = propagator.and_then(|p| p.trace_of(&Span::current()));
        current.or_else(|| handling.and_then(Message::trace))
    }

    /// Begins the span of an ask, if it is in a trace.
    pub(crate) fn ask_span(&self, handling: Option<&Message>, to: &Address, message_type: &str) -> AskSpan {
        let (trace, span) = (self.trace_now(handling), Span::none());
        let (Some(propagator), Some(_)) = (self.propagator.as_deref(), &trace) else {
            return AskSpan { trace, span };
        };
        let (node, to) = (self.name.as_str(), to.as_str());
        let span = info_span!(
            target: "actorbridge", "ask", otel.name = message_type, otel.kind = "client", otel.status_code = Empty,
            "actorbridge.node" = node, "actorbridge.actor" = to, "actorbridge.type" = message_type, "error.type" = Empty,
        );
        let trace = propagator.trace_of(&span).or(trace);
        AskSpan { trace, span }
    }

    /// Handles a message of a trace in a span of its own.
    pub(crate) async fn in_span(
        &self,
        cell: &Cell,
        message: &Message,
        handler: impl Future<Output = Result<(), Fault>>,
    ) -> Result<(), Fault> {
        let (Some(propagator), Some(parent)) = (self.propagator.as_deref(), message.trace()) else {
            return handler.await;
        };
        let kind = if message.is_ask() { "server" } else { "consumer" };
        let (message_type, sender) = (message.type_name(), message.who.source.as_str());
        let (node, actor) = (self.name.as_str(), cell.address.as_str());
        let span = info_span!(
            target: "actorbridge", parent: None, "handle", otel.name = message_type, otel.kind = kind,
            otel.status_code = Empty, "actorbridge.node" = node, "actorbridge.actor" = actor, "actorbridge.sender" = sender,
            "actorbridge.type" = message_type, "error.type" = Empty,
        );
        propagator.continue_from(&span, &parent);
        let ends = Ends(&span);
        let outcome = handler.instrument(span.clone()).await;
        if let Err(fault) = &outcome {
            record(&span, fault.code);
        }
        drop(ends);
        outcome
    }
}

/// Says of the span of a handler that it ended in a panic.
struct Ends<'a>(&'a Span);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            record(self.0, Code::Panicked);
        }
    }
}

/// Codes only: what an error says may be what a message says.
fn record(span: &Span, code: Code) {
    span.record("otel.status_code", "ERROR")
        .record("error.type", code.as_str_name().trim_start_matches("CODE_"));
}
