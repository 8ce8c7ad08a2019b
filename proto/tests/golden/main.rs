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

fn write_or_compare(path: &Path, want: &[u8]) {
    if std::env::var_os("ACTORBRIDGE_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of golden bytes");
        std::fs::write(path, want).expect("a golden file");
    }
    let have = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}; run `make golden`", path.display()));
    assert!(
        have == want,
        "{} is stale: run `make golden` and read the difference",
        path.display()
    );
}

fn hold(folder: &str, cases: &[Case], describe: fn(&Case) -> String) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../compat-tests/golden")
        .join(folder);
    let index: Vec<String> = cases.iter().map(describe).collect();
    for case in cases {
        write_or_compare(&root.join(format!("{}.bin", case.name)), &case.parts.concat());
    }
    let index = index.join("\n");
    write_or_compare(&root.join("index.txt"), index.as_bytes());
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
        assert_eq!(view.target, oracle.target, "{}", case.name);
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
