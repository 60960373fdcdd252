//! Object ids.

use super::raw;
use super::status::{plasma_status_t, run};
use super::{arg, invalid};
use crate::error::Result;
use crate::id::ObjectId;
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

/// Size of an id in bytes.
pub const PLASMA_ID_SIZE: usize = 20;

/// Size of the text of plasma_id_to_hex() in bytes: 40 digits and a NUL.
pub const PLASMA_ID_HEX_SIZE: usize = 41;

/// The id of an object: 20 bytes of your choice, unique within a store.
///
/// Frozen: its size never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_id_t {
    /// Any bytes; 20 zeros are a valid id.
    pub bytes: [u8; 20],
}

const _: () = assert!(size_of::<plasma_id_t>() == ObjectId::SIZE);

impl From<&plasma_id_t> for ObjectId {
    #[inline(always)]
    fn from(id: &plasma_id_t) -> Self {
        Self::new(id.bytes)
    }
}

impl From<ObjectId> for plasma_id_t {
    fn from(id: ObjectId) -> Self {
        Self { bytes: *id.as_bytes() }
    }
}

/// The id at a required pointer.
#[inline(always)]
pub(super) fn id_arg(id: Option<&plasma_id_t>) -> Result<ObjectId> {
    arg(id, "id").map(ObjectId::from)
}

/// The ids at a pointer, with their count. `ObjectId` is transparent, so it has C's layout.
pub(super) fn ids_arg<'a>(ids: *const plasma_id_t, count: usize) -> Result<&'a [ObjectId]> {
    raw::array(ids.cast(), count, "ids")
}

/// Make a random id: 160 bits from the kernel.
///
/// @param id  written.
///
/// @retval PLASMA_OK
///
/// Threads: any.   Cost: 1 system call.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_id_random(id: Option<&mut MaybeUninit<plasma_id_t>>) -> plasma_status_t {
    run(|| {
        arg(id, "id")?.write(ObjectId::random()?.into());
        Ok(())
    })
}

/// Make an id from up to 20 bytes, padded with zeros.
///
/// @param bytes  borrowed; may be NULL if n is 0.
/// @param n      number of bytes.
/// @param id     written.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_INVALID_ARGUMENT  n is above 20
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_id_from_bytes(
    bytes: *const c_void,
    n: usize,
    id: Option<&mut MaybeUninit<plasma_id_t>>,
) -> plasma_status_t {
    run(|| {
        if n > ObjectId::SIZE {
            return Err(invalid(format!("an id has at most 20 bytes, not {n}")));
        }
        let bytes = raw::bytes(bytes, n as u64, "bytes")?;
        arg(id, "id")?.write(ObjectId::from_slice(bytes)?.into());
        Ok(())
    })
}

/// Make an id from 40 hexadecimal digits of either case.
///
/// @param hex  borrowed.
/// @param id   written.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_INVALID_ARGUMENT  hex is anything but 40 digits
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_id_from_hex(
    hex: *const c_char,
    id: Option<&mut MaybeUninit<plasma_id_t>>,
) -> plasma_status_t {
    run(|| {
        let hex = raw::required_text(hex, "hex")?;
        arg(id, "id")?.write(ObjectId::from_hex(hex)?.into());
        Ok(())
    })
}

/// Write an id as 40 lower-case hexadecimal digits and a NUL.
///
/// @param id   borrowed.
/// @param hex  written: PLASMA_ID_HEX_SIZE (41) bytes.
///
/// @retval PLASMA_OK
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_id_to_hex(id: Option<&plasma_id_t>, hex: *mut c_char) -> plasma_status_t {
    run(|| {
        let digits = id_arg(id)?.to_hex();
        let hex = raw::array_mut(hex.cast::<u8>(), PLASMA_ID_HEX_SIZE, "hex")?;
        for (to, from) in hex.iter_mut().zip(digits.bytes().chain([0])) {
            to.write(from);
        }
        Ok(())
    })
}
