/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Files, users, limits and mounts for the C tests. Include it after check.h.
 */

#ifndef SYSTEM_H
#define SYSTEM_H

#include "check.h"

#include <dirent.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- Statuses ---- */

/** A call that returns one of two statuses. */
#define CHECK_EITHER(call, one, other)                                        \
    do {                                                                      \
        plasma_status_t got_ = (call);                                        \
        check_status(__FILE__, __LINE__, #call, got_,                         \
                     got_ == (other) ? (other) : (one));                      \
    } while (0)

/** The message of the last failure contains this text. */
#define CHECK_MESSAGE(part)                                                   \
    do {                                                                      \
        if (strstr(plasma_error_message(), (part)) == NULL) {                 \
            check_failed(__FILE__, __LINE__, "the message has " #part,        \
                         plasma_error_message());                             \
        }                                                                     \
    } while (0)

/** Connect with flags, which has to return a status. */
#define CHECK_CONNECT(address, flags, expected)                               \
    do {                                                                      \
        plasma_client_t *opened_ = NULL;                                      \
        CHECK_STATUS(connect_to(address, flags, &opened_), expected);         \
        CHECK((opened_ != NULL) == ((expected) == PLASMA_OK));                \
        plasma_disconnect(opened_);                                           \
    } while (0)

static inline plasma_status_t connect_to(const char *address, uint32_t flags,
                                         plasma_client_t **client)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    options.flags = flags;
    return plasma_connect(address, &options, client);
}

/** Make a small store at an address, and leave it. */
static inline void make_at(const char *address, uint64_t capacity, uint32_t mode)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = NULL;

    options.flags = PLASMA_CONNECT_EXCLUSIVE;
    options.capacity = capacity;
    options.max_objects = 256;
    options.mode = mode;
    CHECK_OK(plasma_connect(address, &options, &client));
    plasma_disconnect(client);
}

/* ---- Files ---- */

/** The path of a file, kept until the process ends. */
static inline const char *in_dir(const char *dir, const char *name)
{
    size_t size = strlen(dir) + strlen(name) + 2;
    char *path = malloc(size);

    CHECK(path != NULL);
    snprintf(path, size, "%s/%s", dir, name);
    return path;
}

/** Permissions, with the sticky bit. */
static inline unsigned mode_of(const char *path)
{
    struct stat stat;

    CHECK(lstat(path, &stat) == 0);
    return (unsigned)stat.st_mode & 07777;
}

static inline int is_there(const char *path)
{
    struct stat stat;

    return lstat(path, &stat) == 0;
}

static inline off_t size_of_file(const char *path)
{
    struct stat stat;

    CHECK(lstat(path, &stat) == 0);
    return stat.st_size;
}

/** The number of entries in a directory; 0 when it does not exist. */
static inline int entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        count += strcmp(entry->d_name, ".") != 0
                 && strcmp(entry->d_name, "..") != 0;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

/* Offsets in the file members; a golden test fixes the layout. */
enum { SLOTS_AT = 128, SLOT_BYTES = 16, ALL_SLOTS = 1032, PAGES_AT = 20480, LOCKS = 8 };

/** The number of clients that have a slot in a store. */
static inline int members_of(const char *address)
{
    uint64_t slots[ALL_SLOTS][2];
    int count = 0;
    int fd = open(in_dir(address, "members"), O_RDONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(pread(fd, slots, sizeof slots, SLOTS_AT) == (ssize_t)sizeof slots);
    CHECK(close(fd) == 0);
    for (int slot = 0; slot < ALL_SLOTS; slot++) {
        count += slots[slot][0] != 0;
    }
    return count;
}

static inline void write_at(const char *path, off_t at, const void *bytes,
                            size_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(pwrite(fd, bytes, size, at) == (ssize_t)size);
    CHECK(close(fd) == 0);
}

static inline void read_at(const char *path, off_t at, void *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(pread(fd, bytes, size, at) == (ssize_t)size);
    CHECK(close(fd) == 0);
}

/** Make a file that holds a text. */
static inline void make_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(close(fd) == 0);
}

/** Whether a file holds exactly this text. */
static inline int holds(const char *path, const char *text)
{
    char found[256] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, found, sizeof found - 1);

    if (fd >= 0) {
        close(fd);
    }
    return size == (ssize_t)strlen(text) && strcmp(found, text) == 0;
}

/** Delete a directory and everything in it, without knowing about stores. */
static inline void remove_all(const char *path)
{
    pid_t pid = fork();
    int status = 0;

    CHECK(pid >= 0);
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", path, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- Users ---- */

enum { STRANGER = 65534, READER = 65533, SHARED_GROUP = 65500 };

/** Whether other users and mounts can be tested; reports a skip if not. */
static inline int as_root(void)
{
    if (geteuid() != 0) {
        skip_test("needs root");
        return 0;
    }
    return 1;
}

/** The effective user as the parent of this user namespace knows it. */
static inline unsigned outer_uid(void)
{
    unsigned inside, outside, count, uid = (unsigned)geteuid();
    FILE *map = fopen("/proc/self/uid_map", "r");
    unsigned found = uid;

    while (map != NULL
           && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3) {
        if (uid >= inside && uid - inside < count) {
            found = outside + (uid - inside);
        }
    }
    if (map != NULL) {
        fclose(map);
    }
    return found;
}

/** Become another user forever, as a process that the user started. */
static inline void become(uid_t uid, gid_t gid)
{
    CHECK(setgroups(0, NULL) == 0);
    CHECK(setgid(gid) == 0 && setuid(uid) == 0);
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

/* ---- Mounts, seen by this process and its children only ---- */

static inline void private_mounts(void)
{
    const long new_namespace = 0x00020000; /* CLONE_NEWNS */

    CHECK(syscall(SYS_unshare, new_namespace) == 0);
    CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

/** Mount a file system on a directory, which is created. */
static inline void mount_at(const char *path, const char *type,
                            const char *options)
{
    CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
    CHECK(mount(type, path, type, 0, options) == 0);
}

/* ---- Children that must not crash ---- */

/** Run `role` in a child and return its wait status. */
static inline int run_child(role_fn *role, void *arg)
{
    struct process child = spawn(role, arg);

    return reap_process(&child);
}

/** Run `role` in a child, which must succeed. */
static inline void check_child(role_fn *role, void *arg)
{
    struct process child = spawn(role, arg);

    finish(&child);
}

#endif /* SYSTEM_H */
