/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Buffers that are zero, used up, stale copies or garbage, and objects that
 * are not sealed yet or taken.
 */

#include "system.h"

enum { CAPACITY = 1 << 20 };

static const plasma_mutable_buffer_t no_writable = { NULL, 0, { 0 } };
static const plasma_buffer_t no_buffer = { NULL, 0, { 0 } };

static int same_writable(const plasma_mutable_buffer_t *left,
                         const plasma_mutable_buffer_t *right)
{
    return memcmp(left, right, sizeof *left) == 0;
}

static int same_buffer(const plasma_buffer_t *left, const plasma_buffer_t *right)
{
    return memcmp(left, right, sizeof *left) == 0;
}

#define CHECK_INVALID(call)                                                   \
    do {                                                                      \
        CHECK_STATUS(call, PLASMA_ERR_INVALID_ARGUMENT);                      \
        CHECK(strlen(plasma_error_message()) > 10);                           \
        CHECK_EQ(plasma_error_errno(), 0);                                    \
    } while (0)

/** No call on a mutable buffer works, and none changes it. */
static void dead_writable(const plasma_mutable_buffer_t *dead)
{
    plasma_mutable_buffer_t copy = *dead;
    plasma_buffer_t buffer;

    memset(&buffer, 0x5a, sizeof buffer);
    plasma_buffer_t before = buffer;
    CHECK_INVALID(plasma_resize(&copy, 10));
    CHECK_INVALID(plasma_resize(&copy, 0));
    CHECK_INVALID(plasma_set_metadata(&copy, "key", "value", 5));
    CHECK_INVALID(plasma_seal(&copy));
    CHECK_INVALID(plasma_seal_and_get(&copy, &buffer));
    CHECK_INVALID(plasma_abort(&copy));
    CHECK(same_writable(&copy, dead) && same_buffer(&buffer, &before));
}

/** No call on a buffer works, and none changes it; zero may be released. */
static void dead_buffer(const plasma_buffer_t *dead)
{
    plasma_buffer_t copy = *dead, out;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    const void *value = NULL;
    const char *key = NULL;
    uint64_t size = 42;

    memset(&out, 0x5a, sizeof out);
    plasma_buffer_t before = out;
    CHECK_INVALID(plasma_retain(&copy, &out));
    CHECK_INVALID(plasma_get_metadata(&copy, "key", &value, &size));
    CHECK_INVALID(plasma_metadata_count(&copy, &size));
    CHECK_INVALID(plasma_metadata_at(&copy, 0, &key, &value, &size));
    CHECK_INVALID(plasma_buffer_info(&copy, &info));
    CHECK(same_buffer(&out, &before) && value == NULL && key == NULL);
    CHECK(size == 42 && info.data_size == 0);
    if (same_buffer(dead, &no_buffer)) {
        CHECK_OK(plasma_release(&copy));
        CHECK_OK(plasma_release_many(&copy, 1));
    } else {
        CHECK_INVALID(plasma_release(&copy));
        CHECK_INVALID(plasma_release_many(&copy, 1));
    }
    CHECK(same_buffer(&copy, dead));
}

static void test_zeroed_buffers(void)
{
    plasma_disconnect(make_store(CAPACITY));
    dead_writable(&no_writable);
    dead_buffer(&no_buffer);
    plasma_buffer_t many[3] = { no_buffer, no_buffer, no_buffer };
    CHECK_OK(plasma_release_many(many, 3));
}

static void test_calls_that_consume_zero_the_buffer(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable, stale;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1);

    for (int end = 0; end < 3; end++) {
        CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
        fill(writable.data, 100, 1);
        stale = writable;
        switch (end) {
        case 0: CHECK_OK(plasma_abort(&writable)); break;
        case 1: CHECK_OK(plasma_seal(&writable)); break;
        default: CHECK_OK(plasma_seal_and_get(&writable, &buffer)); break;
        }
        CHECK(same_writable(&writable, &no_writable));
        dead_writable(&writable); /* again */
        dead_writable(&stale);
        if (end > 0) {
            plasma_buffer_t held = get_pattern(client, 1, 100);
            CHECK_OK(plasma_release(&held));
            CHECK(same_buffer(&held, &no_buffer));
            CHECK_OK(plasma_release(&held)); /* twice: the second does nothing */
            CHECK_OK(plasma_delete(client, &id));
        }
    }
    CHECK(is_filled(buffer.data, 100, 1));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_a_copy_is_an_alias_and_dies_with_its_original(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable, copy;
    plasma_id_t id = id_of(2);

    put_pattern(client, 1, 1000, NULL);
    plasma_buffer_t first = get_pattern(client, 1, 1000), alias = first;
    CHECK_OK(plasma_release(&alias)); /* any copy may release it */
    dead_buffer(&first);
    CHECK_EQ(stats_of(client).leases, 0);

    CHECK_OK(plasma_create(client, &id, 10, NULL, &writable));
    copy = writable;
    CHECK_OK(plasma_resize(&copy, 20));
    CHECK_OK(plasma_set_metadata(&writable, "key", "value", 5));
    CHECK_OK(plasma_seal(&copy));
    dead_writable(&writable);
    plasma_disconnect(client);
}

static void test_a_stale_alias_never_harms_the_next_user_of_its_entry(void)
{
    enum { MANY = 50 };
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t stale[MANY], writable;
    plasma_buffer_t old[MANY], held[MANY];

    put_pattern(client, 1, 1000, NULL);
    for (int at = 0; at < MANY; at++) {
        plasma_id_t id = id_of(2);
        CHECK_OK(plasma_create(client, &id, 10, NULL, &stale[at]));
        writable = stale[at];
        CHECK_OK(plasma_abort(&writable));
        old[at] = get_pattern(client, 1, 1000);
        held[at] = old[at];
        CHECK_OK(plasma_release(&held[at]));
    }
    plasma_id_t id = id_of(2);
    CHECK_OK(plasma_create(client, &id, 10, NULL, &writable));
    for (int at = 0; at < MANY; at++) {
        held[at] = get_pattern(client, 1, 1000);
    }
    for (int at = 0; at < MANY; at++) {
        dead_writable(&stale[at]);
        dead_buffer(&old[at]);
    }
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_WRITING);
    fill(writable.data, 10, 2);
    CHECK_OK(plasma_seal(&writable));
    for (int at = 0; at < MANY; at++) {
        CHECK(is_filled(held[at].data, 1000, 1));
    }
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    CHECK_OK(plasma_buffer_info(&held[0], &info));
    CHECK_EQ(info.data_size, 1000);
    CHECK_OK(plasma_release_many(held, MANY));
    CHECK_EQ(stats_of(client).leases, 0);
    plasma_disconnect(client);
}

static void test_stale_copies_outlive_even_their_client(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable, stale;
    plasma_id_t id = id_of(2);

    put_pattern(client, 1, 1000, NULL);
    plasma_buffer_t buffer = get_pattern(client, 1, 1000), old = buffer;
    CHECK_OK(plasma_create(client, &id, 10, NULL, &writable));
    stale = writable;
    plasma_disconnect(client);
    CHECK_OK(plasma_release(&buffer));
    dead_buffer(&old);
    CHECK_OK(plasma_abort(&writable));
    dead_writable(&stale); /* the client is gone */
    dead_buffer(&old);
    client = join_store();
    buffer = get_pattern(client, 1, 1000);
    dead_writable(&stale);
    dead_buffer(&old);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_nonsense_in_a_buffer(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable, odd;
    plasma_buffer_t held, wrong;
    plasma_id_t id = id_of(2);

    put_pattern(client, 1, 1000, NULL);
    held = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_create(client, &id, 10, NULL, &writable));
    for (int word = 0; word < 6; word++) {
        for (int bit = 0; bit < 64; bit++) {
            wrong = held;
            wrong.reserved[word] ^= (uint64_t)1 << bit;
            plasma_buffer_t copy = no_buffer;
            if (plasma_retain(&wrong, &copy) == PLASMA_OK) {
                CHECK_OK(plasma_release(&copy));
            }
            odd = writable;
            odd.reserved[word] ^= (uint64_t)1 << bit;
            if (plasma_set_metadata(&odd, "key", "value", 5) == PLASMA_OK) {
                CHECK_EQ(odd.size, 10);
            }
        }
    }
    memset(wrong.reserved, 0xff, sizeof wrong.reserved);
    dead_buffer(&wrong);
    memset(odd.reserved, 0x5a, sizeof odd.reserved);
    dead_writable(&odd);
    /* A buffer of one kind in place of the other. */
    memcpy(&wrong, &writable, sizeof wrong);
    dead_buffer(&wrong);
    memcpy(&odd, &held, sizeof odd);
    dead_writable(&odd);
    CHECK(is_filled(held.data, 1000, 1));
    CHECK_OK(plasma_seal(&writable));
    CHECK_OK(plasma_release(&held));
    CHECK_EQ(stats_of(client).leases, 0);
    plasma_disconnect(client);
}

static void test_release_many_goes_on_after_a_failure(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_buffer_t many[5], stale;

    put_pattern(client, 1, 1000, NULL);
    for (int at = 0; at < 5; at++) {
        many[at] = get_pattern(client, 1, 1000);
    }
    stale = many[1];
    CHECK_OK(plasma_release(&many[1]));
    CHECK_OK(plasma_release(&many[3]));
    many[1] = stale;
    CHECK_INVALID(plasma_release_many(many, 5));
    CHECK_EQ(stats_of(client).leases, 0);
    CHECK(same_buffer(&many[0], &no_buffer) && same_buffer(&many[4], &no_buffer));
    CHECK(same_buffer(&many[1], &stale));
    plasma_disconnect(client);
}

/* ---- Objects that are taken or not sealed ---- */

/** The answers of every client about object 1, named "one", while it is
 * written. */
static void unsealed(plasma_client_t *client)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable = no_writable;
    plasma_buffer_t buffer = no_buffer;
    plasma_status_t status;
    plasma_id_t id = id_of(1), other = id_of(2);
    uint8_t ready = 7;
    size_t ready_count;
    int32_t created = 7;

    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(plasma_get(client, &id, 20, &buffer), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_get_by_name(client, "one", 0, &buffer),
                 PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(plasma_get_many(client, &id, 1, 0, &buffer, &status),
                 PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(plasma_wait(client, &id, 1, 0, 0, &ready, &ready_count),
                 PLASMA_ERR_TIMEOUT);
    CHECK(ready == 0 && ready_count == 0);
    CHECK_STATUS(plasma_delete(client, &id), PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(plasma_delete_many(client, &id, 1, &status),
                 PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(plasma_create(client, &id, 1, NULL, &writable),
                 PLASMA_ERR_EXISTS);
    CHECK_STATUS(plasma_put(client, &id, "x", 1, NULL), PLASMA_ERR_EXISTS);
    options.name = "one";
    CHECK_STATUS(plasma_create(client, &other, 1, &options, &writable),
                 PLASMA_ERR_NAME_EXISTS);
    CHECK_STATUS(plasma_get_or_create(client, &id, 1, NULL, 0, &buffer,
                                      &writable, &created),
                 PLASMA_ERR_NOT_SEALED);
    CHECK(same_buffer(&buffer, &no_buffer) && created == 7);
    CHECK(same_writable(&writable, &no_writable));
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_WRITING);
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_ABSENT);
}

static void look_at_unsealed(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();

    (void)parent;
    (void)arg;
    unsealed(client);
    plasma_disconnect(client);
}

static void test_unsealed_objects_belong_to_their_creator(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1), other = id_of(2);

    options.name = "one";
    CHECK_OK(plasma_create(client, &id, 100, &options, &writable));
    unsealed(client);
    check_child(look_at_unsealed, NULL);
    fill(writable.data, 100, 1);
    CHECK_OK(plasma_seal(&writable));
    plasma_buffer_t buffer = get_pattern(client, 1, 100);
    CHECK_OK(plasma_release(&buffer));
    CHECK_STATUS(plasma_create(client, &id, 1, NULL, &writable),
                 PLASMA_ERR_EXISTS);
    CHECK_STATUS(plasma_create(client, &other, 1, &options, &writable),
                 PLASMA_ERR_NAME_EXISTS);
    CHECK_STATUS(plasma_put(client, &other, "x", 1, &options),
                 PLASMA_ERR_NAME_EXISTS);
    CHECK_EQ(stats_of(client).objects_sealed, 1);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(zeroed_buffers),
        TEST(calls_that_consume_zero_the_buffer),
        TEST(a_copy_is_an_alias_and_dies_with_its_original),
        TEST(a_stale_alias_never_harms_the_next_user_of_its_entry),
        TEST(stale_copies_outlive_even_their_client),
        TEST(nonsense_in_a_buffer),
        TEST(release_many_goes_on_after_a_failure),
        TEST(unsealed_objects_belong_to_their_creator),
    };
    return RUN_TESTS(argc, argv, tests);
}
