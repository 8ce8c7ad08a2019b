//! What goes by a link, for the taps of its node. Nothing here runs while there are none.

use std::collections::HashMap;
use std::sync::Arc;

use actorbridge_proto::v1::Direction;
use actorbridge_proto::{What, Who};
use bytes::Bytes;

use super::inbound::Inbound;
use super::{LaneRun, LinkEnd};
use crate::machine::link::{Action, Delivery};
use crate::message::{Message, Outgoing};
use crate::node::lock;
use crate::tap::Seen;

impl LinkEnd {
    /// A message that the machine brings.
    pub(super) fn see_delivery(&self, inbound: &HashMap<u32, Inbound>, action: &Action) {
        let Action::Deliver(Delivery {
            flow,
            seq,
            type_id,
            ttl_ms,
            hops,
            body,
            ..
        }) = action
        else {
            return;
        };
        let who = inbound.get(flow).map(|stream| stream.who.clone()).unwrap_or_default();
        if let Ok(message) = Message::read(who, self.what(*type_id), body.clone()) {
            self.see(Direction::Received, &message, *seq, *hops, *ttl_ms);
        }
    }

    /// Messages that came together; `items` are those of a run that is not plain.
    pub(super) fn see_run(&self, stream: &Inbound, items: &[Message], run: &LaneRun) {
        if !run.plain {
            for (message, seq) in items.iter().zip(run.first_seq..) {
                self.see(Direction::Received, message, seq, run.hops, run.ttl_ms);
            }
            return;
        }
        let (peer, what) = (self.peer().unwrap_or_default(), self.what(run.type_id));
        let seen = Seen {
            seq: run.first_seq,
            hops: run.hops,
            ttl_ms: run.ttl_ms,
            ..self.seen(Direction::Received, &peer, &stream.who, &what)
        };
        let bytes = run.lengths();
        self.taps.show(&seen, bytes.len(), |i| bytes[i]);
    }

    /// A message that leaves; a seq of 0 = outside any stream. `compressed` is what leaves instead of it.
    pub(super) fn see_sent(&self, flow: u32, seq: u64, out: &Outgoing, compressed: Option<&(What, Bytes)>) {
        let encoding = match compressed {
            Some((what, body)) => Some((what.clone(), body.clone())),
            None => {
                let state = lock(&self.state);
                let encoding = out.for_peer(&state.reads).ok();
                encoding.map(|(what, body)| (what.clone(), body.clone()))
            }
        };
        if let Some((what, body)) = encoding
            && let Ok(message) = Message::read(self.who_of(flow), Arc::new(what), body)
        {
            self.see(Direction::Sent, &message, seq, out.hops, self.ttl_ms(out));
        }
    }

    /// Tells of payloads that leave; the last one has the seq `last`.
    pub(super) fn see_sent_plain(&self, flow: u32, what: &What, payloads: &[&[u8]], last: u64) {
        let (peer, who) = (self.peer().unwrap_or_default(), self.who_of(flow));
        let seen = Seen {
            seq: last + 1 - payloads.len() as u64,
            ..self.seen(Direction::Sent, &peer, &who, what)
        };
        self.taps.show(&seen, payloads.len(), |i| payloads[i].len());
    }

    /// An answer that leaves beside the packets.
    pub(super) fn see_off_stream(&self, what: &Arc<What>, body: &Bytes) {
        if let Ok(message) = Message::read(Arc::default(), what.clone(), body.clone()) {
            self.see(Direction::Sent, &message, 0, 0, 0);
        }
    }

    /// A message as it is.
    pub(super) fn see(&self, direction: Direction, message: &Message, seq: u64, hops: u32, ttl_ms: u32) {
        let peer = self.peer().unwrap_or_default();
        let seen = Seen {
            correlation: message.correlation,
            seq,
            hops,
            ttl_ms,
            ..self.seen(direction, &peer, &message.who, &message.what)
        };
        self.taps.show(&seen, 1, |_| message.payload().len());
    }

    fn seen<'a>(&self, direction: Direction, peer: &'a str, who: &'a Who, what: &'a What) -> Seen<'a> {
        Seen {
            peer,
            link: self.id,
            direction,
            who,
            what,
            correlation: 0,
            seq: 0,
            hops: 0,
            ttl_ms: 0,
        }
    }

    fn who_of(&self, flow: u32) -> Arc<Who> {
        self.outlet(flow).map(|outlet| outlet.who.clone()).unwrap_or_default()
    }
}
