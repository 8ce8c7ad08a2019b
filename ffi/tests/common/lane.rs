//! A mapped lane, as its peer sees it: docs/C_ABI.md has the layout. Way 0 is the ring to the node, way 1 the one from it.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

use actorbridge_ffi::status::{AB_CLOSED, AB_OK};
use actorbridge_ffi::*;
use actorbridge_proto::v1::Frame;
use prost::Message as _;

use super::{name, open_link, until};

const CLOSED: usize = 16;
const CONTROL: usize = 512;
pub const TAIL: usize = 0;
pub const HEAD: usize = 128;
pub const ASLEEP: usize = 256;
pub const WANTS_ROOM: usize = 384;
const DATA: usize = 4096;
/// Flows whose credit is told in memory, with flow 0.
const FLOWS: usize = 65_537;
/// The bytes that a record takes beside its own, at most.
pub const RECORD_OVERHEAD: u64 = 16;

/// Memory for `ab_link_map`.
pub fn lane_memory() -> LaneMap {
    LaneMap {
        struct_size: size_of::<LaneMap>() as u32,
        reserved: 0,
        base: null_mut(),
        size: 0,
        map: 0,
    }
}

#[derive(Clone)]
pub struct Lane {
    pub link: Link,
    pub map: LaneMap,
    pub tail: u64,
    pub head: u64,
}

// SAFETY: what both sides use of the memory is atomic, or has one writer at a time; tests that share a lane keep to that.
unsafe impl Send for Lane {}
// SAFETY: as above.
unsafe impl Sync for Lane {}

impl Lane {
    pub fn open(node: Node) -> Self {
        let link = open_link(node, &[]).expect("a link");
        let mut map = lane_memory();
        // SAFETY: `map` is valid.
        assert_eq!(name(unsafe { ab_link_map(link, 0, &mut map) }), "AB_OK");
        let (tail, head) = (0, 0);
        Self { link, map, tail, head }
    }

    pub fn ring_bytes(&self) -> u64 {
        // SAFETY: the memory's beginning says it, and nobody changes it.
        unsafe { self.map.base.add(8).cast::<u64>().read() }
    }

    pub fn word(&self, way: usize, at: usize) -> &AtomicU64 {
        // SAFETY: inside the memory and aligned, and it stays until `close`.
        unsafe { AtomicU64::from_ptr(self.map.base.add(CONTROL * (1 + way) + at).cast()) }
    }

    /// A word of four bytes.
    pub fn half(&self, way: usize, at: usize) -> &AtomicU32 {
        // SAFETY: as above.
        unsafe { AtomicU32::from_ptr(self.map.base.add(CONTROL * (1 + way) + at).cast()) }
    }

    /// All of the memory.
    pub fn words(&self) -> &[AtomicU64] {
        let words = self.map.size as usize / size_of::<AtomicU64>();
        // SAFETY: the memory is as long as the library says, and stays until `close`.
        unsafe { std::slice::from_raw_parts(self.map.base.cast(), words) }
    }

    /// What the caller grants on a flow of the node: processed, and credit.
    pub fn grants(&self, flow: u32) -> [&AtomicU64; 2] {
        let granted = (FLOWS * 16).next_multiple_of(4096);
        let at = DATA + 2 * self.ring_bytes() as usize + granted + 16 * flow as usize;
        // SAFETY: as above.
        [at, at + 8].map(|at| unsafe { AtomicU64::from_ptr(self.map.base.add(at).cast()) })
    }

    pub fn closed(&self) -> bool {
        // SAFETY: as above.
        unsafe { AtomicU32::from_ptr(self.map.base.add(CLOSED).cast()) }.load(SeqCst) != 0
    }

    /// The bytes up to the ring's end.
    pub fn left(&self) -> u64 {
        self.ring_bytes() - self.tail % self.ring_bytes()
    }

    /// Fills the ring up to its end.
    pub fn pad(&mut self) {
        let left = self.left();
        self.header((left - 8) as u32, AB_RECORD_PAD);
        self.tail += left;
    }

    /// Writes a record, or what is none. It is shown to the node by `show`.
    pub fn put(&mut self, len: u32, tag: u32, bytes: &[u8]) {
        let takes = 8 + bytes.len().next_multiple_of(8) as u64;
        if takes > self.left() {
            self.pad();
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

    pub fn record(&mut self, tag: u32, bytes: &[u8]) {
        self.put(bytes.len() as u32, tag, bytes);
    }

    pub fn frame(&mut self, frame: &Frame) {
        self.record(AB_RECORD_FRAME, &frame.encode_to_vec());
    }

    /// Is there room for records that take so many bytes, of which the longest takes `longest`?
    pub fn has_room(&self, bytes: u64, longest: u64) -> bool {
        self.ring_bytes() - (self.tail - self.word(0, HEAD).load(SeqCst)) >= bytes + longest
    }

    /// Shows the node what was written.
    pub fn show(&self) {
        self.word(0, TAIL).store(self.tail, SeqCst);
        if self.half(0, ASLEEP).swap(0, SeqCst) != 0 {
            let woken = ab_link_wake(self.link, 0);
            assert!([AB_OK, AB_CLOSED].contains(&woken), "{}", name(woken));
        }
    }

    /// Shows what was written, and waits until the node has taken it or the link is over.
    pub fn show_and_wait(&self) {
        self.word(0, TAIL).store(self.tail, SeqCst);
        assert_eq!(ab_link_wake(self.link, 0), AB_OK);
        until("the node takes what was written, or ends the link", || {
            self.closed() || self.word(0, HEAD).load(SeqCst) == self.word(0, TAIL).load(SeqCst)
        });
    }

    /// Takes the next record of the node, if there is one: its tag and its bytes.
    pub fn take(&mut self) -> Option<(u32, Vec<u8>)> {
        while self.word(1, TAIL).load(SeqCst) != self.head {
            let at = (self.ring_bytes() + self.head % self.ring_bytes()) as usize;
            // SAFETY: a record begins here, which the node has written and does not touch before `head` has gone past it.
            let (tag, bytes) = unsafe {
                let from = self.map.base.add(DATA + at);
                let header = u64::from_le(from.cast::<u64>().read());
                let bytes = std::slice::from_raw_parts(from.add(8), header as u32 as usize);
                ((header >> 32) as u32, bytes.to_vec())
            };
            self.head += 8 + bytes.len().next_multiple_of(8) as u64;
            self.word(1, HEAD).store(self.head, SeqCst);
            if self.half(1, WANTS_ROOM).swap(0, SeqCst) != 0 {
                ab_link_wake(self.link, 0);
            }
            if tag != AB_RECORD_PAD {
                return Some((tag, bytes));
            }
        }
        None
    }

    /// Waits for the next record of the node.
    pub fn next(&mut self) -> (u32, Vec<u8>) {
        let mut next = None;
        until("the node writes a record", || {
            next = self.take();
            next.is_some()
        });
        next.expect("it is there")
    }

    pub fn close(self) {
        assert_eq!(ab_link_close(self.link), AB_OK);
        assert_eq!(ab_link_unmap(self.map.map), AB_OK);
    }
}

/// What the messages that follow have in common: the bytes of a record of tag AB_RECORD_RUN.
pub fn run_head(seq: u64, flow: u32, type_id: u32) -> [u8; 32] {
    let mut head = [0; 32];
    head[..8].copy_from_slice(&seq.to_le_bytes());
    head[8..12].copy_from_slice(&flow.to_le_bytes());
    head[12..16].copy_from_slice(&type_id.to_le_bytes());
    head
}
