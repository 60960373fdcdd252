/* Common code of the programs of the demo: see common.h. */
#include "common.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

const char *role = "demo";

void die(const char *format, ...)
{
    va_list arguments;

    progress_end();
    fprintf(stderr, "%s (%d): ", role, (int)getpid());
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void check(plasma_status_t status, const char *call, const char *file,
           int line)
{
    if (status != PLASMA_OK)
        die("%s:%d: %s: %s: %s", file, line, call, plasma_status_name(status),
            plasma_error_message());
}

void *must_alloc(size_t size)
{
    void *memory = malloc(size != 0 ? size : 1);

    if (memory == NULL)
        die("no memory for %lu bytes", (unsigned long)size);
    return memory;
}

uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t fnv1a(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t hash = 0xcbf29ce484222325u;
    size_t i;

    for (i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

void digest_of(const uint8_t *bytes, uint64_t size, digest_t *digest)
{
    uint64_t histogram[256] = {0};
    uint64_t i;
    uint32_t byte;

    memset(digest, 0, sizeof *digest);
    for (i = 0; i < size; i++)
        histogram[bytes[i]]++;
    for (byte = 0; byte < 256; byte++) {
        if (histogram[byte] > digest->top_count) {
            digest->top_count = histogram[byte];
            digest->top_byte = byte;
        }
        digest->distinct += histogram[byte] != 0;
    }
    digest->size = size;
    digest->lines = histogram['\n'];
    digest->checksum = fnv1a(bytes, size);
}

const char *format_of(const char *path)
{
    static const struct {
        const char *extension, *format;
    } known[] = {
        {"html", "html"}, {"htm", "html"},  {"js", "javascript"},
        {"css", "css"},   {"svg", "svg"},   {"json", "json"},
        {"rs", "rust"},   {"c", "c"},       {"h", "c"},
        {"hpp", "c++"},   {"toml", "toml"}, {"md", "markdown"},
        {"txt", "text"},  {"py", "python"},
    };
    const char *base = strrchr(path, '/');
    const char *dot = strrchr(base != NULL ? base : path, '.');
    size_t i;

    for (i = 0; dot != NULL && i < sizeof known / sizeof *known; i++)
        if (strcasecmp(dot + 1, known[i].extension) == 0)
            return known[i].format;
    return "binary";
}

void result_name(const char *name, char out[PLASMA_NAME_MAX + 1])
{
    snprintf(out, PLASMA_NAME_MAX + 1, "result/%s", name);
}

plasma_client_t *join(const char *store)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;

    options.flags = PLASMA_CONNECT_EXISTING;
    CHECK(plasma_connect(store, &options, &client));
    return client;
}

/* The manifest's data: path, NUL, name, NUL, and so on. */
void manifest_open(const plasma_client_t *client, manifest_t *manifest)
{
    const char *at, *end;
    uint64_t i;

    CHECK(plasma_get_by_name(client, MANIFEST, 0, &manifest->buffer));
    at = (const char *)manifest->buffer.data;
    end = at + manifest->buffer.size;
    for (manifest->count = 0; at < end; manifest->count++) {
        at += strlen(at) + 1;
        at += strlen(at) + 1;
    }
    manifest->paths = must_alloc(manifest->count * sizeof *manifest->paths);
    manifest->names = must_alloc(manifest->count * sizeof *manifest->names);
    at = (const char *)manifest->buffer.data;
    for (i = 0; i < manifest->count; i++) {
        manifest->paths[i] = at;
        at += strlen(at) + 1;
        manifest->names[i] = at;
        at += strlen(at) + 1;
    }
}

void manifest_close(manifest_t *manifest)
{
    free(manifest->paths);
    free(manifest->names);
    CHECK(plasma_release(&manifest->buffer));
}

/* Less than PIPE_BUF, so that notes of several processes never mix. */
void note(note_kind_t kind, uint64_t index, uint64_t bytes)
{
    note_t news = {0, 0, 0, 0};

    news.kind = (int32_t)kind;
    news.pid = (int32_t)getpid();
    news.index = index;
    news.bytes = bytes;
    if (write(NOTES, &news, sizeof news) != (ssize_t)sizeof news)
        die("the driver is gone: %s", strerror(errno));
}

void times_add(times_t *times, uint64_t ns)
{
    if (times->count == times->room) {
        times->room = times->room != 0 ? times->room * 2 : 1024;
        times->ns = realloc(times->ns, times->room * sizeof *times->ns);
        if (times->ns == NULL)
            die("no memory for %lu times", (unsigned long)times->room);
    }
    times->ns[times->count++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static int by_value(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

uint32_t times_quantile(times_t *times, double q)
{
    if (times->count == 0)
        return 0;
    qsort(times->ns, times->count, sizeof *times->ns, by_value);
    return times->ns[(size_t)(q * (double)(times->count - 1))];
}

void report_put(const plasma_client_t *client, const report_t *report,
                const times_t *times)
{
    const size_t tail = times->count * sizeof *times->ns;
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t buffer;
    char name[64];
    plasma_id_t id;

    snprintf(name, sizeof name, "demo/report/%s", role);
    options.name = name;
    CHECK(plasma_id_random(&id));
    CHECK(plasma_create(client, &id, sizeof *report + tail, &options,
                        &buffer));
    memcpy(buffer.data, report, sizeof *report);
    if (tail != 0)
        memcpy(buffer.data + sizeof *report, times->ns, tail);
    CHECK(plasma_seal(&buffer));
}

static char line[100];
static int line_new, line_open;

void progress(const char *format, ...)
{
    static uint64_t last;
    const int terminal = isatty(STDOUT_FILENO);
    const uint64_t now = now_ns();
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    line_new = 1;
    if (last == 0)
        last = now;
    if (now - last < (terminal ? 50000000u : 2000000000u))
        return;
    last = now;
    printf(terminal ? "\r%-78s" : "%s\n", line);
    fflush(stdout);
    line_new = 0;
    line_open = terminal;
}

void progress_end(void)
{
    if (line_open || line_new)
        printf(line_open ? "\r%-78s\n" : "%s\n", line);
    fflush(stdout);
    line_open = line_new = 0;
}
