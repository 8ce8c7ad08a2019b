//! Payloads in every codec: what is read is written in each codec, and is the same when it comes back.

use actorbridge::Codec;
use actorbridge_proto::v1::Envelope;

const ALL: [Codec; 3] = [Codec::Protobuf, Codec::Json, Codec::MessagePack];

/// The first byte says the codec, the others are an envelope in it.
pub fn run(data: &[u8]) {
    let Some((which, payload)) = data.split_first() else {
        return;
    };
    let from = ALL[usize::from(which % 3)];
    let Ok(packed) = from.convert::<Envelope>(payload, Codec::MessagePack) else {
        return;
    };
    for by in ALL {
        let way = Codec::MessagePack
            .convert::<Envelope>(&packed, by)
            .expect("it was read");
        let back = by
            .convert::<Envelope>(&way, Codec::MessagePack)
            .expect("it was written here");
        // JSON leaves out what is not known.
        if by != Codec::Json {
            assert_eq!(back, packed, "by way of {by}");
        }
    }
}
