//! A link's lane in shared memory: what the node says is written to one ring, and a pump takes what comes by the other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, TryLockError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use actorbridge::door::{Lane, LaneItem, LaneRun, LinkEnd};
use actorbridge_proto::Packet;
use prost::Message as _;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::bell::Bell;
use crate::debug::{self, Talk};
use crate::host::lock;
use crate::ring::{MAX_RECORD, Memory, Reader, RunHead, Taken, Way, Writer};
use crate::signals;

/// How long the pump looks for more before it sleeps, if that paid the last time: waking a core takes tens of microseconds.
const SPIN: Duration = Duration::from_micros(100);
/// Records after which the pump lets the actors run.
const BATCH: usize = 64;
/// Messages below which the pump pauses: who takes each message as it comes moves a cache line for each.
const FEW: usize = 16;
/// The length of that pause, in instructions that do nothing.
const PAUSE: u32 = 8;
/// How often the pump looks for more before it lets other tasks run once more: to let them wakes another worker.
const LOOKS: u32 = 16;
/// How long the pump may be kept from running by a handler that blocks, before another one takes over.
const STALLED: Duration = Duration::from_millis(2);
/// How long nobody looks after a pump that sleeps.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// How long a peer has to make room for a Goodbye.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What the link writes to, and the pump reads from.
pub(crate) struct Shared {
    pub(crate) memory: Arc<Memory>,
    writer: Mutex<Writer>,
    reader: Mutex<Reader>,
    bell: Arc<Bell>,
    talk: Arc<Talk>,
    /// Rings when the peer has written while the pump slept.
    wake: Notify,
    /// The thread that looks after the pump.
    watch: OnceLock<Thread>,
    /// Counts what the pump does. Odd: it sleeps.
    beat: AtomicU64,
    /// The number of the last frame that came.
    frames: AtomicU64,
    /// The pump that runs now; an older one that comes back ends.
    turn: AtomicU64,
    /// The last pump that has begun.
    begun: AtomicU64,
    /// Nothing more is written.
    over: AtomicBool,
}

impl Shared {
    pub(crate) fn new(bell: Arc<Bell>, talk: Arc<Talk>) -> std::io::Result<Arc<Self>> {
        let memory = Memory::new()?;
        Ok(Arc::new(Self {
            writer: Mutex::new(Writer::new(memory.clone(), Way::FromNode)),
            reader: Mutex::new(Reader::new(memory.clone(), Way::ToNode)),
            memory,
            bell,
            talk,
            wake: Notify::new(),
            watch: OnceLock::new(),
            beat: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            turn: AtomicU64::new(1),
            begun: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }))
    }

    /// The peer has written, or made room.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Tells the peer of what is not in the ring. Its reader may be awake while another thread of it waits for room: that one hears it
    /// by the doorbell too.
    pub(crate) fn rouse(&self) {
        lock(&self.writer).rouse();
        self.bell.ring_now();
    }
}

fn head_of(item: &LaneItem<'_>) -> RunHead {
    RunHead {
        seq: item.seq,
        flow: item.flow,
        type_id: item.type_id,
        ttl_ms: item.ttl_ms,
        hops: item.hops,
        reserved: 0,
    }
}

impl Lane for Shared {
    fn max_frame_bytes(&self) -> u32 {
        MAX_RECORD as u32
    }

    fn has_room(&self, bytes: usize) -> bool {
        lock(&self.writer).has_room_for(bytes)
    }

    fn put(&self, item: LaneItem<'_>) {
        if cfg!(feature = "abdebug") {
            debug::must(self.talk.says_one(&head_of(&item), item.plain, item.bytes));
        }
        lock(&self.writer).put_message(head_of(&item), item.plain, item.bytes);
    }

    fn put_all(&self, item: LaneItem<'_>, payloads: &[&[u8]]) -> usize {
        let head = head_of(&item);
        let written = lock(&self.writer).put_run(head, payloads);
        if cfg!(feature = "abdebug") {
            for (payload, seq) in payloads[..written].iter().zip(item.seq..) {
                debug::must(self.talk.says_one(&RunHead { seq, ..head }, true, payload));
            }
        }
        written
    }

    fn publish(&self) {
        if lock(&self.writer).publish() {
            self.bell.ring_now();
        }
    }

    fn granted(&self, flow: u32) -> (u64, u64) {
        lock(&self.writer).granted(flow)
    }

    fn want_credit(&self, flows: usize) {
        lock(&self.writer).want_credit(flows);
    }

    fn forget_granted(&self, flow: u32) {
        lock(&self.writer).forget_granted(flow);
    }

    fn grant(&self, flow: u32, processed: u64, credit: u64) -> bool {
        self.memory.grant(Way::ToNode, flow, processed, credit)
    }

    fn put_packet(&self, packet: &Packet) -> bool {
        let frame = packet.head.encode_to_vec();
        let items = || packet.runs.iter().flat_map(|run| &run.items);
        let bytes = frame.len() + items().map(|item| item.body.len()).sum::<usize>();
        let mut writer = lock(&self.writer);
        if !writer.has_room_for_all(1 + items().count(), bytes) {
            return false;
        }
        if cfg!(feature = "abdebug") {
            debug::must(self.talk.says(packet));
        }
        writer.put_frame(&frame);
        for run in &packet.runs {
            for (i, item) in run.items.iter().enumerate() {
                writer.put_message(RunHead::of(run, i, item), false, &item.body);
            }
        }
        if writer.publish() {
            self.bell.ring_now();
        }
        true
    }

    fn close(&self) {
        self.memory.close();
        self.over.store(true, Ordering::SeqCst);
        self.rouse();
        self.wake();
        self.watch.get().iter().for_each(|thread| thread.unpark());
    }
}

/// Takes what comes, until the link is over.
pub(crate) async fn pump(shared: Arc<Shared>, end: Arc<LinkEnd>, turn: u64) {
    shared.begun.store(turn, Ordering::SeqCst);
    let (mut quiet, mut paid, mut looks) = (None, false, 0u32);
    while shared.turn.load(Ordering::SeqCst) == turn && !end.is_down() {
        let taken = drain(&shared, &end);
        shared.beat.fetch_add(2, Ordering::Relaxed);
        if taken > 0 {
            if let Some(since) = quiet.take() {
                paid = Instant::elapsed(&since) < SPIN;
            }
            tokio::task::yield_now().await; // what came is handled
            if taken < FEW {
                pause(PAUSE);
            }
            continue;
        }
        let since = *quiet.get_or_insert_with(Instant::now);
        if paid && since.elapsed() < SPIN {
            looks = looks.wrapping_add(1);
            match looks % LOOKS {
                0 => tokio::task::yield_now().await,
                _ => pause(4 * PAUSE),
            }
            continue;
        }
        if lock(&shared.reader).sleep() {
            shared.beat.fetch_add(1, Ordering::SeqCst);
            shared.wake.notified().await;
            shared.beat.fetch_add(1, Ordering::SeqCst);
            end.lane_has_room();
        }
    }
    // An older pump may have slept beside the one that took over, and have been woken in its place.
    shared.wake();
}

fn pause(instructions: u32) {
    (0..instructions).for_each(|_| std::hint::spin_loop());
}

/// Starts a thread that starts another pump when a handler that blocks keeps the present one from running. It is no task: nobody may be
/// left who looks at timers, while one worker is blocked and the others sleep.
pub(crate) fn watch(shared: Arc<Shared>, end: Arc<LinkEnd>, handle: Handle) -> std::io::Result<()> {
    let watched = shared.clone();
    let thread = signals::with_sigpipe_blocked(|| {
        let named = std::thread::Builder::new().name("actorbridge-watch".into());
        named.spawn(move || watch_now(&watched, &end, &handle))
    })?;
    let _ = shared.watch.set(thread.thread().clone());
    Ok(())
}

fn watch_now(shared: &Arc<Shared>, end: &Arc<LinkEnd>, handle: &Handle) {
    let (mut seen, mut turn, mut pause) = (0, 1, STALLED);
    while !end.is_down() {
        std::thread::park_timeout(pause);
        let beat = shared.beat.load(Ordering::SeqCst);
        let (moved, sleeps) = (beat != seen, beat % 2 == 1);
        pause = match sleeps && !moved {
            true => (2 * pause).min(LONGEST_PAUSE),
            false => STALLED,
        };
        // Where all workers are blocked, the last one waits for the first that is not: more would wait beside it, without end.
        if !moved && !sleeps && shared.begun.load(Ordering::SeqCst) == turn {
            turn += 1;
            shared.turn.store(turn, Ordering::SeqCst);
            handle.spawn(pump(shared.clone(), end.clone(), turn));
        }
        seen = beat;
    }
    shared.wake(); // the pump sees that it is over
    last_words(shared, end);
}

/// Has what is left written, the Goodbye, for which there may be no room at first, and closes the lane.
fn last_words(shared: &Shared, end: &LinkEnd) {
    let since = Instant::now();
    while !shared.over.load(Ordering::SeqCst) && since.elapsed() < LAST_WORDS {
        end.lane_has_room();
        std::thread::park_timeout(STALLED);
    }
    end.end_lane();
}

/// Brings all that waits in the ring by now to the link, on this thread, and waits for who is doing so. What is written meanwhile is
/// left: others may write without end.
pub(crate) fn drain_all(shared: &Shared, end: &LinkEnd) {
    if shared.memory.is_drained(Way::ToNode) {
        return;
    }
    let mut reader = lock(&shared.reader);
    let written = reader.written();
    while !reader.has_taken(written) && drain_some(shared, &mut reader, end) > 0 {}
}

/// Brings what waits in the ring to the link, unless another thread does: how many messages and frames.
fn drain(shared: &Shared, end: &LinkEnd) -> usize {
    let mut reader = match shared.reader.try_lock() {
        Ok(reader) => reader,
        Err(TryLockError::Poisoned(left)) => left.into_inner(),
        Err(TryLockError::WouldBlock) => return 0,
    };
    drain_some(shared, &mut reader, end)
}

fn drain_some(shared: &Shared, reader: &mut Reader, end: &LinkEnd) -> usize {
    let mut count = 0;
    for _ in 0..BATCH {
        let from = reader.at();
        match reader.take() {
            Taken::Nothing => break,
            Taken::Frame(frame) => {
                count += 1;
                receive_frame(shared, end, &frame);
            }
            Taken::Run(head, plain, block) => {
                count += block.ends.len();
                if cfg!(feature = "abdebug") {
                    debug::must(debug::read(&head, plain, &block, &reader.records_since(from)));
                }
                end.receive_run(LaneRun {
                    flow: head.flow,
                    first_seq: head.seq,
                    type_id: head.type_id,
                    ttl_ms: head.ttl_ms,
                    hops: head.hops,
                    plain,
                    block: block.bytes.freeze(),
                    ends: block.ends,
                    packed: None,
                });
                if cfg!(feature = "abdebug") && !end.is_down() {
                    debug::must(shared.talk.took([head.flow]));
                }
            }
            Taken::Bad(why) => {
                end.bad_frame(&why);
                break;
            }
        }
    }
    if reader.free() {
        shared.rouse();
    }
    count
}

fn receive_frame(shared: &Shared, end: &LinkEnd, frame: &bytes::Bytes) {
    match Packet::read(frame, end.limits().max_frame_bytes as usize) {
        Ok(mut packet) if packet.runs.is_empty() => {
            // Nothing is lost or reordered on the way, so a caller may leave the counting to the library.
            let next = shared.frames.load(Ordering::Relaxed).wrapping_add(1);
            packet.head.number = if packet.head.number == 0 {
                next
            } else {
                packet.head.number
            };
            shared.frames.store(packet.head.number, Ordering::Relaxed);
            if cfg!(feature = "abdebug") {
                shared.talk.hears(&packet.head);
            }
            end.receive_packet(packet);
        }
        Ok(_) => end.bad_frame("a frame in a ring holds runs; messages are records of their own"),
        Err(why) => end.bad_frame(&why.to_string()),
    }
}
