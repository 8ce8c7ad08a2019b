//! Messages that were sent together, or one soon after the other, wait together, written as items of a frame.

use actorbridge_proto::Packed;
use actorbridge_proto::packed::{first_item, plain_size, put_plain_item};
use bytes::{Bytes, BytesMut};

use super::poll::HEAD_ITEM;
use super::queue::{Entry, ITEM_OVERHEAD, OFF_STREAM, Outgoing, Packing, QUANTUM};

/// The room of a flow's first block: most are idle, and one message must not take much memory.
const SMALL_BLOCK: usize = 256;
/// The room of a block where many messages follow each other.
const BLOCK: usize = 16 << 10;

impl Packing {
    /// What it counts of what may wait.
    pub(super) fn bytes(&self) -> usize {
        self.size + self.count as usize * ITEM_OVERHEAD - self.count as usize * HEAD_ITEM
    }

    /// About how many bytes its first message takes in a frame.
    pub(super) fn first_size(&self) -> usize {
        let (start, end) = first_item(&self.items, 0);
        HEAD_ITEM + end - start
    }

    /// An empty one for messages of which the first has so many bytes, behind what waits of its flow.
    fn behind(last: Option<&Packing>, seq: u64, type_id: u32, first: usize) -> Self {
        let (_, mut room) = plain_size(first);
        if let Some(last) = last {
            room = room.max((8 * last.items.capacity()).min(BLOCK)); // it waits, and so do many more
        }
        Self {
            seq,
            type_id,
            hops: 0,
            count: 0,
            size: 0,
            items: BytesMut::with_capacity(room.max(SMALL_BLOCK)),
        }
    }

    /// Those of a run whose bodies have so many bytes, to be passed on. They are copied: what waits must not keep the frame that
    /// they came in.
    pub(super) fn of(run: &Packed, (seq, type_id, hops): (u64, u32, u32), bodies: usize) -> Self {
        let mut items = BytesMut::with_capacity(run.size());
        run.pieces.iter().for_each(|piece| items.extend_from_slice(piece));
        Self {
            seq,
            type_id,
            hops,
            count: run.count as u32,
            size: bodies + run.count * HEAD_ITEM,
            items,
        }
    }

    /// Appends as many as there is room for, and not more of several than go in a turn: how many.
    fn write(&mut self, payloads: &[&[u8]]) -> usize {
        let mut written = 0;
        for payload in payloads {
            let (body, item) = plain_size(payload.len());
            let (is_full, is_long) = (
                self.items.len() + item > self.items.capacity(),
                self.count > 0 && self.size + HEAD_ITEM + body > QUANTUM,
            );
            if is_full || is_long {
                break;
            }
            put_plain_item(&mut self.items, payload);
            self.size += HEAD_ITEM + body;
            self.count += 1;
            written += 1;
        }
        written
    }

    /// Takes the first ones out, as many as go into so many bytes, and one in any case.
    fn split(&mut self, most: usize) -> Packing {
        let (mut at, mut size, mut count) = (0, 0, 0);
        while at < self.items.len() {
            let (start, end) = first_item(&self.items, at);
            let more = HEAD_ITEM + end - start;
            if count > 0 && size + more > most {
                break;
            }
            (at, size, count) = (end, size + more, count + 1);
        }
        let first = Packing {
            seq: self.seq,
            type_id: self.type_id,
            hops: self.hops,
            count,
            size,
            items: self.items.split_to(at),
        };
        (self.seq, self.count, self.size) = (self.seq + u64::from(count), self.count - count, self.size - size);
        first
    }

    pub(super) fn into_items(self) -> Bytes {
        self.items.freeze()
    }
}

impl Outgoing {
    /// Queues messages with nothing but a payload each, whose seqs begin with this one. Each is written behind the last one that waits,
    /// if that is of its kind and there is room.
    pub(super) fn push_all(&mut self, flow: u32, mut seq: u64, type_id: u32, mut payloads: &[&[u8]]) {
        let at = OFF_STREAM + flow as usize;
        while !payloads.is_empty() {
            let mut written = self.write_behind(at, type_id, payloads);
            if written == 0 {
                let last = match self.last(at) {
                    Some((Entry::Packed(last), _)) => Some(&*last),
                    _ => None,
                };
                let mut packing = Packing::behind(last, seq, type_id, payloads[0].len());
                written = packing.write(payloads);
                self.push(flow, Entry::Packed(packing));
            }
            seq += written as u64;
            payloads = &payloads[written..];
        }
    }

    fn write_behind(&mut self, at: usize, type_id: u32, payloads: &[&[u8]]) -> usize {
        let came = self.controls_came();
        let Some((Entry::Packed(last), behind)) = self.last(at) else {
            return 0;
        };
        if last.type_id != type_id || last.hops != 0 || behind != came {
            return 0;
        }
        let before = last.bytes();
        let written = last.write(payloads);
        let more = last.bytes() - before;
        self.count_bytes(at, more as isize);
        written
    }

    /// Takes messages of the queue whose turn it is out of its first entry, which is packed: the first, and those behind it that it may
    /// send in this turn and in so many bytes.
    pub(super) fn take_packed(&mut self, at: usize, most: usize) -> Option<Packing> {
        let most = most.min(self.deficit(at));
        let Entry::Packed(first) = self.first(at) else {
            return None;
        };
        if first.size > most {
            let taken = first.split(most);
            if first.count > 0 {
                self.count_bytes(at, -(taken.bytes() as isize));
                self.charge(at, taken.size);
                return Some(taken);
            }
            *first = taken;
        }
        match self.take(at) {
            Entry::Packed(all) => Some(all),
            _ => None,
        }
    }
}
