/* Stores three objects for consumer, by name. If the store is full, it waits
 * for room for one second. */
#include <plasma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(plasma_status_t status, const char *call)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "producer: %s: %s\n", call, plasma_error_message());
        exit(1);
    }
}

int main(void)
{
    plasma_connect_options_t connect = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_create_options_t create = PLASMA_CREATE_OPTIONS_INIT;
    plasma_client_t *client;

    connect.capacity = 16 << 20; /* who comes first makes it so large */
    create.timeout_ms = 1000;
    must(plasma_connect(NULL, &connect, &client), "plasma_connect");
    for (int at = 0; at < 3; at++) {
        plasma_status_t status;
        plasma_id_t id;
        char name[16], text[32];

        snprintf(name, sizeof name, "item-%d", at);
        snprintf(text, sizeof text, "the square of %d is %d", at, at * at);
        create.name = name;
        must(plasma_id_random(&id), "plasma_id_random");
        status = plasma_put(client, &id, text, strlen(text), &create);
        if (status == PLASMA_ERR_NAME_EXISTS) {
            printf("%s is there already\n", name);
            continue;
        }
        must(status, "plasma_put");
        printf("stored %s\n", name);
    }
    plasma_disconnect(client); /* the objects stay */
    return 0;
}
