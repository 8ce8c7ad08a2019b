//! What a step has of the events that it took.

use serde_json::{Value, json};

use crate::schema::Schema;
use compat_peer::ops::Encoded;

/// How many they are, the digest of their numbers in order, as of a counter, and the first and the last of them.
pub(super) fn result(schema: &Schema, events: &[Encoded]) -> Result<Value, String> {
    let events: Vec<_> = events.iter().map(|e| schema.decode(e)).collect::<Result<_, _>>()?;
    let digest = events.iter().fold(14_695_981_039_346_656_037_u64, |digest, event| {
        let number = event["text"].as_str().and_then(|text| text.parse().ok());
        digest.wrapping_mul(1_099_511_628_211).wrapping_add(number.unwrap_or(0))
    });
    let size = |event: &Value| event["data"].as_str().map_or(0, |base64| base64.len() / 4 * 3);
    Ok(json!({
        "count": events.len(),
        "digest": digest,
        "first": events.first().map(|e| &e["text"]),
        "last": events.last().map(|e| &e["text"]),
        "bytes": events.iter().map(size).sum::<usize>(),
    }))
}
