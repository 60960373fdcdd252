/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for space, returning memory, reserving it, and read-only handles.
 */

#include "check.h"

#include <sys/stat.h>

#define MIB (UINT64_C(1) << 20)

/** The bytes that the heap of this test's store takes from the file system. */
static uint64_t heap_blocks(void)
{
    struct stat status;
    char path[700];

    snprintf(path, sizeof path, "%s/heap", store());
    CHECK(stat(path, &status) == 0);
    return (uint64_t)status.st_blocks * 512;
}

static void create_when_there_is_room(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(100);

    (void)arg;
    options.timeout_ms = -1;
    tell(parent, 'b');
    CHECK_OK(plasma_create(client, &id, MIB, &options, &writable));
    tell(parent, 'c');
    CHECK_OK(plasma_abort(&writable));
    plasma_disconnect(client);
}

static void hold_one(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, MIB);

    (void)arg;
    tell(parent, 'h');
    hear(parent, 'r');
    CHECK_OK(plasma_release(&buffer));
    hear(parent, 'q');
}

static void write_one(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);

    (void)arg;
    CHECK_OK(plasma_create(client, &id, MIB, NULL, &writable));
    tell(parent, 'h');
    hear(parent, 'r');
    CHECK_OK(plasma_abort(&writable));
    hear(parent, 'q');
}

enum way { DELETES, RELEASES, DIES_HOLDING, ABORTS, DIES_WRITING, SHRINKS, WAYS };

static void test_a_create_waits_until_another_makes_room(void)
{
    for (int way = 0; way < WAYS; way++) {
        plasma_client_t *client = make_store(MIB);
        plasma_id_t id = id_of(1);
        plasma_mutable_buffer_t own;
        int writes = way == ABORTS || way == DIES_WRITING;
        struct process other = { 0, -1, -1 };

        if (way == SHRINKS) {
            CHECK_OK(plasma_create(client, &id, MIB, NULL, &own));
        } else if (!writes) {
            put_pattern(client, 1, MIB, NULL);
        }
        if (way != DELETES && way != SHRINKS) {
            other = spawn(writes ? write_one : hold_one, NULL);
            hear(&other, 'h');
        }
        if (way == RELEASES || way == DIES_HOLDING) {
            CHECK_OK(plasma_delete(client, &id));
        }
        struct process waiter = spawn(create_when_there_is_room, NULL);
        hear(&waiter, 'b');
        await_sleep(waiter.pid, waiter.pid);
        CHECK_EQ(state_of(client, 100), PLASMA_STATE_ABSENT);
        if (way == DELETES) {
            CHECK_OK(plasma_delete(client, &id));
        } else if (way == SHRINKS) {
            CHECK_OK(plasma_resize(&own, 0));
        } else if (way == DIES_HOLDING || way == DIES_WRITING) {
            kill_process(&other);
        } else {
            tell(&other, 'r');
        }
        hear(&waiter, 'c');
        finish(&waiter);
        if (way == RELEASES || way == ABORTS) {
            tell(&other, 'q');
            finish(&other);
        }
        plasma_disconnect(client);
        CHECK_OK(plasma_store_remove(store()));
    }
}

static void test_a_release_lets_an_evicting_create_go_on(void)
{
    plasma_client_t *client =
        connect_store(PLASMA_CONNECT_EXCLUSIVE, MIB, PLASMA_EVICTION_LRU);

    put_pattern(client, 1, MIB, NULL);
    plasma_buffer_t buffer = get_pattern(client, 1, MIB);
    struct process waiter = spawn(create_when_there_is_room, NULL);
    hear(&waiter, 'b');
    await_sleep(waiter.pid, waiter.pid);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_SEALED);
    CHECK_OK(plasma_release(&buffer));
    hear(&waiter, 'c');
    finish(&waiter);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    plasma_disconnect(client);
}

static void test_a_wait_for_space_ends_at_its_deadline(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(2);
    int32_t created;

    put_pattern(client, 1, MIB, NULL);
    options.timeout_ms = 50;
    int64_t begin = now_ms();
    CHECK_STATUS(plasma_create(client, &id, 1, &options, &writable),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK(now_ms() - begin >= 49);
    begin = now_ms();
    CHECK_STATUS(plasma_put(client, &id, "x", 1, &options),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK(now_ms() - begin >= 49);
    begin = now_ms();
    CHECK_STATUS(plasma_get_or_create(client, &id, 1, &options, 0, &buffer,
                                      &writable, &created),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK(now_ms() - begin >= 49);
    /* A create does not wait if it can never succeed, or if its id is
     * taken. */
    options.timeout_ms = -1;
    CHECK_STATUS(plasma_create(client, &id, MIB + 1, &options, &writable),
                 PLASMA_ERR_TOO_LARGE);
    id = id_of(1);
    CHECK_STATUS(plasma_create(client, &id, MIB, &options, &writable),
                 PLASMA_ERR_EXISTS);
    CHECK_EQ(stats_of(client).objects_writing, 0);
    plasma_disconnect(client);
}

static void delete_many(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();

    for (uint64_t at = 1; at <= *(const uint64_t *)arg; at++) {
        plasma_id_t id = id_of(at);
        CHECK_OK(plasma_delete(client, &id));
    }
    tell(parent, 'd');
    hear(parent, 'q');
    plasma_disconnect(client);
}

/**
 * Memory of small objects is cached for others of their size, in the slot
 * caches of all clients that created them. A request for a larger piece gets
 * that memory, in one piece, even if another client deleted the objects.
 */
static void test_memory_of_small_objects_is_available_for_a_large_one(void)
{
    for (int by_another = 0; by_another < 2; by_another++) {
        plasma_client_t *client = make_store(16 * MIB);
        plasma_id_t large = id_of(0);
        plasma_mutable_buffer_t writable;
        plasma_stats_t stats = PLASMA_STATS_INIT;
        uint64_t count = 4000;

        for (uint64_t at = 1; at <= count; at++) {
            put_pattern(client, at, at % 2 ? 1000 : 7000, NULL);
        }
        CHECK_STATUS(plasma_create(client, &large, 16 * MIB, NULL, &writable),
                     PLASMA_ERR_OUT_OF_MEMORY);
        struct process other = { 0, -1, -1 };
        if (by_another) {
            other = spawn(delete_many, &count);
            hear(&other, 'd');
        } else {
            for (uint64_t at = 1; at <= count; at++) {
                plasma_id_t id = id_of(at);
                CHECK_OK(plasma_delete(client, &id));
            }
        }
        put_pattern(client, 1, 1000, NULL);
        plasma_id_t small = id_of(1);
        CHECK_OK(plasma_delete(client, &small));
        CHECK_OK(plasma_create(client, &large, 16 * MIB, NULL, &writable));
        CHECK_OK(plasma_abort(&writable));
        CHECK_OK(plasma_stats(client, &stats));
        CHECK_EQ(stats.used, 0);
        CHECK_EQ(stats.largest_free, 16 * MIB);
        if (by_another) {
            tell(&other, 'q');
            finish(&other);
        }
        plasma_disconnect(client);
        CHECK_OK(plasma_store_remove(store()));
    }
}

static void delete_one(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_id_t id = id_of(1);

    (void)parent, (void)arg;
    CHECK_OK(plasma_delete(client, &id));
    plasma_disconnect(client);
}

/** A delete also frees objects that another client deleted, which left
 * before it could free them. */
static void test_objects_that_a_client_deleted_before_it_left_are_freed_by_others(void)
{
    plasma_client_t *client = make_store(16 * MIB);
    plasma_stats_t stats = PLASMA_STATS_INIT;
    plasma_buffer_t held;
    struct process other;

    put_pattern(client, 1, 8 * MIB, NULL);
    held = get_pattern(client, 1, 8 * MIB);
    other = spawn(delete_one, NULL);
    finish(&other);
    CHECK_OK(plasma_release(&held));
    for (uint64_t at = 0; at < 4000; at++) {
        plasma_id_t id = id_of(2);
        put_pattern(client, 2, 100, NULL);
        CHECK_OK(plasma_delete(client, &id));
    }
    CHECK_OK(plasma_stats(client, &stats));
    CHECK(stats.used < 8 * MIB);
    plasma_disconnect(client);
}

static void test_trim_gives_memory_back_to_the_system(void)
{
    plasma_client_t *client = make_store(64 * MIB);
    plasma_client_t *other = join_store();
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);
    uint64_t returned = 99;

    CHECK(heap_blocks() < 20 * MIB);
    put_pattern(client, 1, 8 * MIB, NULL);
    put_pattern(client, 2, 32 * MIB, NULL);
    put_pattern(client, 3, 8 * MIB, NULL);
    uint64_t full = heap_blocks();
    CHECK(full >= 48 * MIB);
    CHECK_OK(plasma_trim(client, UINT64_MAX, &returned));
    CHECK_EQ(returned, 0);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_EQ(used_after_reap(client), 16 * MIB);
    CHECK(heap_blocks() >= 48 * MIB);

    uint64_t free_bytes = stats_of(client).reserved - 16 * MIB;
    CHECK_OK(plasma_trim(client, 20 * MIB, &returned));
    CHECK(returned >= 4 * MIB && returned <= free_bytes - 20 * MIB);
    CHECK_EQ(full - heap_blocks(), returned);
    uint64_t first = returned;
    CHECK_OK(plasma_trim(other, 0, &returned));
    CHECK(first + returned >= 24 * MIB);
    CHECK_EQ(full - heap_blocks(), first + returned);
    CHECK(stats_of(client).reserved <= full - first - returned);
    CHECK_OK(plasma_trim(client, 0, &returned));
    CHECK_EQ(returned, 0);

    plasma_buffer_t buffer = get_pattern(other, 1, 8 * MIB);
    CHECK_OK(plasma_release(&buffer));
    buffer = get_pattern(other, 3, 8 * MIB);
    CHECK_OK(plasma_release(&buffer));
    CHECK_EQ(stats_of(client).used, 16 * MIB);
    options.flags = PLASMA_CREATE_ZEROED;
    CHECK_OK(plasma_create(client, &id, 32 * MIB, &options, &writable));
    for (uint64_t at = 0; at < writable.size; at++) {
        CHECK(writable.data[at] == 0);
    }
    CHECK_OK(plasma_abort(&writable));
    put_pattern(other, 2, 32 * MIB, NULL);
    buffer = get_pattern(client, 2, 32 * MIB);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(other);
    plasma_disconnect(client);
}

static void test_reserve_takes_all_memory_at_creation(void)
{
    plasma_client_t *client = connect_store(
        PLASMA_CONNECT_EXCLUSIVE | PLASMA_CONNECT_RESERVE, 32 * MIB, 0);

    CHECK(heap_blocks() >= 32 * MIB);
    CHECK(stats_of(client).reserved >= 32 * MIB);
    CHECK_EQ(stats_of(client).used, 0);
    put_pattern(client, 1, 32 * MIB, NULL);
    plasma_disconnect(client);
}

static void test_a_read_only_handle_reads_and_refuses_to_write(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *reader = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    plasma_id_t id = id_of(1), absent = id_of(2);
    plasma_mutable_buffer_t writable;
    plasma_status_t status = 7;
    const void *data = "x";
    uint64_t number = 1;
    plasma_buffer_t buffer;
    int32_t created;

    put_pattern(client, 1, 1000, "name");
    buffer = get_pattern(reader, 1, 1000);
    CHECK_EQ(stats_of(client).leases, 1);
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_get_by_name(reader, "name", 0, &buffer));
    CHECK_OK(plasma_release(&buffer));
    CHECK_EQ(state_of(reader, 1), PLASMA_STATE_SEALED);
    CHECK_EQ(stats_of(reader).clients, 2);

    CHECK_STATUS(plasma_create(reader, &absent, 1, NULL, &writable),
                 PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_put(reader, &absent, "x", 1, NULL),
                 PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_put_parts(reader, &absent, &data, &number, 1, NULL),
                 PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(
        plasma_put_many(reader, &absent, &data, &number, 1, NULL, &status),
        PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_get_or_create(reader, &absent, 1, NULL, 0, &buffer,
                                      &writable, &created),
                 PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_delete(reader, &id), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_delete_many(reader, &id, 1, &status),
                 PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_pin(reader, &id), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_unpin(reader, &id), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_evict(reader, 1, &number), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_reap(reader, &number), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_trim(reader, 0, &number), PLASMA_ERR_READ_ONLY);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_SEALED);
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_ABSENT);
    plasma_disconnect(reader);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_create_waits_until_another_makes_room),
        TEST(a_release_lets_an_evicting_create_go_on),
        TEST(a_wait_for_space_ends_at_its_deadline),
        TEST(memory_of_small_objects_is_available_for_a_large_one),
        TEST(objects_that_a_client_deleted_before_it_left_are_freed_by_others),
        TEST(trim_gives_memory_back_to_the_system),
        TEST(reserve_takes_all_memory_at_creation),
        TEST(a_read_only_handle_reads_and_refuses_to_write),
    };
    return RUN_TESTS(argc, argv, tests);
}
