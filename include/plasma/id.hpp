/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The id of an object.
 */

#ifndef PLASMA_ID_HPP
#define PLASMA_ID_HPP

#include <plasma/arguments.hpp>
#include <plasma/status.hpp>

#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

namespace plasma {

/**
 * The id of an object: 20 bytes of your choice, unique within a store.
 *
 * It is a plasma_id_t that can be compared and ordered, and that can be a key
 * of std::map and std::unordered_map.
 *
 * Threads: any; each with its own copy.
 */
class ObjectID {
public:
    /** All zeros, which are a valid id. */
    ObjectID() noexcept = default;
    /** The same id as one of plasma.h. */
    ObjectID(const plasma_id_t &id) noexcept : id_(id) {}

    /**
     * Make a random id, 160 bits from the kernel: plasma_id_random().
     *
     * @param id         written.
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: 1 system call.   Since: 0.1
     */
    static Status Random(ObjectID &id) noexcept
    {
        return plasma_id_random(&id.id_);
    }
    /**
     * Make an id from up to 20 bytes, padded with zeros:
     * plasma_id_from_bytes().
     *
     * @param bytes                        borrowed.
     * @param id                           written.
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  n is above 20
     *
     * Threads: any.   Cost: negligible.   Since: 0.1
     */
    static Status FromBytes(const Bytes &bytes, ObjectID &id) noexcept
    {
        return plasma_id_from_bytes(bytes.data(), bytes.size(), &id.id_);
    }
    /**
     * Make an id from 40 hexadecimal digits of either case:
     * plasma_id_from_hex().
     *
     * @param hex                          borrowed.
     * @param id                           written.
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  hex is anything but 40 digits
     *
     * Threads: any.   Cost: negligible.   Since: 0.1
     */
    static Status FromHex(const Text &hex, ObjectID &id) noexcept
    {
        return plasma_id_from_hex(hex.c_str(), &id.id_);
    }
    /** Get the id as 40 lower-case hexadecimal digits: plasma_id_to_hex(). */
    std::string ToHex() const
    {
        char hex[PLASMA_ID_HEX_SIZE] = "";
        plasma_id_to_hex(&id_, hex);
        return hex;
    }

    /** The first byte. */
    const uint8_t *data() const noexcept { return id_.bytes; }
    /** The number of bytes: 20. */
    static constexpr size_t size() noexcept { return PLASMA_ID_SIZE; }
    /** The handle, for calls of plasma.h. */
    const plasma_id_t *c() const noexcept { return &id_; }

    /** Whether the bytes are equal. */
    friend bool operator==(const ObjectID &left, const ObjectID &right) noexcept
    {
        return std::memcmp(left.data(), right.data(), size()) == 0;
    }
    /** Whether the bytes differ. */
    friend bool operator!=(const ObjectID &left, const ObjectID &right) noexcept
    {
        return !(left == right);
    }
    /** Whether the left id comes first in lexicographic order. */
    friend bool operator<(const ObjectID &left, const ObjectID &right) noexcept
    {
        return std::memcmp(left.data(), right.data(), size()) < 0;
    }

private:
    plasma_id_t id_ = {};
};

/* C takes arrays of these as arrays of its own type. */
static_assert(sizeof(ObjectID) == sizeof(plasma_id_t) &&
              std::is_standard_layout_v<ObjectID>);

}  // namespace plasma

/** @cond */
/** Ids as keys of std::unordered_map. */
template <> struct std::hash<plasma::ObjectID> {
    /** The hash of all 20 bytes. */
    size_t operator()(const plasma::ObjectID &id) const noexcept
    {
        return std::hash<std::string_view>()(
            {reinterpret_cast<const char *>(id.data()), id.size()});
    }
};
/** @endcond */

#endif  /* PLASMA_ID_HPP */
