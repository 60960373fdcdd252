/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A reader of another uid does what the kernel lets it do: to its own
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
    /* The identity, the ring; the leases only where none can be meant. */
    write_at(own, 8, words, sizeof words - 8);
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
    };
    return RUN_TESTS(argc, argv, tests);
}
