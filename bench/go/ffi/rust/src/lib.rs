//! The Rust actors of the benchmark of the native door, and beside them what one writes by hand without it.

mod flights;

#[path = "gen/mod.rs"]
mod generated;

pub use flights::Counted as Flights;
pub use generated::bench;

use actorbridge::{Actor, Cx, Fault, Message, Protocol, RawType, Ref};
// Linked, so that its C function is in the archive.
pub use actorbridge_byhand as byhand;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bench::v1::{self as wire, CounterRef};

/// Counts what it is told.
#[derive(Default)]
pub struct Counter(wire::Taken);

impl wire::Counter for Counter {
    async fn take(&mut self, _cx: &Cx, note: wire::Note) -> Result<(), Fault> {
        self.0.notes += 1;
        self.0.sum += note.data.iter().map(|b| u64::from(*b)).sum::<u64>();
        Ok(())
    }

    async fn read(&mut self, _cx: &Cx, _: wire::Reading) -> Result<wire::Taken, Fault> {
        Ok(self.0)
    }
}

/// Gives back what it is asked.
#[derive(Default)]
pub struct Echoer;

impl wire::Echoer for Echoer {
    async fn echo(&mut self, _cx: &Cx, asked: wire::Payload) -> Result<wire::Payload, Fault> {
        Ok(asked)
    }

    fn echo_inline(&mut self, _cx: &Cx, asked: wire::InlinePayload) -> Result<wire::InlinePayload, Fault> {
        Ok(asked)
    }
}

/// Bytes that are counted.
pub static NOTE: RawType = RawType::new("bench.v1.RawNote");
/// Bytes that come back.
pub static ECHO: RawType = RawType::new("bench.v1.RawEcho");
/// The same on the asking thread.
pub static ECHO_INLINE: RawType = RawType::new("bench.v1.RawEchoInline");

/// Counts raw notes, and gives raw messages back.
#[derive(Default)]
pub struct Raw(wire::Taken);

impl Actor for Raw {
    const PROTOCOL: Protocol = Protocol {
        name: "bench.v1.Raw",
        inline: &["bench.v1.RawEchoInline"],
        ..Protocol::NONE
    };

    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let name = message.type_name();
        if name == NOTE.name() {
            self.0.notes += 1;
            self.0.sum += message.raw(&NOTE)?.iter().map(|b| u64::from(*b)).sum::<u64>();
            return Ok(());
        }
        for echo in [&ECHO, &ECHO_INLINE] {
            if name == echo.name() {
                return cx.reply_raw(echo, message.raw(echo)?);
            }
        }
        message.decode::<wire::Reading>()?;
        cx.reply(&self.0)
    }
}

/// Tells notes to the counter in Go.
#[derive(Default)]
pub struct Source {
    many: Vec<Ref>,
    /// It goes on from one order to the next: a short one is of other targets than the last, too.
    place: Place,
}

impl Source {
    /// Tells each of many actors.
    async fn tell_many(&mut self, cx: &Cx, order: &wire::Order) -> Result<(), Fault> {
        for i in self.many.len()..order.targets as usize {
            self.many.push(Ref::from_str(&format!("ab:///sinks/{i}"))?);
        }
        let (sender, data) = (cx.node(), vec![1; order.bytes as usize]);
        for _ in 0..order.notes {
            let to = &self.many[self.place.next(u64::from(order.targets))];
            sender.tell_raw(to, &NOTE, &data).await?;
        }
        Ok(())
    }
}

/// Numbers that look random, and are the same in each process; Go has the same.
#[derive(Default)]
struct Place(u64);

impl Place {
    fn next(&mut self, below: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((self.0 >> 33) % below) as usize
    }
}

/// What all of [`Many`] have been told.
static MANY: AtomicU64 = AtomicU64::new(0);

/// One of many that count raw notes together.
#[derive(Default)]
pub struct Many;

impl Actor for Many {
    const PROTOCOL: Protocol = Protocol {
        name: "bench.v1.Many",
        ..Protocol::NONE
    };

    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.type_name() == NOTE.name() {
            let sum: u64 = message.raw(&NOTE)?.iter().map(|b| u64::from(*b)).sum();
            MANY.fetch_add(u64::from(sum > 0), Relaxed);
            return Ok(());
        }
        message.decode::<wire::Reading>()?;
        let notes = MANY.load(Relaxed);
        cx.reply(&wire::Taken { notes, sum: 0 })
    }
}

impl wire::Source for Source {
    async fn tell(&mut self, cx: &Cx, order: wire::Order) -> Result<wire::Told, Fault> {
        if order.targets > 0 {
            self.tell_many(cx, &order).await?;
            return Ok(wire::Told {});
        }
        let (sink, raw_sink) = (CounterRef::at("ab:///sink")?, Ref::from_str("ab:///raw-sink")?);
        let data: Vec<u8> = vec![1; order.bytes as usize];
        // As outside code: it waits while there is no room, where a handler's own tells would be refused.
        let sender = cx.node();
        if order.at_once > 0 {
            let batch = vec![&data[..]; order.at_once as usize];
            let mut left = order.notes as usize;
            while left > 0 {
                let now = &batch[..left.min(batch.len())];
                let sent = sender.tell_raw_all(&raw_sink, &NOTE, now).await;
                sent.map_err(|(_, error)| error)?;
                left -= now.len();
            }
            return Ok(wire::Told {});
        }
        for _ in 0..order.notes {
            if order.raw {
                sender.tell_raw(&raw_sink, &NOTE, &data).await?;
                continue;
            }
            let data = data.clone().into();
            sink.take(&sender, &wire::Note { data }).await?;
        }
        Ok(wire::Told {})
    }
}

actorbridge_ffi::module! {
    name: "bench-rust",
    actors: {
        "counter" => wire::counter(Counter::default),
        "counter/*" => wire::counter(Counter::default),
        "many/*" => Many::default,
        "echoer" => wire::echoer(Echoer::default),
        "raw" => Raw::default,
        "flights" => Flights::default,
        "source" => wire::source(Source::default),
    },
}
