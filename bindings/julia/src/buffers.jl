"""
A read-only view of one sealed object: a vector of bytes without `setindex!`. It keeps the object
until it is closed or collected, and has no elements then.
"""
mutable struct Buffer <: AbstractVector{UInt8}
    c::Base.RefValue{BufferC}
    Buffer(c) = finalizer(release, new(c))
end

release(buffer::Buffer) = plasma_release(buffer.c)

Base.close(buffer::Buffer) = check(release(buffer))
# The library zeroes a buffer that has ended.
Base.isopen(buffer::Buffer) = buffer.c[].data != C_NULL
Base.size(buffer::Buffer) = (Int(buffer.c[].size),)
Base.IndexStyle(::Type{Buffer}) = IndexLinear()

# It checks the index also where a caller asks for no checks: the memory may be given back.
function Base.getindex(buffer::Buffer, index::Int)
    it = buffer.c[]
    1 <= index <= it.size || throw(BoundsError(buffer, index))
    GC.@preserve buffer return unsafe_load(Ptr{UInt8}(it.data), index)
end

"A copy of the value of a metadata key."
function metadata(buffer::Buffer, key::AbstractString)
    value, size = Ref{Ptr{Cvoid}}(C_NULL), Ref{UInt64}(0)
    GC.@preserve buffer begin
        check(plasma_get_metadata(buffer.c, key, value, size))
        return [unsafe_load(Ptr{UInt8}(value[]), at) for at in 1:size[]]
    end
end

info(buffer::Buffer) = facts(it -> plasma_buffer_info(buffer.c, it))

"The writable view of one object until it is sealed: a vector of bytes. Closed before, it is gone."
mutable struct MutableBuffer <: AbstractVector{UInt8}
    c::Base.RefValue{MutableBufferC}
end

Base.isopen(buffer::MutableBuffer) = buffer.c[].data != C_NULL
Base.size(buffer::MutableBuffer) = (Int(buffer.c[].size),)
Base.IndexStyle(::Type{MutableBuffer}) = IndexLinear()

function place(buffer::MutableBuffer, index::Int)
    it = buffer.c[]
    1 <= index <= it.size || throw(BoundsError(buffer, index))
    return Ptr{UInt8}(it.data)
end

Base.getindex(buffer::MutableBuffer, index::Int) = unsafe_load(place(buffer, index), index)
Base.setindex!(buffer::MutableBuffer, byte, index::Int) =
    unsafe_store!(place(buffer, index), convert(UInt8, byte), index)

Base.resize!(buffer::MutableBuffer, size::Integer) = check(plasma_resize(buffer.c, size))

"Set or replace one metadata entry."
function set_metadata(buffer::MutableBuffer, key::AbstractString, value::AbstractString)
    bytes = Vector{UInt8}(codeunits(value))
    check(plasma_set_metadata(buffer.c, key, bytes, length(bytes)))
end

"Publish the object."
seal(buffer::MutableBuffer) = check(plasma_seal(buffer.c))

"End an object that cannot be made: gets of it fail with the message."
fail(buffer::MutableBuffer, message::AbstractString) = check(plasma_fail(buffer.c, message))

"Discard the object, unless it is sealed."
Base.close(buffer::MutableBuffer) = isopen(buffer) ? check(plasma_abort(buffer.c)) : nothing
