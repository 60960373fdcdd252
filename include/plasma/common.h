/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Ids, errors and tables for programs that were written for Arrow's Plasma; see
 * client.h.
 */

#ifndef PLASMA_COMMON_H
#define PLASMA_COMMON_H

#ifdef PLASMA_VERSION_HPP
#error "plasma/client.h and plasma.hpp do not go into one source file"
#endif

#include <arrow/status.h>
#include <plasma.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

/** Immutable objects in memory that processes share. */
namespace plasma {
/* The names of symbols differ from those of plasma.hpp, so that both can be in
 * one program. */
inline namespace for_arrow {

/** The kind of an error that is Plasma's own. */
enum class PlasmaErrorCode : int8_t {
    /** An object has this id. */
    PlasmaObjectExists = 1,
    /** There is no such object, or the client does not hold it. */
    PlasmaObjectNotFound = 2,
    /** An older name of it. */
    PlasmaObjectNonexistent = PlasmaObjectNotFound,
    /** The store cannot make room for the object. */
    PlasmaStoreFull = 3,
    /** The object is sealed already. */
    PlasmaObjectAlreadySealed = 4,
};

namespace internal {

constexpr const char *kErrorTypeId = "plasma::PlasmaError";

/* The detail of a status, beside its code and its message. */
class ErrorDetail : public arrow::StatusDetail {
public:
    explicit ErrorDetail(PlasmaErrorCode code) : code_(code) {}

    const char *type_id() const override { return kErrorTypeId; }
    std::string ToString() const override
    {
        switch (code_) {
        case PlasmaErrorCode::PlasmaObjectExists:
            return "the object exists";
        case PlasmaErrorCode::PlasmaObjectNotFound:
            return "the object does not exist";
        case PlasmaErrorCode::PlasmaStoreFull:
            return "the store is full";
        case PlasmaErrorCode::PlasmaObjectAlreadySealed:
            return "the object is sealed";
        }
        return "unknown";
    }
    PlasmaErrorCode code() const { return code_; }

private:
    PlasmaErrorCode code_;
};

inline bool HasCode(const arrow::Status &status, PlasmaErrorCode code)
{
    const std::shared_ptr<arrow::StatusDetail> detail = status.detail();
    return detail && std::strcmp(detail->type_id(), kErrorTypeId) == 0 &&
           static_cast<const ErrorDetail &>(*detail).code() == code;
}

inline arrow::StatusCode CodeFor(PlasmaErrorCode code)
{
    switch (code) {
    case PlasmaErrorCode::PlasmaObjectExists:
        return arrow::StatusCode::AlreadyExists;
    case PlasmaErrorCode::PlasmaObjectNotFound:
        return arrow::StatusCode::KeyError;
    case PlasmaErrorCode::PlasmaStoreFull:
        return arrow::StatusCode::CapacityError;
    case PlasmaErrorCode::PlasmaObjectAlreadySealed:
        return arrow::StatusCode::TypeError;
    }
    return arrow::StatusCode::UnknownError;
}

}  // namespace internal

/** Make a status for an error of Plasma. */
inline arrow::Status MakePlasmaError(PlasmaErrorCode code, std::string message)
{
    return arrow::Status(internal::CodeFor(code), std::move(message),
                         std::make_shared<internal::ErrorDetail>(code));
}
/** Whether an object with the id exists. */
inline bool IsPlasmaObjectExists(const arrow::Status &status)
{
    return internal::HasCode(status, PlasmaErrorCode::PlasmaObjectExists);
}
/** Whether there is no such object. */
inline bool IsPlasmaObjectNotFound(const arrow::Status &status)
{
    return internal::HasCode(status, PlasmaErrorCode::PlasmaObjectNotFound);
}
/** An older name of IsPlasmaObjectNotFound(). */
inline bool IsPlasmaObjectNonexistent(const arrow::Status &status)
{
    return IsPlasmaObjectNotFound(status);
}
/** Whether the object is sealed already. */
inline bool IsPlasmaObjectAlreadySealed(const arrow::Status &status)
{
    return internal::HasCode(status,
                             PlasmaErrorCode::PlasmaObjectAlreadySealed);
}
/** Whether the store cannot make room. */
inline bool IsPlasmaStoreFull(const arrow::Status &status)
{
    return internal::HasCode(status, PlasmaErrorCode::PlasmaStoreFull);
}

/** Size of an id in bytes. */
constexpr int64_t kUniqueIDSize = PLASMA_ID_SIZE;

/** The id of an object: 20 bytes, plain old data. */
class UniqueID {
public:
    /** The id with these bytes; zeros follow if there are less than 20. */
    static UniqueID from_binary(const std::string &binary)
    {
        UniqueID id = {};
        std::memcpy(id.id_, binary.data(),
                    binary.size() < sizeof id.id_ ? binary.size()
                                                  : sizeof id.id_);
        return id;
    }
    /** Whether the bytes are equal. */
    bool operator==(const UniqueID &other) const
    {
        return std::memcmp(id_, other.id_, sizeof id_) == 0;
    }
    /** Whether the bytes differ. */
    bool operator!=(const UniqueID &other) const { return !(*this == other); }
    /** The first byte. */
    const uint8_t *data() const { return id_; }
    /** The first byte, to be written. */
    uint8_t *mutable_data() { return id_; }
    /** The bytes. */
    std::string binary() const
    {
        return {reinterpret_cast<const char *>(id_), sizeof id_};
    }
    /** The id as 40 lower-case hexadecimal digits. */
    std::string hex() const
    {
        static const char digits[] = "0123456789abcdef";
        std::string text;
        for (const uint8_t byte : id_) {
            text += digits[byte >> 4];
            text += digits[byte & 15];
        }
        return text;
    }
    /** A hash of all bytes. */
    size_t hash() const
    {
        return std::hash<std::string_view>()(
            {reinterpret_cast<const char *>(id_), sizeof id_});
    }
    /** The number of bytes: 20. */
    static int64_t size() { return kUniqueIDSize; }

private:
    uint8_t id_[kUniqueIDSize];
};

/* C takes arrays of these as arrays of its own type. */
static_assert(sizeof(UniqueID) == sizeof(plasma_id_t) &&
              std::is_standard_layout_v<UniqueID> &&
              std::is_trivially_copyable_v<UniqueID> &&
              std::is_trivially_default_constructible_v<UniqueID>);

/** The id of an object. */
using ObjectID = UniqueID;

/** Size of the digest of an object. */
constexpr int64_t kDigestSize = sizeof(uint64_t);

/** The state of an object. */
enum class ObjectState : int {
    /** It is being written. */
    PLASMA_CREATED = 1,
    /** It can be read. */
    PLASMA_SEALED = 2,
    /** It is outside of memory: never here. */
    PLASMA_EVICTED = 3,
};

/** The facts of List() about an object. */
struct ObjectTableEntry {
    /** Always -1. */
    int fd = -1;
    /** Always 0: host memory. */
    int device_num = 0;
    /** Always 0. */
    int64_t map_size = 0;
    /** Always 0. */
    ptrdiff_t offset = 0;
    /** Always null. */
    uint8_t *pointer = nullptr;
    /** Bytes of data. */
    int64_t data_size = 0;
    /** Bytes of metadata. */
    int64_t metadata_size = 0;
    /** Number of buffers on the object, of all clients. */
    int ref_count = 0;
    /** Time of creation, in seconds since the Unix epoch. */
    int64_t create_time = 0;
    /** Seconds from creation to seal; -1 until then. */
    int64_t construct_duration = -1;
    /** Its state. */
    ObjectState state = ObjectState::PLASMA_CREATED;
    /** Always zeros; see PlasmaClient::Hash(). */
    unsigned char digest[kDigestSize] = {};
};

}  // namespace for_arrow
}  // namespace plasma

/** @cond */
/** Ids as keys of std::unordered_map. */
template <> struct std::hash<plasma::UniqueID> {
    /** The hash of all 20 bytes. */
    size_t operator()(const plasma::UniqueID &id) const { return id.hash(); }
};
/** @endcond */

namespace plasma {
inline namespace for_arrow {

/** The objects of a store by their ids. */
using ObjectTable =
    std::unordered_map<ObjectID, std::unique_ptr<ObjectTableEntry>>;

}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_COMMON_H */
