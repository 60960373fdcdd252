/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Things that a client holds: leases, writable objects, and the buffers of
 * Arrow that keep them. Only for client.h.
 */

#ifndef PLASMA_COMPAT_OBJECTS_H
#define PLASMA_COMPAT_OBJECTS_H

#include <plasma/compat/blobs.h>

#include <arrow/buffer.h>

#include <mutex>
#include <vector>

namespace plasma {
inline namespace for_arrow {
namespace internal {

/* How many leases a client has on each object. */
class Leases {
public:
    void Add(const ObjectID &id)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        counts_[id]++;
    }
    void Remove(const ObjectID &id)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = counts_.find(id);
        if (--found->second == 0) {
            counts_.erase(found);
        }
    }
    uint32_t Count(const ObjectID &id) const
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = counts_.find(id);
        return found == counts_.end() ? 0 : found->second;
    }

private:
    mutable std::mutex mutex_{};
    std::unordered_map<ObjectID, uint32_t> counts_{};
};

/* A lease on a sealed object. */
class Lease {
public:
    Lease(std::shared_ptr<Leases> leases, const ObjectID &id)
        : leases_(std::move(leases)), id_(id)
    {
        leases_->Add(id_);
    }
    ~Lease()
    {
        if (buffer_.data != nullptr) {
            plasma_release(&buffer_);
        }
        leases_->Remove(id_);
    }
    Lease(const Lease &) = delete;
    Lease &operator=(const Lease &) = delete;

    /* For the call that fills it. */
    plasma_buffer_t *c() { return &buffer_; }
    const plasma_buffer_t &buffer() const { return buffer_; }

private:
    std::shared_ptr<Leases> leases_;
    ObjectID id_;
    plasma_buffer_t buffer_ = {};
};

/* An object that the client creates. After the seal it keeps a lease, because
 * programs go on to use the buffer. */
class Writer {
public:
    Writer() = default;
    ~Writer()
    {
        if (buffer_.data != nullptr) {
            plasma_abort(&buffer_);
        }
    }
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;

    plasma_mutable_buffer_t *c() { return &buffer_; }
    plasma_status_t SealInto(std::shared_ptr<Lease> lease)
    {
        const plasma_status_t status =
            plasma_seal_and_get(&buffer_, lease->c());
        if (status == PLASMA_OK) {
            lease_ = std::move(lease);
        }
        return status;
    }

private:
    plasma_mutable_buffer_t buffer_ = {};
    std::shared_ptr<Lease> lease_{};
};

/* An object that the client uses, with the references that Release() ends. */
struct Entry {
    int references = 0;
    /* The object, from Create() until it is sealed. */
    std::shared_ptr<Writer> writer{};
    bool sealed = true;
    /* Keeps the object where no buffer does. */
    std::vector<std::shared_ptr<void>> kept{};
    /* If Delete() was called, when the object was created. */
    int64_t doomed = -1;
};

/* A reading buffer and the owner of its memory. */
class ReadBuffer : public arrow::Buffer {
public:
    ReadBuffer(const uint8_t *data, uint64_t size, std::shared_ptr<void> keeper)
        : arrow::Buffer(data, static_cast<int64_t>(size)),
          keeper_(std::move(keeper))
    {
    }

private:
    std::shared_ptr<void> keeper_;
};

/* A writing buffer and the owner of its memory. */
class WriteBuffer : public arrow::MutableBuffer {
public:
    WriteBuffer(int64_t size, std::shared_ptr<Writer> writer)
        : arrow::MutableBuffer(writer->c()->data, size),
          writer_(std::move(writer))
    {
    }

private:
    std::shared_ptr<Writer> writer_;
};

}  // namespace internal
}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_COMPAT_OBJECTS_H */
