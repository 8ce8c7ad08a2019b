//! The actors that cases send to. Each is the same as the one of its name in `compat-tests/peer-go/actors`.
//!
//! - [`counter`]: state that moves. [`echo`]: answers, or does not. [`gate`]: handlers that wait until they are let go.
//! - [`relay`]: actors that ask, forward, spawn and watch. [`ticker`]: one that answers by events.

pub mod counter;
pub mod echo;
pub mod gate;
pub mod relay;
pub mod ticker;

use actorbridge::Module;

/// Every test actor's factory. Only nodes named `there-…` have one for `only-there/*`.
pub fn module(node: &str) -> Module {
    let module = Module::new(node)
        .actor("counter/*", counter::Counter::default)
        .actor("bad-restore/*", counter::BadRestore::default)
        .actor("echo/*", || echo::Echo)
        .actor("silent/*", || echo::Silent)
        .actor("mirror/*", echo::Mirror::default)
        .actor("raw/*", echo::RawEcho::default)
        .actor("hold/*", gate::Hold::default)
        .actor("ticker/*", ticker::Ticker::default)
        .actor("gate", || gate::Gate)
        .actor("through/*", || relay::Through)
        .actor("forward/*", relay::Forward::default)
        .actor("parent/*", relay::Parent::new)
        .actor("watcher/*", relay::Watcher::default);
    match node.starts_with("there") {
        true => module.actor("only-there/*", counter::Counter::default),
        false => module,
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
