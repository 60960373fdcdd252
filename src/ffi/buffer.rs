//! Buffers: holding and releasing objects.
//!
//! The two kinds of buffers as C holds them, and their leases.

use super::status::{plasma_status_t, run};
use super::{arg, invalid, raw};
use crate::buffer::{Buffer, Releasing};
use crate::error::{Error, Result, Status};
use crate::mutable_buffer::{EndError, MutableBuffer};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;

/// A read-only view of one sealed object, with a lease that keeps the object.
///
/// While it is held the bytes stay mapped and unchanged, even if the object is
/// deleted, its creator dies or the client disconnects. Writing to data is a
/// segmentation fault. data is never NULL, also if size is 0.
///
/// Lifetime: from a get to plasma_release(). A copy of the struct by value is an
///           alias, not a lease: once one is released, the other is refused with
///           INVALID_ARGUMENT. plasma_retain() takes a second lease.
/// Threads:  one at a time; may move between threads.
/// Fork:     the child may read data while the parent holds the buffer.
///
/// Frozen: 64 bytes; its size never changes. All zeros mean "no buffer".
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_buffer_t {
    /// The first byte.
    pub data: *const u8,
    /// Size of data in bytes.
    pub size: u64,
    /// For the library only.
    pub reserved: [u64; 6],
}

/// The creator's writable view of one object until it is sealed.
///
/// Lifetime: from plasma_create() to plasma_seal(), plasma_seal_and_get() or
///           plasma_abort(); if the process ends before, the object is gone.
///           Copies by value are aliases, as for plasma_buffer_t.
/// Threads:  one call at a time; any number may write to data.
/// Fork:     not mapped in the child.
///
/// Frozen: 64 bytes; its size never changes. All zeros mean "no buffer".
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_mutable_buffer_t {
    /// The first byte; plasma_resize() may change it.
    pub data: *mut u8,
    /// Size of data in bytes.
    pub size: u64,
    /// For the library only.
    pub reserved: [u64; 6],
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<plasma_buffer_t>() == 64);
    assert!(size_of::<plasma_mutable_buffer_t>() == 64);
};

/// Whether the words are those of an empty buffer; without a call to memcmp.
#[inline(always)]
fn is_zero(reserved: &[u64; 6]) -> bool {
    reserved.iter().fold(0, |all, word| all | word) == 0
}

impl plasma_buffer_t {
    /// An empty buffer.
    pub(super) const ZERO: Self = Self { data: ptr::null(), size: 0, reserved: [0; 6] };

    /// The buffer that this struct holds.
    pub(super) fn get(&self) -> Result<ManuallyDrop<Buffer>> {
        if is_zero(&self.reserved) {
            return Err(no_buffer());
        }
        Buffer::from_parts(&self.reserved)
    }

    /// Releases it if it is in the common state; otherwise does nothing and returns `false`.
    #[inline(always)]
    fn release_hot(&mut self) -> bool {
        let released = Buffer::release_hot(&self.reserved);
        if released {
            *self = Self::ZERO;
        }
        released
    }

    fn release(&mut self) -> Result<()> {
        if !is_zero(&self.reserved) {
            drop(ManuallyDrop::into_inner(Buffer::from_parts(&self.reserved)?));
        }
        *self = Self::ZERO;
        Ok(())
    }
}

impl From<Buffer> for plasma_buffer_t {
    #[inline(always)]
    fn from(buffer: Buffer) -> Self {
        let (data, size) = (buffer.as_ptr(), buffer.len() as u64);
        Self { data, size, reserved: buffer.into_parts() }
    }
}

impl plasma_mutable_buffer_t {
    /// An empty buffer.
    pub(super) const ZERO: Self = Self { data: ptr::null_mut(), size: 0, reserved: [0; 6] };

    /// The buffer that this struct holds.
    pub(super) fn get(&self) -> Result<ManuallyDrop<MutableBuffer>> {
        if is_zero(&self.reserved) {
            return Err(no_buffer());
        }
        MutableBuffer::from_parts(&self.reserved)
    }

    /// Changes the buffer; if that fails, the struct is unchanged.
    pub(super) fn change(
        &mut self,
        call: impl FnOnce(&mut MutableBuffer) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = self.get()?;
        call(&mut buffer)?;
        *self = ManuallyDrop::into_inner(buffer).into();
        Ok(())
    }

    /// Ends the buffer; if that fails, the struct still holds it.
    pub(super) fn consume<R>(
        &mut self,
        call: impl FnOnce(MutableBuffer) -> std::result::Result<R, EndError>,
    ) -> Result<R> {
        match call(ManuallyDrop::into_inner(self.get()?)) {
            Ok(result) => {
                *self = Self::ZERO;
                Ok(result)
            }
            Err(failed) => {
                let (buffer, error) = failed.into_parts();
                *self = buffer.into();
                Err(error)
            }
        }
    }
}

impl From<MutableBuffer> for plasma_mutable_buffer_t {
    fn from(mut buffer: MutableBuffer) -> Self {
        let (data, size) = (buffer.as_mut_ptr(), buffer.len() as u64);
        Self { data, size, reserved: buffer.into_parts() }
    }
}

#[cold]
fn no_buffer() -> Error {
    invalid("the buffer is all zero: it was consumed, or never filled")
}

/// Take a second lease on the object of a buffer.
///
/// Never waits, and also works after the object was deleted or the client was
/// disconnected.
///
/// @param buffer  borrowed.
/// @param copy    written; release it like any other buffer.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_INVALID_ARGUMENT  buffer is not a live buffer
/// @retval PLASMA_ERR_LIMIT             buffer is retained 32767 times already
///
/// Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_retain(
    buffer: Option<&plasma_buffer_t>,
    copy: Option<&mut MaybeUninit<plasma_buffer_t>>,
) -> plasma_status_t {
    run(|| {
        let (buffer, copy) = (arg(buffer, "buffer")?, arg(copy, "copy")?);
        copy.write(buffer.get()?.retain()?.into());
        Ok(())
    })
}

/// Release a buffer and its lease.
///
/// @param buffer  consumed: all zeros afterwards. If it is all zeros before, the
///                call is a no-op.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_INVALID_ARGUMENT  a stale alias; nothing has changed
///
/// Threads: any, one per buffer.   Cost: no system call, no lock.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_release(mut buffer: Option<&mut plasma_buffer_t>) -> plasma_status_t {
    if let Some(buffer) = &mut buffer
        && buffer.release_hot()
    {
        return Status::Ok as i32;
    }
    release_slow(buffer)
}

/// Apart from [`plasma_release`], so that the fast path does not set up its stack frame.
#[cold]
fn release_slow(buffer: Option<&mut plasma_buffer_t>) -> plasma_status_t {
    run(|| arg(buffer, "buffer")?.release())
}

/// Release many buffers.
///
/// Each is tried, even after one failed.
///
/// @param buffers  consumed, each as by plasma_release().
/// @param count    number of buffers; if it is 0, buffers may be NULL.
///
/// @return PLASMA_OK, or the first failure.
///
/// Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_release_many(
    buffers: *mut plasma_buffer_t,
    count: usize,
) -> plasma_status_t {
    run(|| {
        let buffers = raw::array_inout(buffers, count, "buffers")?;
        let mut releasing = Releasing::begin();
        let mut first = Ok(());
        for buffer in buffers {
            if releasing.release_hot(&buffer.reserved) {
                *buffer = plasma_buffer_t::ZERO;
            } else {
                first = first.and(buffer.release());
            }
        }
        releasing.end();
        first
    })
}
