//! What the two sides of a ring tell each other beside its bytes, and when one of them has to be woken.
//!
//! Each of it is a Dekker: a side writes its own word, then looks at the other's. So nobody sleeps on data, on room, or on credit.
//! tests/model.rs tries these functions in every order of two threads with up to four preemptions.

use crate::sync::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, SeqCst},
};

/// What both sides know of a ring; each line is written by one side.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Control {
    tail: AtomicU64,
    _writer: [u64; 15],
    head: AtomicU64,
    _reader: [u64; 15],
    /// The reader sleeps.
    asleep: AtomicU32,
    _sleeper: [u32; 31],
    /// The writer waits for room.
    wants_room: AtomicU32,
    /// Flows on which the writer waits for credit.
    want_credit: AtomicU32,
    _waiter: [u32; 30],
}

/// The writer's side.
impl Control {
    /// Shows the reader what was written up to `tail`; `true` = it sleeps, and has to be woken.
    pub(crate) fn publish(&self, tail: u64) -> bool {
        self.tail.store(tail, SeqCst);
        self.asleep.load(SeqCst) != 0 && self.rouse()
    }

    /// Wakes a reader that sleeps, whatever there is to read; `true` = it does.
    pub(crate) fn rouse(&self) -> bool {
        self.asleep.swap(0, SeqCst) != 0
    }

    /// How far the reader has come. An `Acquire` might be read before `want_room` has been written: then nobody would tell of room.
    pub(crate) fn head(&self) -> u64 {
        self.head.load(SeqCst)
    }

    /// The reader tells when there is room. Look once more after it.
    pub(crate) fn want_room(&self) {
        self.wants_room.store(1, SeqCst);
    }

    /// How many flows wait for credit: while there are any, the reader tells of what it grants. Look once more after it.
    pub(crate) fn want_credit(&self, flows: usize) {
        self.want_credit.store(u32::try_from(flows).unwrap_or(u32::MAX), SeqCst);
    }
}

/// The reader's side.
impl Control {
    /// How far the writer has come.
    pub(crate) fn tail(&self) -> u64 {
        self.tail.load(Acquire)
    }

    /// Gives back the room up to `head`; `true` = the writer waits for it, and has to be told.
    pub(crate) fn free(&self, head: u64) -> bool {
        self.head.store(head, SeqCst);
        self.wants_room.load(SeqCst) != 0 && self.wants_room.swap(0, SeqCst) != 0
    }

    /// From now on who writes wakes the reader, who is at `head`; `false` = something waits already, and it should not sleep.
    pub(crate) fn sleep(&self, head: u64) -> bool {
        self.asleep.store(1, SeqCst);
        if self.tail.load(SeqCst) == head {
            return true;
        }
        self.asleep.store(0, SeqCst);
        false
    }

    /// Grants credit to the writer; `true` = it looks there by itself, and need not be told. One thread at a time, but a grant may come
    /// behind a newer one: neither word is lowered, or a writer that was granted more would wait for what nobody grants again.
    pub(crate) fn grant(&self, on: &Granted, processed: u64, credit: u64) -> bool {
        on.processed.store(processed.max(on.processed.load(Relaxed)), Relaxed);
        on.credit.store(credit.max(on.credit.load(Relaxed)), SeqCst);
        self.want_credit.load(SeqCst) == 0
    }
}

/// What the reader of a ring grants on a flow.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Granted {
    processed: AtomicU64,
    credit: AtomicU64,
}

impl Granted {
    /// Processed, and credit; 0 = nothing by this way.
    pub(crate) fn get(&self) -> (u64, u64) {
        (self.processed.load(Relaxed), self.credit.load(SeqCst))
    }

    /// Nothing is granted yet: the writer is about to open a flow of this number, on which nobody grants meanwhile.
    pub(crate) fn forget(&self) {
        self.processed.store(0, Relaxed);
        self.credit.store(0, SeqCst);
    }
}

/// Whether a doorbell is to be rung: once for each time that it was armed.
#[derive(Default)]
pub(crate) struct Arming {
    armed: AtomicBool,
    /// Something is in the descriptor.
    rung: AtomicBool,
}

impl Arming {
    /// From now on the next `ring` rings; look for data again after it. `drain` empties the descriptor.
    pub(crate) fn arm(&self, drain: impl FnOnce()) {
        if self.rung.swap(false, SeqCst) {
            drain();
        }
        self.armed.store(true, SeqCst);
    }

    /// There was data: nobody is going to wait.
    pub(crate) fn disarm(&self) {
        self.armed.store(false, SeqCst);
    }

    /// There is data. `write` makes the descriptor readable.
    pub(crate) fn ring(&self, write: impl FnOnce()) {
        if self.armed.swap(false, SeqCst) {
            write();
            // After the write: the other way round, an arm between the two would leave the descriptor readable for good.
            self.rung.store(true, SeqCst);
        }
    }
}
