//! The work when the library is unloaded.
#![allow(unsafe_code)] // a function in a section of the linker's

use std::ffi::c_void;

/// The start-up files of a linker bring the same function, but zig has no such files. Without it the
/// C library would keep calling the fork handlers of an unloaded library.
#[used]
#[unsafe(link_section = ".fini_array")]
static FINISH: extern "C" fn() = finish;

extern "C" fn finish() {
    unsafe extern "C" {
        fn __cxa_finalize(library: *const c_void);
        /// Its address stands for this library, or for the program.
        static __dso_handle: c_void;
    }
    // SAFETY: each function that this library registered is called once, in any number of calls.
    unsafe { __cxa_finalize(&raw const __dso_handle) };
}
