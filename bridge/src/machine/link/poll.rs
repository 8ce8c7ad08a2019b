//! The packets that leave.

use super::fragments::LEAST;
use actorbridge_proto::Packed;

use super::queue::{Outgoing, Packing, QUANTUM};
use super::{
    Action, Code, Control, Entry, Link, MAX_QUEUED_BYTES, Millis, OUTCOMES_IN_STATE, PACKET_BYTES, Packet, Phase, Run,
    Waiting, v1,
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
        if self.phase == Phase::Up && !self.has_output() {
            return None; // or nothing but states that may wait
        }
        let mut packet = Packet {
            head: std::mem::take(&mut self.head),
            runs: Vec::new(),
        };
        let comes_first = std::mem::take(&mut self.front_waits) && !self.queue.is_empty();
        let mut size = match comes_first {
            true => 0,
            false => self.take_states(&mut packet.head),
        };
        if self.phase == Phase::Up {
            self.fill(comes_first, &mut size, now, &mut packet);
            self.add_fragments(size, now, &mut packet);
        }
        if packet == Packet::default() {
            return None;
        }
        self.number += 1;
        packet.head.number = self.number;
        packet.head.sent_ms = now.saturating_sub(self.opened_at) as u32;
        self.note_frames(&packet, out);
        if self.no_room_said && self.queue.stream_bytes() < MAX_QUEUED_BYTES / 2 {
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
        queued || self.draining || self.states_press || self.head != v1::Frame::default()
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
        self.states_press &= !self.states.is_empty();
        size
    }

    /// Moves what is queued into the packet: controls, then what the flows have.
    fn fill(&mut self, comes_first: bool, size: &mut usize, now: Millis, packet: &mut Packet) {
        let most = PACKET_BYTES - self.kept_for_fragments();
        if comes_first {
            self.take_turns(size, most, now, packet);
        }
        // A reader acts on heads first: a control behind a message of this packet would overtake it.
        if packet.runs.is_empty() && packet.head.fragment.is_empty() {
            self.take_controls(size, most, packet);
            self.take_turns(size, most, now, packet);
        }
    }

    /// Moves controls into the head. A reader acts on the steps of a move behind other fields: so what follows a step comes in the
    /// next packet, since a stream to an actor that has just been committed must find it there.
    fn take_controls(&mut self, size: &mut usize, most: usize, packet: &mut Packet) {
        let mut taken = false;
        while let Some(next) = self.queue.next_control() {
            if !matches!(next, Control::Move(_)) && !packet.head.r#move.is_empty() {
                return;
            }
            let next_size = next.size();
            if *size > 0 && *size + next_size > most {
                self.front_waits |= !taken;
                return;
            }
            *size += next_size;
            taken = true;
            let head = &mut packet.head;
            match self.queue.take_control() {
                Some(Control::Open(open)) => head.open.push(open),
                Some(Control::Type(definition)) => head.r#type.push(definition),
                Some(Control::State(state)) => head.state.push(state),
                Some(Control::Reset(reset)) => head.reset.push(reset),
                Some(Control::Move(step)) => head.r#move.push(*step),
                None => return,
            }
        }
    }

    /// The flows that have something to send take turns until the packet is full: deficit round robin.
    fn take_turns(&mut self, size: &mut usize, most: usize, now: Millis, packet: &mut Packet) {
        let behind_step = !packet.head.r#move.is_empty();
        let mut taken = false;
        while let Some(at) = self.queue.next_turn() {
            if self.must_wait(at, behind_step, &packet.head) {
                self.queue.set_aside();
                continue;
            }
            let is_full = match self.queue.first(at) {
                Entry::Large(transfer) if transfer.is_passed_on() => *size + LEAST > PACKET_BYTES,
                entry => *size > 0 && *size + entry.first_size() > most,
            };
            if is_full {
                self.front_waits |= !taken;
                break;
            }
            self.take_turn(at, size, most, now, packet);
            taken = true;
        }
        self.queue.end_packet();
    }

    /// Does the first entry of a queue have to wait for the next packet? A reader acts on heads and fragments before runs.
    fn must_wait(&mut self, at: usize, behind_step: bool, head: &v1::Frame) -> bool {
        let is_in = self.queue.is_in(at, self.number + 1);
        match self.queue.first(at) {
            Entry::Large(transfer) if transfer.is_passed_on() => {
                is_in || !self.leaving.may_begin(transfer, self.peer_limits.assembly_bytes)
            }
            // It also acts on the end of a binding before a cancel, which would find nothing any more.
            Entry::Close => is_in || behind_step || head.skip.iter().any(|skip| skip.flow == Outgoing::flow(at)),
            entry => entry.is_head() && (is_in || behind_step),
        }
    }

    /// Moves the first entry of a queue into the packet. What is passed on in parts leaves here, since nothing may overtake it; all
    /// else in parts between what follows.
    fn take_turn(&mut self, at: usize, size: &mut usize, most: usize, now: Millis, packet: &mut Packet) {
        let is_alone = self.queue.is_alone();
        if let Entry::Large(transfer) = self.queue.first(at)
            && transfer.is_passed_on()
        {
            let room = PACKET_BYTES - *size;
            let most = if is_alone { room } else { room.min(QUANTUM) };
            let before = *size;
            let ended = self.leaving.add_part(transfer, most, now, size, packet);
            self.queue.charge(at, *size - before);
            match ended {
                true => drop(self.queue.take(at)),
                false => self.queue.end_turn(at),
            }
            return;
        }
        let flow = Outgoing::flow(at);
        if let Some(packing) = self.queue.take_packed(at, most.saturating_sub(*size)) {
            *size += packing.size;
            self.queue.is_in_now(at, self.number + 1);
            return add_packed(&mut packet.runs, flow, packing);
        }
        let entry = self.queue.take(at);
        *size += entry.size();
        match entry {
            Entry::Item(waiting) => {
                self.queue.is_in_now(at, self.number + 1);
                add_item(&mut packet.runs, flow, waiting, now);
            }
            Entry::Packed(packing) => add_packed(&mut packet.runs, flow, packing),
            Entry::Large(transfer) => self.leaving.start(*transfer),
            Entry::Move(step) => packet.head.r#move.push(*step),
            Entry::Skip(first) => packet.head.skip.push(v1::Skip {
                flow,
                first,
                count: 1,
                reason: Code::Cancelled as i32,
            }),
            Entry::Close => packet.head.open.extend(self.close_of(flow)),
        }
    }

    fn note_frames(&mut self, packet: &Packet, actions: &mut Vec<Action>) {
        for run in &packet.runs {
            let frame = self.number;
            if let Some(out) = self.flow_mut(run.flow) {
                out.frames.push_back((run.first_seq + run.len() as u64 - 1, frame));
                if out.passed_on {
                    actions.push(Action::Progress { flow: run.flow });
                }
            }
        }
        for part in &packet.head.fragment {
            if part.flow != 0 && part.offset + part.data.len() as u64 == part.total {
                self.transfer_ended(part.flow, part.seq, self.number, actions);
            }
        }
    }
}

/// The time left. A deadline that has passed still travels with 1 ms: the receiver answers EXPIRED.
pub fn ttl_ms(deadline: Millis, now: Millis) -> u32 {
    deadline.saturating_sub(now).clamp(1, u64::from(u32::MAX)) as u32
}

/// Adds an item to the last run of its flow, if it continues it. Only the last few runs are looked at: order holds within a
/// flow alone, and a packet of many flows must not be searched for each item.
fn add_item(runs: &mut Vec<Run>, flow: u32, waiting: Waiting, now: Millis) {
    let Waiting {
        seq,
        hops,
        deadline,
        mut item,
    } = waiting;
    item.ttl_ms = deadline.map_or(0, |d| ttl_ms(d, now));
    if let Some(run) = last_run(runs, flow).filter(|run| run.packed.is_none() && run.hops == hops)
        && run.seq(run.items.len()) == seq
    {
        run.items.push(item);
        return;
    }
    runs.push(Run {
        flow,
        first_seq: seq,
        attempt: 0,
        hops,
        queued: 0,
        items: vec![item],
        packed: None,
    });
}

/// As [`add_item`], for several that are written already.
fn add_packed(runs: &mut Vec<Run>, flow: u32, packing: Packing) {
    let (seq, type_id, count, hops) = (packing.seq, packing.type_id, packing.count as usize, packing.hops);
    if let Some(run) = last_run(runs, flow).filter(|run| run.hops == hops)
        && run.first_seq + run.len() as u64 == seq
        && let Some(packed) = run.packed.as_mut().filter(|packed| packed.type_id == type_id)
    {
        packed.count += count;
        packed.pieces.push(packing.into_items());
        return;
    }
    let packed = Packed {
        type_id,
        count,
        pieces: vec![packing.into_items()],
        ..Packed::default()
    };
    runs.push(Run {
        flow,
        first_seq: seq,
        hops,
        packed: Some(Box::new(packed)),
        ..Run::default()
    });
}

/// The last run of a flow, of the last few ones.
fn last_run(runs: &mut [Run], flow: u32) -> Option<&mut Run> {
    runs.iter_mut().rev().take(8).find(|run| run.flow == flow)
}
