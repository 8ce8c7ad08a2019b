//! Runs cells in parallel: each worker takes a case and its writer, has it written once, and has every reader read it.

use std::collections::VecDeque;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::Outcome;
use super::axes::Cell;
use super::calls::{self, Nodes};
use super::peers::{Peer, Peers};
use super::schemas::Schemas;
use super::suites::{self, Written};
use super::values::{self, Values};
use crate::schema::Schema as Messages;

/// What all cells share.
#[derive(Debug)]
pub struct Context {
    /// The repository.
    pub root: PathBuf,
    /// The running programs.
    pub peers: Peers,
    /// Both versions of the schema.
    pub schemas: Schemas,
    /// What is written.
    pub values: Values,
    /// What clients do at a node's remote door.
    pub calls: Vec<calls::Case>,
    /// The nodes that they call.
    pub nodes: Nodes,
    /// The messages of the test actors.
    pub messages: Messages,
}

/// Where things are.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The repository.
    pub root: PathBuf,
    /// What `make matrix-peers` has built.
    pub out: PathBuf,
    /// What `make compat-peers` has built: the programs that host nodes.
    pub peers: PathBuf,
}

impl Context {
    /// Reads the data of the repository.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn load(folders: &Folders, peers: &[Peer]) -> Result<Self, String> {
        let root = &folders.root;
        let hosts = peers.iter().filter_map(|p| {
            let program = p
                .nodes
                .as_ref()?
                .replace("{peers}", &folders.peers.display().to_string());
            Some((p.name.clone(), PathBuf::from(program)))
        });
        Ok(Self {
            root: root.clone(),
            calls: calls::load(root)?,
            nodes: Nodes::new(hosts.collect()),
            messages: Messages::load(root)?,
            peers: Peers::new(peers, root, &folders.out),
            schemas: Schemas::load(root)?,
            values: values::load(root)?,
        })
    }
}

/// Runs the cells with so many workers. The outcomes are in the order of the cells.
pub fn run(context: &Context, cells: Vec<Cell>, workers: usize) -> Vec<Outcome> {
    let total = cells.len();
    let jobs = Mutex::new(jobs(cells));
    let outcomes = Mutex::new(Vec::with_capacity(total));
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| {
                loop {
                    // Not in the loop's head, where the lock would be kept while the job runs.
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(job) = job else { return };
                    let done = carry_out(context, job);
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    outcomes.extend(done);
                    progress(outcomes.len(), total);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Cells of one case and writer, with their numbers.
type Job = Vec<(usize, Cell)>;

fn jobs(cells: Vec<Cell>) -> VecDeque<Job> {
    let mut jobs: VecDeque<Job> = VecDeque::new();
    for (number, cell) in cells.into_iter().enumerate() {
        let same = |job: &Job| {
            let (_, first) = &job[0];
            first.suite == cell.suite && first.case == cell.case && first.writer == cell.writer
        };
        match jobs.back_mut().filter(|job| same(job)) {
            Some(job) => job.push((number, cell)),
            None => jobs.push_back(vec![(number, cell)]),
        }
    }
    jobs
}

fn carry_out(context: &Context, job: Job) -> Vec<(usize, Outcome)> {
    let written: Result<Written, String> = suites::write(context, &job[0].1);
    let outcome = |(number, cell): (usize, Cell)| {
        let started = Instant::now();
        let failure = match &written {
            Ok(written) => suites::read(context, &cell, written).err(),
            Err(problem) => Some(problem.clone()),
        };
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        (
            number,
            Outcome {
                cell,
                failure,
                known: None,
                ms,
            },
        )
    };
    job.into_iter().map(outcome).collect()
}

/// One line that is written again and again, where someone looks at it.
fn progress(done: usize, total: usize) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r{done} of {total} cells");
        if done == total {
            let _ = writeln!(stderr);
        }
    }
}
