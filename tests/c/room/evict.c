/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Making room by eviction, in stores with eviction and by plasma_evict().
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)
enum { FIT = 8 };

/** A store that eight objects of 1 MiB fill, and objects 1 to 8 in it. */
static plasma_client_t *make_filled_store(uint32_t eviction)
{
    plasma_client_t *client =
        connect_store(PLASMA_CONNECT_EXCLUSIVE, FIT * MIB, eviction);

    for (uint64_t number = 1; number <= FIT; number++) {
        put_pattern(client, number, MIB, NULL);
    }
    return client;
}

static void touch(plasma_client_t *client, uint64_t number)
{
    plasma_id_t id = id_of(number);
    plasma_buffer_t buffer;

    CHECK_OK(plasma_get(client, &id, 0, &buffer));
    CHECK_OK(plasma_release(&buffer));
}

/** Put one more object; exactly object `victim` makes room for it. */
static void check_next_victim(plasma_client_t *client, uint64_t new,
                              uint64_t victim)
{
    uint64_t before = stats_of(client).evictions;

    CHECK_EQ(state_of(client, victim), PLASMA_STATE_SEALED);
    put_pattern(client, new, MIB, NULL);
    CHECK_EQ(state_of(client, victim), PLASMA_STATE_ABSENT);
    CHECK_EQ(stats_of(client).evictions, before + 1);
}

static void test_the_least_recently_released_go_first(void)
{
    static const uint64_t order[FIT] = { 3, 1, 7, 5, 8, 2, 6, 4 };
    plasma_client_t *client = make_filled_store(PLASMA_EVICTION_LRU);
    plasma_client_t *other = join_store();
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;

    for (int at = 0; at < FIT; at++) {
        touch(at % 2 ? client : other, order[at]);
    }
    CHECK_OK(plasma_subscribe(client, &subscription));
    for (uint64_t at = 0; at < FIT; at++) {
        check_next_victim(at % 2 ? client : other, 100 + at, order[at]);
        CHECK_OK(plasma_next_event(subscription, 0, &event));
        CHECK_EQ(event.type, PLASMA_EVENT_EVICTED);
        CHECK(same_id(event.id, id_of(order[at])));
        CHECK_EQ(event.data_size, MIB);
        CHECK_OK(plasma_next_event(subscription, 0, &event));
        CHECK_EQ(event.type, PLASMA_EVENT_SEALED);
        CHECK(same_id(event.id, id_of(100 + at)));
    }
    CHECK_EQ(stats_of(client).evicted_bytes, FIT * MIB);
    CHECK_EQ(stats_of(client).objects_sealed, FIT);
    plasma_unsubscribe(subscription);
    plasma_disconnect(other);
    plasma_disconnect(client);
}

enum fate { STAYS, LEAVES, IS_KILLED };

static void touch_two(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();

    touch(client, 1);
    touch(client, 2);
    if (*(const enum fate *)arg == LEAVES) {
        plasma_disconnect(client);
    }
    tell(parent, 't');
    hear(parent, 'q');
}

static void test_releases_of_other_processes_count_whatever_their_fate(void)
{
    for (enum fate fate = STAYS; fate <= IS_KILLED; fate++) {
        plasma_client_t *client = make_filled_store(PLASMA_EVICTION_LRU);
        struct process other = spawn(touch_two, &fate);
        hear(&other, 't');
        if (fate == IS_KILLED) {
            kill_process(&other);
        }
        check_next_victim(client, 100, 3);
        check_next_victim(client, 101, 4);
        if (fate != IS_KILLED) {
            tell(&other, 'q');
            finish(&other);
        }
        for (uint64_t number = 5; number <= FIT; number++) {
            check_next_victim(client, 100 + number, number);
        }
        check_next_victim(client, 110, 1);
        check_next_victim(client, 111, 2);
        plasma_disconnect(client);
        CHECK_OK(plasma_store_remove(store()));
    }
}

static void hold(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, *(const uint64_t *)arg, MIB);

    tell(parent, 'h');
    hear(parent, 'r');
    CHECK(is_filled(buffer.data, MIB, *(const uint64_t *)arg));
    CHECK_OK(plasma_release(&buffer));
    tell(parent, 'r');
    hear(parent, 'q');
    plasma_disconnect(client);
}

static void test_held_and_pinned_objects_stay(void)
{
    plasma_client_t *client = make_filled_store(PLASMA_EVICTION_LRU);
    plasma_id_t pinned = id_of(2), id = id_of(500);
    plasma_mutable_buffer_t writable;
    uint64_t held = 1;

    CHECK_OK(plasma_pin(client, &pinned));
    struct process holder = spawn(hold, &held);
    hear(&holder, 'h');
    for (uint64_t number = 3; number <= FIT; number++) {
        check_next_victim(client, 100 + number, number);
    }
    for (uint64_t number = 0; number < 20; number++) {
        put_pattern(client, 200 + number, MIB, NULL);
    }
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_SEALED);
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_SEALED);
    CHECK_STATUS(plasma_create(client, &id, 7 * MIB, NULL, &writable),
                 PLASMA_ERR_OUT_OF_MEMORY);
    tell(&holder, 'r');
    hear(&holder, 'r');
    CHECK_STATUS(plasma_create(client, &id, 8 * MIB, NULL, &writable),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_OK(plasma_unpin(client, &pinned));
    CHECK_OK(plasma_create(client, &id, 8 * MIB, NULL, &writable));
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    CHECK_EQ(stats_of(client).objects_sealed, 0);
    CHECK_OK(plasma_seal(&writable));
    tell(&holder, 'q');
    finish(&holder);
    plasma_disconnect(client);
}

static void test_an_object_that_can_never_fit_evicts_nothing(void)
{
    plasma_client_t *client = make_filled_store(PLASMA_EVICTION_LRU);
    plasma_buffer_t buffers[FIT];
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(100);

    for (uint64_t at = 0; at < FIT; at++) {
        buffers[at] = get_pattern(client, at + 1, MIB);
    }
    /* Sorted by address, so that every second one can be held as a wall. */
    for (int left = 0; left < FIT; left++) {
        for (int right = left + 1; right < FIT; right++) {
            if (buffers[right].data < buffers[left].data) {
                plasma_buffer_t swapped = buffers[left];
                buffers[left] = buffers[right];
                buffers[right] = swapped;
            }
        }
    }
    for (int at = 0; at < FIT; at += 2) {
        CHECK_OK(plasma_release(&buffers[at]));
    }
    CHECK_STATUS(plasma_create(client, &id, MIB + 1, NULL, &writable),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_STATUS(plasma_create(client, &id, 4 * MIB, NULL, &writable),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_EQ(stats_of(client).evictions, 0);
    CHECK_EQ(stats_of(client).objects_sealed, FIT);
    CHECK_OK(plasma_create(client, &id, MIB, NULL, &writable));
    CHECK_EQ(stats_of(client).evictions, 1);
    CHECK_OK(plasma_abort(&writable));
    CHECK_OK(plasma_release_many(buffers, FIT));
    plasma_disconnect(client);
}

/** An object that begins at a page may have unused memory before it, which
 * becomes free with the object. While the object is held, eviction gains
 * nothing there. */
static void test_memory_before_a_pinned_object_is_no_room(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_create_options_t pinned = PLASMA_CREATE_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_id_t small = id_of(1), large = id_of(2), rest = id_of(3);
    plasma_id_t id = id_of(4);
    plasma_mutable_buffer_t writable;

    options.flags = PLASMA_CONNECT_EXCLUSIVE;
    options.capacity = 4 * MIB;
    options.eviction = PLASMA_EVICTION_LRU;
    pinned.flags = PLASMA_CREATE_PINNED;
    CHECK_OK(plasma_connect(store(), &options, &client));
    CHECK_OK(plasma_put(client, &small, "small", 5, NULL));
    CHECK_OK(plasma_create(client, &large, MIB, &pinned, &writable));
    CHECK_EQ((uintptr_t)writable.data % 4096, 0);
    CHECK_OK(plasma_seal(&writable));
    CHECK_OK(plasma_create(client, &rest, stats_of(client).largest_free, &pinned,
                           &writable));
    CHECK_OK(plasma_seal(&writable));
    CHECK_EQ(stats_of(client).largest_free, 0);
    CHECK_STATUS(plasma_create(client, &id, 2000, NULL, &writable),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_EQ(stats_of(client).evictions, 0);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_SEALED);
    /* Once that object may be evicted, both are room together, to the last
     * byte. */
    CHECK_OK(plasma_unpin(client, &large));
    CHECK_OK(plasma_create(client, &id, MIB + 4096, NULL, &writable));
    CHECK_EQ(stats_of(client).evictions, 2);
    CHECK_OK(plasma_abort(&writable));
    plasma_disconnect(client);
}

static void test_a_store_without_eviction_refuses_and_loses_nothing(void)
{
    plasma_client_t *client = make_filled_store(PLASMA_EVICTION_NONE);
    plasma_id_t id = id_of(100);
    uint64_t evicted;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;

    for (uint64_t size = 1; size <= FIT * MIB; size *= 2) {
        CHECK_STATUS(plasma_create(client, &id, size, NULL, &writable),
                     PLASMA_ERR_OUT_OF_MEMORY);
    }
    CHECK_STATUS(plasma_evict(client, MIB, &evicted), PLASMA_ERR_UNSUPPORTED);
    CHECK_EQ(state_of(client, 100), PLASMA_STATE_ABSENT);
    CHECK_EQ(stats_of(client).evictions, 0);
    for (uint64_t number = 1; number <= FIT; number++) {
        buffer = get_pattern(client, number, MIB);
        CHECK_OK(plasma_release(&buffer));
    }
    plasma_disconnect(client);
}

static void test_evict_frees_as_much_as_asked(void)
{
    plasma_client_t *client = make_filled_store(PLASMA_EVICTION_LRU);
    plasma_id_t pinned = id_of(5);
    plasma_buffer_t held = get_pattern(client, 3, MIB);
    uint64_t evicted = 99;

    CHECK_OK(plasma_pin(client, &pinned));
    CHECK_OK(plasma_evict(client, 0, &evicted));
    CHECK_EQ(evicted, 0);
    CHECK_OK(plasma_evict(client, 1, &evicted));
    CHECK_EQ(evicted, MIB);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    CHECK_EQ(stats_of(client).objects_sealed, FIT - 1);
    CHECK_OK(plasma_evict(client, 2 * MIB, &evicted));
    CHECK_EQ(evicted, 2 * MIB);
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_ABSENT);
    CHECK_EQ(state_of(client, 4), PLASMA_STATE_ABSENT);
    CHECK_OK(plasma_evict(client, UINT64_MAX, &evicted));
    CHECK_EQ(evicted, (FIT - 5) * MIB);
    CHECK_EQ(state_of(client, 3), PLASMA_STATE_SEALED);
    CHECK_EQ(state_of(client, 5), PLASMA_STATE_SEALED);
    CHECK_EQ(stats_of(client).evictions, FIT - 2);
    CHECK_EQ(stats_of(client).evicted_bytes, (FIT - 2) * MIB);
    CHECK_EQ(stats_of(client).used, 2 * MIB);
    CHECK_OK(plasma_release(&held));
    CHECK_OK(plasma_evict(client, UINT64_MAX, &evicted));
    CHECK_EQ(evicted, MIB);
    plasma_disconnect(client);
}

static void test_running_out_of_records_evicts_too(void)
{
    uint32_t kinds[] = { PLASMA_EVICTION_LRU, PLASMA_EVICTION_NONE };

    for (int turn = 0; turn < 2; turn++) {
        plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
        plasma_client_t *client;
        plasma_id_t id = id_of(0);
        options.flags = PLASMA_CONNECT_EXCLUSIVE;
        options.capacity = MIB;
        options.max_objects = 64;
        options.eviction = kinds[turn];
        CHECK_OK(plasma_connect(store(), &options, &client));
        uint64_t count = stats_of(client).max_objects;
        CHECK_EQ(count, 64);
        for (uint64_t number = 0; number < count; number++) {
            put_pattern(client, number, 10, NULL);
        }
        if (kinds[turn] == PLASMA_EVICTION_LRU) {
            touch(client, 0);
            put_pattern(client, 1000, 10, NULL);
            CHECK_EQ(state_of(client, 0), PLASMA_STATE_SEALED);
            CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
            CHECK_EQ(state_of(client, count - 1), PLASMA_STATE_SEALED);
        } else {
            id = id_of(1000);
            CHECK_STATUS(plasma_put(client, &id, "x", 1, NULL),
                         PLASMA_ERR_LIMIT);
            CHECK_EQ(stats_of(client).objects_sealed, count);
            id = id_of(7);
            CHECK_OK(plasma_delete(client, &id));
            put_pattern(client, 1000, 10, NULL);
        }
        for (uint64_t turns = 0; turns < 500; turns++) {
            id = id_of(1000 + turns);
            CHECK_OK(plasma_delete(client, &id));
            put_pattern(client, 1001 + turns, 10, NULL);
        }
        plasma_disconnect(client);
        CHECK_OK(plasma_store_remove(store()));
    }
}

/** Put an object with this number of bytes of data and of metadata. */
static void put_with_metadata(plasma_client_t *client, uint64_t number,
                              uint64_t data_size, uint64_t metadata_size)
{
    static const char bytes[50000];
    const plasma_metadata_t pair = { "k", bytes, metadata_size - 1 };
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_id_t id = id_of(number);

    options.metadata = &pair;
    options.metadata_count = 1;
    CHECK_OK(plasma_put(client, &id, bytes, data_size, &options));
}

/**
 * Regression: objects with only metadata counted as 0 bytes, so evicting one
 * byte evicted three of them and the object with data after them.
 */
static void test_metadata_counts_as_well_as_data(void)
{
    plasma_client_t *client =
        connect_store(PLASMA_CONNECT_EXCLUSIVE, MIB, PLASMA_EVICTION_LRU);
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;
    uint64_t evicted;

    CHECK_OK(plasma_subscribe(client, &subscription));
    for (uint64_t number = 1; number <= 3; number++) {
        put_with_metadata(client, number, 0, 50000);
    }
    put_with_metadata(client, 4, 10, 1000);
    for (uint64_t number = 1; number <= 4; number++) {
        CHECK_OK(plasma_next_event(subscription, 0, &event));
        CHECK_EQ(event.type, PLASMA_EVENT_SEALED);
        CHECK_EQ(event.data_size, number == 4 ? 10 : 0);
        CHECK_EQ(event.metadata_size, number == 4 ? 1000 : 50000);
        touch(client, number);
    }
    CHECK_OK(plasma_evict(client, 1, &evicted));
    CHECK_EQ(evicted, 50000);
    CHECK_EQ(stats_of(client).evicted_bytes, 50000);
    CHECK_EQ(stats_of(client).evictions, 1);
    CHECK_OK(plasma_next_event(subscription, 0, &event));
    CHECK_EQ(event.type, PLASMA_EVENT_EVICTED);
    CHECK(same_id(event.id, id_of(1)));
    CHECK_EQ(event.data_size, 0);
    CHECK_EQ(event.metadata_size, 50000);
    for (uint64_t number = 2; number <= 4; number++) {
        CHECK_EQ(state_of(client, number), PLASMA_STATE_SEALED);
    }
    CHECK_OK(plasma_evict(client, UINT64_MAX, &evicted));
    CHECK_EQ(evicted, 2 * 50000 + 10 + 1000);
    CHECK_EQ(stats_of(client).evicted_bytes, 3 * 50000 + 10 + 1000);
    plasma_unsubscribe(subscription);
    plasma_disconnect(client);
}

/** Metadata that is set later, and deleted and aborted objects. */
static void test_events_tell_the_metadata_that_was_set_last(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_mutable_buffer_t writable;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_id_t id = id_of(1);

    CHECK_OK(plasma_subscribe(client, &subscription));
    CHECK_OK(plasma_create(client, &id, 7, NULL, &writable));
    CHECK_OK(plasma_set_metadata(&writable, "abc", "12345", 5));
    CHECK_OK(plasma_object_info(client, &id, &info));
    CHECK_EQ(info.metadata_size, 8);
    CHECK_OK(plasma_set_metadata(&writable, "d", "", 0));
    CHECK_OK(plasma_set_metadata(&writable, "abc", "1", 1));
    CHECK_OK(plasma_seal(&writable));
    CHECK_OK(plasma_delete(client, &id));
    static const int32_t types[] = { PLASMA_EVENT_SEALED, PLASMA_EVENT_DELETED };
    for (int at = 0; at < 2; at++) {
        CHECK_OK(plasma_next_event(subscription, 0, &event));
        CHECK_EQ(event.type, types[at]);
        CHECK_EQ(event.data_size, 7);
        CHECK_EQ(event.metadata_size, 5);
    }
    CHECK_OK(plasma_create(client, &id, 7, NULL, &writable));
    CHECK_OK(plasma_set_metadata(&writable, "abc", "12345", 5));
    CHECK_OK(plasma_abort(&writable));
    CHECK_OK(plasma_next_event(subscription, 0, &event));
    CHECK_EQ(event.type, PLASMA_EVENT_ABORTED);
    CHECK_EQ(event.metadata_size, 8);
    plasma_unsubscribe(subscription);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(the_least_recently_released_go_first),
        TEST(releases_of_other_processes_count_whatever_their_fate),
        TEST(held_and_pinned_objects_stay),
        TEST(an_object_that_can_never_fit_evicts_nothing),
        TEST(memory_before_a_pinned_object_is_no_room),
        TEST(a_store_without_eviction_refuses_and_loses_nothing),
        TEST(evict_frees_as_much_as_asked),
        TEST(running_out_of_records_evicts_too),
        TEST(metadata_counts_as_well_as_data),
        TEST(events_tell_the_metadata_that_was_set_last),
    };
    return RUN_TESTS(argc, argv, tests);
}
