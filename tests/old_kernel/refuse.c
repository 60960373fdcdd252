/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Run a command as on a kernel as old as Linux 4.18:
 *
 *     refuse ENOSYS|EPERM COMMAND [ARGUMENT ...]
 */

#include "young.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int error = 0;

    if (argc > 2) {
        error = strcmp(argv[1], "ENOSYS") == 0 ? ENOSYS
              : strcmp(argv[1], "EPERM") == 0  ? EPERM
                                               : 0;
    }
    if (error == 0) {
        fprintf(stderr, "refuse ENOSYS|EPERM COMMAND [ARGUMENT ...]\n");
        return 2;
    }
    /* The shells that tests start are not what is tested. */
    if (!refuse_young(error, ENOSYS)) {
        perror("refuse: no seccomp filter here");
        return 125;
    }
    errno = 0;
    if (syscall(YOUNG_FIRST + 25 /* futex_waitv */, NULL, 0, 0, NULL, 0) != -1
        || errno != error) {
        perror("refuse: a young system call is not refused");
        return 125;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
