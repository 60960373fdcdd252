/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Results of plasma.h as those of Arrow. Only for client.h.
 */

#ifndef PLASMA_COMPAT_STATUS_H
#define PLASMA_COMPAT_STATUS_H

#include <plasma/common.h>

namespace plasma {
inline namespace for_arrow {
namespace internal {

inline arrow::Status NotThere()
{
    return MakePlasmaError(PlasmaErrorCode::PlasmaObjectNotFound,
                           "object does not exist in the plasma store");
}

/* The result of the last call of this thread. */
inline arrow::Status StatusOf(plasma_status_t status)
{
    if (status == PLASMA_OK) {
        return arrow::Status::OK();
    }
    const std::string why = plasma_error_message();
    switch (status) {
    case PLASMA_ERR_EXISTS:
        return MakePlasmaError(
            PlasmaErrorCode::PlasmaObjectExists,
            "object already exists in the plasma store (" + why + ")");
    case PLASMA_ERR_OUT_OF_MEMORY:
    case PLASMA_ERR_TOO_LARGE:
    case PLASMA_ERR_LIMIT:
        return MakePlasmaError(
            PlasmaErrorCode::PlasmaStoreFull,
            "object does not fit in the plasma store (" + why + ")");
    case PLASMA_ERR_NOT_FOUND:
        return NotThere();
    case PLASMA_ERR_INVALID_ARGUMENT:
        return arrow::Status::Invalid(why);
    case PLASMA_ERR_UNSUPPORTED:
        return arrow::Status::NotImplemented(why);
    default:
        return arrow::Status::IOError(why);
    }
}

inline const plasma_id_t *C(const ObjectID *ids)
{
    return reinterpret_cast<const plasma_id_t *>(ids);
}

inline ObjectID IdOf(const plasma_id_t &id)
{
    ObjectID copy = {};
    std::memcpy(copy.mutable_data(), id.bytes, sizeof id.bytes);
    return copy;
}

}  // namespace internal
}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_COMPAT_STATUS_H */
