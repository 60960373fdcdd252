/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * File systems that are full, small, or cannot hold a store; mount points. All
 * tests need root; only the test sees the mounts.
 */

#include "system.h"

/** Mount a file system of a type at the path of this test's store. */
static const char *mounted(const char *type, const char *options)
{
    private_mounts();
    mount_at(store(), type, options);
    return store();
}

static void unmounted(void)
{
    CHECK(umount(store()) == 0 && rmdir(store()) == 0);
}

/** Take all the room of a file system except some bytes. */
static void fill_up(const char *dir, uint64_t but)
{
    int fd = open(in_dir(dir, "ballast"), O_WRONLY | O_CREAT, 0600);
    char block[4096] = { 0 };
    off_t size = 0;

    CHECK(fd >= 0);
    while (write(fd, block, sizeof block) == (ssize_t)sizeof block) {
        size += (off_t)sizeof block;
    }
    CHECK(errno == ENOSPC);
    CHECK(ftruncate(fd, size - (off_t)but) == 0 && close(fd) == 0);
}

static plasma_status_t connect_sized(const char *address, uint32_t flags,
                                     uint64_t capacity)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = NULL;

    options.flags = flags;
    options.capacity = capacity;
    plasma_status_t status = plasma_connect(address, &options, &client);
    CHECK((client != NULL) == (status == PLASMA_OK));
    plasma_disconnect(client);
    return status;
}

static void test_a_full_file_system_is_out_of_memory_and_nothing_stays(void)
{
    if (!as_root()) {
        return;
    }
    const char *dir = mounted("tmpfs", "size=8m");
    const char *address = in_dir(dir, "store");
    const uint64_t room[] = { 0, 4096, 8192, 20480, 65536, 131072, 262144 };
    for (size_t at = 0; at < sizeof room / sizeof *room; at++) {
        fill_up(dir, room[at]);
        CHECK_STATUS(connect_sized(address, 0, 4 << 20),
                     PLASMA_ERR_OUT_OF_MEMORY);
        CHECK_MESSAGE(address);
        CHECK_MESSAGE("--shm-size");
        CHECK_EQ(plasma_error_errno(), ENOSPC);
        CHECK_EQ(entries(dir), 1);
        CHECK(unlink(in_dir(dir, "ballast")) == 0);
    }
    CHECK_OK(connect_sized(address, 0, 4 << 20));
    unmounted();
}

static void test_a_file_system_without_inodes_left_is_out_of_memory(void)
{
    if (!as_root()) {
        return;
    }
    const char *dir = mounted("tmpfs", "size=64m,nr_inodes=8");
    int files = 0;

    for (; files < 8; files++) {
        char name[32];
        snprintf(name, sizeof name, "file-%d", files);
        int fd = open(in_dir(dir, name), O_WRONLY | O_CREAT, 0600);
        if (fd < 0) {
            break;
        }
        close(fd);
    }
    for (; files > 0; files--) {
        char name[32];
        plasma_client_t *client = NULL;
        plasma_status_t status = connect_to(in_dir(dir, "store"), 0, &client);
        if (status == PLASMA_OK) {
            plasma_disconnect(client);
            break;
        }
        CHECK_STATUS(status, PLASMA_ERR_OUT_OF_MEMORY);
        CHECK_EQ(entries(dir), files + is_there(in_dir(dir, "store")));
        snprintf(name, sizeof name, "file-%d", files - 1);
        CHECK(unlink(in_dir(dir, name)) == 0);
    }
    unmounted();
}

static void test_a_capacity_above_the_file_system_is_refused(void)
{
    if (!as_root()) {
        return;
    }
    const char *dir = mounted("tmpfs", "size=16m");
    const char *address = in_dir(dir, "store");

    CHECK_STATUS(connect_sized(address, 0, (16 << 20) + 4096),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_MESSAGE("16777216");
    CHECK_STATUS(connect_sized(address, 0, (uint64_t)1 << 46),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_EITHER(connect_sized(address, 0, UINT64_MAX),
                 PLASMA_ERR_OUT_OF_MEMORY, PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(connect_sized(address, PLASMA_CONNECT_RESERVE, 16 << 20),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_EQ(entries(dir), 0);
    CHECK_OK(connect_sized(address, PLASMA_CONNECT_RESERVE, 12 << 20));
    CHECK_OK(plasma_store_remove(address));
    CHECK_OK(connect_sized(address, 0, 16 << 20));
    unmounted();
}

static void test_reserve_takes_all_memory_at_once(void)
{
    plasma_client_t *client;
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    struct stat stat;

    options.flags = PLASMA_CONNECT_RESERVE;
    options.capacity = 9 << 20;
    CHECK_OK(plasma_connect(store(), &options, &client));
    CHECK_EQ(stats_of(client).reserved, 9 << 20);
    CHECK(lstat(in_dir(store(), "heap"), &stat) == 0);
    CHECK(stat.st_blocks * 512 >= 9 << 20);
    plasma_disconnect(client);
}

static void test_a_file_system_without_fallocate_is_unsupported(void)
{
    if (!as_root()) {
        return;
    }
    const char *dir = mounted("ramfs", NULL);

    CHECK_STATUS(connect_sized(in_dir(dir, "store"), 0, 1 << 20),
                 PLASMA_ERR_UNSUPPORTED);
    CHECK_MESSAGE("fallocate");
    CHECK_STATUS(connect_sized(in_dir(dir, "store"), 0, 0),
                 PLASMA_ERR_UNSUPPORTED);
    CHECK_EQ(entries(dir), 0);
    unmounted();
}

static void test_hugetlbfs_is_unsupported(void)
{
    if (!as_root()) {
        return;
    }
    private_mounts();
    CHECK(mkdir(store(), 0755) == 0);
    if (mount("hugetlbfs", store(), "hugetlbfs", 0, NULL) != 0) {
        skip_test("this kernel has no hugetlbfs");
        CHECK(rmdir(store()) == 0);
        return;
    }
    CHECK_STATUS(connect_sized(in_dir(store(), "store"), 0, 1 << 20),
                 PLASMA_ERR_UNSUPPORTED);
    CHECK_MESSAGE("hugetlbfs");
    CHECK_EQ(entries(store()), 0);
    unmounted();
}

static void test_a_read_only_file_system_refuses_to_create(void)
{
    if (!as_root()) {
        return;
    }
    const char *dir = mounted("tmpfs", "size=8m");

    CHECK(mount("tmpfs", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
    CHECK_STATUS(connect_sized(in_dir(dir, "store"), 0, 1 << 20),
                 PLASMA_ERR_PERMISSION);
    CHECK_EQ(plasma_error_errno(), EROFS);
    CHECK_CONNECT(in_dir(dir, "store"), PLASMA_CONNECT_EXISTING,
                  PLASMA_ERR_STORE_NOT_FOUND);
    unmounted();
}

/* ---- Mount points ---- */

/** The store at `from` works at a mount point, and is not removed there. */
static void used_at(const char *mount_point)
{
    plasma_client_t *client;

    CHECK_OK(connect_to(mount_point, 0, &client));
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    CHECK_STATUS(plasma_store_remove(mount_point), PLASMA_ERR_UNSUPPORTED);
    CHECK_MESSAGE("mount");
    put_pattern(client, 2, 100, NULL); /* it still works */
    plasma_id_t id = id_of(2);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
    CHECK_CONNECT(mount_point, PLASMA_CONNECT_READ_ONLY, PLASMA_OK);
}

static void test_a_store_on_a_mount_point_is_used_but_not_removed(void)
{
    plasma_client_t *client;
    char here[700], there[700];

    if (!as_root()) {
        return;
    }
    const char *dir = mounted("tmpfs", "size=32m");
    other_store("bound", here);
    snprintf(there, sizeof there, "%s/bound", dir);
    make_at(in_dir(dir, "store"), 4 << 20, 0);
    CHECK_OK(plasma_connect(in_dir(dir, "store"), NULL, &client));
    put_pattern(client, 1, 1000, NULL);
    plasma_disconnect(client);

    CHECK(mkdir(here, 0755) == 0 && mkdir(there, 0755) == 0);
    CHECK(mount(in_dir(dir, "store"), here, NULL, MS_BIND, NULL) == 0);
    used_at(here); /* on another file system */
    CHECK(umount(here) == 0 && rmdir(here) == 0);
    CHECK(mount(in_dir(dir, "store"), there, NULL, MS_BIND, NULL) == 0);
    used_at(there); /* on the same one */
    CHECK(umount(there) == 0);
    CHECK_OK(plasma_store_remove(in_dir(dir, "store")));
    unmounted();
}

static void test_no_store_is_made_at_a_mount_point(void)
{
    if (!as_root()) {
        return;
    }
    const char *dir = mounted("tmpfs", "size=8m");

    CHECK_STATUS(connect_sized(dir, 0, 1 << 20), PLASMA_ERR_NOT_A_STORE);
    CHECK_EITHER(plasma_store_remove(dir), PLASMA_ERR_NOT_A_STORE,
                 PLASMA_ERR_UNSUPPORTED);
    CHECK_EQ(entries(dir), 0);
    unmounted();
}

/** Readers need a file of their own too, so READ_ONLY does not help. */
static void test_a_store_on_a_read_only_mount_says_what_helps(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;

    if (!as_root()) {
        return;
    }
    const char *dir = mounted("tmpfs", "size=8m");
    char address[700];

    snprintf(address, sizeof address, "%s", in_dir(dir, "store"));
    CHECK_OK(connect_sized(address, 0, 1 << 20));
    CHECK(mount("tmpfs", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
    options.flags = PLASMA_CONNECT_READ_ONLY;
    CHECK_STATUS(plasma_connect(address, &options, &client),
                 PLASMA_ERR_PERMISSION);
    CHECK_MESSAGE("mounted read-only");
    CHECK(strstr(plasma_error_message(), "PLASMA_CONNECT") == NULL);
    CHECK(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, NULL) == 0);
    CHECK_OK(plasma_connect(address, &options, &client));
    plasma_disconnect(client);
    CHECK_OK(plasma_store_remove(address));
    unmounted();
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_full_file_system_is_out_of_memory_and_nothing_stays),
        TEST(a_file_system_without_inodes_left_is_out_of_memory),
        TEST(a_capacity_above_the_file_system_is_refused),
        TEST(reserve_takes_all_memory_at_once),
        TEST(a_file_system_without_fallocate_is_unsupported),
        TEST(hugetlbfs_is_unsupported),
        TEST(a_read_only_file_system_refuses_to_create),
        TEST(a_store_on_a_read_only_mount_says_what_helps),
        TEST(a_store_on_a_mount_point_is_used_but_not_removed),
        TEST(no_store_is_made_at_a_mount_point),
    };
    return RUN_TESTS(argc, argv, tests);
}
