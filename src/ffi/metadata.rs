//! Reading metadata.

use super::buffer::plasma_buffer_t;
use super::status::{plasma_status_t, run};
use super::{arg, raw};
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

/// Find the value of a metadata key.
///
/// @param buffer      borrowed.
/// @param key         borrowed; UTF-8, not empty.
/// @param value       written: a pointer into shared memory, valid while the
///                    buffer is held; never NULL.
/// @param value_size  written: size of value in bytes.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND  the object has no such key
///
/// Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_get_metadata(
    buffer: Option<&plasma_buffer_t>,
    key: *const c_char,
    value: Option<&mut MaybeUninit<*const c_void>>,
    value_size: Option<&mut MaybeUninit<u64>>,
) -> plasma_status_t {
    run(|| {
        let (buffer, key) = (arg(buffer, "buffer")?, raw::required_text(key, "key")?);
        let (value, value_size) = (arg(value, "value")?, arg(value_size, "value_size")?);
        let buffer = buffer.get()?;
        let found = buffer.metadata(key)?;
        value.write(found.as_ptr().cast());
        value_size.write(found.len() as u64);
        Ok(())
    })
}

/// Get the number of metadata entries of an object.
///
/// @param buffer  borrowed.
/// @param count   written.
///
/// @retval PLASMA_OK
///
/// Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_metadata_count(
    buffer: Option<&plasma_buffer_t>,
    count: Option<&mut MaybeUninit<u64>>,
) -> plasma_status_t {
    run(|| {
        let (buffer, count) = (arg(buffer, "buffer")?, arg(count, "count")?);
        count.write(buffer.get()?.metadata_count()?);
        Ok(())
    })
}

/// Get the metadata entry at an index; the order is unspecified.
///
/// @param buffer      borrowed.
/// @param index       0 .. plasma_metadata_count() - 1.
/// @param key         written: a pointer like value; NUL-terminated.
/// @param value       written: a pointer into shared memory, valid while the
///                    buffer is held; never NULL.
/// @param value_size  written: size of value in bytes.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND  index is out of range
///
/// Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_metadata_at(
    buffer: Option<&plasma_buffer_t>,
    index: u64,
    key: Option<&mut MaybeUninit<*const c_char>>,
    value: Option<&mut MaybeUninit<*const c_void>>,
    value_size: Option<&mut MaybeUninit<u64>>,
) -> plasma_status_t {
    run(|| {
        let (buffer, key, value) = (arg(buffer, "buffer")?, arg(key, "key")?, arg(value, "value")?);
        let value_size = arg(value_size, "value_size")?;
        let buffer = buffer.get()?;
        let (found_key, found) = buffer.metadata_at(index)?;
        key.write(found_key.as_ptr());
        value.write(found.as_ptr().cast());
        value_size.write(found.len() as u64);
        Ok(())
    })
}
