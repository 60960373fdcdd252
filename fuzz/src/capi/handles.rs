//! The only unsafe code of this target: handles that C holds, and bytes behind C's pointers.
#![allow(unsafe_code)] // handles and views as C sees them

use super::args::{OK, connect_options};
use crate::scratch;
use plasma::ffi::*;
use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;

/// Geometry of the store: small, so that it is full soon.
pub const CAPACITY: u64 = 64 << 10;
pub const MAX_OBJECTS: u64 = 8;

/// The store and two permanent clients, one of which may only read.
pub struct Store {
    pub address: CString,
    pub writer: Handle,
    pub reader: Handle,
}

/// A client.
pub struct Handle(*mut plasma_client_t);

/// A subscription.
pub struct News(*mut plasma_subscription_t);

impl Store {
    pub fn new() -> Store {
        let path = scratch::address("c-api");
        let _ = std::fs::remove_dir_all(&path);
        let address = CString::new(path.to_str().expect("text")).expect("no NUL");
        let mut options = connect_options();
        options.capacity = CAPACITY;
        options.max_objects = MAX_OBJECTS;
        options.mode = 0o664;
        let writer = Handle::connect(&address, Some(&options)).expect("a new store");
        let mut options = connect_options();
        options.flags = PLASMA_CONNECT_READ_ONLY;
        let reader = Handle::connect(&address, Some(&options)).expect("the store");
        Store { address, writer, reader }
    }
}

impl Handle {
    pub fn connect(
        address: &CStr,
        options: Option<&plasma_connect_options_t>,
    ) -> Result<Handle, i32> {
        let mut client = MaybeUninit::uninit();
        let options = options.map_or(std::ptr::null(), std::ptr::from_ref);
        match plasma_connect(address.as_ptr(), options, Some(&mut client)) {
            // SAFETY: written on OK.
            OK => Ok(Handle(unsafe { client.assume_init() })),
            status => Err(status),
        }
    }

    pub fn get(&self) -> &plasma_client_t {
        // SAFETY: made by plasma_connect, and disconnected when `self` is dropped.
        unsafe { &*self.0 }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        plasma_disconnect(self.0);
    }
}

impl News {
    pub fn subscribe(client: Option<&plasma_client_t>) -> Result<News, i32> {
        let mut news = MaybeUninit::uninit();
        match plasma_subscribe(client, Some(&mut news)) {
            // SAFETY: written on OK.
            OK => Ok(News(unsafe { news.assume_init() })),
            status => Err(status),
        }
    }

    pub fn get(&self) -> &plasma_subscription_t {
        // SAFETY: made by plasma_subscribe, and ended when `self` is dropped.
        unsafe { &*self.0 }
    }
}

impl Drop for News {
    fn drop(&mut self) {
        plasma_unsubscribe(self.0);
    }
}

/// A list of objects, and its length.
pub fn with_list(list: *mut plasma_list_t, act: impl FnOnce(&plasma_list_t)) {
    // SAFETY: made by plasma_list, freed below.
    act(unsafe { &*list });
    plasma_list_free(list);
}

pub fn with_clients(list: *mut plasma_client_list_t, act: impl FnOnce(&plasma_client_list_t)) {
    // SAFETY: made by plasma_list_clients, freed below.
    act(unsafe { &*list });
    plasma_client_list_free(list);
}

/// Returns the value that a call wrote.
pub fn written<T: Copy>(value: &MaybeUninit<T>) -> T {
    // SAFETY: only asked for what a call that succeeded has written, or what was set before it.
    unsafe { value.assume_init() }
}

/// Returns a C view.
pub fn bytes<'a>(data: *const u8, size: u64) -> &'a [u8] {
    assert!(!data.is_null());
    // SAFETY: address and size come from the library, and the caller holds the buffer.
    unsafe { std::slice::from_raw_parts(data, size as usize) }
}

/// Returns the bytes of a writer.
pub fn fill(writer: &plasma_mutable_buffer_t, with: impl Fn(usize) -> u8) {
    assert!(!writer.data.is_null());
    // SAFETY: as for `bytes`; nobody else looks at an object that is being written.
    let bytes = unsafe { std::slice::from_raw_parts_mut(writer.data, writer.size as usize) };
    bytes.iter_mut().enumerate().for_each(|(i, byte)| *byte = with(i));
}

/// Returns a text of the library.
pub fn text<'a>(text: *const c_char) -> &'a CStr {
    assert!(!text.is_null());
    // SAFETY: the library says that it ends with a NUL.
    unsafe { CStr::from_ptr(text) }
}

/// A struct for the library to fill, as long as it declares: bytes past its end must not be
/// touched, which AddressSanitizer checks.
pub struct Sized<T> {
    words: Box<[u64]>,
    kind: std::marker::PhantomData<T>,
}

impl<T: Copy> Sized<T> {
    pub fn new(size: u32, says: u32) -> Self {
        let mut words = vec![0; (size as usize).div_ceil(8)].into_boxed_slice();
        words[0] = says.into();
        Sized { words, kind: std::marker::PhantomData }
    }

    pub fn right() -> Self {
        Self::new(size_of::<T>() as u32, size_of::<T>() as u32)
    }

    pub fn pointer(&mut self) -> *mut T {
        self.words.as_mut_ptr().cast()
    }

    pub fn value(&self) -> T {
        assert!(size_of_val(&*self.words) >= size_of::<T>());
        // SAFETY: large enough, aligned to 8, and a C struct of integers.
        unsafe { self.words.as_ptr().cast::<T>().read() }
    }
}

/// The calls that do nothing.
pub fn disconnect_null() {
    plasma_disconnect(std::ptr::null_mut());
    plasma_unsubscribe(std::ptr::null_mut());
    plasma_list_free(std::ptr::null_mut());
    plasma_client_list_free(std::ptr::null_mut());
    assert_eq!(plasma_list_count(None) + plasma_client_list_count(None), 0);
}
