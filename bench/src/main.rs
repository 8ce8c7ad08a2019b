//! `bench`: figures of actorbridge beside those of what one would use instead.
//!
//! Machines are noisy, so nothing here is an absolute claim: what is compared is taken in one run, in turns, several rounds of
//! each, and printed as a ratio with its spread.

mod actors;
mod codec;
mod door;
mod ffi;
mod figure;
mod html;
mod link;
mod noise;
#[cfg(feature = "png")]
mod picture;
mod process;
mod rounds;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use figure::Figure;
use rounds::Plan;

/// Figures of actorbridge beside those of what one would use instead, taken in one run
#[derive(Parser)]
#[command(
    version,
    after_help = "Every figure is the median of its rounds; the sides of a comparison take turns.\n\
    Run it on a machine where nothing else runs: rounds in which others used the cores are marked with `noisy`."
)]
struct Arguments {
    #[command(subcommand)]
    suite: Suite,
    /// 3 short rounds, without waiting for a quiet machine
    #[arg(long, global = true)]
    quick: bool,
    /// Rounds of each case
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// How long a case is measured in each round, about, in milliseconds
    #[arg(long, global = true, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    turn: Option<u64>,
    /// Only cases whose name holds this; what they are compared with runs too
    #[arg(long, global = true, value_name = "TEXT")]
    only: Option<String>,
    /// Also write the figures to a file, one JSON object a line
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write a page with plots, in one file
    #[arg(long, global = true, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also draw the plots of a small and a large message, with a font of this machine; of the suite `codec` only
    #[cfg(feature = "png")]
    #[arg(long, global = true, value_name = "FILE")]
    png: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Suite {
    /// What an actor costs inside Go and inside Rust, up to a million of them, against goroutines, tokio tasks and other actor systems
    Actors(actors::Options),
    /// What protobuf, JSON and MessagePack cost in Rust, Go and Java, on real flights
    Codec(codec::Options),
    /// Flights in each codec through the native and the remote door, against raw bytes and the codecs alone
    Door(door::Options),
    /// The native door against a Go channel and against cgo written by hand, in one process
    Ffi(ffi::Options),
    /// The remote door against other actor systems and against bare gRPC and TCP, between two processes
    Link(link::Options),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    // What takes microseconds each, and has its slowest percent looked at, wants more of them.
    let turn = match (&arguments.suite, arguments.turn) {
        (Suite::Link(_), None) => Some(if arguments.quick { 250 } else { 1_000 }),
        (_, turn) => turn,
    };
    let plan = Plan::new(arguments.quick, arguments.rounds, turn);
    let only = arguments.only.as_deref();
    let figures = match &arguments.suite {
        Suite::Actors(options) => actors::run(options, &plan, only)?,
        Suite::Codec(options) => codec::run(options, &plan.beginning_with_one(), only)?,
        Suite::Door(options) => door::run(options, &plan.beginning_with_one(), only)?,
        Suite::Ffi(options) => ffi::run(options, &plan, only)?,
        Suite::Link(options) => link::run(options, &plan, only)?,
    };
    let words = match &arguments.suite {
        Suite::Codec(_) => codec::words(&figures),
        _ => Vec::new(),
    };
    figure::print(&figures);
    words.iter().for_each(|text| println!("\n{text}"));
    if let Some(path) = &arguments.json {
        write_json(path, &figures).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    if let Some(path) = &arguments.html {
        std::fs::write(path, html::page(&figures, &words)).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    #[cfg(feature = "png")]
    if let Some(path) = &arguments.png {
        picture::write(&html::picture(&figures), path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

fn write_json(path: &PathBuf, figures: &[Figure]) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path)?);
    for figure in figures {
        serde_json::to_writer(&mut file, figure)?;
        writeln!(file)?;
    }
    Ok(file.flush()?)
}
