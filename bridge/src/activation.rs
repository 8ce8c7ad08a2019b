//! One activation: handles what is in a cell's mailbox, then ends.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actorbridge_proto::v1::{ActorPanic, Code, Effect, Kind};

use crate::actor::{Actor, DynActor};
use crate::cell::{Cell, Done, Next};
use crate::context::Cx;
use crate::door::inline;
use crate::error::Fault;
use crate::machine::supervisor::Directive;
use crate::message::{Message, Outgoing};
use crate::node::Inner;
use crate::outbox::Flush;
use crate::panics::{Panic, catching, catching_now};
use crate::rings::Level;
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

pub(crate) async fn run(cell: Arc<Cell>, node: Arc<Inner>) {
    let (mut actor, begun) = cell.take_actor();
    let cx = Cx::new(node.clone(), cell.clone());
    if !begun && let Some(loaded) = actor.take() {
        actor = begin(&cell, &node, &cx, loaded).await;
    }
    let (done, handled) = (None, 0);
    let mut work = Work {
        cell: cell.clone(),
        node: node.clone(),
        cx,
        done,
        handled,
    };
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
        let halted = match running.work(&mut work).await {
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

/// Handles what is in the mailbox. It knows the actor's type, so that a message costs no allocation of its own.
pub(crate) async fn work<A: Actor>(actor: &mut A, work: &mut Work) -> End {
    loop {
        if work.handled > 0 && inline::somebody_waits() && work.cell.has_mail() {
            yield_once().await; // what came meanwhile is not handled on the asker's thread
        }
        let ended = match work.cell.next(&work.node, work.done.take()) {
            Next::Message(message, token) => {
                work.done = Some(Done::One(message.permit));
                work.cx.begin(message, token);
                handle(actor, work, || {}).await
            }
            Next::Run(run) => work_off(actor, work, run).await,
            Next::Empty | Next::Frozen => return End::Rest,
            Next::Halt => return End::Halt,
        };
        if let Err(end) = ended {
            return end;
        }
    }
}

/// Handles the messages of a run. Their permits are given back together, but not later than a handler begins to wait.
async fn work_off<A: Actor>(actor: &mut A, work: &mut Work, mut run: Box<Run>) -> Result<(), End> {
    let (cell, node, key) = (work.cell.clone(), work.node.clone(), run.key());
    let mut first_seq = run.next_seq();
    let Some(first) = run.next() else { return Ok(()) };
    work.cx.begin(first, None);
    loop {
        let now = run.next_seq() - 1;
        work.done = None;
        let waits = || {
            if now > first_seq {
                let count = now - first_seq;
                cell.give_back_now(&node, Done::Run { key, first_seq, count });
                first_seq = now;
            }
        };
        let ended = handle(actor, work, waits).await;
        work.done = Some(Done::Run {
            key,
            first_seq,
            count: now + 1 - first_seq,
        });
        let halted = cell.wants_attention();
        if ended.is_err() || halted || !work.cx.begin_next(&mut run) {
            cell.put_back(run);
            return ended;
        }
    }
}

/// Handles the message that has begun. `waits` is called when the handler does so.
async fn handle<A: Actor>(actor: &mut A, work: &mut Work, waits: impl FnMut()) -> Result<(), End> {
    let Some(message) = work.cx.message() else {
        return Ok(());
    };
    if message.deadline.is_some_and(|d| d <= work.node.now()) {
        let detail = "its deadline passed in the mailbox";
        work.node.refuse(message, Code::Expired, Effect::None, detail);
    } else {
        let outcome = catching(actor.receive(&work.cx, message), waits).await;
        if let Some(panic) = work.conclude(message, outcome) {
            return Err(End::Panicked(panic, message.type_name().to_owned()));
        }
    }
    work.batch_ends().await;
    Ok(())
}

/// Gives the thread back once. Who polled has to do it again.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Work {
    /// Tells whom it concerns how a handler ended; `Some` = in a panic.
    fn conclude(&self, message: &Message, outcome: Result<Result<(), Fault>, Panic>) -> Option<Panic> {
        let Self { node, cx, .. } = self;
        match outcome {
            Ok(Ok(())) if cx.owes_reply() => {
                let detail = format!(
                    "the handler of {} returned without a reply; call cx.reply",
                    message.type_name()
                );
                cx.fail(&Fault::new(Code::HandlerError, detail));
            }
            Ok(Ok(())) => {}
            // A handler's own error that its asker gets is an answer, and concerns nobody else.
            Ok(Err(fault)) if cx.owes_reply() && fault.code == Code::HandlerError => cx.fail(&fault),
            Ok(Err(fault)) => {
                let detail = fault.text();
                node.dead_letter(message, fault.code, fault.effect, &detail);
                cx.fail(&fault);
                node.outcome(message, fault.code, fault.effect, &detail);
            }
            Err(panic) => {
                let text = &panic.text;
                node.dead_letter(message, Code::Panicked, Effect::Maybe, text);
                cx.fail(&Fault::new(Code::Panicked, text.clone()));
                node.outcome(message, Code::Panicked, Effect::Maybe, text);
                return Some(panic);
            }
        }
        None
    }

    /// A message is handled. After many, or with much staged, what was staged leaves.
    async fn batch_ends(&mut self) {
        self.handled += 1;
        if self.handled.is_multiple_of(BATCH) || self.cx.is_full() {
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
    let (directive, restarts) = {
        let mut state = cell.lock();
        let directive = state.supervisor.panicked(node.now());
        (directive, state.supervisor.restarts())
    };
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
    node.log(Level::Error, &cell.path, line.trim_end_matches("; ").to_owned());
    if directive == Directive::Restart {
        return true;
    }
    let (cell, node2) = (cell.clone(), node.clone());
    let (panics, window) = (restarts + 1, cell.options.window.as_secs_f64());
    let why = format!("it stopped after {panics} panics in {window}s: {reason}");
    if cell.begin_stop(Code::Panicked, &why) {
        let task = async move { node2.end_cell(&cell, Duration::from_secs(5)).await };
        node.tasks.spawn_on(task, &node.handle);
    }
    false
}
