//! The program `actorbridge`.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use actorbridge_gen::{Config, not_started};
use clap::{Parser, Subcommand};

mod asked;
mod build;
mod doctor;
mod generate;
mod inspect;
mod new;
mod tap;

/// Actors in Go and Rust that exchange messages as if at home.
#[derive(Parser)]
#[command(name = "actorbridge", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    New(new::New),
    Gen(generate::Gen),
    Build(build::Build),
    Doctor(doctor::Doctor),
    Inspect(inspect::Inspect),
    Tap(tap::Tap),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Task::New(task) => task.run(),
        Task::Gen(task) => task.run(),
        Task::Build(task) => task.run(),
        Task::Doctor(task) => task.run(),
        Task::Inspect(task) => task.run(),
        Task::Tap(task) => task.run(),
    };
    match done.and_then(|said| print(&said)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(problem) => {
            // If nobody reads that either, the exit code says it.
            let _ = writeln!(io::stderr(), "{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Writes a text to standard output as lines of its own, if it has any. That nobody reads on, as behind `| head`, is no failure; then the
/// answer is `false`.
fn print(text: &str) -> Result<bool, String> {
    if text.is_empty() {
        return Ok(true);
    }
    match writeln!(io::stdout(), "{text}") {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output cannot be written: {e}")),
        written => Ok(written.is_ok()),
    }
}

/// The configuration of the project in a folder.
fn project(folder: &Path) -> Result<Config, String> {
    let file = folder.join("actorbridge.toml");
    if !file.exists() {
        return Err(format!(
            "there is no {}; go to a project's folder, or say --project DIR",
            file.display()
        ));
    }
    Config::read(file).map_err(|problems| problems.to_string())
}

/// Runs a command and gives its standard output.
fn capture(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| not_started(command, &e, "").to_string())?;
    match output.status.success() {
        true => String::from_utf8(output.stdout).map_err(|e| format!("{name}: {e}")),
        false => Err(format!(
            "{name} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}
