//! Ask slots: each ask has exactly one outcome, and a late answer matches nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Millis;

const SLOT_BITS: u32 = 20;
const GENERATIONS: u64 = 1 << (64 - SLOT_BITS);
/// Among how many numbers the first generation of an incarnation is: more make each ask longer.
const FIRST_GENERATIONS: u64 = 1 << 28;

/// Most asks that one node may wait for at once.
pub const MAX_ASKS: usize = 1 << SLOT_BITS;

struct Slot<T> {
    generation: u64,
    waiter: Option<T>,
}

/// The asks of one node's incarnation. `T` is what the shell needs to hand over an answer.
///
/// A correlation is `slot | generation << 20`. The generation rises each time a slot is used, so that an answer to an
/// earlier ask never reaches a later one, and begins with a number of the incarnation's own, so that an answer to an ask of an
/// earlier incarnation of the node does not either.
pub struct Asks<T> {
    first: u64,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    deadlines: BinaryHeap<Reverse<(Millis, u64)>>,
    begun: u64,
}

impl<T> Default for Asks<T> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<T> Asks<T> {
    /// For a node of this incarnation, a random number.
    pub fn new(incarnation: u64) -> Self {
        Self {
            first: incarnation % FIRST_GENERATIONS,
            slots: Vec::new(),
            free: Vec::new(),
            deadlines: BinaryHeap::new(),
            begun: 0,
        }
    }

    /// Takes a slot; its correlation is never 0. Gives `waiter` back if all slots are taken.
    ///
    /// # Errors
    /// The waiter, when a million asks are waiting.
    pub fn begin(&mut self, deadline: Millis, waiter: T) -> Result<u64, T> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() < MAX_ASKS => {
                self.slots.push(Slot {
                    generation: self.first,
                    waiter: None,
                });
                (self.slots.len() - 1) as u32
            }
            None => return Err(waiter),
        };
        let entry = &mut self.slots[slot as usize];
        // 0 is left out, so that no correlation is 0.
        entry.generation = (entry.generation + 1) % GENERATIONS;
        entry.generation += u64::from(entry.generation == 0);
        entry.waiter = Some(waiter);
        self.begun += 1;
        let correlation = u64::from(slot) | entry.generation << SLOT_BITS;
        self.forget_ended();
        self.deadlines.push(Reverse((deadline, correlation)));
        Ok(correlation)
    }

    /// Drops the deadlines of asks that have ended once they outnumber those that wait, so that the heap stays bounded
    /// however long the deadlines are.
    fn forget_ended(&mut self) {
        if self.deadlines.len() > 2 * self.waiting() + 1_024 {
            let slots = &self.slots;
            self.deadlines.retain(|Reverse((_, correlation))| {
                let slot = &slots[(correlation & (MAX_ASKS as u64 - 1)) as usize];
                slot.generation == correlation >> SLOT_BITS && slot.waiter.is_some()
            });
        }
    }

    /// Ends an ask and gives its waiter, or `None` if it has ended before.
    pub fn end(&mut self, correlation: u64) -> Option<T> {
        let slot = correlation as u32 & (MAX_ASKS as u32 - 1);
        let entry = self.slots.get_mut(slot as usize)?;
        if entry.generation != correlation >> SLOT_BITS {
            return None;
        }
        let waiter = entry.waiter.take()?;
        self.free.push(slot);
        Some(waiter)
    }

    /// The waiter of an ask that has not ended.
    pub fn get_mut(&mut self, correlation: u64) -> Option<&mut T> {
        let entry = self
            .slots
            .get_mut((correlation as u32 & (MAX_ASKS as u32 - 1)) as usize)?;
        if entry.generation == correlation >> SLOT_BITS {
            entry.waiter.as_mut()
        } else {
            None
        }
    }

    /// Ends the asks whose deadline has passed, earliest first.
    pub fn expire(&mut self, now: Millis) -> Vec<(u64, T)> {
        let mut ended = Vec::new();
        while let Some(Reverse((deadline, correlation))) = self.deadlines.peek().copied() {
            if deadline > now {
                break;
            }
            self.deadlines.pop();
            ended.extend(self.end(correlation).map(|w| (correlation, w)));
        }
        ended
    }

    /// Ends the asks that `which` picks, in slot order.
    pub fn end_where(&mut self, which: impl Fn(&T) -> bool) -> Vec<(u64, T)> {
        let picked: Vec<u64> = (0_u64..)
            .zip(&self.slots)
            .filter(|(_, s)| s.waiter.as_ref().is_some_and(&which))
            .map(|(slot, s)| slot | s.generation << SLOT_BITS)
            .collect();
        picked.into_iter().filter_map(|c| self.end(c).map(|w| (c, w))).collect()
    }

    /// Asks that have ended since the start.
    pub fn ended(&self) -> u64 {
        self.begun - self.waiting() as u64
    }

    /// The waiters of the asks that wait, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.waiter.as_ref())
    }

    /// Asks that wait.
    pub fn waiting(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
