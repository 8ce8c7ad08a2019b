//! The suite `door`: what a codec costs through a door, beside what it costs alone.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;

use crate::figure::{Better, Figure};
use crate::process::Program;
use crate::rounds::{self, Plan, Taken, median, spread};

#[derive(Args)]
pub(crate) struct Options {
    /// Where the programs are that measure; `make bench-door-programs PROFILE=release` builds them
    #[arg(long, value_name = "FOLDER", default_value = "target/release")]
    programs: PathBuf,
    /// The flights
    #[arg(
        long,
        value_name = "FILE",
        default_value = "examples/handover/data/flights-2013-01.csv.gz"
    )]
    data: PathBuf,
}

/// The programs, by their numbers here: each door's, and those that measure codecs alone.
const NATIVE: usize = 0;
const REMOTE: usize = 1;
const GO: usize = 2;
const RUST: usize = 3;

/// The codecs, and before each the bytes that it makes of a message, which nobody encodes or decodes. The first is shown as raw.
const CODECS: [&str; 3] = ["protobuf", "msgpack", "json"];
const SHOWN: [&str; 4] = ["raw", "protobuf", "msgpack", "json"];
/// More CPU time than the codecs' own is lost in the door; so much is noise.
const GOAL: f64 = 1.05;

/// A door with a way to send and a message, and what that costs there in codecs alone.
struct Row {
    case: &'static str,
    cost: &'static str,
    /// The figures of asks, of which half, all but one of a hundred, and all but one of a thousand, took no longer.
    p50: &'static str,
    p99: &'static str,
    p999: &'static str,
    program: usize,
    door: &'static str,
    mode: &'static str,
    message: &'static str,
    /// Bytes of the message in protobuf.
    payload: u32,
    codecs: &'static [(usize, &'static str)],
}

/// Go encodes what it tells, Rust decodes it; what is asked comes back the same way.
const TELL: &[(usize, &str)] = &[(GO, "encode"), (RUST, "decode")];
const ASK: &[(usize, &str)] = &[(GO, "encode"), (RUST, "decode"), (RUST, "encode"), (GO, "decode")];
/// Without a door, both are in Go.
const TELL_IN_GO: &[(usize, &str)] = &[(GO, "encode"), (GO, "decode")];
const ASK_IN_GO: &[(usize, &str)] = &[(GO, "encode"), (GO, "decode"), (GO, "encode"), (GO, "decode")];

macro_rules! row {
    ($program:expr, $door:literal, $mode:literal, $codecs:expr, $end:literal, $message:literal, $payload:literal) => {
        Row {
            case: concat!($mode, "_", $door, $end),
            cost: concat!($mode, "_", $door, $end, "_cost"),
            p50: concat!($mode, "_", $door, $end, "_p50"),
            p99: concat!($mode, "_", $door, $end, "_p99"),
            p999: concat!($mode, "_", $door, $end, "_p999"),
            program: $program,
            door: $door,
            mode: $mode,
            message: $message,
            payload: $payload,
            codecs: $codecs,
        }
    };
}

/// Each message of a door, told and asked: a flight, and batches of 12 and 184. The flight is also asked 64 at once, and at a fixed rate.
macro_rules! rows {
    ($program:expr, $door:literal, $tell:expr, $ask:expr) => {
        [
            row!($program, $door, "tell", $tell, "", "flight", 87),
            row!($program, $door, "tell", $tell, "_1k", "1k", 1_068),
            row!($program, $door, "tell", $tell, "_16k", "16k", 16_376),
            row!($program, $door, "ask", $ask, "", "flight", 87),
            row!($program, $door, "ask", $ask, "_1k", "1k", 1_068),
            row!($program, $door, "ask", $ask, "_16k", "16k", 16_376),
            row!($program, $door, "ask64", $ask, "", "flight", 87),
            row!($program, $door, "paced", $ask, "", "flight", 87),
        ]
    };
}

const ROWS: [[Row; 8]; 5] = [
    rows!(NATIVE, "memory", TELL_IN_GO, ASK_IN_GO),
    rows!(NATIVE, "native", TELL, ASK),
    rows!(REMOTE, "unix", TELL, ASK),
    rows!(REMOTE, "tcp", TELL, ASK),
    rows!(REMOTE, "tls", TELL, ASK),
];

/// Bytes that are told 64 at a time, by their door.
const BATCHES: [(&str, &str); 5] = [
    ("memory", "batch_memory"),
    ("native", "batch_native"),
    ("unix", "batch_unix"),
    ("tcp", "batch_tcp"),
    ("tls", "batch_tls"),
];

/// What was measured, by program and case.
struct All {
    turns: Vec<(usize, String)>,
    taken: Vec<Taken>,
}

impl All {
    fn of(&self, program: usize, case: &str) -> &Taken {
        let at = self.turns.iter().position(|(p, name)| *p == program && name == case);
        &self.taken[at.unwrap_or_default()]
    }

    fn through(&self, row: &Row, codec: &str) -> &Taken {
        self.of(row.program, &through(row, codec))
    }

    /// What a message takes in codecs alone, round by round, in ns.
    fn alone(&self, row: &Row, codec: &str) -> Vec<f64> {
        let of = |(program, what): &(usize, &str)| &self.of(*program, &alone(row, codec, what)).cpu_ns;
        let steps: Vec<&Vec<f64>> = row.codecs.iter().map(of).collect();
        let rounds = steps.first().map_or(0, |s| s.len());
        (0..rounds).map(|round| steps.iter().map(|s| s[round]).sum()).collect()
    }
}

/// The case of a program that goes through the door, and of one that is a codec's alone.
fn through(row: &Row, codec: &str) -> String {
    match codec {
        "raw" => bytes_of(row, CODECS[0]),
        _ => format!("door_{}_{}_{}_{codec}", row.mode, row.door, row.message),
    }
}

/// The case of the bytes that a codec makes of the message.
fn bytes_of(row: &Row, codec: &str) -> String {
    format!("door_{}_{}_{}_raw_{codec}", row.mode, row.door, row.message)
}

/// The case of the same bytes, told many at a time; of those that are told there is one for the flight.
fn batched(row: &Row) -> Option<String> {
    let told = row.mode == "tell" && row.message == "flight";
    told.then(|| format!("door_batch_{}_{}_raw_{}", row.door, row.message, CODECS[0]))
}

fn alone(row: &Row, codec: &str, what: &str) -> String {
    format!("{codec}/{}/{what}", row.message)
}

/// Measures, and says what came out.
pub(crate) fn run(options: &Options, plan: &Plan, only: Option<&str>) -> Result<Vec<Figure>, Box<dyn Error>> {
    let rows: Vec<&Row> = ROWS
        .iter()
        .flatten()
        .filter(|r| only.is_none_or(|o| r.cost.contains(o)))
        .collect();
    if rows.is_empty() {
        let all: Vec<&str> = ROWS.iter().flatten().map(|r| r.case).collect();
        return Err(format!("no case is named like that; there are {}", all.join(", ")).into());
    }
    let file = |name: &str| options.programs.join(name);
    let (receiver, data) = (file("bench-link-rust"), options.data.as_os_str());
    let mut programs = [
        Program::start(&file("bench-ffi"), &[])?,
        Program::start(&file("bench-link"), &[receiver.as_os_str()])?,
        Program::start(&file("bench-codec-go"), &[data])?,
        Program::start(&file("bench-codec-rust"), &[data])?,
    ];
    let turns = turns(&rows);
    let cases: Vec<_> = turns.iter().map(|(program, case)| (*program, case.as_str())).collect();
    let taken = rounds::take_turns(&mut programs, &cases, plan)?;
    let all = All { turns, taken };
    let figures = rows
        .iter()
        .flat_map(|row| [rates(&all, row), batches(&all, row), times(&all, row), costs(&all, row)].concat());
    Ok(figures.collect())
}

/// Each case once, the codecs of a row one after the other, so that a round has them in the same weather.
fn turns(rows: &[&Row]) -> Vec<(usize, String)> {
    let mut turns = Vec::new();
    for row in rows {
        turns.extend(batched(row).map(|case| (row.program, case)));
        for codec in CODECS {
            turns.push((row.program, bytes_of(row, codec)));
            turns.push((row.program, through(row, codec)));
            for (program, what) in row.codecs {
                let turn = (*program, alone(row, codec, what));
                if !turns.contains(&turn) {
                    turns.push(turn);
                }
            }
        }
    }
    turns
}

/// Messages a second in each codec, beside the same bytes without one.
fn rates(all: &All, row: &Row) -> Vec<Figure> {
    if row.mode == "paced" {
        return Vec::new(); // it is what was asked for
    }
    let raw = rate(all.through(row, "raw"));
    let figure = |codec: &'static str| {
        let taken = all.through(row, codec);
        let rates = rate(taken);
        let compared = codec != "raw";
        Figure {
            side: codec,
            unit: "msg/s",
            better: Better::Higher,
            value: median(&rates),
            spread: spread(&rates),
            against: compared.then_some("raw"),
            ratio: compared.then(|| median_ratio(&rates, &raw)),
            cpu_ratio: compared.then(|| median_ratio(&used(taken), &used(all.through(row, "raw")))),
            ..described(row.case, row, codec, taken)
        }
    };
    SHOWN.map(figure).into()
}

fn rate(taken: &Taken) -> Vec<f64> {
    taken.ns.iter().map(|ns| 1e9 / ns).collect()
}

/// Messages a second of bytes that are told many at a time, beside those told one by one.
fn batches(all: &All, row: &Row) -> Vec<Figure> {
    let name = BATCHES.iter().find(|(door, _)| *door == row.door);
    let (Some(case), Some((_, name))) = (batched(row), name) else {
        return Vec::new();
    };
    let (together, single) = (all.of(row.program, &case), all.through(row, "raw"));
    let (rates, one_by_one) = (rate(together), rate(single));
    vec![Figure {
        side: "raw",
        unit: "msg/s",
        better: Better::Higher,
        value: median(&rates),
        spread: spread(&rates),
        against: Some("one by one"),
        ratio: Some(median_ratio(&rates, &one_by_one)),
        cpu_ratio: Some(median_ratio(&used(together), &used(single))),
        ..described(name, row, "raw", together)
    }]
}

/// How long half of the asks took at most, and all but one of a hundred or a thousand, beside the same bytes without a codec.
fn times(all: &All, row: &Row) -> Vec<Figure> {
    if !matches!(row.mode, "ask" | "paced") {
        return Vec::new();
    }
    let of = |case: &'static str, part: f64| {
        SHOWN.map(|codec| {
            let taken = all.through(row, codec);
            let (ours, raw) = (taken.at_most(part), all.through(row, "raw").at_most(part));
            let compared = codec != "raw";
            Figure {
                side: codec,
                unit: "us",
                better: Better::Lower,
                value: median(&ours),
                spread: spread(&ours),
                against: compared.then_some("raw"),
                ratio: compared.then(|| median_ratio(&ours, &raw)),
                // The curve has both parts in it.
                quantiles: if case == row.p50 { taken.curve() } else { Vec::new() },
                ..described(case, row, codec, taken)
            }
        })
    };
    [of(row.p50, 0.5), of(row.p99, 0.99), of(row.p999, 0.999)].concat()
}

/// What a message costs, beside what the same bytes do without their codec and what the codec takes alone: of tells the CPU time of
/// both sides; of asks, which are made one after the other, their time, since who waits for the other side's codec looks for the
/// answer meanwhile, and its CPU time would have that codec in it twice. Of asks at a fixed rate it says nothing: they wait.
fn costs(all: &All, row: &Row) -> Vec<Figure> {
    if row.mode == "paced" {
        return Vec::new();
    }
    let figure = |codec: &'static str| {
        let taken = all.through(row, codec);
        let spent = |taken: &Taken| match row.mode {
            "ask" => taken.ns.clone(),
            _ => used(taken),
        };
        let (used_by, bytes) = (spent(taken), spent(all.of(row.program, &bytes_of(row, codec))));
        let alone = all.alone(row, codec);
        let expected: Vec<f64> = bytes.iter().zip(alone).map(|(b, a)| b + a).collect();
        Figure {
            side: codec,
            unit: "ns",
            better: Better::Lower,
            value: median(&used_by),
            spread: spread(&used_by),
            against: Some("its bytes + codec alone"),
            ratio: Some(median_ratio(&used_by, &expected)),
            goal: Some(GOAL),
            ..described(row.cost, row, codec, taken)
        }
    };
    CODECS.map(figure).into()
}

fn described(case: &'static str, row: &Row, codec: &'static str, taken: &Taken) -> Figure {
    Figure {
        door: Some(row.door),
        codec: Some(codec),
        payload: Some(row.payload),
        rounds: taken.ns.len(),
        cpu_ns: Some(median(&taken.cpu_ns)),
        peer_cpu_ns: (row.program == REMOTE).then(|| median(&taken.peer_cpu_ns)),
        allocs: Some(median(&taken.allocs)),
        alloc_bytes: Some(median(&taken.alloc_bytes)),
        noisy: taken.noisy,
        ..Figure::of("door", case)
    }
}

/// CPU time of a message, at both ends.
fn used(taken: &Taken) -> Vec<f64> {
    taken
        .cpu_ns
        .iter()
        .zip(&taken.peer_cpu_ns)
        .map(|(a, b)| a + b)
        .collect()
}

/// Round by round, since load that comes and goes is then on both sides.
fn median_ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(&ours.iter().zip(theirs).map(|(o, t)| o / t).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{All, ROWS, costs, rates, times, turns};
    use crate::rounds::{QUANTILES, Taken};

    #[test]
    fn a_codec_loses_in_the_door_what_it_takes_beyond_its_own_cost() {
        let row = &ROWS[3][0];
        let turns = turns(&[row]);
        // In ns: bytes take 600 in the door, protobuf 100 + 100 alone, JSON 600 + 600; so JSON should take 1,800, and takes 1,980.
        let taken = |(_, case): &(usize, String)| {
            let (ns, cpu, peer) = match case.as_str() {
                "door_tell_tcp_flight_json" => (4_000.0, 1_180.0, 800.0),
                case if case.contains("_raw_") => (500.0, 300.0, 300.0),
                "json/flight/encode" | "json/flight/decode" => (600.0, 600.0, 0.0),
                case if case.contains('/') => (100.0, 100.0, 0.0),
                _ => (1_000.0, 400.0, 400.0),
            };
            Taken {
                ns: vec![ns],
                cpu_ns: vec![cpu],
                peer_cpu_ns: vec![peer],
                ..Taken::default()
            }
        };
        let taken = turns.iter().map(taken).collect();
        let all = All { turns, taken };
        let found = costs(&all, row);
        let json = found.iter().find(|f| f.side == "json").expect("it is measured");
        assert_eq!((json.value, json.ratio), (1_980.0, Some(1.1)));
        assert_eq!(json.is_reached(), Some(false));
        let pack = found.iter().find(|f| f.side == "msgpack").expect("it is measured");
        assert_eq!((pack.ratio, pack.is_reached()), (Some(1.0), Some(true)));
        let rate = rates(&all, row)
            .into_iter()
            .find(|f| f.side == "json")
            .expect("it is measured");
        assert_eq!((rate.value, rate.ratio), (250_000.0, Some(0.125)));
        assert!(
            times(&all, row).is_empty(),
            "a tell has no answer whose time would be taken"
        );
    }

    #[test]
    fn of_an_ask_a_codec_costs_time_and_who_waits_for_it_may_use_a_core() {
        let row = &ROWS[3][3];
        let turns = turns(&[row]);
        // In ns: bytes take 1,200, JSON 600 four times; so JSON should take 3,600.
        let taken = |(_, case): &(usize, String)| {
            let (ns, cpu) = match case.as_str() {
                "door_ask_tcp_flight_json" => (3_600.0, 9_000.0),
                case if case.contains("_raw_") => (1_200.0, 2_000.0),
                _ => (600.0, 600.0),
            };
            Taken {
                ns: vec![ns],
                cpu_ns: vec![cpu],
                peer_cpu_ns: vec![0.0],
                ..Taken::default()
            }
        };
        let taken = turns.iter().map(taken).collect();
        let found = costs(&All { turns, taken }, row);
        let json = found.iter().find(|f| f.side == "json").expect("it is measured");
        assert_eq!((json.value, json.ratio), (3_600.0, Some(1.0)));
    }

    #[test]
    fn the_slowest_asks_are_told_beside_those_in_the_middle() {
        let row = &ROWS[1][3];
        let turns = turns(&[row]);
        // In µs, for each of the quantiles: 1, 2, 3 …, and in JSON ten times that.
        let taken = |(_, case): &(usize, String)| {
            let one = if case.ends_with("json") { 10_000.0 } else { 1_000.0 };
            Taken {
                quantiles: vec![(1..=QUANTILES.len()).map(|n| one * n as f64).collect()],
                ..Taken::default()
            }
        };
        let taken = turns.iter().map(taken).collect();
        let found = times(&All { turns, taken }, row);
        let json = |case: &str| {
            found
                .iter()
                .find(|f| f.side == "json" && f.case == case)
                .map(|f| (f.value, f.ratio))
        };
        assert_eq!(json("ask_native_p50"), Some((40.0, Some(10.0))));
        assert_eq!(json("ask_native_p99"), Some((80.0, Some(10.0))));
        assert_eq!(json("ask_native_p999"), Some((100.0, Some(10.0))));
    }
}
