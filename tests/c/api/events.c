/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The events of a store.
 */

#include "check.h"

#define MIB (UINT64_C(1) << 20)

/** The next event, which must arrive within half a minute. */
static plasma_event_t next(plasma_subscription_t *subscription)
{
    plasma_event_t event = PLASMA_EVENT_INIT;

    CHECK_OK(plasma_next_event(subscription, 30000, &event));
    return event;
}

static void check_next(plasma_subscription_t *subscription, int32_t type,
                       uint64_t number, uint64_t size)
{
    plasma_event_t event = next(subscription);
    int64_t now_us = (int64_t)time(NULL) * 1000000;

    CHECK_EQ(event.type, type);
    CHECK(same_id(event.id, id_of(number)));
    CHECK_EQ(event.data_size, size);
    CHECK_EQ(event.lost_count, 0);
    CHECK(event.time_us > now_us - INT64_C(300000000));
    CHECK(event.time_us < now_us + INT64_C(300000000));
}

static void check_none(plasma_subscription_t *subscription)
{
    plasma_event_t event = PLASMA_EVENT_INIT;

    CHECK_STATUS(plasma_next_event(subscription, 0, &event),
                 PLASMA_ERR_TIMEOUT);
}

static void listen(struct process *parent, void *arg)
{
    plasma_client_t *client =
        connect_store(*(const uint32_t *)arg, 0, PLASMA_EVICTION_LRU);
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;

    CHECK_OK(plasma_subscribe(client, &subscription));
    check_none(subscription);
    tell(parent, 's');
    check_next(subscription, PLASMA_EVENT_SEALED, 1, 1000);
    check_next(subscription, PLASMA_EVENT_DELETED, 1, 1000);
    check_next(subscription, PLASMA_EVENT_ABORTED, 2, 5000);
    check_next(subscription, PLASMA_EVENT_SEALED, 4, MIB);
    check_next(subscription, PLASMA_EVENT_SEALED, 3, 0);
    tell(parent, 'e');
    check_next(subscription, PLASMA_EVENT_EVICTED, 4, MIB);
    check_next(subscription, PLASMA_EVENT_SEALED, 2, MIB / 2);
    check_none(subscription);
    int64_t begin = now_ms();
    CHECK_STATUS(plasma_next_event(subscription, 30, &event),
                 PLASMA_ERR_TIMEOUT);
    CHECK(now_ms() - begin >= 29);
    plasma_unsubscribe(subscription);
    plasma_unsubscribe(NULL);
    plasma_disconnect(client);
}

static void test_every_process_hears_all_in_order(void)
{
    uint32_t kinds[] = { PLASMA_CONNECT_EXISTING, PLASMA_CONNECT_READ_ONLY };
    plasma_client_t *client =
        connect_store(PLASMA_CONNECT_EXCLUSIVE, MIB, PLASMA_EVICTION_LRU);
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);
    struct process processes[2];

    put_pattern(client, 9, 10, NULL);
    CHECK_OK(plasma_delete(client, &(plasma_id_t){ { 9 } }));
    for (int at = 0; at < 2; at++) {
        processes[at] = spawn(listen, &kinds[at]);
        hear(&processes[at], 's');
    }
    put_pattern(client, 1, 1000, NULL);
    CHECK_OK(plasma_delete(client, &id));
    id = id_of(2);
    CHECK_OK(plasma_create(client, &id, 5000, NULL, &writable));
    CHECK_OK(plasma_abort(&writable));
    await_sleep(processes[0].pid, processes[0].pid);
    put_pattern(client, 4, MIB, NULL);
    put_pattern(client, 3, 0, NULL);
    hear(&processes[0], 'e');
    hear(&processes[1], 'e');
    put_pattern(client, 2, MIB / 2, NULL);
    finish(&processes[0]);
    finish(&processes[1]);
    plasma_disconnect(client);
}

static void subscribe_and_wait(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_subscription_t *subscription;

    (void)arg;
    CHECK_OK(plasma_subscribe(client, &subscription));
    tell(parent, 's');
    pause();
}

/** Nothing is recorded while nobody subscribes; whoever does hears all from
 * then on, whatever other subscriptions ended before, or with their process. */
static void test_subscriptions_that_end_take_no_events_from_others(void)
{
    plasma_client_t *client = make_store(MIB), *other = join_store();
    plasma_subscription_t *first, *second, *third;

    CHECK_OK(plasma_subscribe(client, &first));
    CHECK_OK(plasma_subscribe(client, &second));
    plasma_unsubscribe(first);
    put_pattern(other, 1, 10, NULL);
    check_next(second, PLASMA_EVENT_SEALED, 1, 10);
    CHECK_OK(plasma_subscribe(other, &first));
    plasma_unsubscribe(second);
    put_pattern(client, 2, 10, NULL);
    check_next(first, PLASMA_EVENT_SEALED, 2, 10);
    plasma_unsubscribe(first);
    put_pattern(client, 3, 10, NULL);

    struct process dead = spawn(subscribe_and_wait, NULL);
    hear(&dead, 's');
    CHECK_OK(plasma_subscribe(other, &third));
    CHECK(kill(dead.pid, SIGKILL) == 0);
    reap_process(&dead);
    CHECK_SOON(plasma_reap(client, &(uint64_t){ 0 }) == PLASMA_OK);
    put_pattern(client, 4, 10, NULL);
    plasma_event_t event = next(third);
    while (event.type == PLASMA_EVENT_LOST) { /* the death of a client */
        event = next(third);
    }
    CHECK_EQ(event.type, PLASMA_EVENT_SEALED);
    CHECK(same_id(event.id, id_of(4)));
    plasma_disconnect(other); /* ends what it subscribed to */
    plasma_unsubscribe(third);
    CHECK_OK(plasma_subscribe(client, &first));
    put_pattern(client, 5, 10, NULL);
    check_next(first, PLASMA_EVENT_SEALED, 5, 10);
    check_none(first);
    plasma_unsubscribe(first);
    plasma_disconnect(client);
}

static void seal_many(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    uint64_t first = *(const uint64_t *)arg;

    tell(parent, 'b');
    for (uint64_t at = 0; at < 1000; at++) {
        plasma_id_t id = id_of(first + at);
        CHECK_OK(plasma_put(client, &id, "x", 1, NULL));
        if (at == 500) {
            tell(parent, 'm');
        }
    }
    plasma_disconnect(client);
}

static void test_a_client_that_subscribes_and_then_lists_misses_nothing(void)
{
    static uint8_t seen[1000];
    plasma_client_t *client = make_store(16 * MIB);
    plasma_event_t event = PLASMA_EVENT_INIT;

    for (uint64_t turn = 0; turn < 4; turn++) {
        plasma_subscription_t *subscription;
        plasma_list_t *list;
        uint64_t first = 10000 * turn, number;
        memset(seen, 0, sizeof seen);
        struct process writer = spawn(seal_many, &first);
        hear(&writer, 'b');
        if (turn % 2) {
            hear(&writer, 'm');
        }
        CHECK_OK(plasma_subscribe(client, &subscription));
        CHECK_OK(plasma_list(client, &list));
        for (uint64_t at = 0; at < plasma_list_count(list); at++) {
            plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
            CHECK_OK(plasma_list_at(list, at, &info));
            memcpy(&number, info.id.bytes, sizeof number);
            if (number >= first && info.state == PLASMA_STATE_SEALED) {
                seen[number - first] = 1;
            }
        }
        plasma_list_free(list);
        finish(&writer);
        while (plasma_next_event(subscription, 0, &event) == PLASMA_OK) {
            CHECK_EQ(event.type, PLASMA_EVENT_SEALED);
            memcpy(&number, event.id.bytes, sizeof number);
            CHECK(number >= first && number < first + 1000);
            seen[number - first] = 1;
        }
        for (int at = 0; at < 1000; at++) {
            CHECK(seen[at]);
        }
        plasma_unsubscribe(subscription);
        CHECK_OK(plasma_reap(client, &(uint64_t){ 0 }));
    }
    plasma_disconnect(client);
}

static void test_each_event_of_many_writers_comes_once_and_in_their_order(void)
{
    plasma_client_t *client = make_store(16 * MIB);
    plasma_subscription_t *subscription;
    uint64_t firsts[4] = { 0, 10000, 20000, 30000 }, last = 0;
    uint64_t heard[4] = { 0, 0, 0 };
    struct process writers[4];

    CHECK_OK(plasma_subscribe(client, &subscription));
    for (int at = 0; at < 4; at++) {
        writers[at] = spawn(seal_many, &firsts[at]);
    }
    for (int count = 0; count < 4000; count++) {
        plasma_event_t event = next(subscription);
        uint64_t number;
        CHECK_EQ(event.type, PLASMA_EVENT_SEALED);
        memcpy(&number, event.id.bytes, sizeof number);
        CHECK(number < 40000);
        CHECK_EQ(number % 10000, heard[number / 10000]);
        heard[number / 10000]++;
        CHECK(count == 0 || event.sequence == last + 1);
        last = event.sequence;
    }
    check_none(subscription);
    for (int at = 0; at < 4; at++) {
        finish(&writers[at]);
    }
    plasma_unsubscribe(subscription);
    plasma_disconnect(client);
}

static void test_a_slow_reader_is_told_how_many_events_were_lost(void)
{
    enum { TURNS = 20000 };
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *other = join_store();
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_id_t id = id_of(1);
    uint64_t heard = 0, lost = 0, notices = 0, before = 0;

    CHECK_OK(plasma_subscribe(client, &subscription));
    for (int turn = 0; turn < TURNS; turn++) {
        CHECK_OK(plasma_put(other, &id, NULL, 0, NULL));
        CHECK_OK(plasma_delete(other, &id));
    }
    event = next(subscription);
    CHECK_EQ(event.type, PLASMA_EVENT_LOST);
    CHECK(event.lost_count > TURNS && event.lost_count < 2 * TURNS);
    CHECK(same_id(event.id, (plasma_id_t){ { 0 } }));
    do {
        if (event.type == PLASMA_EVENT_LOST) {
            lost += event.lost_count;
            notices++;
            before = 0;
        } else {
            CHECK_EQ(event.type, (lost + heard) % 2 ? PLASMA_EVENT_DELETED
                                                    : PLASMA_EVENT_SEALED);
            CHECK(before == 0 || event.sequence == before + 1);
            before = event.sequence;
            heard++;
        }
    } while (plasma_next_event(subscription, 0, &event) == PLASMA_OK);
    CHECK_EQ(heard + lost, 2 * TURNS);
    CHECK_EQ(notices, 1);
    CHECK(heard >= 1000);
    CHECK_OK(plasma_put(other, &id, NULL, 0, NULL));
    check_next(subscription, PLASMA_EVENT_SEALED, 1, 0);
    plasma_unsubscribe(subscription);
    plasma_disconnect(client);
    plasma_disconnect(other);
}

static void write_and_die(struct process *parent, void *arg)
{
    plasma_client_t *client = join_store();
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(1);

    (void)arg;
    CHECK_OK(plasma_create(client, &id, 100, NULL, &writable));
    tell(parent, 'w');
    hear(parent, 'q');
}

static void test_the_death_of_a_creator_is_an_abort(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_subscription_t *subscription;
    int aborted = 0;

    struct process creator = spawn(write_and_die, NULL);
    hear(&creator, 'w');
    CHECK_OK(plasma_subscribe(client, &subscription));
    kill_process(&creator);
    CHECK_OK(plasma_reap(client, &(uint64_t){ 0 }));
    put_pattern(client, 2, 10, NULL);
    for (;;) {
        plasma_event_t event = next(subscription);
        /* The events that the dead client was about to append may be lost. */
        if (event.type == PLASMA_EVENT_ABORTED) {
            CHECK(same_id(event.id, id_of(1)));
            aborted++;
        } else if (event.type == PLASMA_EVENT_SEALED) {
            CHECK(same_id(event.id, id_of(2)));
            break;
        } else {
            CHECK_EQ(event.type, PLASMA_EVENT_LOST);
        }
    }
    CHECK_EQ(aborted, 1);
    check_none(subscription);
    plasma_unsubscribe(subscription);
    plasma_disconnect(client);
}

static void test_a_subscription_ends_with_its_client(void)
{
    plasma_client_t *client = make_store(MIB);
    plasma_client_t *other = join_store();
    plasma_subscription_t *subscription;
    plasma_event_t event = PLASMA_EVENT_INIT;

    CHECK_OK(plasma_subscribe(client, &subscription));
    plasma_disconnect(client);
    CHECK_STATUS(plasma_next_event(subscription, 0, &event),
                 PLASMA_ERR_DISCONNECTED);
    CHECK_STATUS(plasma_next_event(subscription, -1, &event),
                 PLASMA_ERR_DISCONNECTED);
    plasma_unsubscribe(subscription);
    plasma_disconnect(other);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(every_process_hears_all_in_order),
        TEST(a_client_that_subscribes_and_then_lists_misses_nothing),
        TEST(subscriptions_that_end_take_no_events_from_others),
        TEST(each_event_of_many_writers_comes_once_and_in_their_order),
        TEST(a_slow_reader_is_told_how_many_events_were_lost),
        TEST(the_death_of_a_creator_is_an_abort),
        TEST(a_subscription_ends_with_its_client),
    };
    return RUN_TESTS(argc, argv, tests);
}
