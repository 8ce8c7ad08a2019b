//! What a node still does for an actor that has left it.

use std::future::Future;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use actorbridge_proto::v1::{self, Code, Effect, r#move::Step};

use super::Stay;
use crate::asks;
use crate::cell::{Cell, FORWARDING, Forwarder};
use crate::door::LinkEnd;
use crate::machine::Millis;
use crate::machine::link::Send;
use crate::machine::pool::StreamKey;
use crate::message::Message;
use crate::node::{Inner, lock};

/// How much longer than its slot a moved request waits for its answer to be forwarded.
const GRACE: Millis = 1_000;

impl Inner {
    /// The cell that the actor at `path` left last, while it forwards.
    pub(crate) fn left(&self, path: &str) -> Option<Arc<Cell>> {
        Some(self.tables().left.get(path)?.last()?.cell.clone())
    }

    /// Where an actor went from here, if it has been here since it had that epoch.
    pub(crate) fn went_on(&self, path: &str, epoch: u64) -> Option<String> {
        let tables = self.tables();
        let last = tables.left.get(path)?.last().filter(|stay| stay.epoch >= epoch)?;
        Some(last.next.0.clone())
    }

    /// The actor's stay here that something is for which follows it from an earlier one. What is for one stay goes through that one,
    /// although the actor may be here again: it would come before what went the whole way. The epoch of a stay is the one it was moved
    /// with, or higher. `false`: it is not known here, and this is the newest.
    fn stay_of(&self, path: &str, epoch: u64) -> Option<(Arc<Cell>, bool)> {
        // In this order: one that leaves at this moment is in both tables, then in `left` alone.
        let here = self.cell(path);
        let tables = self.tables();
        let stays = tables.left.get(path).map_or(&[][..], Vec::as_slice);
        let left = stays.get(stays.partition_point(|stay| stay.epoch < epoch));
        if let Some(stay) = left.filter(|_| epoch > 0) {
            return Some((stay.cell.clone(), true));
        }
        let newest = here.or_else(|| Some(stays.last()?.cell.clone()))?;
        drop(tables);
        let known = epoch > 0 && newest.lock().epoch >= epoch;
        Some((newest, known))
    }

    /// A message that follows an actor came here for its stay of that epoch.
    pub(crate) fn followed(self: &Arc<Self>, path: &str, epoch: u64, mut message: Message) {
        let Some((cell, known)) = self.stay_of(path, epoch) else {
            return self.refuse(&message, Code::NoSuchActor, Effect::None, "it was forwarded to here");
        };
        message.hops += u32::from(epoch > 0 && !known); // it may be in a loop; without an epoch it has been counted
        cell.offer_forwarded(self, message);
    }

    /// The actor of a frozen cell lives at `owner` now. `committed` says so there, by `link` if that is up.
    pub(super) fn actor_left(
        self: &Arc<Self>,
        cell: &Arc<Cell>,
        (owner, epoch): (&str, u64),
        committed: Option<v1::Move>,
        link: &Arc<LinkEnd>,
    ) {
        self.remember(cell.path(), owner);
        self.watch_for_locals(cell, owner);
        let stay = Stay {
            epoch: cell.lock().epoch,
            next: (owner.to_owned(), epoch),
            cell: cell.clone(),
        };
        self.tables().left.entry(cell.path().to_owned()).or_default().push(stay);
        self.cells
            .write()
            .unwrap_or_else(|e| e.into_inner())
            .remove(cell.path());
        let most = cell.lock().pool.most();
        let forwarder = Forwarder::new(owner.to_owned(), epoch, committed, most);
        for (code, message) in cell.leave(self, forwarder, link) {
            self.refuse(&message, code, Effect::None, "it could not be forwarded");
        }
        let (node, cell) = (self.clone(), cell.clone());
        self.after(FORWARDING, async move {
            let mut tables = node.tables();
            if let Some(stays) = tables.left.get_mut(cell.path()) {
                stays.retain(|stay| !Arc::ptr_eq(&stay.cell, &cell));
                if stays.is_empty() {
                    tables.left.remove(cell.path());
                }
            }
        });
    }

    /// Watchers that live here are told when the link to the new owner is lost.
    fn watch_for_locals(&self, cell: &Cell, owner: &str) {
        let Some(link) = self.link_to(owner) else { return };
        let watchers = cell.lock().extra().watchers.clone();
        let here = watchers
            .iter()
            .filter_map(|w| w.parse::<crate::address::Address>().ok());
        let here: Vec<_> = here.filter(|w| self.cell(w.path()).is_some()).collect();
        let mut watches = lock(&self.watches);
        let list = watches.entry(link.id()).or_default();
        list.extend(here.into_iter().map(|w| (cell.address.as_str().to_owned(), w)));
    }

    /// Forwards a message that came late. It may not be handled here: an error is the reason.
    pub(crate) fn forward_to(&self, forwarder: &Forwarder, path: &str, message: &Message) -> Result<(), Code> {
        let _order = self.forwarding();
        self.forward_in_order(forwarder, path, message)
    }

    /// Nobody else forwards while this is held.
    pub(crate) fn forwarding(&self) -> MutexGuard<'_, ()> {
        lock(&self.moves.order)
    }

    /// The link by which an actor is followed, for one who holds [`Self::forwarding`]: behind the owner's Committed, and always
    /// the same one as long as it is up. `first`: the one to begin with.
    pub(crate) fn link_behind(&self, forwarder: &Forwarder, first: Option<&Arc<LinkEnd>>) -> Option<Arc<LinkEnd>> {
        let mut link = lock(&forwarder.link);
        if let Some(same) = link.as_ref().filter(|l| !l.is_down()) {
            return Some(same.clone());
        }
        let first = first.filter(|l| !l.is_down() && l.peer().as_deref() == Some(&forwarder.owner));
        let next = first.cloned().or_else(|| self.link_to(&forwarder.owner))?;
        if let Some(step) = &forwarder.committed {
            // By this link it may be news; if it is lost too, the owner asks the actor's home.
            let _ = next.send_move(step.clone());
        }
        *link = Some(next.clone());
        Some(next)
    }

    /// Forwards, for one who holds [`Self::forwarding`].
    pub(crate) fn forward_in_order(&self, forwarder: &Forwarder, path: &str, message: &Message) -> Result<(), Code> {
        if !forwarder.admits() {
            return Err(Code::Moved);
        }
        let link = self.link_behind(forwarder, None).ok_or(Code::Unavailable)?;
        match link.forward(&message.addressed(&self.name, path), forwarder.epoch) {
            Send::Queued(_) => Ok(()),
            Send::NoCredit | Send::NoRoom => Err(Code::MailboxFull),
            Send::Refused(refusal) => Err(refusal.code),
        }
    }

    /// Forwards a message, or tells whom it concerns that it was not.
    pub(crate) fn pass_on(self: &Arc<Self>, forwarder: &Forwarder, path: &str, message: Message) {
        if let Err(code) = self.forward_to(forwarder, path, &message) {
            let detail = format!("it came after the actor had left for node {}", forwarder.owner);
            self.refuse(&message, code, Effect::None, &detail);
        }
    }

    /// Tells the new owner that all that came by the bindings of a stream up to this one has been forwarded.
    pub(crate) fn send_drained(&self, forwarder: &Forwarder, actor: &str, stream: u64, binding: u32) {
        let _order = self.forwarding();
        self.drained_in_order(forwarder, actor, stream, binding);
    }

    /// Tells it, for one who holds [`Self::forwarding`].
    pub(crate) fn drained_in_order(&self, forwarder: &Forwarder, actor: &str, stream: u64, binding: u32) {
        if let Some(link) = self.link_behind(forwarder, None) {
            let step = Some(Step::Drained(v1::Drained { stream, binding }));
            let (actor, epoch) = (actor.to_owned(), forwarder.epoch);
            // If that link is lost, the new owner waits for `GAP`.
            let _ = link.send_move(v1::Move { actor, epoch, step });
        }
    }

    pub(crate) fn reset_moved(&self, key: StreamKey, moved: v1::Moved) {
        if let Some(link) = self.link(key.link) {
            link.reset(key, Code::Moved, Some(moved));
        }
    }

    /// All that came by the bindings of a stream up to this one has been forwarded to the actor's stay of that epoch.
    pub(super) fn on_drained(self: &Arc<Self>, path: &str, epoch: u64, stream: u64, binding: u32) {
        let Some((stay, _)) = self.stay_of(path, epoch) else {
            return;
        };
        let before: Vec<_> = {
            let tables = self.tables();
            let left = tables.left.get(path).into_iter().flatten().map(|stay| &stay.cell);
            left.take_while(|cell| !Arc::ptr_eq(cell, &stay)).cloned().collect()
        };
        // What still waits at an earlier one comes behind it; nothing new is bound there.
        for cell in before.iter().filter(|cell| cell.lock().holds_any()) {
            cell.drained(self, stream, binding);
        }
        self.drained_at(&stay, stream, binding);
    }

    /// Nothing more comes to one of an actor's stays by the bindings of a stream up to this one: it is said where the actor went,
    /// behind what was forwarded.
    pub(crate) fn drained_at(self: &Arc<Self>, stay: &Arc<Cell>, stream: u64, binding: u32) {
        if let Some(forwarder) = stay.drained(self, stream, binding) {
            self.send_drained(&forwarder, stay.address.as_str(), stream, binding);
        }
    }

    /// Does something later, unless the node is shut down before.
    pub(crate) fn after(&self, delay: Duration, what: impl Future<Output = ()> + std::marker::Send + 'static) {
        let closing = self.closing.clone();
        let task = async move {
            tokio::select! {
                () = closing.cancelled() => {}
                () = tokio::time::sleep(delay) => what.await,
            }
        };
        self.tasks.spawn_on(task, &self.handle);
    }

    /// Sees to it that a request that was made elsewhere gets some answer.
    pub(crate) fn watch_request(self: &Arc<Self>, cell: &Arc<Cell>, key: (String, u64), deadline: Millis) {
        let delay = Duration::from_millis((deadline + GRACE).saturating_sub(self.now()));
        let (node, cell) = (self.clone(), cell.clone());
        self.after(delay, async move {
            // It may have moved on with the actor.
            let waits = cell.lock().extra().requests.contains_key(&key);
            if let Some(failure) = asks::failure(key.1, Code::OutcomeUnknown, "no answer in time").filter(|_| waits) {
                cell.offer_answer(&node, &key.0, failure);
            }
        });
    }
}
