//! Subscriptions of clients that are no nodes: a stream of envelopes for one ask.

use std::pin::Pin;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::server::ServerStreamingService;
use tonic::{Request, Response, Status};

use super::calls::{Asks, Held, raw, read_ask, status_of};
use crate::asks::Subscription;

/// The method that asks for events. Its messages are bytes for the gRPC library.
pub(super) struct SubscribeMethod<Q> {
    pub(super) asks: Q,
    /// The connection lives as long as the call.
    pub(super) held: Option<Held>,
}

type Envelopes = mpsc::Sender<Result<Bytes, Status>>;

impl<Q: Asks> ServerStreamingService<Bytes> for SubscribeMethod<Q> {
    type Response = Bytes;
    type ResponseStream = ReceiverStream<Result<Bytes, Status>>;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Self::ResponseStream>, Status>> + Send>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let held = self.held.take();
        let subscribing = read_ask(request).map(|(envelope, within)| self.asks.subscribe(envelope, within));
        Box::pin(async move {
            let mut subscription = subscribing?.await.map_err(|error| status_of(&error))?;
            // One: what the client does not read, the subscription holds, and then its actor waits.
            let (tx, rx) = mpsc::channel(1);
            tokio::spawn(async move {
                tokio::select! {
                    () = pass_on(&mut subscription, &tx) => {}
                    () = tx.closed() => {} // the client waits no longer
                }
                drop(held);
            });
            Ok(Response::new(ReceiverStream::new(rx)))
        })
    }
}

/// Events, then the reply or why there is none.
async fn pass_on(subscription: &mut Subscription, to: &Envelopes) {
    loop {
        let (message, last) = match subscription.next().await {
            Ok(Some(event)) => (Ok(raw(event.envelope())), false),
            Ok(None) => match subscription.reply() {
                Some(reply) => (Ok(raw(reply.envelope())), true),
                None => return,
            },
            Err(error) => (Err(status_of(&error)), true),
        };
        if to.send(message).await.is_err() || last {
            return;
        }
    }
}
