//! Version of the library.

use std::ffi::c_char;

const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// A decimal number of the package's version.
const fn number(digits: &str) -> u32 {
    let (digits, mut value, mut at) = (digits.as_bytes(), 0, 0);
    while at < digits.len() {
        value = value * 10 + (digits[at] - b'0') as u32;
        at += 1;
    }
    value
}

const NUMBER: u32 = (number(env!("CARGO_PKG_VERSION_MAJOR")) << 16)
    | (number(env!("CARGO_PKG_VERSION_MINOR")) << 8)
    | number(env!("CARGO_PKG_VERSION_PATCH"));

/// Get the version of the loaded library as 0xMMmmpp.
///
/// Compare it with PLASMA_VERSION_NUM, the version of this header.
///
/// @return the major, minor and patch version, one byte each.
///
/// Threads: any, also in signal handlers.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_version() -> u32 {
    NUMBER
}

/// Get the version of the loaded library as "major.minor.patch".
///
/// @return static text, never NULL.
///
/// Threads: any, also in signal handlers.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_version_string() -> *const c_char {
    TEXT.as_ptr().cast()
}
