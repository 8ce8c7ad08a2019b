//! Protobuf's canonical JSON.
//!
//! prost-reflect writes it. Reading is done here, since what it reads depends on more than the text there: it takes the last of
//! several equal keys, `"inf"` for a number, and the nearest float for a large integer. What is accepted here is what
//! protobuf-go accepts.
//!
//! - `text`: JSON without a schema. `read`: messages. `scalar`: numbers, bytes and enums. `times`: those that are not written.

use prost_reflect::{DynamicMessage, SerializeOptions};

mod read;
mod scalar;
mod text;
mod times;

pub(super) use read::read;

use super::{MAX_DEPTH, too_deep};

pub(super) fn write(message: &DynamicMessage) -> Result<Vec<u8>, String> {
    times::check(message)?;
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut out);
    message
        .serialize_with_options(&mut serializer, &SerializeOptions::new())
        .map_err(|e| e.to_string())?;
    match depth(&out) > MAX_DEPTH {
        true => Err(too_deep()),
        false => Ok(out),
    }
}

/// How deep objects and arrays lie in each other.
fn depth(text: &[u8]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}
