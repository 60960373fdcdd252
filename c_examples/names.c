/* Names an object, and describes its bytes in its metadata. */
#include <plasma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(plasma_status_t status, const char *call)
{
    if (status != PLASMA_OK) {
        fprintf(stderr, "names: %s: %s\n", call, plasma_error_message());
        exit(1);
    }
}

static void show(const plasma_buffer_t *buffer, const char *key)
{
    const void *value; /* in shared memory, as long as the buffer is held */
    uint64_t size;

    must(plasma_get_metadata(buffer, key, &value, &size), key);
    printf("%s: %.*s\n", key, (int)size, (const char *)value);
}

int main(void)
{
    static const char rows[] = "Oslo,717710\nLima,10092000\n";
    static const plasma_metadata_t metadata[] = {
        { "format", "csv", 3 },
        { "schema", "city,people", 11 },
    };
    plasma_connect_options_t connect = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_create_options_t create = PLASMA_CREATE_OPTIONS_INIT;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_client_t *client;
    plasma_status_t status;
    plasma_id_t id, other, found;

    connect.flags = PLASMA_CONNECT_EPHEMERAL;
    must(plasma_connect(NULL, &connect, &client), "plasma_connect");
    must(plasma_id_random(&id), "plasma_id_random");
    must(plasma_id_random(&other), "plasma_id_random");
    create.name = "cities";
    create.metadata = metadata;
    create.metadata_count = 2;
    must(plasma_create(client, &id, sizeof rows - 1, &create, &writable),
         "plasma_create");
    memcpy(writable.data, rows, sizeof rows - 1);
    must(plasma_set_metadata(&writable, "rows", "2", 1), "plasma_set_metadata");
    must(plasma_seal(&writable), "plasma_seal");

    status = plasma_put(client, &other, "", 0, &create); /* a name is unique */
    printf("a second object of that name: %s\n", plasma_status_name(status));

    must(plasma_lookup(client, "cities", &found), "plasma_lookup");
    must(plasma_get(client, &found, 0, &buffer), "plasma_get");
    must(plasma_buffer_info(&buffer, &info), "plasma_buffer_info");
    printf("name: %s\n", info.name);
    show(&buffer, "format");
    show(&buffer, "schema");
    show(&buffer, "rows");
    printf("%.*s", (int)buffer.size, (const char *)buffer.data);
    must(plasma_release(&buffer), "plasma_release");
    plasma_disconnect(client);
    return 0;
}
