//! What a node says of itself: counted where it happens, put together when somebody asks.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use actorbridge_proto::v1::{self, Code, RefusalReason};

use crate::address::is_reserved;
use crate::api::Node;
use crate::cell::Cell;
use crate::logs::{About, Level};
use crate::machine::Millis;
use crate::node::{Inner, lock};
use crate::remote::Refused;

/// What the node says that it is.
pub(crate) const SOFTWARE: &str = concat!("actorbridge-rust ", env!("CARGO_PKG_VERSION"));

/// Most peers whose traffic is told apart.
const MAX_PEERS: usize = 128;
/// The peer of what goes by links with the others.
const OTHER_PEERS: &str = "*";
/// Most actors in a status, and how many there are where nothing is said.
const MAX_ACTORS: usize = 200;
const ACTORS: usize = 100;
/// Most links in a status.
const MAX_LINKS: usize = 64;
/// Most bytes of a status's lists: all of it is one message.
const ACTOR_BYTES: usize = 28 << 10;
const LINK_BYTES: usize = 8 << 10;
const TRAFFIC_BYTES: usize = 12 << 10;
const ASK_BYTES: usize = 8 << 10;

/// What goes by the links with one peer.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    sent: [AtomicU64; 2],
    received: [AtomicU64; 2],
    credit_stalls: AtomicU64,
    ups: AtomicU64,
}

impl Meter {
    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.sent, bytes);
    }

    pub(crate) fn received(&self, bytes: usize) {
        add(&self.received, bytes);
    }

    pub(crate) fn stalled(&self) {
        self.credit_stalls.fetch_add(1, Relaxed);
    }

    fn traffic(&self, peer: &str) -> v1::Traffic {
        let [frames_sent, bytes_sent] = self.sent.each_ref().map(|n| n.load(Relaxed));
        let [frames_received, bytes_received] = self.received.each_ref().map(|n| n.load(Relaxed));
        let of_many = peer == OTHER_PEERS || peer.is_empty();
        v1::Traffic {
            peer: peer.to_owned(),
            frames_sent,
            bytes_sent,
            frames_received,
            bytes_received,
            credit_stalls: self.credit_stalls.load(Relaxed),
            reconnects: if of_many {
                0
            } else {
                self.ups.load(Relaxed).saturating_sub(1)
            },
        }
    }
}

fn add([frames, bytes]: &[AtomicU64; 2], size: usize) {
    frames.fetch_add(1, Relaxed);
    bytes.fetch_add(size as u64, Relaxed);
}

/// What is counted of a node. Nothing of it is on the way of a message: what goes well is counted by its tables.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    refusals: Mutex<BTreeMap<i32, u64>>,
    /// Asks that ended without a reply.
    failed_asks: Mutex<BTreeMap<i32, u64>>,
    /// By peer; the empty name has what goes before a handshake is over.
    meters: Mutex<HashMap<String, Arc<Meter>>>,
}

impl Counters {
    pub(crate) fn refused(&self, reason: RefusalReason) {
        *lock(&self.refusals).entry(reason as i32).or_default() += 1;
    }

    pub(crate) fn ask_failed(&self, code: Code) {
        *lock(&self.failed_asks).entry(code as i32).or_default() += 1;
    }

    /// The meter of links whose handshake is not over.
    pub(crate) fn early(&self) -> Arc<Meter> {
        lock(&self.meters).entry(String::new()).or_default().clone()
    }

    /// A link with a peer is up: its meter from now on.
    pub(crate) fn up(&self, peer: &str) -> Arc<Meter> {
        let mut meters = lock(&self.meters);
        let known = meters.contains_key(peer) || meters.len() < MAX_PEERS;
        let name = if known { peer } else { OTHER_PEERS };
        let meter = meters.entry(name.to_owned()).or_default().clone();
        meter.ups.fetch_add(1, Relaxed);
        meter
    }

    fn traffic(&self) -> Vec<v1::Traffic> {
        let meters = lock(&self.meters);
        let mut all: Vec<_> = meters.iter().map(|(peer, meter)| meter.traffic(peer)).collect();
        all.sort_by(|a, b| a.peer.cmp(&b.peer));
        fitting(all, TRAFFIC_BYTES)
    }

    fn refusals(&self) -> Vec<v1::RefusalCount> {
        let refusals = lock(&self.refusals);
        let count = |(&reason, &count): (&i32, &u64)| v1::RefusalCount { reason, count };
        refusals.iter().map(count).collect()
    }

    /// `ended`: those that ended, in whatever way.
    fn asks(&self, ended: u64) -> Vec<v1::CodeCount> {
        let failed = lock(&self.failed_asks);
        let replied = ended.saturating_sub(failed.values().sum());
        let ok = v1::CodeCount {
            code: Code::Ok as i32,
            count: replied,
        };
        let count = |(&code, &count): (&i32, &u64)| v1::CodeCount { code, count };
        std::iter::once(ok).chain(failed.iter().map(count)).collect()
    }
}

/// A node that hears of connections that are refused at, or by, an address.
pub(crate) struct Heard {
    // A connection's task may outlive the node.
    node: Weak<Inner>,
    at: String,
}

impl Heard {
    pub(crate) fn new(node: &Arc<Inner>, at: &str) -> Self {
        let (node, at) = (Arc::downgrade(node), at.to_owned());
        Self { node, at }
    }
}

impl Refused for Heard {
    fn count(&self, reason: RefusalReason) {
        if let Some(node) = self.node.upgrade() {
            node.counters.refused(reason);
        }
    }

    fn tell(&self, from: &str, reason: Option<RefusalReason>, why: &str) {
        if let Some(node) = self.node.upgrade() {
            let of = match from {
                "" => String::new(),
                _ => format!("a connection from {from} was refused: "),
            };
            let code = reason.map_or("", |reason| reason.as_str_name());
            let about = About {
                code: code.trim_start_matches("REFUSAL_REASON_"),
                ..About::actor(&self.at)
            };
            node.log(Level::Warn, about, format!("{of}{why}"));
        }
    }
}

/// Counts an ask that ends without a reply, in whatever way its future ends.
pub(crate) struct Counted<'a> {
    pub(crate) counters: &'a Counters,
    /// How it ends.
    pub(crate) code: Code,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.code != Code::Ok {
            self.counters.ask_failed(self.code);
        }
    }
}

/// The first of them that have so many bytes in all.
fn fitting<M: prost::Message>(all: Vec<M>, mut room: usize) -> Vec<M> {
    let fits = |m: &M| {
        let size = m.encoded_len() + 4;
        let fits = size <= room;
        room -= size.min(room);
        fits
    };
    all.into_iter().take_while(fits).collect()
}

impl Inner {
    pub(crate) fn status(&self, request: &v1::StatusRequest) -> v1::NodeStatus {
        let now = self.now();
        let mut status = v1::NodeStatus {
            node: self.name.clone(),
            incarnation: self.incarnation,
            software: SOFTWARE.into(),
            language: "rust".into(),
            uptime_ms: now,
            heap_bytes: self.working.heap.map_or(0, |measure| measure()),
            traffic: self.counters.traffic(),
            refusals: self.counters.refusals(),
            ..Default::default()
        };
        self.tell_actors(&mut status, request);
        self.tell_links(&mut status, now);
        let (waiting, ended, oldest) = self.asks_now(now);
        (status.asks_waiting, status.oldest_asks) = (waiting, fitting(oldest, ASK_BYTES));
        status.asks = self.counters.asks(ended);
        let dead = self.dead();
        status.late_replies = dead.late_replies;
        status.dead_letters = dead.by_code();
        status
    }

    fn tell_actors(&self, status: &mut v1::NodeStatus, request: &v1::StatusRequest) {
        let most = match request.most_actors as usize {
            0 => ACTORS,
            most => most.min(MAX_ACTORS),
        };
        let mut cells = self.all_cells();
        cells.retain(|c| !is_reserved(c.path()));
        status.actors = u32::try_from(cells.len()).unwrap_or(u32::MAX);
        cells.retain(|c| c.path().starts_with(&request.prefix));
        let depth = |cell: &Arc<Cell>| cell.lock().pool.used();
        let mut by_depth: Vec<_> = cells.into_iter().map(|c| (depth(&c), c)).collect();
        by_depth.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.path().cmp(y.path())));
        let infos = by_depth.iter().take(most).map(|(_, cell)| cell.info()).collect();
        status.fullest = fitting(infos, ACTOR_BYTES);
        status.others_depth = by_depth.iter().skip(status.fullest.len()).map(|(depth, _)| depth).sum();
    }

    fn tell_links(&self, status: &mut v1::NodeStatus, now: Millis) {
        let links = self.links.read().unwrap_or_else(|e| e.into_inner()).clone();
        let mut links: Vec<_> = links.into_values().collect();
        links.sort_by_key(|l| l.id());
        status.links_up = u32::try_from(links.iter().filter(|l| l.is_up()).count()).unwrap_or(u32::MAX);
        let told = links.iter().take(MAX_LINKS).map(|l| l.status(now)).collect();
        status.links = fitting(told, LINK_BYTES);
    }
}

impl Node {
    /// What the node does at present, and what it has counted: its actors, links, asks, refusals. Its `/system` answers the same.
    pub fn status(&self, request: &v1::StatusRequest) -> v1::NodeStatus {
        self.inner.status(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_beyond_the_bound_share_a_meter() {
        let counters = Counters::default();
        counters.early().received(3);
        for i in 0..1_000 {
            counters.up(&format!("peer-{i:04}")).sent(10);
        }
        let traffic = counters.traffic();
        assert_eq!(traffic.len(), MAX_PEERS + 1);
        let other = traffic.iter().find(|t| t.peer == OTHER_PEERS).expect("the others");
        assert_eq!(
            (other.frames_sent, other.reconnects),
            (1_000 - (MAX_PEERS as u64 - 1), 0)
        );
        let total: u64 = traffic.iter().map(|t| t.bytes_sent).sum();
        assert_eq!(total, 10_000);
    }

    #[test]
    fn a_second_link_with_a_peer_is_a_reconnect() {
        let counters = Counters::default();
        counters.up("a");
        assert_eq!(counters.traffic()[0].reconnects, 0);
        counters.up("a");
        assert_eq!(counters.traffic()[0].reconnects, 1);
    }
}
