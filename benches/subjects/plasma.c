/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plasma through its C ABI: the helpers of its workloads.
 */

#include "plasma.h"

static char address[64];
static plasma_client_t *maker;
static pid_t maker_pid;

static void remove_at_exit(void)
{
    if (getpid() == maker_pid) {
        plasma_disconnect(maker);
        plasma_store_remove(address);
    }
}

plasma_client_t *open_store(const plasma_connect_options_t *options)
{
    plasma_connect_options_t exclusive = *options;

    maker_pid = getpid();
    snprintf(address, sizeof address, "bench-%d", (int)maker_pid);
    exclusive.flags |= PLASMA_CONNECT_EXCLUSIVE;
    OK(plasma_connect(address, &exclusive, &maker));
    atexit(remove_at_exit);
    return maker;
}

const char *store_address(void)
{
    return address;
}

plasma_client_t *join_store(void)
{
    plasma_client_t *client;

    OK(plasma_connect(address, NULL, &client));
    return client;
}

plasma_id_t id_of(uint64_t number)
{
    plasma_id_t id;

    OK(plasma_id_from_bytes(&number, sizeof number, &id));
    return id;
}

plasma_id_t *ids_of(uint64_t count)
{
    plasma_id_t *ids = malloc(count * sizeof *ids);

    NEED(ids != NULL);
    for (uint64_t at = 0; at < count; at++) {
        ids[at] = id_of(at);
    }
    return ids;
}

uint8_t *source_bytes(uint64_t size)
{
    uint8_t *bytes = aligned_alloc(4096, (size + 4095) & ~UINT64_C(4095));

    NEED(bytes != NULL);
    memset(bytes, 7, size);
    return bytes;
}

void fill_store(plasma_client_t *client, uint64_t count, uint64_t size)
{
    uint8_t *bytes = source_bytes(size);

    for (uint64_t at = 0; at < count; at++) {
        plasma_id_t id = id_of(at);
        OK(plasma_put(client, &id, bytes, size, NULL));
    }
    free(bytes);
}

uint64_t bytes_taken(const plasma_client_t *client)
{
    char command[200], text[64] = "";

    snprintf(command, sizeof command, "du -s -B1 '%s'",
             plasma_client_address(client));
    FILE *pipe = popen(command, "r");
    NEED(pipe != NULL && fgets(text, sizeof text, pipe) != NULL);
    pclose(pipe);
    return strtoull(text, NULL, 10);
}

int is_default(void)
{
    return arg_is("store", "default");
}

int main(int argc, char **argv)
{
    static const struct workload workloads[] = {
        { "get", get },           { "create", create },
        { "put", put },           { "getters", getters },
        { "creators", creators }, { "handover", handover },
        { "attach", attach },     { "first_touch", first_touch },
        { "memory", memory },     { "churn", churn },
        { "evict", evict },       { "evict_large", evict_large },
        { "mixed", mixed },       { "full", full },
        { "list", list },         { "make", make },
        { "room", room },         { "first_connect", first_connect },
        { "batch", batch },
        { "named", named },       { "metadata", metadata },
        { "reconnect", reconnect }, { "put_beside", put_beside },
        { "limbo", limbo },
    };

    return run_workload(argc, argv, workloads,
                        sizeof workloads / sizeof workloads[0]);
}
