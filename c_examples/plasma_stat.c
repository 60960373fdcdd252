/* plasma_stat [ADDRESS]: prints the objects and clients of a store. It only
 * reads, so any user who may read the store can run it at any time. */
#include <inttypes.h>
#include <plasma.h>
#include <stdio.h>
#include <stdlib.h>

static void must(plasma_status_t status, const char *call)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "plasma_stat: %s: %s\n", call, plasma_error_message());
        exit(1);
    }
}

static void show_store(plasma_client_t *client)
{
    plasma_stats_t stats = PLASMA_STATS_INIT;

    must(plasma_stats(client, &stats), "plasma_stats");
    printf("%s on %s\n", plasma_client_address(client), stats.file_system);
    printf("%" PRIu64 " of %" PRIu64 " bytes used, %" PRIu64 " reserved\n",
           stats.used, stats.capacity, stats.reserved);
    printf("%" PRIu64 " objects sealed, %" PRIu64 " being written\n",
           stats.objects_sealed, stats.objects_writing);
}

static void show_clients(plasma_client_t *client)
{
    plasma_client_info_t info = PLASMA_CLIENT_INFO_INIT;
    plasma_client_list_t *list;

    must(plasma_list_clients(client, &list), "plasma_list_clients");
    for (uint64_t at = 0; at < plasma_client_list_count(list); at++) {
        must(plasma_client_list_at(list, at, &info), "plasma_client_list_at");
        printf("client %s, pid %d: %s%s, holds %" PRIu64 "\n", info.comm,
               (int)info.pid, info.read_only ? "reads" : "reads and writes",
               info.stopped ? ", stopped" : "", info.lease_count);
    }
    plasma_client_list_free(list);
}

static void show_objects(plasma_client_t *client)
{
    static const char *const states[] = { "absent", "being written", "sealed",
                                          "deleted, still held" };
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_list_t *list;
    char hex[PLASMA_ID_HEX_SIZE];

    must(plasma_list(client, &list), "plasma_list");
    for (uint64_t at = 0; at < plasma_list_count(list); at++) {
        must(plasma_list_at(list, at, &info), "plasma_list_at");
        must(plasma_id_to_hex(&info.id, hex), "plasma_id_to_hex");
        printf("object %s: %" PRIu64 " bytes, %s\n",
               info.name[0] != '\0' ? info.name : hex, info.data_size,
               states[info.state & 3]);
    }
    plasma_list_free(list);
}

int main(int argc, char **argv)
{
    plasma_connect_options_t connect = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;

    connect.flags = PLASMA_CONNECT_READ_ONLY;
    must(plasma_connect(argc > 1 ? argv[1] : NULL, &connect, &client),
         "plasma_connect");
    show_store(client);
    show_clients(client);
    show_objects(client);
    plasma_disconnect(client);
    return 0;
}
