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
 * A private position in the events of a store.
 *
 * Lifetime: from Subscribe() to its end. May outlive the client, but then its
 *           calls return DISCONNECTED.
 * Threads:  any number at once; each event goes to one of them.
 * Fork:     calls in the child return FORKED.
 */
class Subscription {
public:
    /** To nothing: each call is INVALID_ARGUMENT. */
    Subscription() noexcept = default;
    /** Takes over a subscription of plasma.h. */
    explicit Subscription(plasma_subscription_t *subscription) noexcept
        : subscription_(subscription)
    {
    }

    /** Whether there is one. */
    explicit operator bool() const noexcept { return subscription_ != nullptr; }

    /**
     * Take the next event, waiting for it if need be: plasma_next_event().
     *
     * Who is too slow gets one PLASMA_EVENT_LOST for those that are gone.
     *
     * @param event       written.
     * @param timeout_ms  how long to wait.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_TIMEOUT       no event in time, also with kNoWait
     * @retval PLASMA_ERR_DISCONNECTED  the client was disconnected
     *
     * Threads: any.   Cost: no system call if there is one.   Since: 0.1
     */
    Status Next(Event &event, int64_t timeout_ms = kForever) const noexcept
    {
        return plasma_next_event(subscription_.get(), timeout_ms, &event);
    }

    /**
     * A file descriptor that is readable while events wait, for poll and epoll:
     * plasma_event_fd().
     *
     * Do not read from it: take events with Next() and kNoWait until TIMEOUT.
     * The first call starts one helper thread, all signals blocked.
     *
     * @param fd  written; the library's, closed when the subscription ends.
     *
     * @retval PLASMA_OK
     * @retval PLASMA_ERR_LIMIT  too many open files or threads
     *
     * Threads: any.   Cost: none, but for the first call: some system calls.
     * Since: 0.1
     */
    Status GetFd(int &fd) const noexcept
    {
        return plasma_event_fd(subscription_.get(), &fd);
    }

    /** Lent to calls of plasma.h. */
    const plasma_subscription_t *c() const noexcept
    {
        return subscription_.get();
    }
    /** Handed over: end it with plasma_unsubscribe(). There is none then. */
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
