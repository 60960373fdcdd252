/* Writes an object in place, and aborts it if that fails half way: no client
 * sees half of it, and its id and memory are free again. */
#include <plasma.h>
#include <stdio.h>

enum { COUNT = 100000 };

/* Fills a table of primes, and fails at a given prime, as a disk might. */
static int make_primes(uint32_t *primes, size_t count, size_t fail_at)
{
    uint32_t number = 2;

    for (size_t made = 0; made < count; number++) {
        size_t at = 0;
        if (made == fail_at) {
            return -1;
        }
        while (at < made && primes[at] <= number / primes[at] &&
               number % primes[at] != 0) {
            at++;
        }
        if (at == made || primes[at] > number / primes[at]) {
            primes[made++] = number;
        }
    }
    return 0;
}

static plasma_status_t store_primes(plasma_client_t *client,
                                    const plasma_id_t *id, size_t fail_at)
{
    plasma_mutable_buffer_t table;
    plasma_status_t status =
        plasma_create(client, id, COUNT * sizeof(uint32_t), NULL, &table);

    if (status != PLASMA_OK) {
        return status;
    }
    /* data is aligned to at least 64 bytes */
    if (make_primes((uint32_t *)(void *)table.data, COUNT, fail_at) != 0) {
        printf("failed after %d primes, aborted the object\n", (int)fail_at);
        return plasma_abort(&table);
    }
    return plasma_seal(&table);
}

int main(void)
{
    plasma_connect_options_t connect = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_buffer_t primes;
    plasma_state_t state;
    plasma_id_t id;

    connect.flags = PLASMA_CONNECT_EPHEMERAL;
    if (plasma_connect(NULL, &connect, &client) != PLASMA_OK ||
        plasma_id_from_bytes("primes", 6, &id) != PLASMA_OK ||
        store_primes(client, &id, 500) != PLASMA_OK ||
        plasma_contains(client, &id, &state) != PLASMA_OK) {
        goto failed;
    }
    printf("it is %s\n", state == PLASMA_STATE_ABSENT ? "absent" : "there");
    if (store_primes(client, &id, COUNT) != PLASMA_OK ||
        plasma_get(client, &id, 0, &primes) != PLASMA_OK) {
        goto failed;
    }
    printf("prime %d is %u\n", COUNT,
           (unsigned)((const uint32_t *)(const void *)primes.data)[COUNT - 1]);
    plasma_release(&primes);
    plasma_disconnect(client);
    return 0;
failed:
    fprintf(stderr, "inplace: %s\n", plasma_error_message());
    return 1;
}
