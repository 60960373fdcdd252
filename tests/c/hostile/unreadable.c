/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Lock files that cannot be opened, or that somebody replaced. Nobody can ask
 * then whether a client lives, so what it holds is not freed, and a client that
 * needs the memory is told which file it is. A reader of another uid cannot
 * exploit its own file: damage to it hurts only itself.
 */

#include "check.h"

#include "hostile.h"

/** Another member of the group, which is another user for the owner. */
static struct process member(void)
{
    return new_remote((struct login){ .uid = READER, .gid = SHARED_GROUP,
                                      .address = address });
}

static const char *lock_file(int which)
{
    char name[16];

    snprintf(name, sizeof name, "locks/%d", which);
    return in_dir(address, name);
}

static const char *aside(int which)
{
    char name[16];

    snprintf(name, sizeof name, "aside%d", which);
    return in_dir(store(), name);
}

/** Replaces a lock file by something else. */
typedef void spoil_fn(const char *file);

static void forbid(const char *file)
{
    CHECK(chmod(file, 0) == 0);
}

static void leave_out(const char *file)
{
    CHECK(!is_there(file));
}

static void put_a_link(const char *file)
{
    CHECK(symlink(aside(0), file) == 0);
}

static void put_a_pipe(const char *file)
{
    CHECK(mkfifo(file, 0666) == 0 && chmod(file, 0666) == 0);
}

static void put_a_directory(const char *file)
{
    CHECK(mkdir(file, 0755) == 0);
}

static void put_another_file(const char *file)
{
    make_file(file, "");
    CHECK(chmod(file, 0666) == 0);
}

static void spoil_all(spoil_fn *spoil)
{
    for (int which = 0; which < LOCKS; which++) {
        if (spoil != forbid) {
            CHECK(rename(lock_file(which), aside(which)) == 0);
        }
        spoil(lock_file(which));
    }
}

static void mend_all(spoil_fn *spoil)
{
    for (int which = 0; which < LOCKS; which++) {
        if (spoil != forbid) {
            if (spoil != leave_out) {
                remove_all(lock_file(which));
            }
            CHECK(rename(aside(which), lock_file(which)) == 0);
        }
        CHECK(chmod(lock_file(which), 0660) == 0);
    }
}

static void come_in(struct process *parent, void *arg)
{
    (void)parent;
    become(READER, SHARED_GROUP);
    CHECK_CONNECT(address, 0, *(const plasma_status_t *)arg);
}

static void nothing_is_freed(spoil_fn *spoil, plasma_status_t expected)
{
    struct process owner;

    begin_closed(0660, &owner);
    struct process other = member();
    CHECK_OK(ask(&owner, REMOTE_PUT, 1, 300000));
    CHECK_OK(ask(&other, REMOTE_HOLD, 1, 0));
    spoil_all(spoil);
    CHECK_OK(ask(&owner, REMOTE_DELETE, 1, 0));
    /* The object is not freed, and the error is not that the store is full. */
    CHECK_STATUS(ask(&owner, REMOTE_REAP, 0, 0), expected);
    CHECK_STATUS(ask(&owner, REMOTE_PUT, 2, 900000), expected);
    CHECK_STATUS(ask(&owner, REMOTE_LISTED, 2, 900000), expected);
    CHECK_OK(ask(&owner, REMOTE_PUT, 3, 400000)); /* there is room for that */
    CHECK_OK(ask(&other, REMOTE_LOOK, 0, 0));
    check_child(come_in, &expected);
    mend_all(spoil);
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_STATUS(ask(&owner, REMOTE_PUT, 2, 900000), PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_OK(ask(&other, REMOTE_LOOK, 0, 0));
    CHECK_OK(ask(&other, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(&owner, REMOTE_DELETE, 3, 0));
    CHECK_OK(ask(&owner, REMOTE_PUT, 2, 900000));
    end_remote(&other);
    end_remote(&owner);
    remove_all(store());
}

static void test_leases_of_a_client_count_when_no_lock_file_can_be_opened(void)
{
    if (!as_root()) {
        return;
    }
    nothing_is_freed(forbid, PLASMA_ERR_PERMISSION);
}

static void test_leases_of_a_client_count_when_lock_files_are_replaced(void)
{
    if (!as_root()) {
        return;
    }
    nothing_is_freed(leave_out, PLASMA_ERR_CORRUPT);
    nothing_is_freed(put_a_link, PLASMA_ERR_CORRUPT);
    nothing_is_freed(put_a_pipe, PLASMA_ERR_CORRUPT);
    nothing_is_freed(put_a_directory, PLASMA_ERR_CORRUPT);
    nothing_is_freed(put_another_file, PLASMA_ERR_CORRUPT);
}

static void look_at_the_message(struct process *parent, void *arg)
{
    plasma_client_t *client = NULL;

    (void)arg;
    become(OWNER, SHARED_GROUP);
    CHECK_OK(connect_to(address, 0, &client));
    tell(parent, 'c');
    hear(parent, 'g');
    spoil_all(forbid);
    plasma_id_t id = id_of(7);
    plasma_mutable_buffer_t writable;
    CHECK_OK(plasma_delete(client, &id));
    CHECK_STATUS(plasma_create(client, &id, 2000000, NULL, &writable),
                 PLASMA_ERR_TOO_LARGE);
    CHECK_STATUS(plasma_create(client, &id, 1000000, NULL, &writable),
                 PLASMA_ERR_PERMISSION);
    CHECK_MESSAGE(in_dir(address, "locks/"));
    CHECK_EQ(plasma_error_errno(), EACCES);
    CHECK_STATUS(plasma_reap(client, &(uint64_t){ 0 }), PLASMA_ERR_PERMISSION);
    CHECK_MESSAGE(in_dir(address, "locks/"));
    mend_all(forbid);
    plasma_disconnect(client);
}

static void test_the_message_names_the_lock_file(void)
{
    if (!as_root()) {
        return;
    }
    struct process owner;
    begin_closed(0660, &owner);
    struct process viewer = spawn(look_at_the_message, NULL);
    hear(&viewer, 'c');
    struct process other = member();
    CHECK_OK(ask(&other, REMOTE_PUT, 7, 500000));
    CHECK_OK(ask(&other, REMOTE_HOLD, 7, 0));
    tell(&viewer, 'g');
    finish(&viewer);
    CHECK_OK(ask(&other, REMOTE_RELEASE, 0, 0));
    end_remote(&other);
    end_remote(&owner);
    remove_all(store());
}

/** The last client to leave does not remove a store that another may be
 * using. */
static void test_an_ephemeral_store_stays_when_a_client_cannot_be_asked_about(void)
{
    if (!as_root()) {
        return;
    }
    umask(022);
    CHECK(mkdir(store(), 0755) == 0 && chown(store(), OWNER, SHARED_GROUP) == 0);
    CHECK(chmod(store(), 02755) == 0);
    address = in_dir(store(), "shared");
    struct process owner = new_remote((struct login){
        .uid = OWNER, .gid = SHARED_GROUP, .address = address, .mode = 0660,
        .capacity = CAPACITY, .flags = PLASMA_CONNECT_EPHEMERAL });
    struct process other = member();
    CHECK_OK(ask(&owner, REMOTE_PUT, 1, 1000));
    spoil_all(forbid);
    end_remote(&owner);
    CHECK_OK(ask(&other, REMOTE_HOLD, 1, 0));
    mend_all(forbid);
    CHECK_OK(ask(&other, REMOTE_RELEASE, 0, 0));
    end_remote(&other);
    remove_all(store());
}

/* ---- Reused inode numbers ---- */

enum { CROWD = 70 };

static void crowd(struct process *parent, void *arg)
{
    plasma_client_t *clients[CROWD];

    (void)arg;
    become(READER, STRANGER);
    for (int at = 0; at < CROWD; at++) {
        CHECK_OK(connect_to(address, PLASMA_CONNECT_READ_ONLY, &clients[at]));
    }
    tell(parent, 'c');
    hear(parent, 'x');
    for (int at = 0; at < CROWD; at++) {
        plasma_disconnect(clients[at]);
    }
}

static struct process late_reader(void)
{
    return new_remote((struct login){ .uid = READER, .gid = STRANGER,
                                      .address = address,
                                      .flags = PLASMA_CONNECT_READ_ONLY });
}

static ino_t inode_of(const char *path)
{
    struct stat status;

    CHECK(lstat(path, &status) == 0);
    return status.st_ino;
}

/** A reader leaves, and the next one gets its name and its inode number. */
static void the_next_one_counts(struct process *owner, uint64_t turn, int *again)
{
    const char *file = slot_file(CROWD);

    struct process reader = late_reader();
    ino_t before = inode_of(file);
    CHECK_OK(ask(owner, REMOTE_PUT, 100 + turn, 1000));
    CHECK_OK(ask(owner, REMOTE_DELETE, 100 + turn, 0));
    CHECK_OK(ask(owner, REMOTE_REAP, 0, 0)); /* the owner scans it */
    end_remote(&reader);
    reader = late_reader();
    *again += inode_of(file) == before;
    CHECK_OK(ask(owner, REMOTE_PUT, 1, 300000));
    CHECK_OK(ask(&reader, REMOTE_HOLD, 1, 0));
    CHECK_OK(ask(owner, REMOTE_DELETE, 1, 0));
    CHECK_STATUS(ask(owner, REMOTE_PUT, 2, 900000), PLASMA_ERR_OUT_OF_MEMORY);
    CHECK_OK(ask(&reader, REMOTE_LOOK, 0, 0));
    CHECK_OK(ask(&reader, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(owner, REMOTE_REAP, 0, 0));
    end_remote(&reader);
}

static int run_program(char *const argv[])
{
    pid_t pid = fork();
    int status = 0;

    CHECK(pid >= 0);
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status == 0;
}

/** A file system that reuses inode numbers, which tmpfs does not; only this
 * process and its children see it. */
static int mount_ext4(const char *dir)
{
    char *image = (char *)(uintptr_t)in_dir(store(), "image");
    char *make[] = { "mkfs.ext4", "-q", "-F", image, NULL };
    char *mount[] = { "mount", "-o", "loop", image, (char *)(uintptr_t)dir, NULL };

    make_file(image, "");
    CHECK(mkdir(dir, 0755) == 0 && truncate(image, 48 << 20) == 0);
    private_mounts();
    return run_program(make) && run_program(mount);
}

static void test_a_reader_with_the_inode_number_of_another_is_not_taken_for_it(void)
{
    struct process owner;
    int again = 0;

    if (!as_root()) {
        return;
    }
    umask(022);
    CHECK(mkdir(store(), 0755) == 0);
    const char *disk = in_dir(store(), "disk");
    if (!mount_ext4(disk)) {
        skip_test("no ext4 can be made and mounted");
        remove_all(store());
        return;
    }
    CHECK(chown(disk, OWNER, SHARED_GROUP) == 0);
    address = in_dir(disk, "shared");
    owner = new_remote((struct login){ .uid = OWNER, .gid = SHARED_GROUP,
                                       .address = address, .mode = 0644,
                                       .capacity = CAPACITY });
    struct process many = spawn(crowd, NULL);
    hear(&many, 'c');
    CHECK_OK(ask(&owner, REMOTE_PUT, 9, 1000));
    CHECK_OK(ask(&owner, REMOTE_DELETE, 9, 0));
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0)); /* it keeps the files that it scans open */
    for (uint64_t turn = 0; turn < 8; turn++) {
        the_next_one_counts(&owner, turn, &again);
    }
    tell(&many, 'x');
    finish(&many);
    CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
    end_remote(&owner);
    CHECK(umount2(disk, MNT_DETACH) == 0);
    remove_all(store());
    CHECK(again > 0);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(leases_of_a_client_count_when_no_lock_file_can_be_opened),
        TEST(leases_of_a_client_count_when_lock_files_are_replaced),
        TEST(the_message_names_the_lock_file),
        TEST(an_ephemeral_store_stays_when_a_client_cannot_be_asked_about),
        TEST(a_reader_with_the_inode_number_of_another_is_not_taken_for_it),
    };
    return RUN_TESTS(argc, argv, tests);
}
