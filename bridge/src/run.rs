//! A run: tells of one stream that came together, as one piece of memory. It is put into a mailbox, handled and given back as a
//! whole, so that a message costs little more than its bytes.

use std::sync::{Arc, OnceLock};

use actorbridge_proto::packed::first_payload;
use actorbridge_proto::{What, Who};
use bytes::Bytes;

use crate::door::LaneRun;
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
    /// What the payloads are in.
    block: Bytes,
    payloads: Payloads,
    next_seq: u64,
}

/// Where the payloads of a run are that have not been taken: from where to where in its block.
#[derive(Debug, Clone)]
pub(crate) struct Payloads {
    /// Where each of them ends, one behind the other. Empty: they are there as items of a frame.
    ends: Vec<u32>,
    left: usize,
    taken: usize,
    /// Where the last one that was taken ends.
    at: u32,
}

impl Payloads {
    /// Takes them out of what came.
    pub(crate) fn take(run: &mut LaneRun) -> Self {
        Self {
            left: run.count(),
            ends: std::mem::take(&mut run.ends),
            taken: 0,
            at: 0,
        }
    }

    /// The next one in `block`.
    pub(crate) fn next(&mut self, block: &[u8]) -> Option<(u32, u32)> {
        self.left = self.left.checked_sub(1)?;
        let (start, end) = match self.ends.get(self.taken) {
            Some(end) => (self.at, *end),
            None => {
                let (start, end) = first_payload(block, self.at as usize);
                (start as u32, end as u32)
            }
        };
        self.taken += 1;
        self.at = end;
        Some((start, end))
    }
}

impl Run {
    /// A run of payloads in `block`.
    pub(crate) fn new(
        (who, what): (Arc<Who>, Arc<What>),
        (key, first_seq): (StreamKey, u64),
        (deadline, hops): (Option<Millis>, u32),
        (block, payloads): (Bytes, Payloads),
    ) -> Self {
        Self {
            who,
            what,
            key,
            deadline,
            hops,
            block,
            payloads,
            next_seq: first_seq,
        }
    }

    pub(crate) fn key(&self) -> StreamKey {
        self.key
    }

    /// The seq of the first message that has not been taken.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// How many messages have not been taken.
    pub(crate) fn len(&self) -> usize {
        self.payloads.left
    }

    /// Where the next payload begins and ends in the block.
    fn next_payload(&mut self) -> Option<(u32, u32)> {
        let payload = self.payloads.next(&self.block)?;
        self.next_seq += 1;
        Some(payload)
    }

    /// Makes `message`, which was taken from this run, the next one; `false` = there is none.
    pub(crate) fn next_into(&mut self, message: &mut Message) -> bool {
        let seq = self.next_seq();
        let Some(payload) = self.next_payload() else {
            return false;
        };
        message.payload = payload;
        message.permit = Permit::Stream { key: self.key, seq };
        true
    }
}

impl Iterator for Run {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let seq = self.next_seq();
        let payload = self.next_payload()?;
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
            permit: Permit::Stream { key: self.key, seq },
            context: Bytes::new(),
            decompressed: OnceLock::new(),
        })
    }
}
