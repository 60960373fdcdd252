/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Calls by name, and by patterns of names.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)

static void check_matching(plasma_client_t *client, const char *pattern,
                           const char *names)
{
    plasma_list_t *list;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    char found[300] = "";

    CHECK_OK(plasma_list_matching(client, pattern, &list));
    for (uint64_t at = 0; at < plasma_list_count(list); at++) {
        CHECK_OK(plasma_list_at(list, at, &info));
        strcat(found, info.name);
        strcat(found, info.state == PLASMA_STATE_SEALED ? " " : "? ");
    }
    CHECK_TEXT(found, names);
    plasma_list_free(list);
}

static void test_a_list_has_the_objects_whose_names_match(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *reader = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(9), gone = id_of(2);
    plasma_list_t *list;

    put_pattern(client, 1, 10, "data/1");
    put_pattern(client, 2, 10, "data/2");
    put_pattern(client, 3, 10, "data/sub/3");
    put_pattern(client, 4, 10, NULL);
    put_pattern(client, 5, 10, "d\303\251j\303\240");
    options.name = "data/new";
    CHECK_OK(plasma_create(client, &id, 10, &options, &writable));
    check_matching(reader, "data/?", "data/1 data/2 ");
    check_matching(client, "data/*", "data/1 data/2 data/sub/3 data/new? ");
    check_matching(client, "d?j?", "d\303\251j\303\240 ");
    check_matching(client, "*", "data/1 data/2 data/sub/3 d\303\251j\303\240 data/new? ");
    check_matching(client, "data", "");
    /* A deleted object has no name, even while it is held. */
    plasma_buffer_t held = get_pattern(client, 2, 10);
    CHECK_OK(plasma_delete(client, &gone));
    check_matching(client, "data/?", "data/1 ");
    CHECK_OK(plasma_release(&held));
    CHECK_OK(plasma_fail(&writable, "no"));
    check_matching(client, "*new", "data/new? ");
    CHECK_STATUS(plasma_list_matching(client, "", &list), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_list_matching(client, NULL, &list), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_list_matching(client, "\377", &list), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_list_matching(client, "*", NULL), PLASMA_ERR_INVALID_ARGUMENT);
    plasma_disconnect(reader);
    plasma_disconnect(client);
}

static void test_a_subscription_hears_of_names_that_match(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_subscription_t *events;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(9), first = id_of(1);
    int fd;

    CHECK_OK(plasma_subscribe_matching(client, "data/*", &events));
    CHECK_OK(plasma_event_fd(events, &fd));
    put_pattern(client, 1, 10, "other");
    put_pattern(client, 2, 10, NULL);
    CHECK_STATUS(plasma_next_event(events, 0, &event), PLASMA_ERR_TIMEOUT);
    put_pattern(client, 3, 10, "data/3");
    put_pattern(client, 4, 10, NULL);
    options.name = "data/9";
    CHECK_OK(plasma_create(client, &id, 10, &options, &writable));
    CHECK_OK(plasma_fail(&writable, "no"));
    CHECK_OK(plasma_next_event(events, -1, &event));
    CHECK_EQ(event.type, PLASMA_EVENT_SEALED);
    CHECK(same_id(event.id, id_of(3)));
    CHECK_OK(plasma_next_event(events, -1, &event));
    CHECK_EQ(event.type, PLASMA_EVENT_FAILED);
    CHECK(same_id(event.id, id));
    /* What was deleted has no name that could match. */
    CHECK_OK(plasma_delete(client, &id));
    CHECK_OK(plasma_delete(client, &first));
    put_pattern(client, 5, 10, "data/5");
    id = id_of(5);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_STATUS(plasma_next_event(events, 0, &event), PLASMA_ERR_TIMEOUT);
    plasma_unsubscribe(events);
    CHECK_STATUS(plasma_subscribe_matching(client, "", &events), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_subscribe_matching(client, NULL, &events), PLASMA_ERR_INVALID_ARGUMENT);
    plasma_disconnect(client);
}

static void test_an_object_is_deleted_by_its_name(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *reader = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);

    put_pattern(client, 1, 10, "one");
    CHECK_STATUS(plasma_delete_by_name(client, "two"), PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_delete_by_name(reader, "one"), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_delete_by_name(client, NULL), PLASMA_ERR_INVALID_ARGUMENT);
    options.name = "two";
    CHECK_OK(plasma_create(client, &id, 10, &options, &writable));
    CHECK_STATUS(plasma_delete_by_name(client, "two"), PLASMA_ERR_NOT_SEALED);
    CHECK_OK(plasma_abort(&writable));
    CHECK_OK(plasma_delete_by_name(client, "one"));
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    CHECK_STATUS(plasma_delete_by_name(client, "one"), PLASMA_ERR_NOT_FOUND);
    CHECK_EQ(used_after_reap(client), 0);
    plasma_disconnect(reader);
    plasma_disconnect(client);
}

enum { LOADERS = 5 };

static void load(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer;
    plasma_mutable_buffer_t writable;
    int32_t created;

    (void)arg;
    CHECK_OK(plasma_get_or_create_by_name(client, "shared", 100, NULL, -1, &buffer,
                                          &writable, &created));
    if (created) {
        fill(writable.data, writable.size, 7);
        CHECK_OK(plasma_seal(&writable));
    } else {
        CHECK_EQ(buffer.size, 100);
        CHECK(is_filled(buffer.data, 100, 7));
        CHECK_OK(plasma_release(&buffer));
    }
    tell(parent, created ? 'c' : 'g');
    plasma_disconnect(client);
}

static void test_of_many_that_get_or_create_a_name_one_creates(void)
{
    struct process loaders[LOADERS];
    plasma_client_t *client = make_store(MIB);
    int created = 0;

    for (int at = 0; at < LOADERS; at++) {
        loaders[at] = spawn(load, NULL);
    }
    for (int at = 0; at < LOADERS; at++) {
        char letter = 0;
        hear_bytes(&loaders[at], &letter, 1);
        created += letter == 'c';
        finish(&loaders[at]);
    }
    CHECK_EQ(created, 1);
    CHECK_EQ(stats_of(client).objects_sealed, 1);
    plasma_disconnect(client);
}

static void test_get_or_create_by_name_says_what_is_in_its_way(void)
{
    plasma_client_t *client = connect_store(PLASMA_CONNECT_EXCLUSIVE, MIB, 0);
    plasma_client_t *reader = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable, other;
    plasma_buffer_t buffer;
    int32_t created;

#define TRY(client, name, size, options, timeout)                             \
    plasma_get_or_create_by_name(client, name, size, options, timeout, &buffer, \
                                 &other, &created)
    CHECK_STATUS(TRY(reader, "one", 10, NULL, 0), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(TRY(client, "", 10, NULL, 0), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(TRY(client, NULL, 10, NULL, 0), PLASMA_ERR_INVALID_ARGUMENT);
    options.name = "two";
    CHECK_STATUS(TRY(client, "one", 10, &options, 0), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(TRY(client, "one", 2 * MIB, NULL, 0), PLASMA_ERR_TOO_LARGE);
    CHECK_EQ(stats_of(client).objects_writing, 0);
    options.name = "one";
    CHECK_OK(plasma_get_or_create_by_name(client, "one", MIB / 2, &options, 0, &buffer,
                                          &writable, &created));
    CHECK_EQ(created, 1);
    CHECK_STATUS(TRY(client, "one", 10, NULL, 0), PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(TRY(client, "one", 10, NULL, 1), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(TRY(client, "big", MIB / 4 * 3, NULL, 0), PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_OK(plasma_fail(&writable, "no"));
    CHECK_STATUS(TRY(client, "one", 10, NULL, 0), PLASMA_ERR_FAILED);
    CHECK_OK(plasma_delete_by_name(client, "one"));
    put_pattern(client, 1, 10, "one");
    CHECK_OK(TRY(client, "one", 10, NULL, 0));
    CHECK_EQ(created, 0);
    CHECK(is_filled(buffer.data, 10, 1));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(reader);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_list_has_the_objects_whose_names_match),
        TEST(a_subscription_hears_of_names_that_match),
        TEST(an_object_is_deleted_by_its_name),
        TEST(of_many_that_get_or_create_a_name_one_creates),
        TEST(get_or_create_by_name_says_what_is_in_its_way),
    };
    return RUN_TESTS(argc, argv, tests);
}
