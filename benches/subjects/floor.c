/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The floors: the cost of the same work on this machine without a store around
 * it. benches/README.md has the names of the results.
 */

#include "floor.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>

static const char *file_path(void)
{
    static char path[64];

    snprintf(path, sizeof path, "/dev/shm/bench-floor-%d", (int)getpid());
    return path;
}

static int named_file(size_t size)
{
    int file = open(file_path(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    NEED(file >= 0 && ftruncate(file, (off_t)size) == 0);
    return file;
}

int shared_file(size_t size)
{
    const int file = named_file(size);

    NEED(unlink(file_path()) == 0);
    return file;
}

uint8_t *map_aligned(int file, size_t size)
{
    const size_t room = round_up(size, 4096) + HUGE_PAGE;
    uint8_t *hole = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                         0);
    uint8_t *start;

    NEED(hole != MAP_FAILED);
    start = (uint8_t *)round_up((uintptr_t)hole, HUGE_PAGE);
    munmap(hole, room);
    NEED(mmap(start, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
              0) != MAP_FAILED);
    return start;
}

/* ---- handover ---- */

/** A word for each waiter, or one for all. */
struct words {
    uint32_t *words;
    uint64_t count;
};

static uint32_t *word_of(const struct words *words, uint64_t waiter)
{
    return &words->words[waiter % words->count * 16]; /* a line each */
}

static void wait_asleep(void *state, uint64_t round, uint64_t waiter)
{
    uint32_t *word = word_of(state, waiter), now;

    while ((now = __atomic_load_n(word, __ATOMIC_ACQUIRE)) < round) {
        syscall(SYS_futex, word, FUTEX_WAIT, now, NULL, NULL, 0);
    }
}

static void wake(void *state, uint64_t round)
{
    const struct words *words = state;

    for (uint64_t at = 0; at < words->count; at++) {
        uint32_t *word = word_of(words, at);
        __atomic_store_n(word, (uint32_t)round, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

static void wait_awake(void *state, uint64_t round, uint64_t waiter)
{
    const uint32_t *word = word_of(state, waiter);

    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < round) {
    }
}

static void tell(void *state, uint64_t round)
{
    const struct words *words = state;

    for (uint64_t at = 0; at < words->count; at++) {
        __atomic_store_n(word_of(words, at), (uint32_t)round, __ATOMIC_SEQ_CST);
    }
}

void handover(void)
{
    struct words words = { shared_bytes(WAITERS_MAX * 64), 1 };
    struct handover how = { .state = &words, .wait = wait_asleep, .seal = wake };

    if (arg_is("objects", "many")) {
        words.count = number_arg("waiters", 1);
    }
    if (arg_is("mode", "soon")) {
        how.wait = wait_awake;
        how.seal = tell;
        time_handover("pingpong", &how);
    } else {
        time_handover("futex", &how);
    }
}

/* ---- attach ---- */

static void map_once(void *state, uint64_t at)
{
    int file = open(file_path(), O_RDWR | O_CLOEXEC);
    struct stat stat;
    void *memory;

    (void)state;
    (void)at;
    NEED(file >= 0 && fstat(file, &stat) == 0);
    memory = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
                  file, 0);
    NEED(memory != MAP_FAILED);
    touch(memory);
    munmap(memory, (size_t)stat.st_size);
    close(file);
}

void attach(void)
{
    memset(map_aligned(named_file(HUGE_PAGE), HUGE_PAGE), 7, HUGE_PAGE);
    time_operation("map", map_once, NULL, 0);
    unlink(file_path());
}

/* ---- first_touch ---- */

static void read_pages(const char *name, int file, size_t size, int flags)
{
    struct samples samples = { NULL, 0, 0 };

    for (int turn = 0; turn < 5; turn++) {
        uint64_t start = now_ns();
        uint8_t *memory = mmap(NULL, size, PROT_READ, MAP_SHARED | flags, file,
                               0);
        NEED(memory != MAP_FAILED);
        for (size_t at = 0; at < size; at += 4096) {
            touch(memory + at);
        }
        add_sample(&samples, (double)(now_ns() - start));
        munmap(memory, size);
    }
    print_latency(name, &samples, NULL, (double)size);
}

void first_touch(void)
{
    const size_t size = number_arg("size", (uint64_t)1 << 30);
    const int file = shared_file(size);
    uint8_t *memory = map_aligned(file, size);

    memset(memory, 7, size);
    read_pages("pages", file, size, 0);
    read_pages("populate", file, size, MAP_POPULATE);
}

int main(int argc, char **argv)
{
    static const struct workload workloads[] = {
        { "get", get },           { "getters", getters },
        { "put", put },           { "handover", handover },
        { "attach", attach },     { "first_touch", first_touch },
    };

    return run_workload(argc, argv, workloads,
                        sizeof workloads / sizeof workloads[0]);
}
