/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Threads blocked in each call that waits. Include it after system.h.
 */

#ifndef WAITERS_H
#define WAITERS_H

#include "system.h"

/** The calls that wait. Those from GET_OR_CREATE on need write permission. */
enum waiting {
    IN_GET,            /* of an object that does not exist */
    IN_GET_UNSEALED,   /* of object 1, which is being written */
    IN_GET_BY_NAME,
    IN_GET_MANY,
    IN_WAIT,
    IN_WAIT_FOR_MANY,  /* more than one system call can watch */
    IN_NEXT_EVENT,
    IN_GET_OR_CREATE,  /* of object 1 */
    IN_CREATE,         /* of 1 MiB, for which there is no room */
    WAITING_CALLS
};

static const char *const waiting_names[WAITING_CALLS] = {
    "get", "get of an unsealed object", "get_by_name", "get_many", "wait",
    "wait for many", "next_event", "get_or_create", "create",
};

struct waiter {
    plasma_client_t *client;
    plasma_subscription_t *subscription;
    enum waiting in;
    pthread_t thread;
    pid_t tid;
    plasma_status_t status;
};

static inline plasma_status_t wait_in(struct waiter *waiter)
{
    enum { MANY = 200 };
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_buffer_t buffers[2];
    plasma_mutable_buffer_t writable;
    plasma_status_t statuses[2];
    plasma_id_t ids[MANY];
    uint8_t ready[MANY];
    size_t ready_count;
    int32_t created;

    for (uint64_t at = 0; at < MANY; at++) {
        ids[at] = id_of(1000000 + at);
    }
    switch (waiter->in) {
    case IN_GET:
        return plasma_get(waiter->client, &ids[0], -1, buffers);
    case IN_GET_UNSEALED:
        ids[0] = id_of(1);
        return plasma_get(waiter->client, &ids[0], -1, buffers);
    case IN_GET_BY_NAME:
        return plasma_get_by_name(waiter->client, "nobody", -1, buffers);
    case IN_GET_MANY:
        return plasma_get_many(waiter->client, ids, 2, -1, buffers, statuses);
    case IN_WAIT:
        return plasma_wait(waiter->client, ids, 2, 1, -1, ready, &ready_count);
    case IN_WAIT_FOR_MANY:
        return plasma_wait(waiter->client, ids, MANY, 0, -1, ready,
                           &ready_count);
    case IN_NEXT_EVENT:
        return plasma_next_event(waiter->subscription, -1, &event);
    case IN_GET_OR_CREATE:
        ids[0] = id_of(1);
        return plasma_get_or_create(waiter->client, &ids[0], 100, NULL, -1,
                                    buffers, &writable, &created);
    default:
        options.timeout_ms = -1;
        return plasma_create(waiter->client, &ids[0], 1 << 20, &options,
                             &writable);
    }
}

static inline void *waiter_thread(void *arg)
{
    struct waiter *waiter = arg;

    __atomic_store_n(&waiter->tid, thread_id(), __ATOMIC_RELEASE);
    waiter->status = wait_in(waiter);
    return NULL;
}

/** Start `count` threads, one in each kind of call, and see them asleep. */
static inline void start_waiters(struct waiter *waiters, int count,
                                 plasma_client_t *client)
{
    for (int at = 0; at < count; at++) {
        struct waiter *waiter = &waiters[at];
        memset(waiter, 0, sizeof *waiter);
        waiter->client = client;
        waiter->in = (enum waiting)at;
        if (at == IN_NEXT_EVENT) {
            CHECK_OK(plasma_subscribe(client, &waiter->subscription));
        }
        CHECK(pthread_create(&waiter->thread, NULL, waiter_thread, waiter) == 0);
        CHECK_SOON(__atomic_load_n(&waiter->tid, __ATOMIC_ACQUIRE) != 0);
        await_sleep(getpid(), waiter->tid);
    }
}

/** All of them return with this status. */
static inline void end_waiters(struct waiter *waiters, int count,
                               plasma_status_t expected)
{
    for (int at = 0; at < count; at++) {
        CHECK(pthread_join(waiters[at].thread, NULL) == 0);
        check_status(__FILE__, __LINE__, waiting_names[at], waiters[at].status,
                     expected);
        plasma_unsubscribe(waiters[at].subscription);
    }
}

#endif /* WAITERS_H */
