//! Events before a reply.

use actorbridge::proto::v1::Code;
use actorbridge::{Actor, Cx, Fault, Message};

use bytes::Bytes;

use super::counter::Counter;
use super::gate::with;
use crate::testpb::{Add, Count, EchoReply};

/// Answers an Add by `n` events, each with its number and `by` bytes, and then replies how many they were; one that is too large is
/// sent as the name of that error. It is a counter for everything else. The gate has under its path how many events were
/// sent (`entered`), and how often it was told that its asker has gone (`cancelled`).
#[derive(Default)]
pub struct Ticker(Counter);

impl Actor for Ticker {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if !message.is::<Add>() {
            return self.0.handle(cx, message);
        }
        let Add { by, n } = message.decode()?;
        let mut count = Count {
            language: "rust".into(),
            ..Count::default()
        };
        for number in 1..=n {
            let sent = tick(cx, number, by).await.inspect_err(|fault| {
                if fault.code() == Code::Cancelled {
                    with(cx.self_ref().path(), |key| key.counts.cancelled += 1);
                }
            })?;
            with(cx.self_ref().path(), |key| key.counts.entered += 1);
            count.handled += u64::from(sent);
        }
        cx.reply(&count)
    }
}

/// Was it sent as it is?
async fn tick(cx: &Cx, number: u64, bytes: i64) -> Result<bool, Fault> {
    let event = EchoReply {
        text: number.to_string(),
        data: incompressible(bytes),
        ..EchoReply::default()
    };
    match cx.emit(&event).await {
        Err(fault) if fault.code() == Code::TooLarge => {
            let text = "TOO_LARGE".into();
            cx.emit(&EchoReply {
                text,
                ..EchoReply::default()
            })
            .await
            .map(|()| false)
        }
        sent => sent.map(|()| true),
    }
}

/// Bytes that are as many on a link that compresses.
fn incompressible(many: i64) -> Bytes {
    let mut state = 0_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..many).map(next).collect()
}
