//! A peer that writes random records into a mapped lane: it costs its link, and nothing else.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use actorbridge_ffi::status::AB_OK;
use actorbridge_ffi::*;
use actorbridge_proto::v1::{FindRequest, Frame, Ping};
use actorbridge_proto::writer::{self, BodyFields};
use prost::Message as _;

use crate::arguments::Random;
use crate::common::lane::*;
use crate::common::*;

const ROUNDS: u64 = 300;

/// Writes a record that may be damaged.
fn record(lane: &mut Lane, tag: u32, bytes: &[u8], random: &mut Random) {
    let (mut bytes, mut len, mut tag) = (bytes.to_vec(), bytes.len() as u32, tag);
    match random.below(24) {
        0 => len = random.number() as u32,
        1 => tag = random.number() as u32,
        2 if !bytes.is_empty() => {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next() as u8;
        }
        3 => bytes.truncate(random.below(bytes.len() as u64 + 1) as usize),
        _ => {}
    }
    lane.put(len, tag, &bytes);
}

/// Damages what both sides know of a ring, now and then.
fn damage(lane: &mut Lane, random: &mut Random) {
    let (way, value) = (random.below(2) as usize, random.number());
    match random.below(12) {
        0 => lane.tail = value,
        1 => lane.word(way, HEAD).store(value, SeqCst),
        2 => lane.word(1, TAIL).store(value, SeqCst),
        3 => lane.word(way, WANTS_ROOM).store(value, SeqCst),
        _ => {}
    }
}

/// A conversation that is right but for some damage.
fn converse(lane: &mut Lane, random: &mut Random) {
    let greeting = Frame {
        hello: Some(hello()),
        ..Frame::default()
    };
    record(lane, AB_RECORD_FRAME, &greeting.encode_to_vec(), random);
    let opening = Batch::default().opening("ab://rust/system", "actorbridge.v1.FindRequest");
    record(lane, AB_RECORD_FRAME, &opening.arena, random);
    let payload = FindRequest { path: "nobody".into() }.encode_to_vec();
    let item = writer::body(BodyFields::default(), &payload);
    let mut seq = 1;
    for _ in 0..random.below(20) {
        let (flow, first) = match random.below(8) {
            0 => (random.number() as u32, random.number()),
            1 => (1, u64::MAX - random.below(3)),
            _ => (1, seq),
        };
        let head = run_head(first, flow, 1 + random.below(3) as u32);
        record(lane, AB_RECORD_RUN, &head, random);
        for _ in 0..random.below(4) {
            match random.one_in(2) {
                true => record(lane, AB_RECORD_ITEM, &item, random),
                false => record(lane, AB_RECORD_PAYLOAD, &payload, random),
            }
            seq += 1;
        }
    }
    damage(lane, random);
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts what no status shows: a panic on a thread of the node.
fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, SeqCst);
            usual(info);
        }));
    });
}

#[test]
fn random_records_in_a_ring_cost_their_link_and_no_other() {
    let _turn = crate::my_turn();
    count_panics();
    let mut random = Random(setting("ACTORBRIDGE_RANDOM_SEED", 1));
    let node = open_node();
    for round in 0..ROUNDS * setting("ACTORBRIDGE_SOAK", 1) {
        let mut lane = Lane::open(node);
        converse(&mut lane, &mut random);
        lane.show_and_wait();
        lane.close();
        assert_eq!(PANICS.load(SeqCst), 0, "round {round}");
    }
    let link = linked(node);
    let batch = Batch::default().opening("ab://rust/system", "actorbridge.v1.FindRequest");
    batch.item(1, 1, 5, b"").send(link);
    while answers_in(&next(link)).iter().all(|(correlation, _)| *correlation != 5) {}
    assert_eq!(ab_node_close(node), AB_OK);
    until_threads_have_ended();
}

#[test]
fn a_peer_that_claims_to_have_read_what_was_never_written_costs_its_link_and_no_other() {
    let _turn = crate::my_turn();
    count_panics();
    let node = open_node();
    let mut lane = Lane::open(node);
    let ping = Frame {
        ping: Some(Ping {
            token: u64::MAX,
            ..Ping::default()
        }),
        ..Frame::default()
    };
    lane.frame(&Frame {
        hello: Some(hello()),
        ..Frame::default()
    });
    lane.word(1, HEAD).store(u64::MAX - 7, SeqCst);
    // Each is answered, until the ring that nobody reads is full, and what waits behind it is too much.
    let mut pings = 0;
    while !lane.closed() && pings < 200_000 {
        for _ in 0..500 {
            lane.frame(&ping);
        }
        pings += 500;
        lane.show_and_wait();
    }
    lane.close();
    assert_eq!(PANICS.load(SeqCst), 0);
    let link = linked(node);
    assert_eq!(ab_link_close(link), AB_OK);
    assert_eq!(ab_node_close(node), AB_OK);
    until_threads_have_ended();
}
