/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A tmpfs of every awkward size, and one that another process has filled up to
 * any number of pages: every operation succeeds or says that there is no room,
 * no access faults, no byte is lost, and when room returns everything works.
 * Needs root. PLASMA_LONG tries every size.
 */

#include "check.h"

#include "everything.h"

#include <sys/statvfs.h>

enum { PAGE = 4096 };

static const char *address, *ballast;

/** Counts for the report. */
static struct {
    long sizes;   /* of the file system, or of the room left in it */
    long stores;  /* that could be made */
    long calls;
    long refused;
} count;

static int is_long(void)
{
    return getenv("PLASMA_LONG") != NULL;
}

static void report(const char *what)
{
    printf("%s: %ld sizes, %ld stores, %ld calls, %ld found no room\n", what,
           count.sizes, count.stores, count.calls, count.refused);
    memset(&count, 0, sizeof count);
}

static void small_mount(const char *options)
{
    mount_at(store(), "tmpfs", options);
    address = in_dir(store(), "store");
    ballast = in_dir(store(), "ballast");
}

static void grow_mount(const char *options)
{
    CHECK(mount("tmpfs", store(), "tmpfs", MS_REMOUNT, options) == 0);
}

static void end_mount(void)
{
    CHECK(umount(store()) == 0 && rmdir(store()) == 0);
}

static plasma_status_t connect_small(uint64_t capacity, uint64_t max_objects,
                                     uint32_t eviction, plasma_client_t **client)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;

    *client = NULL;
    options.capacity = capacity;
    options.max_objects = max_objects;
    options.eviction = eviction;
    options.mode = 0640; /* with all directories */
    return plasma_connect(address, &options, client);
}

static void use(plasma_client_t *client, int may_run_out)
{
    struct outcome outcome = { 0, 0, 0 };

    outcome.may_run_out = may_run_out;
    do_everything(client, address, 100, 3000, &outcome);
    count.calls += outcome.calls;
    count.refused += outcome.refused;
}

/** All operations in a store on the mounted file system; then again with
 * room. */
static void try_mount(uint64_t capacity, const char *more)
{
    plasma_client_t *client;
    plasma_buffer_t held;
    plasma_id_t id = id_of(1);
    static uint8_t data[5000];
    int kept;

    fill(data, sizeof data, 1);
    count.sizes++;
    plasma_status_t made = connect_small(capacity, 64, 0, &client);
    if (made != PLASMA_OK) {
        CHECK_STATUS(made, PLASMA_ERR_OUT_OF_MEMORY);
        CHECK(strlen(plasma_error_message()) > 20);
        /* A store was made, or nothing of it remains. */
        CHECK(is_there(address) || entries(store()) == 0);
        if (is_there(address)) {
            CHECK_OK(plasma_store_remove(address));
        }
        grow_mount(more);
        CHECK_OK(connect_small(capacity, 64, 0, &client));
        use(client, 0);
        check_sound(client);
        plasma_disconnect(client);
        return;
    }
    count.stores++;
    kept = plasma_put(client, &id, data, sizeof data, NULL) == PLASMA_OK;
    if (kept) {
        CHECK_OK(plasma_get(client, &id, 0, &held));
    }
    use(client, 1);
    check_sound(client);
    grow_mount(more);
    use(client, 0);
    if (kept) {
        CHECK(held.size == sizeof data && is_filled(held.data, held.size, 1));
        CHECK_OK(plasma_release(&held));
        CHECK_OK(plasma_delete(client, &id));
    }
    CHECK_EQ(used_after_reap(client), 0);
    check_sound(client);
    plasma_disconnect(client);
}

static void test_every_number_of_pages(void)
{
    char options[64];

    if (!as_root()) {
        return;
    }
    private_mounts();
    fail_at_faults();
    /* A small store takes about 260 pages with its first object. */
    for (int pages = 1; pages < (is_long() ? 4200 : 420);
         pages += is_long() || (pages > 200 && pages < 300) ? 1 : 13) {
        snprintf(options, sizeof options, "size=%dk", pages * 4);
        small_mount(options);
        try_mount(pages % 2 == 0 || pages < 16 ? 64 << 10 : (uint64_t)pages * PAGE,
                  "size=64m");
        end_mount();
    }
    report("pages");
}

static void test_every_number_of_inodes(void)
{
    char options[64];

    if (!as_root()) {
        return;
    }
    private_mounts();
    fail_at_faults();
    for (int inodes = 2; inodes < 24; inodes++) {
        snprintf(options, sizeof options, "size=8m,nr_inodes=%d", inodes);
        small_mount(options);
        try_mount(1 << 20, "size=64m,nr_inodes=1000");
        end_mount();
    }
    report("inodes");
}

static void test_huge_pages_of_every_kind(void)
{
    const char *const kinds[] = { "always", "within_size", "advise", "never" };
    char options[64];

    if (!as_root()) {
        return;
    }
    private_mounts();
    fail_at_faults();
    for (int kind = 0; kind < 4; kind++) {
        for (int kib = 900; kib < 10000; kib += is_long() ? 28 : 508) {
            snprintf(options, sizeof options, "size=%dk,huge=%s", kib, kinds[kind]);
            CHECK(mkdir(store(), 0755) == 0);
            if (mount("tmpfs", store(), "tmpfs", 0, options) != 0) {
                CHECK(rmdir(store()) == 0);
                skip_test("this kernel has no huge pages in tmpfs");
                return;
            }
            address = in_dir(store(), "store");
            try_mount(kib % 8 == 0 ? 256 << 10 : (uint64_t)kib << 9, "size=64m");
            end_mount();
        }
    }
    report("huge pages");
}

/* ---- Another process fills it ---- */

/** Take all but this number of pages. */
static void leave_room(unsigned long pages)
{
    struct statvfs room;
    int fd = open(ballast, O_WRONLY | O_CREAT, 0600);

    CHECK(fd >= 0 && statvfs(store(), &room) == 0);
    CHECK(room.f_bfree >= pages);
    unsigned long size = (room.f_bfree - pages) * PAGE;
    CHECK(size == 0 || syscall(SYS_fallocate, fd, 0, 0L, (long)size) == 0);
    CHECK(statvfs(store(), &room) == 0 && room.f_bfree == pages);
    CHECK(close(fd) == 0);
}

/** Objects that stay: sealed ones and an unsealed one; and gets of one of
 * them. */
enum { HELD = 1500 };

static plasma_buffer_t held[HELD];

static size_t hold_many(plasma_client_t *client)
{
    plasma_id_t id = id_of(1000000);
    size_t many = 0;

    while (many < HELD) {
        count.calls++;
        plasma_status_t status = plasma_get(client, &id, 0, &held[many]);
        if (status != PLASMA_OK) {
            CHECK_STATUS(status, PLASMA_ERR_OUT_OF_MEMORY);
            count.refused++;
            break;
        }
        many++;
    }
    return many;
}

/** All operations with this number of pages left, in a store with enough
 * objects that its tables have to grow; one in `every` is a gap. */
static void try_room(unsigned long pages, uint64_t objects, uint64_t every,
                     uint32_t eviction)
{
    plasma_client_t *client;
    plasma_mutable_buffer_t writable;
    plasma_id_t id = id_of(2000000);

    count.sizes++;
    count.stores++;
    CHECK_OK(connect_small(8 << 20, 20000, eviction, &client));
    for (uint64_t at = 0; at < objects; at++) {
        plasma_id_t small = id_of(1000000 + at);
        CHECK_OK(plasma_put(client, &small, &at, 8, NULL));
    }
    for (uint64_t at = 0; at < objects; at++) {
        plasma_id_t small = id_of(1000000 + at);
        if (every != 0 && at % every == 1) {
            CHECK_OK(plasma_delete(client, &small)); /* many gaps */
        }
    }
    CHECK_OK(plasma_create(client, &id, 700, NULL, &writable));
    fill(writable.data, 700, 5);
    leave_room(pages);
    size_t many = hold_many(client);
    use(client, 1);
    count.calls++;
    plasma_status_t grown = plasma_resize(&writable, 6 << 20);
    if (grown != PLASMA_OK) {
        CHECK_STATUS(grown, PLASMA_ERR_OUT_OF_MEMORY);
        count.refused++;
    } else {
        memset(writable.data + 700, 7, (6 << 20) - 700);
    }
    CHECK(is_filled(writable.data, 700, 5));
    use(client, 1);
    check_sound(client);
    CHECK(unlink(ballast) == 0);
    CHECK_OK(plasma_resize(&writable, 6 << 20));
    CHECK(is_filled(writable.data, 700, 5));
    CHECK_OK(plasma_abort(&writable));
    use(client, 0);
    for (uint64_t at = 0; at < objects && eviction == 0; at++) {
        uint64_t number = at;
        plasma_id_t small = id_of(1000000 + at);
        plasma_buffer_t buffer;
        if (every != 0 && at % every == 1) {
            CHECK_EQ(state_of(client, 1000000 + at), PLASMA_STATE_ABSENT);
            continue;
        }
        CHECK_OK(plasma_get(client, &small, 0, &buffer));
        CHECK(buffer.size == 8 && memcmp(buffer.data, &number, 8) == 0);
        CHECK_OK(plasma_release(&buffer));
    }
    CHECK_OK(plasma_release_many(held, many));
    check_sound(client);
    plasma_disconnect(client);
    CHECK_OK(plasma_store_remove(address));
}

static void try_rooms(uint64_t objects, uint64_t every, uint32_t eviction,
                      const char *what)
{
    if (!as_root()) {
        return;
    }
    private_mounts();
    fail_at_faults();
    small_mount("size=24m");
    /* Beyond this everything fits: 3 chunks of 4 MiB, and the growth of the
     * tables. */
    for (unsigned long pages = 0; pages < 2400; pages++) {
        /* Tables grow by up to 48 pages, the heap by chunks of 1024. */
        int near = pages < 150 || pages % 1024 < 8 || pages % 1024 > 1016;
        if (is_long() ? near || pages % 16 == 0
                      : pages < 40 ? pages % 3 == 0 : pages % 97 == 40) {
            try_room(pages, objects, every, eviction);
        }
    }
    end_mount();
    report(what);
}

static void test_records_grow_into_any_room(void)
{
    try_rooms(1022, 0, 0, "records");
}

static void test_blocks_grow_into_any_room(void)
{
    try_rooms(4095, 2, 0, "blocks");
}

static void test_eviction_finds_room_in_any_room(void)
{
    try_rooms(1022, 0, PLASMA_EVICTION_LRU, "eviction");
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(every_number_of_pages),
        TEST(every_number_of_inodes),
        TEST(huge_pages_of_every_kind),
        TEST(records_grow_into_any_room),
        TEST(blocks_grow_into_any_room),
        TEST(eviction_finds_room_in_any_room),
    };
    return RUN_TESTS(argc, argv, tests);
}
