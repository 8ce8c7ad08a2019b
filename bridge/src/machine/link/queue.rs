//! What waits for the writer: controls in one queue, messages in a queue for each flow. Those take turns by deficit round robin, so
//! that no stream waits for all that a busy neighbour has queued.
//!
//! Within a queue nothing overtakes. No message overtakes a control that was queued before it: its stream's binding, its type, the
//! step of a move that it follows. Controls overtake messages, but where an actor's mail would be late: what says that it lives at the
//! peer now leaves behind all that was queued before, and what says where it is to be found behind all that is passed on to it.

use actorbridge_proto::v1::r#move::Step;
use bytes::BytesMut;

use super::poll::HEAD_ITEM;
use super::{Item, MAX_QUEUED_BYTES, Millis, RESERVED_BYTES, Transfer, VecDeque, v1};

/// How many bytes a queue may send in each of its turns.
pub(super) const QUANTUM: usize = 16 << 10;
/// What an item that waits counts beside its bytes, so that empty ones are bounded too.
pub(super) const ITEM_OVERHEAD: usize = 32;
/// The queue of steps of moves that nothing has to follow. That of a flow is at its number and 1, of messages outside any stream at 1.
const MOVES: usize = 0;
pub(super) const OFF_STREAM: usize = 1;
/// No slot.
const NONE: u32 = u32::MAX;
/// Beyond so many slots their memory is given back when nothing waits.
const KEPT_SLOTS: usize = 10_240;

/// A head field that does not wait for its flow's messages.
#[derive(Debug)]
pub(super) enum Control {
    Open(v1::StreamOpen),
    Type(v1::TypeDef),
    State(v1::StreamState),
    Reset(v1::StreamReset),
    Move(Box<v1::Move>),
}

impl Control {
    /// About how many bytes it takes in a frame.
    pub(super) fn size(&self) -> usize {
        HEAD_ITEM
            + match self {
                Self::Open(open) => open_size(open),
                Self::Type(definition) => definition.prefix.len(),
                Self::State(state) => prost::Message::encoded_len(state),
                Self::Reset(_) => SMALL_HEAD,
                Self::Move(step) => prost::Message::encoded_len(&**step),
            }
    }

    /// Does it say where an actor is to be found, or that all has been passed on to it?
    fn follows_forwards(&self) -> bool {
        match self {
            Self::Open(_) | Self::Move(_) => true,
            Self::Reset(reset) => reset.moved.is_some(),
            Self::Type(_) | Self::State(_) => false,
        }
    }

    /// Does it say that an actor lives at the peer now? What it has sent from here must be there first.
    fn is_committed(&self) -> bool {
        matches!(self, Self::Move(step) if matches!(step.step, Some(Step::Committed(_))))
    }
}

/// About the size of a Skip or a Reset.
const SMALL_HEAD: usize = 64;

fn open_size(open: &v1::StreamOpen) -> usize {
    open.prefix.len() + open.destination.len() + open.origin.len() + 32
}

/// What waits in the queue of a flow.
#[derive(Debug)]
pub(super) enum Entry {
    Item(Waiting),
    Packed(Packing),
    Large(Box<Transfer>),
    Move(Box<v1::Move>),
    /// The asker of this seq waits no longer.
    Skip(u64),
    /// The binding ends.
    Close,
}

/// A message that leaves in a run.
#[derive(Debug)]
pub(super) struct Waiting {
    pub seq: u64,
    pub hops: u32,
    pub deadline: Option<Millis>,
    pub item: Item,
}

/// Messages of one flow and one type with nothing but a payload each, written as items of a frame.
#[derive(Debug)]
pub(super) struct Packing {
    /// Of the first.
    pub seq: u64,
    pub type_id: u32,
    /// Nodes that have passed them on.
    pub hops: u32,
    pub count: u32,
    /// About how many bytes they take in a frame.
    pub size: usize,
    pub items: BytesMut,
}

impl Entry {
    /// About how many bytes it takes in a frame; parts are counted as they leave.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Item(waiting) => HEAD_ITEM + waiting.item.body.len(),
            Self::Packed(packing) => packing.size,
            Self::Large(_) => 0,
            Self::Move(step) => HEAD_ITEM + prost::Message::encoded_len(&**step),
            Self::Skip(_) => HEAD_ITEM + SMALL_HEAD,
            Self::Close => HEAD_ITEM + 32,
        }
    }

    /// `size` of its first message alone.
    pub(super) fn first_size(&self) -> usize {
        match self {
            Self::Packed(packing) => packing.first_size(),
            _ => self.size(),
        }
    }

    /// Is it a head field, which a reader acts on before the messages of its frame?
    pub(super) fn is_head(&self) -> bool {
        matches!(self, Self::Skip(_) | Self::Close)
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Item(waiting) => waiting.item.body.len() + ITEM_OVERHEAD,
            Self::Packed(packing) => packing.bytes(),
            _ => 0,
        }
    }

    /// Does it leave in the head of a frame, now or later?
    fn is_counted_head(&self) -> bool {
        !matches!(self, Self::Item(_) | Self::Packed(_) | Self::Large(_))
    }

    fn hops(&self) -> u32 {
        match self {
            Self::Item(waiting) => waiting.hops,
            Self::Packed(packing) => packing.hops,
            Self::Large(transfer) => transfer.hops,
            _ => 0,
        }
    }
}

#[derive(Debug)]
struct Slot {
    entry: Option<Entry>,
    /// How many controls leave before it.
    behind: u64,
    /// The one behind it in its queue, or of those that are free.
    next: u32,
}

/// The queue of a flow, in the slots that all share.
#[derive(Debug)]
struct FlowQueue {
    first: u32,
    last: u32,
    /// Of its messages that leave in runs.
    bytes: usize,
    /// How many bytes it may still send in its turn.
    deficit: usize,
    in_ring: bool,
    /// Its turn has begun.
    has_turn: bool,
    /// The last frame that has messages of it.
    frame: u64,
    /// Its stream came here from another node, and is passed on.
    passed_on: bool,
}

/// A control that leaves behind all that was queued before it.
#[derive(Debug)]
struct Barrier {
    /// Its place among the controls.
    number: u64,
    /// How many entries are before it, and behind the barrier before it.
    entries: usize,
}

/// All that waits for the writer.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Each with how many messages are passed on before it.
    controls: VecDeque<(Control, u64)>,
    controls_came: u64,
    controls_left: u64,
    forwards_came: u64,
    forwards_left: u64,
    queues: Vec<FlowQueue>,
    /// The queues that have something to send; the first one has its turn.
    ring: VecDeque<u32>,
    /// Those that have to wait for the next packet.
    aside: Vec<u32>,
    slots: Vec<Slot>,
    free: u32,
    entries: usize,
    /// Those that wait; nearly always none.
    barriers: VecDeque<Barrier>,
    bytes: usize,
    /// Those of streams that are passed on: they have a bound of their own, and what this node says must not wait for them.
    relayed_bytes: usize,
    heads: usize,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            controls: VecDeque::new(),
            controls_came: 0,
            controls_left: 0,
            forwards_came: 0,
            forwards_left: 0,
            queues: Vec::new(),
            ring: VecDeque::new(),
            aside: Vec::new(),
            slots: Vec::new(),
            free: NONE,
            entries: 0,
            barriers: VecDeque::new(),
            bytes: 0,
            relayed_bytes: 0,
            heads: 0,
        }
    }
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.controls.is_empty() && self.entries == 0
    }

    /// Bytes of messages that leave in runs.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many head fields wait.
    pub(super) fn heads(&self) -> usize {
        self.controls.len() + self.heads
    }

    /// Those that are passed on.
    pub(super) fn relayed_bytes(&self) -> usize {
        self.relayed_bytes
    }

    /// Those of this node itself, and what is outside any stream.
    pub(super) fn own_bytes(&self) -> usize {
        self.bytes - self.relayed_bytes
    }

    /// Those of this node's own streams.
    pub(super) fn stream_bytes(&self) -> usize {
        self.own_bytes() - self.bytes_of(OFF_STREAM)
    }

    fn bytes_of(&self, at: usize) -> usize {
        self.queues.get(at).map_or(0, |queue| queue.bytes)
    }

    /// For how many bytes more of a stream of this node there is room. Of what is kept for those whose neighbours have filled the
    /// queue, one has to leave as much as it has.
    pub(super) fn room(&self, flow: u32) -> usize {
        let (all, own) = (self.stream_bytes(), self.bytes_of(OFF_STREAM + flow as usize));
        let kept = (MAX_QUEUED_BYTES + RESERVED_BYTES).saturating_sub(all + own) / 2;
        kept.max(MAX_QUEUED_BYTES.saturating_sub(all))
    }

    /// Does nothing of this flow wait?
    pub(super) fn is_idle(&self, flow: u32) -> bool {
        self.queues
            .get(OFF_STREAM + flow as usize)
            .is_none_or(|q| q.first == NONE)
    }

    pub(super) fn push_control(&mut self, control: Control) {
        self.controls_came += 1;
        if control.is_committed() {
            let before: usize = self.barriers.iter().map(|b| b.entries).sum();
            self.barriers.push_back(Barrier {
                number: self.controls_came,
                entries: self.entries - before,
            });
        }
        let forwards = if control.follows_forwards() {
            self.forwards_came
        } else {
            0
        };
        self.controls.push_back((control, forwards));
    }

    /// Queues a step of a move. One by which an actor's mail finds it is a control; its state takes turns with messages.
    pub(super) fn push_move(&mut self, step: v1::Move) {
        let step = Box::new(step);
        match step.step {
            Some(Step::Committed(_) | Step::Drained(_)) => self.push_control(Control::Move(step)),
            _ => self.push_at(MOVES, Entry::Move(step)),
        }
    }

    /// Queues what is of a flow, 0 = outside any stream.
    pub(super) fn push(&mut self, flow: u32, entry: Entry) {
        self.push_at(OFF_STREAM + flow as usize, entry);
    }

    /// A flow is another stream's from now on: one that is passed on, or not. Nothing of it waits.
    pub(super) fn begin(&mut self, flow: u32, passed_on: bool) {
        let at = OFF_STREAM + flow as usize;
        self.make_queue(at);
        self.queues[at].passed_on = passed_on;
    }

    fn make_queue(&mut self, at: usize) {
        if at >= self.queues.len() {
            self.queues.resize_with(at + 1, FlowQueue::new);
        }
    }

    fn push_at(&mut self, at: usize, entry: Entry) {
        self.make_queue(at);
        self.entries += 1;
        self.count_bytes(at, entry.bytes() as isize);
        self.heads += usize::from(entry.is_counted_head());
        self.forwards_came += u64::from(at == OFF_STREAM && entry.hops() > 0);
        let slot = self.slot(entry);
        let queue = &mut self.queues[at];
        match queue.first {
            NONE => queue.first = slot,
            _ => self.slots[queue.last as usize].next = slot,
        }
        queue.last = slot;
        if !queue.in_ring {
            queue.in_ring = true;
            self.ring.push_back(at as u32);
        }
    }

    /// The last entry of a queue, and how many controls leave before it.
    pub(super) fn last(&mut self, at: usize) -> Option<(&mut Entry, u64)> {
        let queue = self.queues.get(at).filter(|queue| queue.first != NONE)?;
        let slot = &mut self.slots[queue.last as usize];
        Some((slot.entry.as_mut()?, slot.behind))
    }

    pub(super) fn controls_came(&self) -> u64 {
        self.controls_came
    }

    /// How many bytes a queue may still send in its turn.
    pub(super) fn deficit(&self, at: usize) -> usize {
        self.queues[at].deficit
    }

    /// So many bytes more wait in a queue.
    pub(super) fn count_bytes(&mut self, at: usize, more: isize) {
        let queue = &mut self.queues[at];
        queue.bytes = queue.bytes.saturating_add_signed(more);
        self.bytes = self.bytes.saturating_add_signed(more);
        if queue.passed_on {
            self.relayed_bytes = self.relayed_bytes.saturating_add_signed(more);
        }
    }

    fn slot(&mut self, entry: Entry) -> u32 {
        let slot = Slot {
            entry: Some(entry),
            behind: self.controls_came,
            next: NONE,
        };
        if self.free == NONE {
            self.slots.push(slot);
            return self.slots.len() as u32 - 1;
        }
        let at = self.free;
        self.free = std::mem::replace(&mut self.slots[at as usize], slot).next;
        at
    }

    /// The first control, unless it has to wait for messages.
    pub(super) fn next_control(&self) -> Option<&Control> {
        let (control, forwards) = self.controls.front()?;
        let waits = self.barrier().is_some_and(|barrier| barrier.entries > 0);
        (!waits && *forwards <= self.forwards_left).then_some(control)
    }

    /// The first control, if it is a barrier.
    fn barrier(&self) -> Option<&Barrier> {
        let barrier = self.barriers.front()?;
        (barrier.number == self.controls_left + 1).then_some(barrier)
    }

    pub(super) fn take_control(&mut self) -> Option<Control> {
        let (control, _) = self.controls.pop_front()?;
        if self.barrier().is_some() {
            self.barriers.pop_front();
        }
        self.controls_left += 1;
        Some(control)
    }

    /// The queue whose turn it is and whose first entry it may send; `None` = none in this packet.
    pub(super) fn next_turn(&mut self) -> Option<usize> {
        while let Some(at) = self.ring.front().map(|at| *at as usize) {
            let queue = &mut self.queues[at];
            if queue.first == NONE {
                self.leave_ring(at);
                continue;
            }
            let slot = &self.slots[queue.first as usize];
            if slot.behind > self.controls_left {
                self.set_aside();
                continue;
            }
            if !queue.has_turn {
                queue.has_turn = true;
                queue.deficit += QUANTUM;
            }
            if slot.entry.as_ref().map_or(0, Entry::first_size) <= queue.deficit {
                return Some(at);
            }
            self.end_turn(at);
        }
        None
    }

    /// The queue whose turn it is has to wait for the next packet.
    pub(super) fn set_aside(&mut self) {
        self.aside.extend(self.ring.pop_front());
    }

    /// The next one has its turn.
    pub(super) fn end_turn(&mut self, at: usize) {
        self.queues[at].has_turn = false;
        self.ring.rotate_left(1);
    }

    /// The packet is made: who was set aside comes first in the next.
    pub(super) fn end_packet(&mut self) {
        while let Some(at) = self.aside.pop() {
            self.ring.push_front(at);
        }
    }

    /// Is it the only one that has something to send?
    pub(super) fn is_alone(&self) -> bool {
        self.ring.len() == 1
    }

    /// The first entry of a queue that has one.
    pub(super) fn first(&mut self, at: usize) -> &mut Entry {
        let first = self.queues[at].first;
        self.slots[first as usize].entry.as_mut().expect("it is in a queue")
    }

    /// The flow of a queue.
    pub(super) fn flow(at: usize) -> u32 {
        at.saturating_sub(OFF_STREAM) as u32
    }

    /// Does this frame have messages of the queue?
    pub(super) fn is_in(&self, at: usize, frame: u64) -> bool {
        self.queues[at].frame == frame
    }

    pub(super) fn is_in_now(&mut self, at: usize, frame: u64) {
        self.queues[at].frame = frame;
    }

    /// So many bytes of a queue's turn are used up.
    pub(super) fn charge(&mut self, at: usize, bytes: usize) {
        let queue = &mut self.queues[at];
        queue.deficit = queue.deficit.saturating_sub(bytes);
    }

    /// Takes the first entry of the queue whose turn it is.
    pub(super) fn take(&mut self, at: usize) -> Entry {
        let entry = self.unlink(at, NONE);
        self.charge(at, entry.size());
        if self.queues[at].first == NONE {
            self.leave_ring(at);
        }
        entry
    }

    fn leave_ring(&mut self, at: usize) {
        self.ring.pop_front();
        let queue = &mut self.queues[at];
        (queue.in_ring, queue.has_turn, queue.deficit) = (false, false, 0);
    }

    /// Takes the entry out that is behind this slot, `NONE` = the first.
    fn unlink(&mut self, at: usize, before: u32) -> Entry {
        let queue = &mut self.queues[at];
        let taken = match before {
            NONE => queue.first,
            _ => self.slots[before as usize].next,
        };
        let slot = &mut self.slots[taken as usize];
        let entry = slot.entry.take().expect("it is in a queue");
        let next = std::mem::replace(&mut slot.next, self.free);
        self.free = taken;
        let barrier = self.barriers.iter_mut().find(|barrier| slot.behind < barrier.number);
        barrier.into_iter().for_each(|barrier| barrier.entries -= 1);
        match before {
            NONE => queue.first = next,
            _ => self.slots[before as usize].next = next,
        }
        if queue.last == taken {
            queue.last = before;
        }
        self.count_bytes(at, -(entry.bytes() as isize));
        self.entries -= 1;
        self.heads -= usize::from(entry.is_counted_head());
        self.forwards_left += u64::from(at == OFF_STREAM && entry.hops() > 0);
        if self.entries == 0 {
            self.slots.clear();
            self.free = NONE;
            self.slots.shrink_to(KEPT_SLOTS);
        }
        entry
    }

    /// The large message of a flow leaves no more. There is one at most.
    pub(super) fn drop_large(&mut self, flow: u32) {
        let at = OFF_STREAM + flow as usize;
        let Some(queue) = self.queues.get(at) else { return };
        let (mut before, mut slot) = (NONE, queue.first);
        while slot != NONE {
            if matches!(self.slots[slot as usize].entry, Some(Entry::Large(_))) {
                self.unlink(at, before);
                return;
            }
            (before, slot) = (slot, self.slots[slot as usize].next);
        }
    }

    /// Nothing of a flow leaves any more.
    pub(super) fn drop_flow(&mut self, flow: u32) {
        while !self.is_idle(flow) {
            self.unlink(OFF_STREAM + flow as usize, NONE);
        }
    }
}

impl FlowQueue {
    fn new() -> Self {
        Self {
            first: NONE,
            last: NONE,
            bytes: 0,
            deficit: 0,
            in_ring: false,
            has_turn: false,
            frame: 0,
            passed_on: false,
        }
    }
}
