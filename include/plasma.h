/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plasma: immutable objects in memory that processes share
 * --------------------------------------------------------
 *
 * Plasma lets the processes of one Linux machine share immutable objects
 * without copying them. A process creates an object, writes into its memory
 * and seals it; from then on the object never changes, and any process can get
 * a read-only view of it, by id or by name, and wait until it is sealed. There
 * is no server: a store is a directory of shared files, in /dev/shm by
 * default, and every process works on it directly.
 *
 * This is the manual of the C API. C++17 has plasma.hpp, the same calls with
 * owners in place of handles.
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
 * Crashes. A process may die at any instruction: sealed objects stay, its
 * unsealed objects are gone, and everything it held is given back. A wait for
 * an object that it was writing returns ABORTED. A sealed object lives until it
 * is deleted or evicted, its store is removed, or the machine reboots, even if
 * its creator dies. Use an object's bytes only while you hold a buffer on it.
 *
 * Trust. Processes that may write to a store can overwrite each other's
 * objects through stray pointers into memory they created, and can truncate
 * its files, which kills readers with SIGBUS. Readers of another uid, admitted
 * by the store's mode, can do one harm only: objects that they hold are not
 * freed when deleted, up to reader_quota for each of at most max_readers
 * readers (by default half of the capacity, and 1024). For readers that are not
 * trusted set both when the store is made, so that their product is a part of
 * the capacity that producers can spare. A READ_ONLY client of the owner's own
 * uid is held back by its mappings only. The default mode, 0600, admits no
 * other uid. For another uid, give the address as a path.
 *
 * Memory. A store in /dev/shm is RAM (and swap). It is taken from the system
 * as objects are created, stays with the store when they are deleted, and
 * counts in the cgroup of the process that first needed it; plasma_trim()
 * gives it back. OUT_OF_MEMORY comes before anything is written, not SIGBUS.
 * Docker gives a container 64 MiB of /dev/shm: start it with --shm-size.
 * Containers share a store when they share the directory (--ipc, or a volume).
 * Under a limit on file sizes (ulimit -f) below the capacity no store can be
 * made: LIMIT.
 * New objects hold the old content of their memory; PLASMA_CREATE_ZEROED clears
 * it. Nothing is evicted unless the store was made with PLASMA_EVICTION_LRU.
 *
 * Lifetimes. A client counts as present, and an EPHEMERAL store stays, until
 * the client is disconnected and its last buffer is gone: of either kind, or a
 * retained copy. A buffer keeps its object's memory, even if that is deleted.
 * Subscriptions and lists keep neither.
 *
 * Threads. Clients, lists and subscriptions may be used by any number of
 * threads at once; one buffer by one thread at a time. Only plasma_event_fd()
 * starts a thread, and no signal handler is ever installed. A thread that is
 * cancelled (pthread_cancel) leaves its call first: calls are no cancellation
 * points, and a wait goes on to its timeout. Asynchronous cancellation and a
 * longjmp() out of a call are not supported. plasma_disconnect() ends the calls
 * in flight and waits for them; a call that begins later is an error of the
 * caller, as after free().
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
 * Timeouts. timeout_ms is a time in milliseconds: 0 does not wait, -1 waits
 * forever; other negative values are INVALID_ARGUMENT. Calls that change the
 * store take its writer lock, which is held for microseconds. A dead owner is
 * replaced, but a stopped one (SIGSTOP, a debugger, a paused container) is
 * waited for: up to lock_timeout_ms or the call's own timeout, whichever is
 * longer, then TIMEOUT with nothing changed; the message names the process.
 * lock_timeout_ms waits forever by default: set it where a paused process must
 * not stop others. Getting and releasing sealed objects never takes the lock.
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
 * Results. Calls that can fail return PLASMA_OK or a negative PLASMA_ERR_*,
 * and then plasma_error_message() has the failure in words. Each function names
 * the errors that are its own. Any call may also return INVALID_ARGUMENT (NULL
 * where it is not allowed, a buffer that is all zero or stale, unknown flags),
 * FORKED, DISCONNECTED, STORE_GONE, CORRUPT, SYSTEM or INTERNAL, and
 * OUT_OF_MEMORY or LIMIT when this process gets no more memory of its own or no
 * more open files; any call that waits, INTERRUPTED; any that writes,
 * READ_ONLY. The numbers are frozen.
 *
 * Parameters. "Borrowed" is read during the call and not kept. "Written" is
 * set on PLASMA_OK only, except for the arrays of _many and plasma_wait().
 * "Consumed" ends its life, or does nothing if the call fails. Pointers are
 * NULL or valid, and written memory does not overlap anything else. Text is
 * UTF-8 and ends with a NUL.
 *
 * Structs. Those marked "Frozen" keep their size forever. Those marked
 * "Grows" begin with struct_size, are initialized by their PLASMA_*_INIT macro,
 * and may get fields at their end. In options 0 means the default, and NULL
 * options mean all defaults; a set field that an older library does not know is
 * refused. Output structs are filled as far as both sides know them.
 */

/**
 * @file
 * The C API of Plasma: types, constants and functions.
 */

#ifndef PLASMA_H
#define PLASMA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup version Version of the library
 * @{
 */

/** The major version of this header. */
#define PLASMA_VERSION_MAJOR 0
/** The minor version of this header. */
#define PLASMA_VERSION_MINOR 1
/** The patch version of this header. */
#define PLASMA_VERSION_PATCH 0
/** The version of this header as 0xMMmmpp; see plasma_version(). */
#define PLASMA_VERSION_NUM 0x000100

/**
 * Get the version of the loaded library as 0xMMmmpp.
 *
 * Compare it with PLASMA_VERSION_NUM, the version of this header.
 *
 * @return the major, minor and patch version, one byte each.
 *
 * Threads: any, also in signal handlers.   Cost: negligible.   Since: 0.1
 */
uint32_t plasma_version(void);

/**
 * Get the version of the loaded library as "major.minor.patch".
 *
 * @return static text, never NULL.
 *
 * Threads: any, also in signal handlers.   Cost: negligible.   Since: 0.1
 */
const char *plasma_version_string(void);

/** @} */

/**
 * @defgroup status Status codes
 * @{
 */

/** The result of a call. The numbers are frozen; new ones may be added. */
typedef enum plasma_status {
    /** The call succeeded. */
    PLASMA_OK = 0,
    /** An argument is not valid; the message names it. */
    PLASMA_ERR_INVALID_ARGUMENT = -1,
    /** There is no such object, name or key, or an index is out of range. */
    PLASMA_ERR_NOT_FOUND = -2,
    /** An object with this id exists. */
    PLASMA_ERR_EXISTS = -3,
    /** Another object has this name. */
    PLASMA_ERR_NAME_EXISTS = -4,
    /** The object is still being written. */
    PLASMA_ERR_NOT_SEALED = -5,
    /**
     * Reserved: no call returns it. A mutable buffer ends when its object is
     * sealed; a later call with it returns INVALID_ARGUMENT.
     */
    PLASMA_ERR_SEALED = -6,
    /** The timeout expired, in a wait or while the writer lock was busy. */
    PLASMA_ERR_TIMEOUT = -7,
    /** The creator died before it sealed the object. */
    PLASMA_ERR_ABORTED = -8,
    /** No room now in the store, file system, cgroup or process. */
    PLASMA_ERR_OUT_OF_MEMORY = -9,
    /** The object is larger than the whole store. */
    PLASMA_ERR_TOO_LARGE = -10,
    /**
     * A limit other than bytes is reached: objects, clients, leases, metadata
     * or files. The message names the limit and its value.
     */
    PLASMA_ERR_LIMIT = -11,
    /** The client was connected with PLASMA_CONNECT_READ_ONLY. */
    PLASMA_ERR_READ_ONLY = -12,
    /** The operating system denied access. */
    PLASMA_ERR_PERMISSION = -13,
    /** There is no store at the address. */
    PLASMA_ERR_STORE_NOT_FOUND = -14,
    /** There is a store at the address (PLASMA_CONNECT_EXCLUSIVE). */
    PLASMA_ERR_STORE_EXISTS = -15,
    /** There is something other than a store at the address. */
    PLASMA_ERR_NOT_A_STORE = -16,
    /** The store was created with other options than those given. */
    PLASMA_ERR_MISMATCH = -17,
    /** The store is of another version of Plasma or another word size. */
    PLASMA_ERR_VERSION = -18,
    /** The files of the store are corrupt. */
    PLASMA_ERR_CORRUPT = -19,
    /** The store was removed; buffers already held stay readable. */
    PLASMA_ERR_STORE_GONE = -20,
    /** The handle belongs to the parent process; connect again. */
    PLASMA_ERR_FORKED = -21,
    /** The client was disconnected. */
    PLASMA_ERR_DISCONNECTED = -22,
    /** plasma_interrupt() or a signal ended the wait. */
    PLASMA_ERR_INTERRUPTED = -23,
    /** This kernel, file system or store does not support the operation. */
    PLASMA_ERR_UNSUPPORTED = -24,
    /** A system call failed; see plasma_error_errno(). */
    PLASMA_ERR_SYSTEM = -25,
    /** A defect in Plasma; please report it with the message. */
    PLASMA_ERR_INTERNAL = -26,
    /**
     * The creator of the object ended it with plasma_fail(), whose message is
     * that of this failure.
     */
    PLASMA_ERR_FAILED = -27,
} plasma_status;

/** One of enum plasma_status: PLASMA_OK (0) or a negative PLASMA_ERR_*. */
typedef int32_t plasma_status_t;

/**
 * Get the name of a status, such as "PLASMA_ERR_NOT_FOUND".
 *
 * @param status  any number; if it is not a status, the name is
 *                "PLASMA_ERR_UNKNOWN".
 *
 * @return static text, never NULL.
 *
 * Threads: any, also in signal handlers.   Cost: negligible.   Since: 0.1
 */
const char *plasma_status_name(int32_t status);

/** @} */

/**
 * @defgroup error The last error of a thread
 * @{
 */

/**
 * Get the message of the last failed call of this thread.
 *
 * The message names the request, the limit that it met, and the way out. A
 * successful call does not change it, so read it only after a call that failed.
 *
 * @return UTF-8 text of at most 1023 bytes, never NULL, valid until the next
 *         call of this thread fails; "no error" before the first failure.
 *
 * Threads: any; each has its own message.   Cost: negligible.   Since: 0.1
 */
const char *plasma_error_message(void);

/**
 * Get the errno of the last failed call of this thread.
 *
 * @return the errno; 0 if the failure did not come from a system call.
 *
 * Threads: any; each has its own errno.   Cost: negligible.   Since: 0.1
 */
int plasma_error_errno(void);

/** @} */

/**
 * @defgroup id Object ids
 * @{
 */

/** Size of an id in bytes. */
#define PLASMA_ID_SIZE 20
/** Size of the text of plasma_id_to_hex() in bytes: 40 digits and a NUL. */
#define PLASMA_ID_HEX_SIZE 41

/**
 * The id of an object: 20 bytes of your choice, unique within a store.
 *
 * Frozen: its size never changes.
 */
typedef struct plasma_id_t {
    /** Any bytes; 20 zeros are a valid id. */
    uint8_t bytes[20];
} plasma_id_t;

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
 * @param bytes  borrowed; may be NULL if n is 0.
 * @param n      number of bytes.
 * @param id     written.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_INVALID_ARGUMENT  n is above 20
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
plasma_status_t plasma_id_from_bytes(const void *bytes,
                                     size_t n,
                                     plasma_id_t *id);

/**
 * Make an id from 40 hexadecimal digits of either case.
 *
 * @param hex  borrowed.
 * @param id   written.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_INVALID_ARGUMENT  hex is anything but 40 digits
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
plasma_status_t plasma_id_from_hex(const char *hex, plasma_id_t *id);

/**
 * Write an id as 40 lower-case hexadecimal digits and a NUL.
 *
 * @param id   borrowed.
 * @param hex  written: PLASMA_ID_HEX_SIZE (41) bytes.
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
plasma_status_t plasma_id_to_hex(const plasma_id_t *id, char *hex);

/** @} */

/**
 * @defgroup client Connecting to stores and removing them
 * @{
 */

/** plasma_connect: fail with STORE_NOT_FOUND if there is no store. */
#define PLASMA_CONNECT_EXISTING 0x1
/** plasma_connect: fail with STORE_EXISTS if there is a store. */
#define PLASMA_CONNECT_EXCLUSIVE 0x2

/**
 * plasma_connect: only read. Implies PLASMA_CONNECT_EXISTING. A store whose
 * remover was killed counts as none.
 */
#define PLASMA_CONNECT_READ_ONLY 0x4

/**
 * plasma_connect: a store created by this call is removed when its last client
 * leaves. If the last client is killed or READ_ONLY, the store stays until the
 * next client connects or `plasma reap --all` runs.
 */
#define PLASMA_CONNECT_EPHEMERAL 0x8
/** plasma_connect: reserve the whole capacity of a new store at once. */
#define PLASMA_CONNECT_RESERVE 0x10
/** Eviction: a full store refuses new objects and loses none. The default. */
#define PLASMA_EVICTION_NONE 0
/** Eviction: a full store evicts the least recently released objects. */
#define PLASMA_EVICTION_LRU 1

/**
 * Options of plasma_connect(). Initialize with PLASMA_CONNECT_OPTIONS_INIT.
 * Grows.
 *
 * A field that is 0 takes the default. If the store exists, 0 accepts the value
 * of the store, and any other value that differs from it is MISMATCH.
 */
typedef struct plasma_connect_options_t {
    /** sizeof(plasma_connect_options_t) */
    uint32_t struct_size;
    /**
     * PLASMA_CONNECT_* bits; 0 opens a store, or creates it if none is there.
     */
    uint32_t flags;
    /**
     * Bytes for data and metadata. Default: 1 GiB, or half of the free space of
     * the file system if that is less.
     */
    uint64_t capacity;
    /**
     * Maximum number of objects. Default: capacity / 1024, but at least 1024
     * and at most 16 Mi.
     */
    uint64_t max_objects;
    /**
     * Permissions of a new store, whatever the umask: 0600 (default), 0640,
     * 0644, 0660 or 0664.
     */
    uint32_t mode;
    /** PLASMA_EVICTION_NONE (default) or PLASMA_EVICTION_LRU. */
    uint32_t eviction;
    /** 1 asks for huge pages (2 MiB) where the kernel has them. Default: 0. */
    uint32_t huge_pages;
    /** Must be 0. */
    uint32_t reserved;
    /**
     * How long a call waits for the writer lock, in milliseconds; a call whose
     * own timeout_ms is longer waits as long as that. -1 and 0 wait forever.
     */
    int64_t lock_timeout_ms;
    /**
     * Bytes of data and metadata that one reader of another uid may keep from
     * being freed; a get with which it would hold more is LIMIT. Default: half
     * of the capacity.
     */
    uint64_t reader_quota;
    /**
     * Maximum number of readers of other uids at once, each of which may hold
     * reader_quota bytes. Default and largest value: 1024.
     */
    uint64_t max_readers;
} plasma_connect_options_t;

/** Initializer for plasma_connect_options_t. */
#define PLASMA_CONNECT_OPTIONS_INIT \
    { sizeof(plasma_connect_options_t), 0, 0, 0, 0, 0, 0, 0, -1, 0, 0 }

/**
 * A connection of this process to a store.
 *
 * Lifetime: from plasma_connect() to plasma_disconnect(). Buffers of both kinds
 *           may outlive it. A process may have many, also to one store.
 * Threads:  any number at once.
 * Fork:     every call in the child returns FORKED; connect again there.
 */
typedef struct plasma_client_t plasma_client_t;

/**
 * Open a store, or create it if it does not exist.
 *
 * The address is NULL for $PLASMA_STORE or, where that is not set, "default";
 * a word of 1 to 64 letters, digits, '_', '-' and '.', not beginning with '.',
 * for a store of this user in /dev/shm; or a path with a '/' for the store's
 * directory or a file with the lines `plasma-store-link 1` and its path. A
 * later chdir() does not change a relative path.
 *
 * The stores that a user addresses by words are in `/dev/shm/plasma-<uid>`,
 * where uid is the effective uid, in a user namespace as its parent knows it.
 * If another user has taken that name, every call with a word is PERMISSION and
 * uses nothing that is there: pass a path, or let root remove it.
 *
 * @param address  borrowed; UTF-8.
 * @param options  borrowed; NULL for all defaults.
 * @param client   written: the connection; end it with plasma_disconnect().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_INVALID_ARGUMENT  the address is not valid
 * @retval PLASMA_ERR_STORE_NOT_FOUND   there is no store, and EXISTING or
 *                                      READ_ONLY is set
 * @retval PLASMA_ERR_STORE_EXISTS      there is a store, and EXCLUSIVE is set
 * @retval PLASMA_ERR_NOT_A_STORE       the address is that of a file, a link or
 *                                      another directory
 * @retval PLASMA_ERR_MISMATCH          the store was created with other options
 *                                      than given
 * @retval PLASMA_ERR_VERSION           the store is of another version or word
 *                                      size
 * @retval PLASMA_ERR_CORRUPT           the files of the store are corrupt
 * @retval PLASMA_ERR_PERMISSION        the operating system denies access; the
 *                                      directory of this user's stores in
 *                                      /dev/shm is not private to this user; or
 *                                      this is root without READ_ONLY, and the
 *                                      mode of the store does not admit root
 * @retval PLASMA_ERR_STORE_GONE        the store was removed, and a file that
 *                                      is not its own keeps its directory; or
 *                                      it was removed again and again for 10 s
 * @retval PLASMA_ERR_OUT_OF_MEMORY     there is no room for the store; see
 *                                      `--shm-size` in a container
 * @retval PLASMA_ERR_LIMIT             too many clients, or open files; or a
 *                                      file of the store would exceed this
 *                                      process's `ulimit -f`
 * @retval PLASMA_ERR_TIMEOUT           lock_timeout_ms expired while the last
 *                                      client of an EPHEMERAL store was leaving
 * @retval PLASMA_ERR_UNSUPPORTED       the file system is a network one or
 *                                      hugetlbfs
 *
 * Threads: any.   Cost: about 70 system calls, and up to 40 more beside other
 * clients, however many these are.   Since: 0.1
 */
plasma_status_t plasma_connect(const char *address,
                               const plasma_connect_options_t *options,
                               plasma_client_t **client);

/**
 * Disconnect from a store. Never fails.
 *
 * Calls of other threads that are in flight end first: those that wait return
 * DISCONNECTED, and this call returns after the last of them. Do not call it in
 * a signal handler that interrupted a call on the same client. Buffers of both
 * kinds stay usable, and the client counts as present in the store until its
 * last buffer is gone.
 *
 * @param client  consumed; NULL is a no-op. Any later use is an error of the
 *                caller, as after free(), and so is a call of another thread
 *                that has not begun yet.
 *
 * Threads: any.   Cost: 20 to 40 system calls.   Since: 0.1
 */
void plasma_disconnect(plasma_client_t *client);

/**
 * Get the address of a client's store: the absolute path of its directory.
 *
 * @param client  borrowed.
 *
 * @return text valid until plasma_disconnect(); NULL if client is NULL.
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
const char *plasma_client_address(const plasma_client_t *client);

/**
 * End the wait of every call in flight on a client with INTERRUPTED.
 *
 * One interruption suffices for each call: a call that does not wait yet
 * returns INTERRUPTED instead of waiting, and plasma_put_many() and
 * plasma_delete_many() stop at the next object. A call that needs no wait ends
 * as usual, and a call that begins later is not affected.
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
 * Connected processes keep the buffers that they hold; their other calls return
 * STORE_GONE. Only files that belong to a store are removed: if the directory
 * has any other file, nothing is removed. On an error nothing has changed.
 *
 * @param address  borrowed; as for plasma_connect().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_STORE_NOT_FOUND  there is nothing at the address
 * @retval PLASMA_ERR_NOT_A_STORE      there is something other than a store
 * @retval PLASMA_ERR_VERSION          the store is of another version or word
 *                                     size
 * @retval PLASMA_ERR_CORRUPT          the files of the store are corrupt
 * @retval PLASMA_ERR_PERMISSION       this process is neither the owner's nor
 *                                     root's
 * @retval PLASMA_ERR_TIMEOUT          another process that removes the store
 *                                     makes no progress for 5 s
 * @retval PLASMA_ERR_UNSUPPORTED      the store is a mount point, or a file in
 *                                     its directory is not its own; the message
 *                                     names it
 *
 * Threads: any.   Cost: grows with the number of names that readers of other
 * users have created in the store.   Since: 0.1
 */
plasma_status_t plasma_store_remove(const char *address);

/** @} */

/**
 * @defgroup buffer Buffers: holding and releasing objects
 * @{
 */

/**
 * A read-only view of one sealed object, with a lease that keeps the object.
 *
 * While it is held the bytes stay mapped and unchanged, even if the object is
 * deleted, its creator dies or the client disconnects. Writing to data is a
 * segmentation fault. data is never NULL, also if size is 0.
 *
 * Lifetime: from a get to plasma_release(). A copy of the struct by value is an
 *           alias, not a lease: once one is released, the other is refused with
 *           INVALID_ARGUMENT. plasma_retain() takes a second lease.
 * Threads:  one at a time; may move between threads.
 * Fork:     the child may read data while the parent holds the buffer.
 *
 * Frozen: 64 bytes; its size never changes. All zeros mean "no buffer".
 */
typedef struct plasma_buffer_t {
    /** The first byte. */
    const uint8_t *data;
    /** Size of data in bytes. */
    uint64_t size;
    /** For the library only. */
    uint64_t reserved[6];
} plasma_buffer_t;

/**
 * The creator's writable view of one object until it is sealed.
 *
 * Lifetime: from plasma_create() to plasma_seal(), plasma_seal_and_get() or
 *           plasma_abort(); if the process ends before, the object is gone.
 *           Copies by value are aliases, as for plasma_buffer_t.
 * Threads:  one call at a time; any number may write to data.
 * Fork:     not mapped in the child.
 *
 * Frozen: 64 bytes; its size never changes. All zeros mean "no buffer".
 */
typedef struct plasma_mutable_buffer_t {
    /** The first byte; plasma_resize() may change it. */
    uint8_t *data;
    /** Size of data in bytes. */
    uint64_t size;
    /** For the library only. */
    uint64_t reserved[6];
} plasma_mutable_buffer_t;

/**
 * Take a second lease on the object of a buffer.
 *
 * Never waits, and also works after the object was deleted or the client was
 * disconnected.
 *
 * @param buffer  borrowed.
 * @param copy    written; release it like any other buffer.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_INVALID_ARGUMENT  buffer is not a live buffer
 * @retval PLASMA_ERR_LIMIT             buffer is retained 32767 times already
 *
 * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
 */
plasma_status_t plasma_retain(const plasma_buffer_t *buffer,
                              plasma_buffer_t *copy);

/**
 * Release a buffer and its lease.
 *
 * @param buffer  consumed: all zeros afterwards. If it is all zeros before, the
 *                call is a no-op.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_INVALID_ARGUMENT  a stale alias; nothing has changed
 *
 * Threads: any, one per buffer.   Cost: no system call, no lock.   Since: 0.1
 */
plasma_status_t plasma_release(plasma_buffer_t *buffer);

/**
 * Release many buffers.
 *
 * Each is tried, even after one failed.
 *
 * @param buffers  consumed, each as by plasma_release().
 * @param count    number of buffers; if it is 0, buffers may be NULL.
 *
 * @return PLASMA_OK, or the first failure.
 *
 * Threads: any, one per buffer.   Cost: no system call.   Since: 0.1
 */
plasma_status_t plasma_release_many(plasma_buffer_t *buffers,
                                    size_t count);

/** @} */

/**
 * @defgroup write Creating and sealing objects
 * @{
 */

/** Longest name of an object in bytes, without its NUL. */
#define PLASMA_NAME_MAX 255
/** plasma_create: fill the memory with zeros first. */
#define PLASMA_CREATE_ZEROED 0x10000
/** plasma_create: pin the object against eviction from the start. */
#define PLASMA_CREATE_PINNED 0x20000

/**
 * One entry of an object's metadata, a dictionary from text to bytes.
 *
 * By convention the keys "format" and "schema" describe the data (binary,
 * arrow, protobuf, json, ...). Frozen: its size never changes.
 */
typedef struct plasma_metadata_t {
    /** UTF-8, not empty, NUL-terminated. */
    const char *key;
    /** Any bytes; may be NULL if value_size is 0. */
    const void *value;
    /** Size of value in bytes. */
    uint64_t value_size;
} plasma_metadata_t;

/**
 * Options of plasma_create(). Initialize with PLASMA_CREATE_OPTIONS_INIT.
 * Grows.
 */
typedef struct plasma_create_options_t {
    /** sizeof(plasma_create_options_t) */
    uint32_t struct_size;
    /** PLASMA_CREATE_* bits. */
    uint32_t flags;
    /** A name, unique in the store: 1 to 255 bytes of UTF-8; NULL for none. */
    const char *name;
    /** metadata_count entries of at most 64 KiB in all; NULL for none. */
    const plasma_metadata_t *metadata;
    /** Number of entries in metadata. */
    uint64_t metadata_count;
    /**
     * How long to wait for space, in milliseconds: 0 does not wait, -1 waits
     * forever. It does not bound the wait for the writer lock, which lasts up
     * to the longer of this and lock_timeout_ms.
     */
    int64_t timeout_ms;
} plasma_create_options_t;

/** Initializer for plasma_create_options_t. */
#define PLASMA_CREATE_OPTIONS_INIT \
    { sizeof(plasma_create_options_t), 0, NULL, NULL, 0, 0 }

/**
 * Create an object, to be written and then sealed.
 *
 * Its memory has arbitrary contents, as from malloc(), unless
 * PLASMA_CREATE_ZEROED is set. No client can read the object before it is
 * sealed.
 *
 * @param client   borrowed.
 * @param id       borrowed.
 * @param size     size of the data in bytes; may be 0.
 * @param options  borrowed; NULL for all defaults.
 * @param buffer   written; end it with plasma_seal(), plasma_seal_and_get() or
 *                 plasma_abort().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
 * @retval PLASMA_ERR_NAME_EXISTS    an object has this name
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
 * @retval PLASMA_ERR_PERMISSION     no room, and nothing can be freed because
 *                                   the file of a client cannot be read
 * @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole store
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
 * Bytes up to the smaller size are kept; new bytes are arbitrary. The object
 * grows in place if it can; otherwise it moves, and data changes.
 *
 * @param buffer    changed: data and size. If the call fails, it is unchanged.
 * @param new_size  size of the data in bytes; may be 0.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
 * @retval PLASMA_ERR_TOO_LARGE      the object would be larger than the whole
 *                                   store
 * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
 *
 * Threads: any, one per buffer.   Cost: the writer lock; a copy if the object
 * moves.   Since: 0.1
 */
plasma_status_t plasma_resize(plasma_mutable_buffer_t *buffer,
                              uint64_t new_size);

/**
 * Set or replace one metadata entry of an object that is not sealed yet.
 *
 * @param buffer      borrowed.
 * @param key         borrowed; UTF-8, not empty.
 * @param value       borrowed; may be NULL if value_size is 0.
 * @param value_size  size of value in bytes.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_LIMIT          over 64 KiB of metadata in all
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room now
 * @retval PLASMA_ERR_TOO_LARGE      data and metadata would be larger than the
 *                                   whole store
 * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
 *
 * Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
 */
plasma_status_t plasma_set_metadata(plasma_mutable_buffer_t *buffer,
                                    const char *key,
                                    const void *value,
                                    uint64_t value_size);

/**
 * Publish an object: from now on it never changes, and any client can get it.
 *
 * @param buffer  consumed: all zeros afterwards; usable if the call fails.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_STORE_GONE  the store was removed
 *
 * Threads: any, one per buffer.   Cost: no lock; a system call if a client
 * waits.   Since: 0.1
 */
plasma_status_t plasma_seal(plasma_mutable_buffer_t *buffer);

/**
 * Publish an object and get it, so that it cannot be evicted or deleted before.
 *
 * @param buffer  consumed: all zeros afterwards; usable if the call fails.
 * @param sealed  written; release it with plasma_release().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_LIMIT       too many leases
 * @retval PLASMA_ERR_STORE_GONE  the store was removed
 *
 * Threads: any, one per buffer.   Cost: that of plasma_seal().   Since: 0.1
 */
plasma_status_t plasma_seal_and_get(plasma_mutable_buffer_t *buffer,
                                    plasma_buffer_t *sealed);

/**
 * Discard an object before it is sealed.
 *
 * Its id and name are free again, and calls that wait for it keep waiting.
 *
 * @param buffer  consumed: all zeros afterwards; usable if the call fails.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_TIMEOUT  the writer lock stayed busy
 *
 * Threads: any, one per buffer.   Cost: the writer lock.   Since: 0.1
 */
plasma_status_t plasma_abort(plasma_mutable_buffer_t *buffer);

/**
 * End an object that cannot be made: calls that wait for it, and later gets,
 * fail with a message, until it is deleted.
 *
 * With the metadata key "expires" (microseconds since the Unix epoch, decimal)
 * the object is absent from that time on.
 *
 * @param buffer   consumed: all zeros afterwards; usable if the call fails.
 * @param message  borrowed; UTF-8. As much of it is kept as fits the memory of
 *                 the object's data, and at most 512 bytes.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_STORE_GONE  the store was removed
 * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
 *
 * Threads: any, one per buffer.   Cost: the writer lock; a system call if a
 * client waits.   Since: 0.1
 */
plasma_status_t plasma_fail(plasma_mutable_buffer_t *buffer,
                            const char *message);

/**
 * Create an object, copy bytes into it, and seal it.
 *
 * @param client   borrowed.
 * @param id       borrowed.
 * @param data     borrowed; may be NULL if size is 0.
 * @param size     size of the data in bytes.
 * @param options  borrowed; NULL for all defaults.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
 * @retval PLASMA_ERR_NAME_EXISTS    an object has this name
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
 * @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole store
 * @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
 *                                   metadata
 * @retval PLASMA_ERR_READ_ONLY      the client may only read
 * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
 *
 * Threads: any.   Cost: that of plasma_create(), and the copy.   Since: 0.1
 */
plasma_status_t plasma_put(const plasma_client_t *client,
                           const plasma_id_t *id,
                           const void *data,
                           uint64_t size,
                           const plasma_create_options_t *options);

/**
 * Create an object of parts, one after the other, as by plasma_put().
 *
 * @param client   borrowed.
 * @param id       borrowed.
 * @param parts    borrowed: count pointers, each to the bytes of a part.
 * @param sizes    borrowed: count sizes in bytes.
 * @param count    number of parts; if it is 0, the arrays may be NULL.
 * @param options  borrowed; NULL for all defaults.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
 * @retval PLASMA_ERR_NAME_EXISTS    an object has this name
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
 * @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole store
 * @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
 *                                   metadata
 * @retval PLASMA_ERR_READ_ONLY      the client may only read
 * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
 *
 * Threads: any.   Cost: that of plasma_put().   Since: 0.1
 */
plasma_status_t plasma_put_parts(const plasma_client_t *client,
                                 const plasma_id_t *id,
                                 const void *const *parts,
                                 const uint64_t *sizes,
                                 size_t count,
                                 const plasma_create_options_t *options);

/**
 * Get an object, or create it if it does not exist.
 *
 * If many callers ask at once, one of them creates the object and the others
 * wait until it is sealed.
 *
 * @param client          borrowed.
 * @param id              borrowed.
 * @param size            size of the data in bytes, if the object is created.
 * @param options         borrowed, used if the object is created; NULL for all
 *                        defaults.
 * @param timeout_ms      how long to wait until another creator seals the
 *                        object, in milliseconds: 0 does not wait, -1 waits
 *                        forever.
 * @param buffer          written: the object, or all zeros if it was created;
 *                        release it with plasma_release().
 * @param mutable_buffer  written: all zeros, or the new object if it was
 *                        created; end it as after plasma_create().
 * @param created         written: 1 if the object was created, else 0.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_SEALED     timeout_ms is 0, and another creator is
 *                                   writing the object
 * @retval PLASMA_ERR_TIMEOUT        another creator did not seal the object in
 *                                   time, or the writer lock stayed busy
 * @retval PLASMA_ERR_FAILED         its creator failed
 * @retval PLASMA_ERR_NAME_EXISTS    another object has this name
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
 * @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole store
 * @retval PLASMA_ERR_LIMIT          too many objects or leases, or over 64 KiB
 *                                   of metadata
 * @retval PLASMA_ERR_READ_ONLY      the client may only read
 *
 * Threads: any.   Cost: that of plasma_get() or plasma_create().   Since: 0.1
 */
plasma_status_t plasma_get_or_create(const plasma_client_t *client,
                                     const plasma_id_t *id,
                                     uint64_t size,
                                     const plasma_create_options_t *options,
                                     int64_t timeout_ms,
                                     plasma_buffer_t *buffer,
                                     plasma_mutable_buffer_t *mutable_buffer,
                                     int32_t *created);

/**
 * Get the object with a name, or create it if it does not exist.
 *
 * If many callers ask at once, one of them creates the object, with a random
 * id, and the others wait until it is sealed.
 *
 * @param client          borrowed.
 * @param name            borrowed; UTF-8, 1 to 255 bytes.
 * @param size            size of the data in bytes, if the object is created.
 * @param options         borrowed, used if the object is created; NULL for all
 *                        defaults. Its name is NULL, or this name.
 * @param timeout_ms      as of plasma_get_or_create().
 * @param buffer          written as by plasma_get_or_create().
 * @param mutable_buffer  written as by plasma_get_or_create().
 * @param created         written: 1 if the object was created, else 0.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_SEALED     timeout_ms is 0, and another creator is
 *                                   writing the object
 * @retval PLASMA_ERR_TIMEOUT        another creator did not seal the object in
 *                                   time, or the writer lock stayed busy
 * @retval PLASMA_ERR_FAILED         its creator failed
 * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options->timeout_ms
 * @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole store
 * @retval PLASMA_ERR_LIMIT          too many objects or leases, or over 64 KiB
 *                                   of metadata
 * @retval PLASMA_ERR_READ_ONLY      the client may only read
 *
 * Threads: any.   Cost: that of plasma_get_by_name() or plasma_create().
 * Since: 0.1
 */
plasma_status_t plasma_get_or_create_by_name(
    const plasma_client_t *client,
    const char *name,
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
 * Each is tried, even after one failed; but a disconnect, an interruption, a
 * fork or the removal of the store ends the whole call, with that status for
 * all objects that are left. If the process is killed, each object is whole or
 * gone.
 *
 * @param client    borrowed.
 * @param ids       borrowed: count ids.
 * @param datas     borrowed: count pointers, each to the data of one object.
 * @param sizes     borrowed: count sizes in bytes.
 * @param count     number of objects; if it is 0, the arrays may be NULL.
 * @param options   borrowed, used for each object; NULL for all defaults. A
 *                  name is INVALID_ARGUMENT if count is above 1.
 * @param statuses  written whenever the arguments are valid: count statuses.
 *
 * @return PLASMA_OK if all succeed, or the first failure in the order of the
 *         array.
 *
 * Threads: any.   Cost: less than half of plasma_put() for each object below
 * a few KiB: up to 16 objects of at most 32 KiB together share the writer
 * lock and the wakes.   Since: 0.1
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
 * Each is tried, even after one failed; but a disconnect, an interruption, a
 * fork or the removal of the store ends the whole call, with that status for
 * all objects that are left.
 *
 * @param client    borrowed.
 * @param ids       borrowed: count ids.
 * @param count     number of objects; if it is 0, the arrays may be NULL.
 * @param statuses  written whenever the arguments are valid: count statuses.
 *
 * @return PLASMA_OK if all succeed, or the first failure in the order of the
 *         array.
 *
 * Threads: any.   Cost: about half of plasma_delete() for each object: up to 16
 * objects share the writer lock and the wakes.   Since: 0.1
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
 * Get a read-only view of an object, and wait until it is sealed.
 *
 * @param client      borrowed.
 * @param id          borrowed.
 * @param timeout_ms  in milliseconds; 0 does not wait, -1 waits forever.
 * @param buffer      written; release it with plasma_release().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND   timeout_ms is 0, and there is no such object
 * @retval PLASMA_ERR_NOT_SEALED  timeout_ms is 0, and the object is being
 *                                written
 * @retval PLASMA_ERR_TIMEOUT     the object was not sealed in time
 * @retval PLASMA_ERR_ABORTED     its creator died while this call waited
 * @retval PLASMA_ERR_FAILED      its creator failed; the message says why
 * @retval PLASMA_ERR_LIMIT       too many leases; or this is a reader of
 *                                another user that would hold more than
 *                                reader_quota bytes
 *
 * Threads: any.   Cost: no system call and no lock if it is sealed.
 * Since: 0.1
 */
plasma_status_t plasma_get(const plasma_client_t *client,
                           const plasma_id_t *id,
                           int64_t timeout_ms,
                           plasma_buffer_t *buffer);

/**
 * Get a read-only view of an object by its name, as by plasma_get().
 *
 * @param client      borrowed.
 * @param name        borrowed; UTF-8, 1 to 255 bytes.
 * @param timeout_ms  in milliseconds; 0 does not wait, -1 waits forever.
 * @param buffer      written; release it with plasma_release().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND   timeout_ms is 0, and there is no such object
 * @retval PLASMA_ERR_NOT_SEALED  timeout_ms is 0, and the object is being
 *                                written
 * @retval PLASMA_ERR_TIMEOUT     the object was not sealed in time
 * @retval PLASMA_ERR_ABORTED     its creator died while this call waited
 * @retval PLASMA_ERR_FAILED      its creator failed; the message says why
 * @retval PLASMA_ERR_LIMIT       too many leases; or this is a reader of
 *                                another user that would hold more than
 *                                reader_quota bytes
 *
 * Threads: any.   Cost: that of plasma_get(), and a hash of the name.
 * Since: 0.1
 */
plasma_status_t plasma_get_by_name(const plasma_client_t *client,
                                   const char *name,
                                   int64_t timeout_ms,
                                   plasma_buffer_t *buffer);

/**
 * Find the id of the object with a name, sealed or not.
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
 * An id may be given more than once; each buffer has a lease of its own.
 *
 * @param client      borrowed.
 * @param ids         borrowed: count ids.
 * @param count       number of objects; if it is 0, the arrays may be NULL.
 * @param timeout_ms  in milliseconds, for all together; 0 does not wait, -1
 *                    waits forever.
 * @param buffers     written whenever the arguments are valid: count buffers,
 *                    all zeros where the status is not PLASMA_OK; release them
 *                    with plasma_release_many().
 * @param statuses    written with buffers: count statuses, as of plasma_get().
 *
 * @return PLASMA_OK if all succeed, or the first failure in the order of the
 *         array.
 *
 * Threads: any.   Cost: no system call and no lock if all are sealed; less than
 * plasma_get() for each object.   Since: 0.1
 */
plasma_status_t plasma_get_many(const plasma_client_t *client,
                                const plasma_id_t *ids,
                                size_t count,
                                int64_t timeout_ms,
                                plasma_buffer_t *buffers,
                                plasma_status_t *statuses);

/**
 * Wait until some of many objects are sealed, without getting them. A failed
 * object counts as sealed.
 *
 * @param client       borrowed.
 * @param ids          borrowed: count ids.
 * @param count        number of objects; if it is 0, the arrays may be NULL.
 * @param num_ready    number of objects that have to be sealed; 0 means all. A
 *                     number above count is INVALID_ARGUMENT.
 * @param timeout_ms   in milliseconds; 0 does not wait, -1 waits forever.
 * @param ready        written on PLASMA_OK and TIMEOUT: count bytes, 1 if the
 *                     object is sealed, else 0.
 * @param ready_count  written with ready: number of sealed objects.
 *
 * @retval PLASMA_OK           at least num_ready objects are sealed
 * @retval PLASMA_ERR_TIMEOUT  fewer objects were sealed in time
 * @retval PLASMA_ERR_ABORTED  fewer objects can be sealed, because creators
 *                             died while this call waited
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
 * @defgroup metadata Reading metadata
 * @{
 */

/**
 * Find the value of a metadata key.
 *
 * @param buffer      borrowed.
 * @param key         borrowed; UTF-8, not empty.
 * @param value       written: a pointer into shared memory, valid while the
 *                    buffer is held; never NULL.
 * @param value_size  written: size of value in bytes.
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
 * Get the number of metadata entries of an object.
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
 * Get the metadata entry at an index; the order is unspecified.
 *
 * @param buffer      borrowed.
 * @param index       0 .. plasma_metadata_count() - 1.
 * @param key         written: a pointer like value; NUL-terminated.
 * @param value       written: a pointer into shared memory, valid while the
 *                    buffer is held; never NULL.
 * @param value_size  written: size of value in bytes.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  index is out of range
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
 * @defgroup info Facts about objects, clients and the store
 * @{
 */

/** The state of an object. The numbers are frozen. */
typedef enum plasma_state {
    /** There is no such object. */
    PLASMA_STATE_ABSENT = 0,
    /** Its creator has not sealed it yet. */
    PLASMA_STATE_WRITING = 1,
    /** It can be read. */
    PLASMA_STATE_SEALED = 2,
    /**
     * Deleted or evicted, but still held. Only lists and plasma_buffer_info()
     * report it.
     */
    PLASMA_STATE_DELETED = 3,
    /** Its creator failed: a get receives the message of plasma_fail(). */
    PLASMA_STATE_FAILED = 4,
} plasma_state;

/** One of enum plasma_state. */
typedef int32_t plasma_state_t;

/** plasma_object_info_t.flags: the object is pinned against eviction. */
#define PLASMA_OBJECT_PINNED 0x1
/** plasma_object_info_t.flags: the object has a name. */
#define PLASMA_OBJECT_NAMED 0x2
/** Facts about an object. Initialize with PLASMA_OBJECT_INFO_INIT. Grows. */
typedef struct plasma_object_info_t {
    /** sizeof(plasma_object_info_t) */
    uint32_t struct_size;
    /** Id of the object. */
    plasma_id_t id;
    /** PLASMA_STATE_*. */
    plasma_state_t state;
    /** PLASMA_OBJECT_* bits. */
    uint32_t flags;
    /** Size of the data in bytes. */
    uint64_t data_size;
    /** Size of all metadata keys and values in bytes. */
    uint64_t metadata_size;
    /** Time of creation, in microseconds since the Unix epoch. */
    int64_t create_time_us;
    /** Time from create to seal in microseconds; -1 until it is sealed. */
    int64_t construct_duration_us;
    /** Process id of the creator, in the creator's pid namespace. */
    int32_t creator_pid;
    /** Number of leases on the object at this instant. */
    uint32_t lease_count;
    /** Time of the last known use, in microseconds since the Unix epoch. */
    int64_t last_use_us;
    /** Name of the object, or "". NUL-terminated. */
    char name[256];
    /** The creator as "host/pid@start", unique in a cluster. NUL-terminated. */
    char creator_address[128];
} plasma_object_info_t;

/** Initializer for plasma_object_info_t. */
#define PLASMA_OBJECT_INFO_INIT \
    { sizeof(plasma_object_info_t), {{0}}, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0} }

/** Facts about a client. Initialize with PLASMA_CLIENT_INFO_INIT. Grows. */
typedef struct plasma_client_info_t {
    /** sizeof(plasma_client_info_t) */
    uint32_t struct_size;
    /** Slot of the client in the store. */
    uint32_t slot;
    /** Process id, in the client's own pid namespace. */
    int32_t pid;
    /** User id. */
    uint32_t uid;
    /** Inode of the client's pid namespace. */
    uint64_t pid_namespace;
    /** Name of the client's program. NUL-terminated. */
    char comm[16];
    /** 1 if the client may only read. */
    uint8_t read_only;
    /** 1 if its process is alive. */
    uint8_t alive;
    /** 1 if its process is stopped, for example by SIGSTOP. */
    uint8_t stopped;
    /** Always 0. */
    uint8_t padding[5];
    /** Time of the connect, in microseconds since the Unix epoch. */
    int64_t connect_time_us;
    /** Number of leases that the client holds. */
    uint64_t lease_count;
    /**
     * Bytes of data of the objects that it holds, deleted ones included, each
     * counted once.
     */
    uint64_t leased_bytes;
    /** Bytes of data of the objects that it has not sealed yet. */
    uint64_t writing_bytes;
} plasma_client_info_t;

/** Initializer for plasma_client_info_t. */
#define PLASMA_CLIENT_INFO_INIT \
    { sizeof(plasma_client_info_t), 0, 0, 0, 0, {0}, 0, 0, 0, {0}, 0, 0, 0, 0 }

/**
 * Statistics and options of a store. Initialize with PLASMA_STATS_INIT. Grows.
 */
typedef struct plasma_stats_t {
    /** sizeof(plasma_stats_t) */
    uint32_t struct_size;
    /** Always 0. */
    uint32_t padding;
    /** Bytes for data and metadata. */
    uint64_t capacity;
    /**
     * Bytes in use, including those of deleted objects that are still held.
     * Memory that no client holds counts as free, even before a scan finds it.
     */
    uint64_t used;
    /** Bytes taken from the file system. */
    uint64_t reserved;
    /** Size of the largest free run in bytes. */
    uint64_t largest_free;
    /** Maximum number of objects. */
    uint64_t max_objects;
    /** Objects being written, without those that a dead creator left. */
    uint64_t objects_writing;
    /** Sealed objects. */
    uint64_t objects_sealed;
    /** Deleted objects that are still held. */
    uint64_t objects_deleted;
    /** Pinned objects, sealed or not. */
    uint64_t pinned;
    /** Leases of all clients. */
    uint64_t leases;
    /** Connected clients. */
    uint64_t clients;
    /** Objects evicted since the store was created. */
    uint64_t evictions;
    /** Bytes of data and metadata evicted since the store was created. */
    uint64_t evicted_bytes;
    /** Recoveries after a death in a critical section. */
    uint64_t recoveries;
    /** Dead clients that were cleaned up after. */
    uint64_t reaped_clients;
    /** Times that the writer lock was taken over from a dead owner. */
    uint64_t lock_steals;
    /** Type of the file system, such as "tmpfs". NUL-terminated. */
    char file_system[32];
    /** Bytes of deleted objects that are still held; part of used. */
    uint64_t deleted_bytes;
    /** PLASMA_CONNECT_EPHEMERAL, or 0: how the store was created. */
    uint32_t flags;
    /** Permissions of the files of the store. */
    uint32_t mode;
    /** PLASMA_EVICTION_NONE or PLASMA_EVICTION_LRU. */
    uint32_t eviction;
    /** 1 if the store asks for huge pages. */
    uint32_t huge_pages;
    /** Failed objects. */
    uint64_t objects_failed;
} plasma_stats_t;

/** Initializer for plasma_stats_t. */
#define PLASMA_STATS_INIT \
    { sizeof(plasma_stats_t), 0, \
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, \
      0, 0, 0, 0, 0 }

/**
 * Get facts about the object of a buffer.
 *
 * This reads the leases of every client, except where struct_size ends before
 * lease_count.
 *
 * @param buffer  borrowed.
 * @param info    written, up to its struct_size.
 *
 * @retval PLASMA_OK
 *
 * Threads: any, one per buffer.   Cost: no lock.   Since: 0.1
 */
plasma_status_t plasma_buffer_info(const plasma_buffer_t *buffer,
                                   plasma_object_info_t *info);

/**
 * Get the state of an object.
 *
 * @param client  borrowed.
 * @param id      borrowed.
 * @param state   written: ABSENT, WRITING, SEALED or FAILED.
 *
 * @retval PLASMA_OK  also if there is no such object
 *
 * Threads: any.   Cost: no system call, no lock.   Since: 0.1
 */
plasma_status_t plasma_contains(const plasma_client_t *client,
                                const plasma_id_t *id,
                                plasma_state_t *state);

/**
 * Get facts about an object, sealed or not.
 *
 * @param client  borrowed.
 * @param id      borrowed.
 * @param info    written, up to its struct_size.
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
 * Get the statistics and options of a store.
 *
 * @param client  borrowed.
 * @param stats   written, up to its struct_size.
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
 */
plasma_status_t plasma_stats(const plasma_client_t *client,
                             plasma_stats_t *stats);

/** @} */

/**
 * @defgroup manage Deleting, pinning, evicting, and freeing memory
 * @{
 */

/**
 * Delete a sealed object.
 *
 * From now on no call can get it, and its id and name are free again. Its
 * memory is freed after the last buffer on it is released.
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
 * Threads: any.   Cost: the writer lock. After a few hundred deletes, or after
 * 4 MiB deleted and 1 MiB more for each reader of another user, also about 10
 * system calls, 2 for each client that holds a deleted object, and 5 for each
 * such reader, which free the memory of all deleted objects that are not held.
 * Since: 0.1
 */
plasma_status_t plasma_delete(const plasma_client_t *client,
                              const plasma_id_t *id);

/**
 * Delete the sealed object with a name, as plasma_delete() does.
 *
 * @param client  borrowed.
 * @param name    borrowed; UTF-8, 1 to 255 bytes.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND   there is no such object
 * @retval PLASMA_ERR_NOT_SEALED  only its creator can end it: plasma_abort()
 * @retval PLASMA_ERR_READ_ONLY   the client may only read
 * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
 *
 * Threads: any.   Cost: that of plasma_delete().   Since: 0.1
 */
plasma_status_t plasma_delete_by_name(const plasma_client_t *client,
                                      const char *name);

/**
 * Keep an object from being evicted, until plasma_unpin() or plasma_delete().
 *
 * A pin is a mark, not a count, and outlives the process that set it.
 *
 * @param client  borrowed.
 * @param id      borrowed.
 *
 * @retval PLASMA_OK             also if it is pinned already
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
 * @retval PLASMA_OK             also if it is not pinned
 * @retval PLASMA_ERR_NOT_FOUND  there is no such object
 * @retval PLASMA_ERR_READ_ONLY  the client may only read
 * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
 *
 * Threads: any.   Cost: the writer lock.   Since: 0.1
 */
plasma_status_t plasma_unpin(const plasma_client_t *client,
                             const plasma_id_t *id);

/**
 * Evict objects that are not held and not pinned, least recently released
 * first.
 *
 * Only a store that was created with eviction ever evicts an object.
 *
 * @param client   borrowed.
 * @param bytes    bytes to free, at least; UINT64_MAX frees all that it can.
 * @param evicted  written: bytes of data and metadata of the evicted objects,
 *                 as plasma_object_info() counts them; fewer than bytes is not
 *                 an error.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_UNSUPPORTED  the store was created without eviction
 * @retval PLASMA_ERR_READ_ONLY    the client may only read
 * @retval PLASMA_ERR_TIMEOUT      the writer lock stayed busy
 *
 * Threads: any.   Cost: the writer lock, in batches.   Since: 0.1
 */
plasma_status_t plasma_evict(const plasma_client_t *client,
                             uint64_t bytes,
                             uint64_t *evicted);

/**
 * Clean up after dead clients now, and free deleted objects that are not held.
 *
 * Never necessary: any client that connects or is short of memory does it too.
 *
 * @param client  borrowed.
 * @param reaped  written: number of dead clients found.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_READ_ONLY   the client may only read
 * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
 * @retval PLASMA_ERR_PERMISSION  the file of a client cannot be read, so its
 *                                leases are unknown and nothing is freed
 * @retval PLASMA_ERR_CORRUPT     the same, because the file is not that of a
 *                                client
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
 * A list of objects, copied into this process.
 *
 * Lifetime: from plasma_list() to plasma_list_free(); may outlive the client.
 * Threads:  any number at once.
 */
typedef struct plasma_list_t plasma_list_t;

/**
 * A list of clients, copied into this process.
 *
 * Lifetime: from plasma_list_clients() or plasma_list_holders() to
 *           plasma_client_list_free(); may outlive the client.
 * Threads:  any number at once.
 */
typedef struct plasma_client_list_t plasma_client_list_t;

/**
 * List the objects of a store, also unsealed ones, and deleted ones still held.
 *
 * Each entry is true at one instant of the call. An object that exists during
 * the whole call appears exactly once. Writers are not stopped.
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
 * List the objects whose names match a pattern, also unsealed ones.
 *
 * @param client   borrowed.
 * @param pattern  borrowed; UTF-8, not empty: * is any text, also with /, and ?
 *                 any character.
 * @param list     written; free it with plasma_list_free().
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: that of plasma_list().   Since: 0.1
 */
plasma_status_t plasma_list_matching(const plasma_client_t *client,
                                     const char *pattern,
                                     plasma_list_t **list);

/**
 * Get the number of objects in a list.
 *
 * @param list  borrowed; may be NULL.
 *
 * @return the number of objects; 0 for NULL.
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
uint64_t plasma_list_count(const plasma_list_t *list);

/**
 * Get the object at an index of a list.
 *
 * @param list   borrowed.
 * @param index  0 .. plasma_list_count() - 1.
 * @param info   written, up to its struct_size.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  index is out of range
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
plasma_status_t plasma_list_at(const plasma_list_t *list,
                               uint64_t index,
                               plasma_object_info_t *info);

/**
 * Free a list of objects.
 *
 * @param list  consumed; NULL is a no-op.
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
void plasma_list_free(plasma_list_t *list);

/**
 * List the clients of a store, this one included.
 *
 * @param client  borrowed.
 * @param list    written; free it with plasma_client_list_free().
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: reads the leases of every client, and asks
 * the kernel about each.   Since: 0.1
 */
plasma_status_t plasma_list_clients(const plasma_client_t *client,
                                    plasma_client_list_t **list);

/**
 * List the clients that hold an object, by a buffer or by writing it.
 *
 * Clients that hold a deleted object with this id are listed too: it keeps its
 * memory until they release it.
 *
 * @param client  borrowed.
 * @param id      borrowed.
 * @param list    written; free it with plasma_client_list_free().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  there is no such object, and no client holds a
 *                               deleted one
 *
 * Threads: any.   Cost: reads the leases of every client and every object.
 * Since: 0.1
 */
plasma_status_t plasma_list_holders(const plasma_client_t *client,
                                    const plasma_id_t *id,
                                    plasma_client_list_t **list);

/**
 * Get the number of clients in a list.
 *
 * @param list  borrowed; may be NULL.
 *
 * @return the number of clients; 0 for NULL.
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
uint64_t plasma_client_list_count(const plasma_client_list_t *list);

/**
 * Get the client at an index of a list.
 *
 * @param list   borrowed.
 * @param index  0 .. plasma_client_list_count() - 1.
 * @param info   written, up to its struct_size.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_NOT_FOUND  index is out of range
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
plasma_status_t plasma_client_list_at(const plasma_client_list_t *list,
                                      uint64_t index,
                                      plasma_client_info_t *info);

/**
 * Free a list of clients.
 *
 * @param list  consumed; NULL is a no-op.
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
void plasma_client_list_free(plasma_client_list_t *list);

/** @} */

/**
 * @defgroup event Events of a store
 * @{
 */

/** The type of an event. The numbers are frozen; new ones may be added. */
typedef enum plasma_event_type {
    /** An object was sealed. */
    PLASMA_EVENT_SEALED = 1,
    /** An object was deleted. */
    PLASMA_EVENT_DELETED = 2,
    /** An object was evicted. */
    PLASMA_EVENT_EVICTED = 3,
    /** An unsealed object was aborted by its creator, or the creator died. */
    PLASMA_EVENT_ABORTED = 4,
    /** lost_count events were lost; list the objects again. */
    PLASMA_EVENT_LOST = 5,
    /** The creator of an object ended it with plasma_fail(). */
    PLASMA_EVENT_FAILED = 6,
} plasma_event_type;

/** An event of a store. Initialize with PLASMA_EVENT_INIT. Grows. */
typedef struct plasma_event_t {
    /** sizeof(plasma_event_t) */
    uint32_t struct_size;
    /** PLASMA_EVENT_*; ignore types that you do not know. */
    int32_t type;
    /** Position of the event among the events of the store. */
    uint64_t sequence;
    /** Time of the event, in microseconds since the Unix epoch. */
    int64_t time_us;
    /** Id of the object; all zeros for LOST. */
    plasma_id_t id;
    /** Always 0. */
    uint32_t padding;
    /** Size of the object's data in bytes. */
    uint64_t data_size;
    /** For LOST the number of lost events, else 0. */
    uint64_t lost_count;
    /** Size of the object's metadata, as in plasma_object_info_t. */
    uint64_t metadata_size;
} plasma_event_t;

/** Initializer for plasma_event_t. */
#define PLASMA_EVENT_INIT \
    { sizeof(plasma_event_t), 0, 0, 0, {{0}}, 0, 0, 0, 0 }

/**
 * A reader of the events of a store, with a position of its own.
 *
 * Lifetime: from plasma_subscribe() to plasma_unsubscribe(). May outlive the
 *           client, but then its calls return DISCONNECTED.
 * Threads:  any number at once; each event goes to one of them.
 * Fork:     every call in the child returns FORKED.
 */
typedef struct plasma_subscription_t plasma_subscription_t;

/**
 * Subscribe to the events of a store, from now on.
 *
 * To miss nothing, subscribe first and list the objects afterwards.
 *
 * @param client        borrowed.
 * @param subscription  written; end it with plasma_unsubscribe().
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: negligible.   Since: 0.1
 */
plasma_status_t plasma_subscribe(const plasma_client_t *client,
                                 plasma_subscription_t **subscription);

/**
 * Subscribe to the events of objects whose names match a pattern.
 *
 * The name is read when the event is taken: that an object was deleted, evicted
 * or aborted matches no pattern. PLASMA_EVENT_LOST comes whatever was lost.
 *
 * @param client        borrowed.
 * @param pattern       borrowed; as in plasma_list_matching().
 * @param subscription  written; end it with plasma_unsubscribe().
 *
 * @retval PLASMA_OK
 *
 * Threads: any.   Cost: negligible; each event that is passed over costs a
 * system call.   Since: 0.1
 */
plasma_status_t plasma_subscribe_matching(const plasma_client_t *client,
                                          const char *pattern,
                                          plasma_subscription_t **subscription);

/**
 * Take the next event, and wait until there is one.
 *
 * A subscriber that is too slow gets one PLASMA_EVENT_LOST in place of the
 * events that were overwritten.
 *
 * @param subscription  borrowed.
 * @param timeout_ms    in milliseconds; 0 does not wait, -1 waits forever.
 * @param event         written, up to its struct_size.
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_TIMEOUT       no event in time, also if timeout_ms is 0
 * @retval PLASMA_ERR_DISCONNECTED  the client was disconnected
 *
 * Threads: any.   Cost: no system call if there is an event.   Since: 0.1
 */
plasma_status_t plasma_next_event(const plasma_subscription_t *subscription,
                                  int64_t timeout_ms,
                                  plasma_event_t *event);

/**
 * Get a file descriptor, for poll and epoll, that is readable while events
 * wait.
 *
 * Do not read from it: take events with plasma_next_event() and timeout 0 until
 * TIMEOUT. The first call starts one helper thread with all signals blocked.
 *
 * @param subscription  borrowed.
 * @param fd            written; owned by the library, which closes it in
 *                      plasma_unsubscribe().
 *
 * @retval PLASMA_OK
 * @retval PLASMA_ERR_LIMIT  too many open files or threads
 *
 * Threads: any.   Cost: some system calls in the first call; then negligible.
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
 * @defgroup check Checking a store
 * @{
 */

/**
 * The result of plasma_check(). Experimental: may change between minor
 * versions. Initialize with PLASMA_CHECK_REPORT_INIT. Grows.
 */
typedef struct plasma_check_report_t {
    /** sizeof(plasma_check_report_t) */
    uint32_t struct_size;
    /** Always 0. */
    uint32_t padding;
    /** Records that were checked, including free ones. */
    uint64_t records;
    /** Objects: being written, sealed, or deleted and not yet freed. */
    uint64_t objects;
    /** Extents of memory that belong to objects. */
    uint64_t extents;
    /** Free blocks of memory. */
    uint64_t free_blocks;
    /** Connected clients. */
    uint64_t clients;
    /** Leases of the connected clients. */
    uint64_t leases;
    /** Number of problems; 0 in a sound store. */
    uint64_t problem_count;
    /** The first problem in words, or "". NUL-terminated. */
    char first_problem[256];
} plasma_check_report_t;

/** Initializer for plasma_check_report_t. */
#define PLASMA_CHECK_REPORT_INIT \
    { sizeof(plasma_check_report_t), 0, 0, 0, 0, 0, 0, 0, 0, {0} }

/**
 * Check all structures of a store against each other.
 *
 * Experimental: may change between minor versions. No object is changed. A
 * store that a dead writer left in the middle of a change is recovered first,
 * as by any writer. If the report has problems and the object table is sound,
 * the next writer rebuilds everything that is derived from the table. Writers
 * wait during the check; gets do not.
 *
 * @param client  borrowed; not READ_ONLY, since the call takes the writer lock.
 * @param report  written, up to its struct_size.
 *
 * @retval PLASMA_OK             the store was checked: see
 *                               report->problem_count
 * @retval PLASMA_ERR_CORRUPT    too much is wrong to check the store
 * @retval PLASMA_ERR_READ_ONLY  the client may only read
 * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
 *
 * Threads: any.   Cost: the writer lock, for about 1 s per million objects, and
 * about 100 bytes of memory per object.   Since: 0.1
 */
plasma_status_t plasma_check(const plasma_client_t *client,
                             plasma_check_report_t *report);

/** @} */

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  /* PLASMA_H */
