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

/// A case of ours: what it is compared with, and the ratio that is wanted, also of the processor's time; NaN = none.
struct Ours {
    case: &'static str,
    against: &'static str,
    goal: f64,
    cpu_goal: f64,
}

/// What is measured beside a case of theirs, and compared with nothing.
const BESIDE: &[(&str, &str)] = &[
    ("go_chan_ask_64", "go_chan_reused_64"),
    ("go_chan_ask_1024", "go_chan_reused_1024"),
];

const fn ours(case: &'static str, against: &'static str, goal: f64) -> Ours {
    Ours {
        case,
        against,
        goal,
        cpu_goal: f64::NAN,
    }
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
    ours("ask_inline_typed", "wazero_protobuf", f64::NAN),
    Ours {
        cpu_goal: 1.3,
        ..ours("ask_async_c64", "go_chan_ask_64", 1.0)
    },
    ours("ask_async_seq", "go_chan_ask_64", 5.0),
];
/// Memory of an idle actor, in bytes, and how much is wanted at most. Each round is a process of its own.
const IDLE: &[(&str, f64)] = &[
    ("idle_bytes_go", 3_072.0),
    ("idle_bytes_go_parked", 700.0),
    ("idle_bytes_rust", 400.0),
];
/// Go's heap allocations a message, the case that makes them, and how many are wanted at most. What the process does beside, such as
/// the driver's own messages, is in them: a twentieth counts as none.
const ALLOCS: &[(&str, &str, f64)] = &[
    ("allocs_tell", "tell_single", 0.05),
    ("allocs_ask", "ask_async_seq", 1.05),
];
const THEIRS: &[&str] = &[
    "go_chan_tell",
    "go_chan_ask_64",
    "go_chan_ask_1024",
    "cgo_by_hand_protobuf",
    "wazero_protobuf",
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
/// Measures, and says what came out: theirs first.
pub(crate) fn run(options: &Options, plan: &Plan, only: Option<&str>) -> Result<Vec<Figure>, Box<dyn Error>> {
    let is_wanted = |case: &str| only.is_none_or(|text| case.contains(text));
    let mut figures = compared(options, plan, is_wanted)?;
    for idle in IDLE.iter().filter(|(case, _)| is_wanted(case)) {
        figures.push(memory(options, plan, idle)?);
    }
    for scale in SCALE.iter().filter(|s| is_wanted(s.0)) {
        figures.push(scaled(options, plan, scale)?);
    }
    if figures.is_empty() {
        let ours = OURS.iter().map(|o| o.case).chain(ALLOCS.iter().map(|a| a.0));
        let all: Vec<_> = ours
            .chain(IDLE.iter().map(|i| i.0))
            .chain(SCALE.iter().map(|s| s.0))
            .collect();
        return Err(format!("no case is named like that; there are {}", all.join(", ")).into());
    }
    Ok(figures)
}

/// The cases of one process that take turns.
fn compared(options: &Options, plan: &Plan, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Figure>, Box<dyn Error>> {
    let wanted: Vec<&Ours> = OURS.iter().filter(|o| is_wanted(o.case)).collect();
    let counted: Vec<_> = ALLOCS.iter().filter(|a| is_wanted(a.0)).collect();
    let theirs = THEIRS.iter().filter(|t| wanted.iter().any(|o| o.against == **t));
    let theirs: Vec<&'static str> = theirs
        .flat_map(|t| std::iter::once(*t).chain(BESIDE.iter().filter(|b| b.0 == *t).map(|b| b.1)))
        .collect();
    let mut cases = theirs.clone();
    for case in wanted.iter().map(|o| o.case).chain(counted.iter().map(|a| a.1)) {
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let mut program = [Program::start(&options.program, &[])?];
    let turns: Vec<_> = cases.iter().map(|case| (0, *case)).collect();
    let taken = rounds::take_turns(&mut program, &turns, plan)?;
    let of = |case: &str| &taken[cases.iter().position(|c| *c == case).unwrap_or_default()];
    let theirs = theirs.iter().map(|case| figure(case, None, of(case)));
    let ours = wanted
        .iter()
        .map(|o| figure(o.case, Some((*o, of(o.against))), of(o.case)));
    let allocs = counted.iter().map(|(case, measured, goal)| Figure {
        side: "ours",
        unit: "",
        value: median(&of(measured).allocs),
        rounds: of(measured).allocs.len(),
        spread: spread(&of(measured).allocs),
        goal: Some(*goal),
        ..empty(case)
    });
    Ok(theirs.chain(ours).chain(allocs).collect())
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
    let goal = ours(case, "1,000 actors", *goal);
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
        cpu_goal: own.map(|(o, _)| o.cpu_goal).filter(|goal| !goal.is_nan()),
        ..empty(case)
    }
}
