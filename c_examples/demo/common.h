/*
 * Common code of the programs of the demo.
 *
 * demo       picks real files, starts the others, kills one, checks them all
 * producer   stores every file as an object
 * worker     (four) reads the objects in place, stores a result for each
 * collector  compares the results with the files, and checks the statistics
 *
 * The list of files is an object too, the manifest. A file's object has the
 * file's name (see corpus.c), its result "result/" and that name. A worker that
 * creates the result claims the work, because each name is unique.
 */
#ifndef DEMO_COMMON_H
#define DEMO_COMMON_H

#include <plasma.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { WORKERS = 4 };

/* So that "result/" and the name fit into PLASMA_NAME_MAX. */
enum { NAME_LIMIT = PLASMA_NAME_MAX - 7 };

#define MANIFEST "demo/manifest"

/* The result of a worker for a file: the data of a result object. */
typedef struct digest {
    uint64_t size;
    uint64_t checksum;  /* FNV-1a, 64 bits */
    uint64_t lines;     /* newline bytes */
    uint64_t top_count; /* how often the most frequent byte occurs */
    uint32_t top_byte;
    uint32_t distinct; /* different byte values */
} digest_t;

/* The files, as views into the manifest object. */
typedef struct manifest {
    plasma_buffer_t buffer;
    uint64_t count;
    const char **paths;
    const char **names;
} manifest_t;

/* The report of a role: the data of its object "demo/report/<role>". */
typedef struct report {
    uint64_t objects;
    uint64_t bytes;
    uint64_t elapsed_ns;
    uint64_t gets; /* so many times of gets follow, uint32_t in ns */
} report_t;

/* A note to the driver, written in one piece into the pipe on NOTES. */
enum { NOTES = 3 };
typedef enum note_kind {
    NOTE_BLOCKING = 1, /* about to wait for the first file's object */
    NOTE_STORED,       /* a file is an object */
    NOTE_DONE,         /* a result is sealed */
    NOTE_HOLDING,      /* stopped with a lease and an unsealed result */
    NOTE_WAITING,      /* about to wait for a result another one writes */
    NOTE_ABORTED,      /* that one died: the wait ended with ABORTED */
    NOTE_REDONE        /* and this one has sealed the result instead */
} note_kind_t;
typedef struct note {
    int32_t kind;
    int32_t pid;
    uint64_t index;
    uint64_t bytes;
} note_t;

/* Errors: to stderr with the role's name, then exit(1). */
extern const char *role;
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2), noreturn))
#endif
void die(const char *format, ...);
void check(plasma_status_t status, const char *call, const char *file,
           int line);
#define CHECK(call) check((call), #call, __FILE__, __LINE__)

/* Times of single gets of sealed objects, in ns. */
typedef struct times {
    uint32_t *ns;
    size_t count, room;
} times_t;
void times_add(times_t *times, uint64_t ns);
uint32_t times_quantile(times_t *times, double q); /* sorts */

void *must_alloc(size_t size);
uint64_t now_ns(void);
uint64_t fnv1a(const void *bytes, size_t size);
void digest_of(const uint8_t *bytes, uint64_t size, digest_t *digest);
const char *format_of(const char *path);
void result_name(const char *name, char out[PLASMA_NAME_MAX + 1]);

plasma_client_t *join(const char *store);
void manifest_open(const plasma_client_t *client, manifest_t *manifest);
void manifest_close(manifest_t *manifest);

void note(note_kind_t kind, uint64_t index, uint64_t bytes);
void report_put(const plasma_client_t *client, const report_t *report,
                const times_t *times);

/* A line of progress: rewritten on a terminal, otherwise a new line every two
 * seconds. progress_end() leaves the last one on the screen. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void progress(const char *format, ...);
void progress_end(void);

#endif
