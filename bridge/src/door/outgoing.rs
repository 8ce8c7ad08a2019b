//! What leaves by a link: messages of this node, and those that it passes on.

use std::sync::Arc;

use actorbridge_proto::v1::{Code, Direction, Effect};
use actorbridge_proto::{Refusal, What};
use bytes::Bytes;

use super::{LinkEnd, State};
use crate::error::Fault;
use crate::machine::link::Send;
use crate::message::{Message, Outgoing};
use crate::node::lock;

impl LinkEnd {
    /// The link is up, and this is what both sides can do.
    pub(super) fn compress_for(&self, capabilities: &[u32]) {
        let wanted = self.node.upgrade().and_then(|node| node.encoding.compression);
        if let Some(chosen) = wanted.filter(|(by, _)| capabilities.contains(&by.capability())) {
            let _ = self.compression.set(chosen);
        }
    }

    /// What is sent instead of a message, since its payload is smaller compressed. Takes its time: not under a lock of the link.
    fn compressed(&self, out: &Outgoing) -> Option<Arc<(What, Bytes)>> {
        let chosen = *self.compression.get()?;
        let encoding = out.for_peer(&lock(&self.state).reads).ok()?;
        out.compressed(chosen, encoding)
    }

    /// How many payloads go as they are, before one that has to be compressed.
    pub(super) fn uncompressed<'a>(&self, payloads: &'a [&'a [u8]]) -> &'a [&'a [u8]] {
        let is_small = |payload: &&[u8]| self.compression.get().is_none_or(|(_, least)| payload.len() < *least);
        let small = payloads.iter().take_while(|payload| is_small(payload)).count();
        &payloads[..small]
    }

    /// Sends the newest version of a message that the peer reads.
    ///
    /// # Errors
    /// It reads none.
    pub(crate) fn send(&self, flow: u32, out: &Outgoing) -> Result<Send, Fault> {
        let compressed = self.compressed(out);
        let sent = self.send_now(flow, out, compressed.as_deref())?;
        if let Send::Queued(seq) = sent
            && self.taps.any()
        {
            self.see_sent(flow, seq, out, compressed.as_deref());
        }
        Ok(sent)
    }

    fn send_now(&self, flow: u32, out: &Outgoing, compressed: Option<&(What, Bytes)>) -> Result<Send, Fault> {
        let mut state = lock(&self.state);
        // What the node behind a relay reads, nobody has said here.
        let beyond = state.machine.is_beyond(flow);
        if !beyond && let Some(seq) = self.send_at_once(&mut state, flow, out) {
            return Ok(Send::Queued(seq));
        }
        let (what, body) = match compressed {
            _ if beyond => (&*out.what, &out.body),
            Some(message) => (&message.0, &message.1),
            None => out.for_peer(&state.reads).map_err(|reads| self.too_new(out, reads))?,
        };
        let mut sent = state.machine.send(flow, what, out.deadline, out.hops, body);
        if sent == Send::NoCredit && Self::starves(&mut state, flow) {
            sent = state.machine.send(flow, what, out.deadline, out.hops, body);
        }
        if sent == Send::NoCredit && state.stalled.insert(flow) {
            self.meter().stalled();
        }
        drop(state);
        self.ring();
        Ok(sent)
    }

    /// As [`Self::send`], outside any stream; `false` = the link is down.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn send_off_stream(&self, out: &Outgoing) -> Result<bool, Fault> {
        let compressed = self.compressed(out);
        let told = self.send_off_stream_now(out, compressed.as_deref())?;
        if told && self.taps.any() {
            self.see_sent(0, 0, out, compressed.as_deref());
        }
        Ok(told)
    }

    fn send_off_stream_now(&self, out: &Outgoing, compressed: Option<&(What, Bytes)>) -> Result<bool, Fault> {
        let mut state = lock(&self.state);
        if self.send_at_once(&mut state, 0, out).is_some() {
            return Ok(true);
        }
        let (what, body) = match compressed {
            Some(message) => (&message.0, &message.1),
            None => out.for_peer(&state.reads).map_err(|reads| self.too_new(out, reads))?,
        };
        let sent = state.machine.send_off_stream(what, body);
        let told = Self::tell_asker(&mut state, sent, || out.correlation());
        drop(state);
        self.ring();
        Ok(told)
    }

    /// An asker whose answer cannot go hears that, and that its ask was handled; `false` = it hears nothing.
    pub(super) fn tell_asker(state: &mut State, sent: Send, correlation: impl FnOnce() -> u64) -> bool {
        let refusal = match sent {
            Send::Queued(_) => return true,
            Send::Refused(refusal) => refusal,
            Send::NoCredit | Send::NoRoom => Refusal {
                code: Code::MailboxFull,
                detail: "too many answers wait for the asker's node".into(),
            },
        };
        let correlation = correlation();
        if correlation == 0 {
            return false;
        }
        let failed = state
            .machine
            .fail(correlation, refusal.code, Effect::Done, &refusal.detail);
        matches!(failed, Send::Queued(_))
    }

    fn too_new(&self, out: &Outgoing, reads: u32) -> Fault {
        let peer = self.peer().unwrap_or_default();
        let mut fault = Fault::too_new(&out.what, &format!("node {peer}"), reads);
        if let Some(why) = &out.missing {
            fault.detail = format!("{}; {why}", fault.detail);
        }
        fault
    }

    /// Passes on what came here: to an actor's stay of that epoch, or (0) to whom its target says. Each stay's epoch is higher than
    /// that of the one before: what follows an actor from one to the next is in no loop, and its hops do not count.
    pub(crate) fn forward(&self, message: &Message, epoch: u64) -> Send {
        let Message { who, what, .. } = message;
        let body = message.body();
        let body = if who.bytes.is_empty() {
            body
        } else {
            [&who.bytes[..], &body[..]].concat().into()
        };
        let hops = match epoch {
            0 => message.hops + 1,
            _ => message.hops.max(1),
        };
        let sent = lock(&self.state)
            .machine
            .forward(what, message.deadline, hops, epoch, &body);
        self.ring();
        if matches!(sent, Send::Queued(_)) && self.taps.any() {
            self.see(Direction::Sent, message, 0, hops, self.ttl_until(message.deadline));
        }
        sent
    }
}
