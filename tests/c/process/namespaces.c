/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Clients with the same pid in two pid namespaces: an event of one never
 * affects the other.
 */

#include "owner.h"
#include "remote.h"

enum { CAPACITY = 1 << 20, SIZE = 10000, LOCK_MS = 40 };

enum { NEW_USER = 0x10000000, NEW_PID = 0x20000000 };

/* ---- A process in a pid namespace of its own ---- */

/** A process to start in them. */
struct inside {
    int flags; /* for unshare */
    int pid;   /* 1 or 2, its pid there */
};

struct guest {
    struct process process; /* its pid is that of the first process there */
    pid_t pid;        /* of the process that has the client */
};

/** The child of a process that is not ours, according to /proc. */
static pid_t child_of(pid_t parent)
{
    DIR *dir = opendir("/proc");
    pid_t found = 0;

    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[300], line[512];
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = atoi(entry->d_name) > 0 ? fopen(path, "r") : NULL;
        if (file != NULL && fgets(line, sizeof line, file) != NULL
            && strrchr(line, ')') != NULL
            && atoi(strrchr(line, ')') + 4) == parent) {
            found = atoi(entry->d_name);
        }
        if (file != NULL) {
            fclose(file);
        }
    }
    closedir(dir);
    return found;
}

static void serve_inside(struct process *parent, const struct inside *inside)
{
    struct login login = { .address = store() };
    int status;

    hear(parent, 'g'); /* from now on its parent is the test */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (inside->pid == 1) {
        CHECK(getpid() == 1);
        serve(parent, &login);
        _exit(0);
    }
    pid_t second = fork();
    CHECK(second >= 0);
    if (second == 0) {
        CHECK(getpid() == 2);
        serve(parent, &login);
        _exit(0);
    }
    close_process(parent);
    CHECK(waitpid(second, &status, 0) == second);
    _exit(status != 0);
}

static struct guest start(const struct inside *inside)
{
    int down[2], up[2], status;
    struct guest guest;

    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    CHECK(pipe(down) == 0 && pipe(up) == 0);
    fflush(NULL);
    pid_t between = fork();
    CHECK(between >= 0);
    if (between == 0) {
        struct process parent = { .pid = getppid(), .in = down[0], .out = up[1] };
        close(down[1]);
        close(up[0]);
        CHECK(syscall(SYS_unshare, (long)inside->flags) == 0);
        pid_t first = fork();
        CHECK(first >= 0);
        if (first == 0) {
            serve_inside(&parent, inside);
        }
        tell_bytes(&parent, &first, sizeof first);
        _exit(0);
    }
    close(down[0]);
    close(up[1]);
    guest.process.in = up[0];
    guest.process.out = down[1];
    hear_bytes(&guest.process, &guest.process.pid, sizeof guest.process.pid);
    CHECK(waitpid(between, &status, 0) == between && status == 0);
    tell(&guest.process, 'g');
    hear(&guest.process, 'c');
    guest.pid = inside->pid == 1 ? guest.process.pid : child_of(guest.process.pid);
    CHECK(guest.pid > 1);
    return guest;
}

static void kill_guest(struct guest *guest)
{
    CHECK(kill(guest->pid, SIGKILL) == 0);
    CHECK(reap_process(&guest->process) != 0);
}

/** Whether this process may make such namespaces; reports a skip if not. */
static int may_unshare(int flags)
{
    int status;

    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        _exit(syscall(SYS_unshare, (long)flags) != 0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (status != 0) {
        skip_test(flags & NEW_USER ? "needs user namespaces" : "needs root");
    }
    return status == 0;
}

/* ---- Two processes ---- */

static plasma_client_t *impatient(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = NULL;

    options.lock_timeout_ms = LOCK_MS;
    CHECK_OK(plasma_connect(store(), &options, &client));
    return client;
}

/** Both are alive, with one pid and two namespaces. */
static void check_twins(plasma_client_t *client, int pid)
{
    plasma_client_info_t info = PLASMA_CLIENT_INFO_INIT;
    plasma_client_list_t *list;
    uint64_t namespaces[2];
    int found = 0;

    CHECK_OK(plasma_list_clients(client, &list));
    for (uint64_t at = 0; at < plasma_client_list_count(list); at++) {
        CHECK_OK(plasma_client_list_at(list, at, &info));
        if (info.pid == pid) {
            CHECK(found < 2 && info.alive);
            namespaces[found++] = info.pid_namespace;
        }
    }
    plasma_client_list_free(list);
    CHECK(found == 2 && namespaces[0] != namespaces[1]);
}

/** The state of this process is as before: it holds object 1 and writes
 * `own`. */
static void check_unharmed(plasma_client_t *client, struct guest *guest,
                           uint64_t own)
{
    plasma_id_t one = id_of(1), id = id_of(own);
    plasma_mutable_buffer_t writable;

    CHECK_STATUS(plasma_create(client, &id, 1, NULL, &writable),
                 PLASMA_ERR_EXISTS);
    CHECK_OK(plasma_delete(client, &one));
    CHECK(used_after_reap(client) >= 2 * SIZE); /* held, and being written */
    CHECK_EQ(stats_of(client).leases, 1);
    CHECK_OK(ask(&guest->process, REMOTE_SEAL, own, 0));
    plasma_buffer_t buffer = get_pattern(client, own, SIZE);
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(ask(&guest->process, REMOTE_LOOK, 0, 0));
    CHECK_OK(ask(&guest->process, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(&guest->process, REMOTE_DELETE, own, 0));
    CHECK_EQ(used_after_reap(client), 0);
    CHECK_OK(ask(&guest->process, REMOTE_PUT, own + 10, SIZE));
}

/**
 * One owns the writer lock and is stopped there. The other, which has the same
 * pid and waits for the lock, is killed.
 */
static void kill_the_waiter(int flags, int pid)
{
    const struct inside inside = { flags, pid };
    plasma_client_t *client, *hasty;
    uint64_t reaped;

    if (!may_unshare(flags)) {
        return;
    }
    client = make_store(CAPACITY);
    hasty = impatient();
    put_pattern(client, 1, SIZE, NULL);
    struct guest owner = start(&inside);
    uint32_t slot = slot_of(client, pid);
    struct guest waiter = start(&inside);
    check_twins(client, pid);
    CHECK_OK(ask(&owner.process, REMOTE_HOLD, 1, 0));
    CHECK_OK(ask(&waiter.process, REMOTE_HOLD, 1, 0));
    CHECK_OK(ask(&owner.process, REMOTE_CREATE, 2, SIZE));

    CHECK(kill(owner.pid, SIGSTOP) == 0);
    uint64_t *word = lock_word();
    take_lock(word, slot);
    request(&waiter.process, REMOTE_CREATE, 3, SIZE);
    CHECK_SOON(__atomic_load_n(word, __ATOMIC_ACQUIRE) >> 16 & 1);
    kill_guest(&waiter);
    plasma_id_t id = id_of(4);
    CHECK_STATUS(plasma_put(hasty, &id, "x", 1, NULL), PLASMA_ERR_TIMEOUT);
    CHECK_EQ((__atomic_load_n(word, __ATOMIC_ACQUIRE) & 0xffff) - 1, slot);
    CHECK_EQ(stats_of(hasty).lock_steals, 0);

    give_lock(word);
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(reaped, 1);
    CHECK_EQ(stats_of(client).clients, 3);
    CHECK(kill(owner.pid, SIGCONT) == 0);
    check_unharmed(client, &owner, 2);
    CHECK_EQ(stats_of(client).lock_steals, 0);
    end_remote(&owner.process);
    plasma_disconnect(hasty);
    plasma_disconnect(client);
}

/** The owner is killed. The other, which has the same pid, continues. */
static void kill_the_owner(int flags, int pid)
{
    const struct inside inside = { flags, pid };
    plasma_client_t *client;
    uint64_t reaped;

    if (!may_unshare(flags)) {
        return;
    }
    client = make_store(CAPACITY);
    put_pattern(client, 1, SIZE, NULL);
    struct guest owner = start(&inside);
    uint32_t slot = slot_of(client, pid);
    struct guest other = start(&inside);
    check_twins(client, pid);
    CHECK_OK(ask(&owner.process, REMOTE_HOLD, 1, 0));
    CHECK_OK(ask(&other.process, REMOTE_HOLD, 1, 0));
    CHECK_OK(ask(&owner.process, REMOTE_CREATE, 2, SIZE));
    uint64_t *word = lock_word();
    take_lock(word, slot);
    request(&other.process, REMOTE_CREATE, 3, SIZE);
    CHECK_SOON(__atomic_load_n(word, __ATOMIC_ACQUIRE) >> 16 & 1);
    kill_guest(&owner);
    CHECK_OK(answer(&other.process).status);
    CHECK_EQ(stats_of(client).lock_steals, 1);
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(stats_of(client).clients, 2);
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_ABSENT);
    check_unharmed(client, &other, 3);
    end_remote(&other.process);
    plasma_disconnect(client);
}

static void test_a_killed_waiter_of_the_same_pid(void)
{
    kill_the_waiter(NEW_PID, 1);
}

static void test_a_killed_waiter_of_the_same_second_pid(void)
{
    kill_the_waiter(NEW_PID, 2);
}

static void test_a_killed_waiter_in_a_user_namespace(void)
{
    kill_the_waiter(NEW_USER | NEW_PID, 1);
}

static void test_a_killed_owner_of_the_same_pid(void)
{
    kill_the_owner(NEW_PID, 1);
}

static void test_a_killed_owner_of_the_same_second_pid(void)
{
    kill_the_owner(NEW_PID, 2);
}

static void test_a_killed_owner_in_a_user_namespace(void)
{
    kill_the_owner(NEW_USER | NEW_PID, 1);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_killed_waiter_of_the_same_pid),
        TEST(a_killed_waiter_of_the_same_second_pid),
        TEST(a_killed_waiter_in_a_user_namespace),
        TEST(a_killed_owner_of_the_same_pid),
        TEST(a_killed_owner_of_the_same_second_pid),
        TEST(a_killed_owner_in_a_user_namespace),
    };
    return RUN_TESTS(argc, argv, tests);
}
