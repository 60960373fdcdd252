/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The functions that a peer in C or C++ defines, and helpers for all of them.
 * workloads.h has the workloads that they run in the same way.
 *
 * Objects have keys of 20 bytes, are visible to all processes once
 * peer_create() returns, and stay until they are deleted.
 */

#ifndef PLASMA_BENCH_PEER_H
#define PLASMA_BENCH_PEER_H

#include "../bench.h"

#include <signal.h>
#include <sys/prctl.h>

/* ---- Functions that a peer defines ---- */

/** A connection of one process to the store. */
struct peer;

/** Make an empty store with room for this number of objects, and connect. */
static struct peer *peer_open(uint64_t objects, uint64_t size);

/** Connect again, in this process or one that was forked. */
static struct peer *peer_join(void);

/** Disconnect. The store stays. */
static void peer_leave(struct peer *peer);

/** Remove the store; at the end of the process that made it. */
static void peer_remove(void);

/** Get, read the first word, release. */
static inline void peer_get(struct peer *peer, const struct key *key);

static inline void peer_create(struct peer *peer, const struct key *key,
                               const void *source, uint64_t size);

static inline void peer_delete(struct peer *peer, const struct key *key);

/** Create many objects in the fastest way. Not timed. */
static void peer_fill(struct peer *peer, const struct key *keys, uint64_t count,
                      const void *source, uint64_t size);

/** Memory that the store takes from the system. */
static uint64_t peer_bytes(struct peer *peer);

/* ---- Helpers ---- */

static pid_t first_process;

static inline void remove_at_exit(void)
{
    if (getpid() == first_process) {
        peer_remove();
    }
}

/** Called first. */
static inline void peer_main(void)
{
    first_process = getpid();
    atexit(remove_at_exit);
}

/** A path that only this run of the benchmark has, in memory. */
static inline const char *peer_path(const char *suffix)
{
    static char path[96];

    snprintf(path, sizeof path, "/dev/shm/bench-peer-%d%s", (int)first_process,
             suffix);
    return path;
}

static inline struct key *keys_of(uint64_t from, uint64_t count)
{
    struct key *keys = (struct key *)malloc(count * sizeof *keys);

    NEED(keys != NULL);
    for (uint64_t at = 0; at < count; at++) {
        keys[at] = key_of(from + at);
    }
    return keys;
}

static inline uint8_t *source_bytes(uint64_t size)
{
    uint8_t *bytes = (uint8_t *)malloc(size);

    NEED(bytes != NULL);
    memset(bytes, 7, size);
    return bytes;
}

/** A process that ends with this one. */
static inline pid_t fork_helper(void)
{
    const pid_t parent = getpid(), child = fork();

    NEED(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
    }
    return child;
}

/** Start a server in the background, and wait for its socket. */
static inline pid_t start_server(char *const *command, const char *socket)
{
    pid_t server;

    if (number_arg("cpus", 2) == 1) {
        stay_on(0);
    }
    server = fork_helper();
    if (server == 0) {
        NEED(freopen("/dev/null", "w", stdout) != NULL);
        NEED(freopen("/dev/null", "w", stderr) != NULL);
        execv(command[0], command);
        _exit(1);
    }
    for (int turn = 0; access(socket, F_OK) != 0; turn++) {
        NEED(turn < 5000 && waitpid(server, NULL, WNOHANG) == 0);
        usleep(1000);
    }
    return server;
}

static inline void stop_server(pid_t server)
{
    if (server > 0) {
        kill(server, SIGTERM);
        waitpid(server, NULL, 0);
    }
}

#endif
