//! Plays the events of a trace to either side of a move.

use actorbridge::machine::mover::{Action, Destination, Source, Subject};
use actorbridge::proto::v1::{self, Code};
use actorbridge::proto::{Refusal, v1::Move};
use bytes::Bytes;
use prost::Message;

use crate::packets::step;
use crate::text::{Event, Line};

/// One side of a move.
pub(crate) enum Side {
    Source(Source),
    Destination(Destination),
}

fn subject(event: &Event<'_>) -> Subject {
    Subject {
        actor: event.text("actor").to_owned(),
        epoch: event.number("epoch", 0),
        source: event.text("source").to_owned(),
        destination: event.text("destination").to_owned(),
    }
}

fn offer(event: &Event<'_>) -> v1::Offer {
    v1::Offer {
        r#type: event.text("type").to_owned(),
        state_version: 1,
        codec: event.text("codec").to_owned(),
        total: event.number("total", 0),
        sha256: Bytes::copy_from_slice(event.bytes("sha256")),
        meta: None,
    }
}

/// The side that the actor leaves, at its beginning.
pub(crate) fn source(event: &Event<'_>) -> Side {
    Side::Source(Source::new(
        subject(event),
        event.number("freeze_ms", 0),
        event.number("now", 0),
    ))
}

/// The side that it comes to, at its beginning; or why it cannot.
pub(crate) fn destination(event: &Event<'_>) -> Result<Side, String> {
    Destination::new(subject(event), &offer(event), event.number("now", 0))
        .map(Side::Destination)
        .map_err(|refused| refusal(Line::new("refused"), &refused).end())
}

/// What the machine answers, a line for each thing.
pub(crate) fn play(side: &mut Side, event: &Event<'_>) -> Vec<String> {
    let mut out = Vec::new();
    let now = event.number("now", 0);
    let (owner, epoch) = (event.text("owner"), event.number("epoch", 0));
    match (side, event.verb) {
        (Side::Source(source), verb) => match verb {
            "cut" => {
                let snapshot = Bytes::copy_from_slice(event.bytes("snapshot"));
                source.cut(
                    offer(event),
                    &snapshot,
                    event.number("chunk", 0) as usize,
                    now,
                    &mut out,
                );
            }
            "refuse" => source.refuse(why(event), &mut out),
            "receive" => source.receive(&received(event), &mut out),
            "swapped" => source.swapped(owner, epoch, &mut out),
            "unanswered" => source.unanswered(now),
            "link_down" => source.link_down(event.text("detail"), &mut out),
            "tick" => source.tick(now, &mut out),
            "is_swapping" => return vec![format!("< {}", source.is_swapping())],
            _ => panic!("{verb} is no event of a move's source"),
        },
        (Side::Destination(destination), verb) => match verb {
            "receive" => destination.receive(&received(event), now, &mut out),
            "loaded" => {
                let result = if event.text("code").is_empty() {
                    Ok(())
                } else {
                    Err(why(event))
                };
                destination.loaded(result, &mut out);
            }
            "link_down" => destination.link_down(now, &mut out),
            "polled" => destination.polled(owner, epoch, &mut out),
            "tick" => destination.tick(now, &mut out),
            "is_over" => return vec![format!("< {}", destination.is_over())],
            _ => panic!("{verb} is no event of a move's destination"),
        },
    }
    out.iter().map(action).collect()
}

fn received(event: &Event<'_>) -> Move {
    Move::decode(event.bytes("")).expect("the trace's step decodes")
}

fn why(event: &Event<'_>) -> Refusal {
    Refusal {
        code: Code::from_str_name(event.text("code")).expect("a code's name"),
        detail: event.text("detail").to_owned(),
    }
}

fn refusal(line: Line, refusal: &Refusal) -> Line {
    line.word("code", refusal.code.as_str_name())
        .quoted("detail", &refusal.detail)
}

fn action(action: &Action) -> String {
    let line = match action {
        Action::Send(sent) => step(Line::new("send"), sent),
        Action::Swap => Line::new("swap"),
        Action::Stay { epoch, refusal: why } => {
            let epoch = epoch.map_or_else(String::new, |e| e.to_string());
            refusal(Line::new("stay").word("epoch", &epoch), why)
        }
        Action::Raise => Line::new("raise"),
        Action::Leave { owner, epoch } => Line::new("leave").quoted("owner", owner).number("epoch", *epoch),
        Action::Load(snapshot) => Line::new("load").quoted("snapshot", snapshot),
        Action::Activate => Line::new("activate"),
        Action::Drop(why) => Line::new("drop").quoted("detail", why),
        Action::Poll => Line::new("poll"),
    };
    line.end()
}
