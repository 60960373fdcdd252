/* Stores a thousand objects with one call and gets them with another: one
 * deadline for all, and a status for each. */
#include <plasma.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 1000 };

static plasma_id_t ids[COUNT + 1]; /* the last is never stored */
static uint64_t numbers[COUNT], sizes[COUNT];
static const void *datas[COUNT];
static plasma_buffer_t buffers[COUNT + 1];
static plasma_status_t statuses[COUNT + 1];

static void must(plasma_status_t status, const char *call)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "batch: %s: %s\n", call, plasma_error_message());
        exit(1);
    }
}

int main(void)
{
    plasma_connect_options_t connect = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_status_t status;
    uint64_t sum = 0, got = 0;

    connect.flags = PLASMA_CONNECT_EPHEMERAL;
    must(plasma_connect(NULL, &connect, &client), "plasma_connect");
    for (uint64_t at = 0; at <= COUNT; at++) {
        must(plasma_id_from_bytes(&at, sizeof at, &ids[at]),
             "plasma_id_from_bytes");
    }
    for (uint64_t at = 0; at < COUNT; at++) {
        numbers[at] = at;
        datas[at] = &numbers[at];
        sizes[at] = sizeof numbers[at];
    }
    must(plasma_put_many(client, ids, datas, sizes, COUNT, NULL, statuses),
         "plasma_put_many");

    /* 10 ms for all of them, and one is never sealed */
    status = plasma_get_many(client, ids, COUNT + 1, 10, buffers, statuses);
    printf("plasma_get_many: %s\n", plasma_status_name(status));
    for (uint64_t at = 0; at <= COUNT; at++) {
        if (statuses[at] == PLASMA_OK) {
            sum += *(const uint64_t *)(const void *)buffers[at].data;
            got++;
        } else {
            printf("object %d: %s\n", (int)at,
                   plasma_status_name(statuses[at]));
        }
    }
    printf("the sum of %d objects is %d\n", (int)got, (int)sum);
    must(plasma_release_many(buffers, COUNT + 1), "plasma_release_many");
    must(plasma_delete_many(client, ids, COUNT, statuses), "plasma_delete_many");
    plasma_disconnect(client);
    return 0;
}
