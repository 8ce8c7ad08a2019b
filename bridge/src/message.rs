//! A message as an actor gets it: always encoded, so that nothing is shared between two actors.

use std::sync::Arc;

use actorbridge_proto::v1::{Failure, Kind};
use actorbridge_proto::view::{self, EnvelopeView};
use actorbridge_proto::writer::{self, BodyFields};
use actorbridge_proto::{Refusal, Versioned, What, Who};
use bytes::Bytes;

use crate::address::Address;
use crate::error::Fault;
use crate::machine::Millis;

/// A message type: generated code implements it by its parts.
pub trait Payload: prost::Message + prost::Name + Versioned + Default {}

impl<T: prost::Message + prost::Name + Versioned + Default> Payload for T {}

/// How the mailbox permit of a message is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permit {
    Local,
    Stream { link: u64, flow: u32, seq: u64 },
}

/// One message: who ++ what ++ body, as its sender wrote it.
#[derive(Debug, Clone)]
pub struct Message {
    pub(crate) who: Arc<Who>,
    pub(crate) what: Arc<What>,
    pub(crate) body: Bytes,
    pub(crate) payload: Bytes,
    pub(crate) correlation: u64,
    pub(crate) deadline: Option<Millis>,
    pub(crate) hops: u32,
    pub(crate) permit: Permit,
    pub(crate) context: Bytes,
}

impl Message {
    /// Reads a message from its three parts. `who` and `what` may be empty: then the body holds their fields.
    pub(crate) fn read(mut who: Arc<Who>, mut what: Arc<What>, body: Bytes) -> Result<Self, Refusal> {
        let view = EnvelopeView::read_body(&body, who.present | what.present)?;
        if !view.target.is_empty() || !view.source.is_empty() {
            who = Arc::new(Who {
                source: view.source.to_owned(),
                target: view.target.to_owned(),
                reply_to: view.reply_to.to_owned(),
                present: 0,
                bytes: Bytes::new(),
            });
        }
        if view.kind != 0 {
            what = Arc::new(What {
                present: 0,
                ..What::of_view(&view, Bytes::new())
            });
        }
        let payload = if view.payload.is_empty() {
            Bytes::new()
        } else {
            body.slice_ref(view.payload)
        };
        let correlation = view.correlation;
        let (deadline, hops, permit, context) = (None, 0, Permit::Local, Bytes::new());
        Ok(Self {
            who,
            what,
            payload,
            correlation,
            deadline,
            hops,
            permit,
            context,
            body,
        })
    }

    /// What kind of message it is; `None` for a kind of a later version.
    pub fn kind(&self) -> Option<Kind> {
        Kind::try_from(self.what.kind as i32).ok()
    }

    /// Full name of the payload's message.
    pub fn type_name(&self) -> &str {
        &self.what.type_name
    }

    /// The revision of the type that the sender wrote.
    pub fn version(&self) -> u32 {
        self.what.version
    }

    /// Who sent it; `None` = outside code.
    pub fn sender(&self) -> Option<Address> {
        self.who.source.parse().ok()
    }

    /// The encoded payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The number that joins an ask with its reply; 0 = none.
    pub fn correlation(&self) -> u64 {
        self.correlation
    }

    /// The note that was given to `Cx::request`, with its answer.
    pub fn context(&self) -> &Bytes {
        &self.context
    }

    /// Is it a message of type `T`?
    pub fn is<T: Payload>(&self) -> bool {
        self.what.type_name == T::full_name()
    }

    /// The failure, of an answer to `Cx::request` that failed.
    pub fn failure(&self) -> Option<Failure> {
        let view = EnvelopeView::read_body(&self.body, 0).ok()?;
        (self.what.kind == Kind::Failure as u32).then(|| view.failure().ok())?
    }

    /// The payload as a `T`.
    ///
    /// # Errors
    /// UNSUPPORTED_TYPE, UNSUPPORTED_VERSION (it needs a newer reader; its payload was not touched), UNSUPPORTED_CODEC or
    /// UNDECODABLE. Return it with `?`, and the asker is told.
    pub fn decode<T: Payload>(&self) -> Result<T, Fault> {
        use actorbridge_proto::v1::Code;
        if !self.is::<T>() {
            return Err(Fault::unsupported(&self.what.type_name));
        }
        if self.what.min_reader > T::VERSION {
            let (name, needs, has) = (T::full_name(), self.what.min_reader, T::VERSION);
            return Err(Fault::new(
                Code::UnsupportedVersion,
                format!("{name} needs a reader of version {needs}; this one reads version {has}"),
            ));
        }
        if self.what.content_type != 0 || self.what.compression != 0 {
            let detail = "only protobuf without compression is read here";
            return Err(Fault::new(Code::UnsupportedCodec, detail));
        }
        T::decode(self.payload.clone())
            .map_err(|e| Fault::new(Code::Undecodable, format!("{} does not decode: {e}", T::full_name())))
    }

    /// The complete envelope.
    pub fn envelope(&self) -> Bytes {
        writer::join(&self.who.bytes, &self.what.bytes, &self.body)
    }

    pub(crate) fn ask_path(&self) -> Vec<u64> {
        view::ask_path(&self.body)
    }

    pub(crate) fn is_ask(&self) -> bool {
        self.what.kind == Kind::Ask as u32 && self.correlation != 0
    }
}

/// A message on its way out, before it has a sender and a target.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) what: Arc<What>,
    pub(crate) body: Bytes,
    pub(crate) deadline: Option<Millis>,
    pub(crate) hops: u32,
}

impl Outgoing {
    pub(crate) fn of<T: Payload>(kind: Kind, message: &T) -> Self {
        Self::with_fields(kind, message, BodyFields::default())
    }

    pub(crate) fn with_fields<T: Payload>(kind: Kind, message: &T, fields: BodyFields<'_>) -> Self {
        let what = writer::what(kind, &T::full_name(), T::VERSION, T::MIN_READER);
        Self {
            what: Arc::new(what),
            body: writer::body(fields, &message.encode_to_vec()),
            deadline: None,
            hops: 0,
        }
    }
}
