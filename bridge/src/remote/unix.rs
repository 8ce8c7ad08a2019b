//! Listening at a Unix socket's path.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use socket2::SockRef;
use tokio::net::{UnixListener, UnixStream};

/// What the kernel is asked to keep of what is written to a Unix socket and not read. By default that is 208 KiB
/// (`net.core.wmem_default`), and it does not grow, as it does for TCP. With more, tells of 1 KiB take a tenth less time.
const BUFFER: usize = 1 << 20;

/// Has the kernel keep more of what is written, as far as `net.core.wmem_max` allows.
pub(super) fn roomy(stream: UnixStream) -> UnixStream {
    // A socket with less room is slower, and that is all.
    let _ = SockRef::from(&stream).set_send_buffer_size(BUFFER);
    stream
}

/// The file of a socket that is listened on; removed with this.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens at a path. A socket that nobody listens on any more is replaced, and nothing else.
pub(super) async fn bind(path: PathBuf) -> Result<(UnixListener, SocketFile), String> {
    let listener = match UnixListener::bind(&path) {
        Err(taken) if taken.kind() == io::ErrorKind::AddrInUse => {
            if let Some(why) = in_the_way(&path).await {
                return Err(format!("{taken}; {why}"));
            }
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(format!("a socket that nobody listens on cannot be replaced: {e}"));
                }
                _ => UnixListener::bind(&path),
            }
        }
        other => other,
    };
    let listener = listener.map_err(|e| e.to_string())?;
    Ok((listener, SocketFile(path)))
}

/// What is at a path that must not be removed, and what to do; `None` = a socket that nobody listens on, or nothing any more.
async fn in_the_way(path: &Path) -> Option<String> {
    match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
        Err(e) => return Some(format!("what is there cannot be told: {e}")),
        Ok(there) if !there.file_type().is_socket() => {
            return Some("what is there is no socket: move it away, or listen at another path".into());
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Ok(_) => Some("somebody listens there: end that first, or listen at another path".into()),
        Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => None,
        Err(e) => Some(format!(
            "whether somebody listens there cannot be told ({e}): remove the socket if nobody does, or listen at another path"
        )),
    }
}
