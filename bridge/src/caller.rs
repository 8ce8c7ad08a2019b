//! What a handler and outside code have in common, so that typed references take either.

use std::future::Future;
use std::time::Duration;

use crate::actor::{Actor, Options};
use crate::address::Ref;
use crate::api::Node;
use crate::context::Cx;
use crate::error::Error;
use crate::message::Payload;

/// How long an ask waits that says nothing else, and whose method says nothing else.
pub const DEFAULT_WITHIN: Duration = Duration::from_secs(5);

mod sealed {
    pub trait Sealed {}
}

/// Who can send: a handler by its [`Cx`], outside code by its [`Node`]. Typed references take either.
pub trait Caller: sealed::Sealed + Sync {
    /// [`Cx::ask`] or [`Node::ask`].
    fn ask<T: Payload, M: Payload>(
        &self,
        to: &Ref,
        message: &M,
        within: Duration,
    ) -> impl Future<Output = Result<T, Error>> + Send;

    /// [`Cx::tell`], which stages the message, or [`Node::tell`], which waits for room.
    fn tell<M: Payload>(&self, to: &Ref, message: &M) -> impl Future<Output = Result<(), Error>> + Send;

    /// [`Cx::spawn`], which makes a child, or [`Node::spawn`].
    ///
    /// # Errors
    /// As theirs.
    fn spawn<A: Actor>(
        &self,
        path: &str,
        make: impl Fn() -> A + Send + Sync + 'static,
        options: Options,
    ) -> Result<Ref, Error>;
}

impl sealed::Sealed for Cx {}

impl Caller for Cx {
    async fn ask<T: Payload, M: Payload>(&self, to: &Ref, message: &M, within: Duration) -> Result<T, Error> {
        Cx::ask(self, to, message, within).await
    }

    async fn tell<M: Payload>(&self, to: &Ref, message: &M) -> Result<(), Error> {
        Cx::tell(self, to, message)
    }

    fn spawn<A: Actor>(
        &self,
        path: &str,
        make: impl Fn() -> A + Send + Sync + 'static,
        options: Options,
    ) -> Result<Ref, Error> {
        Cx::spawn(self, path, make, options)
    }
}

impl sealed::Sealed for Node {}

impl Caller for Node {
    async fn ask<T: Payload, M: Payload>(&self, to: &Ref, message: &M, within: Duration) -> Result<T, Error> {
        Node::ask(self, to, message, within).await
    }

    async fn tell<M: Payload>(&self, to: &Ref, message: &M) -> Result<(), Error> {
        Node::tell(self, to, message).await
    }

    fn spawn<A: Actor>(
        &self,
        path: &str,
        make: impl Fn() -> A + Send + Sync + 'static,
        options: Options,
    ) -> Result<Ref, Error> {
        Node::spawn(self, path, make, options)
    }
}
