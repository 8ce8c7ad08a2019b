//! How cells come to be, are watched, and end: children before parents.

use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::{self, Code, Effect, Phase};

use crate::actor::{Boxed, Factory, Options, matches};
use crate::address::{Address, SYSTEM};
use crate::cell::{Cell, Offer, TimerEntry};
use crate::error::Error;
use crate::logs::{About, Level};
use crate::moves::As;
use crate::node::{Inner, Target, lock, terminated};
use crate::panics::{Panic, catching};
use crate::snapshot::Snapshot;
use crate::traces::Chain;

/// Most actors that may watch one actor.
const MAX_WATCHERS: usize = 65_536;
/// Most actors of which a node remembers that they panicked too often.
const MAX_FALLEN: usize = 1024;
/// Why a message that an actor held is refused when it stops.
pub(crate) const STOPPED_BEFORE: &str = "it stopped before it came to this message";
/// How long a watch waits for an actor on its way.
const WATCH: Duration = Duration::from_secs(5);

impl Inner {
    pub(crate) async fn watch(
        self: &Arc<Self>,
        other: &Address,
        watcher: &Address,
        unwatch: bool,
    ) -> Result<(), Error> {
        let host = match self.watched(other).await? {
            Target::Cell(cell) => return self.watch_here(&cell, other, watcher, unwatch),
            Target::Link(link) => link,
            Target::Beyond(..) => {
                let detail = "an actor is not watched through a relay; link the two nodes";
                return Err(Error::new(Code::Unavailable, other.as_str(), detail));
            }
        };
        let peer = host.peer().unwrap_or_default();
        let path = other.path().to_owned();
        let request = v1::WatchRequest {
            path,
            watcher: watcher.as_str().to_owned(),
            unwatch,
        };
        let system = Address::pinned(&peer, SYSTEM)?;
        self.ask(
            self.itself(),
            &system,
            &request,
            Duration::from_secs(5),
            Chain::default(),
            None,
        )
        .await?;
        let mut watches = lock(&self.watches);
        let list = watches.entry(host.id()).or_default();
        list.retain(|(actor, by)| actor != other.as_str() || by != watcher);
        if !unwatch {
            list.push((other.as_str().to_owned(), watcher.clone()));
        }
        Ok(())
    }

    /// Where an actor is that is to be watched: not on the way, where it would be lost that it is.
    async fn watched(self: &Arc<Self>, other: &Address) -> Result<Target, Error> {
        let until = tokio::time::Instant::now() + WATCH;
        loop {
            match self.resolve(other).await? {
                Target::Cell(cell) if cell.is_moving() => {}
                target => return Ok(target),
            }
            if tokio::time::Instant::now() >= until {
                return Err(Error::new(Code::Unavailable, other.as_str(), "it is being moved"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn watch_here(
        self: &Arc<Self>,
        cell: &Arc<Cell>,
        other: &Address,
        watcher: &Address,
        unwatch: bool,
    ) -> Result<(), Error> {
        let mut state = cell.lock();
        if unwatch {
            state.extra_mut().watchers.remove(watcher.as_str());
        } else if state.phase == Phase::Done {
            drop(state);
            self.notify(
                watcher,
                terminated(other.as_str(), Code::Stopped, "it had stopped before"),
            );
        } else if state.extra().watchers.len() >= MAX_WATCHERS && !state.extra().watchers.contains(watcher.as_str()) {
            let detail = format!("{MAX_WATCHERS} actors watch it already");
            return Err(Error::new(Code::MailboxFull, other.as_str(), detail));
        } else {
            state.extra_mut().watchers.insert(watcher.as_str().to_owned());
        }
        Ok(())
    }

    pub(crate) fn spawn_cell(
        self: &Arc<Self>,
        path: &str,
        factory: Factory,
        options: Options,
        parent: Option<Arc<Cell>>,
    ) -> Result<Arc<Cell>, Error> {
        let address = Address::logical(path)?;
        factory.protocol().check(address.as_str())?;
        self.knows(factory.protocol());
        let epoch = self.first_epoch(path)?;
        let cell = Cell::new(address, factory, options, parent, epoch);
        let cell = Arc::new(cell);
        let other = self.known_owner(path).filter(|owner| *owner != self.name);
        self.add_cell(&cell)?;
        if let Some(other) = other {
            self.take_back(&cell, &other);
        }
        cell.schedule(self, &mut cell.lock());
        Ok(cell)
    }

    /// Has what is sent here to the path of a spawned actor come to it, though an actor at another node got it before.
    fn take_back(&self, cell: &Arc<Cell>, other: &str) {
        let text = format!(
            "it is spawned at a path that node {other} was known to host; what is sent from here comes to it now"
        );
        self.log(Level::Warn, About::actor(cell.address.as_str()), text);
        self.outside.unroute(&cell.address);
        self.all_cells().iter().for_each(|c| c.unroute(&cell.address));
    }

    /// Spawns an actor from a snapshot, by the factory of its path.
    pub(crate) fn spawn_from(self: &Arc<Self>, snapshot: Snapshot) -> Result<Address, Error> {
        let address: Address = snapshot.actor.parse()?;
        let path = address.path();
        let no_factory = || Error::new(Code::NoSuchActor, path, format!("no factory matches {path}"));
        let factory = self.factory_for(path).ok_or_else(no_factory)?;
        let how = As {
            epoch: self.first_epoch(path)?.max(snapshot.epoch + 1),
            home: self.name.clone(),
            came_by_move: false,
        };
        let prepared = self.prepare(snapshot, factory, &how);
        let prepared = prepared.map_err(|r| Error::refused(address.as_str(), r))?;
        self.add_cell(&prepared.cell)?;
        self.run(prepared);
        Ok(address)
    }

    fn add_cell(&self, cell: &Arc<Cell>) -> Result<(), Error> {
        let path = cell.path();
        {
            let mut cells = self.cells.write().unwrap_or_else(|e| e.into_inner());
            if self.closing.is_cancelled() {
                return Err(Error::node_stopped(&self.name, cell.address.as_str()));
            }
            if cells.get(path).is_some() {
                return Err(Error::new(Code::AlreadyExists, cell.address.as_str(), ""));
            }
            if let Some(parent) = &cell.parent {
                let mut state = parent.lock();
                if state.phase != Phase::Running {
                    return Err(Error::new(
                        Code::Stopped,
                        parent.address.as_str(),
                        "it takes no more children",
                    ));
                }
                state.extra_mut().children.push(cell.clone());
            }
            cells.insert(cell.clone());
        }
        self.forget(path);
        lock(&self.fallen).remove(path);
        Ok(())
    }

    pub(crate) fn factory_for(&self, path: &str) -> Option<Factory> {
        self.factories
            .iter()
            .find(|(pattern, _)| matches(pattern, path))
            .map(|(_, f)| f.clone())
    }

    /// Stops a cell and its children, and waits until it is Done; `false` = its handler did not end in twice the grace time.
    pub(crate) async fn stop_cell(self: &Arc<Self>, cell: &Arc<Cell>, grace: Duration) -> bool {
        if cell.begin_stop(Code::Stopped, "") {
            return self.end_cell(cell, grace).await;
        }
        tokio::time::timeout(grace * 2, cell.done().cancelled()).await.is_ok()
    }

    /// The rest of a stop, once the cell is Stopping.
    pub(crate) fn end_cell<'a>(self: &'a Arc<Self>, cell: &'a Arc<Cell>, grace: Duration) -> Boxed<'a, bool> {
        Box::pin(async move {
            for message in cell.drain_mail() {
                self.refuse(&message, Code::Stopped, Effect::None, STOPPED_BEFORE);
                cell.release(self, message.permit);
            }
            let children = std::mem::take(&mut cell.lock().extra_mut().children);
            for child in &children {
                self.stop_cell(child, grace).await;
            }
            let mut ended = cell.wait_idle(grace).await;
            if !ended {
                cell.cancel().cancel();
                ended = cell.wait_idle(grace).await;
            }
            if ended {
                let actor = cell.with_actor(Option::take).flatten();
                if let Some(mut actor) = actor {
                    let hook = async move { actor.post_stop().await };
                    if let Err(Panic { text, stack }) = catching(hook, || {}).await {
                        self.log(
                            Level::Error,
                            About::actor(cell.address.as_str()),
                            format!("the stop hook panicked: {text}; {stack}"),
                        );
                    }
                }
            } else {
                let text =
                    "its handler ignores its cancelled token and does not end; nothing in this process can end it";
                self.log(Level::Error, About::actor(cell.address.as_str()), text.into());
            }
            cell.set_phase(Phase::Stopped);
            self.bury(cell);
            ended
        })
    }

    fn bury(self: &Arc<Self>, cell: &Arc<Cell>) {
        let (mail, watchers, (code, detail)) = cell.finish_stop();
        for message in mail {
            self.refuse(&message, Code::Stopped, Effect::None, "");
        }
        self.cells
            .write()
            .unwrap_or_else(|e| e.into_inner())
            .remove(cell.path());
        if code == Code::Panicked {
            let mut fallen = lock(&self.fallen);
            if fallen.len() >= MAX_FALLEN {
                fallen.clear();
            }
            fallen.insert(cell.path().to_owned(), detail.clone());
        }
        // Their senders resolve the address again: another actor may have it by then.
        let streams: Vec<_> = cell.lock().pool.streams().map(|(key, _)| key).collect();
        for key in streams {
            let link = self
                .links
                .read()
                .unwrap_or_else(|e| e.into_inner())
                .get(&key.link)
                .cloned();
            link.iter().for_each(|l| l.reset(key, Code::Stopped, None));
        }
        self.free_owner(cell);
        if let Some(parent) = &cell.parent {
            parent.lock().extra_mut().children.retain(|c| !Arc::ptr_eq(c, cell));
        }
        for watcher in watchers.iter().filter_map(|w| w.parse::<Address>().ok()) {
            self.notify(&watcher, terminated(cell.address.as_str(), code, &detail));
        }
        cell.is_over();
    }

    pub(crate) fn start_timer(self: &Arc<Self>, cell: &Arc<Cell>, name: &str, entry: TimerEntry) {
        let (at, message, stop) = (entry.at, entry.message.clone(), entry.stop.clone());
        if let Some(old) = cell.lock().extra_mut().timers.insert(name.to_owned(), entry) {
            old.stop.cancel();
        }
        let (node, cell, name) = (self.clone(), cell.clone(), name.to_owned());
        let task = async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(at) => {
                    if cell.timer_is_due(&name, &stop) && cell.offer_forced(&node, message) != Offer::Taken {
                        node.log(Level::Info, About::actor(cell.address.as_str()), format!("timer {name} found its actor stopped"));
                    }
                }
            }
        };
        self.tasks.spawn_on(task, &self.handle);
    }
}
