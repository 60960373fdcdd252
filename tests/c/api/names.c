/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The names of objects.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)

/** Names with every kind of text, all different. */
static const char *const NAMES[] = {
    "a", "A", "b", " ", "a ", " a", "/", "/usr/share/doc/README", "../..", ".",
    "a\tb\nc", "\x01", "\x7f", "%s%n", "quote\"'`", "\\",
    "\xc3\xa9",                             /* e acute */
    "e\xcc\x81",                            /* the same, decomposed */
    "\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87",     /* Cyrillic */
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", /* Japanese */
    "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",     /* right to left */
    "\xf0\x9f\x8e\x89\xf0\x9f\x92\xbe",     /* outside the basic plane */
    "\xf4\x8f\xbf\xbf",                     /* the last code point */
    "\xef\xbb\xbf" "bom",
};
enum { NAME_COUNT = sizeof NAMES / sizeof *NAMES };

/** A name of exactly `length` bytes, in characters of two bytes and then one. */
static const char *long_name(size_t length, char last)
{
    static char name[300];

    for (size_t at = 0; at + 1 < length; at += 2) {
        memcpy(name + at, "\xc3\xa9", 2);
    }
    name[length - 1] = last;
    name[length] = 0;
    if (length % 2 == 0) {
        name[length - 2] = last;
    }
    return name;
}

static void read_names(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_id_t id;

    (void)parent, (void)arg;
    for (uint64_t at = 0; at < NAME_COUNT; at++) {
        CHECK_OK(plasma_get_by_name(client, NAMES[at], 0, &buffer));
        CHECK_EQ(buffer.size, 10 + at);
        CHECK(is_filled(buffer.data, buffer.size, at));
        CHECK_OK(plasma_buffer_info(&buffer, &info));
        CHECK_TEXT(info.name, NAMES[at]);
        CHECK(info.flags & PLASMA_OBJECT_NAMED);
        CHECK_OK(plasma_release(&buffer));
        CHECK_OK(plasma_lookup(client, NAMES[at], &id));
        CHECK(same_id(id, id_of(at)));
        CHECK_OK(plasma_object_info(client, &id, &info));
        CHECK_TEXT(info.name, NAMES[at]);
    }
    CHECK_STATUS(plasma_lookup(client, "aa", &id), PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_get_by_name(client, "B", 0, &buffer),
                 PLASMA_ERR_NOT_FOUND);
    plasma_disconnect(client);
}

static void test_any_utf_8_is_a_name_in_every_process(void)
{
    plasma_client_t *client = make_store(MIB);

    for (uint64_t at = 0; at < NAME_COUNT; at++) {
        put_pattern(client, at, 10 + at, NAMES[at]);
    }
    struct process reader = spawn(read_names, NULL);
    finish(&reader);
    plasma_disconnect(client);
}

static void test_a_name_has_up_to_255_bytes(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_id_t id = id_of(1000), found;
    uint64_t number = 0;

    for (size_t length = 1; length <= PLASMA_NAME_MAX; length++) {
        put_pattern(client, number++, 1, long_name(length, 'a'));
        put_pattern(client, number++, 1, long_name(length, 'b'));
    }
    number = 0;
    for (size_t length = 1; length <= PLASMA_NAME_MAX; length++) {
        CHECK_OK(plasma_lookup(client, long_name(length, 'a'), &found));
        CHECK(same_id(found, id_of(number++)));
        CHECK_OK(plasma_lookup(client, long_name(length, 'b'), &found));
        CHECK(same_id(found, id_of(number++)));
        CHECK_OK(plasma_object_info(client, &found, &info));
        CHECK_TEXT(info.name, long_name(length, 'b'));
    }
    options.name = long_name(PLASMA_NAME_MAX + 1, 'a');
    CHECK_STATUS(plasma_put(client, &id, "x", 1, &options),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_EQ(state_of(client, 1000), PLASMA_STATE_ABSENT);
    plasma_disconnect(client);
}

static void test_an_object_without_a_name_has_none(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_id_t id = id_of(1);

    put_pattern(client, 1, 100, NULL);
    CHECK_OK(plasma_object_info(client, &id, &info));
    CHECK_TEXT(info.name, "");
    CHECK_EQ(info.flags & PLASMA_OBJECT_NAMED, 0);
    plasma_disconnect(client);
}

static void take_a_taken_name(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);

    (void)parent, (void)arg;
    options.name = "taken";
    plasma_stats_t before = stats_of(client);
    for (int turn = 0; turn < 100; turn++) {
        CHECK_STATUS(plasma_create(client, &id, 1000, &options, &writable),
                     PLASMA_ERR_NAME_EXISTS);
        CHECK_STATUS(plasma_put(client, &id, "x", 1, &options),
                     PLASMA_ERR_NAME_EXISTS);
        CHECK_EQ(state_of(client, 2), PLASMA_STATE_ABSENT);
    }
    CHECK_EQ(stats_of(client).used, before.used);
    CHECK_EQ(stats_of(client).objects_writing, before.objects_writing);
    plasma_disconnect(client);
}

static void test_a_name_is_taken_from_creation_on(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable, second;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1), second_id = id_of(9), found;
    int32_t created;

    options.name = "taken";
    CHECK_OK(plasma_create(client, &id, 1000, &options, &writable));
    CHECK_STATUS(plasma_get_or_create(client, &second_id, 10, &options, 0,
                                      &buffer, &second, &created),
                 PLASMA_ERR_NAME_EXISTS);
    struct process other = spawn(take_a_taken_name, NULL);
    finish(&other);
    CHECK_OK(plasma_lookup(client, "taken", &found));
    CHECK(same_id(found, id));
    CHECK_STATUS(plasma_get_by_name(client, "taken", 0, &buffer),
                 PLASMA_ERR_NOT_SEALED);
    CHECK_OK(plasma_seal(&writable));
    other = spawn(take_a_taken_name, NULL);
    finish(&other);
    plasma_disconnect(client);
}

static void hold_the_old(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t old, new;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;

    (void)arg;
    CHECK_OK(plasma_get_by_name(client, "name", 0, &old));
    tell(parent, 'h');
    hear(parent, 'd');
    CHECK_EQ(old.size, 1000);
    CHECK(is_filled(old.data, 1000, 1));
    CHECK_OK(plasma_get_by_name(client, "name", 0, &new));
    CHECK_EQ(new.size, 2000);
    CHECK(is_filled(new.data, 2000, 2));
    CHECK_OK(plasma_buffer_info(&new, &info));
    CHECK(same_id(info.id, id_of(2)));
    CHECK_OK(plasma_release(&new));
    new = get_pattern(client, 1, 1000);
    CHECK(new.data != old.data);
    CHECK_OK(plasma_buffer_info(&new, &info));
    CHECK_TEXT(info.name, "another name");
    CHECK_OK(plasma_release(&new));
    CHECK(is_filled(old.data, 1000, 1));
    CHECK_OK(plasma_release(&old));
    plasma_disconnect(client);
}

static void test_name_and_id_are_free_at_once_after_a_delete(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1), found;

    put_pattern(client, 1, 1000, "name");
    struct process holder = spawn(hold_the_old, NULL);
    hear(&holder, 'h');
    CHECK_OK(plasma_delete(client, &id));
    CHECK_STATUS(plasma_lookup(client, "name", &found), PLASMA_ERR_NOT_FOUND);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    put_pattern(client, 2, 2000, "name");
    put_pattern(client, 1, 1000, "another name");
    tell(&holder, 'd');
    finish(&holder);
    plasma_disconnect(client);
}

static void test_names_are_reused_many_times(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *other = join_store();
    plasma_buffer_t buffer;
    char name[32];

    for (uint64_t turn = 0; turn < 3000; turn++) {
        plasma_id_t id = id_of(turn % 7);
        snprintf(name, sizeof name, "name %" PRIu64, turn % 5);
        put_pattern(client, turn % 7, turn % 300, name);
        CHECK_OK(plasma_get_by_name(other, name, 0, &buffer));
        CHECK_EQ(buffer.size, turn % 300);
        CHECK(is_filled(buffer.data, buffer.size, turn % 7));
        CHECK_OK(plasma_release(&buffer));
        CHECK_OK(plasma_delete(turn % 2 ? client : other, &id));
    }
    CHECK_EQ(stats_of(client).objects_sealed, 0);
    CHECK_EQ(used_after_reap(other), 0);
    plasma_disconnect(client);
    plasma_disconnect(other);
}

static void wait_for_a_name(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer;

    (void)arg;
    tell(parent, 'w');
    CHECK_OK(plasma_get_by_name(client, "awaited", -1, &buffer));
    CHECK_EQ(buffer.size, 300);
    CHECK(is_filled(buffer.data, 300, 2));
    tell(parent, 'g');
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_a_get_by_name_waits_for_the_name(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;

    struct process waiter = spawn(wait_for_a_name, NULL);
    hear(&waiter, 'w');
    await_sleep(waiter.pid, waiter.pid);
    options.name = "awaited";
    CHECK_OK(plasma_create(client, &id, 100, &options, &writable));
    CHECK_STATUS(plasma_get_by_name(client, "awaited", 0, &buffer),
                 PLASMA_ERR_NOT_SEALED);
    await_sleep(waiter.pid, waiter.pid);
    CHECK_OK(plasma_abort(&writable));
    await_sleep(waiter.pid, waiter.pid);
    put_pattern(client, 2, 300, "awaited");
    hear(&waiter, 'g');
    finish(&waiter);
    int64_t begin = now_ms();
    CHECK_STATUS(plasma_get_by_name(client, "nobody", 30, &buffer),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - begin >= 29);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(any_utf_8_is_a_name_in_every_process),
        TEST(a_name_has_up_to_255_bytes),
        TEST(an_object_without_a_name_has_none),
        TEST(a_name_is_taken_from_creation_on),
        TEST(name_and_id_are_free_at_once_after_a_delete),
        TEST(names_are_reused_many_times),
        TEST(a_get_by_name_waits_for_the_name),
    };
    return RUN_TESTS(argc, argv, tests);
}
