//! Random calls of every export with random arguments, from a fixed seed: each answers with a status that is one, never with
//! AB_PANIC, and writes to no memory but what it was given.
//!
//! `ACTORBRIDGE_RANDOM_CALLS=1000000000 ACTORBRIDGE_RANDOM_SEED=7` makes a longer run, and other calls.
//!
//! `arguments`: what is random. `cases`: one for each function of the header. `rings`: random records in a mapped lane.

#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod cases;
mod rings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use actorbridge_ffi::ab_link_close;
use actorbridge_ffi::ab_node_close;
use actorbridge_ffi::status::*;
use arguments::{Memory, Random};
use cases::{CASES, World};
use common::*;

actorbridge_ffi::module! {
    name: "rust",
    actors: {},
}

const CALLS: u64 = 50_000;

/// The tests take turns: a handle that one of them makes up may be another's link.
fn my_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The functions that a header declares: what is before a parenthesis, outside comments.
fn functions(header: &str) -> BTreeSet<&str> {
    let code = header
        .split("/*")
        .map(|part| part.split_once("*/").map_or("", |(_, code)| code));
    let names = code.flat_map(|code| {
        code.split('(')
            .filter_map(|before| before.split([' ', '*', '\n']).next_back())
    });
    names.filter(|name| name.starts_with("ab_")).collect()
}

#[test]
fn every_function_of_the_header_is_called_with_random_arguments() {
    let declared = functions(include_str!("../../include/actorbridge.h"));
    assert!(declared.contains("ab_link_send"), "{declared:?}");
    let called: BTreeSet<_> = CASES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(
        called, declared,
        "a function of the header has no case in ffi/tests/random/cases.rs, or the other way round"
    );
}

#[test]
fn random_calls_get_a_status_that_is_one_and_leave_the_library_working() {
    let _turn = my_turn();
    let mut random = Random(setting("ACTORBRIDGE_RANDOM_SEED", 1));
    let mut memory = Memory::new();
    let node = open_node();
    let mut world = World::new(node);
    let mut seen = BTreeMap::new();
    for n in 0..setting("ACTORBRIDGE_RANDOM_CALLS", CALLS) {
        let (called, status) = world.call(&mut random, &mut memory);
        *seen.entry((called, name(status))).or_insert(0_u64) += 1;
        assert!(
            status != AB_PANIC && name(status) != "AB_UNKNOWN_STATUS",
            "call {n}, of {called}, gave {status}"
        );
        assert!(
            memory.is_whole(),
            "call {n}, of {called}, wrote behind what it was given"
        );
        // A link that was ended is opened anew, and each has a while to live.
        if n % 64 == 0 || status <= AB_LINK_DOWN {
            world.open_link_anew();
        }
    }
    println!("{seen:#?}");
    let statuses: BTreeSet<_> = seen.keys().map(|(_, status)| *status).collect();
    for status in [
        "AB_OK",
        "AB_CLOSED",
        "AB_NULL_POINTER",
        "AB_BAD_ARGUMENT",
        "AB_BAD_DESCRIPTOR",
        "AB_NO_CREDIT",
        "AB_PROTOCOL",
    ] {
        assert!(statuses.contains(status), "{status} is not among {statuses:?}");
    }
    for (function, ..) in CASES {
        assert!(
            seen.keys().any(|(called, _)| called == function),
            "{function} was not called"
        );
    }
    assert_eq!(ab_link_close(world.link), AB_OK);
    let link = linked(node);
    let batch = Batch::default().opening("ab://rust/system", "actorbridge.v1.FindRequest");
    batch.item(1, 1, 5, b"").send(link);
    // Answers to what was asked on earlier links come by this one too: the same node asked.
    while answers_in(&next(link)).iter().all(|(correlation, _)| *correlation != 5) {}
    assert_eq!(ab_node_close(node), AB_OK);
    until_threads_have_ended();
}
