/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Calls in flight, and other threads that disconnect the client, interrupt it,
 * or cancel the thread. Each call waits for the writer lock of a stopped
 * process, or for room, when the other thread acts.
 */

#include "owner.h"
#include "remote.h"

enum { MANY = 64, LOCK_MS = 40, MIB = 1 << 20 };

/** A store whose writer lock is held by a stopped process. */
struct blocked_store {
    plasma_client_t *observer;
    struct process stopped;
    uint64_t *lock;
};

static struct blocked_store block_store(void)
{
    struct blocked_store blocked;

    blocked.observer = join_store();
    blocked.stopped = new_remote((struct login){ .address = store() });
    CHECK(kill(blocked.stopped.pid, SIGSTOP) == 0);
    blocked.lock = lock_word();
    take_lock(blocked.lock, slot_of(blocked.observer, blocked.stopped.pid));
    return blocked;
}

static void unblock_store(struct blocked_store *blocked)
{
    give_lock(blocked->lock);
    CHECK(kill(blocked->stopped.pid, SIGCONT) == 0);
    end_remote(&blocked->stopped);
    plasma_disconnect(blocked->observer);
}

/* ---- Calls that need the writer lock ---- */

enum call { CREATE, PUT, PUT_MANY, DELETE, DELETE_MANY, PIN, GET_OR_CREATE, CALLS };

struct flight {
    plasma_client_t *client;
    enum call call;
    pthread_t thread;
    pid_t tid;
    plasma_status_t status;
    plasma_status_t each[MANY];
};

static plasma_status_t call_that_writes(struct flight *flight)
{
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t ids[MANY];
    const void *datas[MANY];
    uint64_t sizes[MANY];
    int32_t created;

    for (int at = 0; at < MANY; at++) {
        ids[at] = id_of(1000 * (uint64_t)flight->call + (uint64_t)at);
        datas[at] = "x";
        sizes[at] = 1;
    }
    switch (flight->call) {
    case CREATE:
        return plasma_create(flight->client, ids, 10, NULL, &writable);
    case PUT:
        return plasma_put(flight->client, ids, "x", 1, NULL);
    case PUT_MANY:
        return plasma_put_many(flight->client, ids, datas, sizes, MANY, NULL,
                               flight->each);
    case DELETE:
        ids[0] = id_of(1);
        return plasma_delete(flight->client, ids);
    case DELETE_MANY:
        return plasma_delete_many(flight->client, ids, MANY, flight->each);
    case PIN:
        ids[0] = id_of(1);
        return plasma_pin(flight->client, ids);
    default:
        return plasma_get_or_create(flight->client, ids, 10, NULL, -1, &buffer,
                                    &writable, &created);
    }
}

static void *fly(void *arg)
{
    struct flight *flight = arg;

    __atomic_store_n(&flight->tid, thread_id(), __ATOMIC_RELEASE);
    flight->status = call_that_writes(flight);
    return NULL;
}

static void take_off(struct flight flights[CALLS], plasma_client_t *client)
{
    for (int at = 0; at < CALLS; at++) {
        struct flight *flight = &flights[at];
        memset(flight, 0, sizeof *flight);
        flight->client = client;
        flight->call = (enum call)at;
        CHECK(pthread_create(&flight->thread, NULL, fly, flight) == 0);
        CHECK_SOON(__atomic_load_n(&flight->tid, __ATOMIC_ACQUIRE) != 0);
        await_sleep(getpid(), flight->tid);
    }
}

static void land(struct flight flights[CALLS], plasma_status_t expected)
{
    for (int at = 0; at < CALLS; at++) {
        CHECK(pthread_join(flights[at].thread, NULL) == 0);
        CHECK_STATUS(flights[at].status, expected);
        for (int one = 0; at == PUT_MANY && one < MANY; one++) {
            CHECK_EQ(flights[at].each[one], expected);
        }
        for (int one = 0; at == DELETE_MANY && one < MANY; one++) {
            CHECK_EQ(flights[at].each[one], expected);
        }
    }
}

static void test_a_disconnect_frees_nothing_under_calls_that_wait_for_a_stopped_owner(void)
{
    plasma_client_t *maker = make_store(MIB);
    struct flight flights[CALLS];

    put_pattern(maker, 1, 1000, NULL);
    struct blocked_store blocked = block_store();
    for (int round = 0; round < 10; round++) {
        plasma_client_t *client = join_store();
        take_off(flights, client);
        plasma_disconnect(client);
        land(flights, PLASMA_ERR_DISCONNECTED);
    }
    unblock_store(&blocked);
    CHECK_EQ(stats_of(maker).clients, 1);
    CHECK_EQ(stats_of(maker).objects_sealed, 1);
    CHECK_EQ(stats_of(maker).objects_writing, 0);
    plasma_disconnect(maker);
}

static void test_one_interrupt_ends_each_call_and_whole_batches(void)
{
    plasma_client_t *client = make_store(MIB);
    struct flight flights[CALLS];

    put_pattern(client, 1, 1000, NULL);
    struct blocked_store blocked = block_store();
    for (int round = 0; round < 3; round++) {
        take_off(flights, client);
        CHECK_OK(plasma_interrupt(client));
        land(flights, PLASMA_ERR_INTERRUPTED);
    }
    unblock_store(&blocked);
    CHECK_EQ(stats_of(client).objects_sealed, 1);
    CHECK_EQ(stats_of(client).objects_writing, 0);
    plasma_disconnect(client);
}

/* ---- Calls on buffers, which outlive their client ---- */

struct change {
    plasma_mutable_buffer_t *writable;
    pid_t tid;
    plasma_status_t status;
};

static void *grow(void *arg)
{
    struct change *change = arg;

    __atomic_store_n(&change->tid, thread_id(), __ATOMIC_RELEASE);
    change->status = plasma_resize(change->writable, 100000);
    return NULL;
}

static void test_a_call_on_a_buffer_ends_with_its_client_and_the_buffer_stays(void)
{
    plasma_client_t *maker = make_store(MIB), *client = join_store();
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);
    pthread_t thread;

    CHECK_OK(plasma_create(client, &id, 1000, NULL, &writable));
    fill(writable.data, 1000, 1);
    struct blocked_store blocked = block_store();
    struct change change = { &writable, 0, PLASMA_OK };
    CHECK(pthread_create(&thread, NULL, grow, &change) == 0);
    CHECK_SOON(__atomic_load_n(&change.tid, __ATOMIC_ACQUIRE) != 0);
    await_sleep(getpid(), change.tid);
    plasma_disconnect(client);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(change.status, PLASMA_ERR_DISCONNECTED);
    unblock_store(&blocked);

    CHECK_OK(plasma_resize(&writable, 50000));
    CHECK(is_filled(writable.data, 1000, 1));
    fill(writable.data, 50000, 1);
    CHECK_OK(plasma_seal(&writable));
    plasma_buffer_t buffer = get_pattern(maker, 1, 50000);
    CHECK_OK(plasma_release(&buffer));
    CHECK_EQ(stats_of(maker).clients, 1);
    plasma_disconnect(maker);
}

/* ---- A thread that is cancelled ---- */

static void *call_until_cancelled(void *arg)
{
    struct flight *flight = arg;
    plasma_list_t *list;
    uint64_t number;

    __atomic_store_n(&flight->tid, thread_id(), __ATOMIC_RELEASE);
    for (;;) {
        if (flight->call == DELETE) {
            CHECK_OK(plasma_reap(flight->client, &number));
        } else {
            CHECK_OK(plasma_list(flight->client, &list));
            plasma_list_free(list);
        }
        pthread_testcancel();
    }
    return NULL;
}

static void test_a_cancelled_thread_leaves_its_call_first(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t two = id_of(2);
    void *ended;

    put_pattern(client, 1, 1000, NULL);
    for (int round = 0; round < 40; round++) {
        struct flight flight = { client, round % 2 ? DELETE : CREATE, 0, 0, 0, { 0 } };
        CHECK(pthread_create(&flight.thread, NULL, call_until_cancelled,
                             &flight) == 0);
        CHECK_SOON(__atomic_load_n(&flight.tid, __ATOMIC_ACQUIRE) != 0);
        CHECK(pthread_cancel(flight.thread) == 0);
        CHECK(pthread_join(flight.thread, &ended) == 0);
        CHECK(ended == PTHREAD_CANCELED);
        put_pattern(client, 2, 1000, NULL);
        CHECK_OK(plasma_delete(client, &two));
        CHECK_EQ(stats_of(client).clients, 1);
    }
    plasma_disconnect(client);
}

/** A thread that is cancelled while it waits for the lock continues to wait,
 * and then ends. */
static void *delete_and_end(void *arg)
{
    struct flight *flight = arg;

    fly(flight);
    pthread_testcancel();
    return NULL;
}

static void test_a_wait_goes_on_though_its_thread_is_cancelled(void)
{
    plasma_client_t *client = make_store(MIB);
    struct flight flight = { client, DELETE, 0, 0, PLASMA_ERR_INTERNAL, { 0 } };
    void *ended;

    put_pattern(client, 1, 1000, NULL);
    struct blocked_store blocked = block_store();
    CHECK(pthread_create(&flight.thread, NULL, delete_and_end, &flight) == 0);
    CHECK_SOON(__atomic_load_n(&flight.tid, __ATOMIC_ACQUIRE) != 0);
    await_sleep(getpid(), flight.tid);
    CHECK(pthread_cancel(flight.thread) == 0);
    await_sleep(getpid(), flight.tid);
    unblock_store(&blocked);
    CHECK(pthread_join(flight.thread, &ended) == 0);
    CHECK(ended == PTHREAD_CANCELED);
    CHECK_OK(flight.status);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    plasma_disconnect(client);
}

struct sealing {
    plasma_mutable_buffer_t writable;
    plasma_status_t status;
};

/** A seal enters the kernel to wake, and the first time also for memory. */
static void *seal_and_end(void *arg)
{
    struct sealing *sealing = arg;

    CHECK(pthread_cancel(pthread_self()) == 0);
    sealing->status = plasma_seal(&sealing->writable);
    pthread_testcancel();
    return NULL;
}

static void test_a_cancelled_thread_seals_and_wakes_first(void)
{
    plasma_client_t *client = make_store(MIB);
    struct process waiter = new_remote((struct login){ .address = store() });
    struct sealing sealing = { .status = PLASMA_ERR_INTERNAL };
    plasma_id_t id = id_of(1);
    pthread_t thread;
    void *ended;

    CHECK_OK(plasma_create(client, &id, 100, NULL, &sealing.writable));
    fill(sealing.writable.data, 100, 1);
    ask_and_see_it_wait(&waiter, REMOTE_WAIT, 1);
    CHECK(pthread_create(&thread, NULL, seal_and_end, &sealing) == 0);
    CHECK(pthread_join(thread, &ended) == 0);
    CHECK(ended == PTHREAD_CANCELED);
    CHECK_OK(sealing.status);
    CHECK_OK(answer(&waiter).status);
    end_remote(&waiter);
    plasma_disconnect(client);
}

/* ---- Work on the side waits for nobody ---- */

static void connect_and_die(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();

    (void)arg;
    (void)client;
    tell(parent, 'c');
    hear(parent, 'd');
}

static void test_connecting_does_not_wait_to_reap_the_dead(void)
{
    plasma_client_t *maker = make_store(MIB);
    struct process dead = spawn(connect_and_die, NULL);
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(7);

    put_pattern(maker, 1, 1000, NULL);
    hear(&dead, 'c');
    struct process creator = new_remote((struct login){ .address = store() });
    CHECK_OK(ask(&creator, REMOTE_CREATE, 7, 100));
    struct blocked_store blocked = block_store();
    kill_process(&dead);
    kill_process(&creator);
    alarm(60);
    plasma_client_t *client = join_store(); /* it waits forever for the lock */
    buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_release(&buffer));
    /* Nor do calls that inspect an object of a dead client. */
    CHECK_EQ(state_of(client, 7), PLASMA_STATE_ABSENT);
    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_get(client, &id, LOCK_MS, &buffer), PLASMA_ERR_TIMEOUT);
    alarm(0);
    unblock_store(&blocked);
    put_pattern(client, 7, 100, NULL);
    plasma_disconnect(client);
    plasma_disconnect(maker);
}

/* ---- Objects that are given up without the lock ---- */

static void test_a_timeout_while_an_owner_is_stopped_names_it(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *maker = make_store(MIB), *client;
    plasma_id_t id = id_of(1);
    char pid[32];

    options.lock_timeout_ms = LOCK_MS;
    CHECK_OK(plasma_connect(store(), &options, &client));
    struct blocked_store blocked = block_store();
    snprintf(pid, sizeof pid, "process %d ", (int)blocked.stopped.pid);
    CHECK_STATUS(plasma_put(client, &id, "x", 1, NULL), PLASMA_ERR_TIMEOUT);
    CHECK_MESSAGE("writer lock");
    CHECK_MESSAGE(pid);
    CHECK_MESSAGE("stopped");
    unblock_store(&blocked);
    plasma_disconnect(client);
    plasma_disconnect(maker);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_disconnect_frees_nothing_under_calls_that_wait_for_a_stopped_owner),
        TEST(one_interrupt_ends_each_call_and_whole_batches),
        TEST(a_call_on_a_buffer_ends_with_its_client_and_the_buffer_stays),
        TEST(a_cancelled_thread_leaves_its_call_first),
        TEST(a_wait_goes_on_though_its_thread_is_cancelled),
        TEST(a_cancelled_thread_seals_and_wakes_first),
        TEST(connecting_does_not_wait_to_reap_the_dead),
        TEST(a_timeout_while_an_owner_is_stopped_names_it),
    };
    return RUN_TESTS(argc, argv, tests);
}
