/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stores that are removed with their last client.
 */

#include "system.h"

static plasma_client_t *join_ephemeral(void)
{
    return connect_store(PLASMA_CONNECT_EPHEMERAL, 1 << 20, 0);
}

static void test_it_goes_with_the_last_client(void)
{
    plasma_client_t *first = join_ephemeral();
    plasma_client_t *second = join_store(); /* 0 accepts that it is ephemeral */
    plasma_client_t *reader = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);

    put_pattern(first, 1, 1000, NULL);
    plasma_disconnect(first);
    plasma_buffer_t buffer = get_pattern(second, 1, 1000);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(reader);
    first = join_ephemeral();
    plasma_disconnect(second);
    CHECK(is_there(store()));
    buffer = get_pattern(first, 1, 1000);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(first);
    CHECK_EQ(entries(check_dir), 0);
    CHECK_CONNECT(store(), PLASMA_CONNECT_EXISTING, PLASMA_ERR_STORE_NOT_FOUND);
}

static void test_buffers_count_as_present(void)
{
    plasma_client_t *client = join_ephemeral();
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);

    put_pattern(client, 1, 1000, NULL);
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_create(client, &id, 500, NULL, &writable));
    plasma_disconnect(client);
    CHECK(is_there(store()));
    CHECK_OK(plasma_release(&buffer));
    CHECK(is_there(store()));
    fill(writable.data, 500, 2);
    CHECK_OK(plasma_seal_and_get(&writable, &buffer));
    client = join_store();
    CHECK_OK(plasma_release(&buffer));
    buffer = get_pattern(client, 2, 500);
    plasma_disconnect(client);
    CHECK(is_filled(buffer.data, 500, 2));
    CHECK_OK(plasma_release(&buffer));
    CHECK_EQ(entries(check_dir), 0);
}

static void hold(struct process *parent, void *arg)
{
    plasma_client_t *client = join_ephemeral();
    plasma_buffer_t buffer;
    const uint64_t *number = arg;

    put_pattern(client, *number, 1000, NULL);
    buffer = get_pattern(client, *number, 1000);
    tell(parent, 'r');
    hear(parent, 'x');
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_a_subscription_does_not_count_as_present(void)
{
    plasma_client_t *client = connect_store(PLASMA_CONNECT_EPHEMERAL, 1 << 20, 0);
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;
    struct stat stat;
    int fd;

    CHECK_OK(plasma_subscribe(client, &subscription));
    CHECK_OK(plasma_event_fd(subscription, &fd));
    plasma_disconnect(client);
    CHECK(lstat(store(), &stat) != 0 && errno == ENOENT);
    CHECK_STATUS(plasma_next_event(subscription, 0, &event),
                 PLASMA_ERR_DISCONNECTED);
    plasma_unsubscribe(subscription);
}

static void test_a_living_client_keeps_it_when_the_others_are_killed(void)
{
    uint64_t numbers[] = { 1, 2 };
    struct process dies = spawn(hold, &numbers[0]);
    hear(&dies, 'r');
    struct process lives = spawn(hold, &numbers[1]);
    hear(&lives, 'r');
    plasma_client_t *client = join_ephemeral();

    kill_process(&dies);
    plasma_disconnect(client);
    client = join_ephemeral();
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_SEALED);
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_SEALED);
    tell(&lives, 'x');
    finish(&lives);
    plasma_disconnect(client);
    CHECK_EQ(entries(check_dir), 0);
}

static void test_dead_clients_do_not_keep_the_last_leaver(void)
{
    uint64_t number = 1;
    struct process dies = spawn(hold, &number);
    hear(&dies, 'r');
    plasma_client_t *client = join_ephemeral();

    kill_process(&dies);
    plasma_disconnect(client);
    CHECK_EQ(entries(check_dir), 0);
}

static void test_if_all_were_killed_the_next_finds_it_fresh(void)
{
    const uint32_t flags[] = { PLASMA_CONNECT_EPHEMERAL,
                               PLASMA_CONNECT_EPHEMERAL
                                   | PLASMA_CONNECT_EXCLUSIVE };

    for (int at = 0; at < 2; at++) {
        uint64_t numbers[] = { 1, 2 };
        struct process processes[2];
        for (int process = 0; process < 2; process++) {
            processes[process] = spawn(hold, &numbers[process]);
            hear(&processes[process], 'r');
        }
        kill_process(&processes[0]);
        kill_process(&processes[1]);
        plasma_client_t *client = connect_store(flags[at], 2 << 20, 0);
        plasma_stats_t stats = stats_of(client);
        CHECK_EQ(stats.capacity, 2 << 20); /* made again, not found */
        CHECK_EQ(stats.objects_sealed, 0);
        CHECK_EQ(stats.clients, 1);
        CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
        plasma_disconnect(client);
        CHECK_EQ(entries(check_dir), 0);
    }
}

static void test_if_all_were_killed_nothing_existing_is_found(void)
{
    uint64_t number = 1;
    struct process process = spawn(hold, &number);

    hear(&process, 'r');
    kill_process(&process);
    CHECK_CONNECT(store(), PLASMA_CONNECT_EXISTING, PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_CONNECT(store(), 0, PLASMA_OK);
    CHECK_OK(plasma_store_remove(store()));
}

static void come_and_go(struct process *parent, void *arg)
{
    const uint64_t *number = arg;

    tell(parent, 'r');
    hear(parent, 'g');
    for (uint64_t round = 0; round < 150; round++) {
        plasma_client_t *client = join_ephemeral();
        uint64_t mine = *number + 10 * round;
        put_pattern(client, mine, 200, NULL);
        plasma_buffer_t buffer = get_pattern(client, mine, 200);
        CHECK_OK(plasma_release(&buffer));
        plasma_id_t id = id_of(mine);
        CHECK_OK(plasma_delete(client, &id));
        plasma_disconnect(client);
    }
}

static void test_joining_and_leaving_clients_never_lose_their_views(void)
{
    uint64_t numbers[] = { 0, 1, 2, 3 };
    struct process processes[4];

    for (int at = 0; at < 4; at++) {
        processes[at] = spawn(come_and_go, &numbers[at]);
        hear(&processes[at], 'r');
    }
    for (int at = 0; at < 4; at++) {
        tell(&processes[at], 'g');
    }
    for (int at = 0; at < 4; at++) {
        finish(&processes[at]);
    }
    CHECK_EQ(entries(check_dir), 0);
}

static void test_an_ordinary_store_stays(void)
{
    plasma_client_t *client = make_store(1 << 20);

    put_pattern(client, 1, 1000, NULL);
    plasma_disconnect(client);
    client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(it_goes_with_the_last_client),
        TEST(buffers_count_as_present),
        TEST(a_subscription_does_not_count_as_present),
        TEST(a_living_client_keeps_it_when_the_others_are_killed),
        TEST(dead_clients_do_not_keep_the_last_leaver),
        TEST(if_all_were_killed_the_next_finds_it_fresh),
        TEST(if_all_were_killed_nothing_existing_is_found),
        TEST(joining_and_leaving_clients_never_lose_their_views),
        TEST(an_ordinary_store_stays),
    };
    return RUN_TESTS(argc, argv, tests);
}
