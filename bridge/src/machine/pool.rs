//! One actor's mailbox permits, shared by local senders and by the credit of incoming streams.

use std::collections::{BTreeSet, VecDeque};

use super::few::FewMap;

/// Credit that a new stream may use before it has heard from the receiver.
pub const INITIAL_CREDIT: u64 = 16;

/// See [`Pool::most`].
const BEYOND: u64 = 4_096;

/// An incoming stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamKey {
    /// The shell's number of the link.
    pub link: u64,
    /// The stream's flow on it.
    pub flow: u32,
    /// Which of the link's openings it is: a sender gives a flow's number again as soon as its stream is closed, when messages of
    /// that may still be held here.
    pub opened: u32,
}

/// What became of an arriving message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// There is room; a permit is taken until it is released.
    Accepted,
    /// Within the initial credit of a new stream, but the pool holds the most it ever does: refuse with MAILBOX_FULL.
    Full,
    /// The stream is not bound here.
    Unknown,
}

/// What a stream's sender should be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The stream.
    pub key: StreamKey,
    /// All seqs up to this are terminal.
    pub processed: u64,
    /// The highest seq that may be sent.
    pub credit: u64,
    /// The sender needs it for nothing yet: it may be told a moment later, with something else.
    pub may_wait: bool,
}

#[derive(Debug)]
struct Stream {
    /// Arrived and not released, rising.
    held: VecDeque<u64>,
    last_seq: u64,
    credit: u64,
    /// Credit up to here was given at the opening, without permits behind it.
    initial: u64,
    /// (processed, credit) as the sender knows them.
    told: (u64, u64),
    /// The same without what could wait, and has perhaps not left yet.
    surely_told: (u64, u64),
    /// Its sender is told as soon as the first one is processed; the last one comes after it. 0 = none.
    awaited: (u64, u64),
}

impl Stream {
    /// May its sender hear a moment later that so much is processed? It surely has half its window left, and little to hear of.
    fn may_wait(&self, processed: u64, window: u64) -> bool {
        let (sure_processed, sure_credit) = self.surely_told;
        sure_credit > self.last_seq + window / 2 && processed < sure_processed + window.div_ceil(2)
    }

    /// All seqs up to this are terminal.
    fn processed(&self) -> u64 {
        self.held.front().map_or(self.last_seq, |first| first - 1)
    }

    /// The sender is told how far its messages are processed.
    fn heard(&mut self, processed: u64) {
        if self.awaited.0 <= processed {
            let last = self.awaited.1;
            self.awaited = if last > processed { (last, last) } else { (0, 0) };
        }
    }

    /// Permits that are reserved for what the sender may still send.
    fn promised(&self) -> u64 {
        self.credit - self.last_seq.max(self.initial).min(self.credit)
    }
}

/// Bounds everything that one actor holds.
///
/// `capacity` permits: a local message holds one until it is handled; a stream reserves what its sender may still send. A
/// stream's window is `max(1, capacity / (streams + 1))`, so that neither a stream nor local senders can starve the others.
/// Credit is raised when half the window is used up, or when the mailbox drains.
///
/// Credit cannot be taken back, and who was promised room may be silent for ever. So that this keeps nobody out, a pool that
/// holds nothing gives one permit to whoever has none. What was sent before the receiver could say that it is full is taken
/// beyond the capacity, up to [`Pool::most`]: the initial credit of a new stream, and what is forwarded after a move.
#[derive(Debug)]
pub struct Pool {
    capacity: u32,
    frozen: bool,
    /// Messages held.
    used: u64,
    /// Permits reserved by streams.
    promised: u64,
    /// While there are any: most pools of many have none at a time.
    streams: Option<Box<Streams>>,
}

#[derive(Debug)]
struct Streams {
    all: FewMap<StreamKey, Stream>,
    /// Those that may have something to be told.
    dirty: BTreeSet<StreamKey>,
    /// The one that was granted something last: where room is short, the others come first.
    turn: StreamKey,
}

impl Streams {
    const fn new() -> Self {
        Self {
            all: FewMap::new(),
            dirty: BTreeSet::new(),
            turn: StreamKey {
                link: 0,
                flow: 0,
                opened: 0,
            },
        }
    }
}

impl Pool {
    /// A pool of `capacity` permits, at least one.
    pub fn new(capacity: u32) -> Self {
        Self {
            capacity: capacity.max(1),
            frozen: false,
            used: 0,
            promised: 0,
            streams: None,
        }
    }

    /// Takes a permit for a local message, if there is one.
    pub fn take_local(&mut self) -> bool {
        let room = !self.frozen && (self.used == 0 || self.used + self.promised < u64::from(self.capacity));
        self.used += u64::from(room);
        room
    }

    /// Takes a permit for a message that must not be refused: what a moved actor held.
    pub fn force_local(&mut self) {
        self.used += 1;
    }

    /// Takes a permit for a message that an old owner of the actor had room for, unless the pool holds the most it ever does.
    pub fn take_forwarded(&mut self) -> bool {
        let room = self.used < self.most();
        self.used += u64::from(room);
        room
    }

    /// A local message was handled, or left.
    pub fn release_local(&mut self) {
        self.used -= 1;
    }

    /// A stream was bound; its first message will have `first_seq`.
    pub fn open(&mut self, key: StreamKey, first_seq: u64, initial_credit: u64) {
        let processed = first_seq.saturating_sub(1);
        let credit = processed + initial_credit;
        let stream = Stream {
            held: VecDeque::new(),
            last_seq: processed,
            credit,
            initial: credit,
            told: (processed, credit),
            surely_told: (processed, credit),
            awaited: (0, 0),
        };
        self.close(key);
        let streams = self.streams.get_or_insert_with(|| Box::new(Streams::new()));
        streams.all.insert(key, stream);
        streams.dirty.insert(key);
    }

    /// A stream is not bound any more. What it holds stays until it is released.
    pub fn close(&mut self, key: StreamKey) {
        let Some(streams) = &mut self.streams else { return };
        if let Some(stream) = streams.all.remove(&key) {
            self.promised -= stream.promised();
            streams.dirty.remove(&key);
        }
        if streams.all.len() == 0 {
            self.streams = None;
        }
    }

    /// A message arrived within the stream's credit.
    pub fn arrive(&mut self, key: StreamKey, seq: u64) -> Arrival {
        let most = self.most();
        let Some((stream, dirty)) = stream_of(&mut self.streams, key) else {
            return Arrival::Unknown;
        };
        let before = stream.promised();
        stream.last_seq = stream.last_seq.max(seq);
        self.promised -= before - stream.promised();
        dirty.insert(key);
        if seq <= stream.initial && self.used >= most {
            return Arrival::Full;
        }
        stream.held.push_back(seq);
        self.used += 1;
        Arrival::Accepted
    }

    /// As [`Self::arrive`] for `n` messages from `first` on: all of them, or none.
    pub fn arrive_run(&mut self, key: StreamKey, first: u64, n: u64) -> Arrival {
        let most = self.most();
        let Some((stream, dirty)) = stream_of(&mut self.streams, key) else {
            return Arrival::Unknown;
        };
        let last = first + n - 1;
        if first <= stream.initial && self.used + n > most {
            return Arrival::Full;
        }
        let before = stream.promised();
        stream.last_seq = stream.last_seq.max(last);
        self.promised -= before - stream.promised();
        stream.held.extend(first..=last);
        self.used += n;
        dirty.insert(key);
        Arrival::Accepted
    }

    /// The sender waits to hear that this message, which has arrived, is processed.
    pub fn await_processed(&mut self, key: StreamKey, seq: u64) {
        if let Some((stream, _)) = stream_of(&mut self.streams, key) {
            let first = if stream.awaited.0 == 0 { seq } else { stream.awaited.0 };
            stream.awaited = (first, seq);
        }
    }

    /// A seq came and was refused before it could arrive: its credit is used up, and no permit was taken.
    pub fn refused(&mut self, key: StreamKey, seq: u64) {
        if let Some((stream, dirty)) = stream_of(&mut self.streams, key).filter(|(s, _)| seq <= s.credit) {
            let before = stream.promised();
            stream.last_seq = stream.last_seq.max(seq);
            self.promised -= before - stream.promised();
            dirty.insert(key);
        }
    }

    /// A message that had arrived on `key` is terminal, in whatever order.
    pub fn release(&mut self, key: StreamKey, seq: u64) {
        self.used -= 1;
        if let Some((stream, dirty)) = stream_of(&mut self.streams, key)
            && let Ok(at) = stream.held.binary_search(&seq)
        {
            stream.held.remove(at);
            dirty.insert(key);
        }
    }

    /// As [`Self::release`] for the `n` messages from `first` on, of which none has been released.
    pub fn release_run(&mut self, key: StreamKey, first: u64, n: u64) {
        self.used -= n;
        if let Some((stream, dirty)) = stream_of(&mut self.streams, key)
            && let Ok(at) = stream.held.binary_search(&first)
        {
            stream.held.drain(at..at + n as usize);
            dirty.insert(key);
        }
    }

    /// While frozen, nothing is granted and no local permit is given.
    pub fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Messages held.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The most messages that it holds, whatever is promised, comes on new streams or is forwarded: twice the capacity, since
    /// an old owner of the actor may have promised as much, and 4,096.
    pub fn most(&self) -> u64 {
        2 * u64::from(self.capacity) + BEYOND
    }

    /// Its permits.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// What to tell the senders now. `drained`: the mailbox is empty, so say all there is to say.
    pub fn grants(&mut self, drained: bool) -> Vec<Grant> {
        let mut grants = Vec::new();
        let capacity = u64::from(self.capacity);
        let Some(streams) = self.streams.as_mut().filter(|s| !self.frozen && !s.dirty.is_empty()) else {
            return grants;
        };
        let window = (capacity / (streams.all.len() as u64 + 1)).max(1);
        let (mut waiting, empty) = (BTreeSet::new(), self.used == 0);
        let dirty = std::mem::take(&mut streams.dirty);
        let (first, then): (Vec<_>, Vec<_>) = dirty.into_iter().partition(|key| *key > streams.turn);
        for key in first.into_iter().chain(then) {
            let Some(stream) = streams.all.get_mut(&key) else {
                continue;
            };
            let ahead = stream.credit.saturating_sub(stream.last_seq);
            if ahead <= window / 2 || (drained && ahead < window) {
                let one = u64::from(empty && ahead == 0);
                let room = capacity.saturating_sub(self.used + self.promised).max(one);
                let wanted = window.saturating_sub(ahead);
                let before = stream.promised();
                stream.credit = stream.credit.max(stream.last_seq) + wanted.min(room);
                self.promised += stream.promised() - before;
                if wanted.min(room) > 0 {
                    streams.turn = key;
                }
                if wanted > room {
                    waiting.insert(key);
                }
            }
            let (told_processed, told_credit) = stream.told;
            let processed = stream.processed();
            let half = processed >= told_processed + window.div_ceil(2);
            let awaited = stream.awaited.0 > 0 && processed >= stream.awaited.0;
            if stream.credit > told_credit || half || awaited || (drained && processed > told_processed) {
                stream.told = (processed, stream.credit);
                let may_wait = !awaited && stream.may_wait(processed, window);
                if !may_wait {
                    stream.surely_told = stream.told;
                }
                stream.heard(processed);
                grants.push(Grant {
                    key,
                    processed,
                    credit: stream.credit,
                    may_wait,
                });
            } else if processed > told_processed {
                waiting.insert(key);
            }
        }
        streams.dirty = waiting;
        grants
    }

    /// The streams that are bound, with the last seq that came on each.
    pub fn streams(&self) -> impl Iterator<Item = (StreamKey, u64)> + '_ {
        let streams = self.streams.iter().flat_map(|streams| streams.all.iter());
        streams.map(|(k, s)| (*k, s.last_seq))
    }
}

/// A stream that is bound, and the set of those that may have something to be told.
fn stream_of(streams: &mut Option<Box<Streams>>, key: StreamKey) -> Option<(&mut Stream, &mut BTreeSet<StreamKey>)> {
    let streams = streams.as_mut()?;
    Some((streams.all.get_mut(&key)?, &mut streams.dirty))
}
