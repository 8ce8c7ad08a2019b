//! The Rust tally against the results recorded from the Go one.

use std::path::Path;

use handover_rust::flights::{Departure, Report};
use handover_rust::tally::{MAX_CARRIERS, Refusal, Tally};
use prost::Message;

fn decode<M: Message + Default>(hex: &str) -> M {
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex"))
        .collect();
    M::decode(bytes.as_slice()).expect("a message")
}

#[test]
fn the_rust_tally_gives_the_recorded_results_of_the_go_tally() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/tally.txt");
    let text = std::fs::read_to_string(path).expect("the recorded results");
    let mut tally = Tally::new("go");
    let mut states = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (what, value) = line.split_once(' ').expect("a word and a value");
        match what {
            "add" => tally.add(&decode::<Departure>(value)).expect("counted"),
            "state" => {
                states += 1;
                assert_eq!(tally.snapshot(), decode::<Report>(value), "state {states}");
            }
            "move" => tally = Tally::restore(tally.snapshot(), value).expect("its own state"),
            "page" => assert_eq!(tally.page(None), decode::<Report>(value)),
            other => panic!("unknown word {other}"),
        }
    }
    assert!(states >= 3, "the file holds {states} states");
}

#[test]
fn pages_together_hold_every_carrier_once_and_a_carrier_too_many_is_refused() {
    let mut tally = Tally::new("rust");
    for n in 0..MAX_CARRIERS {
        let departure = Departure {
            row: n as u64 + 1,
            carrier: format!("{n:05}"),
            ..Departure::default()
        };
        tally.add(&departure).expect("counted");
    }
    let one_more = Departure {
        carrier: "one more".into(),
        ..Departure::default()
    };
    assert_eq!(tally.add(&one_more), Err(Refusal::TooManyCarriers));

    let mut names: Vec<String> = Vec::new();
    loop {
        let page = tally.page(names.last().map(String::as_str));
        assert!(page.encoded_len() < 64 << 10, "a page fits in one message");
        names.extend(page.carriers.into_iter().map(|c| c.carrier));
        if !page.more {
            break;
        }
    }
    assert_eq!(names, (0..MAX_CARRIERS).map(|n| format!("{n:05}")).collect::<Vec<_>>());
}

#[test]
fn a_state_of_another_shape_is_refused() {
    let mut state = Tally::new("go").snapshot();
    state.carriers.push(handover_rust::flights::Carrier::default());
    assert_eq!(Tally::restore(state, "rust").err(), Some(Refusal::ForeignState));
}
