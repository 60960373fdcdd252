/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A read-only view of a sealed object.
 */

#ifndef PLASMA_BUFFER_HPP
#define PLASMA_BUFFER_HPP

#include <plasma/arguments.hpp>
#include <plasma/info.hpp>
#include <plasma/status.hpp>

#include <string_view>
#include <type_traits>
#include <utility>

namespace plasma {

/**
 * A read-only view of one sealed object, with a lease that keeps the object.
 *
 * While it lives the bytes stay mapped and unchanged, even if the object is
 * deleted, its creator dies or the client disconnects. It is a contiguous range
 * of bytes: std::span<const uint8_t>(buffer) in C++20, view() in C++17.
 *
 * Lifetime: from a get to Release() or its destructor. May outlive the client.
 * Threads:  one at a time; may move between threads.
 * Fork:     the child may read data() while the parent holds the buffer.
 */
class Buffer {
public:
    /** No object. */
    Buffer() noexcept = default;
    /**
     * Takes ownership of a buffer of plasma.h; the struct passed becomes an
     * alias.
     */
    explicit Buffer(const plasma_buffer_t &buffer) noexcept : buffer_(buffer) {}
    /** Moves the object; the other buffer is empty afterwards. */
    Buffer(Buffer &&other) noexcept : buffer_(other.Detach()) {}
    /** Releases its object and moves the other's. */
    Buffer &operator=(Buffer &&other) noexcept
    {
        Buffer taken(std::move(other));
        std::swap(buffer_, taken.buffer_);
        return *this;
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    /** Releases the object. */
    ~Buffer()
    {
        if (buffer_.data != nullptr) {
            plasma_release(&buffer_);
        }
    }

    /** Whether it holds an object, which may have size 0. */
    explicit operator bool() const noexcept { return buffer_.data != nullptr; }
    /** The first byte; never NULL while it holds an object. */
    const uint8_t *data() const noexcept { return buffer_.data; }
    /** The byte at an offset of at most size(). */
    const uint8_t *data(uint64_t offset) const noexcept
    {
        return buffer_.data + offset;
    }
    /** The number of bytes. */
    size_t size() const noexcept { return static_cast<size_t>(buffer_.size); }
    /** Whether size() is 0. */
    bool empty() const noexcept { return buffer_.size == 0; }
    /** The first byte. */
    const uint8_t *begin() const noexcept { return data(); }
    /** Past the last byte. */
    const uint8_t *end() const noexcept { return data(buffer_.size); }
    /** The bytes as text, which need not end with a NUL. */
    std::string_view view() const noexcept
    {
        return {reinterpret_cast<const char *>(buffer_.data), size()};
    }

    /**
     * Find the value of a metadata key: plasma_get_metadata().
     *
     * @param key    borrowed.
     * @param value  written: a view into shared memory, valid while the buffer
     *               is held.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  the object has no such key
     *
     * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
     */
    Status GetMetadata(const Text &key, std::string_view &value) const noexcept
    {
        const void *bytes = nullptr;
        uint64_t count = 0;
        const Status status =
            plasma_get_metadata(&buffer_, key.c_str(), &bytes, &count);
        if (status.ok()) {
            value = {static_cast<const char *>(bytes), count};
        }
        return status;
    }

    /**
     * Get the number of metadata entries: plasma_metadata_count().
     *
     * @param count  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
     */
    Status CountMetadata(uint64_t &count) const noexcept
    {
        return plasma_metadata_count(&buffer_, &count);
    }

    /**
     * Get the metadata entry at an index; the order is unspecified:
     * plasma_metadata_at().
     *
     * @param index  0 .. CountMetadata() - 1.
     * @param key    written: a view like value.
     * @param value  written: a view into shared memory, valid while the buffer
     *               is held.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  index is out of range
     *
     * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
     */
    Status MetadataAt(uint64_t index, std::string_view &key,
                      std::string_view &value) const noexcept
    {
        const char *text = nullptr;
        const void *bytes = nullptr;
        uint64_t count = 0;
        const Status status =
            plasma_metadata_at(&buffer_, index, &text, &bytes, &count);
        if (status.ok()) {
            key = text;
            value = {static_cast<const char *>(bytes), count};
        }
        return status;
    }

    /**
     * Get facts about the object: plasma_buffer_info().
     *
     * @param info  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any, one per buffer.   Cost: no lock.   Since: 0.1
     */
    Status GetInfo(ObjectInfo &info) const noexcept
    {
        return plasma_buffer_info(&buffer_, &info);
    }

    /**
     * Take a second lease on the object: plasma_retain().
     *
     * Never waits, and also works after the object was deleted or the client
     * was disconnected.
     *
     * @param copy  written: another buffer on the same object.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  the buffer holds no object
     * @retval PLASMA_ERR_LIMIT             the buffer is retained 32767 times
     *                                      already
     *
     * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
     */
    Status Retain(Buffer &copy) const noexcept
    {
        return copy.Fill([&](plasma_buffer_t *buffer) {
            return plasma_retain(&buffer_, buffer);
        });
    }

    /**
     * Release the object before the destructor does: plasma_release().
     *
     * The buffer is empty afterwards. Releasing an empty buffer is a no-op.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  a stale alias; nothing has changed
     *
     * Threads: any, one per buffer.   Cost: no system call, no lock.
     * Since: 0.1
     */
    Status Release() noexcept { return plasma_release(&buffer_); }

    /**
     * Release many buffers: plasma_release_many(). Each is tried, even after
     * one failed.
     *
     * @param buffers  consumed, each as by Release().
     *
     * @return PLASMA_OK, or the first failure.
     *
     * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
     */
    static Status ReleaseMany(Span<Buffer> buffers) noexcept
    {
        return plasma_release_many(
            reinterpret_cast<plasma_buffer_t *>(buffers.data()),
            buffers.size());
    }

    /** The handle, for calls of plasma.h. */
    const plasma_buffer_t *c() const noexcept { return &buffer_; }
    /** The struct, for calls of plasma.h that change it. */
    plasma_buffer_t *c() noexcept { return &buffer_; }
    /**
     * Gives up ownership: release the result with plasma_release(). The buffer
     * is empty afterwards.
     */
    [[nodiscard]] plasma_buffer_t Detach() noexcept
    {
        return std::exchange(buffer_, plasma_buffer_t{});
    }

private:
    friend class MutableBuffer;
    friend class ClientContext;

    /* Take the buffer that a call of plasma.h writes on success, and then
     * release the old one. An empty Buffer is written in place. */
    template <typename Call> Status Fill(const Call &call) noexcept
    {
        if (buffer_.data == nullptr) {
            return call(&buffer_);
        }
        Buffer fresh;
        const Status status = call(&fresh.buffer_);
        if (status.ok()) {
            std::swap(buffer_, fresh.buffer_);
        }
        return status;
    }

    plasma_buffer_t buffer_ = {};
};

/* C takes arrays of these as arrays of its own type. */
static_assert(sizeof(Buffer) == sizeof(plasma_buffer_t) &&
              std::is_standard_layout_v<Buffer>);

}  // namespace plasma

#endif  /* PLASMA_BUFFER_HPP */
