//! What is done when the library is unloaded.
#![allow(unsafe_code)] // a function in a section of the linker's

use std::ffi::c_void;

/// The linker's start-up files bring the same function, if there are any: zig has none. Without
/// it the C library would go on calling the fork handlers of a library that is gone.
#[used]
#[unsafe(link_section = ".fini_array")]
static FINISH: extern "C" fn() = finish;

extern "C" fn finish() {
    unsafe extern "C" {
        fn __cxa_finalize(library: *const c_void);
        /// Its address stands for this library, or for the program.
        static __dso_handle: c_void;
    }
    // SAFETY: what this library registered is called once, however often this is called.
    unsafe { __cxa_finalize(&raw const __dso_handle) };
}
