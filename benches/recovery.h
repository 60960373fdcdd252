/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The processes that use the store of recovery.c.
 */

#ifndef PLASMA_RECOVERY_H
#define PLASMA_RECOVERY_H

#include "bench.h"

#include <plasma.h>
#include <signal.h>
#include <sys/prctl.h>

enum { SIZE = 100, MAX_GETS = 1 << 22 };

/* The phases of the getter's samples. */
enum phase { SKIP, QUIET, WRITING, RECOVERING, PHASES };

static struct shared {
    enum phase phase;
    int stop;
    uint32_t victim_slot, victim_rounds;
    uint32_t counts[PHASES];
    double gets[PHASES][MAX_GETS];
} *shared;

static char store[64];
static pid_t maker;
static uint64_t objects, chance = 88172645463325252u;

#define LOAD(at) __atomic_load_n(&(at), __ATOMIC_ACQUIRE)
#define STORE(at, value) __atomic_store_n(&(at), (value), __ATOMIC_RELEASE)

static void check(plasma_status_t status, const char *call)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "recovery: %s: %s\n", call, plasma_error_message());
        exit(1);
    }
}
#define CHECK(call) check((call), #call)

static plasma_id_t id_of(uint64_t number)
{
    plasma_id_t id;

    CHECK(plasma_id_from_bytes(&number, sizeof number, &id));
    return id;
}

static plasma_client_t *join(void)
{
    plasma_client_t *client;

    CHECK(plasma_connect(store, NULL, &client));
    return client;
}

static uint32_t own_slot(plasma_client_t *client)
{
    plasma_client_info_t info = PLASMA_CLIENT_INFO_INIT;
    plasma_client_list_t *list;

    CHECK(plasma_list_clients(client, &list));
    for (uint64_t at = 0;
         plasma_client_list_at(list, at, &info) == PLASMA_OK; at++) {
        if (info.pid == getpid() && info.alive) {
            break;
        }
    }
    plasma_client_list_free(list);
    return info.slot;
}

/** Creates and deletes until it is killed. */
static void write_on(int is_victim)
{
    plasma_client_t *client = join();
    const plasma_id_t id = id_of((uint64_t)getpid() << 32);
    char bytes[SIZE] = { 0 };

    if (is_victim) {
        STORE(shared->victim_slot, own_slot(client));
    }
    while (!LOAD(shared->stop)) {
        CHECK(plasma_put(client, &id, bytes, sizeof bytes, NULL));
        CHECK(plasma_delete(client, &id));
        if (is_victim) {
            STORE(shared->victim_rounds, shared->victim_rounds + 1);
        } else {
            usleep(100); /* the victim is to have the lock most of the time */
        }
    }
    plasma_disconnect(client);
}

/** Gets objects at random and notes how long each took. */
static void get_on(int unused)
{
    plasma_client_t *client = join();

    (void)unused;
    while (!LOAD(shared->stop)) {
        const plasma_id_t id = id_of(pick(&chance, objects));
        const enum phase phase = LOAD(shared->phase);
        plasma_buffer_t buffer;
        uint64_t start = now_ns(), end;

        CHECK(plasma_get(client, &id, 0, &buffer));
        touch(buffer.data);
        end = now_ns();
        CHECK(plasma_release(&buffer));
        /* Only samples that were in one phase from start to end. */
        if (LOAD(shared->phase) == phase && shared->counts[phase] < MAX_GETS) {
            shared->gets[phase][shared->counts[phase]++] =
                (double)(end - start);
        }
    }
    plasma_disconnect(client);
}

static pid_t begin(void (*role)(int), int argument)
{
    pid_t child;

    fflush(NULL);
    child = fork();
    NEED(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == maker) {
            role(argument);
        }
        _exit(0);
    }
    return child;
}

static void await(pid_t child)
{
    int status;

    NEED(waitpid(child, &status, 0) == child && status == 0);
}

#endif
