//! The suite `actors`: what an actor costs inside one language, beside what that language has itself, and beside other actor systems.

mod rows;

use std::error::Error;
use std::ffi::OsStr;
use std::path::PathBuf;

use clap::Args;

use crate::figure::{Better, Figure};
use crate::noise::Watch;
use crate::process::{Measured, Program};
use crate::rounds::{self, Plan, Taken, median, spread};
use rows::{Language, MILLION, Row, SIZES};

#[derive(Args)]
pub(crate) struct Options {
    /// Where the programs are that measure; `make bench-actors-programs PROFILE=release` builds them
    #[arg(long, value_name = "FOLDER", default_value = "target/release")]
    programs: PathBuf,
    /// No more actors than so many: 1, 1,000, 100,000 and 1,000,000 are measured. Without it, all; with --quick, to 100,000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    actors: Option<u64>,
}

/// Who has actors. Each is a process of its own.
struct System {
    side: &'static str,
    language: Language,
    program: &'static str,
    argument: &'static str,
    /// No more actors than so many.
    most: u64,
}

/// Ours is the first of its language.
const SYSTEMS: &[System] = &[
    system("ours", Language::Go, "bench-actors-go", "node"),
    system("goroutine", Language::Go, "bench-actors-go", "goroutines"),
    system("protoactor-go", Language::Go, "bench-protoactor", "actors"),
    // It makes room for 1,024 messages for each: a million would take more than the others by far.
    System {
        most: 100_000,
        ..system("hollywood", Language::Go, "bench-hollywood", "actors")
    },
    system("ours", Language::Rust, "bench-actors-rust", "node"),
    system("tokio task", Language::Rust, "bench-actors-rust", "tasks"),
];

const fn system(side: &'static str, language: Language, program: &'static str, argument: &'static str) -> System {
    System {
        side,
        language,
        program,
        argument,
        most: u64::MAX,
    }
}

/// What must be free for a million actors, in bytes.
const MEMORY_OF_A_MILLION: u64 = 6_000_000_000;

/// A case of a system, measured by rows of one size.
struct Measurement {
    system: usize,
    case: &'static str,
    /// How many messages a turn has; 0 = not known yet.
    turn: u64,
    taken: Taken,
}

/// Measures, and says what came out: of each case theirs first.
pub(crate) fn run(options: &Options, plan: &Plan, only: Option<&str>) -> Result<Vec<Figure>, Box<dyn Error>> {
    let named: Vec<&Row> = rows::all()
        .filter(|r| only.is_none_or(|o| r.name.contains(o)))
        .collect();
    if named.is_empty() {
        let all: Vec<_> = rows::all().map(|r| r.name).collect();
        return Err(format!("no case is named like that; there are {}", all.join(", ")).into());
    }
    let most = most_actors(options, plan);
    let rows: Vec<&Row> = named.into_iter().filter(|r| r.actors <= most).collect();
    if rows.is_empty() {
        return Err(format!("no such case has {most} actors or fewer: say more by --actors").into());
    }
    let mut figures = Vec::new();
    for actors in SIZES {
        let rows: Vec<&Row> = rows.iter().copied().filter(|r| r.actors == actors).collect();
        let mut measured = measurements(&rows, actors);
        take_turns(options, plan, actors, &mut measured)?;
        for row in rows {
            figures.extend(of_row(row, &measured));
        }
    }
    // By case, and not by size, since that is what one reads down.
    figures.sort_by_key(|f| rows.iter().position(|r| r.name == f.case));
    Ok(figures)
}

/// How many actors there may be, by what was said and by the memory that is free.
fn most_actors(options: &Options, plan: &Plan) -> u64 {
    let most = options
        .actors
        .unwrap_or(if plan.is_quick() { 100_000 } else { MILLION });
    match free_memory() {
        Some(free) if most >= MILLION && free < MEMORY_OF_A_MILLION => {
            let (has, wants) = (free as f64 / 1e9, MEMORY_OF_A_MILLION as f64 / 1e9);
            eprintln!("bench: a million actors want {wants:.0} GB of memory, and {has:.1} are free: they are left out");
            MILLION - 1
        }
        _ => most,
    }
}

/// Memory that programs may take, in bytes; `None` where Linux does not say.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

/// What is measured for rows of this size: each case of each system once.
fn measurements(rows: &[&Row], actors: u64) -> Vec<Measurement> {
    let mut all: Vec<Measurement> = Vec::new();
    for (system, s) in SYSTEMS.iter().enumerate().filter(|(_, s)| actors <= s.most) {
        for row in rows.iter().filter(|r| r.language == s.language) {
            let case = if s.side == "ours" { row.case } else { row.against };
            if !all.iter().any(|m| m.system == system && m.case == case) {
                all.push(Measurement {
                    system,
                    case,
                    turn: 0,
                    taken: Taken::default(),
                });
            }
        }
    }
    all
}

/// Round by round, each system once: a new process makes its actors, and sends them what is measured. So there are never more actors
/// than one system's in memory. The first time finds out how many messages make a turn.
fn take_turns(options: &Options, plan: &Plan, actors: u64, measured: &mut [Measurement]) -> Result<(), Box<dyn Error>> {
    for round in 0..=plan.rounds {
        if round == 1 {
            plan.wait_for_quiet();
        }
        for (at, system) in SYSTEMS.iter().enumerate() {
            let mut own: Vec<&mut Measurement> = measured.iter_mut().filter(|m| m.system == at).collect();
            if !own.is_empty() {
                let name = format!("{actors} actors: {} {}", system.language.name(), system.side);
                rounds::progress(&format!("round {round} of {}: {name}", plan.rounds));
                in_a_process(options, plan, (system, actors), round, &mut own).map_err(|e| format!("{name}: {e}"))?;
            }
        }
    }
    rounds::progress("");
    Ok(())
}

fn in_a_process(
    options: &Options,
    plan: &Plan,
    (system, actors): (&System, u64),
    round: u32,
    cases: &mut [&mut Measurement],
) -> Result<(), Box<dyn Error>> {
    let mut program = Program::start(&options.programs.join(system.program), &[OsStr::new(system.argument)])?;
    let (spawned, noisy) = watched(&mut program, "spawn", actors)?;
    // The memory of an actor is that of one that has been told something once.
    let mut idle = program.measure("first", actors)?;
    idle.bytes += spawned.bytes;
    for m in cases {
        match m.case {
            "spawn" | "idle_bytes" if round == 0 => {}
            "spawn" => m.taken.add(&spawned, noisy),
            "idle_bytes" => m.taken.add(&idle, false),
            case if round == 0 => m.turn = rounds::size_of_turn(&mut program, case, plan)?,
            case => {
                program.measure(case, (m.turn / 4).max(1))?; // this process has not done it yet
                let (taken, noisy) = watched(&mut program, case, m.turn)?;
                m.taken.add(&taken, noisy);
            }
        }
    }
    Ok(())
}

/// Measures, and says whether others used the cores meanwhile.
fn watched(program: &mut Program, case: &str, n: u64) -> Result<(Measured, bool), Box<dyn Error>> {
    let watch = Watch::start();
    let measured = program.measure(case, n)?;
    let noisy = watch.is_noisy(measured.cpu_ns / 1e9);
    Ok((measured, noisy))
}

/// The figures of one row: what each of the others took, and ours beside each.
fn of_row(row: &Row, measured: &[Measurement]) -> Vec<Figure> {
    let of = |m: &&Measurement, ours: bool| {
        let s = &SYSTEMS[m.system];
        let case = if ours { row.case } else { row.against };
        s.language == row.language && (s.side == "ours") == ours && m.case == case
    };
    let theirs: Vec<&Measurement> = measured.iter().filter(|m| of(m, false)).collect();
    let values = theirs.iter().map(|m| value(row, SYSTEMS[m.system].side, &m.taken));
    let own = measured.iter().find(|m| of(m, true));
    let compared = own.into_iter().flat_map(|own| {
        theirs
            .iter()
            .map(|m| compared(row, SYSTEMS[m.system].side, &own.taken, &m.taken))
    });
    values.chain(compared).collect()
}

fn value(row: &Row, side: &'static str, taken: &Taken) -> Figure {
    let values = row.values(taken);
    let is_memory = row.is_memory();
    let timed = |all: &[f64]| Some(median(all)).filter(|_| !is_memory);
    Figure {
        side,
        actors: Some(row.actors),
        unit: if is_memory { "B" } else { "ns" },
        better: Better::Lower,
        value: median(values),
        rounds: values.len(),
        spread: spread(values),
        cpu_ns: timed(&taken.cpu_ns),
        // Rust's are not counted: an allocator that does is slower.
        allocs: timed(&taken.allocs).filter(|a| !a.is_nan()),
        noisy: taken.noisy,
        ..Figure::of("actors", row.name)
    }
}

fn compared(row: &Row, against: &'static str, own: &Taken, theirs: &Taken) -> Figure {
    // Round by round, since load that comes and goes is then on both sides.
    let ratio = |ours: &[f64], theirs: &[f64]| {
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(o, t)| o / t).collect();
        Some(median(&ratios))
    };
    Figure {
        against: Some(against),
        ratio: ratio(row.values(own), row.values(theirs)),
        cpu_ratio: ratio(&own.cpu_ns, &theirs.cpu_ns).filter(|_| !row.is_memory()),
        ..value(row, "ours", own)
    }
}

#[cfg(test)]
mod tests {
    use super::{MILLION, SYSTEMS, measurements, of_row, rows};

    /// Whose figures there are of a case, with so many actors, and whom ours is compared with.
    fn sides(case: &str, actors: u64) -> (Vec<&'static str>, Vec<&'static str>) {
        let rows: Vec<_> = rows::all().filter(|r| r.actors == actors).collect();
        let mut measured = measurements(&rows, actors);
        for m in &mut measured {
            // Theirs takes 4 ns, and ours 2.
            let ns = if SYSTEMS[m.system].side == "ours" { 2.0 } else { 4.0 };
            m.taken.ns.push(ns);
            m.taken.cpu_ns.push(ns);
        }
        let row = rows.iter().find(|r| r.name == case).expect(case);
        let (ours, theirs): (Vec<_>, Vec<_>) = of_row(row, &measured).into_iter().partition(|f| f.side == "ours");
        assert!(ours.iter().all(|f| f.ratio == Some(0.5)), "{case}");
        let against = ours.iter().filter_map(|f| f.against).collect();
        (theirs.iter().map(|f| f.side).collect(), against)
    }

    #[test]
    fn ours_is_compared_with_each_of_its_language() {
        let all = vec!["goroutine", "protoactor-go", "hollywood"];
        assert_eq!(sides("tell_go", 1), (all.clone(), all.clone()));
        assert_eq!(sides("tell_batch64_go_100k", 100_000), (all.clone(), all));
        assert_eq!(sides("ask_rust_1m", MILLION), (vec!["tokio task"], vec!["tokio task"]));
    }

    #[test]
    fn who_takes_too_much_memory_has_no_million() {
        let fewer = vec!["goroutine", "protoactor-go"];
        assert_eq!(sides("spawn_go_1m", MILLION), (fewer.clone(), fewer));
    }
}
