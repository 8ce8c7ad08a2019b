//! An ask that is handled on its asker's own thread: a call, instead of a way through two mailboxes and two threads.
//!
//! The actor does nothing else meanwhile, and its handler is a plain function, so it is run as any activation is, here and once.
//! What does not come to its end in that way goes on as a task.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use actorbridge_proto::v1::Direction;
use actorbridge_proto::{EnvelopeView, What, Who, writer};
use bytes::Bytes;

use super::LinkEnd;
use super::inbound::{Host, Inbound};
use crate::activation::Work;
use crate::actor::DynActor;
use crate::cell::AskId;
use crate::machine::pool::StreamKey;
use crate::message::{INLINE, Message, Outgoing};
use crate::node::{Inner, lock};

/// What became of an ask that was to be handled at once.
#[derive(Debug)]
pub enum Inline {
    /// Its answer, a reply or a failure: what it is, and its body.
    Answered(Arc<What>, Bytes),
    /// It was taken, and its answer comes as that of any other ask.
    Later,
    /// It was not taken: send it as any other ask.
    NotTaken,
}

thread_local! {
    /// The ask that this thread handles for its asker.
    static WAITER: RefCell<Option<Box<Waiter>>> = const { RefCell::new(None) };
}

/// An asker that waits on this thread.
#[derive(Default)]
struct Waiter {
    who: Arc<Who>,
    correlation: u64,
    answer: Option<Outgoing>,
}

/// Nobody waits on this thread any more, however the handling ended.
struct Over;

impl Drop for Over {
    fn drop(&mut self) {
        WAITER.take();
    }
}

/// The inline asks of a stream.
pub(super) enum Asked {
    /// There was none yet, or the last one went on as an activation.
    Never,
    /// One is being handled.
    Now,
    /// There was one, and the next is handled with what it has left.
    Before(Box<Ready>),
}

/// What an inline ask is handled with.
pub(super) struct Ready {
    key: StreamKey,
    type_id: u32,
    what: Arc<What>,
    who: Arc<Who>,
    /// Of the last ask. It is in a box, since it goes to the thread and back.
    waiter: Option<Box<Waiter>>,
    node: Arc<Inner>,
    /// Of the actor; between two asks it has no message.
    work: Option<Box<Work>>,
}

/// Keeps an answer for the asker that waits on this thread; one that is for somebody else comes back.
pub(crate) fn keep_answer(reply_to: &str, correlation: u64, out: Outgoing) -> Option<Outgoing> {
    WAITER.with_borrow_mut(|waiter| match waiter {
        Some(waiter)
            if waiter.answer.is_none() && waiter.correlation == correlation && waiter.who.reply_to == reply_to =>
        {
            waiter.answer = Some(out);
            None
        }
        _ => Some(out),
    })
}

/// Does an asker wait on this thread? Then it waits for its own ask alone.
pub(crate) fn somebody_waits() -> bool {
    WAITER.with_borrow(Option::is_some)
}

impl LinkEnd {
    /// Handles an ask of a flow on this thread, if it is one for that: its method is declared inline, its actor is here, has been
    /// started, and has nothing else to do. It needs no seq and no credit. It blocks as long as the handler runs. With a stream's
    /// number it is for that stream alone: the flow's may stand for another one by now. Its token trips after `ttl_ms` (0 = never), by
    /// [`Self::cancel_inline`], and with the link.
    pub fn ask_inline(&self, flow: u32, stream: u64, type_id: u32, ttl_ms: u32, body: Bytes) -> Inline {
        if body.len() > INLINE || somebody_waits() {
            return Inline::NotTaken;
        }
        let Some(mut ready) = self.ready(flow, stream, type_id) else {
            return Inline::NotTaken;
        };
        let key = ready.key;
        let answered = self.ask_ready(&mut ready, ttl_ms, body);
        let left = match ready.work {
            Some(_) => Asked::Before(ready),
            None => Asked::Never,
        };
        // It is another stream by now, if it was closed and its number given again.
        if let Some(stream) = lock(&self.inbound).get_mut(&flow)
            && stream.key == key
        {
            stream.asked = left;
        }
        answered
    }

    /// The asker of an inline ask, or whoever asks for it, has stopped waiting: its handler's token trips, if it runs.
    pub fn cancel_inline(&self, flow: u32, correlation: u64) {
        let inbound = lock(&self.inbound);
        let Some(Inbound {
            key,
            host: Host::Cell(cell),
            ..
        }) = inbound.get(&flow)
        else {
            return;
        };
        let (key, cell) = (*key, cell.clone());
        drop(inbound);
        cell.cancel_ask(&AskId::Beside { key, correlation });
    }

    fn ask_ready(&self, ready: &mut Ready, ttl_ms: u32, body: Bytes) -> Inline {
        // Its deadline does not end it before it begins: it does not wait.
        let Ok(message) = Message::read(ready.who.clone(), ready.what.clone(), body) else {
            return Inline::NotTaken; // the usual way says what is wrong with it
        };
        let Some(mut work) = ready.work.take() else {
            return Inline::NotTaken;
        };
        let Some(actor) = work.cell().offer_inline(ready.key, &message) else {
            ready.work = Some(work);
            return Inline::NotTaken;
        };
        let seen = self.taps.any();
        if seen {
            self.see(Direction::Received, &message, 0, 0, 0);
        }
        let waiter = ready.waiter.get_or_insert_default();
        if !Arc::ptr_eq(&message.who, &waiter.who) {
            waiter.who = message.who.clone();
        }
        waiter.correlation = message.correlation;
        if self.over.get().is_some() {
            // What ended with the link may have looked before it ran.
            work.cell().cancel_ask(&AskId::Beside {
                key: ready.key,
                correlation: message.correlation,
            });
        }
        work.begin(message, ttl_ms);
        let answered = match run(actor, work, ready) {
            Some(answer) => self.answer_for_peer(answer),
            None => Inline::Later,
        };
        if seen && let Inline::Answered(what, body) = &answered {
            self.see_off_stream(what, body);
        }
        answered
    }

    /// What an ask of a flow and a type is handled with, if it is for an actor of this node that handles none now.
    fn ready(&self, flow: u32, number: u64, type_id: u32) -> Option<Box<Ready>> {
        let mut inbound = lock(&self.inbound);
        let stream = inbound.get_mut(&flow).filter(|s| number == 0 || number == s.stream)?;
        let Host::Cell(cell) = &stream.host else {
            return None;
        };
        let before = match std::mem::replace(&mut stream.asked, Asked::Now) {
            Asked::Before(ready) if ready.type_id == type_id => return Some(ready),
            Asked::Now => return None,
            Asked::Before(ready) => Some(ready), // of another type
            Asked::Never => None,
        };
        // `Now` stays, so that the link's end tells the handler. Where nothing is handled after all, it is put back under this lock.
        let what = Self::what_in(&mut lock(&self.state), type_id);
        if type_id != 0 && what.present == 0 {
            stream.asked = before.map_or(Asked::Never, Asked::Before); // it has not been told yet
            return None;
        }
        if let Some(mut ready) = before {
            (ready.type_id, ready.what) = (type_id, what);
            return Some(ready);
        }
        let Some(node) = self.node.upgrade() else {
            stream.asked = Asked::Never;
            return None;
        };
        let work = Some(Box::new(Work::new(cell.clone(), node.clone())));
        Some(Box::new(Ready {
            key: stream.key,
            type_id,
            what,
            who: stream.who.clone(),
            waiter: None,
            node,
            work,
        }))
    }

    /// The answer as the peer reads it; one that it does not read goes the usual way, which tells it that.
    fn answer_for_peer(&self, answer: Outgoing) -> Inline {
        if answer.has_one_version() {
            return Inline::Answered(answer.what, answer.body);
        }
        let state = lock(&self.state);
        if let Ok((what, body)) = answer.for_peer(&state.reads) {
            return Inline::Answered(Arc::new(what.clone()), body.clone());
        }
        drop(state);
        let _ = self.send_off_stream(&answer).map_err(|fault| {
            let reply_to = format!("ab://{}/", self.peer().unwrap_or_default());
            if let Some(node) = self.node.upgrade() {
                node.answer_failure(&reply_to, answer.correlation(), &fault.done().failure(), &[], None);
            }
        });
        Inline::Later
    }

    /// Sends an answer that the asker had no room for the usual way.
    pub fn answer_later(&self, what: &[u8], body: &[u8]) {
        let whole = writer::join(&[], what, body);
        let mut state = lock(&self.state);
        let sent = state.machine.send_off_stream(&What::default(), &whole);
        Self::tell_asker(&mut state, sent, || {
            EnvelopeView::read_body(&whole, 0).map_or(0, |view| view.correlation)
        });
        drop(state);
        self.ring();
    }
}

/// Runs an actor's handler until it waits, or has ended, and returns the answer that came of it. What it worked on is ready again
/// only if there is nothing left to do.
fn run(actor: Box<dyn DynActor>, work: Box<Work>, ready: &mut Ready) -> Option<Outgoing> {
    let mut handling = actor.handle_alone(work);
    WAITER.set(ready.waiter.take());
    let over = Over;
    let polled = {
        let _runtime = ready.node.handle.enter();
        handling.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    };
    ready.waiter = WAITER.take();
    drop(over);
    match polled {
        Poll::Ready(work) => ready.work = work,
        Poll::Pending => {
            ready.node.tasks.spawn_on(handling, &ready.node.handle);
        }
    }
    ready.waiter.as_mut()?.answer.take()
}
