//! A connection that is read in portions.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are taken from a connection before those go on who read its streams.
///
/// HTTP/2 counts small frames that have come and that nobody has read, and ends a connection with too many of them: half of its
/// window, of which a frame of one byte takes 255. The kernel may hold more than that where a node stood still for a moment. A
/// link's reader takes as many bytes of frames before it lets others go on, so that it keeps up.
const AT_ONCE: usize = 16 << 10;

/// A connection that is read in portions.
pub(super) struct Paced<T> {
    io: T,
    taken: usize,
    /// While others go on. Waking at once would not do: a task that has said it yields is behind all that are awake.
    rest: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<T> Paced<T> {
    pub(super) fn new(io: T) -> Self {
        Self {
            io,
            taken: 0,
            rest: None,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Paced<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.taken >= AT_ONCE {
            let rest = self.rest.get_or_insert_with(|| Box::pin(tokio::task::yield_now()));
            ready!(rest.as_mut().poll(cx));
            (self.rest, self.taken) = (None, 0);
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        match read.is_ready() {
            true => self.taken += buf.filled().len() - before,
            false => self.taken = 0,
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

    #[test]
    fn others_go_on_after_each_portion() {
        // It has something to read for ever.
        let mut paced = Paced::new(tokio::io::repeat(0));
        let mut cx = Context::from_waker(Waker::noop());
        let mut portions = Vec::new();
        for _ in 0..3 {
            let (mut memory, mut read) = ([0; 8 << 10], 0);
            loop {
                let mut buf = ReadBuf::new(&mut memory);
                match Pin::new(&mut paced).poll_read(&mut cx, &mut buf) {
                    Poll::Ready(_) => read += buf.filled().len(),
                    Poll::Pending => break,
                }
            }
            portions.push(read);
        }
        assert_eq!(portions, [AT_ONCE; 3]);
    }
}
