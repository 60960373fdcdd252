/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plasma: several processes at work, and a store that is full.
 */

#include "plasma.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- getters, creators ---- */

static uint64_t get_until_over(void *state, uint64_t self)
{
    const uint64_t objects = *(uint64_t *)state;
    plasma_client_t *client = join_store();
    plasma_id_t *ids = ids_of(objects);
    uint64_t random = self + 1, done = 0;

    for (wait_for_start(); !is_over(); done++) {
        plasma_buffer_t buffer;
        OK(plasma_get(client, &ids[pick(&random, objects)], 0, &buffer));
        touch(buffer.data);
        OK(plasma_release(&buffer));
    }
    plasma_disconnect(client);
    return done;
}

void getters(void)
{
    const uint64_t size = number_arg("size", 100);
    uint64_t objects = number_arg("objects", 10000);
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    options.max_objects = objects + 1024;
    options.capacity = 64 * MIB + objects * (size + 64);
    fill_store(open_store(&options), objects, size);
    time_rate("getters", number_arg("processes", 1), get_until_over, &objects);
}

/** Creates and deletes objects, some in one call each. */
static void create_together(plasma_client_t *client, const plasma_id_t *ids,
                            uint64_t batch, uint64_t together,
                            const uint8_t *source, uint64_t size)
{
    enum { MOST = 100 };
    const void *datas[MOST];
    uint64_t sizes[MOST];
    plasma_status_t statuses[MOST];

    NEED(together <= MOST && batch % together == 0);
    for (uint64_t at = 0; at < together; at++) {
        datas[at] = source;
        sizes[at] = size;
    }
    for (uint64_t at = 0; at < batch; at += together) {
        OK(plasma_put_many(client, &ids[at], datas, sizes, together, NULL,
                           statuses));
    }
    for (uint64_t at = 0; at < batch; at += together) {
        OK(plasma_delete_many(client, &ids[at], together, statuses));
    }
}

static uint64_t create_until_over(void *state, uint64_t self)
{
    const uint64_t size = *(uint64_t *)state, batch = number_arg("batch", 100);
    const uint64_t together = number_arg("together", 1);
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    const int apart = arg_is("stores", "apart");
    plasma_client_t *client = apart ? open_store(&options) : join_store();
    uint8_t *source = source_bytes(size);
    plasma_id_t *ids = malloc(batch * sizeof *ids);
    uint64_t done = 0;

    for (uint64_t at = 0; at < batch; at++) {
        ids[at] = id_of((self << 32) + at);
    }
    for (wait_for_start(); !is_over(); done += batch) {
        if (together > 1) {
            create_together(client, ids, batch, together, source, size);
            continue;
        }
        for (uint64_t at = 0; at < batch; at++) {
            plasma_mutable_buffer_t writable;
            OK(plasma_create(client, &ids[at], size, NULL, &writable));
            memcpy(writable.data, source, size);
            OK(plasma_seal(&writable));
        }
        for (uint64_t at = 0; at < batch; at++) {
            OK(plasma_delete(client, &ids[at]));
        }
    }
    plasma_disconnect(client);
    if (apart) {
        OK(plasma_store_remove(store_address()));
    }
    return done;
}

enum { THREADS = 100, PROCESSES_MAX = 64 };

static plasma_client_t *sleeping; /* one client for the threads of a process */

/** Wait for objects that never exist: the same for all threads, or others for
 * each. */
static void *sleep_forever(void *number)
{
    const uint64_t count = number_arg("awaited", 1);
    const uint64_t first = arg_is("of", "each") ? *(uint64_t *)number * count : 0;
    plasma_id_t *ids = malloc(count * sizeof *ids);
    uint8_t *ready = calloc(count, 1);
    uint64_t ready_count;

    for (uint64_t at = 0; at < count; at++) {
        ids[at] = id_of((UINT64_C(1) << 48) + first + at);
    }
    plasma_wait(sleeping, ids, count, 0, -1, ready, &ready_count);
    return NULL;
}

static void sleep_in_threads(uint64_t process)
{
    static uint64_t numbers[THREADS];
    pthread_t thread;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sleeping = join_store();
    for (uint64_t at = 0; at < THREADS; at++) {
        numbers[at] = process * THREADS + at;
        if (pthread_create(&thread, NULL, sleep_forever, &numbers[at]) != 0) {
            exit(1);
        }
    }
    for (;;) {
        pause();
    }
}

/** Creators alone, or beside threads that sleep until other objects exist. */
void creators(void)
{
    uint64_t size = number_arg("size", 100);
    const uint64_t sleepers = number_arg("sleepers", 0) / THREADS;
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    pid_t pids[PROCESSES_MAX];

    options.capacity = is_default() ? 0 : 256 * MIB;
    open_store(&options);
    for (uint64_t at = 0; at < sleepers && at < PROCESSES_MAX; at++) {
        pids[at] = fork();
        if (pids[at] == 0) {
            sleep_in_threads(at);
        }
    }
    sleep(sleepers > 0 ? 2 : 0); /* all of them sleep by then, or nearly all */
    time_rate("creators", number_arg("processes", 1), create_until_over, &size);
    for (uint64_t at = 0; at < sleepers && at < PROCESSES_MAX; at++) {
        kill(pids[at], SIGKILL);
        waitpid(pids[at], NULL, 0);
    }
}

/* ---- handover ---- */

struct sealing {
    plasma_client_t *client;
    plasma_mutable_buffer_t writable[WAITERS_MAX];
    uint64_t objects;
    int by_name;
};

static const char *name_of(uint64_t number)
{
    static char name[32];

    snprintf(name, sizeof name, "object-%" PRIu64, number);
    return name;
}

/** Object `which` of a round. */
static uint64_t number_of(uint64_t round, uint64_t which)
{
    return round * WAITERS_MAX + which;
}

static void join(void *state, uint64_t waiter)
{
    (void)waiter;
    ((struct sealing *)state)->client = join_store();
}

static void wait_for_object(void *state, uint64_t round, uint64_t waiter)
{
    const struct sealing *sealing = state;
    const uint64_t number = number_of(round, waiter % sealing->objects);
    plasma_buffer_t buffer;

    if (sealing->by_name) {
        OK(plasma_get_by_name(sealing->client, name_of(number), -1, &buffer));
    } else {
        plasma_id_t id = id_of(number);
        OK(plasma_get(sealing->client, &id, -1, &buffer));
    }
    touch(buffer.data);
    OK(plasma_release(&buffer));
}

static void begin(void *state, uint64_t round)
{
    struct sealing *sealing = state;

    for (uint64_t at = 0; at < sealing->objects; at++) {
        plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
        plasma_id_t id = id_of(number_of(round, at));
        options.name = name_of(number_of(round, at));
        OK(plasma_create(sealing->client, &id, 100,
                         sealing->by_name ? &options : NULL,
                         &sealing->writable[at]));
        memset(sealing->writable[at].data, 1, 100);
    }
}

static void seal(void *state, uint64_t round)
{
    struct sealing *sealing = state;

    (void)round;
    for (uint64_t at = 0; at < sealing->objects; at++) {
        OK(plasma_seal(&sealing->writable[at]));
    }
}

static void forget(void *state, uint64_t round)
{
    const struct sealing *sealing = state;

    for (uint64_t at = 0; at < sealing->objects; at++) {
        plasma_id_t id = id_of(number_of(round, at));
        OK(plasma_delete(sealing->client, &id));
    }
}

void handover(void)
{
    static struct sealing sealing;
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    options.capacity = 64 * MIB;
    sealing.client = open_store(&options);
    sealing.objects = arg_is("objects", "many") ? number_arg("waiters", 1) : 1;
    sealing.by_name = arg_is("by", "name");
    time_handover("handover",
                  &(struct handover){ &sealing, join, wait_for_object, begin,
                                      seal, forget });
}

/* ---- churn ---- */

enum { SERIES = 1 << 20 };

/** Get objects that exist and create those that do not, from twice as many
 * keys as the store holds; or scan, where no object ever exists. */
void churn(void)
{
    const uint64_t size = number_arg("size", 4096), capacity = 256 * MIB;
    const uint64_t fits = capacity / size, keys = 2 * fits;
    const int scan = arg_is("pattern", "scan");
    const uint32_t *series = zipf_series(SERIES, keys);
    const plasma_id_t *ids = ids_of(keys);
    const uint8_t *source = source_bytes(size);
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    uint64_t created = 0, gets = 0, start, spent = 0;

    options.capacity = capacity;
    options.eviction = PLASMA_EVICTION_LRU;
    plasma_client_t *client = open_store(&options);
    for (uint64_t at = 0; at < fits + fits / 8; at++) { /* full, and beyond */
        OK(plasma_put(client, &ids[at], source, size, NULL));
    }
    start = now_ns();
    for (uint64_t at = fits + fits / 8; spent < time_to_spend(); at++) {
        const plasma_id_t *id = &ids[scan ? at % keys : series[at % SERIES]];
        plasma_buffer_t buffer;
        if (!scan && plasma_get(client, id, 0, &buffer) == PLASMA_OK) {
            touch(buffer.data);
            OK(plasma_release(&buffer));
            gets++;
        } else {
            OK(plasma_put(client, id, source, size, NULL));
            created++;
        }
        spent = at % 128 == 0 ? now_ns() - start : spent;
    }
    RESULT_BEGIN("churn");
    RESULT_NUMBER("ops_s", (double)created * 1e9 / (double)spent);
    RESULT_NUMBER("gets_s", (double)gets * 1e9 / (double)spent);
    RESULT_NUMBER("all_s", (double)(created + gets) * 1e9 / (double)spent);
    RESULT_END();
}
