/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Calls that wait for the writer lock of a stopped or killed process.
 */

#include "owner.h"
#include "remote.h"

enum { LOCK_MS = 40 };

static plasma_client_t *impatient(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = NULL;

    options.lock_timeout_ms = LOCK_MS;
    CHECK_OK(plasma_connect(store(), &options, &client));
    return client;
}

static void test_each_call_that_changes_the_store_times_out(void)
{
    plasma_client_t *owner = connect_store(0, 1 << 20, PLASMA_EVICTION_LRU);
    plasma_client_t *client = impatient();
    plasma_mutable_buffer_t writable, before, none;
    plasma_buffer_t buffer, limbo;
    plasma_status_t status;
    plasma_id_t id = id_of(1), unsealed = id_of(2), new = id_of(3);
    plasma_id_t pinned = id_of(4), deleted = id_of(5);
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;
    const void *data = "x";
    uint64_t size = 1, number;
    int32_t created;

    put_pattern(client, 1, 1000, "one");
    put_pattern(client, 4, 1000, NULL);
    CHECK_OK(plasma_pin(client, &pinned));
    put_pattern(client, 5, 1000, NULL);
    limbo = get_pattern(client, 5, 1000);
    CHECK_OK(plasma_delete(client, &deleted));
    CHECK_OK(plasma_create(client, &unsealed, 1000, NULL, &writable));
    fill(writable.data, 1000, 2);
    before = writable;
    struct process stopped = new_remote((struct login){ .address = store() });
    CHECK(kill(stopped.pid, SIGSTOP) == 0);
    uint64_t *word = lock_word();
    take_lock(word, slot_of(client, stopped.pid));

    int64_t start = now_ms();
    CHECK_STATUS(plasma_create(client, &new, 10, NULL, &none),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - start >= LOCK_MS);
    CHECK_STATUS(plasma_put(client, &new, "x", 1, NULL), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_put_parts(client, &new, &data, &size, 1, NULL),
                 PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_put_many(client, &new, &data, &size, 1, NULL, &status),
                 PLASMA_ERR_TIMEOUT);
    CHECK_EQ(status, PLASMA_ERR_TIMEOUT);
    start = now_ms();
    CHECK_STATUS(plasma_get_or_create(client, &new, 1, NULL, 3 * LOCK_MS,
                                      &buffer, &none, &created),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - start >= 3 * LOCK_MS); /* its own timeout is the longer one */
    CHECK_STATUS(plasma_resize(&writable, 100000), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_set_metadata(&writable, "key", "value", 5),
                 PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_abort(&writable), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_fail(&writable, "why"), PLASMA_ERR_TIMEOUT);
    CHECK(memcmp(&writable, &before, sizeof before) == 0);
    CHECK_STATUS(plasma_delete(client, &id), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_delete_by_name(client, "one"), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_get_or_create_by_name(client, "new", 1, NULL, 0, &buffer,
                                              &none, &created),
                 PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_delete_many(client, &id, 1, &status),
                 PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_pin(client, &id), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_unpin(client, &pinned), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_evict(client, 1, &number), PLASMA_ERR_TIMEOUT);
    CHECK_OK(plasma_release(&limbo));
    CHECK_STATUS(plasma_reap(client, &number), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_trim(client, 0, &number), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_check(client, &report), PLASMA_ERR_TIMEOUT);

    give_lock(word);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_SEALED);
    CHECK_EQ(state_of(client, 3), PLASMA_STATE_ABSENT);
    CHECK_EQ(stats_of(client).pinned, 1);
    CHECK_OK(plasma_resize(&writable, 100000));
    CHECK(is_filled(writable.data, 1000, 2));
    CHECK_OK(plasma_abort(&writable));
    CHECK_OK(plasma_put(client, &new, "x", 1, NULL));
    CHECK_OK(plasma_delete(client, &id));
    CHECK_EQ(stats_of(client).lock_steals, 0); /* a stopped owner is not dead */
    CHECK(kill(stopped.pid, SIGCONT) == 0);
    end_remote(&stopped);
    plasma_disconnect(client);
    plasma_disconnect(owner);
}

static void test_reading_releasing_sealing_and_leaving_go_on(void)
{
    plasma_client_t *client = make_store(1 << 20);
    plasma_client_t *leaver = join_store();
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer, copy;
    plasma_id_t id = id_of(2), found;
    plasma_list_t *list;
    uint8_t ready;
    size_t ready_count;

    put_pattern(client, 1, 1000, "one");
    CHECK_OK(plasma_create(client, &id, 1000, NULL, &writable));
    struct process stopped = new_remote((struct login){ .address = store() });
    struct process waiter = new_remote((struct login){ .address = store() });
    CHECK(kill(stopped.pid, SIGSTOP) == 0);
    ask_and_see_it_wait(&waiter, REMOTE_WAIT, 2);
    uint64_t *word = lock_word();
    take_lock(word, slot_of(client, stopped.pid));

    buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_retain(&buffer, &copy));
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_get_by_name(client, "one", -1, &buffer));
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_release(&copy));
    CHECK_OK(plasma_lookup(client, "one", &found));
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_WRITING);
    CHECK_EQ(state_of(client, 3), PLASMA_STATE_ABSENT);
    fill(writable.data, 1000, 2);
    CHECK_OK(plasma_seal(&writable));
    CHECK_OK(answer(&waiter).status);
    CHECK_OK(plasma_wait(client, &id, 1, 0, -1, &ready, &ready_count));
    CHECK_OK(plasma_list(client, &list));
    CHECK_EQ(plasma_list_count(list), 2);
    plasma_list_free(list);
    plasma_client_t *reader = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    buffer = get_pattern(reader, 2, 1000);
    plasma_disconnect(reader);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(leaver);
    CHECK((__atomic_load_n(word, __ATOMIC_ACQUIRE) & 0xffff) != 0);

    give_lock(word);
    CHECK(kill(stopped.pid, SIGCONT) == 0);
    end_remote(&stopped);
    end_remote(&waiter);
    plasma_disconnect(client);
}

static void test_stats_do_not_wait_for_the_lock(void)
{
    plasma_client_t *client = make_store(1 << 20);
    struct process stopped = new_remote((struct login){ .address = store() });

    put_pattern(client, 1, 1000, NULL);
    uint64_t *word = lock_word();
    CHECK(kill(stopped.pid, SIGSTOP) == 0);
    take_lock(word, slot_of(client, stopped.pid));
    alarm(10);
    CHECK_EQ(stats_of(client).clients, 2);
    CHECK_EQ(stats_of(client).objects_sealed, 1);
    alarm(0);
    give_lock(word);
    CHECK(kill(stopped.pid, SIGCONT) == 0);
    end_remote(&stopped);
    plasma_disconnect(client);
}

static void test_the_lock_of_the_killed_is_taken_and_nothing_is_lost(void)
{
    plasma_client_t *client = make_store(1 << 20);
    struct process owner = new_remote((struct login){ .address = store() });
    uint64_t *word = lock_word();

    for (uint64_t number = 0; number < 100; number++) {
        put_pattern(client, number, 100 * number, NULL);
    }
    CHECK_OK(ask(&owner, REMOTE_CREATE, 1000, 5000));
    take_lock(word, slot_of(client, owner.pid));
    kill_process(&owner);
    put_pattern(client, 1000, 5000, NULL); /* it waits, forever if necessary */
    for (uint64_t number = 0; number < 100; number++) {
        plasma_buffer_t buffer = get_pattern(client, number, 100 * number);
        CHECK_OK(plasma_release(&buffer));
    }
    CHECK_EQ(stats_of(client).lock_steals, 1);
    CHECK(stats_of(client).recoveries >= 1);
    CHECK_EQ(stats_of(client).objects_sealed, 101);
    CHECK_EQ(stats_of(client).objects_writing, 0);
    plasma_disconnect(client);
}

static void test_a_lock_of_nobody_is_taken(void)
{
    /* Slots without a client, and slots that cannot exist. */
    static const uint32_t nobody[] = { 77, 1023, 1024, 2000 };
    plasma_client_t *client = make_store(1 << 20);
    uint64_t *word = lock_word();

    put_pattern(client, 1, 1000, "one");
    alarm(60);
    for (uint64_t at = 0; at < sizeof nobody / sizeof *nobody; at++) {
        take_lock(word, nobody[at]);
        put_pattern(client, 100 + at, 1000, NULL); /* it waits forever */
        CHECK_EQ(stats_of(client).lock_steals, at + 1);
    }
    alarm(0);
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_release(&buffer));
    CHECK_EQ(stats_of(client).objects_sealed, 5);
    plasma_disconnect(client);
}

static void test_readers_go_on_when_all_producers_died_inside_recovery(void)
{
    enum { OBJECTS = 200 };
    static const uint64_t no_chains[1024];
    plasma_client_t *client = make_store(1 << 20); /* 1024 records */
    struct process owner = new_remote((struct login){ .address = store() });
    plasma_client_t *reader = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    const char *index = in_dir(store(), "index");
    plasma_buffer_t buffer;
    uint64_t sequence;

    for (uint64_t number = 0; number < OBJECTS; number++) {
        put_pattern(client, number, number, NULL);
    }
    /* The state after a recovery that was killed before it rebuilt a chain. */
    take_lock(lock_word(), slot_of(client, owner.pid) | 1 << 17);
    plasma_disconnect(client);
    kill_process(&owner);
    read_at(index, REBUILD_SEQUENCE_AT, &sequence, sizeof sequence);
    CHECK_EQ(sequence % 2, 0);
    sequence++;
    write_at(index, REBUILD_SEQUENCE_AT, &sequence, sizeof sequence);
    write_at(index, ID_BUCKETS_AT, no_chains, sizeof no_chains);

    for (uint64_t number = 0; number < OBJECTS; number++) {
        plasma_id_t absent = id_of(5000 + number);
        buffer = get_pattern(reader, number, number);
        CHECK_OK(plasma_release(&buffer));
        CHECK_STATUS(plasma_get(reader, &absent, 0, &buffer),
                     PLASMA_ERR_NOT_FOUND);
    }
    client = join_store(); /* the next writer rebuilds */
    put_pattern(client, OBJECTS, 100, NULL);
    for (uint64_t number = 0; number < OBJECTS; number++) {
        buffer = get_pattern(client, number, number);
        CHECK_OK(plasma_release(&buffer));
    }
    CHECK_EQ(stats_of(client).objects_sealed, OBJECTS + 1);
    CHECK(stats_of(client).recoveries >= 1);
    plasma_disconnect(reader);
    plasma_disconnect(client);
}

struct blocked {
    plasma_client_t *client;
    pid_t tid;
    plasma_status_t status;
};

static void *delete_one(void *arg)
{
    struct blocked *blocked = arg;
    plasma_id_t id = id_of(1);

    __atomic_store_n(&blocked->tid, thread_id(), __ATOMIC_RELEASE);
    blocked->status = plasma_delete(blocked->client, &id);
    return NULL;
}

static void test_a_wait_for_the_lock_ends_with_an_interrupt_and_the_owner(void)
{
    plasma_client_t *owner = make_store(1 << 20);
    uint64_t *word = lock_word();

    put_pattern(owner, 1, 1000, NULL);
    for (int end = 0; end < 3; end++) {
        struct blocked blocked = { join_store(), 0, 0 };
        pthread_t thread;
        take_lock(word, slot_of(owner, getpid()));
        CHECK(pthread_create(&thread, NULL, delete_one, &blocked) == 0);
        CHECK_SOON(__atomic_load_n(&blocked.tid, __ATOMIC_ACQUIRE) != 0);
        await_sleep(getpid(), blocked.tid);
        switch (end) {
        case 0: CHECK_OK(plasma_interrupt(blocked.client)); break;
        case 1: plasma_disconnect(blocked.client); break;
        default: give_lock(word); break;
        }
        CHECK(pthread_join(thread, NULL) == 0);
        const plasma_status_t expected[] = { PLASMA_ERR_INTERRUPTED,
                                             PLASMA_ERR_DISCONNECTED,
                                             PLASMA_OK };
        CHECK_STATUS(blocked.status, expected[end]);
        if (end < 2) {
            give_lock(word);
            CHECK_EQ(state_of(owner, 1), PLASMA_STATE_SEALED);
        }
        if (end != 1) {
            plasma_disconnect(blocked.client);
        }
    }
    CHECK_EQ(state_of(owner, 1), PLASMA_STATE_ABSENT);
    plasma_disconnect(owner);
}

/* ---- Waits for an object of a dead creator while the lock's owner is
 * stopped ---- */

static void test_a_wait_keeps_its_own_time_when_the_dead_cannot_be_reaped(void)
{
    plasma_client_t *client = make_store(1 << 20), *hasty;
    plasma_id_t ids[] = { id_of(1), id_of(2) };
    plasma_buffer_t buffer, buffers[2];
    plasma_status_t each[2];
    uint8_t ready[2] = { 9, 9 };
    size_t ready_count = 9;

    put_pattern(client, 1, 100, NULL);
    hasty = impatient();
    struct process creator = new_remote((struct login){ .address = store() });
    CHECK_OK(ask(&creator, REMOTE_CREATE, 2, 100));
    struct process stopped = new_remote((struct login){ .address = store() });
    CHECK(kill(stopped.pid, SIGSTOP) == 0);
    uint64_t *word = lock_word();
    take_lock(word, slot_of(client, stopped.pid));
    kill_process(&creator);

    int64_t start = now_ms();
    CHECK_STATUS(plasma_get(hasty, &ids[1], 5 * LOCK_MS, &buffer),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - start >= 5 * LOCK_MS);
    start = now_ms();
    CHECK_STATUS(plasma_wait(hasty, ids, 2, 2, 5 * LOCK_MS, ready, &ready_count),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - start >= 5 * LOCK_MS);
    CHECK_EQ(ready_count, 1);
    CHECK(ready[0] == 1 && ready[1] == 0);
    CHECK_STATUS(plasma_get_many(hasty, ids, 2, 2 * LOCK_MS, buffers, each),
                 PLASMA_ERR_TIMEOUT);
    CHECK_EQ(each[0], PLASMA_OK);
    CHECK_EQ(each[1], PLASMA_ERR_TIMEOUT);
    CHECK_OK(plasma_release(&buffers[0]));

    give_lock(word);
    CHECK(kill(stopped.pid, SIGCONT) == 0);
    put_pattern(hasty, 2, 100, NULL);
    end_remote(&stopped);
    plasma_disconnect(hasty);
    plasma_disconnect(client);
}

/* ---- An EPHEMERAL store whose leaver is stopped while it looks for others
 * ---- */

static void test_connecting_waits_for_a_stopped_leaver_no_longer_than_it_may(void)
{
    enum { LIFECYCLE_AT = 136, LIVE = 1, CLOSING = 2 };
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = connect_store(PLASMA_CONNECT_EPHEMERAL, 1 << 20,
                                            PLASMA_EVICTION_NONE);
    plasma_client_t *late = NULL;
    uint32_t lifecycle = CLOSING;

    struct process leaver = new_remote((struct login){ .address = store() });
    CHECK(kill(leaver.pid, SIGSTOP) == 0);
    uint64_t *word = lock_word();
    take_lock(word, slot_of(client, leaver.pid));
    write_at(in_dir(store(), "index"), LIFECYCLE_AT, &lifecycle,
             sizeof lifecycle);
    options.lock_timeout_ms = LOCK_MS;
    int64_t start = now_ms();
    CHECK_STATUS(plasma_connect(store(), &options, &late), PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - start >= LOCK_MS && late == NULL);

    lifecycle = LIVE;
    write_at(in_dir(store(), "index"), LIFECYCLE_AT, &lifecycle,
             sizeof lifecycle);
    give_lock(word);
    CHECK(kill(leaver.pid, SIGCONT) == 0);
    CHECK_OK(plasma_connect(store(), &options, &late));
    plasma_disconnect(late);
    end_remote(&leaver);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(each_call_that_changes_the_store_times_out),
        TEST(reading_releasing_sealing_and_leaving_go_on),
        TEST(stats_do_not_wait_for_the_lock),
        TEST(the_lock_of_the_killed_is_taken_and_nothing_is_lost),
        TEST(a_lock_of_nobody_is_taken),
        TEST(readers_go_on_when_all_producers_died_inside_recovery),
        TEST(a_wait_for_the_lock_ends_with_an_interrupt_and_the_owner),
        TEST(a_wait_keeps_its_own_time_when_the_dead_cannot_be_reaped),
        TEST(connecting_waits_for_a_stopped_leaver_no_longer_than_it_may),
    };
    return RUN_TESTS(argc, argv, tests);
}
