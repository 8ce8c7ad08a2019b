//! The sending end of a stream: the only place where a route is cached, so that order is the order of sends here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actorbridge_proto::v1::{Code, Moved};
use actorbridge_proto::{What, Who, writer};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::address::Address;
use crate::cell::{Cell, FORWARDING, Gap, Offer};
use crate::door::LinkEnd;
use crate::error::Error;
use crate::machine::link::{BindingNumber, Relayed, Send};
use crate::message::{Message, Outgoing, too_large};
use crate::node::{Inner, Target, lock};

/// Most outlets of one sender; unused ones are closed beyond it.
const MAX_OUTLETS: usize = 16_384;

/// One who sends: an actor, or a node's outside code.
pub(crate) struct Sender {
    pub(crate) source: String,
    pub(crate) reply_to: String,
    pub(crate) tenant: String,
    outlets: Mutex<Outlets>,
    /// Rings when one of the outlets may have room again.
    pub(crate) room: Arc<Notify>,
}

#[derive(Default)]
struct Outlets {
    all: HashMap<Address, Arc<Outlet>>,
    /// The one that was used last.
    last: Option<Arc<Outlet>>,
}

impl Sender {
    pub(crate) fn new(source: String, reply_to: String, tenant: &str) -> Self {
        Self {
            source,
            reply_to,
            tenant: tenant.to_owned(),
            outlets: Mutex::default(),
            room: Arc::default(),
        }
    }

    pub(crate) fn outlet(&self, target: &Address) -> Arc<Outlet> {
        let mut outlets = lock(&self.outlets);
        if let Some(last) = outlets.last.as_ref().filter(|last| last.target == *target) {
            return last.clone();
        }
        if let Some(outlet) = outlets.all.get(target) {
            let outlet = outlet.clone();
            outlets.last = Some(outlet.clone());
            return outlet;
        }
        if outlets.all.len() >= MAX_OUTLETS {
            outlets.last = None;
            outlets.all.retain(|_, o| Arc::strong_count(o) > 1);
        }
        let outlet = Arc::new(Outlet {
            target: target.clone(),
            who: Arc::new(self.who(target)),
            stream: crate::node::random(),
            owner: self.room.clone(),
            state: Mutex::new(Binding {
                route: Route::None,
                next_seq: 1,
                number: 0,
                sent_by: 0,
                late: None,
            }),
        });
        outlets.all.insert(target.clone(), outlet.clone());
        outlet
    }

    pub(crate) fn who(&self, target: &Address) -> Who {
        writer::who_of_tenant(&self.source, target.as_str(), &self.reply_to, &self.tenant)
    }

    /// Tells payloads by the link that goes to an address, past its packets: how many went.
    pub(crate) fn send_plain(&self, to: &Address, what: &What, payloads: &[&[u8]]) -> usize {
        let outlets = lock(&self.outlets);
        match outlets.last.as_ref().filter(|last| last.target == *to) {
            Some(outlet) => outlet.send_plain(what, payloads),
            None => 0,
        }
    }

    /// Is there no credit at present on the way to an address?
    pub(crate) fn is_spent(&self, to: &Address) -> bool {
        let last = lock(&self.outlets).last.clone();
        let Some(outlet) = last.filter(|last| last.target == *to) else {
            return false;
        };
        let state = lock(&outlet.state);
        matches!(&state.route, Route::Link(link, flow) if link.is_spent(*flow))
    }

    /// Has the outlet to an address resolve it again. Another actor has it: nothing that was sent before is behind.
    pub(crate) fn unroute(&self, to: &Address) {
        let mut outlets = lock(&self.outlets);
        let gone = (outlets.all.remove(to), outlets.last.take());
        drop(outlets);
        drop(gone); // without the lock: it may close its flow
    }

    pub(crate) fn clear(&self) {
        let gone = std::mem::take(&mut *lock(&self.outlets));
        drop(gone); // without the lock, as above
    }
}

enum Route {
    None,
    Local(Arc<Cell>),
    Link(Arc<LinkEnd>, u32),
}

struct Binding {
    route: Route,
    next_seq: u64,
    /// How many times the stream has been bound.
    number: u32,
    /// The last of these that sent something, or followed such a one to the same stay; 0 = nothing was sent to this actor.
    sent_by: u32,
    late: Option<Late>,
}

impl Binding {
    /// The binding has ended.
    fn ended(&mut self) {
        self.route = Route::None;
        let (after, since) = (self.sent_by, Instant::now());
        self.late = (after > 0).then_some(Late { after, since });
    }
}

/// The last binding was reset or lost: what was sent on it, and before, may still be on its way by an old owner.
struct Late {
    after: u32,
    since: Instant,
}

/// (source, target) with a stream number and the present route.
pub(crate) struct Outlet {
    pub(crate) target: Address,
    pub(crate) who: Arc<Who>,
    pub(crate) stream: u64,
    pub(crate) owner: Arc<Notify>,
    state: Mutex<Binding>,
}

/// Where a message went.
#[derive(Clone)]
pub(crate) enum Placed {
    Local(Arc<Cell>),
    Link {
        link: Arc<LinkEnd>,
        flow: u32,
        stream: u64,
        seq: u64,
    },
}

pub(crate) enum Sent {
    Done(Placed),
    /// The owner's `room` rings.
    Wait,
    Unresolved,
    Refused(Error),
}

impl Outlet {
    fn send_plain(&self, what: &What, payloads: &[&[u8]]) -> usize {
        let mut state = lock(&self.state);
        let Route::Link(link, flow) = &state.route else {
            return 0;
        };
        let (sent, last) = link.send_plain(*flow, what, payloads);
        if sent > 0 {
            state.sent_by = state.number;
            state.next_seq = last + 1;
        }
        sent
    }

    pub(crate) fn try_send(&self, node: &Arc<Inner>, out: &Outgoing) -> Sent {
        let mut state = lock(&self.state);
        let (placed, next) = match &state.route {
            Route::None => return Sent::Unresolved,
            Route::Local(cell) => {
                let cell = cell.clone();
                match self.to_cell(node, &cell, &mut state, out) {
                    Ok(Offer::Taken) => {
                        state.sent_by = state.number;
                        (Placed::Local(cell), state.next_seq + 1)
                    }
                    Ok(Offer::Wait) => return Sent::Wait,
                    Ok(Offer::Gone) => {
                        self.follow(node, &cell, &mut state);
                        return Sent::Unresolved;
                    }
                    Ok(Offer::Stopped) => {
                        (state.route, state.sent_by) = (Route::None, 0);
                        if cell.is_done() {
                            return Sent::Unresolved; // another may have its path by now
                        }
                        return Sent::Refused(Error::new(Code::Stopped, self.target.as_str(), cell.why_stopped()));
                    }
                    Err(error) => return Sent::Refused(error),
                }
            }
            Route::Link(link, flow) => {
                let (link, flow, stream) = (link.clone(), *flow, self.stream);
                let sent = match link.send(flow, out) {
                    Ok(sent) => sent,
                    Err(fault) => return Sent::Refused(Error::unsent(self.target.as_str(), fault)),
                };
                match sent {
                    Send::Queued(seq) => {
                        state.sent_by = state.number;
                        let placed = Placed::Link {
                            link,
                            flow,
                            stream,
                            seq,
                        };
                        (placed, seq + 1)
                    }
                    Send::NoCredit | Send::NoRoom => return Sent::Wait,
                    Send::Refused(refusal) if refusal.code == Code::Unavailable => {
                        // It may have been reset a moment ago, and the reader of the link has not come to say so.
                        if let Some(moved) = link.reset_of(flow) {
                            node.remember(self.target.path(), &moved.owner);
                        }
                        state.ended();
                        return Sent::Unresolved;
                    }
                    Send::Refused(refusal) => return Sent::Refused(Error::refused(self.target.as_str(), refusal)),
                }
            }
        };
        state.next_seq = next;
        Sent::Done(placed)
    }

    /// The actor has left this node: what was sent when it was about to go is on its way behind it.
    fn follow(&self, node: &Arc<Inner>, cell: &Arc<Cell>, state: &mut Binding) {
        state.route = Route::None;
        if state.sent_by == state.number {
            node.drained_at(cell, self.stream, state.number);
            state.ended();
        }
    }

    fn to_cell(
        &self,
        node: &Arc<Inner>,
        cell: &Arc<Cell>,
        state: &mut Binding,
        out: &Outgoing,
    ) -> Result<Offer, Error> {
        if let Some(Late { after, since }) = state.late {
            let sender = (&*self.who.source, &*self.who.reply_to);
            match cell.gap(node, (self.stream, after), since, sender, &self.owner) {
                // It is at its actor, but perhaps behind what travels with it: as what is sent from now on.
                Gap::Closed => (state.late, state.sent_by) = (None, state.number),
                Gap::Waits => return Ok(Offer::Wait),
                Gap::Gone => return Ok(Offer::Gone),
            }
        }
        let refuse = |r| Error::refused(self.target.as_str(), r);
        if let Some(detail) = too_large(&out.what, &out.body) {
            return Err(Error::new(Code::TooLarge, self.target.as_str(), detail));
        }
        let mut message = Message::read(self.who.clone(), out.what.clone(), out.body.clone()).map_err(refuse)?;
        message.deadline = out.deadline;
        message.hops = out.hops;
        Ok(cell.offer_local(node, message, &self.owner))
    }

    /// Sets the route, unless another sender has set one meanwhile.
    pub(crate) fn bind(self: &Arc<Self>, target: Target) -> Result<(), Error> {
        let mut state = lock(&self.state);
        if !matches!(state.route, Route::None) {
            return Ok(());
        }
        state.number += 1;
        let (link, relayed) = match target {
            Target::Cell(cell) => {
                state.route = Route::Local(cell);
                return Ok(());
            }
            Target::Link(link) => (link, Relayed::default()),
            Target::Beyond(relay, destination) => (
                relay,
                Relayed {
                    destination,
                    ..Relayed::default()
                },
            ),
        };
        let late = state.late.as_ref().filter(|late| late.since.elapsed() < FORWARDING);
        let binding = BindingNumber {
            number: state.number,
            after: late.map_or(0, |late| late.after),
        };
        let flow = link
            .open(self, &self.who.bytes, state.next_seq, binding, relayed)
            .map_err(|r| Error::refused(self.target.as_str(), r))?;
        // From here on the new owner sees to it that nothing is overtaken.
        state.late = None;
        state.route = Route::Link(link, flow);
        Ok(())
    }

    /// The receiver or the link has ended this binding; `moved` says where the actor is now.
    pub(crate) fn unbind(&self, node: &Inner, link: u64, flow: u32, moved: Option<&Moved>) {
        let mut state = lock(&self.state);
        if matches!(&state.route, Route::Link(l, f) if l.id() == link && *f == flow) {
            state.ended();
            match moved {
                Some(moved) => node.remember(self.target.path(), &moved.owner),
                None => node.forget(self.target.path()),
            }
        }
        drop(state);
        self.owner.notify_waiters();
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if let Route::Link(link, flow) = &lock(&self.state).route {
            link.close_flow(*flow);
        }
    }
}
