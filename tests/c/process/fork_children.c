/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Children of every kind that outlive their parent, or the other way round: a
 * dead process looks dead although its children live, and no child keeps a
 * lock of its parent.
 */

#include "system.h"

#include <spawn.h>

enum { CAPACITY = 1 << 20, SIZE = 10000, FORKS = 300, CLIENTS = 12, STORES = 20 };

extern char **environ;

/** A pipe that ends when the test releases its children. */
static int gate[2];

static void make_gate(void)
{
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    CHECK(pipe(gate) == 0);
    CHECK(fcntl(gate[0], F_SETFD, FD_CLOEXEC) == 0);
    CHECK(fcntl(gate[1], F_SETFD, FD_CLOEXEC) == 0);
}

static int born[2];

static void make_born(void)
{
    CHECK(pipe(born) == 0);
    CHECK(fcntl(born[0], F_SETFD, FD_CLOEXEC) == 0);
    CHECK(fcntl(born[1], F_SETFD, FD_CLOEXEC) == 0);
}

/** Wait until a child is ready: its fork handler has run, or exec has closed
 * the inherited descriptors, which ends after vfork and posix_spawn have
 * returned. */
static pid_t wait_for_child(pid_t child)
{
    char letter = 0;

    CHECK(child > 0);
    close(born[1]);
    while (read(born[0], &letter, 1) < 0 && errno == EINTR) {
    }
    CHECK_EQ(letter, 'b');
    close(born[0]);
    return child;
}

typedef void child_fn(void);

static pid_t start_child(child_fn *run)
{
    make_born();
    pid_t child = fork();
    if (child == 0) {
        run();
        _exit(127);
    }
    return wait_for_child(child);
}

/** Wait, without exec, until released. */
static void live(void)
{
    char none;

    close(gate[1]);
    CHECK(write(born[1], "b", 1) == 1);
    while (read(gate[0], &none, 1) < 0 && errno == EINTR) {
    }
    _exit(0);
}

/** Release all children and see them end. */
static void open_gate(void)
{
    close(gate[1]);
    close(gate[0]);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
    CHECK(errno == ECHILD);
}

/* ---- The kinds of children, each of which lives until the gate opens ---- */

static pid_t by_fork(void)
{
    return start_child(live);
}

#define TELL_AND_LIVE "printf b; exec cat"

static void call_exec(void)
{
    dup2(gate[0], 0);
    dup2(born[1], 1);
    execlp("sh", "sh", "-c", TELL_AND_LIVE, (char *)NULL);
}

static pid_t by_fork_and_exec(void)
{
    return start_child(call_exec);
}

static pid_t by_vfork(void)
{
    make_born();
    pid_t child = vfork();
    if (child == 0) {
        call_exec();
        _exit(127);
    }
    return wait_for_child(child);
}

static pid_t by_posix_spawn(void)
{
    char *arguments[] = { "sh", "-c", TELL_AND_LIVE, NULL };
    posix_spawn_file_actions_t actions;
    pid_t child;

    make_born();
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, gate[0], 0) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, born[1], 1) == 0);
    CHECK(posix_spawnp(&child, "sh", &actions, NULL, arguments, environ) == 0);
    CHECK(posix_spawn_file_actions_destroy(&actions) == 0);
    return wait_for_child(child);
}

/** A child of a child. */
static void have_another(void)
{
    const int outer[2] = { born[0], born[1] };

    by_fork();
    memcpy(born, outer, sizeof born);
    live();
}

static pid_t by_two_forks(void)
{
    return start_child(have_another);
}

typedef pid_t start_fn(void);

static start_fn *const kinds[] = {
    by_fork, by_fork_and_exec, by_vfork, by_posix_spawn, by_two_forks,
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- The parent ends first ---- */

struct ending {
    start_fn *start;
    int leaves; /* otherwise it is killed */
};

static void have_a_child(struct process *parent, void *arg)
{
    const struct ending *ending = arg;
    plasma_mutable_buffer_t writable;
    plasma_id_t two = id_of(2);

    plasma_client_t *client = join_store();
    plasma_buffer_t held = get_pattern(client, 1, SIZE);
    CHECK_OK(plasma_create(client, &two, SIZE, NULL, &writable));
    pid_t child = ending->start();
    tell_bytes(parent, &child, sizeof child);
    hear(parent, 'x');
    CHECK_OK(plasma_release(&held));
    CHECK_OK(plasma_abort(&writable));
    plasma_disconnect(client);
}

static void parent_first(start_fn *start, int leaves)
{
    struct ending ending = { start, leaves };
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable;
    plasma_id_t one = id_of(1), two = id_of(2);
    uint64_t reaped;
    pid_t child;

    make_gate();
    put_pattern(client, 1, SIZE, NULL);
    struct process process = spawn(have_a_child, &ending);
    hear_bytes(&process, &child, sizeof child);
    CHECK_OK(plasma_delete(client, &one));
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(stats_of(client).objects_deleted, 1); /* the parent holds it */
    if (leaves) {
        tell(&process, 'x');
        finish(&process);
    } else {
        kill_process(&process);
    }
    CHECK(kill(child, 0) == 0);
    CHECK_OK(plasma_create(client, &two, SIZE, NULL, &writable));
    CHECK_OK(plasma_abort(&writable));
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_EQ(stats_of(client).leases, 0);
    CHECK_EQ(stats_of(client).used, 0);
    CHECK(kill(child, 0) == 0);
    open_gate();
    plasma_disconnect(client);
    CHECK_OK(plasma_store_remove(store()));
}

static void test_a_killed_parent_is_dead_whatever_kind_of_child_lives(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        parent_first(kinds[kind], 0);
    }
}

static void test_a_parent_may_leave_before_its_child(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        parent_first(kinds[kind], 1);
    }
}

/* ---- The child ends first, in any way ---- */

static void test_a_child_that_ends_or_is_killed_takes_nothing_along(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_client_t *other = join_store();
    plasma_mutable_buffer_t writable;
    plasma_id_t two = id_of(2);
    uint64_t reaped;
    int status;

    put_pattern(client, 1, SIZE, NULL);
    plasma_buffer_t held = get_pattern(client, 1, SIZE);
    CHECK_OK(plasma_create(client, &two, SIZE, NULL, &writable));
    for (int way = 0; way < 3 * KINDS; way++) {
        make_gate();
        pid_t child = kinds[way % KINDS]();
        if (way / KINDS == 0) {
            CHECK(kill(child, SIGKILL) == 0);
        } else if (way / KINDS == 1) {
            CHECK(kill(child, SIGTERM) == 0);
        } else {
            close(gate[1]); /* exits */
            gate[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        }
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_OK(plasma_reap(other, &reaped));
        CHECK_EQ(reaped, 0);
        CHECK_EQ(stats_of(other).clients, 2);
        CHECK_EQ(stats_of(other).leases, 1);
        CHECK_EQ(state_of(other, 2), PLASMA_STATE_WRITING);
        open_gate();
    }
    CHECK(is_filled(held.data, SIZE, 1));
    CHECK_OK(plasma_release(&held));
    fill(writable.data, SIZE, 2);
    CHECK_OK(plasma_seal(&writable));
    held = get_pattern(other, 2, SIZE);
    CHECK_OK(plasma_release(&held));
    plasma_disconnect(other);
    plasma_disconnect(client);
}

/* ---- Forks while another thread opens files that children must not keep
 * ---- */

static int done;

static void *fork_without_end(void *arg)
{
    (void)arg;
    for (int forks = 0; forks < FORKS
         && !__atomic_load_n(&done, __ATOMIC_ACQUIRE); forks++) {
        by_fork();
    }
    return NULL;
}

static void connect_while_forking(struct process *parent, void *arg)
{
    pthread_t thread;

    (void)arg;
    CHECK(pthread_create(&thread, NULL, fork_without_end, NULL) == 0);
    for (int at = 0; at < CLIENTS; at++) {
        join_store();
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    CHECK(pthread_join(thread, NULL) == 0);
    tell(parent, 'c');
    hear(parent, 'x');
}

static void test_no_child_keeps_a_client_that_another_thread_connected(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    uint64_t reaped;

    make_gate();
    struct process process = spawn(connect_while_forking, NULL);
    hear(&process, 'c');
    CHECK_EQ(stats_of(client).clients, 1 + CLIENTS);
    kill_process(&process);
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(reaped, CLIENTS);
    CHECK_EQ(stats_of(client).clients, 1);
    open_gate();
    plasma_disconnect(client);
}

static void make_stores_while_forking(struct process *parent, void *arg)
{
    char suffix[16], address[700];
    pthread_t thread;

    (void)arg;
    CHECK(pthread_create(&thread, NULL, fork_without_end, NULL) == 0);
    for (int at = 0; at < STORES; at++) {
        snprintf(suffix, sizeof suffix, "%d", at);
        other_store(suffix, address);
        make_at(address, CAPACITY, 0600);
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    CHECK(pthread_join(thread, NULL) == 0);
    tell(parent, 'm');
}

static void test_no_child_keeps_the_lock_of_a_store_that_was_made(void)
{
    char suffix[16], address[700];

    make_gate();
    struct process process = spawn(make_stores_while_forking, NULL);
    hear(&process, 'm');
    finish(&process);
    for (int at = 0; at < STORES; at++) {
        snprintf(suffix, sizeof suffix, "%d", at);
        other_store(suffix, address);
        CHECK_OK(plasma_store_remove(address));
        CHECK(!is_there(address));
    }
    open_gate();
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_killed_parent_is_dead_whatever_kind_of_child_lives),
        TEST(a_parent_may_leave_before_its_child),
        TEST(a_child_that_ends_or_is_killed_takes_nothing_along),
        TEST(no_child_keeps_a_client_that_another_thread_connected),
        TEST(no_child_keeps_the_lock_of_a_store_that_was_made),
    };
    return RUN_TESTS(argc, argv, tests);
}
