//! C's pointers as Rust's slices and places. A null pointer is looked for here and nowhere else.

use crate::border::{Fail, Outcome};
use crate::status::{AB_BAD_ARGUMENT, AB_NULL_POINTER, AB_OK, AB_SHORT_BUFFER};

fn null(name: &str) -> Fail {
    Fail::new(
        AB_NULL_POINTER,
        format_args!("{name} is null; pass a valid pointer, or length 0 if it has one"),
    )
}

/// What is not aligned, or longer than an address space, can only be a mistake.
fn check<T>(pointer: *const T, len: usize, name: &str) -> Result<(), Fail> {
    let bytes = len.checked_mul(size_of::<T>()).filter(|n| isize::try_from(*n).is_ok());
    if bytes.is_none_or(|n| (pointer as usize).checked_add(n).is_none()) || !pointer.is_aligned() {
        return Err(Fail::new(
            AB_BAD_ARGUMENT,
            format_args!("{name} is not aligned, or its length is beyond any memory"),
        ));
    }
    Ok(())
}

/// # Safety
/// `pointer` is null, or points to `len` elements that nobody changes while the slice is used.
pub(crate) unsafe fn slice<'a, T>(pointer: *const T, len: usize, name: &str) -> Result<&'a [T], Fail> {
    if len == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    check(pointer, len, name)?;
    // SAFETY: not null, aligned and not too long, as just seen; the rest is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len) })
}

/// # Safety
/// `pointer` is null, or points to `len` elements that nobody else uses while the slice is used.
pub(crate) unsafe fn slice_mut<'a, T>(pointer: *mut T, len: usize, name: &str) -> Result<&'a mut [T], Fail> {
    if len == 0 {
        return Ok(&mut []);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    check(pointer, len, name)?;
    // SAFETY: not null, aligned and not too long, as just seen; the rest is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, len) })
}

/// # Safety
/// `pointer` is null, or points to a `T` that nobody changes meanwhile.
pub(crate) unsafe fn get<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Fail> {
    // SAFETY: the caller's promise.
    unsafe { slice(pointer, 1, name) }.map(|one| &one[0])
}

/// # Safety
/// `pointer` is null, or points to a `T` that nobody else uses meanwhile.
pub(crate) unsafe fn place<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, Fail> {
    // SAFETY: the caller's promise.
    unsafe { slice_mut(pointer, 1, name) }.map(|one| &mut one[0])
}

/// Gives a text or encoded bytes to a caller's buffer; `len` is always set to the bytes that there are.
///
/// # Safety
/// `buf` is null or points to `cap` bytes, `len` is null or points to a size; nobody else uses them meanwhile.
pub(crate) unsafe fn give(bytes: &[u8], buf: *mut u8, cap: usize, len: *mut usize) -> Outcome {
    // SAFETY: the caller's promise.
    let (buf, len) = unsafe { (slice_mut(buf, cap, "buf")?, place(len, "len")?) };
    *len = bytes.len();
    match buf.get_mut(..bytes.len()) {
        Some(room) => {
            room.copy_from_slice(bytes);
            Ok(AB_OK)
        }
        None => Ok(AB_SHORT_BUFFER),
    }
}
