//! The end of the process: after a defect, or without memory for a request that cannot be refused.
//!
//! `scripts/make-object.sh` replaces the handlers of the standard library by these functions, which do
//! the same without printing a backtrace; the core dump has it.
#![allow(unsafe_code)] // exported names, and write(2)

use core::panic::PanicInfo;
use std::fmt::{self, Write};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A line for stderr, made without allocation and written by one call. A longer text is cut.
struct Line {
    text: [u8; 1024],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, words: &str) -> fmt::Result {
        let kept = words.len().min(self.text.len() - self.len);
        self.text[self.len..self.len + kept].copy_from_slice(&words.as_bytes()[..kept]);
        self.len += kept;
        Ok(())
    }
}

fn abort(words: fmt::Arguments<'_>) -> ! {
    let mut line = Line { text: [0; 1024], len: 0 };
    let _ = writeln!(line, "libplasma {VERSION}: {words}");
    // SAFETY: pointer and length are those of the live local.
    unsafe { libc::write(libc::STDERR_FILENO, line.text.as_ptr().cast(), line.len) };
    std::process::abort()
}

/// Replaces the `#[panic_handler]` of the standard library.
#[unsafe(no_mangle)]
fn plasma_rs_panic(info: &PanicInfo<'_>) -> ! {
    abort(format_args!("{info}\nThis is a defect of Plasma; please report it."))
}

/// Replaces the `#[alloc_error_handler]` of the standard library.
#[unsafe(no_mangle)]
fn plasma_rs_no_memory(size: usize, _align: usize) -> ! {
    abort(format_args!("no memory for {size} bytes, which it cannot do without"))
}
