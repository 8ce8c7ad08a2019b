//! The Rust actors of the benchmark of the native door, and beside them what one writes by hand without it.

#[path = "gen/mod.rs"]
mod generated;

pub use generated::bench;

use actorbridge::{Cx, Fault};
// Linked, so that its C function is in the archive.
pub use actorbridge_byhand as byhand;
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

/// Tells notes to the counter in Go.
#[derive(Default)]
pub struct Source;

impl wire::Source for Source {
    async fn tell(&mut self, cx: &Cx, order: wire::Order) -> Result<wire::Told, Fault> {
        let sink = CounterRef::at("ab:///sink")?;
        let data: Vec<u8> = vec![1; order.bytes as usize];
        // As outside code: it waits while there is no room, where a handler's own tells would be refused.
        let sender = cx.node();
        for _ in 0..order.notes {
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
        "echoer" => wire::echoer(Echoer::default),
        "source" => wire::source(Source::default),
    },
}
