/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The results of calls: a Status, or an Error for programs with exceptions.
 */

#ifndef PLASMA_STATUS_HPP
#define PLASMA_STATUS_HPP

#include <plasma/version.hpp>

#include <type_traits>

#ifdef __cpp_exceptions
#include <stdexcept>
#include <string>
#endif

namespace plasma {

/**
 * The result of a call: PLASMA_OK or a PLASMA_ERR_* of plasma.h.
 *
 * It can be compared with those: status == PLASMA_ERR_TIMEOUT.
 *
 * Threads: any; each with its own copy.
 */
class [[nodiscard]] Status {
public:
    /** PLASMA_OK. */
    Status() noexcept = default;
    /** The result of a call of plasma.h. */
    Status(plasma_status_t code) noexcept : code_(code) {}

    /** Whether it is PLASMA_OK. */
    bool ok() const noexcept { return code_ == PLASMA_OK; }
    /** The number. */
    plasma_status_t code() const noexcept { return code_; }
    /** Its name, such as "PLASMA_ERR_NOT_FOUND": plasma_status_name(). */
    const char *name() const noexcept { return plasma_status_name(code_); }

    /**
     * Get the message of the last failed call of this thread:
     * plasma_error_message(). The status does not hold it, so read it before
     * the next call.
     */
    static const char *message() noexcept { return plasma_error_message(); }
    /** Get the errno of that failure, or 0: plasma_error_errno(). */
    static int error_errno() noexcept { return plasma_error_errno(); }

    /** Whether the numbers are equal. */
    friend bool operator==(Status left, Status right) noexcept
    {
        return left.code_ == right.code_;
    }
    /** Whether the numbers differ. */
    friend bool operator!=(Status left, Status right) noexcept
    {
        return left.code_ != right.code_;
    }

private:
    plasma_status_t code_ = PLASMA_OK;
};

#ifdef __cpp_exceptions
/** A failed call as an exception; see ThrowOnError(). */
class Error : public std::runtime_error {
public:
    /** Takes the message of the last failed call of this thread. */
    explicit Error(Status status)
        : std::runtime_error(std::string(status.name()) + ": " +
                             Status::message()),
          status_(status)
    {
    }

    /** The result of the call. */
    Status status() const noexcept { return status_; }

private:
    Status status_;
};

/**
 * Throw an Error if a call failed.
 *
 * For programs that prefer exceptions, around any call that returns a Status:
 *
 *     plasma::ThrowOnError(client.GetObject(id, buffer));
 *
 * Only where the compiler has exceptions; nothing else in plasma.hpp throws.
 *
 * @param status  the result of the last call of this thread, whose message the
 *                Error takes.
 */
inline void ThrowOnError(Status status)
{
    if (!status.ok()) {
        throw Error(status);
    }
}
#endif

/* C takes arrays of these as arrays of its own type. */
static_assert(sizeof(Status) == sizeof(plasma_status_t) &&
              std::is_standard_layout_v<Status>);

}  // namespace plasma

#endif  /* PLASMA_STATUS_HPP */
