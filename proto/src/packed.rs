//! Messages that have nothing but a payload each may stay as they are in a frame: while they wait to be sent, so that to send them is
//! to copy bytes, and once they have come, so that they cost no memory of their own.

use bytes::{BufMut, Bytes};

use crate::Item;
use crate::view::plain_payload;
use crate::wire::varint_len;

/// How many messages are not worth being packed.
const FEW: usize = 4;
/// What an item of a run begins with, and what a body does that has nothing but a payload.
const ITEM: u8 = 15 << 3 | 2;
const PLAIN: u8 = 2 << 3 | 2;

/// Messages of one type and one deadline as the items of a run, each with nothing but a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    /// As in [`Item`].
    pub type_id: u32,
    /// As in [`Item`].
    pub ttl_ms: u32,
    /// How many there are.
    pub count: usize,
    /// How many bytes the longest payload has, of those that have come.
    pub longest: usize,
    /// The items, in pieces; of those that have come, one.
    pub pieces: Vec<Bytes>,
}

impl Packed {
    /// The bytes of all.
    pub fn size(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// How many bytes their bodies have in all, and the longest one.
    pub fn bodies(&self) -> (usize, usize) {
        let (mut all, mut longest) = (0, 0);
        for piece in &self.pieces {
            let mut at = 0;
            while at < piece.len() {
                let (start, end) = first_item(piece, at);
                (at, all, longest) = (end, all + end - start, longest.max(end - start));
            }
        }
        (all, longest)
    }

    /// The same as items.
    pub fn items(&self) -> Vec<Item> {
        let mut items = Vec::with_capacity(self.count);
        for piece in &self.pieces {
            let mut at = 0;
            while at < piece.len() {
                let (start, end) = first_item(piece, at);
                items.push(Item {
                    type_id: self.type_id,
                    ttl_ms: self.ttl_ms,
                    body: piece.slice(start..end),
                });
                at = end;
            }
        }
        items
    }
}

/// How many bytes a body has that is nothing but a payload of so many bytes, and its item.
pub fn plain_size(payload: usize) -> (usize, usize) {
    let body = match payload {
        0 => 0,
        _ => 1 + varint_len(payload as u64) + payload,
    };
    (body, 1 + varint_len(body as u64) + body)
}

/// Appends a message with nothing but a payload, as an item of a run.
pub fn put_plain_item(out: &mut impl BufMut, payload: &[u8]) {
    let (body, _) = plain_size(payload.len());
    out.put_u8(ITEM);
    put_len(out, body);
    if body > 0 {
        out.put_u8(PLAIN);
        put_len(out, payload.len());
        out.put_slice(payload);
    }
}

fn put_len(out: &mut impl BufMut, mut len: usize) {
    while len >= 0x80 {
        out.put_u8(len as u8 | 0x80);
        len >>= 7;
    }
    out.put_u8(len as u8);
}

/// Where the body of the item that begins at `at` is.
///
/// # Panics
/// If there is none.
pub fn first_item(items: &[u8], at: usize) -> (usize, usize) {
    let (len, start) = len_at(items, at + 1);
    (start, start + len)
}

/// Where the payload of the packed message that begins at `at` is; the next one begins at its end.
///
/// # Panics
/// If there is none.
pub fn first_payload(items: &[u8], at: usize) -> (usize, usize) {
    let (body, end) = first_item(items, at);
    match body == end {
        true => (body, end),
        false => (len_at(items, body + 1).1, end),
    }
}

/// The length that is written here, and where it ends.
fn len_at(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut len, mut shift) = (0, 0);
    loop {
        let byte = bytes[at];
        len |= usize::from(byte & 0x7f) << shift;
        (at, shift) = (at + 1, shift + 7);
        if byte < 0x80 {
            return (len, at);
        }
    }
}

/// Packs the items of a run that is read, as long as all can be.
#[derive(Default)]
pub(crate) struct Packer {
    count: usize,
    longest: usize,
    start: usize,
    end: usize,
    failed: bool,
}

impl Packer {
    /// Is told of the next item, which is here in the run; `false`: it is not packed, nor is what follows.
    pub(crate) fn add(&mut self, run: &[u8], body: &[u8], (start, end): (usize, usize)) -> bool {
        if self.count == 0 {
            (self.start, self.end) = (start, start);
        }
        // Both tags in one byte: who reads it again relies on that.
        let usual = run[start] == ITEM && body.first() == Some(&PLAIN) && start == self.end;
        let Some(payload) = plain_payload(body).filter(|_| usual && !self.failed) else {
            self.failed = true;
            return false;
        };
        self.count += 1;
        self.longest = self.longest.max(payload.len());
        self.end = end;
        true
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The items that were packed, which are not any more.
    pub(crate) fn unpack(&mut self, frame: &Bytes, run: &[u8]) -> Vec<Item> {
        self.failed = true;
        let items = self.packed(frame, run).items();
        self.count = 0;
        items
    }

    /// What was packed, with the type and the deadline of all.
    pub(crate) fn packed(&self, frame: &Bytes, run: &[u8]) -> Packed {
        Packed {
            count: self.count,
            longest: self.longest,
            pieces: vec![frame.slice_ref(&run[self.start..self.end])],
            ..Packed::default()
        }
    }

    /// Do they stay packed, if they are alike?
    pub(crate) fn is_worth_it(&self) -> bool {
        !self.failed && self.count >= FEW
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Fields, Value};

    #[test]
    fn what_is_packed_is_read_again_whatever_its_length() {
        for len in [0, 1, 126, 127, 128, 300, 16_383, 16_384, 70_000] {
            let payload = vec![7; len];
            let mut items = Vec::new();
            put_plain_item(&mut items, b"before");
            let at = items.len();
            put_plain_item(&mut items, &payload);
            let (body, item) = plain_size(len);
            assert_eq!(
                (at + item, first_item(&items, at).1),
                (items.len(), items.len()),
                "{len}"
            );
            let (start, end) = first_item(&items, at);
            assert_eq!(end - start, body, "{len}");
            assert_eq!(first_payload(&items, at), (end - len, end), "{len}");
            let mut fields = Fields::new(&items[at..]);
            match fields.next_field() {
                Ok(Some(field)) => assert_eq!((field.number, field.value), (15, Value::Bytes(&items[start..end]))),
                _ => panic!("{len}: it is no field"),
            }
        }
    }
}
