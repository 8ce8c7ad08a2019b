//! What a handler can do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actorbridge_proto::v1::{Code, Kind};
use actorbridge_proto::writer::{self, BodyFields};
use actorbridge_proto::{Trace, Who};
use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::AbortOnDropHandle;

use crate::actor::{Actor, Factory, Options};
use crate::address::Ref;
use crate::api::Node;
use crate::asks::{Emitter, LONGEST, Subscription, Waiter};
use crate::cell::{Cell, Request, TimerEntry};
use crate::codec::Codec;
use crate::error::{Error, Fault};
use crate::message::{Message, Outgoing, Payload, too_large};
use crate::node::Inner;
use crate::outbox::{Flush, Outbox, PARK};
use crate::run::Run;
use crate::traces::{Chain, in_trace};
use crate::versions;

const MAX_TIMERS: usize = 1024;

fn nothing_to_answer() -> Fault {
    let detail = "there is no ask to answer, or it has been answered";
    Fault::new(Code::InvalidArgument, detail)
}

/// The right to answer one ask. Keep it to answer after the handler has returned.
#[must_use = "an ask that is not answered fails at its deadline"]
pub struct Responder {
    node: Arc<Inner>,
    who: Arc<Who>,
    correlation: u64,
    /// The ask's.
    codec: Codec,
    trace: Option<Box<Trace>>,
    emitter: OnceLock<Arc<Emitter>>,
}

impl Responder {
    /// Answers the ask.
    ///
    /// # Errors
    /// TOO_LARGE for a reply over 16 MiB: the asker is told that, and that its ask was handled. HANDLER_ERROR for one that has
    /// no encoding in the codec of the ask: the asker is told that too.
    pub fn reply<T: Payload>(self, message: &T) -> Result<(), Fault> {
        let codec = self.codec;
        self.asked()
            .reply(|fields| Outgoing::in_codec(codec, Kind::Reply, message, fields))
    }

    /// Answers the ask with a failure.
    pub fn fail(self, fault: &Fault) {
        self.asked().fail(fault);
    }

    /// Sends the asker an event, before the reply: see [`Cx::emit`].
    ///
    /// # Errors
    /// As there.
    pub async fn emit<T: Payload>(&self, event: &T) -> Result<(), Fault> {
        let asked = self.asked();
        let out = Outgoing::in_codec(self.codec, Kind::Event, event, asked.fields(asked.trace().as_ref()))?;
        self.emitter()?.emit(out).await
    }

    /// Waits until the asker waits no longer. Of an ask without events it is not known before the first [`Responder::emit`].
    pub async fn cancelled(&self) {
        if let Ok(emitter) = self.emitter() {
            emitter.over().cancelled().await;
        }
    }

    fn emitter(&self) -> Result<Arc<Emitter>, Fault> {
        self.node.emitter(&self.emitter, &self.who.reply_to, self.correlation)
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            node: &self.node,
            who: &self.who,
            correlation: self.correlation,
            trace: self.trace.as_deref().cloned(),
            emitter: self.emitter.get().cloned(),
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // Who waits for events has no deadline that would tell it.
        if self.emitter.get().is_some_and(|emitter| emitter.is_owed()) {
            let detail = "the actor has let go of it without a reply";
            self.asked().fail(&Fault::new(Code::OutcomeUnknown, detail));
        }
    }
}

/// An ask that is to be answered, once.
struct Asked<'a> {
    node: &'a Arc<Inner>,
    who: &'a Who,
    correlation: u64,
    trace: Option<Trace>,
    /// If there were events.
    emitter: Option<Arc<Emitter>>,
}

impl Asked<'_> {
    fn reply(self, make: impl FnOnce(BodyFields<'_>) -> Result<Outgoing, Fault>) -> Result<(), Fault> {
        let trace = self.trace();
        let out = match make(self.fields(trace.as_ref())) {
            Ok(out) => out,
            // The handler's own error, as in Go.
            Err(why) => {
                let fault = Fault::app("INVALID_ARGUMENT").message(why.detail);
                self.fail(&fault);
                return Err(fault);
            }
        };
        if let Some(detail) = too_large(&out.what, &out.body) {
            let fault = Fault::new(Code::TooLarge, detail).done();
            self.fail(&fault);
            return Err(fault);
        }
        self.over();
        self.node.answer(&self.who.reply_to, self.correlation, out);
        Ok(())
    }

    fn fail(self, fault: &Fault) {
        self.over();
        let (failure, payload, trace) = (fault.failure(), fault.payload(), self.trace());
        self.node
            .answer_failure(&self.who.reply_to, self.correlation, &failure, &payload, trace.as_ref());
    }

    fn over(&self) {
        if let Some(emitter) = &self.emitter {
            emitter.answered();
        }
    }

    fn fields<'a>(&self, trace: Option<&'a Trace>) -> BodyFields<'a> {
        BodyFields {
            correlation: self.correlation,
            trace,
            ..Default::default()
        }
    }

    /// The answer belongs to the trace of its ask.
    fn trace(&self) -> Option<Trace> {
        let asked = self.trace.as_ref()?;
        self.node.trace_now(None).or_else(|| Some(asked.clone()))
    }
}

/// What a handler knows and can do. It is shared: a handler may wait for several asks at once.
pub struct Cx {
    node: Arc<Inner>,
    cell: Arc<Cell>,
    outbox: Outbox,
    message: Option<Message>,
    /// The message is an ask that nobody has answered, or promised to.
    owed: AtomicBool,
    /// Made when it is looked at; of an ask, its asker trips it, or what ends with it and looks at the time for its asker.
    token: OnceLock<(CancellationToken, Option<AbortOnDropHandle<()>>)>,
    /// Milliseconds that an asker waits who cannot say when it does so no longer; 0 = it can.
    ttl_ms: u32,
    /// Made for the first event of an ask.
    emitter: OnceLock<Arc<Emitter>>,
}

impl Cx {
    pub(crate) fn new(node: Arc<Inner>, cell: Arc<Cell>) -> Self {
        Self {
            node,
            cell,
            outbox: Outbox::default(),
            message: None,
            owed: AtomicBool::new(false),
            token: OnceLock::new(),
            ttl_ms: 0,
            emitter: OnceLock::new(),
        }
    }

    /// Begins an ask whose asker waits for so long on this thread; 0 = nobody knows.
    pub(crate) fn begin_beside(&mut self, message: Message, ttl_ms: u32) {
        self.begin(message);
        self.ttl_ms = ttl_ms;
    }

    pub(crate) fn begin(&mut self, message: Message) {
        self.token.take();
        self.ttl_ms = 0;
        self.emitter.take();
        *self.owed.get_mut() = message.is_ask();
        self.message = Some(message);
    }

    /// Begins the next message of the run that the last one was of; `false` = there is none.
    pub(crate) fn begin_next(&mut self, run: &mut Run) -> bool {
        self.token.take();
        self.message.as_mut().is_some_and(|message| run.next_into(message))
    }

    /// The message that is being handled.
    pub(crate) fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    pub(crate) fn end(&mut self) {
        self.message = None;
        self.token = OnceLock::new();
        self.emitter = OnceLock::new();
    }

    pub(crate) fn owes_reply(&self) -> bool {
        self.owed.load(Ordering::Relaxed)
    }

    pub(crate) fn fail(&self, fault: &Fault) {
        if let Some(asked) = self.take_asked() {
            asked.fail(fault);
        }
    }

    /// The ask that is being handled, for who answers it now.
    fn take_asked(&self) -> Option<Asked<'_>> {
        let message = self.message.as_ref()?;
        self.owed.swap(false, Ordering::AcqRel).then(|| Asked {
            node: &self.node,
            who: &message.who,
            correlation: message.correlation,
            trace: message.trace(),
            emitter: self.emitter.get().cloned(),
        })
    }

    pub(crate) fn reply_with(
        &self,
        make: impl FnOnce(Codec, BodyFields<'_>) -> Result<Outgoing, Fault>,
    ) -> Result<(), Fault> {
        let asked = self.take_asked().ok_or_else(nothing_to_answer)?;
        let codec = self.message.as_ref().map(Message::codec).unwrap_or_default();
        asked.reply(|fields| make(codec, fields))
    }

    /// This actor's address.
    pub fn self_ref(&self) -> &Ref {
        &self.cell.address
    }

    /// The node that this actor lives on at present. What is sent with it is sent by outside code.
    pub fn node(&self) -> Node {
        Node::of(self.node.clone())
    }

    /// Who sent the message that is being handled; `None` = outside code.
    pub fn sender(&self) -> Option<Ref> {
        self.message.as_ref()?.sender()
    }

    /// Trips when the asker has stopped waiting, or the actor's grace time is over. The asker of an ask that is handled on its own thread
    /// waits for the handler all the same, which should end soon then.
    pub fn token(&self) -> &CancellationToken {
        let (token, _) = self.token.get_or_init(|| {
            let token = self.cell.token();
            (token.clone(), self.trip_in_time(token))
        });
        token
    }

    /// Trips a token when its asker's time is over. It counts from the handler's first look at it: a clock that is read for each ask costs
    /// those that never look.
    fn trip_in_time(&self, token: CancellationToken) -> Option<AbortOnDropHandle<()>> {
        let within = Duration::from_millis(self.ttl_ms.into());
        let task = async move {
            tokio::time::sleep(within).await;
            token.cancel();
        };
        (self.ttl_ms > 0).then(|| AbortOnDropHandle::new(self.node.handle.spawn(task)))
    }

    /// Waits until [`Cx::token`] trips, for `tokio::select!`.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        self.token().cancelled()
    }

    /// Answers the ask that is being handled.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if there is no ask, or it has been answered; TOO_LARGE as [`Responder::reply`].
    pub fn reply<T: Payload>(&self, message: &T) -> Result<(), Fault> {
        self.reply_with(|codec, fields| Outgoing::in_codec(codec, Kind::Reply, message, fields))
    }

    /// Sends the asker of the ask that is being handled an event, before the reply. The asker has them one by one, in order, from
    /// [`Node::subscribe`]; one that only asks has none of them. At most 32 are on their way or wait there: this waits until there is
    /// room for another one. What was staged leaves before. An event that is to be sent after the handler has returned is [`Responder::emit`]'s.
    ///
    /// # Errors
    /// CANCELLED: the asker waits no longer. INVALID_ARGUMENT if there is no ask, or it has been answered. TOO_LARGE for an event over
    /// 64 KiB; MAILBOX_FULL: a link that hardly moves holds too many answers. After these two the next event may be sent.
    pub async fn emit<T: Payload>(&self, event: &T) -> Result<(), Fault> {
        let message = self.message.as_ref().filter(|_| self.owes_reply());
        let message = message.ok_or_else(nothing_to_answer)?;
        let trace = message.trace();
        let trace = trace
            .as_ref()
            .and_then(|asked| self.node.trace_now(None).or_else(|| Some(asked.clone())));
        let fields = BodyFields {
            correlation: message.correlation,
            trace: trace.as_ref(),
            ..Default::default()
        };
        let out = Outgoing::in_codec(message.codec(), Kind::Event, event, fields)?;
        let emitter = self
            .node
            .emitter(&self.emitter, &message.who.reply_to, message.correlation)?;
        self.flush(&Flush::Batch).await;
        tokio::select! {
            biased;
            sent = emitter.emit(out) => sent,
            () = self.cancelled() => Err(Fault::new(Code::Cancelled, "the handler was cancelled")),
        }
    }

    /// Ends the handling of one message of a protocol: an ask is answered with the reply or the fault, a tell is not.
    ///
    /// # Errors
    /// The fault, or TOO_LARGE as [`Responder::reply`].
    pub fn answer<T: Payload>(&self, reply: Result<T, Fault>) -> Result<(), Fault> {
        let reply = reply?;
        match self.owes_reply() {
            true => self.reply(&reply),
            false => Ok(()),
        }
    }

    /// Takes over the duty to answer the ask that is being handled.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if there is no ask, or it has been answered.
    pub fn take_responder(&self) -> Result<Responder, Fault> {
        let asked = self.take_asked().zip(self.message.as_ref());
        let (asked, message) = asked.ok_or_else(nothing_to_answer)?;
        Ok(Responder {
            node: self.node.clone(),
            who: message.who.clone(),
            correlation: asked.correlation,
            codec: message.codec(),
            trace: asked.trace.map(Box::new),
            emitter: self.emitter.clone(),
        })
    }

    /// Stages a message. It leaves when the batch of messages that the actor was given ends, or between two of them once 64 messages
    /// or 16 KiB are staged, or before an ask or another wait of this type. So a handler that waits for something else holds back what
    /// it has told. Never waits.
    ///
    /// # Errors
    /// MAILBOX_FULL: the outbox of 1,024 messages is full, and nothing was staged. INVALID_ARGUMENT: the codec has no encoding
    /// for the message.
    pub fn tell<T: Payload>(&self, to: &Ref, message: &T) -> Result<(), Error> {
        let trace = self.trace_now();
        self.stage(to, self.node.encode(to, Kind::Tell, message, in_trace(trace.as_ref()))?)
    }

    /// The trace that what the handler sends now belongs to.
    pub(crate) fn trace_now(&self) -> Option<Trace> {
        self.node.trace_now(self.message())
    }

    pub(crate) fn stage(&self, to: &Ref, out: Outgoing) -> Result<(), Error> {
        self.outbox.stage(to.clone(), out)
    }

    /// Passes the message that is being handled on, its payload untouched. An ask is answered by the other actor.
    ///
    /// # Errors
    /// As [`Cx::tell`]; INVALID_ARGUMENT outside a handler.
    pub async fn forward(&self, to: &Ref) -> Result<(), Error> {
        let Some(message) = self.message.clone() else {
            return Err(Error::new(
                Code::InvalidArgument,
                to.as_str(),
                "there is no message to forward",
            ));
        };
        self.outbox.clear_the_way(&self.node, &self.cell, to, PARK).await?;
        self.node.forward(&message, to).await?;
        self.owed.store(false, Ordering::Release);
        Ok(())
    }

    /// Asks, and waits for the reply. What was staged for that actor leaves first. Several asks may be waited for at once,
    /// as with `tokio::join!`.
    ///
    /// # Errors
    /// Why there is no reply, and whether the effect happened.
    pub async fn ask<T: Payload, M: Payload>(&self, to: &Ref, message: &M, within: Duration) -> Result<T, Error> {
        let asked = Instant::now();
        self.outbox.clear_the_way(&self.node, &self.cell, to, within).await?;
        let within = within.saturating_sub(asked.elapsed());
        let mut path = self.message.as_ref().map(Message::ask_path).unwrap_or_default();
        path.push(self.cell.hash());
        let span = self.node.ask_span(self.message(), to, versions::name_of::<M>());
        let chain = Chain {
            path: &path,
            trace: span.trace.as_ref(),
        };
        let (node, token) = (&self.node, Some(self.token()));
        let reply = span
            .around(node.ask_in_codec(self.cell.sender(node), to, message, within, chain, token))
            .await?;
        reply.decode().map_err(|fault| Error::of_answer(to.as_str(), fault))
    }

    /// As [`Node::subscribe`], from this actor. It handles nothing else meanwhile: what is to be read beside other messages is read in a
    /// task that asks by [`Cx::node`].
    ///
    /// # Errors
    /// As there.
    pub async fn subscribe<M: Payload>(&self, to: &Ref, message: &M, within: Duration) -> Result<Subscription, Error> {
        self.outbox
            .clear_the_way(&self.node, &self.cell, to, within.min(PARK))
            .await?;
        let mut path = self.message.as_ref().map(Message::ask_path).unwrap_or_default();
        path.push(self.cell.hash());
        let trace = self.trace_now();
        let chain = Chain {
            path: &path,
            trace: trace.as_ref(),
        };
        let make = |fields: BodyFields<'_>| self.node.encode(to, Kind::Ask, message, fields);
        let (from, token) = (self.cell.sender(&self.node), Some(self.token()));
        self.node.subscribe(from, to, make, within, chain, token).await
    }

    /// Asks without waiting: the answer comes as a message of kind REPLY or FAILURE with `context`.
    ///
    /// # Errors
    /// As [`Cx::tell`].
    pub fn request<M: Payload>(&self, to: &Ref, message: &M, within: Duration, context: Bytes) -> Result<(), Error> {
        let within = u64::try_from(within.min(LONGEST).as_millis()).unwrap_or(u64::MAX / 2);
        let now = self.node.now();
        let deadline = now + within;
        let waiter = Waiter::request(self.cell.path().to_owned(), to.clone(), now);
        let correlation = self.node.begin_ask(deadline, waiter, to)?;
        let trace = self.trace_now();
        let fields = BodyFields {
            correlation,
            trace: trace.as_ref(),
            ..Default::default()
        };
        let mut out = self.node.encode(to, Kind::Ask, message, fields).inspect_err(|_| {
            self.node.end_ask(correlation);
        })?;
        out.deadline = Some(deadline);
        let key = (self.node.name.clone(), correlation);
        self.cell
            .lock()
            .extra_mut()
            .requests
            .insert(key.clone(), Request { context, deadline });
        self.outbox.stage(to.clone(), out).inspect_err(|error| {
            self.node.end_ask(correlation);
            self.node.counters.ask_failed(error.code());
            self.cell.lock().extra_mut().requests.remove(&key);
        })
    }

    /// Spawns a child: `name` below this actor's path. It stops before this actor does.
    ///
    /// # Errors
    /// ALREADY_EXISTS, INVALID_ARGUMENT, STOPPED.
    pub fn spawn<A: Actor>(
        &self,
        name: &str,
        make: impl Fn() -> A + Send + Sync + 'static,
        options: Options,
    ) -> Result<Ref, Error> {
        let path = format!("{}/{name}", self.cell.path());
        let cell = self
            .node
            .spawn_cell(&path, Factory::new(make), options, Some(self.cell.clone()))?;
        Ok(cell.address.clone())
    }

    /// Watches another actor: when it stops, or its link is lost, a message of kind TERMINATED comes.
    ///
    /// # Errors
    /// NO_SUCH_ACTOR, UNAVAILABLE.
    pub async fn watch(&self, other: &Ref) -> Result<(), Error> {
        self.flush(&Flush::Batch).await;
        self.node.watch(other, &self.cell.address, false).await
    }

    /// Sends this actor a message after `delay`. A timer of the same name is replaced. Timers move with the actor.
    ///
    /// # Errors
    /// MAILBOX_FULL with 1,024 timers.
    pub fn timer<T: Payload>(&self, name: &str, delay: Duration, message: &T) -> Result<(), Error> {
        let out = Outgoing::of(Kind::Tell, message);
        let address = self.cell.address.as_str();
        let who = writer::who(address, address, "");
        let refuse = |r| Error::refused(address, r);
        let message = Message::read(Arc::new(who), out.what, out.body).map_err(refuse)?;
        if self.cell.lock().extra().timers.len() >= MAX_TIMERS {
            return Err(Error::new(
                Code::MailboxFull,
                address,
                "an actor has at most 1,024 timers",
            ));
        }
        self.node.start_timer(
            &self.cell,
            name,
            TimerEntry::new(Instant::now() + delay.min(LONGEST), message),
        );
        Ok(())
    }

    /// Ends a timer.
    pub fn cancel_timer(&self, name: &str) {
        if let Some(timer) = self.cell.lock().extra_mut().timers.remove(name) {
            timer.stop.cancel();
        }
    }

    pub(crate) fn is_full(&mut self) -> bool {
        self.outbox.is_full()
    }

    pub(crate) fn has_staged(&mut self) -> bool {
        self.outbox.has_any()
    }

    pub(crate) async fn flush(&self, why: &Flush<'_>) {
        self.outbox.flush(&self.node, &self.cell, why).await;
    }
}
