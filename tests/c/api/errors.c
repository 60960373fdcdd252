/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Failures: names, messages and errno, for each thread separately.
 */

#include "system.h"

static void test_every_number_has_a_name(void)
{
    static const char *const names[] = {
        "PLASMA_OK", "PLASMA_ERR_INVALID_ARGUMENT", "PLASMA_ERR_NOT_FOUND",
        "PLASMA_ERR_EXISTS", "PLASMA_ERR_NAME_EXISTS", "PLASMA_ERR_NOT_SEALED",
        "PLASMA_ERR_SEALED", "PLASMA_ERR_TIMEOUT", "PLASMA_ERR_ABORTED",
        "PLASMA_ERR_OUT_OF_MEMORY", "PLASMA_ERR_TOO_LARGE", "PLASMA_ERR_LIMIT",
        "PLASMA_ERR_READ_ONLY", "PLASMA_ERR_PERMISSION",
        "PLASMA_ERR_STORE_NOT_FOUND", "PLASMA_ERR_STORE_EXISTS",
        "PLASMA_ERR_NOT_A_STORE", "PLASMA_ERR_MISMATCH", "PLASMA_ERR_VERSION",
        "PLASMA_ERR_CORRUPT", "PLASMA_ERR_STORE_GONE", "PLASMA_ERR_FORKED",
        "PLASMA_ERR_DISCONNECTED", "PLASMA_ERR_INTERRUPTED",
        "PLASMA_ERR_UNSUPPORTED", "PLASMA_ERR_SYSTEM", "PLASMA_ERR_INTERNAL",
    };
    const int32_t count = sizeof names / sizeof *names;
    uint64_t other = 0;

    for (int32_t at = 0; at < count; at++) {
        CHECK_TEXT(plasma_status_name(-at), names[at]);
    }
    CHECK_EQ(PLASMA_ERR_INTERNAL, -26);
    CHECK_TEXT(plasma_status_name(INT32_MIN), "PLASMA_ERR_UNKNOWN");
    CHECK_TEXT(plasma_status_name(INT32_MAX), "PLASMA_ERR_UNKNOWN");
    for (int64_t status = INT32_MIN; status <= INT32_MAX; status += 4093) {
        other += strcmp(plasma_status_name((int32_t)status),
                        "PLASMA_ERR_UNKNOWN") == 0;
    }
    CHECK(other >= (UINT64_C(1) << 32) / 4093 - 1);
    for (int32_t status = -1000; status <= 1000; status++) {
        CHECK(strncmp(plasma_status_name(status), "PLASMA_", 7) == 0);
    }
}

static void test_a_message_stays_until_the_next_failure(void)
{
    plasma_client_t *client = NULL;
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;
    char text[1024];

    CHECK_TEXT(plasma_error_message(), "no error");
    CHECK_EQ(plasma_error_errno(), 0);
    CHECK_STATUS(connect_to(store(), PLASMA_CONNECT_EXISTING, &client),
                 PLASMA_ERR_STORE_NOT_FOUND);
    CHECK(strlen(plasma_error_message()) < sizeof text);
    strcpy(text, plasma_error_message());
    CHECK(strstr(text, store()) != NULL);
    client = make_store(1 << 20);
    put_pattern(client, 2, 10, NULL);
    CHECK_TEXT(plasma_error_message(), text);
    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_FOUND);
    CHECK(strcmp(plasma_error_message(), text) != 0);
    CHECK(strlen(plasma_error_message()) > 0);
    CHECK_STATUS(plasma_get(client, &id, 1, &buffer), PLASMA_ERR_TIMEOUT);
    CHECK_STATUS(plasma_get(client, NULL, 1, &buffer),
                 PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_MESSAGE("id");
    plasma_disconnect(client);
}

static void test_errno_comes_with_failures_of_the_system_only(void)
{
    plasma_client_t *client = NULL;
    plasma_id_t id = id_of(1);
    plasma_buffer_t buffer;

    if (!as_root()) {
        return;
    }
    private_mounts();
    mount_at(store(), "tmpfs", "size=16k");
    CHECK_STATUS(connect_to(in_dir(store(), "store"), 0, &client),
                 PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_EQ(plasma_error_errno(), ENOSPC);
    CHECK(umount(store()) == 0 && rmdir(store()) == 0);
    client = make_store(1 << 20);
    CHECK_EQ(plasma_error_errno(), ENOSPC); /* success leaves it alone */
    CHECK_STATUS(plasma_get(client, &id, 0, &buffer), PLASMA_ERR_NOT_FOUND);
    CHECK_EQ(plasma_error_errno(), 0);
    plasma_disconnect(client);
}

static void *fail_elsewhere(void *arg)
{
    plasma_id_t id;

    CHECK_TEXT(plasma_error_message(), "no error");
    CHECK_STATUS(plasma_id_from_hex("x", &id), PLASMA_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(plasma_error_message(), arg) != 0);
    return NULL;
}

static void test_each_thread_has_its_own_message(void)
{
    char text[1024];
    pthread_t thread;

    CHECK_CONNECT(store(), PLASMA_CONNECT_EXISTING, PLASMA_ERR_STORE_NOT_FOUND);
    strcpy(text, plasma_error_message());
    CHECK(pthread_create(&thread, NULL, fail_elsewhere, text) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_TEXT(plasma_error_message(), text);
}

/** Odd bytes in the address cannot break the message. */
static void test_a_long_or_odd_address_gives_a_message_of_bounded_length(void)
{
    char path[3500];

    for (size_t at = 0; at < sizeof path - 1; at++) {
        path[at] = at % 100 == 0 ? '/' : "%s%n\n\x01\""[at % 7];
    }
    path[sizeof path - 1] = '\0';
    CHECK_CONNECT(path, PLASMA_CONNECT_EXISTING, PLASMA_ERR_STORE_NOT_FOUND);
    CHECK(strlen(plasma_error_message()) <= 1023);
    CHECK(strlen(plasma_error_message()) > 100);
}

static void test_versions_agree(void)
{
    char text[32];

    CHECK_EQ(plasma_version(), PLASMA_VERSION_NUM);
    CHECK_EQ(plasma_version(), PLASMA_VERSION_MAJOR << 16
                                   | PLASMA_VERSION_MINOR << 8
                                   | PLASMA_VERSION_PATCH);
    snprintf(text, sizeof text, "%d.%d.%d", PLASMA_VERSION_MAJOR,
             PLASMA_VERSION_MINOR, PLASMA_VERSION_PATCH);
    CHECK_TEXT(plasma_version_string(), text);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(every_number_has_a_name),
        TEST(a_message_stays_until_the_next_failure),
        TEST(errno_comes_with_failures_of_the_system_only),
        TEST(each_thread_has_its_own_message),
        TEST(a_long_or_odd_address_gives_a_message_of_bounded_length),
        TEST(versions_agree),
    };
    return RUN_TESTS(argc, argv, tests);
}
