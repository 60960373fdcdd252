/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * calls ADDRESS none|lru: the calls of the C API whose machine instructions
 * tests/budgets.rs counts.
 *
 * The calls are counted for each function of this file separately, so each use
 * is a function of its own, and its preparation is another one.
 */

#include "plasma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 10000, HOT = 100, SIZE = 100, CALLS = 1000, ROUNDS = 5 };

#define APART __attribute__((noinline)) static

static plasma_client_t *client;
static plasma_id_t ids[OBJECTS + CALLS];
static const uint8_t bytes[SIZE];

static void ok(plasma_status_t status)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "%s\n", plasma_error_message());
        exit(1);
    }
}

/** Several, because the chain of a single one depends on chance. */
APART void hot(int calls)
{
    for (int at = 0; at < calls; at++) {
        plasma_buffer_t buffer;
        ok(plasma_get(client, &ids[at % HOT], 0, &buffer));
        ok(plasma_release(&buffer));
    }
}

APART void one_of_many(int calls)
{
    for (int at = 0; at < calls; at++) {
        plasma_buffer_t buffer;
        ok(plasma_get(client, &ids[at * 7919 % OBJECTS], 0, &buffer));
        ok(plasma_release(&buffer));
    }
}

APART void by_name(int calls)
{
    for (int at = 0; at < calls; at++) {
        plasma_buffer_t buffer;
        ok(plasma_get_by_name(client, "an object", 0, &buffer));
        ok(plasma_release(&buffer));
    }
}

APART void look(int calls)
{
    for (int at = 0; at < calls; at++) {
        plasma_state_t state;
        ok(plasma_contains(client, &ids[at * 7919 % OBJECTS], &state));
    }
}

APART void make(int calls)
{
    for (int at = 0; at < calls; at++) {
        plasma_mutable_buffer_t writable;
        ok(plasma_create(client, &ids[OBJECTS + at], SIZE, NULL, &writable));
        memcpy(writable.data, bytes, SIZE);
        ok(plasma_seal(&writable));
    }
}

APART void put(int calls)
{
    for (int at = 0; at < calls; at++) {
        ok(plasma_put(client, &ids[OBJECTS + at], bytes, SIZE, NULL));
    }
}

static plasma_metadata_t pairs[8];
static plasma_status_t statuses[CALLS];

static void fill_pairs(void)
{
    static const char *const keys[8] = { "format",  "schema",  "dtype",   "shape",
                                         "order",   "creator", "version", "comment" };
    for (int at = 0; at < 8; at++) {
        pairs[at] = (plasma_metadata_t){ keys[at], "some text", 9 };
    }
}

APART void describe(int calls)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;

    options.metadata = pairs;
    options.metadata_count = 8;
    for (int at = 0; at < calls; at++) {
        ok(plasma_put(client, &ids[OBJECTS + at], bytes, SIZE, &options));
    }
}

APART void describe_later(int calls)
{
    for (int at = 0; at < calls; at++) {
        plasma_mutable_buffer_t writable;
        ok(plasma_create(client, &ids[OBJECTS + at], SIZE, NULL, &writable));
        for (int key = 0; key < 8; key++) {
            ok(plasma_set_metadata(&writable, pairs[key].key, pairs[key].value,
                                   pairs[key].value_size));
        }
        ok(plasma_seal(&writable));
    }
}

enum { BATCH = 16 };

/** Batches, which the counts are divided by: a call here is one object. */
APART void put_batch(int calls)
{
    const void *datas[BATCH];
    uint64_t sizes[BATCH];

    for (int at = 0; at < BATCH; at++) {
        datas[at] = bytes;
        sizes[at] = SIZE;
    }
    for (int at = 0; at + BATCH <= calls; at += BATCH) {
        ok(plasma_put_many(client, &ids[OBJECTS + at], datas, sizes, BATCH, NULL, statuses));
    }
}

APART void get_batch(int calls)
{
    plasma_buffer_t buffers[BATCH];

    for (int at = 0; at + BATCH <= calls; at += BATCH) {
        ok(plasma_get_many(client, &ids[at % (HOT - BATCH)], BATCH, 0, buffers, statuses));
        ok(plasma_release_many(buffers, BATCH));
    }
}

APART void forget_batch(int calls)
{
    for (int at = 0; at + BATCH <= calls; at += BATCH) {
        ok(plasma_delete_many(client, &ids[OBJECTS + at], BATCH, statuses));
    }
}

APART void forget(int calls)
{
    for (int at = 0; at < calls; at++) {
        ok(plasma_delete(client, &ids[OBJECTS + at]));
    }
}

static void prepare(const char *address, uint32_t eviction)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_create_options_t named = PLASMA_CREATE_OPTIONS_INIT;

    options.flags = PLASMA_CONNECT_EXCLUSIVE | PLASMA_CONNECT_EPHEMERAL;
    options.capacity = 64 << 20;
    options.max_objects = 2 * OBJECTS;
    options.eviction = eviction;
    ok(plasma_connect(address, &options, &client));
    named.name = "an object";
    for (int at = 0; at < OBJECTS + CALLS; at++) {
        ok(plasma_id_from_bytes(&at, sizeof at, &ids[at]));
    }
    for (int at = 0; at < OBJECTS; at++) {
        ok(plasma_put(client, &ids[at], bytes, SIZE, at == 0 ? &named : NULL));
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    prepare(argv[1], strcmp(argv[2], "lru") == 0 ? PLASMA_EVICTION_LRU
                                              : PLASMA_EVICTION_NONE);
    /* More than once, so that deletes reclaim as often as in a long run. */
    for (int round = 0; round < ROUNDS; round++) {
        hot(CALLS);
        one_of_many(CALLS);
        by_name(CALLS);
        look(CALLS);
        make(CALLS);
        forget(CALLS);
        put(CALLS);
        forget(CALLS);
        put_batch(CALLS);
        forget_batch(CALLS);
        get_batch(CALLS);
    }
    fill_pairs();
    describe(CALLS);
    plasma_delete_many(client, ids + OBJECTS, CALLS, statuses);
    describe_later(CALLS);
    plasma_disconnect(client);
    return 0;
}
