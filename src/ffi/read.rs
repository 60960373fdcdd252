//! Reading objects.

use super::buffer::plasma_buffer_t;
use super::client::{client_arg, plasma_client_t};
use super::create_options::name as name_arg;
use super::id::plasma_id_t;
use super::status::{plasma_status_t, run};
use super::{FOREVER, arg, raw, timeout};
use crate::error::Status;
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// Get a read-only view of an object, and wait until it is sealed.
///
/// @param client      borrowed.
/// @param id          borrowed.
/// @param timeout_ms  in milliseconds; 0 does not wait, -1 waits forever.
/// @param buffer      written; release it with plasma_release().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND   timeout_ms is 0, and there is no such object
/// @retval PLASMA_ERR_NOT_SEALED  timeout_ms is 0, and the object is being
///                                written
/// @retval PLASMA_ERR_TIMEOUT     the object was not sealed in time
/// @retval PLASMA_ERR_ABORTED     its creator died while this call waited
/// @retval PLASMA_ERR_FAILED      its creator failed; the message says why
/// @retval PLASMA_ERR_LIMIT       too many leases; or this is a reader of
///                                another user that would hold more than
///                                reader_quota bytes
///
/// Threads: any.   Cost: no system call and no lock if it is sealed.
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_get(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
    timeout_ms: i64,
    mut buffer: Option<&mut MaybeUninit<plasma_buffer_t>>,
) -> plasma_status_t {
    if let (Some(client), Some(id), Some(buffer)) = (client, id, &mut buffer)
        && timeout_ms >= FOREVER
        && let Some(got) = client.0.get_hot(&id.bytes)
    {
        buffer.write(got.into());
        return Status::Ok as i32;
    }
    get_slow(client, id, timeout_ms, buffer)
}

/// Apart from [`plasma_get`], so that the fast path does not set up its stack frame.
#[cold]
fn get_slow(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
    timeout_ms: i64,
    buffer: Option<&mut MaybeUninit<plasma_buffer_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, id, buffer) = (client_arg(client)?, arg(id, "id")?, arg(buffer, "buffer")?);
        buffer.write(client.get_slow(&id.into(), timeout(timeout_ms)?)?.into());
        Ok(())
    })
}

/// Get a read-only view of an object by its name, as by plasma_get().
///
/// @param client      borrowed.
/// @param name        borrowed; UTF-8, 1 to 255 bytes.
/// @param timeout_ms  in milliseconds; 0 does not wait, -1 waits forever.
/// @param buffer      written; release it with plasma_release().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND   timeout_ms is 0, and there is no such object
/// @retval PLASMA_ERR_NOT_SEALED  timeout_ms is 0, and the object is being
///                                written
/// @retval PLASMA_ERR_TIMEOUT     the object was not sealed in time
/// @retval PLASMA_ERR_ABORTED     its creator died while this call waited
/// @retval PLASMA_ERR_FAILED      its creator failed; the message says why
/// @retval PLASMA_ERR_LIMIT       too many leases; or this is a reader of
///                                another user that would hold more than
///                                reader_quota bytes
///
/// Threads: any.   Cost: that of plasma_get(), and a hash of the name.
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_get_by_name(
    client: Option<&plasma_client_t>,
    name: *const c_char,
    timeout_ms: i64,
    mut buffer: Option<&mut MaybeUninit<plasma_buffer_t>>,
) -> plasma_status_t {
    if let (Some(client), Some(name), Some(buffer)) = (client, raw::text_bytes(name), &mut buffer)
        && timeout_ms >= FOREVER
        && let Some(got) = client.0.get_hot_by_name(name)
    {
        buffer.write(got.into());
        return Status::Ok as i32;
    }
    get_by_name_slow(client, name, timeout_ms, buffer)
}

/// Apart from [`plasma_get_by_name`], as for [`plasma_get`].
#[cold]
fn get_by_name_slow(
    client: Option<&plasma_client_t>,
    name: *const c_char,
    timeout_ms: i64,
    buffer: Option<&mut MaybeUninit<plasma_buffer_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, name, buffer) = (client_arg(client)?, name_arg(name)?, arg(buffer, "buffer")?);
        buffer.write(client.get_by_name(name, timeout(timeout_ms)?)?.into());
        Ok(())
    })
}

/// Find the id of the object with a name, sealed or not.
///
/// @param client  borrowed.
/// @param name    borrowed; UTF-8, 1 to 255 bytes.
/// @param id      written.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND  no object has this name
///
/// Threads: any.   Cost: no system call, no lock.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_lookup(
    client: Option<&plasma_client_t>,
    name: *const c_char,
    id: Option<&mut MaybeUninit<plasma_id_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, name, id) = (client_arg(client)?, name_arg(name)?, arg(id, "id")?);
        id.write(client.lookup(name)?.into());
        Ok(())
    })
}
