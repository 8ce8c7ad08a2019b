//! Handles alone: a number finds what it was given for, and nothing after its close, whoever has the place by then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

#[allow(dead_code, unreachable_pub)]
#[path = "../src/handles.rs"]
mod handles;

use handles::Table;

const KIND: u8 = 0xA7;

#[test]
fn a_number_is_not_used_again_though_its_place_is() {
    let table = Table::new(KIND, 2);
    let first = table.open(Arc::new("first")).expect("room");
    assert_eq!(first >> 56, u64::from(KIND), "a handle is of a kind, and never 0");
    assert_eq!(table.close(first).as_deref(), Some(&"first"));
    let second = table.open(Arc::new("second")).expect("room");
    assert_eq!(second as u32 & 0xff_ffff, first as u32 & 0xff_ffff, "the same place");
    assert_ne!(second, first);
    assert_eq!((table.get(first), table.close(first)), (None, None));
    assert_eq!(table.get(second).as_deref(), Some(&"second"));
}

#[test]
fn a_full_table_opens_nothing_until_something_is_closed() {
    let table = Table::new(KIND, 2);
    let open = [(); 2].map(|()| table.open(Arc::new(1)).expect("room"));
    assert_eq!(table.open(Arc::new(2)), None);
    assert_eq!(table.all().iter().map(|(handle, _)| *handle).collect::<Vec<_>>(), open);
    table.close(open[0]).expect("it is open");
    assert!(table.open(Arc::new(3)).is_some());
}

#[test]
fn a_forged_number_finds_nothing() {
    let table = Table::new(KIND, 2);
    let handle = table.open(Arc::new(())).expect("room");
    for bit in 0..64 {
        let forged = handle ^ 1 << bit;
        assert_eq!((table.get(forged), table.close(forged)), (None, None), "bit {bit}");
    }
    assert!(table.get(0).is_none() && table.get(u64::MAX).is_none());
}

#[test]
fn what_was_found_lives_on_after_its_close_and_the_close_is_one_threads() {
    let table = Table::new(KIND, 4);
    let handle = table.open(Arc::new(AtomicBool::new(false))).expect("room");
    let closes = std::thread::scope(|threads| {
        let uses = || {
            let found = table.get(handle);
            let closed = table.close(handle);
            found.iter().for_each(|value| value.store(true, SeqCst));
            usize::from(closed.is_some())
        };
        let all = [(); 4].map(|()| threads.spawn(uses));
        all.map(|thread| thread.join().expect("no panic")).iter().sum::<usize>()
    });
    assert_eq!((closes, table.get(handle).is_none()), (1, true));
}
