//! What most actors at rest have never needed: it is made when it is.

use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

use super::Cell;
use crate::address::Address;
use crate::node::Inner;
use crate::outlet::Sender;

#[derive(Default)]
pub(super) struct Lazy {
    /// Who keeps the actor's owner cell, if it is not this node.
    home: OnceLock<String>,
    sender: OnceLock<Sender>,
    cancel: OnceLock<CancellationToken>,
    done: OnceLock<CancellationToken>,
}

impl Cell {
    fn lazy(&self) -> &Lazy {
        self.lazy.get_or_init(Box::default)
    }

    /// Another node keeps the actor's owner cell: call it before the cell is known to anyone.
    pub(crate) fn set_home(&self, home: String) {
        let _ = self.lazy().home.set(home);
    }

    /// Node name: who keeps the actor's owner cell.
    pub(crate) fn home<'a>(&'a self, node: &'a Inner) -> &'a str {
        let home = self.lazy.get().and_then(|lazy| lazy.home.get());
        home.map_or(&node.name, String::as_str)
    }

    /// As whom the actor sends.
    pub(crate) fn sender(&self, node: &Inner) -> &Sender {
        let make = || {
            Sender::new(
                self.address.as_str().to_owned(),
                format!("ab://{}/{}", node.name, self.path()),
                &node.working.tenant,
            )
        };
        self.lazy().sender.get_or_init(make)
    }

    /// Trips when the grace time of a stop is over.
    pub(crate) fn cancel(&self) -> &CancellationToken {
        self.lazy().cancel.get_or_init(CancellationToken::new)
    }

    /// Trips when nothing of the actor is left here.
    pub(crate) fn done(&self) -> &CancellationToken {
        self.lazy().done.get_or_init(CancellationToken::new)
    }

    /// Is nothing of the actor left here?
    pub(crate) fn is_done(&self) -> bool {
        let done = self.lazy.get().and_then(|lazy| lazy.done.get());
        done.is_some_and(CancellationToken::is_cancelled)
    }

    /// Has the actor resolve an address again; see [`Sender::unroute`].
    pub(crate) fn unroute(&self, to: &Address) {
        let sender = self.lazy.get().and_then(|lazy| lazy.sender.get());
        sender.iter().for_each(|sender| sender.unroute(to));
    }

    /// Nothing of the actor is left here: who waits for that goes on, and it sends nothing more.
    pub(crate) fn is_over(&self) {
        let sender = self.lazy.get().and_then(|lazy| lazy.sender.get());
        sender.iter().for_each(|sender| sender.clear());
        self.cancel().cancel();
        self.done().cancel();
    }
}
