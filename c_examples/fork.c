/* How to fork: the child connects again. It may read an inherited view while
 * its parent holds the buffer, and cannot disturb its parent. */
#include <plasma.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(plasma_status_t status, const char *call)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "fork: %s: %s\n", call, plasma_error_message());
        exit(1);
    }
}

static uint64_t sum_of(const plasma_buffer_t *bytes)
{
    uint64_t sum = 0;

    for (uint64_t at = 0; at < bytes->size; at++) {
        sum += bytes->data[at];
    }
    return sum;
}

/* Computes a result from an inherited view and stores it. */
static void work(plasma_client_t *inherited, const plasma_buffer_t *input)
{
    plasma_create_options_t create = PLASMA_CREATE_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_id_t id;
    uint64_t sum = sum_of(input);

    must(plasma_id_random(&id), "plasma_id_random");
    printf("child: the parent's connection says %s\n",
           plasma_status_name(plasma_put(inherited, &id, "", 0, NULL)));
    must(plasma_connect(NULL, NULL, &client), "plasma_connect");
    create.name = "sum";
    must(plasma_put(client, &id, &sum, sizeof sum, &create), "plasma_put");
    plasma_disconnect(client);
}

int main(void)
{
    plasma_connect_options_t connect = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_buffer_t input, sum;
    plasma_id_t id;
    pid_t child;
    int ended = -1;

    connect.flags = PLASMA_CONNECT_EPHEMERAL;
    must(plasma_connect(NULL, &connect, &client), "plasma_connect");
    must(plasma_id_random(&id), "plasma_id_random");
    must(plasma_put(client, &id, "\1\2\3\4", 4, NULL), "plasma_put");
    must(plasma_get(client, &id, 0, &input), "plasma_get");
    if ((child = fork()) == 0) {
        work(client, &input);
        fflush(stdout);
        _exit(0); /* exit() would run what the parent registered */
    }
    waitpid(child, &ended, 0);
    if (ended != 0) {
        fprintf(stderr, "fork: the child failed\n");
        return 1;
    }
    must(plasma_get_by_name(client, "sum", 0, &sum), "plasma_get_by_name");
    printf("parent: the child's sum is %d\n",
           (int)*(const uint64_t *)(const void *)sum.data);
    must(plasma_release(&sum), "plasma_release");
    must(plasma_release(&input), "plasma_release");
    plasma_disconnect(client);
    return 0;
}
