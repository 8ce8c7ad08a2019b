//! Links: dialled, kept and ended.

use std::sync::Arc;

use actorbridge_proto::v1::{Code, Status};

use super::Node;
use crate::door::{LinkEnd, join_in_memory};
use crate::error::Error;
use crate::links::{HANDSHAKE, Kept, LinkInfo, keep};
use crate::machine::link::Role;
use crate::node::Inner;
use crate::status::Heard;

impl Node {
    /// The accepting end of a new link, for a door that carries it.
    pub fn accept(&self) -> Arc<LinkEnd> {
        LinkEnd::new(&self.inner, Role::Acceptor, None)
    }

    /// The dialling end of a new link, for a door that carries it. Nobody dials it again.
    pub fn dialler(&self) -> Arc<LinkEnd> {
        LinkEnd::new(&self.inner, Role::Dialer, None)
    }

    /// Links with the node that listens at `tcp://host:port`, `grpcs://host:port` or `unix:///path`; returns its name when the link is up.
    ///
    /// A link that is lost later is dialled again, after a random time up to 100 ms, then up to twice as long after each attempt
    /// that fails, up to 5 s (60 s where the peer refuses the link), until it is up or [`Self::disconnect`] ends it. Meanwhile what
    /// is sent there fails with UNAVAILABLE. [`Self::links`] shows it; the log has a line for each change. Of several dials of one
    /// address at once the last one's link stands, and counts for all.
    ///
    /// # Errors
    /// UNAVAILABLE: nobody listens there, or the peer refused the link, and why. INVALID_ARGUMENT: it is no address.
    pub async fn dial(&self, address: &str) -> Result<String, Error> {
        let kept = Kept::new(address);
        let before = self.inner.kept_links.last_epoch();
        let end = match self.inner.dial(address, Some(kept.clone())).await {
            Ok(end) => end,
            Err((error, _)) => return self.inner.peer_of_newest(address, before).await.ok_or(error),
        };
        let peer = end.peer().unwrap_or_default();
        let (node, closing) = (Arc::downgrade(&self.inner), self.inner.closing.clone());
        self.inner
            .tasks
            .spawn_on(keep(node, closing, kept, end), &self.inner.handle);
        Ok(peer)
    }

    /// As [`Self::dial`], but a link that is lost is not dialled again.
    ///
    /// # Errors
    /// As there.
    pub async fn dial_once(&self, address: &str) -> Result<String, Error> {
        let before = self.inner.kept_links.last_epoch();
        match self.inner.dial(address, None).await {
            Ok(end) => Ok(end.peer().unwrap_or_default()),
            Err((error, _)) => self.inner.peer_of_newest(address, before).await.ok_or(error),
        }
    }

    /// Links with another node of this process; returns when the link is up.
    ///
    /// # Errors
    /// UNAVAILABLE: a node refused the link, and why.
    pub async fn join(&self, other: &Node) -> Result<(), Error> {
        let near = self.dialler();
        let carry = join_in_memory(near.clone(), other.accept());
        self.inner.tasks.spawn_on(carry, &self.inner.handle);
        settled(&near, other.name()).await
    }

    /// The links that are up, and those that were lost and are dialled again, by the peer's name.
    pub fn links(&self) -> Vec<LinkInfo> {
        self.inner.link_infos()
    }

    /// Ends the link to a node, for good; also one that is being dialled again. A link that the other node dialled is dialled again
    /// from there, unless it is ended there.
    pub fn disconnect(&self, node: &str) {
        self.inner.keep_no_more(node);
        if let Some(link) = self.inner.link_to(node) {
            link.drain(&self.inner);
        }
    }
}

impl Inner {
    /// Makes a link, and returns when it is up; else why it is not, and how the peer ended it.
    pub(crate) async fn dial(
        self: &Arc<Self>,
        address: &str,
        kept: Option<Arc<Kept>>,
    ) -> Result<Arc<LinkEnd>, (Error, Option<Status>)> {
        let end = LinkEnd::new(self, Role::Dialer, kept);
        let _ = end.address.set(address.to_owned());
        // Who stops waiting leaves nothing behind.
        let mut given_up = GivenUp(Some(end.clone()));
        let (link, text, remote) = (end.clone(), address.to_owned(), self.remote.clone());
        let heard = Heard::new(self, address);
        let connect = async move { crate::remote::connect(link, &text, &heard, &remote).await };
        let connected = self.handle.spawn(connect).await.unwrap_or_else(|e| Err(e.to_string()));
        if let Err(why) = connected {
            return Err((self.unusable(address, &why, "no link was made"), None));
        }
        settled(&end, address)
            .await
            .map_err(|error| (error, end.fate_status()))?;
        given_up.0 = None;
        Ok(end)
    }

    /// Why an address is of no use: it is none, or there is nothing, or it is taken; and what that means.
    pub(super) fn unusable(&self, address: &str, why: &str, means: &'static str) -> Error {
        let code = match crate::remote::is_valid(address, &self.remote) {
            true => Code::Unavailable,
            false => Code::InvalidArgument,
        };
        let why = why
            .strip_prefix(address)
            .and_then(|why| why.strip_prefix(": "))
            .unwrap_or(why);
        Error::new(code, address, why).saying(means, "")
    }
}

/// A link that is dialled, and lost unless somebody takes it.
struct GivenUp(Option<Arc<LinkEnd>>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end.lost("dialling was given up");
        }
    }
}

async fn settled(end: &Arc<LinkEnd>, address: &str) -> Result<(), Error> {
    let settled = tokio::time::timeout(HANDSHAKE, end.settled.cancelled()).await;
    if settled.is_ok() && !end.is_down() {
        return Ok(());
    }
    let why = end
        .fate()
        .unwrap_or_else(|| "the peer did not answer the handshake in 10 s".into());
    end.lost(&why);
    Err(Error::new(Code::Unavailable, address, why))
}
