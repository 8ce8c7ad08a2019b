//! Calls of clients that are no nodes: single asks, and what other services of gRPC need.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actorbridge_proto::v1::{Failure, Raw};
use actorbridge_proto::writer::{self, BodyFields};
use actorbridge_proto::{EnvelopeView, Trace};
use bytes::Bytes;
use prost::{Message as _, Name as _};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::{NamedService, UnaryService};
use tonic::{Request, Response, Status};

use super::conn::Peer;
use crate::asks::Subscription;
use crate::error::Error;

/// What becomes of a subscription.
pub type Subscribing = Pin<Box<dyn Future<Output = Result<Subscription, Error>> + Send>>;

/// What becomes of an ask.
pub type Answering = Pin<Box<dyn Future<Output = Result<Bytes, Error>> + Send>>;

/// What asks for clients that are no nodes: with a complete envelope, and in a time if there is one.
pub trait Asks: Clone + Send + Sync + 'static {
    /// Asks; answers with the complete envelope of the reply.
    fn ask(&self, envelope: Bytes, within: Option<Duration>) -> Answering;
    /// Asks for events.
    fn subscribe(&self, envelope: Bytes, within: Option<Duration>) -> Subscribing;
}

/// The method that asks. Its messages are bytes for the gRPC library.
pub(super) struct AskMethod<Q>(pub(super) Q);

impl<Q: Asks> UnaryService<Bytes> for AskMethod<Q> {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let answering = read_ask(request).map(|(envelope, within)| self.0.ask(envelope, within));
        Box::pin(async move {
            let envelope = answering?.await.map_err(|error| status_of(&error))?;
            Ok(Response::new(raw(envelope)))
        })
    }
}

/// What a client asks, and the time that it gives.
pub(super) fn read_ask(request: Request<Bytes>) -> Result<(Bytes, Option<Duration>), Status> {
    let (told, trace) = (time_of(request.metadata()), trace_of(request.metadata()));
    let invalid = |e| Status::invalid_argument(format!("the request is no actorbridge.v1.Raw: {e}"));
    let raw = Raw::decode(request.into_inner()).map_err(invalid)?;
    let ttl = (raw.ttl_ms > 0).then(|| Duration::from_millis(u64::from(raw.ttl_ms)));
    Ok((in_trace(raw.envelope, trace), told.into_iter().chain(ttl).min()))
}

/// An envelope as clients get it.
pub(super) fn raw(envelope: Bytes) -> Bytes {
    Raw { envelope, ttl_ms: 0 }.encode_to_vec().into()
}

/// The trace that the client says in its metadata.
fn trace_of(metadata: &MetadataMap) -> Option<Trace> {
    let text = |name| metadata.get(name).and_then(|value| value.to_str().ok());
    Trace::of_headers(text("traceparent")?, text("tracestate").unwrap_or_default())
}

/// The envelope with a trace, unless it says one itself.
fn in_trace(envelope: Bytes, trace: Option<Trace>) -> Bytes {
    let own = |envelope: &[u8]| {
        EnvelopeView::read(envelope).map_or(true, |e| !e.trace.is_empty() || !e.tracestate.is_empty())
    };
    match &trace {
        Some(_) if !own(&envelope) => {
            let fields = BodyFields {
                trace: trace.as_ref(),
                ..BodyFields::default()
            };
            [&envelope[..], &writer::body(fields, &[])].concat().into()
        }
        _ => envelope,
    }
}

/// `google.rpc.Status`, which tonic leaves to its users.
#[derive(Clone, PartialEq, prost::Message)]
struct Details {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// An error as docs/ERRORS.md has it for gRPC, with its failure as a detail.
pub(super) fn status_of(error: &Error) -> Status {
    let failure = Failure {
        code: error.code() as i32,
        effect: error.effect() as i32,
        detail: error.detail().to_owned(),
        reader_version: error.reader_version(),
        ..Default::default()
    };
    let (code, message) = (error.code().grpc(), error.to_string());
    let details = Details {
        code,
        message: message.clone(),
        details: vec![prost_types::Any {
            type_url: format!("type.googleapis.com/{}", Failure::full_name()),
            value: failure.encode_to_vec(),
        }],
    };
    Status::with_details(tonic::Code::from_i32(code), message, details.encode_to_vec().into())
}

/// The time that a caller gives a call: at most eight digits, and a unit.
fn time_of(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let n = digits.parse::<u64>().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(n * 3_600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return None,
    })
}

/// A call, or a link that has said something: a connection lives while it carries one.
pub(super) struct Held(Peer);

impl Held {
    pub(super) fn new(peer: &Peer) -> Self {
        peer.carried.begins();
        Self(peer.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.carried.ends();
    }
}

/// A service whose calls hold their connections, and end with the node.
#[derive(Clone)]
pub(super) struct HeldService<S> {
    pub(super) inner: S,
    pub(super) over: CancellationToken,
}

impl<S: NamedService> NamedService for HeldService<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> tower::Service<http::Request<Body>> for HeldService<S>
where
    S: tower::Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let held = request.extensions().get::<Peer>().map(Held::new);
        let (answering, over) = (self.inner.call(request), self.over.clone());
        Box::pin(async move {
            let response = answering.await?;
            Ok(response.map(|body| {
                Body::new(HeldBody {
                    body,
                    over: Box::pin(over.cancelled_owned()),
                    ended: false,
                    _held: held,
                })
            }))
        })
    }
}

/// What such a call answers. A stream that would go on for ever ends with the node.
struct HeldBody {
    body: Body,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The end has been told, not by the call itself.
    ended: bool,
    _held: Option<Held>,
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending if self.ended => Poll::Ready(None),
            Poll::Pending if self.over.as_mut().poll(cx).is_ready() => {
                self.ended = true;
                let mut trailers = http::HeaderMap::new();
                // An error here would reset the stream, and what was written before would be lost.
                let told = Status::unavailable("the node is shutting down").add_header(&mut trailers);
                Poll::Ready(Some(told.map(|()| http_body::Frame::trailers(trailers))))
            }
            frame => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// Answers `grpc.health.v1`: the node serves until it begins to shut down. `over` trips when that has been told.
pub(super) async fn tell_health(
    reporter: tonic_health::server::HealthReporter,
    service: &str,
    until: CancellationToken,
    over: CancellationToken,
) {
    use tonic_health::ServingStatus::{NotServing, Serving};
    reporter.set_service_status(service, Serving).await;
    until.cancelled().await;
    for service in ["", service] {
        reporter.set_service_status(service, NotServing).await;
    }
    over.cancel();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_time_is_read_in_all_units() {
        let read = |text: &'static str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().expect("ascii"));
            time_of(&metadata)
        };
        for (text, ms) in [
            ("1H", 3_600_000),
            ("2M", 120_000),
            ("3S", 3_000),
            ("40m", 40),
            ("5000u", 5),
            ("6000000n", 6),
        ] {
            assert_eq!(read(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "S", "1", "1x", "-1S", "123456789S"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
