//! What a node shows of itself: JSON for people, OpenMetrics for machines.

use std::fmt::Write as _;

use actorbridge::metrics::{self, FAMILIES, Kind};
use actorbridge::proto::v1::StatusRequest;
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

/// The most actors whose mailboxes have a series each.
const MAILBOXES: u32 = 200;

pub(crate) fn metrics(host: &Host) -> String {
    let request = StatusRequest {
        most_actors: MAILBOXES,
        ..Default::default()
    };
    let status = host.node.status(&request);
    let mut out = String::new();
    for family in FAMILIES {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // A family is named without the end of its counters' names.
        let name = family.name.trim_end_matches("_total");
        let _ = writeln!(out, "# TYPE {name} {kind}\n# HELP {name} {}", family.help);
        for sample in metrics::samples(family, &status) {
            let _ = write!(out, "{}{{system=\"{}\"", family.name, status.node);
            for (label, value) in family.labels.iter().zip(&sample.labels) {
                let _ = write!(out, ",{label}=\"{}\"", escaped(value));
            }
            let _ = writeln!(out, "}} {}", sample.value);
        }
    }
    let dropped = host.logs_dropped();
    let _ = write!(
        out,
        "# TYPE actorbridge_running gauge\n# HELP actorbridge_running 1 while the node takes messages\n\
         actorbridge_running{{system=\"{node}\"}} {running}\n\
         # TYPE actorbridge_log_lines_dropped counter\n# HELP actorbridge_log_lines_dropped Log lines that nobody drained in time\n\
         actorbridge_log_lines_dropped_total{{system=\"{node}\"}} {dropped}\n# EOF\n",
        node = status.node,
        running = u32::from(host.state() == AB_STATE_RUNNING),
    );
    out
}

/// A label's value as it is written.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
