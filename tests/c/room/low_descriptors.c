/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A daemon is started with descriptors 0, 1 and 2 closed, and later writes to
 * stderr. It must never write into a file of a store.
 */

#include "system.h"

enum { CAPACITY = 16 << 20, SIZE = 100000 };

static void close_low(void)
{
    for (int fd = 0; fd < 3; fd++) {
        close(fd);
    }
}

/** Send the other process the line of the failure, and end. */
static void fail_at(struct process *parent, int line)
{
    tell_bytes(parent, &line, sizeof line);
    _exit(1);
}

/* stderr is closed where these are used. */
#define NEED(condition)                                                       \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fail_at(parent, __LINE__);                                        \
        }                                                                     \
    } while (0)
#define NEED_OK(call) NEED((call) == PLASMA_OK)

/** All three are closed, and write and read fail. While a file is opened, place
 * holders that can be neither written nor read have the three numbers, and the
 * thread of events may open one at any time. */
static int are_closed(void)
{
    const struct timespec pause = { 0, 1000000 };
    char byte;

    for (int fd = 0; fd < 3; fd++) {
        for (int look = 0; fcntl(fd, F_GETFD) != -1; look++) {
            if (look == 10000 || write(fd, "noise", 5) != -1 || errno != EBADF) {
                return 0;
            }
            nanosleep(&pause, NULL);
        }
        if (write(fd, "noise", 5) != -1 || errno != EBADF
            || read(fd, &byte, 1) != -1 || errno != EBADF) {
            return 0;
        }
    }
    return 1;
}

static plasma_status_t connect_quietly(plasma_client_t **client)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    options.capacity = CAPACITY;
    options.eviction = PLASMA_EVICTION_LRU;
    return plasma_connect(store(), &options, client);
}

static plasma_status_t put_quietly(plasma_client_t *client, uint64_t number)
{
    static uint8_t bytes[SIZE];
    plasma_id_t id;

    plasma_id_from_bytes(&number, sizeof number, &id);
    fill(bytes, SIZE, number);
    return plasma_put(client, &id, bytes, SIZE, NULL);
}

/** All calls that may open a file, with each of the three closed before and
 * after. */
static void play_daemon(struct process *parent, void *arg)
{
    plasma_client_t *client, *second;
    plasma_subscription_t *subscription;
    plasma_client_list_t *clients;
    plasma_buffer_t held;
    plasma_stats_t stats = PLASMA_STATS_INIT;
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;
    uint64_t number = 1;
    plasma_id_t id;
    int fd, fine = 0;

    (void)arg;
    close_low();
    NEED_OK(connect_quietly(&client));
    NEED(are_closed());
    NEED_OK(put_quietly(client, 1));
    plasma_id_from_bytes(&number, sizeof number, &id);
    NEED_OK(plasma_get(client, &id, 0, &held));
    NEED(are_closed());
    NEED_OK(plasma_subscribe(client, &subscription));
    NEED_OK(plasma_event_fd(subscription, &fd));
    NEED(fd > 2 && are_closed());
    NEED_OK(connect_quietly(&second));
    NEED_OK(put_quietly(second, 2));
    NEED_OK(plasma_reap(client, &number)); /* it keeps files of other clients open */
    NEED_OK(plasma_list_clients(client, &clients));
    plasma_client_list_free(clients);
    NEED_OK(plasma_stats(client, &stats));
    NEED_OK(plasma_check(client, &report));
    NEED_OK(plasma_trim(client, 0, &number));
    NEED(are_closed());
    tell_bytes(parent, &fine, sizeof fine);
    hear(parent, 'e');
    NEED(is_filled(held.data, SIZE, 1) && are_closed());
    NEED_OK(plasma_release(&held));
    plasma_unsubscribe(subscription);
    plasma_disconnect(second);
    plasma_disconnect(client);
    NEED(are_closed());
}

static void hear_fine(struct process *process)
{
    int line;

    hear_bytes(process, &line, sizeof line);
    if (line != 0) {
        fprintf(stderr, "the other process failed in line %d\n", line);
    }
    CHECK_EQ(line, 0);
}

static void test_no_file_of_a_store_is_a_closed_standard_stream(void)
{
    plasma_client_t *client = connect_store(PLASMA_CONNECT_EXCLUSIVE, CAPACITY,
                                            PLASMA_EVICTION_LRU);
    struct process process = spawn(play_daemon, NULL);

    hear_fine(&process);
    plasma_buffer_t buffer = get_pattern(client, 2, SIZE);
    CHECK_OK(plasma_release(&buffer));
    tell(&process, 'e');
    finish(&process);
    plasma_disconnect(client);
}

static void test_a_store_is_made_without_standard_streams(void)
{
    struct process process = spawn(play_daemon, NULL);

    hear_fine(&process);
    plasma_client_t *client = join_store();
    tell(&process, 'e');
    finish(&process);
    plasma_buffer_t buffer = get_pattern(client, 1, SIZE);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

/* ---- Not even for a moment ---- */

static int writer_ends;
static long written;

/** A program that logs to a closed stderr. */
static void *write_on(void *arg)
{
    while (!__atomic_load_n(&writer_ends, __ATOMIC_ACQUIRE)) {
        for (int fd = 0; fd < 3; fd++) {
            written += write(fd, "noise", 5) != -1;
        }
    }
    return arg;
}

static void connect_beside_a_writer(struct process *parent, void *arg)
{
    pthread_t writer;
    int fine = 0;

    (void)arg;
    close_low();
    NEED(pthread_create(&writer, NULL, write_on, NULL) == 0);
    for (uint64_t round = 0; round < 300; round++) {
        plasma_client_t *client;
        NEED_OK(connect_quietly(&client));
        NEED_OK(put_quietly(client, round));
        plasma_disconnect(client);
        NEED(round % 30 != 0 || plasma_store_remove(store()) == PLASMA_OK);
    }
    __atomic_store_n(&writer_ends, 1, __ATOMIC_RELEASE);
    NEED(pthread_join(writer, NULL) == 0);
    NEED(written == 0);
    tell_bytes(parent, &fine, sizeof fine);
}

static void test_writes_of_another_thread_to_a_closed_stderr_fail(void)
{
    struct process process = spawn(connect_beside_a_writer, NULL);

    hear_fine(&process);
    finish(&process);
    plasma_client_t *client = join_store();
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;
    CHECK_OK(plasma_check(client, &report));
    plasma_buffer_t buffer = get_pattern(client, 299, SIZE);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

/* ---- A child closes the file that was moved ---- */

static void fork_and_wait(struct process *parent, void *arg)
{
    const int *ends = arg;
    plasma_client_t *client;
    int fine = 0;

    close_low();
    NEED_OK(connect_quietly(&client));
    pid_t child = fork();
    NEED(child >= 0);
    if (child == 0) {
        char none;
        child = getpid();
        tell_bytes(parent, &fine, sizeof fine);
        tell_bytes(parent, &child, sizeof child); /* fork has returned here */
        close(ends[1]);
        close(parent->in);
        close(parent->out);
        _exit(read(ends[0], &none, 1) != 0); /* until the test lets it go */
    }
    hear(parent, 'x');
}

static void test_a_killed_parent_without_standard_streams_is_dead(void)
{
    int ends[2];
    pid_t grandchild;
    uint64_t reaped;

    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    CHECK(pipe(ends) == 0);
    plasma_client_t *client = connect_store(PLASMA_CONNECT_EXCLUSIVE, CAPACITY,
                                            PLASMA_EVICTION_LRU);
    struct process process = spawn(fork_and_wait, ends);
    close(ends[0]);
    hear_fine(&process);
    hear_bytes(&process, &grandchild, sizeof grandchild);
    CHECK_EQ(stats_of(client).clients, 2);
    kill_process(&process);
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK(kill(grandchild, 0) == 0);
    close(ends[1]);
    CHECK(waitpid(grandchild, NULL, 0) == grandchild);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(no_file_of_a_store_is_a_closed_standard_stream),
        TEST(a_store_is_made_without_standard_streams),
        TEST(writes_of_another_thread_to_a_closed_stderr_fail),
        TEST(a_killed_parent_without_standard_streams_is_dead),
    };
    return RUN_TESTS(argc, argv, tests);
}
