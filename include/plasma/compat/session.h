/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * One connection, and the objects that it uses. Only for client.h.
 */

#ifndef PLASMA_COMPAT_SESSION_H
#define PLASMA_COMPAT_SESSION_H

#include <plasma/compat/address.h>
#include <plasma/compat/notifications.h>
#include <plasma/compat/objects.h>

#include <algorithm>

namespace plasma {
inline namespace for_arrow {
namespace internal {

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(plasma_client_t *client, const Named &named)
        : client_(client), named_(named)
    {
    }
    ~Session() { Close(); }
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;

    /* No other thread may be in a call. Buffers stay valid. */
    void Close()
    {
        subscriptions_.clear();
        std::unordered_map<ObjectID, std::shared_ptr<Entry>> used;
        plasma_client_t *client = nullptr;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (client_ == nullptr) {
                return;
            }
            for (const auto &[id, entry] : used_) {
                if (entry->doomed >= 0) {
                    DeleteIfIs(id, entry->doomed, true);
                }
            }
            for (const auto &[id, created] : doomed_) {
                DeleteIfIs(id, created, true);
            }
            used.swap(used_);
            std::swap(client, client_);
        }
        used.clear();
        plasma_disconnect(client);
    }

    plasma_client_t *c() const { return client_; }
    const Named &named() const { return named_; }
    std::shared_ptr<Leases> leases() const { return leases_; }
    void Keep(std::unique_ptr<Notifications> subscription)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        subscriptions_.push_back(std::move(subscription));
    }

    /* The entry of an object that the client uses, or null. */
    std::shared_ptr<Entry> Find(const ObjectID &id) const
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = used_.find(id);
        return found == used_.end() ? nullptr : found->second;
    }

    /* Begin to use an object that was created. */
    void AddWriter(const ObjectID &id, std::shared_ptr<Writer> writer)
    {
        auto entry = std::make_shared<Entry>();
        // Seal() or Abort() ends one of the two, Release() the other.
        entry->references = 2;
        entry->writer = std::move(writer);
        entry->sealed = false;
        const std::lock_guard<std::mutex> lock(mutex_);
        used_[id] = std::move(entry);
    }

    /* A reference to an object, until Drop(); null keeps no lease. */
    std::shared_ptr<Entry> Refer(const ObjectID &id,
                                 std::shared_ptr<Lease> kept)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        std::shared_ptr<Entry> &entry = used_[id];
        if (!entry) {
            entry = std::make_shared<Entry>();
        }
        entry->references++;
        if (kept) {
            entry->kept.push_back(std::move(kept));
        }
        return entry;
    }

    /* End a reference. */
    void Drop(const ObjectID &id, const std::shared_ptr<Entry> &entry)
    {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (--entry->references > 0) {
                return;
            }
            const auto found = used_.find(id);
            if (found != used_.end() && found->second == entry) {
                used_.erase(found);
            }
        }
        entry->kept.clear();
        entry->writer.reset();
        const std::lock_guard<std::mutex> lock(mutex_);
        if (entry->doomed >= 0 && client_ != nullptr) {
            DeleteIfIs(id, entry->doomed, false);
        }
    }

    arrow::Status Seal(const ObjectID &id)
    {
        const std::shared_ptr<Entry> entry = Find(id);
        if (!entry) {
            return MakePlasmaError(
                PlasmaErrorCode::PlasmaObjectNotFound,
                "Seal() called on an object without a reference to it");
        }
        if (const arrow::Status status = SealEntry(id, *entry); !status.ok()) {
            return status;
        }
        Drop(id, entry);
        return arrow::Status::OK();
    }

    arrow::Status Abort(const ObjectID &id)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = used_.find(id);
        if (found == used_.end()) {
            return NotThere();
        }
        const std::shared_ptr<Entry> entry = found->second;
        if (entry->sealed) {
            return AlreadySealed("Abort");
        }
        if (entry->references > 1) {
            return arrow::Status::Invalid(
                "Abort() called on an object before Release()");
        }
        const plasma_status_t status = plasma_abort(entry->writer->c());
        if (status != PLASMA_OK) {
            return StatusOf(status);
        }
        used_.erase(found);
        return arrow::Status::OK();
    }

    arrow::Status Release(const ObjectID &id)
    {
        const std::shared_ptr<Entry> entry = Find(id);
        if (!entry) {
            return MakePlasmaError(
                PlasmaErrorCode::PlasmaObjectNotFound,
                "Release() called on an object without a reference to it");
        }
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!entry->sealed && entry->references == 1) {
                return arrow::Status::Invalid(
                    "Release() called twice on an object that is not sealed");
            }
        }
        Drop(id, entry);
        return arrow::Status::OK();
    }

    /* An object that is held is deleted after its last release. */
    arrow::Status Delete(const ObjectID &id)
    {
        plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
        plasma_status_t status = plasma_object_info(client_, C(&id), &info);
        if (status == PLASMA_OK) {
            const std::lock_guard<std::mutex> lock(mutex_);
            const auto found = used_.find(id);
            if (found != used_.end()) {
                found->second->doomed = info.create_time_us;
            } else {
                status = DeleteKnown(id, info, false);
            }
        }
        return StatusOf(status == PLASMA_ERR_NOT_FOUND ? PLASMA_OK : status);
    }

    /* Delete some of the objects that other clients held before. */
    void RetryDeletes()
    {
        constexpr size_t kMost = 8;
        const std::lock_guard<std::mutex> lock(mutex_);
        for (size_t left = std::min(kMost, turns_.size()); left > 0; left--) {
            const ObjectID id = turns_.front();
            turns_.pop_front();
            const auto doomed = doomed_.find(id);
            const int64_t created = doomed->second;
            doomed_.erase(doomed);
            DeleteIfIs(id, created, false);
        }
    }

private:
    static arrow::Status AlreadySealed(const char *call)
    {
        return MakePlasmaError(PlasmaErrorCode::PlasmaObjectAlreadySealed,
                               std::string(call) +
                                   "() called on an already sealed object");
    }

    arrow::Status SealEntry(const ObjectID &id, Entry &entry)
    {
        auto lease = std::make_shared<Lease>(leases_, id);
        const std::lock_guard<std::mutex> lock(mutex_);
        if (entry.sealed) {
            return AlreadySealed("Seal");
        }
        const plasma_status_t status = entry.writer->SealInto(std::move(lease));
        entry.sealed = status == PLASMA_OK;
        return StatusOf(status);
    }

    /* Delete a sealed object: now, or in a later call if another client holds
     * it. Under the mutex. */
    plasma_status_t DeleteKnown(const ObjectID &id,
                                const plasma_object_info_t &info,
                                bool also_held)
    {
        if (info.state != PLASMA_STATE_SEALED) {
            return PLASMA_OK;
        }
        if (also_held || info.lease_count <= leases_->Count(id)) {
            return plasma_delete(client_, C(&id));
        }
        if (doomed_.insert_or_assign(id, info.create_time_us).second) {
            turns_.push_back(id);
        }
        return PLASMA_OK;
    }

    /* The same if it is the object that was created at a time. */
    void DeleteIfIs(const ObjectID &id, int64_t created, bool also_held)
    {
        plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
        if (plasma_object_info(client_, C(&id), &info) == PLASMA_OK &&
            info.create_time_us == created) {
            DeleteKnown(id, info, also_held);
        }
    }

    mutable std::mutex mutex_{};
    plasma_client_t *client_;
    const Named named_;
    const std::shared_ptr<Leases> leases_ = std::make_shared<Leases>();
    std::unordered_map<ObjectID, std::shared_ptr<Entry>> used_{};
    /* Objects that are deleted when other clients have released them, with
     * their times of creation, and in which order to try. */
    std::unordered_map<ObjectID, int64_t> doomed_{};
    std::deque<ObjectID> turns_{};
    std::vector<std::unique_ptr<Notifications>> subscriptions_{};
};

/* The buffers of one Get() share this: the object is in use until the last of
 * them is gone. */
class Reference {
public:
    Reference(std::shared_ptr<Session> session, const ObjectID &id,
              std::shared_ptr<Lease> lease)
        : session_(std::move(session)), id_(id), lease_(std::move(lease)),
          entry_(session_->Refer(id_, nullptr))
    {
    }
    ~Reference() { session_->Drop(id_, entry_); }
    Reference(const Reference &) = delete;
    Reference &operator=(const Reference &) = delete;

private:
    std::shared_ptr<Session> session_;
    ObjectID id_;
    std::shared_ptr<Lease> lease_;
    std::shared_ptr<Entry> entry_;
};

}  // namespace internal
}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_COMPAT_SESSION_H */
