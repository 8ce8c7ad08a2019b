//! An actor's mailbox, credit pool and life. An idle cell has no task: the first message schedules an activation.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actorbridge_proto::v1::{self, Code, Effect, Phase};
use bytes::Bytes;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::actor::{DynActor, Factory, Options, State};
use crate::address::Address;
use crate::machine::pool::{Arrival, Grant, INITIAL_CREDIT, Pool};
use crate::machine::supervisor::Supervisor;
use crate::message::{Message, Permit};
use crate::node::{Inner, lock};
use crate::outlet::Sender;

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
    pub(crate) mailbox: VecDeque<Message>,
    pub(crate) pool: Pool,
    pub(crate) phase: Phase,
    /// A task handles messages.
    active: bool,
    pub(crate) frozen: bool,
    /// The actor has left for another node.
    pub(crate) moved: bool,
    pub(crate) epoch: u64,
    actor: Option<Box<dyn DynActor>>,
    pub(crate) restore: Option<State>,
    pub(crate) handled: u64,
    pub(crate) supervisor: Supervisor,
    pub(crate) children: Vec<Arc<Cell>>,
    pub(crate) watchers: BTreeSet<String>,
    waiters: Vec<Arc<Notify>>,
    /// The ask that is being handled.
    running: Option<(Message, CancellationToken)>,
    /// Notes of requests that are not answered yet.
    pub(crate) requests: HashMap<u64, Bytes>,
    pub(crate) timers: HashMap<String, TimerEntry>,
    end: (Code, String),
}

pub(crate) struct TimerEntry {
    pub(crate) at: tokio::time::Instant,
    pub(crate) message: Message,
    pub(crate) stop: CancellationToken,
}

impl TimerEntry {
    pub(crate) fn new(at: tokio::time::Instant, message: Message) -> Self {
        Self {
            at,
            message,
            stop: CancellationToken::new(),
        }
    }
}

pub(crate) struct Cell {
    pub(crate) path: String,
    pub(crate) address: Address,
    pub(crate) hash: u64,
    pub(crate) options: Options,
    pub(crate) factory: Factory,
    pub(crate) parent: Option<Arc<Cell>>,
    pub(crate) sender: Sender,
    /// Trips when the grace time of a stop is over.
    pub(crate) cancel: CancellationToken,
    pub(crate) done: CancellationToken,
    /// Rings when a message came for an activation that waits for its outbox.
    pub(crate) wake: Notify,
    idle: Notify,
    state: Mutex<CellState>,
}

/// What the activation does next.
pub(crate) enum Next {
    Message(Box<Message>, CancellationToken),
    Empty,
    /// Stopping or frozen: hand the actor back.
    Halt,
}

impl Cell {
    pub(crate) fn new(
        node: &str,
        address: Address,
        factory: Factory,
        options: Options,
        parent: Option<Arc<Cell>>,
        epoch: u64,
    ) -> Self {
        let path = address.path().to_owned();
        let window = u64::try_from(options.window.as_millis()).unwrap_or(u64::MAX);
        let state = CellState {
            mailbox: VecDeque::new(),
            pool: Pool::new(options.mailbox),
            phase: Phase::Running,
            active: false,
            frozen: false,
            moved: false,
            epoch,
            actor: None,
            restore: None,
            handled: 0,
            supervisor: Supervisor::one_for_one(options.max_restarts, window),
            children: Vec::new(),
            watchers: BTreeSet::new(),
            waiters: Vec::new(),
            running: None,
            requests: HashMap::new(),
            timers: HashMap::new(),
            end: (Code::Stopped, String::new()),
        };
        Self {
            hash: Address::hash_of_path(&path),
            sender: Sender::new(address.as_str().to_owned(), format!("ab://{node}/{path}")),
            path,
            address,
            options,
            factory,
            parent,
            cancel: CancellationToken::new(),
            done: CancellationToken::new(),
            wake: Notify::new(),
            idle: Notify::new(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, CellState> {
        lock(&self.state)
    }

    /// A message of this node, with the sender's notify for when there is no room.
    pub(crate) fn offer_local(self: &Arc<Self>, node: &Arc<Inner>, message: Message, who: &Arc<Notify>) -> Offer {
        let deadlock = message.is_ask() && message.ask_path().contains(&self.hash);
        let mut state = self.lock();
        if state.moved {
            return Offer::Gone;
        }
        if state.phase != Phase::Running {
            return Offer::Stopped;
        }
        if deadlock {
            drop(state);
            node.refuse(&message, Code::Deadlock, Effect::None, "");
            return Offer::Taken;
        }
        if !state.pool.take_local() {
            if !state.waiters.iter().any(|w| Arc::ptr_eq(w, who)) {
                state.waiters.push(who.clone());
            }
            return Offer::Wait;
        }
        state.mailbox.push_back(message);
        self.schedule(node, &mut state);
        Offer::Taken
    }

    /// A message that must not be refused for want of room: an answer, a timer, a notice.
    pub(crate) fn offer_forced(self: &Arc<Self>, node: &Arc<Inner>, mut message: Message) -> Offer {
        let mut state = self.lock();
        if state.moved {
            return Offer::Gone;
        }
        if state.phase != Phase::Running {
            return Offer::Stopped;
        }
        message.permit = Permit::Local;
        state.pool.force_local();
        state.mailbox.push_back(message);
        self.schedule(node, &mut state);
        Offer::Taken
    }

    /// A message of an incoming stream.
    #[allow(clippy::result_large_err)] // The message comes back to be refused, once and at once.
    pub(crate) fn offer_stream(self: &Arc<Self>, node: &Arc<Inner>, message: Message) -> Result<(), (Code, Message)> {
        let Permit::Stream { link, flow, seq } = message.permit else {
            return Err((Code::InvalidArgument, message));
        };
        let deadlock = message.is_ask() && message.ask_path().contains(&self.hash);
        let mut state = self.lock();
        if state.phase != Phase::Running {
            return Err((Code::Stopped, message));
        }
        match state.pool.arrive((link, flow), seq) {
            Arrival::Accepted if deadlock => {
                drop(state);
                self.release(node, message.permit);
                Err((Code::Deadlock, message))
            }
            Arrival::Accepted => {
                state.mailbox.push_back(message);
                self.schedule(node, &mut state);
                Ok(())
            }
            Arrival::Full => Err((Code::MailboxFull, message)),
            Arrival::Unknown => Err((Code::Stopped, message)),
        }
    }

    /// A peer bound a stream: `false` = this actor takes no more.
    pub(crate) fn open_stream(&self, node: &Inner, key: (u64, u32), first_seq: u64) -> bool {
        let mut state = self.lock();
        if state.moved || state.phase != Phase::Running {
            return false;
        }
        state.pool.open(key, first_seq, INITIAL_CREDIT);
        let grants = state.pool.grants(true);
        drop(state);
        node.grant(grants);
        true
    }

    /// A stream ended: what was promised to it is there for others.
    pub(crate) fn close_stream(&self, node: &Inner, key: (u64, u32)) {
        let mut state = self.lock();
        state.pool.close(key);
        let drained = state.mailbox.is_empty();
        let grants = state.pool.grants(drained);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        node.grant(grants);
        waiters.iter().for_each(|w| w.notify_waiters());
    }

    pub(crate) fn schedule(self: &Arc<Self>, node: &Arc<Inner>, state: &mut CellState) {
        if state.active {
            self.wake.notify_one();
        } else if !state.frozen && state.phase == Phase::Running {
            state.active = true;
            let (cell, node2) = (self.clone(), node.clone());
            node.tasks.spawn_on(crate::activation::run(cell, node2), &node.handle);
        }
    }

    /// Gives the last message's permit back and takes the next message.
    pub(crate) fn next(&self, node: &Inner, last: Option<Permit>) -> Next {
        let mut state = self.lock();
        state.running = None;
        if let Some(permit) = last {
            state.handled += 1;
            give_back(&mut state.pool, permit);
        }
        let halted = state.frozen || state.phase != Phase::Running;
        let next = if halted { None } else { state.mailbox.pop_front() };
        let drained = state.mailbox.is_empty();
        let grants = state.pool.grants(drained);
        let waiters = if last.is_some() {
            std::mem::take(&mut state.waiters)
        } else {
            Vec::new()
        };
        let next = match next {
            _ if halted => Next::Halt,
            None => Next::Empty,
            Some(message) => {
                let token = self.cancel.child_token();
                if message.is_ask() {
                    state.running = Some((message.clone(), token.clone()));
                }
                Next::Message(Box::new(message), token)
            }
        };
        drop(state);
        node.grant(grants);
        waiters.iter().for_each(|w| w.notify_waiters());
        next
    }

    pub(crate) fn release(&self, node: &Inner, permit: Permit) {
        let mut state = self.lock();
        give_back(&mut state.pool, permit);
        let drained = state.mailbox.is_empty();
        let grants: Vec<Grant> = state.pool.grants(drained);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        node.grant(grants);
        waiters.iter().for_each(|w| w.notify_waiters());
    }

    /// The actor, for the activation that runs it.
    pub(crate) fn take_actor(&self) -> (Option<Box<dyn DynActor>>, Option<State>) {
        let mut state = self.lock();
        (state.actor.take(), state.restore.take())
    }

    /// The activation ends, unless a message came meanwhile: then it gets the actor back.
    pub(crate) fn rest(&self, actor: Box<dyn DynActor>, halted: bool) -> Option<Box<dyn DynActor>> {
        let mut state = self.lock();
        let more = !state.mailbox.is_empty() && !state.frozen && state.phase == Phase::Running;
        if !halted && more {
            return Some(actor);
        }
        state.actor = Some(actor);
        state.active = false;
        drop(state);
        self.idle.notify_waiters();
        None
    }

    /// The activation ends without an actor.
    pub(crate) fn rest_without_permit(&self, node: &Inner, last: Option<Permit>) {
        if let Some(permit) = last {
            self.release(node, permit);
        }
        self.lock().active = false;
        self.idle.notify_waiters();
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
                let idle = self.idle.notified();
                let mut idle = std::pin::pin!(idle);
                idle.as_mut().enable();
                if !self.lock().active {
                    return;
                }
                idle.await;
            }
        };
        tokio::time::timeout(limit, wait).await.is_ok()
    }

    /// An asker has stopped waiting. Held: it is taken out and given back. Running: its token trips.
    pub(crate) fn cancel_ask(&self, is_it: impl Fn(&Message) -> bool) -> Option<Message> {
        let mut state = self.lock();
        if let Some((message, token)) = &state.running
            && is_it(message)
        {
            token.cancel();
            return None;
        }
        let at = state.mailbox.iter().position(is_it)?;
        state.mailbox.remove(at)
    }

    pub(crate) fn info(&self) -> v1::ActorInfo {
        let state = self.lock();
        v1::ActorInfo {
            path: self.path.clone(),
            phase: state.phase as i32,
            depth: u32::try_from(state.pool.used()).unwrap_or(u32::MAX),
            mailbox: self.options.mailbox,
            handled: state.handled,
            restarts: state.supervisor.restarts(),
            epoch: state.epoch,
            language: "rust".into(),
        }
    }

    /// Turns a running cell to Stopping; `false` if it was already.
    pub(crate) fn begin_stop(&self, code: Code, detail: &str) -> bool {
        let mut state = self.lock();
        if state.phase != Phase::Running {
            return false;
        }
        state.phase = Phase::Stopping;
        state.end = (code, detail.to_owned());
        true
    }

    /// What is left of a stopped cell: the actor, its mail, its timers' tokens are gone with it.
    pub(crate) fn finish_stop(&self) -> (Vec<Message>, BTreeSet<String>, (Code, String)) {
        let mut state = self.lock();
        state.phase = Phase::Done;
        state.timers.drain().for_each(|(_, t)| t.stop.cancel());
        let waiters = std::mem::take(&mut state.waiters);
        let mail = std::mem::take(&mut state.mailbox).into();
        let left = (mail, std::mem::take(&mut state.watchers), state.end.clone());
        drop(state);
        waiters.iter().for_each(|w| w.notify_waiters());
        left
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    pub(crate) fn drain_mail(&self) -> Vec<Message> {
        std::mem::take(&mut self.lock().mailbox).into()
    }
}

fn give_back(pool: &mut Pool, permit: Permit) {
    match permit {
        Permit::Local => pool.release_local(),
        Permit::Stream { link, flow, seq } => pool.release((link, flow), seq),
    }
}
