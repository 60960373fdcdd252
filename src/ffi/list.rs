//! Lists of objects and of clients.

use super::client::{client_arg, plasma_client_t};
use super::id::{id_arg, plasma_id_t};
use super::info::{plasma_client_info_t, plasma_object_info_t};
use super::status::{plasma_status_t, run};
use super::{arg, raw};
use crate::error::{Error, Result, Status};
use crate::info::{ClientInfo, ObjectInfo};
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// A list of objects, copied into this process.
///
/// Lifetime: from plasma_list() to plasma_list_free(); may outlive the client.
/// Threads:  any number at once.
#[derive(Debug)]
pub struct plasma_list_t(Vec<ObjectInfo>);

/// A list of clients, copied into this process.
///
/// Lifetime: from plasma_list_clients() or plasma_list_holders() to
///           plasma_client_list_free(); may outlive the client.
/// Threads:  any number at once.
#[derive(Debug)]
pub struct plasma_client_list_t(Vec<ClientInfo>);

const fn shared_by_threads<T: Send + Sync>() {}
const _: () = shared_by_threads::<(plasma_list_t, plasma_client_list_t)>();

/// The element at an index.
fn at<T>(list: &[T], index: u64) -> Result<&T> {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    list.get(index).ok_or(Error::plain(Status::NotFound))
}

/// List the objects of a store, also unsealed ones, and deleted ones still held.
///
/// Each entry is true at one instant of the call. An object that exists during
/// the whole call appears exactly once. Writers are not stopped.
///
/// @param client  borrowed.
/// @param list    written; free it with plasma_list_free().
///
/// @retval PLASMA_OK
///
/// Threads: any.   Cost: grows with max_objects; no lock.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_list(
    client: Option<&plasma_client_t>,
    list: Option<&mut MaybeUninit<*mut plasma_list_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, list) = (client_arg(client)?, arg(list, "list")?);
        list.write(raw::to_handle(plasma_list_t(client.list()?)));
        Ok(())
    })
}

/// List the objects whose names match a pattern, also unsealed ones.
///
/// @param client   borrowed.
/// @param pattern  borrowed; UTF-8, not empty: * is any text, also with /, and ?
///                 any character.
/// @param list     written; free it with plasma_list_free().
///
/// @retval PLASMA_OK
///
/// Threads: any.   Cost: that of plasma_list().   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_list_matching(
    client: Option<&plasma_client_t>,
    pattern: *const c_char,
    list: Option<&mut MaybeUninit<*mut plasma_list_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, list) = (client_arg(client)?, arg(list, "list")?);
        let pattern = raw::required_text(pattern, "pattern")?;
        list.write(raw::to_handle(plasma_list_t(client.list_matching(pattern)?)));
        Ok(())
    })
}

/// Get the number of objects in a list.
///
/// @param list  borrowed; may be NULL.
///
/// @return the number of objects; 0 for NULL.
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_list_count(list: Option<&plasma_list_t>) -> u64 {
    list.map_or(0, |list| list.0.len() as u64)
}

/// Get the object at an index of a list.
///
/// @param list   borrowed.
/// @param index  0 .. plasma_list_count() - 1.
/// @param info   written, up to its struct_size.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND  index is out of range
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_list_at(
    list: Option<&plasma_list_t>,
    index: u64,
    info: *mut plasma_object_info_t,
) -> plasma_status_t {
    run(|| {
        let (list, info) = (arg(list, "list")?, raw::output(info, "info")?);
        info.write(&at(&list.0, index)?.into());
        Ok(())
    })
}

/// Free a list of objects.
///
/// @param list  consumed; NULL is a no-op.
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_list_free(list: *mut plasma_list_t) {
    raw::free_handle(list);
}

/// List the clients of a store, this one included.
///
/// @param client  borrowed.
/// @param list    written; free it with plasma_client_list_free().
///
/// @retval PLASMA_OK
///
/// Threads: any.   Cost: reads the leases of every client, and asks
/// the kernel about each.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_list_clients(
    client: Option<&plasma_client_t>,
    list: Option<&mut MaybeUninit<*mut plasma_client_list_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, list) = (client_arg(client)?, arg(list, "list")?);
        list.write(raw::to_handle(plasma_client_list_t(client.list_clients()?)));
        Ok(())
    })
}

/// List the clients that hold an object, by a buffer or by writing it.
///
/// Clients that hold a deleted object with this id are listed too: it keeps its
/// memory until they release it.
///
/// @param client  borrowed.
/// @param id      borrowed.
/// @param list    written; free it with plasma_client_list_free().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND  there is no such object, and no client holds a
///                               deleted one
///
/// Threads: any.   Cost: reads the leases of every client and every object.
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_list_holders(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
    list: Option<&mut MaybeUninit<*mut plasma_client_list_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, id, list) = (client_arg(client)?, id_arg(id)?, arg(list, "list")?);
        list.write(raw::to_handle(plasma_client_list_t(client.list_holders(&id)?)));
        Ok(())
    })
}

/// Get the number of clients in a list.
///
/// @param list  borrowed; may be NULL.
///
/// @return the number of clients; 0 for NULL.
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_client_list_count(list: Option<&plasma_client_list_t>) -> u64 {
    list.map_or(0, |list| list.0.len() as u64)
}

/// Get the client at an index of a list.
///
/// @param list   borrowed.
/// @param index  0 .. plasma_client_list_count() - 1.
/// @param info   written, up to its struct_size.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND  index is out of range
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_client_list_at(
    list: Option<&plasma_client_list_t>,
    index: u64,
    info: *mut plasma_client_info_t,
) -> plasma_status_t {
    run(|| {
        let (list, info) = (arg(list, "list")?, raw::output(info, "info")?);
        info.write(&at(&list.0, index)?.into());
        Ok(())
    })
}

/// Free a list of clients.
///
/// @param list  consumed; NULL is a no-op.
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_client_list_free(list: *mut plasma_client_list_t) {
    raw::free_handle(list);
}
