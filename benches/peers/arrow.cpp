/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Arrow Plasma, which Plasma is named after: the last version of it that there
 * is, in pyarrow 11.0.0, through its C++ client.
 *
 * The server is started here. It runs on any processor, but with cpus=1 on that
 * one. Every call is a request to it. Small objects are made by CreateAndSeal(),
 * which its authors made for them: one request with the payload in it, where
 * Create() and Seal() are two; many by CreateAndSealBatch() where nothing is
 * timed. Get() for arrays with Release() costs less than that for vectors.
 *
 * No list: that of Arrow is experimental, as its header says.
 */

#define _PLASMA_NO_DEPRECATE

#include "workloads.h"

#include <plasma/client.h>

#ifndef PLASMA_STORE_SERVER
#error PLASMA_STORE_SERVER has to name the program of that name
#endif

/** End the program when a call of Arrow fails. */
#define OK(call)                                                             \
    do {                                                                     \
        const arrow::Status status_ = (call);                                \
        if (!status_.ok()) {                                                 \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,    \
                    status_.ToString().c_str());                             \
            exit(1);                                                         \
        }                                                                    \
    } while (0)

struct peer {
    plasma::PlasmaClient client;
};

/** CreateAndSeal() is faster up to about this size. */
static const uint64_t small = 128 << 10;

static pid_t server;

static plasma::ObjectID id_of(const key *key)
{
    plasma::ObjectID id;

    memcpy(id.mutable_data(), key->bytes, sizeof key->bytes);
    return id;
}

static void start_store(uint64_t capacity)
{
    char path[96], memory[32];
    char program[] = PLASMA_STORE_SERVER, s[] = "-s", m[] = "-m";
    char *command[] = { program, s, path, m, memory, nullptr };

    snprintf(path, sizeof path, "%s", peer_path(""));
    snprintf(memory, sizeof memory, "%" PRIu64, capacity);
    server = start_server(command, path);
}

static struct peer *peer_open(uint64_t objects, uint64_t size)
{
    start_store((64 << 20) + objects * (size + 192));
    return peer_join();
}

static struct peer *peer_join(void)
{
    auto *peer = new struct peer;

    OK(peer->client.Connect(peer_path("")));
    return peer;
}

static void peer_leave(struct peer *peer)
{
    OK(peer->client.Disconnect());
    delete peer;
}

static void peer_remove(void)
{
    stop_server(server);
    unlink(peer_path(""));
}

/** Get, waiting up to `timeout` ms; returns whether the object exists. */
static inline bool get_within(struct peer *peer, const key *key, int64_t timeout)
{
    const plasma::ObjectID id = id_of(key);
    plasma::ObjectBuffer buffer;

    OK(peer->client.Get(&id, 1, timeout, &buffer));
    if (buffer.data == nullptr) {
        return false;
    }
    touch(buffer.data->data());
    OK(peer->client.Release(id));
    return true;
}

static inline void peer_get(struct peer *peer, const key *key)
{
    NEED(get_within(peer, key, 0));
}

static inline void peer_create(struct peer *peer, const key *key,
                               const void *source, uint64_t size)
{
    const plasma::ObjectID id = id_of(key);
    std::shared_ptr<arrow::Buffer> buffer;

    if (size <= small) {
        OK(peer->client.CreateAndSeal(
            id, std::string(static_cast<const char *>(source), size), ""));
        return;
    }
    OK(peer->client.Create(id, static_cast<int64_t>(size), nullptr, 0, &buffer));
    memcpy(buffer->mutable_data(), source, size);
    OK(peer->client.Seal(id));
    OK(peer->client.Release(id));
}

static inline void peer_delete(struct peer *peer, const key *key)
{
    OK(peer->client.Delete(id_of(key)));
}

static void peer_fill(struct peer *peer, const key *keys, uint64_t count,
                      const void *source, uint64_t size)
{
    const std::string payload(static_cast<const char *>(source), size);
    const uint64_t group = size < 10000 ? 100 : 1;

    for (uint64_t at = 0; at < count; at += group) {
        std::vector<plasma::ObjectID> ids;
        for (uint64_t key = at; key < at + group && key < count; key++) {
            ids.push_back(id_of(&keys[key]));
        }
        if (size > small) {
            peer_create(peer, &keys[at], source, size);
        } else {
            OK(peer->client.CreateAndSealBatch(
                ids, std::vector<std::string>(ids.size(), payload),
                std::vector<std::string>(ids.size())));
        }
    }
}

/** The memory of the server itself and of the file that it shares. */
static uint64_t peer_bytes(struct peer *)
{
    char path[64], line[256];
    unsigned long kib, total = 0;
    FILE *status;

    snprintf(path, sizeof path, "/proc/%d/status", static_cast<int>(server));
    status = fopen(path, "r");
    NEED(status != nullptr);
    while (fgets(line, sizeof line, status) != nullptr) {
        if (sscanf(line, "RssAnon: %lu", &kib) == 1
            || sscanf(line, "RssShmem: %lu", &kib) == 1) {
            total += kib;
        }
    }
    fclose(status);
    return static_cast<uint64_t>(total) * 1024;
}

/* ---- handover ---- */

struct sealing {
    struct peer *peer;
    uint64_t objects;
};

static key key_in(uint64_t round, uint64_t which)
{
    return key_of(round * WAITERS_MAX + which);
}

static void join(void *state, uint64_t)
{
    static_cast<sealing *>(state)->peer = peer_join();
}

static void wait_for_object(void *state, uint64_t round, uint64_t waiter)
{
    const auto *sealing = static_cast<struct sealing *>(state);
    const key key = key_in(round, waiter % sealing->objects);

    NEED(get_within(sealing->peer, &key, -1));
}

static void begin(void *state, uint64_t round)
{
    const auto *sealing = static_cast<struct sealing *>(state);

    for (uint64_t at = 0; at < sealing->objects; at++) {
        const key key = key_in(round, at);
        std::shared_ptr<arrow::Buffer> buffer;
        OK(sealing->peer->client.Create(id_of(&key), 100, nullptr, 0, &buffer));
        memset(buffer->mutable_data(), 1, 100);
    }
}

static void seal(void *state, uint64_t round)
{
    const auto *sealing = static_cast<struct sealing *>(state);

    for (uint64_t at = 0; at < sealing->objects; at++) {
        const key key = key_in(round, at);
        OK(sealing->peer->client.Seal(id_of(&key)));
    }
}

static void forget(void *state, uint64_t round)
{
    const auto *sealing = static_cast<struct sealing *>(state);

    for (uint64_t at = 0; at < sealing->objects; at++) {
        const key key = key_in(round, at);
        OK(sealing->peer->client.Release(id_of(&key)));
        peer_delete(sealing->peer, &key);
    }
}

static void handover()
{
    static struct sealing sealing;
    const struct handover how = { &sealing, join, wait_for_object, begin, seal,
                                  forget };

    if (arg_is("by", "name")) {
        exit(UNSUPPORTED);
    }
    sealing.peer = peer_open(2 * WAITERS_MAX, 100);
    sealing.objects = arg_is("objects", "many") ? number_arg("waiters", 1) : 1;
    time_handover("handover", &how);
}

/* ---- churn ---- */

/** Like that of Plasma: twice as many keys as there is room for. */
static void churn()
{
    const uint64_t size = number_arg("size", 4096), capacity = 256 << 20;
    const uint64_t fits = capacity / size, objects = 2 * fits;
    const size_t series_length = 1 << 20;
    const bool scan = arg_is("pattern", "scan");
    const uint32_t *series = zipf_series(series_length, objects);
    const key *keys = keys_of(0, objects);
    const uint8_t *source = source_bytes(size);
    uint64_t created = 0, gets = 0, at = fits + fits / 8, start, spent = 0;
    struct peer *peer;

    start_store(capacity);
    peer = peer_join();
    peer_fill(peer, keys, at, source, size);
    start = now_ns();
    while (spent < time_to_spend()) {
        const key *key = &keys[scan ? at % objects : series[at % series_length]];
        if (!scan && get_within(peer, key, 0)) {
            gets++;
        } else {
            peer_create(peer, key, source, size);
            created++;
        }
        at++;
        spent = now_ns() - start;
    }
    RESULT_BEGIN("churn");
    RESULT_NUMBER("ops_s", static_cast<double>(created) * 1e9
                               / static_cast<double>(spent));
    RESULT_NUMBER("gets_s", static_cast<double>(gets) * 1e9
                                / static_cast<double>(spent));
    RESULT_NUMBER("all_s", static_cast<double>(created + gets) * 1e9
                               / static_cast<double>(spent));
    RESULT_END();
}

int main(int argc, char **argv)
{
    static const struct workload workloads[] = {
        { "get", get },           { "create", create },
        { "put", put },           { "getters", getters },
        { "creators", creators }, { "handover", handover },
        { "attach", attach },     { "memory", memory },
        { "churn", churn },
    };

    peer_main();
    return run_workload(argc, argv, workloads,
                        sizeof workloads / sizeof workloads[0]);
}
