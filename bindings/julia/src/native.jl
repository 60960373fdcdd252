# Generated from bindings/plasma.json by bindings/generate.py; `make header` writes it.

const LIBRARY = get(ENV, "PLASMA_LIBRARY", "libplasma.so.0.1")

const VERSION_MAJOR = 0
const VERSION_MINOR = 1
const VERSION_PATCH = 0
const VERSION_NUM = 256
const ID_SIZE = 20
const ID_HEX_SIZE = 41
const CONNECT_EXISTING = 1
const CONNECT_EXCLUSIVE = 2
const CONNECT_READ_ONLY = 4
const CONNECT_EPHEMERAL = 8
const CONNECT_RESERVE = 16
const EVICTION_NONE = 0
const EVICTION_LRU = 1
const NAME_MAX = 255
const CREATE_ZEROED = 65536
const CREATE_PINNED = 131072
const OBJECT_PINNED = 1
const OBJECT_NAMED = 2
const STATE_ABSENT = 0
const STATE_WRITING = 1
const STATE_SEALED = 2
const STATE_DELETED = 3
const STATE_FAILED = 4
const EVENT_SEALED = 1
const EVENT_DELETED = 2
const EVENT_EVICTED = 3
const EVENT_ABORTED = 4
const EVENT_LOST = 5
const EVENT_FAILED = 6
const OK = Int32(0)
const INVALID_ARGUMENT = Int32(-1)
const NOT_FOUND = Int32(-2)
const EXISTS = Int32(-3)
const NAME_EXISTS = Int32(-4)
const NOT_SEALED = Int32(-5)
const SEALED = Int32(-6)
const TIMEOUT = Int32(-7)
const ABORTED = Int32(-8)
const OUT_OF_MEMORY = Int32(-9)
const TOO_LARGE = Int32(-10)
const LIMIT = Int32(-11)
const READ_ONLY = Int32(-12)
const PERMISSION = Int32(-13)
const STORE_NOT_FOUND = Int32(-14)
const STORE_EXISTS = Int32(-15)
const NOT_A_STORE = Int32(-16)
const MISMATCH = Int32(-17)
const VERSION = Int32(-18)
const CORRUPT = Int32(-19)
const STORE_GONE = Int32(-20)
const FORKED = Int32(-21)
const DISCONNECTED = Int32(-22)
const INTERRUPTED = Int32(-23)
const UNSUPPORTED = Int32(-24)
const SYSTEM = Int32(-25)
const INTERNAL = Int32(-26)
const FAILED = Int32(-27)

struct IdC
    bytes::NTuple{20,UInt8}
end
@assert sizeof(IdC) == 20

struct ConnectOptionsC
    struct_size::UInt32
    flags::UInt32
    capacity::UInt64
    max_objects::UInt64
    mode::UInt32
    eviction::UInt32
    huge_pages::UInt32
    reserved::UInt32
    lock_timeout_ms::Int64
    reader_quota::UInt64
    max_readers::UInt64
end
@assert sizeof(ConnectOptionsC) == 64

struct BufferC
    data::Ptr{Cvoid}
    size::UInt64
    reserved::NTuple{6,UInt64}
end
@assert sizeof(BufferC) == 64

struct MutableBufferC
    data::Ptr{Cvoid}
    size::UInt64
    reserved::NTuple{6,UInt64}
end
@assert sizeof(MutableBufferC) == 64

struct MetadataC
    key::Ptr{Cvoid}
    value::Ptr{Cvoid}
    value_size::UInt64
end
@assert sizeof(MetadataC) == 24

struct CreateOptionsC
    struct_size::UInt32
    flags::UInt32
    name::Ptr{Cvoid}
    metadata::Ptr{Cvoid}
    metadata_count::UInt64
    timeout_ms::Int64
end
@assert sizeof(CreateOptionsC) == 40

struct ObjectInfoC
    struct_size::UInt32
    id::IdC
    state::Int32
    flags::UInt32
    data_size::UInt64
    metadata_size::UInt64
    create_time_us::Int64
    construct_duration_us::Int64
    creator_pid::Int32
    lease_count::UInt32
    last_use_us::Int64
    name::NTuple{256,UInt8}
    creator_address::NTuple{128,UInt8}
end
@assert sizeof(ObjectInfoC) == 464

struct ClientInfoC
    struct_size::UInt32
    slot::UInt32
    pid::Int32
    uid::UInt32
    pid_namespace::UInt64
    comm::NTuple{16,UInt8}
    read_only::UInt8
    alive::UInt8
    stopped::UInt8
    padding::NTuple{5,UInt8}
    connect_time_us::Int64
    lease_count::UInt64
    leased_bytes::UInt64
    writing_bytes::UInt64
end
@assert sizeof(ClientInfoC) == 80

struct StatsC
    struct_size::UInt32
    padding::UInt32
    capacity::UInt64
    used::UInt64
    reserved::UInt64
    largest_free::UInt64
    max_objects::UInt64
    objects_writing::UInt64
    objects_sealed::UInt64
    objects_deleted::UInt64
    pinned::UInt64
    leases::UInt64
    clients::UInt64
    evictions::UInt64
    evicted_bytes::UInt64
    recoveries::UInt64
    reaped_clients::UInt64
    lock_steals::UInt64
    file_system::NTuple{32,UInt8}
    deleted_bytes::UInt64
    flags::UInt32
    mode::UInt32
    eviction::UInt32
    huge_pages::UInt32
    objects_failed::UInt64
end
@assert sizeof(StatsC) == 200

struct EventC
    struct_size::UInt32
    type::Int32
    sequence::UInt64
    time_us::Int64
    id::IdC
    padding::UInt32
    data_size::UInt64
    lost_count::UInt64
    metadata_size::UInt64
end
@assert sizeof(EventC) == 72

struct CheckReportC
    struct_size::UInt32
    padding::UInt32
    records::UInt64
    objects::UInt64
    extents::UInt64
    free_blocks::UInt64
    clients::UInt64
    leases::UInt64
    problem_count::UInt64
    first_problem::NTuple{256,UInt8}
end
@assert sizeof(CheckReportC) == 320

plasma_version() =
    ccall((:plasma_version, LIBRARY), UInt32, ())
plasma_version_string() =
    ccall((:plasma_version_string, LIBRARY), Cstring, ())
plasma_status_name(status) =
    ccall((:plasma_status_name, LIBRARY), Cstring, (Int32,), status)
plasma_error_message() =
    ccall((:plasma_error_message, LIBRARY), Cstring, ())
plasma_error_errno() =
    ccall((:plasma_error_errno, LIBRARY), Cint, ())
plasma_id_random(id) =
    ccall((:plasma_id_random, LIBRARY), Int32, (Ptr{Cvoid},), id)
plasma_id_from_bytes(bytes, n, id) =
    ccall((:plasma_id_from_bytes, LIBRARY), Int32, (Ptr{Cvoid}, Csize_t, Ptr{Cvoid},), bytes, n, id)
plasma_id_from_hex(hex, id) =
    ccall((:plasma_id_from_hex, LIBRARY), Int32, (Cstring, Ptr{Cvoid},), hex, id)
plasma_id_to_hex(id, hex) =
    ccall((:plasma_id_to_hex, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), id, hex)
plasma_connect(address, options, client) =
    ccall((:plasma_connect, LIBRARY), Int32, (Cstring, Ptr{Cvoid}, Ptr{Cvoid},), address, options, client)
plasma_disconnect(client) =
    ccall((:plasma_disconnect, LIBRARY), Cvoid, (Ptr{Cvoid},), client)
plasma_client_address(client) =
    ccall((:plasma_client_address, LIBRARY), Cstring, (Ptr{Cvoid},), client)
plasma_interrupt(client) =
    ccall((:plasma_interrupt, LIBRARY), Int32, (Ptr{Cvoid},), client)
plasma_store_remove(address) =
    ccall((:plasma_store_remove, LIBRARY), Int32, (Cstring,), address)
plasma_retain(buffer, copy) =
    ccall((:plasma_retain, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), buffer, copy)
plasma_release(buffer) =
    ccall((:plasma_release, LIBRARY), Int32, (Ptr{Cvoid},), buffer)
plasma_release_many(buffers, count) =
    ccall((:plasma_release_many, LIBRARY), Int32, (Ptr{Cvoid}, Csize_t,), buffers, count)
plasma_create(client, id, size, options, buffer) =
    ccall((:plasma_create, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, UInt64, Ptr{Cvoid}, Ptr{Cvoid},), client, id, size, options, buffer)
plasma_resize(buffer, new_size) =
    ccall((:plasma_resize, LIBRARY), Int32, (Ptr{Cvoid}, UInt64,), buffer, new_size)
plasma_set_metadata(buffer, key, value, value_size) =
    ccall((:plasma_set_metadata, LIBRARY), Int32, (Ptr{Cvoid}, Cstring, Ptr{Cvoid}, UInt64,), buffer, key, value, value_size)
plasma_seal(buffer) =
    ccall((:plasma_seal, LIBRARY), Int32, (Ptr{Cvoid},), buffer)
plasma_seal_and_get(buffer, sealed) =
    ccall((:plasma_seal_and_get, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), buffer, sealed)
plasma_abort(buffer) =
    ccall((:plasma_abort, LIBRARY), Int32, (Ptr{Cvoid},), buffer)
plasma_fail(buffer, message) =
    ccall((:plasma_fail, LIBRARY), Int32, (Ptr{Cvoid}, Cstring,), buffer, message)
plasma_put(client, id, data, size, options) =
    ccall((:plasma_put, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid}, UInt64, Ptr{Cvoid},), client, id, data, size, options)
plasma_put_parts(client, id, parts, sizes, count, options) =
    ccall((:plasma_put_parts, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid}, Csize_t, Ptr{Cvoid},), client, id, parts, sizes, count, options)
plasma_get_or_create(client, id, size, options, timeout_ms, buffer, mutable_buffer, created) =
    ccall((:plasma_get_or_create, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, UInt64, Ptr{Cvoid}, Int64, Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid},), client, id, size, options, timeout_ms, buffer, mutable_buffer, created)
plasma_get_or_create_by_name(client, name, size, options, timeout_ms, buffer, mutable_buffer, created) =
    ccall((:plasma_get_or_create_by_name, LIBRARY), Int32, (Ptr{Cvoid}, Cstring, UInt64, Ptr{Cvoid}, Int64, Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid},), client, name, size, options, timeout_ms, buffer, mutable_buffer, created)
plasma_put_many(client, ids, datas, sizes, count, options, statuses) =
    ccall((:plasma_put_many, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid}, Csize_t, Ptr{Cvoid}, Ptr{Cvoid},), client, ids, datas, sizes, count, options, statuses)
plasma_delete_many(client, ids, count, statuses) =
    ccall((:plasma_delete_many, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Csize_t, Ptr{Cvoid},), client, ids, count, statuses)
plasma_get(client, id, timeout_ms, buffer) =
    ccall((:plasma_get, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Int64, Ptr{Cvoid},), client, id, timeout_ms, buffer)
plasma_get_by_name(client, name, timeout_ms, buffer) =
    ccall((:plasma_get_by_name, LIBRARY), Int32, (Ptr{Cvoid}, Cstring, Int64, Ptr{Cvoid},), client, name, timeout_ms, buffer)
plasma_lookup(client, name, id) =
    ccall((:plasma_lookup, LIBRARY), Int32, (Ptr{Cvoid}, Cstring, Ptr{Cvoid},), client, name, id)
plasma_get_many(client, ids, count, timeout_ms, buffers, statuses) =
    ccall((:plasma_get_many, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Csize_t, Int64, Ptr{Cvoid}, Ptr{Cvoid},), client, ids, count, timeout_ms, buffers, statuses)
plasma_wait(client, ids, count, num_ready, timeout_ms, ready, ready_count) =
    ccall((:plasma_wait, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Csize_t, Csize_t, Int64, Ptr{Cvoid}, Ptr{Cvoid},), client, ids, count, num_ready, timeout_ms, ready, ready_count)
plasma_get_metadata(buffer, key, value, value_size) =
    ccall((:plasma_get_metadata, LIBRARY), Int32, (Ptr{Cvoid}, Cstring, Ptr{Cvoid}, Ptr{Cvoid},), buffer, key, value, value_size)
plasma_metadata_count(buffer, count) =
    ccall((:plasma_metadata_count, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), buffer, count)
plasma_metadata_at(buffer, index, key, value, value_size) =
    ccall((:plasma_metadata_at, LIBRARY), Int32, (Ptr{Cvoid}, UInt64, Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid},), buffer, index, key, value, value_size)
plasma_buffer_info(buffer, info) =
    ccall((:plasma_buffer_info, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), buffer, info)
plasma_contains(client, id, state) =
    ccall((:plasma_contains, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid},), client, id, state)
plasma_object_info(client, id, info) =
    ccall((:plasma_object_info, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid},), client, id, info)
plasma_stats(client, stats) =
    ccall((:plasma_stats, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), client, stats)
plasma_delete(client, id) =
    ccall((:plasma_delete, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), client, id)
plasma_delete_by_name(client, name) =
    ccall((:plasma_delete_by_name, LIBRARY), Int32, (Ptr{Cvoid}, Cstring,), client, name)
plasma_pin(client, id) =
    ccall((:plasma_pin, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), client, id)
plasma_unpin(client, id) =
    ccall((:plasma_unpin, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), client, id)
plasma_evict(client, bytes, evicted) =
    ccall((:plasma_evict, LIBRARY), Int32, (Ptr{Cvoid}, UInt64, Ptr{Cvoid},), client, bytes, evicted)
plasma_reap(client, reaped) =
    ccall((:plasma_reap, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), client, reaped)
plasma_trim(client, keep_bytes, returned) =
    ccall((:plasma_trim, LIBRARY), Int32, (Ptr{Cvoid}, UInt64, Ptr{Cvoid},), client, keep_bytes, returned)
plasma_list(client, list) =
    ccall((:plasma_list, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), client, list)
plasma_list_matching(client, pattern, list) =
    ccall((:plasma_list_matching, LIBRARY), Int32, (Ptr{Cvoid}, Cstring, Ptr{Cvoid},), client, pattern, list)
plasma_list_count(list) =
    ccall((:plasma_list_count, LIBRARY), UInt64, (Ptr{Cvoid},), list)
plasma_list_at(list, index, info) =
    ccall((:plasma_list_at, LIBRARY), Int32, (Ptr{Cvoid}, UInt64, Ptr{Cvoid},), list, index, info)
plasma_list_free(list) =
    ccall((:plasma_list_free, LIBRARY), Cvoid, (Ptr{Cvoid},), list)
plasma_list_clients(client, list) =
    ccall((:plasma_list_clients, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), client, list)
plasma_list_holders(client, id, list) =
    ccall((:plasma_list_holders, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid},), client, id, list)
plasma_client_list_count(list) =
    ccall((:plasma_client_list_count, LIBRARY), UInt64, (Ptr{Cvoid},), list)
plasma_client_list_at(list, index, info) =
    ccall((:plasma_client_list_at, LIBRARY), Int32, (Ptr{Cvoid}, UInt64, Ptr{Cvoid},), list, index, info)
plasma_client_list_free(list) =
    ccall((:plasma_client_list_free, LIBRARY), Cvoid, (Ptr{Cvoid},), list)
plasma_subscribe(client, subscription) =
    ccall((:plasma_subscribe, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), client, subscription)
plasma_subscribe_matching(client, pattern, subscription) =
    ccall((:plasma_subscribe_matching, LIBRARY), Int32, (Ptr{Cvoid}, Cstring, Ptr{Cvoid},), client, pattern, subscription)
plasma_next_event(subscription, timeout_ms, event) =
    ccall((:plasma_next_event, LIBRARY), Int32, (Ptr{Cvoid}, Int64, Ptr{Cvoid},), subscription, timeout_ms, event)
plasma_event_fd(subscription, fd) =
    ccall((:plasma_event_fd, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), subscription, fd)
plasma_unsubscribe(subscription) =
    ccall((:plasma_unsubscribe, LIBRARY), Cvoid, (Ptr{Cvoid},), subscription)
plasma_check(client, report) =
    ccall((:plasma_check, LIBRARY), Int32, (Ptr{Cvoid}, Ptr{Cvoid},), client, report)
