/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An attacker of another uid beside a producer and an honest reader, which do
 * not notice it. Include it after check.h.
 */

#ifndef HOSTILE_H
#define HOSTILE_H

#include "remote.h"

enum { OWNER = 65532, HONEST = 65531, CAPACITY = 1 << 20 };

static const char *address;

/** The actions of the attacker once it is connected and holds object 9. */
typedef void attack_fn(const char *own_file);

/** The modes that admit readers of other uids. */
static const uint32_t open_modes[] = { 0640, 0644, 0664 };

/** The group of readers: the store's where the mode admits only that group,
 * else a foreign one. */
static inline gid_t gid_of_readers(uint32_t mode)
{
    return mode == 0640 ? SHARED_GROUP : STRANGER;
}

static inline const char *slot_file(int slot)
{
    char name[32];

    snprintf(name, sizeof name, "readers/%d", slot);
    return in_dir(address, name);
}

/** Do something repeatedly until this process or its parent ends. */
static inline void in_background(void (*once)(void))
{
    const pid_t parent = getpid();
    const pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent) { /* the parent may have ended already */
            once();
        }
        _exit(0);
    }
}

struct attacker {
    attack_fn *attack;
    gid_t gid;
};

static inline void join_and_attack(struct process *parent, void *arg)
{
    const struct attacker *self = arg;
    plasma_client_t *client = NULL;
    int slot = 0;
    const char *own;

    become(READER, self->gid);
    while (is_there(slot_file(slot))) {
        slot++;
    }
    own = slot_file(slot); /* we get the first free slot */
    CHECK_OK(connect_to(address, PLASMA_CONNECT_READ_ONLY, &client));
    plasma_buffer_t held = get_pattern(client, 9, 100);
    CHECK(is_there(own));
    tell(parent, 'j');
    hear(parent, 'g');
    self->attack(own);
    tell(parent, 'a');
    hear(parent, 'x');
    plasma_release(&held);
    plasma_disconnect(client);
}

/** A producer and an honest reader use the whole store. */
static inline void all_is_well(struct process *owner, struct process *honest)
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
    CHECK_OK(ask(owner, REMOTE_ALL, 0, 0));
    CHECK_OK(ask(owner, REMOTE_REAP, 0, 0));
    CHECK_EQ(ask_value(owner, REMOTE_USED), before);
    ask_value(honest, REMOTE_LEASES);
    /* Others may join and leave. */
    CHECK_OK(connect_to(address, PLASMA_CONNECT_READ_ONLY, &client));
    plasma_client_list_t *list;
    CHECK_OK(plasma_list_clients(client, &list));
    CHECK(plasma_client_list_count(list) >= 3);
    plasma_client_list_free(list);
    plasma_disconnect(client);
}

/** Make a store of this mode, its owner, and object 9. */
static inline void begin_closed(uint32_t mode, struct process *owner)
{
    umask(022);
    CHECK(mkdir(store(), 0755) == 0 && chown(store(), OWNER, SHARED_GROUP) == 0);
    CHECK(chmod(store(), 02755) == 0);
    address = in_dir(store(), "shared");
    *owner = new_remote((struct login){ .uid = OWNER, .gid = SHARED_GROUP,
                                        .address = address, .mode = mode,
                                        .capacity = CAPACITY });
    CHECK_OK(ask(owner, REMOTE_PUT, 9, 100));
}

/** The same with an honest reader. */
static inline void begin_attacked(uint32_t mode, struct process *owner,
                                  struct process *honest)
{
    begin_closed(mode, owner);
    *honest = new_remote((struct login){ .uid = HONEST,
                                         .gid = gid_of_readers(mode),
                                         .address = address,
                                         .flags = PLASMA_CONNECT_READ_ONLY });
}

enum end { KILLED, LEAVES, STAYS, ENDS };

static inline void end_attacker(struct process *attacker, enum end end)
{
    if (end == LEAVES) {
        kill(attacker->pid, SIGCONT);
        tell(attacker, 'x');
        reap_process(attacker); /* it may fault in a file that it truncated itself */
    } else {
        kill_process(attacker);
    }
}

static inline void survives_in(uint32_t mode, attack_fn *attack)
{
    struct attacker self = { attack, gid_of_readers(mode) };
    struct process owner, honest;

    begin_attacked(mode, &owner, &honest);
    for (enum end end = KILLED; end < ENDS; end++) {
        struct process attacker = spawn(join_and_attack, &self);
        hear(&attacker, 'j');
        all_is_well(&owner, &honest); /* its file is known from now on */
        tell(&attacker, 'g');
        hear(&attacker, 'a');
        all_is_well(&owner, &honest);
        if (end == STAYS) {
            CHECK_OK(ask(&owner, REMOTE_REMOVE, 0, 0));
            CHECK(!is_there(address));
        }
        end_attacker(&attacker, end);
        if (end != STAYS) {
            all_is_well(&owner, &honest);
            CHECK_CONNECT(address, PLASMA_CONNECT_READ_ONLY, PLASMA_OK);
        }
    }
    CHECK_OK(ask(&honest, REMOTE_RELEASE, 0, 0));
    end_remote(&honest);
    end_remote(&owner);
    remove_all(store());
}

/** Every mode, with an attacker that is killed, that leaves, and that stays. */
static inline void survives(attack_fn *attack)
{
    if (!as_root()) {
        return;
    }
    for (size_t at = 0; at < sizeof open_modes / sizeof *open_modes; at++) {
        survives_in(open_modes[at], attack);
    }
}

#define SURVIVES(attack)                                                      \
    static void test_##attack(void) { survives(attack); }

#endif /* HOSTILE_H */
