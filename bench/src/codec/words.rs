//! What the figures of the suite `codec` say, in words.

use crate::figure::Figure;

/// The answer in words: which codec when, from these figures.
pub(crate) fn words(figures: &[Figure]) -> Vec<String> {
    let ratio = |case: &str, side: &str| figures.iter().find(|f| f.case == case && f.side == side)?.ratio;
    let mut words = Vec::new();
    for (codec, name) in [("json", "JSON"), ("msgpack", "MessagePack")] {
        for (message, called) in [("flight", "a flight record"), ("batch", "a batch of 100 flights")] {
            let of = |language: &str, what: &str| ratio(&format!("{message}_{what}"), &format!("{language} {codec}"));
            let all = (
                of("rust", "size"),
                of("rust", "gzip"),
                of("rust", "encode"),
                of("rust", "decode"),
            );
            let go = (of("go", "encode"), of("go", "decode"));
            if let ((Some(size), Some(zip), Some(re), Some(rd)), (Some(ge), Some(gd))) = (all, go) {
                words.push(format!(
                    "{name}, {called}: {size:.1} times the bytes of protobuf, {zip:.1} times with gzip; encoding takes {re:.1} \
                     times as long in Rust and {ge:.1} times in Go, decoding {rd:.1} and {gd:.1} times."
                ));
            }
        }
    }
    if words.is_empty() {
        return words;
    }
    words.push(
        "Between actors: protobuf. For people, browsers and tools: JSON. For programs that have no protobuf: MessagePack, which is as \
         small as protobuf and faster than JSON where the figures above say so."
            .into(),
    );
    words.push(
        "Quoted, not measured here, of the project's beginning (1 KB, 100,000 runs, another machine): protobuf with gRPC 42,800 \
         requests/s at 18.2 us, JSON over HTTP/2 19,500 requests/s at 43.7 us. Those are whole calls; what is above is the codec alone."
            .into(),
    );
    words
}
