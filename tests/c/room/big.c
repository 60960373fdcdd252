/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An object of more than 4 GiB, and a million small ones.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/** Offsets in a large object, around 2^32. */
static const uint64_t PLACES[] = {
    0, 4095, GIB, 2 * GIB - 1, 2 * GIB, 4 * GIB - 1, 4 * GIB, 4 * GIB + 1,
    4 * GIB + 100 * MIB - 1,
};
enum { PLACE_COUNT = sizeof PLACES / sizeof *PLACES };

static void check_places(const uint8_t *data)
{
    for (int at = 0; at < PLACE_COUNT; at++) {
        CHECK_EQ(data[PLACES[at]], 101 + at);
    }
}

static void read_large(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;

    (void)parent, (void)arg;
    CHECK_OK(plasma_get(client, &id, 0, &buffer));
    CHECK_EQ(buffer.size, 4 * GIB + 100 * MIB);
    check_places(buffer.data);
    CHECK_OK(plasma_release(&buffer));
    buffer = get_pattern(client, 2, 100000);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_an_object_may_be_larger_than_4_gib(void)
{
    uint64_t size = 4 * GIB + 100 * MIB;
    plasma_client_t *client = make_store(size + 4 * MIB);
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);

    CHECK_OK(plasma_create(client, &id, 4 * GIB - 1, NULL, &writable));
    writable.data[PLACES[1]] = 102;
    CHECK_OK(plasma_resize(&writable, size));
    CHECK_EQ(writable.size, size);
    CHECK_EQ(writable.data[PLACES[1]], 102);
    for (int at = 0; at < PLACE_COUNT; at++) {
        writable.data[PLACES[at]] = (uint8_t)(101 + at);
    }
    CHECK_OK(plasma_seal(&writable));
    put_pattern(client, 2, 100000, NULL);
    struct process reader = spawn(read_large, NULL);
    finish(&reader);
    CHECK_OK(plasma_object_info(client, &id, &info));
    CHECK_EQ(info.data_size, size);
    CHECK_EQ(stats_of(client).used, size + (100000 + 63) / 64 * 64);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_EQ(used_after_reap(client), (100000 + 63) / 64 * 64);
    plasma_disconnect(client);
}

enum { MILLION = 1000000, SIZE = 100 };

static void random_reads(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    uint64_t random = 88172645463325252;

    (void)parent, (void)arg;
    for (int turn = 0; turn < 200000; turn++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t number = random % (2 * MILLION);
        if (number < MILLION) {
            plasma_buffer_t buffer = get_pattern(client, number, SIZE);
            CHECK_OK(plasma_release(&buffer));
        } else {
            CHECK_EQ(state_of(client, number), PLASMA_STATE_ABSENT);
        }
    }
    plasma_disconnect(client);
}

static void check_list_of_a_million(plasma_client_t *client)
{
    static uint8_t seen[MILLION];
    plasma_list_t *list;

    CHECK_OK(plasma_list(client, &list));
    CHECK_EQ(plasma_list_count(list), MILLION);
    for (uint64_t at = 0; at < MILLION; at++) {
        plasma_object_info_t info;
        uint64_t number;
        info.struct_size = sizeof info;
        CHECK_OK(plasma_list_at(list, at, &info));
        memcpy(&number, info.id.bytes, sizeof number);
        CHECK(number < MILLION && !seen[number]);
        CHECK(info.state == PLASMA_STATE_SEALED && info.data_size == SIZE);
        seen[number] = 1;
    }
    plasma_list_free(list);
}

static void delete_a_million(plasma_client_t *client)
{
    static plasma_id_t ids[1000];
    static plasma_status_t statuses[1000];

    for (uint64_t number = 0; number < MILLION; number += 1000) {
        for (uint64_t at = 0; at < 1000; at++) {
            ids[at] = id_of(number + at);
        }
        CHECK_OK(plasma_delete_many(client, ids, 1000, statuses));
    }
}

static void test_a_store_may_have_a_million_objects(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_id_t id = id_of(MILLION);

    options.flags = PLASMA_CONNECT_EXCLUSIVE;
    options.capacity = MILLION * UINT64_C(128);
    options.max_objects = MILLION;
    CHECK_OK(plasma_connect(store(), &options, &client));
    CHECK_EQ(stats_of(client).max_objects, MILLION);
    for (int turn = 0; turn < 2; turn++) {
        for (uint64_t number = 0; number < MILLION; number++) {
            put_pattern(client, number, SIZE, NULL);
        }
        plasma_stats_t stats = stats_of(client);
        CHECK_EQ(stats.objects_sealed, MILLION);
        CHECK_EQ(stats.used, MILLION * UINT64_C(128));
        CHECK_EQ(stats.largest_free, 0);
        CHECK_STATUS(plasma_put(client, &id, NULL, 0, NULL), PLASMA_ERR_LIMIT);
        if (turn == 0) {
            struct process reader = spawn(random_reads, NULL);
            check_list_of_a_million(client);
            finish(&reader);
        }
        delete_a_million(client);
        CHECK_EQ(used_after_reap(client), 0);
        stats = stats_of(client);
        CHECK_EQ(stats.objects_sealed, 0);
        CHECK_EQ(stats.objects_deleted, 0);
        CHECK_EQ(stats.leases, 0);
        CHECK_EQ(stats.largest_free, stats.capacity);
    }
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(an_object_may_be_larger_than_4_gib),
        TEST(a_store_may_have_a_million_objects),
    };
    return RUN_TESTS(argc, argv, tests);
}
