//! The node as programs use it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actorbridge_proto::v1::{Code, Kind, Terminated};
use actorbridge_proto::writer::BodyFields;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::actor::{Actor, Factory, Module, Options, check_pattern};
use crate::address::{Address, Ref, SYSTEM, is_reserved};
use crate::asks::Subscription;
use crate::codec::Codec;
use crate::compression::Compression;
use crate::context::Cx;
use crate::door::LinkEnd;
use crate::envelope::ForClients;
use crate::error::{Error, Fault};
use crate::logs::LogLine;
use crate::machine::link::Role;
use crate::message::{Message, Payload};
use crate::node::{Encoding, Inner, Working, lock};
use crate::outlet::Sent;
use crate::protocol::Reads;
use crate::relays::Relays;
use crate::remote::TlsFiles;
use crate::rings::DeadLetter;
use crate::status::Heard;
use crate::system::System;
use crate::traces::{Chain, Propagator, in_trace};
use crate::versions;

mod links;
mod moves;
mod relays;

/// How often time is brought to requests and links.
const TICK: Duration = Duration::from_millis(100);

/// What a node starts with.
pub struct Builder {
    name: String,
    working: Working,
    handle: Option<Handle>,
    factories: Vec<(String, Factory)>,
    at_start: Vec<(String, Factory)>,
    reads: Vec<Reads>,
    encoding: Encoding,
    propagator: Option<Arc<dyn Propagator>>,
    listen: Vec<String>,
    remote: crate::remote::Options,
    relays: Relays,
}

impl Builder {
    /// Runs on the caller's runtime instead of one of its own.
    #[must_use]
    pub fn runtime(mut self, handle: Handle) -> Self {
        self.handle = Some(handle);
        self
    }

    /// What an incoming spawn or move of a matching path makes: `order/*`, `*`, or one path, which the node also starts with.
    /// See [`Module::actor`].
    #[must_use]
    pub fn factory<A: Actor>(self, pattern: &str, make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        self.module(Module::new("").actor(pattern, make))
    }

    /// Adds a module's actors, and spawns at the start those that it starts with.
    #[must_use]
    pub fn module(mut self, module: Module) -> Self {
        self.factories.extend(module.factories);
        self.at_start.extend(module.at_start);
        self.propagator = self.propagator.or(module.propagator);
        self
    }

    /// Says to the nodes that it links with which message types this program reads beside those of its own actors, such as
    /// the replies of actors elsewhere. A newer peer then writes the older version, or refuses before it sends.
    #[must_use]
    pub fn reads(mut self, types: &[Reads]) -> Self {
        self.reads.extend(types);
        self
    }

    /// Sets what this node's actors and outside code send in, unless an [`Address::using`] says something else. Default:
    /// protobuf.
    #[must_use]
    pub fn codec(mut self, codec: Codec) -> Self {
        self.encoding.codec = codec;
        self
    }

    /// Compresses the payloads of `least` bytes and more that leave this node by a link, except to a peer that does not read it, over
    /// the native door, and where a payload would not become smaller. Default: none is compressed. About 1,024 is a good least
    /// size. See docs/COMPRESSION.md.
    #[must_use]
    pub fn compression(mut self, by: Compression, least: usize) -> Self {
        self.encoding.compression = Some((by, least));
        self
    }

    /// Says for which tenant the node works: its messages carry the name, and a peer with certificates takes them only if this node's
    /// has the URI `ab-tenant:NAME` (docs/SECURITY.md). At most 64 letters, digits, `-`, `_` and `.` of ASCII. Default: for none.
    #[must_use]
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.working.tenant = name.into();
        self
    }

    /// Says how many bytes the program's heap has, for the metric `actorbridge_rust_heap_bytes`: what its allocator says, which the
    /// node cannot know. It is called at each scrape, and must not block. Default: there is no such metric.
    #[must_use]
    pub fn heap_bytes(mut self, measure: fn() -> u64) -> Self {
        self.working.heap = Some(measure);
        self
    }

    /// Joins the spans of this program with the traces that messages carry: see docs/TRACING.md.
    #[must_use]
    pub fn propagator(mut self, propagator: impl Propagator) -> Self {
        self.propagator = Some(Arc::new(propagator));
        self
    }

    /// Listens at `tcp://host:port` (port 0: the system chooses), `grpcs://host:port` (see [`Self::tls`]) or `unix:///path`.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        self.listen.push(address.to_owned());
        self
    }

    /// Where it listens or dials at `grpcs://host:port`: shows these certificates, and takes links only from nodes with one of
    /// the same CA. A certificate is bound to the node's name and to the actors that it may send as: see docs/SECURITY.md.
    #[must_use]
    pub fn tls(mut self, files: TlsFiles) -> Self {
        self.remote.tls = Some(files);
        self
    }

    /// Allows TCP without TLS beyond this machine: anyone on the way can read and forge messages.
    #[must_use]
    pub fn plain_tcp_beyond_loopback(mut self) -> Self {
        self.remote.plain_tcp_beyond_loopback = true;
        self
    }

    /// How long a connection that comes in may be without a link, for all handshakes together. Default 10 s.
    #[must_use]
    pub fn set_up_time(mut self, time: Duration) -> Self {
        self.remote.set_up_time = time;
        self
    }

    /// Most connections that come in to one address; those beyond it are closed at once. Default 1,024.
    #[must_use]
    pub fn max_connections(mut self, most: usize) -> Self {
        self.remote.max_connections = most;
        self
    }

    /// Starts the node. Blocks only to bind what it listens at; call it outside async code, or with `runtime` unset.
    ///
    /// The first node of a process puts a panic hook before the one that is there, which is called as before: the log says
    /// where an actor panicked. A hook that the program sets later should call the one before it for the same reason.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a name, pattern or address that is not valid; FORBIDDEN for a reserved path; UNAVAILABLE if an address is
    /// taken, or threads are.
    pub fn start(self) -> Result<Node, Error> {
        Address::pinned(&self.name, SYSTEM)?;
        check_tenant(&self.working.tenant)?;
        for (pattern, _) in &self.factories {
            check_pattern(pattern)?;
        }
        crate::panics::install_hook();
        let (handle, runtime) = match self.handle {
            Some(handle) => (handle, None),
            None => {
                let runtime = own_runtime().map_err(|e| Error::new(Code::Unavailable, &self.name, e.to_string()))?;
                (runtime.handle().clone(), Some(runtime))
            }
        };
        let mut inner = Inner::new(
            (self.name, self.working),
            handle,
            self.factories,
            &self.reads,
            self.encoding,
            self.remote,
            self.propagator,
        );
        inner.relays = self.relays;
        let inner = Arc::new(inner);
        let (ticking, until) = (Arc::downgrade(&inner), inner.closing.clone());
        let ticker = async move {
            while !until.is_cancelled() {
                tokio::select! { () = tokio::time::sleep(TICK) => {}, () = until.cancelled() => return }
                let Some(node) = ticking.upgrade() else { return };
                let links: Vec<_> = node
                    .links
                    .read()
                    .unwrap_or_else(|e| e.into_inner())
                    .values()
                    .cloned()
                    .collect();
                links.iter().for_each(|l| l.tick(&node));
                node.tick();
            }
        };
        inner.tasks.spawn_on(ticker, &inner.handle);
        let node = Node {
            inner,
            runtime: Arc::new(Mutex::new(runtime)),
        };
        let weak = Arc::downgrade(&node.inner);
        let system = Factory::new(move || System::new(weak.clone()));
        node.inner.spawn_cell(
            SYSTEM,
            system,
            Options {
                mailbox: 4096,
                ..Options::default()
            },
            None,
        )?;
        for (path, factory) in self.at_start {
            node.inner.spawn_cell(&path, factory, Options::default(), None)?;
        }
        for address in self.listen {
            node.bind(&address)?;
        }
        Ok(node)
    }
}

fn check_tenant(name: &str) -> Result<(), Error> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match name.len() <= 64 && name.chars().all(is_part) {
        true => Ok(()),
        false => Err(Error::new(
            Code::InvalidArgument,
            name,
            "a tenant has at most 64 letters, digits, '-', '_' and '.' of ASCII",
        )),
    }
}

fn own_runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let number = std::sync::atomic::AtomicUsize::new(1);
    let name = move || {
        format!(
            "actorbridge-{}",
            number.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
        )
    };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(4))
        .thread_name_fn(name)
        .enable_all()
        .build()
}

/// A node: actors, and links to other nodes. Clones are the same node.
#[derive(Clone)]
pub struct Node {
    pub(crate) inner: Arc<Inner>,
    runtime: Arc<Mutex<Option<Runtime>>>,
}

impl Node {
    /// A node of this name, which must differ from the names of the nodes that it is linked with.
    pub fn builder(name: impl Into<String>) -> Builder {
        let remote = crate::remote::Options::default();
        Builder {
            name: name.into(),
            working: Working::default(),
            handle: None,
            factories: Vec::new(),
            at_start: Vec::new(),
            reads: Vec::new(),
            encoding: Encoding::default(),
            propagator: None,
            listen: Vec::new(),
            remote,
            relays: Relays::default(),
        }
    }

    /// The node of an actor. Its runtime stays with whoever started it.
    pub(crate) fn of(inner: Arc<Inner>) -> Self {
        Self {
            inner,
            runtime: Arc::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Its runtime, for callers that have none.
    pub fn handle(&self) -> &Handle {
        &self.inner.handle
    }

    /// Where it listens, with the ports that the system chose.
    pub fn listening(&self) -> Vec<String> {
        lock(&self.inner.bound).clone()
    }

    fn bind(&self, address: &str) -> Result<(), Error> {
        let (inner, text) = (self.inner.clone(), address.to_owned());
        let (tx, rx) = std::sync::mpsc::sync_channel(1);
        let accepting = inner.clone();
        let until = inner.closing.child_token();
        let remote = inner.remote.clone();
        let refused = Heard::new(&self.inner, address);
        let task = async move {
            let asking = accepting.clone();
            let accept = move || LinkEnd::new(&accepting, Role::Acceptor, None);
            match crate::remote::listen(&text, accept, ForClients(asking), refused, until, &remote).await {
                Ok(bound) => {
                    let _ = tx.send(Ok(bound.address));
                    let _ = bound.task.await;
                }
                Err(why) => drop(tx.send(Err(why))),
            }
        };
        inner.tasks.spawn_on(task, &inner.handle);
        let failed = |why: String| self.inner.unusable(address, &why, "the node cannot listen there");
        let bound = rx.recv().map_err(|e| failed(e.to_string()))?.map_err(failed)?;
        lock(&self.inner.bound).push(bound);
        Ok(())
    }

    /// Spawns an actor at `path`.
    ///
    /// # Errors
    /// ALREADY_EXISTS, INVALID_ARGUMENT, FORBIDDEN (a reserved path), STOPPED.
    pub fn spawn<A: Actor>(
        &self,
        path: &str,
        make: impl Fn() -> A + Send + Sync + 'static,
        options: Options,
    ) -> Result<Ref, Error> {
        if is_reserved(path) {
            return Err(Error::new(Code::Forbidden, path, "paths below /system are reserved"));
        }
        Ok(self
            .inner
            .spawn_cell(path, Factory::new(make), options, None)?
            .address
            .clone())
    }

    /// Sends a message; waits for room in the receiver's mailbox or for credit on the link.
    ///
    /// # Errors
    /// It was certainly not handled, and why.
    pub async fn tell<T: Payload>(&self, to: &Ref, message: &T) -> Result<(), Error> {
        let trace = self.inner.trace_now(None);
        let out = self.inner.encode(to, Kind::Tell, message, in_trace(trace.as_ref()))?;
        self.inner.place(&self.inner.outside, to, &out).await.map(drop)
    }

    /// Sends a message if that is possible at once. Never waits. Nor does it give its thread to others: a task that tells on and on
    /// should let them run now and then (`tokio::task::yield_now().await`), or links whose task is of the same thread answer no pings.
    ///
    /// # Errors
    /// The message, with MAILBOX_FULL or another reason.
    pub fn try_tell<T: Payload>(&self, to: &Ref, message: T) -> Result<(), (Error, T)> {
        let trace = self.inner.trace_now(None);
        let out = match self.inner.encode(to, Kind::Tell, &message, in_trace(trace.as_ref())) {
            Ok(out) => out,
            Err(error) => return Err((error, message)),
        };
        let mut place = Box::pin(self.inner.try_place(&self.inner.outside, to, &out));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let result = match place.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(result) => result,
            std::task::Poll::Pending => {
                let detail = "no linked node has been asked for it yet; tell or ask it first";
                Err(Error::new(Code::Unavailable, to.as_str(), detail))
            }
        };
        drop(place);
        match result {
            Ok(Sent::Done(_)) => Ok(()),
            Ok(_) => Err((Error::new(Code::MailboxFull, to.as_str(), ""), message)),
            Err(error) => Err((error, message)),
        }
    }

    /// Asks, and waits for the reply at most `within`.
    ///
    /// # Errors
    /// Why there is no reply, and whether the effect happened.
    pub async fn ask<T: Payload, M: Payload>(&self, to: &Ref, message: &M, within: Duration) -> Result<T, Error> {
        let span = self.inner.ask_span(None, to, versions::name_of::<M>());
        let chain = Chain::of(span.trace.as_ref());
        let (node, from) = (&self.inner, &self.inner.outside);
        let reply = span
            .around(node.ask_in_codec(from, to, message, within, chain, None))
            .await?;
        reply.decode().map_err(|fault| Error::of_answer(to.as_str(), fault))
    }

    /// Asks for events: those that the actor sends by [`Cx::emit`] before it replies. They come until the reply, a failure, the end of
    /// `within` (`Duration::MAX`: there is none), or until the subscription is dropped.
    ///
    /// # Errors
    /// It was certainly not handled, and why.
    pub async fn subscribe<M: Payload>(&self, to: &Ref, message: &M, within: Duration) -> Result<Subscription, Error> {
        let trace = self.inner.trace_now(None);
        let make = |fields: BodyFields<'_>| self.inner.encode(to, Kind::Ask, message, fields);
        let (from, chain) = (&self.inner.outside, Chain::of(trace.as_ref()));
        self.inner.subscribe(from, to, make, within, chain, None).await
    }

    /// Stops an actor of this node and its children; returns when it is Done.
    ///
    /// # Errors
    /// NO_SUCH_ACTOR; HANDLER_TIMEOUT if its handler does not end.
    pub async fn stop(&self, actor: &Ref, grace: Duration) -> Result<(), Error> {
        let cell = self
            .inner
            .cell(actor.path())
            .filter(|_| actor.path() != SYSTEM)
            .ok_or_else(|| self.inner.gone(actor))?;
        match self.inner.stop_cell(&cell, grace).await {
            true => Ok(()),
            false => Err(Error::new(
                Code::HandlerTimeout,
                actor.as_str(),
                "its handler ignores its cancelled token",
            )),
        }
    }

    /// Waits until an actor of this node is Done: its stop hook has returned, nothing of it is left.
    pub async fn done(&self, actor: &Ref) {
        if let Some(cell) = self.inner.cell(actor.path()) {
            cell.done().cancelled().await;
        }
    }

    /// Waits until an actor, here or elsewhere, has stopped or its link is lost.
    ///
    /// # Errors
    /// NO_SUCH_ACTOR, UNAVAILABLE.
    pub async fn watch(&self, actor: &Ref) -> Result<Terminated, Error> {
        let (tx, rx) = oneshot::channel();
        let slot = Arc::new(Mutex::new(Some(tx)));
        let path = format!("system/watch/{:016x}", crate::node::random());
        let factory = Factory::new(move || Watcher(slot.clone()));
        let cell = self.inner.spawn_cell(&path, factory, Options::default(), None)?;
        let watcher = Address::pinned(&self.inner.name, &path)?;
        let watched = self.inner.watch(actor, &watcher, false).await;
        let end = match watched {
            Ok(()) => rx
                .await
                .map_err(|_| Error::node_stopped(&self.inner.name, actor.as_str())),
            Err(error) => Err(error),
        };
        self.inner.stop_cell(&cell, Duration::from_secs(1)).await;
        end
    }

    /// The latest messages that were refused, lost or not handled: at most 10,000, at most 16 MiB.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.dead().list()
    }

    /// How many dead letters there were of each code, and `LATE_REPLY`.
    pub fn dead_letter_counts(&self) -> BTreeMap<&'static str, u64> {
        self.inner.dead().counts()
    }

    /// Takes at most `most` log lines, and how many were dropped since the start because nobody took them.
    pub fn logs(&self, most: usize) -> (Vec<LogLine>, u64) {
        self.inner.logs().drain(most)
    }

    /// Actors that run here, `/system` not counted.
    pub fn actors(&self) -> usize {
        self.inner.all_cells().iter().filter(|c| !is_reserved(c.path())).count()
    }

    /// Tasks that run for this node: actors that are not idle, timers, links, and the ticking of time. Those that wait for an actor
    /// to run do not count. After [`Node::shutdown`] there are none, unless a handler does not end.
    pub fn tasks(&self) -> usize {
        let idle = self.inner.runners.idle();
        self.inner.tasks.len().saturating_sub(idle)
    }

    /// The names of the nodes that links are up to.
    pub fn peers(&self) -> Vec<String> {
        let links = self.inner.links.read().unwrap_or_else(|e| e.into_inner());
        links.values().filter(|l| l.is_up()).filter_map(|l| l.peer()).collect()
    }

    /// Says how long the nodes that dialled this one are to stay away when it shuts down: about as long as it needs to come back. They
    /// wait 5 minutes at the most. Default: none, they dial as after any lost link.
    pub fn set_reconnect_after(&self, time: Duration) {
        *lock(&self.inner.reconnect_after) = time;
    }

    /// Stops all actors, closes all links, and ends all tasks. A second call waits for nothing.
    ///
    /// # Errors
    /// HANDLER_TIMEOUT names the actors whose handlers did not end within twice `grace`.
    pub async fn shutdown(&self, grace: Duration) -> Result<(), Error> {
        let cells = self.inner.all_cells();
        self.inner.closing.cancel();
        let mut stuck = Vec::new();
        let mut stopping = tokio::task::JoinSet::new();
        for cell in cells.into_iter().filter(|c| c.parent.is_none()) {
            let node = self.inner.clone();
            let stop = async move { (node.stop_cell(&cell, grace).await, cell.path().to_owned()) };
            stopping.spawn_on(stop, &self.inner.handle);
        }
        while let Some(stopped) = stopping.join_next().await {
            stuck.extend(stopped.ok().filter(|(ended, _)| !ended).map(|(_, path)| path));
        }
        let links: Vec<_> = self
            .inner
            .links
            .read()
            .unwrap_or_else(|e| e.into_inner())
            .values()
            .cloned()
            .collect();
        let away = *lock(&self.inner.reconnect_after);
        links.iter().for_each(|l| {
            l.reconnect_after(away);
            l.drain(&self.inner);
        });
        self.inner.outside.clear();
        self.inner.itself().clear();
        self.inner.runners.end();
        self.inner.tasks.close();
        let _ = tokio::time::timeout(grace.max(Duration::from_secs(1)), self.inner.tasks.wait()).await;
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_background();
        }
        if stuck.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            Code::HandlerTimeout,
            stuck.join(", "),
            "these handlers ignore their cancelled token",
        ))
    }

    /// Trips when the node begins to shut down.
    pub fn closing(&self) -> &CancellationToken {
        &self.inner.closing
    }
}

struct Watcher(Arc<Mutex<Option<oneshot::Sender<Terminated>>>>);

impl Actor for Watcher {
    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        let notice = message.decode()?;
        if let Some(tx) = lock(&self.0).take() {
            let _ = tx.send(notice);
        }
        Ok(())
    }
}
