//! `actorbridge tap`: what goes by a node's links, without what it says.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use actorbridge::proto::v1::{Compression, ContentType, Direction, Kind, TapReply, TapRequest, Tapped, TappedEnvelope};
use actorbridge::remote::Answer;
use clap::Args;

use crate::asked::{Asked, Json, block_on, until_stopped};
use crate::print;

/// Show the envelopes that go by a node's links: from whom, for whom, of which type and size, and never a payload.
///
/// One line for each, with the time of day in UTC. It goes on until it is stopped. What is too much at once is counted instead: the node
/// tells at most 512 envelopes each 100 ms, and nothing waits for it. Who may link with the node may look.
#[derive(Args)]
pub(crate) struct Tap {
    #[command(flatten)]
    asked: Asked,
    /// Only envelopes from or for actors whose path has this prefix, and the answers to asks among them.
    #[arg(long, default_value = "", value_name = "PREFIX")]
    actor: String,
    /// Only message types whose full name has this prefix, and the answers to asks among them.
    #[arg(long = "type", default_value = "", value_name = "PREFIX")]
    of_type: String,
    /// Only envelopes that go to this node, or come from it.
    #[arg(long, default_value = "", value_name = "NODE")]
    peer: String,
    /// End after so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print each as a line of JSON, as protobuf has it; a line with "missed" has the number of those that are not shown.
    #[arg(long)]
    json: bool,
}

impl Tap {
    pub(crate) fn run(self) -> Result<String, String> {
        block_on(until_stopped(self.show()))
    }

    async fn show(self) -> Result<String, String> {
        let client = self.asked.connect().await?;
        let request = TapRequest {
            actor: self.actor.trim_start_matches("ab:///").to_owned(),
            r#type: self.of_type.clone(),
            peer: self.peer.clone(),
            most: self.count.unwrap_or(0),
        };
        let mut events = client.subscribe("ab:///system", &request).await?;
        let (json, mut missed, mut begun) = (Json::new()?, 0, false);
        loop {
            let tapped = match events.next::<Tapped, TapReply>().await? {
                Answer::Event(tapped) => tapped,
                Answer::Reply(_) if self.count.is_some() => return Ok(String::new()),
                Answer::Reply(_) => return Err(format!("{}: the node is shutting down", self.asked.address)),
            };
            if !std::mem::replace(&mut begun, true) {
                // If nobody reads that, what is looked for may be read all the same.
                let _ = writeln!(io::stderr(), "looking at what goes by {}", self.asked.address);
            }
            let mut lines = tapped.envelopes.iter().map(|envelope| match self.json {
                true => line_of(&json, envelope),
                false => Ok(text(envelope)),
            });
            let mut shown = lines.try_fold(Vec::new(), |mut all, line| {
                all.push(line?);
                Ok::<_, String>(all)
            })?;
            if tapped.missed > missed {
                missed = tapped.missed;
                shown.push(match self.json {
                    true => line_of(
                        &json,
                        &Tapped {
                            missed,
                            ..Tapped::default()
                        },
                    )?,
                    false => format!("… {missed} in all are not shown: they were too many at once"),
                });
            }
            if !print(&shown.join("\n"))? {
                return Ok(String::new());
            }
        }
    }
}

fn line_of<M: prost::Message + prost::Name>(json: &Json, message: &M) -> Result<String, String> {
    serde_json::to_string(&json.of(message)?).map_err(|e| e.to_string())
}

fn text(envelope: &TappedEnvelope) -> String {
    let direction = match envelope.direction() {
        Direction::Sent => "→",
        _ => "←",
    };
    let kind = short(Kind::try_from(envelope.kind).map(|k| k.as_str_name()), envelope.kind);
    let mut out = format!("{} {direction} {} {kind}", time_of_day(envelope.unix_ms), envelope.peer);
    for (what, address) in [("from", &envelope.source), ("for", &envelope.target)] {
        if !address.is_empty() {
            let _ = write!(out, " {what} {address}");
        }
    }
    if !envelope.r#type.is_empty() {
        let _ = write!(out, " {} v{}", envelope.r#type, envelope.type_version.max(1));
    }
    let (content, by) = (envelope.content_type, envelope.compression);
    let content = short(ContentType::try_from(content).map(|c| c.as_str_name()), content);
    let _ = write!(out, " {content} {} B", envelope.payload_bytes);
    if by != 0 {
        let by = short(Compression::try_from(by).map(|c| c.as_str_name()), by);
        let _ = write!(out, " in {by}");
    }
    let numbers = [
        ("seq", envelope.seq),
        ("correlation", envelope.correlation),
        ("ttl_ms", envelope.ttl_ms.into()),
        ("hops", envelope.hops.into()),
        ("link", envelope.link),
    ];
    for (what, number) in numbers.into_iter().filter(|(_, number)| *number > 0) {
        let _ = write!(out, " {what}={number}");
    }
    out
}

/// A value's name without that of its enum; one of a later version is its number.
fn short<E>(name: Result<&str, E>, number: i32) -> String {
    let prefixes = ["KIND_", "CONTENT_TYPE_", "COMPRESSION_"];
    let without = |name: &str| {
        prefixes
            .iter()
            .find_map(|p| name.strip_prefix(p))
            .unwrap_or(name)
            .to_lowercase()
    };
    name.map_or_else(|_| number.to_string(), without)
}

fn time_of_day(unix_ms: u64) -> String {
    let (s, ms) = (unix_ms / 1_000, unix_ms % 1_000);
    format!("{:02}:{:02}:{:02}.{ms:03}", s / 3_600 % 24, s / 60 % 60, s % 60)
}
