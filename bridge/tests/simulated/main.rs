//! Nodes that send to one actor, over links to which things happen, in a time of its own: the same seed is the same walk. The shells
//! are models: an actor that handles what comes, one after the other, and senders that note what they are told of each message.
//! Go's machines walk the same in `go-client/internal/machine/lossy_test.go`.
//!
//! - [`world`]: the clock, and what happens when.
//! - [`wire`]: what lies between the nodes.
//! - [`sender`], [`receiver`]: the nodes.
//! - [`troubles`]: what happens to them, by the rows of the fault matrix.
//! - [`oracles`]: who judges.
//!
//! `LOSSY_SEEDS=2000 cargo test -p actorbridge --test simulated` walks more seeds; what fails says how to walk its seed alone.

mod oracles;
mod random;
mod receiver;
mod sender;
mod troubles;
mod wire;
mod world;

use troubles::{TROUBLES, Trouble};
use world::{Mutant, Seen, World};

/// How many steps a walk has, of 20 ms on average.
const STEPS: usize = 500;

/// The walks of each kind of trouble: so many, as LOSSY_SEEDS says, or that of LOSSY_SEED alone.
fn seeds(without: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect(name));
    match number("LOSSY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LOSSY_SEEDS").unwrap_or(without),
    }
}

fn named(name: &str) -> &'static Trouble {
    TROUBLES.iter().find(|t| t.name == name).expect("it is in the table")
}

/// Three of all, by the seed.
fn many(mut seed: u64) -> Vec<&'static Trouble> {
    let all = TROUBLES.len() as u64;
    let three = (0..3).map(|_| {
        let trouble = &TROUBLES[(seed % all) as usize];
        seed = seed / all + 7 * seed + 5;
        trouble
    });
    three.collect()
}

/// Walks each seed; panics with how to walk a bad one alone.
fn walk_all(test: &str, troubles: impl Fn(u64) -> Vec<&'static Trouble>) -> (Seen, u64) {
    let (mut seen, mut walked) = (Seen::default(), 0);
    for seed in seeds(15) {
        let world = World::walk(seed, STEPS, troubles(seed), Mutant::default());
        if let Some(wrong) = world.wrong {
            panic!("seed {seed}: {wrong}\nalone: LOSSY_SEED={seed} cargo test -p actorbridge --test simulated {test}");
        }
        seen.add(&world.seen);
        walked += 1;
    }
    (seen, walked)
}

fn walk_trouble(name: &str) {
    let trouble = named(name);
    let (seen, walked) = walk_all(&format!("whatever_happens::{name}"), |_| vec![trouble]);
    let row = trouble.row;
    assert!(walked < 2 || (trouble.shows)(&seen), "row {row} is not tried: {seen:?}");
    assert!(!trouble.stays_up || seen.lost == 0, "{} links were lost", seen.lost);
}

/// A test for each trouble, so that it can be run alone.
macro_rules! each_is_handled_once_or_told {
    ($($name:ident)*) => {
        const WALKED: &[&str] = &[$(stringify!($name)),*];

        /// Each message is handled once, or its sender is told that nobody knows.
        mod whatever_happens {
            $(
                #[test]
                fn $name() {
                    super::walk_trouble(stringify!($name));
                }
            )*
        }
    };
}

each_is_handled_once_or_told! {
    drop no_acks repeat swap delay partition one_way clogged late slow reset slow_close receiver_restarts sender_restarts
    slow_consumer unknown
}

#[test]
fn each_trouble_is_walked() {
    let names: Vec<_> = TROUBLES.iter().map(|t| t.name).collect();
    assert_eq!(names, WALKED);
}

#[test]
fn without_trouble_no_link_is_lost() {
    let (seen, _) = walk_all("without_trouble", |_| Vec::new());
    assert!(seen.lost == 0 && seen.handled > 0, "{seen:?}");
}

#[test]
fn each_message_is_handled_once_or_told_whatever_happens_at_once() {
    walk_all("whatever_happens_at_once", many);
}

#[test]
fn what_a_node_must_not_do_is_found() {
    let mutants = [
        (
            "reads frames out of order",
            Mutant {
                trusting: true,
                ..Mutant::default()
            },
        ),
        (
            "says of each ask that it was not handled",
            Mutant {
                certain: true,
                ..Mutant::default()
            },
        ),
        (
            "does not say what may be lost",
            Mutant {
                silent: true,
                ..Mutant::default()
            },
        ),
        (
            "sends again what may have come",
            Mutant {
                eager: true,
                ..Mutant::default()
            },
        ),
    ];
    for (what, mutant) in mutants {
        let walks = (0..15).flat_map(|seed| [(seed, "swap"), (seed, "reset")]);
        let wrong = |(seed, name)| World::walk(seed, STEPS, vec![named(name)], mutant).wrong;
        assert!(walks.filter_map(wrong).next().is_some(), "who {what} is not found");
    }
}

#[test]
fn a_seed_is_the_same_walk_each_time() {
    let walk = || {
        let world = World::walk(3, STEPS, many(3), Mutant::default());
        format!(
            "{} ms, {} messages, {:?}, {:?}",
            world.now,
            world.messages.len(),
            world.seen,
            world.wrong
        )
    };
    assert_eq!(walk(), walk());
}
