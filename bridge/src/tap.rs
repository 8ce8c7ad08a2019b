//! A look at the envelopes that go by links, for who asks `/system`. It is bounded: what does not fit is counted, and nobody waits.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

use actorbridge_proto::v1::{self, Code, Direction, Kind, TapRequest, Tapped, TappedEnvelope};
use actorbridge_proto::{What, Who};
use prost::Message as _;

use crate::context::Responder;
use crate::error::Fault;
use crate::node::{Inner, lock};

/// Most taps of a node.
const MAX_TAPS: usize = 8;
/// Most envelopes that wait to be told, and their bytes: all of them go in one event.
const MAX_WAITING: usize = 512;
const MAX_BYTES: usize = 48 << 10;
/// How often they are told.
const EVERY: Duration = Duration::from_millis(100);
/// Most asks whose answers a tap looks for.
const MAX_ASKS: usize = 1_024;
const TAPPED: &str = "actorbridge.v1.Tapped";

/// The taps of a node.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    some: AtomicBool,
    all: RwLock<Vec<Arc<Tap>>>,
}

/// Messages of one stream and type that go by a link together.
pub(crate) struct Seen<'a> {
    pub(crate) peer: &'a str,
    pub(crate) link: u64,
    pub(crate) direction: Direction,
    pub(crate) who: &'a Who,
    pub(crate) what: &'a What,
    pub(crate) correlation: u64,
    /// The seq of the first.
    pub(crate) seq: u64,
    pub(crate) hops: u32,
    pub(crate) ttl_ms: u32,
}

#[derive(Debug)]
struct Tap {
    request: TapRequest,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<TappedEnvelope>,
    bytes: usize,
    shown: u64,
    missed: u64,
    /// By link, the direction of their answers and correlation, the oldest first.
    asks: HashSet<(u64, Direction, u64)>,
    asked: VecDeque<(u64, Direction, u64)>,
}

impl Taps {
    /// Does anybody look? One load, and nothing more has to be done on the way of a message where nobody does.
    pub(crate) fn any(&self) -> bool {
        self.some.load(Ordering::Relaxed)
    }

    /// Shows messages to who looks; `bytes_of` is how many bytes each one's payload has.
    pub(crate) fn show(&self, seen: &Seen<'_>, count: usize, bytes_of: impl Fn(usize) -> usize) {
        // What a tap tells by a link would be told again.
        if seen.what.type_name != TAPPED {
            let all = self.all.read().unwrap_or_else(|e| e.into_inner());
            all.iter().for_each(|tap| tap.show(seen, count, &bytes_of));
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Tap>>)) {
        let mut all = self.all.write().unwrap_or_else(|e| e.into_inner());
        change(&mut all);
        self.some.store(!all.is_empty(), Ordering::Relaxed);
    }
}

impl Tap {
    fn show(&self, seen: &Seen<'_>, count: usize, bytes_of: &impl Fn(usize) -> usize) {
        if !self.request.peer.is_empty() && self.request.peer != seen.peer {
            return;
        }
        let mut queue = lock(&self.queue);
        if !self.wants(seen) && !queue.is_awaited(seen) {
            return;
        }
        queue.note_ask(seen);
        for i in 0..count {
            if self.is_done(&queue) {
                return;
            }
            if queue.waiting.len() == MAX_WAITING {
                queue.missed += (count - i) as u64;
                return;
            }
            queue.push(seen.envelope(i, bytes_of(i)));
        }
    }

    fn wants(&self, seen: &Seen<'_>) -> bool {
        let TapRequest { actor, r#type, .. } = &self.request;
        let is_of = |address: &str| path_of(address).starts_with(actor);
        seen.what.type_name.starts_with(r#type) && (is_of(&seen.who.source) || is_of(&seen.who.target))
    }

    /// Has all been shown that was asked for?
    fn is_done(&self, queue: &Queue) -> bool {
        self.request.most > 0 && queue.shown + queue.waiting.len() as u64 >= self.request.most
    }

    /// What was seen since the last time, and whether that was all.
    fn take(&self) -> (Tapped, bool) {
        let mut queue = lock(&self.queue);
        let done = self.is_done(&queue);
        queue.bytes = 0;
        queue.shown += queue.waiting.len() as u64;
        let envelopes = std::mem::take(&mut queue.waiting);
        let missed = queue.missed;
        (Tapped { envelopes, missed }, done)
    }
}

impl Queue {
    fn push(&mut self, envelope: TappedEnvelope) {
        let size = envelope.encoded_len() + 4;
        if self.bytes + size > MAX_BYTES {
            self.missed += 1;
            return;
        }
        self.bytes += size;
        self.waiting.push(envelope);
    }

    /// Remembers an ask, so that its answer is shown too: an answer does not say whose it is.
    fn note_ask(&mut self, seen: &Seen<'_>) {
        if seen.what.kind != Kind::Ask as u32 || seen.correlation == 0 {
            return;
        }
        let back = match seen.direction {
            Direction::Sent => Direction::Received,
            _ => Direction::Sent,
        };
        let key = (seen.link, back, seen.correlation);
        if self.asked.len() == MAX_ASKS
            && let Some(oldest) = self.asked.pop_front()
        {
            self.asks.remove(&oldest);
        }
        if self.asks.insert(key) {
            self.asked.push_back(key);
        }
    }

    /// Does it answer an ask that was shown?
    fn is_awaited(&self, seen: &Seen<'_>) -> bool {
        let answers = [Kind::Reply, Kind::Failure, Kind::Event].map(|kind| kind as u32);
        answers.contains(&seen.what.kind) && self.asks.contains(&(seen.link, seen.direction, seen.correlation))
    }
}

impl Seen<'_> {
    fn envelope(&self, i: usize, payload_bytes: usize) -> TappedEnvelope {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        TappedEnvelope {
            unix_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            peer: self.peer.to_owned(),
            link: self.link,
            direction: self.direction as i32,
            kind: self.what.kind as i32,
            source: self.who.source.clone(),
            target: self.who.target.clone(),
            r#type: self.what.type_name.clone(),
            type_version: self.what.version,
            content_type: self.what.content_type as i32,
            compression: self.what.compression as i32,
            payload_bytes: payload_bytes as u64,
            correlation: self.correlation,
            ttl_ms: self.ttl_ms,
            seq: if self.seq == 0 { 0 } else { self.seq + i as u64 },
            hops: self.hops,
        }
    }
}

/// The path in `ab:///path` or `ab://node/path`.
fn path_of(address: &str) -> &str {
    let rest = address.strip_prefix("ab://").unwrap_or_default();
    rest.split_once('/').map_or("", |(_, path)| path)
}

/// A tap that ends when it is dropped.
pub(crate) struct Tapping {
    taps: Arc<Taps>,
    tap: Arc<Tap>,
}

impl Drop for Tapping {
    fn drop(&mut self) {
        self.taps.change(|all| all.retain(|tap| !Arc::ptr_eq(tap, &self.tap)));
    }
}

impl Tapping {
    /// # Errors
    /// MAILBOX_FULL: there are as many as there may be.
    pub(crate) fn begin(node: &Inner, request: TapRequest) -> Result<Self, Fault> {
        let (taps, queue) = (node.taps.clone(), Mutex::default());
        let tap = Arc::new(Tap { request, queue });
        let mut begun = false;
        taps.change(|all| {
            begun = all.len() < MAX_TAPS;
            if begun {
                all.push(tap.clone());
            }
        });
        match begun {
            true => Ok(Self { taps, tap }),
            false => {
                let detail = format!("{MAX_TAPS} look at what goes by this node's links already; end another tap");
                Err(Fault::new(Code::MailboxFull, detail))
            }
        }
    }

    /// Tells what is seen until all has been shown that was asked for, who asked waits no longer, or the node shuts down.
    pub(crate) async fn tell(self, node: Arc<Inner>, responder: Responder) {
        // The first one says that the tap has begun.
        let (mut first, mut told) = (true, 0);
        loop {
            let (tapped, done) = self.tap.take();
            if first || !tapped.envelopes.is_empty() || tapped.missed > told {
                (first, told) = (false, tapped.missed);
                tokio::select! {
                    biased;
                    sent = responder.emit(&tapped) => if sent.is_err() { return },
                    () = node.closing.cancelled() => {}
                }
            }
            if done || node.closing.is_cancelled() {
                let shown = lock(&self.tap.queue).shown;
                // Who asked may be gone.
                let _ = responder.reply(&v1::TapReply { shown, missed: told });
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = node.closing.cancelled() => {}
                () = responder.cancelled() => return,
            }
        }
    }
}
