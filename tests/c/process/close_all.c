/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A process closes every descriptor that it has, including those of the
 * library, and the numbers become files of its own: for other clients it stays
 * alive, and neither their objects nor its files are harmed.
 */

#include "remote.h"

enum { CAPACITY = 32 << 20, SIZE = 100000, FILES = 64 };

/** Close all but the first three; the pipes to the parent become 0 and 1. */
static void close_all(struct process *parent)
{
    const long close_range_number = 436;

    if (parent != NULL && parent->in != 0) {
        fflush(NULL);
        CHECK(dup2(parent->in, 0) == 0 && dup2(parent->out, 1) == 1);
        parent->in = 0;
        parent->out = 1;
    }
    if (syscall(close_range_number, 3, ~0u, 0) != 0) {
        for (int fd = 3; fd < 4096; fd++) {
            close(fd);
        }
    }
}

/* ---- The state of the process ---- */

struct victim {
    plasma_client_t *client;
    plasma_subscription_t *subscription;
    plasma_buffer_t held;            /* on object 1 */
    plasma_mutable_buffer_t writable; /* of object 2 */
    int event_fd;
};

static struct victim join(void)
{
    struct victim victim;
    plasma_id_t id = id_of(2);
    uint64_t reaped;

    memset(&victim, 0, sizeof victim);
    victim.client = join_store();
    victim.held = get_pattern(victim.client, 1, SIZE);
    CHECK_OK(plasma_create(victim.client, &id, SIZE, NULL, &victim.writable));
    fill(victim.writable.data, SIZE, 2);
    CHECK_OK(plasma_subscribe(victim.client, &victim.subscription));
    CHECK_OK(plasma_event_fd(victim.subscription, &victim.event_fd));
    CHECK_OK(plasma_reap(victim.client, &reaped)); /* it knows the other clients */
    return victim;
}

/** The call succeeded, or reported that the descriptors are closed. */
static void check_clear(const char *what, plasma_status_t status)
{
    if (status != PLASMA_OK && status != PLASMA_ERR_TIMEOUT) {
        if (status != PLASMA_ERR_SYSTEM
            || strstr(plasma_error_message(), "descriptor") == NULL) {
            check_failed(__FILE__, __LINE__, what, plasma_error_message());
        }
    }
}

#define CHECK_CLEAR(call) check_clear(#call, call)

/** Make every call that may need a descriptor. */
static void use_all(struct victim *victim)
{
    plasma_client_t *client = victim->client;
    plasma_id_t id = id_of(1), two = id_of(2), small = id_of(3);
    plasma_id_t large = id_of(4), absent = id_of(5), many[300];
    plasma_buffer_t buffer, buffers[2];
    plasma_mutable_buffer_t writable;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_stats_t stats = PLASMA_STATS_INIT;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_status_t each[2];
    plasma_list_t *list;
    plasma_client_list_t *clients;
    uint64_t number;
    uint8_t ready[300];
    size_t ready_count;
    int32_t created;
    plasma_status_t status;

    /* Calls without system calls work as before. */
    CHECK(is_filled(victim->held.data, SIZE, 1));
    CHECK_OK(plasma_get(client, &id, 0, &buffer));
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_seal(&victim->writable));
    CHECK_OK(plasma_get_many(client, &two, 1, 0, buffers, each));
    CHECK(is_filled(buffers[0].data, SIZE, 2));
    CHECK_OK(plasma_release(&buffers[0]));

    CHECK_CLEAR(plasma_put(client, &small, "small", 5, NULL));
    status = plasma_create(client, &large, 9 << 20, NULL, &writable);
    check_clear("create of what needs memory", status);
    if (status == PLASMA_OK) {
        memset(writable.data, 7, writable.size);
        CHECK_CLEAR(plasma_resize(&writable, 12 << 20));
        CHECK_OK(plasma_abort(&writable));
    }
    status = plasma_get_or_create(client, &absent, 10, NULL, 0, &buffer,
                                  &writable, &created);
    check_clear("get_or_create", status);
    if (status == PLASMA_OK) {
        CHECK_OK(plasma_abort(&writable));
    }
    for (int at = 0; at < 300; at++) {
        many[at] = id_of(1000 + (uint64_t)at);
    }
    CHECK_CLEAR(plasma_get(client, &absent, 150, &buffer));
    CHECK_CLEAR(plasma_wait(client, many, 300, 0, 150, ready, &ready_count));
    CHECK_CLEAR(plasma_next_event(victim->subscription, 0, &event));
    CHECK_CLEAR(plasma_pin(client, &two));
    CHECK_CLEAR(plasma_unpin(client, &two));
    CHECK_CLEAR(plasma_object_info(client, &id, &info));
    CHECK_CLEAR(plasma_buffer_info(&victim->held, &info));
    CHECK_CLEAR(plasma_delete(client, &two));
    CHECK_CLEAR(plasma_stats(client, &stats));
    CHECK_CLEAR(plasma_reap(client, &number));
    CHECK_CLEAR(plasma_trim(client, 0, &number));
    CHECK_CLEAR(plasma_evict(client, 1, &number));
    status = plasma_list(client, &list);
    check_clear("list", status);
    plasma_list_free(status == PLASMA_OK ? list : NULL);
    status = plasma_list_clients(client, &clients);
    check_clear("list_clients", status);
    plasma_client_list_free(status == PLASMA_OK ? clients : NULL);
    status = plasma_list_holders(client, &id, &clients);
    check_clear("list_holders", status);
    plasma_client_list_free(status == PLASMA_OK ? clients : NULL);
}

static void leave(struct victim *victim)
{
    CHECK_OK(plasma_release(&victim->held));
    plasma_unsubscribe(victim->subscription);
    plasma_disconnect(victim->client);
}

/* ---- Alive ---- */

static void live_on(struct process *parent, void *arg)
{
    (void)arg;
    struct victim victim = join();
    tell(parent, 'c');
    hear(parent, 'c');
    close_all(parent);
    tell(parent, 'd');
    hear(parent, 'g');
    use_all(&victim);
    /* Another connection of the same process works completely. */
    plasma_client_t *second = join_store();
    uint64_t reaped;
    CHECK_OK(plasma_reap(second, &reaped));
    CHECK_EQ(reaped, 0);
    CHECK_EQ(stats_of(second).clients, 3);
    put_pattern(second, 9, 1000, NULL);
    plasma_disconnect(second);
    tell(parent, 'e');
    hear(parent, 'l');
    leave(&victim);
    tell(parent, 'f');
    hear(parent, 'x');
}

static void test_a_process_that_closes_all_descriptors_is_alive(void)
{
    plasma_client_t *client = connect_store(PLASMA_CONNECT_EXCLUSIVE, CAPACITY,
                                            PLASMA_EVICTION_LRU);
    plasma_id_t one = id_of(1), two = id_of(2);
    plasma_mutable_buffer_t writable;
    uint64_t reaped;

    put_pattern(client, 1, SIZE, NULL);
    struct process process = spawn(live_on, NULL);
    hear(&process, 'c');
    tell(&process, 'c');
    hear(&process, 'd');
    for (int round = 0; round < 3; round++) {
        CHECK_OK(plasma_reap(client, &reaped));
        CHECK_EQ(reaped, 0);
    }
    CHECK_EQ(stats_of(client).clients, 2);
    CHECK_EQ(stats_of(client).leases, 1);
    CHECK_STATUS(plasma_create(client, &two, 1, NULL, &writable),
                 PLASMA_ERR_EXISTS);
    tell(&process, 'g');
    hear(&process, 'e');
    CHECK_OK(plasma_delete(client, &one));
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(reaped, 0);
    CHECK_EQ(stats_of(client).objects_deleted, 1); /* the victim holds it */
    CHECK_EQ(stats_of(client).clients, 2);

    tell(&process, 'l');
    hear(&process, 'f');
    CHECK_OK(plasma_reap(client, &reaped)); /* leaving needs no descriptor */
    CHECK_EQ(reaped, 0);
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_EQ(stats_of(client).objects_deleted, 0);
    plasma_buffer_t buffer = get_pattern(client, 9, 1000);
    CHECK_OK(plasma_release(&buffer));
    tell(&process, 'x');
    finish(&process);
    plasma_disconnect(client);
}

static void test_a_process_that_closed_all_is_dead_after_a_kill(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable;
    plasma_id_t two = id_of(2);
    uint64_t reaped;

    put_pattern(client, 1, SIZE, NULL);
    struct process process = spawn(live_on, NULL);
    hear(&process, 'c');
    tell(&process, 'c');
    hear(&process, 'd');
    kill_process(&process);
    CHECK_OK(plasma_create(client, &two, 1, NULL, &writable));
    CHECK_OK(plasma_abort(&writable));
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(reaped, 1);
    CHECK_EQ(stats_of(client).leases, 0);
    plasma_disconnect(client);
}

/* ---- Numbers that were reused ---- */

struct own_file {
    char path[800];
    struct stat stat;
    int fd;
};

static void open_own(struct own_file *files, int directories)
{
    char dir[700];

    other_store("files", dir);
    CHECK(mkdir(dir, 0755) == 0);
    for (int at = 0; at < FILES; at++) {
        struct own_file *file = &files[at];
        snprintf(file->path, sizeof file->path, "%s/%d", dir, at);
        if (directories) {
            CHECK(mkdir(file->path, 0755) == 0);
            file->fd = open(file->path, O_RDONLY | O_DIRECTORY);
        } else {
            make_file(file->path, "the application's");
            file->fd = open(file->path, O_RDWR);
        }
        CHECK(file->fd >= 3 && fstat(file->fd, &file->stat) == 0);
    }
    CHECK(files[0].fd == 3); /* all numbers were reused */
}

static void check_own(const struct own_file *files, int directories)
{
    for (int at = 0; at < FILES; at++) {
        const struct own_file *file = &files[at];
        struct stat now;
        CHECK(fstat(file->fd, &now) == 0);
        CHECK(now.st_ino == file->stat.st_ino && now.st_dev == file->stat.st_dev);
        CHECK(now.st_size == file->stat.st_size);
        CHECK(now.st_blocks == file->stat.st_blocks);
        CHECK(now.st_mode == file->stat.st_mode);
        if (directories) {
            CHECK_EQ(entries(file->path), 0);
            continue;
        }
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        int fd = open(file->path, O_RDWR);
        CHECK(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0);
        CHECK(lock.l_type == F_UNLCK);
        CHECK(close(fd) == 0);
        CHECK(lseek(file->fd, 0, SEEK_CUR) == 0);
        CHECK(holds(file->path, "the application's"));
    }
}

static void remove_own(const struct own_file *files)
{
    char dir[700];

    for (int at = 0; at < FILES; at++) {
        CHECK(close(files[at].fd) == 0);
    }
    other_store("files", dir);
    remove_all(dir);
}

static void use_other_numbers(struct process *parent, void *arg)
{
    static struct own_file files[FILES];
    int directories = *(const int *)arg, status;

    struct victim victim = join();
    close_all(parent);
    open_own(files, directories);
    tell(parent, 'c');
    hear(parent, 'g');
    use_all(&victim);
    check_own(files, directories);
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        check_own(files, directories);
        plasma_disconnect(victim.client);
        check_own(files, directories);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    leave(&victim);
    check_own(files, directories);
    remove_own(files);
}

static void use_numbers(int directories)
{
    plasma_client_t *client = connect_store(PLASMA_CONNECT_EXCLUSIVE, CAPACITY,
                                            PLASMA_EVICTION_LRU);
    plasma_id_t seven = id_of(7);
    uint64_t reaped;

    put_pattern(client, 1, SIZE, NULL);
    put_pattern(client, 7, SIZE, NULL);
    struct process process = spawn(use_other_numbers, &directories);
    hear(&process, 'c');
    /* In limbo, and held by this process: the other one must not free it. */
    plasma_buffer_t held = get_pattern(client, 7, SIZE);
    CHECK_OK(plasma_delete(client, &seven));
    tell(&process, 'g');
    finish(&process);
    CHECK(is_filled(held.data, SIZE, 7));
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_EQ(stats_of(client).leases, 1);
    put_pattern(client, 8, 4 << 20, NULL);
    CHECK(is_filled(held.data, SIZE, 7));
    CHECK_OK(plasma_release(&held));
    plasma_disconnect(client);
}

static void test_files_with_the_numbers_are_left_alone(void)
{
    use_numbers(0);
}

static void test_directories_with_the_numbers_are_not_taken_for_the_clients(void)
{
    use_numbers(1);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_process_that_closes_all_descriptors_is_alive),
        TEST(a_process_that_closed_all_is_dead_after_a_kill),
        TEST(files_with_the_numbers_are_left_alone),
        TEST(directories_with_the_numbers_are_not_taken_for_the_clients),
    };
    return RUN_TESTS(argc, argv, tests);
}
