//! The actor `/system` that every node has: what must work over all doors is a message to it.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actorbridge_proto::v1::{self, Code};

use tokio::sync::Semaphore;

use crate::actor::{Actor, Options};
use crate::address::{Address, is_reserved};
use crate::context::Cx;
use crate::error::{Error, Fault};
use crate::message::{Message, Payload, Permit};
use crate::moves::PASSED_ON;
use crate::node::Inner;
use crate::tap::Tapping;

/// Most actors in one ListReply; ask with a longer prefix for the others.
const MAX_LISTED: usize = 500;
/// Most requests that are answered later at once.
const MAX_LATER: usize = 1_024;
/// Most bytes of a snapshot that is sent as a reply.
const MAX_SNAPSHOT_REPLY: usize = 60 << 10;
/// How long a move waits for the running handler, unless the request says otherwise.
pub(crate) const FREEZE_MS: u32 = 2_000;
/// How long a stop waits for it.
const GRACE_MS: u32 = 5_000;

pub(crate) struct System {
    node: Weak<Inner>,
    /// What is answered later.
    later: Arc<Semaphore>,
}

impl System {
    pub(crate) fn new(node: Weak<Inner>) -> Self {
        let later = Arc::new(Semaphore::new(MAX_LATER));
        Self { node, later }
    }

    /// Answers when `work` is done: `/system` goes on meanwhile.
    fn answer_later<T: Payload>(
        &self,
        node: &Arc<Inner>,
        cx: &Cx,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<(), Fault> {
        let full = |_| {
            Fault::new(
                Code::MailboxFull,
                format!("{MAX_LATER} requests to this node wait already"),
            )
        };
        let permit = self.later.clone().try_acquire_owned().map_err(full)?;
        let responder = cx.take_responder()?;
        let task = async move {
            match work.await {
                Ok(reply) => drop(responder.reply(&reply)),
                Err(fault) => responder.fail(&fault),
            }
            drop(permit);
        };
        node.tasks.spawn_on(task, &node.handle);
        Ok(())
    }
}

fn refused(error: &Error) -> Fault {
    Fault::new(error.code(), format!("{}: {}", error.target(), error.detail()))
}

impl Actor for System {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let node = self
            .node
            .upgrade()
            .ok_or_else(|| Fault::new(Code::Stopped, "this node is gone"))?;
        let missing = |path: &str| Fault::new(Code::NoSuchActor, format!("{path} is not on node {}", node.name));
        match message.type_name().strip_prefix("actorbridge.v1.").unwrap_or("") {
            "SpawnRequest" => cx.reply(&spawn(&node, &message.decode()?)?),
            "StopRequest" => {
                let request: v1::StopRequest = message.decode()?;
                if is_reserved(&request.path) {
                    return Err(Fault::new(Code::Forbidden, "/system stops with its node"));
                }
                let cell = node.cell(&request.path).ok_or_else(|| missing(&request.path))?;
                let grace = or(request.grace_ms, GRACE_MS);
                let stopping = node.clone();
                self.answer_later(&node, cx, async move {
                    match stopping.stop_cell(&cell, Duration::from_millis(u64::from(grace))).await {
                        true => Ok(v1::StopReply {}),
                        false => Err(Fault::new(Code::HandlerTimeout, "its handler does not end")),
                    }
                })
            }
            "ListRequest" => {
                let request: v1::ListRequest = message.decode()?;
                let mut cells = node.all_cells();
                cells.retain(|c| c.path().starts_with(&request.prefix) && !is_reserved(c.path()));
                cells.sort_by(|a, b| a.path().cmp(b.path()));
                let actors = cells.iter().take(MAX_LISTED).map(|c| c.info()).collect();
                cx.reply(&v1::ListReply { actors })
            }
            "StatusRequest" => cx.reply(&node.status(&message.decode()?)),
            "TapRequest" => {
                let tapping = Tapping::begin(&node, message.decode()?)?;
                let responder = cx.take_responder()?;
                node.tasks.spawn_on(tapping.tell(node.clone(), responder), &node.handle);
                Ok(())
            }
            "FindRequest" => {
                let request: v1::FindRequest = message.decode()?;
                let (owner, epoch) = node.owner_of(&request.path).ok_or_else(|| missing(&request.path))?;
                cx.reply(&v1::FindReply { owner, epoch })
            }
            "SnapshotRequest" => {
                let request: v1::SnapshotRequest = message.decode()?;
                let taking = node.clone();
                self.answer_later(&node, cx, async move { snapshot(&taking, &request.path).await })
            }
            "MoveToRequest" => {
                let request: v1::MoveToRequest = message.decode()?;
                let actor = Address::logical(&request.path).map_err(|e| refused(&e))?;
                let may_pass_on = !message.ask_path().contains(&Address::hash_of_path(PASSED_ON));
                let moving = node.clone();
                self.answer_later(&node, cx, async move {
                    let freeze = Duration::from_millis(u64::from(or(request.freeze_ms, FREEZE_MS)));
                    let moved = moving.move_to(&actor, &request.destination, freeze, may_pass_on).await;
                    moved.map_err(|e| refused(&e))
                })
            }
            "OwnerSwapRequest" => {
                let request: v1::OwnerSwapRequest = message.decode()?;
                let from = message.who.reply_to.parse::<Address>().ok();
                cx.reply(&node.on_owner_swap(request, from.as_ref().and_then(Address::node)))
            }
            "EventCredit" => {
                if let Permit::Stream { key, .. } = message.permit {
                    node.event_credit(key.link, &message.decode()?);
                }
                Ok(())
            }
            "WatchRequest" => {
                let request: v1::WatchRequest = message.decode()?;
                let invalid = |e: Error| refused(&e);
                let watcher: Address = request.watcher.parse().map_err(invalid)?;
                let other = Address::pinned(&node.name, &request.path).map_err(invalid)?;
                let watching = node.clone();
                self.answer_later(&node, cx, async move {
                    let watched = watching.watch(&other, &watcher, request.unwatch).await;
                    watched.map(|()| v1::WatchReply {}).map_err(|e| refused(&e))
                })
            }
            _ => Err(Fault::unsupported(message.type_name())),
        }
    }
}

/// What was asked for, or what holds where nothing was.
fn or(asked: u32, usual: u32) -> u32 {
    if asked == 0 { usual } else { asked }
}

fn spawn(node: &Arc<Inner>, request: &v1::SpawnRequest) -> Result<v1::SpawnReply, Fault> {
    if is_reserved(&request.path) {
        return Err(Fault::new(Code::Forbidden, "paths below /system are reserved"));
    }
    Address::logical(&request.path).map_err(|e| refused(&e))?;
    let no_factory = || Fault::new(Code::NoSuchActor, format!("no factory matches {}", request.path));
    let factory = node.factory_for(&request.path).ok_or_else(no_factory)?;
    let spawned = node.spawn_cell(&request.path, factory, options_of(request), None);
    let cell = spawned.map_err(|e| refused(&e))?;
    let (actor, epoch) = (cell.address.as_str().to_owned(), cell.lock().epoch);
    Ok(v1::SpawnReply { actor, epoch })
}

async fn snapshot(node: &Arc<Inner>, path: &str) -> Result<v1::SnapshotReply, Fault> {
    let taken = node.snapshot(path).await.map_err(|e| refused(&e))?;
    let (snapshot, info) = taken.to_bytes();
    if snapshot.len() > MAX_SNAPSHOT_REPLY {
        let detail = format!(
            "the snapshot has {} bytes, over what a message holds; take it at its node",
            snapshot.len()
        );
        return Err(Fault::new(Code::TooLarge, detail));
    }
    Ok(v1::SnapshotReply {
        snapshot,
        info: Some(info),
    })
}

fn options_of(request: &v1::SpawnRequest) -> Options {
    let default = Options::default();
    let or = |value: u32, default: u32| if value == 0 { default } else { value };
    Options {
        mailbox: or(request.mailbox, default.mailbox),
        max_restarts: or(request.max_restarts, default.max_restarts),
        window: match request.restart_window_ms {
            0 => default.window,
            ms => Duration::from_millis(u64::from(ms)),
        },
    }
}
