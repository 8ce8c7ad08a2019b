//! A bounded memory of what could not be handled.

use std::collections::{BTreeMap, VecDeque};

use actorbridge_proto::v1::{Code, CodeCount, Effect};
use bytes::Bytes;

/// A message that was refused, lost or not handled.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The address that it was for.
    pub target: String,
    /// Why.
    pub code: Code,
    /// Did the handler's effect happen?
    pub effect: Effect,
    /// What happened.
    pub detail: String,
    /// The complete envelope, as far as it is known here.
    pub envelope: Bytes,
}

/// The latest dead letters, and how many there were of each code.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    letters: VecDeque<DeadLetter>,
    bytes: usize,
    counts: BTreeMap<i32, u64>,
    /// Answers that came after their asker had stopped waiting.
    pub(crate) late_replies: u64,
}

const MAX_LETTERS: usize = 10_000;
const MAX_LETTER_BYTES: usize = 16 << 20;

fn size(letter: &DeadLetter) -> usize {
    letter.target.len() + letter.detail.len() + letter.envelope.len()
}

impl DeadLetters {
    pub(crate) fn push(&mut self, letter: DeadLetter) {
        *self.counts.entry(letter.code as i32).or_default() += 1;
        // A copy: a slice would keep the whole frame that it came in.
        let envelope = Bytes::copy_from_slice(&letter.envelope);
        self.bytes += size(&letter);
        self.letters.push_back(DeadLetter { envelope, ..letter });
        while self.letters.len() > MAX_LETTERS || self.bytes > MAX_LETTER_BYTES {
            self.bytes -= self.letters.pop_front().as_ref().map_or(0, size);
        }
    }

    pub(crate) fn list(&self) -> Vec<DeadLetter> {
        self.letters.iter().cloned().collect()
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let named = |(&code, &count): (&i32, &u64)| (Code::from_wire(code).as_str_name(), count);
        let mut counts: BTreeMap<_, _> = self.counts.iter().map(named).collect();
        if self.late_replies > 0 {
            counts.insert("LATE_REPLY", self.late_replies);
        }
        counts
    }
}

impl DeadLetters {
    /// How many there were of each code.
    pub(crate) fn by_code(&self) -> Vec<CodeCount> {
        let count = |(&code, &count): (&i32, &u64)| CodeCount { code, count };
        self.counts.iter().map(count).collect()
    }
}
