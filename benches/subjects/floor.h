/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Helpers of the floors.
 */

#ifndef PLASMA_BENCH_FLOOR_H
#define PLASMA_BENCH_FLOOR_H

#include "../bench.h"

#define HUGE_PAGE ((size_t)2 << 20)

static inline size_t round_up(size_t size, size_t to)
{
    return (size + to - 1) / to * to;
}

/** An open file of this size that no directory names, where stores live. */
int shared_file(size_t size);

/** Map a file at an address where a huge page may begin. */
uint8_t *map_aligned(int file, size_t size);

void get(void);
void getters(void);
void put(void);
void handover(void);
void attach(void);
void first_touch(void);

#endif
