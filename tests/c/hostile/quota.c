/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Quotas: how much readers of other users may keep from being freed. An honest
 * reader gets an error at the get that would exceed its quota, and keeps all
 * its views. One that cheats loses its own views.
 */

#include "check.h"

#include "hostile.h"

enum { PIECE = 100000, ROUNDED = 100032 };

/** Make a store with these limits, and its owner. */
static struct process owner_with(uint64_t capacity, uint64_t quota, uint64_t readers)
{
    umask(022);
    CHECK(mkdir(store(), 0755) == 0 && chown(store(), OWNER, SHARED_GROUP) == 0);
    CHECK(chmod(store(), 02755) == 0);
    address = in_dir(store(), "shared");
    return new_remote((struct login){ .uid = OWNER, .gid = SHARED_GROUP,
                                      .address = address, .mode = 0644,
                                      .capacity = capacity,
                                      .reader_quota = quota,
                                      .max_readers = readers });
}

static void end_owner(struct process *owner)
{
    CHECK_OK(ask(owner, REMOTE_REMOVE, 0, 0));
    end_remote(owner);
    remove_all(store());
}

static plasma_client_t *connect_reader(void)
{
    plasma_client_t *client = NULL;

    become(READER, STRANGER);
    CHECK_OK(connect_to(address, PLASMA_CONNECT_READ_ONLY, &client));
    return client;
}

/* ---- Honest readers ---- */

static void get_until_it_is_too_much(struct process *parent, void *arg)
{
    plasma_client_t *client = connect_reader();
    plasma_buffer_t held[4], copy;
    plasma_status_t statuses[4];
    plasma_id_t ids[4];

    (void)arg;
    for (uint64_t at = 0; at < 3; at++) {
        held[at] = get_pattern(client, at, PIECE);
    }
    for (uint64_t at = 0; at < 4; at++) {
        ids[at] = id_of(at);
    }
    CHECK_STATUS(plasma_get(client, &ids[3], 0, &held[3]), PLASMA_ERR_LIMIT);
    CHECK_MESSAGE("reader_quota");
    CHECK_MESSAGE("300096");
    CHECK_STATUS(plasma_get(client, &ids[3], 1000, &held[3]), PLASMA_ERR_LIMIT);
    CHECK_STATUS(plasma_get_by_name(client, "named", 0, &held[3]),
                 PLASMA_ERR_LIMIT);
    /* An empty object never exceeds the quota, nor does a lease on one. */
    plasma_id_t empty = id_of(9);
    CHECK_OK(plasma_get(client, &empty, 0, &held[3]));
    CHECK_OK(plasma_release(&held[3]));
    CHECK_OK(plasma_retain(&held[0], &copy));
    CHECK_OK(plasma_release(&held[0]));
    CHECK_STATUS(plasma_get(client, &ids[3], 0, &held[3]), PLASMA_ERR_LIMIT);
    CHECK_OK(plasma_release(&copy));
    held[3] = get_pattern(client, 3, PIECE);
    CHECK_STATUS(plasma_get(client, &ids[0], 0, &held[0]), PLASMA_ERR_LIMIT);
    /* A second lease on the same object counts too. */
    CHECK_STATUS(plasma_get(client, &ids[3], 0, &held[0]), PLASMA_ERR_LIMIT);
    for (int at = 1; at < 4; at++) {
        CHECK(is_filled(held[at].data, PIECE, (uint64_t)at));
        CHECK_OK(plasma_release(&held[at]));
    }
    CHECK_STATUS(plasma_get_many(client, ids, 4, 0, held, statuses),
                 PLASMA_ERR_LIMIT);
    for (int at = 0; at < 4; at++) {
        CHECK_EQ(statuses[at], at < 3 ? PLASMA_OK : PLASMA_ERR_LIMIT);
    }
    CHECK_OK(plasma_release_many(held, 4));
    CHECK_OK(plasma_get_by_name(client, "named", 0, &held[0]));
    CHECK_OK(plasma_release(&held[0]));
    plasma_disconnect(client);
    tell(parent, 'd');
}

static void test_a_reader_gets_an_error_at_the_get_that_is_too_much(void)
{
    if (!as_root()) {
        return;
    }
    struct process owner = owner_with(CAPACITY, 3 * ROUNDED, 0);
    for (uint64_t at = 0; at < 4; at++) {
        CHECK_OK(ask(&owner, REMOTE_PUT, at, PIECE));
    }
    CHECK_OK(ask(&owner, REMOTE_NAMED, 4, 1));
    CHECK_OK(ask(&owner, REMOTE_PUT, 9, 0));
    struct process reader = spawn(get_until_it_is_too_much, NULL);
    hear(&reader, 'd');
    finish(&reader);
    /* A client of a user with write permission has no limit, READ_ONLY or
     * not. */
    struct process own = new_remote((struct login){
        .uid = OWNER, .gid = SHARED_GROUP, .address = address,
        .flags = PLASMA_CONNECT_READ_ONLY });
    CHECK_OK(ask(&owner, REMOTE_PUT, 5, 4 * ROUNDED));
    CHECK_OK(ask(&own, REMOTE_HOLD, 5, 0));
    CHECK_OK(ask(&own, REMOTE_RELEASE, 0, 0));
    end_remote(&own);
    end_owner(&owner);
}

static void hold_and_let_go(struct process *parent, void *arg)
{
    plasma_client_t *client = connect_reader();
    plasma_buffer_t buffer;

    (void)arg;
    tell(parent, 'c');
    /* Exactly its quota, repeatedly: nothing of it leaks. */
    for (uint64_t turn = 0; turn < 20000; turn++) {
        plasma_id_t id = id_of(turn % 8);
        plasma_status_t status = plasma_get(client, &id, 0, &buffer);
        if (status != PLASMA_OK) {
            CHECK(status == PLASMA_ERR_NOT_FOUND
                  || status == PLASMA_ERR_NOT_SEALED);
            continue;
        }
        CHECK(is_filled(buffer.data, buffer.size, turn % 8));
        CHECK(is_filled(buffer.data, buffer.size, turn % 8));
        CHECK_OK(plasma_release(&buffer));
    }
    tell(parent, 'd');
    plasma_disconnect(client);
}

static void test_views_of_an_honest_reader_stay_while_all_objects_are_renewed(void)
{
    struct process readers[3];

    if (!as_root()) {
        return;
    }
    struct process owner = owner_with(1 << 18, 20032, 0);
    for (int at = 0; at < 3; at++) {
        readers[at] = spawn(hold_and_let_go, NULL);
        hear(&readers[at], 'c');
    }
    for (uint64_t turn = 0; turn < 3000; turn++) {
        CHECK_OK(ask(&owner, REMOTE_PUT, turn % 8, 20000));
        if (turn >= 4) {
            CHECK_OK(ask(&owner, REMOTE_DELETE, (turn - 4) % 8, 0));
        }
        if (turn % 5 == 0) {
            CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
        }
    }
    for (int at = 0; at < 3; at++) {
        hear(&readers[at], 'd');
        finish(&readers[at]);
    }
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    end_owner(&owner);
}

/* ---- Readers that cheat ---- */

enum { LEASES_AT = 36864, HIGH_AT = 68, GENERATIONS = 256, FEW_SLOTS = 256 };

/** Leases on future objects: many generations of the first slots. */
static void claim_the_future(struct process *parent, void *arg)
{
    static uint64_t words[GENERATIONS * FEW_SLOTS];
    const uint32_t count = GENERATIONS * FEW_SLOTS;
    size_t at = 0;

    (void)arg;
    connect_reader();
    const char *own = slot_file(1);
    for (uint64_t generation = 1; generation <= GENERATIONS; generation++) {
        for (uint64_t slot = 0; slot < FEW_SLOTS; slot++) {
            words[at++] = generation << 32 | slot;
        }
    }
    write_at(own, LEASES_AT, words, sizeof words);
    write_at(own, HIGH_AT, &count, sizeof count);
    tell(parent, 'c');
    hear(parent, 'x');
}

static void test_leases_on_future_objects_do_not_fill_a_store(void)
{
    if (!as_root()) {
        return;
    }
    struct process owner = owner_with(64 << 20, 0, 0); /* the quota is half of it */
    CHECK_OK(ask(&owner, REMOTE_PUT, 9, 100));
    struct process honest = new_remote((struct login){
        .uid = HONEST, .gid = STRANGER, .address = address,
        .flags = PLASMA_CONNECT_READ_ONLY });
    struct process attacker = spawn(claim_the_future, NULL);
    hear(&attacker, 'c');
    for (uint64_t turn = 0; turn < 200; turn++) {
        CHECK_OK(ask(&owner, REMOTE_PUT, 100 + turn, 1 << 20));
        if (turn == 20) {
            CHECK_OK(ask(&honest, REMOTE_HOLD, 100 + turn, 0));
        }
        CHECK_OK(ask(&owner, REMOTE_DELETE, 100 + turn, 0));
    }
    CHECK_OK(ask(&honest, REMOTE_LOOK, 0, 0));
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK(ask_value(&owner, REMOTE_USED) <= (33 << 20) + 128);
    kill_process(&attacker);
    CHECK_OK(ask(&honest, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_USED), 128);
    end_remote(&honest);
    end_owner(&owner);
}

/** Leases on all existing objects, written without the library. */
static void claim_all(struct process *parent, void *arg)
{
    static uint64_t words[64];
    const uint32_t count = 64;

    (void)arg;
    connect_reader();
    const char *own = slot_file(1);
    for (uint64_t slot = 0; slot < 64; slot++) {
        words[slot] = UINT64_C(1) << 32 | slot;
    }
    write_at(own, LEASES_AT, words, sizeof words);
    write_at(own, HIGH_AT, &count, sizeof count);
    tell(parent, 'c');
    hear(parent, 'x');
}

static void test_a_cheat_holds_its_quota_and_takes_nothing_from_others(void)
{
    if (!as_root()) {
        return;
    }
    struct process owner = owner_with(CAPACITY, 2 * ROUNDED, 0);
    for (uint64_t at = 0; at < 10; at++) {
        CHECK_OK(ask(&owner, REMOTE_PUT, at, PIECE));
    }
    /* Also of readers of the cheat's own user. */
    struct process honest = new_remote((struct login){
        .uid = READER, .gid = STRANGER, .address = address,
        .flags = PLASMA_CONNECT_READ_ONLY });
    struct process cheat = spawn(claim_all, NULL);
    hear(&cheat, 'c');
    CHECK_OK(ask(&honest, REMOTE_HOLD, 9, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_LEASES), 3);
    for (uint64_t at = 0; at < 10; at++) {
        CHECK_OK(ask(&owner, REMOTE_DELETE, at, 0));
    }
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_USED), 3 * ROUNDED);
    CHECK_OK(ask(&owner, REMOTE_PUT, 20, 500000));
    CHECK_OK(ask(&honest, REMOTE_LOOK, 0, 0));
    CHECK_OK(ask(&honest, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_USED), 2 * ROUNDED + 500032);
    kill_process(&cheat);
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_USED), 500032);
    end_remote(&honest);
    end_owner(&owner);
}

/* ---- The number of readers ---- */

static void knock(struct process *parent, void *arg)
{
    (void)parent;
    (void)arg;
    become(READER, STRANGER);
    CHECK_CONNECT(address, PLASMA_CONNECT_READ_ONLY, PLASMA_ERR_LIMIT);
    CHECK_MESSAGE("max_readers");
}

/** A file like that of a living reader, with one name too many. */
static void sneak_in(struct process *parent, void *arg)
{
    static char bytes[LEASES_AT + 4096];
    const uint64_t lease = UINT64_C(1) << 32;
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    (void)arg;
    become(READER, STRANGER);
    read_at(slot_file(0), 0, bytes, LEASES_AT);
    memcpy(bytes + LEASES_AT, &lease, sizeof lease);
    int fd = open(slot_file(2), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes);
    CHECK(fcntl(fd, 37 /* F_OFD_SETLK */, &lock) == 0);
    tell(parent, 'c');
    hear(parent, 'x');
}

static void test_no_more_readers_come_or_count_than_there_may_be(void)
{
    struct process readers[2];

    if (!as_root()) {
        return;
    }
    struct process owner = owner_with(CAPACITY, 0, 2);
    CHECK_OK(ask(&owner, REMOTE_PUT, 1, 1000));
    for (int at = 0; at < 2; at++) {
        readers[at] = new_remote((struct login){
            .uid = HONEST, .gid = STRANGER, .address = address,
            .flags = PLASMA_CONNECT_READ_ONLY });
    }
    check_child(knock, NULL);
    struct process sneak = spawn(sneak_in, NULL);
    hear(&sneak, 'c');
    CHECK_EQ(ask_value(&owner, REMOTE_LEASES), 0);
    CHECK_OK(ask(&owner, REMOTE_DELETE, 1, 0));
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_USED), 0);
    end_remote(&readers[0]);
    readers[0] = new_remote((struct login){
        .uid = READER, .gid = STRANGER, .address = address,
        .flags = PLASMA_CONNECT_READ_ONLY });
    kill_process(&sneak);
    end_remote(&readers[0]);
    end_remote(&readers[1]);
    end_owner(&owner);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_reader_gets_an_error_at_the_get_that_is_too_much),
        TEST(views_of_an_honest_reader_stay_while_all_objects_are_renewed),
        TEST(leases_on_future_objects_do_not_fill_a_store),
        TEST(a_cheat_holds_its_quota_and_takes_nothing_from_others),
        TEST(no_more_readers_come_or_count_than_there_may_be),
    };
    return RUN_TESTS(argc, argv, tests);
}
