//! The values of the C API, as a C program sees them: most of the unsafe code of this harness.

use plasma::ffi::*;
use std::ffi::{CStr, CString, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr;

pub const OK: i32 = plasma_status::PLASMA_OK as i32;
pub const TIMEOUT: i32 = plasma_status::PLASMA_ERR_TIMEOUT as i32;
pub const OUT_OF_MEMORY: i32 = plasma_status::PLASMA_ERR_OUT_OF_MEMORY as i32;
pub const LIMIT: i32 = plasma_status::PLASMA_ERR_LIMIT as i32;
pub const PERMISSION: i32 = plasma_status::PLASMA_ERR_PERMISSION as i32;
pub const STORE_NOT_FOUND: i32 = plasma_status::PLASMA_ERR_STORE_NOT_FOUND as i32;
pub const STORE_GONE: i32 = plasma_status::PLASMA_ERR_STORE_GONE as i32;
pub const FORKED: i32 = plasma_status::PLASMA_ERR_FORKED as i32;
pub const DISCONNECTED: i32 = plasma_status::PLASMA_ERR_DISCONNECTED as i32;
pub const INTERRUPTED: i32 = plasma_status::PLASMA_ERR_INTERRUPTED as i32;
pub const UNSUPPORTED: i32 = plasma_status::PLASMA_ERR_UNSUPPORTED as i32;

pub const NO_BUFFER: plasma_buffer_t =
    plasma_buffer_t { data: ptr::null(), size: 0, reserved: [0; 6] };
pub const NO_WRITER: plasma_mutable_buffer_t =
    plasma_mutable_buffer_t { data: ptr::null_mut(), size: 0, reserved: [0; 6] };

/// Returns the name of a status, without the common prefix of errors.
pub fn status_name(status: i32) -> String {
    let name = text(plasma_status_name(status)).to_string_lossy();
    name.trim_start_matches("PLASMA_ERR_").trim_start_matches("PLASMA_").to_owned()
}

/// Returns a text of the library.
pub fn text<'a>(text: *const c_char) -> &'a CStr {
    assert!(!text.is_null());
    // SAFETY: the library says that it ends with a NUL and stays for as long as it is used here.
    unsafe { CStr::from_ptr(text) }
}

/// Returns a handle in the form that the library takes.
pub fn handle<'a, T>(pointer: *mut T) -> Option<&'a T> {
    // SAFETY: NULL, or a handle of the library's. The harness uses it after its end only where
    // another thread ends it during a call, which plasma.h allows.
    unsafe { pointer.as_ref() }
}

/// Returns the value that a successful call has written.
pub fn written<T: Copy>(value: &MaybeUninit<T>) -> T {
    // SAFETY: asked for only after PLASMA_OK.
    unsafe { value.assume_init() }
}

/// Returns the bytes of a buffer that is held.
pub fn bytes<'a>(data: *const u8, size: u64) -> &'a [u8] {
    assert!(!data.is_null());
    // SAFETY: address and size come from the library, for a buffer that the caller holds.
    unsafe { std::slice::from_raw_parts(data, size as usize) }
}

/// Returns the bytes of a writer of this thread.
pub fn bytes_mut<'a>(writer: &plasma_mutable_buffer_t) -> &'a mut [u8] {
    assert!(!writer.data.is_null());
    // SAFETY: as for `bytes`, and nobody else touches an object that is not sealed.
    unsafe { std::slice::from_raw_parts_mut(writer.data, writer.size as usize) }
}

/// Returns a growing struct, for the library to fill.
pub fn growing<T>() -> MaybeUninit<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: each such struct begins with its size, a u32, and is larger.
    unsafe { value.as_mut_ptr().cast::<u32>().write(size_of::<T>() as u32) };
    value
}

pub fn connect_options() -> plasma_connect_options_t {
    // SAFETY: a struct of integers alone, of which all are zero or the size.
    let mut options: plasma_connect_options_t = unsafe { growing().assume_init() };
    options.lock_timeout_ms = -1;
    options
}

/// Options of a client that makes no store.
pub fn existing() -> plasma_connect_options_t {
    let mut options = connect_options();
    options.flags = PLASMA_CONNECT_EXISTING;
    options
}

pub fn create_options() -> plasma_create_options_t {
    // SAFETY: a struct of integers and pointers, which are all zero except the size.
    unsafe { growing().assume_init() }
}

pub fn connect(address: &CStr, options: &plasma_connect_options_t) -> Result<Handle, i32> {
    let mut client = MaybeUninit::uninit();
    match plasma_connect(address.as_ptr(), options, Some(&mut client)) {
        OK => Ok(Handle(written(&client))),
        status => Err(status),
    }
}

/// A C pointer that threads share.
#[derive(Debug)]
pub struct Handle(pub *mut plasma_client_t);

impl Clone for Handle {
    fn clone(&self) -> Self {
        *self
    }
}
impl Copy for Handle {}

// SAFETY: plasma.h allows any number of threads to use a client.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub fn get<'a>(self) -> Option<&'a plasma_client_t> {
        handle(self.0)
    }
}

pub fn c_string(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

pub fn void<T>(slice: &[T]) -> *const c_void {
    slice.as_ptr().cast()
}
