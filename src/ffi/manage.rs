//! Deleting, pinning, evicting, and freeing memory.

use super::arg;
use super::client::{client_arg, plasma_client_t};
use super::create_options::name as name_arg;
use super::id::{id_arg, plasma_id_t};
use super::status::{plasma_status_t, run};
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// Delete a sealed object.
///
/// From now on no call can get it, and its id and name are free again. Its
/// memory is freed after the last buffer on it is released.
///
/// @param client  borrowed.
/// @param id      borrowed.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND   there is no such object
/// @retval PLASMA_ERR_NOT_SEALED  only its creator can end it: plasma_abort()
/// @retval PLASMA_ERR_READ_ONLY   the client may only read
/// @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
///
/// Threads: any.   Cost: the writer lock. After a few hundred deletes, or after
/// 4 MiB deleted and 1 MiB more for each reader of another user, also about 10
/// system calls, 2 for each client that holds a deleted object, and 5 for each
/// such reader, which free the memory of all deleted objects that are not held.
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_delete(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
) -> plasma_status_t {
    run(|| client_arg(client)?.delete(&id_arg(id)?))
}

/// Delete the sealed object with a name, as plasma_delete() does.
///
/// @param client  borrowed.
/// @param name    borrowed; UTF-8, 1 to 255 bytes.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND   there is no such object
/// @retval PLASMA_ERR_NOT_SEALED  only its creator can end it: plasma_abort()
/// @retval PLASMA_ERR_READ_ONLY   the client may only read
/// @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
///
/// Threads: any.   Cost: that of plasma_delete().   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_delete_by_name(
    client: Option<&plasma_client_t>,
    name: *const c_char,
) -> plasma_status_t {
    run(|| client_arg(client)?.delete_by_name(name_arg(name)?))
}

/// Keep an object from being evicted, until plasma_unpin() or plasma_delete().
///
/// A pin is a mark, not a count, and outlives the process that set it.
///
/// @param client  borrowed.
/// @param id      borrowed.
///
/// @retval PLASMA_OK             also if it is pinned already
/// @retval PLASMA_ERR_NOT_FOUND  there is no such object
/// @retval PLASMA_ERR_READ_ONLY  the client may only read
/// @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
///
/// Threads: any.   Cost: the writer lock.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_pin(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
) -> plasma_status_t {
    run(|| client_arg(client)?.pin(&id_arg(id)?))
}

/// Let an object be evicted again.
///
/// @param client  borrowed.
/// @param id      borrowed.
///
/// @retval PLASMA_OK             also if it is not pinned
/// @retval PLASMA_ERR_NOT_FOUND  there is no such object
/// @retval PLASMA_ERR_READ_ONLY  the client may only read
/// @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
///
/// Threads: any.   Cost: the writer lock.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_unpin(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
) -> plasma_status_t {
    run(|| client_arg(client)?.unpin(&id_arg(id)?))
}

/// Evict objects that are not held and not pinned, least recently released
/// first.
///
/// Only a store that was created with eviction ever evicts an object.
///
/// @param client   borrowed.
/// @param bytes    bytes to free, at least; UINT64_MAX frees all that it can.
/// @param evicted  written: bytes of data and metadata of the evicted objects,
///                 as plasma_object_info() counts them; fewer than bytes is not
///                 an error.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_UNSUPPORTED  the store was created without eviction
/// @retval PLASMA_ERR_READ_ONLY    the client may only read
/// @retval PLASMA_ERR_TIMEOUT      the writer lock stayed busy
///
/// Threads: any.   Cost: the writer lock, in batches.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_evict(
    client: Option<&plasma_client_t>,
    bytes: u64,
    evicted: Option<&mut MaybeUninit<u64>>,
) -> plasma_status_t {
    run(|| {
        let (client, evicted) = (client_arg(client)?, arg(evicted, "evicted")?);
        evicted.write(client.evict(bytes)?);
        Ok(())
    })
}

/// Clean up after dead clients now, and free deleted objects that are not held.
///
/// Never necessary: any client that connects or is short of memory does it too.
///
/// @param client  borrowed.
/// @param reaped  written: number of dead clients found.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_READ_ONLY   the client may only read
/// @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
/// @retval PLASMA_ERR_PERMISSION  the file of a client cannot be read, so its
///                                leases are unknown and nothing is freed
/// @retval PLASMA_ERR_CORRUPT     the same, because the file is not that of a
///                                client
///
/// Threads: any.   Cost: reads the leases of every client.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_reap(
    client: Option<&plasma_client_t>,
    reaped: Option<&mut MaybeUninit<u64>>,
) -> plasma_status_t {
    run(|| {
        let (client, reaped) = (client_arg(client)?, arg(reaped, "reaped")?);
        reaped.write(client.reap()?);
        Ok(())
    })
}

/// Give whole free chunks of memory back to the system.
///
/// @param client      borrowed.
/// @param keep_bytes  free bytes to keep reserved for the next creates.
/// @param returned    written: bytes given back.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_READ_ONLY  the client may only read
/// @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
///
/// Threads: any.   Cost: 1 system call per run of chunks.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_trim(
    client: Option<&plasma_client_t>,
    keep_bytes: u64,
    returned: Option<&mut MaybeUninit<u64>>,
) -> plasma_status_t {
    run(|| {
        let (client, returned) = (client_arg(client)?, arg(returned, "returned")?);
        returned.write(client.trim(keep_bytes)?);
        Ok(())
    })
}
