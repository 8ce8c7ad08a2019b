//! The inputs of the suite are of other messages, and of none. Read as an envelope, each is bytes that may or may not be one:
//! what the view accepts, prost has to accept too, and see the same in it.

use std::collections::BTreeMap;
use std::fmt;

use actorbridge_proto::{EnvelopeView, v1};
use prost::Message as _;

/// What the view did with the inputs.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Read as prost reads them.
    read: usize,
    /// Refused by prost too.
    refused: usize,
    /// Refused though prost reads them, by reason.
    stricter: BTreeMap<String, usize>,
}

impl Seen {
    /// Looks at one input.
    ///
    /// # Errors
    /// A sentence: the view accepts what prost refuses, or sees something else in it.
    pub(crate) fn look_at(&mut self, input: &[u8]) -> Result<(), String> {
        match (EnvelopeView::read(input), v1::Envelope::decode(input)) {
            (Ok(view), Ok(envelope)) => {
                self.read += 1;
                differs(&view, &envelope).map_or(Ok(()), |field| Err(format!("the envelope view sees another {field}")))
            }
            (Err(_), Err(_)) => {
                self.refused += 1;
                Ok(())
            }
            (Err(refusal), Ok(_)) => {
                *self.stricter.entry(refusal.detail).or_default() += 1;
                Ok(())
            }
            // The view leaves a failure and attributes to who wants them.
            (Ok(view), Err(_)) if !view.failure.is_empty() || view.attributes > 0 => {
                self.read += 1;
                Ok(())
            }
            (Ok(_), Err(e)) => Err(format!("the envelope view reads what prost refuses: {e}")),
        }
    }
}

/// The first field that is not the same.
fn differs(view: &EnvelopeView<'_>, envelope: &v1::Envelope) -> Option<&'static str> {
    let same = [
        ("kind", view.kind == envelope.kind as u32),
        ("payload", view.payload == envelope.payload),
        ("correlation", view.correlation == envelope.correlation),
        ("source", *view.source == envelope.source),
        ("target", *view.target == envelope.target),
        ("type", *view.type_name == envelope.r#type),
        ("type_version", view.type_version == envelope.type_version),
        (
            "min_reader_version",
            view.min_reader_version == envelope.min_reader_version,
        ),
        ("content_type", view.content_type == envelope.content_type as u32),
        ("reply_to", *view.reply_to == envelope.reply_to),
        ("trace", view.trace == envelope.trace),
        ("id", view.id == envelope.id),
        ("dedup_key", view.dedup_key == envelope.dedup_key),
        ("compression", view.compression == envelope.compression as u32),
        ("raw_size", view.raw_size == envelope.raw_size),
        ("expected_version", view.expected_version == envelope.expected_version),
        ("causation_id", view.causation_id == envelope.causation_id),
        ("tenant", *view.tenant == envelope.tenant),
        ("tracestate", *view.tracestate == envelope.tracestate),
        ("payload_crc32c", view.payload_crc32c == envelope.payload_crc32c),
        ("created_unix_ms", view.created_unix_ms == envelope.created_unix_ms),
        ("ask_path", view.ask_path_len as usize == envelope.ask_path.len()),
    ];
    same.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stricter: usize = self.stricter.values().sum();
        let total = self.read + self.refused + stricter;
        write!(
            f,
            "the envelope view and {total} inputs: {} read as prost reads them, {} refused by both, {stricter} by the view alone",
            self.read, self.refused
        )?;
        self.stricter
            .iter()
            .try_for_each(|(reason, count)| write!(f, "\n  {count} {reason}"))
    }
}
