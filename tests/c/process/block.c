/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Calls that wait for objects of other processes, and the events that end the
 * wait.
 */

#include "check.h"

#include <poll.h>

#define MIB (UINT64_C(1) << 20)

/** The other process has sent nothing. */
static void check_silent(const struct process *process)
{
    struct pollfd look = { process->in, POLLIN, 0 };

    CHECK_EQ(poll(&look, 1, 0), 0);
}

static void get_one(struct process *parent, void *arg)
{
    uint32_t flags = *(const uint32_t *)arg;
    plasma_client_t *client = connect_store(flags, 0, 0);
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;

    tell(parent, 'b');
    CHECK_OK(plasma_get(client, &id, -1, &buffer));
    CHECK_EQ(buffer.size, 5000);
    CHECK(is_filled(buffer.data, 5000, 1));
    tell(parent, 'g');
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_a_get_waits_before_and_while_the_object_is_written(void)
{
    uint32_t kinds[] = { PLASMA_CONNECT_EXISTING, PLASMA_CONNECT_READ_ONLY };
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;

    for (int turn = 0; turn < 2; turn++) {
        struct process early = spawn(get_one, &kinds[turn]);
        hear(&early, 'b');
        await_sleep(early.pid, early.pid);
        CHECK_OK(plasma_create(client, &id, 5000, NULL, &writable));
        struct process late = spawn(get_one, &kinds[turn]);
        hear(&late, 'b');
        await_sleep(late.pid, late.pid);
        await_sleep(early.pid, early.pid);
        fill(writable.data, 5000, 1);
        check_silent(&early);
        check_silent(&late);
        CHECK_OK(plasma_seal(&writable));
        hear(&early, 'g');
        hear(&late, 'g');
        finish(&early);
        finish(&late);
        CHECK_OK(plasma_delete(client, &id));
    }
    plasma_disconnect(client);
}

static void *get_in_thread(void *client)
{
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;

    CHECK_OK(plasma_get(client, &id, -1, &buffer));
    CHECK(is_filled(buffer.data, 5000, 1));
    CHECK_OK(plasma_release(&buffer));
    return NULL;
}

static void get_in_threads(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    pthread_t threads[8];

    (void)arg;
    for (int at = 0; at < 8; at++) {
        CHECK(pthread_create(&threads[at], NULL, get_in_thread, client) == 0);
    }
    tell(parent, 'b');
    for (int at = 0; at < 8; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
    }
    plasma_disconnect(client);
}

static void test_one_seal_wakes_many_threads_of_many_processes(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;
    struct process processes[32];

    for (int turn = 0; turn < 2; turn++) {
        for (int at = 0; at < 32; at++) {
            processes[at] = spawn(get_in_threads, NULL);
        }
        for (int at = 0; at < 32; at++) {
            hear(&processes[at], 'b');
        }
        for (int at = 0; turn == 1 && at < 32; at++) {
            await_sleep(processes[at].pid, processes[at].pid);
        }
        CHECK_OK(plasma_create(client, &id, 5000, NULL, &writable));
        fill(writable.data, 5000, 1);
        CHECK_OK(plasma_seal(&writable));
        for (int at = 0; at < 32; at++) {
            finish(&processes[at]);
        }
        CHECK_EQ(stats_of(client).leases, 0);
        CHECK_EQ(stats_of(client).clients, 1);
        CHECK_OK(plasma_delete(client, &id));
    }
    plasma_disconnect(client);
}

enum { CROWD = 300 };

static void get_a_crowd(struct process *parent, void *arg)
{
    static plasma_id_t ids[CROWD];
    static plasma_buffer_t buffers[CROWD];
    static plasma_status_t statuses[CROWD];
    static uint8_t ready[CROWD];
    uint64_t count = *(const uint64_t *)arg;
    size_t ready_count;
    plasma_client_t *client = join_store();

    for (uint64_t at = 0; at < count; at++) {
        ids[at] = id_of(count - at);
    }
    tell(parent, 'b');
    CHECK_OK(plasma_wait(client, ids, count, 1, -1, ready, &ready_count));
    CHECK(ready_count >= 1);
    tell(parent, '1');
    CHECK_OK(plasma_get_many(client, ids, count, -1, buffers, statuses));
    for (uint64_t at = 0; at < count; at++) {
        CHECK_EQ(statuses[at], PLASMA_OK);
        CHECK_EQ(buffers[at].size, 10);
        CHECK(is_filled(buffers[at].data, 10, count - at));
    }
    CHECK_OK(plasma_release_many(buffers, count));
    CHECK_OK(plasma_wait(client, ids, count, 0, -1, ready, &ready_count));
    CHECK_EQ(ready_count, count);
    tell(parent, 'g');
    plasma_disconnect(client);
}

static void test_get_many_and_wait_sleep_until_enough_are_sealed(void)
{
    uint64_t counts[] = { 2, 100, 128, 129, CROWD };
    plasma_client_t *client = make_store(MIB);

    for (int turn = 0; turn < 5; turn++) {
        uint64_t count = counts[turn];
        struct process waiter = spawn(get_a_crowd, &count);
        hear(&waiter, 'b');
        await_sleep(waiter.pid, waiter.pid);
        check_silent(&waiter);
        put_pattern(client, count / 2, 10, NULL);
        hear(&waiter, '1');
        for (uint64_t number = 1; number < count; number++) {
            if (number != count / 2) {
                put_pattern(client, number, 10, NULL);
            }
        }
        await_sleep(waiter.pid, waiter.pid);
        check_silent(&waiter);
        put_pattern(client, count, 10, NULL);
        hear(&waiter, 'g');
        finish(&waiter);
        for (uint64_t number = 1; number <= count; number++) {
            plasma_id_t id = id_of(number);
            CHECK_OK(plasma_delete(client, &id));
        }
    }
    plasma_disconnect(client);
}

static void get_or_create_one(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;
    plasma_mutable_buffer_t writable;
    int32_t created = 9;

    (void)arg;
    tell(parent, 'r');
    hear(parent, 's');
    CHECK_OK(plasma_get_or_create(client, &id, 5000, NULL, -1, &buffer,
                                  &writable, &created));
    if (created) {
        CHECK_EQ(created, 1);
        CHECK(buffer.data == NULL && writable.size == 5000);
        fill(writable.data, 5000, 1);
        CHECK_OK(plasma_seal(&writable));
    } else {
        CHECK(writable.data == NULL && buffer.size == 5000);
        CHECK(is_filled(buffer.data, 5000, 1));
        CHECK_OK(plasma_release(&buffer));
    }
    tell(parent, created ? 'c' : 'g');
    plasma_disconnect(client);
}

static void test_of_many_that_get_or_create_one_creates(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    struct process processes[8];

    for (int turn = 0; turn < 10; turn++) {
        int created = 0;
        for (int at = 0; at < 8; at++) {
            processes[at] = spawn(get_or_create_one, NULL);
        }
        for (int at = 0; at < 8; at++) {
            hear(&processes[at], 'r');
        }
        for (int at = 0; at < 8; at++) {
            tell(&processes[at], 's');
        }
        for (int at = 0; at < 8; at++) {
            char letter;
            hear_bytes(&processes[at], &letter, 1);
            CHECK(letter == 'c' || letter == 'g');
            created += letter == 'c';
            finish(&processes[at]);
        }
        CHECK_EQ(created, 1);
        CHECK_OK(plasma_delete(client, &id));
    }
    plasma_disconnect(client);
}

static void test_get_or_create_waits_for_another_creator(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t first, writable;
    plasma_buffer_t buffer;
    int32_t created = 9;

    CHECK_OK(plasma_get_or_create(client, &id, 100, NULL, 0, &buffer, &first,
                                  &created));
    CHECK_EQ(created, 1);
    CHECK_STATUS(plasma_get_or_create(client, &id, 100, NULL, 0, &buffer,
                                      &writable, &created),
                 PLASMA_ERR_NOT_SEALED);
    int64_t begin = now_ms();
    CHECK_STATUS(plasma_get_or_create(client, &id, 100, NULL, 30, &buffer,
                                      &writable, &created),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - begin >= 29);

    /* After an abort one of the waiters creates. */
    struct process other = spawn(get_or_create_one, NULL);
    hear(&other, 'r');
    tell(&other, 's');
    await_sleep(other.pid, other.pid);
    check_silent(&other);
    CHECK_OK(plasma_abort(&first));
    hear(&other, 'c');
    finish(&other);
    CHECK_OK(plasma_get_or_create(client, &id, 7, NULL, 0, &buffer, &writable,
                                  &created));
    CHECK_EQ(created, 0);
    CHECK_EQ(buffer.size, 5000);
    CHECK(is_filled(buffer.data, 5000, 1));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_a_wait_does_not_end_with_an_abort(void)
{
    uint32_t flags = PLASMA_CONNECT_EXISTING;
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;

    CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    struct process waiter = spawn(get_one, &flags);
    hear(&waiter, 'b');
    for (int turn = 0; turn < 5; turn++) {
        await_sleep(waiter.pid, waiter.pid);
        CHECK_OK(plasma_abort(&writable));
        await_sleep(waiter.pid, waiter.pid);
        CHECK_OK(plasma_create(client, &id, 200, NULL, &writable));
    }
    check_silent(&waiter);
    CHECK_OK(plasma_resize(&writable, 5000));
    fill(writable.data, 5000, 1);
    CHECK_OK(plasma_seal(&writable));
    hear(&waiter, 'g');
    finish(&waiter);
    plasma_disconnect(client);
}

enum { LOADERS = 8 };

/** Get or create; a process that creates sends its number, and stays in it. */
static void load(struct process *parent, void *arg)
{
    const int *said = arg;
    plasma_client_t *client = join_store();
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);
    int32_t pid = getpid(), created;

    tell(parent, 'b');
    CHECK_OK(plasma_get_or_create(client, &id, 10, NULL, -1, &buffer, &writable,
                                  &created));
    CHECK(created);
    CHECK(write(said[1], &pid, sizeof pid) == sizeof pid);
    hear(parent, 'q');
}

/**
 * Eight processes load one object, and each is killed in it: the next takes
 * over, and none depends on a wake by the dead. Regression: each noticed 100
 * ms late, one after another.
 */
static void test_loaders_that_die_one_after_another(void)
{
    plasma_client_t *client = make_store(MIB);
    struct process loaders[LOADERS];
    int said[2];
    int32_t pid;

    CHECK(pipe(said) == 0);
    for (int at = 0; at < LOADERS; at++) {
        loaders[at] = spawn(load, said);
        hear(&loaders[at], 'b');
    }
    int64_t start = now_ms();
    for (int dead = 0; dead < LOADERS; dead++) {
        CHECK(read(said[0], &pid, sizeof pid) == sizeof pid);
        int at = 0;
        while (at < LOADERS - dead && loaders[at].pid != pid) {
            at++;
        }
        CHECK(at < LOADERS - dead);
        struct process winner = loaders[at];
        loaders[at] = loaders[LOADERS - 1 - dead];
        for (at = 0; at < LOADERS - 1 - dead; at++) {
            await_sleep(loaders[at].pid, loaders[at].pid);
        }
        kill_process(&winner);
    }
    printf("%d deaths in %d ms\n", LOADERS, (int)(now_ms() - start));
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    CHECK(close(said[0]) == 0 && close(said[1]) == 0);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_get_waits_before_and_while_the_object_is_written),
        TEST(one_seal_wakes_many_threads_of_many_processes),
        TEST(get_many_and_wait_sleep_until_enough_are_sealed),
        TEST(of_many_that_get_or_create_one_creates),
        TEST(get_or_create_waits_for_another_creator),
        TEST(a_wait_does_not_end_with_an_abort),
        TEST(loaders_that_die_one_after_another),
    };
    return RUN_TESTS(argc, argv, tests);
}
