//! Reading objects.

use super::arg;
use super::buffer::plasma_buffer_t;
use super::client::{client_arg, plasma_client_t};
use super::id::plasma_id_t;
use super::options::{FOR_EVER, name as name_arg, timeout};
use super::status::{plasma_status_t, run};
use crate::error::Status;
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// Get a read-only view of a sealed object, waiting for it if need be.
///
/// @param client      borrowed.
/// @param id          borrowed.
/// @param timeout_ms  0 do not wait, -1 for ever.
/// @param buffer      written; release it with plasma_release().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND   timeout_ms is 0, and there is none
/// @retval PLASMA_ERR_NOT_SEALED  timeout_ms is 0, and it is being written
/// @retval PLASMA_ERR_TIMEOUT     not sealed in time
/// @retval PLASMA_ERR_ABORTED     its creator died while this call waited
/// @retval PLASMA_ERR_LIMIT       too many leases; or this is a reader of
///                                another user, and would hold more than
///                                reader_quota
///
/// Threads: any.   Cost: no system call, no lock if it is sealed.
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_get(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
    timeout_ms: i64,
    mut buffer: Option<&mut MaybeUninit<plasma_buffer_t>>,
) -> plasma_status_t {
    if let (Some(client), Some(id), Some(buffer)) = (client, id, &mut buffer)
        && timeout_ms >= FOR_EVER
        && let Some(got) = client.0.get_hot(&id.bytes)
    {
        buffer.write(got.into());
        return Status::Ok as i32;
    }
    get_slow(client, id, timeout_ms, buffer)
}

/// Apart from [`plasma_get`], so that nothing of what it needs is prepared there.
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

/// Get a read-only view of a sealed object by its name.
///
/// @param client      borrowed.
/// @param name        borrowed; UTF-8, 1 to 255 bytes.
/// @param timeout_ms  0 do not wait, -1 for ever.
/// @param buffer      written; release it with plasma_release().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND   timeout_ms is 0, and there is none
/// @retval PLASMA_ERR_NOT_SEALED  timeout_ms is 0, and it is being written
/// @retval PLASMA_ERR_TIMEOUT     not sealed in time
/// @retval PLASMA_ERR_ABORTED     its creator died while this call waited
/// @retval PLASMA_ERR_LIMIT       too many leases; or this is a reader of
///                                another user, and would hold more than
///                                reader_quota
///
/// Threads: any.   Cost: as plasma_get(), and a hash of the name.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_get_by_name(
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

/// Find the id of a name. The object need not be sealed.
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
