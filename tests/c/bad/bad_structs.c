/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Structs of a wrong size or from another version, flags, timeouts.
 */

#include "system.h"

#define CHECK_INVALID(call)                                                   \
    do {                                                                      \
        CHECK_STATUS(call, PLASMA_ERR_INVALID_ARGUMENT);                      \
        CHECK(strlen(plasma_error_message()) > 20);                           \
        CHECK_EQ(plasma_error_errno(), 0);                                    \
    } while (0)

/** Values of struct_size that no version has, for a known size. */
static const uint32_t wrong_sizes[] = {
    0, 1, 4, 65537, 0x7fffffff, 0x80000000, UINT32_MAX,
};
enum { WRONG_SIZES = sizeof wrong_sizes / sizeof *wrong_sizes };

/** Room for a struct of the next version. */
struct longer_connect {
    plasma_connect_options_t known;
    uint64_t tail[3];
};

static void test_connect_options_of_other_versions(void)
{
    struct longer_connect options = { PLASMA_CONNECT_OPTIONS_INIT, { 0 } };
    plasma_client_t *client = NULL;

    for (int at = 0; at < WRONG_SIZES; at++) {
        options.known.struct_size = wrong_sizes[at];
        CHECK_INVALID(plasma_connect(store(), &options.known, &client));
        CHECK_MESSAGE("PLASMA_CONNECT_OPTIONS_INIT");
    }
    options.known.struct_size = sizeof options.known - 1;
    CHECK_INVALID(plasma_connect(store(), &options.known, &client));
    options.known.struct_size = sizeof options;
    for (int at = 0; at < 3; at++) {
        options.tail[at] = (uint64_t)1 << 63;
        CHECK_INVALID(plasma_connect(store(), &options.known, &client));
        options.tail[at] = 0;
    }
    CHECK(client == NULL && !is_there(store()));
    /* A program that was built before reader_quota existed: the bytes past
     * its end are not read. */
    options.known.struct_size = 48;
    options.known.max_readers = UINT64_MAX;
    CHECK_OK(plasma_connect(store(), &options.known, &client));
    plasma_disconnect(client);
    options.known.max_readers = 0;
    options.known.struct_size = sizeof options;
    CHECK_OK(plasma_connect(store(), &options.known, &client));
    options.tail[0] = 1; /* past the end that it declares */
    options.known.struct_size = sizeof options.known;
    CHECK_CONNECT(store(), 0, PLASMA_OK);
    plasma_disconnect(client);
    CHECK_OK(plasma_connect(store(), &options.known, &client));
    plasma_disconnect(client);
}

struct longer_create {
    plasma_create_options_t known;
    uint64_t tail[3];
};

static plasma_client_t *writer;
static uint64_t next_number;

/** The same options for each function that takes them. */
static plasma_status_t create_with(int function,
                                   const plasma_create_options_t *options)
{
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(++next_number);
    const void *data = "x";
    uint64_t size = 1;
    plasma_status_t status, each = PLASMA_OK;
    int32_t created;

    switch (function) {
    case 0:
        status = plasma_create(writer, &id, 1, options, &writable);
        break;
    case 1:
        return plasma_put(writer, &id, data, 1, options);
    case 2:
        status = plasma_put_many(writer, &id, &data, &size, 1, options, &each);
        CHECK(status == each || status == PLASMA_ERR_INVALID_ARGUMENT);
        return status;
    default:
        status = plasma_get_or_create(writer, &id, 1, options, 0, &buffer,
                                      &writable, &created);
        break;
    }
    if (status == PLASMA_OK) {
        CHECK_OK(plasma_abort(&writable));
    }
    return status;
}

static void test_create_options_of_other_versions(void)
{
    struct longer_create options = { PLASMA_CREATE_OPTIONS_INIT, { 0 } };

    writer = make_store(1 << 20);
    for (int function = 0; function < 4; function++) {
        for (int at = 0; at < WRONG_SIZES; at++) {
            options.known.struct_size = wrong_sizes[at];
            CHECK_INVALID(create_with(function, &options.known));
            CHECK_MESSAGE("PLASMA_CREATE_OPTIONS_INIT");
        }
        options.known.struct_size = sizeof options.known - 1;
        CHECK_INVALID(create_with(function, &options.known));
        options.known.struct_size = sizeof options;
        options.tail[2] = 1;
        CHECK_INVALID(create_with(function, &options.known));
        options.tail[2] = 0;
        CHECK_OK(create_with(function, &options.known));
        options.known.struct_size = sizeof options.known;
        options.tail[0] = UINT64_MAX;
        CHECK_OK(create_with(function, &options.known));
        options.tail[0] = 0;
    }
    CHECK_EQ(stats_of(writer).objects_writing, 0);
    plasma_disconnect(writer);
}

static void test_unknown_and_misplaced_create_flags(void)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    const uint32_t known = PLASMA_CREATE_ZEROED | PLASMA_CREATE_PINNED;

    writer = make_store(1 << 20);
    for (int function = 0; function < 4; function++) {
        for (int bit = 0; bit < 32; bit++) {
            options.flags = (uint32_t)1 << bit;
            if (options.flags & known) {
                CHECK_OK(create_with(function, &options));
            } else {
                CHECK_INVALID(create_with(function, &options));
                options.flags |= known;
                CHECK_INVALID(create_with(function, &options));
            }
        }
        options.flags = known;
        CHECK_OK(create_with(function, &options));
    }
    plasma_disconnect(writer);
}

static void test_unknown_and_misplaced_connect_flags(void)
{
    const uint32_t known =
        PLASMA_CONNECT_EXISTING | PLASMA_CONNECT_EXCLUSIVE
        | PLASMA_CONNECT_READ_ONLY | PLASMA_CONNECT_EPHEMERAL
        | PLASMA_CONNECT_RESERVE;

    for (int bit = 0; bit < 32; bit++) {
        if (((uint32_t)1 << bit & known) == 0) {
            CHECK_CONNECT(store(), (uint32_t)1 << bit,
                          PLASMA_ERR_INVALID_ARGUMENT);
            CHECK_MESSAGE("flag");
        }
    }
    CHECK(!is_there(store()));
}

/* ---- Output structs ---- */

/** The largest growing struct, with room past its end. */
union output {
    uint32_t struct_size;
    plasma_object_info_t object;
    plasma_client_info_t client;
    plasma_stats_t stats;
    plasma_event_t event;
    plasma_check_report_t report;
    uint8_t bytes[1024];
};

enum { FILLERS = 7 };
static const size_t filler_sizes[FILLERS] = {
    sizeof(plasma_object_info_t), sizeof(plasma_object_info_t),
    sizeof(plasma_object_info_t), sizeof(plasma_client_info_t),
    sizeof(plasma_stats_t), sizeof(plasma_check_report_t),
    sizeof(plasma_event_t),
};

static plasma_buffer_t held;
static plasma_list_t *list;
static plasma_client_list_t *clients;
static plasma_subscription_t *subscription;

/** Call each function that fills a growing struct. */
static plasma_status_t fill_output(int filler, union output *output)
{
    plasma_id_t id = id_of(1);

    switch (filler) {
    case 0: return plasma_object_info(writer, &id, &output->object);
    case 1: return plasma_buffer_info(&held, &output->object);
    case 2: return plasma_list_at(list, 0, &output->object);
    case 3: return plasma_client_list_at(clients, 0, &output->client);
    case 4: return plasma_stats(writer, &output->stats);
    case 5: return plasma_check(writer, &output->report);
    default:
        put_pattern(writer, ++next_number, 1, NULL);
        return plasma_next_event(subscription, 0, &output->event);
    }
}

static void test_outputs_of_other_versions(void)
{
    union output output, before;

    writer = make_store(1 << 20);
    put_pattern(writer, 1, 10, "one");
    next_number = 1;
    held = get_pattern(writer, 1, 10);
    CHECK_OK(plasma_list(writer, &list));
    CHECK_OK(plasma_list_clients(writer, &clients));
    CHECK_OK(plasma_subscribe(writer, &subscription));
    for (int filler = 0; filler < FILLERS; filler++) {
        const size_t size = filler_sizes[filler];
        for (int at = 0; at < WRONG_SIZES; at++) {
            memset(&output, 0x5a, sizeof output);
            output.struct_size = wrong_sizes[at];
            before = output;
            CHECK_INVALID(fill_output(filler, &output));
            CHECK_MESSAGE("_INIT");
            CHECK(memcmp(&before, &output, sizeof output) == 0);
        }
        /* For a caller that knows fewer or more fields, those that fit are
         * filled. */
        for (size_t told = 16; told <= size + 64; told += 8) {
            const size_t fits = told < size ? told : size;
            memset(&output, 0x5a, sizeof output);
            output.struct_size = (uint32_t)told;
            CHECK_OK(fill_output(filler, &output));
            CHECK_EQ(output.struct_size, told);
            for (size_t at = fits; at < sizeof output; at++) {
                CHECK_EQ(output.bytes[at], 0x5a);
            }
            CHECK(output.bytes[fits - 1] != 0x5a);
        }
    }
    CHECK_OK(plasma_release(&held));
    plasma_unsubscribe(subscription);
    plasma_client_list_free(clients);
    plasma_list_free(list);
    plasma_disconnect(writer);
}

/* ---- Timeouts ---- */

static void test_times_below_minus_one(void)
{
    const int64_t wrong[] = { -2, -1000, -(INT64_C(1) << 32), INT64_MIN };
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffers[1];
    plasma_status_t statuses[1];
    plasma_id_t id = id_of(1);
    uint8_t ready[1];
    size_t ready_count;
    int32_t created;

    writer = make_store(1 << 20);
    put_pattern(writer, 1, 10, "one"); /* no call would have to wait */
    next_number = 1;
    CHECK_OK(plasma_subscribe(writer, &subscription));
    put_pattern(writer, ++next_number, 10, NULL);
    for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
        const int64_t time = wrong[at];
        CHECK_INVALID(plasma_get(writer, &id, time, buffers));
        CHECK_INVALID(plasma_get_by_name(writer, "one", time, buffers));
        CHECK_INVALID(plasma_get_many(writer, &id, 1, time, buffers, statuses));
        CHECK_INVALID(plasma_get_many(writer, NULL, 0, time, NULL, NULL));
        CHECK_INVALID(plasma_wait(writer, &id, 1, 0, time, ready,
                                  &ready_count));
        CHECK_INVALID(plasma_get_or_create(writer, &id, 1, NULL, time, buffers,
                                           &writable, &created));
        CHECK_INVALID(plasma_next_event(subscription, time, &event));
        options.timeout_ms = time;
        for (int function = 0; function < 4; function++) {
            CHECK_INVALID(create_with(function, &options));
        }
    }
    /* The longest time is equivalent to forever. */
    CHECK_OK(plasma_get(writer, &id, INT64_MAX, buffers));
    CHECK_OK(plasma_release(buffers));
    CHECK_OK(plasma_wait(writer, &id, 1, 0, INT64_MAX, ready, &ready_count));
    CHECK_OK(plasma_next_event(subscription, INT64_MAX, &event));
    options.timeout_ms = INT64_MAX;
    CHECK_OK(create_with(0, &options));
    plasma_unsubscribe(subscription);
    plasma_disconnect(writer);
}

static void *get_for_ages(void *arg)
{
    plasma_buffer_t buffer;
    plasma_id_t id = id_of(77);

    CHECK_OK(plasma_get(writer, &id, INT64_MAX, &buffer));
    CHECK_OK(plasma_release(&buffer));
    return arg;
}

static void test_the_longest_time_out_waits(void)
{
    pthread_t thread;

    writer = make_store(1 << 20);
    CHECK(pthread_create(&thread, NULL, get_for_ages, NULL) == 0);
    put_pattern(writer, 77, 10, NULL);
    CHECK(pthread_join(thread, NULL) == 0);
    plasma_disconnect(writer);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(connect_options_of_other_versions),
        TEST(create_options_of_other_versions),
        TEST(unknown_and_misplaced_create_flags),
        TEST(unknown_and_misplaced_connect_flags),
        TEST(outputs_of_other_versions),
        TEST(times_below_minus_one),
        TEST(the_longest_time_out_waits),
    };
    return RUN_TESTS(argc, argv, tests);
}
