/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Helpers for all C tests. Each file has a table of tests and ends with
 *
 *     int main(int argc, char **argv)
 *     {
 *         static const struct test tests[] = { TEST(one), TEST(two) };
 *         return RUN_TESTS(argc, argv, tests);
 *     }
 *
 * where TEST(one) is `static void test_one(void)`. Each test runs in a process
 * and with a store of its own; an argument selects one test and runs it in
 * this process, for a debugger.
 */

#ifndef CHECK_H
#define CHECK_H

#include "expect.h"
#include "process.h"

#include <fcntl.h>
#include <pthread.h>

/* A test frees what it allocated; a leak checker is asked where there is
 * one. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define CHECK_NO_LEAK() CHECK(__lsan_do_recoverable_leak_check() == 0)
#else
#define CHECK_NO_LEAK() ((void)0)
#endif
/* The memory of a sanitizer defeats limits, and ThreadSanitizer has handlers
 * of its own for signals. */
#if defined(__SANITIZE_ADDRESS__) || defined(THREAD_SANITIZER)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* ---- Stores ---- */

static char check_dir[512];
static char check_store[640];

/** The address of this test's store. */
static inline const char *store(void) { return check_store; }

/** Write the address of another store of this test, which the test removes
 * itself. */
static inline void other_store(const char *suffix, char out[700])
{
    snprintf(out, 700, "%s-%s", check_store, suffix);
}

/** Connect to this test's store; 0 means the default of a connect option. */
static inline plasma_client_t *connect_store(uint32_t flags, uint64_t capacity,
                                             uint32_t eviction)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = NULL;

    options.flags = flags;
    options.capacity = capacity;
    options.eviction = eviction;
    CHECK_OK(plasma_connect(store(), &options, &client));
    return client;
}

/** Make this test's store. */
static inline plasma_client_t *make_store(uint64_t capacity)
{
    return connect_store(PLASMA_CONNECT_EXCLUSIVE, capacity,
                         PLASMA_EVICTION_NONE);
}

/** Connect to this test's store, which exists. */
static inline plasma_client_t *join_store(void)
{
    return connect_store(PLASMA_CONNECT_EXISTING, 0, 0);
}

/**
 * Say that this test cannot run here, and why: on stdout, and in the file
 * $PLASMA_SKIPS, if set, for the script that decides which tests may be
 * skipped.
 */
static inline void skip_test(const char *reason)
{
    const char *log = getenv("PLASMA_SKIPS"), *slash = strrchr(check_store, '/');
    char line[1024];
    int length = snprintf(line, sizeof line, "SKIP %s: %s\n",
                          slash != NULL ? slash + 1 : check_store, reason);

    CHECK(length > 0 && length < (int)sizeof line);
    fputs(line, stdout);
    if (log != NULL) {
        int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        CHECK(file >= 0 && write(file, line, (size_t)length) == length);
        CHECK(close(file) == 0);
    }
}

/* ---- Objects ---- */

/** The id for a number. */
static inline plasma_id_t id_of(uint64_t number)
{
    plasma_id_t id;

    CHECK_OK(plasma_id_from_bytes(&number, sizeof number, &id));
    return id;
}

static inline int same_id(plasma_id_t left, plasma_id_t right)
{
    return memcmp(left.bytes, right.bytes, PLASMA_ID_SIZE) == 0;
}

/** Byte `at` of the pattern `seed`. */
static inline uint8_t pattern(uint64_t seed, uint64_t at)
{
    return (uint8_t)((at * 31 + at / 251 + seed * 97 + 7) & 0xff);
}

static inline void fill(void *data, uint64_t size, uint64_t seed)
{
    for (uint64_t at = 0; at < size; at++) {
        ((uint8_t *)data)[at] = pattern(seed, at);
    }
}

static inline int is_filled(const void *data, uint64_t size, uint64_t seed)
{
    for (uint64_t at = 0; at < size; at++) {
        if (((const uint8_t *)data)[at] != pattern(seed, at)) {
            return 0;
        }
    }
    return 1;
}

/** Create and seal an object that holds the pattern of its number. */
static inline void put_pattern(plasma_client_t *client, uint64_t number,
                               uint64_t size, const char *name)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(number);

    options.name = name;
    CHECK_OK(plasma_create(client, &id, size, &options, &writable));
    fill(writable.data, size, number);
    CHECK_OK(plasma_seal(&writable));
}

/** Get a sealed object, compare it with its pattern, and hold it. */
static inline plasma_buffer_t get_pattern(plasma_client_t *client,
                                          uint64_t number, uint64_t size)
{
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(number);

    CHECK_OK(plasma_get(client, &id, 0, &buffer));
    CHECK_EQ(buffer.size, size);
    CHECK(is_filled(buffer.data, size, number));
    return buffer;
}

static inline plasma_state_t state_of(plasma_client_t *client, uint64_t number)
{
    plasma_id_t id = id_of(number);
    plasma_state_t state = -1;

    CHECK_OK(plasma_contains(client, &id, &state));
    return state;
}

static inline plasma_stats_t stats_of(plasma_client_t *client)
{
    plasma_stats_t stats = PLASMA_STATS_INIT;

    CHECK_OK(plasma_stats(client, &stats));
    return stats;
}

/** The used memory once deleted objects that nobody holds are freed. */
static inline uint64_t used_after_reap(plasma_client_t *client)
{
    uint64_t reaped;

    CHECK_OK(plasma_reap(client, &reaped));
    return stats_of(client).used;
}

/* ---- The table of tests ---- */

struct test {
    const char *name;
    void (*run)(void);
};

#define TEST(name) { #name, test_##name }
#define RUN_TESTS(argc, argv, tests)                                          \
    run_tests(argc, argv, tests, sizeof(tests) / sizeof((tests)[0]))

/** Run one test in this process, with a new store that it may leave. */
static inline void run_test(const struct test *test)
{
    snprintf(check_store, sizeof check_store, "%s/%s", check_dir, test->name);
    test->run();
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    if (access(store(), F_OK) == 0) {
        CHECK_OK(plasma_store_remove(store()));
    }
}

static inline void run_role(struct process *parent, void *test)
{
    (void)parent;
    run_test(test);
    CHECK_NO_LEAK();
}

static inline int run_tests(int argc, char **argv, const struct test *tests,
                            size_t count)
{
    const char *dir = getenv("PLASMA_TEST_DIR");
    int failed = 0, ran = 0;

    snprintf(check_dir, sizeof check_dir, "%s",
             dir != NULL ? dir : "/dev/shm/plasma-c-XXXXXX");
    CHECK(dir != NULL || mkdtemp(check_dir) != NULL);
    for (size_t at = 0; at < count; at++) {
        if (argc > 1 && strcmp(argv[1], tests[at].name) != 0) {
            continue;
        }
        ran++;
        if (argc > 1) {
            run_test(&tests[at]);
        } else {
            struct process process = spawn(run_role, (void *)(uintptr_t)&tests[at]);
            int status = reap_process(&process);
            if (status != 0) {
                failed++;
                printf("FAILED %s (wait status %#x)\n", tests[at].name, status);
                continue;
            }
        }
        printf("ok %s\n", tests[at].name);
        fflush(stdout);
    }
    if (dir == NULL && rmdir(check_dir) != 0) {
        printf("FAILED: files are left in %s\n", check_dir);
        failed++;
    }
    return failed != 0 || ran == 0;
}

#endif /* CHECK_H */
