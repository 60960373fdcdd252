/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A writable view of an object that is not sealed yet.
 */

#ifndef PLASMA_MUTABLE_BUFFER_HPP
#define PLASMA_MUTABLE_BUFFER_HPP

#include <plasma/arguments.hpp>
#include <plasma/buffer.hpp>
#include <plasma/status.hpp>

#include <utility>

namespace plasma {

/**
 * The creator's writable view of one object until it is sealed.
 *
 * It is a contiguous range of writable bytes: std::span<uint8_t>(buffer) in
 * C++20, std::fill(buffer.begin(), buffer.end(), 0) in C++17. A const
 * MutableBuffer can only be read.
 *
 * Lifetime: from BuildObject() to Seal(), SealAndGet(), Fail() or Abort(). The
 *           destructor aborts an object that is not sealed; if that fails
 *           because the writer lock stays busy, the object is gone when the
 *           process ends. If the process ends before, the object is gone. May
 *           outlive the client.
 * Threads:  one call at a time; any number may write to the bytes.
 * Fork:     not mapped in the child.
 */
class MutableBuffer {
public:
    /** No object. */
    MutableBuffer() noexcept = default;
    /**
     * Takes ownership of a buffer of plasma.h; the struct passed becomes an
     * alias.
     */
    explicit MutableBuffer(const plasma_mutable_buffer_t &buffer) noexcept
        : buffer_(buffer)
    {
    }
    /** Moves the object; the other buffer is empty afterwards. */
    MutableBuffer(MutableBuffer &&other) noexcept
        : buffer_(std::exchange(other.buffer_, plasma_mutable_buffer_t{})),
          sealed_(std::exchange(other.sealed_, false))
    {
    }
    /** Aborts its object and moves the other's. */
    MutableBuffer &operator=(MutableBuffer &&other) noexcept
    {
        MutableBuffer taken(std::move(other));
        std::swap(buffer_, taken.buffer_);
        std::swap(sealed_, taken.sealed_);
        return *this;
    }
    MutableBuffer(const MutableBuffer &) = delete;
    MutableBuffer &operator=(const MutableBuffer &) = delete;
    /** Aborts an object that was not sealed. */
    ~MutableBuffer()
    {
        if (buffer_.data != nullptr) {
            plasma_abort(&buffer_);
        }
    }

    /** Whether it has an object that can be written, which may have size 0. */
    explicit operator bool() const noexcept { return buffer_.data != nullptr; }
    /** Whether Seal() or SealAndGet() ended it. */
    bool sealed() const noexcept { return sealed_; }
    /** The same as data(), with a name that says that it is written. */
    uint8_t *mutable_data() noexcept { return buffer_.data; }
    /** The byte at an offset of at most size(), to write. */
    uint8_t *mutable_data(uint64_t offset) noexcept
    {
        return buffer_.data + offset;
    }
    /** The first byte, to write; Resize() may change it. */
    uint8_t *data() noexcept { return buffer_.data; }
    /** The first byte, to read. */
    const uint8_t *data() const noexcept { return buffer_.data; }
    /** The byte at an offset of at most size(), to write. */
    uint8_t *data(uint64_t offset) noexcept { return buffer_.data + offset; }
    /** The byte at an offset of at most size(), to read. */
    const uint8_t *data(uint64_t offset) const noexcept
    {
        return buffer_.data + offset;
    }
    /** The first byte, to write; Resize() may change it. */
    uint8_t *begin() noexcept { return data(); }
    /** The first byte, to read. */
    const uint8_t *begin() const noexcept { return data(); }
    /** Past the last byte, to write up to there. */
    uint8_t *end() noexcept { return data(buffer_.size); }
    /** Past the last byte, to read up to there. */
    const uint8_t *end() const noexcept { return data(buffer_.size); }
    /** The number of bytes. */
    size_t size() const noexcept { return static_cast<size_t>(buffer_.size); }
    /** Whether size() is 0. */
    bool empty() const noexcept { return buffer_.size == 0; }

    /**
     * Change the size: plasma_resize().
     *
     * Bytes up to the smaller size are kept; new bytes are arbitrary. The
     * object grows in place if it can; otherwise it moves, and mutable_data()
     * changes. If the call fails, nothing has changed.
     *
     * @param new_size  size of the data in bytes; may be 0.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
     * @retval PLASMA_ERR_TOO_LARGE      the object would be larger than the
     *                                   whole store
     * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
     *
     * Threads: any, one per buffer.   Cost: the writer lock; a copy if the
     * object moves.   Since: 0.1
     */
    Status Resize(uint64_t new_size) noexcept
    {
        return plasma_resize(&buffer_, new_size);
    }

    /**
     * Set or replace one metadata entry: plasma_set_metadata().
     *
     * @param key    borrowed.
     * @param value  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_LIMIT          over 64 KiB of metadata in all
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
     * @retval PLASMA_ERR_TOO_LARGE      data and metadata would be larger than
     *                                   the whole store
     * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
     *
     * Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
     */
    Status SetMetadata(const Text &key, const Bytes &value) noexcept
    {
        return plasma_set_metadata(&buffer_, key.c_str(), value.data(),
                                   value.size());
    }

    /**
     * Publish the object: plasma_seal(). From now on it never changes, and any
     * client can get it. If the call fails, it can still be written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_STORE_GONE  the store was removed
     *
     * Threads: any, one per buffer.   Cost: no lock; a system call if a client
     * waits.   Since: 0.1
     */
    Status Seal() noexcept
    {
        const Status status = plasma_seal(&buffer_);
        sealed_ = sealed_ || status.ok();
        return status;
    }

    /**
     * Publish the object and get it, so that it cannot be evicted or deleted
     * before: plasma_seal_and_get(). If the call fails, it can still be
     * written.
     *
     * @param buffer  written: the sealed object.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_LIMIT       too many leases
     * @retval PLASMA_ERR_STORE_GONE  the store was removed
     *
     * Threads: any, one per buffer.   Cost: that of plasma_seal().   Since: 0.1
     */
    Status SealAndGet(Buffer &buffer) noexcept
    {
        const Status status = buffer.Fill([&](plasma_buffer_t *sealed) {
            return plasma_seal_and_get(&buffer_, sealed);
        });
        sealed_ = sealed_ || status.ok();
        return status;
    }

    /**
     * Discard the object: plasma_abort(). Its id and name are free again, and
     * calls that wait for it keep waiting. If the call fails, it can still be
     * written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_TIMEOUT  the writer lock stayed busy
     *
     * Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
     */
    Status Abort() noexcept { return plasma_abort(&buffer_); }

    /**
     * End an object that cannot be made: plasma_fail(). Calls that wait for it,
     * and later gets, fail with the message.
     *
     * @param message  borrowed. As much of it is kept as fits the memory of the
     *                 object's data, and at most 512 bytes.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_STORE_GONE  the store was removed
     * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
     *
     * Threads: any, one per buffer.   Cost: the writer lock; a system call if a
     * client waits.   Since: 0.1
     */
    Status Fail(const Text &message) noexcept
    {
        return plasma_fail(&buffer_, message.c_str());
    }

    /** The handle, for calls of plasma.h. */
    plasma_mutable_buffer_t *c() noexcept { return &buffer_; }
    /**
     * Gives up ownership: end the result as after plasma_create(). The buffer
     * is empty afterwards.
     */
    [[nodiscard]] plasma_mutable_buffer_t Detach() noexcept
    {
        return std::exchange(buffer_, plasma_mutable_buffer_t{});
    }

private:
    plasma_mutable_buffer_t buffer_ = {};
    bool sealed_ = false;
};

}  // namespace plasma

#endif  /* PLASMA_MUTABLE_BUFFER_HPP */
