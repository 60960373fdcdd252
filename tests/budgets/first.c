/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * first STORE N: a store for N objects is made, and an object put, each between
 * two calls of getppid(), which tests/budgets.rs watches for.
 */
#define _GNU_SOURCE
#include <plasma.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void ok(plasma_status_t status)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "%s\n", plasma_error_message());
        exit(1);
    }
}

int main(int argc, char **argv)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_id_t id;

    if (argc != 3)
        return 2;
    options.capacity = 8 << 20;
    options.max_objects = strtoull(argv[2], NULL, 10);
    ok(plasma_id_from_bytes("first", 5, &id));
    getppid();
    ok(plasma_connect(argv[1], &options, &client));
    getppid();
    ok(plasma_put(client, &id, "data", 4, NULL));
    getppid();
    plasma_disconnect(client);
    return 0;
}
