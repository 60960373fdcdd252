//! The last error of a thread.

use super::status::plasma_status_t;
use crate::error::{Error, Status};
use std::cell::Cell;
use std::ffi::{c_char, c_int};
use std::fmt::{self, Write};

const MESSAGE_SIZE: usize = 1024;

/// The last failure of a thread. Its initial value is constant and it has no destructor, so it can
/// be used while its thread runs, also in the destructors of other thread-local values.
struct LastError {
    status: Cell<i32>,
    errno: Cell<i32>,
    /// Whether `text` holds the message of this failure; otherwise it is that of its status.
    written: Cell<bool>,
    text: Cell<[u8; MESSAGE_SIZE]>,
}

thread_local! {
    static LAST: LastError = const {
        LastError {
            status: Cell::new(0),
            errno: Cell::new(0),
            written: Cell::new(false),
            text: Cell::new([0; MESSAGE_SIZE]),
        }
    };
}

/// Records a failure for `plasma_error_message`; one without details costs three stores.
pub(super) fn record(error: &Error) -> plasma_status_t {
    LAST.with(|last| {
        last.status.set(error.status() as i32);
        last.errno.set(error.errno());
        last.written.set(false);
        if error.detail().is_some() {
            last.write(format_args!("{error}"));
        }
    });
    error.status() as i32
}

impl LastError {
    #[cold]
    fn write(&self, words: fmt::Arguments<'_>) {
        let mut text = Text { buffer: self.text.as_array_of_cells(), len: 0, full: false };
        let _ = text.write_fmt(words); // fails only if the message was cut
        text.buffer[text.len].set(0);
        self.written.set(true);
    }

    fn message(&self) -> *const c_char {
        if !self.written.get() {
            match Status::from_code(self.status.get()) {
                None | Some(Status::Ok) => self.write(format_args!("no error")),
                Some(status) => self.write(format_args!("{}", status.text())),
            }
        }
        self.text.as_ptr().cast_const().cast()
    }
}

/// Fills a fixed buffer with room for a NUL, and cuts only between characters.
struct Text<'a> {
    buffer: &'a [Cell<u8>; MESSAGE_SIZE],
    len: usize,
    full: bool,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let kept = text.floor_char_boundary(MESSAGE_SIZE - 1 - self.len);
        self.full |= kept < text.len();
        for byte in text[..kept].bytes() {
            // A NUL within would end the message early.
            self.buffer[self.len].set(if byte == 0 { b'?' } else { byte });
            self.len += 1;
        }
        if self.full { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Get the message of the last failed call of this thread.
///
/// The message names the request, the limit that it met, and the way out. A
/// successful call does not change it, so read it only after a call that failed.
///
/// @return UTF-8 text of at most 1023 bytes, never NULL, valid until the next
///         call of this thread fails; "no error" before the first failure.
///
/// Threads: any; each has its own message.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_error_message() -> *const c_char {
    LAST.with(LastError::message)
}

/// Get the errno of the last failed call of this thread.
///
/// @return the errno; 0 if the failure did not come from a system call.
///
/// Threads: any; each has its own errno.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_error_errno() -> c_int {
    LAST.with(|last| last.errno.get())
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn message() -> String {
        LAST.with(|last| {
            last.message();
            let bytes = last.text.get();
            let end = bytes.iter().position(|&b| b == 0).unwrap();
            String::from_utf8(bytes[..end].to_vec()).unwrap()
        })
    }

    #[test]
    fn each_kind_of_failure_has_its_words() {
        assert_eq!(message(), "no error");
        assert_eq!(record(&Error::os(Status::System, 5, "a\0b")), -25);
        assert_eq!((message().as_str(), plasma_error_errno()), ("a system call failed: a?b", 5));
        assert_eq!(record(&Error::plain(Status::NotFound)), -2);
        assert_eq!((message().as_str(), plasma_error_errno()), ("not found", 0));
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        record(&Error::new(Status::Limit, "\u{e9}".repeat(2000)));
        let text = message();
        assert!(text.ends_with('\u{e9}') && text.len() >= MESSAGE_SIZE - 3, "{}", text.len());
        assert!(text.len() < MESSAGE_SIZE);
    }
}
