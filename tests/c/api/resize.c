/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Changing the size of an object that is being written.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)

static void read_resized(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, *(const uint64_t *)arg);

    (void)parent;
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

/** Seal object 1, and compare it in another process. */
static void seal_and_read_elsewhere(plasma_mutable_buffer_t *writable)
{
    uint64_t size = writable->size;

    fill(writable->data, size, 1);
    CHECK_OK(plasma_seal(writable));
    struct process reader = spawn(read_resized, &size);
    finish(&reader);
}

static void test_the_bytes_up_to_the_smaller_size_are_kept(void)
{
    uint64_t sizes[] = { 5000, 10, 300000, 299999, 5 * MIB, 64, 65, 9 * MIB,
                         MIB, 1, 70000 };
    plasma_client_t *client = make_store(32 * MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;
    uint64_t size = 100;

    CHECK_OK(plasma_create(client, &id, size, NULL, &writable));
    fill(writable.data, size, 1);
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        uint64_t kept = size < sizes[at] ? size : sizes[at];
        CHECK_OK(plasma_resize(&writable, sizes[at]));
        size = sizes[at];
        CHECK_EQ(writable.size, size);
        CHECK(is_filled(writable.data, kept, 1));
        fill(writable.data, size, 1);
    }
    seal_and_read_elsewhere(&writable);
    plasma_disconnect(client);
}

static void test_a_size_may_become_zero_and_grow_from_zero(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;

    CHECK_OK(plasma_create(client, &id, 0, NULL, &writable));
    CHECK_OK(plasma_resize(&writable, 0));
    CHECK_OK(plasma_resize(&writable, 1000));
    fill(writable.data, 1000, 1);
    CHECK_OK(plasma_resize(&writable, 0));
    CHECK_EQ(writable.size, 0);
    CHECK(writable.data != NULL);
    CHECK_EQ(stats_of(client).used, 0);
    CHECK_OK(plasma_resize(&writable, MIB));
    CHECK_OK(plasma_resize(&writable, 0));
    CHECK_OK(plasma_resize(&writable, 70000));
    seal_and_read_elsewhere(&writable);
    plasma_disconnect(client);
}

static void test_it_grows_and_shrinks_in_place_where_it_can(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;

    CHECK_OK(plasma_create(client, &id, 1000, NULL, &writable));
    uint8_t *data = writable.data;
    for (uint64_t size = 1001; size < 60000; size += 997) {
        CHECK_OK(plasma_resize(&writable, size));
        CHECK(writable.data == data);
    }
    CHECK_OK(plasma_resize(&writable, 10));
    CHECK(writable.data == data);
    CHECK_EQ(stats_of(client).used, 64);
    CHECK_OK(plasma_abort(&writable));

    /* There is no room to move it: only resizing in place is possible. */
    CHECK_OK(plasma_create(client, &id, MIB / 8 * 5, NULL, &writable));
    fill(writable.data, writable.size, 1);
    CHECK_OK(plasma_resize(&writable, MIB));
    CHECK(is_filled(writable.data, MIB / 8 * 5, 1));
    seal_and_read_elsewhere(&writable);
    plasma_disconnect(client);
}

static void test_it_moves_when_something_is_in_the_way(void)
{
    plasma_client_t *client = make_store(16 * MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;

    CHECK_OK(plasma_create(client, &id, 100000, NULL, &writable));
    fill(writable.data, 100000, 1);
    for (uint64_t turn = 0; turn < 8; turn++) {
        uint64_t before = writable.size;
        put_pattern(client, 100 + turn, 5000, NULL);
        CHECK_OK(plasma_resize(&writable, before + 200000));
        CHECK(is_filled(writable.data, before, 1));
        fill(writable.data, writable.size, 1);
    }
    for (uint64_t turn = 0; turn < 8; turn++) {
        plasma_buffer_t buffer = get_pattern(client, 100 + turn, 5000);
        CHECK_OK(plasma_release(&buffer));
    }
    seal_and_read_elsewhere(&writable);
    uint64_t used = 1700000 + 8 * 5056;
    CHECK(stats_of(client).used >= 1700000);
    CHECK(stats_of(client).used <= used + 4096);
    plasma_disconnect(client);
}

static void test_it_begins_at_a_page_when_it_moves_and_gives_that_back(void)
{
    plasma_client_t *client = make_store(16 * MIB);
    plasma_id_t id = id_of(1), other = id_of(4);
    plasma_mutable_buffer_t writable, between;

    put_pattern(client, 2, 100, NULL);
    CHECK_OK(plasma_create(client, &id, 1000, NULL, &writable));
    fill(writable.data, 1000, 1);
    put_pattern(client, 3, 100, NULL);
    CHECK((uintptr_t)writable.data % 4096 != 0);
    CHECK_OK(plasma_resize(&writable, 4 * MIB + 100));
    CHECK_EQ((uintptr_t)writable.data % 4096, 0);
    CHECK(is_filled(writable.data, 1000, 1));
    uint8_t *data = writable.data;
    CHECK_EQ(stats_of(client).used, 4 * MIB + 128 + 2 * 128);

    /* It does not move, and the memory before it is free again. */
    CHECK_OK(plasma_resize(&writable, 1000));
    CHECK(writable.data == data);
    CHECK_OK(plasma_create(client, &other, 4096 - 2 * 128 - 1024, NULL, &between));
    CHECK(between.data + 4096 - 2 * 128 - 1024 == data);
    fill(between.data, between.size, 4);
    CHECK_OK(plasma_seal(&between));
    CHECK_EQ(stats_of(client).used, 4096);
    CHECK(is_filled(writable.data, 1000, 1));
    seal_and_read_elsewhere(&writable);
    plasma_disconnect(client);
}

static void test_where_it_fails_all_is_as_before(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable, before;

    CHECK_OK(plasma_create(client, &id, 100000, NULL, &writable));
    fill(writable.data, 100000, 1);
    put_pattern(client, 2, MIB / 2, NULL);
    plasma_stats_t stats = stats_of(client);
    before = writable;
    struct { uint64_t size; plasma_status_t status; } cases[] = {
        { MIB, PLASMA_ERR_OUT_OF_MEMORY },
        { MIB / 2 + 1, PLASMA_ERR_OUT_OF_MEMORY },
        { MIB + 1, PLASMA_ERR_TOO_LARGE },
        { UINT64_MAX - 63, PLASMA_ERR_TOO_LARGE },
        { UINT64_MAX, PLASMA_ERR_TOO_LARGE },
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        CHECK_STATUS(plasma_resize(&writable, cases[at].size),
                     cases[at].status);
        CHECK(memcmp(&writable, &before, sizeof before) == 0);
        CHECK(is_filled(writable.data, 100000, 1));
        CHECK_EQ(stats_of(client).used, stats.used);
        CHECK_EQ(stats_of(client).largest_free, stats.largest_free);
    }
    seal_and_read_elsewhere(&writable);
    plasma_disconnect(client);
}

static void test_name_and_metadata_survive_a_move(void)
{
    plasma_client_t *client = make_store(16 * MIB);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_metadata_t entry = { "format", "binary", 6 };
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    const void *value;
    uint64_t size;

    options.name = "it moves";
    options.metadata = &entry;
    options.metadata_count = 1;
    CHECK_OK(plasma_create(client, &id, 1000, &options, &writable));
    put_pattern(client, 2, 1000, NULL);
    CHECK_OK(plasma_resize(&writable, 5 * MIB));
    CHECK_OK(plasma_set_metadata(&writable, "schema", "none", 4));
    CHECK_OK(plasma_resize(&writable, 9 * MIB));
    CHECK_OK(plasma_seal(&writable));
    CHECK_OK(plasma_get_by_name(client, "it moves", 0, &buffer));
    CHECK_EQ(buffer.size, 9 * MIB);
    CHECK_OK(plasma_get_metadata(&buffer, "format", &value, &size));
    CHECK(size == 6 && memcmp(value, "binary", 6) == 0);
    CHECK_OK(plasma_get_metadata(&buffer, "schema", &value, &size));
    CHECK(size == 4 && memcmp(value, "none", 4) == 0);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(the_bytes_up_to_the_smaller_size_are_kept),
        TEST(a_size_may_become_zero_and_grow_from_zero),
        TEST(it_grows_and_shrinks_in_place_where_it_can),
        TEST(it_moves_when_something_is_in_the_way),
        TEST(it_begins_at_a_page_when_it_moves_and_gives_that_back),
        TEST(where_it_fails_all_is_as_before),
        TEST(name_and_metadata_survive_a_move),
    };
    return RUN_TESTS(argc, argv, tests);
}
