//! The timed functions of include/plasma.h. They are declared by hand, because the benchmark
//! measures the C ABI of libplasma.so, which all programs except those in Rust use, and not the
//! crate.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

/// `plasma_id_t`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Id([u8; 20]);

/// `plasma_connect_options_t`
#[repr(C)]
struct Options {
    struct_size: u32,
    flags: u32,
    capacity: u64,
    max_objects: u64,
    mode: u32,
    eviction: u32,
    huge_pages: u32,
    reserved: u32,
    lock_timeout_ms: i64,
}

/// `plasma_create_options_t`
#[repr(C)]
struct CreateOptions {
    struct_size: u32,
    flags: u32,
    name: *const c_char,
    metadata: *const c_void,
    metadata_count: u64,
    timeout_ms: i64,
}

/// `plasma_buffer_t` and `plasma_mutable_buffer_t`
#[repr(C)]
struct Buffer {
    data: *mut u8,
    size: u64,
    reserved: [u64; 6],
}

/// `plasma_client_t`
enum Client {}

#[link(name = "plasma")]
unsafe extern "C" {
    fn plasma_connect(address: *const c_char, with: *const Options, to: *mut *mut Client) -> i32;
    fn plasma_disconnect(client: *mut Client);
    fn plasma_get(client: *const Client, id: *const Id, timeout: i64, to: *mut Buffer) -> i32;
    fn plasma_get_by_name(
        client: *const Client,
        name: *const c_char,
        timeout: i64,
        to: *mut Buffer,
    ) -> i32;
    fn plasma_release(buffer: *mut Buffer) -> i32;
    fn plasma_create(
        client: *const Client,
        id: *const Id,
        size: u64,
        with: *const CreateOptions,
        to: *mut Buffer,
    ) -> i32;
    fn plasma_seal(buffer: *mut Buffer) -> i32;
    fn plasma_put(
        client: *const Client,
        id: *const Id,
        data: *const u8,
        size: u64,
        with: *const CreateOptions,
    ) -> i32;
    fn plasma_delete(client: *const Client, id: *const Id) -> i32;
    fn plasma_contains(client: *const Client, id: *const Id, state: *mut i32) -> i32;
}

const EXCLUSIVE_AND_EPHEMERAL: u32 = 2 | 8;

impl Id {
    pub fn new(number: u64) -> Id {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&number.to_ne_bytes());
        Id(bytes)
    }
}

impl Buffer {
    const NONE: Buffer = Buffer { data: ptr::null_mut(), size: 0, reserved: [0; 6] };

    /// Reads the first word, as a user would, and releases the object.
    fn read_and_release(&mut self) {
        assert!(self.size >= 8);
        // SAFETY: the object has this number of bytes, aligned to 64, until it is released.
        std::hint::black_box(unsafe { self.data.cast::<u64>().read() });
        // SAFETY: the buffer is one that a get has written.
        let status = unsafe { plasma_release(self) };
        assert_eq!(status, 0);
    }
}

/// A store that is removed when it is dropped.
pub struct Store {
    client: *mut Client,
}

impl Store {
    pub fn new(address: &CStr, max_objects: u64, capacity: u64) -> Store {
        let options = Options {
            struct_size: size_of::<Options>() as u32,
            flags: EXCLUSIVE_AND_EPHEMERAL,
            capacity,
            max_objects,
            mode: 0,
            eviction: 0,
            huge_pages: 0,
            reserved: 0,
            lock_timeout_ms: -1,
        };
        let mut client = ptr::null_mut();
        let status =
            // SAFETY: the pointers are to what plasma.h wants, and live during the call.
            unsafe { plasma_connect(address.as_ptr(), &raw const options, &raw mut client) };
        assert_eq!(status, 0, "plasma_connect");
        Store { client }
    }

    pub fn get(&self, id: &Id) {
        let mut buffer = Buffer::NONE;
        // SAFETY: the client is connected; the others live during the call.
        let status = unsafe { plasma_get(self.client, id, 0, &raw mut buffer) };
        assert_eq!(status, 0, "plasma_get");
        buffer.read_and_release();
    }

    pub fn get_by_name(&self, name: &CStr) {
        let mut buffer = Buffer::NONE;
        // SAFETY: as in `get`.
        let status = unsafe { plasma_get_by_name(self.client, name.as_ptr(), 0, &raw mut buffer) };
        assert_eq!(status, 0, "plasma_get_by_name");
        buffer.read_and_release();
    }

    /// Creates, writes and seals.
    pub fn create(&self, id: &Id, bytes: &[u8]) {
        let (mut buffer, size) = (Buffer::NONE, bytes.len() as u64);
        // SAFETY: as in `get`.
        let status = unsafe { plasma_create(self.client, id, size, ptr::null(), &raw mut buffer) };
        assert_eq!(status, 0, "plasma_create");
        // SAFETY: the object has as many bytes, and is ours until it is sealed.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.data, bytes.len()) };
        // SAFETY: the buffer is that of plasma_create.
        let status = unsafe { plasma_seal(&raw mut buffer) };
        assert_eq!(status, 0, "plasma_seal");
    }

    pub fn put(&self, id: &Id, bytes: &[u8], name: Option<&CStr>) {
        let options = name.map(|name| CreateOptions {
            struct_size: size_of::<CreateOptions>() as u32,
            flags: 0,
            name: name.as_ptr(),
            metadata: ptr::null(),
            metadata_count: 0,
            timeout_ms: 0,
        });
        let options = options.as_ref().map_or(ptr::null(), ptr::from_ref);
        let size = bytes.len() as u64;
        // SAFETY: as in `get`; options are NULL or what plasma.h wants.
        let status = unsafe { plasma_put(self.client, id, bytes.as_ptr(), size, options) };
        assert_eq!(status, 0, "plasma_put");
    }

    pub fn delete(&self, id: &Id) {
        // SAFETY: as in `get`.
        let status = unsafe { plasma_delete(self.client, id) };
        assert_eq!(status, 0, "plasma_delete");
    }

    pub fn contains(&self, id: &Id) -> bool {
        let mut state = 0;
        // SAFETY: as in `get`.
        let status = unsafe { plasma_contains(self.client, id, &raw mut state) };
        assert_eq!(status, 0, "plasma_contains");
        state != 0
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: nothing uses the client after this.
        unsafe { plasma_disconnect(self.client) };
    }
}
