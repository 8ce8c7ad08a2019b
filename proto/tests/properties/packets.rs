//! Packets against prost's frames.

use actorbridge_proto::packet::{MAX_FRAME_BYTES, MAX_FRAME_ITEMS};
use actorbridge_proto::v1::{Code, Frame};
use actorbridge_proto::{Item, Packet, Run};
use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;

use crate::generate::{HIGHEST, damaged, field, fields_of, frame, number_and_bytes, some_bytes};

/// What is packed is unpacked: it is compared item by item.
fn read(bytes: impl Into<Bytes>) -> Result<Packet, actorbridge_proto::Refusal> {
    let mut packet = Packet::read(&bytes.into(), MAX_FRAME_BYTES)?;
    // As it was read, it is written as the same messages.
    let again = Packet::read(&packet.to_bytes(), 2 * MAX_FRAME_BYTES).map(|mut again| {
        again.unpack();
        again
    });
    packet.unpack();
    assert_eq!(again.as_ref(), Ok(&packet));
    Ok(packet)
}

fn at(list: &[u32], i: usize) -> u32 {
    match list {
        [] => 0,
        [all] => *all,
        each => each[i],
    }
}

/// A packet as a frame says it; `None` = a list fits none of the ways in which it may be given.
fn of_frame(frame: &Frame) -> Option<Packet> {
    let runs = frame.run.iter().map(|run| {
        let n = run.envelope.len();
        let fits = |list: &[u32]| list.len() < 2 || list.len() == n;
        let item = |(i, body): (usize, &Bytes)| Item {
            type_id: at(&run.r#type, i),
            ttl_ms: at(&run.ttl_ms, i),
            body: body.clone(),
        };
        (fits(&run.r#type) && fits(&run.ttl_ms)).then(|| Run {
            flow: run.flow,
            first_seq: run.first_seq,
            attempt: run.attempt,
            hops: run.hops,
            queued: run.queued,
            items: run.envelope.iter().enumerate().map(item).collect(),
            packed: None,
        })
    });
    let runs = runs.collect::<Option<_>>()?;
    let head = Frame {
        run: Vec::new(),
        ..frame.clone()
    };
    Some(Packet { head, runs })
}

proptest! {
    #[test]
    fn a_frame_is_read_as_prost_reads_it(frame in frame()) {
        let packet = read(frame.encode_to_vec()).expect("prost wrote it");
        prop_assert_eq!(&packet, &of_frame(&frame).expect("lists that fit"));
    }

    #[test]
    fn a_packet_is_written_as_prost_reads_it_and_comes_back_the_same(frame in frame()) {
        let packet = of_frame(&frame).expect("lists that fit");
        let bytes = packet.to_bytes();
        prop_assert_eq!(&of_frame(&Frame::decode(bytes.clone()).expect("written here")), &Some(packet.clone()));
        prop_assert_eq!(&read(bytes).expect("written here"), &packet);
    }

    #[test]
    fn items_travel_byte_for_byte_whatever_is_in_them(bodies in proptest::collection::vec(some_bytes(60), 1..20)) {
        let items = bodies.iter().map(|body| Item { body: body.clone(), ..Item::default() }).collect();
        let run = Run { flow: 1, first_seq: 1, items, ..Run::default() };
        let again = read(Packet { runs: vec![run], ..Packet::default() }.to_bytes()).expect("written here");
        prop_assert_eq!(again.runs[0].all().iter().map(|i| i.body.clone()).collect::<Vec<_>>(), bodies);
    }

    #[test]
    fn a_later_field_is_ignored_and_one_near_by_costs_the_link(
        frame in frame(),
        number in prop_oneof![16_u32..33, Just(HIGHEST)],
        (value, bytes) in number_and_bytes(),
        wire in proptest::sample::select(vec![0, 1, 2, 5]),
    ) {
        let mut all = frame.encode_to_vec();
        all.extend(field(number, wire, value, &bytes));
        match read(all) {
            Ok(packet) => {
                prop_assert!(number >= 32);
                prop_assert_eq!(Some(packet), of_frame(&frame));
            }
            Err(refusal) => {
                prop_assert!(number < 32);
                prop_assert_eq!(refusal.code, Code::Undecodable);
            }
        }
    }

    #[test]
    fn a_damaged_frame_is_refused_or_read_as_prost_reads_it(bytes in damaged(frame())) {
        let Ok(packet) = read(bytes.clone()) else { return Ok(()) };
        // Groups, and field numbers of 0, are refused before prost is asked.
        let oracle = Frame::decode(&bytes[..]).expect("read here");
        prop_assert_eq!(&Some(packet.clone()), &of_frame(&oracle));
        prop_assert_eq!(read(packet.to_bytes()).expect("written here"), packet);
    }
}

#[test]
fn payloads_alone_stay_packed_and_nothing_else_does() {
    let plain = |payload: &[u8]| field(15, 2, 0, &field(2, 2, 0, payload));
    let run = |items: &[Vec<u8>]| {
        field(
            15,
            2,
            0,
            &[field(1, 0, 1, &[]), field(2, 0, 7, &[]), items.concat()].concat(),
        )
    };
    let packed = |items: &[Vec<u8>]| {
        let frame = Bytes::from(run(items));
        let packet = Packet::read(&frame, MAX_FRAME_BYTES).expect("it is well formed");
        packet.runs[0]
            .packed
            .as_ref()
            .map(|packed| (packed.count, packed.longest))
    };
    let four = [plain(b"a"), plain(&[7; 300]), plain(b"ccc"), plain(b"d")];
    assert_eq!(packed(&four), Some((4, 300)));
    assert_eq!(packed(&four[..3]), None, "few");
    // A tag that is longer than it has to be, of an item or of its payload: who reads packed items takes it for one byte.
    let long_item = [vec![0xfa, 0x00, 0x03], b"\x12\x01x".to_vec()].concat();
    let long_payload = field(15, 2, 0, b"\x92\x00\x01x");
    let ask = field(15, 2, 0, &[field(3, 0, 9, &[]), field(2, 2, 0, b"x")].concat());
    for other in [long_item, long_payload, ask, field(15, 2, 0, &[])] {
        for at in 0..=4 {
            let mut five = four.to_vec();
            five.insert(at, other.clone());
            assert_eq!(packed(&five), None, "{other:?} at {at}");
            assert_eq!(read(run(&five)).expect("it is well formed").runs[0].items.len(), 5);
        }
    }
    let between = [four[..2].concat(), field(8, 0, 1, &[]), four[2..].concat()];
    assert_eq!(packed(&between), None, "something is between them");
}

#[test]
fn a_frame_over_the_limit_is_refused_by_its_length_alone() {
    let frame = Bytes::from(vec![0xff; 1_001]);
    assert_eq!(Packet::read(&frame, 1_000).expect_err("too long").code, Code::TooLarge);
    let most = Bytes::from(vec![0; MAX_FRAME_BYTES + 1]);
    assert_eq!(
        Packet::read(&most, usize::MAX).expect_err("over every limit").code,
        Code::TooLarge
    );
}

#[test]
fn empty_entries_cannot_make_a_reader_take_many_times_a_frames_size() {
    let over = MAX_FRAME_ITEMS + 1;
    let empty_items = field(15, 2, 0, &field(15, 2, 0, &[]).repeat(over));
    let empty_runs = field(15, 2, 0, &[]).repeat(over);
    let empty_states = field(7, 2, 0, &[]).repeat(over);
    let values = field(15, 2, 0, &field(5, 2, 0, &vec![1; over]));
    let singles = field(15, 2, 0, &field(7, 0, 1, &[]).repeat(over));
    for frame in [empty_items, empty_runs, empty_states, values, singles] {
        let refusal = read(frame).expect_err("too many");
        assert!(refusal.detail.contains("more than 65536"), "{refusal}");
    }
}

#[test]
fn every_cut_of_a_frame_is_refused_or_a_shorter_frame() {
    let run = Run {
        flow: 1,
        first_seq: 1,
        items: vec![
            Item {
                body: Bytes::from_static(b"\x12\x01x"),
                type_id: 1,
                ttl_ms: 9
            };
            3
        ],
        ..Run::default()
    };
    let head = Frame {
        number: 300,
        sent_ms: 5,
        ..Frame::default()
    };
    let whole = Packet { head, runs: vec![run] }.to_bytes();
    let ends: Vec<usize> = fields_of(&whole)
        .iter()
        .scan(0, |end, (_, f)| {
            *end += f.len();
            Some(*end)
        })
        .collect();
    for cut in 1..whole.len() {
        assert_eq!(read(whole.slice(..cut)).is_ok(), ends.contains(&cut), "cut at {cut}");
    }
}
