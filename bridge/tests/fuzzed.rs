//! What the fuzz targets do (fuzz/), with the golden bytes that they begin with: so that they compile, and hold, without a fuzzer.

use std::fs;
use std::path::Path;

#[allow(unreachable_pub)] // It is a crate of its own there.
#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Runs it with the bytes of each file below.
fn with_all_bytes(below: &Path, run: &mut impl FnMut(&[u8])) {
    for entry in fs::read_dir(below).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => with_all_bytes(&path, run),
            false => run(&fs::read(&path).expect("a file")),
        }
    }
}

#[test]
fn every_fuzz_target_holds_for_the_golden_bytes() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compat-tests/golden");
    let mut files = 0;
    with_all_bytes(&golden, &mut |bytes| {
        files += 1;
        targets::codec::run(bytes);
        targets::envelope::run(bytes);
        targets::honest_link::run(bytes);
        targets::hostile_link::run(bytes);
        targets::mover::run(bytes);
        targets::packet::run(bytes);
        targets::snapshot::run(bytes);
    });
    assert!(files > 100, "only {files} golden files were found");
}
