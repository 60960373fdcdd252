/* Create, write, seal, get, release: one object in the store $PLASMA_STORE. */
#include <plasma.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *call, plasma_status_t status)
{
    fprintf(stderr, "hello: %s: %s: %s\n", call, plasma_status_name(status),
            plasma_error_message());
    return 1;
}

int main(void)
{
    static const char text[] = "hello from shared memory";
    plasma_connect_options_t connect = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_create_options_t create = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t sealed;
    plasma_client_t *client;
    plasma_status_t status;
    plasma_id_t id;

    /* A store created here is removed when its last client leaves. */
    connect.flags = PLASMA_CONNECT_EPHEMERAL;
    create.name = "hello";

    status = plasma_connect(NULL, &connect, &client);
    if (status == PLASMA_ERR_MISMATCH) /* was there before, and stays */
        status = plasma_connect(NULL, NULL, &client);
    if (status != PLASMA_OK)
        return failed("plasma_connect", status);
    status = plasma_id_random(&id);
    if (status != PLASMA_OK)
        return failed("plasma_id_random", status);

    status = plasma_create(client, &id, sizeof text, &create, &writable);
    if (status != PLASMA_OK)
        return failed("plasma_create", status);
    memcpy(writable.data, text, sizeof text);
    status = plasma_seal(&writable); /* from now on it never changes */
    if (status != PLASMA_OK)
        return failed("plasma_seal", status);

    status = plasma_get_by_name(client, "hello", 0, &sealed); /* any process */
    if (status != PLASMA_OK)
        return failed("plasma_get_by_name", status);
    printf("%s (%d bytes in %s)\n", (const char *)sealed.data,
           (int)sealed.size, plasma_client_address(client));

    status = plasma_delete(client, &id); /* gone for others, kept for us */
    if (status != PLASMA_OK)
        return failed("plasma_delete", status);
    plasma_release(&sealed);
    plasma_disconnect(client); /* and the store, if it was ours */
    return 0;
}
