//! A link's two directions on a gRPC stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio_stream::Stream;
use tonic::{Code, Status, Streaming};

use crate::door::LinkEnd;
use crate::remote::waker::Doorbell;

/// What leaves: each poll builds the next packet from all that was sent meanwhile.
pub(super) struct Frames {
    end: Arc<LinkEnd>,
    bell: Arc<Doorbell>,
}

impl Frames {
    pub(super) fn of(end: Arc<LinkEnd>) -> Self {
        let bell = Arc::new(Doorbell::default());
        let ring = bell.clone();
        end.set_wake(Box::new(move || ring.ring()));
        Self { end, bell }
    }

    fn next_frame(&self) -> Poll<Option<Bytes>> {
        // Down is read first: a packet that was queued before the end is still taken.
        let down = self.end.is_down();
        match self.end.take_packet() {
            Some(packet) => Poll::Ready(Some(packet.to_bytes())),
            None if down => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Stream for Frames {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let ready @ Poll::Ready(_) = self.next_frame() {
            return ready;
        }
        // Register, then look again: what came between the two would ring nobody.
        self.bell.register(cx.waker());
        self.next_frame()
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.end.lost("the connection was closed");
    }
}

/// What comes, until the peer or the transport ends it.
pub(super) async fn read(end: Arc<LinkEnd>, mut frames: Streaming<Bytes>) {
    loop {
        match frames.message().await {
            Ok(Some(frame)) => end.receive_frame(frame),
            Ok(None) => return end.lost("the peer closed the link"),
            Err(status) if is_oversized(&status) => return end.bad_frame(status.message()),
            Err(status) => return end.lost(&format!("the connection was lost: {}", status.message())),
        }
        if end.is_down() {
            return;
        }
    }
}

/// tonic says OUT_OF_RANGE for a message over the limit, before it reads it.
fn is_oversized(status: &Status) -> bool {
    matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted)
}
