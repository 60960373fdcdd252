/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plasma: what a store costs, and how it fares in the long run.
 */

#include "plasma.h"

static plasma_stats_t stats_of(const plasma_client_t *client)
{
    plasma_stats_t stats = { .struct_size = sizeof stats };

    OK(plasma_stats(client, &stats));
    return stats;
}

/** Bytes that the file system of the store has given away. */
static uint64_t taken(const plasma_client_t *client)
{
    char command[200], text[64] = "";

    snprintf(command, sizeof command, "du -s -B1 '%s'",
             plasma_client_address(client));
    FILE *pipe = popen(command, "r");
    NEED(pipe != NULL && fgets(text, sizeof text, pipe) != NULL);
    pclose(pipe);
    return strtoull(text, NULL, 10);
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
                  ((double)taken(client) - (double)(objects * size))
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
