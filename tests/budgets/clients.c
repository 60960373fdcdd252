/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * clients STORE N: calls in a store that N clients of other processes use, each
 * between two calls of getppid(), which tests/budgets.rs watches for.
 */
#define _GNU_SOURCE
#include <plasma.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { PROCESSES = 16, MANY = 512, MIB = 1 << 20 };

static const char *store;

static void ok(plasma_status_t status)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "%s\n", plasma_error_message());
        exit(1);
    }
}

static plasma_client_t *join(void)
{
    plasma_client_t *client;

    ok(plasma_connect(store, NULL, &client));
    return client;
}

static plasma_id_t id_of(uint64_t number)
{
    plasma_id_t id;

    ok(plasma_id_from_bytes(&number, sizeof number, &id));
    return id;
}

static void join_others(long clients)
{
    int joined[2];
    char byte;

    if (pipe(joined) != 0) {
        exit(1);
    }
    for (int process = 0; process < PROCESSES; process++) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (long at = process; at < clients; at += PROCESSES) {
                join();
            }
            if (write(joined[1], "j", 1) != 1) {
                exit(1);
            }
            pause();
        }
    }
    for (int process = 0; process < PROCESSES; process++) {
        if (read(joined[0], &byte, 1) != 1) {
            exit(1);
        }
    }
}

/** The end of one measurement, and the begin of the next one. */
static void mark(void)
{
    getppid();
}

static void put_and_delete(plasma_client_t *client, const void *data, uint64_t size)
{
    const plasma_id_t id = id_of(1);

    ok(plasma_put(client, &id, data, size, NULL));
    ok(plasma_delete(client, &id));
}

int main(int argc, char **argv)
{
    static char data[MIB];
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_stats_t stats = PLASMA_STATS_INIT;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    const plasma_id_t other = id_of(2);
    plasma_client_t *client;
    plasma_client_list_t *list;

    if (argc != 3) {
        return 2;
    }
    store = argv[1];
    options.capacity = 64 << 20;
    /* A reservation asks the system how much is free, now and then. */
    options.flags = PLASMA_CONNECT_RESERVE;
    ok(plasma_connect(store, &options, &client));
    join_others(atol(argv[2]));
    ok(plasma_put(client, &other, data, 100, NULL));
    /* The first calls open what later ones need. */
    plasma_disconnect(join());
    put_and_delete(client, data, MIB);
    ok(plasma_stats(client, &stats));
    mark();
    plasma_disconnect(join());
    mark();
    for (int at = 0; at < 16; at++) {
        put_and_delete(client, data, MIB);
    }
    mark();
    for (int at = 0; at < MANY; at++) {
        put_and_delete(client, data, 100);
    }
    mark();
    ok(plasma_object_info(client, &other, &info));
    mark();
    ok(plasma_stats(client, &stats));
    mark();
    ok(plasma_list_clients(client, &list));
    plasma_client_list_free(list);
    mark();
    return 0; /* the others end with this process */
}
