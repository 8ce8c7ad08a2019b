//! An actor's mailbox, credit pool and life. An idle cell has no task: the first message schedules an activation.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use actorbridge_proto::Who;
use actorbridge_proto::v1::{self, Code, Phase};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::actor::{DynActor, Factory, Options};
use crate::address::Address;
use crate::machine::Millis;
use crate::machine::pool::{Grant, Pool, StreamKey};
use crate::machine::supervisor::{Directive, Supervisor};
use crate::message::{Message, Permit};
use crate::node::{Inner, lock};
use crate::run::Run;

mod extra;
mod freeze;
mod holds;
mod lazy;
mod mailbox;
mod offers;
mod table;

use extra::Extra;
pub(crate) use freeze::{FORWARDING, Forwarder, Loaded};
use holds::Hold;
pub(crate) use holds::{Binding, Closed, Gap};
use lazy::Lazy;
use mailbox::{Mail, Mailbox};
pub(crate) use offers::Opened;
pub(crate) use table::Cells;

/// What became of a message that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    Taken,
    /// No permit: the sender's notify rings when there may be one.
    Wait,
    /// It is not here any more: resolve again.
    Gone,
    Stopped,
}

pub(crate) struct CellState {
    mailbox: Mailbox,
    pub(crate) pool: Pool,
    pub(crate) phase: Phase,
    /// A task handles messages.
    active: bool,
    /// A move is under way; only one at a time.
    moving: bool,
    frozen: bool,
    /// Only the owner cell decides where the actor goes on.
    swapping: bool,
    /// The actor has come from another node: messages may be forwarded to it.
    arrived: bool,
    pub(crate) epoch: u64,
    actor: Option<Box<dyn DynActor>>,
    /// The start hook of `actor` has run.
    begun: bool,
    pub(crate) handled: u64,
    /// The ask that is being handled.
    running: Option<Running>,
    extra: Option<Box<Extra>>,
}

/// An ask that is being handled, and may be cancelled.
struct Running {
    ask: AskId,
    /// Made when the handler looks at it, or its asker cancels it.
    token: Option<CancellationToken>,
}

/// What tells an ask from others.
#[derive(Clone)]
pub(crate) enum AskId {
    /// By the place that it has: of one that came by a link.
    Permit(Permit),
    /// By who asked.
    Asker { correlation: u64, reply_to: Arc<Who> },
    /// By its stream and number, 0 = whichever of the stream: of one that came beside the packets of a link.
    Beside { key: StreamKey, correlation: u64 },
}

impl AskId {
    fn of(message: &Message) -> Self {
        match message.permit {
            Permit::Local => Self::Asker {
                correlation: message.correlation,
                reply_to: message.who.clone(),
            },
            permit @ Permit::Stream { .. } => Self::Permit(permit),
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Permit(a), Self::Permit(b)) => a == b,
            (
                Self::Beside { key, correlation },
                Self::Beside {
                    key: of,
                    correlation: which,
                },
            ) => key == of && (correlation == which || *which == 0),
            (
                Self::Asker { correlation, reply_to },
                Self::Asker {
                    correlation: other,
                    reply_to: who,
                },
            ) => correlation == other && reply_to.reply_to == who.reply_to,
            _ => false,
        }
    }
}

/// A request of the actor: the actor's own note, and when its asker's node stops waiting.
pub(crate) struct Request {
    pub(crate) context: Bytes,
    pub(crate) deadline: Millis,
}

pub(crate) struct TimerEntry {
    pub(crate) at: tokio::time::Instant,
    pub(crate) message: Message,
    pub(crate) stop: CancellationToken,
    /// It was due while the actor was frozen.
    pub(crate) due: bool,
}

impl TimerEntry {
    pub(crate) fn new(at: tokio::time::Instant, message: Message) -> Self {
        Self {
            at,
            message,
            stop: CancellationToken::new(),
            due: false,
        }
    }
}

pub(crate) struct Cell {
    pub(crate) address: Address,
    /// Restarts after panics within `window`; one more stops the actor.
    max_restarts: u32,
    pub(crate) window: Millis,
    pub(crate) factory: Factory,
    pub(crate) parent: Option<Arc<Cell>>,
    lazy: OnceLock<Box<Lazy>>,
    /// The activation should look at the state before it handles the next message of a run.
    attention: AtomicBool,
    state: Mutex<CellState>,
}

/// What has been handled, and whose permits are given back with the next look at the mailbox.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Done {
    One(Permit),
    /// Messages of a stream from a seq on.
    Run {
        key: StreamKey,
        first_seq: u64,
        count: u64,
    },
}

impl Done {
    fn count(self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Run { count, .. } => count,
        }
    }

    fn give_back(self, pool: &mut Pool) {
        match self {
            Self::One(Permit::Local) => pool.release_local(),
            Self::One(Permit::Stream { key, seq }) => pool.release(key, seq),
            Self::Run { key, first_seq, count } => pool.release_run(key, first_seq, count),
        }
    }
}

/// What the activation does next.
#[allow(clippy::large_enum_variant)] // It is taken apart where it is made, for each message: a box would cost more.
pub(crate) enum Next {
    Message(Message),
    Run(Box<Run>),
    Empty,
    /// Frozen: hand the actor back once what it sent has left.
    Frozen,
    /// Stopping: hand the actor back.
    Halt,
}

impl Cell {
    pub(crate) fn new(
        address: Address,
        factory: Factory,
        options: Options,
        parent: Option<Arc<Cell>>,
        epoch: u64,
    ) -> Self {
        let state = CellState {
            mailbox: Mailbox::default(),
            pool: Pool::new(options.mailbox),
            phase: Phase::Running,
            active: false,
            moving: false,
            frozen: false,
            swapping: false,
            arrived: false,
            epoch,
            actor: None,
            begun: false,
            handled: 0,
            running: None,
            extra: None,
        };
        Self {
            address,
            max_restarts: options.max_restarts,
            window: u64::try_from(options.window.as_millis()).unwrap_or(u64::MAX),
            factory,
            parent,
            lazy: OnceLock::new(),
            attention: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    /// Its path, without leading slash.
    pub(crate) fn path(&self) -> &str {
        self.address.path()
    }

    /// What an ask's path says of it.
    pub(crate) fn hash(&self) -> u64 {
        Address::hash_of_path(self.path())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, CellState> {
        lock(&self.state)
    }

    pub(crate) fn schedule(self: &Arc<Self>, node: &Arc<Inner>, state: &mut CellState) {
        if state.active {
            let mail = state.extra.as_mut().and_then(|extra| extra.mail.take());
            mail.iter().for_each(|mail| mail.notify_one());
        } else if !state.frozen && state.phase == Phase::Running {
            state.active = true;
            node.runners.run(self, node);
        }
    }

    /// Gives the permits of what was handled back and takes what is next.
    pub(crate) fn next(&self, node: &Inner, done: Option<Done>) -> Next {
        let mut state = self.lock();
        state.running = None;
        if let Some(done) = done {
            state.handled += done.count();
            done.give_back(&mut state.pool);
        }
        let halted = state.frozen || state.phase != Phase::Running;
        self.attention.store(halted, Ordering::Relaxed);
        let next = if halted { None } else { state.mailbox.pop() };
        let drained = state.mailbox.is_empty();
        let grants = state.pool.grants(drained);
        let waiters = match done {
            Some(_) => state.take_waiters(),
            None => Vec::new(),
        };
        let next = match next {
            _ if state.phase != Phase::Running => Next::Halt,
            _ if halted => Next::Frozen,
            None => Next::Empty,
            Some(Mail::Run(run)) => Next::Run(run),
            Some(Mail::One(message)) => {
                if message.is_ask() {
                    state.running = Some(Running {
                        ask: AskId::of(&message),
                        token: None,
                    });
                }
                Next::Message(message)
            }
        };
        drop(state);
        node.grant(grants);
        waiters.iter().for_each(|w| w.notify_waiters());
        next
    }

    /// The token of the message that is being handled.
    pub(crate) fn token(&self) -> CancellationToken {
        let token = self.cancel().child_token();
        if let Some(running) = &mut self.lock().running
            && let Some(cancelled) = running.token.replace(token.clone())
            && cancelled.is_cancelled()
        {
            token.cancel();
        }
        token
    }

    /// Should the activation that handles a run look at the mailbox first?
    pub(crate) fn wants_attention(&self) -> bool {
        self.attention.load(Ordering::Relaxed)
    }

    /// Takes back what is left of a run. If the actor has been buried nobody comes to it any more, and the caller refuses it.
    pub(crate) fn put_back(&self, run: Box<Run>) -> Option<Box<Run>> {
        if run.len() == 0 {
            return None;
        }
        let mut state = self.lock();
        if state.phase == Phase::Done {
            return Some(run);
        }
        state.mailbox.put_back(run);
        None
    }

    /// Gives back the permit of a message that was not handled.
    pub(crate) fn release(&self, node: &Inner, permit: Permit) {
        self.give_back(node, 0, Done::One(permit));
    }

    /// Gives permits back before the activation looks at the mailbox again.
    pub(crate) fn give_back_now(&self, node: &Inner, done: Done) {
        self.give_back(node, done.count(), done);
    }

    fn give_back(&self, node: &Inner, handled: u64, done: Done) {
        let mut state = self.lock();
        state.handled += handled;
        done.give_back(&mut state.pool);
        let drained = state.mailbox.is_empty();
        let grants: Vec<Grant> = state.pool.grants(drained);
        let waiters = state.take_waiters();
        drop(state);
        node.grant(grants);
        waiters.iter().for_each(|w| w.notify_waiters());
    }

    /// The actor, for the activation that runs it, and whether its start hook has run.
    pub(crate) fn take_actor(&self) -> (Option<Box<dyn DynActor>>, bool) {
        let mut state = self.lock();
        (state.actor.take(), std::mem::replace(&mut state.begun, true))
    }

    /// The activation ends, unless a message came meanwhile: then it gets the actor back.
    pub(crate) fn rest(&self, actor: Box<dyn DynActor>, halted: bool) -> Option<Box<dyn DynActor>> {
        let mut state = self.lock();
        let more = !state.mailbox.is_empty() && !state.frozen && state.phase == Phase::Running;
        if !halted && more {
            return Some(actor);
        }
        state.actor = Some(actor);
        state.mailbox.shrink();
        self.is_idle(state);
        None
    }

    /// As [`Self::rest`], and gives back the permits of what was handled.
    pub(crate) fn rest_after(
        &self,
        node: &Inner,
        done: Option<Done>,
        actor: Box<dyn DynActor>,
    ) -> Option<Box<dyn DynActor>> {
        let mut state = self.lock();
        state.running = None;
        if let Some(done) = done {
            state.handled += done.count();
            done.give_back(&mut state.pool);
        }
        let halted = state.frozen || state.phase != Phase::Running;
        let more = !state.mailbox.is_empty() || halted;
        let grants = state.pool.grants(!more);
        let waiters = state.take_waiters();
        let rest = match more {
            true => {
                drop(state);
                Some(actor) // the activation looks what it is
            }
            false => {
                state.actor = Some(actor);
                self.is_idle(state);
                None
            }
        };
        node.grant(grants);
        waiters.iter().for_each(|w| w.notify_waiters());
        rest
    }

    /// The activation ends without an actor.
    pub(crate) fn rest_without_actor(&self, node: &Inner, done: Option<Done>) {
        if let Some(done) = done {
            self.give_back_now(node, done);
        }
        self.is_idle(self.lock());
    }

    /// No activation runs any more.
    fn is_idle(&self, mut state: MutexGuard<'_, CellState>) {
        state.active = false;
        let extra = state.extra.as_mut();
        let awaited = extra.and_then(|extra| {
            extra.mail = None;
            extra.idle.take()
        });
        drop(state);
        awaited.iter().for_each(|idle| idle.notify_waiters());
    }

    /// Waits until there is a message that can be handled. For the activation.
    pub(crate) async fn mail_comes(&self) {
        let mail = {
            let mut state = self.lock();
            if !state.mailbox.is_empty() && !state.frozen && state.phase == Phase::Running {
                return;
            }
            state.extra_mut().mail.get_or_insert_default().clone()
        };
        mail.notified().await;
    }

    /// Runs `look` on the actor while no activation runs.
    pub(crate) fn with_actor<T>(&self, look: impl FnOnce(&mut Option<Box<dyn DynActor>>) -> T) -> Option<T> {
        let mut state = self.lock();
        if state.active {
            return None;
        }
        let mut actor = state.actor.take();
        let result = look(&mut actor);
        state.actor = actor;
        Some(result)
    }

    /// Waits until no activation runs; `false` if it took longer.
    pub(crate) async fn wait_idle(&self, limit: Duration) -> bool {
        let wait = async {
            loop {
                // Made with the lock: it hears what rings from here on.
                let idle = {
                    let mut state = self.lock();
                    if !state.active {
                        return;
                    }
                    state.extra_mut().idle.get_or_insert_default().clone().notified_owned()
                };
                idle.await;
            }
        };
        tokio::time::timeout(limit, wait).await.is_ok()
    }

    /// Counts a panic: what becomes of the actor, and its restarts of late.
    pub(crate) fn panicked(&self, now: Millis) -> (Directive, u32) {
        let make = || Supervisor::one_for_one(self.max_restarts, self.window);
        let mut state = self.lock();
        let supervisor = &mut state.extra_mut().supervisor;
        let supervisor = supervisor.get_or_insert_with(make);
        (supervisor.panicked(now), supervisor.restarts())
    }

    pub(crate) fn info(&self) -> v1::ActorInfo {
        let state = self.lock();
        v1::ActorInfo {
            path: self.path().to_owned(),
            phase: state.phase as i32,
            depth: u32::try_from(state.pool.used()).unwrap_or(u32::MAX),
            mailbox: state.pool.capacity(),
            handled: state.handled,
            restarts: state.restarts(),
            epoch: state.epoch,
            language: "rust".into(),
            dispatcher: "pool".into(),
        }
    }

    /// Turns a running cell to Stopping; `false` if it was already, or only its owner cell knows where it goes on.
    pub(crate) fn begin_stop(&self, code: Code, detail: &str) -> bool {
        let mut state = self.lock();
        if state.phase != Phase::Running || state.swapping || state.moved().is_some() {
            return false;
        }
        state.phase = Phase::Stopping;
        self.attention.store(true, Ordering::Relaxed);
        state.extra_mut().end = (code, detail.to_owned());
        true
    }

    /// What is left of a stopped cell: the actor, its mail, its timers' tokens are gone with it.
    pub(crate) fn finish_stop(&self) -> (Vec<Message>, BTreeSet<String>, (Code, String)) {
        let mut state = self.lock();
        state.phase = Phase::Done;
        state.end_timers();
        let waiters = state.take_waiters();
        let mail = std::mem::take(&mut state.mailbox).into_messages();
        let extra = state.extra_mut();
        let left = (mail, std::mem::take(&mut extra.watchers), extra.end.clone());
        drop(state);
        waiters.iter().for_each(|w| w.notify_waiters());
        left
    }

    /// A timer is due: `false` = it was replaced or ended, or it waits until the actor is not frozen.
    pub(crate) fn timer_is_due(&self, name: &str, stop: &CancellationToken) -> bool {
        let mut state = self.lock();
        if stop.is_cancelled() {
            return false;
        }
        if state.frozen {
            let timer = state.extra_mut().timers.get_mut(name);
            timer.into_iter().for_each(|timer| timer.due = true);
            return false;
        }
        state.extra_mut().timers.remove(name).is_some()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.lock().phase == Phase::Running
    }

    /// Why it takes no more messages, if it panicked too often.
    pub(crate) fn why_stopped(&self) -> String {
        match &self.lock().extra().end {
            (Code::Panicked, why) => why.clone(),
            _ => String::new(),
        }
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    pub(crate) fn drain_mail(&self) -> Vec<Message> {
        std::mem::take(&mut self.lock().mailbox).into_messages()
    }
}
