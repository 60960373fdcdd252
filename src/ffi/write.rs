//! Creating and sealing objects.

use super::buffer::{plasma_buffer_t, plasma_mutable_buffer_t};
use super::client::{client_arg, plasma_client_t};
use super::create_options::{metadata, name as name_arg, plasma_create_options_t, with_create};
use super::id::{id_arg, plasma_id_t};
use super::raw;
use super::status::{plasma_status_t, run};
use super::{arg, timeout};
use crate::client::GetOrCreate;
use crate::error::Result;
use crate::mutable_buffer::MutableBuffer;
use crate::support::fallible;
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

/// Create an object, to be written and then sealed.
///
/// Its memory has arbitrary contents, as from malloc(), unless
/// PLASMA_CREATE_ZEROED is set. No client can read the object before it is
/// sealed.
///
/// @param client   borrowed.
/// @param id       borrowed.
/// @param size     size of the data in bytes; may be 0.
/// @param options  borrowed; NULL for all defaults.
/// @param buffer   written; end it with plasma_seal(), plasma_seal_and_get() or
///                 plasma_abort().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
/// @retval PLASMA_ERR_NAME_EXISTS    an object has this name
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
/// @retval PLASMA_ERR_PERMISSION     no room, and nothing can be freed because
///                                   the file of a client cannot be read
/// @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole store
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
/// Bytes up to the smaller size are kept; new bytes are arbitrary. The object
/// grows in place if it can; otherwise it moves, and data changes.
///
/// @param buffer    changed: data and size. If the call fails, it is unchanged.
/// @param new_size  size of the data in bytes; may be 0.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
/// @retval PLASMA_ERR_TOO_LARGE      the object would be larger than the whole
///                                   store
/// @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
///
/// Threads: any, one per buffer.   Cost: the writer lock; a copy if the object
/// moves.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_resize(
    buffer: Option<&mut plasma_mutable_buffer_t>,
    new_size: u64,
) -> plasma_status_t {
    run(|| arg(buffer, "buffer")?.change(|buffer| buffer.resize(new_size)))
}

/// Set or replace one metadata entry of an object that is not sealed yet.
///
/// @param buffer      borrowed.
/// @param key         borrowed; UTF-8, not empty.
/// @param value       borrowed; may be NULL if value_size is 0.
/// @param value_size  size of value in bytes.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_LIMIT          over 64 KiB of metadata in all
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
/// @retval PLASMA_ERR_TOO_LARGE      data and metadata would be larger than the
///                                   whole store
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

/// Publish an object: from now on it never changes, and any client can get it.
///
/// @param buffer  consumed: all zeros afterwards; usable if the call fails.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_STORE_GONE  the store was removed
///
/// Threads: any, one per buffer.   Cost: no lock; a system call if a client
/// waits.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_seal(buffer: Option<&mut plasma_mutable_buffer_t>) -> plasma_status_t {
    run(|| arg(buffer, "buffer")?.consume(MutableBuffer::seal))
}

/// Publish an object and get it, so that it cannot be evicted or deleted before.
///
/// @param buffer  consumed: all zeros afterwards; usable if the call fails.
/// @param sealed  written; release it with plasma_release().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_LIMIT       too many leases
/// @retval PLASMA_ERR_STORE_GONE  the store was removed
///
/// Threads: any, one per buffer.   Cost: that of plasma_seal().   Since: 0.1
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

/// Discard an object before it is sealed.
///
/// Its id and name are free again, and calls that wait for it keep waiting.
///
/// @param buffer  consumed: all zeros afterwards; usable if the call fails.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_TIMEOUT  the writer lock stayed busy
///
/// Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_abort(buffer: Option<&mut plasma_mutable_buffer_t>) -> plasma_status_t {
    run(|| arg(buffer, "buffer")?.consume(MutableBuffer::abort))
}

/// End an object that cannot be made: calls that wait for it, and later gets,
/// fail with a message, until it is deleted.
///
/// With the metadata key "expires" (microseconds since the Unix epoch, decimal)
/// the object is absent from that time on.
///
/// @param buffer   consumed: all zeros afterwards; usable if the call fails.
/// @param message  borrowed; UTF-8. As much of it is kept as fits the memory of
///                 the object's data, and at most 512 bytes.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_STORE_GONE  the store was removed
/// @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
///
/// Threads: any, one per buffer.   Cost: the writer lock; a system call if a
/// client waits.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_fail(
    buffer: Option<&mut plasma_mutable_buffer_t>,
    message: *const c_char,
) -> plasma_status_t {
    run(|| {
        let (buffer, message) = (arg(buffer, "buffer")?, raw::text(message, "message")?);
        let message = arg(message, "message")?;
        buffer.consume(|buffer| buffer.fail(message))
    })
}

/// Create an object, copy bytes into it, and seal it.
///
/// @param client   borrowed.
/// @param id       borrowed.
/// @param data     borrowed; may be NULL if size is 0.
/// @param size     size of the data in bytes.
/// @param options  borrowed; NULL for all defaults.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
/// @retval PLASMA_ERR_NAME_EXISTS    an object has this name
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
/// @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole store
/// @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
///                                   metadata
/// @retval PLASMA_ERR_READ_ONLY      the client may only read
/// @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
///
/// Threads: any.   Cost: that of plasma_create(), and the copy.   Since: 0.1
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

/// Create an object of parts, one after the other, as by plasma_put().
///
/// @param client   borrowed.
/// @param id       borrowed.
/// @param parts    borrowed: count pointers, each to the bytes of a part.
/// @param sizes    borrowed: count sizes in bytes.
/// @param count    number of parts; if it is 0, the arrays may be NULL.
/// @param options  borrowed; NULL for all defaults.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
/// @retval PLASMA_ERR_NAME_EXISTS    an object has this name
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
/// @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole store
/// @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
///                                   metadata
/// @retval PLASMA_ERR_READ_ONLY      the client may only read
/// @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
///
/// Threads: any.   Cost: that of plasma_put().   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_put_parts(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
    parts: *const *const c_void,
    sizes: *const u64,
    count: usize,
    options: *const plasma_create_options_t,
) -> plasma_status_t {
    run(|| {
        let (client, id) = (client_arg(client)?, id_arg(id)?);
        let (starts, sizes) =
            (raw::array(parts, count, "parts")?, raw::array(sizes, count, "sizes")?);
        let mut parts = fallible::with_room(count)?;
        for (start, size) in starts.iter().zip(sizes) {
            parts.push(raw::bytes(*start, *size, "part")?);
        }
        with_create(options, |options| client.put_parts(&id, &parts, options))
    })
}

/// Get an object, or create it if it does not exist.
///
/// If many callers ask at once, one of them creates the object and the others
/// wait until it is sealed.
///
/// @param client          borrowed.
/// @param id              borrowed.
/// @param size            size of the data in bytes, if the object is created.
/// @param options         borrowed, used if the object is created; NULL for all
///                        defaults.
/// @param timeout_ms      how long to wait until another creator seals the
///                        object, in milliseconds: 0 does not wait, -1 waits
///                        forever.
/// @param buffer          written: the object, or all zeros if it was created;
///                        release it with plasma_release().
/// @param mutable_buffer  written: all zeros, or the new object if it was
///                        created; end it as after plasma_create().
/// @param created         written: 1 if the object was created, else 0.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_SEALED     timeout_ms is 0, and another creator is
///                                   writing the object
/// @retval PLASMA_ERR_TIMEOUT        another creator did not seal the object in
///                                   time, or the writer lock stayed busy
/// @retval PLASMA_ERR_FAILED         its creator failed
/// @retval PLASMA_ERR_NAME_EXISTS    another object has this name
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
/// @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole store
/// @retval PLASMA_ERR_LIMIT          too many objects or leases, or over 64 KiB
///                                   of metadata
/// @retval PLASMA_ERR_READ_ONLY      the client may only read
///
/// Threads: any.   Cost: that of plasma_get() or plasma_create().   Since: 0.1
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
        got_or_created(buffer, mutable_buffer, created, || {
            with_create(options, |options| client.get_or_create(&id, size, options, time))
        })
    })
}

/// Get the object with a name, or create it if it does not exist.
///
/// If many callers ask at once, one of them creates the object, with a random
/// id, and the others wait until it is sealed.
///
/// @param client          borrowed.
/// @param name            borrowed; UTF-8, 1 to 255 bytes.
/// @param size            size of the data in bytes, if the object is created.
/// @param options         borrowed, used if the object is created; NULL for all
///                        defaults. Its name is NULL, or this name.
/// @param timeout_ms      as of plasma_get_or_create().
/// @param buffer          written as by plasma_get_or_create().
/// @param mutable_buffer  written as by plasma_get_or_create().
/// @param created         written: 1 if the object was created, else 0.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_SEALED     timeout_ms is 0, and another creator is
///                                   writing the object
/// @retval PLASMA_ERR_TIMEOUT        another creator did not seal the object in
///                                   time, or the writer lock stayed busy
/// @retval PLASMA_ERR_FAILED         its creator failed
/// @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
/// @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole store
/// @retval PLASMA_ERR_LIMIT          too many objects or leases, or over 64 KiB
///                                   of metadata
/// @retval PLASMA_ERR_READ_ONLY      the client may only read
///
/// Threads: any.   Cost: that of plasma_get_by_name() or plasma_create().
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_get_or_create_by_name(
    client: Option<&plasma_client_t>,
    name: *const c_char,
    size: u64,
    options: *const plasma_create_options_t,
    timeout_ms: i64,
    buffer: Option<&mut MaybeUninit<plasma_buffer_t>>,
    mutable_buffer: Option<&mut MaybeUninit<plasma_mutable_buffer_t>>,
    created: Option<&mut MaybeUninit<i32>>,
) -> plasma_status_t {
    run(|| {
        let (client, name, time) = (client_arg(client)?, name_arg(name)?, timeout(timeout_ms)?);
        got_or_created(buffer, mutable_buffer, created, || {
            with_create(options, |options| client.get_or_create_by_name(name, size, options, time))
        })
    })
}

/// Makes a call that gets an object or creates it, and writes its outputs.
fn got_or_created(
    buffer: Option<&mut MaybeUninit<plasma_buffer_t>>,
    mutable_buffer: Option<&mut MaybeUninit<plasma_mutable_buffer_t>>,
    created: Option<&mut MaybeUninit<i32>>,
    call: impl FnOnce() -> Result<GetOrCreate>,
) -> Result<()> {
    let (buffer, created) = (arg(buffer, "buffer")?, arg(created, "created")?);
    let mutable_buffer = arg(mutable_buffer, "mutable_buffer")?;
    let (existing, new) = match call()? {
        GetOrCreate::Existing(existing) => (existing.into(), plasma_mutable_buffer_t::ZERO),
        GetOrCreate::Created(new) => (plasma_buffer_t::ZERO, new.into()),
    };
    created.write(i32::from(!new.data.is_null()));
    buffer.write(existing);
    mutable_buffer.write(new);
    Ok(())
}
