/*
 * worker STORE NUMBER VICTIM: reads the objects in place and stores a result
 * for each that no other worker has claimed.
 *
 * The worker that claims item VICTIM stops there, with a lease on the file's
 * object and its own result unsealed, and waits to be killed. The others wait
 * for that result, get ABORTED, and one of them makes the result.
 */
#include "common.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Longer than the driver takes to kill the victim. */
enum { RESULT_TIMEOUT_MS = 30000 };

static plasma_client_t *client;
static manifest_t manifest;
static report_t report;
static times_t times;
static uint64_t victim;

/* A get that does not wait; its time counts if the object was sealed. */
static plasma_status_t get_now(const char *name, plasma_buffer_t *buffer)
{
    const uint64_t begin = now_ns();
    const plasma_status_t status =
        plasma_get_by_name(client, name, 0, buffer);
    const uint64_t end = now_ns();

    if (status == PLASMA_OK)
        times_add(&times, end - begin);
    return status;
}

static void get_file(uint64_t index, plasma_buffer_t *file)
{
    static int first = 1;
    plasma_status_t status = get_now(manifest.names[index], file);

    if (status == PLASMA_ERR_NOT_FOUND || status == PLASMA_ERR_NOT_SEALED) {
        if (first)
            note(NOTE_BLOCKING, index, 0);
        status = plasma_get_by_name(client, manifest.names[index], -1, file);
    }
    first = 0;
    CHECK(status);
}

static void wait_to_be_killed(uint64_t index)
{
    note(NOTE_HOLDING, index, 0);
    for (;;)
        pause();
}

/* Make the result of one file. False: another worker has claimed it. */
static int make_result(uint64_t index, int may_stop)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    static const plasma_metadata_t metadata[] = {{"format", "binary", 6},
                                                 {"schema", "digest_t", 8}};
    char name[PLASMA_NAME_MAX + 1];
    plasma_mutable_buffer_t result;
    plasma_status_t status;
    plasma_buffer_t file;
    digest_t digest;
    plasma_id_t id;
    uint64_t begin;

    get_file(index, &file);
    begin = now_ns();
    result_name(manifest.names[index], name);
    options.name = name;
    options.metadata = metadata;
    options.metadata_count = sizeof metadata / sizeof *metadata;
    CHECK(plasma_id_random(&id));
    status = plasma_create(client, &id, sizeof digest, &options, &result);
    if (status == PLASMA_ERR_NAME_EXISTS) {
        CHECK(plasma_release(&file));
        return 0;
    }
    CHECK(status);
    digest_of(file.data, file.size, &digest);
    if (may_stop && index == victim) {
        memcpy(result.data, &digest, sizeof digest / 2);
        wait_to_be_killed(index);
    }
    memcpy(result.data, &digest, sizeof digest);
    CHECK(plasma_seal(&result));
    report.objects++;
    report.bytes += file.size;
    report.elapsed_ns += now_ns() - begin;
    CHECK(plasma_release(&file));
    note(NOTE_DONE, index, digest.size);
    return 1;
}

/* Return when the result of one file is sealed, whichever worker made it. */
static void see_result(uint64_t index)
{
    char name[PLASMA_NAME_MAX + 1];
    plasma_buffer_t result;
    plasma_status_t status;
    int redo = 0;

    result_name(manifest.names[index], name);
    for (;;) {
        status = get_now(name, &result);
        if (status == PLASMA_ERR_NOT_SEALED) {
            note(NOTE_WAITING, index, 0);
            status = plasma_get_by_name(client, name, RESULT_TIMEOUT_MS,
                                        &result);
        }
        if (status == PLASMA_OK)
            break;
        if (status == PLASMA_ERR_ABORTED) {
            note(NOTE_ABORTED, index, 0);
            redo = 1;
        } else if (status != PLASMA_ERR_NOT_FOUND) {
            CHECK(status);
        }
        if (make_result(index, 0) && redo)
            note(NOTE_REDONE, index, 0);
    }
    CHECK(plasma_release(&result));
}

int main(int argc, char **argv)
{
    char name[PLASMA_NAME_MAX + 1];
    static char self[32];
    uint64_t number, i;
    plasma_id_t id;

    role = "worker";
    if (argc != 4)
        die("usage: worker STORE NUMBER VICTIM");
    number = strtoull(argv[2], NULL, 10);
    victim = strtoull(argv[3], NULL, 10);
    snprintf(self, sizeof self, "worker-%u", (unsigned)number);
    role = self;
    client = join(argv[1]);
    manifest_open(client, &manifest);

    /* The worker's own share, one in WORKERS, in step with the producer. */
    for (i = number; i < manifest.count; i += WORKERS)
        make_result(i, 1);
    /* Then all files that no worker has claimed. */
    for (i = 0; i < manifest.count; i++) {
        result_name(manifest.names[i], name);
        if (plasma_lookup(client, name, &id) == PLASMA_ERR_NOT_FOUND)
            make_result(i, 1);
    }
    /* Then check that all results exist, and redo those that a death undid. */
    for (i = 0; i < manifest.count; i++)
        see_result(i);

    report.gets = times.count;
    report_put(client, &report, &times);
    manifest_close(&manifest);
    plasma_disconnect(client);
    return 0;
}
