/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * A client for C++ programs that were written for Arrow's Plasma.
 *
 * It has the calls of the PlasmaClient that Arrow had up to version 11, over
 * plasma.h and the Buffer and Status of any later Arrow. Programs compile as
 * they are and link with -lplasma -larrow. New programs use plasma.hpp; both
 * may be in one program, but not in one source file.
 *
 * Example
 * -------
 *
 *     // c++ -std=c++20 hello.cpp -lplasma -larrow; a name is the argument
 *     #include <plasma/client.h>
 *     #include <cstdio>
 *     #include <cstring>
 *
 *     static Status Hello(const std::string &store)
 *     {
 *         plasma::PlasmaClient client;
 *         const auto id = plasma::ObjectID::from_binary("hello");
 *         std::shared_ptr<Buffer> data;
 *         std::vector<plasma::ObjectBuffer> got;
 *
 *         ARROW_RETURN_NOT_OK(client.Connect(store));
 *         ARROW_RETURN_NOT_OK(client.Create(id, 6, nullptr, 0, &data));
 *         std::memcpy(data->mutable_data(), "hello", 6);
 *         ARROW_RETURN_NOT_OK(client.Seal(id));
 *         ARROW_RETURN_NOT_OK(client.Get({id}, -1, &got));
 *         std::printf("%s\n", got[0].data->ToString().c_str());
 *         return client.Release(id);
 *     }
 *
 *     int main(int, char **argv)
 *     {
 *         return Hello(argv[1]).ok() ? 0 : 1;
 *     }
 *
 * Caveats
 * -------
 *
 * Addresses. A store is named by its address, or by the path that plasma_store
 * -s was given. Clients in Python, of plasma.compat.pyarrow, see the same
 * metadata.
 *
 * Differences. There is no memory of GPUs, and no quota. Buffers stay readable
 * after Release(), Disconnect() and the end of the store. A full store evicts
 * only as much as a new object needs. An object that a client deletes while
 * others hold it goes in a later call of that client, at the latest in
 * Disconnect(). Hash() gives other digests. Include this header rather than
 * declare its classes.
 *
 * Threads. Any number may use a client at once, but not while it is connected
 * or disconnected.
 */

#ifndef PLASMA_CLIENT_H
#define PLASMA_CLIENT_H

#include <plasma/common.h>
#include <plasma/compat/digest.h>
#include <plasma/compat/get.h>
#include <plasma/compat/session.h>
#include <plasma/compat/store.h>

using arrow::Buffer;
using arrow::Status;

namespace plasma {
inline namespace for_arrow {

/** The buffers of an object; null if it was not there in time. */
struct ObjectBuffer {
    /** Its data. */
    std::shared_ptr<Buffer> data;
    /** Its metadata. */
    std::shared_ptr<Buffer> metadata;
    /** Always 0: host memory. */
    int device_num = 0;
};

/** A client of a store. Copies share its connection. */
class PlasmaClient {
public:
    /** Connect to a store; try again `num_retries` times, 100 ms apart. */
    Status Connect(const std::string &store_socket_name,
                   const std::string &manager_socket_name = "",
                   int release_delay = 0, int num_retries = -1)
    {
        (void)release_delay;
        if (!manager_socket_name.empty()) {
            return Status::Invalid("there is no manager");
        }
        ARROW_RETURN_NOT_OK(Disconnect());
        plasma_client_t *client = nullptr;
        internal::Named named;
        ARROW_RETURN_NOT_OK(internal::Open(store_socket_name, num_retries,
                                           &client, &named));
        if (named.spills) {
            plasma_disconnect(client);
            return Status::NotImplemented(
                "a store of plasma_store -e, in C++");
        }
        impl_->session = std::make_shared<internal::Session>(client, named);
        return Status::OK();
    }
    /** Name the client in DebugString(); quotas are not implemented. */
    Status SetClientOptions(const std::string &client_name,
                            int64_t output_memory_quota)
    {
        if (output_memory_quota > 0) {
            return Status::NotImplemented("quotas of memory");
        }
        impl_->name = client_name;
        return Status::OK();
    }
    /** Leave the store. Unsealed objects are aborted; buffers stay valid. */
    Status Disconnect()
    {
        if (impl_->session) {
            impl_->session->Close();
            impl_->session.reset();
        }
        return Status::OK();
    }

    /**
     * Create an object, to be written, then sealed or aborted, and released.
     * If not `evict_if_full`, a full store is PlasmaStoreFull.
     */
    Status Create(const ObjectID &object_id, int64_t data_size,
                  const uint8_t *metadata, int64_t metadata_size,
                  std::shared_ptr<Buffer> *data, int device_num = 0,
                  bool evict_if_full = true)
    {
        ARROW_RETURN_NOT_OK(Ready());
        if (device_num != 0) {
            return Status::NotImplemented("memory of GPUs");
        }
        if (data_size < 0 || metadata_size < 0) {
            return Status::Invalid("a size is negative");
        }
        const auto size = static_cast<uint64_t>(data_size);
        const internal::BlobPlan plan(metadata,
                                      static_cast<uint64_t>(metadata_size));
        ARROW_RETURN_NOT_OK(MayEvict(size + plan.tail(), evict_if_full));
        auto writer = std::make_shared<internal::Writer>();
        ARROW_RETURN_NOT_OK(internal::StatusOf(
            plasma_create(c(), internal::C(&object_id), size + plan.tail(),
                          plan.options(), writer->c())));
        plan.CopyTail(writer->c()->data + size);
        *data = std::make_shared<internal::WriteBuffer>(data_size, writer);
        impl_->session->AddWriter(object_id, std::move(writer));
        return Status::OK();
    }
    /** Create a sealed object. */
    Status CreateAndSeal(const ObjectID &object_id, const std::string &data,
                         const std::string &metadata,
                         bool evict_if_full = true)
    {
        return CreateAndSealBatch({object_id}, {data}, {metadata},
                                  evict_if_full);
    }
    /** Create many sealed objects: all, or none if one fails. */
    Status CreateAndSealBatch(const std::vector<ObjectID> &object_ids,
                              const std::vector<std::string> &data,
                              const std::vector<std::string> &metadata,
                              bool evict_if_full = true)
    {
        ARROW_RETURN_NOT_OK(Ready());
        const size_t count = object_ids.size();
        if (data.size() != count || metadata.size() != count) {
            return Status::Invalid("there are more or fewer data than ids");
        }
        std::vector<internal::Writer> writers(count);
        for (size_t at = 0; at < count; at++) {
            ARROW_RETURN_NOT_OK(
                MayEvict(data[at].size() + metadata[at].size(), evict_if_full));
            ARROW_RETURN_NOT_OK(internal::StatusOf(
                internal::Fill(*impl_->session, object_ids[at], data[at],
                               metadata[at], &writers[at])));
        }
        for (internal::Writer &writer : writers) {
            ARROW_RETURN_NOT_OK(internal::StatusOf(plasma_seal(writer.c())));
        }
        return Status::OK();
    }
    /** Publish an object that this client created. */
    Status Seal(const ObjectID &object_id)
    {
        ARROW_RETURN_NOT_OK(Ready());
        return impl_->session->Seal(object_id);
    }
    /** Discard an object that is not sealed; Release() it first. */
    Status Abort(const ObjectID &object_id)
    {
        ARROW_RETURN_NOT_OK(Ready());
        return impl_->session->Abort(object_id);
    }

    /**
     * Get objects, and wait until they are sealed or the time is over; -1 waits
     * forever. Each is in use until its buffers are gone.
     */
    Status Get(const std::vector<ObjectID> &object_ids, int64_t timeout_ms,
               std::vector<ObjectBuffer> *object_buffers)
    {
        internal::LeaseList leases;
        ARROW_RETURN_NOT_OK(
            Leases(object_ids.data(), object_ids.size(), timeout_ms, &leases));
        object_buffers->assign(leases.size(), ObjectBuffer());
        for (size_t at = 0; at < leases.size(); at++) {
            if (leases[at]) {
                const auto keeper = std::make_shared<internal::Reference>(
                    impl_->session, object_ids[at], leases[at]);
                internal::FillBuffers(*leases[at], keeper,
                                      &(*object_buffers)[at]);
            }
        }
        return Status::OK();
    }
    /** The same; each that was there is in use until Release(). */
    Status Get(const ObjectID *object_ids, int64_t num_objects,
               int64_t timeout_ms, ObjectBuffer *object_buffers)
    {
        internal::LeaseList leases;
        const auto count =
            static_cast<size_t>(std::max<int64_t>(0, num_objects));
        ARROW_RETURN_NOT_OK(Leases(object_ids, count, timeout_ms, &leases));
        for (size_t at = 0; at < count; at++) {
            object_buffers[at] = ObjectBuffer();
            if (leases[at]) {
                internal::FillBuffers(*leases[at], leases[at],
                                      &object_buffers[at]);
                impl_->session->Refer(object_ids[at], leases[at]);
            }
        }
        return Status::OK();
    }
    /** End one use of an object, of Create() or the second Get(). */
    Status Release(const ObjectID &object_id)
    {
        return impl_->session ? impl_->session->Release(object_id)
                              : Status::OK();
    }
    /** Whether an object is sealed, or this client is writing it. */
    Status Contains(const ObjectID &object_id, bool *has_object)
    {
        ARROW_RETURN_NOT_OK(Ready());
        plasma_state_t state = PLASMA_STATE_ABSENT;
        ARROW_RETURN_NOT_OK(internal::StatusOf(
            plasma_contains(c(), internal::C(&object_id), &state)));
        *has_object = state == PLASMA_STATE_SEALED ||
                      (state == PLASMA_STATE_WRITING && IsInUse(object_id));
        return Status::OK();
    }
    /** Whether this client uses an object. */
    bool IsInUse(const ObjectID &object_id) const
    {
        return impl_->session && impl_->session->Find(object_id) != nullptr;
    }

    /** Delete an object, or after its last release; none is no error. */
    Status Delete(const ObjectID &object_id)
    {
        return Delete(std::vector<ObjectID>{object_id});
    }
    /** Delete objects. */
    Status Delete(const std::vector<ObjectID> &object_ids)
    {
        ARROW_RETURN_NOT_OK(Ready());
        for (const ObjectID &object_id : object_ids) {
            ARROW_RETURN_NOT_OK(impl_->session->Delete(object_id));
        }
        return Status::OK();
    }
    /** Evict at least num_bytes bytes, if as many are not held. */
    Status Evict(int64_t num_bytes, int64_t &num_bytes_evicted)
    {
        ARROW_RETURN_NOT_OK(Ready());
        return internal::Evict(c(), num_bytes, &num_bytes_evicted);
    }
    /** Let objects be the last to be evicted. */
    Status Refresh(const std::vector<ObjectID> &object_ids)
    {
        internal::LeaseList leases;
        return Leases(object_ids.data(), object_ids.size(), 0, &leases);
    }
    /** List the objects of the store. */
    Status List(ObjectTable *objects)
    {
        ARROW_RETURN_NOT_OK(Ready());
        return internal::List(c(), objects);
    }
    /** Get a digest, kDigestSize bytes, of data and metadata. */
    Status Hash(const ObjectID &object_id, uint8_t *digest)
    {
        internal::LeaseList leases;
        ARROW_RETURN_NOT_OK(Leases(&object_id, 1, 0, &leases));
        if (!leases[0]) {
            return internal::NotThere();
        }
        internal::DigestOf(leases[0]->buffer(), digest);
        return Status::OK();
    }

    /**
     * Get a descriptor, to be closed by the caller, from which notifications
     * can be read: first of all sealed objects, then of each change.
     */
    Status Subscribe(int *fd)
    {
        ARROW_RETURN_NOT_OK(Ready());
        std::unique_ptr<internal::Notifications> subscription;
        ARROW_RETURN_NOT_OK(
            internal::Notifications::Start(c(), fd, &subscription));
        impl_->session->Keep(std::move(subscription));
        return Status::OK();
    }
    /** Wait for the next one; after a delete both sizes are -1. */
    Status GetNotification(int fd, ObjectID *object_id, int64_t *data_size,
                           int64_t *metadata_size)
    {
        uint64_t length = 0;
        uint8_t message[internal::kObjectSize];
        if (!internal::ReadWhole(fd, &length, sizeof length) ||
            length != sizeof message ||
            !internal::ReadWhole(fd, message, sizeof message)) {
            return Status::IOError("there are no more notifications");
        }
        internal::Decode(message, object_id, data_size, metadata_size);
        return Status::OK();
    }
    /** Append the facts in one message, without its length. */
    Status DecodeNotifications(const uint8_t *buffer,
                               std::vector<ObjectID> *object_ids,
                               std::vector<int64_t> *data_sizes,
                               std::vector<int64_t> *metadata_sizes)
    {
        ObjectID object_id;
        int64_t data_size = 0, metadata_size = 0;
        internal::Decode(buffer, &object_id, &data_size, &metadata_size);
        object_ids->push_back(object_id);
        data_sizes->push_back(data_size);
        metadata_sizes->push_back(metadata_size);
        return Status::OK();
    }

    /** The state of the store in lines of text. */
    std::string DebugString()
    {
        plasma_stats_t stats = PLASMA_STATS_INIT;
        if (!Ready().ok() || plasma_stats(c(), &stats) != PLASMA_OK) {
            return "not connected\n";
        }
        return "allocated bytes: " + std::to_string(stats.used) +
               "\nallocation limit: " + std::to_string(store_capacity()) +
               "\nobjects: " + std::to_string(stats.objects_sealed) +
               " sealed, " + std::to_string(stats.objects_writing) +
               " being written\nclients: " + std::to_string(stats.clients) +
               "\nclient name: " + impl_->name +
               "\nquota of this client: 0\n";
    }
    /** The capacity that was asked for when the store was made. */
    int64_t store_capacity()
    {
        plasma_stats_t stats = PLASMA_STATS_INIT;
        if (!Ready().ok()) {
            return 0;
        }
        if (impl_->session->named().capacity > 0) {
            return impl_->session->named().capacity;
        }
        const plasma_status_t status = plasma_stats(c(), &stats);
        return status == PLASMA_OK ? static_cast<int64_t>(stats.capacity) : 0;
    }

private:
    struct Impl {
        std::shared_ptr<internal::Session> session{};
        std::string name{};
    };

    plasma_client_t *c() const { return impl_->session->c(); }
    Status Ready() const
    {
        if (!impl_->session) {
            return Status::IOError("the client is not connected");
        }
        impl_->session->RetryDeletes();
        return Status::OK();
    }
    Status MayEvict(uint64_t size, bool evict_if_full) const
    {
        if (evict_if_full || internal::HasRoom(c(), size)) {
            return Status::OK();
        }
        return MakePlasmaError(PlasmaErrorCode::PlasmaStoreFull,
                               "object does not fit in the plasma store");
    }
    Status Leases(const ObjectID *object_ids, size_t count, int64_t timeout_ms,
                  internal::LeaseList *leases) const
    {
        ARROW_RETURN_NOT_OK(Ready());
        return internal::GetLeases(*impl_->session, object_ids, count,
                                   timeout_ms, leases);
    }

    std::shared_ptr<Impl> impl_ = std::make_shared<Impl>();
};

}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_CLIENT_H */
