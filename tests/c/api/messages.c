/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The advice in an error message must help. Each test follows it.
 */

#include "owner.h"

#define MIB (UINT64_C(1) << 20)

static void check_says(const char *words)
{
    if (strstr(plasma_error_message(), words) == NULL) {
        printf("not %s: %s\n", words, plasma_error_message());
        CHECK(0);
    }
}

static void check_does_not_say(const char *words)
{
    if (strstr(plasma_error_message(), words) != NULL) {
        printf("%s: %s\n", words, plasma_error_message());
        CHECK(0);
    }
}

static plasma_status_t put_megabyte(plasma_client_t *client)
{
    static const uint8_t bytes[1 << 20];
    plasma_id_t id = id_of(100);

    return plasma_put(client, &id, bytes, sizeof bytes, NULL);
}

/** Everything is deleted and held: nothing is left to delete. */
static void test_full_of_deleted_objects(void)
{
    plasma_client_t *client = make_store(2 * MIB);
    plasma_buffer_t buffers[2];

    for (uint64_t number = 0; number < 2; number++) {
        plasma_id_t id = id_of(number);
        put_pattern(client, number, MIB, NULL);
        buffers[number] = get_pattern(client, number, MIB);
        CHECK_OK(plasma_delete(client, &id));
    }
    CHECK_STATUS(put_megabyte(client), PLASMA_ERR_OUT_OF_MEMORY);
    check_says("release");
    check_says("2097152 bytes");
    check_says("plasma_list_holders");
    check_does_not_say("delete objects");
    CHECK_OK(plasma_release(&buffers[0]));
    CHECK_OK(put_megabyte(client));
    CHECK_OK(plasma_release(&buffers[1]));
    plasma_disconnect(client);
}

static void test_full_of_sealed_objects(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);

    put_pattern(client, 1, MIB, NULL);
    CHECK_STATUS(put_megabyte(client), PLASMA_ERR_OUT_OF_MEMORY);
    check_says("delete objects");
    check_does_not_say("release");
    check_does_not_say("pieces");
    CHECK_OK(plasma_delete(client, &id));
    CHECK_OK(put_megabyte(client));
    plasma_disconnect(client);
}

/** In a store with eviction, pinned and held objects take up the memory. */
static void test_full_of_objects_that_cannot_be_evicted(void)
{
    plasma_client_t *client =
        connect_store(PLASMA_CONNECT_EXCLUSIVE, MIB, PLASMA_EVICTION_LRU);
    plasma_id_t id = id_of(1);

    put_pattern(client, 1, MIB, NULL);
    CHECK_OK(plasma_pin(client, &id));
    CHECK_STATUS(put_megabyte(client), PLASMA_ERR_OUT_OF_MEMORY);
    check_says("unpin objects, 1048576 bytes");
    check_does_not_say("delete objects");
    check_does_not_say("release");
    CHECK_OK(plasma_unpin(client, &id));
    plasma_buffer_t buffer = get_pattern(client, 1, MIB);
    CHECK_STATUS(put_megabyte(client), PLASMA_ERR_OUT_OF_MEMORY);
    check_says("release buffers, which keep 1048576 bytes");
    check_does_not_say("unpin");
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(put_megabyte(client));
    plasma_disconnect(client);
}

static void test_no_record_is_free(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_id_t one = id_of(1), two = id_of(2);

    options.capacity = MIB;
    options.max_objects = 1;
    CHECK_OK(plasma_connect(store(), &options, &client));
    put_pattern(client, 1, 10, NULL);
    plasma_buffer_t buffer = get_pattern(client, 1, 10);
    CHECK_OK(plasma_delete(client, &one));
    CHECK_STATUS(plasma_put(client, &two, "", 0, NULL), PLASMA_ERR_LIMIT);
    check_says("max_objects");
    check_says("release");
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_put(client, &two, "", 0, NULL));
    plasma_disconnect(client);
}

static void test_a_client_that_only_reads(void)
{
    plasma_client_t *client = make_store(MIB), *reader;

    CHECK_OK(connect_to(store(), PLASMA_CONNECT_READ_ONLY, &reader));
    CHECK_STATUS(put_megabyte(reader), PLASMA_ERR_READ_ONLY);
    check_says("connect without it");
    plasma_disconnect(reader);
    plasma_disconnect(client);
}

/** A removed store can be created again; the message says how. */
static void test_a_store_that_was_removed(void)
{
    plasma_client_t *client = make_store(MIB);

    CHECK_OK(plasma_store_remove(store()));
    CHECK_STATUS(put_megabyte(client), PLASMA_ERR_STORE_GONE);
    check_says("connect again");
    plasma_disconnect(client);
    client = make_store(MIB);
    plasma_disconnect(client);
}

/** Regression: removal of /etc said to pass a path that does not exist yet. */
static void test_a_directory_that_is_no_store(void)
{
    plasma_client_t *client;

    CHECK_STATUS(plasma_store_remove("/etc"), PLASMA_ERR_NOT_A_STORE);
    check_says("nothing was removed");
    check_does_not_say("yet");
    CHECK_STATUS(connect_to("/etc", 0, &client), PLASMA_ERR_NOT_A_STORE);
    check_says("pass a path that does not exist yet");
    CHECK_STATUS(connect_to("/etc", PLASMA_CONNECT_EXISTING, &client),
                 PLASMA_ERR_NOT_A_STORE);
    check_does_not_say("yet");
}

static void hold(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();

    (void)arg;
    tell(parent, 'h');
    hear(parent, 'q');
    plasma_disconnect(client);
}

/** A call that waits for the writer lock without success names its owner. */
static void test_a_lock_that_stays_busy(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = make_store(MIB), *hasty;
    struct process process = spawn(hold, NULL);
    char pid[32];

    hear(&process, 'h');
    options.flags = PLASMA_CONNECT_EXISTING;
    options.lock_timeout_ms = 20;
    CHECK_OK(plasma_connect(store(), &options, &hasty));
    uint64_t *word = lock_word();
    take_lock(word, slot_of(client, process.pid));
    snprintf(pid, sizeof pid, "process %d (", (int)process.pid);
    CHECK_STATUS(put_megabyte(hasty), PLASMA_ERR_TIMEOUT);
    check_says(pid);
    check_says("which is alive; wait longer");
    CHECK(kill(process.pid, SIGSTOP) == 0);
    CHECK_SOON(thread_state(process.pid, process.pid) == 'T');
    CHECK_STATUS(put_megabyte(hasty), PLASMA_ERR_TIMEOUT);
    check_says(pid);
    check_says("which is stopped; continue it");
    CHECK(kill(process.pid, SIGCONT) == 0);
    give_lock(word);
    CHECK_OK(put_megabyte(hasty));
    tell(&process, 'q');
    finish(&process);
    plasma_disconnect(hasty);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(full_of_deleted_objects),
        TEST(full_of_sealed_objects),
        TEST(full_of_objects_that_cannot_be_evicted),
        TEST(no_record_is_free),
        TEST(a_client_that_only_reads),
        TEST(a_store_that_was_removed),
        TEST(a_directory_that_is_no_store),
        TEST(a_lock_that_stays_busy),
    };
    return RUN_TESTS(argc, argv, tests);
}
