/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Boost.Interprocess: a managed_shared_memory with a hash map in it.
 *
 * Boost has the parts and not the store, so this is what a user would build
 * from them: a boost::unordered_map from key to object with its buckets
 * reserved, under an interprocess_sharable_mutex, which getters share. A
 * getter counts itself in the object before it unlocks, so that the memory
 * stays when another process deletes the object; the process that counts down
 * to 0 frees it. No process may die during that, because no other would count
 * down for it.
 *
 * Handover is by an interprocess_condition, with the mutex that it needs.
 * There is one condition for all objects, so all waiters look up their
 * objects.
 *
 * No churn: it does not evict.
 */

#include "workloads.h"

#include <atomic>
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/offset_ptr.hpp>
#include <boost/interprocess/sync/interprocess_condition.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_sharable_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <boost/interprocess/sync/sharable_lock.hpp>
#include <boost/unordered_map.hpp>

namespace ipc = boost::interprocess;

namespace {

struct object {
    std::atomic<uint64_t> uses; /* including one of the map */
    uint64_t size;
    uint8_t *payload() { return reinterpret_cast<uint8_t *>(this + 1); }
};

struct hash {
    /* For keys that look random. */
    size_t operator()(const key &key) const
    {
        size_t word;
        memcpy(&word, key.bytes, sizeof word);
        return word;
    }
};

struct equal {
    bool operator()(const key &left, const key &right) const
    {
        return memcmp(&left, &right, sizeof left) == 0;
    }
};

using entry = std::pair<const key, ipc::offset_ptr<object>>;
using allocator = ipc::allocator<entry,
                                 ipc::managed_shared_memory::segment_manager>;
using map = boost::unordered_map<key, ipc::offset_ptr<object>, hash, equal,
                                 allocator>;

struct store {
    store(uint64_t objects, const allocator &allocator)
        : objects(objects, hash(), equal(), allocator)
    {
    }
    ipc::interprocess_sharable_mutex lock; /* protects the objects */
    map objects;
    ipc::interprocess_mutex seals;
    ipc::interprocess_condition sealed;
};

const char *segment_name()
{
    return peer_path("") + sizeof "/dev/shm";
}

} // namespace

struct peer {
    ipc::managed_shared_memory segment;
    struct store *store;
};

static struct peer *peer_open(uint64_t objects, uint64_t size)
{
    /* A node of the map, its bucket, the object, and what they are rounded by. */
    const uint64_t room = (64 << 20) + objects * (size + 256);
    ipc::managed_shared_memory segment(ipc::create_only, segment_name(), room);
    struct store *store = segment.construct<struct store>("store")(
        objects, allocator(segment.get_segment_manager()));

    return new peer{ std::move(segment), store };
}

static struct peer *peer_join(void)
{
    ipc::managed_shared_memory segment(ipc::open_only, segment_name());
    struct store *store = segment.find<struct store>("store").first;

    return new peer{ std::move(segment), store };
}

static void peer_leave(struct peer *peer)
{
    delete peer;
}

static void peer_remove(void)
{
    ipc::shared_memory_object::remove(segment_name());
}

/** The object, with a use that belongs to the caller; or NULL. */
static inline object *acquire(struct peer *peer, const key *key)
{
    ipc::sharable_lock<ipc::interprocess_sharable_mutex> lock(peer->store->lock);
    const auto found = peer->store->objects.find(*key);

    if (found == peer->store->objects.end()) {
        return nullptr;
    }
    object *object = found->second.get();
    object->uses.fetch_add(1, std::memory_order_relaxed);
    return object;
}

static inline void release(struct peer *peer, object *object)
{
    if (object->uses.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        peer->segment.deallocate(object);
    }
}

static inline void peer_get(struct peer *peer, const key *key)
{
    object *object = acquire(peer, key);

    NEED(object != nullptr);
    touch(object->payload());
    release(peer, object);
}

static inline object *make(struct peer *peer, const void *source, uint64_t size)
{
    void *memory = peer->segment.allocate(sizeof(object) + size);
    auto *made = new (memory) object{ { 1 }, size };

    memcpy(made->payload(), source, size);
    return made;
}

static inline void publish(struct peer *peer, const key *key, object *object)
{
    ipc::scoped_lock<ipc::interprocess_sharable_mutex> lock(peer->store->lock);

    NEED(peer->store->objects.emplace(*key, object).second);
}

static inline void peer_create(struct peer *peer, const key *key,
                               const void *source, uint64_t size)
{
    publish(peer, key, make(peer, source, size));
}

static inline void peer_delete(struct peer *peer, const key *key)
{
    object *object;
    {
        ipc::scoped_lock<ipc::interprocess_sharable_mutex> lock(
            peer->store->lock);
        const auto found = peer->store->objects.find(*key);
        NEED(found != peer->store->objects.end());
        object = found->second.get();
        peer->store->objects.erase(found);
    }
    release(peer, object);
}

static void peer_fill(struct peer *peer, const key *keys, uint64_t count,
                      const void *source, uint64_t size)
{
    for (uint64_t at = 0; at < count; at++) {
        peer_create(peer, &keys[at], source, size);
    }
}

static uint64_t peer_bytes(struct peer *peer)
{
    return peer->segment.get_size() - peer->segment.get_free_memory();
}

/* ---- handover ---- */

struct sealing {
    struct peer *peer;
    uint64_t objects;
    uint8_t source[100];
    object *made[WAITERS_MAX];
};

static key key_in(uint64_t round, uint64_t which)
{
    return key_of(round * WAITERS_MAX + which);
}

static void join(void *state, uint64_t)
{
    static_cast<sealing *>(state)->peer = peer_join();
}

static void wait_for_object(void *state, uint64_t round, uint64_t waiter)
{
    const auto *sealing = static_cast<struct sealing *>(state);
    const key key = key_in(round, waiter % sealing->objects);
    struct store *store = sealing->peer->store;
    object *object = acquire(sealing->peer, &key);

    if (object == nullptr) {
        ipc::scoped_lock<ipc::interprocess_mutex> lock(store->seals);
        while ((object = acquire(sealing->peer, &key)) == nullptr) {
            store->sealed.wait(lock);
        }
    }
    touch(object->payload());
    release(sealing->peer, object);
}

static void begin(void *state, uint64_t)
{
    auto *sealing = static_cast<struct sealing *>(state);

    for (uint64_t at = 0; at < sealing->objects; at++) {
        sealing->made[at] = make(sealing->peer, sealing->source,
                                 sizeof sealing->source);
    }
}

static void seal(void *state, uint64_t round)
{
    const auto *sealing = static_cast<struct sealing *>(state);
    struct store *store = sealing->peer->store;

    for (uint64_t at = 0; at < sealing->objects; at++) {
        const key key = key_in(round, at);
        publish(sealing->peer, &key, sealing->made[at]);
    }
    {
        /* A process that has looked and found nothing has begun to wait. */
        ipc::scoped_lock<ipc::interprocess_mutex> lock(store->seals);
    }
    store->sealed.notify_all();
}

static void forget(void *state, uint64_t round)
{
    const auto *sealing = static_cast<struct sealing *>(state);

    for (uint64_t at = 0; at < sealing->objects; at++) {
        const key key = key_in(round, at);
        peer_delete(sealing->peer, &key);
    }
}

static void handover()
{
    static struct sealing sealing;
    const struct handover how = { &sealing, join, wait_for_object, begin, seal,
                                  forget };

    if (arg_is("by", "name")) {
        exit(UNSUPPORTED);
    }
    sealing.peer = peer_open(2 * WAITERS_MAX, 100);
    sealing.objects = arg_is("objects", "many") ? number_arg("waiters", 1) : 1;
    time_handover("handover", &how);
}

int main(int argc, char **argv)
{
    static const struct workload workloads[] = {
        { "get", get },           { "create", create },
        { "put", put },           { "getters", getters },
        { "creators", creators }, { "handover", handover },
        { "attach", attach },     { "memory", memory },
    };

    peer_main();
    return run_workload(argc, argv, workloads,
                        sizeof workloads / sizeof workloads[0]);
}
