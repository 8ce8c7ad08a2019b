//! What a node has to say: events of `tracing` for a program that has a subscriber, and a bounded memory for one that drains it.
//!
//! Lines say what happened to which actor or link. What messages say is in none, but for the texts of panics.

use std::collections::VecDeque;

use tracing::event;

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
    /// What happened.
    pub message: String,
    /// The actor, or the address that the node listens at, that it is about; may be empty.
    pub actor: String,
    /// The node at the other end of the link that it is about; may be empty.
    pub peer: String,
    /// The number of that link, counted in this node; 0 = none.
    pub link: u64,
    /// A code or status of docs/ERRORS.md, or a reason of docs/METRICS.md; may be empty.
    pub code: String,
}

/// What a line is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) actor: &'a str,
    pub(crate) peer: &'a str,
    pub(crate) link: u64,
    pub(crate) code: &'a str,
}

impl<'a> About<'a> {
    pub(crate) fn actor(actor: &'a str) -> Self {
        Self {
            actor,
            ..Self::default()
        }
    }
}

impl LogLine {
    /// A line of now.
    pub(crate) fn new(level: Level, about: About<'_>, mut message: String) -> Self {
        if message.len() > MAX_LINE_BYTES {
            let end = (0..=MAX_LINE_BYTES).rev().find(|i| message.is_char_boundary(*i));
            message.truncate(end.unwrap_or(0));
            message.push('…');
        }
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            level,
            unix_nanos: since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
            message,
            actor: about.actor.to_owned(),
            peer: about.peer.to_owned(),
            link: about.link,
            code: about.code.to_owned(),
        }
    }

    /// Tells the program's subscriber, if it has one.
    pub(crate) fn emit(&self, node: &str) {
        let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let (actor, peer, code) = (given(&self.actor), given(&self.peer), given(&self.code));
        let link = Some(self.link).filter(|link| *link != 0);
        macro_rules! emit {
            ($level:ident) => {
                event!(target: "actorbridge", tracing::Level::$level, node, actor, peer, link, code, "{}", self.message)
            };
        }
        match self.level {
            Level::Error => emit!(ERROR),
            Level::Warn => emit!(WARN),
            Level::Info => emit!(INFO),
        }
    }
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
    pub(crate) fn push(&mut self, line: LogLine) {
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
    }

    pub(crate) fn drain(&mut self, most: usize) -> (Vec<LogLine>, u64) {
        let n = most.min(self.lines.len());
        (self.lines.drain(..n).collect(), self.dropped)
    }
}
