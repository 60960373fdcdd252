/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Addresses: which store they name, and which ones are refused.
 */

#include "system.h"

/** Mount a new tmpfs over /dev/shm, for the stores that are addressed by
 * words. */
static void own_shm(void)
{
    private_mounts();
    mount_at("/dev/shm", "tmpfs", "size=64m,mode=1777");
}

static const char *words_dir(void)
{
    static char path[64];

    snprintf(path, sizeof path, "/dev/shm/plasma-%u", outer_uid());
    return path;
}

static void opens(const char *address, const char *path)
{
    plasma_client_t *client = NULL;

    CHECK_OK(plasma_connect(address, NULL, &client));
    CHECK_TEXT(plasma_client_address(client), path);
    CHECK(is_there(in_dir(path, "index")));
    plasma_disconnect(client);
}

/** Neither connect nor remove accepts the address, and both say why. */
static void refused(const char *address, plasma_status_t expected)
{
    const uint32_t flags[] = { 0, PLASMA_CONNECT_EXISTING,
                               PLASMA_CONNECT_EXCLUSIVE,
                               PLASMA_CONNECT_READ_ONLY };

    for (size_t at = 0; at < sizeof flags / sizeof *flags; at++) {
        CHECK_CONNECT(address, flags[at], expected);
        CHECK(strlen(plasma_error_message()) > 20);
    }
    CHECK_STATUS(plasma_store_remove(address), expected);
    CHECK(strlen(plasma_error_message()) > 20);
}

static void test_null_is_the_environment_and_else_the_default(void)
{
    if (!as_root()) {
        return;
    }
    own_shm();
    CHECK(unsetenv("PLASMA_STORE") == 0);
    opens(NULL, in_dir(words_dir(), "default"));
    CHECK(setenv("PLASMA_STORE", "from-environment", 1) == 0);
    opens(NULL, in_dir(words_dir(), "from-environment"));
    CHECK(setenv("PLASMA_STORE", "/dev/shm/by-path", 1) == 0);
    opens(NULL, "/dev/shm/by-path");
    opens("not-from-environment", in_dir(words_dir(), "not-from-environment"));
    CHECK_OK(plasma_store_remove(NULL));
    CHECK(!is_there("/dev/shm/by-path"));
    CHECK(setenv("PLASMA_STORE", "not a word", 1) == 0);
    refused(NULL, PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_MESSAGE("PLASMA_STORE");
}

static void test_words_are_private_stores_and_their_directory_comes_and_goes(void)
{
    char longest[65];

    if (!as_root()) {
        return;
    }
    own_shm();
    umask(0);
    memset(longest, 'w', 64);
    longest[64] = '\0';
    opens("a.B-c_9", in_dir(words_dir(), "a.B-c_9"));
    opens(longest, in_dir(words_dir(), longest));
    CHECK_EQ(mode_of(words_dir()), 0700);
    CHECK_OK(plasma_store_remove("a.B-c_9"));
    CHECK(is_there(in_dir(words_dir(), longest)));
    CHECK_OK(plasma_store_remove(longest));
    CHECK(!is_there(words_dir()));
}

static void another_user(struct process *parent, void *arg)
{
    (void)parent;
    (void)arg;
    become(STRANGER, STRANGER);
    opens("same-word", "/dev/shm/plasma-65534/same-word");
    CHECK_CONNECT("/dev/shm/plasma-0/same-word", 0, PLASMA_ERR_PERMISSION);
}

static void test_the_same_word_is_another_store_for_another_user(void)
{
    if (!as_root()) {
        return;
    }
    own_shm();
    opens("same-word", in_dir(words_dir(), "same-word"));
    check_child(another_user, NULL);
    CHECK(is_there("/dev/shm/plasma-65534/same-word"));
}

static void test_a_directory_of_words_that_others_can_write_is_refused(void)
{
    if (!as_root()) {
        return;
    }
    own_shm();
    CHECK(mkdir(words_dir(), 0700) == 0 && chmod(words_dir(), 0777) == 0);
    CHECK_CONNECT("word", 0, PLASMA_ERR_PERMISSION);
    CHECK_MESSAGE(words_dir());
    CHECK(chmod(words_dir(), 0700) == 0 && chown(words_dir(), STRANGER, 0) == 0);
    CHECK_CONNECT("word", 0, PLASMA_ERR_PERMISSION);
    CHECK(chown(words_dir(), 0, 0) == 0);
    CHECK_CONNECT("word", 0, PLASMA_OK);
}

/** No call uses, or even follows, the file of a stranger at this path. */
static void squatted(const char *way_out)
{
    const uint32_t flags[] = { 0, PLASMA_CONNECT_EXISTING,
                               PLASMA_CONNECT_EXCLUSIVE,
                               PLASMA_CONNECT_READ_ONLY };

    for (size_t at = 0; at < sizeof flags / sizeof *flags; at++) {
        CHECK_CONNECT("word", flags[at], PLASMA_ERR_PERMISSION);
        CHECK_MESSAGE(words_dir());
        CHECK_MESSAGE("uid 65534");
        CHECK_MESSAGE(way_out);
        CHECK_MESSAGE("PLASMA_STORE");
    }
    CHECK_STATUS(plasma_store_remove("word"), PLASMA_ERR_PERMISSION);
    CHECK_MESSAGE("uid 65534");
    CHECK_MESSAGE(way_out);
    opens("/dev/shm/by-path", "/dev/shm/by-path"); /* the remedy works */
    CHECK_OK(plasma_store_remove("/dev/shm/by-path"));
}

static void squatted_for_a_user(struct process *parent, void *arg)
{
    (void)parent;
    (void)arg;
    become(READER, READER);
    squatted("have its owner or root remove it");
}

/** Files that a stranger may put at the path of a user's words. */
static void test_a_squatter_is_named_and_nothing_of_its_is_used(void)
{
    enum { EMPTY, CLOSED, WITH_A_STORE, A_LINK, A_FILE, KINDS };
    const uid_t victims[] = { 0, READER };
    char place[64];

    if (!as_root()) {
        return;
    }
    own_shm();
    /* The target of a link: a store that the victim itself has made. */
    CHECK(mkdir("/dev/shm/elsewhere", 0755) == 0);
    for (size_t victim = 0; victim < 2; victim++) {
        make_at("/dev/shm/elsewhere/word", 1 << 20, 0644);
        snprintf(place, sizeof place, "/dev/shm/plasma-%u", (unsigned)victims[victim]);
        for (int kind = EMPTY; kind < KINDS; kind++) {
            if (kind == A_LINK) {
                CHECK(symlink("/dev/shm/elsewhere", place) == 0);
            } else if (kind == A_FILE) {
                make_file(place, "mine");
            } else {
                CHECK(mkdir(place, 0755) == 0);
            }
            if (kind == WITH_A_STORE) {
                make_at(in_dir(place, "word"), 1 << 20, 0644);
            }
            CHECK(chmod(place, kind == CLOSED ? 0700 : 0755) == 0);
            CHECK(lchown(place, STRANGER, STRANGER) == 0);
            if (victims[victim] == 0) {
                squatted("remove it");
            } else {
                check_child(squatted_for_a_user, NULL);
            }
            CHECK(is_there("/dev/shm/elsewhere/word/index"));
            CHECK_EQ(entries("/dev/shm/elsewhere"), 1);
            remove_all(place);
        }
        CHECK_OK(plasma_store_remove("/dev/shm/elsewhere/word"));
    }
}

static void root_of_a_namespace(struct process *parent, void *arg)
{
    const int new_user = 0x10000000; /* CLONE_NEWUSER */
    char map[64];

    (void)arg;
    become(STRANGER, STRANGER);
    if (syscall(SYS_unshare, (long)new_user) != 0) {
        tell(parent, 'n');
        return;
    }
    snprintf(map, sizeof map, "0 %d 1\n", STRANGER);
    int file = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    CHECK(file >= 0 && write(file, map, strlen(map)) == (ssize_t)strlen(map));
    CHECK(close(file) == 0);
    CHECK(geteuid() == 0);
    opens("word", "/dev/shm/plasma-65534/word");
    tell(parent, 'y');
}

/**
 * `unshare -r` makes any user uid 0 of a namespace: a user of words there took
 * the path of root's words, and root's were refused from then on.
 */
static void test_root_of_a_user_namespace_is_still_the_user_that_it_was(void)
{
    if (!as_root()) {
        return;
    }
    own_shm();
    struct process child = spawn(root_of_a_namespace, NULL);
    char letter;
    hear_bytes(&child, &letter, 1);
    finish(&child);
    if (letter == 'n') {
        skip_test("needs user namespaces");
        return;
    }
    opens("word", in_dir(words_dir(), "word"));
    CHECK(is_there("/dev/shm/plasma-65534/word"));
    CHECK_OK(plasma_store_remove("word"));
}

static void leave_the_directory(struct process *parent, void *arg)
{
    (void)parent;
    (void)arg;
    char path[700];
    plasma_client_t *client = NULL;
    const char *inner = in_dir(check_dir, "inner");

    CHECK(mkdir(inner, 0755) == 0 && chdir(inner) == 0);
    snprintf(path, sizeof path, "../%s", strrchr(store(), '/') + 1);
    CHECK_OK(connect_to(path, PLASMA_CONNECT_EPHEMERAL, &client));
    snprintf(path, sizeof path, "%s/../%s", inner, strrchr(store(), '/') + 1);
    CHECK_TEXT(plasma_client_address(client), path);
    put_pattern(client, 1, 100, NULL);
    CHECK(chdir("/") == 0);
    CHECK_CONNECT(plasma_client_address(client), PLASMA_CONNECT_EXISTING, PLASMA_OK);
    plasma_disconnect(client);
    CHECK(!is_there(store())); /* it was removed with its last client */

    /* After a rename it is still the directory that contains it. */
    CHECK(chdir(inner) == 0);
    CHECK_OK(connect_to("./moved", PLASMA_CONNECT_EPHEMERAL, &client));
    CHECK(rename(inner, store()) == 0);
    plasma_disconnect(client);
    CHECK_EQ(entries(store()), 0);

    /* After a deletion it has no path, and only relative addresses are
     * refused. */
    CHECK(rmdir(store()) == 0);
    CHECK_STATUS(connect_to("./store", 0, &client), PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_MESSAGE("working directory");
    CHECK_STATUS(plasma_store_remove("./store"), PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_MESSAGE("working directory");
    opens(store(), store());
    CHECK_OK(plasma_store_remove(store()));
}

/**
 * An EPHEMERAL store with a relative address was not removed when the working
 * directory had changed by the time of the last leave, and its address was
 * wrong.
 */
static void test_a_relative_address_is_the_store_that_it_was_when_connecting(void)
{
    check_child(leave_the_directory, NULL);
}

static void test_a_path_is_the_directory_of_the_store(void)
{
    char path[700];
    plasma_client_t *client = NULL;

    opens(store(), store());
    snprintf(path, sizeof path, "%s/", store());
    opens(path, store());
    snprintf(path, sizeof path, "%s///", store());
    opens(path, store());
    CHECK(chdir(check_dir) == 0);
    snprintf(path, sizeof path, "./%s", strrchr(store(), '/') + 1);
    CHECK_OK(plasma_connect(path, NULL, &client));
    put_pattern(client, 1, 100, NULL);
    CHECK(chdir("/") == 0);
    put_pattern(client, 2, 100, NULL);
    plasma_disconnect(client);
    client = join_store();
    plasma_buffer_t buffer = get_pattern(client, 2, 100);
    CHECK_OK(plasma_release(&buffer));
    plasma_disconnect(client);
    /* A name may contain what a word may not. */
    snprintf(path, sizeof path, "%s/. ~ \xc3\xa9\xe6\x97\xa5", check_dir);
    opens(path, path);
    CHECK_OK(plasma_store_remove(path));
    CHECK(!is_there(path));
}

static void test_addresses_that_name_nothing_are_refused(void)
{
    static const char *const wrong[] = {
        "", ".", "..", "/", "//", "./", "../", "/tmp/.", "/tmp/..", "a/..",
        ".hidden", "two words", "w\xc3\xb6rd", "tab\t", "new\nline", "star*",
        "\xff", "/tmp/\xff\xfe", "\xc3/half",
    };
    char word[66], name[300], path[6000];

    CHECK(chdir(check_dir) == 0);
    for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
        refused(wrong[at], PLASMA_ERR_INVALID_ARGUMENT);
    }
    memset(word, 'w', 65);
    word[65] = '\0';
    refused(word, PLASMA_ERR_INVALID_ARGUMENT);
    snprintf(name, sizeof name, "./");
    memset(name + 2, 'n', 256);
    name[258] = '\0';
    refused(name, PLASMA_ERR_INVALID_ARGUMENT);
    strcpy(name + 258, "/store");
    refused(name, PLASMA_ERR_INVALID_ARGUMENT);
    for (size_t at = 0; at < sizeof path - 1; at++) {
        path[at] = at % 2 == 0 ? '/' : 'p';
    }
    path[sizeof path - 1] = '\0';
    refused(path, PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_EQ(entries(check_dir), 0);
}

static void test_a_missing_parent_is_named(void)
{
    const char *path = in_dir(store(), "store");

    CHECK_CONNECT(path, 0, PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_MESSAGE(store());
    CHECK_CONNECT(path, PLASMA_CONNECT_EXCLUSIVE, PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_CONNECT(path, PLASMA_CONNECT_EXISTING, PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_CONNECT(path, PLASMA_CONNECT_READ_ONLY, PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_STATUS(plasma_store_remove(path), PLASMA_ERR_STORE_NOT_FOUND);
    make_file(store(), "a file");
    CHECK_CONNECT(path, 0, PLASMA_ERR_NOT_A_STORE);
    CHECK_STATUS(plasma_store_remove(path), PLASMA_ERR_NOT_A_STORE);
    CHECK(holds(store(), "a file"));
    CHECK(unlink(store()) == 0);
}

static void test_existing_and_exclusive_report_their_finding(void)
{
    CHECK_CONNECT(store(), PLASMA_CONNECT_EXISTING, PLASMA_ERR_STORE_NOT_FOUND);
    CHECK_MESSAGE(store());
    CHECK_CONNECT(store(), PLASMA_CONNECT_READ_ONLY, PLASMA_ERR_STORE_NOT_FOUND);
    CHECK(!is_there(store()));
    CHECK_CONNECT(store(), PLASMA_CONNECT_EXCLUSIVE, PLASMA_OK);
    CHECK_CONNECT(store(), PLASMA_CONNECT_EXCLUSIVE, PLASMA_ERR_STORE_EXISTS);
    CHECK_MESSAGE(store());
    CHECK_CONNECT(store(), PLASMA_CONNECT_EXISTING, PLASMA_OK);
    CHECK_CONNECT(store(), PLASMA_CONNECT_READ_ONLY, PLASMA_OK);
    CHECK_CONNECT(store(), 0, PLASMA_OK);
    CHECK_CONNECT(store(), PLASMA_CONNECT_EXISTING | PLASMA_CONNECT_EXCLUSIVE,
                  PLASMA_ERR_INVALID_ARGUMENT);
    CHECK_CONNECT(store(), PLASMA_CONNECT_READ_ONLY | PLASMA_CONNECT_EXCLUSIVE,
                  PLASMA_ERR_INVALID_ARGUMENT);
}

static void test_other_files_are_refused_and_left_alone(void)
{
    const char *target = in_dir(check_dir, "target");

    make_file(store(), "a file");
    refused(store(), PLASMA_ERR_NOT_A_STORE);
    CHECK(holds(store(), "a file"));
    CHECK(unlink(store()) == 0);

    CHECK(mknod(store(), S_IFSOCK | 0600, 0) == 0);
    refused(store(), PLASMA_ERR_NOT_A_STORE);
    CHECK(unlink(store()) == 0);

    CHECK(mkfifo(store(), 0600) == 0);
    refused(store(), PLASMA_ERR_NOT_A_STORE);
    CHECK(unlink(store()) == 0);

    CHECK(symlink(target, store()) == 0);
    refused(store(), PLASMA_ERR_NOT_A_STORE); /* it leads nowhere */
    make_at(target, 1 << 20, 0);
    refused(store(), PLASMA_ERR_NOT_A_STORE); /* it leads to a store */
    CHECK_MESSAGE("link");
    CHECK_OK(plasma_store_remove(target));
    CHECK(unlink(store()) == 0);

    CHECK(mkdir(store(), 0700) == 0);
    refused(store(), PLASMA_ERR_NOT_A_STORE); /* empty */
    make_file(in_dir(store(), "letter"), "keep me");
    refused(store(), PLASMA_ERR_NOT_A_STORE); /* unrelated */
    make_file(in_dir(store(), "index"), "Contents: 1. Introduction");
    make_file(in_dir(store(), "heap"), "of books");
    CHECK(mkdir(in_dir(store(), "locks"), 0755) == 0);
    make_file(in_dir(store(), "locks/0"), "Mr. Smith");
    refused(store(), PLASMA_ERR_NOT_A_STORE); /* its index belongs to another user */
    CHECK(holds(in_dir(store(), "letter"), "keep me"));
    CHECK(holds(in_dir(store(), "heap"), "of books"));
    CHECK(holds(in_dir(store(), "locks/0"), "Mr. Smith"));
    CHECK_EQ(entries(store()), 4);
    CHECK_EQ(entries(check_dir), 1);
    remove_all(store());
}

static void test_a_small_file_stands_for_the_store_that_it_names(void)
{
    const char *target = in_dir(check_dir, "target"), *file = in_dir(check_dir, "file");
    char text[512];

    make_at(target, 1 << 20, 0);
    snprintf(text, sizeof(text), "plasma-store-link 1\n%s\n", target);
    make_file(file, text);
    CHECK(chmod(file, 0644) == 0);
    plasma_client_t *client;
    CHECK_OK(plasma_connect(file, NULL, &client));
    CHECK(strcmp(plasma_client_address(client), target) == 0);
    plasma_disconnect(client);
    CHECK(chmod(file, 0664) == 0); /* others could name another store */
    refused(file, PLASMA_ERR_PERMISSION);
    CHECK(chmod(file, 0644) == 0);
    CHECK_OK(plasma_store_remove(file));
    CHECK(entries(check_dir) == 1 && holds(file, text));
    CHECK(unlink(file) == 0);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(null_is_the_environment_and_else_the_default),
        TEST(words_are_private_stores_and_their_directory_comes_and_goes),
        TEST(the_same_word_is_another_store_for_another_user),
        TEST(a_directory_of_words_that_others_can_write_is_refused),
        TEST(a_squatter_is_named_and_nothing_of_its_is_used),
        TEST(root_of_a_user_namespace_is_still_the_user_that_it_was),
        TEST(a_relative_address_is_the_store_that_it_was_when_connecting),
        TEST(a_path_is_the_directory_of_the_store),
        TEST(addresses_that_name_nothing_are_refused),
        TEST(a_missing_parent_is_named),
        TEST(existing_and_exclusive_report_their_finding),
        TEST(other_files_are_refused_and_left_alone),
        TEST(a_small_file_stands_for_the_store_that_it_names),
    };
    return RUN_TESTS(argc, argv, tests);
}
