# frozen_string_literal: true

# Generated from bindings/plasma.json by bindings/generate.py; `make header` writes it.
require 'fiddle'

module Plasma
  # The major version of this header.
  VERSION_MAJOR = 0
  # The minor version of this header.
  VERSION_MINOR = 1
  # The patch version of this header.
  VERSION_PATCH = 0
  # The version of this header as 0xMMmmpp; see plasma_version().
  VERSION_NUM = 256
  # Size of an id in bytes.
  ID_SIZE = 20
  # Size of the text of plasma_id_to_hex() in bytes: 40 digits and a NUL.
  ID_HEX_SIZE = 41
  # plasma_connect: fail with STORE_NOT_FOUND if there is no store.
  CONNECT_EXISTING = 1
  # plasma_connect: fail with STORE_EXISTS if there is a store.
  CONNECT_EXCLUSIVE = 2
  # plasma_connect: only read. Implies PLASMA_CONNECT_EXISTING. A store whose remover was killed counts as none.
  CONNECT_READ_ONLY = 4
  # plasma_connect: a store created by this call is removed when its last client leaves. If the last client is killed or READ_ONLY, the store stays until the next client connects or `plasma reap --all` runs.
  CONNECT_EPHEMERAL = 8
  # plasma_connect: reserve the whole capacity of a new store at once.
  CONNECT_RESERVE = 16
  # Eviction: a full store refuses new objects and loses none. The default.
  EVICTION_NONE = 0
  # Eviction: a full store evicts the least recently released objects.
  EVICTION_LRU = 1
  # Longest name of an object in bytes, without its NUL.
  NAME_MAX = 255
  # plasma_create: fill the memory with zeros first.
  CREATE_ZEROED = 65536
  # plasma_create: pin the object against eviction from the start.
  CREATE_PINNED = 131072
  # plasma_object_info_t.flags: the object is pinned against eviction.
  OBJECT_PINNED = 1
  # plasma_object_info_t.flags: the object has a name.
  OBJECT_NAMED = 2
  # There is no such object.
  STATE_ABSENT = 0
  # Its creator has not sealed it yet.
  STATE_WRITING = 1
  # It can be read.
  STATE_SEALED = 2
  # Deleted or evicted, but still held. Only lists and plasma_buffer_info() report it.
  STATE_DELETED = 3
  # Its creator failed: a get receives the message of plasma_fail().
  STATE_FAILED = 4
  # An object was sealed.
  EVENT_SEALED = 1
  # An object was deleted.
  EVENT_DELETED = 2
  # An object was evicted.
  EVENT_EVICTED = 3
  # An unsealed object was aborted by its creator, or the creator died.
  EVENT_ABORTED = 4
  # lost_count events were lost; list the objects again.
  EVENT_LOST = 5
  # The creator of an object ended it with plasma_fail().
  EVENT_FAILED = 6

  # plasma.h, as it is there.
  module Native
    include Fiddle

    SONAME = 'libplasma.so.0.1'

    STATUSES = {
      0 => :OK,
      -1 => :INVALID_ARGUMENT,
      -2 => :NOT_FOUND,
      -3 => :EXISTS,
      -4 => :NAME_EXISTS,
      -5 => :NOT_SEALED,
      -6 => :SEALED,
      -7 => :TIMEOUT,
      -8 => :ABORTED,
      -9 => :OUT_OF_MEMORY,
      -10 => :TOO_LARGE,
      -11 => :LIMIT,
      -12 => :READ_ONLY,
      -13 => :PERMISSION,
      -14 => :STORE_NOT_FOUND,
      -15 => :STORE_EXISTS,
      -16 => :NOT_A_STORE,
      -17 => :MISMATCH,
      -18 => :VERSION,
      -19 => :CORRUPT,
      -20 => :STORE_GONE,
      -21 => :FORKED,
      -22 => :DISCONNECTED,
      -23 => :INTERRUPTED,
      -24 => :UNSUPPORTED,
      -25 => :SYSTEM,
      -26 => :INTERNAL,
      -27 => :FAILED,
    }.freeze

    # The size of each struct, and the offset of each field.
    STRUCTS = {
      id: {
        sizeof: 20,
        bytes: 0
      },
      connect_options: {
        sizeof: 64,
        struct_size: 0,
        flags: 4,
        capacity: 8,
        max_objects: 16,
        mode: 24,
        eviction: 28,
        huge_pages: 32,
        reserved: 36,
        lock_timeout_ms: 40,
        reader_quota: 48,
        max_readers: 56
      },
      buffer: {
        sizeof: 64,
        data: 0,
        size: 8,
        reserved: 16
      },
      mutable_buffer: {
        sizeof: 64,
        data: 0,
        size: 8,
        reserved: 16
      },
      metadata: {
        sizeof: 24,
        key: 0,
        value: 8,
        value_size: 16
      },
      create_options: {
        sizeof: 40,
        struct_size: 0,
        flags: 4,
        name: 8,
        metadata: 16,
        metadata_count: 24,
        timeout_ms: 32
      },
      object_info: {
        sizeof: 464,
        struct_size: 0,
        id: 4,
        state: 24,
        flags: 28,
        data_size: 32,
        metadata_size: 40,
        create_time_us: 48,
        construct_duration_us: 56,
        creator_pid: 64,
        lease_count: 68,
        last_use_us: 72,
        name: 80,
        creator_address: 336
      },
      client_info: {
        sizeof: 80,
        struct_size: 0,
        slot: 4,
        pid: 8,
        uid: 12,
        pid_namespace: 16,
        comm: 24,
        read_only: 40,
        alive: 41,
        stopped: 42,
        padding: 43,
        connect_time_us: 48,
        lease_count: 56,
        leased_bytes: 64,
        writing_bytes: 72
      },
      stats: {
        sizeof: 200,
        struct_size: 0,
        padding: 4,
        capacity: 8,
        used: 16,
        reserved: 24,
        largest_free: 32,
        max_objects: 40,
        objects_writing: 48,
        objects_sealed: 56,
        objects_deleted: 64,
        pinned: 72,
        leases: 80,
        clients: 88,
        evictions: 96,
        evicted_bytes: 104,
        recoveries: 112,
        reaped_clients: 120,
        lock_steals: 128,
        file_system: 136,
        deleted_bytes: 168,
        flags: 176,
        mode: 180,
        eviction: 184,
        huge_pages: 188,
        objects_failed: 192
      },
      event: {
        sizeof: 72,
        struct_size: 0,
        type: 4,
        sequence: 8,
        time_us: 16,
        id: 24,
        padding: 44,
        data_size: 48,
        lost_count: 56,
        metadata_size: 64
      },
      check_report: {
        sizeof: 320,
        struct_size: 0,
        padding: 4,
        records: 8,
        objects: 16,
        extents: 24,
        free_blocks: 32,
        clients: 40,
        leases: 48,
        problem_count: 56,
        first_problem: 64
      },
    }.freeze

    # The result of each function, and its parameters.
    FUNCTIONS = {
      plasma_version: [-TYPE_INT32_T, []],
      plasma_version_string: [TYPE_VOIDP, []],
      plasma_status_name: [TYPE_VOIDP, [TYPE_INT32_T]],
      plasma_error_message: [TYPE_VOIDP, []],
      plasma_error_errno: [TYPE_INT, []],
      plasma_id_random: [TYPE_INT32_T, [TYPE_VOIDP]],
      plasma_id_from_bytes: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_SIZE_T, TYPE_VOIDP]],
      plasma_id_from_hex: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_id_to_hex: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_connect: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_disconnect: [TYPE_VOID, [TYPE_VOIDP]],
      plasma_client_address: [TYPE_VOIDP, [TYPE_VOIDP]],
      plasma_interrupt: [TYPE_INT32_T, [TYPE_VOIDP]],
      plasma_store_remove: [TYPE_INT32_T, [TYPE_VOIDP]],
      plasma_retain: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_release: [TYPE_INT32_T, [TYPE_VOIDP]],
      plasma_release_many: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_SIZE_T]],
      plasma_create: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, -TYPE_INT64_T, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_resize: [TYPE_INT32_T, [TYPE_VOIDP, -TYPE_INT64_T]],
      plasma_set_metadata: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP, -TYPE_INT64_T]],
      plasma_seal: [TYPE_INT32_T, [TYPE_VOIDP]],
      plasma_seal_and_get: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_abort: [TYPE_INT32_T, [TYPE_VOIDP]],
      plasma_fail: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_put: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP, -TYPE_INT64_T, TYPE_VOIDP]],
      plasma_put_parts: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP, TYPE_SIZE_T, TYPE_VOIDP]],
      plasma_get_or_create: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, -TYPE_INT64_T, TYPE_VOIDP, TYPE_INT64_T, TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_get_or_create_by_name: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, -TYPE_INT64_T, TYPE_VOIDP, TYPE_INT64_T, TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_put_many: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP, TYPE_SIZE_T, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_delete_many: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_SIZE_T, TYPE_VOIDP]],
      plasma_get: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_INT64_T, TYPE_VOIDP]],
      plasma_get_by_name: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_INT64_T, TYPE_VOIDP]],
      plasma_lookup: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_get_many: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_SIZE_T, TYPE_INT64_T, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_wait: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_SIZE_T, TYPE_SIZE_T, TYPE_INT64_T, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_get_metadata: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_metadata_count: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_metadata_at: [TYPE_INT32_T, [TYPE_VOIDP, -TYPE_INT64_T, TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_buffer_info: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_contains: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_object_info: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_stats: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_delete: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_delete_by_name: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_pin: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_unpin: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_evict: [TYPE_INT32_T, [TYPE_VOIDP, -TYPE_INT64_T, TYPE_VOIDP]],
      plasma_reap: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_trim: [TYPE_INT32_T, [TYPE_VOIDP, -TYPE_INT64_T, TYPE_VOIDP]],
      plasma_list: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_list_matching: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_list_count: [-TYPE_INT64_T, [TYPE_VOIDP]],
      plasma_list_at: [TYPE_INT32_T, [TYPE_VOIDP, -TYPE_INT64_T, TYPE_VOIDP]],
      plasma_list_free: [TYPE_VOID, [TYPE_VOIDP]],
      plasma_list_clients: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_list_holders: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_client_list_count: [-TYPE_INT64_T, [TYPE_VOIDP]],
      plasma_client_list_at: [TYPE_INT32_T, [TYPE_VOIDP, -TYPE_INT64_T, TYPE_VOIDP]],
      plasma_client_list_free: [TYPE_VOID, [TYPE_VOIDP]],
      plasma_subscribe: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_subscribe_matching: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP, TYPE_VOIDP]],
      plasma_next_event: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_INT64_T, TYPE_VOIDP]],
      plasma_event_fd: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
      plasma_unsubscribe: [TYPE_VOID, [TYPE_VOIDP]],
      plasma_check: [TYPE_INT32_T, [TYPE_VOIDP, TYPE_VOIDP]],
    }.freeze
  end
end
