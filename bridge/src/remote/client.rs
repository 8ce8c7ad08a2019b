//! Dialling a remote door.

use std::sync::Arc;

use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::address::{Address, Options};
use super::codec::RawCodec;
use super::frames::{Frames, read};
use super::{CONNECTION_WINDOW, LINK_PATH, STREAM_WINDOW};
use crate::door::LinkEnd;

/// Connects `end` to the node at `address`. Returns when the stream is there; the nodes' handshake comes after it.
///
/// # Errors
/// A sentence that names the address: it is not valid, nobody listens there, or it is not a bridge.
pub async fn connect(end: Arc<LinkEnd>, address: &str, options: &Options) -> Result<(), String> {
    let say = |e: &dyn std::error::Error| format!("{address}: {}", with_causes(e));
    let channel = match Address::parse(address, options)? {
        Address::Tcp(host) => endpoint(&format!("http://{host}")).connect().await,
        Address::Unix(path) => {
            let connector = service_fn(move |_| {
                let path = path.clone();
                async move { UnixStream::connect(path).await.map(TokioIo::new) }
            });
            endpoint("http://unix.invalid").connect_with_connector(connector).await
        }
    }
    .map_err(|e| say(&e))?;
    let mut grpc: Grpc<Channel> = Grpc::new(channel).max_decoding_message_size(options.frame_limit());
    grpc.ready().await.map_err(|e| say(&e))?;
    let frames = Frames::of(end.clone());
    let path = PathAndQuery::from_static(LINK_PATH);
    let response = grpc
        .streaming(Request::new(frames), path, RawCodec)
        .await
        .map_err(|e| say(&e))?;
    tokio::spawn(read(end, response.into_inner()));
    Ok(())
}

fn endpoint(uri: &str) -> Endpoint {
    Endpoint::from_shared(uri.to_owned())
        .unwrap_or_else(|_| Endpoint::from_static("http://invalid.invalid"))
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
}

/// tonic's errors say "transport error" and keep the reason in their sources.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
