//! The words that two sides of a ring tell each other, in every order of two threads with up to four preemptions: loom tries them all, and
//! finds who sleeps for ever, and who reads what has not been written. The functions are those of the library.
//!
//! A peer in another language does the same with the same words; docs/C_ABI.md says how.

use loom::cell::UnsafeCell;
use loom::sync::atomic::{
    self,
    Ordering::{AcqRel, Acquire},
};
use loom::sync::{Arc, Mutex, Notify};
use loom::thread;
use std::rc::Rc; // threads of loom take turns on one

use control::{Arming, Control, Granted};
use sync::{AtomicBool, AtomicU32, Ordering};

#[allow(dead_code)] // no flow's number is given again
#[path = "../src/control.rs"]
mod control;

/// Atomics of loom, which takes `SeqCst` for less than it is, but knows fences. One before each such operation puts them into one order
/// of all threads, and leaves out what a processor does not keep either: an `Acquire` behind a `SeqCst` store may read before that has
/// written. A store is a swap, since loom keeps swaps of one word in order, and of stores between them loses track.
mod sync {
    use loom::sync::atomic;

    pub(crate) use loom::sync::atomic::Ordering;
    use loom::sync::atomic::Ordering::{AcqRel, Acquire, Release, SeqCst};

    /// The order that loom is given, behind the fence.
    fn fenced(order: Ordering, weaker: Ordering) -> Ordering {
        if order != SeqCst {
            return order;
        }
        atomic::fence(SeqCst);
        weaker
    }

    macro_rules! atomic {
        ($name:ident, $value:ty) => {
            #[derive(Default)]
            pub(crate) struct $name(atomic::$name);

            impl $name {
                pub(crate) fn load(&self, order: Ordering) -> $value {
                    self.0.load(fenced(order, Acquire))
                }

                pub(crate) fn store(&self, value: $value, order: Ordering) {
                    match order {
                        SeqCst => _ = self.0.swap(value, fenced(order, Release)),
                        order => self.0.store(value, order),
                    }
                }

                #[allow(dead_code)] // Not every type of word is swapped.
                pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                    self.0.swap(value, fenced(order, AcqRel))
                }
            }
        };
    }
    atomic!(AtomicBool, bool);
    atomic!(AtomicU32, u32);
    atomic!(AtomicU64, u64);
}

/// A ring with room for one record of 8 bytes, and what wakes its sides.
struct Ring {
    control: Control,
    granted: Granted,
    closed: AtomicU32,
    record: UnsafeCell<u64>,
    reader: Notify,
    writer: Notify,
}

const RECORD: u64 = 8;

/// Runs it in all orders that differ by at most so many changes of the thread that runs.
fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut orders = loom::model::Builder::new();
    orders.preemption_bound = Some(4);
    orders.check(run);
}

impl Ring {
    fn new() -> Rc<Self> {
        Rc::new(Self::unshared())
    }

    fn unshared() -> Self {
        Self {
            control: Control::default(),
            granted: Granted::default(),
            closed: AtomicU32::default(),
            record: UnsafeCell::new(0),
            reader: Notify::new(),
            writer: Notify::new(),
        }
    }

    /// Writes the record that ends at `tail`.
    fn write(&self, tail: u64) {
        // SAFETY: loom checks that nobody reads it meanwhile.
        self.record.with_mut(|record| unsafe { *record = tail });
        if self.control.publish(tail) {
            self.reader.notify();
        }
    }

    /// Waits for the record that begins at `head`, as a pump does, and reads it; `false` = the ring was closed.
    fn read(&self, head: u64, sleep: impl Fn(&Control, u64) -> bool) -> bool {
        while self.control.tail() == head {
            if sleep(&self.control, head) {
                if self.closed.load(Ordering::SeqCst) == 0 {
                    self.reader.wait();
                } else if self.control.tail() == head {
                    return false;
                }
            }
        }
        // SAFETY: loom checks that nobody writes it meanwhile.
        self.record
            .with(|record| assert_eq!(unsafe { *record }, head + RECORD, "what was published last"));
        if self.control.free(head + RECORD) {
            self.writer.notify();
        }
        true
    }
}

#[test]
fn a_reader_that_goes_to_sleep_is_woken_by_what_is_written() {
    model(|| {
        let ring = Ring::new();
        let writes = ring.clone();
        let writer = thread::spawn(move || writes.write(RECORD));
        assert!(ring.read(0, Control::sleep));
        writer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_reader_that_does_not_look_once_more_before_it_sleeps_is_found() {
    model(|| {
        let ring = Ring::new();
        let writes = ring.clone();
        let writer = thread::spawn(move || writes.write(RECORD));
        // It says that it sleeps, and does not look: as if its position were another one.
        let hasty = |control: &Control, _| control.sleep(0) || control.sleep(RECORD);
        ring.read(0, hasty);
        writer.join().unwrap();
    });
}

#[test]
fn a_writer_that_waits_for_room_is_told_of_it() {
    model(|| {
        let ring = Ring::new();
        let writes = ring.clone();
        let writer = thread::spawn(move || {
            writes.write(RECORD);
            let full = || writes.control.head() != RECORD;
            while full() {
                writes.control.want_room();
                if full() {
                    writes.writer.wait();
                }
            }
            writes.write(2 * RECORD);
        });
        assert!(ring.read(0, Control::sleep));
        assert!(ring.read(RECORD, Control::sleep));
        writer.join().unwrap();
    });
}

/// A thread that waits for room, and is also the one that reads what the other side says: it waits for both by the reader's word.
fn one_thread_waits_for_room(looks_for_room_last: bool) {
    model(move || {
        let (to, from) = (Ring::new(), Ring::new());
        let (writes, wakes) = (to.clone(), from.clone());
        to.control.publish(RECORD);
        let node = thread::spawn(move || {
            if writes.control.free(RECORD) && wakes.control.rouse() {
                wakes.reader.notify();
            }
        });
        let full = || to.control.head() != RECORD;
        while full() {
            to.control.want_room();
            if full() && from.control.sleep(0) && (!looks_for_room_last || full()) {
                from.reader.wait();
            }
        }
        node.join().unwrap();
    });
}

#[test]
fn a_reader_that_waits_for_room_too_is_told_of_it() {
    one_thread_waits_for_room(true);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_reader_that_does_not_look_for_room_once_it_says_that_it_sleeps_is_found() {
    one_thread_waits_for_room(false);
}

#[test]
fn a_sender_out_of_credit_finds_it_or_is_told_of_it() {
    model(|| {
        let ring = Ring::new();
        let grants = ring.clone();
        let receiver = thread::spawn(move || {
            if !grants.control.grant(&grants.granted, 1, 5) {
                grants.writer.notify();
            }
        });
        let spent = || ring.granted.get().1 < 5;
        while spent() {
            ring.control.want_credit(1);
            if spent() {
                ring.writer.wait();
            }
        }
        assert_eq!(ring.granted.get(), (1, 5));
        receiver.join().unwrap();
    });
}

#[test]
fn a_sender_out_of_credit_finds_it_also_if_an_older_grant_comes_behind() {
    model(|| {
        let ring = Ring::new();
        let lock = Rc::new(Mutex::new(())); // the link's
        let granter = |processed, credit| {
            let (ring, lock) = (ring.clone(), lock.clone());
            thread::spawn(move || {
                let _link = lock.lock().unwrap();
                if !ring.control.grant(&ring.granted, processed, credit) {
                    ring.writer.notify();
                }
            })
        };
        let granters = [granter(0, 3), granter(1, 5)];
        let spent = || ring.granted.get().1 < 5;
        while spent() {
            ring.control.want_credit(1);
            if spent() {
                ring.writer.wait();
            }
        }
        granters.into_iter().for_each(|granter| granter.join().unwrap());
        assert_eq!(ring.granted.get(), (1, 5));
    });
}

#[test]
fn a_reader_hears_that_the_ring_was_closed_after_it_has_read_all() {
    model(|| {
        let ring = Ring::new();
        let closes = ring.clone();
        let writer = thread::spawn(move || {
            closes.write(RECORD);
            closes.closed.store(1, Ordering::SeqCst);
            if closes.control.rouse() {
                closes.reader.notify();
            }
        });
        assert!(
            ring.read(0, Control::sleep),
            "what was written before the close is read"
        );
        assert!(!ring.read(RECORD, Control::sleep));
        writer.join().unwrap();
    });
}

/// A doorbell: a descriptor that is readable while something is in it; and what its watcher looks for.
#[derive(Default)]
struct Doorbell {
    arming: Arming,
    readable: AtomicBool,
    poller: Option<Notify>,
    data: AtomicBool,
    over: AtomicBool,
}

impl Doorbell {
    fn polled() -> Rc<Self> {
        Rc::new(Self {
            poller: Some(Notify::new()),
            ..Self::default()
        })
    }

    fn ring(&self) {
        self.arming.ring(|| {
            self.readable.store(true, Ordering::SeqCst);
            self.poller.iter().for_each(Notify::notify);
        });
    }

    fn arm(&self) {
        self.arming.arm(|| self.readable.store(false, Ordering::SeqCst));
    }

    fn poll(&self) {
        while !self.readable.load(Ordering::SeqCst) {
            self.poller.iter().for_each(Notify::wait);
        }
    }

    /// It does not stay readable for nothing: nobody rings any more.
    fn is_silent_once_armed(&self) {
        self.arm();
        assert!(!self.readable.load(Ordering::SeqCst));
    }

    /// Receives until the link is over, and polls while there is nothing: how many messages came.
    fn receive_all(&self) -> usize {
        let mut received = 0;
        loop {
            self.arm();
            let over = self.over.load(Ordering::SeqCst); // before what is received now, or that was not the last
            if self.data.swap(false, Ordering::SeqCst) {
                received += 1;
            } else if over {
                return received;
            } else {
                self.poll();
                thread::yield_now(); // who rang may still be about to say so, and an arm leaves it readable until then
                continue;
            }
            self.arming.disarm();
        }
    }
}

#[test]
fn a_doorbell_that_was_armed_rings_for_data_that_was_not_seen() {
    model(|| {
        let bell = Rc::new(Doorbell::default());
        let rings = bell.clone();
        let sender = thread::spawn(move || {
            rings.data.store(true, Ordering::SeqCst);
            rings.ring();
        });
        bell.arm();
        let seen = bell.data.load(Ordering::SeqCst);
        if seen {
            bell.arming.disarm();
        }
        sender.join().unwrap();
        let readable = bell.readable.load(Ordering::SeqCst);
        assert!(seen || readable, "who polls now would sleep on data");
        bell.is_silent_once_armed();
    });
}

#[test]
fn who_polls_a_doorbell_hears_that_the_link_was_closed_after_all_that_was_sent() {
    model(|| {
        let bell = Doorbell::polled();
        let rings = bell.clone();
        let closer = thread::spawn(move || {
            rings.data.store(true, Ordering::SeqCst);
            rings.ring();
            rings.over.store(true, Ordering::SeqCst);
            rings.ring();
        });
        assert_eq!(bell.receive_all(), 1, "what was sent before the close is received");
        closer.join().unwrap();
        bell.is_silent_once_armed();
    });
}

#[test]
fn a_close_beside_a_sender_is_not_lost() {
    model(|| {
        let bell = Doorbell::polled();
        let (sends, closes) = (bell.clone(), bell.clone());
        let sender = thread::spawn(move || {
            sends.data.store(true, Ordering::SeqCst);
            sends.ring();
        });
        let closer = thread::spawn(move || {
            closes.over.store(true, Ordering::SeqCst);
            closes.ring();
        });
        bell.receive_all();
        sender.join().unwrap();
        closer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_close_that_rings_before_it_says_so_is_found() {
    model(|| {
        let bell = Doorbell::polled();
        let closes = bell.clone();
        let closer = thread::spawn(move || {
            closes.ring();
            closes.over.store(true, Ordering::SeqCst);
        });
        bell.receive_all();
        closer.join().unwrap();
    });
}

/// The memory of a lane, which goes with the last who has it.
struct Memory(Ring);

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.record.with_mut(|_| ()); // loom checks that nobody reads it now, and that it was not read later
    }
}

/// What a language has of a mapped lane. Its threads count themselves, and the last one lets go; docs/C_ABI.md asks for that.
struct Mapping {
    memory: UnsafeCell<Option<Arc<Memory>>>,
    users: atomic::AtomicU32,
}

impl Mapping {
    /// A lane that a language has mapped, and the node's own hold on its memory.
    fn new() -> (Rc<Self>, Arc<Memory>) {
        let memory = Arc::new(Memory(Ring::unshared()));
        let mapping = Self {
            memory: UnsafeCell::new(Some(memory.clone())),
            users: atomic::AtomicU32::new(1),
        };
        (Rc::new(mapping), memory)
    }

    /// `false` = the memory is gone.
    fn enter(&self) -> bool {
        let more = |users| (users > 0).then_some(users + 1);
        self.users.fetch_update(AcqRel, Acquire, more).is_ok()
    }

    fn leave(&self) {
        if self.users.fetch_sub(1, AcqRel) == 1 {
            self.unmap();
        }
    }

    fn unmap(&self) {
        // SAFETY: loom checks that nobody reads by it meanwhile.
        self.memory.with_mut(|memory| drop(unsafe { (*memory).take() }));
    }

    /// What a thread of the language does with the memory.
    fn with<T>(&self, run: impl FnOnce(&Ring) -> T) -> T {
        self.memory.with(|memory| {
            // SAFETY: loom checks that nobody writes it meanwhile.
            let memory = unsafe { &*memory };
            run(&memory.as_ref().expect("it is mapped").0)
        })
    }

    /// Waits in `read` until the link is closed.
    fn receive_all(&self) {
        if !self.enter() {
            return;
        }
        self.with(|ring| {
            let mut head = 0;
            while ring.read(head, Control::sleep) {
                head += RECORD;
            }
        });
        self.leave();
    }
}

/// Ends a lane as the library does: its reader is told, and the node lets go of the memory.
fn close(memory: Arc<Memory>) {
    let ring = &memory.0;
    ring.closed.store(1, Ordering::SeqCst);
    if ring.control.rouse() {
        ring.reader.notify();
    }
}

#[test]
fn the_memory_of_a_closed_lane_goes_when_node_and_readers_have_let_go() {
    model(|| {
        let (mapping, memory) = Mapping::new();
        let reads = mapping.clone();
        let reader = thread::spawn(move || reads.receive_all());
        memory.0.write(RECORD);
        close(memory);
        mapping.leave();
        reader.join().unwrap();
        assert!(!mapping.enter(), "who comes later finds no memory");
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_language_that_unmaps_a_lane_while_it_reads_is_found() {
    model(|| {
        let (mapping, memory) = Mapping::new();
        let reads = mapping.clone();
        let reader = thread::spawn(move || reads.receive_all());
        close(memory);
        mapping.unmap();
        reader.join().unwrap();
    });
}
