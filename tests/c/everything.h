/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every operation once, by a client with write permission, where memory, files
 * or address space may run out: each call succeeds or says that something ran
 * out, and no sealed object is ever wrong. Include it after system.h.
 */

#ifndef EVERYTHING_H
#define EVERYTHING_H

#include "system.h"

/** The results. */
struct outcome {
    int may_run_out; /* otherwise each call has to succeed */
    int calls;
    int refused;     /* calls that failed because something ran out */
};

/** Whether a call succeeded. Only a lack of resources may make it fail. */
static inline int did(struct outcome *outcome, const char *call,
                      plasma_status_t status)
{
    outcome->calls++;
    if (status == PLASMA_OK) {
        return 1;
    }
    if (!outcome->may_run_out
        || (status != PLASMA_ERR_OUT_OF_MEMORY && status != PLASMA_ERR_LIMIT)) {
        check_status(__FILE__, __LINE__, call, status, PLASMA_OK);
    }
    CHECK(strlen(plasma_error_message()) > 20);
    outcome->refused++;
    return 0;
}

#define DID(call) did(outcome, #call, (call))

/** A signal of a memory access must never come: it ends the test. */
static inline void faulted(int signal)
{
    static const char text[] = "a memory access faulted\n";
    ssize_t written = write(2, text, sizeof text - 1);

    _exit(written == 0 ? signal : 128 + signal);
}

/** Report SIGBUS and SIGSEGV as failures; abort() ends a process by itself. */
static inline void fail_at_faults(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = faulted;
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
}

/** All structures of the store are consistent with each other. */
static inline void check_sound(plasma_client_t *client)
{
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;

    CHECK_OK(plasma_check(client, &report));
    CHECK_TEXT(report.first_problem, "");
}

static inline void write_everything(plasma_client_t *client, uint64_t base,
                                    uint64_t size, struct outcome *outcome)
{
    static uint8_t value[9000];
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(base);
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;

    options.flags = PLASMA_CREATE_ZEROED;
    if (DID(plasma_create(client, &id, size, &options, &writable))) {
        fill(writable.data, size, base);
        if (DID(plasma_resize(&writable, 3 * size))) {
            CHECK_EQ(writable.size, 3 * size);
        }
        CHECK(is_filled(writable.data, size, base));
        fill(writable.data, writable.size, base);
        uint64_t now = writable.size;
        int described = 0;
        fill(value, sizeof value, base);
        described = DID(plasma_set_metadata(&writable, "key", value, sizeof value));
        CHECK(is_filled(writable.data, now, base));
        if (DID(plasma_seal_and_get(&writable, &buffer))) {
            const void *found = NULL;
            uint64_t length = 0;
            CHECK_EQ(buffer.size, now);
            CHECK(is_filled(buffer.data, now, base));
            CHECK_STATUS(plasma_get_metadata(&buffer, "key", &found, &length),
                         described ? PLASMA_OK : PLASMA_ERR_NOT_FOUND);
            CHECK(!described || (length == sizeof value
                                 && memcmp(found, value, length) == 0));
            CHECK_OK(plasma_release(&buffer));
        } else {
            CHECK_OK(plasma_abort(&writable));
        }
    }
    id = id_of(base + 1);
    if (DID(plasma_create(client, &id, size, NULL, &writable))) {
        DID(plasma_resize(&writable, size / 2)); /* may need an allocator block */
        CHECK_OK(plasma_abort(&writable));
    }
}

static inline void read_everything(plasma_client_t *client, uint64_t base,
                                   struct outcome *outcome)
{
    static uint8_t data[500];
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_buffer_t buffer, copy;
    plasma_id_t id = id_of(base + 2), found;
    plasma_client_list_t *holders;

    fill(data, sizeof data, base + 2);
    options.name = "everything";
    if (!DID(plasma_put(client, &id, data, sizeof data, &options))) {
        return;
    }
    CHECK_EQ(state_of(client, base + 2), PLASMA_STATE_SEALED);
    CHECK_OK(plasma_lookup(client, "everything", &found));
    CHECK(same_id(found, id));
    if (DID(plasma_get_by_name(client, "everything", 0, &buffer))) {
        CHECK(buffer.size == sizeof data && is_filled(buffer.data, 500, base + 2));
        if (DID(plasma_retain(&buffer, &copy))) {
            CHECK_OK(plasma_release(&copy));
        }
        if (DID(plasma_buffer_info(&buffer, &info))) {
            CHECK_TEXT(info.name, "everything");
        }
        if (DID(plasma_list_holders(client, &id, &holders))) {
            CHECK(plasma_client_list_count(holders) >= 1);
            plasma_client_list_free(holders);
        }
        CHECK_OK(plasma_release(&buffer));
    }
    if (DID(plasma_object_info(client, &id, &info))) {
        CHECK_EQ(info.data_size, sizeof data);
    }
    CHECK_OK(plasma_pin(client, &id));
    CHECK_OK(plasma_unpin(client, &id));
}

static inline void many_of_everything(plasma_client_t *client, uint64_t base,
                                      struct outcome *outcome)
{
    enum { MANY = 8 };
    plasma_id_t ids[MANY];
    const void *datas[MANY];
    uint64_t sizes[MANY];
    plasma_status_t put[MANY], got[MANY], statuses[MANY];
    plasma_buffer_t buffers[MANY], buffer;
    plasma_mutable_buffer_t writable;
    uint8_t ready[MANY];
    size_t count = 0;
    int32_t created = 0;

    for (uint64_t at = 0; at < MANY; at++) {
        ids[at] = id_of(base + 3 + at);
        datas[at] = "01234567";
        sizes[at] = 8;
    }
    DID(plasma_put_many(client, ids, datas, sizes, MANY, NULL, put));
    plasma_get_many(client, ids, MANY, 0, buffers, got);
    for (int at = 0; at < MANY; at++) {
        if (put[at] != PLASMA_OK) {
            CHECK_STATUS(got[at], PLASMA_ERR_NOT_FOUND);
        } else if (did(outcome, "plasma_get_many", got[at])) {
            CHECK(buffers[at].size == 8 && memcmp(buffers[at].data, datas[at], 8) == 0);
            CHECK_OK(plasma_release(&buffers[at]));
        }
    }
    if (put[0] == PLASMA_OK && DID(plasma_wait(client, ids, 1, 1, 0, ready, &count))) {
        CHECK_EQ(count, 1);
    }
    plasma_delete_many(client, ids, MANY, statuses);
    for (int at = 0; at < MANY; at++) {
        CHECK_EQ(state_of(client, base + 3 + (uint64_t)at), PLASMA_STATE_ABSENT);
    }
    if (DID(plasma_get_or_create(client, &ids[0], 64, NULL, 0, &buffer, &writable,
                                 &created))) {
        CHECK_EQ(created, 1);
        CHECK_OK(plasma_abort(&writable));
    }
}

static inline void look_at_everything(plasma_client_t *client, uint64_t base,
                                      struct outcome *outcome)
{
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_stats_t stats = PLASMA_STATS_INIT;
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_list_t *list;
    plasma_client_list_t *clients;
    plasma_id_t id = id_of(base + 11);
    int fd;

    if (DID(plasma_subscribe(client, &subscription))) {
        int there = DID(plasma_put(client, &id, "x", 1, NULL));
        if (there) {
            CHECK_OK(plasma_next_event(subscription, 0, &event));
        }
        DID(plasma_event_fd(subscription, &fd));
        plasma_unsubscribe(subscription);
    }
    if (DID(plasma_list(client, &list))) {
        for (uint64_t at = 0; at < plasma_list_count(list); at++) {
            CHECK_OK(plasma_list_at(list, at, &info));
        }
        plasma_list_free(list);
    }
    if (DID(plasma_list_clients(client, &clients))) {
        CHECK(plasma_client_list_count(clients) >= 1);
        plasma_client_list_free(clients);
    }
    DID(plasma_stats(client, &stats));
    if (DID(plasma_check(client, &report))) {
        CHECK_TEXT(report.first_problem, "");
    }
}

/** All operations, with ids from `base` on, all of which are absent
 * afterwards. */
static inline void do_everything(plasma_client_t *client, const char *address,
                                 uint64_t base, uint64_t size,
                                 struct outcome *outcome)
{
    const uint32_t ways[] = { PLASMA_CONNECT_EXISTING, PLASMA_CONNECT_READ_ONLY };
    plasma_client_t *other;
    uint64_t number;

    write_everything(client, base, size, outcome);
    read_everything(client, base, outcome);
    many_of_everything(client, base, outcome);
    look_at_everything(client, base, outcome);
    for (int way = 0; way < 2; way++) {
        if (DID(connect_to(address, ways[way], &other))) {
            plasma_disconnect(other);
        }
    }
    for (uint64_t at = base; at < base + 12; at++) {
        plasma_id_t id = id_of(at);
        plasma_status_t status = plasma_delete(client, &id);
        if (status != PLASMA_ERR_NOT_FOUND) {
            DID(status);
        }
        CHECK_EQ(state_of(client, at), PLASMA_STATE_ABSENT);
    }
    DID(plasma_reap(client, &number));
    DID(plasma_trim(client, 0, &number));
    plasma_status_t evicted = plasma_evict(client, 0, &number);
    if (evicted != PLASMA_ERR_UNSUPPORTED) {
        DID(evicted);
    }
}

#endif /* EVERYTHING_H */
