/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Time, processes and threads for the C tests. Handshakes go over pipes.
 */

#ifndef PROCESS_H
#define PROCESS_H

#include "expect.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* ---- Time: only for lower bounds, and for retries that end ---- */

static inline int64_t now_ms(void)
{
    struct timespec now;

    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Pause between two checks of something that another process does by
 * itself. */
static inline void pause_ms(long ms)
{
    struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&time, NULL);
}

/** Repeat until true; fail after half a minute. */
#define CHECK_SOON(condition)                                                 \
    do {                                                                      \
        int64_t end_ = now_ms() + 30000;                                      \
        while (!(condition)) {                                                \
            CHECK(now_ms() < end_ && #condition);                             \
            pause_ms(1);                                                      \
        }                                                                     \
    } while (0)

/* ---- Processes ---- */

/** The other side of a pair of pipes: a child, or the parent in a child. */
struct process {
    pid_t pid;
    int in;
    int out;
};

typedef void role_fn(struct process *parent, void *arg);

/**
 * Run `role` in a child process, which connects for itself and exits with 0
 * when the role returns. It is killed when this thread ends.
 */
static inline struct process spawn(role_fn *role, void *arg)
{
    int down[2], up[2];
    struct process process;
    pid_t parent = getpid();

    CHECK(pipe(down) == 0 && pipe(up) == 0);
    fflush(NULL);
    process.pid = fork();
    CHECK(process.pid >= 0);
    if (process.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        close(down[1]);
        close(up[0]);
        process.pid = parent;
        process.in = down[0];
        process.out = up[1];
        role(&process, arg);
        fflush(NULL);
        _exit(0);
    }
    close(down[0]);
    close(up[1]);
    process.in = up[0];
    process.out = down[1];
    return process;
}

static inline void tell_bytes(struct process *process, const void *bytes, size_t size)
{
    CHECK(write(process->out, bytes, size) == (ssize_t)size);
}

static inline void hear_bytes(struct process *process, void *bytes, size_t size)
{
    size_t have = 0;

    while (have < size) {
        ssize_t got = read(process->in, (char *)bytes + have, size - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        CHECK(got > 0 && "the other process ended early");
        have += (size_t)got;
    }
}

/** Send the other process one letter. */
static inline void tell(struct process *process, char letter)
{
    tell_bytes(process, &letter, 1);
}

/** Wait until the other process sends this letter. */
static inline void hear(struct process *process, char letter)
{
    char heard = 0;

    hear_bytes(process, &heard, 1);
    CHECK_EQ(heard, letter);
}

static inline void close_process(struct process *process)
{
    close(process->in);
    close(process->out);
}

/** Wait for a child and return what waitpid() says. */
static inline int reap_process(struct process *process)
{
    int status = 0;

    while (waitpid(process->pid, &status, 0) != process->pid) {
        CHECK(errno == EINTR);
    }
    close_process(process);
    return status;
}

/** Wait for a child, which must succeed. */
static inline void finish(struct process *process)
{
    int status = reap_process(process);

    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

/** Kill a child as kill -9 does, and wait until it is gone. */
static inline void kill_process(struct process *process)
{
    CHECK(kill(process->pid, SIGKILL) == 0);
    int status = reap_process(process);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static inline pid_t thread_id(void) { return (pid_t)syscall(SYS_gettid); }

/** The state letter of a thread of a process ('S' sleeps), or '?'. */
static inline char thread_state(pid_t pid, pid_t tid)
{
    char path[64], line[512], letter = '?';
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)tid);
    FILE *file = fopen(path, "r");

    if (file != NULL) {
        if (fgets(line, sizeof line, file) != NULL && strrchr(line, ')')) {
            letter = strrchr(line, ')')[2];
        }
        fclose(file);
    }
    return letter;
}

/** Wait until a thread that is about to block sleeps. */
static inline void await_sleep(pid_t pid, pid_t tid)
{
    for (int seen = 0; seen < 3; seen++) {
        CHECK_SOON(thread_state(pid, tid) == 'S');
        pause_ms(1);
    }
}

#endif /* PROCESS_H */
