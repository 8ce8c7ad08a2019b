//! Actors that ask, forward, spawn and watch.

use std::time::Duration;

use actorbridge::proto::v1::{Code, Terminated};
use actorbridge::{Actor, Address, Cx, Fault, Message, Options};

use super::gate::note_stop;
use crate::testpb::{AskThrough, EchoReply, EchoRequest, ForwardTo, GetSeen, Lines, SpawnChild, WatchOther};

fn address(text: &str) -> Result<Address, Fault> {
    text.parse().map_err(Fault::from)
}

/// Asks others on behalf of its asker. Answers an EchoRequest itself.
pub struct Through;

impl Actor for Through {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<EchoRequest>() {
            let EchoRequest { text, data } = message.decode()?;
            return cx.reply(&EchoReply {
                text,
                data,
                language: "rust".into(),
            });
        }
        let mut ask: AskThrough = message.decode()?;
        let within = Duration::from_millis(if ask.timeout_ms == 0 {
            5_000
        } else {
            u64::from(ask.timeout_ms)
        });
        let reply: EchoReply = if ask.via.is_empty() {
            let request = EchoRequest {
                text: ask.text,
                ..EchoRequest::default()
            };
            cx.ask(&address(&ask.target)?, &request, within).await?
        } else {
            let first = address(&ask.via.remove(0))?;
            cx.ask(&first, &ask, within).await?
        };
        cx.reply(&reply)
    }
}

/// Passes every message on to where it was told.
#[derive(Default)]
pub struct Forward(Option<Address>);

impl Actor for Forward {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<ForwardTo>() {
            self.0 = Some(address(&message.decode::<ForwardTo>()?.target)?);
            return Ok(());
        }
        let target = self
            .0
            .clone()
            .ok_or_else(|| Fault::app("NO_TARGET").message("send a ForwardTo first"))?;
        cx.forward(&target).await.map_err(Fault::from)
    }
}

/// Spawns children, and remembers when it stops.
pub struct Parent {
    path: String,
}

/// A child of a [`Parent`], of which one knows only when it stopped.
struct Child(Parent);

impl Parent {
    /// A parent that has not started.
    pub fn new() -> Self {
        Self { path: String::new() }
    }
}

impl Default for Parent {
    fn default() -> Self {
        Self::new()
    }
}

impl Actor for Parent {
    async fn post_start(&mut self, cx: &Cx) -> Result<(), Fault> {
        self.path = cx.self_ref().path().to_owned();
        Ok(())
    }

    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let name = message.decode::<SpawnChild>()?.name;
        let child = cx
            .spawn(&name, || Child(Parent::new()), Options::default())
            .map_err(Fault::from)?;
        cx.reply(&Lines {
            line: vec![child.as_str().to_owned()],
        })
    }

    async fn post_stop(&mut self) {
        note_stop(&self.path);
    }
}

impl Actor for Child {
    async fn post_start(&mut self, cx: &Cx) -> Result<(), Fault> {
        self.0.post_start(cx).await
    }

    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        Err(Fault::unsupported(message.type_name()))
    }

    async fn post_stop(&mut self) {
        self.0.post_stop().await;
    }
}

/// Remembers what it is told about the actors that it watches.
#[derive(Default)]
pub struct Watcher(Vec<String>);

impl Actor for Watcher {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<GetSeen>() {
            return cx.reply(&Lines { line: self.0.clone() });
        }
        if message.is::<WatchOther>() {
            let target = address(&message.decode::<WatchOther>()?.target)?;
            cx.watch(&target).await.map_err(Fault::from)?;
            return cx.reply(&Lines::default());
        }
        let notice: Terminated = message.decode()?;
        let code = Code::try_from(notice.code).map_or("?", |c| c.as_str_name());
        self.0
            .push(format!("{} {}", code.trim_start_matches("CODE_"), notice.actor));
        Ok(())
    }
}
