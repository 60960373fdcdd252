/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The workloads that the peers in C and C++ run in the same way. A peer
 * includes this, defines the functions that peer.h declares, and lists its
 * workloads in a table.
 *
 * No peer has first_touch and mixed, which measure Plasma's own ways with huge
 * pages and with free memory against the floors and a bound.
 */

#ifndef PLASMA_BENCH_WORKLOADS_H
#define PLASMA_BENCH_WORKLOADS_H

#include "peer.h"

/* ---- Workloads of one process ---- */

struct run {
    struct peer *peer;
    struct key *keys;
    uint8_t *source;
    uint64_t objects, size, random;
};

static inline struct run begin_run(uint64_t objects, uint64_t size)
{
    struct run run = { NULL, NULL, NULL, objects, size, 1 };

    run.peer = peer_open(objects, size);
    run.keys = keys_of(0, objects);
    run.source = source_bytes(size);
    return run;
}

static inline struct run begin_filled(uint64_t objects)
{
    struct run run = begin_run(objects, number_arg("size", 100));

    peer_fill(run.peer, run.keys, objects, run.source, run.size);
    return run;
}

static inline void get_hot(void *state, uint64_t at)
{
    struct run *run = (struct run *)state;

    (void)at;
    peer_get(run->peer, &run->keys[0]);
}

static inline void get_random(void *state, uint64_t at)
{
    struct run *run = (struct run *)state;

    (void)at;
    peer_get(run->peer, &run->keys[pick(&run->random, run->objects)]);
}

static inline void get(void)
{
    struct run run = begin_filled(number_arg("objects", 1000));

    time_operation("get", arg_is("order", "random") ? get_random : get_hot, &run,
                   0);
}

static inline void create_one(void *state, uint64_t at)
{
    struct run *run = (struct run *)state;

    peer_create(run->peer, &run->keys[at % run->objects], run->source, run->size);
}

static inline void delete_one(void *state, uint64_t at)
{
    struct run *run = (struct run *)state;

    peer_delete(run->peer, &run->keys[at % run->objects]);
}

static inline void create(void)
{
    const uint64_t batch = number_arg("batch", 100);
    struct run run = begin_run(64 * batch, number_arg("size", 100));

    time_pair("create", create_one, "delete", delete_one, &run, batch,
              (double)run.size);
}

/** Fresh: the first object of a store that was just made. */
static inline void put(void)
{
    const uint64_t end = now_ns() + 3 * time_to_spend();
    struct samples samples = { NULL, 0, 0 };
    struct run run = begin_run(2, number_arg("size", UINT64_C(1) << 20));

    if (number_arg("threads", 1) != 1) {
        exit(UNSUPPORTED);
    }
    if (!arg_is("memory", "fresh")) {
        time_pair("put", create_one, "delete", delete_one, &run, 1,
                  (double)run.size);
        return;
    }
    while (now_ns() < end || samples.count < 3) {
        uint64_t start = now_ns();
        create_one(&run, 0);
        add_sample(&samples, (double)(now_ns() - start) - clock_cost());
        peer_leave(run.peer);
        peer_remove();
        run.peer = peer_open(2, run.size);
    }
    print_latency("put", &samples, NULL, (double)run.size);
}

static inline void attach_once(void *state, uint64_t at)
{
    struct run run = *(struct run *)state;

    (void)at;
    run.peer = peer_join();
    peer_get(run.peer, &run.keys[0]);
    peer_leave(run.peer);
}

/** Another process is connected all the time, as in a store in use. */
static inline void attach(void)
{
    struct run run = begin_filled(1000);
    uint64_t *joined = (uint64_t *)shared_bytes(sizeof *joined);
    const pid_t holder = fork_helper();

    if (holder == 0) {
        peer_join();
        __atomic_store_n(joined, 1, __ATOMIC_RELEASE);
        for (;;) {
            pause();
        }
    }
    while (!__atomic_load_n(joined, __ATOMIC_ACQUIRE)) {
        usleep(100);
        NEED(waitpid(holder, NULL, WNOHANG) == 0);
    }
    peer_leave(run.peer);
    time_operation("attach", attach_once, &run, 0);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
}

static inline void memory(void)
{
    const uint64_t objects = number_arg("objects", 1000000);
    struct run run = begin_run(objects, number_arg("size", 100));
    const uint64_t before = peer_bytes(run.peer);

    peer_fill(run.peer, run.keys, objects, run.source, run.size);
    RESULT_BEGIN("memory");
    RESULT_NUMBER("bytes_per_object",
                  (double)(peer_bytes(run.peer) - before) / (double)objects
                      - (double)run.size);
    RESULT_END();
}

/* ---- Workloads of several processes ---- */

static inline uint64_t get_until_over(void *state, uint64_t self)
{
    struct run run = *(struct run *)state;
    uint64_t done = 0;

    run.peer = peer_join();
    run.random = self + 1;
    for (wait_for_start(); !is_over(); done++) {
        get_random(&run, done);
    }
    return done;
}

static inline void getters(void)
{
    struct run run = begin_filled(number_arg("objects", 10000));

    time_rate("getters", number_arg("processes", 1), get_until_over, &run);
}

static inline uint64_t create_until_over(void *state, uint64_t self)
{
    struct run run = *(struct run *)state;
    uint64_t done = 0;

    run.peer = peer_join();
    run.keys = keys_of((self + 1) << 24, run.objects);
    for (wait_for_start(); !is_over(); done += run.objects) {
        for (uint64_t at = 0; at < run.objects; at++) {
            create_one(&run, at);
        }
        for (uint64_t at = 0; at < run.objects; at++) {
            delete_one(&run, at);
        }
    }
    return done;
}

#ifdef PEER_CREATES_TOGETHER
static void peer_clear(struct peer *peer, const struct key *keys,
                       uint64_t count);

/** Creates `together` at once, and deletes as many at once. */
static inline uint64_t create_together_until_over(void *state, uint64_t self)
{
    const uint64_t together = number_arg("together", 1);
    struct run run = *(struct run *)state;
    uint64_t done = 0;

    NEED(run.objects % together == 0);
    run.peer = peer_join();
    run.keys = keys_of((self + 1) << 24, run.objects);
    for (wait_for_start(); !is_over(); done += run.objects) {
        for (uint64_t at = 0; at < run.objects; at += together) {
            peer_fill(run.peer, &run.keys[at], together, run.source, run.size);
        }
        for (uint64_t at = 0; at < run.objects; at += together) {
            peer_clear(run.peer, &run.keys[at], together);
        }
    }
    return done;
}
#endif

static inline void creators(void)
{
    const uint64_t processes = number_arg("processes", 1);
    const uint64_t batch = number_arg("batch", 100);
    struct run run = begin_run(processes * batch, number_arg("size", 100));

    run.objects = batch;
    if (number_arg("together", 1) == 1) {
        time_rate("creators", processes, create_until_over, &run);
        return;
    }
#ifdef PEER_CREATES_TOGETHER
    time_rate("creators", processes, create_together_until_over, &run);
#else
    exit(UNSUPPORTED);
#endif
}

#endif
