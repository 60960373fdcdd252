/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ladders of RLIMIT_AS, RLIMIT_NOFILE and RLIMIT_FSIZE, set before connecting
 * and after: every operation succeeds or says what ran out, and the store
 * stays intact. PLASMA_LONG takes smaller steps.
 */

#include "check.h"

#include "everything.h"

enum { KIB = 1024, CAPACITY = 1 << 20, OTHERS = 5 };

struct rung {
    int resource;
    uint64_t more; /* in excess of current use */
    int connect_first;
};

/** The report of a child. */
struct tally {
    long calls;
    long refused;
};

static uint64_t in_use(int resource)
{
    unsigned long pages = 0;

    if (resource == RLIMIT_AS) {
        FILE *file = fopen("/proc/self/statm", "r");
        CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1);
        fclose(file);
        return (uint64_t)pages * 4096;
    }
    if (resource == RLIMIT_FSIZE) {
        return 0; /* no existing file is enlarged */
    }
    while (fcntl((int)pages, F_GETFD) >= 0) {
        pages++;
    }
    return pages;
}

/** The stack belongs to the program: it must not be what runs out. */
static void touch_stack(void)
{
    volatile uint8_t bytes[512 * KIB];

    for (size_t at = 0; at < sizeof bytes; at += 4096) {
        bytes[at] = 1;
    }
}

static void do_it_limited(struct process *parent, void *arg)
{
    const struct rung *rung = arg;
    struct outcome outcome = { 1, 0, 0 };
    plasma_client_t *client = NULL;
    struct rlimit limit, before;
    struct tally tally;

    fail_at_faults();
    touch_stack();
    if (rung->connect_first) {
        client = join_store();
    }
    CHECK(getrlimit((int)rung->resource, &before) == 0);
    limit = before;
    limit.rlim_cur = (rlim_t)(in_use(rung->resource) + rung->more);
    CHECK(setrlimit(rung->resource, &limit) == 0);
    if (client != NULL
        || did(&outcome, "plasma_connect", connect_to(store(), 0, &client))) {
        do_everything(client, store(), 100, 3000, &outcome);
    }
    CHECK(setrlimit(rung->resource, &before) == 0);
    if (client != NULL) {
        struct outcome strict = { 0, 0, 0 };
        do_everything(client, store(), 100, 3000, &strict);
        plasma_disconnect(client);
    }
    tally.calls = outcome.calls;
    tally.refused = outcome.refused;
    tell_bytes(parent, &tally, sizeof tally);
}

static void be_there(struct process *parent, void *arg)
{
    plasma_client_t *client =
        connect_store(*(int *)arg % 2 == 0 ? 0 : PLASMA_CONNECT_READ_ONLY, 0, 0);
    plasma_buffer_t held = get_pattern(client, 1, 5000);

    tell(parent, 'h');
    hear(parent, 'x');
    CHECK(is_filled(held.data, 5000, 1));
    CHECK_OK(plasma_release(&held));
    plasma_disconnect(client);
}

static void climb(int resource, uint64_t step, uint64_t top, const char *what)
{
    plasma_client_t *client = make_store(CAPACITY);
    struct process others[OTHERS];
    long rungs = 0, calls = 0, refused = 0;

    put_pattern(client, 1, 5000, NULL);
    for (int at = 0; at < OTHERS; at++) {
        others[at] = spawn(be_there, &at);
        hear(&others[at], 'h');
    }
    uint64_t used = used_after_reap(client);
    for (int first = 0; first < 2; first++) {
        long last = 1;
        for (uint64_t more = 0; more <= top; more += step, rungs++) {
            struct rung rung = { resource, more, first };
            struct tally tally;
            struct process child = spawn(do_it_limited, &rung);
            hear_bytes(&child, &tally, sizeof tally);
            finish(&child);
            calls += tally.calls;
            refused += last = tally.refused;
            CHECK_EQ(used_after_reap(client), used);
            check_sound(client);
            CHECK_EQ(stats_of(client).clients, 1 + OTHERS);
        }
        CHECK_EQ(last, 0); /* the ladder was long enough */
    }
    printf("%s: %ld limits, %ld calls, %ld were refused\n", what, rungs, calls,
           refused);
    for (int at = 0; at < OTHERS; at++) {
        tell(&others[at], 'x');
        finish(&others[at]);
    }
    plasma_disconnect(client);
}

static void test_a_ladder_of_address_space(void)
{
    int is_long = getenv("PLASMA_LONG") != NULL;

    if (SANITIZED) {
        printf("a sanitizer has its own allocator\n");
        return;
    }
    climb(RLIMIT_AS, (is_long ? 64 : 500) * KIB, 64 << 20, "address space");
}

static void test_a_ladder_of_open_files(void)
{
    climb(RLIMIT_NOFILE, 1, 60, "open files");
}

static void test_a_ladder_of_file_sizes(void)
{
    int is_long = getenv("PLASMA_LONG") != NULL;

    climb(RLIMIT_FSIZE, (is_long ? 64 : 1024) * KIB, 10 << 20, "file sizes");
}

/** Making a store under a limit on the sizes of files. */
static void make_limited(struct process *parent, void *arg)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = NULL;
    struct rlimit limit;
    char text[64];

    (void)parent;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = *(const rlim_t *)arg;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    options.capacity = 64 << 20;
    CHECK_STATUS(plasma_connect(store(), &options, &client), PLASMA_ERR_LIMIT);
    CHECK_MESSAGE("ulimit -f");
    CHECK_MESSAGE("67108864");
    snprintf(text, sizeof text, "may have only %llu", (unsigned long long)limit.rlim_cur);
    CHECK_MESSAGE(text);
    CHECK_EQ(entries(check_dir), 0); /* nothing was made */
}

/**
 * Regression: for a file that grows beyond RLIMIT_FSIZE the kernel sends
 * SIGXFSZ, which ended the process in plasma_connect() and left files behind.
 */
static void test_a_store_that_the_file_limit_forbids_is_refused_before_it_is_made(void)
{
    const rlim_t limits[] = { 0, 1, 4096, 1 << 20, 16 << 20, (64 << 20) - 1 };

    for (size_t at = 0; at < sizeof limits / sizeof *limits; at++) {
        check_child(make_limited, (void *)(uintptr_t)&limits[at]);
    }
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_ladder_of_address_space),
        TEST(a_ladder_of_open_files),
        TEST(a_ladder_of_file_sizes),
        TEST(a_store_that_the_file_limit_forbids_is_refused_before_it_is_made),
    };
    return RUN_TESTS(argc, argv, tests);
}
