//! The suite `ffi`: the native door beside what a Go team uses today.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;

use crate::figure::{Better, Figure};
use crate::process::Program;
use crate::rounds::{self, Plan, Taken, median, spread};

#[derive(Args)]
pub(crate) struct Options {
    /// The program that measures; `make bench-programs PROFILE=release` builds it
    #[arg(long, value_name = "FILE", default_value = "target/release/bench-ffi")]
    program: PathBuf,
    /// How many actors are made for the memory of one
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    actors: u64,
}

/// A case of ours: what it is compared with, and the ratio that is wanted; NaN = none.
struct Ours {
    case: &'static str,
    against: &'static str,
    goal: f64,
}

/// What is measured beside a case of theirs, and compared with nothing.
const BESIDE: &[(&str, &str)] = &[
    ("go_chan_ask_64", "go_chan_reused_64"),
    ("go_chan_ask_1024", "go_chan_reused_1024"),
];

const fn ours(case: &'static str, against: &'static str, goal: f64) -> Ours {
    Ours { case, against, goal }
}

const OURS: &[Ours] = &[
    ours("tell_batch64", "go_chan_tell", 0.25),
    ours("tell_single", "go_chan_tell", 0.5),
    ours("tell_typed_single", "go_chan_tell", f64::NAN),
    ours("tell_to_go", "go_chan_tell", 0.5),
    ours("tell_to_go_single", "go_chan_tell", 1.0),
    ours("tell_to_go_typed_single", "go_chan_tell", f64::NAN),
    ours("ask_inline_64", "go_chan_ask_64", 0.2),
    ours("ask_inline_1024", "go_chan_ask_1024", 0.12),
    ours("ask_inline_typed", "cgo_by_hand_protobuf", 0.7),
    ours("ask_async_c64", "go_chan_ask_64", 1.0),
    ours("ask_async_seq", "go_chan_ask_64", 5.0),
];
/// Memory of an idle actor, in bytes, and how much is wanted at most. Each round is a process of its own.
const IDLE: &[(&str, f64)] = &[("idle_bytes_go", 3_072.0), ("idle_bytes_rust", 400.0)];
const THEIRS: &[&str] = &[
    "go_chan_tell",
    "go_chan_ask_64",
    "go_chan_ask_1024",
    "cgo_by_hand_protobuf",
    WAZERO,
];
/// Cases whose cost a message is compared: to many actors, and to 1,000; and the ratio that is wanted.
const SCALE: &[(&str, &str, [&str; 2], f64)] = &[
    (
        "scale_to_rust",
        "scale_actors_rust",
        ["scale_to_rust_1000", "scale_to_rust_100000"],
        1.5,
    ),
    (
        "scale_to_go",
        "scale_actors_go",
        ["scale_to_go_1000", "scale_to_go_100000"],
        4.0,
    ),
];
/// It does what `ask_inline_typed` and cgo by hand do.
const WAZERO: &str = "wazero_protobuf";

/// Measures, and says what came out: theirs first.
pub(crate) fn run(options: &Options, plan: &Plan, only: Option<&str>) -> Result<Vec<Figure>, Box<dyn Error>> {
    let wanted: Vec<&Ours> = OURS
        .iter()
        .filter(|o| only.is_none_or(|text| o.case.contains(text)))
        .collect();
    let inline_too = wanted.iter().any(|o| o.case == "ask_inline_typed");
    let theirs = THEIRS
        .iter()
        .filter(|t| wanted.iter().any(|o| o.against == **t) || **t == WAZERO && inline_too);
    let theirs = theirs.flat_map(|t| {
        let beside = BESIDE.iter().filter(|b| b.0 == *t).map(|b| b.1);
        [*t].into_iter().chain(beside)
    });
    let cases: Vec<&'static str> = theirs.chain(wanted.iter().map(|o| o.case)).collect();
    let idle = IDLE
        .iter()
        .filter(|(case, _)| only.is_none_or(|text| case.contains(text)));
    let mut figures = idle
        .map(|idle| memory(options, plan, idle))
        .collect::<Result<Vec<_>, _>>()?;
    for scale in SCALE.iter().filter(|s| only.is_none_or(|text| s.0.contains(text))) {
        figures.push(scaled(options, plan, scale)?);
    }
    if wanted.is_empty() && figures.is_empty() {
        let ours = OURS.iter().map(|o| o.case);
        let all: Vec<_> = ours
            .chain(IDLE.iter().map(|i| i.0))
            .chain(SCALE.iter().map(|s| s.0))
            .collect();
        return Err(format!("no case is named like that; there are {}", all.join(", ")).into());
    }
    if wanted.is_empty() {
        return Ok(figures);
    }
    let mut program = [Program::start(&options.program, &[])?];
    let turns: Vec<_> = cases.iter().map(|case| (0, *case)).collect();
    let taken = rounds::take_turns(&mut program, &turns, plan)?;
    let of = |case: &str| &taken[cases.iter().position(|c| *c == case).unwrap_or_default()];
    let figure = |case: &'static str| {
        let own = wanted.iter().find(|o| o.case == case);
        figure(case, own.map(|o| (*o, of(o.against))), of(case))
    };
    figures.splice(0..0, cases.iter().map(|case| figure(case)));
    Ok(figures)
}

/// The memory of one idle actor.
fn memory(options: &Options, plan: &Plan, (case, goal): &(&'static str, f64)) -> Result<Figure, Box<dyn Error>> {
    let mut bytes = Vec::new();
    for round in 1..=plan.rounds {
        rounds::progress(&format!("round {round} of {}: {case}", plan.rounds));
        let measured = Program::start(&options.program, &[])?.measure(case, options.actors)?;
        bytes.push(measured.bytes / options.actors as f64);
    }
    rounds::progress("");
    Ok(Figure {
        unit: "B",
        side: "ours",
        value: median(&bytes),
        rounds: bytes.len(),
        spread: spread(&bytes),
        goal: Some(*goal),
        ..empty(case)
    })
}

/// What a message costs where there are many actors, against few.
fn scaled(
    options: &Options,
    plan: &Plan,
    (case, make, [few, many], goal): &(&'static str, &str, [&str; 2], f64),
) -> Result<Figure, Box<dyn Error>> {
    let mut program = [Program::start(&options.program, &[])?];
    rounds::progress(&format!("making actors: {case}"));
    program[0].measure(make, options.actors)?;
    let taken = rounds::take_turns(&mut program, &[(0, few), (0, many)], plan)?;
    let [few, many] = [&taken[0], &taken[1]];
    let goal = Ours {
        case,
        against: "1,000 actors",
        goal: *goal,
    };
    Ok(figure(case, Some((&goal, few)), many))
}

fn empty(case: &'static str) -> Figure {
    Figure {
        side: "theirs",
        unit: "ns",
        better: Better::Lower,
        ..Figure::of("ffi", case)
    }
}

fn figure(case: &'static str, own: Option<(&Ours, &Taken)>, taken: &Taken) -> Figure {
    // Round by round, since load that comes and goes is then on both sides.
    let ratio = |ours: &[f64], theirs: &[f64]| {
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(o, t)| o / t).collect();
        median(&ratios)
    };
    Figure {
        side: if own.is_some() { "ours" } else { "theirs" },
        value: median(&taken.ns),
        rounds: taken.ns.len(),
        spread: spread(&taken.ns),
        cpu_ns: Some(median(&taken.cpu_ns)),
        allocs: Some(median(&taken.allocs)),
        noisy: taken.noisy,
        against: own.map(|(o, _)| o.against),
        ratio: own.map(|(_, theirs)| ratio(&taken.ns, &theirs.ns)),
        cpu_ratio: own.map(|(_, theirs)| ratio(&taken.cpu_ns, &theirs.cpu_ns)),
        goal: own.map(|(o, _)| o.goal).filter(|goal| !goal.is_nan()),
        ..empty(case)
    }
}
