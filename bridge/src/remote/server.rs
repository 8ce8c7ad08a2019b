//! Listening for remote doors.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::address::{Address, Options};
use super::calls::{AskMethod, Asks, Held, HeldService, tell_health};
use super::codec::RawCodec;
use super::conn::{Listener, MAX_LINKS, Peer};
use super::frames::{Frames, read};
use super::refusals::{Refusals, Refused};
use super::resets::MAX_RESETS;
use super::subscribe::SubscribeMethod;
use super::unix;
use super::{ASK_PATH, CONNECTION_WINDOW, HEADER_LIST, LINK_PATH, SERVICE, STREAM_WINDOW, SUBSCRIBE_PATH};
use crate::door::LinkEnd;
use actorbridge_proto::packet::MAX_FRAME_BYTES;

/// A listening door.
#[derive(Debug)]
pub struct Bound {
    /// Where it listens, with the port that the system chose.
    pub address: String,
    /// Ends after the token was cancelled and every connection is closed.
    pub task: JoinHandle<()>,
}

/// Listens at `address`; `accept` makes the node's end of each link that is dialled, `asks` asks for
/// clients that are no nodes. `refused` is told of connections
/// that become none. Ends when `until` is cancelled.
///
/// A Unix socket that nobody listens on any more is replaced; its file is removed when this one does not any more.
///
/// # Errors
/// A sentence that names the address: it is not valid, or taken, or the files for TLS are not usable.
pub async fn listen<A, Q>(
    address: &str,
    accept: A,
    asks: Q,
    refused: impl Refused,
    until: CancellationToken,
    options: &Options,
) -> Result<Bound, String>
where
    A: Fn() -> Arc<LinkEnd> + Clone + Send + Sync + 'static,
    Q: Asks,
{
    let service = BridgeService {
        accept,
        asks,
        frame_limit: options.frame_limit(),
    };
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(actorbridge_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|e| format!("{address}: the schema for reflection: {e}"))?;
    let over = CancellationToken::new();
    let router = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(HEADER_LIST)
        .max_concurrent_streams(MAX_LINKS)
        // A connection with more is ended by `Conn`, which says so.
        .http2_max_pending_accept_reset_streams(Some(MAX_RESETS as usize))
        .add_service(service)
        .add_service(HeldService {
            inner: health,
            over: over.clone(),
        })
        .add_service(HeldService {
            inner: reflection,
            over: over.clone(),
        });
    let (listener, address) = bind(address, options).await.map_err(|e| match e.starts_with(address) {
        true => e,
        false => format!("{address}: {e}"),
    })?;
    let (incoming, listening) = listener.incoming(options, Arc::new(Refusals::new(refused)), until.clone());
    tokio::spawn(tell_health(reporter, SERVICE, until.clone(), over));
    let task = tokio::spawn(async move {
        let _ = router
            .serve_with_incoming_shutdown(incoming, until.cancelled_owned())
            .await;
        let _ = listening.await;
    });
    Ok(Bound { address, task })
}

/// The listener, and where it is.
async fn bind(address: &str, options: &Options) -> Result<(Listener, String), String> {
    let tcp = async |host: &str| {
        let listener = TcpListener::bind(host).await.map_err(|e| e.to_string())?;
        let bound = listener.local_addr().map_err(|e| e.to_string())?;
        Ok::<_, String>((listener, bound))
    };
    match Address::parse(address, options)? {
        Address::Tcp(host) => {
            let (listener, bound) = tcp(&host).await?;
            Ok((Listener::Tcp(listener), format!("tcp://{bound}")))
        }
        Address::Tls(host, files) => {
            if files.load().await?.server.is_none() {
                return Err("who listens with TLS needs a certificate and its key: TlsFiles::new".into());
            }
            let (listener, bound) = tcp(&host).await?;
            Ok((Listener::Tls(listener, files), format!("grpcs://{bound}")))
        }
        Address::Unix(path) => {
            let (listener, _file) = unix::bind(path).await?;
            Ok((Listener::Unix { _file, listener }, address.to_owned()))
        }
    }
}

#[derive(Clone)]
struct BridgeService<A, Q> {
    accept: A,
    asks: Q,
    frame_limit: usize,
}

impl<A, Q> NamedService for BridgeService<A, Q> {
    const NAME: &'static str = SERVICE;
}

impl<A, Q> tower::Service<http::Request<Body>> for BridgeService<A, Q>
where
    A: Fn() -> Arc<LinkEnd> + Clone + Send + Sync + 'static,
    Q: Asks,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let taking = |most| Grpc::new(RawCodec).max_decoding_message_size(most);
            let peer = request.extensions().get::<Peer>().cloned();
            match request.uri().path() {
                LINK_PATH => {
                    let method = LinkMethod(service.accept, peer);
                    Ok(taking(service.frame_limit).streaming(method, request).await)
                }
                ASK_PATH => {
                    let _held = peer.as_ref().map(Held::new);
                    Ok(taking(MAX_FRAME_BYTES).unary(AskMethod(service.asks), request).await)
                }
                SUBSCRIBE_PATH => {
                    let (asks, held) = (service.asks, peer.as_ref().map(Held::new));
                    let method = SubscribeMethod { asks, held };
                    Ok(taking(MAX_FRAME_BYTES).server_streaming(method, request).await)
                }
                path => Ok(Status::unimplemented(format!("this node has no method {path}")).into_http()),
            }
        })
    }
}

struct LinkMethod<A>(A, Option<Peer>);

impl<A> StreamingService<Bytes> for LinkMethod<A>
where
    A: Fn() -> Arc<LinkEnd>,
{
    type Response = Bytes;
    type ResponseStream = tokio_stream::adapters::Map<Frames, fn(Bytes) -> Result<Bytes, Status>>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let end = (self.0)();
        let frames = Frames::of(end.clone());
        let mut peer = self.1.take();
        if let Some(identity) = peer.as_ref().and_then(|peer| peer.identity.clone()) {
            end.identify(identity);
        }
        let (gone, mut frames_in) = (frames.gone(), request.into_inner());
        tokio::spawn(async move {
            let heard = || {
                if let Some(peer) = peer.take() {
                    tokio::spawn(hold(Held::new(&peer), end.clone()));
                }
            };
            read(&end, &mut frames_in, gone, heard).await;
        });
        ready(Ok(Response::new(tokio_stream::StreamExt::map(frames, Ok))))
    }
}

/// A link counts for its connection from its first frame to its end.
async fn hold(held: Held, end: Arc<LinkEnd>) {
    end.down.cancelled().await;
    drop(held);
}
