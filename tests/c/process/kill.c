/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Processes killed or stopped while they create, hold or wait.
 */

#include "remote.h"

enum { CAPACITY = 1 << 20 };

static struct process producer(void)
{
    return new_remote((struct login){ .address = store() });
}

static struct process reader(void)
{
    return new_remote((struct login){ .address = store(),
                                      .flags = PLASMA_CONNECT_READ_ONLY });
}

static void test_a_killed_creator_aborts_waiters_and_frees_the_id(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    struct process creator = producer();
    struct process waiters[] = { producer(), reader(), producer(), reader() };
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;

    CHECK_OK(plasma_subscribe(client, &subscription));
    CHECK_OK(ask(&creator, REMOTE_CREATE, 1, CAPACITY));
    for (int at = 0; at < 4; at++) {
        ask_and_see_it_wait(&waiters[at], REMOTE_WAIT, 1);
    }
    kill_process(&creator);
    for (int at = 0; at < 4; at++) {
        CHECK_STATUS(answer(&waiters[at]).status, PLASMA_ERR_ABORTED);
    }
    CHECK_STATUS(ask(&waiters[1], REMOTE_HOLD, 1, 0), PLASMA_ERR_NOT_FOUND);
    put_pattern(client, 1, CAPACITY, NULL);
    CHECK_OK(ask(&waiters[1], REMOTE_HOLD, 1, 0));
    CHECK_OK(plasma_next_event(subscription, 0, &event));
    CHECK(event.type == PLASMA_EVENT_ABORTED || event.type == PLASMA_EVENT_LOST);
    for (int at = 0; at < 4; at++) {
        end_remote(&waiters[at]);
    }
    plasma_unsubscribe(subscription);
    plasma_disconnect(client);
}

static void test_an_id_and_a_name_are_free_at_once_when_their_creator_dies(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1), other = id_of(2), third = id_of(3);
    plasma_buffer_t buffer;
    int32_t created;

    struct process creator = producer();
    CHECK_OK(ask(&creator, REMOTE_CREATE, 1, 1000));
    kill_process(&creator);
    CHECK_OK(plasma_put(client, &id, "mine", 4, NULL)); /* no reap was needed */
    CHECK_OK(plasma_delete(client, &id));

    creator = producer();
    CHECK_OK(ask(&creator, REMOTE_CREATE, 1, 1000));
    kill_process(&creator);
    CHECK_OK(plasma_get_or_create(client, &id, 4, NULL, 0, &buffer, &writable,
                                  &created));
    CHECK_EQ(created, 1);
    CHECK_OK(plasma_abort(&writable));

    creator = producer();
    CHECK_OK(ask(&creator, REMOTE_CREATE, 1, 1000));
    kill_process(&creator);
    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_FOUND);

    options.name = "one";
    CHECK_OK(plasma_put(client, &other, "x", 1, &options));
    CHECK_STATUS(plasma_put(client, &third, "x", 1, &options),
                 PLASMA_ERR_NAME_EXISTS);
    plasma_disconnect(client);
}

static void test_get_or_create_takes_over_from_a_killed_creator(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);
    int32_t created = 0;
    struct process creator = producer();

    CHECK_OK(ask(&creator, REMOTE_CREATE, 1, 1000));
    CHECK_STATUS(plasma_get_or_create(client, &id, 10, NULL, 0, &buffer,
                                      &writable, &created),
                 PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(plasma_get_or_create(client, &id, 10, NULL, 5, &buffer,
                                      &writable, &created), PLASMA_ERR_TIMEOUT);
    CHECK(kill(creator.pid, SIGKILL) == 0); /* it may die while we wait */
    CHECK_OK(plasma_get_or_create(client, &id, 10, NULL, 60000, &buffer,
                                  &writable, &created));
    CHECK_EQ(created, 1);
    CHECK_EQ(writable.size, 10);
    CHECK_OK(plasma_seal(&writable));
    reap_process(&creator);
    plasma_disconnect(client);
}

static void test_a_killed_holder_gives_its_memory_back(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_id_t id = id_of(1), other = id_of(2);
    plasma_mutable_buffer_t writable;
    struct process holders[] = { producer(), reader() };
    uint64_t reaped;

    for (int at = 0; at < 2; at++) {
        put_pattern(client, 1, CAPACITY, NULL);
        CHECK_OK(ask(&holders[at], REMOTE_HOLD, 1, 0));
        CHECK_OK(plasma_delete(client, &id));
        CHECK_OK(ask(&holders[at], REMOTE_LOOK, 1, 0));
        CHECK_STATUS(plasma_create(client, &other, CAPACITY, NULL, &writable),
                     PLASMA_ERR_OUT_OF_MEMORY);
        CHECK_EQ(stats_of(client).objects_deleted, 1);
        CHECK_OK(ask(&holders[at], REMOTE_LOOK, 1, 0));
        kill_process(&holders[at]);
        if (at == 0) {
            CHECK_OK(plasma_reap(client, &reaped));
            CHECK_EQ(reaped, 1);
            CHECK_EQ(stats_of(client).used, 0);
        }
        CHECK_OK(plasma_create(client, &other, CAPACITY, NULL, &writable));
        CHECK_OK(plasma_abort(&writable));
        CHECK_EQ(stats_of(client).objects_deleted, 0);
        CHECK_EQ(stats_of(client).clients, at == 0 ? 2 : 1);
    }
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(stats_of(client).reaped_clients, 2);
    CHECK_EQ(members_of(store()), 1);
    plasma_disconnect(client);
}

static void test_a_killed_waiter_is_not_missed(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    struct process waiters[] = { producer(), producer(), reader(), reader() };
    uint64_t reaped;

    for (int at = 0; at < 4; at++) {
        ask_and_see_it_wait(&waiters[at], REMOTE_WAIT, 1);
    }
    kill_process(&waiters[0]);
    kill_process(&waiters[2]);
    put_pattern(client, 1, 5000, NULL);
    CHECK_OK(answer(&waiters[1]).status);
    CHECK_OK(answer(&waiters[3]).status);
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(reaped, 2);
    CHECK_EQ(stats_of(client).leases, 2);
    end_remote(&waiters[1]);
    end_remote(&waiters[3]);
    plasma_disconnect(client);
}

static void test_a_killed_connection_is_cleaned_up_by_the_next_connect(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    struct process process = producer();

    CHECK_OK(ask(&process, REMOTE_CREATE, 1, CAPACITY));
    plasma_disconnect(client);
    kill_process(&process);
    client = join_store();
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_EQ(stats_of(client).objects_writing, 0);
    CHECK_EQ(members_of(store()), 1);
    plasma_disconnect(client);
}

/** The state of a process in list_clients: 'a'live, 's'topped or 'd'ead. */
static char seen_as(plasma_client_t *client, pid_t pid)
{
    plasma_client_info_t info = PLASMA_CLIENT_INFO_INIT;
    plasma_client_list_t *list;
    char state = 'd';

    CHECK_OK(plasma_list_clients(client, &list));
    for (uint64_t at = 0; at < plasma_client_list_count(list); at++) {
        CHECK_OK(plasma_client_list_at(list, at, &info));
        if (info.pid == pid && info.alive) {
            state = info.stopped ? 's' : 'a';
        }
    }
    plasma_client_list_free(list);
    return state;
}

static void test_a_stopped_holder_keeps_its_object(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_id_t id = id_of(1), other = id_of(2);
    plasma_mutable_buffer_t writable;
    struct process holder = reader();
    uint64_t reaped;

    put_pattern(client, 1, CAPACITY, NULL);
    CHECK_OK(ask(&holder, REMOTE_HOLD, 1, 0));
    CHECK_EQ(seen_as(client, holder.pid), 'a');
    CHECK(kill(holder.pid, SIGSTOP) == 0);
    CHECK_SOON(thread_state(holder.pid, holder.pid) == 'T');
    CHECK_EQ(seen_as(client, holder.pid), 's');
    CHECK_OK(plasma_delete(client, &id));
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(reaped, 0);
    CHECK_STATUS(plasma_create(client, &other, 64, NULL, &writable),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_EQ(stats_of(client).used, CAPACITY);
    CHECK(kill(holder.pid, SIGCONT) == 0);
    CHECK_OK(ask(&holder, REMOTE_LOOK, 1, 0));
    CHECK_EQ(seen_as(client, holder.pid), 'a');
    CHECK_OK(ask(&holder, REMOTE_RELEASE, 1, 0));
    CHECK_OK(plasma_create(client, &other, CAPACITY, NULL, &writable));
    CHECK_OK(plasma_abort(&writable));
    end_remote(&holder);
    CHECK_EQ(seen_as(client, holder.pid), 'd');
    plasma_disconnect(client);
}

static void test_a_stopped_creator_keeps_its_object_and_aborts_no_waiter(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    struct process creator = producer();
    struct process waiter = reader();
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);
    uint64_t reaped;

    CHECK_OK(ask(&creator, REMOTE_CREATE, 1, 5000));
    CHECK(kill(creator.pid, SIGSTOP) == 0);
    ask_and_see_it_wait(&waiter, REMOTE_WAIT, 1);
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(reaped, 0);
    int64_t start = now_ms();
    CHECK_STATUS(plasma_get(client, &id, 250, &buffer), PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - start >= 250);
    CHECK_STATUS(plasma_create(client, &id, 1, NULL,
                               &(plasma_mutable_buffer_t){ 0 }),
                 PLASMA_ERR_EXISTS);
    CHECK(kill(creator.pid, SIGCONT) == 0);
    CHECK_OK(ask(&creator, REMOTE_SEAL, 1, 0));
    CHECK_OK(answer(&waiter).status);
    end_remote(&waiter);
    end_remote(&creator);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_killed_creator_aborts_waiters_and_frees_the_id),
        TEST(an_id_and_a_name_are_free_at_once_when_their_creator_dies),
        TEST(get_or_create_takes_over_from_a_killed_creator),
        TEST(a_killed_holder_gives_its_memory_back),
        TEST(a_killed_waiter_is_not_missed),
        TEST(a_killed_connection_is_cleaned_up_by_the_next_connect),
        TEST(a_stopped_holder_keeps_its_object),
        TEST(a_stopped_creator_keeps_its_object_and_aborts_no_waiter),
    };
    return RUN_TESTS(argc, argv, tests);
}
