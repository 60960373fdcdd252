/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The stamps that define "least recently released": their source, and a source
 * that goes back.
 */

#include "system.h"

#include <dlfcn.h>
#include <stdarg.h>

enum { CAPACITY = 8 << 20, SIZE = 1 << 20, RECORDS = 1024 };

/* Offsets in the index and, for the first slot, in members; a golden test fixes the
 * layout. */
enum {
    FLAGS_AT = 12,
    FLAG_COUNTER = 16,
    RECORDS_AT = 557056, /* with 1024 records */
    RECORD_SIZE = 192,
    ID_AT = 8,
    ORDER_AT = 917504, /* with 1024 records */
    LATEST_USE_AT = 352,
    RELEASED_AT = PAGES_AT + 64,
    RING_AT = 8474624
};

/* ---- Another clock, and another answer of the kernel about the counter
 * ---- */

static int64_t clock_is_ahead_ns;
static int counter_is_distrusted;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_openat)(int, const char *, int, ...);

/** Look up the functions that those below replace. A constructor may call
 * them before main. */
static void find_real(void)
{
    if (real_openat != NULL) {
        return;
    }
    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    *(void **)&real_openat = dlsym(RTLD_NEXT, "openat");
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    enum { REALTIME_COARSE = 5, SECOND = 1000000000 };

    find_real();
    int result = real_clock_gettime(clock, now);

    if (clock == CLOCK_REALTIME || clock == REALTIME_COARSE) {
        int64_t ns = now->tv_sec * (int64_t)SECOND + now->tv_nsec
                   + clock_is_ahead_ns;
        now->tv_sec = ns / SECOND;
        now->tv_nsec = ns % SECOND;
    }
    return result;
}

int openat(int dir, const char *name, int flags, ...)
{
    va_list rest;

    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    if (counter_is_distrusted && strstr(name, "current_clocksource") != NULL) {
        name = "/proc/version";
    }
    find_real();
    return real_openat(dir, name, flags, mode);
}

/* ---- A store, and the order in which its objects are evicted ---- */

static plasma_client_t *make_lru_store(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;

    options.flags = PLASMA_CONNECT_EXCLUSIVE;
    options.capacity = CAPACITY;
    options.max_objects = RECORDS;
    options.eviction = PLASMA_EVICTION_LRU;
    CHECK_OK(plasma_connect(store(), &options, &client));
    return client;
}

/** Wait until the coarse clock shows another time. */
static void tick(void)
{
    enum { REALTIME_COARSE = 5 };
    struct timespec before, now;

    CHECK(clock_gettime(REALTIME_COARSE, &before) == 0);
    do {
        pause_ms(1);
        CHECK(clock_gettime(REALTIME_COARSE, &now) == 0);
    } while (now.tv_nsec == before.tv_nsec);
}

static void put(plasma_client_t *client, uint64_t number)
{
    put_pattern(client, number, SIZE, NULL);
    tick();
}

static void touch(plasma_client_t *client, uint64_t number)
{
    plasma_id_t id = id_of(number);
    plasma_buffer_t buffer;

    CHECK_OK(plasma_get(client, &id, 0, &buffer));
    CHECK_OK(plasma_release(&buffer));
    tick();
}

/** Evict one by one: the objects go in this order. */
static void check_order(plasma_client_t *client, const uint64_t *order,
                        int count)
{
    uint64_t evicted;

    for (int at = 0; at < count; at++) {
        CHECK_OK(plasma_evict(client, 1, &evicted));
        for (int other = 0; other < count; other++) {
            int gone = other <= at;
            CHECK_EQ(state_of(client, order[other]),
                     gone ? PLASMA_STATE_ABSENT : PLASMA_STATE_SEALED);
        }
    }
}

static const char *index_file(void) { return in_dir(store(), "index"); }

/** The offset of an object's record. */
static off_t record_of(uint64_t number)
{
    plasma_id_t id = id_of(number), found;

    for (off_t at = RECORDS_AT; at < RECORDS_AT + RECORDS * RECORD_SIZE;
         at += RECORD_SIZE) {
        read_at(index_file(), at + ID_AT, found.bytes, sizeof found.bytes);
        if (same_id(found, id)) {
            return at;
        }
    }
    CHECK(!"the object has a record");
    return 0;
}

/** As if it had been used when the source of stamps was ahead by this much. */
static void was_used_before_it_went_back(uint64_t number, uint64_t by)
{
    off_t slot = (record_of(number) - RECORDS_AT) / RECORD_SIZE;
    uint64_t stamp, latest;

    read_at(index_file(), ORDER_AT + 8 * slot, &stamp, sizeof stamp);
    stamp += by;
    write_at(index_file(), ORDER_AT + 8 * slot, &stamp, sizeof stamp);
    read_at(index_file(), LATEST_USE_AT, &latest, sizeof latest);
    if (latest < stamp) {
        write_at(index_file(), LATEST_USE_AT, &stamp, sizeof stamp);
    }
}

/* ---- Tests ---- */

/** The machine slept, and its counter restarted. */
static void test_objects_used_before_the_counter_went_back_go_first(void)
{
    static const uint64_t order[] = { 3, 4, 5, 2, 1, 6 };
    plasma_client_t *client = make_lru_store();
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_id_t three = id_of(3);

    for (uint64_t number = 1; number <= 5; number++) {
        put(client, number);
    }
    for (uint64_t number = 1; number <= 5; number++) {
        was_used_before_it_went_back(number, UINT64_C(1) << 50);
    }
    touch(client, 2);
    touch(client, 1);
    put(client, 6);
    /* The time of its last use is unknown, so it is the time of the seal. */
    CHECK_OK(plasma_object_info(client, &three, &info));
    CHECK_EQ(info.last_use_us, info.create_time_us + info.construct_duration_us);
    check_order(client, order, 6);
    plasma_disconnect(client);
}

/** Processors differ slightly, and a client may write any stamp. */
static void test_a_stamp_to_come_is_one_of_now(void)
{
    static const uint64_t order[] = { 2, 3, 1 };
    plasma_client_t *client = make_lru_store();
    const char *own = in_dir(store(), "members");
    uint64_t released, stamp;

    for (uint64_t number = 1; number <= 3; number++) {
        put(client, number);
    }
    touch(client, 1);
    read_at(own, RELEASED_AT, &released, sizeof released);
    CHECK_EQ(released, 1);
    read_at(own, RING_AT, &stamp, sizeof stamp);
    stamp += UINT64_C(1) << 45;
    write_at(own, RING_AT, &stamp, sizeof stamp);
    check_order(client, order, 3);
    plasma_disconnect(client);
}

static uint32_t flags(void)
{
    uint32_t flags;

    read_at(index_file(), FLAGS_AT, &flags, sizeof flags);
    return flags;
}

static void use_by_what_it_believes(struct process *parent, void *arg)
{
    counter_is_distrusted = *(const int *)arg;
    hear(parent, 'g');
    plasma_client_t *client = join_store();

    put(client, 2);
    touch(client, 1);
    tell(parent, 'u');
    hear(parent, 'e');
    plasma_disconnect(client);
}

/** The creator and another process disagree about the counter: the choice of
 * the store counts. */
static void test_all_clients_of_a_store_stamp_by_the_same_source(void)
{
    static const uint64_t order[] = { 2, 1, 3 };

    for (int maker = 0; maker < 2; maker++) {
        int other = !maker;
        fflush(NULL);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            /* Each process decides once, at its first connect. */
            struct process process = spawn(use_by_what_it_believes, &other);
            counter_is_distrusted = maker;
            plasma_client_t *client = make_lru_store();
            CHECK(!maker || (flags() & FLAG_COUNTER) == 0);
            put(client, 1);
            tell(&process, 'g');
            hear(&process, 'u');
            put(client, 3);
            check_order(client, order, 3);
            tell(&process, 'e');
            finish(&process);
            plasma_disconnect(client);
            CHECK_OK(plasma_store_remove(store()));
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_EQ(status, 0);
    }
}

/** The stamps come from a clock, and the clock is set. */
static void test_a_clock_that_is_set_back_does_not_invert_the_order(void)
{
    static const uint64_t order[] = { 3, 2, 1, 4 };

    counter_is_distrusted = 1;
    plasma_client_t *client = make_lru_store();
    CHECK_EQ(flags() & FLAG_COUNTER, 0);
    for (uint64_t number = 1; number <= 3; number++) {
        put(client, number);
    }
    clock_is_ahead_ns = INT64_C(-3600000000000);
    touch(client, 2);
    touch(client, 1);
    put(client, 4);
    check_order(client, order, 4);
    /* The clock is set back again. */
    clock_is_ahead_ns = 0;
    put(client, 11);
    put(client, 12);
    touch(client, 11);
    static const uint64_t later[] = { 12, 11 };
    check_order(client, later, 2);
    plasma_disconnect(client);
}

/** The time from create to seal was the difference of two times of a clock that
 * people set: negative, or hours. */
static void test_a_clock_that_is_set_does_not_change_how_long_it_took(void)
{
    static const int64_t hours[] = { -1, 1 };
    plasma_client_t *client = make_lru_store();

    for (uint64_t number = 0; number < 2; number++) {
        plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
        plasma_mutable_buffer_t writer;
        plasma_id_t id = id_of(number + 1);

        CHECK_OK(plasma_create(client, &id, 10, NULL, &writer));
        clock_is_ahead_ns = hours[number] * INT64_C(3600000000000);
        pause_ms(20);
        CHECK_OK(plasma_seal(&writer));
        CHECK_OK(plasma_object_info(client, &id, &info));
        CHECK(info.construct_duration_us >= 20000);
        CHECK(info.construct_duration_us < 600000000);
        clock_is_ahead_ns = 0;
        pause_ms(20);
    }
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(objects_used_before_the_counter_went_back_go_first),
        TEST(a_stamp_to_come_is_one_of_now),
        TEST(all_clients_of_a_store_stamp_by_the_same_source),
        TEST(a_clock_that_is_set_back_does_not_invert_the_order),
        TEST(a_clock_that_is_set_does_not_change_how_long_it_took),
    };

    return RUN_TESTS(argc, argv, tests);
}
