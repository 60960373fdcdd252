/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stores whose files have another version, or are truncated, replaced or
 * damaged. A child opens each one, and must not end by a signal.
 */

#include "system.h"

/* Offsets of the index's identity; a golden test fixes the layout. */
enum { MAGIC_AT = 0, VERSION_AT = 8, FINGERPRINT_AT = 16 };

enum { OBJECTS = 8 };

/** Make a store with a few objects, one of them deleted. */
static void make_victim(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    plasma_id_t id = id_of(3);
    char name[] = "object-0";

    options.capacity = 1 << 20;
    options.max_objects = 64;
    CHECK_OK(plasma_connect(store(), &options, &client));
    for (uint64_t at = 0; at < OBJECTS; at++) {
        name[7] = (char)('0' + at);
        put_pattern(client, at, at * 1000, name);
    }
    CHECK_OK(plasma_delete(client, &id));
    plasma_disconnect(client);
}

static void test_another_layout_is_a_version(void)
{
    const char *index = in_dir(store(), "index");
    uint64_t magic, fingerprint;
    uint32_t version, other;

    make_victim();
    read_at(index, VERSION_AT, &version, sizeof version);
    for (other = 0; other < 4; other++) {
        if (other != version) {
            write_at(index, VERSION_AT, &other, sizeof other);
            CHECK_CONNECT(store(), 0, PLASMA_ERR_VERSION);
            CHECK_CONNECT(store(), PLASMA_CONNECT_READ_ONLY, PLASMA_ERR_VERSION);
            CHECK_STATUS(plasma_store_remove(store()), PLASMA_ERR_VERSION);
            CHECK(strpbrk(plasma_error_message(), "0123456789") != NULL);
        }
    }
    write_at(index, VERSION_AT, &version, sizeof version);
    CHECK_CONNECT(store(), 0, PLASMA_OK);

    read_at(index, FINGERPRINT_AT, &fingerprint, sizeof fingerprint);
    fingerprint ^= 1;
    write_at(index, FINGERPRINT_AT, &fingerprint, sizeof fingerprint);
    CHECK_CONNECT(store(), 0, PLASMA_ERR_VERSION);
    CHECK_STATUS(plasma_store_remove(store()), PLASMA_ERR_VERSION);
    fingerprint ^= 1;
    write_at(index, FINGERPRINT_AT, &fingerprint, sizeof fingerprint);

    read_at(index, MAGIC_AT, &magic, sizeof magic);
    magic ^= 1;
    write_at(index, MAGIC_AT, &magic, sizeof magic);
    CHECK_CONNECT(store(), 0, PLASMA_ERR_NOT_A_STORE);
    CHECK_STATUS(plasma_store_remove(store()), PLASMA_ERR_NOT_A_STORE);
    magic ^= 1;
    write_at(index, MAGIC_AT, &magic, sizeof magic);
    CHECK_CONNECT(store(), 0, PLASMA_OK);
}

static void cut_to(const char *name, off_t size, plasma_status_t other)
{
    const char *path = in_dir(store(), name);
    off_t whole = size_of_file(path);
    char saved[64];

    read_at(path, 0, saved, sizeof saved);
    CHECK(truncate(path, size) == 0);
    const uint32_t flags[] = { 0, PLASMA_CONNECT_READ_ONLY };
    for (int at = 0; at < 2; at++) {
        plasma_client_t *client = NULL;
        CHECK_EITHER(connect_to(store(), flags[at], &client),
                     PLASMA_ERR_CORRUPT, other);
        CHECK(client == NULL);
        CHECK(strlen(plasma_error_message()) > 20);
    }
    CHECK_EITHER(plasma_store_remove(store()), PLASMA_ERR_CORRUPT, other);
    CHECK(is_there(path));
    CHECK(truncate(path, whole) == 0);
}

static void test_files_of_another_length_are_corrupt(void)
{
    const char *const names[] = { "index", "heap", "wake" };

    make_victim();
    for (int at = 0; at < 3; at++) {
        off_t whole = size_of_file(in_dir(store(), names[at]));
        cut_to(names[at], whole + 1, PLASMA_ERR_CORRUPT);
        cut_to(names[at], whole + 4096, PLASMA_ERR_CORRUPT);
        cut_to(names[at], whole - 1, PLASMA_ERR_CORRUPT);
        cut_to(names[at], whole - 4096, PLASMA_ERR_CORRUPT);
        cut_to(names[at], 4096, PLASMA_ERR_CORRUPT);
    }
    /* It grows with the leases of clients. */
    off_t whole = size_of_file(in_dir(store(), "members"));
    cut_to("members", whole - 1, PLASMA_ERR_CORRUPT);
    cut_to("members", 4096, PLASMA_ERR_CORRUPT);
    CHECK_CONNECT(store(), 0, PLASMA_OK);
    cut_to("heap", 0, PLASMA_ERR_CORRUPT);
    cut_to("wake", 0, PLASMA_ERR_CORRUPT);
    CHECK_OK(plasma_store_remove(store()));
    make_victim();
    cut_to("index", 64, PLASMA_ERR_NOT_A_STORE);
    cut_to("index", 0, PLASMA_ERR_NOT_A_STORE);
    remove_all(store());
}

/** The store is refused as it is; afterwards it works as before. */
static void refused(plasma_status_t one, plasma_status_t other)
{
    const uint32_t flags[] = { 0, PLASMA_CONNECT_READ_ONLY };

    for (int at = 0; at < 2; at++) {
        plasma_client_t *client = NULL;
        CHECK_EITHER(connect_to(store(), flags[at], &client), one, other);
        CHECK(client == NULL);
    }
    CHECK_EITHER(plasma_store_remove(store()), one, other);
}

static void test_files_that_are_missing_or_something_else_are_refused(void)
{
    const char *const names[] = { "index", "heap", "wake", "members", "locks" };
    const char *aside = in_dir(check_dir, "aside");

    make_victim();
    for (int at = 0; at < 5; at++) {
        const char *path = in_dir(store(), names[at]);
        CHECK(rename(path, aside) == 0);
        refused(PLASMA_ERR_CORRUPT, PLASMA_ERR_NOT_A_STORE);
        if (at < 4) { /* through a link to locks/, the files in it are the right ones */
            CHECK(symlink(aside, path) == 0);
            refused(PLASMA_ERR_CORRUPT, PLASMA_ERR_NOT_A_STORE);
            CHECK(unlink(path) == 0);
        }
        CHECK(mkfifo(path, 0600) == 0);
        refused(PLASMA_ERR_CORRUPT, PLASMA_ERR_NOT_A_STORE);
        CHECK(unlink(path) == 0);
        if (at < 4) {
            CHECK(mkdir(path, 0700) == 0);
            refused(PLASMA_ERR_CORRUPT, PLASMA_ERR_NOT_A_STORE);
            CHECK(rmdir(path) == 0);
        } else {
            make_file(path, "a file");
            refused(PLASMA_ERR_CORRUPT, PLASMA_ERR_NOT_A_STORE);
            CHECK(unlink(path) == 0);
        }
        CHECK(rename(aside, path) == 0);
        CHECK_CONNECT(store(), 0, PLASMA_OK);
    }
}

static void test_files_whose_owner_or_mode_was_changed_are_refused(void)
{
    const char *const names[] = { "index", "heap", "wake", "members" };

    make_victim();
    for (int at = 0; at < 4; at++) {
        const char *path = in_dir(store(), names[at]);
        CHECK(chmod(path, 0666) == 0);
        refused(PLASMA_ERR_PERMISSION, PLASMA_ERR_NOT_A_STORE);
        CHECK(chmod(path, 0600) == 0);
        if (as_root()) {
            CHECK(chown(path, STRANGER, STRANGER) == 0);
            refused(PLASMA_ERR_PERMISSION, PLASMA_ERR_NOT_A_STORE);
            CHECK(chown(path, 0, 0) == 0);
        }
    }
    CHECK(chmod(store(), 0777) == 0);
    refused(PLASMA_ERR_PERMISSION, PLASMA_ERR_NOT_A_STORE);
    CHECK(chmod(store(), 0700) == 0);
    CHECK_CONNECT(store(), 0, PLASMA_OK);
}

/* ---- Damage ---- */

static volatile unsigned read_sum;

static void read_all(const uint8_t *data, uint64_t size)
{
    for (uint64_t at = 0; at < size; at++) {
        read_sum += data[at];
    }
}

/** Use everything in a store that may be corrupt; any status is allowed. */
static void use_with(uint32_t flags)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_create_options_t create = PLASMA_CREATE_OPTIONS_INIT;
    plasma_client_t *client = NULL;
    plasma_mutable_buffer_t writable;
    plasma_buffer_t buffer;
    plasma_list_t *list;
    plasma_client_list_t *clients;
    plasma_stats_t stats = PLASMA_STATS_INIT;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    char name[] = "object-0";
    uint64_t number;

    options.flags = flags;
    options.lock_timeout_ms = 200;
    if (plasma_connect(store(), &options, &client) != PLASMA_OK) {
        return;
    }
    for (uint64_t at = 0; at < OBJECTS + 2; at++) {
        plasma_id_t id = id_of(at);
        name[7] = (char)('0' + at);
        for (int by_name = 0; by_name < 2; by_name++) {
            if ((by_name ? plasma_get_by_name(client, name, 0, &buffer)
                         : plasma_get(client, &id, 0, &buffer)) == PLASMA_OK) {
                const void *value;
                read_all(buffer.data, buffer.size);
                plasma_buffer_info(&buffer, &info);
                plasma_get_metadata(&buffer, "format", &value, &number);
                CHECK_OK(plasma_release(&buffer));
            }
        }
    }
    if (plasma_list(client, &list) == PLASMA_OK) {
        CHECK(plasma_list_count(list) <= 64);
        plasma_list_free(list);
    }
    if (plasma_list_clients(client, &clients) == PLASMA_OK) {
        plasma_client_list_free(clients);
    }
    plasma_stats(client, &stats);
    plasma_id_t first = id_of(1), new = id_of(100);
    create.name = "new";
    if (plasma_create(client, &new, 5000, &create, &writable) == PLASMA_OK) {
        memset(writable.data, 1, writable.size);
        if (plasma_resize(&writable, 9000) == PLASMA_OK) {
            memset(writable.data, 2, writable.size);
        }
        plasma_set_metadata(&writable, "format", "binary", 6);
        if (plasma_seal_and_get(&writable, &buffer) == PLASMA_OK) {
            read_all(buffer.data, buffer.size);
            CHECK_OK(plasma_release(&buffer));
        }
    }
    plasma_delete(client, &first);
    plasma_reap(client, &number);
    plasma_evict(client, 1000, &number);
    plasma_trim(client, 0, &number);
    plasma_put(client, &first, name, sizeof name, NULL);
    plasma_disconnect(client);
}

static void use_damaged(struct process *parent, void *arg)
{
    (void)parent;
    (void)arg;
    alarm(20);
    use_with(PLASMA_CONNECT_READ_ONLY);
    use_with(PLASMA_CONNECT_EXISTING);
}

/** The index of a store, saved to restore it after a child has damaged it. */
struct copy {
    char path[700];
    uint8_t *bytes;
    size_t size;
};

static struct copy copy_of(const char *name)
{
    struct copy copy;

    snprintf(copy.path, sizeof copy.path, "%s/%s", store(), name);
    copy.size = (size_t)size_of_file(copy.path);
    copy.bytes = malloc(copy.size);
    CHECK(copy.bytes != NULL);
    read_at(copy.path, 0, copy.bytes, copy.size);
    return copy;
}

/** Use the store with `size` bytes of a file replaced. */
static void with_damage(struct copy *copy, size_t at, const void *bytes,
                        size_t size)
{
    if (!is_there(copy->path)) {
        /* One flipped bit may mean that the store was removed. */
        free(copy->bytes);
        make_victim();
        *copy = copy_of("index");
    }
    write_at(copy->path, 0, copy->bytes, copy->size);
    write_at(copy->path, (off_t)at, bytes, size);
    int status = run_child(use_damaged, NULL);
    if (status != 0) {
        fprintf(stderr, "with %zu bytes changed at %zu of %s\n", size, at,
                copy->path);
    }
    CHECK_EQ(status, 0);
}

static uint64_t random_word(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void test_no_flipped_bit_of_the_header_crashes(void)
{
    make_victim();
    struct copy index = copy_of("index");

    /* All words that are written once or change often, and some of the
     * bins. */
    for (size_t at = 0; at < 4096; at += at < 704 ? 1 : 16) {
        uint8_t byte = index.bytes[at] ^ (uint8_t)(1u << random_word() % 8);
        with_damage(&index, at, &byte, 1);
    }
    write_at(index.path, 0, index.bytes, index.size);
    CHECK_CONNECT(store(), 0, PLASMA_OK);
    free(index.bytes);
}

static void test_no_nonsense_in_the_index_crashes(void)
{
    make_victim();
    struct copy index = copy_of("index");

    for (int round = 0; round < 600; round++) {
        uint64_t words[8];
        size_t used = 0, at;
        /* Half of the rounds hit a word that is in use. */
        do {
            at = random_word() % (index.size / 8 - 8) * 8;
            memcpy(words, index.bytes + at, sizeof words);
        } while (words[0] == 0 && round % 2 == 0 && ++used < 100000);
        size_t size = round % 10 == 0 ? 64 : 8;
        for (int word = 0; word < 8; word++) {
            switch (random_word() % 5) {
            case 0: words[word] = 0; break;
            case 1: words[word] = UINT64_MAX; break;
            case 2: words[word] += random_word() % 65 - 32; break;
            case 3: words[word] ^= (uint64_t)1 << random_word() % 64; break;
            default: words[word] = random_word(); break;
            }
        }
        with_damage(&index, at, words, size);
    }
    write_at(index.path, 0, index.bytes, index.size);
    CHECK_CONNECT(store(), 0, PLASMA_OK);
    free(index.bytes);
}

static void test_no_nonsense_in_wake_loses_an_object(void)
{
    make_victim();
    struct copy wake = copy_of("wake");

    for (size_t at = 0; at < wake.size; at++) {
        wake.bytes[at] = (uint8_t)random_word();
    }
    write_at(wake.path, 0, wake.bytes, wake.size);
    plasma_client_t *client = join_store();
    for (uint64_t at = 0; at < OBJECTS; at++) {
        if (at != 3) {
            plasma_buffer_t buffer = get_pattern(client, at, at * 1000);
            CHECK_OK(plasma_release(&buffer));
        }
    }
    put_pattern(client, 100, 100, NULL);
    plasma_disconnect(client);
    free(wake.bytes);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(another_layout_is_a_version),
        TEST(files_of_another_length_are_corrupt),
        TEST(files_that_are_missing_or_something_else_are_refused),
        TEST(files_whose_owner_or_mode_was_changed_are_refused),
        TEST(no_flipped_bit_of_the_header_crashes),
        TEST(no_nonsense_in_the_index_crashes),
        TEST(no_nonsense_in_wake_loses_an_object),
    };
    return RUN_TESTS(argc, argv, tests);
}
