//! What users write: an actor, and what makes one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::Code;
use bytes::Bytes;

use crate::activation::{self, End, Work};
use crate::address::{Address, is_reserved};
use crate::context::Cx;
use crate::error::{Error, Fault};
use crate::message::Message;
use crate::protocol::Protocol;
use crate::traces::Propagator;

/// An actor's state as another node can load it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Full name of the state's message.
    pub type_name: String,
    /// Its revision.
    pub version: u32,
    /// Encoded.
    pub bytes: Bytes,
}

impl State {
    /// The state as a message.
    pub fn of<T: crate::message::Payload>(message: &T) -> Self {
        Self {
            type_name: T::full_name(),
            version: T::VERSION,
            bytes: message.encode_to_vec().into(),
        }
    }

    /// The message that the state is.
    ///
    /// # Errors
    /// UNSUPPORTED_TYPE, UNSUPPORTED_VERSION or UNDECODABLE.
    pub fn decode<T: crate::message::Payload>(&self) -> Result<T, Fault> {
        use actorbridge_proto::v1::Code;
        let name = T::full_name();
        if self.type_name != name {
            return Err(Fault::new(
                Code::UnsupportedType,
                format!("the state is a {}, not a {name}", self.type_name),
            ));
        }
        if self.version > T::VERSION {
            let detail = format!(
                "the state is version {} of {name}; {} is read here",
                self.version,
                T::VERSION
            );
            let mut fault = Fault::new(Code::UnsupportedVersion, detail);
            fault.reader_version = T::VERSION;
            return Err(fault);
        }
        let mut state = T::decode(self.bytes.clone())
            .map_err(|e| Fault::new(Code::Undecodable, format!("the state does not decode: {e}")))?;
        crate::versions::bring_up(&mut state, self.version).map_err(|mut fault| {
            fault.detail.insert_str(0, "the state: ");
            fault
        })?;
        Ok(state)
    }
}

/// Private state and a handler. One message at a time, never two at once.
pub trait Actor: Send + 'static {
    /// The service that it handles: generated code says it.
    const PROTOCOL: Protocol = Protocol::NONE;

    /// Handles one message. An ask is answered with [`Cx::reply`]; an error answers it with a failure.
    fn receive(&mut self, cx: &Cx, message: &Message) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Runs before the first message, and after each restart.
    fn post_start(&mut self, _cx: &Cx) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }

    /// Runs after the last message. It is not run on an actor that a panic ended: its state cannot be trusted.
    fn post_stop(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// The state to keep or to move; `None` = this actor has none to show, and cannot move.
    fn snapshot(&self) -> Option<State> {
        None
    }

    /// Takes over a state.
    ///
    /// # Errors
    /// The state is not one that this actor reads.
    fn restore(&mut self, _state: &State) -> Result<(), Fault> {
        Err(Fault::app("NO_RESTORE").message("this actor cannot restore a state"))
    }
}

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The same with one type for all actors.
pub(crate) trait DynActor: Send {
    fn work<'a>(&'a mut self, work: &'a mut Work) -> Boxed<'a, End>;
    fn handle_alone(self: Box<Self>, work: Box<Work>) -> Boxed<'static, Option<Box<Work>>>;
    fn post_start<'a>(&'a mut self, cx: &'a Cx) -> Boxed<'a, Result<(), Fault>>;
    fn post_stop(&mut self) -> Boxed<'_, ()>;
    fn snapshot(&self) -> Option<State>;
    fn restore(&mut self, state: &State) -> Result<(), Fault>;
}

impl<A: Actor> DynActor for A {
    fn work<'a>(&'a mut self, work: &'a mut Work) -> Boxed<'a, End> {
        Box::pin(activation::work(self, work))
    }

    fn handle_alone(self: Box<Self>, work: Box<Work>) -> Boxed<'static, Option<Box<Work>>> {
        Box::pin(activation::handle_alone(self, work))
    }

    fn post_start<'a>(&'a mut self, cx: &'a Cx) -> Boxed<'a, Result<(), Fault>> {
        Box::pin(Actor::post_start(self, cx))
    }

    fn post_stop(&mut self) -> Boxed<'_, ()> {
        Box::pin(Actor::post_stop(self))
    }

    fn snapshot(&self) -> Option<State> {
        Actor::snapshot(self)
    }

    fn restore(&mut self, state: &State) -> Result<(), Fault> {
        Actor::restore(self, state)
    }
}

/// Makes an actor; called again after a panic.
#[derive(Clone)]
pub struct Factory(Arc<Make<dyn Fn() -> Box<dyn DynActor> + Send + Sync>>);

struct Make<F: ?Sized> {
    protocol: Protocol,
    make: F,
}

impl Factory {
    /// A factory of a function.
    pub fn new<A: Actor>(make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self(Arc::new(Make {
            protocol: A::PROTOCOL,
            make: move || -> Box<dyn DynActor> { Box::new(make()) },
        }))
    }

    pub(crate) fn make(&self) -> Box<dyn DynActor> {
        (self.0.make)()
    }

    /// Of the actors that it makes.
    pub(crate) fn protocol(&self) -> &Protocol {
        &self.0.protocol
    }
}

/// The pattern that every path matches.
const ALL_PATHS: &str = "*";

/// Does a path match a pattern? `order/*` matches every path below `order/`, `*` every path, any other pattern only itself.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix(ALL_PATHS) {
        Some(prefix) => path.len() > prefix.len() && path.starts_with(prefix),
        None => pattern == path,
    }
}

/// Fails for a pattern that no path matches, or none that an actor can have.
pub(crate) fn check_pattern(pattern: &str) -> Result<(), Error> {
    if pattern == ALL_PATHS {
        return Ok(());
    }
    let path = pattern.strip_suffix("/*").unwrap_or(pattern);
    if is_reserved(path) {
        let why = "paths below /system are reserved";
        return Err(Error::new(Code::Forbidden, pattern, why));
    }
    Address::logical(path).map(drop).map_err(|_| {
        let why = "no path matches this pattern: it is a path, or ends with \"/*\" for all paths below it, or is \"*\" for all";
        Error::new(Code::InvalidArgument, pattern, why)
    })
}

/// What a program brings: its name, and the actors that spawns and moves may make.
#[derive(Clone)]
pub struct Module {
    pub(crate) name: String,
    pub(crate) factories: Vec<(String, Factory)>,
    pub(crate) at_start: Vec<(String, Factory)>,
    pub(crate) propagator: Option<Arc<dyn Propagator>>,
}

impl Module {
    /// A module without actors.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            factories: Vec::new(),
            at_start: Vec::new(),
            propagator: None,
        }
    }

    /// Adds an actor by a fixed path, which every node of the module starts with, or by a pattern: `order/*` for every path
    /// below `order/`, at any depth, or `*` for every path. Of several that match a path, the one that was added first
    /// counts. A node does not start with a pattern that no path matches.
    #[must_use]
    pub fn actor<A: Actor>(mut self, pattern: &str, make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        let entry = (pattern.to_owned(), Factory::new(make));
        self.at_start.extend((!pattern.ends_with('*')).then(|| entry.clone()));
        self.factories.push(entry);
        self
    }

    /// Adds what an incoming spawn or move of a matching path makes. Unlike [`Module::actor`], it makes nothing at the
    /// start: an actor that lives elsewhere can move here, to its own path.
    #[must_use]
    pub fn on_demand<A: Actor>(mut self, pattern: &str, make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        self.factories.push((pattern.to_owned(), Factory::new(make)));
        self
    }

    /// Joins the spans of this program with the traces that messages carry: see docs/TRACING.md.
    #[must_use]
    pub fn propagator(mut self, propagator: impl Propagator) -> Self {
        self.propagator = Some(Arc::new(propagator));
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The paths and patterns of its actors.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.factories.iter().map(|(pattern, _)| pattern.as_str())
    }
}

/// How an actor is spawned.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Mailbox bound in messages, the one being handled included.
    pub mailbox: u32,
    /// Restarts after panics within `window`; one more stops the actor.
    pub max_restarts: u32,
    /// See `max_restarts`.
    pub window: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mailbox: 1024,
            max_restarts: 3,
            window: Duration::from_secs(60),
        }
    }
}
