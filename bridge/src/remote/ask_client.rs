//! A client that is no node.

use std::time::Duration;

use actorbridge_proto::v1::{Envelope, Kind, Raw};
use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::{Message, Name};
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::Channel;

use super::ASK_PATH;
use super::address::Options;
use super::client::open;
use super::codec::RawCodec;

/// Asks the actors of a node that listens, by single calls, without being a node. See docs/CALLS.md.
#[derive(Debug, Clone)]
pub struct AskClient {
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
        Ok(Self { channel, frame_limit })
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
        let ask = Envelope {
            kind: Kind::Ask as i32,
            target: target.to_owned(),
            r#type: M::full_name(),
            payload: message.encode_to_vec().into(),
            ..Default::default()
        };
        let raw = Raw {
            envelope: ask.encode_to_vec().into(),
            ttl_ms: u32::try_from(within.as_millis()).unwrap_or(u32::MAX),
        };
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(self.frame_limit);
        grpc.ready().await.map_err(|e| e.to_string())?;
        let request = Request::new(Bytes::from(raw.encode_to_vec()));
        let calling = grpc.unary(request, PathAndQuery::from_static(ASK_PATH), RawCodec);
        // The node answers when the time is over; one that does not is not waited for much longer.
        let patience = within + Duration::from_secs(1);
        let late = |_| format!("{target}: no answer came within {} s", patience.as_secs());
        let called = tokio::time::timeout(patience, calling).await.map_err(late)?;
        let reply = called.map_err(|status| status.message().to_owned())?.into_inner();
        let unreadable = |e: prost::DecodeError| format!("{target}: its reply does not decode: {e}");
        let raw = Raw::decode(reply).map_err(unreadable)?;
        let envelope = Envelope::decode(raw.envelope).map_err(unreadable)?;
        R::decode(envelope.payload).map_err(unreadable)
    }
}
