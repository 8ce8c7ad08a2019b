use std::fmt::Write as _;

use actorbridge_proto::v1::{Cursor, PendingAsk, Timer};

use super::*;

fn state(bytes: impl Into<Bytes>) -> State {
    State {
        type_name: "actorbridge.test.v1.Count".into(),
        version: 1,
        bytes: bytes.into(),
    }
}

fn smallest() -> Snapshot {
    Snapshot {
        actor: "ab:///x".into(),
        epoch: 1,
        seq: 0,
        state: state(Bytes::new()),
        capsule: Capsule::default(),
    }
}

fn whole() -> Snapshot {
    let cursor = |stream, processed| Cursor {
        stream,
        processed,
        ..Default::default()
    };
    let ask = PendingAsk {
        correlation: 1 << 20 | 3,
        ttl_ms: 4_000,
        context: Bytes::from_static(b"note"),
        node: "a".into(),
    };
    let timer = Timer {
        name: "flush".into(),
        remaining_ms: 250,
        payload: Bytes::from_static(b"envelope"),
    };
    let capsule = Capsule {
        inputs: vec![cursor(7, 41), cursor(u64::MAX, 1)],
        asks: vec![ask],
        timers: vec![timer],
        watchers: vec!["ab://a/w".into(), "ab://b/w".into()],
        version: 99,
        actor_epoch: 4,
        held: vec![Bytes::from_static(b"first"), Bytes::new()],
        home: "a".into(),
        held_ttl_ms: vec![0, 1_500],
        ..Default::default()
    };
    Snapshot {
        actor: "ab:///carriers/UA".into(),
        epoch: 4,
        seq: 99,
        state: state(vec![8, 1, 16, 2]),
        capsule,
    }
}

fn chunks(size: usize) -> Snapshot {
    let bytes: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
    Snapshot {
        state: state(bytes),
        ..smallest()
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The golden files: good ones, and damaged ones with the code of their refusal.
fn golden() -> Vec<(&'static str, Vec<u8>)> {
    let good = |s: Snapshot| s.to_bytes().0.to_vec();
    let changed = |change: fn(&mut Vec<u8>)| {
        let mut bytes = good(whole());
        change(&mut bytes);
        bytes
    };
    // A header that says something else has a good checksum again.
    let resealed = |change: fn(&mut SnapshotHeader)| {
        let bytes = good(whole());
        let (mut header, length) = read_header("x", &bytes).expect("good");
        change(&mut header);
        let head = header.encode_to_vec();
        let mut out = bytes[..16].to_vec();
        out.extend_from_slice(&(head.len() as u32).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&out), &head);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(&bytes[PREFIX + length..]);
        out
    };
    vec![
        ("smallest", good(smallest())),
        ("whole", good(whole())),
        ("one_chunk", good(chunks(CHUNK))),
        ("two_chunks", good(chunks(CHUNK + 1))),
        ("bad_magic", changed(|b| b[0] ^= 1)),
        ("bad_line_ends", changed(|b| b.retain(|c| *c != 0x0d))),
        ("later_least_reader", changed(|b| b[12] = 2)),
        ("format_zero", changed(|b| b[8] = 0)),
        ("header_flipped", changed(|b| b[PREFIX + 3] ^= 0x20)),
        ("header_too_long", changed(|b| b[18] = 2)),
        (
            "state_flipped",
            changed(|b| *b.iter_mut().rev().nth(CRC).expect("a state") ^= 1),
        ),
        ("torn", changed(|b| b.truncate(b.len() - 1))),
        ("longer", changed(|b| b.push(0))),
        ("only_prefix", changed(|b| b.truncate(PREFIX))),
        ("empty", Vec::new()),
        ("other_codec", resealed(|h| h.codec = "json".into())),
        ("compressed", resealed(|h| h.compression = 1)),
        ("wrong_sha256", resealed(|h| h.sha256 = vec![0; 32].into())),
        ("sizes_overflow", resealed(|h| h.state_size = u64::MAX)),
        ("too_large", resealed(|h| h.state_size = 64 << 20)),
        (
            "capsule_too_short",
            resealed(|h| (h.capsule_size, h.state_size) = (h.capsule_size - 1, h.state_size + 1)),
        ),
    ]
}

fn describe(name: &str, bytes: &[u8]) -> String {
    let mut text = format!("{name}\nbytes {} fnv1a={:016x}\n", bytes.len(), fnv1a(bytes));
    let _ = match Snapshot::read("it", bytes) {
        Err(error) => writeln!(text, "refused {}", error.code().as_str_name()),
        Ok(s) => writeln!(
            text,
            "actor {} epoch {} seq {} type {} version {} state {} fnv1a={:016x} held {} asks {} timers {} watchers {} inputs {} home {:?}",
            s.actor,
            s.epoch,
            s.seq,
            s.state.type_name,
            s.state.version,
            s.state.bytes.len(),
            fnv1a(&s.state.bytes),
            s.capsule.held.len(),
            s.capsule.asks.len(),
            s.capsule.timers.len(),
            s.capsule.watchers.len(),
            s.capsule.inputs.len(),
            s.capsule.home,
        ),
    };
    text
}

#[test]
fn golden_snapshots_are_read_and_written_byte_for_byte() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compat-tests/golden/snapshots");
    let cases = golden();
    let index = cases.iter().map(|(n, b)| describe(n, b)).collect::<Vec<_>>().join("\n");
    let write = std::env::var_os("ACTORBRIDGE_WRITE_GOLDEN").is_some();
    let all = cases
        .iter()
        .map(|(name, bytes)| (format!("{name}.snapshot"), &bytes[..]));
    for (name, bytes) in all.chain([("index.txt".to_owned(), index.as_bytes())]) {
        let file = folder.join(name);
        if write {
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(&file, bytes).expect("written");
        }
        let stored = fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}; run `make golden`", file.display()));
        assert!(
            stored == bytes,
            "{} is stale; run `make golden` if that is meant",
            file.display()
        );
    }
    for (name, bytes) in &cases[..4] {
        let read = Snapshot::read(name, bytes).expect(name);
        assert!(read.to_bytes().0 == bytes[..], "{name} is written as it was read");
    }
}

#[test]
fn every_flipped_bit_and_every_truncation_is_found() {
    let bytes = whole().to_bytes().0.to_vec();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match Snapshot::read("x", &damaged) {
            // The format version itself may rise as long as the least reader does not; it is under the checksum.
            Ok(_) => panic!("bit {bit} was flipped and not found"),
            Err(error) => assert!(
                [Code::Undecodable, Code::UnsupportedVersion, Code::TooLarge].contains(&error.code()),
                "{error}"
            ),
        }
    }
    for length in 0..bytes.len() {
        Snapshot::read("x", &bytes[..length]).expect_err("it is torn");
    }
}

#[test]
fn a_capsule_of_many_tiny_entries_is_refused_before_it_is_decoded() {
    let with = |entries: usize| Snapshot {
        capsule: Capsule {
            inputs: vec![Cursor::default(); entries],
            ..Default::default()
        },
        ..smallest()
    };
    // One for each 32 bytes, and an entry has two.
    let most = (FREE_ENTRIES * 16) / 15;
    assert!(Snapshot::read("x", &with(most).to_bytes().0).is_ok());
    let refused = Snapshot::read("x", &with(most + 1).to_bytes().0).expect_err("it is over the limit");
    assert_eq!(refused.code(), Code::TooLarge);
    assert!(refused.to_string().contains("and may have"), "{refused}");
}

#[test]
fn a_file_is_replaced_whole_and_its_damage_is_an_error() {
    let folder = std::env::temp_dir().join(format!("ab-snapshots-{:016x}", crate::node::random()));
    let store = FileStore::open(&folder).expect("a folder");
    assert_eq!(store.load("ab:///carriers/UA").expect("no error"), None);
    let info = store.save(&whole()).expect("saved");
    assert_eq!((info.seq, info.epoch, info.sha256.len()), (99, 4, 32));
    assert_eq!(store.load("ab:///carriers/UA").expect("read"), Some(whole()));
    let later = Snapshot { seq: 100, ..whole() };
    store.save(&later).expect("saved");
    assert_eq!(store.load("ab://b/carriers/UA").expect("read"), Some(later));
    let names: Vec<_> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|f| f.expect("a file").file_name())
        .collect();
    assert_eq!(names, ["carriers%UA.snapshot"], "no temporary file is left");
    let file = store.file_of("ab:///carriers/UA").expect("valid");
    let mut bytes = fs::read(&file).expect("read");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, &bytes).expect("written");
    let error = store.load("ab:///carriers/UA").expect_err("damaged");
    assert_eq!(error.code(), Code::Undecodable);
    assert!(
        error.to_string().contains("chunk 0 does not match its checksum"),
        "{error}"
    );
    fs::rename(&file, store.file_of("ab:///other").expect("valid")).expect("renamed");
    bytes[last] ^= 1;
    fs::write(store.file_of("ab:///other").expect("valid"), &bytes).expect("written");
    assert_eq!(
        store.load("ab:///other").expect_err("another's").code(),
        Code::StateLost
    );
    let long = format!("ab:///{}", "a".repeat(1_000));
    assert!(store.file_of(&long).expect("valid").file_name().expect("a name").len() < 100);
    fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_save_that_fails_leaves_the_last_snapshot() {
    let folder = std::env::temp_dir().join(format!("ab-snapshots-{:016x}", crate::node::random()));
    let store = FileStore::open(&folder).expect("a folder");
    // A folder in the place of the file: the rename fails after the temporary file was written.
    fs::create_dir_all(store.file_of("ab:///x").expect("valid").join("in the way")).expect("made");
    let error = store.save(&smallest()).expect_err("it cannot be renamed");
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(
        fs::read_dir(&folder).expect("a folder").count(),
        1,
        "no temporary file is left"
    );
    fs::remove_dir_all(&folder).expect("removed");
}
