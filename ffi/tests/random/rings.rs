//! A peer that writes random records into a mapped lane: it costs its link, and nothing else.

use std::ptr::null_mut;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};

use actorbridge_ffi::status::AB_OK;
use actorbridge_ffi::*;
use actorbridge_proto::v1::{FindRequest, Frame, Ping};
use prost::Message as _;

use crate::arguments::Random;
use crate::common::*;

/// Where things are in a lane's memory; docs/C_ABI.md has the layout.
const CLOSED: usize = 16;
const CONTROL: usize = 512;
const TAIL: usize = 0;
const HEAD: usize = 128;
const WANTS_ROOM: usize = 384;
const DATA: usize = 4096;

const ROUNDS: u64 = 300;

/// A mapped lane, as its peer sees it: way 0 is the ring to the node.
struct Lane {
    link: Link,
    map: LaneMap,
    tail: u64,
}

impl Lane {
    fn open(node: Node) -> Self {
        let link = open_link(node, &[]).expect("a link");
        let mut map = lane_memory();
        // SAFETY: `map` is valid.
        assert_eq!(name(unsafe { ab_link_map(link, 0, &mut map) }), "AB_OK");
        Self { link, map, tail: 0 }
    }

    fn ring_bytes(&self) -> u64 {
        // SAFETY: the memory's beginning says it, and nobody changes it.
        unsafe { self.map.base.add(8).cast::<u64>().read() }
    }

    fn word(&self, way: usize, at: usize) -> &AtomicU64 {
        // SAFETY: inside the memory and aligned, and it stays until `close`.
        unsafe { AtomicU64::from_ptr(self.map.base.add(CONTROL * (1 + way) + at).cast()) }
    }

    fn closed(&self) -> bool {
        // SAFETY: as above.
        unsafe { AtomicU32::from_ptr(self.map.base.add(CLOSED).cast()) }.load(SeqCst) != 0
    }

    /// Writes a record, or what is none. It is shown to the node by `publish`.
    fn put(&mut self, len: u32, tag: u32, bytes: &[u8]) {
        let takes = 8 + bytes.len().next_multiple_of(8) as u64;
        let left = self.ring_bytes() - self.tail % self.ring_bytes();
        if takes > left {
            self.header((left - 8) as u32, AB_RECORD_PAD);
            self.tail += left;
        }
        let to = self.header(len, tag);
        // SAFETY: it fits before the ring's end, as just seen.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        self.tail += takes;
    }

    /// Writes a record's header, and says where its bytes go.
    fn header(&self, len: u32, tag: u32) -> *mut u8 {
        let at = (self.tail % self.ring_bytes()) as usize;
        let header = u64::from(len) | u64::from(tag) << 32;
        // SAFETY: inside the ring, whose length is a multiple of 8, as all records' are.
        unsafe {
            let to = self.map.base.add(DATA + at);
            to.cast::<u64>().write(header.to_le());
            to.add(8)
        }
    }

    fn record(&mut self, tag: u32, bytes: &[u8], random: &mut Random) {
        let (mut bytes, mut len, mut tag) = (bytes.to_vec(), bytes.len() as u32, tag);
        match random.below(24) {
            0 => len = random.number() as u32,
            1 => tag = random.number() as u32,
            2 if !bytes.is_empty() => {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] = random.next() as u8;
            }
            3 => bytes.truncate(random.below(bytes.len() as u64 + 1) as usize),
            _ => {}
        }
        self.put(len, tag, &bytes);
    }

    /// Damages what both sides know of a ring, now and then.
    fn damage(&mut self, random: &mut Random) {
        let (way, value) = (random.below(2) as usize, random.number());
        match random.below(12) {
            0 => self.tail = value,
            1 => self.word(way, HEAD).store(value, SeqCst),
            2 => self.word(1, TAIL).store(value, SeqCst),
            3 => self.word(way, WANTS_ROOM).store(value, SeqCst),
            _ => {}
        }
        self.word(0, TAIL).store(self.tail, SeqCst);
    }

    /// Wakes the node, and waits until it has taken all or the link is over.
    fn publish(&self) {
        assert_eq!(ab_link_wake(self.link, 0), AB_OK);
        until("the node takes what was written, or ends the link", || {
            self.closed() || self.word(0, HEAD).load(SeqCst) == self.word(0, TAIL).load(SeqCst)
        });
    }

    fn close(self) {
        assert_eq!(ab_link_close(self.link), AB_OK);
        assert_eq!(ab_link_unmap(self.map.map), AB_OK);
    }
}

/// What the messages that follow have in common.
fn run_head(seq: u64, flow: u32, type_id: u32) -> [u8; 32] {
    let mut head = [0; 32];
    head[..8].copy_from_slice(&seq.to_le_bytes());
    head[8..12].copy_from_slice(&flow.to_le_bytes());
    head[12..16].copy_from_slice(&type_id.to_le_bytes());
    head
}

/// A conversation that is right but for some damage.
fn converse(lane: &mut Lane, random: &mut Random) {
    let greeting = Frame {
        hello: Some(hello()),
        ..Frame::default()
    };
    lane.record(AB_RECORD_FRAME, &greeting.encode_to_vec(), random);
    let opening = Batch::default().opening("ab://rust/system", "actorbridge.v1.FindRequest");
    lane.record(AB_RECORD_FRAME, &opening.arena, random);
    let payload = FindRequest { path: "nobody".into() }.encode_to_vec();
    let mut seq = 1;
    for _ in 0..random.below(20) {
        let (flow, first) = match random.below(8) {
            0 => (random.number() as u32, random.number()),
            _ => (1, seq),
        };
        lane.record(
            AB_RECORD_RUN,
            &run_head(first, flow, 1 + random.below(3) as u32),
            random,
        );
        for _ in 0..random.below(4) {
            let tag = if random.one_in(2) {
                AB_RECORD_ITEM
            } else {
                AB_RECORD_PAYLOAD
            };
            lane.record(tag, &payload, random);
            seq += 1;
        }
    }
    lane.damage(random);
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts what no status shows: a panic on a thread of the node.
fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, SeqCst);
            usual(info);
        }));
    });
}

#[test]
fn random_records_in_a_ring_cost_their_link_and_no_other() {
    let _turn = crate::my_turn();
    count_panics();
    let mut random = Random(setting("ACTORBRIDGE_RANDOM_SEED", 1));
    let node = open_node();
    for round in 0..ROUNDS * setting("ACTORBRIDGE_SOAK", 1) {
        let mut lane = Lane::open(node);
        converse(&mut lane, &mut random);
        lane.publish();
        lane.close();
        assert_eq!(PANICS.load(SeqCst), 0, "round {round}");
    }
    let link = linked(node);
    let batch = Batch::default().opening("ab://rust/system", "actorbridge.v1.FindRequest");
    batch.item(1, 1, 5, b"").send(link);
    while answers_in(&next(link)).iter().all(|(correlation, _)| *correlation != 5) {}
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_peer_that_claims_to_have_read_what_was_never_written_costs_its_link_and_no_other() {
    let _turn = crate::my_turn();
    count_panics();
    let node = open_node();
    let mut lane = Lane::open(node);
    let frame = |frame: &Frame| frame.encode_to_vec();
    let greeting = frame(&Frame {
        hello: Some(hello()),
        ..Frame::default()
    });
    let ping = frame(&Frame {
        ping: Some(Ping {
            token: u64::MAX,
            ..Ping::default()
        }),
        ..Frame::default()
    });
    lane.put(greeting.len() as u32, AB_RECORD_FRAME, &greeting);
    lane.word(1, HEAD).store(u64::MAX - 7, SeqCst);
    // Each is answered, until the ring that nobody reads is full, and what waits behind it is too much.
    let mut pings = 0;
    while !lane.closed() && pings < 200_000 {
        for _ in 0..500 {
            lane.put(ping.len() as u32, AB_RECORD_FRAME, &ping);
        }
        pings += 500;
        lane.word(0, TAIL).store(lane.tail, SeqCst);
        lane.publish();
    }
    lane.close();
    assert_eq!(PANICS.load(SeqCst), 0);
    let link = linked(node);
    assert_eq!(ab_link_close(link), AB_OK);
    assert_eq!(ab_node_close(node), AB_OK);
}

/// Memory for `ab_link_map`.
pub(crate) fn lane_memory() -> LaneMap {
    LaneMap {
        struct_size: size_of::<LaneMap>() as u32,
        reserved: 0,
        base: null_mut(),
        size: 0,
        map: 0,
    }
}
