//! Relays: what a node does for nodes that have no link, and what it lets others do.

use super::Builder;

impl Builder {
    /// Passes on what its peers send to other nodes that it has a link with, or a route to, and the answers. Default: it refuses
    /// that with FORBIDDEN. The receiver must accept this node as a relay ([`Self::accept_relay`]), and the sender needs a
    /// [`Self::route`]. See docs/RELAYS.md.
    #[must_use]
    pub fn allow_relay(mut self) -> Self {
        self.relays.allowed = true;
        self
    }

    /// Reaches `node`, while it has no link with it, by way of the relay `via`, which it has a link with.
    #[must_use]
    pub fn route(mut self, node: &str, via: &str) -> Self {
        self.relays.routes.insert(node.to_owned(), via.to_owned());
        self
    }

    /// Takes messages that the node `relay` passes on, from whichever nodes and actors it says: it is trusted to have checked
    /// that. Default: they are refused with FORBIDDEN.
    #[must_use]
    pub fn accept_relay(mut self, relay: &str) -> Self {
        self.relays.accepted.insert(relay.to_owned());
        self
    }
}
