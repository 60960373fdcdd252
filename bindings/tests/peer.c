/*
 * The other process of the tests of bindings.
 *
 * peer STORE put ID NAME TEXT      puts TEXT, named, with the metadata "format": "text"
 * peer STORE expect ID TEXT        waits for the object, and fails unless it is TEXT
 * peer STORE work SEALED OPEN TEXT puts and holds SEALED, begins to write OPEN, prints "ready", and
 *                                  waits to be killed
 */
#include <plasma.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static plasma_client_t *client;

static void need(const char *what, plasma_status_t status)
{
    if (status == PLASMA_OK)
        return;
    fprintf(stderr, "peer: %s: %s: %s\n", what, plasma_status_name(status),
            plasma_error_message());
    _exit(1);
}

static plasma_id_t id_of(const char *hex)
{
    plasma_id_t id;
    need("id", plasma_id_from_hex(hex, &id));
    return id;
}

int main(int argc, char **argv)
{
    plasma_connect_options_t existing = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_id_t id;

    if (argc < 5)
        return 2;
    existing.flags = PLASMA_CONNECT_EXISTING;
    need("connect", plasma_connect(argv[1], &existing, &client));
    id = id_of(argv[3]);
    if (strcmp(argv[2], "put") == 0 && argc == 6) {
        plasma_metadata_t format = {"format", "text", 4};
        plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
        options.name = argv[4];
        options.metadata = &format;
        options.metadata_count = 1;
        need("put", plasma_put(client, &id, argv[5], strlen(argv[5]), &options));
    } else if (strcmp(argv[2], "expect") == 0) {
        plasma_buffer_t buffer;
        need("get", plasma_get(client, &id, 60000, &buffer));
        if (buffer.size != strlen(argv[4]) || memcmp(buffer.data, argv[4], buffer.size) != 0) {
            fprintf(stderr, "peer: %.*s\n", (int)buffer.size, (const char *)buffer.data);
            return 1;
        }
        need("release", plasma_release(&buffer));
    } else if (strcmp(argv[2], "work") == 0 && argc == 6) {
        plasma_buffer_t buffer;
        plasma_mutable_buffer_t open;
        plasma_id_t second = id_of(argv[4]);
        need("put", plasma_put(client, &id, argv[5], strlen(argv[5]), NULL));
        need("get", plasma_get(client, &id, 0, &buffer));
        need("create", plasma_create(client, &second, 1 << 20, NULL, &open));
        puts("ready");
        fflush(stdout);
        for (;;)
            pause();
    } else {
        return 2;
    }
    plasma_disconnect(client);
    return 0;
}
