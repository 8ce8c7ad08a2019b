//! A run: tells of one stream that came together, as one piece of memory. It is put into a mailbox, handled and given back as a
//! whole, so that a message costs little more than its bytes.

use std::sync::{Arc, OnceLock};

use actorbridge_proto::{What, Who};
use bytes::Bytes;

use crate::machine::Millis;
use crate::machine::pool::StreamKey;
use crate::message::{Message, Permit};

/// Consecutive tells of one stream, of one type, each with nothing in its body but a payload.
#[derive(Debug)]
pub(crate) struct Run {
    who: Arc<Who>,
    what: Arc<What>,
    key: StreamKey,
    deadline: Option<Millis>,
    hops: u32,
    /// The payloads, one behind the other.
    block: Bytes,
    /// Where each of them ends in `block`.
    ends: Vec<u32>,
    first_seq: u64,
    /// How many have been taken.
    taken: usize,
}

impl Run {
    /// A run of the payloads that end in `block` where `ends` says, which rise.
    pub(crate) fn new(
        (who, what): (Arc<Who>, Arc<What>),
        (key, first_seq): (StreamKey, u64),
        (deadline, hops): (Option<Millis>, u32),
        (block, ends): (Bytes, Vec<u32>),
    ) -> Self {
        Self {
            who,
            what,
            key,
            deadline,
            hops,
            block,
            ends,
            first_seq,
            taken: 0,
        }
    }

    pub(crate) fn key(&self) -> StreamKey {
        self.key
    }

    /// The seq of the first message that has not been taken.
    pub(crate) fn next_seq(&self) -> u64 {
        self.first_seq + self.taken as u64
    }

    /// How many messages have not been taken.
    pub(crate) fn len(&self) -> usize {
        self.ends.len() - self.taken
    }

    /// Where the next payload begins and ends in the block.
    fn next_payload(&mut self) -> Option<(u32, u32)> {
        let end = *self.ends.get(self.taken)?;
        let start = match self.taken {
            0 => 0,
            taken => self.ends[taken - 1],
        };
        self.taken += 1;
        Some((start, end))
    }

    /// Makes `message`, which was taken from this run, the next one; `false` = there is none.
    pub(crate) fn next_into(&mut self, message: &mut Message) -> bool {
        let (link, flow) = self.key;
        let seq = self.next_seq();
        let Some(payload) = self.next_payload() else {
            return false;
        };
        message.payload = payload;
        message.permit = Permit::Stream { link, flow, seq };
        true
    }
}

impl Iterator for Run {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let seq = self.next_seq();
        let payload = self.next_payload()?;
        let (link, flow) = self.key;
        Some(Message {
            who: self.who.clone(),
            what: self.what.clone(),
            bytes: self.block.clone(),
            payload,
            plain: true,
            traced: false,
            asks: 0,
            correlation: 0,
            deadline: self.deadline,
            hops: self.hops,
            permit: Permit::Stream { link, flow, seq },
            context: Bytes::new(),
            decompressed: OnceLock::new(),
        })
    }
}
