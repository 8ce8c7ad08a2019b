//! Asks that are answered by any number of events before their reply.

use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::{Code, EventCredit, Kind};
use actorbridge_proto::writer::BodyFields;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::emitter::{MAX_EVENT, WINDOW};
use super::{LATE_END, LONGEST, Pending, Waiter, Wanted};
use crate::address::{Address, SYSTEM};
use crate::error::Error;
use crate::message::{Message, Outgoing};
use crate::node::{Inner, lock};
use crate::outlet::{Placed, Sender};
use crate::status::Counted;
use crate::traces::Chain;

/// What comes, and by which link; 0 = from an actor of this node.
type Came = (u64, Message);

/// The events of one ask. Dropped before its end, it is cancelled: its actor is told.
///
/// It holds at most 32 events that nobody has taken; beyond that its actor waits.
pub struct Subscription {
    pending: Pending,
    to: Address,
    events: mpsc::Receiver<Came>,
    taken: u64,
    /// Up to which event the actor has been told that there is room.
    told: u64,
    /// The link by which the last one came.
    by: Option<u64>,
    until: Option<Instant>,
    token: CancellationToken,
    reply: Option<Message>,
    /// Its end is known; code of how it ended otherwise.
    ended: bool,
    code: Code,
}

impl Subscription {
    /// The next event, and `None` once the actor has replied. [`Message::decode`] reads it. What is dropped while it waits loses
    /// nothing.
    ///
    /// # Errors
    /// Why no more events come: as of an ask. OUTCOME_UNKNOWN at the end of its time.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        if self.ended {
            return Ok(None);
        }
        let late = async {
            match self.until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let error = |code, detail: &str| Error::new(code, self.to.as_str(), detail);
        let over = || error(Code::OutcomeUnknown, "its time was over before its end");
        let came = tokio::select! {
            biased;
            // Without one, the table has dropped the ask, long after its end.
            came = self.events.recv() => came.ok_or_else(over),
            () = self.pending.node.closing.cancelled() => Err(error(Code::OutcomeUnknown, "this node is shutting down")),
            () = late => Err(over()),
            () = self.token.cancelled() => Err(error(Code::OutcomeUnknown, "the asking handler was cancelled")),
        };
        let (by, message) = came.inspect_err(|error| self.end(error.code()))?;
        match message.kind() {
            Some(Kind::Event) => {
                self.took(by);
                Ok(Some(message))
            }
            Some(Kind::Failure) => {
                self.pending.placed = None;
                let failure = message.failure().unwrap_or_default();
                let error = Error::of_failure(self.to.as_str(), &failure, message.payload());
                self.end(error.code());
                Err(error)
            }
            _ => {
                self.pending.placed = None;
                self.reply = Some(message);
                self.end(Code::Ok);
                Ok(None)
            }
        }
    }

    /// What the actor replied in the end, after [`Subscription::next`] has returned `None`.
    pub fn reply(&self) -> Option<&Message> {
        self.reply.as_ref()
    }

    /// There is room for another event; the actor is told of it now and then.
    fn took(&mut self, by: u64) {
        self.taken += 1;
        self.by = Some(by);
        let upto = self.taken + WINDOW as u64;
        if upto - self.told >= WINDOW as u64 / 2 {
            self.told = upto;
            let credit = EventCredit {
                correlation: self.pending.correlation,
                upto,
                ..Default::default()
            };
            self.pending.node.tell_emitter(by, credit);
        }
    }

    fn end(&mut self, code: Code) {
        self.ended = true;
        self.code = code;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let counted = Counted {
            counters: &self.pending.node.counters,
            code: self.code,
        };
        drop(counted);
        // Its end was told by the actor, or by the loss of its link.
        let Some(placed) = &self.pending.placed else {
            return;
        };
        let by = match placed {
            Placed::Local(_) => 0,
            Placed::Link { link, .. } => link.id(),
        };
        let node = self.pending.node.clone();
        for link in self.by.into_iter().filter(|last| *last != by).chain([by]) {
            node.tell_over(link, self.pending.correlation);
        }
    }
}

impl Inner {
    /// Asks for events. `make` encodes the ask.
    pub(crate) async fn subscribe(
        self: &Arc<Self>,
        from: &Sender,
        to: &Address,
        make: impl FnOnce(BodyFields<'_>) -> Result<Outgoing, Error>,
        within: Duration,
        chain: Chain<'_>,
        cancel: Option<&CancellationToken>,
    ) -> Result<Subscription, Error> {
        let until = (within < LONGEST).then(|| Instant::now() + within);
        let within = within.min(LONGEST);
        let since = self.now();
        let deadline = since + u64::try_from(within.as_millis()).unwrap_or(u64::MAX / 2);
        // One more than the events: the end always has room.
        let (tx, events) = mpsc::channel(WINDOW + 1);
        let waiter = Waiter {
            placed: None,
            to: Wanted::Subscriber(tx),
            asked: to.clone(),
            since,
        };
        let correlation = self.begin_ask(deadline + LATE_END, waiter, to)?;
        let mut subscription = Subscription {
            pending: Pending {
                node: self.clone(),
                correlation,
                reply_to: from.reply_to.clone(),
                placed: None,
            },
            to: to.clone(),
            events,
            taken: 0,
            told: WINDOW as u64,
            by: None,
            until,
            token: cancel.cloned().unwrap_or_default(),
            reply: None,
            ended: false,
            code: Code::Cancelled,
        };
        let fields = BodyFields {
            correlation,
            ask_path: chain.path,
            trace: chain.trace,
            ..Default::default()
        };
        let placing = async {
            let mut out = make(fields)?;
            out.deadline = until.map(|_| deadline);
            match until {
                Some(until) => tokio::time::timeout_at(until, self.place(from, to, &out))
                    .await
                    .map_err(|_| Error::new(Code::Expired, to.as_str(), "it never left: there was no room in time"))?,
                None => self.place(from, to, &out).await,
            }
        };
        let placed = placing.await.inspect_err(|error| subscription.end(error.code()))?;
        self.note_link(correlation, &placed);
        subscription.pending.placed = Some(placed);
        Ok(subscription)
    }

    /// An event has come to this node by a link; 0 = from an actor of this node.
    pub(crate) fn event_came(self: &Arc<Self>, link: u64, message: Message) {
        let correlation = message.correlation;
        let waiting = lock(&self.asks).get_mut(correlation).map(|waiter| match &waiter.to {
            Wanted::Subscriber(events) if events.capacity() > 1 && message.body_len() <= MAX_EVENT => {
                let _ = events.try_send((link, message));
                None
            }
            Wanted::Subscriber(_) => Some(false),
            Wanted::Caller(_) | Wanted::Actor(_) => Some(true),
        });
        match waiting {
            Some(None) => {}
            Some(Some(true)) => {
                let unread = EventCredit {
                    correlation,
                    unread: true,
                    ..Default::default()
                };
                self.tell_emitter(link, unread);
            }
            Some(Some(false)) => {
                if let Some(waiter) = self.end_ask(correlation) {
                    let why = "its actor's node sends more events, or larger ones, than it may";
                    self.fail_waiter(correlation, waiter, Code::OutcomeUnknown, why); // its handler has begun
                }
                self.tell_over(link, correlation);
            }
            None => {
                self.late_reply();
                self.tell_over(link, correlation);
            }
        }
    }

    fn tell_over(self: &Arc<Self>, link: u64, correlation: u64) {
        let over = EventCredit {
            correlation,
            over: true,
            ..Default::default()
        };
        self.tell_emitter(link, over);
    }

    /// Tells the node at the other end of a link; 0 = this one.
    fn tell_emitter(self: &Arc<Self>, link: u64, credit: EventCredit) {
        if link == 0 {
            return self.event_credit(0, &credit);
        }
        let peer = self.link(link).and_then(|link| link.peer());
        if let Some(system) = peer.and_then(|peer| Address::pinned(&peer, SYSTEM).ok()) {
            self.notify(&system, Outgoing::of(Kind::Tell, &credit));
        }
    }
}
