/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * System calls that fail, or that an older kernel lacks.
 */

#include "system.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/** From here on a system call of this process fails, with an errno. */
static void fail_call(long number, unsigned error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/** From here on a system call with this first argument kills this process. */
static void forbid_call(long number, unsigned argument)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void connect_where_nothing_gets_a_size(struct process *parent, void *arg)
{
    (void)parent;
    (void)arg;
    fail_call(SYS_ftruncate, EIO);
    CHECK_CONNECT(store(), 0, PLASMA_ERR_SYSTEM);
    CHECK_EQ(plasma_error_errno(), EIO);
    CHECK_MESSAGE(store());
    CHECK_MESSAGE("Input/output error");
    CHECK_EQ(entries(check_dir), 0);
}

static void test_a_system_call_that_fails_is_named_and_nothing_stays(void)
{
    check_child(connect_where_nothing_gets_a_size, NULL);
}

static void create_where_nothing_is_reserved(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2);

    (void)parent;
    (void)arg;
    fail_call(SYS_fallocate, EIO);
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    CHECK_STATUS(plasma_create(client, &id, 20 << 20, NULL, &writable),
                 PLASMA_ERR_SYSTEM);
    CHECK_EQ(plasma_error_errno(), EIO);
    CHECK_EQ(state_of(client, 2), PLASMA_STATE_ABSENT);
    put_pattern(client, 2, 1000, NULL); /* reserved memory can be used */
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void test_memory_that_cannot_be_reserved_is_not_used(void)
{
    plasma_client_t *client = make_store(32 << 20);

    put_pattern(client, 1, 1000, NULL);
    check_child(create_where_nothing_is_reserved, NULL);
    put_pattern(client, 3, 20 << 20, NULL);
    CHECK_EQ(stats_of(client).objects_sealed, 3);
    plasma_disconnect(client);
}

static void put_whole_chunks(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    const uint64_t size = 12 << 20;
    plasma_id_t id = id_of(2);
    uint8_t *data = malloc(size);

    (void)parent;
    (void)arg;
    CHECK(data != NULL);
    fill(data, size, 2);
    fail_call(SYS_fallocate, EIO);
    CHECK_OK(plasma_put(client, &id, data, size, NULL));
    free(data);
    plasma_disconnect(client);
}

/* A put reserved all memory before it copied, which took twice as long. */
static void test_a_put_of_whole_chunks_reserves_them_by_writing(void)
{
    plasma_client_t *client = make_store(32 << 20);

    put_pattern(client, 1, 4 << 20, NULL);
    check_child(put_whole_chunks, NULL);
    plasma_buffer_t buffer = get_pattern(client, 2, 12 << 20);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

static void *put_late(void *arg)
{
    put_pattern(arg, 2, 1000, NULL);
    return NULL;
}

static void wait_without_futex_waitv(struct process *parent, void *arg)
{
    plasma_client_t *client = make_store(1 << 20);
    plasma_id_t ids[2] = { id_of(1), id_of(2) };
    plasma_buffer_t buffer;
    uint8_t ready[2];
    size_t ready_count;
    pthread_t thread;

    (void)parent;
    (void)arg;
    fail_call(SYS_futex_waitv, ENOSYS);
    alarm(60);
    int64_t start = now_ms();
    CHECK_STATUS(plasma_get(client, &ids[0], 120, &buffer), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_wait(client, ids, 2, 1, 120, ready, &ready_count),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - start >= 240);
    CHECK(pthread_create(&thread, NULL, put_late, client) == 0);
    CHECK_OK(plasma_wait(client, ids, 2, 1, -1, ready, &ready_count));
    CHECK_OK(plasma_get(client, &ids[1], -1, &buffer));
    CHECK_OK(plasma_release(&buffer));
    CHECK(pthread_join(thread, NULL) == 0);
    plasma_disconnect(client);
}

static void test_waits_work_where_futex_waitv_is_missing(void)
{
    check_child(wait_without_futex_waitv, NULL);
}

static void hold_and_leave_without_membarrier(struct process *parent, void *arg)
{
    const int refused_later = *(int *)arg;
    plasma_client_t *client = refused_later ? join_store() : NULL;

    (void)parent;
    fail_call(SYS_membarrier, EPERM);
    if (client == NULL) {
        client = join_store();
    }
    for (int turn = 0; turn < 100; turn++) {
        plasma_buffer_t buffer = get_pattern(client, 1, 1000);
        CHECK_OK(plasma_release(&buffer));
    }
    plasma_buffer_t held = get_pattern(client, 1, 1000);
    plasma_disconnect(client);
    CHECK(is_filled(held.data, 1000, 1));
    CHECK_OK(plasma_release(&held));
}

static void test_clients_close_where_membarrier_is_refused(void)
{
    plasma_client_t *client = make_store(1 << 20);

    put_pattern(client, 1, 1000, NULL);
    for (int refused_later = 0; refused_later <= 1; refused_later++) {
        check_child(hold_and_leave_without_membarrier, &refused_later);
        CHECK_EQ(stats_of(client).leases, 0);
    }
    plasma_disconnect(client);
}

/** A thread that does nothing. */
static void *stay(void *arg)
{
    pause();
    return arg;
}

/* Registering for membarrier beside another thread took 12 to 18 ms. */
static void come_and_go_beside_a_thread(struct process *parent, void *arg)
{
    const unsigned registration = 1 << 4; /* REGISTER_PRIVATE_EXPEDITED */
    pthread_t thread;

    (void)parent;
    (void)arg;
    CHECK(pthread_create(&thread, NULL, stay, NULL) == 0);
    forbid_call(SYS_membarrier, registration);
    plasma_client_t *client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 1, 1000);
    CHECK_OK(plasma_release(&buffer));
    put_pattern(client, 2, 1000, NULL);
    plasma_disconnect(client);
}

static void outlive_a_client_beside_a_thread(struct process *parent, void *arg)
{
    pthread_t thread;

    (void)parent;
    (void)arg;
    CHECK(pthread_create(&thread, NULL, stay, NULL) == 0);
    for (int turn = 0; turn < 3; turn++) {
        plasma_client_t *client = join_store();
        plasma_buffer_t held = get_pattern(client, 1, 1000);
        plasma_disconnect(client);
        CHECK(is_filled(held.data, 1000, 1));
        CHECK_OK(plasma_release(&held));
    }
    plasma_client_t *client = join_store();
    CHECK_EQ(stats_of(client).clients, 2);
    plasma_disconnect(client);
}

static void test_a_connect_beside_a_thread_registers_no_barrier(void)
{
    plasma_client_t *client = make_store(1 << 20);

    put_pattern(client, 1, 1000, NULL);
    check_child(come_and_go_beside_a_thread, NULL);
    check_child(outlive_a_client_beside_a_thread, NULL);
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_system_call_that_fails_is_named_and_nothing_stays),
        TEST(memory_that_cannot_be_reserved_is_not_used),
        TEST(a_put_of_whole_chunks_reserves_them_by_writing),
        TEST(waits_work_where_futex_waitv_is_missing),
        TEST(clients_close_where_membarrier_is_refused),
        TEST(a_connect_beside_a_thread_registers_no_barrier),
    };
    return RUN_TESTS(argc, argv, tests);
}
