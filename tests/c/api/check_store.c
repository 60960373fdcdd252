/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * plasma_check() counts the contents of a store, and reports problems.
 */

#include "check.h"

/* Offsets from docs/internals/layout.md. */
enum { LOCK_AT = 256, FREE_UNITS_AT = 520 };

static plasma_check_report_t report_of(plasma_client_t *client)
{
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;

    CHECK_OK(plasma_check(client, &report));
    return report;
}

/** Change the word at an offset of this test's index by a difference. */
static void add_to_word(off_t at, uint64_t difference)
{
    char path[700];
    uint64_t word;

    snprintf(path, sizeof path, "%s/index", store());
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0);
    CHECK(pread(fd, &word, sizeof word, at) == sizeof word);
    word += difference;
    CHECK(pwrite(fd, &word, sizeof word, at) == sizeof word);
    CHECK(close(fd) == 0);
}

static void test_a_sound_store_is_counted_and_nothing_is_wrong(void)
{
    plasma_client_t *client = make_store(1 << 20);
    plasma_client_t *other = join_store();
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(9), deleted = id_of(2);

    plasma_check_report_t report = report_of(client);
    CHECK_EQ(report.records + report.objects + report.extents, 0);
    CHECK_EQ(report.free_blocks, 1);
    CHECK_EQ(report.clients, 2);

    put_pattern(client, 1, 1000, "one");
    put_pattern(other, 2, 1000, NULL);
    put_pattern(client, 3, 0, NULL);
    plasma_buffer_t held = get_pattern(other, 2, 1000);
    CHECK_OK(plasma_delete(client, &deleted));
    CHECK_OK(plasma_create(other, &id, 5000, NULL, &writable));
    report = report_of(client);
    CHECK_EQ(report.problem_count, 0);
    CHECK_TEXT(report.first_problem, "");
    CHECK_EQ(report.records, 4);
    CHECK_EQ(report.objects, 4);
    CHECK_EQ(report.extents, 4); /* the first has a name, the third no bytes */
    CHECK_EQ(report.leases, 1);

    CHECK_OK(plasma_abort(&writable));
    CHECK_OK(plasma_release(&held));
    CHECK(used_after_reap(client) > 0);
    report = report_of(other);
    CHECK_EQ(report.problem_count, 0);
    CHECK_EQ(report.records, 4);
    CHECK_EQ(report.objects, 2);
    CHECK_EQ(report.leases, 0);
    plasma_disconnect(other);
    plasma_disconnect(client);
}

static void test_problems_are_counted_and_named(void)
{
    plasma_client_t *client = make_store(1 << 20);

    put_pattern(client, 1, 1000, NULL);
    add_to_word(FREE_UNITS_AT, 1);
    plasma_check_report_t report = report_of(client);
    CHECK_EQ(report.problem_count, 1);
    CHECK(strncmp(report.first_problem, "I23: ", 5) == 0);
    CHECK_EQ(report.objects, 1);
    /* A cache of the table is rebuilt once its damage was reported. */
    CHECK_EQ(report_of(client).problem_count, 0);
    plasma_disconnect(client);
}

static void test_a_lock_of_nonsense_is_corrupt(void)
{
    plasma_client_t *client = make_store(1 << 20);
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;

    add_to_word(LOCK_AT, UINT64_C(1) << 20);
    CHECK_STATUS(plasma_check(client, &report), PLASMA_ERR_CORRUPT);
    add_to_word(LOCK_AT, UINT64_MAX << 20);
    CHECK_EQ(report_of(client).problem_count, 0);
    plasma_disconnect(client);
}

static void test_a_reader_cannot_check(void)
{
    plasma_client_t *client = make_store(1 << 20);
    plasma_client_t *reader = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;

    CHECK_STATUS(plasma_check(reader, &report), PLASMA_ERR_READ_ONLY);
    CHECK_EQ(report.records, 0);
    plasma_disconnect(reader);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_sound_store_is_counted_and_nothing_is_wrong),
        TEST(problems_are_counted_and_named),
        TEST(a_lock_of_nonsense_is_corrupt),
        TEST(a_reader_cannot_check),
    };
    return RUN_TESTS(argc, argv, tests);
}
