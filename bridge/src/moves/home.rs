//! Owner cells: the node that first spawned an actor says who owns it, and every change is a compare-and-swap there.

use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::{self, Code};

use crate::address::{Address, SYSTEM};
use crate::cell::Cell;
use crate::error::Error;
use crate::node::Inner;
use crate::traces::Chain;

/// How long an actor's home may take to answer.
const HOME: Duration = Duration::from_secs(2);

/// An owner's node and epoch.
pub(super) type Owner = (String, u64);

impl Inner {
    /// Who owns the actor at `path`, as far as this node knows without asking.
    pub(crate) fn owner_of(&self, path: &str) -> Option<Owner> {
        if let Some(cell) = self.cell(path) {
            return Some((self.name.clone(), cell.lock().epoch));
        }
        let tables = self.tables();
        if let Some((owner, epoch)) = tables.owners.get(path).cloned() {
            // It was taken back of a node that has gone with it: nobody has it.
            let gone = owner == self.name && !tables.arriving.contains_key(path);
            return Some((owner, epoch)).filter(|_| !gone);
        }
        Some(tables.left.get(path)?.last()?.next.clone())
    }

    /// What the owner cell says, if this node is the actor's home.
    pub(super) fn owner_cell(&self, path: &str) -> Option<Owner> {
        let recorded = self.tables().owners.get(path).cloned();
        recorded.or_else(|| {
            let cell = self.cell(path).filter(|c| c.home(self) == self.name)?;
            Some((self.name.clone(), cell.lock().epoch))
        })
    }

    fn swap_here(&self, path: &str, expected: &Owner, wanted: Owner) -> Option<(bool, Owner)> {
        let spawned_here = self.owner_cell(path);
        let mut tables = self.tables();
        let present = tables.owners.get(path).cloned().or(spawned_here)?;
        if present == wanted {
            return Some((true, present));
        }
        if present != *expected {
            return Some((false, present));
        }
        if wanted.0.is_empty() {
            tables.owners.remove(path);
            drop(tables);
            self.forget(path);
        } else {
            tables.owners.insert(path.to_owned(), wanted.clone());
        }
        Some((true, wanted))
    }

    /// Another node's request to this one, an actor's home. Only the present owner may ask for it.
    pub(crate) fn on_owner_swap(&self, request: v1::OwnerSwapRequest, from: Option<&str>) -> v1::OwnerSwapReply {
        let expected = (request.expected_owner, request.expected_epoch);
        if from != Some(&expected.0) {
            let (owner, epoch) = self.owner_cell(&request.path).unwrap_or_default();
            let code = Code::Forbidden as i32;
            return v1::OwnerSwapReply {
                swapped: false,
                owner,
                epoch,
                code,
            };
        }
        let swapped = self.swap_here(&request.path, &expected, (request.owner, request.epoch));
        let known = swapped.is_some();
        let (swapped, (owner, epoch)) = swapped.unwrap_or_default();
        let code = match (swapped, known) {
            (true, _) => Code::Ok,
            (false, true) => Code::Fenced,
            (false, false) => Code::NoSuchActor,
        };
        v1::OwnerSwapReply {
            swapped,
            owner,
            epoch,
            code: code as i32,
        }
    }

    /// Swaps the owner at the actor's home, and says who owns it after that; `None` = home did not answer.
    pub(super) async fn swap(self: &Arc<Self>, cell: &Cell, expected: Owner, wanted: Owner) -> Option<Owner> {
        if cell.home(self) == self.name {
            return self.swap_here(cell.path(), &expected, wanted).map(|(_, owner)| owner);
        }
        let request = v1::OwnerSwapRequest {
            path: cell.path().to_owned(),
            expected_owner: expected.0.clone(),
            expected_epoch: expected.1,
            owner: wanted.0,
            epoch: wanted.1,
        };
        let system = Address::pinned(cell.home(self), SYSTEM).ok()?;
        let reply = self
            .ask(self.itself(), &system, &request, HOME, Chain::default(), None)
            .await
            .ok()?;
        let reply: v1::OwnerSwapReply = reply.decode().ok()?;
        // A home that has lost its owner cell names nobody: then nobody but the present owner can have it.
        let unknown = reply.owner.is_empty() && !reply.swapped;
        Some(if unknown { expected } else { (reply.owner, reply.epoch) })
    }

    /// Who owns an actor, as its home says; `None` = home did not answer, or does not know.
    pub(super) async fn ask_home(self: &Arc<Self>, home: &str, path: &str) -> Option<Owner> {
        if home == self.name {
            return self.owner_cell(path);
        }
        let system = Address::pinned(home, SYSTEM).ok()?;
        let path = path.to_owned();
        let request = v1::FindRequest { path };
        let reply = self
            .ask(self.itself(), &system, &request, HOME, Chain::default(), None)
            .await
            .ok()?;
        let reply: v1::FindReply = reply.decode().ok()?;
        Some((reply.owner, reply.epoch))
    }

    /// An actor has stopped here: its address is free at its home.
    pub(crate) fn free_owner(self: &Arc<Self>, cell: &Arc<Cell>) {
        let (expected, gone) = {
            let epoch = cell.lock().epoch;
            ((self.name.clone(), epoch), (String::new(), epoch + 1))
        };
        if cell.home(self) == self.name {
            self.tables().owners.remove(cell.path());
            return;
        }
        let (node, cell) = (self.clone(), cell.clone());
        let task = async move { drop(node.swap(&cell, expected, gone).await) };
        self.tasks.spawn_on(task, &self.handle);
    }

    /// Another process of a node's name has come: the actors that had moved to the one before it are gone, and their addresses
    /// are here again.
    pub(crate) fn reclaim(&self, node: &str) {
        for owner in self.tables().owners.values_mut().filter(|(owner, _)| owner == node) {
            *owner = (self.name.clone(), owner.1 + 1);
        }
    }

    /// The epoch of an actor that is spawned here.
    ///
    /// # Errors
    /// ALREADY_EXISTS if it was spawned here before and lives elsewhere now, or is on its way to here.
    pub(crate) fn first_epoch(&self, path: &str) -> Result<u64, Error> {
        let tables = self.tables();
        let exists = |detail: String| Err(Error::new(Code::AlreadyExists, path, detail));
        if tables.arriving.contains_key(path) {
            return exists("it is moving to this node".into());
        }
        let Some((owner, epoch)) = tables.owners.get(path).cloned() else {
            return Ok(1);
        };
        drop(tables);
        if owner != self.name && self.link_to(&owner).is_some() {
            return exists(format!("it lives on node {owner}"));
        }
        self.tables().owners.remove(path);
        Ok(epoch + 1)
    }
}
