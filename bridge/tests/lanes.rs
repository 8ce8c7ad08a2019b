//! A link whose messages go through memory that both sides share, with a peer that is memory alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use actorbridge::door::{Lane, LaneItem};
use actorbridge::proto::{Packet, v1};
use actorbridge_test::node;

use crate::common::raw::hello;
use crate::common::test::GetCount;
use crate::common::{SECOND, eventually};

/// Memory of a peer that has handled so many messages of its only flow, and said so nowhere else.
#[derive(Default)]
struct Silent {
    handled: AtomicU64,
}

impl Lane for Silent {
    fn max_frame_bytes(&self) -> u32 {
        256 << 10
    }

    fn has_room(&self, _: usize) -> bool {
        true
    }

    fn put(&self, _: LaneItem<'_>) {}

    fn put_all(&self, _: LaneItem<'_>, payloads: &[&[u8]]) -> usize {
        payloads.len()
    }

    fn publish(&self) {}

    fn granted(&self, _: u32) -> (u64, u64) {
        (self.handled.load(SeqCst), 0)
    }

    fn want_credit(&self, _: usize) {}

    fn forget_granted(&self, _: u32) {}

    fn grant(&self, _: u32, _: u64, _: u64) -> bool {
        true
    }

    fn put_packet(&self, _: &Packet) -> bool {
        true
    }

    fn close(&self) {}
}

/// The end of a drain is acted on in a task, and the memory is let go of when the Goodbye is written.
#[tokio::test]
async fn what_a_peer_has_handled_is_known_when_its_link_is_drained() {
    let node = node("a");
    let (end, lane) = (node.accept(), Arc::new(Silent::default()));
    assert!(end.set_lane(lane.clone()));
    let hello = v1::Hello {
        node: "c".into(),
        ..hello(1, 1)
    };
    let head = v1::Frame {
        number: 1,
        hello: Some(hello),
        ..Default::default()
    };
    end.receive_packet(Packet { head, runs: Vec::new() });
    let there = "ab://c/main".parse().expect("an address");
    for _ in 0..3 {
        node.tell(&there, &GetCount {}).await.expect("told");
    }
    lane.handled.store(2, SeqCst);
    node.disconnect("c");
    end.end_lane(); // before the task runs: this test has one thread
    eventually("the end of the link", || end.fate().is_some()).await;
    let letters = node.dead_letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].detail.contains("seq 3 to 3:"), "{letters:?}");
    node.shutdown(SECOND).await.expect("everything ends");
}
