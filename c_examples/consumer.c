/* Takes the objects of producer until no more arrive. The two programs can be
 * started in either order. */
#include <plasma.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 30000, MORE_MS = 50 };

static void must(plasma_status_t status, const char *call)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "consumer: %s: %s\n", call, plasma_error_message());
        exit(1);
    }
}

int main(void)
{
    plasma_connect_options_t connect = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;

    connect.capacity = 16 << 20;
    must(plasma_connect(NULL, &connect, &client), "plasma_connect");
    for (int at = 0;;) {
        plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
        plasma_buffer_t buffer;
        plasma_status_t status;
        char name[16];

        snprintf(name, sizeof name, "item-%d", at);
        status = plasma_get_by_name(client, name,
                                    at < 3 ? PATIENCE_MS : MORE_MS, &buffer);
        if (status == PLASMA_ERR_ABORTED) {
            continue; /* its producer died: wait for another's */
        }
        if (status == PLASMA_ERR_TIMEOUT && at >= 3) {
            printf("no %s within %d ms\n", name, MORE_MS);
            break;
        }
        must(status, "plasma_get_by_name");
        printf("%.*s\n", (int)buffer.size, (const char *)buffer.data);
        must(plasma_buffer_info(&buffer, &info), "plasma_buffer_info");
        must(plasma_delete(client, &info.id), "plasma_delete");
        must(plasma_release(&buffer), "plasma_release");
        at++;
    }
    plasma_disconnect(client);
    return 0;
}
