/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The metadata of an object: set until it is sealed, read in place.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)

/** The object has this key with this value. */
static void check_value(const plasma_buffer_t *buffer, const char *key,
                        const void *value, uint64_t size)
{
    const void *found = NULL;
    uint64_t found_size = 99;

    CHECK_OK(plasma_get_metadata(buffer, key, &found, &found_size));
    CHECK_EQ(found_size, size);
    CHECK(found != NULL);
    CHECK(size == 0 || memcmp(found, value, size) == 0);
}

static void check_absent(const plasma_buffer_t *buffer, const char *key)
{
    const void *value;
    uint64_t size;

    CHECK_STATUS(plasma_get_metadata(buffer, key, &value, &size),
                 PLASMA_ERR_NOT_FOUND);
}

static uint64_t count_of(const plasma_buffer_t *buffer)
{
    uint64_t count = 99;

    CHECK_OK(plasma_metadata_count(buffer, &count));
    return count;
}

static void test_an_object_without_metadata_has_no_keys(void)
{
    plasma_client_t *client = make_store(MIB);
    const char *key;
    const void *value;
    uint64_t size;

    put_pattern(client, 1, 100, NULL);
    put_pattern(client, 2, 100, "its name is no metadata");
    for (uint64_t number = 1; number <= 2; number++) {
        plasma_buffer_t buffer = get_pattern(client, number, 100);
        CHECK_EQ(count_of(&buffer), 0);
        check_absent(&buffer, "format");
        CHECK_STATUS(plasma_metadata_at(&buffer, 0, &key, &value, &size),
                     PLASMA_ERR_NOT_FOUND);
        CHECK_OK(plasma_release(&buffer));
    }
    plasma_disconnect(client);
}

static void read_one(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, 100);
    const char *key;
    const void *value;
    uint64_t size;

    (void)parent, (void)arg;
    CHECK_EQ(count_of(&buffer), 1);
    check_value(&buffer, "format", "arrow", 5);
    check_absent(&buffer, "forma");
    check_absent(&buffer, "format ");
    check_absent(&buffer, "Format");
    CHECK_OK(plasma_metadata_at(&buffer, 0, &key, &value, &size));
    CHECK_TEXT(key, "format");
    CHECK(size == 5 && memcmp(value, "arrow", 5) == 0);
    CHECK_STATUS(plasma_metadata_at(&buffer, 1, &key, &value, &size),
                 PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_metadata_at(&buffer, UINT64_MAX, &key, &value, &size),
                 PLASMA_ERR_NOT_FOUND);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_one_key_is_read_in_another_process(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;

    CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    fill(writable.data, 100, 1);
    CHECK_OK(plasma_set_metadata(&writable, "format", "arrow", 5));
    CHECK_OK(plasma_seal(&writable));
    struct process reader = spawn(read_one, NULL);
    finish(&reader);
    plasma_disconnect(client);
}

static void test_keys_are_added_and_replaced_until_the_seal(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_metadata_t given[] = { { "format", "json", 4 }, { "empty", NULL, 0 } };
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    uint8_t bytes[256], long_value[3000];

    for (int at = 0; at < 256; at++) {
        bytes[at] = (uint8_t)at;
    }
    fill(long_value, sizeof long_value, 5);
    options.metadata = given;
    options.metadata_count = 2;
    CHECK_OK(plasma_create(client, &id, 100, &options, &writable));
    fill(writable.data, 100, 1);
    CHECK_OK(plasma_set_metadata(&writable, "bytes", bytes, sizeof bytes));
    CHECK_OK(plasma_set_metadata(&writable, "format", "protobuf", 8));
    CHECK_OK(plasma_set_metadata(&writable, "bytes", long_value,
                                 sizeof long_value));
    CHECK_OK(plasma_set_metadata(&writable, "bytes", bytes, sizeof bytes));
    CHECK_OK(plasma_set_metadata(&writable, "schema", "x", 1));
    CHECK_OK(plasma_set_metadata(&writable, "schema", NULL, 0));
    CHECK_OK(plasma_set_metadata(&writable, "\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87",
                                 "\xf0\x9f\x8e\x89", 4));
    CHECK_OK(plasma_seal_and_get(&writable, &buffer));
    CHECK_EQ(count_of(&buffer), 5);
    check_value(&buffer, "format", "protobuf", 8);
    check_value(&buffer, "empty", NULL, 0);
    check_value(&buffer, "schema", NULL, 0);
    check_value(&buffer, "bytes", bytes, sizeof bytes);
    check_value(&buffer, "\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87", "\xf0\x9f\x8e\x89",
                4);
    CHECK(is_filled(buffer.data, 100, 1));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void key_of(uint64_t number, char key[32])
{
    snprintf(key, 32, "key number %" PRIu64, number);
}

/** Each of `count` keys exists, and occurs once when read by index. */
static void check_all(const plasma_buffer_t *buffer, uint64_t count,
                      uint64_t size)
{
    static uint8_t seen[65536];
    char name[32];
    uint8_t expected[1024];

    CHECK_EQ(count_of(buffer), count);
    memset(seen, 0, sizeof seen);
    for (uint64_t at = 0; at < count; at++) {
        const char *key;
        const void *value;
        uint64_t value_size, number;
        CHECK_OK(plasma_metadata_at(buffer, at, &key, &value, &value_size));
        CHECK(sscanf(key, "key number %" SCNu64, &number) == 1);
        CHECK(number < count && !seen[number]);
        seen[number] = 1;
        CHECK_EQ(value_size, size);
        CHECK(is_filled(value, size, number));
    }
    for (uint64_t number = 0; number < count; number++) {
        key_of(number, name);
        fill(expected, size, number);
        check_value(buffer, name, expected, size);
    }
}

struct crowd {
    uint64_t count;
    uint64_t size;
};

static void read_crowd(struct process *parent, void *arg)
{
    const struct crowd *crowd = arg;
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, 100);

    (void)parent;
    check_all(&buffer, crowd->count, crowd->size);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_hundreds_of_keys_fill_64_kib_and_no_more(void)
{
    uint64_t sizes[] = { 0, 100, 700 };
    plasma_client_t *client = make_store(4 * MIB);
    plasma_id_t id = id_of(1);

    for (size_t turn = 0; turn < 3; turn++) {
        struct crowd crowd = { 0, sizes[turn] };
        plasma_mutable_buffer_t writable;
        plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
        plasma_status_t status = PLASMA_OK;
        char key[32];
        uint8_t value[1024];
        CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
        fill(writable.data, 100, 1);
        while (status == PLASMA_OK) {
            key_of(crowd.count, key);
            fill(value, crowd.size, crowd.count);
            status = plasma_set_metadata(&writable, key, value, crowd.size);
            crowd.count += status == PLASMA_OK;
            CHECK(crowd.count < 60000);
        }
        CHECK_EQ(status, PLASMA_ERR_LIMIT);
        CHECK(crowd.count > 80);
        CHECK_OK(plasma_object_info(client, &id, &info));
        CHECK(info.metadata_size <= 65536);
        CHECK(crowd.count * (crowd.size + 50) > 60000);

        CHECK_OK(plasma_seal(&writable));
        struct process reader = spawn(read_crowd, &crowd);
        finish(&reader);
        CHECK_OK(plasma_delete(client, &id));
    }
    CHECK_EQ(used_after_reap(client), 0);
    plasma_disconnect(client);
}

static void test_all_may_be_given_at_creation(void)
{
    enum { COUNT = 400 };
    static char keys[COUNT][32];
    static uint8_t values[COUNT][90];
    static plasma_metadata_t entries[COUNT];
    plasma_client_t *client = make_store(4 * MIB);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);

    for (uint64_t at = 0; at < COUNT; at++) {
        key_of(at, keys[at]);
        fill(values[at], sizeof values[at], at);
        entries[at].key = keys[at];
        entries[at].value = values[at];
        entries[at].value_size = sizeof values[at];
    }
    options.metadata = entries;
    options.metadata_count = COUNT;
    CHECK_OK(plasma_create(client, &id, 100, &options, &writable));
    CHECK_OK(plasma_seal_and_get(&writable, &buffer));
    check_all(&buffer, COUNT, sizeof values[0]);
    CHECK_OK(plasma_release(&buffer));

    entries[1].value = calloc(1, 65537);
    CHECK(entries[1].value != NULL);
    entries[1].value_size = 65537;
    options.metadata_count = 2;
    plasma_stats_t before = stats_of(client);
    id = id_of(2);
    CHECK_STATUS(plasma_create(client, &id, 100, &options, &writable),
                 PLASMA_ERR_LIMIT);
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_ABSENT);
    CHECK_EQ(stats_of(client).used, before.used);
    free((void *)(uintptr_t)entries[1].value);
    plasma_disconnect(client);
}

static void test_a_value_is_a_view_that_lives_as_long_as_the_buffer(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *other = join_store();
    plasma_metadata_t entry = { "format", "binary", 6 };
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);
    const void *value;
    uint64_t size;

    options.metadata = &entry;
    options.metadata_count = 1;
    CHECK_OK(plasma_put(client, &id, "data", 4, &options));
    CHECK_OK(plasma_get(client, &id, 0, &buffer));
    CHECK_OK(plasma_get_metadata(&buffer, "format", &value, &size));
    plasma_disconnect(client);
    CHECK_OK(plasma_delete(other, &id));
    for (uint64_t number = 10; number < 500; number++) {
        put_pattern(other, number, 64, NULL);
    }
    CHECK(size == 6 && memcmp(value, "binary", 6) == 0);
    check_value(&buffer, "format", "binary", 6);
    CHECK_EQ(count_of(&buffer), 1);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(other);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(an_object_without_metadata_has_no_keys),
        TEST(one_key_is_read_in_another_process),
        TEST(keys_are_added_and_replaced_until_the_seal),
        TEST(hundreds_of_keys_fill_64_kib_and_no_more),
        TEST(all_may_be_given_at_creation),
        TEST(a_value_is_a_view_that_lives_as_long_as_the_buffer),
    };
    return RUN_TESTS(argc, argv, tests);
}
