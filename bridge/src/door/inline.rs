//! An ask that is handled on its asker's own thread: a call, instead of a way through two mailboxes and two threads.
//!
//! The actor does nothing else meanwhile, and its handler is a plain function, so it is run as any activation is, here and once.
//! What does not come to its end in that way goes on as a task.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{Context, Waker};

use actorbridge_proto::v1::Direction;
use actorbridge_proto::{EnvelopeView, What, Who, writer};
use bytes::Bytes;

use super::LinkEnd;
use super::inbound::{Host, Inbound};
use crate::activation::Work;
use crate::actor::DynActor;
use crate::cell::Cell;
use crate::machine::link::Phase;
use crate::message::{INLINE, Message, Outgoing};
use crate::node::lock;

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
    static ASKED: RefCell<Option<Asked>> = const { RefCell::new(None) };
}

struct Asked {
    who: Arc<Who>,
    correlation: u64,
    answer: Option<Outgoing>,
}

/// No ask is handled on this thread any more, however its handling ended.
struct Over;

impl Drop for Over {
    fn drop(&mut self) {
        ASKED.take();
    }
}

/// Keeps an answer for the asker that waits on this thread; one that is for somebody else comes back.
pub(crate) fn keep_answer(reply_to: &str, correlation: u64, out: Outgoing) -> Option<Outgoing> {
    ASKED.with_borrow_mut(|asked| match asked {
        Some(asked) if asked.answer.is_none() && asked.correlation == correlation && asked.who.reply_to == reply_to => {
            asked.answer = Some(out);
            None
        }
        _ => Some(out),
    })
}

/// Does an asker wait on this thread? Then it waits for its own ask alone.
pub(crate) fn somebody_waits() -> bool {
    ASKED.with_borrow(Option::is_some)
}

impl LinkEnd {
    /// Handles an ask of a flow on this thread, if it is one for that: its method is declared inline, its actor is here, has been
    /// started, and has nothing else to do. It needs no seq and no credit. It blocks as long as the handler runs.
    pub fn ask_inline(&self, flow: u32, type_id: u32, body: Bytes) -> Inline {
        let Some(node) = self.node.upgrade() else {
            return Inline::NotTaken;
        };
        if body.len() > INLINE || somebody_waits() {
            return Inline::NotTaken;
        }
        let Some((who, what, cell)) = self.asked_inline(flow, type_id) else {
            return Inline::NotTaken;
        };
        // Its deadline counts for nothing: it does not wait.
        let Ok(message) = Message::read(who, what, body) else {
            return Inline::NotTaken; // the usual way says what is wrong with it
        };
        let asked = Asked {
            who: message.who.clone(),
            correlation: message.correlation,
            answer: None,
        };
        let Some(actor) = cell.offer_inline((self.id, flow), &message) else {
            return Inline::NotTaken;
        };
        let seen = self.taps.any();
        if seen {
            self.see(Direction::Received, &message, 0, 0, 0);
        }
        let mut work = Box::new(Work::new(cell, node)); // it is large, and nothing moves it from here on
        work.begin(message);
        let answered = match run(actor, work, asked) {
            Some(answer) => self.answer_for_peer(answer),
            None => Inline::Later,
        };
        if seen && let Inline::Answered(what, body) = &answered {
            self.see_off_stream(what, body);
        }
        answered
    }

    /// To whom an ask of a flow and a type goes, if it is an actor of this node.
    fn asked_inline(&self, flow: u32, type_id: u32) -> Option<(Arc<Who>, Arc<What>, Arc<Cell>)> {
        let told = |stream: &Inbound| match (&stream.host, &stream.asked) {
            (Host::Cell(cell), Some((id, what))) if *id == type_id => {
                Some((stream.who.clone(), what.clone(), cell.clone()))
            }
            _ => None,
        };
        if let Some(found) = lock(&self.inbound).get(&flow).and_then(told) {
            return self.over.get().is_none().then_some(found);
        }
        let what = {
            let mut state = lock(&self.state);
            if state.machine.phase() == Phase::Down {
                return None;
            }
            Self::what_in(&mut state, type_id)
        };
        let mut inbound = lock(&self.inbound);
        let stream = inbound.get_mut(&flow)?;
        stream.asked = Some((type_id, what));
        told(stream)
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

/// Runs an actor's handler until it waits, or has ended, and returns the answer that came of it.
fn run(actor: Box<dyn DynActor>, work: Box<Work>, asked: Asked) -> Option<Outgoing> {
    let node = work.node().clone();
    let mut handling = actor.handle_alone(work);
    ASKED.set(Some(asked));
    let over = Over;
    let polled = {
        let _runtime = node.handle.enter();
        handling.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    };
    let answer = ASKED.take().and_then(|asked| asked.answer);
    drop(over);
    if polled.is_pending() {
        node.tasks.spawn_on(handling, &node.handle);
    }
    answer
}
