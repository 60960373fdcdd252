/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A client in another process, of any user, that executes requests. Include it
 * after system.h.
 */

#ifndef REMOTE_H
#define REMOTE_H

#include "everything.h"

/** Its user and its connection. */
struct login {
    uid_t uid; /* 0: that of this process */
    gid_t gid;
    const char *address;
    uint32_t flags;
    uint32_t mode;
    uint64_t capacity;
    uint64_t reader_quota;
    uint64_t max_readers;
};

enum remote_op {
    REMOTE_PUT,      /* put an object of a size with its pattern */
    REMOTE_CREATE,   /* create it and keep it unsealed */
    REMOTE_SEAL,     /* fill and seal the unsealed one */
    REMOTE_HOLD,     /* get it, check its pattern, keep it */
    REMOTE_WAIT,     /* the same, waiting up to a minute */
    REMOTE_NAMED,    /* put it with the name "named" */
    REMOTE_WAIT_NAME,/* wait for the name "named" up to a minute */
    REMOTE_LOOK,     /* only compare the one held, as each request does */
    REMOTE_RELEASE,  /* release the one held */
    REMOTE_DELETE,
    REMOTE_REAP,     /* the value is how many were reaped */
    REMOTE_LEASES,   /* the value is how many leases there are */
    REMOTE_USED,     /* the value is how many bytes are used */
    REMOTE_LISTED,   /* the value is how many objects are listed */
    REMOTE_ALL,      /* every operation, each of which has to succeed */
    REMOTE_REMOVE,   /* remove the store */
    REMOTE_LEAVE     /* disconnect and end */
};

struct request {
    enum remote_op op;
    uint64_t number;
    uint64_t size;
};

struct reply {
    plasma_status_t status;
    uint64_t value;
};

static inline plasma_client_t *log_in(const struct login *login)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client = NULL;

    if (login->uid != 0) {
        become(login->uid, login->gid);
    }
    options.flags = login->flags;
    options.mode = login->mode;
    options.capacity = login->capacity;
    options.reader_quota = login->reader_quota;
    options.max_readers = login->max_readers;
    CHECK_OK(plasma_connect(login->address, &options, &client));
    return client;
}

/** The state of a remote client. */
struct remote {
    const struct login *login;
    struct process *parent;
    plasma_client_t *client;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t held;
    uint64_t held_number;
};

static inline plasma_status_t remote_get(struct remote *remote,
                                         const struct request *request)
{
    plasma_id_t id = id_of(request->number);

    remote->held_number = request->number;
    if (request->op == REMOTE_HOLD) {
        return plasma_get(remote->client, &id, 0, &remote->held);
    }
    tell(remote->parent, 'w');
    if (request->op == REMOTE_WAIT) {
        return plasma_get(remote->client, &id, 60000, &remote->held);
    }
    return plasma_get_by_name(remote->client, "named", 60000, &remote->held);
}

static inline struct reply do_request(struct remote *remote,
                                      const struct request *request)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_client_t *client = remote->client;
    plasma_mutable_buffer_t *writable = &remote->writable;
    plasma_id_t id = id_of(request->number);
    struct reply reply = { PLASMA_OK, 0 };
    struct outcome outcome = { 0, 0, 0 };
    plasma_list_t *list;

    switch (request->op) {
    case REMOTE_PUT:
    case REMOTE_NAMED:
        options.name = request->op == REMOTE_NAMED ? "named" : NULL;
        reply.status = plasma_create(client, &id, request->size, &options,
                                     writable);
        if (reply.status == PLASMA_OK) {
            fill(writable->data, writable->size, request->number);
            reply.status = plasma_seal(writable);
        }
        break;
    case REMOTE_CREATE:
        reply.status = plasma_create(client, &id, request->size, NULL, writable);
        break;
    case REMOTE_SEAL:
        fill(writable->data, writable->size, request->number);
        reply.status = plasma_seal(writable);
        break;
    case REMOTE_HOLD:
    case REMOTE_WAIT:
    case REMOTE_WAIT_NAME:
        reply.status = remote_get(remote, request);
        break;
    case REMOTE_RELEASE:
        reply.status = plasma_release(&remote->held);
        break;
    case REMOTE_DELETE:
        reply.status = plasma_delete(client, &id);
        break;
    case REMOTE_REAP:
        reply.status = plasma_reap(client, &reply.value);
        break;
    case REMOTE_LEASES:
        reply.value = stats_of(client).leases;
        break;
    case REMOTE_USED:
        reply.value = stats_of(client).used;
        break;
    case REMOTE_LISTED:
        reply.status = plasma_list(client, &list);
        if (reply.status == PLASMA_OK) {
            reply.value = plasma_list_count(list);
            plasma_list_free(list);
        }
        break;
    case REMOTE_ALL:
        do_everything(client, remote->login->address, 5000, 3000, &outcome);
        break;
    case REMOTE_REMOVE:
        reply.status = plasma_store_remove(remote->login->address);
        break;
    default:
        break;
    }
    if (remote->held.data != NULL) {
        CHECK(is_filled(remote->held.data, remote->held.size,
                        remote->held_number));
    }
    return reply;
}

static inline void serve(struct process *parent, void *arg)
{
    struct remote remote;
    struct request request;

    memset(&remote, 0, sizeof remote);
    remote.login = arg;
    remote.parent = parent;
    remote.client = log_in(remote.login);
    tell(parent, 'c');
    do {
        hear_bytes(parent, &request, sizeof request);
        struct reply reply = do_request(&remote, &request);
        tell_bytes(parent, &reply, sizeof reply);
    } while (request.op != REMOTE_LEAVE);
    plasma_disconnect(remote.client);
}

/** Start a client in another process; end it with end_remote() or
 * kill_process(). */
static inline struct process new_remote(struct login login)
{
    struct process process = spawn(serve, &login);

    hear(&process, 'c');
    return process;
}

/** Send a request that may wait; answer() returns its result. */
static inline void request(struct process *process, enum remote_op op, uint64_t number,
                           uint64_t size)
{
    struct request request;

    memset(&request, 0, sizeof request);
    request.op = op;
    request.number = number;
    request.size = size;
    tell_bytes(process, &request, sizeof request);
}

static inline struct reply answer(struct process *process)
{
    struct reply reply;

    hear_bytes(process, &reply, sizeof reply);
    return reply;
}

/** Send a request and return its status. */
static inline plasma_status_t ask(struct process *process, enum remote_op op,
                                  uint64_t number, uint64_t size)
{
    request(process, op, number, size);
    return answer(process).status;
}

/** Send a request and return its number. */
static inline uint64_t ask_value(struct process *process, enum remote_op op)
{
    request(process, op, 0, 0);
    struct reply reply = answer(process);
    CHECK_OK(reply.status);
    return reply.value;
}

/** Send a request that waits, and see it asleep; answer() follows. */
static inline void ask_and_see_it_wait(struct process *process, enum remote_op op,
                                       uint64_t number)
{
    request(process, op, number, 0);
    hear(process, 'w');
    await_sleep(process->pid, process->pid);
}

static inline void end_remote(struct process *process)
{
    CHECK_OK(ask(process, REMOTE_LEAVE, 0, 0));
    finish(process);
}

#endif /* REMOTE_H */
