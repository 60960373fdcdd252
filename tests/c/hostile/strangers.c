/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Clients without permission: strangers, in every mode, and stray writes
 * through the pointers that get returns.
 */

#include "check.h"

#include "hostile.h"

struct visit {
    uint32_t mode;
    uid_t uid;
    gid_t gid;
};

/** Strangers are not in the group of the store. Members may be readers. */
static int is_shut_out(const struct visit *visit)
{
    return visit->mode == 0600
           || (visit->gid == STRANGER && (visit->mode & 07) == 0);
}

static void check_refused(plasma_status_t status)
{
    CHECK_STATUS(status, PLASMA_ERR_PERMISSION);
    CHECK(strlen(plasma_error_message()) > 20);
}

static void visit_store(struct process *parent, void *arg)
{
    const struct visit *visit = arg;
    const char *const names[] = { "index", "heap", "wake", "members", "readers",
                                  "locks", "locks/0", "beacon" };
    plasma_client_t *client = NULL;

    (void)parent;
    become(visit->uid, visit->gid);
    check_refused(plasma_store_remove(address));
    CHECK(rename(address, in_dir(store(), "mine")) < 0);
    CHECK(unlink(in_dir(address, "index")) < 0 && rmdir(address) < 0);
    if (!is_shut_out(visit)) {
        return;
    }
    check_refused(connect_to(address, 0, &client));
    check_refused(connect_to(address, PLASMA_CONNECT_EXISTING, &client));
    check_refused(connect_to(address, PLASMA_CONNECT_EXCLUSIVE, &client));
    check_refused(connect_to(address, PLASMA_CONNECT_READ_ONLY, &client));
    CHECK(opendir(address) == NULL && errno == EACCES);
    for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
        struct stat status;
        const char *path = in_dir(address, names[at]);
        CHECK(stat(path, &status) < 0 && errno == EACCES);
        CHECK(open(path, O_RDONLY) < 0 && open(path, O_RDWR) < 0);
        CHECK(truncate(path, 0) < 0 && unlink(path) < 0 && chmod(path, 0777) < 0);
        CHECK(link(path, in_dir(store(), "mine")) < 0);
    }
}

static void test_strangers_cannot_open_list_or_remove(void)
{
    const uint32_t modes[] = { 0600, 0640, 0644, 0660, 0664 };

    if (!as_root()) {
        return;
    }
    for (size_t at = 0; at < sizeof modes / sizeof *modes; at++) {
        struct visit stranger = { modes[at], STRANGER, STRANGER };
        struct visit member = { modes[at], READER, SHARED_GROUP };
        struct process owner;
        begin_closed(modes[at], &owner);
        check_child(visit_store, &stranger);
        check_child(visit_store, &member);
        CHECK_OK(ask(&owner, REMOTE_HOLD, 9, 0));
        CHECK_OK(ask(&owner, REMOTE_RELEASE, 0, 0));
        CHECK_OK(ask(&owner, REMOTE_ALL, 0, 0));
        CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
        end_remote(&owner);
        remove_all(store());
    }
}

/* ---- Stray writes ---- */

static void write_astray(struct process *parent, void *arg)
{
    const int way = *(const int *)arg;
    plasma_client_t *client =
        connect_store(way % 2 == 0 ? 0 : PLASMA_CONNECT_READ_ONLY, 0, 0);
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);

    (void)parent;
    if (way == 2) {
        /* This holds even while the heap is mapped for writing elsewhere. */
        CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    }
    plasma_buffer_t buffer = get_pattern(client, 1, 10000);
    ((volatile uint8_t *)(uintptr_t)buffer.data)[5000] = 1;
    _exit(0); /* not reached */
}

static void test_a_stray_write_faults_in_the_writer_alone(void)
{
    plasma_client_t *client = make_store(1 << 20);

    put_pattern(client, 1, 10000, NULL);
    plasma_buffer_t held = get_pattern(client, 1, 10000);
    for (int way = 0; way < 3; way++) {
        int status = run_child(write_astray, &way);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
        CHECK(is_filled(held.data, held.size, 1));
        struct outcome outcome = { 0, 0, 0 };
        do_everything(client, store(), 100, 3000, &outcome);
    }
    CHECK_OK(plasma_release(&held));
    held = get_pattern(client, 1, 10000);
    CHECK_OK(plasma_release(&held));
    CHECK_EQ(used_after_reap(client), (10000 + 63) / 64 * 64);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(strangers_cannot_open_list_or_remove),
        TEST(a_stray_write_faults_in_the_writer_alone),
    };
    return RUN_TESTS(argc, argv, tests);
}
