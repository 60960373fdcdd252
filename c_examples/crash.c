/* Kills a process that writes and one that reads, and shows that no sealed
 * object is lost and that all they held is freed. */
#include <plasma.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const plasma_id_t kept = { "kept" }, half = { "half" };

static void must(plasma_status_t status, const char *call)
{
    if (status == PLASMA_OK)
        return;
    fprintf(stderr, "crash: %s: %s\n", call, plasma_error_message());
    _exit(1);
}

/* A process that begins an object, or holds one, until it is killed. */
static pid_t start(int writes)
{
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_client_t *client;
    int ready[2];
    pid_t child;
    char byte;

    if (pipe(ready) != 0 || (child = fork()) < 0)
        _exit(1);
    if (child == 0) {
        must(plasma_connect(NULL, NULL, &client), "plasma_connect");
        must(writes ? plasma_create(client, &half, 1 << 20, NULL, &writable)
                    : plasma_get(client, &kept, 0, &buffer), "child");
        while (write(ready[1], "r", 1) == 1); /* sleeps when it is full */
        _exit(1);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        _exit(1);
    return child;
}

static void show(plasma_client_t *client, const char *when)
{
    plasma_stats_t stats = PLASMA_STATS_INIT;

    must(plasma_stats(client, &stats), "plasma_stats");
    printf("%s: %d sealed, %d being written, %d held, %d clients\n", when,
           (int)stats.objects_sealed, (int)stats.objects_writing,
           (int)stats.leases, (int)stats.clients);
}

int main(void)
{
    plasma_connect_options_t connect = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_buffer_t buffer;
    uint64_t reaped;

    connect.flags = PLASMA_CONNECT_EPHEMERAL;
    must(plasma_connect(NULL, &connect, &client), "plasma_connect");
    must(plasma_put(client, &kept, "still here", 11, NULL), "plasma_put");
    const pid_t children[] = { start(1), start(0) };
    show(client, "before");
    for (int at = 0; at < 2; at++) {
        kill(children[at], SIGKILL);
        waitpid(children[at], NULL, 0);
    }
    must(plasma_reap(client, &reaped), "plasma_reap");
    show(client, "after");
    must(plasma_get(client, &kept, 0, &buffer), "plasma_get");
    printf("kept: %s\n", (const char *)buffer.data);
    must(plasma_put(client, &half, "whole", 6, NULL), "plasma_put");
    must(plasma_release(&buffer), "plasma_release");
    plasma_disconnect(client);
    return 0;
}
