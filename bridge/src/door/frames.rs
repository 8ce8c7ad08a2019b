//! Tells of a stream that go together in a frame, with nothing but payloads: they are queued and taken together.

use std::sync::Arc;

use actorbridge_proto::{Packet, Run};
use bytes::Bytes;

use super::inbound::Host;
use super::{LaneRun, LinkEnd};
use crate::node::{Inner, lock};

impl LinkEnd {
    /// Brings a packet to the machine.
    pub(super) fn receive_head_and_runs(&self, node: &Arc<Inner>, mut packet: Packet) {
        if packet.runs.iter().all(|run| run.packed.is_none()) {
            return self.drive(node, |machine, out| machine.receive(packet, out));
        }
        // The head is acted on before them.
        let runs = std::mem::take(&mut packet.runs);
        self.drive(node, |machine, out| machine.receive(packet, out));
        let bytes = |run: &Run| run.items.iter().map(|item| item.body.len()).sum::<usize>();
        let packed = |run: &Run| run.packed.as_ref().map_or(0, |packed| packed.size());
        let all = runs.iter().map(|run| bytes(run) + packed(run)).sum();
        for run in runs {
            if !self.take_together(node, &run, all) {
                self.drive(node, |machine, out| machine.receive_items(run, out));
            }
        }
    }

    /// `false`: they are not packed, or something has to be said of one of them, and nothing has happened.
    fn take_together(&self, node: &Arc<Inner>, run: &Run, frame: usize) -> bool {
        let inbound = lock(&self.inbound);
        let Some(stream) = inbound.get(&run.flow) else {
            return false;
        };
        let taken = match &stream.host {
            Host::Relay(relay) => self.relay_run(node, stream, relay, run),
            _ => packed_run(run, frame).is_some_and(|mut together| self.take_run(node, &inbound, &mut together)),
        };
        drop(inbound);
        if taken {
            self.ring();
        }
        taken
    }
}

/// A run that is packed, of a frame with messages of so many bytes.
fn packed_run(run: &Run, frame: usize) -> Option<LaneRun> {
    let packed = run.packed.as_ref().filter(|_| run.flow != 0 && run.attempt == 0)?;
    let items = packed.pieces.first()?;
    Some(LaneRun {
        flow: run.flow,
        first_seq: run.first_seq,
        type_id: packed.type_id,
        ttl_ms: packed.ttl_ms,
        hops: run.hops,
        plain: true,
        block: match items.len() < frame / 2 {
            true => Bytes::copy_from_slice(items), // a message that is kept would keep the whole frame
            false => items.clone(),
        },
        ends: Vec::new(),
        packed: Some((packed.count, packed.longest)),
    })
}
