//! Bounded memories of what could not be handled, and of what the node has to say.

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

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something stopped working.
    Error,
    /// Something may need a look.
    Warn,
    /// The course of things.
    Info,
}

/// One line of the node's log.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// Nanoseconds since 1970.
    pub unix_nanos: u64,
    /// The actor or link that it is about.
    pub actor: String,
    /// What happened.
    pub message: String,
}

/// Lines that nobody has drained yet; the oldest go first.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    lines: VecDeque<LogLine>,
    dropped: u64,
}

const MAX_LINES: usize = 1024;
/// A longer line is cut: a panic may have a text of any size.
const MAX_LINE_BYTES: usize = 4 << 10;

impl Logs {
    pub(crate) fn push(&mut self, level: Level, actor: &str, mut message: String) {
        if message.len() > MAX_LINE_BYTES {
            let end = (0..=MAX_LINE_BYTES).rev().find(|i| message.is_char_boundary(*i));
            message.truncate(end.unwrap_or(0));
            message.push('…');
        }
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let unix_nanos = since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
        self.lines.push_back(LogLine {
            level,
            unix_nanos,
            actor: actor.to_owned(),
            message,
        });
    }

    pub(crate) fn drain(&mut self, most: usize) -> (Vec<LogLine>, u64) {
        let n = most.min(self.lines.len());
        (self.lines.drain(..n).collect(), self.dropped)
    }
}
