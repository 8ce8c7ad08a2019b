//! The side that the actor comes to.

use actorbridge_proto::Refusal;
use actorbridge_proto::v1::{self, Code, r#move::Step};
use bytes::{Bytes, BytesMut};

use super::{Action, MAX_TRANSFER, Millis, RETRY, SILENCE, Subject, refusal};

#[derive(Debug)]
enum Arriving {
    Collecting { bytes: BytesMut, until: Millis },
    Loading,
    Prepared { poll: Option<Millis> },
    Over,
}

/// The side that the actor comes to.
#[derive(Debug)]
pub struct Destination {
    subject: Subject,
    total: usize,
    sha256: Bytes,
    state: Arriving,
}

impl Destination {
    /// A move that a source has offered.
    ///
    /// # Errors
    /// Why it cannot be taken: answer it with Aborted. INVALID_ARGUMENT, TOO_LARGE, UNSUPPORTED_CODEC.
    pub fn new(subject: Subject, offer: &v1::Offer, now: Millis) -> Result<Self, Refusal> {
        if offer.total == 0 || offer.sha256.len() != 32 || offer.r#type.is_empty() || subject.epoch < 2 {
            let detail = "an offer names an epoch above 1, a state type, a length and a sha256 of 32 bytes";
            return Err(refusal(Code::InvalidArgument, detail));
        }
        if offer.total > MAX_TRANSFER {
            let detail = format!("the offer is of {} bytes, over 64 MiB", offer.total);
            return Err(refusal(Code::TooLarge, detail));
        }
        if offer.codec != "protobuf" {
            let detail = format!("the state's codec is '{}'; only protobuf is read here", offer.codec);
            return Err(refusal(Code::UnsupportedCodec, detail));
        }
        let (bytes, until) = (BytesMut::new(), now + SILENCE);
        Ok(Self {
            subject,
            total: offer.total as usize,
            sha256: offer.sha256.clone(),
            state: Arriving::Collecting { bytes, until },
        })
    }

    /// Which move it is.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The sha256 that was offered.
    pub fn sha256(&self) -> &Bytes {
        &self.sha256
    }

    /// Is nothing left to do?
    pub fn is_over(&self) -> bool {
        matches!(self.state, Arriving::Over)
    }

    /// A step of the source came.
    pub fn receive(&mut self, step: &v1::Move, now: Millis, out: &mut Vec<Action>) {
        if !self.subject.is_of(step) || self.is_over() {
            return;
        }
        match &step.step {
            Some(Step::Chunk(chunk)) => self.collect(chunk, now, out),
            Some(Step::Committed(_)) if matches!(self.state, Arriving::Prepared { .. }) => {
                self.state = Arriving::Over;
                out.push(Action::Activate);
            }
            Some(Step::Aborted(aborted)) => self.forget(format!("the source aborted: {}", aborted.detail), out),
            _ => {}
        }
    }

    fn collect(&mut self, chunk: &v1::Chunk, now: Millis, out: &mut Vec<Action>) {
        let Arriving::Collecting { bytes, until } = &mut self.state else {
            return;
        };
        if chunk.offset != bytes.len() as u64 || chunk.data.len() > self.total - bytes.len() {
            let (length, offset, have) = (chunk.data.len(), chunk.offset, bytes.len());
            let detail = format!(
                "a chunk of {length} bytes came at {offset}; {have} of {} were there",
                self.total
            );
            return self.abort(refusal(Code::InvalidArgument, detail), out);
        }
        bytes.extend_from_slice(&chunk.data);
        *until = now + SILENCE;
        if bytes.len() == self.total {
            let bytes = std::mem::take(bytes).freeze();
            self.state = Arriving::Loading;
            out.push(Action::Load(bytes));
        }
    }

    /// The actor was loaded, or could not be.
    pub fn loaded(&mut self, result: Result<(), Refusal>, out: &mut Vec<Action>) {
        if !matches!(self.state, Arriving::Loading) {
            return;
        }
        match result {
            Ok(()) => {
                self.state = Arriving::Prepared { poll: None };
                let sha256 = self.sha256.clone();
                out.push(self.subject.step(Step::Ready(v1::Ready { sha256 })));
            }
            Err(why) => self.abort(why, out),
        }
    }

    /// The link to the source is over.
    pub fn link_down(&mut self, now: Millis, out: &mut Vec<Action>) {
        match &mut self.state {
            Arriving::Prepared { poll } => {
                *poll = Some(now + RETRY);
                out.push(Action::Poll);
            }
            Arriving::Collecting { .. } | Arriving::Loading => {
                self.forget("the link to its source was lost before it was ready".into(), out);
            }
            Arriving::Over => {}
        }
    }

    /// The owner cell names this owner now.
    pub fn polled(&mut self, owner: &str, epoch: u64, out: &mut Vec<Action>) {
        if !matches!(self.state, Arriving::Prepared { .. }) {
            return;
        }
        if owner == self.subject.destination && epoch == self.subject.epoch {
            self.state = Arriving::Over;
            out.push(Action::Activate);
        } else if epoch >= self.subject.epoch {
            self.forget(format!("node {owner} owns it at epoch {epoch}"), out);
        }
    }

    /// Time passes.
    pub fn tick(&mut self, now: Millis, out: &mut Vec<Action>) {
        match &mut self.state {
            Arriving::Collecting { until, .. } if now >= *until => {
                self.abort(refusal(Code::Unavailable, "no chunk came for 10 s"), out);
            }
            Arriving::Prepared { poll: Some(at) } if now >= *at => {
                *at = now + RETRY;
                out.push(Action::Poll);
            }
            _ => {}
        }
    }

    fn abort(&mut self, why: Refusal, out: &mut Vec<Action>) {
        out.push(self.subject.aborted(&why));
        self.forget(why.detail, out);
    }

    fn forget(&mut self, why: String, out: &mut Vec<Action>) {
        self.state = Arriving::Over;
        out.push(Action::Drop(why));
    }
}
