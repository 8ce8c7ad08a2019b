//! A connection that is read in portions.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::heads::Heads;

/// How many bytes are taken from a connection before those go on who read its streams. A link's reader takes as many bytes of frames
/// before it lets others go on, so that it keeps up. With 16 KiB, tells of 1 KiB took a tenth more time.
pub(super) const AT_ONCE: usize = 64 << 10;

/// After how many HTTP/2 frames in these no more is read; the read that brings the last of them is not cut.
///
/// HTTP/2 counts small frames that have come and that nobody has read, and ends a connection with too many of them: half of its
/// window, of which a frame of one byte takes 255. The kernel may hold more than that where a node stood still for a moment.
const FRAMES_AT_ONCE: u32 = 1000;

/// A connection that is read in portions.
pub(super) struct Paced<T> {
    io: T,
    came: Heads,
    resets: u32,
    /// What was taken since others went on.
    bytes: usize,
    frames: u32,
    /// While others go on. Waking at once would not do: a task that has said it yields is behind all that are awake.
    rest: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<T> Paced<T> {
    pub(super) fn of_client(io: T) -> Self {
        Self::new(io, Heads::of_client())
    }

    pub(super) fn of_server(io: T) -> Self {
        Self::new(io, Heads::default())
    }

    fn new(io: T, came: Heads) -> Self {
        Self {
            io,
            came,
            resets: 0,
            bytes: 0,
            frames: 0,
            rest: None,
        }
    }

    /// How many calls the peer has reset since this was asked.
    pub(super) fn take_resets(&mut self) -> u32 {
        std::mem::take(&mut self.resets)
    }

    fn took(&mut self, bytes: &[u8]) {
        let count = self.came.count(bytes);
        self.resets += count.resets;
        self.frames += count.frames;
        self.bytes += bytes.len();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Paced<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.bytes >= AT_ONCE || self.frames >= FRAMES_AT_ONCE {
            let rest = self.rest.get_or_insert_with(|| Box::pin(tokio::task::yield_now()));
            ready!(rest.as_mut().poll(cx));
            (self.rest, self.bytes, self.frames) = (None, 0, 0);
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        match read.is_ready() {
            true => self.took(&buf.filled()[before..]),
            false => (self.bytes, self.frames) = (0, 0),
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Paced<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// What is read of endless bytes before others go on, three times.
    fn portions(bytes: u8, at_once: usize) -> Vec<usize> {
        let mut paced = Paced::of_server(tokio::io::repeat(bytes));
        let mut cx = Context::from_waker(Waker::noop());
        let mut portions = Vec::new();
        for _ in 0..3 {
            let (mut memory, mut read) = (vec![0; at_once], 0);
            loop {
                let mut buf = ReadBuf::new(&mut memory);
                match Pin::new(&mut paced).poll_read(&mut cx, &mut buf) {
                    Poll::Ready(_) => read += buf.filled().len(),
                    Poll::Pending => break,
                }
            }
            portions.push(read);
        }
        portions
    }

    #[test]
    fn others_go_on_after_each_portion() {
        // Frames of 65,793 bytes.
        assert_eq!(portions(1, 8 << 10), [AT_ONCE; 3]);
        // Empty frames, 9 bytes each.
        assert_eq!(portions(0, 900), [FRAMES_AT_ONCE as usize * 9; 3]);
    }
}
