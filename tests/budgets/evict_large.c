/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * evict_large ADDRESS OBJECTS part|leased: a store that evicts is filled with
 * this many objects, and large objects are created in it: of a fifth of the
 * capacity, or as large as 256 objects while some of the oldest are leased.
 * tests/budgets.rs counts the machine instructions of these creates.
 */

#include "plasma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 256, CALLS = 4, LEASES = 50, LARGE = 256 };

static plasma_client_t *client;
static int next;

static void ok(plasma_status_t status)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "%s\n", plasma_error_message());
        exit(1);
    }
}

static plasma_id_t id_of(int number)
{
    plasma_id_t id;

    ok(plasma_id_from_bytes(&number, sizeof number, &id));
    return id;
}

static void fill(uint64_t objects)
{
    static const uint8_t bytes[SIZE];

    for (uint64_t at = 0; at < objects; at++) {
        plasma_id_t id = id_of(next++);
        ok(plasma_put(client, &id, bytes, SIZE, NULL));
    }
}

/** Leases on every 37th of the oldest objects. */
static void lease_some(int oldest)
{
    static plasma_buffer_t buffers[LEASES];

    for (int at = 0; at < LEASES; at++) {
        plasma_id_t id = id_of(oldest + 37 * at);
        ok(plasma_get(client, &id, 0, &buffers[at]));
    }
}

__attribute__((noinline)) static void make_large(uint64_t size)
{
    for (int at = 0; at < CALLS; at++) {
        plasma_mutable_buffer_t writable;
        plasma_id_t id = id_of(-1 - at);

        ok(plasma_create(client, &id, size, NULL, &writable));
        ok(plasma_seal(&writable));
        ok(plasma_delete(client, &id));
        fill(size / SIZE);
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
    fill((uint64_t)objects);
    if (strcmp(argv[3], "leased") == 0) {
        lease_some(0);
        make_large((uint64_t)LARGE * SIZE);
    } else {
        make_large(options.capacity / 5);
    }
    plasma_disconnect(client);
    return 0;
}
