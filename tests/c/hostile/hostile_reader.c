/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A reader of another uid does what the kernel allows it to do to its own
 * file. Producers and honest readers do not notice.
 */

#include "check.h"

#include "hostile.h"

static void cut_own_file(const char *own)
{
    CHECK(truncate(own, 0) == 0);
}

static void cut_own_file_in_the_leases(const char *own)
{
    CHECK(truncate(own, size_of_file(own) / 2 + 13) == 0);
}

static void unlink_own_file(const char *own)
{
    CHECK(unlink(own) == 0);
}

static void rename_own_file(const char *own)
{
    CHECK(rename(own, in_dir(address, "readers/1023")) == 0);
}

static void replace_own_file(const char *own)
{
    CHECK(unlink(own) == 0 && mkfifo(own, 0644) == 0);
}

static void hide_own_file(const char *own)
{
    CHECK(chmod(own, 0) == 0);
}

static void fill_own_file_with_nonsense(const char *own)
{
    uint64_t words[512];

    for (int at = 0; at < 512; at++) {
        words[at] = (uint64_t)at * UINT64_C(0x9e3779b97f4a7c15);
    }
    /* The identity and the ring; the leases only where they can name
     * nothing. */
    write_at(own, 8, words, sizeof words - 8);
}

static void grow_own_file(const char *own)
{
    const off_t huge = (off_t)1 << 62;
    const uint64_t all = UINT64_MAX;

    CHECK(truncate(own, huge) == 0 || truncate(own, huge / 1024) == 0);
    write_at(own, 64, &all, sizeof all); /* the file claims this many leases */
}

/* ---- How much readers hold ---- */

enum { SLOTS = 1024, WORDS = 1 << 20 };

/** Every possible lease in every slot: on each slot of the table in each
 * generation that the test reaches. */
static void claim(struct process *parent, void *arg)
{
    static uint64_t words[WORDS];
    plasma_client_t *client = NULL;
    const uint64_t count = WORDS;
    size_t at = 0;

    (void)arg;
    become(READER, STRANGER);
    CHECK_OK(connect_to(address, PLASMA_CONNECT_READ_ONLY, &client));
    const char *own = slot_file(1);
    for (uint64_t generation = 1; generation <= 64; generation++) {
        for (uint64_t slot = 0; slot < 4096; slot++) {
            words[at++] = generation << 32 | slot;
        }
    }
    while (at < WORDS) {
        words[at] = UINT64_MAX - at;
        at++;
    }
    write_at(own, 36864, words, sizeof words);
    write_at(own, 68, &count, 4);
    for (int slot = 2; slot < SLOTS; slot++) {
        CHECK(link(own, slot_file(slot)) == 0);
    }
    tell(parent, 'c');
    hear(parent, 'x');
}

static void test_claimed_leases_count_for_living_readers_and_cost_little(void)
{
    struct process owner, honest;
    struct rlimit space = { 1 << 30, 1 << 30 };

    if (!as_root()) {
        return;
    }
    /* Objects of the owner too: it must not need the memory that the claims
     * would keep. */
    CHECK(SANITIZED || setrlimit(RLIMIT_AS, &space) == 0);
    begin_attacked(0644, &owner, &honest);
    struct process attacker = spawn(claim, NULL);
    hear(&attacker, 'c');
    for (uint64_t round = 0; round < 3; round++) {
        CHECK_OK(ask(&owner, REMOTE_PUT, 1, 50000));
        CHECK_OK(ask(&owner, REMOTE_DELETE, 1, 0));
        CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    }
    CHECK(ask_value(&owner, REMOTE_USED) >= 150000);
    CHECK_OK(ask(&honest, REMOTE_HOLD, 9, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_LISTED), 4);
    kill_process(&attacker);
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_USED), 128);
    CHECK_OK(ask(&honest, REMOTE_RELEASE, 0, 0));
    all_is_well(&owner, &honest);
    CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
    end_remote(&honest);
    end_remote(&owner);
    remove_all(store());
}

/** Take every slot in readers/. */
static void take_all_slots(struct process *parent, void *arg)
{
    plasma_client_t *client = NULL;
    struct rlimit files;

    (void)arg;
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    become(READER, STRANGER);
    for (int taken = 0;; taken++) {
        plasma_status_t status =
            connect_to(address, PLASMA_CONNECT_READ_ONLY, &client);
        if (status != PLASMA_OK) {
            CHECK_STATUS(status, PLASMA_ERR_LIMIT);
            CHECK(taken >= SLOTS - 2);
            break;
        }
    }
    tell(parent, 'c');
    hear(parent, 'x');
}

static void test_a_thousand_readers_do_not_use_up_a_producers_files(void)
{
    struct process owner, honest;
    struct rlimit files, few;

    if (!as_root()) {
        return;
    }
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    if (files.rlim_max < 8 * SLOTS) {
        skip_test("too few open files are allowed");
        return;
    }
    few = files;
    few.rlim_cur = 128;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    begin_attacked(0644, &owner, &honest);
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    struct process attacker = spawn(take_all_slots, NULL);
    hear(&attacker, 'c');
    all_is_well(&owner, &honest);
    kill_process(&attacker);
    all_is_well(&owner, &honest);
    CHECK_CONNECT(address, PLASMA_CONNECT_READ_ONLY, PLASMA_OK);
    CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
    end_remote(&honest);
    end_remote(&owner);
    remove_all(store());
}

/** A ring of releases full of lies: future times, and slots that do not
 * exist. */
static void lie_in_the_ring(const char *own)
{
    static uint64_t ring[4096];
    const uint64_t released = UINT64_MAX - 5;

    for (size_t at = 0; at < 4096; at += 2) {
        ring[at] = UINT64_MAX - at;
        ring[at + 1] = at % 4 == 0 ? UINT64_C(1) << 32 | at : at * 0x9e3779b97f4a7c15;
    }
    write_at(own, 4096, ring, sizeof ring);
    write_at(own, 128, &released, sizeof released);
}

static void evict_and_lie(struct process *parent, void *arg)
{
    plasma_client_t *client = NULL;

    (void)arg;
    become(READER, STRANGER);
    CHECK_OK(connect_to(address, PLASMA_CONNECT_READ_ONLY, &client));
    lie_in_the_ring(slot_file(0));
    tell(parent, 'c');
    hear(parent, 'x');
}

static void test_lies_about_use_do_not_stop_eviction(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;

    if (!as_root()) {
        return;
    }
    umask(022);
    address = store();
    options.capacity = CAPACITY;
    options.mode = 0644;
    options.eviction = PLASMA_EVICTION_LRU;
    CHECK_OK(plasma_connect(address, &options, &client));
    for (uint64_t at = 0; at < 10; at++) {
        put_pattern(client, at, 100000, NULL);
    }
    plasma_buffer_t held = get_pattern(client, 3, 100000);
    struct process liar = spawn(evict_and_lie, NULL);
    hear(&liar, 'c');
    for (uint64_t at = 100; at < 130; at++) {
        put_pattern(client, at, 100000, NULL);
        CHECK(is_filled(held.data, held.size, 3));
    }
    CHECK_EQ(state_of(client, 0), PLASMA_STATE_ABSENT);
    CHECK_EQ(state_of(client, 129), PLASMA_STATE_SEALED);
    kill_process(&liar);
    put_pattern(client, 200, 100000, NULL);
    CHECK_OK(plasma_release(&held));
    check_sound(client);
    plasma_disconnect(client);
}

SURVIVES(cut_own_file)
SURVIVES(cut_own_file_in_the_leases)
SURVIVES(unlink_own_file)
SURVIVES(rename_own_file)
SURVIVES(replace_own_file)
SURVIVES(hide_own_file)
SURVIVES(fill_own_file_with_nonsense)
SURVIVES(grow_own_file)

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(cut_own_file),
        TEST(cut_own_file_in_the_leases),
        TEST(unlink_own_file),
        TEST(rename_own_file),
        TEST(replace_own_file),
        TEST(hide_own_file),
        TEST(fill_own_file_with_nonsense),
        TEST(grow_own_file),
        TEST(claimed_leases_count_for_living_readers_and_cost_little),
        TEST(a_thousand_readers_do_not_use_up_a_producers_files),
        TEST(lies_about_use_do_not_stop_eviction),
    };
    return RUN_TESTS(argc, argv, tests);
}
