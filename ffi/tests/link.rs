//! The native door as C sees it: packets, credit, the doorbell, and ends.

mod common;

use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message};
use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use actorbridge_proto::v1::{
    Code, FindReply, FindRequest, Frame, Goodbye, GoodbyeCode, Hello, Mode, Ping, Skip, StreamOpen,
};
use actorbridge_proto::writer;
use common::*;
use prost::Message as _;

/// Holds what it gets until it is cancelled.
struct Slow;

impl Actor for Slow {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        cx.cancelled().await;
        Err(Fault::cancelled())
    }
}

actorbridge_ffi::module! {
    name: "rust",
    actors: { "slow" => || Slow },
}

const FIND: &str = "actorbridge.v1.FindRequest";

fn find(path: &str) -> Vec<u8> {
    FindRequest { path: path.into() }.encode_to_vec()
}

#[test]
fn an_ask_by_descriptors_is_answered_and_an_actor_that_is_nowhere_has_its_code() {
    let node = open_node();
    let link = linked(node);
    let batch = Batch::default().opening("ab://rust/system", FIND);
    let batch = batch.item(1, 1, 11, &find("slow")).item(2, 1, 12, &find("nobody"));
    assert_eq!(batch.send(link), (AB_OK, vec![AB_OK; 3]));
    let got = answers(link, 2);
    let (first, second) = (&got[0], &got[1]);
    let found = FindReply::decode(&first.1.as_ref().expect("an answer")[..]).expect("a FindReply");
    assert_eq!((first.0, found.owner.as_str()), (11, "rust"));
    assert_eq!((second.0, second.1.clone()), (12, Err(Code::NoSuchActor as i32)));
    assert_eq!(status(node).links, 1);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_message_beyond_its_credit_is_not_taken_and_its_number_is_not_used_up() {
    let node = open_node();
    let link = linked(node);
    let mut batch = Batch::default().opening("ab:///slow", FIND);
    for seq in 1..=20 {
        batch = batch.item(seq, 2, 0, b"");
    }
    let (status, statuses) = batch.send(link);
    assert_eq!(status, AB_OK);
    // A new stream may send 16; nothing is lost of what was refused here, and its seqs are still to be used.
    assert_eq!(statuses[..17], [AB_OK; 17]);
    assert_eq!(statuses[17..], [AB_NO_CREDIT; 4]);
    let state = next_head(link).state;
    assert!(state.iter().any(|s| s.flow == 1 && s.credit > 20), "{state:?}");
    let rest = (17..=20).fold(Batch::default(), |b, seq| b.item(seq, 2, 0, b""));
    assert_eq!(rest.send(link), (AB_OK, vec![AB_OK; 4]));
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn what_a_full_mailbox_cannot_hold_is_refused_one_by_one() {
    let node = open_node();
    let link = linked(node);
    // Within the credit that streams begin with, 16 each, and 96 more than 2 · 1,024 + 4,096.
    let (last, who) = (390, writer::who("", "ab:///slow", "ab://c/main").bytes);
    let open = (2..=last).map(|flow| StreamOpen {
        flow,
        stream: u64::from(flow),
        epoch: 1,
        mode: Mode::Flow as i32,
        prefix: who.clone(),
        first_seq: 1,
        ..StreamOpen::default()
    });
    let head = Frame {
        open: open.collect(),
        ..Frame::default()
    };
    let mut batch = Batch::default().opening("ab:///slow", FIND).head(&head);
    for flow in 1..=last {
        for seq in 1..=16 {
            batch = batch.item(seq, 2, 0, b"");
            batch.descs.last_mut().expect("an item").target = u64::from(flow);
        }
    }
    let (sent, statuses) = batch.send(link);
    assert!(
        sent == AB_OK && statuses.iter().all(|s| *s == AB_OK),
        "they are within their credit"
    );
    let mut refused = 0;
    until("96 refusals", || {
        let batch = next(link);
        for head in batch.descs.iter().filter(|d| d.kind == AB_KIND_HEAD) {
            let state = head_of(&batch, head).state;
            let outcomes: Vec<_> = state.iter().flat_map(|s| &s.outcomes).collect();
            assert!(outcomes.iter().all(|o| o.code() == Code::MailboxFull), "{outcomes:?}");
            refused += outcomes.len();
        }
        refused == 96
    });
    assert_eq!((status(node).dead_letters, status(node).links), (96, 1));
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_message_over_64_kib_costs_itself() {
    let node = open_node();
    let link = linked(node);
    let batch = Batch::default().opening("ab://rust/system", FIND);
    let batch = batch.item(1, 1, 1, &vec![0; 65 << 10]).item(2, 1, 2, &find("slow"));
    assert_eq!(batch.send(link), (AB_OK, vec![AB_OK; 3]));
    let got = answers(link, 2);
    assert_eq!(got[0], (1, Err(Code::TooLarge as i32)));
    assert!(got[1].0 == 2 && got[1].1.is_ok(), "{got:?}");
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_frame_over_the_limit_costs_its_link() {
    let node = open_node();
    let (bad, good) = (linked(node), linked(node));
    let (input, mut out, mut len) = (vec![0_u8; (256 << 10) + 1], [0; 512], 77);
    // SAFETY: all are valid for their lengths.
    let status = unsafe { ab_link_frames(bad, input.as_ptr(), input.len(), out.as_mut_ptr(), 512, &mut len) };
    assert_eq!(status, AB_OK);
    let last = Frame::decode(&out[..len])
        .expect("a frame")
        .goodbye
        .expect("last words");
    assert_eq!(last.code(), GoodbyeCode::GoodbyeProtocol);
    assert!(
        last.detail.contains("262145") && last.detail.contains("262144"),
        "{}",
        last.detail
    );
    assert_eq!(receive(bad, 8, 512).0, AB_PROTOCOL);
    let batch = Batch::default().opening("ab://rust/system", FIND);
    batch.item(1, 1, 3, &find("slow")).send(good);
    assert_eq!(answers(good, 1)[0].0, 3);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_bad_descriptor_costs_that_message_only() {
    let node = open_node();
    let link = linked(node);
    let mut batch = Batch::default().opening("ab://rust/system", FIND);
    batch = batch.item(1, 1, 1, &find("slow")).item(2, 1, 2, &find("slow"));
    batch = batch.item(2, 1, 3, &find("slow"));
    batch.descs[2].len = u32::MAX;
    let sent = batch.send(link);
    assert_eq!(sent, (AB_OK, vec![AB_OK, AB_OK, AB_BAD_DESCRIPTOR, AB_OK]));
    let correlations: Vec<u64> = answers(link, 2).into_iter().map(|a| a.0).collect();
    assert_eq!(correlations, [1, 3]);

    for damage in [
        |d: &mut Desc| d.source = 1,
        |d: &mut Desc| d.target = 1 << 32,
        |d: &mut Desc| d.flags = 0x100,
        |d: &mut Desc| d.off = u32::MAX,
        |d: &mut Desc| (d.ext_off, d.ext_len) = (u32::MAX, u32::MAX),
        |d: &mut Desc| (d.flags, d.ext_len) = (AB_DESC_WHOLE, 1 << 20),
    ] {
        let mut one = Batch::default().item(3, 1, 4, &find("slow"));
        damage(&mut one.descs[0]);
        assert_eq!(one.send(link), (AB_OK, vec![AB_BAD_DESCRIPTOR]));
    }
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_bad_message_costs_itself_and_is_answered_with_its_code() {
    let node = open_node();
    let link = linked(node);
    let mut batch = Batch::default().opening("ab://rust/system", FIND);
    let torn = batch.arena.len() as u32;
    batch = batch.item(1, 1, 1, b"\x0A\x7F").item(2, 1, 2, b"").item(3, 1, 3, b"");
    // Its own target, beside that of its stream; and a field that is torn.
    let forged = batch.arena.len() as u32;
    batch.arena.extend(b"\x2A\x01x");
    (batch.descs[2].ext_off, batch.descs[2].ext_len) = (forged, 3);
    (batch.descs[3].ext_off, batch.descs[3].ext_len) = (torn, 2);
    batch = batch.item(4, 0, 0, b"").item(5, 1, 5, &find("slow"));
    batch.descs[4].kind = 999;
    assert_eq!(batch.send(link), (AB_OK, vec![AB_OK; 6]));
    let (mut failed, mut refused, mut answered) = (Vec::new(), Vec::new(), false);
    until("four refusals and an answer", || {
        let batch = next(link);
        let heads = batch.descs.iter().filter(|d| d.kind == AB_KIND_HEAD); // of one packet or more
        let state: Vec<_> = heads.flat_map(|head| head_of(&batch, head).state).collect();
        refused.extend(state.iter().flat_map(|s| &s.outcomes).map(|o| (o.seq, o.code())));
        for (correlation, answer) in answers_in(&batch) {
            match answer {
                Ok(_) => answered = correlation == 5,
                Err(code) => failed.push((correlation, Code::from_wire(code))),
            }
        }
        refused.len() == 4 && failed.len() == 3 && answered
    });
    refused.sort_unstable();
    failed.sort_unstable();
    let codes = [(1, Code::Undecodable), (2, Code::BadOverride), (3, Code::Undecodable)];
    assert_eq!(failed, codes);
    assert_eq!(refused[..3], codes);
    assert_eq!(refused[3], (4, Code::UnsupportedKind));
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn an_ask_whose_time_ends_in_the_mailbox_is_expired() {
    let node = open_node();
    let link = linked(node);
    let mut batch = Batch::default().opening("ab:///slow", FIND);
    batch = batch.item(1, 1, 1, b"").item(2, 1, 2, b"");
    batch.descs[2].ttl_ms = 1;
    assert_eq!(batch.send(link), (AB_OK, vec![AB_OK; 3]));
    std::thread::sleep(Duration::from_millis(3));
    // The handler of the first ends, or never begins, when its asker says that it has stopped waiting.
    let skip = Skip {
        flow: 1,
        first: 1,
        count: 1,
        reason: Code::Cancelled as i32,
    };
    let head = Frame {
        skip: vec![skip],
        ..Frame::default()
    };
    assert_eq!(Batch::default().head(&head).send(link).0, AB_OK);
    let second = || answers(link, 1).into_iter().find(|(correlation, _)| *correlation == 2);
    let answer = std::iter::repeat_with(second).flatten().next();
    assert_eq!(answer, Some((2, Err(Code::Expired as i32))));
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn what_a_call_takes_is_bounded_before_memory_is_taken() {
    let node = open_node();
    let link = linked(node);
    let mut batch = Batch::default().opening("ab:///slow", FIND);
    // One payload, 65 KiB, that 1,000 descriptors point at.
    batch.arena.resize(70 << 10, 0);
    for seq in 1..=1000 {
        batch.descs.push(Desc {
            target: 1,
            seq,
            r#type: 2,
            len: 65 << 10,
            ..Desc::default()
        });
    }
    assert_eq!(batch.send(link).0, AB_TOO_LARGE);
    let many = Batch {
        descs: vec![Desc::default(); 65_537],
        arena: Vec::new(),
    };
    assert_eq!(many.send(link).0, AB_TOO_LARGE);
    assert_eq!(status(node).links, 1, "the link is as it was");
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_packet_that_does_not_fit_waits_and_says_what_it_takes() {
    let node = open_node();
    let link = linked(node);
    let batch = Batch::default().opening("ab://rust/system", FIND);
    batch.item(1, 1, 1, &find("slow")).send(link);
    until("an answer", || ab_link_arm(link, 0) == AB_MORE);
    let (status, n, need, _) = receive(link, 0, 0);
    assert_eq!((status, n > 0, need > 0), (AB_SHORT_BUFFER, true, true));
    assert_eq!(receive(link, n as usize - 1, need).0, AB_SHORT_BUFFER);
    assert_eq!(receive(link, n as usize, need - 1).0, AB_SHORT_BUFFER);
    assert_eq!(ab_link_arm(link, 0), AB_MORE, "it still waits");
    let (status, got, used, _) = receive(link, n as usize, need);
    assert!(status == AB_OK || status == AB_MORE);
    assert_eq!((got, used), (n, need));
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn the_doorbell_rings_once_for_each_time_it_was_armed() {
    let node = open_node();
    let link = linked(node);
    let silent = Duration::from_millis(20);
    assert!(!wait(link, silent), "nobody has said anything");
    let ping = |token| {
        Batch::default().head(&Frame {
            ping: Some(Ping { token, mem_permille: 0 }),
            ..Frame::default()
        })
    };
    assert_eq!(ping(1).send(link).0, AB_OK);
    assert!(wait(link, PATIENCE));
    assert_eq!(next_head(link).pong.map(|p| p.token), Some(1));
    assert!(!wait(link, silent), "the answer was taken, and its ring with it");
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn an_ask_is_pending_and_is_run_once() {
    let node = open_node();
    let link = linked(node);
    Batch::default().opening("ab://rust/system", FIND).send(link);
    let mut batch = Batch::default().item(1, 1, 9, &find("slow"));
    let (mut reply, mut need) = (Desc::default(), 0);
    let arena = batch.arena.clone();
    // SAFETY: all are valid for their lengths.
    let mut ask = |desc: &mut Desc| unsafe {
        let (bytes, len) = (arena.as_ptr(), arena.len());
        ab_link_ask(link, desc, bytes, len, &mut reply, std::ptr::null_mut(), 0, &mut need)
    };
    assert_eq!(ask(&mut batch.descs[0]), AB_PENDING);
    assert_eq!(answers(link, 1)[0].0, 9);
    let mut far = Desc {
        seq: 5000,
        ..batch.descs[0]
    };
    assert_eq!(ask(&mut far), AB_NO_CREDIT);
    let mut head = Desc {
        kind: AB_KIND_HEAD,
        ..Desc::default()
    };
    assert_eq!(ask(&mut head), AB_BAD_DESCRIPTOR);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn frames_are_the_bytes_that_the_remote_door_carries() {
    let node = open_node();
    let link = open_link(node, &[]).expect("a link without a Hello");
    let hello = Frame {
        hello: Some(hello()),
        number: 1,
        ..Frame::default()
    };
    let input = hello.encode_to_vec();
    let (mut out, mut len) = ([0; 512], 77);
    // SAFETY: all are valid for their lengths.
    let mut exchange = |input: &[u8], cap: usize| unsafe {
        let status = ab_link_frames(link, input.as_ptr(), input.len(), out.as_mut_ptr(), cap, &mut len);
        (status, Frame::decode(&out[..len.min(cap)]))
    };
    assert_eq!(exchange(&input, 3).0, AB_SHORT_BUFFER);
    // The Hello was acted on, and only once.
    let (status, frame) = exchange(&[], 512);
    assert_eq!(status, AB_OK);
    assert_eq!(frame.expect("a frame").welcome.map(|w| w.node), Some("rust".into()));
    assert_eq!(exchange(&[], 512).0, AB_OK);
    let (status, frame) = exchange(&[0xFF; 9], 512);
    assert!(matches!(status, AB_OK | AB_MORE));
    assert!(frame.expect("last words").goodbye.is_some());
    assert_eq!(exchange(&[], 512).0, AB_PROTOCOL);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_hello_that_cannot_be_agreed_to_says_why_at_once() {
    let node = open_node();
    let refused = |change: fn(&mut Hello)| {
        let mut other = hello();
        change(&mut other);
        open_link(node, &other.encode_to_vec()).expect_err("refused")
    };
    let (status, text) = refused(|h| (h.min_protocol, h.max_protocol) = (8, 9));
    assert_eq!(status, AB_VERSION);
    assert!(text.contains("8 to 9") && text.contains("1 to 1"), "{text}");
    let (status, text) = refused(|h| h.required = vec![77]);
    assert_eq!(status, AB_CAPABILITY, "{text}");
    let (status, text) = refused(|h| h.node = "rust".into());
    assert_eq!(status, AB_PROTOCOL, "{text}");
    assert_eq!(open_link(node, &[0xFF]).expect_err("refused").0, AB_UNDECODABLE_HELLO);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_frame_that_makes_no_sense_costs_its_link_and_no_other() {
    let node = open_node();
    let (bad, good) = (linked(node), linked(node));
    let mut torn = Batch::default().head(&Frame::default()).item(1, 1, 1, b"x");
    torn.arena.splice(0..0, [0xFF, 0xFF]);
    torn.descs[0].len = 2;
    let (status, statuses) = torn.send(bad);
    assert_eq!((status, statuses), (AB_PROTOCOL, vec![AB_PROTOCOL; 2]));
    let last = next_head(bad).goodbye.expect("last words");
    assert_eq!(last.code(), GoodbyeCode::GoodbyeProtocol);
    assert_eq!(receive(bad, 8, 512).0, AB_PROTOCOL);
    assert_eq!(ab_link_arm(bad, 0), AB_PROTOCOL);
    let batch = Batch::default().opening("ab://rust/system", FIND);
    batch.item(1, 1, 3, &find("slow")).send(good);
    assert_eq!(answers(good, 1)[0].0, 3);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_goodbye_is_taken_and_ends_the_link() {
    let node = open_node();
    let link = linked(node);
    let goodbye = Batch::default().head(&Frame {
        goodbye: Some(Goodbye::default()),
        ..Frame::default()
    });
    assert_eq!(goodbye.send(link), (AB_OK, vec![AB_OK]));
    assert_eq!(goodbye.send(link), (AB_LINK_DOWN, vec![AB_LINK_DOWN]));
    assert_eq!(ab_link_close(link), AB_OK);
    assert_eq!(ab_link_close(link), AB_CLOSED);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_stop_says_goodbye_rings_and_shows_in_the_status() {
    let node = open_node();
    let link = linked(node);
    assert_eq!(status(node).state, AB_STATE_RUNNING);
    assert_eq!(status(node).actors, 1);
    assert_eq!(ab_node_stop(node, 0), AB_OK);
    assert_eq!(ab_node_stop(node, 0), AB_OK);
    assert!(wait(link, PATIENCE), "the doorbell rings");
    let last = next_head(link).goodbye.expect("last words");
    assert_eq!(last.code(), GoodbyeCode::GoodbyeNormal);
    until("stopped", || status(node).state == AB_STATE_STOPPED);
    assert_eq!(open_link(node, &[]).expect_err("no new links").0, AB_NODE_STOPPED);
    assert_eq!(ab_node_close(node), AB_OK);
    assert_eq!(ab_node_close(node), AB_CLOSED);
}
