//! The program `actorbridge`.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use actorbridge_gen::{Config, not_started};
use clap::{Parser, Subcommand};

mod build;
mod doctor;
mod generate;
mod new;

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
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Task::New(task) => task.run(),
        Task::Gen(task) => task.run(),
        Task::Build(task) => task.run(),
        Task::Doctor(task) => task.run(),
    };
    match done {
        Ok(said) => {
            say(io::stdout(), &said);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say(io::stderr(), &problem);
            ExitCode::FAILURE
        }
    }
}

/// Writes a text and a line's end, or nothing for an empty text. That nobody reads on, as behind `| head`, is no failure.
fn say(mut out: impl Write, text: &str) {
    if !text.is_empty() {
        let _ = writeln!(out, "{text}");
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
