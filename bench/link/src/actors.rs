//! Actors beside those of the suite `ffi`.

use std::str::FromStr as _;
use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, RawType, Ref};
use actorbridge_bench_ffi::{ECHO, NOTE};

/// An order for [`Source`]: how many notes, how many bytes each has, how many go at once, and how many microseconds there are
/// between; four numbers of 8 bytes, little-endian. The answer is empty.
static ORDER: RawType = RawType::new("bench.v1.RawOrder");

/// Tells notes to the counter in Go.
pub(crate) struct Source;

impl Actor for Source {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let order = message.raw(&ORDER)?;
        let number = |at: usize| {
            let bytes = order.get(at * 8..at * 8 + 8).and_then(|b| b.try_into().ok());
            bytes.map_or(0, u64::from_le_bytes) as usize
        };
        let (mut left, size, at_once, pause) = (number(0), number(1), number(2).max(1), number(3) as u64);
        let sink = Ref::from_str("ab:///sink")?;
        let data = vec![1; size];
        let batch = vec![&data[..]; at_once];
        // As outside code: it waits while there is no room, where a handler's own tells would be refused.
        let sender = cx.node();
        while left > 0 {
            let now = &batch[..left.min(at_once)];
            let sent = sender.tell_raw_all(&sink, &NOTE, now).await;
            sent.map_err(|(_, error)| error)?;
            left -= now.len();
            if pause > 0 {
                tokio::time::sleep(Duration::from_micros(pause)).await;
            }
        }
        cx.reply_raw(&ORDER, &[])
    }
}

/// Tells what it is told to an actor in Go.
pub(crate) struct Bouncer(Option<Ref>);

impl Bouncer {
    pub(crate) fn new() -> Self {
        Self(Ref::from_str("ab:///back").ok())
    }
}

impl Actor for Bouncer {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if let Some(back) = &self.0 {
            cx.tell_raw(back, &ECHO, message.raw(&ECHO)?)?;
        }
        Ok(())
    }
}

/// Never comes to the end of its first message.
pub(crate) struct Stuck;

impl Actor for Stuck {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        cx.cancelled().await;
        Ok(())
    }
}
