/* Which files the demo works on: see corpus.h. */
#include "corpus.h"

#include "common.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A bound, so that a directory as large as / ends in time. */
enum { FOUND_LIMIT = 200000 };

static corpus_t *walking;

/* The UTF-8 that the store accepts in names: that of RFC 3629. */
static int is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != 0) {
        uint32_t point = *at, least = 0;
        int more = 0;

        if (*at >= 0xf0 && *at < 0xf8) {
            more = 3, least = 0x10000, point &= 0x07;
        } else if (*at >= 0xe0) {
            more = 2, least = 0x800, point &= 0x0f;
        } else if (*at >= 0xc0) {
            more = 1, least = 0x80, point &= 0x1f;
        } else if (*at >= 0x80) {
            return 0;
        }
        if (*at >= 0xf8)
            return 0;
        for (at++; more > 0; more--, at++) {
            if ((*at & 0xc0) != 0x80)
                return 0;
            point = point << 6 | (*at & 0x3fu);
        }
        if (point < least || point > 0x10ffff ||
            (point >= 0xd800 && point < 0xe000))
            return 0;
    }
    return 1;
}

static int visit(const char *path, const struct stat *status, int type,
                 struct FTW *where)
{
    corpus_file_t *file;

    (void)where;
    if (type != FTW_F || !S_ISREG(status->st_mode) || !is_utf8(path) ||
        access(path, R_OK) != 0)
        return 0;
    if (walking->found == walking->found_limit) {
        walking->found_limit =
            walking->found_limit != 0 ? walking->found_limit * 2 : 4096;
        walking->files =
            realloc(walking->files, walking->found_limit * sizeof *file);
        if (walking->files == NULL)
            die("no memory for the list of files");
    }
    file = &walking->files[walking->found++];
    file->path = must_alloc(strlen(path) + 1);
    strcpy(file->path, path);
    file->size = (uint64_t)status->st_size;
    file->hash = fnv1a(path, strlen(path));
    walking->found_bytes += file->size;
    return walking->found == FOUND_LIMIT;
}

static int by_hash(const void *left, const void *right)
{
    const corpus_file_t *a = left, *b = right;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return strcmp(a->path, b->path);
}

static int by_path(const void *left, const void *right)
{
    const corpus_file_t *a = left, *b = right;

    return strcmp(a->path, b->path);
}

static void choose(corpus_t *corpus, uint64_t byte_limit)
{
    size_t i, kept = 0;

    qsort(corpus->files, corpus->found, sizeof *corpus->files, by_hash);
    for (i = 0; i < corpus->found; i++) {
        corpus_file_t *file = &corpus->files[i];
        const int enough =
            kept >= FILES_WANTED && corpus->bytes >= BYTES_WANTED;

        if (enough || file->size > byte_limit - corpus->bytes) {
            free(file->path);
            continue;
        }
        corpus->bytes += file->size;
        corpus->files[kept++] = *file;
    }
    corpus->count = kept;
    qsort(corpus->files, kept, sizeof *corpus->files, by_path);
}

static void consider(const char *directory, uint64_t byte_limit, corpus_t *corpus)
{
    memset(corpus, 0, sizeof *corpus);
    corpus->root = realpath(directory, NULL);
    if (corpus->root == NULL)
        return;
    walking = corpus;
    if (nftw(corpus->root, visit, 32, FTW_PHYS) < 0)
        die("%s: %s", corpus->root, strerror(errno));
    choose(corpus, byte_limit);
}

void corpus_free(corpus_t *corpus)
{
    size_t i;

    for (i = 0; i < corpus->count; i++)
        free(corpus->files[i].path);
    free(corpus->files);
    free(corpus->root);
    memset(corpus, 0, sizeof *corpus);
}

/* The directory of the Rust toolchain, or "" without one. */
static void sysroot(char *out, size_t room)
{
    FILE *pipe = popen("rustc --print sysroot 2>/dev/null", "r");

    out[0] = 0;
    if (pipe == NULL)
        return;
    if (fgets(out, (int)room, pipe) == NULL)
        out[0] = 0;
    out[strcspn(out, "\n")] = 0;
    pclose(pipe);
}

void corpus_find(const char *directory, uint64_t byte_limit, corpus_t *corpus)
{
    static const char *const places[][2] = {
        {"sysroot", "/share/doc"}, {"sysroot", "/lib/rustlib/src"},
        {"cargo", "/registry/src"}, {"", "/usr/share/doc"},
        {"", "/usr/include"},      {"sysroot", ""},
        {"", "/usr/lib"},
    };
    const char *cargo = getenv("CARGO_HOME"), *home = getenv("HOME");
    char rust[2000], registry[2000], path[4100];
    size_t i;

    if (directory != NULL) {
        consider(directory, byte_limit, corpus);
        if (corpus->root == NULL)
            die("%s: %s", directory, strerror(errno));
        if (corpus->count == 0)
            die("%s: no file here that can be read and fits into %.0f MB",
                directory, (double)byte_limit / 1e6);
        return;
    }
    sysroot(rust, sizeof rust);
    if (cargo == NULL)
        snprintf(registry, sizeof registry, "%s/.cargo",
                 home != NULL ? home : "");
    else
        snprintf(registry, sizeof registry, "%s", cargo);
    for (i = 0; i < sizeof places / sizeof *places; i++) {
        const char *base = places[i][0];

        if (strcmp(base, "sysroot") == 0)
            base = rust;
        else if (strcmp(base, "cargo") == 0)
            base = registry;
        if (base[0] == 0 && places[i][0][0] != 0)
            continue;
        snprintf(path, sizeof path, "%s%s", base, places[i][1]);
        consider(path, byte_limit, corpus);
        if (corpus->bytes >= BYTES_MIN && corpus->count >= FILES_MIN)
            return;
        corpus_free(corpus);
    }
    die("found no directory with %d files and %.0f MB that fit into %.0f MB;"
        " name one: make demo DIR=/some/files",
        (int)FILES_MIN, (double)BYTES_MIN / 1e6, (double)byte_limit / 1e6);
}

static void name_of(const char *path, char name[NAME_LIMIT + 1])
{
    const size_t length = strlen(path);
    const char *tail;
    size_t n;

    if (length <= NAME_LIMIT) {
        strcpy(name, path);
        return;
    }
    n = (size_t)snprintf(name, NAME_LIMIT + 1, "#%016llx#",
                         (unsigned long long)fnv1a(path, length));
    tail = path + length - (NAME_LIMIT - n);
    while (((unsigned char)*tail & 0xc0) == 0x80) /* whole characters */
        tail++;
    strcpy(name + n, tail);
}

char *corpus_manifest(const corpus_t *corpus, size_t *size)
{
    char name[NAME_LIMIT + 1];
    char *data, *at;
    size_t i;

    *size = 0;
    for (i = 0; i < corpus->count; i++)
        *size += strlen(corpus->files[i].path) + 1 + NAME_LIMIT + 1;
    data = at = must_alloc(*size);
    for (i = 0; i < corpus->count; i++) {
        name_of(corpus->files[i].path, name);
        strcpy(at, corpus->files[i].path);
        at += strlen(at) + 1;
        strcpy(at, name);
        at += strlen(at) + 1;
    }
    *size = (size_t)(at - data);
    return data;
}
