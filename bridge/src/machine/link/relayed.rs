//! Streams between two nodes that have no link, which a third one, linked with both, passes on.
//!
//! It gives a stream another flow number and its types other numbers, and looks into no item. Seqs, credit and outcomes are those of
//! the stream's ends, so that a receiver which stands still stops the sender.

use super::outbound::refused;
use super::queue::ITEM_OVERHEAD;
use super::{Bytes, Code, Link, Millis, Send, What};

/// Most bytes of items that wait at a relay for the writer of one link; what comes beyond is refused.
pub const MAX_RELAYED_BYTES: usize = 64 << 20;

/// The ends of a stream, as far as they are not the link's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relayed {
    /// The node that is to get it; empty = the peer of who opens it.
    pub destination: String,
    /// The node that opened it first; empty = who opens it.
    pub origin: String,
    /// Nodes that have passed it on.
    pub hops: u32,
}

impl Relayed {
    /// Is it for another node than this one?
    pub fn is_for_another(&self, node: &str) -> bool {
        !self.destination.is_empty() && self.destination != node
    }
}

/// How far a stream that is passed on has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// As the receiver says.
    pub processed: u64,
    /// As the receiver says.
    pub received: u64,
    /// As the receiver says.
    pub credit: u64,
    /// The last seq that a packet has carried.
    pub left: u64,
}

impl Link {
    /// Queues an item of a stream that is passed on, under its sender's seq. Its sender has credit of the receiver, so it never waits
    /// here for that.
    pub fn relay(
        &mut self,
        flow: u32,
        seq: u64,
        what: &What,
        deadline: Option<Millis>,
        hops: u32,
        body: &Bytes,
    ) -> Send {
        let Some(out) = self.open_flow(flow).filter(|out| out.passed_on) else {
            return refused(Code::Unavailable, "the stream is not bound on this link");
        };
        let (next, credit, size) = (out.next_seq, out.credit, out.who_len + what.bytes.len() + body.len());
        if seq < next || seq > credit {
            let detail = format!("seq {seq} is not from {next} to {credit}, which the receiver has credit for");
            return refused(Code::MailboxFull, &detail);
        }
        if let Some(no) = self.refusal(what, size) {
            return no;
        }
        if self.is_large(size) {
            return self.too_large_for_relay(size);
        }
        if self.queue.bytes() + body.len() + ITEM_OVERHEAD > MAX_RELAYED_BYTES {
            return refused(
                Code::MailboxFull,
                "too much waits at the relay for the link to the receiver",
            );
        }
        self.push_item(flow, seq, what, deadline, hops, body);
        self.open_flow(flow).expect("it was open above").next_seq = seq + 1;
        Send::Queued(seq)
    }

    /// Large messages pass a link in parts, which are put together at its end: a relay does not hold so much for others.
    pub(super) fn too_large_for_relay(&self, size: usize) -> Send {
        let limit = self.peer_limits.inline_bytes;
        let detail = format!("a message of {size} bytes is over the limit of {limit} through a relay");
        refused(Code::TooLarge, &detail)
    }

    /// Does an outgoing flow end at another node than the peer?
    pub fn is_beyond(&mut self, flow: u32) -> bool {
        self.flow_mut(flow).is_some_and(|out| out.beyond)
    }

    /// How far a stream has come that is passed on; `None` = the flow is not open.
    pub fn progress(&mut self, flow: u32) -> Option<Progress> {
        let out = self.open_flow(flow)?;
        Some(Progress {
            processed: out.processed,
            received: out.received,
            credit: out.credit,
            left: out.frames.back().map_or(out.processed, |(last, _)| *last),
        })
    }

    /// What the receiver of an incoming stream that is passed on says of it, and the credit that its sender gets here.
    pub fn relay_state(&mut self, flow: u32, progress: Progress) {
        if let Some(inbound) = self.in_flows.get_mut(&flow) {
            inbound.credit = inbound.credit.max(progress.credit);
            let state = self.next_state(flow);
            state.processed = state.processed.max(progress.processed);
            state.received = state.received.max(progress.received);
            state.credit = state.credit.max(progress.credit);
        }
    }

    /// The messages of an outgoing flow that nobody can say anything of once its way is lost: first and last.
    pub fn unknown_on(&mut self, flow: u32) -> Option<(u64, u64)> {
        let out = self.flow_mut(flow)?;
        (out.received + 1 < out.next_seq).then(|| (out.received + 1, out.next_seq - 1))
    }
}
