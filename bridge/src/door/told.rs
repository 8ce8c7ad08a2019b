//! What is counted, and told, of a link.

use std::sync::Arc;
use std::time::Duration;

use actorbridge_proto::v1::{self, Code};
use bytes::Bytes;

use super::LinkEnd;
use crate::machine::Millis;
use crate::machine::link::Link;
use crate::machine::pool::{Grant, StreamKey};
use crate::node::lock;
use crate::status::Meter;

impl LinkEnd {
    /// Tells the sender of a stream what its actor's pool says; `true` = it waits, and [`Self::press_states`] has to be called soon.
    pub(crate) fn state(&self, grant: &Grant) -> bool {
        let (flow, may_wait) = (grant.key.flow, grant.may_wait);
        let mut state = lock(&self.state);
        if state.machine.opened(flow) != grant.key.opened {
            return false; // the flow's number stands for another stream by now
        }
        if self.grant_silently(&mut state, flow, grant.processed, grant.credit) {
            return false;
        }
        state.machine.state(flow, grant.processed, grant.credit, may_wait);
        if may_wait {
            return !std::mem::replace(&mut state.states_wait, true);
        }
        drop(state);
        self.ring();
        false
    }

    /// What the peer could be told later leaves now.
    pub(crate) fn press_states(&self) {
        let mut state = lock(&self.state);
        state.states_wait = false;
        state.machine.press_states();
        drop(state);
        self.ring();
    }

    /// Ends an inbound binding: its sender resolves the target again.
    pub(crate) fn reset(&self, key: StreamKey, code: Code, moved: Option<v1::Moved>) {
        self.with_stream(key, |machine| machine.reset(key.flow, code, moved));
    }

    pub(crate) fn outcome(&self, key: StreamKey, outcome: v1::Outcome) {
        self.with_stream(key, |machine| machine.outcome(key.flow, outcome));
    }

    /// Does something to an incoming stream, unless its flow's number stands for another one by now.
    fn with_stream(&self, key: StreamKey, act: impl FnOnce(&mut Link)) {
        let mut state = lock(&self.state);
        if state.machine.opened(key.flow) == key.opened {
            act(&mut state.machine);
            drop(state);
            self.ring();
        }
    }

    pub(super) fn meter(&self) -> &Arc<Meter> {
        self.meter.get().unwrap_or(&self.early)
    }

    /// The handshake is over: what goes by the link is its peer's from now on.
    pub(super) fn count_up(&self, peer: &str) {
        if let Some(node) = self.node.upgrade() {
            let _ = self.meter.set(node.counters.up(peer));
        }
    }

    /// The next packet to carry, as the bytes of a frame.
    pub fn take_frame(&self) -> Option<Bytes> {
        let frame = self.take_packet()?.to_bytes();
        self.meter().sent(frame.len());
        Some(frame)
    }

    /// Says to the peer of a link that drains how long to stay away.
    pub(crate) fn reconnect_after(&self, time: Duration) {
        let ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        lock(&self.state).machine.reconnect_after(ms);
    }

    /// How long the peer has asked this side to stay away.
    pub(crate) fn stay_away(&self) -> Duration {
        Duration::from_millis(lock(&self.state).machine.stay_away_ms().into())
    }

    pub(crate) fn status(&self, now: Millis) -> v1::LinkStatus {
        let peer = self.peer().unwrap_or_default();
        let state = lock(&self.state);
        let (streams_out, credit) = state.machine.flows_out();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        v1::LinkStatus {
            peer,
            up: state.machine.is_up(),
            dialled: self.dialled,
            shared_memory: state.lane.is_some(),
            age_ms: now.saturating_sub(self.since),
            streams_out: count(streams_out),
            credit,
            stalled: count(state.stalled.len()),
            streams_in: count(state.machine.flows_in()),
            queued_bytes: state.machine.queued_bytes() as u64,
        }
    }
}
