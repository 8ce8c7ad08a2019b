//! What a build with the feature `abdebug` looks at. Only a fault of this library makes a check fail: it says which, and ends the process.

use actorbridge_proto::view::EnvelopeView;
use actorbridge_proto::writer::{self, BodyFields};
use bytes::Bytes;

use crate::ring::RunHead;
use crate::types::Desc;

fn fault(what: &str) -> ! {
    eprintln!("actorbridge: abdebug: {what}: a fault of this library; please report it");
    std::process::abort();
}

/// A message that is written to a ring is an item of an envelope, and has a binding if it has a seq.
pub(crate) fn check(head: &RunHead, seq: u64, plain: bool, bytes: &[u8]) {
    // What follows an actor that has moved has the epoch of a stay there.
    let is_passed_on = head.flow == 0 && head.hops > 0;
    if (head.flow == 0) != (seq == 0) && !is_passed_on {
        fault("a message in a ring has a seq and no binding, or a binding and no seq");
    }
    let body = match plain {
        true => writer::body(BodyFields::default(), bytes),
        false => Bytes::copy_from_slice(bytes),
    };
    match EnvelopeView::read_body(&body, 0) {
        Ok(view) if !plain || view.payload == bytes => {}
        Ok(_) => fault("a message in a ring is another payload than its envelope's"),
        Err(_) => fault("a message in a ring is no item of an envelope"),
    }
}

/// A descriptor that C gets gives the item that came, byte for byte.
pub(crate) fn check_desc(desc: &Desc, arena: &[u8], item: &[u8]) {
    match desc.body(&Bytes::copy_from_slice(arena)) {
        Ok(again) if again == item => {}
        _ => fault("a descriptor is not the envelope that it was made of"),
    }
}
