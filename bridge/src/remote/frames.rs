//! A link's two directions on a gRPC stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::coop;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};

use crate::door::LinkEnd;
use crate::remote::paced::AT_ONCE;
use crate::remote::waker::Doorbell;

/// How long a link that ends waits for the peer's last words, and for its own to leave.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// No turn has more steps than this: tokio gives 128, and those of a runtime that counts none never end.
const MAX_BUDGET: usize = 256;

/// What leaves: each poll builds the next packet from all that was sent meanwhile.
pub(super) struct Frames {
    end: Arc<LinkEnd>,
    bell: Arc<Doorbell>,
    gone: CancellationToken,
}

impl Frames {
    pub(super) fn of(end: Arc<LinkEnd>) -> Self {
        let bell = Arc::new(Doorbell::default());
        let ring = bell.clone();
        end.set_wake(Box::new(move || ring.ring()));
        Self {
            end,
            bell,
            gone: CancellationToken::new(),
        }
    }

    /// Trips when nothing can be written any more.
    pub(super) fn gone(&self) -> CancellationToken {
        self.gone.clone()
    }

    fn next_frame(&self) -> Poll<Option<Bytes>> {
        // Down is read first: a packet that was queued before the end is still taken.
        let down = self.end.is_down();
        match self.end.take_frame() {
            Some(frame) => Poll::Ready(Some(frame)),
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
        self.gone.cancel();
    }
}

/// What comes, until the peer or the transport ends it. When nothing can be written any more, the peer's last words may still
/// be on their way. `heard` is called for each frame, before it is acted on.
pub(super) async fn read(
    end: &LinkEnd,
    frames: &mut Streaming<Bytes>,
    gone: CancellationToken,
    mut heard: impl FnMut(),
) {
    let closed = async {
        gone.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::pin!(closed);
    let mut unhandled = 0;
    let mut woke_actors = false;
    loop {
        let came = tokio::select! {
            biased;
            came = std::future::poll_fn(|cx| {
                let came = Pin::new(&mut *frames).poll_next(cx);
                if came.is_pending() && std::mem::take(&mut woke_actors) {
                    end_turn(cx);
                }
                came.map(Option::transpose)
            }) => came,
            () = &mut closed => return end.lost("the connection was closed"),
        };
        match came {
            Ok(Some(frame)) => {
                heard();
                unhandled += frame.len();
                end.receive_frame(frame);
                end.answered().await;
                woke_actors = true;
                // Small frames that have come are all read first, so that what their actors answer leaves together.
                if unhandled >= AT_ONCE {
                    unhandled = 0;
                    tokio::task::yield_now().await;
                }
            }
            Ok(None) => return end.lost("the peer closed the link"),
            Err(status) if is_oversized(&status) => {
                heard();
                return end.oversized_frame(status.message());
            }
            Err(status) => return end.lost(&format!("the connection was lost: {}", status.message())),
        }
        if end.is_down() {
            return;
        }
    }
}

/// Ends a worker's turn, so that whoever was woken in it begins the next.
///
/// A worker of tokio runs who was woken last at once, but in one turn only three: for a fourth it wakes another worker. To read a
/// frame, handle it, build the answer's frame and write that are four, and a worker that is woken for one ask, contends for the
/// connection and sleeps again costs more than the ask.
fn end_turn(cx: &mut Context<'_>) {
    for _ in 0..MAX_BUDGET {
        if !coop::has_budget_remaining() {
            return;
        }
        match coop::poll_proceed(cx) {
            Poll::Ready(spent) => spent.made_progress(),
            Poll::Pending => return,
        }
    }
}

/// As [`read`], for the side that called. To stop reading would cancel the call, and with it the Goodbye that is on its way: the
/// peer's answer is the call's end.
pub(super) async fn read_call(end: Arc<LinkEnd>, mut frames: Streaming<Bytes>, gone: CancellationToken) {
    read(&end, &mut frames, gone, || ()).await;
    let end_of_call = async { while let Ok(Some(_)) = frames.message().await {} };
    let _ = tokio::time::timeout(LAST_WORDS, end_of_call).await;
}

/// tonic says OUT_OF_RANGE for a message over the limit, before it reads it.
fn is_oversized(status: &Status) -> bool {
    matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted)
}
