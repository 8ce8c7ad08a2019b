//! Tells of a stream that go together in a frame, with nothing but payloads: they are queued and taken together.

use std::sync::Arc;

use actorbridge_proto::view::plain_payload;
use actorbridge_proto::writer::{BodyFields, append_body};
use actorbridge_proto::{Packet, Run, What};
use bytes::Bytes;

use super::inbound::Host;
use super::{LaneRun, LinkEnd, State};
use crate::machine::link::Send;
use crate::node::{Inner, lock};

/// How many messages are not worth being taken together.
const FEW: usize = 4;
/// The most memory that tells which are queued together share, unless the first one takes more.
const SHARED_BYTES: usize = 64 << 10;
/// What a payload's tag and length take, at most.
const PLAIN_OVERHEAD: usize = 6;

impl LinkEnd {
    /// Brings a packet to the machine.
    pub(super) fn receive_head_and_runs(&self, node: &Arc<Inner>, mut packet: Packet) {
        let has_many = |run: &Run| run.flow != 0 && run.items.len() >= FEW;
        if !packet.runs.iter().any(has_many) {
            return self.drive(node, |machine, out| machine.receive(packet, out));
        }
        // The head is acted on before them.
        let runs = std::mem::take(&mut packet.runs);
        self.drive(node, |machine, out| machine.receive(packet, out));
        for run in runs {
            if !self.take_together(node, &run) {
                self.drive(node, |machine, out| machine.receive_items(run, out));
            }
        }
    }

    /// Queues payloads as tells, as far as there is credit and room: how many, and the last one's seq. They share one piece of
    /// memory.
    pub(super) fn queue_plain(state: &mut State, flow: u32, what: &What, payloads: &[&[u8]]) -> (usize, u64) {
        let (mut block, mut ends) = (
            Vec::new(),
            Vec::with_capacity(payloads.len().min(SHARED_BYTES / PLAIN_OVERHEAD)),
        );
        let size = |payload: &&[u8]| payload.len() + PLAIN_OVERHEAD;
        block.reserve_exact(payloads.iter().map(size).sum::<usize>().min(SHARED_BYTES));
        for payload in payloads {
            if !block.is_empty() && block.len() + size(payload) > SHARED_BYTES {
                break;
            }
            append_body(&mut block, BodyFields::default(), payload);
            ends.push(block.len());
        }
        let (block, mut start, mut sent) = (Bytes::from(block), 0, (0, 0));
        for end in ends {
            match state.machine.send(flow, what, None, 0, &block.slice(start..end)) {
                Send::Queued(seq) => sent = (sent.0 + 1, seq),
                _ => break,
            }
            start = end;
        }
        sent
    }

    /// `false`: they are not all plain, or something has to be said of one of them, and nothing has happened.
    fn take_together(&self, node: &Arc<Inner>, run: &Run) -> bool {
        let inbound = lock(&self.inbound);
        if matches!(inbound.get(&run.flow).map(|stream| &stream.host), Some(Host::Relay(_))) {
            return false;
        }
        let Some(mut together) = plain_run(run) else {
            return false;
        };
        let taken = self.take_run(node, &inbound, &mut together);
        drop(inbound);
        if taken {
            self.ring();
        }
        taken
    }
}

/// The payloads of messages of one type that have nothing else.
fn plain_run(run: &Run) -> Option<LaneRun> {
    let first = run.items.first()?;
    if run.flow == 0 || run.attempt != 0 || run.items.len() < FEW {
        return None;
    }
    let alike = |item: &actorbridge_proto::Item| (item.type_id, item.ttl_ms) == (first.type_id, first.ttl_ms);
    // A copy: a message that is kept would keep the whole frame, and mailboxes hold runs without gaps.
    let mut block = Vec::with_capacity(run.items.iter().map(|item| item.body.len()).sum());
    let mut ends = Vec::with_capacity(run.items.len());
    for item in &run.items {
        block.extend_from_slice(plain_payload(&item.body).filter(|_| alike(item))?);
        ends.push(block.len() as u32);
    }
    Some(LaneRun {
        flow: run.flow,
        first_seq: run.first_seq,
        type_id: first.type_id,
        ttl_ms: first.ttl_ms,
        hops: run.hops,
        plain: true,
        block: block.into(),
        ends,
    })
}

#[cfg(test)]
mod tests {
    use actorbridge_proto::writer::{self, BodyFields};
    use actorbridge_proto::{Item, Run};
    use bytes::Bytes;

    use super::plain_run;

    fn run_of(bodies: impl IntoIterator<Item = Bytes>) -> Run {
        let item = |body| Item {
            type_id: 3,
            ttl_ms: 9,
            body,
        };
        Run {
            flow: 1,
            first_seq: 5,
            attempt: 0,
            hops: 2,
            queued: 0,
            items: bodies.into_iter().map(item).collect(),
        }
    }

    fn plain(payload: &[u8]) -> Bytes {
        writer::body(BodyFields::default(), payload)
    }

    #[test]
    fn tells_with_nothing_but_payloads_are_taken_together_and_others_one_by_one() {
        let payloads: [&[u8]; 4] = [b"a", b"bcd", &[7; 300], b"e"];
        let together = plain_run(&run_of(payloads.map(plain))).expect("they are plain");
        assert_eq!(together.block, payloads.concat());
        assert_eq!(together.ends, [1, 4, 304, 305]);
        assert_eq!(
            (together.first_seq, together.type_id, together.ttl_ms, together.hops),
            (5, 3, 9, 2)
        );

        let ask = BodyFields {
            correlation: 77,
            ..BodyFields::default()
        };
        for other in [writer::body(ask, b"x"), Bytes::new(), Bytes::from_static(&[0x12, 9, 1])] {
            assert!(plain_run(&run_of([plain(b"a"), plain(b"b"), plain(b"c"), other])).is_none());
        }
        let mut mixed = run_of([plain(b"a"), plain(b"b"), plain(b"c"), plain(b"d")]);
        mixed.items[2].type_id = 4;
        assert!(plain_run(&mixed).is_none());
        mixed.items[2].type_id = 3;
        mixed.attempt = 1;
        assert!(plain_run(&mixed).is_none());
    }
}
