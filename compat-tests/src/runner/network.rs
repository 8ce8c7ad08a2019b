//! What is between two nodes in cases about networks: connections go through here, and can be hurt.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::cases::Fault;

/// Passes connections on to a node, wherever that listens at present.
#[derive(Debug)]
pub(super) struct Network {
    /// Where it listens itself.
    pub(super) address: String,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    to: Mutex<String>,
    faults: Mutex<Faults>,
}

/// What hurts the connections that there are.
#[derive(Debug, Clone, Default)]
struct Faults {
    cut: CancellationToken,
    mute: CancellationToken,
}

impl Drop for Network {
    fn drop(&mut self) {
        self.accepting.abort();
        self.hurt(Fault::Cut);
    }
}

impl Network {
    /// Before the node at `to`, by the same kind of address.
    pub(super) async fn before(to: &str) -> Result<Self, String> {
        let shared = Arc::new(Shared {
            to: Mutex::new(to.to_owned()),
            faults: Mutex::default(),
        });
        let passing = shared.clone();
        let (address, task) = match to.split_once("://") {
            Some(("unix", path)) => {
                let address = format!("{path}-network");
                let listener = UnixListener::bind(&address).map_err(|e| e.to_string())?;
                let task = tokio::spawn(async move {
                    while let Ok((near, _)) = listener.accept().await {
                        tokio::spawn(pass_unix(near, passing.clone()));
                    }
                });
                (format!("unix://{address}"), task)
            }
            Some((scheme, _)) => {
                let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
                let address = listener.local_addr().map_err(|e| e.to_string())?;
                let task = tokio::spawn(async move {
                    while let Ok((near, _)) = listener.accept().await {
                        tokio::spawn(pass_tcp(near, passing.clone()));
                    }
                });
                (format!("{scheme}://{address}"), task)
            }
            None => return Err(format!("{to} is no address")),
        };
        let accepting = task.abort_handle();
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// The node listens elsewhere from now on.
    pub(super) fn leads_to(&self, to: &str) {
        to.clone_into(&mut self.shared.to.lock().expect("not poisoned"));
    }

    pub(super) fn hurt(&self, fault: Fault) {
        let faults = std::mem::take(&mut *self.shared.faults.lock().expect("not poisoned"));
        match fault {
            Fault::Cut => faults.cut.cancel(),
            Fault::Mute => faults.mute.cancel(),
        }
    }
}

impl Shared {
    fn target(&self) -> String {
        let to = self.to.lock().expect("not poisoned");
        to.split_once("://").map(|(_, at)| at.to_owned()).unwrap_or_default()
    }

    fn faults(&self) -> Faults {
        self.faults.lock().expect("not poisoned").clone()
    }
}

async fn pass_unix(near: UnixStream, shared: Arc<Shared>) {
    if let Ok(far) = UnixStream::connect(shared.target()).await {
        pass(near, far, shared.faults()).await;
    }
}

async fn pass_tcp(near: TcpStream, shared: Arc<Shared>) {
    let _ = near.set_nodelay(true);
    if let Ok(far) = TcpStream::connect(shared.target()).await {
        let _ = far.set_nodelay(true);
        pass(near, far, shared.faults()).await;
    }
}

/// Both ways, until an end or a fault. A muted connection stays open as long as the process.
async fn pass<S: AsyncRead + AsyncWrite + Unpin>(mut near: S, mut far: S, faults: Faults) {
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        () = faults.cut.cancelled() => {}
        () = faults.mute.cancelled() => return std::future::pending().await,
    }
    let _ = tokio::join!(near.shutdown(), far.shutdown());
}
