/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A client's file that cannot be read. Its leases are unknown then, so nothing
 * is freed, and a client that needs memory is told which file it is. A reader
 * of another uid cannot exploit that: damage to its own file hurts only
 * itself.
 */

#include "check.h"

#include "hostile.h"

/** Another member of the group, which is another user for the owner. */
static struct process member(void)
{
    return new_remote((struct login){ .uid = READER, .gid = SHARED_GROUP,
                                      .address = address });
}

/** Replaces the file of a living client by something else. */
typedef void spoil_fn(const char *file);

static void forbid(const char *file)
{
    CHECK(chmod(file, 0) == 0);
}

static const char *aside(void)
{
    return in_dir(address, "clients/aside");
}

static void set_aside(const char *file)
{
    CHECK(rename(file, aside()) == 0);
}

static void put_a_link(const char *file)
{
    set_aside(file);
    CHECK(symlink("aside", file) == 0);
}

static void put_a_pipe(const char *file)
{
    set_aside(file);
    CHECK(mkfifo(file, 0644) == 0);
}

static void put_a_directory(const char *file)
{
    set_aside(file);
    CHECK(mkdir(file, 0755) == 0);
}

static void put_a_short_file(const char *file)
{
    set_aside(file);
    make_file(file, "plasmaCL");
    CHECK(chmod(file, 0644) == 0);
}

static void put_a_strange_file(const char *file)
{
    set_aside(file);
    make_file(file, "a file that somebody has put here");
    CHECK(chmod(file, 0644) == 0);
}

static void mend(const char *file)
{
    if (is_there(aside())) {
        remove_all(file);
        CHECK(rename(aside(), file) == 0);
    }
    CHECK(chmod(file, 0644) == 0);
}

static void check_refused(struct process *owner, enum remote_op op,
                          plasma_status_t expected)
{
    CHECK_STATUS(ask(owner, op, 2, 900000), expected);
}

static void nothing_is_freed(spoil_fn *spoil, plasma_status_t expected)
{
    struct process owner;

    begin_closed(0660, &owner);
    struct process other = member();
    const char *file = in_dir(address, "clients/1");
    CHECK_OK(ask(&owner, REMOTE_PUT, 1, 300000));
    CHECK_OK(ask(&other, REMOTE_HOLD, 1, 0));
    spoil(file);
    CHECK_OK(ask(&owner, REMOTE_DELETE, 1, 0));
    /* The object is not freed, and the error is not that the store is full. */
    check_refused(&owner, REMOTE_REAP, expected);
    check_refused(&owner, REMOTE_PUT, expected);
    check_refused(&owner, REMOTE_LISTED, expected);
    CHECK_OK(ask(&owner, REMOTE_PUT, 3, 400000)); /* there is room for that */
    CHECK_OK(ask(&other, REMOTE_LOOK, 0, 0));
    mend(file);
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

static void test_leases_of_a_client_count_when_its_file_cannot_be_opened(void)
{
    if (!as_root()) {
        return;
    }
    nothing_is_freed(forbid, PLASMA_ERR_PERMISSION);
}

static void test_leases_of_a_client_count_when_its_file_is_replaced(void)
{
    if (!as_root()) {
        return;
    }
    nothing_is_freed(put_a_link, PLASMA_ERR_CORRUPT);
    nothing_is_freed(put_a_pipe, PLASMA_ERR_CORRUPT);
    nothing_is_freed(put_a_directory, PLASMA_ERR_CORRUPT);
    nothing_is_freed(put_a_short_file, PLASMA_ERR_CORRUPT);
    nothing_is_freed(put_a_strange_file, PLASMA_ERR_CORRUPT);
}

/** Truncated in the leases: those past the end are unknown. */
static void test_leases_of_a_client_count_when_its_file_is_truncated(void)
{
    char cut[40000];

    if (!as_root()) {
        return;
    }
    struct process owner;
    begin_closed(0660, &owner);
    struct process other = member();
    const char *file = in_dir(address, "clients/1");
    CHECK_OK(ask(&owner, REMOTE_PUT, 1, 300000));
    CHECK_OK(ask(&other, REMOTE_HOLD, 1, 0));
    /* The file itself is not truncated, because the member has it mapped
     * and would get SIGBUS. Another file, locked like that of a living
     * client, is. */
    read_at(file, 0, cut, 36864 + 8);
    set_aside(file);
    int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && fchmod(fd, 0644) == 0);
    CHECK(write(fd, cut, 36864 + 8) == 36864 + 8);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    CHECK(fcntl(fd, 37 /* F_OFD_SETLK */, &lock) == 0);
    CHECK_OK(ask(&owner, REMOTE_DELETE, 1, 0));
    CHECK_STATUS(ask(&owner, REMOTE_REAP, 0, 0), PLASMA_ERR_CORRUPT);
    CHECK_OK(ask(&other, REMOTE_LOOK, 0, 0));
    close(fd);
    mend(file);
    CHECK_OK(ask(&other, REMOTE_RELEASE, 0, 0));
    CHECK_OK(ask(&owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(&owner, REMOTE_USED), 128);
    end_remote(&other);
    end_remote(&owner);
    remove_all(store());
}

static void look_at_the_message(struct process *parent, void *arg)
{
    plasma_client_t *client = NULL;

    (void)arg;
    (void)parent;
    become(OWNER, SHARED_GROUP);
    CHECK_OK(connect_to(address, 0, &client)); /* connecting frees nothing */
    plasma_id_t id = id_of(1);
    plasma_mutable_buffer_t writable;
    CHECK_STATUS(plasma_create(client, &id, 2000000, NULL, &writable),
                 PLASMA_ERR_TOO_LARGE);
    CHECK_STATUS(plasma_create(client, &id, 1000000, NULL, &writable),
                 PLASMA_ERR_PERMISSION);
    CHECK_MESSAGE("/clients/1");
    CHECK_MESSAGE("chmod 644");
    CHECK_EQ(plasma_error_errno(), EACCES);
    CHECK_STATUS(plasma_reap(client, &(uint64_t){ 0 }), PLASMA_ERR_PERMISSION);
    CHECK_MESSAGE("/clients/1");
    plasma_disconnect(client);
}

static void test_the_message_names_the_file_and_the_way_out(void)
{
    if (!as_root()) {
        return;
    }
    struct process owner;
    begin_closed(0660, &owner);
    struct process other = member();
    CHECK_OK(ask(&other, REMOTE_PUT, 7, 500000));
    forbid(in_dir(address, "clients/1"));
    check_child(look_at_the_message, NULL);
    mend(in_dir(address, "clients/1"));
    end_remote(&other);
    end_remote(&owner);
    remove_all(store());
}

/** The last client to leave does not remove a store that another may be
 * using. */
static void test_an_ephemeral_store_stays_when_a_client_cannot_be_looked_at(void)
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
    forbid(in_dir(address, "clients/1"));
    end_remote(&owner);
    CHECK_OK(ask(&other, REMOTE_HOLD, 1, 0));
    mend(in_dir(address, "clients/1"));
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
        TEST(leases_of_a_client_count_when_its_file_cannot_be_opened),
        TEST(leases_of_a_client_count_when_its_file_is_replaced),
        TEST(leases_of_a_client_count_when_its_file_is_truncated),
        TEST(the_message_names_the_file_and_the_way_out),
        TEST(an_ephemeral_store_stays_when_a_client_cannot_be_looked_at),
        TEST(a_reader_with_the_inode_number_of_another_is_not_taken_for_it),
    };
    return RUN_TESTS(argc, argv, tests);
}
