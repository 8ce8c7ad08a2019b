//! Moves and snapshots.

use std::time::Duration;

use actorbridge_proto::v1::MoveToReply;

use super::Node;
use crate::address::Ref;
use crate::error::Error;
use crate::snapshot::Snapshot;

impl Node {
    /// Moves an actor to the node named `to`, wherever it lives now: with its state, its mail, its timers, watchers and
    /// pending requests. Its logical address stays. Its running handler may take `freeze` to end; meanwhile and until the
    /// move is over it starts no other, and those who send to it wait.
    ///
    /// # Errors
    /// At which step it failed, and why; the actor goes on where it was. HANDLER_TIMEOUT: its handler did not end in time.
    /// INVALID_ARGUMENT: it has no snapshot, or children, or is there already, or `to` is empty. UNAVAILABLE: no link to that
    /// node is up.
    /// UNSUPPORTED_VERSION: its state is newer than that node reads, and no [`downcast`](crate::downcast) makes it older.
    pub async fn move_to(&self, actor: &Ref, to: &str, freeze: Duration) -> Result<MoveToReply, Error> {
        self.inner.move_to(actor, to, freeze, true).await
    }

    /// Takes a snapshot of an actor of this node, between two messages; the actor goes on.
    ///
    /// # Errors
    /// NO_SUCH_ACTOR; INVALID_ARGUMENT: it has no snapshot to show; HANDLER_TIMEOUT: its handler did not end in 2 s.
    pub async fn snapshot(&self, actor: &Ref) -> Result<Snapshot, Error> {
        self.inner.snapshot(actor.path()).await
    }

    /// Spawns the actor of a snapshot, by the factory of its path. It gets its state and timers back; its requests that
    /// waited for an answer get OUTCOME_UNKNOWN.
    ///
    /// # Errors
    /// ALREADY_EXISTS; NO_SUCH_ACTOR: no factory matches its path; what its restore says of the state.
    pub fn restore(&self, snapshot: Snapshot) -> Result<Ref, Error> {
        self.inner.spawn_from(snapshot)
    }
}
