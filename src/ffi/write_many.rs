//! Writing and deleting many objects.

use super::client::{client_arg, plasma_client_t};
use super::id::{ids_arg, plasma_id_t};
use super::options::{plasma_create_options_t, with_create};
use super::status::{self, plasma_status_t, run};
use super::{invalid, raw};
use crate::error::Result;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Calls `call` for each element and writes its status. The first failure is the result.
fn each(
    statuses: &mut [MaybeUninit<plasma_status_t>],
    mut call: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    let mut first = Ok(());
    for (at, slot) in statuses.iter_mut().enumerate() {
        let result = call(at);
        slot.write(status::of(&result));
        first = first.and(result);
    }
    first
}

/// Create, fill and seal many objects, each as by plasma_put().
///
/// Each is tried, also after one failed.
///
/// @param client    borrowed.
/// @param ids       borrowed: count ids.
/// @param datas     borrowed: count pointers, each to the bytes of one.
/// @param sizes     borrowed: count sizes.
/// @param count     how many; with 0 the arrays may be NULL.
/// @param options   borrowed, for each; NULL for all defaults. A name is
///                  INVALID_ARGUMENT when count is above 1.
/// @param statuses  written whenever the arguments were right: count statuses.
///
/// @return PLASMA_OK when all are PLASMA_OK, or the first failure in the
///         order of the array.
///
/// Threads: any.   Cost: as so many plasma_put().   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_put_many(
    client: Option<&plasma_client_t>,
    ids: *const plasma_id_t,
    datas: *const *const c_void,
    sizes: *const u64,
    count: usize,
    options: *const plasma_create_options_t,
    statuses: *mut plasma_status_t,
) -> plasma_status_t {
    run(|| {
        let (client, ids) = (client_arg(client)?, ids_arg(ids, count)?);
        let (datas, sizes) =
            (raw::array(datas, count, "datas")?, raw::array(sizes, count, "sizes")?);
        let statuses = raw::array_mut(statuses, count, "statuses")?;
        with_create(options, |options| {
            if count > 1 && options.name.is_some() {
                return Err(invalid("one name for many objects"));
            }
            each(statuses, |at| {
                client.put(&ids[at], raw::bytes(datas[at], sizes[at], "data")?, options)
            })
        })
    })
}

/// Delete many objects, each as by plasma_delete().
///
/// Each is tried, also after one failed.
///
/// @param client    borrowed.
/// @param ids       borrowed: count ids.
/// @param count     how many; with 0 the arrays may be NULL.
/// @param statuses  written whenever the arguments were right: count statuses.
///
/// @return PLASMA_OK when all are PLASMA_OK, or the first failure in the
///         order of the array.
///
/// Threads: any.   Cost: as so many plasma_delete().   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_delete_many(
    client: Option<&plasma_client_t>,
    ids: *const plasma_id_t,
    count: usize,
    statuses: *mut plasma_status_t,
) -> plasma_status_t {
    run(|| {
        let (client, ids) = (client_arg(client)?, ids_arg(ids, count)?);
        let statuses = raw::array_mut(statuses, count, "statuses")?;
        each(statuses, |at| client.delete(&ids[at]))
    })
}
