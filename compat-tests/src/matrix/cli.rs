//! `compat run`, `compat mutants`, `compat golden` and their options.

use std::path::{Path, PathBuf};

use clap::Args;

use super::axes::{self, Cell, Choice};
use super::peers::{self, Peer};
use super::report::{self, Run, Summary};
use super::{Context, Folders, Outcome, behaviour, known, mutants, versions, write_golden};
use crate::runner::Programs;

/// Cases that are worked on at once: a case waits for its peers, which are few.
const WORKERS: usize = 4;

/// So many characters of what saw a planned mistake are printed.
const SHOWN: usize = 200;

/// What all commands need.
#[derive(Debug, Args)]
pub struct Place {
    /// The repository.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// The folder of what `make matrix-peers` has built.
    #[arg(long, default_value = "target/compat/matrix")]
    out: PathBuf,
    /// The folder of what `make compat-peers` has built: the programs that host nodes.
    #[arg(long, default_value = "target/compat")]
    peers: PathBuf,
}

/// Peers that do not take part.
#[derive(Debug, Args)]
pub struct LeftOut {
    /// Leave a peer out; its cells count as skipped. May be given several times.
    #[arg(long, value_name = "PEER")]
    without: Vec<String>,
}

impl LeftOut {
    fn check(&self, all: &[Peer]) -> Result<(), String> {
        match self.without.iter().find(|name| !all.iter().any(|p| p.name == **name)) {
            Some(name) => Err(format!("--without {name}: no peer has this name")),
            None => Ok(()),
        }
    }

    fn has(&self, name: &String) -> bool {
        self.without.contains(name)
    }
}

/// Options of `compat run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    place: Place,
    /// Only cells whose name contains this text, such as `envelope`, `go -> java` or `64 none`.
    #[arg(long, default_value = "")]
    filter: String,
    /// Print the names of the cells, and their number, and run nothing.
    #[arg(long)]
    list: bool,
    /// Only the smoke slice, which takes seconds.
    #[arg(long)]
    smoke: bool,
    #[command(flatten)]
    left_out: LeftOut,
    /// A peer program of your own, which takes part beside the others (compat-tests/matrix/README.md).
    #[arg(long, value_name = "PROGRAM")]
    peer: Vec<String>,
    /// Cases that are worked on at once.
    #[arg(long, default_value_t = WORKERS)]
    workers: usize,
    /// Write each cell and the summary as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the matrix as a page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Runs the matrix, and prints a table. `false`: a cell failed.
///
/// # Errors
/// A sentence: nothing could be run.
pub fn run(args: &RunArgs) -> Result<bool, String> {
    let root = &args.place.root;
    let mut all = peers::load(root)?;
    for program in &args.peer {
        let peer = peers::brought(program);
        if all.iter().any(|p| p.name == peer.name) {
            return Err(format!("--peer {program}: there is a peer {} already", peer.name));
        }
        all.push(peer);
    }
    args.left_out.check(&all)?;
    let choice = Choice {
        smoke: args.smoke,
        filter: args.filter.clone(),
    };
    let mut cells = axes::cells(root, &all, &choice)?;
    let before = cells.len();
    cells.retain(|c| !args.left_out.has(&c.writer) && !args.left_out.has(&c.reader));
    if args.list {
        cells.iter().for_each(|cell| println!("{cell}"));
        println!("{} cells", cells.len());
        return Ok(true);
    }
    if cells.is_empty() {
        return Err("no cell has such a name; --list names them".into());
    }
    let skipped = before - cells.len();
    all.retain(|p| !args.left_out.has(&p.name));
    let folders = args.place.folders()?;
    let (of_versions, cells): (Vec<Cell>, Vec<Cell>) = cells.into_iter().partition(|c| c.suite == "versions");
    let (of_nodes, cells) = cells
        .into_iter()
        .partition(|c| matches!(c.suite.as_str(), "traffic" | "behaviour"));
    let mut outcomes = super::run(&Context::load(&folders, &all)?, cells, args.workers);
    outcomes.extend(versions::run(&folders, of_versions)?);
    outcomes.extend(behaviour::run(&folders, &Programs::of(&folders.peers), of_nodes)?);
    if !args.smoke && args.filter.is_empty() {
        check_known(&known::load(root)?, &outcomes)?;
    }
    known::apply(&known::load(root)?, &mut outcomes);
    let run = Run {
        summary: Summary::of(&outcomes, skipped),
        outcomes: &outcomes,
        peers: &all,
    };
    write(args, &run)?;
    println!("{}", report::table(&run));
    Ok(run.summary.failed == 0)
}

/// An entry that names no cell is a mistake, or outlived its cell.
fn check_known(known: &[known::Known], outcomes: &[Outcome]) -> Result<(), String> {
    let names: Vec<String> = outcomes.iter().map(|o| o.cell.to_string()).collect();
    match known.iter().find(|k| !names.iter().any(|name| name.contains(&k.cell))) {
        Some(entry) => Err(format!(
            "matrix/known-failing.yaml: no cell has {:?} in its name",
            entry.cell
        )),
        None => Ok(()),
    }
}

fn write(args: &RunArgs, run: &Run<'_>) -> Result<(), String> {
    let save = |path: &Option<PathBuf>, text: &dyn Fn() -> String| match path {
        Some(path) => std::fs::write(path, text()).map_err(|e| format!("{}: {e}", path.display())),
        None => Ok(()),
    };
    save(&args.json, &|| format!("{:#}\n", report::json(run)))?;
    save(&args.junit, &|| report::junit(run))?;
    save(&args.html, &|| report::html(run))
}

impl Place {
    /// The folders, by paths that hold wherever a program runs.
    fn folders(&self) -> Result<Folders, String> {
        let whole = |path: &Path| std::path::absolute(path).map_err(|e| format!("{}: {e}", path.display()));
        Ok(Folders {
            root: whole(&self.root)?,
            out: whole(&self.out)?,
            peers: whole(&self.peers)?,
        })
    }
}

/// Options of `compat golden`.
#[derive(Debug, Args)]
pub struct GoldenArgs {
    #[command(flatten)]
    place: Place,
}

/// Has each peer write its golden bytes anew.
///
/// # Errors
/// A sentence.
pub fn golden(args: &GoldenArgs) -> Result<bool, String> {
    let all = peers::load(&args.place.root)?;
    let cells: Vec<Cell> = axes::cells(&args.place.root, &all, &Choice::default())?;
    let files = write_golden(&Context::load(&args.place.folders()?, &all)?, &cells)?;
    println!("{files} files are written; `git diff` says which are new");
    Ok(true)
}

/// Options of `compat mutants`.
#[derive(Debug, Args)]
pub struct MutantsArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    left_out: LeftOut,
}

/// Has each peer make planned mistakes. `false`: the matrix did not see one of them.
///
/// # Errors
/// A sentence: nothing could be run.
pub fn mutants(args: &MutantsArgs) -> Result<bool, String> {
    let folders = args.place.folders()?;
    let mut all = peers::load(&folders.root)?;
    args.left_out.check(&all)?;
    all.retain(|p| !args.left_out.has(&p.name));
    let mutants = mutants::run(&folders, &all, WORKERS)?;
    for mutant in &mutants {
        let seen = mutant.seen.as_ref().map(|o| {
            let failure: String = o.failure.iter().flat_map(|f| f.chars()).take(SHOWN).collect();
            format!("{}\n{:26}{failure}", o.cell, "")
        });
        let seen = seen.as_deref().unwrap_or("NOBODY SAW IT");
        println!("{:<10}{:<16}{:<9}{seen}", mutant.peer, mutant.mistake, mutant.content);
    }
    let escaped = mutants.iter().filter(|m| m.seen.is_none()).count();
    println!("{} passed, {escaped} failed", mutants.len() - escaped);
    Ok(escaped == 0)
}
