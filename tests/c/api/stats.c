/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The statistics of a store are consistent.
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

static uint64_t listed(plasma_client_t *client)
{
    plasma_list_t *list;

    CHECK_OK(plasma_list(client, &list));
    uint64_t count = plasma_list_count(list);
    plasma_list_free(list);
    return count;
}

/**
 * Regression: a deleted object is freed by a later scan. Until then its memory
 * was reported as used, and the object as deleted and still held, though
 * nobody held it.
 */
static void test_a_deleted_object_that_nobody_holds_is_not_reported(void)
{
    plasma_client_t *client = make_store(8 * MIB);
    plasma_connect_options_t reads = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *reader;

    reads.flags = PLASMA_CONNECT_READ_ONLY;
    CHECK_OK(plasma_connect(store(), &reads, &reader));
    plasma_client_t *const clients[] = { client, reader };
    for (uint64_t number = 1; number <= 3; number++) {
        put_pattern(client, number, 1000, NULL);
    }
    plasma_buffer_t buffer = get_pattern(reader, 2, 1000);
    for (uint64_t number = 1; number <= 2; number++) {
        plasma_id_t id = id_of(number);
        CHECK_OK(plasma_delete(client, &id));
    }
    for (int at = 0; at < 2; at++) {
        plasma_stats_t stats = stats_of(clients[at]);
        CHECK_EQ(stats.used, 2 * 1024);
        CHECK_EQ(stats.objects_deleted, 1);
        CHECK_EQ(stats.deleted_bytes, 1024);
        CHECK_EQ(stats.objects_sealed, 1);
        CHECK_EQ(listed(clients[at]), 2);
    }
    CHECK_OK(plasma_release(&buffer));
    for (int at = 0; at < 2; at++) {
        plasma_stats_t stats = stats_of(clients[at]);
        CHECK_EQ(stats.used, 1024);
        CHECK_EQ(stats.objects_deleted, 0);
        CHECK_EQ(stats.deleted_bytes, 0);
        CHECK(stats.largest_free >= 8 * MIB - 3 * 1024);
        CHECK_EQ(listed(clients[at]), 1);
    }
    plasma_disconnect(reader);
    plasma_disconnect(client);
}

static void write_and_die(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(9);

    (void)arg;
    CHECK_OK(plasma_create(client, &id, 1000, NULL, &writable));
    tell(parent, 'w');
    hear(parent, 'q');
}

/** Regression: the object was absent to a get, but stats and lists said that
 * it was being written. */
static void test_objects_that_dead_clients_were_writing_are_not_reported(void)
{
    plasma_client_t *client = make_store(MIB);
    struct process process = spawn(write_and_die, NULL);

    hear(&process, 'w');
    CHECK_EQ(stats_of(client).objects_writing, 1);
    CHECK_EQ(listed(client), 1);
    kill_process(&process);
    CHECK_EQ(stats_of(client).objects_writing, 0);
    CHECK_EQ(listed(client), 0);
    plasma_disconnect(client);
}

/** Regression: the attributes of a store could not be read from C. */
static void test_stats_tell_how_a_store_was_made(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = make_store(MIB);
    plasma_stats_t stats = stats_of(client);

    CHECK_EQ(stats.flags, 0);
    CHECK_EQ(stats.mode, 0600);
    CHECK_EQ(stats.eviction, PLASMA_EVICTION_NONE);
    CHECK_EQ(stats.huge_pages, 0);
    plasma_disconnect(client);
    CHECK_OK(plasma_store_remove(store()));
    options.flags = PLASMA_CONNECT_EPHEMERAL;
    options.capacity = MIB;
    options.mode = 0640;
    options.eviction = PLASMA_EVICTION_LRU;
    options.huge_pages = 1;
    CHECK_OK(plasma_connect(store(), &options, &client));
    stats = stats_of(client);
    CHECK_EQ(stats.flags, PLASMA_CONNECT_EPHEMERAL);
    CHECK_EQ(stats.mode, 0640);
    CHECK_EQ(stats.eviction, PLASMA_EVICTION_LRU);
    CHECK_EQ(stats.huge_pages, 1);
    plasma_disconnect(client);
}

/** Each lease counts, and the bytes of an object that several hold count
 * once. */
static void test_bytes_that_a_client_holds_are_counted_once(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_info_t info = PLASMA_CLIENT_INFO_INIT;
    plasma_client_list_t *list;
    plasma_buffer_t buffers[2];

    put_pattern(client, 1, 1000, NULL);
    buffers[0] = get_pattern(client, 1, 1000);
    buffers[1] = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_list_clients(client, &list));
    CHECK_OK(plasma_client_list_at(list, 0, &info));
    CHECK_EQ(info.lease_count, 2);
    CHECK_EQ(info.leased_bytes, 1000);
    plasma_client_list_free(list);
    CHECK_OK(plasma_release_many(buffers, 2));
    plasma_disconnect(client);
}

/** One row for each thing that may outlive its client. */
static void test_handles_that_keep_a_client_present_and_an_object_in_memory(void)
{
    enum { BUFFER, COPY, MUTABLE, LIST, COUNT };
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1), mine = id_of(2);
    static const struct {
        uint64_t clients, deleted, writing;
    } rows[COUNT] = {
        [BUFFER] = { 2, 1024, 0 }, [COPY] = { 2, 1024, 0 },
        [MUTABLE] = { 2, 0, 1 },   [LIST] = { 1, 0, 0 },
    };

    /* A subscription is in ephemeral.c. */
    for (int row = 0; row < COUNT; row++) {
        plasma_client_t *other = join_store();
        plasma_buffer_t buffer, copy;
        plasma_mutable_buffer_t writable;
        plasma_list_t *list;

        put_pattern(client, 1, 1000, NULL);
        switch (row) {
        case BUFFER:
            buffer = get_pattern(other, 1, 1000);
            break;
        case COPY:
            buffer = get_pattern(other, 1, 1000);
            CHECK_OK(plasma_retain(&buffer, &copy));
            CHECK_OK(plasma_release(&buffer));
            break;
        case MUTABLE:
            CHECK_OK(plasma_create(other, &mine, 10, NULL, &writable));
            break;
        default:
            CHECK_OK(plasma_list(other, &list));
        }
        CHECK_OK(plasma_delete(client, &id));
        plasma_disconnect(other);
        plasma_stats_t stats = stats_of(client);
        CHECK_EQ(stats.clients, rows[row].clients);
        CHECK_EQ(stats.deleted_bytes, rows[row].deleted);
        CHECK_EQ(stats.objects_writing, rows[row].writing);
        switch (row) {
        case BUFFER:
            CHECK(is_filled(buffer.data, 1000, 1));
            CHECK_OK(plasma_release(&buffer));
            break;
        case COPY:
            CHECK(is_filled(copy.data, 1000, 1));
            CHECK_OK(plasma_release(&copy));
            break;
        case MUTABLE:
            CHECK_OK(plasma_abort(&writable));
            break;
        default:
            CHECK_EQ(plasma_list_count(list), 1);
            plasma_list_free(list);
        }
        stats = stats_of(client);
        CHECK_EQ(stats.clients, 1);
        CHECK_EQ(stats.used, 0);
        CHECK_EQ(stats.objects_writing, 0);
    }
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
        TEST(a_deleted_object_that_nobody_holds_is_not_reported),
        TEST(objects_that_dead_clients_were_writing_are_not_reported),
        TEST(stats_tell_how_a_store_was_made),
        TEST(bytes_that_a_client_holds_are_counted_once),
        TEST(handles_that_keep_a_client_present_and_an_object_in_memory),
    };
    return RUN_TESTS(argc, argv, tests);
}
