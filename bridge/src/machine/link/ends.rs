//! How a link ends, and what its peer hears of it.

use super::{Action, GoodbyeCode, Link, Phase, RefusalReason, short, v1};

impl Link {
    /// The peer has dialled again: its newer link is in the place of this one, which ends. What still comes by it does not count.
    pub fn supersede(&mut self, out: &mut Vec<Action>) {
        if self.phase != Phase::Down {
            let detail = "a newer link of the same node is in its place";
            self.say_goodbye(GoodbyeCode::GoodbyeNormal, detail);
            self.go_down(v1::Status::LinkDown, detail.into(), None, out);
        }
    }

    /// Ends the link gracefully: nothing new is taken; `poll` gives what is queued, then a Goodbye with `Action::Down`.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// The peer is asked to dial again no sooner when this side has drained.
    pub fn reconnect_after(&mut self, ms: u32) {
        self.reconnect_after_ms = ms;
    }

    /// How long the peer has asked this side to stay away.
    pub fn stay_away_ms(&self) -> u32 {
        self.stay_away_ms
    }

    pub(super) fn end_drain(&mut self, out: &mut Vec<Action>) {
        self.say_goodbye(GoodbyeCode::GoodbyeNormal, "the node is shutting down");
        if let Some(goodbye) = &mut self.head.goodbye {
            goodbye.reconnect_after_ms = self.reconnect_after_ms;
        }
        self.go_down(v1::Status::LinkDown, "this node closed the link".into(), None, out);
    }

    /// The transport is gone.
    pub fn lost(&mut self, detail: &str, out: &mut Vec<Action>) {
        self.go_down(v1::Status::LinkDown, detail.to_owned(), None, out);
    }

    /// The peer broke the protocol: a frame did not parse, or made no sense.
    pub fn bad_frame(&mut self, detail: &str, out: &mut Vec<Action>) {
        if self.phase != Phase::Down {
            self.refused_for.get_or_insert(RefusalReason::BadFrame);
            self.say_goodbye(GoodbyeCode::GoodbyeProtocol, detail);
            self.go_down(v1::Status::Protocol, detail.to_owned(), None, out);
        }
    }

    /// The peer sent a frame over the limit.
    pub fn oversized_frame(&mut self, detail: &str, out: &mut Vec<Action>) {
        self.refused_for.get_or_insert(RefusalReason::OversizedFrame);
        self.bad_frame(detail, out);
    }

    /// Why this side ended the link, if the peer is to blame.
    pub fn refused_for(&self) -> Option<RefusalReason> {
        self.refused_for.filter(|_| self.phase == Phase::Down)
    }

    /// Another node of the peer's name is linked already: this side does not want the link, and says so. Before the handshake is
    /// over only.
    pub fn refuse(&mut self, detail: &str, out: &mut Vec<Action>) {
        if self.phase == Phase::Handshake {
            self.part(RefusalReason::DuplicateName, detail.to_owned(), out);
        }
    }

    /// Ends a link whose peer does not answer. It may still hear why, and what came of its frames.
    pub(super) fn end_silent(&mut self, reason: RefusalReason, detail: String, out: &mut Vec<Action>) {
        self.refused_for = Some(reason);
        self.say_goodbye(GoodbyeCode::GoodbyeNormal, &detail);
        self.go_down(v1::Status::LinkDown, detail, None, out);
    }

    /// Ends a link that cannot be, with words for both sides.
    pub(super) fn part(&mut self, reason: RefusalReason, detail: String, out: &mut Vec<Action>) {
        let (code, status) = match reason {
            RefusalReason::Incompatible => (GoodbyeCode::GoodbyeCapability, v1::Status::Capability),
            _ => (GoodbyeCode::GoodbyeForbidden, v1::Status::Protocol),
        };
        self.refused_for = Some(reason);
        self.say_goodbye(code, &detail);
        self.go_down(status, detail, None, out);
    }

    pub(super) fn say_goodbye(&mut self, code: GoodbyeCode, detail: &str) {
        self.head.goodbye = Some(v1::Goodbye {
            code: code as i32,
            detail: short(detail),
            last_frame: self.last_number,
            reconnect_after_ms: 0,
        });
        self.goodbye_said = true;
    }

    pub(super) fn go_down(
        &mut self,
        status: v1::Status,
        detail: String,
        last_frame: Option<u64>,
        out: &mut Vec<Action>,
    ) {
        if self.phase != Phase::Down {
            self.phase = Phase::Down;
            out.push(Action::Down {
                status,
                detail,
                last_frame,
            });
        }
    }
}
