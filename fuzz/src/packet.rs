//! Frames: what is read is what prost reads, and writing it gives it back.

use actorbridge_proto::packet::MAX_FRAME_BYTES;
use actorbridge_proto::v1::Frame;
use actorbridge_proto::{Packet, Run};
use bytes::Bytes;
use prost::Message as _;

/// Reads the bytes as a frame.
pub fn run(data: &[u8]) {
    let frame = Bytes::copy_from_slice(data);
    let Ok(packet) = Packet::read(&frame, MAX_FRAME_BYTES) else {
        return;
    };
    let oracle = Frame::decode(frame).expect("read before");
    assert_eq!(packet.runs.len(), oracle.run.len());
    for (run, oracle) in packet.runs.iter().zip(&oracle.run) {
        same_run(run, oracle);
    }
    let run = Vec::new();
    assert_eq!(packet.head, Frame { run, ..oracle });
    let again = Packet::read(&packet.to_bytes(), usize::MAX);
    // Written lists may be longer than they came: only that limit may refuse it.
    if data.len() < MAX_FRAME_BYTES / 4 {
        assert_eq!(again.expect("written here"), packet);
    }
}

fn same_run(run: &Run, oracle: &actorbridge_proto::v1::Run) {
    assert_eq!((run.flow, run.first_seq), (oracle.flow, oracle.first_seq));
    assert_eq!(
        (run.attempt, run.hops, run.queued),
        (oracle.attempt, oracle.hops, oracle.queued)
    );
    assert_eq!(run.len(), oracle.envelope.len());
    let at = |list: &[u32], i: usize| match list {
        [] => 0,
        [all] => *all,
        each => each[i],
    };
    for (i, item) in run.all().iter().enumerate() {
        assert_eq!(item.body, oracle.envelope[i]);
        assert_eq!(
            (item.type_id, item.ttl_ms),
            (at(&oracle.r#type, i), at(&oracle.ttl_ms, i))
        );
    }
}
