//! Close while 64 threads are inside: their calls finish or say that the link is closed, in every round. Close while threads use a
//! lane's memory: it stays theirs until it is unmapped, and is gone then.
//!
//! `ACTORBRIDGE_SOAK=1000` makes a thousand times as many rounds.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use actorbridge_proto::v1::{FindRequest, Frame, Ping};
use common::lane::*;
use common::*;
use prost::Message as _;

actorbridge_ffi::module! {
    name: "rust",
    actors: {},
}

const ROUNDS: u64 = 20;
const THREADS: u32 = 64;
/// What a new stream may send at once.
const FIRST_CREDIT: u64 = 16;

/// The tests take turns: what one maps would be taken for what another has let go.
fn my_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The status of one call of thread `n`: a fourth of them each send, receive, arm and look for the doorbell.
fn call(n: u32, link: Link, send: &mut impl FnMut(Link) -> i32) -> i32 {
    match n % 4 {
        0 => send(link),
        1 => receive(link, 64, 16 << 10).0,
        2 => ab_link_arm(link, 0),
        _ => {
            let mut fd = -1;
            // SAFETY: `fd` is valid.
            unsafe { ab_link_fd(link, 0, &mut fd) }
        }
    }
}

fn ping() -> Frame {
    Frame {
        ping: Some(Ping {
            token: 1,
            ..Ping::default()
        }),
        ..Frame::default()
    }
}

/// Tells on thread `n`'s flow as long as it has credit, and then sends pings.
fn sender(n: u32) -> impl FnMut(Link) -> i32 {
    let payload = FindRequest { path: "nobody".into() }.encode_to_vec();
    let (flow, mut seq) = (n / 4 + 1, 0);
    let ping = Batch::default().head(&ping());
    move |link| {
        let mut batch = ping.clone();
        if seq < FIRST_CREDIT {
            seq += 1;
            batch = Batch::default().item(seq, 2 * flow, 0, &payload);
            batch.descs[0].target = u64::from(flow);
        }
        batch.send(link).0
    }
}

fn close_in_traffic(whole_node: bool) {
    let node = open_node();
    let link = linked(node);
    for flow in 1..=THREADS / 4 {
        let opening = Batch::default().opening_flow(flow, "ab://rust/system", "actorbridge.v1.FindRequest");
        assert_eq!(opening.send(link).0, AB_OK);
    }
    let (closed, inside) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let run = |n| {
        let (closed, inside) = (closed.clone(), inside.clone());
        let mut send = sender(n);
        std::thread::spawn(move || {
            for calls in 0.. {
                let over = closed.load(SeqCst);
                let status = call(n, link, &mut send);
                match over {
                    true => return assert_eq!(name(status), "AB_CLOSED", "after the close"),
                    // A node's close tells its links why, before they are closed.
                    false if status < 0 => assert!([AB_CLOSED, AB_LINK_DOWN].contains(&status), "{}", name(status)),
                    false => {}
                }
                if calls == 10 {
                    inside.fetch_add(1, SeqCst);
                }
                std::thread::yield_now(); // or those that wait for a lock come late, where cores are few
            }
        })
    };
    let threads: Vec<_> = (0..THREADS).map(run).collect();
    until("all threads are inside", || inside.load(SeqCst) == THREADS);
    let done = match whole_node {
        true => ab_node_close(node),
        false => ab_link_close(link),
    };
    assert_eq!(done, AB_OK);
    closed.store(true, SeqCst);
    threads.into_iter().for_each(|t| t.join().expect("no thread failed"));
    ab_node_close(node);
}

#[test]
fn closing_is_safe_while_64_threads_are_inside() {
    let _turn = my_turn();
    for round in 0..ROUNDS * setting("ACTORBRIDGE_SOAK", 1) {
        close_in_traffic(round % 2 == 0);
    }
    until_threads_have_ended();
}

/// Threads that look all over a lane's memory, beside the one that writes and the one that reads.
const LOOKERS: usize = 4;
/// Of so many words they use one: some of each page.
const EACH: usize = 64;
/// How often each of the threads goes on after it has seen that the lane is closed.
const AFTER: usize = 3;

/// What a thread does with a lane again and again, until it has done so some times after the close.
fn use_until_closed(lane: &Lane, inside: &AtomicU32, mut some: impl FnMut()) {
    let (mut after, end) = (0, Instant::now() + PATIENCE);
    for times in 0.. {
        assert!(Instant::now() < end, "the lane is not closed");
        after += usize::from(lane.closed());
        some();
        if times == 10 {
            inside.fetch_add(1, SeqCst);
        }
        if after > AFTER && times >= 10 {
            return;
        }
        std::thread::yield_now();
    }
}

/// Pings as long as there is room, and once the lane is closed writes all over the ring that was its own.
fn write(mut lane: Lane, inside: &AtomicU32) {
    let (watched, ring) = (lane.clone(), 512..lane.ring_bytes() as usize / 8);
    let mut some = move || match lane.closed() {
        true => lane.words()[ring.clone()]
            .iter()
            .step_by(EACH)
            .for_each(|word| word.store(7, SeqCst)),
        false if lane.has_room(64, 64) => {
            lane.frame(&ping());
            lane.show();
        }
        false => {}
    };
    use_until_closed(&watched, inside, || (0..16).for_each(|_| some()));
}

fn read(mut lane: Lane, inside: &AtomicU32) {
    let watched = lane.clone();
    use_until_closed(&watched, inside, || while lane.take().is_some() {});
}

fn look(lane: &Lane, inside: &AtomicU32) {
    use_until_closed(lane, inside, || {
        std::hint::black_box(
            lane.words()
                .iter()
                .step_by(EACH)
                .fold(0, |sum, word| sum ^ word.load(SeqCst)),
        );
    });
}

/// How many bytes of a lane's memory this process can use; `None` where the system does not say.
fn mapped_bytes(map: &LaneMap) -> Option<usize> {
    let (from, to) = (map.base.addr(), map.base.addr() + map.size as usize);
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let bytes = maps.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let at = |hex| usize::from_str_radix(hex, 16).ok();
        let inside = at(end)?.min(to).saturating_sub(at(start)?.max(from));
        rest.starts_with("rw").then_some(inside)
    });
    Some(bytes.sum())
}

fn close_under_mappers(whole_node: bool) {
    let node = open_node();
    let mut lane = Lane::open(node);
    lane.frame(&Frame {
        hello: Some(hello()),
        ..Frame::default()
    });
    lane.show();
    let inside = AtomicU32::new(0);
    std::thread::scope(|threads| {
        let (writer, reader) = (lane.clone(), lane.clone());
        threads.spawn(|| write(writer, &inside));
        threads.spawn(|| read(reader, &inside));
        for _ in 0..LOOKERS {
            threads.spawn(|| look(&lane, &inside));
        }
        until("all threads use it", || inside.load(SeqCst) as usize == LOOKERS + 2);
        let closed = match whole_node {
            true => ab_node_close(node),
            false => ab_link_close(lane.link),
        };
        assert_eq!(closed, AB_OK);
    });
    assert_eq!(ab_link_wake(lane.link, 0), AB_CLOSED);
    let all = lane.map.size as usize;
    let before = mapped_bytes(&lane.map);
    assert!(
        before.is_none_or(|bytes| bytes == all),
        "{before:?} of {all} bytes are left"
    );
    assert_eq!(ab_link_unmap(lane.map.map), AB_OK);
    assert_eq!(ab_link_unmap(lane.map.map), AB_CLOSED, "it is let go once");
    until("the memory is gone", || {
        mapped_bytes(&lane.map).is_none_or(|bytes| bytes < all)
    });
    ab_node_close(node);
}

#[test]
fn a_lanes_memory_stays_until_it_is_unmapped_and_is_gone_then() {
    let _turn = my_turn();
    for round in 0..ROUNDS * setting("ACTORBRIDGE_SOAK", 1) {
        close_under_mappers(round % 2 == 0);
    }
    until_threads_have_ended();
}
