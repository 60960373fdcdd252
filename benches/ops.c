/*
 * ops [FILE]: times single operations through the C API, prints a table, and
 * writes it to FILE (make bench: docs/performance.md). Method: see page.c.
 */
#include "page.h"

#include <inttypes.h>
#include <plasma.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
#define LARGEST (64 * MIB)

enum { BATCH_MAX = 1000, MANY = 10000, ROWS_MAX = 32 };


static plasma_client_t *client;
static plasma_id_t ids[BATCH_MAX], many[MANY], hot;
static plasma_mutable_buffer_t writable;
static char store[32];
static uint8_t *source, *target;
static uint64_t size_now, clock_ns, random_state = 88172645463325252u;
static row_t rows[ROWS_MAX];
static size_t row_count;

static void check(plasma_status_t status, const char *call)
{
    if (status == PLASMA_OK)
        return;
    fprintf(stderr, "ops: %s: %s: %s\n", call, plasma_status_name(status),
            plasma_error_message());
    exit(1);
}
#define CHECK(call) check((call), #call)

static void clean_up(void)
{
    plasma_disconnect(client);
    plasma_store_remove(store);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The operations. prepare() and finish() are not timed. */
typedef struct op {
    const char *what;
    void (*begin)(void);
    void (*prepare)(unsigned n);
    void (*run)(unsigned i);
    void (*finish)(unsigned n);
    void (*end)(void);
    int copies;
} op_t;

static void nothing(void)
{
}

static void nothing_for(unsigned n)
{
    (void)n;
}

static void new_ids(unsigned n)
{
    static uint64_t next;
    unsigned i;

    for (i = 0; i < n; i++) {
        next++;
        CHECK(plasma_id_from_bytes(&next, sizeof next, &ids[i]));
    }
}

static void delete_ids(unsigned n)
{
    static plasma_status_t statuses[BATCH_MAX];
    uint64_t reaped;

    CHECK(plasma_delete_many(client, ids, n, statuses));
    CHECK(plasma_reap(client, &reaped));
}

static void put_hot(void)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;

    options.name = "hot";
    CHECK(plasma_id_random(&hot));
    CHECK(plasma_put(client, &hot, source, size_now, &options));
}

static void delete_hot(void)
{
    uint64_t reaped;

    CHECK(plasma_delete(client, &hot));
    CHECK(plasma_reap(client, &reaped));
}

static void get_hot(unsigned i)
{
    plasma_buffer_t buffer;

    (void)i;
    CHECK(plasma_get(client, &hot, 0, &buffer));
    CHECK(plasma_release(&buffer));
}

static void get_hot_by_name(unsigned i)
{
    plasma_buffer_t buffer;

    (void)i;
    CHECK(plasma_get_by_name(client, "hot", 0, &buffer));
    CHECK(plasma_release(&buffer));
}

static void put_many(void)
{
    unsigned i;

    for (i = 0; i < MANY; i++) {
        CHECK(plasma_id_random(&many[i]));
        CHECK(plasma_put(client, &many[i], source, size_now, NULL));
    }
}

static void delete_many(void)
{
    uint64_t reaped;
    unsigned i;

    for (i = 0; i < MANY; i++)
        CHECK(plasma_delete(client, &many[i]));
    CHECK(plasma_reap(client, &reaped));
}

static void get_one_of_many(unsigned i)
{
    plasma_buffer_t buffer;

    (void)i;
    random_state ^= random_state << 13; /* xorshift64 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    CHECK(plasma_get(client, &many[random_state % MANY], 0, &buffer));
    CHECK(plasma_release(&buffer));
}

static void create_and_seal(unsigned i)
{
    CHECK(plasma_create(client, &ids[i], size_now, NULL, &writable));
    CHECK(plasma_seal(&writable));
}

static void put(unsigned i)
{
    CHECK(plasma_put(client, &ids[i], source, size_now, NULL));
}

/* To other memory each time, as put does. */
static void copy(unsigned i)
{
    uint8_t *to = target + i % (LARGEST / size_now) * size_now;

    memcpy(to, source, size_now);
    __asm__ volatile("" : : "r"(to) : "memory");
}

static const op_t GET = {"get + release", put_hot,     nothing_for, get_hot,
                         nothing_for,     delete_hot, 0};
static const op_t GET_MANY = {"get + release, 1 of 10,000",
                              put_many,
                              nothing_for,
                              get_one_of_many,
                              nothing_for,
                              delete_many,
                              0};
static const op_t GET_NAME = {"get_by_name + release",
                              put_hot,
                              nothing_for,
                              get_hot_by_name,
                              nothing_for,
                              delete_hot,
                              0};
static const op_t CREATE = {"create + seal", nothing,    new_ids,
                            create_and_seal, delete_ids, nothing, 0};
static const op_t PUT = {"put", nothing, new_ids, put, delete_ids, nothing, 1};
static const op_t COPY = {"memcpy, for comparison",
                          nothing,
                          nothing_for,
                          copy,
                          nothing_for,
                          nothing,
                          1};

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static double quantile(double *values, size_t count, double q)
{
    qsort(values, count, sizeof *values, by_value);
    return values[(size_t)(q * (double)(count - 1) + 0.5)];
}

/* Medians are of batches timed as a whole, p99 of operations timed alone. */
static void measure(const op_t *op, uint64_t size, unsigned batch,
                    unsigned batches, unsigned singles)
{
    const unsigned warm_up = batches / 10 + 2;
    row_t *row = &rows[row_count++];
    double *values;
    unsigned i, n;

    values = malloc((batches + singles + batch) * sizeof *values);
    if (values == NULL)
        exit(1);
    size_now = size;
    op->begin();
    for (n = 0; n < batches + warm_up; n++) {
        uint64_t begin, end;

        op->prepare(batch);
        begin = now_ns();
        for (i = 0; i < batch; i++)
            op->run(i);
        end = now_ns();
        op->finish(batch);
        if (n >= warm_up)
            values[n - warm_up] =
                ((double)(end - begin) - (double)clock_ns) / batch;
    }
    row->what = op->what;
    row->size = size;
    row->copies = op->copies;
    row->median_ns = quantile(values, batches, 0.5);
    for (n = 0; n < singles; n += batch) {
        op->prepare(batch);
        for (i = 0; i < batch; i++) {
            const uint64_t begin = now_ns();

            op->run(i);
            values[n + i] = (double)(now_ns() - begin) - (double)clock_ns;
        }
        op->finish(batch);
    }
    row->p99_ns = quantile(values, n, 0.99);
    op->end();
    free(values);
    fprintf(stderr, "%s, %" PRIu64 " bytes\n", op->what, size);
}

static void measure_clock(void)
{
    double values[1001];
    unsigned i;

    for (i = 0; i < 1001; i++) {
        const uint64_t begin = now_ns();

        values[i] = (double)(now_ns() - begin);
    }
    clock_ns = (uint64_t)quantile(values, 1001, 0.5);
}

int main(int argc, char **argv)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    char load[64];
    FILE *page;

    load_average(load, sizeof load); /* of others: before there is ours */
    source = malloc(LARGEST);
    target = malloc(LARGEST);
    if (source == NULL || target == NULL)
        return 1;
    memset(source, 0x5a, LARGEST);
    memset(target, 0xa5, LARGEST);
    snprintf(store, sizeof store, "bench-%d", (int)getpid());
    options.flags = PLASMA_CONNECT_EXCLUSIVE | PLASMA_CONNECT_RESERVE;
    options.capacity = 5 * LARGEST;
    options.max_objects = 2 * MANY;
    CHECK(plasma_connect(store, &options, &client));
    atexit(clean_up);
    measure_clock();

    measure(&GET, 100, 1000, 1000, 100000);
    measure(&GET, 4096, 1000, 1000, 100000);
    measure(&GET, MIB, 1000, 1000, 100000);
    measure(&GET, LARGEST, 1000, 1000, 100000);
    measure(&GET_MANY, 100, 1000, 1000, 100000);
    measure(&GET_NAME, 100, 1000, 1000, 100000);
    measure(&CREATE, 100, 1000, 300, 100000);
    measure(&CREATE, 4096, 1000, 300, 100000);
    measure(&CREATE, MIB, 100, 300, 10000);
    measure(&CREATE, LARGEST, 4, 300, 1000);
    measure(&PUT, 100, 1000, 300, 100000);
    measure(&PUT, 4096, 1000, 300, 100000);
    measure(&PUT, MIB, 50, 60, 3000);
    measure(&PUT, LARGEST, 2, 20, 100);
    measure(&COPY, 4096, 1000, 300, 100000);
    measure(&COPY, MIB, 50, 60, 3000);
    measure(&COPY, LARGEST, 2, 20, 100);

    write_table(stdout, rows, row_count);
    if (argc < 2)
        return 0;
    page = fopen(argv[1], "w");
    if (page == NULL) {
        perror(argv[1]);
        return 1;
    }
    write_page(page, rows, row_count, load, clock_ns);
    return fclose(page) != 0;
}
