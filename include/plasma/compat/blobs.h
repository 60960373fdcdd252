/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Where the metadata of Arrow's Plasma, one blob of any size, is in an object;
 * as in Python, in plasma.compat.pyarrow. Only for client.h.
 *
 * A small blob is the value of the key "m". A large one follows the data, and
 * the value of the key "t" begins with its size in 8 bytes, little-endian. That
 * value always has a length that no small blob has, so the sizes in events and
 * lists tell which of the two it is.
 */

#ifndef PLASMA_COMPAT_BLOBS_H
#define PLASMA_COMPAT_BLOBS_H

#include <plasma/compat/status.h>

namespace plasma {
inline namespace for_arrow {
namespace internal {

constexpr uint64_t kSmallBlob = 65000;
constexpr uint64_t kTailValue = 65400;
/* The bytes of metadata, as events and lists tell them, of a large blob. */
constexpr uint64_t kTailMetadata = kTailValue + 1;
constexpr size_t kWord = 8;

/* How an object with a blob is made. Borrows the blob. */
class BlobPlan {
public:
    BlobPlan(const void *blob, uint64_t size)
    {
        if (size == 0) {
            return;
        }
        entry_ = {"m", blob, size};
        if (size > kSmallBlob) {
            tail_ = size;
            blob_ = blob;
            value_.assign(kTailValue, '\0');
            for (size_t at = 0; at < kWord; at++) {
                value_[at] = static_cast<char>(size >> (8 * at) & 0xff);
            }
            entry_ = {"t", value_.data(), value_.size()};
        }
        options_.metadata = &entry_;
        options_.metadata_count = 1;
    }
    BlobPlan(const BlobPlan &) = delete;
    BlobPlan &operator=(const BlobPlan &) = delete;

    const plasma_create_options_t *options() const { return &options_; }
    /* Bytes of the blob that follow the data. */
    uint64_t tail() const { return tail_; }
    /* Writes them. */
    void CopyTail(uint8_t *to) const
    {
        if (tail_ != 0) {
            std::memcpy(to, blob_, static_cast<size_t>(tail_));
        }
    }

private:
    plasma_create_options_t options_ = PLASMA_CREATE_OPTIONS_INIT;
    plasma_metadata_t entry_ = {nullptr, nullptr, 0};
    std::string value_{};
    const void *blob_ = nullptr;
    uint64_t tail_ = 0;
};

/* The blob of an object, valid while a buffer is held. */
struct Blob {
    const uint8_t *data;
    uint64_t size;
    /* Bytes of it that follow the data. */
    uint64_t tail;
};

inline Blob BlobOf(const plasma_buffer_t &buffer)
{
    uint64_t count = 0, size = 0;
    const void *value = nullptr;
    if (plasma_metadata_count(&buffer, &count) != PLASMA_OK || count == 0) {
        return {buffer.data, 0, 0};
    }
    if (plasma_get_metadata(&buffer, "m", &value, &size) == PLASMA_OK) {
        return {static_cast<const uint8_t *>(value), size, 0};
    }
    if (plasma_get_metadata(&buffer, "t", &value, &size) != PLASMA_OK ||
        size < kWord) {
        return {buffer.data, 0, 0};
    }
    uint64_t tail = 0;
    for (size_t at = kWord; at-- > 0;) {
        tail = tail << 8 | static_cast<const uint8_t *>(value)[at];
    }
    tail = tail < buffer.size ? tail : buffer.size;
    return {buffer.data + (buffer.size - tail), tail, tail};
}

/* Sizes as Arrow's Plasma tells them. */
struct Sizes {
    int64_t data;
    int64_t metadata;
};

/* The sizes of an object from those of an event or a list. */
inline Sizes SizesOf(const plasma_client_t *client, const plasma_id_t &id,
                     uint64_t size, uint64_t metadata_size)
{
    uint64_t tail = 0;
    if (metadata_size == kTailMetadata) {
        plasma_buffer_t buffer = {};
        if (plasma_get(client, &id, 0, &buffer) == PLASMA_OK) {
            tail = BlobOf(buffer).tail;
            plasma_release(&buffer);
        }
        size = tail < size ? size - tail : 0;
    } else if (metadata_size > 0) {
        tail = metadata_size - 1;
    }
    return {static_cast<int64_t>(size), static_cast<int64_t>(tail)};
}

}  // namespace internal
}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_COMPAT_BLOBS_H */
