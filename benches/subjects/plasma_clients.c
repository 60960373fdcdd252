/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Calls in a store that other clients use, up to a thousand: connected in other
 * processes, idle, or holding deleted objects.
 */

#include "plasma.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { PROCESSES = 16, LEASED_SIZE = 100 };

static pid_t others[PROCESSES];
static uint64_t clients, holders, leases;

/** The ids that client `who` holds begin here. */
static uint64_t first_of(uint64_t who)
{
    return UINT64_C(1) << 32 | who * leases;
}

static void hold(plasma_client_t *client, uint64_t who)
{
    for (uint64_t at = 0; at < leases; at++) {
        const plasma_id_t id = id_of(first_of(who) + at);
        plasma_buffer_t buffer;
        OK(plasma_get(client, &id, 0, &buffer));
    }
}

/** Every PROCESSES-th client, until this process is killed. */
static void be_clients(uint64_t first, int joined)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint64_t who = first; who < clients; who += PROCESSES) {
        plasma_client_t *client = join_store();
        if (who < holders) {
            hold(client, who);
        }
    }
    NEED(write(joined, "j", 1) == 1);
    for (;;) {
        pause();
    }
}

static void end_clients(void)
{
    for (int at = 0; at < PROCESSES; at++) {
        kill(others[at], SIGKILL);
        waitpid(others[at], NULL, 0);
    }
}

/** A store with clients= clients beside this one, of which holders= hold
 * leases= objects each. */
static plasma_client_t *open_beside(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = open_store(&options);
    uint8_t *source = source_bytes(LEASED_SIZE);
    int joined[2];
    char byte;

    clients = number_arg("clients", 0);
    holders = number_arg("holders", 0);
    leases = number_arg("leases", 0);
    for (uint64_t at = 0; at < holders * leases; at++) {
        const plasma_id_t id = id_of(first_of(0) + at);
        OK(plasma_put(client, &id, source, LEASED_SIZE, NULL));
    }
    NEED(pipe(joined) == 0);
    for (uint64_t at = 0; at < PROCESSES; at++) {
        others[at] = fork();
        NEED(others[at] >= 0);
        if (others[at] == 0) {
            be_clients(at, joined[1]);
        }
    }
    for (int at = 0; at < PROCESSES; at++) {
        NEED(read(joined[0], &byte, 1) == 1);
    }
    return client;
}

static void connect_once(void *state, uint64_t at)
{
    (void)state;
    (void)at;
    plasma_disconnect(join_store());
}

/** Connect and disconnect beside other clients. */
void reconnect(void)
{
    open_beside();
    time_operation("reconnect", connect_once, NULL, 0);
    end_clients();
}

struct beside {
    plasma_client_t *client;
    uint8_t *source;
    uint64_t size;
};

static void put_one(void *state, uint64_t at)
{
    struct beside *beside = state;
    const plasma_id_t id = id_of(at);

    OK(plasma_put(beside->client, &id, beside->source, beside->size, NULL));
    OK(plasma_delete(beside->client, &id));
}

/** Put and delete beside other clients. */
void put_beside(void)
{
    struct beside beside = { .size = number_arg("size", MIB) };

    beside.client = open_beside();
    beside.source = source_bytes(beside.size);
    time_operation("put_beside", put_one, &beside, (double)beside.size);
    end_clients();
}

static void ask_stats(void *state, uint64_t at)
{
    plasma_stats_t stats = PLASMA_STATS_INIT;

    (void)at;
    OK(plasma_stats(state, &stats));
}

static void ask_clients(void *state, uint64_t at)
{
    plasma_client_list_t *list;

    (void)at;
    OK(plasma_list_clients(state, &list));
    plasma_client_list_free(list);
}

static void ask_object(void *state, uint64_t at)
{
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    const plasma_id_t id = id_of(0);

    (void)at;
    OK(plasma_object_info(state, &id, &info));
}

/** Deletes, the slowest of which scan all leases, and what people ask, while
 * clients hold deleted objects. */
void limbo(void)
{
    struct beside beside = { .size = 100 };
    struct samples deletes = { NULL, 0, 0 };

    beside.client = open_beside();
    beside.source = source_bytes(beside.size);
    for (uint64_t at = 0; at < holders * leases; at++) {
        const plasma_id_t id = id_of(first_of(0) + at);
        OK(plasma_delete(beside.client, &id));
    }
    const uint64_t end = now_ns() + time_to_spend();
    for (uint64_t at = 0; now_ns() < end; at++) {
        const plasma_id_t id = id_of(at);
        OK(plasma_put(beside.client, &id, beside.source, beside.size, NULL));
        uint64_t start = now_ns();
        OK(plasma_delete(beside.client, &id));
        add_sample(&deletes, (double)(now_ns() - start));
    }
    sort_samples(&deletes);
    RESULT_BEGIN("limbo");
    RESULT_NUMBER("median_ns", quantile(&deletes, 0.5));
    RESULT_NUMBER("p999_ns", quantile(&deletes, 0.999));
    RESULT_NUMBER("worst_ns", quantile(&deletes, 1.0));
    RESULT_END();
    free_samples(&deletes);
    fill_store(beside.client, 1, beside.size);
    time_operation("stats", ask_stats, beside.client, 0);
    time_operation("list_clients", ask_clients, beside.client, 0);
    time_operation("object_info", ask_object, beside.client, 0);
    end_clients();
}
