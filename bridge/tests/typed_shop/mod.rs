//! What `actorbridge gen` writes for
//!
//! ```proto
//! service Echo {
//!   option (actorbridge.v1.actor) = {};
//!   rpc Echo(EchoRequest) returns (EchoReply);
//!   rpc Add(Add) returns (google.protobuf.Empty) { option (actorbridge.v1.call) = { inline: true }; }
//! }
//! ```
#![allow(unreachable_pub)]

use std::future::Future;
use std::time::Duration;

use actorbridge::{Actor, Caller, Cx, DEFAULT_WITHIN, Error, Fault, Message, Options, Protocol, Reads, Ref, Versioned};

use crate::common::test::{Add, EchoReply, EchoRequest};

/// Handles test.Echo.
pub trait Echo: Send + Sized + 'static {
    fn echo(&mut self, cx: &Cx, m: EchoRequest) -> impl Future<Output = Result<EchoReply, Fault>> + Send;

    fn add(&mut self, cx: &Cx, m: Add) -> Result<(), Fault>;

    fn post_start(&mut self, _cx: &Cx) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }

    fn post_stop(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// An [`Echo`] as an actor.
pub struct EchoActor<A>(A);

impl<A: Echo> Actor for EchoActor<A> {
    const PROTOCOL: Protocol = Protocol {
        name: "test.Echo",
        reads: &[
            Reads {
                type_name: "actorbridge.test.v1.EchoRequest",
                version: EchoRequest::VERSION,
                min_reader: EchoRequest::MIN_READER,
            },
            Reads {
                type_name: "actorbridge.test.v1.EchoReply",
                version: EchoReply::VERSION,
                min_reader: EchoReply::MIN_READER,
            },
            Reads {
                type_name: "actorbridge.test.v1.Add",
                version: Add::VERSION,
                min_reader: Add::MIN_READER,
            },
        ],
        reliable: false,
    };

    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        match message.type_name() {
            "actorbridge.test.v1.EchoRequest" => cx.answer(self.0.echo(cx, message.decode()?).await),
            "actorbridge.test.v1.Add" => cx.answer(self.0.add(cx, message.decode()?)),
            other => Err(Fault::unsupported(other)),
        }
    }

    async fn post_start(&mut self, cx: &Cx) -> Result<(), Fault> {
        self.0.post_start(cx).await
    }

    async fn post_stop(&mut self) {
        self.0.post_stop().await;
    }
}

/// For `Module::actor` and `Node::spawn`.
pub fn echo<A: Echo>(
    make: impl Fn() -> A + Send + Sync + 'static,
) -> impl Fn() -> EchoActor<A> + Send + Sync + 'static {
    move || EchoActor(make())
}

/// A reference to an actor that handles test.Echo.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EchoRef {
    to: Ref,
    within: Option<Duration>,
}

impl EchoRef {
    pub fn at(address: &str) -> Result<Self, Error> {
        address.parse().map(Self::to)
    }

    pub fn to(to: Ref) -> Self {
        Self { to, within: None }
    }

    pub fn spawn<A: Echo>(
        by: &impl Caller,
        path: &str,
        make: impl Fn() -> A + Send + Sync + 'static,
        options: Options,
    ) -> Result<Self, Error> {
        by.spawn(path, echo(make), options).map(Self::to)
    }

    pub fn address(&self) -> &Ref {
        &self.to
    }

    pub fn within(&self, within: Duration) -> Self {
        let within = Some(within);
        Self {
            to: self.to.clone(),
            within,
        }
    }

    pub async fn echo(&self, by: &impl Caller, m: &EchoRequest) -> Result<EchoReply, Error> {
        by.ask(&self.to, m, self.within.unwrap_or(DEFAULT_WITHIN)).await
    }

    pub async fn add(&self, by: &impl Caller, m: &Add) -> Result<(), Error> {
        by.tell(&self.to, m).await
    }
}

/// An actor of a service with a method of delivery AT_LEAST_ONCE.
pub struct Reliable;

impl Actor for Reliable {
    const PROTOCOL: Protocol = Protocol {
        name: "test.Log",
        reads: &[],
        reliable: true,
    };

    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        Err(Fault::unsupported(message.type_name()))
    }
}
