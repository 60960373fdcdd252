/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Many threads on one handle, many handles and many stores in one process.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)
enum { THREADS = 8, TURNS = 400 };

struct worker {
    pthread_t thread;
    plasma_client_t *client;
    uint64_t number;
};

/** Start a thread for each worker, and wait until all are done. */
static void run_workers(struct worker workers[THREADS], void *(*run)(void *))
{
    for (int at = 0; at < THREADS; at++) {
        CHECK(pthread_create(&workers[at].thread, NULL, run, &workers[at]) ==
              0);
    }
    for (int at = 0; at < THREADS; at++) {
        CHECK(pthread_join(workers[at].thread, NULL) == 0);
    }
}

/** Make, resize, read and delete objects, and read those of the next thread. */
static void *work(void *arg)
{
    struct worker *self = arg;
    char name[40];

    for (uint64_t turn = 0; turn < TURNS; turn++) {
        uint64_t number = self->number * TURNS + turn, size = turn * 7 % 3000;
        plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
        plasma_mutable_buffer_t writable;
        plasma_buffer_t buffer, copy, missing;
        plasma_id_t id = id_of(number);
        snprintf(name, sizeof name, "thread %" PRIu64, self->number);
        options.name = name;
        CHECK_OK(plasma_create(self->client, &id, size / 2, &options,
                               &writable));
        CHECK_OK(plasma_set_metadata(&writable, "turn", &turn, sizeof turn));
        CHECK_OK(plasma_resize(&writable, size));
        fill(writable.data, size, number);
        if (turn % 2) {
            CHECK_OK(plasma_seal_and_get(&writable, &buffer));
        } else {
            CHECK_OK(plasma_seal(&writable));
            CHECK_OK(plasma_get_by_name(self->client, name, -1, &buffer));
        }
        CHECK_OK(plasma_retain(&buffer, &copy));
        CHECK_OK(plasma_release(&buffer));
        uint64_t next = (self->number + 1) % THREADS * TURNS + turn;
        id = id_of(next);
        plasma_status_t status = plasma_get(self->client, &id, 0, &missing);
        if (status == PLASMA_OK) {
            CHECK(is_filled(missing.data, missing.size, next));
            CHECK_OK(plasma_release(&missing));
        } else {
            CHECK(status == PLASMA_ERR_NOT_FOUND ||
                  status == PLASMA_ERR_NOT_SEALED);
        }
        id = id_of(number);
        CHECK_OK(plasma_delete(self->client, &id));
        CHECK_EQ(copy.size, size);
        CHECK(is_filled(copy.data, size, number));
        CHECK_OK(plasma_release(&copy));
    }
    return NULL;
}

static void test_many_threads_work_on_one_handle(void)
{
    plasma_client_t *client = make_store(4 * MIB);
    struct worker workers[THREADS];

    for (uint64_t at = 0; at < THREADS; at++) {
        workers[at] = (struct worker){ 0, client, at };
    }
    run_workers(workers, work);
    CHECK_EQ(used_after_reap(client), 0);
    CHECK_EQ(stats_of(client).leases, 0);
    CHECK_EQ(stats_of(client).objects_sealed, 0);
    plasma_disconnect(client);
}

static void test_each_thread_has_a_handle_of_its_own(void)
{
    plasma_client_t *client = make_store(4 * MIB);
    struct worker workers[THREADS];

    for (uint64_t at = 0; at < THREADS; at++) {
        workers[at] = (struct worker){ 0, join_store(), at };
    }
    CHECK_EQ(stats_of(client).clients, THREADS + 1);
    run_workers(workers, work);
    for (int at = 0; at < THREADS; at++) {
        plasma_disconnect(workers[at].client);
    }
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_EQ(used_after_reap(client), 0);
    plasma_disconnect(client);
}

static void test_handles_of_one_process_do_not_disturb_each_other(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *writer = join_store(), *reader = join_store();
    plasma_client_t *strict = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);

    put_pattern(writer, 1, 1000, NULL);
    plasma_buffer_t first = get_pattern(reader, 1, 1000);
    plasma_buffer_t second = get_pattern(strict, 1, 1000);
    CHECK_OK(plasma_create(writer, &id, 100, NULL, &writable));
    CHECK_EQ(stats_of(client).clients, 4);
    plasma_disconnect(reader);
    CHECK(is_filled(second.data, 1000, 1));
    CHECK_STATUS(plasma_put(strict, &id, "x", 1, NULL), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(plasma_put(client, &id, "x", 1, NULL), PLASMA_ERR_EXISTS);
    CHECK_OK(plasma_release(&first));
    CHECK_EQ(stats_of(client).clients, 3);
    id = id_of(1);
    CHECK_OK(plasma_delete(client, &id));
    CHECK_OK(plasma_reap(client, &(uint64_t){ 0 }));
    CHECK(is_filled(second.data, 1000, 1));
    CHECK_OK(plasma_release(&second));
    plasma_disconnect(strict);
    CHECK_OK(plasma_seal(&writable));
    plasma_disconnect(writer);
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_SEALED);
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_EQ(used_after_reap(client), 128);
    plasma_disconnect(client);
}

static void test_stores_of_one_process_are_apart(void)
{
    plasma_client_t *clients[5];
    plasma_buffer_t buffers[5];
    char address[5][700];
    struct worker workers[THREADS];

    for (uint64_t at = 0; at < 5; at++) {
        char suffix[2] = { (char)('a' + at), 0 };
        plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
        options.flags = PLASMA_CONNECT_EXCLUSIVE;
        options.capacity = (at + 1) * MIB;
        other_store(suffix, address[at]);
        CHECK_OK(plasma_connect(address[at], &options, &clients[at]));
        CHECK_TEXT(plasma_client_address(clients[at]), address[at]);
        plasma_id_t id = id_of(1000000);
        CHECK_OK(plasma_put(clients[at], &id, "abcde" + at, 1, NULL));
        CHECK_OK(plasma_get(clients[at], &id, 0, &buffers[at]));
        put_pattern(clients[at], 2000000 + at, 10, "name");
    }
    for (uint64_t at = 0; at < THREADS; at++) {
        workers[at] = (struct worker){ 0, clients[at % 5], at };
    }
    run_workers(workers, work);
    for (uint64_t at = 0; at < 5; at++) {
        plasma_id_t id;
        CHECK(buffers[at].size == 1 && buffers[at].data[0] == 'a' + at);
        CHECK_EQ(stats_of(clients[at]).capacity, (at + 1) * MIB);
        CHECK_EQ(stats_of(clients[at]).objects_sealed, 2);
        CHECK_OK(plasma_lookup(clients[at], "name", &id));
        CHECK(same_id(id, id_of(2000000 + at)));
        CHECK_OK(plasma_store_remove(address[at]));
        CHECK_STATUS(plasma_lookup(clients[at], "name", &id),
                     PLASMA_ERR_STORE_GONE);
        CHECK(buffers[at].data[0] == 'a' + at);
        CHECK_OK(plasma_release(&buffers[at]));
        plasma_disconnect(clients[at]);
    }
}

/* ---- One object that another process deletes and makes again ---- */

enum { VERSIONS = 3000, NUMBER = 1 };

/** The size of a version, which contains its number and then its pattern. */
static uint64_t size_of(uint64_t version) { return 8 + version * 37 % 9000; }

static void make_versions(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_id_t id = id_of(NUMBER);

    (void)arg;
    hear(parent, 's');
    for (uint64_t version = 1; version <= VERSIONS; version++) {
        plasma_mutable_buffer_t writable;
        CHECK_OK(plasma_create(client, &id, size_of(version), NULL, &writable));
        memcpy(writable.data, &version, sizeof version);
        fill(writable.data + 8, writable.size - 8, version);
        CHECK_OK(plasma_seal(&writable));
        if (version < VERSIONS) {
            CHECK_OK(plasma_delete(client, &id));
        }
    }
    plasma_disconnect(client);
}

/** Read until the last version; versions only increase, and each is as it
 * was sealed. */
static void *read_versions(void *arg)
{
    struct worker *self = arg;
    plasma_id_t id = id_of(NUMBER);
    uint64_t version = 0, last = 0;

    while (version < VERSIONS) {
        plasma_buffer_t buffer, copy;
        CHECK_OK(plasma_get(self->client, &id, 60000, &buffer));
        memcpy(&version, buffer.data, sizeof version);
        CHECK(version >= last && version <= VERSIONS);
        CHECK_EQ(buffer.size, size_of(version));
        CHECK(is_filled(buffer.data + 8, buffer.size - 8, version));
        CHECK_OK(plasma_retain(&buffer, &copy));
        CHECK_OK(plasma_release(&buffer));
        CHECK(is_filled(copy.data + 8, copy.size - 8, version));
        CHECK_OK(plasma_release(&copy));
        last = version;
    }
    return NULL;
}

static void test_readers_see_whole_versions_while_another_process_renews(void)
{
    plasma_client_t *client = make_store(256 * 1024);
    struct process writer = spawn(make_versions, NULL);
    struct worker workers[THREADS];

    for (uint64_t at = 0; at < THREADS; at++) {
        workers[at] = (struct worker){ 0, at % 4 ? client : join_store(), at };
    }
    tell(&writer, 's');
    run_workers(workers, read_versions);
    finish(&writer);
    CHECK_EQ(stats_of(client).leases, 0);
    CHECK_EQ(used_after_reap(client), (size_of(VERSIONS) + 63) / 64 * 64);
    plasma_disconnect(workers[0].client);
    plasma_disconnect(workers[4].client);
    plasma_disconnect(client);
}

static void *release_of_another(void *arg)
{
    plasma_buffer_t *buffer = arg;

    CHECK(is_filled(buffer->data, 1000, 1));
    CHECK_OK(plasma_release(buffer));
    return NULL;
}

static void *seal_of_another(void *arg)
{
    plasma_mutable_buffer_t *writable = arg;

    CHECK_OK(plasma_resize(writable, 2000));
    fill(writable->data, 2000, 2);
    CHECK_OK(plasma_seal(writable));
    return NULL;
}

static void test_a_buffer_moves_between_threads(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffers[100];
    plasma_id_t id = id_of(2);
    pthread_t threads[101];

    put_pattern(client, 1, 1000, NULL);
    CHECK_OK(plasma_create(client, &id, 10, NULL, &writable));
    for (int at = 0; at < 100; at++) {
        buffers[at] = get_pattern(client, 1, 1000);
        CHECK(pthread_create(&threads[at], NULL, release_of_another,
                             &buffers[at]) == 0);
    }
    CHECK(pthread_create(&threads[100], NULL, seal_of_another, &writable) == 0);
    for (int at = 0; at <= 100; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
    }
    buffers[0] = get_pattern(client, 2, 2000);
    CHECK_EQ(stats_of(client).leases, 1);
    CHECK_OK(plasma_release(&buffers[0]));
    plasma_disconnect(client);
}

static plasma_subscription_t *shared_subscription;
static uint8_t heard_once[TURNS];

static void *take_events(void *arg)
{
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_status_t status;

    (void)arg;
    while ((status = plasma_next_event(shared_subscription, -1, &event)) ==
           PLASMA_OK) {
        uint64_t number;
        memcpy(&number, event.id.bytes, sizeof number);
        CHECK(event.type == PLASMA_EVENT_SEALED && number < TURNS);
        CHECK_EQ(__atomic_fetch_add(&heard_once[number], 1, __ATOMIC_RELAXED),
                 0);
    }
    CHECK_EQ(status, PLASMA_ERR_DISCONNECTED);
    return NULL;
}

static int all_heard(void)
{
    for (int at = 0; at < TURNS; at++) {
        if (__atomic_load_n(&heard_once[at], __ATOMIC_RELAXED) == 0) {
            return 0;
        }
    }
    return 1;
}

static void test_threads_share_the_events_of_a_subscription(void)
{
    plasma_client_t *client = make_store(MIB), *other = join_store();
    pthread_t threads[THREADS];

    CHECK_OK(plasma_subscribe(client, &shared_subscription));
    for (int at = 0; at < THREADS; at++) {
        CHECK(pthread_create(&threads[at], NULL, take_events, NULL) == 0);
    }
    for (uint64_t number = 0; number < TURNS; number++) {
        put_pattern(other, number, 10, NULL);
    }
    CHECK_SOON(all_heard());
    plasma_disconnect(client);
    for (int at = 0; at < THREADS; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
    }
    plasma_unsubscribe(shared_subscription);
    plasma_disconnect(other);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(many_threads_work_on_one_handle),
        TEST(each_thread_has_a_handle_of_its_own),
        TEST(handles_of_one_process_do_not_disturb_each_other),
        TEST(stores_of_one_process_are_apart),
        TEST(readers_see_whole_versions_while_another_process_renews),
        TEST(a_buffer_moves_between_threads),
        TEST(threads_share_the_events_of_a_subscription),
    };
    return RUN_TESTS(argc, argv, tests);
}
