//! Streams between two nodes that have no link, which a third one, linked with both, passes on.
//!
//! It gives a stream another flow number and its types other numbers, and looks into no item. What came packed goes on so. Seqs,
//! credit and outcomes are those of the stream's ends, so that a receiver which stands still stops the sender.

use actorbridge_proto::Packed;

use super::outbound::refused;
use super::queue::{Entry, ITEM_OVERHEAD, Packing};
use super::{Bytes, Code, Link, MAX_HOPS, MAX_SEQ, Millis, Phase, Run, Send, What};

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
        if self.queue.relayed_bytes() + body.len() + ITEM_OVERHEAD > MAX_RELAYED_BYTES {
            return refused(
                Code::MailboxFull,
                "too much waits at the relay for the link to the receiver",
            );
        }
        self.push_item(flow, seq, what, deadline, hops, body);
        self.open_flow(flow).expect("it was open above").next_seq = seq + 1;
        Send::Queued(seq)
    }

    /// Takes a run of an incoming stream that is passed on, whose longest body has so many bytes, if there is nothing to say of any of
    /// its messages. `false` = nothing has happened; `receive_items` says what is wrong with which.
    pub fn accept_relayed(&mut self, run: &Run, packed: &Packed, longest: usize) -> bool {
        let (limit, is_up) = (self.limits().inline_bytes as usize, self.phase == Phase::Up);
        let what = self.what(packed.type_id).map(|what| (what.present, what.bytes.len()));
        let (Some((present, what_len)), Some(inbound)) = (what, self.in_flows.get_mut(&run.flow)) else {
            return false;
        };
        let last = run.first_seq.saturating_add(packed.count as u64 - 1);
        let good = is_up
            && inbound.passed_on
            && present & inbound.who_present == 0
            && run.hops <= MAX_HOPS
            && inbound.who_len + what_len + longest <= limit
            && run.first_seq > inbound.last_seq
            && last <= inbound.credit.min(MAX_SEQ);
        if good {
            inbound.last_seq = last;
        }
        good
    }

    /// As [`Link::relay`], for messages that came together, with so many bytes of bodies in all and in the longest. `false` = it would
    /// refuse some of them, and nothing has happened.
    pub fn relay_run(
        &mut self,
        flow: u32,
        run: &Run,
        what: &What,
        packed: &Packed,
        (all, longest): (usize, usize),
    ) -> bool {
        let Some(out) = self.open_flow(flow).filter(|out| out.passed_on) else {
            return false;
        };
        let last = run.first_seq + packed.count as u64 - 1;
        let (next, credit, size) = (out.next_seq, out.credit, out.who_len + what.bytes.len() + longest);
        let has_room = self.queue.relayed_bytes() + all + packed.count * ITEM_OVERHEAD <= MAX_RELAYED_BYTES;
        let goes = has_room && next <= run.first_seq && last <= credit;
        if !goes || self.is_large(size) || self.refusal(what, size).is_some() {
            return false;
        }
        let type_id = self.type_id(what);
        if type_id == 0 {
            return false; // no number is left: it is written into each body
        }
        let packing = Packing::of(packed, (run.first_seq, type_id, run.hops + 1), all);
        self.queue.push(flow, Entry::Packed(packing));
        self.open_flow(flow).expect("it was open above").next_seq = last + 1;
        true
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

    /// How far a stream has come that is passed on; `None` = its flow is over.
    pub fn progress(&mut self, flow: u32) -> Option<Progress> {
        let out = self.flow_mut(flow)?;
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
        }
        if self.is_told(flow) {
            let state = self.next_state(flow);
            state.processed = state.processed.max(progress.processed);
            state.received = state.received.max(progress.received);
            state.credit = state.credit.max(progress.credit);
            self.states_press = true;
        }
    }

    /// Nothing more will be said of an incoming stream that is passed on, and that the peer has closed: it may use the flow's number
    /// again.
    pub fn confirm_close(&mut self, flow: u32) {
        if self.unconfirmed.remove(&flow) {
            self.say_closed(flow, 0); // what has come is as its receiver has said
        }
    }

    /// The shell has forgotten an outgoing stream whose end is confirmed: another may have its number.
    pub fn free_flow(&mut self, flow: u32) {
        if self.flow_mut(flow).is_some_and(|out| out.confirmed) {
            self.release(flow);
        }
    }
}
