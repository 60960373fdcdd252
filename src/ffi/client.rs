//! Stores: connecting, leaving, removing.

use super::options::{connect_options, plasma_connect_options_t};
use super::status::{plasma_status_t, run};
use super::{arg, raw};
use crate::client::{Client, end};
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// One connection of one process to a store.
///
/// Lifetime: from plasma_connect() to plasma_disconnect(). Buffers of both
///           kinds may outlive it. A process may have many, also of one store.
/// Threads:  any number at once.
/// Fork:     every call in the child returns FORKED; connect again there.
#[derive(Debug)]
pub struct plasma_client_t(pub(super) Client);

const fn shared_by_threads<T: Send + Sync>() {}
const _: () = shared_by_threads::<plasma_client_t>();

/// The client behind a required pointer.
#[inline(always)]
pub(super) fn client_arg(client: Option<&plasma_client_t>) -> crate::error::Result<&Client> {
    arg(client, "client").map(|client| &client.0)
}

/// Open a store, or create it when there is none.
///
/// The address is NULL for $PLASMA_STORE, or else "default"; a word of
/// letters, digits, '_', '-' and '.' (up to 64, not beginning with '.') for a
/// store of this user in /dev/shm; or a path with a '/' for the directory of
/// the store itself. A path that does not begin with '/' begins at the working
/// directory of this moment; a later chdir() changes nothing.
///
/// The stores that a user names by words are in `/dev/shm/plasma-<uid>`, with
/// the effective uid, in a user namespace as its parent knows it. When another
/// user has taken that name, every call with a word is PERMISSION, and nothing
/// there is used: pass a path, or have root remove what is there.
///
/// @param address  borrowed; UTF-8.
/// @param options  borrowed; NULL for all defaults.
/// @param client   written: the connection; end it with plasma_disconnect().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_INVALID_ARGUMENT  the address can name no store
/// @retval PLASMA_ERR_STORE_NOT_FOUND   EXISTING or READ_ONLY, and none there
/// @retval PLASMA_ERR_STORE_EXISTS      EXCLUSIVE, and one is there
/// @retval PLASMA_ERR_NOT_A_STORE       a file, a link or another directory
/// @retval PLASMA_ERR_MISMATCH          made with other options than given
/// @retval PLASMA_ERR_VERSION           made by another version or word size
/// @retval PLASMA_ERR_CORRUPT           its files hold nonsense
/// @retval PLASMA_ERR_PERMISSION        the operating system refuses; the
///                                      directory of this user's stores in
///                                      /dev/shm is not this user's alone;
///                                      this is root without READ_ONLY, and
///                                      the mode does not admit it
/// @retval PLASMA_ERR_STORE_GONE        it was removed, and a file that is not
///                                      its own keeps its directory; or it
///                                      keeps being removed, for 10 s
/// @retval PLASMA_ERR_OUT_OF_MEMORY     no room for the store; see
///                                      `--shm-size` in a container
/// @retval PLASMA_ERR_LIMIT             too many clients, or open files; a
///                                      file of the store would be larger
///                                      than `ulimit -f` lets this process's
/// @retval PLASMA_ERR_TIMEOUT           the lock_timeout_ms ran out, where the
///                                      last of an EPHEMERAL store is leaving
/// @retval PLASMA_ERR_UNSUPPORTED       network file systems, hugetlbfs
///
/// Threads: any.   Cost: about 30 system calls.   Since: 0.1
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

/// Leave a store. Never fails.
///
/// Calls of other threads that are in flight end first: those that wait return
/// DISCONNECTED, and this call returns after the last of them. Do not call it
/// in a handler of a signal that interrupted a call on the same client.
/// Buffers of both kinds stay usable, and the client counts as present in the
/// store until the last of them is gone.
///
/// @param client  consumed; NULL is a no-op. Using it later is an error of
///                the caller's, as after free(); so is a call of another
///                thread that has not begun yet.
///
/// Threads: any.   Cost: a few system calls.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_disconnect(client: *mut plasma_client_t) {
    // Others may still be inside while `close` waits for them, so it is not yet ours alone.
    raw::with_handle(client, |client| client.0.close());
    end(|| raw::free_handle(client));
}

/// The address of a client's store: the absolute path of its directory.
///
/// @param client  borrowed.
///
/// @return text valid until plasma_disconnect(); NULL when client is NULL.
///
/// Threads: any.   Cost: none worth naming.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_client_address(client: Option<&plasma_client_t>) -> *const c_char {
    client.map_or(std::ptr::null(), |client| client.0.address().as_ptr())
}

/// Make every call in flight on this client that waits return INTERRUPTED.
///
/// One interruption is enough for each call: one that is not waiting yet does
/// not begin to, and plasma_put_many() and plasma_delete_many() end where they
/// are. A call that needs no wait ends as usual, and calls that begin later are
/// not affected.
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
/// Processes that are connected keep the buffers they hold, and their other
/// calls return STORE_GONE. Only files that belong to a store are removed: one
/// that holds others is not removed at all. On an error nothing has changed.
///
/// @param address  borrowed; as for plasma_connect().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_STORE_NOT_FOUND  nothing there
/// @retval PLASMA_ERR_NOT_A_STORE      something else is there
/// @retval PLASMA_ERR_VERSION          made by another version or word size
/// @retval PLASMA_ERR_CORRUPT          its files hold nonsense
/// @retval PLASMA_ERR_PERMISSION       neither the owner's process nor root's
/// @retval PLASMA_ERR_TIMEOUT          another remover does not get on, for 5 s
/// @retval PLASMA_ERR_UNSUPPORTED      the store is a mount point, or a file in
///                                     its directory is not its own: the
///                                     message names it
///
/// Threads: any.   Cost: grows with the number of clients, and of names that
/// readers of other users have made in the store.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_store_remove(address: *const c_char) -> plasma_status_t {
    run(|| Client::remove_store(raw::text(address, "address")?))
}
