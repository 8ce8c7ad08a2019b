//! Envelopes as descriptors, and back: the same bytes.

mod common;

use std::path::Path;

use actorbridge_ffi::status::*;
use actorbridge_ffi::*;

actorbridge_ffi::module! {
    name: "rust",
    actors: {},
}

fn decode(envelope: &[u8]) -> (i32, Desc, Vec<u8>) {
    let (mut desc, mut need) = (Desc::default(), 77);
    let mut arena = vec![0; envelope.len()];
    // SAFETY: all are valid for their lengths.
    let status = unsafe {
        let (from, len, to, cap) = (envelope.as_ptr(), envelope.len(), arena.as_mut_ptr(), arena.len());
        ab_envelope_decode(from, len, &mut desc, to, cap, &mut need)
    };
    if status == AB_OK {
        arena.truncate(need);
    }
    (status, desc, arena)
}

fn encode(desc: &Desc, arena: &[u8]) -> Vec<u8> {
    let mut len = 77;
    let call = |buf: *mut u8, cap, len: &mut usize| {
        // SAFETY: all are valid for their lengths.
        unsafe { ab_envelope_encode(desc, arena.as_ptr(), arena.len(), buf, cap, len) }
    };
    let empty = call(std::ptr::null_mut(), 0, &mut len);
    let mut buffer = vec![0; len];
    assert_eq!(empty, if len == 0 { AB_OK } else { AB_SHORT_BUFFER });
    assert_eq!(call(buffer.as_mut_ptr(), buffer.len(), &mut len), AB_OK);
    buffer
}

fn golden(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../compat-tests/golden")
        .join(folder);
    let files = std::fs::read_dir(folder)
        .expect("golden files")
        .map(|f| f.expect("a file").path());
    let files = files.filter(|f| f.extension().is_some_and(|e| e == "bin"));
    let name = |f: &Path| f.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    files.map(|f| (name(&f), std::fs::read(&f).expect("bytes"))).collect()
}

#[test]
fn every_golden_envelope_comes_out_of_its_descriptor_byte_for_byte() {
    let envelopes = golden("envelopes");
    assert!(envelopes.len() >= 40);
    let mut split = 0;
    for (name, envelope) in &envelopes {
        let (status, desc, arena) = decode(envelope);
        assert_eq!(common::name(status), "AB_OK", "{name}");
        assert_eq!(&encode(&desc, &arena), envelope, "{name}");
        split += usize::from(desc.flags & AB_DESC_WHOLE == 0);
    }
    assert!(split >= 30, "only {split} of them were taken apart");
}

#[test]
fn every_bad_golden_envelope_has_its_code() {
    let envelopes = golden("bad-envelopes");
    assert!(envelopes.len() >= 20);
    for (name, envelope) in envelopes {
        let status = decode(&envelope).0;
        let expected = [AB_UNDECODABLE, AB_BAD_OVERRIDE, AB_TOO_LARGE];
        assert!(expected.contains(&status), "{name}: {}", common::name(status));
    }
}

#[test]
fn what_is_in_a_descriptor_can_be_read_without_its_ext() {
    let envelope = [
        8, 2, // kind ASK
        24, 7, // correlation 7
        42, 3, b'a', b'b', b'c', // target
        18, 2, b'h', b'i', // payload
    ];
    let (status, desc, arena) = decode(&envelope);
    assert_eq!(status, AB_OK);
    assert_eq!((desc.kind, desc.correlation, desc.flags), (2, 7, 0));
    assert_eq!(&arena[desc.off as usize..][..desc.len as usize], b"hi");
    assert_eq!(
        &arena[desc.ext_off as usize..][..desc.ext_len as usize],
        &envelope[4..9]
    );
}

#[test]
fn a_short_arena_changes_nothing_and_says_what_it_takes() {
    let envelope = [8, 1, 18, 2, b'h', b'i'];
    let (mut desc, mut need) = (
        Desc {
            seq: 77,
            ..Desc::default()
        },
        0,
    );
    // SAFETY: all are valid for their lengths.
    let status = unsafe {
        let (from, len) = (envelope.as_ptr(), envelope.len());
        ab_envelope_decode(from, len, &mut desc, std::ptr::null_mut(), 0, &mut need)
    };
    assert_eq!((status, need, desc.seq), (AB_SHORT_BUFFER, 2, 77));
    let head = Desc {
        kind: AB_KIND_HEAD,
        ..Desc::default()
    };
    // SAFETY: all are valid for their lengths.
    let status = unsafe { ab_envelope_encode(&head, std::ptr::null(), 0, std::ptr::null_mut(), 0, &mut need) };
    assert_eq!(status, AB_BAD_DESCRIPTOR);
    let big = vec![0; (4 << 20) + 1];
    assert_eq!(decode(&big).0, AB_TOO_LARGE);
}
