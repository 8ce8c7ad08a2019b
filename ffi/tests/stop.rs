//! A node ends when it is told to, whatever its handlers and its callers do meanwhile.

mod common;

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use actorbridge::{Actor, Cx, Fault, Message};
use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use common::*;
use prost::Message as _;

/// Blocks the thread of its node until `FREE`.
struct Blocker;

static BLOCKS: AtomicBool = AtomicBool::new(false);
static FREE: AtomicBool = AtomicBool::new(false);

impl Actor for Blocker {
    async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
        BLOCKS.store(true, SeqCst);
        while !FREE.load(SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Ok(())
    }
}

actorbridge_ffi::module! {
    name: "rust",
    actors: { "blocker" => || Blocker },
}

/// Whether a line that holds this is among the next log lines.
fn is_logged(part: &str) -> bool {
    let (mut logs, mut arena, mut n) = (vec![Log::default(); 64], vec![0; 64 << 10], 0);
    // SAFETY: all are valid for their lengths.
    let status = unsafe { ab_logs_drain(logs.as_mut_ptr(), 64, arena.as_mut_ptr(), arena.len(), &mut n) };
    assert!(status >= 0, "{}", name(status));
    let text = |log: &Log| {
        String::from_utf8_lossy(&arena[log.message.off as usize..][..log.message.len as usize]).into_owned()
    };
    logs[..n as usize].iter().map(text).any(|line| line.contains(part))
}

#[test]
fn a_node_whose_threads_are_all_blocked_stops_all_the_same_and_says_so() {
    let node = open_node();
    let link = linked(node);
    let batch = Batch::default().opening("ab:///blocker", "actorbridge.v1.FindRequest");
    assert_eq!(batch.item(1, 2, 0, b"").send(link).0, AB_OK);
    until("the handler blocks its thread", || BLOCKS.load(SeqCst));
    assert_eq!(ab_node_stop(node, 0), AB_OK);
    until("the node has stopped", || status(node).state == AB_STATE_STOPPED);
    until("the node says why", || {
        is_logged("handlers block all threads of the node")
    });
    assert_eq!(ab_node_close(node), AB_OK);
    FREE.store(true, SeqCst);
}

#[test]
fn no_link_is_open_whose_node_is_closed() {
    for _ in 0..50 * setting("ACTORBRIDGE_SOAK", 1) {
        let node = open_node();
        let opens = move || {
            let mut opened = Vec::new();
            loop {
                match open_link(node, &hello().encode_to_vec()) {
                    Ok(link) => opened.push(link),
                    Err((status, _)) => return (status, opened),
                }
            }
        };
        let openers: Vec<_> = (0..2).map(|_| std::thread::spawn(opens)).collect();
        until("links are opened", || status(node).links > 0);
        assert_eq!(ab_node_close(node), AB_OK);
        for opener in openers {
            let (status, opened) = opener.join().expect("it did not fail");
            assert!([AB_CLOSED, AB_NODE_STOPPED].contains(&status), "{}", name(status));
            for link in opened {
                assert_eq!(ab_link_arm(link, 0), AB_CLOSED, "a link outlives its node");
            }
        }
    }
}
