//! Random numbers, and a caller's memory: pointers are null, or crooked, or valid for the length that goes with them.

use std::ptr::null_mut;

use actorbridge_ffi::*;
use actorbridge_proto::v1::{FindRequest, Frame};
use prost::Message as _;

use crate::common::{Batch, error, hello};

/// What every random pointer points at.
pub(crate) const ROOM: usize = 4096;
/// Descriptors of a random call.
pub(crate) const DESCS: usize = 16;
/// What is behind the memory that a call may write to.
const BEHIND: u8 = 0xA5;
const BEHIND_DESC: u16 = 0xA5A5;

/// splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A number that is likely to be at an edge.
    pub(crate) fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => self.below(4),
            1 => self.below(ROOM as u64 + 2),
            2 => u64::MAX - self.below(3),
            3 => 1 << self.below(64),
            4 => u64::from(u32::MAX) - self.below(3),
            _ => self.next(),
        }
    }

    /// A handle, or what could be taken for it.
    pub(crate) fn handle(&mut self, good: u64) -> u64 {
        match self.below(12) {
            0 => self.number(),
            1 => good ^ (1 << self.below(64)),
            _ => good,
        }
    }

    /// A handle to close: if it is forged, its index is not another one's that is open.
    pub(crate) fn victim(&mut self, good: u64) -> u64 {
        match self.below(4) {
            0 => self.below(4),
            1 => good ^ (1 << (24 + self.below(40))),
            _ => good,
        }
    }

    /// A pointer to memory, now and then null or between two elements.
    pub(crate) fn place<T>(&mut self, value: &mut T) -> *mut T {
        match self.below(32) {
            0 | 1 => null_mut(),
            2 if align_of::<T>() > 1 => (&raw mut *value).wrapping_byte_add(1),
            _ => value,
        }
    }

    /// Bytes to read with a length that is true, or null with any length.
    pub(crate) fn input(&mut self, memory: &mut [u8]) -> (*mut u8, usize) {
        match self.one_in(8) {
            true => (null_mut(), self.number() as usize),
            false => (memory.as_mut_ptr(), self.below(memory.len() as u64 + 1) as usize),
        }
    }
}

/// The memory of one call after the other.
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    out: Vec<u8>,
    out_given: usize,
    pub(crate) descs: Vec<Desc>,
    out_descs: Vec<Desc>,
    descs_given: usize,
    pub(crate) statuses: Vec<i32>,
    pub(crate) logs: Vec<Log>,
    pub(crate) error: Error,
    pub(crate) size: usize,
    pub(crate) n: u32,
    pub(crate) number: i32,
    pub(crate) handle: u64,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; ROOM],
            out: vec![0; ROOM + 1],
            out_given: 0,
            descs: vec![Desc::default(); DESCS],
            out_descs: vec![Desc::default(); DESCS + 1],
            descs_given: 0,
            statuses: vec![0; DESCS],
            logs: vec![Log::default(); DESCS],
            error: error(),
            size: 0,
            n: 0,
            number: 0,
            handle: 0,
        }
    }

    /// Bytes to write with a length that is true, or null with any length.
    pub(crate) fn out(&mut self, random: &mut Random) -> (*mut u8, usize) {
        let (out, cap) = random.input(&mut self.out[..ROOM]);
        self.out_given = if out.is_null() { 0 } else { cap };
        self.out[self.out_given] = BEHIND;
        (out, cap)
    }

    /// Descriptors to write, and how many.
    pub(crate) fn out_descs(&mut self, most: u64, random: &mut Random) -> (*mut Desc, u32) {
        let n = random.below(most + 1);
        self.descs_given = n as usize;
        self.out_descs[self.descs_given].kind = BEHIND_DESC;
        (self.out_descs.as_mut_ptr(), n as u32)
    }

    /// One descriptor to write.
    pub(crate) fn out_desc(&mut self, random: &mut Random) -> *mut Desc {
        self.descs_given = 1;
        self.out_descs[1].kind = BEHIND_DESC;
        random.place(&mut self.out_descs[0])
    }

    /// Where a call says why, now and then nowhere, or of another version's size.
    pub(crate) fn error(&mut self, random: &mut Random) -> *mut Error {
        self.error.struct_size = size_of::<Error>() as u32 ^ u32::from(random.one_in(8));
        random.place(&mut self.error)
    }

    /// Whether what is behind the memory that was given is as it was.
    pub(crate) fn is_whole(&self) -> bool {
        // Nothing was given before the first call that writes.
        let bytes = self.out_given == 0 || self.out[self.out_given] == BEHIND;
        bytes && (self.descs_given == 0 || self.out_descs[self.descs_given].kind == BEHIND_DESC)
    }

    /// A packet that is right but for some damage: what is nearly right gets furthest.
    pub(crate) fn packet(&mut self, random: &mut Random) -> (usize, usize) {
        let payload = FindRequest { path: "nobody".into() }.encode_to_vec();
        let mut batch = match random.below(4) {
            0 => Batch::default().opening("ab://rust/system", "actorbridge.v1.FindRequest"),
            1 => Batch::default().head(&Frame {
                number: random.number(),
                hello: random.one_in(2).then(hello),
                ..Frame::default()
            }),
            _ => Batch::default(),
        };
        for _ in 0..random.below(8) {
            let seq = random.below(24);
            batch = batch.item(seq, random.below(4) as u32, random.number(), &payload);
        }
        let (n, len) = (batch.descs.len(), batch.arena.len());
        self.descs[..n].copy_from_slice(&batch.descs);
        self.bytes[..len].copy_from_slice(&batch.arena);
        for _ in 0..random.below(3) {
            if n > 0 {
                damage(&mut self.descs[random.below(n as u64) as usize], random);
            }
            if len > 0 {
                self.bytes[random.below(len as u64) as usize] = random.next() as u8;
            }
        }
        (n, len)
    }
}

/// Sets one field of a descriptor to a random number.
pub(crate) fn damage(desc: &mut Desc, random: &mut Random) {
    let value = random.number();
    match random.below(12) {
        0 => desc.target = value,
        1 => desc.source = value,
        2 => desc.correlation = value,
        3 => desc.seq = value,
        4 => desc.r#type = value as u32,
        5 => desc.ttl_ms = value as u32,
        6 => desc.off = value as u32,
        7 => desc.len = value as u32,
        8 => desc.ext_off = value as u32,
        9 => desc.ext_len = value as u32,
        10 => desc.kind = value as u16,
        _ => desc.flags = value as u16,
    }
}
