//! A mapped lane whose peer is slow, or stops: what the node has to say comes, or the lane says that nothing more does. And one whose
//! peer says little: its pump sleeps.

mod common;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message};
use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use actorbridge_proto::v1::{Frame, Goodbye, GoodbyeCode, Ping};
use common::lane::{ASLEEP, Lane, WANTS_ROOM, run_head};
use common::*;
use prost::Message as _;

/// Blocks the thread of its node until `FREE`, and sees how many tasks came meanwhile.
struct Blocker;

static BLOCKS: AtomicBool = AtomicBool::new(false);
static FREE: AtomicBool = AtomicBool::new(false);
static MORE_TASKS: AtomicU64 = AtomicU64::new(u64::MAX);

impl Actor for Blocker {
    async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks() as u64;
        let before = tasks();
        BLOCKS.store(true, SeqCst);
        while !FREE.load(SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        MORE_TASKS.store(tasks().saturating_sub(before), SeqCst);
        Ok(())
    }
}

/// Takes turns with the pump of `WATCHED` on the only thread of its node, until that sleeps, and counts them.
struct Watcher;

static WATCHED: OnceLock<Lane> = OnceLock::new();
static MOST_TURNS: AtomicU64 = AtomicU64::new(0);
static HANDLED: AtomicU64 = AtomicU64::new(0);

impl Actor for Watcher {
    async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
        let lane = WATCHED.get().expect("the lane of its node");
        let mut turns = 0;
        while !pump_sleeps(lane) {
            turns += 1;
            tokio::task::yield_now().await;
        }
        MOST_TURNS.fetch_max(turns, SeqCst);
        HANDLED.fetch_add(1, SeqCst);
        Ok(())
    }
}

actorbridge_ffi::module! {
    name: "rust",
    actors: { "blocker" => || Blocker, "watcher" => || Watcher },
}

const FIND: &str = "actorbridge.v1.FindRequest";
/// The ring to the node, and the one from it.
const TO_NODE: usize = 0;
const FROM_NODE: usize = 1;

fn pump_sleeps(lane: &Lane) -> bool {
    lane.half(TO_NODE, ASLEEP).load(SeqCst) != 0
}

/// A lane after its handshake, whose Welcome was read.
fn linked_lane(node: Node) -> Lane {
    let mut lane = Lane::open(node);
    lane.frame(&Frame {
        hello: Some(hello()),
        ..Frame::default()
    });
    lane.show_and_wait();
    until("a Welcome", || {
        next_frame(&mut lane).is_some_and(|frame| frame.welcome.is_some())
    });
    lane
}

/// The next frame of the node, if there is one.
fn next_frame(lane: &mut Lane) -> Option<Frame> {
    let (tag, bytes) = lane.take()?;
    (tag == AB_RECORD_FRAME).then(|| Frame::decode(&bytes[..]).expect("a frame"))
}

/// Sends pings, and reads none of the answers, until there is no room for more of them.
fn fill(lane: &mut Lane) {
    let ping = Frame {
        ping: Some(Ping {
            token: u64::MAX,
            ..Ping::default()
        }),
        ..Frame::default()
    };
    while lane.half(FROM_NODE, WANTS_ROOM).load(SeqCst) == 0 {
        for _ in 0..500 {
            lane.frame(&ping);
        }
        lane.show_and_wait();
    }
}

/// Ends a link whose peer has read nothing for a while.
fn end_by_a_bad_record(lane: &mut Lane, node: Node) {
    fill(lane);
    lane.put(8, 99, &[0; 8]);
    lane.show();
    until("the link is down", || status(node).links == 0);
}

/// The last words of a link that ends.
fn goodbye(lane: &mut Lane) -> Goodbye {
    let mut last = None;
    until("the lane is closed", || {
        let closed = lane.closed(); // before what is read now, or it was not the last
        while let Some(frame) = next_frame(lane) {
            last = Some(frame);
        }
        closed
    });
    last.and_then(|frame| frame.goodbye).expect("a Goodbye at last")
}

#[test]
fn a_peer_that_reads_on_after_its_ring_was_full_gets_the_goodbye_and_the_end() {
    let node = open_node();
    let mut lane = linked_lane(node);
    end_by_a_bad_record(&mut lane, node);
    assert_eq!(goodbye(&mut lane).code(), GoodbyeCode::GoodbyeProtocol);
    lane.close();
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_lane_is_closed_though_its_peer_makes_no_room_for_the_goodbye() {
    let node = open_node();
    let mut lane = linked_lane(node);
    end_by_a_bad_record(&mut lane, node);
    until("the lane is closed", || lane.closed());
    lane.close();
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_lane_whose_ring_is_full_is_closed_when_its_link_is() {
    let node = open_node();
    let mut lane = linked_lane(node);
    fill(&mut lane);
    assert_eq!(ab_link_close(lane.link), AB_OK);
    assert!(lane.closed(), "who reads it would wait for more");
    assert_eq!(ab_link_unmap(lane.map.map), AB_OK);
    assert_eq!(ab_node_close(node), AB_OK);
}

/// Opens flow 1 to an actor; a run of its messages comes next.
fn begin_run(lane: &mut Lane, target: &str, seq: u64) {
    let opening = Batch::default().opening(target, FIND);
    lane.frame(&head_of(&opening, &opening.descs[0]));
    lane.put(32, AB_RECORD_RUN, &run_head(seq, 1, 2));
}

#[test]
fn a_run_of_the_last_seq_that_there_is_costs_its_link() {
    for tag in [AB_RECORD_ITEM, AB_RECORD_PAYLOAD] {
        let node = open_node();
        let mut lane = linked_lane(node);
        begin_run(&mut lane, "ab://rust/system", u64::MAX);
        lane.put(0, tag, &[]);
        lane.show();
        let goodbye = goodbye(&mut lane);
        assert!(goodbye.detail.contains("18446744073709551615"), "{}", goodbye.detail);
        lane.close();
        assert_eq!(ab_node_close(node), AB_OK);
    }
}

/// Has an actor block the only thread of a node.
fn block(lane: &mut Lane) {
    begin_run(lane, "ab:///blocker", 1);
    lane.put(0, AB_RECORD_PAYLOAD, &[]);
    lane.show_and_wait();
    until("the actor blocks its thread", || BLOCKS.load(SeqCst));
}

#[test]
fn nothing_grows_while_all_threads_of_a_node_are_blocked() {
    let node = open_node();
    let mut lane = linked_lane(node);
    block(&mut lane);
    std::thread::sleep(Duration::from_millis(500)); // however long: there is a bound
    FREE.store(true, SeqCst);
    until("the actor goes on", || MORE_TASKS.load(SeqCst) != u64::MAX);
    let more = MORE_TASKS.load(SeqCst);
    assert!(more < 10, "{more} tasks more");
    lane.close();
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_pump_to_which_little_comes_sleeps_instead_of_looking_for_more() {
    const RARE: u64 = 12;
    let node = open_node();
    let mut lane = linked_lane(node);
    assert!(WATCHED.set(lane.clone()).is_ok(), "one test has the watcher");
    begin_run(&mut lane, "ab:///watcher", 1);
    for seq in 1..=RARE {
        if seq > 1 {
            lane.put(32, AB_RECORD_RUN, &run_head(seq, 1, 2));
        }
        lane.put(0, AB_RECORD_PAYLOAD, &[]);
        until("the pump sleeps", || pump_sleeps(&lane));
        std::thread::sleep(Duration::from_millis(2)); // longer than it pays to look for more
        lane.show();
        until("the message is handled", || HANDLED.load(SeqCst) == seq);
    }
    let most = MOST_TURNS.load(SeqCst);
    assert!(most < 10, "the pump looked {most} times for more that did not come");
    lane.close();
    assert_eq!(ab_node_close(node), AB_OK);
}
