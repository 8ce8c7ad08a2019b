//! The actors that cases send to. Each is the same as the one of its name in `compat-tests/go/actors`.
//!
//! - [`counter`]: state that moves. [`echo`]: answers, or does not. [`gate`]: handlers that wait until they are let go.
//! - [`relay`]: actors that ask, forward, spawn and watch.

pub mod counter;
pub mod echo;
pub mod gate;
pub mod relay;

use std::sync::Arc;

use actorbridge::{Actor, Builder, Cx, Fault, Message};

use crate::driver::Driver;
use crate::testpb::{Drive, Driven};

/// Adds every test actor's factory to a node. `here-…` and `there-…` nodes differ in one: only the latter have
/// `only-there/*`.
pub fn install(builder: Builder, node: &str) -> Builder {
    let builder = builder
        .factory("counter/*", counter::Counter::default)
        .factory("bad-restore/*", counter::BadRestore::default)
        .factory("echo/*", || echo::Echo)
        .factory("silent/*", || echo::Silent)
        .factory("mirror/*", || echo::Mirror)
        .factory("hold/*", gate::Hold::default)
        .factory("gate", || gate::Gate)
        .factory("through/*", || relay::Through)
        .factory("forward/*", relay::Forward::default)
        .factory("parent/*", relay::Parent::new)
        .factory("watcher/*", relay::Watcher::default);
    match node.starts_with("there") {
        true => builder.factory("only-there/*", counter::Counter::default),
        false => builder,
    }
}

/// Keeps the output free of panics that a case asks for.
pub fn hide_planned_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<String>().map_or("", String::as_str);
        if !text.starts_with("planned:") {
            usual(info);
        }
    }));
}

/// Runs an order at the node that hosts it: how the runner reaches a node inside another language's process.
pub struct Remote(pub Arc<Driver>);

impl Actor for Remote {
    async fn receive(&mut self, cx: &mut Cx, message: &Message) -> Result<(), Fault> {
        let drive: Drive = message.decode()?;
        let order =
            serde_json::from_str(&drive.operation).map_err(|e| Fault::app("NOT_AN_ORDER").message(e.to_string()))?;
        let (driver, responder) = (self.0.clone(), cx.take_responder()?);
        tokio::spawn(async move {
            let answer = driver.carry_out(order).await;
            responder.reply(&Driven {
                answer: serde_json::to_string(&answer).unwrap_or_default(),
            });
        });
        Ok(())
    }
}
