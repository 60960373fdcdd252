//! Checking a store.
#![allow(unsafe_code)] // `unsafe impl Growing`, and the names of C functions

use super::client::{client_arg, plasma_client_t};
use super::info::field;
use super::raw::{self, Growing};
use super::status::{plasma_status_t, run};
use crate::info::CheckReport;
use std::ffi::c_char;

/// The result of plasma_check(). Experimental: may change between minor
/// versions. Initialize with PLASMA_CHECK_REPORT_INIT. Grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_check_report_t {
    /// sizeof(plasma_check_report_t)
    pub struct_size: u32,
    /// Always 0.
    pub padding: u32,
    /// Records that were checked, including free ones.
    pub records: u64,
    /// Objects: being written, sealed, or deleted and not yet freed.
    pub objects: u64,
    /// Extents of memory that belong to objects.
    pub extents: u64,
    /// Free blocks of memory.
    pub free_blocks: u64,
    /// Connected clients.
    pub clients: u64,
    /// Leases of the connected clients.
    pub leases: u64,
    /// Number of problems; 0 in a sound store.
    pub problem_count: u64,
    /// The first problem in words, or "". NUL-terminated.
    pub first_problem: [c_char; 256],
}

const _: () = assert!(size_of::<plasma_check_report_t>() == 320);

// SAFETY: repr(C), `struct_size` first, integers only, no padding (the asserted size is the sum).
unsafe impl Growing for plasma_check_report_t {
    const TYPE: &'static str = "plasma_check_report_t";
    const INIT: &'static str = "PLASMA_CHECK_REPORT_INIT";
    const MIN_SIZE: usize = 16;
}

impl From<&CheckReport> for plasma_check_report_t {
    fn from(report: &CheckReport) -> Self {
        let first = report.problems.first().map(ToString::to_string);
        Self {
            struct_size: size_of::<Self>() as u32,
            padding: 0,
            records: report.records,
            objects: report.objects,
            extents: report.extents,
            free_blocks: report.free_blocks,
            clients: report.clients,
            leases: report.leases,
            problem_count: report.problem_count,
            first_problem: field(&first.unwrap_or_default()),
        }
    }
}

/// Check all structures of a store against each other.
///
/// Experimental: may change between minor versions. No object is changed. A
/// store that a dead writer left in the middle of a change is recovered first,
/// as by any writer. If the report has problems and the object table is sound,
/// the next writer rebuilds everything that is derived from the table. Writers
/// wait during the check; gets do not.
///
/// @param client  borrowed; not READ_ONLY, since the call takes the writer lock.
/// @param report  written, up to its struct_size.
///
/// @retval PLASMA_OK             the store was checked: see
///                               report->problem_count
/// @retval PLASMA_ERR_CORRUPT    too much is wrong to check the store
/// @retval PLASMA_ERR_READ_ONLY  the client may only read
/// @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
///
/// Threads: any.   Cost: the writer lock, for about 1 s per million objects, and
/// about 100 bytes of memory per object.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_check(
    client: Option<&plasma_client_t>,
    report: *mut plasma_check_report_t,
) -> plasma_status_t {
    run(|| {
        let (client, report) = (client_arg(client)?, raw::output(report, "report")?);
        report.write(&(&client.check()?).into());
        Ok(())
    })
}
