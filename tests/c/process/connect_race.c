/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Many processes at one new address, and the remains of killed creators.
 */

#include "system.h"

enum { PROCESSES = 16, ROUNDS = 10 };

/** Children wait here until the parent opens it for all at once. */
struct gate {
    int ends[2];
};

static struct gate new_gate(void)
{
    struct gate gate;

    CHECK(pipe(gate.ends) == 0);
    return gate;
}

static void wait_at(const struct gate *gate)
{
    char none;

    close(gate->ends[1]);
    CHECK(read(gate->ends[0], &none, 1) == 0);
    close(gate->ends[0]);
}

static void open_gate(const struct gate *gate)
{
    close(gate->ends[1]);
    close(gate->ends[0]);
}

struct racer {
    struct gate gate;
    uint32_t flags;
    uint64_t number;
};

static void race(struct process *parent, void *arg)
{
    const struct racer *racer = arg;
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = NULL;

    tell(parent, 'r');
    wait_at(&racer->gate);
    options.flags = racer->flags;
    options.capacity = 4 << 20;
    plasma_status_t status = plasma_connect(store(), &options, &client);
    if (status == PLASMA_ERR_STORE_EXISTS) {
        CHECK(racer->flags == PLASMA_CONNECT_EXCLUSIVE);
        tell(parent, 'l');
        return;
    }
    CHECK_OK(status);
    put_pattern(client, racer->number, 100, NULL);
    plasma_disconnect(client);
    tell(parent, 'w');
}

/** The number of processes that connected. */
static int race_all(uint32_t flags)
{
    struct racer racer = { new_gate(), flags, 0 };
    struct process processes[PROCESSES];
    int connected = 0;

    for (int at = 0; at < PROCESSES; at++) {
        racer.number = (uint64_t)at;
        processes[at] = spawn(race, &racer);
        hear(&processes[at], 'r');
    }
    open_gate(&racer.gate);
    for (int at = 0; at < PROCESSES; at++) {
        char end = 0;
        hear_bytes(&processes[at], &end, 1);
        connected += end == 'w';
        finish(&processes[at]);
    }
    return connected;
}

static void test_all_processes_that_connect_to_a_new_address_at_once_share_one_store(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        CHECK_EQ(race_all(0), PROCESSES);
        CHECK_EQ(entries(check_dir), 1);
        plasma_client_t *client = join_store();
        for (uint64_t at = 0; at < PROCESSES; at++) {
            plasma_buffer_t buffer = get_pattern(client, at, 100);
            CHECK_OK(plasma_release(&buffer));
        }
        CHECK_EQ(stats_of(client).clients, 1);
        plasma_disconnect(client);
        CHECK_OK(plasma_store_remove(store()));
        CHECK_EQ(entries(check_dir), 0);
    }
}

static void test_exactly_one_of_many_makes_an_exclusive_store(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        CHECK_EQ(race_all(PLASMA_CONNECT_EXCLUSIVE), 1);
        CHECK_EQ(entries(check_dir), 1);
        CHECK_OK(plasma_store_remove(store()));
    }
}

/** The path of a file beside the store, named after it. */
static const char *beside(const char *suffix)
{
    char name[700];

    snprintf(name, sizeof name, ".%s%s", strrchr(store(), '/') + 1, suffix);
    return in_dir(check_dir, name);
}

static void lock_whole(int fd)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    const int set_lock = 37; /* F_OFD_SETLK */

    CHECK(fcntl(fd, set_lock, &lock) == 0);
}

static void test_remains_of_dead_creators_are_swept_and_nothing_else(void)
{
    const char *dead = beside(".0.tmp");
    const char *empty = beside(".15.tmp");
    const char *gone = beside(".9.gone");
    const char *living = beside(".1.tmp");
    const char *odd = beside(".notes.tmp");
    const char *foreign = beside(".2.tmp");

    CHECK(mkdir(dead, 0700) == 0 && mkdir(empty, 0700) == 0);
    make_at(gone, 1 << 20, 0);
    CHECK(mkdir(living, 0700) == 0 && mkdir(odd, 0700) == 0);
    CHECK(mkdir(foreign, 0700) == 0);
    make_file(in_dir(dead, "index"), "half an index");
    make_file(in_dir(dead, "heap"), "");
    make_file(in_dir(living, "index"), "half an index");
    make_file(in_dir(odd, "index"), "another's");
    make_file(in_dir(foreign, "index"), "half an index");
    make_file(in_dir(foreign, "novel.txt"), "chapter 1");
    int builder = open(in_dir(living, "index"), O_RDWR);
    CHECK(builder >= 0);
    lock_whole(builder);

    plasma_disconnect(make_store(1 << 20));
    CHECK(!is_there(dead));
    CHECK(!is_there(empty));
    CHECK(!is_there(gone));
    CHECK(holds(in_dir(living, "index"), "half an index"));
    CHECK(holds(in_dir(odd, "index"), "another's"));
    CHECK(holds(in_dir(foreign, "novel.txt"), "chapter 1"));

    CHECK_OK(plasma_store_remove(store()));
    close(builder);
    plasma_disconnect(make_store(1 << 20));
    CHECK(!is_there(living));
    remove_all(odd);
    remove_all(foreign);
}

/* ---- Names beside the store ---- */

/** When a directory was last read, starting from a time in the past. */
static time_t last_read(const char *dir)
{
    struct stat stat;

    CHECK(lstat(dir, &stat) == 0);
    return stat.st_atime;
}

static void set_long_past(const char *dir)
{
    const struct timespec times[2] = { { 1000, 0 }, { 0, UTIME_OMIT } };

    CHECK(utimensat(AT_FDCWD, dir, times, 0) == 0);
}

/**
 * Regression: each creator read the whole parent directory to find the remains
 * of dead creators: with 400,000 names in it, a connect took a second.
 */
static void test_making_and_removing_do_not_read_the_directory_around(void)
{
    set_long_past(check_dir);
    CHECK_EQ(entries(check_dir), 0);
    if (last_read(check_dir) == 1000) {
        skip_test("this file system keeps no access times");
        return;
    }
    set_long_past(check_dir);
    plasma_disconnect(make_store(1 << 20));
    CHECK_OK(plasma_store_remove(store()));
    plasma_disconnect(connect_store(PLASMA_CONNECT_EPHEMERAL, 1 << 20, 0));
    CHECK_EQ(last_read(check_dir), 1000);
    CHECK_EQ(entries(check_dir), 0);
}

/** The names that creators and removers use are taken, by `make`. */
static void take_all_names(void (*make)(const char *path))
{
    char suffix[32];

    for (int at = 0; at < 16; at++) {
        snprintf(suffix, sizeof suffix, ".%d.tmp", at);
        make(beside(suffix));
        snprintf(suffix, sizeof suffix, ".%d.gone", at);
        make(beside(suffix));
    }
}

static void squat(const char *path)
{
    CHECK(mkdir(path, 0700) == 0 && chown(path, STRANGER, STRANGER) == 0);
    make_file(in_dir(path, "index"), "mine");
}

static void make_a_file(const char *path) { make_file(path, "mine"); }

static void make_a_link(const char *path)
{
    CHECK(symlink("/", path) == 0);
}

static void test_names_that_strangers_took_stop_no_client(void)
{
    void (*const ways[])(const char *) = { squat, make_a_file, make_a_link };

    if (!as_root()) {
        return;
    }
    for (int way = 0; way < 3; way++) {
        take_all_names(ways[way]);
        for (int round = 0; round < 3; round++) {
            plasma_client_t *client = make_store(1 << 20);
            put_pattern(client, 1, 100, NULL);
            plasma_disconnect(client);
            CHECK_EQ(entries(check_dir), 33);
            CHECK_OK(plasma_store_remove(store()));
            CHECK_EQ(entries(check_dir), 32);
        }
        CHECK(is_there(beside(".0.tmp")) && is_there(beside(".15.gone")));
        for (int at = 0; at < 16; at++) {
            char suffix[32];
            snprintf(suffix, sizeof suffix, ".%d.tmp", at);
            remove_all(beside(suffix));
            snprintf(suffix, sizeof suffix, ".%d.gone", at);
            remove_all(beside(suffix));
        }
    }
}

static void connect_and_remove(struct process *parent, void *arg)
{
    const unsigned delay = *(const unsigned *)arg;
    plasma_client_t *client = NULL;

    tell(parent, 'r');
    for (unsigned spin = 0; spin < delay; spin++) {
        CHECK(getppid() == parent->pid);
    }
    for (;;) {
        plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
        options.capacity = 1 << 20;
        CHECK_OK(plasma_connect(store(), &options, &client));
        plasma_disconnect(client);
        CHECK_OK(plasma_store_remove(store()));
    }
}

static void test_creators_and_removers_killed_anywhere_leave_nothing(void)
{
    for (unsigned round = 0; round < 100; round++) {
        unsigned delay = round * 7919 % 1000;
        struct process process = spawn(connect_and_remove, &delay);
        hear(&process, 'r');
        struct timespec time = { 0, (long)(round * 104729 % 5000) * 1000 };
        nanosleep(&time, NULL);
        kill_process(&process);
        CHECK_CONNECT(store(), 0, PLASMA_OK);
        CHECK_OK(plasma_store_remove(store()));
        CHECK_CONNECT(store(), 0, PLASMA_OK); /* sweeps files that remove cannot */
        CHECK_EQ(entries(check_dir), 1);
        CHECK_OK(plasma_store_remove(store()));
        CHECK_EQ(entries(check_dir), 0);
    }
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(all_processes_that_connect_to_a_new_address_at_once_share_one_store),
        TEST(exactly_one_of_many_makes_an_exclusive_store),
        TEST(remains_of_dead_creators_are_swept_and_nothing_else),
        TEST(making_and_removing_do_not_read_the_directory_around),
        TEST(names_that_strangers_took_stop_no_client),
        TEST(creators_and_removers_killed_anywhere_leave_nothing),
    };
    return RUN_TESTS(argc, argv, tests);
}
