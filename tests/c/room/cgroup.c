/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A memory cgroup kills processes that exceed its limit. A single creator gets
 * an error before that; of racing creators some may be killed, and then
 * nothing is lost. Needs root and a memory controller. PLASMA_LONG tries more
 * limits.
 */

#include "check.h"

#include "everything.h"

#define MIB (UINT64_C(1) << 20)
#define CAPACITY (96 * MIB)

enum { CREATORS = 4, MOST = 200 };

static char group[600];
static int version;

/** Write a text into a file of the group; returns whether that succeeded. */
static int set(const char *dir, const char *name, const char *text)
{
    int fd = open(in_dir(dir, name), O_WRONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : write(fd, text, strlen(text));

    if (fd >= 0) {
        close(fd);
    }
    return size == (ssize_t)strlen(text);
}

/** Remove the group when this process and all its children have ended, in
 * any way: a group outlives its processes. */
static void remove_group_at_the_end(void)
{
    int ends[2], status;

    CHECK(pipe(ends) == 0);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (fork() == 0) {
            char byte;
            setsid(); /* otherwise it would be killed with the test */
            close(ends[1]);
            while (read(ends[0], &byte, 1) > 0) {
            }
            for (int turn = 0; turn < 1000 && rmdir(group) != 0; turn++) {
                pause_ms(10);
            }
        }
        _exit(0);
    }
    close(ends[0]);
    CHECK(waitpid(child, &status, 0) == child);
}

/** Make a group for this test, or say why not. */
static int make_group(void)
{
    const char *const tops[] = { "/sys/fs/cgroup/memory", "/sys/fs/cgroup" };

    if (!as_root()) {
        return 0;
    }
    for (version = 1; version <= 2; version++) {
        const char *top = tops[version - 1];
        snprintf(group, sizeof group, "%s/plasma-test-%d", top, (int)getpid());
        if (version == 2) {
            set(top, "cgroup.subtree_control", "+memory");
        }
        if (mkdir(group, 0755) == 0) {
            if (is_there(in_dir(group, version == 1 ? "memory.limit_in_bytes"
                                                    : "memory.max"))) {
                remove_group_at_the_end();
                return 1;
            }
            rmdir(group);
        }
    }
    skip_test("no memory cgroup can be made");
    return 0;
}

static void set_limit(uint64_t bytes)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRIu64, bytes);
    CHECK(set(group, version == 1 ? "memory.limit_in_bytes" : "memory.max", text));
}

static void end_group(void)
{
    CHECK_SOON(rmdir(group) == 0);
}

static void join_group(void)
{
    CHECK(set(group, "cgroup.procs", "0"));
}

/** Whether this is a refusal by the group. */
static int refused_by_group(plasma_status_t status)
{
    if (status == PLASMA_OK) {
        return 0;
    }
    CHECK_STATUS(status, PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_MESSAGE("memory cgroup");
    CHECK_MESSAGE("plasma-test-");
    return 1;
}

struct tally {
    uint64_t sealed;
    int refused;
};

/** Puts, resizes and first touches until the group is exhausted. */
static void create_alone(struct process *parent, void *arg)
{
    plasma_client_t *client = NULL;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(5000);
    struct outcome outcome = { 1, 0, 0 };
    struct tally tally = { 0, 0 };
    plasma_status_t status;

    (void)arg;
    fail_at_faults();
    join_group();
    status = connect_to(store(), 0, &client);
    tally.refused += refused_by_group(status);
    if (client != NULL) {
        do_everything(client, store(), 100, 3000, &outcome);
        for (; tally.sealed < MOST; tally.sealed++) {
            plasma_id_t next = id_of(1000 + tally.sealed);
            status = plasma_create(client, &next, MIB / 2, NULL, &writable);
            if (refused_by_group(status)) {
                tally.refused++;
                break;
            }
            fill(writable.data, writable.size, 1000 + tally.sealed);
            CHECK_OK(plasma_seal(&writable));
        }
        if (plasma_create(client, &id, 64, NULL, &writable) == PLASMA_OK) {
            status = plasma_resize(&writable, 48 * MIB);
            if (!refused_by_group(status)) {
                memset(writable.data, 1, writable.size);
            }
            CHECK_OK(plasma_abort(&writable));
        }
        do_everything(client, store(), 100, 3000, &outcome);
        plasma_disconnect(client);
    }
    tell_bytes(parent, &tally, sizeof tally);
}

/** All sealed objects have their bytes. */
static void check_sealed(plasma_client_t *client, uint64_t base, uint64_t sealed)
{
    for (uint64_t at = 0; at < sealed; at++) {
        plasma_buffer_t buffer = get_pattern(client, base + at, MIB / 2);
        CHECK_OK(plasma_release(&buffer));
    }
}

static void test_a_lone_creator_gets_the_error(void)
{
    const uint64_t step = getenv("PLASMA_LONG") != NULL ? MIB / 8 : MIB * 9 / 2;
    long limits = 0, refusals = 0;

    if (!make_group()) {
        return;
    }
    for (uint64_t limit = 2 * MIB; limit < 48 * MIB; limit += step, limits++) {
        plasma_client_t *client = make_store(CAPACITY);
        struct tally tally;
        set_limit(limit);
        struct process creator = spawn(create_alone, NULL);
        hear_bytes(&creator, &tally, sizeof tally);
        finish(&creator); /* it was not killed */
        refusals += tally.refused;
        check_sealed(client, 1000, tally.sealed);
        CHECK_EQ(stats_of(client).objects_sealed, tally.sealed);
        check_sound(client);
        struct outcome strict = { 0, 0, 0 };
        do_everything(client, store(), 100, 3000, &strict);
        plasma_disconnect(client);
        CHECK_OK(plasma_store_remove(store()));
    }
    end_group();
    CHECK(refusals > 0);
    printf("a lone creator: %ld limits, %ld were met, none killed\n", limits,
           refusals);
}

static void create_in_a_race(struct process *parent, void *arg)
{
    const uint64_t base = 10000 * (uint64_t)(*(int *)arg + 1);
    plasma_client_t *client = NULL;
    plasma_mutable_buffer_t writable;

    fail_at_faults();
    join_group();
    tell(parent, 'r');
    hear(parent, 'g');
    if (connect_to(store(), 0, &client) != PLASMA_OK) {
        return;
    }
    for (uint64_t at = 0; at < MOST; at++) {
        plasma_id_t id = id_of(base + at);
        plasma_status_t status = plasma_create(client, &id, MIB / 2, NULL,
                                               &writable);
        if (status == PLASMA_OK) {
            fill(writable.data, writable.size, base + at);
            CHECK_OK(plasma_seal(&writable));
        } else {
            CHECK_STATUS(status, PLASMA_ERR_OUT_OF_MEMORY);
        }
    }
    plasma_disconnect(client);
}

static void test_racing_creators_may_be_killed_and_nothing_is_lost(void)
{
    const int rounds = getenv("PLASMA_LONG") != NULL ? 60 : 4;
    long killed = 0, sealed = 0;

    if (!make_group()) {
        return;
    }
    for (int round = 0; round < rounds; round++) {
        plasma_client_t *client = make_store(CAPACITY);
        struct process creators[CREATORS];
        set_limit((6 + (uint64_t)round % 30) * MIB);
        for (int at = 0; at < CREATORS; at++) {
            creators[at] = spawn(create_in_a_race, &at);
        }
        for (int at = 0; at < CREATORS; at++) {
            hear(&creators[at], 'r');
        }
        for (int at = 0; at < CREATORS; at++) {
            tell(&creators[at], 'g');
        }
        for (int at = 0; at < CREATORS; at++) {
            int status = reap_process(&creators[at]);
            CHECK(status == 0
                  || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
            killed += status != 0;
        }
        uint64_t used = used_after_reap(client), found = 0;
        check_sound(client);
        for (uint64_t at = 0; at < CREATORS * MOST; at++) {
            uint64_t number = 10000 * (at / MOST + 1) + at % MOST;
            if (state_of(client, number) != PLASMA_STATE_ABSENT) {
                plasma_buffer_t buffer = get_pattern(client, number, MIB / 2);
                CHECK_OK(plasma_release(&buffer));
                found++;
            }
        }
        CHECK_EQ(used, found * MIB / 2);
        sealed += (long)found;
        plasma_disconnect(client);
        CHECK_OK(plasma_store_remove(store()));
    }
    end_group();
    printf("racing creators: %d rounds of %d, %ld killed, %ld objects sealed "
           "and intact\n", rounds, CREATORS, killed, sealed);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_lone_creator_gets_the_error),
        TEST(racing_creators_may_be_killed_and_nothing_is_lost),
    };
    return RUN_TESTS(argc, argv, tests);
}
