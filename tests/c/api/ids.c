/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ids from bytes, from hexadecimal digits and at random.
 */

#include "check.h"

static void test_bytes_are_padded_with_zeros(void)
{
    const uint8_t bytes[PLASMA_ID_SIZE] = "exactly twenty byte";
    plasma_id_t id;

    for (size_t n = 0; n <= PLASMA_ID_SIZE; n++) {
        memset(&id, 0x5a, sizeof id);
        CHECK_OK(plasma_id_from_bytes(bytes, n, &id));
        for (size_t at = 0; at < PLASMA_ID_SIZE; at++) {
            CHECK_EQ(id.bytes[at], at < n ? bytes[at] : 0);
        }
    }
}

static void test_digits_go_there_and_back(void)
{
    static const char lower[] = "00010203ffabcdef8877665544332211deadbeef";
    static const char mixed[] = "00010203FFabCDef8877665544332211DEADbeef";
    char text[PLASMA_ID_HEX_SIZE + 1];
    plasma_id_t id, other;

    CHECK_OK(plasma_id_from_hex(lower, &id));
    CHECK_EQ(id.bytes[0], 0);
    CHECK_EQ(id.bytes[3], 3);
    CHECK_EQ(id.bytes[4], 0xff);
    CHECK_EQ(id.bytes[19], 0xef);
    text[PLASMA_ID_HEX_SIZE] = '!'; /* past the size that is passed */
    CHECK_OK(plasma_id_to_hex(&id, text));
    CHECK_TEXT(text, lower);
    CHECK_EQ(text[PLASMA_ID_HEX_SIZE], '!');
    CHECK_OK(plasma_id_from_hex(mixed, &other));
    CHECK(same_id(id, other));
}

static void test_random_ids_differ_in_every_bit(void)
{
    enum { MANY = 1000 };
    static plasma_id_t ids[MANY];

    for (int at = 0; at < MANY; at++) {
        CHECK_OK(plasma_id_random(&ids[at]));
        for (int before = 0; before < at; before++) {
            CHECK(!same_id(ids[at], ids[before]));
        }
    }
    for (int bit = 0; bit < PLASMA_ID_SIZE * 8; bit++) {
        int set = 0;
        for (int at = 0; at < MANY; at++) {
            set += ids[at].bytes[bit / 8] >> bit % 8 & 1;
        }
        CHECK(set > MANY / 4 && set < MANY * 3 / 4);
    }
}

static void test_the_id_of_all_zeros_is_like_any_other(void)
{
    plasma_client_t *client = make_store(1 << 20);
    plasma_id_t zero, ones;
    plasma_buffer_t buffer;

    memset(&zero, 0, sizeof zero);
    memset(&ones, 0xff, sizeof ones);
    CHECK_STATUS(plasma_get(client, &zero, 0, &buffer), PLASMA_ERR_NOT_FOUND);
    CHECK_OK(plasma_put(client, &zero, "zero", 4, NULL));
    CHECK_OK(plasma_put(client, &ones, "ones", 4, NULL));
    CHECK_OK(plasma_get(client, &zero, 0, &buffer));
    CHECK(memcmp(buffer.data, "zero", 4) == 0);
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_delete(client, &zero));
    CHECK_STATUS(plasma_get(client, &zero, 0, &buffer), PLASMA_ERR_NOT_FOUND);
    CHECK_OK(plasma_get(client, &ones, 0, &buffer));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(bytes_are_padded_with_zeros),
        TEST(digits_go_there_and_back),
        TEST(random_ids_differ_in_every_bit),
        TEST(the_id_of_all_zeros_is_like_any_other),
    };
    return RUN_TESTS(argc, argv, tests);
}
