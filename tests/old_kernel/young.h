/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A kernel as old as Linux 4.18, played by a seccomp filter: each system call
 * that is younger fails with an errno, and so do younger commands of older
 * calls. ENOSYS is what an old kernel says, and gVisor. EPERM is what profiles
 * of containers say of calls that they do not know.
 */

#ifndef YOUNG_H
#define YOUNG_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define YOUNG_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define YOUNG_ARCH AUDIT_ARCH_AARCH64
#endif

/*
 * 4.18 ends with rseq, 334 on x86-64 and 293 on AArch64. Since 5.1 new calls
 * have the same number everywhere, from 424 on: pidfd_send_signal, io_uring_*,
 * open_tree, move_mount, fsopen and its like, pidfd_open, clone3, close_range,
 * openat2, pidfd_getfd, faccessat2, process_madvise, epoll_pwait2,
 * mount_setattr, landlock_*, memfd_secret, process_mrelease, futex_waitv,
 * set_mempolicy_home_node, cachestat, fchmodat2, map_shadow_stack, futex_wake,
 * futex_wait, futex_requeue, statmount, listmount, lsm_*, mseal, setxattrat and
 * all that will come. The numbers between are of 5.0 and later, or of nobody.
 */
enum { YOUNG_FIRST = 424, YOUNG_CLONE3 = 435, YOUNG_FACCESSAT2 = 439 };

/*
 * Younger commands. madvise: COLD 20 (5.4) and all above, but for the two that
 * are for tests of broken memory. membarrier: those for rseq from 1 << 7 on
 * (5.10). fcntl: F_DUPFD_QUERY (6.10), F_CREATED_QUERY (6.12).
 */
enum {
    YOUNG_ADVICE = 20,
    OLD_HWPOISON = 100,
    OLD_SOFT_OFFLINE = 101,
    YOUNG_BARRIER = 1 << 7,
    YOUNG_DUPFD_QUERY = 1024 + 3,
    YOUNG_CREATED_QUERY = 1024 + 4
};

#define YOUNG_LOAD(field)                                                     \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define YOUNG_SAY(error)                                                      \
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)(error))
#define YOUNG_ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* If the loaded value is (at least) `value` do what follows, else skip so many. */
#define YOUNG_IS(value, skip)                                                 \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), 0, skip)
#define YOUNG_FROM(value, skip)                                               \
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (unsigned)(value), 0, skip)

/**
 * From now on this process, and whatever it starts, is on an old kernel.
 * Whether that could be done. Unknown advice and commands stay EINVAL, which
 * is what any kernel says of them; clone3 is always ENOSYS, since the C library
 * takes no other answer for "make the thread in the old way". What faccessat2
 * says is apart: C libraries from glibc 2.33 on pass an EPERM on, so shells take
 * it for "may not".
 */
static inline int refuse_young(int error, int access_error)
{
    struct sock_filter code[] = {
        YOUNG_LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, YOUNG_ARCH, 1, 0),
        YOUNG_ALLOW,
        YOUNG_LOAD(nr),
        YOUNG_IS(YOUNG_CLONE3, 1),
        YOUNG_SAY(ENOSYS),
        YOUNG_IS(YOUNG_FACCESSAT2, 1),
        YOUNG_SAY(access_error),
        YOUNG_FROM(YOUNG_FIRST, 1),
        YOUNG_SAY(error),
#ifdef __x86_64__
        YOUNG_FROM(335, 1),
        YOUNG_SAY(error),
#endif
        YOUNG_IS(SYS_madvise, 8),
        YOUNG_LOAD(args[2]),
        YOUNG_IS(OLD_HWPOISON, 1),
        YOUNG_ALLOW,
        YOUNG_IS(OLD_SOFT_OFFLINE, 1),
        YOUNG_ALLOW,
        YOUNG_FROM(YOUNG_ADVICE, 1),
        YOUNG_SAY(EINVAL),
        YOUNG_ALLOW,
        YOUNG_IS(SYS_membarrier, 4),
        YOUNG_LOAD(args[0]),
        YOUNG_FROM(YOUNG_BARRIER, 1),
        YOUNG_SAY(EINVAL),
        YOUNG_ALLOW,
        YOUNG_IS(SYS_fcntl, 6),
        YOUNG_LOAD(args[1]),
        YOUNG_IS(YOUNG_DUPFD_QUERY, 1),
        YOUNG_SAY(EINVAL),
        YOUNG_IS(YOUNG_CREATED_QUERY, 1),
        YOUNG_SAY(EINVAL),
        YOUNG_ALLOW,
        YOUNG_ALLOW,
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };

    /* As root without: a test may want to run what has the set-user-ID bit. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) {
        return 1;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#endif /* YOUNG_H */
