//! One activation: handles what is in a cell's mailbox, then ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actorbridge_proto::v1::{ActorPanic, Code, Effect, Kind};

use crate::actor::{Actor, DynActor};
use crate::cell::{Cell, Done, Next};
use crate::context::Cx;
use crate::error::Fault;
use crate::lifecycle::STOPPED_BEFORE;
use crate::logs::{About, Level};
use crate::machine::supervisor::Directive;
use crate::message::{Message, Outgoing};
use crate::node::Inner;
use crate::outbox::Flush;
use crate::panics::{Panic, catching, catching_now};
use crate::run::Run;

/// Messages after which what a handler staged leaves, at the latest.
const BATCH: u32 = 64;

/// Why an actor handles nothing more for now.
pub(crate) enum End {
    /// The mailbox is empty, or the actor frozen.
    Rest,
    /// It stops.
    Halt,
    /// It is lost to a panic, while it handled a message of this type.
    Panicked(Panic, String),
}

/// What an activation works on.
pub(crate) struct Work {
    cell: Arc<Cell>,
    node: Arc<Inner>,
    cx: Cx,
    /// What was handled, and is given back with the next look at the mailbox.
    done: Option<Done>,
    handled: u32,
}

#[allow(clippy::manual_async_fn)] // An async function would have room for its arguments twice.
pub(crate) fn run(cell: Arc<Cell>, node: Arc<Inner>) -> impl Future<Output = ()> + Send {
    async move {
        let (mut actor, begun) = cell.take_actor();
        let mut work = Work::new(cell, node);
        if !begun && let Some(loaded) = actor.take() {
            actor = begin(&work.cell, &work.node, &work.cx, loaded).await;
        }
        drive(actor, &mut work).await;
    }
}

/// Handles a message that was taken past the mailbox, and ends: what it worked on is for the next one. Or what is to be done after
/// that is an activation as usual, which has it.
#[allow(clippy::manual_async_fn)] // An async function would have room for its arguments twice.
pub(crate) fn handle_alone<A: Actor>(
    mut actor: Box<A>,
    mut work: Box<Work>,
) -> impl Future<Output = Option<Box<Work>>> + Send {
    async move {
        let handled = handle_one(&mut *actor, &mut work).await;
        if handled.is_err() || work.cx.has_staged() {
            work.goes_on(actor, handled);
            return None;
        }
        work.cx.end();
        if let Some(actor) = work.cell.rest_after(&work.node, work.done.take(), actor) {
            work.goes_on(actor, handled);
            return None;
        }
        Some(work)
    }
}

/// Goes on with an activation whose first message was handled elsewhere.
#[allow(clippy::manual_async_fn)] // An async function would have room for its arguments twice.
fn go_on(actor: Box<dyn DynActor>, mut work: Box<Work>, handled: Result<(), End>) -> impl Future<Output = ()> + Send {
    async move {
        let actor = match handled {
            Err(End::Panicked(panic, message_type)) => {
                let _ = catching_now(move || drop(actor));
                supervise(&work.cell, &work.node, &panic, &message_type).await;
                work.batch_ends().await;
                None
            }
            _ => Some(actor),
        };
        drive(actor, &mut work).await;
    }
}

async fn drive(mut actor: Option<Box<dyn DynActor>>, work: &mut Work) {
    let (cell, node) = (work.cell.clone(), work.node.clone());
    loop {
        let mut running = match actor.take() {
            Some(actor) => actor,
            None => match start(&cell, &node, &work.cx).await {
                Some(actor) => actor,
                None => {
                    work.cx.flush(&Flush::Last).await;
                    break cell.rest_without_actor(&node, work.done.take());
                }
            },
        };
        let halted = match running.work(work).await {
            End::Rest => false,
            End::Halt => true,
            End::Panicked(panic, message_type) => {
                // A destructor may panic too.
                let _ = catching_now(move || drop(running));
                supervise(&cell, &node, &panic, &message_type).await;
                work.batch_ends().await;
                continue;
            }
        };
        work.cx.end();
        work.cx.flush(if halted { &Flush::Last } else { &Flush::Batch }).await;
        if work.cx.has_staged() && !halted {
            actor = Some(running);
            continue;
        }
        match cell.rest(running, halted) {
            Some(more) => actor = Some(more),
            None => return,
        }
    }
}

/// Handles the message that has begun.
pub(crate) async fn handle_one<A: Actor>(actor: &mut A, work: &mut Work) -> Result<(), End> {
    let handled = catching(handle(actor, work), || {}).await;
    concluded(work, handled)
}

/// Handles what is in the mailbox. It knows the actor's type, so that a message costs no allocation of its own.
pub(crate) async fn work<A: Actor>(actor: &mut A, work: &mut Work) -> End {
    loop {
        let ended = match work.cell.next(&work.node, work.done.take()) {
            Next::Message(message) => {
                work.done = Some(Done::One(message.permit));
                work.cx.begin(message);
                handle_one(actor, work).await
            }
            Next::Run(run) => work_off(actor, work, run).await,
            Next::Empty | Next::Frozen => return End::Rest,
            Next::Halt => return End::Halt,
        };
        if let Err(end) = ended {
            return end;
        }
        work.batch_ends().await;
    }
}

/// The end of the actor, if a message or a run ended in a panic.
fn concluded<T>(work: &Work, handled: Result<T, Panic>) -> Result<T, End> {
    handled.map_err(|panic| {
        let message_type = work.cx.message().map_or("", Message::type_name).to_owned();
        if let Some(message) = work.cx.message() {
            work.panicked(message, &panic);
        }
        End::Panicked(panic, message_type)
    })
}

/// Handles the messages of a run. Their permits are given back together, but not later than a handler begins to wait.
async fn work_off<A: Actor>(actor: &mut A, work: &mut Work, mut run: Box<Run>) -> Result<(), End> {
    let (cell, node, key) = (work.cell.clone(), work.node.clone(), run.key());
    // The first seq that has not been given back, and the one that is being handled.
    let (first_seq, now) = (Seq::new(run.next_seq()), Seq::new(run.next_seq()));
    let Some(first) = run.next() else { return Ok(()) };
    work.cx.begin(first);
    let waits = || {
        let (from, now) = (first_seq.get(), now.get());
        if now > from {
            let (first_seq_now, count) = (from, now - from);
            cell.give_back_now(
                &node,
                Done::Run {
                    key,
                    first_seq: first_seq_now,
                    count,
                },
            );
            first_seq.set(now);
        }
    };
    let all = async {
        loop {
            handle(actor, work).await;
            if cell.wants_attention() || work.cx.is_full() || !work.cx.begin_next(&mut run) {
                return;
            }
            work.handled += 1;
            now.set(run.next_seq() - 1);
        }
    };
    let handled = catching(all, waits).await;
    work.done = Some(Done::Run {
        key,
        first_seq: first_seq.get(),
        count: now.get() + 1 - first_seq.get(),
    });
    for message in cell.put_back(run).into_iter().flat_map(|run| *run) {
        node.refuse(&message, Code::Stopped, Effect::None, STOPPED_BEFORE);
    }
    concluded(work, handled)
}

/// A seq that a handler's future and what is around it share.
struct Seq(AtomicU64);

impl Seq {
    fn new(seq: u64) -> Self {
        Self(AtomicU64::new(seq))
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, seq: u64) {
        self.0.store(seq, Ordering::Relaxed);
    }
}

/// Handles the message that has begun.
async fn handle<A: Actor>(actor: &mut A, work: &Work) {
    let Some(message) = work.cx.message() else { return };
    if message.deadline.is_some_and(|d| d <= work.node.now()) {
        let detail = "its deadline passed in the mailbox";
        return work.node.refuse(message, Code::Expired, Effect::None, detail);
    }
    let outcome = match message.traced {
        false => actor.receive(&work.cx, message).await,
        // In a box: a message of no trace does not pay for it.
        true => Box::pin(work.node.in_span(&work.cell, message, actor.receive(&work.cx, message))).await,
    };
    work.conclude(message, outcome);
}

impl Work {
    pub(crate) fn new(cell: Arc<Cell>, node: Arc<Inner>) -> Self {
        let cx = Cx::new(node.clone(), cell.clone());
        let (done, handled) = (None, 0);
        Self {
            cell,
            node,
            cx,
            done,
            handled,
        }
    }

    pub(crate) fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    /// Begins an ask that was taken past the mailbox, and whose asker waits for so long.
    pub(crate) fn begin(&mut self, message: Message, ttl_ms: u32) {
        self.done = Some(Done::One(message.permit));
        self.cx.begin_beside(message, ttl_ms);
    }

    fn goes_on(self: Box<Self>, actor: Box<dyn DynActor>, handled: Result<(), End>) {
        let node = self.node.clone();
        node.tasks.spawn_on(go_on(actor, self, handled), &node.handle);
    }

    /// Tells whom it concerns how a handler ended.
    fn conclude(&self, message: &Message, outcome: Result<(), Fault>) {
        let Self { node, cx, .. } = self;
        match outcome {
            Ok(()) if !message.is_ask() => {}
            Ok(()) if cx.owes_reply() => {
                let detail = format!(
                    "the handler of {} returned without a reply; call cx.reply",
                    message.type_name()
                );
                cx.fail(&Fault::new(Code::HandlerError, detail));
            }
            Ok(()) => {}
            // A handler's own error that its asker gets is an answer, and concerns nobody else.
            Err(fault) if cx.owes_reply() && fault.code == Code::HandlerError => cx.fail(&fault),
            Err(fault) => {
                let detail = fault.text();
                node.dead_letter(message, fault.code, fault.effect, &detail);
                cx.fail(&fault);
                node.outcome(message, fault.code, fault.effect, &detail);
            }
        }
    }

    fn panicked(&self, message: &Message, panic: &Panic) {
        let (Self { node, cx, .. }, text) = (self, &panic.text);
        node.dead_letter(message, Code::Panicked, Effect::Maybe, text);
        cx.fail(&Fault::new(Code::Panicked, text.clone()));
        node.outcome(message, Code::Panicked, Effect::Maybe, text);
    }

    /// A message or a run is handled. After many messages, or with much staged, what was staged leaves.
    async fn batch_ends(&mut self) {
        self.handled += 1;
        if self.handled >= BATCH || self.cx.is_full() {
            self.handled = 1; // not 0: it tells whether anything was handled
            self.cx.flush(&Flush::Batch).await;
        }
    }
}

/// Makes the actor and runs its start hook; `None` = it stops, or could not be started and will.
async fn start(cell: &Arc<Cell>, node: &Arc<Inner>, cx: &Cx) -> Option<Box<dyn DynActor>> {
    while cell.is_running() {
        let panic = match catching_now(|| cell.factory.make()) {
            Ok(actor) => match run_start_hook(actor, cx).await {
                Ok(actor) => return Some(actor),
                Err(panic) => panic,
            },
            Err(panic) => panic,
        };
        if !supervise(cell, node, &panic, "").await {
            return None;
        }
    }
    None
}

/// Runs the start hook of an actor that was loaded from a snapshot; `None` = it failed, and the actor is lost.
async fn begin(cell: &Arc<Cell>, node: &Arc<Inner>, cx: &Cx, loaded: Box<dyn DynActor>) -> Option<Box<dyn DynActor>> {
    match run_start_hook(loaded, cx).await {
        Ok(actor) => Some(actor),
        Err(panic) => {
            supervise(cell, node, &panic, "").await;
            None
        }
    }
}

async fn run_start_hook(mut actor: Box<dyn DynActor>, cx: &Cx) -> Result<Box<dyn DynActor>, Panic> {
    match catching(actor.post_start(cx), || {}).await {
        Ok(Ok(())) => Ok(actor),
        Ok(Err(fault)) => Err(Panic::without_stack(format!("its start failed: {}", fault.text()))),
        Err(panic) => Err(panic),
    }
}

/// Tells the parent and the log, and decides; `false` = the actor stops.
async fn supervise(cell: &Arc<Cell>, node: &Arc<Inner>, panic: &Panic, message_type: &str) -> bool {
    let Panic { text: reason, stack } = panic;
    let (directive, restarts) = cell.panicked(node.now());
    let notice = ActorPanic {
        actor: cell.address.as_str().to_owned(),
        reason: reason.clone(),
        stack: stack.clone(),
        language: "rust".into(),
        message_type: message_type.to_owned(),
        restarts,
    };
    if let Some(parent) = &cell.parent {
        node.notify(&parent.address, Outgoing::of(Kind::ActorPanic, &notice));
    }
    let next = match directive {
        Directive::Restart => "it is made anew",
        Directive::Stop => "it stops: too many restarts",
    };
    let line = format!("the actor panicked: {reason}; {next}; {stack}");
    node.log(
        Level::Error,
        About::actor(cell.address.as_str()),
        line.trim_end_matches("; ").to_owned(),
    );
    if directive == Directive::Restart {
        return true;
    }
    let (cell, node2) = (cell.clone(), node.clone());
    let (panics, window) = (restarts + 1, Duration::from_millis(cell.window).as_secs_f64());
    let why = format!("it stopped after {panics} panics in {window}s: {reason}");
    if cell.begin_stop(Code::Panicked, &why) {
        let task = async move { node2.end_cell(&cell, Duration::from_secs(5)).await };
        node.tasks.spawn_on(task, &node.handle);
    }
    false
}
