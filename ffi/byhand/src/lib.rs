//! What a Go team writes today to call Rust: a C function with protobuf both ways, into the caller's memory. No actors, no
//! deadline, no cancellation, and a panic ends the process. The benchmark of the native door compares with it.

use prost::Message;

/// What is asked, and answered.
#[derive(Clone, PartialEq, Message)]
pub struct Payload {
    /// Any bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub data: bytes::Bytes,
}

/// Decodes a [`Payload`], and encodes the answer, which is the same. Returns how many bytes that has, or -1 if the request does not
/// decode or the answer does not fit.
///
/// # Safety
/// `request` has `request_len` readable bytes and `reply` has `reply_cap` writable ones, which nobody else uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byhand_echo(
    request: *const u8,
    request_len: usize,
    reply: *mut u8,
    reply_cap: usize,
) -> isize {
    // SAFETY: the caller's promise.
    let (request, mut reply) = unsafe {
        (
            std::slice::from_raw_parts(request, request_len),
            std::slice::from_raw_parts_mut(reply, reply_cap),
        )
    };
    let Ok(payload) = Payload::decode(request) else {
        return -1;
    };
    let len = payload.encoded_len();
    match payload.encode(&mut reply) {
        Ok(()) => len as isize,
        Err(_) => -1,
    }
}
