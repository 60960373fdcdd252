/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Notifications: the events of a store as messages in a socket, as in Python,
 * in plasma.compat.pyarrow. Only for client.h.
 *
 * A thread moves them, because a program may read none for a long time, and a
 * store keeps only the latest events. A message is its length in 8 bytes, the
 * id, and the bytes of data and metadata in 8 bytes each, -1 after a delete.
 */

#ifndef PLASMA_COMPAT_NOTIFICATIONS_H
#define PLASMA_COMPAT_NOTIFICATIONS_H

#include <plasma/compat/blobs.h>

#include <cerrno>
#include <csignal>
#include <deque>
#include <exception>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <unordered_set>

namespace plasma {
inline namespace for_arrow {
namespace internal {

constexpr size_t kObjectSize = 20 + 8 + 8;

struct Message {
    uint8_t bytes[8 + kObjectSize];
};

inline Message MessageOf(const ObjectID &id, Sizes sizes)
{
    Message message;
    const uint64_t length = kObjectSize;
    std::memcpy(message.bytes, &length, 8);
    std::memcpy(message.bytes + 8, id.data(), 20);
    std::memcpy(message.bytes + 28, &sizes.data, 8);
    std::memcpy(message.bytes + 36, &sizes.metadata, 8);
    return message;
}

/* Read the fields of a message without its length. */
inline void Decode(const uint8_t *message, ObjectID *id, int64_t *size,
                   int64_t *metadata_size)
{
    std::memcpy(id->mutable_data(), message, 20);
    std::memcpy(size, message + 20, 8);
    std::memcpy(metadata_size, message + 28, 8);
}

/* Read size bytes; false at the end. */
inline bool ReadWhole(int fd, void *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t got = read(fd, static_cast<char *>(to) + done,
                                 size - done);
        if (got > 0) {
            done += static_cast<size_t>(got);
        } else if (got == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* One subscription. Stop it before the client disconnects. */
class Notifications {
public:
    /* Sealed objects that are there come first. The caller owns fd. */
    static arrow::Status Start(const plasma_client_t *client, int *fd,
                               std::unique_ptr<Notifications> *started)
    {
        std::unique_ptr<Notifications> made(new Notifications(client));
        plasma_status_t status =
            plasma_subscribe(client, &made->subscription_);
        if (status == PLASMA_OK) {
            status = plasma_event_fd(made->subscription_, &made->events_);
        }
        if (status == PLASMA_OK) {
            status = made->Announce();
        }
        if (status != PLASMA_OK) {
            return StatusOf(status);
        }
        int ends[2];
        made->stop_ = eventfd(0, EFD_CLOEXEC);
        if (made->stop_ < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            return arrow::Status::IOError("Subscribe: ", std::strerror(errno));
        }
        made->end_ = ends[0];
        made->Spawn();
        *fd = ends[1];
        *started = std::move(made);
        return arrow::Status::OK();
    }
    ~Notifications()
    {
        if (process_ != getpid()) {  // The thread is not in a child.
            if (thread_.joinable()) {
                thread_.detach();
            }
        } else {
            const uint64_t one = 1;
            if (thread_.joinable() &&
                write(stop_, &one, sizeof one) == sizeof one) {
                thread_.join();
            }
            plasma_unsubscribe(subscription_);
        }
        close(end_);
        close(stop_);
    }
    Notifications(const Notifications &) = delete;
    Notifications &operator=(const Notifications &) = delete;

private:
    explicit Notifications(const plasma_client_t *client) : client_(client) {}

    /* Signals stay with the threads of the program. */
    void Spawn()
    {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            thread_ = std::thread([this] { Run(); });
        } catch (...) {
            pthread_sigmask(SIG_SETMASK, &before, nullptr);
            throw;
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    plasma_status_t Announce()
    {
        plasma_list_t *list = nullptr;
        const plasma_status_t status = plasma_list(client_, &list);
        const uint64_t count = plasma_list_count(list);
        for (uint64_t at = 0; at < count; at++) {
            plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
            if (plasma_list_at(list, at, &info) == PLASMA_OK &&
                info.state == PLASMA_STATE_SEALED) {
                told_.insert(IdOf(info.id));
                Tell(info.id, info.data_size, info.metadata_size);
            }
        }
        plasma_list_free(list);
        return status;
    }
    void Tell(const plasma_id_t &id, uint64_t size, uint64_t metadata_size)
    {
        queue_.push_back(
            MessageOf(IdOf(id), SizesOf(client_, id, size, metadata_size)));
    }
    void Take(const plasma_event_t &event)
    {
        switch (event.type) {
        case PLASMA_EVENT_SEALED:
            if (told_.erase(IdOf(event.id)) == 0) {
                Tell(event.id, event.data_size, event.metadata_size);
            }
            break;
        case PLASMA_EVENT_DELETED:
        case PLASMA_EVENT_EVICTED:
            told_.erase(IdOf(event.id));
            queue_.push_back(MessageOf(IdOf(event.id), {-1, -1}));
            break;
        case PLASMA_EVENT_LOST:
            Announce();
            break;
        default:
            break;
        }
    }

    void Run()
    {
        try {
            while (Step()) {
            }
        } catch (const std::exception &) {
            // No memory for the queue: the reader sees the end.
        }
        shutdown(end_, SHUT_RDWR);
    }
    /* Move the messages that wait; false at the end. */
    bool Step()
    {
        pollfd fds[] = {
            {stop_, POLLIN, 0},
            {end_, static_cast<short>(queue_.empty() ? 0 : POLLOUT), 0},
            {gone_ ? -1 : events_, POLLIN, 0},
        };
        if (poll(fds, 3, -1) < 0) {
            return errno == EINTR;
        }
        if (fds[0].revents != 0 || (fds[1].revents & (POLLHUP | POLLERR))) {
            return false;
        }
        if (fds[2].revents != 0) {
            plasma_event_t event = PLASMA_EVENT_INIT;
            plasma_status_t status;
            while ((status = plasma_next_event(subscription_, 0, &event)) ==
                   PLASMA_OK) {
                Take(event);
            }
            gone_ = status != PLASMA_ERR_TIMEOUT;
        }
        return Send() && !(gone_ && queue_.empty());
    }
    /* Send as much as the socket takes; false if its reader closed it. */
    bool Send()
    {
        while (!queue_.empty()) {
            const Message &message = queue_.front();
            const ssize_t sent =
                send(end_, message.bytes + sent_, sizeof message.bytes - sent_,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent < 0) {
                return errno == EAGAIN || errno == EINTR;
            }
            sent_ += static_cast<size_t>(sent);
            if (sent_ == sizeof message.bytes) {
                queue_.pop_front();
                sent_ = 0;
            }
        }
        return true;
    }

    const plasma_client_t *client_;
    const pid_t process_ = getpid();
    plasma_subscription_t *subscription_ = nullptr;
    std::unordered_set<ObjectID> told_{};
    std::deque<Message> queue_{};
    /* Bytes of the first message that were sent. */
    size_t sent_ = 0;
    bool gone_ = false;
    int events_ = -1, end_ = -1, stop_ = -1;
    std::thread thread_{};
};

}  // namespace internal
}  // namespace for_arrow
}  // namespace plasma

#endif  /* PLASMA_COMPAT_NOTIFICATIONS_H */
