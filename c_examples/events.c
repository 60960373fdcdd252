/* Reads events in a poll() loop, which can serve sockets at the same time.
 * Another process stores an object and deletes it. */
#include <plasma.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(plasma_status_t status, const char *call)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "events: %s: %s\n", call, plasma_error_message());
        exit(1);
    }
}

static void store_and_delete(void)
{
    plasma_client_t *client;
    plasma_id_t id;

    must(plasma_connect(NULL, NULL, &client), "plasma_connect");
    must(plasma_id_from_bytes("news", 4, &id), "plasma_id_from_bytes");
    must(plasma_put(client, &id, "abc", 3, NULL), "plasma_put");
    must(plasma_delete(client, &id), "plasma_delete");
    plasma_disconnect(client);
}

/* Take all pending events; returns whether one of them was a deletion. */
static int take(plasma_subscription_t *subscription)
{
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_status_t status;
    int deleted = 0;

    while ((status = plasma_next_event(subscription, 0, &event)) == PLASMA_OK) {
        if (event.type == PLASMA_EVENT_SEALED) {
            printf("sealed: %d bytes\n", (int)event.data_size);
        } else if (event.type == PLASMA_EVENT_DELETED) {
            printf("deleted\n");
            deleted = 1;
        } else if (event.type == PLASMA_EVENT_LOST) {
            printf("%d lost: list the objects again\n", (int)event.lost_count);
        }
    }
    if (status != PLASMA_ERR_TIMEOUT) { /* TIMEOUT: no more for now */
        must(status, "plasma_next_event");
    }
    return deleted;
}

int main(void)
{
    plasma_connect_options_t connect = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_subscription_t *subscription;
    plasma_client_t *client;
    struct pollfd ready = { -1, POLLIN, 0 };
    pid_t child;

    connect.flags = PLASMA_CONNECT_EPHEMERAL;
    must(plasma_connect(NULL, &connect, &client), "plasma_connect");
    must(plasma_subscribe(client, &subscription), "plasma_subscribe");
    must(plasma_event_fd(subscription, &ready.fd), "plasma_event_fd");
    if ((child = fork()) == 0) {
        store_and_delete();
        _exit(0);
    }
    while (!take(subscription)) {
        if (poll(&ready, 1, 30000) != 1) {
            fprintf(stderr, "events: no news\n");
            return 1;
        }
    }
    waitpid(child, NULL, 0);
    plasma_unsubscribe(subscription);
    plasma_disconnect(client);
    return 0;
}
