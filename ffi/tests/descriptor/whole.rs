//! A packet as C gets it, and as it comes back.

use actorbridge_proto::{Item, Packet, Run};
use bytes::Bytes;

use crate::descriptor;
use crate::types::Desc;

/// The descriptors of a packet, its head first, and their arena, which begins with something else.
pub(crate) fn put(packet: &Packet) -> (Vec<Desc>, Vec<u8>) {
    const BEFORE: usize = 5;
    let (count, bytes) = descriptor::room_for(packet);
    let (mut descs, mut arena) = (vec![Desc::default(); count], vec![0; BEFORE + bytes]);
    assert_eq!(descriptor::put(packet, &mut descs, &mut arena, BEFORE), BEFORE + bytes);
    (descs, arena)
}

/// What the library makes of descriptors of messages that C sends.
pub(crate) fn taken(descs: &[Desc], arena: &[u8]) -> Vec<Run> {
    let arena = Bytes::copy_from_slice(arena);
    let mut runs = Vec::new();
    for desc in descs {
        let flow = desc.flow().expect("a flow");
        let body = desc.body(&arena).expect("offsets that are in the arena");
        descriptor::add(&mut runs, desc, flow, body);
    }
    runs
}

#[test]
fn a_packet_comes_back_as_it_was_put() {
    let item = |payload: &[u8]| Item {
        type_id: 3,
        ttl_ms: 50,
        body: [&[24, 7, 18, payload.len() as u8], payload].concat().into(),
    };
    let runs = vec![
        Run {
            flow: 9,
            first_seq: 4,
            attempt: 1,
            hops: 2,
            items: vec![item(b"a"), item(b""), item(b"ccc")],
            ..Run::default()
        },
        Run {
            items: vec![item(b"outside any stream")],
            ..Run::default()
        },
    ];
    let packet = Packet {
        runs,
        ..Packet::default()
    };
    let (descs, arena) = put(&packet);
    assert!(descs[0].is_head());
    let third = &descs[3];
    assert_eq!((third.target, third.seq, third.correlation), (9, 6, 7));
    assert_eq!(&arena[third.off as usize..][..third.len as usize], b"ccc");
    assert_eq!(taken(&descs[1..], &arena), packet.runs);
}
