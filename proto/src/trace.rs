//! The trace that a message belongs to.

use std::fmt;

use crate::view::EnvelopeView;
use crate::wire::{put_bytes, varint_len};

/// Most bytes of a tracestate that is passed on; a longer one is left out, as W3C Trace Context allows.
pub const MAX_TRACESTATE: usize = 512;

/// Bytes of `Envelope.trace`: trace id, span id, flags.
const SIZE: usize = 16 + 8 + 1;

/// A W3C trace context: the trace that a message belongs to, and the span that sent it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// The trace; never all zeros.
    pub trace_id: [u8; 16],
    /// The span that the next one is a child of; never all zeros.
    pub span_id: [u8; 8],
    /// Bit 0: the trace is sampled.
    pub flags: u8,
    /// W3C `tracestate`; may be empty.
    pub state: String,
}

impl Trace {
    /// The trace of an envelope; `None` = it is in none, or its context is not valid.
    pub fn of(view: &EnvelopeView<'_>) -> Option<Self> {
        let context: &[u8; SIZE] = view.trace.try_into().ok()?;
        let trace = Self {
            trace_id: context[..16].try_into().ok()?,
            span_id: context[16..24].try_into().ok()?,
            flags: context[24],
            state: view.tracestate.to_owned(),
        };
        trace.is_valid().then_some(trace)
    }

    /// Does it name a trace and a span?
    pub fn is_valid(&self) -> bool {
        self.trace_id != [0; 16] && self.span_id != [0; 8]
    }

    fn state_to_send(&self) -> &str {
        match self.state.len() {
            0..=MAX_TRACESTATE => &self.state,
            _ => "",
        }
    }

    /// Bytes of its fields in an envelope.
    pub(crate) fn encoded_len(&self) -> usize {
        let state = self.state_to_send().len();
        let state = if state == 0 {
            0
        } else {
            2 + varint_len(state as u64) + state
        };
        2 + SIZE + state
    }

    /// Appends its fields of an envelope.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let mut context = [0; SIZE];
        context[..16].copy_from_slice(&self.trace_id);
        context[16..24].copy_from_slice(&self.span_id);
        context[24] = self.flags;
        put_bytes(out, 11, &context);
        if !self.state_to_send().is_empty() {
            put_bytes(out, 20, self.state_to_send().as_bytes());
        }
    }
}

/// As a W3C `traceparent`.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.span_id));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}
