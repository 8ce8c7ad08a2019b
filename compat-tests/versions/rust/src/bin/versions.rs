//! The matrix: a writer and a reader of each version, in each language and codec, over each door, held to `expected.txt`. Prints a line
//! for each cell. Go's own half of it is in the programs that it starts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

#[path = "versions/expected.rs"]
mod expected;
#[path = "versions/matrix.rs"]
mod matrix;
#[path = "versions/program.rs"]
mod program;

/// Runs writers and readers of two versions of a schema against each other.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// The folder of the programs versions-rustN and versions-goN-rustM.
    #[arg(long)]
    programs: PathBuf,
    /// What the writers must say.
    #[arg(long)]
    expected: PathBuf,
    /// An empty folder for Unix sockets.
    #[arg(long)]
    sockets: PathBuf,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(failed) => ExitCode::from(u8::from(failed > 0)),
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<usize, String> {
    let text = std::fs::read_to_string(&cli.expected).map_err(|e| format!("{}: {e}", cli.expected.display()))?;
    let mut matrix = matrix::Matrix::new(expected::Expected::read(&text)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(matrix.run(&cli.programs, &cli.sockets))?;
    Ok(matrix.report())
}
