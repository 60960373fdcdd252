/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plasma: the costs of a store, and its behaviour in the long run.
 */

#include "plasma.h"

#include <math.h>

static plasma_stats_t stats_of(const plasma_client_t *client)
{
    plasma_stats_t stats = { .struct_size = sizeof stats };

    OK(plasma_stats(client, &stats));
    return stats;
}

void memory(void)
{
    const uint64_t objects = number_arg("objects", 1000000);
    const uint64_t size = number_arg("size", 100);
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    options.max_objects = objects;
    options.capacity = objects * ((size + 63) & ~UINT64_C(63)) + 4 * MIB;
    plasma_client_t *client = open_store(&options);
    fill_store(client, objects, size);
    RESULT_BEGIN("memory");
    RESULT_NUMBER("bytes_per_object",
                  ((double)bytes_taken(client) - (double)(objects * size))
                      / (double)objects);
    RESULT_END();
}

/* ---- mixed ---- */

enum { SLOTS = 1 << 16 };

/** Sizes from 64 bytes to 512 KiB, as many in each power of two. */
static uint64_t draw_size(uint64_t *random)
{
    const uint64_t shift = pick(random, 13);

    return (UINT64_C(64) << shift) + pick(random, UINT64_C(64) << shift);
}

/** Creates and deletes in any order at about 80 % full; then creates only,
 * until there is no room. */
void mixed(void)
{
    const uint64_t operations = number_arg("operations", 10000000);
    static uint64_t sizes[SLOTS];
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    const plasma_id_t *ids = ids_of(2 * SLOTS);
    plasma_mutable_buffer_t writable;
    plasma_stats_t stats;
    uint64_t random = 1, used = 0, start = now_ns(), spent, refused = 0;

    options.capacity = 1024 * MIB;
    options.max_objects = 2 * SLOTS;
    plasma_client_t *client = open_store(&options);
    for (uint64_t done = 0; done < operations; done++) {
        const uint64_t slot = pick(&random, SLOTS);
        if (sizes[slot] != 0) {
            OK(plasma_delete(client, &ids[slot]));
            used -= sizes[slot];
            sizes[slot] = 0;
        } else {
            const uint64_t size = draw_size(&random);
            if (used + size > options.capacity / 10 * 8) {
                continue; /* full enough */
            }
            plasma_status_t status = plasma_create(client, &ids[slot], size,
                                                   NULL, &writable);
            if (status == PLASMA_ERR_OUT_OF_MEMORY) {
                refused++;
                continue;
            }
            OK(status);
            OK(plasma_seal(&writable));
            sizes[slot] = size;
            used += size;
        }
    }
    spent = now_ns() - start;
    for (uint64_t slot = SLOTS; slot < 2 * SLOTS; slot++) {
        const uint64_t size = draw_size(&random);
        if (plasma_create(client, &ids[slot], size, NULL, &writable)
            != PLASMA_OK) {
            break;
        }
        OK(plasma_seal(&writable));
        used += size;
    }
    stats = stats_of(client);
    RESULT_BEGIN("mixed");
    RESULT_NUMBER("utilisation", (double)used / (double)options.capacity);
    RESULT_NUMBER("largest_free_share",
                  (double)stats.largest_free
                      / (double)(stats.capacity - stats.used));
    RESULT_NUMBER("refused", refused);
    RESULT_NUMBER("ops_s", (double)operations * 1e9 / (double)spent);
    RESULT_END();
}

/* ---- full ---- */

enum { FULL_OBJECTS = 1 << 18 };

/** The existing objects, in a ring, the oldest first. */
struct ring {
    struct { uint64_t number, size; } objects[FULL_OBJECTS];
    uint64_t first, count;
};

static void delete_from(struct ring *ring, const plasma_client_t *client,
                        uint64_t at, uint64_t *used)
{
    const uint64_t place = (ring->first + at) % FULL_OBJECTS;
    const uint64_t last = (ring->first + --ring->count) % FULL_OBJECTS;
    const plasma_id_t id = id_of(ring->objects[place].number);

    OK(plasma_delete(client, &id));
    *used -= ring->objects[place].size;
    if (at == 0) {
        ring->first++;
    } else {
        ring->objects[place] = ring->objects[last];
    }
}

/** Creates of all sizes, equally frequent in each power of two. A create
 * that finds no room deletes an object, the oldest or any, and tries again. */
void full(void)
{
    const uint64_t operations = number_arg("operations", 60000);
    const double least = (double)number_arg("least", 1000);
    const double most = (double)number_arg("most", 16000000);
    const int any = arg_is("deletes", "any");
    static struct ring ring;
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    uint64_t random = 1, used = 0, refused = 0, start = now_ns();
    double shares = 0;

    options.capacity = 1024 * MIB;
    options.max_objects = FULL_OBJECTS;
    plasma_client_t *client = open_store(&options);
    for (uint64_t done = 0; done < operations; done++) {
        const double share = (double)pick(&random, 1 << 30) / (1 << 30);
        const uint64_t size = (uint64_t)(least * pow(most / least, share));
        const plasma_id_t id = id_of(done);
        plasma_status_t status;
        while ((status = plasma_create(client, &id, size, NULL, &writable))
               == PLASMA_ERR_OUT_OF_MEMORY) {
            /* The first quarter fills the store. */
            if (done > operations / 4) {
                shares += (double)used / (double)options.capacity;
                refused++;
            }
            delete_from(&ring, client, any ? pick(&random, ring.count) : 0,
                        &used);
        }
        OK(status);
        OK(plasma_seal(&writable));
        const uint64_t place = (ring.first + ring.count++) % FULL_OBJECTS;
        ring.objects[place].number = done;
        ring.objects[place].size = size;
        used += size;
    }
    RESULT_BEGIN("full");
    RESULT_NUMBER("utilisation", shares / (double)refused);
    RESULT_NUMBER("refused", refused);
    RESULT_NUMBER("ops_s",
                  (double)operations * 1e9 / (double)(now_ns() - start));
    RESULT_END();
}

/* ---- list ---- */

void list(void)
{
    const uint64_t objects = number_arg("objects", 1000000);
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    struct samples lists = { NULL, 0, 0 }, stats = { NULL, 0, 0 };

    options.max_objects = objects;
    options.capacity = objects * 128 + 4 * MIB;
    plasma_client_t *client = open_store(&options);
    fill_store(client, objects, 100);
    for (int turn = 0; turn < 9; turn++) {
        plasma_list_t *objects_now;
        uint64_t start = now_ns();
        OK(plasma_list(client, &objects_now));
        add_sample(&lists, (double)(now_ns() - start));
        NEED(plasma_list_count(objects_now) == objects);
        plasma_list_free(objects_now);
        start = now_ns();
        stats_of(client);
        add_sample(&stats, (double)(now_ns() - start));
    }
    sort_samples(&lists);
    RESULT_BEGIN("list");
    RESULT_NUMBER("ns_per_object",
                  quantile(&lists, 0.5) / (double)objects);
    RESULT_END();
    print_latency("stats", &stats, NULL, 0);
}
