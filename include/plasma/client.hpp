/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A client of a store and its calls on objects; see also connection.hpp.
 */

#ifndef PLASMA_CLIENT_HPP
#define PLASMA_CLIENT_HPP

#include <plasma/arguments.hpp>
#include <plasma/buffer.hpp>
#include <plasma/connection.hpp>
#include <plasma/id.hpp>
#include <plasma/info.hpp>
#include <plasma/list.hpp>
#include <plasma/mutable_buffer.hpp>
#include <plasma/options.hpp>
#include <plasma/status.hpp>

#include <utility>
#include <vector>

namespace plasma {

/**
 * A connection of this process to a store.
 *
 * Before Connect() its calls return INVALID_ARGUMENT.
 *
 * Lifetime: from Connect() to Disconnect() or its destructor. Buffers of both
 *           kinds may outlive it. A process may have many, also to one store.
 * Threads:  any number at once.
 * Fork:     every call in the child returns FORKED; connect again there.
 */
class ClientContext : public Connection {
public:
    /** Not connected. */
    ClientContext() noexcept = default;
    /** Takes ownership of a client of plasma.h. */
    explicit ClientContext(plasma_client_t *client) noexcept
        : Connection(client)
    {
    }

    /**
     * Create an object, to be written and then sealed: plasma_create().
     *
     * Its memory has arbitrary contents, as from malloc(), unless
     * PLASMA_CREATE_ZEROED is set. No client can read the object before it is
     * sealed.
     *
     * @param id       borrowed.
     * @param size     size of the data in bytes; may be 0.
     * @param buffer   written: the object; end it with Seal(), SealAndGet() or
     *                 Abort().
     * @param options  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_EXISTS         an object has this id, sealed or not
     * @retval PLASMA_ERR_NAME_EXISTS    an object has this name
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options.timeout_ms
     * @retval PLASMA_ERR_PERMISSION     no room, and nothing can be freed
     *                                   because the file of a client cannot be
     *                                   read
     * @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole
     *                                   store
     * @retval PLASMA_ERR_LIMIT          too many objects, or over 64 KiB of
     *                                   metadata
     * @retval PLASMA_ERR_READ_ONLY      the client may only read
     * @retval PLASMA_ERR_TIMEOUT        the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock; no system call once the memory is
     * reserved.   Since: 0.1
     */
    Status BuildObject(const ObjectID &id, uint64_t size, MutableBuffer &buffer,
                       const CreateOptions &options = CreateOptions()) const
        noexcept
    {
        MutableBuffer fresh;
        const Status status =
            plasma_create(c(), id.c(), size, &options, fresh.c());
        if (status.ok()) {
            buffer = std::move(fresh);
        }
        return status;
    }

    /**
     * Create an object with a name: plasma_create() with options.name.
     *
     * @param id       borrowed.
     * @param size     size of the data in bytes; may be 0.
     * @param buffer   written, as above.
     * @param name     borrowed; UTF-8, 1 to 255 bytes, unique in the store.
     * @param options  borrowed: the other options.
     *
     * @return as above.
     *
     * Threads: any.   Cost: the writer lock; no system call once the memory is
     * reserved.   Since: 0.1
     */
    Status BuildObject(const ObjectID &id, uint64_t size, MutableBuffer &buffer,
                       const Text &name,
                       CreateOptions options = CreateOptions()) const noexcept
    {
        options.name = name.c_str();
        return BuildObject(id, size, buffer, options);
    }

    /**
     * Create an object, copy bytes into it, and seal it: plasma_put().
     *
     * @param id       borrowed.
     * @param bytes    borrowed: its data.
     * @param options  borrowed.
     *
     * @return as BuildObject().
     *
     * Threads: any.   Cost: that of plasma_create(), and the copy.   Since: 0.1
     */
    Status PutObject(const ObjectID &id, const Bytes &bytes,
                     const CreateOptions &options = CreateOptions()) const
        noexcept
    {
        return plasma_put(c(), id.c(), bytes.data(), bytes.size(), &options);
    }

    /**
     * Create an object of parts, one after the other: plasma_put_parts(). If
     * sizes has another length than parts, the call is INVALID_ARGUMENT.
     *
     * @param id       borrowed.
     * @param parts    borrowed: pointers, each to the bytes of a part.
     * @param sizes    borrowed: sizes in bytes.
     * @param options  borrowed.
     *
     * @return as PutObject().
     *
     * Threads: any.   Cost: that of plasma_put().   Since: 0.1
     */
    Status PutParts(const ObjectID &id, Span<const void *const> parts,
                    Span<const uint64_t> sizes,
                    const CreateOptions &options = CreateOptions()) const
        noexcept
    {
        const bool match = parts.size() == sizes.size();
        return plasma_put_parts(c(), id.c(), match ? parts.data() : nullptr,
                                match ? sizes.data() : nullptr,
                                match ? parts.size() : 1, &options);
    }

    /**
     * Create, fill and seal many objects: plasma_put_many().
     *
     * Each is tried, even after one failed. If datas or sizes have another
     * length than ids, the call is INVALID_ARGUMENT.
     *
     * @param ids       borrowed.
     * @param datas     borrowed: pointers, each to the data of one object.
     * @param sizes     borrowed: sizes in bytes.
     * @param statuses  written: one for each id, also on a failure; all
     *                  INVALID_ARGUMENT if that is the result.
     * @param options   borrowed, used for each object. A name is
     *                  INVALID_ARGUMENT if there is more than one id.
     *
     * @return PLASMA_OK if all are PLASMA_OK, or the first failure in the order
     *         of the ids.
     *
     * Threads: any.   Cost: less than half of plasma_put() for each object
     * below a few KiB: up to 16 objects of at most 32 KiB together share the
     * writer lock and the wakes.   Since: 0.1
     */
    Status PutObjects(Span<const ObjectID> ids, Span<const void *const> datas,
                      Span<const uint64_t> sizes, std::vector<Status> &statuses,
                      const CreateOptions &options = CreateOptions()) const
    {
        const size_t count = ids.size();
        const bool match = datas.size() == count && sizes.size() == count;
        statuses.assign(count, PLASMA_ERR_INVALID_ARGUMENT);
        return plasma_put_many(c(), C(ids), match ? datas.data() : nullptr,
                               match ? sizes.data() : nullptr, count, &options,
                               C(statuses));
    }

    /**
     * Get an object, or create it if it does not exist:
     * plasma_get_or_create().
     *
     * If many callers ask at once, one of them creates the object and the
     * others wait until it is sealed. After the call, if (mutable_buffer), fill
     * and seal it.
     *
     * @param id              borrowed.
     * @param size            size of the data in bytes, if the object is
     *                        created.
     * @param buffer          written: the object, or empty if it was created.
     * @param mutable_buffer  written: empty, or the new object if it was
     *                        created.
     * @param options         borrowed, used if the object is created.
     * @param timeout_ms      how long to wait until another creator seals the
     *                        object, in milliseconds.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_SEALED     timeout_ms is kNoWait, and another
     *                                   creator is writing the object
     * @retval PLASMA_ERR_TIMEOUT        another creator did not seal the object
     *                                   in time, or the writer lock stayed busy
     * @retval PLASMA_ERR_FAILED         its creator failed
     * @retval PLASMA_ERR_NAME_EXISTS    another object has this name
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options.timeout_ms
     * @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole
     *                                   store
     * @retval PLASMA_ERR_LIMIT          too many objects or leases, or over 64
     *                                   KiB of metadata
     * @retval PLASMA_ERR_READ_ONLY      the client may only read
     *
     * Threads: any.   Cost: that of plasma_get() or plasma_create().
     * Since: 0.1
     */
    Status GetOrBuildObject(const ObjectID &id, uint64_t size, Buffer &buffer,
                            MutableBuffer &mutable_buffer,
                            const CreateOptions &options = CreateOptions(),
                            int64_t timeout_ms = kForever) const noexcept
    {
        Buffer existing;
        MutableBuffer created;
        int32_t is_created = 0;
        const Status status = plasma_get_or_create(
            c(), id.c(), size, &options, timeout_ms, existing.c(), created.c(),
            &is_created);
        if (status.ok()) {
            buffer = std::move(existing);
            mutable_buffer = std::move(created);
        }
        return status;
    }

    /**
     * Get the object with a name, or create it if it does not exist:
     * plasma_get_or_create_by_name(). An object that is created has a random
     * id.
     *
     * @param name            borrowed.
     * @param size            size of the data in bytes, if the object is
     *                        created.
     * @param buffer          as of GetOrBuildObject().
     * @param mutable_buffer  as of GetOrBuildObject().
     * @param options         borrowed, used if the object is created; without a
     *                        name, or with this one.
     * @param timeout_ms      as of GetOrBuildObject().
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_SEALED     timeout_ms is kNoWait, and another
     *                                   creator is writing the object
     * @retval PLASMA_ERR_TIMEOUT        another creator did not seal the object
     *                                   in time, or the writer lock stayed busy
     * @retval PLASMA_ERR_FAILED         its creator failed
     * @retval PLASMA_ERR_OUT_OF_MEMORY  no room within options.timeout_ms
     * @retval PLASMA_ERR_TOO_LARGE      the object is larger than the whole
     *                                   store
     * @retval PLASMA_ERR_LIMIT          too many objects or leases, or over 64
     *                                   KiB of metadata
     * @retval PLASMA_ERR_READ_ONLY      the client may only read
     *
     * Threads: any.   Cost: that of plasma_get_by_name() or plasma_create().
     * Since: 0.1
     */
    Status GetOrBuildObjectByName(
        const Text &name, uint64_t size, Buffer &buffer,
        MutableBuffer &mutable_buffer,
        const CreateOptions &options = CreateOptions(),
        int64_t timeout_ms = kForever) const noexcept
    {
        Buffer existing;
        MutableBuffer created;
        int32_t is_created = 0;
        const Status status = plasma_get_or_create_by_name(
            c(), name.c_str(), size, &options, timeout_ms, existing.c(),
            created.c(), &is_created);
        if (status.ok()) {
            buffer = std::move(existing);
            mutable_buffer = std::move(created);
        }
        return status;
    }

    /**
     * Get a read-only view of an object, and wait until it is sealed:
     * plasma_get().
     *
     * @param id          borrowed.
     * @param buffer      written: the object.
     * @param timeout_ms  how long to wait, in milliseconds.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND   timeout_ms is kNoWait, and there is no
     *                                such object
     * @retval PLASMA_ERR_NOT_SEALED  timeout_ms is kNoWait, and the object is
     *                                being written
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
    Status GetObject(const ObjectID &id, Buffer &buffer,
                     int64_t timeout_ms = kForever) const noexcept
    {
        return buffer.Fill([&](plasma_buffer_t *found) {
            return plasma_get(c(), id.c(), timeout_ms, found);
        });
    }

    /**
     * Get a read-only view of an object by its name, as by GetObject():
     * plasma_get_by_name().
     *
     * @param name        borrowed; UTF-8, 1 to 255 bytes.
     * @param buffer      written: the object.
     * @param timeout_ms  how long to wait, in milliseconds.
     *
     * @return as GetObject().
     *
     * Threads: any.   Cost: that of plasma_get(), and a hash of the name.
     * Since: 0.1
     */
    Status GetObjectByName(const Text &name, Buffer &buffer,
                           int64_t timeout_ms = kForever) const noexcept
    {
        return buffer.Fill([&](plasma_buffer_t *found) {
            return plasma_get_by_name(c(), name.c_str(), timeout_ms, found);
        });
    }

    /**
     * Get many objects with one deadline: plasma_get_many().
     *
     * An id may be given more than once; each buffer has a lease of its own.
     * Buffers that the vector holds before are released first.
     *
     * @param ids         borrowed.
     * @param buffers     written: one for each id, empty where the status is
     *                    not PLASMA_OK.
     * @param statuses    written with buffers, each as of GetObject(); all
     *                    INVALID_ARGUMENT if that is the result.
     * @param timeout_ms  how long to wait for all objects together, in
     *                    milliseconds.
     *
     * @return PLASMA_OK if all are PLASMA_OK, or the first failure in the order
     *         of the ids.
     *
     * Threads: any.   Cost: no system call and no lock if all are sealed; less
     * than plasma_get() for each object.   Since: 0.1
     */
    Status GetObjects(Span<const ObjectID> ids, std::vector<Buffer> &buffers,
                      std::vector<Status> &statuses,
                      int64_t timeout_ms = kForever) const
    {
        buffers.clear();
        buffers.resize(ids.size());
        statuses.assign(ids.size(), PLASMA_ERR_INVALID_ARGUMENT);
        return plasma_get_many(c(), C(ids), ids.size(), timeout_ms, C(buffers),
                               C(statuses));
    }

    /**
     * Wait until some of many objects are sealed, without getting them:
     * plasma_wait().
     *
     * @param ids          borrowed.
     * @param num_ready    number of objects that have to be sealed; 0 means
     *                     all. A number above that of the ids is
     *                     INVALID_ARGUMENT.
     * @param ready        written: one for each id; on PLASMA_OK and TIMEOUT 1
     *                     if the object is sealed, else 0.
     * @param ready_count  written on PLASMA_OK and TIMEOUT: number of sealed
     *                     objects.
     * @param timeout_ms   how long to wait, in milliseconds.
     *
     * @retval PLASMA_OK           at least num_ready objects are sealed
     * @retval PLASMA_ERR_TIMEOUT  fewer objects were sealed in time
     * @retval PLASMA_ERR_ABORTED  fewer objects can be sealed, because creators
     *                             died while this call waited
     *
     * Threads: any.   Cost: no system call if enough are sealed.   Since: 0.1
     */
    Status WaitForObjects(Span<const ObjectID> ids, size_t num_ready,
                          std::vector<uint8_t> &ready, size_t &ready_count,
                          int64_t timeout_ms = kForever) const
    {
        ready.assign(ids.size(), 0);
        return plasma_wait(c(), C(ids), ids.size(), num_ready, timeout_ms,
                           ready.data(), &ready_count);
    }

    /**
     * Find the id of the object with a name, sealed or not: plasma_lookup().
     *
     * @param name  borrowed; UTF-8, 1 to 255 bytes.
     * @param id    written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  no object has this name
     *
     * Threads: any.   Cost: no system call, no lock.   Since: 0.1
     */
    Status Lookup(const Text &name, ObjectID &id) const noexcept
    {
        plasma_id_t found = {};
        const Status status = plasma_lookup(c(), name.c_str(), &found);
        if (status.ok()) {
            id = found;
        }
        return status;
    }

    /**
     * Get the state of an object: plasma_contains().
     *
     * @param id     borrowed.
     * @param state  written: PLASMA_STATE_ABSENT, _WRITING or _SEALED.
     *
     * @retval PLASMA_OK  also if there is no such object
     *
     * Threads: any.   Cost: no system call, no lock.   Since: 0.1
     */
    Status Contains(const ObjectID &id, plasma_state_t &state) const noexcept
    {
        return plasma_contains(c(), id.c(), &state);
    }

    /**
     * Get facts about an object, sealed or not: plasma_object_info().
     *
     * @param id    borrowed.
     * @param info  written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  there is no such object
     *
     * Threads: any.   Cost: reads the leases of every client.   Since: 0.1
     */
    Status GetObjectInfo(const ObjectID &id, ObjectInfo &info) const noexcept
    {
        return plasma_object_info(c(), id.c(), &info);
    }

    /**
     * Delete a sealed object: plasma_delete().
     *
     * From now on no call can get it, and its id and name are free again. Its
     * memory is freed after the last buffer on it is released.
     *
     * @param id  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND   there is no such object
     * @retval PLASMA_ERR_NOT_SEALED  only its creator can end it: Abort()
     * @retval PLASMA_ERR_READ_ONLY   the client may only read
     * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock. After a few hundred deletes, or
     * after 4 MiB deleted and 1 MiB more for each reader of another user, also
     * about 10 system calls, 2 for each client that holds a deleted object, and
     * 5 for each such reader, which free the memory of all deleted objects that
     * are not held.   Since: 0.1
     */
    Status DeleteObject(const ObjectID &id) const noexcept
    {
        return plasma_delete(c(), id.c());
    }

    /**
     * Delete the sealed object with a name, as DeleteObject() does:
     * plasma_delete_by_name().
     *
     * @param name  borrowed.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND   there is no such object
     * @retval PLASMA_ERR_NOT_SEALED  only its creator can end it: Abort()
     * @retval PLASMA_ERR_READ_ONLY   the client may only read
     * @retval PLASMA_ERR_TIMEOUT     the writer lock stayed busy
     *
     * Threads: any.   Cost: that of plasma_delete().   Since: 0.1
     */
    Status DeleteObjectByName(const Text &name) const noexcept
    {
        return plasma_delete_by_name(c(), name.c_str());
    }

    /**
     * Delete many objects: plasma_delete_many().
     *
     * Each is tried, even after one failed.
     *
     * @param ids       borrowed.
     * @param statuses  written: one for each id, as of DeleteObject(), also on
     *                  a failure; all INVALID_ARGUMENT if that is the result.
     *
     * @return PLASMA_OK if all are PLASMA_OK, or the first failure in the order
     *         of the ids.
     *
     * Threads: any.   Cost: about half of plasma_delete() for each object: up
     * to 16 objects share the writer lock and the wakes.   Since: 0.1
     */
    Status DeleteObjects(Span<const ObjectID> ids,
                         std::vector<Status> &statuses) const
    {
        statuses.assign(ids.size(), PLASMA_ERR_INVALID_ARGUMENT);
        return plasma_delete_many(c(), C(ids), ids.size(), C(statuses));
    }

    /**
     * Keep an object from being evicted, until UnpinObject() or DeleteObject():
     * plasma_pin(). A pin is a mark, not a count, and outlives the process that
     * set it.
     *
     * @param id  borrowed.
     *
     * @retval PLASMA_OK             also if it is pinned already
     * @retval PLASMA_ERR_NOT_FOUND  there is no such object
     * @retval PLASMA_ERR_READ_ONLY  the client may only read
     * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock.   Since: 0.1
     */
    Status PinObject(const ObjectID &id) const noexcept
    {
        return plasma_pin(c(), id.c());
    }

    /**
     * Let an object be evicted again: plasma_unpin().
     *
     * @param id  borrowed.
     *
     * @retval PLASMA_OK             also if it is not pinned
     * @retval PLASMA_ERR_NOT_FOUND  there is no such object
     * @retval PLASMA_ERR_READ_ONLY  the client may only read
     * @retval PLASMA_ERR_TIMEOUT    the writer lock stayed busy
     *
     * Threads: any.   Cost: the writer lock.   Since: 0.1
     */
    Status UnpinObject(const ObjectID &id) const noexcept
    {
        return plasma_unpin(c(), id.c());
    }

    /**
     * List the clients that hold an object, by a buffer or by writing it:
     * plasma_list_holders().
     *
     * Clients that hold a deleted object with this id are listed too.
     *
     * @param id    borrowed.
     * @param list  written.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_NOT_FOUND  there is no such object, and no client
     *                               holds a deleted one
     *
     * Threads: any.   Cost: reads the leases of every client and every object.
     * Since: 0.1
     */
    Status ListHolders(const ObjectID &id, ClientList &list) const noexcept
    {
        plasma_client_list_t *fresh = nullptr;
        const Status status = plasma_list_holders(c(), id.c(), &fresh);
        if (status.ok()) {
            list = ClientList(fresh);
        }
        return status;
    }

private:
    /* Each wrapper has the layout of its C type, as is asserted below it. */
    static const plasma_id_t *C(Span<const ObjectID> ids) noexcept
    {
        return reinterpret_cast<const plasma_id_t *>(ids.data());
    }
    static plasma_status_t *C(std::vector<Status> &statuses) noexcept
    {
        return reinterpret_cast<plasma_status_t *>(statuses.data());
    }
    static plasma_buffer_t *C(std::vector<Buffer> &buffers) noexcept
    {
        return reinterpret_cast<plasma_buffer_t *>(buffers.data());
    }
};

}  // namespace plasma

#endif  /* PLASMA_CLIENT_HPP */
