/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * reload LIBRARY TIMES: loaded and unloaded; valgrind says whether something is left of it.
 */
#include "loaded.h"

int main(int argc, char **argv)
{
    int times = argc > 2 ? atoi(argv[2]) : 0;

    CHECK(times > 0);
    for (; times > 0; times--) {
        load(argv[1]);
        CHECK(plasma->version() == PLASMA_VERSION_NUM);
        CHECK(strcmp(plasma->error_message(), "no error") == 0);
        unload();
    }
    puts("loaded and unloaded");
    return 0;
}
