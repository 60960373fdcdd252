/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A thread forks while another thread is inside a call: the child inherits
 * every lock or half-made value of the library that the other thread has, but
 * not the thread. It connects and works nevertheless.
 *
 * The other thread stops where it asks the C library for memory or calls the
 * kernel, at each such point in turn, and the child is forked during that.
 */

#include "system.h"

#include <dlfcn.h>
#include <semaphore.h>
#include <stdarg.h>

enum { CAPACITY = 4 << 20, SIZE = 1000 };

/* ---- Points at which a thread stops ---- */

/** Points until this thread stops; 0 is never. */
static __thread long until;

static sem_t stands, may_go;

static void pass(void)
{
    if (until > 0 && --until == 0) {
        int before = errno;
        CHECK(sem_post(&stands) == 0);
        while (sem_wait(&may_go) != 0) {
            CHECK(errno == EINTR);
        }
        errno = before;
    }
}

#ifndef __SANITIZE_ADDRESS__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *memory);

void *malloc(size_t size)
{
    pass();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    pass();
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    pass();
    return __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t align, size_t size)
{
    pass();
    *memory = __libc_memalign(align, size);
    return *memory == NULL ? ENOMEM : 0;
}

void free(void *memory)
{
    pass();
    __libc_free(memory);
}
#endif

static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static int (*real_munmap)(void *, size_t);
static int (*real_close)(int);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_fstatat)(int, const char *, struct stat *, int);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);

/** Look up the functions of the C library that those below replace. A
 * constructor may call them before main. */
static void find_real(void)
{
    if (real_fallocate != NULL) {
        return;
    }
    *(void **)&real_mmap = dlsym(RTLD_NEXT, "mmap");
    *(void **)&real_munmap = dlsym(RTLD_NEXT, "munmap");
    *(void **)&real_close = dlsym(RTLD_NEXT, "close");
    *(void **)&real_openat = dlsym(RTLD_NEXT, "openat");
    *(void **)&real_fstatat = dlsym(RTLD_NEXT, "fstatat");
    *(void **)&real_pread = dlsym(RTLD_NEXT, "pread");
    *(void **)&real_fallocate = dlsym(RTLD_NEXT, "fallocate");
}

void *mmap(void *at, size_t size, int access, int flags, int fd, off_t offset)
{
    find_real();
    pass();
    return real_mmap(at, size, access, flags, fd, offset);
}

int munmap(void *at, size_t size)
{
    find_real();
    pass();
    return real_munmap(at, size);
}

int close(int fd)
{
    find_real();
    pass();
    return real_close(fd);
}

int openat(int dir, const char *name, int flags, ...)
{
    va_list rest;

    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    find_real();
    pass();
    return real_openat(dir, name, flags, mode);
}

int fstatat(int dir, const char *restrict name, struct stat *restrict stat,
            int flags)
{
    find_real();
    pass();
    return real_fstatat(dir, name, stat, flags);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t at)
{
    find_real();
    pass();
    return real_pread(fd, bytes, size, at);
}

int fallocate(int fd, int mode, off_t from, off_t size)
{
    find_real();
    pass();
    return real_fallocate(fd, mode, from, size);
}

/* ---- The calls of the other thread ---- */

static plasma_client_t *connect_at(const char *address)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;

    options.capacity = CAPACITY;
    options.eviction = PLASMA_EVICTION_LRU;
    CHECK_OK(plasma_connect(address, &options, &client));
    return client;
}

/** All calls that take a lock of the process, or make a value once. */
static void use(plasma_client_t *client, uint64_t number)
{
    plasma_subscription_t *subscription;
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_id_t id = id_of(number), absent = id_of(number + 1);
    plasma_buffer_t buffer, copy, none;
    uint64_t reaped;
    int fd;

    CHECK_OK(plasma_subscribe(client, &subscription));
    CHECK_OK(plasma_event_fd(subscription, &fd));
    put_pattern(client, number, SIZE, NULL);
    buffer = get_pattern(client, number, SIZE);
    CHECK_OK(plasma_retain(&buffer, &copy));
    CHECK_OK(plasma_release(&buffer));
    CHECK_OK(plasma_buffer_info(&copy, &info));
    CHECK_STATUS(plasma_get(client, &absent, 1, &none), PLASMA_ERR_TIMEOUT);
    CHECK_OK(plasma_next_event(subscription, -1, &event));
    CHECK_OK(plasma_delete(client, &id));
    CHECK_OK(plasma_release(&copy));
    CHECK_OK(plasma_reap(client, &reaped));
    CHECK_OK(plasma_evict(client, 1, &reaped));
    plasma_unsubscribe(subscription);
}

/** The handles that the child inherits from the forking thread; none at
 * first. */
struct inherited {
    plasma_client_t *client;
    plasma_subscription_t *subscription;
    plasma_buffer_t held;
};

struct place {
    struct inherited *shared;
    long at;
    int reached;
};

static void *stand_still_once(void *arg)
{
    struct place *place = arg;
    uint64_t number = (uint64_t)place->at << 8;

    until = place->at;
    plasma_client_t *client = connect_at(store());
    use(client, number);
    if (place->shared->client != NULL) {
        use(place->shared->client, number + 8);
    }
    plasma_disconnect(client);
    place->reached = until == 0;
    until = 0;
    if (!place->reached) {
        CHECK(sem_post(&stands) == 0);
    }
    return NULL;
}

/** No call waits for a lock of a thread of the parent. */
static void refuse_all(struct inherited *got)
{
    const plasma_status_t forked = PLASMA_ERR_FORKED;
    plasma_client_t *client = got->client;
    plasma_stats_t stats = PLASMA_STATS_INIT;
    plasma_event_t event = PLASMA_EVENT_INIT;
    plasma_client_list_t *clients;
    plasma_subscription_t *subscription;
    plasma_id_t id = id_of(77);
    plasma_buffer_t buffer;
    uint64_t number;
    int fd;

    CHECK_STATUS(plasma_get(client, &id, -1, &buffer), forked);
    CHECK_STATUS(plasma_put(client, &id, "x", 1, NULL), forked);
    CHECK_STATUS(plasma_delete(client, &id), forked);
    CHECK_STATUS(plasma_reap(client, &number), forked);
    CHECK_STATUS(plasma_evict(client, 1, &number), forked);
    CHECK_STATUS(plasma_stats(client, &stats), forked);
    CHECK_STATUS(plasma_list_clients(client, &clients), forked);
    CHECK_STATUS(plasma_subscribe(client, &subscription), forked);
    CHECK_STATUS(plasma_next_event(got->subscription, -1, &event), forked);
    CHECK_STATUS(plasma_event_fd(got->subscription, &fd), forked);
}

/** In a store of its own: the other thread may hold the lock of the first
 * one. */
static void be_a_child(struct inherited *got)
{
    plasma_buffer_t copy;
    char address[700];

    alarm(60);
    other_store("child", address);
    plasma_client_t *client = connect_at(address);
    use(client, 1);
    if (got->client != NULL) {
        refuse_all(got);
        CHECK_STATUS(plasma_retain(&got->held, &copy), PLASMA_ERR_FORKED);
        CHECK(is_filled(got->held.data, SIZE, 77));
        plasma_unsubscribe(got->subscription);
        plasma_disconnect(got->client);
    }
    plasma_client_t *second = connect_at(address);
    use(second, 2);
    plasma_disconnect(second);
    plasma_disconnect(client);
    CHECK_OK(plasma_store_remove(address));
    _exit(0);
}

/** The distance from one tested point to the next. */
static long step(void)
{
    return getenv("PLASMA_LONG") != NULL ? 1 : 3;
}

/** Fork while another thread stands at a point; returns whether that point
 * exists. */
static int fork_at(struct inherited *got, long at)
{
    struct place place = { got, at, 0 };
    pthread_t other;
    int status;

    CHECK(sem_init(&stands, 0, 0) == 0 && sem_init(&may_go, 0, 0) == 0);
    CHECK(pthread_create(&other, NULL, stand_still_once, &place) == 0);
    while (sem_wait(&stands) != 0) {
        CHECK(errno == EINTR);
    }
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        be_a_child(got);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    CHECK(sem_post(&may_go) == 0);
    CHECK(pthread_join(other, NULL) == 0);
    return place.reached;
}

static void fork_in_a_new_process(struct process *parent, void *arg)
{
    struct inherited none;

    memset(&none, 0, sizeof none);
    tell(parent, fork_at(&none, *(const long *)arg) ? 'y' : 'n');
}

/** In a process that has never connected, so that everything is made for the
 * first time. */
static void test_a_child_works_wherever_a_thread_was_that_connects_first(void)
{
    char reached = 'y';
    long at = 0;

    while (reached == 'y') {
        at += step();
        struct process process = spawn(fork_in_a_new_process, &at);
        hear_bytes(&process, &reached, 1);
        finish(&process);
    }
    CHECK(at > 50);
}

static void test_a_child_works_wherever_a_thread_was_that_shares_a_client(void)
{
    struct inherited got;
    long at = 1;
    int fd;

    memset(&got, 0, sizeof got);
    got.client = connect_at(store());
    put_pattern(got.client, 77, SIZE, NULL);
    got.held = get_pattern(got.client, 77, SIZE);
    CHECK_OK(plasma_subscribe(got.client, &got.subscription));
    CHECK_OK(plasma_event_fd(got.subscription, &fd));
    while (fork_at(&got, at)) {
        at += step();
    }
    CHECK(at > 100);
    CHECK_OK(plasma_release(&got.held));
    plasma_unsubscribe(got.subscription);
    plasma_disconnect(got.client);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_child_works_wherever_a_thread_was_that_connects_first),
        TEST(a_child_works_wherever_a_thread_was_that_shares_a_client),
    };

    if (SANITIZED) {
        printf("a sanitizer's allocator stays locked in the children\n");
        return 0;
    }
    return RUN_TESTS(argc, argv, tests);
}
