/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A reader of another uid does what the kernel lets it do: to its own file,
 * to readers/ and to wake. Producers and honest readers do not notice.
 */

#include "remote.h"

enum { OWNER = 65532, HONEST = 65531, CAPACITY = 1 << 20 };

static const char *address;

/** What the attacker does once it is connected and holds object 9. */
typedef void attack_fn(const char *own_file);

static const char *slot_file(int slot)
{
    char name[32];

    snprintf(name, sizeof name, "readers/%d", slot);
    return in_dir(address, name);
}

static void join_and_attack(struct peer *parent, void *arg)
{
    attack_fn *const *attack = arg;
    plasma_client_t *client = NULL;
    int slot = 0;
    const char *own;

    become(READER, SHARED_GROUP);
    while (is_there(slot_file(slot))) {
        slot++;
    }
    own = slot_file(slot); /* the first free one will be ours */
    CHECK_OK(connect_to(address, PLASMA_CONNECT_READ_ONLY, &client));
    plasma_buffer_t held = get_pattern(client, 9, 100);
    CHECK(is_there(own));
    tell(parent, 'j');
    hear(parent, 'g');
    (*attack)(own);
    tell(parent, 'a');
    hear(parent, 'x');
    plasma_release(&held);
    plasma_disconnect(client);
}

/** A producer and an honest reader use the whole store. */
static void all_is_well(struct peer *owner, struct peer *honest)
{
    plasma_client_t *client = NULL;
    uint64_t before = ask_value(owner, REMOTE_USED);

    CHECK_OK(ask(owner, REMOTE_PUT, 1, 300000));
    CHECK_OK(ask(honest, REMOTE_HOLD, 1, 0));
    CHECK_OK(ask(owner, REMOTE_DELETE, 1, 0));
    CHECK_STATUS(ask(owner, REMOTE_PUT, 2, 900000), PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_OK(ask(owner, REMOTE_REAP, 0, 0));
    CHECK_OK(ask(honest, REMOTE_LOOK, 0, 0));
    CHECK_OK(ask(honest, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(owner, REMOTE_PUT, 2, 900000));
    ask_and_see_it_wait(honest, REMOTE_WAIT, 3);
    CHECK_OK(ask(owner, REMOTE_PUT, 3, 1000));
    CHECK_OK(answer(honest).status);
    CHECK_OK(ask(honest, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(owner, REMOTE_DELETE, 2, 0));
    CHECK_OK(ask(owner, REMOTE_DELETE, 3, 0));
    CHECK_OK(ask(owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(owner, REMOTE_USED), before);
    ask_value(honest, REMOTE_LEASES);
    CHECK_OK(connect_to(address, 0, &client)); /* others may come and go */
    plasma_client_list_t *list;
    CHECK_OK(plasma_list_clients(client, &list));
    CHECK(plasma_client_list_count(list) >= 3);
    plasma_client_list_free(list);
    plasma_disconnect(client);
    CHECK_CONNECT(address, PLASMA_CONNECT_READ_ONLY, PLASMA_OK);
}

static void survives(attack_fn *attack)
{
    if (!as_root()) {
        return;
    }
    umask(022);
    CHECK(mkdir(store(), 0755) == 0 && chown(store(), OWNER, SHARED_GROUP) == 0);
    CHECK(chmod(store(), 02755) == 0);
    address = in_dir(store(), "shared");
    struct peer owner =
        new_remote((struct login){ .uid = OWNER, .gid = SHARED_GROUP,
                                   .address = address, .mode = 0640,
                                   .capacity = CAPACITY });
    struct peer honest =
        new_remote((struct login){ .uid = HONEST, .gid = SHARED_GROUP,
                                   .address = address,
                                   .flags = PLASMA_CONNECT_READ_ONLY });
    CHECK_OK(ask(&owner, REMOTE_PUT, 9, 100));
    /* Twice: with an attacker that is killed, and one that leaves. */
    for (int round = 0; round < 2; round++) {
        struct peer attacker = spawn(join_and_attack, &attack);
        hear(&attacker, 'j');
        all_is_well(&owner, &honest); /* its file is known from now on */
        tell(&attacker, 'g');
        hear(&attacker, 'a');
        all_is_well(&owner, &honest);
        all_is_well(&owner, &honest);
        if (round == 0) {
            kill_peer(&attacker);
        } else {
            tell(&attacker, 'x');
            reap_peer(&attacker); /* it may fault in what it cut itself */
        }
        all_is_well(&owner, &honest);
    }
    end_remote(&honest);
    CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
    end_remote(&owner);
    remove_all(store());
}

static void cut_own_file(const char *own)
{
    CHECK(truncate(own, 0) == 0);
}

static void cut_own_file_in_the_leases(const char *own)
{
    CHECK(truncate(own, size_of_file(own) / 2 + 13) == 0);
}

static void unlink_own_file(const char *own)
{
    CHECK(unlink(own) == 0);
}

static void rename_own_file(const char *own)
{
    CHECK(rename(own, in_dir(address, "readers/1023")) == 0);
}

static void replace_own_file(const char *own)
{
    CHECK(unlink(own) == 0 && mkfifo(own, 0644) == 0);
}

static void hide_own_file(const char *own)
{
    CHECK(chmod(own, 0) == 0);
}

static void fill_own_file_with_nonsense(const char *own)
{
    uint64_t words[512];

    for (int at = 0; at < 512; at++) {
        words[at] = (uint64_t)at * UINT64_C(0x9e3779b97f4a7c15);
    }
    /* The identity, the ring; the leases only where none can be meant. */
    write_at(own, 8, words, sizeof words - 8);
}

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

static void scribble_in_wake(const char *own)
{
    const char *wake = in_dir(address, "wake");
    size_t size = (size_t)size_of_file(wake);
    int fd = open(wake, O_RDWR);
    CHECK(fd >= 0);
    uint32_t *words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    (void)own;
    CHECK(words != MAP_FAILED);
    for (size_t at = 0; at < size / 4; at++) {
        __atomic_store_n(&words[at], (uint32_t)(at * 2654435761u),
                         __ATOMIC_RELAXED);
    }
    CHECK(munmap(words, size) == 0 && close(fd) == 0);
}

#define SURVIVES(attack)                                                      \
    static void test_##attack(void) { survives(attack); }

SURVIVES(cut_own_file)
SURVIVES(cut_own_file_in_the_leases)
SURVIVES(unlink_own_file)
SURVIVES(rename_own_file)
SURVIVES(replace_own_file)
SURVIVES(hide_own_file)
SURVIVES(fill_own_file_with_nonsense)
SURVIVES(plant)
SURVIVES(scribble_in_wake)

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(cut_own_file),
        TEST(cut_own_file_in_the_leases),
        TEST(unlink_own_file),
        TEST(rename_own_file),
        TEST(replace_own_file),
        TEST(hide_own_file),
        TEST(fill_own_file_with_nonsense),
        TEST(plant),
        TEST(scribble_in_wake),
    };
    return RUN_TESTS(argc, argv, tests);
}
