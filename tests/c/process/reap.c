/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What other clients see when a process is killed.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)

static void write_for_ever(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);

    (void)arg;
    options.name = "half written";
    CHECK_OK(plasma_create(client, &id, MIB / 2, &options, &writable));
    memset(writable.data, 1, MIB / 4);
    tell(parent, 'w');
    hear(parent, 'q');
}

static void test_an_object_of_a_dead_creator_is_gone(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);
    uint64_t reaped;

    struct process creator = spawn(write_for_ever, NULL);
    hear(&creator, 'w');
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_WRITING);
    kill_process(&creator);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_get_by_name(client, "half written", 0, &buffer),
                 PLASMA_ERR_NOT_FOUND);
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK(reaped <= 1);
    plasma_stats_t stats = stats_of(client);
    CHECK_EQ(stats.used, 0);
    CHECK_EQ(stats.objects_writing, 0);
    CHECK_EQ(stats.reaped_clients, 1);
    CHECK_EQ(stats.clients, 1);
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(reaped, 0);
    plasma_disconnect(client);
}

static void test_a_replacement_creates_the_same_id_and_name_at_once(void)
{
    plasma_client_t *client = make_store(MIB);

    for (int turn = 0; turn < 5; turn++) {
        plasma_id_t id = id_of(1);
        struct process creator = spawn(write_for_ever, NULL);
        hear(&creator, 'w');
        kill_process(&creator);
        put_pattern(client, 1, MIB, NULL);
        CHECK_OK(plasma_delete(client, &id));
        creator = spawn(write_for_ever, NULL);
        hear(&creator, 'w');
        kill_process(&creator);
        put_pattern(client, 2, 100, "half written");
        id = id_of(2);
        CHECK_OK(plasma_delete(client, &id));
    }
    CHECK_EQ(used_after_reap(client), 0);
    plasma_disconnect(client);
}

static void hold(struct process *parent, void *arg)
{
    uint32_t flags = *(const uint32_t *)arg;
    plasma_client_t *client = connect_store(flags, 0, 0);
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    plasma_buffer_t copy;

    CHECK_OK(plasma_retain(&buffer, &copy));
    tell(parent, 'h');
    hear(parent, 'q');
}

static void test_the_leases_of_the_dead_do_not_count(void)
{
    uint32_t kinds[] = { PLASMA_CONNECT_EXISTING, PLASMA_CONNECT_READ_ONLY };
    plasma_client_t *client = make_store(MIB);
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_client_list_t *list;
    plasma_id_t id = id_of(1);
    uint64_t reaped;

    for (uint64_t turn = 0; turn < 2; turn++) {
        put_pattern(client, 1, 1000, NULL);
        struct process holder = spawn(hold, &kinds[turn]);
        hear(&holder, 'h');
        CHECK_OK(plasma_object_info(client, &id, &info));
        CHECK_EQ(info.lease_count, 1);
        CHECK_OK(plasma_delete(client, &id));
        CHECK_EQ(used_after_reap(client), 1024);
        kill_process(&holder);
        CHECK_EQ(stats_of(client).leases, 0);
        CHECK_OK(plasma_reap(client, &reaped));
        CHECK_EQ(reaped, 1);
        CHECK_EQ(stats_of(client).used, 0);
        CHECK_EQ(stats_of(client).objects_deleted, 0);
        CHECK_EQ(stats_of(client).reaped_clients, 2 * turn + 1);

        put_pattern(client, 1, 1000, NULL);
        holder = spawn(hold, &kinds[turn]);
        hear(&holder, 'h');
        kill_process(&holder);
        CHECK_OK(plasma_list_holders(client, &id, &list));
        CHECK_EQ(plasma_client_list_count(list), 0);
        plasma_client_list_free(list);
        CHECK_OK(plasma_delete(client, &id));
        put_pattern(client, 1, MIB, NULL);
        CHECK_OK(plasma_delete(client, &id));
        CHECK_OK(plasma_reap(client, &reaped));
        CHECK(reaped <= 1);
        CHECK_EQ(stats_of(client).clients, 1);
    }
    plasma_disconnect(client);
}

enum way { BY_ID, BY_NAME, BY_MANY, BY_WAIT, BY_CREATE, WAYS };

struct waiting {
    enum way way;
    uint32_t flags;
};

static void wait_for_the_dead(struct process *parent, void *arg)
{
    const struct waiting *waiting = arg;
    plasma_client_t *client = connect_store(waiting->flags, 0, 0);
    plasma_id_t ids[2] = { id_of(1), id_of(5) };
    plasma_buffer_t buffers[2];
    plasma_mutable_buffer_t writable;
    plasma_status_t statuses[2];
    uint8_t ready[2];
    size_t ready_count;
    int32_t created;

    tell(parent, 'b');
    switch (waiting->way) {
    case BY_ID:
        CHECK_STATUS(plasma_get(client, ids, -1, buffers), PLASMA_ERR_ABORTED);
        break;
    case BY_NAME:
        CHECK_STATUS(plasma_get_by_name(client, "half written", -1, buffers),
                     PLASMA_ERR_ABORTED);
        break;
    case BY_MANY:
        CHECK_STATUS(plasma_get_many(client, ids, 2, -1, buffers, statuses),
                     PLASMA_ERR_ABORTED);
        CHECK_EQ(statuses[0], PLASMA_ERR_ABORTED);
        CHECK_EQ(statuses[1], PLASMA_OK);
        CHECK(is_filled(buffers[1].data, 100, 5));
        CHECK_OK(plasma_release_many(buffers, 2));
        break;
    case BY_WAIT:
        CHECK_STATUS(plasma_wait(client, ids, 2, 0, -1, ready, &ready_count),
                     PLASMA_ERR_ABORTED);
        CHECK_OK(plasma_wait(client, ids, 2, 1, -1, ready, &ready_count));
        CHECK_EQ(ready[0], 0);
        CHECK_EQ(ready[1], 1);
        break;
    default:
        /* This call takes over from the dead creator. */
        CHECK_OK(plasma_get_or_create(client, ids, 10, NULL, -1, buffers,
                                      &writable, &created));
        CHECK_EQ(created, 1);
        CHECK_OK(plasma_abort(&writable));
    }
    tell(parent, 'a');
    plasma_disconnect(client);
}

static void test_waiters_that_saw_it_being_written_get_aborted(void)
{
    uint32_t kinds[] = { PLASMA_CONNECT_EXISTING, PLASMA_CONNECT_READ_ONLY };
    plasma_client_t *client = make_store(MIB);

    put_pattern(client, 5, 100, NULL);
    for (int turn = 0; turn < 2 * WAYS; turn++) {
        struct waiting waiting = { turn % WAYS, kinds[turn / WAYS] };
        if (turn == WAYS + BY_CREATE) {
            continue;
        }
        struct process creator = spawn(write_for_ever, NULL);
        hear(&creator, 'w');
        struct process waiter = spawn(wait_for_the_dead, &waiting);
        hear(&waiter, 'b');
        await_sleep(waiter.pid, waiter.pid);
        kill_process(&creator);
        hear(&waiter, 'a');
        finish(&waiter);
    }
    plasma_disconnect(client);
}

static void wait_for_a_replacement(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;

    (void)arg;
    tell(parent, 'b');
    plasma_status_t status = plasma_get(client, &id, -1, &buffer);
    CHECK(status == PLASMA_OK || status == PLASMA_ERR_ABORTED);
    if (status == PLASMA_ERR_ABORTED) {
        CHECK_OK(plasma_get(client, &id, -1, &buffer));
    }
    CHECK(is_filled(buffer.data, 100, 1));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_after_aborted_the_replacement_is_got(void)
{
    plasma_client_t *client = make_store(MIB);
    struct process waiters[8];

    struct process creator = spawn(write_for_ever, NULL);
    hear(&creator, 'w');
    for (int at = 0; at < 8; at++) {
        waiters[at] = spawn(wait_for_a_replacement, NULL);
        hear(&waiters[at], 'b');
    }
    kill_process(&creator);
    put_pattern(client, 1, 100, NULL);
    for (int at = 0; at < 8; at++) {
        finish(&waiters[at]);
    }
    plasma_disconnect(client);
}

static void seal_and_hold(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();

    (void)arg;
    put_pattern(client, 1, 1000, "a legacy");
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    tell(parent, 's');
    hear(parent, 'q');
    CHECK_OK(plasma_release(&buffer));
}

static void test_sealed_objects_outlive_their_creator(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_buffer_t buffer;

    struct process creator = spawn(seal_and_hold, NULL);
    hear(&creator, 's');
    buffer = get_pattern(client, 1, 1000);
    kill_process(&creator);
    CHECK_OK(plasma_reap(client, &(uint64_t){ 0 }));
    CHECK(is_filled(buffer.data, 1000, 1));
    CHECK_OK(plasma_buffer_info(&buffer, &info));
    CHECK_EQ(info.creator_pid, creator.pid);
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_get_by_name(client, "a legacy", 0, &buffer));
    CHECK(is_filled(buffer.data, 1000, 1));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(an_object_of_a_dead_creator_is_gone),
        TEST(a_replacement_creates_the_same_id_and_name_at_once),
        TEST(the_leases_of_the_dead_do_not_count),
        TEST(waiters_that_saw_it_being_written_get_aborted),
        TEST(after_aborted_the_replacement_is_got),
        TEST(sealed_objects_outlive_their_creator),
    };
    return RUN_TESTS(argc, argv, tests);
}
