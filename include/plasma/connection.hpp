/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Connecting to a store, and calls on the store as a whole.
 */

#ifndef PLASMA_CONNECTION_HPP
#define PLASMA_CONNECTION_HPP

#include <plasma/arguments.hpp>
#include <plasma/info.hpp>
#include <plasma/list.hpp>
#include <plasma/options.hpp>
#include <plasma/status.hpp>
#include <plasma/subscription.hpp>

#include <memory>

namespace plasma {

/**
 * The part of a ClientContext that connects and makes calls on the store as a
 * whole. It exists only as the base of a ClientContext.
 */
class Connection {
public:
    /**
     * Open a store, or create it if it does not exist: plasma_connect().
     *
     * If it is connected already, it disconnects after the new connection is
     * made.
     *
     * @param address  borrowed: nullptr for $PLASMA_STORE or, where that is not
     *                 set, "default"; a word for a store of this user in
     *                 /dev/shm; or a path with a '/' for the directory of the
     *                 store itself.
     * @param options  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  the address is not valid
     * @retval PLASMA_ERR_STORE_NOT_FOUND   there is no store, and EXISTING or
     *                                      READ_ONLY is set
     * @retval PLASMA_ERR_STORE_EXISTS      there is a store, and EXCLUSIVE is
     *                                      set
     * @retval PLASMA_ERR_NOT_A_STORE       the address is that of a file, a
     *                                      link or another directory
     * @retval PLASMA_ERR_MISMATCH          the store was created with other
     *                                      options than given
     * @retval PLASMA_ERR_VERSION           the store is of another version or
     *                                      word size
     * @retval PLASMA_ERR_CORRUPT           the files of the store are corrupt
     * @retval PLASMA_ERR_PERMISSION        the operating system denies access;
     *                                      the directory of this user's stores
     *                                      in /dev/shm is not private to this
     *                                      user; or this is root without
     *                                      READ_ONLY, and the mode of the store
     *                                      does not admit root
     * @retval PLASMA_ERR_STORE_GONE        the store was removed, and a file
     *                                      that is not its own keeps its
     *                                      directory; or it was removed again
     *                                      and again for 10 s
     * @retval PLASMA_ERR_OUT_OF_MEMORY     there is no room for the store; see
     *                                      `--shm-size` in a container
     * @retval PLASMA_ERR_LIMIT             too many clients, or open files; or
     *                                      a file of the store would exceed
     *                                      this process's `ulimit -f`
     * @retval PLASMA_ERR_TIMEOUT           lock_timeout_ms expired while the
     *                                      last client of an EPHEMERAL store
     *                                      was leaving
     * @retval PLASMA_ERR_UNSUPPORTED       the file system is a network one or
     *                                      hugetlbfs
     *
     * Threads: any.   Cost: about 70 system calls, and up to 40 more beside
     * other clients, however many these are.   Since: 0.1
     */
    Status Connect(const Text &address = nullptr,
                   const ConnectOptions &options = ConnectOptions()) noexcept
    {
        plasma_client_t *client = nullptr;
        const Status status =
            plasma_connect(address.c_str(), &options, &client);
        if (status.ok()) {
            client_.reset(client);
        }
        return status;
    }

    /**
     * Disconnect before the destructor does: plasma_disconnect().
     *
     * Calls of other threads that wait in this client return DISCONNECTED.
     * Buffers of both kinds stay usable, and the client counts as present in
     * the store until its last buffer is gone. If it is not connected, the call
     * is a no-op.
     *
     * Threads: any.   Cost: 20 to 40 system calls.   Since: 0.1
     */
    void Disconnect() noexcept { client_.reset(); }

    /** Whether it is connected. */
    explicit operator bool() const noexcept { return client_ != nullptr; }

    /**
     * Get the path of the store's directory: plasma_client_address().
     *
     * @return text valid while connected; NULL if not connected.
     *
     * Threads: any.   Cost: negligible.   Since: 0.1
     */
    const char *address() const noexcept
    {
        return plasma_client_address(client_.get());
    }

    /**
     * End the wait of every call in flight on this client with INTERRUPTED:
     * plasma_interrupt(). Calls that begin later are not affected.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: a few system calls.   Since: 0.1
     */
    Status Interrupt() const noexcept
    {
        return plasma_interrupt(client_.get());
    }

    /**
     * Remove a store and all objects in it: plasma_store_remove().
     *
     * Connected processes keep the buffers that they hold; their other calls
     * return STORE_GONE. Only files that belong to a store are removed: if the
     * directory has any other file, nothing is removed. On an error nothing has
     * changed.
     *
     * @param address  borrowed; as for Connect().
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_STORE_NOT_FOUND  there is nothing at the address
     * @retval PLASMA_ERR_NOT_A_STORE      there is something other than a store
     * @retval PLASMA_ERR_VERSION          the store is of another version or
     *                                     word size
     * @retval PLASMA_ERR_CORRUPT          the files of the store are corrupt
     * @retval PLASMA_ERR_PERMISSION       this process is neither the owner's
     *                                     nor root's
     * @retval PLASMA_ERR_TIMEOUT          another process that removes the
     *                                     store makes no progress for 5 s
     * @retval PLASMA_ERR_UNSUPPORTED      the store is a mount point, or a file
     *                                     in its directory is not its own; the
     *                                     message names it
     *
     * Threads: any.   Cost: grows with the number of names that readers of
     * other users have created in the store.   Since: 0.1
     */
    static Status RemoveStore(const Text &address = nullptr) noexcept
    {
        return plasma_store_remove(address.c_str());
    }

    /**
     * Get the statistics and options of the store: plasma_stats().
     *
     * @param stats  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
     */
    Status GetStats(Stats &stats) const noexcept
    {
        return plasma_stats(client_.get(), &stats);
    }

    /**
     * Evict objects that are not held and not pinned, least recently released
     * first: plasma_evict(). Only a store that was created with eviction ever
     * evicts an object.
     *
     * @param bytes    bytes to free, at least; UINT64_MAX frees all that it
     *                 can.
     * @param evicted  written: bytes of data and metadata of the evicted
     *                 objects; fewer than bytes is not an error.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_UNSUPPORTED  the store was created without eviction
     * @retval PLASMA_ERR_READ_ONLY    the client may only read
     * @retval PLASMA_ERR_TIMEOUT      the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock, in batches.   Since: 0.1
     */
    Status Evict(uint64_t bytes, uint64_t &evicted) const noexcept
    {
        return plasma_evict(client_.get(), bytes, &evicted);
    }

    /**
     * Clean up after dead clients now, and free deleted objects that are not
     * held: plasma_reap(). Never necessary: any client that connects or is
     * short of memory does it too.
     *
     * @param reaped  written: number of dead clients found.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_READ_ONLY   the client may only read
     * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
     * @retval PLASMA_ERR_PERMISSION  the file of a client cannot be read, so
     *                                its leases are unknown and nothing is
     *                                freed
     * @retval PLASMA_ERR_CORRUPT     the same, because the file is not that of
     *                                a client
     *
     * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
     */
    Status Reap(uint64_t &reaped) const noexcept
    {
        return plasma_reap(client_.get(), &reaped);
    }

    /**
     * Give whole free chunks of memory back to the system: plasma_trim().
     *
     * @param keep_bytes  free bytes to keep reserved for the next creates.
     * @param returned    written: bytes given back.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_READ_ONLY  the client may only read
     * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
     *
     * Threads: any.   Cost: 1 system call per run of chunks.   Since: 0.1
     */
    Status Trim(uint64_t keep_bytes, uint64_t &returned) const noexcept
    {
        return plasma_trim(client_.get(), keep_bytes, &returned);
    }

    /**
     * List the objects of the store, also unsealed ones, and deleted ones still
     * held: plasma_list().
     *
     * Each entry is true at one instant of the call. An object that exists
     * during the whole call appears exactly once. Writers are not stopped.
     *
     * @param list  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: grows with max_objects; no lock.   Since: 0.1
     */
    Status ListObjects(ObjectList &list) const noexcept
    {
        plasma_list_t *fresh = nullptr;
        const Status status = plasma_list(client_.get(), &fresh);
        if (status.ok()) {
            list = ObjectList(fresh);
        }
        return status;
    }

    /**
     * List the objects whose names match a pattern, also unsealed ones:
     * plasma_list_matching().
     *
     * @param pattern  borrowed; not empty: * is any text, also with /, and ?
     *                 any character.
     * @param list     written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: that of plasma_list().   Since: 0.1
     */
    Status ListMatching(const Text &pattern, ObjectList &list) const noexcept
    {
        plasma_list_t *fresh = nullptr;
        const Status status =
            plasma_list_matching(client_.get(), pattern.c_str(), &fresh);
        if (status.ok()) {
            list = ObjectList(fresh);
        }
        return status;
    }

    /**
     * List the clients of the store, this one included: plasma_list_clients().
     *
     * @param list  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: reads the leases of every client, and asks the
     * kernel about each.   Since: 0.1
     */
    Status ListClients(ClientList &list) const noexcept
    {
        plasma_client_list_t *fresh = nullptr;
        const Status status = plasma_list_clients(client_.get(), &fresh);
        if (status.ok()) {
            list = ClientList(fresh);
        }
        return status;
    }

    /**
     * Subscribe to the events of the store, from now on: plasma_subscribe().
     *
     * To miss nothing, subscribe first and list the objects afterwards.
     *
     * @param subscription  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: negligible.   Since: 0.1
     */
    Status Subscribe(Subscription &subscription) const noexcept
    {
        plasma_subscription_t *fresh = nullptr;
        const Status status = plasma_subscribe(client_.get(), &fresh);
        if (status.ok()) {
            subscription = Subscription(fresh);
        }
        return status;
    }

    /**
     * Subscribe to the events of objects whose names match a pattern:
     * plasma_subscribe_matching().
     *
     * The name is read when the event is taken: that an object was deleted,
     * evicted or aborted matches no pattern. PLASMA_EVENT_LOST comes whatever
     * was lost.
     *
     * @param pattern       borrowed; as in ListMatching().
     * @param subscription  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: negligible; each event that is passed over costs a
     * system call.   Since: 0.1
     */
    Status SubscribeMatching(const Text &pattern,
                             Subscription &subscription) const noexcept
    {
        plasma_subscription_t *fresh = nullptr;
        const Status status =
            plasma_subscribe_matching(client_.get(), pattern.c_str(), &fresh);
        if (status.ok()) {
            subscription = Subscription(fresh);
        }
        return status;
    }

    /**
     * Check all structures of the store against each other: plasma_check().
     *
     * Experimental: may change between minor versions. No object is changed. A
     * store that a dead writer left in the middle of a change is recovered
     * first, as by any writer. Writers wait during the check; gets do not.
     *
     * @param report  written; see its problem_count.
     *
     * @retval PLASMA_OK             the store was checked: see problem_count
     * @retval PLASMA_ERR_CORRUPT    too much is wrong to check the store
     * @retval PLASMA_ERR_READ_ONLY  the client may only read
     * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock, for about 1 s per million objects,
     * and about 100 bytes of memory per object.   Since: 0.1
     */
    Status CheckStore(CheckReport &report) const noexcept
    {
        return plasma_check(client_.get(), &report);
    }

    /** The handle, for calls of plasma.h. */
    plasma_client_t *c() const noexcept { return client_.get(); }
    /**
     * Gives up ownership: end the result with plasma_disconnect(). It is not
     * connected afterwards.
     */
    [[nodiscard]] plasma_client_t *Detach() noexcept
    {
        return client_.release();
    }

protected:
    /** Not connected. */
    Connection() noexcept = default;
    /** Takes ownership of a client of plasma.h. */
    explicit Connection(plasma_client_t *client) noexcept : client_(client) {}
    /** Moves the client; the other is not connected afterwards. */
    Connection(Connection &&) noexcept = default;
    /** Disconnects and moves the other's client. */
    Connection &operator=(Connection &&) noexcept = default;
    /** Disconnects. */
    ~Connection() = default;

private:
    struct Deleter {
        void operator()(plasma_client_t *client) const noexcept
        {
            plasma_disconnect(client);
        }
    };
    std::unique_ptr<plasma_client_t, Deleter> client_{};
};

}  // namespace plasma

#endif  /* PLASMA_CONNECTION_HPP */
