//! Whether a store is sound.
#![allow(unsafe_code)] // `unsafe impl Growing`, and the names of C functions

use super::client::{client_arg, plasma_client_t};
use super::info::field;
use super::raw::{self, Growing};
use super::status::{plasma_status_t, run};
use crate::info::CheckReport;
use std::ffi::c_char;

/// What plasma_check() found. Experimental: may change between minor versions.
/// Begin with PLASMA_CHECK_REPORT_INIT. Grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_check_report_t {
    /// sizeof(plasma_check_report_t)
    pub struct_size: u32,
    /// 0.
    pub padding: u32,
    /// Records looked at, free ones among them.
    pub records: u64,
    /// Objects: being written, sealed, or deleted and not yet freed.
    pub objects: u64,
    /// Stretches of memory that they own.
    pub extents: u64,
    /// Stretches that are free.
    pub free_blocks: u64,
    /// Connected clients.
    pub clients: u64,
    /// Their leases.
    pub leases: u64,
    /// How much is wrong; 0 in a sound store.
    pub problem_count: u64,
    /// The first thing that is wrong, or "". For people. NUL-terminated.
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

/// Compare all structures of the store with each other.
///
/// Experimental: may change between minor versions. No object is changed. What
/// a dead writer left is recovered first, as by any writer; where the report
/// has problems and the object table is sound, the next writer makes all that
/// is derived from the table anew. Writers wait meanwhile, gets do not.
///
/// @param client  borrowed; not READ_ONLY, since it takes the writer lock.
/// @param report  written, as far as its struct_size goes.
///
/// @retval PLASMA_OK             whatever was found: see report->problem_count
/// @retval PLASMA_ERR_CORRUPT    too much is wrong to look
/// @retval PLASMA_ERR_READ_ONLY  the client may only read
/// @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
///
/// Threads: any.   Cost: the writer lock, for a second per million objects
/// and some 100 bytes of memory for each.   Since: 0.1
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
