//! A status as metrics, for Prometheus and its kin. docs/METRICS.md is the list of them; Go nodes have the same.

use actorbridge_proto::v1::{Code, CodeCount, NodeStatus, RefusalReason, Traffic};

/// A counter only rises while the node lives; a gauge may fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Its name ends with `_total`.
    Counter,
    /// A present value.
    Gauge,
}

/// A name of [`FAMILIES`], what is measured, and the names of the labels that each sample has beside `system`, the node's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The whole name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// A sentence without its full stop.
    pub help: &'static str,
    /// Names of labels.
    pub labels: &'static [&'static str],
}

/// A number, and the values of its family's labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// In the order of [`Family::labels`].
    pub labels: Vec<String>,
    /// The number.
    pub value: f64,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    let kind = Kind::Counter;
    Family {
        name,
        kind,
        help,
        labels,
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    let kind = Kind::Gauge;
    Family {
        name,
        kind,
        help,
        labels,
    }
}

/// All of them, in the order of docs/METRICS.md.
pub const FAMILIES: &[Family] = &[
    gauge(
        "actorbridge_node_info",
        &["language", "software"],
        "1, with what the node is",
    ),
    gauge("actorbridge_uptime_seconds", &[], "Seconds since the node started"),
    gauge("actorbridge_actors", &[], "Actors that run, /system not counted"),
    gauge(
        "actorbridge_rust_heap_bytes",
        &[],
        "Bytes that the program has allocated outside Go: by Rust, and by C where they share an allocator",
    ),
    gauge(
        "actorbridge_mailbox_messages",
        &["actor", "dispatcher"],
        "Messages that wait in an actor's mailbox or are being handled; actor * is all that have no series of their own",
    ),
    gauge("actorbridge_links", &[], "Links that are up"),
    counter(
        "actorbridge_link_frames_total",
        &["peer", "direction"],
        "Frames that went by links; by shared memory runs, and only those that came",
    ),
    counter(
        "actorbridge_link_bytes_total",
        &["peer", "direction"],
        "Bytes of frames that went by links; by shared memory only those that came",
    ),
    counter(
        "actorbridge_link_credit_stalls_total",
        &["peer"],
        "How often a stream used up its credit, and a sender had to wait",
    ),
    counter(
        "actorbridge_link_reconnects_total",
        &["peer"],
        "How often a link came up after another one with the same peer",
    ),
    counter(
        "actorbridge_refusals_total",
        &["reason"],
        "Connections, links, streams and messages that were refused",
    ),
    gauge("actorbridge_asks_waiting", &[], "Asks that wait for their answer"),
    counter("actorbridge_asks_total", &["outcome"], "Asks that have ended"),
    counter(
        "actorbridge_dead_letters_total",
        &["code"],
        "Messages that were refused, lost or not handled",
    ),
    counter(
        "actorbridge_late_replies_total",
        &[],
        "Answers that came after their asker had stopped waiting",
    ),
];

/// What a status says of a family.
pub fn samples(family: &Family, status: &NodeStatus) -> Vec<Sample> {
    let one = |value: f64| vec![sample([], value)];
    let of = |peer: &dyn Fn(&Traffic) -> u64| {
        let each = status.traffic.iter().filter(|t| !t.peer.is_empty());
        each.map(|t| sample([&t.peer], peer(t) as f64)).collect()
    };
    match family.name {
        "actorbridge_node_info" => vec![sample([&status.language, &status.software], 1.0)],
        "actorbridge_uptime_seconds" => one(status.uptime_ms as f64 / 1_000.0),
        "actorbridge_actors" => one(f64::from(status.actors)),
        "actorbridge_rust_heap_bytes" if status.heap_bytes == 0 => Vec::new(),
        "actorbridge_rust_heap_bytes" => one(status.heap_bytes as f64),
        "actorbridge_mailbox_messages" => mailboxes(status),
        "actorbridge_links" => one(f64::from(status.links_up)),
        "actorbridge_link_frames_total" => both_ways(status, |t| (t.frames_sent, t.frames_received)),
        "actorbridge_link_bytes_total" => both_ways(status, |t| (t.bytes_sent, t.bytes_received)),
        "actorbridge_link_credit_stalls_total" => of(&|t| t.credit_stalls),
        "actorbridge_link_reconnects_total" => of(&|t| t.reconnects),
        "actorbridge_refusals_total" => refusals(status),
        "actorbridge_asks_waiting" => one(f64::from(status.asks_waiting)),
        "actorbridge_asks_total" => by_code(&status.asks),
        "actorbridge_dead_letters_total" => by_code(&status.dead_letters),
        "actorbridge_late_replies_total" => one(status.late_replies as f64),
        _ => Vec::new(),
    }
}

fn sample<const N: usize>(labels: [&str; N], value: f64) -> Sample {
    Sample {
        labels: labels.map(str::to_owned).into(),
        value,
    }
}

fn mailboxes(status: &NodeStatus) -> Vec<Sample> {
    let each = status.fullest.iter();
    let mut all: Vec<_> = each
        .map(|a| sample([&a.path, &a.dispatcher], f64::from(a.depth)))
        .collect();
    all.push(sample(["*", ""], status.others_depth as f64));
    all
}

fn both_ways(status: &NodeStatus, of: impl Fn(&Traffic) -> (u64, u64)) -> Vec<Sample> {
    let each = status.traffic.iter().flat_map(|t| {
        let (sent, received) = of(t);
        [
            sample([&t.peer, "sent"], sent as f64),
            sample([&t.peer, "received"], received as f64),
        ]
    });
    each.collect()
}

/// Each reason has its series from the start: an alert must see the first refusal as a rise.
fn refusals(status: &NodeStatus) -> Vec<Sample> {
    let mut all = Vec::new();
    for reason in (0..).map_while(|n| RefusalReason::try_from(n).ok()) {
        let counted = status.refusals.iter().find(|r| r.reason == reason as i32);
        let name = match reason {
            RefusalReason::Unspecified => "other".to_owned(),
            _ => reason.as_str_name()["REFUSAL_REASON_".len()..].to_lowercase(),
        };
        all.push(sample([&name], counted.map_or(0.0, |r| r.count as f64)));
    }
    all
}

fn by_code(counts: &[CodeCount]) -> Vec<Sample> {
    let name = |code: i32| Code::from_wire(code).as_str_name()["CODE_".len()..].to_lowercase();
    counts.iter().map(|c| sample([&name(c.code)], c.count as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the list: name, kind, labels, what.
    fn listed() -> Vec<[String; 4]> {
        let cell = |text: &str| text.trim().replace('`', "");
        include_str!("../../docs/METRICS.md")
            .lines()
            .filter(|line| line.starts_with("| `actorbridge_"))
            .map(|line| {
                let cells: Vec<_> = line.split('|').map(cell).collect();
                [1, 2, 3, 4].map(|i| cells[i].clone())
            })
            .collect()
    }

    #[test]
    fn the_metrics_are_those_of_the_list() {
        let own = FAMILIES.iter().map(|f| {
            let kind = format!("{:?}", f.kind).to_lowercase();
            [f.name, &kind, &f.labels.join(", "), f.help].map(str::to_owned)
        });
        assert_eq!(own.collect::<Vec<_>>(), listed());
    }

    #[test]
    fn each_family_says_something_of_a_status() {
        let status = NodeStatus {
            traffic: vec![Traffic {
                peer: "a".into(),
                ..Default::default()
            }],
            asks: vec![CodeCount::default()],
            dead_letters: vec![CodeCount::default()],
            heap_bytes: 1, // 0: it is not known
            ..Default::default()
        };
        for family in FAMILIES {
            let samples = samples(family, &status);
            assert!(!samples.is_empty(), "{}", family.name);
            let labelled = samples.iter().all(|s| s.labels.len() == family.labels.len());
            assert!(labelled, "{}", family.name);
        }
    }
}
