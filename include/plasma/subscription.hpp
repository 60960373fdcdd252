/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The events of a store.
 */

#ifndef PLASMA_SUBSCRIPTION_HPP
#define PLASMA_SUBSCRIPTION_HPP

#include <plasma/arguments.hpp>
#include <plasma/info.hpp>
#include <plasma/status.hpp>

#include <memory>

namespace plasma {

/**
 * A reader of the events of a store, with a position of its own.
 *
 * Lifetime: from Subscribe() to its destructor. May outlive the client, but
 *           then its calls return DISCONNECTED.
 * Threads:  any number at once; each event goes to one of them.
 * Fork:     every call in the child returns FORKED.
 */
class Subscription {
public:
    /** No subscription: each call is INVALID_ARGUMENT. */
    Subscription() noexcept = default;
    /** Takes ownership of a subscription of plasma.h. */
    explicit Subscription(plasma_subscription_t *subscription) noexcept
        : subscription_(subscription)
    {
    }

    /** Whether it has a subscription. */
    explicit operator bool() const noexcept { return subscription_ != nullptr; }

    /**
     * Take the next event, and wait until there is one: plasma_next_event().
     *
     * A subscriber that is too slow gets one PLASMA_EVENT_LOST in place of the
     * events that were overwritten.
     *
     * @param event       written.
     * @param timeout_ms  how long to wait, in milliseconds.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_TIMEOUT       no event in time, also if timeout_ms is
     *                                  kNoWait
     * @retval PLASMA_ERR_DISCONNECTED  the client was disconnected
     *
     * Threads: any.   Cost: no system call if there is an event.   Since: 0.1
     */
    Status Next(Event &event, int64_t timeout_ms = kForever) const noexcept
    {
        return plasma_next_event(subscription_.get(), timeout_ms, &event);
    }

    /**
     * Get a file descriptor, for poll and epoll, that is readable while events
     * wait: plasma_event_fd().
     *
     * Do not read from it: take events with Next() and kNoWait until TIMEOUT.
     * The first call starts one helper thread with all signals blocked.
     *
     * @param fd  written; owned by the library, which closes it when the
     *            subscription ends.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_LIMIT  too many open files or threads
     *
     * Threads: any.   Cost: some system calls in the first call; then
     * negligible.   Since: 0.1
     */
    Status GetFd(int &fd) const noexcept
    {
        return plasma_event_fd(subscription_.get(), &fd);
    }

    /** The handle, for calls of plasma.h. */
    const plasma_subscription_t *c() const noexcept
    {
        return subscription_.get();
    }
    /**
     * Gives up ownership: end the result with plasma_unsubscribe(). It has no
     * subscription afterwards.
     */
    [[nodiscard]] plasma_subscription_t *Detach() noexcept
    {
        return subscription_.release();
    }

private:
    struct Deleter {
        void operator()(plasma_subscription_t *subscription) const noexcept
        {
            plasma_unsubscribe(subscription);
        }
    };
    std::unique_ptr<plasma_subscription_t, Deleter> subscription_{};
};

}  // namespace plasma

#endif  /* PLASMA_SUBSCRIPTION_HPP */
