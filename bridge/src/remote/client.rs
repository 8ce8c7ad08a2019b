//! Dialling a remote door.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Uri;
use http::uri::PathAndQuery;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncBufReadExt as _;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tower::{Service as _, service_fn};

use super::address::{Address, Options, bare_host};
use super::advice::{reason_of, with_advice};
use super::codec::RawCodec;
use super::frames::{Frames, read_call};
use super::identity::Identity;
use super::paced::Paced;
use super::refusals::Refused;
use super::tls::{Configs, TlsFiles};
use super::unix::roomy;
use super::{CONNECTION_WINDOW, HEADER_LIST, LINK_PATH, STREAM_WINDOW};
use crate::door::LinkEnd;

/// How long a listener may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects `end` to the node at `address`. Returns when the stream is there, within 10 s; the nodes' handshake comes after
/// it. `said` is told of files for TLS that have been
/// replaced by some that are not usable, and of a certificate that is refused.
///
/// # Errors
/// A sentence that names the address: it is not valid, nobody listens there, one side refuses the other's certificate, or it
/// is not a bridge.
pub async fn connect(end: Arc<LinkEnd>, address: &str, said: &impl Refused, options: &Options) -> Result<(), String> {
    let address_of = Address::parse(address, options)?;
    let connecting = async {
        let (channel, identity) = channel_to(address_of, said).await?;
        identity.into_iter().for_each(|identity| end.identify(identity));
        begin(end, channel, options).await
    };
    in_time(address, connecting, said).await
}

/// A channel to the node at `address`, and who that is by its certificate.
pub(super) async fn open(
    address: &str,
    said: &impl Refused,
    options: &Options,
) -> Result<(Channel, Option<Identity>), String> {
    let address_of = Address::parse(address, options)?;
    in_time(address, channel_to(address_of, said), said).await
}

async fn in_time<T>(
    address: &str,
    connecting: impl Future<Output = Result<T, String>>,
    said: &impl Refused,
) -> Result<T, String> {
    let late = |_| Err(format!("no answer came within {} s", PATIENCE.as_secs()));
    let connected = tokio::time::timeout(PATIENCE, connecting).await.unwrap_or_else(late);
    connected.map_err(|why| {
        let reason = reason_of(&why).filter(|_| address.starts_with("grpcs"));
        reason.into_iter().for_each(|reason| said.count(reason));
        format!("{address}: {}", with_advice(&why))
    })
}

async fn channel_to(address: Address, said: &impl Refused) -> Result<(Channel, Option<Identity>), String> {
    match address {
        Address::Tcp(host) => {
            let there = endpoint(&format!("http://{host}"));
            let connector = service_fn(|to| async { dial(to).await.map(Paced::of_server).map(TokioIo::new) });
            let channel = there.connect_with_connector(connector).await;
            Ok((channel.map_err(with_causes)?, None))
        }
        Address::Unix(path) => {
            let connector = service_fn(move |_| {
                let path = path.clone();
                let connecting = async { UnixStream::connect(path).await.map(roomy).map_err(no_socket) };
                async { connecting.await.map(Paced::of_server).map(TokioIo::new) }
            });
            let there = endpoint("http://unix.invalid");
            let channel = there.connect_with_connector(connector).await;
            Ok((channel.map_err(with_causes)?, None))
        }
        Address::Tls(host, files) => {
            let configs = files.load().await?;
            configs.complaint.iter().for_each(|why| said.tell("", None, why));
            let (channel, identity) = connect_tls(&host, &files, configs).await?;
            Ok((channel, Some(identity)))
        }
    }
}

/// Begins the call that is the link.
async fn begin(end: Arc<LinkEnd>, channel: Channel, options: &Options) -> Result<(), String> {
    let mut grpc = Grpc::new(channel).max_decoding_message_size(options.frame_limit());
    grpc.ready().await.map_err(with_causes)?;
    let frames = Frames::of(end.clone());
    let gone = frames.gone();
    let path = PathAndQuery::from_static(LINK_PATH);
    let response = grpc
        .streaming(Request::new(frames), path, RawCodec)
        .await
        .map_err(with_causes)?;
    tokio::spawn(read_call(end, response.into_inner(), gone));
    Ok(())
}

/// What to do about a Unix socket that cannot be used.
fn no_socket(error: io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => "there is no such socket: correct the path, or start the node that listens there",
        io::ErrorKind::PermissionDenied => {
            "this user may not use the socket: run as the node's user, or change who may"
        }
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}; {advice}"))
}

/// A channel, and who is at its other end.
async fn connect_tls(host: &str, files: &TlsFiles, configs: Configs) -> Result<(Channel, Identity), String> {
    let name = files
        .server_name
        .as_deref()
        .unwrap_or_else(|| bare_host(host))
        .to_owned();
    let name =
        ServerName::try_from(name).map_err(|e| format!("the host is no name that a certificate can have: {e}"))?;
    let shown = Arc::new(OnceLock::new());
    let (connector, showing) = (TlsConnector::from(configs.client), shown.clone());
    let dial_tls = service_fn(move |to| {
        let (connector, name, shown) = (connector.clone(), name.clone(), showing.clone());
        async move {
            let mut stream = connector.connect(name, dial(to).await?).await?;
            // An HTTP/2 server speaks first. One that refuses this node's certificate says so only now, and what was written
            // meanwhile would be lost with its reason.
            if stream.fill_buf().await?.is_empty() {
                return Err(io::Error::other(
                    "the peer closed the connection after the TLS handshake",
                ));
            }
            let _ = shown.set(identity_of(&stream));
            Ok::<_, io::Error>(TokioIo::new(Paced::of_server(stream)))
        }
    });
    let there = endpoint(&format!("http://{host}"));
    let channel = there.connect_with_connector(dial_tls).await.map_err(with_causes)?;
    let identity = shown
        .get()
        .cloned()
        .unwrap_or_else(|| Err("the peer showed no certificate".into()));
    Ok((channel, identity?))
}

fn identity_of(stream: &TlsStream<TcpStream>) -> Result<Identity, String> {
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    Identity::of(chain.first().ok_or("the peer showed no certificate")?)
}

fn endpoint(uri: &str) -> Endpoint {
    Endpoint::from_shared(uri.to_owned())
        .unwrap_or_else(|_| Endpoint::from_static("http://invalid.invalid"))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(HEADER_LIST)
}

/// Connects to a host and a port, at whichever address of the host answers.
async fn dial(to: Uri) -> io::Result<TcpStream> {
    let mut connector = HttpConnector::new();
    // A small frame must not wait for the answer to the one before.
    connector.set_nodelay(true);
    let connected = connector.call(to).await.map_err(io::Error::other)?;
    Ok(connected.into_inner())
}

/// tonic's errors say "transport error" and keep the reason in their sources. Some of those say their own sources, too.
pub(super) fn with_causes(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It says its cause itself, as some errors do.
    #[derive(Debug)]
    struct Says(io::Error);

    impl std::fmt::Display for Says {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "no connection: {}", self.0)
        }
    }

    impl std::error::Error for Says {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_cause_is_said_once_whether_its_error_says_it_or_not() {
        let says = Says(io::Error::other("refused"));
        assert_eq!(with_causes(says), "no connection: refused");
        let boxed = io::Error::other(Says(io::Error::other("refused")));
        assert_eq!(with_causes(boxed), "no connection: refused");
    }

    #[tokio::test]
    async fn a_dialled_connection_sends_small_frames_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let to = format!("http://{}", listener.local_addr().expect("bound"));
        let socket = dial(to.parse().expect("a URI")).await.expect("it listens");
        assert!(socket.nodelay().expect("a socket"));
    }
}
