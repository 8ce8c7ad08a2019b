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
            state: view.tracestate.as_str().to_owned(),
        };
        trace.is_valid().then_some(trace)
    }

    /// The trace of a W3C `traceparent` and `tracestate`; `None` = it is not valid.
    pub fn of_headers(parent: &str, state: &str) -> Option<Self> {
        let mut parts = parent.split('-');
        let mut hex = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            let lower = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            lower.then(|| u128::from_str_radix(part, 16).ok())?
        };
        let (version, trace_id, span_id, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        let known = version != 0xff && (version != 0 || parts.next().is_none());
        let trace = Self {
            trace_id: trace_id.to_be_bytes(),
            span_id: (span_id as u64).to_be_bytes(),
            flags: flags as u8,
            state: state.to_owned(),
        };
        (known && trace.is_valid()).then_some(trace)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_it_was_written_and_one_that_is_not_valid_is_none() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = Trace::of_headers(text, "shop=1").expect("valid");
        assert_eq!((trace.to_string(), trace.state.as_str()), (text.to_owned(), "shop=1"));
        let later = format!("cc{}-more", &text[2..]);
        assert_eq!(Trace::of_headers(&later, "shop=1"), Some(trace), "of a later version");
        for bad in [
            "",
            "00",
            &text.to_uppercase(),
            &text.replace("b7ad", "b7a"),
            &format!("{text}-more"),
            &format!("ff{}", &text[2..]),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
        ] {
            assert_eq!(Trace::of_headers(bad, ""), None, "{bad}");
        }
    }
}
