/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of a store add up.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)

static void test_a_new_store_is_empty(void)
{
    plasma_client_t *client = make_store(5 * MIB);
    plasma_stats_t stats = stats_of(client);

    CHECK_EQ(stats.capacity, 5 * MIB);
    CHECK_EQ(stats.used, 0);
    CHECK_EQ(stats.largest_free, 5 * MIB);
    CHECK(stats.max_objects >= 1024);
    CHECK_EQ(stats.objects_writing + stats.objects_sealed, 0);
    CHECK_EQ(stats.objects_deleted + stats.pinned + stats.leases, 0);
    CHECK_EQ(stats.clients, 1);
    CHECK_EQ(stats.evictions + stats.evicted_bytes, 0);
    CHECK_EQ(stats.recoveries + stats.reaped_clients + stats.lock_steals, 0);
    CHECK_TEXT(stats.file_system, "tmpfs");
    plasma_disconnect(client);
}

static void test_used_and_free_make_the_capacity(void)
{
    enum { COUNT = 200 };
    plasma_client_t *client = make_store(16 * MIB);
    uint64_t used = 0, random = 12345;

    for (uint64_t number = 0; number < COUNT; number++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t size = (random >> 33) % 60000;
        put_pattern(client, number, size, NULL);
        used += (size + 63) / 64 * 64;
        CHECK_EQ(stats_of(client).used, used);
        CHECK(stats_of(client).largest_free <= 16 * MIB - used);
    }
    plasma_stats_t stats = stats_of(client);
    CHECK_EQ(stats.objects_sealed, COUNT);
    CHECK(stats.reserved >= used);
    for (uint64_t number = 0; number < COUNT; number += 2) {
        plasma_id_t id = id_of(number);
        CHECK_OK(plasma_delete(client, &id));
    }
    CHECK(used_after_reap(client) < used);
    CHECK_EQ(stats_of(client).objects_sealed, COUNT / 2);
    for (uint64_t number = 1; number < COUNT; number += 2) {
        plasma_id_t id = id_of(number);
        CHECK_OK(plasma_delete(client, &id));
    }
    CHECK_EQ(used_after_reap(client), 0);
    CHECK_EQ(stats_of(client).objects_deleted, 0);
    CHECK_EQ(stats_of(client).largest_free, 16 * MIB);
    put_pattern(client, 1, 16 * MIB, NULL);
    plasma_disconnect(client);
}

static void test_objects_leases_and_clients_are_counted(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *other = join_store();
    plasma_mutable_buffer_t writable[3];
    plasma_buffer_t buffers[3];
    plasma_id_t id;

    for (uint64_t number = 0; number < 3; number++) {
        id = id_of(number);
        CHECK_OK(plasma_create(number ? client : other, &id, 100, NULL,
                               &writable[number]));
    }
    CHECK_EQ(stats_of(client).objects_writing, 3);
    CHECK_OK(plasma_abort(&writable[2]));
    CHECK_EQ(stats_of(client).objects_writing, 2);
    fill(writable[0].data, 100, 0);
    fill(writable[1].data, 100, 1);
    CHECK_OK(plasma_seal(&writable[0]));
    CHECK_OK(plasma_seal(&writable[1]));
    CHECK_EQ(stats_of(client).objects_writing, 0);
    CHECK_EQ(stats_of(client).objects_sealed, 2);

    buffers[0] = get_pattern(client, 0, 100);
    buffers[1] = get_pattern(client, 1, 100);
    buffers[2] = get_pattern(other, 1, 100);
    CHECK_EQ(stats_of(client).leases, 3);
    CHECK_EQ(stats_of(client).clients, 2);
    id = id_of(1);
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    CHECK_OK(plasma_object_info(client, &id, &info));
    CHECK_EQ(info.lease_count, 2);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_OK(plasma_reap(other, &(uint64_t){ 0 }));
    CHECK_EQ(stats_of(client).objects_deleted, 1);
    CHECK_EQ(stats_of(client).objects_sealed, 1);
    CHECK_OK(plasma_release_many(buffers, 3));
    CHECK_EQ(stats_of(client).leases, 0);
    plasma_disconnect(other);
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_EQ(used_after_reap(client), 128);
    CHECK_EQ(stats_of(client).objects_deleted, 0);
    plasma_disconnect(client);
}

static void test_pins_are_marks_and_not_counted_twice(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_id_t one = id_of(1), two = id_of(2), missing = id_of(3);

    options.flags = PLASMA_CREATE_PINNED;
    CHECK_OK(plasma_put(client, &one, "pinned", 6, &options));
    CHECK_OK(plasma_put(client, &two, "free", 4, NULL));
    CHECK_EQ(stats_of(client).pinned, 1);
    CHECK_OK(plasma_pin(client, &one));
    CHECK_OK(plasma_pin(client, &two));
    CHECK_EQ(stats_of(client).pinned, 2);
    CHECK_OK(plasma_object_info(client, &two, &info));
    CHECK_EQ(info.flags, PLASMA_OBJECT_PINNED);
    CHECK_OK(plasma_unpin(client, &one));
    CHECK_OK(plasma_unpin(client, &one));
    CHECK_EQ(stats_of(client).pinned, 1);
    CHECK_STATUS(plasma_pin(client, &missing), PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_unpin(client, &missing), PLASMA_ERR_NOT_FOUND);
    CHECK_OK(plasma_delete(client, &two));
    CHECK_EQ(stats_of(client).pinned, 0);
    plasma_disconnect(client);
}

static void test_contains_tells_the_state(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;

    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_WRITING);
    CHECK_OK(plasma_seal(&writable));
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_SEALED);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_new_store_is_empty),
        TEST(used_and_free_make_the_capacity),
        TEST(objects_leases_and_clients_are_counted),
        TEST(pins_are_marks_and_not_counted_twice),
        TEST(contains_tells_the_state),
    };
    return RUN_TESTS(argc, argv, tests);
}
