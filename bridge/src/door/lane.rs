//! Links whose messages go through memory that both sides share: what leaves is written there at once, past the packets, and
//! what comes is taken in runs.

use std::collections::HashMap;
use std::sync::Arc;

use actorbridge_proto::packed::first_payload;
use actorbridge_proto::v1::Kind;
use actorbridge_proto::{Item, Packed, Packet, What, writer};
use bytes::Bytes;

use super::inbound::Inbound;
use super::relay::Ready;
use super::{LinkEnd, State};
use crate::machine::Millis;
use crate::machine::link::{self, Action, Phase};
use crate::message::{Message, Outgoing, Permit};
use crate::node::{Inner, lock};

/// What a payload's tag and length take, at most.
const PLAIN_OVERHEAD: usize = 6;

/// How many payloads are looked at before they are written.
const AT_ONCE: usize = 64;

/// One message on its way out.
#[derive(Debug, Clone, Copy)]
pub struct LaneItem<'a> {
    /// The flow; 0 = outside any stream.
    pub flow: u32,
    /// The seq; 0 outside any stream.
    pub seq: u64,
    /// TypeDef id; 0 = in the bytes.
    pub type_id: u32,
    /// Milliseconds left; 0 = no deadline.
    pub ttl_ms: u32,
    /// Nodes that have forwarded it.
    pub hops: u32,
    /// The bytes are a payload, and the item has nothing else; else they are the item.
    pub plain: bool,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Where a link writes what leaves. Called by one thread at a time; nothing waits, and nothing calls back.
pub trait Lane: Send + Sync {
    /// The most bytes of a packet's head; a message has at most half as many.
    fn max_frame_bytes(&self) -> u32;

    /// Is there room for a message of so many bytes?
    fn has_room(&self, bytes: usize) -> bool;

    /// Writes a message that there is room for. The peer sees it after `publish`.
    fn put(&self, item: LaneItem<'_>);

    /// Writes payloads as messages of one flow whose seqs rise from that of `item`, whose bytes are not looked at: as many as there is
    /// room for, and how many. What finds none may be tried again when there is room.
    fn put_all(&self, item: LaneItem<'_>, payloads: &[&[u8]]) -> usize;

    /// Shows the peer what was put, and wakes it if it sleeps.
    fn publish(&self);

    /// What the peer has granted on a flow in the memory: processed, and credit; (0, 0) = nothing.
    fn granted(&self, flow: u32) -> (u64, u64);

    /// How many flows wait for credit. While there are any, the peer tells of what it grants. Look once more after it.
    fn want_credit(&self, flows: usize);

    /// A flow's number is for another stream from now on: nothing is granted on it.
    fn forget_granted(&self, flow: u32);

    /// Grants credit on a flow of the peer in the memory; `true` = the peer need not be told. A grant may come behind a newer one: it
    /// takes nothing back.
    fn grant(&self, flow: u32, processed: u64, credit: u64) -> bool;

    /// Writes a packet; `false` = there is no room yet. [`LinkEnd::lane_has_room`] is called when there may be.
    fn put_packet(&self, packet: &Packet) -> bool;

    /// The link is over, and everything has been written.
    fn close(&self);
}

/// Messages of one flow that came together.
#[derive(Debug)]
pub struct LaneRun {
    /// The flow; 0 = outside any stream.
    pub flow: u32,
    /// The seq of the first. Outside any stream, of all: the epoch of the actor's stay that they follow it to, or 0.
    pub first_seq: u64,
    /// TypeDef id; 0 = in the bytes.
    pub type_id: u32,
    /// Milliseconds left; 0 = no deadline.
    pub ttl_ms: u32,
    /// Nodes that have forwarded them.
    pub hops: u32,
    /// As [`LaneItem::plain`].
    pub plain: bool,
    /// The bytes of all, one behind the other.
    pub block: Bytes,
    /// Where each of them ends in `block`; they rise.
    pub ends: Vec<u32>,
    /// Instead of `ends`: `block` has them as items of a frame; how many they are, and how many bytes the longest one has.
    pub packed: Option<(usize, usize)>,
}

impl LaneRun {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.packed.map_or(self.ends.len(), |(count, _)| count)
    }

    /// How many bytes each has.
    pub(super) fn lengths(&self) -> Vec<usize> {
        let mut at = 0;
        let length = |i: usize| {
            let (start, end) = match self.packed {
                Some(_) => first_payload(&self.block, at),
                None => (at, self.ends[i] as usize),
            };
            at = end;
            end - start
        };
        (0..self.count()).map(length).collect()
    }

    fn longest(&self) -> usize {
        if let Some((_, longest)) = self.packed {
            return longest;
        }
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let longest = self.ends.iter().zip(starts).map(|(end, start)| end - start).max();
        longest.unwrap_or(0) as usize
    }

    /// The same as items of a packet.
    fn into_items(self) -> actorbridge_proto::Run {
        let mut start = 0;
        let item = |end: &u32| {
            let bytes = self.block.slice(start..*end as usize);
            start = *end as usize;
            let body = match self.plain {
                true => writer::body(writer::BodyFields::default(), &bytes),
                false => bytes,
            };
            Item {
                type_id: self.type_id,
                ttl_ms: self.ttl_ms,
                body,
            }
        };
        let items = self.ends.iter().map(item).collect();
        let packed = self.packed.map(|(count, longest)| Packed {
            type_id: self.type_id,
            ttl_ms: self.ttl_ms,
            count,
            longest,
            pieces: vec![self.block.clone()],
        });
        actorbridge_proto::Run {
            flow: self.flow,
            first_seq: self.first_seq,
            hops: self.hops,
            items,
            packed: packed.map(Box::new),
            ..Default::default()
        }
    }
}

/// What has to be told after something was written.
#[derive(Default)]
struct Written {
    actions: Vec<Action>,
    ready: Ready,
}

impl LinkEnd {
    /// From now on what leaves is written to `lane`. Only before the handshake; `false` = it is too late.
    pub fn set_lane(&self, lane: Arc<dyn Lane>) -> bool {
        let mut state = lock(&self.state);
        let early = state.machine.phase() == Phase::Handshake;
        if early {
            state.lane = Some(lane);
        }
        early
    }

    /// The lane may have room again.
    pub fn lane_has_room(&self) {
        self.ring();
    }

    /// The lane is over, whether its peer has read all or not: what has found no room is dropped. Once the link is down.
    pub fn end_lane(&self) {
        let lane = {
            let mut state = lock(&self.state);
            self.last_credit(&mut state); // the end of a drain may be acted on later
            state.unsent = None;
            state.lane.take()
        };
        if let Some(lane) = lane {
            lane.close();
        }
    }

    /// Messages came by the lane.
    pub fn receive_run(&self, mut run: LaneRun) {
        let Some(node) = self.node.upgrade() else { return };
        self.meter().received(run.block.len());
        if run.flow != 0 {
            let inbound = lock(&self.inbound);
            if self.take_run(&node, &inbound, &mut run) {
                drop(inbound);
                return self.ring();
            }
        }
        self.drive(&node, |machine, out| machine.receive_items(run.into_items(), out));
    }

    /// A sender waits for the credit of a flow; `true` = there is some by now.
    pub(super) fn starves(state: &mut State, flow: u32) -> bool {
        let Some(lane) = &state.lane else { return false };
        // Its caller has the outlet too: it does not end here.
        let outlet = state.outlets.get(&flow).and_then(std::sync::Weak::upgrade);
        if let Some(outlet) = outlet
            && state.starved.insert(flow, outlet.owner.clone()).is_none()
        {
            lane.want_credit(state.starved.len());
        }
        Self::learn_credit(state, flow)
    }

    /// There is credit on a flow again, or nobody sends on it any more: who waits for it looks.
    pub(super) fn feed(state: &mut State, flow: u32) {
        let Some(owner) = state.starved.remove(&flow) else {
            return;
        };
        if let Some(lane) = &state.lane {
            lane.want_credit(state.starved.len());
        }
        owner.notify_waiters();
    }

    /// Looks at what the peer has granted in the memory; `true` = there is credit.
    fn learn_credit(state: &mut State, flow: u32) -> bool {
        let Some(lane) = &state.lane else { return false };
        let (processed, credit) = lane.granted(flow);
        let some = state.machine.credited(flow, processed, credit);
        if some {
            Self::feed(state, flow);
        }
        some
    }

    /// Grants credit to the peer without telling it, if it looks for itself; `false` = it is to be told.
    pub(super) fn grant_silently(&self, state: &mut State, flow: u32, processed: u64, credit: u64) -> bool {
        let Some(lane) = &state.lane else { return false };
        state.machine.state_at_once(flow, credit) && lane.grant(flow, processed, credit)
    }

    /// The link is over: how far the peer came on each flow.
    pub(super) fn last_credit(&self, state: &mut State) {
        let Some(lane) = state.lane.clone() else { return };
        for flow in state.machine.open_flows() {
            let (processed, credit) = lane.granted(flow);
            state.machine.credited(flow, processed, credit);
        }
    }

    /// The credit that the peer has granted on a flow that is out of it.
    fn take_credit(state: &mut State, flow: u32) {
        if state.machine.is_spent(flow) {
            Self::learn_credit(state, flow);
        }
    }

    /// Brings messages to their actor that there is nothing to say of; `false` = nothing has happened.
    pub(super) fn take_run(&self, node: &Arc<Inner>, inbound: &HashMap<u32, Inbound>, run: &mut LaneRun) -> bool {
        let Some(stream) = inbound.get(&run.flow) else {
            return false;
        };
        let items = match run.plain {
            true => Vec::new(),
            false => match self.read_items(node, stream, run) {
                Some(items) => items,
                None => return false,
            },
        };
        let shape = (run.type_id, run.hops, run.longest());
        let count = run.count() as u64;
        let accepted = lock(&self.state)
            .machine
            .accept_run(run.flow, run.first_seq, count, shape, run.plain);
        if accepted {
            if self.taps.any() {
                self.see_run(stream, &items, run);
            }
            match run.plain {
                true => self.deliver_run(node, stream, run),
                false => self.deliver_items(node, stream, items),
            }
        }
        accepted
    }

    /// The messages of a run, if all of them are what their type says.
    fn read_items(&self, node: &Arc<Inner>, stream: &Inbound, run: &LaneRun) -> Option<Vec<Message>> {
        let what = self.what(run.type_id);
        let deadline = node.deadline_in(run.ttl_ms);
        let (mut start, mut seq) = (0, run.first_seq);
        let mut messages = Vec::with_capacity(run.ends.len());
        for end in &run.ends {
            let item = run.block.slice(start..*end as usize);
            let mut message = Message::read(stream.who.clone(), what.clone(), item).ok()?;
            let usual = Arc::ptr_eq(&message.who, &stream.who) && Arc::ptr_eq(&message.what, &what);
            if !usual || what.kind == Kind::Ask as u32 && message.correlation == 0 {
                return None;
            }
            message.permit = Permit::Stream { key: stream.key, seq };
            (message.hops, message.deadline) = (run.hops, deadline);
            messages.push(message);
            (start, seq) = (*end as usize, seq.wrapping_add(1)); // a peer may have begun with any number
        }
        Some(messages)
    }

    /// Writes a message to the lane, if that can be done now: the seq that it has.
    pub(super) fn send_at_once(&self, state: &mut State, flow: u32, out: &Outgoing) -> Option<u64> {
        Self::take_credit(state, flow);
        let lane = state.lane.as_ref().filter(|_| state.unsent.is_none())?;
        let (what, body) = out.for_peer(&state.reads).ok()?;
        if !lane.has_room(body.len()) {
            return None;
        }
        let (seq, type_id) = match flow {
            0 => (0, state.machine.answer_at_once(what, body.len())?),
            flow => state.machine.send_at_once(flow, what, body.len())?,
        };
        let plain = out.plain_from().filter(|_| type_id != 0);
        lane.put(LaneItem {
            flow,
            seq,
            type_id,
            ttl_ms: self.ttl_ms(out),
            hops: out.hops,
            plain: plain.is_some(),
            bytes: &body[plain.unwrap_or(0)..],
        });
        lane.publish();
        Some(seq)
    }

    /// Is there no credit on a flow, of a door that tells it in memory?
    pub(crate) fn is_spent(&self, flow: u32) -> bool {
        let mut state = lock(&self.state);
        Self::take_credit(&mut state, flow);
        state.lane.is_some() && state.machine.is_spent(flow)
    }

    /// Tells payloads, if that can be done now: how many, and the last one's seq.
    pub(crate) fn send_plain(&self, flow: u32, what: &What, payloads: &[&[u8]]) -> (usize, u64) {
        let sent = self.send_plain_now(flow, what, payloads);
        if sent.0 > 0 && self.taps.any() {
            self.see_sent_plain(flow, what, &payloads[..sent.0], sent.1);
        }
        sent
    }

    fn send_plain_now(&self, flow: u32, what: &What, payloads: &[&[u8]]) -> (usize, u64) {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let Some(lane) = state.lane.clone() else {
            let sent = state.machine.send_all(flow, what, self.uncompressed(payloads));
            drop(guard);
            self.ring();
            return sent;
        };
        if state.unsent.is_some() {
            return (0, 0);
        }
        let mut sent = (0, 0);
        while sent.0 < payloads.len() {
            let left = &payloads[sent.0..payloads.len().min(sent.0 + AT_ONCE)];
            let Some((count, last)) = Self::put_run(state, &*lane, flow, what, left) else {
                break;
            };
            sent = (sent.0 + count, last);
        }
        if sent.0 > 0 {
            lane.publish();
        }
        sent
    }

    /// Writes as many of some payloads as can be written now: how many, and the last one's seq.
    fn put_run(
        state: &mut State,
        lane: &dyn Lane,
        flow: u32,
        what: &What,
        mut payloads: &[&[u8]],
    ) -> Option<(usize, u64)> {
        Self::take_credit(state, flow);
        let longest = payloads.iter().map(|payload| payload.len()).max()?;
        let mut room = state.machine.at_once(flow, what, longest + PLAIN_OVERHEAD);
        if room.is_none() && payloads.len() > 1 {
            payloads = &payloads[..1]; // perhaps another one is too long
            room = state.machine.at_once(flow, what, payloads[0].len() + PLAIN_OVERHEAD);
        }
        let (seq, type_id, room) = room?;
        let item = LaneItem {
            flow,
            seq,
            type_id,
            ttl_ms: 0,
            hops: 0,
            plain: true,
            bytes: &[],
        };
        let most = payloads.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let written = lane.put_all(item, &payloads[..most]);
        if written == 0 {
            return None;
        }
        state.machine.sent_at_once(flow, written);
        Some((written, seq + written as u64 - 1))
    }

    /// The time that a message has left; one whose deadline has passed travels with 1 ms, and is answered EXPIRED.
    pub(super) fn ttl_ms(&self, out: &Outgoing) -> u32 {
        self.ttl_until(out.deadline)
    }

    pub(super) fn ttl_until(&self, deadline: Option<Millis>) -> u32 {
        let (Some(deadline), Some(node)) = (deadline, self.node.upgrade()) else {
            return 0;
        };
        link::ttl_ms(deadline, node.now())
    }

    /// Writes what waits to the lane, as far as there is room.
    pub(super) fn fill_lane(&self) {
        let Some(node) = self.node.upgrade() else { return };
        let mut written = Written::default();
        let over = {
            let mut state = lock(&self.state);
            let state = &mut *state;
            let Some(lane) = state.lane.clone() else { return };
            loop {
                let next = state.unsent.take();
                let next = next.or_else(|| state.machine.poll(node.now(), &mut written.actions));
                let Some(packet) = next else { break };
                if !lane.put_packet(&packet) {
                    state.unsent = Some(packet);
                    break;
                }
            }
            written.ready = Self::may_send(state, &written.actions);
            let over = state.machine.phase() == Phase::Down && state.unsent.is_none();
            over.then_some(lane)
        };
        // The end of a drain is acted on in a task: whoever writes here may hold its outlet's lock, and the end takes all of them.
        let ends = written.actions.iter().any(|a| matches!(a, Action::Down { .. }));
        if let Some(end) = node.link(self.id).filter(|_| ends) {
            let (node, handle) = (node.clone(), node.handle.clone());
            let tracked = node.clone();
            let task = async move { end.drained(&node, &mut lock(&end.inbound), written.actions) };
            tracked.tasks.spawn_on(task, &handle);
        }
        written.ready.tell(self);
        if let Some(lane) = over {
            lane.close();
        }
    }
}
