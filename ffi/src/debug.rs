//! What a build with the feature `abdebug` looks at: each message between C and the node, against what it is made of. Only a fault of
//! this library makes a check fail, or a peer that writes over what it has published. It is said on stderr and ends the process: the
//! thread that finds it may be one of the node, and no panic may come to C.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actorbridge_proto::v1::{Envelope, Frame, Kind};
use actorbridge_proto::writer::{self, BodyFields};
use actorbridge_proto::{EnvelopeView, Packet, Run};
use bytes::Bytes;
use prost::Message as _;

use crate::ring::{Block, RunHead};
use crate::types::{AB_DESC_HOPS, AB_DESC_WHOLE, AB_KIND_HEAD, AB_RECORD_PAYLOAD, AB_RECORD_RUN, Desc};

/// What is wrong.
pub(crate) type Check = Result<(), String>;

/// Ends the process where a check has failed.
pub(crate) fn must(check: Check) {
    if let Err(what) = check {
        eprintln!("actorbridge: abdebug: {what}: a fault of this library; please report it");
        std::process::abort();
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

fn expect(holds: bool, what: &str) -> Check {
    match holds {
        true => Ok(()),
        false => Err(what.to_owned()),
    }
}

/// What both sides of a link have told each other.
#[derive(Default)]
pub(crate) struct Talk {
    of_peer: Mutex<Told>,
    of_node: Mutex<Told>,
}

impl Talk {
    /// The peer says so; the link acts on it next.
    pub(crate) fn hears(&self, head: &Frame) {
        lock(&self.of_peer).head(head);
    }

    /// The link has taken messages of flows: it would have ended if one of them had no binding.
    pub(crate) fn took(&self, flows: impl IntoIterator<Item = u32>) -> Check {
        let told = lock(&self.of_peer);
        flows.into_iter().try_for_each(|flow| told.has_bound(flow))
    }

    /// The node has handled an ask of a flow, which others may have closed meanwhile.
    pub(crate) fn took_ask(&self, flow: u32) -> Check {
        let was_bound = lock(&self.of_peer).flows.contains_key(&flow);
        expect(was_bound, "an ask was handled on a flow that was never bound")
    }

    /// A packet that the node says.
    pub(crate) fn says(&self, packet: &Packet) -> Check {
        let mut told = lock(&self.of_node);
        told.head(&packet.head);
        for run in &packet.runs {
            for (i, item) in run.all().iter().enumerate() {
                told.message(&RunHead::of(run, i, item), false, &item.body)?;
            }
        }
        Ok(())
    }

    /// A message that the node says beside its packets.
    pub(crate) fn says_one(&self, head: &RunHead, plain: bool, bytes: &[u8]) -> Check {
        let mut told = lock(&self.of_node);
        told.message(head, plain, bytes)
    }
}

/// What one side has told the other in heads: the flows and types that its messages may name.
#[derive(Default)]
pub(crate) struct Told {
    flows: HashMap<u32, Bound>,
    types: Vec<Bytes>,
}

struct Bound {
    who: Bytes,
    last_seq: u64,
    /// It comes from a third node, and this one looks into none of its messages.
    passed_on: bool,
    closed: bool,
}

impl Told {
    pub(crate) fn head(&mut self, head: &Frame) {
        for open in &head.open {
            if open.close {
                self.flows.entry(open.flow).and_modify(|bound| bound.closed = true);
                continue;
            }
            let bound = Bound {
                who: Bytes::copy_from_slice(&open.prefix),
                last_seq: open.first_seq.saturating_sub(1),
                passed_on: !open.origin.is_empty(),
                closed: false,
            };
            self.flows.insert(open.flow, bound);
        }
        let prefixes = head.r#type.iter().map(|definition| &definition.prefix);
        self.types.extend(prefixes.map(|prefix| Bytes::copy_from_slice(prefix)));
    }

    pub(crate) fn has_bound(&self, flow: u32) -> Check {
        let bound = self.flows.get(&flow).filter(|bound| !bound.closed);
        expect(
            flow == 0 || bound.is_some(),
            "a message was taken on a flow that is not bound",
        )
    }

    /// A message that is said: its flow is bound and its seq is the next or a later one, its type was told, and it is an envelope with
    /// what those two say, which reaches somebody.
    pub(crate) fn message(&mut self, head: &RunHead, plain: bool, bytes: &[u8]) -> Check {
        let what = match head.type_id as usize {
            0 => Bytes::new(),
            id => self
                .types
                .get(id - 1)
                .cloned()
                .ok_or("a message has a type that was not told")?,
        };
        let who = match head.flow {
            0 => {
                // What follows an actor that has moved has the epoch of a stay there.
                expect(head.seq == 0 || head.hops > 0, "a message without a binding has a seq")?;
                Bytes::new()
            }
            flow => {
                let bound = self.flows.get_mut(&flow).filter(|bound| !bound.closed);
                let bound = bound.ok_or("a message is on a flow that is not bound")?;
                expect(head.seq > bound.last_seq, "a message has the seq of an earlier one")?;
                bound.last_seq = head.seq;
                if bound.passed_on {
                    return Ok(());
                }
                bound.who.clone()
            }
        };
        let body = match plain {
            true => writer::body(BodyFields::default(), bytes),
            false => Bytes::copy_from_slice(bytes),
        };
        let view = EnvelopeView::read_parts(&[&who, &what, &body])
            .map_err(|refusal| format!("a message is no envelope with its flow and type ({refusal})"))?;
        expect(view.kind != 0, "a message has no kind")?;
        expect(!plain || view.kind == Kind::Tell as u32, "a payload alone is no tell")?;
        expect(
            view.kind != Kind::Ask as u32 || view.correlation != 0,
            "an ask has no correlation",
        )?;
        expect(
            !view.target.is_empty() || view.correlation != 0,
            "a message is for nobody",
        )
    }
}

/// The descriptors of a packet's messages, as C gets them.
pub(crate) fn packet(packet: &Packet, descs: &[Desc], arena: &[u8]) -> Check {
    let items = packet
        .runs
        .iter()
        .flat_map(|run| run.items.iter().enumerate().map(move |all| (run, all)));
    let mut items = items.zip(descs);
    items.try_for_each(|((run, (i, item)), desc)| {
        received(desc, arena, &RunHead::of(run, i, item), run.attempt, &item.body)
    })
}

/// A descriptor that C gets is its item: where it lies, and what is said of it.
pub(crate) fn received(desc: &Desc, arena: &[u8], head: &RunHead, attempt: u32, item: &[u8]) -> Check {
    expect(desc.flags & AB_DESC_WHOLE != 0, "a descriptor is not whole")?;
    same_head(desc, head, attempt)?;
    let part = |off: u32, len: u32| arena.get(off as usize..)?.get(..len as usize);
    expect(
        part(desc.ext_off, desc.ext_len) == Some(item),
        "a descriptor's ext is not its item",
    )?;
    let inside = desc.len == 0 || desc.off >= desc.ext_off && desc.off + desc.len <= desc.ext_off + desc.ext_len;
    expect(inside, "a descriptor's payload is outside its ext")?;
    let envelope = match (EnvelopeView::read(item), Envelope::decode(item)) {
        (Ok(_), Ok(envelope)) => envelope,
        (Err(_), _) => Envelope::default(), // of a stream that is passed on: nothing is said of it
        (Ok(_), Err(_)) => return Ok(()),   // the same; one decoder looks farther into it than the other
    };
    let kind = u16::try_from(envelope.kind).unwrap_or(0);
    let kind = if kind == AB_KIND_HEAD { 0 } else { kind };
    expect(desc.kind == kind, "a descriptor's kind is not its item's")?;
    expect(
        desc.correlation == envelope.correlation,
        "a descriptor's correlation is not its item's",
    )?;
    expect(
        part(desc.off, desc.len) == Some(&envelope.payload),
        "a descriptor's payload is not its item's",
    )
}

/// What stands beside a descriptor's item is the message's.
fn same_head(desc: &Desc, head: &RunHead, attempt: u32) -> Check {
    expect(
        desc.target == u64::from(head.flow),
        "a descriptor's flow is not its message's",
    )?;
    expect(desc.source == 0, "a descriptor has a source")?;
    expect(desc.seq == head.seq, "a descriptor's seq is not its message's")?;
    expect(desc.r#type == head.type_id, "a descriptor's type is not its message's")?;
    expect(desc.ttl_ms == head.ttl_ms, "a descriptor's time is not its message's")?;
    expect(desc.attempt == attempt, "a descriptor's attempt is not its message's")?;
    let hops = u32::from(desc.flags & AB_DESC_HOPS);
    expect(
        hops == head.hops.min(u32::from(AB_DESC_HOPS)),
        "a descriptor's hops are not its message's",
    )
}

/// An item that was made of a descriptor of C: it has what the descriptor and its ext say. What is no envelope, or says something twice,
/// is C's mistake, and is refused elsewhere.
pub(crate) fn made_of(desc: &Desc, arena: &[u8], item: &[u8]) -> Check {
    let part = |off: u32, len: u32| match len {
        0 => Some(&[][..]),
        _ => arena.get(off as usize..)?.get(..len as usize),
    };
    let (Some(payload), Some(ext)) = (part(desc.off, desc.len), part(desc.ext_off, desc.ext_len)) else {
        return Err("a descriptor was taken whose offsets leave its arena".into());
    };
    if desc.flags & AB_DESC_WHOLE != 0 {
        return expect(item == ext, "an item is not the ext of its descriptor");
    }
    let (Ok(_), Ok(made), Ok(said)) = (EnvelopeView::read(item), Envelope::decode(item), Envelope::decode(ext)) else {
        return Ok(());
    };
    let expected = Envelope {
        kind: said.kind.max(i32::from(desc.kind)),
        correlation: said.correlation.max(desc.correlation),
        payload: if payload.is_empty() {
            said.payload.clone()
        } else {
            Bytes::copy_from_slice(payload)
        },
        ..said
    };
    expect(made == expected, "an item is not what its descriptor and ext say")
}

/// The message that was made of a descriptor of C is the last one of the runs.
pub(crate) fn added(desc: &Desc, runs: &[Run]) -> Check {
    let last = runs.last().and_then(|run| Some((run, run.items.last()?)));
    let (run, item) = last.ok_or("a descriptor was taken and is nowhere")?;
    let mut head = RunHead::of(run, run.items.len() - 1, item);
    if head.seq == u64::MAX >> 1 {
        head.seq = head.seq.max(desc.seq); // beyond any that there is; it is refused
    }
    same_head(desc, &head, run.attempt)
}

/// A run that was read from a ring is what the records say, which are still there: their tags and bytes.
pub(crate) fn read(head: &RunHead, plain: bool, block: &Block, records: &[(u32, &[u8])]) -> Check {
    let (runs, messages): (Vec<_>, Vec<_>) = records.iter().partition(|(tag, _)| *tag == AB_RECORD_RUN);
    if let Some((_, run)) = runs.last() {
        let words = [head.flow, head.type_id, head.ttl_ms, head.hops].map(u32::to_le_bytes);
        let said = [&head.seq.to_le_bytes()[..], &words.concat()].concat();
        expect(
            run.get(..24) == Some(&said[..]),
            "a run's head is not that of its record",
        )?;
    }
    expect(
        messages.len() == block.ends.len(),
        "a run has another number of messages than of records",
    )?;
    let mut start = 0;
    for ((tag, bytes), end) in messages.iter().zip(&block.ends) {
        expect(plain == (*tag == AB_RECORD_PAYLOAD), "a run mixes items and payloads")?;
        expect(
            block.bytes.get(start..*end as usize) == Some(*bytes),
            "a message is not its record",
        )?;
        start = *end as usize;
    }
    Ok(())
}
