//! The source's side of a move.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::Refusal;
use actorbridge_proto::v1::{self, Code, r#move::Step};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::refusal;
use crate::address::{Address, SYSTEM, is_reserved};
use crate::cell::Cell;
use crate::door::LinkEnd;
use crate::error::Error;
use crate::machine::mover::{Action, Source, Subject};
use crate::node::{Inner, Target};
use crate::snapshot::Snapshot;
use crate::traces::Chain;

const TICK: Duration = Duration::from_millis(20);
/// Steps of the destination that wait for the source.
const STEPS: usize = 16;
/// The longest that a handler may be waited for.
const LONGEST_FREEZE: Duration = Duration::from_secs(600);
/// What a node that hosts the actor may take beyond the freeze time.
const ELSEWHERE: Duration = Duration::from_secs(30);
/// How long a snapshot waits for the running handler.
const SNAPSHOT: Duration = Duration::from_secs(2);

struct Leaving {
    node: Arc<Inner>,
    cell: Arc<Cell>,
    link: Arc<LinkEnd>,
    machine: Source,
    report: v1::MoveToReply,
    began: Instant,
}

impl Inner {
    /// Moves an actor, wherever it lives, to a node that its present node is linked with. `may_pass_on`: ask its node, if it
    /// is not here.
    pub(crate) async fn move_to(
        self: &Arc<Self>,
        actor: &Address,
        destination: &str,
        freeze: Duration,
        may_pass_on: bool,
    ) -> Result<v1::MoveToReply, Error> {
        let freeze = freeze.min(LONGEST_FREEZE);
        let error = |code, detail: String| Error::new(code, actor.as_str(), detail);
        if is_reserved(actor.path()) {
            return Err(error(Code::Forbidden, "paths below /system do not move".into()));
        }
        self.arrived(actor.path()).await;
        let Some(cell) = self.cell(actor.path()) else {
            let missing = || error(Code::NoSuchActor, format!("it is not on node {}", self.name));
            if !may_pass_on {
                return Err(missing());
            }
            let link = match self.resolve(actor).await? {
                Target::Link(link) => link,
                Target::Cell(_) => return Err(missing()),
                Target::Beyond(..) => {
                    let detail = "an actor is not moved through a relay; ask its node for the move";
                    return Err(error(Code::Unavailable, detail.into()));
                }
            };
            let request = v1::MoveToRequest {
                path: actor.path().to_owned(),
                destination: destination.to_owned(),
                freeze_ms: u32::try_from(freeze.as_millis()).unwrap_or(u32::MAX),
            };
            let system = Address::pinned(&link.peer().unwrap_or_default(), SYSTEM)?;
            let path = &[Address::hash_of_path(PASSED_ON)];
            let chain = Chain { path, trace: None };
            let reply = self
                .ask(self.itself(), &system, &request, freeze + ELSEWHERE, chain, None)
                .await?;
            return reply.decode().map_err(|fault| error(fault.code, fault.text()));
        };
        let refused = |r| Error::refused(actor.as_str(), r);
        let link = self.may_leave(&cell, destination).map_err(refused)?;
        let node = self.clone();
        // A task of its own: a caller that stops waiting does not leave the actor frozen.
        let task = async move { Leaving::run(node, cell, link, freeze).await };
        let moved = self.tasks.spawn_on(task, &self.handle).await;
        moved.map_err(|e| error(Code::Panicked, e.to_string()))?
    }

    fn may_leave(&self, cell: &Cell, destination: &str) -> Result<Arc<LinkEnd>, Refusal> {
        if destination.is_empty() {
            let detail = "the move does not say to which node; name it".to_owned();
            return Err(refusal(Code::InvalidArgument, detail));
        }
        if destination == self.name {
            return Err(refusal(
                Code::InvalidArgument,
                format!("it is on node {destination} already"),
            ));
        }
        let no_link = || refusal(Code::Unavailable, format!("no link to node {destination} is up"));
        let link = self.link_to(destination).ok_or_else(no_link)?;
        if !link.can_move() {
            let detail = format!("node {destination} takes no moves; upgrade it");
            return Err(refusal(Code::UnsupportedKind, detail));
        }
        cell.may_move()?;
        Ok(link)
    }

    /// Takes a snapshot of an actor of this node, between two messages.
    pub(crate) async fn snapshot(self: &Arc<Self>, path: &str) -> Result<Snapshot, Error> {
        let missing = || Error::new(Code::NoSuchActor, path, format!("it is not on node {}", self.name));
        let cell = self.cell(path).filter(|_| path != SYSTEM).ok_or_else(missing)?;
        let (node, name) = (self.clone(), cell.address.as_str().to_owned());
        let task = async move {
            cell.freeze()?;
            let idle = cell.wait_idle(SNAPSHOT).await;
            let taken = if idle {
                cell.cut(&node, None)
            } else {
                Err(refusal(Code::HandlerTimeout, "its handler did not end in 2 s"))
            };
            cell.thaw(&node, None);
            cell.end_move();
            taken
        };
        let taken = self.tasks.spawn_on(task, &self.handle).await;
        let taken = taken.map_err(|e| Error::new(Code::Panicked, &name, e.to_string()))?;
        taken.map_err(|r| Error::refused(&name, r))
    }
}

/// Marks a MoveToRequest that was passed on by a node that did not host the actor, so that it is not passed on again.
pub(crate) const PASSED_ON: &str = "system/passed-on";

impl Leaving {
    async fn run(
        node: Arc<Inner>,
        cell: Arc<Cell>,
        link: Arc<LinkEnd>,
        freeze: Duration,
    ) -> Result<v1::MoveToReply, Error> {
        let name = cell.address.as_str().to_owned();
        let epoch = cell.freeze().map_err(|r| Error::refused(&name, r))? + 1;
        let destination = link.peer().unwrap_or_default();
        let subject = Subject {
            actor: name.clone(),
            epoch,
            source: node.name.clone(),
            destination: destination.clone(),
        };
        let freeze_ms = u64::try_from(freeze.as_millis()).unwrap_or(u64::MAX / 2);
        let report = v1::MoveToReply {
            from: node.name.clone(),
            to: destination,
            epoch,
            ..Default::default()
        };
        let (tx, steps) = mpsc::channel(STEPS);
        node.tables().leaving.insert(cell.path().to_owned(), tx);
        let machine = Source::new(subject, freeze_ms, node.now());
        let began = Instant::now();
        let mut leaving = Self {
            node,
            cell,
            link,
            machine,
            report,
            began,
        };
        let end = leaving.drive(steps, freeze).await;
        leaving.node.tables().leaving.remove(leaving.cell.path());
        leaving.cell.end_move();
        end.map_err(|r| Error::refused(&name, r))
    }

    async fn drive(
        &mut self,
        mut steps: mpsc::Receiver<v1::Move>,
        freeze: Duration,
    ) -> Result<v1::MoveToReply, Refusal> {
        let (cell, link) = (self.cell.clone(), self.link.clone());
        let mut idle = std::pin::pin!(cell.wait_idle(freeze * 2 + TICK));
        let (mut waits, mut up) = (true, true);
        loop {
            let mut out = Vec::new();
            let now = self.node.now();
            tokio::select! {
                ended = &mut idle, if waits => {
                    waits = false;
                    if ended {
                        self.cut(&mut out);
                    }
                }
                Some(step) = steps.recv() => self.machine.receive(&step, &mut out),
                () = link.down.cancelled(), if up => {
                    up = false;
                    self.machine.link_down(&link.fate().unwrap_or_default(), &mut out);
                }
                () = tokio::time::sleep(TICK) => self.machine.tick(now, &mut out),
            }
            if !self.cell.is_running() {
                let why = refusal(Code::Stopped, "it stopped while it was being moved");
                self.machine.refuse(why, &mut out);
            }
            if let Some(end) = self.carry_out(out).await {
                return end;
            }
        }
    }

    fn cut(&mut self, out: &mut Vec<Action>) {
        let snapshot = match self.cell.cut(&self.node, Some(&self.link)) {
            Ok(snapshot) => snapshot,
            Err(why) => return self.machine.refuse(why, out),
        };
        let (bytes, info) = snapshot.to_bytes();
        self.report.stashed = u32::try_from(snapshot.capsule.held.len()).unwrap_or(u32::MAX);
        self.report.state_bytes = snapshot.state.bytes.len() as u64;
        let offer = v1::Offer {
            r#type: info.r#type,
            state_version: info.version,
            codec: "protobuf".into(),
            total: info.size,
            sha256: info.sha256,
            meta: None,
        };
        let chunk = self.link.chunk_bytes();
        self.machine.cut(offer, &bytes, chunk, self.node.now(), out);
    }

    async fn carry_out(&mut self, actions: Vec<Action>) -> Option<Result<v1::MoveToReply, Refusal>> {
        let mut actions = VecDeque::from(actions);
        let (mut end, mut committed) = (None, None);
        while let Some(action) = actions.pop_front() {
            let mut more = Vec::new();
            match action {
                // Said by `actor_left`, so that nothing comes between it and what follows the actor.
                Action::Send(step) if matches!(step.step, Some(Step::Committed(_))) => committed = Some(step),
                Action::Send(step) => self.send(step, &mut more),
                Action::Swap => self.swap(&mut more).await,
                Action::Stay { epoch, refusal } => {
                    self.cell.thaw(&self.node, epoch);
                    end = Some(Err(refusal));
                }
                Action::Raise => self.raise().await,
                Action::Leave { owner, epoch } => {
                    self.node
                        .actor_left(&self.cell, (&owner, epoch), committed.take(), &self.link);
                    self.report.to = owner;
                    self.report.epoch = epoch;
                    self.report.paused_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
                    end = Some(Ok(self.report.clone()));
                }
                // The destination's.
                Action::Load(_) | Action::Activate | Action::Drop(_) | Action::Poll => {}
            }
            actions.extend(more);
        }
        end
    }

    fn send(&mut self, step: v1::Move, more: &mut Vec<Action>) {
        match self.link.send_move(step) {
            Ok(()) => {}
            // `drive` hears of it, and why.
            Err(_) if self.link.is_down() => {}
            Err(why) => self.machine.refuse(why, more),
        }
    }

    /// (expected, wanted) of the owner cell.
    fn owners(&self, wanted: &str, raise: u64) -> ((String, u64), (String, u64)) {
        let subject = self.machine.subject();
        let expected = (subject.source.clone(), subject.epoch - 1);
        (expected, (wanted.to_owned(), subject.epoch + raise))
    }

    async fn swap(&mut self, more: &mut Vec<Action>) {
        let destination = self.machine.subject().destination.clone();
        let (expected, wanted) = self.owners(&destination, 0);
        if !self.cell.begin_swap() {
            return self.machine.swapped(&expected.0, expected.1, more);
        }
        match self.node.swap(&self.cell, expected, wanted).await {
            Some((owner, epoch)) => self.machine.swapped(&owner, epoch, more),
            None => self.machine.unanswered(self.node.now()),
        }
    }

    async fn raise(&mut self) {
        let source = self.machine.subject().source.clone();
        let (expected, wanted) = self.owners(&source, 1);
        if let Some((owner, epoch)) = self.node.swap(&self.cell, expected, wanted).await
            && owner == source
        {
            self.cell.lock().epoch = epoch;
        }
    }
}
