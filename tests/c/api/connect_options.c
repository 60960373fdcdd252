/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Options of connecting: defaults, modes of files, MISMATCH.
 */

#include "system.h"

static plasma_status_t attempt(plasma_connect_options_t options)
{
    plasma_client_t *client = NULL;
    plasma_status_t status = plasma_connect(store(), &options, &client);

    CHECK((client != NULL) == (status == PLASMA_OK));
    plasma_disconnect(client);
    return status;
}

/** The options of the store of these tests. */
static plasma_connect_options_t made_with(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    options.capacity = 5 << 20;
    options.max_objects = 2000;
    options.mode = 0640;
    options.eviction = PLASMA_EVICTION_LRU;
    options.huge_pages = 1;
    options.reader_quota = 100000;
    options.max_readers = 7;
    return options;
}

static void test_each_option_that_differs_from_the_store_is_a_mismatch(void)
{
    const plasma_connect_options_t zero = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_connect_options_t options = made_with();

    CHECK_OK(attempt(options));
    CHECK_OK(attempt(options)); /* the same again */
    options.flags = PLASMA_CONNECT_READ_ONLY;
    CHECK_OK(attempt(options));
    CHECK_OK(attempt(zero)); /* 0 accepts what is there */
    CHECK_STATUS(plasma_connect(store(), NULL, NULL),
                 PLASMA_ERR_INVALID_ARGUMENT);

    for (int field = 0; field < 5; field++) {
        for (uint32_t flags = 0; flags <= PLASMA_CONNECT_READ_ONLY; flags += 4) {
            options = zero;
            options.flags = flags;
            options.capacity = field == 0 ? 6 << 20 : 0;
            options.max_objects = field == 1 ? 2001 : 0;
            options.mode = field == 2 ? 0600 : 0;
            options.reader_quota = field == 3 ? 100001 : 0;
            options.max_readers = field == 4 ? 8 : 0;
            CHECK_STATUS(attempt(options), PLASMA_ERR_MISMATCH);
            CHECK(strlen(plasma_error_message()) > 20);
        }
    }
    options = made_with();
    options.capacity += 64;
    CHECK_STATUS(attempt(options), PLASMA_ERR_MISMATCH);
    CHECK_MESSAGE("5242880"); /* the store's */
    CHECK_MESSAGE("5242944"); /* the requested */
}

static void test_eviction_and_huge_pages_are_refused_where_the_store_has_none(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    make_at(store(), 1 << 20, 0);
    options.eviction = PLASMA_EVICTION_LRU;
    CHECK_STATUS(attempt(options), PLASMA_ERR_MISMATCH);
    options.eviction = PLASMA_EVICTION_NONE;
    options.huge_pages = 1;
    CHECK_STATUS(attempt(options), PLASMA_ERR_MISMATCH);
    CHECK_CONNECT(store(), PLASMA_CONNECT_EPHEMERAL, PLASMA_ERR_MISMATCH);
    /* How much was reserved at creation is not an attribute of the store. */
    CHECK_CONNECT(store(), PLASMA_CONNECT_RESERVE, PLASMA_OK);
    CHECK(is_there(store()));
}

static void test_a_capacity_that_was_rounded_up_matches_itself(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;

    options.capacity = 100001;
    CHECK_OK(plasma_connect(store(), &options, &client));
    CHECK_EQ(stats_of(client).capacity, 100032);
    CHECK_OK(attempt(options));
    options.capacity = 100032;
    CHECK_OK(attempt(options));
    options.capacity = 99968;
    CHECK_STATUS(attempt(options), PLASMA_ERR_MISMATCH);
    plasma_disconnect(client);
}

static void test_defaults_are_a_gigabyte_and_an_object_for_each_kilobyte(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_stats_t stats;

    CHECK_OK(plasma_connect(store(), NULL, &client));
    stats = stats_of(client);
    CHECK(stats.capacity <= 1 << 30 && stats.capacity >= 1 << 20);
    CHECK_EQ(stats.max_objects,
             stats.capacity / 1024 < 1024 ? 1024 : stats.capacity / 1024);
    CHECK_TEXT(stats.file_system, "tmpfs");
    CHECK_EQ(mode_of(in_dir(store(), "index")), 0600);
    plasma_disconnect(client);
    CHECK_OK(plasma_store_remove(store()));
    options.capacity = 4096;
    CHECK_OK(plasma_connect(store(), &options, &client));
    CHECK_EQ(stats_of(client).max_objects, 1024);
    plasma_disconnect(client);
}

static void test_the_default_capacity_is_at_most_half_of_the_free_space(void)
{
    plasma_client_t *client;
    const char *small = in_dir(check_dir, "small");

    if (!as_root()) {
        return;
    }
    private_mounts();
    mount_at(small, "tmpfs", "size=64m");
    CHECK_OK(plasma_connect(in_dir(small, "store"), NULL, &client));
    CHECK(stats_of(client).capacity <= 32 << 20);
    CHECK(stats_of(client).capacity >= 28 << 20);
    plasma_disconnect(client);
    CHECK(umount(small) == 0 && rmdir(small) == 0);
}

static void modes_are(const char *address, unsigned mode, unsigned dir,
                      unsigned locks, unsigned readers)
{
    const mode_t masks[] = { 0, 022, 077, 0777 };

    for (int at = 0; at < 4; at++) {
        plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
        plasma_client_t *client;

        options.mode = mode;
        options.capacity = 1 << 20;
        umask(masks[at]);
        CHECK_OK(plasma_connect(address, &options, &client));
        put_pattern(client, 1, 100, "name");
        CHECK_EQ(mode_of(address), dir);
        CHECK_EQ(mode_of(in_dir(address, "index")), mode);
        CHECK_EQ(mode_of(in_dir(address, "heap")), mode);
        CHECK_EQ(mode_of(in_dir(address, "wake")), mode);
        CHECK_EQ(mode_of(in_dir(address, "members")), mode);
        CHECK_EQ(mode_of(in_dir(address, "locks")), locks);
        CHECK_EQ(entries(in_dir(address, "locks")), LOCKS);
        CHECK_EQ(mode_of(in_dir(address, "locks/7")), mode & 020 ? 0660 : 0600);
        CHECK_EQ(entries(address), readers == 0 ? 5 : 7);
        if (readers != 0) {
            CHECK_EQ(mode_of(in_dir(address, "beacon")), mode);
            CHECK_EQ(mode_of(in_dir(address, "readers")), readers);
        }
        plasma_disconnect(client);
        CHECK_CONNECT(address, PLASMA_CONNECT_READ_ONLY, PLASMA_OK);
        CHECK_OK(plasma_store_remove(address));
        CHECK(!is_there(address));
    }
}

static void all_modes(const char *address)
{
    modes_are(address, 0600, 0700, 0700, 0);
    modes_are(address, 0640, 0750, 0700, 01770);
    modes_are(address, 0644, 0755, 0700, 01777);
    modes_are(address, 0660, 0750, 0750, 0);
    modes_are(address, 0664, 0755, 0750, 01777);
}

static void all_modes_as_another(struct process *parent, void *arg)
{
    (void)parent;
    (void)arg;
    become(STRANGER, STRANGER);
    all_modes(in_dir(store(), "store"));
}

static void test_every_mode_is_exact_whatever_the_umask(void)
{
    all_modes(store());
    CHECK_EQ(entries(check_dir), 0);
    if (as_root()) { /* root is refused nothing by the kernel */
        umask(022);
        CHECK(mkdir(store(), 0755) == 0 && chown(store(), STRANGER, 0) == 0);
        check_child(all_modes_as_another, NULL);
        CHECK(rmdir(store()) == 0);
    }
}

static void test_other_modes_are_refused(void)
{
    const uint32_t wrong[] = {
        1, 0400, 0602, 0604, 0606, 0620, 0646, 0662, 0666, 0700, 0755, 0777,
        01600, 02660, 04600, 0100600, UINT32_MAX,
    };
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
        options.mode = wrong[at];
        CHECK_STATUS(attempt(options), PLASMA_ERR_INVALID_ARGUMENT);
        CHECK_MESSAGE("0640");
    }
    CHECK(!is_there(store()));
}

static void test_values_that_no_store_can_have_are_refused(void)
{
    const plasma_connect_options_t zero = PLASMA_CONNECT_OPTIONS_INIT;

    for (int field = 0; field < 10; field++) {
        plasma_connect_options_t options = zero;
        switch (field) {
        case 0: options.eviction = 2; break;
        case 1: options.huge_pages = 2; break;
        case 2: options.reserved = 1; break;
        case 3: options.lock_timeout_ms = -2; break;
        case 4: options.lock_timeout_ms = INT64_MIN; break;
        case 5: options.flags = 0x20; break;
        case 6: options.flags = PLASMA_CREATE_ZEROED; break;
        case 7: options.flags = PLASMA_CREATE_PINNED; break;
        case 8: options.max_readers = 1025; break;
        default: options.max_objects = UINT64_MAX; break;
        }
        CHECK_STATUS(attempt(options), PLASMA_ERR_INVALID_ARGUMENT);
        CHECK(!is_there(store()));
    }
    make_at(store(), 1 << 20, 0);
    plasma_connect_options_t options = zero;
    options.eviction = 2;
    CHECK_STATUS(attempt(options), PLASMA_ERR_INVALID_ARGUMENT);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(each_option_that_differs_from_the_store_is_a_mismatch),
        TEST(eviction_and_huge_pages_are_refused_where_the_store_has_none),
        TEST(a_capacity_that_was_rounded_up_matches_itself),
        TEST(defaults_are_a_gigabyte_and_an_object_for_each_kilobyte),
        TEST(the_default_capacity_is_at_most_half_of_the_free_space),
        TEST(every_mode_is_exact_whatever_the_umask),
        TEST(other_modes_are_refused),
        TEST(values_that_no_store_can_have_are_refused),
    };
    return RUN_TESTS(argc, argv, tests);
}
