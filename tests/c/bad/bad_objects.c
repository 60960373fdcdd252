/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sizes, ids, names and metadata that no object can have; objects that exist
 * already, or are not sealed yet.
 */

#include "system.h"

enum { CAPACITY = 1 << 20 };

static const uint64_t huge_sizes[] = {
    CAPACITY + 1, (uint64_t)1 << 32, (uint64_t)1 << 47, (uint64_t)1 << 48,
    (uint64_t)1 << 63, UINT64_MAX - 127, UINT64_MAX - 64, UINT64_MAX - 63,
    UINT64_MAX - 1, UINT64_MAX,
};
enum { HUGE_SIZES = sizeof huge_sizes / sizeof *huge_sizes };

static void test_sizes_above_the_capacity_are_too_large(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable, before;
    plasma_status_t statuses[2];
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1), other = id_of(2), ids[2] = { id_of(3), id_of(4) };
    const void *datas[2] = { "x", "x" };
    uint64_t number;
    int32_t created;

    CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    fill(writable.data, 100, 1);
    before = writable;
    options.timeout_ms = -1; /* waiting would not help */
    for (int at = 0; at < HUGE_SIZES; at++) {
        const uint64_t size = huge_sizes[at], sizes[2] = { 1, size };
        plasma_mutable_buffer_t none;
        CHECK_STATUS(plasma_create(client, &other, size, &options, &none),
                     PLASMA_ERR_TOO_LARGE);
        CHECK_MESSAGE("1048576");
        CHECK_STATUS(plasma_get_or_create(client, &other, size, &options, 0,
                                          &buffer, &none, &created),
                     PLASMA_ERR_TOO_LARGE);
        CHECK_EITHER(plasma_put(client, &other, "x", size, &options),
                     PLASMA_ERR_TOO_LARGE, PLASMA_ERR_INVALID_ARGUMENT);
        CHECK_EITHER(plasma_put_many(client, ids, datas, sizes, 2, &options,
                                     statuses),
                     PLASMA_ERR_TOO_LARGE, PLASMA_ERR_INVALID_ARGUMENT);
        CHECK_EQ(statuses[0], PLASMA_OK);
        CHECK_OK(plasma_delete(client, &ids[0]));
        CHECK_EITHER(plasma_put_parts(client, &other, datas, sizes, 2, NULL),
                     PLASMA_ERR_TOO_LARGE, PLASMA_ERR_INVALID_ARGUMENT);
        CHECK_STATUS(plasma_resize(&writable, size), PLASMA_ERR_TOO_LARGE);
        CHECK(memcmp(&writable, &before, sizeof before) == 0);
    }
    CHECK(is_filled(writable.data, 100, 1));
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_ABSENT);
    CHECK_OK(plasma_trim(client, UINT64_MAX, &number));
    CHECK_EQ(number, 0);
    CHECK_OK(plasma_abort(&writable));
    CHECK_OK(plasma_create(client, &id, CAPACITY, NULL, &writable));
    CHECK_STATUS(plasma_resize(&writable, CAPACITY + 1), PLASMA_ERR_TOO_LARGE);
    CHECK_STATUS(plasma_put(client, &other, "x", 1, NULL),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_MESSAGE("1048576");
    CHECK_OK(plasma_abort(&writable));
    CHECK_EQ(stats_of(client).used, 0);
    plasma_disconnect(client);
}

/** The sum of their sizes once passed the largest number, and was small. */
static void test_parts_that_are_too_large_together(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    const void *parts[4] = { "x", "x", "x", "xx" };
    uint64_t sizes[4] = { INT64_MAX, INT64_MAX, 1, 2 };
    plasma_id_t id = id_of(1);

    CHECK_STATUS(plasma_put_parts(client, &id, parts, sizes, 4, NULL),
                 PLASMA_ERR_TOO_LARGE);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    plasma_disconnect(client);
}

static void test_a_size_that_only_its_metadata_makes_too_large(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_metadata_t entry = { "key", "value", 5 };
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);

    options.metadata = &entry;
    options.metadata_count = 1;
    CHECK_STATUS(plasma_create(client, &id, CAPACITY, &options, &writable),
                 PLASMA_ERR_TOO_LARGE);
    options.metadata_count = 0;
    options.metadata = NULL;
    options.name = "name";
    CHECK_STATUS(plasma_create(client, &id, CAPACITY, &options, &writable),
                 PLASMA_ERR_TOO_LARGE);
    CHECK_OK(plasma_create(client, &id, CAPACITY, NULL, &writable));
    CHECK_STATUS(plasma_set_metadata(&writable, "key", "value", 5),
                 PLASMA_ERR_TOO_LARGE);
    CHECK_OK(plasma_seal(&writable));
    plasma_disconnect(client);
}

static void test_metadata_that_finds_no_room_now(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t one, other;
    plasma_id_t id = id_of(1), other_id = id_of(2);

    CHECK_OK(plasma_create(client, &id, CAPACITY / 2, NULL, &one));
    CHECK_OK(plasma_create(client, &other_id, CAPACITY / 2, NULL, &other));
    CHECK_STATUS(plasma_set_metadata(&one, "key", "value", 5),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_OK(plasma_abort(&other));
    CHECK_OK(plasma_set_metadata(&one, "key", "value", 5));
    CHECK_OK(plasma_seal(&one));
    plasma_disconnect(client);
}

static void test_ids_of_a_wrong_length(void)
{
    const char *const wrong[] = {
        "", "0", "012345678901234567890123456789012345678",
        "01234567890123456789012345678901234567890",
        "0123456789abcdefABCDEF0123456789abcdefg0",
        "0x23456789012345678901234567890123456789",
        " 123456789012345678901234567890123456789",
        "012345678901234567890123456789012345678\xc3",
    };
    uint8_t bytes[64] = { 0 };
    plasma_id_t id = id_of(7), same = id;

    CHECK_STATUS(plasma_id_from_bytes(bytes, 21, &id),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_MESSAGE("20");
    CHECK_STATUS(plasma_id_from_bytes(bytes, SIZE_MAX, &id),
                 PLASMA_ERR_INVALID_ARGUMENT);
    for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
        CHECK_STATUS(plasma_id_from_hex(wrong[at], &id),
                     PLASMA_ERR_INVALID_ARGUMENT);
        CHECK_MESSAGE("hex");
    }
    CHECK(same_id(id, same));
}

static void test_names_that_nothing_can_have(void)
{
    char longest[PLASMA_NAME_MAX + 2];
    const char *wrong[] = { "", longest, "\xff", "half \xc3", "\xed\xa0\x80",
                            "\xf5\x80\x80\x80", "\xc0\x80" };
    plasma_client_t *client = make_store(CAPACITY);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1), found;
    int32_t created;

    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
        options.name = wrong[at];
        CHECK_STATUS(plasma_create(client, &id, 1, &options, &writable),
                     PLASMA_ERR_INVALID_ARGUMENT);
        CHECK_MESSAGE("name");
        CHECK_STATUS(plasma_put(client, &id, "x", 1, &options),
                     PLASMA_ERR_INVALID_ARGUMENT);
        CHECK_STATUS(plasma_get_or_create(client, &id, 1, &options, 0, &buffer,
                                          &writable, &created),
                     PLASMA_ERR_INVALID_ARGUMENT);
        CHECK_STATUS(plasma_get_by_name(client, wrong[at], -1, &buffer),
                     PLASMA_ERR_INVALID_ARGUMENT);
        CHECK_STATUS(plasma_lookup(client, wrong[at], &found),
                     PLASMA_ERR_INVALID_ARGUMENT);
        CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
    }
    longest[PLASMA_NAME_MAX] = '\0';
    CHECK_OK(plasma_put(client, &id, "x", 1, &(plasma_create_options_t){
        .struct_size = sizeof options, .name = longest }));
    CHECK_OK(plasma_lookup(client, longest, &found));
    plasma_disconnect(client);
}

static void test_metadata_that_no_object_can_have(void)
{
    static char value[65537];
    plasma_client_t *client = make_store(CAPACITY);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_metadata_t entry[2] = { { "key", value, 1 }, { "kay", value, 1 } };
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);
    uint64_t count;

    options.metadata = entry;
    options.metadata_count = 2;
    entry[1].value_size = sizeof value;
    CHECK_STATUS(plasma_create(client, &id, 1, &options, &writable),
                 PLASMA_ERR_LIMIT);
    CHECK_MESSAGE("65536");
    entry[1].value_size = (uint64_t)1 << 40;
    CHECK_STATUS(plasma_create(client, &id, 1, &options, &writable),
                 PLASMA_ERR_LIMIT);
    entry[1].value_size = UINT64_MAX;
    CHECK_EITHER(plasma_create(client, &id, 1, &options, &writable),
                 PLASMA_ERR_LIMIT, PLASMA_ERR_INVALID_ARGUMENT);
    entry[0].value_size = entry[1].value_size = 40000; /* only together */
    CHECK_STATUS(plasma_put(client, &id, "x", 1, &options), PLASMA_ERR_LIMIT);
    entry[0].value_size = entry[1].value_size = 1;
    entry[1].key = "";
    CHECK_STATUS(plasma_create(client, &id, 1, &options, &writable),
                 PLASMA_ERR_INVALID_ARGUMENT);
    entry[1].key = "\xff";
    CHECK_STATUS(plasma_create(client, &id, 1, &options, &writable),
                 PLASMA_ERR_INVALID_ARGUMENT);
    options.metadata_count = UINT64_MAX;
    CHECK_EITHER(plasma_create(client, &id, 1, &options, &writable),
                 PLASMA_ERR_LIMIT, PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);

    CHECK_OK(plasma_create(client, &id, 1, NULL, &writable));
    CHECK_OK(plasma_set_metadata(&writable, "key", value, 40000));
    CHECK_STATUS(plasma_set_metadata(&writable, "kay", value, 40000),
                 PLASMA_ERR_LIMIT);
    CHECK_MESSAGE("65536");
    CHECK_STATUS(plasma_set_metadata(&writable, "key", value, sizeof value),
                 PLASMA_ERR_LIMIT);
    CHECK_STATUS(plasma_set_metadata(&writable, "key", value, (uint64_t)1 << 40),
                 PLASMA_ERR_LIMIT);
    CHECK_EITHER(plasma_set_metadata(&writable, "key", value, UINT64_MAX),
                 PLASMA_ERR_LIMIT, PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_set_metadata(&writable, "", value, 1),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_set_metadata(&writable, "\xc3", value, 1),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_OK(plasma_seal_and_get(&writable, &buffer));
    CHECK_OK(plasma_metadata_count(&buffer, &count));
    CHECK_EQ(count, 1);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_positions_past_the_last(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    const uint64_t wrong[] = { 1, 2, (uint64_t)1 << 32, UINT64_MAX };
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_client_info_t client_info = PLASMA_CLIENT_INFO_INIT;
    plasma_list_t *list;
    plasma_client_list_t *clients;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1), ids[2] = { id_of(1), id_of(1) };
    const char *key = "untouched";
    const void *value = NULL;
    uint64_t size = 42;
    uint8_t ready[2];
    size_t ready_count;

    CHECK_OK(plasma_create(client, &id, 1, NULL, &writable));
    CHECK_OK(plasma_set_metadata(&writable, "key", "value", 5));
    CHECK_OK(plasma_seal_and_get(&writable, &buffer));
    CHECK_OK(plasma_list(client, &list));
    CHECK_OK(plasma_list_clients(client, &clients));
    for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
        CHECK_STATUS(plasma_metadata_at(&buffer, wrong[at], &key, &value, &size),
                     PLASMA_ERR_NOT_FOUND);
        CHECK_STATUS(plasma_list_at(list, wrong[at], &info),
                     PLASMA_ERR_NOT_FOUND);
        CHECK_STATUS(plasma_client_list_at(clients, wrong[at], &client_info),
                     PLASMA_ERR_NOT_FOUND);
    }
    CHECK(size == 42 && value == NULL);
    CHECK_TEXT(key, "untouched");
    CHECK_STATUS(plasma_get_metadata(&buffer, "kay", &value, &size),
                 PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_wait(client, ids, 2, 3, 0, ready, &ready_count),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_wait(client, ids, 0, 1, 0, ready, &ready_count),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_OK(plasma_release(&buffer));
    plasma_list_free(list);
    plasma_client_list_free(clients);
    plasma_disconnect(client);
}

static void test_arrays_that_fit_in_no_memory(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer = { NULL, 0, { 0 } };
    plasma_status_t statuses[1];
    const void *data = "x";
    uint64_t size = 1;
    uint8_t ready[1];
    size_t ready_count;

    CHECK_STATUS(plasma_get_many(client, &id, SIZE_MAX, 0, &buffer, statuses),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_wait(client, &id, SIZE_MAX, 0, 0, ready, &ready_count),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_put_many(client, &id, &data, &size, SIZE_MAX, NULL,
                                 statuses), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_put_parts(client, &id, &data, &size, SIZE_MAX, NULL),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_delete_many(client, &id, SIZE_MAX, statuses),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_release_many(&buffer, SIZE_MAX),
                 PLASMA_ERR_INVALID_ARGUMENT);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(sizes_above_the_capacity_are_too_large),
        TEST(parts_that_are_too_large_together),
        TEST(a_size_that_only_its_metadata_makes_too_large),
        TEST(metadata_that_finds_no_room_now),
        TEST(ids_of_a_wrong_length),
        TEST(names_that_nothing_can_have),
        TEST(metadata_that_no_object_can_have),
        TEST(positions_past_the_last),
        TEST(arrays_that_fit_in_no_memory),
    };
    return RUN_TESTS(argc, argv, tests);
}
