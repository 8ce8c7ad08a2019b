//! What the library says of itself, and whether it fits its caller.

use std::ffi::c_char;

use serde_json::json;

use crate::border::{Fail, border};
use crate::pointers::give;
use crate::status::{AB_ABI_MISMATCH, status_name};
use crate::types::AB_ABI_VERSION;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The C ABI that the library has: major << 16 | minor.
#[unsafe(no_mangle)]
pub extern "C" fn ab_abi_version() -> u32 {
    AB_ABI_VERSION
}

/// The name of a status, such as "AB_CLOSED"; "AB_UNKNOWN_STATUS" for a number that is none. Static; never null.
#[unsafe(no_mangle)]
pub extern "C" fn ab_status_name(status: i32) -> *const c_char {
    status_name(status).unwrap_or(c"AB_UNKNOWN_STATUS").as_ptr()
}

/// Writes a JSON document about the library: versions, module, actors. `len` is set to its size, also with
/// AB_SHORT_BUFFER.
///
/// # Safety
/// `buf` is null or has `cap` bytes, `len` is null or valid; nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_build_info(buf: *mut u8, cap: usize, len: *mut usize) -> i32 {
    border(|| {
        let module = crate::module();
        let document = json!({
            "library": "actorbridge-ffi",
            "version": VERSION,
            "abi": format!("{}.{}", AB_ABI_VERSION >> 16, AB_ABI_VERSION & 0xFFFF),
            "protocol": actorbridge::machine::link::PROTOCOL.1,
            "rustc": env!("AB_RUSTC"),
            "target": env!("AB_TARGET"),
            "profile": if cfg!(debug_assertions) { "debug" } else { "release" },
            "module": module.name(),
            "actors": module.patterns().collect::<Vec<_>>(),
        });
        // SAFETY: the caller's promise.
        unsafe { give(document.to_string().as_bytes(), buf, cap, len) }
    })
}

/// A caller may be older than the library within one major version, never newer.
pub(crate) fn check_abi(caller: u32) -> Result<(), Fail> {
    let (major, minor) = (AB_ABI_VERSION >> 16, AB_ABI_VERSION & 0xFFFF);
    let (wants_major, wants_minor) = (caller >> 16, caller & 0xFFFF);
    if major == wants_major && minor >= wants_minor {
        return Ok(());
    }
    let mend = if major > wants_major {
        "go get -u github.com/actorbridge/actorbridge/go-client/native"
    } else {
        "cargo update -p actorbridge-ffi"
    };
    Err(Fail::new(
        AB_ABI_MISMATCH,
        format_args!(
            "built with actorbridge-ffi {VERSION} (C ABI {major}.{minor}), the caller needs {wants_major}.{wants_minor}: \
             run `{mend}`"
        ),
    ))
}
