/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * weight LIBRARY: loads and unloads the library in a child that is traced, and looks at each system
 * call in between: it may map the library and what it needs, and nothing else.
 */
#include "loaded.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The work of the dynamic linker to load a library. */
static int may_be_called(uint64_t number)
{
    switch (number) {
    case SYS_openat: /* which file: see may_be_opened() */
    case SYS_read:
    case SYS_pread64:
    case SYS_fstat:
    case SYS_newfstatat:
    case SYS_close:
    case SYS_mmap:
    case SYS_munmap:
    case SYS_mprotect:
    case SYS_brk: /* malloc of the dynamic linker */
    case SYS_getpid:
        return 1;
    default:
        return 0;
    }
}

/* The library itself, the C library's parts and libgcc_s, and where the linker looks for them. */
static int may_be_opened(const char *path, const char *library_path)
{
    static const char *const names[] = { "ld.so.cache", "libgcc_s.so.1", "libpthread.so.0",
                                         "libdl.so.2", "librt.so.1", "libm.so.6", "libc.so.6" };
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t at;

    if (strcmp(path, library_path) == 0)
        return 1;
    for (at = 0; at < sizeof names / sizeof *names; at++)
        if (strcmp(name, names[at]) == 0)
            return 1;
    return 0;
}

static void read_text(pid_t child, uint64_t address, char *text, size_t size)
{
    struct iovec local = { text, size - 1 };
    struct iovec remote = { (void *)(uintptr_t)address, size - 1 };
    ssize_t got = process_vm_readv(child, &local, 1, &remote, 1, 0);

    text[got > 0 ? got : 0] = '\0';
}

/* A mark that the parent sees in the stream of system calls. */
static void mark(void)
{
    syscall(SYS_getpid);
}

static void in_child(const char *path)
{
    CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
    raise(SIGSTOP);
    free(strdup(path)); /* what malloc does first is not the library's */
    mark();
    load(path);
    mark();
    mark();
    unload();
    mark();
    _exit(0);
}

int main(int argc, char **argv)
{
    int status, marks = 0, calls = 0, opened = 0;
    pid_t child;

    CHECK(argc > 1);
    child = fork();
    CHECK(child >= 0);
    if (child == 0)
        in_child(argv[1]);
    CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    CHECK(ptrace(PTRACE_SETOPTIONS, child, NULL,
                 (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) == 0);
    for (;;) {
        struct __ptrace_syscall_info info;
        char text[4096];

        CHECK(ptrace(PTRACE_SYSCALL, child, NULL, NULL) == 0);
        CHECK(waitpid(child, &status, 0) == child);
        if (!WIFSTOPPED(status))
            break;
        CHECK(WSTOPSIG(status) == (SIGTRAP | 0x80));
        CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info) > 0);
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
            continue;
        if (info.entry.nr == SYS_getpid)
            marks++;
        if (marks != 1 && marks != 3)
            continue;
        calls++;
        if (!may_be_called(info.entry.nr)) {
            fprintf(stderr, "it makes system call %d\n", (int)info.entry.nr);
            return 1;
        }
        if (info.entry.nr == SYS_openat) {
            read_text(child, info.entry.args[1], text, sizeof text);
            opened += strcmp(text, argv[1]) == 0;
            if (!may_be_opened(text, argv[1])) {
                fprintf(stderr, "it opens %s\n", text);
                return 1;
            }
        }
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(marks == 4 && opened == 1);
    printf("loaded and unloaded with %d system calls of the dynamic linker\n", calls);
    return 0;
}
