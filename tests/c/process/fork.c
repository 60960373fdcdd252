/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fork: the child's handles return FORKED, its views are readable, and nothing
 * that it does affects the parent.
 */

#include "system.h"

enum { CAPACITY = 1 << 20, SIZE = 100000 };

/** The handles that a child inherits. */
struct inherited {
    plasma_client_t *client;
    plasma_subscription_t *subscription;
    plasma_list_t *list;
    plasma_client_list_t *clients;
    plasma_buffer_t held;
    plasma_mutable_buffer_t writable; /* of object 2 */
};

static struct inherited prepare(void)
{
    struct inherited got;
    plasma_id_t id = id_of(2);
    int fd;

    memset(&got, 0, sizeof got);
    got.client = make_store(CAPACITY);
    put_pattern(got.client, 1, SIZE, "one");
    got.held = get_pattern(got.client, 1, SIZE);
    CHECK_OK(plasma_create(got.client, &id, SIZE, NULL, &got.writable));
    fill(got.writable.data, SIZE, 2);
    CHECK_OK(plasma_subscribe(got.client, &got.subscription));
    CHECK_OK(plasma_event_fd(got.subscription, &fd));
    CHECK_OK(plasma_list(got.client, &got.list));
    CHECK_OK(plasma_list_clients(got.client, &got.clients));
    return got;
}

/** All prepared handles and objects are as before. */
static void parent_goes_on(struct inherited *got)
{
    plasma_id_t id = id_of(1);
    uint64_t reaped;

    CHECK_OK(plasma_reap(got->client, &reaped));
    CHECK_EQ(reaped, 0);
    CHECK_EQ(stats_of(got->client).clients, 1);
    CHECK_EQ(stats_of(got->client).leases, 1);
    CHECK(is_filled(got->held.data, SIZE, 1));
    CHECK_OK(plasma_delete(got->client, &id));
    CHECK_OK(plasma_reap(got->client, &reaped));
    CHECK_EQ(stats_of(got->client).objects_deleted, 1);
    CHECK(is_filled(got->held.data, SIZE, 1));
    CHECK_OK(plasma_release(&got->held));
    CHECK(is_filled(got->writable.data, SIZE, 2));
    CHECK_OK(plasma_seal_and_get(&got->writable, &got->held));
    CHECK(is_filled(got->held.data, SIZE, 2));
    CHECK_OK(plasma_release(&got->held));
    plasma_event_t event = PLASMA_EVENT_INIT;
    CHECK_OK(plasma_next_event(got->subscription, 0, &event));
    plasma_unsubscribe(got->subscription);
    plasma_list_free(got->list);
    plasma_client_list_free(got->clients);
    plasma_disconnect(got->client);
}

static void test_every_call_on_what_was_inherited_says_forked(void)
{
    struct inherited got = prepare();
    plasma_client_t *client = got.client;
    const plasma_status_t forked = PLASMA_ERR_FORKED;

    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        plasma_buffer_t buffer;
        plasma_mutable_buffer_t writable;
        plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
        plasma_client_info_t client_info = PLASMA_CLIENT_INFO_INIT;
        plasma_stats_t stats = PLASMA_STATS_INIT;
        plasma_event_t event = PLASMA_EVENT_INIT;
        plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;
        plasma_id_t id = id_of(1);
        plasma_status_t each;
        plasma_state_t state;
        plasma_list_t *list;
        plasma_client_list_t *clients;
        plasma_subscription_t *subscription;
        const void *data = "x", *value;
        const char *key;
        uint64_t size = 1, number;
        uint8_t ready;
        size_t ready_count;
        int32_t created;
        int fd;

        alarm(30);
        CHECK_STATUS(plasma_get(client, &id, -1, &buffer), forked);
        CHECK_MESSAGE("parent");
        CHECK_STATUS(plasma_get_by_name(client, "one", 0, &buffer), forked);
        CHECK_STATUS(plasma_lookup(client, "one", &id), forked);
        CHECK_STATUS(plasma_get_many(client, &id, 1, 0, &buffer, &each), forked);
        CHECK_STATUS(plasma_wait(client, &id, 1, 0, 0, &ready, &ready_count),
                     forked);
        CHECK_STATUS(plasma_create(client, &id, 1, NULL, &writable), forked);
        CHECK_STATUS(plasma_put(client, &id, data, 1, NULL), forked);
        CHECK_STATUS(plasma_put_parts(client, &id, &data, &size, 1, NULL), forked);
        CHECK_STATUS(plasma_put_many(client, &id, &data, &size, 1, NULL, &each),
                     forked);
        CHECK_STATUS(plasma_get_or_create(client, &id, 1, NULL, 0, &buffer,
                                          &writable, &created), forked);
        CHECK_STATUS(plasma_contains(client, &id, &state), forked);
        CHECK_STATUS(plasma_object_info(client, &id, &info), forked);
        CHECK_STATUS(plasma_stats(client, &stats), forked);
        CHECK_STATUS(plasma_delete(client, &id), forked);
        CHECK_STATUS(plasma_delete_many(client, &id, 1, &each), forked);
        CHECK_STATUS(plasma_pin(client, &id), forked);
        CHECK_STATUS(plasma_unpin(client, &id), forked);
        CHECK_STATUS(plasma_evict(client, 1, &number), forked);
        CHECK_STATUS(plasma_reap(client, &number), forked);
        CHECK_STATUS(plasma_trim(client, 0, &number), forked);
        CHECK_STATUS(plasma_check(client, &report), forked);
        CHECK_STATUS(plasma_list(client, &list), forked);
        CHECK_STATUS(plasma_list_clients(client, &clients), forked);
        CHECK_STATUS(plasma_list_holders(client, &id, &clients), forked);
        CHECK_STATUS(plasma_interrupt(client), forked);
        CHECK_STATUS(plasma_subscribe(client, &subscription), forked);
        CHECK_STATUS(plasma_next_event(got.subscription, -1, &event), forked);
        CHECK_STATUS(plasma_event_fd(got.subscription, &fd), forked);

        CHECK(is_filled(got.held.data, got.held.size, 1));
        CHECK_STATUS(plasma_retain(&got.held, &buffer), forked);
        CHECK_STATUS(plasma_get_metadata(&got.held, "k", &value, &size), forked);
        CHECK_STATUS(plasma_metadata_count(&got.held, &size), forked);
        CHECK_STATUS(plasma_metadata_at(&got.held, 0, &key, &value, &size),
                     forked);
        CHECK_STATUS(plasma_buffer_info(&got.held, &info), forked);
        CHECK_STATUS(plasma_release(&got.held), forked);
        CHECK_STATUS(plasma_release_many(&got.held, 1), forked);
        CHECK(is_filled(got.held.data, got.held.size, 1));
        CHECK_STATUS(plasma_resize(&got.writable, 1), forked);
        CHECK_STATUS(plasma_set_metadata(&got.writable, "k", "v", 1), forked);
        CHECK_STATUS(plasma_seal(&got.writable), forked);
        CHECK_STATUS(plasma_seal_and_get(&got.writable, &buffer), forked);
        CHECK_STATUS(plasma_abort(&got.writable), forked);

        /* Copies that this process made. */
        CHECK_OK(plasma_list_at(got.list, 0, &info));
        CHECK_OK(plasma_client_list_at(got.clients, 0, &client_info));
        CHECK_TEXT(plasma_client_address(client), store());
        plasma_list_free(got.list);
        plasma_client_list_free(got.clients);
        plasma_unsubscribe(got.subscription);
        plasma_disconnect(client);
        CHECK(is_filled(got.held.data, got.held.size, 1));
        exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    parent_goes_on(&got);
}

static void test_a_child_connects_again(void)
{
    struct inherited got = prepare();
    int status;

    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        plasma_client_t *client = join_store();
        plasma_buffer_t buffer = get_pattern(client, 1, SIZE);
        CHECK_EQ(stats_of(client).clients, 2);
        put_pattern(client, 3, 1000, NULL);
        CHECK(is_filled(got.held.data, SIZE, 1));
        CHECK_STATUS(plasma_release(&got.held), PLASMA_ERR_FORKED);
        CHECK_OK(plasma_release(&buffer));
        /* The same holds for its own child. */
        pid_t grandchild = fork();
        CHECK(grandchild >= 0);
        if (grandchild == 0) {
            plasma_id_t id = id_of(3);
            CHECK_STATUS(plasma_get(client, &id, 0, &buffer),
                         PLASMA_ERR_FORKED);
            CHECK_STATUS(plasma_get(got.client, &id, 0, &buffer),
                         PLASMA_ERR_FORKED);
            plasma_client_t *third = join_store();
            buffer = get_pattern(third, 3, 1000);
            CHECK_OK(plasma_release(&buffer));
            plasma_disconnect(third);
            plasma_disconnect(client);
            exit(0);
        }
        CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0);
        plasma_disconnect(client);
        plasma_disconnect(got.client);
        exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    plasma_id_t id = id_of(3);
    CHECK_OK(plasma_delete(got.client, &id));
    parent_goes_on(&got);
}

static void test_writable_memory_is_not_in_the_child(void)
{
    struct inherited got = prepare();
    int status;

    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        got.writable.data[0] = 99; /* ends the process here */
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    parent_goes_on(&got);
}

static void test_a_program_after_exec_has_nothing_of_the_store(void)
{
    struct inherited got = prepare();
    int status;

    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char command[900];
        snprintf(command, sizeof command,
                 "! ls -l /proc/self/fd | grep -qF '%s'", store());
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    CHECK_EQ(system("exit 0"), 0);
    parent_goes_on(&got);
}

/* ---- The parent dies first ---- */

static void fork_and_wait(struct process *parent, void *arg)
{
    const int *ends = arg;
    struct inherited got = prepare();

    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char none;
        child = getpid();
        tell_bytes(parent, &child, sizeof child); /* fork has returned here */
        close(ends[1]);
        close(parent->in);
        close(parent->out);
        CHECK(read(ends[0], &none, 1) == 0); /* until the test releases it */
        _exit(0);
    }
    hear(parent, 'x');
    (void)got;
}

static void test_a_killed_parent_is_dead_although_its_child_lives(void)
{
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);
    int ends[2];
    pid_t grandchild;
    uint64_t reaped;

    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    CHECK(pipe(ends) == 0);
    struct process process = spawn(fork_and_wait, ends);
    close(ends[0]);
    hear_bytes(&process, &grandchild, sizeof grandchild);
    plasma_client_t *client = join_store();
    CHECK_OK(plasma_delete(client, &(plasma_id_t){ { 1 } }));
    CHECK_EQ(stats_of(client).objects_deleted, 1);
    kill_process(&process);
    CHECK(kill(grandchild, 0) == 0);
    CHECK_OK(plasma_create(client, &id, SIZE, NULL, &writable)); /* the same id */
    CHECK_OK(plasma_abort(&writable));
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_EQ(stats_of(client).reaped_clients, 1);
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_EQ(stats_of(client).leases, 0);
    CHECK_EQ(stats_of(client).used, 0);
    CHECK(kill(grandchild, 0) == 0);
    close(ends[1]);
    CHECK(waitpid(grandchild, NULL, 0) == grandchild);
    plasma_disconnect(client);
}

/* ---- Forks during calls ---- */

static int busy_end;

static void *busy(void *arg)
{
    plasma_client_t *client = arg;

    for (uint64_t number = (uint64_t)thread_id() << 32;
         !__atomic_load_n(&busy_end, __ATOMIC_ACQUIRE); number++) {
        plasma_id_t id = id_of(number);
        plasma_buffer_t buffer;
        put_pattern(client, number, 500, NULL);
        buffer = get_pattern(client, number, 500);
        CHECK_OK(plasma_delete(client, &id));
        CHECK_OK(plasma_release(&buffer));
    }
    return NULL;
}

static void test_children_forked_while_threads_are_in_calls(void)
{
    plasma_client_t *client = make_store(CAPACITY);
    pthread_t threads[2];
    int status;

    if (SANITIZED) {
        printf("a sanitizer's allocator stays locked in the children\n");
        plasma_disconnect(client);
        return;
    }
    for (int at = 0; at < 2; at++) {
        CHECK(pthread_create(&threads[at], NULL, busy, client) == 0);
    }
    for (int round = 0; round < 60; round++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            plasma_id_t id = id_of(1);
            plasma_buffer_t buffer;
            alarm(30);
            CHECK_STATUS(plasma_get(client, &id, -1, &buffer),
                         PLASMA_ERR_FORKED);
            plasma_client_t *own = join_store();
            put_pattern(own, 1, 1000, NULL);
            buffer = get_pattern(own, 1, 1000);
            CHECK_OK(plasma_delete(own, &id));
            CHECK_OK(plasma_release(&buffer));
            plasma_disconnect(own);
            plasma_disconnect(client);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_EQ(status, 0);
    }
    __atomic_store_n(&busy_end, 1, __ATOMIC_RELEASE);
    for (int at = 0; at < 2; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
    }
    CHECK_EQ(stats_of(client).clients, 1);
    CHECK_EQ(stats_of(client).leases, 0);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(every_call_on_what_was_inherited_says_forked),
        TEST(a_child_connects_again),
        TEST(writable_memory_is_not_in_the_child),
        TEST(a_program_after_exec_has_nothing_of_the_store),
        TEST(a_killed_parent_is_dead_although_its_child_lives),
        TEST(children_forked_while_threads_are_in_calls),
    };
    return RUN_TESTS(argc, argv, tests);
}
