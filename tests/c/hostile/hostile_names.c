/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A reader of another uid plants names in the one directory where it may:
 * thousands, of every type. Producers and honest readers do not notice.
 */

#include "check.h"

#include "hostile.h"

static void plant(const char *own)
{
    const char *readers = in_dir(address, "readers");
    const char *const odd[] = { "007", "+8", " 9", "1e3", "-1", "1024", "x",
                                ".1", "99999999999999999999", "0x10" };
    char name[32];

    (void)own;
    mkfifo(in_dir(readers, "500"), 0666);
    symlink("/etc/passwd", in_dir(readers, "501"));
    symlink(in_dir(address, "index"), in_dir(readers, "502"));
    symlink("503", in_dir(readers, "503"));
    mkdir(in_dir(readers, "504"), 0777);
    mknod(in_dir(readers, "505"), S_IFSOCK | 0666, 0);
    if (link(in_dir(address, "index"), in_dir(readers, "506")) == 0) {
        printf("the kernel allows hard links to what is only readable\n");
    }
    for (size_t at = 0; at < sizeof odd / sizeof *odd; at++) {
        int fd = open(in_dir(readers, odd[at]), O_CREAT | O_RDWR, 0644);
        CHECK(fd >= 0 || errno == EEXIST);
        close(fd);
    }
    for (int at = 0; at < 3000; at++) {
        snprintf(name, sizeof name, "%s%d", at % 2 ? "junk" : "", 600 + at / 8);
        int fd = open(in_dir(readers, name), O_CREAT | O_RDWR, 0644);
        CHECK(fd >= 0 || errno == EEXIST);
        close(fd);
    }
}

/** Names past the ones that are listed, and each slot taken by something
 * that is not a client's file. */
static void plant_thousands(const char *own)
{
    const char *readers = in_dir(address, "readers");
    char name[32], path[1024];

    (void)own;
    for (int at = 0; at < 1024; at++) {
        snprintf(path, sizeof path, "%s/%d", readers, at);
        int done = at % 4 == 0   ? mkfifo(path, 0666)
                   : at % 4 == 1 ? mkdir(path, 0700)
                   : at % 4 == 2 ? symlink("/", path)
                                 : mknod(path, S_IFSOCK | 0666, 0);
        CHECK(done == 0 || errno == EEXIST);
        if (at % 16 == 1 && done == 0) {
            CHECK(mkdir(in_dir(path, "full"), 0700) == 0); /* cannot be removed */
        }
    }
    for (int at = 0; at < 20000; at++) {
        snprintf(name, sizeof name, "%d", 1024 + at);
        int fd = open(in_dir(readers, name), O_CREAT | O_RDWR, 0644);
        CHECK(fd >= 0 || errno == EEXIST);
        close(fd);
    }
}

/** Every slot is a name of its own file. */
static void link_own_file(const char *own)
{
    for (int at = 0; at < 1024; at++) {
        CHECK(link(own, slot_file(at)) == 0 || errno == EEXIST);
    }
}

/* ---- Endless names ---- */

enum { PLANTERS = 4 };

/** Plant one more name, whatever happens to those before. */
static void plant_without_end(int dir)
{
    static unsigned count;
    char name[40];

    snprintf(name, sizeof name, "%d-%u", (int)getpid(), count++);
    int fd = openat(dir, name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    }
}

static void planter(struct process *parent, void *arg)
{
    (void)arg;
    become(READER, STRANGER);
    int dir = open(in_dir(address, "readers"), O_RDONLY | O_DIRECTORY);
    CHECK(dir >= 0 && fcntl(parent->in, F_SETFL, O_NONBLOCK) == 0);
    for (int at = 0; at < 1000; at++) {
        plant_without_end(dir);
    }
    tell(parent, 'p');
    char end;
    while (read(parent->in, &end, 1) != 1) {
        plant_without_end(dir);
    }
}

/**
 * Regression: the owner unlinked names for as long as readers planted them, so
 * neither a removal nor the connect that finishes one ended.
 */
static void test_a_store_is_removed_while_readers_plant_names(void)
{
    struct process owner, planters[PLANTERS];

    if (!as_root()) {
        return;
    }
    begin_closed(0644, &owner);
    for (int at = 0; at < PLANTERS; at++) {
        planters[at] = spawn(planter, NULL);
        hear(&planters[at], 'p');
    }
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
    CHECK(!is_there(address));
    for (int at = 0; at < PLANTERS; at++) {
        tell(&planters[at], 'x');
        finish(&planters[at]);
    }
    CHECK_EQ(entries(store()), 0);
    end_remote(&owner);
    CHECK(rmdir(store()) == 0);
}

SURVIVES(plant)
SURVIVES(plant_thousands)
SURVIVES(link_own_file)

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(plant),
        TEST(plant_thousands),
        TEST(link_own_file),
        TEST(a_store_is_removed_while_readers_plant_names),
    };
    return RUN_TESTS(argc, argv, tests);
}
