/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plasma: stores as users make them, from the first connect to the removal.
 */

#include "plasma.h"

#include <pthread.h>

/* ---- make ---- */

/** Make a store, put a small object, remove the store. */
void make(void)
{
    const uint64_t end = now_ns() + 3 * time_to_spend();
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    struct samples makes = { NULL, 0, 0 }, first_puts = { NULL, 0, 0 };
    struct samples both = { NULL, 0, 0 }, removes = { NULL, 0, 0 };
    const plasma_id_t id = id_of(0);
    uint8_t *source = source_bytes(100);
    double bytes = 0;
    char name[64];

    options.capacity = number_arg("capacity", 0);
    options.flags = PLASMA_CONNECT_EXCLUSIVE;
    snprintf(name, sizeof name, "bench-make-%d", (int)getpid());
    while (now_ns() < end || both.count < 9) {
        plasma_client_t *client;
        const uint64_t start = now_ns();
        OK(plasma_connect(name, &options, &client));
        const uint64_t made = now_ns();
        if (both.count == 0) {
            bytes = (double)bytes_taken(client);
        }
        const uint64_t before = now_ns();
        OK(plasma_put(client, &id, source, 100, NULL));
        const uint64_t put_at = now_ns();
        plasma_disconnect(client);
        const uint64_t left = now_ns();
        OK(plasma_store_remove(name));
        add_sample(&removes, (double)(now_ns() - left));
        add_sample(&makes, (double)(made - start));
        add_sample(&first_puts, (double)(put_at - before));
        add_sample(&both, (double)(made - start + put_at - before));
    }
    print_latency("make", &makes, NULL, 0);
    print_latency("first_put", &first_puts, NULL, 0);
    print_latency("make_and_put", &both, NULL, 0);
    print_latency("remove", &removes, NULL, 0);
    RESULT_BEGIN("empty");
    RESULT_NUMBER("bytes_taken", bytes);
    RESULT_END();
}

/* ---- first_connect ---- */

static void *sleep_on(void *nothing)
{
    (void)nothing;
    for (;;) {
        pause();
    }
    return NULL;
}

/** The first connect of a process, which may have a second thread already. */
void first_connect(void)
{
    const uint64_t end = now_ns() + 3 * time_to_spend();
    const int threads = (int)number_arg("threads", 2);
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    struct samples samples = { NULL, 0, 0 };
    uint64_t *spent = shared_bytes(sizeof *spent);

    open_store(&options);
    while (now_ns() < end || samples.count < 9) {
        const pid_t child = fork();
        int status;
        NEED(child >= 0);
        if (child == 0) {
            pthread_t thread;
            for (int more = 1; more < threads; more++) {
                NEED(pthread_create(&thread, NULL, sleep_on, NULL) == 0);
            }
            usleep(2000);
            const uint64_t start = now_ns();
            plasma_client_t *client = join_store();
            *spent = now_ns() - start;
            plasma_disconnect(client);
            _exit(0);
        }
        NEED(waitpid(child, &status, 0) == child && status == 0);
        add_sample(&samples, (double)*spent);
    }
    print_latency("first_connect", &samples, NULL, 0);
}

/* ---- room ---- */

enum { LARGE = 16 << 20 };

struct waiting {
    uint64_t begun, ended;
};

/** Create what has no room until another object is deleted. */
static void wait_for_room(struct waiting *waiting)
{
    plasma_client_t *client = join_store();
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    const plasma_id_t id = id_of(1);

    options.timeout_ms = 10000;
    __atomic_store_n(&waiting->begun, 1, __ATOMIC_RELEASE);
    OK(plasma_create(client, &id, LARGE / 2, &options, &writable));
    waiting->ended = now_ns();
    OK(plasma_abort(&writable));
    plasma_disconnect(client);
}

/** From a delete until a creator that waited for room goes on. */
void room(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    struct samples samples = { NULL, 0, 0 };
    struct waiting *waiting = shared_bytes(sizeof *waiting);
    uint8_t *source = source_bytes(LARGE);
    const uint64_t end = now_ns() + 3 * time_to_spend();
    const plasma_id_t id = id_of(0);

    options.capacity = LARGE;
    plasma_client_t *client = open_store(&options);
    while (now_ns() < end || samples.count < 9) {
        int status;
        OK(plasma_put(client, &id, source, LARGE, NULL));
        waiting->begun = 0;
        const pid_t child = fork();
        NEED(child >= 0);
        if (child == 0) {
            wait_for_room(waiting);
            _exit(0);
        }
        while (__atomic_load_n(&waiting->begun, __ATOMIC_ACQUIRE) == 0) {
            usleep(100);
        }
        usleep(2000); /* it sleeps by then */
        const uint64_t start = now_ns();
        OK(plasma_delete(client, &id));
        NEED(waitpid(child, &status, 0) == child && status == 0);
        add_sample(&samples, (double)(waiting->ended - start));
    }
    print_latency("room", &samples, NULL, 0);
}
