/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * What calls come to: a Status, or an Error for those who want exceptions.
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
 * What a call came to: PLASMA_OK or a PLASMA_ERR_*, the number of plasma.h.
 *
 * It compares with those: status == PLASMA_ERR_TIMEOUT.
 *
 * Threads: any; a copy each.
 */
class [[nodiscard]] Status {
public:
    /** PLASMA_OK. */
    Status() noexcept = default;
    /** What a call of plasma.h returned. */
    Status(plasma_status_t code) noexcept : code_(code) {}

    /** Whether it is PLASMA_OK. */
    bool ok() const noexcept { return code_ == PLASMA_OK; }
    /** The number. */
    plasma_status_t code() const noexcept { return code_; }
    /** Its name, such as "PLASMA_ERR_NOT_FOUND": plasma_status_name(). */
    const char *name() const noexcept { return plasma_status_name(code_); }

    /**
     * This thread's last failure in words: plasma_error_message(). It is not
     * kept in the status, so ask before the next call.
     */
    static const char *message() noexcept { return plasma_error_message(); }
    /** The errno behind that failure, or 0: plasma_error_errno(). */
    static int error_errno() noexcept { return plasma_error_errno(); }

    /** The same number. */
    friend bool operator==(Status left, Status right) noexcept
    {
        return left.code_ == right.code_;
    }
    /** Another number. */
    friend bool operator!=(Status left, Status right) noexcept
    {
        return left.code_ != right.code_;
    }

private:
    plasma_status_t code_ = PLASMA_OK;
};

#ifdef __cpp_exceptions
/** A failed call, for those who want exceptions; see ThrowOnError(). */
class Error : public std::runtime_error {
public:
    /** A failure of this thread's last call, whose message it takes. */
    explicit Error(Status status)
        : std::runtime_error(std::string(status.name()) + ": " +
                             Status::message()),
          status_(status)
    {
    }

    /** What the call came to. */
    Status status() const noexcept { return status_; }

private:
    Status status_;
};

/**
 * Throw an Error unless a call went well.
 *
 * For programs that prefer exceptions, around any call that returns a Status:
 *
 *     plasma::ThrowOnError(client.GetObject(id, buffer));
 *
 * Only where the compiler has exceptions; nothing else in plasma.hpp throws.
 *
 * @param status  of the call just made in this thread, whose message it takes.
 */
inline void ThrowOnError(Status status)
{
    if (!status.ok()) {
        throw Error(status);
    }
}
#endif

/* Arrays of these are passed to C as arrays of what they hold. */
static_assert(sizeof(Status) == sizeof(plasma_status_t) &&
              std::is_standard_layout_v<Status>);

}  // namespace plasma

#endif  /* PLASMA_STATUS_HPP */
