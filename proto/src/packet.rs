//! A packet: a Frame as doors carry it, with its head decoded and its messages left as slices.

use std::borrow::Cow;

use bytes::Bytes;
use prost::Message as _;

use crate::packed::{Packed, Packer};
use crate::v1;
use crate::wire::{Fields, Refusal, Value, put_bytes, put_uint, put_varint, varint_len};

/// The most messages, and the most other entries, that one frame may hold: a frame of empty entries must not make its
/// reader allocate many times its size.
pub const MAX_FRAME_ITEMS: usize = 65_536;
/// Frames above this are refused whatever the peer's limits say.
pub const MAX_FRAME_BYTES: usize = 4 << 20;

/// A Frame: its head, and its runs as slices of the frame's bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Packet {
    /// Every field but `run`, which is empty here.
    pub head: v1::Frame,
    /// The messages.
    pub runs: Vec<Run>,
}

/// Consecutive messages of one flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The binding; 0 = off-stream.
    pub flow: u32,
    /// The seq of the first item. Off-stream, of all: the epoch of the actor's stay that they follow it to, or 0.
    pub first_seq: u64,
    /// 0 = first try.
    pub attempt: u32,
    /// Nodes that have forwarded these messages.
    pub hops: u32,
    /// Messages of this flow that wait for credit at the sender.
    pub queued: u32,
    /// The messages, in order.
    pub items: Vec<Item>,
    /// The messages, instead of items.
    pub packed: Option<Box<Packed>>,
}

/// One message on one hop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// The TypeDef that holds its `what`; 0 = in the body.
    pub type_id: u32,
    /// Milliseconds left when the packet was built; 0 = no deadline.
    pub ttl_ms: u32,
    /// The item's bytes. Nobody rewrites them.
    pub body: Bytes,
}

impl Packet {
    /// Reads a frame. Items are slices of `frame`; nothing is allocated beyond what the frame's own length allows.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the frame; such a frame costs its link.
    pub fn read(frame: &Bytes, max_frame_bytes: usize) -> Result<Self, Refusal> {
        let limit = max_frame_bytes.min(MAX_FRAME_BYTES);
        if frame.len() > limit {
            return Err(Refusal::new(
                v1::Code::TooLarge,
                format!("a frame of {} bytes is over the limit of {limit}", frame.len()),
            ));
        }
        let mut head = Vec::new();
        let mut runs = Vec::new();
        let (mut entries, mut items) = (0, 0);
        let mut fields = Fields::new(frame);
        while let Some(field) = fields.next_field()? {
            entries += 1;
            if entries > MAX_FRAME_ITEMS {
                return Err(Refusal::undecodable(format!(
                    "a frame has more than {MAX_FRAME_ITEMS} entries"
                )));
            }
            match (field.number, field.value) {
                (15, Value::Bytes(run)) => {
                    let run = read_run(frame, run, MAX_FRAME_ITEMS - items)?;
                    items += run.len();
                    runs.push(run);
                }
                (15, _) => return Err(Refusal::undecodable("Frame.run is not a message")),
                (16, _) => return Err(Refusal::undecodable("Frame.crc32c was not negotiated on this link")),
                (17..=31, _) => {
                    return Err(Refusal::undecodable(format!(
                        "Frame has the unknown field {}",
                        field.number
                    )));
                }
                (3 | 4, Value::Varint(_)) | (1 | 2 | 5..=14, Value::Bytes(_)) => {
                    head.extend_from_slice(&frame[field.start..field.end]);
                }
                (1..=14, _) => {
                    return Err(Refusal::undecodable(format!(
                        "Frame's field {} has the wrong wire type",
                        field.number
                    )));
                }
                _ => {} // 32 and above: a later version's, ignored
            }
        }
        let head = v1::Frame::decode(Bytes::from(head))
            .map_err(|e| Refusal::undecodable(format!("the frame's head does not decode: {e}")))?;
        Ok(Self { head, runs })
    }

    /// Makes items of all that is packed.
    pub fn unpack(&mut self) {
        for run in &mut self.runs {
            if let Some(packed) = run.packed.take() {
                run.items = packed.items();
            }
        }
    }

    /// Appends the frame's bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.head.encode(out).expect("a Vec has room");
        for run in &self.runs {
            put_varint(out, 15 << 3 | 2);
            put_varint(out, run.encoded_len() as u64);
            run.write(out);
        }
    }

    /// The frame's bytes.
    pub fn to_bytes(&self) -> Bytes {
        let runs = self.runs.iter().map(|run| run.items_len() + MAX_RUN_HEAD);
        let mut out = Vec::with_capacity(self.head.encoded_len() + runs.sum::<usize>());
        self.write(&mut out);
        out.into()
    }
}

/// What a run takes beside its items, nearly always: where each has a type or a deadline of its own it is more.
const MAX_RUN_HEAD: usize = 64;

/// A list with one value a message, as the wire carries it: nothing if all are 0, one value if all are the same.
enum PerItem {
    None,
    All(u32),
    Each,
}

fn per_item(items: &[Item], get: impl Fn(&Item) -> u32) -> PerItem {
    match items.first().map(&get) {
        None => PerItem::None,
        Some(first) if items.iter().all(|i| get(i) == first) => match first {
            0 => PerItem::None,
            _ => PerItem::All(first),
        },
        Some(_) => PerItem::Each,
    }
}

fn put_per_item(out: &mut Vec<u8>, number: u32, items: &[Item], get: impl Fn(&Item) -> u32) {
    let mut packed = Vec::new();
    match per_item(items, &get) {
        PerItem::None => return,
        PerItem::All(value) => put_varint(&mut packed, u64::from(value)),
        PerItem::Each => items.iter().for_each(|i| put_varint(&mut packed, u64::from(get(i)))),
    }
    put_bytes(out, number, &packed);
}

impl Run {
    /// How many messages it has.
    #[allow(clippy::len_without_is_empty)] // none is empty, but what a stranger sends
    pub fn len(&self) -> usize {
        self.packed.as_ref().map_or(self.items.len(), |packed| packed.count)
    }

    /// The seq of its i-th message, from 0.
    pub fn seq(&self, i: usize) -> u64 {
        match self.flow {
            0 => self.first_seq,
            _ => self.first_seq + i as u64,
        }
    }

    /// The messages, also of one that is packed, taken out of it.
    pub fn into_items(self) -> Vec<Item> {
        match self.packed {
            Some(packed) => packed.items(),
            None => self.items,
        }
    }

    /// The messages, also of one that is packed.
    pub fn all(&self) -> Cow<'_, [Item]> {
        match &self.packed {
            Some(packed) => packed.items().into(),
            None => (&self.items).into(),
        }
    }

    fn encoded_len(&self) -> usize {
        let mut head = Vec::new();
        self.write_head(&mut head);
        head.len() + self.items_len()
    }

    fn items_len(&self) -> usize {
        let item = |i: &Item| 1 + varint_len(i.body.len() as u64) + i.body.len();
        let packed = self.packed.as_ref().map_or(0, |packed| packed.size());
        packed + self.items.iter().map(item).sum::<usize>()
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        put_uint(out, 1, u64::from(self.flow));
        put_uint(out, 2, self.first_seq);
        put_uint(out, 4, u64::from(self.attempt));
        let packed = self.packed.as_ref().map(|packed| {
            [Item {
                type_id: packed.type_id,
                ttl_ms: packed.ttl_ms,
                body: Bytes::new(),
            }]
        });
        let items = packed.as_ref().map_or(&self.items[..], |one| one); // one value is that of all
        put_per_item(out, 5, items, |i| i.ttl_ms);
        put_uint(out, 6, u64::from(self.queued));
        put_per_item(out, 7, items, |i| i.type_id);
        put_uint(out, 8, u64::from(self.hops));
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.write_head(out);
        for item in &self.items {
            put_bytes(out, 15, &item.body);
        }
        for piece in self.packed.iter().flat_map(|packed| &packed.pieces) {
            out.extend_from_slice(piece);
        }
    }
}

fn read_run(frame: &Bytes, bytes: &[u8], room: usize) -> Result<Run, Refusal> {
    let mut run = Run::default();
    let (mut ttls, mut types) = (Vec::new(), Vec::new());
    let mut packer = Packer::default();
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (1, Value::Varint(v)) => run.flow = narrow(v, "Run.flow")?,
            (2, Value::Varint(v)) => run.first_seq = v,
            (3, Value::Varint(_)) => {} // resolved: reliable modes only
            (4, Value::Varint(v)) => run.attempt = narrow(v, "Run.attempt")?,
            (5, value) => read_list(value, &mut ttls, "Run.ttl_ms")?,
            (6, Value::Varint(v)) => run.queued = narrow(v, "Run.queued")?,
            (7, value) => read_list(value, &mut types, "Run.type")?,
            (8, Value::Varint(v)) => run.hops = narrow(v, "Run.hops")?,
            (15, Value::Bytes(body)) => {
                if run.items.len().max(packer.count()) == room {
                    return Err(Refusal::undecodable(format!(
                        "a frame has more than {MAX_FRAME_ITEMS} messages"
                    )));
                }
                if packer.add(bytes, body, (field.start, field.end)) {
                    continue;
                }
                if packer.count() > 0 {
                    run.items = packer.unpack(frame, bytes);
                }
                run.items.push(Item {
                    body: frame.slice_ref(body),
                    ..Item::default()
                });
            }
            (1..=8 | 15, _) => {
                return Err(Refusal::undecodable(format!(
                    "Run.{} has the wrong wire type",
                    field.number
                )));
            }
            _ => {} // a later version's, ignored
        }
    }
    if packer.is_worth_it() && ttls.len() <= 1 && types.len() <= 1 {
        let mut packed = packer.packed(frame, bytes);
        packed.ttl_ms = ttls.first().copied().unwrap_or_default();
        packed.type_id = types.first().copied().unwrap_or_default();
        run.packed = Some(Box::new(packed));
        return Ok(run);
    }
    if packer.count() > 0 {
        run.items = packer.unpack(frame, bytes);
    }
    spread(&mut run.items, &ttls, "Run.ttl_ms", |i, v| i.ttl_ms = v)?;
    spread(&mut run.items, &types, "Run.type", |i, v| i.type_id = v)?;
    Ok(run)
}

fn narrow(value: u64, name: &str) -> Result<u32, Refusal> {
    u32::try_from(value).map_err(|_| Refusal::undecodable(format!("{name} = {value} is over 32 bits")))
}

fn read_list(value: Value<'_>, list: &mut Vec<u32>, name: &str) -> Result<(), Refusal> {
    match value {
        Value::Varint(v) => add(list, v, name)?,
        Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                let v = prost::encoding::decode_varint(&mut packed)
                    .map_err(|_| Refusal::undecodable(format!("{name} ends inside a varint")))?;
                add(list, v, name)?;
            }
        }
        _ => return Err(Refusal::undecodable(format!("{name} has the wrong wire type"))),
    }
    Ok(())
}

fn add(list: &mut Vec<u32>, value: u64, name: &str) -> Result<(), Refusal> {
    if list.len() == MAX_FRAME_ITEMS {
        return Err(Refusal::undecodable(format!(
            "{name} has more than {MAX_FRAME_ITEMS} values"
        )));
    }
    list.push(narrow(value, name)?);
    Ok(())
}

fn spread(items: &mut [Item], list: &[u32], name: &str, set: impl Fn(&mut Item, u32)) -> Result<(), Refusal> {
    match list.len() {
        0 => {}
        1 => items.iter_mut().for_each(|i| set(i, list[0])),
        n if n == items.len() => items.iter_mut().zip(list).for_each(|(i, v)| set(i, *v)),
        n => {
            return Err(Refusal::undecodable(format!(
                "{name} has {n} values for {} messages: none, one, or one each",
                items.len()
            )));
        }
    }
    Ok(())
}
