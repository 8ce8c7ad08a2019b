//! Messages over the peer's `inline_bytes`: they leave in parts, between what else there is to say, and are put together again.
//!
//! A flow with such a message on its way takes no other until the last part has left, so that nothing overtakes it; other flows go
//! on. What the peer has not processed of all flows' is bounded by its `assembly_bytes`, of one flow by a share of that or one
//! message. Answers need no credit, so theirs is another account: that of those which have begun to leave.

use super::items::peek;
use super::poll::HEAD_ITEM;
use super::queue::QUANTUM;
use super::{Action, Bytes, Entry, HashMap, Link, Millis, OutFlow, PACKET_BYTES, Packet, Send, VecDeque, ttl_ms, v1};

/// What an envelope may take beside its payload, whose bytes alone `Limits.max_message_bytes` counts.
pub const BESIDE_PAYLOAD: u64 = 64 << 10;
/// Most bytes of answers over `inline_bytes`, and of those behind them, that wait for the writer or are on their way. Each counts
/// [`ANSWER_OVERHEAD`] beside its own.
pub const MAX_LARGE_ANSWERS: u64 = 256 << 20;
/// At least what is kept of such an answer beside its bytes, so that small ones are bounded too.
pub const ANSWER_OVERHEAD: u64 = 512;
/// Most messages outside any stream that are on their way in part, in one direction.
pub const MAX_BEGUN: usize = 4_096;
/// A fragment of fewer bytes is not worth its own.
pub(super) const LEAST: usize = 1 << 10;
/// What a fragment takes beside its data, at most.
const OVERHEAD: usize = HEAD_ITEM + 64;
/// The part of the peer's `assembly_bytes` that one flow may use, unless one message takes more.
const SHARE: u64 = 16;

/// A message that leaves in parts.
#[derive(Debug)]
pub(super) struct Transfer {
    pub flow: u32,
    /// Off-stream it is numbered when its first part leaves.
    pub seq: u64,
    /// Of an answer: those of one ask keep their order.
    pub correlation: u64,
    pub type_id: u32,
    pub hops: u32,
    /// Of a message that follows a move: its actor's stay that it is for.
    pub epoch: u64,
    pub deadline: Option<Millis>,
    pub body: Bytes,
    /// How much of it has left.
    pub offset: usize,
}

impl Transfer {
    fn total(&self) -> u64 {
        self.body.len() as u64
    }

    /// What it counts of `MAX_LARGE_ANSWERS`.
    fn held(&self) -> u64 {
        self.total() + ANSWER_OVERHEAD
    }

    /// It came here for an actor that has moved: nothing outside the streams may overtake it.
    pub(super) fn is_passed_on(&self) -> bool {
        self.flow == 0 && self.hops > 0
    }

    /// The next part, of at most so many bytes.
    fn part(&mut self, most: usize, now: Millis) -> v1::Fragment {
        let (start, end) = (self.offset, self.body.len().min(self.offset + most));
        self.offset = end;
        v1::Fragment {
            flow: self.flow,
            seq: self.seq,
            offset: start as u64,
            total: self.total(),
            data: self.body.slice(start..end),
            attempt: 0,
            ttl_ms: self.deadline.map_or(0, |d| ttl_ms(d, now)),
            hops: self.hops,
            r#type: self.type_id,
            actor_epoch: self.epoch,
        }
    }
}

/// What is on its way to the peer.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Take turns.
    transfers: VecDeque<Transfer>,
    /// Begin behind the runs of the packet that is being made.
    starting: Vec<Transfer>,
    /// Bytes of flows' messages that the peer has not processed.
    unprocessed: u64,
    /// A message of so many bytes waits for that to fall; 0 = none does.
    wanted: u64,
    /// Bytes of off-stream messages of which a part has left, how many they are, and what those and the ones that wait count.
    begun: u64,
    begun_count: usize,
    answers: u64,
    /// The number of the last off-stream message.
    last_number: u64,
    /// By the correlation of an answer that waits or has left in part: those that follow it.
    behind: HashMap<u64, VecDeque<Transfer>>,
}

impl Leaving {
    pub(super) fn is_empty(&self) -> bool {
        self.transfers.is_empty()
    }

    /// Does an answer of this body follow one that has not left?
    pub(super) fn is_behind(&self, body: &[u8]) -> bool {
        !self.behind.is_empty() && self.behind.contains_key(&peek(body).1)
    }

    /// Do answers follow those that have not left?
    pub(super) fn holds_answers(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Is there room at a peer of this `assembly_bytes` for an off-stream message that has not begun?
    pub(super) fn may_begin(&self, transfer: &Transfer, limit: u64) -> bool {
        transfer.flow != 0
            || transfer.offset > 0
            || self.begun_count < MAX_BEGUN && fits(self.begun, transfer.total(), limit)
    }

    /// It begins behind the runs of this packet.
    pub(super) fn start(&mut self, transfer: Transfer) {
        self.starting.push(transfer);
    }

    /// Adds the next part to the packet; `true` = it was the last.
    pub(super) fn add_part(
        &mut self,
        transfer: &mut Transfer,
        most: usize,
        now: Millis,
        size: &mut usize,
        packet: &mut Packet,
    ) -> bool {
        if transfer.flow == 0 && transfer.offset == 0 {
            self.begun += transfer.total();
            self.begun_count += 1;
            self.last_number += 1;
            transfer.seq = self.last_number;
        }
        let part = transfer.part(most.saturating_sub(OVERHEAD), now);
        *size += part.data.len() + OVERHEAD;
        packet.head.fragment.push(part);
        let ended = transfer.offset == transfer.body.len();
        if ended && transfer.flow == 0 {
            self.begun -= transfer.total();
            self.begun_count -= 1;
            self.answers -= transfer.held();
            self.next_answer(transfer.correlation);
        }
        ended
    }

    /// The next answer of an ask begins behind this packet.
    fn next_answer(&mut self, correlation: u64) {
        if let Some(behind) = self.behind.get_mut(&correlation) {
            match behind.pop_front() {
                Some(next) => self.starting.push(next),
                None => drop(self.behind.remove(&correlation)),
            }
        }
    }
}

/// What an outgoing flow has of such messages.
#[derive(Debug, Default)]
pub(super) struct LargeOut {
    /// One waits for the writer or has left in part.
    pub sending: bool,
    /// (seq, bytes) of those that the peer has not processed.
    sent: VecDeque<(u64, u64)>,
    unprocessed: u64,
    /// One of so many bytes waits for that to fall; 0 = none does.
    pub wanted: u64,
}

impl LargeOut {
    /// Takes away what has been processed; how many bytes.
    fn trim(&mut self, processed: u64) -> u64 {
        let freed = trim(&mut self.sent, processed);
        self.unprocessed -= freed;
        freed
    }
}

/// Takes away what has been processed of (seq, bytes); how many bytes.
pub(super) fn trim(messages: &mut VecDeque<(u64, u64)>, processed: u64) -> u64 {
    let mut freed = 0;
    while let Some((_, bytes)) = messages.front().filter(|(seq, _)| *seq <= processed) {
        freed += bytes;
        messages.pop_front();
    }
    freed
}

pub(super) fn fits(held: u64, more: u64, limit: u64) -> bool {
    held == 0 || held.saturating_add(more) <= limit
}

impl OutFlow {
    /// May it send, as far as is known?
    pub(super) fn is_ready(&self, share: u64) -> bool {
        let large = &self.large;
        self.next_seq <= self.credit
            && !large.sending
            && (large.wanted == 0 || fits(large.unprocessed, large.wanted, share))
    }
}

impl Link {
    /// The most bytes of an envelope that the peer takes.
    pub(super) fn largest(&self) -> u64 {
        largest(&self.peer_limits, self.fragments)
    }

    pub(super) fn is_large(&self, size: usize) -> bool {
        size > self.peer_limits.inline_bytes as usize
    }

    /// The part of the peer's memory for large messages that one flow may use.
    pub(super) fn share(&self) -> u64 {
        self.peer_limits.assembly_bytes / SHARE
    }

    /// Queues a message of a flow that has credit.
    pub(super) fn send_large(&mut self, flow: u32, mut transfer: Transfer) -> Send {
        let (share, limit, total) = (self.share(), self.peer_limits.assembly_bytes, transfer.total());
        let all = self.leaving.unprocessed;
        let out = self.flow_mut(flow).expect("its flow is open");
        let (seq, large) = (out.next_seq, &mut out.large);
        if !fits(large.unprocessed, total, share) {
            large.wanted = total;
            return Send::NoCredit;
        }
        if !fits(all, total, limit) {
            self.leaving.wanted = total;
            return Send::NoRoom;
        }
        large.sending = true;
        large.sent.push_back((seq, total));
        large.unprocessed += total;
        out.next_seq += 1;
        self.leaving.unprocessed += total;
        transfer.seq = seq;
        self.queue.push(flow, Entry::Large(Box::new(transfer)));
        Send::Queued(seq)
    }

    /// Queues a message outside any stream.
    pub(super) fn forward_large(&mut self, transfer: Transfer) -> Send {
        if self.leaving.answers + transfer.held() > MAX_LARGE_ANSWERS {
            return Send::NoRoom;
        }
        self.leaving.answers += transfer.held();
        if transfer.correlation != 0 {
            if let Some(behind) = self.leaving.behind.get_mut(&transfer.correlation) {
                behind.push_back(transfer);
                return Send::Queued(0);
            }
            self.leaving.behind.insert(transfer.correlation, VecDeque::new());
        }
        self.queue.push(0, Entry::Large(Box::new(transfer)));
        Send::Queued(0)
    }

    /// How much of a packet is kept for fragments.
    pub(super) fn kept_for_fragments(&self) -> usize {
        if self.leaving.is_empty() { 0 } else { QUANTUM }
    }

    /// Fills the packet with parts of what is on its way, which takes turns.
    pub(super) fn add_fragments(&mut self, mut size: usize, now: Millis, packet: &mut Packet) {
        let starting = std::mem::take(&mut self.leaving.starting);
        // A reader acts on fragments before runs, which may hold earlier messages of the same flow.
        let (now_on, later) = if packet.runs.is_empty() {
            (starting, Vec::new())
        } else {
            (Vec::new(), starting)
        };
        self.leaving.transfers.extend(now_on);
        let mut passed = 0;
        while size + LEAST <= PACKET_BYTES
            && passed < self.leaving.transfers.len()
            && let Some(mut transfer) = self.leaving.transfers.pop_front()
        {
            let room = PACKET_BYTES - size;
            let most = if self.leaving.is_empty() {
                room
            } else {
                room.min(QUANTUM)
            };
            if !self.leaving.may_begin(&transfer, self.peer_limits.assembly_bytes) {
                passed += 1;
                self.leaving.transfers.push_back(transfer);
            } else if !self.leaving.add_part(&mut transfer, most, now, &mut size, packet) {
                self.leaving.transfers.push_back(transfer);
            }
        }
        self.leaving.transfers.extend(later);
        let next = std::mem::take(&mut self.leaving.starting);
        self.leaving.transfers.extend(next);
    }

    /// A message of a flow has left whole: what waited for it may follow.
    pub(super) fn transfer_ended(&mut self, flow: u32, seq: u64, frame: u64, out: &mut Vec<Action>) {
        let Some(sent) = self.flow_mut(flow) else { return };
        sent.frames.push_back((seq, frame));
        sent.large.sending = false;
        if sent.closing {
            self.queue.push(flow, Entry::Close);
        } else {
            out.push(Action::Credit { flow });
        }
    }

    /// Gives up a message that waits or has left in part; `false`: there is no such message.
    pub(super) fn give_up(&mut self, flow: u32, seq: u64) -> bool {
        // It is the last one of its flow, if it is there.
        let Some(out) = self
            .flow_mut(flow)
            .filter(|out| out.large.sending && out.next_seq - 1 == seq)
        else {
            return false;
        };
        out.large.sending = false;
        let bytes = out.large.sent.pop_back().map_or(0, |(_, bytes)| bytes);
        out.large.unprocessed -= bytes;
        self.leaving.unprocessed -= bytes;
        self.drop_transfer(flow);
        true
    }

    /// The binding of a flow is over, whatever the peer has had of it.
    pub(super) fn forget_large(&mut self, flow: u32) {
        self.large_processed(flow, u64::MAX);
        if self.flow_mut(flow).is_some_and(|out| out.large.sending) {
            self.drop_transfer(flow);
        }
    }

    /// What is on its way on a flow leaves no more. There is one at most.
    fn drop_transfer(&mut self, flow: u32) {
        self.leaving.transfers.retain(|t| t.flow != flow);
        self.queue.drop_large(flow);
    }

    /// The peer has processed a flow's messages up to this one.
    pub(super) fn large_processed(&mut self, flow: u32, processed: u64) {
        if let Some(out) = self.flow_mut(flow) {
            let freed = out.large.trim(processed);
            self.leaving.unprocessed -= freed;
        }
    }

    /// What has become possible since the peer has processed something: senders that may go on.
    pub(super) fn large_room(&mut self, flow: u32, out: &mut Vec<Action>) {
        let share = self.share();
        if let Some(sent) = self.flow_mut(flow)
            && sent.large.wanted > 0
            && sent.is_ready(share)
        {
            sent.large.wanted = 0;
            if !sent.closing {
                out.push(Action::Credit { flow });
            }
        }
        let leaving = &mut self.leaving;
        if leaving.wanted > 0 && fits(leaving.unprocessed, leaving.wanted, self.peer_limits.assembly_bytes) {
            leaving.wanted = 0;
            out.push(Action::Room);
        }
    }
}

/// The most bytes of an envelope that a side takes.
pub(super) fn largest(limits: &v1::Limits, fragments: bool) -> u64 {
    let inline = u64::from(limits.inline_bytes);
    let whole = limits
        .max_message_bytes
        .saturating_add(BESIDE_PAYLOAD)
        .min(limits.assembly_bytes);
    if fragments { whole.max(inline) } else { inline }
}
