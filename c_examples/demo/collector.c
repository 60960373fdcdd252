/*
 * collector STORE: compares every result and every object with the file on
 * disk, prints counts and rates, checks that the statistics of the store add
 * up, deletes everything, checks again, and removes the store.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One line of the table by format. */
typedef struct tally {
    char format[32];
    uint64_t objects, bytes;
} tally_t;

static plasma_client_t *client;
static manifest_t manifest;
static times_t by_name, by_id;
static tally_t tallies[32];
static uint64_t differences;

static void differs(const char *path, const char *what)
{
    progress_end();
    fprintf(stderr, "collector: %s: %s differs\n", path, what);
    differences++;
}

/* The bytes of a file, in memory that the next call reuses. */
static const uint8_t *read_file(const char *path, struct stat *status)
{
    static uint8_t *bytes;
    static size_t room;
    size_t size, done = 0;
    int file;

    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, status) != 0)
        die("%s: %s", path, strerror(errno));
    size = (size_t)status->st_size;
    if (size > room || bytes == NULL) {
        free(bytes);
        bytes = must_alloc(size);
        room = size;
    }
    while (done < size) {
        const ssize_t n = read(file, bytes + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            die("%s: %s", path, n < 0 ? strerror(errno) : "became shorter");
        done += (size_t)n;
    }
    close(file);
    return bytes;
}

static void get_by_name(const char *name, plasma_buffer_t *buffer)
{
    const uint64_t begin = now_ns();

    CHECK(plasma_get_by_name(client, name, 0, buffer));
    times_add(&by_name, now_ns() - begin);
}

static void get_by_id(const plasma_id_t *id, plasma_buffer_t *buffer)
{
    const uint64_t begin = now_ns();

    CHECK(plasma_get(client, id, 0, buffer));
    times_add(&by_id, now_ns() - begin);
}

static int metadata_is(const plasma_buffer_t *buffer, const char *key,
                       const char *expected)
{
    const void *value;
    uint64_t size;

    CHECK(plasma_get_metadata(buffer, key, &value, &size));
    return size == strlen(expected) && memcmp(value, expected, size) == 0;
}

static void count_format(const char *format, uint64_t bytes)
{
    const size_t last = sizeof tallies / sizeof *tallies - 1;
    size_t i = 0;

    while (i < last && tallies[i].objects != 0 &&
           strcmp(tallies[i].format, format) != 0)
        i++;
    snprintf(tallies[i].format, sizeof tallies[i].format, "%s", format);
    tallies[i].objects++;
    tallies[i].bytes += bytes;
}

static uint64_t compare(const char *path, const char *name)
{
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_buffer_t object, again, result;
    char results[PLASMA_NAME_MAX + 1], size[24], mtime[24];
    const uint8_t *bytes;
    struct stat status;
    digest_t digest;

    bytes = read_file(path, &status);
    digest_of(bytes, (uint64_t)status.st_size, &digest);
    snprintf(size, sizeof size, "%lld", (long long)status.st_size);
    snprintf(mtime, sizeof mtime, "%lld", (long long)status.st_mtime);
    result_name(name, results);

    get_by_name(name, &object);
    if (object.size != digest.size ||
        memcmp(object.data, bytes, object.size) != 0)
        differs(path, "the object");
    if (!metadata_is(&object, "format", format_of(path)) ||
        !metadata_is(&object, "size", size) ||
        !metadata_is(&object, "mtime", mtime))
        differs(path, "the metadata");
    CHECK(plasma_buffer_info(&object, &info));
    get_by_id(&info.id, &again);
    if (again.data != object.data || strcmp(info.name, name) != 0)
        differs(path, "the view by id");
    get_by_name(results, &result);
    if (result.size != sizeof digest ||
        memcmp(result.data, &digest, sizeof digest) != 0)
        differs(path, "the result");
    CHECK(plasma_release(&result));
    CHECK(plasma_release(&again));
    CHECK(plasma_release(&object));
    count_format(format_of(path), digest.size);
    return digest.size;
}

static void print_rate(const char *who, const report_t *report)
{
    const double seconds = (double)report->elapsed_ns / 1e9;

    printf("%-12s %9" PRIu64 " %11.1f %9.0f\n", who, report->objects,
           (double)report->bytes / 1e6,
           seconds > 0 ? (double)report->bytes / 1e6 / seconds : 0.0);
}

/* The workers and the producer left reports, except for the killed worker. */
static void print_reports(const report_t *own)
{
    static const char *const roles[] = {"producer", "worker-0", "worker-1",
                                        "worker-2", "worker-3"};
    report_t report;
    size_t i, n;

    printf("\n%-12s %9s %11s %9s\n", "", "objects", "MB", "MB/s");
    for (i = 0; i < sizeof roles / sizeof *roles; i++) {
        plasma_buffer_t buffer;
        plasma_status_t status;
        char name[64];

        snprintf(name, sizeof name, "demo/report/%s", roles[i]);
        status = plasma_get_by_name(client, name, 0, &buffer);
        if (status == PLASMA_ERR_NOT_FOUND) {
            printf("%-12s    killed\n", roles[i]);
            continue;
        }
        CHECK(status);
        memcpy(&report, buffer.data, sizeof report);
        for (n = 0; n < report.gets; n++) {
            uint32_t ns;

            memcpy(&ns, buffer.data + sizeof report + n * sizeof ns,
                   sizeof ns);
            times_add(&by_name, ns);
        }
        CHECK(plasma_release(&buffer));
        print_rate(roles[i], &report);
    }
    print_rate("collector", own);
}

static void print_times(const char *what, times_t *times)
{
    printf("%-12s %9lu      median %6.2f us   p99 %6.2f us\n", what,
           (unsigned long)times->count, times_quantile(times, 0.5) / 1e3,
           times_quantile(times, 0.99) / 1e3);
}

static void print_formats(void)
{
    size_t i;

    printf("\n%-12s %9s %11s\n", "format", "objects", "MB");
    for (i = 0; i < sizeof tallies / sizeof *tallies; i++)
        if (tallies[i].objects != 0)
            printf("%-12s %9" PRIu64 " %11.1f\n", tallies[i].format,
                   tallies[i].objects, (double)tallies[i].bytes / 1e6);
}

#define EXPECT(what, is, should)                                            \
    do {                                                                    \
        const uint64_t is_ = (uint64_t)(is), should_ = (uint64_t)(should);  \
        if (is_ != should_) {                                               \
            fprintf(stderr,                                                 \
                    "collector: %s is %" PRIu64 ", not %" PRIu64 "\n",      \
                    what, is_, should_);                                    \
            differences++;                                                  \
        }                                                                   \
    } while (0)

/* The heap that an object takes: its data, and keys, values and name with some
 * bytes around each, both rounded up to 64. */
enum { ALIGNMENT = 64, OVERHEAD_MAX = 192 };
static uint64_t least_bytes(const plasma_object_info_t *info)
{
    const uint64_t metadata = info->metadata_size + strlen(info->name);

    return (info->data_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT +
           (metadata + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* No object may be leased, being written or unaccounted for. */
static void audit(uint64_t objects, plasma_stats_t *stats)
{
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    uint64_t reaped, i, least = 0;
    plasma_list_t *list;

    CHECK(plasma_reap(client, &reaped));
    CHECK(plasma_stats(client, stats));
    CHECK(plasma_list(client, &list));
    for (i = 0; i < plasma_list_count(list); i++) {
        CHECK(plasma_list_at(list, i, &info));
        EXPECT("the state of an object", info.state, PLASMA_STATE_SEALED);
        EXPECT("the lease count of an object", info.lease_count, 0);
        least += least_bytes(&info);
    }
    EXPECT("the number of listed objects", plasma_list_count(list), objects);
    EXPECT("objects_sealed", stats->objects_sealed, objects);
    EXPECT("objects_writing", stats->objects_writing, 0);
    EXPECT("objects_deleted", stats->objects_deleted, 0);
    EXPECT("leases", stats->leases, 0);
    EXPECT("clients", stats->clients, 1);
    EXPECT("reaped_clients", stats->reaped_clients, 1);
    if (stats->used < least || stats->used > least + objects * OVERHEAD_MAX)
        EXPECT("used", stats->used, least);
    plasma_list_free(list);
}

static void delete_all(void)
{
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_status_t *statuses;
    plasma_list_t *list;
    plasma_id_t *ids;
    uint64_t count, i;

    CHECK(plasma_list(client, &list));
    count = plasma_list_count(list);
    ids = must_alloc(count * sizeof *ids);
    statuses = must_alloc(count * sizeof *statuses);
    for (i = 0; i < count; i++) {
        CHECK(plasma_list_at(list, i, &info));
        ids[i] = info.id;
    }
    CHECK(plasma_delete_many(client, ids, count, statuses));
    plasma_list_free(list);
    free(statuses);
    free(ids);
}

int main(int argc, char **argv)
{
    plasma_stats_t full = PLASMA_STATS_INIT, empty = PLASMA_STATS_INIT;
    report_t own = {0, 0, 0, 0};
    uint64_t begin, i, files;

    role = "collector";
    if (argc != 2)
        die("usage: collector STORE");
    client = join(argv[1]);
    manifest_open(client, &manifest);
    files = manifest.count;
    begin = now_ns();
    for (i = 0; i < files; i++) {
        own.bytes += compare(manifest.paths[i], manifest.names[i]);
        own.objects++;
        progress("compared %" PRIu64 " of %" PRIu64 " files, %.0f MB", i + 1,
                 files, (double)own.bytes / 1e6);
    }
    own.elapsed_ns = now_ns() - begin;
    progress_end();
    manifest_close(&manifest);

    print_formats();
    print_reports(&own);
    printf("\ngets of sealed objects, the clock included\n");
    print_times("by name", &by_name);
    print_times("by id", &by_id);

    /* Files, results, the manifest, the reports of all but the victim. */
    audit(2 * files + 1 + WORKERS, &full);
    delete_all();
    audit(0, &empty);
    EXPECT("used after all was deleted", empty.used, 0);
    EXPECT("largest_free after all was deleted", empty.largest_free,
           empty.capacity);
    printf("\nstore        %9" PRIu64 " objects, %.1f of %.1f MB used; then"
           " %" PRIu64 "\n",
           full.objects_sealed, (double)full.used / 1e6,
           (double)full.capacity / 1e6, empty.used);
    plasma_disconnect(client);
    CHECK(plasma_store_remove(argv[1]));
    if (differences != 0)
        die("%" PRIu64 " differences", differences);
    printf("%" PRIu64 " files, %" PRIu64 " results: no difference\n", files,
           files);
    free(by_name.ns);
    free(by_id.ns);
    return 0;
}
