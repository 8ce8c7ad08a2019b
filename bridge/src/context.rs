//! What a handler can do.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::{Code, Kind};
use actorbridge_proto::writer::{self, BodyFields};
use bytes::Bytes;
use prost::Message as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::actor::{Actor, Factory, Options};
use crate::address::{Address, Ref};
use crate::api::Node;
use crate::asks::{LONGEST, Waiter};
use crate::cell::{Cell, Request, TimerEntry};
use crate::error::{Error, Fault};
use crate::message::{Message, Outgoing, Payload};
use crate::node::Inner;
use crate::outlet::Sent;

/// Most messages that an actor may have staged.
const OUTBOX: usize = 1024;
/// Staged messages and bytes after which they leave before the batch ends.
const FLUSH_AT: (usize, usize) = (64, 16 << 10);
/// How long staged messages wait for room before they become dead letters.
const PARK: Duration = Duration::from_secs(30);
/// Why what is staged leaves.
pub(crate) enum Flush<'a> {
    /// The batch ends. What finds no room may wait while the actor has other things to do.
    Batch,
    /// The actor stops: what finds no room in 1 s becomes a dead letter.
    Last,
    /// Something for this actor follows, and must not overtake. It waits that long.
    Before(&'a Address, Duration),
}

const MAX_TIMERS: usize = 1024;

/// The right to answer one ask. Keep it to answer after the handler has returned.
#[must_use = "an ask that is not answered fails at its deadline"]
pub struct Responder {
    node: Arc<Inner>,
    reply_to: String,
    correlation: u64,
}

impl Responder {
    /// Answers the ask.
    pub fn reply<T: Payload>(self, message: &T) {
        let fields = BodyFields {
            correlation: self.correlation,
            ..Default::default()
        };
        let out = Outgoing::with_fields(Kind::Reply, message, fields);
        self.node.answer(&self.reply_to, &out);
    }

    /// Answers the ask with a failure.
    pub fn fail(self, fault: &Fault) {
        let payload = fault.user.as_ref().map(|u| u.encode_to_vec()).unwrap_or_default();
        self.node
            .answer_failure(&self.reply_to, self.correlation, &fault.failure(), &payload);
    }
}

/// What a handler knows and can do. It lives as long as one activation of its actor.
pub struct Cx {
    node: Arc<Inner>,
    cell: Arc<Cell>,
    staged: VecDeque<(Address, Outgoing)>,
    staged_bytes: usize,
    message: Option<Message>,
    owed: Option<Responder>,
    token: CancellationToken,
}

impl Cx {
    pub(crate) fn new(node: Arc<Inner>, cell: Arc<Cell>) -> Self {
        let token = cell.cancel.clone();
        Self {
            node,
            cell,
            staged: VecDeque::new(),
            staged_bytes: 0,
            message: None,
            owed: None,
            token,
        }
    }

    pub(crate) fn begin(&mut self, message: &Message, token: CancellationToken) {
        self.token = token;
        self.owed = message.is_ask().then(|| Responder {
            node: self.node.clone(),
            reply_to: message.who.reply_to.clone(),
            correlation: message.correlation,
        });
        self.message = Some(message.clone());
    }

    pub(crate) fn end(&mut self) {
        self.message = None;
        self.token = self.cell.cancel.clone();
    }

    pub(crate) fn owes_reply(&self) -> bool {
        self.owed.is_some()
    }

    pub(crate) fn fail(&mut self, fault: &Fault) {
        if let Some(owed) = self.owed.take() {
            owed.fail(fault);
        }
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

    /// Trips when the asker has stopped waiting, or the actor's grace time is over.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.token
    }

    /// Answers the ask that is being handled.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if there is no ask, or it has been answered.
    pub fn reply<T: Payload>(&mut self, message: &T) -> Result<(), Fault> {
        let owed = self.take_responder()?;
        owed.reply(message);
        Ok(())
    }

    /// Takes over the duty to answer the ask that is being handled.
    ///
    /// # Errors
    /// As [`Cx::reply`].
    pub fn take_responder(&mut self) -> Result<Responder, Fault> {
        let nothing = || {
            Fault::new(
                Code::InvalidArgument,
                "there is no ask to answer, or it has been answered",
            )
        };
        self.owed.take().ok_or_else(nothing)
    }

    /// Stages a message. It leaves when the batch of messages that the actor was given ends, after 64 messages or 16 KiB,
    /// or before an ask. Never waits.
    ///
    /// # Errors
    /// MAILBOX_FULL: the outbox of 1,024 messages is full, and nothing was staged.
    pub fn tell<T: Payload>(&mut self, to: &Ref, message: &T) -> Result<(), Error> {
        self.stage(to.clone(), Outgoing::of(Kind::Tell, message))
    }

    fn stage(&mut self, to: Address, out: Outgoing) -> Result<(), Error> {
        if self.staged.len() >= OUTBOX {
            return Err(Error::new(
                Code::MailboxFull,
                to.as_str(),
                "this actor's outbox is full",
            ));
        }
        self.staged_bytes += out.body.len();
        self.staged.push_back((to, out));
        Ok(())
    }

    /// Passes the message that is being handled on, its payload untouched. An ask is answered by the other actor.
    ///
    /// # Errors
    /// As [`Cx::tell`]; INVALID_ARGUMENT outside a handler.
    pub async fn forward(&mut self, to: &Ref) -> Result<(), Error> {
        let Some(message) = self.message.clone() else {
            return Err(Error::new(
                Code::InvalidArgument,
                to.as_str(),
                "there is no message to forward",
            ));
        };
        self.clear_the_way(to, PARK).await?;
        self.node.forward(&message, to).await?;
        self.owed = None;
        Ok(())
    }

    /// Asks, and waits for the reply. What was staged for that actor leaves first.
    ///
    /// # Errors
    /// Why there is no reply, and whether the effect happened.
    pub async fn ask<T: Payload, M: Payload>(&mut self, to: &Ref, message: &M, within: Duration) -> Result<T, Error> {
        let asked = Instant::now();
        self.clear_the_way(to, within).await?;
        let within = within.saturating_sub(asked.elapsed());
        let mut path = self.message.as_ref().map(Message::ask_path).unwrap_or_default();
        path.push(self.cell.hash);
        let cell = self.cell.clone();
        let reply = self
            .node
            .ask(&cell.sender, to, message, within, &path, Some(&self.token))
            .await?;
        reply
            .decode()
            .map_err(|fault| Error::new(fault.code, to.as_str(), fault.detail))
    }

    /// Asks without waiting: the answer comes as a message of kind REPLY or FAILURE with `context`.
    ///
    /// # Errors
    /// As [`Cx::tell`].
    pub fn request<M: Payload>(
        &mut self,
        to: &Ref,
        message: &M,
        within: Duration,
        context: Bytes,
    ) -> Result<(), Error> {
        let within = u64::try_from(within.min(LONGEST).as_millis()).unwrap_or(u64::MAX / 2);
        let deadline = self.node.now() + within;
        let waiter = Waiter::request(self.cell.path.clone());
        let correlation = self.node.begin_ask(deadline, waiter, to)?;
        let fields = BodyFields {
            correlation,
            ..Default::default()
        };
        let mut out = Outgoing::with_fields(Kind::Ask, message, fields);
        out.deadline = Some(deadline);
        let key = (self.node.name.clone(), correlation);
        self.cell
            .lock()
            .requests
            .insert(key.clone(), Request { context, deadline });
        self.stage(to.clone(), out).inspect_err(|_| {
            self.node.end_ask(correlation);
            self.cell.lock().requests.remove(&key);
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
        let path = format!("{}/{name}", self.cell.path);
        let cell = self
            .node
            .spawn_cell(&path, Factory::new(make), options, Some(self.cell.clone()))?;
        Ok(cell.address.clone())
    }

    /// Watches another actor: when it stops, or its link is lost, a message of kind TERMINATED comes.
    ///
    /// # Errors
    /// NO_SUCH_ACTOR, UNAVAILABLE.
    pub async fn watch(&mut self, other: &Ref) -> Result<(), Error> {
        self.flush(Flush::Batch).await;
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
        if self.cell.lock().timers.len() >= MAX_TIMERS {
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
        if let Some(timer) = self.cell.lock().timers.remove(name) {
            timer.stop.cancel();
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.staged.len() >= FLUSH_AT.0 || self.staged_bytes >= FLUSH_AT.1
    }

    pub(crate) fn has_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// Sends what is staged for `to`; waits for room.
    async fn clear_the_way(&mut self, to: &Address, within: Duration) -> Result<(), Error> {
        self.flush(Flush::Before(to, within)).await;
        let code = match self.waits(&Flush::Before(to, within)) {
            false => return Ok(()),
            true if self.cell.cancel.is_cancelled() => Code::Cancelled,
            true => Code::Expired,
        };
        let detail = "what was sent to it before finds no room; it was not sent";
        Err(Error::new(code, to.as_str(), detail))
    }

    /// Is something staged that has to leave?
    fn waits(&self, why: &Flush<'_>) -> bool {
        match why {
            Flush::Before(to, _) => self.staged.iter().any(|(other, _)| other == *to),
            Flush::Batch | Flush::Last => !self.staged.is_empty(),
        }
    }

    /// Sends what is staged, in order for each target. What finds no room in 30 s, or when the actor has stopped, becomes a
    /// dead letter.
    pub(crate) async fn flush(&mut self, why: Flush<'_>) {
        let until = Instant::now()
            + match why {
                Flush::Batch => PARK,
                Flush::Last => Duration::from_secs(1),
                Flush::Before(_, within) => within.min(PARK),
            };
        let cell = self.cell.clone();
        let (batch, last) = (matches!(why, Flush::Batch), matches!(why, Flush::Last));
        while self.waits(&why) {
            let room = cell.sender.room.notified();
            let mut room = std::pin::pin!(room);
            room.as_mut().enable();
            self.pass().await;
            if !self.waits(&why) {
                break;
            }
            tokio::select! {
                () = &mut room => {}
                () = cell.wake.notified(), if batch && self.staged.len() < OUTBOX => break,
                () = cell.cancel.cancelled(), if !last => break,
                () = tokio::time::sleep_until(until) => {
                    if let Flush::Before(..) = why {
                        break;
                    }
                    for (to, out) in std::mem::take(&mut self.staged) {
                        self.node.dead_outgoing(&cell.sender, &to, &out, Code::MailboxFull, "no room in time");
                    }
                }
            }
        }
        self.staged_bytes = self.staged.iter().map(|(_, o)| o.body.len()).sum();
    }

    async fn pass(&mut self) {
        let mut blocked: HashSet<Address> = HashSet::new();
        for (to, out) in std::mem::take(&mut self.staged) {
            if blocked.contains(&to) {
                self.staged.push_back((to, out));
                continue;
            }
            match self.node.try_place(&self.cell.sender, &to, &out).await {
                Ok(Sent::Done(placed)) => self.node.note_placed(&out, &placed),
                Ok(_) => {
                    blocked.insert(to.clone());
                    self.staged.push_back((to, out));
                }
                Err(error) => self
                    .node
                    .dead_outgoing(&self.cell.sender, &to, &out, error.code(), error.detail()),
            }
        }
    }
}
