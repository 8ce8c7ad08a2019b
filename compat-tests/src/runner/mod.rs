//! Runs cases: starts peers, links nodes, carries out steps, compares, prints.
//!
//! - [`pair`]: the columns of the table: a door and two languages, with the nodes they need. [`compression`]: how those compress.
//! - `peer`: a peer program and the conversation with it.
//! - `network`: hurts connections. `steps`: carries out one case. `matching`: does a result look as expected?
//! - [`known`]: failures that are known. [`table`]: what is printed.

pub mod compression;
mod events;
pub mod known;
pub mod pair;
pub mod table;

mod certificates;
mod matching;
mod network;
mod peer;
mod steps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::cases::{Case, Later};
use crate::schema::Schema;
pub(crate) use matching::check;
use pair::Pair;

/// Cases of one pair that run at once.
const CASES_AT_ONCE: usize = 8;
/// Pairs that run at once.
const PAIRS_AT_ONCE: usize = 3;
/// No case may take longer.
const CASE_LIMIT: Duration = Duration::from_secs(30);

/// The peer programs.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// The Rust peer.
    pub rust: PathBuf,
    /// The Go peer.
    pub go: PathBuf,
    /// The same without cgo.
    pub go_nocgo: PathBuf,
    /// The Go peer that also hosts Rust nodes.
    pub native: PathBuf,
    /// One of them, and the planned mistake that it makes (the environment variable `COMPAT_MUTANT`).
    pub mistaken: Option<(PathBuf, String)>,
}

impl Programs {
    /// The programs that `make compat-peers` has put into this folder.
    pub fn of(folder: &Path) -> Self {
        Self {
            rust: folder.join("compat-peer-rust"),
            go: folder.join("compat-peer-go"),
            go_nocgo: folder.join("compat-peer-go-nocgo"),
            native: folder.join("compat-peer-native"),
            mistaken: None,
        }
    }

    /// The planned mistake of one of them; empty where it makes none.
    fn mistake(&self, program: &Path) -> String {
        let mistaken = self.mistaken.as_ref().filter(|(mistaken, _)| mistaken == program);
        mistaken.map(|(_, mistake)| mistake.clone()).unwrap_or_default()
    }
}

/// What became of one case over one pair.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The pair.
    pub pair: Pair,
    /// The case's name.
    pub case: String,
    /// Why it failed; `None` = it passed.
    pub failure: Option<String>,
    /// Why the failure is known.
    pub known: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Runs each case over each pair where it applies.
///
/// # Errors
/// A sentence, if nothing can be run at all.
pub async fn run(programs: &Programs, schema: &Schema, cases: &[Case], pairs: &[Pair]) -> Result<Vec<Outcome>, String> {
    let limit = Arc::new(Semaphore::new(PAIRS_AT_ONCE));
    let mut running = tokio::task::JoinSet::new();
    for pair in pairs {
        let cases: Vec<Case> = cases.iter().filter(|c| pair.is_meant(&c.only)).cloned().collect();
        let (programs, schema, pair, limit) = (programs.clone(), schema.clone(), *pair, limit.clone());
        running.spawn(async move {
            let _permit = limit.acquire_owned().await;
            run_pair(&programs, &schema, cases, pair).await
        });
    }
    let mut outcomes = Vec::new();
    while let Some(done) = running.join_next().await {
        outcomes.extend(done.map_err(|e| format!("the runner failed: {e}"))?);
    }
    Ok(outcomes)
}

async fn run_pair(programs: &Programs, schema: &Schema, cases: Vec<Case>, pair: Pair) -> Vec<Outcome> {
    let nodes = match pair::Nodes::start(programs, pair, "shared", false).await {
        Ok(nodes) => Arc::new(nodes),
        Err(problem) => {
            let failed = |case: Case| Outcome {
                pair,
                case: case.name,
                failure: Some(format!("the pair does not start: {problem}")),
                known: None,
                took: Duration::ZERO,
            };
            return cases.into_iter().map(failed).collect();
        }
    };
    let limit = Arc::new(Semaphore::new(CASES_AT_ONCE));
    let mut running = tokio::task::JoinSet::new();
    for (number, case) in cases.into_iter().enumerate() {
        let (programs, schema, limit, nodes) = (programs.clone(), schema.clone(), limit.clone(), nodes.clone());
        running.spawn(async move {
            let _permit = limit.acquire_owned().await;
            let started = std::time::Instant::now();
            let failure = run_case(&programs, schema, &case, pair, nodes, number).await.err();
            Outcome {
                pair,
                case: case.name,
                failure,
                known: None,
                took: started.elapsed(),
            }
        });
    }
    let mut outcomes = Vec::new();
    while let Some(done) = running.join_next().await {
        outcomes.extend(done);
    }
    outcomes
}

async fn run_case(
    programs: &Programs,
    schema: Schema,
    case: &Case,
    pair: Pair,
    shared: Arc<pair::Nodes>,
    number: usize,
) -> Result<(), String> {
    let id = format!("c{number}");
    let work = async {
        let nodes = match case.fresh {
            true => Arc::new(pair::Nodes::start(programs, pair, &id, case.is_proxied()).await?),
            false => shared,
        };
        steps::Run {
            schema,
            nodes,
            id,
            saved: BTreeMap::new(),
            background: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
        }
        .all(&match &case.later {
            Some(Later(make)) => make()?,
            None => case.steps.clone(),
        })
        .await
    };
    tokio::time::timeout(CASE_LIMIT, work)
        .await
        .unwrap_or_else(|_| Err(format!("it did not end within {} s", CASE_LIMIT.as_secs())))
}
