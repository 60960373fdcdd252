/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plasma: immutable objects in memory that processes share
 * --------------------------------------------------------
 *
 * Processes on one Linux machine share objects without copying them. One
 * creates an object, writes into its memory and seals it; from then on it
 * never changes, and any process gets it as a read-only view. There is no
 * server: the store is a directory of shared files, in /dev/shm by default,
 * and every process works on it directly. C++17 has plasma.hpp, the same calls
 * with owners in place of handles.
 *
 * Example
 * -------
 *
 *     // cc hello.c -lplasma
 *     #include <plasma.h>
 *     #include <stdio.h>
 *     #include <string.h>
 *
 *     int main(void)
 *     {
 *         plasma_client_t *client;
 *         plasma_id_t id;
 *         plasma_mutable_buffer_t writable;
 *         plasma_buffer_t sealed;
 *
 *         if (plasma_connect("hello", NULL, &client) != PLASMA_OK ||
 *             plasma_id_random(&id) != PLASMA_OK ||
 *             plasma_create(client, &id, 6, NULL, &writable) != PLASMA_OK)
 *             goto failed;
 *         memcpy(writable.data, "hello", 6);
 *         if (plasma_seal(&writable) != PLASMA_OK ||
 *             plasma_get(client, &id, 0, &sealed) != PLASMA_OK)
 *             goto failed;
 *         printf("%s\n", (const char *)sealed.data);  // or elsewhere
 *         plasma_release(&sealed);
 *         plasma_disconnect(client);                  // it stays
 *         return plasma_store_remove("hello") != PLASMA_OK;
 *     failed:
 *         fprintf(stderr, "%s\n", plasma_error_message());
 *         return 1;
 *     }
 *
 * Caveats
 * -------
 *
 * Crashes. A process may die at any instruction: sealed objects stay, what it
 * was writing is gone, what it held is given back. Those who wait for what it
 * was writing get ABORTED. A sealed object lives until it is deleted, evicted,
 * its store is removed, or the machine reboots, whatever happens to its
 * creator. Use an object's bytes only while you hold a buffer on it.
 *
 * Trust. Processes that may write to a store can overwrite each other's
 * objects through stray pointers into memory they created, and can truncate
 * its files, which kills readers with SIGBUS. Readers of another uid, which
 * the store's mode admits, can do no harm but one: what they hold is not freed
 * when it is deleted, reader_quota for each of at most max_readers readers (by
 * default half of the capacity, and 1024). For readers that are not trusted set
 * both when the store is made, so that their product is a part of the capacity
 * that producers can do without. A READ_ONLY client of the owner's
 * own uid is held back by its mappings only. The default mode, 0600, admits
 * nobody else. For another uid, give the address as a path.
 *
 * Memory. A store in /dev/shm is RAM (and swap). It is taken from the system
 * as objects are created, stays with the store when they are deleted, and
 * counts in the cgroup of the process that first needed it; plasma_trim()
 * gives it back. OUT_OF_MEMORY comes before anything is written, not SIGBUS.
 * Docker gives a container 64 MiB of /dev/shm: start it with --shm-size.
 * Containers share a store when they share the directory (--ipc, or a volume).
 * Under a limit on file sizes (ulimit -f) below the capacity no store can be
 * made: LIMIT.
 * New objects hold what was in the memory before; PLASMA_CREATE_ZEROED clears.
 * Nothing is evicted unless the store was made with PLASMA_EVICTION_LRU.
 *
 * Lifetimes. A client counts as present, and an EPHEMERAL store stays, until
 * it is disconnected and its last buffer is gone: of either kind, or a copy
 * that was retained. A buffer keeps its object's memory, also when that is
 * deleted. Subscriptions and lists keep neither.
 *
 * Threads. Clients, lists and subscriptions may be used by any number of
 * threads at once; one buffer by one thread at a time. No thread is started
 * but by plasma_event_fd(), and no signal handler is ever installed. A thread
 * that is cancelled (pthread_cancel) leaves its call first: calls are no
 * cancellation points, and a wait goes on to its timeout. Asynchronous
 * cancellation and a longjmp() out of a call are not supported.
 * plasma_disconnect() ends the calls in flight and waits for them; a call that
 * begins later is an error of the caller's, as after free().
 *
 * Fork. In the child every call on an inherited client or subscription returns
 * FORKED, and so do calls on inherited buffers; connect again. Views are
 * readable in the child while the parent holds them; writable buffers are not
 * mapped there. After exec nothing of the store is left.
 *
 * Signals. A signal whose handler was set without SA_RESTART ends a wait with
 * INTERRUPTED. Where the kernel has no futex_waitv (before Linux 5.16) any
 * handled signal does, unless all handlers have SA_RESTART. In handlers call
 * only plasma_version(), plasma_version_string() and plasma_status_name().
 *
 * Time-outs. timeout_ms is a time in milliseconds: 0 does not wait, -1 waits
 * for ever, less is INVALID_ARGUMENT. Calls that change the store take its
 * writer lock, which is held for microseconds; a dead owner is replaced, but a
 * stopped one (SIGSTOP, a debugger, a paused container) is waited for: up to
 * lock_timeout_ms or the call's own time-out, whichever is more, then TIMEOUT
 * with nothing changed; the message names the process. lock_timeout_ms waits
 * forever unless you set it: set it where a paused process must not stop
 * others.
 * Getting and releasing sealed objects never takes it.
 *
 * Versions. All processes of a store need the same layout of its files;
 * another one is refused with VERSION. Until 1.0 a new minor version may change
 * this interface, and the name of the library with it (libplasma.so.0.MINOR).
 *
 * Names. Do not copy a buffer struct to keep a second lease: copies are aliases
 * (see plasma_buffer_t). Zero what you declare, or let a call fill it.
 *
 * Conventions
 * -----------
 *
 * Results. Calls that can fail return PLASMA_OK or a negative PLASMA_ERR_*, and
 * then plasma_error_message() says it in words. Each function names the errors
 * that are its own. Any call may also return INVALID_ARGUMENT (NULL where it is
 * not allowed, a buffer that is all zero or stale, unknown flags), FORKED,
 * DISCONNECTED, STORE_GONE, CORRUPT, SYSTEM or INTERNAL, and OUT_OF_MEMORY or
 * LIMIT when this process gets no more memory of its own or no more open files;
 * any that waits, INTERRUPTED; any that writes, READ_ONLY. The numbers are
 * frozen.
 *
 * Parameters. "Borrowed" is read during the call and not kept. "Written" is
 * set on PLASMA_OK only, except for the arrays of _many and plasma_wait().
 * "Consumed" ends its life, or does nothing if the call fails. Pointers are
 * NULL or valid, and what is written does not overlap anything else. Text is
 * UTF-8 and ends with a NUL.
 *
 * Structs. Those marked "Frozen" keep their size for ever. Those marked
 * "Grows" begin with struct_size, are begun with their PLASMA_*_INIT macro, and
 * may get fields at their end. In options 0 means the default, and NULL options
 * mean all defaults; a field set that an older library does not know is
 * refused. Of what is written, an older or newer library fills what fits.
 */

/**
 * @file
 * The C API of Plasma: types, constants and functions.
 */

#ifndef PLASMA_H
#define PLASMA_H

#include <stddef.h>
#include <stdint.h>

/** The major version of this header. */
#define PLASMA_VERSION_MAJOR 0
/** The minor version of this header. */
#define PLASMA_VERSION_MINOR 1
/** The patch version of this header. */
#define PLASMA_VERSION_PATCH 0
/** The version of this header as 0xMMmmpp; see plasma_version(). */
#define PLASMA_VERSION_NUM 0x000100

/** What a plasma_connect_options_t is begun with. */
#define PLASMA_CONNECT_OPTIONS_INIT \
    { sizeof(plasma_connect_options_t), 0, 0, 0, 0, 0, 0, 0, -1, 0, 0 }
/** What a plasma_create_options_t is begun with. */
#define PLASMA_CREATE_OPTIONS_INIT \
    { sizeof(plasma_create_options_t), 0, NULL, NULL, 0, 0 }
/** What a plasma_object_info_t is begun with. */
#define PLASMA_OBJECT_INFO_INIT \
    { sizeof(plasma_object_info_t), {{0}}, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0} }
/** What a plasma_client_info_t is begun with. */
#define PLASMA_CLIENT_INFO_INIT \
    { sizeof(plasma_client_info_t), 0, 0, 0, 0, {0}, 0, 0, 0, {0}, 0, 0, 0, 0 }
/** What a plasma_stats_t is begun with. */
#define PLASMA_STATS_INIT \
    { sizeof(plasma_stats_t), 0, \
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, \
      0, 0, 0, 0 }
/** What a plasma_event_t is begun with. */
#define PLASMA_EVENT_INIT \
    { sizeof(plasma_event_t), 0, 0, 0, {{0}}, 0, 0, 0, 0 }
/** What a plasma_check_report_t is begun with. */
#define PLASMA_CHECK_REPORT_INIT \
    { sizeof(plasma_check_report_t), 0, 0, 0, 0, 0, 0, 0, 0, {0} }


/** Bytes in an id. */
#define PLASMA_ID_SIZE 20
/** Bytes that plasma_id_to_hex() writes: 40 digits and a NUL. */
#define PLASMA_ID_HEX_SIZE 41
/** Bytes in a name, without its NUL. */
#define PLASMA_NAME_MAX 255
/** plasma_connect: fail with STORE_NOT_FOUND when there is no store. */
#define PLASMA_CONNECT_EXISTING 1
/** plasma_connect: fail with STORE_EXISTS when there is a store. */
#define PLASMA_CONNECT_EXCLUSIVE 2
/** plasma_connect: only read. Implies PLASMA_CONNECT_EXISTING. */
#define PLASMA_CONNECT_READ_ONLY 4

/**
 * plasma_connect: a store made now is removed when its last client leaves.
 * If that was killed, or READ_ONLY, the store stays until the next connects,
 * or `plasma reap --all` is run.
 */
#define PLASMA_CONNECT_EPHEMERAL 8
/** plasma_connect: a store made now reserves its whole capacity at once. */
#define PLASMA_CONNECT_RESERVE 16
/** plasma_create: fill the memory with zeros first. */
#define PLASMA_CREATE_ZEROED 65536
/** plasma_create: pin the object against eviction from the start. */
#define PLASMA_CREATE_PINNED 131072
/** Eviction: a full store refuses; nothing is ever lost. The default. */
#define PLASMA_EVICTION_NONE 0
/** Eviction: the least recently released objects make room. */
#define PLASMA_EVICTION_LRU 1
/** plasma_object_info_t.flags: pinned against eviction. */
#define PLASMA_OBJECT_PINNED 1
/** plasma_object_info_t.flags: it has a name. */
#define PLASMA_OBJECT_NAMED 2
/** What a call came to. The numbers are frozen; new ones may be added below. */
typedef enum plasma_status {
    /** Done. */
    PLASMA_OK = 0,
    /** An argument that can never be right; the message names it. */
    PLASMA_ERR_INVALID_ARGUMENT = -1,
    /** No such object, name or key, or no such position in a list. */
    PLASMA_ERR_NOT_FOUND = -2,
    /** The id is taken. */
    PLASMA_ERR_EXISTS = -3,
    /** The name is taken by another object. */
    PLASMA_ERR_NAME_EXISTS = -4,
    /** The object is still being written. */
    PLASMA_ERR_NOT_SEALED = -5,
    /**
     * Reserved: no call returns it. A buffer ends when it is sealed, and what
     * is tried with it afterwards is INVALID_ARGUMENT.
     */
    PLASMA_ERR_SEALED = -6,
    /** The time given ran out, in a wait or behind the writer lock. */
    PLASMA_ERR_TIMEOUT = -7,
    /** The creator died before it sealed the object. */
    PLASMA_ERR_ABORTED = -8,
    /**
     * No room now in the store, the file system, the cgroup or this process.
     */
    PLASMA_ERR_OUT_OF_MEMORY = -9,
    /** Larger than the whole store. */
    PLASMA_ERR_TOO_LARGE = -10,
    /**
     * A limit other than bytes: objects, clients, leases, metadata, files.
     * The message says which, and its value.
     */
    PLASMA_ERR_LIMIT = -11,
    /** The handle was opened with PLASMA_CONNECT_READ_ONLY. */
    PLASMA_ERR_READ_ONLY = -12,
    /** The operating system refused access. */
    PLASMA_ERR_PERMISSION = -13,
    /** There is no store at the address. */
    PLASMA_ERR_STORE_NOT_FOUND = -14,
    /** There is a store at the address (PLASMA_CONNECT_EXCLUSIVE). */
    PLASMA_ERR_STORE_EXISTS = -15,
    /** Something that is not a store is at the address. */
    PLASMA_ERR_NOT_A_STORE = -16,
    /** The store was made with other options than those given. */
    PLASMA_ERR_MISMATCH = -17,
    /** The store was made by another version of Plasma or word size. */
    PLASMA_ERR_VERSION = -18,
    /** The store's files hold nonsense. */
    PLASMA_ERR_CORRUPT = -19,
    /** The store was removed; buffers already held stay readable. */
    PLASMA_ERR_STORE_GONE = -20,
    /** The handle belongs to the parent process; connect again. */
    PLASMA_ERR_FORKED = -21,
    /** Another thread disconnected the client during the call. */
    PLASMA_ERR_DISCONNECTED = -22,
    /** plasma_interrupt() or a signal ended the wait. */
    PLASMA_ERR_INTERRUPTED = -23,
    /** This kernel or file system cannot do it. */
    PLASMA_ERR_UNSUPPORTED = -24,
    /** A system call failed; see plasma_error_errno(). */
    PLASMA_ERR_SYSTEM = -25,
    /** A defect in Plasma; please report it with the message. */
    PLASMA_ERR_INTERNAL = -26,
} plasma_status;

/** The state of an object as a caller sees it. The numbers are frozen. */
typedef enum plasma_state {
    /** There is no such object. */
    PLASMA_STATE_ABSENT = 0,
    /** Its creator has not sealed it yet. */
    PLASMA_STATE_WRITING = 1,
    /** It can be read. */
    PLASMA_STATE_SEALED = 2,
    /**
     * Deleted or evicted, and somebody still holds it. Only in lists, and in
     * plasma_buffer_info().
     */
    PLASMA_STATE_DELETED = 3,
} plasma_state;

/** What happened. The numbers are frozen; new ones may be added below. */
typedef enum plasma_event_type {
    /** An object was sealed. */
    PLASMA_EVENT_SEALED = 1,
    /** An object was deleted. */
    PLASMA_EVENT_DELETED = 2,
    /** An object was evicted. */
    PLASMA_EVENT_EVICTED = 3,
    /** An unsealed object was given up, by its creator or its death. */
    PLASMA_EVENT_ABORTED = 4,
    /** lost_count events were lost; list the objects again. */
    PLASMA_EVENT_LOST = 5,
} plasma_event_type;

/**
 * A list of clients, a copy in this process.
 *
 * Lifetime: from plasma_list_clients() or plasma_list_holders() to
 *           plasma_client_list_free(); may outlive the client.
 * Threads:  any number at once.
 */
typedef struct plasma_client_list_t plasma_client_list_t;

/**
 * One connection of one process to a store.
 *
 * Lifetime: from plasma_connect() to plasma_disconnect(). Buffers of both
 *           kinds may outlive it. A process may have many, also of one store.
 * Threads:  any number at once.
 * Fork:     every call in the child returns FORKED; connect again there.
 */
typedef struct plasma_client_t plasma_client_t;

/**
 * A list of objects, a copy in this process.
 *
 * Lifetime: from plasma_list() to plasma_list_free(); may outlive the client.
 * Threads:  any number at once.
 */
typedef struct plasma_list_t plasma_list_t;

/**
 * A private position in the events of a store.
 *
 * Lifetime: from plasma_subscribe() to plasma_unsubscribe(). May outlive the
 *           client, but then its calls return DISCONNECTED.
 * Threads:  any number at once; each event goes to one of them.
 * Fork:     calls in the child return FORKED.
 */
typedef struct plasma_subscription_t plasma_subscription_t;

/** One of enum plasma_status: PLASMA_OK (0) or a negative PLASMA_ERR_*. */
typedef int32_t plasma_status_t;

/**
 * The identity of an object: 20 bytes of your choice, unique in a store.
 *
 * Frozen: it never grows.
 */
typedef struct plasma_id_t {
    /** Any bytes; all zero is an id like any other. */
    uint8_t bytes[20];
} plasma_id_t;

/**
 * How to connect. Begin with PLASMA_CONNECT_OPTIONS_INIT. Grows.
 *
 * A field that is 0 takes the default; on a store that exists 0 accepts what
 * is there, and another value than the store's is MISMATCH.
 */
typedef struct plasma_connect_options_t {
    /** sizeof(plasma_connect_options_t) */
    uint32_t struct_size;
    /** PLASMA_CONNECT_* bits; 0 opens the store, or creates it. */
    uint32_t flags;
    /**
     * Bytes for data and metadata. Default: 1 GiB, or half of what is free
     * in the file system if that is less.
     */
    uint64_t capacity;
    /** Objects at once. Default: capacity / 1024, within 1024 .. 16 Mi. */
    uint64_t max_objects;
    /**
     * Permissions of a new store, exact whatever the umask: 0600 (default),
     * 0640, 0644, 0660 or 0664.
     */
    uint32_t mode;
    /** PLASMA_EVICTION_NONE (default) or PLASMA_EVICTION_LRU. */
    uint32_t eviction;
    /** 1: huge pages (2 MiB), where the kernel gives them. Default: 0. */
    uint32_t huge_pages;
    /** 0. */
    uint32_t reserved;
    /**
     * How long a call waits for the writer lock, in ms, if its own timeout_ms
     * is not longer: then as long as that. -1 (and 0): forever.
     */
    int64_t lock_timeout_ms;
    /**
     * Bytes, of data and metadata, that one reader of another uid may keep
     * from being freed: the gets with which it would hold more are LIMIT.
     * Default: half of the capacity.
     */
    uint64_t reader_quota;
    /**
     * Readers of other uids at once, each of whom may hold reader_quota.
     * Default, and the most: 1024.
     */
    uint64_t max_readers;
} plasma_connect_options_t;

/**
 * A read-only view of one sealed object, and a lease that keeps it.
 *
 * While it is held the bytes stay mapped and unchanged, even if the object is
 * deleted, its creator dies or the client disconnects. Writing to data is a
 * segmentation fault. data is never NULL, also when size is 0.
 *
 * Lifetime: from a get to plasma_release(). A copy of the struct by value is
 *           an alias, not a lease: once one is released, the other is refused
 *           with INVALID_ARGUMENT. For a second lease: plasma_retain().
 * Threads:  one at a time; may move between threads.
 * Fork:     the child may read data while the parent holds the buffer.
 *
 * Frozen: 64 bytes, it never grows. All zero is "no buffer".
 */
typedef struct plasma_buffer_t {
    /** The first byte. */
    const uint8_t *data;
    /** Bytes of data. */
    uint64_t size;
    /** The library's. */
    uint64_t reserved[6];
} plasma_buffer_t;

/**
 * One entry of an object's metadata, a dictionary from text to bytes.
 *
 * The keys "format" and "schema" are the custom for saying what the data is
 * (binary, arrow, protobuf, json, ...). Frozen: it never grows.
 */
typedef struct plasma_metadata_t {
    /** UTF-8, not empty, NUL-terminated. */
    const char *key;
    /** Any bytes; may be NULL when value_size is 0. */
    const void *value;
    /** Bytes in value. */
    uint64_t value_size;
} plasma_metadata_t;

/** How to create an object. Begin with PLASMA_CREATE_OPTIONS_INIT. Grows. */
typedef struct plasma_create_options_t {
    /** sizeof(plasma_create_options_t) */
    uint32_t struct_size;
    /** PLASMA_CREATE_* bits. */
    uint32_t flags;
    /** A name unique in the store: 1 to 255 bytes of UTF-8; NULL for none. */
    const char *name;
    /** metadata_count entries, 64 KiB in all with their keys; NULL for none. */
    const plasma_metadata_t *metadata;
    /** Entries in metadata. */
    uint64_t metadata_count;
    /**
     * How long to wait for space, in ms: 0 not at all, -1 forever. It bounds
     * the wait for space only, not the one for the writer lock, which lasts
     * up to the longer of this and lock_timeout_ms.
     */
    int64_t timeout_ms;
} plasma_create_options_t;

/**
 * The creator's view of one object until it is sealed.
 *
 * Lifetime: from plasma_create() to plasma_seal(), plasma_seal_and_get() or
 *           plasma_abort(); if the process ends before, the object is gone.
 *           Copies by value are aliases as with plasma_buffer_t.
 * Threads:  one call at a time; data may be written by many.
 * Fork:     not mapped in the child.
 *
 * Frozen: 64 bytes, it never grows. All zero is "no buffer".
 */
typedef struct plasma_mutable_buffer_t {
    /** The first byte; plasma_resize() may change it. */
    uint8_t *data;
    /** Bytes of data. */
    uint64_t size;
    /** The library's. */
    uint64_t reserved[6];
} plasma_mutable_buffer_t;

/** One of enum plasma_state. */
typedef int32_t plasma_state_t;

/**
 * What the store knows of an object. Begin with PLASMA_OBJECT_INFO_INIT. Grows.
 */
typedef struct plasma_object_info_t {
    /** sizeof(plasma_object_info_t) */
    uint32_t struct_size;
    /** Its id. */
    plasma_id_t id;
    /** PLASMA_STATE_*. */
    plasma_state_t state;
    /** PLASMA_OBJECT_* bits. */
    uint32_t flags;
    /** Bytes of data. */
    uint64_t data_size;
    /** Bytes of metadata: of all keys and values. */
    uint64_t metadata_size;
    /** When it was created: microseconds since the Unix epoch. */
    int64_t create_time_us;
    /** From create to seal in microseconds; -1 until it is sealed. */
    int64_t construct_duration_us;
    /** The creator's process id, in the creator's pid namespace. */
    int32_t creator_pid;
    /** Leases on it at this instant. */
    uint32_t lease_count;
    /** Its last known use: microseconds since the Unix epoch. */
    int64_t last_use_us;
    /** Its name, or "". NUL-terminated. */
    char name[256];
    /** The creator: "host/pid@start", unique in a cluster. NUL-terminated. */
    char creator_address[128];
} plasma_object_info_t;

/** Numbers of a store. Begin with PLASMA_STATS_INIT. Grows. */
typedef struct plasma_stats_t {
    /** sizeof(plasma_stats_t) */
    uint32_t struct_size;
    /** 0. */
    uint32_t padding;
    /** Bytes for data and metadata. */
    uint64_t capacity;
    /**
     * Bytes in use, with those of deleted objects that somebody holds. What
     * nobody holds is free, also before a scan has found that.
     */
    uint64_t used;
    /** Bytes taken from the file system. */
    uint64_t reserved;
    /** The largest free run of bytes. */
    uint64_t largest_free;
    /** Objects at once. */
    uint64_t max_objects;
    /** Objects being written; what a dead creator left is none. */
    uint64_t objects_writing;
    /** Sealed objects. */
    uint64_t objects_sealed;
    /** Deleted objects that somebody still holds. */
    uint64_t objects_deleted;
    /** Pinned objects, sealed or not. */
    uint64_t pinned;
    /** Leases of all clients. */
    uint64_t leases;
    /** Connected clients. */
    uint64_t clients;
    /** Objects evicted since the store was made. */
    uint64_t evictions;
    /** Bytes of data and metadata evicted since the store was made. */
    uint64_t evicted_bytes;
    /** Recoveries after a death inside a critical section. */
    uint64_t recoveries;
    /** Dead clients cleaned up after. */
    uint64_t reaped_clients;
    /** Writer locks taken from the dead. */
    uint64_t lock_steals;
    /** The file system, such as "tmpfs". NUL-terminated. */
    char file_system[32];
    /** Bytes that deleted objects keep because somebody holds them; in used. */
    uint64_t deleted_bytes;
    /**
     * How it was made, as in plasma_connect_options_t: PLASMA_CONNECT_EPHEMERAL
     * or 0.
     */
    uint32_t flags;
    /** Permissions of its files. */
    uint32_t mode;
    /** PLASMA_EVICTION_NONE or PLASMA_EVICTION_LRU. */
    uint32_t eviction;
    /** 1: it asks for huge pages. */
    uint32_t huge_pages;
} plasma_stats_t;

/**
 * What the store knows of a client. Begin with PLASMA_CLIENT_INFO_INIT. Grows.
 */
typedef struct plasma_client_info_t {
    /** sizeof(plasma_client_info_t) */
    uint32_t struct_size;
    /** Its slot in the store. */
    uint32_t slot;
    /** Its process id, in its own pid namespace. */
    int32_t pid;
    /** Its user. */
    uint32_t uid;
    /** The inode of its pid namespace. */
    uint64_t pid_namespace;
    /** The name of its program. NUL-terminated. */
    char comm[16];
    /** 1: it may only read. */
    uint8_t read_only;
    /** 1: its process lives. */
    uint8_t alive;
    /** 1: its process is stopped, as by SIGSTOP. */
    uint8_t stopped;
    /** 0. */
    uint8_t padding[5];
    /** When it connected: microseconds since the Unix epoch. */
    int64_t connect_time_us;
    /** Leases it holds. */
    uint64_t lease_count;
    /** Bytes of data of the objects it holds, deleted ones too, each once. */
    uint64_t leased_bytes;
    /** Bytes of data of the objects it has not sealed yet. */
    uint64_t writing_bytes;
} plasma_client_info_t;

/** One piece of news. Begin with PLASMA_EVENT_INIT. Grows. */
typedef struct plasma_event_t {
    /** sizeof(plasma_event_t) */
    uint32_t struct_size;
    /** PLASMA_EVENT_*; skip those you do not know. */
    int32_t type;
    /** Its position in the events of the store. */
    uint64_t sequence;
    /** When: microseconds since the Unix epoch. */
    int64_t time_us;
    /** Which object; all zero for LOST. */
    plasma_id_t id;
    /** 0. */
    uint32_t padding;
    /** Its bytes of data. */
    uint64_t data_size;
    /** LOST: how many; else 0. */
    uint64_t lost_count;
    /** Its bytes of metadata, as in plasma_object_info_t. */
    uint64_t metadata_size;
} plasma_event_t;

/**
 * What plasma_check() found. Experimental: may change between minor versions.
 * Begin with PLASMA_CHECK_REPORT_INIT. Grows.
 */
typedef struct plasma_check_report_t {
    /** sizeof(plasma_check_report_t) */
    uint32_t struct_size;
    /** 0. */
    uint32_t padding;
    /** Records looked at, free ones among them. */
    uint64_t records;
    /** Objects: being written, sealed, or deleted and not yet freed. */
    uint64_t objects;
    /** Stretches of memory that they own. */
    uint64_t extents;
    /** Stretches that are free. */
    uint64_t free_blocks;
    /** Connected clients. */
    uint64_t clients;
    /** Their leases. */
    uint64_t leases;
    /** How much is wrong; 0 in a sound store. */
    uint64_t problem_count;
    /** The first thing that is wrong, or "". For people. NUL-terminated. */
    char first_problem[256];
} plasma_check_report_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * @defgroup version The version of the library that runs
 * @{
 */

/**
 * The version of the library that runs, as 0xMMmmpp.
 *
 * Compare it with PLASMA_VERSION_NUM, the version of this header.
 *
 * @return major, minor and patch, a byte each.
 *
 * Threads: any, also in signal handlers.   Cost: none worth naming.
 * Since: 0.1
 */
uint32_t plasma_version(void);

/**
 * The version of the library that runs, as "major.minor.patch".
 *
 * @return static text, never NULL.
 *
 * Threads: any, also in signal handlers.   Cost: none worth naming.
 * Since: 0.1
 */
const char *plasma_version_string(void);

/** @} */

/**
 * @defgroup status Status numbers and their names
 * @{
 */

/**
 * The name of a status, such as "PLASMA_ERR_NOT_FOUND".
 *
 * @param status  any number; one that is no status gives
 *                "PLASMA_ERR_UNKNOWN".
 *
 * @return static text, never NULL.
 *
 * Threads: any, also in signal handlers.   Cost: none worth naming.
 * Since: 0.1
 */
const char *plasma_status_name(int32_t status);

/** @} */

/**
 * @defgroup error This thread's last failure
 * @{
 */

/**
 * The last failure of this thread in words.
 *
 * What was asked, the limit, and the way out. A successful call leaves it
 * alone, so ask only after a call that failed.
 *
 * @return text in UTF-8 of at most 1023 bytes, never NULL, valid until the
 *         next call of this thread fails; "no error" before the first failure.
 *
 * Threads: any; each has its own.   Cost: none worth naming.   Since: 0.1
 */
const char *plasma_error_message(void);

/**
 * The errno behind the last failure of this thread.
 *
 * @return 0 when it did not begin as an errno.
 *
 * Threads: any; each has its own.   Cost: none worth naming.   Since: 0.1
 */
int plasma_error_errno(void);

/** @} */

/**
 * @defgroup id Object ids
 * @{
 */

/**
 * Make a random id: 160 bits from the kernel.
 *
 * @param id  written.
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: 1 system call.   Since: 0.1
 */
plasma_status_t plasma_id_random(plasma_id_t *id);

/**
 * Make an id from up to 20 bytes, padded with zeros.
 *
 * @param bytes  borrowed; may be NULL when n is 0.
 * @param n      how many.
 * @param id     written.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_INVALID_ARGUMENT  more than 20 bytes
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
plasma_status_t plasma_id_from_bytes(const void *bytes,
                                     size_t n,
                                     plasma_id_t *id);

/**
 * Make an id from exactly 40 hexadecimal digits of either case.
 *
 * @param hex  borrowed.
 * @param id   written.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_INVALID_ARGUMENT  anything else
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
plasma_status_t plasma_id_from_hex(const char *hex, plasma_id_t *id);

/**
 * Write an id as 40 lower-case hexadecimal digits and a NUL.
 *
 * @param id   borrowed.
 * @param hex  written: room for PLASMA_ID_HEX_SIZE (41) bytes.
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
plasma_status_t plasma_id_to_hex(const plasma_id_t *id, char *hex);

/** @} */

/**
 * @defgroup client Stores: connecting, leaving, removing
 * @{
 */

/**
 * Open a store, or create it when there is none.
 *
 * The address is NULL for $PLASMA_STORE, or else "default"; a word of
 * letters, digits, '_', '-' and '.' (up to 64, not beginning with '.') for a
 * store of this user in /dev/shm; or a path with a '/' for the directory of
 * the store itself. A path that does not begin with '/' begins at the working
 * directory of this moment; a later chdir() changes nothing.
 *
 * The stores that a user names by words are in `/dev/shm/plasma-<uid>`, with
 * the effective uid, in a user namespace as its parent knows it. When another
 * user has taken that name, every call with a word is PERMISSION, and nothing
 * there is used: pass a path, or have root remove what is there.
 *
 * @param address  borrowed; UTF-8.
 * @param options  borrowed; NULL for all defaults.
 * @param client   written: the connection; end it with plasma_disconnect().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_INVALID_ARGUMENT  the address can name no store
 * @retval PLASMA_ERR_STORE_NOT_FOUND   EXISTING or READ_ONLY, and none there
 * @retval PLASMA_ERR_STORE_EXISTS      EXCLUSIVE, and one is there
 * @retval PLASMA_ERR_NOT_A_STORE       a file, a link or another directory
 * @retval PLASMA_ERR_MISMATCH          made with other options than given
 * @retval PLASMA_ERR_VERSION           made by another version or word size
 * @retval PLASMA_ERR_CORRUPT           its files hold nonsense
 * @retval PLASMA_ERR_PERMISSION        the operating system refuses; the
 *                                      directory of this user's stores in
 *                                      /dev/shm is not this user's alone;
 *                                      this is root without READ_ONLY, and
 *                                      the mode does not admit it
 * @retval PLASMA_ERR_STORE_GONE        it was removed, and a file that is not
 *                                      its own keeps its directory; or it
 *                                      keeps being removed, for 10 s
 * @retval PLASMA_ERR_OUT_OF_MEMORY     no room for the store; see
 *                                      `--shm-size` in a container
 * @retval PLASMA_ERR_LIMIT             too many clients, or open files; a
 *                                      file of the store would be larger
 *                                      than `ulimit -f` lets this process's
 * @retval PLASMA_ERR_TIMEOUT           the lock_timeout_ms ran out, where the
 *                                      last of an EPHEMERAL store is leaving
 * @retval PLASMA_ERR_UNSUPPORTED       network file systems, hugetlbfs
 *
 * Threads: any.   Cost: about 30 system calls.   Since: 0.1
 */
plasma_status_t plasma_connect(const char *address,
                               const plasma_connect_options_t *options,
                               plasma_client_t **client);

/**
 * Leave a store. Never fails.
 *
 * Calls of other threads that are in flight end first: those that wait return
 * DISCONNECTED, and this call returns after the last of them. Do not call it
 * in a handler of a signal that interrupted a call on the same client.
 * Buffers of both kinds stay usable, and the client counts as present in the
 * store until the last of them is gone.
 *
 * @param client  consumed; NULL is a no-op. Using it later is an error of
 *                the caller's, as after free(); so is a call of another
 *                thread that has not begun yet.
 *
 * Threads: any.   Cost: a few system calls.   Since: 0.1
 */
void plasma_disconnect(plasma_client_t *client);

/**
 * The address of a client's store: the absolute path of its directory.
 *
 * @param client  borrowed.
 *
 * @return text valid until plasma_disconnect(); NULL when client is NULL.
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
const char *plasma_client_address(const plasma_client_t *client);

/**
 * Make every call in flight on this client that waits return INTERRUPTED.
 *
 * One interruption is enough for each call: one that is not waiting yet does
 * not begin to, and plasma_put_many() and plasma_delete_many() end where they
 * are. A call that needs no wait ends as usual, and calls that begin later are
 * not affected.
 *
 * @param client  borrowed.
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: a few system calls.   Since: 0.1
 */
plasma_status_t plasma_interrupt(const plasma_client_t *client);

/**
 * Remove a store and all objects in it.
 *
 * Processes that are connected keep the buffers they hold, and their other
 * calls return STORE_GONE. Only files that belong to a store are removed: one
 * that holds others is not removed at all. On an error nothing has changed.
 *
 * @param address  borrowed; as for plasma_connect().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_STORE_NOT_FOUND  nothing there
 * @retval PLASMA_ERR_NOT_A_STORE      something else is there
 * @retval PLASMA_ERR_VERSION          made by another version or word size
 * @retval PLASMA_ERR_CORRUPT          its files hold nonsense
 * @retval PLASMA_ERR_PERMISSION       neither the owner's process nor root's
 * @retval PLASMA_ERR_TIMEOUT          another remover does not get on, for 5 s
 * @retval PLASMA_ERR_UNSUPPORTED      the store is a mount point, or a file in
 *                                     its directory is not its own: the
 *                                     message names it
 *
 * Threads: any.   Cost: grows with the number of clients, and of names that
 * readers of other users have made in the store.   Since: 0.1
 */
plasma_status_t plasma_store_remove(const char *address);

/** @} */

/**
 * @defgroup buffer Holding objects and giving them back
 * @{
 */

/**
 * Take a second lease on the object of a buffer.
 *
 * Never waits, and works after the object was deleted or the client closed.
 *
 * @param buffer  borrowed.
 * @param copy    written; release it like any other.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_INVALID_ARGUMENT  not a live buffer
 * @retval PLASMA_ERR_LIMIT             retained 32767 times already
 *
 * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
 */
plasma_status_t plasma_retain(const plasma_buffer_t *buffer,
                              plasma_buffer_t *copy);

/**
 * Give a buffer back.
 *
 * @param buffer  consumed: all zero afterwards. All zero before is a no-op.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_INVALID_ARGUMENT  a stale alias; nothing was touched
 *
 * Threads: any, one per buffer.   Cost: no system call, no lock.   Since: 0.1
 */
plasma_status_t plasma_release(plasma_buffer_t *buffer);

/**
 * Give many buffers back.
 *
 * Each is tried, also after one failed.
 *
 * @param buffers  consumed, each as by plasma_release().
 * @param count    how many; with 0 buffers may be NULL.
 *
 * @return PLASMA_OK, or the first failure.
 *
 * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
 */
plasma_status_t plasma_release_many(plasma_buffer_t *buffers,
                                    size_t count);

/** @} */

/**
 * @defgroup write Writing objects
 * @{
 */

/**
 * Create an object, to be written and sealed.
 *
 * Its memory holds whatever was there before, as malloc's does, unless
 * PLASMA_CREATE_ZEROED is given. Nobody sees the object before it is sealed.
 *
 * @param client   borrowed.
 * @param id       borrowed.
 * @param size     bytes of data; 0 is fine.
 * @param options  borrowed; NULL for all defaults.
 * @param buffer   written; end it with plasma_seal(), plasma_seal_and_get()
 *                 or plasma_abort().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
 * @retval PLASMA_ERR_NAME_EXISTS    an object has this name
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
 * @retval PLASMA_ERR_PERMISSION     no room, and nothing can be freed: the file
 *                                   of a client may not be read
 * @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
 * @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
 *                                   metadata
 * @retval PLASMA_ERR_READ_ONLY      the client may only read
 * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
 *
 * Threads: any.   Cost: the writer lock; no system call once the memory is
 * reserved.   Since: 0.1
 */
plasma_status_t plasma_create(const plasma_client_t *client,
                              const plasma_id_t *id,
                              uint64_t size,
                              const plasma_create_options_t *options,
                              plasma_mutable_buffer_t *buffer);

/**
 * Change the size of an object that is not sealed yet.
 *
 * The bytes up to the smaller size are kept; new ones hold whatever was
 * there. It grows in place where it can, and may move: data changes then.
 *
 * @param buffer    changed: data and size. On failure all is as before.
 * @param new_size  bytes of data; 0 is fine.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
 * @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
 * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
 *
 * Threads: any, one per buffer.   Cost: the writer lock; copies when it
 * moves.   Since: 0.1
 */
plasma_status_t plasma_resize(plasma_mutable_buffer_t *buffer,
                              uint64_t new_size);

/**
 * Set or replace one entry of the metadata of an object not sealed yet.
 *
 * @param buffer      borrowed.
 * @param key         borrowed; UTF-8, not empty.
 * @param value       borrowed; may be NULL when value_size is 0.
 * @param value_size  bytes in value.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_LIMIT          over 64 KiB in all for this object
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
 * @retval PLASMA_ERR_TOO_LARGE      with its data larger than the whole store
 * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
 *
 * Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
 */
plasma_status_t plasma_set_metadata(plasma_mutable_buffer_t *buffer,
                                    const char *key,
                                    const void *value,
                                    uint64_t value_size);

/**
 * Publish an object: from now on it never changes, and anyone can get it.
 *
 * @param buffer  consumed: all zero afterwards. On failure it stays usable.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_STORE_GONE  the store was removed meanwhile
 *
 * Threads: any, one per buffer.   Cost: no lock; a system call when somebody
 * waits.   Since: 0.1
 */
plasma_status_t plasma_seal(plasma_mutable_buffer_t *buffer);

/**
 * Publish an object and hold it: nobody can evict or delete it in between.
 *
 * @param buffer  consumed: all zero afterwards. On failure it stays usable.
 * @param sealed  written; release it with plasma_release().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_LIMIT       too many leases
 * @retval PLASMA_ERR_STORE_GONE  the store was removed meanwhile
 *
 * Threads: any, one per buffer.   Cost: as plasma_seal().   Since: 0.1
 */
plasma_status_t plasma_seal_and_get(plasma_mutable_buffer_t *buffer,
                                    plasma_buffer_t *sealed);

/**
 * Give an object up before it is sealed.
 *
 * Its id and name are free again, and those who wait for it wait on.
 *
 * @param buffer  consumed: all zero afterwards. On failure it stays usable.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_TIMEOUT  the writer lock stayed busy
 *
 * Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
 */
plasma_status_t plasma_abort(plasma_mutable_buffer_t *buffer);

/**
 * Create an object, copy bytes into it, and seal it.
 *
 * @param client   borrowed.
 * @param id       borrowed.
 * @param data     borrowed; may be NULL when size is 0.
 * @param size     bytes of data.
 * @param options  borrowed; NULL for all defaults.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
 * @retval PLASMA_ERR_NAME_EXISTS    an object has this name
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
 * @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
 * @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
 *                                   metadata
 * @retval PLASMA_ERR_READ_ONLY      the client may only read
 * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
 *
 * Threads: any.   Cost: as plasma_create(), and the copy.   Since: 0.1
 */
plasma_status_t plasma_put(const plasma_client_t *client,
                           const plasma_id_t *id,
                           const void *data,
                           uint64_t size,
                           const plasma_create_options_t *options);

/**
 * Get an object, or create it when there is none.
 *
 * Of many callers one creates, and the others wait until it is sealed.
 *
 * @param client      borrowed.
 * @param id          borrowed.
 * @param size        bytes of data, if it is created.
 * @param options     borrowed, for creating; NULL for all defaults.
 * @param timeout_ms  how long to wait for another creator's seal.
 * @param buffer      written: the object, or all zero if it was created;
 *                    release it with plasma_release().
 * @param mutable_buffer  written: all zero, or the new object if it was
 *                    created; end it as after plasma_create().
 * @param created     written: 1 if it was created, else 0.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_SEALED     timeout_ms is 0, and another writes it
 * @retval PLASMA_ERR_TIMEOUT        another did not seal it in time, or the
 *                                   writer lock stayed busy
 * @retval PLASMA_ERR_NAME_EXISTS    another object has this name
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
 * @retval PLASMA_ERR_TOO_LARGE      larger than the whole store
 * @retval PLASMA_ERR_LIMIT          too many objects or leases, or over 64 KiB
 *                                   of metadata
 * @retval PLASMA_ERR_READ_ONLY      the client may only read
 *
 * Threads: any.   Cost: as plasma_get() or plasma_create().   Since: 0.1
 */
plasma_status_t plasma_get_or_create(const plasma_client_t *client,
                                     const plasma_id_t *id,
                                     uint64_t size,
                                     const plasma_create_options_t *options,
                                     int64_t timeout_ms,
                                     plasma_buffer_t *buffer,
                                     plasma_mutable_buffer_t *mutable_buffer,
                                     int32_t *created);

/** @} */

/**
 * @defgroup write_many Writing and deleting many objects
 * @{
 */

/**
 * Create, fill and seal many objects, each as by plasma_put().
 *
 * Each is tried, also after one failed; but a disconnect, an interruption, a
 * fork or the end of the store ends the whole call, with that status for all
 * that are left.
 *
 * @param client    borrowed.
 * @param ids       borrowed: count ids.
 * @param datas     borrowed: count pointers, each to the bytes of one.
 * @param sizes     borrowed: count sizes.
 * @param count     how many; with 0 the arrays may be NULL.
 * @param options   borrowed, for each; NULL for all defaults. A name is
 *                  INVALID_ARGUMENT when count is above 1.
 * @param statuses  written whenever the arguments were right: count statuses.
 *
 * @return PLASMA_OK when all are PLASMA_OK, or the first failure in the
 *         order of the array.
 *
 * Threads: any.   Cost: as so many plasma_put().   Since: 0.1
 */
plasma_status_t plasma_put_many(const plasma_client_t *client,
                                const plasma_id_t *ids,
                                const void *const *datas,
                                const uint64_t *sizes,
                                size_t count,
                                const plasma_create_options_t *options,
                                plasma_status_t *statuses);

/**
 * Delete many objects, each as by plasma_delete().
 *
 * Each is tried, also after one failed; but a disconnect, an interruption, a
 * fork or the end of the store ends the whole call, with that status for all
 * that are left.
 *
 * @param client    borrowed.
 * @param ids       borrowed: count ids.
 * @param count     how many; with 0 the arrays may be NULL.
 * @param statuses  written whenever the arguments were right: count statuses.
 *
 * @return PLASMA_OK when all are PLASMA_OK, or the first failure in the
 *         order of the array.
 *
 * Threads: any.   Cost: as so many plasma_delete().   Since: 0.1
 */
plasma_status_t plasma_delete_many(const plasma_client_t *client,
                                   const plasma_id_t *ids,
                                   size_t count,
                                   plasma_status_t *statuses);

/** @} */

/**
 * @defgroup read Reading objects
 * @{
 */

/**
 * Get a read-only view of a sealed object, waiting for it if need be.
 *
 * @param client      borrowed.
 * @param id          borrowed.
 * @param timeout_ms  0 do not wait, -1 for ever.
 * @param buffer      written; release it with plasma_release().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND   timeout_ms is 0, and there is none
 * @retval PLASMA_ERR_NOT_SEALED  timeout_ms is 0, and it is being written
 * @retval PLASMA_ERR_TIMEOUT     not sealed in time
 * @retval PLASMA_ERR_ABORTED     its creator died while this call waited
 * @retval PLASMA_ERR_LIMIT       too many leases; or this is a reader of
 *                                another user, and would hold more than
 *                                reader_quota
 *
 * Threads: any.   Cost: no system call, no lock if it is sealed.
 * Since: 0.1
 */
plasma_status_t plasma_get(const plasma_client_t *client,
                           const plasma_id_t *id,
                           int64_t timeout_ms,
                           plasma_buffer_t *buffer);

/**
 * Get a read-only view of a sealed object by its name.
 *
 * @param client      borrowed.
 * @param name        borrowed; UTF-8, 1 to 255 bytes.
 * @param timeout_ms  0 do not wait, -1 for ever.
 * @param buffer      written; release it with plasma_release().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND   timeout_ms is 0, and there is none
 * @retval PLASMA_ERR_NOT_SEALED  timeout_ms is 0, and it is being written
 * @retval PLASMA_ERR_TIMEOUT     not sealed in time
 * @retval PLASMA_ERR_ABORTED     its creator died while this call waited
 * @retval PLASMA_ERR_LIMIT       too many leases; or this is a reader of
 *                                another user, and would hold more than
 *                                reader_quota
 *
 * Threads: any.   Cost: as plasma_get(), and a hash of the name.   Since: 0.1
 */
plasma_status_t plasma_get_by_name(const plasma_client_t *client,
                                   const char *name,
                                   int64_t timeout_ms,
                                   plasma_buffer_t *buffer);

/**
 * Find the id of a name. The object need not be sealed.
 *
 * @param client  borrowed.
 * @param name    borrowed; UTF-8, 1 to 255 bytes.
 * @param id      written.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  no object has this name
 *
 * Threads: any.   Cost: no system call, no lock.   Since: 0.1
 */
plasma_status_t plasma_lookup(const plasma_client_t *client,
                              const char *name,
                              plasma_id_t *id);

/** @} */

/**
 * @defgroup read_many Reading and waiting for many objects
 * @{
 */

/**
 * Get many objects with one deadline.
 *
 * The same id may be given more than once; each buffer is a lease.
 *
 * @param client      borrowed.
 * @param ids         borrowed: count ids.
 * @param count       how many; with 0 the arrays may be NULL.
 * @param timeout_ms  0 do not wait, -1 for ever; for all together.
 * @param buffers     written whenever the arguments were right: count
 *                    buffers, all zero where the status is not PLASMA_OK;
 *                    release them with plasma_release_many().
 * @param statuses    written with them: count statuses, as of plasma_get().
 *
 * @return PLASMA_OK when all are PLASMA_OK, or the first failure in the
 *         order of the array.
 *
 * Threads: any.   Cost: no system call if all are sealed.   Since: 0.1
 */
plasma_status_t plasma_get_many(const plasma_client_t *client,
                                const plasma_id_t *ids,
                                size_t count,
                                int64_t timeout_ms,
                                plasma_buffer_t *buffers,
                                plasma_status_t *statuses);

/**
 * Wait until some of many objects are sealed, without getting them.
 *
 * @param client       borrowed.
 * @param ids          borrowed: count ids.
 * @param count        how many; with 0 the arrays may be NULL.
 * @param num_ready    how many have to be sealed; 0 is all. More than count
 *                     is INVALID_ARGUMENT.
 * @param timeout_ms   0 do not wait, -1 for ever.
 * @param ready        written on PLASMA_OK and TIMEOUT: count bytes, 1 where
 *                     the object is sealed, else 0.
 * @param ready_count  written with it: how many are 1.
 *
 * @retval PLASMA_OK           at least num_ready are sealed
 * @retval PLASMA_ERR_TIMEOUT  fewer are, so far
 * @retval PLASMA_ERR_ABORTED  fewer can be: creators died while it waited
 *
 * Threads: any.   Cost: no system call if enough are sealed.   Since: 0.1
 */
plasma_status_t plasma_wait(const plasma_client_t *client,
                            const plasma_id_t *ids,
                            size_t count,
                            size_t num_ready,
                            int64_t timeout_ms,
                            uint8_t *ready,
                            size_t *ready_count);

/** @} */

/**
 * @defgroup metadata Reading an object's metadata
 * @{
 */

/**
 * Find the value of a metadata key.
 *
 * @param buffer      borrowed.
 * @param key         borrowed; UTF-8, not empty.
 * @param value       written: a view into shared memory, valid while the
 *                    buffer is held; never NULL.
 * @param value_size  written: bytes in it.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  the object has no such key
 *
 * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
 */
plasma_status_t plasma_get_metadata(const plasma_buffer_t *buffer,
                                    const char *key,
                                    const void **value,
                                    uint64_t *value_size);

/**
 * Count the metadata keys of an object.
 *
 * @param buffer  borrowed.
 * @param count   written.
 *
 * @retval PLASMA_OK
 *
 * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
 */
plasma_status_t plasma_metadata_count(const plasma_buffer_t *buffer,
                                      uint64_t *count);

/**
 * The metadata key and value at a position, in no promised order.
 *
 * @param buffer      borrowed.
 * @param index       0 .. plasma_metadata_count() - 1.
 * @param key         written: a view as value is; NUL-terminated.
 * @param value       written: a view into shared memory, valid while the
 *                    buffer is held; never NULL.
 * @param value_size  written: bytes in it.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  index is behind the last
 *
 * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
 */
plasma_status_t plasma_metadata_at(const plasma_buffer_t *buffer,
                                   uint64_t index,
                                   const char **key,
                                   const void **value,
                                   uint64_t *value_size);

/** @} */

/**
 * @defgroup info What a store tells about its objects and itself
 * @{
 */

/**
 * What the store knows of the object of a buffer.
 *
 * @param buffer  borrowed.
 * @param info    written, as far as its struct_size goes.
 *
 * @retval PLASMA_OK
 *
 * Threads: any, one per buffer.   Cost: no lock.   Since: 0.1
 */
plasma_status_t plasma_buffer_info(const plasma_buffer_t *buffer,
                                   plasma_object_info_t *info);

/**
 * The state of an object.
 *
 * @param client  borrowed.
 * @param id      borrowed.
 * @param state   written: ABSENT, WRITING or SEALED.
 *
 * @retval PLASMA_OK  also when there is no such object
 *
 * Threads: any.   Cost: no system call, no lock.   Since: 0.1
 */
plasma_status_t plasma_contains(const plasma_client_t *client,
                                const plasma_id_t *id,
                                plasma_state_t *state);

/**
 * What the store knows of an object, sealed or not.
 *
 * @param client  borrowed.
 * @param id      borrowed.
 * @param info    written, as far as its struct_size goes.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  there is no such object
 *
 * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
 */
plasma_status_t plasma_object_info(const plasma_client_t *client,
                                   const plasma_id_t *id,
                                   plasma_object_info_t *info);

/**
 * Numbers of the store, and how it was made.
 *
 * @param client  borrowed.
 * @param stats   written, as far as its struct_size goes.
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
 */
plasma_status_t plasma_stats(const plasma_client_t *client,
                             plasma_stats_t *stats);

/** @} */

/**
 * @defgroup manage Deleting, pinning, evicting, and giving memory back
 * @{
 */

/**
 * Delete a sealed object.
 *
 * It is gone at once for new gets, and its id and name are free again. Its
 * memory follows when the last buffer on it is released.
 *
 * @param client  borrowed.
 * @param id      borrowed.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND   there is no such object
 * @retval PLASMA_ERR_NOT_SEALED  only its creator can end it: plasma_abort()
 * @retval PLASMA_ERR_READ_ONLY   the client may only read
 * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
 *
 * Threads: any.   Cost: the writer lock. After some hundred deletes, or after
 * 4 MiB deleted and 1 MiB more for each client, also about 15 system calls,
 * and 5 for each other client, which free the memory of all that was deleted
 * and nobody holds.   Since: 0.1
 */
plasma_status_t plasma_delete(const plasma_client_t *client,
                              const plasma_id_t *id);

/**
 * Keep an object from being evicted, until plasma_unpin() or plasma_delete().
 *
 * A pin is a mark, not a count, and outlives the process that set it.
 *
 * @param client  borrowed.
 * @param id      borrowed.
 *
 * @retval PLASMA_OK             also when it was pinned already
 * @retval PLASMA_ERR_NOT_FOUND  there is no such object
 * @retval PLASMA_ERR_READ_ONLY  the client may only read
 * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
 *
 * Threads: any.   Cost: the writer lock.   Since: 0.1
 */
plasma_status_t plasma_pin(const plasma_client_t *client,
                           const plasma_id_t *id);

/**
 * Let an object be evicted again.
 *
 * @param client  borrowed.
 * @param id      borrowed.
 *
 * @retval PLASMA_OK             also when it was not pinned
 * @retval PLASMA_ERR_NOT_FOUND  there is no such object
 * @retval PLASMA_ERR_READ_ONLY  the client may only read
 * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
 *
 * Threads: any.   Cost: the writer lock.   Since: 0.1
 */
plasma_status_t plasma_unpin(const plasma_client_t *client,
                             const plasma_id_t *id);

/**
 * Evict objects nobody holds or pinned, least recently released first.
 *
 * Only in stores made with eviction: in others nothing is ever evicted.
 *
 * @param client   borrowed.
 * @param bytes    how much to free, at least; UINT64_MAX for all that can be.
 * @param evicted  written: bytes of data and metadata of what went, as
 *                 plasma_object_info() tells them; less than asked is no
 *                 error.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_UNSUPPORTED  the store was made without eviction
 * @retval PLASMA_ERR_READ_ONLY    the client may only read
 * @retval PLASMA_ERR_TIMEOUT      the writer lock stayed busy
 *
 * Threads: any.   Cost: the writer lock, in batches.   Since: 0.1
 */
plasma_status_t plasma_evict(const plasma_client_t *client,
                             uint64_t bytes,
                             uint64_t *evicted);

/**
 * Clean up after dead clients now, and free deleted objects nobody holds.
 *
 * Never needed: whoever connects or is short of memory does it too.
 *
 * @param client  borrowed.
 * @param reaped  written: how many dead clients there were.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_READ_ONLY   the client may only read
 * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
 * @retval PLASMA_ERR_PERMISSION  the file of a client may not be read, so it
 *                                cannot be told what it holds: nothing is freed
 * @retval PLASMA_ERR_CORRUPT     likewise: the file is none of a client
 *
 * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
 */
plasma_status_t plasma_reap(const plasma_client_t *client,
                            uint64_t *reaped);

/**
 * Give whole free chunks of memory back to the system.
 *
 * @param client      borrowed.
 * @param keep_bytes  free bytes to keep reserved for the next creates.
 * @param returned    written: bytes given back.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_READ_ONLY  the client may only read
 * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
 *
 * Threads: any.   Cost: 1 system call per run of chunks.   Since: 0.1
 */
plasma_status_t plasma_trim(const plasma_client_t *client,
                            uint64_t keep_bytes,
                            uint64_t *returned);

/** @} */

/**
 * @defgroup list Lists of objects and of clients
 * @{
 */

/**
 * List the objects of a store, also unsealed and deleted ones still held.
 *
 * Each entry is true at one instant of the call. Objects that exist
 * throughout appear exactly once. Writers are not stopped.
 *
 * @param client  borrowed.
 * @param list    written; free it with plasma_list_free().
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: grows with max_objects; no lock.   Since: 0.1
 */
plasma_status_t plasma_list(const plasma_client_t *client,
                            plasma_list_t **list);

/**
 * The number of objects in a list.
 *
 * @param list  borrowed; NULL has none.
 *
 * @return how many; 0 for NULL.
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
uint64_t plasma_list_count(const plasma_list_t *list);

/**
 * The object at a position of a list.
 *
 * @param list   borrowed.
 * @param index  0 .. plasma_list_count() - 1.
 * @param info   written, as far as its struct_size goes.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  index is behind the last
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
plasma_status_t plasma_list_at(const plasma_list_t *list,
                               uint64_t index,
                               plasma_object_info_t *info);

/**
 * Free a list of objects.
 *
 * @param list  consumed; NULL is a no-op.
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
void plasma_list_free(plasma_list_t *list);

/**
 * List the clients of a store, this one among them.
 *
 * @param client  borrowed.
 * @param list    written; free it with plasma_client_list_free().
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: reads the file of every client.   Since: 0.1
 */
plasma_status_t plasma_list_clients(const plasma_client_t *client,
                                    plasma_client_list_t **list);

/**
 * List the clients that hold an object: by a buffer, or by writing it.
 *
 * Those who hold a deleted object that had this id are listed as well: it
 * keeps its memory until they release it.
 *
 * @param client  borrowed.
 * @param id      borrowed.
 * @param list    written; free it with plasma_client_list_free().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  there is no such object, and nobody holds a
 *                               deleted one
 *
 * Threads: any.   Cost: reads the leases of every client and looks at every
 * object.   Since: 0.1
 */
plasma_status_t plasma_list_holders(const plasma_client_t *client,
                                    const plasma_id_t *id,
                                    plasma_client_list_t **list);

/**
 * The number of clients in a list.
 *
 * @param list  borrowed; NULL has none.
 *
 * @return how many; 0 for NULL.
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
uint64_t plasma_client_list_count(const plasma_client_list_t *list);

/**
 * The client at a position of a list.
 *
 * @param list   borrowed.
 * @param index  0 .. plasma_client_list_count() - 1.
 * @param info   written, as far as its struct_size goes.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  index is behind the last
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
plasma_status_t plasma_client_list_at(const plasma_client_list_t *list,
                                      uint64_t index,
                                      plasma_client_info_t *info);

/**
 * Free a list of clients.
 *
 * @param list  consumed; NULL is a no-op.
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
void plasma_client_list_free(plasma_client_list_t *list);

/** @} */

/**
 * @defgroup event News of a store
 * @{
 */

/**
 * Subscribe to the events of a store, from now on.
 *
 * Subscribe first and list then, and nothing is missed.
 *
 * @param client        borrowed.
 * @param subscription  written; end it with plasma_unsubscribe().
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: none worth naming.   Since: 0.1
 */
plasma_status_t plasma_subscribe(const plasma_client_t *client,
                                 plasma_subscription_t **subscription);

/**
 * Take the next event, waiting for it if need be.
 *
 * Who is too slow gets one PLASMA_EVENT_LOST for those that are gone.
 *
 * @param subscription  borrowed.
 * @param timeout_ms    0 do not wait, -1 for ever.
 * @param event         written, as far as its struct_size goes.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_TIMEOUT       no event in time, also with 0
 * @retval PLASMA_ERR_DISCONNECTED  the client was disconnected
 *
 * Threads: any.   Cost: no system call if there is one.   Since: 0.1
 */
plasma_status_t plasma_next_event(const plasma_subscription_t *subscription,
                                  int64_t timeout_ms,
                                  plasma_event_t *event);

/**
 * A file descriptor that is readable while events wait, for poll and epoll.
 *
 * Do not read from it: take events with plasma_next_event() and time-out 0
 * until TIMEOUT. The first call starts one helper thread, all signals blocked.
 *
 * @param subscription  borrowed.
 * @param fd            written; the library's, closed by plasma_unsubscribe().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_LIMIT  too many open files or threads
 *
 * Threads: any.   Cost: none, but for the first call: some system calls.
 * Since: 0.1
 */
plasma_status_t plasma_event_fd(const plasma_subscription_t *subscription,
                                int *fd);

/**
 * End a subscription.
 *
 * @param subscription  consumed; NULL is a no-op. No other thread may be in a
 *                      call with it.
 *
 * Threads: any.   Cost: joins the helper thread, if there is one.   Since: 0.1
 */
void plasma_unsubscribe(plasma_subscription_t *subscription);

/** @} */

/**
 * @defgroup check Whether a store is sound
 * @{
 */

/**
 * Compare all structures of the store with each other.
 *
 * Experimental: may change between minor versions. No object is changed. What
 * a dead writer left is recovered first, as by any writer; where the report
 * has problems and the object table is sound, the next writer makes all that
 * is derived from the table anew. Writers wait meanwhile, gets do not.
 *
 * @param client  borrowed; not READ_ONLY, since it takes the writer lock.
 * @param report  written, as far as its struct_size goes.
 *
 * @retval PLASMA_OK             whatever was found: see report->problem_count
 * @retval PLASMA_ERR_CORRUPT    too much is wrong to look
 * @retval PLASMA_ERR_READ_ONLY  the client may only read
 * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
 *
 * Threads: any.   Cost: the writer lock, for a second per million objects
 * and some 100 bytes of memory for each.   Since: 0.1
 */
plasma_status_t plasma_check(const plasma_client_t *client,
                             plasma_check_report_t *report);

/** @} */

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PLASMA_H */
