//! Asks by a complete envelope, of clients that are no nodes.

use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::{Code, ContentType, Kind};
use actorbridge_proto::wire::Fields;
use actorbridge_proto::writer::{self, BodyFields};
use actorbridge_proto::{EnvelopeView, Refusal, What};
use bytes::Bytes;

use crate::address::Address;
use crate::asks::Subscription;
use crate::caller::DEFAULT_WITHIN;
use crate::error::Error;
use crate::message::Outgoing;
use crate::node::Inner;
use crate::remote::{Answering, Asks, Subscribing};
use crate::traces::Chain;

/// The last field of an envelope, by number, that a node writes itself when it asks for a client: kind, payload, correlation,
/// source, target, type with its versions, content type, reply_to.
const LAST_OWN_FIELD: u32 = 10;
/// Most bytes of an envelope that comes by a call: gRPC takes 4 MiB with what is around it.
const MOST: usize = (4 << 20) - (64 << 10);

impl Inner {
    /// Asks with a complete envelope of kind ASK, and returns that of the reply.
    pub(crate) async fn ask_envelope(
        self: &Arc<Self>,
        envelope: Bytes,
        within: Option<Duration>,
    ) -> Result<Bytes, Error> {
        let ask = ClientAsk::read(&envelope)?;
        let within = within.unwrap_or(DEFAULT_WITHIN);
        let make = |fields: BodyFields<'_>| Ok(ask.out(fields));
        let reply = self
            .ask_out(&self.outside, &ask.to, make, within, Chain::default(), None)
            .await?;
        Ok(reply.envelope())
    }

    /// The same for events. Without `within` they come until the actor or the client ends it.
    pub(crate) async fn subscribe_envelope(
        self: &Arc<Self>,
        envelope: Bytes,
        within: Option<Duration>,
    ) -> Result<Subscription, Error> {
        let ask = ClientAsk::read(&envelope)?;
        let make = |fields: BodyFields<'_>| Ok(ask.out(fields));
        let within = within.unwrap_or(Duration::MAX);
        self.subscribe(&self.outside, &ask.to, make, within, Chain::default(), None)
            .await
    }
}

/// What a client asks.
struct ClientAsk {
    to: Address,
    what: Arc<What>,
    rest: Vec<u8>,
    payload: Vec<u8>,
}

impl ClientAsk {
    fn read(envelope: &[u8]) -> Result<Self, Error> {
        let refuse = |code, detail: &str| Error::new(code, "an envelope", detail);
        let refused = |refusal: Refusal| refuse(refusal.code, &refusal.detail);
        if envelope.len() > MOST {
            let detail = format!(
                "it has {} bytes; at most {MOST}: a larger one goes by the link of a node",
                envelope.len()
            );
            return Err(refuse(Code::TooLarge, &detail));
        }
        let view = EnvelopeView::read(envelope).map_err(refused)?;
        if view.kind != Kind::Ask as u32 {
            let detail = "only a KIND_ASK is taken from a client that is no node";
            return Err(refuse(Code::UnsupportedKind, detail));
        }
        let named = [&view.source, &view.reply_to, &view.tenant];
        if named.iter().any(|text| !text.is_empty()) || view.correlation != 0 {
            let detail = "a client that is no node has no source, reply_to, tenant and correlation: leave them out";
            return Err(refuse(Code::InvalidArgument, detail));
        }
        if view.compression != 0 {
            return Err(refuse(Code::UnsupportedCodec, "it is compressed"));
        }
        let to: Address = view.target.parse()?;
        let unknown = |_| refuse(Code::UnsupportedCodec, "its content type is not known here");
        let content = ContentType::try_from(view.content_type as i32).map_err(unknown)?;
        Ok(Self {
            to,
            what: Arc::new(own_what(&view, content)),
            rest: other_fields(envelope).map_err(refused)?,
            payload: writer::body(BodyFields::default(), view.payload).to_vec(),
        })
    }

    /// The ask, with what this node says of it.
    fn out(&self, fields: BodyFields<'_>) -> Outgoing {
        let body = [&writer::body(fields, &[])[..], &self.rest, &self.payload].concat();
        Outgoing::encoded(self.what.clone(), body.into())
    }
}

fn own_what(view: &EnvelopeView<'_>, content: ContentType) -> What {
    let (version, min_reader) = (view.type_version.max(1), view.min_reader_version.max(1));
    writer::what_of(Kind::Ask as u32, &view.type_name, version, min_reader, content)
}

/// The fields of an envelope that nobody rewrites: also those that this build does not know.
fn other_fields(envelope: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (mut fields, mut rest) = (Fields::new(envelope), Vec::new());
    while let Some(field) = fields.next_field()? {
        if field.number > LAST_OWN_FIELD {
            rest.extend_from_slice(&envelope[field.start..field.end]);
        }
    }
    Ok(rest)
}

/// A node that asks for clients that are no nodes.
#[derive(Clone)]
pub(crate) struct ForClients(pub(crate) Arc<Inner>);

impl Asks for ForClients {
    fn ask(&self, envelope: Bytes, within: Option<Duration>) -> Answering {
        let node = self.0.clone();
        Box::pin(async move { node.ask_envelope(envelope, within).await })
    }

    fn subscribe(&self, envelope: Bytes, within: Option<Duration>) -> Subscribing {
        let node = self.0.clone();
        Box::pin(async move { node.subscribe_envelope(envelope, within).await })
    }
}
