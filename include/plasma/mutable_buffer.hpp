/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * An object that is being written.
 */

#ifndef PLASMA_MUTABLE_BUFFER_HPP
#define PLASMA_MUTABLE_BUFFER_HPP

#include <plasma/arguments.hpp>
#include <plasma/buffer.hpp>
#include <plasma/status.hpp>

#include <utility>

namespace plasma {

/**
 * The creator's view of one object until it is sealed.
 *
 * It is a contiguous range of bytes, to write: std::span<uint8_t>(buffer) in
 * C++20, std::fill(buffer.begin(), buffer.end(), 0) in C++17; to read only when
 * it is const.
 *
 * Lifetime: from BuildObject() to Seal(), SealAndGet() or Abort(). One that
 *           ends before is aborted; should that fail, because the writer lock
 *           stays busy, the object goes when the process does. If the process
 *           ends before, the object is gone. May outlive the client.
 * Threads:  one call at a time; the bytes may be written by many.
 * Fork:     not mapped in the child.
 */
class MutableBuffer {
public:
    /** No object. */
    MutableBuffer() noexcept = default;
    /** Takes over a buffer of plasma.h; the struct given is an alias now. */
    explicit MutableBuffer(const plasma_mutable_buffer_t &buffer) noexcept
        : buffer_(buffer)
    {
    }
    /** Takes the object; the other has none then. */
    MutableBuffer(MutableBuffer &&other) noexcept
        : buffer_(std::exchange(other.buffer_, plasma_mutable_buffer_t{})),
          sealed_(std::exchange(other.sealed_, false))
    {
    }
    /** Gives its object up and takes the other's. */
    MutableBuffer &operator=(MutableBuffer &&other) noexcept
    {
        MutableBuffer taken(std::move(other));
        std::swap(buffer_, taken.buffer_);
        std::swap(sealed_, taken.sealed_);
        return *this;
    }
    MutableBuffer(const MutableBuffer &) = delete;
    MutableBuffer &operator=(const MutableBuffer &) = delete;
    /** Gives an object up that was not sealed. */
    ~MutableBuffer()
    {
        if (buffer_.data != nullptr) {
            plasma_abort(&buffer_);
        }
    }

    /** Whether it has an object that can be written; of size 0 too. */
    explicit operator bool() const noexcept { return buffer_.data != nullptr; }
    /** Whether Seal() or SealAndGet() ended it. */
    bool sealed() const noexcept { return sealed_; }
    /** The same as data(), where the name is to say that it is written. */
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
    /** How many bytes. */
    size_t size() const noexcept { return static_cast<size_t>(buffer_.size); }
    /** Whether there are none. */
    bool empty() const noexcept { return buffer_.size == 0; }

    /**
     * Change the size: plasma_resize().
     *
     * The bytes up to the smaller size are kept; new ones hold whatever was
     * there. It grows in place where it can, and may move: mutable_data()
     * changes then. On failure all is as before.
     *
     * @param new_size  bytes of data; 0 is fine.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
     * @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
     * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
     *
     * Threads: any, one per buffer.   Cost: the writer lock; copies when it
     * moves.   Since: 0.1
     */
    Status Resize(uint64_t new_size) noexcept
    {
        return plasma_resize(&buffer_, new_size);
    }

    /**
     * Set or replace one entry of the metadata: plasma_set_metadata().
     *
     * @param key    borrowed.
     * @param value  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_LIMIT          over 64 KiB in all for this object
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
     * @retval PLASMA_ERR_TOO_LARGE      with its data larger than the whole
     *                                   store
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
     * Publish the object: plasma_seal(). From now on it never changes, and
     * anyone can get it; on failure it can still be written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_STORE_GONE  the store was removed meanwhile
     *
     * Threads: any, one per buffer.   Cost: no lock; a system call when
     * somebody waits.   Since: 0.1
     */
    Status Seal() noexcept
    {
        const Status status = plasma_seal(&buffer_);
        sealed_ = sealed_ || status.ok();
        return status;
    }

    /**
     * Publish the object and hold it: plasma_seal_and_get(). Nobody can evict
     * or delete it in between; on failure it can still be written.
     *
     * @param buffer  written: the sealed object.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_LIMIT       too many leases
     * @retval PLASMA_ERR_STORE_GONE  the store was removed meanwhile
     *
     * Threads: any, one per buffer.   Cost: as plasma_seal().   Since: 0.1
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
     * Give the object up: plasma_abort(). Its id and name are free again, and
     * those who wait for it wait on; on failure it can still be written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_TIMEOUT  the writer lock stayed busy
     *
     * Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
     */
    Status Abort() noexcept { return plasma_abort(&buffer_); }

    /** Lent to calls of plasma.h. */
    plasma_mutable_buffer_t *c() noexcept { return &buffer_; }
    /** Handed over: end it as after plasma_create(). It has none then. */
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
