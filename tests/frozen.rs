//! The permanent promises of the C interface, written a second time by hand: numbers, sizes and
//! offsets of fields. `tests/abi/frozen.c` contains the same for C, with an explanation.
#![cfg(not(any(loom, shuttle)))]

use plasma::ffi::*;
use std::mem::offset_of;

macro_rules! fields {
    ($type:ty, $($field:ident: $offset:literal),+) => {
        $(assert!(offset_of!($type, $field) == $offset, stringify!($field));)+
    };
}

#[test]
fn structs_are_as_they_were() {
    assert!(size_of::<plasma_id_t>() == 20);
    fields!(plasma_id_t, bytes: 0);
    assert!(size_of::<plasma_connect_options_t>() >= 64);
    fields!(plasma_connect_options_t, struct_size: 0, flags: 4, capacity: 8, max_objects: 16, mode: 24, eviction: 28, huge_pages: 32, reserved: 36, lock_timeout_ms: 40, reader_quota: 48, max_readers: 56);
    assert!(size_of::<plasma_buffer_t>() == 64);
    fields!(plasma_buffer_t, data: 0, size: 8, reserved: 16);
    assert!(size_of::<plasma_metadata_t>() == 24);
    fields!(plasma_metadata_t, key: 0, value: 8, value_size: 16);
    assert!(size_of::<plasma_create_options_t>() >= 40);
    fields!(plasma_create_options_t, struct_size: 0, flags: 4, name: 8, metadata: 16, metadata_count: 24, timeout_ms: 32);
    assert!(size_of::<plasma_mutable_buffer_t>() == 64);
    fields!(plasma_mutable_buffer_t, data: 0, size: 8, reserved: 16);
    assert!(size_of::<plasma_object_info_t>() >= 464);
    fields!(plasma_object_info_t, struct_size: 0, id: 4, state: 24, flags: 28, data_size: 32, metadata_size: 40, create_time_us: 48, construct_duration_us: 56, creator_pid: 64, lease_count: 68, last_use_us: 72, name: 80, creator_address: 336);
    assert!(size_of::<plasma_stats_t>() >= 168);
    fields!(plasma_stats_t, struct_size: 0, padding: 4, capacity: 8, used: 16, reserved: 24, largest_free: 32, max_objects: 40, objects_writing: 48, objects_sealed: 56, objects_deleted: 64, pinned: 72, leases: 80, clients: 88, evictions: 96, evicted_bytes: 104, recoveries: 112, reaped_clients: 120, lock_steals: 128, file_system: 136);
    assert!(size_of::<plasma_client_info_t>() >= 80);
    fields!(plasma_client_info_t, struct_size: 0, slot: 4, pid: 8, uid: 12, pid_namespace: 16, comm: 24, read_only: 40, alive: 41, stopped: 42, padding: 43, connect_time_us: 48, lease_count: 56, leased_bytes: 64, writing_bytes: 72);
    assert!(size_of::<plasma_event_t>() >= 64);
    fields!(plasma_event_t, struct_size: 0, r#type: 4, sequence: 8, time_us: 16, id: 24, padding: 44, data_size: 48, lost_count: 56);
}

#[test]
fn numbers_are_as_they_were() {
    use plasma::error::Status;
    let statuses = [
        ("PLASMA_OK", 0),
        ("PLASMA_ERR_INVALID_ARGUMENT", -1),
        ("PLASMA_ERR_NOT_FOUND", -2),
        ("PLASMA_ERR_EXISTS", -3),
        ("PLASMA_ERR_NAME_EXISTS", -4),
        ("PLASMA_ERR_NOT_SEALED", -5),
        ("PLASMA_ERR_SEALED", -6),
        ("PLASMA_ERR_TIMEOUT", -7),
        ("PLASMA_ERR_ABORTED", -8),
        ("PLASMA_ERR_OUT_OF_MEMORY", -9),
        ("PLASMA_ERR_TOO_LARGE", -10),
        ("PLASMA_ERR_LIMIT", -11),
        ("PLASMA_ERR_READ_ONLY", -12),
        ("PLASMA_ERR_PERMISSION", -13),
        ("PLASMA_ERR_STORE_NOT_FOUND", -14),
        ("PLASMA_ERR_STORE_EXISTS", -15),
        ("PLASMA_ERR_NOT_A_STORE", -16),
        ("PLASMA_ERR_MISMATCH", -17),
        ("PLASMA_ERR_VERSION", -18),
        ("PLASMA_ERR_CORRUPT", -19),
        ("PLASMA_ERR_STORE_GONE", -20),
        ("PLASMA_ERR_FORKED", -21),
        ("PLASMA_ERR_DISCONNECTED", -22),
        ("PLASMA_ERR_INTERRUPTED", -23),
        ("PLASMA_ERR_UNSUPPORTED", -24),
        ("PLASMA_ERR_SYSTEM", -25),
        ("PLASMA_ERR_INTERNAL", -26),
        ("PLASMA_ERR_FAILED", -27),
    ];
    assert!(Status::ALL.len() >= statuses.len());
    for (status, (name, number)) in Status::ALL.iter().zip(statuses) {
        assert_eq!((status.c_name(), *status as i32), (name, number));
    }
    let numbers = [
        (plasma_state::PLASMA_STATE_ABSENT as u64, 0),
        (plasma_state::PLASMA_STATE_WRITING as u64, 1),
        (plasma_state::PLASMA_STATE_SEALED as u64, 2),
        (plasma_state::PLASMA_STATE_DELETED as u64, 3),
        (plasma_state::PLASMA_STATE_FAILED as u64, 4),
        (plasma_event_type::PLASMA_EVENT_SEALED as u64, 1),
        (plasma_event_type::PLASMA_EVENT_DELETED as u64, 2),
        (plasma_event_type::PLASMA_EVENT_EVICTED as u64, 3),
        (plasma_event_type::PLASMA_EVENT_ABORTED as u64, 4),
        (plasma_event_type::PLASMA_EVENT_LOST as u64, 5),
        (plasma_event_type::PLASMA_EVENT_FAILED as u64, 6),
        (PLASMA_ID_SIZE as u64, 20),
        (PLASMA_ID_HEX_SIZE as u64, 41),
        (PLASMA_NAME_MAX as u64, 255),
        (PLASMA_CONNECT_EXISTING as u64, 1),
        (PLASMA_CONNECT_EXCLUSIVE as u64, 2),
        (PLASMA_CONNECT_READ_ONLY as u64, 4),
        (PLASMA_CONNECT_EPHEMERAL as u64, 8),
        (PLASMA_CONNECT_RESERVE as u64, 16),
        (PLASMA_CREATE_ZEROED as u64, 65536),
        (PLASMA_CREATE_PINNED as u64, 131072),
        (PLASMA_EVICTION_NONE as u64, 0),
        (PLASMA_EVICTION_LRU as u64, 1),
        (PLASMA_OBJECT_PINNED as u64, 1),
        (PLASMA_OBJECT_NAMED as u64, 2),
    ];
    for (at, (number, expected)) in numbers.into_iter().enumerate() {
        assert_eq!(number, expected, "the number at {at}");
    }
}
