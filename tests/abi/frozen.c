/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The permanent promises of plasma.h, a second time and by hand: numbers, sizes and offsets of fields. A new
 * number or field is a new line; an existing line never changes. tests/frozen.rs has the same
 * for Rust.
 */
#include <plasma.h>

#define NUMBER(name, value) _Static_assert((name) == (value), #name)
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define AT_LEAST(type, size) _Static_assert(sizeof(type) >= (size), #type)
#define FIELD(type, field, offset) \
    _Static_assert(offsetof(type, field) == (offset), #type "." #field)

NUMBER(PLASMA_OK, 0);
NUMBER(PLASMA_ERR_INVALID_ARGUMENT, -1);
NUMBER(PLASMA_ERR_NOT_FOUND, -2);
NUMBER(PLASMA_ERR_EXISTS, -3);
NUMBER(PLASMA_ERR_NAME_EXISTS, -4);
NUMBER(PLASMA_ERR_NOT_SEALED, -5);
NUMBER(PLASMA_ERR_SEALED, -6);
NUMBER(PLASMA_ERR_TIMEOUT, -7);
NUMBER(PLASMA_ERR_ABORTED, -8);
NUMBER(PLASMA_ERR_OUT_OF_MEMORY, -9);
NUMBER(PLASMA_ERR_TOO_LARGE, -10);
NUMBER(PLASMA_ERR_LIMIT, -11);
NUMBER(PLASMA_ERR_READ_ONLY, -12);
NUMBER(PLASMA_ERR_PERMISSION, -13);
NUMBER(PLASMA_ERR_STORE_NOT_FOUND, -14);
NUMBER(PLASMA_ERR_STORE_EXISTS, -15);
NUMBER(PLASMA_ERR_NOT_A_STORE, -16);
NUMBER(PLASMA_ERR_MISMATCH, -17);
NUMBER(PLASMA_ERR_VERSION, -18);
NUMBER(PLASMA_ERR_CORRUPT, -19);
NUMBER(PLASMA_ERR_STORE_GONE, -20);
NUMBER(PLASMA_ERR_FORKED, -21);
NUMBER(PLASMA_ERR_DISCONNECTED, -22);
NUMBER(PLASMA_ERR_INTERRUPTED, -23);
NUMBER(PLASMA_ERR_UNSUPPORTED, -24);
NUMBER(PLASMA_ERR_SYSTEM, -25);
NUMBER(PLASMA_ERR_INTERNAL, -26);
NUMBER(PLASMA_ERR_FAILED, -27);
NUMBER(PLASMA_STATE_ABSENT, 0);
NUMBER(PLASMA_STATE_WRITING, 1);
NUMBER(PLASMA_STATE_SEALED, 2);
NUMBER(PLASMA_STATE_DELETED, 3);
NUMBER(PLASMA_STATE_FAILED, 4);
NUMBER(PLASMA_EVENT_SEALED, 1);
NUMBER(PLASMA_EVENT_DELETED, 2);
NUMBER(PLASMA_EVENT_EVICTED, 3);
NUMBER(PLASMA_EVENT_ABORTED, 4);
NUMBER(PLASMA_EVENT_LOST, 5);
NUMBER(PLASMA_EVENT_FAILED, 6);

NUMBER(PLASMA_ID_SIZE, 20);
NUMBER(PLASMA_ID_HEX_SIZE, 41);
NUMBER(PLASMA_NAME_MAX, 255);
NUMBER(PLASMA_CONNECT_EXISTING, 1);
NUMBER(PLASMA_CONNECT_EXCLUSIVE, 2);
NUMBER(PLASMA_CONNECT_READ_ONLY, 4);
NUMBER(PLASMA_CONNECT_EPHEMERAL, 8);
NUMBER(PLASMA_CONNECT_RESERVE, 16);
NUMBER(PLASMA_CREATE_ZEROED, 65536);
NUMBER(PLASMA_CREATE_PINNED, 131072);
NUMBER(PLASMA_EVICTION_NONE, 0);
NUMBER(PLASMA_EVICTION_LRU, 1);
NUMBER(PLASMA_OBJECT_PINNED, 1);
NUMBER(PLASMA_OBJECT_NAMED, 2);

SIZE(plasma_id_t, 20);
FIELD(plasma_id_t, bytes, 0);

AT_LEAST(plasma_connect_options_t, 64);
FIELD(plasma_connect_options_t, struct_size, 0);
FIELD(plasma_connect_options_t, flags, 4);
FIELD(plasma_connect_options_t, capacity, 8);
FIELD(plasma_connect_options_t, max_objects, 16);
FIELD(plasma_connect_options_t, mode, 24);
FIELD(plasma_connect_options_t, eviction, 28);
FIELD(plasma_connect_options_t, huge_pages, 32);
FIELD(plasma_connect_options_t, reserved, 36);
FIELD(plasma_connect_options_t, lock_timeout_ms, 40);
FIELD(plasma_connect_options_t, reader_quota, 48);
FIELD(plasma_connect_options_t, max_readers, 56);

SIZE(plasma_buffer_t, 64);
FIELD(plasma_buffer_t, data, 0);
FIELD(plasma_buffer_t, size, 8);
FIELD(plasma_buffer_t, reserved, 16);

SIZE(plasma_metadata_t, 24);
FIELD(plasma_metadata_t, key, 0);
FIELD(plasma_metadata_t, value, 8);
FIELD(plasma_metadata_t, value_size, 16);

AT_LEAST(plasma_create_options_t, 40);
FIELD(plasma_create_options_t, struct_size, 0);
FIELD(plasma_create_options_t, flags, 4);
FIELD(plasma_create_options_t, name, 8);
FIELD(plasma_create_options_t, metadata, 16);
FIELD(plasma_create_options_t, metadata_count, 24);
FIELD(plasma_create_options_t, timeout_ms, 32);

SIZE(plasma_mutable_buffer_t, 64);
FIELD(plasma_mutable_buffer_t, data, 0);
FIELD(plasma_mutable_buffer_t, size, 8);
FIELD(plasma_mutable_buffer_t, reserved, 16);

AT_LEAST(plasma_object_info_t, 464);
FIELD(plasma_object_info_t, struct_size, 0);
FIELD(plasma_object_info_t, id, 4);
FIELD(plasma_object_info_t, state, 24);
FIELD(plasma_object_info_t, flags, 28);
FIELD(plasma_object_info_t, data_size, 32);
FIELD(plasma_object_info_t, metadata_size, 40);
FIELD(plasma_object_info_t, create_time_us, 48);
FIELD(plasma_object_info_t, construct_duration_us, 56);
FIELD(plasma_object_info_t, creator_pid, 64);
FIELD(plasma_object_info_t, lease_count, 68);
FIELD(plasma_object_info_t, last_use_us, 72);
FIELD(plasma_object_info_t, name, 80);
FIELD(plasma_object_info_t, creator_address, 336);

AT_LEAST(plasma_stats_t, 168);
FIELD(plasma_stats_t, struct_size, 0);
FIELD(plasma_stats_t, padding, 4);
FIELD(plasma_stats_t, capacity, 8);
FIELD(plasma_stats_t, used, 16);
FIELD(plasma_stats_t, reserved, 24);
FIELD(plasma_stats_t, largest_free, 32);
FIELD(plasma_stats_t, max_objects, 40);
FIELD(plasma_stats_t, objects_writing, 48);
FIELD(plasma_stats_t, objects_sealed, 56);
FIELD(plasma_stats_t, objects_deleted, 64);
FIELD(plasma_stats_t, pinned, 72);
FIELD(plasma_stats_t, leases, 80);
FIELD(plasma_stats_t, clients, 88);
FIELD(plasma_stats_t, evictions, 96);
FIELD(plasma_stats_t, evicted_bytes, 104);
FIELD(plasma_stats_t, recoveries, 112);
FIELD(plasma_stats_t, reaped_clients, 120);
FIELD(plasma_stats_t, lock_steals, 128);
FIELD(plasma_stats_t, file_system, 136);

AT_LEAST(plasma_client_info_t, 80);
FIELD(plasma_client_info_t, struct_size, 0);
FIELD(plasma_client_info_t, slot, 4);
FIELD(plasma_client_info_t, pid, 8);
FIELD(plasma_client_info_t, uid, 12);
FIELD(plasma_client_info_t, pid_namespace, 16);
FIELD(plasma_client_info_t, comm, 24);
FIELD(plasma_client_info_t, read_only, 40);
FIELD(plasma_client_info_t, alive, 41);
FIELD(plasma_client_info_t, stopped, 42);
FIELD(plasma_client_info_t, padding, 43);
FIELD(plasma_client_info_t, connect_time_us, 48);
FIELD(plasma_client_info_t, lease_count, 56);
FIELD(plasma_client_info_t, leased_bytes, 64);
FIELD(plasma_client_info_t, writing_bytes, 72);

AT_LEAST(plasma_event_t, 64);
FIELD(plasma_event_t, struct_size, 0);
FIELD(plasma_event_t, type, 4);
FIELD(plasma_event_t, sequence, 8);
FIELD(plasma_event_t, time_us, 16);
FIELD(plasma_event_t, id, 24);
FIELD(plasma_event_t, padding, 44);
FIELD(plasma_event_t, data_size, 48);
FIELD(plasma_event_t, lost_count, 56);

int main(void)
{
    return 0;
}
