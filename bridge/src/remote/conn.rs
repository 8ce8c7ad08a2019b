//! Connections that come in: how many there may be, how long they may take to become links, and who is at their other end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::advice::with_advice;
use super::identity::Identity;
use super::tls::TlsFiles;

/// Most connections that a listener has at once.
const MAX_CONNECTIONS: usize = 1_024;
/// How long a connection may be without a link: for the handshakes of TLS, HTTP/2 and the nodes together.
pub(super) const SET_UP: Duration = Duration::from_secs(10);
/// How long to wait after an accept that failed: for lack of descriptors, mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// Is told of a connection that becomes no link: from where, and why.
pub(super) type Refused = Arc<dyn Fn(&str, &str) + Send + Sync>;

trait Io: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

/// Who is at the other end of a connection. A request's extensions have it.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// As its certificate says; `None` = it showed none.
    pub(super) identity: Option<Identity>,
    /// Links that the connection carries.
    pub(super) links: Arc<AtomicUsize>,
}

/// A connection that was accepted.
pub(super) struct Conn {
    io: Pin<Box<dyn Io>>,
    peer: Peer,
    from: String,
    refused: Refused,
    /// When it must carry a link; runs while it carries none.
    patience: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl Connected for Conn {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Conn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.peer.links.load(Ordering::Relaxed) > 0 {
            self.patience = None;
        } else {
            let patience = self
                .patience
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(SET_UP)));
            if patience.as_mut().poll(cx).is_ready() {
                let why = format!("it carried no link for {} s", SET_UP.as_secs());
                (self.refused)(&self.from, &why);
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
            }
        }
        self.io.as_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_shutdown(cx)
    }
}

/// What a node listens with.
pub(super) enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, TlsFiles),
    Unix(UnixListener),
}

impl Listener {
    /// Connections, each when it can carry requests, until `until` is cancelled.
    pub(super) fn incoming(self, refused: Refused, until: CancellationToken) -> ReceiverStream<io::Result<Conn>> {
        let (ready, incoming) = mpsc::channel(16);
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = self.accept() => accepted,
                    () = until.cancelled() => return,
                };
                let (socket, from) = match accepted {
                    Ok(accepted) => accepted,
                    Err(e) => {
                        refused("", &format!("a connection could not be accepted: {e}"));
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                let Ok(place) = places.clone().try_acquire_owned() else {
                    refused(&from, &format!("there are {MAX_CONNECTIONS} connections already"));
                    continue;
                };
                let setting_up = self.set_up(socket, from, refused.clone(), place);
                let (ready, until) = (ready.clone(), until.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        conn = setting_up => if let Some(conn) = conn {
                            let _ = ready.send(Ok(conn)).await;
                        },
                        () = until.cancelled() => {}
                    }
                });
            }
        });
        ReceiverStream::new(incoming)
    }

    async fn accept(&self) -> io::Result<(Socket, String)> {
        match self {
            Self::Tcp(listener) | Self::Tls(listener, _) => {
                let (socket, from) = listener.accept().await?;
                // A small frame must not wait for the answer to the one before.
                let _ = socket.set_nodelay(true);
                Ok((Socket::Tcp(socket), from.to_string()))
            }
            Self::Unix(listener) => {
                let (socket, _) = listener.accept().await?;
                Ok((Socket::Unix(Box::pin(socket)), "a Unix socket".into()))
            }
        }
    }

    fn set_up(
        &self,
        socket: Socket,
        from: String,
        refused: Refused,
        place: OwnedSemaphorePermit,
    ) -> impl Future<Output = Option<Conn>> + Send + use<> {
        let tls = match self {
            Self::Tls(_, files) => Some(files.clone()),
            _ => None,
        };
        async move {
            let patience = Box::pin(tokio::time::sleep(SET_UP));
            let shaken = match (socket, tls) {
                (Socket::Tcp(socket), Some(files)) => {
                    let shaking = shake_hands(socket, &files, &refused);
                    tokio::time::timeout_at(patience.deadline(), shaking)
                        .await
                        .unwrap_or_else(|_| Err(format!("no TLS handshake came within {} s", SET_UP.as_secs())))
                }
                (Socket::Tcp(socket), None) => Ok((Box::pin(socket) as Pin<Box<dyn Io>>, None)),
                (Socket::Unix(socket), _) => Ok((socket, None)),
            };
            match shaken {
                Ok((io, identity)) => Some(Conn {
                    io,
                    peer: Peer {
                        identity,
                        links: Arc::default(),
                    },
                    from,
                    refused,
                    patience: Some(patience),
                    _place: place,
                }),
                Err(why) => {
                    refused(&from, &with_advice(&why));
                    None
                }
            }
        }
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(Pin<Box<dyn Io>>),
}

type Shaken = (Pin<Box<dyn Io>>, Option<Identity>);

async fn shake_hands(socket: TcpStream, files: &TlsFiles, refused: &Refused) -> Result<Shaken, String> {
    let configs = files.load().await?;
    if let Some(complaint) = &configs.complaint {
        refused("", complaint);
    }
    let server = configs.server.ok_or("there is no certificate to listen with")?;
    let stream = TlsAcceptor::from(server)
        .accept(socket)
        .await
        .map_err(|e| e.to_string())?;
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let identity = shown.map(Identity::of).transpose()?;
    Ok((Box::pin(stream), identity))
}
