//! An actor that knows each sender's order, for floods: it waits at gates as `hold/*` does.

use std::collections::HashMap;

use actorbridge::{Actor, Cx, Fault, Message};
use compat_peer::actors::gate::Hold;
use compat_peer::testpb::{Add, Count, GetCount};

/// Takes Adds whose `by` is their sender's number and whose `n` counts that sender's from 1. Its answer, a Count, has those
/// that were handled in `handled` and those that came out of their sender's order in `total`. It waits at the gate of each
/// Hold's key.
#[derive(Default)]
pub(crate) struct Ledger {
    hold: Hold,
    last: HashMap<i64, u64>,
    count: Count,
}

impl Actor for Ledger {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<Add>() {
            let Add { by, n } = message.decode()?;
            let before = self.last.insert(by, n).unwrap_or(0);
            self.count.total += i64::from(n != before + 1);
            self.count.handled += 1;
            return match message.is_ask() {
                true => cx.reply(&self.count),
                false => Ok(()),
            };
        }
        match message.is::<GetCount>() {
            true => cx.reply(&self.count),
            false => self.hold.receive(cx, message).await,
        }
    }
}
