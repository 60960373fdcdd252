//! Writing objects.

use super::arg;
use super::buffer::{plasma_buffer_t, plasma_mutable_buffer_t};
use super::client::{client_arg, plasma_client_t};
use super::id::{id_arg, plasma_id_t};
use super::options::{metadata, plasma_create_options_t, timeout, with_create};
use super::raw;
use super::status::{plasma_status_t, run};
use crate::client::GetOrCreate;
use crate::mutable_buffer::MutableBuffer;
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

/// Create an object, to be written and sealed.
///
/// Its memory holds whatever was there before, as malloc's does, unless
/// PLASMA_CREATE_ZEROED is given. Nobody sees the object before it is sealed.
///
/// @param client   borrowed.
/// @param id       borrowed.
/// @param size     bytes of data; 0 is fine.
/// @param options  borrowed; NULL for all defaults.
/// @param buffer   written; end it with plasma_seal(), plasma_seal_and_get()
///                 or plasma_abort().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
/// @retval PLASMA_ERR_NAME_EXISTS    an object has this name
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
/// @retval PLASMA_ERR_PERMISSION     no room, and nothing can be freed: the file
///                                   of a client may not be read
/// @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
/// @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
///                                   metadata
/// @retval PLASMA_ERR_READ_ONLY      the client may only read
/// @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
///
/// Threads: any.   Cost: the writer lock; no system call once the memory is
/// reserved.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_create(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
    size: u64,
    options: *const plasma_create_options_t,
    buffer: Option<&mut MaybeUninit<plasma_mutable_buffer_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, id, buffer) = (client_arg(client)?, id_arg(id)?, arg(buffer, "buffer")?);
        buffer.write(with_create(options, |o| client.create(&id, size, o))?.into());
        Ok(())
    })
}

/// Change the size of an object that is not sealed yet.
///
/// The bytes up to the smaller size are kept; new ones hold whatever was
/// there. It grows in place where it can, and may move: data changes then.
///
/// @param buffer    changed: data and size. On failure all is as before.
/// @param new_size  bytes of data; 0 is fine.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
/// @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
/// @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
///
/// Threads: any, one per buffer.   Cost: the writer lock; copies when it
/// moves.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_resize(
    buffer: Option<&mut plasma_mutable_buffer_t>,
    new_size: u64,
) -> plasma_status_t {
    run(|| arg(buffer, "buffer")?.change(|buffer| buffer.resize(new_size)))
}

/// Set or replace one entry of the metadata of an object not sealed yet.
///
/// @param buffer      borrowed.
/// @param key         borrowed; UTF-8, not empty.
/// @param value       borrowed; may be NULL when value_size is 0.
/// @param value_size  bytes in value.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_LIMIT          over 64 KiB in all for this object
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
/// @retval PLASMA_ERR_TOO_LARGE      with its data larger than the whole store
/// @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
///
/// Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_set_metadata(
    buffer: Option<&mut plasma_mutable_buffer_t>,
    key: *const c_char,
    value: *const c_void,
    value_size: u64,
) -> plasma_status_t {
    run(|| {
        let (key, value) = metadata(key, value, value_size)?;
        arg(buffer, "buffer")?.change(|buffer| buffer.set_metadata(key, value))
    })
}

/// Publish an object: from now on it never changes, and anyone can get it.
///
/// @param buffer  consumed: all zero afterwards. On failure it stays usable.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_STORE_GONE  the store was removed meanwhile
///
/// Threads: any, one per buffer.   Cost: no lock; a system call when somebody
/// waits.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_seal(buffer: Option<&mut plasma_mutable_buffer_t>) -> plasma_status_t {
    run(|| arg(buffer, "buffer")?.consume(MutableBuffer::seal))
}

/// Publish an object and hold it: nobody can evict or delete it in between.
///
/// @param buffer  consumed: all zero afterwards. On failure it stays usable.
/// @param sealed  written; release it with plasma_release().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_LIMIT       too many leases
/// @retval PLASMA_ERR_STORE_GONE  the store was removed meanwhile
///
/// Threads: any, one per buffer.   Cost: as plasma_seal().   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_seal_and_get(
    buffer: Option<&mut plasma_mutable_buffer_t>,
    sealed: Option<&mut MaybeUninit<plasma_buffer_t>>,
) -> plasma_status_t {
    run(|| {
        let (buffer, sealed) = (arg(buffer, "buffer")?, arg(sealed, "sealed")?);
        sealed.write(buffer.consume(MutableBuffer::seal_and_get)?.into());
        Ok(())
    })
}

/// Give an object up before it is sealed.
///
/// Its id and name are free again, and those who wait for it wait on.
///
/// @param buffer  consumed: all zero afterwards. On failure it stays usable.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_TIMEOUT  the writer lock stayed busy
///
/// Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_abort(buffer: Option<&mut plasma_mutable_buffer_t>) -> plasma_status_t {
    run(|| arg(buffer, "buffer")?.consume(MutableBuffer::abort))
}

/// Create an object, copy bytes into it, and seal it.
///
/// @param client   borrowed.
/// @param id       borrowed.
/// @param data     borrowed; may be NULL when size is 0.
/// @param size     bytes of data.
/// @param options  borrowed; NULL for all defaults.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
/// @retval PLASMA_ERR_NAME_EXISTS    an object has this name
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
/// @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
/// @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
///                                   metadata
/// @retval PLASMA_ERR_READ_ONLY      the client may only read
/// @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
///
/// Threads: any.   Cost: as plasma_create(), and the copy.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_put(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
    data: *const c_void,
    size: u64,
    options: *const plasma_create_options_t,
) -> plasma_status_t {
    run(|| {
        let (client, id) = (client_arg(client)?, id_arg(id)?);
        let data = raw::bytes(data, size, "data")?;
        with_create(options, |options| client.put(&id, data, options))
    })
}

/// Get an object, or create it when there is none.
///
/// Of many callers one creates, and the others wait until it is sealed.
///
/// @param client      borrowed.
/// @param id          borrowed.
/// @param size        bytes of data, if it is created.
/// @param options     borrowed, for creating; NULL for all defaults.
/// @param timeout_ms  how long to wait for another creator's seal.
/// @param buffer      written: the object, or all zero if it was created;
///                    release it with plasma_release().
/// @param mutable_buffer  written: all zero, or the new object if it was
///                    created; end it as after plasma_create().
/// @param created     written: 1 if it was created, else 0.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_SEALED     timeout_ms is 0, and another writes it
/// @retval PLASMA_ERR_TIMEOUT        another did not seal it in time, or the
///                                   writer lock stayed busy
/// @retval PLASMA_ERR_NAME_EXISTS    another object has this name
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
/// @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
/// @retval PLASMA_ERR_LIMIT          too many objects or leases, or over 64 KiB
///                                   of metadata
/// @retval PLASMA_ERR_READ_ONLY      the client may only read
///
/// Threads: any.   Cost: as plasma_get() or plasma_create().   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_get_or_create(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
    size: u64,
    options: *const plasma_create_options_t,
    timeout_ms: i64,
    buffer: Option<&mut MaybeUninit<plasma_buffer_t>>,
    mutable_buffer: Option<&mut MaybeUninit<plasma_mutable_buffer_t>>,
    created: Option<&mut MaybeUninit<i32>>,
) -> plasma_status_t {
    run(|| {
        let (client, id, time) = (client_arg(client)?, id_arg(id)?, timeout(timeout_ms)?);
        let (buffer, created) = (arg(buffer, "buffer")?, arg(created, "created")?);
        let mutable_buffer = arg(mutable_buffer, "mutable_buffer")?;
        let (existing, new) =
            match with_create(options, |o| client.get_or_create(&id, size, o, time))? {
                GetOrCreate::Existing(existing) => (existing.into(), plasma_mutable_buffer_t::ZERO),
                GetOrCreate::Created(new) => (plasma_buffer_t::ZERO, new.into()),
            };
        created.write(i32::from(!new.data.is_null()));
        buffer.write(existing);
        mutable_buffer.write(new);
        Ok(())
    })
}
