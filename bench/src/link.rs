//! The suite `link`: the remote door between two processes, beside other actor systems and beside what it is made of.

use std::error::Error;
use std::ffi::OsStr;
use std::path::PathBuf;

use clap::Args;

use crate::figure::{Better, Figure};
use crate::process::Program;
use crate::rounds::{self, Plan, Taken, median, spread};

#[derive(Args)]
pub(crate) struct Options {
    /// Where the programs are that measure; `make bench-link-programs PROFILE=release` builds them
    #[arg(long, value_name = "FOLDER", default_value = "target/release")]
    programs: PathBuf,
}

/// Who runs a case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// This bridge, and what it is made of.
    Ours,
    ProtoActor,
    Hollywood,
}

const PROGRAMS: [(Who, &str, &[&str]); 3] = [
    (Who::Ours, "bench-link", &["bench-link-rust"]),
    (Who::ProtoActor, "bench-protoactor", &[]),
    (Who::Hollywood, "bench-hollywood", &[]),
];

/// What of a measurement is the figure.
#[derive(Clone, Copy)]
enum What {
    /// Messages a second.
    Rate,
    /// The time that this part of all messages took at most.
    Time(f64),
    /// Bytes on the wire beyond the payload.
    Overhead,
    /// Allocations of the process in Go.
    Allocations,
}

impl What {
    fn unit(self) -> &'static str {
        match self {
            Self::Rate => "msg/s",
            Self::Time(_) => "us",
            Self::Overhead => "B",
            Self::Allocations => "",
        }
    }

    fn better(self) -> Better {
        match self {
            Self::Rate => Better::Higher,
            _ => Better::Lower,
        }
    }

    /// Round by round.
    fn values(self, taken: &Taken, payload: u32) -> Vec<f64> {
        match self {
            Self::Rate => taken.ns.iter().map(|ns| 1e9 / ns).collect(),
            Self::Time(part) => taken.at_most(part),
            Self::Overhead => taken.bytes.iter().map(|b| b - f64::from(payload)).collect(),
            Self::Allocations => taken.allocs.clone(),
        }
    }
}

/// Whom a figure of ours is compared with, who measures that by which case, and what ratio is wanted; NaN = none.
struct Against(&'static str, Who, &'static str, f64);

/// A figure of ours. The goal is of the value, where it is compared with nobody.
struct Row {
    figure: &'static str,
    door: &'static str,
    payload: u32,
    measured: &'static str,
    what: What,
    against: &'static [Against],
    goal: f64,
}

const fn row(
    figure: &'static str,
    (door, payload): (&'static str, u32),
    measured: &'static str,
    what: What,
    against: &'static [Against],
) -> Row {
    Row {
        figure,
        door,
        payload,
        measured,
        what,
        against,
        goal: f64::NAN,
    }
}

use What::{Allocations, Overhead, Rate, Time};
use Who::{Hollywood, Ours, ProtoActor};

const NONE: f64 = f64::NAN;
const P50: What = Time(0.5);
const P99: What = Time(0.99);

const ROWS: &[Row] = &[
    row(
        "tell_64",
        ("tcp", 64),
        "tell_64",
        Rate,
        &[
            Against("protoactor-go", ProtoActor, "tell_64", 6.0),
            Against("hollywood", Hollywood, "tell_64", 3.5),
            Against("bare_stream", Ours, "bare_stream_64", 0.5),
            Against("bare_tcp", Ours, "bare_tcp_64", NONE),
        ],
    ),
    row(
        "tell_64_single",
        ("tcp", 64),
        "tell_64_single",
        Rate,
        &[
            Against("protoactor-go", ProtoActor, "tell_64", NONE),
            Against("hollywood", Hollywood, "tell_64", NONE),
            Against("bare_stream", Ours, "bare_stream_64_single", NONE),
        ],
    ),
    row(
        "tell_64_typed",
        ("tcp", 64),
        "tell_64_typed",
        Rate,
        &[
            Against("protoactor-go", ProtoActor, "tell_64", NONE),
            Against("hollywood", Hollywood, "tell_64", NONE),
        ],
    ),
    row(
        "tell_1024",
        ("tcp", 1024),
        "tell_1024",
        Rate,
        &[
            Against("protoactor-go", ProtoActor, "tell_1024", 2.5),
            Against("hollywood", Hollywood, "tell_1024", NONE),
            Against("bare_stream", Ours, "bare_stream_1024", 1.0),
            Against("bare_tcp", Ours, "bare_tcp_1024", NONE),
        ],
    ),
    row(
        "tell_64_to_go",
        ("tcp", 64),
        "tell_64_to_go",
        Rate,
        &[Against("protoactor-go", ProtoActor, "tell_64", 6.0)],
    ),
    row(
        "tell_1024_to_go",
        ("tcp", 1024),
        "tell_1024_to_go",
        Rate,
        &[Against("protoactor-go", ProtoActor, "tell_1024", 2.5)],
    ),
    row(
        "tell_1024_uds",
        ("uds", 1024),
        "tell_1024_uds",
        Rate,
        &[Against("bare_stream", Ours, "bare_stream_1024", 1.3)],
    ),
    row(
        "mtls_1024",
        ("tls", 1024),
        "mtls_1024",
        Rate,
        &[Against("plain", Ours, "tell_1024", 0.5)],
    ),
    row(
        "ask_p50",
        ("tcp", 64),
        "ask",
        P50,
        &[
            Against("bare_unary", Ours, "bare_unary", 0.85),
            Against("hollywood", Hollywood, "ask", 1.05),
            Against("protoactor-go", ProtoActor, "ask", NONE),
            Against("bare_tcp", Ours, "bare_tcp_ask", NONE),
        ],
    ),
    row(
        "ask_p99",
        ("tcp", 64),
        "ask",
        P99,
        &[
            Against("protoactor-go", ProtoActor, "ask", 0.85),
            Against("bare_unary", Ours, "bare_unary", NONE),
            Against("hollywood", Hollywood, "ask", NONE),
        ],
    ),
    row(
        "ask_c64",
        ("tcp", 64),
        "ask_c64",
        Rate,
        &[
            Against("bare_unary", Ours, "bare_unary_c64", 6.0),
            Against("protoactor-go", ProtoActor, "ask_c64", 3.5),
            Against("hollywood", Hollywood, "ask_c64", NONE),
        ],
    ),
    row(
        "paced_p50",
        ("tcp", 100),
        "paced",
        P50,
        &[
            Against("hollywood", Hollywood, "paced", 1.0),
            Against("protoactor-go", ProtoActor, "paced", NONE),
        ],
    ),
    row(
        "paced_p99",
        ("tcp", 100),
        "paced",
        P99,
        &[
            Against("protoactor-go", ProtoActor, "paced", 0.5),
            Against("hollywood", Hollywood, "paced", 1.0),
        ],
    ),
    row(
        "slow_neighbour",
        ("tcp", 64),
        "neighbour_64",
        Rate,
        &[Against("alone", Ours, "tell_64", 0.9)],
    ),
    row(
        "relay",
        ("tcp", 1024),
        "relay_1024",
        Rate,
        &[Against("direct", Ours, "direct_1024", 0.5)],
    ),
    Row {
        goal: 6.0,
        ..row("bytes_64", ("tcp", 64), "batches_64", Overhead, &[])
    },
    Row {
        goal: 0.1,
        ..row("allocs_send", ("tcp", 64), "batches_64", Allocations, &[])
    },
    Row {
        goal: 0.1,
        ..row("allocs_receive", ("tcp", 64), "batches_64_to_go", Allocations, &[])
    },
];

/// Measures, and says what came out: of each figure theirs first.
pub(crate) fn run(options: &Options, plan: &Plan, only: Option<&str>) -> Result<Vec<Figure>, Box<dyn Error>> {
    let wanted = ROWS.iter().filter(|r| only.is_none_or(|text| r.figure.contains(text)));
    let rows: Vec<&Row> = wanted.collect();
    if rows.is_empty() {
        let all: Vec<_> = ROWS.iter().map(|r| r.figure).collect();
        return Err(format!("no case is named like that; there are {}", all.join(", ")).into());
    }
    let mut turns: Vec<(Who, &'static str)> = Vec::new();
    for row in &rows {
        let theirs = row.against.iter().map(|a| (a.1, a.2));
        for turn in theirs.chain([(Ours, row.measured)]) {
            if !turns.contains(&turn) {
                turns.push(turn);
            }
        }
    }
    let mut programs = Vec::new();
    for (_, file, arguments) in PROGRAMS.iter().filter(|(who, ..)| turns.iter().any(|t| t.0 == *who)) {
        let arguments: Vec<_> = arguments.iter().map(|a| options.programs.join(a)).collect();
        let arguments: Vec<&OsStr> = arguments.iter().map(|a| a.as_os_str()).collect();
        programs.push(Program::start(&options.programs.join(file), &arguments)?);
    }
    let place = |who| {
        PROGRAMS
            .iter()
            .filter(|p| turns.iter().any(|t| t.0 == p.0))
            .position(|p| p.0 == who)
    };
    let cases: Vec<_> = turns
        .iter()
        .map(|(who, case)| (place(*who).unwrap_or_default(), *case))
        .collect();
    let taken = rounds::take_turns(&mut programs, &cases, plan)?;
    let of = |who, case| &taken[turns.iter().position(|t| *t == (who, case)).unwrap_or_default()];
    let mut figures = Vec::new();
    for row in rows {
        let own = of(Ours, row.measured);
        figures.extend(row.against.iter().map(|a| value(row, a.0, of(a.1, a.2))));
        if row.against.is_empty() {
            figures.push(Figure {
                goal: Some(row.goal),
                ..value(row, "ours", own)
            });
        }
        figures.extend(row.against.iter().map(|a| compared(row, a, own, of(a.1, a.2))));
    }
    Ok(figures)
}

fn value(row: &Row, side: &'static str, taken: &Taken) -> Figure {
    let values = row.what.values(taken, row.payload);
    Figure {
        side,
        door: Some(row.door),
        payload: Some(row.payload),
        unit: row.what.unit(),
        better: row.what.better(),
        value: median(&values),
        rounds: values.len(),
        spread: spread(&values),
        cpu_ns: Some(median(&taken.cpu_ns)),
        peer_cpu_ns: Some(median(&taken.peer_cpu_ns)),
        allocs: Some(median(&taken.allocs)),
        quantiles: match row.what {
            Time(_) => taken.curve(),
            _ => Vec::new(),
        },
        noisy: taken.noisy,
        ..Figure::of("link", row.figure)
    }
}

fn compared(row: &Row, against: &Against, own: &Taken, theirs: &Taken) -> Figure {
    // Round by round, since load that comes and goes is then on both sides.
    let ratio = |ours: Vec<f64>, theirs: Vec<f64>| {
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(o, t)| o / t).collect();
        median(&ratios)
    };
    let used = |t: &Taken| t.cpu_ns.iter().zip(&t.peer_cpu_ns).map(|(a, b)| a + b).collect();
    Figure {
        against: Some(against.0),
        ratio: Some(ratio(
            row.what.values(own, row.payload),
            row.what.values(theirs, row.payload),
        )),
        cpu_ratio: Some(ratio(used(own), used(theirs))),
        goal: Some(against.3).filter(|goal| !goal.is_nan()),
        ..value(row, "ours", own)
    }
}
