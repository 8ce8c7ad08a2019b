//! Who judges, by the letters of the fault matrix: E, an effect at most once, and never of a message that was refused; O, the order of
//! each session; C, each message ends handled, refused or told; K, work goes on once nothing happens any more. And memory is bounded.

use actorbridge::machine::link::{MAX_QUEUED_BYTES, RESERVED_BYTES};
use actorbridge::machine::pool::INITIAL_CREDIT;

use crate::sender::{Fate, Message, Odd};
use crate::world::World;

impl World {
    /// The actor handles a message (E, O).
    pub(crate) fn handled(&mut self, number: usize) {
        let message = &mut self.messages[number];
        message.handled += 1;
        let (stream, sender, handled) = (message.stream, message.sender, message.handled);
        let not = message.fate == Fate::Refused || message.letter;
        if handled > 1 {
            self.fail(format!("message {number} was handled twice"));
        }
        if not {
            self.fail(format!(
                "message {number} was handled, and its sender was told that it was not"
            ));
        }
        let later = |m: &Message| m.stream == stream && m.handled > 0;
        if self.messages[number + 1..].iter().any(later) {
            self.fail(format!("message {number} was handled after a later one of its stream"));
        }
        let is_blocked = |s: usize| self.senders[s].blocked[0] > self.now;
        if !is_blocked(sender) && (0..self.senders.len()).any(is_blocked) {
            self.meanwhile += 1;
        }
    }

    /// What waits anywhere is within the bounds of who holds it.
    pub(crate) fn bounded(&mut self) {
        let receiver = &self.receiver;
        let (used, waiting) = (receiver.pool.used(), receiver.waiting());
        let most = u64::from(receiver.capacity) + INITIAL_CREDIT * receiver.opened;
        let most = most.min(receiver.pool.most());
        if used > most {
            self.fail(format!("the actor holds {used} messages; at most {most}"));
        }
        if used != waiting as u64 {
            self.fail(format!("the pool counts {used} messages, and {waiting} wait"));
        }
        for c in self.open_conns() {
            let bytes = self.conns[c].ends[0].queued_bytes();
            if bytes > MAX_QUEUED_BYTES + RESERVED_BYTES {
                self.fail(format!("{bytes} bytes wait for the writer"));
            }
        }
    }

    /// At rest, each message is accounted for (C).
    pub(crate) fn settled(&mut self) {
        let waiting = self.receiver.waiting();
        if waiting > 0 {
            self.fail(format!("{waiting} messages wait for ever"));
        }
        for s in 0..self.senders.len() {
            let (asks, name) = (self.senders[s].asks.waiting(), self.senders[s].name.clone());
            let unheard = self.conns[self.senders[s].conn].ends[0].unknown();
            if asks > 0 {
                self.fail(format!("{asks} asks of {name} wait for ever"));
            }
            if !unheard.is_empty() {
                self.fail(format!(
                    "{name} does not know that these came (stream, first, last): {unheard:?}"
                ));
            }
        }
        for number in 0..self.messages.len() {
            let m = &self.messages[number];
            if m.fate != Fate::Sent {
                continue;
            }
            let place = format!("{number} (seq {}, link {} of {})", m.seq, m.conn, self.conns.len());
            if m.is_ask {
                self.fail(format!("ask {place} has no outcome"));
            } else if m.handled == 0 && !m.letter && !m.died {
                self.fail(format!("tell {place} was lost, and nobody was told"));
            } else if m.letter && m.conn == self.senders[m.sender].conn {
                self.fail(format!("tell {place} was refused, and its sender was not told"));
            }
        }
    }

    /// At rest, each stream takes a message of each kind, and they are handled (K).
    pub(crate) fn goes_on(&mut self) {
        let mut sent = Vec::new();
        for s in 0..self.senders.len() {
            for (stream, is_ask) in [(0, false), (0, true), (1, false), (1, true), (2, false), (2, true)] {
                let deadline = is_ask.then_some(self.now + 10_000);
                let Some(number) = self.send_new(s, stream, is_ask, Odd::Nothing, deadline) else {
                    return self.fail(format!("a stream of {} takes nothing any more", self.senders[s].name));
                };
                sent.push(number);
                self.rest(300);
            }
        }
        for number in sent {
            let m = &self.messages[number];
            if m.handled != 1 || m.is_ask && m.fate != Fate::Replied {
                let times = m.handled;
                self.fail(format!(
                    "message {number}, of a time in which nothing happens, was handled {times} times"
                ));
            }
        }
    }
}
