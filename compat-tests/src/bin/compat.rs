//! Runs the behaviour cases over every door and pair of languages, and prints a table.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use compat_tests::matrix::cli as matrix;
use compat_tests::runner::pair::Pair;
use compat_tests::runner::{self, Programs, known, table};
use compat_tests::{cases, schema::Schema};

/// Runs the behaviour cases over every door and pair of languages, and prints a table of cases and pairs: + passed,
/// X failed, k failed as known (cases/known-failures.yaml), · does not apply. Exits with 1 if any case fails, with 2 if nothing could be run.
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only cases whose name contains this text.
    #[arg(long, default_value = "")]
    filter: String,
    /// Only pairs whose name contains this text, such as `tcp`, `native:go-rust` or `rust`.
    #[arg(long, default_value = "")]
    pair: String,
    /// Print the names of cases and pairs, and run nothing.
    #[arg(long)]
    list: bool,
    /// Print the outcomes as JSON.
    #[arg(long)]
    json: bool,
    /// The repository.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// The folder with the peer programs compat-peer-rust, compat-peer-go and compat-peer-native.
    #[arg(long, default_value = "target/compat")]
    peers: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Run the compat matrix: what each peer writes, each peer reads. Exits as above.
    Run(matrix::RunArgs),
    /// Have each peer make planned mistakes: the matrix must see each of them.
    Mutants(matrix::MutantsArgs),
    /// Have each peer write its golden bytes (compat-tests/matrix/golden) anew.
    Golden(matrix::GoldenArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Some(Command::Run(args)) => matrix::run(args),
        Some(Command::Mutants(args)) => matrix::mutants(args),
        Some(Command::Golden(args)) => matrix::golden(args),
        None => run(&cli),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("compat: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<bool, String> {
    let mut cases = cases::load(&cli.root.join("compat-tests/cases/behaviour.yaml"))?;
    cases.retain(|c| c.name.contains(&cli.filter));
    let pairs: Vec<Pair> = Pair::all()
        .into_iter()
        .filter(|p| p.to_string().contains(&cli.pair))
        .collect();
    if cli.list {
        cases.iter().for_each(|c| println!("{}", c.name));
        pairs.iter().for_each(|p| println!("{p}"));
        return Ok(true);
    }
    if cases.is_empty() || pairs.is_empty() {
        return Err("no case or no pair has such a name; --list names them".into());
    }
    let schema = Schema::load(&cli.root)?;
    let programs = Programs::of(&cli.peers);
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let mut outcomes = runtime.block_on(runner::run(&programs, &schema, &cases, &pairs))?;
    known::apply(
        &known::load(&cli.root.join("compat-tests/cases/known-failures.yaml"))?,
        &mut outcomes,
    );
    match cli.json {
        true => println!("{}", table::json(&outcomes)),
        false => println!(
            "{}",
            table::render(&outcomes, &cases.iter().map(|c| c.name.clone()).collect::<Vec<_>>())
        ),
    }
    Ok(outcomes.iter().all(|o| o.failure.is_none() || o.known.is_some()))
}
