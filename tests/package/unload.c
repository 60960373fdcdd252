/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * unload LIBRARY [TIMES]: the library is loaded, used by several threads, and unloaded, TIMES
 * times. Each time it has to be gone from the process, which then can fork; under valgrind nothing
 * of it may be left.
 */
#include "loaded.h"

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 1000 };

static plasma_client_t *client;

/* Threads that wait for each other, also for locks within the library, and have failures. */
static void *work(void *number)
{
    plasma_mutable_buffer_t writable;
    plasma_buffer_t sealed;
    plasma_id_t id;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        CHECK(plasma->id_random(&id) == PLASMA_OK);
        CHECK(plasma->create(client, &id, 100, NULL, &writable) == PLASMA_OK);
        memset(writable.data, (int)(intptr_t)number, 100);
        CHECK(plasma->resize(&writable, UINT64_MAX) == PLASMA_ERR_TOO_LARGE);
        CHECK(strlen(plasma->error_message()) > 0);
        CHECK(plasma->seal(&writable) == PLASMA_OK);
        CHECK(plasma->get(client, &id, 0, &sealed) == PLASMA_OK);
        CHECK(plasma->release(&sealed) == PLASMA_OK);
        CHECK(plasma->delete_(client, &id) == PLASMA_OK);
    }
    return NULL;
}

static void use(const char *store)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_subscription_t *subscription;
    pthread_t threads[THREADS];
    struct pollfd event;
    intptr_t at;

    options.flags = PLASMA_CONNECT_EPHEMERAL;
    options.capacity = 1 << 20;
    CHECK(plasma->connect(store, &options, &client) == PLASMA_OK);
    CHECK(plasma->subscribe(client, &subscription) == PLASMA_OK);
    CHECK(plasma->event_fd(subscription, &event.fd) == PLASMA_OK);
    for (at = 0; at < THREADS; at++)
        CHECK(pthread_create(&threads[at], NULL, work, (void *)at) == 0);
    work(NULL); /* the thread that unloads it waits for the others, too */
    event.events = POLLIN;
    CHECK(poll(&event, 1, -1) == 1);
    for (at = 0; at < THREADS; at++)
        CHECK(pthread_join(threads[at], NULL) == 0);
    plasma->unsubscribe(subscription);
    plasma->disconnect(client);
}

static int is_mapped(const char *name)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    int found = 0;

    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL)
        found |= strstr(line, name) != NULL;
    fclose(maps);
    return found;
}

static void fork_once(void)
{
    int status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0)
        _exit(7);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int main(int argc, char **argv)
{
    int times = argc > 2 ? atoi(argv[2]) : 1;
    char store[64];

    CHECK(argc > 1 && times > 0);
    snprintf(store, sizeof store, "/dev/shm/plasma-unload-%d", (int)getpid());
    for (; times > 0; times--) {
        load(argv[1]);
        CHECK(is_mapped("libplasma"));
        use(store);
        unload();
        CHECK(!is_mapped("libplasma"));
        fork_once();
    }
    puts("used, unloaded, gone");
    return 0;
}
