/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Redis through hiredis: a server that copies, for comparison.
 *
 * The server is started here, with nothing on disk, and spoken to over a Unix
 * socket, which is its fastest way on one machine. It runs on any processor, but
 * with cpus=1 on that one. Keys and values are binary; a get copies the payload
 * out of the socket into a reply, which is freed for a release. Requests are
 * pipelined where nothing is timed, and for several objects sealed at once.
 *
 * Hand-over is by lists: a waiter sleeps in BLPOP, and RPUSH is what seals.
 * Each element goes to one waiter, so an object for all is pushed once for each
 * of them, by one command.
 *
 * Put: no fresh memory, since the server's allocator decides about it, and
 * nothing above the 512 MB that Redis takes. No churn, list and first_touch:
 * there is no object in shared memory to touch, and what Redis evicts is a
 * sample, not the least recently used.
 */

#include "workloads.h"

#include <hiredis/hiredis.h>

#ifndef REDIS_SERVER
#define REDIS_SERVER "/usr/bin/redis-server"
#endif

struct peer {
    redisContext *context;
};

static pid_t server;

/* ---- Commands ---- */

/** The next reply, which must not be an error. */
static redisReply *reply_of(struct peer *peer)
{
    void *reply = NULL;

    if (redisGetReply(peer->context, &reply) != REDIS_OK) {
        fprintf(stderr, "redis: %s\n", peer->context->errstr);
        exit(1);
    }
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "redis: %s\n", ((redisReply *)reply)->str);
        exit(1);
    }
    return reply;
}

static void expect(struct peer *peer, uint64_t replies)
{
    for (uint64_t at = 0; at < replies; at++) {
        freeReplyObject(reply_of(peer));
    }
}

/** Ask `verb key`, or `verb key value`. */
static void ask(struct peer *peer, const char *verb, const struct key *key,
                const void *value, size_t size)
{
    const char *words[3] = { verb, (const char *)key->bytes, value };
    const size_t sizes[3] = { strlen(verb), sizeof *key, size };

    NEED(redisAppendCommandArgv(peer->context, value == NULL ? 2 : 3, words,
                                sizes) == REDIS_OK);
}

/* ---- The peer ---- */

static struct peer *peer_open(uint64_t objects, uint64_t size)
{
    char socket[96];
    char *command[] = { REDIS_SERVER, "--port", "0", "--unixsocket", socket,
                        "--save", "", "--appendonly", "no", NULL };

    (void)objects;
    (void)size;
    snprintf(socket, sizeof socket, "%s", peer_path(""));
    server = start_server(command, socket);
    return peer_join();
}

static struct peer *peer_join(void)
{
    struct peer *peer = malloc(sizeof *peer);

    NEED(peer != NULL);
    peer->context = redisConnectUnix(peer_path(""));
    NEED(peer->context != NULL && peer->context->err == 0);
    return peer;
}

static void peer_leave(struct peer *peer)
{
    redisFree(peer->context);
    free(peer);
}

static void peer_remove(void)
{
    stop_server(server);
    unlink(peer_path(""));
}

static inline void peer_get(struct peer *peer, const struct key *key)
{
    redisReply *reply;

    ask(peer, "GET", key, NULL, 0);
    reply = reply_of(peer);
    NEED(reply->type == REDIS_REPLY_STRING);
    touch(reply->str);
    freeReplyObject(reply);
}

static inline void peer_create(struct peer *peer, const struct key *key,
                               const void *source, uint64_t size)
{
    ask(peer, "SET", key, source, size);
    expect(peer, 1);
}

static inline void peer_delete(struct peer *peer, const struct key *key)
{
    ask(peer, "DEL", key, NULL, 0);
    expect(peer, 1);
}

static void peer_fill(struct peer *peer, const struct key *keys, uint64_t count,
                      const void *source, uint64_t size)
{
    const uint64_t group = size < 10000 ? 1000 : 1;

    for (uint64_t at = 0, next; at < count; at = next) {
        next = at + group < count ? at + group : count;
        for (uint64_t key = at; key < next; key++) {
            ask(peer, "SET", &keys[key], source, size);
        }
        expect(peer, next - at);
    }
}

/** The memory of the server itself. */
static uint64_t peer_bytes(struct peer *peer)
{
    char path[64], line[256];
    unsigned long kib = 0;
    FILE *status;

    (void)peer;
    snprintf(path, sizeof path, "/proc/%d/status", (int)server);
    status = fopen(path, "r");
    NEED(status != NULL);
    while (fgets(line, sizeof line, status) != NULL) {
        sscanf(line, "RssAnon: %lu", &kib);
    }
    fclose(status);
    return (uint64_t)kib * 1024;
}

static void put_small(void)
{
    if (arg_is("memory", "fresh")
        || number_arg("size", 1) >= UINT64_C(512) << 20) {
        exit(UNSUPPORTED);
    }
    put();
}

/* ---- handover ---- */

struct sealing {
    struct peer *peer;
    uint8_t *source;
    uint64_t waiters, objects;
};

static void join(void *state, uint64_t waiter)
{
    (void)waiter;
    ((struct sealing *)state)->peer = peer_join();
}

static void wait_for_object(void *state, uint64_t round, uint64_t waiter)
{
    const struct sealing *sealing = state;
    const struct key key = key_of(waiter % sealing->objects);
    redisReply *reply;

    (void)round;
    ask(sealing->peer, "BLPOP", &key, "0", 1);
    reply = reply_of(sealing->peer);
    NEED(reply->type == REDIS_REPLY_ARRAY && reply->elements == 2);
    touch(reply->element[1]->str);
    freeReplyObject(reply);
}

static void seal(void *state, uint64_t round)
{
    const struct sealing *sealing = state;
    const uint64_t times = sealing->waiters / sealing->objects;
    const char *words[2 + WAITERS_MAX] = { "RPUSH" };
    size_t sizes[2 + WAITERS_MAX] = { 5, sizeof(struct key) };

    (void)round;
    for (uint64_t at = 0; at < times; at++) {
        words[2 + at] = (const char *)sealing->source;
        sizes[2 + at] = 100;
    }
    for (uint64_t at = 0; at < sealing->objects; at++) {
        const struct key key = key_of(at);
        words[1] = (const char *)key.bytes;
        NEED(redisAppendCommandArgv(sealing->peer->context, (int)(2 + times),
                                    words, sizes) == REDIS_OK);
    }
    expect(sealing->peer, sealing->objects);
}

static void handover(void)
{
    static struct sealing sealing;
    const struct handover how = { .state = &sealing, .join = join,
                                  .wait = wait_for_object, .seal = seal };

    if (arg_is("by", "name")) {
        exit(UNSUPPORTED);
    }
    sealing.peer = peer_open(0, 0);
    sealing.source = source_bytes(100);
    sealing.waiters = number_arg("waiters", 1);
    sealing.objects = arg_is("objects", "many") ? sealing.waiters : 1;
    time_handover("handover", &how);
}

int main(int argc, char **argv)
{
    static const struct workload workloads[] = {
        { "get", get },           { "create", create },
        { "put", put_small },     { "getters", getters },
        { "creators", creators }, { "handover", handover },
        { "attach", attach },     { "memory", memory },
    };

    peer_main();
    return run_workload(argc, argv, workloads,
                        sizeof workloads / sizeof workloads[0]);
}
