/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The floor of put: copies to shared memory that exists already, and to memory
 * that the kernel has to provide first.
 *
 * The fresh variants go part by part, so that the pages that the kernel has
 * just cleared are still in the cache when they are written. `write` lets the
 * kernel copy, which then does not clear. `huge` touches a page of each 2 MiB
 * before it asks for a huge page, because the kernel makes none where there is
 * no page yet.
 */

#include "floor.h"

#include <pthread.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* ---- Ways to copy: a part of source to the same place of target ---- */

struct place {
    uint8_t *target;
    const uint8_t *source;
    int file; /* mapped at target */
};

typedef void copy_fn(const struct place *place, size_t at, size_t size);

static void copy_plain(const struct place *place, size_t at, size_t size)
{
    memcpy(place->target + at, place->source + at, size);
}

static void fresh_plain(const struct place *place, size_t at, size_t size)
{
    madvise(place->target + at, size, MADV_POPULATE_WRITE);
    copy_plain(place, at, size);
}

static void fresh_write(const struct place *place, size_t at, size_t size)
{
    while (size > 0) {
        ssize_t done = pwrite(place->file, place->source + at, size, (off_t)at);
        NEED(done > 0);
        at += (size_t)done;
        size -= (size_t)done;
    }
}

static void fresh_huge(const struct place *place, size_t at, size_t size)
{
    if (size == HUGE_PAGE) {
        place->target[at] = 1;
        NEED(madvise(place->target + at, size, MADV_COLLAPSE) == 0);
        copy_plain(place, at, size);
    } else {
        fresh_plain(place, at, size);
    }
}

#ifdef __SSE2__
static void copy_stream(const struct place *place, size_t at, size_t size)
{
    const size_t lines = size / 64;
    __m128i *to = (__m128i *)(place->target + at);
    const __m128i *from = (const __m128i *)(place->source + at);

    for (size_t line = 0; line < lines; line++, to += 4, from += 4) {
        const __m128i a = _mm_load_si128(from), b = _mm_load_si128(from + 1);
        const __m128i c = _mm_load_si128(from + 2), d = _mm_load_si128(from + 3);
        _mm_stream_si128(to, a);
        _mm_stream_si128(to + 1, b);
        _mm_stream_si128(to + 2, c);
        _mm_stream_si128(to + 3, d);
    }
    memcpy(to, from, size % 64);
    _mm_sfence();
}

static void fresh_stream(const struct place *place, size_t at, size_t size)
{
    madvise(place->target + at, size, MADV_POPULATE_WRITE);
    copy_stream(place, at, size);
}
#endif

/* ---- Threads, each of which copies a share ---- */

/** They wait for their turns without sleeping, because that costs less than
 * a wake. So each has a processor of its own: of two threads on one
 * processor, each would wait for the end of the other's time slice, which
 * takes milliseconds. */
struct team {
    struct place place;
    copy_fn *copy;
    size_t size, share, part;
    uint64_t threads, turn, done;
};

struct member {
    struct team *team;
    uint64_t self;
    int cpu;
};

static void copy_share(const struct team *team, uint64_t self)
{
    size_t at = self * team->share;
    const size_t end = at + team->share < team->size ? at + team->share
                                                     : team->size;

    for (size_t next; at < end; at = next) {
        next = end - at > team->part ? at + team->part : end;
        team->copy(&team->place, at, next - at);
    }
}

static void *play(void *argument)
{
    const struct member member = *(struct member *)argument;
    struct team *team = member.team;

    stay_on(member.cpu);
    for (uint64_t turn = 1;; turn++) {
        while (__atomic_load_n(&team->turn, __ATOMIC_ACQUIRE) < turn) {
        }
        copy_share(team, member.self);
        __atomic_add_fetch(&team->done, 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

/** The processor of that number among those that this thread may use. */
static int nth_processor(const cpu_set_t *set, uint64_t number)
{
    int cpu = 0;

    for (uint64_t before = 0;; cpu++) {
        if (CPU_ISSET(cpu, set) && before++ == number) {
            return cpu;
        }
    }
}

static void start_team(struct team *team)
{
    cpu_set_t set;

    if (team->threads == 1) {
        return;
    }
    NEED(sched_getaffinity(0, sizeof set, &set) == 0);
    if ((uint64_t)CPU_COUNT(&set) < team->threads) {
        exit(UNSUPPORTED);
    }
    for (uint64_t self = 1; self < team->threads; self++) {
        struct member *member = malloc(sizeof *member);
        pthread_t thread; /* which ends with the program */
        NEED(member != NULL);
        *member = (struct member){ team, self, nth_processor(&set, self) };
        NEED(pthread_create(&thread, NULL, play, member) == 0);
    }
    stay_on(nth_processor(&set, 0));
}

static inline void copy_all(void *state, uint64_t at)
{
    struct team *team = state;
    const uint64_t before = team->done;

    (void)at;
    __atomic_add_fetch(&team->turn, 1, __ATOMIC_RELEASE);
    copy_share(team, 0);
    while (__atomic_load_n(&team->done, __ATOMIC_ACQUIRE)
           < before + team->threads - 1) {
    }
}

/* ---- put ---- */

static void put_reused(struct team *team, const char *name, copy_fn *copy)
{
    team->copy = copy;
    time_operation(name, copy_all, team, (double)team->size);
}

static void put_fresh(struct team *team, const char *name, copy_fn *copy)
{
    const uint64_t end = now_ns() + 3 * time_to_spend();
    struct samples samples = { NULL, 0, 0 };

    team->copy = copy;
    while (now_ns() < end || samples.count < 3) {
        uint64_t start;
        team->place.file = shared_file(team->size);
        team->place.target = map_aligned(team->place.file, team->size);
        start = now_ns();
        copy_all(team, 0);
        add_sample(&samples, (double)(now_ns() - start) - clock_cost());
        munmap(team->place.target, team->size);
        close(team->place.file);
    }
    print_latency(name, &samples, NULL, (double)team->size);
}

static int can_collapse(void)
{
    const int file = shared_file(HUGE_PAGE);
    uint8_t *memory = map_aligned(file, HUGE_PAGE);

    memory[0] = 1;
    return madvise(memory, HUGE_PAGE, MADV_COLLAPSE) == 0;
}

void put(void)
{
    const size_t size = number_arg("size", (uint64_t)1 << 20);
    struct team team = { .size = size, .threads = number_arg("threads", 1) };
    uint8_t *source = aligned_alloc(4096, round_up(size, 4096));

    NEED(source != NULL);
    memset(source, 7, size);
    team.place.source = source;
    if (arg_is("memory", "fresh")) {
        team.part = HUGE_PAGE;
        team.share = round_up(size / team.threads + 1, HUGE_PAGE);
        start_team(&team);
        put_fresh(&team, "memcpy", fresh_plain);
        put_fresh(&team, "write", fresh_write);
#ifdef __SSE2__
        put_fresh(&team, "stream", fresh_stream);
#endif
        if (size >= HUGE_PAGE && can_collapse()) {
            put_fresh(&team, "huge", fresh_huge);
        }
    } else {
        team.part = size;
        team.share = round_up(size / team.threads + 1, 4096);
        start_team(&team);
        team.place.target = map_aligned(shared_file(size), size);
        put_reused(&team, "memcpy", copy_plain);
#ifdef __SSE2__
        put_reused(&team, "stream", copy_stream);
#endif
    }
}
