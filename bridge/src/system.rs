//! The actor `/system` that every node has: what must work over all doors is a message to it.

use std::sync::Weak;
use std::time::Duration;

use actorbridge_proto::v1::{self, Code};

use crate::actor::{Actor, Options};
use crate::address::{Address, SYSTEM};
use crate::context::Cx;
use crate::error::{Error, Fault};
use crate::message::Message;
use crate::node::Inner;

/// Most actors in one ListReply; ask with a longer prefix for the others.
const MAX_LISTED: usize = 500;

pub(crate) struct System(pub(crate) Weak<Inner>);

fn refused(error: &Error) -> Fault {
    Fault::new(error.code(), format!("{}: {}", error.target(), error.detail()))
}

fn is_reserved(path: &str) -> bool {
    path == SYSTEM || path.starts_with("system/")
}

impl Actor for System {
    async fn receive(&mut self, cx: &mut Cx, message: &Message) -> Result<(), Fault> {
        let node = self
            .0
            .upgrade()
            .ok_or_else(|| Fault::new(Code::Stopped, "this node is gone"))?;
        let missing = |path: &str| Fault::new(Code::NoSuchActor, format!("{path} is not on node {}", node.name));
        match message.type_name().strip_prefix("actorbridge.v1.").unwrap_or("") {
            "SpawnRequest" => {
                let request: v1::SpawnRequest = message.decode()?;
                if is_reserved(&request.path) {
                    return Err(Fault::new(Code::Forbidden, "paths below /system are reserved"));
                }
                let no_factory = || Fault::new(Code::NoSuchActor, format!("no factory matches {}", request.path));
                let factory = node.factory_for(&request.path).ok_or_else(no_factory)?;
                let options = options_of(&request);
                let cell = node
                    .spawn_cell(&request.path, factory, options, None)
                    .map_err(|e| refused(&e))?;
                cx.reply(&v1::SpawnReply {
                    actor: cell.address.as_str().to_owned(),
                    epoch: 1,
                })
            }
            "StopRequest" => {
                let request: v1::StopRequest = message.decode()?;
                if is_reserved(&request.path) {
                    return Err(Fault::new(Code::Forbidden, "/system stops with its node"));
                }
                let cell = node.cell(&request.path).ok_or_else(|| missing(&request.path))?;
                let grace = if request.grace_ms == 0 { 5_000 } else { request.grace_ms };
                let responder = cx.take_responder()?;
                let stopping = node.clone();
                let task = async move {
                    match stopping.stop_cell(&cell, Duration::from_millis(u64::from(grace))).await {
                        true => responder.reply(&v1::StopReply {}),
                        false => responder.fail(&Fault::new(Code::HandlerTimeout, "its handler does not end")),
                    }
                };
                node.tasks.spawn_on(task, &node.handle);
                Ok(())
            }
            "ListRequest" => {
                let request: v1::ListRequest = message.decode()?;
                let mut cells = node.all_cells();
                cells.retain(|c| c.path.starts_with(&request.prefix) && !is_reserved(&c.path));
                cells.sort_by(|a, b| a.path.cmp(&b.path));
                let actors = cells.iter().take(MAX_LISTED).map(|c| c.info()).collect();
                cx.reply(&v1::ListReply { actors })
            }
            "FindRequest" => {
                let request: v1::FindRequest = message.decode()?;
                let cell = node.cell(&request.path).ok_or_else(|| missing(&request.path))?;
                let epoch = cell.lock().epoch;
                cx.reply(&v1::FindReply {
                    owner: node.name.clone(),
                    epoch,
                })
            }
            "WatchRequest" => {
                let request: v1::WatchRequest = message.decode()?;
                let invalid = |e: Error| refused(&e);
                let watcher: Address = request.watcher.parse().map_err(invalid)?;
                let other = Address::pinned(&node.name, &request.path).map_err(invalid)?;
                node.watch(&other, &watcher, request.unwatch).await.map_err(invalid)?;
                cx.reply(&v1::WatchReply {})
            }
            _ => Err(Fault::unsupported(message.type_name())),
        }
    }
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
