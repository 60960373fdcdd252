"""
Owners over plasma.h. Times are in milliseconds: 0 does not wait, -1 waits forever. A call that fails
throws a `PlasmaError`.
"""
module Plasma

include("native.jl")
include("buffers.jl")

"A call that failed; the status is one of the constants `NOT_FOUND` and so on."
struct PlasmaError <: Exception
    status::Int32
    message::String
end

Base.showerror(io::IO, error::PlasmaError) =
    print(io, unsafe_string(plasma_status_name(error.status)), ": ", error.message)

check(status::Int32) =
    status == OK ? nothing : throw(PlasmaError(status, unsafe_string(plasma_error_message())))

"The id of an object."
const Id = NTuple{20,UInt8}

function random_id()
    id = Ref{IdC}()
    check(plasma_id_random(id))
    return id[].bytes
end

"A connection to a store. No task may be in a call when another closes it."
mutable struct Client
    handle::Ptr{Cvoid}
end

"""
    connect(address = nothing; flags = 0, capacity = 0, max_objects = 0, mode = 0, evict = false)

Open a store, or create it; `connect(f, ...)` closes the client after `f(client)`.
"""
function connect(address = nothing; flags = 0, capacity = 0, max_objects = 0, mode = 0, evict = false)
    options = Ref(ConnectOptionsC(
        sizeof(ConnectOptionsC), flags, capacity, max_objects, mode,
        evict ? EVICTION_LRU : EVICTION_NONE, 0, 0, -1, 0, 0))
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(plasma_connect(something(address, C_NULL), options, out))
    return finalizer(close, Client(out[]))
end

function connect(body::Function, arguments...; options...)
    client = connect(arguments...; options...)
    try
        return body(client)
    finally
        close(client)
    end
end

function opened(client::Client)
    client.handle == C_NULL && throw(PlasmaError(DISCONNECTED, "the client is closed"))
    return client.handle
end

function Base.close(client::Client)
    handle, client.handle = client.handle, C_NULL
    plasma_disconnect(handle)
end

"Remove a store and all objects in it."
remove(address = nothing) = check(plasma_store_remove(something(address, C_NULL)))

"Call a function with `plasma_create_options_t`, whose pointers are valid until it returns."
function with_options(body; name = nothing, metadata = (), flags = 0, timeout_ms = 0)
    text = name === nothing ? nothing : String(name)
    entries = [(String(key), Vector{UInt8}(codeunits(value))) for (key, value) in metadata]
    GC.@preserve text entries begin
        array = [MetadataC(pointer(key), pointer(value), length(value)) for (key, value) in entries]
        GC.@preserve array begin
            at = text === nothing ? C_NULL : pointer(text)
            return body(Ref(CreateOptionsC(sizeof(CreateOptionsC), flags, at, pointer(array),
                                           length(array), timeout_ms)))
        end
    end
end

"""
    put(client, id, data; name, metadata, flags, timeout_ms)

Create an object, copy bytes or text into it, and seal it. `metadata` is pairs of texts.
"""
function put(client::Client, id::Id, data; options...)
    bytes = data isa AbstractString ? Vector{UInt8}(codeunits(data)) : data
    with_options(; options...) do how
        check(plasma_put(opened(client), Ref(IdC(id)), bytes, sizeof(bytes), how))
    end
end

"Create an object, to be written and then sealed."
function create(client::Client, id::Id, size::Integer; options...)
    buffer = Ref{MutableBufferC}()
    with_options(; options...) do how
        check(plasma_create(opened(client), Ref(IdC(id)), size, how, buffer))
    end
    return MutableBuffer(buffer)
end

"Get an object by its id, or by its name."
function getobject(client::Client, id::Id; timeout_ms = 0)
    buffer = Ref{BufferC}()
    check(plasma_get(opened(client), Ref(IdC(id)), timeout_ms, buffer))
    return Buffer(buffer)
end

function getobject(client::Client, name::AbstractString; timeout_ms = 0)
    buffer = Ref{BufferC}()
    check(plasma_get_by_name(opened(client), name, timeout_ms, buffer))
    return Buffer(buffer)
end

"Get an object, and release it after `body(buffer)`."
function getobject(body::Function, arguments...; options...)
    buffer = getobject(arguments...; options...)
    try
        return body(buffer)
    finally
        close(buffer)
    end
end

"Whether there is a sealed object with this id."
function contains(client::Client, id::Id)
    state = Ref{Int32}(0)
    check(plasma_contains(opened(client), Ref(IdC(id)), state))
    return state[] == STATE_SEALED
end

"Find the id of the object with a name."
function lookup(client::Client, name::AbstractString)
    id = Ref{IdC}()
    check(plasma_lookup(opened(client), name, id))
    return id[].bytes
end

"Wait until `num_ready` objects are sealed, 0 for all. Returns which are, also if time is up."
function waitfor(client::Client, ids::Vector{Id}; num_ready = 0, timeout_ms = 0)
    ready, count = zeros(UInt8, length(ids)), Ref{Csize_t}(0)
    status = plasma_wait(opened(client), ids, length(ids), num_ready, timeout_ms, ready, count)
    status == TIMEOUT || check(status)
    return ready .!= 0
end

delete(client::Client, id::Id) = check(plasma_delete(opened(client), Ref(IdC(id))))

text(bytes::NTuple) = String(collect(Iterators.takewhile(!=(0x00), bytes)))

"Facts about an object, as a named tuple."
function facts(call)
    info = Ref(ObjectInfoC(sizeof(ObjectInfoC), IdC(ntuple(_ -> 0x00, 20)), 0, 0, 0, 0, 0, 0, 0, 0, 0,
                           ntuple(_ -> 0x00, 256), ntuple(_ -> 0x00, 128)))
    check(call(info))
    it = info[]
    return (id = it.id.bytes, state = it.state, name = text(it.name), data_size = it.data_size,
            metadata_size = it.metadata_size, create_time_us = it.create_time_us,
            creator_pid = it.creator_pid, creator_address = text(it.creator_address),
            lease_count = it.lease_count)
end

info(client::Client, id::Id) = facts(it -> plasma_object_info(opened(client), Ref(IdC(id)), it))

function list(client::Client)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(plasma_list(opened(client), out))
    try
        count = Int(plasma_list_count(out[]))
        return [facts(it -> plasma_list_at(out[], at, it)) for at in 0:count-1]
    finally
        plasma_list_free(out[])
    end
end

"A reader of the events of a store."
mutable struct Subscription
    handle::Ptr{Cvoid}
end

function subscribe(client::Client)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(plasma_subscribe(opened(client), out))
    return Subscription(out[])
end

"The next event; its type is one of the constants `EVENT_SEALED` and so on."
function nextevent(subscription::Subscription; timeout_ms = 0)
    subscription.handle == C_NULL && throw(PlasmaError(DISCONNECTED, "the subscription is closed"))
    event = Ref(EventC(sizeof(EventC), 0, 0, 0, IdC(ntuple(_ -> 0x00, 20)), 0, 0, 0, 0))
    check(plasma_next_event(subscription.handle, timeout_ms, event))
    it = event[]
    return (type = it.type, id = it.id.bytes, data_size = it.data_size, lost_count = it.lost_count)
end

function Base.close(subscription::Subscription)
    handle, subscription.handle = subscription.handle, C_NULL
    plasma_unsubscribe(handle)
end

end
