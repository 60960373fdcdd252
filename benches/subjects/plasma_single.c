/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plasma: one process at work.
 */

#include "plasma.h"

struct single {
    plasma_client_t *client;
    plasma_id_t *ids;
    uint8_t *source;
    uint64_t size, objects, random;
};

static plasma_connect_options_t room_for(uint64_t objects, uint64_t size)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    if (is_default()) {
        /* An object that does not fit there is why a user asks for more. */
        options.capacity = objects * size > 512 * MIB ? 2 * objects * size : 0;
        return options;
    }
    options.huge_pages = 1;
    options.max_objects = objects + 1024;
    options.capacity = 64 * MIB + objects * ((size + 63) & ~UINT64_C(63));
    return options;
}

/* ---- get ---- */

static void get_one(const struct single *single, uint64_t which)
{
    plasma_buffer_t buffer;

    OK(plasma_get(single->client, &single->ids[which], 0, &buffer));
    touch(buffer.data);
    OK(plasma_release(&buffer));
}

static void get_hot(void *state, uint64_t at)
{
    (void)at;
    get_one(state, 0);
}

static void get_random(void *state, uint64_t at)
{
    struct single *single = state;

    (void)at;
    get_one(single, pick(&single->random, single->objects));
}

void get(void)
{
    struct single single = { .size = number_arg("size", 100),
                             .objects = number_arg("objects", 1000),
                             .random = 1 };
    plasma_connect_options_t options = room_for(single.objects, single.size);

    single.client = open_store(&options);
    fill_store(single.client, single.objects, single.size);
    single.ids = ids_of(single.objects);
    if (arg_is("order", "random")) {
        time_operation("get", get_random, &single, 0);
    } else {
        time_operation("get", get_hot, &single, 0);
    }
}

/* ---- create, delete ---- */

static void create_one(void *state, uint64_t at)
{
    const struct single *single = state;
    plasma_mutable_buffer_t writable;

    OK(plasma_create(single->client, &single->ids[at % single->objects],
                     single->size, NULL, &writable));
    memcpy(writable.data, single->source, single->size);
    OK(plasma_seal(&writable));
}

static void delete_one(void *state, uint64_t at)
{
    const struct single *single = state;

    OK(plasma_delete(single->client, &single->ids[at % single->objects]));
}

void create(void)
{
    const uint64_t batch = number_arg("batch", 100);
    struct single single = { .size = number_arg("size", 100),
                             .objects = 64 * batch };
    plasma_connect_options_t options = room_for(2 * batch, single.size);

    if (!is_default()) {
        options.max_objects = single.objects;
    }
    single.client = open_store(&options);
    single.ids = ids_of(single.objects);
    single.source = source_bytes(single.size);
    time_pair("create", create_one, "delete", delete_one, &single, batch,
              (double)single.size);
}

/* ---- put ---- */

static void put_one(void *state, uint64_t at)
{
    const struct single *single = state;

    OK(plasma_put(single->client, &single->ids[at % single->objects],
                  single->source, single->size, NULL));
}

/** In memory that the store reserved before. */
static void put_reused(struct single *single)
{
    time_pair("put", put_one, "delete", delete_one, single, 1,
              (double)single->size);
}

/** Each in fresh memory: deleted memory is trimmed. */
static void put_fresh(struct single *single)
{
    const uint64_t end = now_ns() + 3 * time_to_spend();
    struct samples samples = { NULL, 0, 0 };

    for (uint64_t at = 0; now_ns() < end || samples.count < 3; at++) {
        uint64_t freed, start = now_ns();
        put_one(single, at);
        add_sample(&samples, (double)(now_ns() - start) - clock_cost());
        delete_one(single, at);
        OK(plasma_trim(single->client, 0, &freed));
    }
    print_latency("put", &samples, NULL, (double)single->size);
}

void put(void)
{
    struct single single = { .size = number_arg("size", MIB), .objects = 64 };
    plasma_connect_options_t options = room_for(2, single.size);

    if (number_arg("threads", 1) != 1) {
        exit(UNSUPPORTED); /* plasma_put() decides by itself */
    }
    single.client = open_store(&options);
    single.ids = ids_of(single.objects);
    single.source = source_bytes(single.size);
    if (arg_is("memory", "fresh")) {
        put_fresh(&single);
    } else {
        put_reused(&single);
    }
}

/* ---- attach, first_touch ---- */

static void attach_once(void *state, uint64_t at)
{
    struct single single = *(struct single *)state;

    (void)at;
    single.client = join_store();
    get_one(&single, 0);
    plasma_disconnect(single.client);
}

void attach(void)
{
    struct single single = { .objects = 1000, .size = 100 };
    plasma_connect_options_t options = room_for(single.objects, single.size);

    fill_store(open_store(&options), single.objects, single.size);
    single.ids = ids_of(single.objects);
    time_operation("attach", attach_once, &single, 0);
}

void first_touch(void)
{
    const uint64_t size = number_arg("size", 1024 * MIB);
    plasma_connect_options_t options = room_for(1, size);
    struct samples samples = { NULL, 0, 0 };
    plasma_id_t id = id_of(0);

    fill_store(open_store(&options), 1, size);
    for (int turn = 0; turn < 5; turn++) {
        plasma_client_t *reader = join_store();
        plasma_buffer_t buffer;
        uint64_t start = now_ns();
        OK(plasma_get(reader, &id, 0, &buffer));
        for (uint64_t at = 0; at < size; at += 4096) {
            touch((const uint8_t *)buffer.data + at);
        }
        add_sample(&samples, (double)(now_ns() - start));
        OK(plasma_release(&buffer));
        plasma_disconnect(reader);
    }
    print_latency("first_touch", &samples, NULL, (double)size);
}
