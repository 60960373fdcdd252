/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plasma: batches beside loops, names beside ids, and metadata. The stores are
 * those that users make: nothing is fitted to the workload.
 */

#include "plasma.h"

enum { BATCHES = 64, OF_MAX = 256, KEYS_MAX = 64, WAYS_MAX = 8 };

struct batch {
    plasma_client_t *client;
    plasma_id_t *ids, *kept;
    const void *datas[OF_MAX];
    uint64_t sizes[OF_MAX], of, objects, next;
    plasma_status_t statuses[OF_MAX];
    plasma_buffer_t buffers[OF_MAX];
};

/** One of the ways to do the same, and the times of one object. */
struct way {
    const char *name;
    void (*run)(struct batch *batch, uint64_t first);
    struct samples samples;
};

static void put_one(struct batch *batch, uint64_t first)
{
    for (uint64_t at = 0; at < batch->of; at++) {
        OK(plasma_put(batch->client, &batch->ids[first + at], batch->datas[at],
                      batch->sizes[at], NULL));
    }
}

static void put_many(struct batch *batch, uint64_t first)
{
    OK(plasma_put_many(batch->client, &batch->ids[first], batch->datas,
                       batch->sizes, batch->of, NULL, batch->statuses));
}

static void delete_one(struct batch *batch, uint64_t first)
{
    for (uint64_t at = 0; at < batch->of; at++) {
        OK(plasma_delete(batch->client, &batch->ids[first + at]));
    }
}

static void delete_many(struct batch *batch, uint64_t first)
{
    OK(plasma_delete_many(batch->client, &batch->ids[first], batch->of,
                          batch->statuses));
}

static void touch_all(const struct batch *batch)
{
    for (uint64_t at = 0; at < batch->of; at++) {
        touch(batch->buffers[at].data);
    }
}

/** The next of all objects in their random order, so that the caches hold them
 * no better than those of a program with as many objects. */
static const plasma_id_t *next_kept(struct batch *batch)
{
    const uint64_t first = batch->next;

    batch->next += batch->of;
    if (batch->next + batch->of > batch->objects) {
        batch->next = 0;
    }
    return &batch->kept[first];
}

static void get_one(struct batch *batch, uint64_t first)
{
    const plasma_id_t *ids = next_kept(batch);

    (void)first;
    for (uint64_t at = 0; at < batch->of; at++) {
        OK(plasma_get(batch->client, &ids[at], 0, &batch->buffers[at]));
    }
    touch_all(batch);
    for (uint64_t at = 0; at < batch->of; at++) {
        OK(plasma_release(&batch->buffers[at]));
    }
}

static void get_many(struct batch *batch, uint64_t first)
{
    (void)first;
    OK(plasma_get_many(batch->client, next_kept(batch), batch->of, 0,
                       batch->buffers, batch->statuses));
    touch_all(batch);
    OK(plasma_release_many(batch->buffers, batch->of));
}

/** All ways in turn, so that a disturbance affects all of them. */
static void time_ways(struct way *ways, size_t count, struct batch *batch)
{
    const uint64_t end = now_ns() + count * time_to_spend();

    while (now_ns() < end) {
        for (size_t at = 0; at < count; at++) {
            const uint64_t start = now_ns();
            for (uint64_t turn = 0; turn < BATCHES; turn++) {
                ways[at].run(batch, turn * batch->of);
            }
            add_sample(&ways[at].samples, (double)(now_ns() - start)
                                              / (double)(BATCHES * batch->of));
        }
    }
    for (size_t at = 0; at < count; at++) {
        print_latency(ways[at].name, &ways[at].samples, NULL, 0);
    }
}

void batch(void)
{
    static struct batch batch;
    static struct way ways[] = {
        { "put_one", put_one, { NULL, 0, 0 } },
        { "delete_one", delete_one, { NULL, 0, 0 } },
        { "put_many", put_many, { NULL, 0, 0 } },
        { "delete_many", delete_many, { NULL, 0, 0 } },
        { "get_one", get_one, { NULL, 0, 0 } },
        { "get_many", get_many, { NULL, 0, 0 } },
    };
    const plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    const uint64_t size = number_arg("size", 100);
    const uint64_t objects = number_arg("objects", 10000);
    uint64_t random = 1;

    batch.of = number_arg("of", 16);
    batch.objects = objects;
    NEED(batch.of <= OF_MAX && BATCHES * batch.of <= objects);
    batch.client = open_store(&options);
    fill_store(batch.client, objects, size);
    batch.kept = ids_of(objects + BATCHES * batch.of);
    batch.ids = batch.kept + objects;
    for (uint64_t at = objects - 1; at > 0; at--) {
        const uint64_t other = pick(&random, at + 1);
        const plasma_id_t id = batch.kept[at];
        batch.kept[at] = batch.kept[other];
        batch.kept[other] = id;
    }
    for (uint64_t at = 0; at < batch.of; at++) {
        batch.datas[at] = source_bytes(size);
        batch.sizes[at] = size;
    }
    time_ways(ways, sizeof ways / sizeof ways[0], &batch);
}

/* ---- named ---- */

struct named {
    plasma_client_t *client;
    plasma_id_t id;
    const char *name;
};

static void get_by_id(void *state, uint64_t at)
{
    const struct named *named = state;
    plasma_buffer_t buffer;

    (void)at;
    OK(plasma_get(named->client, &named->id, 0, &buffer));
    touch(buffer.data);
    OK(plasma_release(&buffer));
}

static void get_by_name(void *state, uint64_t at)
{
    const struct named *named = state;
    plasma_buffer_t buffer;

    (void)at;
    OK(plasma_get_by_name(named->client, named->name, 0, &buffer));
    touch(buffer.data);
    OK(plasma_release(&buffer));
}

void named(void)
{
    const plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_create_options_t create = PLASMA_CREATE_OPTIONS_INIT;
    struct named named = { open_store(&options), id_of(0), "object-1234" };

    create.name = named.name;
    OK(plasma_put(named.client, &named.id, source_bytes(100), 100, &create));
    time_pair("by_id", get_by_id, "by_name", get_by_name, &named, 1000, 0);
}

/* ---- metadata ---- */

/** The keys of 100 objects, set after the creation or given with it. */
void metadata(void)
{
    enum { OBJECTS = 100 };
    const uint64_t keys = number_arg("keys", 8), end = now_ns() + 2 * time_to_spend();
    const plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_create_options_t with = PLASMA_CREATE_OPTIONS_INIT;
    struct samples set = { NULL, 0, 0 }, given = { NULL, 0, 0 };
    plasma_client_t *client = open_store(&options);
    plasma_id_t *ids = ids_of(OBJECTS);
    plasma_mutable_buffer_t writable[OBJECTS];
    plasma_metadata_t pairs[KEYS_MAX];
    char names[KEYS_MAX][16];

    NEED(keys <= KEYS_MAX);
    for (uint64_t key = 0; key < keys; key++) {
        snprintf(names[key], sizeof names[key], "key-%" PRIu64, key);
        pairs[key] = (plasma_metadata_t){ names[key], "some text", 9 };
    }
    with.metadata = pairs;
    with.metadata_count = keys;
    while (now_ns() < end) {
        for (int way = 0; way < 2; way++) {
            uint64_t start = now_ns();
            for (int at = 0; at < OBJECTS; at++) {
                OK(plasma_create(client, &ids[at], 100, way == 0 ? NULL : &with,
                                 &writable[at]));
            }
            start = way == 0 ? now_ns() : start;
            for (uint64_t at = 0; at < OBJECTS && way == 0; at++) {
                for (uint64_t key = 0; key < keys; key++) {
                    OK(plasma_set_metadata(&writable[at], names[key],
                                           pairs[key].value, 9));
                }
            }
            add_sample(way == 0 ? &set : &given,
                       (double)(now_ns() - start) / OBJECTS);
            for (int at = 0; at < OBJECTS; at++) {
                OK(plasma_abort(&writable[at]));
            }
        }
    }
    print_latency("set_metadata", &set, NULL, 0);
    print_latency("at_create", &given, NULL, 0);
}
