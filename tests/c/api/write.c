/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Creating, writing, sealing, putting and aborting objects.
 */

#include "check.h"

#include <sys/resource.h>

#define MIB (UINT64_C(1) << 20)

static int is_zero(const void *bytes, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        if (((const uint8_t *)bytes)[at] != 0) {
            return 0;
        }
    }
    return 1;
}

static void read_pattern(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, *(const uint64_t *)arg);

    (void)parent;
    CHECK_OK(plasma_release(&buffer));
    CHECK(is_zero(&buffer, sizeof buffer));
    plasma_disconnect(client);
}

static void test_a_sealed_object_is_read_in_another_process(void)
{
    uint64_t sizes[] = { 0, 1, 63, 64, 65, 4096, 100000, 5 * MIB };
    plasma_client_t *client = make_store(16 * MIB);
    plasma_id_t id = id_of(1);

    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        plasma_mutable_buffer_t writable;
        CHECK_OK(plasma_create(client, &id, sizes[at], NULL, &writable));
        CHECK_EQ(writable.size, sizes[at]);
        CHECK(writable.data != NULL);
        fill(writable.data, writable.size, 1);
        CHECK_OK(plasma_seal(&writable));
        CHECK(is_zero(&writable, sizeof writable));

        struct process reader = spawn(read_pattern, &sizes[at]);
        finish(&reader);
        plasma_buffer_t buffer = get_pattern(client, 1, sizes[at]);
        CHECK(buffer.data != NULL);
        CHECK_OK(plasma_release(&buffer));
        CHECK_OK(plasma_delete(client, &id));
    }
    plasma_disconnect(client);
}

static void look_at_unsealed(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;
    plasma_mutable_buffer_t writable;

    (void)parent, (void)arg;
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_WRITING);
    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(plasma_create(client, &id, 10, NULL, &writable),
                 PLASMA_ERR_EXISTS);
    CHECK_STATUS(plasma_put(client, &id, "x", 1, NULL), PLASMA_ERR_EXISTS);
    plasma_disconnect(client);
}

static void test_an_unsealed_object_is_invisible_and_its_id_is_taken(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable, second;
    plasma_buffer_t buffer;

    CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(plasma_create(client, &id, 100, NULL, &second),
                 PLASMA_ERR_EXISTS);
    struct process other = spawn(look_at_unsealed, NULL);
    finish(&other);
    CHECK_OK(plasma_seal(&writable));
    CHECK_STATUS(plasma_create(client, &id, 100, NULL, &second),
                 PLASMA_ERR_EXISTS);
    plasma_disconnect(client);
}

static void test_seal_and_get_leaves_no_gap(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;
    plasma_buffer_t sealed;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;

    CHECK_OK(plasma_create(client, &id, 1000, NULL, &writable));
    fill(writable.data, 1000, 1);
    CHECK_OK(plasma_seal_and_get(&writable, &sealed));
    CHECK(is_zero(&writable, sizeof writable));
    CHECK_EQ(sealed.size, 1000);
    CHECK(is_filled(sealed.data, 1000, 1));
    CHECK_OK(plasma_object_info(client, &id, &info));
    CHECK_EQ(info.lease_count, 1);
    CHECK_OK(plasma_delete(client, &id));
    CHECK(is_filled(sealed.data, 1000, 1));
    CHECK_OK(plasma_release(&sealed));
    plasma_disconnect(client);
}

static void test_abort_frees_the_id_the_name_and_the_memory(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1), found;
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;

    options.name = "given up";
    for (int turn = 0; turn < 100; turn++) {
        CHECK_OK(plasma_create(client, &id, MIB / 2, &options, &writable));
        CHECK_OK(plasma_abort(&writable));
        CHECK(is_zero(&writable, sizeof writable));
        CHECK_EQ(state_of(client, 1), PLASMA_STATE_ABSENT);
        CHECK_STATUS(plasma_lookup(client, "given up", &found),
                     PLASMA_ERR_NOT_FOUND);
    }
    CHECK_EQ(stats_of(client).used, 0);
    put_pattern(client, 1, 1000, "given up");
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_put_creates_copies_and_seals(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1), empty = id_of(2);
    plasma_metadata_t entry = { "format", "text", 4 };
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_buffer_t buffer;
    const void *value;
    uint64_t size;

    options.name = "greeting";
    options.metadata = &entry;
    options.metadata_count = 1;
    CHECK_OK(plasma_put(client, &id, "hello", 5, &options));
    CHECK_STATUS(plasma_put(client, &id, "other", 5, NULL), PLASMA_ERR_EXISTS);
    CHECK_OK(plasma_put(client, &empty, NULL, 0, NULL));
    CHECK_OK(plasma_get_by_name(client, "greeting", 0, &buffer));
    CHECK_EQ(buffer.size, 5);
    CHECK(memcmp(buffer.data, "hello", 5) == 0);
    CHECK_OK(plasma_get_metadata(&buffer, "format", &value, &size));
    CHECK(size == 4 && memcmp(value, "text", 4) == 0);
    CHECK_OK(plasma_release(&buffer));
    buffer = get_pattern(client, 2, 0);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

/** In memory that is new and that was used, and none of its neighbours' bytes. */
static void test_parts_lie_one_after_the_other(void)
{
    enum { ODD = 100 * 1000 + 1 };
    plasma_client_t *client = make_store(8 * MIB);
    const void *parts[5] = { "head", NULL, NULL, "", "tail" };
    const uint64_t lens[] = { 0, 1, 70, ODD, MIB, 3 * MIB + 5 };
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_id_t id = id_of(1), found;
    uint8_t *middle = malloc(3 * MIB + 5);
    plasma_buffer_t buffer;

    options.name = "in parts";
    fill(middle, 3 * MIB + 5, 3);
    parts[1] = middle;
    put_pattern(client, 2, 100, NULL);
    for (int turn = 0; turn < 2; turn++) {
        for (size_t at = 0; at < sizeof lens / sizeof *lens; at++) {
            const uint64_t len = lens[at], sizes[5] = { 4, len, 0, 0, 4 };
            CHECK_OK(plasma_put_parts(client, &id, parts, sizes, 5, &options));
            put_pattern(client, 3, 100, NULL);
            CHECK_OK(plasma_get_by_name(client, "in parts", 0, &buffer));
            CHECK_EQ(buffer.size, len + 8);
            CHECK(memcmp(buffer.data, "head", 4) == 0);
            CHECK(is_filled(buffer.data + 4, len, 3));
            CHECK(memcmp(buffer.data + 4 + len, "tail", 4) == 0);
            CHECK_OK(plasma_release(&buffer));
            for (uint64_t number = 2; number < 4; number++) {
                buffer = get_pattern(client, number, 100);
                CHECK_OK(plasma_release(&buffer));
            }
            CHECK_OK(plasma_delete(client, &id));
            found = id_of(3);
            CHECK_OK(plasma_delete(client, &found));
        }
    }
    CHECK_OK(plasma_put_parts(client, &id, NULL, NULL, 0, NULL));
    buffer = get_pattern(client, 1, 0);
    CHECK_OK(plasma_release(&buffer));
    CHECK_STATUS(plasma_put_parts(client, &id, NULL, NULL, 0, NULL),
                 PLASMA_ERR_EXISTS);
    const uint64_t third[3] = { 0, 3 * MIB, 0 };
    found = id_of(4);
    CHECK_OK(plasma_put_parts(client, &found, parts, third, 3, &options));
    found = id_of(5);
    CHECK_STATUS(plasma_put_parts(client, &found, parts, third, 3, &options),
                 PLASMA_ERR_NAME_EXISTS);
    CHECK_OK(plasma_put_parts(client, &found, parts, third, 3, NULL));
    found = id_of(6);
    CHECK_STATUS(plasma_put_parts(client, &found, parts, third, 3, NULL),
                 PLASMA_ERR_OUT_OF_MEMORY);
    free(middle);
    plasma_disconnect(client);
}

static void test_put_many_has_a_result_for_each(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t ids[5] = { id_of(1), id_of(2), id_of(3), id_of(1), id_of(4) };
    const void *datas[5] = { "one", "two", "three", "again", NULL };
    uint64_t sizes[5] = { 3, 3, 2 * MIB, 5, 0 };
    plasma_status_t statuses[5] = { 7, 7, 7, 7, 7 };
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_buffer_t buffer;

    CHECK_OK(plasma_put(client, &ids[1], "here", 4, NULL));
    CHECK_STATUS(plasma_put_many(client, ids, datas, sizes, 5, NULL, statuses),
                 PLASMA_ERR_EXISTS);
    CHECK_EQ(statuses[0], PLASMA_OK);
    CHECK_EQ(statuses[1], PLASMA_ERR_EXISTS);
    CHECK_EQ(statuses[2], PLASMA_ERR_TOO_LARGE);
    CHECK_EQ(statuses[3], PLASMA_ERR_EXISTS);
    CHECK_EQ(statuses[4], PLASMA_OK);
    CHECK_OK(plasma_get(client, &ids[0], 0, &buffer));
    CHECK(buffer.size == 3 && memcmp(buffer.data, "one", 3) == 0);
    CHECK_OK(plasma_release(&buffer));
    CHECK_EQ(state_of(client, 3), PLASMA_STATE_ABSENT);
    CHECK_EQ(state_of(client, 4), PLASMA_STATE_SEALED);

    CHECK_OK(plasma_put_many(client, NULL, NULL, NULL, 0, NULL, NULL));
    options.name = "one name";
    statuses[0] = 7;
    CHECK_STATUS(
        plasma_put_many(client, ids, datas, sizes, 2, &options, statuses),
        PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_EQ(statuses[0], 7);
    ids[0] = id_of(9);
    CHECK_OK(plasma_put_many(client, ids, datas, sizes, 1, &options, statuses));
    CHECK_OK(plasma_lookup(client, "one name", &ids[1]));
    CHECK(same_id(ids[0], ids[1]));
    plasma_disconnect(client);
}

static void test_zeroed_clears_memory_that_was_used_before(void)
{
    uint64_t sizes[] = { 1, 63, 64, 4097, MIB / 2, MIB };
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;

    options.flags = PLASMA_CREATE_ZEROED;
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        CHECK_OK(plasma_create(client, &id, MIB, NULL, &writable));
        memset(writable.data, 0xff, MIB);
        CHECK_OK(plasma_seal(&writable));
        CHECK_OK(plasma_delete(client, &id));
        CHECK_OK(plasma_create(client, &id, sizes[at], &options, &writable));
        CHECK(is_zero(writable.data, sizes[at]));
        CHECK_OK(plasma_abort(&writable));
    }
    plasma_disconnect(client);
}

static void test_objects_begin_at_pages_where_that_costs_little(void)
{
    const uint64_t page = 4096, huge = 2 * MIB;
    /* Each object follows those before it. */
    struct { uint64_t size, align; } cases[] = {
        { 0, 64 },
        { 8 * MIB, huge },
        { 100, 64 },
        /* Alignment to a page would cost more than a 50th of it. */
        { 100000, 64 },
        { MIB, page },
        { 4 * MIB + 100, page },
        { 5 * MIB, page },
        /* It is so large that alignment to a huge page costs little. */
        { 128 * MIB, huge },
    };
    plasma_client_t *client = make_store(256 * MIB);

    for (uint64_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        plasma_id_t id = id_of(at);
        plasma_mutable_buffer_t writable;
        plasma_buffer_t buffer;
        CHECK_OK(plasma_create(client, &id, cases[at].size, NULL, &writable));
        CHECK_EQ((uintptr_t)writable.data % cases[at].align, 0);
        CHECK_OK(plasma_seal_and_get(&writable, &buffer));
        CHECK_EQ((uintptr_t)buffer.data % cases[at].align, 0);
        CHECK_OK(plasma_release(&buffer));
    }
    plasma_disconnect(client);
}

/** The number of objects of this size that a new store takes, each with some
 * metadata if `metadata` says so. */
static uint64_t objects_that_fit(uint64_t capacity, uint64_t size,
                                 const plasma_create_options_t *options)
{
    plasma_client_t *client = make_store(capacity);
    plasma_mutable_buffer_t writable;
    uint64_t count = 0, reaped;

    for (;; count++) {
        plasma_id_t id = id_of(count);
        plasma_status_t status =
            plasma_create(client, &id, size, options, &writable);
        if (status == PLASMA_ERR_OUT_OF_MEMORY) {
            break;
        }
        CHECK_OK(status);
        CHECK_OK(plasma_seal(&writable));
    }
    /* The memory before an object that begins at a page is not used. */
    if (options == NULL) {
        CHECK_EQ(stats_of(client).used, count * ((size + 63) / 64 * 64));
    }
    for (uint64_t at = 0; at < count; at++) {
        plasma_id_t id = id_of(at);
        CHECK_OK(plasma_delete(client, &id));
    }
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(stats_of(client).largest_free, stats_of(client).capacity);
    plasma_disconnect(client);
    CHECK_OK(plasma_store_remove(store()));
    return count;
}

static void test_where_objects_begin_costs_few_of_those_that_fit(void)
{
    plasma_metadata_t format = { "format", "array", 5 };
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;

    options.metadata = &format;
    options.metadata_count = 1;
    /* Arrays with a header. */
    CHECK_EQ(objects_that_fit(512 * MIB, 4 * MIB + 100, NULL), 127);
    CHECK_EQ(objects_that_fit(512 * MIB, 4 * MIB + 100, &options), 127);
    CHECK_EQ(objects_that_fit(512 * MIB, 5 * MIB, NULL), 102);
    CHECK_EQ(objects_that_fit(512 * MIB, 8 * MIB, NULL), 64);
    CHECK_EQ(objects_that_fit(10000000, 1000000, NULL), 10);
    /* With metadata between them. */
    CHECK_EQ(objects_that_fit(512 * MIB, 8 * MIB, &options), 63);
    CHECK_EQ(objects_that_fit(64 * MIB, 100000, &options), 670);
}

static void test_an_empty_store_takes_one_object_of_exactly_its_capacity(void)
{
    uint64_t asked[] = { MIB, 100000, 5 * MIB + 1 };

    for (size_t at = 0; at < sizeof asked / sizeof *asked; at++) {
        plasma_client_t *client = make_store(asked[at]);
        plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
        plasma_id_t id = id_of(1), small = id_of(2);
        plasma_mutable_buffer_t writable;
        uint64_t capacity = stats_of(client).capacity;

        CHECK_EQ(capacity, (asked[at] + 63) / 64 * 64);
        CHECK_STATUS(plasma_create(client, &id, capacity + 1, NULL, &writable),
                     PLASMA_ERR_TOO_LARGE);
        CHECK_STATUS(plasma_create(client, &id, UINT64_MAX, NULL, &writable),
                     PLASMA_ERR_TOO_LARGE);
        CHECK_STATUS(
            plasma_create(client, &id, UINT64_MAX - 63, NULL, &writable),
            PLASMA_ERR_TOO_LARGE);
        options.name = "its name needs room too";
        CHECK_STATUS(plasma_create(client, &id, capacity, &options, &writable),
                     PLASMA_ERR_TOO_LARGE);
        put_pattern(client, 1, capacity, NULL);
        CHECK_STATUS(plasma_put(client, &small, "x", 1, NULL),
                     PLASMA_ERR_OUT_OF_MEMORY);
        CHECK_OK(plasma_put(client, &small, NULL, 0, NULL));
        plasma_buffer_t buffer = get_pattern(client, 1, capacity);
        CHECK_OK(plasma_release(&buffer));
        CHECK_EQ(stats_of(client).used, capacity);
        CHECK_EQ(stats_of(client).largest_free, 0);
        plasma_disconnect(client);
        CHECK_OK(plasma_store_remove(store()));
    }
}

static void write_through_a_view(struct process *parent, void *arg)
{
    struct rlimit none = { 0, 0 };
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, 5000);

    (void)arg;
    CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
    signal(SIGSEGV, SIG_DFL);
    tell(parent, 'w');
    *(volatile uint8_t *)(uintptr_t)buffer.data = 0;
    tell(parent, 'b');
}

static void test_a_write_through_a_view_faults_in_the_culprit_alone(void)
{
    plasma_client_t *client = make_store(MIB);

    put_pattern(client, 1, 5000, NULL);
    plasma_buffer_t buffer = get_pattern(client, 1, 5000);
    struct process culprit = spawn(write_through_a_view, NULL);
    hear(&culprit, 'w');
    int status = reap_process(&culprit);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGSEGV);
    CHECK(is_filled(buffer.data, 5000, 1));
    CHECK_OK(plasma_release(&buffer));
    put_pattern(client, 2, 100, NULL);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_sealed_object_is_read_in_another_process),
        TEST(an_unsealed_object_is_invisible_and_its_id_is_taken),
        TEST(seal_and_get_leaves_no_gap),
        TEST(abort_frees_the_id_the_name_and_the_memory),
        TEST(put_creates_copies_and_seals),
        TEST(parts_lie_one_after_the_other),
        TEST(put_many_has_a_result_for_each),
        TEST(zeroed_clears_memory_that_was_used_before),
        TEST(objects_begin_at_pages_where_that_costs_little),
        TEST(where_objects_begin_costs_few_of_those_that_fit),
        TEST(an_empty_store_takes_one_object_of_exactly_its_capacity),
        TEST(a_write_through_a_view_faults_in_the_culprit_alone),
    };
    return RUN_TESTS(argc, argv, tests);
}
