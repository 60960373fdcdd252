/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A small file system that another process fills while the store grows: clear
 * errors, no SIGBUS (which would end the test), nothing lost. Needs root.
 */

#include "everything.h"

enum { MIB = 1 << 20 };

static const char *address, *ballast;

static void small_file_system(const char *options)
{
    private_mounts();
    mount_at(store(), "tmpfs", options);
    address = in_dir(store(), "store");
    ballast = in_dir(store(), "ballast");
}

static void unmount_it(void)
{
    CHECK(umount(store()) == 0 && rmdir(store()) == 0);
}

/** Another process takes all the remaining room. */
static void fill_it(void)
{
    static char block[4096];
    int fd = open(ballast, O_WRONLY | O_CREAT | O_APPEND, 0600);

    CHECK(fd >= 0);
    while (write(fd, block, sizeof block) == (ssize_t)sizeof block) {
    }
    CHECK(errno == ENOSPC && close(fd) == 0);
}

static plasma_client_t *connect_sized(uint64_t capacity, uint64_t max_objects)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = NULL;

    options.capacity = capacity;
    options.max_objects = max_objects;
    CHECK_OK(plasma_connect(address, &options, &client));
    return client;
}

static void test_the_heap_cannot_grow(void)
{
    if (!as_root()) {
        return;
    }
    small_file_system("size=48m");
    plasma_client_t *client = connect_sized(32 * MIB, 0);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(100);
    uint64_t number = 0;

    put_pattern(client, 1, 3 * MIB, NULL);
    plasma_buffer_t held = get_pattern(client, 1, 3 * MIB);
    CHECK_OK(plasma_create(client, &id, 1000, NULL, &writable));
    fill_it();
    CHECK_STATUS(plasma_resize(&writable, 20 * MIB), PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_MESSAGE("--shm-size");
    CHECK_EQ(plasma_error_errno(), ENOSPC);
    CHECK_EQ(writable.size, 1000);
    for (uint64_t size = 20 * MIB; size >= 64; size /= 2) {
        plasma_mutable_buffer_t more;
        plasma_id_t other = id_of(1000 + number);
        plasma_status_t status = plasma_create(client, &other, size, NULL, &more);
        if (status != PLASMA_OK) {
            CHECK_STATUS(status, PLASMA_ERR_OUT_OF_MEMORY);
            continue;
        }
        memset(more.data, 7, size); /* reserved memory can be written */
        CHECK_OK(plasma_seal(&more));
        number++;
    }
    CHECK(number > 0);
    /* Waiting ends at its deadline, and when the ballast goes. */
    options.timeout_ms = 50;
    id = id_of(200);
    CHECK_STATUS(plasma_put(client, &id, held.data, held.size, &options),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK(is_filled(held.data, held.size, 1));
    fill(writable.data, 1000, 100);
    CHECK_OK(plasma_seal(&writable));
    CHECK(unlink(ballast) == 0);
    put_pattern(client, 2, 20 * MIB, NULL);
    CHECK_OK(plasma_release(&held));
    held = get_pattern(client, 100, 1000);
    CHECK_OK(plasma_release(&held));
    held = get_pattern(client, 2, 20 * MIB);
    CHECK_OK(plasma_release(&held));
    plasma_disconnect(client);
    unmount_it();
}

/** Bytes of memory that the heap has. */
static uint64_t memory_of_heap(void)
{
    struct stat stat;

    CHECK(lstat(in_dir(address, "heap"), &stat) == 0);
    return (uint64_t)stat.st_blocks * 512;
}

/* A put writes where no memory is reserved yet. */
static void test_a_put_that_fills_the_file_system_leaves_nothing(void)
{
    if (!as_root()) {
        return;
    }
    const off_t left[] = { 0, 4096, 3 * MIB, 5 * MIB, 6 * MIB + 4096, 11 * MIB };
    plasma_id_t id = id_of(100);
    char *data = malloc(20 * MIB);

    CHECK(data != NULL);
    fill((uint8_t *)data, 20 * MIB, 100);
    for (size_t turn = 0; turn < sizeof left / sizeof *left; turn++) {
        small_file_system("size=48m");
        plasma_client_t *client = connect_sized(32 * MIB, 0);
        fill_it();
        CHECK(truncate(ballast, size_of_file(ballast) - left[turn]) == 0);
        CHECK_STATUS(plasma_put(client, &id, data, 20 * MIB, NULL),
                     PLASMA_ERR_OUT_OF_MEMORY);
        CHECK_EQ(plasma_error_errno(), ENOSPC);
        CHECK_EQ(memory_of_heap(), stats_of(client).reserved);
        CHECK_EQ(stats_of(client).used, 0);
        CHECK(unlink(ballast) == 0);
        CHECK_OK(plasma_put(client, &id, data, 20 * MIB, NULL));
        plasma_buffer_t got = get_pattern(client, 100, 20 * MIB);
        CHECK_OK(plasma_release(&got));
        CHECK_EQ(memory_of_heap(), stats_of(client).reserved);
        check_sound(client);
        plasma_disconnect(client);
        unmount_it();
    }
    free(data);
}

static void test_a_create_waits_until_others_give_room(void)
{
    if (!as_root()) {
        return;
    }
    small_file_system("size=48m");
    plasma_client_t *client = connect_sized(32 * MIB, 0);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);

    fill_it();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        pause_ms(100);
        unlink(ballast);
        _exit(0);
    }
    options.timeout_ms = 60000;
    CHECK_OK(plasma_create(client, &id, 20 * MIB, &options, &writable));
    fill(writable.data, writable.size, 1);
    CHECK_OK(plasma_seal(&writable));
    CHECK(waitpid(child, NULL, 0) == child);
    plasma_disconnect(client);
    unmount_it();
}

static void test_the_tables_cannot_grow(void)
{
    if (!as_root()) {
        return;
    }
    small_file_system("size=32m");
    plasma_client_t *client = connect_sized(8 * MIB, 60000);
    uint64_t count = 0, made;
    plasma_status_t status = PLASMA_OK;

    put_pattern(client, count++, 10, NULL);
    fill_it();
    while (status == PLASMA_OK) {
        plasma_id_t id = id_of(count);
        status = plasma_put(client, &id, "0123456789", 10, NULL);
        count += status == PLASMA_OK;
        CHECK(count < 60000);
    }
    CHECK_STATUS(status, PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_EQ(plasma_error_errno(), ENOSPC);
    CHECK_EQ(stats_of(client).objects_sealed, count);
    CHECK(unlink(ballast) == 0);
    for (made = 0; made < 20000; made++) {
        put_pattern(client, count + made, 10, NULL);
    }
    CHECK_EQ(stats_of(client).objects_sealed, count + made);
    plasma_disconnect(client);
    unmount_it();
}

static void test_the_leases_cannot_grow(void)
{
    enum { MANY = 20000 };
    static plasma_buffer_t held[MANY];

    if (!as_root()) {
        return;
    }
    small_file_system("size=32m");
    plasma_client_t *client = connect_sized(8 * MIB, 0);
    plasma_id_t id = id_of(1);
    plasma_status_t status = PLASMA_OK;
    size_t count = 0;

    put_pattern(client, 1, 1000, NULL);
    fill_it();
    while (count < MANY && status == PLASMA_OK) {
        status = plasma_get(client, &id, 0, &held[count]);
        count += status == PLASMA_OK;
    }
    CHECK(count > 400 && count < MANY); /* those in the page of its slot */
    CHECK_EITHER(status, PLASMA_ERR_OUT_OF_MEMORY, PLASMA_ERR_LIMIT);
    CHECK_EQ(stats_of(client).leases, count);
    CHECK(unlink(ballast) == 0);
    for (; count < MANY; count++) {
        CHECK_OK(plasma_get(client, &id, 0, &held[count]));
    }
    CHECK_EQ(stats_of(client).leases, MANY);
    CHECK_OK(plasma_release_many(held, MANY));
    plasma_disconnect(client);
    unmount_it();
}

static void test_no_client_can_join_but_all_connected_clients_go_on(void)
{
    if (!as_root()) {
        return;
    }
    small_file_system("size=32m");
    plasma_client_t *client = connect_sized(8 * MIB, 0);
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);

    put_pattern(client, 1, 1000, NULL);
    CHECK_OK(plasma_create(client, &id, 1000, NULL, &writable));
    fill_it();
    CHECK_CONNECT(address, 0, PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_CONNECT(address, PLASMA_CONNECT_READ_ONLY, PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_EQ(members_of(address), 1);
    plasma_buffer_t held = get_pattern(client, 1, 1000);
    fill(writable.data, 1000, 2);
    CHECK_OK(plasma_seal(&writable));
    id = id_of(1);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_OK(plasma_release(&held));
    put_pattern(client, 3, 1000, NULL);
    CHECK(unlink(ballast) == 0);
    CHECK_CONNECT(address, 0, PLASMA_OK);
    fill_it();
    CHECK_OK(plasma_store_remove(address)); /* needs no room */
    plasma_disconnect(client);
    CHECK(!is_there(address));
    unmount_it();
}

/** Space that trim returned may be gone when it is needed again. */
static void test_trimmed_memory_is_taken_by_others(void)
{
    if (!as_root()) {
        return;
    }
    small_file_system("size=48m");
    plasma_client_t *client = connect_sized(32 * MIB, 0);
    plasma_id_t id = id_of(1), other = id_of(3);
    uint64_t returned;

    put_pattern(client, 1, 24 * MIB, NULL);
    put_pattern(client, 2, 1000, NULL);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_OK(plasma_reap(client, &returned));
    CHECK_OK(plasma_trim(client, 0, &returned));
    CHECK(returned >= 16 * MIB);
    fill_it();
    plasma_buffer_t held = get_pattern(client, 2, 1000);
    plasma_mutable_buffer_t writable;
    CHECK_STATUS(plasma_create(client, &other, 24 * MIB, NULL, &writable),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK(unlink(ballast) == 0);
    put_pattern(client, 3, 24 * MIB, NULL);
    CHECK_OK(plasma_release(&held));
    held = get_pattern(client, 3, 24 * MIB);
    CHECK_OK(plasma_release(&held));
    plasma_disconnect(client);
    unmount_it();
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(the_heap_cannot_grow),
        TEST(a_put_that_fills_the_file_system_leaves_nothing),
        TEST(a_create_waits_until_others_give_room),
        TEST(the_tables_cannot_grow),
        TEST(the_leases_cannot_grow),
        TEST(no_client_can_join_but_all_connected_clients_go_on),
        TEST(trimmed_memory_is_taken_by_others),
    };
    return RUN_TESTS(argc, argv, tests);
}
