//! The Rust half of the native peer: the test actors, and the actor that takes the runner's orders for their node.

mod inline;
mod ledger;
mod runs;
mod teller;

use std::sync::Once;

use actorbridge::Module;
use compat_peer::{actors, lines};

/// The C ABI asks for the module without saying which node is opened, and the runner's orders must not travel over the link
/// under test: the Go half leaves the node's name and its socket in the environment.
fn module() -> Module {
    static HOOK: Once = Once::new();
    HOOK.call_once(actors::hide_planned_panics);
    let told = |what: &str| std::env::var(what).unwrap_or_default();
    let module = actors::module(&told("COMPAT_NODE"))
        .actor("ledger/*", ledger::Ledger::default)
        .actor("teller/*", teller::Teller::default)
        .actor("inline/*", inline::Inline::default)
        .actor("steps/*", runs::Steps::new)
        .actor("bursts/*", || runs::Bursts)
        .actor("clerk", || runs::Clerk);
    let socket = told("COMPAT_ORDERS");
    match socket.is_empty() {
        true => module,
        false => module.actor("orders", move || lines::Orders(socket.clone())),
    }
}

actorbridge_ffi::module!(module);
