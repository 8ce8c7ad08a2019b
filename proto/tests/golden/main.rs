//! The golden bytes of `compat-tests/golden`: made here, read and written again by Rust and Go.
//!
//! `make golden` (this test with `ACTORBRIDGE_WRITE_GOLDEN=1`) writes the files; without it, stale files fail.

mod describe;
mod envelopes;
mod frames;

use std::path::{Path, PathBuf};

use actorbridge_proto::{EnvelopeView, Packet, v1};
use bytes::Bytes;
use envelopes::Case;
use prost::Message as _;

fn write(path: &Path, bytes: &[u8]) {
    if std::env::var_os("ACTORBRIDGE_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of golden bytes");
        std::fs::write(path, bytes).expect("a golden file");
    }
}

fn stored(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}; run `make golden`", path.display()))
}

/// The same case with other bytes, cut into parts of the same lengths as far as they go.
fn with_bytes(case: &Case, bytes: &[u8]) -> Case {
    let mut left = bytes;
    let mut parts = Vec::new();
    for (i, part) in case.parts.iter().enumerate() {
        let last = i + 1 == case.parts.len();
        let (head, tail) = left.split_at(if last { left.len() } else { part.len().min(left.len()) });
        parts.push(head.to_vec());
        left = tail;
    }
    Case { parts, ..*case }
}

fn hold(folder: &str, cases: &[Case], describe: fn(&Case) -> String) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../compat-tests/golden")
        .join(folder);
    let index = cases.iter().map(describe).collect::<Vec<_>>().join("\n");
    for case in cases {
        let path = root.join(format!("{}.bin", case.name));
        let want = case.parts.concat();
        write(&path, &want);
        let have = stored(&path);
        assert!(
            have == want,
            "{} is stale; run `make golden` if the change is meant:\n{}",
            path.display(),
            describe::difference(&describe(case), &describe(&with_bytes(case, &have)))
        );
    }
    let path = root.join("index.txt");
    write(&path, index.as_bytes());
    let have = String::from_utf8(stored(&path)).expect("text");
    assert!(
        have == index,
        "{} is stale; run `make golden` if the change is meant:\n{}",
        path.display(),
        describe::difference(&index, &have)
    );
    let files = std::fs::read_dir(&root)
        .expect("the folder")
        .map(|f| f.expect("a file").path());
    let bins = files
        .filter(|f: &PathBuf| f.extension().is_some_and(|e| e == "bin"))
        .count();
    assert_eq!(bins, cases.len(), "{} holds files that no case makes", root.display());
    index
}

#[test]
fn golden_envelopes_are_what_this_schema_reads() {
    let cases = envelopes::good();
    assert!(cases.len() >= 40);
    let index = hold("envelopes", &cases, describe::envelope);
    assert!(!index.contains("\nrefused "), "a good envelope is refused:\n{index}");
    for case in &cases {
        let all = case.parts.concat();
        let parts: Vec<&[u8]> = case.parts.iter().map(Vec::as_slice).collect();
        let view = EnvelopeView::read_parts(&parts).expect("read above");
        let oracle = v1::Envelope::decode(&*all).unwrap_or_else(|e| panic!("{}: prost: {e}", case.name));
        assert_eq!(view.kind, oracle.kind as u32, "{}", case.name);
        assert_eq!(view.payload, &oracle.payload[..], "{}", case.name);
        assert_eq!(*view.target, oracle.target, "{}", case.name);
        assert_eq!(view.expected_version, oracle.expected_version, "{}", case.name);
        assert_eq!(
            actorbridge_proto::view::ask_path(&all),
            oracle.ask_path,
            "{}",
            case.name
        );
    }
}

#[test]
fn golden_bad_envelopes_are_refused_with_their_code() {
    let cases = envelopes::bad();
    assert!(cases.len() >= 15);
    let index = hold("bad-envelopes", &cases, describe::envelope);
    assert_eq!(index.matches("\nrefused CODE_").count(), cases.len(), "{index}");
}

#[test]
fn golden_frames_are_what_this_schema_reads() {
    let cases = frames::good();
    assert!(cases.len() >= 15);
    let index = hold("frames", &cases, describe::frame);
    assert!(!index.contains("\nrefused "), "a good frame is refused:\n{index}");
    for case in &cases {
        let oracle = v1::Frame::decode(&*case.parts[0]).unwrap_or_else(|e| panic!("{}: prost: {e}", case.name));
        let packet = Packet::read(&Bytes::from(case.parts[0].clone()), usize::MAX).expect("read above");
        let again = v1::Frame::decode(packet.to_bytes()).expect("our own frame");
        assert_eq!(
            again.run.iter().map(|r| r.envelope.len()).sum::<usize>(),
            oracle.run.iter().map(|r| r.envelope.len()).sum()
        );
        assert_eq!(
            v1::Frame {
                run: Vec::new(),
                ..again
            },
            v1::Frame {
                run: Vec::new(),
                ..oracle
            },
            "{}",
            case.name
        );
    }
}

#[test]
fn golden_bad_frames_are_refused_with_their_code() {
    let cases = frames::bad();
    let index = hold("bad-frames", &cases, describe::frame);
    assert_eq!(index.matches("\nrefused CODE_").count(), cases.len(), "{index}");
}

fn changed_bytes_are_seen(case: &Case, describe: fn(&Case) -> String) {
    let (all, before) = (case.parts.concat(), describe(case));
    for at in 0..all.len().min(2_048) {
        let mut changed = all.clone();
        changed[at] ^= 1;
        let said = describe::difference(&before, &describe(&with_bytes(case, &changed)));
        assert!(
            said.starts_with(case.name) && said.lines().count() >= 3,
            "byte {at} of {}: {said}",
            case.name
        );
    }
}

#[test]
fn a_changed_byte_of_a_golden_file_is_reported_by_name_and_field() {
    for case in envelopes::good() {
        changed_bytes_are_seen(&case, describe::envelope);
    }
    for case in frames::good() {
        changed_bytes_are_seen(&case, describe::frame);
    }
    let tell = &envelopes::good()[0];
    let mut changed = tell.parts.concat();
    let at = changed.windows(9).position(|w| w == b"pricer/eu").expect("its target");
    changed[at] = b'P';
    let said = describe::difference(
        &describe::envelope(tell),
        &describe::envelope(&with_bytes(tell, &changed)),
    );
    assert!(said.contains("the file says   target ab:///Pricer/eu"), "{said}");
    assert!(said.contains("the schema says target ab:///pricer/eu"), "{said}");
}
