/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A store for the time of a workload, and the objects in it.
 */

#ifndef PLASMA_BENCH_SUBJECT_H
#define PLASMA_BENCH_SUBJECT_H

#include "../bench.h"

#include <plasma.h>

/** End the program when a call of Plasma fails. */
#define OK(call)                                                             \
    do {                                                                     \
        plasma_status_t status_ = (call);                                    \
        if (status_ != PLASMA_OK) {                                          \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,    \
                    plasma_error_message());                                 \
            exit(1);                                                         \
        }                                                                    \
    } while (0)

#define MIB (UINT64_C(1) << 20)

/** Connect; the first call makes the store, which is removed at exit. */
plasma_client_t *open_store(const plasma_connect_options_t *options);

/** Connect again, in this process or one that was forked. */
plasma_client_t *join_store(void);

/** The address of the store that this process made. */
const char *store_address(void);

/** The id of object `number`. */
plasma_id_t id_of(uint64_t number);

/** Ids 0 .. count - 1 in an array. */
plasma_id_t *ids_of(uint64_t count);

/** Create and seal objects 0 .. count - 1 of this size. */
void fill_store(plasma_client_t *client, uint64_t count, uint64_t size);

/** Bytes that the file system has allocated for the store. */
uint64_t bytes_taken(const plasma_client_t *client);

/** Whether the store has the default options, as by store=default. */
int is_default(void);

/** Private memory of this size, written. */
uint8_t *source_bytes(uint64_t size);

void get(void);
void create(void);
void put(void);
void getters(void);
void creators(void);
void handover(void);
void attach(void);
void first_touch(void);
void memory(void);
void churn(void);
void evict(void);
void evict_large(void);
void mixed(void);
void full(void);
void list(void);
void make(void);
void first_connect(void);
void room(void);
void batch(void);
void named(void);
void metadata(void);
void reconnect(void);
void put_beside(void);
void limbo(void);

#endif
