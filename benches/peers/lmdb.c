/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * LMDB, on memory (/dev/shm).
 *
 * Its fastest configuration: MDB_WRITEMAP writes into the map without a copy,
 * MDB_NOSYNC and MDB_MAPASYNC leave out what makes it durable, MDB_NOTLS ties a
 * reader's slot to its transaction, which is kept and renewed. Each get renews
 * it, since it must see objects that are new, and resets it, since its pages
 * are not used again before. Each create and each delete is a transaction:
 * others have to see it when it returns. MDB_RESERVE gives the place of the
 * payload, so that it is written once.
 *
 * No handover: LMDB has nothing to wait with. No churn: it does not evict.
 */

#define PEER_CREATES_TOGETHER
#include "workloads.h"

#include <lmdb.h>

struct peer {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *reader;
};

enum { PAGE = 4096 };

static uint64_t map_size; /* the same in all processes */

/** End the program when a call of LMDB fails. */
#define OK(call)                                                             \
    do {                                                                     \
        int status_ = (call);                                                \
        if (status_ != MDB_SUCCESS) {                                        \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,    \
                    mdb_strerror(status_));                                  \
            exit(1);                                                         \
        }                                                                    \
    } while (0)

static struct peer *peer_open(uint64_t objects, uint64_t size)
{
    /* Pages of a tree that is half full, large values in pages of their
     * own, and as much again for the pages that a transaction copies. */
    const uint64_t each = size < 1000 ? 2 * (size + 64) : size + 2 * PAGE;

    map_size = (64 << 20) + 2 * objects * each;
    map_size = map_size / PAGE * PAGE;
    return peer_join();
}

static struct peer *peer_join(void)
{
    const unsigned flags = MDB_NOSUBDIR | MDB_WRITEMAP | MDB_NOSYNC
                           | MDB_MAPASYNC | MDB_NOTLS;
    struct peer *peer = malloc(sizeof *peer);
    MDB_txn *txn;

    NEED(peer != NULL);
    OK(mdb_env_create(&peer->env));
    OK(mdb_env_set_mapsize(peer->env, map_size));
    OK(mdb_env_open(peer->env, peer_path(""), flags, 0600));
    OK(mdb_txn_begin(peer->env, NULL, MDB_RDONLY, &txn));
    OK(mdb_dbi_open(txn, NULL, 0, &peer->dbi));
    OK(mdb_txn_commit(txn));
    OK(mdb_txn_begin(peer->env, NULL, MDB_RDONLY, &peer->reader));
    mdb_txn_reset(peer->reader);
    return peer;
}

static void peer_leave(struct peer *peer)
{
    mdb_txn_abort(peer->reader);
    mdb_env_close(peer->env);
    free(peer);
}

static void peer_remove(void)
{
    unlink(peer_path(""));
    unlink(peer_path("-lock"));
}

static inline MDB_val value_of(const struct key *key)
{
    return (MDB_val){ sizeof *key, (void *)(uintptr_t)key };
}

static inline void peer_get(struct peer *peer, const struct key *key)
{
    MDB_val name = value_of(key), value;

    OK(mdb_txn_renew(peer->reader));
    OK(mdb_get(peer->reader, peer->dbi, &name, &value));
    touch(value.mv_data);
    mdb_txn_reset(peer->reader);
}

static inline void add(struct peer *peer, MDB_txn *txn, const struct key *key,
                       const void *source, uint64_t size)
{
    MDB_val name = value_of(key), value = { size, NULL };

    OK(mdb_put(txn, peer->dbi, &name, &value, MDB_RESERVE | MDB_NOOVERWRITE));
    memcpy(value.mv_data, source, size);
}

static inline void peer_create(struct peer *peer, const struct key *key,
                               const void *source, uint64_t size)
{
    MDB_txn *txn;

    OK(mdb_txn_begin(peer->env, NULL, 0, &txn));
    add(peer, txn, key, source, size);
    OK(mdb_txn_commit(txn));
}

static inline void peer_delete(struct peer *peer, const struct key *key)
{
    MDB_val name = value_of(key);
    MDB_txn *txn;

    OK(mdb_txn_begin(peer->env, NULL, 0, &txn));
    OK(mdb_del(txn, peer->dbi, &name, NULL));
    OK(mdb_txn_commit(txn));
}

static void peer_fill(struct peer *peer, const struct key *keys, uint64_t count,
                      const void *source, uint64_t size)
{
    MDB_txn *txn;

    OK(mdb_txn_begin(peer->env, NULL, 0, &txn));
    for (uint64_t at = 0; at < count; at++) {
        add(peer, txn, &keys[at], source, size);
    }
    OK(mdb_txn_commit(txn));
}

static void peer_clear(struct peer *peer, const struct key *keys,
                       uint64_t count)
{
    MDB_txn *txn;

    OK(mdb_txn_begin(peer->env, NULL, 0, &txn));
    for (uint64_t at = 0; at < count; at++) {
        MDB_val name = value_of(&keys[at]);
        OK(mdb_del(txn, peer->dbi, &name, NULL));
    }
    OK(mdb_txn_commit(txn));
}

static uint64_t peer_bytes(struct peer *peer)
{
    struct stat file;

    (void)peer;
    NEED(stat(peer_path(""), &file) == 0);
    return (uint64_t)file.st_blocks * 512;
}

/** Batches, each in one transaction. */
static void batch(void)
{
    enum { BATCHES = 64 };
    const uint64_t of = number_arg("of", 10), end = now_ns() + 3 * time_to_spend();
    struct run run = begin_run(BATCHES * of, number_arg("size", 100));
    struct samples puts = { NULL, 0, 0 }, deletes = { NULL, 0, 0 };
    struct samples gets = { NULL, 0, 0 };

    for (uint64_t start = now_ns(); start < end; start = now_ns()) {
        const double objects = (double)(BATCHES * of);
        for (uint64_t at = 0; at < BATCHES * of; at += of) {
            peer_fill(run.peer, &run.keys[at], of, run.source, run.size);
        }
        add_sample(&puts, (double)(now_ns() - start) / objects);
        start = now_ns();
        for (uint64_t at = 0; at < BATCHES * of; at += of) {
            OK(mdb_txn_renew(run.peer->reader));
            for (uint64_t one = at; one < at + of; one++) {
                MDB_val name = value_of(&run.keys[one]), value;
                OK(mdb_get(run.peer->reader, run.peer->dbi, &name, &value));
                touch(value.mv_data);
            }
            mdb_txn_reset(run.peer->reader);
        }
        add_sample(&gets, (double)(now_ns() - start) / objects);
        start = now_ns();
        for (uint64_t at = 0; at < BATCHES * of; at += of) {
            peer_clear(run.peer, &run.keys[at], of);
        }
        add_sample(&deletes, (double)(now_ns() - start) / objects);
    }
    print_latency("put_many", &puts, NULL, 0);
    print_latency("delete_many", &deletes, NULL, 0);
    print_latency("get_many", &gets, NULL, 0);
}

/** All keys, and the sizes of their values. */
static void list(void)
{
    const uint64_t objects = number_arg("objects", 1000000);
    struct run run = begin_filled(objects);
    struct samples lists = { NULL, 0, 0 }, stats = { NULL, 0, 0 };

    for (int turn = 0; turn < 9; turn++) {
        struct { struct key key; uint64_t size; } *listed;
        MDB_cursor *cursor;
        MDB_val key, value;
        MDB_stat stat;
        uint64_t count = 0, start = now_ns();
        listed = malloc(objects * sizeof *listed);
        NEED(listed != NULL);
        OK(mdb_txn_renew(run.peer->reader));
        OK(mdb_cursor_open(run.peer->reader, run.peer->dbi, &cursor));
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
            memcpy(&listed[count].key, key.mv_data, sizeof listed[count].key);
            listed[count++].size = value.mv_size;
        }
        mdb_cursor_close(cursor);
        mdb_txn_reset(run.peer->reader);
        add_sample(&lists, (double)(now_ns() - start));
        NEED(count == objects);
        free(listed);
        start = now_ns();
        OK(mdb_env_stat(run.peer->env, &stat));
        add_sample(&stats, (double)(now_ns() - start));
        NEED(stat.ms_entries == objects);
    }
    sort_samples(&lists);
    RESULT_BEGIN("list");
    RESULT_NUMBER("ns_per_object", quantile(&lists, 0.5) / (double)objects);
    RESULT_END();
    print_latency("stats", &stats, NULL, 0);
}

int main(int argc, char **argv)
{
    static const struct workload workloads[] = {
        { "get", get },           { "create", create }, { "put", put },
        { "getters", getters },   { "creators", creators },
        { "attach", attach },     { "memory", memory }, { "list", list },
        { "batch", batch },
    };

    peer_main();
    return run_workload(argc, argv, workloads,
                        sizeof workloads / sizeof workloads[0]);
}
