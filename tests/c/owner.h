/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The writer lock, taken in the name of another process by writing its word in
 * the index. Include it after system.h.
 */

#ifndef OWNER_H
#define OWNER_H

#include "system.h"

/* Offsets of words in the index; a golden test fixes the layout. */
enum { REBUILD_SEQUENCE_AT = 128, LOCK_AT = 256, ID_BUCKETS_AT = 16384, SEQUENCE = 32 };

static inline uint64_t *lock_word(void)
{
    int fd = open(in_dir(store(), "index"), O_RDWR);
    char *map;

    CHECK(fd >= 0);
    map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED && close(fd) == 0);
    return (uint64_t *)(void *)(map + LOCK_AT);
}

static inline uint32_t slot_of(plasma_client_t *client, pid_t pid)
{
    plasma_client_info_t info = PLASMA_CLIENT_INFO_INIT;
    plasma_client_list_t *list;
    uint32_t slot = UINT32_MAX;

    CHECK_OK(plasma_list_clients(client, &list));
    for (uint64_t at = 0; at < plasma_client_list_count(list); at++) {
        CHECK_OK(plasma_client_list_at(list, at, &info));
        if (info.pid == pid) {
            slot = info.slot;
        }
    }
    plasma_client_list_free(list);
    CHECK(slot != UINT32_MAX);
    return slot;
}

static inline void take_lock(uint64_t *word, uint32_t owner)
{
    uint64_t free = __atomic_load_n(word, __ATOMIC_ACQUIRE);

    CHECK_EQ(free & 0xffffffff, 0);
    CHECK(__atomic_compare_exchange_n(
        word, &free, ((free >> SEQUENCE) + 1) << SEQUENCE | (owner + 1), 0,
        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

static inline void give_lock(uint64_t *word)
{
    uint64_t held = __atomic_load_n(word, __ATOMIC_ACQUIRE);

    __atomic_store_n(word, held >> SEQUENCE << SEQUENCE, __ATOMIC_RELEASE);
    syscall(SYS_futex, word, 1 /* FUTEX_WAKE */, INT32_MAX, NULL, NULL, 0);
}

#endif /* OWNER_H */
