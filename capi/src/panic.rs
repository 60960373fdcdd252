//! Where Rust cannot go on: a defect, or no memory for what cannot be refused.
//!
//! `scripts/make-object.sh` puts these functions in the place of the standard library's, which they are like,
//! but for a backtrace: that is in the core dump.
#![allow(unsafe_code)] // exported names, and write(2)

use core::panic::PanicInfo;
use std::fmt::{self, Write};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A line for stderr, made without memory and written at once. What is too long is cut.
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

/// In the place of the standard library's `#[panic_handler]`.
#[unsafe(no_mangle)]
fn plasma_rs_panic(info: &PanicInfo<'_>) -> ! {
    abort(format_args!("{info}\nThis is a defect of Plasma; please report it."))
}

/// In the place of the standard library's `#[alloc_error_handler]`.
#[unsafe(no_mangle)]
fn plasma_rs_no_memory(size: usize, _align: usize) -> ! {
    abort(format_args!("no memory for {size} bytes that it cannot do without"))
}
