/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Objects that failed: their creators say why.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)
static const char why[] = "no such table: prices";

/** The last call failed with FAILED and this message. */
static void check_message(const char *message)
{
    char expected[700];

    snprintf(expected, sizeof expected, "the creator failed%s%s",
             *message != '\0' ? ": " : "", message);
    CHECK_TEXT(plasma_error_message(), expected);
}

#define CHECK_FAILED(call, message)                                           \
    do {                                                                      \
        CHECK_STATUS(call, PLASMA_ERR_FAILED);                                \
        check_message(message);                                               \
    } while (0)

/** Create an object of 1000 bytes, and end it with a message. */
static void fail_object(plasma_client_t *client, uint64_t number,
                        const char *name, const char *expires)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_metadata_t entry = { "expires", expires, 0 };
    plasma_mutable_buffer_t writable, none = { 0 };
    plasma_id_t id = id_of(number);

    options.name = name;
    if (expires != NULL) {
        entry.value_size = strlen(expires);
        options.metadata = &entry;
        options.metadata_count = 1;
    }
    CHECK_OK(plasma_create(client, &id, 1000, &options, &writable));
    CHECK_OK(plasma_fail(&writable, why));
    CHECK(memcmp(&writable, &none, sizeof none) == 0);
}

enum waiting { BY_ID, BY_NAME, OF_MANY, BY_WAIT, OR_CREATE, WAITS };

static void wait_for_it(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_id_t ids[2] = { id_of(1), id_of(2) };
    plasma_status_t statuses[2];
    plasma_buffer_t buffers[2];
    plasma_mutable_buffer_t writable;
    uint8_t ready[2];
    size_t count;
    int32_t created;

    tell(parent, 'r');
    switch (*(const enum waiting *)arg) {
    case BY_ID:
        CHECK_FAILED(plasma_get(client, ids, -1, buffers), why);
        break;
    case BY_NAME:
        CHECK_FAILED(plasma_get_by_name(client, "one", -1, buffers), why);
        break;
    case OF_MANY:
        CHECK_FAILED(plasma_get_many(client, ids, 2, -1, buffers, statuses), why);
        CHECK_EQ(statuses[0], PLASMA_ERR_FAILED);
        CHECK_EQ(statuses[1], PLASMA_OK);
        CHECK_OK(plasma_release(&buffers[1]));
        break;
    case BY_WAIT:
        CHECK_OK(plasma_wait(client, ids, 2, 0, -1, ready, &count));
        CHECK_EQ(ready[0] + ready[1], 2);
        break;
    default:
        CHECK_FAILED(plasma_get_or_create(client, ids, 9, NULL, -1, buffers,
                                          &writable, &created), why);
    }
    plasma_disconnect(client);
}

static void test_those_that_wait_receive_the_message_at_once(void)
{
    static const enum waiting ways[WAITS] = { BY_ID, BY_NAME, OF_MANY, BY_WAIT, OR_CREATE };
    struct process waiters[WAITS];
    plasma_client_t *client = make_store(MIB);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);

    options.name = "one";
    CHECK_OK(plasma_create(client, &id, 100, &options, &writable));
    for (int at = 0; at < WAITS; at++) {
        waiters[at] = spawn(wait_for_it, (void *)(uintptr_t)&ways[at]);
        hear(&waiters[at], 'r');
        await_sleep(waiters[at].pid, waiters[at].pid);
    }
    CHECK_OK(plasma_fail(&writable, why));
    put_pattern(client, 2, 10, NULL);
    for (int at = 0; at < WAITS; at++) {
        finish(&waiters[at]);
    }
    plasma_disconnect(client);
}

static void test_a_failure_stays_until_it_is_deleted(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *reader = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_subscription_t *events;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1), other = id_of(2), found;
    int32_t created;

    CHECK_OK(plasma_subscribe(client, &events));
    fail_object(client, 1, "one", NULL);
    CHECK_OK(plasma_next_event(events, 0, &event));
    CHECK_EQ(event.type, PLASMA_EVENT_FAILED);
    CHECK(same_id(event.id, id));
    for (int at = 0; at < 2; at++) {
        plasma_client_t *each = at == 0 ? client : reader;
        CHECK_FAILED(plasma_get(each, &id, 0, &buffer), why);
        CHECK_FAILED(plasma_get(each, &id, -1, &buffer), why);
        CHECK_FAILED(plasma_get_by_name(each, "one", 0, &buffer), why);
        CHECK_EQ(state_of(each, 1), PLASMA_STATE_FAILED);
        CHECK_OK(plasma_lookup(each, "one", &found));
        CHECK(same_id(found, id));
    }
    CHECK_STATUS(plasma_create(client, &id, 1, NULL, &writable), PLASMA_ERR_EXISTS);
    CHECK_STATUS(plasma_put(client, &id, "x", 1, NULL), PLASMA_ERR_EXISTS);
    options.name = "one";
    CHECK_STATUS(plasma_create(client, &other, 1, &options, &writable),
                 PLASMA_ERR_NAME_EXISTS);
    CHECK_FAILED(plasma_get_or_create(client, &id, 1, NULL, 0, &buffer, &writable,
                                      &created), why);
    CHECK_FAILED(plasma_pin(client, &id), why);
    CHECK_OK(plasma_unpin(client, &id));
    CHECK_OK(plasma_object_info(client, &id, &info));
    CHECK_EQ(info.state, PLASMA_STATE_FAILED);
    CHECK_EQ(info.data_size, strlen(why));
    CHECK_TEXT(info.name, "one");
    CHECK(info.construct_duration_us >= 0);
    CHECK_EQ(stats_of(client).objects_failed, 1);
    CHECK_EQ(stats_of(client).objects_sealed + stats_of(client).objects_writing, 0);

    CHECK_OK(plasma_delete(client, &id));
    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_get_by_name(client, "one", 0, &buffer), PLASMA_ERR_NOT_FOUND);
    CHECK_OK(plasma_next_event(events, 0, &event));
    CHECK_EQ(event.type, PLASMA_EVENT_DELETED);
    CHECK_EQ(used_after_reap(client), 0);
    put_pattern(client, 1, 100, "one");
    CHECK_EQ(stats_of(client).objects_failed, 0);
    plasma_unsubscribe(events);
    plasma_disconnect(reader);
    plasma_disconnect(client);
}

static void test_the_message_lies_in_the_memory_of_the_object(void)
{
    static const uint64_t sizes[] = { 0, 1, 64, 65, 512, 600, 100000, 4 * MIB };
    plasma_client_t *client = make_store(4 * MIB);
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);
    char message[601], kept[601];

    memset(message, 'm', 600);
    message[600] = '\0';
    memcpy(message + 510, "\303\251\303\251", 4); /* a character at 512 */
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        uint64_t units = (sizes[at] + 63) / 64 * 64;
        uint64_t length = units < 512 ? units : 512;

        /* The store is full, or nearly so: failing needs no room. */
        CHECK_OK(plasma_create(client, &id, sizes[at], NULL, &writable));
        if (sizes[at] < 3 * MIB) {
            put_pattern(client, 2, 4 * MIB - units, NULL);
        }
        CHECK_OK(plasma_fail(&writable, message));
        memcpy(kept, message, length);
        kept[length] = '\0';
        CHECK_FAILED(plasma_get(client, &id, 0, &buffer), kept);
        CHECK_EQ(used_after_reap(client),
                 (sizes[at] < 3 * MIB ? 4 * MIB - units : 0) + (length + 63) / 64 * 64);
        plasma_id_t other = id_of(2);
        CHECK_OK(plasma_delete(client, &id));
        if (sizes[at] < 3 * MIB) {
            CHECK_OK(plasma_delete(client, &other));
        }
        CHECK_EQ(used_after_reap(client), 0);
    }
    /* A character that does not fit is left out. */
    CHECK_OK(plasma_create(client, &id, 1000, NULL, &writable));
    CHECK_OK(plasma_fail(&writable, message + 1));
    memcpy(kept, message + 1, 511);
    kept[511] = '\0';
    CHECK_FAILED(plasma_get(client, &id, 0, &buffer), kept);
    plasma_disconnect(client);
}

static void test_an_expired_failure_is_absent(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *reader = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_metadata_t entry = { "expires", "1", 1 };
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1), found;
    int32_t created;
    uint8_t ready;
    size_t count;

    for (int way = 0; way < 5; way++) {
        fail_object(client, 1, "one", "1767225600000000");
        CHECK_STATUS(plasma_get(reader, &id, 0, &buffer), PLASMA_ERR_NOT_FOUND);
        CHECK_STATUS(plasma_get(client, &id, 1, &buffer), PLASMA_ERR_TIMEOUT);
        CHECK_STATUS(plasma_get_by_name(client, "one", 0, &buffer), PLASMA_ERR_NOT_FOUND);
        CHECK_STATUS(plasma_lookup(client, "one", &found), PLASMA_ERR_NOT_FOUND);
        CHECK_STATUS(plasma_object_info(client, &id, &info), PLASMA_ERR_NOT_FOUND);
        CHECK_STATUS(plasma_wait(client, &id, 1, 1, 0, &ready, &count), PLASMA_ERR_TIMEOUT);
        CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
        options.name = way == 2 ? "one" : NULL;
        if (way == 2) {
            /* Another object takes its name. */
            plasma_id_t other = id_of(2);
            CHECK_OK(plasma_create(client, &other, 10, &options, &writable));
        } else if (way == 3) {
            CHECK_OK(plasma_get_or_create(client, &id, 10, NULL, 0, &buffer, &writable,
                                          &created));
            CHECK_EQ(created, 1);
        } else if (way == 4) {
            CHECK_OK(plasma_delete(client, &id));
            CHECK_OK(plasma_create(client, &id, 10, NULL, &writable));
        } else {
            CHECK_OK(plasma_create(client, &id, 10, NULL, &writable));
        }
        CHECK_OK(plasma_abort(&writable));
        CHECK_EQ(used_after_reap(client), 0);
    }
    /* Until then it is a failure, also where the time is no number. */
    for (int at = 0; at < 3; at++) {
        static const char *const later[] = { "9999999999999999", "soon", "-1e9" };
        fail_object(client, 1, NULL, later[at]);
        CHECK_FAILED(plasma_get(client, &id, 0, &buffer), why);
        CHECK_OK(plasma_delete(client, &id));
    }
    /* A sealed object is there until somebody removes it. */
    options.metadata = &entry;
    options.metadata_count = 1;
    options.name = NULL;
    CHECK_OK(plasma_put(client, &id, "x", 1, &options));
    CHECK_OK(plasma_get(client, &id, 0, &buffer));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(reader);
    plasma_disconnect(client);
}

static void test_eviction_takes_failures_first(void)
{
    plasma_client_t *client =
        connect_store(PLASMA_CONNECT_EXCLUSIVE, 8 * MIB, PLASMA_EVICTION_LRU);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(8), more = id_of(9);
    uint64_t evicted;

    for (uint64_t number = 1; number < 8; number++) {
        put_pattern(client, number, MIB, NULL);
    }
    options.flags = PLASMA_CREATE_PINNED;
    CHECK_OK(plasma_create(client, &id, MIB, &options, &writable));
    CHECK_EQ(stats_of(client).pinned, 1);
    CHECK_OK(plasma_fail(&writable, why));
    CHECK_EQ(stats_of(client).pinned, 0); /* FAILED clears PINNED */
    CHECK_FAILED(plasma_get(client, &id, 0, &buffer), why);
    CHECK_OK(plasma_evict(client, 1, &evicted));
    CHECK_EQ(evicted, strlen(why));
    CHECK_EQ(state_of(client, 8), PLASMA_STATE_ABSENT);
    CHECK_EQ(stats_of(client).evictions, 1);
    CHECK_OK(plasma_create(client, &more, MIB, NULL, &writable)); /* in its place */
    CHECK_EQ(stats_of(client).objects_sealed, 7);
    CHECK_OK(plasma_fail(&writable, why));

    /* A create that needs room takes them too. */
    for (uint64_t number = 10; number < 20; number++) {
        put_pattern(client, number, MIB, NULL);
        CHECK_EQ(state_of(client, 9), PLASMA_STATE_ABSENT);
    }
    plasma_disconnect(client);
}

static void test_a_failed_call_leaves_the_buffer_as_it_was(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_mutable_buffer_t writable, before;
    plasma_id_t id = id_of(1);

    CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    fill(writable.data, 100, 1);
    before = writable;
    CHECK_STATUS(plasma_fail(&writable, NULL), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_fail(&writable, "\377"), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(memcmp(&writable, &before, sizeof before) == 0);
    CHECK(is_filled(writable.data, 100, 1));
    CHECK_OK(plasma_fail(&writable, ""));
    CHECK_STATUS(plasma_fail(&before, why), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_seal(&before), PLASMA_ERR_INVALID_ARGUMENT);
    plasma_buffer_t buffer;
    CHECK_FAILED(plasma_get(client, &id, 0, &buffer), "");
    CHECK_OK(plasma_delete(client, &id));

    CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    fill(writable.data, 100, 1);
    CHECK_OK(plasma_store_remove(store()));
    CHECK_STATUS(plasma_fail(&writable, why), PLASMA_ERR_STORE_GONE);
    CHECK(is_filled(writable.data, 100, 1));
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(those_that_wait_receive_the_message_at_once),
        TEST(a_failure_stays_until_it_is_deleted),
        TEST(the_message_lies_in_the_memory_of_the_object),
        TEST(an_expired_failure_is_absent),
        TEST(eviction_takes_failures_first),
        TEST(a_failed_call_leaves_the_buffer_as_it_was),
    };
    return RUN_TESTS(argc, argv, tests);
}
