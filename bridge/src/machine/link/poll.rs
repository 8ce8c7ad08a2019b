//! The packets that leave.

use super::outbound::ITEM_OVERHEAD;
use super::{
    Action, Item, Link, MAX_QUEUED_BYTES, Millis, OUTCOMES_IN_STATE, PACKET_BYTES, Packet, Phase, Queued, Run, v1,
};

/// What the tags and numbers of one element take in a frame, at most.
pub(super) const HEAD_ITEM: usize = 8;

impl Link {
    /// The writer is ready: the next packet, if there is anything to say.
    pub fn poll(&mut self, now: Millis, out: &mut Vec<Action>) -> Option<Packet> {
        // A Goodbye in a frame of its own, since heads are acted on before runs.
        if self.draining && self.phase != Phase::Down && self.queue.is_empty() && self.leaving.is_empty() {
            self.end_drain(out);
        }
        if self.phase == Phase::Down && !std::mem::take(&mut self.goodbye_said) {
            return None;
        }
        let mut packet = Packet {
            head: std::mem::take(&mut self.head),
            runs: Vec::new(),
        };
        let size = match std::mem::take(&mut self.front_waits) {
            true => 0,
            false => self.take_states(&mut packet.head),
        };
        if self.phase == Phase::Up {
            let waited = self.queue.len();
            let size = self.fill(size, now, &mut packet);
            self.front_waits = waited > 0 && waited == self.queue.len() && packet.head.fragment.is_empty();
            self.add_fragments(size, now, &mut packet);
        }
        if packet == Packet::default() {
            return None;
        }
        self.number += 1;
        packet.head.number = self.number;
        packet.head.sent_ms = now.saturating_sub(self.opened_at) as u32;
        self.note_frames(&packet, out);
        if self.no_room_said && self.queued_bytes < MAX_QUEUED_BYTES / 2 {
            self.no_room_said = false;
            out.push(Action::Room);
        }
        Some(packet)
    }

    /// Would `poll` give a packet now?
    pub fn has_output(&self) -> bool {
        if self.phase == Phase::Down {
            return self.goodbye_said;
        }
        let queued = self.phase == Phase::Up && !(self.queue.is_empty() && self.leaving.is_empty());
        queued || self.draining || !self.states.is_empty() || self.head != v1::Frame::default()
    }

    /// Moves states into the head, up to a packet's size; the flows take turns.
    fn take_states(&mut self, head: &mut v1::Frame) -> usize {
        let mut size = 0;
        while size < PACKET_BYTES
            && let Some(flow) = self.state_order.pop_front()
        {
            let Some(mut state) = self.states.remove(&flow) else {
                continue;
            };
            if state.outcomes.len() > OUTCOMES_IN_STATE {
                let rest = state.outcomes.split_off(OUTCOMES_IN_STATE);
                self.next_state(flow).outcomes = rest;
            }
            self.outcomes -= state.outcomes.len();
            size += prost::Message::encoded_len(&state) + HEAD_ITEM;
            head.state.push(state);
        }
        size
    }

    /// Moves what is queued into the packet. A head field behind an item of the queue must not overtake it, and a reader
    /// acts on heads first: so the packet ends there. So it does at a field behind a step of a move, which a reader would
    /// act on before the step: a stream to an actor that has just been committed must find it there.
    fn fill(&mut self, mut size: usize, now: Millis, packet: &mut Packet) -> usize {
        let most = PACKET_BYTES - self.kept_for_fragments();
        while let Some(next) = self.queue.front() {
            if matches!(next, Queued::Large(_)) {
                if !self.start_transfer(&mut size, now, packet) {
                    break;
                }
                continue;
            }
            let is_item = matches!(next, Queued::Item { .. });
            let is_move = matches!(next, Queued::Move(_));
            let next_size = next.size();
            let has_items = !packet.runs.is_empty() || !packet.head.fragment.is_empty();
            let overtakes = !is_item && (has_items || !is_move && !packet.head.r#move.is_empty());
            if size > 0 && size + next_size > most || overtakes {
                break;
            }
            size += next_size;
            self.controls -= usize::from(!is_item);
            match self.queue.pop_front().expect("there is a front") {
                Queued::Open(open) => packet.head.open.push(open),
                Queued::Type(definition) => packet.head.r#type.push(definition),
                Queued::State(state) => packet.head.state.push(state),
                Queued::Skip(skip) => packet.head.skip.push(skip),
                Queued::Reset(reset) => packet.head.reset.push(reset),
                Queued::Move(step) => packet.head.r#move.push(step),
                Queued::Item {
                    flow,
                    seq,
                    attempt,
                    hops,
                    deadline,
                    mut item,
                } => {
                    self.queued_bytes -= item.body.len() + ITEM_OVERHEAD;
                    item.ttl_ms = deadline.map_or(0, |d| ttl_ms(d, now));
                    add_item(&mut packet.runs, flow, seq, attempt, hops, item);
                }
                Queued::Large(_) => {} // above
            }
        }
        size
    }

    fn note_frames(&mut self, packet: &Packet, out: &mut Vec<Action>) {
        for run in &packet.runs {
            let frame = self.number;
            if let Some(out) = self.flow_mut(run.flow) {
                out.frames
                    .push_back((run.first_seq + run.items.len() as u64 - 1, frame));
            }
        }
        for part in &packet.head.fragment {
            if part.flow != 0 && part.offset + part.data.len() as u64 == part.total {
                self.transfer_ended(part.flow, part.seq, self.number, out);
            }
        }
    }
}

impl Queued {
    /// About how many bytes it takes in a frame.
    fn size(&self) -> usize {
        HEAD_ITEM
            + match self {
                Self::Open(open) => open.prefix.len() + 32,
                Self::Type(definition) => definition.prefix.len(),
                Self::State(state) => prost::Message::encoded_len(state),
                Self::Skip(_) | Self::Reset(_) => 64,
                Self::Move(step) => prost::Message::encoded_len(step),
                Self::Item { item, .. } => item.body.len(),
                Self::Large(_) => 0,
            }
    }
}

/// The time left. A deadline that has passed still travels with 1 ms: the receiver answers EXPIRED.
pub fn ttl_ms(deadline: Millis, now: Millis) -> u32 {
    deadline.saturating_sub(now).clamp(1, u64::from(u32::MAX)) as u32
}

/// Adds an item to the last run of its flow, if it continues it. Only the last few runs are looked at: order holds within a
/// flow alone, and a packet of many flows must not be searched for each item.
fn add_item(runs: &mut Vec<Run>, flow: u32, seq: u64, attempt: u32, hops: u32, item: Item) {
    if let Some(run) = runs.iter_mut().rev().take(8).find(|run| run.flow == flow) {
        let next = run.first_seq + run.items.len() as u64;
        if run.attempt == attempt && run.hops == hops && (flow == 0 || next == seq) {
            run.items.push(item);
            return;
        }
    }
    runs.push(Run {
        flow,
        first_seq: seq,
        attempt,
        hops,
        queued: 0,
        items: vec![item],
    });
}
