//! Random calls with random arguments, from a fixed seed: each answers with a status that is one, and never AB_PANIC.
//!
//! `ACTORBRIDGE_RANDOM_CALLS=1000000000 ACTORBRIDGE_RANDOM_SEED=7` makes a longer run, and other calls.

mod common;

use std::ptr::{null, null_mut};

use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use actorbridge_proto::v1::{FindRequest, Frame};
use common::*;
use prost::Message as _;

actorbridge_ffi::module! {
    name: "rust",
    actors: {},
}

const CALLS: u64 = 50_000;
/// What every random pointer points at.
const ROOM: usize = 4096;
/// Descriptors of a random call.
const DESCS: usize = 16;

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A number that is likely to be at an edge.
    fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => self.below(4),
            1 => self.below(ROOM as u64 + 2),
            2 => u64::MAX - self.below(3),
            3 => 1 << self.below(64),
            4 => u64::from(u32::MAX) - self.below(3),
            _ => self.next(),
        }
    }
}

/// The caller's memory: pointers are null, or point here with a length that is true.
struct Memory {
    bytes: Vec<u8>,
    out: Vec<u8>,
    descs: Vec<Desc>,
    out_descs: Vec<Desc>,
    statuses: Vec<i32>,
    logs: Vec<Log>,
    size: usize,
    n: u32,
    number: i32,
    handle: u64,
}

impl Memory {
    fn new() -> Self {
        Self {
            bytes: vec![0; ROOM],
            out: vec![0; ROOM],
            descs: vec![Desc::default(); DESCS],
            out_descs: vec![Desc::default(); DESCS],
            statuses: vec![0; DESCS],
            logs: vec![Log::default(); DESCS],
            size: 0,
            n: 0,
            number: 0,
            handle: 0,
        }
    }

    /// A packet that is right but for some damage: what is nearly right gets furthest.
    fn packet(&mut self, random: &mut Random) -> (usize, usize) {
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

fn damage(desc: &mut Desc, random: &mut Random) {
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

/// A pointer to memory with a length that is true, or null with any length.
fn bytes(random: &mut Random, memory: &mut [u8]) -> (*mut u8, usize) {
    match random.one_in(8) {
        true => (null_mut(), random.number() as usize),
        false => (memory.as_mut_ptr(), random.below(memory.len() as u64 + 1) as usize),
    }
}

fn place<T>(random: &mut Random, value: &mut T) -> *mut T {
    if random.one_in(16) { null_mut() } else { value }
}

fn handle(random: &mut Random, good: u64) -> u64 {
    match random.below(12) {
        0 => random.number(),
        1 => good ^ (1 << random.below(64)),
        _ => good,
    }
}

/// One call. All lengths are true, so that what the library reads and writes is the caller's.
fn call(random: &mut Random, m: &mut Memory, node: Node, link: Link) -> i32 {
    let which = random.below(24);
    let (node, link) = (handle(random, node), handle(random, link));
    let (input, input_len) = bytes(random, &mut m.bytes);
    let (out, cap) = bytes(random, &mut m.out);
    let (size, n, number) = (
        place(random, &mut m.size),
        place(random, &mut m.n),
        place(random, &mut m.number),
    );
    let descs_cap = random.below(DESCS as u64 + 1) as u32;
    let lane = u32::from(random.one_in(16));
    // SAFETY: see above.
    unsafe {
        match which {
            0 => ab_build_info(out, cap, size),
            // The latest dead letters are many, and slow to write.
            1 => ab_node_dump(node, [0, 0, 0, 2, 1][random.below(33) as usize / 8], out, cap, size),
            2 => ab_node_metrics(node, out, cap, size),
            3 => {
                let mut status = common::status_memory();
                status.struct_size ^= u32::from(random.one_in(4));
                ab_node_status_get(node, place(random, &mut status))
            }
            4 => ab_logs_drain(m.logs.as_mut_ptr(), descs_cap, out, cap, n),
            5 => ab_log_filter(input.cast(), input_len.min(64) as u32, null_mut()),
            6 => ab_signal_guard(null_mut()),
            7 => ab_link_fd(link, lane, number),
            8 | 9 => ab_link_arm(link, lane),
            10 | 11 => {
                let (to, from) = (m.out_descs.as_mut_ptr(), lane);
                ab_link_recv(link, from, to, descs_cap, out, cap, n, size)
            }
            12 => ab_link_frames(link, input, input_len, out, cap, size),
            13 => {
                let (n, len) = m.packet(random);
                let desc = &mut m.descs[n.saturating_sub(1)];
                ab_link_ask(link, desc, m.bytes.as_ptr(), len, &mut m.out_descs[0], out, cap, size)
            }
            14 => {
                let hello = match random.one_in(2) {
                    true => hello().encode_to_vec(),
                    false => m.bytes[..random.below(40) as usize].to_vec(),
                };
                let lanes = random.below(3) as u32;
                let status = ab_link_open(node, hello.as_ptr(), hello.len(), lanes, &mut m.handle, null_mut());
                if status == AB_OK {
                    assert_eq!(ab_link_close(m.handle), AB_OK);
                }
                status
            }
            15 => {
                m.packet(random);
                let desc = &mut m.descs[0];
                damage(desc, random);
                ab_envelope_encode(desc, input, input_len, out, cap, size)
            }
            16 => ab_envelope_decode(input, input_len, &mut m.out_descs[0], out, cap, size),
            _ => {
                let (n, len) = m.packet(random);
                let statuses = m.statuses.as_mut_ptr();
                let (descs, n) = match random.one_in(16) {
                    true => (null(), random.number() as u32),
                    false => (m.descs.as_ptr(), n as u32),
                };
                ab_link_send(link, descs, n, m.bytes.as_ptr(), len, statuses)
            }
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[test]
fn random_calls_get_a_status_that_is_one_and_leave_the_library_working() {
    let mut random = Random(setting("ACTORBRIDGE_RANDOM_SEED", 1));
    let mut memory = Memory::new();
    let node = open_node();
    let mut link = linked(node);
    let mut seen = std::collections::BTreeMap::new();
    for n in 0..setting("ACTORBRIDGE_RANDOM_CALLS", CALLS) {
        let status = call(&mut random, &mut memory, node, link);
        *seen.entry(name(status)).or_insert(0_u64) += 1;
        assert!(
            status != AB_PANIC && name(status) != "AB_UNKNOWN_STATUS",
            "call {n} gave {status}"
        );
        // A link that was ended is opened anew, and each has a while to live.
        if n % 64 == 0 || status <= AB_LINK_DOWN {
            assert_eq!(ab_link_close(link), AB_OK);
            link = linked(node);
        }
    }
    for status in [
        "AB_OK",
        "AB_CLOSED",
        "AB_NULL_POINTER",
        "AB_BAD_DESCRIPTOR",
        "AB_NO_CREDIT",
        "AB_PROTOCOL",
    ] {
        assert!(seen.contains_key(status), "{status} is not among {seen:?}");
    }
    println!("{seen:?}");
    assert_eq!(ab_link_close(link), AB_OK);
    let link = linked(node);
    let batch = Batch::default().opening("ab://rust/system", "actorbridge.v1.FindRequest");
    batch.item(1, 1, 5, b"").send(link);
    // Answers to what was asked on earlier links come by this one too: the same node asked.
    while answers_in(&next(link)).iter().all(|(correlation, _)| *correlation != 5) {}
    assert_eq!(ab_node_close(node), AB_OK);
}
