/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Removing a store with plasma_store_remove(), and deleting its files.
 */

#include "waiters.h"

enum { CAPACITY = 1 << 20 };

/** How the store of a test is removed. */
typedef void remove_fn(void);

static void by_remove(void)
{
    CHECK_OK(plasma_store_remove(store()));
}

static void by_hand(void)
{
    remove_all(store());
}

/** Blocked in each call; sends 'b' when asleep and 'e' when all returned. */
static void blocked(struct process *parent, void *arg)
{
    const uint32_t flags = *(const uint32_t *)arg;
    const int count = flags == 0 ? WAITING_CALLS : IN_GET_OR_CREATE;
    struct waiter waiters[WAITING_CALLS];
    plasma_client_t *client = connect_store(flags, 0, 0);

    start_waiters(waiters, count, client);
    tell(parent, 'b');
    end_waiters(waiters, count, PLASMA_ERR_STORE_GONE);
    plasma_disconnect(client);
    tell(parent, 'e');
}

static void waiters_are_told(remove_fn *remove_it)
{
    const uint32_t flags[] = { 0, PLASMA_CONNECT_READ_ONLY };
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);
    struct process processes[2];

    CHECK_OK(plasma_create(client, &id, CAPACITY / 2, NULL, &writable));
    for (int at = 0; at < 2; at++) {
        processes[at] = spawn(blocked, (void *)(uintptr_t)&flags[at]);
        hear(&processes[at], 'b');
    }
    remove_it();
    for (int at = 0; at < 2; at++) {
        hear(&processes[at], 'e');
        finish(&processes[at]);
    }
    memset(writable.data, 1, writable.size);
    CHECK_STATUS(plasma_seal(&writable), PLASMA_ERR_STORE_GONE);
    CHECK_EQ(writable.size, CAPACITY / 2); /* a failure does not consume it */
    plasma_abort(&writable);
    plasma_disconnect(client);
    CHECK_EQ(entries(check_dir), 0);
}

static void test_blocked_calls_end_when_the_store_is_removed(void)
{
    waiters_are_told(by_remove);
}

static void test_blocked_calls_end_when_the_directory_is_deleted(void)
{
    waiters_are_told(by_hand);
}

/** Each call that starts something reports that the store is gone. */
static void calls_say_gone(plasma_client_t *client)
{
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1), found;
    plasma_status_t statuses[1];
    plasma_state_t state;
    plasma_list_t *list;
    plasma_client_list_t *clients;
    plasma_subscription_t *subscription;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_stats_t stats = PLASMA_STATS_INIT;
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;
    uint8_t ready[1];
    size_t ready_count;
    uint64_t number;
    int32_t created;
    const plasma_status_t gone = PLASMA_ERR_STORE_GONE;
    const void *data = "x";
    uint64_t one = 1;

    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), gone);
    CHECK(strlen(plasma_error_message()) > 10);
    CHECK_STATUS(plasma_get(client, &id, -1, &buffer), gone);
    CHECK_STATUS(plasma_get_by_name(client, "one", 0, &buffer), gone);
    CHECK_STATUS(plasma_lookup(client, "one", &found), gone);
    CHECK_STATUS(plasma_get_many(client, &id, 1, 0, &buffer, statuses), gone);
    CHECK_STATUS(plasma_wait(client, &id, 1, 0, 0, ready, &ready_count), gone);
    CHECK_STATUS(plasma_contains(client, &id, &state), gone);
    CHECK_STATUS(plasma_object_info(client, &id, &info), gone);
    CHECK_STATUS(plasma_list(client, &list), gone);
    CHECK_STATUS(plasma_list_clients(client, &clients), gone);
    CHECK_STATUS(plasma_list_holders(client, &id, &clients), gone);
    CHECK_STATUS(plasma_create(client, &id, 1, NULL, &writable), gone);
    CHECK_STATUS(plasma_put(client, &id, data, 1, NULL), gone);
    CHECK_STATUS(plasma_put_many(client, &id, &data, &one, 1, NULL, statuses),
                 gone);
    CHECK_STATUS(plasma_get_or_create(client, &id, 1, NULL, 0, &buffer,
                                      &writable, &created), gone);
    CHECK_STATUS(plasma_delete(client, &id), gone);
    CHECK_STATUS(plasma_delete_by_name(client, "one"), gone);
    CHECK_STATUS(plasma_get_or_create_by_name(client, "one", 1, NULL, 0, &buffer,
                                              &writable, &created), gone);
    CHECK_STATUS(plasma_list_matching(client, "*", &list), gone);
    CHECK_STATUS(plasma_subscribe_matching(client, "*", &subscription), gone);
    CHECK_STATUS(plasma_delete_many(client, &id, 1, statuses), gone);
    CHECK_STATUS(plasma_pin(client, &id), gone);
    CHECK_STATUS(plasma_unpin(client, &id), gone);
    CHECK_STATUS(plasma_evict(client, 1, &number), gone);
    CHECK_STATUS(plasma_reap(client, &number), gone);
    CHECK_STATUS(plasma_trim(client, 0, &number), gone);
    CHECK_STATUS(plasma_stats(client, &stats), gone);
    CHECK_STATUS(plasma_check(client, &report), gone);
    CHECK_STATUS(plasma_subscribe(client, &subscription), gone);
}

/** Held buffers stay; `told` makes the client notice that its store is gone. */
static void holder_keeps_its_buffers(remove_fn *remove_it)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable;
    plasma_buffer_t copy;
    plasma_id_t id = id_of(2);
    uint64_t reaped;
    const void *value;
    uint64_t size;

    put_pattern(client, 1, 300000, "one");
    plasma_buffer_t buffer = get_pattern(client, 1, 300000);
    CHECK_OK(plasma_create(client, &id, 300000, NULL, &writable));
    remove_it();
    CHECK_STATUS(plasma_reap(client, &reaped), PLASMA_ERR_STORE_GONE);
    calls_say_gone(client);
    CHECK_OK(plasma_interrupt(client));
    CHECK_TEXT(plasma_client_address(client), store());

    fill(writable.data, writable.size, 2);
    CHECK_STATUS(plasma_resize(&writable, 10), PLASMA_ERR_STORE_GONE);
    CHECK_STATUS(plasma_set_metadata(&writable, "format", "x", 1),
                 PLASMA_ERR_STORE_GONE);
    CHECK_STATUS(plasma_seal_and_get(&writable, &copy), PLASMA_ERR_STORE_GONE);
    CHECK(is_filled(writable.data, 300000, 2));
    CHECK_EITHER(plasma_abort(&writable), PLASMA_OK, PLASMA_ERR_STORE_GONE);

    CHECK_OK(plasma_retain(&buffer, &copy));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
    CHECK(is_filled(copy.data, copy.size, 1));
    CHECK_STATUS(plasma_get_metadata(&copy, "format", &value, &size),
                 PLASMA_ERR_NOT_FOUND);

    /* A new store at the address is independent of the old one. */
    client = make_store(CAPACITY);
    put_pattern(client, 1, 1000, "one");
    CHECK(is_filled(copy.data, 300000, 1));
    CHECK_OK(plasma_release(&copy));
    buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_release(&buffer));
    CHECK_EQ(stats_of(client).clients, 1);
    plasma_disconnect(client);
}

static void test_buffers_survive_the_removal_of_their_store(void)
{
    holder_keeps_its_buffers(by_remove);
}

static void test_buffers_survive_the_deletion_of_the_directory(void)
{
    holder_keeps_its_buffers(by_hand);
}

static void test_a_create_that_needs_space_finds_the_directory_deleted(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable;
    plasma_id_t first = id_of(1), second = id_of(2);

    put_pattern(client, 1, CAPACITY - 64, NULL);
    plasma_buffer_t buffer = get_pattern(client, 1, CAPACITY - 64);
    CHECK_OK(plasma_delete(client, &first));
    remove_all(store());
    CHECK_STATUS(plasma_create(client, &second, CAPACITY, NULL, &writable),
                 PLASMA_ERR_STORE_GONE);
    CHECK(is_filled(buffer.data, buffer.size, 1));
    CHECK_OK(plasma_release(&buffer));
    CHECK_STATUS(plasma_create(client, &second, 100, NULL, &writable),
                 PLASMA_ERR_STORE_GONE);
    plasma_disconnect(client);
}

static void test_removing_a_missing_store_is_an_error(void)
{
    CHECK_STATUS(plasma_store_remove(store()), PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_MESSAGE(store());
    make_at(store(), CAPACITY, 0);
    CHECK_OK(plasma_store_remove(store()));
    CHECK_STATUS(plasma_store_remove(store()), PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_EQ(entries(check_dir), 0);
}

static void test_only_files_of_the_store_are_removed(void)
{
    char path[700];

    /* A user's file does not belong to the store: nothing is removed, and
     * the message names the file. */
    static const char *const foreign[] = { "diary.txt", "locks/notes.txt",
                                           "locks/01", "locks/8" };

    CHECK(mkdir(store(), 0700) == 0);
    snprintf(path, sizeof path, "%s/nested", store());
    plasma_client_t *client = NULL;
    CHECK_OK(connect_to(path, PLASMA_CONNECT_EXCLUSIVE, &client));
    put_pattern(client, 1, 100, NULL);
    for (size_t at = 0; at < sizeof foreign / sizeof *foreign; at++) {
        const char *file = in_dir(path, foreign[at]);
        make_file(file, "dear diary");
        CHECK_STATUS(plasma_store_remove(path), PLASMA_ERR_UNSUPPORTED);
        CHECK_MESSAGE(path);
        CHECK_MESSAGE(foreign[at]);
        CHECK(holds(file, "dear diary"));
        plasma_buffer_t buffer = get_pattern(client, 1, 100); /* it still works */
        CHECK_OK(plasma_release(&buffer));
        CHECK_EQ(entries(store()), 1);
        CHECK(unlink(file) == 0);
    }
    CHECK(mkdir(in_dir(path, "readers"), 0700) == 0); /* none in this mode */
    make_file(in_dir(path, "readers/mine"), "dear diary");
    CHECK_STATUS(plasma_store_remove(path), PLASMA_ERR_UNSUPPORTED);
    CHECK_MESSAGE("readers");
    CHECK(holds(in_dir(path, "readers/mine"), "dear diary"));
    remove_all(in_dir(path, "readers"));
    CHECK(mkdir(in_dir(path, "locks/9"), 0700) == 0);
    CHECK_STATUS(plasma_store_remove(path), PLASMA_ERR_UNSUPPORTED);
    CHECK_MESSAGE("locks/9");
    CHECK(rmdir(in_dir(path, "locks/9")) == 0);
    CHECK_OK(plasma_store_remove(path));
    CHECK_EQ(entries(store()), 0);
    plasma_disconnect(client);

    /* A foreign file that the last leave finds is kept, and the message
     * names it. */
    CHECK_OK(connect_to(path, PLASMA_CONNECT_EPHEMERAL, &client));
    make_file(in_dir(path, "diary.txt"), "dear diary");
    plasma_disconnect(client);
    CHECK_CONNECT(path, 0, PLASMA_ERR_STORE_GONE);
    CHECK_MESSAGE("diary.txt");
    CHECK_STATUS(plasma_store_remove(path), PLASMA_ERR_UNSUPPORTED);
    CHECK_MESSAGE("diary.txt");
    CHECK(rename(in_dir(path, "diary.txt"), in_dir(store(), "diary.txt")) == 0);
    CHECK_CONNECT(path, 0, PLASMA_OK);
    CHECK_OK(plasma_store_remove(path));
    CHECK(holds(in_dir(store(), "diary.txt"), "dear diary"));
    CHECK_EQ(entries(store()), 1);
    remove_all(store());
}

/* ---- A removal that fails ---- */

static void remove_in_vain(struct process *parent, void *arg)
{
    (void)arg;
    private_mounts();
    CHECK(mount(store(), store(), NULL, MS_BIND, NULL) == 0);
    tell(parent, 'm');
    for (int round = 0; round < 500; round++) {
        CHECK_STATUS(plasma_store_remove(store()), PLASMA_ERR_UNSUPPORTED);
        CHECK_MESSAGE("mount point");
    }
    tell(parent, 'e');
    hear(parent, 'g');
    /* By now another process has removed it: its name is gone, but the
     * mount stays. */
    plasma_status_t status = plasma_store_remove(store());
    CHECK(status != PLASMA_OK);
    tell(parent, 'd');
}

/** Put and delete until told to end; no call fails. */
static void go_on(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    char end;

    (void)arg;
    CHECK(fcntl(parent->in, F_SETFL, O_NONBLOCK) == 0);
    tell(parent, 'c');
    while (read(parent->in, &end, 1) != 1) {
        plasma_id_t id = id_of(7);
        CHECK_OK(plasma_put(client, &id, "x", 1, NULL));
        CHECK_OK(plasma_delete(client, &id));
    }
    plasma_disconnect(client);
}

/**
 * Regression: a remover that the kernel does not allow to rename the store had
 * already made it GONE. Other clients saw it gone for a moment, and the
 * remover could undo the GONE of another remover that went on.
 */
static void test_a_failed_removal_disturbs_no_client(void)
{
    if (!as_root()) {
        return;
    }
    plasma_client_t *client = make_store(CAPACITY);
    struct process worker = spawn(go_on, NULL);
    hear(&worker, 'c');
    struct process remover = spawn(remove_in_vain, NULL);
    hear(&remover, 'm');
    hear(&remover, 'e');
    tell(&worker, 'x');
    finish(&worker);
    CHECK_OK(plasma_put(client, &(plasma_id_t){ { 1 } }, "x", 1, NULL));
    CHECK_OK(plasma_store_remove(store()));
    tell(&remover, 'g');
    hear(&remover, 'd');
    finish(&remover);
    CHECK_STATUS(plasma_put(client, &(plasma_id_t){ { 2 } }, "x", 1, NULL),
                 PLASMA_ERR_STORE_GONE);
    plasma_disconnect(client);
    CHECK_EQ(entries(check_dir), 0);
}

/* ---- A directory that is deleted under a producer ---- */

/** The number of puts that return OK before one reports that the store is
 * gone. */
static int puts_until_gone(plasma_client_t *client, uint64_t from, int most)
{
    for (int count = 0; count <= most; count++) {
        plasma_id_t id = id_of(from + (uint64_t)count);
        plasma_status_t status = plasma_put(client, &id, "x", 1, NULL);
        if (status == PLASMA_ERR_STORE_GONE) {
            return count;
        }
        CHECK_OK(status);
    }
    return most + 1;
}

/**
 * Regression: logind deletes the stores of a user that logs out (RemoveIPC). A
 * producer that only put objects, and deleted none, put 19,000 objects into a
 * deleted file.
 */
static void test_a_client_that_only_creates_notices_a_deleted_directory(void)
{
    enum { BOUND = 1024 };
    const uint32_t evictions[] = { PLASMA_EVICTION_NONE, PLASMA_EVICTION_LRU };

    for (int at = 0; at < 2; at++) {
        plasma_client_t *client =
            connect_store(PLASMA_CONNECT_EXCLUSIVE, 64 << 20, evictions[at]);
        plasma_client_t *other = join_store();
        CHECK_OK(plasma_put(client, &(plasma_id_t){ { 1 } }, "x", 1, NULL));
        CHECK_OK(plasma_put(other, &(plasma_id_t){ { 2 } }, "x", 1, NULL));
        remove_all(store());
        CHECK(puts_until_gone(client, 1000, BOUND) <= BOUND);
        pause_ms(101);
        CHECK_EQ(puts_until_gone(other, 100000, 1), 0); /* it was idle */
        plasma_disconnect(other);
        plasma_disconnect(client);
    }
}

static void remove_often(struct process *parent, void *arg)
{
    (void)arg;
    tell(parent, 'r');
    for (int round = 0; round < 150; round++) {
        plasma_client_t *client = connect_store(0, CAPACITY, 0);
        plasma_status_t status =
            plasma_put(client, &(plasma_id_t){ { 1 } }, "x", 1, NULL);
        CHECK(status == PLASMA_OK || status == PLASMA_ERR_EXISTS
              || status == PLASMA_ERR_STORE_GONE);
        plasma_disconnect(client);
        CHECK_EITHER(plasma_store_remove(store()), PLASMA_OK,
                     PLASMA_ERR_STORE_NOT_FOUND);
    }
}

static void test_many_may_make_and_remove_one_address_at_once(void)
{
    struct process processes[4];

    for (int at = 0; at < 4; at++) {
        processes[at] = spawn(remove_often, NULL);
    }
    for (int at = 0; at < 4; at++) {
        hear(&processes[at], 'r');
        finish(&processes[at]);
    }
    CHECK_CONNECT(store(), 0, PLASMA_OK);
    CHECK_OK(plasma_store_remove(store()));
    CHECK_EQ(entries(check_dir), 0);
}

/* This takes five seconds. */
static void test_a_remover_without_progress_is_waited_for_five_seconds(void)
{
    const int set_lock = 37; /* F_OFD_SETLK */
    struct flock lock = { .l_type = F_WRLCK };
    char path[800];
    int file;

    make_at(store(), CAPACITY, 0);
    snprintf(path, sizeof path, "%s/remove", store());
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(file >= 0 && fcntl(file, set_lock, &lock) == 0);
    CHECK_STATUS(plasma_store_remove(store()), PLASMA_ERR_TIMEOUT);
    CHECK_MESSAGE(store());
    CHECK(close(file) == 0); /* like its death */
    CHECK_OK(plasma_store_remove(store()));
    CHECK_EQ(entries(check_dir), 0);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(blocked_calls_end_when_the_store_is_removed),
        TEST(blocked_calls_end_when_the_directory_is_deleted),
        TEST(buffers_survive_the_removal_of_their_store),
        TEST(buffers_survive_the_deletion_of_the_directory),
        TEST(a_create_that_needs_space_finds_the_directory_deleted),
        TEST(removing_a_missing_store_is_an_error),
        TEST(only_files_of_the_store_are_removed),
        TEST(a_failed_removal_disturbs_no_client),
        TEST(a_client_that_only_creates_notices_a_deleted_directory),
        TEST(many_may_make_and_remove_one_address_at_once),
        TEST(a_remover_without_progress_is_waited_for_five_seconds),
    };
    return RUN_TESTS(argc, argv, tests);
}
