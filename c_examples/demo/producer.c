/*
 * producer STORE: stores every file of the manifest as an object, read from
 * the file straight into the object's memory.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read a file into a new object; a file that shrinks during the read makes a
 * smaller one. */
static uint64_t store_file(const plasma_client_t *client, const char *path,
                           const char *name)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_metadata_t metadata[3];
    plasma_mutable_buffer_t buffer;
    char size[24], mtime[24];
    uint64_t done = 0;
    struct stat status;
    plasma_id_t id;
    int file;

    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0)
        die("%s: %s", path, strerror(errno));
    metadata[0].key = "format";
    metadata[0].value = format_of(path);
    metadata[0].value_size = strlen(format_of(path));
    metadata[1].key = "size";
    metadata[1].value = size;
    metadata[1].value_size =
        (uint64_t)snprintf(size, sizeof size, "%lld",
                           (long long)status.st_size);
    metadata[2].key = "mtime"; /* seconds since the Unix epoch */
    metadata[2].value = mtime;
    metadata[2].value_size =
        (uint64_t)snprintf(mtime, sizeof mtime, "%lld",
                           (long long)status.st_mtime);
    options.name = name;
    options.metadata = metadata;
    options.metadata_count = 3;

    CHECK(plasma_id_random(&id));
    CHECK(plasma_create(client, &id, (uint64_t)status.st_size, &options,
                        &buffer));
    while (done < buffer.size) {
        const ssize_t n =
            read(file, buffer.data + done, (size_t)(buffer.size - done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            die("%s: %s", path, strerror(errno));
        if (n == 0)
            CHECK(plasma_resize(&buffer, done));
        done += (uint64_t)n;
    }
    CHECK(plasma_seal(&buffer));
    close(file);
    return done;
}

int main(int argc, char **argv)
{
    report_t report = {0, 0, 0, 0};
    times_t none = {NULL, 0, 0};
    plasma_client_t *client;
    manifest_t manifest;
    uint64_t begin, i;

    role = "producer";
    if (argc != 2)
        die("usage: producer STORE");
    client = join(argv[1]);
    manifest_open(client, &manifest);
    begin = now_ns();
    for (i = 0; i < manifest.count; i++) {
        const uint64_t bytes =
            store_file(client, manifest.paths[i], manifest.names[i]);
        report.objects++;
        report.bytes += bytes;
        note(NOTE_STORED, i, bytes);
    }
    report.elapsed_ns = now_ns() - begin;
    report_put(client, &report, &none);
    manifest_close(&manifest);
    plasma_disconnect(client);
    return 0;
}
