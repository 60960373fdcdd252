/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Limits: open files, address space, objects, leases, clients, and a file
 * system that others fill.
 */

#include "system.h"

enum { CAPACITY = 1 << 20 };

static int open_files(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/** Allow descriptors only below a number. */
static void limit_files(rlim_t limit)
{
    struct rlimit files;

    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = limit;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
}

static rlim_t file_limit(void)
{
    struct rlimit files;

    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    return files.rlim_cur;
}

static void test_too_few_open_files_to_connect(void)
{
    const uint32_t flags[] = { 0, PLASMA_CONNECT_EXISTING,
                               PLASMA_CONNECT_READ_ONLY };
    const rlim_t before = file_limit();

    for (int way = 0; way < 3; way++) {
        int refused = 0;
        plasma_status_t status;
        rlim_t more = 0;
        do {
            plasma_client_t *client = NULL;
            const int used = open_files();
            limit_files((rlim_t)used + more++);
            status = connect_to(store(), flags[way], &client);
            if (status != PLASMA_OK) {
                CHECK_STATUS(status, PLASMA_ERR_LIMIT);
                CHECK_EQ(plasma_error_errno(), EMFILE);
                CHECK_EQ(open_files(), used);
                refused++;
            }
            limit_files(before);
            plasma_disconnect(client);
            CHECK_EQ(open_files(), used);
        } while (status != PLASMA_OK);
        CHECK(refused >= 3 && refused < 32);
        CHECK_EQ(entries(check_dir), 1);
    }
}

static void test_a_connection_needs_no_more_files_to_read_and_write(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_mutable_buffer_t writable;
    const rlim_t before = file_limit();
    plasma_id_t id = id_of(2);

    put_pattern(client, 1, 1000, "one"); /* from now on it can write */
    limit_files(3);
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_create(client, &id, 500, NULL, &writable));
    fill(writable.data, 500, 2);
    CHECK_OK(plasma_seal_and_get(&writable, &buffer));
    CHECK(is_filled(buffer.data, 500, 2));
    CHECK_OK(plasma_release(&buffer));
    limit_files(before);
    plasma_disconnect(client);
}

static void hold_one(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, CAPACITY);

    (void)arg;
    tell(parent, 'h');
    hear(parent, 'x');
    CHECK(is_filled(buffer.data, buffer.size, 1));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_reclaim_without_files_frees_nothing_and_says_so(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_id_t id = id_of(1), other = id_of(2);
    plasma_mutable_buffer_t writable;
    const rlim_t before = file_limit();
    uint64_t reaped;

    put_pattern(client, 1, CAPACITY, NULL);
    struct process holder = spawn(hold_one, NULL);
    hear(&holder, 'h');
    limit_files(3);
    /* The file of the other client cannot be opened now. */
    CHECK_EITHER(plasma_delete(client, &id), PLASMA_OK, PLASMA_ERR_LIMIT);
    CHECK_STATUS(plasma_reap(client, &reaped), PLASMA_ERR_LIMIT);
    CHECK_EQ(plasma_error_errno(), EMFILE);
    CHECK_STATUS(plasma_create(client, &other, 64, NULL, &writable),
                 PLASMA_ERR_LIMIT);
    CHECK_EQ(plasma_error_errno(), EMFILE);
    limit_files(before);
    CHECK_EQ(stats_of(client).used, CAPACITY);
    CHECK_STATUS(plasma_create(client, &other, 64, NULL, &writable),
                 PLASMA_ERR_OUT_OF_MEMORY);
    tell(&holder, 'x');
    finish(&holder);
    CHECK_OK(plasma_create(client, &other, CAPACITY, NULL, &writable));
    CHECK_OK(plasma_abort(&writable));
    plasma_disconnect(client);
}

static void test_too_few_files_for_an_event_fd(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;
    const rlim_t before = file_limit();
    int fd = -1;

    CHECK_OK(plasma_subscribe(client, &subscription));
    limit_files(3);
    CHECK_STATUS(plasma_event_fd(subscription, &fd), PLASMA_ERR_LIMIT);
    CHECK_EQ(plasma_error_errno(), EMFILE);
    CHECK_EQ(fd, -1);
    limit_files(before);
    CHECK_OK(plasma_event_fd(subscription, &fd));
    put_pattern(client, 1, 10, NULL);
    CHECK_OK(plasma_next_event(subscription, -1, &event));
    plasma_unsubscribe(subscription);
    plasma_disconnect(client);
}

/* ---- Address space ---- */

static void limit_address_space(uint64_t more)
{
    struct rlimit space;
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    CHECK(getrlimit(RLIMIT_AS, &space) == 0);
    space.rlim_cur = (rlim_t)pages * 4096 + more;
    CHECK(setrlimit(RLIMIT_AS, &space) == 0);
}

static void connect_in_little_space(struct process *parent, void *arg)
{
    const uint64_t *more = arg;
    plasma_client_t *client = NULL;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);

    (void)parent;
    limit_address_space(*more);
    plasma_status_t status = connect_to(store(), 0, &client);
    if (status != PLASMA_OK) {
        CHECK_EITHER(status, PLASMA_ERR_OUT_OF_MEMORY, PLASMA_ERR_SYSTEM);
        CHECK_EQ(plasma_error_errno(), ENOMEM);
        return;
    }
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    status = plasma_create(client, &id, 100, NULL, &writable);
    if (status == PLASMA_OK) {
        CHECK_OK(plasma_abort(&writable));
    } else {
        CHECK_EITHER(status, PLASMA_ERR_OUT_OF_MEMORY, PLASMA_ERR_SYSTEM);
        CHECK_EQ(plasma_error_errno(), ENOMEM);
    }
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_too_little_address_space(void)
{
    plasma_client_t *client = make_store(64 << 20);

    put_pattern(client, 1, 1000, NULL);
    for (uint64_t more = 1 << 20; more <= 256 << 20; more += 5 << 20) {
        check_child(connect_in_little_space, &more);
    }
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_EQ(stats_of(client).objects_writing, 0);
    plasma_disconnect(client);
}

/* ---- Numbers ---- */

static void test_max_objects(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_id_t id = id_of(0), other = id_of(100);
    plasma_mutable_buffer_t writable;

    options.capacity = CAPACITY;
    options.max_objects = 37;
    CHECK_OK(plasma_connect(store(), &options, &client));
    for (uint64_t number = 0; number < 37; number++) {
        put_pattern(client, number, 10, NULL);
    }
    CHECK_STATUS(plasma_create(client, &other, 10, NULL, &writable),
                 PLASMA_ERR_LIMIT);
    CHECK_MESSAGE("37");
    CHECK_MESSAGE("max_objects");
    CHECK_STATUS(plasma_put(client, &id, "x", 1, NULL), PLASMA_ERR_EXISTS);
    plasma_buffer_t buffer = get_pattern(client, 0, 10);
    CHECK_OK(plasma_delete(client, &id)); /* it is held and still counts */
    CHECK_STATUS(plasma_put(client, &other, "x", 1, NULL), PLASMA_ERR_LIMIT);
    CHECK_STATUS(plasma_put_parts(client, &other, NULL, NULL, 0, NULL),
                 PLASMA_ERR_LIMIT);
    CHECK(is_filled(buffer.data, 10, 0));
    CHECK_OK(plasma_release(&buffer));
    for (int round = 0; round < 100; round++) {
        CHECK_OK(plasma_put(client, &other, "x", 1, NULL));
        CHECK_OK(plasma_delete(client, &other));
    }
    CHECK_OK(plasma_put(client, &other, "x", 1, NULL));
    CHECK_EQ(stats_of(client).objects_sealed, 37);
    plasma_disconnect(client);
}

static void test_leases_of_a_client(void)
{
    enum { MANY = (1 << 20) + 1 };
    plasma_client_t *client = make_store(CAPACITY);
    plasma_buffer_t *held = malloc(MANY * sizeof *held);
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(1), other = id_of(2);
    plasma_status_t status = PLASMA_OK;
    size_t count = 0;
    int32_t created;

    CHECK(held != NULL);
    put_pattern(client, 1, 10, "held");
    while (count < MANY && status == PLASMA_OK) {
        status = plasma_get(client, &id, 0, &held[count]);
        count += status == PLASMA_OK;
    }
    CHECK_STATUS(status, PLASMA_ERR_LIMIT);
    CHECK_MESSAGE("1048576");
    CHECK_EQ(count, 1 << 20);
    CHECK_STATUS(plasma_get(client, &id, -1, &buffer), PLASMA_ERR_LIMIT);
    CHECK_STATUS(plasma_get_by_name(client, "held", -1, &buffer),
                 PLASMA_ERR_LIMIT);
    CHECK_STATUS(plasma_get_or_create(client, &id, 10, NULL, -1, &buffer,
                                      &writable, &created),
                 PLASMA_ERR_LIMIT);
    CHECK_STATUS(plasma_get_or_create_by_name(client, "held", 10, NULL, -1, &buffer,
                                              &writable, &created),
                 PLASMA_ERR_LIMIT);
    CHECK_OK(plasma_create(client, &other, 10, NULL, &writable));
    CHECK_STATUS(plasma_seal_and_get(&writable, &buffer), PLASMA_ERR_LIMIT);
    CHECK_EQ(writable.size, 10);
    CHECK_OK(plasma_retain(&held[0], &buffer)); /* shares a lease */
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_release(&held[--count]));
    CHECK_OK(plasma_seal_and_get(&writable, &buffer));
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_release_many(held, count));
    CHECK_EQ(stats_of(client).leases, 0);
    free(held);
    plasma_disconnect(client);
}

static void test_copies_of_a_buffer(void)
{
    enum { MANY = 32768 };
    plasma_client_t *client = make_store(CAPACITY);
    plasma_buffer_t *held = malloc(MANY * sizeof *held);
    plasma_buffer_t first, fresh;
    plasma_status_t status = PLASMA_OK;
    size_t count = 0;

    CHECK(held != NULL);
    put_pattern(client, 1, 10, NULL);
    first = get_pattern(client, 1, 10);
    while (count < MANY && status == PLASMA_OK) {
        status = plasma_retain(&first, &held[count]);
        count += status == PLASMA_OK;
    }
    CHECK_STATUS(status, PLASMA_ERR_LIMIT);
    CHECK_MESSAGE("32767");
    CHECK_EQ(count, 32767);
    fresh = get_pattern(client, 1, 10); /* another lease, with its own copies */
    CHECK_OK(plasma_retain(&fresh, &held[count++]));
    CHECK_OK(plasma_release_many(held, count));
    CHECK_OK(plasma_retain(&first, &held[0]));
    CHECK_OK(plasma_release(&held[0]));
    CHECK_OK(plasma_release(&first));
    CHECK_OK(plasma_release(&fresh));
    CHECK_EQ(stats_of(client).leases, 0);
    free(held);
    plasma_disconnect(client);
}

/* ---- Readers: a producer inspects all clients, and keeps their files open
 * ---- */
enum { CLIENTS = 1024, GROUPS = 16 };

static void join_often(struct process *parent, void *arg)
{
    plasma_client_t *clients[CLIENTS / GROUPS];

    (void)arg;
    for (int at = 0; at < CLIENTS / GROUPS; at++) {
        clients[at] = connect_store(PLASMA_CONNECT_READ_ONLY, 0, 0);
    }
    tell(parent, 'j');
    hear(parent, 'o');
    plasma_disconnect(clients[0]);
    tell(parent, 'o');
    hear(parent, 'x');
    for (int at = 1; at < CLIENTS / GROUPS; at++) {
        plasma_disconnect(clients[at]);
    }
}

static void test_clients_of_a_store(void)
{
    static struct process processes[GROUPS];
    struct rlimit files;

    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    if (files.rlim_max < CLIENTS + 100) {
        skip_test("too few open files are allowed (ulimit -Hn)");
        return;
    }
    limit_files(files.rlim_max);
    make_at(store(), CAPACITY, 0);
    for (int at = 0; at < GROUPS; at++) {
        processes[at] = spawn(join_often, NULL);
        hear(&processes[at], 'j');
    }
    CHECK_CONNECT(store(), 0, PLASMA_ERR_LIMIT);
    CHECK_MESSAGE("1024");
    CHECK_CONNECT(store(), PLASMA_CONNECT_READ_ONLY, PLASMA_ERR_LIMIT);
    tell(&processes[7], 'o');
    hear(&processes[7], 'o');
    plasma_client_t *client = join_store();
    put_pattern(client, 1, 1000, NULL);
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_release(&buffer));
    CHECK_EQ(stats_of(client).clients, CLIENTS);
    kill_process(&processes[3]); /* 64 at once make room */
    CHECK_CONNECT(store(), 0, PLASMA_OK);
    for (int at = 0; at < GROUPS; at++) {
        if (at != 3) {
            if (at != 7) {
                tell(&processes[at], 'o');
            }
            tell(&processes[at], 'x');
            finish(&processes[at]);
        }
    }
    CHECK_EQ(stats_of(client).clients, 1);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(too_few_open_files_to_connect),
        TEST(a_connection_needs_no_more_files_to_read_and_write),
        TEST(reclaim_without_files_frees_nothing_and_says_so),
        TEST(too_few_files_for_an_event_fd),
        TEST(too_little_address_space),
        TEST(max_objects),
        TEST(leases_of_a_client),
        TEST(copies_of_a_buffer),
        TEST(clients_of_a_store),
    };
    return RUN_TESTS(argc, argv, tests);
}
