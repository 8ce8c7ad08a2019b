//! What an actor has told others and has not left yet: staged during a batch of messages, so that the batch shares the cost
//! of sending.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actorbridge_proto::v1::Code;
use tokio::time::Instant;

use crate::address::Address;
use crate::cell::Cell;
use crate::error::Error;
use crate::message::Outgoing;
use crate::node::{Inner, lock};
use crate::outlet::Sent;

/// Most messages that an actor may have staged.
const MOST: usize = 1024;
/// Staged messages and bytes after which they leave before the batch ends.
const FLUSH_AT: (usize, usize) = (64, 16 << 10);
/// How long staged messages wait for room before they become dead letters.
pub(crate) const PARK: Duration = Duration::from_secs(30);

/// Why what is staged leaves.
pub(crate) enum Flush<'a> {
    /// The batch ends. What finds no room may wait while the actor has other things to do.
    Batch,
    /// The actor stops: what finds no room in 1 s becomes a dead letter.
    Last,
    /// Something for this actor follows, and must not overtake. It waits that long.
    Before(&'a Address, Duration),
}

#[derive(Default)]
struct Staged {
    messages: VecDeque<(Address, Outgoing)>,
    bytes: usize,
    /// Messages that were taken out and may come back.
    leaving: usize,
}

impl Staged {
    fn waits(&self, why: &Flush<'_>) -> bool {
        match why {
            Flush::Before(to, _) => self.messages.iter().any(|(other, _)| other == *to),
            Flush::Batch | Flush::Last => !self.messages.is_empty(),
        }
    }
}

/// The staged messages of one actor.
#[derive(Default)]
pub(crate) struct Outbox {
    staged: Mutex<Staged>,
    /// Held while messages are on their way out: a handler may wait for several asks at once, and none may overtake.
    leaving: tokio::sync::Mutex<()>,
}

impl Outbox {
    pub(crate) fn stage(&self, to: Address, out: Outgoing) -> Result<(), Error> {
        let mut staged = lock(&self.staged);
        if staged.messages.len() + staged.leaving >= MOST {
            return Err(Error::new(
                Code::MailboxFull,
                to.as_str(),
                "this actor's outbox is full",
            ));
        }
        staged.bytes += out.body.len();
        staged.messages.push_back((to, out));
        Ok(())
    }

    pub(crate) fn is_full(&mut self) -> bool {
        let staged = self.staged.get_mut().unwrap_or_else(|e| e.into_inner());
        staged.messages.len() >= FLUSH_AT.0 || staged.bytes >= FLUSH_AT.1
    }

    pub(crate) fn has_any(&mut self) -> bool {
        let staged = self.staged.get_mut().unwrap_or_else(|e| e.into_inner());
        !staged.messages.is_empty()
    }

    /// Sends what is staged for `to`; waits for room.
    pub(crate) async fn clear_the_way(
        &self,
        node: &Arc<Inner>,
        cell: &Cell,
        to: &Address,
        within: Duration,
    ) -> Result<(), Error> {
        let why = Flush::Before(to, within);
        self.flush(node, cell, &why).await;
        let code = match lock(&self.staged).waits(&why) {
            false => return Ok(()),
            true if cell.cancel().is_cancelled() => Code::Cancelled,
            true => Code::Expired,
        };
        let detail = "what was sent to it before finds no room; it was not sent";
        Err(Error::new(code, to.as_str(), detail))
    }

    /// Sends what is staged, in order for each target. What finds no room in 30 s, or when the actor has stopped, becomes a
    /// dead letter.
    pub(crate) async fn flush(&self, node: &Arc<Inner>, cell: &Cell, why: &Flush<'_>) {
        if lock(&self.staged).messages.is_empty() && self.leaving.try_lock().is_ok() {
            return;
        }
        let until = Instant::now()
            + match why {
                Flush::Batch => PARK,
                Flush::Last => Duration::from_secs(1),
                Flush::Before(_, within) => (*within).min(PARK),
            };
        let (batch, last) = (matches!(why, Flush::Batch), matches!(why, Flush::Last));
        let leaving = tokio::select! {
            leaving = self.leaving.lock() => leaving,
            () = tokio::time::sleep_until(until) => return,
        };
        while lock(&self.staged).waits(why) {
            let room = cell.sender(node).room.notified();
            let mut room = std::pin::pin!(room);
            room.as_mut().enable();
            self.pass(node, cell).await;
            if !lock(&self.staged).waits(why) {
                break;
            }
            let goes_on = batch && lock(&self.staged).messages.len() < MOST;
            tokio::select! {
                () = &mut room => {}
                () = cell.mail_comes(), if goes_on => break,
                () = cell.cancel().cancelled(), if !last => break,
                () = tokio::time::sleep_until(until) => {
                    if let Flush::Before(..) = why {
                        break;
                    }
                    let given_up = std::mem::take(&mut *lock(&self.staged)).messages;
                    for (to, out) in given_up {
                        node.dead_outgoing(cell.sender(node), &to, &out, Code::MailboxFull, "no room in time");
                    }
                }
            }
        }
        drop(leaving);
    }

    /// Tries each staged message once. Its caller holds `leaving`.
    async fn pass(&self, node: &Arc<Inner>, cell: &Cell) {
        let mut blocked: HashSet<Address> = HashSet::new();
        let mut pass = Pass::begin(self);
        while let Some((to, out)) = pass.rest.front() {
            let sent = match blocked.contains(to) {
                true => Ok(Sent::Wait),
                false => node.try_place(cell.sender(node), to, out).await,
            };
            match sent {
                Ok(Sent::Done(placed)) => node.note_placed(out, &placed),
                Err(error) => node.dead_outgoing(cell.sender(node), to, out, error.code(), error.detail()),
                Ok(_) => {
                    blocked.insert(to.clone());
                    pass.keep();
                    continue;
                }
            }
            pass.rest.pop_front();
        }
    }
}

/// Staged messages on their way out. What has not left is staged again at the end, also when whoever waits for it gives up.
struct Pass<'a> {
    outbox: &'a Outbox,
    rest: VecDeque<(Address, Outgoing)>,
    kept: VecDeque<(Address, Outgoing)>,
}

impl<'a> Pass<'a> {
    fn begin(outbox: &'a Outbox) -> Self {
        let mut staged = lock(&outbox.staged);
        let rest = std::mem::take(&mut staged.messages);
        staged.leaving = rest.len();
        drop(staged);
        Self {
            outbox,
            rest,
            kept: VecDeque::new(),
        }
    }

    fn keep(&mut self) {
        self.kept.extend(self.rest.pop_front());
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut staged = lock(&self.outbox.staged);
        let mut messages = std::mem::take(&mut self.kept);
        messages.append(&mut self.rest);
        messages.append(&mut staged.messages);
        staged.bytes = messages.iter().map(|(_, out)| out.body.len()).sum();
        staged.leaving = 0;
        staged.messages = messages;
    }
}
