//! Status codes.

use super::error;
use crate::error::{Result, Status};
use std::ffi::c_char;

/// The result of a call. The numbers are frozen; new ones may be added.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum plasma_status {
    /// The call succeeded.
    PLASMA_OK = 0,
    /// An argument is not valid; the message names it.
    PLASMA_ERR_INVALID_ARGUMENT = -1,
    /// There is no such object, name or key, or an index is out of range.
    PLASMA_ERR_NOT_FOUND = -2,
    /// An object with this id exists.
    PLASMA_ERR_EXISTS = -3,
    /// Another object has this name.
    PLASMA_ERR_NAME_EXISTS = -4,
    /// The object is still being written.
    PLASMA_ERR_NOT_SEALED = -5,
    /// Reserved: no call returns it. A mutable buffer ends when its object is
    /// sealed; a later call with it returns INVALID_ARGUMENT.
    PLASMA_ERR_SEALED = -6,
    /// The timeout expired, in a wait or while the writer lock was busy.
    PLASMA_ERR_TIMEOUT = -7,
    /// The creator died before it sealed the object.
    PLASMA_ERR_ABORTED = -8,
    /// No room now in the store, file system, cgroup or process.
    PLASMA_ERR_OUT_OF_MEMORY = -9,
    /// The object is larger than the whole store.
    PLASMA_ERR_TOO_LARGE = -10,
    /// A limit other than bytes is reached: objects, clients, leases, metadata
    /// or files. The message names the limit and its value.
    PLASMA_ERR_LIMIT = -11,
    /// The client was connected with PLASMA_CONNECT_READ_ONLY.
    PLASMA_ERR_READ_ONLY = -12,
    /// The operating system denied access.
    PLASMA_ERR_PERMISSION = -13,
    /// There is no store at the address.
    PLASMA_ERR_STORE_NOT_FOUND = -14,
    /// There is a store at the address (PLASMA_CONNECT_EXCLUSIVE).
    PLASMA_ERR_STORE_EXISTS = -15,
    /// There is something other than a store at the address.
    PLASMA_ERR_NOT_A_STORE = -16,
    /// The store was created with other options than those given.
    PLASMA_ERR_MISMATCH = -17,
    /// The store is of another version of Plasma or another word size.
    PLASMA_ERR_VERSION = -18,
    /// The files of the store are corrupt.
    PLASMA_ERR_CORRUPT = -19,
    /// The store was removed; buffers already held stay readable.
    PLASMA_ERR_STORE_GONE = -20,
    /// The handle belongs to the parent process; connect again.
    PLASMA_ERR_FORKED = -21,
    /// The client was disconnected.
    PLASMA_ERR_DISCONNECTED = -22,
    /// plasma_interrupt() or a signal ended the wait.
    PLASMA_ERR_INTERRUPTED = -23,
    /// This kernel, file system or store does not support the operation.
    PLASMA_ERR_UNSUPPORTED = -24,
    /// A system call failed; see plasma_error_errno().
    PLASMA_ERR_SYSTEM = -25,
    /// A defect in Plasma; please report it with the message.
    PLASMA_ERR_INTERNAL = -26,
    /// The creator of the object ended it with plasma_fail(), whose message is
    /// that of this failure.
    PLASMA_ERR_FAILED = -27,
}

/// One of enum plasma_status: PLASMA_OK (0) or a negative PLASMA_ERR_*.
pub type plasma_status_t = i32;

/// Runs a call and returns its status; a failure becomes the last error of this thread.
#[inline(always)]
pub(super) fn run(call: impl FnOnce() -> Result<()>) -> plasma_status_t {
    match call() {
        Ok(()) => Status::Ok as i32,
        Err(error) => error::record(&error),
    }
}

/// The status of one result.
pub(super) fn of<T>(result: &Result<T>) -> plasma_status_t {
    result.as_ref().map_or_else(|error| error.status() as i32, |_| Status::Ok as i32)
}

const NAME_SIZE: usize = 32;

/// The names, each with a NUL; that of status -n is at index n.
const NAMES: [[u8; NAME_SIZE]; Status::ALL.len()] = {
    let mut names = [[0; NAME_SIZE]; Status::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        assert!(Status::ALL[at] as i32 == -(at as i32));
        let name = Status::ALL[at].c_name().as_bytes();
        assert!(name.len() < NAME_SIZE);
        let mut byte = 0;
        while byte < name.len() {
            names[at][byte] = name[byte];
            byte += 1;
        }
        at += 1;
    }
    names
};

/// Get the name of a status, such as "PLASMA_ERR_NOT_FOUND".
///
/// @param status  any number; if it is not a status, the name is
///                "PLASMA_ERR_UNKNOWN".
///
/// @return static text, never NULL.
///
/// Threads: any, also in signal handlers.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_status_name(status: i32) -> *const c_char {
    static TABLE: [[u8; NAME_SIZE]; Status::ALL.len()] = NAMES;
    let row = status.checked_neg().and_then(|at| TABLE.get(usize::try_from(at).ok()?));
    row.map_or(c"PLASMA_ERR_UNKNOWN".as_ptr(), |name| name.as_ptr().cast())
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_enum_of_c_is_the_status_of_rust() {
        assert_eq!(plasma_status::PLASMA_ERR_FAILED as i32, Status::Failed as i32);
        for status in Status::ALL {
            // The enum has the same numbers and names, in the same order.
            let text = format!("{:?}", ALL[-(*status as i32) as usize]);
            assert_eq!(text, status.c_name());
        }
    }

    use plasma_status::*;
    const ALL: [plasma_status; Status::ALL.len()] = [
        PLASMA_OK,
        PLASMA_ERR_INVALID_ARGUMENT,
        PLASMA_ERR_NOT_FOUND,
        PLASMA_ERR_EXISTS,
        PLASMA_ERR_NAME_EXISTS,
        PLASMA_ERR_NOT_SEALED,
        PLASMA_ERR_SEALED,
        PLASMA_ERR_TIMEOUT,
        PLASMA_ERR_ABORTED,
        PLASMA_ERR_OUT_OF_MEMORY,
        PLASMA_ERR_TOO_LARGE,
        PLASMA_ERR_LIMIT,
        PLASMA_ERR_READ_ONLY,
        PLASMA_ERR_PERMISSION,
        PLASMA_ERR_STORE_NOT_FOUND,
        PLASMA_ERR_STORE_EXISTS,
        PLASMA_ERR_NOT_A_STORE,
        PLASMA_ERR_MISMATCH,
        PLASMA_ERR_VERSION,
        PLASMA_ERR_CORRUPT,
        PLASMA_ERR_STORE_GONE,
        PLASMA_ERR_FORKED,
        PLASMA_ERR_DISCONNECTED,
        PLASMA_ERR_INTERRUPTED,
        PLASMA_ERR_UNSUPPORTED,
        PLASMA_ERR_SYSTEM,
        PLASMA_ERR_INTERNAL,
        PLASMA_ERR_FAILED,
    ];
}
