//! Messages whose payload is bytes that nobody encodes or decodes on the way.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actorbridge_proto::What;
use actorbridge_proto::v1::{Code, ContentType, Kind};
use actorbridge_proto::writer::{self, BodyFields};
use bytes::Bytes;

use crate::address::Ref;
use crate::api::Node;
use crate::context::Cx;
use crate::error::{Error, Fault};
use crate::message::{Message, Outgoing};
use crate::traces::{Chain, in_trace};

/// A message type whose payload is bytes: for gateways, for data that has a format of its own, and where every nanosecond counts.
/// It has a name and no versions. Both sides make it with the same name; in Go it is `NewRawType`.
///
/// ```
/// static TICK: actorbridge::RawType = actorbridge::RawType::new("ticks.v1.Tick");
/// ```
#[derive(Debug)]
pub struct RawType {
    name: &'static str,
    tell: OnceLock<Arc<What>>,
    ask: OnceLock<Arc<What>>,
    reply: OnceLock<Arc<What>>,
}

impl RawType {
    /// A type with a name, such as `ticks.v1.Tick`. An actor that knows other types of that name refuses it.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            tell: OnceLock::new(),
            ask: OnceLock::new(),
            reply: OnceLock::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn what(&self, kind: Kind) -> Arc<What> {
        let made = match kind {
            Kind::Ask => &self.ask,
            Kind::Reply => &self.reply,
            _ => &self.tell,
        };
        made.get_or_init(|| Arc::new(writer::what_of(kind as u32, self.name, 1, 1, ContentType::Raw)))
            .clone()
    }

    pub(crate) fn outgoing(&self, kind: Kind, payload: &[u8], fields: BodyFields<'_>) -> Outgoing {
        Outgoing::plain(self.what(kind), fields, payload)
    }
}

impl Message {
    /// The payload of a raw message of this type, as its sender gave it, also where it came compressed; of one that did not,
    /// [`Message::payload_bytes`] is the same to keep.
    ///
    /// # Errors
    /// UNSUPPORTED_TYPE or UNSUPPORTED_CODEC; of one that came compressed also UNDECODABLE or TOO_LARGE. Return it with `?`, and the asker is told.
    pub fn raw(&self, raw: &RawType) -> Result<&[u8], Fault> {
        if self.what.type_name != raw.name {
            return Err(Fault::unsupported(&self.what.type_name));
        }
        if self.what.content_type != ContentType::Raw as u32 {
            let detail = format!("{} is read raw here, and came encoded", raw.name);
            return Err(Fault::new(Code::UnsupportedCodec, detail));
        }
        if self.what.compression == 0 {
            return Ok(self.payload());
        }
        self.plain_payload()?;
        Ok(self.decompressed.get().map_or(&[], |payload| payload))
    }
}

impl Node {
    /// [`Node::tell`] for a raw message.
    ///
    /// # Errors
    /// As there.
    pub async fn tell_raw(&self, to: &Ref, raw: &RawType, payload: &[u8]) -> Result<(), Error> {
        let trace = self.inner.trace_now(None);
        if trace.is_none() && self.inner.outside.send_plain(to, &raw.what(Kind::Tell), &[payload]) == 1 {
            return Ok(());
        }
        let out = raw.outgoing(Kind::Tell, payload, in_trace(trace.as_ref()));
        self.inner.place(&self.inner.outside, to, &out).await.map(drop)
    }

    /// [`Node::tell_raw`] for several messages, which share what a message costs beside its bytes.
    ///
    /// # Errors
    /// How many were sent, in order, and why the next one was not.
    pub async fn tell_raw_all(&self, to: &Ref, raw: &RawType, payloads: &[&[u8]]) -> Result<(), (usize, Error)> {
        let (mut sent, plain) = (0, self.inner.trace_now(None).is_none());
        loop {
            if plain {
                let what = raw.what(Kind::Tell);
                sent += self.inner.outside.send_plain(to, &what, &payloads[sent..]);
            }
            let Some(next) = payloads.get(sent) else { return Ok(()) };
            self.tell_raw(to, raw, next).await.map_err(|error| (sent, error))?;
            sent += 1;
        }
    }

    /// [`Node::ask`] for a raw message whose reply is raw too.
    ///
    /// # Errors
    /// As there.
    pub async fn ask_raw(&self, to: &Ref, raw: &RawType, payload: &[u8], within: Duration) -> Result<Bytes, Error> {
        let make = |fields: BodyFields<'_>| Ok(raw.outgoing(Kind::Ask, payload, fields));
        let node = &self.inner;
        let span = node.ask_span(None, to, raw.name);
        let chain = Chain::of(span.trace.as_ref());
        let reply = span
            .around(node.ask_out(&node.outside, to, make, within, chain, None))
            .await?;
        let is_raw = reply.what.content_type == ContentType::Raw as u32;
        let unsupported = || Error::of_answer(to.as_str(), Fault::unsupported(&reply.what.type_name));
        let reply = is_raw.then(|| reply.plain_payload()).ok_or_else(unsupported)?;
        reply.map_err(|fault| Error::of_answer(to.as_str(), fault))
    }
}

impl Cx {
    /// [`Cx::tell`] for a raw message.
    ///
    /// # Errors
    /// As there.
    pub fn tell_raw(&self, to: &Ref, raw: &RawType, payload: &[u8]) -> Result<(), Error> {
        let trace = self.trace_now();
        self.stage(to, raw.outgoing(Kind::Tell, payload, in_trace(trace.as_ref())))
    }

    /// [`Cx::reply`] with a raw message.
    ///
    /// # Errors
    /// As there.
    pub fn reply_raw(&self, raw: &RawType, payload: &[u8]) -> Result<(), Fault> {
        self.reply_with(|_, fields| Ok(raw.outgoing(Kind::Reply, payload, fields)))
    }
}
