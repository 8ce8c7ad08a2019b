//! Plays the events of a trace to a link machine.

use actorbridge::machine::link::{Action, BindingNumber, Config, Delivery, Link, PROTOCOL, Relayed, Role, Send};
use actorbridge::proto::v1::{self, Code, ContentType, Effect};
use actorbridge::proto::{Packet, Refusal, What, writer};
use bytes::Bytes;
use prost::Message;

use crate::packets::{describe, moved_in, outcome_in, step, types};
use crate::text::{Event, Line, quote};

/// A link at its beginning, as the event says.
pub(crate) fn begin(event: &Event<'_>) -> Link {
    let config = Config {
        role: match event.text("role") {
            "dialer" => Role::Dialer,
            _ => Role::Acceptor,
        },
        node: event.text("node").to_owned(),
        incarnation: event.number("incarnation", 1),
        link_epoch: event.number("link_epoch", 1),
        protocol: (
            event.number("min_protocol", PROTOCOL.0.into()) as u32,
            event.number("max_protocol", PROTOCOL.1.into()) as u32,
        ),
        capabilities: event.list("capabilities"),
        required: event.list("required"),
        limits: v1::Limits {
            max_frame_bytes: event.small("max_frame_bytes"),
            inline_bytes: event.small("inline_bytes"),
            max_message_bytes: event.number("max_message_bytes", 0),
            max_flows: event.small("max_flows"),
            initial_credit: event.small("initial_credit"),
            assembly_bytes: event.number("assembly_bytes", 0),
            ping_ms: event.small("ping_ms"),
        },
        software: event.text("software").to_owned(),
        types: event.text("types").split(',').filter_map(reads).collect(),
    };
    Link::new(config, event.number("now", 0))
}

/// `name:max_version:min_reader`
fn reads(text: &str) -> Option<v1::Reads> {
    let mut parts = text.rsplitn(3, ':');
    let mut number = || parts.next()?.parse().ok();
    let (min_reader, max_version) = (number()?, number()?);
    Some(v1::Reads {
        r#type: parts.next()?.to_owned(),
        max_version,
        min_reader,
    })
}

/// What the machine answers, a line for each thing.
pub(crate) fn play(link: &mut Link, event: &Event<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut actions = Vec::new();
    match event.verb {
        "poll" => poll(link, event, &mut lines, &mut actions),
        "receive" => receive(link, event, &mut lines, &mut actions),
        "tick" => link.tick(event.number("now", 0), &mut actions),
        "drain" => link.drain(),
        "probe" => link.probe(event.number("now", 0)),
        "has_answered" => lines.push(format!("< {}", link.has_answered(event.number("since", 0)))),
        "supersede" => link.supersede(&mut actions),
        "lost" => link.lost(event.text(""), &mut actions),
        "bad_frame" => link.bad_frame(event.text(""), &mut actions),
        "send_all" => lines.push(send_all(link, event)),
        "open" | "send" | "send_off_stream" | "forward" | "fail" | "move" => lines.push(send(link, event)),
        "cancel" => link.cancel(event.small("flow"), event.number("seq", 0), &mut actions),
        _ => tell(link, event, &mut lines),
    }
    lines.extend(actions.iter().map(action));
    lines
}

fn poll(link: &mut Link, event: &Event<'_>, lines: &mut Vec<String>, actions: &mut Vec<Action>) {
    match link.poll(event.number("now", 0), actions) {
        None => lines.push("< nothing".into()),
        Some(packet) => {
            lines.push(format!("< packet {}", quote(&packet.to_bytes())));
            describe(&packet, lines);
        }
    }
}

fn receive(link: &mut Link, event: &Event<'_>, lines: &mut Vec<String>, actions: &mut Vec<Action>) {
    let frame = Bytes::copy_from_slice(event.bytes(""));
    match Packet::read(&frame, link.limits().max_frame_bytes as usize) {
        Err(refusal) => {
            lines.push(format!("< unreadable {}", refused(&refusal)));
            link.bad_frame(&refusal.detail, actions);
        }
        Ok(packet) => {
            describe(&packet, lines);
            link.receive(packet, actions);
        }
    }
}

fn send_all(link: &mut Link, event: &Event<'_>) -> String {
    let sizes = event.text("sizes").split_whitespace();
    let payloads: Vec<_> = sizes.map(|size| vec![b'x'; size.parse().expect("a size")]).collect();
    let payloads: Vec<_> = payloads.iter().map(Vec::as_slice).collect();
    let (count, last) = link.send_all(event.small("flow"), &what(event), &payloads);
    Line::new("queued_all")
        .number("count", count as u64)
        .number("seq", last)
        .end()
}

fn send(link: &mut Link, event: &Event<'_>) -> String {
    let body = Bytes::copy_from_slice(event.bytes("body"));
    let deadline = Some(event.number("deadline", 0)).filter(|d| *d != 0);
    let hops = event.small("hops");
    let sent = match event.verb {
        "open" => {
            let who = writer::who(event.text("source"), event.text("target"), event.text("reply_to"));
            let first_seq = event.number("first_seq", 0);
            let relayed = Relayed {
                destination: event.text("destination").to_owned(),
                ..Relayed::default()
            };
            let opened = link.open_relayed(
                event.number("stream", 0),
                &who.bytes,
                first_seq,
                BindingNumber {
                    number: event.small("binding"),
                    after: event.small("after"),
                },
                relayed,
            );
            return opened.map_or_else(
                |r| format!("< refused {}", refused(&r)),
                |flow| format!("< flow {flow}"),
            );
        }
        "move" => {
            let step = v1::Move::decode(event.bytes("")).expect("the trace's step decodes");
            let sent = link.send_move(step);
            return sent.map_or_else(|r| format!("< refused {}", refused(&r)), |()| "< queued".into());
        }
        "send" => link.send(event.small("flow"), &what(event), deadline, hops, &body),
        "forward" => link.forward(&what(event), deadline, hops, event.number("epoch", 0), &body),
        "send_off_stream" => link.send_off_stream(&what(event), &body),
        _ => {
            let effect = Effect::from_str_name(event.text("effect")).expect("an effect's name");
            link.fail(
                event.number("correlation", 0),
                code_of(event),
                effect,
                event.text("detail"),
            )
        }
    };
    match sent {
        Send::Queued(seq) => Line::new("queued").number("seq", seq).end(),
        Send::NoCredit => "< no_credit".into(),
        Send::NoRoom => "< no_room".into(),
        Send::Refused(refusal) => format!("< refused {}", refused(&refusal)),
    }
}

fn what(event: &Event<'_>) -> What {
    let version = |key| event.number(key, 1) as u32;
    writer::what_of(
        event.small("kind"),
        event.text("type"),
        version("version"),
        version("min_reader"),
        ContentType::Protobuf,
    )
}

fn code_of(event: &Event<'_>) -> Code {
    Code::from_str_name(event.text("code")).expect("a code's name")
}

/// Events whose effect is seen later, and questions.
fn tell(link: &mut Link, event: &Event<'_>, lines: &mut Vec<String>) {
    let (flow, seq) = (event.small("flow"), event.number("seq", 0));
    match event.verb {
        "close" => link.close(flow),
        "state" => {
            let may_wait = event.number("may_wait", 0) == 1;
            link.state(flow, event.number("processed", 0), event.number("credit", 0), may_wait);
        }
        "press_states" => link.press_states(),
        "outcome" => {
            let effect = Effect::from_str_name(event.text("effect")).expect("an effect's name");
            let outcome = v1::Outcome {
                seq,
                code: code_of(event) as i32,
                effect: effect as i32,
                detail: event.text("detail").to_owned(),
                local_attempts: 0,
            };
            link.outcome(flow, outcome);
        }
        "reset" => {
            let owner = event.text("owner");
            let moved = v1::Moved {
                owner: owner.to_owned(),
                actor_epoch: event.number("actor_epoch", 0),
                dial: Vec::new(),
            };
            link.reset(flow, code_of(event), Some(moved).filter(|_| !owner.is_empty()));
        }
        "never_left" => {
            let last_frame = event.text("last_frame").parse().ok();
            lines.push(format!("< {}", link.never_left(flow, seq, last_frame)));
        }
        "stream_of" => lines.push(match link.stream_of(flow) {
            Some(stream) => format!("< {stream}"),
            None => "< nothing".into(),
        }),
        "unknown" => {
            for (stream, first, last) in link.unknown() {
                let line = Line::new("unknown").number("stream", stream);
                lines.push(line.number("first", first).number("last", last).end());
            }
        }
        verb => panic!("{verb} is no event of a link"),
    }
}

fn refused(refusal: &Refusal) -> String {
    format!("{} {}", refusal.code.as_str_name(), quote(refusal.detail.as_bytes()))
}

fn action(action: &Action) -> String {
    let line = match action {
        Action::Up {
            peer,
            incarnation,
            protocol,
            capabilities,
            types: reads,
        } => Line::new("up")
            .quoted("peer", peer)
            .number("incarnation", *incarnation)
            .number("protocol", *protocol)
            .list("capabilities", capabilities)
            .quoted("types", types(reads)),
        Action::Opened {
            flow,
            stream,
            first_seq,
            binding,
            who,
            relayed,
            ..
        } => Line::new("opened")
            .number("flow", *flow)
            .number("stream", *stream)
            .number("first_seq", *first_seq)
            .number("binding", binding.number)
            .number("after", binding.after)
            .quoted("source", &who.source)
            .quoted("target", &who.target)
            .quoted("reply_to", &who.reply_to)
            .quoted("destination", &relayed.destination)
            .quoted("origin", &relayed.origin)
            .number("hops", relayed.hops),
        Action::Deliver(delivery) => deliver(delivery),
        Action::Closed { flow, stream, last_seq } => Line::new("closed")
            .number("flow", *flow)
            .number("stream", *stream)
            .number("last_seq", *last_seq),
        Action::Skipped { flow, seq } => Line::new("skipped").number("flow", *flow).number("seq", *seq),
        Action::Credit { flow } => Line::new("credit").number("flow", *flow),
        Action::Progress { flow } => Line::new("progress").number("flow", *flow),
        Action::WayLost {
            flow,
            stream,
            first,
            last_seq,
        } => Line::new("way_lost")
            .number("flow", *flow)
            .number("stream", *stream)
            .number("first", *first)
            .number("last_seq", *last_seq),
        Action::Confirmed { flow } => Line::new("confirmed").number("flow", *flow),
        Action::Refused { flow, outcome } => outcome_in(Line::new("refused").number("flow", *flow), outcome),
        Action::Rebind {
            flow,
            last_seq,
            code,
            moved,
        } => {
            let line = Line::new("rebind").number("flow", *flow).number("last_seq", *last_seq);
            moved_in(line.word("code", code.as_str_name()), moved.as_ref())
        }
        Action::BadItem {
            flow,
            seq,
            refusal,
            body,
            asked,
        } => Line::new("bad_item")
            .number("flow", *flow)
            .number("seq", *seq)
            .word("code", refusal.code.as_str_name())
            .quoted("detail", &refusal.detail)
            .quoted("body", body)
            .number("asked", *asked),
        Action::Moved(moved) => step(Line::new("moved"), moved),
        Action::Room => Line::new("room"),
        Action::Down {
            status,
            detail,
            last_frame,
        } => Line::new("down")
            .word("status", status.as_str_name())
            .quoted("detail", detail)
            .word("last_frame", &last_frame.map_or_else(String::new, |n| n.to_string())),
    };
    line.end()
}

fn deliver(d: &Delivery) -> Line {
    Line::new("deliver")
        .number("flow", d.flow)
        .number("seq", d.seq)
        .number("type", d.type_id)
        .number("ttl_ms", d.ttl_ms)
        .number("attempt", d.attempt)
        .number("hops", d.hops)
        .number("kind", d.kind)
        .number("correlation", d.correlation)
        .quoted("body", &d.body)
}
