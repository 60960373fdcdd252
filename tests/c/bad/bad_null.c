/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * NULL for each pointer of each function that does not allow it. Outputs are
 * not modified.
 */

#include "system.h"

/** Everything that a call can write. */
struct outputs {
    plasma_client_t *client;
    plasma_list_t *list;
    plasma_client_list_t *client_list;
    plasma_subscription_t *subscription;
    plasma_buffer_t buffer;
    plasma_buffer_t buffers[2];
    plasma_mutable_buffer_t writable;
    plasma_status_t statuses[2];
    plasma_state_t state;
    plasma_id_t id;
    char hex[PLASMA_ID_HEX_SIZE];
    uint8_t ready[2];
    size_t ready_count;
    uint64_t number;
    const void *value;
    const char *key;
    int32_t created;
    int fd;
};

static struct outputs out, untouched;

#define CHECK_NULL(call)                                                      \
    do {                                                                      \
        CHECK_STATUS(call, PLASMA_ERR_INVALID_ARGUMENT);                      \
        CHECK_MESSAGE("NULL");                                                \
        CHECK_EQ(plasma_error_errno(), 0);                                    \
        CHECK(memcmp(&out, &untouched, sizeof out) == 0 && #call);            \
    } while (0)

static void mark_outputs(void)
{
    memset(&out, 0x5a, sizeof out);
    memcpy(&untouched, &out, sizeof out);
}

static void test_ids_and_connections(void)
{
    plasma_client_t *client = make_store(1 << 20);
    plasma_id_t id = id_of(1);

    mark_outputs();
    CHECK_NULL(plasma_id_random(NULL));
    CHECK_NULL(plasma_id_from_bytes(NULL, 1, &out.id));
    CHECK_NULL(plasma_id_from_bytes(&id, 20, NULL));
    CHECK_NULL(plasma_id_from_hex(NULL, &out.id));
    CHECK_NULL(plasma_id_from_hex("0123456789012345678901234567890123456789",
                                  NULL));
    CHECK_NULL(plasma_id_to_hex(NULL, out.hex));
    CHECK_NULL(plasma_id_to_hex(&id, NULL));
    CHECK_NULL(plasma_connect(store(), NULL, NULL));
    CHECK_NULL(plasma_interrupt(NULL));
    CHECK(plasma_client_address(NULL) == NULL);
    plasma_disconnect(NULL);
    plasma_disconnect(client);
    CHECK_OK(plasma_id_from_bytes(NULL, 0, &id));
}

static void test_writing(void)
{
    plasma_client_t *client = make_store(1 << 20);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_metadata_t entry = { NULL, "x", 1 };
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1), other = id_of(2);
    const void *data[2] = { "data", NULL };
    uint64_t sizes[2] = { 4, 4 };
    plasma_id_t ids[2] = { id_of(3), id_of(4) };

    mark_outputs();
    CHECK_NULL(plasma_create(NULL, &id, 1, NULL, &out.writable));
    CHECK_NULL(plasma_create(client, NULL, 1, NULL, &out.writable));
    CHECK_NULL(plasma_create(client, &id, 1, NULL, NULL));
    CHECK_NULL(plasma_resize(NULL, 1));
    CHECK_NULL(plasma_set_metadata(NULL, "key", "x", 1));
    CHECK_NULL(plasma_seal(NULL));
    CHECK_NULL(plasma_seal_and_get(NULL, &out.buffer));
    CHECK_NULL(plasma_abort(NULL));
    CHECK_NULL(plasma_fail(NULL, "why"));
    CHECK_NULL(plasma_put(NULL, &id, "x", 1, NULL));
    CHECK_NULL(plasma_put(client, NULL, "x", 1, NULL));
    CHECK_NULL(plasma_put(client, &id, NULL, 1, NULL));
    CHECK_NULL(plasma_put_parts(NULL, &id, data, sizes, 1, NULL));
    CHECK_NULL(plasma_put_parts(client, NULL, data, sizes, 1, NULL));
    CHECK_NULL(plasma_put_parts(client, &id, NULL, sizes, 1, NULL));
    CHECK_NULL(plasma_put_parts(client, &id, data, NULL, 1, NULL));
    CHECK_NULL(plasma_put_parts(client, &id, data, sizes, 2, NULL));
    CHECK_NULL(plasma_put_many(NULL, ids, data, sizes, 2, NULL, out.statuses));
    CHECK_NULL(plasma_put_many(client, NULL, data, sizes, 2, NULL,
                               out.statuses));
    CHECK_NULL(plasma_put_many(client, ids, NULL, sizes, 2, NULL,
                               out.statuses));
    CHECK_NULL(plasma_put_many(client, ids, data, NULL, 2, NULL, out.statuses));
    CHECK_NULL(plasma_put_many(client, ids, data, sizes, 2, NULL, NULL));
    CHECK_NULL(plasma_get_or_create(NULL, &id, 1, NULL, 0, &out.buffer,
                                    &out.writable, &out.created));
    CHECK_NULL(plasma_get_or_create_by_name(NULL, "one", 1, NULL, 0, &out.buffer,
                                            &out.writable, &out.created));
    CHECK_NULL(plasma_get_or_create_by_name(client, NULL, 1, NULL, 0, &out.buffer,
                                            &out.writable, &out.created));
    CHECK_NULL(plasma_get_or_create(client, NULL, 1, NULL, 0, &out.buffer,
                                    &out.writable, &out.created));
    CHECK_NULL(plasma_get_or_create(client, &id, 1, NULL, 0, NULL,
                                    &out.writable, &out.created));
    CHECK_NULL(plasma_get_or_create(client, &id, 1, NULL, 0, &out.buffer, NULL,
                                    &out.created));
    CHECK_NULL(plasma_get_or_create(client, &id, 1, NULL, 0, &out.buffer,
                                    &out.writable, NULL));
    options.metadata_count = 1;
    CHECK_NULL(plasma_create(client, &id, 1, &options, &out.writable));
    options.metadata = &entry;
    CHECK_NULL(plasma_create(client, &id, 1, &options, &out.writable));
    entry = (plasma_metadata_t){ "key", NULL, 1 };
    CHECK_NULL(plasma_create(client, &id, 1, &options, &out.writable));
    CHECK_NULL(plasma_put(client, &id, "x", 1, &options));
    CHECK_EQ(stats_of(client).objects_writing, 0);
    CHECK_EQ(stats_of(client).objects_sealed, 0);

    CHECK_OK(plasma_create(client, &id, 1, NULL, &writable));
    CHECK_NULL(plasma_set_metadata(&writable, NULL, "x", 1));
    CHECK_NULL(plasma_set_metadata(&writable, "key", NULL, 1));
    CHECK_NULL(plasma_seal_and_get(&writable, NULL));
    CHECK_OK(plasma_set_metadata(&writable, "key", NULL, 0));
    CHECK_OK(plasma_seal(&writable));
    CHECK_OK(plasma_put(client, &other, NULL, 0, NULL));
    CHECK_OK(plasma_put_many(client, NULL, NULL, NULL, 0, NULL, NULL));

    /* One missing pointer of several is a failure of that entry only. */
    CHECK_STATUS(plasma_put_many(client, ids, data, sizes, 2, NULL,
                                 out.statuses), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_EQ(out.statuses[0], PLASMA_OK);
    CHECK_EQ(out.statuses[1], PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_EQ(state_of(client, 3), PLASMA_STATE_SEALED);
    CHECK_EQ(state_of(client, 4), PLASMA_STATE_ABSENT);
    plasma_disconnect(client);
}

static void test_reading(void)
{
    plasma_client_t *client = make_store(1 << 20);
    plasma_id_t id = id_of(1), ids[2] = { id_of(1), id_of(1) };
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    uint64_t leases;

    put_pattern(client, 1, 10, "one");
    plasma_buffer_t held = get_pattern(client, 1, 10);
    leases = stats_of(client).leases;
    mark_outputs();
    CHECK_NULL(plasma_get(NULL, &id, 0, &out.buffer));
    CHECK_NULL(plasma_get(client, NULL, 0, &out.buffer));
    CHECK_NULL(plasma_get(client, &id, 0, NULL));
    CHECK_NULL(plasma_get_by_name(NULL, "one", 0, &out.buffer));
    CHECK_NULL(plasma_get_by_name(client, NULL, 0, &out.buffer));
    CHECK_NULL(plasma_get_by_name(client, "one", 0, NULL));
    CHECK_NULL(plasma_lookup(NULL, "one", &out.id));
    CHECK_NULL(plasma_lookup(client, NULL, &out.id));
    CHECK_NULL(plasma_lookup(client, "one", NULL));
    CHECK_NULL(plasma_get_many(NULL, ids, 2, 0, out.buffers, out.statuses));
    CHECK_NULL(plasma_get_many(client, NULL, 2, 0, out.buffers, out.statuses));
    CHECK_NULL(plasma_get_many(client, ids, 2, 0, NULL, out.statuses));
    CHECK_NULL(plasma_get_many(client, ids, 2, 0, out.buffers, NULL));
    CHECK_NULL(plasma_wait(NULL, ids, 2, 0, 0, out.ready, &out.ready_count));
    CHECK_NULL(plasma_wait(client, NULL, 2, 0, 0, out.ready, &out.ready_count));
    CHECK_NULL(plasma_wait(client, ids, 2, 0, 0, NULL, &out.ready_count));
    CHECK_NULL(plasma_wait(client, ids, 2, 0, 0, out.ready, NULL));
    CHECK_NULL(plasma_retain(NULL, &out.buffer));
    CHECK_NULL(plasma_retain(&held, NULL));
    CHECK_NULL(plasma_release(NULL));
    CHECK_NULL(plasma_release_many(NULL, 1));
    CHECK_NULL(plasma_get_metadata(NULL, "k", &out.value, &out.number));
    CHECK_NULL(plasma_get_metadata(&held, NULL, &out.value, &out.number));
    CHECK_NULL(plasma_get_metadata(&held, "k", NULL, &out.number));
    CHECK_NULL(plasma_get_metadata(&held, "k", &out.value, NULL));
    CHECK_NULL(plasma_metadata_count(NULL, &out.number));
    CHECK_NULL(plasma_metadata_count(&held, NULL));
    CHECK_NULL(plasma_metadata_at(NULL, 0, &out.key, &out.value, &out.number));
    CHECK_NULL(plasma_metadata_at(&held, 0, NULL, &out.value, &out.number));
    CHECK_NULL(plasma_metadata_at(&held, 0, &out.key, NULL, &out.number));
    CHECK_NULL(plasma_metadata_at(&held, 0, &out.key, &out.value, NULL));
    CHECK_NULL(plasma_buffer_info(NULL, &info));
    CHECK_NULL(plasma_buffer_info(&held, NULL));
    CHECK_EQ(stats_of(client).leases, leases); /* none was leaked */

    CHECK_OK(plasma_get_many(client, NULL, 0, 0, NULL, NULL));
    CHECK_OK(plasma_release_many(NULL, 0));
    CHECK_OK(plasma_wait(client, NULL, 0, 0, 0, NULL, &out.ready_count));
    CHECK_EQ(out.ready_count, 0);
    CHECK_OK(plasma_release(&held));
    plasma_disconnect(client);
}

static void test_managing(void)
{
    plasma_client_t *client = make_store(1 << 20);
    plasma_id_t id = id_of(1), ids[2] = { id_of(1), id_of(2) };
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_client_info_t client_info = PLASMA_CLIENT_INFO_INIT;
    plasma_stats_t stats = PLASMA_STATS_INIT;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;
    plasma_list_t *list;
    plasma_client_list_t *clients;
    plasma_subscription_t *subscription;

    put_pattern(client, 1, 10, NULL);
    CHECK_OK(plasma_list(client, &list));
    CHECK_OK(plasma_list_clients(client, &clients));
    CHECK_OK(plasma_subscribe(client, &subscription));
    mark_outputs();
    CHECK_NULL(plasma_contains(NULL, &id, &out.state));
    CHECK_NULL(plasma_contains(client, NULL, &out.state));
    CHECK_NULL(plasma_contains(client, &id, NULL));
    CHECK_NULL(plasma_object_info(NULL, &id, &info));
    CHECK_NULL(plasma_object_info(client, NULL, &info));
    CHECK_NULL(plasma_object_info(client, &id, NULL));
    CHECK_NULL(plasma_stats(NULL, &stats));
    CHECK_NULL(plasma_stats(client, NULL));
    CHECK_NULL(plasma_delete(NULL, &id));
    CHECK_NULL(plasma_delete(client, NULL));
    CHECK_NULL(plasma_delete_many(NULL, ids, 2, out.statuses));
    CHECK_NULL(plasma_delete_many(client, NULL, 2, out.statuses));
    CHECK_NULL(plasma_delete_many(client, ids, 2, NULL));
    CHECK_NULL(plasma_pin(NULL, &id));
    CHECK_NULL(plasma_pin(client, NULL));
    CHECK_NULL(plasma_unpin(NULL, &id));
    CHECK_NULL(plasma_unpin(client, NULL));
    CHECK_NULL(plasma_evict(NULL, 1, &out.number));
    CHECK_NULL(plasma_evict(client, 1, NULL));
    CHECK_NULL(plasma_reap(NULL, &out.number));
    CHECK_NULL(plasma_reap(client, NULL));
    CHECK_NULL(plasma_trim(NULL, 0, &out.number));
    CHECK_NULL(plasma_trim(client, 0, NULL));
    CHECK_NULL(plasma_check(NULL, &report));
    CHECK_NULL(plasma_check(client, NULL));
    CHECK_NULL(plasma_list(NULL, &out.list));
    CHECK_NULL(plasma_list(client, NULL));
    CHECK_NULL(plasma_list_at(NULL, 0, &info));
    CHECK_NULL(plasma_list_at(list, 0, NULL));
    CHECK_NULL(plasma_list_clients(NULL, &out.client_list));
    CHECK_NULL(plasma_list_clients(client, NULL));
    CHECK_NULL(plasma_list_holders(NULL, &id, &out.client_list));
    CHECK_NULL(plasma_list_holders(client, NULL, &out.client_list));
    CHECK_NULL(plasma_list_holders(client, &id, NULL));
    CHECK_NULL(plasma_client_list_at(NULL, 0, &client_info));
    CHECK_NULL(plasma_client_list_at(clients, 0, NULL));
    CHECK_NULL(plasma_subscribe(NULL, &out.subscription));
    CHECK_NULL(plasma_subscribe(client, NULL));
    CHECK_NULL(plasma_next_event(NULL, 0, &event));
    CHECK_NULL(plasma_next_event(subscription, 0, NULL));
    CHECK_NULL(plasma_event_fd(NULL, &out.fd));
    CHECK_NULL(plasma_event_fd(subscription, NULL));
    CHECK_EQ(state_of(client, 1), PLASMA_STATE_SEALED); /* it was not evicted */

    CHECK_EQ(plasma_list_count(NULL), 0);
    CHECK_EQ(plasma_client_list_count(NULL), 0);
    plasma_list_free(NULL);
    plasma_client_list_free(NULL);
    plasma_unsubscribe(NULL);
    CHECK_OK(plasma_delete_many(client, NULL, 0, NULL));
    plasma_unsubscribe(subscription);
    plasma_client_list_free(clients);
    plasma_list_free(list);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(ids_and_connections),
        TEST(writing),
        TEST(reading),
        TEST(managing),
    };
    return RUN_TESTS(argc, argv, tests);
}
