//! Pointers of C that references cannot express: arrays, strings, structs that grow, and handles.
//!
//! Each function takes pointers as C passed them. The unsafe code is sound because of the promise of
//! the C caller, written under "Conventions" in plasma.h: for the whole call a pointer is NULL, or
//! valid for its type, its length and its struct_size. Only the functions of this directory call
//! these, and they pass pointers on unchanged.
#![allow(unsafe_code)] // reads and writes through pointers that come from C

use super::invalid;
use crate::error::{Error, Result};
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::{ptr, slice};

/// A struct that may get more fields in later versions.
///
/// # Safety
/// `repr(C)`, without padding, first field `struct_size: u32`, and valid when all bytes are zero
/// or written by C.
pub(super) unsafe trait Growing: Copy {
    /// The type in C.
    const TYPE: &'static str;
    /// The macro that initializes one.
    const INIT: &'static str;
    /// The smallest `struct_size` accepted.
    const MIN_SIZE: usize;
}

/// No struct is larger; a larger value comes from uninitialized memory.
const MAX_SIZE: usize = 65536;

/// The size of the caller's struct in bytes.
fn struct_size<T: Growing>(pointer: *const T) -> Result<usize> {
    // SAFETY: not NULL (both callers check), so by the C caller's promise it begins with a u32.
    let size = unsafe { pointer.cast::<u32>().read_unaligned() } as usize;
    if (T::MIN_SIZE..=MAX_SIZE).contains(&size) {
        return Ok(size);
    }
    Err(wrong_size::<T>(size))
}

/// No version of the struct has this size.
#[cold]
fn wrong_size<T: Growing>(size: usize) -> Error {
    invalid(format!("struct_size of {} is {size}; initialize it with {}", T::TYPE, T::INIT))
}

/// The struct at `pointer`; `None` when it is NULL. Fields the caller does not know are zero.
#[inline]
pub(super) fn input<T: Growing>(pointer: *const T) -> Result<Option<T>> {
    if pointer.is_null() {
        return Ok(None);
    }
    let size = struct_size(pointer)?;
    let known = size.min(size_of::<T>());
    if known < size_of::<T>() && !known.is_multiple_of(align_of::<u64>()) {
        return Err(wrong_size::<T>(size));
    }
    // SAFETY: by the C caller's promise `struct_size` bytes can be read.
    let bytes = unsafe { slice::from_raw_parts(pointer.cast::<u8>(), size) };
    if bytes[known..].iter().any(|&byte| byte != 0) {
        return Err(invalid(format!(
            "{} has fields set that this library does not know: the program is newer than \
             libplasma {}",
            T::TYPE,
            env!("CARGO_PKG_VERSION")
        )));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` is at most the size of either struct, and `value` is ours alone.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), value.as_mut_ptr().cast(), known) };
    // SAFETY: `Growing` is promised only by types that these bytes make valid.
    Ok(Some(unsafe { value.assume_init() }))
}

/// A struct of the caller to be filled.
pub(super) struct Output<T> {
    pointer: *mut T,
    size: usize,
}

/// Checks a struct to be filled, before the call does anything.
pub(super) fn output<T: Growing>(pointer: *mut T, name: &str) -> Result<Output<T>> {
    if pointer.is_null() {
        return Err(invalid(format!("{name} is NULL")));
    }
    let size = struct_size(pointer)?.min(size_of::<T>());
    Ok(Output { pointer, size })
}

impl<T: Growing> Output<T> {
    /// Whether the caller's struct goes on beyond this offset.
    pub(super) fn reaches(&self, offset: usize) -> bool {
        self.size > offset
    }

    /// Fills the fields that the caller's struct has room for, except its `struct_size`.
    pub(super) fn write(self, value: &T) {
        let skip = size_of::<u32>();
        // SAFETY: `size` is at least MIN_SIZE, which is more than a u32, and at most T's size.
        let from = unsafe { ptr::from_ref(value).cast::<u8>().add(skip) };
        // SAFETY: as above, and within the caller's struct.
        let to = unsafe { self.pointer.cast::<u8>().add(skip) };
        // SAFETY: both hold `size` bytes; `value` is the library's, so they do not overlap.
        unsafe { ptr::copy_nonoverlapping(from, to, self.size - skip) };
    }
}

/// The bytes of a string, in any encoding; `None` when it is NULL.
#[inline]
pub(super) fn text_bytes<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: by the C caller's promise it ends with a NUL and stays as it is during the call.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_bytes())
}

/// A string in UTF-8; `None` when it is NULL.
#[inline]
pub(super) fn text<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: by the C caller's promise it ends with a NUL and stays as it is during the call.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|_| invalid(format!("{name} is not UTF-8")))
}

/// A string in UTF-8 that must not be NULL or empty.
#[inline]
pub(super) fn required_text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    match text(pointer, name)? {
        None => Err(invalid(format!("{name} is NULL"))),
        Some("") => Err(invalid(format!("{name} is empty"))),
        Some(text) => Ok(text),
    }
}

#[cold]
fn no_array(name: &str, len: usize) -> crate::error::Error {
    match len {
        0..=MAX_LEN => invalid(format!("{name} is NULL but has {len} elements")),
        _ => invalid(format!("{name} cannot have {len} elements")),
    }
}

/// No array is longer: the sum of sizes of any array stays below `isize::MAX`.
const MAX_LEN: usize = isize::MAX as usize / 64;

fn is_array<T>(pointer: *const T, len: usize) -> bool {
    !pointer.is_null() && pointer.is_aligned() && len <= isize::MAX as usize / size_of::<T>()
}

/// An array to read. NULL is an empty array.
pub(super) fn array<'a, T>(pointer: *const T, len: usize, name: &str) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if !is_array(pointer, len) {
        return Err(no_array(name, len));
    }
    // SAFETY: not NULL, aligned and not too long; by the C caller's promise it holds `len` values
    // that do not change during the call.
    Ok(unsafe { slice::from_raw_parts(pointer, len) })
}

/// An array to write, of any contents. NULL is an empty array.
pub(super) fn array_mut<'a, T>(
    pointer: *mut T,
    len: usize,
    name: &str,
) -> Result<&'a mut [MaybeUninit<T>]> {
    if len == 0 {
        return Ok(&mut []);
    }
    if !is_array(pointer, len) {
        return Err(no_array(name, len));
    }
    // SAFETY: not NULL, aligned and not too long; by the C caller's promise it has room for `len`
    // values that no other thread uses during the call.
    Ok(unsafe { slice::from_raw_parts_mut(pointer.cast(), len) })
}

/// An array to read and write. NULL is an empty array.
pub(super) fn array_inout<'a, T>(pointer: *mut T, len: usize, name: &str) -> Result<&'a mut [T]> {
    let array = array_mut(pointer, len, name)?;
    // SAFETY: by the C caller's promise its values are set, as those of `array` are.
    Ok(unsafe { array.assume_init_mut() })
}

/// An array all of whose elements are `value`.
pub(super) fn fill<T: Copy>(array: &mut [MaybeUninit<T>], value: T) -> &mut [T] {
    array.fill(MaybeUninit::new(value));
    // SAFETY: each element was just written.
    unsafe { array.assume_init_mut() }
}

/// An array of bytes as an array of bools, all false.
pub(super) fn flags<'a>(pointer: *mut u8, len: usize, name: &str) -> Result<&'a mut [bool]> {
    let bytes = fill(array_mut(pointer, len, name)?, 0);
    // SAFETY: `bytes` is exclusive, and a bool is a byte of 0 or 1: all are 0.
    Ok(unsafe { slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), len) })
}

/// Bytes to read. NULL with size 0 is an empty array.
pub(super) fn bytes<'a>(pointer: *const c_void, size: u64, name: &str) -> Result<&'a [u8]> {
    array(pointer.cast(), usize::try_from(size).unwrap_or(usize::MAX), name)
}

/// Gives a value to C as a handle.
pub(super) fn to_handle<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Makes the last use of a handle while other threads may still be in calls with it.
pub(super) fn with_handle<T>(handle: *mut T, last_use: impl FnOnce(&T)) {
    // SAFETY: NULL, or made by `to_handle` and, by the C caller's promise, not freed yet.
    if let Some(value) = unsafe { handle.as_ref() } {
        last_use(value);
    }
}

/// Takes a handle back and drops its value. NULL is a no-op.
pub(super) fn free_handle<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: made by `to_handle`; by the C caller's promise this is its last use.
        drop(unsafe { Box::from_raw(handle) });
    }
}
