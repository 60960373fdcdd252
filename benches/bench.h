/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Helpers of all subjects of the benchmark: arguments, clocks, percentiles,
 * processes, and the JSON line in which a result is printed.
 *
 * A subject is a program: `subject WORKLOAD key=value ...`. It prints a line
 *
 *     {"name": "get", "median_ns": 41.2, "p99_ns": 60.0, ...}
 *
 * for each thing it measured and ends with 0; with UNSUPPORTED when there is
 * no such workload for it. benches/README.md lists workloads and their keys.
 *
 * C99 and C++17.
 */

#ifndef PLASMA_BENCH_H
#define PLASMA_BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_setaffinity; before any other header */
#endif

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { UNSUPPORTED = 3 };

/** End the program when `ok` does not hold. */
#define NEED(ok)                                                             \
    ((ok) ? (void)0                                                          \
          : (fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #ok,    \
                     strerror(errno)),                                       \
             exit(1)))

/* ---- Arguments ---- */

/** Weak, so that a program of several files has one of each. */
__attribute__((weak)) int bench_argc;
__attribute__((weak)) char **bench_argv;

/** The text of key=text, or `otherwise`. */
static inline const char *text_arg(const char *key, const char *otherwise)
{
    const size_t len = strlen(key);

    for (int at = 2; at < bench_argc; at++) {
        if (strncmp(bench_argv[at], key, len) == 0
            && bench_argv[at][len] == '=') {
            return bench_argv[at] + len + 1;
        }
    }
    return otherwise;
}

static inline uint64_t number_arg(const char *key, uint64_t otherwise)
{
    const char *text = text_arg(key, NULL);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/** Whether key=text was given. */
static inline int arg_is(const char *key, const char *text)
{
    return strcmp(text_arg(key, ""), text) == 0;
}

/* ---- Clocks and random numbers ---- */

static inline uint64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/** xorshift64*: the same series in each subject. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/** A number below `count`, which is below 2^32. */
static inline uint64_t pick(uint64_t *state, uint64_t count)
{
    return ((next_random(state) >> 32) * count) >> 32;
}

/** `count` numbers below `keys`, with a Zipf distribution: the probability
 * of k is about proportional to 1 / (k + 1). */
static inline uint32_t *zipf_series(size_t count, uint64_t keys)
{
    uint32_t *series = (uint32_t *)malloc(count * sizeof *series);
    uint64_t random = 1;

    NEED(series != NULL);
    for (size_t at = 0; at < count; at++) {
        double share = (double)(next_random(&random) >> 11) / 9007199254740992.0;
        series[at] = (uint32_t)pow((double)keys, share) - 1;
    }
    return series;
}

/** The ids of subjects that have no ids of their own. */
struct key {
    uint8_t bytes[20];
};

/** The key of object `number`, which looks random. */
static inline struct key key_of(uint64_t number)
{
    const uint64_t low = number * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t random = number + 1, high = next_random(&random);
    struct key key;

    memset(&key, 0, sizeof key);
    memcpy(key.bytes, &high, sizeof high);
    memcpy(key.bytes + 8, &low, sizeof low);
    memcpy(key.bytes + 16, &number, 4);
    return key;
}

/** Keep the compiler from removing the work that made a value. */
static inline void keep(uint64_t value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

/** Read the first word of a payload, as a user would. */
static inline void touch(const void *data)
{
    keep(*(const volatile uint64_t *)data);
}

/* ---- Samples ---- */

struct samples {
    double *values;
    size_t count, room;
};

static inline void add_sample(struct samples *samples, double value)
{
    if (samples->count == samples->room) {
        samples->room = samples->room == 0 ? 4096 : 2 * samples->room;
        samples->values = (double *)realloc(
            samples->values, samples->room * sizeof *samples->values);
        NEED(samples->values != NULL);
    }
    samples->values[samples->count++] = value;
}

static inline int compare_doubles(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/** Call before `quantile`. */
static inline void sort_samples(struct samples *samples)
{
    qsort(samples->values, samples->count, sizeof *samples->values,
          compare_doubles);
}

static inline double quantile(const struct samples *samples, double share)
{
    NEED(samples->count > 0);
    return samples->values[(size_t)(share * (double)(samples->count - 1))];
}

static inline void free_samples(struct samples *samples)
{
    free(samples->values);
    memset(samples, 0, sizeof *samples);
}

/** The cost of two readings of the clock, which is subtracted from single
 * timings. */
static inline double clock_cost(void)
{
    static double cost = -1;

    if (cost < 0) {
        struct samples samples = { NULL, 0, 0 };
        for (int at = 0; at < 10001; at++) {
            uint64_t start = now_ns();
            add_sample(&samples, (double)(now_ns() - start));
        }
        sort_samples(&samples);
        cost = quantile(&samples, 0.5);
        free_samples(&samples);
    }
    return cost;
}

/* ---- Results ---- */

#define RESULT_BEGIN(result_name) printf("{\"name\": \"%s\"", result_name)
#define RESULT_NUMBER(key, value) printf(", \"%s\": %.6g", key, (double)(value))
#define RESULT_END() (printf("}\n"), (void)fflush(stdout))

/** Median, tails and rate of operations: `batches` has the mean time of one
 * operation in each batch; `singles`, if not NULL, the time of each
 * operation alone. Both are freed. */
static inline void print_latency(const char *name, struct samples *batches,
                                 struct samples *singles, double bytes)
{
    struct samples *tails = singles != NULL && singles->count > 0 ? singles
                                                                  : batches;
    double median;

    sort_samples(batches);
    if (tails != batches) {
        sort_samples(tails);
    }
    median = quantile(batches, 0.5);
    RESULT_BEGIN(name);
    RESULT_NUMBER("median_ns", median);
    RESULT_NUMBER("p99_ns", quantile(tails, 0.99));
    RESULT_NUMBER("p999_ns", quantile(tails, 0.999));
    RESULT_NUMBER("ops_s", 1e9 / median);
    if (bytes > 0) {
        RESULT_NUMBER("gb_s", bytes / median);
    }
    RESULT_END();
    free_samples(batches);
    if (singles != NULL) {
        free_samples(singles);
    }
}

/* ---- Loops ---- */

/** One operation; `at` counts from 0. */
typedef void operation_fn(void *state, uint64_t at);

/** How long to measure, in ns, from ms=. */
static inline uint64_t time_to_spend(void)
{
    return number_arg("ms", 300) * 1000000u;
}

/** Do operations `*at` .. `*at + batch - 1`, advance `*at`, and return the
 * time in ns. */
static inline __attribute__((always_inline)) uint64_t
time_batch(operation_fn *operation, void *state, uint64_t *at, uint64_t batch)
{
    const uint64_t start = now_ns();

    for (const uint64_t last = *at + batch; *at < last; ++*at) {
        operation(state, *at);
    }
    return now_ns() - start;
}

/** Time an operation: batches of about 20 us for the median, then single
 * operations for the tails. Inlined, so that a constant `operation` is
 * inlined too. */
static inline __attribute__((always_inline)) void
time_operation(const char *name, operation_fn *operation, void *state,
               double bytes)
{
    struct samples batches = { NULL, 0, 0 }, singles = { NULL, 0, 0 };
    const double clock = clock_cost();
    uint64_t batch = 1, at = 0, start, spent, end, enough = 0;

    /* Three times, which also warms up: a single one may be slow by chance,
     * and then a batch that is too small for the clock would look large
     * enough. */
    while (enough < 3) {
        spent = time_batch(operation, state, &at, batch);
        if (spent >= 20000 || batch >= 4096) {
            enough++;
        } else {
            enough = 0;
            batch *= 2;
        }
    }
    end = now_ns() + time_to_spend();
    do {
        spent = time_batch(operation, state, &at, batch);
        add_sample(&batches, ((double)spent - clock) / (double)batch);
    } while (now_ns() < end || batches.count < 9);
    end = now_ns() + time_to_spend() / 2;
    do {
        start = now_ns();
        operation(state, at++);
        spent = now_ns() - start;
        add_sample(&singles,
                   (double)spent > clock ? (double)spent - clock : 0);
    } while (start + spent < end && singles.count < 2000000);
    print_latency(name, &batches, singles.count < 100 ? NULL : &singles, bytes);
    if (singles.values != NULL) {
        free_samples(&singles);
    }
}

/** Time two operations that undo each other, alternately in batches of
 * `batch`: operation `at` of the second undoes that of the first. */
static inline __attribute__((always_inline)) void
time_pair(const char *first_name, operation_fn *first, const char *second_name,
          operation_fn *second, void *state, uint64_t batch, double bytes)
{
    struct samples firsts = { NULL, 0, 0 }, seconds = { NULL, 0, 0 };
    const double clock = clock_cost();
    const uint64_t warm = now_ns() + time_to_spend() / 4;
    const uint64_t end = warm + time_to_spend();
    uint64_t base = 0, start, middle, done;

    do {
        start = now_ns();
        for (uint64_t at = base; at < base + batch; at++) {
            first(state, at);
        }
        middle = now_ns();
        for (uint64_t at = base; at < base + batch; at++) {
            second(state, at);
        }
        done = now_ns();
        if (done > warm || firsts.count == 0) {
            add_sample(&firsts,
                       ((double)(middle - start) - clock) / (double)batch);
            add_sample(&seconds,
                       ((double)(done - middle) - clock) / (double)batch);
        }
        base += batch;
    } while (done < end || firsts.count < 9);
    print_latency(first_name, &firsts, NULL, bytes);
    print_latency(second_name, &seconds, NULL, 0);
}

/* ---- Processes ---- */

/** Zeroed memory, shared with processes that are forked later. */
static inline void *shared_bytes(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    NEED(memory != MAP_FAILED);
    return memory;
}

/** The work of one of several processes: `self` counts from 0. It connects,
 * calls `wait_for_start` and works until `is_over`; `rate_of` returns the
 * sum of the results. */
typedef uint64_t role_fn(void *state, uint64_t self);

struct rate {
    uint64_t ready, started, over, done[64];
};

static struct rate *rate;

static inline void wait_for_start(void)
{
    __atomic_add_fetch(&rate->ready, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&rate->started, __ATOMIC_ACQUIRE)) {
        usleep(100);
    }
}

static inline int is_over(void)
{
    return __atomic_load_n(&rate->over, __ATOMIC_RELAXED) != 0;
}

/** Let `processes` work at the same time; print their rate per second. */
static inline void time_rate(const char *name, uint64_t processes, role_fn *role,
                             void *state)
{
    uint64_t start, spent, done = 0;

    NEED(processes <= 64);
    rate = (struct rate *)shared_bytes(sizeof *rate);
    fflush(NULL);
    for (uint64_t self = 0; self < processes; self++) {
        pid_t child = fork();
        NEED(child >= 0);
        if (child == 0) {
            rate->done[self] = role(state, self);
            _exit(0);
        }
    }
    while (__atomic_load_n(&rate->ready, __ATOMIC_ACQUIRE) < processes) {
        usleep(100);
        int status;
        NEED(waitpid(-1, &status, WNOHANG) == 0); /* no process has failed */
    }
    start = now_ns();
    __atomic_store_n(&rate->started, 1, __ATOMIC_RELEASE);
    usleep((useconds_t)(time_to_spend() / 1000));
    __atomic_store_n(&rate->over, 1, __ATOMIC_RELEASE);
    spent = now_ns() - start;
    for (uint64_t self = 0; self < processes; self++) {
        int status;
        NEED(wait(&status) > 0 && status == 0);
    }
    for (uint64_t self = 0; self < processes; self++) {
        done += rate->done[self];
    }
    RESULT_BEGIN(name);
    RESULT_NUMBER("ops_s", (double)done * 1e9 / (double)spent);
    RESULT_END();
}

/** Let this process run on one processor only. */
static inline void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    NEED(sched_setaffinity(0, sizeof set, &set) == 0);
}

/* ---- Hand-over ---- */

/** How a subject hands an object over. All functions except `wait` and
 * `join` run in the process that seals. */
struct handover {
    void *state;
    /** In a waiter, once: connect, or the like; may be NULL. */
    void (*join)(void *state, uint64_t waiter);
    /** In a waiter: sleep until the object of this round exists, and read
     * its first word. */
    void (*wait)(void *state, uint64_t round, uint64_t waiter);
    /** Not timed, before the waiters wait; may be NULL. */
    void (*prepare)(void *state, uint64_t round);
    /** Make the object visible. */
    void (*seal)(void *state, uint64_t round);
    /** Not timed, after all have it; may be NULL. */
    void (*finish)(void *state, uint64_t round);
};

enum { WAITERS_MAX = 256 };

struct handover_shared {
    uint64_t open, waiting, done, woken_at[WAITERS_MAX];
};

static inline void wait_in_rounds(const struct handover *handover,
                                  struct handover_shared *shared, uint64_t self,
                                  int asleep, int cpu)
{
    if (cpu >= 0) {
        stay_on(cpu);
    }
    if (handover->join != NULL) {
        handover->join(handover->state, self);
    }
    for (uint64_t round = 1;; round++) {
        uint64_t open;
        while ((open = __atomic_load_n(&shared->open, __ATOMIC_ACQUIRE)) < round) {
            if (asleep) {
                usleep(50);
            }
        }
        if (open == UINT64_MAX) {
            _exit(0);
        }
        __atomic_add_fetch(&shared->waiting, 1, __ATOMIC_SEQ_CST);
        handover->wait(handover->state, round, self);
        shared->woken_at[self] = now_ns();
        __atomic_add_fetch(&shared->done, 1, __ATOMIC_SEQ_CST);
    }
}

/** Time the handover from one process to `waiters` others, in rounds: the
 * results are `handover` (name) and `sealer`. */
static inline void time_handover(const char *name,
                                 const struct handover *handover)
{
    const uint64_t waiters = number_arg("waiters", 1);
    const int asleep = !arg_is("mode", "soon");
    struct handover_shared *shared =
        (struct handover_shared *)shared_bytes(sizeof *shared);
    struct samples latencies = { NULL, 0, 0 }, seals = { NULL, 0, 0 };
    const uint64_t end = now_ns() + 2 * time_to_spend();
    uint64_t round = 0;

    NEED(waiters <= WAITERS_MAX);
    /* The processes that will be woken may run on any processor. */
    const int pinned = asleep || number_arg("cpus", 2) == 1;
    if (pinned) {
        stay_on(0);
    }
    fflush(NULL);
    for (uint64_t self = 0; self < waiters; self++) {
        pid_t child = fork();
        NEED(child >= 0);
        if (child == 0) {
            wait_in_rounds(handover, shared, self, asleep,
                           pinned ? (number_arg("cpus", 2) == 1 ? 0 : 1) : -1);
        }
    }
    do {
        uint64_t start, sealed;
        round++;
        if (handover->prepare != NULL) {
            handover->prepare(handover->state, round);
        }
        __atomic_store_n(&shared->done, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&shared->waiting, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&shared->open, round, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&shared->waiting, __ATOMIC_ACQUIRE) < waiters) {
            int status;
            NEED(waitpid(-1, &status, WNOHANG) == 0); /* no process has failed */
            if (asleep) {
                usleep(20);
            }
        }
        if (asleep) {
            usleep(1000 + 20 * (useconds_t)waiters);
        } else {
            for (start = now_ns(); now_ns() < start + 2000;) {
            }
        }
        start = now_ns();
        handover->seal(handover->state, round);
        sealed = now_ns();
        while (__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE) < waiters) {
            if (asleep) {
                usleep(20);
            }
        }
        if (handover->finish != NULL) {
            handover->finish(handover->state, round);
        }
        if (round <= 3) {
            continue; /* warm-up */
        }
        add_sample(&seals, (double)(sealed - start) - clock_cost() / 2);
        for (uint64_t self = 0; self < waiters; self++) {
            add_sample(&latencies, (double)(shared->woken_at[self] - start));
        }
    } while (now_ns() < end || seals.count < 9);
    __atomic_store_n(&shared->open, UINT64_MAX, __ATOMIC_SEQ_CST);
    for (uint64_t self = 0; self < waiters; self++) {
        int status;
        NEED(wait(&status) > 0 && status == 0);
    }
    print_latency(name, &latencies, NULL, 0);
    print_latency("sealer", &seals, NULL, 0);
}

/* ---- Dispatch ---- */

struct workload {
    const char *name;
    void (*run)(void);
};

/** Run the workload that argv names, and return the result of main(). */
static inline int run_workload(int argc, char **argv,
                               const struct workload *workloads, size_t count)
{
    bench_argc = argc;
    bench_argv = argv;
    for (size_t at = 0; at < count && argc > 1; at++) {
        if (strcmp(argv[1], workloads[at].name) == 0) {
            workloads[at].run();
            return 0;
        }
    }
    fprintf(stderr, "usage: %s WORKLOAD key=value ...; one of:", argv[0]);
    for (size_t at = 0; at < count; at++) {
        fprintf(stderr, " %s", workloads[at].name);
    }
    fprintf(stderr, "\n");
    return UNSUPPORTED;
}

#endif
