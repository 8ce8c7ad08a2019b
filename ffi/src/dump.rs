//! What a node shows of itself: JSON for people, OpenMetrics for machines.

use std::fmt::Write as _;

use serde_json::json;

use crate::border::Fail;
use crate::host::Host;
use crate::status::AB_BAD_ARGUMENT;
use crate::types::{AB_DUMP_DEAD_LETTERS, AB_DUMP_NODE, AB_STATE_RUNNING, AB_STATE_STOPPING};

/// The most dead letters that a dump shows: the latest.
const MOST_LETTERS: usize = 1_000;

fn state(host: &Host) -> &'static str {
    match host.state() {
        AB_STATE_RUNNING => "running",
        AB_STATE_STOPPING => "stopping",
        _ => "stopped",
    }
}

pub(crate) fn json(host: &Host, what: u32) -> Result<String, Fail> {
    let node = &host.node;
    let document = match what {
        AB_DUMP_NODE => json!({
            "node": node.name(),
            "state": state(host),
            "actors": node.actors(),
            "peers": node.peers(),
            "dead_letters": node.dead_letter_counts(),
        }),
        AB_DUMP_DEAD_LETTERS => {
            let letters = node.dead_letters();
            let latest = letters.iter().rev().take(MOST_LETTERS).map(|letter| {
                json!({
                    "target": letter.target,
                    "code": letter.code.as_str_name(),
                    "effect": letter.effect.as_str_name(),
                    "detail": letter.detail,
                    "bytes": letter.envelope.len(),
                })
            });
            json!({ "node": node.name(), "latest": latest.collect::<Vec<_>>() })
        }
        _ => {
            return Err(Fail::new(
                AB_BAD_ARGUMENT,
                "what is AB_DUMP_NODE or AB_DUMP_DEAD_LETTERS",
            ));
        }
    };
    Ok(document.to_string())
}

pub(crate) fn metrics(host: &Host) -> String {
    let (node, name) = (&host.node, host.node.name());
    let mut out = String::new();
    let mut gauge = |metric: &str, help: &str, value: u64| {
        let _ = writeln!(
            out,
            "# TYPE {metric} gauge\n# HELP {metric} {help}\n{metric}{{node=\"{name}\"}} {value}"
        );
    };
    gauge("actorbridge_actors", "Actors that run.", node.actors() as u64);
    gauge("actorbridge_links", "Links that are up.", node.peers().len() as u64);
    gauge(
        "actorbridge_running",
        "1 while the node takes messages.",
        u64::from(host.state() == AB_STATE_RUNNING),
    );
    out.push_str("# TYPE actorbridge_dead_letters counter\n");
    out.push_str("# HELP actorbridge_dead_letters Messages that were refused, lost or not handled.\n");
    for (code, count) in node.dead_letter_counts() {
        let _ = writeln!(
            out,
            "actorbridge_dead_letters_total{{node=\"{name}\",code=\"{code}\"}} {count}"
        );
    }
    out.push_str("# TYPE actorbridge_log_lines_dropped counter\n");
    out.push_str("# HELP actorbridge_log_lines_dropped Log lines that nobody drained in time.\n");
    let _ = writeln!(
        out,
        "actorbridge_log_lines_dropped_total{{node=\"{name}\"}} {}\n# EOF",
        host.logs_dropped()
    );
    out
}
