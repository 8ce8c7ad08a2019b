//! Connections that come in: how many there may be, how long they may take to become links, and who is at their other end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use actorbridge_proto::v1::RefusalReason;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::address::Options;
use super::advice::{reason_of, with_advice};
use super::identity::Identity;
use super::paced::Paced;
use super::refusals::Refusals;
use super::resets::{MAX_RESETS, Resets};
use super::tls::TlsFiles;
use super::unix::{SocketFile, roomy};
use super::waker::Doorbell;

/// How long to wait after an accept that failed: for lack of descriptors, mostly.
const PAUSE: Duration = Duration::from_millis(100);

const NO_HANDSHAKE: &str = "no TLS handshake came";

/// Most links that a connection may carry at once; a node makes one.
pub(super) const MAX_LINKS: u32 = 16;

trait Io: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

/// Who is at the other end of a connection. A request's extensions have it.
#[derive(Clone)]
pub(super) struct Peer {
    /// As its certificate says; `None` = it showed none.
    pub(super) identity: Option<Identity>,
    pub(super) carried: Arc<Carried>,
}

/// What a connection carries. Whoever reads a link of it holds this, too: what came in time counts, though the connection is gone.
pub(super) struct Carried {
    /// Links, and calls that are no links, at present.
    now: AtomicUsize,
    /// The same so far.
    begun: AtomicUsize,
    /// It has carried a link or a call, which tell of themselves, or its refusal has been told.
    accounted_for: AtomicBool,
    /// Wakes the connection when it carries nothing any more: a peer that is silent, and reads nothing, does not.
    idle: Doorbell,
    from: String,
    refusals: Arc<Refusals>,
}

impl Carried {
    fn new(from: String, refusals: Arc<Refusals>) -> Arc<Self> {
        Arc::new(Self {
            now: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            accounted_for: AtomicBool::new(false),
            idle: Doorbell::default(),
            from,
            refusals,
        })
    }

    /// A link has said something, or a call has come.
    pub(super) fn begins(&self) {
        self.accounted_for.store(true, Ordering::Release);
        self.now.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    /// A link or a call is over.
    pub(super) fn ends(&self) {
        if self.now.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.idle.ring();
        }
    }

    fn is_idle(&self) -> bool {
        self.now.load(Ordering::Acquire) == 0
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::Acquire)
    }

    /// Tells why the connection is of no use, unless what it carried told of itself.
    fn refuse(&self, reason: RefusalReason, why: &str) {
        if !self.accounted_for.swap(true, Ordering::AcqRel) {
            self.refusals.add(&self.from, reason, why);
        }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.refuse(RefusalReason::NoLink, "it ended before it carried a link");
    }
}

/// A connection that was accepted.
pub(super) struct Conn {
    io: Paced<Pin<Box<dyn Io>>>,
    peer: Peer,
    /// How long it may carry no link, and when that is over; runs while it carries none.
    set_up_time: Duration,
    patience: Option<Pin<Box<Sleep>>>,
    /// Links and calls that it had carried when it was last looked at.
    seen: usize,
    resets: Resets,
    /// Too many of its calls were reset.
    has_flooded: bool,
    _place: OwnedSemaphorePermit,
}

impl Connected for Conn {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl Conn {
    /// An error once the connection has carried no link for too long. Whatever it does looks here first: whoever reads nothing keeps it
    /// writing, and whoever says nothing reading.
    fn look(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.has_flooded {
            return Err(io::Error::other("too many of its calls were reset"));
        }
        let begun = self.peer.carried.begun();
        if begun != self.seen || !self.peer.carried.is_idle() {
            (self.patience, self.seen) = (None, begun);
            // Register, then look again: an end between the two would wake nobody.
            self.peer.carried.idle.register(cx.waker());
        }
        if !self.peer.carried.is_idle() {
            return Ok(());
        }
        let time = self.set_up_time;
        let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        if patience.as_mut().poll(cx).is_pending() {
            return Ok(());
        }
        let why = format!("it carried no link for {} s", time.as_secs_f32());
        self.peer.carried.refuse(RefusalReason::SlowHandshake, &why);
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    }

    /// Too many of its calls were reset: nothing more is read or written.
    fn floods(&mut self) {
        if !std::mem::replace(&mut self.has_flooded, true) {
            let why = format!("more than {MAX_RESETS} of its calls were reset within a second");
            let carried = &self.peer.carried;
            carried.accounted_for.store(true, Ordering::Release);
            carried.refusals.add(&carried.from, RefusalReason::TooManyResets, &why);
        }
    }
}

impl AsyncRead for Conn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.look(cx)?;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        let resets = self.io.take_resets();
        if self.resets.came(resets) {
            self.floods();
            buf.set_filled(before);
            self.look(cx)?;
        }
        read
    }
}

impl AsyncWrite for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.look(cx)?;
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(n)) = written
            && self.resets.left(&buf[..n])
        {
            self.floods();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.look(cx)?;
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(mut left)) = written {
            for buf in bufs {
                let n = left.min(buf.len());
                left -= n;
                if self.resets.left(&buf[..n]) {
                    self.floods();
                }
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.look(cx)?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// What a node listens with.
pub(super) enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, TlsFiles),
    Unix {
        /// It goes before the listener does: once nobody listens, another process may put its own in the place.
        _file: SocketFile,
        listener: UnixListener,
    },
}

impl Listener {
    /// Connections, each when it can carry requests, until `until` is cancelled; and what ends when nobody listens any more.
    pub(super) fn incoming(
        self,
        options: &Options,
        refusals: Arc<Refusals>,
        until: CancellationToken,
    ) -> (ReceiverStream<io::Result<Conn>>, JoinHandle<()>) {
        let (ready, incoming) = mpsc::channel(16);
        let (most, time) = (options.max_connections, options.set_up_time);
        let places = Arc::new(Semaphore::new(most));
        let listening = tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = self.accept() => accepted,
                    () = until.cancelled() => return,
                };
                let (socket, from) = match accepted {
                    Ok(accepted) => accepted,
                    Err(e) => {
                        refusals.tell(&format!("a connection could not be accepted: {e}"));
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                let Ok(place) = places.clone().try_acquire_owned() else {
                    let why = format!("there are {most} connections already");
                    refusals.add(&from, RefusalReason::TooManyConnections, &why);
                    continue;
                };
                let setting_up = self.set_up(socket, from, (refusals.clone(), time), place);
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
        (ReceiverStream::new(incoming), listening)
    }

    async fn accept(&self) -> io::Result<(Socket, String)> {
        match self {
            Self::Tcp(listener) | Self::Tls(listener, _) => {
                let (socket, from) = listener.accept().await?;
                // A small frame must not wait for the answer to the one before.
                let _ = socket.set_nodelay(true);
                Ok((Socket::Tcp(socket), from.to_string()))
            }
            Self::Unix { listener, .. } => {
                let (socket, _) = listener.accept().await?;
                Ok((Socket::Unix(Box::pin(roomy(socket))), "a Unix socket".into()))
            }
        }
    }

    fn set_up(
        &self,
        socket: Socket,
        from: String,
        (refusals, time): (Arc<Refusals>, Duration),
        place: OwnedSemaphorePermit,
    ) -> impl Future<Output = Option<Conn>> + Send + use<> {
        let tls = match self {
            Self::Tls(_, files) => Some(files.clone()),
            _ => None,
        };
        async move {
            let patience = Box::pin(tokio::time::sleep(time));
            let shaken = match (socket, tls) {
                (Socket::Tcp(socket), Some(files)) => {
                    let shaking = shake_hands(socket, &files, &refusals);
                    tokio::time::timeout_at(patience.deadline(), shaking)
                        .await
                        .unwrap_or_else(|_| Err(format!("{NO_HANDSHAKE} within {} s", time.as_secs_f32())))
                }
                (Socket::Tcp(socket), None) => Ok((Box::pin(socket) as Pin<Box<dyn Io>>, None)),
                (Socket::Unix(socket), _) => Ok((socket, None)),
            };
            match shaken {
                Ok((io, identity)) => Some(Conn {
                    io: Paced::of_client(io),
                    peer: Peer {
                        identity,
                        carried: Carried::new(from, refusals),
                    },
                    set_up_time: time,
                    patience: Some(patience),
                    seen: 0,
                    resets: Resets::new(),
                    has_flooded: false,
                    _place: place,
                }),
                Err(why) => {
                    let slow = why.starts_with(NO_HANDSHAKE).then_some(RefusalReason::SlowHandshake);
                    let reason = slow.or_else(|| reason_of(&why)).unwrap_or(RefusalReason::NoLink);
                    refusals.add(&from, reason, &with_advice(&why));
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

async fn shake_hands(socket: TcpStream, files: &TlsFiles, refusals: &Refusals) -> Result<Shaken, String> {
    let configs = files.load().await?;
    if let Some(complaint) = &configs.complaint {
        refusals.tell(complaint);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_accepted_connection_sends_small_frames_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let _dialled = TcpStream::connect(listener.local_addr().expect("bound"))
            .await
            .expect("it listens");
        let (socket, _) = Listener::Tcp(listener).accept().await.expect("accepted");
        assert!(matches!(socket, Socket::Tcp(socket) if socket.nodelay().expect("a socket")));
    }
}
