/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A reader of another uid does what the kernel lets it do: to its own file
 * and in readers/. Producers and honest readers do not notice.
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
    /* The identity, the ring; the leases only where none can be meant. */
    write_at(own, 8, words, sizeof words - 8);
}

static void plant(const char *own)
{
    const char *readers = in_dir(address, "readers");
    const char *const odd[] = { "007", "+8", " 9", "1e3", "-1", "1024", "x",
                                ".1", "99999999999999999999", "0x10" };
    char name[32];

    (void)own;
    mkfifo(in_dir(readers, "500"), 0666);
    symlink("/etc/passwd", in_dir(readers, "501"));
    symlink(in_dir(address, "index"), in_dir(readers, "502"));
    symlink("503", in_dir(readers, "503"));
    mkdir(in_dir(readers, "504"), 0777);
    mknod(in_dir(readers, "505"), S_IFSOCK | 0666, 0);
    if (link(in_dir(address, "index"), in_dir(readers, "506")) == 0) {
        printf("the kernel allows hard links to what is only readable\n");
    }
    for (size_t at = 0; at < sizeof odd / sizeof *odd; at++) {
        int fd = open(in_dir(readers, odd[at]), O_CREAT | O_RDWR, 0644);
        CHECK(fd >= 0 || errno == EEXIST);
        close(fd);
    }
    for (int at = 0; at < 3000; at++) {
        snprintf(name, sizeof name, "%s%d", at % 2 ? "junk" : "", 600 + at / 8);
        int fd = open(in_dir(readers, name), O_CREAT | O_RDWR, 0644);
        CHECK(fd >= 0 || errno == EEXIST);
        close(fd);
    }
}

/** Names beyond what is listed, and each slot taken by what is no client. */
static void plant_thousands(const char *own)
{
    const char *readers = in_dir(address, "readers");
    char name[32], path[1024];

    (void)own;
    for (int at = 0; at < 1024; at++) {
        snprintf(path, sizeof path, "%s/%d", readers, at);
        int done = at % 4 == 0   ? mkfifo(path, 0666)
                   : at % 4 == 1 ? mkdir(path, 0700)
                   : at % 4 == 2 ? symlink("/", path)
                                 : mknod(path, S_IFSOCK | 0666, 0);
        CHECK(done == 0 || errno == EEXIST);
        if (at % 16 == 1 && done == 0) {
            CHECK(mkdir(in_dir(path, "full"), 0700) == 0); /* not to be removed */
        }
    }
    for (int at = 0; at < 20000; at++) {
        snprintf(name, sizeof name, "%d", 1024 + at);
        int fd = open(in_dir(readers, name), O_CREAT | O_RDWR, 0644);
        CHECK(fd >= 0 || errno == EEXIST);
        close(fd);
    }
}

/** Every slot is a name of its own file. */
static void link_own_file(const char *own)
{
    for (int at = 0; at < 1024; at++) {
        CHECK(link(own, slot_file(at)) == 0 || errno == EEXIST);
    }
}

static void grow_own_file(const char *own)
{
    const off_t huge = (off_t)1 << 62;
    const uint64_t all = UINT64_MAX;

    CHECK(truncate(own, huge) == 0 || truncate(own, huge / 1024) == 0);
    write_at(own, 64, &all, sizeof all); /* so many leases, it says */
}

SURVIVES(cut_own_file)
SURVIVES(cut_own_file_in_the_leases)
SURVIVES(unlink_own_file)
SURVIVES(rename_own_file)
SURVIVES(replace_own_file)
SURVIVES(hide_own_file)
SURVIVES(fill_own_file_with_nonsense)
SURVIVES(plant)
SURVIVES(plant_thousands)
SURVIVES(link_own_file)
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
        TEST(plant),
        TEST(plant_thousands),
        TEST(link_own_file),
        TEST(grow_own_file),
    };
    return RUN_TESTS(argc, argv, tests);
}
