//! What a node is inside: tables of cells, links and asks, and the way of a message between them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};
use std::time::Duration;

use actorbridge_proto::v1::{self, Code, Effect, Failure, Kind};
use actorbridge_proto::writer;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actor::{Boxed, Factory};
use crate::address::{Address, SYSTEM};
use crate::asks::{Emitter, EmitterKey, Waiter};
use crate::cell::{Cell, Cells};
use crate::codec::Codec;
use crate::compression::Compression;
use crate::door::LinkEnd;
use crate::error::Error;
use crate::logs::{About, Level, LogLine, Logs};
use crate::machine::Millis;
use crate::machine::ask::Asks;
use crate::machine::link::Role;
use crate::machine::pool::Grant;
use crate::message::{Message, Outgoing, Permit};
use crate::outlet::{Placed, Sender, Sent};
use crate::protocol::{Known, Protocol, Reads};
use crate::relays::Relays;
use crate::rings::{DeadLetter, DeadLetters};
use crate::runners::Runners;
use crate::status::Counters;
use crate::tap::Taps;
use crate::traces::{Chain, Propagator};

/// How often a sender looks for credit before it waits to be told.
const LOOKS: usize = 64;
/// How long a sender's node is not told of what it does not need yet: packets in which nothing else leaves are few so.
const TOLD_LATER: Duration = Duration::from_millis(5);
/// How long another node may take to say whether it hosts an actor.
const FIND: Duration = Duration::from_secs(2);
/// How often the other nodes are asked for an actor that they say is here, and that has gone on when it is looked for.
const SEARCHES: usize = 16;
/// Most resolved addresses that a node remembers.
const MAX_OWNERS: usize = 131_072;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

pub(crate) fn random() -> u64 {
    // The system's source does not fail on supported systems; a stream number of 1 would still be unique in its source.
    getrandom::u64().unwrap_or(1).max(1)
}

/// Where a message goes next.
pub(crate) enum Target {
    Cell(Arc<Cell>),
    Link(Arc<LinkEnd>),
    /// A relay, and the node behind it.
    Beyond(Arc<LinkEnd>, String),
}

/// How what users send is encoded.
#[derive(Clone, Copy, Default)]
pub(crate) struct Encoding {
    /// Where an address says nothing.
    pub(crate) codec: Codec,
    /// Of what leaves by links, from so many bytes on.
    pub(crate) compression: Option<(Compression, usize)>,
}

/// What the program says of itself.
#[derive(Clone, Default)]
pub(crate) struct Working {
    /// For whom the node works; empty = for nobody in particular.
    pub(crate) tenant: String,
    /// How many bytes its heap has.
    pub(crate) heap: Option<fn() -> u64>,
}

pub(crate) struct Inner {
    pub(crate) working: Working,
    pub(crate) encoding: Encoding,
    pub(crate) name: String,
    pub(crate) incarnation: u64,
    pub(crate) handle: Handle,
    pub(crate) tasks: TaskTracker,
    pub(crate) runners: Runners,
    pub(crate) closing: CancellationToken,
    pub(crate) factories: Vec<(String, Factory)>,
    reads: Mutex<Known>,
    pub(crate) outside: Sender,
    /// Of what the node asks other nodes, if that is not sent as outside code sends.
    itself: Option<Sender>,
    pub(crate) remote: crate::remote::Options,
    /// What peers are asked to stay away for when it shuts down.
    pub(crate) reconnect_after: Mutex<Duration>,
    pub(crate) propagator: Option<Arc<dyn Propagator>>,
    start: Instant,
    pub(crate) cells: RwLock<Cells>,
    pub(crate) links: RwLock<HashMap<u64, Arc<LinkEnd>>>,
    owners: Mutex<HashMap<String, String>>,
    pub(crate) asks: Mutex<Asks<Waiter>>,
    /// The asks that actors of this node answer by events.
    pub(crate) emitters: Mutex<HashMap<EmitterKey, Weak<Emitter>>>,
    pub(crate) dead: Mutex<DeadLetters>,
    pub(crate) counters: Counters,
    pub(crate) taps: Arc<Taps>,
    logs: Mutex<Logs>,
    pub(crate) moves: crate::moves::Moves,
    /// (watched address, watcher) of actors on other nodes, by link.
    pub(crate) watches: Mutex<HashMap<u64, Vec<(String, Address)>>>,
    /// Why actors stopped that panicked too often, by path.
    pub(crate) fallen: Mutex<HashMap<String, String>>,
    pub(crate) kept_links: crate::links::Links,
    pub(crate) relays: Relays,
    /// Where it listens.
    pub(crate) bound: Mutex<Vec<String>>,
}

impl Inner {
    pub(crate) fn new(
        (name, working): (String, Working),
        handle: Handle,
        factories: Vec<(String, Factory)>,
        reads: &[Reads],
        encoding: Encoding,
        remote: crate::remote::Options,
        propagator: Option<Arc<dyn Propagator>>,
    ) -> Self {
        let incarnation = random();
        Self {
            outside: Sender::new(String::new(), format!("ab://{name}/{SYSTEM}"), &working.tenant),
            itself: (!working.tenant.is_empty())
                .then(|| Sender::new(String::new(), format!("ab://{name}/{SYSTEM}"), "")),
            working,
            incarnation,
            name,
            handle,
            reads: Mutex::new(Known::of(reads, &factories)),
            factories,
            encoding,
            remote,
            reconnect_after: Mutex::default(),
            propagator,
            tasks: TaskTracker::new(),
            runners: Runners::default(),
            closing: CancellationToken::new(),
            start: Instant::now(),
            cells: RwLock::default(),
            links: RwLock::default(),
            owners: Mutex::default(),
            asks: Mutex::new(Asks::new(incarnation)),
            emitters: Mutex::default(),
            dead: Mutex::default(),
            counters: Counters::default(),
            taps: Arc::default(),
            logs: Mutex::default(),
            moves: crate::moves::Moves::default(),
            watches: Mutex::default(),
            fallen: Mutex::default(),
            kept_links: crate::links::Links::default(),
            relays: Relays::default(),
            bound: Mutex::default(),
        }
    }

    /// As whom the node asks other nodes: it works for no tenant.
    pub(crate) fn itself(&self) -> &Sender {
        self.itself.as_ref().unwrap_or(&self.outside)
    }

    pub(crate) fn now(&self) -> Millis {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The deadline of a message that came with so many milliseconds left; 0 = none. With 1 it has passed: none travels with 0.
    pub(crate) fn deadline_in(&self, ttl_ms: u32) -> Option<Millis> {
        Some(self.now() + u64::from(ttl_ms.checked_sub(1)?))
    }

    /// What this node reads, as Hello and Welcome say it.
    pub(crate) fn reads(&self) -> Vec<v1::Reads> {
        lock(&self.reads).all()
    }

    /// Links that come up from now on say that messages of this protocol are read here.
    pub(crate) fn knows(&self, protocol: &Protocol) {
        if !protocol.name.is_empty() {
            lock(&self.reads).add(protocol);
        }
    }

    /// Says something. Not on the way of good messages: it takes a lock.
    pub(crate) fn log(&self, level: Level, about: About<'_>, message: String) {
        let line = LogLine::new(level, about, message);
        line.emit(&self.name);
        lock(&self.logs).push(line);
    }

    pub(crate) fn logs(&self) -> MutexGuard<'_, Logs> {
        lock(&self.logs)
    }

    pub(crate) fn dead(&self) -> MutexGuard<'_, DeadLetters> {
        lock(&self.dead)
    }

    pub(crate) fn cell(&self, path: &str) -> Option<Arc<Cell>> {
        self.cells.read().unwrap_or_else(|e| e.into_inner()).get(path).cloned()
    }

    pub(crate) fn all_cells(&self) -> Vec<Arc<Cell>> {
        self.cells
            .read()
            .unwrap_or_else(|e| e.into_inner())
            .iter()
            .cloned()
            .collect()
    }

    pub(crate) fn link_to(&self, node: &str) -> Option<Arc<LinkEnd>> {
        let links = self.links.read().unwrap_or_else(|e| e.into_inner());
        // The newest, where there are several: who made a link anew may have ended the old one already.
        links
            .values()
            .filter(|l| l.is_peer(node) && l.is_up())
            .max_by_key(|l| l.id())
            .cloned()
    }

    pub(crate) fn link(&self, id: u64) -> Option<Arc<LinkEnd>> {
        self.links.read().unwrap_or_else(|e| e.into_inner()).get(&id).cloned()
    }

    /// Tells senders on other nodes what an actor's pool grants.
    pub(crate) fn grant(&self, grants: Vec<Grant>) {
        for grant in grants {
            if let Some(link) = self.link(grant.key.link)
                && link.state(&grant)
            {
                self.after(TOLD_LATER, async move { link.press_states() });
            }
        }
    }

    /// Finds who hosts an address.
    pub(crate) fn resolve<'a>(self: &'a Arc<Self>, to: &'a Address) -> Boxed<'a, Result<Target, Error>> {
        Box::pin(async move {
            if let Some(node) = to.node().filter(|n| *n != self.name) {
                let no_link = || match self.closing.is_cancelled() {
                    true => Error::node_stopped(&self.name, to.as_str()),
                    false => {
                        let why = self.why_no_relay(node).or_else(|| self.why_away(Some(node)));
                        let why = why.unwrap_or_else(|| format!("no link to node {node} is up"));
                        Error::new(Code::Unavailable, to.as_str(), why)
                    }
                };
                return self.way_to(node).ok_or_else(no_link);
            }
            if let Some(cell) = self.cell(to.path()) {
                return Ok(Target::Cell(cell));
            }
            if to.node().is_some() {
                return Err(self.gone(to));
            }
            if let Some(way) = self.known_owner(to.path()).and_then(|owner| self.way_to(&owner)) {
                return Ok(way);
            }
            let found = self.search(to).await;
            found.ok_or_else(|| match self.why_away(None) {
                Some(why) if !self.closing.is_cancelled() => {
                    let detail = format!("no node that there is a link to has it; {why}"); // it may live there
                    Error::new(Code::Unavailable, to.as_str(), detail)
                }
                _ => self.gone(to),
            })
        })
    }

    /// Why nobody here has an address: nobody knows it, the actor has panicked too often, or the node is no more.
    pub(crate) fn gone(&self, to: &Address) -> Error {
        if self.closing.is_cancelled() {
            return Error::node_stopped(&self.name, to.as_str());
        }
        match lock(&self.fallen).get(to.path()) {
            Some(why) => Error::new(Code::Stopped, to.as_str(), why.clone()),
            None => Error::new(Code::NoSuchActor, to.as_str(), ""),
        }
    }

    /// Asks the linked nodes. One may name this node: the actor is on its way to here, or has gone on meanwhile.
    async fn search(self: &Arc<Self>, to: &Address) -> Option<Target> {
        for _ in 0..SEARCHES {
            let Some((owner, epoch)) = self.find(to).await else {
                return self.cell(to.path()).map(Target::Cell);
            };
            let elsewhere = if owner == self.name {
                self.went_on(to.path(), epoch)
            } else {
                Some(owner)
            };
            if let Some(owner) = elsewhere {
                self.remember(to.path(), &owner);
                return self.way_to(&owner);
            }
            self.arrived(to.path()).await;
            if let Some(cell) = self.cell(to.path()) {
                return Some(Target::Cell(cell));
            }
        }
        None
    }

    /// Owner and epoch. A peer that names another node is believed before one that names this node.
    async fn find(self: &Arc<Self>, to: &Address) -> Option<(String, u64)> {
        let mut owner = None;
        let links = self.links.read().unwrap_or_else(|e| e.into_inner()).clone();
        let linked = links.values().filter(|l| l.is_up()).filter_map(|l| l.peer());
        for peer in linked.chain(self.nodes_beyond()) {
            // A peer may have a name that is none in an address: it costs that peer only.
            let Ok(system) = Address::pinned(&peer, SYSTEM) else {
                continue;
            };
            let request = v1::FindRequest {
                path: to.path().to_owned(),
            };
            let Ok(reply) = self
                .ask(self.itself(), &system, &request, FIND, Chain::default(), None)
                .await
            else {
                continue;
            };
            let Ok(found) = reply.decode::<v1::FindReply>() else {
                continue;
            };
            let elsewhere = found.owner != self.name;
            owner = Some((found.owner, found.epoch));
            if elsewhere {
                break;
            }
        }
        owner
    }

    pub(crate) fn remember(&self, path: &str, owner: &str) {
        let mut owners = lock(&self.owners);
        if owners.len() >= MAX_OWNERS {
            owners.clear();
        }
        owners.insert(path.to_owned(), owner.to_owned());
    }

    /// Who is known to host an actor elsewhere.
    pub(crate) fn known_owner(&self, path: &str) -> Option<String> {
        lock(&self.owners).get(path).cloned()
    }

    pub(crate) fn forget(&self, path: &str) {
        lock(&self.owners).remove(path);
    }

    /// One try to send: `Done` or `Wait`.
    pub(crate) async fn try_place(
        self: &Arc<Self>,
        from: &Sender,
        to: &Address,
        out: &Outgoing,
    ) -> Result<Sent, Error> {
        let outlet = from.outlet(to);
        for _ in 0..4 {
            match outlet.try_send(self, out) {
                Sent::Unresolved => outlet.bind(self.resolve(to).await?)?,
                Sent::Refused(error) => return Err(error),
                sent => return Ok(sent),
            }
        }
        Err(Error::new(
            Code::Unavailable,
            to.as_str(),
            "its route changed faster than it could be followed",
        ))
    }

    /// Sends, and waits for room as long as the caller waits.
    pub(crate) async fn place(self: &Arc<Self>, from: &Sender, to: &Address, out: &Outgoing) -> Result<Placed, Error> {
        // Credit comes soon, or late: to look for it a few times costs less than to be woken.
        for _ in 0..LOOKS {
            if !from.is_spent(to) {
                break;
            }
            tokio::task::yield_now().await;
        }
        if let Sent::Done(placed) = self.try_place(from, to, out).await? {
            return Ok(placed);
        }
        loop {
            let room = from.room.notified();
            let mut room = std::pin::pin!(room);
            room.as_mut().enable();
            if let Sent::Done(placed) = self.try_place(from, to, out).await? {
                return Ok(placed);
            }
            tokio::select! {
                () = room => {}
                () = self.closing.cancelled() => {
                    return Err(Error::node_stopped(&self.name, to.as_str()));
                }
            }
        }
    }

    /// A link is over: each ask that went by it is answered, watchers are told.
    pub(crate) fn link_down(self: &Arc<Self>, link: &LinkEnd, last_frame: Option<u64>, detail: &str) {
        let id = link.id();
        let _ = link.over.set((last_frame, detail.to_owned()));
        let asks = lock(&self.asks).end_where(|w| w.placed.is_some_and(|p| p.link == id));
        for (correlation, waiter) in asks {
            self.ask_lost(link, correlation, waiter);
        }
        self.emitters_lost(id);
        self.moves_link_down(id);
        let watches = lock(&self.watches).remove(&id).unwrap_or_default();
        for (actor, watcher) in watches {
            let detail = format!("the link to its node was lost: {detail}");
            let notice = v1::Terminated {
                actor,
                code: Code::Unavailable as i32,
                detail,
            };
            self.notify(&watcher, Outgoing::of(Kind::Terminated, &notice));
        }
        self.links.write().unwrap_or_else(|e| e.into_inner()).remove(&id);
        // An end that one side is to blame for may need a look.
        let code = link.end_code();
        let level = match code {
            // Who dialled in vain is told by the call.
            "LINK_DOWN" if link.role() == Role::Dialer && link.peer().is_none() => return,
            "LINK_DOWN" => Level::Info,
            _ => Level::Warn,
        };
        let about = About {
            peer: &link.peer().unwrap_or_default(),
            link: link.id(),
            code,
            ..About::default()
        };
        self.log(level, about, format!("the link is down: {detail}"));
    }

    /// A message was not handled: its asker, the sender's node and the dead letters are told.
    pub(crate) fn refuse(self: &Arc<Self>, message: &Message, code: Code, effect: Effect, detail: &str) {
        // First, so that who is told finds it.
        self.dead_letter(message, code, effect, detail);
        if message.is_ask() {
            let detail = detail.to_owned();
            let failure = Failure {
                code: code as i32,
                effect: effect as i32,
                detail,
                ..Default::default()
            };
            self.answer_failure(&message.who.reply_to, message.correlation, &failure, &[], None);
        }
        self.outcome(message, code, effect, detail);
    }

    pub(crate) fn dead_letter(&self, message: &Message, code: Code, effect: Effect, detail: &str) {
        let (target, detail) = (message.who.target.clone(), detail.to_owned());
        self.dead().push(DeadLetter {
            target,
            code,
            effect,
            detail,
            envelope: message.envelope(),
        });
    }

    pub(crate) fn outcome(&self, message: &Message, code: Code, effect: Effect, detail: &str) {
        if let Permit::Stream { key, seq } = message.permit
            && let Some(link) = self.link(key.link)
        {
            let (code, effect, detail) = (code as i32, effect as i32, detail.to_owned());
            link.outcome(
                key,
                v1::Outcome {
                    seq,
                    code,
                    effect,
                    detail,
                    local_attempts: 0,
                },
            );
        }
    }

    /// A message that never left.
    pub(crate) fn dead_outgoing(
        self: &Arc<Self>,
        from: &Sender,
        to: &Address,
        out: &Outgoing,
        code: Code,
        detail: &str,
    ) {
        if let Ok(message) = Message::read(Arc::new(from.who(to)), out.what.clone(), out.body.clone()) {
            self.refuse(&message, code, code.effect(), detail);
        }
    }

    /// Sends a notice in the background: to an actor here at once, elsewhere as soon as there is room.
    pub(crate) fn notify(self: &Arc<Self>, to: &Address, out: Outgoing) {
        if let Some(cell) = self
            .cell(to.path())
            .filter(|_| to.node().is_none_or(|n| n == self.name))
        {
            let who = Arc::new(writer::who("", to.as_str(), ""));
            if let Ok(message) = Message::read(who, out.what, out.body) {
                cell.offer_forced(self, message);
            }
            return;
        }
        let (node, to) = (self.clone(), to.clone());
        let task = async move {
            let sent = tokio::time::timeout(Duration::from_secs(5), node.place(node.itself(), &to, &out)).await;
            if !matches!(sent, Ok(Ok(_))) {
                node.dead_outgoing(
                    node.itself(),
                    &to,
                    &out,
                    Code::Unavailable,
                    "a notice could not be delivered",
                );
            }
        };
        self.tasks.spawn_on(task, &self.handle);
    }

    /// Sends the same what and body to another actor; who says who sent it first.
    pub(crate) async fn forward(self: &Arc<Self>, message: &Message, to: &Address) -> Result<(), Error> {
        let sent = &message.who;
        let who = Sender::new(sent.source.clone(), sent.reply_to.clone(), &sent.tenant);
        self.place(&who, to, &Outgoing::passed_on(message)).await.map(drop)
    }

    /// An envelope that came outside any stream: an answer, or what an old owner of an actor forwards.
    /// `epoch`: the actor's stay that it follows it to, or 0.
    pub(crate) fn off_stream(self: &Arc<Self>, message: Message, epoch: u64) {
        if message.who.target.is_empty() {
            return match message.is_answer() {
                true => self.answered(message),
                false => self.refuse(
                    &message,
                    Code::UnsupportedKind,
                    Effect::None,
                    "only answers may come outside a stream",
                ),
            };
        }
        if message.is_answer() && self.relayed_answer(&message) {
            return;
        }
        match message.who.target.parse::<Address>() {
            Ok(target) => self.followed(target.path(), epoch, message),
            Err(_) => self.refuse(&message, Code::NoSuchActor, Effect::None, "it was forwarded to here"),
        }
    }
}

pub(crate) fn terminated(actor: &str, code: Code, detail: &str) -> Outgoing {
    let (actor, detail) = (actor.to_owned(), detail.to_owned());
    Outgoing::of(
        Kind::Terminated,
        &v1::Terminated {
            actor,
            code: code as i32,
            detail,
        },
    )
}
