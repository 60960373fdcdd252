/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors that a client keeps: the same number among many other clients as
 * among few. With those of the lock files it asks whether others live.
 */

#include "system.h"

enum { MANY = 40 };

static int open_files(void)
{
    return entries("/proc/self/fd");
}

/** Scan all leases: deleted objects are freed. */
static void scan(plasma_client_t *client)
{
    plasma_id_t id = id_of(99);

    put_pattern(client, 99, 1000, NULL);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_EQ(used_after_reap(client), 0);
}

static void test_a_client_keeps_as_many_files_among_many_as_among_few(void)
{
    plasma_client_t *clients[MANY];
    int first = 0, last = 0;

    clients[0] = make_store(1 << 20);
    for (int at = 1; at < MANY; at++) {
        const int before = open_files();
        clients[at] = join_store();
        last = open_files() - before;
        first = at == 1 ? last : first;
    }
    CHECK(last <= first + LOCKS);
    /* A client that lists clients asks about each. */
    const int before = open_files();
    plasma_client_list_t *list;
    CHECK_OK(plasma_list_clients(clients[0], &list));
    CHECK_EQ(plasma_client_list_count(list), MANY);
    plasma_client_list_free(list);
    CHECK_EQ(stats_of(clients[0]).clients, MANY);
    CHECK(open_files() <= before + LOCKS);
    for (int at = 0; at < MANY; at++) {
        plasma_disconnect(clients[at]);
    }
}

static void test_a_scan_opens_as_many_files_among_many_as_among_few(void)
{
    plasma_client_t *client = make_store(1 << 20), *others[MANY];

    scan(client);
    const int before = open_files();
    for (int at = 0; at < MANY; at++) {
        others[at] = join_store();
    }
    const int joined = open_files();
    scan(client);
    CHECK(open_files() <= joined + LOCKS);
    for (int at = 0; at < MANY; at++) {
        plasma_disconnect(others[at]);
    }
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK(open_files() <= before + LOCKS);
    plasma_disconnect(client);
}

static void create_and_stay(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);

    (void)arg;
    CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    tell(parent, 'c');
    hear(parent, 'q');
}

/** A client that only waits checks whether creators are alive. */
static void test_a_waiter_keeps_no_file_for_each_dead_creator(void)
{
    plasma_client_t *client = make_store(1 << 20);
    int before = 0;

    for (int turn = 0; turn < 2 * LOCKS; turn++) {
        struct process creator = spawn(create_and_stay, NULL);
        hear(&creator, 'c');
        CHECK_EQ(state_of(client, 1), PLASMA_STATE_WRITING);
        kill_process(&creator);
        CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
        before = turn < LOCKS ? open_files() : before;
    }
    CHECK_EQ(open_files(), before);
    plasma_disconnect(client);
}

static void stay(struct process *parent, void *arg)
{
    const int count = *(const int *)arg;

    for (int at = 0; at < count; at++) {
        join_store();
    }
    tell(parent, 'c');
    hear(parent, 'q');
}

static void test_few_descriptors_are_enough_to_bury_many(void)
{
    plasma_client_t *client = make_store(1 << 20), *late;
    struct rlimit files, few;
    int many = 200;
    uint64_t reaped;

    struct process crowd = spawn(stay, &many);
    hear(&crowd, 'c');
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    few = files;
    few.rlim_cur = (rlim_t)open_files() + 20;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    late = join_store(); /* among living clients */
    plasma_disconnect(late);
    kill_process(&crowd);
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(reaped, many);
    CHECK_EQ(stats_of(client).clients, 1);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_client_keeps_as_many_files_among_many_as_among_few),
        TEST(a_scan_opens_as_many_files_among_many_as_among_few),
        TEST(a_waiter_keeps_no_file_for_each_dead_creator),
        TEST(few_descriptors_are_enough_to_bury_many),
    };
    return RUN_TESTS(argc, argv, tests);
}
