/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Removing a store, by plasma_store_remove() and behind our back.
 */

#include "waiters.h"

enum { CAPACITY = 1 << 20 };

/** How the store of a test goes away. */
typedef void remove_fn(void);

static void by_remove(void)
{
    CHECK_OK(plasma_store_remove(store()));
}

static void by_hand(void)
{
    remove_all(store());
}

/** Blocked in each call; says 'b' when asleep and 'e' when all came back. */
static void blocked(struct peer *parent, void *arg)
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
    struct peer peers[2];

    CHECK_OK(plasma_create(client, &id, CAPACITY / 2, NULL, &writable));
    for (int at = 0; at < 2; at++) {
        peers[at] = spawn(blocked, (void *)(uintptr_t)&flags[at]);
        hear(&peers[at], 'b');
    }
    remove_it();
    for (int at = 0; at < 2; at++) {
        hear(&peers[at], 'e');
        finish(&peers[at]);
    }
    memset(writable.data, 1, writable.size);
    CHECK_STATUS(plasma_seal(&writable), PLASMA_ERR_STORE_GONE);
    CHECK_EQ(writable.size, CAPACITY / 2); /* a failure does not consume */
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

/** Each call that starts something says that the store is gone. */
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

/** Held buffers stay; `told` makes the client know that its store is gone. */
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

    /* A new store at the address has nothing to do with the old one. */
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

static void test_removing_what_is_not_there_says_so(void)
{
    CHECK_STATUS(plasma_store_remove(store()), PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_MESSAGE(store());
    make_at(store(), CAPACITY, 0);
    CHECK_OK(plasma_store_remove(store()));
    CHECK_STATUS(plasma_store_remove(store()), PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_EQ(entries(check_dir), 0);
}

static int found_in(const char *dir, const char *name, const char *text)
{
    DIR *stream = opendir(dir);
    int found = 0;

    for (struct dirent *entry;
         stream != NULL && !found && (entry = readdir(stream)) != NULL;) {
        const char *path = in_dir(dir, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            found = strcmp(entry->d_name, name) == 0 ? holds(path, text)
                                                     : found_in(path, name, text);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
    return found;
}

static void test_only_files_of_the_store_are_removed(void)
{
    char path[700];

    snprintf(path, sizeof path, "%s/nested", store());
    CHECK(mkdir(store(), 0700) == 0);
    make_at(path, CAPACITY, 0);
    make_file(in_dir(path, "diary.txt"), "dear diary");
    make_file(in_dir(path, "clients/notes.txt"), "to do");
    CHECK_OK(plasma_store_remove(path));
    CHECK(found_in(store(), "diary.txt", "dear diary"));
    CHECK(found_in(store(), "notes.txt", "to do"));
    CHECK_CONNECT(path, PLASMA_CONNECT_EXISTING, PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_CONNECT(path, 0, PLASMA_OK);
    CHECK_OK(plasma_store_remove(path));
    CHECK(found_in(store(), "diary.txt", "dear diary"));
    CHECK(found_in(store(), "notes.txt", "to do"));
    remove_all(store());
}

static void remove_often(struct peer *parent, void *arg)
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
    struct peer peers[4];

    for (int at = 0; at < 4; at++) {
        peers[at] = spawn(remove_often, NULL);
    }
    for (int at = 0; at < 4; at++) {
        hear(&peers[at], 'r');
        finish(&peers[at]);
    }
    CHECK_CONNECT(store(), 0, PLASMA_OK);
    CHECK_OK(plasma_store_remove(store()));
    CHECK_EQ(entries(check_dir), 0);
}

/* Takes its five seconds. */
static void test_a_remover_that_does_not_get_on_is_not_waited_for_for_ever(void)
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
    CHECK(close(file) == 0); /* as its death does */
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
        TEST(removing_what_is_not_there_says_so),
        TEST(only_files_of_the_store_are_removed),
        TEST(many_may_make_and_remove_one_address_at_once),
        TEST(a_remover_that_does_not_get_on_is_not_waited_for_for_ever),
    };
    return RUN_TESTS(argc, argv, tests);
}
