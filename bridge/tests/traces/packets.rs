//! Packets, as one can read them.

use actorbridge::proto::v1::{self, Code, Effect};
use actorbridge::proto::{Packet, Run};
use prost::Message;

use crate::text::Line;

/// What a packet holds, a line for each thing.
pub(crate) fn describe(packet: &Packet, out: &mut Vec<String>) {
    let head = &packet.head;
    let mut put = |line: Line| out.push(line.end());
    put(Line::inner("frame")
        .number("number", head.number)
        .number("sent_ms", head.sent_ms));
    head.hello.iter().for_each(|h| put(hello(h)));
    head.welcome.iter().for_each(|w| put(welcome(w)));
    head.open.iter().for_each(|o| put(open(o)));
    for definition in &head.r#type {
        put(Line::inner("type")
            .number("id", definition.id)
            .quoted("prefix", &definition.prefix));
    }
    for state in &head.state {
        put(self::state(state));
        for outcome in &state.outcomes {
            put(outcome_in(Line::inner("  outcome"), outcome));
        }
    }
    for skip in &head.skip {
        put(Line::inner("skip")
            .number("flow", skip.flow)
            .number("first", skip.first)
            .number("count", skip.count)
            .word("reason", &code(skip.reason)));
    }
    for reset in &head.reset {
        put(moved_in(
            Line::inner("reset")
                .number("flow", reset.flow)
                .word("code", &code(reset.code)),
            reset.moved.as_ref(),
        ));
    }
    head.r#move.iter().for_each(|m| put(step(Line::inner("move"), m)));
    if let Some(ping) = &head.ping {
        put(Line::inner("ping").number("token", ping.token));
    }
    if let Some(pong) = &head.pong {
        put(Line::inner("pong").number("token", pong.token));
    }
    if let Some(goodbye) = &head.goodbye {
        put(Line::inner("goodbye")
            .number("code", goodbye.code as u64)
            .quoted("detail", &goodbye.detail)
            .number("last_frame", goodbye.last_frame));
    }
    for part in &head.fragment {
        put(Line::inner("fragment")
            .number("flow", part.flow)
            .number("seq", part.seq)
            .number("offset", part.offset)
            .number("total", part.total)
            .number("bytes", part.data.len() as u64)
            .number("attempt", part.attempt)
            .number("ttl_ms", part.ttl_ms)
            .number("hops", part.hops)
            .number("type", part.r#type)
            .number("actor_epoch", part.actor_epoch));
    }
    packet.runs.iter().for_each(|r| run(r, &mut put));
}

fn hello(h: &v1::Hello) -> Line {
    let line = Line::inner("hello")
        .number("min_protocol", h.min_protocol)
        .number("max_protocol", h.max_protocol)
        .quoted("node", &h.node)
        .number("incarnation", h.incarnation)
        .number("link_epoch", h.link_epoch)
        .number("lane", h.lane)
        .number("lanes", h.lanes)
        .list("capabilities", &h.capabilities)
        .list("required", &h.required);
    limits(line, h.limits.as_ref())
        .quoted("software", &h.software)
        .quoted("types", types(&h.types))
}

/// `name:max_version:min_reader`, with commas.
pub(crate) fn types(types: &[v1::Reads]) -> String {
    let one = |reads: &v1::Reads| format!("{}:{}:{}", reads.r#type, reads.max_version, reads.min_reader);
    types.iter().map(one).collect::<Vec<_>>().join(",")
}

fn welcome(w: &v1::Welcome) -> Line {
    let line = Line::inner("welcome")
        .number("protocol", w.protocol)
        .quoted("node", &w.node)
        .number("incarnation", w.incarnation)
        .list("capabilities", &w.capabilities);
    limits(line, w.limits.as_ref()).quoted("types", types(&w.types))
}

fn limits(line: Line, limits: Option<&v1::Limits>) -> Line {
    let l = limits.copied().unwrap_or_default();
    line.number("max_frame_bytes", l.max_frame_bytes)
        .number("inline_bytes", l.inline_bytes)
        .number("max_message_bytes", l.max_message_bytes)
        .number("max_flows", l.max_flows)
        .number("initial_credit", l.initial_credit)
        .number("assembly_bytes", l.assembly_bytes)
        .number("ping_ms", l.ping_ms)
}

fn open(o: &v1::StreamOpen) -> Line {
    Line::inner(if o.close { "close" } else { "open" })
        .number("flow", o.flow)
        .number("stream", o.stream)
        .number("epoch", o.epoch)
        .number("mode", o.mode as u64)
        .quoted("prefix", &o.prefix)
        .number("first_seq", o.first_seq)
        .number("binding", o.binding)
        .number("after", o.after)
        .quoted("destination", &o.destination)
        .quoted("origin", &o.origin)
        .number("hops", o.hops)
}

fn state(s: &v1::StreamState) -> Line {
    Line::inner("state")
        .number("flow", s.flow)
        .number("processed", s.processed)
        .number("received", s.received)
        .number("credit", s.credit)
}

/// The fields of an outcome.
pub(crate) fn outcome_in(line: Line, o: &v1::Outcome) -> Line {
    line.number("seq", o.seq)
        .word("code", &code(o.code))
        .word("effect", &effect(o.effect))
        .quoted("detail", &o.detail)
}

/// The fields of a new owner, if there is one.
pub(crate) fn moved_in(line: Line, moved: Option<&v1::Moved>) -> Line {
    match moved {
        None => line,
        Some(m) => line
            .quoted("owner", &m.owner)
            .number("actor_epoch", m.actor_epoch)
            .list("dial", &m.dial),
    }
}

/// A step of a move.
pub(crate) fn step(line: Line, m: &v1::Move) -> Line {
    use v1::r#move::Step;
    let line = line.quoted("actor", &m.actor).number("epoch", m.epoch);
    match &m.step {
        None => line,
        Some(Step::Offer(o)) => line
            .word("step", "offer")
            .quoted("type", &o.r#type)
            .number("state_version", o.state_version)
            .quoted("codec", &o.codec)
            .number("total", o.total)
            .quoted("sha256", &o.sha256)
            .quoted("meta", o.meta.as_ref().map(|m| m.encode_to_vec()).unwrap_or_default()),
        Some(Step::Chunk(c)) => line
            .word("step", "chunk")
            .number("offset", c.offset)
            .quoted("data", &c.data),
        Some(Step::Ready(r)) => line.word("step", "ready").quoted("sha256", &r.sha256),
        Some(Step::Committed(c)) => line.word("step", "committed").number("at", c.epoch),
        Some(Step::Aborted(a)) => line
            .word("step", "aborted")
            .word("code", &code(a.code))
            .quoted("detail", &a.detail),
        Some(Step::Drained(d)) => line
            .word("step", "drained")
            .number("stream", d.stream)
            .number("binding", d.binding),
    }
}

fn run(r: &Run, put: &mut impl FnMut(Line)) {
    put(Line::inner("run")
        .number("flow", r.flow)
        .number("first_seq", r.first_seq)
        .number("attempt", r.attempt)
        .number("hops", r.hops)
        .number("queued", r.queued));
    for item in r.all().iter() {
        put(Line::inner("  item")
            .number("type", item.type_id)
            .number("ttl_ms", item.ttl_ms)
            .quoted("body", &item.body));
    }
}

/// A code's name, or its number.
pub(crate) fn code(code: i32) -> String {
    Code::try_from(code).map_or_else(|_| code.to_string(), |c| c.as_str_name().to_owned())
}

/// An effect's name, or its number.
pub(crate) fn effect(effect: i32) -> String {
    Effect::try_from(effect).map_or_else(|_| effect.to_string(), |e| e.as_str_name().to_owned())
}
