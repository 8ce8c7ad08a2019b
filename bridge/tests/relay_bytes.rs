//! What a relay passes on is what was sent, byte for byte, with the time that is left.

use crate::common;
use crate::hostile_peer::Peer;
use crate::relay::{relay, row, small, started};

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actorbridge::machine::link::{BindingNumber, Relayed, Send};
use actorbridge::proto::v1::{self, Capability, Kind};
use actorbridge::proto::writer::{self, BodyFields};
use actorbridge::proto::{Item, Run, What};
use actorbridge::{Actor, Cx, Fault, Message};
use actorbridge_test::end;
use bytes::Bytes;
use common::eventually;
use common::raw::Raw;

const MINUTES: u32 = 60_000;

/// A field that no node knows.
fn unknown(number: u32) -> Vec<u8> {
    let mut field = Vec::new();
    prost::encoding::string::encode(number, &"of a later version".to_owned(), &mut field);
    field
}

/// What a stream and a type say of their messages, and the rest of those: each has a field that no node knows, and so have the payloads.
fn parts(node: &str) -> (Bytes, Bytes, [Bytes; 3]) {
    let who = writer::who("ab:///porter", &format!("ab://{node}/keeper"), "ab://porter/system");
    let what = writer::what(Kind::Tell, "test.Note", 1, 1);
    let payload = |n: u8| [&[8, n][..], &unknown(1_000)].concat();
    let body = |n| writer::body(BodyFields::default(), &payload(n));
    let with_field = Bytes::from([unknown(1_001), body(3).into()].concat());
    let (who, what) = ([&who.bytes[..], &unknown(1_002)], [&what.bytes[..], &unknown(1_003)]);
    (
        who.concat().into(),
        what.concat().into(),
        [body(1), body(2), with_field],
    )
}

/// Sends them to an actor of a node behind the relay: two that can go on in one piece, and one with half an hour left in a frame that
/// lay on its way for ten minutes. Returns the envelopes.
async fn send(porter: &mut Raw, node: &str) -> Vec<Bytes> {
    let (who, what, bodies) = parts(node);
    let open = v1::StreamOpen {
        flow: 1,
        stream: 7,
        epoch: 1,
        mode: v1::Mode::Flow as i32,
        prefix: who.clone(),
        first_seq: 1,
        destination: node.into(),
        ..Default::default()
    };
    let define = v1::TypeDef {
        id: 1,
        prefix: what.clone(),
    };
    let head = v1::Frame {
        sent_ms: 90 * MINUTES,
        open: vec![open],
        r#type: vec![define],
        ..Default::default()
    };
    let run = |first_seq, ttl_ms, bodies: &[Bytes]| {
        let item = |body: &Bytes| Item {
            type_id: 1,
            ttl_ms,
            body: body.clone(),
        };
        Run {
            flow: 1,
            first_seq,
            items: bodies.iter().map(item).collect(),
            ..Run::default()
        }
    };
    porter.frame(head, vec![run(1, 0, &bodies[..2])]).await;
    let late = v1::Frame {
        sent_ms: 80 * MINUTES,
        ..Default::default()
    };
    porter.frame(late, vec![run(3, 30 * MINUTES, &bodies[2..])]).await;
    bodies.iter().map(|body| writer::join(&who, &what, body)).collect()
}

#[tokio::test]
async fn a_relay_takes_the_time_on_the_way_off_a_deadline_and_changes_nothing_of_an_envelope() {
    let r = started(relay()).await;
    let mut receiver = Raw::link_with(&r.listening()[0], &[Capability::Relay]).await;
    let mut porter = Raw::link_as("porter", &r.listening()[0], &[Capability::Relay]).await;
    let sent = send(&mut porter, "raw").await;
    let (mut who, mut what) = (HashMap::new(), HashMap::new());
    let (mut came, mut left) = (Vec::new(), Vec::new());
    while came.len() < sent.len() {
        let packet = receiver.next().await.expect("there is more");
        who.extend(packet.head.open.iter().map(|open| (open.flow, open.prefix.clone())));
        what.extend(
            packet
                .head
                .r#type
                .iter()
                .map(|define| (define.id, define.prefix.clone())),
        );
        for run in packet.runs.iter().filter(|run| run.flow != 0) {
            assert_eq!((run.first_seq, run.hops), (came.len() as u64 + 1, 1));
            for item in run.all().iter() {
                came.push(writer::join(&who[&run.flow], &what[&item.type_id], &item.body));
                left.push(item.ttl_ms);
            }
        }
    }
    assert_eq!(came, sent);
    assert_eq!(left[..2], [0, 0], "these have no deadline");
    assert!(
        (19 * MINUTES..20 * MINUTES).contains(&left[2]),
        "{} ms are left",
        left[2]
    );
    drop((porter, receiver));
    end([r]).await;
}

#[test]
fn what_a_message_waits_at_a_relay_is_taken_off_its_time() {
    let mut peer = Peer::new();
    let (who, what, bodies) = parts("there");
    let relayed = Relayed {
        origin: "porter".into(),
        hops: 1,
        ..Relayed::default()
    };
    let opened = peer.link.open_relayed(7, &who, 1, BindingNumber::FIRST, relayed);
    let flow = opened.expect("bound");
    let what = What::parse(what).expect("a type");
    let queued = peer.link.relay(flow, 1, &what, Some(30_000), 1, &bodies[2]);
    assert_eq!(queued, Send::Queued(1));
    let packet = peer.link.poll(12_000, &mut Vec::new()).expect("it leaves");
    let item = Item {
        type_id: 1,
        ttl_ms: 18_000,
        body: bodies[2].clone(),
    };
    assert_eq!(packet.runs[0].items, [item]);
}

/// Keeps the envelopes of what it is told.
struct Keeper(Arc<Mutex<Vec<Bytes>>>);

impl Actor for Keeper {
    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        self.0.lock().expect("no panic").push(message.envelope());
        Ok(())
    }
}

#[tokio::test]
async fn an_actor_behind_a_relay_gets_the_envelope_that_was_written() {
    let (a, r, b) = row().await;
    let kept = Arc::<Mutex<Vec<Bytes>>>::default();
    let keeper = kept.clone();
    b.spawn("keeper", move || Keeper(keeper.clone()), small())
        .expect("spawned");
    let mut porter = Raw::link_as("porter", &r.listening()[0], &[Capability::Relay]).await;
    let sent = send(&mut porter, "b").await;
    let came = || kept.lock().expect("no panic").len() == sent.len();
    eventually("the messages", came).await;
    assert_eq!(*kept.lock().expect("no panic"), sent);
    drop(porter);
    end([a, r, b]).await;
}
