//! One activation: handles what is in a cell's mailbox, then ends.

use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::{ActorPanic, Code, Effect, Kind};

use crate::actor::{DynActor, catching, catching_now};
use crate::cell::{Cell, Next};
use crate::context::Cx;
use crate::error::Fault;
use crate::machine::supervisor::Directive;
use crate::message::{Message, Outgoing};
use crate::node::Inner;
use crate::outbox::Flush;
use crate::rings::Level;

/// Messages after which what a handler staged leaves, at the latest.
const BATCH: u32 = 64;

pub(crate) async fn run(cell: Arc<Cell>, node: Arc<Inner>) {
    let (mut actor, begun) = cell.take_actor();
    let mut cx = Cx::new(node.clone(), cell.clone());
    if !begun && let Some(loaded) = actor.take() {
        actor = begin(&cell, &node, &cx, loaded).await;
    }
    let mut last = None;
    let mut handled = 0;
    loop {
        let running = match actor.take() {
            Some(actor) => actor,
            None => match start(&cell, &node, &cx).await {
                Some(actor) => actor,
                None => {
                    cx.flush(&Flush::Last).await;
                    break cell.rest_without_permit(&node, last.take());
                }
            },
        };
        let halted = match cell.next(&node, last.take()) {
            Next::Message(message, token) => {
                last = Some(message.permit);
                cx.begin(&message, token);
                actor = handle(&cell, &node, &cx, running, &message).await;
                handled += 1;
                if handled % BATCH == 0 || cx.is_full() {
                    cx.flush(&Flush::Batch).await;
                }
                continue;
            }
            Next::Empty | Next::Frozen => false,
            Next::Halt => true,
        };
        cx.end();
        cx.flush(if halted { &Flush::Last } else { &Flush::Batch }).await;
        if cx.has_staged() && !halted {
            actor = Some(running);
            continue;
        }
        match cell.rest(running, halted) {
            Some(more) => actor = Some(more),
            None => return,
        }
    }
}

/// Makes the actor and runs its start hook; `None` = it stops, or could not be started and will.
async fn start(cell: &Arc<Cell>, node: &Arc<Inner>, cx: &Cx) -> Option<Box<dyn DynActor>> {
    while cell.is_running() {
        let reason = match catching_now(|| cell.factory.make()) {
            Ok(actor) => match run_start_hook(actor, cx).await {
                Ok(actor) => return Some(actor),
                Err(reason) => reason,
            },
            Err(text) => text,
        };
        if !supervise(cell, node, &reason, "").await {
            return None;
        }
    }
    None
}

/// Runs the start hook of an actor that was loaded from a snapshot; `None` = it failed, and the actor is lost.
async fn begin(cell: &Arc<Cell>, node: &Arc<Inner>, cx: &Cx, loaded: Box<dyn DynActor>) -> Option<Box<dyn DynActor>> {
    match run_start_hook(loaded, cx).await {
        Ok(actor) => Some(actor),
        Err(reason) => {
            supervise(cell, node, &reason, "").await;
            None
        }
    }
}

async fn run_start_hook(mut actor: Box<dyn DynActor>, cx: &Cx) -> Result<Box<dyn DynActor>, String> {
    match catching(actor.post_start(cx)).await {
        Ok(Ok(())) => Ok(actor),
        Ok(Err(fault)) => Err(format!("its start failed: {}", fault.text())),
        Err(text) => Err(text),
    }
}

/// Handles one message; `None` = the actor is lost to a panic.
async fn handle(
    cell: &Arc<Cell>,
    node: &Arc<Inner>,
    cx: &Cx,
    mut actor: Box<dyn DynActor>,
    message: &Message,
) -> Option<Box<dyn DynActor>> {
    if message.deadline.is_some_and(|d| d <= node.now()) {
        node.refuse(
            message,
            Code::Expired,
            Effect::None,
            "its deadline passed in the mailbox",
        );
        return Some(actor);
    }
    match catching(actor.receive(cx, message)).await {
        Ok(Ok(())) if cx.owes_reply() => {
            let detail = format!(
                "the handler of {} returned without a reply; call cx.reply",
                message.type_name()
            );
            cx.fail(&Fault::new(Code::HandlerError, detail));
            Some(actor)
        }
        Ok(Ok(())) => Some(actor),
        Ok(Err(fault)) => {
            let detail = fault.text();
            node.dead_letter(message, fault.code, fault.effect, &detail);
            cx.fail(&fault);
            node.outcome(message, fault.code, fault.effect, &detail);
            Some(actor)
        }
        Err(text) => {
            node.dead_letter(message, Code::Panicked, Effect::Maybe, &text);
            cx.fail(&Fault::new(Code::Panicked, text.clone()));
            node.outcome(message, Code::Panicked, Effect::Maybe, &text);
            // A destructor may panic too.
            let _ = catching_now(move || drop(actor));
            supervise(cell, node, &text, message.type_name()).await;
            None
        }
    }
}

/// Tells the parent and the log, and decides; `false` = the actor stops.
async fn supervise(cell: &Arc<Cell>, node: &Arc<Inner>, reason: &str, message_type: &str) -> bool {
    let (directive, restarts) = {
        let mut state = cell.lock();
        let directive = state.supervisor.panicked(node.now());
        (directive, state.supervisor.restarts())
    };
    let notice = ActorPanic {
        actor: cell.address.as_str().to_owned(),
        reason: reason.to_owned(),
        stack: String::new(),
        language: "rust".into(),
        message_type: message_type.to_owned(),
        restarts,
    };
    if let Some(parent) = &cell.parent {
        node.notify(&parent.address, Outgoing::of(Kind::ActorPanic, &notice));
    }
    node.log(
        Level::Error,
        &cell.path,
        format!("the actor panicked: {reason}; {directive:?}"),
    );
    if directive == Directive::Restart {
        return true;
    }
    let (cell, node2) = (cell.clone(), node.clone());
    if cell.begin_stop(Code::Panicked, reason) {
        let task = async move { node2.end_cell(&cell, Duration::from_secs(5)).await };
        node.tasks.spawn_on(task, &node.handle);
    }
    false
}
