//! Packets as C sees them: descriptors whose offsets lie in an arena. No pointers here.

use actorbridge_proto::view::EnvelopeView;
use actorbridge_proto::wire::{Fields, Value, put_bytes, put_uint};
use actorbridge_proto::{Item, Packet, Refusal, Run};
use bytes::Bytes;
use prost::Message as _;

use crate::border::Fail;
use crate::status::AB_BAD_DESCRIPTOR;
use crate::types::{AB_DESC_HOPS, AB_DESC_WHOLE, AB_KIND_HEAD, Desc, Span};

fn bad(detail: &str) -> Fail {
    Fail::new(AB_BAD_DESCRIPTOR, detail)
}

impl Span {
    /// The part of the arena; an empty span is allowed anywhere.
    fn of(self, arena: &[u8]) -> Result<&[u8], Fail> {
        let (from, len) = (self.off as usize, self.len as usize);
        if len == 0 {
            return Ok(&[]);
        }
        arena
            .get(from..)
            .and_then(|rest| rest.get(..len))
            .ok_or_else(|| bad("an offset leaves the arena; check off, len, ext_off and ext_len"))
    }
}

impl Desc {
    pub(crate) fn is_head(&self) -> bool {
        self.kind == AB_KIND_HEAD
    }

    fn payload(&self) -> Span {
        Span {
            off: self.off,
            len: self.len,
        }
    }

    fn ext(&self) -> Span {
        Span {
            off: self.ext_off,
            len: self.ext_len,
        }
    }

    /// The bytes of a head.
    pub(crate) fn head(&self, arena: &Bytes) -> Result<Bytes, Fail> {
        Ok(arena.slice_ref(self.payload().of(arena)?))
    }

    /// The most bytes that its item may take. Known before any is taken; a descriptor that leaves the arena takes none.
    pub(crate) fn size(&self, arena: &[u8]) -> usize {
        const TAGS: usize = 40;
        match (self.payload().of(arena), self.ext().of(arena)) {
            (Ok(payload), Ok(ext)) => TAGS + payload.len() + ext.len(),
            _ => 0,
        }
    }

    /// The item, as its receiver gets it.
    pub(crate) fn body(&self, arena: &Bytes) -> Result<Bytes, Fail> {
        let (payload, ext) = (self.payload().of(arena)?, self.ext().of(arena)?);
        if self.flags & !(AB_DESC_WHOLE | AB_DESC_HOPS) != 0 {
            return Err(bad("flags has bits that this version does not know"));
        }
        if self.flags & AB_DESC_WHOLE != 0 {
            return Ok(if ext.is_empty() {
                Bytes::new()
            } else {
                arena.slice_ref(ext)
            });
        }
        let mut body = Vec::with_capacity(self.size(arena));
        put_uint(&mut body, 1, u64::from(self.kind));
        put_uint(&mut body, 3, self.correlation);
        body.extend_from_slice(ext);
        if !payload.is_empty() {
            put_bytes(&mut body, 2, payload);
        }
        Ok(body.into())
    }

    /// [`Self::body`] of an arena that its caller keeps.
    pub(crate) fn body_of(&self, arena: &[u8]) -> Result<Bytes, Fail> {
        if self.flags == AB_DESC_WHOLE {
            return Ok(Bytes::copy_from_slice(self.ext().of(arena)?));
        }
        self.body(&Bytes::copy_from_slice(arena))
    }

    /// The flow, if it is one.
    pub(crate) fn flow(&self) -> Result<u32, Fail> {
        match u32::try_from(self.target) {
            Ok(flow) if self.source == 0 => Ok(flow),
            _ => Err(bad("target is a flow (32 bits), and source is 0")),
        }
    }
}

/// Adds an item to the last run, if it continues it.
pub(crate) fn add(runs: &mut Vec<Run>, desc: &Desc, flow: u32, body: Bytes) {
    let hops = u32::from(desc.flags & AB_DESC_HOPS);
    let item = Item {
        type_id: desc.r#type,
        ttl_ms: desc.ttl_ms,
        body,
    };
    if let Some(run) = runs.last_mut() {
        let same = run.flow == flow && run.attempt == desc.attempt && run.hops == hops;
        if same && run.seq(run.items.len()) == desc.seq {
            return run.items.push(item);
        }
    }
    runs.push(Run {
        flow,
        // A seq beyond any that is handed out is refused by the link, and must not overflow here.
        first_seq: desc.seq.min(u64::MAX >> 1),
        attempt: desc.attempt,
        hops,
        queued: 0,
        items: vec![item],
        packed: None,
    });
}

/// How many descriptors and arena bytes a packet takes.
pub(crate) fn room_for(packet: &Packet) -> (usize, usize) {
    let items = packet.runs.iter().flat_map(|r| &r.items);
    let (n, bytes) = items.fold((0, 0), |(n, bytes), item| (n + 1, bytes + item.body.len()));
    (n + 1, bytes + packet.head.encoded_len())
}

/// Writes a packet, for which there is room: `descs[..n]` and `arena[at..]`.
pub(crate) fn put(packet: &Packet, descs: &mut [Desc], arena: &mut [u8], mut at: usize) -> usize {
    let head = packet.head.encode_to_vec();
    arena[at..][..head.len()].copy_from_slice(&head);
    let (first, rest) = descs.split_first_mut().expect("there is room for the head");
    *first = Desc {
        kind: AB_KIND_HEAD,
        off: at as u32,
        len: head.len() as u32,
        ..Desc::default()
    };
    at += head.len();
    let runs = packet.runs.iter();
    let items = runs.flat_map(|run| run.items.iter().enumerate().map(move |(i, item)| (run, i, item)));
    for (desc, (run, i, item)) in rest.iter_mut().zip(items) {
        arena[at..][..item.body.len()].copy_from_slice(&item.body);
        *desc = Desc {
            target: u64::from(run.flow),
            seq: run.seq(i),
            r#type: item.type_id,
            ttl_ms: item.ttl_ms,
            attempt: run.attempt,
            flags: AB_DESC_WHOLE | run.hops.min(u32::from(AB_DESC_HOPS)) as u16,
            ..whole(&item.body, at)
        };
        at += item.body.len();
    }
    at
}

/// A descriptor of an item that lies in the arena as it is.
fn whole(body: &[u8], at: usize) -> Desc {
    let view = EnvelopeView::read_body(body, 0).unwrap_or_default();
    let payload = match view.payload {
        [] => Span::default(),
        payload => Span {
            off: (at + payload.as_ptr().addr() - body.as_ptr().addr()) as u32,
            len: payload.len() as u32,
        },
    };
    Desc {
        correlation: view.correlation,
        // Kinds above 16 bits are a later version's: ext has them.
        kind: u16::try_from(view.kind)
            .ok()
            .filter(|k| *k != AB_KIND_HEAD)
            .unwrap_or(0),
        off: payload.off,
        len: payload.len,
        ext_off: at as u32,
        ext_len: body.len() as u32,
        flags: AB_DESC_WHOLE,
        ..Desc::default()
    }
}

/// Takes an envelope apart into an arena of its own size or less: kind, correlation and payload in the descriptor, all
/// other fields in ext. An envelope that would not come out again byte for byte is left whole.
pub(crate) fn split(envelope: &[u8]) -> Result<(Desc, Vec<u8>), Refusal> {
    let view = EnvelopeView::read(envelope)?;
    let mut ext = Vec::with_capacity(envelope.len());
    let mut fields = Fields::new(envelope);
    while let Some(field) = fields.next_field()? {
        let in_descriptor = matches!(
            (field.number, field.value),
            (1 | 3, Value::Varint(_)) | (2, Value::Bytes(_))
        );
        if !in_descriptor {
            ext.extend_from_slice(&envelope[field.start..field.end]);
        }
    }
    let (off, ext_len) = (ext.len() as u32, ext.len() as u32);
    ext.extend_from_slice(view.payload);
    let desc = Desc {
        kind: u16::try_from(view.kind)
            .ok()
            .filter(|k| *k != AB_KIND_HEAD)
            .unwrap_or(0),
        correlation: view.correlation,
        off,
        len: view.payload.len() as u32,
        ext_len,
        ..Desc::default()
    };
    let arena = Bytes::from(ext);
    match desc.body(&arena) {
        Ok(again) if again == envelope => Ok((desc, arena.into())),
        _ => Ok((whole(envelope, 0), envelope.to_vec())),
    }
}
