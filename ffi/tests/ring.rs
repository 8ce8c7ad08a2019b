//! A ring alone: what is written comes out, wherever the ring's end is, and what is no record is an error. The control words are
//! read and written where docs/C_ABI.md says that they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[allow(dead_code, unreachable_pub)]
#[path = "../src/ring.rs"]
mod ring;

#[allow(dead_code, unreachable_pub)]
#[path = "../src/control.rs"]
mod control;

/// What ring.rs and control.rs find in the library.
mod sync {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
}

mod types {
    pub(crate) use actorbridge_ffi::{
        AB_LANE_LAYOUT, AB_RECORD_FRAME, AB_RECORD_ITEM, AB_RECORD_PAD, AB_RECORD_PAYLOAD, AB_RECORD_RUN,
    };
}

use ring::{Block, FLOWS, Memory, RING, Reader, RunHead, Taken, Way, Writer};
use types::{AB_RECORD_FRAME, AB_RECORD_ITEM, AB_RECORD_PAYLOAD, AB_RECORD_RUN};

actorbridge_ffi::module!(module);

fn module() -> actorbridge_ffi::Module {
    actorbridge_ffi::Module::new("ring")
}

/// Offsets of the ring to the node.
const CONTROL: usize = 512;
const TAIL: usize = CONTROL;
const HEAD: usize = CONTROL + 128;
const ASLEEP: usize = CONTROL + 256;
const WANTS_ROOM: usize = CONTROL + 384;
const DATA: usize = 4096;
/// How often the ring is filled; Miri takes long.
const TIMES: u64 = if cfg!(miri) { 2 } else { 8 };

fn pair() -> (Arc<Memory>, Writer, Reader) {
    let memory = Memory::new().expect("memory");
    let (writer, reader) = (
        Writer::new(memory.clone(), Way::ToNode),
        Reader::new(memory.clone(), Way::ToNode),
    );
    (memory, writer, reader)
}

fn word(memory: &Memory, at: usize) -> &AtomicU64 {
    assert!(at.is_multiple_of(8) && at < Memory::SIZE);
    // SAFETY: inside the memory, aligned, and no other thread uses it in these tests.
    unsafe { &*memory.base().add(at).cast::<AtomicU64>() }
}

fn half(memory: &Memory, at: usize) -> u32 {
    assert!(at.is_multiple_of(4) && at < Memory::SIZE);
    // SAFETY: as above.
    unsafe { &*memory.base().add(at).cast::<AtomicU32>() }.load(Ordering::SeqCst)
}

/// Numbers that look random, and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % n
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Frame(Vec<u8>),
    Message(RunHead, bool, Vec<u8>),
}

/// What the run's messages are, one by one.
fn messages(mut head: RunHead, plain: bool, block: &Block) -> Vec<Entry> {
    let mut start = 0;
    let entry = |end: &u32| {
        let bytes = block.bytes[start..*end as usize].to_vec();
        start = *end as usize;
        let entry = Entry::Message(head, plain, bytes);
        head.seq += u64::from(head.flow != 0);
        entry
    };
    block.ends.iter().map(entry).collect()
}

fn take_all(reader: &mut Reader) -> Vec<Entry> {
    let mut taken = Vec::new();
    loop {
        match reader.take() {
            Taken::Nothing => return taken,
            Taken::Bad(why) => panic!("after {} entries: {why}", taken.len()),
            Taken::Frame(frame) => taken.push(Entry::Frame(frame.to_vec())),
            Taken::Run(head, plain, block) => {
                assert!(block.ends.len() <= 64, "{} messages in a run", block.ends.len());
                taken.extend(messages(head, plain, &block));
            }
        }
    }
}

/// Writes an entry of so many bytes, if there is room.
fn write(writer: &mut Writer, numbers: &mut Numbers, seq: u64, size: usize) -> Option<Entry> {
    let bytes = vec![seq as u8; size];
    if numbers.below(10) == 0 {
        let room = writer.has_room_for_all(1, size);
        return room.then(|| {
            writer.put_frame(&bytes);
            Entry::Frame(bytes)
        });
    }
    let flow = numbers.below(3) as u32;
    let head = RunHead {
        seq: if flow == 0 { 0 } else { seq },
        flow,
        type_id: 7,
        ttl_ms: numbers.below(2) as u32,
        hops: 1,
        reserved: 0,
    };
    let plain = numbers.below(2) == 0;
    writer.has_room_for(size).then(|| {
        writer.put_message(head, plain, &bytes);
        Entry::Message(head, plain, bytes)
    })
}

#[test]
fn what_is_written_comes_out_in_order_wherever_the_rings_end_is() {
    for most in [40, 3_000, 64 << 10] {
        let (memory, mut writer, mut reader) = pair();
        let (mut numbers, mut seq) = (Numbers(most as u64), 0);
        while word(&memory, TAIL).load(Ordering::SeqCst) < TIMES * RING as u64 {
            let mut written = Vec::new();
            for _ in 0..numbers.below(200) {
                seq += 1;
                let size = numbers.below(most);
                written.extend(write(&mut writer, &mut numbers, seq, size));
            }
            writer.publish();
            assert_eq!(take_all(&mut reader), written);
            reader.free();
        }
        let (tail, head) = (word(&memory, TAIL), word(&memory, HEAD));
        assert_eq!(
            tail.load(Ordering::SeqCst),
            head.load(Ordering::SeqCst),
            "all was taken"
        );
    }
}

#[test]
fn the_longest_frame_finds_room_in_an_empty_ring_wherever_its_end_is() {
    let (_memory, mut writer, mut reader) = pair();
    let (mut numbers, longest) = (Numbers(3), vec![9; 256 << 10]);
    for _ in 0..200 {
        assert!(writer.has_room_for_all(1, longest.len()), "an empty ring has no room");
        writer.put_frame(&longest);
        if numbers.below(2) == 0 {
            writer.put_frame(&vec![1; 8 * numbers.below(500)]);
        }
        writer.publish();
        let taken = take_all(&mut reader);
        assert_eq!(taken[0], Entry::Frame(longest.clone()));
        reader.free();
    }
}

#[test]
fn messages_that_belong_together_are_one_run() {
    let (_memory, mut writer, mut reader) = pair();
    let head = RunHead {
        seq: 5,
        flow: 3,
        ..RunHead::default()
    };
    for i in 0..70 {
        writer.put_message(RunHead { seq: 5 + i, ..head }, true, &[i as u8]);
    }
    writer.publish();
    for (first_seq, count) in [(5, 64), (69, 6)] {
        let Taken::Run(taken, true, block) = reader.take() else {
            panic!("no run")
        };
        assert_eq!((taken.seq, taken.flow, block.ends.len()), (first_seq, 3, count));
    }
    assert!(matches!(reader.take(), Taken::Nothing));
}

#[test]
fn a_full_ring_asks_for_room_and_is_told_once_when_there_is_some() {
    let (memory, mut writer, mut reader) = pair();
    let (mut count, mut came) = (0, 0);
    while writer.has_room_for(500) {
        count += 1;
        let head = RunHead {
            seq: count,
            flow: 1,
            ..RunHead::default()
        };
        writer.put_message(head, true, &[0; 500]);
    }
    assert_eq!(half(&memory, WANTS_ROOM), 1);
    assert!(count > 1_900, "the ring is full with {count} messages");
    writer.publish();
    while let Taken::Run(_, _, block) = reader.take() {
        came += block.ends.len() as u64;
    }
    assert_eq!(came, count);
    assert!(
        !writer.has_room_for(500),
        "the room is the reader's until it gives it back"
    );
    assert!(reader.free(), "the writer waits for room, and nobody would tell it");
    assert!(!reader.free(), "it would be told twice");
    assert!(writer.has_room_for(500), "the room was not given back");
}

#[test]
fn who_sleeps_is_woken_once_and_nobody_sleeps_on_data() {
    let (memory, mut writer, mut reader) = pair();
    assert!(reader.sleep(), "nothing waits, and it does not sleep");
    writer.put_frame(b"a");
    assert!(writer.publish(), "nobody wakes it");
    assert!(!writer.publish(), "it is woken twice");
    assert!(!reader.sleep(), "it sleeps on data");
    assert_eq!(half(&memory, ASLEEP), 0, "it is awake");
    assert!(matches!(reader.take(), Taken::Frame(_)));
    assert!(reader.sleep());
    assert!(writer.rouse() && !writer.rouse(), "it is woken without data, once");
}

#[test]
fn credit_is_told_by_memory_unless_a_sender_waits_for_it() {
    let (memory, writer, _reader) = pair();
    assert_eq!(writer.granted(9), (0, 0));
    assert!(
        memory.grant(Way::ToNode, 9, 3, 40),
        "who has credit left looks for itself"
    );
    assert_eq!(
        (writer.granted(9), writer.granted(8), writer.granted(10)),
        ((3, 40), (0, 0), (0, 0))
    );
    writer.want_credit(2);
    assert!(!memory.grant(Way::ToNode, 9, 4, 50), "who waits is to be told");
    assert_eq!(writer.granted(9), (4, 50));
    writer.want_credit(0);
    assert!(memory.grant(Way::ToNode, 8, 1, 1));
    assert!(memory.grant(Way::ToNode, 9, 3, 60) && memory.grant(Way::ToNode, 9, 5, 40));
    assert_eq!(writer.granted(9), (5, 60), "a grant that comes late takes nothing back");
    writer.forget_granted(9);
    assert_eq!(
        (writer.granted(9), writer.granted(8)),
        ((0, 0), (1, 1)),
        "the number is for another stream"
    );
    memory.grant(Way::ToNode, 9, 0, 16);
    assert_eq!(writer.granted(9), (0, 16));
    let beyond = FLOWS as u32;
    assert!(
        !memory.grant(Way::ToNode, beyond, 1, 1),
        "there is no memory for it: it is to be told"
    );
    assert_eq!(writer.granted(beyond), (0, 0));
    let other = Writer::new(memory.clone(), Way::FromNode);
    assert_eq!(other.granted(9), (0, 0), "the other way has credit of its own");
}

#[test]
fn what_is_no_record_is_an_error_and_nothing_is_read_beyond_the_ring() {
    let word_of = |len: u64, tag: u32| len | u64::from(tag) << 32;
    for (what, record, tail) in [
        (
            "a record beyond the ring's end",
            word_of(RING as u64, AB_RECORD_ITEM),
            RING as u64,
        ),
        ("a record beyond what is written", word_of(100, AB_RECORD_ITEM), 64),
        ("a tag that is none", word_of(8, 99), 64),
        ("no tag", word_of(8, 0), 64),
        ("a run's head of another size", word_of(8, AB_RECORD_RUN), 64),
        ("a tail beyond the ring", word_of(8, AB_RECORD_ITEM), 1 << 40),
        ("a tail behind the head", word_of(8, AB_RECORD_ITEM), u64::MAX - 7),
        ("a tail that is no multiple of 8", word_of(8, AB_RECORD_FRAME), 17),
        ("a length near 2^32", word_of(0xffff_fffc, AB_RECORD_PAYLOAD), 64),
    ] {
        let (memory, _writer, mut reader) = pair();
        word(&memory, DATA).store(record, Ordering::SeqCst);
        word(&memory, TAIL).store(tail, Ordering::SeqCst);
        assert!(matches!(reader.take(), Taken::Bad(_)), "{what}");
    }
}

#[test]
fn a_record_has_at_most_256_kib() {
    let longest = (256 << 10) as u64;
    for tag in [AB_RECORD_FRAME, AB_RECORD_ITEM, AB_RECORD_PAYLOAD] {
        for (len, tail) in [(longest, longest + 8), (longest + 1, longest + 16)] {
            let (memory, _writer, mut reader) = pair();
            word(&memory, DATA).store(len | u64::from(tag) << 32, Ordering::SeqCst);
            word(&memory, TAIL).store(tail, Ordering::SeqCst);
            match reader.take() {
                Taken::Bad(why) => assert_eq!(why, "a record of 262145 bytes; one has at most 262144"),
                Taken::Frame(frame) => assert_eq!(frame.len() as u64, longest),
                Taken::Run(_, _, block) => assert_eq!(block.bytes.len() as u64, longest),
                Taken::Nothing => panic!("a record of {len} bytes is none"),
            }
        }
    }
}

#[cfg(feature = "abdebug")]
#[test]
fn what_was_read_is_poisoned_once_its_room_is_given_back() {
    let (memory, mut writer, mut reader) = pair();
    let head = RunHead {
        seq: 1,
        flow: 1,
        type_id: 7,
        ..RunHead::default()
    };
    writer.put_message(head, true, b"a payload of 24 bytes...");
    writer.publish();
    let poisoned = u64::from_ne_bytes([ring::POISON; 8]);
    assert_eq!(take_all(&mut reader).len(), 1);
    assert_ne!(word(&memory, DATA).load(Ordering::SeqCst), poisoned);
    reader.free();
    let written = word(&memory, TAIL).load(Ordering::SeqCst) as usize;
    for at in (0..written).step_by(8) {
        let left = word(&memory, DATA + at).load(Ordering::SeqCst);
        assert_eq!(left, poisoned, "byte {at} of {written}");
    }
}

#[test]
fn the_last_seq_that_there_is_does_no_harm() {
    let (_memory, mut writer, mut reader) = pair();
    let head = RunHead {
        seq: u64::MAX,
        flow: 1,
        ..RunHead::default()
    };
    writer.put_message(head, true, b"a");
    writer.publish();
    let Taken::Run(taken, true, block) = reader.take() else {
        panic!("no run")
    };
    assert_eq!((taken.seq, &block.bytes[..]), (u64::MAX, &b"a"[..]));
}
