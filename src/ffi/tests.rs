//! Errors of C callers that need no store.
#![allow(unsafe_code)] // reads the message through the pointer C gets

use super::connect_options::connect_options;
use super::create_options::{name, with_create};
use super::timeout;
use super::*;
use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::time::Duration;

const INVALID: plasma_status_t = Status::InvalidArgument as i32;

fn message() -> &'static str {
    // SAFETY: never NULL, ends with a NUL, and this thread does not fail while it is read.
    unsafe { CStr::from_ptr(plasma_error_message()) }.to_str().unwrap()
}

fn connect_init() -> plasma_connect_options_t {
    plasma_connect_options_t {
        struct_size: 64,
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

fn create_init() -> plasma_create_options_t {
    plasma_create_options_t {
        struct_size: 40,
        flags: 0,
        name: ptr::null(),
        metadata: ptr::null(),
        metadata_count: 0,
        timeout_ms: 0,
    }
}

/// The struct of a later version, with one more field at its end.
#[repr(C)]
struct Later(plasma_connect_options_t, u64);

#[test]
fn a_null_that_is_required_is_named() {
    assert_eq!(plasma_get(None, None, 0, None), INVALID);
    assert_eq!(message(), "invalid argument: client is NULL");
    assert_eq!(plasma_release(None), INVALID);
    assert_eq!(message(), "invalid argument: buffer is NULL");
    assert_eq!(plasma_connect(ptr::null(), ptr::null(), None), INVALID);
    assert_eq!(plasma_list_at(None, 0, ptr::null_mut()), INVALID);
    assert_eq!(plasma_id_from_hex(ptr::null(), None), INVALID);
    assert_eq!(message(), "invalid argument: hex is NULL");
}

#[test]
fn null_is_nothing_to_free_and_has_no_elements() {
    plasma_disconnect(ptr::null_mut());
    plasma_list_free(ptr::null_mut());
    plasma_client_list_free(ptr::null_mut());
    plasma_unsubscribe(ptr::null_mut());
    assert_eq!(plasma_list_count(None) + plasma_client_list_count(None), 0);
    assert!(plasma_client_address(None).is_null());
    assert_eq!(plasma_release_many(ptr::null_mut(), 0), 0);
    assert_eq!(plasma_release_many(ptr::null_mut(), 1), INVALID);
    assert_eq!(plasma_release_many(ptr::dangling_mut(), usize::MAX), INVALID);
}

#[test]
fn no_buffer_is_released_but_not_sealed() {
    let mut buffer = plasma_buffer_t::ZERO;
    assert_eq!(plasma_release(Some(&mut buffer)), 0);
    let mut mutable = plasma_mutable_buffer_t::ZERO;
    assert_eq!(plasma_seal(Some(&mut mutable)), INVALID);
    assert_eq!(plasma_abort(Some(&mut mutable)), INVALID);
    assert_eq!(plasma_resize(Some(&mut mutable), 1), INVALID);
    assert_eq!(plasma_retain(Some(&buffer), Some(&mut MaybeUninit::uninit())), INVALID);
    assert!(message().contains("all zero"), "{}", message());
}

#[test]
fn options_of_connecting_are_checked() {
    assert_eq!(connect_options(ptr::null()).unwrap(), Default::default());
    assert_eq!(connect_options(&connect_init()).unwrap(), Default::default());
    let zero = plasma_connect_options_t { lock_timeout_ms: 0, ..connect_init() };
    assert_eq!(connect_options(&zero).unwrap(), Default::default());
    let set =
        plasma_connect_options_t { flags: 0x1f, eviction: 1, lock_timeout_ms: 5, ..connect_init() };
    let set = connect_options(&set).unwrap();
    assert!(set.existing && set.exclusive && set.read_only && set.ephemeral && set.reserve);
    assert_eq!(set.lock_timeout, Some(Duration::from_millis(5)));

    for wrong in [
        plasma_connect_options_t { struct_size: 0, ..connect_init() },
        plasma_connect_options_t { struct_size: 47, ..connect_init() },
        plasma_connect_options_t { struct_size: u32::MAX, ..connect_init() },
        plasma_connect_options_t { flags: 0x20, ..connect_init() },
        plasma_connect_options_t { eviction: 2, ..connect_init() },
        plasma_connect_options_t { reserved: 1, ..connect_init() },
        plasma_connect_options_t { lock_timeout_ms: -2, ..connect_init() },
    ] {
        assert_eq!(connect_options(&wrong).unwrap_err().status(), Status::InvalidArgument);
    }
    let crossed = plasma_connect_options_t { flags: PLASMA_CREATE_ZEROED, ..connect_init() };
    let error = connect_options(&crossed).unwrap_err().to_string();
    assert_eq!(
        error,
        "invalid argument: flags 0x10000 are for plasma_create, not for plasma_connect"
    );
}

#[test]
fn a_later_struct_is_taken_while_its_news_are_zero() {
    let mut later = Later(connect_init(), 0);
    later.0.struct_size = 72;
    later.0.capacity = 7;
    let pointer = ptr::from_ref(&later).cast::<plasma_connect_options_t>();
    assert_eq!(connect_options(pointer).unwrap().capacity, 7);
    later.1 = 1;
    let pointer = ptr::from_ref(&later).cast::<plasma_connect_options_t>();
    let error = connect_options(pointer).unwrap_err().to_string();
    assert!(error.contains("newer than libplasma"), "{error}");
}

#[test]
fn what_is_written_fits_the_struct_of_the_caller() {
    let fill = |size: u64| {
        let mut words = [u64::MAX; 27];
        words[0] = size;
        raw::output(words.as_mut_ptr().cast::<plasma_stats_t>(), "stats")
            .map(|output| output.write(&(&crate::info::Stats::default()).into()))
            .map(|()| words)
    };
    for (size, last) in [(24, 3), (168, 21), (192, 24), (200, 25), (208, 25)] {
        let words = fill(size).unwrap();
        assert_eq!(words[0], size);
        assert!(words[1..last].iter().all(|&word| word == 0), "{size}: {words:?}");
        assert!(words[last..].iter().all(|&word| word == u64::MAX), "{size}: {words:?}");
    }
    assert!(fill(15).is_err());
    assert!(raw::output(ptr::null_mut::<plasma_stats_t>(), "stats").is_err());
}

#[test]
fn options_of_creating_are_checked() {
    let pass = |options: &plasma_create_options_t| with_create(options, |_| Ok(()));
    assert!(with_create(ptr::null(), |_| Ok(())).is_ok() && pass(&create_init()).is_ok());
    let value = b"arrow";
    let entry = |key: &'static CStr, value: *const c_void, value_size| plasma_metadata_t {
        key: key.as_ptr(),
        value,
        value_size,
    };
    let good = [entry(c"format", value.as_ptr().cast(), 5), entry(c"empty", ptr::null(), 0)];
    let options = plasma_create_options_t {
        flags: PLASMA_CREATE_PINNED,
        name: c"name".as_ptr(),
        metadata: good.as_ptr(),
        metadata_count: 2,
        timeout_ms: -1,
        ..create_init()
    };
    with_create(&options, |options| {
        assert!(options.pinned && !options.zeroed && options.timeout.is_none());
        assert_eq!(options.name, Some("name"));
        assert_eq!(options.metadata, &[("format", &b"arrow"[..]), ("empty", b"")]);
        Ok(())
    })
    .unwrap();

    let null_value = [entry(c"key", ptr::null(), 1)];
    let no_key = [entry(c"", ptr::null(), 0)];
    for wrong in [
        plasma_create_options_t { struct_size: 32, ..create_init() },
        plasma_create_options_t { flags: PLASMA_CONNECT_EXISTING, ..create_init() },
        plasma_create_options_t { timeout_ms: -2, ..create_init() },
        plasma_create_options_t { name: c"".as_ptr(), ..create_init() },
        plasma_create_options_t { name: c"\xff".as_ptr(), ..create_init() },
        plasma_create_options_t { metadata_count: 1, ..create_init() },
        plasma_create_options_t { metadata_count: u64::MAX, ..options },
        plasma_create_options_t { metadata: null_value.as_ptr(), metadata_count: 1, ..options },
        plasma_create_options_t { metadata: no_key.as_ptr(), metadata_count: 1, ..options },
    ] {
        assert_eq!(pass(&wrong).unwrap_err().status(), Status::InvalidArgument);
    }
}

#[test]
fn names_and_times_have_bounds() {
    let long = std::ffi::CString::new("n".repeat(256)).unwrap();
    assert!(name(long.as_ptr()).is_err());
    assert_eq!(name(long.as_c_str()[1..].as_ptr()).unwrap().len(), 255);
    assert!(name(ptr::null()).is_err());
    assert_eq!(timeout(-1).unwrap(), None);
    assert_eq!(timeout(i64::MAX).unwrap(), Some(Duration::from_millis(i64::MAX as u64)));
    assert!(timeout(i64::MIN).is_err());
}

#[test]
fn ids_go_through_c() {
    let mut id = MaybeUninit::uninit();
    assert_eq!(plasma_id_from_bytes(b"ab".as_ptr().cast(), 2, Some(&mut id)), 0);
    assert_eq!(plasma_id_from_bytes(b"ab".as_ptr().cast(), 21, Some(&mut id)), INVALID);
    assert_eq!(plasma_id_from_bytes(ptr::null(), 1, Some(&mut id)), INVALID);
    let mut id = plasma_id_t { bytes: [0; 20] };
    id.bytes[..2].copy_from_slice(b"ab");
    let mut hex = [1_u8; 42];
    assert_eq!(plasma_id_to_hex(Some(&id), hex.as_mut_ptr().cast()), 0);
    assert_eq!(&hex[..5], b"61620");
    assert_eq!(hex[39..], [b'0', 0, 1]);
}

#[test]
fn each_number_has_a_name() {
    // SAFETY: static text.
    let text = |number| unsafe { CStr::from_ptr(plasma_status_name(number)) }.to_str().unwrap();
    assert_eq!((text(0), text(-27)), ("PLASMA_OK", "PLASMA_ERR_FAILED"));
    for number in [1, -28, i32::MIN, i32::MAX] {
        assert_eq!(text(number), "PLASMA_ERR_UNKNOWN");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let [major, minor, patch] = [16, 8, 0].map(|shift| (plasma_version() >> shift) & 0xff);
    assert_eq!(format!("{major}.{minor}.{patch}"), env!("CARGO_PKG_VERSION"));
    // SAFETY: static text.
    let text = unsafe { CStr::from_ptr(plasma_version_string()) };
    assert_eq!(text.to_str().unwrap(), env!("CARGO_PKG_VERSION"));
}
