//! Asks: their slots, their answers, and what is said of those that got none.

use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::Trace;
use actorbridge_proto::v1::{self, Code, Effect, Failure, Kind};
use actorbridge_proto::writer::{self, BodyFields};
use prost::Message as _;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::address::Address;
use crate::cell::AskId;
use crate::door::{LinkEnd, inline};
use crate::error::Error;
use crate::logs::{About, Level};
use crate::machine::Millis;
use crate::message::{Message, Outgoing, Payload};
use crate::node::{Inner, lock};
use crate::outlet::{Placed, Sender};
use crate::status::Counted;
use crate::traces::Chain;

mod emitter;
mod subscription;

pub(crate) use emitter::{Emitter, EmitterKey};
pub use subscription::Subscription;

/// The longest that an ask or a timer may wait, so that adding it to the time cannot overflow.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// How many milliseconds after its deadline the table of asks drops an ask whose caller did not: the caller's own timer says more of
/// the end than the table's, which is for a caller that nobody runs.
const LATE_END: Millis = 60_000;

/// Most asks that wait that a status tells of.
const MAX_TOLD: usize = 64;

/// Where on which link an ask went. A flow's number may stand for another stream later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) link: u64,
    pub(crate) flow: u32,
    pub(crate) stream: u64,
    pub(crate) seq: u64,
}

/// Who waits for an answer, and how far the ask has come.
pub(crate) struct Waiter {
    pub(crate) placed: Option<Place>,
    to: Wanted,
    /// For people: whom it asks, and since when.
    asked: Address,
    since: Millis,
}

enum Wanted {
    Caller(oneshot::Sender<Message>),
    /// Events too, each with the link by which it came.
    Subscriber(mpsc::Sender<(u64, Message)>),
    Actor(String),
}

impl Waiter {
    pub(crate) fn request(path: String, asked: Address, since: Millis) -> Self {
        Self {
            placed: None,
            to: Wanted::Actor(path),
            asked,
            since,
        }
    }
}

impl Inner {
    pub(crate) fn begin_ask(&self, deadline: Millis, waiter: Waiter, to: &Address) -> Result<u64, Error> {
        let full = |_| {
            Error::new(
                Code::MailboxFull,
                to.as_str(),
                "this node waits for a million asks already",
            )
        };
        lock(&self.asks).begin(deadline, waiter).map_err(full)
    }

    pub(crate) fn end_ask(&self, correlation: u64) -> Option<Waiter> {
        lock(&self.asks).end(correlation)
    }

    /// Where a request of an actor went: what a lost link says of it depends on it.
    pub(crate) fn note_placed(self: &Arc<Self>, out: &Outgoing, placed: &Placed) {
        if out.what.kind != Kind::Ask as u32 {
            return;
        }
        self.note_link(out.correlation(), placed);
    }

    fn note_link(self: &Arc<Self>, correlation: u64, placed: &Placed) {
        let Placed::Link {
            link,
            flow,
            stream,
            seq,
        } = placed
        else {
            return;
        };
        if let Some(waiter) = lock(&self.asks).get_mut(correlation) {
            waiter.placed = Some(Place {
                link: link.id(),
                flow: *flow,
                stream: *stream,
                seq: *seq,
            });
        }
        // The link may be over, or the way behind a relay, and have looked for the asks that went by it already.
        if link.over.get().is_some()
            && let Some(waiter) = self.end_ask(correlation)
        {
            self.ask_lost(link, correlation, waiter);
        }
        if link.is_stray(*stream, *seq)
            && let Some(waiter) = self.end_ask(correlation)
        {
            self.fail_waiter(correlation, waiter, Code::OutcomeUnknown, &link.why_stray());
        }
    }

    /// The link that an ask went by is over.
    pub(crate) fn ask_lost(self: &Arc<Self>, link: &LinkEnd, correlation: u64, waiter: Waiter) {
        let Some((last_frame, detail)) = link.over.get() else {
            return;
        };
        let never = waiter.placed.is_some_and(|place| link.never_left(place, *last_frame));
        let code = if never { Code::Unavailable } else { Code::OutcomeUnknown };
        self.fail_waiter(correlation, waiter, code, detail);
    }

    /// Asks and waits for the answer, the deadline, the link's end or `cancel`.
    pub(crate) async fn ask<M: Payload>(
        self: &Arc<Self>,
        from: &Sender,
        to: &Address,
        message: &M,
        within: Duration,
        chain: Chain<'_>,
        cancel: Option<&CancellationToken>,
    ) -> Result<Message, Error> {
        let make = |fields: BodyFields<'_>| Ok(Outgoing::with_fields(Kind::Ask, message, fields));
        self.ask_out(from, to, make, within, chain, cancel).await
    }

    /// The same in the codec that `to` or this node says: what users ask.
    pub(crate) async fn ask_in_codec<M: Payload>(
        self: &Arc<Self>,
        from: &Sender,
        to: &Address,
        message: &M,
        within: Duration,
        chain: Chain<'_>,
        cancel: Option<&CancellationToken>,
    ) -> Result<Message, Error> {
        let make = |fields: BodyFields<'_>| self.encode(to, Kind::Ask, message, fields);
        self.ask_out(from, to, make, within, chain, cancel).await
    }

    /// A message in the codec that `to` or this node says.
    pub(crate) fn encode<M: Payload>(
        &self,
        to: &Address,
        kind: Kind,
        message: &M,
        fields: BodyFields<'_>,
    ) -> Result<Outgoing, Error> {
        let codec = to.codec().unwrap_or(self.encoding.codec);
        Outgoing::in_codec(codec, kind, message, fields)
            .map_err(|fault| Error::new(fault.code(), to.as_str(), fault.detail))
    }

    /// The same for what `make` encodes.
    pub(crate) async fn ask_out(
        self: &Arc<Self>,
        from: &Sender,
        to: &Address,
        make: impl FnOnce(BodyFields<'_>) -> Result<Outgoing, Error>,
        within: Duration,
        chain: Chain<'_>,
        cancel: Option<&CancellationToken>,
    ) -> Result<Message, Error> {
        // Dropped before its end: nobody wants to know it any more.
        let (counters, code) = (&self.counters, Code::Cancelled);
        let mut counted = Counted { counters, code };
        let answer = self.ask_until(from, to, make, within, chain, cancel).await;
        counted.code = answer.as_ref().map_or_else(Error::code, |_| Code::Ok);
        answer
    }

    async fn ask_until(
        self: &Arc<Self>,
        from: &Sender,
        to: &Address,
        make: impl FnOnce(BodyFields<'_>) -> Result<Outgoing, Error>,
        within: Duration,
        chain: Chain<'_>,
        cancel: Option<&CancellationToken>,
    ) -> Result<Message, Error> {
        let within = within.min(LONGEST);
        let until = tokio::time::Instant::now() + within;
        let since = self.now();
        let deadline = since + u64::try_from(within.as_millis()).unwrap_or(u64::MAX / 2);
        let (tx, mut rx) = oneshot::channel();
        let waiter = Waiter {
            placed: None,
            to: Wanted::Caller(tx),
            asked: to.clone(),
            since,
        };
        let correlation = self.begin_ask(deadline + LATE_END, waiter, to)?;
        let mut pending = Pending {
            node: self.clone(),
            correlation,
            reply_to: from.reply_to.clone(),
            placed: None,
        };
        let fields = BodyFields {
            correlation,
            ask_path: chain.path,
            trace: chain.trace,
            ..Default::default()
        };
        let mut out = make(fields)?;
        out.deadline = Some(deadline);
        let error = |code, detail: &str| Error::new(code, to.as_str(), detail);
        let placed = tokio::time::timeout_at(until, self.place(from, to, &out)).await;
        let placed = placed.map_err(|_| error(Code::Expired, "it never left: there was no room in time"))??;
        self.note_link(correlation, &placed);
        pending.placed = Some(placed);
        let token = cancel.cloned().unwrap_or_default();
        let answer = tokio::select! {
            biased;
            // Without one, the table has dropped the ask, long after its end.
            answer = &mut rx => answer.ok(),
            () = tokio::time::sleep_until(until) => None,
            () = token.cancelled() => return Err(error(Code::OutcomeUnknown, "the asking handler was cancelled")),
        };
        let Some(answer) = answer else {
            return Err(match pending.withdraw() {
                true => error(Code::Expired, "it was still in the mailbox"),
                false => error(Code::OutcomeUnknown, "no answer in time"),
            });
        };
        pending.placed = None;
        match answer.failure() {
            Some(failure) => Err(Error::of_failure(to.as_str(), &failure, answer.payload())),
            None => Ok(answer),
        }
    }

    /// Brings an answer to the node that asked.
    pub(crate) fn answer(self: &Arc<Self>, reply_to: &str, correlation: u64, out: Outgoing) {
        let Some(out) = inline::keep_answer(reply_to, correlation, out) else {
            return;
        };
        // Nearly always: the address was read when its stream was opened.
        let pinned = reply_to.strip_prefix("ab://").and_then(|rest| rest.split_once('/'));
        if let Some((node, _)) = pinned
            && node != self.name
            && let Some(Ok(true)) = self.link_to(node).map(|link| link.send_off_stream(&out))
        {
            return;
        }
        let Ok(address) = reply_to.parse::<Address>() else {
            return self.log(
                Level::Warn,
                About::actor(reply_to),
                "an answer has no valid address to go to".into(),
            );
        };
        match address.node() {
            Some(node) if node != self.name => {
                match self.link_to(node).map(|link| link.send_off_stream(&out)) {
                    Some(Ok(true)) => {}
                    // The asker does not read this reply: it is told that, and that its ask was handled.
                    Some(Err(fault)) => self.answer_failure(reply_to, correlation, &fault.done().failure(), &[], None),
                    None if self.answer_beyond(node, reply_to, &out) => {}
                    _ => self.log(
                        Level::Warn,
                        About::actor(reply_to),
                        "an answer was lost: no link to its asker is up".into(),
                    ),
                }
            }
            _ => {
                if let Ok(message) = Message::read(Arc::default(), out.what, out.body) {
                    self.answered(message);
                }
            }
        }
    }

    pub(crate) fn answer_failure(
        self: &Arc<Self>,
        reply_to: &str,
        correlation: u64,
        failure: &Failure,
        payload: &[u8],
        trace: Option<&Trace>,
    ) {
        let type_name = if payload.is_empty() {
            ""
        } else {
            "actorbridge.v1.UserError"
        };
        let failure = failure.encode_to_vec();
        let fields = BodyFields {
            correlation,
            failure: &failure,
            trace,
            ..Default::default()
        };
        let what = Arc::new(writer::what(Kind::Failure, type_name, 1, 1));
        self.answer(
            reply_to,
            correlation,
            Outgoing::encoded(what, writer::body(fields, payload)),
        );
    }

    /// An answer has come to this node.
    pub(crate) fn answered(self: &Arc<Self>, message: Message) {
        match self.end_ask(message.correlation) {
            Some(waiter) => self.hand_over(waiter, message),
            None => self.late_reply(),
        }
    }

    /// Counts an answer whose asker has stopped waiting.
    pub(crate) fn late_reply(&self) {
        lock(&self.dead).late_replies += 1;
    }

    pub(crate) fn hand_over(self: &Arc<Self>, waiter: Waiter, message: Message) {
        if matches!(waiter.to, Wanted::Actor(_))
            && let Some(failure) = message.failure()
        {
            self.counters.ask_failed(Code::from_wire(failure.code));
        }
        match waiter.to {
            Wanted::Caller(tx) => drop(tx.send(message)),
            Wanted::Subscriber(tx) => drop(tx.try_send((0, message))),
            // Where it is, or was last: it forwards what is for an actor that has moved.
            Wanted::Actor(path) => match self.cell(&path).or_else(|| self.left(&path)) {
                Some(cell) => cell.offer_answer(self, &self.name, message),
                None => self.late_reply(),
            },
        }
    }

    pub(crate) fn fail_waiter(self: &Arc<Self>, correlation: u64, waiter: Waiter, code: Code, detail: &str) {
        if let Some(message) = failure(correlation, code, detail) {
            self.hand_over(waiter, message);
        }
    }

    /// How many asks wait, how many have ended, and those that wait.
    pub(crate) fn asks_now(&self, now: Millis) -> (u32, u64, Vec<v1::AskStatus>) {
        let asks = lock(&self.asks);
        let (waiting, ended) = (asks.waiting(), asks.ended());
        let mut oldest: Vec<_> = asks.iter().collect();
        if oldest.len() > MAX_TOLD {
            oldest.select_nth_unstable_by_key(MAX_TOLD, |waiter| waiter.since);
            oldest.truncate(MAX_TOLD);
        }
        oldest.sort_by_key(|waiter| waiter.since);
        let oldest: Vec<_> = oldest.iter().map(|w| (w.asked.clone(), w.placed, w.since)).collect();
        drop(asks);
        let told = |(asked, placed, since): (Address, Option<Place>, Millis)| v1::AskStatus {
            target: asked.as_str().to_owned(),
            peer: placed.and_then(|p| self.link(p.link)?.peer()).unwrap_or_default(),
            age_ms: now.saturating_sub(since),
        };
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        (waiting, ended, oldest.into_iter().map(told).collect())
    }

    /// Time passes: requests expire.
    pub(crate) fn tick(self: &Arc<Self>) {
        self.moves_tick();
        let expired = lock(&self.asks).expire(self.now());
        for (correlation, waiter) in expired {
            match &waiter.to {
                // It finds its time over when it is run again.
                Wanted::Caller(_) | Wanted::Subscriber(_) => {}
                Wanted::Actor(_) => self.fail_waiter(correlation, waiter, Code::OutcomeUnknown, "no answer in time"),
            }
        }
    }
}

/// The answer of a node that got none.
pub(crate) fn failure(correlation: u64, code: Code, detail: &str) -> Option<Message> {
    failure_with(correlation, code, code.effect(), detail)
}

/// A failure that says how much was done.
pub(crate) fn failure_with(correlation: u64, code: Code, effect: Effect, detail: &str) -> Option<Message> {
    let detail = detail.to_owned();
    let failure = Failure {
        code: code as i32,
        effect: effect as i32,
        detail,
        ..Default::default()
    };
    let encoded = failure.encode_to_vec();
    let fields = BodyFields {
        correlation,
        failure: &encoded,
        ..Default::default()
    };
    let what = Arc::new(writer::what(Kind::Failure, "", 1, 1));
    Message::read(Arc::default(), what, writer::body(fields, &[])).ok()
}

/// An ask on its way. Dropped before its answer, it is withdrawn.
struct Pending {
    node: Arc<Inner>,
    correlation: u64,
    reply_to: String,
    placed: Option<Placed>,
}

impl Pending {
    /// `true` = its handler certainly never began.
    fn withdraw(&mut self) -> bool {
        self.node.end_ask(self.correlation);
        match self.placed.take() {
            Some(Placed::Local(cell)) => {
                let ask = AskId::Asker {
                    correlation: self.correlation,
                    reply_to: Arc::new(writer::who("", "", &self.reply_to)),
                };
                let held = cell.cancel_ask(&ask);
                held.inspect(|m| cell.release(&self.node, m.permit)).is_some()
            }
            Some(Placed::Link {
                link,
                flow,
                stream,
                seq,
            }) => {
                link.cancel(flow, stream, seq);
                false
            }
            None => true,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.withdraw();
    }
}
