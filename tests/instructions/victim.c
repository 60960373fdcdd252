/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The victim of the instruction sweep: runs one operation between two
 * SIGSTOPs, between which the tracer counts.
 *
 *     victim <address> <operation>
 *
 * Objects are those of tests/common: an id of kind 2 and number 0, whose bytes
 * follow from the id.
 */

#include <plasma.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 300

static void must(plasma_status_t status)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "victim: %s\n", plasma_error_message());
        exit(1);
    }
}

/** tests/common/mod.rs has the same. */
static void fill(const plasma_id_t *id, uint8_t *bytes, uint64_t size)
{
    uint64_t state = 7;

    for (int i = 0; i < PLASMA_ID_SIZE; i++) {
        state = (state ^ id->bytes[i]) * UINT64_C(0x100000001b3);
    }
    for (uint64_t at = 0; at < size; at += 8) {
        uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
        memcpy(bytes + at, &z, size - at < 8 ? size - at : 8);
    }
}

static void create(plasma_client_t *client, const plasma_id_t *id,
                   plasma_mutable_buffer_t *writer)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;

    options.name = "victim-0";
    must(plasma_create(client, id, SIZE, &options, writer));
}

static void make(plasma_client_t *client, const plasma_id_t *id)
{
    plasma_mutable_buffer_t writer;

    create(client, id, &writer);
    fill(id, writer.data, SIZE);
    must(plasma_seal(&writer));
}

static int is(const char *name, const char *operation)
{
    return strcmp(name, operation) == 0;
}

int main(int argc, char **argv)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = NULL;
    plasma_mutable_buffer_t writer;
    plasma_buffer_t buffer;
    plasma_id_t id;

    if (argc != 3) {
        return 2;
    }
    memset(&id, 0, sizeof id);
    id.bytes[0] = 2;
    options.flags = PLASMA_CONNECT_EXISTING;
    must(plasma_connect(argv[1], &options, &client));
    if (is("create", argv[2])) {
        /* The work that a process does once is done: its map of the heap,
         * its host. */
        create(client, &id, &writer);
        must(plasma_abort(&writer));
        raise(SIGSTOP);
        create(client, &id, &writer);
        raise(SIGSTOP);
    } else if (is("first_create", argv[2])) {
        raise(SIGSTOP);
        create(client, &id, &writer);
        raise(SIGSTOP);
    } else if (is("seal", argv[2])) {
        create(client, &id, &writer);
        fill(&id, writer.data, SIZE);
        raise(SIGSTOP);
        must(plasma_seal(&writer));
        raise(SIGSTOP);
    } else if (is("get", argv[2]) || is("first_get", argv[2])) {
        make(client, &id);
        if (is("get", argv[2])) {
            must(plasma_get(client, &id, 0, &buffer));
            must(plasma_release(&buffer));
        }
        raise(SIGSTOP);
        must(plasma_get(client, &id, 0, &buffer));
        raise(SIGSTOP);
    } else if (is("get_by_name", argv[2])) {
        make(client, &id);
        must(plasma_get(client, &id, 0, &buffer));
        must(plasma_release(&buffer));
        raise(SIGSTOP);
        must(plasma_get_by_name(client, "victim-0", 0, &buffer));
        raise(SIGSTOP);
    } else if (is("release", argv[2])) {
        make(client, &id);
        must(plasma_get(client, &id, 0, &buffer));
        raise(SIGSTOP);
        must(plasma_release(&buffer));
        raise(SIGSTOP);
    } else if (is("delete", argv[2])) {
        make(client, &id);
        raise(SIGSTOP);
        must(plasma_delete(client, &id));
        raise(SIGSTOP);
    } else {
        return 2;
    }
    return 0;
}
