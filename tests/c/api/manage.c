/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Deleting, and the information that a store has about its objects and
 * clients.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)

/** Hold object 1 until told to compare it. */
static void hold(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);

    (void)arg;
    tell(parent, 'h');
    hear(parent, 'r');
    CHECK(is_filled(buffer.data, 1000, 1));
    CHECK_OK(plasma_release(&buffer));
    tell(parent, 'r');
    hear(parent, 'q');
    plasma_disconnect(client);
}

/** Find the entry of a list with this id and state; there is exactly one. */
static plasma_object_info_t find(plasma_client_t *client, uint64_t number,
                                 plasma_state_t state)
{
    plasma_object_info_t info, found = PLASMA_OBJECT_INFO_INIT;
    plasma_list_t *list;
    int matches = 0;

    CHECK_OK(plasma_list(client, &list));
    for (uint64_t at = 0; at < plasma_list_count(list); at++) {
        memset(&info, 0, sizeof info);
        info.struct_size = sizeof info;
        CHECK_OK(plasma_list_at(list, at, &info));
        if (same_id(info.id, id_of(number)) && info.state == state) {
            matches++;
            found = info;
        }
    }
    CHECK_STATUS(plasma_list_at(list, plasma_list_count(list), &info),
                 PLASMA_ERR_NOT_FOUND);
    plasma_list_free(list);
    CHECK_EQ(matches, 1);
    return found;
}

static uint64_t list_length(plasma_client_t *client)
{
    plasma_list_t *list;

    CHECK_OK(plasma_list(client, &list));
    uint64_t count = plasma_list_count(list);
    plasma_list_free(list);
    return count;
}

static void test_a_deleted_object_stays_for_its_holders(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;

    put_pattern(client, 1, 1000, NULL);
    struct process holder = spawn(hold, NULL);
    hear(&holder, 'h');
    CHECK_OK(plasma_delete(client, &id));
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_delete(client, &id), PLASMA_ERR_NOT_FOUND);
    for (uint64_t turn = 0; turn < 50; turn++) {
        put_pattern(client, 1, MIB / 4 + turn, NULL);
        buffer = get_pattern(client, 1, MIB / 4 + turn);
        CHECK_OK(plasma_release(&buffer));
        CHECK_OK(plasma_delete(client, &id));
    }
    put_pattern(client, 1, 50, NULL);
    CHECK_EQ(used_after_reap(client), 1024 + 64);
    CHECK_EQ(stats_of(client).objects_deleted, 1);
    CHECK_EQ(stats_of(client).objects_sealed, 1);
    CHECK_EQ(find(client, 1, PLASMA_STATE_DELETED).data_size, 1000);
    CHECK_EQ(find(client, 1, PLASMA_STATE_DELETED).lease_count, 1);
    CHECK_EQ(find(client, 1, PLASMA_STATE_SEALED).data_size, 50);
    CHECK_EQ(list_length(client), 2);
    tell(&holder, 'r');
    hear(&holder, 'r');
    CHECK_EQ(used_after_reap(client), 64);
    CHECK_EQ(stats_of(client).objects_deleted, 0);
    CHECK_EQ(list_length(client), 1);
    tell(&holder, 'q');
    finish(&holder);
    plasma_disconnect(client);
}

static void test_a_large_object_is_free_at_once(void)
{
    const uint64_t size = 8 * MIB; /* less than a sixteenth of the store */
    plasma_client_t *client = make_store(32 * size);
    plasma_id_t id = id_of(1);

    put_pattern(client, 1, size, NULL);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_EQ(stats_of(client).used, 0);
    put_pattern(client, 1, size, NULL);
    plasma_buffer_t held = get_pattern(client, 1, size);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_EQ(stats_of(client).used, size);
    CHECK(is_filled(held.data, size, 1));
    CHECK_OK(plasma_release(&held));
    CHECK_EQ(used_after_reap(client), 0);
    plasma_disconnect(client);
}

static void test_memory_of_many_deleted_objects_is_free_soon(void)
{
    enum { OBJECTS = 2000, HELD = 100 };
    plasma_client_t *client = make_store(64 * MIB);
    plasma_buffer_t held[HELD];

    for (uint64_t i = 0; i < OBJECTS; i++) {
        plasma_id_t id = id_of(i);
        put_pattern(client, i, 100, NULL);
        if (i < HELD) {
            held[i] = get_pattern(client, i, 100);
        }
        CHECK_OK(plasma_delete(client, &id));
    }
    CHECK(stats_of(client).objects_deleted >= HELD);
    CHECK(stats_of(client).objects_deleted < HELD + 400);
    for (uint64_t i = 0; i < HELD; i++) {
        CHECK(is_filled(held[i].data, 100, i));
        CHECK_OK(plasma_release(&held[i]));
    }
    CHECK_EQ(used_after_reap(client), 0);
    plasma_disconnect(client);
}

static void delete_what_cannot_be(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_id_t missing = id_of(7), writing = id_of(2);

    (void)parent, (void)arg;
    CHECK_STATUS(plasma_delete(client, &missing), PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_delete(client, &writing), PLASMA_ERR_NOT_SEALED);
    plasma_disconnect(client);
}

static void test_only_sealed_objects_are_deleted(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t ids[5] = { id_of(1), id_of(2), id_of(3), id_of(1), id_of(4) };
    plasma_mutable_buffer_t writable;
    plasma_status_t statuses[5];

    put_pattern(client, 1, 10, NULL);
    put_pattern(client, 4, 10, NULL);
    CHECK_OK(plasma_create(client, &ids[1], 10, NULL, &writable));
    struct process other = spawn(delete_what_cannot_be, NULL);
    finish(&other);
    CHECK_STATUS(plasma_delete(client, &ids[1]), PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(plasma_delete_many(client, ids, 5, statuses),
                 PLASMA_ERR_NOT_SEALED);
    CHECK_EQ(statuses[0], PLASMA_OK);
    CHECK_EQ(statuses[1], PLASMA_ERR_NOT_SEALED);
    CHECK_EQ(statuses[2], PLASMA_ERR_NOT_FOUND);
    CHECK_EQ(statuses[3], PLASMA_ERR_NOT_FOUND);
    CHECK_EQ(statuses[4], PLASMA_OK);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_WRITING);
    CHECK_EQ(state_of(client, 4), PLASMA_STATE_ABSENT);
    CHECK_OK(plasma_delete_many(client, NULL, 0, NULL));
    CHECK_OK(plasma_seal(&writable));
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_SEALED);
    CHECK_OK(plasma_delete(client, &ids[1]));
    plasma_disconnect(client);
}

static void test_a_list_has_every_attribute_of_each_object(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_metadata_t entry = { "format", "binary", 6 };
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT, single;
    plasma_id_t id = id_of(2);
    int64_t now_us = (int64_t)time(NULL) * 1000000;

    CHECK_EQ(list_length(client), 0);
    put_pattern(client, 1, 1000, "one");
    options.name = "two";
    options.metadata = &entry;
    options.metadata_count = 1;
    options.flags = PLASMA_CREATE_PINNED;
    CHECK_OK(plasma_create(client, &id, 70000, &options, &writable));
    put_pattern(client, 3, 0, NULL);

    info = find(client, 1, PLASMA_STATE_SEALED);
    CHECK_TEXT(info.name, "one");
    CHECK_EQ(info.data_size, 1000);
    CHECK_EQ(info.flags, PLASMA_OBJECT_NAMED);
    CHECK_EQ(info.creator_pid, getpid());
    CHECK(info.construct_duration_us >= 0);
    CHECK(info.create_time_us > now_us - INT64_C(300000000));
    CHECK(info.last_use_us >= info.create_time_us - 1000000);
    CHECK_EQ(info.lease_count, 0);
    single.struct_size = sizeof single;
    CHECK_OK(plasma_object_info(client, &info.id, &single));
    CHECK_TEXT(single.creator_address, info.creator_address);
    CHECK_EQ(single.create_time_us, info.create_time_us);
    CHECK_EQ(single.construct_duration_us, info.construct_duration_us);

    info = find(client, 2, PLASMA_STATE_WRITING);
    CHECK_TEXT(info.name, "two");
    CHECK_EQ(info.data_size, 70000);
    CHECK(info.metadata_size >= 12);
    CHECK_EQ(info.flags, PLASMA_OBJECT_NAMED | PLASMA_OBJECT_PINNED);
    CHECK_EQ(info.construct_duration_us, -1);

    info = find(client, 3, PLASMA_STATE_SEALED);
    CHECK_TEXT(info.name, "");
    CHECK_EQ(info.data_size, 0);
    CHECK_EQ(list_length(client), 3);

    pause_ms(20);
    CHECK_OK(plasma_seal(&writable));
    info = find(client, 2, PLASMA_STATE_SEALED);
    CHECK(info.construct_duration_us >= 19000);
    id = id_of(9);
    CHECK_STATUS(plasma_object_info(client, &id, &single),
                 PLASMA_ERR_NOT_FOUND);
    plasma_disconnect(client);
}

static void churn(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();

    (void)arg;
    tell(parent, 'b');
    for (uint64_t turn = 0;; turn++) {
        uint64_t number = 10000 + turn % 100;
        plasma_id_t id = id_of(number);
        put_pattern(client, number, turn % 50, NULL);
        CHECK_OK(plasma_delete(client, &id));
    }
}

static void test_a_list_during_changes_has_objects_that_stay_exactly_once(void)
{
    enum { STAY = 500, LISTS = 100 };
    plasma_client_t *client = make_store(MIB);
    static uint8_t seen[STAY];

    for (uint64_t number = 0; number < STAY; number++) {
        put_pattern(client, number, number, NULL);
    }
    struct process writer = spawn(churn, NULL);
    hear(&writer, 'b');
    for (int turn = 0; turn < LISTS; turn++) {
        plasma_list_t *list;
        memset(seen, 0, sizeof seen);
        CHECK_OK(plasma_list(client, &list));
        for (uint64_t at = 0; at < plasma_list_count(list); at++) {
            plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
            uint64_t number;
            CHECK_OK(plasma_list_at(list, at, &info));
            memcpy(&number, info.id.bytes, sizeof number);
            CHECK(number < STAY || (number >= 10000 && number < 10100));
            if (number < STAY) {
                CHECK_EQ(info.state, PLASMA_STATE_SEALED);
                CHECK_EQ(info.data_size, number);
                seen[number]++;
            }
        }
        plasma_list_free(list);
        for (int number = 0; number < STAY; number++) {
            CHECK_EQ(seen[number], 1);
        }
    }
    kill_process(&writer);
    plasma_disconnect(client);
}

/** The number of clients of a list with this pid, and the last entry. */
static int clients_of(plasma_client_list_t *list, pid_t pid,
                      plasma_client_info_t *info)
{
    int count = 0;

    for (uint64_t at = 0; at < plasma_client_list_count(list); at++) {
        plasma_client_info_t entry = PLASMA_CLIENT_INFO_INIT;
        CHECK_OK(plasma_client_list_at(list, at, &entry));
        if (entry.pid == pid) {
            *info = entry;
            count++;
        }
    }
    return count;
}

static void hold_and_write(struct process *parent, void *arg)
{
    uint32_t flags = *(const uint32_t *)arg;
    plasma_client_t *client = connect_store(flags, 0, 0);
    plasma_buffer_t first = get_pattern(client, 1, 1000);
    plasma_buffer_t second = get_pattern(client, 2, 500);
    plasma_mutable_buffer_t writable = { NULL, 0, { 0 } };
    plasma_id_t id = id_of(3);

    if ((flags & PLASMA_CONNECT_READ_ONLY) == 0) {
        CHECK_OK(plasma_create(client, &id, 70000, NULL, &writable));
    }
    tell(parent, 'h');
    hear(parent, 'q');
    if (writable.data != NULL) {
        CHECK_OK(plasma_abort(&writable));
    }
    CHECK_OK(plasma_release(&first));
    CHECK_OK(plasma_release(&second));
    plasma_disconnect(client);
}

static void test_lists_of_clients_have_the_holders_of_objects(void)
{
    uint32_t writes = PLASMA_CONNECT_EXISTING, reads = PLASMA_CONNECT_READ_ONLY;
    plasma_client_t *client = make_store(MIB);
    plasma_client_list_t *list;
    plasma_client_info_t info;
    plasma_id_t id = id_of(1);

    put_pattern(client, 1, 1000, NULL);
    put_pattern(client, 2, 500, NULL);
    struct process writer = spawn(hold_and_write, &writes);
    struct process reader = spawn(hold_and_write, &reads);
    hear(&writer, 'h');
    hear(&reader, 'h');
    CHECK_OK(plasma_list_clients(client, &list));
    CHECK_EQ(plasma_client_list_count(list), 3);
    CHECK_EQ(clients_of(list, getpid(), &info), 1);
    CHECK(info.alive && !info.read_only && !info.stopped);
    CHECK_EQ(info.uid, getuid());
    CHECK_EQ(info.lease_count, 0);
    CHECK(info.comm[0] != 0);
    CHECK(info.connect_time_us > 0);
    uint32_t slot = info.slot;
    uint64_t namespace = info.pid_namespace;
    CHECK(namespace != 0);
    CHECK_EQ(clients_of(list, writer.pid, &info), 1);
    CHECK(info.alive && !info.read_only && !info.stopped);
    CHECK_EQ(info.lease_count, 2);
    CHECK_EQ(info.leased_bytes, 1500);
    CHECK_EQ(info.writing_bytes, 70000);
    CHECK(info.slot != slot && info.pid_namespace == namespace);
    CHECK_EQ(clients_of(list, reader.pid, &info), 1);
    CHECK(info.alive && info.read_only == 1);
    CHECK_EQ(info.lease_count, 2);
    CHECK_EQ(info.writing_bytes, 0);
    CHECK_STATUS(plasma_client_list_at(list, 3, &info), PLASMA_ERR_NOT_FOUND);
    plasma_client_list_free(list);

    CHECK_OK(plasma_list_holders(client, &id, &list));
    CHECK_EQ(plasma_client_list_count(list), 2);
    CHECK_EQ(clients_of(list, writer.pid, &info), 1);
    CHECK_EQ(clients_of(list, reader.pid, &info), 1);
    plasma_client_list_free(list);
    id = id_of(9);
    CHECK_STATUS(plasma_list_holders(client, &id, &list), PLASMA_ERR_NOT_FOUND);

    CHECK(kill(reader.pid, SIGSTOP) == 0);
    CHECK_SOON(thread_state(reader.pid, reader.pid) == 'T');
    CHECK_OK(plasma_list_clients(client, &list));
    CHECK_EQ(clients_of(list, reader.pid, &info), 1);
    CHECK(info.alive && info.stopped);
    plasma_client_list_free(list);
    CHECK(kill(reader.pid, SIGCONT) == 0);
    tell(&writer, 'q');
    tell(&reader, 'q');
    finish(&writer);
    finish(&reader);
    CHECK_OK(plasma_list_clients(client, &list));
    CHECK_EQ(plasma_client_list_count(list), 1);
    plasma_disconnect(client);
    CHECK_EQ(clients_of(list, getpid(), &info), 1);
    plasma_client_list_free(list);
    CHECK_EQ(plasma_client_list_count(NULL) + plasma_list_count(NULL), 0);
    plasma_client_list_free(NULL);
    plasma_list_free(NULL);
}

static uint64_t holders_of(plasma_client_t *client, uint64_t number)
{
    plasma_client_list_t *list;
    plasma_id_t id = id_of(number);

    CHECK_OK(plasma_list_holders(client, &id, &list));
    uint64_t count = plasma_client_list_count(list);
    plasma_client_list_free(list);
    return count;
}

/**
 * Regression: the memory of a deleted object stays while clients hold it, but
 * the holders of a deleted object were NOT_FOUND.
 */
static void test_holders_of_the_deleted_are_found(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *first = join_store(), *second = join_store();
    plasma_client_list_t *list;
    plasma_id_t id = id_of(1);

    put_pattern(client, 1, 100, NULL);
    plasma_buffer_t old = get_pattern(first, 1, 100);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_EQ(holders_of(client, 1), 1);
    /* Another object with the same id, deleted as well; then one that
     * exists. */
    put_pattern(client, 1, 100, NULL);
    CHECK_EQ(holders_of(client, 1), 1);
    plasma_buffer_t newer = get_pattern(second, 1, 100);
    CHECK_EQ(holders_of(client, 1), 2);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_EQ(holders_of(client, 1), 2);
    put_pattern(client, 1, 100, NULL);
    CHECK_EQ(holders_of(client, 1), 2);
    CHECK_OK(plasma_release(&old));
    CHECK_EQ(holders_of(client, 1), 1);
    CHECK_OK(plasma_release(&newer));
    CHECK_EQ(holders_of(client, 1), 0);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_STATUS(plasma_list_holders(client, &id, &list), PLASMA_ERR_NOT_FOUND);
    plasma_disconnect(second);
    plasma_disconnect(first);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_deleted_object_stays_for_its_holders),
        TEST(a_large_object_is_free_at_once),
        TEST(memory_of_many_deleted_objects_is_free_soon),
        TEST(only_sealed_objects_are_deleted),
        TEST(a_list_has_every_attribute_of_each_object),
        TEST(a_list_during_changes_has_objects_that_stay_exactly_once),
        TEST(lists_of_clients_have_the_holders_of_objects),
        TEST(holders_of_the_deleted_are_found),
    };
    return RUN_TESTS(argc, argv, tests);
}
