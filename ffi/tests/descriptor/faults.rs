//! What the feature `abdebug` checks: each thing that may be wrong with a message is found.

use actorbridge_proto::v1::{Frame, Kind, StreamOpen, TypeDef};
use actorbridge_proto::{Item, Packet, Run, writer};
use bytes::{Bytes, BytesMut};

use crate::debug::{self, Check, Talk, Told};
use crate::ring::{Block, Memory, Reader, RunHead, Taken, Way, Writer};
use crate::types::{AB_DESC_WHOLE, Desc};
use crate::whole::put;

/// An ask's item: a correlation, a field of ext, a payload.
const ITEM: [u8; 11] = [24, 7, 50, 3, b'a', b'b', b'c', 18, 2, b'h', b'i'];

type Damage = fn(&mut Desc);

fn finds(check: Check, what: &str) {
    assert!(
        check.as_ref().is_err_and(|why| why.contains(what)),
        "{check:?} instead of {what:?}"
    );
}

fn item() -> Bytes {
    writer::body(
        writer::BodyFields {
            correlation: 7,
            ask_path: &[5],
            ..Default::default()
        },
        b"hi",
    )
}

fn packet() -> Packet {
    let message = |body| Item {
        type_id: 1,
        ttl_ms: 50,
        body,
    };
    let run = Run {
        flow: 9,
        first_seq: 4,
        attempt: 1,
        hops: 2,
        items: vec![message(item()), message(item())],
        ..Run::default()
    };
    Packet {
        head: opening(),
        runs: vec![run],
    }
}

/// Flow 9, type 1 of asks, and type 2 of tells.
fn opening() -> Frame {
    let prefix = |kind| writer::what(kind, "x.Y", 1, 1).bytes;
    Frame {
        open: vec![StreamOpen {
            flow: 9,
            prefix: writer::who("", "ab:///x", "ab://c/main").bytes,
            first_seq: 4,
            ..StreamOpen::default()
        }],
        r#type: [(1, Kind::Ask), (2, Kind::Tell)]
            .map(|(id, kind)| TypeDef {
                id,
                prefix: prefix(kind),
            })
            .into(),
        ..Frame::default()
    }
}

#[test]
fn a_wrong_field_of_a_descriptor_that_c_gets_is_found() {
    let packet = packet();
    let (descs, arena) = put(&packet);
    debug::packet(&packet, &descs[1..], &arena).expect("nothing is wrong");
    let wrong: [(&str, Damage); 14] = [
        ("flow", |d| d.target = 8),
        ("source", |d| d.source = 1),
        ("seq", |d| d.seq = 4),
        ("type", |d| d.r#type = 2),
        ("time", |d| d.ttl_ms = 0),
        ("attempt", |d| d.attempt = 0),
        ("hops", |d| d.flags = AB_DESC_WHOLE | 3),
        ("not whole", |d| d.flags = 2),
        ("kind", |d| d.kind = 2),
        ("correlation", |d| d.correlation = 8),
        ("ext is not", |d| d.ext_len -= 1),
        ("ext is not", |d| d.ext_off -= 1),
        ("payload is not", |d| d.len -= 1),
        ("payload is outside", |d| d.off += 1),
    ];
    for (what, damage) in wrong {
        let mut descs = descs.clone();
        damage(&mut descs[2]);
        finds(debug::packet(&packet, &descs[1..], &arena), what);
    }
    let mut beyond = descs.clone();
    (beyond[2].ext_off, beyond[2].off) = (u32::MAX, u32::MAX);
    finds(debug::packet(&packet, &beyond[1..], &arena), "ext is not");
}

#[test]
fn a_wrong_byte_of_an_item_that_was_made_of_a_descriptor_is_found() {
    let arena = [&ITEM[2..7], b"hi"].concat();
    let desc = Desc {
        kind: 2,
        correlation: 7,
        off: 5,
        len: 2,
        ext_len: 5,
        ..Desc::default()
    };
    let made = desc.body(&Bytes::copy_from_slice(&arena)).expect("an item");
    debug::made_of(&desc, &arena, &made).expect("nothing is wrong");
    // Each of these is another envelope: its kind, its correlation, its type_name, its payload.
    for (at, what) in [(1, 3), (3, 8), (6, b'x'), (made.len() - 1, b'o')] {
        let mut other = made.to_vec();
        other[at] = what;
        finds(debug::made_of(&desc, &arena, &other), "not what its descriptor");
    }
    let whole = Desc {
        flags: AB_DESC_WHOLE,
        ..desc
    };
    debug::made_of(&whole, &arena, &arena[..5]).expect("nothing is wrong");
    finds(debug::made_of(&whole, &arena, &arena), "not the ext");
    let beyond = Desc { len: 3, ..desc };
    finds(debug::made_of(&beyond, &arena, &made), "leave its arena");
}

#[test]
fn a_message_that_was_added_with_another_number_is_found() {
    let (packet, (descs, _)) = (packet(), put(&packet()));
    debug::added(&descs[2], &packet.runs).expect("nothing is wrong");
    finds(debug::added(&descs[1], &packet.runs), "seq");
    finds(debug::added(&descs[1], &[]), "nowhere");
}

/// Whether the node may say this message after `opening`.
fn said(head: RunHead, plain: bool, bytes: &[u8]) -> Check {
    let mut told = Told::default();
    told.head(&opening());
    told.message(&head, plain, bytes)
}

#[test]
fn a_message_that_names_what_was_not_told_is_found() {
    let ask = RunHead {
        flow: 9,
        seq: 4,
        type_id: 1,
        ..RunHead::default()
    };
    let tell = RunHead { type_id: 2, ..ask };
    said(ask, false, &item()).expect("nothing is wrong");
    said(tell, true, b"hi").expect("nothing is wrong");
    for (what, head, plain, bytes) in [
        ("flow that is not bound", RunHead { flow: 8, ..ask }, false, &item()[..]),
        ("type that was not told", RunHead { type_id: 3, ..ask }, false, &item()),
        ("seq of an earlier one", RunHead { seq: 3, ..ask }, false, &item()),
        ("has a seq", RunHead { flow: 0, ..ask }, false, &item()),
        ("no kind", RunHead { type_id: 0, ..ask }, false, &item()),
        ("no tell", ask, true, b"hi"),
        ("no correlation", ask, false, b"\x12\x02hi"),
        (
            "for nobody",
            RunHead {
                flow: 0,
                seq: 0,
                ..tell
            },
            false,
            b"\x12\x02hi",
        ),
        ("no envelope", ask, false, b"\x12\x03hi"),
        ("set twice", ask, false, b"\x08\x02\x18\x07"),
    ] {
        finds(said(head, plain, bytes), what);
    }
    let mut told = Told::default();
    told.head(&opening());
    told.message(&ask, false, &item()).expect("nothing is wrong");
    finds(told.message(&ask, false, &item()), "seq of an earlier one");
    told.head(&Frame {
        open: vec![StreamOpen {
            flow: 9,
            close: true,
            ..StreamOpen::default()
        }],
        ..Frame::default()
    });
    finds(told.message(&RunHead { seq: 5, ..ask }, false, &item()), "not bound");
}

#[test]
fn a_message_that_was_taken_on_a_flow_without_a_binding_is_found() {
    let talk = Talk::default();
    finds(talk.took([9]), "not bound");
    finds(talk.took_ask(9), "never bound");
    talk.hears(&opening());
    talk.took([0, 9]).and(talk.took_ask(9)).expect("nothing is wrong");
    finds(talk.took([9, 8]), "not bound");
}

#[test]
fn a_run_that_is_not_what_its_records_say_is_found() {
    let memory = Memory::new().expect("memory");
    let mut writer = Writer::new(memory.clone(), Way::ToNode);
    let mut reader = Reader::new(memory, Way::ToNode);
    let head = RunHead {
        seq: 4,
        flow: 9,
        type_id: 1,
        ttl_ms: 50,
        hops: 2,
        reserved: 0,
    };
    writer.put_message(head, true, b"one");
    writer.put_message(RunHead { seq: 5, ..head }, true, b"three");
    writer.publish();
    let from = reader.at();
    let Taken::Run(taken, plain, block) = reader.take() else {
        panic!("no run")
    };
    let records = reader.records_since(from);
    debug::read(&taken, plain, &block, &records).expect("nothing is wrong");
    for wrong in [
        RunHead { seq: 5, ..taken },
        RunHead { flow: 8, ..taken },
        RunHead { type_id: 2, ..taken },
        RunHead { ttl_ms: 0, ..taken },
        RunHead { hops: 0, ..taken },
    ] {
        finds(debug::read(&wrong, plain, &block, &records), "head");
    }
    finds(debug::read(&taken, false, &block, &records), "mixes");
    let with = |bytes: &[u8], ends: &[u32]| Block {
        bytes: BytesMut::from(bytes),
        ends: ends.to_vec(),
    };
    finds(
        debug::read(&taken, plain, &with(b"onethree", &[8]), &records),
        "number of messages",
    );
    finds(
        debug::read(&taken, plain, &with(b"onethree", &[4, 8]), &records),
        "not its record",
    );
    finds(
        debug::read(&taken, plain, &with(b"oneThree", &[3, 8]), &records),
        "not its record",
    );
}
