/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Waits ended by plasma_interrupt(), by a signal, or by a disconnect, also on
 * kernels that cannot watch several words at once.
 */

#include "owner.h"

#include "../old_kernel/young.h"
#include <poll.h>

#define MIB (UINT64_C(1) << 20)

/** How long the calls below wait. */
static int64_t patience_ms = -1;

/** A call that waits that long in a full store without objects 1 to 3. */
typedef plasma_status_t blocking_call(plasma_client_t *client);

static plasma_status_t block_in_get(plasma_client_t *client)
{
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;

    return plasma_get(client, &id, patience_ms, &buffer);
}

static plasma_status_t block_in_get_by_name(plasma_client_t *client)
{
    plasma_buffer_t buffer;

    return plasma_get_by_name(client, "nobody", patience_ms, &buffer);
}

static plasma_status_t block_in_get_many(plasma_client_t *client)
{
    plasma_id_t ids[3] = { id_of(1), id_of(2), id_of(3) };
    plasma_buffer_t buffers[3];
    plasma_status_t statuses[3];

    return plasma_get_many(client, ids, 3, patience_ms, buffers, statuses);
}

static plasma_status_t block_in_wait(plasma_client_t *client)
{
    plasma_id_t ids[3] = { id_of(1), id_of(2), id_of(3) };
    uint8_t ready[3];
    size_t count;

    return plasma_wait(client, ids, 3, 1, patience_ms, ready, &count);
}

static plasma_status_t block_in_next_event(plasma_client_t *client)
{
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;

    CHECK_OK(plasma_subscribe(client, &subscription));
    plasma_status_t status = plasma_next_event(subscription, patience_ms, &event);
    plasma_unsubscribe(subscription);
    return status;
}

static plasma_status_t block_in_create(plasma_client_t *client)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);

    options.timeout_ms = patience_ms;
    return plasma_create(client, &id, 100, &options, &writable);
}

static plasma_status_t block_in_get_or_create(plasma_client_t *client)
{
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(9);
    int32_t created;

    return plasma_get_or_create(client, &id, 100, NULL, patience_ms, &buffer, &writable,
                                &created);
}

static blocking_call *const CALLS[] = {
    block_in_get,        block_in_get_by_name, block_in_get_many,
    block_in_wait,       block_in_next_event,  block_in_create,
    block_in_get_or_create,
};
enum { CALL_COUNT = sizeof CALLS / sizeof *CALLS };

struct blocked {
    blocking_call *call;
    plasma_client_t *client;
    plasma_status_t expected;
    pthread_t thread;
    volatile pid_t tid;
};

static void *block(void *arg)
{
    struct blocked *blocked = arg;

    blocked->tid = thread_id();
    CHECK_STATUS(blocked->call(blocked->client), blocked->expected);
    return NULL;
}

/** Start all the calls, each in a thread, and wait until they sleep. */
static void block_all(struct blocked all[CALL_COUNT], plasma_client_t *client,
                      plasma_status_t expected)
{
    for (int at = 0; at < CALL_COUNT; at++) {
        all[at].call = CALLS[at];
        all[at].client = client;
        all[at].expected = expected;
        all[at].tid = 0;
        CHECK(pthread_create(&all[at].thread, NULL, block, &all[at]) == 0);
        CHECK_SOON(all[at].tid != 0);
        await_sleep(getpid(), all[at].tid);
    }
}

static void join_all(struct blocked all[CALL_COUNT])
{
    for (int at = 0; at < CALL_COUNT; at++) {
        CHECK(pthread_join(all[at].thread, NULL) == 0);
    }
}

/** A full store: object 9, which is being written, takes all of it. */
static plasma_client_t *make_full_store(plasma_mutable_buffer_t *writable)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(9);

    CHECK_OK(plasma_create(client, &id, MIB, NULL, writable));
    return client;
}

static void test_interrupt_ends_every_wait_and_no_later_one(void)
{
    plasma_mutable_buffer_t writable;
    plasma_client_t *client = make_full_store(&writable);
    plasma_client_t *other = join_store();
    struct blocked all[CALL_COUNT], untouched;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);

    untouched.call = block_in_get;
    untouched.client = other;
    untouched.expected = PLASMA_OK;
    untouched.tid = 0;
    CHECK(pthread_create(&untouched.thread, NULL, block, &untouched) == 0);
    CHECK_SOON(untouched.tid != 0);
    await_sleep(getpid(), untouched.tid);
    for (int turn = 0; turn < 3; turn++) {
        block_all(all, client, PLASMA_ERR_INTERRUPTED);
        CHECK_OK(plasma_interrupt(client));
        join_all(all);
        CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_FOUND);
        CHECK_STATUS(plasma_get(client, &id, 10, &buffer), PLASMA_ERR_TIMEOUT);
    }
    CHECK_OK(plasma_abort(&writable));
    put_pattern(client, 1, 100, NULL);
    CHECK(pthread_join(untouched.thread, NULL) == 0);
    plasma_disconnect(client);
    plasma_disconnect(other);
}

static void test_disconnect_ends_every_wait(void)
{
    plasma_mutable_buffer_t writable;
    plasma_client_t *client = make_full_store(&writable);
    plasma_client_t *other = join_store();
    struct blocked all[CALL_COUNT];

    block_all(all, other, PLASMA_ERR_DISCONNECTED);
    plasma_disconnect(other);
    join_all(all);
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_OK(plasma_seal(&writable));
    plasma_disconnect(client);
}

static int handled_pipe[2];

static void on_signal(int number)
{
    char letter = 'h';
    int saved = errno;

    (void)number;
    if (write(handled_pipe[1], &letter, 1) != 1) {
        _exit(1);
    }
    errno = saved;
}

static void handle_signal(int flags)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = flags;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
}

static void block_with_signals(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();

    (void)arg;
    handled_pipe[1] = parent->out;
    handle_signal(0);
    for (int at = 0; at < CALL_COUNT; at++) {
        tell(parent, 'b');
        CHECK_STATUS(CALLS[at](client), PLASMA_ERR_INTERRUPTED);
        tell(parent, 'i');
        hear(parent, 'n');
    }
    handle_signal(SA_RESTART);
    tell(parent, 'b');
    CHECK_OK(block_in_get(client));
    tell(parent, 'g');
    plasma_disconnect(client);
}

/**
 * Signal the child until its call has ended and every signal was handled. A
 * signal that comes between two sleeps of the call is handled and does not end
 * it.
 */
static void signal_until_interrupted(struct process *child)
{
    struct pollfd look = { child->in, POLLIN, 0 };
    int sent = 0, handled = 0, ended = 0;

    while (!ended || handled < sent) {
        char letter;
        if (!ended && handled == sent && poll(&look, 1, sent ? 50 : 0) == 0) {
            CHECK(sent < 100);
            await_sleep(child->pid, child->pid);
            CHECK(kill(child->pid, SIGUSR1) == 0);
            sent++;
        }
        hear_bytes(child, &letter, 1);
        CHECK(letter == 'h' || letter == 'i');
        handled += letter == 'h';
        ended += letter == 'i';
    }
    tell(child, 'n');
}

static void test_a_signal_ends_a_wait_unless_its_handler_restarts(void)
{
    plasma_mutable_buffer_t writable;
    plasma_client_t *client = make_full_store(&writable);
    struct process child = spawn(block_with_signals, NULL);

    for (int at = 0; at < CALL_COUNT; at++) {
        hear(&child, 'b');
        signal_until_interrupted(&child);
    }
    hear(&child, 'b');
    for (int turn = 0; turn < 5; turn++) {
        await_sleep(child.pid, child.pid);
        CHECK(kill(child.pid, SIGUSR1) == 0);
        hear(&child, 'h');
    }
    await_sleep(child.pid, child.pid);
    CHECK_OK(plasma_abort(&writable));
    put_pattern(client, 1, 100, NULL);
    hear(&child, 'g');
    finish(&child);
    plasma_disconnect(client);
}

/* ---- The writer lock ---- */

static void block_in_put_with_signals(struct process *parent, void *arg)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_id_t id = id_of(5);

    (void)arg;
    options.flags = PLASMA_CONNECT_EXISTING;
    options.lock_timeout_ms = -1;
    CHECK_OK(plasma_connect(store(), &options, &client));
    handled_pipe[1] = parent->out;
    handle_signal(0);
    tell(parent, 'c');
    hear(parent, 'o');
    tell(parent, 'b');
    CHECK_STATUS(plasma_put(client, &id, "x", 1, NULL), PLASMA_ERR_INTERRUPTED);
    tell(parent, 'i');
    hear(parent, 'n');
    handle_signal(SA_RESTART);
    tell(parent, 'b');
    CHECK_OK(plasma_put(client, &id, "x", 1, NULL));
    tell(parent, 'p');
    plasma_disconnect(client);
}

/** The lock is owned by this process, which does not release it. */
static void test_a_signal_ends_a_wait_for_the_lock_unless_it_restarts(void)
{
    plasma_client_t *client = make_store(MIB);
    struct process child = spawn(block_in_put_with_signals, NULL);
    uint64_t *lock = lock_word();

    hear(&child, 'c');
    take_lock(lock, slot_of(client, getpid()));
    tell(&child, 'o');
    hear(&child, 'b');
    signal_until_interrupted(&child);
    hear(&child, 'b');
    for (int turn = 0; turn < 5; turn++) {
        await_sleep(child.pid, child.pid);
        CHECK(kill(child.pid, SIGUSR1) == 0);
        hear(&child, 'h');
    }
    give_lock(lock);
    hear(&child, 'p');
    finish(&child);
    plasma_disconnect(client);
}

/* ---- Timeouts that are longer than the clock can count ---- */

struct patient {
    plasma_client_t *client;
    volatile pid_t tid;
};

static void *put_patiently(void *arg)
{
    struct patient *patient = arg;
    plasma_id_t id = id_of(6);

    patient->tid = thread_id();
    CHECK_STATUS(plasma_put(patient->client, &id, "x", 1, NULL),
                 PLASMA_ERR_INTERRUPTED);
    return NULL;
}

/** A number of nanoseconds that wraps to 0 in 64 bits. */
static const int64_t LONG_TIMES[] = {
    INT64_C(9223372036855),  INT64_C(18446744073710), INT64_C(36893488147420),
    INT64_MAX / 1000000 + 1, INT64_MAX - 1,           INT64_MAX,
};
enum { LONG_TIMES_COUNT = sizeof LONG_TIMES / sizeof *LONG_TIMES };

static void test_a_time_beyond_the_clock_is_as_forever(void)
{
    plasma_mutable_buffer_t writable;
    plasma_client_t *client = make_full_store(&writable);
    struct blocked all[CALL_COUNT];

    for (int at = 0; at < LONG_TIMES_COUNT; at++) {
        patience_ms = LONG_TIMES[at];
        block_all(all, client, PLASMA_ERR_INTERRUPTED);
        /* Long enough for a timeout that was cut to a few milliseconds. */
        pause_ms(20);
        CHECK_OK(plasma_interrupt(client));
        join_all(all);
    }
    CHECK_OK(plasma_abort(&writable));
    plasma_disconnect(client);
}

static void test_a_lock_timeout_beyond_the_clock_is_as_forever(void)
{
    plasma_client_t *client = make_store(MIB);
    uint64_t *lock = lock_word();

    for (int at = 0; at < LONG_TIMES_COUNT; at++) {
        plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
        struct patient patient = { NULL, 0 };
        pthread_t thread;

        options.flags = PLASMA_CONNECT_EXISTING;
        options.lock_timeout_ms = LONG_TIMES[at];
        CHECK_OK(plasma_connect(store(), &options, &patient.client));
        take_lock(lock, slot_of(client, getpid()));
        CHECK(pthread_create(&thread, NULL, put_patiently, &patient) == 0);
        CHECK_SOON(patient.tid != 0);
        await_sleep(getpid(), patient.tid);
        pause_ms(20);
        CHECK_OK(plasma_interrupt(patient.client));
        CHECK(pthread_join(thread, NULL) == 0);
        give_lock(lock);
        plasma_disconnect(patient.client);
    }
    plasma_disconnect(client);
}

/* ---- Kernels that cannot watch several words at once ---- */

static void refuse(int error)
{
    if (SANITIZED || !refuse_young(error, error)) {
        skip_test("a sanitizer, or no seccomp filter");
        exit(0);
    }
}

static void test_interrupt_ends_every_wait_on_an_old_kernel(void)
{
    refuse(ENOSYS);
    test_interrupt_ends_every_wait_and_no_later_one();
}

static void test_disconnect_ends_every_wait_on_an_old_kernel(void)
{
    refuse(EPERM);
    test_disconnect_ends_every_wait();
}

static void test_a_signal_ends_a_wait_on_an_old_kernel(void)
{
    refuse(ENOSYS);
    test_a_signal_ends_a_wait_unless_its_handler_restarts();
}

static void test_a_signal_ends_a_wait_where_calls_are_not_permitted(void)
{
    refuse(EPERM);
    test_a_signal_ends_a_wait_unless_its_handler_restarts();
}

static void test_a_signal_ends_a_wait_for_the_lock_on_an_old_kernel(void)
{
    refuse(ENOSYS);
    test_a_signal_ends_a_wait_for_the_lock_unless_it_restarts();
}

/** How often this process has slept. */
static long sleeps(void)
{
    struct rusage usage;

    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_nvcsw;
}

/** A wait of two seconds wakes about twenty times, not four hundred. */
static void test_a_wait_on_an_old_kernel_does_not_look_all_the_time(void)
{
    refuse(ENOSYS);
    plasma_client_t *client = make_store(MIB);
    plasma_id_t ids[3] = { id_of(1), id_of(2), id_of(3) };
    plasma_buffer_t buffer;
    uint8_t ready[3];
    size_t ready_count;

    for (int many = 0; many < 2; many++) {
        long before = sleeps();
        if (many) {
            CHECK_STATUS(plasma_wait(client, ids, 3, 0, 2000, ready,
                                     &ready_count), PLASMA_ERR_TIMEOUT);
        } else {
            CHECK_STATUS(plasma_get(client, &ids[0], 2000, &buffer),
                         PLASMA_ERR_TIMEOUT);
        }
        CHECK(sleeps() - before < 100);
    }
    plasma_disconnect(client);
}

static void ignore_signal(int number)
{
    (void)number;
}

static void *get_for_ever(void *arg)
{
    struct blocked *blocked = arg;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);

    blocked->tid = thread_id();
    CHECK_STATUS(plasma_get(blocked->client, &id, -1, &buffer),
                 blocked->expected);
    return NULL;
}

static void test_ignored_and_default_signals_end_nothing_on_an_old_kernel(void)
{
    struct sigaction action;
    struct blocked blocked = { 0 };

    refuse(ENOSYS);
    blocked.client = make_store(MIB);
    blocked.expected = PLASMA_ERR_INTERRUPTED;
    memset(&action, 0, sizeof action);
    action.sa_handler = ignore_signal;
    action.sa_flags = SA_RESTART;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    action.sa_handler = SIG_IGN;
    action.sa_flags = 0;
    CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
    CHECK(pthread_create(&blocked.thread, NULL, get_for_ever, &blocked) == 0);
    CHECK_SOON(blocked.tid != 0);
    for (int turn = 0; turn < 30; turn++) {
        int numbers[] = { SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD };
        await_sleep(getpid(), blocked.tid);
        CHECK(pthread_kill(blocked.thread, numbers[turn % 4]) == 0);
    }
    await_sleep(getpid(), blocked.tid);
    CHECK_OK(plasma_interrupt(blocked.client));
    CHECK(pthread_join(blocked.thread, NULL) == 0);
    plasma_disconnect(blocked.client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(interrupt_ends_every_wait_and_no_later_one),
        TEST(disconnect_ends_every_wait),
        TEST(a_signal_ends_a_wait_unless_its_handler_restarts),
        TEST(a_signal_ends_a_wait_for_the_lock_unless_it_restarts),
        TEST(a_time_beyond_the_clock_is_as_forever),
        TEST(a_lock_timeout_beyond_the_clock_is_as_forever),
        TEST(interrupt_ends_every_wait_on_an_old_kernel),
        TEST(disconnect_ends_every_wait_on_an_old_kernel),
        TEST(a_signal_ends_a_wait_on_an_old_kernel),
        TEST(a_signal_ends_a_wait_where_calls_are_not_permitted),
        TEST(a_signal_ends_a_wait_for_the_lock_on_an_old_kernel),
        TEST(a_wait_on_an_old_kernel_does_not_look_all_the_time),
        TEST(ignored_and_default_signals_end_nothing_on_an_old_kernel),
    };
    return RUN_TESTS(argc, argv, tests);
}
