//! Freezing a cell for a move, cutting what travels, and what becomes of the cell after it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actorbridge_proto::Refusal;
use actorbridge_proto::v1::{Capsule, Code, Move, Moved, PendingAsk, Phase, Timer};
use tokio::time::Instant;

use super::{Cell, CellState, TimerEntry, holds};
use crate::actor::{DynActor, State};
use crate::door::LinkEnd;
use crate::machine::Millis;
use crate::machine::pool::StreamKey;
use crate::message::Message;
use crate::node::Inner;
use crate::panics::catching_now;
use crate::snapshot::Snapshot;

/// How long an old owner forwards what comes late.
pub(crate) const FORWARDING: Duration = Duration::from_secs(30);

/// Where an actor went, and how much is still forwarded to it.
pub(crate) struct Forwarder {
    pub(crate) owner: String,
    pub(crate) epoch: u64,
    /// What the owner has to hear before anything that follows the actor; `None` = it is told by someone else.
    pub(crate) committed: Option<Move>,
    /// By which that was said, and by which all goes while it is up, so that it stays in order.
    pub(crate) link: Mutex<Option<Arc<LinkEnd>>>,
    until: Instant,
    left: AtomicU64,
}

impl Forwarder {
    /// `most`: how many messages are forwarded at most. All that was promised room by the actor's pool are fewer.
    pub(crate) fn new(owner: String, epoch: u64, committed: Option<Move>, most: u64) -> Self {
        Self {
            owner,
            epoch,
            committed,
            link: Mutex::default(),
            until: Instant::now() + FORWARDING,
            left: AtomicU64::new(most),
        }
    }

    pub(crate) fn admits(&self) -> bool {
        let one_less = |left: u64| left.checked_sub(1);
        Instant::now() < self.until
            && self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
                .is_ok()
    }

    pub(crate) fn moved(&self) -> Moved {
        Moved {
            owner: self.owner.clone(),
            actor_epoch: self.epoch,
            dial: Vec::new(),
        }
    }
}

fn refusal(code: Code, detail: impl Into<String>) -> Refusal {
    let detail = detail.into();
    Refusal { code, detail }
}

impl Cell {
    /// Stops starting handlers, for a move or a snapshot. Ended by `thaw` or `leave`.
    pub(crate) fn freeze(&self) -> Result<u64, Refusal> {
        let mut state = self.lock();
        if state.phase != Phase::Running || state.moved().is_some() {
            return Err(refusal(Code::Stopped, "it is not running here any more"));
        }
        if state.moving {
            return Err(refusal(
                Code::Unavailable,
                "it is being moved or snapshotted already; try again",
            ));
        }
        state.moving = true;
        state.frozen = true;
        self.attention.store(true, Ordering::Relaxed);
        state.pool.set_frozen(true);
        Ok(state.epoch)
    }

    /// What forbids that it moves, as far as one can see before it is frozen.
    pub(crate) fn may_move(&self) -> Result<(), Refusal> {
        if self.parent.is_some() {
            let detail = "it is a child of another actor, and children do not move yet";
            return Err(refusal(Code::InvalidArgument, detail));
        }
        match self.lock().extra().children.len() {
            0 => Ok(()),
            n => {
                let detail = format!("it has {n} running children (child actors do not move yet); stop them first");
                Err(refusal(Code::InvalidArgument, detail))
            }
        }
    }

    /// The frozen actor between two messages: a snapshot. If it moves, by the link `to`: with its mail and watchers, and its
    /// state as the peer reads it.
    pub(crate) fn cut(&self, node: &Inner, to: Option<&LinkEnd>) -> Result<Snapshot, Refusal> {
        let stopped = || refusal(Code::Stopped, "it is not running here any more");
        let actor = {
            let mut state = self.lock();
            let free = state.phase == Phase::Running && !state.active;
            let actor = if free { state.actor.take() } else { None };
            // Nobody else may take it for gone.
            state.active |= actor.is_some();
            actor.ok_or_else(stopped)?
        };
        let shown = catching_now(|| match (actor.snapshot(), to) {
            (Some(state), Some(link)) => link.state_for_peer(state).map(Some),
            (shown, _) => Ok(shown),
        });
        let mut state = self.lock();
        state.actor = Some(actor);
        let shown = shown.map_err(|panic| refusal(Code::Panicked, format!("its snapshot panicked: {}", panic.text)));
        let none = || {
            refusal(
                Code::InvalidArgument,
                "it has no snapshot to show; implement Actor::snapshot and restore",
            )
        };
        let moves = to.is_some();
        let made = shown
            .flatten()
            .and_then(|shown| shown.ok_or_else(none))
            .and_then(|shown| {
                if state.phase != Phase::Running {
                    return Err(stopped());
                }
                if moves && !state.extra().children.is_empty() {
                    return Err(refusal(
                        Code::InvalidArgument,
                        "it has a child actor by now, and children do not move yet",
                    ));
                }
                Ok(self.pack(node, &mut state, shown, moves))
            });
        self.is_idle(state);
        made
    }

    fn pack(&self, node: &Inner, state: &mut CellState, shown: State, moves: bool) -> Snapshot {
        let mut capsule = Capsule {
            asks: asks(node, state),
            timers: timers(state),
            version: state.handled,
            actor_epoch: state.epoch,
            mailbox: state.pool.capacity(),
            max_restarts: self.max_restarts,
            restart_window_ms: u32::try_from(self.window).unwrap_or(u32::MAX),
            ..Default::default()
        };
        if moves {
            capsule.home = self.home(node).to_owned();
            capsule.watchers = state.extra().watchers.iter().cloned().collect();
            capsule.inputs = state.extra().holds_past.cursors();
            capsule.held_ttl_ms = state.mailbox.singles().map(|m| ttl(node, m.deadline)).collect();
            for message in state.mailbox.singles() {
                if message.is_answer() {
                    // Its note travels as one of the requests; the destination joins them again.
                    capsule.asks.push(PendingAsk {
                        correlation: message.correlation,
                        ttl_ms: 0,
                        context: message.context.clone(),
                        node: message.slot_node(&node.name),
                    });
                }
                capsule.held.push(message.addressed(&node.name, self.path()).envelope());
            }
            capsule
                .asks
                .sort_by(|a, b| (&a.node, a.correlation).cmp(&(&b.node, b.correlation)));
            let held = state.mailbox.singles().len();
            state.extra_mut().cut = Some((held, Instant::now()));
        }
        Snapshot {
            actor: self.address.as_str().to_owned(),
            epoch: state.epoch,
            seq: state.handled,
            state: shown,
            capsule,
        }
    }

    /// The owner cell is asked: only its answer decides now. `false` = the actor has stopped.
    pub(crate) fn begin_swap(&self) -> bool {
        let mut state = self.lock();
        state.swapping = state.phase == Phase::Running;
        state.swapping
    }

    /// The actor goes on here.
    pub(crate) fn thaw(self: &Arc<Self>, node: &Arc<Inner>, epoch: Option<u64>) {
        let mut state = self.lock();
        state.frozen = false;
        state.swapping = false;
        state.epoch = epoch.unwrap_or(state.epoch);
        state.pool.set_frozen(false);
        // Timers that were due meanwhile.
        let mut due = BTreeMap::new();
        if let Some(extra) = &mut state.extra {
            extra.cut = None;
            let (now, later) = std::mem::take(&mut extra.timers)
                .into_iter()
                .partition(|(_, timer)| timer.due);
            (due, extra.timers) = (now, later);
        }
        due.into_iter().for_each(|(_, timer)| state.push_forced(timer.message));
        if !state.mailbox.is_empty() || state.active {
            self.schedule(node, &mut state);
        }
        let grants = state.pool.grants(true);
        let waiters = state.take_waiters();
        drop(state);
        node.grant(grants);
        waiters.iter().for_each(|w| w.notify_waiters());
    }

    /// The move or snapshot is over, and another may begin.
    pub(crate) fn end_move(&self) {
        self.lock().moving = false;
    }

    /// The actor is elsewhere now, and its owner hears so by `link`, if that is up: what came behind the cut is forwarded, and
    /// its senders are told. Returns what could not be forwarded.
    pub(crate) fn leave(
        self: &Arc<Self>,
        node: &Arc<Inner>,
        forwarder: Forwarder,
        link: &Arc<LinkEnd>,
    ) -> Vec<(Code, Message)> {
        let forwarder = Arc::new(forwarder);
        let mut refused = Vec::new();
        let mut state = self.lock();
        let order = node.forwarding();
        node.link_behind(&forwarder, Some(link));
        let (cut, since) = state.extra_mut().cut.take().unwrap_or_else(|| (0, Instant::now()));
        let mail = std::mem::take(&mut state.mailbox).into_messages();
        for message in mail.into_iter().skip(cut) {
            if let Err(code) = node.forward_in_order(&forwarder, self.path(), &message) {
                refused.push((code, message));
            }
        }
        for (stream, binding) in state.extra().holds_past.since(since) {
            node.drained_in_order(&forwarder, self.address.as_str(), stream, binding);
        }
        drop(order);
        let bound = state.pool.streams().map(|(key, _)| key);
        let keys: Vec<StreamKey> = bound.chain(state.extra().holds.keys().copied()).collect();
        for key in keys {
            node.reset_moved(key, forwarder.moved());
        }
        state.extra_mut().moved = Some(forwarder);
        state.swapping = false;
        state.end_timers();
        let extra = state.extra_mut();
        extra.requests.clear();
        extra.watchers.clear();
        let actor = state.actor.take();
        let waiters = state.take_waiters();
        drop(state);
        // A destructor may panic.
        let _ = catching_now(move || drop(actor));
        waiters.iter().for_each(|w| w.notify_waiters());
        self.is_over();
        refused
    }

    /// Takes over what a snapshot holds beside the state, before the cell is run or known to anyone.
    pub(crate) fn unpack(self: &Arc<Self>, node: &Inner, loaded: Loaded, capsule: &Capsule, came_by_move: bool) {
        let mut state = self.lock();
        state.actor = Some(loaded.actor);
        state.handled = capsule.version;
        state.arrived = came_by_move;
        let extra = state.extra_mut();
        extra.holds_past = holds::Past::of(&capsule.inputs);
        extra.watchers = capsule.watchers.iter().cloned().collect();
        for ask in &capsule.asks {
            let request = super::Request {
                context: ask.context.clone(),
                deadline: node.now() + u64::from(ask.ttl_ms),
            };
            // The slots of a file's requests are gone: no answer may be taken for theirs.
            let slot_node = if came_by_move {
                ask.node.clone()
            } else {
                format!("#{}", ask.node)
            };
            extra.requests.insert((slot_node, ask.correlation), request);
        }
        for mut message in loaded.held {
            if message.is_answer() {
                let key = (message.slot_node(&node.name), message.correlation);
                message.context = state
                    .extra_mut()
                    .requests
                    .remove(&key)
                    .map(|r| r.context)
                    .unwrap_or_default();
            }
            state.push_forced(message);
        }
    }

    /// Handles what it came with.
    pub(crate) fn start(self: &Arc<Self>, node: &Arc<Inner>, timers: Vec<(String, TimerEntry)>) {
        let keys: Vec<_> = {
            let mut state = self.lock();
            self.schedule(node, &mut state);
            state
                .extra()
                .requests
                .iter()
                .map(|(key, request)| (key.clone(), request.deadline))
                .collect()
        };
        for (name, timer) in timers {
            node.start_timer(self, &name, timer);
        }
        for (key, deadline) in keys {
            node.watch_request(self, key, deadline);
        }
    }

    /// Is it between two nodes, or has it left?
    pub(crate) fn is_moving(&self) -> bool {
        let state = self.lock();
        state.frozen || state.moved().is_some()
    }
}

/// A loaded actor and its mail, not running yet.
pub(crate) struct Loaded {
    pub(crate) actor: Box<dyn DynActor>,
    pub(crate) held: Vec<Message>,
}

fn ttl(node: &Inner, deadline: Option<Millis>) -> u32 {
    deadline.map_or(0, |d| d.saturating_sub(node.now()).clamp(1, u64::from(u32::MAX)) as u32)
}

fn asks(node: &Inner, state: &CellState) -> Vec<PendingAsk> {
    let ask = |((slot_node, correlation), request): (&(String, u64), &super::Request)| PendingAsk {
        correlation: *correlation,
        ttl_ms: ttl(node, Some(request.deadline)),
        context: request.context.clone(),
        node: slot_node.clone(),
    };
    let mut asks: Vec<_> = state.extra().requests.iter().map(ask).collect();
    asks.sort_by(|a, b| (&a.node, a.correlation).cmp(&(&b.node, b.correlation)));
    asks
}

fn timers(state: &CellState) -> Vec<Timer> {
    let now = Instant::now();
    let timer = |(name, entry): (&String, &TimerEntry)| Timer {
        name: name.clone(),
        remaining_ms: u32::try_from(entry.at.saturating_duration_since(now).as_millis()).unwrap_or(u32::MAX),
        payload: entry.message.envelope(),
    };
    let mut timers: Vec<_> = state.extra().timers.iter().map(timer).collect();
    timers.sort_by(|a, b| a.name.cmp(&b.name));
    timers
}
