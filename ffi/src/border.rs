//! What stands between C and Rust: panics stop here, and failures become a status and a text.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::status::{AB_CLOSED, AB_OK, AB_PANIC};
use crate::types::Error;

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Fail {
    pub(crate) status: i32,
    pub(crate) os_errno: i32,
    pub(crate) text: String,
}

impl Fail {
    pub(crate) fn new(status: i32, text: impl Display) -> Self {
        Self {
            status,
            os_errno: 0,
            text: text.to_string(),
        }
    }

    pub(crate) fn closed(what: &str) -> Self {
        Self::new(
            AB_CLOSED,
            format_args!("the {what} handle is closed, was never open, or is forged; open it anew"),
        )
    }

    pub(crate) fn os(status: i32, doing: &str, error: &std::io::Error) -> Self {
        Self {
            status,
            os_errno: error.raw_os_error().unwrap_or(0),
            text: format!("{doing}: {error}"),
        }
    }
}

pub(crate) type Outcome = Result<i32, Fail>;

/// Runs the body of an export that has no text to give.
pub(crate) fn border(call: impl FnOnce() -> Outcome) -> i32 {
    run(call).unwrap_or_else(|fail| fail.status)
}

/// Runs the body of an export that tells what went wrong.
///
/// # Safety
/// `error` is null, or points to an `ab_error` that nobody else uses meanwhile.
pub(crate) unsafe fn border_with(error: *mut Error, call: impl FnOnce() -> Outcome) -> i32 {
    let outcome = run(call);
    // SAFETY: the caller's promise.
    let error = unsafe { error.as_mut() };
    // An error of another size is of another version: not touched.
    if let Some(error) = error.filter(|e| e.struct_size as usize == size_of::<Error>()) {
        let nothing = Fail::new(AB_OK, "");
        fill(error, outcome.as_ref().err().unwrap_or(&nothing));
    }
    outcome.unwrap_or_else(|fail| fail.status)
}

fn run(call: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = text_of(&*panic);
        let fail = Fail::new(
            AB_PANIC,
            format_args!("a panic was stopped at the border: {text}; report it, and close the node"),
        );
        // Its payload may panic when it is dropped.
        std::mem::forget(panic);
        Err(fail)
    })
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}

fn fill(error: &mut Error, fail: &Fail) {
    let mut end = fail.text.len().min(error.text.len() - 1);
    while !fail.text.is_char_boundary(end) {
        end -= 1;
    }
    error.code = fail.status;
    error.os_errno = fail.os_errno;
    error.retry_after_ms = 0;
    error.text_len = end as u32;
    error.text = [0; 236];
    for (to, from) in error.text.iter_mut().zip(fail.text[..end].bytes()) {
        *to = from as std::ffi::c_char;
    }
}
