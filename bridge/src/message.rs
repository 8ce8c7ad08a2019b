//! A message as an actor gets it: always encoded, so that nothing is shared between two actors.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use actorbridge_proto::v1::{Failure, Kind};
use actorbridge_proto::view::{self, EnvelopeView, Presence};
use actorbridge_proto::writer::{self, BodyFields};
use actorbridge_proto::{Refusal, Trace, Versioned, What, Who};
use bytes::Bytes;

use crate::address::Address;
use crate::codec::Codec;
use crate::compression::{self, Compression};
use crate::error::Fault;
use crate::machine::Millis;
use crate::machine::link::BESIDE_PAYLOAD;
use crate::machine::pool::StreamKey;
use crate::versions;

/// Most bytes of a payload, here and on a link with default limits.
pub(crate) const MAX_PAYLOAD: usize = 16 << 20;
/// Most bytes of a message with its type.
pub(crate) const MAX_MESSAGE: usize = MAX_PAYLOAD + BESIDE_PAYLOAD as usize;
/// A message of more bytes, with its type and addresses, travels in parts.
pub(crate) const INLINE: usize = 64 << 10;

/// Why a message of this type and body can never be sent.
pub(crate) fn too_large(what: &What, body: &[u8]) -> Option<String> {
    let size = what.bytes.len() + body.len();
    (size > MAX_MESSAGE)
        .then(|| format!("a message of {size} bytes; one has at most 16 MiB, and 64 KiB beside its payload"))
}
const WHO_FIELDS: Presence = 1 << 4 | 1 << 5 | 1 << 10 | 1 << 19;
const WHAT_FIELDS: Presence = 1 << 1 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 14;

/// Who a message is from and for when its body says part of it. The prefix stays as it was: the body is written after it.
fn merged_who(who: &Who, view: &EnvelopeView<'_>) -> Who {
    let either = |prefix: &str, body: &str| if body.is_empty() { prefix } else { body }.to_owned();
    Who {
        source: either(&who.source, &view.source),
        target: either(&who.target, &view.target),
        reply_to: either(&who.reply_to, &view.reply_to),
        tenant: either(&who.tenant, &view.tenant),
        present: who.present,
        bytes: who.bytes.clone(),
    }
}

/// What a message is when its body says part of it.
fn merged_what(what: &What, view: &EnvelopeView<'_>) -> What {
    let body = What::of_view(view, Bytes::new());
    What {
        kind: what.kind.max(body.kind),
        type_name: if body.type_name.is_empty() {
            what.type_name.clone()
        } else {
            body.type_name
        },
        version: what.version.max(body.version),
        min_reader: what.min_reader.max(body.min_reader),
        content_type: what.content_type.max(body.content_type),
        compression: what.compression.max(body.compression),
        present: what.present,
        bytes: what.bytes.clone(),
    }
}

/// A message type: generated code implements it by its parts.
pub trait Payload: prost::Message + prost::Name + Versioned + Default + 'static {}

impl<T: prost::Message + prost::Name + Versioned + Default + 'static> Payload for T {}

/// How the mailbox permit of a message is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permit {
    Local,
    Stream { key: StreamKey, seq: u64 },
}

/// One message: who ++ what ++ body, as its sender wrote it.
#[derive(Debug, Clone)]
pub struct Message {
    pub(crate) who: Arc<Who>,
    pub(crate) what: Arc<What>,
    /// The item's bytes; of one that came in a run: the payloads of the run.
    pub(crate) bytes: Bytes,
    /// Where the payload begins and ends in them.
    pub(crate) payload: (u32, u32),
    /// It came in a run, and there is nothing but its payload.
    pub(crate) plain: bool,
    /// It may be in a trace: its body has a context.
    pub(crate) traced: bool,
    /// Entries of its ask path.
    pub(crate) asks: u32,
    pub(crate) correlation: u64,
    pub(crate) deadline: Option<Millis>,
    pub(crate) hops: u32,
    pub(crate) permit: Permit,
    pub(crate) context: Bytes,
    /// The payload, once a compressed one was looked at.
    pub(crate) decompressed: OnceLock<Box<Bytes>>,
}

impl Message {
    /// Reads a message from its three parts. A field of who or what may be in the body instead, each once.
    pub(crate) fn read(mut who: Arc<Who>, mut what: Arc<What>, body: Bytes) -> Result<Self, Refusal> {
        let view = EnvelopeView::read_body(&body, who.present | what.present)?;
        let in_body = view.present & !(who.present | what.present);
        if in_body & WHO_FIELDS != 0 {
            who = Arc::new(merged_who(&who, &view));
        }
        if in_body & WHAT_FIELDS != 0 {
            what = Arc::new(merged_what(&what, &view));
        }
        let payload = match view.payload {
            [] => (0, 0),
            payload => {
                let start = (payload.as_ptr().addr() - body.as_ptr().addr()) as u32;
                (start, start + payload.len() as u32)
            }
        };
        let (correlation, asks) = (view.correlation, view.ask_path_len);
        let traced = !view.trace.is_empty();
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
            bytes: body,
            decompressed: OnceLock::new(),
            plain: false,
            traced,
            asks,
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

    /// For which tenant its sender works; empty = for none. By a link with certificates it is one that the peer's certificate has: see
    /// docs/SECURITY.md.
    pub fn tenant(&self) -> &str {
        &self.who.tenant
    }

    /// The encoded payload, in whatever codec it came, and compressed if it came so: [`Message::plain_payload`] is not.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.payload.0 as usize..self.payload.1 as usize]
    }

    /// The same, to keep: it shares the memory of the message, and of those that came with it.
    pub fn payload_bytes(&self) -> Bytes {
        self.bytes.slice(self.payload.0 as usize..self.payload.1 as usize)
    }

    /// The payload as its sender encoded it, whether it came compressed or not.
    ///
    /// # Errors
    /// Of one that came compressed: UNSUPPORTED_CODEC, UNDECODABLE or TOO_LARGE.
    pub fn plain_payload(&self) -> Result<Bytes, Fault> {
        if self.what.compression == 0 {
            return Ok(self.payload_bytes());
        }
        if let Some(payload) = self.decompressed.get() {
            return Ok(Bytes::clone(payload));
        }
        let body = self.body();
        let size = EnvelopeView::read_body(&body, 0).map_or(0, |view| view.raw_size);
        let payload = compression::decompressed(self.what.compression, self.payload(), size)?;
        Ok(Bytes::clone(self.decompressed.get_or_init(|| Box::new(payload))))
    }

    /// The number that joins an ask with its reply; 0 = none.
    pub fn correlation(&self) -> u64 {
        self.correlation
    }

    /// The trace that its sender says it belongs to; `None` = none.
    pub fn trace(&self) -> Option<Trace> {
        let view = self.traced.then(|| EnvelopeView::read_body(&self.bytes, 0).ok());
        Trace::of(&view.flatten()?)
    }

    /// The note that was given to `Cx::request`, with its answer.
    pub fn context(&self) -> &Bytes {
        &self.context
    }

    /// Is it a message of type `T`?
    pub fn is<T: Payload>(&self) -> bool {
        self.what.type_name == versions::name_of::<T>()
    }

    /// The failure, of an answer to `Cx::request` that failed.
    pub fn failure(&self) -> Option<Failure> {
        let body = self.body();
        let view = EnvelopeView::read_body(&body, 0).ok()?;
        (self.what.kind == Kind::Failure as u32).then(|| view.failure().ok())?
    }

    /// The payload as a `T`.
    ///
    /// # Errors
    /// UNSUPPORTED_TYPE, UNSUPPORTED_VERSION (it needs a newer reader; its payload was not touched), UNSUPPORTED_CODEC,
    /// UNDECODABLE, or TOO_LARGE (compressed, and over 16 MiB without). What an older version wrote is brought up to this one ([`upcast`](crate::upcast)). Return it with `?`, and
    /// the asker is told.
    pub fn decode<T: Payload>(&self) -> Result<T, Fault> {
        use actorbridge_proto::v1::Code;
        if !self.is::<T>() {
            return Err(Fault::unsupported(&self.what.type_name));
        }
        if self.what.min_reader > T::VERSION {
            return Err(Fault::too_new(&self.what, "this one", T::VERSION));
        }
        let codec = Codec::of(self.what.content_type).ok_or_else(|| {
            let detail = format!(
                "it came with content type {}; protobuf, JSON and MessagePack are read here",
                self.what.content_type
            );
            Fault::new(Code::UnsupportedCodec, detail)
        })?;
        let mut message = codec.decode::<T>(self.plain_payload()?)?;
        versions::bring_up(&mut message, self.what.version)?;
        Ok(message)
    }

    /// What an answer to it goes out in: what it came in. Of what came raw, or in a later codec: protobuf.
    pub(crate) fn codec(&self) -> Codec {
        Codec::of(self.what.content_type).unwrap_or_default()
    }

    /// Does it travel in parts?
    pub(crate) fn is_large(&self) -> bool {
        self.who.bytes.len() + self.what.bytes.len() + self.bytes.len() > INLINE
    }

    /// The item's bytes, as its sender wrote it.
    pub(crate) fn body(&self) -> Bytes {
        match self.plain {
            true => writer::body(BodyFields::default(), self.payload()),
            false => self.bytes.clone(),
        }
    }

    /// How many bytes are kept for it, at least.
    pub(crate) fn body_len(&self) -> usize {
        self.bytes.len()
    }

    /// The complete envelope.
    pub fn envelope(&self) -> Bytes {
        writer::join(&self.who.bytes, &self.what.bytes, &self.body())
    }

    /// Is it the answer to a request of its actor?
    pub(crate) fn is_answer(&self) -> bool {
        let answers = matches!(self.kind(), Some(Kind::Reply | Kind::Failure | Kind::Event));
        answers && self.correlation != 0
    }

    /// Of an answer: the node that keeps the request's slot.
    pub(crate) fn slot_node(&self, here: &str) -> String {
        let target = self.who.target.parse::<Address>();
        let node = target.ok().and_then(|t| t.node().map(str::to_owned));
        node.unwrap_or_else(|| here.to_owned())
    }

    /// The message with a target: an answer that has none is for the actor at `path` by way of this node.
    pub(crate) fn addressed(&self, here: &str, path: &str) -> Self {
        let mut message = self.clone();
        if self.who.target.is_empty() {
            message.who = Arc::new(writer::who("", &format!("ab://{here}/{path}"), ""));
        }
        message
    }

    pub(crate) fn ask_path(&self) -> Vec<u64> {
        match self.asks {
            0 => Vec::new(),
            _ => view::ask_path(&self.bytes),
        }
    }

    /// Does the sender wait for an answer?
    pub fn is_ask(&self) -> bool {
        self.what.kind == Kind::Ask as u32 && self.correlation != 0
    }
}

/// What messages of a type and kind begin with in a codec, made once.
fn what_of<T: Payload>(kind: Kind, codec: Codec) -> Arc<What> {
    thread_local! {
        static MADE: RefCell<HashMap<(TypeId, Kind, Codec), Arc<What>>> = RefCell::default();
    }
    let content = codec.content_type();
    let make = || {
        let name = versions::name_of::<T>();
        Arc::new(writer::what_of(kind as u32, name, T::VERSION, T::MIN_READER, content))
    };
    MADE.with(|made| {
        made.borrow_mut()
            .entry((TypeId::of::<T>(), kind, codec))
            .or_insert_with(make)
            .clone()
    })
}

/// A message on its way out, before it has a sender and a target.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) what: Arc<What>,
    pub(crate) body: Bytes,
    pub(crate) deadline: Option<Millis>,
    pub(crate) hops: u32,
    /// What older versions would have written, from the newest on, for peers that do not read this one.
    older: Vec<(What, Bytes)>,
    /// Why there are not more of them.
    pub(crate) missing: Option<String>,
    /// Where the payload begins in `body`, if there is nothing else in it.
    plain: Option<u8>,
    /// It is what another sender wrote: whoever handles it in the end says whether it is read there.
    passed_on: bool,
    /// The newest encoding with a compressed payload, once it was looked for; `None` = it does not become smaller.
    compressed: OnceLock<Option<Arc<(What, Bytes)>>>,
}

impl Outgoing {
    pub(crate) fn of<T: Payload>(kind: Kind, message: &T) -> Self {
        Self::with_fields(kind, message, BodyFields::default())
    }

    pub(crate) fn with_fields<T: Payload>(kind: Kind, message: &T, fields: BodyFields<'_>) -> Self {
        let name = versions::name_of::<T>();
        let mut older = Vec::new();
        let made = versions::bring_down(message, |version, min_reader, message| {
            let what = writer::what(kind, name, version, min_reader);
            older.push((what, writer::body_of(fields, message)));
        });
        let body = writer::body_of(fields, message);
        Self {
            older,
            missing: made.err(),
            plain: writer::plain_from(fields, message.encoded_len()),
            ..Self::encoded(what_of::<T>(kind, Codec::Protobuf), body)
        }
    }

    /// `with_fields` in any codec.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a message that the codec has no encoding for.
    pub(crate) fn in_codec<T: Payload>(
        codec: Codec,
        kind: Kind,
        message: &T,
        fields: BodyFields<'_>,
    ) -> Result<Self, Fault> {
        if codec == Codec::Protobuf {
            return Ok(Self::with_fields(kind, message, fields));
        }
        let (name, content) = (versions::name_of::<T>(), codec.content_type());
        let (mut older, mut failed) = (Vec::new(), None);
        let made = versions::bring_down(message, |version, min_reader, message| match codec.write(message) {
            Ok(payload) if failed.is_none() => {
                let what = writer::what_of(kind as u32, name, version, min_reader, content);
                older.push((what, writer::body(fields, &payload)));
            }
            Ok(_) => {}
            Err(why) => failed = failed.take().or(Some(versions::not_written(version, why))),
        });
        let payload = codec.encode(message)?;
        Ok(Self {
            older,
            missing: failed.or(made.err()),
            ..Self::plain(what_of::<T>(kind, codec), fields, &payload)
        })
    }

    /// A payload that is no message, of a type without versions.
    pub(crate) fn plain(what: Arc<What>, fields: BodyFields<'_>, payload: &[u8]) -> Self {
        Self {
            plain: writer::plain_from(fields, payload.len()),
            ..Self::encoded(what, writer::body(fields, payload))
        }
    }

    /// What is encoded already, and has no other version.
    pub(crate) fn encoded(what: Arc<What>, body: Bytes) -> Self {
        Self {
            what,
            body,
            deadline: None,
            hops: 0,
            older: Vec::new(),
            missing: None,
            plain: None,
            passed_on: false,
            compressed: OnceLock::new(),
        }
    }

    /// Where the payload begins in the body of the newest version, if there is nothing else in it, and no older version is
    /// written.
    pub(crate) fn plain_from(&self) -> Option<usize> {
        self.plain.filter(|_| self.older.is_empty()).map(usize::from)
    }

    /// Is it read by every reader of its type?
    pub(crate) fn has_one_version(&self) -> bool {
        self.what.min_reader <= 1 || self.passed_on
    }

    /// The number that joins an ask with its reply; 0 = none.
    pub(crate) fn correlation(&self) -> u64 {
        EnvelopeView::read_body(&self.body, 0).map_or(0, |view| view.correlation)
    }

    /// A message that came here, for another actor: its bytes stay as they are.
    pub(crate) fn passed_on(message: &Message) -> Self {
        Self {
            deadline: message.deadline,
            hops: message.hops + 1,
            passed_on: true,
            ..Self::encoded(message.what.clone(), message.body())
        }
    }

    /// One of its encodings with a compressed payload, if that is smaller. What came from another sender stays as it is.
    pub(crate) fn compressed(
        &self,
        (by, least): (Compression, usize),
        (what, body): (&What, &Bytes),
    ) -> Option<Arc<(What, Bytes)>> {
        // One that is too large is refused, however small it would become.
        if self.passed_on || body.len() < least || too_large(what, body).is_some() {
            return None;
        }
        match std::ptr::eq(what, &raw const *self.what) {
            true => self.compressed.get_or_init(|| by.of_message(least, what, body)).clone(),
            false => by.of_message(least, what, body),
        }
    }

    /// The newest encoding that a peer reads, who reads these versions of types. Of a type that is not among them: what this
    /// program writes. An error is the version that the peer reads, of which there is no encoding.
    pub(crate) fn for_peer(&self, reads: &HashMap<String, u32>) -> Result<(&What, &Bytes), u32> {
        let newest = (&*self.what, &self.body);
        if self.has_one_version() {
            return Ok(newest);
        }
        match reads.get(&self.what.type_name) {
            Some(version) if self.what.min_reader > *version => {
                let older = self.older.iter().find(|(what, _)| what.min_reader <= *version);
                let older = older.map(|(what, body)| (what, body));
                older.ok_or(*version)
            }
            _ => Ok(newest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actorbridge_proto::wire::{put_bytes, put_uint};

    #[test]
    fn a_field_counts_in_whichever_part_it_is() {
        let fields: [(u32, &[u8]); 3] = [(4, b"ab:///a"), (5, b"ab:///b"), (10, b"ab://n/a")];
        let numbers = [(1, 2_u64), (7, 3), (8, 4), (9, 1), (14, 1)];
        // Each bit says whether a field is in the body or in its prefix.
        for split in 0_u32..1 << 9 {
            let in_body = |i: usize| split >> i & 1 == 1;
            let (mut who, mut what, mut body) = (Vec::new(), Vec::new(), Vec::new());
            for (i, (number, text)) in fields.iter().enumerate() {
                put_bytes(if in_body(i) { &mut body } else { &mut who }, *number, text);
            }
            for (i, (number, value)) in numbers.iter().enumerate() {
                put_uint(if in_body(3 + i) { &mut body } else { &mut what }, *number, *value);
            }
            put_bytes(if in_body(8) { &mut body } else { &mut what }, 6, b"x.Y");
            let all = [&who[..], &what, &body].concat();
            let who = Arc::new(Who::parse(who.into()).expect("valid"));
            let what = Arc::new(What::parse(what.into()).expect("valid"));
            let message = Message::read(who, what, body.into()).expect("disjoint");
            let Message { who, what, .. } = &message;
            assert_eq!(
                (&*who.source, &*who.target, &*who.reply_to),
                ("ab:///a", "ab:///b", "ab://n/a")
            );
            assert_eq!((what.kind, what.version, what.min_reader), (2, 3, 4), "{split:b}");
            assert_eq!((what.content_type, what.compression, &*what.type_name), (1, 1, "x.Y"));
            assert_eq!(message.envelope(), all, "the bytes stay as they came");
        }
    }
}
