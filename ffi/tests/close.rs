//! Close while 64 threads are inside: their calls finish or say that the link is closed, in every round.
//!
//! `ACTORBRIDGE_SOAK=1000` makes a thousand times as many rounds.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use actorbridge_proto::v1::{FindRequest, Frame, Ping};
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

/// Tells on thread `n`'s flow as long as it has credit, and then sends pings.
fn sender(n: u32) -> impl FnMut(Link) -> i32 {
    let payload = FindRequest { path: "nobody".into() }.encode_to_vec();
    let (flow, mut seq) = (n / 4 + 1, 0);
    let ping = Batch::default().head(&Frame {
        ping: Some(Ping {
            token: 1,
            ..Ping::default()
        }),
        ..Frame::default()
    });
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
    for round in 0..ROUNDS * setting("ACTORBRIDGE_SOAK", 1) {
        close_in_traffic(round % 2 == 0);
    }
    // They end in the background; a process that ends before them is one that leaks, to LeakSanitizer.
    until("no thread of a node is left", || nodes_threads() == 0);
}

/// How many threads of nodes this process has, as far as /proc tells.
fn nodes_threads() -> usize {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return 0;
    };
    let names = threads.filter_map(|t| std::fs::read_to_string(t.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("actorbridge")).count()
}
