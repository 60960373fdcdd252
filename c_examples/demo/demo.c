/*
 * demo [DIRECTORY]: runs the whole demo in a store of its own, demo-<pid>, and
 * always removes the store. See common.h for the programs.
 *
 * Exit status: 0 if all checks passed, else 1.
 */
#include "common.h"
#include "corpus.h"
#include "processes.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BYTE_LIMIT_MB = 256, STUCK_S = 60 };

static char store[32];
static int store_made, notes_end;
static plasma_client_t *client;
static manifest_t manifest;

/* The sum of the notes so far. */
static struct {
    uint64_t stored, done, bytes, blocking[WORKERS];
    int blocked, holding, waiting[WORKERS], aborted, redone, redoer;
    uint64_t last_ns;
} news;

static uint64_t victim_item;
static int victim = -1; /* the worker that holds it */

static void clean_up(void)
{
    plasma_disconnect(client);
    client = NULL;
    if (store_made)
        plasma_store_remove(store);
    store_made = 0;
}

static void take_note(const note_t *note)
{
    const int worker = worker_of(note->pid);

    if (note->kind == NOTE_STORED) {
        news.stored++;
        news.bytes += note->bytes;
        return;
    }
    if (worker < 0)
        die("a note from process %d, which is no worker", (int)note->pid);
    switch (note->kind) {
    case NOTE_BLOCKING:
        news.blocking[worker] = note->index;
        news.blocked++;
        break;
    case NOTE_DONE:
        news.done++;
        break;
    case NOTE_HOLDING:
        news.holding++;
        victim = worker;
        break;
    case NOTE_WAITING:
        if (note->index == victim_item)
            news.waiting[worker] = 1;
        break;
    case NOTE_ABORTED:
        news.aborted++;
        break;
    case NOTE_REDONE:
        news.redone++;
        news.redoer = worker;
        break;
    default:
        die("a note of no known kind: %d", (int)note->kind);
    }
}

/* Take the pending notes, after a short wait for one. False if no note came. */
static int pump(void)
{
    struct pollfd ready = {-1, POLLIN, 0};
    note_t notes[64];
    ssize_t n = 0, i;

    ready.fd = notes_end;
    if (poll(&ready, 1, 100) > 0) {
        n = read(notes_end, notes, sizeof notes);
        for (i = 0; i < n / (ssize_t)sizeof *notes; i++)
            take_note(&notes[i]);
        news.last_ns = now_ns();
    }
    processes_check();
    if (children[COLLECTOR].pid != 0)
        return 0; /* it reports on its own */
    if (now_ns() - news.last_ns > UINT64_C(1000000000) * STUCK_S)
        die("nothing has happened for %d s", (int)STUCK_S);
    if (children[PRODUCER].pid != 0)
        progress("stored %" PRIu64 " of %" PRIu64 " files, %.0f MB;"
                 " %" PRIu64 " results",
                 news.stored, manifest.count, (double)news.bytes / 1e6,
                 news.done);
    return n > 0;
}

static void run_to_the_end(void)
{
    while (pump() || processes_alive() > 0)
        continue;
    progress_end();
}

static void make_store(const corpus_t *corpus)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_create_options_t create = PLASMA_CREATE_OPTIONS_INIT;
    plasma_status_t status;
    plasma_id_t id;
    size_t size;
    char *data;

    snprintf(store, sizeof store, "demo-%d", (int)getpid());
    data = corpus_manifest(corpus, &size);
    options.flags = PLASMA_CONNECT_EXCLUSIVE;
    options.max_objects = 2 * corpus->count + 64;
    /* Data, 2 KiB per file for metadata, results and times, and a reserve. */
    options.capacity = corpus->bytes + corpus->bytes / 16 + size +
                       2048 * (uint64_t)corpus->count + (UINT64_C(8) << 20);
    status = plasma_connect(store, &options, &client);
    if (status == PLASMA_ERR_STORE_EXISTS) {
        /* A demo of this process id was killed with SIGKILL. */
        CHECK(plasma_store_remove(store));
        status = plasma_connect(store, &options, &client);
    }
    CHECK(status);
    store_made = 1;

    create.name = MANIFEST;
    CHECK(plasma_id_random(&id));
    CHECK(plasma_put(client, &id, data, size, &create));
    free(data);
    manifest_open(client, &manifest);
}

/* Four workers, each asleep in a get of a name that does not exist. */
static void start_workers(void)
{
    static const char *const names[WORKERS] = {"worker-0", "worker-1",
                                               "worker-2", "worker-3"};
    char number[24], item[24];
    plasma_id_t id;
    int i;

    for (i = 0; i < WORKERS; i++) {
        snprintf(number, sizeof number, "%d", i);
        snprintf(item, sizeof item, "%" PRIu64, victim_item);
        process_start(i, "worker", names[i], store, number, item);
    }
    while (news.blocked < WORKERS)
        pump();
    for (i = 0; i < WORKERS; i++) {
        const char *name = manifest.names[news.blocking[i]];

        process_must_sleep(i);
        if (plasma_lookup(client, name, &id) != PLASMA_ERR_NOT_FOUND)
            die("%s waits for %s, which exists", children[i].name, name);
    }
    printf("4 workers wait for names that do not exist yet\n");
}

/* Check that all other workers wait for the result that the victim began. */
static void check_victim(void)
{
    plasma_client_info_t holder = PLASMA_CLIENT_INFO_INIT;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    const pid_t pid = children[victim].pid;
    char result[PLASMA_NAME_MAX + 1];
    plasma_client_list_t *holders;
    uint64_t i, found = 0;
    plasma_state_t state;
    plasma_id_t id;

    CHECK(plasma_lookup(client, manifest.names[victim_item], &id));
    CHECK(plasma_list_holders(client, &id, &holders));
    for (i = 0; i < plasma_client_list_count(holders); i++) {
        CHECK(plasma_client_list_at(holders, i, &holder));
        found += holder.pid == pid && holder.alive != 0 &&
                 holder.lease_count > 0 &&
                 holder.writing_bytes >= sizeof(digest_t);
    }
    plasma_client_list_free(holders);
    if (found != 1)
        die("%s holds no lease on %s", children[victim].name,
            manifest.names[victim_item]);
    result_name(manifest.names[victim_item], result);
    CHECK(plasma_lookup(client, result, &id));
    CHECK(plasma_contains(client, &id, &state));
    CHECK(plasma_object_info(client, &id, &info));
    if (state != PLASMA_STATE_WRITING || info.creator_pid != pid)
        die("%s is not being written by %s", result, children[victim].name);
}

static void kill_victim(void)
{
    int i, waiting = 0;

    while (waiting < WORKERS - 1) {
        pump();
        for (waiting = 0, i = 0; i < WORKERS; i++)
            waiting += i != victim && news.waiting[i];
    }
    for (i = 0; i < WORKERS; i++)
        process_must_sleep(i);
    check_victim();
    process_kill(victim);
    progress_end();
    printf("%s killed, holding a lease and an unsealed result"
           " that 3 others wait for\n",
           children[victim].name);
}

static void check_news(void)
{
    plasma_client_list_t *holders;
    plasma_id_t id;

    if (news.aborted < 1 || news.redone != 1)
        die("%d workers saw ABORTED and %d have redone the result; not 1",
            news.aborted, news.redone);
    if (news.stored != manifest.count || news.done != manifest.count)
        die("%" PRIu64 " files: %" PRIu64 " stored, %" PRIu64 " results",
            manifest.count, news.stored, news.done);
    CHECK(plasma_lookup(client, manifest.names[victim_item], &id));
    CHECK(plasma_list_holders(client, &id, &holders));
    if (plasma_client_list_count(holders) != 0)
        die("the lease of %s is still there", children[victim].name);
    plasma_client_list_free(holders);
    printf("ABORTED seen by %d, the result redone by %s\n", news.aborted,
           children[news.redoer].name);
}

/* Half of the memory that /dev/shm has left, but no more than the limit. */
static uint64_t byte_limit(void)
{
    uint64_t limit = (uint64_t)BYTE_LIMIT_MB << 20;
    struct statvfs status;

    if (statvfs("/dev/shm", &status) != 0)
        die("/dev/shm: %s", strerror(errno));
    if ((uint64_t)status.f_bavail * status.f_frsize / 2 < limit)
        limit = (uint64_t)status.f_bavail * status.f_frsize / 2;
    return limit;
}

int main(int argc, char **argv)
{
    char address[4096];
    corpus_t corpus;

    if (argc > 2)
        die("usage: demo [DIRECTORY]");
    setvbuf(stdout, NULL, _IOLBF, 0);
    corpus_find(argc == 2 && argv[1][0] != 0 ? argv[1] : NULL, byte_limit(),
                &corpus);
    printf("%s: %lu of %lu files, %.1f of %.1f MB\n", corpus.root,
           (unsigned long)corpus.count, (unsigned long)corpus.found,
           (double)corpus.bytes / 1e6, (double)corpus.found_bytes / 1e6);

    notes_end = processes_begin(clean_up);
    make_store(&corpus);
    corpus_free(&corpus);
    snprintf(address, sizeof address, "%s", plasma_client_address(client));
    victim_item = manifest.count / 2;
    news.last_ns = now_ns();

    start_workers();
    process_start(PRODUCER, "producer", "producer", store, NULL, NULL);
    kill_victim();
    run_to_the_end();
    check_news();
    manifest_close(&manifest);
    plasma_disconnect(client);
    client = NULL;

    process_start(COLLECTOR, "collector", "collector", store, NULL, NULL);
    run_to_the_end();
    store_made = 0; /* the collector has removed it */
    if (access(address, F_OK) == 0)
        die("%s is still there", address);
    printf("%s removed\n", address);
    return 0;
}
