/* The table of a benchmark, as text and as a page of the documentation. */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct row {
    const char *what;
    uint64_t size;
    double median_ns, p99_ns;
    int copies; /* it moves size bytes: the rate is of interest */
} row_t;

/* How many processes want the machine, as text: to call before measuring. */
void load_average(char *out, size_t room);

void write_table(FILE *out, const row_t *rows, size_t count);
void write_page(FILE *out, const row_t *rows, size_t count, const char *load,
                uint64_t clock_ns);

#endif
