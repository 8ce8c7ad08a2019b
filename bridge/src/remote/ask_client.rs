//! A client that is no node.

use std::error::Error as _;
use std::time::Duration;

use actorbridge_proto::v1::{Envelope, Kind, Raw};
use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::{Message, Name};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::address::Options;
use super::advice::with_advice;
use super::client::{open, with_causes};
use super::codec::RawCodec;
use super::{ASK_PATH, SUBSCRIBE_PATH};

/// Asks the actors of a node that listens, by single calls, without being a node. See docs/CALLS.md.
#[derive(Debug, Clone)]
pub struct AskClient {
    address: String,
    channel: Channel,
    frame_limit: usize,
}

impl AskClient {
    /// Connects to the node at `tcp://host:port`, `grpcs://host:port` or `unix:///path`, within 10 s.
    ///
    /// # Errors
    /// A sentence that names the address: it is not valid, nobody listens there, or one side refuses the other's certificate.
    pub async fn connect(address: &str, options: &Options) -> Result<Self, String> {
        let (channel, _) = open(address, &(), options).await?;
        let frame_limit = options.frame_limit();
        Ok(Self {
            address: address.to_owned(),
            channel,
            frame_limit,
        })
    }

    /// Asks, and waits for the reply at most `within`. A target `ab:///system` is the node itself.
    ///
    /// # Errors
    /// What happened, to what, and what to do.
    pub async fn ask<R: Message + Default, M: Message + Name>(
        &self,
        target: &str,
        message: &M,
        within: Duration,
    ) -> Result<R, String> {
        let request = ask_of(target, message, u32::try_from(within.as_millis()).unwrap_or(u32::MAX));
        let mut grpc = self.grpc().await?;
        let calling = grpc.unary(request, PathAndQuery::from_static(ASK_PATH), RawCodec);
        // The node answers when the time is over; one that does not is not waited for much longer.
        let patience = within + Duration::from_secs(1);
        let late = |_| format!("{target}: no answer came within {} s", patience.as_secs());
        let called = tokio::time::timeout(patience, calling).await.map_err(late)?;
        let reply = called.map_err(|status| why(&self.address, &status))?.into_inner();
        decode(target, envelope_of(target, reply)?.payload)
    }

    /// Asks for events, until the actor replies or the result is dropped. There is no other end: what nobody reads makes the actor wait.
    ///
    /// # Errors
    /// As [`AskClient::ask`].
    pub async fn subscribe<M: Message + Name>(&self, target: &str, message: &M) -> Result<Events, String> {
        let mut grpc = self.grpc().await?;
        let path = PathAndQuery::from_static(SUBSCRIBE_PATH);
        let calling = grpc.server_streaming(ask_of(target, message, 0), path, RawCodec);
        let called = calling.await.map_err(|status| why(&self.address, &status))?;
        Ok(Events {
            address: self.address.clone(),
            target: target.to_owned(),
            envelopes: called.into_inner(),
        })
    }

    async fn grpc(&self) -> Result<Grpc<Channel>, String> {
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(self.frame_limit);
        let ready = grpc.ready().await;
        ready.map_err(|e| format!("{}: {}", self.address, with_advice(&with_causes(e))))?;
        Ok(grpc)
    }
}

/// What the node says, or what has become of the connection.
fn why(address: &str, status: &Status) -> String {
    match status.source() {
        Some(cause) => format!("{address}: {}", with_advice(&with_causes(cause))),
        None => status.message().to_owned(),
    }
}

/// What an actor answers to [`AskClient::subscribe`]. Dropped, it ends.
#[derive(Debug)]
pub struct Events {
    address: String,
    target: String,
    envelopes: Streaming<Bytes>,
}

/// One answer of [`Events`].
#[derive(Debug)]
pub enum Answer<E, R> {
    /// There may be more.
    Event(E),
    /// The last one.
    Reply(R),
}

impl Events {
    /// Waits for the next answer.
    ///
    /// # Errors
    /// Why there will be no more.
    pub async fn next<E: Message + Default, R: Message + Default>(&mut self) -> Result<Answer<E, R>, String> {
        let came = self.envelopes.message().await;
        let came = came.map_err(|status| why(&self.address, &status))?;
        let raw = came.ok_or_else(|| format!("{}: it ended without a reply", self.target))?;
        let envelope = envelope_of(&self.target, raw)?;
        match envelope.kind() {
            Kind::Event => decode(&self.target, envelope.payload).map(Answer::Event),
            _ => decode(&self.target, envelope.payload).map(Answer::Reply),
        }
    }
}

fn ask_of<M: Message + Name>(target: &str, message: &M, ttl_ms: u32) -> Request<Bytes> {
    let ask = Envelope {
        kind: Kind::Ask as i32,
        target: target.to_owned(),
        r#type: M::full_name(),
        payload: message.encode_to_vec().into(),
        ..Default::default()
    };
    let envelope = ask.encode_to_vec().into();
    Request::new(Raw { envelope, ttl_ms }.encode_to_vec().into())
}

fn envelope_of(target: &str, raw: Bytes) -> Result<Envelope, String> {
    decode(target, decode::<Raw>(target, raw)?.envelope)
}

fn decode<M: Message + Default>(target: &str, bytes: Bytes) -> Result<M, String> {
    M::decode(bytes).map_err(|e| format!("{target}: its answer does not decode: {e}"))
}
