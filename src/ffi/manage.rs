//! Deleting, pinning, evicting, and giving memory back.

use super::arg;
use super::client::{client_arg, plasma_client_t};
use super::id::{id_arg, plasma_id_t};
use super::status::{plasma_status_t, run};
use std::mem::MaybeUninit;

/// Delete a sealed object.
///
/// It is gone at once for new gets, and its id and name are free again. Its
/// memory follows when the last buffer on it is released.
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
/// Threads: any.   Cost: the writer lock. After some hundred deletes, or after
/// 4 MiB deleted and 1 MiB more for each client, also about 15 system calls,
/// and 5 for each other client, which free the memory of all that was deleted
/// and nobody holds.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_delete(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
) -> plasma_status_t {
    run(|| client_arg(client)?.delete(&id_arg(id)?))
}

/// Keep an object from being evicted, until plasma_unpin() or plasma_delete().
///
/// A pin is a mark, not a count, and outlives the process that set it.
///
/// @param client  borrowed.
/// @param id      borrowed.
///
/// @retval PLASMA_OK             also when it was pinned already
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
/// @retval PLASMA_OK             also when it was not pinned
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

/// Evict objects nobody holds or pinned, least recently released first.
///
/// Only in stores made with eviction: in others nothing is ever evicted.
///
/// @param client   borrowed.
/// @param bytes    how much to free, at least; UINT64_MAX for all that can be.
/// @param evicted  written: bytes of data and metadata of what went, as
///                 plasma_object_info() tells them; less than asked is no
///                 error.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_UNSUPPORTED  the store was made without eviction
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

/// Clean up after dead clients now, and free deleted objects nobody holds.
///
/// Never needed: whoever connects or is short of memory does it too.
///
/// @param client  borrowed.
/// @param reaped  written: how many dead clients there were.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_READ_ONLY   the client may only read
/// @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
/// @retval PLASMA_ERR_PERMISSION  the file of a client may not be read, so it
///                                cannot be told what it holds: nothing is freed
/// @retval PLASMA_ERR_CORRUPT     likewise: the file is none of a client
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
