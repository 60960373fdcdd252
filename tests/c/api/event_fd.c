/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The pollable descriptor of a subscription, and the thread that feeds it.
 */

#include "check.h"

#include <dirent.h>
#include <poll.h>

#define MIB (UINT64_C(1) << 20)

static int readable(int fd, int timeout_ms)
{
    struct pollfd look = { fd, POLLIN, 0 };
    int count = poll(&look, 1, timeout_ms);

    CHECK(count >= 0);
    return count == 1 && (look.revents & POLLIN) != 0;
}

/** Whether a thread belongs to the test or the library, not to a sanitizer. */
static int is_ours(pid_t thread)
{
#ifdef THREAD_SANITIZER
    char path[64], name[32] = "";

    snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)thread);
    FILE *file = fopen(path, "r");
    CHECK(file == NULL || fgets(name, sizeof name, file) != NULL);
    CHECK(file == NULL || fclose(file) == 0);
    return thread == thread_id() || strcmp(name, "plasma-events\n") == 0;
#else
    return thread != 0;
#endif
}

/** The number of threads of this process, and the last one that is not this
 * one. */
static int count_threads(pid_t *other)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;

    CHECK(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && is_ours(atoi(entry->d_name))) {
            count++;
            if (atoi(entry->d_name) != thread_id() && other != NULL) {
                *other = atoi(entry->d_name);
            }
        }
    }
    closedir(dir);
    return count;
}

static uint64_t blocked_signals(pid_t thread)
{
    char path[64], line[256];
    uint64_t mask = 0;

    snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)thread);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "SigBlk: %" SCNx64, &mask);
    }
    fclose(file);
    return mask;
}

static void drain(plasma_subscription_t *subscription, int expected)
{
    plasma_event_t event = PLASMA_EVENT_INIT;

    while (plasma_next_event(subscription, 0, &event) == PLASMA_OK) {
        expected--;
    }
    CHECK_EQ(expected, 0);
}

static void put_in_a_child(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();

    hear(parent, 'p');
    put_pattern(client, *(const uint64_t *)arg, 10, NULL);
    plasma_disconnect(client);
}

static void test_it_is_readable_until_the_events_are_taken(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;
    int fd = -1, same = -2;

    for (uint64_t number = 0; number < 4; number++) {
        struct process writer = spawn(put_in_a_child, &number);
        if (number == 0) {
            CHECK_OK(plasma_subscribe(client, &subscription));
            CHECK_OK(plasma_event_fd(subscription, &fd));
            CHECK_OK(plasma_event_fd(subscription, &same));
            CHECK_EQ(fd, same);
            CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        }
        CHECK(!readable(fd, 0));
        tell(&writer, 'p');
        CHECK(readable(fd, 30000));
        finish(&writer);
        put_pattern(client, 100 + number, 10, NULL);
        for (int turn = 0; turn < 20; turn++) {
            CHECK(readable(fd, 0));
            pause_ms(1);
        }
        CHECK_OK(plasma_next_event(subscription, 0, &event));
        CHECK(readable(fd, 30000));
        drain(subscription, 1);
        CHECK_SOON(!readable(fd, 0));
    }
    /* Events from before the first poll are not lost. */
    plasma_subscription_t *second;
    CHECK_OK(plasma_subscribe(client, &second));
    put_pattern(client, 1000, 10, NULL);
    CHECK_OK(plasma_event_fd(second, &same));
    CHECK(fd != same);
    CHECK(readable(same, 30000));
    CHECK(readable(fd, 30000));
    drain(second, 1);
    CHECK_SOON(!readable(same, 0));
    CHECK(readable(fd, 30000));
    plasma_unsubscribe(second);
    CHECK(readable(fd, 30000));
    drain(subscription, 1);
    plasma_unsubscribe(subscription);
    CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
    plasma_disconnect(client);
}

static void test_only_asking_for_it_starts_a_thread(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(9);
    pid_t helper = 0;
    int fd;

    put_pattern(client, 1, 10, NULL);
    CHECK_STATUS(plasma_get(client, &id, 10, &buffer), PLASMA_ERR_TIMEOUT);
    CHECK_OK(plasma_subscribe(client, &subscription));
    CHECK_STATUS(plasma_next_event(subscription, 10, &event),
                 PLASMA_ERR_TIMEOUT);
    CHECK_EQ(count_threads(NULL), 1);
    CHECK_OK(plasma_event_fd(subscription, &fd));
    CHECK_EQ(count_threads(&helper), 2);
    CHECK_OK(plasma_event_fd(subscription, &fd));
    CHECK_EQ(count_threads(&helper), 2);
    int signals[] = { SIGHUP,  SIGINT,  SIGTERM, SIGALRM, SIGUSR1,
                      SIGUSR2, SIGCHLD, SIGPIPE, SIGTSTP, SIGWINCH };
    for (size_t at = 0; at < sizeof signals / sizeof *signals; at++) {
        CHECK(blocked_signals(helper) >> (signals[at] - 1) & 1);
    }
    plasma_unsubscribe(subscription);
    plasma_disconnect(client);
    CHECK_SOON(count_threads(NULL) == 1);
}

static void test_it_outlives_the_client_until_the_end_of_the_subscription(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;
    int fd;

    CHECK_OK(plasma_subscribe(client, &subscription));
    CHECK_OK(plasma_event_fd(subscription, &fd));
    plasma_disconnect(client);
    CHECK_STATUS(plasma_next_event(subscription, 0, &event),
                 PLASMA_ERR_DISCONNECTED);
    CHECK(fcntl(fd, F_GETFD) != -1);
    plasma_unsubscribe(subscription);
    CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
    CHECK_SOON(count_threads(NULL) == 1);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(it_is_readable_until_the_events_are_taken),
        TEST(only_asking_for_it_starts_a_thread),
        TEST(it_outlives_the_client_until_the_end_of_the_subscription),
    };
    return RUN_TESTS(argc, argv, tests);
}
