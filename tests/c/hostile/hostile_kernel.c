/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Operations of a reader of another uid that the kernel refuses, and those that
 * it allows on files that may only be read: locks, leases, watches, wakes.
 * Producers and honest readers do not notice.
 */

#include "check.h"

#include "hostile.h"

#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

static const char *const files[] = { "index", "heap", "wake", "members", "beacon" };
static const char *const all[] = { "index",  "heap", "wake",    "members",
                                   "beacon", ".",    "readers" };

#define FILES (sizeof files / sizeof *files)
#define ALL (sizeof all / sizeof *all)

#define REFUSED(call) CHECK((call) < 0)

/* ---- Files and names ---- */

static void refuse_file(const char *path)
{
    struct stat before, after;
    const struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
    char self[64];

    CHECK(stat(path, &before) == 0);
    REFUSED(open(path, O_RDWR));
    REFUSED(open(path, O_WRONLY));
    REFUSED(open(path, O_RDONLY | O_TRUNC));
    REFUSED(truncate(path, 0));
    REFUSED(chmod(path, 0777));
    REFUSED(chown(path, READER, (gid_t)-1));
    REFUSED(utimensat(AT_FDCWD, path, times, 0));
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    REFUSED(open(self, O_RDWR));
    REFUSED(open(self, O_WRONLY | O_TRUNC));
    REFUSED(ftruncate(fd, 0));
    REFUSED(ftruncate(fd, before.st_size + 4096));
    REFUSED(syscall(SYS_fallocate, fd, 0, 0L, 4096L));
    REFUSED(syscall(SYS_fallocate, fd, 3 /* punch, keep size */, 0L, 4096L));
    REFUSED(pwrite(fd, "x", 1, 0));
    REFUSED(fchmod(fd, 0777));
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
          == MAP_FAILED);
    void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(page != MAP_FAILED);
    REFUSED(mprotect(page, 4096, PROT_READ | PROT_WRITE));
    REFUSED(madvise(page, 4096, 9 /* MADV_REMOVE */));
    int memory = open("/proc/self/mem", O_RDWR);
    CHECK(memory >= 0);
    REFUSED(pwrite(memory, "x", 1, (off_t)(uintptr_t)page));
    CHECK(close(memory) == 0 && munmap(page, 4096) == 0 && close(fd) == 0);
    CHECK(stat(path, &after) == 0);
    CHECK(after.st_size == before.st_size && after.st_mode == before.st_mode);
    CHECK(after.st_uid == before.st_uid && after.st_gid == before.st_gid);
}

static void refuse_names(const char *own)
{
    for (size_t at = 0; at < ALL; at++) {
        const char *path = in_dir(address, all[at]);
        const char *readers = in_dir(address, "readers/1000");
        const char *beside = in_dir(address, "beside");
        REFUSED(unlink(path));
        REFUSED(rmdir(path));
        REFUSED(rename(path, readers));
        REFUSED(rename(path, beside));
        REFUSED(rename(own, path));
        REFUSED(link(own, beside));
        REFUSED(symlink("/", beside));
        REFUSED(mkdir(beside, 0777));
        REFUSED(mkfifo(beside, 0777));
        REFUSED(open(beside, O_CREAT | O_RDWR, 0666));
        REFUSED(mount("none", path, "tmpfs", 0, NULL));
    }
    REFUSED(open(address, 020200000 /* O_TMPFILE */ | O_RDWR, 0666));
    REFUSED(rename(address, in_dir(store(), "mine")));
    REFUSED(open(in_dir(address, "remove"), O_CREAT | O_RDWR, 0666));
    /* The honest reader's file, in a directory where all readers may write. */
    REFUSED(unlink(slot_file(0)));
    REFUSED(rename(slot_file(0), slot_file(1001)));
    REFUSED(rename(own, slot_file(0)));
    REFUSED(truncate(slot_file(0), 0));
}

/** A read lock on a lock file would keep a client from connecting. */
static void refuse_lock_files(void)
{
    const char *locks = in_dir(address, "locks");

    REFUSED(open(locks, O_RDONLY));
    REFUSED(rmdir(locks));
    REFUSED(rename(locks, in_dir(address, "readers/1000")));
    REFUSED(open(in_dir(locks, "8"), O_CREAT | O_RDWR, 0666));
    for (int which = 0; which < LOCKS; which++) {
        char name[8];
        snprintf(name, sizeof name, "%d", which);
        const char *path = in_dir(locks, name);
        REFUSED(open(path, O_RDONLY));
        REFUSED(open(path, O_RDWR));
        REFUSED(access(path, F_OK));
        REFUSED(truncate(path, 0));
        REFUSED(unlink(path));
    }
}

static void refuse_everything(const char *own)
{
    refuse_lock_files();
    for (size_t at = 0; at < FILES; at++) {
        refuse_file(in_dir(address, files[at]));
    }
    refuse_file(slot_file(0));
    refuse_names(own);
}

/** No mapping leads to write access, except that of its own file. */
static void refuse_mappings(const char *own)
{
    char line[1024], access[8];
    unsigned long long begin, end;
    int seen = 0;
    (void)own;
    FILE *maps = fopen("/proc/self/maps", "r");

    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, address) == NULL || strstr(line, "/readers/") != NULL) {
            continue;
        }
        CHECK(sscanf(line, "%llx-%llx %7s", &begin, &end, access) == 3);
        CHECK_TEXT(access, "r--s");
        REFUSED(mprotect((void *)(uintptr_t)begin, (size_t)(end - begin),
                         PROT_READ | PROT_WRITE));
        seen++;
    }
    fclose(maps);
    CHECK(seen >= 3);
}

/* ---- Processes ---- */

/** The producer, which is found by the pid in its slot. */
static void refuse_processes(const char *own)
{
    uint32_t pid = 0;
    char path[64];
    uint64_t word = 0;
    struct iovec here = { &word, sizeof word };
    struct iovec there = { NULL, sizeof word };

    (void)own;
    read_at(in_dir(address, "members"), PAGES_AT + 16, &pid, sizeof pid);
    CHECK(pid > 1);
    /* The tests make their processes dumpable; for another uid that has no
     * effect. */
    REFUSED(kill((pid_t)pid, SIGKILL));
    REFUSED(kill((pid_t)pid, SIGSTOP));
    REFUSED(ptrace(PTRACE_ATTACH, (pid_t)pid, NULL, NULL));
    snprintf(path, sizeof path, "/proc/%u/mem", pid);
    REFUSED(open(path, O_RDWR));
    REFUSED(open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%u/fd/3", pid);
    REFUSED(open(path, O_RDWR));
    snprintf(path, sizeof path, "/proc/%u/map_files", pid);
    REFUSED(open(path, O_RDONLY));
    REFUSED(syscall(SYS_process_vm_writev, (pid_t)pid, &here, 1L, &there, 1L, 0L));
    long pidfd = syscall(434 /* pidfd_open */, (pid_t)pid, 0);
    if (pidfd >= 0) {
        REFUSED(syscall(438 /* pidfd_getfd */, pidfd, 3, 0));
        REFUSED(syscall(424 /* pidfd_send_signal */, pidfd, SIGKILL, NULL, 0));
    }
}

/* ---- Locks, leases, watches ---- */

static int lock_with(int fd, int command, short type)
{
    struct flock lock;

    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    return fcntl(fd, command, &lock);
}

enum { OFD_SETLK = 37, SETLEASE = 1024, NOTIFY = 1026 };

/** Lock everything that read permission allows, and keep the locks. */
static void lock_everything(const char *own)
{
    int watch = inotify_init();

    signal(SIGIO, SIG_IGN);
    for (size_t at = 0; at < ALL; at++) {
        const char *path = in_dir(address, all[at]);
        int fd = open(path, O_RDONLY);
        CHECK(fd >= 0 && inotify_add_watch(watch, path, IN_ALL_EVENTS) >= 0);
        if (at >= FILES) {
            CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0);
            fcntl(fd, NOTIFY, 0x8000003fL);
            continue;
        }
        REFUSED(lock_with(fd, OFD_SETLK, F_WRLCK));
        REFUSED(lock_with(fd, F_SETLK, F_WRLCK));
        REFUSED(fcntl(fd, SETLEASE, F_RDLCK));
        REFUSED(fcntl(fd, SETLEASE, F_WRLCK));
        CHECK(lock_with(fd, OFD_SETLK, F_RDLCK) == 0);
        CHECK(lock_with(fd, F_SETLK, F_RDLCK) == 0);
        flock(fd, LOCK_EX | LOCK_NB);
    }
    int fd = open(slot_file(0), O_RDONLY);
    CHECK(fd >= 0);
    REFUSED(lock_with(fd, OFD_SETLK, F_RDLCK));
    (void)own;
}

/** A file that looks like a client's, under a lease: opening it would wait
 * for /proc/sys/fs/lease-break-time, 45 seconds. */
static void lease_in_readers(const char *own)
{
    uint8_t bytes[4096];
    int leased = 0;

    read_at(own, 0, bytes, sizeof bytes);
    for (int slot = 900; slot < 932; slot++) {
        const char *path = slot_file(slot);
        int fd = open(path, O_CREAT | O_RDWR, 0644);
        CHECK(fd >= 0 && write(fd, bytes, sizeof bytes) == sizeof bytes);
        signal(SIGIO, SIG_IGN);
        if (slot % 2 == 0) {
            CHECK(lock_with(fd, OFD_SETLK, F_WRLCK) == 0);
            leased += fcntl(fd, SETLEASE, F_WRLCK) == 0;
        } else {
            CHECK(close(fd) == 0 && (fd = open(path, O_RDONLY)) >= 0);
            leased += fcntl(fd, SETLEASE, F_RDLCK) == 0;
        }
    }
    CHECK(leased > 0);
}

/* ---- Wakes ---- */

static uint32_t *wake_words;

static void wake_and_requeue(void)
{
    enum { WAKE = 1, REQUEUE = 3, WORDS = 20480 / 4 };
    static uint32_t elsewhere;

    for (size_t at = 0; at < WORDS; at += 2) {
        syscall(SYS_futex, &wake_words[at], WAKE, 1000, NULL, NULL, 0);
        syscall(SYS_futex, &wake_words[at], REQUEUE, 0, (void *)1000,
                &elsewhere, 0);
    }
}

static void storm_of_wakes(const char *own)
{
    int fd = open(in_dir(address, "wake"), O_RDONLY);

    (void)own;
    CHECK(fd >= 0);
    wake_words = mmap(NULL, 20480, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(wake_words != MAP_FAILED);
    in_background(wake_and_requeue);
}

static uint32_t *index_words;

static void wake_the_lock(void)
{
    /* The writer lock is at offset 256 of the index. */
    for (int at = 0; at < 16; at++) {
        syscall(SYS_futex, &index_words[64 + at], 1, 1000, NULL, NULL, 0);
    }
}

static void storm_on_the_lock(const char *own)
{
    int fd = open(in_dir(address, "index"), O_RDONLY);

    (void)own;
    CHECK(fd >= 0);
    index_words = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(index_words != MAP_FAILED);
    in_background(wake_the_lock);
}

static const char *own_file;

/** Truncate it and let it grow while producers read it. */
static void cut_and_grow(void)
{
    static uint64_t seed = 88172645463325252;
    off_t whole = 8425472;

    for (int at = 0; at < 100; at++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        if (truncate(own_file, (off_t)(seed % (uint64_t)whole)) != 0
            || truncate(own_file, whole) != 0) {
            pause_ms(1); /* a name that is not a client's file is removed */
        }
    }
}

static void storm_of_cuts(const char *own)
{
    own_file = own;
    in_background(cut_and_grow);
}

static void rename_and_back(void)
{
    char away[700];

    snprintf(away, sizeof away, "%s/readers/777", address);
    if (rename(own_file, away) != 0 || rename(away, own_file) != 0) {
        pause_ms(1); /* a name where none may be was removed */
    }
}

static void storm_of_renames(const char *own)
{
    own_file = own;
    in_background(rename_and_back);
}

SURVIVES(refuse_everything)
SURVIVES(refuse_mappings)
SURVIVES(refuse_processes)
SURVIVES(lock_everything)
SURVIVES(lease_in_readers)
SURVIVES(storm_of_wakes)
SURVIVES(storm_on_the_lock)
SURVIVES(storm_of_cuts)
SURVIVES(storm_of_renames)

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(refuse_everything), TEST(refuse_mappings),
        TEST(refuse_processes),  TEST(lock_everything),
        TEST(lease_in_readers),  TEST(storm_of_wakes),
        TEST(storm_on_the_lock), TEST(storm_of_cuts),
        TEST(storm_of_renames),
    };
    return RUN_TESTS(argc, argv, tests);
}
