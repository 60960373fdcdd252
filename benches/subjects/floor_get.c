/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The floor of get: a lookup in a private hash table with a fence, and the
 * cache misses that every get in shared memory has.
 */

#include "floor.h"

/* ---- get, getters: a private hash table ---- */

struct slot {
    struct key key;
    const uint8_t *payload;
};

struct table {
    struct slot *slots;
    struct key *keys;
    uint64_t mask, objects, random;
};

/** All bytes count, because a user's ids need not be random. */
static inline uint64_t hash_of(const struct key *key)
{
    uint64_t words[2];
    uint32_t last;

    memcpy(words, key->bytes, sizeof words);
    memcpy(&last, key->bytes + sizeof words, sizeof last);
    words[0] = (words[0] ^ last) * UINT64_C(0x9e3779b97f4a7c15);
    words[0] = (words[0] ^ words[0] >> 32 ^ words[1])
               * UINT64_C(2685821657736338717);
    return words[0] ^ words[0] >> 32;
}

static inline struct slot *find(const struct table *table, const struct key *key)
{
    uint64_t at = hash_of(key) & table->mask;

    while (table->slots[at].payload != NULL
           && memcmp(&table->slots[at].key, key, sizeof *key) != 0) {
        at = (at + 1) & table->mask;
    }
    return &table->slots[at];
}

static struct table make_table(uint64_t objects, uint64_t size)
{
    const size_t room = round_up(size < 8 ? 8 : size, 64);
    struct table table = { NULL, NULL, 1, objects, 1 };
    uint8_t *payloads = (uint8_t *)malloc(objects * room);

    while (table.mask < 2 * objects) {
        table.mask *= 2;
    }
    table.slots = (struct slot *)calloc(table.mask--, sizeof *table.slots);
    table.keys = (struct key *)malloc(objects * sizeof *table.keys);
    NEED(payloads != NULL && table.slots != NULL && table.keys != NULL);
    for (uint64_t at = 0; at < objects; at++) {
        struct slot *slot;
        table.keys[at] = key_of(at);
        slot = find(&table, &table.keys[at]);
        slot->key = table.keys[at];
        slot->payload = payloads + at * room;
        memset(payloads + at * room, 7, size < 4096 ? room : 64);
    }
    return table;
}

static inline void look_up(const struct table *table, uint64_t which)
{
    touch(find(table, &table->keys[which])->payload);
    /* A holder of an object has to publish that before it reads. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void look_up_hot(void *state, uint64_t at)
{
    (void)at;
    look_up((const struct table *)state, 0);
}

static void look_up_random(void *state, uint64_t at)
{
    struct table *table = (struct table *)state;

    (void)at;
    look_up(table, pick(&table->random, table->objects));
}

/** Each process has a table of its own. */
static uint64_t look_up_until_over(void *state, uint64_t self)
{
    struct table table = make_table(number_arg("objects", 10000),
                                    number_arg("size", 100));
    uint64_t done = 0;

    (void)state;
    table.random = self + 1;
    for (wait_for_start(); !is_over(); done++) {
        look_up_random(&table, done);
    }
    return done;
}

void getters(void)
{
    time_rate("hash", number_arg("processes", 1), look_up_until_over, NULL);
}

/* ---- get: cache misses ---- */

/** No larger than the data that a get of Plasma reads: see src/layout. */
struct misses {
    const uint64_t *buckets;
    const uint8_t *records, *payloads;
    uint64_t count, random;
    size_t room;
};

enum { RECORD = 128 };

static struct misses make_misses(uint64_t objects, uint64_t size)
{
    struct misses misses = { NULL, NULL, NULL, 64, 1, round_up(size, 64) };
    size_t records_at, payloads_at, bytes;
    uint8_t *memory;

    while (misses.count < objects) {
        misses.count *= 2;
    }
    records_at = round_up(misses.count * sizeof *misses.buckets, 4096);
    payloads_at = records_at + round_up(objects * RECORD, 4096);
    bytes = payloads_at + objects * misses.room;
    memory = map_aligned(shared_file(bytes), bytes);
    for (uint64_t at = 0; at < misses.count; at++) {
        ((uint64_t *)memory)[at] = pick(&misses.random, objects);
    }
    for (uint64_t at = 0; at < objects; at++) {
        memcpy(memory + records_at + at * RECORD, &at, sizeof at);
        memset(memory + payloads_at + at * misses.room, 0,
               size < 4096 ? misses.room : 64);
    }
    misses.buckets = (const uint64_t *)memory;
    misses.records = memory + records_at;
    misses.payloads = memory + payloads_at;
    return misses;
}

static inline uint64_t word_at(const uint8_t *address)
{
    return *(const volatile uint64_t *)(const void *)address;
}

/** Bucket, record, payload, and the next round depends on the payload, which
 * is 0: so no miss overlaps with one of the next round. */
static void miss(void *state, uint64_t at)
{
    static uint64_t last;
    struct misses *misses = (struct misses *)state;
    const uint64_t bucket = pick(&misses->random, misses->count) + last;
    const uint64_t record = misses->buckets[bucket];
    const uint64_t payload = word_at(misses->records + record * RECORD);

    (void)at;
    last = word_at(misses->payloads + payload * misses->room);
}

void get(void)
{
    const uint64_t size = number_arg("size", 100);
    const uint64_t objects = number_arg("objects", 1000);
    const int random = arg_is("order", "random");
    struct table table = make_table(objects, size);
    struct misses misses;

    time_operation("hash", random ? look_up_random : look_up_hot, &table, 0);
    if (random) {
        misses = make_misses(objects, size);
        time_operation("misses", miss, &misses, 0);
    }
}
