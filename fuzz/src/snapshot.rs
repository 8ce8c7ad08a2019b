//! Snapshot files: damage of any kind is an error, and what is read is written back the same.

use actorbridge::Snapshot;
use actorbridge_proto::v1::SnapshotHeader;
use crc32c::{crc32c, crc32c_append};
use prost::Message as _;
use sha2::{Digest, Sha256};

/// Reads the bytes as a file, and as the inside of one whose checksums are right.
pub fn run(data: &[u8]) {
    read(data);
    if let Some((cut, rest)) = data.split_first() {
        let (head, stored) = rest.split_at(rest.len().min(usize::from(*cut)));
        read(&file(1, 1, head, stored));
        if let Ok(mut header) = SnapshotHeader::decode(head) {
            header.state_size = (stored.len() as u64).saturating_sub(header.capsule_size);
            header.sha256 = Sha256::digest(stored).to_vec().into();
            header.codec = "protobuf".into();
            header.compression = 0;
            read(&file(1, 1, &header.encode_to_vec(), stored));
        }
    }
}

fn read(bytes: &[u8]) {
    match Snapshot::read("fuzz", bytes) {
        Ok(snapshot) => {
            let (again, _) = snapshot.to_bytes();
            assert_eq!(Snapshot::read("fuzz", &again).expect("written here"), snapshot);
        }
        Err(error) => assert!(error.to_string().len() < 4_096, "{error}"),
    }
}

fn file(format: u32, reader: u32, head: &[u8], stored: &[u8]) -> Vec<u8> {
    let mut out = b"\x89ABSNP\r\n".to_vec();
    for number in [format, reader, head.len() as u32] {
        out.extend(number.to_le_bytes());
    }
    let crc = crc32c_append(crc32c(&out), head);
    out.extend(crc.to_le_bytes());
    out.extend(head);
    for chunk in stored.chunks(64 << 10) {
        out.extend(chunk);
        out.extend(crc32c(chunk).to_le_bytes());
    }
    out
}
