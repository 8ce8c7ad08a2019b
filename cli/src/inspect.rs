//! `actorbridge inspect`: what a node that listens does at present.

use std::fmt::Write as _;
use std::time::Duration;

use actorbridge::proto::v1::{
    ActorInfo, AskStatus, Code, CodeCount, LinkStatus, NodeStatus, RefusalCount, StatusRequest,
};
use clap::Args;

use crate::asked::{Asked, Json, block_on, until_stopped};
use crate::print;

/// How long the node may take to answer.
const WITHIN: Duration = Duration::from_secs(5);

/// Show what a node does: its links, its actors with the fullest mailboxes, asks that wait, what it has refused.
///
/// It asks the node by one call (docs/CALLS.md): who may link with it may ask.
#[derive(Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    asked: Asked,
    /// Print the whole answer as JSON, as protobuf has it.
    #[arg(long)]
    json: bool,
    /// Ask again every so many seconds, until it is stopped or the node is gone.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,
    /// Only actors whose path has this prefix.
    #[arg(long, default_value = "")]
    prefix: String,
    /// Most actors that are shown.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    actors: u32,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<String, String> {
        match self.watch {
            None => block_on(self.show()),
            Some(_) => block_on(until_stopped(self.show())),
        }
    }

    async fn show(self) -> Result<String, String> {
        let client = self.asked.connect().await?;
        let request = StatusRequest {
            prefix: self.prefix.clone(),
            most_actors: self.actors,
        };
        loop {
            let status: NodeStatus = client.ask("ab:///system", &request, WITHIN).await?;
            let shown = match self.json {
                true => serde_json::to_string_pretty(&Json::new()?.of(&status)?).map_err(|e| e.to_string())?,
                false => text(&status),
            };
            let Some(seconds) = self.watch else { return Ok(shown) };
            if !print(&shown)? {
                return Ok(String::new());
            }
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }
}

fn text(status: &NodeStatus) -> String {
    let mut out = format!(
        "node {} ({}), up {}: {} actors, {} links up, {} asks wait",
        status.node,
        status.software,
        age(status.uptime_ms),
        status.actors,
        status.links_up,
        status.asks_waiting
    );
    let counted = [
        ("asks ended", by_code(&status.asks)),
        ("dead letters", by_code(&status.dead_letters)),
        ("refused", refusals(&status.refusals)),
    ];
    for (what, counts) in counted {
        if !counts.is_empty() {
            let _ = write!(out, "\n{what}: {counts}");
        }
    }
    let head = [
        "peer",
        "state",
        "age",
        "streams out",
        "credit",
        "stalled",
        "streams in",
        "queued bytes",
    ];
    table(&mut out, "links", &head, status.links.iter().map(link));
    let head = [
        "actor",
        "phase",
        "depth",
        "mailbox",
        "handled",
        "restarts",
        "dispatcher",
    ];
    table(
        &mut out,
        "actors, the fullest mailboxes first",
        &head,
        status.fullest.iter().map(actor),
    );
    if status.others_depth > 0 {
        let _ = write!(out, "\n{} messages in the mailboxes of others", status.others_depth);
    }
    let head = ["asks", "at", "age"];
    table(
        &mut out,
        "asks that wait, the oldest first",
        &head,
        status.oldest_asks.iter().map(ask),
    );
    out
}

fn link(link: &LinkStatus) -> Vec<String> {
    let state = match (link.up, link.shared_memory, link.dialled) {
        (false, ..) => "not up",
        (true, true, _) => "up, in memory",
        (true, false, true) => "up, dialled",
        (true, false, false) => "up, accepted",
    };
    let numbers = [
        u64::from(link.streams_out),
        link.credit,
        u64::from(link.stalled),
        u64::from(link.streams_in),
        link.queued_bytes,
    ];
    let head = [link.peer.clone(), state.to_owned(), age(link.age_ms)];
    head.into_iter().chain(numbers.map(|n| n.to_string())).collect()
}

fn actor(actor: &ActorInfo) -> Vec<String> {
    let phase = actor.phase().as_str_name().trim_start_matches("PHASE_").to_lowercase();
    vec![
        actor.path.clone(),
        phase,
        actor.depth.to_string(),
        actor.mailbox.to_string(),
        actor.handled.to_string(),
        actor.restarts.to_string(),
        actor.dispatcher.clone(),
    ]
}

fn ask(ask: &AskStatus) -> Vec<String> {
    vec![ask.target.clone(), ask.peer.clone(), age(ask.age_ms)]
}

fn by_code(counts: &[CodeCount]) -> String {
    let one = |c: &CodeCount| {
        let name = Code::from_wire(c.code).as_str_name();
        format!("{} {}", c.count, name.trim_start_matches("CODE_"))
    };
    counts.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn refusals(counts: &[RefusalCount]) -> String {
    let one = |r: &RefusalCount| {
        let name = r.reason().as_str_name();
        format!("{} {}", r.count, name.trim_start_matches("REFUSAL_REASON_"))
    };
    counts.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Columns as wide as they must be; nothing where there are no rows.
fn table(out: &mut String, title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let head = head.iter().map(|&cell| cell.to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    if rows.len() == 1 {
        return;
    }
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..rows[0].len()).map(width).collect();
    let _ = write!(out, "\n\n{title}");
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        let _ = write!(out, "\n  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn age(ms: u64) -> String {
    match ms / 1_000 {
        0 => format!("{ms} ms"),
        s @ 1..60 => format!("{s} s"),
        s @ 60..3_600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3_600, s / 60 % 60),
    }
}
