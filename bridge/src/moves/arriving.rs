//! The destination's side of a move.

use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::Refusal;
use actorbridge_proto::v1::{self, Code, r#move::Step};
use bytes::Bytes;

use super::load::{As, Prepared};
use super::{refusal, refusal_of};
use crate::actor::Factory;
use crate::address::is_reserved;
use crate::door::LinkEnd;
use crate::logs::{About, Level};
use crate::machine::mover::{Action, Destination, MAX_ARRIVING, MAX_ARRIVING_BYTES, Subject};
use crate::node::{Inner, lock};
use crate::snapshot::Snapshot;

/// How long a request for an actor waits for it to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);

/// An actor on its way to this node.
pub(super) struct Arriving {
    machine: Destination,
    link: u64,
    total: u64,
    factory: Factory,
    prepared: Option<Prepared>,
}

impl Inner {
    pub(super) fn on_offer(self: &Arc<Self>, link: &LinkEnd, path: &str, step: &v1::Move, offer: &v1::Offer) {
        let taken = self.take_offer(link, path, step, offer);
        if let Err(why) = taken {
            let (code, detail) = (why.code as i32, why.detail);
            let aborted = v1::Move {
                actor: step.actor.clone(),
                epoch: step.epoch,
                step: Some(Step::Aborted(v1::Aborted { code, detail })),
            };
            // Without a link the source sees that itself.
            let _ = link.send_move(aborted);
        }
    }

    fn take_offer(&self, link: &LinkEnd, path: &str, step: &v1::Move, offer: &v1::Offer) -> Result<(), Refusal> {
        let source = link.peer().unwrap_or_default();
        if self.closing.is_cancelled() {
            return Err(refusal(Code::Unavailable, "the node is shutting down"));
        }
        if is_reserved(path) {
            return Err(refusal(Code::Forbidden, "paths below /system are reserved"));
        }
        if self.cell(path).is_some() {
            return Err(refusal(Code::AlreadyExists, "an actor with this path is there"));
        }
        if let Some((owner, epoch)) = self.owner_of(path).filter(|(_, epoch)| *epoch >= step.epoch) {
            return Err(refusal(Code::Fenced, format!("node {owner} owns it at epoch {epoch}")));
        }
        let no_factory = || refusal(Code::NoSuchActor, format!("no factory matches {path}"));
        let factory = self.factory_for(path).ok_or_else(no_factory)?;
        let subject = Subject {
            actor: step.actor.clone(),
            epoch: step.epoch,
            source,
            destination: self.name.clone(),
        };
        let mut tables = self.tables();
        if let Some(other) = tables.arriving.get(path)
            && (other.machine.subject().source != subject.source || other.machine.subject().epoch > subject.epoch)
        {
            return Err(refusal(Code::Fenced, "another node offers it already"));
        }
        let machine = Destination::new(subject, offer, self.now())?;
        let others = tables.arriving.iter().filter(|(other, _)| *other != path);
        let (count, bytes) = others.fold((1, offer.total), |(n, bytes), (_, a)| (n + 1, bytes + a.total));
        if count > MAX_ARRIVING || bytes > MAX_ARRIVING_BYTES {
            let name = &self.name;
            let detail = format!(
                "{count} actors of {bytes} bytes would be on their way to node {name}; it takes {MAX_ARRIVING} of \
                 {MAX_ARRIVING_BYTES} bytes at once; try again"
            );
            return Err(refusal(Code::MailboxFull, detail));
        }
        let arriving = Arriving {
            machine,
            link: link.id(),
            total: offer.total,
            factory,
            prepared: None,
        };
        tables.arriving.insert(path.to_owned(), arriving);
        Ok(())
    }

    /// Waits until an actor on its way to here has come, or will not: its source may know before this node.
    pub(crate) async fn arrived(&self, path: &str) {
        let over = async {
            loop {
                let mut ended = std::pin::pin!(self.moves.arrivals.notified());
                ended.as_mut().enable();
                if !self.tables().arriving.contains_key(path) {
                    return;
                }
                ended.await;
            }
        };
        // An actor that takes longer is not here, whoever asks.
        let _ = tokio::time::timeout(ARRIVAL, over).await;
    }

    pub(super) fn on_arriving_step(self: &Arc<Self>, link: &LinkEnd, path: &str, step: &v1::Move) {
        let (now, from) = (self.now(), link.peer());
        self.arriving(path, |arriving, out| {
            if from.as_deref() == Some(&arriving.machine.subject().source) {
                arriving.machine.receive(step, now, out);
            }
        });
    }

    /// Brings an event to the machine of an actor on its way, and carries out what it says.
    fn arriving(self: &Arc<Self>, path: &str, event: impl FnOnce(&mut Arriving, &mut Vec<Action>)) {
        let mut out = Vec::new();
        // One at a time: who comes second finds done what the first has begun, an actor that runs above all.
        let _turn = lock(&self.moves.turn);
        let (mut prepared, link, source) = {
            let mut tables = self.tables();
            let Some(arriving) = tables.arriving.get_mut(path) else {
                return;
            };
            event(arriving, &mut out);
            let (link, source) = (arriving.link, arriving.machine.subject().source.clone());
            let over = arriving.machine.is_over();
            (over.then(|| arriving.prepared.take()).flatten(), link, source)
        };
        for action in out {
            match action {
                Action::Send(step) => {
                    let link = self.link(link).or_else(|| self.link_to(&source));
                    // Without a link the source sees that itself.
                    let _ = link.map(|l| l.send_move(step));
                }
                Action::Load(bytes) => self.load(path, bytes),
                Action::Activate => prepared.take().into_iter().for_each(|p| self.activate(p)),
                Action::Drop(why) => self.log(
                    Level::Info,
                    About::actor(&format!("ab:///{path}")),
                    format!("it did not move to here: {why}"),
                ),
                Action::Poll => self.poll_home(path),
                // The source's.
                Action::Swap | Action::Stay { .. } | Action::Raise | Action::Leave { .. } => {}
            }
        }
        // Only now: whoever waits for it finds its cell.
        let mut tables = self.tables();
        if tables.arriving.get(path).is_some_and(|a| a.machine.is_over()) {
            tables.arriving.remove(path);
            drop(tables);
            self.moves.arrivals.notify_waiters();
        }
    }

    /// Loads in a task of its own: the actor's code must not hold up the link's reader.
    fn load(self: &Arc<Self>, path: &str, bytes: Bytes) {
        let (node, path) = (self.clone(), path.to_owned());
        let task = async move {
            let found = node.tables().arriving.get(&path).map(|a| {
                let subject = a.machine.subject().clone();
                (subject, a.machine.sha256().clone(), a.factory.clone())
            });
            let Some((subject, sha256, factory)) = found else {
                return;
            };
            let loaded = node.load_now(&subject, &sha256, factory, &bytes);
            node.arriving(&path, |arriving, out| {
                // Not if its source has offered another state meanwhile.
                if arriving.machine.subject().epoch == subject.epoch && *arriving.machine.sha256() == sha256 {
                    let result = loaded.map(|prepared| arriving.prepared = Some(prepared));
                    arriving.machine.loaded(result, out);
                }
            });
        };
        self.tasks.spawn_on(task, &self.handle);
    }

    fn load_now(&self, subject: &Subject, sha256: &Bytes, factory: Factory, bytes: &[u8]) -> Result<Prepared, Refusal> {
        let (snapshot, stored) = Snapshot::read_hashed(&subject.actor, bytes).map_err(|e| refusal_of(&e))?;
        if snapshot.actor != subject.actor || snapshot.epoch + 1 != subject.epoch || stored != *sha256 {
            let detail = "the snapshot that came is not the one that was offered";
            return Err(refusal(Code::Undecodable, detail));
        }
        let home = snapshot.capsule.home.clone();
        let how = As {
            epoch: subject.epoch,
            home: if home.is_empty() { subject.source.clone() } else { home },
            came_by_move: true,
        };
        self.prepare(snapshot, factory, &how)
    }

    /// The actor lives here from now on. Its link's reader waits meanwhile, so that what is forwarded comes after it.
    fn activate(self: &Arc<Self>, prepared: Prepared) {
        let cell = prepared.cell.clone();
        self.cells
            .write()
            .unwrap_or_else(|e| e.into_inner())
            .insert(cell.clone());
        self.forget(cell.path());
        // Watchers here need no link to it any more.
        for list in lock(&self.watches).values_mut() {
            list.retain(|(actor, _)| actor != cell.address.as_str());
        }
        self.run(prepared);
    }

    fn poll_home(self: &Arc<Self>, path: &str) {
        let home = {
            let tables = self.tables();
            let prepared = tables.arriving.get(path).and_then(|a| a.prepared.as_ref());
            prepared.map(|p| p.cell.home(self).to_owned())
        };
        let Some(home) = home else { return };
        let (node, path) = (self.clone(), path.to_owned());
        let task = async move {
            if let Some((owner, epoch)) = node.ask_home(&home, &path).await {
                node.arriving(&path, |arriving, out| arriving.machine.polled(&owner, epoch, out));
            }
        };
        self.tasks.spawn_on(task, &self.handle);
    }

    pub(crate) fn moves_link_down(self: &Arc<Self>, link: u64) {
        let now = self.now();
        for path in self.arriving_paths(|a| a.link == link) {
            self.arriving(&path, |arriving, out| arriving.machine.link_down(now, out));
        }
    }

    pub(crate) fn moves_tick(self: &Arc<Self>) {
        let now = self.now();
        for path in self.arriving_paths(|_| true) {
            self.arriving(&path, |arriving, out| arriving.machine.tick(now, out));
        }
    }

    fn arriving_paths(&self, which: impl Fn(&Arriving) -> bool) -> Vec<String> {
        let tables = self.tables();
        let paths = tables
            .arriving
            .iter()
            .filter(|(_, a)| which(a))
            .map(|(path, _)| path.clone());
        paths.collect()
    }
}
