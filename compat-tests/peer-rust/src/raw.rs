//! Messages as bytes with a type's name: what a case sends is exactly what it says, unknown fields included.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use actorbridge::proto::Versioned;
use actorbridge::proto::v1;
use actorbridge::{Address, Codec, Error, Node};
use bytes::{Buf, BufMut, Bytes};
use prost::encoding::{DecodeContext, WireType};
use prost::{DecodeError, Message, Name};

use crate::actors::echo::RAW;
use crate::ops::Content;
use crate::testpb;

/// The bytes of a `T`, not decoded.
pub(crate) struct Raw<T> {
    bytes: Bytes,
    of: PhantomData<fn() -> T>,
}

impl<T> Raw<T> {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes, of: PhantomData }
    }
}

impl<T> Default for Raw<T> {
    fn default() -> Self {
        Self::new(Bytes::new())
    }
}

impl<T> fmt::Debug for Raw<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

impl<T: Name> Name for Raw<T> {
    const NAME: &'static str = T::NAME;
    const PACKAGE: &'static str = T::PACKAGE;
}

impl<T: Versioned> Versioned for Raw<T> {
    const VERSION: u32 = T::VERSION;
    const MIN_READER: u32 = T::MIN_READER;
}

impl<T> Message for Raw<T> {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.bytes);
    }

    fn merge_field(&mut self, _: u32, _: WireType, _: &mut impl Buf, _: DecodeContext) -> Result<(), DecodeError> {
        unreachable!("merge takes all bytes at once")
    }

    fn merge(&mut self, mut buf: impl Buf) -> Result<(), DecodeError> {
        self.bytes = buf.copy_to_bytes(buf.remaining());
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// How a message is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    Tell,
    TryTell,
    Ask(Duration),
}

/// What came of it: the type and bytes of a reply to an ask.
pub(crate) type Sent = Result<Option<(String, Bytes)>, (Error, bool)>;

async fn send_as<Q, A>(node: &Node, to: &Address, bytes: Bytes, how: How) -> Sent
where
    Q: Name + Versioned + 'static,
    A: Name + Versioned + 'static,
{
    let message = Raw::<Q>::new(bytes);
    match how {
        How::Tell => node.tell(to, &message).await.map(|()| None).map_err(|e| (e, false)),
        How::TryTell => {
            let sent = message.bytes.clone();
            match node.try_tell(to, message) {
                Ok(()) => Ok(None),
                Err((error, back)) => Err((error, back.bytes == sent)),
            }
        }
        How::Ask(within) => {
            let reply = node
                .ask::<Raw<A>, _>(to, &message, within)
                .await
                .map_err(|e| (e, false))?;
            Ok(Some((A::full_name(), reply.bytes)))
        }
    }
}

/// The same in another codec: the message that the bytes decode to.
async fn send_in<Q, A>(node: &Node, to: &Address, codec: Codec, bytes: Bytes, how: How) -> Result<Sent, String>
where
    Q: Name + Versioned + Default + 'static,
    A: Name + Versioned + Default + 'static,
{
    let to = to.using(codec);
    let message = Q::decode(bytes).map_err(|e| format!("{}: {e}", Q::NAME))?;
    Ok(match how {
        How::Tell => node.tell(&to, &message).await.map(|()| None).map_err(|e| (e, false)),
        How::TryTell => node.try_tell(&to, message).map(|()| None).map_err(|(e, _)| (e, true)),
        How::Ask(within) => {
            let reply = node.ask::<A, _>(&to, &message, within).await;
            let encoded = reply.map(|reply| Some((A::full_name(), reply.encode_to_vec().into())));
            encoded.map_err(|e| (e, false))
        }
    })
}

async fn send_raw(node: &Node, to: &Address, bytes: Bytes, how: How) -> Sent {
    match how {
        How::Tell | How::TryTell => node.tell_raw(to, &RAW, &bytes).await.map(|()| None),
        How::Ask(within) => {
            let reply = node.ask_raw(to, &RAW, &bytes, within).await;
            reply.map(|reply| Some((RAW.name().to_owned(), reply)))
        }
    }
    .map_err(|e| (e, false))
}

macro_rules! table {
    ($name:ident, $node:ident, $to:ident, $content:ident, $bytes:ident, $how:ident:
     $($package:ident::{$($request:ident => $reply:ident),* $(,)?})*) => {
        match $name {
            $($(n if n == $package::$request::full_name() => {
                type Q = $package::$request;
                type A = $package::$reply;
                match $content {
                    Content::Json => send_in::<Q, A>($node, $to, Codec::Json, $bytes, $how).await,
                    Content::Msgpack => send_in::<Q, A>($node, $to, Codec::MessagePack, $bytes, $how).await,
                    Content::Protobuf | Content::Raw => Ok(send_as::<Q, A>($node, $to, $bytes, $how).await),
                }
            })*)*
            _ => Err(format!("this peer does not know {}", $name)),
        }
    };
}

/// Sends bytes as a message of the named type.
///
/// # Errors
/// A sentence: no such type is known here, or the bytes that are to be sent in another codec do not decode.
pub(crate) async fn send(
    node: &Node,
    to: &Address,
    name: &str,
    content: Content,
    bytes: Bytes,
    how: How,
) -> Result<Sent, String> {
    if content == Content::Raw {
        return Ok(send_raw(node, to, bytes, how).await);
    }
    table!(name, node, to, content, bytes, how:
        testpb::{
            EchoRequest => EchoReply, Add => Count, GetCount => Count, PanicNow => Count, FailNow => Count,
            Hold => Held, Release => Gate, GetGate => Gate, AskThrough => EchoReply, ForwardTo => Lines,
            SpawnChild => Lines, GetStops => Lines, GetSeen => Lines, WatchOther => Lines, TooNew => EchoReply,
        }
        v1::{
            SpawnRequest => SpawnReply, StopRequest => StopReply, ListRequest => ListReply, FindRequest => FindReply,
            WatchRequest => WatchReply, SnapshotRequest => SnapshotReply, MoveToRequest => MoveToReply,
            OwnerSwapRequest => OwnerSwapReply,
        }
    )
}
