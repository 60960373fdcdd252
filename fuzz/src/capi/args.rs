//! Arguments as C passes them.

use plasma::ffi::{
    plasma_connect_options_t, plasma_create_options_t, plasma_id_t, plasma_metadata_t,
    plasma_status,
};
use std::ffi::{CString, c_char};
use std::ptr;

pub const OK: i32 = plasma_status::PLASMA_OK as i32;
pub const INVALID: i32 = plasma_status::PLASMA_ERR_INVALID_ARGUMENT as i32;
pub const NOT_FOUND: i32 = plasma_status::PLASMA_ERR_NOT_FOUND as i32;
pub const EXISTS: i32 = plasma_status::PLASMA_ERR_EXISTS as i32;
pub const NAME_EXISTS: i32 = plasma_status::PLASMA_ERR_NAME_EXISTS as i32;
pub const NOT_SEALED: i32 = plasma_status::PLASMA_ERR_NOT_SEALED as i32;
pub const TIMEOUT: i32 = plasma_status::PLASMA_ERR_TIMEOUT as i32;
pub const OUT_OF_MEMORY: i32 = plasma_status::PLASMA_ERR_OUT_OF_MEMORY as i32;
pub const TOO_LARGE: i32 = plasma_status::PLASMA_ERR_TOO_LARGE as i32;
pub const LIMIT: i32 = plasma_status::PLASMA_ERR_LIMIT as i32;
pub const READ_ONLY: i32 = plasma_status::PLASMA_ERR_READ_ONLY as i32;
pub const STORE_NOT_FOUND: i32 = plasma_status::PLASMA_ERR_STORE_NOT_FOUND as i32;
pub const STORE_EXISTS: i32 = plasma_status::PLASMA_ERR_STORE_EXISTS as i32;
pub const NOT_A_STORE: i32 = plasma_status::PLASMA_ERR_NOT_A_STORE as i32;
pub const MISMATCH: i32 = plasma_status::PLASMA_ERR_MISMATCH as i32;
pub const DISCONNECTED: i32 = plasma_status::PLASMA_ERR_DISCONNECTED as i32;
pub const INTERRUPTED: i32 = plasma_status::PLASMA_ERR_INTERRUPTED as i32;
pub const UNSUPPORTED: i32 = plasma_status::PLASMA_ERR_UNSUPPORTED as i32;

/// Keys of objects; names have the same numbers.
pub const KEYS: u8 = 12;

pub fn id(key: u8) -> plasma_id_t {
    let mut bytes = [7; 20];
    bytes[19] = key % KEYS;
    plasma_id_t { bytes }
}

pub fn name(key: u8) -> CString {
    CString::new(format!("name {}", key % KEYS)).expect("no NUL")
}

/// No struct that C passes is NULL or misaligned here; a text may have other errors.
pub fn wrong_text(how: u8) -> Option<CString> {
    let bytes = match how % 4 {
        0 => return None,
        1 => Vec::new(),
        2 => vec![b'a', 0xff, b'b'],
        _ => vec![b'n'; 256],
    };
    Some(CString::new(bytes).expect("no NUL"))
}

pub fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr())
}

/// Returns a timeout that is always invalid.
pub fn wrong_timeout(how: u8) -> i64 {
    [-2, i64::MIN, -1000, i64::from(i32::MIN)][usize::from(how) % 4]
}

pub fn connect_options() -> plasma_connect_options_t {
    plasma_connect_options_t {
        struct_size: size_of::<plasma_connect_options_t>() as u32,
        flags: 0,
        capacity: 0,
        max_objects: 0,
        mode: 0,
        eviction: 0,
        huge_pages: 0,
        reserved: 0,
        lock_timeout_ms: -1,
        reader_quota: 0,
        max_readers: 0,
    }
}

pub fn create_options() -> plasma_create_options_t {
    plasma_create_options_t {
        struct_size: size_of::<plasma_create_options_t>() as u32,
        flags: 0,
        name: ptr::null(),
        metadata: ptr::null(),
        metadata_count: 0,
        timeout_ms: 0,
    }
}

/// Returns a `struct_size` that no struct has, for structs of at least 8 bytes.
pub fn wrong_size(how: u8) -> u32 {
    [0, 1, 7, 65537, u32::MAX, 1 << 31][usize::from(how) % 6]
}

/// Makes one error in the options of a create. The texts must outlive the call.
pub fn break_create(options: &mut plasma_create_options_t, how: u8, text: &Option<CString>) {
    match how % 7 {
        0 => options.struct_size = wrong_size(how / 7),
        1 => options.flags = 1 << (how % 16),
        2 => options.flags = 1 << 18 | 1 << 31,
        3 => options.timeout_ms = wrong_timeout(how / 7),
        4 => {
            // NULL with elements, and more elements than fit in memory.
            options.metadata = ptr::null();
            options.metadata_count = [1, u64::MAX, u64::MAX / 24][usize::from(how / 7) % 3];
        }
        5 => {
            let one = ptr::NonNull::<plasma_metadata_t>::dangling();
            options.metadata = one.as_ptr();
            options.metadata_count = u64::MAX - u64::from(how);
        }
        _ => match text {
            Some(text) => options.name = text.as_ptr(),
            None => options.struct_size = 39,
        },
    }
}
