//! One random call of each function. All lengths are true, so that what the library reads and writes is the caller's.

use std::ffi::CStr;
use std::ptr::null;

use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use prost::Message as _;

use crate::arguments::{DESCS, Memory, Random, damage};
use crate::common::lane::lane_memory;
use crate::common::{hello, linked, open_link, options, status_memory};

/// What the calls are about: a node and a link that stay, and others that calls open and close.
pub(crate) struct World {
    node: Node,
    pub(crate) link: Link,
    other_node: Node,
    other_link: Link,
    /// A lane's number.
    map: u64,
}

/// A call, with its status.
type Case = fn(&mut World, &mut Random, &mut Memory) -> i32;

/// Every function of the header, and in how many of a thousand calls it is called.
pub(crate) const CASES: &[(&str, u64, Case)] = &[
    ("ab_abi_version", 5, abi_version),
    ("ab_status_name", 15, status_name),
    ("ab_build_info", 30, build_info),
    ("ab_node_open", 15, node_open),
    ("ab_node_status_get", 30, node_status_get),
    ("ab_node_stop", 10, node_stop),
    ("ab_node_close", 15, node_close),
    ("ab_node_dump", 30, node_dump),
    ("ab_node_metrics", 30, node_metrics),
    ("ab_logs_drain", 40, logs_drain),
    ("ab_log_filter", 30, log_filter),
    ("ab_signal_guard", 20, signal_guard),
    ("ab_link_open", 50, link_open),
    ("ab_link_fd", 40, link_fd),
    ("ab_link_arm", 80, link_arm),
    ("ab_link_map", 30, link_map),
    ("ab_link_unmap", 30, link_unmap),
    ("ab_link_wake", 20, link_wake),
    ("ab_link_send", 250, link_send),
    ("ab_link_recv", 100, link_recv),
    ("ab_link_ask", 50, link_ask),
    ("ab_link_cancel", 20, link_cancel),
    ("ab_link_frames", 50, link_frames),
    ("ab_link_close", 20, link_close),
    ("ab_envelope_encode", 45, envelope_encode),
    ("ab_envelope_decode", 45, envelope_decode),
];

impl World {
    pub(crate) fn new(node: Node) -> Self {
        Self {
            node,
            link: linked(node),
            other_node: 0,
            other_link: 0,
            map: 0,
        }
    }

    /// Makes one random call.
    pub(crate) fn call(&mut self, random: &mut Random, memory: &mut Memory) -> (&'static str, i32) {
        let mut which = random.below(CASES.iter().map(|(_, often, _)| often).sum());
        for (name, often, case) in CASES {
            if which < *often {
                return (name, case(self, random, memory));
            }
            which -= often;
        }
        unreachable!("the number is below the sum")
    }

    /// Gives the link that stays a new life.
    pub(crate) fn open_link_anew(&mut self) {
        assert_eq!(ab_link_close(self.link), AB_OK);
        self.link = linked(self.node);
    }
}

fn abi_version(_: &mut World, _: &mut Random, _: &mut Memory) -> i32 {
    assert_eq!(ab_abi_version(), AB_ABI_VERSION);
    AB_OK
}

fn status_name(_: &mut World, random: &mut Random, _: &mut Memory) -> i32 {
    // SAFETY: it is never null, and static.
    let name = unsafe { CStr::from_ptr(ab_status_name(random.number() as i32)) };
    assert!(name.to_str().is_ok_and(|name| name.starts_with("AB_")), "{name:?}");
    AB_OK
}

fn build_info(_: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let (out, cap) = m.out(random);
    // SAFETY: the lengths are true; so in all cases.
    unsafe { ab_build_info(out, cap, random.place(&mut m.size)) }
}

/// A node has threads, so most that are opened have something wrong.
fn node_open(world: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let (name, name_len) = random.input(&mut m.bytes[..64]);
    let mut opts = NodeOpts {
        name: name.cast(),
        name_len: name_len as u32,
        ..options()
    };
    match random.below(8) {
        0 => opts.struct_size = random.number() as u32,
        1 => opts.abi = random.number() as u32,
        2 => opts.workers = 65 + random.below(1 << 30) as u32,
        3 => opts.mem_limit = random.number() | 1,
        4 if world.other_node == 0 => (opts.name, opts.name_len) = (null(), 0),
        _ => opts.name_len |= u32::from(opts.name.is_null()),
    }
    let (opts, error) = (random.place(&mut opts), m.error(random));
    m.handle = 0;
    // SAFETY: see above.
    let status = unsafe { ab_node_open(opts, random.place(&mut m.handle), error) };
    if status == AB_OK {
        ab_node_close(world.other_node);
        world.other_node = m.handle;
    }
    status
}

fn node_status_get(world: &mut World, random: &mut Random, _: &mut Memory) -> i32 {
    let mut status = status_memory();
    status.struct_size ^= u32::from(random.one_in(4));
    // SAFETY: see above.
    unsafe { ab_node_status_get(random.handle(world.node), random.place(&mut status)) }
}

fn node_stop(world: &mut World, random: &mut Random, _: &mut Memory) -> i32 {
    ab_node_stop(random.victim(world.other_node), random.below(100) as u32)
}

fn node_close(world: &mut World, random: &mut Random, _: &mut Memory) -> i32 {
    ab_node_close(random.victim(world.other_node))
}

fn node_dump(world: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let (out, cap) = m.out(random);
    // The latest dead letters are many, and slow to write.
    let what = [0, 0, 0, 2, 1][random.below(33) as usize / 8];
    // SAFETY: see above.
    unsafe { ab_node_dump(random.handle(world.node), what, out, cap, random.place(&mut m.size)) }
}

fn node_metrics(world: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let (out, cap) = m.out(random);
    // SAFETY: see above.
    unsafe { ab_node_metrics(random.handle(world.node), out, cap, random.place(&mut m.size)) }
}

fn logs_drain(_: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let (out, cap) = m.out(random);
    let (n, logs) = (random.below(DESCS as u64 + 1) as u32, m.logs.as_mut_ptr());
    // SAFETY: see above.
    unsafe { ab_logs_drain(logs, n, out, cap, random.place(&mut m.n)) }
}

fn log_filter(_: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let (input, len) = match random.below(5) {
        0 => (c"info".as_ptr().cast_mut().cast(), 4),
        _ => random.input(&mut m.bytes[..64]),
    };
    // SAFETY: see above.
    unsafe { ab_log_filter(input.cast(), len as u32, m.error(random)) }
}

fn signal_guard(_: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    // SAFETY: see above.
    unsafe { ab_signal_guard(random.place(&mut m.n)) }
}

fn link_open(world: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let mut bytes = hello().encode_to_vec();
    let (bytes, len) = match random.below(4) {
        0 => random.input(&mut m.bytes[..64]),
        _ => (bytes.as_mut_ptr(), bytes.len()),
    };
    let (node, lanes, error) = (random.handle(world.node), random.below(3) as u32, m.error(random));
    m.handle = 0;
    // SAFETY: see above.
    let status = unsafe { ab_link_open(node, bytes, len, lanes, random.place(&mut m.handle), error) };
    if status == AB_OK {
        ab_link_close(world.other_link);
        world.other_link = m.handle;
    }
    status
}

fn link_fd(world: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let lane = u32::from(random.one_in(16));
    // SAFETY: see above.
    unsafe { ab_link_fd(random.handle(world.link), lane, random.place(&mut m.number)) }
}

fn link_arm(world: &mut World, random: &mut Random, _: &mut Memory) -> i32 {
    ab_link_arm(random.handle(world.link), u32::from(random.one_in(16)))
}

/// Maps the link that stays or another one, which is right only at its beginning.
fn link_map(world: &mut World, random: &mut Random, _: &mut Memory) -> i32 {
    let mut map = lane_memory();
    map.struct_size ^= u32::from(random.one_in(8));
    let mut fresh = 0;
    let link = match random.below(4) {
        0 => random.handle(world.link),
        1 => random.handle(world.other_link),
        _ => {
            fresh = open_link(world.node, &[]).expect("a link");
            fresh
        }
    };
    let lane = u32::from(random.one_in(16));
    // SAFETY: see above.
    let status = unsafe { ab_link_map(link, lane, random.place(&mut map)) };
    if status == AB_OK {
        ab_link_unmap(world.map);
        world.map = map.map;
    }
    if fresh != 0 {
        ab_link_close(world.other_link);
        world.other_link = fresh;
    }
    status
}

fn link_unmap(world: &mut World, random: &mut Random, _: &mut Memory) -> i32 {
    ab_link_unmap(random.victim(world.map))
}

fn link_wake(world: &mut World, random: &mut Random, _: &mut Memory) -> i32 {
    let link = [world.link, world.other_link][random.below(2) as usize];
    ab_link_wake(random.handle(link), u32::from(random.one_in(16)))
}

fn link_send(world: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let (n, len) = m.packet(random);
    let (mut descs, mut n) = (m.descs.as_ptr(), n as u32);
    match random.below(32) {
        0 | 1 => (descs, n) = (null(), random.number() as u32),
        2 => descs = descs.wrapping_byte_add(1),
        _ => {}
    }
    let (link, statuses) = (random.handle(world.link), m.statuses.as_mut_ptr());
    // SAFETY: see above.
    unsafe { ab_link_send(link, descs, n, m.bytes.as_ptr(), len, statuses) }
}

fn link_recv(world: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let (descs, n) = m.out_descs(DESCS as u64, random);
    let (out, cap) = m.out(random);
    let (link, lane) = (random.handle(world.link), u32::from(random.one_in(16)));
    let (count, size) = (random.place(&mut m.n), random.place(&mut m.size));
    // SAFETY: see above.
    unsafe { ab_link_recv(link, lane, descs, n, out, cap, count, size) }
}

fn link_ask(world: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let (n, len) = m.packet(random);
    let (answer, (out, cap)) = (m.out_desc(random), m.out(random));
    let ask = random.place(&mut m.descs[n.saturating_sub(1)]);
    let (link, size) = (random.handle(world.link), random.place(&mut m.size));
    // SAFETY: see above.
    unsafe { ab_link_ask(link, ask, m.bytes.as_ptr(), len, answer, out, cap, size) }
}

fn link_cancel(world: &mut World, random: &mut Random, _: &mut Memory) -> i32 {
    let link = random.handle(world.link);
    ab_link_cancel(link, random.below(4) as u32, random.number())
}

fn link_frames(world: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    let ((input, len), (out, cap)) = (random.input(&mut m.bytes), m.out(random));
    // SAFETY: see above.
    unsafe {
        ab_link_frames(
            random.handle(world.link),
            input,
            len,
            out,
            cap,
            random.place(&mut m.size),
        )
    }
}

fn link_close(world: &mut World, random: &mut Random, _: &mut Memory) -> i32 {
    ab_link_close(random.victim(world.other_link))
}

fn envelope_encode(_: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    m.packet(random);
    damage(&mut m.descs[0], random);
    let ((input, len), (out, cap)) = (random.input(&mut m.bytes), m.out(random));
    let (desc, size) = (random.place(&mut m.descs[0]), random.place(&mut m.size));
    // SAFETY: see above.
    unsafe { ab_envelope_encode(desc, input, len, out, cap, size) }
}

fn envelope_decode(_: &mut World, random: &mut Random, m: &mut Memory) -> i32 {
    m.packet(random);
    let ((input, len), desc, (out, cap)) = (random.input(&mut m.bytes), m.out_desc(random), m.out(random));
    // SAFETY: see above.
    unsafe { ab_envelope_decode(input, len, desc, out, cap, random.place(&mut m.size)) }
}
