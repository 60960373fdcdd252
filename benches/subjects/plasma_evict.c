/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Creates in a full store that evicts: each alone, and large ones.
 */

#include "plasma.h"

enum { MAX_LEASES = 4096, LARGE = 9 };

struct store {
    plasma_client_t *client;
    uint8_t *source;
    const char *kind;
    uint64_t size, next;
};

static void put_next(struct store *store)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    const plasma_metadata_t key = { "format", "binary", 6 };
    const plasma_id_t id = id_of(store->next++);
    char name[32];

    if (strcmp(store->kind, "named") == 0) {
        snprintf(name, sizeof name, "object %llu", (unsigned long long)store->next);
        options.name = name;
    } else if (strcmp(store->kind, "keyed") == 0) {
        options.metadata = &key;
        options.metadata_count = 1;
    }
    OK(plasma_put(store->client, &id, store->source, store->size, &options));
}

/** A store that this many objects fill; a quarter more were put into it. */
static struct store make_full(uint64_t objects)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    struct store store = { .size = number_arg("size", 4096),
                           .kind = text_arg("kind", "plain") };

    options.capacity = objects * store.size;
    options.eviction = PLASMA_EVICTION_LRU;
    if (arg_is("store", "fitted")) {
        options.max_objects = objects + 1024;
    }
    store.client = open_store(&options);
    store.source = source_bytes(store.size);
    for (uint64_t at = 0; at < objects + objects / 4; at++) {
        put_next(&store);
    }
    return store;
}

/** Leases on objects all over the store. */
static void lease_some(struct store *store, uint64_t objects, uint64_t leases)
{
    static plasma_buffer_t buffers[MAX_LEASES];

    NEED(leases <= MAX_LEASES);
    for (uint64_t at = 0; at < leases; at++) {
        /* Half of the objects were certainly not evicted. */
        plasma_id_t id = id_of(store->next - 1 - at * (objects / 2) / leases);
        OK(plasma_get(store->client, &id, 0, &buffers[at]));
    }
}

void evict(void)
{
    const uint64_t objects = number_arg("objects", 100000);
    struct store store = make_full(objects);
    struct samples singles = { NULL, 0, 0 };
    const double clock = clock_cost();
    uint64_t begin = now_ns(), end = begin;

    /* Each object is replaced once at least. */
    for (uint64_t at = 0; at < objects || end - begin < time_to_spend(); at++) {
        uint64_t start = now_ns();
        put_next(&store);
        end = now_ns();
        add_sample(&singles, (double)(end - start) - clock);
    }
    sort_samples(&singles);
    RESULT_BEGIN("evict");
    RESULT_NUMBER("ops_s", (double)singles.count * 1e9 / (double)(end - begin));
    RESULT_NUMBER("median_ns", quantile(&singles, 0.5));
    RESULT_NUMBER("p999_ns", quantile(&singles, 0.999));
    RESULT_NUMBER("p9999_ns", quantile(&singles, 0.9999));
    RESULT_END();
    free_samples(&singles);
}

/** Creates of a part of the capacity, or of a size, with other objects in
 * between. */
void evict_large(void)
{
    const uint64_t objects = number_arg("objects", 100000);
    struct store store = make_full(objects);
    const uint64_t bytes = number_arg("bytes", objects * store.size / 5);
    struct samples times = { NULL, 0, 0 };

    lease_some(&store, objects, number_arg("leases", 0));
    for (int round = 0; round < LARGE; round++) {
        const plasma_id_t id = id_of(UINT64_C(1) << 40 | (uint64_t)round);
        plasma_mutable_buffer_t buffer;
        uint64_t start = now_ns();

        OK(plasma_create(store.client, &id, bytes, NULL, &buffer));
        add_sample(&times, (double)(now_ns() - start));
        OK(plasma_seal(&buffer));
        OK(plasma_delete(store.client, &id));
        for (uint64_t put = 0; put < bytes; put += store.size) {
            put_next(&store);
        }
    }
    sort_samples(&times);
    RESULT_BEGIN("evict_large");
    RESULT_NUMBER("median_ns", quantile(&times, 0.5));
    RESULT_NUMBER("worst_ns", quantile(&times, 1.0));
    RESULT_END();
    free_samples(&times);
}
