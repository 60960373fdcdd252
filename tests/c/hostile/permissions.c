/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stores shared between users. Needs root, which starts processes of other
 * users; none of these is root.
 */

#include "remote.h"

enum { OWNER = 65532, CAPACITY = 1 << 20 };

static const char *address;

/** A directory of OWNER's, whose group is inherited by files made in it. */
static int shared_dir(void)
{
    if (!as_root()) {
        return 0;
    }
    umask(077);
    CHECK(mkdir(store(), 0755) == 0 && chown(store(), OWNER, SHARED_GROUP) == 0);
    CHECK(chmod(store(), 02755) == 0);
    address = in_dir(store(), "shared");
    return 1;
}

static void end_shared(struct process *owner)
{
    CHECK_OK(ask(owner, REMOTE_REMOVE, 0, 0));
    end_remote(owner);
    CHECK_EQ(entries(store()), 0);
    CHECK(rmdir(store()) == 0);
}

/** The owner's own group differs from that of the store. */
static struct process owner_of(uint32_t mode)
{
    return new_remote((struct login){ .uid = OWNER, .gid = OWNER,
                                      .address = address, .mode = mode,
                                      .capacity = CAPACITY,
                                      .reader_quota = CAPACITY });
}

static struct process reader_as(uid_t uid, gid_t gid)
{
    return new_remote((struct login){ .uid = uid, .gid = gid,
                                      .address = address,
                                      .flags = PLASMA_CONNECT_READ_ONLY });
}

/* ---- Refusals ---- */

struct stranger {
    uid_t uid;
    gid_t gid;
    plasma_status_t writes;
    plasma_status_t reads;
};

static void knock(struct process *parent, void *arg)
{
    const struct stranger *who = arg;

    (void)parent;
    become(who->uid, who->gid);
    CHECK_CONNECT(address, 0, who->writes);
    CHECK_CONNECT(address, PLASMA_CONNECT_EXISTING, who->writes);
    CHECK_CONNECT(address, PLASMA_CONNECT_READ_ONLY, who->reads);
    CHECK_STATUS(plasma_store_remove(address), PLASMA_ERR_PERMISSION);
    CHECK(strlen(plasma_error_message()) > 20);
}

static void admitted(uid_t uid, gid_t gid, plasma_status_t writes,
                     plasma_status_t reads)
{
    struct stranger who = { uid, gid, writes, reads };

    check_child(knock, &who);
}

static void test_a_private_store_is_closed_to_others(void)
{
    if (!shared_dir()) {
        return;
    }
    struct process owner = owner_of(0);
    admitted(STRANGER, STRANGER, PLASMA_ERR_PERMISSION, PLASMA_ERR_PERMISSION);
    admitted(READER, SHARED_GROUP, PLASMA_ERR_PERMISSION,
             PLASMA_ERR_PERMISSION);
    end_shared(&owner);
}

static void test_each_mode_admits_whom_it_says(void)
{
    const plasma_status_t no = PLASMA_ERR_PERMISSION, yes = PLASMA_OK;

    if (!shared_dir()) {
        return;
    }
    struct process owner = owner_of(0640);
    admitted(READER, SHARED_GROUP, no, yes);
    admitted(STRANGER, STRANGER, no, no);
    CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
    end_remote(&owner);
    owner = owner_of(0644);
    admitted(READER, SHARED_GROUP, no, yes);
    admitted(STRANGER, STRANGER, no, yes);
    CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
    end_remote(&owner);
    owner = owner_of(0660);
    admitted(READER, SHARED_GROUP, yes, yes);
    admitted(STRANGER, STRANGER, no, no);
    CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
    end_remote(&owner);
    owner = owner_of(0664);
    admitted(READER, SHARED_GROUP, yes, yes);
    admitted(STRANGER, STRANGER, no, yes);
    end_shared(&owner);
}

/**
 * Regression: the kernel admits root everywhere. Root joined other users'
 * private stores silently, and left files there that belonged to root.
 */
static void test_root_writes_in_no_store_that_does_not_admit_it(void)
{
    const uint32_t modes[] = { 0600, 0640, 0644, 0660, 0664 };

    if (!shared_dir()) {
        return;
    }
    for (size_t at = 0; at < sizeof modes / sizeof *modes; at++) {
        gid_t group = SHARED_GROUP;
        struct process owner = owner_of(modes[at]);
        CHECK_OK(ask(&owner, REMOTE_PUT, 1, 1000));
        CHECK(setgroups(0, NULL) == 0);
        CHECK_CONNECT(address, 0, PLASMA_ERR_PERMISSION);
        CHECK_MESSAGE("uid 65532");
        CHECK_MESSAGE("sudo -u '#65532'");
        CHECK_MESSAGE("PLASMA_CONNECT_READ_ONLY");
        CHECK_CONNECT(address, PLASMA_CONNECT_EXISTING, PLASMA_ERR_PERMISSION);
        CHECK_EQ(members_of(address), 1);
        CHECK_CONNECT(address, PLASMA_CONNECT_READ_ONLY, PLASMA_OK);
        CHECK(setgroups(1, &group) == 0); /* admitted, where the group writes */
        CHECK_CONNECT(address, 0, modes[at] & 020 ? PLASMA_OK : PLASMA_ERR_PERMISSION);
        CHECK(setgroups(0, NULL) == 0);
        CHECK_OK(plasma_store_remove(address)); /* root may, as with rm */
        CHECK_EQ(entries(store()), 0);
        CHECK_OK(ask(&owner, REMOTE_LEAVE, 0, 0));
        finish(&owner);
    }
    CHECK(rmdir(store()) == 0);
}

/* ---- Readers of another uid ---- */

static void reader_works(uint32_t mode, uid_t uid, gid_t gid)
{
    struct process owner = owner_of(mode), reader = reader_as(uid, gid);

    CHECK_OK(ask(&owner, REMOTE_PUT, 1, 700000));
    CHECK_OK(ask(&reader, REMOTE_HOLD, 1, 0));
    CHECK_EQ(ask_value(&reader, REMOTE_LISTED), 1);
    CHECK_EQ(ask_value(&owner, REMOTE_LEASES), 1);

    /* An object that it holds is deleted, but not freed until it releases
     * it. */
    CHECK_OK(ask(&owner, REMOTE_DELETE, 1, 0));
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_STATUS(ask(&owner, REMOTE_PUT, 2, 700000), PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_OK(ask(&reader, REMOTE_LOOK, 0, 0));
    CHECK_OK(ask(&reader, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(&owner, REMOTE_PUT, 2, 700000));

    /* It is woken, by id and by name, before and after creation. */
    ask_and_see_it_wait(&reader, REMOTE_WAIT, 3);
    CHECK_OK(ask(&owner, REMOTE_PUT, 3, 1000));
    CHECK_OK(answer(&reader).status);
    CHECK_OK(ask(&reader, REMOTE_RELEASE, 0, 0));
    ask_and_see_it_wait(&reader, REMOTE_WAIT_NAME, 4);
    CHECK_OK(ask(&owner, REMOTE_NAMED, 4, 1000));
    CHECK_OK(answer(&reader).status);
    CHECK_OK(ask(&reader, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(&owner, REMOTE_CREATE, 5, 1000));
    ask_and_see_it_wait(&reader, REMOTE_WAIT, 5);
    CHECK_OK(ask(&owner, REMOTE_SEAL, 5, 0));
    CHECK_OK(answer(&reader).status);

    CHECK_STATUS(ask(&reader, REMOTE_PUT, 6, 1), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(ask(&reader, REMOTE_CREATE, 6, 1), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(ask(&reader, REMOTE_DELETE, 2, 0), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(ask(&reader, REMOTE_REAP, 0, 0), PLASMA_ERR_READ_ONLY);
    CHECK_STATUS(ask(&reader, REMOTE_REMOVE, 0, 0), PLASMA_ERR_PERMISSION);

    /* Its death does not end the leases of others. */
    kill_process(&reader);
    CHECK_OK(ask(&owner, REMOTE_DELETE, 5, 0));
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_LEASES), 0);
    for (uint64_t number = 2; number <= 4; number++) {
        CHECK_OK(ask(&owner, REMOTE_DELETE, number, 0));
    }
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_USED), 0);
    CHECK_OK(ask(&owner, REMOTE_PUT, 7, CAPACITY));
    CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
    end_remote(&owner);
}

static void test_a_reader_of_the_group_reads_and_protects_what_it_holds(void)
{
    if (!shared_dir()) {
        return;
    }
    reader_works(0640, READER, SHARED_GROUP);
    CHECK(rmdir(store()) == 0);
}

static void test_a_stranger_reads_a_store_for_the_world(void)
{
    if (!shared_dir()) {
        return;
    }
    reader_works(0644, STRANGER, STRANGER);
    reader_works(0664, STRANGER, STRANGER);
    CHECK(rmdir(store()) == 0);
}

static void refused_by_the_kernel(const char *path)
{
    CHECK(open(path, O_RDWR) < 0 && errno == EACCES);
    CHECK(open(path, O_WRONLY | O_TRUNC) < 0 && errno == EACCES);
    CHECK(truncate(path, 0) < 0 && errno == EACCES);
    CHECK(unlink(path) < 0 && errno == EACCES);
    CHECK(rename(path, in_dir(address, "other")) < 0 && errno == EACCES);
    CHECK(chmod(path, 0666) < 0 && errno == EPERM);
}

/** No descriptor and no mapping of this process leads to write access. */
static void nothing_can_be_reopened(void)
{
    char link[64], target[1024], line[1024], access[8];
    int seen = 0;

    for (int fd = 0; fd < 256; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t size = readlink(link, target, sizeof target - 1);
        if (size <= 0) {
            continue;
        }
        target[size] = '\0';
        if (strcmp(target, in_dir(address, "index")) == 0
            || strcmp(target, in_dir(address, "heap")) == 0) {
            CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
            CHECK(open(link, O_RDWR) < 0 && errno == EACCES);
            CHECK(ftruncate(fd, 0) < 0);
        }
    }
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long long begin, end;
        if (strstr(line, "/shared/index") == NULL
            && strstr(line, "/shared/heap") == NULL) {
            continue;
        }
        CHECK(sscanf(line, "%llx-%llx %7s", &begin, &end, access) == 3);
        CHECK(strcmp(access, "r--s") == 0);
        CHECK(mprotect((void *)(uintptr_t)begin, (size_t)(end - begin),
                       PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
        seen++;
    }
    fclose(maps);
    CHECK(seen >= 2);
}

static void attack(struct process *parent, void *arg)
{
    plasma_client_t *client = NULL;
    plasma_buffer_t buffer;

    (void)arg;
    become(READER, SHARED_GROUP);
    CHECK_OK(connect_to(address, PLASMA_CONNECT_READ_ONLY, &client));
    buffer = get_pattern(client, 1, 10000);
    refused_by_the_kernel(in_dir(address, "index"));
    refused_by_the_kernel(in_dir(address, "heap"));
    nothing_can_be_reopened();
    CHECK(unlink(in_dir(address, "wake")) < 0 && errno == EACCES);
    refused_by_the_kernel(in_dir(address, "members"));
    refused_by_the_kernel(in_dir(address, "beacon"));
    CHECK(open(in_dir(address, "locks/8"), O_CREAT | O_RDWR, 0644) < 0);
    CHECK(open(in_dir(address, "locks/0"), O_RDONLY) < 0);
    CHECK(unlink(in_dir(address, "locks/0")) < 0);
    CHECK(rename(address, in_dir(store(), "mine")) < 0 && errno == EACCES);
    CHECK(rmdir(in_dir(address, "readers")) < 0);
    CHECK(open(in_dir(address, "file"), O_CREAT | O_RDWR, 0644) < 0);
    CHECK(is_filled(buffer.data, 10000, 1));
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
    tell(parent, 'd');
}

static void test_the_kernel_refuses_a_reader_all_that_could_harm(void)
{
    if (!shared_dir()) {
        return;
    }
    struct process owner = owner_of(0640);
    CHECK_OK(ask(&owner, REMOTE_PUT, 1, 10000));
    struct process attacker = spawn(attack, NULL);
    hear(&attacker, 'd');
    finish(&attacker);
    CHECK_OK(ask(&owner, REMOTE_HOLD, 1, 0));
    end_shared(&owner);
}

/* ---- Producers of two users ---- */

static void test_producers_of_two_users_share_a_store(void)
{
    if (!shared_dir()) {
        return;
    }
    struct process owner = owner_of(0660);
    struct login login = { .uid = READER, .gid = SHARED_GROUP,
                           .address = address };
    struct process other = new_remote(login);

    CHECK_OK(ask(&owner, REMOTE_PUT, 1, 1000));
    CHECK_OK(ask(&other, REMOTE_HOLD, 1, 0));
    ask_and_see_it_wait(&owner, REMOTE_WAIT, 2);
    CHECK_OK(ask(&other, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(&other, REMOTE_PUT, 2, 2000));
    CHECK_OK(answer(&owner).status);
    CHECK_OK(ask(&other, REMOTE_DELETE, 1, 0));
    CHECK_STATUS(ask(&owner, REMOTE_PUT, 2, 10), PLASMA_ERR_EXISTS);
    CHECK_OK(ask(&owner, REMOTE_RELEASE, 0, 0));
    CHECK_STATUS(ask(&other, REMOTE_REMOVE, 0, 0), PLASMA_ERR_PERMISSION);

    /* Each cleans up after the other. */
    CHECK_OK(ask(&other, REMOTE_CREATE, 3, CAPACITY / 2));
    kill_process(&other);
    request(&owner, REMOTE_REAP, 0, 0);
    struct reply reply = answer(&owner);
    CHECK_OK(reply.status);
    CHECK_EQ(reply.value, 1);
    CHECK_EQ(members_of(address), 1);
    other = new_remote(login);
    struct process third = owner_of(0);
    CHECK_OK(ask(&third, REMOTE_CREATE, 3, CAPACITY / 2));
    kill_process(&third);
    CHECK_OK(ask(&other, REMOTE_PUT, 3, CAPACITY / 2));
    CHECK_OK(ask(&other, REMOTE_REAP, 0, 0));
    CHECK_EQ(members_of(address), 2);
    end_remote(&other);
    end_shared(&owner);
}

/* ---- Slots of dead clients ---- */

enum { PLACES = 1024, CROWDS = 64 };

/** Join with clients of the owner until no other client finds a slot. */
static void fill_places(struct process *parent, void *arg)
{
    plasma_client_t *client = NULL;
    plasma_mutable_buffer_t writable;
    const uint64_t crowd = *(const uint64_t *)arg;
    plasma_id_t id = id_of(100 + crowd);

    become(OWNER, OWNER);
    for (int at = 0; at < PLACES / CROWDS; at++) {
        plasma_status_t status = connect_to(address, 0, &client);
        if (status != PLASMA_OK) {
            CHECK_STATUS(status, PLASMA_ERR_LIMIT); /* the first one exists */
        }
    }
    CHECK_OK(plasma_create(client, &id, 1000, NULL, &writable));
    tell(parent, 'f');
    hear(parent, 'x');
}

static void come_in(struct process *parent, void *arg)
{
    (void)parent;
    (void)arg;
    become(READER, SHARED_GROUP);
    CHECK_CONNECT(address, 0, PLASMA_ERR_LIMIT);
}

static void test_members_of_a_group_take_the_places_of_each_others_dead(void)
{
    struct process crowds[CROWDS];
    struct rlimit files;

    if (!shared_dir()) {
        return;
    }
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    struct process owner = owner_of(0660);
    for (uint64_t at = 0; at < CROWDS; at++) {
        crowds[at] = spawn(fill_places, &at);
        hear(&crowds[at], 'f');
    }
    CHECK_EQ(members_of(address), PLACES);
    check_child(come_in, NULL);
    kill_process(&owner);
    for (int at = 0; at < CROWDS; at++) {
        kill_process(&crowds[at]);
    }
    CHECK_EQ(members_of(address), PLACES);
    /* All of them belong to another user, and are dead. */
    struct process member = new_remote((struct login){
        .uid = READER, .gid = SHARED_GROUP, .address = address });
    CHECK_EQ(members_of(address), 1);
    CHECK_OK(ask(&member, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(&member, REMOTE_USED), 0);
    CHECK_OK(ask(&member, REMOTE_PUT, 1, 1000));
    owner = owner_of(0);
    CHECK_OK(ask(&owner, REMOTE_HOLD, 1, 0));
    end_remote(&member);
    CHECK_OK(ask(&owner, REMOTE_RELEASE, 0, 0));
    end_shared(&owner);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(a_private_store_is_closed_to_others),
        TEST(each_mode_admits_whom_it_says),
        TEST(root_writes_in_no_store_that_does_not_admit_it),
        TEST(a_reader_of_the_group_reads_and_protects_what_it_holds),
        TEST(a_stranger_reads_a_store_for_the_world),
        TEST(the_kernel_refuses_a_reader_all_that_could_harm),
        TEST(producers_of_two_users_share_a_store),
        TEST(members_of_a_group_take_the_places_of_each_others_dead),
    };
    return RUN_TESTS(argc, argv, tests);
}
