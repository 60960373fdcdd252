/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Calls on a store as a whole. Only for client.h.
 */

#ifndef PLASMA_COMPAT_STORE_H
#define PLASMA_COMPAT_STORE_H

#include <plasma/compat/blobs.h>

#include <algorithm>

namespace plasma {
inline namespace for_arrow {
namespace internal {

inline std::unique_ptr<ObjectTableEntry>
EntryOf(const plasma_client_t *client, const plasma_object_info_t &info)
{
    constexpr int64_t kSecond = 1000000;
    auto entry = std::make_unique<ObjectTableEntry>();
    const bool sealed = info.state == PLASMA_STATE_SEALED;
    const Sizes sizes =
        SizesOf(client, info.id, info.data_size, info.metadata_size);
    entry->data_size = sizes.data;
    entry->metadata_size = sizes.metadata;
    entry->ref_count = sealed ? static_cast<int>(info.lease_count) : 1;
    entry->create_time = info.create_time_us / kSecond;
    entry->construct_duration =
        sealed ? info.construct_duration_us / kSecond : -1;
    entry->state =
        sealed ? ObjectState::PLASMA_SEALED : ObjectState::PLASMA_CREATED;
    return entry;
}

inline arrow::Status List(const plasma_client_t *client, ObjectTable *objects)
{
    plasma_list_t *list = nullptr;
    const plasma_status_t status = plasma_list(client, &list);
    if (status != PLASMA_OK) {
        return StatusOf(status);
    }
    const std::unique_ptr<plasma_list_t, void (*)(plasma_list_t *)> owner(
        list, plasma_list_free);
    objects->clear();
    for (uint64_t at = 0; at < plasma_list_count(list); at++) {
        plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
        if (plasma_list_at(list, at, &info) == PLASMA_OK &&
            info.state != PLASMA_STATE_DELETED) {
            (*objects)[IdOf(info.id)] = EntryOf(client, info);
        }
    }
    return arrow::Status::OK();
}

/* Count the events of one plasma_evict(); false if some were lost. */
inline bool CountEvicted(const plasma_subscription_t *subscription,
                         int64_t *evicted)
{
    plasma_event_t event = PLASMA_EVENT_INIT;
    while (plasma_next_event(subscription, 0, &event) == PLASMA_OK) {
        if (event.type == PLASMA_EVENT_LOST) {
            return false;
        }
        if (event.type == PLASMA_EVENT_EVICTED) {
            const bool in_data = event.metadata_size == 0 ||
                                 event.metadata_size == kTailMetadata;
            *evicted += static_cast<int64_t>(
                event.data_size + (in_data ? 0 : event.metadata_size - 1));
        }
    }
    return true;
}

/* The number that plasma_evict() gives has the keys of metadata in it. */
inline arrow::Status Evict(const plasma_client_t *client, int64_t bytes,
                           int64_t *evicted)
{
    plasma_subscription_t *subscription = nullptr;
    plasma_status_t status = plasma_subscribe(client, &subscription);
    *evicted = 0;
    while (status == PLASMA_OK && *evicted < bytes) {
        const int64_t before = *evicted;
        uint64_t number = 0;
        status = plasma_evict(client, static_cast<uint64_t>(bytes - before),
                              &number);
        if (!CountEvicted(subscription, evicted)) {
            *evicted = std::max(*evicted, bytes);
        } else if (*evicted == before) {
            break;
        }
    }
    const arrow::Status result =
        StatusOf(status == PLASMA_ERR_UNSUPPORTED ? PLASMA_OK : status);
    plasma_unsubscribe(subscription);
    return result;
}

/* Whether an object fits where nothing is evicted. */
inline bool HasRoom(const plasma_client_t *client, uint64_t size)
{
    plasma_stats_t stats = PLASMA_STATS_INIT;
    return plasma_stats(client, &stats) != PLASMA_OK ||
           size <= stats.largest_free;
}

}  // namespace internal
}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_COMPAT_STORE_H */
