//! Measures actors of a Rust node, or tokio tasks with a channel each, inside one process. The program `bench` drives it.

mod meter;
mod node;
mod tasks;

use std::error::Error;
use std::process::{ExitCode, exit};

/// Why something could not be measured.
type Failed = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        // The process ends with all its actors: to stop a million would take as long as to make them.
        Ok(()) => exit(0),
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["node"] => meter::serve(node::Actors::start()?).await,
        ["tasks"] => meter::serve(tasks::Tasks).await,
        _ => Err(format!("say what to measure: node or tasks, not {arguments:?}").into()),
    }
}
