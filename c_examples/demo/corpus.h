/* Which files the demo works on. */
#ifndef DEMO_CORPUS_H
#define DEMO_CORPUS_H

#include <stddef.h>
#include <stdint.h>

typedef struct corpus_file {
    char *path;
    uint64_t size;
    uint64_t hash; /* of the path: a shuffle that is the same every time */
} corpus_file_t;

typedef struct corpus {
    char *root;
    corpus_file_t *files; /* chosen ones, by path */
    size_t count;
    size_t found, found_limit;
    uint64_t bytes, found_bytes;
} corpus_t;

/* A DIR that the user named is taken if it has at least one file; without it,
 * the first of some directories with 50 MB and 200 files is taken. At most
 * byte_limit bytes are chosen, and FILES_WANTED files unless they are so small
 * that BYTES_WANTED needs more. */
enum { FILES_WANTED = 4000, FILES_MIN = 200 };
#define BYTES_WANTED (UINT64_C(64) << 20)
#define BYTES_MIN UINT64_C(50000000)

void corpus_find(const char *directory, uint64_t byte_limit, corpus_t *corpus);
void corpus_free(corpus_t *corpus);

/* The manifest's data, malloc'ed: path, NUL, name, NUL, and so on.
 *
 * The name of a file is its path. One of more than NAME_LIMIT bytes becomes
 * "#", 16 hexadecimal digits (FNV-1a of the path), "#", and the path's end. */
char *corpus_manifest(const corpus_t *corpus, size_t *size);

#endif
