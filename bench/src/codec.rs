//! The suite `codec`: what encodings cost, in Rust, Go and Java, on the same messages.

mod words;

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::figure::{Better, Figure};
use crate::process::Program;
use crate::rounds::{self, Plan, Taken, median, spread};

pub(crate) use words::words;

#[derive(Args)]
pub(crate) struct Options {
    /// Where the programs are that measure; `make bench-codec-programs PROFILE=release` builds them
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

/// The programs, by their numbers here. Java's is not there where it could not be built.
const PROGRAMS: [&str; 3] = ["bench-codec-rust", "bench-codec-go", JAVA_PROGRAM];
const RUST: usize = 0;
const GO: usize = 1;
const JAVA: usize = 2;
const JAVA_PROGRAM: &str = "bench-codec-java.jar";
/// It counts the allocations in Rust.
const ALLOCS: &str = "bench-codec-rust-allocs";

/// A language with a codec: the name of the side, the program, and the codec in it.
const SIDES: [(&str, usize, &str); 12] = [
    ("rust protobuf", RUST, "protobuf"),
    ("rust json", RUST, "json"),
    ("rust msgpack", RUST, "msgpack"),
    ("rust array", RUST, ARRAY),
    ("go protobuf", GO, "protobuf"),
    ("go json", GO, "json"),
    ("go msgpack", GO, "msgpack"),
    ("go array", GO, ARRAY),
    ("java protobuf", JAVA, "protobuf"),
    ("java json", JAVA, "json"),
    ("java msgpack", JAVA, "msgpack"),
    ("java array", JAVA, ARRAY),
];

/// MessagePack as arrays, by other libraries and of plain structs: for comparison only.
const ARRAY: &str = "array";

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

/// The check that the four texts of that envelope are UTF-8, one by one: a part of what both sides of `envelope_view` do.
const TEXTS: &str = "envelope/utf8";

/// What was measured, by program and case.
struct All(Vec<((usize, String), Taken)>);

impl All {
    fn of(&self, program: usize, case: &str) -> Option<&Taken> {
        let found = self.0.iter().find(|((p, name), _)| *p == program && name == case);
        found.map(|(_, taken)| taken)
    }

    fn count_in_rust(&mut self, program: &mut Program) -> Result<(), Box<dyn Error>> {
        for ((_, case), taken) in self.0.iter_mut().filter(|((program, _), _)| *program == RUST) {
            program.measure(case, 1)?; // the first one makes what later ones use again
            let counted = program.measure(case, 1)?;
            (taken.allocs, taken.alloc_bytes) = (vec![counted.allocs], vec![counted.alloc_bytes]);
        }
        Ok(())
    }

    /// Messages are the same ones in all languages only if protobuf and MessagePack, which have one encoding, have as many bytes.
    fn agree_on_bytes(&self) -> Result<(), String> {
        for ((program, case), taken) in &self.0 {
            if !case.ends_with("/encode") || case.starts_with("json") {
                continue;
            }
            let (bytes, rust) = (median(&taken.bytes), self.of(RUST, case).map(|t| median(&t.bytes)));
            if rust.is_some_and(|rust| rust != bytes) {
                return Err(format!(
                    "{case}: {} has {bytes} bytes and {} has {rust:?}; they measure different messages",
                    PROGRAMS[*program], PROGRAMS[RUST],
                ));
            }
        }
        Ok(())
    }
}

/// Measures, and says what came out.
pub(crate) fn run(options: &Options, plan: &Plan, only: Option<&str>) -> Result<Vec<Figure>, Box<dyn Error>> {
    let has_java = options.programs.join(JAVA_PROGRAM).exists();
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
    if is_wanted("envelope_view") {
        add(RUST, TEXTS.into());
    }
    for (case, message, what, of) in CASES.iter().filter(|c| is_wanted(c.0)) {
        if *of == What::Time && case.ends_with("encode") {
            add(RUST, format!("memcpy/{message}/copy"));
        }
        for (_, program, codec) in SIDES.iter().filter(|s| s.1 != JAVA || has_java) {
            add(*program, format!("{codec}/{message}/{what}"));
        }
    }
    if turns.is_empty() {
        let all: Vec<_> = ENVELOPE.iter().map(|e| e.0).chain(CASES.iter().map(|c| c.0)).collect();
        return Err(format!("no case is named like that; there are {}", all.join(", ")).into());
    }
    if !has_java {
        eprintln!("bench: no rows of Java, since {JAVA_PROGRAM} is not built; it takes a JDK (17 or newer) and Maven");
    }
    let mut programs = Vec::new();
    for file in PROGRAMS.iter().filter(|f| **f != JAVA_PROGRAM || has_java) {
        programs.push(start(file, options, plan)?);
    }
    let cases: Vec<_> = turns.iter().map(|(program, case)| (*program, case.as_str())).collect();
    let taken = rounds::take_turns(&mut programs, &cases, plan)?;
    let mut all = All(turns.into_iter().zip(taken).collect());
    all.count_in_rust(&mut start(ALLOCS, options, plan)?)?;
    all.agree_on_bytes()?;
    let mut figures: Vec<Figure> = ENVELOPE
        .iter()
        .filter(|e| is_wanted(e.0))
        .flat_map(|e| envelope(&all, e))
        .collect();
    figures.extend(CASES.iter().filter(|c| is_wanted(c.0)).flat_map(|c| compared(&all, c)));
    Ok(figures)
}

fn start(file: &str, options: &Options, plan: &Plan) -> Result<Program, Box<dyn Error>> {
    let path = options.programs.join(file);
    let data = options.data.as_os_str();
    if file != JAVA_PROGRAM {
        return Program::start(&path, &[data]);
    }
    // So long that what runs often is compiled.
    let warm_up = OsString::from((4 * plan.turn).as_millis().to_string());
    let arguments = [
        OsStr::new("-XX:-UseDynamicNumberOfCompilerThreads"), // what a thread used that has ended cannot be read
        OsStr::new("-jar"),
        path.as_os_str(),
        data,
        &warm_up,
    ];
    Program::start(Path::new("java"), &arguments)
}

/// Theirs, then ours.
fn envelope(
    all: &All,
    (case, program, ours, theirs, name, goal): &(&'static str, usize, &str, &str, &'static str, f64),
) -> Vec<Figure> {
    let (Some(own), Some(other)) = (all.of(*program, ours), all.of(*program, theirs)) else {
        return Vec::new();
    };
    let mut figures = vec![
        value(case, name, other, What::Time),
        Figure {
            against: Some(name),
            ratio: Some(ratio(own, other, What::Time)),
            goal: Some(*goal),
            ..value(case, "ours", own, What::Time)
        },
    ];
    if *case == "envelope_view" {
        let texts = all.of(RUST, TEXTS);
        figures.extend(texts.map(|taken| value(case, "utf8 alone", taken, What::Time)));
    }
    figures
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
    let counted = |counts: &[f64]| Some(median(counts)).filter(|count| what == What::Time && !count.is_nan());
    Figure {
        side,
        unit: if what == What::Time { "ns" } else { "B" },
        better: Better::Lower,
        value: median(values),
        rounds: values.len(),
        spread: spread(values),
        allocs: counted(&taken.allocs),
        alloc_bytes: counted(&taken.alloc_bytes),
        noisy: taken.noisy,
        ..Figure::of("codec", case)
    }
}
