//! The suite `codec`: what encodings cost, in Rust and in Go, on the same messages.

use std::error::Error;
use std::ffi::OsStr;
use std::path::PathBuf;

use clap::Args;

use crate::figure::{Better, Figure};
use crate::process::Program;
use crate::rounds::{self, Plan, Taken, median, spread};

#[derive(Args)]
pub(crate) struct Options {
    /// Where the programs are that measure; `make bench-codec-programs` builds them
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

/// The programs, by their numbers here.
const PROGRAMS: [&str; 2] = ["bench-codec-rust", "bench-codec-go"];
const RUST: usize = 0;
const GO: usize = 1;

/// A language with a codec: the name of the side, the program, and the codec in it.
const SIDES: [(&str, usize, &str); 6] = [
    ("rust protobuf", RUST, "protobuf"),
    ("rust json", RUST, "json"),
    ("rust msgpack", RUST, "msgpack"),
    ("go protobuf", GO, "protobuf"),
    ("go json", GO, "json"),
    ("go msgpack", GO, "msgpack"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Time,
    Bytes,
}

/// A case: its name, its message, what is done with it, and what of that is the figure.
const CASES: [(&str, &str, &str, What); 16] = [
    ("kilobyte_encode", "kilobyte", "encode", What::Time),
    ("kilobyte_decode", "kilobyte", "decode", What::Time),
    ("kilobyte_size", "kilobyte", "encode", What::Bytes),
    ("kilobyte_gzip", "kilobyte", "gzip", What::Bytes),
    ("flight_encode", "flight", "encode", What::Time),
    ("flight_decode", "flight", "decode", What::Time),
    ("flight_size", "flight", "encode", What::Bytes),
    ("flight_gzip", "flight", "gzip", What::Bytes),
    ("batch_encode", "batch", "encode", What::Time),
    ("batch_decode", "batch", "decode", What::Time),
    ("batch_size", "batch", "encode", What::Bytes),
    ("batch_gzip", "batch", "gzip", What::Bytes),
    ("snapshot_encode", "snapshot", "encode", What::Time),
    ("snapshot_decode", "snapshot", "decode", What::Time),
    ("snapshot_size", "snapshot", "encode", What::Bytes),
    ("snapshot_gzip", "snapshot", "gzip", What::Bytes),
];

/// The envelope of 1 KB as this library treats it, and as the language's protobuf does: case, program, ours, theirs, their name,
/// and the ratio that is wanted.
const ENVELOPE: [(&str, usize, &str, &str, &str, f64); 3] = [
    (
        "envelope_view",
        RUST,
        "envelope/view",
        "envelope/prost_decode",
        "prost",
        0.25,
    ),
    (
        "envelope_encode",
        RUST,
        "envelope/encode",
        "envelope/prost_encode",
        "prost",
        0.6,
    ),
    (
        "go_hot_encode",
        GO,
        "envelope/encode",
        "envelope/protobuf_go_encode",
        "protobuf-go",
        0.3,
    ),
];

/// What was measured, by program and case.
struct All(Vec<((usize, String), Taken)>);

impl All {
    fn of(&self, program: usize, case: &str) -> Option<&Taken> {
        let found = self.0.iter().find(|((p, name), _)| *p == program && name == case);
        found.map(|(_, taken)| taken)
    }
}

/// Measures, and says what came out.
pub(crate) fn run(options: &Options, plan: &Plan, only: Option<&str>) -> Result<Vec<Figure>, Box<dyn Error>> {
    let is_wanted = |case: &str| only.is_none_or(|text| case.contains(text));
    let mut turns: Vec<(usize, String)> = Vec::new();
    let mut add = |program: usize, name: String| {
        if !turns.iter().any(|t| *t == (program, name.clone())) {
            turns.push((program, name));
        }
    };
    for (case, program, ours, theirs, ..) in ENVELOPE {
        if is_wanted(case) {
            add(program, theirs.into());
            add(program, ours.into());
        }
    }
    for (case, message, what, of) in CASES.iter().filter(|c| is_wanted(c.0)) {
        if *of == What::Time && case.ends_with("encode") {
            add(RUST, format!("memcpy/{message}/copy"));
        }
        for (_, program, codec) in SIDES {
            add(program, format!("{codec}/{message}/{what}"));
        }
    }
    if turns.is_empty() {
        let all: Vec<_> = ENVELOPE.iter().map(|e| e.0).chain(CASES.iter().map(|c| c.0)).collect();
        return Err(format!("no case is named like that; there are {}", all.join(", ")).into());
    }
    let mut programs = Vec::new();
    for file in PROGRAMS {
        programs.push(Program::start(
            &options.programs.join(file),
            &[OsStr::new(&options.data)],
        )?);
    }
    let cases: Vec<_> = turns.iter().map(|(program, case)| (*program, case.as_str())).collect();
    let taken = rounds::take_turns(&mut programs, &cases, plan)?;
    let all = All(turns.into_iter().zip(taken).collect());
    let mut figures: Vec<Figure> = ENVELOPE
        .iter()
        .filter(|e| is_wanted(e.0))
        .flat_map(|e| envelope(&all, e))
        .collect();
    figures.extend(CASES.iter().filter(|c| is_wanted(c.0)).flat_map(|c| compared(&all, c)));
    Ok(figures)
}

/// Theirs, then ours.
fn envelope(
    all: &All,
    (case, program, ours, theirs, name, goal): &(&'static str, usize, &str, &str, &'static str, f64),
) -> Vec<Figure> {
    let (Some(own), Some(other)) = (all.of(*program, ours), all.of(*program, theirs)) else {
        return Vec::new();
    };
    vec![
        value(case, name, other, What::Time),
        Figure {
            against: Some(name),
            ratio: Some(ratio(own, other, What::Time)),
            goal: Some(*goal),
            ..value(case, "ours", own, What::Time)
        },
    ]
}

/// All codecs of one case, each against protobuf in its language, and, for time, a copy of the bytes.
fn compared(all: &All, (case, message, what, of): &(&'static str, &str, &str, What)) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (side, program, codec) in SIDES {
        let base = all.of(program, &format!("protobuf/{message}/{what}"));
        let (Some(taken), Some(base)) = (all.of(program, &format!("{codec}/{message}/{what}")), base) else {
            continue;
        };
        let is_base = codec == "protobuf";
        figures.push(Figure {
            codec: Some(codec),
            against: (!is_base).then_some("protobuf"),
            ratio: (!is_base).then(|| ratio(taken, base, *of)),
            ..value(case, side, taken, *of)
        });
    }
    if *of == What::Time {
        let copy = all.of(RUST, &format!("memcpy/{message}/copy"));
        figures.extend(copy.map(|taken| value(case, "memcpy", taken, *of)));
    }
    figures
}

fn values(taken: &Taken, what: What) -> &[f64] {
    match what {
        What::Time => &taken.cpu_ns,
        What::Bytes => &taken.bytes,
    }
}

fn ratio(ours: &Taken, theirs: &Taken, what: What) -> f64 {
    let pairs = values(ours, what).iter().zip(values(theirs, what));
    median(&pairs.map(|(o, t)| o / t).collect::<Vec<_>>())
}

fn value(case: &'static str, side: &'static str, taken: &Taken, what: What) -> Figure {
    let values = values(taken, what);
    Figure {
        side,
        unit: if what == What::Time { "ns" } else { "B" },
        better: Better::Lower,
        value: median(values),
        rounds: values.len(),
        spread: spread(values),
        go_allocs: (what == What::Time && side.starts_with("go ")).then(|| median(&taken.allocs)),
        noisy: taken.noisy,
        ..Figure::of("codec", case)
    }
}

/// The answer in words: which codec when, from these figures.
pub(crate) fn words(figures: &[Figure]) -> Vec<String> {
    let ratio = |case: &str, side: &str| figures.iter().find(|f| f.case == case && f.side == side)?.ratio;
    let mut words = Vec::new();
    for (codec, name) in [("json", "JSON"), ("msgpack", "MessagePack")] {
        for (message, called) in [("flight", "a flight record"), ("batch", "a batch of 100 flights")] {
            let of = |language: &str, what: &str| ratio(&format!("{message}_{what}"), &format!("{language} {codec}"));
            let all = (
                of("rust", "size"),
                of("rust", "gzip"),
                of("rust", "encode"),
                of("rust", "decode"),
            );
            let go = (of("go", "encode"), of("go", "decode"));
            if let ((Some(size), Some(zip), Some(re), Some(rd)), (Some(ge), Some(gd))) = (all, go) {
                words.push(format!(
                    "{name}, {called}: {size:.1} times the bytes of protobuf, {zip:.1} times with gzip; encoding takes {re:.1} \
                     times as long in Rust and {ge:.1} times in Go, decoding {rd:.1} and {gd:.1} times."
                ));
            }
        }
    }
    if words.is_empty() {
        return words;
    }
    words.push(
        "Between actors: protobuf. For people, browsers and tools: JSON. For programs that have no protobuf: MessagePack, which is as \
         small as protobuf and faster than JSON where the figures above say so."
            .into(),
    );
    words.push(
        "Quoted, not measured here, of the project's beginning (1 KB, 100,000 runs, another machine): protobuf with gRPC 42,800 \
         requests/s at 18.2 us, JSON over HTTP/2 19,500 requests/s at 43.7 us. Those are whole calls; what is above is the codec alone."
            .into(),
    );
    words
}
