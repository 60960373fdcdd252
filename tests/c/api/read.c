/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Getting objects that exist or do not, and releasing buffers.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)

static int is_zero(const void *bytes, size_t size)
{
    static const uint8_t zero[64];

    return size <= sizeof zero && memcmp(bytes, zero, size) == 0;
}

static void test_with_timeout_0_the_answer_is_the_current_state(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t absent = id_of(1), writing = id_of(2), id;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer, before;

    memset(&buffer, 0x55, sizeof buffer);
    before = buffer;
    CHECK_OK(plasma_create(client, &writing, 100, NULL, &writable));
    CHECK_STATUS(plasma_get(client, &absent, 0, &buffer), PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_get(client, &writing, 0, &buffer),
                 PLASMA_ERR_NOT_SEALED);
    CHECK_STATUS(plasma_get_by_name(client, "no", 0, &buffer),
                 PLASMA_ERR_NOT_FOUND);
    CHECK_STATUS(plasma_lookup(client, "no", &id), PLASMA_ERR_NOT_FOUND);
    CHECK(memcmp(&buffer, &before, sizeof buffer) == 0);
    put_pattern(client, 3, 100, "yes");
    buffer = get_pattern(client, 3, 100);
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_get_by_name(client, "yes", 0, &buffer));
    CHECK(is_filled(buffer.data, 100, 3));
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_lookup(client, "yes", &id));
    CHECK(same_id(id, id_of(3)));
    plasma_disconnect(client);
}

static void test_a_time_out_comes_after_its_time(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t absent = id_of(1), writing = id_of(2);
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    int64_t times[] = { 1, 20, 150 };

    CHECK_OK(plasma_create(client, &writing, 100, NULL, &writable));
    for (size_t at = 0; at < 3; at++) {
        int64_t begin = now_ms();
        CHECK_STATUS(plasma_get(client, &absent, times[at], &buffer),
                     PLASMA_ERR_TIMEOUT);
        CHECK(now_ms() - begin >= times[at] - 1);
        begin = now_ms();
        CHECK_STATUS(plasma_get(client, &writing, times[at], &buffer),
                     PLASMA_ERR_TIMEOUT);
        CHECK(now_ms() - begin >= times[at] - 1);
    }
    plasma_disconnect(client);
}

static void test_get_many_has_a_result_for_each(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t ids[6] = { id_of(1), id_of(2), id_of(3),
                           id_of(1), id_of(4), id_of(1) };
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffers[6];
    plasma_status_t statuses[6];

    put_pattern(client, 1, 100, NULL);
    put_pattern(client, 4, 0, NULL);
    CHECK_OK(plasma_create(client, &ids[2], 100, NULL, &writable));
    memset(buffers, 0x55, sizeof buffers);
    CHECK_STATUS(plasma_get_many(client, ids, 6, 0, buffers, statuses),
                 PLASMA_ERR_NOT_FOUND);
    CHECK_EQ(statuses[1], PLASMA_ERR_NOT_FOUND);
    CHECK_EQ(statuses[2], PLASMA_ERR_NOT_SEALED);
    CHECK(is_zero(&buffers[1], sizeof buffers[1]));
    CHECK(is_zero(&buffers[2], sizeof buffers[2]));
    CHECK_EQ(statuses[4], PLASMA_OK);
    CHECK_EQ(buffers[4].size, 0);
    for (size_t at = 0; at < 6; at += at == 3 ? 2 : 3) {
        CHECK_EQ(statuses[at], PLASMA_OK);
        CHECK(is_filled(buffers[at].data, 100, 1));
    }

    /* Each buffer is a lease of its own. */
    CHECK_OK(plasma_delete(client, &ids[0]));
    CHECK_OK(plasma_release(&buffers[0]));
    CHECK_OK(plasma_release(&buffers[5]));
    put_pattern(client, 9, MIB / 2, NULL);
    CHECK(is_filled(buffers[3].data, 100, 1));
    CHECK_OK(plasma_release_many(buffers, 6));
    CHECK(is_zero(&buffers[3], sizeof buffers[3]));
    CHECK_OK(plasma_get_many(client, NULL, 0, -1, NULL, NULL));
    CHECK_OK(plasma_release_many(NULL, 0));

    int64_t begin = now_ms();
    CHECK_STATUS(plasma_get_many(client, ids, 3, 30, buffers, statuses),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - begin >= 29);
    CHECK_EQ(statuses[0], PLASMA_ERR_TIMEOUT);
    CHECK_EQ(statuses[2], PLASMA_ERR_TIMEOUT);
    CHECK(is_zero(buffers, 64) && is_zero(&buffers[2], 64));
    plasma_disconnect(client);
}

/** A call that took the 48th buffer of a client and more once left them without
 * leases that others look at. */
static void test_all_that_get_many_holds_keep_their_bytes(void)
{
    enum { OBJECTS = 55, AT_ONCE = 11, SIZE = 10000 };
    static plasma_buffer_t buffers[OBJECTS];
    plasma_client_t *client = make_store(MIB);
    plasma_id_t ids[AT_ONCE];
    plasma_status_t statuses[AT_ONCE];

    for (uint64_t at = 0; at < OBJECTS; at++) {
        put_pattern(client, at, SIZE, NULL);
    }
    for (uint64_t at = 0; at < OBJECTS; at += AT_ONCE) {
        size_t count = OBJECTS - at < AT_ONCE ? OBJECTS - at : AT_ONCE;
        for (size_t i = 0; i < count; i++) {
            ids[i] = id_of(at + i);
        }
        CHECK_OK(plasma_get_many(client, ids, count, 0, buffers + at, statuses));
        CHECK_OK(plasma_delete_many(client, ids, count, statuses));
    }
    CHECK_EQ(stats_of(client).leases, OBJECTS);
    for (uint64_t number = OBJECTS;; number++) {
        plasma_id_t id = id_of(number);
        uint8_t other[SIZE] = { 0 };
        plasma_status_t status = plasma_put(client, &id, other, SIZE, NULL);
        if (status == PLASMA_ERR_OUT_OF_MEMORY) {
            break;
        }
        CHECK_OK(status);
    }
    for (uint64_t at = 0; at < OBJECTS; at++) {
        CHECK(is_filled(buffers[at].data, SIZE, at));
    }
    CHECK_OK(plasma_release_many(buffers, OBJECTS));
    plasma_disconnect(client);
}

static void test_get_many_has_one_deadline(void)
{
    enum { COUNT = 400 };
    static plasma_id_t ids[COUNT];
    static plasma_buffer_t buffers[COUNT];
    static plasma_status_t statuses[COUNT];
    plasma_client_t *client = make_store(MIB);

    put_pattern(client, 7, 100, NULL);
    for (uint64_t at = 0; at < COUNT; at++) {
        ids[at] = id_of(at);
    }
    int64_t begin = now_ms();
    CHECK_STATUS(plasma_get_many(client, ids, COUNT, 500, buffers, statuses),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - begin >= 499);
    /* One after the other they would take 200 seconds. */
    CHECK(now_ms() - begin < 100000);
    for (uint64_t at = 0; at < COUNT; at++) {
        CHECK_EQ(statuses[at], at == 7 ? PLASMA_OK : PLASMA_ERR_TIMEOUT);
        CHECK_EQ(buffers[at].size, at == 7 ? 100 : 0);
    }
    CHECK_OK(plasma_release_many(buffers, COUNT));
    plasma_disconnect(client);
}

static void test_wait_says_which_of_many_are_sealed(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t ids[5] = { id_of(1), id_of(2), id_of(3), id_of(4), id_of(1) };
    uint8_t ready[5] = { 9, 9, 9, 9, 9 };
    size_t count = 99;
    plasma_mutable_buffer_t writable;

    put_pattern(client, 1, 10, NULL);
    put_pattern(client, 3, 10, NULL);
    CHECK_OK(plasma_create(client, &ids[3], 100, NULL, &writable));
    CHECK_OK(plasma_wait(client, ids, 4, 2, -1, ready, &count));
    CHECK_EQ(count, 2);
    CHECK(memcmp(ready, "\1\0\1\0\x09", 5) == 0);
    memset(ready, 9, 5);
    CHECK_OK(plasma_wait(client, ids, 4, 1, 0, ready, &count));
    CHECK(count >= 1 && count <= 2 && ready[1] == 0 && ready[3] == 0);
    memset(ready, 9, 5);
    CHECK_STATUS(plasma_wait(client, ids, 4, 0, 0, ready, &count),
                 PLASMA_ERR_TIMEOUT);
    CHECK_EQ(count, 2);
    CHECK(memcmp(ready, "\1\0\1\0\x09", 5) == 0);
    memset(ready, 9, 5);
    int64_t begin = now_ms();
    CHECK_STATUS(plasma_wait(client, ids, 5, 4, 30, ready, &count),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - begin >= 29);
    CHECK_EQ(count, 3);
    CHECK(memcmp(ready, "\1\0\1\0\1", 5) == 0);
    CHECK_OK(plasma_seal(&writable));
    put_pattern(client, 2, 10, NULL);
    CHECK_OK(plasma_wait(client, ids, 5, 0, 0, ready, &count));
    CHECK_EQ(count, 5);
    CHECK_OK(plasma_wait(client, NULL, 0, 0, -1, NULL, &count));
    CHECK_EQ(count, 0);
    CHECK_STATUS(plasma_wait(client, ids, 5, 6, 0, ready, &count),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_EQ(stats_of(client).leases, 0);
    plasma_disconnect(client);
}

static void test_a_retained_buffer_outlives_the_first(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *other = join_store();
    plasma_id_t id = id_of(1);
    plasma_buffer_t copies[20], alias;

    put_pattern(client, 1, 1000, NULL);
    copies[0] = get_pattern(client, 1, 1000);
    for (size_t at = 1; at < 20; at++) {
        CHECK_OK(plasma_retain(&copies[at / 2], &copies[at]));
    }
    alias = copies[0];
    CHECK_OK(plasma_release(&copies[0]));
    CHECK_OK(plasma_release(&copies[0]));
    CHECK_STATUS(plasma_release(&alias), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(plasma_retain(&alias, &copies[0]),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_OK(plasma_delete(other, &id));
    plasma_disconnect(client);
    CHECK_OK(plasma_retain(&copies[1], &copies[0]));
    for (size_t at = 0; at < 20; at++) {
        CHECK_EQ(copies[at].size, 1000);
        CHECK(is_filled(copies[at].data, 1000, 1));
        CHECK_EQ(stats_of(other).objects_deleted, 1);
        CHECK_OK(plasma_release(&copies[at]));
    }
    CHECK_EQ(used_after_reap(other), 0);
    CHECK_EQ(stats_of(other).objects_deleted, 0);
    plasma_disconnect(other);
}

static void test_release_many_goes_on_after_a_failure(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_buffer_t buffers[4];

    put_pattern(client, 1, 1000, NULL);
    buffers[0] = get_pattern(client, 1, 1000);
    buffers[1] = buffers[0];
    memset(&buffers[2], 0, sizeof buffers[2]);
    buffers[3] = get_pattern(client, 1, 1000);
    CHECK_STATUS(plasma_release_many(buffers, 4), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(is_zero(&buffers[0], 64) && is_zero(&buffers[3], 64));
    CHECK_EQ(stats_of(client).leases, 0);
    plasma_disconnect(client);
}

static void test_a_buffer_outlives_its_client(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *other = join_store();
    plasma_id_t id = id_of(2);
    plasma_mutable_buffer_t writable, second;
    plasma_buffer_t buffer, sealed;

    put_pattern(client, 1, 1000, NULL);
    buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    id = id_of(3);
    CHECK_OK(plasma_create(client, &id, 100, NULL, &second));
    plasma_disconnect(client);
    CHECK_EQ(stats_of(other).clients, 2);
    CHECK_EQ(state_of(other, 2), PLASMA_STATE_WRITING);

    CHECK(is_filled(buffer.data, 1000, 1));
    CHECK_OK(plasma_set_metadata(&writable, "format", "late", 4));
    CHECK_OK(plasma_resize(&writable, 70000));
    fill(writable.data, 70000, 2);
    CHECK_OK(plasma_seal(&writable));
    fill(second.data, 100, 3);
    CHECK_OK(plasma_seal_and_get(&second, &sealed));
    CHECK_OK(plasma_release(&buffer));
    buffer = get_pattern(other, 2, 70000);
    CHECK_OK(plasma_release(&buffer));
    CHECK_EQ(stats_of(other).clients, 2);
    CHECK(is_filled(sealed.data, 100, 3));
    CHECK_OK(plasma_release(&sealed));
    CHECK_EQ(stats_of(other).clients, 1);
    buffer = get_pattern(other, 3, 100);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(other);
}

static void look_at_info(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    char address[128] = "";
    pid_t creator = *(const pid_t *)arg;

    CHECK_OK(plasma_buffer_info(&buffer, &info));
    CHECK(same_id(info.id, id_of(1)));
    CHECK_EQ(info.state, PLASMA_STATE_SEALED);
    CHECK_EQ(info.data_size, 1000);
    CHECK_EQ(info.lease_count, 1);
    CHECK_EQ(info.creator_pid, creator);
    CHECK_TEXT(info.name, "with a name");
    CHECK_EQ(info.flags, PLASMA_OBJECT_NAMED);
    CHECK(info.construct_duration_us >= 0);
    int64_t now_us = (int64_t)time(NULL) * 1000000;
    CHECK(info.create_time_us > now_us - INT64_C(300000000));
    CHECK(info.create_time_us < now_us + INT64_C(300000000));
    CHECK(gethostname(address, 64) == 0);
    snprintf(address + strlen(address), 32, "/%d@", (int)creator);
    CHECK(strncmp(info.creator_address, address, strlen(address)) == 0);
    CHECK(strlen(info.creator_address) > strlen(address));
    tell(parent, 'h');
    hear(parent, 'd');
    CHECK_OK(plasma_buffer_info(&buffer, &info));
    CHECK(same_id(info.id, id_of(1)));
    CHECK_EQ(info.data_size, 1000);
    CHECK_TEXT(info.name, "with a name");
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_a_buffer_knows_its_object_also_after_a_delete(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_id_t id = id_of(1);
    pid_t creator = getpid();

    put_pattern(client, 1, 1000, "with a name");
    struct process reader = spawn(look_at_info, &creator);
    hear(&reader, 'h');
    CHECK_OK(plasma_delete(client, &id));
    put_pattern(client, 1, 5, "with a name");
    tell(&reader, 'd');
    finish(&reader);
    plasma_disconnect(client);
}

/** A struct that ends before lease_count costs no look at the leases of all
 * clients, and gets what is before. */
static void test_a_short_info_of_a_buffer_has_the_first_fields(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_object_info_t whole = PLASMA_OBJECT_INFO_INIT;
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;

    put_pattern(client, 1, 100, NULL);
    CHECK_OK(plasma_get(client, &id, 0, &buffer));
    CHECK_OK(plasma_buffer_info(&buffer, &whole));
    memset(&info, 0x77, sizeof info);
    info.struct_size = offsetof(plasma_object_info_t, lease_count);
    CHECK_OK(plasma_buffer_info(&buffer, &info));
    CHECK(same_id(info.id, id));
    CHECK_EQ(info.data_size, 100);
    CHECK_EQ(info.create_time_us, whole.create_time_us);
    CHECK_EQ(info.creator_pid, whole.creator_pid);
    CHECK_EQ(info.lease_count, 0x77777777);
    CHECK_EQ(whole.lease_count, 1);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(with_timeout_0_the_answer_is_the_current_state),
        TEST(a_time_out_comes_after_its_time),
        TEST(get_many_has_a_result_for_each),
        TEST(all_that_get_many_holds_keep_their_bytes),
        TEST(get_many_has_one_deadline),
        TEST(wait_says_which_of_many_are_sealed),
        TEST(a_retained_buffer_outlives_the_first),
        TEST(release_many_goes_on_after_a_failure),
        TEST(a_buffer_outlives_its_client),
        TEST(a_buffer_knows_its_object_also_after_a_delete),
        TEST(a_short_info_of_a_buffer_has_the_first_fields),
    };
    return RUN_TESTS(argc, argv, tests);
}
