//! Actors that answer, or do not. None has a snapshot, so none can move.

use actorbridge::proto::Versioned;
use actorbridge::{Actor, Cx, Fault, Message, RawType};
use bytes::Bytes;

use crate::testpb::{EchoReply, EchoRequest, TooNew};

/// Answers an EchoRequest with the same fields. Knows only version 1 of TooNew.
pub struct Echo;

impl Actor for Echo {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<TooNew>() {
            let old: OldTooNew = message.decode()?;
            return cx.reply(&EchoReply {
                text: old.0.text,
                language: "rust".into(),
                ..EchoReply::default()
            });
        }
        let EchoRequest { text, data } = message.decode()?;
        cx.reply(&EchoReply {
            text,
            data,
            language: "rust".into(),
        })
    }
}

/// TooNew as a program of long ago knows it.
#[derive(Debug, Default)]
struct OldTooNew(TooNew);

impl Versioned for OldTooNew {
    const VERSION: u32 = 1;
    const MIN_READER: u32 = 1;
}

impl prost::Name for OldTooNew {
    const NAME: &'static str = TooNew::NAME;
    const PACKAGE: &'static str = TooNew::PACKAGE;
}

impl prost::Message for OldTooNew {
    fn encode_raw(&self, buf: &mut impl bytes::BufMut) {
        self.0.encode_raw(buf);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: prost::encoding::WireType,
        buf: &mut impl bytes::Buf,
        context: prost::encoding::DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        self.0.merge_field(tag, wire_type, buf, context)
    }

    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// Handles asks and never answers them.
pub struct Silent;

impl Actor for Silent {
    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        message.decode::<EchoRequest>().map(drop)
    }
}

/// The type of raw messages in cases.
pub static RAW: RawType = RawType::new("actorbridge.test.v1.Raw");

/// Answers a raw ask with its bytes; one without bytes with those that it was told last.
#[derive(Default)]
pub struct RawEcho(Bytes);

impl Actor for RawEcho {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let payload = message.raw(&RAW)?;
        match (message.is_ask(), payload.is_empty()) {
            (true, true) => cx.reply_raw(&RAW, &self.0),
            (true, false) => cx.reply_raw(&RAW, payload),
            (false, _) => {
                self.0 = message.plain_payload()?;
                Ok(())
            }
        }
    }
}

/// Answers an ask with the payload that it was told last, as it came, or else with the ask's own.
#[derive(Default)]
pub struct Mirror(Option<(String, Bytes)>);

impl Actor for Mirror {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let came = (message.type_name().to_owned(), message.payload_bytes());
        if !message.is_ask() {
            self.0 = Some(came);
            return Ok(());
        }
        let (text, data) = self.0.clone().unwrap_or(came);
        cx.reply(&EchoReply {
            text,
            data,
            language: "rust".into(),
        })
    }
}
