/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Getting objects, and making sealed ones. Only for client.h.
 */

#ifndef PLASMA_COMPAT_GET_H
#define PLASMA_COMPAT_GET_H

#include <plasma/compat/session.h>

#include <chrono>

namespace plasma {
inline namespace for_arrow {
namespace internal {

/* A deadline of a call, in milliseconds. */
class Deadline {
public:
    explicit Deadline(int64_t timeout_ms) : timeout_ms_(timeout_ms) {}
    /* The time that is left; -1 is forever. */
    int64_t Left() const
    {
        if (timeout_ms_ <= 0) {
            return timeout_ms_ < 0 ? -1 : 0;
        }
        const int64_t passed =
            std::chrono::duration_cast<std::chrono::milliseconds>(
                Clock::now() - start_)
                .count();
        return passed < timeout_ms_ ? timeout_ms_ - passed : 0;
    }

private:
    using Clock = std::chrono::steady_clock;
    int64_t timeout_ms_;
    Clock::time_point start_ = Clock::now();
};

using LeaseList = std::vector<std::shared_ptr<Lease>>;

/* Get those that are missing; a part of GetLeases(). The status is a failure
 * that ends the whole call. */
inline plasma_status_t GetMissing(Session &session, const ObjectID *ids,
                                  int64_t timeout_ms,
                                  std::vector<size_t> *missing,
                                  LeaseList *leases, bool *again)
{
    std::vector<ObjectID> wanted;
    LeaseList fresh;
    for (const size_t at : *missing) {
        wanted.push_back(ids[at]);
        fresh.push_back(std::make_shared<Lease>(session.leases(), ids[at]));
    }
    std::vector<plasma_buffer_t> buffers(wanted.size());
    std::vector<plasma_status_t> statuses(wanted.size(), PLASMA_ERR_INTERNAL);
    plasma_get_many(session.c(), C(wanted.data()), wanted.size(), timeout_ms,
                    buffers.data(), statuses.data());
    std::vector<size_t> left;
    plasma_status_t failure = PLASMA_OK;
    *again = false;
    for (size_t at = 0; at < wanted.size(); at++) {
        const size_t place = (*missing)[at];
        switch (statuses[at]) {
        case PLASMA_OK:
            *fresh[at]->c() = buffers[at];
            (*leases)[place] = std::move(fresh[at]);
            break;
        case PLASMA_ERR_ABORTED:      // Its creator died: another may come.
        case PLASMA_ERR_INTERRUPTED:  // A signal: the wait goes on.
            *again = true;
            left.push_back(place);
            break;
        case PLASMA_ERR_NOT_FOUND:
        case PLASMA_ERR_NOT_SEALED:
        case PLASMA_ERR_TIMEOUT:
            left.push_back(place);
            break;
        default:
            failure = statuses[at];
        }
    }
    missing->swap(left);
    return failure;
}

/* A lease on each object, or null if it is not sealed in time. */
inline arrow::Status GetLeases(Session &session, const ObjectID *ids,
                               size_t count, int64_t timeout_ms,
                               LeaseList *leases)
{
    const Deadline deadline(timeout_ms);
    leases->assign(count, nullptr);
    std::vector<size_t> missing(count);
    for (size_t at = 0; at < count; at++) {
        missing[at] = at;
    }
    for (bool again = true; again && !missing.empty();) {
        const int64_t left = deadline.Left();
        const plasma_status_t failure =
            GetMissing(session, ids, left, &missing, leases, &again);
        if (failure != PLASMA_OK) {
            return StatusOf(failure);
        }
        again = again && left != 0;
    }
    return arrow::Status::OK();
}

/* Buffers of the data and the metadata of an object. */
template <typename Result>
void FillBuffers(const Lease &lease, const std::shared_ptr<void> &keeper,
                 Result *result)
{
    const plasma_buffer_t &buffer = lease.buffer();
    const Blob blob = BlobOf(buffer);
    result->data = std::make_shared<ReadBuffer>(
        buffer.data, buffer.size - blob.tail, keeper);
    result->metadata =
        std::make_shared<ReadBuffer>(blob.data, blob.size, keeper);
}

/* A new object with data and metadata, not sealed. */
inline plasma_status_t Fill(Session &session, const ObjectID &id,
                            const std::string &data,
                            const std::string &metadata, Writer *writer)
{
    const BlobPlan plan(metadata.data(), metadata.size());
    const plasma_status_t status =
        plasma_create(session.c(), C(&id), data.size() + plan.tail(),
                      plan.options(), writer->c());
    if (status == PLASMA_OK) {
        uint8_t *to = writer->c()->data;
        std::memcpy(to, data.data(), data.size());
        plan.CopyTail(to + data.size());
    }
    return status;
}

}  // namespace internal
}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_COMPAT_GET_H */
