/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * recovery recovery objects= [1000000] steals= [30]: kills writers inside
 * critical sections of a store with a million objects, and times what follows.
 *
 *     killed        how many writers; inside: of them in a critical section
 *     free          from SIGKILL until the kernel has freed the owner's lock
 *     steal         from then until another has stolen the store's lock
 *     recovery      from then until the store is whole again
 *     recovery_cpu  the same as time on the processor
 *     get_quiet, get_writing, get_recovery
 *                   gets while nobody writes, two write, the store is recovered
 *
 * Nothing in the library helps: the lock's word is watched in the mapped index
 * (docs/internals/layout.md), the owner's life by F_OFD_GETLK on its serial.
 */
#define _GNU_SOURCE
#include "recovery.h"

#include <fcntl.h>

enum { LOCK_AT = 256, OWNER = 0xffff, RECOVER = 1 << 17, SLOTS_AT = 128, SLOT = 16 };

static volatile const uint64_t *lock_word;

/* ---- One death ---- */

static uint64_t cpu_ns(clockid_t clock)
{
    struct timespec time;

    NEED(clock_gettime(clock, &time) == 0);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static struct {
    struct samples free, steal, recovery, cpu;
} times;

static int is_locked(int fd, uint64_t serial)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET,
                          .l_start = (off_t)serial, .l_len = 1 };

    NEED(fcntl(fd, F_OFD_GETLK, &lock) == 0);
    return lock.l_type != F_UNLCK;
}

/** Kill a writer; note the times if it died in a critical section. */
static void kill_writer(pid_t writer)
{
    uint64_t killed, released, stolen, worked, owner, serial;
    char path[128];
    clockid_t cpu;
    pid_t victim;
    int fd;

    NEED(clock_getcpuclockid(writer, &cpu) == 0);
    STORE(shared->victim_rounds, 0);
    victim = begin(write_on, 1);
    while (LOAD(shared->victim_rounds) < 100) {
        usleep(100);
    }
    snprintf(path, sizeof path, "%s/members", store);
    fd = open(path, O_RDONLY);
    NEED(fd >= 0 && pread(fd, &serial, sizeof serial, SLOTS_AT + SLOT * (off_t)LOAD(shared->victim_slot)) == sizeof serial);
    close(fd);
    snprintf(path, sizeof path, "%s/locks/%" PRIu64, store, serial % 8);
    fd = open(path, O_RDONLY);
    NEED(fd >= 0);
    owner = LOAD(shared->victim_slot) + 1;
    STORE(shared->phase, WRITING);
    usleep((useconds_t)(5000 + pick(&chance, 2000)));
    STORE(shared->phase, SKIP);

    killed = now_ns();
    kill(victim, SIGKILL);
    while (is_locked(fd, serial)) {
        usleep(20);
    }
    released = now_ns();
    if ((*lock_word & OWNER) == owner) {
        while ((*lock_word & OWNER) == owner) {
            usleep(20);
        }
        stolen = now_ns();
        worked = cpu_ns(cpu);
        STORE(shared->phase, RECOVERING);
        while (*lock_word & RECOVER) {
            usleep(20);
        }
        STORE(shared->phase, SKIP);
        add_sample(&times.free, (double)(released - killed));
        add_sample(&times.steal, (double)(stolen - released));
        add_sample(&times.recovery, (double)(now_ns() - stolen));
        add_sample(&times.cpu, (double)(cpu_ns(cpu) - worked));
    }
    close(fd);
    NEED(waitpid(victim, NULL, 0) == victim);
}

/* ---- The benchmark ---- */

static void remove_at_exit(void)
{
    if (getpid() == maker) {
        plasma_store_remove(store);
    }
}

static void populate(void)
{
    const uint64_t holes = objects / 25, room = objects + holes + holes / 5;
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    char bytes[2 * SIZE] = { 0 };
    plasma_client_t *client;
    uint64_t reaped;
    plasma_id_t id;

    options.flags = PLASMA_CONNECT_EXCLUSIVE;
    options.capacity = 256 * room;
    options.max_objects = room;
    CHECK(plasma_connect(store, &options, &client));
    atexit(remove_at_exit);
    for (uint64_t at = 0; at < objects + holes; at++) {
        id = id_of(at);
        CHECK(plasma_put(client, &id, bytes, SIZE, NULL));
    }
    /* There are holes all over the heap, so these objects go at its end
     * instead. */
    for (uint64_t at = 0; at < holes; at++) {
        id = id_of(at * (objects / holes));
        CHECK(plasma_delete(client, &id));
    }
    CHECK(plasma_reap(client, &reaped));
    for (uint64_t at = 0; at < holes; at++) {
        id = id_of(objects + at);
        CHECK(plasma_delete(client, &id));
        id = id_of(at * (objects / holes));
        CHECK(plasma_put(client, &id, bytes, 2 * SIZE, NULL));
    }
    plasma_disconnect(client);
}

static void watch_lock(void)
{
    char path[128], *index;
    int fd;

    snprintf(path, sizeof path, "%s/index", store);
    fd = open(path, O_RDONLY);
    NEED(fd >= 0);
    index = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    NEED(index != MAP_FAILED);
    lock_word = (volatile const uint64_t *)(index + LOCK_AT);
}

static void be_whole(void)
{
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;
    plasma_client_t *client = join();

    CHECK(plasma_check(client, &report));
    if (report.problem_count != 0) {
        fprintf(stderr, "recovery: %s\n", report.first_problem);
        exit(1);
    }
    plasma_disconnect(client);
}

static void print_times(const char *name, struct samples samples)
{
    if (samples.count == 0) {
        return;
    }
    sort_samples(&samples);
    RESULT_BEGIN(name);
    RESULT_NUMBER("median_ns", quantile(&samples, 0.5));
    RESULT_NUMBER("p99_ns", quantile(&samples, 0.99));
    RESULT_NUMBER("p999_ns", quantile(&samples, 0.999));
    RESULT_NUMBER("max_ns", quantile(&samples, 1));
    RESULT_NUMBER("count", samples.count);
    RESULT_END();
}

static struct samples gets_in(enum phase phase)
{
    struct samples samples = { shared->gets[phase], shared->counts[phase], 0 };

    return samples;
}

static void recovery(void)
{
    const uint64_t steals = number_arg("steals", 30);
    uint64_t killed = 0;
    pid_t writer, getter;

    maker = getpid();
    objects = number_arg("objects", 1000000);
    snprintf(store, sizeof store, "/dev/shm/plasma-recovery-%d", (int)maker);
    shared = shared_bytes(sizeof *shared);
    populate();
    watch_lock();
    getter = begin(get_on, 0);
    usleep(500000);
    STORE(shared->phase, QUIET);
    usleep((useconds_t)(time_to_spend() / 1000));
    STORE(shared->phase, SKIP);
    writer = begin(write_on, 0);
    for (; times.free.count < steals; killed++) {
        kill_writer(writer);
    }
    STORE(shared->stop, 1);
    await(writer);
    await(getter);
    be_whole();

    RESULT_BEGIN("killed");
    RESULT_NUMBER("count", killed);
    RESULT_NUMBER("inside", steals);
    RESULT_END();
    print_times("free", times.free);
    print_times("steal", times.steal);
    print_times("recovery", times.recovery);
    print_times("recovery_cpu", times.cpu);
    print_times("get_quiet", gets_in(QUIET));
    print_times("get_writing", gets_in(WRITING));
    print_times("get_recovery", gets_in(RECOVERING));
}

int main(int argc, char **argv)
{
    static const struct workload workloads[] = { { "recovery", recovery } };

    return run_workload(argc, argv, workloads, 1);
}
