/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each allocation of this process is refused in turn: only the n-th, and all
 * from the n-th on, for every n. Every operation succeeds or returns
 * OUT_OF_MEMORY; none ends the process.
 */

#include "check.h"

#include "everything.h"

/* ---- An allocator that can refuse ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *memory);

enum { NONE, ONE, ALL };

static int refusing;
static long until; /* number of requests that are granted first */
static long refused;

static inline int refuse(void)
{
    if (__atomic_load_n(&refusing, __ATOMIC_RELAXED) == NONE
        || __atomic_sub_fetch(&until, 1, __ATOMIC_RELAXED) >= 0) {
        return 0;
    }
    if (refusing == ONE) {
        __atomic_store_n(&refusing, NONE, __ATOMIC_RELAXED);
    }
    __atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return 1;
}

#ifndef __SANITIZE_ADDRESS__
void *malloc(size_t size)
{
    return refuse() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return refuse() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return refuse() ? NULL : __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t align, size_t size)
{
    *memory = refuse() ? NULL : __libc_memalign(align, size);
    return *memory == NULL ? ENOMEM : 0;
}

void free(void *memory)
{
    __libc_free(memory);
}
#endif

/** Refuse the request after `granted` requests, or all from there on. */
static void begin_refusing(int which, long granted)
{
    refused = 0;
    until = granted;
    __atomic_store_n(&refusing, which, __ATOMIC_RELAXED);
}

/** The number of refused requests. */
static long end_refusing(void)
{
    __atomic_store_n(&refusing, NONE, __ATOMIC_RELAXED);
    return refused;
}

/* ---- The operations ---- */

typedef void work_fn(plasma_client_t *client, struct outcome *outcome);

static void everything(plasma_client_t *client, struct outcome *outcome)
{
    do_everything(client, store(), 100, 3000, outcome);
}

/** Put ten objects of a tenth of the store each, which evicts some. */
static void evicting(plasma_client_t *client, struct outcome *outcome)
{
    static uint8_t data[300000];
    uint64_t number;

    for (uint64_t at = 0; at < 6; at++) {
        plasma_id_t id = id_of(100 + at);
        DID(plasma_put(client, &id, data, at % 2 == 0 ? sizeof data : 100000,
                       NULL));
    }
    DID(plasma_evict(client, 1 << 20, &number));
    for (uint64_t at = 0; at < 6; at++) {
        plasma_id_t id = id_of(100 + at);
        plasma_delete(client, &id);
    }
    DID(plasma_reap(client, &number));
}

/** Waits that end at their deadline. */
static void waiting(plasma_client_t *client, struct outcome *outcome)
{
    plasma_id_t ids[200];
    plasma_buffer_t buffers[200];
    plasma_status_t statuses[200];
    uint8_t ready[200];
    size_t count;

    for (uint64_t at = 0; at < 200; at++) {
        ids[at] = id_of(1000 + at);
    }
    plasma_status_t status = plasma_get(client, ids, 1, buffers);
    if (status != PLASMA_ERR_TIMEOUT) {
        DID(status);
    }
    status = plasma_get_many(client, ids, 200, 1, buffers, statuses);
    if (status != PLASMA_ERR_TIMEOUT) {
        DID(status);
    }
    status = plasma_wait(client, ids, 200, 0, 1, ready, &count);
    if (status != PLASMA_ERR_TIMEOUT) {
        DID(status);
    }
}

/** Create and remove a store. */
static void making(plasma_client_t *client, struct outcome *outcome)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    static char address[700];
    plasma_client_t *other;

    (void)client;
    other_store("made", address);
    options.capacity = 1 << 20;
    options.flags = PLASMA_CONNECT_EXCLUSIVE;
    options.mode = 0640;
    if (DID(plasma_connect(address, &options, &other))) {
        plasma_disconnect(other);
        if (!DID(plasma_store_remove(address))) {
            end_refusing();
            CHECK_OK(plasma_store_remove(address));
        }
    }
    CHECK(!is_there(address));
}

static void refuse_each(work_fn *work, uint32_t eviction, const char *name)
{
    plasma_client_t *client;
    struct outcome strict = { 0, 0, 0 };
    long runs = 0, errors = 0;

    if (SANITIZED) {
        printf("a sanitizer has its own allocator\n");
        return;
    }
    fail_at_faults();
    client = connect_store(PLASMA_CONNECT_EXCLUSIVE, 1 << 20, eviction);
    put_pattern(client, 1, 5000, "kept");
    plasma_buffer_t held = get_pattern(client, 1, 5000);
    work(client, &strict);
    uint64_t used = used_after_reap(client);
    for (int which = ONE; which <= ALL; which++) {
        long granted = 0, hit;
        do {
            struct outcome outcome = { 1, 0, 0 };
            begin_refusing(which, granted++);
            work(client, &outcome);
            hit = end_refusing();
            runs++;
            errors += outcome.refused;
            CHECK(is_filled(held.data, held.size, 1));
            CHECK_EQ(used_after_reap(client), used);
            check_sound(client);
            CHECK(granted < 100000);
        } while (hit > 0);
    }
    work(client, &strict);
    CHECK(runs > 10);
    printf("%s: %ld runs with memory refused, %ld calls said so\n", name, runs,
           errors);
    CHECK_OK(plasma_release(&held));
    plasma_disconnect(client);

}

static void test_everything_without_memory(void)
{
    refuse_each(everything, 0, "everything");
}

static void test_evicting_without_memory(void)
{
    refuse_each(evicting, PLASMA_EVICTION_LRU, "evicting");
}

static void test_waiting_without_memory(void)
{
    refuse_each(waiting, 0, "waiting");
}

static void test_making_a_store_without_memory(void)
{
    refuse_each(making, 0, "making");
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(everything_without_memory),
        TEST(evicting_without_memory),
        TEST(waiting_without_memory),
        TEST(making_a_store_without_memory),
    };
    return RUN_TESTS(argc, argv, tests);
}
