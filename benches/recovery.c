/*
 * recovery [FILE]: kills writers inside critical sections of a store with a
 * million objects, and times what follows: until the lock is stolen, until the
 * store is whole, and gets meanwhile. Prints it and appends it to FILE (make
 * bench: docs/performance.md).
 *
 * Nothing in the library helps: the lock's word is watched in the mapped index
 * (docs/design.md, 2.2 and 3.2), the owner's life by F_OFD_GETLK on its file.
 */
#define _GNU_SOURCE
#include "page.h"

#include <fcntl.h>
#include <inttypes.h>
#include <plasma.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OBJECTS = 1000000, HOLES = 40000, SIZE = 100, STEALS = 30 };
enum { LOCK_AT = 256, OWNER = 0xffff, RECOVER = 1 << 17 };
enum { MAX_GETS = 1 << 22 };

/* What the getter's samples belong to. */
enum phase { SKIP, QUIET, WRITING, RECOVERING, PHASES };

static struct shared {
    enum phase phase;
    int stop;
    uint32_t victim_slot, victim_rounds;
    uint32_t counts[PHASES];
    double gets[PHASES][MAX_GETS];
} *shared;

static char store[64];
static volatile const uint64_t *lock_word;
static uint64_t random_state = 88172645463325252u;

#define LOAD(at) __atomic_load_n(&(at), __ATOMIC_ACQUIRE)
#define STORE(at, value) __atomic_store_n(&(at), (value), __ATOMIC_RELEASE)

static void check(plasma_status_t status, const char *call)
{
    if (status == PLASMA_OK)
        return;
    fprintf(stderr, "recovery: %s: %s: %s\n", call, plasma_status_name(status),
            plasma_error_message());
    exit(1);
}
#define CHECK(call) check((call), #call)

static void must(int holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    must(clock_gettime(clock, &now) == 0, "clock_gettime");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* The clock of a process's time on the processor. */
static clockid_t cpu_of(pid_t pid)
{
    clockid_t clock;

    must(clock_getcpuclockid(pid, &clock) == 0, "clock_getcpuclockid");
    return clock;
}

static void nap_us(long us)
{
    const struct timespec nap = { us / 1000000, us % 1000000 * 1000 };

    nanosleep(&nap, NULL);
}

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static plasma_id_t id_of(uint64_t number)
{
    plasma_id_t id;

    CHECK(plasma_id_from_bytes(&number, sizeof number, &id));
    return id;
}

static plasma_client_t *join(void)
{
    plasma_client_t *client;

    CHECK(plasma_connect(store, NULL, &client));
    return client;
}

/* ---- The processes ---- */

static uint32_t own_slot(plasma_client_t *client)
{
    plasma_client_info_t info = PLASMA_CLIENT_INFO_INIT;
    plasma_client_list_t *list;
    uint64_t at;

    CHECK(plasma_list_clients(client, &list));
    for (at = 0; plasma_client_list_at(list, at, &info) == PLASMA_OK; at++) {
        if (info.pid == getpid() && info.alive)
            break;
    }
    plasma_client_list_free(list);
    return info.slot;
}

/* Creates and deletes, for as long as it lives. */
static void write_on(int is_victim)
{
    plasma_client_t *client = join();
    const plasma_id_t id = id_of((uint64_t)getpid() << 32);
    char bytes[SIZE] = { 0 };

    if (is_victim)
        STORE(shared->victim_slot, own_slot(client));
    while (!LOAD(shared->stop)) {
        CHECK(plasma_put(client, &id, bytes, sizeof bytes, NULL));
        CHECK(plasma_delete(client, &id));
        if (is_victim)
            STORE(shared->victim_rounds, shared->victim_rounds + 1);
        else
            nap_us(100); /* the victim is to have the lock most of the time */
    }
    plasma_disconnect(client);
    _exit(0);
}

/* Gets objects at random and notes how long each took. */
static void get_on(void)
{
    plasma_client_t *client = join();

    while (!LOAD(shared->stop)) {
        const plasma_id_t id = id_of(next_random() % OBJECTS);
        const enum phase phase = LOAD(shared->phase);
        plasma_buffer_t buffer;
        uint64_t begin = now_ns(), end;

        CHECK(plasma_get(client, &id, 0, &buffer));
        end = now_ns();
        CHECK(plasma_release(&buffer));
        /* Only what was in one phase from begin to end. */
        if (LOAD(shared->phase) == phase && shared->counts[phase] < MAX_GETS)
            shared->gets[phase][shared->counts[phase]++] =
                (double)(end - begin);
    }
    plasma_disconnect(client);
    _exit(0);
}

static pid_t start(void (*run)(int), int argument)
{
    const pid_t parent = getpid();
    pid_t pid;

    fflush(NULL);
    pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        alarm(600); /* whatever becomes of the parent */
        if (getppid() == parent)
            run(argument);
        _exit(1);
    }
    return pid;
}

static void get_role(int unused)
{
    (void)unused;
    get_on();
}

/* ---- One death ---- */

typedef struct death {
    double free_ns, steal_ns, recovery_ns, cpu_ns;
} death_t;

static int is_locked(int fd)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

    must(fcntl(fd, F_OFD_GETLK, &lock) == 0, "F_OFD_GETLK");
    return lock.l_type != F_UNLCK;
}

/* Kill a writer; 1 if it died in a critical section. */
static int kill_writer(pid_t writer, death_t *death)
{
    const clockid_t cpu = cpu_of(writer);
    uint64_t killed, released, stolen, worked;
    char path[128];
    int fd, inside, status;
    uint64_t owner;
    pid_t victim;

    STORE(shared->victim_rounds, 0);
    victim = start(write_on, 1);
    while (LOAD(shared->victim_rounds) < 100)
        nap_us(100);
    snprintf(path, sizeof path, "%s/clients/%" PRIu32, store,
             LOAD(shared->victim_slot));
    fd = open(path, O_RDONLY);
    must(fd >= 0, path);
    owner = LOAD(shared->victim_slot) + 1;
    STORE(shared->phase, WRITING);
    nap_us(5000 + (long)(next_random() % 2000));
    STORE(shared->phase, SKIP);

    killed = now_ns();
    kill(victim, SIGKILL);
    while (is_locked(fd))
        nap_us(20);
    released = now_ns();
    inside = (*lock_word & OWNER) == owner;
    if (inside) {
        while ((*lock_word & OWNER) == owner)
            nap_us(20);
        stolen = now_ns();
        worked = clock_ns(cpu);
        STORE(shared->phase, RECOVERING);
        while (*lock_word & RECOVER)
            nap_us(20);
        STORE(shared->phase, SKIP);
        death->free_ns = (double)(released - killed);
        death->steal_ns = (double)(stolen - released);
        death->recovery_ns = (double)(now_ns() - stolen);
        death->cpu_ns = (double)(clock_ns(cpu) - worked);
    }
    close(fd);
    must(waitpid(victim, &status, 0) == victim, "waitpid");
    return inside;
}

/* ---- The whole ---- */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void clean_up(void)
{
    plasma_store_remove(store);
}

static void populate(void)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    char bytes[SIZE] = { 0 };
    uint64_t i;
    plasma_id_t id;

    options.flags = PLASMA_CONNECT_EXCLUSIVE;
    options.capacity = UINT64_C(256) << 20;
    options.max_objects = 1 << 20;
    CHECK(plasma_connect(store, &options, &client));
    atexit(clean_up);
    for (i = 0; i < OBJECTS + HOLES; i++) {
        id = id_of(i);
        CHECK(plasma_put(client, &id, bytes, sizeof bytes, NULL));
    }
    /* Holes all over the heap: put these objects at its end instead. */
    for (i = 0; i < HOLES; i++) {
        id = id_of(i * (OBJECTS / HOLES));
        CHECK(plasma_delete(client, &id));
    }
    CHECK(plasma_reap(client, &i));
    for (i = 0; i < HOLES; i++) {
        id = id_of(OBJECTS + i);
        CHECK(plasma_delete(client, &id));
        id = id_of(i * (OBJECTS / HOLES));
        CHECK(plasma_put(client, &id, bytes, 200, NULL));
    }
    plasma_disconnect(client);
}

static void line(FILE *out, const char *what, double *values, size_t count)
{
    static const double at[] = { 0.5, 0.99, 0.999, 1 };
    size_t i;

    qsort(values, count, sizeof *values, compare);
    fprintf(out, "| %-34s | %7zu |", what, count);
    for (i = 0; i < sizeof at / sizeof *at; i++) {
        const size_t rank = (size_t)(at[i] * (double)(count - 1));
        const double ns = count == 0 ? 0 : values[rank];

        if (ns < 1e4)
            fprintf(out, " %6.0f ns |", ns);
        else if (ns < 1e6)
            fprintf(out, " %6.1f us |", ns / 1e3);
        else
            fprintf(out, " %6.1f ms |", ns / 1e6);
    }
    fprintf(out, "\n");
}

static void write_section(FILE *out, double times[4][STEALS],
                          const char *facts)
{
    fprintf(out, "\n## Recovery\n\n%s\n", facts);
    fprintf(out,
            "| what | count | median | p99 | p99.9 | largest |\n"
            "|------|------:|-------:|----:|------:|--------:|\n");
    line(out, "SIGKILL to the owner's lock free", times[0], STEALS);
    line(out, "owner's lock free to stolen", times[1], STEALS);
    line(out, "stolen to recovered", times[2], STEALS);
    line(out, "the same, processor time", times[3], STEALS);
    line(out, "get, nobody writes", shared->gets[QUIET], shared->counts[QUIET]);
    line(out, "get, two processes write", shared->gets[WRITING],
         shared->counts[WRITING]);
    line(out, "get, while the store is recovered", shared->gets[RECOVERING],
         shared->counts[RECOVERING]);
}

int main(int argc, char **argv)
{
    static double times[4][STEALS];
    char path[128], load[64], facts[512];
    plasma_client_t *client;
    plasma_stats_t stats = PLASMA_STATS_INIT;
    plasma_check_report_t report = PLASMA_CHECK_REPORT_INIT;
    int fd, kills = 0, steals = 0, status;
    pid_t writer, getter;
    FILE *page;

    load_average(load, sizeof load);
    snprintf(store, sizeof store, "/dev/shm/plasma-recovery-%d", (int)getpid());
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED, "mmap");
    populate();
    snprintf(path, sizeof path, "%s/index", store);
    fd = open(path, O_RDONLY);
    must(fd >= 0, path);
    lock_word = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    must(lock_word != MAP_FAILED, "mmap");
    lock_word += LOCK_AT / sizeof *lock_word;

    getter = start(get_role, 0);
    nap_us(500000);
    STORE(shared->phase, QUIET);
    nap_us(500000);
    STORE(shared->phase, SKIP);
    writer = start(write_on, 0);
    while (steals < STEALS) {
        death_t death;

        kills++;
        if (!kill_writer(writer, &death))
            continue;
        times[0][steals] = death.free_ns;
        times[1][steals] = death.steal_ns;
        times[2][steals] = death.recovery_ns;
        times[3][steals++] = death.cpu_ns;
        fprintf(stderr, "%d of %d: recovered in %.1f ms\n", steals, STEALS,
                death.recovery_ns / 1e6);
    }
    STORE(shared->stop, 1);
    must(waitpid(writer, &status, 0) == writer && status == 0, "the writer");
    must(waitpid(getter, &status, 0) == getter && status == 0, "the getter");

    client = join();
    CHECK(plasma_stats(client, &stats));
    CHECK(plasma_check(client, &report));
    if (report.problem_count != 0) {
        fprintf(stderr, "recovery: %s\n", report.first_problem);
        return 1;
    }
    snprintf(facts, sizeof facts,
             "A store with %" PRIu64 " objects of %d bytes. Writers were killed %d times, in"
             " %d of them inside a\ncritical section; %" PRIu64 " recoveries. Load before: %s.\n",
             stats.objects_sealed, SIZE, kills, steals, stats.recoveries, load);
    plasma_disconnect(client);
    write_section(stdout, times, facts);
    if (argc < 2)
        return 0;
    page = fopen(argv[1], "a");
    must(page != NULL, argv[1]);
    write_section(page, times, facts);
    return fclose(page) != 0;
}
