/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * evict ADDRESS OBJECTS plain|named|keyed: a store that evicts is filled with
 * this many objects and goes on. tests/budgets.rs counts the machine
 * instructions of the creates that evict.
 */

#include "plasma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 256, CALLS = 3000 };

static plasma_client_t *client;
static int next;

static void ok(plasma_status_t status)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "%s\n", plasma_error_message());
        exit(1);
    }
}

static inline __attribute__((always_inline)) void put(const char *kind)
{
    static const uint8_t bytes[SIZE];
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_metadata_t key = {"key", "a value", 7};
    plasma_id_t id;
    char name[32];

    snprintf(name, sizeof name, "object %d", next);
    if (strcmp(kind, "named") == 0) {
        options.name = name;
    } else if (strcmp(kind, "keyed") == 0) {
        options.metadata = &key;
        options.metadata_count = 1;
    }
    ok(plasma_id_from_bytes(&next, sizeof next, &id));
    next++;
    ok(plasma_put(client, &id, bytes, SIZE, &options));
}

static void fill(int objects, const char *kind)
{
    for (int at = 0; at < objects; at++) {
        put(kind);
    }
}

/** Each of these creates needs the memory of another object. */
__attribute__((noinline)) static void replace(const char *kind)
{
    for (int at = 0; at < CALLS; at++) {
        put(kind);
    }
}

int main(int argc, char **argv)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    if (argc != 4) {
        return 2;
    }
    int objects = atoi(argv[2]);
    options.flags = PLASMA_CONNECT_EXCLUSIVE | PLASMA_CONNECT_EPHEMERAL;
    options.capacity = (uint64_t)objects * SIZE;
    options.max_objects = (uint64_t)objects * 2;
    options.eviction = PLASMA_EVICTION_LRU;
    ok(plasma_connect(argv[1], &options, &client));
    fill(objects + objects / 4, argv[3]);
    replace(argv[3]);
    plasma_disconnect(client);
    return 0;
}
