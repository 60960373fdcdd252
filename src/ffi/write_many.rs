//! Writing and deleting many objects.

use super::client::{client_arg, plasma_client_t};
use super::create_options::{plasma_create_options_t, with_create};
use super::id::{ids_arg, plasma_id_t};
use super::status::{self, plasma_status_t, run};
use super::{invalid, raw};
use crate::error::Result;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// The statuses of a batch as they arrive, and its first failure in the order of the array.
struct Statuses<'a> {
    statuses: &'a mut [MaybeUninit<plasma_status_t>],
    first: Result<()>,
}

impl<'a> Statuses<'a> {
    fn new(statuses: &'a mut [MaybeUninit<plasma_status_t>]) -> Self {
        Self { statuses, first: Ok(()) }
    }

    fn set(&mut self, at: usize, result: Result<()>) {
        self.statuses[at].write(status::of(&result));
        if self.first.is_ok() {
            self.first = result;
        }
    }

    /// The result of the batch. If the batch did not begin, its failure is that of each element.
    fn finish(mut self, all: Result<()>) -> Result<()> {
        if all.is_err() {
            (0..self.statuses.len()).for_each(|at| self.set(at, all.clone()));
        }
        self.first
    }
}

/// Create, fill and seal many objects, each as by plasma_put().
///
/// Each is tried, even after one failed; but a disconnect, an interruption, a
/// fork or the removal of the store ends the whole call, with that status for
/// all objects that are left. If the process is killed, each object is whole or
/// gone.
///
/// @param client    borrowed.
/// @param ids       borrowed: count ids.
/// @param datas     borrowed: count pointers, each to the data of one object.
/// @param sizes     borrowed: count sizes in bytes.
/// @param count     number of objects; if it is 0, the arrays may be NULL.
/// @param options   borrowed, used for each object; NULL for all defaults. A
///                  name is INVALID_ARGUMENT if count is above 1.
/// @param statuses  written whenever the arguments are valid: count statuses.
///
/// @return PLASMA_OK if all succeed, or the first failure in the order of the
///         array.
///
/// Threads: any.   Cost: less than half of plasma_put() for each object below
/// a few KiB: up to 16 objects of at most 32 KiB together share the writer
/// lock and the wakes.   Since: 0.1
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
                return Err(invalid("many objects cannot have one name"));
            }
            let data = |at: usize| raw::bytes(datas[at], sizes[at], "data");
            let mut statuses = Statuses::new(statuses);
            let all = client.put_many(ids, &data, options, &mut |at, put| statuses.set(at, put));
            statuses.finish(all)
        })
    })
}

/// Delete many objects, each as by plasma_delete().
///
/// Each is tried, even after one failed; but a disconnect, an interruption, a
/// fork or the removal of the store ends the whole call, with that status for
/// all objects that are left.
///
/// @param client    borrowed.
/// @param ids       borrowed: count ids.
/// @param count     number of objects; if it is 0, the arrays may be NULL.
/// @param statuses  written whenever the arguments are valid: count statuses.
///
/// @return PLASMA_OK if all succeed, or the first failure in the order of the
///         array.
///
/// Threads: any.   Cost: about half of plasma_delete() for each object: up to 16
/// objects share the writer lock and the wakes.   Since: 0.1
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
        let mut statuses = Statuses::new(statuses);
        let all = client.delete_many(ids, &mut |at, deleted| statuses.set(at, deleted));
        statuses.finish(all)
    })
}
