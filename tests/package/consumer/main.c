/* Uses an installed Plasma: prints its version, and shares an object with itself. */
#include <plasma.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_buffer_t sealed;
    plasma_id_t id;
    int same;

    options.flags = PLASMA_CONNECT_EPHEMERAL;
    if (plasma_version() != PLASMA_VERSION_NUM ||
        plasma_connect(NULL, &options, &client) != PLASMA_OK ||
        plasma_id_random(&id) != PLASMA_OK ||
        plasma_put(client, &id, "shared", 7, NULL) != PLASMA_OK ||
        plasma_get(client, &id, 0, &sealed) != PLASMA_OK) {
        fprintf(stderr, "%s\n", plasma_error_message());
        return 1;
    }
    same = strcmp((const char *)sealed.data, "shared") == 0;
    plasma_release(&sealed);
    plasma_disconnect(client);
    printf("plasma %s\n", plasma_version_string());
    return !same;
}
