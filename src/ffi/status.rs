//! Status numbers and their names.

use super::error;
use crate::error::{Result, Status};
use std::ffi::c_char;

/// What a call came to. The numbers are frozen; new ones may be added below.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum plasma_status {
    /// Done.
    PLASMA_OK = 0,
    /// An argument that can never be right; the message names it.
    PLASMA_ERR_INVALID_ARGUMENT = -1,
    /// No such object, name or key, or no such position in a list.
    PLASMA_ERR_NOT_FOUND = -2,
    /// The id is taken.
    PLASMA_ERR_EXISTS = -3,
    /// The name is taken by another object.
    PLASMA_ERR_NAME_EXISTS = -4,
    /// The object is still being written.
    PLASMA_ERR_NOT_SEALED = -5,
    /// Reserved: no call returns it. A buffer ends when it is sealed, and what
    /// is tried with it afterwards is INVALID_ARGUMENT.
    PLASMA_ERR_SEALED = -6,
    /// The time given ran out, in a wait or behind the writer lock.
    PLASMA_ERR_TIMEOUT = -7,
    /// The creator died before it sealed the object.
    PLASMA_ERR_ABORTED = -8,
    /// No room now in the store, the file system, the cgroup or this process.
    PLASMA_ERR_OUT_OF_MEMORY = -9,
    /// Larger than the whole store.
    PLASMA_ERR_TOO_LARGE = -10,
    /// A limit other than bytes: objects, clients, leases, metadata, files.
    /// The message says which, and its value.
    PLASMA_ERR_LIMIT = -11,
    /// The handle was opened with PLASMA_CONNECT_READ_ONLY.
    PLASMA_ERR_READ_ONLY = -12,
    /// The operating system refused access.
    PLASMA_ERR_PERMISSION = -13,
    /// There is no store at the address.
    PLASMA_ERR_STORE_NOT_FOUND = -14,
    /// There is a store at the address (PLASMA_CONNECT_EXCLUSIVE).
    PLASMA_ERR_STORE_EXISTS = -15,
    /// Something that is not a store is at the address.
    PLASMA_ERR_NOT_A_STORE = -16,
    /// The store was made with other options than those given.
    PLASMA_ERR_MISMATCH = -17,
    /// The store was made by another version of Plasma or word size.
    PLASMA_ERR_VERSION = -18,
    /// The store's files hold nonsense.
    PLASMA_ERR_CORRUPT = -19,
    /// The store was removed; buffers already held stay readable.
    PLASMA_ERR_STORE_GONE = -20,
    /// The handle belongs to the parent process; connect again.
    PLASMA_ERR_FORKED = -21,
    /// Another thread disconnected the client during the call.
    PLASMA_ERR_DISCONNECTED = -22,
    /// plasma_interrupt() or a signal ended the wait.
    PLASMA_ERR_INTERRUPTED = -23,
    /// This kernel or file system cannot do it.
    PLASMA_ERR_UNSUPPORTED = -24,
    /// A system call failed; see plasma_error_errno().
    PLASMA_ERR_SYSTEM = -25,
    /// A defect in Plasma; please report it with the message.
    PLASMA_ERR_INTERNAL = -26,
}

/// One of enum plasma_status: PLASMA_OK (0) or a negative PLASMA_ERR_*.
pub type plasma_status_t = i32;

/// The result of a call as C sees it; a failure becomes this thread's last one.
#[inline(always)]
pub(super) fn run(call: impl FnOnce() -> Result<()>) -> plasma_status_t {
    match call() {
        Ok(()) => Status::Ok as i32,
        Err(error) => error::record(&error),
    }
}

/// The status of one element of many.
pub(super) fn of<T>(result: &Result<T>) -> plasma_status_t {
    result.as_ref().map_or_else(|error| error.status() as i32, |_| Status::Ok as i32)
}

const NAME_SIZE: usize = 32;

/// The names with a NUL behind each, at minus their number.
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

/// The name of a status, such as "PLASMA_ERR_NOT_FOUND".
///
/// @param status  any number; one that is no status gives
///                "PLASMA_ERR_UNKNOWN".
///
/// @return static text, never NULL.
///
/// Threads: any, also in signal handlers.   Cost: none worth naming.
/// Since: 0.1
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
        assert_eq!(plasma_status::PLASMA_ERR_INTERNAL as i32, Status::Internal as i32);
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
    ];
}
