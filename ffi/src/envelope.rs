//! Envelopes and descriptors without a node: pure functions.

use bytes::Bytes;

use crate::border::{Fail, border};
use crate::descriptor;
use crate::pointers::{get, give, place, slice, slice_mut};
use crate::status::{AB_BAD_DESCRIPTOR, AB_OK, AB_SHORT_BUFFER, AB_TOO_LARGE};
use crate::types::Desc;
use actorbridge_proto::packet::MAX_FRAME_BYTES;
use actorbridge_proto::v1::Code;

fn too_large() -> Fail {
    Fail::new(AB_TOO_LARGE, "an envelope has at most 4 MiB")
}

/// Writes the bytes of an envelope: kind, correlation and payload from the descriptor, all other fields from its ext. `len` is
/// set to the envelope's size, also with AB_SHORT_BUFFER.
///
/// # Safety
/// `desc` is null or valid, `arena` is null or has `arena_len` bytes, `buf` is null or has `cap` bytes, `len` is null or
/// valid; nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_envelope_encode(
    desc: *const Desc,
    arena: *const u8,
    arena_len: usize,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> i32 {
    border(|| {
        // SAFETY: the caller's promise, for both.
        let (desc, arena) = unsafe { (get(desc, "desc")?, slice(arena, arena_len, "arena")?) };
        if desc.is_head() {
            return Err(Fail::new(AB_BAD_DESCRIPTOR, "a head is not an envelope"));
        }
        if arena.len() > MAX_FRAME_BYTES || desc.size(arena) > 2 * MAX_FRAME_BYTES {
            return Err(too_large());
        }
        let envelope = desc.body(&Bytes::copy_from_slice(arena))?;
        // SAFETY: the caller's promise.
        unsafe { give(&envelope, buf, cap, len) }
    })
}

/// Takes an envelope apart: kind, correlation and payload into the descriptor, all other fields into its ext; ab_envelope_encode
/// makes the same bytes of it. An envelope for which that would not hold comes whole (AB_DESC_WHOLE). `need` is set to the
/// arena bytes, also with AB_SHORT_BUFFER. A refused envelope has the code's status (AB_UNDECODABLE, AB_BAD_OVERRIDE,
/// AB_TOO_LARGE).
///
/// # Safety
/// `envelope` is null or has `len` bytes, `out` is null or valid, `arena` is null or has `cap` bytes, `need` is null or
/// valid; nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_envelope_decode(
    envelope: *const u8,
    len: usize,
    out: *mut Desc,
    arena: *mut u8,
    cap: usize,
    need: *mut usize,
) -> i32 {
    border(|| {
        // SAFETY: the caller's promise, for all four.
        let (envelope, out, arena, need) = unsafe {
            (
                slice(envelope, len, "envelope")?,
                place(out, "out")?,
                slice_mut(arena, cap, "arena")?,
                place(need, "need")?,
            )
        };
        *need = 0;
        if envelope.len() > MAX_FRAME_BYTES {
            return Err(too_large());
        }
        let (desc, bytes) = descriptor::split(envelope).map_err(|r| Fail::new(status_of(r.code), r.detail))?;
        *need = bytes.len();
        let Some(room) = arena.get_mut(..bytes.len()) else {
            return Ok(AB_SHORT_BUFFER);
        };
        room.copy_from_slice(&bytes);
        *out = desc;
        Ok(AB_OK)
    })
}

/// Codes are the statuses below -100.
fn status_of(code: Code) -> i32 {
    -100 - code as i32
}
