//! A ring of bytes in memory that two languages share: one side writes records, the other takes them out. docs/C_ABI.md has the
//! layout, for those who write the other side.
//!
//! `tail` and `head` count all bytes that were ever written and taken; the difference is what waits.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use actorbridge_proto::{Item, Run};
use bytes::{BufMut, Bytes, BytesMut};

use crate::control::{Control, Granted};
use crate::types::{AB_LANE_LAYOUT, AB_RECORD_FRAME, AB_RECORD_ITEM, AB_RECORD_PAD, AB_RECORD_PAYLOAD, AB_RECORD_RUN};

/// "ABL1".
const MAGIC: u32 = u32::from_le_bytes(*b"ABL1");
/// Bytes of one ring; a power of two.
pub(crate) const RING: usize = 1 << 20;
/// Most bytes of a record. A frame of so many, with a packet's messages behind it, finds room in an empty ring, wherever that ends.
pub(crate) const MAX_RECORD: usize = 256 << 10;
const HEADER: usize = 4096;
/// Flows whose credit is told in memory; flow 0 is none.
pub(crate) const FLOWS: usize = 65_537;
const GRANTS: usize = (FLOWS * size_of::<Granted>()).next_multiple_of(4096);
const CONTROL: usize = 512;

/// The first bytes of the memory.
#[repr(C)]
struct Header {
    magic: u32,
    layout: u32,
    ring_bytes: u64,
    closed: AtomicU32,
}

const _: () = assert!(size_of::<Control>() == CONTROL && size_of::<Header>() <= CONTROL);

/// The memory of a lane: a header, and two rings. It is given back when the last one who uses it has let go.
pub(crate) struct Memory {
    base: NonNull<u8>,
}

// SAFETY: it is memory that is shared; all that is written by both sides is atomic, and the rest has one writer at a time.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// Which of the two rings.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    ToNode = 0,
    FromNode = 1,
}

impl Memory {
    pub(crate) const SIZE: usize = HEADER + 2 * RING + 2 * GRANTS;

    pub(crate) fn new() -> std::io::Result<Arc<Self>> {
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: new memory, at an address of the system's choice.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), Self::SIZE, access, flags, -1, 0) };
        let Some(base) = NonNull::new(base.cast::<u8>()).filter(|_| base != libc::MAP_FAILED) else {
            return Err(std::io::Error::last_os_error());
        };
        let header = Header {
            magic: MAGIC,
            layout: AB_LANE_LAYOUT,
            ring_bytes: RING as u64,
            closed: AtomicU32::new(0),
        };
        // SAFETY: the memory is ours alone, aligned to a page, and large enough. The controls are zero already.
        unsafe { base.cast::<Header>().write(header) };
        Ok(Arc::new(Self { base }))
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    fn header(&self) -> &Header {
        // SAFETY: it was written in `new`; what changes is atomic.
        unsafe { self.base.cast::<Header>().as_ref() }
    }

    fn control(&self, way: Way) -> &Control {
        // SAFETY: inside the memory, aligned, and all of it is atomic or never looked at.
        unsafe { self.base.add(CONTROL * (1 + way as usize)).cast::<Control>().as_ref() }
    }

    /// Does the link have all that was put in a ring? Its reader gives room back only after that.
    pub(crate) fn is_drained(&self, way: Way) -> bool {
        let control = self.control(way);
        control.head() == control.tail()
    }

    fn data(&self, way: Way) -> *mut u8 {
        // SAFETY: inside the memory.
        unsafe { self.base.add(HEADER + RING * way as usize).as_ptr() }
    }

    /// What is granted to the writer of a ring.
    fn granted(&self, way: Way, flow: u32) -> Option<&Granted> {
        if flow as usize >= FLOWS {
            return None;
        }
        let at = HEADER + 2 * RING + GRANTS * way as usize + flow as usize * size_of::<Granted>();
        // SAFETY: inside the memory, aligned, and all of it is atomic.
        Some(unsafe { self.base.add(at).cast::<Granted>().as_ref() })
    }

    /// Tells the other side that nothing more comes.
    pub(crate) fn close(&self) {
        self.header().closed.store(1, Ordering::SeqCst);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it was mapped in `new`, and nobody uses it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), Self::SIZE) };
    }
}

/// What is the same for the messages that follow a record of tag AB_RECORD_RUN. 32 bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RunHead {
    pub(crate) seq: u64,
    pub(crate) flow: u32,
    pub(crate) type_id: u32,
    pub(crate) ttl_ms: u32,
    pub(crate) hops: u32,
    pub(crate) reserved: u64,
}

impl RunHead {
    const SIZE: usize = size_of::<Self>();

    /// Of a packet's message.
    pub(crate) fn of(run: &Run, i: usize, item: &Item) -> Self {
        Self {
            seq: run.seq(i),
            flow: run.flow,
            type_id: item.type_id,
            ttl_ms: item.ttl_ms,
            hops: run.hops,
            reserved: 0,
        }
    }

    fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.seq.to_le_bytes());
        for (i, value) in [self.flow, self.type_id, self.ttl_ms, self.hops].iter().enumerate() {
            bytes[8 + 4 * i..][..4].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        Self {
            seq: u64::from(word(0)) | u64::from(word(4)) << 32,
            flow: word(8),
            type_id: word(12),
            ttl_ms: word(16),
            hops: word(20),
            reserved: 0,
        }
    }

    /// The head of the message that follows one of this head.
    fn next(self) -> Self {
        self.after(u64::from(self.flow != 0))
    }

    fn after(self, count: u64) -> Self {
        let seq = self.seq.wrapping_add(count); // a peer may have begun with any number
        Self { seq, ..self }
    }
}

/// What the room of records that were read is filled with, in a build with the feature `abdebug`.
pub(crate) const POISON: u8 = 0xdb;

/// The bytes that a record takes.
const fn space(len: usize) -> usize {
    8 + len.next_multiple_of(8)
}

/// The side that writes. One thread at a time.
pub(crate) struct Writer {
    memory: Arc<Memory>,
    way: Way,
    tail: u64,
    /// The reader's `head` as it was seen last.
    head: u64,
    /// What the reader takes the next message for.
    next: RunHead,
}

impl Writer {
    pub(crate) fn new(memory: Arc<Memory>, way: Way) -> Self {
        Self {
            memory,
            way,
            tail: 0,
            head: 0,
            next: RunHead::default(),
        }
    }

    /// Is there room for records that take so many bytes together? The ring's end may cost one of them twice.
    fn has_room(&mut self, bytes: usize) -> bool {
        let needed = bytes as u64 + MAX_RECORD.min(bytes) as u64;
        if self.free() >= needed {
            return true;
        }
        self.head = self.memory.control(self.way).head();
        self.free() >= needed
    }

    /// The bytes that are free; none where the reader says that it has taken what was never written.
    fn free(&self) -> u64 {
        (RING as u64).saturating_sub(self.tail.wrapping_sub(self.head))
    }

    /// Is there room for a message, with a head of its own? If not, the reader is asked to tell when there may be.
    pub(crate) fn has_room_for(&mut self, message: usize) -> bool {
        self.has_room(space(message) + space(RunHead::SIZE)) || self.waits(space(message) + space(RunHead::SIZE))
    }

    pub(crate) fn has_room_for_all(&mut self, records: usize, bytes: usize) -> bool {
        let most = bytes + records * (space(RunHead::SIZE) + 16);
        self.has_room(most) || self.waits(most)
    }

    /// Asks for room, and looks once more.
    fn waits(&mut self, bytes: usize) -> bool {
        self.memory.control(self.way).want_room();
        self.has_room(bytes)
    }

    fn put(&mut self, tag: u32, bytes: &[u8]) {
        let data = self.memory.data(self.way);
        let mut at = self.tail as usize & (RING - 1);
        let left = RING - at;
        // SAFETY: `at` is inside the ring and a multiple of 8, there is room for what is written (the callers have asked), and the
        // reader looks at none of it before `tail` is stored.
        unsafe {
            if space(bytes.len()) > left {
                write_header(data.add(at), left - 8, AB_RECORD_PAD);
                self.tail += left as u64;
                at = 0;
            }
            write_header(data.add(at), bytes.len(), tag);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.add(at + 8), bytes.len());
        }
        self.tail += space(bytes.len()) as u64;
    }

    /// Writes the head of a packet. There is room for it.
    pub(crate) fn put_frame(&mut self, frame: &[u8]) {
        self.put(AB_RECORD_FRAME, frame);
    }

    /// Writes a message. There is room for it.
    pub(crate) fn put_message(&mut self, head: RunHead, plain: bool, bytes: &[u8]) {
        if head != self.next {
            self.put(AB_RECORD_RUN, &head.to_bytes());
        }
        self.next = head.next();
        self.put(if plain { AB_RECORD_PAYLOAD } else { AB_RECORD_ITEM }, bytes);
    }

    /// Writes payloads that follow each other, as many as there is room for: how many. If not all, the reader is asked to tell when
    /// there is more.
    pub(crate) fn put_run(&mut self, head: RunHead, payloads: &[&[u8]]) -> usize {
        let mut fit = self.fitting(payloads);
        if fit < payloads.len() {
            self.memory.control(self.way).want_room();
            fit = self.fitting(payloads);
        }
        if fit == 0 {
            return 0;
        }
        if head != self.next {
            self.put(AB_RECORD_RUN, &head.to_bytes());
        }
        for payload in &payloads[..fit] {
            self.put(AB_RECORD_PAYLOAD, payload);
        }
        self.next = head.after(fit as u64);
        fit
    }

    /// How many payloads that follow each other there is room for now, with a head of their own.
    fn fitting(&mut self, payloads: &[&[u8]]) -> usize {
        let mut need = space(RunHead::SIZE);
        // The ring's end may cost the largest record twice, which the head of small payloads is.
        let mut most = need;
        for (i, payload) in payloads.iter().enumerate() {
            let takes = space(payload.len());
            (need, most) = (need + takes, most.max(takes));
            if (need + most) as u64 > self.free() {
                self.head = self.memory.control(self.way).head();
                if (need + most) as u64 > self.free() {
                    return i;
                }
            }
        }
        payloads.len()
    }

    /// Shows the reader what was written; `true` = it sleeps, and has to be woken.
    pub(crate) fn publish(&self) -> bool {
        self.memory.control(self.way).publish(self.tail)
    }

    /// What the reader has granted on a flow since it was opened: processed, and credit. 0 = nothing by this way.
    pub(crate) fn granted(&self, flow: u32) -> (u64, u64) {
        self.memory.granted(self.way, flow).map_or((0, 0), Granted::get)
    }

    /// Nothing is granted on a flow that is about to be opened: its number may have been another one's.
    pub(crate) fn forget_granted(&self, flow: u32) {
        self.memory.granted(self.way, flow).iter().for_each(|on| on.forget());
    }

    /// How many flows wait for credit: while there are any, the reader tells of what it grants.
    pub(crate) fn want_credit(&self, flows: usize) {
        self.memory.control(self.way).want_credit(flows);
    }

    /// Has a reader that sleeps look again, whatever there is to read; `true` = it does sleep.
    pub(crate) fn rouse(&self) -> bool {
        self.memory.control(self.way).rouse()
    }
}

/// # Safety
/// 8 bytes may be written at `at`, which is aligned to 8.
unsafe fn write_header(at: *mut u8, len: usize, tag: u32) {
    let word = len as u64 | u64::from(tag) << 32;
    // SAFETY: the caller's promise.
    unsafe { at.cast::<u64>().write(word.to_le()) };
}

impl Memory {
    /// Grants credit to the writer of a ring; `true` = it looks there by itself, and need not be told.
    pub(crate) fn grant(&self, way: Way, flow: u32, processed: u64, credit: u64) -> bool {
        self.granted(way, flow)
            .is_some_and(|on| self.control(way).grant(on, processed, credit))
    }
}

/// What a reader takes.
pub(crate) enum Taken {
    Frame(Bytes),
    Run(RunHead, bool, Block),
    /// Nothing waits.
    Nothing,
    /// The other side wrote what is no record.
    Bad(String),
}

/// Messages that were copied out of a ring.
#[derive(Default)]
pub(crate) struct Block {
    pub(crate) bytes: BytesMut,
    pub(crate) ends: Vec<u32>,
}

impl Block {
    /// A message may be held for long: it must not keep much more memory than it has bytes.
    fn fitted(mut self) -> Self {
        if self.bytes.capacity() > 2 * self.bytes.len() {
            self.bytes = BytesMut::from(&self.bytes[..]);
        }
        self
    }
}

/// Most messages, and most bytes, that are taken as one run.
const RUN_MESSAGES: usize = 64;
const RUN_BYTES: usize = 16 << 10;

/// The side that reads. One thread at a time.
pub(crate) struct Reader {
    memory: Arc<Memory>,
    way: Way,
    head: u64,
    /// The writer's `tail` as it was seen last.
    tail: u64,
    next: RunHead,
    /// How far the room was given back.
    freed: u64,
}

impl Reader {
    pub(crate) fn new(memory: Arc<Memory>, way: Way) -> Self {
        Self {
            memory,
            way,
            head: 0,
            tail: 0,
            next: RunHead::default(),
            freed: 0,
        }
    }

    fn look(&mut self) -> u64 {
        self.tail = self.memory.control(self.way).tail();
        self.tail.wrapping_sub(self.head)
    }

    /// How far the ring is written by now.
    pub(crate) fn written(&self) -> u64 {
        self.memory.control(self.way).tail()
    }

    /// Is all taken that was written so far?
    pub(crate) fn has_taken(&self, written: u64) -> bool {
        self.head.wrapping_sub(written) as i64 >= 0
    }

    /// The header of the next record, if there is one: its bytes and its tag.
    fn record(&self) -> Result<Option<(&[u8], u32)>, String> {
        let waits = self.tail.wrapping_sub(self.head);
        if waits == 0 {
            return Ok(None);
        }
        let at = self.head as usize & (RING - 1);
        let left = RING - at;
        if waits > RING as u64 || waits < 8 || !waits.is_multiple_of(8) {
            return Err(format!(
                "the ring's tail is {waits} bytes ahead of its head; it has {RING}"
            ));
        }
        let data = self.memory.data(self.way);
        // SAFETY: inside the ring, aligned, and written before the tail that we have seen.
        let word = u64::from_le(unsafe { data.add(at).cast::<u64>().read() });
        let (len, tag) = (word as u32 as usize, (word >> 32) as u32);
        if space(len) > left || space(len) as u64 > waits {
            return Err(format!(
                "a record of {len} bytes does not fit into the ring where it begins"
            ));
        }
        if len > MAX_RECORD {
            return Err(format!("a record of {len} bytes; one has at most {MAX_RECORD}"));
        }
        // SAFETY: as above; its writer does not touch it before `head` has gone past it.
        Ok(Some((
            unsafe { std::slice::from_raw_parts(data.add(at + 8), len) },
            tag,
        )))
    }

    /// How far records were taken.
    pub(crate) fn at(&self) -> u64 {
        self.head
    }

    /// The records that were taken since then, but for padding, while their room is not given back: tags and bytes.
    pub(crate) fn records_since(&self, mut at: u64) -> Vec<(u32, &[u8])> {
        let (data, mut records) = (self.memory.data(self.way), Vec::new());
        while at < self.head {
            let place = at as usize & (RING - 1);
            // SAFETY: inside the ring, whatever its writer has made of a record by now; it was written before the tail that we have seen.
            let (tag, bytes) = unsafe {
                let word = u64::from_le(data.add(place).cast::<u64>().read());
                let len = (word as u32 as usize).min(RING - place - 8);
                (
                    (word >> 32) as u32,
                    std::slice::from_raw_parts(data.add(place + 8), len),
                )
            };
            at += space(bytes.len()) as u64;
            if tag != AB_RECORD_PAD {
                records.push((tag, bytes));
            }
        }
        records
    }

    /// Takes what is next: a frame, or the messages that belong together. The room of it is the writer's again after `free`.
    pub(crate) fn take(&mut self) -> Taken {
        if self.tail == self.head {
            self.look();
        }
        let mut block = Block::default();
        let mut run = None;
        loop {
            let (bytes, tag) = match self.record() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(why) => return Taken::Bad(why),
            };
            let taken = space(bytes.len()) as u64;
            match tag {
                AB_RECORD_PAD => {}
                AB_RECORD_FRAME if run.is_none() => {
                    let frame = Bytes::copy_from_slice(bytes);
                    self.head += taken;
                    return Taken::Frame(frame);
                }
                AB_RECORD_RUN if run.is_none() && bytes.len() == RunHead::SIZE => self.next = RunHead::of_bytes(bytes),
                AB_RECORD_ITEM | AB_RECORD_PAYLOAD => {
                    let plain = tag == AB_RECORD_PAYLOAD;
                    match run {
                        None => {
                            run = Some((self.next, plain));
                            let waits = self.tail.wrapping_sub(self.head) as usize;
                            block.bytes.reserve(bytes.len().max(waits.min(RUN_BYTES)));
                        }
                        Some((_, kind)) if kind != plain => break,
                        Some(_) if block.ends.len() == RUN_MESSAGES || block.bytes.len() + bytes.len() > RUN_BYTES => {
                            break;
                        }
                        Some(_) => {}
                    }
                    block.bytes.put_slice(bytes);
                    block.ends.push(block.bytes.len() as u32);
                    self.next = self.next.next();
                }
                AB_RECORD_FRAME | AB_RECORD_RUN if run.is_some() => break,
                _ => {
                    return Taken::Bad(format!(
                        "a record of {} bytes has the tag {tag}, which is none",
                        bytes.len()
                    ));
                }
            }
            self.head += taken;
        }
        match run {
            Some((head, plain)) => Taken::Run(head, plain, block.fitted()),
            None => Taken::Nothing,
        }
    }

    /// Gives the room of what was taken back, also of padding and of a run's head alone; `true` = the writer waits for it, and has to be
    /// told.
    pub(crate) fn free(&mut self) -> bool {
        if self.freed == self.head {
            return false;
        }
        if cfg!(feature = "abdebug") {
            self.poison();
        }
        self.freed = self.head;
        self.memory.control(self.way).free(self.head)
    }

    /// Makes what was read unreadable, for whoever still looks at it.
    fn poison(&self) {
        let data = self.memory.data(self.way);
        for at in self.freed..self.head {
            // SAFETY: inside the ring, and not the writer's before `head` is stored.
            unsafe { data.add(at as usize & (RING - 1)).write(POISON) };
        }
    }

    /// From now on who writes wakes the reader; `false` = something waits already, and it should not sleep.
    pub(crate) fn sleep(&mut self) -> bool {
        self.memory.control(self.way).sleep(self.head)
    }
}
