//! The program `actorbridge`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod generate;

/// Actors in Go and Rust that exchange messages as if at home.
#[derive(Parser)]
#[command(name = "actorbridge", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    Gen(generate::Gen),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Task::Gen(task) => task.run(),
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
