/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The assertions of the C tests. A failure prints its line and ends the
 * process, also from a thread.
 */

#ifndef EXPECT_H
#define EXPECT_H

#include <inttypes.h>
#include <plasma.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            check_failed(__FILE__, __LINE__, #condition, "is false");         \
        }                                                                     \
    } while (0)

/** Two integers are equal. */
#define CHECK_EQ(left, right)                                                 \
    do {                                                                      \
        int64_t left_ = (int64_t)(left), right_ = (int64_t)(right);           \
        if (left_ != right_) {                                                \
            char text_[80];                                                   \
            snprintf(text_, sizeof text_, "%" PRId64 " is not %" PRId64,      \
                     left_, right_);                                          \
            check_failed(__FILE__, __LINE__, #left " == " #right, text_);     \
        }                                                                     \
    } while (0)

/** Two texts are equal. */
#define CHECK_TEXT(left, right)                                               \
    do {                                                                      \
        const char *left_ = (left), *right_ = (right);                        \
        if (strcmp(left_, right_) != 0) {                                     \
            check_failed(__FILE__, __LINE__, #left " == " #right, left_);     \
        }                                                                     \
    } while (0)

/** A call returns this status. */
#define CHECK_STATUS(call, expected)                                          \
    check_status(__FILE__, __LINE__, #call, (call), (expected))

/** A call succeeds. */
#define CHECK_OK(call) CHECK_STATUS(call, PLASMA_OK)

static inline void check_failed(const char *file, int line, const char *what,
                                const char *why)
{
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, why);
    fflush(stderr);
    _exit(1);
}

static inline void check_status(const char *file, int line, const char *call,
                                plasma_status_t status, plasma_status_t expected)
{
    if (status != expected) {
        fprintf(stderr, "%s:%d: %s: is %s, not %s", file, line, call,
                plasma_status_name(status), plasma_status_name(expected));
        if (status != PLASMA_OK) {
            fprintf(stderr, " (%s)", plasma_error_message());
        }
        fputc('\n', stderr);
        fflush(stderr);
        _exit(1);
    }
}

#endif /* EXPECT_H */
