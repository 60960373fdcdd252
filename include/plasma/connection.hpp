/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Connecting to a store, and what is asked of the store as a whole.
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
 * What a ClientContext has apart from objects: it connects, and asks of the
 * store as a whole. There is none without a ClientContext.
 */
class Connection {
public:
    /**
     * Open a store, or create it when there is none: plasma_connect().
     *
     * A connection that it had before is left, after this one is made.
     *
     * @param address  borrowed: nullptr for $PLASMA_STORE, or else "default"; a
     *                 word for a store of this user in /dev/shm; or a path with
     *                 a '/' for the directory of the store itself.
     * @param options  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_INVALID_ARGUMENT  the address can name no store
     * @retval PLASMA_ERR_STORE_NOT_FOUND   EXISTING or READ_ONLY, and none is
     *                                      there
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
     * @retval PLASMA_ERR_STORE_GONE        it was removed, and a file that is
     *                                      not its own keeps its directory; or
     *                                      it keeps being removed, for 10 s
     * @retval PLASMA_ERR_OUT_OF_MEMORY     no room for the store; see
     *                                      `--shm-size` in a container
     * @retval PLASMA_ERR_LIMIT             too many clients, or open files; a
     *                                      file of the store would be larger
     *                                      than `ulimit -f` lets it be
     * @retval PLASMA_ERR_TIMEOUT           the lock_timeout_ms ran out, where
     *                                      the last of an EPHEMERAL store is
     *                                      leaving
     * @retval PLASMA_ERR_UNSUPPORTED       network file systems, hugetlbfs
     *
     * Threads: any.   Cost: about 30 system calls.   Since: 0.1
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
     * Leave the store before the end of the scope: plasma_disconnect().
     *
     * Calls of other threads that wait in this client return DISCONNECTED.
     * Buffers of both kinds stay usable, and the client counts as present in
     * the store until the last of them is gone. Not connected, it is a no-op.
     *
     * Threads: any.   Cost: a few system calls.   Since: 0.1
     */
    void Disconnect() noexcept { client_.reset(); }

    /** Whether it is connected. */
    explicit operator bool() const noexcept { return client_ != nullptr; }

    /**
     * The path of the store's directory: plasma_client_address().
     *
     * @return text valid while connected; NULL when it is not.
     *
     * Threads: any.   Cost: none worth naming.   Since: 0.1
     */
    const char *address() const noexcept
    {
        return plasma_client_address(client_.get());
    }

    /**
     * Make every call that now waits in this client return INTERRUPTED:
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
     * Processes that are connected keep the buffers they hold, and their other
     * calls return STORE_GONE. Only files that belong to a store are removed:
     * one that holds others is not removed at all. On an error nothing has
     * changed.
     *
     * @param address  borrowed; as for Connect().
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_STORE_NOT_FOUND  nothing there
     * @retval PLASMA_ERR_NOT_A_STORE      something else is there
     * @retval PLASMA_ERR_VERSION          made by another version or word size
     * @retval PLASMA_ERR_CORRUPT          its files hold nonsense
     * @retval PLASMA_ERR_PERMISSION       neither the owner's process nor
     *                                     root's
     * @retval PLASMA_ERR_TIMEOUT          another remover does not get on, for
     *                                     5 s
     * @retval PLASMA_ERR_UNSUPPORTED      the store is a mount point, or a file
     *                                     in its directory is not its own: the
     *                                     message names it
     *
     * Threads: any.   Cost: grows with the number of clients, and of names that
     * readers of other users have made in the store.   Since: 0.1
     */
    static Status RemoveStore(const Text &address = nullptr) noexcept
    {
        return plasma_store_remove(address.c_str());
    }

    /**
     * Numbers of the store: plasma_stats().
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
     * Evict objects nobody holds or pinned, least recently released first:
     * plasma_evict(). Only in stores made with eviction.
     *
     * @param bytes    how much to free, at least; UINT64_MAX for all that can
     *                 be.
     * @param evicted  written: bytes freed; less than asked is no error.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_UNSUPPORTED  the store was made without eviction
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
     * Clean up after dead clients now, and free deleted objects nobody holds:
     * plasma_reap(). Never needed: whoever connects or is short of memory does
     * it too.
     *
     * @param reaped  written: how many dead clients there were.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_READ_ONLY   the client may only read
     * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
     * @retval PLASMA_ERR_PERMISSION  the file of a client may not be read, so
     *                                it cannot be told what it holds: nothing
     *                                is freed
     * @retval PLASMA_ERR_CORRUPT     likewise: the file is none of a client
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
     * List the objects of the store, also unsealed and deleted ones still held:
     * plasma_list().
     *
     * Each entry is true at one instant of the call. Objects that exist
     * throughout appear exactly once. Writers are not stopped.
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
     * List the clients of the store, this one among them:
     * plasma_list_clients().
     *
     * @param list  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: reads the file of every client.   Since: 0.1
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
     * Subscribe first and list then, and nothing is missed.
     *
     * @param subscription  written.
     *
     * @retval PLASMA_OK
     *
     * Threads: any.   Cost: none worth naming.   Since: 0.1
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
     * Compare all structures of the store with each other: plasma_check().
     *
     * Experimental: may change between minor versions. Changes nothing; but
     * what a dead writer left is recovered first, as by any writer. Writers
     * wait meanwhile, gets do not.
     *
     * @param report  written; see its problem_count.
     *
     * @retval PLASMA_OK             whatever was found
     * @retval PLASMA_ERR_CORRUPT    too much is wrong to look
     * @retval PLASMA_ERR_READ_ONLY  the client may only read
     * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock, for a second per million objects
     * and some 100 bytes of memory for each.   Since: 0.1
     */
    Status CheckStore(CheckReport &report) const noexcept
    {
        return plasma_check(client_.get(), &report);
    }

    /** Lent to calls of plasma.h. */
    plasma_client_t *c() const noexcept { return client_.get(); }
    /** Handed over: end it with plasma_disconnect(). Not connected then. */
    [[nodiscard]] plasma_client_t *Detach() noexcept
    {
        return client_.release();
    }

protected:
    /** Not connected. */
    Connection() noexcept = default;
    /** Takes over a client of plasma.h. */
    explicit Connection(plasma_client_t *client) noexcept : client_(client) {}
    /** Takes the client; the other is not connected then. */
    Connection(Connection &&) noexcept = default;
    /** Disconnects, and takes the other's client. */
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
