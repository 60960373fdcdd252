//! Reading and waiting for many objects.

use super::buffer::plasma_buffer_t;
use super::client::{client_arg, plasma_client_t};
use super::id::{ids_arg, plasma_id_t};
use super::status::{plasma_status_t, run};
use super::{arg, invalid, raw, timeout};
use crate::buffer::Buffer;
use crate::client::GotMany;
use crate::error::{Error, Result, Status};
use std::mem::MaybeUninit;

/// Get many objects with one deadline.
///
/// An id may be given more than once; each buffer has a lease of its own.
///
/// @param client      borrowed.
/// @param ids         borrowed: count ids.
/// @param count       number of objects; if it is 0, the arrays may be NULL.
/// @param timeout_ms  in milliseconds, for all together; 0 does not wait, -1
///                    waits forever.
/// @param buffers     written whenever the arguments are valid: count buffers,
///                    all zeros where the status is not PLASMA_OK; release them
///                    with plasma_release_many().
/// @param statuses    written with buffers: count statuses, as of plasma_get().
///
/// @return PLASMA_OK if all succeed, or the first failure in the order of the
///         array.
///
/// Threads: any.   Cost: no system call and no lock if all are sealed; less than
/// plasma_get() for each object.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_get_many(
    client: Option<&plasma_client_t>,
    ids: *const plasma_id_t,
    count: usize,
    timeout_ms: i64,
    buffers: *mut plasma_buffer_t,
    statuses: *mut plasma_status_t,
) -> plasma_status_t {
    run(|| {
        let (client, ids, time) = (client_arg(client)?, ids_arg(ids, count)?, timeout(timeout_ms)?);
        let buffers = raw::array_mut(buffers, count, "buffers")?;
        let statuses = raw::array_mut(statuses, count, "statuses")?;
        let mut got = Got::new(buffers, statuses);
        let all = client.get_all(ids, time, &mut got);
        got.finish(all)
    })
}

/// The arrays of `plasma_get_many` as they fill.
struct Got<'a> {
    buffers: &'a mut [MaybeUninit<plasma_buffer_t>],
    statuses: &'a mut [plasma_status_t],
    /// The failure with the smallest index.
    first: Option<(usize, Error)>,
}

/// Not a status: an element that has no result yet.
const UNSET: plasma_status_t = 1;

impl<'a> Got<'a> {
    fn new(
        buffers: &'a mut [MaybeUninit<plasma_buffer_t>],
        statuses: &'a mut [MaybeUninit<plasma_status_t>],
    ) -> Self {
        Self { buffers, statuses: raw::fill(statuses, UNSET), first: None }
    }

    /// The result of the call. A failure of the whole call is that of each element without one.
    fn finish(self, all: Result<()>) -> Result<()> {
        let Err(error) = all else {
            return self.first.map_or(Ok(()), |(_, error)| Err(error));
        };
        for (status, buffer) in self.statuses.iter_mut().zip(self.buffers) {
            if *status == UNSET {
                *status = error.status() as i32;
                buffer.write(plasma_buffer_t::ZERO);
            }
        }
        Err(error)
    }
}

impl GotMany for Got<'_> {
    #[inline(always)]
    fn had(&mut self, from: usize, count: usize) -> impl FnMut(usize, Buffer) {
        let statuses = &mut self.statuses[from..from + count];
        let buffers = &mut self.buffers[from..from + count];
        |at, buffer| {
            statuses[at] = Status::Ok as i32;
            buffers[at].write(buffer.into());
        }
    }

    fn failed(&mut self, at: usize, error: Error) {
        self.statuses[at] = error.status() as i32;
        self.buffers[at].write(plasma_buffer_t::ZERO);
        if self.first.as_ref().is_none_or(|(first, _)| at < *first) {
            self.first = Some((at, error));
        }
    }
}

/// Wait until some of many objects are sealed, without getting them. A failed
/// object counts as sealed.
///
/// @param client       borrowed.
/// @param ids          borrowed: count ids.
/// @param count        number of objects; if it is 0, the arrays may be NULL.
/// @param num_ready    number of objects that have to be sealed; 0 means all. A
///                     number above count is INVALID_ARGUMENT.
/// @param timeout_ms   in milliseconds; 0 does not wait, -1 waits forever.
/// @param ready        written on PLASMA_OK and TIMEOUT: count bytes, 1 if the
///                     object is sealed, else 0.
/// @param ready_count  written with ready: number of sealed objects.
///
/// @retval PLASMA_OK           at least num_ready objects are sealed
/// @retval PLASMA_ERR_TIMEOUT  fewer objects were sealed in time
/// @retval PLASMA_ERR_ABORTED  fewer objects can be sealed, because creators
///                             died while this call waited
///
/// Threads: any.   Cost: no system call if enough are sealed.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_wait(
    client: Option<&plasma_client_t>,
    ids: *const plasma_id_t,
    count: usize,
    num_ready: usize,
    timeout_ms: i64,
    ready: *mut u8,
    ready_count: Option<&mut MaybeUninit<usize>>,
) -> plasma_status_t {
    run(|| {
        let (client, ids, time) = (client_arg(client)?, ids_arg(ids, count)?, timeout(timeout_ms)?);
        let ready_count = arg(ready_count, "ready_count")?;
        if num_ready > count {
            return Err(invalid(format!("num_ready is {num_ready}, but count is {count}")));
        }
        let ready = raw::flags(ready, count, "ready")?;
        let outcome = client.wait(ids, num_ready, time, ready)?;
        ready_count.write(outcome.ready);
        if outcome.enough { Ok(()) } else { Err(Error::plain(Status::Timeout)) }
    })
}
