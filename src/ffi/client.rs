//! Connecting to stores and removing them.

use super::connect_options::{connect_options, plasma_connect_options_t};
use super::status::{plasma_status_t, run};
use super::{arg, raw};
use crate::client::{Client, end};
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// A connection of this process to a store.
///
/// Lifetime: from plasma_connect() to plasma_disconnect(). Buffers of both kinds
///           may outlive it. A process may have many, also to one store.
/// Threads:  any number at once.
/// Fork:     every call in the child returns FORKED; connect again there.
#[derive(Debug)]
pub struct plasma_client_t(pub(super) Client);

const fn shared_by_threads<T: Send + Sync>() {}
const _: () = shared_by_threads::<plasma_client_t>();

/// The client at a required pointer.
#[inline(always)]
pub(super) fn client_arg(client: Option<&plasma_client_t>) -> crate::error::Result<&Client> {
    arg(client, "client").map(|client| &client.0)
}

/// Open a store, or create it if it does not exist.
///
/// The address is NULL for $PLASMA_STORE or, where that is not set, "default";
/// a word of 1 to 64 letters, digits, '_', '-' and '.', not beginning with '.',
/// for a store of this user in /dev/shm; or a path with a '/' for the store's
/// directory or a file with the lines `plasma-store-link 1` and its path. A
/// later chdir() does not change a relative path.
///
/// The stores that a user addresses by words are in `/dev/shm/plasma-<uid>`,
/// where uid is the effective uid, in a user namespace as its parent knows it.
/// If another user has taken that name, every call with a word is PERMISSION and
/// uses nothing that is there: pass a path, or let root remove it.
///
/// @param address  borrowed; UTF-8.
/// @param options  borrowed; NULL for all defaults.
/// @param client   written: the connection; end it with plasma_disconnect().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_INVALID_ARGUMENT  the address is not valid
/// @retval PLASMA_ERR_STORE_NOT_FOUND   there is no store, and EXISTING or
///                                      READ_ONLY is set
/// @retval PLASMA_ERR_STORE_EXISTS      there is a store, and EXCLUSIVE is set
/// @retval PLASMA_ERR_NOT_A_STORE       the address is that of a file, a link or
///                                      another directory
/// @retval PLASMA_ERR_MISMATCH          the store was created with other options
///                                      than given
/// @retval PLASMA_ERR_VERSION           the store is of another version or word
///                                      size
/// @retval PLASMA_ERR_CORRUPT           the files of the store are corrupt
/// @retval PLASMA_ERR_PERMISSION        the operating system denies access; the
///                                      directory of this user's stores in
///                                      /dev/shm is not private to this user; or
///                                      this is root without READ_ONLY, and the
///                                      mode of the store does not admit root
/// @retval PLASMA_ERR_STORE_GONE        the store was removed, and a file that
///                                      is not its own keeps its directory; or
///                                      it was removed again and again for 10 s
/// @retval PLASMA_ERR_OUT_OF_MEMORY     there is no room for the store; see
///                                      `--shm-size` in a container
/// @retval PLASMA_ERR_LIMIT             too many clients, or open files; or a
///                                      file of the store would exceed this
///                                      process's `ulimit -f`
/// @retval PLASMA_ERR_TIMEOUT           lock_timeout_ms expired while the last
///                                      client of an EPHEMERAL store was leaving
/// @retval PLASMA_ERR_UNSUPPORTED       the file system is a network one or
///                                      hugetlbfs
///
/// Threads: any.   Cost: about 70 system calls, and up to 40 more beside other
/// clients, however many these are.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_connect(
    address: *const c_char,
    options: *const plasma_connect_options_t,
    client: Option<&mut MaybeUninit<*mut plasma_client_t>>,
) -> plasma_status_t {
    run(|| {
        let client = arg(client, "client")?;
        let options = connect_options(options)?;
        let connected = Client::connect(raw::text(address, "address")?, &options)?;
        client.write(raw::to_handle(plasma_client_t(connected)));
        Ok(())
    })
}

/// Disconnect from a store. Never fails.
///
/// Calls of other threads that are in flight end first: those that wait return
/// DISCONNECTED, and this call returns after the last of them. Do not call it in
/// a signal handler that interrupted a call on the same client. Buffers of both
/// kinds stay usable, and the client counts as present in the store until its
/// last buffer is gone.
///
/// @param client  consumed; NULL is a no-op. Any later use is an error of the
///                caller, as after free(), and so is a call of another thread
///                that has not begun yet.
///
/// Threads: any.   Cost: 20 to 40 system calls.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_disconnect(client: *mut plasma_client_t) {
    // Other threads may still be in calls while `close` waits for them, so no `&mut` exists yet.
    raw::with_handle(client, |client| client.0.close());
    end(|| raw::free_handle(client));
}

/// Get the address of a client's store: the absolute path of its directory.
///
/// @param client  borrowed.
///
/// @return text valid until plasma_disconnect(); NULL if client is NULL.
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_client_address(client: Option<&plasma_client_t>) -> *const c_char {
    client.map_or(std::ptr::null(), |client| client.0.address().as_ptr())
}

/// End the wait of every call in flight on a client with INTERRUPTED.
///
/// One interruption suffices for each call: a call that does not wait yet
/// returns INTERRUPTED instead of waiting, and plasma_put_many() and
/// plasma_delete_many() stop at the next object. A call that needs no wait ends
/// as usual, and a call that begins later is not affected.
///
/// @param client  borrowed.
///
/// @retval PLASMA_OK
///
/// Threads: any.   Cost: a few system calls.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_interrupt(client: Option<&plasma_client_t>) -> plasma_status_t {
    run(|| client_arg(client)?.interrupt())
}

/// Remove a store and all objects in it.
///
/// Connected processes keep the buffers that they hold; their other calls return
/// STORE_GONE. Only files that belong to a store are removed: if the directory
/// has any other file, nothing is removed. On an error nothing has changed.
///
/// @param address  borrowed; as for plasma_connect().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_STORE_NOT_FOUND  there is nothing at the address
/// @retval PLASMA_ERR_NOT_A_STORE      there is something other than a store
/// @retval PLASMA_ERR_VERSION          the store is of another version or word
///                                     size
/// @retval PLASMA_ERR_CORRUPT          the files of the store are corrupt
/// @retval PLASMA_ERR_PERMISSION       this process is neither the owner's nor
///                                     root's
/// @retval PLASMA_ERR_TIMEOUT          another process that removes the store
///                                     makes no progress for 5 s
/// @retval PLASMA_ERR_UNSUPPORTED      the store is a mount point, or a file in
///                                     its directory is not its own; the message
///                                     names it
///
/// Threads: any.   Cost: grows with the number of names that readers of other
/// users have created in the store.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_store_remove(address: *const c_char) -> plasma_status_t {
    run(|| Client::remove_store(raw::text(address, "address")?))
}
