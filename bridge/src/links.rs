//! Links that a node dialled and keeps: when one is lost, it is dialled again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use actorbridge_proto::v1::Status;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::door::LinkEnd;
use crate::logs::{About, Level};
use crate::machine::link::Role;
use crate::node::{Inner, lock};

/// A link is dialled again after a random time up to this; it doubles with each attempt that fails.
const DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(5);
/// The most that a peer which shuts down is stayed away from for its asking.
const LONGEST_AWAY: Duration = Duration::from_secs(300);
/// As long where the peer says that there can be no link: only a change at one side helps.
const REFUSED_DELAY: Duration = Duration::from_secs(60);
/// How long a peer may take to answer the handshake.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often the log says that the same thing still fails, after the first few attempts.
const SAY_AGAIN: Duration = Duration::from_secs(60);
const SAY_FIRST: u64 = 3;
/// Most peers whose incarnation is remembered.
const MAX_MET: usize = 16_384;

/// What a link does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkState {
    /// Messages flow.
    Up,
    /// It was lost, and is dialled until it is up again.
    Redialling,
}

/// A link as [`Node::links`](crate::Node::links) shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkInfo {
    /// The other node's name.
    pub peer: String,
    /// The address that is dialled again when the link is lost; empty for a link that is not: the peer dialled it, or it was not
    /// to be kept.
    pub address: String,
    /// What it does.
    pub state: LinkState,
    /// How often it has come back.
    pub redials: u64,
    /// Attempts that failed since it was lost.
    pub attempts: u64,
    /// Why it was lost, or the last attempt failed; empty while it is up.
    pub reason: String,
}

/// What a node knows of its links, beside their ends.
#[derive(Default)]
pub(crate) struct Links {
    epochs: AtomicU64,
    /// By peer.
    kept: Mutex<HashMap<String, Arc<Kept>>>,
    /// The last incarnation of each peer.
    met: Mutex<HashMap<String, u64>>,
    /// Held while it is decided whether a link may be, so that of two of one node the older one ends.
    pub(crate) admission: Mutex<()>,
}

impl Links {
    /// The number of the next dial.
    pub(crate) fn next_epoch(&self) -> u64 {
        self.epochs.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The number of the last dial; 0 = there was none.
    pub(crate) fn last_epoch(&self) -> u64 {
        self.epochs.load(Ordering::Relaxed)
    }

    /// Is `kept` what there is for its peer?
    fn holds(&self, kept: &Arc<Kept>) -> bool {
        let peer = lock(&kept.info).peer.clone();
        lock(&self.kept).get(&peer).is_some_and(|k| Arc::ptr_eq(k, kept))
    }
}

/// A link that is dialled again when it is lost.
pub(crate) struct Kept {
    pub(crate) address: String,
    info: Mutex<LinkInfo>,
    /// Trips when the user has ended the link, or dialled the peer otherwise: for good.
    ended: CancellationToken,
}

impl Kept {
    pub(crate) fn new(address: &str) -> Arc<Self> {
        let info = LinkInfo {
            peer: String::new(),
            address: address.to_owned(),
            state: LinkState::Up,
            redials: 0,
            attempts: 0,
            reason: String::new(),
        };
        Arc::new(Self {
            address: address.to_owned(),
            info: Mutex::new(info),
            ended: CancellationToken::new(),
        })
    }

    /// Is it not to be dialled again?
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    fn lost(&self, why: &str) {
        let mut info = lock(&self.info);
        // Not so the link of an attempt that fails.
        if info.state == LinkState::Up {
            info.state = LinkState::Redialling;
            info.reason = why.to_owned();
        }
    }

    /// How many attempts have failed.
    fn failed(&self, why: &str) -> u64 {
        let mut info = lock(&self.info);
        info.attempts += 1;
        info.reason = why.to_owned();
        info.attempts
    }

    fn back(&self) {
        let mut info = lock(&self.info);
        info.redials += u64::from(info.state == LinkState::Redialling);
        (info.state, info.attempts) = (LinkState::Up, 0);
        info.reason.clear();
    }

    /// What is said to those who send while it is away.
    fn why_away(&self) -> Option<String> {
        let info = lock(&self.info);
        let LinkInfo {
            peer, reason, attempts, ..
        } = &*info;
        let tried = match attempts {
            0 => String::new(),
            n => format!(" after {n} attempts"),
        };
        (info.state == LinkState::Redialling)
            .then(|| format!("the link to node {peer} is being made again{tried}: {reason}"))
    }
}

impl Inner {
    /// A link has come up. What this node dialled last is what it keeps for the peer, or nothing.
    pub(crate) fn link_up(&self, peer: &str, incarnation: u64, role: Role, kept: Option<&Arc<Kept>>) {
        let before = {
            let mut met = lock(&self.kept_links.met);
            if met.len() >= MAX_MET && !met.contains_key(peer) {
                met.clear();
            }
            met.insert(peer.to_owned(), incarnation)
        };
        if before.is_some_and(|before| before != incarnation) {
            self.reclaim(peer);
        }
        if role == Role::Acceptor || kept.is_some_and(|kept| kept.is_ended()) {
            return;
        }
        let mut all = lock(&self.kept_links.kept);
        let old = match kept {
            Some(kept) => {
                let before = std::mem::replace(&mut lock(&kept.info).peer, peer.to_owned());
                // Another node may answer at its address than before.
                if all.get(&before).is_some_and(|k| Arc::ptr_eq(k, kept)) {
                    all.remove(&before);
                }
                kept.back();
                all.insert(peer.to_owned(), kept.clone())
            }
            None => all.remove(peer),
        };
        drop(all);
        if let Some(old) = old.filter(|old| kept.is_none_or(|kept| !Arc::ptr_eq(old, kept))) {
            old.ended.cancel();
        }
    }

    /// A link is over. Called before its senders know, so that they find the reason.
    pub(crate) fn link_lost(&self, kept: &Arc<Kept>, why: &str, away: Duration) {
        if !kept.is_ended() && !self.closing.is_cancelled() && self.kept_links.holds(kept) {
            let away = away.min(LONGEST_AWAY);
            match away.is_zero() {
                true => kept.lost(why),
                false => kept.lost(&format!(
                    "{why}; as it asks, it is dialled again after {} s",
                    away.as_secs_f64()
                )),
            }
        }
    }

    /// The user has ended the link to a node.
    pub(crate) fn keep_no_more(&self, peer: &str) {
        if let Some(kept) = lock(&self.kept_links.kept).remove(peer) {
            kept.ended.cancel();
        }
    }

    /// Why there is no link to a node that is dialled again; without a name, to any such node.
    pub(crate) fn why_away(&self, peer: Option<&str>) -> Option<String> {
        let kept: Vec<_> = match peer {
            Some(peer) => lock(&self.kept_links.kept).get(peer).cloned().into_iter().collect(),
            None => lock(&self.kept_links.kept).values().cloned().collect(),
        };
        let away = |k: &Arc<Kept>| self.link_to(&lock(&k.info).peer).is_none();
        kept.iter().filter(|k| away(k)).find_map(|k| k.why_away())
    }

    /// The links that are up, and those that are made again.
    pub(crate) fn link_infos(&self) -> Vec<LinkInfo> {
        let kept = lock(&self.kept_links.kept).clone();
        let up: Vec<_> = {
            let links = self.links.read().unwrap_or_else(|e| e.into_inner());
            links.values().filter(|l| l.is_up()).cloned().collect()
        };
        let mut all: Vec<_> = kept.values().map(|k| lock(&k.info).clone()).collect();
        let of_kept = |l: &LinkEnd| l.kept().is_some_and(|k| self.kept_links.holds(k));
        all.extend(up.iter().filter(|l| !of_kept(l)).filter_map(|l| {
            Some(LinkInfo {
                peer: l.peer()?,
                address: String::new(),
                state: LinkState::Up,
                redials: 0,
                attempts: 0,
                reason: String::new(),
            })
        }));
        all.sort_by(|a, b| (&a.peer, &a.address).cmp(&(&b.peer, &b.address)));
        all
    }

    /// Whose link stands in the place of one that ended while its address was dialled: that of the newest of the dials of the address
    /// after the `epoch`th, if it is up.
    pub(crate) async fn peer_of_newest(&self, address: &str, mut epoch: u64) -> Option<String> {
        loop {
            let newest = {
                let links = self.links.read().unwrap_or_else(|e| e.into_inner());
                let is_later = |l: &&Arc<LinkEnd>| l.address.get().is_some_and(|a| a == address) && l.epoch() > epoch;
                links.values().filter(is_later).max_by_key(|l| l.epoch()).cloned()?
            };
            let _ = tokio::time::timeout(HANDSHAKE, newest.settled.cancelled()).await;
            if newest.is_up() {
                return newest.peer();
            }
            epoch = newest.epoch();
        }
    }

    /// Waits until each later dial of this node has found its peer, or none: it may be the link's place that it takes.
    async fn later_dials(&self, epoch: u64) {
        let later: Vec<_> = {
            let links = self.links.read().unwrap_or_else(|e| e.into_inner());
            let later = links.values().filter(|l| l.role() == Role::Dialer && l.epoch() > epoch);
            later.cloned().collect()
        };
        for link in later {
            let _ = tokio::time::timeout(HANDSHAKE, link.settled.cancelled()).await;
        }
    }
}

/// The times between dials.
pub(crate) struct Waits {
    most: Duration,
}

impl Waits {
    pub(crate) fn new() -> Self {
        Self { most: DELAY }
    }

    /// The next one, by a random number. Full jitter, so that many nodes that lost one peer do not come back at once.
    pub(crate) fn next(&self, random: u64) -> Duration {
        self.most.mul_f64(random as f64 / u64::MAX as f64)
    }

    /// An attempt has failed, since the peer refused the link or otherwise.
    pub(crate) fn failed(&mut self, refused: bool) {
        self.most = match refused {
            true => REFUSED_DELAY,
            false => (self.most * 2).min(MAX_DELAY),
        };
    }
}

/// Makes a link again whenever it is lost, until it is not to be kept any more, or the node is gone.
pub(crate) async fn keep(node: Weak<Inner>, closing: CancellationToken, kept: Arc<Kept>, mut end: Arc<LinkEnd>) {
    loop {
        tokio::select! {
            () = end.down.cancelled() => {}
            () = kept.ended.cancelled() => return,
            () = closing.cancelled() => return,
        }
        let again = tokio::select! {
            again = redial(&node, &kept, &end) => again,
            () = kept.ended.cancelled() => return,
            () = closing.cancelled() => return,
        };
        match again {
            Some(next) => end = next,
            None => return,
        }
    }
}

/// The next link; `None` = there is to be none.
async fn redial(node: &Weak<Inner>, kept: &Arc<Kept>, lost: &LinkEnd) -> Option<Arc<LinkEnd>> {
    let mut waits = Waits::new();
    tokio::time::sleep(lost.stay_away().min(LONGEST_AWAY)).await;
    let mut said: Option<(String, Instant)> = None;
    loop {
        tokio::time::sleep(waits.next(crate::node::random())).await;
        let node = node.upgrade()?;
        node.later_dials(lost.epoch()).await;
        if !node.kept_links.holds(kept) {
            return None;
        }
        let (why, code, refused) = match node.dial(&kept.address, Some(kept.clone())).await {
            Ok(next) => return Some(next),
            Err((error, status)) => (
                error.detail().to_owned(),
                error.code().as_str_name().trim_start_matches("CODE_"),
                !matches!(status, None | Some(Status::LinkDown)),
            ),
        };
        let is_new = |(what, when): &(String, Instant)| *what != why || when.elapsed() >= SAY_AGAIN;
        if kept.failed(&why) <= SAY_FIRST || said.as_ref().is_none_or(is_new) {
            let peer = lock(&kept.info).peer.clone();
            let about = About {
                peer: &peer,
                link: lost.id(),
                code,
                ..About::default()
            };
            node.log(Level::Warn, about, format!("a link could not be made again: {why}"));
            said = Some((why, Instant::now()));
        }
        waits.failed(refused);
    }
}

#[cfg(test)]
mod tests {
    use actorbridge_proto::{Packet, v1};

    use super::*;

    #[test]
    fn waits_are_random_up_to_a_bound_that_doubles_and_has_a_cap() {
        let mut waits = Waits::new();
        for most in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
            let at = |random| waits.next(random).as_millis();
            assert_eq!([0, u64::MAX / 4, u64::MAX].map(at), [0, most / 4, most]);
            waits.failed(false);
        }
        waits.failed(true);
        assert_eq!(waits.next(u64::MAX), Duration::from_secs(60), "where the peer refuses");
        waits.failed(false);
        assert_eq!(
            waits.next(u64::MAX),
            Duration::from_secs(5),
            "and where it does not any more"
        );
    }

    #[tokio::test]
    async fn a_link_that_is_ended_while_it_is_made_again_stays_ended() {
        let builder = crate::Node::builder("a").runtime(tokio::runtime::Handle::current());
        let node = builder.start().expect("it starts");
        let kept = Kept::new("tcp://127.0.0.1:1");
        "b".clone_into(&mut lock(&kept.info).peer);
        lock(&node.inner.kept_links.kept).insert("b".into(), kept.clone());
        let end = LinkEnd::new(&node.inner, Role::Dialer, Some(kept));
        node.disconnect("b");
        let welcome = v1::Welcome {
            protocol: 1,
            node: "b".into(),
            incarnation: 7,
            ..Default::default()
        };
        let head = v1::Frame {
            number: 1,
            welcome: Some(welcome),
            ..Default::default()
        };
        end.receive_packet(Packet { head, runs: vec![] });
        assert!(!end.is_up(), "it takes messages");
        assert_eq!(node.links(), []);
        end.lost("it has no transport");
        node.shutdown(Duration::from_secs(1)).await.expect("everything ends");
    }
}
